"""Plans as classes of units that go alike: opened for a search, and dispatched exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.planning.cases import hour_kernels, kernels
from gridmuster.planning.cases.case import Schedule, Thermal
from gridmuster.planning.cases.partial import Classes, Held, Open, Partial, caps_of, partial
from gridmuster.planning.cases.prices import Mix, Pricing
from gridmuster.planning.cases.tight import allowed
from gridmuster.planning.highs import relaxed
from gridmuster.planning.linear import Floats, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Limits:
    """Fewest and most of one unit of each group that may be on, ``(groups, hours)``."""

    low: Floats
    high: Floats


def limits_of(pricing: Pricing) -> Limits:
    """What each unit may be from what came before."""
    case = pricing.case
    both = [allowed(group.unit, 1, case.hours) for group in case.thermal]
    shape = (len(both), case.hours)
    return Limits(
        np.array([low for low, _ in both]).reshape(shape),
        np.array([high for _, high in both]).reshape(shape),
    )


def opened(pricing: Pricing, limits: Limits, plan: Classes, mask: Mask) -> tuple[Classes, Open]:
    """Open some hours of some groups of a plan.

    Args:
        pricing: the case.
        limits: of `limits_of`.
        plan: the plan.
        mask: ``(groups, hours)`` what is opened; classes of several ramping units stay as they are.

    Returns:
        What stays decided, and what is open.
    """
    free = np.array([group.unit.free for group in pricing.case.thermal], dtype=bool)
    some = np.asarray(mask.any(axis=1), dtype=bool)
    touched = some[plan.group] & (free[plan.group] | (plan.count == 1.0))
    kept = Classes(plan.group[~touched], plan.on[~touched], plan.count[~touched])
    sets: list[tuple[int, int, Floats]] = []
    for group in dict.fromkeys(plan.group[touched].tolist()):
        rows = np.flatnonzero(touched & (plan.group == group))
        if free[group]:
            number = int(plan.count[rows].sum())
            sets.append((group, number, plan.count[rows] @ plan.on[rows]))
        else:
            sets.extend((group, 1, plan.on[row].astype(float)) for row in rows.tolist())
    which = np.array([group for group, _, _ in sets], dtype=np.int64)
    count = np.array([number for _, number, _ in sets], dtype=np.int64)
    on = np.array([row for _, _, row in sets]).reshape(len(sets), pricing.case.hours)
    lowest, highest = limits.low[which] * count[:, None], limits.high[which] * count[:, None]
    low, high = np.where(mask[which], lowest, on), np.where(mask[which], highest, on)
    return kept, Open(which, count, low, high)


def rounded(pricing: Pricing, limits: Limits, mix: Mix, mask: Mask) -> tuple[Classes, Open]:
    """Whole units of a mixture, and the rest of each group open where its schedules differ.

    Args:
        pricing: the case.
        limits: of `limits_of`.
        mix: a mixture of schedules.
        mask: ``(groups, hours)`` where the rest is open in any case.
    """
    case = pricing.case
    weight: dict[tuple[int, bytes], float] = {}
    for group, on, share in zip(mix.group.tolist(), mix.on, mix.weight.tolist(), strict=True):
        key = (group, on.astype(np.int8).tobytes())
        weight[key] = weight.get(key, 0.0) + share
    whole = {key: float(np.floor(share + 1e-6)) for key, share in weight.items()}
    left = pricing.units.count.copy()
    broken = np.zeros(mask.shape)
    for (group, row), share in weight.items():
        left[group] -= whole[group, row]
        broken[group] += (share - whole[group, row]) * np.frombuffer(row, dtype=np.int8)
    decided = [(key, count) for key, count in whole.items() if count > 0.0]
    classes = Classes(
        np.array([group for (group, _), _ in decided], dtype=np.int64),
        np.array(
            [np.frombuffer(on, dtype=np.int8) for (_, on), _ in decided], dtype=np.int64
        ).reshape(len(decided), case.hours),
        np.array([count for _, count in decided]),
    )
    sets: list[tuple[int, int]] = []
    for group in np.flatnonzero(left > 0.5).tolist():
        number = round(float(left[group]))
        free = case.thermal[group].unit.free
        sets.extend([(group, number)] if free else [(group, 1)] * number)
    which = np.array([group for group, _ in sets], dtype=np.int64)
    count = np.array([number for _, number in sets], dtype=np.int64)
    # A ramping group's units are open one by one: each where the group's schedules differ.
    part = np.where(
        np.array([pricing.case.thermal[g].unit.free for g in which], dtype=bool),
        1.0,
        count / np.maximum(left[which], 1.0),
    )[:, None]
    on, wide = broken[which] * part, mask[which]
    lowest, highest = limits.low[which] * count[:, None], limits.high[which] * count[:, None]
    low = np.where(wide, lowest, np.maximum(np.floor(on + 1e-6), lowest))
    high = np.where(wide, highest, np.minimum(np.ceil(on - 1e-6), highest))
    return classes, Open(which, count, low, high)


def joined(
    pricing: Pricing, classes: Classes, model: Partial, opening: Open, values: Floats
) -> Classes:
    """A plan of all units from a solution of what was open.

    Args:
        pricing: the case.
        classes: what was decided.
        model: what was solved.
        opening: what was open in it.
        values: its solution.
    """
    found: dict[tuple[int, bytes], float] = {}
    rows = zip(classes.group.tolist(), classes.on, classes.count.tolist(), strict=True)
    opening_rows = zip(
        opening.group.tolist(), opening.count.tolist(), model.on(values), strict=True
    )
    for group, on, count in rows:
        key = (group, on.astype(np.int8).tobytes())
        found[key] = found.get(key, 0.0) + count
    for group, number, on in opening_rows:
        for row in assigned(pricing.case.thermal[group].unit, number, on):
            key = (group, row.astype(np.int8).tobytes())
            found[key] = found.get(key, 0.0) + 1.0
    on = np.array([np.frombuffer(row, dtype=np.int8) for _, row in found], dtype=np.int64)
    return Classes(
        np.array([group for group, _ in found], dtype=np.int64),
        on.reshape(len(found), pricing.case.hours),
        np.array(list(found.values())),
    )


def assigned(unit: Thermal, count: int, on: Ints) -> Ints:
    """Who of alike units is on: the longest on stops first, the last to stop starts first.

    Stopping the longest on keeps every minimum time on that the sums keep; of those that may
    start, the one off for the shortest time starts hottest.

    Args:
        unit: any of them.
        count: how many there are.
        on: how many are on, by hour.

    Returns:
        ``(count, hours)`` on or off.
    """
    rows = np.zeros((count, len(on)), dtype=np.int64)
    if count == 1:
        rows[0] = on
        return rows
    since = np.full(count, -unit.hours_before)
    running = np.full(count, unit.on_before)
    for hour, wanted in enumerate(on.tolist()):
        over = int(running.sum()) - wanted
        if over > 0:
            up = np.flatnonzero(running)
            stopped = up[np.argsort(since[up], kind="stable")[:over]]
            running[stopped], since[stopped] = False, hour
        elif over < 0:
            ready = np.flatnonzero(~running & (hour - since >= unit.down_h))
            begun = ready[np.argsort(-since[ready], kind="stable")[:-over]]
            running[begun], since[begun] = True, hour
        rows[:, hour] = running
    return rows


def starts_cost(pricing: Pricing, plan: Classes) -> float:
    """What starts and least power of a plan cost."""
    units = pricing.units
    longest = units.start.shape[1] - 1
    total = float((units.limit[plan.group, hour_kernels.BASE] * plan.count) @ plan.on.sum(axis=1))
    state = units.times[plan.group, kernels.ON_BEFORE].copy()
    been = units.times[plan.group, kernels.HOURS_BEFORE].copy()
    for hour in range(plan.on.shape[1]):
        now = plan.on[:, hour]
        begun = (now == 1) & (state == 0)
        cost = units.start[plan.group[begun], np.minimum(been[begun], longest)]
        total += float(cost @ plan.count[begun])
        been = np.where(now == state, been + 1, 1)
        state = now
    return total


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Power of a plan, and what it costs in the model.

    Args:
        plan: the plan.
        power: ``(classes, hours)`` of one unit, total, MW.
        free: by hour, of sun and wind together, MW.
        cost: of fuel and starts.
    """

    plan: Classes
    power: Floats
    free: Floats
    cost: float


