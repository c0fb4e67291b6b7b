"""Areas share nothing in the contract, so each is its own problem: solve apart, put together.

The sum of the areas' optima is the optimum, the sum of their lower bounds is a lower bound, and
a model a third as large is far more than three times as quick.
"""

from __future__ import annotations

from msgspec import structs

from gridmuster.clock import stopwatch_s
from gridmuster.planning.problem import (
    PlanLimits,
    PlanProblem,
    PlanSolution,
)
from gridmuster.planning.solve import solve

#: Least time an area is given however late the others were, s.
LEAST_TIME_S = 1.0


def split(problem: PlanProblem) -> list[PlanProblem]:
    """One problem for each area, in the problem's order."""
    return [
        structs.replace(
            problem,
            id=f"{problem.id}/{area.id}",
            areas=[area],
            units=[unit for unit in problem.units if unit.area == area.id],
            stores=[store for store in problem.stores if store.area == area.id],
            renewables=[sun for sun in problem.renewables if sun.area == area.id],
        )
        for area in problem.areas
    ]


def solve_by_area(
    problem: PlanProblem,
    limits: PlanLimits | None = None,
    previous: PlanSolution | None = None,
) -> PlanSolution:
    """Plan every area by itself.

    Args:
        problem: the question.
        limits: how long and how well to solve, for all areas together.
        previous: an earlier answer, for a first guess.

    Returns:
        One plan for all areas; optimal when every area's is, a fallback when one's is.

    Raises:
        PlanningError: when the problem is malformed.
    """
    limits = PlanLimits() if limits is None else limits
    parts = split(problem)
    if len(parts) <= 1:
        return solve(problem, limits, previous)
    watch_s = stopwatch_s()
    answers: list[PlanSolution] = []
    for number, part in enumerate(parts):
        left_s = limits.time_limit_s - (stopwatch_s() - watch_s)
        share_s = max(left_s / (len(parts) - number), LEAST_TIME_S)
        answers.append(solve(part, structs.replace(limits, time_limit_s=share_s), previous))
    return merge(problem, answers, stopwatch_s() - watch_s)


def merge(problem: PlanProblem, answers: list[PlanSolution], seconds: float) -> PlanSolution:
    """One plan from the plans of all areas."""
    objective = sum(answer.objective_usd for answer in answers)
    bound = sum(answer.lower_bound_usd for answer in answers)
    worst = ["optimal", "time_limit", "fallback"]
    status = max((answer.status for answer in answers), key=worst.index)
    first = answers[0]
    survive = 1.0
    for answer in answers:
        survive *= 1.0 - answer.lolp
    return structs.replace(
        first,
        problem_id=problem.id,
        status=status,
        objective_usd=objective,
        lower_bound_usd=bound,
        gap=max(objective - bound, 0.0) / max(abs(objective), 1e-9),
        seconds=seconds,
        commitment={key: on for answer in answers for key, on in answer.commitment.items()},
        power_kw={key: kw for answer in answers for key, kw in answer.power_kw.items()},
        energy_kwh={key: kwh for answer in answers for key, kwh in answer.energy_kwh.items()},
        import_kw={key: kw for answer in answers for key, kw in answer.import_kw.items()},
        export_kw={key: kw for answer in answers for key, kw in answer.export_kw.items()},
        price_usd_per_kwh={
            key: usd for answer in answers for key, usd in answer.price_usd_per_kwh.items()
        },
        energy_value_usd_per_kwh={
            key: usd for answer in answers for key, usd in answer.energy_value_usd_per_kwh.items()
        },
        shortfalls=[one for answer in answers for one in answer.shortfalls],
        fuel_usd=sum(answer.fuel_usd for answer in answers),
        start_usd=sum(answer.start_usd for answer in answers),
        om_usd=sum(answer.om_usd for answer in answers),
        purchase_usd=sum(answer.purchase_usd for answer in answers),
        sale_usd=sum(answer.sale_usd for answer in answers),
        produced_kwh=sum(answer.produced_kwh for answer in answers),
        fuel_lhv_kwh=sum(answer.fuel_lhv_kwh for answer in answers),
        lolp=1.0 - survive,
        eens_kwh=sum(answer.eens_kwh for answer in answers),
    )
