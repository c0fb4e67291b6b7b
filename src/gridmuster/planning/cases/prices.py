"""Prices that make the most of the relaxation: a bound by decomposition, and plans to mix.

With a price on demand and on reserve in each hour the case falls apart into its units, and the
sum of their least costs bounds the case from below for any prices (Lagrange). The best prices are
found by column generation: a linear program over the schedules units have answered with
(Dantzig-Wolfe), its duals held in a box around the best prices so far (Marsten, Hogan and
Blankenship, "The boxstep method for large-scale optimization", Operations Research 23(3), 1975).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from gridmuster.planning.cases import hour_kernels, kernels
from gridmuster.planning.cases.case import Case
from gridmuster.planning.cases.tables import UnitTables, tables
from gridmuster.planning.highs import quiet_solver
from gridmuster.planning.linear import Floats, Ints

#: First half-width of the box around the prices, as shares of the first mean price: of demand and
#: of reserve; the reserve's price starts at nothing.
BOX, RESERVE_BOX = 0.3, 0.15
#: The box grows by this after a better bound and shrinks by this otherwise.
GROW, SHRINK = 1.3, 0.6
#: Half-width of the box once units are held: what is short is bought at mean prices times this.
HELD_BOX = 10.0
#: Most evaluations of prices in one search.
ROUNDS = 400
#: Prices first tried, as shares of the merit order's.
FIRST_PRICES = (0.7, 1.0, 1.4)
#: A schedule is worth adding when it gains this share of a unit's mean cost.
WORTH = 1e-9


@dataclass(frozen=True, slots=True)
class Prices:
    """Money per MW in each hour, of demand and of reserve."""

    power: Floats
    reserve: Floats


@dataclass(frozen=True, slots=True)
class Mix:
    """The best mixture of schedules of the relaxation.

    Args:
        bound: no plan of the case costs less.
        value: cost of the mixture; with the box open and demand met it meets the bound.
        prices: those of the bound.
        on: ``(columns, hours)`` on or off of each schedule.
        group: the group of each schedule.
        weight: units of the group that follow it; may be broken.
    """

    bound: float
    value: float
    prices: Prices
    on: Ints
    group: Ints
    weight: Floats


@dataclass(frozen=True, slots=True)
class _Answer:
    """Every group's cheapest schedule at some prices."""

    bound: float
    value: Floats
    cost: Floats
    on: Ints
    power: Floats
    reserve: Floats


class Pricing:
    """Evaluates prices.

    Args:
        case: the case; a group's units answer alike.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.units: UnitTables = tables(case)
        self.demand = np.array(case.demand_mw)
        self.reserve = np.array(case.reserve_mw)
        sources = case.renewable
        nothing = np.zeros(case.hours)
        self.free_low = sum((np.array(source.min_mw) for source in sources), nothing)
        self.free_high = sum((np.array(source.max_mw) for source in sources), nothing)
        self.may = np.full((len(case.thermal), case.hours), kernels.EITHER, dtype=np.int64)

    def regrets(self, prices: Prices) -> tuple[Floats, Floats]:
        """What being off, and on, in each hour costs a unit of each group above its best."""
        units = self.units
        if_off = np.zeros((len(units.limit), self.case.hours))
        if_on = np.zeros_like(if_off)
        kernels.conditions(
            units.limit,
            units.times,
            units.pieces,
            units.start,
            self.may,
            prices.power,
            prices.reserve,
            if_off,
            if_on,
        )
        best = np.minimum(if_off, if_on)
        return if_off - best, if_on - best

    def answer(self, prices: Prices) -> _Answer:
        """Every group's cheapest schedule and the bound."""
        units, hours = self.units, self.case.hours
        number = len(units.limit)
        value, starts = np.zeros(number), np.zeros(number)
        on = np.zeros((number, hours), dtype=np.int64)
        power, reserve = np.zeros((number, hours)), np.zeros((number, hours))
        kernels.answers(
            units.limit,
            units.times,
            units.pieces,
            units.start,
            self.may,
            prices.power,
            prices.reserve,
            value,
            starts,
            on,
            power,
            reserve,
        )
        power += on * units.limit[:, hour_kernels.LEAST : hour_kernels.LEAST + 1]
        free = np.maximum(prices.power * self.free_low, prices.power * self.free_high).sum()
        fixed = float(prices.power @ self.demand + prices.reserve @ self.reserve - free)
        bound = float(value @ units.count) + fixed
        cost = value + power @ prices.power + reserve @ prices.reserve
        return _Answer(bound, value, cost, on, power, reserve)

    def first(self) -> Prices:
        """Prices by merit order: what the last unit needed costs an hour at full power."""
        units = self.units
        most = units.limit[:, hour_kernels.LEAST] + units.limit[:, hour_kernels.SPAN]
        full = units.limit[:, hour_kernels.BASE] + (units.pieces[:, 0] * units.pieces[:, 1]).sum(
            axis=1
        )
        each = np.where(most > 0.0, full / np.maximum(most, 1e-9), 0.0)
        order = np.argsort(each, kind="stable")
        reach = np.cumsum((most * units.count)[order])
        need = np.maximum(self.demand - self.free_high, 0.0) + self.reserve
        at = np.minimum(np.searchsorted(reach, need), len(order) - 1)
        return Prices(each[order][at], np.zeros(self.case.hours))


