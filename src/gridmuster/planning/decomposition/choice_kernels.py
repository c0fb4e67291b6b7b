"""Which of its schedules each device takes: local search on the proven gap itself.

At the master's prices a plan costs the lower bound, plus what each device's schedule is dearer than
its best one, plus what the rows miss: capacity beyond need at its price, missing capacity at the
penalty less the price, energy off balance by how fast marginal cost changes. All of it is known for
every schedule of every device, so that a change of one device is tried in O(intervals).
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.engine_kernels import interval_gains
from gridmuster.planning.decomposition.fleet import Counts, EngineArrays, Flags, StoreArrays
from gridmuster.planning.decomposition.fuel_kernels import path_value, refill
from gridmuster.planning.decomposition.store_kernels import HOLD_H
from gridmuster.planning.linear import Floats


@compiled
def engine_options(
    engines: EngineArrays,
    on: Flags,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    power: Floats,
    capacity: Floats,
    excess: Floats,
) -> None:
    """Dispatch and price schedules of engines at one price vector.

    Args:
        engines: the engines.
        on: (engines, schedules, intervals).
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh.
        step_h: length of an interval, h.
        power: (engines, schedules, intervals), written, kW.
        capacity: the same: power and headroom together.
        excess: (engines, schedules), written: cost less earnings, USD; a schedule that an earlier
            one repeats gets infinity.
    """
    devices, schedules, count = on.shape
    gain, output = np.empty(count), np.empty(count)
    work = np.empty((4, 2 * engines.width_kw.shape[1] * count))
    constant = engines.high_kw.shape[1] == 1
    for i in range(devices):
        interval_gains(engines, i, energy, reserve, 0.0, step_h, gain, output)
        limited = engines.fuel[i] < np.inf
        for j in range(schedules):
            again = False
            for k in range(j):
                if excess[i, k] < np.inf:
                    same = True
                    for t in range(count):
                        if on[i, j, t] != on[i, k, t]:
                            same = False
                            break
                    again |= same
            if again:
                excess[i, j] = np.inf
                continue
            before = engines.on_before[i]
            total = 0.0
            if limited:
                refill(engines, i, on[i, j], energy, reserve, step_h, output, work)
                total = path_value(engines, i, on[i, j], output, energy, reserve, step_h)
            for t in range(count):
                running = on[i, j, t]
                high = engines.high_kw[i, 0 if constant else t]
                given = output[t] * running
                power[i, j, t] = given
                capacity[i, j, t] = given + min(high * running - given, engines.reach_kw[i])
                if running == 1 and not limited:
                    total += gain[t]
                    if before == 0:
                        total += engines.start_usd[i]
                before = running
            excess[i, j] = total


@compiled
def store_options(
    stores: StoreArrays,
    power: Floats,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    capacity: Floats,
    excess: Floats,
) -> None:
    """Price schedules of stores at one price vector; see `engine_options`."""
    devices, schedules, count = power.shape
    constant = stores.charge_kw.shape[1] == 1
    for i in range(devices):
        into, out = stores.charge_efficiency[i], stores.discharge_efficiency[i]
        for j in range(schedules):
            level = min(stores.initial_kwh[i], stores.max_kwh[i])
            total = 0.0
            for t in range(count):
                flow = power[i, j, t]
                level *= stores.keep[i]
                if flow < 0.0:
                    level -= flow * into * step_h
                    total -= stores.charge_usd[i] * flow * step_h
                else:
                    level -= flow / out * step_h
                    total += stores.discharge_usd[i] * flow * step_h
                headroom = 0.0
                if stores.reserve[i] == 1:
                    held = max(0.0, level - stores.min_kwh[i]) * out / HOLD_H
                    most = stores.discharge_kw[i, 0 if constant else t]
                    headroom = min(most - flow, held)
                capacity[i, j, t] = flow + headroom
                total -= (energy[t] * flow + reserve[t] * headroom) * step_h
            wish = min(stores.end_min_kwh[i], stores.max_kwh[i])
            missing = max(0.0, wish - level)
            excess[i, j] = total + stores.end_penalty_usd[i] * missing - stores.end_usd[i] * level


@compiled
def improve(
    power: Floats,
    capacity: Floats,
    excess: Floats,
    surplus_usd: Floats,
    missing_usd: Floats,
    stiffness: Floats,
    play: Floats,
    chosen: Counts,
    energy_off: Floats,
    capacity_off: Floats,
    sweeps: int,
) -> int:
    """Change one device's schedule at a time as long as that lowers the gap.

    Args:
        power: (devices, schedules, intervals), kW.
        capacity: the same.
        excess: (devices, schedules), USD.
        surplus_usd: (intervals,), USD of a kW of capacity beyond need, over the interval.
        missing_usd: the same for a kW missing.
        stiffness: (intervals,), USD of a squared kW of energy off balance beyond its play.
        play: (2, intervals), kW by which output can fall or rise at the margin.
        chosen: (devices,), changed: number of the schedule taken.
        energy_off: (intervals,), changed: power beyond balance, kW.
        capacity_off: (intervals,), changed: capacity beyond need, kW.
        sweeps: most rounds over all devices.

    Returns:
        How many changes were made.
    """
    devices, schedules, count = power.shape
    changes = 0
    now = np.empty(count)
    for _ in range(sweeps):
        before = changes
        for i in range(devices):
            mine = chosen[i]
            total = 0.0
            for t in range(count):
                off = capacity_off[t]
                now[t] = surplus_usd[t] * off if off >= 0.0 else -missing_usd[t] * off
                lack = max(0.0, energy_off[t] - play[0, t], -energy_off[t] - play[1, t])
                now[t] += stiffness[t] * lack * lack
                total += now[t]
            best, taken = -1e-9, mine
            for j in range(schedules):
                delta = excess[i, j] - excess[i, mine]
                if j == mine or not delta < total:
                    continue
                for t in range(count):
                    off = capacity_off[t] + (capacity[i, j, t] - capacity[i, mine, t])
                    more = energy_off[t] + (power[i, j, t] - power[i, mine, t])
                    lack = max(0.0, more - play[0, t], -more - play[1, t])
                    usd = surplus_usd[t] * off if off >= 0.0 else -missing_usd[t] * off
                    delta += usd + stiffness[t] * lack * lack - now[t]
                if delta < best:
                    best, taken = delta, j
            if taken != mine:
                for t in range(count):
                    capacity_off[t] += capacity[i, taken, t] - capacity[i, mine, t]
                    energy_off[t] += power[i, taken, t] - power[i, mine, t]
                chosen[i] = taken
                changes += 1
        if changes == before:
            break
    return changes
