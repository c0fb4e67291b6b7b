"""The master: which prices to ask next, from a linear programme over the groups' answers.

Dantzig and Wolfe ("Decomposition principle for linear programs", Operations Research 8, 1960): a
convex mix of each group's answers, with the connection and the priced shortfalls, is to cover
demand and reserve at least cost; the duals of those rows are the next prices. A box around the best
prices so far (Marsten, Hogan, Blankenship, "The boxstep method for large-scale optimization", 1975)
keeps them from swinging: leaving it costs a penalty that is just the box's edge. Rows and costs are
scaled so that a unit is the fleet's demand and a USD/kWh.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from gridmuster.planning.decomposition.fleet import System
from gridmuster.planning.decomposition.pricing import Answers
from gridmuster.planning.decomposition.system import Prices, flow_columns
from gridmuster.planning.linear import INF, Floats, Ints

#: Weights below this are rounding.
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Mixed:
    """What the master found.

    ``model_usd`` is its value, an upper estimate of the bound inside the box; ``weight`` (groups,
    price vectors) adds up to 1 along a row; ``power_kw`` and ``headroom_kw`` (intervals,) are what
    it asks of the devices.
    """

    prices: Prices
    model_usd: float
    weight: Floats
    power_kw: Floats
    headroom_kw: Floats


class Master:
    """The linear programme, kept warm while answers come in.

    Args:
        system: demand, connection, reserve and their prices.
        step_h: length of an interval, h.
        groups: number of groups.
    """

    def __init__(self, system: System, step_h: float, groups: int) -> None:
        self._system, self._step_h, self._groups = system, step_h, groups
        count = system.count
        self._scale_kw = max(float(np.abs(system.demand_kw).max()), 1.0)
        self._scale_usd = self._scale_kw * step_h
        self._solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("parallel", "off"),
            ("presolve", "off"),
            ("random_seed", 7),
        ):
            self._solver.setOptionValue(name, value)
        demand = system.demand_kw / self._scale_kw
        need = system.headroom_need_kw / self._scale_kw
        lower = np.concatenate([demand, need, np.ones(groups)])
        upper = np.concatenate([demand, np.full(count, INF), np.ones(groups)])
        none = np.zeros(0, dtype=np.int32)
        self._solver.addRows(
            len(lower), lower, upper, 0, np.zeros(len(lower), dtype=np.int32), none, np.zeros(0)
        )
        self._columns = 0
        self._owner: list[tuple[int, int]] = []
        self._vectors = 0
        self._add_system()
        self._flows = self._columns
        self._box = self._add_box()
        self._first = self._columns

    def _add(self, cost: Floats, upper: Floats, rows: list[Ints], values: list[Floats]) -> Ints:
        """Columns with as many entries each as there are ``rows``."""
        size = len(cost)
        starts = np.arange(size, dtype=np.int32) * len(rows)
        index = np.stack(rows, axis=1).ravel().astype(np.int32)
        value = np.stack(values, axis=1).ravel()
        self._solver.addCols(size, cost, np.zeros(size), upper, len(index), starts, index, value)
        numbers = np.arange(self._columns, self._columns + size)
        self._columns += size
        return numbers

    def _add_system(self) -> None:
        t = np.arange(self._system.count)
        for one in flow_columns(self._system):
            rows, values = [], []
            for first, share in ((0, one.power), (self._system.count, one.headroom)):
                if share.any():
                    rows.append(first + t)
                    values.append(share)
            self._add(one.usd, one.limit_kw / self._scale_kw, rows, values)

    def _add_box(self) -> Ints:
        count = self._system.count
        one, t = np.ones(count), np.arange(count)
        closed = np.zeros(count)
        return np.concatenate(
            [
                self._add(one, closed, [t], [one]),
                self._add(one, closed, [t], [-one]),
                self._add(one, closed, [count + t], [one]),
                self._add(one, closed, [count + t], [-one]),
            ]
        )

    def _asked_of_devices(self, values: Floats) -> tuple[Floats, Floats]:
        """What the rows leave to devices and offers, in the master's unit of power."""
        system, count, scale = self._system, self._system.count, self._scale_kw
        flows = values[: self._flows].reshape(-1, count)
        bought, sold, unserved, surplus, short = flows[:5]
        made = flows[5 : 5 + len(system.renewable_kw)].sum(axis=0)
        power = system.demand_kw / scale - bought + sold - unserved + surplus - made
        need = system.headroom_need_kw / scale
        return power, need + bought - sold - short

    def learn(self, answers: Answers, first_group: int = 0) -> None:
        """Add an answer of every group from a first one on; each call is a price vector's."""
        count = self._system.count
        rows = np.arange(2 * count)
        groups = np.arange(first_group, self._groups)
        size = len(groups)
        index = np.concatenate([np.tile(rows, (size, 1)), 2 * count + groups[:, None]], axis=1)
        value = np.concatenate(
            [
                answers.power_kw[groups] / self._scale_kw,
                answers.headroom_kw[groups] / self._scale_kw,
                np.ones((size, 1)),
            ],
            axis=1,
        )
        width = 2 * count + 1
        self._solver.addCols(
            size,
            answers.cost_usd[groups] / self._scale_usd,
            np.zeros(size),
            np.full(size, INF),
            size * width,
            np.arange(size, dtype=np.int32) * width,
            index.ravel().astype(np.int32),
            value.ravel(),
        )
        self._owner += [(int(group), self._vectors) for group in groups]
        self._columns += size
        self._vectors += 1

    def box(self, center: Prices | None, energy_width: float, reserve_width: float) -> None:
        """Let prices leave a box around a center only at its edge; None opens it.

        Args:
            center: the best prices so far.
            energy_width: half the box's width, USD/kWh.
            reserve_width: the same for headroom.
        """
        count = self._system.count
        numbers = self._box.astype(np.int32)
        if center is None:
            upper = np.zeros(4 * count)
            cost = np.zeros(4 * count)
        else:
            upper = np.full(4 * count, INF)
            low = center.reserve - reserve_width
            # Prices of headroom cannot fall below nothing anyway: that edge needs no column.
            upper[3 * count :] = np.where(low > 0.0, INF, 0.0)
            cost = np.concatenate(
                [
                    center.energy + energy_width,
                    -(center.energy - energy_width),
                    center.reserve + reserve_width,
                    -np.maximum(low, 0.0),
                ]
            )
        self._solver.changeColsBounds(len(numbers), numbers, np.zeros(len(numbers)), upper)
        self._solver.changeColsCost(len(numbers), numbers, cost)

    def solve(self, time_limit_s: float) -> Mixed | None:
        """The best mix and its prices; None when the solver gave none."""
        spent_s = float(self._solver.getRunTime())
        self._solver.setOptionValue("time_limit", spent_s + max(time_limit_s, 1e-3))
        status = self._solver.run()
        optimal = self._solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        if status == highspy.HighsStatus.kError or not optimal:
            return None
        solution = self._solver.getSolution()
        values, duals = np.array(solution.col_value), np.array(solution.row_dual)
        count = self._system.count
        weight = np.zeros((self._groups, self._vectors))
        if self._owner:
            owner = np.array(self._owner)
            weight[owner[:, 0], owner[:, 1]] = np.maximum(values[self._first :], 0.0)
        weight[weight < TINY] = 0.0
        power, headroom = self._asked_of_devices(values)
        return Mixed(
            prices=Prices(duals[:count].copy(), duals[count : 2 * count].copy()),
            model_usd=float(self._solver.getInfo().objective_function_value) * self._scale_usd,
            weight=weight / np.maximum(weight.sum(axis=1, keepdims=True), TINY),
            power_kw=power * self._scale_kw,
            headroom_kw=headroom * self._scale_kw,
        )
