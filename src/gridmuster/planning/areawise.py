"""Areas that share no constraint are planned alone: far smaller models, the same optimum.

Links and emission caps tie areas together; what they tie is planned as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from gridmuster.planning.dominance import close_idle
from gridmuster.planning.emissions import counts
from gridmuster.planning.objectives import Costs
from gridmuster.planning.prepare import Group, loosen, singles, together
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.schedule import Schedule, empty


@dataclass(frozen=True, slots=True)
class AreaTask:
    """Areas as a problem of their own; ``units`` and so on are numbers in the whole problem."""

    problem: PlanProblem
    costs: Costs
    groups: list[Group]
    areas: list[int]
    units: list[int]
    stores: list[int]
    renewables: list[int]
    links: list[int]
    caps: list[int]

    @property
    def area(self) -> int:
        """The first of its areas, by which it is known."""
        return self.areas[0]

    @property
    def size(self) -> int:
        """How many on-off decisions are open."""
        return sum(int(group.open.sum()) for group in self.groups)


def tasks(problem: PlanProblem, costs: Costs) -> list[AreaTask]:
    """One task for areas that hang together, in the order of their first areas."""
    found = []
    for numbers in components(problem):
        areas = {problem.areas[number].id for number in numbers}
        units = [n for n, unit in enumerate(problem.units) if unit.area in areas]
        stores = [n for n, store in enumerate(problem.stores) if store.area in areas]
        renewables = [n for n, one in enumerate(problem.renewables) if one.area in areas]
        links = [n for n, link in enumerate(problem.links) if link.from_area in areas]
        caps = [
            n
            for n, cap in enumerate(problem.emission_caps)
            if any(counts(cap, problem.units[unit]) for unit in units)
        ]
        alone = msgspec.structs.replace(
            problem,
            areas=[problem.areas[n] for n in numbers],
            units=[problem.units[n] for n in units],
            stores=[problem.stores[n] for n in stores],
            renewables=[problem.renewables[n] for n in renewables],
            links=[problem.links[n] for n in links],
            emission_caps=[problem.emission_caps[n] for n in caps],
        )
        own = replace(
            costs,
            areas=tuple(costs.areas[n] for n in numbers),
            units=tuple(costs.units[n] for n in units),
            stores=tuple(costs.stores[n] for n in stores),
            renewables=tuple(costs.renewables[n] for n in renewables),
            links=tuple(costs.links[n] for n in links),
        )
        groups = close_idle(alone, own, singles(alone, own))
        groups = together([loosen(group) for group in groups])
        found.append(AreaTask(alone, own, groups, numbers, units, stores, renewables, links, caps))
    return found


def components(problem: PlanProblem) -> list[list[int]]:
    """Numbers of the areas that links and emission caps tie together, each list rising."""
    number = {area.id: n for n, area in enumerate(problem.areas)}
    leader = list(range(len(problem.areas)))

    def tie(areas: list[int]) -> None:
        lowest = min(leader[n] for n in areas)
        tied = {leader[n] for n in areas}
        for n, one in enumerate(leader):
            if one in tied:
                leader[n] = lowest

    for link in problem.links:
        tie([number[link.from_area], number[link.to_area]])
    for cap in problem.emission_caps:
        emitting = [number[unit.area] for unit in problem.units if counts(cap, unit)]
        if emitting:
            tie(emitting)
    found: dict[int, list[int]] = {}
    for n, one in enumerate(leader):
        found.setdefault(one, []).append(n)
    return list(found.values())


def whole(problem: PlanProblem, parts: list[tuple[AreaTask, Schedule]]) -> Schedule:
    """Put the areas' schedules together."""
    plan = empty(problem)
    for task, part in parts:
        for name in ("on", "power", "ramp", "idle"):
            getattr(plan, name)[task.units] = getattr(part, name)
        for name in ("charge", "discharge", "energy", "floor", "end", "hour"):
            getattr(plan, name)[task.stores] = getattr(part, name)
        plan.renewable[task.renewables] = part.renewable
        for name in ("bought", "sold", "unserved", "surplus", "reserve_short"):
            getattr(plan, name)[task.areas] = getattr(part, name)
        plan.link[task.links] = part.link
        plan.link_reserve[task.links] = part.link_reserve
        plan.excess[task.caps] = part.excess
    return plan


def all_groups(parts: list[AreaTask]) -> list[Group]:
    """The groups of all areas, with their numbers in the whole problem."""
    return [
        replace(
            group,
            area=task.areas[group.area],
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
