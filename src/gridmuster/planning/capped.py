"""Large fleets under emission caps: each cap has a price, and without caps areas stand alone.

With prices ``m`` on the caps, every kilogram costs its unit ``m`` and

    sum over areas  least cost at these prices  -  sum over caps  m x limit

is no more than the cost of any plan, whatever ``m`` from 0 to what the excess costs (weak duality;
what is above a cap then pays for itself). Each area is planned by decomposition. Emissions fall as
their price rises, so that the best price is looked for between two that straddle the limit. Every
plan on the way is priced by the true costs, what it emits above a cap included.

Devices' costs do not change over the horizon, so that caps on parts of it (today, tomorrow) share
one price: any prices give a bound. They must have no gaps between them; others are not planned
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from msgspec import structs

from gridmuster.clock import stopwatch_s
from gridmuster.planning.areawise import AreaTask, tasks, whole
from gridmuster.planning.decomposition.areas import MANY, plan_area
from gridmuster.planning.decomposition.bounding import proven
from gridmuster.planning.decomposition.problems import unmodelled
from gridmuster.planning.emissions import counts, emitted_kg, excess_kg, window
from gridmuster.planning.linear import Floats
from gridmuster.planning.loosened import looser
from gridmuster.planning.objectives import Costs, UnitCosts
from gridmuster.planning.problem import EmissionCap, PlanLimits, PlanSolution, PlanUnit
from gridmuster.planning.schedule import Schedule, weighted_usd
from gridmuster.planning.search import AreaPlan, status_of

PlanPart = Callable[[AreaTask, PlanLimits, float, PlanSolution | None], AreaPlan]
#: Most prices tried for one cap in a round, and most rounds over several caps.
TRIES, ROUNDS = 12, 2
#: A price that is too low is tried so many times as high.
RISE = 4.0
#: Share of the way between two prices that a try keeps from either.
MARGIN = 0.05
#: Emissions below a limit by no more than this share of it are at it.
AT_LIMIT = 4e-3
#: Gap of plans that only tell what a price leads to, as a multiple of the gap asked for, and the
#: share of the time left that one of them may take.
ROUGH, ROUGH_TIME = 10.0, 0.2


@dataclass(frozen=True, slots=True)
class Group:
    """Caps with one price: the same pollutant and areas, one part of the horizon after the other.

    ``numbers`` are those of the caps in the problem; ``most_usd`` is the highest price, USD/kg.
    """

    numbers: list[int]
    caps: list[EmissionCap]
    most_usd: float

    @property
    def limit_kg(self) -> float:
        """What may be emitted over the horizon, kg."""
        return sum(cap.limit_kg for cap in self.caps)


def groups_of(task: AreaTask) -> list[Group] | None:
    """A task's caps by price; None when some cover a part of the horizon alone."""
    found: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    caps, count = task.problem.emission_caps, task.problem.count
    for number, cap in enumerate(caps):
        found.setdefault((cap.pollutant, tuple(sorted(cap.areas))), []).append(number)
    groups = []
    for numbers in found.values():
        numbers.sort(key=lambda number: caps[number].first)
        at = 0
        for number in numbers:
            first, end = window(caps[number], count)
            if first != at:
                return None
            at = end
        if at != count:
            return None
        own = [caps[number] for number in numbers]
        groups.append(Group(numbers, own, min(cap.excess_usd_per_kg for cap in own)))
    return groups


def suits_capped(task: AreaTask) -> bool:
    """Whether a task with caps is large enough, and has nothing else that is not modelled."""
    problem = task.problem
    devices = len(task.units) + len(task.stores)
    if not problem.emission_caps or problem.links or devices < MANY or groups_of(task) is None:
        return False
    parts = tasks(structs.replace(problem, emission_caps=[]), task.costs)
    return all(not unmodelled(part) or looser(part) is not None for part in parts)


