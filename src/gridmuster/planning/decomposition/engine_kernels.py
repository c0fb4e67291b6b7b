"""Each engine's best answer to prices: dispatch in closed form, on and off by dynamic programming.

At prices ``energy`` (USD/kWh) and ``reserve`` (USD/kWh of headroom) an engine that is on gives what
its convex segments are worth, so that an interval has one number, its gain. On and off then is a
shortest path with two states only, "on and free to stop" and "off and free to start": a start
jumps over the least time on, a stop over the least time off, and prefix sums price a jump. That is
O(intervals). Budgets of hours and starts that the plain path breaks become states: exact.
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.fleet import EngineArrays, Flags
from gridmuster.planning.linear import Floats, Ints

#: Stands for "cannot be", USD.
NEVER = 1e300


@compiled
def parts(engines: EngineArrays, i: int, t: int, width: Floats) -> float:
    """Widths of each segment above least output that cost no headroom and that do.

    Args:
        engines: the engines.
        i: which of them.
        t: interval.
        width: (2, segments or more) is written, kW.

    Returns:
        The least output when on, kW.
    """
    segments = engines.width_kw.shape[1]
    column = 0 if engines.low_kw.shape[1] == 1 else t
    low, high = engines.low_kw[i, column], engines.high_kw[i, column]
    knee = high - min(high - low, engines.reach_kw[i])
    lower = 0.0
    for j in range(segments):
        upper = lower + engines.width_kw[i, j] if j < segments - 1 else max(high, lower)
        width[0, j] = max(0.0, min(upper, knee) - max(lower, low))
        width[1, j] = max(0.0, min(upper, high) - max(lower, knee))
        lower = upper
    return float(low)


@compiled
def least_rate(engines: EngineArrays, i: int, t: int, fuel_usd: float) -> float:
    """Cost of an hour at least output, USD, with fuel at ``fuel_usd`` a unit on top."""
    column = 0 if engines.low_kw.shape[1] == 1 else t
    segments = engines.width_kw.shape[1]
    left = engines.low_kw[i, column]
    rate = engines.hourly_usd[i] + fuel_usd * engines.hourly_fuel[i]
    for j in range(segments):
        used = min(left, engines.width_kw[i, j]) if j < segments - 1 else left
        rate += (engines.slope_usd[i, j] + fuel_usd * engines.slope_fuel[i, j]) * used
        left -= used
    return float(rate)


@compiled
def constant_gains(
    engines: EngineArrays,
    i: int,
    energy: Floats,
    reserve: Floats,
    fuel_usd: float,
    step_h: float,
    gain: Floats,
    output: Floats,
    width: Floats,
) -> None:
    """`interval_gains` of an engine whose limits are the same in all intervals: loops of lanes."""
    count = len(energy)
    low = parts(engines, i, 0, width)
    rate = least_rate(engines, i, 0, fuel_usd)
    reach = min(engines.high_kw[i, 0] - low, engines.reach_kw[i])
    for t in range(count):
        gain[t] = rate - energy[t] * low - reserve[t] * reach
        output[t] = low
    for j in range(engines.width_kw.shape[1]):
        slope = engines.slope_usd[i, j] + fuel_usd * engines.slope_fuel[i, j]
        free, paid = width[0, j], width[1, j]
        if free > 0.0:
            for t in range(count):
                margin = slope - energy[t]
                gain[t] += free * min(margin, 0.0)
                output[t] += free if margin < 0.0 else 0.0
        if paid > 0.0:
            for t in range(count):
                margin = slope - energy[t] + reserve[t]
                gain[t] += paid * min(margin, 0.0)
                output[t] += paid if margin < 0.0 else 0.0
    for t in range(count):
        gain[t] = gain[t] * step_h - engines.bonus_usd[i, 0]


@compiled
def interval_gains(
    engines: EngineArrays,
    i: int,
    energy: Floats,
    reserve: Floats,
    fuel_usd: float,
    step_h: float,
    gain: Floats,
    output: Floats,
) -> None:
    """Cost of being on at the best output, less what it earns, and that output, by interval.

    Args:
        engines: the engines.
        i: which of them.
        energy: price of energy (intervals,), USD/kWh.
        reserve: price of headroom (intervals,), USD/kWh.
        fuel_usd: price of a unit of fuel on top of its cost, USD.
        step_h: length of an interval, h.
        gain: (intervals,) is written: USD, below 0 where being on pays.
        output: (intervals,) is written: kW.
    """
    segments = engines.width_kw.shape[1]
    width = np.empty((2, segments))
    if engines.low_kw.shape[1] == 1:
        constant_gains(engines, i, energy, reserve, fuel_usd, step_h, gain, output, width)
        return
    for t in range(len(energy)):
        power = parts(engines, i, t, width)
        reach = min(engines.high_kw[i, t] - power, engines.reach_kw[i])
        total = least_rate(engines, i, t, fuel_usd) - energy[t] * power - reserve[t] * reach
        for j in range(segments):
            margin = engines.slope_usd[i, j] + fuel_usd * engines.slope_fuel[i, j] - energy[t]
            if margin < 0.0:
                total += width[0, j] * margin
                power += width[0, j]
            margin += reserve[t]
            if margin < 0.0:
                total += width[1, j] * margin
                power += width[1, j]
        gain[t] = total * step_h - engines.bonus_usd[i, t]
        output[t] = power


@compiled
def sum_gains(engines: EngineArrays, i: int, gain: Floats, prefix: Floats, barred: Ints) -> float:
    """Running sums of gains and of intervals without permission to run; sum of absolute gains."""
    count = len(gain)
    prefix[0] = 0.0
    barred[0] = 0
    size = 0.0
    if engines.high_kw.shape[1] == 1:
        step = 0 if engines.high_kw[i, 0] > 0.0 else 1
        for t in range(count):
            prefix[t + 1] = prefix[t] + gain[t]
            barred[t + 1] = barred[t] + step
            size += abs(gain[t])
        return size
    for t in range(count):
        if engines.high_kw[i, t] > 0.0:
            prefix[t + 1] = prefix[t] + gain[t]
            barred[t + 1] = barred[t]
            size += abs(gain[t])
        else:
            prefix[t + 1] = prefix[t]
            barred[t + 1] = barred[t] + 1
    return size


@compiled
def plain_path(
    engines: EngineArrays,
    i: int,
    start_usd: float,
    prefix: Floats,
    barred: Ints,
    running: Floats,
    resting: Floats,
    on: Flags,
) -> float:
    """Cheapest on and off that keeps least times, without budgets.

    Args:
        engines: the engines.
        i: which of them.
        start_usd: what a start costs, USD.
        prefix: running sums of gains (intervals + 1,).
        barred: running number of intervals in which it may not run (intervals + 1,).
        running: (intervals + 1,), written: cost to the end from "on and free to stop".
        resting: (intervals + 1,), written: the same from "off and free to start".
        on: (intervals,) is written.

    Returns:
        Its cost less what it earns, USD.
    """
    count = len(prefix) - 1
    up, down = engines.up[i], engines.down[i]
    held = min(engines.held[i], count)
    running[count] = 0.0
    resting[count] = 0.0
    for t in range(count - 1, held - 1, -1):
        run, stop = min(t + up, count), min(t + down, count)
        begin = NEVER
        if barred[run] == barred[t]:
            begin = start_usd + (prefix[run] - prefix[t]) + running[run]
        resting[t] = min(resting[t + 1], begin)
        stay = NEVER
        if barred[t + 1] == barred[t]:
            stay = (prefix[t + 1] - prefix[t]) + running[t + 1]
        running[t] = min(resting[stop], stay)
    state = engines.on_before[i]
    for t in range(held):
        on[t] = state
    t = held
    value = resting[held]
    if state == 1:
        value = running[held] + prefix[held]
    while t < count:
        if state == 0:
            if resting[t] == resting[t + 1]:
                on[t] = 0
                t += 1
            else:
                run = min(t + up, count)
                for k in range(t, run):
                    on[k] = 1
                t = run
                state = 1
        else:
            stop = min(t + down, count)
            if running[t] == resting[stop]:
                for k in range(t, stop):
                    on[k] = 0
                t = stop
                state = 0
            else:
                on[t] = 1
                t += 1
    return float(value)


@compiled
def tail_intervals(engines: EngineArrays, i: int, on: Flags) -> int:
    """Intervals that a run begun within the horizon has to last beyond it.

    Budgets keep enough for them, so that the next plan can hold the least time on.
    """
    count = len(on)
    if count == 0 or on[count - 1] == 0:
        return 0
    first = count - 1
    while first > 0 and on[first - 1] == 1:
        first -= 1
    if first == 0 and engines.on_before[i] == 1:
        return 0
    return int(max(0, first + engines.up[i] - count))


@compiled
def keeps(engines: EngineArrays, i: int, on: Flags) -> bool:
    """Whether on and off keep what is held, permission, least times and the budget of hours."""
    count = len(on)
    constant = engines.high_kw.shape[1] == 1
    before = engines.on_before[i]
    held = min(engines.held[i], count)
    for t in range(held):
        if on[t] != before:
            return False
    hours = tail_intervals(engines, i, on)
    state, first, begun = before, 0, False
    for t in range(count):
        hours += on[t]
        if on[t] == 1 and engines.high_kw[i, 0 if constant else t] <= 0.0:
            return False
        if on[t] != state:
            if begun and t - first < (engines.up[i] if state == 1 else engines.down[i]):
                return False
            state, first, begun = on[t], t, True
    return bool(hours <= engines.hours[i])


@compiled
def most_hours(engines: EngineArrays, i: int, count: int) -> int:
    """The budget of hours in intervals, as far as it can matter."""
    return int(min(engines.hours[i], count + engines.up[i]))


@compiled
def hour_tables(
    engines: EngineArrays,
    i: int,
    start_usd: float,
    tail_usd: float,
    prefix: Floats,
    barred: Ints,
    running: Floats,
    resting: Floats,
) -> int:
    """Costs to the end by exactly so many hours still to run: the tables of the exact budget.

    Args:
        engines: the engines.
        i: which of them.
        start_usd: what a start costs, USD.
        tail_usd: what an interval of a run beyond the horizon costs, USD.
        prefix: running sums of gains (intervals + 1,).
        barred: running number of intervals in which it may not run (intervals + 1,).
        running: (intervals + 1, hours + 1 or more), written: from "on and free to stop".
        resting: the same from "off and free to start".

    Returns:
        The largest number of hours in the tables.
    """
    count = len(prefix) - 1
    up, down = engines.up[i], engines.down[i]
    held = min(engines.held[i], count)
    most = most_hours(engines, i, count)
    for h in range(most + 1):
        running[count, h] = NEVER
        resting[count, h] = NEVER
    running[count, 0] = 0.0
    resting[count, 0] = 0.0
    for t in range(count - 1, held - 1, -1):
        run, stop = min(t + up, count), min(t + down, count)
        # A run counts in full, what lies beyond the horizon too.
        length = up
        if barred[run] == barred[t] and length <= most:
            begin = start_usd + (prefix[run] - prefix[t]) + tail_usd * (t + up - run)
            for h in range(length):
                resting[t, h] = resting[t + 1, h]
            for h in range(length, most + 1):
                resting[t, h] = min(resting[t + 1, h], begin + running[run, h - length])
        else:
            for h in range(most + 1):
                resting[t, h] = resting[t + 1, h]
        running[t, 0] = resting[stop, 0]
        if barred[t + 1] == barred[t]:
            gain = prefix[t + 1] - prefix[t]
            for h in range(1, most + 1):
                running[t, h] = min(resting[stop, h], gain + running[t + 1, h - 1])
        else:
            for h in range(1, most + 1):
                running[t, h] = resting[stop, h]
    return int(most)


@compiled
def value_of_hours(
    engines: EngineArrays, i: int, h: int, prefix: Floats, running: Floats, resting: Floats
) -> float:
    """Least cost, less earnings, of running exactly ``h`` intervals, from `hour_tables`."""
    held = min(engines.held[i], len(prefix) - 1)
    if engines.on_before[i] == 0:
        return float(resting[held, h])
    if h < held:
        return NEVER
    return float(running[held, h - held] + prefix[held])


@compiled
def path_of_hours(
    engines: EngineArrays, i: int, h: int, running: Floats, resting: Floats, on: Flags
) -> None:
    """On and off that runs exactly ``h`` intervals at least cost, from `hour_tables`."""
    count = len(on)
    up, down = engines.up[i], engines.down[i]
    t = min(engines.held[i], count)
    state = engines.on_before[i]
    left = h
    for k in range(t):
        on[k] = state
        left -= state
    while t < count:
        if state == 0:
            if resting[t, left] == resting[t + 1, left]:
                on[t] = 0
                t += 1
            else:
                run = min(t + up, count)
                for k in range(t, run):
                    on[k] = 1
                left -= up
                t = run
                state = 1
        else:
            stop = min(t + down, count)
            if running[t, left] == resting[stop, left]:
                for k in range(t, stop):
                    on[k] = 0
                t = stop
                state = 0
            else:
                on[t] = 1
                left -= 1
                t += 1


@compiled
def best_within_hours(
    engines: EngineArrays,
    i: int,
    prefix: Floats,
    barred: Ints,
    running: Floats,
    resting: Floats,
    on: Flags,
) -> float:
    """Cheapest on and off within the budget of hours; its cost less what it earns, USD."""
    most = hour_tables(engines, i, engines.start_usd[i], 0.0, prefix, barred, running, resting)
    best, chosen = NEVER, -1
    for h in range(most + 1):
        value = value_of_hours(engines, i, h, prefix, running, resting)
        if value < best:
            best, chosen = value, h
    if chosen >= 0:
        path_of_hours(engines, i, chosen, running, resting, on)
    return best
