"""Compiled parts of the unit oracle: cheapest hours on at given prices, and when to be on.

A unit's value over a run of hours is a convex function of its power in the last of them, straight
between breakpoints; an hour more is a shift apart by the ramps, a cut at the limits and a sum
(Frangioni and Gentile, "Solving nonlinear single-unit commitment problems with ramping
constraints", Operations Research 54(4), 2006, with straight pieces for their quadratics). Power
is counted above a unit's least, MW, everywhere here.
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.cases.hour_kernels import (
    BASE,
    BEFORE,
    DOWN,
    FIRST,
    LAST,
    LAST_TOP,
    LEAST,
    SPAN,
    UP,
    fill,
    first_hour,
    hour_on,
    least,
)
from gridmuster.planning.linear import Floats, Ints

#: What a unit may be in an hour: off, on, or either.
OFF, ON, EITHER = range(3)
#: Columns of a unit's times (`tables.UnitTables.times`).
UP_H, DOWN_H, MUST, ON_BEFORE, HOURS_BEFORE, RAMPED, MAY_STOP = range(7)


@compiled
def ramped_runs(
    limit: Floats, times: Ints, pieces: Floats, price: Floats, reserve_price: Floats, run: Floats
) -> None:
    """Least cost of every run of hours on of a unit with ramps, into ``run`` (see `runs`)."""
    hours = len(price)
    room = hours * (pieces.shape[1] + 3) + 8
    seg, other, spare = np.zeros((room, 2)), np.zeros((room, 2)), np.zeros((room, 2))
    for row in range(hours + 1):
        count, left, value = 0, limit[BEFORE], 0.0
        if row == 0 and times[ON_BEFORE] == 0:
            continue
        for hour in range(max(row - 1, 0), hours):
            been = hour - row + 2 if row > 0 else times[HOURS_BEFORE] + hour + 1
            stops = hour < hours - 1 and been >= times[UP_H]
            fresh = row > 0 and hour == row - 1
            if stops:
                if fresh:
                    made, at, low = first_hour(
                        limit, True, price[hour], reserve_price[hour], pieces, other
                    )
                else:
                    spare[:count] = seg[:count]
                    made, at, low, _ = hour_on(
                        spare,
                        (count, left, value),
                        limit,
                        True,
                        price[hour],
                        reserve_price[hour],
                        pieces,
                        other,
                    )
                if made >= 0:
                    _, run[row, hour] = least(other, made, at, low)
            if fresh:
                count, left, value = first_hour(
                    limit, False, price[hour], reserve_price[hour], pieces, seg
                )
            else:
                count, left, value, _ = hour_on(
                    seg,
                    (count, left, value),
                    limit,
                    False,
                    price[hour],
                    reserve_price[hour],
                    pieces,
                    other,
                )
                seg, other = other, seg
            if count < 0:
                break
        if count >= 0:
            _, run[row, hours - 1] = least(seg, count, left, value)


@compiled
def plain_runs(
    limit: Floats, times: Ints, pieces: Floats, price: Floats, reserve_price: Floats, run: Floats
) -> None:
    """The same for a unit whose ramps never bind from hour to hour."""
    hours = len(price)
    width, rate = pieces[0], pieces[1]
    caps = np.array(
        [
            limit[SPAN],
            min(limit[SPAN], limit[FIRST]),
            min(limit[SPAN], limit[LAST]),
            min(limit[SPAN], limit[FIRST], limit[LAST]),
        ]
    )
    value = np.full((4, hours), np.inf)
    for kind in range(4):
        top = min(caps[kind], limit[LAST_TOP]) if kind >= 2 else caps[kind]
        if top < 0.0:
            continue
        for hour in range(hours):
            worth = price[hour] - reserve_price[hour]
            _, gained = fill(width, rate, worth, top)
            fixed = limit[BASE] - price[hour] * limit[LEAST] - reserve_price[hour] * caps[kind]
            value[kind, hour] = fixed + gained
    for row in range(hours + 1):
        if row == 0 and times[ON_BEFORE] == 0:
            continue
        total = 0.0
        for hour in range(max(row - 1, 0), hours):
            been = hour - row + 2 if row > 0 else times[HOURS_BEFORE] + hour + 1
            fresh = row > 0 and hour == row - 1
            if been >= times[UP_H] and hour < hours - 1:
                run[row, hour] = total + value[3 if fresh else 2, hour]
            total += value[1 if fresh else 0, hour]
        run[row, hours - 1] = total


@compiled
def runs(
    limit: Floats,
    times: Ints,
    pieces: Floats,
    price: Floats,
    reserve_price: Floats,
    may: Ints,
    run: Floats,
) -> None:
    """Least cost less worth of every run of hours on, without its start.

    Args:
        limit, times, pieces: the unit.
        price, reserve_price: by hour.
        may: what the unit may be, by hour.
        run: filled; row 0 goes on from before hour 0, row ``a + 1`` starts in hour ``a``; column
            ``b`` is the last hour on; the last column does not stop. Infinite where not allowed.
    """
    run[:, :] = np.inf
    if times[RAMPED] == 1:
        ramped_runs(limit, times, pieces, price, reserve_price, run)
    else:
        plain_runs(limit, times, pieces, price, reserve_price, run)
    hours = len(price)
    for hour in range(hours):
        if may[hour] == OFF:
            run[: hour + 2, hour:] = np.inf


@compiled
def gaps(may: Ints, reach: Ints) -> None:
    """First hour from each hour on that must be on, into ``reach`` (one longer than the hours)."""
    hours = len(may)
    reach[hours] = hours + 1
    for hour in range(hours - 1, -1, -1):
        reach[hour] = hour if may[hour] == ON else reach[hour + 1]


@compiled
def forward(
    times: Ints, start: Floats, run: Floats, reach: Ints, off: Floats, begun: Floats, came: Ints
) -> tuple[float, int, int]:
    """Cheapest way to every state, and to the end.

    Args:
        times: the unit's times.
        start: start cost by hours off.
        run: of `runs`.
        reach: of `gaps`.
        off: filled; cost of having stopped with hour ``s`` the first off.
        begun: filled; cost up to and with the start of row ``a + 1``; row 0 costs nothing.
        came: filled, ``(2, hours + 1)``; row whose run ended before hour ``s``, and stop that the
            start of a row follows (-1: off since before hour 0).

    Returns:
        Least cost, and how the cheapest ends: row of its last run or -1, and stop when it is off
        at the end or -1.
    """
    hours = run.shape[1]
    longest = len(start) - 1
    off[:], begun[:], came[:, :] = np.inf, np.inf, -1
    total, last_row, last_stop = np.inf, -1, -1
    begun[0] = 0.0 if times[ON_BEFORE] == 1 else np.inf
    if times[ON_BEFORE] == 1 and times[MAY_STOP] == 1:
        off[0], came[0, 0] = 0.0, 0
    if times[ON_BEFORE] == 0 and times[MUST] == 0 and reach[0] >= hours:
        total = 0.0
    for row in range(hours + 1):
        hour = row - 1
        if row > 0:
            gone = times[HOURS_BEFORE] + hour
            if times[ON_BEFORE] == 0 and gone >= times[DOWN_H] and reach[0] >= hour:
                begun[row] = start[min(gone, longest)]
            for stop in range(hour - times[DOWN_H] + 1):
                if reach[stop] < hour:
                    continue
                cost = off[stop] + start[min(hour - stop, longest)]
                if cost < begun[row]:
                    begun[row], came[1, row] = cost, stop
            if times[MUST] == 1 and row > 1:
                break
        if begun[row] == np.inf:
            continue
        for last in range(max(hour, 0), hours - 1):
            cost = begun[row] + run[row, last]
            if cost < off[last + 1] and times[MUST] == 0:
                off[last + 1], came[0, last + 1] = cost, row
        cost = begun[row] + run[row, hours - 1]
        if cost < total:
            total, last_row, last_stop = cost, row, -1
    for stop in range(hours):
        if off[stop] < total and times[MUST] == 0 and reach[stop] >= hours:
            total, last_row, last_stop = off[stop], came[0, stop], stop
    return total, last_row, last_stop


@compiled
def dispatch(
    limit: Floats,
    pieces: Floats,
    price: Floats,
    reserve_price: Floats,
    row: int,
    last: int,
    power: Floats,
    reserve: Floats,
) -> None:
    """Power above the least and reserve of one run of hours on, into ``power`` and ``reserve``."""
    hours = len(price)
    room = hours * (pieces.shape[1] + 3) + 8
    seg, other = np.zeros((room, 2)), np.zeros((room, 2))
    aim, low, high = np.zeros(hours), np.zeros(hours), np.zeros(hours)
    first = max(row - 1, 0)
    shape = (0, limit[BEFORE], 0.0)
    for hour in range(first, last + 1):
        ends = hour == last and last < hours - 1
        if hour > first or row == 0:
            low[hour] = shape[1]
            high[hour] = shape[1] + seg[: shape[0], 0].sum()
            count, left, value, aim[hour] = hour_on(
                seg, shape, limit, ends, price[hour], reserve_price[hour], pieces, other
            )
            seg, other = other, seg
            shape = (count, left, value)
        else:
            shape = first_hour(limit, ends, price[hour], reserve_price[hour], pieces, seg)
    at, _ = least(seg, shape[0], shape[1], shape[2])
    for hour in range(last, first - 1, -1):
        power[hour] = at
        cap = limit[SPAN]
        if hour == last and last < hours - 1:
            cap = min(cap, limit[LAST])
        if hour > first or row == 0:
            lowest, highest = max(low[hour], at - limit[UP]), min(high[hour], at + limit[DOWN])
            before = min(max(aim[hour], lowest), highest)
            reserve[hour] = max(min(cap, before + limit[UP]) - at, 0.0)
            at = before
        else:
            reserve[hour] = max(min(cap, limit[FIRST]) - at, 0.0)


@compiled
def answers(
    limit: Floats,
    times: Ints,
    pieces: Floats,
    start: Floats,
    may: Ints,
    price: Floats,
    reserve_price: Floats,
    value: Floats,
    starts: Floats,
    on: Ints,
    power: Floats,
    reserve: Floats,
) -> None:
    """Every unit's cheapest schedule at given prices.

    Args:
        limit, times, pieces, start: units, one a row.
        may: what each unit may be, by unit and hour.
        price, reserve_price: by hour.
        value: filled; cost less worth, by unit.
        starts: filled; cost of starts, by unit.
        on, power, reserve: filled; by unit and hour; power above the least.
    """
    hours = len(price)
    run = np.empty((hours + 1, hours))
    off, begun = np.empty(hours + 1), np.empty(hours + 1)
    came = np.empty((2, hours + 1), dtype=np.int64)
    reach = np.empty(hours + 1, dtype=np.int64)
    longest = start.shape[1] - 1
    for unit in range(len(limit)):
        gaps(may[unit], reach)
        runs(limit[unit], times[unit], pieces[unit], price, reserve_price, may[unit], run)
        value[unit], row, stop = forward(times[unit], start[unit], run, reach, off, begun, came)
        on[unit], power[unit], reserve[unit], starts[unit] = 0, 0.0, 0.0, 0.0
        if value[unit] == np.inf:
            continue
        last = hours - 1 if stop < 0 else stop - 1
        while row >= 0 and last >= 0:
            first = max(row - 1, 0)
            on[unit, first : last + 1] = 1
            dispatch(
                limit[unit],
                pieces[unit],
                price,
                reserve_price,
                row,
                last,
                power[unit],
                reserve[unit],
            )
            if row == 0:
                break
            stop = came[1, row]
            gone = times[unit, HOURS_BEFORE] + first if stop < 0 else first - stop
            starts[unit] += start[unit, min(gone, longest)]
            if stop < 0:
                break
            row, last = came[0, stop], stop - 1


@compiled
def backward(
    times: Ints, start: Floats, run: Floats, reach: Ints, off: Floats, begun: Floats
) -> None:
    """Least cost from a state to the end; the mirror of `forward`.

    Args:
        times, start, run, reach: as in `forward`.
        off: filled; from hour ``s`` on, having stopped with it the first off.
        begun: filled; from the start of a row on, its start paid.
    """
    hours = run.shape[1]
    longest = len(start) - 1
    off[:], begun[:] = np.inf, np.inf
    if times[MUST] == 0:
        off[hours] = 0.0
    for row in range(hours, -1, -1):
        hour = max(row - 1, 0)
        begun[row] = run[row, hours - 1]
        if times[MUST] == 1:
            continue
        for last in range(hour, hours - 1):
            begun[row] = min(begun[row], run[row, last] + off[last + 1])
        # Rows after this one are done: hour ``row - 1`` as the first off is next.
        if row > 0:
            stop = row - 1
            off[stop] = 0.0 if reach[stop] >= hours else np.inf
            for again in range(stop + times[DOWN_H], min(hours, reach[stop] + 1)):
                cost = begun[again + 1] + start[min(again - stop, longest)]
                off[stop] = min(off[stop], cost)


@compiled
def conditions(
    limit: Floats,
    times: Ints,
    pieces: Floats,
    start: Floats,
    may: Ints,
    price: Floats,
    reserve_price: Floats,
    if_off: Floats,
    if_on: Floats,
) -> None:
    """Least cost less worth of every unit, were it off, or on, in a given hour.

    Args:
        limit, times, pieces, start: units, one a row.
        may: what each unit may be, by unit and hour.
        price, reserve_price: by hour.
        if_off, if_on: filled, by unit and hour; infinite where that cannot be.
    """
    hours = len(price)
    run = np.empty((hours + 1, hours))
    off, begun = np.empty(hours + 1), np.empty(hours + 1)
    off_left, left = np.empty(hours + 1), np.empty(hours + 1)
    came = np.empty((2, hours + 1), dtype=np.int64)
    reach = np.empty(hours + 1, dtype=np.int64)
    longest = start.shape[1] - 1
    if_off[:, :], if_on[:, :] = np.inf, np.inf
    for unit in range(len(limit)):
        gaps(may[unit], reach)
        runs(limit[unit], times[unit], pieces[unit], price, reserve_price, may[unit], run)
        forward(times[unit], start[unit], run, reach, off, begun, came)
        backward(times[unit], start[unit], run, reach, off_left, left)
        must, down_h = times[unit, MUST] == 1, times[unit, DOWN_H]
        for row in range(hours + 1):
            first = max(row - 1, 0)
            least_on = begun[row] + run[row, hours - 1]
            for last in range(hours - 1, first - 1, -1):
                if last < hours - 1 and not must:
                    cost = begun[row] + run[row, last] + off_left[last + 1]
                    least_on = min(least_on, cost)
                if_on[unit, last] = min(if_on[unit, last], least_on)
        if must:
            continue
        for stop in range(-1, hours):
            paid = off[stop] if stop >= 0 else 0.0
            if (stop < 0 and times[unit, ON_BEFORE] == 1) or paid == np.inf:
                continue
            least_off = paid
            here = max(stop, 0)
            if reach[here] < hours:
                least_off = np.inf
            for last in range(hours - 1, here - 1, -1):
                again = last + 1
                if reach[here] < again:
                    continue
                gone = times[unit, HOURS_BEFORE] + again if stop < 0 else again - stop
                if again < hours and gone >= down_h:
                    cost = paid + start[unit, min(gone, longest)] + left[again + 1]
                    least_off = min(least_off, cost)
                if_off[unit, last] = min(if_off[unit, last], least_off)