def plan_capped(
    task: AreaTask,
    limits: PlanLimits,
    time_limit_s: float,
    previous: PlanSolution | None,
    plan_part: PlanPart = plan_area,
) -> AreaPlan:
    """Plan areas that caps tie together, with a bound.

    Args:
        task: the areas.
        limits: gap and threads.
        time_limit_s: most wall time for all prices tried, s.
        previous: an earlier answer, whose prices are the first ones tried.
        plan_part: plans one area at given prices of caps.

    Raises:
        PlanningError: when the problem has what the decomposition does not model.
    """
    groups = groups_of(task)
    if groups is None or task.problem.links:
        return plan_area(task, limits, time_limit_s, previous)  # refuses it by name
    until_s = stopwatch_s() + time_limit_s

    def plan(part: AreaTask, rough: PlanLimits, most_s: float) -> AreaPlan:
        return plan_part(part, rough, most_s, previous)

    search = _Search(task, groups, limits, until_s, plan)
    prices = np.zeros(len(groups))
    for _ in range(ROUNDS if len(groups) > 1 else 1):
        for number in range(len(groups)):
            if not search.done():
                _settle(search, prices, number)
    if not search.done():
        search.finely(prices)
    return search.answer()


def _settle(search: _Search, prices: Floats, number: int) -> None:
    """Set one cap's price to where it is just kept, the others' being given: changes ``prices``."""
    group = search.groups[number]
    close_kg = AT_LIMIT * group.limit_kg

    def beyond(price: float) -> float:
        """Emissions above what is aimed at, kg: half of what is still close to the limit."""
        prices[number] = price
        return float(search.over_kg(prices)[number]) + 0.5 * close_kg

    low, above = 0.0, beyond(0.0)
    if above <= 0.5 * close_kg:
        return
    high = min(search.usd_per_kg(above + group.limit_kg), group.most_usd)
    below = beyond(high)
    tries = 2
    while below > 0.0 and high < group.most_usd and not search.done():
        low, above, high = high, below, min(RISE * high, group.most_usd)
        below = beyond(high)
        tries += 1
    while below < -0.5 * close_kg and tries < TRIES and not search.done():
        share = min(max(above / (above - below), MARGIN), 1.0 - MARGIN)
        middle = low + share * (high - low)
        found = beyond(middle)
        tries += 1
        # The side that stays counts half, so that both prices move (the Illinois rule).
        if found > 0.0:
            low, above, below = middle, found, 0.5 * below
        else:
            high, below, above = middle, found, 0.5 * above
        if -0.5 * close_kg <= found <= 0.5 * close_kg:
            break
    prices[number] = high


