"""The models of market forecasts against other people's, brute force and closed forms."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_series import HOUR_MS, START_MS, column, day_ms, market
from sklearn.linear_model import Lasso, LassoLarsIC, LogisticRegression

from gridmuster.errors import PlanningError
from gridmuster.forecast.market import calibration, scarcity
from gridmuster.forecast.market.asking import Asks, Repeated, Schedule
from gridmuster.forecast.market.calibration import Calibrator, Given
from gridmuster.forecast.market.dayahead import Span, kernel, lear
from gridmuster.forecast.market.daytable import day_table
from gridmuster.forecast.market.history import Floats, MarketHistory
from gridmuster.forecast.market.kernels import best_weight, descend
from gridmuster.forecast.market.metrics import (
    PERCENTILES,
    chance_above,
    coverage,
    crps,
    mae,
    pinball,
    smape,
)
from gridmuster.forecast.market.scarcity import Chances, Scarcity, chances
from gridmuster.forecast.market.wallclock import wall_clock_of

SEEDS = st.integers(0, 10_000)


def regression(seed: int) -> tuple[Floats, Floats]:
    dice = np.random.default_rng(seed)
    inputs = dice.normal(size=(40, 12)) @ dice.normal(size=(12, 12))
    inputs -= inputs.mean(axis=0)
    outcome = inputs[:, :3] @ dice.normal(size=3) + dice.normal(size=40)
    return inputs, outcome - outcome.mean()


@given(SEEDS, st.floats(0.01, 0.9))
@settings(max_examples=25)
def test_the_lasso_is_that_of_others(seed: int, share: float) -> None:
    inputs, outcome = regression(seed)
    rows = len(outcome)
    weight = share * float(np.abs(inputs.T @ outcome).max()) / rows
    found = np.zeros(12)
    descend(inputs.T @ inputs / rows, weight, found, inputs.T @ outcome / rows, 100_000, 1e-11)
    other = Lasso(alpha=weight, fit_intercept=False, tol=1e-12, max_iter=200_000)
    assert found == pytest.approx(other.fit(inputs, outcome).coef_, abs=1e-5)


def test_a_warm_start_gives_the_same_answer() -> None:
    inputs, outcome = regression(1)
    gram, pull = inputs.T @ inputs / 40, inputs.T @ outcome / 40
    cold = np.zeros(12)
    descend(gram, 0.1, cold, pull.copy(), 100_000, 1e-12)
    warm = np.linspace(-1.0, 1.0, 12)
    descend(gram, 0.1, warm, pull - gram @ warm, 100_000, 1e-12)
    assert warm == pytest.approx(cold, abs=1e-8)


def test_the_chosen_weight_keeps_what_matters() -> None:
    dice = np.random.default_rng(3)
    inputs = dice.normal(size=(200, 20))
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    outcome = 2.0 * inputs[:, 0] - inputs[:, 1] + 0.5 * dice.normal(size=200)
    outcome -= outcome.mean()
    pull = inputs.T @ outcome / 200
    weights = float(np.abs(pull).max()) * np.geomspace(1.0, 1e-3, 60)
    gram = inputs.T @ inputs / 200
    chosen = weights[best_weight(gram, pull, float((outcome**2).mean()), 200, weights)]
    found = np.zeros(20)
    descend(gram, chosen, found, pull.copy(), 10_000, 1e-10)
    other = LassoLarsIC(criterion="aic", fit_intercept=False).fit(inputs, outcome)
    assert found[:2] == pytest.approx(other.coef_[:2], abs=0.05)
    assert np.count_nonzero(found) < 12


def test_whole_days_follow_load_better_than_last_week() -> None:
    history = market(140)
    last = int(wall_clock_of(np.array([day_ms(139)]), history.zone).day[0])
    table = day_table(history, "da_price", last)
    span = Span(len(table.days) - 20, len(table.days))
    truth = table.target.gather(table.hours_ms[-20:], np.array(10**15))
    week = table.target.gather(table.hours_ms[-27:-7], np.array(10**15))
    for model in (lear, kernel):
        error = mae(model(table, span, 120), truth)
        assert error < 0.85 * mae(week, truth)


def test_crps_of_a_normal_is_its_closed_form() -> None:
    dice = np.random.default_rng(5)
    truth = dice.normal(size=4000)
    # Quantiles of the standard normal by sorting a million draws: no second formula needed.
    levels = np.quantile(np.random.default_rng(6).normal(size=1_000_000), PERCENTILES)
    got = crps(np.repeat(levels[:, None], len(truth), axis=1), truth)
    # Gneiting and Raftery 2007, eq. 21, averaged over the outcomes: 1 / sqrt(pi).
    assert got == pytest.approx(1.0 / np.sqrt(np.pi), rel=0.03)


def test_scores_of_small_cases_by_hand() -> None:
    told, truth = np.array([1.0, 3.0]), np.array([2.0, 1.0])
    assert mae(told, truth) == 1.5
    assert smape(told, truth) == pytest.approx((2 * 1 / 3 + 2 * 2 / 4) / 2)
    assert pinball(told[None, :], truth, (0.25,))[0] == pytest.approx((0.25 * 1 + 0.75 * 2) / 2)
    assert coverage(told - 1.0, told, truth) == 0.0
    assert coverage(told - 2.0, told + 1.0, truth) == 1.0


@given(SEEDS, st.floats(-5, 5))
@settings(max_examples=30)
def test_chances_above_a_limit_fall_as_it_rises(seed: int, limit: float) -> None:
    dice = np.random.default_rng(seed)
    quantiles = np.sort(dice.normal(size=(99, 3)), axis=0)
    low, high = chance_above(quantiles, limit), chance_above(quantiles, limit + 0.5)
    assert ((low > 0) & (low < 1) & (high <= low + 1e-12)).all()
    middle = chance_above(quantiles[:, :1], float(quantiles[49, 0]))
    assert middle[0] == pytest.approx(0.5)


def drifting(days: int, seed: int) -> tuple[MarketHistory, Asks, Given]:
    """A point forecast of zero, and misses that grow, shrink and lean with the seasons."""
    dice = np.random.default_rng(seed)
    hours = days * 24
    starts = START_MS + HOUR_MS * np.arange(hours, dtype=np.int64)
    turn = 2 * np.pi * np.arange(hours) / (120 * 24)
    size = (1.0 + 0.8 * np.sin(turn)) * (1.0 + 0.5 * (np.arange(hours) % 24 > 15))
    outcome = size * dice.standard_t(4, hours) + 0.4 * np.cos(turn)
    history = MarketHistory("made", "UTC", {"x": column(outcome, starts + HOUR_MS)})
    asks = Asks(starts // (24 * HOUR_MS) * 24 * HOUR_MS, starts)
    members = np.stack([np.zeros(hours), 0.3 * dice.normal(size=hours)])
    return history, asks, Given(("zero", "noise"), members, None, 8.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bands_hold_while_the_market_drifts(seed: int) -> None:
    history, asks, given_ = drifting(400, seed)
    told = Calibrator(history, "x", asks, given_).run()
    late = slice(60 * 24, None)
    truth = history.truth("x", asks.start_ms)[late]
    assert 0.87 <= coverage(told.quantiles[4, late], told.quantiles[94, late], truth) <= 0.93
    assert 0.46 <= coverage(told.quantiles[24, late], told.quantiles[74, late], truth) <= 0.54
    assert (np.diff(told.quantiles[:, late], axis=0) >= 0).all()
    assert np.isnan(told.quantiles[:, :24]).all()


def test_the_worse_member_loses_its_weight() -> None:
    history, asks, given_ = drifting(60, 4)
    bad = Given(("zero", "far"), given_.members + np.array([[0.0], [9.0]]), None, 8.0)
    told = Calibrator(history, "x", asks, bad).run()
    assert told.weights[0, 0] == pytest.approx(0.5)
    assert told.weights[0, -1] > 0.99


def test_the_push_alone_brings_a_band_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fresh percentiles the tracker still finds a shift of all outcomes."""
    history, asks, given_ = drifting(200, 9)
    shifted = history.column("x").values + np.where(np.arange(200 * 24) > 100 * 24, 6.0, 0.0)
    moved = MarketHistory(
        "made", "UTC", {"x": column(shifted, history.column("x").known_ms.astype(float))}
    )
    monkeypatch.setattr(calibration, "PUSH", 0.01)
    monkeypatch.setattr(calibration, "REFRESH_H", 24 * 190)
    told = Calibrator(moved, "x", asks, given_).run()
    late = slice(150 * 24, None)
    truth = moved.truth("x", asks.start_ms)[late]
    assert 0.85 <= coverage(told.quantiles[4, late], told.quantiles[94, late], truth) <= 0.95


