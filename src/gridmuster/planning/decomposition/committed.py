"""What is left once on and off are fixed: a convex problem, answered like the whole one.

Outputs within tanks and the stores' schedules form convex sets, so that a mix of a device's answers
is a schedule it can keep, at no more than the mix's cost. The master's mix therefore is a plan, not
only a bound. A mix that charges and discharges a store at once is written as the net power, which
leaves more energy in the store than the mix has.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gridmuster.planning.decomposition.bounding import Search, raise_bound
from gridmuster.planning.decomposition.dispatch_kernels import committed_answers
from gridmuster.planning.decomposition.fleet import Flags
from gridmuster.planning.decomposition.pricing import Answers, Ordered, Task, Workers, blocks
from gridmuster.planning.decomposition.store_kernels import store_answers
from gridmuster.planning.decomposition.system import Prices
from gridmuster.planning.linear import Floats

#: Weights below this are left out of a mix.
LEAST_WEIGHT = 1e-4


class CommittedPricer:
    """Asks engines with fixed on and off, and stores, for their best answer to prices.

    Args:
        order: the fleet in groups.
        on: on and off (engines, intervals).
        workers: threads.
    """

    def __init__(self, order: Ordered, on: Flags, workers: Workers) -> None:
        self.order = order
        self._on = on
        self._workers = workers
        self._blocks = [
            (number, begin, end, number < len(order.engine_bounds))
            for number, bounds in enumerate((*order.engine_bounds, *order.store_bounds))
            for begin, end in blocks(bounds)
        ]

    def at(self, energy: Floats, reserve: Floats) -> Answers:
        """Everybody's answer to one price vector; see `Pricer.at`."""
        count = len(energy)
        none = np.zeros((0, count))
        return self._answers(Prices(energy, reserve), np.ones(self.order.groups), none, none)

    def mix(self, vectors: list[Prices], weight: Floats) -> tuple[Floats, Floats]:
        """Output of engines and power of stores, (devices, intervals) kW, mixed by group.

        Args:
            vectors: price vectors.
            weight: (groups, price vectors).
        """
        fleet = self.order.fleet
        engine_kw = np.zeros(self._on.shape)
        store_kw = np.zeros((len(fleet.stores.keep), fleet.system.count))
        room = np.zeros(store_kw.shape)
        for number, prices in enumerate(vectors):
            self._answers(prices, weight[:, number], engine_kw, room)
            for group, (begin, end) in enumerate(
                self.order.store_bounds, len(self.order.engine_bounds)
            ):
                store_kw[begin:end] += weight[group, number] * room[begin:end]
        return engine_kw, store_kw

    def _answers(
        self, prices: Prices, weight: Floats, engine_kw: Floats, store_kw: Floats
    ) -> Answers:
        fleet, step_h = self.order.fleet, self.order.fleet.step_h
        count = len(prices.energy)
        sums = np.zeros((len(self._blocks), 2, count))
        totals = np.zeros((len(self._blocks), 3))
        vectors = np.ascontiguousarray(np.stack([prices.energy, prices.reserve])[None])
        choice = np.zeros(len(fleet.stores.keep), dtype=np.int32)

        def task(block: int) -> Task:
            group, begin, end, engine = self._blocks[block]

            def run() -> None:
                if engine:
                    committed_answers(
                        fleet.engines, begin, end, self._on, prices.energy, prices.reserve, step_h,
                        sums[block], totals[block], float(weight[group]), engine_kw,
                    )  # fmt: skip
                else:
                    store_answers(
                        fleet.stores, begin, end, vectors, choice, step_h,
                        sums[block], totals[block], store_kw,
                    )  # fmt: skip

            return run

        self._workers.run([task(block) for block in range(len(self._blocks))])
        number = np.array([group for group, _, _, _ in self._blocks])
        by_group = np.zeros((self.order.groups, 2, count))
        values = np.zeros((self.order.groups, 3))
        np.add.at(by_group, number, sums)
        np.add.at(values, number, totals)
        power, headroom = by_group[:, 0], by_group[:, 1]
        earned = (power @ prices.energy + headroom @ prices.reserve) * step_h
        return Answers(
            power, headroom, values[:, 0] + earned, values[:, 0], values[:, 1],
            float(values[:, 2].sum()),
        )  # fmt: skip


def settle(
    pricer: CommittedPricer, first: Prices, search: Search, left_s: Callable[[], float]
) -> tuple[Floats, Floats, Prices]:
    """Output of engines and power of stores that balance best with on and off fixed.

    Args:
        pricer: asks the devices.
        first: prices to begin with.
        search: how long.
        left_s: seconds left.

    Returns:
        Output (engines, intervals), power of stores, and the prices.
    """
    raised = raise_bound(pricer, first, search, left_s)
    weight = np.where(raised.mixed.weight < LEAST_WEIGHT, 0.0, raised.mixed.weight)
    taken = np.flatnonzero(weight.max(axis=0) > 0.0)
    weight = weight[:, taken] / weight[:, taken].sum(axis=1, keepdims=True)
    engine_kw, store_kw = pricer.mix([raised.asked[k].prices for k in taken], weight)
    return engine_kw, store_kw, raised.best
