"""Compiled passes over columns of cost pieces: sums at two prices, the undecided, the placement.

A piece answers a price with ``clip((price - its price) * gain, low, high)``, which is the least
cost of a convex quadratic piece with ``gain = 1 / (2 c)``; a piece of constant marginal cost has
`STEEP` for its gain. Columns may be of 32 bits; all arithmetic is of 64. Sums run in lanes of fixed
width inside chunks of fixed size and chunks are added in order, so that neither the number of
threads nor the width of the machine's vectors changes a bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gridmuster.compiled import compiled

#: A column of pieces, of 32 or 64 bits.
Column = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

#: kW per USD/kWh of a piece whose marginal cost is constant; a number of 32 bits holds it.
STEEP = 1e30
#: Rows of a chunk, the unit of work of a thread.
CHUNK = 16_384
#: Width of the lanes in which sums run; so many rows are searched for the undecided at a time.
LANES = 128
#: Undecided rows that a chunk may list.
LISTED = 1_024


@compiled
def _added(lanes: Floats) -> float:
    total = 0.0
    for j in range(lanes.shape[0]):
        total += lanes[j]
    return total


@compiled
def _any(values: Floats, folds: Floats) -> bool:
    """Whether any value is above nil: folded in halves, which is vector instructions again."""
    half = values.shape[0] // 2
    for j in range(half):
        folds[j] = values[j] + values[half + j]
    while half > 8:
        half //= 2
        folded, rest = folds[:half], folds[half : 2 * half]
        for j in range(half):
            folded[j] += rest[j]
    return bool(_added(folds[:half]) != 0.0)


@compiled
def total_at(
    columns: tuple[Column, Column, Column, Column],
    at_low: float,
    at_high: float,
    chunks: tuple[int, int],
    sums: Floats,
) -> None:
    """Sum the answers to two prices.

    Args:
        columns: price, gain, low and high of the pieces, [n] each.
        at_low: the lower price, USD/kWh.
        at_high: the higher price, USD/kWh.
        chunks: from which chunk to before which.
        sums: written at [chunk, 0] and [chunk, 1], kW.
    """
    price, gain, low, high = columns
    count = price.shape[0]
    lanes_a, lanes_b = np.zeros(LANES), np.zeros(LANES)
    for chunk in range(chunks[0], chunks[1]):
        lanes_a[:] = 0.0
        lanes_b[:] = 0.0
        stop = min(chunk * CHUNK + CHUNK, count)
        for start in range(chunk * CHUNK, stop, LANES):
            width = min(LANES, stop - start)
            # Slices without wrap-around let the loop below become vector instructions.
            prices, gains = price[start : start + width], gain[start : start + width]
            lows, highs = low[start : start + width], high[start : start + width]
            for j in range(width):
                at, by = np.float64(prices[j]), np.float64(gains[j])
                least, most = np.float64(lows[j]), np.float64(highs[j])
                free_a = (at_low - at) * by
                free_b = (at_high - at) * by
                power_a = least if least > free_a else free_a
                power_a = most if most < power_a else power_a
                power_b = least if least > free_b else free_b
                power_b = most if most < power_b else power_b
                lanes_a[j] += power_a
                lanes_b[j] += power_b
        sums[chunk, 0] = _added(lanes_a)
        sums[chunk, 1] = _added(lanes_b)


@compiled
def total_and_list(
    columns: tuple[Column, Column, Column, Column],
    at_low: float,
    at_high: float,
    chunks: tuple[int, int],
    sums: Floats,
    listed: Rows,
) -> None:
    """Sum the answers to two prices and list the rows that bend between them.

    Args:
        columns: price, gain, low and high of the pieces, [n] each.
        at_low: the lower price, USD/kWh.
        at_high: the higher price, USD/kWh.
        chunks: from which chunk to before which.
        sums: written at [chunk]: both sums, both sums of the listed alone, kW, and how many bend.
        listed: rows that bend, [chunk, `LISTED`], as many as fit.
    """
    price, gain, low, high = columns
    count = price.shape[0]
    lanes_a, lanes_b = np.zeros(LANES), np.zeros(LANES)
    bends, folds = np.zeros(LANES), np.zeros(LANES // 2)
    for chunk in range(chunks[0], chunks[1]):
        lanes_a[:] = 0.0
        lanes_b[:] = 0.0
        listed_a, listed_b, found = 0.0, 0.0, 0
        stop = min(chunk * CHUNK + CHUNK, count)
        for start in range(chunk * CHUNK, stop, LANES):
            width = min(LANES, stop - start)
            bends[width:] = 0.0
            prices, gains = price[start : start + width], gain[start : start + width]
            lows, highs = low[start : start + width], high[start : start + width]
            for j in range(width):
                at, by = np.float64(prices[j]), np.float64(gains[j])
                least, most = np.float64(lows[j]), np.float64(highs[j])
                free_a = (at_low - at) * by
                free_b = (at_high - at) * by
                power_a = least if least > free_a else free_a
                power_a = most if most < power_a else power_a
                power_b = least if least > free_b else free_b
                power_b = most if most < power_b else power_b
                lanes_a[j] += power_a
                lanes_b[j] += power_b
                # Nil when both ends are clipped alike or neither is clipped at all.
                over = abs(power_a - free_a) + abs(power_b - free_b)
                bends[j] = over * (power_b - power_a)
            if not _any(bends, folds):
                continue
            for j in range(width):
                if bends[j] == 0.0:
                    continue
                at, by = np.float64(prices[j]), np.float64(gains[j])
                least, most = np.float64(lows[j]), np.float64(highs[j])
                if found < LISTED:
                    listed[chunk, found] = start + j
                found += 1
                listed_a += min(max(least, (at_low - at) * by), most)
                listed_b += min(max(least, (at_high - at) * by), most)
        sums[chunk, 0] = _added(lanes_a)
        sums[chunk, 1] = _added(lanes_b)
        sums[chunk, 2] = listed_a
        sums[chunk, 3] = listed_b
        sums[chunk, 4] = found


@compiled
def place(
    columns: tuple[Column, Column, Column, Column],
    at_low: float,
    at_high: float,
    share: float,
    chunks: tuple[int, int],
    sums: Floats,
    power: Column,
) -> None:
    """Write each piece's power: its answer to the lower price and a share of the way to the higher.

    Args:
        columns: price, gain, low and high of the pieces, [n] each.
        at_low: the lower price, USD/kWh.
        at_high: the higher price, USD/kWh.
        share: of the way, 0 to 1, the same for all.
        chunks: from which chunk to before which.
        sums: written at [chunk]: power as written, and the pieces' highest powers, kW.
        power: written, kW, [n].
    """
    price, gain, low, high = columns
    count = price.shape[0]
    lanes_a, lanes_b = np.zeros(LANES), np.zeros(LANES)
    for chunk in range(chunks[0], chunks[1]):
        lanes_a[:] = 0.0
        lanes_b[:] = 0.0
        stop = min(chunk * CHUNK + CHUNK, count)
        for start in range(chunk * CHUNK, stop, LANES):
            width = min(LANES, stop - start)
            prices, gains = price[start : start + width], gain[start : start + width]
            lows, highs = low[start : start + width], high[start : start + width]
            powers = power[start : start + width]
            for j in range(width):
                at, by = np.float64(prices[j]), np.float64(gains[j])
                least, most = np.float64(lows[j]), np.float64(highs[j])
                free_a = (at_low - at) * by
                free_b = (at_high - at) * by
                power_a = least if least > free_a else free_a
                power_a = most if most < power_a else power_a
                power_b = least if least > free_b else free_b
                power_b = most if most < power_b else power_b
                powers[j] = power_a + share * (power_b - power_a)
                lanes_b[j] += most
            for j in range(width):
                lanes_a[j] += np.float64(powers[j])
        sums[chunk, 0] = _added(lanes_a)
        sums[chunk, 1] = _added(lanes_b)


@compiled
def count_wrong(low: Column, high: Column, chunks: tuple[int, int], sums: Floats) -> None:
    """Count windows that are empty or not numbers.

    Args:
        low: least powers, kW, [n].
        high: most powers, kW, [n].
        chunks: from which chunk to before which.
        sums: the count, written at [chunk, 0].
    """
    count = low.shape[0]
    lanes = np.zeros(LANES)
    for chunk in range(chunks[0], chunks[1]):
        lanes[:] = 0.0
        stop = min(chunk * CHUNK + CHUNK, count)
        for start in range(chunk * CHUNK, stop, LANES):
            width = min(LANES, stop - start)
            lows, highs = low[start : start + width], high[start : start + width]
            for j in range(width):
                # Infinities and numbers that are none fail this too: their span is no number
                # below the largest.
                span = np.float64(highs[j]) - np.float64(lows[j])
                lanes[j] += 0.0 if 0.0 <= span < 1e300 else 1.0
        sums[chunk, 0] = _added(lanes)


@compiled
def narrow(
    pieces: Floats, fixed_a: float, fixed_b: float, ends: tuple[float, float, float], target: float
) -> tuple[float, float, float, float]:
    """Narrow two prices around a target until no piece bends between them, or they are one.

    A step tries a price at which a piece bends, the middle one of a few, and drops the pieces that
    no longer bend: the selection of Hoare, linear in the number of pieces on average.

    Args:
        pieces: price, gain, low, high of the pieces that may bend, [4, m]; overwritten.
        fixed_a: sum of all other pieces at the lower price, kW; linear in between.
        fixed_b: the same at the higher price, kW.
        ends: the two prices and the resolution of prices, USD/kWh.
        target: the sum sought, kW.

    Returns:
        The two prices and the sums at them, kW. A target beyond the sums at the first two prices
        gives the nearer end twice.
    """
    left, right, fine = ends
    count = pieces.shape[1]
    some = np.empty(18)
    whole = True
    while True:
        sum_a, sum_b, kept = fixed_a, fixed_b, 0
        for k in range(count):
            at, by, least, most = pieces[0, k], pieces[1, k], pieces[2, k], pieces[3, k]
            free_a, free_b = (left - at) * by, (right - at) * by
            power_a, power_b = min(max(least, free_a), most), min(max(least, free_b), most)
            sum_a += power_a
            sum_b += power_b
            if power_a != power_b and (power_a != free_a or power_b != free_b):
                for part in range(4):
                    pieces[part, kept] = pieces[part, k]
                kept += 1
            else:
                fixed_a += power_a
                fixed_b += power_b
        count = kept
        if whole and sum_a >= target:
            return left, left, sum_a, sum_a
        if whole and sum_b <= target:
            return right, right, sum_b, sum_b
        whole = False
        if count == 0 or right - left <= 2.5 * fine:
            return left, right, sum_a, sum_b
        tried = 0
        for step in range(9):
            k = step * (count - 1) // 8
            for edge in range(2, 4):
                at = pieces[0, k] + pieces[edge, k] / pieces[1, k]
                if left + fine < at < right - fine:
                    some[tried] = at
                    tried += 1
        middle = np.sort(some[:tried])[tried // 2] if tried > 0 else 0.5 * (left + right)
        below, above = max(middle - fine, left), min(middle + fine, right)
        at_below = fixed_a + (fixed_b - fixed_a) * ((below - left) / (right - left))
        at_above = fixed_a + (fixed_b - fixed_a) * ((above - left) / (right - left))
        sum_below, sum_above = at_below, at_above
        for k in range(count):
            at, by, least, most = pieces[0, k], pieces[1, k], pieces[2, k], pieces[3, k]
            sum_below += min(max(least, (below - at) * by), most)
            sum_above += min(max(least, (above - at) * by), most)
        if sum_above < target:
            left, fixed_a = above, at_above
        elif sum_below > target:
            right, fixed_b = below, at_below
        else:
            left, fixed_a = below, at_below
            right, fixed_b = above, at_above
