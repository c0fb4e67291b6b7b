"""Power that is there with a probability: sets fail apart, and together under common causes.

A common cause (a cold snap, bad fuel, a gas main) makes many sets worse at once. Given which
causes hold, sets are independent; the distribution of their sum is the mixture over the causes'
states. Ignoring a cause promises too much: the mean odds are right, the tail is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from gridmuster.planning.adequacy import Floats

#: Steps of the grid in a sum of sets that no target is known for.
STEPS: Final = 2000
#: Slack in comparisons of power, kW.
WHOLE_KW: Final = 1e-9
#: One state: nothing strikes sets together.
APART: Final = (1.0,)

Odds = float | Sequence[float]


class Mixture:
    """The distribution of the power of sets, added one by one.

    Args:
        step_kw: step of the outage grid, kW; outages are rounded up to it.
        states: probability of each state of the common causes; they add up to 1.
    """

    def __init__(self, step_kw: float, states: Sequence[float] = APART) -> None:
        self._step_kw = step_kw
        self._states: Floats = np.asarray(states, dtype=np.float64)
        self._odds: Floats = np.ones((len(states), 1))
        self.total_kw = 0.0

    def add(self, kw: float, odds: Odds) -> None:
        """One more set.

        Args:
            kw: what it gives when it is there, kW.
            odds: probability that it is there, one for all states or one for each.
        """
        there = np.broadcast_to(np.asarray(odds, dtype=np.float64), self._states.shape)[:, None]
        jump = math.ceil(kw / self._step_kw - 1e-9)
        width = self._odds.shape[1]
        grown = np.zeros((len(self._states), width + jump))
        grown[:, :width] = there * self._odds
        grown[:, jump:] += (1.0 - there) * self._odds
        self._odds = grown
        self.total_kw += kw

    def firm_kw(self, probability: float) -> float:
        """Power that is there with a probability: total less the smallest such outage, kW."""
        # A sum of many small odds ends a few ulps below 1.
        enough = self._below() >= probability - 1e-12
        first = int(np.argmax(enough)) if bool(enough.any()) else len(enough) - 1
        return max(self.total_kw - first * self._step_kw, 0.0)

    def odds_of(self, target_kw: float) -> float:
        """Probability that at least a power is there."""
        spare_kw = self.total_kw - target_kw
        if spare_kw < -WHOLE_KW:
            return 0.0
        below = self._below()
        last = min(math.floor(spare_kw / self._step_kw + 1e-6), len(below) - 1)
        return min(float(below[max(last, 0)]), 1.0)

    def _below(self) -> Floats:
        found: Floats = np.cumsum(self._states @ self._odds)
        return found


def mixture_of(
    sets: Iterable[tuple[float, Odds]],
    states: Sequence[float] = APART,
    step_kw: float | None = None,
) -> Mixture:
    """The distribution of the power of sets.

    Args:
        sets: (kW, odds that it is there) of each; odds are one number or one for each state.
        states: probability of each state of the common causes.
        step_kw: step of the outage grid, kW; None: a small share of the sum.
    """
    known = [(kw, odds) for kw, odds in sets if kw > 0.0]
    total_kw = sum(kw for kw, _ in known)
    made = Mixture(step_kw or max(total_kw / STEPS, WHOLE_KW), states)
    for kw, odds in known:
        made.add(kw, odds)
    return made


def firm_kw(
    sets: Iterable[tuple[float, Odds]],
    probability: float,
    step_kw: float | None = None,
    states: Sequence[float] = APART,
) -> float:
    """The most power that is there with a probability, kW.

    Args:
        sets: (kW, odds that it is there) of each set.
        probability: at least this often, 0 to 1.
        step_kw: step of the outage grid, kW; None: a small share of the sum.
        states: probability of each state of the common causes.
    """
    return mixture_of(sets, states, step_kw).firm_kw(probability)
