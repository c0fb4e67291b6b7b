"""Plan a fleet: bound, choice, dispatch, until the gap or the time is reached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.decomposition.bounding import (
    Raised,
    Search,
    first_prices,
    proven,
    raise_bound,
)
from gridmuster.planning.decomposition.choosing import Chooser
from gridmuster.planning.decomposition.dispatching import Dispatcher
from gridmuster.planning.decomposition.fleet import Fleet
from gridmuster.planning.decomposition.plan import FleetPlan, as_given
from gridmuster.planning.decomposition.pricing import Ordered, Pricer, Workers, ordered, sampled
from gridmuster.planning.decomposition.system import Prices

#: Groups of engines and of stores.
ENGINE_GROUPS, STORE_GROUPS = 10, 15
#: Fleets larger than twice this get their first prices from a sample of it.
SAMPLE = 6000
#: Most passes over a small fleet, and over a large one, whose prices a sample has found.
PASSES, LARGE_PASSES = 60, 14
#: First box about prices of an earlier plan, as a share, and about a sample's, in its last boxes.
WARM, WIDER = 0.05, 4.0
#: Most choices tried.
TRIES, LARGE_TRIES = 12, 3
#: Steps between the offsets of tries: the square of 1 / the golden ratio.
OFFSET = 0.3819660112501051
#: Share of the gap asked for that the rows of a choice may miss.
ENOUGH = 0.1


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """How well and how long: relative gap, wall time, threads."""

    gap: float = 1e-3
    time_limit_s: float = 60.0
    threads: int = 2


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """The best plan found and what is proven: no plan costs less than ``bound_usd``."""

    plan: FleetPlan
    bound_usd: float
    prices: Prices
    seconds: float
    passes: int

    @property
    def gap(self) -> float:
        """Share of its cost by which the plan may be above the optimum."""
        above = max(0.0, self.plan.cost_usd - self.bound_usd)
        return above / max(abs(self.plan.cost_usd), 1e-9) if above > 1e-9 else 0.0


def solve_fleet(fleet: Fleet, limits: FleetLimits, first: Prices | None = None) -> FleetAnswer:
    """Plan a fleet.

    Args:
        fleet: the fleet.
        limits: when to stop.
        first: prices of an earlier plan of about the same fleet.
    """
    began_s = stopwatch_s()

    def left_s() -> float:
        return limits.time_limit_s - (stopwatch_s() - began_s)

    workers = Workers(limits.threads)
    try:
        order = ordered(fleet, ENGINE_GROUPS, STORE_GROUPS)
        pricer, dispatcher = Pricer(order, workers), Dispatcher(order, workers)
        prices = first_prices(fleet.system) if first is None else first
        width = None if first is None else WARM * max(float(np.abs(first.energy).mean()), 1e-3)
        large = fleet.devices > 2 * SAMPLE
        if first is None and large:
            small = _on_sample(order, workers, prices, left_s)
            prices, width = small.best, WIDER * small.width
        search = Search(0.05 * limits.gap, LARGE_PASSES if large else PASSES, width)
        raised = raise_bound(pricer, prices, search, left_s)
        chooser = Chooser(pricer, dispatcher, raised, workers)
        best: FleetPlan | None = None
        enough_usd = ENOUGH * limits.gap * abs(raised.bound_usd)
        for number in range(LARGE_TRIES if large else TRIES):
            choice = chooser.choose(number * OFFSET, enough_usd, left_s)
            plan = dispatcher.plan(choice.on, raised, left_s)
            if best is None or plan.cost_usd < best.cost_usd:
                best = plan
            done = best.cost_usd - raised.bound_usd <= limits.gap * abs(best.cost_usd)
            if done or left_s() <= 0.0:
                break
        assert best is not None
        bound = proven(raised.bound_usd, best.cost_usd)
        plan = as_given(best, order)
    finally:
        workers.close()
    return FleetAnswer(plan, bound, raised.best, stopwatch_s() - began_s, len(raised.asked))


def _on_sample(order: Ordered, workers: Workers, prices: Prices, left_s: object) -> Raised:
    taken, stands_for = sampled(order, SAMPLE)
    assert callable(left_s)
    return raise_bound(
        Pricer(taken, workers, np.asarray(stands_for)), prices, Search(3e-6, 80), left_s
    )
