"""Answers of ranges of engines to prices, added up; budgets are looked at only when they bind."""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.engine_kernels import (
    best_within_hours,
    interval_gains,
    most_hours,
    plain_path,
    sum_gains,
    tail_intervals,
)
from gridmuster.planning.decomposition.fleet import UNLIMITED, EngineArrays, Flags
from gridmuster.planning.decomposition.fuel_kernels import (
    KEPT_BACK,
    MOST_PRICE,
    TRIES,
    fuel_used,
    within_tank,
)
from gridmuster.planning.linear import Floats


@compiled
def pack(on: Flags, marks: Flags) -> None:
    """On and off of each interval (intervals,) as bits, the first in the lowest bit of a byte."""
    marks[:] = 0
    for t in range(len(on)):
        marks[t >> 3] |= on[t] << (t & 7)


@compiled
def engine_answers(
    engines: EngineArrays,
    begin: int,
    end: int,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    sums: Floats,
    totals: Floats,
    marks: Flags,
) -> None:
    """Answers of some engines, added up, and their on and off.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh of headroom.
        step_h: length of an interval, h.
        sums: (2, intervals), added to: output and headroom, kW.
        totals: (3,), added to: value of the answers and a bound on the best value (cost less what
            it earns at the prices, USD), and the sum of the absolute terms behind them.
        marks: (engines, bytes), written, see `pack`.
    """
    count = len(energy)
    gain, output = np.empty(count), np.empty(count)
    prefix, barred = np.empty(count + 1), np.empty(count + 1, dtype=np.int64)
    running, resting = np.empty(count + 1), np.empty(count + 1)
    most = 0
    for i in range(begin, end):
        if engines.hours[i] < UNLIMITED or engines.fuel[i] < np.inf:
            most = max(most, most_hours(engines, i, count))
    by_hours = np.empty((count + 1, most + 1))
    off_hours = np.empty((count + 1, most + 1))
    room = max(2 * engines.width_kw.shape[1] * count, count + TRIES)
    on, tried = np.empty(count, dtype=np.uint8), np.empty(count, dtype=np.uint8)
    work, best_of_hours = np.empty((6, room)), np.empty(most + 1)
    constant = engines.high_kw.shape[1] == 1
    for i in range(begin, end):
        interval_gains(engines, i, energy, reserve, 0.0, step_h, gain, output)
        size = sum_gains(engines, i, gain, prefix, barred)
        value = plain_path(engines, i, engines.start_usd[i], prefix, barred, running, resting, on)
        used = tail_intervals(engines, i, on)
        for t in range(count):
            used += on[t]
        if used > engines.hours[i]:
            value = best_within_hours(engines, i, prefix, barred, by_hours, off_hours, on)
        bound = value
        tank = engines.fuel[i]
        if tank < np.inf and fuel_used(engines, i, on, output, step_h) > tank * (1.0 - KEPT_BACK):
            value, bound = within_tank(
                engines, i, energy, reserve, step_h, prefix, barred, by_hours, off_hours,
                on, output, work, tried, best_of_hours,
            )  # fmt: skip
            size += MOST_PRICE * tank
        totals[0] += value
        totals[1] += bound
        totals[2] += size + engines.start_usd[i] * count
        reach = engines.reach_kw[i]
        for t in range(count):
            power = output[t] * on[t]
            high = engines.high_kw[i, 0 if constant else t] * on[t]
            sums[0, t] += power
            sums[1, t] += min(high - power, reach)
        pack(on, marks[i])
