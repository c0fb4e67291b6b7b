"""What planning an engine and a store as one can win, by trying every way to use both."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.planning.worth.kernels import foresee
from gridmuster.planning.worth.runkernels import best_runs
from gridmuster.planning.worth.storeterms import StoreTerms

#: A store of four hourly parts, one of which moves in an hour; an engine that starts in one
#: interval and then runs two at least.
PARTS, START, LEAST, COST, START_USD = 4, 1, 2, 50.0, 15.0
STORE = StoreTerms(PARTS / 0.9, PARTS * 0.8, 0.8, 0.9, 5.0)
#: Power, MW, that a part of the store gives and an engine of the same power.
POWER_MW = 1.0
STORE_MWH = PARTS * POWER_MW / 0.9
OFF, FREE = 0, -1


def best_together(price: np.ndarray, limit_mw: float) -> float:
    """Most that both earn, USD, over all ways to use them whose sum keeps a limit."""
    count = len(price)

    @cache
    def best(t: int, parts: int, engine: int) -> float:
        # `engine`: OFF, FREE to stop, or how many intervals it is still bound, starting included.
        if t == count:
            return 0.0
        found = -np.inf
        for cash, given_mw, after in engine_ways(t, engine):
            for change in (-1, 0, 1):
                if not 0 <= parts + change <= PARTS:
                    continue
                stored_mw = POWER_MW if change < 0 else 0.0
                if given_mw + stored_mw > limit_mw + 1e-9:
                    continue
                share = change / PARTS * STORE_MWH
                own = -price[t] / 0.8 * share if change > 0 else -(price[t] - 5.0) * 0.9 * share
                found = max(found, cash + own + best(t + 1, parts + change, after))
        return found

    def engine_ways(t: int, engine: int) -> list[tuple[float, float, int]]:
        running = (price[t] - COST) * POWER_MW
        if engine == OFF:
            ways = [(0.0, 0.0, OFF)]
            if t + START + LEAST <= count:
                ways.append((-START_USD * POWER_MW, 0.0, LEAST))
            return ways
        if engine == FREE:
            return [(0.0, 0.0, OFF), (running, POWER_MW, FREE)]
        return [(running, POWER_MW, engine - 1 if engine > 1 else FREE)]

    return best(0, 0, OFF)


def apart(price: np.ndarray) -> tuple[float, float]:
    """Most that each earns with a connection of its own, USD."""
    stored = foresee(price, STORE.array(1.0), PARTS, PARTS)[0][0] * STORE_MWH
    run = best_runs(price, len(price), START, LEAST, 0.0, COST, START_USD, 1.0) * POWER_MW
    return float(stored), run


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_only_a_shared_limit_couples_an_engine_and_a_store(seed: int) -> None:
    dice = np.random.default_rng(seed)
    price = np.round(dice.normal(50.0, 60.0, 12), 1)
    stored, run = apart(price)
    # At given prices both add up: planned as one they earn the sum, no less and no more.
    assert best_together(price, 2.0 * POWER_MW) == pytest.approx(stored + run, abs=1e-6)
    shared = best_together(price, POWER_MW)
    assert max(stored, run) - 1e-6 <= shared <= stored + run + 1e-6


def test_a_shared_limit_costs_less_than_half_of_each() -> None:
    # The store sells two peaks of an hour; the engine the long one that it cannot cover.
    price = np.array([10.0, 10.0, 200.0, 10.0, 10.0, 10.0, 90.0, 90.0, 90.0, 90.0, 20.0, 20.0])
    stored, run = apart(price)
    shared = best_together(price, POWER_MW)
    assert 0.5 * (stored + run) < shared < stored + run