def dispatched(pricing: Pricing, plan: Classes, time_limit_s: float) -> Dispatch | None:
    """Cheapest power of a plan; None when it cannot meet demand and reserve, or time is out.

    Args:
        pricing: the case.
        plan: the plan.
        time_limit_s: most wall time, s.
    """
    none = np.zeros((0, pricing.case.hours))
    nobody = np.zeros(0, dtype=np.int64)
    model = partial(pricing, plan, Open(nobody, nobody, none, none), alike=0.0)
    point = relaxed(model.arrays, 1, time_limit_s)
    if point is None:
        return None
    free = point.values[model.free]
    power = _powers(pricing, plan, model, point.values, free)
    return Dispatch(plan, power, free, point.objective + starts_cost(pricing, plan))


def _powers(
    pricing: Pricing, plan: Classes, model: Partial, values: Floats, free: Floats
) -> Floats:
    """Power of one unit of each class; the supply curve fills exactly what is left of demand."""
    least = pricing.units.limit[plan.group, hour_kernels.LEAST : hour_kernels.LEAST + 1]
    above = np.zeros(plan.on.shape)
    for held in model.held:
        above[held.row] = _each(held, values, plan)
    plain = model.plain
    fixed = (plan.count @ (plan.on * least)) + plan.count @ above
    above[plain] = _filled(pricing, plan, plain, pricing.demand - fixed - free)
    return np.where(plan.on > 0, above + least, 0.0)


