"""One schedule for every device: spread evenly over the master's mix, then improved one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridmuster.planning.decomposition.bounding import Raised, table
from gridmuster.planning.decomposition.choice_kernels import (
    engine_options,
    improve,
    store_options,
)
from gridmuster.planning.decomposition.dispatching import Dispatcher
from gridmuster.planning.decomposition.fleet import (
    Counts,
    Flags,
    Fleet,
    engine_rows,
    store_rows,
)
from gridmuster.planning.decomposition.pricing import (
    Ordered,
    Pricer,
    Workers,
    ordered_as_is,
)
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats, Ints

#: 1 / the golden ratio: multiples of it, less their whole part, cover 0..1 evenly however many.
GOLDEN = 0.6180339887498949
#: A second such number for the groups, from the plastic number (M. Roberts, "The unreasonable
#: effectiveness of quasirandom sequences", 2018).
PLASTIC = 0.7548776662466927
#: Devices whose schedules are chosen anew at a time, and most rounds over them.
CHOOSERS = 6000
SWEEPS = 40
#: Most price vectors that offer schedules.
VECTORS = 32
#: Steps of price, as shares of the mean price, by which missing capacity is called for, and for how
#: many single intervals.
STEPS = (0.003, 0.01, 0.03, 0.1)
STEERED = 4
#: Share of what the rows miss that a block of devices must bring for the next one to be asked.
LEAST_GAIN = 0.03
#: Share of the price by which the margin is moved to see what can move there.
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Choice:
    """On and off (engines, intervals) and power of stores (stores, intervals)."""

    on: Flags
    store_kw: Floats


def active_vectors(raised: Raised, most: int) -> Ints:
    """Numbers of the price vectors that carry weight, then the last ones asked, up to ``most``."""
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


@dataclass(frozen=True, slots=True)
class _Options:
    """Schedules of some devices, engines first: what each gives and how much dearer it is."""

    engines: Ints
    stores: Ints
    on: Flags
    flow: Floats
    power: Floats
    capacity: Floats
    excess: Floats


class _Standing:
    """A choice as it stands: vectors taken by all devices, and what the rows miss, kW."""

    def __init__(self, choice: Choice, engines: Counts, stores: Counts, off: Floats) -> None:
        self.choice = choice
        self.engines, self.stores = engines, stores
        self.energy_off, self.capacity_off = off[0].copy(), off[1].copy()


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
        self._pricer, self._dispatcher, self._raised = pricer, dispatcher, raised
        self._mixed, self._workers = raised.mixed, workers
        self._vectors = active_vectors(raised, VECTORS)
        self._prices = table([raised.asked[k].prices for k in self._vectors])
        devices = pricer.order.fleet.devices
        self._blocks = max(1, -(-devices // CHOOSERS))
        self._kept: _Options | None = None

    def choose(self, offset: float, enough_usd: float, left_s: Callable[[], float]) -> Choice:
        """A choice for every device.

        Args:
            offset: another number, another choice.
            enough_usd: price of what the rows miss below which to stop.
            left_s: seconds left.
        """
        standing = self._spread(offset)
        rows = self._rows(standing)
        missed_usd = rows.missed_usd(standing)
        # The prime step visits blocks of large fleets in no order that sizes could know of.
        for number in range(self._blocks):
            self._improve(standing, (number * 7919) % self._blocks, rows)
            before_usd, missed_usd = missed_usd, rows.missed_usd(standing)
            slow = missed_usd > (1.0 - LEAST_GAIN) * before_usd
            if missed_usd <= enough_usd or slow or left_s() <= 0.0:
                break
        return standing.choice

    def _spread(self, offset: float) -> _Standing:
        order = self._pricer.order
        weight = self._mixed.weight[:, self._vectors]
        weight = np.where(weight.sum(axis=1, keepdims=True) > 0.0, weight, 1.0)
        engines, stores = spread(order, weight, offset)
        _, on, store_kw = self._pricer.chosen(self._prices, engines, stores)
        power, headroom = self._dispatcher.at_prices(on, store_kw, self._raised.best)
        energy_off = power - self._mixed.power_kw
        spare = headroom - self._mixed.headroom_kw - self._largest(on)
        off = np.stack([energy_off, energy_off + spare])
        return _Standing(Choice(on, store_kw), engines, stores, off)

    def _largest(self, on: Flags) -> Floats:
        """Loss of the largest engine on, beyond what the rows ask anyway, (intervals,) kW."""
        fleet = self._pricer.order.fleet
        if not fleet.system.secures_largest or not len(on):
            return np.zeros(on.shape[1])
        largest = (fleet.engines.high_kw * on).max(axis=0)
        return np.asarray(np.maximum(largest - fleet.system.largest_kw, 0.0))

    def _rows(self, standing: _Standing) -> _Rows:
        """What missing the rows costs about the bound's prices."""
        prices, system = self._raised.best, self._pricer.order.fleet.system
        step_h = self._pricer.order.fleet.step_h
        step = MARGIN * max(float(np.abs(prices.energy).mean()), 1e-3)
        output = self._dispatcher.output(standing.choice.on, prices)
        lower, middle, upper = (
            self._dispatcher.supply(output, prices.energy + side, prices.reserve)
            for side in (-step, 0.0, step)
        )
        return _Rows(
            surplus_usd=prices.reserve * step_h,
            missing_usd=np.maximum(system.reserve_usd - prices.reserve, 0.0) * step_h,
            stiffness=step * step_h / np.maximum(upper - lower, 1e-3),
            play=np.stack([middle - lower, upper - middle]),
        )

    def _improve(self, standing: _Standing, block: int, rows: _Rows) -> None:
        options = self._options(block, standing, rows)
        choice, engines = standing.choice, options.engines
        chosen = np.concatenate([standing.engines[engines], standing.stores[options.stores]])
        chosen = chosen.astype(np.int32)
        _first_alike(options, chosen)
        improve(
            options.power,
            options.capacity,
            options.excess,
            rows.surplus_usd,
            rows.missing_usd,
            rows.stiffness,
            rows.play,
            chosen,
            standing.energy_off,
            standing.capacity_off,
            SWEEPS,
        )
        many = len(engines)
        choice.on[engines] = options.on[np.arange(many), chosen[:many]]
        choice.store_kw[options.stores] = options.flow[
            np.arange(len(options.stores)), chosen[many:]
        ]

    def _options(self, block: int, standing: _Standing, rows: _Rows) -> _Options:
        """Schedules of a block of devices at every price vector, and what they are dearer."""
        if self._kept is not None:
            return self._kept
        vectors = self._prices
        if self._blocks > 1:
            lack = rows.beyond_play(standing.energy_off)
            more = steering(self._raised.best, standing.capacity_off, lack)
            vectors = np.concatenate([vectors, more])
        order = self._pricer.order
        engines = np.arange(block, len(order.engine_rows), self._blocks)
        stores = np.arange(block, len(order.store_rows), self._blocks)
        fleet = Fleet(
            engine_rows(order.fleet.engines, engines),
            store_rows(order.fleet.stores, stores),
            order.fleet.system,
            order.fleet.step_h,
        )
        options = options_of(fleet, vectors, self._raised, self._workers)
        found = _Options(engines, stores, *options)
        if self._blocks == 1:
            self._kept = found
        return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """Prices of missing the rows, see `improve`."""

    surplus_usd: Floats
    missing_usd: Floats
    stiffness: Floats
    play: Floats

    def missed_usd(self, standing: _Standing) -> float:
        """What the rows miss as it stands, priced."""
        off = standing.capacity_off
        usd = np.where(off >= 0.0, self.surplus_usd * off, -self.missing_usd * off)
        lack = self.beyond_play(standing.energy_off)
        return float((usd + self.stiffness * lack * lack).sum())

    def beyond_play(self, energy_off: Floats) -> Floats:
        """Energy off balance beyond what moves at the margin, kW."""
        more, less = energy_off - self.play[0], -energy_off - self.play[1]
        return np.asarray(np.maximum(more, 0.0) - np.maximum(less, 0.0))