@dataclass(frozen=True, slots=True)
class _Solved:
    """A best mixture: its cost, prices, worth of a unit of each group, weights of the schedules.

    ``at_edge`` tells that the box held prices back: something was bought or sold at its edges.
    """

    value: float
    prices: Prices
    worth: Floats
    weight: Floats
    at_edge: bool


class _Master:
    """The linear program over schedules; power in hundredths of the peak, money in mean prices."""

    def __init__(self, pricing: Pricing, first: Prices) -> None:
        self._pricing = pricing
        self.mw = max(float(pricing.demand.max(initial=0.0)) / 100.0, 1e-6)
        self.money = max(float(np.abs(first.power).mean()), 1e-9) * self.mw
        self.hours = pricing.case.hours
        self.number = len(pricing.units.limit)
        self.on: list[Ints] = []
        self.group: list[Ints] = []
        self._solver = quiet_solver(1)
        self._solver.setOptionValue("presolve", "off")
        self._rows()

    def _rows(self) -> None:
        solver, hours, pricing = self._solver, self.hours, self._pricing
        demand, reserve = pricing.demand / self.mw, pricing.reserve / self.mw
        count = pricing.units.count
        lower = np.concatenate([demand, reserve, count])
        upper = np.concatenate([demand, np.full(hours, highspy.kHighsInf), count])
        none = np.array([], dtype=np.int32)
        rows = len(lower)
        solver.addRows(
            rows, lower, upper, 0, np.zeros(rows, dtype=np.int32), none, np.array([], dtype=float)
        )
        low, high = pricing.free_low / self.mw, pricing.free_high / self.mw
        each = np.arange(hours, dtype=np.int32)
        nothing, most = np.zeros(hours), np.full(hours, highspy.kHighsInf)
        # Sun and wind, then what is short and over in demand, then the same in reserve.
        for row, sign, lowest, highest in (
            (each, 1.0, low, high),
            (each, 1.0, nothing, most),
            (each, -1.0, nothing, most),
            (each + hours, 1.0, nothing, most),
            (each + hours, -1.0, nothing, most),
        ):
            signs = np.full(hours, sign)
            solver.addCols(hours, nothing, lowest, highest, hours, each, row, signs)

    def box(self, centre: Prices, half: Floats) -> None:
        """Hold the duals in a box: what is short or over is bought and sold at its edges."""
        scale = self.mw / self.money
        power, reserve = centre.power * scale, centre.reserve * scale
        wide, narrow = half[0] * scale, half[1] * scale
        cost = np.concatenate(
            [power + wide, wide - power, reserve + narrow, -np.maximum(reserve - narrow, 0.0)]
        )
        columns = np.arange(self.hours, self.hours + len(cost), dtype=np.int32)
        self._solver.changeColsCost(len(cost), columns, cost)

    def add(self, answer: _Answer, groups: Ints) -> None:
        """Add answers of some groups as columns."""
        hours, count = self.hours, len(groups)
        if count == 0:
            return
        values = np.concatenate(
            [answer.power[groups] / self.mw, answer.reserve[groups] / self.mw, np.ones((count, 1))],
            axis=1,
        )
        rows = np.empty((count, 2 * hours + 1), dtype=np.int32)
        rows[:, :-1] = np.arange(2 * hours)
        rows[:, -1] = 2 * hours + groups
        used = values != 0.0
        sizes = used.sum(axis=1)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
        self._solver.addCols(
            count,
            answer.cost[groups] / self.money,
            np.zeros(count),
            np.full(count, highspy.kHighsInf),
            int(sizes.sum()),
            starts,
            rows[used],
            values[used],
        )
        self.on.append(answer.on[groups].astype(np.int8))
        self.group.append(groups)

    def keep(self, group: int, on: Ints) -> None:
        """Use only the schedules of a group that are on and off like this."""
        groups, rows = np.concatenate(self.group), np.concatenate(self.on)
        other = np.flatnonzero((groups == group) & (rows != on).any(axis=1))
        columns = (5 * self.hours + other).astype(np.int32)
        nothing = np.zeros(len(columns))
        self._solver.changeColsBounds(len(columns), columns, nothing, nothing)

    def solve(self, time_limit_s: float) -> _Solved | None:
        """The best mixture in the box."""
        solver, hours = self._solver, self.hours
        solver.setOptionValue("time_limit", float(solver.getRunTime()) + max(time_limit_s, 0.01))
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        solution = solver.getSolution()
        duals = np.array(solution.row_dual)
        scale = self.money / self.mw
        prices = Prices(duals[:hours] * scale, np.maximum(duals[hours : 2 * hours], 0.0) * scale)
        amounts = np.array(solution.col_value)
        traded = amounts[hours : 5 * hours]
        # Reserve beyond what is asked costs nothing where its price may be nothing.
        at_edge = traded[: 3 * hours].sum() + traded[3 * hours :] @ (duals[hours : 2 * hours] > 0)
        return _Solved(
            float(solver.getInfo().objective_function_value) * self.money,
            prices,
            duals[2 * hours :] * self.money,
            amounts[5 * hours :],
            bool(at_edge > 1e-6),
        )


