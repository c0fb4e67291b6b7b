"""What the energy of exercises was worth, and would have been worth at a fixed time.

A run's energy is worth the mean of its area's price over the run. At the fixed time the same
energy would have been worth the mean price of `FIXED_HOUR` to half an hour later on the workdays
of the run's month, as far as the journal tells prices: a calendar that knows no prices runs then.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from typing import Final

from gridmuster.clock import local, to_ms
from gridmuster.signals import Price
from gridmuster.units import KWH_PER_MWH, MS_PER_S

#: Local hour of exercise by a fixed calendar, and its length.
FIXED_HOUR: Final = 10
FIXED_MS: Final = 1800 * MS_PER_S
#: Working days of a week, from Monday.
WORKDAYS: Final = 5


class PriceBook:
    """Prices by area, as the journal tells them."""

    def __init__(self) -> None:
        self._starts: dict[str, list[int]] = {}
        self._known: dict[str, list[tuple[int, float]]] = {}
        self._fixed: dict[tuple[str, str, int, int], float | None] = {}

    def take(self, price: Price) -> None:
        """Take a price; one that is not newer than the last is let be."""
        starts = self._starts.setdefault(price.area, [])
        if starts and price.start_ms <= starts[-1]:
            return
        starts.append(price.start_ms)
        until_ms = price.start_ms + price.duration_s * MS_PER_S
        self._known.setdefault(price.area, []).append((until_ms, price.price_usd_per_mwh))

    def mean_usd_per_kwh(self, area: str, from_ms: int, until_ms: int) -> float | None:
        """Mean price over a time, USD/kWh; None unless it is known for most of it.

        Args:
            area: whose.
            from_ms: begin, ms.
            until_ms: end, ms, after the begin.
        """
        starts = self._starts.get(area, [])
        known = self._known.get(area, [])
        total = covered_ms = 0.0
        for k in range(max(bisect_right(starts, from_ms) - 1, 0), len(starts)):
            if starts[k] >= until_ms:
                break
            end_ms = min(known[k][0], starts[k + 1] if k + 1 < len(starts) else known[k][0])
            part_ms = min(end_ms, until_ms) - max(starts[k], from_ms)
            if part_ms > 0:
                total += part_ms * known[k][1]
                covered_ms += part_ms
        if 2.0 * covered_ms <= until_ms - from_ms:
            return None
        return total / covered_ms / KWH_PER_MWH

    def fixed_usd_per_kwh(self, area: str, zone: str, at_ms: int) -> float | None:
        """Mean price at the fixed time on the workdays of an instant's month, USD/kWh.

        Args:
            area: whose.
            zone: IANA zone of the site.
            at_ms: the instant, ms.
        """
        moment = local(at_ms, zone)
        key = (area, zone, moment.year, moment.month)
        if key not in self._fixed:
            day = moment.replace(day=1, hour=FIXED_HOUR, minute=0, second=0, microsecond=0)
            found = []
            while day.month == moment.month:
                if day.weekday() < WORKDAYS:
                    begin_ms = to_ms(day)
                    usd = self.mean_usd_per_kwh(area, begin_ms, begin_ms + FIXED_MS)
                    found += [] if usd is None else [usd]
                day += timedelta(days=1)
            self._fixed[key] = sum(found) / len(found) if found else None
        return self._fixed[key]
