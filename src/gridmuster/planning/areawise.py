"""Areas share no constraint, so each is planned alone: far smaller models, the same optimum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from gridmuster.planning.dominance import close_idle
from gridmuster.planning.objectives import Costs
from gridmuster.planning.prepare import Group, loosen, singles, together
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.schedule import Schedule, empty


@dataclass(frozen=True, slots=True)
class AreaTask:
    """One area as a problem of its own; ``units`` and so on are numbers in the whole problem."""

    problem: PlanProblem
    costs: Costs
    groups: list[Group]
    area: int
    units: list[int]
    stores: list[int]
    renewables: list[int]

    @property
    def size(self) -> int:
        """How many on-off decisions are open."""
        return sum(int(group.open.sum()) for group in self.groups)


def tasks(problem: PlanProblem, costs: Costs) -> list[AreaTask]:
    """One task an area, in the problem's order."""
    found = []
    for number, area in enumerate(problem.areas):
        units = [n for n, unit in enumerate(problem.units) if unit.area == area.id]
        stores = [n for n, store in enumerate(problem.stores) if store.area == area.id]
        renewables = [n for n, one in enumerate(problem.renewables) if one.area == area.id]
        alone = msgspec.structs.replace(
            problem,
            areas=[area],
            units=[problem.units[n] for n in units],
            stores=[problem.stores[n] for n in stores],
            renewables=[problem.renewables[n] for n in renewables],
        )
        own = replace(
            costs,
            areas=(costs.areas[number],),
            units=tuple(costs.units[n] for n in units),
            stores=tuple(costs.stores[n] for n in stores),
            renewables=tuple(costs.renewables[n] for n in renewables),
        )
        groups = close_idle(alone, own, singles(alone, own))
        groups = together([loosen(group) for group in groups])
        found.append(AreaTask(alone, own, groups, number, units, stores, renewables))
    return found


def whole(problem: PlanProblem, parts: list[tuple[AreaTask, Schedule]]) -> Schedule:
    """Put the areas' schedules together."""
    plan = empty(problem)
    for task, part in parts:
        for name in ("on", "power", "ramp", "idle"):
            getattr(plan, name)[task.units] = getattr(part, name)
        for name in ("charge", "discharge", "energy", "floor", "end"):
            getattr(plan, name)[task.stores] = getattr(part, name)
        plan.renewable[task.renewables] = part.renewable
        for name in ("bought", "sold", "unserved", "surplus", "reserve_short"):
            getattr(plan, name)[task.area] = getattr(part, name)[0]
    return plan


def all_groups(parts: list[AreaTask]) -> list[Group]:
    """The groups of all areas, with their numbers in the whole problem."""
    return [
        replace(
            group,
            area=task.area,
            members=tuple(task.units[member] for member in group.members),
        )
        for task in parts
        for group in task.groups
    ]


def share(total: float, weights: list[float]) -> list[float]:
    """Split a total in proportion to weights, equally when they are all nothing."""
    whole_weight = float(np.sum(weights))
    if whole_weight <= 0.0:
        return [total / max(1, len(weights))] * len(weights)
    return [total * weight / whole_weight for weight in weights]
