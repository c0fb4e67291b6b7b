"""The duty of the site beside an area's switchgear: its sets carry the area's island.

It takes the place of the own backup duty there, since such a site has no protected load of its own.

    GRID       coupled to a healthy utility; market duty is allowed
    AWAY       the coupling is open or the bus is dead: sets run as the center wishes, and go on as
               they are when it falls silent; nothing is started then
    back       coupled again: sets stop one after the other, then GRID
"""

from __future__ import annotations

from gridmuster.gateway.duty import Phase
from gridmuster.gateway.market import MarketDuty
from gridmuster.gateway.station import NEVER_MS, AgentOutput, Station
from gridmuster.gateway.switchgear import Switchgear
from gridmuster.gateway.unit import AUTO, FAULT, LOCKED, Unit
from gridmuster.signals import Order, Purpose, Setpoint
from gridmuster.switching import Contact, Liveness
from gridmuster.units import MS_PER_S

#: Alarm with which the site says that its sets carry the area's island.
ISLAND_DUTY = "island_duty"


class IslandDuty:
    """Runs an area's formers through the utility's absence.

    Args:
        station: the site.
        market: told to leave market duty.
        switchgear: the area's switchgear, already read in each scan.
    """

    __slots__ = (
        "_gear",
        "_healthy_ms",
        "_market",
        "_ordered_ms",
        "_released_ms",
        "_station",
        "phase",
    )

    def __init__(self, station: Station, market: MarketDuty, switchgear: Switchgear) -> None:
        self._station = station
        self._market = market
        self._gear = switchgear
        self._ordered_ms: dict[str, int] = {}
        self._released_ms = -NEVER_MS
        self._healthy_ms = -1
        self.phase = Phase.GRID

    def resume(self) -> None:
        """Take up a duty that a restart interrupted."""
        self.phase = Phase.AWAY
        self._station.local_duty = True
        self._station.set_alarm(ISLAND_DUTY, True)
        for unit in self._station.units:
            unit.counts_hours = False

    def forgive(self, unit: Unit) -> None:
        """A person reset the device; it may be asked again at once."""
        self._ordered_ms.pop(unit.id, None)

    def scan(self, now_ms: int, out: AgentOutput) -> None:
        """Enter, carry on or end the duty.

        Args:
            now_ms: now, ms.
            out: where orders and frames go.
        """
        gear = self._gear
        known = gear.facts(now_ms).known
        coupled = (
            known is not None
            and known.coupling is Contact.CLOSED
            and known.utility is Liveness.LIVE
            and known.bus is Liveness.LIVE
        )
        if self.phase is Phase.GRID:
            parted = known is not None and known.coupling is Contact.OPEN
            dead = known is not None and known.bus is Liveness.DEAD
            if parted or dead:
                self._market.drop_all("left for the area's island", now_ms, out)
                self.resume()
            else:
                gear.scan(now_ms, out)
                return
        gear.scan(now_ms, out)
        if coupled:
            self._healthy_ms = now_ms if self._healthy_ms < 0 else self._healthy_ms
            self._go_back(now_ms, out)
        else:
            self._healthy_ms = -1
            self._released_ms = now_ms
            self._serve(now_ms, out)

    def _serve(self, now_ms: int, out: AgentOutput) -> None:
        wish = self._gear.wish(now_ms)
        if wish is None:
            return
        for unit in self._station.units:
            if unit.generator is None and not unit.limits.store:
                continue
            if unit.id in wish.sets:
                self._start(unit, now_ms, out)
            elif unit.on and (unit.generator is None or not unit.generator.must_run):
                self._give(unit, Setpoint(unit.id, Order.STOP), now_ms, out)

    def _start(self, unit: Unit, now_ms: int, out: AgentOutput) -> None:
        """Start a set, or put a store in service: the bus then asks of it what is needed."""
        if unit.on or unit.id in self._station.config.maintenance or unit.memory.stop_latched:
            return
        if unit.mode == AUTO and unit.state not in (FAULT, LOCKED):
            self._give(unit, Setpoint(unit.id, Order.RUN, 0.0, Purpose.OUTAGE), now_ms, out)

    def _go_back(self, now_ms: int, out: AgentOutput) -> None:
        """Stop one set at a time, so that the utility does not take the load back at a blow."""
        station = self._station
        left = [
            unit
            for unit in station.units
            if unit.on
            and unit.id in self._gear.grid.formers
            and unit.mode == AUTO
            and (unit.generator is None or not unit.generator.must_run)
        ]
        if left:
            if now_ms - self._released_ms >= self._gear.grid.stagger_s * MS_PER_S:
                self._released_ms = now_ms
                station.order(left[0], Setpoint(left[0].id, Order.STOP), now_ms, out)
            return
        for unit in station.units:
            unit.counts_hours = True
            if unit.limits.renewable and unit.target is None and unit.mode == AUTO:
                setpoint = Setpoint(unit.id, Order.RUN, unit.limits.rated_kw)
                station.order(unit, setpoint, now_ms, out)
        station.set_alarm(ISLAND_DUTY, False)
        station.local_duty = False
        self.phase = Phase.GRID
        self._ordered_ms.clear()

    def _give(self, unit: Unit, setpoint: Setpoint, now_ms: int, out: AgentOutput) -> None:
        last_ms = self._ordered_ms.get(unit.id, -NEVER_MS)
        if now_ms - last_ms < self._station.config.resend_s * MS_PER_S:
            return
        self._ordered_ms[unit.id] = now_ms
        self._station.order(unit, setpoint, now_ms, out)