def test_schedules_issue_when_they_say() -> None:
    history = market(30)
    day = Schedule("rt_price", "24h").asks(history, day_ms(10), day_ms(12))
    # Day-ahead prices are out at eleven on the day before, thirteen hours before midnight.
    assert set(day.issue_ms.tolist()) == {day_ms(10) - 13 * HOUR_MS, day_ms(11) - 13 * HOUR_MS}
    auction = Schedule("da_price", "24h").asks(history, day_ms(10), day_ms(11))
    assert set(auction.issue_ms.tolist()) == {day_ms(10) - 14 * HOUR_MS}
    hour = Schedule("rt_price", "1h").asks(history, day_ms(10), day_ms(11))
    assert (hour.issue_ms == hour.start_ms).all()
    wish = Repeated("rt_price", day_ms(10), day_ms(10) + HOUR_MS * np.arange(1, 4))
    asked = wish.asks(history, day_ms(8), day_ms(11))
    leads = (asked.start_ms - asked.issue_ms) / HOUR_MS
    assert leads.tolist() == [1.0, 2.0, 3.0] * 3
    assert asked.issue_ms[-1] == day_ms(10)
    with pytest.raises(PlanningError, match="no column 'sun'"):
        Schedule("sun", "1h").asks(history, 0, 1)


