"""What is left once on and off are fixed: a convex problem, answered like the whole one.

Outputs within tanks and the stores' schedules form convex sets, so that a mix of a device's answers
is a schedule it can keep, at no more than the mix's cost. The master's mix therefore is a plan, not
only a bound. A mix that charges and discharges a store at once is written as the net power, which
leaves more energy in the store than the mix has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.planning.decomposition.bounding import (
    Known,
    Raised,
    Search,
    active_vectors,
    raise_bound,
    table,
)
from gridmuster.planning.decomposition.dispatch_kernels import committed_answers
from gridmuster.planning.decomposition.fleet import Flags, Offers
from gridmuster.planning.decomposition.pricing import (
    Answers,
    Ordered,
    Task,
    Workers,
    blocks,
    mixed_stores,
)
from gridmuster.planning.decomposition.store_kernels import store_answers
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats

#: Weights below this are left out of a mix.
LEAST_WEIGHT = 1e-4
#: Search for the dispatch: passes, tolerance and first box as shares, answers known beforehand.
PASSES = 30
SETTLED = 1e-5
BOX = 0.05
KNOWN = 40


@dataclass(frozen=True, slots=True)
class Output:
    """On and off and output of engines, kW; ``frozen`` is 1 where it must not change any more."""

    on: Flags
    frozen: Flags
    power: Floats


class CommittedPricer:
    """Asks engines with fixed on and off whose tanks bind, and stores, for their best answer.

    Args:
        order: the fleet in groups.
        output: on and off, and which engines' tanks bind.
        workers: threads.
    """

    def __init__(self, order: Ordered, output: Output, workers: Workers) -> None:
        self.order = order
        self._on, self._frozen = output.on, output.frozen
        self._workers = workers
        self._blocks = [
            (number, begin, end, number < len(order.engine_bounds))
            for number, bounds in enumerate((*order.engine_bounds, *order.store_bounds))
            for begin, end in blocks(bounds)
        ]

    def at(self, energy: Floats, reserve: Floats) -> Answers:
        """Everybody's answer to one price vector; see `Pricer.at`."""
        none = np.zeros((0, len(energy)))
        return self._answers(Prices(energy, reserve), np.ones(self.order.groups), none)

    def mix(self, vectors: list[Prices], weight: Floats) -> tuple[Floats, Floats]:
        """Output of engines with tanks and power of stores, (devices, intervals) kW, by group.

        Args:
            vectors: price vectors.
            weight: (groups, price vectors).
        """
        engine_kw = np.zeros(self._on.shape)
        if self._frozen.any():
            for number, prices in enumerate(vectors):
                self._answers(prices, weight[:, number], engine_kw)
        return engine_kw, mixed_stores(self.order, table(vectors), weight, self._workers)

    def _answers(self, prices: Prices, weight: Floats, engine_kw: Floats) -> Answers:
        fleet, step_h = self.order.fleet, self.order.fleet.step_h
        count = len(prices.energy)
        energy, reserve = np.ascontiguousarray(prices.energy), np.ascontiguousarray(prices.reserve)
        sums = np.zeros((len(self._blocks), 2, count))
        totals = np.zeros((len(self._blocks), 3))

        def task(block: int) -> Task:
            group, begin, end, engine = self._blocks[block]

            def run() -> None:
                if engine:
                    committed_answers(
                        fleet.engines, begin, end, self._on, self._frozen, energy, reserve, step_h,
                        sums[block], totals[block], float(weight[group]), engine_kw,
                    )  # fmt: skip
                else:
                    store_answers(
                        fleet.stores, begin, end, energy, reserve, step_h,
                        sums[block], totals[block],
                    )  # fmt: skip

            return run

        self._workers.run([task(block) for block in range(len(self._blocks))])
        number = np.array([group for group, _, _, _ in self._blocks], dtype=np.int64)
        by_group = np.zeros((self.order.groups, 2, count))
        values = np.zeros((self.order.groups, 3))
        np.add.at(by_group, number, sums)
        np.add.at(values, number, totals)
        power, headroom = by_group[:, 0], by_group[:, 1]
        earned = (power @ energy + headroom @ reserve) * step_h
        return Answers(
            power, headroom, values[:, 0] + earned, values[:, 0], values[:, 1],
            float(values[:, 2].sum()), np.zeros((0, 0), dtype=np.uint8),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Committed:
    """A fleet with on and off fixed.

    ``base_kw`` is what engines whose tanks do not bind give anyway, ``offers`` what they could give
    above it; ``base_headroom_kw`` is their headroom then; all (intervals,).
    """

    order: Ordered
    output: Output
    base_kw: Floats
    base_headroom_kw: Floats
    offers: Offers

    def rest(self) -> Ordered:
        """The fleet that is left to be asked: its rows are less what stands already."""
        fleet = self.order.fleet
        system = replace(
            fleet.system,
            demand_kw=fleet.system.demand_kw - self.base_kw,
            reserve_kw=fleet.system.reserve_kw - self.base_headroom_kw,
            offers=self.offers,
        )
        return replace(self.order, fleet=replace(fleet, system=system))


def settle(
    fleet: Committed, raised: Raised, workers: Workers, left_s: Callable[[], float]
) -> tuple[Floats, Floats, Prices]:
    """Output of engines whose tanks bind, and power of stores, that balance best.

    Args:
        fleet: what is on.
        raised: the bound's prices, and what stores have answered on the way.
        workers: threads.
        left_s: seconds left.

    Returns:
        Output (engines, intervals), power of stores, and the prices.
    """
    rest = fleet.rest()
    pricer = CommittedPricer(rest, fleet.output, workers)
    width = BOX * max(float(np.abs(raised.best.energy).mean()), 1e-3)
    search = Search(SETTLED, PASSES, width, balanced=True)
    asked = [raised.asked[k] for k in active_vectors(raised, KNOWN)]
    known = Known(asked, len(fleet.order.engine_bounds))
    found = raise_bound(pricer, raised.best, search, left_s, known)
    weight = np.where(found.mixed.weight < LEAST_WEIGHT, 0.0, found.mixed.weight)
    taken = np.flatnonzero(weight.max(axis=0) > 0.0)
    weight = weight[:, taken] / weight[:, taken].sum(axis=1, keepdims=True)
    engine_kw, store_kw = pricer.mix([found.asked[k].prices for k in taken], weight)
    return engine_kw, store_kw, found.best
