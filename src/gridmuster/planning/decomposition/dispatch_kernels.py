"""Dispatch of what is on: supply at prices, and output between the two sides of the margin."""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.fleet import EngineArrays, Flags, StoreArrays
from gridmuster.planning.decomposition.fuel_kernels import KEPT_BACK, fuel_used, path_value, refill
from gridmuster.planning.decomposition.store_kernels import HOLD_H
from gridmuster.planning.linear import Floats


@compiled
def best_output(
    engines: EngineArrays,
    i: int,
    energy: Floats,
    reserve: Floats,
    output: Floats,
) -> None:
    """Output of an engine that is on, (intervals,) written, kW; see `interval_gains`."""
    count = len(energy)
    segments = engines.width_kw.shape[1]
    if engines.low_kw.shape[1] == 1:
        low, high = engines.low_kw[i, 0], engines.high_kw[i, 0]
        knee = high - min(high - low, engines.reach_kw[i])
        for t in range(count):
            output[t] = low
        lower = 0.0
        for j in range(segments):
            slope = engines.slope_usd[i, j]
            upper = lower + engines.width_kw[i, j] if j < segments - 1 else max(high, lower)
            free = max(0.0, min(upper, knee) - max(lower, low))
            paid = max(0.0, min(upper, high) - max(lower, knee))
            for t in range(count):
                output[t] += free if slope < energy[t] else 0.0
                output[t] += paid if slope + reserve[t] < energy[t] else 0.0
            lower = upper
        return
    for t in range(count):
        low, high = engines.low_kw[i, t], engines.high_kw[i, t]
        knee = high - min(high - low, engines.reach_kw[i])
        power = low
        lower = 0.0
        for j in range(segments):
            slope = engines.slope_usd[i, j]
            upper = lower + engines.width_kw[i, j] if j < segments - 1 else max(high, lower)
            if slope < energy[t]:
                power += max(0.0, min(upper, knee) - max(lower, low))
            if slope + reserve[t] < energy[t]:
                power += max(0.0, min(upper, high) - max(lower, knee))
            lower = upper
        output[t] = power


@compiled
def committed_supply(
    engines: EngineArrays,
    begin: int,
    end: int,
    on: Flags,
    energy: Floats,
    reserve: Floats,
    frozen: Flags,
    supply: Floats,
) -> None:
    """Add up what engines that are on and not ``frozen`` give, and their headroom, at prices.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        on: (engines, intervals).
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh.
        frozen: 1 for those left out (engines,).
        supply: (2, intervals), added to, kW.
    """
    count = len(energy)
    output = np.empty(count)
    constant = engines.high_kw.shape[1] == 1
    for i in range(begin, end):
        if frozen[i] == 1:
            continue
        best_output(engines, i, energy, reserve, output)
        reach = engines.reach_kw[i]
        for t in range(count):
            high = engines.high_kw[i, 0 if constant else t]
            supply[0, t] += output[t] * on[i, t]
            supply[1, t] += min(high - output[t], reach) * on[i, t]


@compiled
def committed_power(
    engines: EngineArrays,
    begin: int,
    end: int,
    on: Flags,
    prices: Floats,
    share: Floats,
    frozen: Flags,
    step_h: float,
    power: Floats,
) -> None:
    """Output of engines that are on, between their answers to two price vectors.

    Those ``frozen`` keep what they have; those that would burn more than their tank refill it, and
    are frozen by that.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        on: (engines, intervals).
        prices: (3, intervals): energy on one side of the margin, on the other, and headroom.
        share: of the second (intervals,), 0 to 1.
        frozen: 1 where ``power`` stands already (engines,), changed.
        step_h: length of an interval, h.
        power: (engines, intervals), written, kW.
    """
    count = prices.shape[1]
    below, above = np.empty(count), np.empty(count)
    work = np.empty((4, 2 * engines.width_kw.shape[1] * count))
    for i in range(begin, end):
        if frozen[i] == 1:
            continue
        best_output(engines, i, prices[0], prices[2], below)
        best_output(engines, i, prices[1], prices[2], above)
        for t in range(count):
            below[t] += share[t] * (above[t] - below[t])
        tank = engines.fuel[i] * (1.0 - KEPT_BACK)
        if tank < np.inf and fuel_used(engines, i, on[i], below, step_h) > tank:
            refill(engines, i, on[i], prices[0], prices[2], step_h, below, work)
            frozen[i] = 1
        for t in range(count):
            power[i, t] = below[t] * on[i, t]


@compiled
def freeze_limited(
    engines: EngineArrays,
    begin: int,
    end: int,
    on: Flags,
    prices: Floats,
    step_h: float,
    frozen: Flags,
    power: Floats,
) -> None:
    """Fix the output of engines whose tank binds, or nearly, at prices.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        on: (engines, intervals).
        prices: (3, intervals): energy, energy a little above, headroom, USD/kWh.
        step_h: length of an interval, h.
        frozen: (engines,), written.
        power: (engines, intervals), written where frozen, kW.
    """
    count = on.shape[1]
    output = np.empty(count)
    work = np.empty((4, 2 * engines.width_kw.shape[1] * count))
    for i in range(begin, end):
        frozen[i] = 0
        if not engines.fuel[i] < np.inf:
            continue
        if refill(engines, i, on[i], prices[1], prices[2], step_h, output, work) != 0.0:
            refill(engines, i, on[i], prices[0], prices[2], step_h, output, work)
            frozen[i] = 1
            for t in range(count):
                power[i, t] = output[t] * on[i, t]


