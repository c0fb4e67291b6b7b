"""Clocks, interval grids and local time; the only module that reads the machine's clock.

An instant is an integer: milliseconds since 1970-01-01T00:00:00Z, in names ending ``_ms``.
Times with an offset are converted on the way in, naive times are refused, and a site's IANA zone
is used only to find its local hour and to show times to people.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from gridmuster.units import MS_PER_S


class Clock(Protocol):
    """What every running part needs of a clock."""

    def now_ms(self) -> int:
        """Plant time now, ms since the epoch."""
        ...

    async def sleep_until(self, at_ms: int) -> None:
        """Wait until plant time reaches ``at_ms`` (at once when it already has)."""
        ...


class ScaledClock:
    """Plant time that runs ``speed`` times as fast as the machine's clock.

    Args:
        start_ms: plant time at the start, ms since the epoch.
        speed: plant seconds in a second of the machine's clock, > 0.
        origin_s: reading of the machine's monotonic clock that belongs to ``start_ms``; processes
            on one machine that share it share plant time. Defaults to this moment.
    """

    def __init__(self, start_ms: int, speed: float = 1.0, origin_s: float | None = None) -> None:
        if speed <= 0.0:
            raise ValueError(f"speed {speed} must be above 0 plant seconds a second")
        self.speed = speed
        self._start_ms = start_ms
        self._origin_s = time.monotonic() if origin_s is None else origin_s

    def now_ms(self) -> int:
        """Plant time now, ms since the epoch."""
        elapsed_s = time.monotonic() - self._origin_s
        return self._start_ms + int(elapsed_s * self.speed * MS_PER_S)

    async def sleep_until(self, at_ms: int) -> None:
        """Wait until plant time reaches ``at_ms``."""
        while (left_ms := at_ms - self.now_ms()) > 0:
            await asyncio.sleep(left_ms / MS_PER_S / self.speed)


class SharedClock:
    """Plant time of several programs on one machine; it stands still until it is let go.

    Args:
        start_ms: plant time at the start, ms since the epoch.
        speed: plant seconds in a second of the machine's clock, > 0.
        origin_file: where whoever starts the programs writes, once all are ready, the reading of
            the machine's monotonic clock that belongs to ``start_ms``.
    """

    def __init__(self, start_ms: int, speed: float, origin_file: Path) -> None:
        self.speed = speed
        self._start_ms = start_ms
        self._origin_file = origin_file
        self._begun: ScaledClock | None = None

    def now_ms(self) -> int:
        """Plant time now, ms since the epoch; the start until the clock is let go."""
        if self._begun is None:
            if not self._origin_file.exists():
                return self._start_ms
            origin_s = float(self._origin_file.read_text())
            self._begun = ScaledClock(self._start_ms, self.speed, origin_s)
        return max(self._begun.now_ms(), self._start_ms)

    async def sleep_until(self, at_ms: int) -> None:
        """Wait until plant time reaches ``at_ms``."""
        while (left_ms := at_ms - self.now_ms()) > 0:
            left_s = left_ms / MS_PER_S / self.speed
            await asyncio.sleep(left_s if self._begun is not None else min(left_s, 0.02))


def wall_clock() -> ScaledClock:
    """A clock whose plant time is the real time of day in UTC."""
    return ScaledClock(start_ms=int(time.time() * MS_PER_S), speed=1.0)


class VirtualClock:
    """Plant time that moves only when told to; nobody waits.

    Args:
        start_ms: plant time at the start, ms since the epoch.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """Plant time now, ms since the epoch."""
        return self._now_ms

    def advance_to(self, at_ms: int) -> None:
        """Move to ``at_ms``.

        Raises:
            ValueError: when that would turn time back.
        """
        if at_ms < self._now_ms:
            raise ValueError(f"cannot turn time back from {self._now_ms} to {at_ms} ms")
        self._now_ms = at_ms

    async def sleep_until(self, at_ms: int) -> None:
        """Jump to ``at_ms`` and let other tasks run."""
        self.advance_to(max(at_ms, self._now_ms))
        await asyncio.sleep(0)


def stopwatch_s() -> float:
    """Reading of a monotonic clock for measuring how long work took, s."""
    return time.perf_counter()


def monotonic_s() -> float:
    """Machine-wide monotonic time, s; equal in all processes of one machine."""
    return time.monotonic()


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime.

    Raises:
        ValueError: for a naive datetime, whose instant is unknown.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no UTC offset; write it with one, like +00:00")
    return round(moment.timestamp() * MS_PER_S)


def from_ms(at_ms: int) -> datetime:
    """Aware UTC datetime of an instant in ms since the epoch."""
    return datetime.fromtimestamp(at_ms / MS_PER_S, tz=UTC)


def iso(at_ms: int) -> str:
    """ISO 8601 text of an instant, in UTC with a trailing Z, to the millisecond if needed."""
    moment = from_ms(at_ms)
    spec = "seconds" if at_ms % MS_PER_S == 0 else "milliseconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def parse_iso(text: str) -> int:
    """Instant in ms since the epoch of an ISO 8601 text that carries an offset or Z.

    Raises:
        ValueError: for text that is no ISO time or has no offset.
    """
    return to_ms(datetime.fromisoformat(text))


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name (cached)."""
    return ZoneInfo(name)


def local(at_ms: int, zone_name: str) -> datetime:
    """Local wall time of an instant in an IANA zone, as an aware datetime."""
    return from_ms(at_ms).astimezone(zone(zone_name))


def local_hour(at_ms: int, zone_name: str) -> float:
    """Local hour of day, 0 <= h < 24, with its fraction."""
    moment = local(at_ms, zone_name)
    return moment.hour + moment.minute / 60.0 + moment.second / 3600.0


@dataclass(frozen=True, slots=True)
class IntervalGrid:
    """Equal intervals in UTC, labelled by their start; days of 23 and 25 h need no special case.

    Args:
        start_ms: start of the first interval, ms since the epoch.
        step_s: length of an interval, s.
        count: number of intervals.
    """

    start_ms: int
    step_s: int
    count: int

    @property
    def step_ms(self) -> int:
        """Length of an interval, ms."""
        return self.step_s * MS_PER_S

    @property
    def step_h(self) -> float:
        """Length of an interval, h."""
        return self.step_s / 3600.0

    @property
    def end_ms(self) -> int:
        """End of the last interval, ms since the epoch."""
        return self.start_ms + self.count * self.step_ms

    def starts_ms(self) -> list[int]:
        """Start of every interval, ms since the epoch."""
        return [self.start_ms + k * self.step_ms for k in range(self.count)]

    def index(self, at_ms: int) -> int | None:
        """Number of the interval that holds an instant, or None outside the grid."""
        k = (at_ms - self.start_ms) // self.step_ms
        return k if 0 <= k < self.count else None


def floor_to(at_ms: int, step_s: int) -> int:
    """The latest multiple of ``step_s`` (counted from the epoch) not after ``at_ms``."""
    step_ms = step_s * MS_PER_S
    return at_ms - at_ms % step_ms
