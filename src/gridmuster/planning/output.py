"""Output of units that are on: convex segments above minimum, ramps, first and last intervals.

    p(t) = min(t) u(t) + sum_j d_j(t),   0 <= d_j(t) <= width_j(t) u(t)

The segments' costs rise, so a cheapest plan fills them in order. Bounding each by u makes the
relaxation of one unit without ramps its convex hull. Units whose minimum equals their maximum
have no segments: their output is a coefficient of u.

What a run may give in its first and its last interval is kept with the width of the range,

    sum_j d_j(t) <= (max - min) u(t) - (max - first) v(t) - (max - last) w(t+1)

in one row where a run cannot be a single interval, else in two (Gentile, Morales-Espana, Ramos, "A
tight MIP formulation of the unit commitment problem with start-up and shut-down constraints", EURO
J. Comput. Optim. 5, 2017).
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
    if group.ramps:
        ramp = model.columns(count, 0.0, INF, RAMP_SHARE * unserved_usd_per_kwh * step_h)
        _rises(model, group, commitment, tuple(above), ramp)
        _falls(model, group, commitment, tuple(above), ramp)
        _first_and_last(model, group, commitment, tuple(above))
        _stopped_at_once(model, group, commitment, ramp)
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


def _rises(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    above: tuple[Ints, ...],
    beyond: Ints,
) -> None:
    """p(t) - p(t-1) <= R u(t-1) + most(t) v(t), most being the cap on a run's first interval.

    A unit that starts reaches its minimum at once and ramps from there. What the limits cannot
    bear (a forced trip, a falling limit) is priced.
    """
    count, limit_kw = len(group.allowed), group.ramp_kw
    if limit_kw == INF:
        return
    on, start = commitment.on, commitment.start
    low: Floats = group.min_kw
    first_kw = max(0.0, group.unit.initial_kw) * group.on_before
    most = low + limit_kw
    if group.unit.start_max_kw is not None:
        most = np.where(np.isfinite(group.first_kw), group.first_kw, group.max_kw)
    upper = np.zeros(count)
    upper[0] = limit_kw * group.on_before + first_kw
    rows = model.rows(count, -INF, upper)
    add_power(model, rows, group, on, above)
    model.entries(rows, start, -most)
    model.entries(rows[1:], on[:-1], -(low[:-1] + limit_kw))
    for columns in above:
        model.entries(rows[1:], columns[:-1], -1.0)
    model.entries(rows, beyond, -1.0)


def _falls(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    above: tuple[Ints, ...],
    beyond: Ints,
) -> None:
    """p(t-1) - p(t) <= R u(t) + most(t-1) w(t), most being the cap on a run's last interval."""
    count, limit_kw = len(group.allowed), group.ramp_down_kw
    if limit_kw == INF:
        return
    on, start = commitment.on, commitment.start
    low: Floats = group.min_kw
    first = group.on_before
    first_kw = max(0.0, group.unit.initial_kw) * first
    most = low + limit_kw
    if group.unit.stop_max_kw is not None:
        most = np.where(np.isfinite(group.last_kw), group.last_kw, group.max_kw)
    stop_kw = np.concatenate((most[:1], most[:-1]))
    if group.unit.stop_max_kw is not None and not np.isfinite(group.last_kw[0]):
        stop_kw[0] = max(stop_kw[0], first_kw)
    # w(t) = v(t) - u(t) + u(t-1); row t of t >= 1 has u(t-1) and p(t-1), row 0 the past.
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


def _first_and_last(
    model: LinearModel, group: Group, commitment: CommitmentColumns, above: tuple[Ints, ...]
) -> None:
    """The caps on the first and the last interval of a run."""
    first = np.flatnonzero(np.isfinite(group.first_kw))
    last = np.flatnonzero(np.isfinite(group.last_kw[:-1]))
    one_row = group.up > 1 and first.size > 0
    if first.size:
        rows = _range_rows(model, group, commitment, above, first)
        model.entries(rows, commitment.start[first], (group.max_kw - group.first_kw)[first])
        if one_row:
            at = np.flatnonzero(np.isin(first, last))
            add_stops(model, rows[at], group, commitment, first[at])
    rest = np.setdiff1d(last, first) if one_row else last
    if rest.size:
        rows = _range_rows(model, group, commitment, above, rest)
        add_stops(model, rows, group, commitment, rest)


def _range_rows(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    above: tuple[Ints, ...],
    where: Ints,
) -> Ints:
    """Rows  sum_j d_j - (max - min) u <= 0  in some intervals."""
    rows = model.rows(len(where), -INF, 0.0)
    for columns in above:
        model.entries(rows, columns[where], 1.0)
    model.entries(rows, commitment.on[where], -(group.max_kw - group.min_kw)[where])
    return rows


def add_stops(
    model: LinearModel,
    rows: Ints,
    group: Group,
    commitment: CommitmentColumns,
    where: Ints,
    factor: float = 1.0,
) -> None:
    """Put (max - last) w(t+1), times a factor, into the rows of some intervals but the last."""
    less = factor * (group.max_kw - group.last_kw)[where]
    # w(t+1) = v(t+1) - u(t+1) + u(t)
    model.entries(rows, commitment.start[where + 1], less)
    model.entries(rows, commitment.on[where + 1], -less)
    model.entries(rows, commitment.on[where], less)


def _stopped_at_once(
    model: LinearModel, group: Group, commitment: CommitmentColumns, beyond: Ints
) -> None:
    """Stopping in interval 0 from more than a last interval may have is beyond the ramp."""
    excess = group.unit.initial_kw - group.last_kw[0]
    if not group.on_before or not excess > 0.0 or group.ramp_down_kw < INF:
        return
    # excess w(0) <= beyond(0), w(0) = v(0) - u(0) + 1
    row = model.rows(1, -INF, -excess)
    model.entries(row, commitment.start[:1], excess)
    model.entries(row, commitment.on[:1], -excess)
    model.entries(row, beyond[:1], -1.0)
