"""What an area could give, or leave, in one interval beside what its plan has: source by source.

All costs are the objective's, USD, so that they can be held against the plan's marginal prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gridmuster.planning.linear import Floats
from gridmuster.planning.objectives import Costs
from gridmuster.planning.problem import (
    PlanLink,
    PlanProblem,
    PlanSolution,
    PlanUnit,
    ShortfallKind,
)
from gridmuster.planning.reserve import HOLD_H, RESPONSE_S
from gridmuster.units import SECONDS_PER_HOUR

#: Powers and energies below this are nothing, kW or kWh; plans are written to a tenth of a watt.
TINY = 1e-3


class Source(StrEnum):
    """Where power can come from: a unit that is on, one that is not, and all the others."""

    SPARE_UNIT = "spare_unit"
    IDLE_UNIT = "idle_unit"
    GRID = "grid"
    STORE = "store"
    RENEWABLE = "renewable"
    UNSERVED = "unserved"


@dataclass(frozen=True, slots=True)
class Offer:
    """So many kW more (or less) from a source, at so much a kWh in the objective's USD."""

    id: str
    source: Source
    power_kw: float
    usd_per_kwh: float


def energy_usd_per_h(unit: PlanUnit, usd_per_kwh: Floats, power_kw: float) -> float:
    """What a unit's segments cost an hour at a power, without its no-load cost.

    Args:
        unit: the unit.
        usd_per_kwh: cost of each segment.
        power_kw: output, kW; beyond the segments the last one goes on.
    """
    total = lower = 0.0
    last = len(unit.segment_kw) - 1
    for number, width in enumerate(unit.segment_kw):
        upper = np.inf if number == last else lower + width
        total += float(usd_per_kwh[number]) * max(0.0, min(power_kw, upper) - lower)
        lower = upper
    return total


def pieces(
    unit: PlanUnit, usd_per_kwh: Floats, from_kw: float, to_kw: float
) -> Iterator[tuple[float, float]]:
    """(width, kW; cost, USD/kWh) of a unit's segments between two outputs, cheapest first."""
    lower = 0.0
    last = len(unit.segment_kw) - 1
    for number, width in enumerate(unit.segment_kw):
        upper = np.inf if number == last else lower + width
        part = min(to_kw, upper) - max(from_kw, lower)
        if part > TINY:
            yield float(part), float(usd_per_kwh[number])
        lower = upper


