"""Find a plan of one area, and how good it surely is.

The relaxation with cuts gives the bound; a previous plan, dives and looks around the best plan give
plans within a few tenths of a per cent, mostly in a fraction of a second; branch and bound closes
what is left; the last dispatch with everything whole fixed gives powers and marginal prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.areawise import AreaTask
from gridmuster.planning.cuts import CapacityCuts
from gridmuster.planning.dive import WHOLE, Diver, Style, better
from gridmuster.planning.fallback import rule_based
from gridmuster.planning.highs import Point, Relaxation, mixed_integer, with_cuts
from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays
from gridmuster.planning.milp import Apart, Built, build
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.recover import schedule
from gridmuster.planning.schedule import Schedule, weighted_usd
from gridmuster.units import SECONDS_PER_HOUR

#: Charging and discharging at once above this is not rounding, kW.
BOTH_KW = 1e-4
#: Time always found for the last dispatch, s: without it there would be no plan.
DISPATCH_S = 10.0
#: Rise of the root bound, as a share, below which tightening stops.
ROOT_RISE = 5e-6
#: A plan must be this much cheaper to count as better, USD.
LEAST_GAIN_USD = 1e-6
#: Gap in USD that always counts as none.
CLOSE_USD = 0.01
#: Dives in the order in which they are tried.
STYLES = (Style(False, 4), Style(False, 10), Style(True, 10))
#: Open on-off decisions that are few.
SMALL = 400
#: Intervals to each side of a start or stop that are decided anew, one try after the other.
NEIGHBOURHOODS = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class AreaPlan:
    """A plan of a task with its proof; prices by area and interval, energy values by store."""

    schedule: Schedule
    objective_usd: float
    bound_usd: float
    status: str
    prices: Floats
    energy_values: Floats


def status_of(cost_usd: float, bound_usd: float, limits: PlanLimits) -> str:
    """Whether a plan is as close to its bound as was asked: ``optimal``, else ``time_limit``."""
    close = cost_usd - bound_usd <= max(limits.gap * abs(cost_usd), CLOSE_USD)
    return "optimal" if close else "time_limit"


class AreaSearch:
    """The search for one area's plan, in stages so that areas can share what gap they may leave.

    Args:
        task: the area.
        limits: gap, nodes and threads.
        previous: an earlier answer whose on and off is a first guess.
        deadline_s: stopwatch reading at which time is out, s.
    """

    def __init__(
        self,
        task: AreaTask,
        limits: PlanLimits,
        previous: PlanSolution | None,
        deadline_s: float,
    ) -> None:
        self.task = task
        self.bound_usd = -np.inf
        self.best: Point | None = None
        self._limits = limits
        self._previous = previous
        self._deadline_s = deadline_s
        self._apart = Apart()
        self._root: Point | None = None
        self._prepare()

    def _left_s(self) -> float:
        return self._deadline_s - stopwatch_s()

    def _prepare(self) -> None:
        task = self.task
        self._built = build(task.problem, task.costs, task.groups, self._apart, lazy=True)
        cuts = CapacityCuts(task.problem, self._built)
        relaxation = Relaxation(self._built.arrays, self._limits.threads)
        self._diver = Diver(relaxation, cuts, self._left_s)

    def relax(self) -> None:
        """Solve the relaxation and tighten it: the first bound."""
        point = self._diver.solve()
        while point is not None:
            self._root = point
            self._raise(point.objective)
            better_point = self._diver.tighten(point, 1, 0.0)
            if better_point is None or better_point is point:
                break
            rise = better_point.objective - point.objective
            point = better_point
            if rise <= ROOT_RISE * abs(point.objective):
                self._root = point
                self._raise(point.objective)
                break
        if not np.isfinite(self.bound_usd):
            self._raise(trivial_bound(self._built.arrays))

    @property
    def fractional(self) -> int:
        """How many numbers that must be whole are not in the relaxation: how hard the area is."""
        if self._root is None:
            return self.task.size
        values = self._root.values[self._diver.whole]
        return int((np.abs(values - np.rint(values)) > WHOLE).sum())

    def _raise(self, bound_usd: float) -> None:
        self.bound_usd = max(self.bound_usd, bound_usd)

    @property
    def _cost(self) -> float:
        return INF if self.best is None else self.best.objective

    def _done(self, allowance_usd: float) -> bool:
        return self._cost - self.bound_usd <= allowance_usd

    def run(self, allowance_usd: float) -> AreaPlan:
        """Search until the gap is small enough or time is out.

        Args:
            allowance_usd: gap at which to stop, USD.
        """
        proved = self._improve(allowance_usd)
        final = self._last()
        while self.best is not None and final is not None and self._burns(final):
            self._keep_apart(self.best.values)
            proved = self._done(allowance_usd)
            if not proved and self._left_s() > 0.0:
                self.relax()
                proved = self._improve(allowance_usd)
            final = self._last()
        if final is None:
            return by_rules(self.task, self.bound_usd)
        prices, energy = marginal(self.task.problem, self._built, final.row_duals)
        return AreaPlan(
            schedule=schedule(self.task.problem, self._built, final.values),
            objective_usd=final.objective,
            bound_usd=min(self.bound_usd, final.objective),
            status="optimal" if proved else "time_limit",
            prices=prices,
            energy_values=energy,
        )

    def _improve(self, allowance_usd: float) -> bool:
        """Guess, dive, look around, branch and bound; True when the gap is closed."""
        if self._root is not None:
            if self._previous is not None:
                self._guess(self._previous)
            # What branch and bound answers at once is not worth many dives.
            small = self.task.size <= SMALL
            for style in STYLES[:1] if small else STYLES:
                if self._done(allowance_usd):
                    return True
                self.best = better(self.best, self._diver.dive(style, self._cost - LEAST_GAIN_USD))
            if not small:
                self._look_around(allowance_usd)
        if not self._done(allowance_usd) and self._left_s() > 0.0:
            self._branch_and_bound(allowance_usd)
        return self._done(allowance_usd)

    def _guess(self, previous: PlanSolution) -> None:
        guess = first_guess(self.task.problem, self._built, previous)
        if guess is None or self._root is None:
            return
        columns, wanted = guess
        values = self._root.values.copy()
        values[columns] = wanted
        point = self._diver.at(values)
        if point is None:
            # It does not fit any more: keep what the relaxation agrees with, decide the rest anew.
            apart = np.abs(np.rint(values) - self._root.values) > 0.5
            free = self._diver.whole[apart[self._diver.whole]]
            point = self._diver.around(values, free, STYLES[0], INF)
        self.best = better(self.best, point)

    def _look_around(self, allowance_usd: float) -> None:
        """Free what lies about each start and stop of the best plan, wider and wider."""
        for reach in NEIGHBOURHOODS:
            if self.best is None or self._root is None or self._done(allowance_usd):
                return
            free = self._near_edges(self.best.values, reach)
            point = self._diver.around(
                self.best.values, free, STYLES[0], self._cost - LEAST_GAIN_USD
            )
            self.best = better(self.best, point)

    def _near_edges(self, values: Floats, reach: int) -> Ints:
        assert self._root is not None
        apart = np.abs(values - self._root.values) > 0.5
        free = [self._diver.whole[apart[self._diver.whole]]]
        for commitment in self._built.commitment:
            edges = np.flatnonzero(np.diff(np.rint(values[commitment.on])) != 0) + 1
            near = np.zeros(len(commitment.on), dtype=bool)
            for edge in edges:
                near[max(0, edge - reach) : edge + reach] = True
            free.append(commitment.on[near])
        return np.unique(np.concatenate(free))

    def _branch_and_bound(self, allowance_usd: float) -> None:
        """Hand the whole model, the cuts and the best plan to the solver."""
        task = self.task
        built = build(task.problem, task.costs, task.groups, self._apart)
        own = len(self._built.arrays.cost)
        assert own == len(built.arrays.cost)
        outcome = mixed_integer(
            with_cuts(built.arrays, self._diver.kept),
            absolute_gap=allowance_usd,
            time_limit_s=self._left_s(),
            node_limit=self._limits.node_limit,
            threads=self._limits.threads,
            start=None if self.best is None else self.best.values,
        )
        self._raise(outcome.bound)
        if outcome.values is not None and outcome.objective < self._cost:
            self.best = Point(outcome.values, outcome.objective, np.zeros(0))

    def _last(self) -> Point | None:
        """The last dispatch of the best plan, if there is any."""
        return None if self.best is None else self._dispatch(self.best.values)

    def _burns(self, point: Point) -> bool:
        """Note where a store or a link runs both ways at once; True when anything is new."""
        values = point.values
        stores = [(one.charge, one.discharge) for one in self._built.stores]
        links = [(one.forth, one.back) for one in self._built.links]
        found = _note(self._apart.stores, stores, values)
        return _note(self._apart.links, links, values) or found

    def _keep_apart(self, values: Floats) -> None:
        """The best plan's on and off in the model that forbids burning; its bound stays valid."""
        on = [values[columns.on] for columns in self._built.commitment]
        self._deadline_s = max(self._deadline_s, stopwatch_s() + DISPATCH_S)
        self._prepare()
        self.best, self._root = None, None
        start = np.zeros(len(self._built.arrays.cost))
        decided = np.zeros(len(start), dtype=bool)
        for columns, values_on in zip(self._built.commitment, on, strict=True):
            start[columns.on] = values_on
            decided[columns.on] = True
        free = self._diver.whole[~decided[self._diver.whole]]
        self.best = self._diver.around(start, free, STYLES[1], INF)

    def _dispatch(self, values: Floats) -> Point | None:
        """The cheapest dispatch with all whole numbers fixed; time is always found for it."""
        self._deadline_s = max(self._deadline_s, stopwatch_s() + DISPATCH_S)
        return self._diver.at(values)


