"""The issue-time rule: changing the future changes nothing, and what cheats is caught."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from market_series import HOUR_MS, day_ms, market

from gridmuster.clock import IntervalGrid
from gridmuster.errors import PlanningError
from gridmuster.forecast.market import verb
from gridmuster.forecast.market.asking import Horizon, Schedule
from gridmuster.forecast.market.features import features
from gridmuster.forecast.market.history import MarketHistory, Revisions
from gridmuster.forecast.market.leak import Issued, leaks
from gridmuster.forecast.market.scarcity import Scarcity, chances
from gridmuster.forecast.market.verb import Wish, forecast, run

DAYS = 60


@pytest.fixture(autouse=True)
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weeks in place of months: the rule is the same."""
    monkeypatch.setattr(verb, "WARM_DAYS", 8)


def issued(history: MarketHistory, target: str, horizon: Horizon) -> Issued:
    told = run(history, Schedule(target, horizon), day_ms(DAYS - 6), day_ms(DAYS))
    everything = [told.points[None, :], told.quantiles, told.given.members]
    everything += [line[None, :] for line in told.baselines.values()]
    return Issued(told.asks.issue_ms, np.concatenate(everything))


@pytest.mark.parametrize(
    ("target", "horizon"), [("rt_price", "1h"), ("rt_price", "24h"), ("da_price", "24h")]
)
def test_the_future_changes_nothing_that_was_issued(target: str, horizon: Horizon) -> None:
    history = market(DAYS)
    make = partial(issued, target=target, horizon=horizon)
    whole = make(history)
    assert np.isfinite(whole.numbers).mean() > 0.9
    own = np.unique(whole.issue_ms)
    assert leaks(history, make, [int(own[-2])]) == []


def test_features_see_revisions_only_from_their_publication_on() -> None:
    history = market(DAYS)
    column = history.column("rt_price")
    index = np.arange(0, len(column.values), 3)
    later = Revisions(index, column.values[index] + 5.0, column.known_ms[index] + 40 * HOUR_MS)
    order = np.argsort(later.known_ms, kind="stable")
    later = Revisions(index[order], later.values[order], later.known_ms[order])
    revised = replace(
        history, columns={**history.columns, "rt_price": replace(column, revisions=later)}
    )

    def make(given: MarketHistory) -> Issued:
        asks = Schedule("rt_price", "1h").asks(given, day_ms(20), day_ms(24))
        return Issued(asks.issue_ms, features(given, "rt_price", asks).matrix.T)

    assert leaks(revised, make, [day_ms(21), day_ms(22) + 7 * HOUR_MS]) == []
    assert not np.array_equal(make(revised).numbers, make(history).numbers, equal_nan=True)


def test_chances_of_scarcity_do_not_look_ahead() -> None:
    history = market(DAYS, spike_share=0.08)
    issues = day_ms(45) + HOUR_MS * np.arange(24 * 14, dtype=np.int64)

    def make(given: MarketHistory) -> Issued:
        told = chances(given, Scarcity("rt_price", 60.0, 1, 3), issues)
        return Issued(told.issue_ms, np.stack([told.probability, told.usual]))

    assert np.isfinite(make(history).numbers).all()
    assert leaks(history, make, [int(issues[100]), int(issues[-1])]) == []


def peeking(history: MarketHistory, ahead_ms: int) -> Issued:
    """A planted leak: the truth of a little later, smuggled past the history's door."""
    asks = Schedule("rt_price", "1h").asks(history, day_ms(20), day_ms(30))
    told = history.truth("rt_price", asks.start_ms + ahead_ms)
    usual = history.gather("rt_price", asks.start_ms - 24 * HOUR_MS, asks.issue_ms)
    return Issued(asks.issue_ms, (usual + 1e-6 * told)[None, :])


def scaled_by_all(history: MarketHistory) -> Issued:
    """A planted leak of the common kind: inputs scaled by the mean of the whole file."""
    asks = Schedule("rt_price", "24h").asks(history, day_ms(20), day_ms(30))
    mean = float(np.nanmean(history.column("rt_price").values))
    usual = history.gather("rt_price", asks.start_ms - 48 * HOUR_MS, asks.issue_ms)
    return Issued(asks.issue_ms, (usual / mean)[None, :])


@pytest.mark.parametrize(
    "make", [partial(peeking, ahead_ms=0), partial(peeking, ahead_ms=HOUR_MS), scaled_by_all]
)
def test_a_planted_leak_is_caught(make: Callable[[MarketHistory], Issued]) -> None:
    (found,) = leaks(market(35), make, [day_ms(25)])
    assert found.issue_ms <= day_ms(25)
    assert "depend on what was published later" in str(found)


def test_an_honest_look_back_is_no_leak() -> None:
    # The value of the hour before the issue is published as the issue is made.
    make = partial(peeking, ahead_ms=-HOUR_MS)
    assert leaks(market(35), make, [day_ms(25), day_ms(26) + 5 * HOUR_MS]) == []


def test_one_wish_beyond_the_end_of_the_data() -> None:
    history = market(DAYS)
    grid = IntervalGrid(day_ms(DAYS), 3600, 12)
    told = forecast(history, Wish("rt_price", day_ms(DAYS), grid, (0.05, 0.5, 0.95)))
    assert told.shape == (3, 12)
    assert np.isfinite(told).all()
    assert (np.diff(told, axis=0) >= 0).all()
    cut = history.changed_after(day_ms(DAYS) - 30 * HOUR_MS, 3)
    early = Wish("rt_price", day_ms(DAYS) - 30 * HOUR_MS, IntervalGrid(day_ms(DAYS), 3600, 12))
    assert np.array_equal(forecast(history, early), forecast(cut, early))


def test_the_auction_of_tomorrow_as_one_wish() -> None:
    history = market(DAYS)
    grid = IntervalGrid(day_ms(DAYS - 1), 3600, 24)
    told = forecast(history, Wish("da_price", day_ms(DAYS - 1) - 14 * HOUR_MS, grid))
    truth = history.truth("da_price", np.array(grid.starts_ms()))
    assert np.abs(told[2] - truth).mean() < 4.0


@pytest.mark.parametrize(
    ("grid", "text"),
    [
        (IntervalGrid(day_ms(40) - HOUR_MS, 3600, 2), "none in the past"),
        (IntervalGrid(day_ms(42), 3600, 2), "at most 48 h ahead"),
        (IntervalGrid(day_ms(40), 900, 2), "not those of the history"),
    ],
)
def test_wishes_that_cannot_be_met_say_why(grid: IntervalGrid, text: str) -> None:
    with pytest.raises(PlanningError, match=text):
        forecast(market(DAYS), Wish("rt_price", day_ms(40), grid))


def test_too_short_a_history_says_so() -> None:
    with pytest.raises(PlanningError, match=r"9 day\(s\) of history; at least 14 needed"):
        run(market(9), Schedule("da_price", "24h"), day_ms(7), day_ms(9))


def test_a_band_that_cannot_be_opened_is_refused() -> None:
    # Eight days of one interval each are too few outcomes.
    grid = IntervalGrid(day_ms(40) + 6 * HOUR_MS, 3600, 1)
    with pytest.raises(PlanningError, match="too few outcomes"):
        forecast(market(DAYS), Wish("rt_price", day_ms(40), grid))