def test_the_logistic_regression_is_that_of_others() -> None:
    dice = np.random.default_rng(8)
    inputs = np.column_stack([np.ones(500), dice.normal(size=(500, 3))])
    odds = inputs @ np.array([-1.0, 1.0, -0.5, 0.0])
    outcome = (dice.random(500) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
    weights = dice.uniform(0.5, 2.0, 500)
    found = scarcity.logistic(inputs, outcome, weights)
    other = LogisticRegression(C=1.0 / scarcity.RIDGE, tol=1e-10, max_iter=5000)
    other.fit(inputs[:, 1:], outcome, sample_weight=weights)
    assert found == pytest.approx([*other.intercept_, *other.coef_[0]], abs=1e-4)


@given(SEEDS, st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_the_chain_of_chances_counts_every_path(seed: int, need: int, under_way: int) -> None:
    """Against all 2^6 paths of a window, with a run of some length under way at its start."""
    dice = np.random.default_rng(seed)
    values = np.full(60, 10.0)
    if under_way:
        values[48 - under_way : 48] = 200.0
    starts = START_MS + HOUR_MS * np.arange(60)
    history = MarketHistory("made", "UTC", {"rt_price": column(values, starts + HOUR_MS)})
    look = scarcity._Lookout(history, Scarcity("rt_price", 100.0, need, 6))
    issue = np.array([START_MS + 48 * HOUR_MS])
    now, age = look.now(issue)
    assert age[0] == under_way
    width = look.inputs(issue, now, 0).shape[1]
    fitted = scarcity._Chain(0.5 * dice.normal(size=width), 0.5 * dice.normal(size=width + 3))
    total = 0.0
    for path in itertools.product((0, 1), repeat=6):
        weight, going, inside, longest = 1.0, under_way, 0, 0
        for lead, above in enumerate(path):
            inputs = look.inputs(issue, now, lead)
            if going:
                odds = np.hstack([inputs, scarcity._age_parts(np.array([going]))]) @ fitted.stay
            else:
                odds = inputs @ fitted.begin
            chance = float(1.0 / (1.0 + np.exp(-odds[0])))
            weight *= chance if above else 1.0 - chance
            going, inside = (going + 1, inside + 1) if above else (0, 0)
            longest = max(longest, inside)
        total += weight * (longest >= need)
    assert scarcity._chain(look, fitted, issue)[0] == pytest.approx(total, abs=1e-12)


def sticky(hours: int, seed: int) -> MarketHistory:
    """A price that is high in spells: they begin more often in the evening, and last hours."""
    dice = np.random.default_rng(seed)
    starts = START_MS + HOUR_MS * np.arange(hours, dtype=np.int64)
    high = np.zeros(hours, bool)
    for k in range(1, hours):
        chance = 0.75 if high[k - 1] else (0.08 if k % 24 > 15 else 0.01)
        high[k] = dice.random() < chance
    values = np.where(high, 250.0, 40.0) + dice.normal(size=hours)
    return MarketHistory("made", "UTC", {"rt_price": column(values, starts + HOUR_MS)})


def test_chances_of_scarcity_are_calibrated_and_better_than_usual() -> None:
    history = sticky(24 * 400, 11)
    issues = START_MS + HOUR_MS * np.arange(24 * 120, 24 * 390, dtype=np.int64)
    told: Chances = chances(history, Scarcity("rt_price", 100.0, 2, 4), issues)
    known = np.isfinite(told.happened) & np.isfinite(told.probability)
    assert known.mean() > 0.95
    came, said = told.happened[known], told.probability[known]
    assert said.mean() == pytest.approx(came.mean(), abs=0.02)
    assert ((said - came) ** 2).mean() < 0.8 * ((told.usual[known] - came) ** 2).mean()
    for low, high in ((0.0, 0.1), (0.5, 1.0)):
        mine = (said >= low) & (said < high)
        assert mine.sum() > 100
        assert said[mine].mean() == pytest.approx(came[mine].mean(), abs=0.06)
