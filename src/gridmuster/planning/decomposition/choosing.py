"""One schedule for every device: spread evenly over the master's mix, then improved one by one.

Stores follow the mix itself, which they can: what a store can do is convex. Engines cannot, so that
each takes one of the schedules it has answered with, and a local search repairs what rounding cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridmuster.planning.decomposition.bounding import Raised, active_vectors, table
from gridmuster.planning.decomposition.choice_kernels import (
    distinct,
    improve,
    neighbours,
    price_options,
)
from gridmuster.planning.decomposition.dispatching import Dispatcher
from gridmuster.planning.decomposition.fleet import (
    Counts,
    EngineArrays,
    Flags,
    Singles,
    engine_rows,
)
from gridmuster.planning.decomposition.polish import Schedules
from gridmuster.planning.decomposition.pricing import (
    Pricer,
    Task,
    Workers,
    blocks,
    engines_alone,
    mixed_stores,
    unpacked,
)
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats, Ints

#: 1 / the golden ratio: multiples of it, less their whole part, cover 0..1 evenly however many.
GOLDEN = 0.6180339887498949
#: A second such number for the groups, from the plastic number (M. Roberts, "The unreasonable
#: effectiveness of quasirandom sequences", 2018).
PLASTIC = 0.7548776662466927
#: Engines whose schedules are chosen anew at a time, and most rounds over them.
CHOOSERS = 6000
#: How many times what a schedule is dearer it must bring, round by round.
THRIFT = np.repeat([100.0, 30.0, 10.0, 3.0, 1.0], [2, 2, 3, 3, 20])
#: Most schedules that differ by little from the one taken.
NEIGHBOURS = 16
#: Most price vectors that offer schedules, and most times that a small fleet is asked for more.
VECTORS = 64
ROUNDS = 4
#: Most blocks that share what a large fleet's rows miss.
SWEEP = 24
#: Steps of price, as shares of the mean price, by which missing capacity is called for, and for how
#: many single intervals.
STEPS = (0.003, 0.01, 0.03, 0.1)
STEERED = 4
#: Engines that choose anew at a time in the small exact model, and schedules of each.
HESITANT, SCHEDULES = 250, 8
#: Share of what the rows miss that a block of engines must bring for the next one to be asked.
LEAST_GAIN = 0.03
#: Share of the price by which the margin is moved to see what can move there.
MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Choice:
    """On and off (engines, intervals) and power of stores (stores, intervals)."""

    on: Flags
    store_kw: Floats


def spread(bounds: tuple[tuple[int, int], ...], weight: Floats, offset: float) -> Counts:
    """A price vector for every engine, so that any run of a group has about the master's mix.

    Args:
        bounds: groups of engines, by size within a group.
        weight: (groups, price vectors).
        offset: where the sequence begins, 0 to 1: another number, another choice.

    Returns:
        Numbers of price vectors (engines,).
    """
    numbers = np.zeros(bounds[-1][1] if bounds else 0, dtype=np.int32)
    for number, (begin, end) in enumerate(bounds):
        steps = np.cumsum(weight[number])
        places = offset + GOLDEN * np.arange(end - begin) + PLASTIC * number
        at = np.searchsorted(steps, np.mod(places, 1.0) * steps[-1], side="right")
        numbers[begin:end] = np.minimum(at, len(steps) - 1)
    return numbers


class _Standing:
    """A choice as it stands: engines' on and off as bits, and what the rows miss, kW."""

    def __init__(self, marks: Flags, store_kw: Floats) -> None:
        self.marks, self.store_kw = marks, store_kw
        count = store_kw.shape[1]
        self.energy_off, self.capacity_off = np.zeros(count), np.zeros(count)

    @property
    def on(self) -> Flags:
        return unpacked(self.marks, self.store_kw.shape[1])


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
        self._marks = [raised.asked[k].answers.marks for k in self._vectors]
        weight = self._mixed.weight[:, self._vectors]
        self._weight = np.where(weight.sum(axis=1, keepdims=True) > 0.0, weight, 1.0)
        self._weight /= self._weight.sum(axis=1, keepdims=True)
        prices = table([raised.asked[k].prices for k in self._vectors])
        self._store_kw = mixed_stores(pricer.order, prices, self._weight, workers)
        engines = len(pricer.order.engine_rows)
        self._blocks = max(1, -(-engines // CHOOSERS))

    def choose(
        self, first: float | Flags, enough_usd: float, left_s: Callable[[], float]
    ) -> Choice:
        """A choice for every device.

        Args:
            first: where the even spread begins, 0 to 1: another number, another choice; or on and
                off as bits (engines, bytes) to begin with.
            enough_usd: price of what the rows miss below which to stop.
            left_s: seconds left.
        """
        standing = self._standing(self._spread(first) if isinstance(first, float) else first)
        rows = self._rows(standing)
        missed_usd = rows.missed_usd(standing)
        every = len(standing.marks)
        if self._blocks > 1:
            # What many engines share is cheaper to mend: each block its part, the last the rest.
            sweep = min(self._blocks, SWEEP)
            for number in range(sweep):
                if missed_usd <= enough_usd or left_s() <= 0.0:
                    break
                self._improve(standing, self._block(number, every), rows, [], sweep - number)
                missed_usd = rows.missed_usd(standing)
        # Then what is known, which is quick; then answers to prices that call for what is missing.
        for steer, most in ((False, self._blocks), (True, max(self._blocks, ROUNDS))):
            for number in range(most):
                if missed_usd <= enough_usd or left_s() <= 0.0:
                    break
                block = self._block(number, every)
                steered = self._steered(standing, block, rows) if steer else []
                self._improve(standing, block, rows, steered)
                before_usd, missed_usd = missed_usd, rows.missed_usd(standing)
                if missed_usd > (1.0 - LEAST_GAIN) * before_usd:
                    break
        return Choice(standing.on, standing.store_kw)

    def _block(self, number: int, engines: int) -> Ints:
        """Every so-maniest engine; a prime step visits blocks in no order that sizes know of."""
        return np.arange((number * 7919) % self._blocks, engines, self._blocks)

    def _spread(self, offset: float) -> Flags:
        taken = spread(self._pricer.order.engine_bounds, self._weight, offset)
        marks: Flags = np.empty_like(self._marks[0])
        for number, of in enumerate(self._marks):
            rows = taken == number
            marks[rows] = of[rows]
        return marks

    def _standing(self, marks: Flags) -> _Standing:
        standing = _Standing(marks.copy(), self._store_kw)
        on = standing.on
        power, headroom = self._dispatcher.at_prices(on, standing.store_kw, self._raised.best)
        standing.energy_off = power - self._mixed.power_kw
        spare = headroom - self._mixed.headroom_kw - self._largest(on)
        standing.capacity_off = standing.energy_off + spare
        return standing

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
        output = self._dispatcher.output(standing.on, prices)
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

    def _steered(self, standing: _Standing, block: Ints, rows: _Rows) -> list[Flags]:
        """Answers of a block of engines to prices that call for what is missing."""
        lack = rows.beyond_play(standing.energy_off)
        vectors = steering(self._raised.best, standing.capacity_off, lack)
        asks = Pricer(engines_alone(self._pricer.order, block), self._workers)
        found = [asks.at(one[0], one[1]).marks for one in vectors]
        if self._blocks == 1:
            self._marks = [*self._marks, *found]
            return []
        return found

    def _offered(self, block: Ints, now: Flags, steered: list[Flags]) -> tuple[Flags, _Options]:
        """Schedules known of a block of engines, the one each has first, and those near it."""
        fleet = self._pricer.order.fleet
        engines = engine_rows(fleet.engines, block)
        near = np.empty((NEIGHBOURS, *now.shape), dtype=np.uint8)
        neighbours(engines, 0, len(block), now, fleet.system.count, near)
        offered = np.concatenate(
            [
                now[None],
                *(of[block][None] for of in self._marks),
                *(one[None] for one in steered),
                near,
            ]
        )
        best = np.stack([self._raised.best.energy, self._raised.best.reserve])
        return offered, options_of(engines, offered, best, fleet.step_h, self._workers)

    def hesitant(self, on: Flags, number: int, above_usd: float) -> Schedules | None:
        """Schedules of the engines of a block that could almost as well do something else.

        Args:
            on: the plan's on and off (engines, intervals).
            number: which block of engines.
            above_usd: schedules dearer than this beyond an engine's best are left out.

        Returns:
            The schedules; None when no engine has any choice.
        """
        block = np.arange(number % self._blocks, len(on), self._blocks)
        if not len(block):
            return None
        now = np.packbits(on[block], axis=1, bitorder="little")
        offered, options = self._offered(block, now, [])
        owner = np.repeat(np.arange(len(block)), np.diff(options.first))
        regret = options.excess - np.minimum.reduceat(options.excess, options.first[:-1])[owner]
        taken = np.zeros(len(owner), dtype=bool)
        taken[options.first[:-1]] = True
        kept = np.flatnonzero(taken | (regret < above_usd))
        # The plan's own is kept whatever it costs, then the cheapest.
        kept = kept[np.lexsort((regret[kept], ~taken[kept], owner[kept]))]
        place = np.arange(len(kept)) - np.searchsorted(owner[kept], owner[kept])
        kept = kept[place < SCHEDULES]
        second = np.full(len(block), np.inf)
        other = kept[~taken[kept]]
        np.minimum.at(second, owner[other], regret[other])
        open_ = np.sort(np.argsort(second, kind="stable")[:HESITANT])
        open_ = open_[np.isfinite(second[open_])]
        kept = kept[np.isin(owner[kept], open_)]
        if not len(kept):
            return None
        marks = offered[options.origin[kept], owner[kept]]
        return Schedules(
            rows=block[open_],
            engines=engine_rows(self._pricer.order.fleet.engines, block[open_]),
            engine=np.searchsorted(open_, owner[kept]),
            on=unpacked(marks, on.shape[1]),
            taken=taken[kept],
        )

    def _improve(
        self,
        standing: _Standing,
        block: Ints,
        rows: _Rows,
        steered: list[Flags],
        sharers: int = 1,
    ) -> None:
        """Change schedules of a block, to mend its share of what the rows miss."""
        if not len(block):
            return
        offered, options = self._offered(block, standing.marks[block], steered)
        chosen = options.first[:-1].copy()
        energy, capacity = standing.energy_off / sharers, standing.capacity_off / sharers
        energy_before, capacity_before = energy.copy(), capacity.copy()
        improve(
            options.first,
            options.power,
            options.capacity,
            options.excess,
            rows.surplus_usd,
            rows.missing_usd,
            rows.stiffness * sharers,
            rows.play / sharers,
            chosen,
            energy,
            capacity,
            THRIFT,
        )
        standing.energy_off += energy - energy_before
        standing.capacity_off += capacity - capacity_before
        standing.marks[block] = offered[options.origin[chosen], np.arange(len(block))]


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


@dataclass(frozen=True, slots=True)
class _Options:
    """Different schedules of engines, one after the other; see `price_options`."""

    first: Counts
    power: Singles
    capacity: Singles
    excess: Floats
    origin: Counts


def options_of(
    engines: EngineArrays, offered: Flags, prices: Floats, step_h: float, workers: Workers
) -> _Options:
    """Different schedules among those offered to engines, dispatched and priced.

    Args:
        engines: the engines.
        offered: on and off as bits (schedules, engines, bytes).
        prices: (2, intervals), energy and headroom, USD/kWh.
        step_h: length of an interval, h.
        workers: threads.
    """
    schedules, count, intervals = offered.shape[0], offered.shape[1], prices.shape[1]
    number = np.empty((count, schedules), dtype=np.int32)
    sizes = np.empty(count, dtype=np.int32)
    parts = blocks((0, count))

    def numbering(begin: int, end: int) -> Task:
        return lambda: distinct(offered, begin, end, number, sizes)

    workers.run([numbering(begin, end) for begin, end in parts])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    total = int(first[-1])
    found = _Options(
        first,
        np.empty((total, intervals), dtype=np.float32),
        np.empty((total, intervals), dtype=np.float32),
        np.empty(total),
        np.empty(total, dtype=np.int32),
    )

    def pricing(begin: int, end: int) -> Task:
        return lambda: price_options(
            engines, begin, end, offered, number, first, prices, step_h,
            found.power, found.capacity, found.excess, found.origin,
        )  # fmt: skip

    workers.run([pricing(begin, end) for begin, end in parts])
    return found
