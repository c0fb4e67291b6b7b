"""From who is on and what stores give to a whole plan: exact dispatch by interval, and its price.

With on and off and the stores fixed, supply at a price rises in steps; the price at which it meets
demand is found by halving, and what is at the margin gives the same share of its step. Missing
capacity is priced, so that there always is a plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.decomposition.bounding import Raised
from gridmuster.planning.decomposition.committed import Committed, Output, settle
from gridmuster.planning.decomposition.dispatch_kernels import (
    committed_power,
    committed_supply,
    engines_price,
    freeze_limited,
    stores_price,
)
from gridmuster.planning.decomposition.fleet import Flags, Offers, System
from gridmuster.planning.decomposition.plan import FleetPlan
from gridmuster.planning.decomposition.pricing import Ordered, Task, Workers, blocks
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats, Ints

#: Two sides of the margin closer than this, USD/kWh, count as one price.
SAME_USD = 1e-7
#: Rise of the price, as a share, at which a tank that would bind is held to what it gives now.
NEAR = 0.01
#: Most times that tanks found to bind are held, and the rest is dispatched anew.
REFILLS = 6
#: Prices about those of the bound, as shares, between which supply is one step of an offer.
SIDES = (-0.3, -0.1, -0.04, -0.02, -0.01, -0.004, 0.0, 0.004, 0.01, 0.02, 0.04, 0.1, 0.3)


@dataclass(frozen=True, slots=True)
class _Flows:
    """What is no device gives at prices, (intervals,) kW, renewables (pools, intervals)."""

    bought: Floats
    sold: Floats
    renewable: Floats
    unserved: Floats

    @property
    def supply(self) -> Floats:
        return np.asarray(self.bought - self.sold + self.renewable.sum(axis=0) + self.unserved)


def _flows(system: System, energy: Floats, reserve: Floats) -> _Flows:
    return _Flows(
        bought=np.where(energy - reserve > system.import_usd, system.import_limit_kw, 0.0),
        sold=np.where(energy - reserve < system.export_usd, system.export_limit_kw, 0.0),
        renewable=np.where(
            energy[None, :] > system.renewable_usd[:, None], system.renewable_kw, 0.0
        ),
        unserved=np.where(energy >= system.unserved_usd, np.maximum(system.demand_kw, 0.0), 0.0),
    )


class Dispatcher:
    """Dispatches an ordered fleet.

    Args:
        order: the fleet.
        workers: threads.
    """

    def __init__(self, order: Ordered, workers: Workers) -> None:
        self._fleet, self.order = order.fleet, order
        self._workers = workers
        self._tanks = bool(np.isfinite(order.fleet.engines.fuel).any())
        self._engine_blocks = blocks((0, len(order.fleet.engines.up)))
        self._store_blocks = blocks((0, len(order.fleet.stores.keep)))

    def output(self, on: Flags, prices: Prices) -> Output:
        """Output to be dispatched: fixed already where a tank binds at these prices."""
        engines, step_h = self._fleet.engines, self._fleet.step_h
        frozen, power = np.zeros(len(engines.up), dtype=np.uint8), np.zeros(on.shape)
        if not self._tanks:
            return Output(on, frozen, power)
        above = prices.energy + NEAR * np.abs(prices.energy)
        stacked = np.ascontiguousarray(np.stack([prices.energy, above, prices.reserve]))

        def task(block: int) -> Task:
            begin, end = self._engine_blocks[block]
            return lambda: freeze_limited(engines, begin, end, on, stacked, step_h, frozen, power)

        self._workers.run([task(block) for block in range(len(self._engine_blocks))])
        return Output(on, frozen, power)

    def supply(self, output: Output, energy: Floats, reserve: Floats) -> Floats:
        """What engines that are on and the system give at prices, (intervals,) kW."""
        given = self._engines(output, energy, reserve)[0] + output.frozen @ output.power
        return np.asarray(given + _flows(self._fleet.system, energy, reserve).supply)

    def _engines(self, output: Output, energy: Floats, reserve: Floats) -> Floats:
        """Power and headroom of engines that are not frozen, (2, intervals) kW."""
        engines = self._fleet.engines
        sums = np.zeros((len(self._engine_blocks), 2, len(energy)))

        def task(block: int) -> Task:
            begin, end = self._engine_blocks[block]
            return lambda: committed_supply(
                engines, begin, end, output.on, energy, reserve, output.frozen, sums[block]
            )

        self._workers.run([task(block) for block in range(len(self._engine_blocks))])
        return np.asarray(sums.sum(axis=0))

    def committed(self, output: Output, prices: Prices) -> Committed:
        """What is on, as steps of price where no tank binds."""
        system = self._fleet.system
        edges = [
            np.full(system.count, -system.surplus_usd),
            *(prices.energy + side * np.abs(prices.energy) for side in SIDES),
            np.full(system.count, system.unserved_usd),
        ]
        supplies = [self._engines(output, edge, prices.reserve) for edge in edges]
        kw = np.diff([one[0] for one in supplies], axis=0)
        lost = -np.diff([one[1] for one in supplies], axis=0)
        share = np.where(kw > 0.0, np.clip(lost / np.where(kw > 0.0, kw, 1.0), 0.0, 1.0), 0.0)
        middle = 0.5 * (np.array(edges[1:]) + np.array(edges[:-1]))
        # Beyond the outermost sides nothing is known of costs but that they lie there.
        middle[0], middle[-1] = edges[1], edges[-2]
        offers = Offers(kw, middle - share * prices.reserve, share)
        return Committed(self.order, output, supplies[0][0], supplies[0][1], offers)

    def closed(self, plan: FleetPlan, open_rows: Ints, prices: Prices) -> tuple[Committed, Floats]:
        """A plan's engines but for some: as steps of price, or as they are where tanks bind.

        Args:
            plan: the plan.
            open_rows: numbers of the engines that are left out.
            prices: about where the margin is.

        Returns:
            What they can do, and the largest of them that is on, (intervals,) kW; no less than
            what the rows cover anyway.
        """
        output = self.output(plan.on, prices)
        held = np.flatnonzero(output.frozen)
        held = held[~np.isin(held, open_rows)]
        output.frozen[open_rows] = 1
        output.power[:] = 0.0
        found = self.committed(output, prices)
        engines = self._fleet.engines
        power = plan.engine_kw[held]
        high = engines.high_kw[held] * plan.on[held]
        room = np.minimum(high - power, engines.reach_kw[held, None])
        largest = self._fleet.system.largest_kw
        if self._fleet.system.secures_largest:
            on = plan.on.copy()
            on[open_rows] = 0
            largest = np.maximum(largest, (engines.high_kw * on).max(axis=0, initial=0.0))
        return replace(
            found,
            base_kw=found.base_kw + power.sum(axis=0),
            base_headroom_kw=found.base_headroom_kw + room.sum(axis=0),
        ), largest

    def at_prices(self, on: Flags, store_kw: Floats, prices: Prices) -> tuple[Floats, Floats]:
        """Power and headroom of all devices at prices, stores as they are, (intervals,) kW."""
        store_sums, _, _ = self._stores(store_kw.copy())
        none = np.zeros(on.shape[1])
        output = self.output(on, prices)
        sums, _ = self._finish(output, prices.energy, prices.energy, none, prices.reserve)
        return store_sums[0] + sums[0], store_sums[1] + sums[1]

    def plan(self, on: Flags, raised: Raised, left_s: Callable[[], float]) -> FleetPlan:
        """The cheapest dispatch of what is on, priced.

        Args:
            on: (engines, intervals).
            raised: prices about where the margin is, and what stores have answered on the way; the
                price of headroom is kept.
            left_s: seconds left.
        """
        prices = raised.best
        output = self.output(on, prices)
        store_kw = np.zeros((0, on.shape[1]))
        if output.frozen.any() or len(self._fleet.stores.keep):
            fleet = self.committed(output, prices)
            engine_kw, store_kw, settled = settle(fleet, raised, self._workers, left_s)
            fixed = np.flatnonzero(output.frozen)
            output.power[fixed] = engine_kw[fixed]
            prices = Prices(settled.energy, settled.reserve)
        return self._plan(output, store_kw, self._stores(store_kw), prices)

    def _plan(
        self,
        output: Output,
        store_kw: Floats,
        stored: tuple[Floats, float, Floats],
        prices: Prices,
    ) -> FleetPlan:
        """The plan with stores as they are and all that is not frozen dispatched."""
        system = self._fleet.system
        store_sums, store_usd, store_kwh = stored
        need = system.demand_kw - store_sums[0]
        for _ in range(REFILLS):
            fixed = int(output.frozen.sum())
            low, high, share = self._margin(output, need, prices)
            engine_sums, engine_usd = self._finish(output, low, high, share, prices.reserve)
            # Tanks that the margin's price would empty are held to what they have.
            if int(output.frozen.sum()) == fixed:
                break
        below, above = (_flows(system, side, prices.reserve) for side in (low, high))
        bought = below.bought + share * (above.bought - below.bought)
        sold = below.sold + share * (above.sold - below.sold)
        both = np.minimum(bought, sold)
        bought, sold = bought - both, sold - both
        renewable = below.renewable + share * (above.renewable - below.renewable)
        unserved = below.unserved + share * (above.unserved - below.unserved)
        given = engine_sums[0] + store_sums[0] + renewable.sum(axis=0) + bought - sold + unserved
        off = system.demand_kw - given
        unserved, surplus = _absorbed(unserved, off)
        headroom = engine_sums[1] + store_sums[1] + system.import_limit_kw - bought + sold
        largest = np.maximum(engine_sums[2], system.largest_kw)
        wanted = system.reserve_kw + (largest if system.secures_largest else system.largest_kw)
        short = np.maximum(wanted - headroom, 0.0)
        flow = (
            system.import_usd * bought
            - system.export_usd * sold
            + system.unserved_usd * unserved
            + system.surplus_usd * surplus
            + system.reserve_usd * short
            + system.renewable_usd @ renewable
        )
        return FleetPlan(
            on=output.on,
            engine_kw=output.power,
            store_kw=store_kw,
            store_kwh=store_kwh,
            renewable_kw=renewable,
            bought_kw=bought,
            sold_kw=sold,
            unserved_kw=unserved,
            surplus_kw=surplus,
            short_kw=short,
            prices=Prices(high, prices.reserve),
            cost_usd=engine_usd + store_usd + float(flow.sum()) * self._fleet.step_h,
        )

    def _stores(self, store_kw: Floats) -> tuple[Floats, float, Floats]:
        stores, step_h = self._fleet.stores, self._fleet.step_h
        energy = np.zeros(store_kw.shape)
        sums = np.zeros((len(self._store_blocks), 3, store_kw.shape[1]))
        totals = np.zeros((len(self._store_blocks), 1))

        def task(block: int) -> Task:
            begin, end = self._store_blocks[block]
            return lambda: stores_price(
                stores, begin, end, store_kw, step_h, sums[block], totals[block], energy
            )

        self._workers.run([task(block) for block in range(len(self._store_blocks))])
        return sums.sum(axis=0), float(totals.sum()), energy

    def _margin(
        self, output: Output, need: Floats, prices: Prices
    ) -> tuple[Floats, Floats, Floats]:
        """Prices on both sides of the margin, and the share of the step between that is needed."""
        system = self._fleet.system
        floor, roof = (
            np.full(len(need), -system.surplus_usd),
            np.full(len(need), system.unserved_usd),
        )
        reserve = prices.reserve
        width = 0.02 * max(float(np.abs(prices.energy).mean()), 1e-3)
        low = np.clip(prices.energy - width, floor, roof)
        high = np.clip(prices.energy + width, floor, roof)
        at_low, at_high = self.supply(output, low, reserve), self.supply(output, high, reserve)
        # Widen until the margin is inside.
        while True:
            too_high = (at_low > need) & (low > floor)
            too_low = (at_high < need) & (high < roof)
            if not (too_high.any() or too_low.any()):
                break
            width *= 4.0
            high = np.where(too_high, low, high)
            at_high = np.where(too_high, at_low, at_high)
            low = np.where(too_low & ~too_high, high, low)
            at_low = np.where(too_low & ~too_high, at_high, at_low)
            low = np.where(too_high, np.maximum(low - width, floor), low)
            high = np.where(too_low & ~too_high, np.minimum(high + width, roof), high)
            at_low, at_high = self.supply(output, low, reserve), self.supply(output, high, reserve)
        while float((high - low).max()) > SAME_USD:
            middle = 0.5 * (low + high)
            at = self.supply(output, middle, reserve)
            less = at < need
            low, at_low = np.where(less, middle, low), np.where(less, at, at_low)
            high, at_high = np.where(less, high, middle), np.where(less, at_high, at)
        step = at_high - at_low
        share = np.where(step > 0.0, (need - at_low) / np.where(step > 0.0, step, 1.0), 0.0)
        return low, high, np.clip(share, 0.0, 1.0)

    def _finish(
        self, output: Output, low: Floats, high: Floats, share: Floats, reserve: Floats
    ) -> tuple[Floats, float]:
        """Fill in what is not fixed yet; sums by interval and the engines' cost, USD."""
        engines, step_h = self._fleet.engines, self._fleet.step_h
        on, power = output.on, output.power
        prices = np.ascontiguousarray(np.stack([low, high, reserve]))
        sums = np.zeros((len(self._engine_blocks), 3, on.shape[1]))
        totals = np.zeros((len(self._engine_blocks), 1))

        def task(block: int) -> Task:
            begin, end = self._engine_blocks[block]

            def run() -> None:
                committed_power(
                    engines, begin, end, on, prices, share, output.frozen, step_h, power
                )
                engines_price(engines, begin, end, on, power, step_h, sums[block], totals[block])

            return run

        self._workers.run([task(block) for block in range(len(self._engine_blocks))])
        total = sums.sum(axis=0)
        total[2] = sums[:, 2].max(axis=0, initial=0.0)
        return total, float(totals.sum())


def _absorbed(unserved: Floats, off: Floats) -> tuple[Floats, Floats]:
    """Unserved and surplus power once what is left off balance is put into them."""
    unserved = unserved + off
    return np.maximum(unserved, 0.0), np.maximum(-unserved, 0.0)
