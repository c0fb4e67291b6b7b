"""When exercises run: outside curfews, spread out, in the hours in which energy is worth most.

Of the coming day the quarter of an hour is taken whose run is worth most. Whether to run today at
all is a stopping problem with a known number of chances (DeGroot, Optimal Statistical Decisions,
1970, section 13.4): waiting is worth the mean of the better of tomorrow's best hour and of waiting
on, tomorrow's best hour being any of the last days'. A run that comes early brings the next one
forward, so each day of waiting saves its share of what a run loses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Final

from msgspec import Struct

from gridmuster.clock import local, to_ms, zone
from gridmuster.fleet.programs import Curfew
from gridmuster.units import MS_PER_HOUR, MS_PER_S

SLOT_MS: Final = 900 * MS_PER_S
DAY_MS: Final = 24 * MS_PER_HOUR
#: Days whose best hour is remembered, and how many tell something.
MOST_DAYS: Final = 28
LEAST_DAYS: Final = 5
#: Worth of a time that nobody forecasts: such times come last, the earliest first, USD/kWh.
UNKNOWN: Final = float("-inf")
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Worth(Struct, frozen=True):
    """What energy is worth in an area, by equal steps from a time on, USD/kWh."""

    start_ms: int
    step_ms: int
    usd_per_kwh: tuple[float, ...]

    def mean(self, from_ms: int, until_ms: int) -> float | None:
        """Mean over a time; None where it is not known throughout.

        Args:
            from_ms: begin, ms.
            until_ms: end, ms, after the begin.
        """
        first = (from_ms - self.start_ms) // self.step_ms
        last = (until_ms - 1 - self.start_ms) // self.step_ms
        if first < 0 or last >= len(self.usd_per_kwh):
            return None
        total = 0.0
        for k in range(first, last + 1):
            begin_ms = self.start_ms + k * self.step_ms
            part_ms = min(until_ms, begin_ms + self.step_ms) - max(from_ms, begin_ms)
            total += self.usd_per_kwh[k] * part_ms
        return total / (until_ms - from_ms)


class Shape(Struct, frozen=True):
    """How a run lies in time: zone of its site, its length, and what it makes of noise around it.

    ``run_ms`` from the power's begin to its end; ``before_ms`` to start, ``after_ms`` to cool down.
    """

    zone: str
    run_ms: int
    before_ms: int
    after_ms: int


class Due(Struct, frozen=True):
    """An engine that is to be exercised.

    Args:
        device: its id.
        site: its site.
        shape: how its run lies in time.
        power_kw: what is asked of it, kW.
        opens_ms: it may begin from then on, ms.
        closes_ms: it is to begin by then, so that time for further tries is left, ms.
        latest_ms: if it begins later it is late, ms.
        saved_usd_per_kwh: what a day of waiting saves of what runs lose, USD for each kWh of it.
        text: why it runs, in words.
    """

    device: str
    site: str
    shape: Shape
    power_kw: float
    opens_ms: int
    closes_ms: int
    latest_ms: int
    saved_usd_per_kwh: float
    text: str


class Place(Struct, frozen=True):
    """Where a run was placed: its begin, ms, and what its energy is worth, None: not known."""

    from_ms: int
    usd_per_kwh: float | None


def quiet_times(
    curfews: Iterable[Curfew], zone_name: str, from_ms: int, until_ms: int
) -> list[tuple[int, int]]:
    """The curfews that touch a time, (begin, end) in ms.

    Args:
        curfews: of the program.
        zone_name: IANA zone of the site.
        from_ms: begin of the time, ms.
        until_ms: its end, ms.
    """
    found = []
    there = zone(zone_name)
    day = local(from_ms, zone_name).date() - timedelta(days=1)
    last = local(until_ms, zone_name).date()
    while day <= last:
        for one in curfews:
            if _WEEKDAYS[day.weekday()] not in one.days:
                continue
            wraps = one.until_hour <= one.from_hour
            end_day = day + timedelta(days=int(wraps or one.until_hour == 24))
            begin_ms = to_ms(datetime.combine(day, time(one.from_hour), there))
            end_ms = to_ms(datetime.combine(end_day, time(one.until_hour % 24), there))
            if begin_ms < until_ms and end_ms > from_ms:
                found.append((begin_ms, end_ms))
        day += timedelta(days=1)
    return found


def slots(curfews: Iterable[Curfew], shape: Shape, from_ms: int, until_ms: int) -> list[int]:
    """Quarters of an hour in which a run may begin and be over without touching a curfew, ms.

    Args:
        curfews: of the program.
        shape: of the run.
        from_ms: the first begin, ms.
        until_ms: the last begin, ms.
    """
    first_ms = -(-from_ms // SLOT_MS) * SLOT_MS
    around_ms = SLOT_MS + shape.run_ms + shape.after_ms
    quiet = quiet_times(curfews, shape.zone, from_ms - shape.before_ms, until_ms + around_ms)
    return [
        at_ms
        for at_ms in range(first_ms, until_ms + 1, SLOT_MS)
        if not any(
            at_ms - shape.before_ms < end_ms and begin_ms < at_ms + around_ms
            for begin_ms, end_ms in quiet
        )
    ]


def worth_of_waiting(best: Sequence[float], chances: int, saved: float) -> float:
    """What a run's energy must be worth for it to be run today, USD/kWh.

    Args:
        best: worth of the best hour of each of the last days, USD/kWh.
        chances: days after today on which it may still run.
        saved: what a day of waiting saves, USD/kWh.
    """
    if chances <= 0 or len(best) < LEAST_DAYS:
        return float("-inf")
    waiting = sum(best) / len(best)
    for _ in range(chances - 1):
        waiting = sum(max(one, saved + waiting) for one in best) / len(best)
    return saved + waiting


def best_of_day(curfews: Iterable[Curfew], shape: Shape, worth: Worth, now_ms: int) -> float | None:
    """What the best run of the coming day is worth, USD/kWh; None: nothing is known of it.

    Args:
        curfews: of the program.
        shape: of a run.
        worth: what energy is worth.
        now_ms: now, ms.
    """
    found = [
        usd
        for at_ms in slots(curfews, shape, now_ms, now_ms + DAY_MS - SLOT_MS)
        if (usd := worth.mean(at_ms, at_ms + shape.run_ms)) is not None
    ]
    return max(found, default=None)


class Placer:
    """Places runs of one program in the coming day.

    Args:
        curfews: of the program.
        most_at_once: most runs that begin in one quarter of an hour.
        apart_ms: least time between two begins in it, ms.
        worth: what energy is worth; None: nothing is known.
        best: worth of the best hour of each of the last days, USD/kWh.
        now_ms: now, ms.
    """

    def __init__(
        self,
        curfews: Sequence[Curfew],
        most_at_once: int,
        apart_ms: int,
        worth: Worth | None,
        best: Sequence[float],
        now_ms: int,
    ) -> None:
        self._curfews, self._most, self._apart_ms = curfews, most_at_once, apart_ms
        self._worth, self._best, self._now_ms = worth, best, now_ms
        self._taken: dict[int, int] = {}
        self._ranked: dict[Shape, list[tuple[float, int]]] = {}

    def take(self, from_ms: int) -> None:
        """Count a run that is placed already, by its begin, ms."""
        slot_ms = from_ms // SLOT_MS * SLOT_MS
        self._taken[slot_ms] = self._taken.get(slot_ms, 0) + 1

    def place(self, due: Due) -> Place | None:
        """Where a run goes; None when it waits, or no quarter of the coming day is free.

        Args:
            due: the engine.
        """
        now_ms = self._now_ms
        late = due.latest_ms <= now_ms
        until_ms = due.closes_ms if due.closes_ms > now_ms else due.latest_ms
        first_ms = max(due.opens_ms, now_ms)
        room = [
            (-dear, at_ms)
            for dear, at_ms in self._slots(due.shape)
            if first_ms <= at_ms
            and (late or at_ms <= until_ms)
            and self._taken.get(at_ms, 0) < self._most
        ]
        if not room:
            return None
        cheap, at_ms = min(room, key=lambda one: one[1]) if late else min(room)
        chances = -((now_ms - until_ms) // DAY_MS) - 1
        if not late and -cheap < worth_of_waiting(self._best, chances, due.saved_usd_per_kwh):
            return None
        begin_ms = at_ms + self._taken.get(at_ms, 0) * self._apart_ms
        self.take(at_ms)
        return Place(begin_ms, None if -cheap == UNKNOWN else -cheap)

    def _slots(self, shape: Shape) -> list[tuple[float, int]]:
        """Worth of a run and its begin, for each free quarter of the coming day."""
        found = self._ranked.get(shape)
        if found is None:
            found = []
            for at_ms in slots(self._curfews, shape, self._now_ms, self._now_ms + DAY_MS - SLOT_MS):
                usd = None
                if self._worth is not None:
                    usd = self._worth.mean(at_ms, at_ms + shape.run_ms)
                found.append((UNKNOWN if usd is None else usd, at_ms))
            self._ranked[shape] = found
        return found
