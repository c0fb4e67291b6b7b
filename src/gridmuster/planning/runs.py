"""Runs of one unit against the plan's prices: the one it is in, and the best it could make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.linear import Floats
from gridmuster.planning.merit import TINY, energy_usd_per_h
from gridmuster.planning.objectives import UnitCosts
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanUnit
from gridmuster.planning.reasons import Run
from gridmuster.planning.starting import start_usd as starts_usd
from gridmuster.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Best:
    """A unit's best output at given prices, kW, and what an hour of it costs and leaves, USD."""

    output_kw: Floats
    cost_usd_per_h: Floats
    margin_usd_per_h: Floats
    price_usd_per_kwh: Floats


def best_output(unit: PlanUnit, costs: UnitCosts, group: Group, price: Floats) -> Best:
    """The output that earns most in each interval, the unit being on.

    Costs are convex, so that the best output is where the next segment costs more than the price.
    Where the unit may not run the margin is minus infinity.
    """
    count = len(price)
    output, cost = np.zeros(count), np.zeros(count)
    edges = np.cumsum(np.asarray(unit.segment_kw, dtype=float))
    for t in range(count):
        low, high = float(group.min_kw[t]), float(group.max_kw[t])
        worth = costs.segment_usd_per_kwh <= price[t]
        wanted = 0.0 if not worth.any() else float(edges[np.flatnonzero(worth)[-1]])
        if worth.size and worth[-1]:
            wanted = high
        output[t] = min(max(wanted, low), high)
        cost[t] = costs.hourly_usd + energy_usd_per_h(unit, costs.segment_usd_per_kwh, output[t])
    margin = np.where(group.allowed, price * output - cost, -np.inf)
    return Best(output, cost, margin, price)


def span(on: Floats, t: int) -> tuple[int, int]:
    """First interval and end (not included) of the stretch around t in which ``on`` is the same."""
    first = end = t
    while first > 0 and on[first - 1] == on[t]:
        first -= 1
    while end < len(on) and on[end] == on[t]:
        end += 1
    return first, end


@dataclass(frozen=True, slots=True)
class Gap:
    """Intervals ``first`` to ``end`` off, and whether the unit is on before and after them."""

    first: int
    end: int
    on_before: bool
    on_after: bool
    count: int


def best_run(
    gap: Gap, best: Best, group: Group, t: int, step_h: float, *, resting: bool
) -> Run | None:
    """The run through an interval that would leave most at the plan's prices, the unit being off.

    A run that touches the one before or after it saves a start, or has none of its own; one that
    does not makes the next start warmer. Ramps and budgets are not looked at: with them it could
    only leave less.

    Args:
        gap: the stretch in which the unit is off.
        best: its best output in each interval.
        group: its limits; ``up``, ``down`` and ``held_off`` count.
        t: the interval.
        step_h: length of an interval, h.
        resting: whether least times off count as well, or only least times on.
    """
    held = int(group.held_off.sum()) if resting else 0
    down = group.down if resting else 0
    total = np.concatenate(([0.0], np.cumsum(best.margin_usd_per_h))) * step_h
    found: Run | None = None
    for first in range(gap.first, t + 1):
        touches = first == gap.first and gap.on_before
        if first < held or (gap.on_before and not touches and first - gap.first < down):
            continue
        if not np.isfinite(best.margin_usd_per_h[first : t + 1]).all():
            continue
        for end in range(t + 1, gap.end + 1):
            if not np.isfinite(best.margin_usd_per_h[end - 1]):
                break
            meets = end == gap.end and gap.on_after
            if gap.on_after and not meets and gap.end - end < down:
                continue
            free = touches or meets or end == gap.count
            if end - first < group.up and not free:
                continue
            start_usd = _starts_usd(gap, group, first, end)
            margin = _sum(best.margin_usd_per_h, total, first, end, step_h) - start_usd
            margin += 0.0 if touches else _given_usd(gap, best, group, first, step_h)
            if found is None or margin > found.margin_usd + 1e-9:
                energy = float(best.output_kw[first:end].sum()) * step_h
                cost = float(best.cost_usd_per_h[first:end].sum()) * step_h + start_usd
                found = Run(first, end, energy, cost, start_usd, margin)
    return found


def _starts_usd(gap: Gap, group: Group, first: int, end: int) -> float:
    """What a run in a gap adds to the cost of starts: its own, less what it spares the next."""
    since = gap.first if gap.on_before else -1
    touches = first == gap.first and gap.on_before
    added = 0.0 if touches else group.starts.cost_usd(first, since)
    if gap.on_after:
        after = 0.0 if end == gap.end else group.starts.cost_usd(gap.end, end)
        added += after - group.starts.cost_usd(gap.end, since)
    return added


def _given_usd(gap: Gap, best: Best, group: Group, first: int, step_h: float) -> float:
    """What the power given while starting earns, where it is worth anything."""
    power = group.starts.power_kw
    begin = max(gap.first, first - len(power))
    if begin == first or not len(power):
        return 0.0
    price = np.maximum(best.price_usd_per_kwh[begin:first], 0.0)
    return float(np.dot(price, power[begin - first :])) * step_h


def _sum(margin: Floats, total: Floats, first: int, end: int, step_h: float) -> float:
    """Margin of a stretch; running sums are of no use once minus infinity is in them."""
    if np.isfinite(total[end]):
        return float(total[end] - total[first])
    return float(margin[first:end].sum()) * step_h


def run_in_plan(
    unit: PlanUnit,
    costs: UnitCosts,
    on: Floats,
    power: Floats,
    price: Floats,
    t: int,
    step_h: float,
) -> Run:
    """The run a unit is in, at planned power and prices; with its start if the plan makes it."""
    first, end = span(on, t)
    slopes = costs.segment_usd_per_kwh
    hourly = [
        costs.hourly_usd + energy_usd_per_h(unit, slopes, float(kw)) for kw in power[first:end]
    ]
    started = first > 0 or not unit.initial_on
    start_usd = 0.0
    if started:
        on_off = np.rint(on).astype(np.int64)
        step_s = step_h * SECONDS_PER_HOUR
        start_usd = float(starts_usd(unit, costs.class_usd, on_off, step_s)[first])
    energy = float(power[first:end].sum()) * step_h
    cost = sum(hourly) * step_h + start_usd
    earned = float(np.dot(price[first:end], power[first:end])) * step_h
    return Run(first, end, energy, cost, start_usd, earned - cost)


def spread_usd_per_kwh(run: Run | None) -> float:
    """A run's start over its energy, USD/kWh; 0 without a start or energy."""
    if run is None or run.energy_kwh <= TINY or run.start_usd <= 0.0:
        return 0.0
    return run.start_usd / run.energy_kwh
