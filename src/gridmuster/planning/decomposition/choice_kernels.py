"""Which of its schedules each engine takes: local search on the proven gap itself.

At the master's prices a plan costs the lower bound, plus what each device's schedule is dearer than
its best one, plus what the rows miss: capacity beyond need at its price, missing capacity at the
penalty less the price, energy off balance by how fast marginal cost changes. All of it is known for
every schedule of every engine, so that a change of one engine is tried in O(intervals).
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.answer_kernels import pack
from gridmuster.planning.decomposition.engine_kernels import NEVER, interval_gains, keeps
from gridmuster.planning.decomposition.fleet import Counts, EngineArrays, Flags, Singles
from gridmuster.planning.decomposition.fuel_kernels import collect, fuel_used, path_value, refill
from gridmuster.planning.linear import Floats, Ints


@compiled
def neighbours(
    engines: EngineArrays, begin: int, end: int, now: Flags, count: int, found: Flags
) -> None:
    """Schedules that differ by little: a run begins or ends an interval sooner or later, or both.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        now: their schedules as bits (engines, bytes).
        count: number of intervals.
        found: (schedules, engines, bytes), written: neighbours that keep the rules but for the
            tank, then the schedule itself as often as there is room left.
    """
    on, other = np.empty(count, dtype=np.uint8), np.empty(count, dtype=np.uint8)
    for i in range(begin, end):
        for t in range(count):
            on[t] = (now[i, t >> 3] >> (t & 7)) & 1
        place = 0
        last = -1
        for t in range(count + 1):
            turns = t == count or on[t] != (on[t - 1] if t > 0 else engines.on_before[i])
            if not turns:
                continue
            # Sooner, later; and both ends of what lies between the last turn and this one.
            for move in range(4):
                other[:] = on
                if move == 0 and t > 0:
                    other[t - 1] = on[t] if t < count else 1 - on[t - 1]
                elif move == 1 and t < count:
                    other[t] = 1 - on[t]
                elif move == 2 and last > 0:
                    other[last - 1] = on[last]
                    other[t - 1] = 1 - on[t - 1]
                elif move == 3 and last >= 0 and t < count:
                    other[last] = 1 - on[last]
                    other[t] = on[t - 1]
                else:
                    continue
                if place < found.shape[0] and keeps(engines, i, other):
                    pack(other, found[place, i])
                    place += 1
            last = t
        for k in range(place, found.shape[0]):
            found[k, i] = now[i]


@compiled
def distinct(marks: Flags, begin: int, end: int, number: Counts, sizes: Counts) -> None:
    """Number each engine's schedules, equal ones alike.

    Args:
        marks: on and off as bits (schedules, engines, bytes).
        begin: first engine.
        end: one past the last.
        number: (engines, schedules), written: 0, 1, ... in order of first appearance.
        sizes: (engines,), written: how many differ.
    """
    schedules, _, width = marks.shape
    first = np.empty(schedules, dtype=np.int64)
    for i in range(begin, end):
        found = 0
        for j in range(schedules):
            mine = -1
            for k in range(found):
                same = True
                for b in range(width):
                    if marks[j, i, b] != marks[first[k], i, b]:
                        same = False
                        break
                if same:
                    mine = k
                    break
            if mine < 0:
                mine = found
                first[found] = j
                found += 1
            number[i, j] = mine
        sizes[i] = found


@compiled
def price_options(
    engines: EngineArrays,
    begin: int,
    end: int,
    marks: Flags,
    number: Counts,
    first: Counts,
    prices: Floats,
    step_h: float,
    power: Singles,
    capacity: Singles,
    excess: Floats,
    origin: Counts,
) -> None:
    """Dispatch and price the schedules of engines at one price vector.

    Args:
        engines: the engines.
        begin: first of them.
        end: one past the last.
        marks: on and off as bits (schedules, engines, bytes).
        number: (engines, schedules), see `distinct`.
        first: place of each engine's first option (engines + 1,).
        prices: (2, intervals), energy and headroom, USD/kWh.
        step_h: length of an interval, h.
        power: (options, intervals), written, kW.
        capacity: the same: power and headroom together.
        excess: (options,), written: cost less earnings, USD.
        origin: (options,), written: number of the schedule.
    """
    energy, reserve = prices[0], prices[1]
    schedules, count = marks.shape[0], len(energy)
    gain, output = np.empty(count), np.empty(count)
    on = np.empty(count, dtype=np.uint8)
    work = np.empty((4, 2 * engines.width_kw.shape[1] * count))
    constant = engines.high_kw.shape[1] == 1
    for i in range(begin, end):
        interval_gains(engines, i, energy, reserve, 0.0, step_h, gain, output)
        limited = engines.fuel[i] < np.inf
        found = 0
        for j in range(schedules):
            if number[i, j] < found:
                continue
            place = first[i] + found
            found += 1
            origin[place] = j
            for t in range(count):
                on[t] = (marks[j, i, t >> 3] >> (t & 7)) & 1
            before = engines.on_before[i]
            total = 0.0
            if limited:
                worth = refill(engines, i, on, energy, reserve, step_h, output, work)
                total = path_value(engines, i, on, output, energy, reserve, step_h)
                if worth < 0.0:
                    total = NEVER
            for t in range(count):
                high = engines.high_kw[i, 0 if constant else t]
                given = output[t] * on[t]
                power[place, t] = given
                capacity[place, t] = given + min(high * on[t] - given, engines.reach_kw[i])
                if on[t] == 1 and not limited:
                    total += gain[t]
                    if before == 0:
                        total += engines.start_usd[i]
                before = on[t]
            excess[place] = total


@compiled
def rows_usd(
    surplus_usd: Floats,
    missing_usd: Floats,
    stiffness: Floats,
    play: Floats,
    energy_off: Floats,
    capacity_off: Floats,
) -> float:
    """What the rows miss, priced as in `improve`, USD."""
    total = 0.0
    for t in range(len(energy_off)):
        off = capacity_off[t]
        lack = max(0.0, energy_off[t] - play[0, t], -energy_off[t] - play[1, t])
        total += max(surplus_usd[t] * off, -missing_usd[t] * off) + stiffness[t] * lack * lack
    return total


@compiled
def improve(
    first: Counts,
    power: Singles,
    capacity: Singles,
    excess: Floats,
    surplus_usd: Floats,
    missing_usd: Floats,
    stiffness: Floats,
    play: Floats,
    chosen: Counts,
    energy_off: Floats,
    capacity_off: Floats,
    thrift: Floats,
) -> int:
    """Change one engine's schedule at a time as long as that lowers the gap.

    Cheap changes come first: a schedule that is dearer must bring so many times what it is dearer,
    before changes that bring less are looked at.

    Args:
        first: place of each engine's first option (engines + 1,).
        power: (options, intervals), kW.
        capacity: the same.
        excess: (options,), USD.
        surplus_usd: (intervals,), USD of a kW of capacity beyond need, over the interval.
        missing_usd: the same for a kW missing.
        stiffness: (intervals,), USD of a squared kW of energy off balance beyond its play.
        play: (2, intervals), kW by which output can fall or rise at the margin.
        chosen: (engines,), changed: place of the option taken.
        energy_off: (intervals,), changed: power beyond balance, kW.
        capacity_off: (intervals,), changed: capacity beyond need, kW.
        thrift: how many times, one number for each round over all engines (rounds,), falling.

    Returns:
        How many changes were made.
    """
    count = len(energy_off)
    changes = 0
    now = rows_usd(surplus_usd, missing_usd, stiffness, play, energy_off, capacity_off)
    for times in thrift:
        before = changes
        for i in range(len(chosen)):
            mine = chosen[i]
            best, taken = -1e-9, mine
            for j in range(first[i], first[i + 1]):
                delta = excess[j] - excess[mine]
                if delta > 0.0:
                    delta *= times
                if j == mine or not delta < now:
                    continue
                usd = 0.0
                for t in range(count):
                    off = capacity_off[t] + (capacity[j, t] - capacity[mine, t])
                    more = energy_off[t] + (power[j, t] - power[mine, t])
                    lack = max(0.0, more - play[0, t], -more - play[1, t])
                    usd += max(surplus_usd[t] * off, -missing_usd[t] * off)
                    usd += stiffness[t] * lack * lack
                delta += usd - now
                if delta < best:
                    best, taken = delta, j
            if taken != mine:
                for t in range(count):
                    capacity_off[t] += capacity[taken, t] - capacity[mine, t]
                    energy_off[t] += power[taken, t] - power[mine, t]
                now = rows_usd(surplus_usd, missing_usd, stiffness, play, energy_off, capacity_off)
                chosen[i] = taken
                changes += 1
        if changes == before and times <= 1.0:
            break
    return changes


@compiled
def fuel_worths(
    engines: EngineArrays,
    engine: Ints,
    on: Flags,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    worth: Floats,
    least: Floats,
) -> None:
    """What fuel is worth in schedules of engines, and what these burn at least output.

    Args:
        engines: the engines.
        engine: which of them each schedule is of (schedules,).
        on: (schedules, intervals).
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh of headroom.
        step_h: length of an interval, h.
        worth: (schedules,), written: USD a unit of fuel; below 0 where the tank is too small.
        least: (schedules,), written: units of fuel, with what a run needs beyond the horizon.
    """
    count = len(energy)
    output = np.empty(count)
    work = np.empty((4, 2 * engines.width_kw.shape[1] * count))
    for k in range(len(engine)):
        i = engine[k]
        collect(engines, i, on[k], energy, reserve, step_h, output, work)
        least[k] = fuel_used(engines, i, on[k], output, step_h)
        worth[k] = refill(engines, i, on[k], energy, reserve, step_h, output, work)
