"""Intervals in which running a unit cannot pay, left out before the solver sees them. Exact.

Where the connection has room for everything an area could draw (demand, all charging, the largest
unit, the reserve), what a unit makes can be bought instead, at no more than the higher of the
buying and selling price, and the reserve is met whatever runs. If the unit's cost is above that at
every output, running there only serves to be on before or after. So a cheapest plan's run of a unit

* holds an interval that is not such a one (else it is left out altogether),
* begins at most ``up - 1`` intervals before the first and ends as far after the last of them,
* stays on through a gap between two of them only if that costs less than a start, if the gap is
  too short to stop, or if starts are limited.

All other intervals are closed. A run from before the horizon counts as ending with the intervals
in which it is still held on. Must-run units are left alone, and so are those whose intervals hang
together in other ways: by ramps, by what a start costs, gives or burns, by budgets of parts of the
horizon.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import Costs
from gridmuster.planning.prepare import Group, most_starts
from gridmuster.planning.problem import PlanArea, PlanProblem, PlanStore

Mask = NDArray[np.bool_]


def close_idle(problem: PlanProblem, costs: Costs, groups: list[Group]) -> list[Group]:
    """The same groups with ``open`` narrowed to the intervals in which running may pay."""
    closed = list(groups)
    # What such an area makes may be wanted elsewhere, whatever its own connection has room for.
    linked = {one for link in problem.links for one in (link.from_area, link.to_area)}
    for number, (area, area_costs) in enumerate(zip(problem.areas, costs.areas, strict=True)):
        if area_costs.headroom_kw or area.id in linked:
            continue
        stores = [store for store in problem.stores if store.area == area.id]
        members = [group for group in groups if group.area == number]
        roomy = has_room(area, stores, members)
        if not roomy.any():
            continue
        price = np.maximum(area_costs.import_usd_per_kwh, area_costs.export_usd_per_kwh)
        for position, group in enumerate(closed):
            if group.area == number and not group.must_run.any() and group.plain:
                closed[position] = replace(group, open=_open(group, roomy, price))
    return closed


def has_room(area: PlanArea, stores: list[PlanStore], groups: list[Group]) -> Mask:
    """Intervals in which the connection covers all that could be drawn, with the reserve."""
    need = np.maximum(np.asarray(area.demand_kw, dtype=float), 0.0)
    need = need + np.asarray(area.reserve_kw, dtype=float)
    for store in stores:
        need = need + np.asarray(store.charge_kw, dtype=float)
    largest = np.zeros(len(need))
    for group in groups:
        largest = np.maximum(largest, group.max_kw)
    return np.asarray(need + largest <= np.asarray(area.import_limit_kw, dtype=float))


def least_loss_usd_per_h(group: Group, price: Floats) -> Floats:
    """What running one unit costs more than buying, at its best output; below 0 where it pays."""
    base = group.min_usd_per_h - price * group.min_kw
    gain = np.minimum(0.0, group.width_usd_per_kwh[:, None] - price) * group.width_kw
    return np.asarray(base + gain.sum(axis=0))


def _open(group: Group, roomy: Mask, price: Floats) -> Mask:
    loss = least_loss_usd_per_h(group, price)
    reach = group.up - 1
    # One more interval in front stands for the past of a unit that was on.
    useful = np.concatenate(([group.on_before > 0], ~roomy | (loss <= 0.0)))
    useful[1:] |= group.held_on > 0
    near = useful.copy()
    for position in np.flatnonzero(useful):
        near[max(0, position - reach) : position + reach + 1] = True
    kept = np.flatnonzero(near)
    for left, right in itertools.pairwise(kept):
        gap = slice(left, right - 1)  # interval numbers: one less than positions
        short = right - left - 1 < group.down
        if short or loss[gap].sum() * group.step_h <= group.start_usd:
            near[left:right] = True
    open_ = np.asarray(near[1:] & group.open)
    if (
        group.starts_left is not None
        and most_starts(replace(group, open=open_)) > group.starts_left
    ):
        # Stopping in a gap may cost a start that is needed elsewhere: close only the two ends.
        near[kept[0] : kept[-1] + 1] = True
        open_ = np.asarray(near[1:] & group.open)
    return open_
