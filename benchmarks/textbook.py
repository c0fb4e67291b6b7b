"""The textbook unit-commitment model, for comparison and as a second opinion in tests.

Three binaries a unit and hour, each unit by itself, nothing tightened: state, minimum times, power
and reserve below the most, ramps, start costs by hours off as one choice among categories
(Morales-Espana, Latorre and Ramos, IEEE Trans. Power Systems 28(4), 2013), and cost in pieces.
Written from the case alone; it shares with the solvers nothing but the pieces of a cost curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.cases.case import Case, Thermal
from gridmuster.planning.cases.tables import pieces_of
from gridmuster.planning.highs import loaded_solver
from gridmuster.planning.linear import INF, Ints, LinearModel


@dataclass(frozen=True, slots=True)
class Found:
    """What HiGHS found: cost (inf without a plan), bound, and wall time with building, s."""

    cost: float
    bound: float
    seconds: float

    @property
    def gap(self) -> float:
        """Relative gap; inf without a plan."""
        return (self.cost - self.bound) / abs(self.cost) if self.cost < INF else INF


def textbook(case: Case, gap: float, seconds: float, threads: int = 2) -> Found:
    """HiGHS on the textbook model.

    Args:
        case: the case.
        gap: relative gap at which to stop.
        seconds: most wall time with building, s.
        threads: of HiGHS.
    """
    began_s = stopwatch_s()
    model = LinearModel()
    hours = case.hours
    demand, reserve = np.array(case.demand_mw), np.array(case.reserve_mw)
    balance = model.rows(hours, demand, demand)
    spinning = model.rows(hours, reserve, INF)
    for _, unit in case.units():
        _unit(model, unit, balance, spinning)
    for source in case.renewable:
        power = model.columns(hours, np.array(source.min_mw), np.array(source.max_mw), 0.0)
        model.entries(balance, power, 1.0)
    arrays = model.freeze()
    solver = loaded_solver(arrays, threads)
    numbers = np.flatnonzero(arrays.integer).astype(np.int32)
    whole = np.full(len(numbers), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
    solver.changeColsIntegrality(len(numbers), numbers, whole)
    solver.setOptionValue("mip_rel_gap", gap)
    solver.setOptionValue("time_limit", max(seconds - (stopwatch_s() - began_s), 0.1))
    solver.run()
    info = solver.getInfo()
    cost, bound = float(info.objective_function_value), float(info.mip_dual_bound)
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    return Found(cost if feasible else INF, bound, stopwatch_s() - began_s)


def _unit(model: LinearModel, unit: Thermal, balance: Ints, spinning: Ints) -> None:
    hours = len(balance)
    span, before = unit.max_mw - unit.min_mw, float(unit.on_before)
    curve = pieces_of(unit)
    least, most = np.zeros(hours), np.ones(hours)
    least[:] = float(unit.must_run)
    left = max(min((unit.up_h if before else unit.down_h) - unit.hours_before, hours), 0)
    (least if before else most)[:left] = before
    on = model.columns(hours, least, most, curve.base, integer=True)
    start = model.columns(hours, 0.0, 1.0, 0.0, integer=True)
    stop = model.columns(hours, 0.0, 1.0, 0.0, integer=True)
    above = model.columns(hours, 0.0, span, 0.0)
    held = model.columns(hours, 0.0, span, 0.0)
    model.entries(balance, on, unit.min_mw)
    model.entries(balance, above, 1.0)
    model.entries(spinning, held, 1.0)
    state = model.rows(hours, *2 * (np.eye(1, hours)[0] * before,))
    for columns, sign in ((on, 1.0), (start, -1.0), (stop, 1.0)):
        model.entries(state, columns, sign)
    model.entries(state[1:], on[:-1], -1.0)
    up, down = model.rows(hours, 0.0, INF), model.rows(hours, -INF, 1.0)
    model.entries(up, on, 1.0)
    model.entries(down, on, 1.0)
    for back in range(min(unit.up_h, hours)):
        model.entries(up[back:], start[: hours - back], -1.0)
    for back in range(min(unit.down_h, hours)):
        model.entries(down[back:], stop[: hours - back], 1.0)
    if before and unit.power_before_mw > unit.ramp_stop_mw:
        model.entries(model.rows(1, 0.0, 0.0), stop[:1], 1.0)
    for columns, ahead, limit in ((start, 0, unit.ramp_start_mw), (stop, 1, unit.ramp_stop_mw)):
        room = model.rows(hours, 0.0, INF)
        model.entries(room, on, span)
        model.entries(room[: hours - ahead], columns[ahead:], -max(unit.max_mw - limit, 0.0))
        model.entries(room, above, -1.0)
        model.entries(room, held, -1.0)
    power = np.eye(1, hours)[0] * (before * (unit.power_before_mw - unit.min_mw))
    rise = model.rows(hours, -INF, unit.ramp_up_mw + power)
    fall = model.rows(hours, -INF, unit.ramp_down_mw - power)
    for rows, sign in ((rise, 1.0), (fall, -1.0)):
        model.entries(rows, above, sign)
        model.entries(rows[1:], above[:-1], -sign)
    model.entries(rise, held, 1.0)
    total = model.rows(hours, 0.0, 0.0)
    model.entries(total, above, -1.0)
    for width, rate in curve.parts:
        model.entries(total, model.columns(hours, 0.0, width, rate), 1.0)
    _categories(model, unit, start, stop)


def _categories(model: LinearModel, unit: Thermal, start: Ints, stop: Ints) -> None:
    """A start is of one category; a hotter one needs a stop not too long before."""
    hours = len(start)
    one = model.rows(hours, 0.0, 0.0)
    model.entries(one, start, -1.0)
    for number, step in enumerate(unit.starts):
        category = model.columns(hours, 0.0, 1.0, step.cost, integer=True)
        model.entries(one, category, 1.0)
        if number + 1 == len(unit.starts):
            continue
        lags = range(step.lag_h, unit.starts[number + 1].lag_h)
        # Hours off before the first hour count as well.
        gone = np.arange(hours) + unit.hours_before
        known = (gone >= lags.start) & (gone < lags.stop) & (not unit.on_before)
        rows = model.rows(hours, -INF, known.astype(float))
        model.entries(rows, category, 1.0)
        for lag in lags:
            if lag < hours:
                model.entries(rows[lag:], stop[: hours - lag], -1.0)
