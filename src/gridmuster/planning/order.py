"""Objectives in strict order: each but the last to a mark, among plans that keep those before.

Every plan on the way is one of a blend. The first objective is planned for alone. Then, one after
the other, the next is mixed in: the weight of the blend so far is found, by halving its logarithm,
that is as small as it may be while all marks so far are kept. The marks are checked on the plans
themselves, so that the order is strict; what comes next is the least that these blends give (a plan
between two blends, which no weights lead to, is not looked for), and the answer says how far above
its own lower bound it is at most.

An order may be of one area or one device alone: its weights vary, all others keep theirs. What an
objective may lose is then a share of what it could gain there, for a share of the whole would hide
what one device does; what is within the gap of the plans cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, structs

from gridmuster.errors import PlanningError
from gridmuster.planning.figures import figures
from gridmuster.planning.objectives import NAMES, normal, parse
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution, Weights
from gridmuster.planning.solve import solve

#: The least and the most that a kWh of the blend so far counts beside the next, as a ratio.
LEAST_RATIO, MOST_RATIO = 1e-3, 1e3
#: How often the interval between them is halved (by logarithm): six decades to a tenth of one.
HALVINGS = 6


class Mark(Struct, frozen=True):
    """How good an objective has to be before the next one counts.

    Args:
        objective: its name, like ``reliability``.
        within: at most this share above the best plan that keeps the marks before it (counted from
            the figure of `planning.figures`); where the order is of one part, at most this share
            of the way from there to the plan made for the next alone.
        lolp: instead: the mean odds of loss of load in an interval are at most this.
    """

    objective: str
    within: float = 0.01
    lolp: float | None = None


class Kept(Struct, frozen=True):
    """How a mark came out.

    Args:
        mark: the mark.
        figure: the objective's figure in the plan (LOLP where the mark is one).
        most: the most it might be.
    """

    mark: Mark
    figure: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the plan keeps the mark."""
        return self.figure <= self.most


class Ordered(Struct, frozen=True):
    """A plan made in strict order.

    Args:
        problem: the question with the blend's weights, as it was answered.
        solution: the plan; its objective and bound are those of the blend.
        marks: how they came out, in their order. Where one is out of reach of every blend the plan
            is the nearest to it, and those after it are not there.
        then: the last objective.
        last: its figure in this plan.
        last_alone: the same in the plan made for it alone: what the marks cost. NaN where a mark
            is out of reach, for then it was not asked for.
        plans: how many plans were made.
        where: id of the area or device that the order is for; empty: all.
    """

    problem: PlanProblem
    solution: PlanSolution
    marks: list[Kept]
    then: str
    last: float
    last_alone: float
    plans: int
    where: str = ""

    @property
    def met(self) -> bool:
        """Whether the plan keeps every mark."""
        return all(kept.met for kept in self.marks)

    def judged(self, solution: PlanSolution) -> Ordered:
        """The same marks held against another plan of about the same question."""
        held = [
            structs.replace(kept, figure=figure(self.problem, solution, kept.mark))
            for kept in self.marks
        ]
        last = value(self.problem, solution, self.then)
        return structs.replace(self, solution=solution, marks=held, last=last)


class _Search:
    """Plans of blends, of all or of one part."""

    def __init__(self, problem: PlanProblem, limits: PlanLimits | None, where: str) -> None:
        self._problem, self._limits, self._where = problem, limits, where
        self._last: PlanSolution | None = None
        self.plans = 0

    def solve(self, weights: Weights) -> PlanSolution:
        """The plan of a blend; the one before is its first guess."""
        self._last = solve(self.asked(weights), self._limits, self._last)
        self.plans += 1
        return self._last

    def asked(self, weights: Weights) -> PlanProblem:
        """The problem with the weights of a blend."""
        if self._where:
            own = {**self._problem.objectives, self._where: weights}
            return structs.replace(self._problem, objectives=own)
        return structs.replace(self._problem, weights=weights)

    def keeps(self, solution: PlanSolution, marks: list[Kept]) -> bool:
        """Whether a plan keeps all of some marks."""
        return all(figure(self._problem, solution, one.mark) <= one.most for one in marks)

    def limit(self, mark: Mark, best: PlanSolution, alone: PlanSolution) -> float:
        """The most that a figure may be, the best plans for it and for the next being known."""
        if mark.lolp is not None:
            return mark.lolp
        least = figure(self._problem, best, mark)
        room = abs(least)
        if self._where:
            room = max(figure(self._problem, alone, mark) - least, 0.0)
        return least + mark.within * room