class PriceSearch:
    """Improves prices; afterwards units may be held one after the other and prices follow.

    Args:
        pricing: the case.
        start: prices to start from, when some are known.
    """

    def __init__(self, pricing: Pricing, start: Prices | None = None) -> None:
        self._pricing = pricing
        self._centre = pricing.first() if start is None else start
        self.level = max(float(np.abs(self._centre.power).mean()), 1e-9)
        self._half = np.array([BOX * self.level, RESERVE_BOX * self.level])
        if start is not None:
            self._half /= 10.0
        self._master = _Master(pricing, self._centre)
        self._best = pricing.answer(self._centre)
        self._everyone = np.arange(self._master.number)

    def improve(self, gap: float, left_s: Callable[[], float], rounds: int = ROUNDS) -> Mix | None:
        """Improve until the bound is within a gap of what the mixture costs, or time is up.

        Args:
            gap: relative.
            left_s: tells how much time is left, s.
            rounds: most evaluations.

        Returns:
            The bound and the mixture; None when a unit has no schedule at all or time was short.
        """
        master, pricing = self._master, self._pricing
        if not np.isfinite(self._best.bound):
            return None
        if not master.group:
            for share in FIRST_PRICES:
                prices = Prices(self._centre.power * share, self._centre.reserve)
                master.add(pricing.answer(prices), self._everyone)
        found = None
        for _ in range(rounds):
            if left_s() <= 0.0:
                break
            master.box(self._centre, self._half)
            solved = master.solve(left_s())
            if solved is None:
                break
            found = solved
            if self._step(solved, gap):
                break
        if found is None:
            return None
        number = len(found.weight)
        on, group = np.concatenate(master.on)[:number], np.concatenate(master.group)[:number]
        used = found.weight > 1e-9
        weight = found.weight[used]
        return Mix(self._best.bound, found.value, self._centre, on[used], group[used], weight)

    def _step(self, solved: _Solved, gap: float) -> bool:
        """Evaluate the master's prices and learn; whether nothing is left to gain."""
        master, best = self._master, self._best
        answer = self._pricing.answer(solved.prices)
        fresh = np.flatnonzero(answer.value < solved.worth - WORTH * master.money)
        better = answer.bound > best.bound
        if better:
            self._best, self._centre = answer, solved.prices
        near = solved.value - self._best.bound <= gap * abs(self._best.bound)
        if (near or len(fresh) == 0) and not solved.at_edge:
            return True
        self._half *= GROW if better else SHRINK
        if solved.at_edge and (near or len(fresh) == 0):
            self._half /= SHRINK * SHRINK
        master.add(answer, fresh)
        return False

    def hold(self, group: int, on: Ints) -> None:
        """Let a group of one be on and off like this and no other way; bounds are of that case."""
        self._pricing.may[group] = on
        self._master.keep(group, on)

    def reopen(self) -> None:
        """Look for prices anew after units were held: far from the last ones if need be."""
        self._best = self._pricing.answer(self._centre)
        self._half[:] = (self.level * HELD_BOX, self.level * HELD_BOX)
