"""Worth of energy and of run-hours against linear programmes, brute force and each other."""

from __future__ import annotations

from functools import cache

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.planning.worth.hourworth import Offers, hour_worth
from gridmuster.planning.worth.kernels import appraise, foresee, walk
from gridmuster.planning.worth.runchoice import RunState, choose_run
from gridmuster.planning.worth.runkernels import NO, best_runs, follow, gains, published_gains
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.sitekernels import walk_site
from gridmuster.planning.worth.storechoice import StoreState, choose
from gridmuster.planning.worth.storeterms import StoreTerms

#: A store whose steps lie on the grid of 1,000 points: a tenth drawn, 0.081 stored at a step.
TERMS = StoreTerms(1.0 / 0.09, 1.0 / 0.09, 0.9, 0.9, 10.0)
ARRAY = TERMS.array(1.0)
seeds = st.integers(0, 10**6)


def prices(seed: int, count: int) -> np.ndarray:
    dice = np.random.default_rng(seed)
    calm = 40.0 + 15.0 * np.sin(np.arange(count) / 3.0) + 10.0 * dice.normal(size=count)
    return np.maximum(calm, 0.0) + (dice.random(count) < 0.08) * dice.exponential(300.0, count)


def by_linear_programme(price: np.ndarray) -> float:
    """Most that the store earns: charge, discharge and energy of each interval as columns."""
    count = len(price)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    dt = 0.09 * 1.0
    for t in range(count):
        solver.addVar(0.0, dt)
        solver.changeColCost(3 * t, -price[t])
        solver.addVar(0.0, dt)
        solver.changeColCost(3 * t + 1, price[t] - 10.0)
        solver.addVar(0.0, 1.0)
    for t in range(count):
        places, values = [3 * t + 2, 3 * t, 3 * t + 1], [1.0, -0.9, 1.0 / 0.9]
        if t:
            places.append(3 * t - 1)
            values.append(-1.0)
        solver.addRow(0.0, 0.0, len(places), np.array(places, np.int32), np.array(values))
    solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
    solver.run()
    return float(solver.getInfo().objective_function_value)


@given(seeds)
@settings(max_examples=12, deadline=None)
def test_perfect_foresight_of_a_store_is_the_linear_programmes(seed: int) -> None:
    price = prices(seed, 60)
    value, slopes = foresee(price, ARRAY, 1000, 1000)
    assert value[0] == pytest.approx(by_linear_programme(price), rel=1e-9, abs=1e-9)
    # Choices by the worth it states earn what it states, and are judged so.
    cash, level = walk(price, price, slopes, ARRAY, 0.0, np.ones(60))
    assert cash.sum() == pytest.approx(value[0], rel=0.02)
    assert level.min() >= 0.0
    assert level.max() <= 1.0
    assert appraise(price, price, slopes, ARRAY, 1000, 10)[0, 0] == pytest.approx(
        foresee(price, ARRAY, 1000, 10)[1][0, 0], rel=0.05, abs=0.5
    )


@given(seeds, st.sampled_from([0.0, 0.4, 1.0]))
@settings(max_examples=30, deadline=None)
def test_one_choice_is_what_the_replay_does(seed: int, room: float) -> None:
    dice = np.random.default_rng(seed)
    price = prices(seed, 40) - 20.0
    price[7] = np.nan
    worth = -np.sort(-dice.uniform(10.0, 90.0, (40, 8)), axis=1)
    cash, level = walk(price, price, worth, ARRAY, 0.3, np.full(40, room))
    energy = 0.3
    for t in range(40):
        state = StoreState(energy * 500.0, 500.0, room * 45.0)
        choice = choose(state, TERMS, float(price[t]), worth[t], 1.0)
        assert choice.energy_kwh == pytest.approx(level[t] * 500.0, abs=1e-6)
        if t != 7:
            wear = 0.01 * max(choice.power_kw, 0.0)
            earned = choice.power_kw * price[t] / 1000.0 - wear
            assert earned == pytest.approx(cash[t] * 0.5, abs=1e-6)
        energy = choice.energy_kwh / 500.0