@compiled
def engines_price(
    engines: EngineArrays,
    begin: int,
    end: int,
    on: Flags,
    power: Floats,
    step_h: float,
    sums: Floats,
    totals: Floats,
) -> None:
    """What schedules of engines cost and leave as headroom.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        on: (engines, intervals).
        power: (engines, intervals), kW.
        step_h: length of an interval, h.
        sums: (3, intervals): output and headroom are added, the largest that is on is kept, kW.
        totals: (1,), added to: cost, USD.
    """
    count = on.shape[1]
    segments = engines.width_kw.shape[1]
    constant = engines.high_kw.shape[1] == 1
    for i in range(begin, end):
        before = engines.on_before[i]
        cost = 0.0
        for t in range(count):
            if on[i, t] == 1:
                column = 0 if constant else t
                high = engines.high_kw[i, column]
                cost -= engines.bonus_usd[i, column]
                left = power[i, t]
                rate = engines.hourly_usd[i]
                for j in range(segments):
                    used = left
                    if j < segments - 1:
                        used = min(left, engines.width_kw[i, j])
                    rate += engines.slope_usd[i, j] * used
                    left -= used
                cost += rate * step_h
                if before == 0:
                    cost += engines.start_usd[i]
                sums[0, t] += power[i, t]
                sums[1, t] += min(high - power[i, t], engines.reach_kw[i])
                sums[2, t] = max(sums[2, t], high)
            before = on[i, t]
        totals[0] += cost


@compiled
def stores_price(
    stores: StoreArrays,
    begin: int,
    end: int,
    power: Floats,
    step_h: float,
    sums: Floats,
    totals: Floats,
    energy: Floats,
) -> None:
    """Walk stores along their schedules: energies, cost and headroom.

    A schedule that would overfill a store is charged less, one that would empty it gives less:
    ``power`` is changed in place, so that it is feasible whatever it was.

    Args:
        stores: the stores.
        begin: first of them.
        end: one past the last.
        power: (stores, intervals), kW, above 0 when it gives.
        step_h: length of an interval, h.
        sums: (3, intervals): power given and headroom are added, kW.
        totals: (1,), added to: cost, USD.
        energy: (stores, intervals), written, kWh; or (0, intervals).
    """
    count = power.shape[1]
    constant = stores.charge_kw.shape[1] == 1
    for i in range(begin, end):
        into, out = stores.charge_efficiency[i], stores.discharge_efficiency[i]
        level = min(stores.initial_kwh[i], stores.max_kwh[i])
        cost = 0.0
        for t in range(count):
            column = 0 if constant else t
            level *= stores.keep[i]
            flow = min(max(power[i, t], -stores.charge_kw[i, column]),
                       stores.discharge_kw[i, column])  # fmt: skip
            if flow < 0.0:
                flow = max(flow, -max(0.0, stores.max_kwh[i] - level) / (into * step_h))
                level -= flow * into * step_h
                cost -= stores.charge_usd[i] * flow * step_h
            else:
                flow = min(flow, max(0.0, level - stores.min_kwh[i]) * out / step_h)
                level -= flow / out * step_h
                cost += stores.discharge_usd[i] * flow * step_h
            power[i, t] = flow
            sums[0, t] += flow
            if stores.reserve[i] == 1:
                held = max(0.0, level - stores.min_kwh[i]) * out / HOLD_H
                sums[1, t] += min(stores.discharge_kw[i, column] - flow, held)
            if energy.shape[0] > 0:
                energy[i, t] = level
        wish = min(stores.end_min_kwh[i], stores.max_kwh[i])
        cost += stores.end_penalty_usd[i] * max(0.0, wish - level) - stores.end_usd[i] * level
        totals[0] += cost


@compiled
def committed_answers(
    engines: EngineArrays,
    begin: int,
    end: int,
    on: Flags,
    frozen: Flags,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    sums: Floats,
    totals: Floats,
    weight: float,
    power: Floats,
) -> None:
    """Best output at prices of ``frozen`` engines, whose on and off is fixed, within their tanks.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        on: (engines, intervals).
        frozen: 1 for the engines that are asked (engines,).
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh.
        step_h: length of an interval, h.
        sums: (2, intervals), added to: output and headroom, kW.
        totals: (3,), added to: value twice (it is its own bound) and the sum of absolute terms.
        weight: share of this answer that is added to ``power``.
        power: (engines, intervals), added to, kW; or (0, intervals).
    """
    if power.shape[0] > 0 and weight == 0.0:
        return
    count = len(energy)
    output = np.empty(count)
    work = np.empty((4, 2 * engines.width_kw.shape[1] * count))
    constant = engines.high_kw.shape[1] == 1
    for i in range(begin, end):
        if frozen[i] == 0:
            continue
        refill(engines, i, on[i], energy, reserve, step_h, output, work)
        value = path_value(engines, i, on[i], output, energy, reserve, step_h)
        size = abs(value)
        for t in range(count):
            if on[i, t] == 1:
                high = engines.high_kw[i, 0 if constant else t]
                sums[0, t] += output[t]
                sums[1, t] += min(high - output[t], engines.reach_kw[i])
                size += abs(energy[t] * output[t]) * step_h
        totals[0] += value
        totals[1] += value
        totals[2] += size
        if power.shape[0] > 0:
            for t in range(count):
                power[i, t] += weight * output[t] * on[i, t]
