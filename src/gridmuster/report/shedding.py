"""Load that the utility's relays shed, told by all meters of a feeder falling alike at one moment.

No message says that a feeder was shed. But customers never all draw the same share less within a
few seconds by themselves, and a relay that drops a part of a feeder, or a voltage that collapses,
makes just that happen. From such a fall to the rise that ends it, what was drawn before it counts
as demand, and what is missing as not served.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from gridmuster.units import MS_PER_HOUR

#: A meter fell when it shows less than this share of its last reading; it rose likewise.
FALL: Final = 0.975
#: Readings this close together are one event, ms.
EVENT_MS: Final = 8_000
#: An event takes this share of the meters, at least this many, all within this of each other.
METERS_SHARE: Final = 0.8
LEAST_METERS: Final = 4
ALIKE: Final = 0.02
#: A fall to less than this share is a dead feeder or a broken meter, not a shed one.
LEAST_SHARE: Final = 0.05
#: After this time nobody can tell any longer what would have been drawn, ms.
LONGEST_MS: Final = 2 * MS_PER_HOUR


class Feeder:
    """The meters of one area's feeder, and what each showed before it was shed."""

    __slots__ = ("_at_ms", "_before", "_moved", "_now", "_since_ms")

    def __init__(self) -> None:
        self._now: dict[str, float] = {}
        self._moved: dict[str, tuple[int, float, float]] = {}
        self._before: dict[str, float] = {}
        self._since_ms = 0
        self._at_ms = 0

    def clear(self) -> None:
        """Forget everything."""
        self._now.clear()
        self._moved.clear()
        self._before.clear()

    def reading(self, meter: str, at_ms: int, power_kw: float) -> None:
        """Take a meter's reading."""
        last_kw = self._now.get(meter)
        self._now[meter] = power_kw
        if last_kw and not FALL * last_kw <= power_kw <= last_kw / FALL:
            kept = self._moved.get(meter)
            if kept is None or at_ms - kept[0] > EVENT_MS:
                self._moved[meter] = (at_ms, last_kw, power_kw / last_kw)
            else:
                self._moved[meter] = (kept[0], kept[1], power_kw / kept[1])

    def silent(self, meter: str) -> None:
        """A meter is not heard any more."""
        self._now.pop(meter, None)
        self._before.pop(meter, None)
        self._moved.pop(meter, None)

    def settle(self, at_ms: int) -> tuple[int, float]:
        """Judge what moved, once a cycle.

        Args:
            at_ms: now, ms.

        Returns:
            Since when (ms) and how much (kWh) was missing since the last call.
        """
        from_ms, self._at_ms = self._at_ms, at_ms
        missing_kwh = 0.0
        if self._before:
            passed_h = max(at_ms - max(from_ms, self._since_ms), 0) / MS_PER_HOUR
            missing_kwh = self._missing_kw() * passed_h
            if at_ms - self._since_ms > LONGEST_MS:
                self._before.clear()
        if self._moved:
            self._judge(at_ms)
        return max(from_ms, self._since_ms), missing_kwh

    def _judge(self, at_ms: int) -> None:
        recent = {m: one for m, one in self._moved.items() if at_ms - one[0] <= EVENT_MS}
        if len(recent) != len(self._moved):
            self._moved = recent
        if len(recent) < max(LEAST_METERS, METERS_SHARE * len(self._now)):
            return
        shares = [share for _, _, share in recent.values()]
        middle = median(shares)
        alike = sum(abs(share - middle) <= ALIKE for share in shares)
        if alike < max(LEAST_METERS, METERS_SHARE * len(self._now)):
            return
        if not self._before:
            if LEAST_SHARE < middle < FALL:
                moved = {meter: kw for meter, (_, kw, _) in recent.items()}
                self._before = {**self._now, **moved}
                self._since_ms = min(moment for moment, _, _ in recent.values())
                self._moved = {}
        elif self._share() >= FALL:
            self._before = {}
            self._moved = {}

    def _share(self) -> float:
        """The share of its demand that the feeder gets now."""
        shares = [
            self._now[meter] / kw
            for meter, kw in self._before.items()
            if kw > 0.0 and meter in self._now
        ]
        return median(shares) if shares else 1.0

    def _missing_kw(self) -> float:
        return max(1.0 - self._share(), 0.0) * sum(self._before.values())
