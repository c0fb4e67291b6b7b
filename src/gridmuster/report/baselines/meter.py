"""Interval data of one meter, seen by the local clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from gridmuster.clock import iso, local, to_ms, zone
from gridmuster.errors import GridmusterError
from gridmuster.units import MS_PER_S, SECONDS_PER_HOUR

#: A wall-clock time seen from an event: days after the event's own local day, minute of that day.
Slot = tuple[int, int]
#: Intervals end with the hour, as settlement meters do.
HOUR_S: Final = int(SECONDS_PER_HOUR)


class BaselineError(GridmusterError):
    """A baseline cannot be worked out: too few like days, readings missing, no such interval."""


@dataclass(frozen=True)
class Event:
    """The time of an event, in whole intervals of the meter.

    Args:
        from_ms: its start, ms.
        until_ms: its end, ms.
    """

    from_ms: int
    until_ms: int


@dataclass(frozen=True)
class MeterSeries:
    """Mean power of equal intervals, labelled by their start; a missing one is absent, never zero.

    Args:
        zone: IANA zone whose clock and calendar count.
        step_s: length of an interval, s; divides an hour.
        power_kw: mean power by the interval's start (ms), kW. For a load: what it takes.

    Raises:
        BaselineError: for a step that does not divide an hour, a start between two intervals, or a
            power that is no number.
    """

    zone: str
    step_s: int
    power_kw: Mapping[int, float]

    def __post_init__(self) -> None:
        if self.step_s <= 0 or HOUR_S % self.step_s:
            raise BaselineError(f"an interval of {self.step_s} s does not divide an hour")
        for at_ms, power_kw in self.power_kw.items():
            if at_ms % self.step_ms:
                raise BaselineError(f"{iso(at_ms)} is no start of an interval of {self.step_s} s")
            if not math.isfinite(power_kw):
                raise BaselineError(f"the power at {iso(at_ms)} is {power_kw}; leave it out")

    @property
    def step_ms(self) -> int:
        """Length of an interval, ms."""
        return self.step_s * MS_PER_S

    @property
    def step_h(self) -> float:
        """Length of an interval, h."""
        return self.step_s / SECONDS_PER_HOUR

    def day(self, event: Event) -> date:
        """The event's own local day: that of its start."""
        return local(event.from_ms, self.zone).date()

    def starts_ms(self, from_ms: int, until_ms: int) -> tuple[int, ...]:
        """Starts of the intervals from one instant to another, ms.

        Raises:
            BaselineError: when the time is empty or not of whole intervals.
        """
        if until_ms <= from_ms:
            raise BaselineError(f"{iso(until_ms)} is not after {iso(from_ms)}")
        for at_ms in (from_ms, until_ms):
            if at_ms % self.step_ms:
                raise BaselineError(
                    f"{iso(at_ms)} is not at the end of an interval of {self.step_s} s"
                )
        return tuple(range(from_ms, until_ms, self.step_ms))

    def slot(self, at_ms: int, day: date) -> Slot:
        """An instant by the local clock, seen from a local day."""
        moment = local(at_ms, self.zone)
        return (moment.date() - day).days, 60 * moment.hour + moment.minute

    def wall_kw(self, day: date, slot: Slot) -> float | None:
        """Power at a wall-clock time of a day, kW; None: a reading is missing.

        A time that the clock shows twice (autumn) counts with the mean of both intervals; one that
        it skips (spring) is not a number.
        """
        instants = self._instants(day + timedelta(days=slot[0]), slot[1])
        if not instants:
            return math.nan
        found = [self.power_kw[at_ms] for at_ms in instants if at_ms in self.power_kw]
        return sum(found) / len(found) if len(found) == len(instants) else None

    def _instants(self, day: date, minute: int) -> list[int]:
        """The instants at which the clock shows a time on a day: one, none or two, ms."""
        wall = datetime.combine(day, time(minute // 60, minute % 60))
        found: list[int] = []
        for fold in (0, 1):
            at_ms = to_ms(wall.replace(tzinfo=zone(self.zone), fold=fold))
            shows = local(at_ms, self.zone).replace(tzinfo=None, fold=0)
            if shows == wall and at_ms not in found:
                found.append(at_ms)
        return found
