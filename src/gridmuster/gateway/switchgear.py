"""The switchgear of an area that can island, as the gateway beside it reads and moves it.

It reads breaker, bus, utility and load steps at every scan, and moves towards what the center
wished last: as far as this scan's own measurement allows (`gridmuster.safety.deadline`), and no
further once the wish has expired. Opening needs no wish: when the utility is away the breaker is
asked to open at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from gridmuster.fleet.microgrid import Microgrid
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.station import NEVER_MS, AgentOutput, Station
from gridmuster.gateway.unit import finite
from gridmuster.safety.context import Refused
from gridmuster.safety.deadline import ISLAND_SHARE, LineFacts, allowed_part, liveness
from gridmuster.switching import (
    Contact,
    Liveness,
    StepReading,
    SwitchgearReading,
    Switching,
    Synchroniser,
)
from gridmuster.units import MS_PER_S

Points = Mapping[str, float]

#: The utility must be seen away this long before the coupling is opened, s: longer than a dip
#: that a reclosing line rides through, and the time in which IEEE 1547 wants an island opened.
LOSS_S: Final = 2.0
SYNCHRONISERS: Final = {
    0.0: Synchroniser.OFF,
    1.0: Synchroniser.SEEKING,
    2.0: Synchroniser.BLOCKED,
}


class Switchgear:
    """One area's switchgear.

    Args:
        fleet: the fleet.
        station: the site beside it.
    """

    __slots__ = (
        "_asked_ms",
        "_expires_at_ms",
        "_lost_ms",
        "_opening_ms",
        "_points",
        "_read_ms",
        "_station",
        "_wish",
        "grid",
        "key",
        "reading",
        "refusals",
        "said",
    )

    def __init__(self, fleet: Fleet, station: Station) -> None:
        area, grid = fleet.microgrid_of_site[station.site.id]
        self.grid: Microgrid = grid
        self.key = f"switchgear.{area.id}"
        self.reading = SwitchgearReading(grid.breaker)
        self.refusals: tuple[Refused, ...] = ()
        self._station = station
        self._wish: Switching | None = None
        self._expires_at_ms = -NEVER_MS
        self._points: Points | None = None
        self._read_ms = -1
        self._lost_ms = -1
        self._opening_ms = -1
        self._asked_ms: dict[str, int] = {}
        #: What of the reading makes a report when it changes.
        self.said: tuple[object, ...] = ()

    def observe(self, now_ms: int, points: Points | None) -> bool:
        """Take what it answered; None when it did not.

        Args:
            now_ms: now, ms.
            points: canonical points.

        Returns:
            Whether what is worth a report differs from the scan before.
        """
        if points is not None:
            self._points, self._read_ms = points, now_ms
            self.reading = _reading(self.grid, points)
        elif not self.facts(now_ms).known:
            self.reading = SwitchgearReading(self.grid.breaker)
        said = _worth_saying(self.reading)
        moved, self.said = said != self.said, said
        return moved

    @property
    def rounded(self) -> SwitchgearReading:
        """The reading with its figures to three decimals, as they travel."""
        reading = self.reading
        return structs.replace(
            reading,
            steps=tuple(structs.replace(s, load_kw=_three(s.load_kw)) for s in reading.steps),
            utility_hz=_three(reading.utility_hz),
            bus_hz=_three(reading.bus_hz),
            bus_pu=_three(reading.bus_pu),
        )

    @property
    def settled(self) -> bool:
        """Whether the area is on the utility, all its load with it, and nothing is wished."""
        reading = self.reading
        return (
            reading.coupling is Contact.CLOSED
            and reading.utility is Liveness.LIVE
            and reading.bus is Liveness.LIVE
            and all(step.contact is Contact.CLOSED for step in reading.steps)
            and (self._wish is None or self._read_ms >= self._expires_at_ms)
        )

    def facts(self, now_ms: int) -> LineFacts:
        """What is known now, for the rules of closing."""
        age_s = math.inf if self._read_ms < 0 else (now_ms - self._read_ms) / MS_PER_S
        return LineFacts(self.reading, age_s)

    def take(self, wish: Switching, now_ms: int, expires_at_ms: int) -> tuple[Refused, ...]:
        """Take a center's wish, which counts until it expires.

        Args:
            wish: what is asked.
            now_ms: now, ms.
            expires_at_ms: when it ends, ms.

        Returns:
            What of it is refused now.
        """
        self._wish, self._expires_at_ms = wish, expires_at_ms
        return allowed_part(wish, self.facts(now_ms))[1]

    def wish(self, now_ms: int) -> Switching | None:
        """What a center wishes, None when nothing or no longer."""
        return self._wish if now_ms < self._expires_at_ms else None

    def scan(self, now_ms: int, out: AgentOutput) -> None:
        """Move towards the wish as far as this scan's measurement allows.

        Args:
            now_ms: now, ms.
            out: where orders go.
        """
        wish = self.wish(now_ms)
        if self._read_ms != now_ms:
            # Nothing was measured in this scan, so nothing is closed; what permits is taken back.
            self._order("permit_former", 0.0, now_ms, out)
            self._order("synchronise", 0.0, now_ms, out)
            return
        self._open_when_lost(wish, now_ms, out)
        part = Switching()
        self.refusals = ()
        if wish is not None:
            part, self.refusals = allowed_part(wish, self.facts(now_ms))
        formers = self.grid.formers
        number = formers.index(part.former) + 1 if part.former in formers else 0
        shown = 0.0 if self._points is None else self._points.get("permitted", -1.0)
        if shown != number:
            self._order("permit_former", float(number), now_ms, out)
        seeking = self.reading.synchroniser in (Synchroniser.SEEKING, Synchroniser.BLOCKED)
        if seeking is not part.resynchronise:
            self._order("synchronise", float(part.resynchronise), now_ms, out)
        if wish is not None:
            self._move_steps(part, now_ms, out)

    def _open_when_lost(self, wish: Switching | None, now_ms: int, out: AgentOutput) -> None:
        """Open the coupling when the utility is away for good, or away and that is wished."""
        lost = self.reading.utility is Liveness.DEAD
        if not lost:
            self._lost_ms = -1
        elif self._lost_ms < 0:
            self._lost_ms = now_ms
        away = self.reading.utility is not Liveness.LIVE
        # A wish may cross with the synchroniser's closing; a coupling to a living utility stays.
        wanted = wish is not None and wish.island and away
        due = lost and now_ms - self._lost_ms >= LOSS_S * MS_PER_S
        if self.reading.coupling is Contact.OPEN or not (wanted or due):
            self._opening_ms = -1
            self._station.set_alarm("coupling_stuck", False)
            return
        if self._opening_ms < 0:
            self._opening_ms = now_ms
        elif now_ms - self._opening_ms >= self.grid.open_s * MS_PER_S:
            self._station.set_alarm("coupling_stuck", True)
        self._order("open_coupling", 1.0, now_ms, out)

    def _move_steps(self, part: Switching, now_ms: int, out: AgentOutput) -> None:
        """Open all steps that shall be, at once; close one at a time."""
        contacts = {step.step: step.contact for step in self.reading.steps}
        closing = True
        for step in self.grid.by_priority:
            number = float(self.grid.steps.index(step) + 1)
            contact = contacts.get(step.id, Contact.UNKNOWN)
            if step.id not in part.steps:
                # A step whose closing the rules took out of the wish is not opened for that.
                wished = self._wish is not None and step.id in self._wish.steps
                if contact is not Contact.OPEN and not wished:
                    self._order("open_step", number, now_ms, out)
            elif contact is not Contact.CLOSED and closing:
                self._order("close_step", number, now_ms, out)
                closing = False

    def _order(self, name: str, value: float, now_ms: int, out: AgentOutput) -> None:
        """Give an order, the same one again only after the resend time."""
        key = f"{name}:{value:g}"
        last_ms = self._asked_ms.get(key)
        if last_ms is not None and now_ms - last_ms < self._station.config.resend_s * MS_PER_S:
            return
        self._asked_ms = {
            one: at_ms for one, at_ms in self._asked_ms.items() if not one.startswith(f"{name}:")
        }
        self._asked_ms[key] = now_ms
        out.orders.append((self.key, name, value))


def _reading(grid: Microgrid, points: Points) -> SwitchgearReading:
    """The reading from canonical points; what is missing is unknown."""
    get = points.get
    utility_pu, utility_hz = finite(get("utility_pu")), finite(get("utility_hz"))
    bus_pu, bus_hz = finite(get("bus_pu")), finite(get("bus_hz"))
    number = int(finite(get("permitted")) or 0.0)
    steps = tuple(
        StepReading(
            step.id,
            {1.0: Contact.CLOSED, 0.0: Contact.OPEN}.get(
                get(f"step_{k}_closed", -1.0), Contact.UNKNOWN
            ),
            finite(get(f"step_{k}_kw")),
        )
        for k, step in enumerate(grid.steps, 1)
    )
    return SwitchgearReading(
        breaker=grid.breaker,
        coupling=_contact(get("coupling_closed"), get("coupling_open")),
        utility=liveness(utility_pu, utility_hz, grid.nominal_hz),
        bus=liveness(bus_pu, bus_hz, grid.nominal_hz, ISLAND_SHARE),
        synchroniser=SYNCHRONISERS.get(get("synchroniser", -1.0), Synchroniser.UNKNOWN),
        permitted=grid.formers[number - 1] if 0 < number <= len(grid.formers) else "",
        steps=steps,
        utility_hz=utility_hz,
        bus_hz=bus_hz,
        bus_pu=bus_pu,
    )


def _three(value: float | None) -> float | None:
    """A figure as it travels; what cannot be is not told."""
    return None if value is None or value < 0.0 else round(value, 3)


def _contact(closed: float | None, opened: float | None) -> Contact:
    """Position from the two contacts of a breaker (52a and 52b), which must say the same."""
    if closed == 1.0 and opened == 0.0:
        return Contact.CLOSED
    if closed == 0.0 and opened == 1.0:
        return Contact.OPEN
    return Contact.UNKNOWN


def _worth_saying(reading: SwitchgearReading) -> tuple[object, ...]:
    """What of a reading makes a report when it changes: everything but the measured figures."""
    steps = tuple((step.step, step.contact) for step in reading.steps)
    return (
        reading.coupling,
        reading.utility,
        reading.bus,
        reading.synchroniser,
        reading.permitted,
        steps,
    )
