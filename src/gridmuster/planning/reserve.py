"""Reserve: what could be raised at once covers the loss of the largest unit that is on, and more.

    headroom(t) + short(t) >= largest(t) + reserve_kw(t)
    headroom = sum over units on (max - p) + stores (s - d + c) + (import limit - import + export)
    largest  >= max_i(t) for every unit i that is on

A unit's own headroom is lost with it, so that its full ``max_kw`` counts as the loss. A unit gives
what it can ramp to within `RESPONSE_S`. A store can come to give s: what its inverter can, as far
as its energy above the floor lasts `HOLD_H`. Put together with the area's balance this is a row of
capacities, which is how it stands in the model:

    sum max u + sum s + renewables + import limit + unserved - surplus + short - largest
        >= demand + reserve_kw

Rows are only made where they can bind: where the connection alone covers demand, all charging, the
largest unit and the reserve, they cannot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gridmuster.planning.balance import AreaColumns
from gridmuster.planning.commitment import CommitmentColumns
from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.objectives import AreaCosts
from gridmuster.planning.output import OutputColumns
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanArea, PlanStore
from gridmuster.planning.storage import StoreColumns

#: Energy behind a store's headroom must last until replacements run: a quarter of an hour.
HOLD_H = 0.25
#: Time within which headroom must be there: the ten minutes of spinning reserve.
RESPONSE_S = 600.0


@dataclass(frozen=True, slots=True)
class AreaParts:
    """All that stands in one area's reserve rows."""

    area: PlanArea
    costs: AreaCosts
    columns: AreaColumns
    groups: list[tuple[Group, CommitmentColumns, OutputColumns]] = field(default_factory=list)
    stores: list[tuple[PlanStore, StoreColumns]] = field(default_factory=list)
    renewables: list[Ints] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReserveColumns:
    """Where reserve rows were made (interval numbers), and what is missing there."""

    where: Ints
    short: Ints
    headroom: tuple[Ints, ...]
    able: tuple[Ints, ...]


def binding_intervals(parts: AreaParts) -> Ints:
    """Intervals in which the connection alone may not be enough."""
    area = parts.area
    need = np.asarray(area.demand_kw, dtype=float) + np.asarray(area.reserve_kw, dtype=float)
    for store, _ in parts.stores:
        need = need + np.asarray(store.charge_kw, dtype=float)
    largest = np.zeros(len(need))
    for group, _, _ in parts.groups:
        largest = np.maximum(largest, group.max_kw)
    wanted = (largest > 0.0) | (np.asarray(area.reserve_kw, dtype=float) > 0.0)
    import_kw = np.asarray(area.import_limit_kw, dtype=float)
    return np.flatnonzero(wanted & (need + largest > import_kw))


def add_reserve(
    model: LinearModel, parts: AreaParts, step_h: float, all_intervals: bool = False
) -> ReserveColumns:
    """Reserve rows of one area, where they can bind or (for headroom's own worth) everywhere."""
    area, costs = parts.area, parts.costs
    where = np.arange(len(area.demand_kw)) if all_intervals else binding_intervals(parts)
    size = len(where)
    short = model.columns(size, 0.0, INF, costs.reserve_usd_per_kwh * step_h)
    if not size:
        return ReserveColumns(where, short, (), ())
    import_kw = np.asarray(area.import_limit_kw, dtype=float)[where]
    reserve_kw = np.asarray(area.reserve_kw, dtype=float)[where]
    largest = _largest(model, parts, where)
    demand = np.asarray(area.demand_kw, dtype=float)[where]
    headroom = model.columns(size, 0.0, INF, 0.0)
    rows = model.rows(size, demand - import_kw, INF)
    able = _capacity(model, parts, rows, where)
    model.entries(rows, headroom, -1.0)
    wish = model.rows(size, reserve_kw, INF)
    model.entries(wish, headroom, 1.0)
    model.entries(wish, short, 1.0)
    model.entries(wish, largest, -1.0)
    steps = []
    if costs.headroom_kw:
        worth = model.rows(size, 0.0, INF)
        model.entries(worth, headroom, 1.0)
        for kw, usd in zip(costs.headroom_kw, costs.headroom_usd_per_kwh, strict=True):
            column = model.columns(size, 0.0, kw, -usd * step_h)
            model.entries(worth, column, -1.0)
            steps.append(column)
    return ReserveColumns(where, short, tuple(steps), able)


