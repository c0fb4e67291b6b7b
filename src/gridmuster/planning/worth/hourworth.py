"""What a run-hour is worth kept for later: water value over the days left of a season.

Hours that a permit allows are used like the water of a reservoir. Each day offers runs with a gain
and a length, drawn from the same weeks of the years before; going back from the last day, the
value of having so many hours left is the mean over those days of the better of taking what they
offer and keeping the hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.forecast.market.history import Floats, Ints

#: Days before and after a day of the year from which its offers are drawn.
AROUND_DAYS = 45


@dataclass(frozen=True, slots=True)
class Offers:
    """What each day of the past offered.

    Args:
        day: place on a circle of 366 days, 0 .. 365.
        gain: expected gain of the day's runs, USD/MW.
        steps: intervals they take.
    """

    day: Ints
    gain: Floats
    steps: Ints


@compiled
def _values(
    day: Ints, gain: Floats, steps: Ints, first: int, days: int, budget: int, around: int
) -> Floats:
    """Value of intervals left at the beginning of each day, ``(days + 1, budget + 1)``."""
    found = np.zeros((days + 1, budget + 1))
    for d in range(days - 1, -1, -1):
        season = (first + d) % 366
        total = np.zeros(budget + 1)
        count = 0
        for k in range(len(day)):
            apart = abs(day[k] - season)
            if min(apart, 366 - apart) > around:
                continue
            count += 1
            for left in range(budget + 1):
                best = found[d + 1, left]
                need = steps[k]
                if gain[k] > 0.0 and left > 0 and need > 0:
                    # A part of a day's runs may be taken; each gains its share.
                    used = min(need, left)
                    taken = found[d + 1, left - used] + gain[k] * used / need
                    best = max(best, taken)
                total[left] += best
        for left in range(budget + 1):
            found[d, left] = total[left] / count if count else found[d + 1, left]
    return found


def hour_worth(offers: Offers, first_day: int, days: int, budget: int) -> Floats:
    """Worth of one interval of running more or less, on each day and for each number left.

    Args:
        offers: of the past.
        first_day: place of the first day on the circle, 0 .. 365.
        days: days left.
        budget: intervals of running there are.

    Returns:
        ``(days, budget + 1)`` worth of the last of the intervals left, USD/MW; 0 with none left.
    """
    values = _values(offers.day, offers.gain, offers.steps, first_day, days, budget, AROUND_DAYS)
    found = np.zeros((days, budget + 1))
    found[:, 1:] = values[1:, 1:] - values[1:, :-1]
    return found
