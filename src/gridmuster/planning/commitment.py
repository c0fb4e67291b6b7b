"""On and off: start logic, least times on and off, must-run, budgets on starts and hours.

With ``u`` how many units of a group are on, ``v`` how many start and ``w`` how many stop,

    u(t) - u(t-1) = v(t) - w(t)                                          (1)
    sum of v over the last `up` intervals   <= u(t)                      (2)
    sum of w over the last `down` intervals <= n - u(t)                  (3)

(Rajan, Takriti, IBM RC23628, 2005: with (1) these describe the convex hull of one unit's
schedules). Here w is put in from (1), which leaves the hull unchanged and a third fewer columns:
(3) becomes  sum of v over the last `down` intervals <= n - u(t - down), and w >= 0 becomes
v(t) >= u(t) - u(t-1). What happened before the first interval enters through `held_on`,
`held_off` and `on_before`. u integer makes v integer wherever a start costs something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.planning.linear import INF, Ints, LinearModel
from gridmuster.planning.prepare import Group, window_tail
from gridmuster.planning.starting import add_classes

#: Price of a must-run unit being off, as a share of the value of lost load at its full output.
MUST_RUN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class CommitmentColumns:
    """Columns of one group, over the intervals; ``missing`` only for soft must-run."""

    on: Ints
    start: Ints
    missing: Ints | None


def add_commitment(
    model: LinearModel, group: Group, step_h: float, unserved_usd_per_kwh: float
) -> CommitmentColumns:
    """Columns and rows for on, starts, least times, must-run and budgets of one group."""
    count, n = len(group.allowed), group.count
    lower = np.full(count, n) if group.must_run_hard else group.held_on
    lower = np.where(group.open, lower, 0)
    upper = np.where(group.open, n - group.held_off, 0)
    on = model.columns(count, lower, upper, group.min_usd_per_h * step_h, integer=True)
    most = np.where(group.starts.may(count) & _bearable(group), np.minimum(n, upper), 0)
    start = model.columns(count, 0.0, most, group.starts.usd[-1])
    add_classes(model, group.starts, group.on_before, on, start)
    missing = None
    if group.must_run.any() and not group.must_run_hard:
        price = MUST_RUN_SHARE * unserved_usd_per_kwh * group.max_kw * step_h
        missing = model.columns(count, 0.0, n, price)
        rows = model.rows(count, np.where(group.must_run, n, 0), INF)
        model.entries(rows, on, 1.0)
        model.entries(rows, missing, 1.0)
    _start_logic(model, group, on, start)
    _least_times(model, group, on, start)
    _budgets(model, group, on, start, step_h)
    return CommitmentColumns(on, start, missing)


def _bearable(group: Group) -> NDArray[np.bool_]:
    """Where a start's least time on does not run into maintenance beyond the horizon."""
    count = len(group.tail)
    ahead = [max(span.first, count) for span in group.unit.maintenance if span.end > count]
    return np.asarray(count + group.tail <= min(ahead, default=count + len(group.tail) + group.up))


def _start_logic(model: LinearModel, group: Group, on: Ints, start: Ints) -> None:
    """v(t) >= u(t) - u(t-1)."""
    before = np.zeros(len(on))
    before[0] = group.on_before
    rows = model.rows(len(on), -before, INF)
    model.entries(rows, start, 1.0)
    model.entries(rows, on, -1.0)
    model.entries(rows[1:], on[:-1], 1.0)


def _least_times(model: LinearModel, group: Group, on: Ints, start: Ints) -> None:
    """Rows (2) and (3), with what was before the first interval."""
    count, n = len(on), group.count
    rows = model.rows(count, group.held_on, INF)
    model.entries(rows, on, 1.0)
    _window(model, rows, start, group.up, -1.0)
    limit = np.full(count, float(n))
    limit[: group.down] -= group.on_before + group.held_off[: group.down]
    rows = model.rows(count, -INF, limit)
    _window(model, rows, start, group.down, 1.0)
    model.entries(rows[group.down :], on[: max(0, count - group.down)], 1.0)


def _window(model: LinearModel, rows: Ints, cols: Ints, length: int, value: float) -> None:
    """Add the last `length` columns up to t to row t."""
    for lag in range(min(length, len(cols))):
        model.entries(rows[lag:], cols[: len(cols) - lag], value)


def _budgets(model: LinearModel, group: Group, on: Ints, start: Ints, step_h: float) -> None:
    """Hours and starts left over the horizon, and over parts of it."""
    if group.run_h_left is not None:
        row = model.rows(1, -INF, group.run_h_left)
        model.entries(row, on, step_h)
        model.entries(row, start, step_h * group.tail)
    if group.starts_left is not None:
        row = model.rows(1, -INF, float(group.starts_left))
        model.entries(row, start, 1.0)
    for window in group.windows:
        part = slice(window.first, window.end)
        if window.run_h_left is not None:
            row = model.rows(1, -INF, window.run_h_left)
            model.entries(row, on[part], step_h)
            model.entries(row, start, step_h * window_tail(group, window))
        if window.starts_left is not None:
            row = model.rows(1, -INF, float(window.starts_left))
            model.entries(row, start[part], 1.0)
