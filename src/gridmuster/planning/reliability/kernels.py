"""Compiled kernels: products of characteristic functions over units, and their inversion.

Angles are kept exact: a product of frequency and loss is reduced as a whole number before it
becomes an angle, and every `RESTART` frequencies the rotation starts anew.
"""

from __future__ import annotations

import math

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.reliability.outages import Floats, Ints

#: Frequencies after which a rotation is begun anew, so that its rounding stays below 64 ulps.
RESTART = 32


@compiled
def rotate_add(
    real: Floats,
    imag: Floats,
    weight: float,
    steps: int,
    run_first: Ints,
    run_at: Ints,
    period: int,
) -> None:
    """Add ``weight * exp(2 pi i j steps / period)`` for every frequency ``j``.

    Args:
        real, imag: sums, shape (frequencies,), changed in place.
        weight: real factor.
        steps: whole number of steps, at least 0 and below ``period``.
        run_first: first frequency of each run of neighbours.
        run_at: where each run begins in ``real``, and the end.
        period: number of frequencies of the whole circle.
    """
    turn = 2.0 * math.pi / period
    angle = turn * steps
    cos_step, sin_step = math.cos(angle), math.sin(angle)
    for run in range(len(run_first)):
        begin, end = run_at[run], run_at[run + 1]
        for base in range(begin, end, RESTART):
            start = turn * ((run_first[run] + base - begin) * steps % period)
            cos_at, sin_at = weight * math.cos(start), weight * math.sin(start)
            for at in range(base, min(base + RESTART, end)):
                real[at] += cos_at
                imag[at] += sin_at
                turned = cos_at * cos_step - sin_at * sin_step
                sin_at = sin_at * cos_step + cos_at * sin_step
                cos_at = turned


@compiled
def multiply(real: Floats, imag: Floats, by_real: Floats, by_imag: Floats, count: int) -> None:
    """Multiply complex numbers by a power of others, which are used up.

    Args:
        real, imag: shape (frequencies,), changed in place.
        by_real, by_imag: the factors, shape (frequencies,); hold nonsense afterwards.
        count: the power.
    """
    left = count
    while left > 0:
        if left & 1:
            for at in range(len(real)):
                product = real[at] * by_real[at] - imag[at] * by_imag[at]
                imag[at] = real[at] * by_imag[at] + imag[at] * by_real[at]
                real[at] = product
        left >>= 1
        if left > 0:
            for at in range(len(real)):
                square = by_real[at] * by_real[at] - by_imag[at] * by_imag[at]
                by_imag[at] = 2.0 * by_real[at] * by_imag[at]
                by_real[at] = square


@compiled
def factor(
    real: Floats,
    imag: Floats,
    lost: Ints,
    odds: Floats,
    run_first: Ints,
    run_at: Ints,
    period: int,
) -> None:
    """Characteristic function of one unit.

    Args:
        real, imag: what was there is lost, shape (frequencies,).
        lost, odds: of its states, losses modulo ``period``.
        run_first, run_at, period: see `rotate_add`.
    """
    real[:] = 0.0
    imag[:] = 0.0
    for state in range(len(lost)):
        if lost[state] == 0:
            real += odds[state]
        else:
            rotate_add(real, imag, odds[state], lost[state], run_first, run_at, period)


@compiled
def total(
    real: Floats, imag: Floats, cos: Floats, sin: Floats, kernel: Floats, out: Floats
) -> None:
    """Sums over frequencies of one hour.

    Args:
        real, imag: the characteristic function, shape (frequencies,).
        cos, sin: the hour's phase by frequency.
        kernel: see `invert`.
        out: sums for odds and energy, and of absolute values; nil before, shape (4,).
    """
    for at in range(len(real)):
        one = real[at] * cos[at] - imag[at] * sin[at]
        two = real[at] * sin[at] + imag[at] * cos[at]
        large = abs(one) + abs(two)
        out[0] += one * kernel[0, at] - two * kernel[1, at]
        out[1] += one * kernel[2, at] - two * kernel[3, at]
        out[2] += large * (abs(kernel[0, at]) + abs(kernel[1, at]))
        out[3] += large * (abs(kernel[2, at]) + abs(kernel[3, at]))


