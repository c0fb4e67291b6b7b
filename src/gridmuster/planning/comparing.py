"""The four objectives for the same problem, side by side: what each costs and what it buys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec import Struct, structs

from gridmuster.planning.figures import figures
from gridmuster.planning.objectives import NAMES, parse
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.solve import solve
from gridmuster.units import SECONDS_PER_HOUR

#: The objectives in the order in which they are shown.
OBJECTIVES = tuple(NAMES)


class Compared(Struct, frozen=True):
    """A plan for one objective in figures that do not depend on the objective.

    ``operating_expense_usd`` and ``cost_usd_per_kwh`` count energy left in stores and unserved
    energy at its value (`planning.figures`). ``efficiency`` is demand served over primary energy,
    None where there is none. ``lolp`` is the mean odds of loss of load in an interval, ``eens_kwh``
    the energy not served, planned and by outages.
    """

    objective: str
    status: str
    gap: float
    seconds: float
    operating_expense_usd: float
    cost_usd_per_kwh: float
    efficiency: float | None
    lolp: float
    eens_kwh: float
    starts: int
    unit_h: float
    imported_kwh: float
    generated_kwh: float
    shortfalls: int


class Comparison(Struct, frozen=True):
    """How far a comparison has come: ``none``, ``running``, ``done`` or ``failed``.

    ``plan`` is the id of the plan whose problem is solved anew; ``error`` says why it failed.
    """

    status: str = "none"
    plan: str = ""
    begun_ms: int = 0
    start_ms: int = 0
    rows: list[Compared] = []
    error: str = ""


def under(problem: PlanProblem, objective: str) -> PlanProblem:
    """The same problem with one objective for every area and device.

    Raises:
        PlanningError: for an unknown objective.
    """
    return structs.replace(problem, weights=parse(objective), objectives={})


def compared(problem: PlanProblem, solution: PlanSolution, objective: str) -> Compared:
    """A plan's figures.

    Args:
        problem: the question.
        solution: its answer.
        objective: what it was planned for.
    """
    found = figures(problem, solution)
    step_h = problem.step_s / SECONDS_PER_HOUR
    starts = hours = 0.0
    for unit in problem.units:
        on = np.asarray(solution.commitment[unit.id])
        starts += float(np.maximum(np.diff(on, prepend=int(unit.initial_on)), 0).sum())
        hours += float(on.sum()) * step_h
    primary = found.primary_kwh_per_kwh
    return Compared(
        objective=objective,
        status=solution.status,
        gap=solution.gap,
        seconds=solution.seconds,
        operating_expense_usd=found.operating_expense_usd,
        cost_usd_per_kwh=found.production_cost_usd_per_kwh,
        efficiency=1.0 / primary if primary > 0.0 else None,
        lolp=solution.lolp,
        eens_kwh=found.expected_unserved_kwh,
        starts=round(starts),
        unit_h=hours,
        imported_kwh=sum(sum(series) for series in solution.import_kw.values()) * step_h,
        generated_kwh=solution.produced_kwh,
        shortfalls=len(solution.shortfalls),
    )


def compare(
    problem: PlanProblem, limits: PlanLimits | None = None, previous: PlanSolution | None = None
) -> Iterator[Compared]:
    """Plan the same problem for each objective, one after the other.

    Args:
        problem: the question; its own weights do not count.
        limits: how long and how well to solve each.
        previous: an earlier answer, as a first guess.
    """
    for objective in OBJECTIVES:
        asked = under(problem, objective)
        yield compared(asked, solve(asked, limits, previous), objective)
