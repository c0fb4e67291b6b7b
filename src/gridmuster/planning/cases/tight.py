"""A case as a mixed-integer model: whole numbers of units on, started and stopped in each group.

Every row is the sum of what holds for each unit of the group, so that the relaxation bounds the
case from below however many units a group has; for a group of one it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.cases.case import Case, Group, Thermal
from gridmuster.planning.cases.tables import pieces_of
from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays, LinearModel


@dataclass(frozen=True, slots=True)
class GroupColumns:
    """Numbers of a group's columns, one an hour: on, start, stop, power above least, reserve."""

    on: Ints
    start: Ints
    stop: Ints
    above: Ints
    reserve: Ints


@dataclass(frozen=True, slots=True)
class TightModel:
    """The model, and where its columns are.

    Args:
        arrays: the model.
        groups: columns of each group of the case.
        renewable: columns of each renewable, one an hour.
    """

    arrays: LinearArrays
    groups: tuple[GroupColumns, ...]
    renewable: tuple[Ints, ...]


def build(case: Case, *, fleet_rows: bool = False) -> TightModel:
    """The model of a case.

    Args:
        case: the case.
        fleet_rows: whether to add what follows for the whole fleet, for the sake of cuts.
    """
    model = LinearModel()
    hours = case.hours
    demand, reserve = np.array(case.demand_mw), np.array(case.reserve_mw)
    balance = model.rows(hours, demand, demand)
    spinning = model.rows(hours, reserve, INF)
    made = [
        add_group(model, group, (balance, spinning), *allowed(group.unit, group.count, hours))
        for group in case.thermal
    ]
    sources = []
    for source in case.renewable:
        power = model.columns(hours, np.array(source.min_mw), np.array(source.max_mw), 0.0)
        model.entries(balance, power, 1.0)
        sources.append(power)
    if fleet_rows:
        _fleet(model, case, made)
    return TightModel(model.freeze(), tuple(made), tuple(sources))


def _fleet(model: LinearModel, case: Case, made: list[GroupColumns]) -> None:
    """Rows on who is on alone: enough for demand with reserve, and not too much for demand.

    They follow from the others; a solver finds cover cuts in them that it cannot in single rows.
    """
    hours = case.hours
    demand, reserve = np.array(case.demand_mw), np.array(case.reserve_mw)
    nothing = np.zeros(hours)
    most = sum((np.array(source.max_mw) for source in case.renewable), nothing)
    least = sum((np.array(source.min_mw) for source in case.renewable), nothing)
    enough = model.rows(hours, demand + reserve - most, INF)
    reached = model.rows(hours, demand + reserve - most, INF)
    low = model.rows(hours, -INF, demand - least)
    for group, columns in zip(case.thermal, made, strict=True):
        unit = group.unit
        model.entries(enough, columns.on, unit.max_mw)
        model.entries(reached, columns.on, unit.max_mw)
        model.entries(reached, columns.start, -max(unit.max_mw - unit.ramp_start_mw, 0.0))
        if unit.up_h >= 2:
            stopping = max(unit.max_mw - unit.ramp_stop_mw, 0.0)
            model.entries(reached[:-1], columns.stop[1:], -stopping)
        model.entries(low, columns.on, unit.min_mw)


def allowed(unit: Thermal, count: int, hours: int) -> tuple[Floats, Floats]:
    """Fewest and most of so many alike units that may be on, by hour, from what came before."""
    lowest, highest = np.zeros(hours), np.full(hours, float(count))
    if unit.must_run:
        lowest[:] = count
    left = (unit.up_h if unit.on_before else unit.down_h) - unit.hours_before
    held = max(min(left, hours), 0)
    (lowest if unit.on_before else highest)[:held] = count if unit.on_before else 0.0
    return lowest, highest


def add_group(
    model: LinearModel, group: Group, shared: tuple[Ints, Ints], lowest: Floats, highest: Floats
) -> GroupColumns:
    """Add a group to a model.

    Args:
        model: the model.
        group: the units.
        shared: rows of demand and of reserve, one an hour.
        lowest, highest: fewest and most that may be on, by hour.
    """
    columns = _columns(model, group, lowest, highest)
    model.entries(shared[0], columns.on, group.unit.min_mw)
    model.entries(shared[0], columns.above, 1.0)
    model.entries(shared[1], columns.reserve, 1.0)
    _times(model, group, columns)
    _capacity(model, group, columns)
    _ramps(model, group, columns)
    _matches(model, group, columns, lowest, highest)
    _production(model, group, columns)
    return columns


