"""Objectives in strict order: one first, to within a mark, then another among plans that keep it.

Every plan on the way is one of a blend of the two: the weight of the first is found, by halving its
logarithm, that is as small as it may be while the mark is kept. The mark is checked on the plan
itself, so that the order is strict; the second objective is the least that blends give (a plan
between two blends, which no weights lead to, is not looked for), and the answer says how far above
its own lower bound it is at most.

An order may be of one area or one device alone: its weights vary, all others keep theirs. What the
first may lose is then a share of what it could gain there, for a share of the whole would hide what
one device does; what is within the gap of the plans cannot be told apart.
"""

from __future__ import annotations

from msgspec import Struct, structs

from gridmuster.errors import PlanningError
from gridmuster.planning.figures import figures
from gridmuster.planning.objectives import NAMES, parse
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution, Weights
from gridmuster.planning.solve import solve

#: The least and the most that a kWh of the first objective counts beside the second, as a ratio.
LEAST_RATIO, MOST_RATIO = 1e-3, 1e3
#: How often the interval between them is halved (by logarithm): six decades to a tenth of one.
HALVINGS = 6


class Mark(Struct, frozen=True):
    """How good the first objective has to be.

    Args:
        objective: its name, like ``reliability``.
        within: at most this share above the best plan made for it alone (counted from the figure
            of `planning.figures`); where the order is of one part, at most this share of the way
            from there to the plan made for the second alone.
        lolp: instead: the mean odds of loss of load in an interval are at most this.
    """

    objective: str
    within: float = 0.01
    lolp: float | None = None


class Ordered(Struct, frozen=True):
    """A plan made in strict order.

    Args:
        problem: the question with the blend's weights, as it was answered.
        solution: the plan; its objective and bound are those of the blend.
        met: whether it keeps the mark; if not, no plan of any blend does, and this is the nearest.
        ratio: weight of the first objective over that of the second; 0: the second alone.
        first: the first objective's figure in this plan (LOLP where the mark is one).
        mark: the most it might be.
        second: the second objective's figure in this plan.
        second_alone: the same in the plan made for the second alone: what the mark costs.
        plans: how many plans were made.
    """

    problem: PlanProblem
    solution: PlanSolution
    met: bool
    ratio: float
    first: float
    mark: float
    second: float
    second_alone: float
    plans: int


class _Search:
    """Plans of blends of two objectives, of all or of one part."""

    def __init__(
        self, problem: PlanProblem, mark: Mark, then: str, limits: PlanLimits | None, where: str
    ) -> None:
        for name in (mark.objective, then):
            if name not in NAMES:
                known = ", ".join(NAMES)
                raise PlanningError(f"objective {name!r} is not known; there are {known}")
        self._mark, self._then, self._limits, self._where = mark, then, limits, where
        self._problem = problem
        self._last: PlanSolution | None = None
        self.plans = 0

    def solve(self, ratio: float) -> PlanSolution:
        """The plan of a blend; an infinite ratio is the first objective alone."""
        self._last = solve(self.asked(ratio), self._limits, self._last)
        self.plans += 1
        return self._last

    def asked(self, ratio: float) -> PlanProblem:
        """The problem with the weights of a blend."""
        first, second = NAMES[self._mark.objective], NAMES[self._then]
        if ratio == float("inf"):
            weights = parse(self._mark.objective)
        else:
            share = ratio / (1.0 + ratio)
            weights = structs.replace(
                Weights(operating_expense=0.0), **{first: share, second: 1.0 - share}
            )
        if self._where:
            own = {**self._problem.objectives, self._where: weights}
            return structs.replace(self._problem, objectives=own)
        return structs.replace(self._problem, weights=weights, objectives={})

    def first(self, solution: PlanSolution) -> float:
        """The figure that the mark is about."""
        if self._mark.lolp is not None:
            return solution.lolp
        return value(self._problem, solution, self._mark.objective)

    def second(self, solution: PlanSolution) -> float:
        """The figure of the second objective."""
        return value(self._problem, solution, self._then)

    def limit(self, best: PlanSolution, alone: PlanSolution) -> float:
        """The most that the first figure may be, the best plans for either being known."""
        if self._mark.lolp is not None:
            return self._mark.lolp
        least = self.first(best)
        room = max(self.first(alone) - least, 0.0) if self._where else abs(least)
        return least + self._mark.within * room


def value(problem: PlanProblem, solution: PlanSolution, objective: str) -> float:
    """An objective's figure in a plan, whatever it was made for (`planning.figures`)."""
    found = figures(problem, solution)
    return {
        "operating-expense": found.operating_expense_usd,
        "production-cost": found.production_cost_usd,
        "efficiency": found.primary_kwh,
        "reliability": found.expected_unserved_kwh,
    }[objective]


def in_order(
    problem: PlanProblem,
    mark: Mark,
    then: str,
    limits: PlanLimits | None = None,
    where: str = "",
) -> Ordered:
    """Plan for one objective to a mark, then for another.

    Args:
        problem: the question; its own weights do not count where the order holds.
        mark: the first objective and how good it has to be.
        then: name of the second objective.
        limits: how long and how well to solve each of the at most `HALVINGS` + 2 plans.
        where: id of the area or device that the order is for; empty: for all, whatever objectives
            areas and devices have of their own.

    Raises:
        PlanningError: for an unknown objective, or a malformed problem.
    """
    search = _Search(problem, mark, then, limits, where)
    alone = search.solve(0.0)
    best = search.solve(float("inf"))
    most = search.limit(best, alone)
    chosen, ratio = best, float("inf")
    if search.first(alone) <= most:
        chosen, ratio = alone, 0.0
    elif search.first(best) <= most:
        low, high = LEAST_RATIO, MOST_RATIO
        for _ in range(HALVINGS):
            middle = (low * high) ** 0.5
            plan = search.solve(middle)
            keeps = search.first(plan) <= most
            if keeps and search.second(plan) <= search.second(chosen):
                chosen, ratio = plan, middle
            low, high = (low, middle) if keeps else (middle, high)
    return Ordered(
        problem=search.asked(ratio),
        solution=chosen,
        met=search.first(chosen) <= most,
        ratio=ratio,
        first=search.first(chosen),
        mark=most,
        second=search.second(chosen),
        second_alone=search.second(alone),
        plans=search.plans,
    )
