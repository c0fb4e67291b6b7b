"""One schedule for every device: spread evenly over the master's mix, then improved one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.decomposition.bounding import Raised, table
from gridmuster.planning.decomposition.choice_kernels import (
    engine_options,
    improve,
    store_options,
)
from gridmuster.planning.decomposition.dispatching import Dispatcher
from gridmuster.planning.decomposition.fleet import Counts, Flags
from gridmuster.planning.decomposition.pricing import Ordered, Pricer, Workers, sampled
from gridmuster.planning.linear import Floats, Ints

#: 1 / the golden ratio: multiples of it, less their whole part, cover 0..1 evenly however many.
GOLDEN = 0.6180339887498949
#: A second such number for the groups, from the plastic number (M. Roberts, "The unreasonable
#: effectiveness of quasirandom sequences", 2018).
PLASTIC = 0.7548776662466927
#: Most devices whose schedules are chosen anew, and most rounds over them.
CHOOSERS = 6000
SWEEPS = 40
#: Most price vectors that offer schedules.
VECTORS = 32
#: Share of the price by which the margin is moved to see what can move there.
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Choice:
    """On and off (engines, intervals) and power of stores (stores, intervals)."""

    on: Flags
    store_kw: Floats


def active_vectors(raised: Raised, most: int) -> Ints:
    """Numbers of the price vectors that carry weight, then the last ones asked, up to ``most``."""
    assert raised.mixed is not None
    weight = raised.mixed.weight.sum(axis=0)
    carrying = np.flatnonzero(weight > 0.0)
    order = carrying[np.argsort(-weight[carrying], kind="stable")][:most]
    later = [k for k in range(len(weight) - 1, -1, -1) if k not in set(order.tolist())]
    return np.sort(np.concatenate([order, later[: most - len(order)]]).astype(np.int64))


def spread(order: Ordered, weight: Floats, offset: float) -> tuple[Counts, Counts]:
    """A price vector for every device, so that any run of a group has about the master's mix.

    Args:
        order: the fleet in groups, by size within a group.
        weight: (groups, price vectors).
        offset: where the sequence begins, 0 to 1: another number, another choice.

    Returns:
        Numbers of price vectors for engines and for stores.
    """
    chosen = []
    for bounds, first in ((order.engine_bounds, 0), (order.store_bounds, len(order.engine_bounds))):
        total = bounds[-1][1] if bounds else 0
        numbers = np.zeros(total, dtype=np.int32)
        for number, (begin, end) in enumerate(bounds, first):
            steps = np.cumsum(weight[number])
            places = offset + GOLDEN * np.arange(end - begin) + PLASTIC * number
            at = np.searchsorted(steps, np.mod(places, 1.0) * steps[-1], side="right")
            numbers[begin:end] = np.minimum(at, len(steps) - 1)
        chosen.append(numbers)
    return chosen[0], chosen[1]


class Chooser:
    """Chooses schedules; what all tries have in common is worked out once.

    Args:
        pricer: asks the fleet.
        dispatcher: dispatches it.
        raised: prices, answers and mix of the bound.
        workers: threads.
    """

    def __init__(
        self, pricer: Pricer, dispatcher: Dispatcher, raised: Raised, workers: Workers
    ) -> None:
        assert raised.mixed is not None
        self._pricer, self._dispatcher, self._raised = pricer, dispatcher, raised
        self._mixed = raised.mixed
        order = pricer.order
        self._vectors = active_vectors(raised, VECTORS)
        self._prices = table([raised.asked[k].prices for k in self._vectors])
        self._sample, _ = sampled(order, CHOOSERS)
        self._options(workers)

    def _options(self, workers: Workers) -> None:
        """Schedules of the sampled devices at every price vector, and what they are dearer."""
        fleet = self._sample.fleet
        engines, stores = len(fleet.engines.up), len(fleet.stores.keep)
        count, many = fleet.system.count, len(self._vectors)
        asks = Pricer(self._sample, workers)
        on = np.zeros((engines, many, count), dtype=np.uint8)
        flow = np.zeros((stores, many, count))
        for j in range(many):
            _, on[:, j], flow[:, j] = asks.chosen(
                self._prices, np.full(engines, j, np.int32), np.full(stores, j, np.int32)
            )
        prices = self._raised.best
        power, capacity = np.zeros(on.shape), np.zeros(on.shape)
        excess = np.zeros((engines, many))
        engine_options(
            fleet.engines, on, prices.energy, prices.reserve, fleet.step_h, power, capacity, excess
        )
        capacity_of_stores, excess_of_stores = np.zeros(flow.shape), np.zeros((stores, many))
        store_options(
            fleet.stores, flow, prices.energy, prices.reserve, fleet.step_h,
            capacity_of_stores, excess_of_stores,
        )  # fmt: skip
        self._on, self._flow = on, flow
        self._power = np.concatenate([power, flow])
        self._capacity = np.concatenate([capacity, capacity_of_stores])
        self._excess = np.concatenate([excess, excess_of_stores])

    def choose(self, offset: float) -> Choice:
        """A choice for every device.

        Args:
            offset: another number, another choice.
        """
        order, prices = self._pricer.order, self._raised.best
        weight = self._mixed.weight[:, self._vectors]
        weight = np.where(weight.sum(axis=1, keepdims=True) > 0.0, weight, 1.0)
        engine_choice, store_choice = spread(order, weight, offset)
        _, on, store_kw = self._pricer.chosen(self._prices, engine_choice, store_choice)
        at_best = self._at_best(on, store_kw)
        system, step_h = order.fleet.system, order.fleet.step_h
        engines, stores = self._sample.engine_rows, self._sample.store_rows
        chosen = np.concatenate([engine_choice[engines], store_choice[stores]]).astype(np.int32)
        self._first_alike(chosen)
        step = MARGIN * max(float(np.abs(prices.energy).mean()), 1e-3)
        middle = self._dispatcher.supply(on, prices.energy, prices.reserve)
        play = np.stack(
            [
                middle - self._dispatcher.supply(on, prices.energy - step, prices.reserve),
                self._dispatcher.supply(on, prices.energy + step, prices.reserve) - middle,
            ]
        )
        energy_off = at_best[0] - self._mixed.power_kw
        capacity_off = at_best[0] + at_best[1] - self._mixed.power_kw - self._mixed.headroom_kw
        improve(
            self._power,
            self._capacity,
            self._excess,
            prices.reserve * step_h,
            np.maximum(system.reserve_usd - prices.reserve, 0.0) * step_h,
            step * step_h / np.maximum(play.sum(axis=0), 1e-3),
            play,
            chosen,
            energy_off,
            capacity_off,
            SWEEPS,
        )
        many = len(engines)
        on[engines] = self._on[np.arange(many), chosen[:many]]
        store_kw[stores] = self._flow[np.arange(len(stores)), chosen[many:]]
        return Choice(on, store_kw)

    def _first_alike(self, chosen: Counts) -> None:
        """Point engines at the first of equal schedules, the only one that is priced."""
        engines = len(self._on)
        again = np.flatnonzero(np.isinf(self._excess[np.arange(engines), chosen[:engines]]))
        for i in again:
            alike = (self._on[i] == self._on[i, chosen[i]]).all(axis=1)
            chosen[i] = int(np.flatnonzero(alike)[0])

    def _at_best(self, on: Flags, store_kw: Floats) -> tuple[Floats, Floats]:
        """Power and headroom of the devices at the bound's prices, (intervals,) kW."""
        return self._dispatcher.at_prices(on, store_kw, self._raised.best)
