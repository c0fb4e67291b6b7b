"""Loss of load of thousands of units, hour by hour, by Fourier inversion with proven error.

With ``f(j) = E exp(2 pi i j X / M)`` of the tilted outage ``X``, in steps, the odds of losing load
at spare ``s`` are, for any window ``L < M`` that the tilted outage hardly ever leaves,

    P(X > s) = exp(K - t (s + 1)) / M  sum_j f(j) exp(-2 pi i j (s + 1) / M) sum_{m < L} u_j^m

with ``u_j = exp(-t - 2 pi i j / M)``; the expected outage beyond ``s`` has ``m u_j^m`` instead.
``f`` is a product over units, and of thousands of units it is nil but at a few frequencies: since
``|f_i|^2 = 1 - sum over pairs of states of 2 p_r p_s (1 - cos(w (c_r - c_s)))``, one Fourier
transform of the weights ``2 p_r p_s`` by distance bounds all ``|f(j)|`` at once
(``1 - x <= exp(-x)``), and only those that matter are computed.

What is reported as error is a bound, of four parts: odds outside the window (Chernoff), frequencies
left out (the bound above), rounding of the products (a few ulps a factor), and of the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.kernels import invert
from gridmuster.planning.reliability.lattice import LatticeUnits
from gridmuster.planning.reliability.outages import Bools, Floats, Ints
from gridmuster.planning.reliability.presence import Presence
from gridmuster.planning.reliability.tilt import Reach, Tilted, reach, tilt_towards, tilted

#: Logarithm of the odds with which the tilted outage may leave the window, on either side.
LOG_OUTSIDE = -55.0
#: A frequency is left out when its characteristic function is provably below this.
NIL = 1e-22
#: Standard deviations from the tilted mean within which an hour is judged under a tilt.
SPAN = 4.0
#: Where the hour least to spare is put: so many standard deviations below the tilted mean.
OFFSET = 3.0
#: An hour is done when its error is below this share of its value,
DONE_SHARE = 1e-8
#: or when its odds are provably below this.
DONE_ODDS = 1e-30
#: Tilts tried for one block of hours.
ROUNDS = 12
#: Most frequencies of a circle: beyond it the step is too fine for the fleet.
MOST_PERIOD = 1 << 23
#: A block of hours is cut in two while the units there throughout carry less of the spread.
CORE_SHARE = 0.6
#: Rounding of one factor of a product, in ulps: a sum of rotated states, then four products.
FACTOR_ULPS = 40.0
#: A spare this close below a whole step is taken as that step, as a share of the capacity,
WHOLE = 1e-9
#: but never further than this, steps.
WHOLE_STEPS = 0.01
ULP = float(np.finfo(np.float64).eps)

Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Beyond:
    """Odds of losing load and expected loss, by hour, each with a bound on its error.

    Args:
        odds: probability that the outage exceeds the spare, shape (hours,).
        excess: expected outage beyond the spare, steps, shape (hours,).
        odds_error: bound on the error of ``odds``.
        excess_error: bound on the error of ``excess``, steps.
    """

    odds: Floats
    excess: Floats
    odds_error: Floats
    excess_error: Floats


@dataclass(frozen=True, slots=True)
class _Block:
    """Hours in which much the same units are there; stretches are over segments.

    Args:
        units: the fleet.
        presence: over the block's segments.
        core: units there throughout.
        segment: segment of each hour, rising, shape (hours,).
        spare: whole steps to spare in each hour, shape (hours,).
    """

    units: LatticeUnits
    presence: Presence
    core: Ints
    segment: Ints
    spare: Floats


def whole_steps(units: LatticeUnits, spare: Floats) -> Floats:
    """The whole steps in a spare; one that lacks a rounding error to the next has the next.

    Args:
        units: the fleet.
        spare: steps.
    """
    total = float(np.dot(units.most(), units.count))
    return np.asarray(np.floor(spare + min(WHOLE * total + 1e-6, WHOLE_STEPS)), dtype=float)


def beyond_by_hour(units: LatticeUnits, presence: Presence, spare: Floats, whole: Floats) -> Beyond:
    """Odds and expected size of an outage beyond the spare, by hour.

    Args:
        units: the fleet, losses in whole steps.
        presence: when which units are there, over the hours.
        spare: capacity there, and what is firm, less the need, steps, shape (hours,).
        whole: outages above this many steps lose load, see `whole_steps`, shape (hours,).

    Raises:
        PlanningError: when the step is too fine for the fleet's spread.
    """
    hours = presence.periods
    found = Beyond(*(np.zeros(hours) for _ in range(4)))
    if not hours:
        return found
    over, edges = presence.segments()
    spread = units.count * _spread(units)
    for begin, end in _blocks(over, edges, spread, 0, over.periods):
        part = over.within(begin, end)
        first, last = int(edges[begin]), int(edges[end])
        core = part.unit[(part.start == 0) & (part.stop == part.periods)]
        segment = np.repeat(np.arange(end - begin), np.diff(edges[begin : end + 1]))
        low = whole[first:last]
        answer = _block(_Block(units, part, core, segment, low), spare[first:last] - low)
        for name in ("odds", "excess", "odds_error", "excess_error"):
            getattr(found, name)[first:last] = getattr(answer, name)
    return found


def _spread(units: LatticeUnits) -> Floats:
    """Share of pairs of states of a unit that differ, twice over: how fast its factor falls."""
    same = np.bincount(units.owner(), units.probability**2, units.size)
    return np.asarray(1.0 - same, dtype=float)


def _blocks(
    over: Presence, edges: Ints, spread: Floats, begin: int, end: int
) -> list[tuple[int, int]]:
    """Cut segments into blocks whose core carries most of the spread in every segment."""
    part = over.within(begin, end)
    whole = (part.start == 0) & (part.stop == part.periods)
    core = float(spread[part.unit[whole]].sum())
    if end - begin <= 1 or core >= CORE_SHARE * float(part.summed(spread).max()):
        return [(begin, end)]
    middle = int(np.searchsorted(edges, (edges[begin] + edges[end]) // 2))
    middle = min(max(middle, begin + 1), end - 1)
    return [
        *_blocks(over, edges, spread, begin, middle),
        *_blocks(over, edges, spread, middle, end),
    ]


def _block(block: _Block, part: Floats) -> Beyond:
    """All hours of a block, under as many tilts as it takes.

    Args:
        block: the hours.
        part: what the spare is above a whole step, by hour.
    """
    hours = len(block.spare)
    best = Beyond(np.zeros(hours), np.zeros(hours), np.full(hours, np.inf), np.full(hours, np.inf))
    _settle_all_or_nothing(block, part, best)
    plain = reach(block.units, tilted(block.units, 0.0), block.presence, LOG_OUTSIDE)
    ease = (block.spare - plain.mean[block.segment]) / plain.deviation[block.segment]
    pending = best.odds_error > 0.0
    offset = OFFSET
    for _ in range(ROUNDS):
        if not bool(pending.any()):
            break
        hour = int(np.argmin(np.where(pending, ease, np.inf)))
        there = block.presence.within(int(block.segment[hour]), int(block.segment[hour]) + 1)
        few = _rows(block.units, there.unit)
        tilt = tilt_towards(few, float(block.spare[hour]), offset)
        _under(block, part, tilted(block.units, tilt), pending, best)
        small = (best.odds_error <= DONE_SHARE * best.odds) & (
            best.excess_error <= DONE_SHARE * best.excess
        )
        pending &= ~small & ~(best.odds + best.odds_error <= DONE_ODDS)
        # An hour that is not done under two tilts keeps the error it has.
        offset = 0.0 if pending[hour] and offset > 0.0 else OFFSET
        pending[hour] = pending[hour] and offset == 0.0
    return best


def _settle_all_or_nothing(block: _Block, part: Floats, best: Beyond) -> None:
    """Hours in which load is lost for certain, or never."""
    units = block.units
    low = block.presence.summed(units.least() * units.count.astype(float))[block.segment]
    most = block.presence.summed(units.most() * units.count.astype(float))[block.segment]
    mean = block.presence.summed(tilted(units, 0.0).mean)[block.segment]
    always, never = block.spare + 1.0 <= low, block.spare >= most
    best.odds[always] = 1.0
    best.excess[always] = (mean - block.spare - part)[always]
    best.odds_error[always | never] = 0.0
    best.excess_error[never] = 0.0
    best.excess_error[always] = (ULP * len(units.lost) * (mean + np.abs(block.spare)))[always]


def _rows(units: LatticeUnits, rows: Ints) -> LatticeUnits:
    sizes = np.diff(units.first)[rows]
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    take = np.arange(first[-1]) + np.repeat(units.first[:-1][rows] - first[:-1], sizes)
    return LatticeUnits(
        units.step_kw, first, units.lost[take], units.probability[take], units.count[rows]
    )


def _under(block: _Block, part: Floats, tilt: Tilted, pending: Bools, best: Beyond) -> None:
    """Judge hours under one tilt and keep what is better than before."""
    found = reach(block.units, tilt, block.presence, LOG_OUTSIDE)
    at = block.segment
    log_scale = found.log_z[at] - tilt.tilt * (block.spare + 1.0)
    if tilt.tilt > 0.0:
        # Chernoff: P(X > s) <= exp(K - t (s + 1)); m exp(-t (m - 1)) is largest at 1 / t or at 1.
        odds_most = np.exp(np.minimum(log_scale, 0.0))
        excess_most = odds_most
        if tilt.tilt < 1.0:
            excess_most = odds_most * np.exp(tilt.tilt - 1.0) / tilt.tilt
        sure = (best.odds == 0.0) & (odds_most < best.odds_error) & (log_scale < 0.0)
        best.odds_error[sure] = odds_most[sure]
        best.excess_error[sure] = excess_most[sure]
    gap = (block.spare - found.mean[at]) / found.deviation[at]
    judged = pending & (gap <= SPAN) & ((gap >= -SPAN) | (tilt.tilt == 0.0))
    if not bool(judged.any()):
        return
    hours = np.flatnonzero(judged)
    # Below what is lost for all but certain, the loss grows with the need.
    spare = np.maximum(block.spare[hours], found.low[at[hours]] - 1.0)
    window = float(np.max(found.high[at[hours]] - spare)) + 1.0
    period = _length(window + float(np.max(spare - found.low[at[hours]])) + 2.0)
    if period > MOST_PERIOD:
        raise PlanningError(
            f"outages spread over {period} steps of {block.units.step_kw:g} kW, most that are kept "
            f"is {MOST_PERIOD}; expected a larger step"
        )
    sums, left_out = _inverted(block, tilt, hours, spare, min(int(window), period - 1), period)
    scale = np.exp(found.log_z[at[hours]] - tilt.tilt * (spare + 1.0))
    _keep(block, part, hours, spare, scale, sums, left_out, window, best, found)


def _keep(
    block: _Block,
    part: Floats,
    hours: Ints,
    spare: Floats,
    scale: Floats,
    sums: Floats,
    left_out: Floats,
    window: float,
    best: Beyond,
    found: Reach,
) -> None:
    """Turn sums into odds and losses with their errors; keep the better of old and new."""
    outside = 3.0 * np.exp(LOG_OUTSIDE)
    factors = len(block.presence.unit) + 64.0
    share = ULP * FACTOR_ULPS * factors
    rest = 1.0 - part[hours]
    odds = scale * sums[0]
    excess = scale * (sums[1] + rest * sums[0]) + (spare - block.spare[hours])
    of_scale = ULP * factors * (1.0 + np.abs(found.log_z).max())
    odds_error = scale * (outside + left_out[0] + share * sums[2]) + of_scale * np.abs(odds)
    excess_error = scale * (
        outside * 4.0 * (window + 1.0) + left_out.sum() + share * (sums[2] + sums[3])
    ) + of_scale * np.abs(excess)
    better = odds_error < best.odds_error[hours]
    rows = hours[better]
    best.odds[rows] = np.clip(odds[better], 0.0, 1.0)
    best.excess[rows] = np.maximum(excess[better], 0.0)
    best.odds_error[rows] = odds_error[better]
    best.excess_error[rows] = excess_error[better]


def _inverted(
    block: _Block, tilt: Tilted, hours: Ints, spare: Floats, window: int, period: int
) -> tuple[Floats, Floats]:
    """Sums over frequencies by hour, and a bound on what the left-out ones add to each kernel."""
    bound = _magnitude(block, tilt, period)
    weight = np.full(len(bound), 2.0 / period)
    weight[0] = 1.0 / period
    if period % 2 == 0:
        weight[-1] = 1.0 / period
    kept = bound > NIL
    left_out = _left_out(weight * np.where(kept, 0.0, bound), tilt.tilt, window, period)
    taken = np.flatnonzero(kept)
    opens = np.flatnonzero(np.diff(taken, prepend=-2) > 1)
    table = np.empty((4, len(taken)))
    for row, kernel in enumerate(_kernels(taken, tilt.tilt, window, period)):
        table[2 * row] = weight[taken] * kernel.real
        table[2 * row + 1] = weight[taken] * kernel.imag
    nodes, members = _tree(block.presence)
    leaves = (len(nodes) - 1) // 2
    sums = invert(
        block.units.first,
        block.units.lost % period,
        tilt.odds,
        block.units.count,
        nodes,
        members,
        np.searchsorted(block.segment[hours], np.arange(leaves + 1)),
        np.mod(-(spare + 1.0), period).astype(np.int64),
        taken[opens],
        np.append(opens, len(taken)),
        period,
        table,
    )
    return sums, left_out


def _magnitude(block: _Block, tilt: Tilted, period: int) -> Floats:
    """A bound on the characteristic function's size at each frequency up to half the circle.

    Only units that are there throughout count; every other factor is at most 1.
    """
    units = _rows(block.units, block.core)
    owner = units.owner()
    states = block.units.first
    odds = tilt.odds[
        np.arange(len(owner))
        + np.repeat(states[block.core] - units.first[:-1], np.diff(units.first))
    ]
    by_distance = np.zeros(period)
    for apart in range(1, int(np.diff(units.first).max(initial=1))):
        pair = np.flatnonzero(owner[apart:] == owner[:-apart])
        distance = np.abs(units.lost[pair + apart] - units.lost[pair]) % period
        weight = 2.0 * units.count[owner[pair]] * odds[pair] * odds[pair + apart]
        by_distance += np.bincount(distance, weight, period)
    fallen = by_distance.sum() - np.fft.rfft(by_distance).real
    return np.asarray(np.exp(-0.5 * np.maximum(fallen * (1.0 - 1e-9) - 1e-9, 0.0)), dtype=float)


def _left_out(bound: Floats, tilt: float, window: int, period: int) -> Floats:
    """A bound on what frequencies left out add to the sums for odds and for energy.

    Args:
        bound: of the weighted characteristic function by frequency; 0 where it is not left out.
    """
    half = np.sin(np.pi / period * np.arange(len(bound)))
    gap = np.sqrt(np.expm1(-tilt) ** 2 + 4.0 * np.exp(-tilt) * half**2)
    if tilt == 0.0:
        # Frequency 0, always kept, has no gap.
        gap[0] = np.inf
    end = float(np.exp(-tilt * window))
    plain = bound * (1.0 + end) / gap
    return np.array([plain.sum(), float(np.sum((plain + bound * window * end) / gap))])


def _kernels(number: Ints, tilt: float, window: int, period: int) -> tuple[Complex, Complex]:
    """Sums over the window of ``u^m`` and of ``m u^m``, shape (frequencies,).

    Args:
        number: of each frequency, the first one 0.
        tilt: per step.
        window: steps.
        period: frequencies of the whole circle.
    """
    angle = 2.0 * np.pi * number / period
    damp = np.exp(-tilt)
    # 1 - u, without loss of digits where u is nearly 1.
    gap = damp * (2.0 * np.sin(0.5 * angle) ** 2 + 1j * np.sin(angle)) - np.expm1(-tilt)
    end_angle = 2.0 * np.pi * (number * window % period) / period
    end = np.exp(-tilt * window) * np.exp(-1j * end_angle)
    if tilt == 0.0:
        gap[0] = 1.0
    plain = (1.0 - end) / gap
    first = (damp * np.exp(-1j * angle) * plain - window * end) / gap
    if tilt == 0.0:
        plain[0], first[0] = window, 0.5 * window * (window - 1.0)
    return plain, first


def _tree(presence: Presence) -> tuple[Ints, Ints]:
    """Put each stretch on the fewest nodes of a binary tree over the segments.

    Returns:
        Where each node's units begin, with the end, and units by node; node 1 is the root, the
        children of node n are 2 n and 2 n + 1.
    """
    leaves = 1 << max(presence.periods - 1, 0).bit_length()
    low, high, unit = presence.start + leaves, presence.stop + leaves, presence.unit
    nodes: list[Ints] = []
    units: list[Ints] = []
    while len(unit):
        for odd, shift in ((low % 2 == 1, 0), (high % 2 == 1, -1)):
            taken = odd & (low < high)
            nodes.append((low if shift == 0 else high - 1)[taken])
            units.append(unit[taken])
        low, high = (low + 1) // 2, high // 2
        inside = low < high
        low, high, unit = low[inside], high[inside], unit[inside]
    where = np.concatenate(nodes) if nodes else np.zeros(0, dtype=np.int64)
    what = np.concatenate(units) if units else np.zeros(0, dtype=np.int64)
    order = np.argsort(where, kind="stable")
    return np.searchsorted(where[order], np.arange(2 * leaves + 1)), what[order]


def _length(least: float) -> int:
    """The smallest even length at least so large of which a Fourier transform is quick."""
    power = 1 << max(int(np.ceil(least)) - 1, 1).bit_length()
    return min((n for n in (power, power // 4 * 3, power // 8 * 5) if n >= least), default=power)
