"""Compiled parts of the unit oracle that know one hour: a unit's value over its power in it.

The value is a convex function, straight between breakpoints; an hour more is a shift apart by the
ramps, a cut at the limits and a sum (source: see `kernels`). Power is counted above a unit's
least, MW, everywhere here.
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.linear import Floats

#: Columns of a unit's numbers (`tables.UnitTables.limit`).
SPAN, FIRST, LAST, LAST_TOP, UP, DOWN, BASE, LEAST, BEFORE = range(9)


@compiled
def fill(width: Floats, rate: Floats, worth: float, top: float) -> tuple[float, float]:
    """Cheapest power up to ``top`` when a MW is worth so much: power and its cost less worth."""
    power, value = 0.0, 0.0
    for piece in range(len(width)):
        if rate[piece] >= worth or power >= top:
            break
        more = min(width[piece], top - power)
        power += more
        value += more * (rate[piece] - worth)
    return power, value


@compiled
def put_reserve(seg: Floats, count: int, left: float, knee: float, price: float) -> int:
    """Lower the slopes left of ``knee`` by a price; returns the new number of segments."""
    at = left
    for k in range(count):
        length = seg[k, 0]
        if at >= knee:
            return count
        if at + length > knee + 1e-12:
            for j in range(count, k, -1):
                seg[j, 0], seg[j, 1] = seg[j - 1, 0], seg[j - 1, 1]
            seg[k, 0] = knee - at
            seg[k + 1, 0] = length - (knee - at)
            seg[k, 1] -= price
            return count + 1
        seg[k, 1] -= price
        at += length
    return count


@compiled
def widen(seg: Floats, count: int, length: float) -> int:
    """Put a level segment between falling and rising ones: a move by ramps costs nothing."""
    k = count
    while k > 0 and seg[k - 1, 1] > 0.0:
        seg[k, 0], seg[k, 1] = seg[k - 1, 0], seg[k - 1, 1]
        k -= 1
    seg[k, 0], seg[k, 1] = length, 0.0
    return count + 1


@compiled
def cut(seg: Floats, count: int, left: float, value: float, top: float) -> tuple[int, float, float]:
    """Keep what lies in 0 .. ``top``: segments, left end and value there; none if count < 0."""
    first = 0
    while left < 0.0 and first < count:
        if left + seg[first, 0] <= 0.0:
            value += seg[first, 0] * seg[first, 1]
            left += seg[first, 0]
            first += 1
        else:
            value += -left * seg[first, 1]
            seg[first, 0] += left
            left = 0.0
    if left < -1e-9 or left > top + 1e-9:
        return -1, left, value
    kept, at = 0, left
    for k in range(first, count):
        if at >= top:
            break
        length = min(seg[k, 0], top - at)
        seg[kept, 0], seg[kept, 1] = length, seg[k, 1]
        kept += 1
        at += length
    return kept, left, value


@compiled
def put_cost(
    seg: Floats,
    shape: tuple[int, float, float],
    width: Floats,
    rate: Floats,
    worth: float,
    out: Floats,
) -> tuple[int, float, float]:
    """Add an hour's cost less worth into ``out``: segments, left end and value there."""
    count, left, value = shape
    piece, ends = 0, width[0]
    power, spent = 0.0, 0.0
    while piece < len(width) - 1 and ends <= left:
        spent += width[piece] * (rate[piece] - worth)
        power = ends
        piece += 1
        ends += width[piece]
    value += spent + (left - power) * (rate[piece] - worth)
    made, at = 0, left
    for k in range(count):
        rest = seg[k, 0]
        while rest > 0.0:
            length = rest
            if piece < len(width) - 1 and at + length > ends:
                length = ends - at
            if length > 0.0:
                out[made, 0] = length
                out[made, 1] = seg[k, 1] + rate[piece] - worth
                made += 1
            at += length
            rest -= length
            if rest > 0.0:
                piece += 1
                ends += width[piece]
    return made, left, value


@compiled
def least(seg: Floats, count: int, left: float, value: float) -> tuple[float, float]:
    """Where a convex function is least, and how low."""
    at = left
    for k in range(count):
        if seg[k, 1] >= 0.0:
            break
        at += seg[k, 0]
        value += seg[k, 0] * seg[k, 1]
    return at, value


@compiled
def hour_on(
    seg: Floats,
    shape: tuple[int, float, float],
    limit: Floats,
    last: bool,
    price: float,
    reserve_price: float,
    pieces: Floats,
    out: Floats,
) -> tuple[int, float, float, float]:
    """Value by power of one more hour on, into ``out``; ``seg`` is used up.

    Args:
        seg: the value by power of the hour before.
        shape: its segments, left end and value there.
        limit: the unit's numbers.
        last: whether the unit stops after this hour.
        price: of a MW, money.
        reserve_price: of a MW of reserve, money.
        pieces: widths and rates of the unit's cost, ``(2, pieces)``.
        out: segments of the answer.

    Returns:
        Segments (below 0: not possible), left end, value there, best power of the hour before.
    """
    count, left, value = shape
    cap = min(limit[SPAN], limit[LAST]) if last else limit[SPAN]
    top = min(cap, limit[LAST_TOP]) if last else cap
    if top < 0.0:
        return -1, 0.0, 0.0, 0.0
    value -= reserve_price * min(cap, left + limit[UP])
    count = put_reserve(seg, count, left, cap - limit[UP], reserve_price)
    best, _ = least(seg, count, left, value)
    count = widen(seg, count, limit[UP] + limit[DOWN])
    count, left, value = cut(seg, count, left - limit[DOWN], value, top)
    if count < 0:
        return -1, 0.0, 0.0, 0.0
    left = max(left, 0.0)
    value += limit[BASE] - price * limit[LEAST]
    found = put_cost(seg, (count, left, value), pieces[0], pieces[1], price - reserve_price, out)
    return found[0], found[1], found[2], best


@compiled
def first_hour(
    limit: Floats, last: bool, price: float, reserve_price: float, pieces: Floats, out: Floats
) -> tuple[int, float, float]:
    """Value by power of the first hour on; arguments and results as in `hour_on`."""
    cap = min(limit[SPAN], limit[FIRST])
    if last:
        cap = min(cap, limit[LAST])
    top = min(cap, limit[LAST_TOP]) if last else cap
    if top < 0.0:
        return -1, 0.0, 0.0
    level = np.zeros((1, 2))
    level[0, 0] = top
    value = limit[BASE] - price * limit[LEAST] - reserve_price * cap
    return put_cost(level, (1, 0.0, value), pieces[0], pieces[1], price - reserve_price, out)