def _each(held: Held, values: Floats, plan: Classes) -> Floats:
    return np.where(plan.on[held.row] > 0, values[held.above] / plan.count[held.row], 0.0)


def _filled(pricing: Pricing, plan: Classes, plain: Ints, wanted: Floats) -> Floats:
    """Share what is wanted by hour among classes that do not ramp, cheapest pieces first."""
    group = plan.group[plain]
    width, rate = pricing.units.pieces[group, 0], pricing.units.pieces[group, 1]
    cap = caps_of(pricing, Classes(group, plan.on[plain], plan.count[plain])).power
    below = np.cumsum(width, axis=1) - width
    sizes = np.clip(cap[:, None, :] - below[:, :, None], 0.0, width[:, :, None])
    total = (sizes * plan.count[plain, None, None]).reshape(-1, len(wanted))
    order = np.argsort(rate.ravel(), kind="stable")
    reach = np.cumsum(total[order], axis=0)
    given = np.empty_like(total)
    given[order] = np.clip(wanted - (reach - total[order]), 0.0, total[order])
    each: Floats = given.reshape(sizes.shape).sum(axis=1) / plan.count[plain, None]
    return each


def schedule_of(pricing: Pricing, found: Dispatch) -> Schedule:
    """A schedule by name; units of a class share their rows."""
    case, plan = pricing.case, found.plan
    names = [iter(group.names) for group in case.thermal]
    commitment: dict[str, list[int]] = {}
    power: dict[str, list[float]] = {}
    for row, (group, count) in enumerate(
        zip(plan.group.tolist(), plan.count.tolist(), strict=True)
    ):
        on_row, power_row = plan.on[row].tolist(), found.power[row].tolist()
        for _ in range(round(count)):
            name = next(names[group])
            commitment[name], power[name] = on_row, power_row
    return Schedule(commitment, power, dict(_renewable(pricing, found.free)))


def _renewable(pricing: Pricing, free: Floats) -> Iterator[tuple[str, list[float]]]:
    """Share curtailment: every source gives the same share of what it may."""
    room = pricing.free_high - pricing.free_low
    share = np.where(room > 0.0, (free - pricing.free_low) / np.maximum(room, 1e-12), 0.0)
    share = np.clip(share, 0.0, 1.0)
    for source in pricing.case.renewable:
        low, high = np.array(source.min_mw), np.array(source.max_mw)
        yield source.name, (low + share * (high - low)).tolist()