def test_reasons_name_the_numbers() -> None:
    worth = np.linspace(60.0, 40.0, 8)
    half = StoreState(250.0, 500.0)
    assert "above 66 USD/MWh" in choose(half, TERMS, 200.0, worth, 1.0).reason
    assert "below 45 USD/MWh" in choose(half, TERMS, 5.0, worth, 1.0).reason
    assert "lies between 45 and 66" in choose(half, TERMS, 55.0, worth, 1.0).reason
    assert "it is full" in choose(StoreState(500.0, 500.0), TERMS, 5.0, worth, 1.0).reason
    assert "it is empty" in choose(StoreState(0.0, 500.0), TERMS, 500.0, worth, 1.0).reason
    blocked = choose(StoreState(250.0, 500.0, 0.0), TERMS, 200.0, worth, 1.0)
    assert (blocked.power_kw, "no room" in blocked.reason) == (0.0, True)


LINE = (1, 2, 0.25, 50.0, 20.0, 1.0)


def by_enumeration(price: np.ndarray, budget: int) -> float:
    """Most that an engine of `LINE` earns, over all ways to run it."""
    count = len(price)

    @cache
    def off(t: int, left: int) -> float:
        if t >= count:
            return 0.0
        best = off(t + 1, left)
        if left >= 2 and t + 3 <= count:
            run = price[t + 1] * 0.75 + price[t + 2] - 100.0 - 20.0
            best = max(best, run + on(t + 3, left - 2))
        return best

    def on(t: int, left: int) -> float:
        if t >= count:
            return 0.0
        stop = off(t + 1, left)
        return max(stop, price[t] - 50.0 + on(t + 1, left - 1)) if left else stop

    return off(0, budget)


@given(seeds, st.integers(0, 14))
@settings(max_examples=60, deadline=None)
def test_perfect_foresight_of_an_engine_is_that_of_all_ways_to_run_it(
    seed: int, budget: int
) -> None:
    price = prices(seed, 14) * 1.5
    found = best_runs(price, budget, *LINE)
    assert found == pytest.approx(by_enumeration(price, budget), abs=1e-9)
    none = np.zeros(14, np.bool_)
    begin, further, whole = gains(price, none, none, True, *LINE)
    assert whole == pytest.approx(by_enumeration(price, 14), abs=1e-9)
    # An engine that follows the gains of perfect foresight earns what perfect foresight does.
    cash, power, _ = follow(price, begin, further, np.zeros((1, 15)), 14, *LINE)
    assert cash.sum() == pytest.approx(whole, abs=1e-9)
    cash, power, starts = follow(price, begin, further, np.zeros((1, budget + 1)), budget, *LINE)
    assert (power > 0.0).sum() <= budget
    assert cash.sum() <= found + 1e-9
    assert (starts > 0) == bool(power.any())


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_published_prices_that_come_true_are_earned_in_full(seed: int) -> None:
    # Two days and a third without demand, told day by day, each before the one in hand ends.
    price = np.concatenate([prices(seed, 48) * 1.5, np.zeros(24)])
    spans = np.array([[0, 12, 72], [12, 36, 72], [36, 72, 72]], np.int64)
    begin, further = published_gains(price, spans, 24, *LINE)
    cash, _, _ = follow(price, begin, further, np.zeros((1, 73)), 72, *LINE)
    assert cash.sum() == pytest.approx(best_runs(price, 72, *LINE), abs=1e-9)


