"""Plans between the relaxation and the best plan, in the model of alike units together.

Where the relaxation of the tight model and the best plan agree how many of a family are on, that
stays; the rest is a small model of its own (relaxation induced neighbourhoods: Danna, Rothberg and
Le Pape, Math. Programming 102, 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.cases.families import Families, as_plan, as_start, families_of, narrowed
from gridmuster.planning.cases.lane import RunLimits, WatchedRun
from gridmuster.planning.cases.neighbourhoods import PlanSearch
from gridmuster.planning.cases.prices import Mix
from gridmuster.planning.cases.tight import TightModel, build
from gridmuster.planning.highs import relaxed
from gridmuster.planning.linear import Floats, LinearArrays

#: Cost of the best plan and room to it are taken so much wider, for rounding.
SLACK = 1e-7
#: Gap of a neighbourhood at which to stop, as a share of the gap asked for, and least and most, of
#: the best plan's cost.
SHARE, LEAST_GAP, MOST_GAP = 0.1, 1e-4, 1e-3
#: Most time for one neighbourhood, s.
TURN_S = 15.0
#: A relaxed value this near to a whole number is one.
WHOLE = 1e-6


@dataclass(frozen=True, slots=True)
class FamilyModel:
    """A case with alike units together, and its model."""

    families: Families
    model: TightModel

    def narrowed(self, plans: PlanSearch, mix: Mix) -> TightModel:
        """The model without what no plan better than the best one has."""
        cost = plans.cost
        if not np.isfinite(cost):
            return self.model
        room = cost + SLACK * abs(cost) - mix.bound
        regret = plans.pricing.regrets(mix.prices)
        return replace(self.model, arrays=narrowed(self.families, self.model, regret, room))


def family_model(plans: PlanSearch) -> FamilyModel:
    """The model of families of a search's case."""
    families = families_of(plans.pricing.case)
    return FamilyModel(families, build(families.case, fleet_rows=True))


class Between:
    """Looks for plans between the relaxation and the best plan.

    Args:
        plans: the search, which has a plan.
        family: the model of families.
        mix: where prices stand.
        gap: relative gap asked for.
        left_s: time left, s.
    """

    def __init__(
        self,
        plans: PlanSearch,
        family: FamilyModel,
        mix: Mix,
        gap: float,
        left_s: Callable[[], float],
    ) -> None:
        self._plans = plans
        self._family = family
        self._mix = mix
        self._gap = min(max(SHARE * gap, LEAST_GAP), MOST_GAP)
        self._left_s = left_s
        self._point: Floats | None = None

    def turn(self, spread_h: int, point: Floats | None = None) -> bool:
        """Search between the two; whether a better plan came of it.

        Args:
            spread_h: hours before and after a difference that are open as well.
            point: values of the model's columns to go towards; None for the relaxation's.
        """
        best = self._plans.best
        if best is None or self._left_s() <= 0.0:
            return False
        model = self._family.narrowed(self._plans, self._mix)
        if point is None:
            point = self._relaxed(model)
        if point is None:
            return False
        start = as_start(self._family.families, model, best.plan)
        now = np.zeros(len(model.arrays.cost))
        now[start.columns] = start.values
        arrays = _between(model, point, now, spread_h)
        gap = self._gap * abs(self._plans.cost)
        run = WatchedRun(arrays, start, RunLimits(min(self._left_s(), TURN_S), 1, gap))
        run.run()
        values = run.take()
        if values is None:
            return False
        plan = as_plan(self._plans.pricing.case, self._family.families, model, values)
        return self._plans.offer(plan)

    def _relaxed(self, model: TightModel) -> Floats | None:
        if self._point is None:
            point = relaxed(model.arrays, 1, self._left_s())
            self._point = None if point is None else point.values
        return self._point


def _between(model: TightModel, point: Floats, now: Floats, spread_h: int) -> LinearArrays:
    """The model with numbers on held between a relaxed point and a plan, hours near one open."""
    arrays = model.arrays
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    for made in model.groups:
        low = np.minimum(np.floor(point[made.on] + WHOLE), now[made.on])
        high = np.maximum(np.ceil(point[made.on] - WHOLE), now[made.on])
        lowest, highest = low.copy(), high.copy()
        for shift in range(1, spread_h + 1):
            lowest[shift:] = np.minimum(lowest[shift:], low[:-shift])
            lowest[:-shift] = np.minimum(lowest[:-shift], low[shift:])
            highest[shift:] = np.maximum(highest[shift:], high[:-shift])
            highest[:-shift] = np.maximum(highest[:-shift], high[shift:])
        lower[made.on] = np.minimum(np.maximum(lower[made.on], lowest), now[made.on])
        upper[made.on] = np.maximum(np.minimum(upper[made.on], highest), now[made.on])
    return replace(arrays, lower=lower, upper=upper)
