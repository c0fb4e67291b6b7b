"""Output of units that are on: convex segments above minimum, ramps, fuel left.

    p(t) = min(t) u(t) + sum_j d_j(t),   0 <= d_j(t) <= width_j(t) u(t)

The segments' costs rise, so a cheapest plan fills them in order. Bounding each by u makes the
relaxation of one unit without ramps its convex hull. Units whose minimum equals their maximum
have no segments: their output is a coefficient of u.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.commitment import CommitmentColumns
from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.objectives import RAMP_SHARE
from gridmuster.planning.prepare import Group


@dataclass(frozen=True, slots=True)
class OutputColumns:
    """Columns of one group: ``above[j]`` per segment; ``ramp`` is the power beyond ramp limits."""

    above: tuple[Ints, ...]
    ramp: Ints | None


def add_output(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    step_h: float,
    unserved_usd_per_kwh: float,
) -> OutputColumns:
    """Columns and rows for the output of one group."""
    count = len(group.allowed)
    above = []
    for width, usd in zip(group.width_kw, group.width_usd_per_kwh, strict=True):
        columns = model.columns(count, 0.0, width * group.count, usd * step_h)
        wide = np.flatnonzero(width > 0.0)
        rows = model.rows(len(wide), -INF, 0.0)
        model.entries(rows, columns[wide], 1.0)
        model.entries(rows, commitment.on[wide], -width[wide])
        above.append(columns)
    ramp = None
    if group.ramp_kw < INF:
        ramp = model.columns(count, 0.0, INF, RAMP_SHARE * unserved_usd_per_kwh * step_h)
        _ramp_limits(model, group, commitment, tuple(above), ramp)
    if group.fuel_left is not None:
        row = model.rows(1, -INF, group.fuel_left)
        model.entries(row, commitment.on, group.min_fuel_per_h * step_h)
        for columns, fuel in zip(above, group.width_fuel_per_kwh, strict=True):
            model.entries(row, columns, fuel * step_h)
    return OutputColumns(tuple(above), ramp)


def add_power(
    model: LinearModel,
    rows: Ints,
    group: Group,
    on: Ints,
    above: tuple[Ints, ...],
    *,
    factor: float = 1.0,
) -> None:
    """Put a group's output, times a factor, into rows (one for each interval)."""
    model.entries(rows, on, factor * group.min_kw[: len(on)])
    for columns in above:
        model.entries(rows, columns, factor)


def _ramp_limits(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    above: tuple[Ints, ...],
    beyond: Ints,
) -> None:
    """p(t) - p(t-1) <= R u(t-1) + (min(t) + R) v(t) and the same downwards with w.

    A unit that starts reaches its minimum at once and ramps from there; before it stops it ramps
    down to it. What the limits cannot bear (a forced trip, a falling limit) is priced.
    """
    count, limit_kw = len(group.allowed), group.ramp_kw
    on, start = commitment.on, commitment.start
    low: Floats = group.min_kw
    first = group.on_before
    first_kw = max(0.0, group.unit.initial_kw) * first
    # Upwards; row t of t >= 1 has u(t-1) and p(t-1), row 0 the past.
    upper = np.zeros(count)
    upper[0] = limit_kw * first + first_kw
    rows = model.rows(count, -INF, upper)
    add_power(model, rows, group, on, above)
    model.entries(rows, start, -(low + limit_kw))
    model.entries(rows[1:], on[:-1], -(low[:-1] + limit_kw))
    for columns in above:
        model.entries(rows[1:], columns[:-1], -1.0)
    model.entries(rows, beyond, -1.0)
    # Downwards; w(t) = v(t) - u(t) + u(t-1).
    stop_kw = np.concatenate((low[:1], low[:-1])) + limit_kw
    upper = np.zeros(count)
    upper[0] = stop_kw[0] * first - first_kw
    rows = model.rows(count, -INF, upper)
    add_power(model, rows, group, on, above, factor=-1.0)
    for columns in above:
        model.entries(rows[1:], columns[:-1], 1.0)
    model.entries(rows[1:], on[:-1], low[:-1] - stop_kw[1:])
    model.entries(rows, on, stop_kw - limit_kw)
    model.entries(rows, start, -stop_kw)
    model.entries(rows, beyond, -1.0)