def _note(apart: dict[int, Ints], pairs: list[tuple[Ints, Ints]], values: Floats) -> bool:
    """Note the intervals in which both columns of a pair are above nothing; True if any is new."""
    found = False
    for number, (one, other) in enumerate(pairs):
        both = np.minimum(values[one], values[other])
        where = np.flatnonzero(both > BOTH_KW)
        known = apart.get(number, where[:0])
        if np.setdiff1d(where, known).size:
            # Where it shows a second time there is no end to it: forbid it throughout.
            apart[number] = np.arange(len(both)) if known.size else where
            found = True
    return found


def by_rules(task: AreaTask, bound: float) -> AreaPlan:
    """The rule-based plan, with what bound there is."""
    plan = rule_based(task.problem, task.costs, task.groups)
    objective = weighted_usd(task.problem, task.costs, plan)
    return AreaPlan(
        schedule=plan,
        objective_usd=objective,
        bound_usd=min(bound, objective),
        status="fallback",
        prices=_rule_prices(task, plan),
        energy_values=np.repeat(
            np.array([store.end_value_usd_per_kwh for store in task.problem.stores], dtype=float),
            task.problem.count,
        ).reshape(len(task.stores), task.problem.count),
    )


def _rule_prices(task: AreaTask, plan: Schedule) -> Floats:
    """One kWh more by the rules: bought, else made by the dearest set, else not served; USD."""
    found = np.zeros((len(task.problem.areas), task.problem.count))
    for row, area in enumerate(task.problem.areas):
        prices = np.asarray(area.import_price_usd_per_kwh, dtype=float).copy()
        full = plan.bought[row] >= np.asarray(area.import_limit_kw, dtype=float) - BOTH_KW
        dearest = np.zeros(task.problem.count)
        for number, unit in enumerate(task.problem.units):
            if unit.area == area.id:
                slope = max(unit.segment_usd_per_kwh, default=0.0)
                dearest = np.maximum(dearest, slope * plan.on[number])
        prices[full] = np.maximum(prices, dearest)[full]
        prices[plan.unserved[row] > BOTH_KW] = area.unserved_cost_usd_per_kwh
        found[row] = prices
    return found


