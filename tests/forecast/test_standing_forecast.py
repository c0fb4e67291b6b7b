"""The forecaster's history: what was heard counts, what comes later does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from market_series import HOUR_MS, START_MS, day_ms, market

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.heard import (
    AHEAD,
    FINE,
    TARGET,
    Heard,
    base_of,
    newest_ms,
    with_heard,
)
from gridmuster.forecast.market.history import NEVER, Column
from gridmuster.forecast.market.standing import HOURS, say, teach, trusted_leads

FEW = Boosting(rounds=8, leaves=4)
ISSUE_MS = day_ms(82) + 13 * HOUR_MS + 11 * 60_000


def heard(start_ms: int, price: float, ahead: tuple[float, ...] = ()) -> Heard:
    """Five minutes of price, heard two seconds after they began."""
    return Heard(start_ms + 2000, start_ms, 300, price, ahead)


def test_a_base_holds_nothing_of_after_its_instant() -> None:
    cut = base_of(market(90), ISSUE_MS)
    assert set(cut.columns) == {TARGET, AHEAD}
    for column in cut.columns.values():
        known = column.known_ms[column.known_ms != NEVER]
        assert known.max() <= ISSUE_MS
        assert np.isnan(column.values[column.known_ms == NEVER]).all()
    assert newest_ms(cut, ISSUE_MS) == ISSUE_MS - ISSUE_MS % HOUR_MS


def test_hours_are_the_means_of_what_was_heard_and_need_every_part() -> None:
    base = base_of(market(90), day_ms(82))
    first = [heard(day_ms(82) + k * 300_000, 10.0 * k) for k in range(12)]
    second = [heard(day_ms(82) + HOUR_MS + k * 300_000, 50.0) for k in range(11)]
    column = with_heard(base, [*first, *first[:3], *second]).columns[TARGET]
    k = (day_ms(82) - START_MS) // HOUR_MS
    assert column.values[k] == pytest.approx(55.0)
    assert column.known_ms[k] == day_ms(82) + 11 * 300_000 + 2000
    assert len(column.values) == k + 1


def test_day_ahead_prices_count_from_when_they_were_first_heard() -> None:
    base = base_of(market(90), day_ms(82))
    known = np.isfinite(base.columns[AHEAD].values).sum()
    tomorrow = tuple(float(k) for k in range(40))
    told = with_heard(base, [heard(day_ms(82), 1.0, tomorrow)]).columns[AHEAD]
    assert np.isfinite(told.values).sum() == max(known, (day_ms(82) - START_MS) // HOUR_MS + 41)
    later = told.known_ms > day_ms(82)
    assert set(told.known_ms[later & (told.known_ms != NEVER)].tolist()) == {day_ms(82) + 2000}


def test_finer_prices_are_gathered_into_hours_and_kept_beside_them() -> None:
    history = market(90)
    hourly = history.columns[TARGET]
    fine = Column(
        "USD/MWh",
        START_MS,
        300,
        np.repeat(hourly.values, 12),
        np.repeat(hourly.known_ms, 12),
    )
    base = base_of(replace(history, columns={"rt_price_5min": fine}), ISSUE_MS)
    assert set(base.columns) == {TARGET, FINE}
    count = len(base.columns[TARGET].values)
    assert base.columns[TARGET].values == pytest.approx(hourly.values[:count])


def test_too_short_a_history_is_refused_with_what_is_missing() -> None:
    with pytest.raises(PlanningError, match="60 days of prices, 75 are needed"):
        teach(market(90), day_ms(60), 60.0, FEW)


def test_leads_at_which_learning_did_worse_say_what_is_published() -> None:
    leads = np.repeat(np.arange(HOURS), 40)
    dice = np.random.default_rng(1)
    published = np.abs(dice.normal(size=len(leads)))
    own = published * np.where(leads < 14, 0.8, 1.2)
    trusted = trusted_leads(leads, np.stack([own, published]))
    assert trusted[:10].all()
    assert not trusted[18:].any()
    unknown = np.stack([np.where(leads >= 14, np.nan, own), published])
    assert trusted_leads(leads, unknown).all()


def test_a_forecast_beyond_its_trust_is_the_published_price() -> None:
    seen = base_of(market(90), ISSUE_MS)
    standing = teach(seen, ISSUE_MS, 60.0, FEW)
    far = replace(standing, trusted=np.arange(HOURS) < 3)
    told, plain = say(seen, far, ISSUE_MS), say(seen, standing, ISSUE_MS)
    starts = told.start_ms + HOUR_MS * np.arange(HOURS)
    ahead = seen.columns[AHEAD].gather(starts, np.full(HOURS, ISSUE_MS))
    middle = told.quantiles[2]
    # The median is the published price plus the same share of what misses usually are.
    assert np.array_equal(told.quantiles[:, :3], plain.quantiles[:, :3])
    known = np.isfinite(ahead) & (np.arange(HOURS) >= 3)
    assert known.sum() > 4
    width = told.quantiles[4] - told.quantiles[0]
    assert (np.abs(middle - ahead)[known] < width[known]).all()
