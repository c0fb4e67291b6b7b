"""An area in which nothing can pay to run: its plan without a solver. Exact.

Most hours of most standby fleets are like this: every unit is off, no interval is left in which
running one may pay (`dominance`), the connection covers the demand, the largest unit and the
reserve, and there is neither store, sun, wind nor line. What is left is the balance

    bought - sold + unserved - surplus = demand,    0 <= bought <= limit

and bought = demand is optimal: with the buying price as the price of the balance no other column
has a negative reduced cost, as long as selling brings no more than buying costs, unserved demand
costs no less, and what nobody takes costs no less than the price is below zero.
"""

from __future__ import annotations

import numpy as np

from gridmuster.planning.areawise import AreaTask
from gridmuster.planning.dominance import has_room
from gridmuster.planning.prepare import Group
from gridmuster.planning.schedule import empty
from gridmuster.planning.search import AreaPlan
from gridmuster.units import SECONDS_PER_HOUR


def resting_plan(task: AreaTask) -> AreaPlan | None:
    """The optimal plan of an area at rest; None when something could run there.

    Args:
        task: the area, its groups narrowed to where running may pay.
    """
    problem = task.problem
    if len(problem.areas) > 1 or problem.stores or problem.renewables or problem.links:
        return None
    if problem.emission_caps or not all(map(_off, task.groups)):
        return None
    (area,), (costs,) = problem.areas, task.costs.areas
    buying, selling = costs.import_usd_per_kwh, costs.export_usd_per_kwh
    demand = np.asarray(area.demand_kw, dtype=float)
    if (
        costs.headroom_kw
        or not has_room(area, [], task.groups).all()
        or demand.min(initial=0.0) < 0.0
        or (selling > buying).any()
        or (buying > costs.unserved_usd_per_kwh).any()
        or (buying < -costs.surplus_usd_per_kwh).any()
    ):
        return None
    plan = empty(problem)
    plan.bought[0] = demand
    usd = float((buying * demand).sum()) * problem.step_s / SECONDS_PER_HOUR
    return AreaPlan(
        schedule=plan,
        objective_usd=usd,
        bound_usd=usd,
        status="optimal",
        prices=np.array([buying], dtype=float),
        energy_values=np.zeros((0, problem.count)),
    )


def _off(group: Group) -> bool:
    """Whether a group is off and can only stay so, at no cost."""
    return not (group.on_before or group.open.any() or group.held_on.any() or group.must_run.any())
