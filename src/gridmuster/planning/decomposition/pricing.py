"""The whole fleet's answer to prices: devices in groups of their like, shared out over threads.

Groups are cut into blocks of fixed bounds and the blocks' sums are added in their order, so that
the result has the same bits however many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gridmuster.planning.decomposition.answer_kernels import engine_answers
from gridmuster.planning.decomposition.fleet import (
    EngineArrays,
    Flags,
    Fleet,
    engine_rows,
    store_rows,
)
from gridmuster.planning.decomposition.store_kernels import store_answers, store_mixes
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats, Ints

#: Most devices in a block: a few tenths of a megabyte, milliseconds of work.
BLOCK = 2048

Task = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Ordered:
    """A fleet with its devices in order of group, and of size within a group.

    ``engine_rows[k]`` is the number that the k-th engine has in the fleet as given; groups of
    engines come first, then those of stores; ``bounds[g]`` is (first, one past the last).
    """

    fleet: Fleet
    engine_rows: Ints
    store_rows: Ints
    engine_bounds: tuple[tuple[int, int], ...]
    store_bounds: tuple[tuple[int, int], ...]

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.engine_bounds) + len(self.store_bounds)


@dataclass(frozen=True, slots=True)
class Answers:
    """What groups of devices answer to prices: arrays (groups, intervals) and (groups,).

    ``cost_usd`` is what the answer costs by itself; ``bound_usd`` is below cost less earnings of
    every answer, ``value_usd`` that of this one. ``marks`` (engines, bytes) has each engine's on
    and off as bits, see `pack`: by them answers are found again without asking twice.
    """

    power_kw: Floats
    headroom_kw: Floats
    cost_usd: Floats
    value_usd: Floats
    bound_usd: Floats
    magnitude_usd: float
    marks: Flags


def unpacked(marks: Flags, count: int) -> Flags:
    """On and off (engines, intervals) from the bits of `Answers`."""
    bits = np.unpackbits(marks, axis=1, count=count, bitorder="little")
    return np.asarray(bits, dtype=np.uint8)


def merit(engines: EngineArrays) -> Floats:
    """Mean cost of a kWh at full output, starts left out, USD."""
    high = np.maximum(engines.high_kw.max(axis=1), 1e-9)
    width = np.minimum(engines.width_kw, high[:, None])
    energy = np.maximum(width.sum(axis=1), 1e-9)
    return np.asarray((engines.hourly_usd + (engines.slope_usd * width).sum(axis=1)) / energy)


def ordered(fleet: Fleet, engine_groups: int, store_groups: int) -> Ordered:
    """Sort a fleet into groups of like devices.

    Args:
        fleet: the fleet.
        engine_groups: groups of engines, by mean cost.
        store_groups: groups of stores, by how long they last.
    """
    engines, stores = fleet.engines, fleet.stores
    size = engines.high_kw.max(axis=1) if len(engines.up) else np.zeros(0)
    of_engines, engine_bounds = _groups(merit(engines), size, engine_groups)
    power = np.maximum(stores.discharge_kw.max(axis=1, initial=0.0), 1e-9)
    of_stores, store_bounds = _groups(stores.max_kwh / power, stores.max_kwh, store_groups)
    return Ordered(
        fleet=Fleet(
            engine_rows(engines, of_engines),
            store_rows(stores, of_stores),
            fleet.system,
            fleet.step_h,
        ),
        engine_rows=of_engines,
        store_rows=of_stores,
        engine_bounds=engine_bounds,
        store_bounds=store_bounds,
    )


def _groups(key: Floats, size: Floats, groups: int) -> tuple[Ints, tuple[tuple[int, int], ...]]:
    count = len(key)
    if count == 0:
        return np.zeros(0, dtype=np.int64), ()
    rank = np.argsort(np.argsort(key, kind="stable"), kind="stable")
    number = rank * min(groups, count) // count
    rows = np.lexsort((np.arange(count), size, number))
    edges = np.searchsorted(number[rows], np.arange(min(groups, count) + 1))
    bounds = tuple((int(a), int(b)) for a, b in pairwise(edges))
    return rows.astype(np.int64), bounds


def engines_alone(order: Ordered, rows: Ints) -> Ordered:
    """Some engines of a fleet as one group, without its stores."""
    fleet, none = order.fleet, np.zeros(0, dtype=np.int64)
    return Ordered(
        fleet=Fleet(
            engine_rows(fleet.engines, rows),
            store_rows(fleet.stores, none),
            fleet.system,
            fleet.step_h,
        ),
        engine_rows=rows,
        store_rows=none,
        engine_bounds=((0, len(rows)),) if len(rows) else (),
        store_bounds=(),
    )


def sampled(order: Ordered, devices: int) -> tuple[Ordered, Floats]:
    """Every so-maniest device of each group, in the group's order of size.

    Args:
        order: a fleet in groups.
        devices: about how many to take.

    Returns:
        The sample in the same groups, and how many devices each of a group stands for (groups,).
    """
    fleet = order.fleet
    share = min(1.0, devices / max(1, fleet.devices))
    engines, engine_bounds, engine_factor = _every(order.engine_bounds, share)
    stores, store_bounds, store_factor = _every(order.store_bounds, share)
    taken = Ordered(
        fleet=Fleet(
            engine_rows(fleet.engines, engines),
            store_rows(fleet.stores, stores),
            fleet.system,
            fleet.step_h,
        ),
        engine_rows=engines,
        store_rows=stores,
        engine_bounds=engine_bounds,
        store_bounds=store_bounds,
    )
    return taken, np.array(engine_factor + store_factor)


def _every(
    bounds: tuple[tuple[int, int], ...], share: float
) -> tuple[Ints, tuple[tuple[int, int], ...], list[float]]:
    rows: list[Ints] = [np.zeros(0, dtype=np.int64)]
    edges, factors, first = [], [], 0
    for begin, end in bounds:
        size = max(1, round((end - begin) * share))
        rows.append(begin + ((np.arange(size) + 0.5) * (end - begin) / size).astype(np.int64))
        edges.append((first, first + size))
        factors.append((end - begin) / size)
        first += size
    return np.concatenate(rows), tuple(edges), factors


class Workers:
    """Threads that compiled kernels run on.

    Args:
        threads: how many.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def run(self, tasks: Sequence[Task]) -> None:
        """Run tasks that write to places of their own; errors surface."""
        if self._pool is None or len(tasks) == 1:
            for task in tasks:
                task()
            return
        for done in [self._pool.submit(task) for task in tasks]:
            done.result()

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()