def _largest(model: LinearModel, parts: AreaParts, where: Ints) -> Ints:
    """Largest unit that is on; units always on set a floor that spares smaller ones their rows."""
    floor: Floats = np.zeros(len(where))
    for group, _, _ in parts.groups:
        if group.must_run_hard:
            floor = np.maximum(floor, group.max_kw[where])
    largest = model.columns(len(where), floor, INF, 0.0)
    for group, commitment, _ in parts.groups:
        at = np.flatnonzero(group.max_kw[where] > floor)
        if not at.size:
            continue
        on = commitment.on[where[at]]
        if group.count > 1:
            single = model.columns(len(at), 0.0, 1.0, 0.0, integer=True)
            rows = model.rows(len(at), 0.0, INF)
            model.entries(rows, single, float(group.count))
            model.entries(rows, on, -1.0)
            on = single
        rows = model.rows(len(at), 0.0, INF)
        model.entries(rows, largest[at], 1.0)
        model.entries(rows, on, -group.max_kw[where[at]])
    return largest


def _capacity(model: LinearModel, parts: AreaParts, rows: Ints, where: Ints) -> tuple[Ints, ...]:
    """Put all that could be raised, without the import limit, into rows.

    Returns the columns of what each store can come to give.
    """
    model.entries(rows, parts.columns.unserved[where], 1.0)
    model.entries(rows, parts.columns.surplus[where], -1.0)
    for columns in parts.renewables:
        model.entries(rows, columns[where], 1.0)
    for group, commitment, output in parts.groups:
        spread = (group.max_kw - group.min_kw)[where]
        reach = group.unit.ramp_kw_per_s * RESPONSE_S
        gives = group.unit.gives_reserve
        if group.is_block or (gives and reach >= float(spread.max())):
            model.entries(rows, commitment.on[where], group.max_kw[where])
            continue
        model.entries(rows, commitment.on[where], group.min_kw[where])
        for columns in output.above:
            model.entries(rows, columns[where], 1.0)
        if gives:
            _ramped(model, group, commitment, output, rows, where)
    return tuple(
        _store_capacity(model, store, columns_of_store, rows, where)
        for store, columns_of_store in parts.stores
    )


def _ramped(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    output: OutputColumns,
    rows: Ints,
    where: Ints,
) -> None:
    """What a slow group can add to its output within the response time."""
    reach = group.unit.ramp_kw_per_s * RESPONSE_S
    added = model.columns(len(where), 0.0, reach * group.count, 0.0)
    model.entries(rows, added, 1.0)
    left = model.rows(len(where), 0.0, INF)
    model.entries(left, commitment.on[where], (group.max_kw - group.min_kw)[where])
    for columns in output.above:
        model.entries(left, columns[where], -1.0)
    model.entries(left, added, -1.0)
    able = model.rows(len(where), 0.0, INF)
    model.entries(able, commitment.on[where], reach)
    model.entries(able, added, -1.0)


def _store_capacity(
    model: LinearModel, store: PlanStore, columns: StoreColumns, rows: Ints, where: Ints
) -> Ints:
    """What a store can come to give: d + lasting power of the energy left above its floor."""
    if not store.gives_reserve:
        model.entries(rows, columns.discharge[where], 1.0)
        model.entries(rows, columns.charge[where], -1.0)
        return columns.discharge[where]
    discharge_kw = np.asarray(store.discharge_kw, dtype=float)[where]
    able = model.columns(len(where), 0.0, discharge_kw, 0.0)
    model.entries(rows, able, 1.0)
    lasts = store.discharge_efficiency / HOLD_H
    energy = model.rows(len(where), lasts * store.min_energy_kwh, INF)
    model.entries(energy, columns.energy[where], lasts)
    model.entries(energy, columns.discharge[where], 1.0)
    model.entries(energy, able, -1.0)
    if columns.floor is not None:
        # Below the floor a store gives nothing, and that must not make the rows contradict.
        model.entries(energy, columns.floor[where], lasts)
    return able
