"""The site's own duty: when the utility goes away it serves its own load at once, by itself.

No message of a center takes part (invariant 1). The phases:

    GRID       the utility feeds the site; market duty is allowed
    AWAY       the utility is lost, or back for less than the return time; sets are started in
               order until enough of them run, the panel transfers when they are ready, a bridge
               or grid-forming store carries the load until then
    back       transferred to the utility again: sets cool down and stop, then GRID
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from gridmuster.gateway.market import MarketDuty
from gridmuster.gateway.station import LOCAL, NEVER_MS, UTILITY, AgentOutput, Station
from gridmuster.gateway.unit import AUTO, FAULT, LOCKED, Unit
from gridmuster.safety.herding import stagger_s
from gridmuster.signals import Order, Purpose, Setpoint
from gridmuster.units import MS_PER_S

#: How long the failure of a backup set stays among the alarms, s.
FAILED_HOLD_S: Final = 3600.0


class Phase(Enum):
    """Whether the site serves itself."""

    GRID = "grid"
    AWAY = "away"


class Failure(Enum):
    """Why a set is left: it says so itself, or it does not react or stops unasked."""

    BROKEN = "broken"
    DEAF = "deaf"


class Try:
    """One attempt to have a set carry the load: when it began and was last asked, ms."""

    __slots__ = ("began_ms", "ordered_ms", "was_on")

    def __init__(self, now_ms: int) -> None:
        self.began_ms = now_ms
        self.ordered_ms = now_ms
        self.was_on = False


class LocalDuty:
    """Serves a site's own load through an outage.

    Args:
        station: the site.
        market: told to leave market duty.
    """

    __slots__ = (
        "_failed",
        "_healthy_ms",
        "_market",
        "_return_ms",
        "_station",
        "_tries",
        "_unloaded_ms",
        "phase",
    )

    def __init__(self, station: Station, market: MarketDuty) -> None:
        self._station = station
        self._market = market
        self.phase = Phase.GRID
        self._failed: dict[str, Failure] = {}
        self._tries: dict[str, Try] = {}
        self._unloaded_ms = -NEVER_MS
        self._healthy_ms = -1
        config = station.config
        wait_s = config.return_after_s + stagger_s(
            station.site.id, config.return_spread_s, salt="return"
        )
        self._return_ms = int(wait_s * MS_PER_S)

    def resume(self) -> None:
        """Take up a duty that a restart interrupted."""
        self.phase = Phase.AWAY
        self._station.local_duty = True
        self._station.set_alarm("local_duty", True)
        for unit in self._station.units:
            unit.counts_hours = False

    def forgive(self, unit: Unit) -> None:
        """A person reset the device; it may be asked again."""
        self._failed.pop(unit.id, None)
        self._tries.pop(unit.id, None)

    def scan(self, now_ms: int, out: AgentOutput) -> None:
        """Enter, carry on or end local duty.

        Args:
            now_ms: now, ms.
            out: where orders and frames go.
        """
        station = self._station
        if station.panel_ms != now_ms:
            # A silent panel is no outage: keep on with what was begun.
            if self.phase is Phase.AWAY:
                self._serve(now_ms, out)
            return
        if self.phase is Phase.GRID:
            if not station.utility_ok or self._found_on_local():
                self._enter(now_ms, out)
            return
        if not station.utility_ok:
            self._healthy_ms = -1
        elif self._healthy_ms < 0:
            self._healthy_ms = now_ms
        if self._healthy_ms >= 0 and now_ms - self._healthy_ms >= self._return_ms:
            self._go_back(now_ms, out)
        else:
            self._serve(now_ms, out)

    def _found_on_local(self) -> bool:
        """On local supply although no market target asks for it: finish as after an outage."""
        station = self._station
        return station.supply == LOCAL and not any(
            unit.target is not None and not unit.limits.parallels for unit in station.units
        )

    def _enter(self, now_ms: int, out: AgentOutput) -> None:
        station = self._station
        self._market.drop_all("left for local duty: the utility is lost", now_ms, out)
        self.resume()
        station.transferred()
        self._healthy_ms = now_ms if station.utility_ok else -1
        self._unloaded_ms = -NEVER_MS
        self._serve(now_ms, out)

    def _serve(self, now_ms: int, out: AgentOutput) -> None:
        station = self._station
        # While the load is dead it measures nothing; its design value says what to start for.
        load_kw = max(station.load_kw, station.site.backup_load_kw)
        self._note_failures(now_ms)
        chosen = self._choose(load_kw, now_ms)
        self._unload(chosen, now_ms, out)
        ready_kw = 0.0
        waiting = False
        for unit in chosen:
            if unit.ready:
                ready_kw += unit.limits.rated_kw
            else:
                waiting = True
                self._start(unit, load_kw, now_ms, out)
        station.set_alarm("no_engine_for_own_load", load_kw > 0.0 and not chosen)
        if station.supply == LOCAL:
            station.transferred()
        elif station.utility_ok:
            if "transfer_to_local" in station.panel_ordered_ms:
                # The utility was back before the panel moved: it is no longer to move.
                station.order_panel("transfer_to_utility", now_ms, out)
        elif load_kw > 0.0:
            # A wish: the panel moves when a source is there, at once for a store or running set.
            able = ready_kw > 0.0 and (ready_kw >= load_kw or not waiting)
            station.order_panel("transfer_to_local", now_ms, out, able=able)

    def _choose(self, load_kw: float, now_ms: int) -> list[Unit]:
        """The sets that shall carry the load: running ones first, then those bought for it."""
        station = self._station
        if load_kw <= 0.0:
            return []
        usable = [
            unit
            for unit in station.units
            if unit.generator is not None
            and unit.generator.grid_forming
            and (unit.id not in self._failed or unit.ready)
            and unit.id not in station.config.maintenance
            and unit.mode == AUTO
            and unit.state not in (FAULT, LOCKED)
            and not unit.memory.stop_latched
        ]
        usable.sort(key=lambda unit: (not unit.on, unit.silence(now_ms), unit.backup_rank))
        chosen: list[Unit] = []
        covered_kw = 0.0
        for unit in usable:
            if covered_kw >= load_kw:
                break
            chosen.append(unit)
            covered_kw += unit.limits.rated_kw
        return chosen

    def _unload(self, chosen: list[Unit], now_ms: int, out: AgentOutput) -> None:
        """Nothing works for the market: other sets stop, inverters give nothing to the line."""
        station = self._station
        first = self._unloaded_ms == -NEVER_MS
        if not first and now_ms - self._unloaded_ms < station.config.resend_s * MS_PER_S:
            return
        self._unloaded_ms = now_ms
        for unit in station.units:
            if unit.mode != AUTO:
                continue
            if not unit.on or unit in chosen:
                continue
            if unit.generator is not None and not unit.generator.must_run:
                station.order(unit, Setpoint(unit.id, Order.STOP), now_ms, out)
            elif first or (abs(unit.power_kw) > unit.tolerance_kw and station.supply != LOCAL):
                # A must-run cell would need hours to come back; its breaker opens by itself.
                station.order(unit, Setpoint(unit.id, Order.RUN, 0.0), now_ms, out)

    def _start(self, unit: Unit, load_kw: float, now_ms: int, out: AgentOutput) -> None:
        """Ask a set to start; ask again after the resend time while it shows no effect."""
        station = self._station
        if station.utility_ok and station.supply == UTILITY:
            return
        tried = self._tries.get(unit.id)
        if tried is None:
            tried = self._tries[unit.id] = Try(now_ms)
        elif (
            unit.on
            or unit.answered_ms != now_ms
            or now_ms - tried.ordered_ms < station.config.resend_s * MS_PER_S
        ):
            return
        tried.ordered_ms = now_ms
        if not unit.on:
            power_kw = min(load_kw, unit.limits.rated_kw)
            setpoint = Setpoint(unit.id, Order.RUN, power_kw, Purpose.OUTAGE)
            station.order(unit, setpoint, now_ms, out)

    def _note_failures(self, now_ms: int) -> None:
        """A set that failed to start, tripped or does not react is left; the next one follows."""
        station = self._station
        for unit in station.units:
            broken = unit.state in (FAULT, LOCKED) or unit.mode != AUTO
            if self._failed.get(unit.id) is Failure.BROKEN and not broken:
                self.forgive(unit)
            tried = self._tries.get(unit.id)
            if tried is None:
                continue
            if unit.on:
                tried.was_on = True
                continue
            waited_s = (now_ms - tried.began_ms) / MS_PER_S
            deaf = tried.was_on or waited_s >= station.config.respond_s
            if broken or deaf:
                self._failed[unit.id] = Failure.BROKEN if broken else Failure.DEAF
                del self._tries[unit.id]
                station.alarm(f"backup_failed:{unit.id}", now_ms, FAILED_HOLD_S)

    def _go_back(self, now_ms: int, out: AgentOutput) -> None:
        station = self._station
        if station.supply == LOCAL:
            station.order_panel("transfer_to_utility", now_ms, out)
            return
        for unit in station.units:
            unit.counts_hours = True
            if unit.mode != AUTO:
                continue
            if unit.generator is not None:
                if unit.on and not unit.generator.must_run:
                    station.order(unit, Setpoint(unit.id, Order.STOP), now_ms, out)
            elif unit.limits.renewable and unit.target is None:
                setpoint = Setpoint(unit.id, Order.RUN, unit.limits.rated_kw)
                station.order(unit, setpoint, now_ms, out)
        station.transferred()
        station.set_alarm("local_duty", False)
        station.set_alarm("no_engine_for_own_load", False)
        station.local_duty = False
        self.phase = Phase.GRID
        self._failed.clear()
        self._tries.clear()
