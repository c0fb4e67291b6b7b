"""Sun, wind and price: no look-ahead, memory that can be put back, better than standing still."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.clock import IntervalGrid, parse_iso
from gridmuster.forecast.price import PriceForecast, PriceMemory
from gridmuster.forecast.solar import SolarForecast, SolarMemory, clear_share, elevation_sine
from gridmuster.forecast.spread import reverting
from gridmuster.forecast.wind import WindForecast, WindMemory

HOUR_MS = 3_600_000
QUARTER_MS = 900_000
DAY = 96
AUSTIN = (30.27, -97.74)
JULY = parse_iso("2024-07-10T05:00:00Z")
LEVELS = (0.1, 0.5, 0.9)


def pinball(truth: np.ndarray, guess: np.ndarray, level: float) -> float:
    miss = truth - guess
    return float(np.mean(np.maximum(level * miss, (level - 1.0) * miss)))


# --- sun -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "latitude", "longitude", "degrees"),
    [
        # Noon at the equinox on the equator; midsummer noon on the tropic; Austin, from a
        # declination of 22.2 degrees and hour angles of -9 and 111; midwinter noon in Cambridge.
        ("2024-03-20T12:07:30Z", 0.0, 0.0, 90.0),
        ("2024-06-20T12:02:00Z", 23.44, 0.0, 90.0),
        ("2024-07-10T18:00:00Z", *AUSTIN, 78.6),
        ("2024-07-11T02:00:00Z", *AUSTIN, -5.5),
        ("2024-12-21T12:00:00Z", 52.2, 0.1, 14.4),
    ],
)
def test_the_sun_stands_where_it_should(
    moment: str, latitude: float, longitude: float, degrees: float
) -> None:
    sine = elevation_sine(np.array([float(parse_iso(moment))]), latitude, longitude)[0]
    assert math.degrees(math.asin(min(1.0, sine))) == pytest.approx(degrees, abs=1.0)


def test_a_clear_noon_gives_nearly_the_rating_and_night_nothing() -> None:
    hours = JULY + HOUR_MS * np.arange(24.0)
    shares = clear_share(hours, *AUSTIN)
    assert 0.95 < shares.max() < 1.06
    assert shares[0] == 0.0
    assert (shares >= 0.0).all()


def solar(index: float, hours: float) -> SolarForecast:
    """A plant that saw a sky of one index since midnight."""
    forecast = SolarForecast(SolarMemory())
    forecast.declare("panels", *AUSTIN, rated_kw=50.0)
    for at in range(JULY, JULY + int(hours * HOUR_MS), QUARTER_MS):
        share = float(clear_share(np.array([float(at)]), *AUSTIN)[0])
        forecast.observe("panels", at, index * share * 50.0)
    return forecast


def test_a_clear_morning_gives_a_clear_noon_and_a_cloudy_one_does_not() -> None:
    now = JULY + 12 * HOUR_MS
    grid = IntervalGrid(now, 900, 8)
    bright = solar(0.95, 12.0).quantiles("panels", grid)[1]
    dull = solar(0.2, 12.0).quantiles("panels", grid)[1]
    assert sum(bright) > 2.0 * sum(dull)


def test_the_band_opens_with_the_lead_and_closes_at_night() -> None:
    forecast = solar(0.9, 16.0)
    low, median, high = forecast.quantiles("panels", IntervalGrid(JULY + 16 * HOUR_MS, 900, DAY))
    spread = [(b - a) / max(m, 1e-9) for a, m, b in zip(low, median, high, strict=True)]
    tomorrow = 4 * 24 - 1
    assert spread[0] < 0.5 * spread[tomorrow]
    night = [k for k in range(DAY) if median[k] == 0.0]
    assert len(night) > 30
    assert all(high[k] == 0.0 for k in night)


@settings(max_examples=30)
@given(st.lists(st.floats(0.0, 60.0), min_size=1, max_size=100), st.integers(0, 100))
def test_sun_memory_is_all_there_is_and_the_future_changes_nothing(
    values: list[float], cut: int
) -> None:
    forecast = SolarForecast(SolarMemory())
    forecast.declare("panels", *AUSTIN, rated_kw=50.0)
    now = JULY + 10 * HOUR_MS
    grid = IntervalGrid(now + len(values[:cut]) * QUARTER_MS, 900, DAY)
    answer = None
    for number, value in enumerate(values):
        if number == min(cut, len(values) - 1):
            body = msgspec.msgpack.encode(forecast.memory)
            answer = forecast.quantiles("panels", grid)
            forecast = SolarForecast(msgspec.msgpack.decode(body, type=SolarMemory))
            assert forecast.quantiles("panels", grid) == answer
        forecast.observe("panels", now + number * QUARTER_MS, value)
    assert answer is not None
    for series in answer:
        assert all(0.0 <= kw <= 50.0 for kw in series)


# --- wind ----------------------------------------------------------------------------------------


def test_wind_starts_from_now_and_drifts_to_the_usual() -> None:
    forecast = WindForecast(WindMemory())
    forecast.declare("mill", 100.0)
    for hour in range(100):
        forecast.observe("mill", JULY + hour * HOUR_MS, 90.0 if hour > 97 else 20.0)
    low, median, high = forecast.quantiles("mill", IntervalGrid(JULY + 100 * HOUR_MS, 900, 288))
    assert median[0] > 75.0
    assert median[-1] == pytest.approx(20.0, abs=5.0)
    assert high[2] - low[2] < high[-1] - low[-1] + 60.0
    assert all(0.0 <= a <= b <= c <= 100.0 for a, b, c in zip(low, median, high, strict=True))


def test_readings_within_a_minute_are_passed_over() -> None:
    forecast = WindForecast(WindMemory())
    forecast.declare("mill", 100.0)
    forecast.observe("mill", JULY, 10.0)
    before = msgspec.msgpack.encode(forecast.memory)
    forecast.observe("mill", JULY + 4_000, 99.0)
    forecast.observe("mill", JULY - HOUR_MS, 99.0)
    assert msgspec.msgpack.encode(forecast.memory) == before


def test_wind_is_forecast_better_than_by_standing_still(data_dir: Path) -> None:
    """Two RTS-GMLC plants, 90 days, a day ahead: mean pinball loss against persistence."""
    path = data_dir / "market" / "rts_gmlc_wind_realtime_5min_1yr.parquet"
    table = duckdb.sql(f"select * from '{path}' order by time_local_2020").fetchnumpy()
    for name in ("309_wind_1_mw", "303_wind_1_mw"):
        truth = table[name].astype(float)[: 288 * 90].reshape(-1, 3).mean(axis=1)
        rated = float(truth.max())
        forecast = WindForecast(WindMemory())
        forecast.declare("mill", rated)
        ours, still = [], []
        for number, value in enumerate(truth.tolist()):
            if number > DAY * 7 and number % 41 == 0 and number + DAY <= len(truth):
                grid = IntervalGrid(number * QUARTER_MS, 900, DAY)
                guess = np.array(forecast.quantiles("mill", grid))
                real = truth[number : number + DAY]
                ours.append([pinball(real, guess[k], level) for k, level in enumerate(LEVELS)])
                last = np.full(DAY, truth[number - 1])
                still.append([pinball(real, last, level) for level in LEVELS])
            forecast.observe("mill", number * QUARTER_MS, value)
        assert np.mean(ours) < 0.75 * np.mean(still), name


@given(
    st.floats(0.0, 1.0),
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=50),
    st.floats(0.5, 20.0),
)
def test_a_reverting_value_begins_at_now_and_ends_at_the_usual(
    now: float, usual: list[float], fade_h: float
) -> None:
    samples = np.array(usual)
    found = reverting(now, samples, LEVELS, np.array([0.0, 1e6]), fade_h)
    assert found[:, 0] == pytest.approx([now] * 3)
    assert found[:, 1] == pytest.approx(np.quantile(samples, LEVELS), abs=1e-9)


# --- price ---------------------------------------------------------------------------------------


def prices(hours: int, spike: float = 0.3) -> list[float]:
    """A price an hour with an evening peak."""
    return [0.04 + spike * (17 <= hour % 24 < 20) for hour in range(hours)]


def priced(hours: int) -> PriceForecast:
    forecast = PriceForecast(PriceMemory())
    forecast.declare("area", "UTC")
    start = parse_iso("2024-07-01T00:00:00Z")
    for hour, price in enumerate(prices(hours)):
        for quarter in range(4):
            forecast.observe("area", start + hour * HOUR_MS + quarter * QUARTER_MS, price)
    return forecast


def test_published_prices_are_taken_as_they_are() -> None:
    forecast = priced(24)
    start = parse_iso("2024-07-02T00:00:00Z")
    published = [0.01 * (hour + 1) for hour in range(12)]
    forecast.publish("area", start, published)
    low, median, high = forecast.quantiles("area", IntervalGrid(start + 6 * HOUR_MS, 3600, 6))
    assert median == pytest.approx(published[6:], abs=1e-3)
    assert all(a < b < c for a, b, c in zip(low, median, high, strict=True))


def test_hours_like_this_one_stand_in_for_what_is_not_published() -> None:
    forecast = priced(24 * 9)
    start = parse_iso("2024-07-10T00:00:00Z")
    median = forecast.quantiles("area", IntervalGrid(start, 3600, 24))[1]
    assert median[3] == pytest.approx(0.04, abs=0.01)
    assert median[18] == pytest.approx(0.34, abs=0.02)


def test_a_spike_is_followed_for_an_hour_and_then_forgotten() -> None:
    forecast = priced(24 * 9)
    start = parse_iso("2024-07-10T00:00:00Z")
    for quarter in range(8):
        forecast.observe("area", start + quarter * QUARTER_MS, 1.0)
    median = forecast.quantiles("area", IntervalGrid(start + 2 * HOUR_MS, 900, 24))[1]
    assert median[0] > 0.5
    assert median[23] < 0.15


def test_before_anything_was_seen_there_is_a_wide_guess() -> None:
    forecast = PriceForecast(PriceMemory())
    forecast.declare("area", "America/Chicago")
    low, median, high = forecast.quantiles("area", IntervalGrid(JULY, 900, 4))
    assert low[0] < median[0] < high[0]
    assert 0.0 < median[0] < 0.2


@settings(max_examples=30)
@given(st.lists(st.floats(-1.0, 5.0), min_size=1, max_size=150), st.integers(0, 149))
def test_price_memory_is_all_there_is_and_the_future_changes_nothing(
    values: list[float], cut: int
) -> None:
    forecast = PriceForecast(PriceMemory())
    forecast.declare("area", "America/Chicago")
    grid = IntervalGrid(JULY + len(values) * QUARTER_MS, 900, DAY)
    answer = None
    for number, value in enumerate(values):
        if number == min(cut, len(values) - 1):
            forecast.publish("area", JULY, [0.05, 0.06])
            body = msgspec.msgpack.encode(forecast.memory)
            answer = forecast.quantiles("area", grid)
            forecast = PriceForecast(msgspec.msgpack.decode(body, type=PriceMemory))
            assert forecast.quantiles("area", grid) == answer
        forecast.observe("area", JULY + number * QUARTER_MS, value)
    assert answer is not None
    assert all(math.isfinite(price) for series in answer for price in series)


def test_real_prices_are_forecast_better_than_by_yesterday(data_dir: Path) -> None:
    """ERCOT hub, 2024, real time: a day ahead at midnight, without published prices."""
    path = data_dir / "market" / "ercot_hubavg_rt15_da_load_temp_2024.parquet"
    table = duckdb.sql(f"select * from '{path}' order by interval_start_utc").fetchnumpy()
    column = next(name for name in table if name.startswith("rt"))
    truth = np.ma.filled(np.ma.asarray(table[column]).astype(float), np.nan) / 1000.0
    starts = table["interval_start_utc"].astype("datetime64[ms]").astype(np.int64)
    forecast = PriceForecast(PriceMemory())
    forecast.declare("hub", "America/Chicago")
    ours, yesterday = [], []
    for number, (at_ms, price) in enumerate(
        zip(starts[: DAY * 120].tolist(), truth[: DAY * 120].tolist(), strict=True)
    ):
        if number >= DAY * 20 and number % DAY == 24:
            guess = np.array(forecast.quantiles("hub", IntervalGrid(at_ms, 900, DAY)))
            real = truth[number : number + DAY]
            ours.append([pinball(real, guess[k], level) for k, level in enumerate(LEVELS)])
            before = truth[number - DAY : number]
            yesterday.append([pinball(real, before, level) for level in LEVELS])
        if math.isfinite(price):
            forecast.observe("hub", at_ms, price)
    assert np.nanmean(ours) < 0.9 * np.nanmean(yesterday)


def test_taught_price_days_fill_in_once_and_stay_older_than_what_was_seen() -> None:
    memory = PriceMemory()
    forecast = PriceForecast(memory)
    forecast.declare("a", "UTC")
    friday = date(2026, 7, 10).toordinal()
    days = [(friday - k, [0.01 * (h + 1) for h in range(24)]) for k in range(3)]
    forecast.teach("a", days)
    forecast.teach("a", days)
    assert memory.keys["a"].hours[5] == [0.06] * 3
    now_ms = parse_iso("2026-07-13T05:00:00Z")
    forecast.observe("a", now_ms, 0.5)
    forecast.observe("a", now_ms + 3_600_000, 0.5)
    assert memory.keys["a"].hours[5] == [0.06, 0.06, 0.06, 0.5]
    forecast.teach("a", [(friday - 7, [0.09] * 24), (friday - 8, [1.0, 2.0])])
    assert memory.keys["a"].hours[5] == [0.09, 0.06, 0.06, 0.06, 0.5]