def steering(best: Prices, capacity_off: Floats, energy_off: Floats) -> Floats:
    """Price vectors about the best that call for what is missing, and against what is too much.

    Args:
        best: the bound's prices.
        capacity_off: capacity beyond need (intervals,), kW.
        energy_off: energy beyond balance and what moves at the margin (intervals,), kW.

    Returns:
        (price vectors, 2, intervals).
    """
    level = max(float(np.abs(best.energy).mean()), 1e-3)
    found = []
    for off, row in ((energy_off, 0), (capacity_off, 1)):
        most = float(np.abs(off).max())
        if most <= 0.0:
            continue
        shape = -off / most
        worst = np.zeros((STEERED, len(off)))
        for k, t in enumerate(np.argsort(-np.abs(off), kind="stable")[:STEERED]):
            worst[k, t] = np.sign(shape[t])
        for move in [step * level * shape for step in STEPS] + list(STEPS[1] * level * worst):
            vector = np.stack([best.energy, best.reserve])
            vector[row] += move
            vector[1] = np.maximum(vector[1], 0.0)
            found.append(vector)
    return np.array(found).reshape(-1, 2, len(capacity_off))


def options_of(
    fleet: Fleet, vectors: Floats, raised: Raised, workers: Workers
) -> tuple[Flags, Floats, Floats, Floats, Floats]:
    """Answers of some devices to every price vector, priced at the bound's prices.

    Args:
        fleet: the devices.
        vectors: (price vectors, 2, intervals).
        raised: whose prices they are priced at.
        workers: threads.

    Returns:
        On and off (engines, vectors, intervals), power of stores likewise, power and capacity of
        all (devices, vectors, intervals), and what each is dearer (devices, vectors), USD.
    """
    engines, stores = len(fleet.engines.up), len(fleet.stores.keep)
    count, many = fleet.system.count, len(vectors)
    asks = Pricer(ordered_as_is(fleet), workers)
    on = np.zeros((engines, many, count), dtype=np.uint8)
    flow = np.zeros((stores, many, count))
    for j in range(many):
        _, on[:, j], flow[:, j] = asks.chosen(
            vectors, np.full(engines, j, np.int32), np.full(stores, j, np.int32)
        )
    energy, reserve, step_h = raised.best.energy, raised.best.reserve, fleet.step_h
    power, capacity = np.zeros(on.shape), np.zeros(on.shape)
    excess = np.zeros((engines, many))
    engine_options(fleet.engines, on, energy, reserve, step_h, power, capacity, excess)
    store_capacity, store_excess = np.zeros(flow.shape), np.zeros((stores, many))
    store_options(fleet.stores, flow, energy, reserve, step_h, store_capacity, store_excess)
    return (
        on,
        flow,
        np.concatenate([power, flow]),
        np.concatenate([capacity, store_capacity]),
        np.concatenate([excess, store_excess]),
    )


def _first_alike(options: _Options, chosen: Counts) -> None:
    """Point engines at the first of equal schedules, the only one that is priced."""
    engines = len(options.engines)
    again = np.flatnonzero(np.isinf(options.excess[np.arange(engines), chosen[:engines]]))
    for i in again:
        alike = (options.on[i] == options.on[i, chosen[i]]).all(axis=1)
        chosen[i] = int(np.flatnonzero(alike)[0])
