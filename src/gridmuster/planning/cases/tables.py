"""A case's units as arrays for the compiled oracle, and cost curves as straight pieces."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

import numpy as np

from gridmuster.planning.cases import hour_kernels, kernels
from gridmuster.planning.cases.case import Case, Piecewise, Quadratic, Thermal
from gridmuster.planning.linear import INF, Floats, Ints

#: A quadratic cost is bounded from below to this share of an hour's cost at full power ...
ACCURACY = 1e-5
#: ... by at most so many tangents.
MOST_TANGENTS = 24


@dataclass(frozen=True, slots=True)
class Pieces:
    """Cost of an hour on from below: at the least power, then by pieces of rising rate.

    Args:
        base: cost at the least power.
        parts: width (MW) and rate (money per MWh) of each piece above it.
    """

    base: float
    parts: tuple[tuple[float, float], ...]


def pieces_of(unit: Thermal) -> Pieces:
    """A unit's cost as pieces; exact for straight lines, tangents for a quadratic."""
    cost = unit.cost
    base = cost.price(unit.min_mw)
    if isinstance(cost, Piecewise):
        return Pieces(base, _lines(cost))
    span = unit.max_mw - unit.min_mw
    if span <= 0.0:
        return Pieces(base, ())
    return Pieces(base, _tangents(cost, unit.min_mw, span))


def _lines(cost: Piecewise) -> tuple[tuple[float, float], ...]:
    return tuple(
        (high_mw - low_mw, (high - low) / (high_mw - low_mw))
        for (low_mw, low), (high_mw, high) in pairwise(cost.points)
        if high_mw > low_mw
    )


def _tangents(cost: Quadratic, least_mw: float, span: float) -> tuple[tuple[float, float], ...]:
    """Tangents evenly over the range: two meet half way, ``square (step / 2)^2`` below the curve.

    The lowest starts at the least power, where it is exact.
    """
    most = abs(cost.price(least_mw + span))
    step = 2.0 * sqrt(ACCURACY * most / cost.square) if cost.square > 0.0 else span
    count = min(max(ceil(span / max(step, 1e-9)), 1), MOST_TANGENTS)
    if cost.square <= 0.0:
        return ((span, cost.linear),)
    touch = np.linspace(0.0, span, count + 1)
    ends = np.concatenate([[0.0], (touch[:-1] + touch[1:]) / 2.0, [span]])
    return tuple(
        (float(width), cost.linear + 2.0 * cost.square * (least_mw + float(at)))
        for width, at in zip(np.diff(ends), touch, strict=True)
    )


@dataclass(frozen=True, slots=True)
class UnitTables:
    """Groups of alike units as arrays, a group a row.

    Args:
        limit: power numbers, columns as in `kernels`, MW and money.
        times: hours and flags, columns as in `kernels`.
        pieces: ``(groups, 2, pieces)`` widths and rates; unused pieces have no width.
        start: start cost by hours off.
        count: units in each group.
    """

    limit: Floats
    times: Ints
    pieces: Floats
    start: Floats
    count: Floats


def tables(case: Case) -> UnitTables:
    """The arrays of a case's groups."""
    units = [group.unit for group in case.thermal]
    curves = [pieces_of(unit) for unit in units]
    number = max((len(curve.parts) for curve in curves), default=1) or 1
    pieces = np.zeros((len(units), 2, number))
    pieces[:, 1, :] = INF
    for row, curve in zip(pieces, curves, strict=True):
        for k, (width, rate) in enumerate(curve.parts):
            row[0, k], row[1, k] = width, rate
        # An unused piece goes on at the last rate; a block-loaded unit has none.
        row[1, len(curve.parts) :] = curve.parts[-1][1] if curve.parts else 0.0
    longest = max((unit.starts[-1].lag_h for unit in units), default=0) + 1
    start = np.array([[unit.start_cost(h) for h in range(longest + 1)] for unit in units])
    return UnitTables(
        np.array([_limit(unit, curve.base) for unit, curve in zip(units, curves, strict=True)]),
        np.array([_times(unit) for unit in units], dtype=np.int64),
        pieces,
        start,
        np.array([float(group.count) for group in case.thermal]),
    )


def _limit(unit: Thermal, base: float) -> list[float]:
    found = [0.0] * 9
    found[hour_kernels.SPAN] = unit.max_mw - unit.min_mw
    found[hour_kernels.FIRST] = min(unit.ramp_start_mw - unit.min_mw, unit.ramp_up_mw)
    found[hour_kernels.LAST] = unit.ramp_stop_mw - unit.min_mw
    found[hour_kernels.LAST_TOP] = unit.ramp_down_mw
    found[hour_kernels.UP] = unit.ramp_up_mw
    found[hour_kernels.DOWN] = unit.ramp_down_mw
    found[hour_kernels.BASE] = base
    found[hour_kernels.LEAST] = unit.min_mw
    found[hour_kernels.BEFORE] = unit.power_before_mw - unit.min_mw if unit.on_before else 0.0
    return found


def _times(unit: Thermal) -> list[int]:
    span = unit.max_mw - unit.min_mw
    before = unit.power_before_mw - unit.min_mw if unit.on_before else 0.0
    below = unit.power_before_mw <= unit.ramp_stop_mw and before <= unit.ramp_down_mw
    found = [0] * 7
    found[kernels.UP_H] = unit.up_h
    found[kernels.DOWN_H] = unit.down_h
    found[kernels.MUST] = int(unit.must_run)
    found[kernels.ON_BEFORE] = int(unit.on_before)
    found[kernels.HOURS_BEFORE] = unit.hours_before
    found[kernels.RAMPED] = int(min(unit.ramp_up_mw, unit.ramp_down_mw) < span)
    found[kernels.MAY_STOP] = int(below and unit.hours_before >= unit.up_h)
    return found