@given(seeds, st.integers(0, 20), st.floats(0.0, 40.0))
@settings(max_examples=40, deadline=None)
def test_one_run_choice_is_what_the_replay_does(seed: int, budget: int, kept: float) -> None:
    dice = np.random.default_rng(seed)
    price = prices(seed, 40)
    begin, further = dice.uniform(-200.0, 60.0, (2, 40))
    worth = np.full((1, budget + 1), kept)
    _, power, starts = follow(price, begin, further, worth, budget, *LINE)
    terms = RunTerms(3600.0, 7200.0, 1800.0, 50.0, 20.0)
    running, free_at, left, seen = False, 0, budget, 0
    for t in range(40):
        if t < free_at:
            continue
        state = RunState(running, float(left), kept)
        choice = choose_run(state, terms, float(begin[t]), float(further[t]), 3600)
        assert choice.reason
        if running:
            running = choice.run
            left -= int(choice.run)
            assert choice.run == (power[t] > 0.0)
        elif choice.run and t + 3 <= 40:
            running, free_at, left, seen = True, t + 3, left - 2, seen + 1
    assert seen == starts


@given(seeds, st.floats(0.5, 3.0))
@settings(max_examples=40, deadline=None)
def test_a_site_keeps_its_limit_and_without_one_is_its_parts(seed: int, limit_mw: float) -> None:
    dice = np.random.default_rng(seed)
    price = prices(seed, 60)
    worth = -np.sort(-dice.uniform(10.0, 90.0, (60, 8)), axis=1)
    begin, further = dice.uniform(-300.0, 100.0, (2, 60))
    kept, engine = np.zeros((1, 31)), np.array([1.0, 2.0, 0.25, 50.0, 20.0, 1.0])
    store_mw, store_mwh = 1.0, 1.0 / 0.09
    line = (price, price, worth, ARRAY, begin, further, kept, engine, 30)
    site = np.array([store_mw, store_mwh, limit_mw, 1.0, 1.0])
    _, _, power, level, _ = walk_site(*line, site)
    before = np.concatenate([[0.0], level[:-1]])
    given_mw = np.clip(before - level, 0.0, None) * 0.9 * store_mwh
    assert (given_mw + power <= max(limit_mw, 1.0) + 1e-9).all()
    free = walk_site(*line, np.array([store_mw, store_mwh, 2.0, 1.0, 1.0]))
    alone = follow(price, begin, further, kept, 30, *LINE)
    assert free[0].sum() == pytest.approx(alone[0].sum())
    assert np.array_equal(free[2], alone[1])
    single = walk(price, price, worth, ARRAY, 0.0, np.ones(60))
    assert free[1].sum() == pytest.approx(single[0].sum() * store_mwh)
    assert free[4] == alone[2]


def test_a_start_that_costs_the_store_its_room_waits() -> None:
    price = np.array([40.0, 300.0, 40.0, 40.0, 40.0, 40.0])
    worth = np.full((6, 8), 60.0)
    worth[0] = 200.0
    begin = np.array([NO, 20.0, NO, NO, NO, NO])
    engine = np.array([0.0, 1.0, 0.0, 290.0, 0.0, 1.0])
    hour = StoreTerms(1.0, 1.0, 0.9, 0.9, 0.0).array(1.0)
    line = (price, price, worth, hour, begin, np.full(6, NO), np.zeros((1, 7)), engine, 6)
    eager = walk_site(*line, np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    heedful = walk_site(*line, np.array([1.0, 1.0, 1.0, 1.0, 1.0]))
    assert (eager[4], heedful[4]) == (1, 0)
    gained = heedful[0].sum() + heedful[1].sum() - eager[0].sum() - eager[1].sum()
    # 300 sold and 40 bought again, both with losses, less the 10 the engine would have made.
    assert gained == pytest.approx(0.81 * 300.0 - 40.0 - 10.0)


def test_hours_are_worth_what_the_days_left_offer() -> None:
    # Every day offers one interval that gains 100; of ten days all but the hours left go unused.
    offers = Offers(np.arange(10), np.full(10, 100.0), np.ones(10, np.int64))
    worth = hour_worth(offers, 0, 10, 12)
    # On the first day nine days are left after it: nine hours are worth 100, more are worth none.
    assert worth[0, 1:10] == pytest.approx(np.full(9, 100.0))
    assert worth[0, 10:] == pytest.approx(np.zeros(3))
    assert worth[9] == pytest.approx(np.zeros(13))