class _Search:
    """Plans at prices of caps: the best bound and the best plan of all of them."""

    def __init__(
        self,
        task: AreaTask,
        groups: list[Group],
        limits: PlanLimits,
        until_s: float,
        plan_part: Callable[[AreaTask, PlanLimits, float], AreaPlan],
    ) -> None:
        self.groups = groups
        self._task, self._limits, self._until_s = task, limits, until_s
        self._plan_part = plan_part
        self._bare = structs.replace(task.problem, emission_caps=[])
        self._bound_usd = -np.inf
        self._best: tuple[float, Schedule, list[tuple[AreaTask, AreaPlan]]] | None = None
        self._seen: dict[tuple[float, ...], Floats] = {}

    def over_kg(self, prices: Floats) -> Floats:
        """What the plan at some prices (USD/kg, by group) emits above each group's limit, kg."""
        key = tuple(prices.tolist())
        if key not in self._seen:
            left_s = max(self._until_s - stopwatch_s(), 0.0)
            rough = structs.replace(
                self._limits, gap=ROUGH * self._limits.gap, time_limit_s=ROUGH_TIME * left_s
            )
            self._seen[key] = self._plan(prices, rough)
        return self._seen[key]

    def finely(self, prices: Floats) -> None:
        """Plan at some prices as well as was asked for."""
        left_s = max(self._until_s - stopwatch_s(), 0.0)
        self._plan(prices, structs.replace(self._limits, time_limit_s=left_s))

    def usd_per_kg(self, emitted_kg: float) -> float:
        """A first guess of a price: what plans cost at least for each kg emitted."""
        return max(abs(self._bound_usd) / max(emitted_kg, 1e-9), 1e-6)

    def done(self) -> bool:
        """Whether the gap asked for is reached, or time is over."""
        if self._best is None:
            return False
        close = status_of(self._best[0], self._bound_usd, self._limits) == "optimal"
        return close or stopwatch_s() >= self._until_s

    def _plan(self, prices: Floats, limits: PlanLimits) -> Floats:
        problem = self._task.problem
        own = [
            sum(
                price * unit.emission_kg_per_fuel[group.caps[0].pollutant]
                for price, group in zip(prices, self.groups, strict=True)
                if counts(group.caps[0], unit)
            )
            for unit in problem.units
        ]
        costs = priced(self._task.costs, problem.units, own)
        parts = tasks(self._bare, costs)
        shares = [len(part.units) + len(part.stores) + 1 for part in parts]
        found: list[tuple[AreaTask, AreaPlan]] = []
        until_s = stopwatch_s() + limits.time_limit_s
        for number, part in enumerate(parts):
            left_s = max(until_s - stopwatch_s(), 0.0)
            fair_s = left_s * shares[number] / sum(shares[number:])
            found.append((part, self._plan_part(part, limits, fair_s)))
        plan = whole(problem, [(part, one.schedule) for part, one in found])
        plan.excess[:] = excess_kg(problem, plan)
        cost = weighted_usd(problem, self._task.costs, plan)
        most_kg = np.array([group.limit_kg for group in self.groups])
        bound = sum(one.bound_usd for _, one in found) - float(prices @ most_kg)
        self._bound_usd = max(self._bound_usd, bound)
        if self._best is None or cost < self._best[0]:
            self._best = (cost, plan, found)
        _, capped = emitted_kg(problem, plan)
        emitted = np.array([sum(capped[n] for n in group.numbers) for group in self.groups])
        return np.asarray(emitted - most_kg, dtype=float)

    def answer(self) -> AreaPlan:
        """The best plan with the best bound."""
        assert self._best is not None
        cost, plan, found = self._best
        bound = proven(self._bound_usd, cost)
        problem = self._task.problem
        prices = np.zeros((len(problem.areas), problem.count))
        values = np.zeros((len(problem.stores), problem.count))
        for part, one in found:
            prices[part.areas] = one.prices
            values[part.stores] = one.energy_values
        status = status_of(cost, bound, self._limits)
        return AreaPlan(plan, cost, bound, status, prices, values)


def priced(costs: Costs, units: list[PlanUnit], usd_per_fuel: list[float]) -> Costs:
    """Costs with a price on what each unit burns.

    Args:
        costs: without it.
        units: the units.
        usd_per_fuel: the price, USD per l or m3, for each of them.
    """

    def of(one: UnitCosts, unit: PlanUnit, usd: float) -> UnitCosts:
        if usd <= 0.0:
            return one
        fuel = np.asarray(unit.segment_fuel_per_kwh, dtype=float)
        slopes = np.asarray(one.segment_usd_per_kwh, dtype=float) + usd * fuel
        return UnitCosts(
            hourly_usd=one.hourly_usd + usd * unit.no_load_fuel_per_h,
            # Where a later kWh burns less, convex from below: the bound stays one.
            segment_usd_per_kwh=np.minimum.accumulate(slopes[::-1])[::-1].copy(),
            class_usd=tuple(start + usd * unit.start_fuel for start in one.class_usd),
        )

    both = zip(costs.units, units, usd_per_fuel, strict=True)
    return replace(costs, units=tuple(of(one, unit, usd) for one, unit, usd in both))