def _columns(model: LinearModel, group: Group, lowest: Floats, highest: Floats) -> GroupColumns:
    unit, count, hours = group.unit, group.count, len(lowest)
    stops = np.full(hours, float(count))
    if unit.on_before and unit.power_before_mw > unit.ramp_stop_mw:
        stops[0] = 0.0
    base = pieces_of(unit).base
    on = model.columns(hours, lowest, highest, base, integer=True)
    before = float(count if unit.on_before else 0)
    # Nobody starts that has been on, nor stops that stays on.
    rise = np.minimum(count - np.concatenate([[before], lowest[:-1]]), highest)
    fall = np.minimum(count - lowest, np.concatenate([[before], highest[:-1]]))
    start = model.columns(hours, 0.0, rise, unit.starts[-1].cost, integer=True)
    stop = model.columns(hours, 0.0, np.minimum(stops, fall), 0.0, integer=True)
    span = (unit.max_mw - unit.min_mw) * highest
    above = model.columns(hours, 0.0, span, 0.0)
    reserve = model.columns(hours, 0.0, span, 0.0)
    return GroupColumns(on, start, stop, above, reserve)


def _times(model: LinearModel, group: Group, columns: GroupColumns) -> None:
    """State equation and minimum times (Rajan and Takriti, IBM RC23628, 2005)."""
    unit, count, hours = group.unit, group.count, len(columns.on)
    before = np.zeros(hours)
    before[0] = count if unit.on_before else 0.0
    state = model.rows(hours, before, before)
    model.entries(state, columns.on, 1.0)
    model.entries(state[1:], columns.on[:-1], -1.0)
    model.entries(state, columns.start, -1.0)
    model.entries(state, columns.stop, 1.0)
    up = model.rows(hours, 0.0, INF)
    model.entries(up, columns.on, 1.0)
    for back in range(min(unit.up_h, hours)):
        model.entries(up[back:], columns.start[: hours - back], -1.0)
    down = model.rows(hours, -INF, float(count))
    model.entries(down, columns.on, 1.0)
    for back in range(min(unit.down_h, hours)):
        model.entries(down[back:], columns.stop[: hours - back], 1.0)


def _capacity(model: LinearModel, group: Group, columns: GroupColumns) -> None:
    """Power and reserve below the most, less where a unit has just started or is about to stop.

    Some hours after a start a unit is still on its way up, some hours before a stop on its way
    down; minimum time on lets these limits be taken together (Knueven, Ostrowski and Watson,
    INFORMS J. Computing 32(4), 2020, section 4.2).
    """
    unit, hours = group.unit, len(columns.on)
    rising = _path(unit.max_mw - unit.ramp_start_mw, unit.ramp_up_mw)
    falling = _path(unit.max_mw - unit.ramp_stop_mw, unit.ramp_down_mw)
    if unit.up_h >= 2:
        _below(model, group, columns, rising[: unit.up_h - 1], falling[:1], reserve=True)
    else:
        # On for a single hour both limits meet the same unit: the lower one counts, once.
        first, last = (rising or [0.0])[0], (falling or [0.0])[0]
        _below(model, group, columns, [first], [max(last - first, 0.0)], reserve=True)
        if last > 0.0:
            _below(model, group, columns, [max(first - last, 0.0)], [last], reserve=True)
    if len(rising) >= unit.up_h >= 2:
        _below(model, group, columns, rising[: min(unit.up_h, hours)], [], reserve=True)
    if len(falling) >= 2 and unit.up_h >= 2:
        _below(model, group, columns, rising[:1], falling[: unit.up_h - 1], reserve=False)


def _path(missing_mw: float, ramp_mw: float) -> list[float]:
    """What a unit that ramps lacks of its most, hour by hour, until it lacks nothing, MW."""
    found: list[float] = []
    while missing_mw > 0.0:
        found.append(missing_mw)
        if ramp_mw <= 0.0:
            break
        missing_mw -= ramp_mw
    return found


def _below(
    model: LinearModel,
    group: Group,
    columns: GroupColumns,
    after_start: list[float],
    before_stop: list[float],
    *,
    reserve: bool,
) -> None:
    """Rows ``above (+ reserve) <= span on - after_start . starts - before_stop . stops``."""
    hours = len(columns.on)
    rows = model.rows(hours, 0.0, INF)
    model.entries(rows, columns.on, group.unit.max_mw - group.unit.min_mw)
    for back, missing_mw in enumerate(after_start[:hours]):
        model.entries(rows[back:], columns.start[: hours - back], -missing_mw)
    for ahead, missing_mw in enumerate(before_stop[: hours - 1], start=1):
        model.entries(rows[: hours - ahead], columns.stop[ahead:], -missing_mw)
    model.entries(rows, columns.above, -1.0)
    if reserve:
        model.entries(rows, columns.reserve, -1.0)


