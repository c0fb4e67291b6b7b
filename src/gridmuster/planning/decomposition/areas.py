"""Plan one area of a planning problem by price decomposition."""

from __future__ import annotations

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.areawise import AreaTask
from gridmuster.planning.decomposition.bounding import proven
from gridmuster.planning.decomposition.problems import fleet_of, schedule_of, unmodelled
from gridmuster.planning.decomposition.solving import FleetLimits, solve_fleet
from gridmuster.planning.decomposition.store_kernels import energy_worths
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.problem import PlanLimits, PlanSolution
from gridmuster.planning.schedule import weighted_usd
from gridmuster.planning.search import AreaPlan, status_of

#: Devices of an area from which on the decomposition is taken when nobody says which.
MANY = 1500


def suits(task: AreaTask) -> bool:
    """Whether an area is large enough for the decomposition, and has nothing it does not model."""
    devices = len(task.units) + len(task.stores)
    return devices >= MANY and not unmodelled(task)


def plan_area(
    task: AreaTask, limits: PlanLimits, time_limit_s: float, previous: PlanSolution | None
) -> AreaPlan:
    """Plan an area, with a bound.

    Args:
        task: the area.
        limits: gap and threads.
        time_limit_s: most wall time, s.
        previous: an earlier answer, whose prices are the first ones tried.

    Raises:
        PlanningError: when the problem has what the decomposition does not model.
    """
    lacking = unmodelled(task)
    if lacking:
        raise PlanningError(
            f"method decomposition: {task.problem.id} has what it does not model: "
            f"{'; '.join(lacking)}; expected method milp or auto"
        )
    fleet, constant = fleet_of(task)
    area = task.problem.areas[0]
    first = None
    if previous is not None and len(previous.price_usd_per_kwh.get(area.id, [])) == fleet.count:
        energy = np.asarray(previous.price_usd_per_kwh[area.id], dtype=float)
        first = Prices(energy, np.zeros(fleet.count))
    answer = solve_fleet(fleet, FleetLimits(limits.gap, time_limit_s, limits.threads), first=first)
    schedule = schedule_of(task, answer.plan)
    objective = weighted_usd(task.problem, task.costs, schedule)
    bound = proven(answer.bound_usd + constant, objective)
    values = np.zeros(answer.plan.store_kwh.shape)
    energy_worths(
        fleet.stores, answer.plan.prices.energy - answer.plan.prices.reserve, fleet.step_h,
        answer.plan.store_kwh, values,
    )  # fmt: skip
    return AreaPlan(
        schedule=schedule,
        objective_usd=objective,
        bound_usd=bound,
        status=status_of(objective, bound, limits),
        prices=answer.plan.prices.energy[None, :],
        energy_values=values,
    )
