"""Demand forecasts: no look-ahead, days of 23 and 25 hours, better than last week, cheap."""

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
from gridmuster.fleet.model import LoadClass
from gridmuster.forecast.calendar import place
from gridmuster.forecast.similar_day import LEVELS, DemandForecast, DemandMemory

QUARTER_MS = 900_000
HOUR_MS = 3_600_000
DAY = 96
START = parse_iso("2024-06-03T00:00:00Z")


def fresh(slot_s: int = 900, zone: str = "UTC", peak_kw: float = 100.0) -> DemandForecast:
    forecast = DemandForecast(DemandMemory(slot_s=slot_s))
    forecast.declare("user", zone, peak_kw, LoadClass.COMMERCIAL)
    return forecast


def feed(forecast: DemandForecast, start_ms: int, values: list[float], step_ms: int) -> None:
    for number, value in enumerate(values):
        forecast.observe("user", start_ms + number * step_ms, value)


def wave(hours: float, step_h: float, peak: float = 80.0) -> list[float]:
    steps = np.arange(int(hours / step_h)) * step_h
    return (peak * (0.6 + 0.4 * np.sin((steps - 8.0) / 24.0 * 2.0 * math.pi))).tolist()


def test_without_history_the_class_shape_stands_in_with_a_wide_band() -> None:
    low, median, high = fresh().quantiles("user", IntervalGrid(START, 900, DAY))
    assert median[4 * 13] > 1.8 * median[4 * 3]
    assert max(median) <= 100.0
    for below, middle, above in zip(low, median, high, strict=True):
        assert 0.0 < below < 0.75 * middle
        assert above > 1.3 * middle


def test_a_flat_half_peak_stands_in_for_an_unknown_class() -> None:
    forecast = DemandForecast(DemandMemory())
    forecast.declare("site", "UTC", 8.0)
    _, median, _ = forecast.quantiles("site", IntervalGrid(START, 900, 4))
    assert median == pytest.approx([4.0] * 4)


def test_the_first_hours_already_correct_the_level() -> None:
    forecast = fresh()
    _, before, _ = forecast.quantiles("user", IntervalGrid(START + 12 * HOUR_MS, 900, 4))
    shape = fresh().quantiles("user", IntervalGrid(START, 900, 48))[1]
    feed(forecast, START, [0.5 * value for value in shape], QUARTER_MS)
    low, after, high = forecast.quantiles("user", IntervalGrid(START + 12 * HOUR_MS, 900, 4))
    assert after[0] == pytest.approx(0.5 * before[0], rel=0.1)
    assert low[0] < after[0] < high[0]


def test_history_takes_over_and_narrows_the_band() -> None:
    forecast = fresh()
    rng = np.random.default_rng(4)
    truth = np.array(wave(24 * 15, 0.25))
    feed(forecast, START, (truth * rng.normal(1.0, 0.03, len(truth))).tolist(), QUARTER_MS)
    grid = IntervalGrid(START + 15 * 24 * HOUR_MS, 900, DAY)
    low, median, high = (np.array(series) for series in forecast.quantiles("user", grid))
    expected = truth[:DAY]
    assert np.abs(median / expected - 1.0).mean() < 0.05
    wide = np.array(fresh().quantiles("user", grid))
    assert (high - low).mean() < 0.5 * (wide[2] - wide[0]).mean()
    inside = ((low <= expected) & (expected <= high)).mean()
    assert inside > 0.7


def test_weekends_are_told_from_working_days() -> None:
    forecast = fresh()
    values = []
    for day in range(21):
        values += [20.0 if day % 7 >= 5 else 80.0] * DAY
    feed(forecast, START, values, QUARTER_MS)
    grid = IntervalGrid(START + 21 * 24 * HOUR_MS, 3600, 24 * 7)
    median = np.array(forecast.quantiles("user", grid)[1]).reshape(7, 24).mean(axis=1)
    assert median[0] == pytest.approx(80.0, rel=0.35)
    assert median[2] == pytest.approx(80.0, rel=0.1)
    assert median[5] == pytest.approx(20.0, rel=0.2)
    assert median[6] == pytest.approx(20.0, rel=0.2)


series_values = st.lists(st.floats(0.0, 200.0), min_size=4, max_size=200)