class Pricer:
    """Asks every device of a fleet for its best answer to prices.

    Args:
        order: the fleet in groups.
        workers: threads.
        stands_for: how many devices each of a group stands for (groups,); None: itself alone.
    """

    def __init__(self, order: Ordered, workers: Workers, stands_for: Floats | None = None) -> None:
        self.order = order
        self._workers = workers
        self._stands_for = np.ones(order.groups) if stands_for is None else stands_for
        self._blocks = [
            (number, begin, end, number < len(order.engine_bounds))
            for number, bounds in enumerate((*order.engine_bounds, *order.store_bounds))
            for begin, end in blocks(bounds)
        ]

    def at(self, energy: Floats, reserve: Floats) -> Answers:
        """Everybody's answer to one price vector.

        Args:
            energy: (intervals,), USD/kWh.
            reserve: (intervals,), USD/kWh of headroom.
        """
        fleet, step_h = self.order.fleet, self.order.fleet.step_h
        count = fleet.system.count
        energy, reserve = np.ascontiguousarray(energy), np.ascontiguousarray(reserve)
        sums = np.zeros((len(self._blocks), 2, count))
        totals = np.zeros((len(self._blocks), 3))
        marks = np.empty((len(fleet.engines.up), (count + 7) // 8), dtype=np.uint8)

        def task(block: int) -> Task:
            _, begin, end, engine = self._blocks[block]

            def run() -> None:
                if engine:
                    engine_answers(
                        fleet.engines, begin, end, energy, reserve, step_h,
                        sums[block], totals[block], marks,
                    )  # fmt: skip
                else:
                    store_answers(
                        fleet.stores, begin, end, energy, reserve, step_h,
                        sums[block], totals[block],
                    )  # fmt: skip

            return run

        self._workers.run([task(block) for block in range(len(self._blocks))])
        return self._collect(Prices(energy, reserve), sums, totals, marks)

    def _collect(self, prices: Prices, sums: Floats, totals: Floats, marks: Flags) -> Answers:
        number = np.array([group for group, _, _, _ in self._blocks], dtype=np.int64)
        by_group = np.zeros((self.order.groups, *sums.shape[1:]))
        values = np.zeros((self.order.groups, 3))
        np.add.at(by_group, number, sums)
        np.add.at(values, number, totals)
        factor = self._stands_for
        power, headroom = by_group[:, 0] * factor[:, None], by_group[:, 1] * factor[:, None]
        value, bound = values[:, 0] * factor, values[:, 1] * factor
        earned = power @ prices.energy + headroom @ prices.reserve
        cost = value + earned * self.order.fleet.step_h
        return Answers(power, headroom, cost, value, bound, float(totals[:, 2].sum()), marks)


def mixed_stores(order: Ordered, vectors: Floats, weight: Floats, workers: Workers) -> Floats:
    """Power of every store, (stores, intervals) kW: its answers to price vectors, mixed by group.

    What a store can do is convex, so that it can follow any mix. Power that a mix would take and
    give at once is left out, which leaves more energy in the store.

    Args:
        order: the fleet in groups.
        vectors: (price vectors, 2, intervals), USD/kWh of energy and of headroom.
        weight: (groups, price vectors); adds up to 1 along a row.
        workers: threads.
    """
    fleet, first = order.fleet, len(order.engine_bounds)
    power = np.zeros((len(fleet.stores.keep), fleet.system.count))
    shares = np.ascontiguousarray(weight)

    def task(group: int, begin: int, end: int) -> Task:
        return lambda: store_mixes(
            fleet.stores, begin, end, vectors, shares[group], fleet.step_h, power
        )

    workers.run(
        [
            task(group, begin, end)
            for group, bounds in enumerate(order.store_bounds, first)
            for begin, end in blocks(bounds)
        ]
    )
    return power


def blocks(bounds: tuple[int, int]) -> list[tuple[int, int]]:
    """A range of devices cut into blocks of at most `BLOCK`."""
    begin, end = bounds
    edges = [*range(begin, end, BLOCK), end]
    return list(pairwise(edges))