class AreaPicture:
    """One area of a plan as arrays over the intervals, kW and kWh.

    Args:
        problem: the question.
        costs: its cost coefficients.
        solution: the answer.
        area: number of the area.
    """

    def __init__(
        self, problem: PlanProblem, costs: Costs, solution: PlanSolution, area: int
    ) -> None:
        self.problem, self.costs, self.solution = problem, costs, solution
        self.area = problem.areas[area]
        self.area_costs = costs.areas[area]
        self.step_h = problem.step_s / SECONDS_PER_HOUR
        name, count = self.area.id, problem.count
        self.units = [n for n, unit in enumerate(problem.units) if unit.area == name]
        self.stores = [n for n, store in enumerate(problem.stores) if store.area == name]
        self.renewables = [n for n, one in enumerate(problem.renewables) if one.area == name]
        self.row = {number: row for row, number in enumerate(self.units)}
        members = [problem.units[n] for n in self.units]
        self.on = _rows([solution.commitment[unit.id] for unit in members], count)
        self.power = _rows([solution.power_kw[unit.id] for unit in members], count)
        self.high = _rows([unit.max_kw for unit in members], count)
        self.low = np.minimum(_rows([unit.min_kw for unit in members], count), self.high)
        self.bought = np.asarray(solution.import_kw[name], dtype=float)
        self.sold = np.asarray(solution.export_kw[name], dtype=float)
        self.price = np.asarray(solution.price_usd_per_kwh[name], dtype=float)
        self.import_limit = np.asarray(self.area.import_limit_kw, dtype=float)
        self.export_limit = np.asarray(self.area.export_limit_kw, dtype=float)
        self.links = [one for one in problem.links if name in (one.from_area, one.to_area)]
        # What comes in over links, less what goes out, is taken as given.
        arrives = sum((self._arrives(one, solution.link_kw) for one in self.links), np.zeros(count))
        self.demand = np.asarray(self.area.demand_kw, dtype=float) - arrives
        lent = solution.link_reserve_kw
        self.borrowed = sum((self._arrives(one, lent) for one in self.links), np.zeros(count))
        self.unserved = np.zeros(count)
        self.surplus = np.zeros(count)
        for one in solution.shortfalls:
            if one.where == name and one.kind is ShortfallKind.UNSERVED:
                self.unserved[one.interval] += one.amount_kw
            elif one.where == name and one.kind is ShortfallKind.SURPLUS:
                self.surplus[one.interval] += one.amount_kw

    def _arrives(self, link: PlanLink, sent: dict[str, list[float]]) -> Floats:
        """What the area gets over a link, less what it gives, kW."""
        kw = np.asarray(sent[link.id], dtype=float)
        if link.from_area == self.area.id:
            kw = -kw
        return np.asarray(np.where(kw > 0.0, kw * (1.0 - link.loss_fraction), kw))

    def store_able_kw(self, number: int, hours: float) -> Floats:
        """What a store could give for so many hours, kW: its inverter, and energy above floor."""
        store = self.problem.stores[number]
        power = np.asarray(self.solution.power_kw[store.id], dtype=float)
        energy = np.asarray(self.solution.energy_kwh[store.id], dtype=float)
        above = np.maximum(energy - store.min_energy_kwh, 0.0)
        lasting = power + above * store.discharge_efficiency / hours
        return np.asarray(np.clip(lasting, 0.0, np.asarray(store.discharge_kw, dtype=float)))

    def missing_without(self, number: int) -> Floats:
        """Demand that those who are on, the grid, stores, sun and wind could not cover, kW.

        Args:
            number: the unit that is taken away.
        """
        able = (self.on * self.high).sum(axis=0) + self.import_limit
        able = able - self.on[self.row[number]] * self.high[self.row[number]]
        for store in self.stores:
            able = able + self.store_able_kw(store, self.step_h)
        for one in self.renewables:
            able = able + np.asarray(self.problem.renewables[one].available_kw, dtype=float)
        served = self.demand - self.unserved
        return np.asarray(np.maximum(served - able, 0.0))

    def headroom(self, number: int | None = None) -> tuple[Floats, Floats]:
        """(What could be raised at once; what is wanted: the largest loss and the reserve), kW.

        Args:
            number: a unit that is taken away, its output taken over by the others; None: none.
        """
        on = self.on.copy()
        if number is not None:
            on[self.row[number]] = 0.0
        able = self.import_limit + self.unserved - self.surplus - self.demand
        for row, unit in enumerate(self.problem.units[n] for n in self.units):
            block = bool((self.high[row] - self.low[row] <= TINY).all())
            reach = unit.ramp_kw_per_s * RESPONSE_S if unit.gives_reserve else 0.0
            most = np.minimum(self.high[row], self.power[row] + reach)
            able = able + on[row] * (self.high[row] if block else most)
        for store in self.stores:
            one = self.problem.stores[store]
            given = np.asarray(self.solution.power_kw[one.id], dtype=float)
            able = able + (self.store_able_kw(store, HOLD_H) if one.gives_reserve else given)
        for renewable in self.renewables:
            name = self.problem.renewables[renewable].id
            able = able + np.asarray(self.solution.power_kw[name], dtype=float)
        largest = (on * self.high).max(axis=0, initial=0.0)
        wanted = largest + np.asarray(self.area.reserve_kw, dtype=float)
        return able, wanted - self.borrowed

    def reserve_missing_without(self, number: int | None) -> Floats:
        """Headroom missing to what is wanted, kW.

        Args:
            number: the unit that is taken away; None: none.
        """
        able, wanted = self.headroom(number)
        return np.asarray(np.maximum(wanted - able, 0.0))

    def more(self, t: int, power_kw: float, run_h: float, without: int) -> list[Offer]:
        """Who could give power instead of a unit in an interval, the cheapest first.

        A unit that is not on offers the power wanted, within its limits, at its full cost: no
        load and segments at that output, and its start over as many hours.

        Args:
            t: the interval.
            power_kw: the power to be replaced, kW.
            run_h: for how long at that power, h: the energy of the run over it.
            without: number of the unit to be replaced.
        """
        found: list[Offer] = []
        for number in self.units:
            row, unit, own = self.row[number], self.problem.units[number], self.costs.units[number]
            high, low = float(self.high[row, t]), float(self.low[row, t])
            if number == without or high <= TINY:
                continue
            slopes = own.segment_usd_per_kwh
            if self.on[row, t]:
                spare = pieces(unit, slopes, float(self.power[row, t]), high)
                found += [Offer(unit.id, Source.SPARE_UNIT, kw, usd) for kw, usd in spare]
                continue
            kw = min(max(power_kw, low, TINY), high)
            hourly = own.hourly_usd + energy_usd_per_h(unit, slopes, kw)
            start = own.start_usd / max(run_h, self.step_h)
            found.append(Offer(unit.id, Source.IDLE_UNIT, kw, (hourly + start) / kw))
        found += self._more_from_others(t)
        return sorted(found, key=lambda offer: (offer.usd_per_kwh, offer.id))

    def _more_from_others(self, t: int) -> list[Offer]:
        grid, costs = self.area.id, self.area_costs
        found = [
            Offer(grid, Source.GRID, float(self.sold[t]), float(costs.export_usd_per_kwh[t])),
            Offer(
                grid,
                Source.GRID,
                float(self.import_limit[t] - self.bought[t]),
                float(costs.import_usd_per_kwh[t]),
            ),
        ]
        found += self._over_links(t, into=True)
        for number in self.stores:
            store = self.problem.stores[number]
            given = self.solution.power_kw[store.id][t]
            buys, sells = self.store_band(number, t)
            found.append(Offer(store.id, Source.STORE, max(-given, 0.0), buys))
            spare = float(self.store_able_kw(number, self.step_h)[t]) - max(given, 0.0)
            found.append(Offer(store.id, Source.STORE, spare, sells))
        for number in self.renewables:
            one = self.problem.renewables[number]
            spare = one.available_kw[t] - self.solution.power_kw[one.id][t]
            found.append(Offer(one.id, Source.RENEWABLE, spare, self.costs.renewables[number]))
        return [offer for offer in found if offer.power_kw > TINY]

    def less(self, t: int, without: int) -> list[Offer]:
        """Who could give less in an interval if one more unit ran, the dearest first.

        Args:
            t: the interval.
            without: number of the unit that would run.
        """
        found: list[Offer] = []
        for number in self.units:
            row, unit = self.row[number], self.problem.units[number]
            if number == without or not self.on[row, t]:
                continue
            slopes = self.costs.units[number].segment_usd_per_kwh
            spare = pieces(unit, slopes, float(self.low[row, t]), float(self.power[row, t]))
            found += [Offer(unit.id, Source.SPARE_UNIT, kw, usd) for kw, usd in spare]
        grid, costs = self.area.id, self.area_costs
        missing = Offer(grid, Source.UNSERVED, float(self.unserved[t]), costs.unserved_usd_per_kwh)
        bought = Offer(grid, Source.GRID, float(self.bought[t]), float(costs.import_usd_per_kwh[t]))
        room = float(self.export_limit[t] - self.sold[t])
        sold = Offer(grid, Source.GRID, room, float(costs.export_usd_per_kwh[t]))
        found += [missing, bought, sold, *self._over_links(t, into=False)]
        for number in self.stores:
            found += self._less_from_store(number, t)
        for number in self.renewables:
            one = self.problem.renewables[number]
            given = self.solution.power_kw[one.id][t]
            found.append(Offer(one.id, Source.RENEWABLE, given, self.costs.renewables[number]))
        there = [offer for offer in found if offer.power_kw > TINY]
        return sorted(there, key=lambda offer: (-offer.usd_per_kwh, offer.id))

    def _over_links(self, t: int, *, into: bool) -> list[Offer]:
        """More that could come over links, or less that need, at the other area's price.

        The price is that of the next kWh there, which is the least that more of it costs and the
        most that less of it saves.
        """
        found = []
        for link in self.links:
            out = link.from_area == self.area.id
            other = link.to_area if out else link.from_area
            price = self.solution.price_usd_per_kwh[other][t]
            flow = self.solution.link_kw[link.id][t] * (-1.0 if out else 1.0)
            limit = (link.back_limit_kw if out else link.limit_kw)[t]
            back_kw = (link.limit_kw if out else link.back_limit_kw)[t]
            arrives = 1.0 - link.loss_fraction
            coming = price / arrives + link.usd_per_kwh / arrives
            going = price * arrives - link.usd_per_kwh
            if into:
                found.append(Offer(link.id, Source.GRID, max(-flow, 0.0), going))
                spare = (limit - max(flow, 0.0)) * arrives
                found.append(Offer(link.id, Source.GRID, spare, coming))
            else:
                found.append(Offer(link.id, Source.GRID, max(flow, 0.0) * arrives, coming))
                found.append(Offer(link.id, Source.GRID, back_kw - max(-flow, 0.0), going))
        return [offer for offer in found if offer.power_kw > TINY]

    def _less_from_store(self, number: int, t: int) -> list[Offer]:
        store = self.problem.stores[number]
        given = self.solution.power_kw[store.id][t]
        buys, sells = self.store_band(number, t)
        room_kwh = store.max_energy_kwh - self.solution.energy_kwh[store.id][t]
        takes = min(
            store.charge_kw[t] - max(-given, 0.0),
            max(room_kwh, 0.0) / (self.step_h * store.charge_efficiency),
        )
        return [
            Offer(store.id, Source.STORE, max(given, 0.0), sells),
            Offer(store.id, Source.STORE, takes, buys),
        ]

    def store_band(self, number: int, t: int) -> tuple[float, float]:
        """(highest price at which charging pays, lowest at which giving pays), USD/kWh."""
        store, own = self.problem.stores[number], self.costs.stores[number]
        values = self.solution.energy_value_usd_per_kwh.get(store.id)
        value = own.end_value_usd_per_kwh if values is None else values[t]
        buys = value * store.charge_efficiency - own.charge_usd_per_kwh
        sells = value / store.discharge_efficiency + own.discharge_usd_per_kwh
        return buys, sells


def taken(offers: list[Offer], power_kw: float) -> tuple[float, float]:
    """(USD an hour, kW not found) of taking a power from offers in their order."""
    usd, left = 0.0, power_kw
    for offer in offers:
        used = min(offer.power_kw, left)
        usd += used * offer.usd_per_kwh
        left -= used
        if left <= TINY:
            return usd, 0.0
    return usd, left


def _rows(series: list[list[float]] | list[list[int]], count: int) -> Floats:
    return np.asarray(series, dtype=float).reshape(len(series), count)