def trivial_bound(arrays: LinearArrays) -> float:
    """A bound that needs no solver: every column at its cheaper end."""
    ends = np.where(arrays.cost > 0.0, arrays.lower, arrays.upper)
    used = arrays.cost != 0.0
    return float(np.dot(arrays.cost[used], ends[used]))


def first_guess(
    problem: PlanProblem, built: Built, previous: PlanSolution | None
) -> tuple[Ints, Floats] | None:
    """Columns and values of the on counts of an earlier plan, moved to this one's intervals."""
    if previous is None:
        return None
    at_ms = problem.start_ms + 1000 * problem.step_s * np.arange(problem.count)
    then = (at_ms - previous.start_ms) // (1000 * previous.step_s)
    then = np.clip(then, 0, previous.count - 1)
    columns, values = [], []
    for group, commitment in zip(built.groups, built.commitment, strict=True):
        known = [previous.commitment.get(problem.units[m].id) for m in group.members]
        on = np.sum([np.asarray(one)[then] for one in known if one is not None], axis=0)
        on = np.clip(on, built.arrays.lower[commitment.on], built.arrays.upper[commitment.on])
        columns.append(commitment.on)
        values.append(np.broadcast_to(on, (problem.count,)).astype(float))
    if not columns:
        return None
    return np.concatenate(columns), np.concatenate(values)


def marginal(problem: PlanProblem, built: Built, duals: Floats) -> tuple[Floats, Floats]:
    """Prices from the balance rows; energy values from the stores' energy rows, USD/kWh."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    values = np.zeros((len(built.stores), problem.count))
    for number, columns in enumerate(built.stores):
        values[number] = -duals[columns.energy_rows]
    prices = np.array([duals[area.rows] for area in built.areas]) / step_h
    return prices, values
