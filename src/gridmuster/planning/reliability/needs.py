"""Needs that are not known for certain: their distribution function and quantiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Protocol

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.outages import Floats


class Need(Protocol):
    """A need as a random variable, independent of outages."""

    def at_most(self, kw: Floats) -> Floats:
        """Probability that the need is at most each power.

        Args:
            kw: powers, kW, any shape.
        """
        ...

    def quantile(self, probability: float) -> float:
        """The smallest power that the need does not exceed with a probability, kW."""
        ...


@dataclass(frozen=True, slots=True)
class NormalNeed:
    """A need with a normal forecast error.

    Args:
        mean_kw: the forecast, kW.
        deviation_kw: standard deviation of its error, kW; 0 for a need known for certain.
    """

    mean_kw: float
    deviation_kw: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_kw) and 0.0 <= self.deviation_kw < math.inf):
            raise PlanningError(
                f"need of {self.mean_kw} kW with deviation {self.deviation_kw} kW; expected "
                "numbers, the deviation 0 or above"
            )

    def at_most(self, kw: Floats) -> Floats:
        """Probability that the need is at most each power."""
        if self.deviation_kw == 0.0:
            return np.asarray(np.where(kw >= self.mean_kw, 1.0, 0.0))
        scaled = (kw - self.mean_kw) / (self.deviation_kw * math.sqrt(2.0))
        # The complement keeps the digits of small odds on either side.
        return np.array([0.5 * math.erfc(-value) for value in scaled.ravel()]).reshape(kw.shape)

    def quantile(self, probability: float) -> float:
        """The smallest power that the need does not exceed with a probability, kW."""
        if self.deviation_kw == 0.0:
            return self.mean_kw
        if probability <= 0.0:
            return -math.inf
        if probability >= 1.0:
            return math.inf
        return NormalDist(self.mean_kw, self.deviation_kw).inv_cdf(probability)


@dataclass(frozen=True, slots=True)
class QuantileNeed:
    """A need by some of its quantiles, straight between them; never beyond the outer ones.

    Args:
        probability: levels, rising, from above 0 to 1.
        kw: the need at each, rising, kW. What lies below the first level is at its power.
    """

    probability: tuple[float, ...]
    kw: tuple[float, ...]

    def __post_init__(self) -> None:
        levels, kw = self.probability, self.kw
        if (
            not levels
            or len(levels) != len(kw)
            or any(b <= a for a, b in pairwise(levels))
            or any(b < a for a, b in pairwise(kw))
            or not levels[0] > 0.0
            or levels[-1] != 1.0
        ):
            raise PlanningError(
                f"quantiles {kw} at {levels}; expected rising needs at rising levels up to 1"
            )

    def at_most(self, kw: Floats) -> Floats:
        """Probability that the need is at most each power."""
        # Where two levels share a power the higher one counts.
        place = np.searchsorted(np.array(self.kw), kw, side="right") - 1
        low = np.clip(place, 0, len(self.kw) - 1)
        high = np.minimum(low + 1, len(self.kw) - 1)
        levels, needs = np.array(self.probability), np.array(self.kw)
        width = np.maximum(needs[high] - needs[low], 1e-300)
        share = np.clip((kw - needs[low]) / width, 0.0, 1.0)
        odds = levels[low] + share * (levels[high] - levels[low])
        return np.asarray(np.where(place < 0, 0.0, odds))

    def quantile(self, probability: float) -> float:
        """The smallest power that the need does not exceed with a probability, kW."""
        return float(np.interp(probability, self.probability, self.kw))