def _ramps(model: LinearModel, group: Group, columns: GroupColumns) -> None:
    """Rise, with reserve, and fall of power above the least from hour to hour.

    A unit on before and after moves by its ramp, one that starts or stops by what its start or
    stop allows: ``u - v`` is on in both hours.
    """
    unit, count, hours = group.unit, group.count, len(columns.on)
    span = unit.max_mw - unit.min_mw
    on_before = count if unit.on_before else 0
    before = (unit.power_before_mw - unit.min_mw) * on_before
    limit = np.zeros(hours)
    limit[0] = before
    if unit.ramp_up_mw < span:
        rows = model.rows(hours, -INF, limit)
        model.entries(rows, columns.above, 1.0)
        model.entries(rows, columns.reserve, 1.0)
        model.entries(rows[1:], columns.above[:-1], -1.0)
        model.entries(rows, columns.on, -unit.ramp_up_mw)
        starting = min(max(unit.ramp_start_mw - unit.min_mw, 0.0), unit.ramp_up_mw)
        model.entries(rows, columns.start, unit.ramp_up_mw - starting)
    if unit.ramp_down_mw < span:
        rows = model.rows(hours, -INF, -limit)
        model.entries(rows, columns.above, -1.0)
        model.entries(rows[1:], columns.above[:-1], 1.0)
        model.entries(rows, columns.on, -unit.ramp_down_mw)
        model.entries(rows, columns.start, unit.ramp_down_mw)
        stopping = min(max(unit.ramp_stop_mw - unit.min_mw, 0.0), unit.ramp_down_mw)
        model.entries(rows, columns.stop, -stopping)


def _matches(
    model: LinearModel, group: Group, columns: GroupColumns, lowest: Floats, highest: Floats
) -> None:
    """What starts cost by hours off.

    A start is paid as cold unless it is matched with the stop that it follows closely enough to be
    hotter; each stop is matched once (Knueven, Ostrowski and Watson, "A novel matching
    formulation for startup costs in unit commitment", Math. Programming Computation 12, 2020).
    Where nothing can start or stop nothing is matched.
    """
    unit, count, hours = group.unit, group.count, len(columns.on)
    coldest = unit.starts[-1]
    if len(unit.starts) == 1:
        return
    before = float(count if unit.on_before else 0)
    some = np.concatenate([[before], highest[:-1]]) > 0.0
    not_all = np.concatenate([[before], lowest[:-1]]) < count
    starts, stops = (highest > 0.0) & not_all, (lowest < count) & some
    after = model.rows(hours, 0.0, INF)
    model.entries(after, columns.start, 1.0)
    since = model.rows(hours, 0.0, INF)
    model.entries(since, columns.stop, 1.0)
    for lag_h in range(unit.down_h, min(coldest.lag_h, hours)):
        saved = coldest.cost - unit.start_cost(lag_h)
        at = np.flatnonzero(starts[lag_h:] & stops[: hours - lag_h])
        if saved > 0.0 and len(at):
            matched = model.columns(len(at), 0.0, float(count), -saved)
            model.entries(after[at + lag_h], matched, -1.0)
            model.entries(since[at], matched, -1.0)
    if unit.on_before:
        return
    first = model.rows(1, -INF, float(count))
    for hour in range(min(coldest.lag_h - unit.hours_before, hours)):
        saved = coldest.cost - unit.start_cost(unit.hours_before + hour)
        if saved > 0.0 and starts[hour]:
            matched = model.columns(1, 0.0, float(count), -saved)
            model.entries(after[hour : hour + 1], matched, -1.0)
            model.entries(first, matched, 1.0)


def _production(model: LinearModel, group: Group, columns: GroupColumns) -> None:
    """Power above the least in pieces of rising cost, each only as wide as the units on."""
    unit, count, hours = group.unit, group.count, len(columns.on)
    total = model.rows(hours, 0.0, 0.0)
    model.entries(total, columns.above, -1.0)
    high_mw = unit.min_mw
    for width, rate in pieces_of(unit).parts:
        high_mw += width
        part = model.columns(hours, 0.0, width * count, rate)
        model.entries(total, part, 1.0)
        # Above what a start or stop allows nothing can be given in that hour (Knueven, Ostrowski
        # and Watson, INFORMS J. Computing 32(4), 2020, section 4.3).
        first = min(max(high_mw - unit.ramp_start_mw, 0.0), width)
        last = min(max(high_mw - unit.ramp_stop_mw, 0.0), width)
        ends = [(first, last)] if unit.up_h >= 2 else [(first, 0.0), (0.0, last)]
        if first == last == 0.0:
            ends = ends[:1]
        for at_start, at_stop in ends:
            rows = model.rows(hours, 0.0, INF)
            model.entries(rows, columns.on, width)
            model.entries(rows, columns.start, -at_start)
            model.entries(rows[:-1], columns.stop[1:], -at_stop)
            model.entries(rows, part, -1.0)
