"""The exact model: every constraint family put together, and the columns to read it back by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gridmuster.planning.balance import AreaColumns, add_area, add_renewables
from gridmuster.planning.commitment import CommitmentColumns, add_commitment
from gridmuster.planning.emissions import add_cap
from gridmuster.planning.fuel import add_fuel
from gridmuster.planning.linear import Floats, Ints, LinearArrays, LinearModel
from gridmuster.planning.links import LinkColumns, add_link, ends, forbid_circles
from gridmuster.planning.objectives import Costs
from gridmuster.planning.output import OutputColumns, add_output, add_power
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.reserve import AreaParts, ReserveColumns, add_reserve
from gridmuster.planning.starting import add_start_power
from gridmuster.planning.storage import StoreColumns, add_exclusion, add_store
from gridmuster.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class RenewablePool:
    """Renewables of one area and cost, decided as one: any split of their sum is as good."""

    members: tuple[int, ...]
    area: int
    available_kw: Floats
    usd_per_kwh: float


@dataclass(frozen=True, slots=True)
class Built:
    """The model as arrays, and which columns mean what."""

    arrays: LinearArrays
    groups: tuple[Group, ...]
    commitment: tuple[CommitmentColumns, ...]
    output: tuple[OutputColumns, ...]
    stores: tuple[StoreColumns, ...]
    areas: tuple[AreaColumns, ...]
    reserve: tuple[ReserveColumns, ...]
    pools: tuple[RenewablePool, ...]
    pool_columns: tuple[Ints, ...]
    links: tuple[LinkColumns, ...]
    excess: tuple[Ints, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """Intervals in which a binary forbids two ways at once, by number of store or link.

    Args:
        stores: charging and discharging, beyond where prices are below 0.
        links: sending forth and back.
    """

    stores: dict[int, Ints] = field(default_factory=dict)
    links: dict[int, Ints] = field(default_factory=dict)


def pools(problem: PlanProblem, costs: Costs) -> list[RenewablePool]:
    """Renewables by area and cost."""
    area_number = {area.id: number for number, area in enumerate(problem.areas)}
    members: dict[tuple[int, float], list[int]] = {}
    for number, renewable in enumerate(problem.renewables):
        key = (area_number[renewable.area], costs.renewables[number])
        members.setdefault(key, []).append(number)
    return [
        RenewablePool(
            members=tuple(numbers),
            area=area,
            available_kw=np.sum([problem.renewables[n].available_kw for n in numbers], axis=0),
            usd_per_kwh=usd,
        )
        for (area, usd), numbers in members.items()
    ]


def build(
    problem: PlanProblem,
    costs: Costs,
    groups: list[Group],
    apart: Apart | None = None,
    *,
    lazy: bool = False,
) -> Built:
    """Build the whole model.

    Args:
        problem: a checked problem.
        costs: its cost coefficients.
        groups: its units, from `prepare.groups`.
        apart: where binaries keep charging from discharging, and a link's two ways apart.
        lazy: leave out rows that `cuts` finds when they are needed.
    """
    apart = Apart() if apart is None else apart
    step_h = problem.step_s / SECONDS_PER_HOUR
    model = LinearModel()
    parts = []
    for area, area_costs in zip(problem.areas, costs.areas, strict=True):
        parts.append(AreaParts(area, area_costs, add_area(model, area, area_costs, step_h)))
    commitment, output = _units(model, groups, parts, step_h)
    stores = _stores(model, problem, costs, parts, apart)
    together = pools(problem, costs)
    pool_columns = tuple(
        add_renewables(
            model, parts[pool.area].columns.rows, pool.available_kw, pool.usd_per_kwh, step_h
        )
        for pool in together
    )
    for pool, produced in zip(together, pool_columns, strict=True):
        parts[pool.area].renewables.append(produced)
    links = _links(model, problem, costs, parts, apart)
    together_parts = [one for part in parts for one in part.groups]
    excess = tuple(add_cap(model, cap, together_parts) for cap in problem.emission_caps)
    reserve = tuple(
        add_reserve(
            model,
            part,
            step_h,
            all_intervals=bool(part.costs.headroom_kw or part.links),
            lazy=lazy,
        )
        for part in parts
    )
    return Built(
        arrays=model.freeze(),
        groups=tuple(groups),
        commitment=tuple(commitment),
        output=tuple(output),
        stores=tuple(stores),
        areas=tuple(part.columns for part in parts),
        reserve=reserve,
        pools=tuple(together),
        pool_columns=pool_columns,
        links=links,
        excess=excess,
    )


def _units(
    model: LinearModel, groups: list[Group], parts: list[AreaParts], step_h: float
) -> tuple[list[CommitmentColumns], list[OutputColumns]]:
    commitment, output = [], []
    for group in groups:
        part = parts[group.area]
        unserved = part.costs.unserved_usd_per_kwh
        on = add_commitment(model, group, step_h, unserved)
        power = add_output(model, group, on, step_h, unserved)
        add_fuel(model, group, on, power.above)
        add_power(model, part.columns.rows, group, on.on, power.above)
        add_start_power(model, part.columns.rows, group.starts, on.start)
        part.groups.append((group, on, power))
        commitment.append(on)
        output.append(power)
    return commitment, output


def _stores(
    model: LinearModel, problem: PlanProblem, costs: Costs, parts: list[AreaParts], apart: Apart
) -> list[StoreColumns]:
    step_h = problem.step_s / SECONDS_PER_HOUR
    area_number = {area.id: number for number, area in enumerate(problem.areas)}
    stores = []
    for number, store in enumerate(problem.stores):
        part = parts[area_number[store.area]]
        unserved = part.costs.unserved_usd_per_kwh
        columns = add_store(model, store, costs.stores[number], step_h, unserved)
        model.entries(part.columns.rows, columns.charge, -1.0)
        model.entries(part.columns.rows, columns.discharge, 1.0)
        where = _exclusive_intervals(part, apart.stores.get(number))
        if where.size:
            add_exclusion(model, store, columns, where)
        part.stores.append((store, columns))
        stores.append(columns)
    return stores


def _links(
    model: LinearModel, problem: PlanProblem, costs: Costs, parts: list[AreaParts], apart: Apart
) -> tuple[LinkColumns, ...]:
    """Columns of all links, each known to both its areas."""
    step_h = problem.step_s / SECONDS_PER_HOUR
    by_id = {part.area.id: part for part in parts}
    found = []
    for number, (link, usd) in enumerate(zip(problem.links, costs.links, strict=True)):
        pair = by_id[link.from_area], by_id[link.to_area]
        balances = pair[0].columns.rows, pair[1].columns.rows
        columns = add_link(model, link, usd, balances, step_h)
        for part, end in zip(pair, ends(link, columns), strict=True):
            part.links.append(end)
        if number in apart.links:
            forbid_circles(model, link, columns, apart.links[number])
        found.append(columns)
    return tuple(found)


def _exclusive_intervals(part: AreaParts, shown: Ints | None) -> Ints:
    cheap = np.minimum(part.costs.import_usd_per_kwh, part.costs.export_usd_per_kwh) < 0.0
    cheap &= np.asarray(part.area.import_limit_kw, dtype=float) > 0.0
    where = np.flatnonzero(cheap)
    return where if shown is None else np.union1d(where, shown)