@compiled
def invert(
    first: Ints,
    lost: Ints,
    odds: Floats,
    count: Ints,
    node_first: Ints,
    node_unit: Ints,
    leaf_first: Ints,
    phase: Ints,
    run_first: Ints,
    run_at: Ints,
    period: int,
    kernel: Floats,
) -> Floats:
    """Sums over frequencies of characteristic function times kernel, for every hour of a block.

    Time is a binary tree: a unit stands at the fewest nodes that make up its presence, and the
    product down to a leaf is that of the units present there. Nothing is divided out again.

    Args:
        first, lost, odds, count: units on a lattice with tilted odds (`lattice.LatticeUnits`),
            losses modulo ``period``.
        node_first: where each node's units begin, and the end, shape (2 * leaves + 1,).
        node_unit: units by node.
        leaf_first: where each leaf's hours begin, and the end, shape (leaves + 1,).
        phase: minus the first outage that loses load, modulo ``period``, shape (hours,).
        run_first, run_at, period: see `rotate_add`.
        kernel: real and imaginary part of the kernel for odds and of that for energy, times their
            weight in the sum, shape (4, frequencies).

    Returns:
        Shape (4, hours): the sums for odds and energy, and the sums of absolute values.
    """
    leaves = len(leaf_first) - 1
    depth = 0
    while (1 << depth) < leaves:
        depth += 1
    size = run_at[-1]
    real, imag = np.ones((depth + 1, size)), np.zeros((depth + 1, size))
    by_real, by_imag = np.empty(size), np.empty(size)
    cos, sin = np.empty(size), np.empty(size)
    out = np.zeros((4, len(phase)))
    for leaf in range(leaves):
        if leaf_first[leaf] == leaf_first[leaves]:
            break
        top = 0
        if leaf > 0:
            changed, top = leaf ^ (leaf - 1), depth + 1
            while changed > 0:
                changed >>= 1
                top -= 1
        for level in range(top, depth + 1):
            node = (leaves + leaf) >> (depth - level)
            if level > 0:
                real[level] = real[level - 1]
                imag[level] = imag[level - 1]
            for item in range(node_first[node], node_first[node + 1]):
                unit = node_unit[item]
                part = slice(first[unit], first[unit + 1])
                factor(by_real, by_imag, lost[part], odds[part], run_first, run_at, period)
                multiply(real[level], imag[level], by_real, by_imag, count[unit])
        for hour in range(leaf_first[leaf], leaf_first[leaf + 1]):
            cos[:] = 0.0
            sin[:] = 0.0
            rotate_add(cos, sin, 1.0, phase[hour], run_first, run_at, period)
            total(real[depth], imag[depth], cos, sin, kernel, out[:, hour])
    return out


@compiled
def add_unit(
    table: Floats, low: int, high: int, jump: int, odds: float, least: float
) -> tuple[int, int]:
    """Put one more unit into a table of available power; the last cell holds all beyond it.

    Args:
        table: probability by steps available, shape (cells,), changed in place; nothing is outside
            ``low`` to ``high``.
        low, high: first and last cell with anything in it.
        jump: steps that the unit gives.
        odds: that it does.
        least: cells at the ends with less than this are emptied.

    Returns:
        The new first and last cell.
    """
    last = len(table) - 1
    beyond = 0.0
    for at in range(max(low, last - jump), min(high, last - 1) + 1):
        beyond += table[at]
    if jump > 0:
        for at in range(min(high + jump, last - 1), low - 1, -1):
            value = (1.0 - odds) * table[at]
            if at - jump >= low:
                value += odds * table[at - jump]
            table[at] = value
        table[last] += odds * beyond
    high = min(high + jump, last)
    while low < high and table[low] < least:
        table[low] = 0.0
        low += 1
    while high > low and table[high] < least:
        table[high] = 0.0
        high -= 1
    return low, high