def figure(problem: PlanProblem, solution: PlanSolution, mark: Mark) -> float:
    """The figure of a plan that a mark is about."""
    if mark.lolp is not None:
        return solution.lolp
    return value(problem, solution, mark.objective)


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
    marks: Sequence[Mark],
    then: str,
    limits: PlanLimits | None = None,
    where: str = "",
) -> Ordered:
    """Plan for one objective to a mark, then for another to its mark, and so on, then for the last.

    Args:
        problem: the question; its own weights do not count where the order holds.
        marks: the objectives before the last and how good they have to be, the first one first.
        then: name of the last objective.
        limits: how long and how well to solve each of the plans, of which there are at most 1 and
            `HALVINGS` + 1 for each mark.
        where: id of the area or device that the order is for; empty: for all areas and devices
            that have no objective of their own.

    Raises:
        PlanningError: for an unknown or repeated objective, no mark, or a malformed problem.
    """
    names = [*(mark.objective for mark in marks), then]
    for name in names:
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise PlanningError(f"objective {name!r} is not known; there are {known}")
    if len(set(names)) < len(names) or len(names) < 2:
        raise PlanningError(
            f"an order of {', '.join(names)}: expected two or more objectives, each once"
        )
    search = _Search(problem, limits, where)
    weights = parse(names[0])
    chosen = search.solve(weights)
    held: list[Kept] = []
    last_alone = float("nan")
    for mark, name in zip(marks, names[1:], strict=True):
        alone = search.solve(parse(name))
        least = figure(problem, chosen, mark)
        held.append(Kept(mark, least, search.limit(mark, chosen, alone)))
        if not held[-1].met:
            break
        last_alone = value(problem, alone, name)
        weights, chosen = _lowest(search, problem, (weights, chosen), (name, alone), held)
    done = Ordered(
        problem=search.asked(weights),
        solution=chosen,
        marks=held,
        then=then,
        last=0.0,
        last_alone=last_alone if len(held) == len(marks) else float("nan"),
        plans=search.plans,
        where=where,
    )
    return done.judged(chosen)


def _lowest(
    search: _Search,
    problem: PlanProblem,
    base: tuple[Weights, PlanSolution],
    following: tuple[str, PlanSolution],
    held: list[Kept],
) -> tuple[Weights, PlanSolution]:
    """The blend of what was chosen so far and an objective that is least in it and keeps marks."""
    name, alone = following
    if search.keeps(alone, held):
        return parse(name), alone
    first, chosen = base
    weights, low, high = first, LEAST_RATIO, MOST_RATIO
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        mixed = _mixed(first, parse(name), middle)
        plan = search.solve(mixed)
        keeps = search.keeps(plan, held)
        if keeps and value(problem, plan, name) <= value(problem, chosen, name):
            chosen, weights = plan, mixed
        low, high = (low, middle) if keeps else (middle, high)
    return weights, chosen


def _mixed(one: Weights, other: Weights, ratio: float) -> Weights:
    """A blend of two blends; the ratio is the weight of the first over that of the second."""
    return normal(
        Weights(
            **{
                name: ratio * getattr(one, name) + getattr(other, name)
                for name in Weights.__struct_fields__
            }
        )
    )