@settings(max_examples=40)
@given(series_values, series_values)
def test_the_future_changes_nothing(past: list[float], future: list[float]) -> None:
    """What was forecast from the past is the same whatever comes later."""
    asked = fresh()
    feed(asked, START, past, QUARTER_MS)
    now = START + len(past) * QUARTER_MS
    grid = IntervalGrid(now, 900, DAY)
    forecast = asked.quantiles("user", grid)
    for later in (future, [0.0] * len(future)):
        other = fresh()
        feed(other, START, past, QUARTER_MS)
        assert other.quantiles("user", grid) == forecast
        feed(other, now, later, QUARTER_MS)
    feed(asked, now, future, QUARTER_MS)
    again = fresh()
    feed(again, START, past, QUARTER_MS)
    assert again.quantiles("user", grid) == forecast


@settings(max_examples=40)
@given(series_values, st.integers(1, 199))
def test_asking_does_not_change_the_answer_and_memory_can_be_put_back(
    values: list[float], cut: int
) -> None:
    asked, silent = fresh(), fresh()
    for number, value in enumerate(values):
        asked.observe("user", START + number * QUARTER_MS, value)
        asked.quantiles("user", IntervalGrid(START + number * QUARTER_MS, 900, 4))
        silent.observe("user", START + number * QUARTER_MS, value)
        if number == cut:
            body = msgspec.msgpack.encode(silent.memory)
            silent = DemandForecast(msgspec.msgpack.decode(body, type=DemandMemory))
    grid = IntervalGrid(START + len(values) * QUARTER_MS, 900, DAY)
    assert asked.quantiles("user", grid) == silent.quantiles("user", grid)


@settings(max_examples=60)
@given(series_values, st.sampled_from([300, 900, 3600]), st.integers(0, 400))
def test_quantiles_are_ordered_finite_and_not_below_zero(
    values: list[float], step_s: int, ahead: int
) -> None:
    forecast = fresh()
    feed(forecast, START, values, QUARTER_MS)
    grid = IntervalGrid(START + (len(values) + ahead) * QUARTER_MS, step_s, 30)
    low, median, high = forecast.quantiles("user", grid, LEVELS)
    for a, b, c in zip(low, median, high, strict=True):
        assert 0.0 <= a <= b <= c < 1e5


@pytest.mark.parametrize(
    ("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25), ("2024-07-01", 24)]
)
def test_days_of_23_and_25_hours_keep_to_the_clock_on_the_wall(day: str, hours: int) -> None:
    """Chicago's people get up by the clock: the forecast of a day of change follows it."""
    zone = "America/Chicago"
    forecast = fresh(zone=zone)
    midnight = next(
        at
        for at in range(parse_iso(f"{day}T00:00:00Z"), parse_iso(f"{day}T12:00:00Z"), HOUR_MS)
        if place(at, zone, 900)[2] == 0
    )
    first = midnight - 28 * 24 * HOUR_MS
    at = first
    while at < midnight:
        slot = place(at, zone, 900)[2]
        forecast.observe("user", at, 20.0 + slot)
        at += QUARTER_MS
    grid = IntervalGrid(midnight, 900, hours * 4)
    median = forecast.quantiles("user", grid)[1]
    expected = [20.0 + place(start, zone, 900)[2] for start in grid.starts_ms()]
    assert place(grid.end_ms, zone, 900)[2] == 0
    assert median == pytest.approx(expected, rel=0.06)


def test_an_hour_that_comes_twice_counts_once() -> None:
    zone = "America/Chicago"
    forecast = fresh(zone=zone)
    at = parse_iso("2024-11-03T05:00:00Z")
    for number in range(25 * 4 + 1):
        forecast.observe("user", at + number * QUARTER_MS, 10.0 if number < 8 else 30.0)
    day = forecast.memory.keys["user"].days[0]
    assert day.power_kw[4] == pytest.approx(20.0)
    assert None not in day.power_kw


def test_late_and_repeated_means_are_dropped_and_gaps_stay_open() -> None:
    forecast = fresh()
    feed(forecast, START, [10.0] * 8, QUARTER_MS)
    before = msgspec.msgpack.encode(forecast.memory)
    forecast.observe("user", START, 1e6)
    assert msgspec.msgpack.encode(forecast.memory) == before
    forecast.observe("user", START + 40 * QUARTER_MS, 10.0)
    forecast.observe("user", START + 41 * QUARTER_MS, 10.0)
    day = forecast.memory.keys["user"].days[0]
    assert day.power_kw[20] is None
    assert day.power_kw[40] == 10.0


def test_five_minute_means_fill_quarter_hours() -> None:
    forecast = fresh()
    feed(forecast, START, [6.0, 12.0, 18.0, 1.0], 300_000)
    assert forecast.memory.keys["user"].days[0].power_kw[0] == pytest.approx(12.0)


def test_memory_is_bounded() -> None:
    forecast = fresh()
    feed(forecast, START, [50.0] * (24 * 90), HOUR_MS)
    assert len(forecast.memory.keys["user"].days) <= 10 + 4 + 4 + 3


def pinball(truth: np.ndarray, guess: np.ndarray, level: float) -> float:
    miss = truth - guess
    return float(np.nanmean(np.maximum(level * miss, (level - 1.0) * miss)))


def test_cambridge_meters_are_forecast_better_than_by_last_week(data_dir: Path) -> None:
    """Every fourth real building, 20 weeks, a day ahead every 7 hours, against last week's hour.

    Last week's hour is also given the best constant band there is in hindsight; it loses anyway.
    """
    path = data_dir / "market" / "cambridge_building_meters_hourly_2018_2019.parquet"
    table = duckdb.sql(f"select * from '{path}' order by hour_start_utc").fetchnumpy()
    starts = table["hour_start_utc"].astype("datetime64[ms]").astype(np.int64)
    names = sorted(name for name in table if name.endswith("_kwh"))[1::4]
    window = slice(24 * 150, 24 * (150 + 140))
    scores = []
    for name in names:
        truth = np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)[window]
        scores.append(_scores(starts[window], truth))
    ours, last_week, banded = np.mean(scores, axis=0)
    assert ours[1] < 0.8 * last_week[1]
    assert ours.mean() < 0.8 * banded.mean()
    assert ours.mean() < 0.6 * last_week.mean()


