"""Fuel left over the horizon, with deliveries that come while it lasts and a tank that has an end.

    burnt before delivery i  <=  fuel_left + what was taken of the deliveries before it
    fuel_left - burnt before delivery i + taken up to i  <=  room
    burnt in all             <=  fuel_left + taken

What does not go into the tank is not taken. Without deliveries this is one row. What a run must
last beyond the horizon is kept for it in the last row.
"""

from __future__ import annotations

import numpy as np

from gridmuster.planning.commitment import CommitmentColumns
from gridmuster.planning.linear import INF, Ints, LinearModel
from gridmuster.planning.prepare import Group, tail_fuel


def add_fuel(
    model: LinearModel, group: Group, commitment: CommitmentColumns, above: tuple[Ints, ...]
) -> None:
    """Rows that keep one unit within its fuel.

    Args:
        model: the model.
        group: a group of one unit; nothing is done when its fuel cannot bind.
        commitment: its columns of on and starts.
        above: its columns of output above minimum, by segment.
    """
    if group.fuel_left is None:
        return
    count, unit = len(group.allowed), group.unit
    coming = sorted(unit.fuel_deliveries, key=lambda one: one.interval)
    coming = [one for one in coming if one.interval < count]
    amounts = np.array([one.amount for one in coming], dtype=float)
    least = 0.0 if unit.fuel_room is None else 1.0
    taken = model.columns(len(coming), (1.0 - least) * amounts, amounts, 0.0)
    room = INF if unit.fuel_room is None else max(unit.fuel_room, group.fuel_left)
    for number, one in enumerate(coming):
        row = model.rows(1, -INF, group.fuel_left)
        add_burnt(model, row, group, commitment, above, one.interval)
        model.entries(row, taken[:number], -1.0)
        if room < INF:
            row = model.rows(1, -INF, room - group.fuel_left)
            add_burnt(model, row, group, commitment, above, one.interval, factor=-1.0)
            model.entries(row, taken[: number + 1], 1.0)
    row = model.rows(1, -INF, group.fuel_left - group.kept_fuel)
    add_burnt(model, row, group, commitment, above, count)
    model.entries(row, commitment.start, tail_fuel(group))
    model.entries(row, taken, -1.0)


def add_burnt(
    model: LinearModel,
    row: Ints,
    group: Group,
    commitment: CommitmentColumns,
    above: tuple[Ints, ...],
    end: int,
    factor: float = 1.0,
    first: int = 0,
) -> None:
    """Put the fuel a group burns from one interval on until before another, times a factor, in."""
    step_h, part = factor * group.step_h, slice(first, end)
    model.entries(row, commitment.on[part], group.min_fuel_per_h[part] * step_h)
    if group.starts.fuel:
        model.entries(row, commitment.start[part], group.starts.fuel * factor)
    for columns, fuel in zip(above, group.width_fuel_per_kwh, strict=True):
        model.entries(row, columns[part], fuel * step_h)
