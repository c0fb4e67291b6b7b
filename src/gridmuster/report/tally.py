"""Counters that only grow, read now and then: what they gained, whatever became of them.

And samples of a quantity, kept so that quantiles need bounded memory and two runs can be joined.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from gridmuster.units import MS_PER_HOUR

#: Longest time a last known rate is believed, ms (invariant 9: three heartbeats).
HOLD_MS: Final = 60_000
#: A counter that gains more than this share above the most that is possible has jumped.
JUMP_SLACK: Final = 1.25
#: A counter that falls by less than this share is noise of its transmission, no reset.
NOISE_SHARE: Final = 1e-4
NOISE: Final = 0.01
#: A counter stands still and is believed until the rate says it should have gained this much, and
#: what the highest rate gains in this time, h; below that its resolution explains it.
STUCK: Final = 1.0
STUCK_H: Final = 0.02


class Tally:
    """The gain of one counter, with the rate it grows at as its stand-in.

    What the counter gains counts. While it does not say (none, or zero), is stuck, has jumped
    beyond the possible, or was reset, the rate counts instead, held from reading to reading (over
    more than `HOLD_MS`, the mean of both ends). Between the start of the period and the first
    reading, and between the last reading and the end, the rate counts too.

    Args:
        most_per_h: the highest rate there can be, 1/h; gains beyond it are not believed.
        began_ms: start of the period, ms.
        hold_ms: longest time before the first and after the last reading for which the rate then
            is believed, ms.
    """

    __slots__ = (
        "_at_ms",
        "_began_ms",
        "_booked",
        "_hold_ms",
        "_last",
        "_loose",
        "_moved_ms",
        "_per_ms",
        "_rate",
        "_says",
        "_slack",
        "_stuck",
        "jumps",
        "resets",
    )

    def __init__(self, most_per_h: float, began_ms: int, hold_ms: int = HOLD_MS) -> None:
        self._per_ms = JUMP_SLACK * most_per_h / MS_PER_HOUR
        self._slack = max(1.0, 0.01 * most_per_h)
        self._hold_ms = hold_ms
        self.resets = 0
        self.jumps = 0
        self._booked = 0.0
        self._loose = 0.0
        self._rate = 0.0
        self._last = 0.0
        self._stuck = max(STUCK, STUCK_H * most_per_h)
        self._says = False
        self._began_ms = began_ms
        self._moved_ms = began_ms
        self._at_ms: int | None = None

    @property
    def total(self) -> float:
        """What was gained so far."""
        return self._booked + self._unsaid

    @property
    def _unsaid(self) -> float:
        """What the rate adds to what the counter said."""
        return 0.0 if self._says and self._loose <= self._stuck else self._loose

    @property
    def heard_ms(self) -> int | None:
        """Moment of the last reading, ms; None before the first."""
        return self._at_ms

    def begin(self, at_ms: int) -> None:
        """Begin anew at an instant: the next reading is a first one. What was gained stays."""
        self._booked += self._unsaid
        self._loose = 0.0
        self._rate = 0.0
        self._began_ms = at_ms
        self._at_ms = None

    def take(self, at_ms: int, rate: float, value: float | None) -> float:
        """Take a reading.

        Args:
            at_ms: when it was taken, ms.
            rate: rate of growth then, 1/h.
            value: the counter; None or zero when it does not say.

        Returns:
            The change of `total`; below zero when less was gained than the rate had it.
        """
        if self._at_ms is None:
            return self._first(at_ms, rate, value)
        says = bool(value)
        if not rate and not self._rate and value == self._last and says is self._says:
            self._at_ms = at_ms
            return 0.0
        loose = self._loose
        unsaid = 0.0 if self._says and loose <= self._stuck else loose
        before = self._booked + unsaid
        passed_ms = at_ms - self._at_ms
        if passed_ms <= HOLD_MS:
            self._loose += self._rate * passed_ms / MS_PER_HOUR
        elif not value:
            self._loose += 0.5 * (self._rate + rate) * passed_ms / MS_PER_HOUR
        self._at_ms = at_ms
        self._rate = rate
        self._says = says
        if value and value != self._last:
            gain = value - self._last
            if 0.0 < gain <= self._per_ms * (at_ms - self._moved_ms) + self._slack:
                self._booked += gain
                self._loose = 0.0
                self._last = value
                self._moved_ms = at_ms
            else:
                self._doubt(at_ms, value, gain)
        return self._booked + self._unsaid - before

    def still(self, at_ms: int) -> None:
        """Note that nothing moved since a reading at rest (rate 0)."""
        self._at_ms = at_ms

    def end(self, at_ms: int) -> float:
        """Close at the end of the period.

        Args:
            at_ms: the end, ms.

        Returns:
            The change of `total`.
        """
        if self._at_ms is None:
            return 0.0
        held_ms = min(max(at_ms - self._at_ms, 0), self._hold_ms)
        change = self._rate * held_ms / MS_PER_HOUR
        self._booked += self._unsaid + change
        self._loose = 0.0
        self._at_ms = at_ms
        return change

    def _first(self, at_ms: int, rate: float, value: float | None) -> float:
        led_ms = at_ms - self._began_ms
        head = rate * led_ms / MS_PER_HOUR if 0 < led_ms <= self._hold_ms else 0.0
        if value:
            head = min(head, value)
        self._booked += head
        self._at_ms = self._moved_ms = at_ms
        self._rate = rate
        self._last = value or 0.0
        self._says = bool(value)
        return head

    def _doubt(self, at_ms: int, value: float, gain: float) -> None:
        """A counter that fell, or gained more than it could."""
        if gain < 0.0 and -gain <= max(NOISE, NOISE_SHARE * self._last):
            return
        if gain < 0.0:
            # Reset: what it gained since is at least what it shows.
            self.resets += 1
            most = self._per_ms * (at_ms - self._moved_ms) + self._slack
            self._booked += max(value, self._loose) if value <= most else self._loose
        else:
            self.jumps += 1
            self._booked += self._loose
        self._loose = 0.0
        self._last = value
        self._moved_ms = at_ms


class Count:
    """The gain of a whole counter, like starts.

    A counter that begins again counts what it shows; one that jumps by more than `most` in one
    step is not believed.

    Args:
        most: the largest gain believed between two readings.
    """

    __slots__ = ("_last", "most", "total")

    def __init__(self, most: int = 50) -> None:
        self.most = most
        self.total = 0
        self._last: int | None = None

    def begin(self) -> None:
        """The next reading is a first one."""
        self._last = None

    def take(self, value: int) -> int:
        """Take a reading; returns the gain since the last."""
        last, self._last = self._last, value
        if last is None or value == last:
            return 0
        gain = value - last if value > last else value
        if gain > self.most:
            return 0
        self.total += gain
        return gain


class Sample:
    """Values of a quantity with exact counts, each kept to four significant digits."""

    __slots__ = ("_counts", "count", "most", "sum")

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self.count = 0
        self.sum = 0.0
        self.most = -math.inf

    def add(self, value: float) -> None:
        """Take a value."""
        self._counts[_four_digits(value)] += 1
        self.count += 1
        self.sum += value
        self.most = max(self.most, value)

    def quantile(self, share: float) -> float | None:
        """The smallest value that at least this share of all values do not exceed.

        Args:
            share: 0 < share <= 1.

        Returns:
            The value (nearest rank), None when there is none.
        """
        need = share * self.count - 1e-9
        seen = 0
        for value in sorted(self._counts):
            seen += self._counts[value]
            if seen >= need:
                return value
        return None

    @property
    def mean(self) -> float | None:
        """The mean, None without values."""
        return self.sum / self.count if self.count else None


def _four_digits(value: float) -> float:
    if value == 0.0:
        return 0.0
    return round(value, 3 - math.floor(math.log10(abs(value))))