def _scores(starts: np.ndarray, truth: np.ndarray) -> np.ndarray:
    burn, week = 24 * 28, 168
    forecast = DemandForecast(DemandMemory(slot_s=3600))
    peak = float(np.nanquantile(truth[:burn], 0.99)) * 1.05
    forecast.declare("user", "Europe/London", peak, LoadClass.COMMERCIAL)
    found, wanted, before = [], [], []
    for hour, (at_ms, value) in enumerate(zip(starts.tolist(), truth.tolist(), strict=True)):
        if hour >= burn and hour % 7 == 0 and hour + 24 <= len(truth):
            found.append(forecast.quantiles("user", IntervalGrid(at_ms, 3600, 24)))
            wanted.append(truth[hour : hour + 24])
            before.append(truth[hour - week : hour - week + 24])
        if math.isfinite(value):
            forecast.observe("user", at_ms, value)
    guess, real, naive = np.array(found), np.array(wanted), np.array(before)
    known = np.isfinite(real) & np.isfinite(naive)
    real = np.where(known, real, np.nan)
    band = np.quantile((real / np.maximum(naive, 1e-6))[known], LEVELS)
    scale = float(np.nanmean(real))
    return np.array(
        [
            [pinball(real, guess[:, k], level) / scale for k, level in enumerate(LEVELS)],
            [pinball(real, naive, level) / scale for level in LEVELS],
            [pinball(real, naive * band[k], level) / scale for k, level in enumerate(LEVELS)],
        ]
    )


def test_taught_days_make_the_forecast_and_what_was_seen_stays() -> None:
    memory = DemandMemory()
    forecast = DemandForecast(memory)
    forecast.declare("a", "UTC", 100.0)
    today = date(2026, 7, 10).toordinal()
    day_ms = 86_400_000
    now_ms = parse_iso("2026-07-10T00:00:00Z")
    for k in range(4):
        forecast.observe("a", now_ms - day_ms + k * 900_000, 80.0)
    shape = [20.0 + slot % 4 for slot in range(96)]
    forecast.teach("a", [(today - k, shape) for k in range(1, 8)])
    forecast.teach("a", [(today - 2, [1.0] * 24)])  # of another length: passed over
    known = memory.keys["a"].days
    assert [day.ordinal for day in known] == sorted(day.ordinal for day in known)
    yesterday = next(day for day in known if day.ordinal == today - 1)
    # The day that is being measured is this center's own; only those before it are filled.
    assert yesterday.power_kw[0] == 80.0 and yesterday.power_kw[50] is None
    grid = IntervalGrid(now_ms + day_ms // 2, 900, 4)
    median = forecast.quantiles("a", grid, (0.5,))[0]
    assert max(median) < 40.0
