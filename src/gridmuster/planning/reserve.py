"""Reserve: what could be raised at once covers the loss of the largest unit that is on, and more.

    headroom(t) + short(t) >= largest(t) + reserve_kw(t)
    headroom = sum over units on (max - p) + stores (s - d + c) + (import limit - import + export)
    largest  >= max_i(t) for every unit i that is on

A unit's own headroom is lost with it, so that its full ``max_kw`` counts as the loss. A unit gives
what it can ramp to within `RESPONSE_S`. A store can come to give s: what its inverter can, and no
more above d - c than its energy above the floor bears for `HOLD_H`. Put together with the area's
balance this is a row of capacities, which is how it stands in the model:

    sum max u + sum s + renewables + import limit + unserved - surplus + short - largest
        >= demand + reserve_kw

Links bring power, counted as what arrives, and lend headroom (`links`).

Rows are only made where they can bind: where the connection alone covers demand, all charging, the
largest unit and the reserve, they cannot; areas with links have them always.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gridmuster.planning.balance import AreaColumns
from gridmuster.planning.commitment import CommitmentColumns
from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.links import LinkEnd, add_borrowed, add_inflow
from gridmuster.planning.objectives import AreaCosts
from gridmuster.planning.output import OutputColumns, add_stops
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanArea, PlanStore
from gridmuster.planning.starting import add_start_power
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
    links: list[LinkEnd] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReserveColumns:
    """Where reserve rows were made (interval numbers), and what stands in them.

    ``able[s]`` is what store s can come to give; ``some[g]`` 1 if any unit of group g is on;
    ``largest`` the largest loss, never below ``largest_floor``, the largest unit always on.
    """

    where: Ints
    short: Ints
    headroom: tuple[Ints, ...]
    able: tuple[Ints, ...]
    some: tuple[Ints, ...]
    largest: Ints
    largest_floor: Floats


def binding_intervals(parts: AreaParts) -> Ints:
    """Intervals in which the connection alone may not be enough."""
    area = parts.area
    need = np.maximum(np.asarray(area.demand_kw, dtype=float), 0.0)
    need = need + np.asarray(area.reserve_kw, dtype=float)
    for store, _ in parts.stores:
        need = need + np.asarray(store.charge_kw, dtype=float)
    largest = np.zeros(len(need))
    for group, _, _ in parts.groups:
        largest = np.maximum(largest, group.max_kw)
    wanted = (largest > 0.0) | (np.asarray(area.reserve_kw, dtype=float) > 0.0)
    import_kw = np.asarray(area.import_limit_kw, dtype=float)
    return np.flatnonzero(wanted & (need + largest > import_kw))


def add_reserve(
    model: LinearModel,
    parts: AreaParts,
    step_h: float,
    *,
    all_intervals: bool = False,
    lazy: bool = False,
) -> ReserveColumns:
    """Reserve rows of one area.

    Args:
        model: the model.
        parts: the area's parts.
        step_h: length of an interval, h.
        all_intervals: also where they cannot bind (headroom has a worth of its own).
        lazy: leave out that the largest loss is at least each unit; `cuts` puts in what is needed.
    """
    area, costs = parts.area, parts.costs
    where = np.arange(len(area.demand_kw)) if all_intervals else binding_intervals(parts)
    size = len(where)
    short = model.columns(size, 0.0, INF, costs.reserve_usd_per_kwh * step_h)
    some = tuple(_some_on(model, group, on, where) for group, on, _ in parts.groups)
    floor: Floats = np.zeros(size)
    for group, _, _ in parts.groups:
        if group.must_run_hard:
            floor = np.maximum(floor, group.max_kw[where])
    largest = model.columns(size, floor, INF, 0.0)
    if not lazy:
        _largest(model, parts, some, largest, floor, where)
    import_kw = np.asarray(area.import_limit_kw, dtype=float)[where]
    demand_kw = np.asarray(area.demand_kw, dtype=float)[where]
    headroom = model.columns(size, 0.0, INF, 0.0)
    rows = model.rows(size, demand_kw - import_kw, INF)
    able = _capacity(model, parts, rows, where)
    model.entries(rows, headroom, -1.0)
    wish = model.rows(size, np.asarray(area.reserve_kw, dtype=float)[where], INF)
    model.entries(wish, headroom, 1.0)
    model.entries(wish, short, 1.0)
    model.entries(wish, largest, -1.0)
    for end in parts.links:
        add_borrowed(model, end, wish, where)
    steps = _worth(model, costs, headroom, step_h)
    return ReserveColumns(where, short, steps, able, some, largest, floor)


def _worth(model: LinearModel, costs: AreaCosts, headroom: Ints, step_h: float) -> tuple[Ints, ...]:
    """Steps of headroom that are worth something of their own, the dearest first."""
    if not costs.headroom_kw:
        return ()
    rows = model.rows(len(headroom), 0.0, INF)
    model.entries(rows, headroom, 1.0)
    steps = []
    for kw, usd in zip(costs.headroom_kw, costs.headroom_usd_per_kwh, strict=True):
        column = model.columns(len(headroom), 0.0, kw, -usd * step_h)
        model.entries(rows, column, -1.0)
        steps.append(column)
    return tuple(steps)


def _some_on(model: LinearModel, group: Group, commitment: CommitmentColumns, where: Ints) -> Ints:
    """1 if any unit of a group is on: its own column, or a binary above u / n."""
    on = commitment.on[where]
    if group.count == 1:
        return on
    some = model.columns(len(where), 0.0, 1.0, 0.0, integer=True)
    rows = model.rows(len(where), 0.0, INF)
    model.entries(rows, some, float(group.count))
    model.entries(rows, on, -1.0)
    return some


def _largest(
    model: LinearModel,
    parts: AreaParts,
    some: tuple[Ints, ...],
    largest: Ints,
    floor: Floats,
    where: Ints,
) -> None:
    """The largest loss is at least every unit that is on; smaller ones than `floor` need no row."""
    for (group, _, _), on in zip(parts.groups, some, strict=True):
        high = group.max_kw[where]
        at = np.flatnonzero((high > floor) & group.open[where])
        rows = model.rows(len(at), 0.0, INF)
        model.entries(rows, largest[at], 1.0)
        model.entries(rows, on[at], -high[at])


def _capacity(model: LinearModel, parts: AreaParts, rows: Ints, where: Ints) -> tuple[Ints, ...]:
    """Put all that could be raised, without the import limit, into rows.

    Returns the columns of what each store can come to give.
    """
    model.entries(rows, parts.columns.unserved[where], 1.0)
    model.entries(rows, parts.columns.surplus[where], -1.0)
    for columns in parts.renewables:
        model.entries(rows, columns[where], 1.0)
    for end in parts.links:
        add_inflow(model, end, rows, where)
    for group, commitment, output in parts.groups:
        spread = (group.max_kw - group.min_kw)[where]
        reach = group.unit.ramp_kw_per_s * RESPONSE_S
        gives = group.unit.gives_reserve
        _started(model, group, commitment, rows, where)
        capped = np.isfinite(group.first_kw).any() or np.isfinite(group.last_kw).any()
        fast = gives and not capped and reach >= float(spread.max(initial=0.0))
        if group.is_block or fast:
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


def _started(
    model: LinearModel, group: Group, commitment: CommitmentColumns, rows: Ints, where: Ints
) -> None:
    """What a group gives while it starts, in the rows of some intervals."""
    if len(group.starts.power_kw):
        every = np.full(len(commitment.on), -1, dtype=np.int64)
        every[where] = rows
        add_start_power(model, every, group.starts, commitment.start)


def _ramped(
    model: LinearModel,
    group: Group,
    commitment: CommitmentColumns,
    output: OutputColumns,
    rows: Ints,
    where: Ints,
) -> None:
    """What a group can add to its output within the response time, in its range."""
    reach = group.unit.ramp_kw_per_s * RESPONSE_S
    added = model.columns(len(where), 0.0, reach * group.count, 0.0)
    model.entries(rows, added, 1.0)
    left = model.rows(len(where), 0.0, INF)
    model.entries(left, commitment.on[where], (group.max_kw - group.min_kw)[where])
    for columns in output.above:
        model.entries(left, columns[where], -1.0)
    model.entries(left, added, -1.0)
    first = np.isfinite(group.first_kw[where])
    less = (group.max_kw - group.first_kw)[where[first]]
    model.entries(left[first], commitment.start[where[first]], -less)
    last = np.isfinite(group.last_kw[where]) & (where + 1 < len(commitment.on))
    ending = model.rows(int(last.sum()), 0.0, INF)
    model.entries(ending, commitment.on[where[last]], (group.max_kw - group.min_kw)[where[last]])
    for columns in output.above:
        model.entries(ending, columns[where[last]], -1.0)
    model.entries(ending, added[last], -1.0)
    add_stops(model, ending, group, commitment, where[last], factor=-1.0)
    able = model.rows(len(where), 0.0, INF)
    model.entries(able, commitment.on[where], reach)
    model.entries(able, added, -1.0)


def _store_capacity(
    model: LinearModel, store: PlanStore, columns: StoreColumns, rows: Ints, where: Ints
) -> Ints:
    """What a store can come to give, a - q >= 0 or, while it charges with little energy, below.

    a - q <= d - c + lasting power of the energy above the floor. Without the - c, charging and
    discharging at once would look like reserve.
    """
    if not store.gives_reserve:
        model.entries(rows, columns.discharge[where], 1.0)
        model.entries(rows, columns.charge[where], -1.0)
        return columns.discharge[where]
    discharge_kw = np.asarray(store.discharge_kw, dtype=float)[where]
    charge_kw = np.asarray(store.charge_kw, dtype=float)[where]
    lasts = store.discharge_efficiency / HOLD_H
    gap = np.maximum(store.min_energy_kwh - columns.lowest[where], 0.0)
    able = model.columns(len(where), 0.0, discharge_kw, 0.0)
    below = model.columns(len(where), 0.0, charge_kw + lasts * gap, 0.0)
    model.entries(rows, able, 1.0)
    model.entries(rows, below, -1.0)
    # Where the store may be below its floor it counts from there only when it is not.
    unsure = np.isin(where, columns.doubtful)
    least = np.where(unsure, columns.lowest[where], store.min_energy_kwh)
    energy = model.rows(len(where), lasts * least, INF)
    model.entries(energy, columns.energy[where], lasts)
    more = _more(model, columns, energy, able, below, where)
    full = columns.full[np.searchsorted(columns.doubtful, where[unsure])]
    model.entries(energy[unsure], full, -lasts * gap[unsure])
    nothing = model.rows(int(unsure.sum()), 0.0, INF)
    model.entries(nothing, full, (discharge_kw + charge_kw)[unsure])
    for cols, value in more:
        model.entries(nothing, cols[unsure], value)
    return able


def _more(
    model: LinearModel,
    columns: StoreColumns,
    rows: Ints,
    able: Ints,
    below: Ints,
    where: Ints,
) -> list[tuple[Ints, float]]:
    """Put what a store could add to what it gives now, a - q - d + c, negative into rows."""
    terms = [
        (columns.discharge[where], 1.0),
        (columns.charge[where], -1.0),
        (able, -1.0),
        (below, 1.0),
    ]
    for cols, value in terms:
        model.entries(rows, cols, value)
    return terms
