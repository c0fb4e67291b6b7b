"""A case with most of its units decided: small models of what is left, and exact dispatch.

Units whose commitment is decided and whose ramps cannot bind are one supply curve in each hour;
only those that are open, or that ramp, are rows of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.cases import hour_kernels, kernels
from gridmuster.planning.cases.case import Group
from gridmuster.planning.cases.prices import Pricing
from gridmuster.planning.cases.tight import GroupColumns, add_group
from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays, LinearModel

#: Offers of decided units whose rates differ by less than this are one, while searching.
ALIKE = 4e-3


@dataclass(frozen=True, slots=True)
class Classes:
    """Units that are decided alike.

    Args:
        group: the group of each class.
        on: ``(classes, hours)`` on or off.
        count: units in each class.
    """

    group: Ints
    on: Ints
    count: Floats


@dataclass(frozen=True, slots=True)
class Open:
    """Units that are not decided.

    Args:
        group: the group of each set of units.
        count: units in each; more than one only where no ramp can bind.
        low, high: ``(sets, hours)`` fewest and most on.
    """

    group: Ints
    count: Ints
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Caps:
    """Most power above the least of each decided class and hour, for one unit, MW.

    Args:
        power: of power alone.
        room: of power with reserve.
    """

    power: Floats
    room: Floats


def caps_of(pricing: Pricing, classes: Classes) -> Caps:
    """What each decided unit may give and hold in each hour."""
    limit = pricing.units.limit[classes.group]
    on = classes.on > 0
    before = pricing.units.times[classes.group, kernels.ON_BEFORE] == 1
    was_on = np.concatenate([before[:, None], on[:, :-1]], axis=1)
    goes_on = np.concatenate([on[:, 1:], np.ones((len(on), 1), dtype=bool)], axis=1)
    room = np.where(on, limit[:, hour_kernels.SPAN : hour_kernels.SPAN + 1], 0.0)
    first = limit[:, hour_kernels.FIRST : hour_kernels.FIRST + 1]
    last = limit[:, hour_kernels.LAST : hour_kernels.LAST + 1]
    room = np.where(on & ~was_on, np.minimum(room, first), room)
    room = np.where(on & ~goes_on, np.minimum(room, last), room)
    top = limit[:, hour_kernels.LAST_TOP : hour_kernels.LAST_TOP + 1]
    return Caps(np.where(on & ~goes_on, np.minimum(room, top), room), room)


@dataclass(frozen=True, slots=True)
class Held:
    """Columns of a decided class that ramps, for all its units; only hours on mean anything."""

    row: int
    above: Ints
    reserve: Ints


@dataclass(frozen=True, slots=True)
class Partial:
    """A model of what is left to decide.

    Args:
        arrays: the model.
        opened: columns of each open set.
        held: columns of each decided class that ramps.
        plain: rows of the classes in the supply curve.
        supply: ``(offers, hours)`` columns of the curve, cheapest first.
        free: columns of sun and wind, one an hour.
    """

    arrays: LinearArrays
    opened: tuple[GroupColumns, ...]
    held: tuple[Held, ...]
    plain: Ints
    supply: Ints
    free: Ints

    def on(self, values: Floats) -> Ints:
        """How many of each open set are on, by hour."""
        rows = [np.round(values[columns.on]).astype(np.int64) for columns in self.opened]
        return np.array(rows, dtype=np.int64).reshape(len(rows), -1)


def partial(pricing: Pricing, classes: Classes, opened: Open, alike: float = ALIKE) -> Partial:
    """Model what is open, dispatched together with what is decided.

    Args:
        pricing: the case.
        classes: decided units.
        opened: the others.
        alike: rates that differ by less, relative to each other, become one offer.
    """
    case, units = pricing.case, pricing.units
    hours = case.hours
    model = LinearModel()
    caps = caps_of(pricing, classes)
    least = units.limit[classes.group, hour_kernels.LEAST] * classes.count
    given = least @ (classes.on > 0)
    demand = pricing.demand - given
    ramped = units.times[classes.group, kernels.RAMPED] == 1
    plain = np.flatnonzero(~ramped)
    spare = (caps.room[plain] * classes.count[plain, None]).sum(axis=0)
    balance = model.rows(hours, demand, demand)
    spinning = model.rows(hours, pricing.reserve - spare, INF)
    free = model.columns(hours, pricing.free_low, pricing.free_high, 0.0)
    model.entries(balance, free, 1.0)
    supply = _supply(
        model, pricing, (balance, spinning), _offers(pricing, classes, caps, plain, alike)
    )
    held = tuple(
        _held(model, pricing, classes, caps, int(row), (balance, spinning))
        for row in np.flatnonzero(ramped)
        if classes.on[row].any()
    )
    groups = case.thermal
    made = tuple(
        add_group(
            model,
            Group(groups[g].unit, groups[g].names[:count]),
            (balance, spinning),
            low,
            high,
        )
        for g, count, low, high in zip(
            opened.group.tolist(), opened.count.tolist(), opened.low, opened.high, strict=True
        )
    )
    return Partial(model.freeze(), made, held, plain, supply, free)


def _offers(
    pricing: Pricing, classes: Classes, caps: Caps, plain: Ints, alike: float
) -> tuple[Floats, Floats]:
    """Rate and width, by offer and hour, of decided units that do not ramp, cheapest first."""
    units = pricing.units
    group = classes.group[plain]
    width, rate = units.pieces[group, 0], units.pieces[group, 1]
    count = classes.count[plain, None]
    below = np.cumsum(width, axis=1) - width
    cap = caps.power[plain]
    widths = [
        np.clip(cap - below[:, k : k + 1], 0.0, width[:, k : k + 1]) * count
        for k in range(width.shape[1])
    ]
    if not len(plain):
        return np.zeros((0, pricing.case.hours)), np.zeros((0, pricing.case.hours))
    rates, each = rate.T.ravel(), np.concatenate(widths)
    used = each.any(axis=1)
    rates, each = rates[used], each[used]
    order = np.argsort(rates, kind="stable")
    rates, each = rates[order], each[order]
    if not len(rates):
        return np.zeros((0, pricing.case.hours)), each
    gaps = np.diff(rates) > alike * np.maximum(np.abs(rates[1:]), 1e-12)
    if alike > 0.0:
        # Bins of one relative width, so that many small steps do not run together.
        scale = np.sign(rates) * np.log1p(np.abs(rates) / 1e-6)
        gaps = np.diff(np.floor(scale / alike)) > 0
    first = np.concatenate([[0], np.flatnonzero(gaps) + 1])
    total = np.add.reduceat(each, first, axis=0)
    spent = np.add.reduceat(each * rates[:, None], first, axis=0)
    return np.where(total > 0.0, spent / np.maximum(total, 1e-12), 0.0), total


def _supply(
    model: LinearModel, pricing: Pricing, shared: tuple[Ints, Ints], offers: tuple[Floats, Floats]
) -> Ints:
    rate, width = offers
    hours = pricing.case.hours
    columns = model.columns(rate.size, 0.0, width.ravel(), rate.ravel()).reshape(-1, hours)
    model.entries(shared[0], columns, 1.0)
    model.entries(shared[1], columns, -1.0)
    return columns


def _held(
    model: LinearModel,
    pricing: Pricing,
    classes: Classes,
    caps: Caps,
    row: int,
    shared: tuple[Ints, Ints],
) -> Held:
    """A decided class that ramps: all its units go alike, which costs least."""
    hours = pricing.case.hours
    group, count = int(classes.group[row]), float(classes.count[row])
    limit, pieces = pricing.units.limit[group], pricing.units.pieces[group]
    on = classes.on[row] > 0
    above = model.columns(hours, 0.0, caps.power[row] * count, 0.0)
    reserve = model.columns(hours, 0.0, caps.room[row] * count, 0.0)
    model.entries(shared[0], above, 1.0)
    model.entries(shared[1], reserve, 1.0)
    room = model.rows(hours, -INF, caps.room[row] * count)
    model.entries(room, above, 1.0)
    model.entries(room, reserve, 1.0)
    total = model.rows(hours, 0.0, 0.0)
    model.entries(total, above, -1.0)
    for width, rate in zip(pieces[0].tolist(), pieces[1].tolist(), strict=True):
        if width > 0.0:
            part = model.columns(hours, 0.0, np.where(on, width * count, 0.0), rate)
            model.entries(total, part, 1.0)
    both = np.flatnonzero(on[1:] & on[:-1]) + 1
    rise = model.rows(len(both), -INF, limit[hour_kernels.UP] * count)
    model.entries(rise, above[both], 1.0)
    model.entries(rise, reserve[both], 1.0)
    model.entries(rise, above[both - 1], -1.0)
    fall = model.rows(len(both), -INF, limit[hour_kernels.DOWN] * count)
    model.entries(fall, above[both], -1.0)
    model.entries(fall, above[both - 1], 1.0)
    if on[0] and pricing.units.times[group, kernels.ON_BEFORE] == 1:
        before = limit[hour_kernels.BEFORE] * count
        rise = model.rows(1, -INF, before + limit[hour_kernels.UP] * count)
        model.entries(rise, above[:1], 1.0)
        model.entries(rise, reserve[:1], 1.0)
        fall = model.rows(1, before - limit[hour_kernels.DOWN] * count, INF)
        model.entries(fall, above[:1], 1.0)
    return Held(row, above, reserve)
