"""Engines whose tank is too small for their best answer: a bound and a schedule, device by device.

A multiplier on fuel alone leaves a gap in each device, which does not average out over a fleet.
Here it is closed by hours: with ``phi`` a price on fuel, let L(phi, h) be the least cost less
earnings plus phi (fuel - tank) of all schedules that run exactly h intervals. One dynamic programme
gives it for every h at once, and

    min over h of max over phi of L(phi, h)

is a lower bound that sees both the whole number of hours and the tank. For the schedule the on and
off of the best h is kept and its output refilled to the tank, which is a continuous knapsack.
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.engine_kernels import (
    NEVER,
    hour_tables,
    interval_gains,
    parts,
    path_of_hours,
    sum_gains,
    tail_intervals,
    value_of_hours,
)
from gridmuster.planning.decomposition.fleet import EngineArrays, Flags
from gridmuster.planning.linear import Floats, Ints

#: Most prices of fuel tried for one engine, and the share of its value at which to stop.
TRIES = 8
CLOSE = 3e-5
#: First price of fuel tried when nothing else suggests one, and its growth, USD.
FIRST_PRICE, GROWTH = 0.1, 3.0
#: Prices of fuel above this are not tried, USD: what the bound's rounding is measured by.
MOST_PRICE = 10.0
#: Share of the tank by which rounding may overfill it: kept back from every schedule.
KEPT_BACK = 1e-9


@compiled
def least_fuel(engines: EngineArrays, i: int) -> float:
    """What an hour at the least output of the last interval burns."""
    left = engines.low_kw[i, engines.low_kw.shape[1] - 1]
    rate = engines.hourly_fuel[i]
    for j in range(engines.width_kw.shape[1]):
        used = min(left, engines.width_kw[i, j])
        rate += engines.slope_fuel[i, j] * used
        left -= used
    return float(rate)


@compiled
def fuel_used(engines: EngineArrays, i: int, on: Flags, output: Floats, step_h: float) -> float:
    """Fuel that an engine burns on a schedule, and what a run needs beyond the horizon."""
    segments = engines.width_kw.shape[1]
    total = tail_intervals(engines, i, on) * least_fuel(engines, i)
    for t in range(len(on)):
        if on[t] == 0:
            continue
        rate = engines.hourly_fuel[i]
        left = output[t]
        for j in range(segments):
            used = left
            if j < segments - 1:
                used = min(left, engines.width_kw[i, j])
            rate += engines.slope_fuel[i, j] * used
            left -= used
        total += rate
    return total * step_h


@compiled
def path_value(
    engines: EngineArrays,
    i: int,
    on: Flags,
    output: Floats,
    energy: Floats,
    reserve: Floats,
    step_h: float,
) -> float:
    """Cost of a schedule less what it earns at prices, USD."""
    segments = engines.width_kw.shape[1]
    constant = engines.high_kw.shape[1] == 1
    before = engines.on_before[i]
    total = 0.0
    for t in range(len(on)):
        if on[t] == 1:
            column = 0 if constant else t
            rate = engines.hourly_usd[i]
            left = output[t]
            for j in range(segments):
                used = left
                if j < segments - 1:
                    used = min(left, engines.width_kw[i, j])
                rate += engines.slope_usd[i, j] * used
                left -= used
            headroom = min(engines.high_kw[i, column] - output[t], engines.reach_kw[i])
            rate -= energy[t] * output[t] + reserve[t] * headroom
            total += rate * step_h - engines.bonus_usd[i, column]
            if before == 0:
                total += engines.start_usd[i]
        before = on[t]
    return total


@compiled
def threshold(ratio: Floats, amount: Floats, size: int, room: float) -> float:
    """The ratio at which a knapsack is full when things of greater ratio are put in first.

    Weighted quickselect (Balas, Zemel, "An algorithm for large zero-one knapsack problems",
    Operations Research 28, 1980); both lists are reordered.

    Args:
        ratio: worth per amount (size or more,).
        amount: (size or more,); together more than ``room``.
        size: how many things.
        room: what fits in.
    """
    first, last = 0, size - 1
    while first < last:
        pivot = ratio[(first + last) // 2]
        i, j = first, last
        inside = 0.0
        while i <= j:
            while ratio[i] > pivot:
                inside += amount[i]
                i += 1
            while ratio[j] < pivot:
                j -= 1
            if i <= j:
                ratio[i], ratio[j] = ratio[j], ratio[i]
                amount[i], amount[j] = amount[j], amount[i]
                inside += amount[i]
                i += 1
                j -= 1
        # Now first..i-1 are at least the pivot, j+1..last at most.
        if inside >= room:
            if i - 1 == last:
                i -= 1
                inside -= amount[i]
                if inside < room:
                    return float(ratio[i])
            last = i - 1
        else:
            room -= inside
            first = i
    return float(ratio[min(first, size - 1)])


@compiled
def worth_of(engines: EngineArrays, i: int, j: int, price: float) -> float:
    """Worth of a unit of fuel burnt in a segment at a price of energy; 0 where it has none."""
    worth = price - engines.slope_usd[i, j]
    if worth <= 0.0:
        return 0.0
    burn = engines.slope_fuel[i, j]
    return float(worth / burn) if burn > 0.0 else np.inf


@compiled
def collect(
    engines: EngineArrays,
    i: int,
    on: Flags,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    output: Floats,
    work: Floats,
) -> int:
    """Everything above least output that is worth its cost: the knapsack's things.

    Worth of a unit of fuel goes to the first row of ``work``, fuel to the second; ``output`` is
    set to the least, or nothing when off. Returns how many there are.
    """
    segments = engines.width_kw.shape[1]
    width = work[2:4]
    size = 0
    for t in range(len(on)):
        if on[t] == 0:
            output[t] = 0.0
            continue
        output[t] = parts(engines, i, t, width)
        for j in range(segments):
            for paid in range(2):
                worth = worth_of(engines, i, j, energy[t] - paid * reserve[t])
                if worth > 0.0 and width[paid, j] > 0.0:
                    work[0, size] = worth
                    work[1, size] = engines.slope_fuel[i, j] * width[paid, j] * step_h
                    size += 1
    return size


@compiled
def pour(
    engines: EngineArrays,
    i: int,
    on: Flags,
    energy: Floats,
    reserve: Floats,
    level: float,
    share: float,
    output: Floats,
    width: Floats,
) -> None:
    """Raise output by all that is worth more than ``level``, and by a share of what is worth it."""
    for t in range(len(on)):
        if on[t] == 0:
            continue
        parts(engines, i, t, width)
        for j in range(engines.width_kw.shape[1]):
            for paid in range(2):
                worth = worth_of(engines, i, j, energy[t] - paid * reserve[t])
                if worth > level:
                    output[t] += width[paid, j]
                elif worth == level and worth > 0.0:
                    output[t] += share * width[paid, j]


@compiled
def refill(
    engines: EngineArrays,
    i: int,
    on: Flags,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    output: Floats,
    work: Floats,
) -> float:
    """Best output of a given on and off within the tank: a continuous knapsack.

    Args:
        engines: the engines.
        i: which of them.
        on: (intervals,).
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh.
        step_h: length of an interval, h.
        output: (intervals,) is written, kW.
        work: room, (4, 2 * segments * intervals or more).

    Returns:
        What a unit of fuel more would be worth, USD; 0 when the tank is large enough, below 0 when
        it is too small for the least output.
    """
    size = collect(engines, i, on, energy, reserve, step_h, output, work)
    room = engines.fuel[i] * (1.0 - KEPT_BACK) - fuel_used(engines, i, on, output, step_h)
    if room < 0.0:
        return -1.0
    wanted = 0.0
    for k in range(size):
        wanted += work[1, k]
    level, share = 0.0, 0.0
    if wanted > room:
        level = threshold(work[0], work[1], size, room)
        at_level = 0.0
        for k in range(size):
            if work[0, k] > level:
                room -= work[1, k]
            elif work[0, k] == level:
                at_level += work[1, k]
        if at_level > 0.0:
            share = min(max(room / at_level, 0.0), 1.0)
    pour(engines, i, on, energy, reserve, level, share, output, work[2:4])
    return float(level)


@compiled
def next_price(prices: Floats, tried: int, suggested: float, more: bool) -> float:
    """The next price of fuel to try: the one suggested, or half-way to the nearest one tried.

    Args:
        prices: tried so far, the last one latest.
        tried: how many.
        suggested: from the knapsack; 0 or less: none.
        more: whether the last price was too low.
    """
    last = prices[tried - 1]
    fresh = suggested > 0.0
    nearest = -1.0
    for k in range(tried):
        if abs(prices[k] - suggested) <= 1e-6 * suggested:
            fresh = False
        if more and prices[k] > last and (nearest < 0.0 or prices[k] < nearest):
            nearest = prices[k]
        if not more and prices[k] < last and prices[k] > nearest:
            nearest = prices[k]
    if fresh and suggested <= MOST_PRICE:
        return suggested
    if nearest >= 0.0:
        return float(0.5 * (last + nearest))
    return float(min(max(FIRST_PRICE, GROWTH * last), MOST_PRICE))


@compiled
def within_tank(
    engines: EngineArrays,
    i: int,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    prefix: Floats,
    barred: Ints,
    running: Floats,
    resting: Floats,
    on: Flags,
    output: Floats,
    work: Floats,
    tried: Flags,
    best_of_hours: Floats,
) -> tuple[float, float]:
    """A schedule within the tank (and the hours), and a bound on the best one.

    Args: see `refill` and `hour_tables`; ``on`` and ``output`` (intervals,) are written. Room is
    needed in ``work`` (6, 2 * segments * intervals or more, and intervals + `TRIES`), ``tried``
    (intervals,) and ``best_of_hours`` (hours + 1,).

    Returns:
        Value of the schedule and the bound: cost less earnings, USD.
    """
    count = len(on)
    tank = engines.fuel[i]
    spare = least_fuel(engines, i) * step_h
    gain, rich = work[4, :count], work[5, :count]
    prices = work[4, count : count + TRIES]
    upper, bound, price = NEVER, -NEVER, 0.0
    for attempt in range(TRIES):
        prices[attempt] = price
        interval_gains(engines, i, energy, reserve, price, step_h, gain, rich)
        sum_gains(engines, i, gain, prefix, barred)
        most = hour_tables(
            engines, i, engines.start_usd[i], price * spare, prefix, barred, running, resting
        )
        chosen, bound = 0, NEVER
        for h in range(most + 1):
            value = value_of_hours(engines, i, h, prefix, running, resting)
            if value < NEVER * 0.5:
                value -= price * tank
            best_of_hours[h] = value if attempt == 0 else max(best_of_hours[h], value)
            if best_of_hours[h] < bound:
                chosen, bound = h, best_of_hours[h]
        path_of_hours(engines, i, chosen, running, resting, tried)
        burnt = fuel_used(engines, i, tried, rich, step_h)
        worth = refill(engines, i, tried, energy, reserve, step_h, rich, work)
        if worth >= 0.0:
            value = path_value(engines, i, tried, rich, energy, reserve, step_h)
            if value < upper:
                upper = value
                on[:] = tried
                output[:] = rich
        if upper - bound <= CLOSE * abs(bound):
            break
        price = next_price(prices, attempt + 1, worth, burnt > tank)
    if upper >= NEVER:
        # Nothing fitted: as it was as long as it must, then off.
        for t in range(count):
            on[t] = engines.on_before[i] if t < engines.held[i] else 0
        if refill(engines, i, on, energy, reserve, step_h, output, work) >= 0.0:
            upper = path_value(engines, i, on, output, energy, reserve, step_h)
    return float(upper), float(min(bound, upper))
