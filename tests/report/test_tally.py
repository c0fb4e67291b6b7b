"""What a counter gained, however badly it is read; quantiles against the plain definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.report.tally import HOLD_MS, Count, Sample, Tally

HOUR_MS = 3_600_000
#: Steps between readings: seconds and power, kW.
STEPS = st.lists(st.tuples(st.integers(1, 3_000), st.floats(0.0, 100.0)), min_size=1, max_size=40)


@given(steps=STEPS, first=st.floats(0.001, 1e6))
def test_a_counter_that_grows_gains_what_it_shows(
    steps: list[tuple[int, float]], first: float
) -> None:
    tally = Tally(100.0, 0)
    at_ms, true_kwh = 0, 0.0
    tally.take(0, 0.0, first)
    for seconds, power_kw in steps:
        at_ms += 1000 * seconds
        true_kwh += power_kw * seconds / 3600.0
        tally.take(at_ms, power_kw, first + true_kwh)
    # What it gained but by the noise below which a counter counts as standing still.
    assert tally.total == pytest.approx(true_kwh, abs=1e-6 + 1e-9 * first)
    assert (tally.resets, tally.jumps) == (0, 0)


@given(steps=STEPS)
def test_without_a_counter_power_counts_in_its_place(steps: list[tuple[int, float]]) -> None:
    tally = Tally(100.0, 0)
    at_ms, held_kwh = 0, 0.0
    last_kw = 0.0
    tally.take(0, 0.0, None)
    for seconds, power_kw in steps:
        at_ms += 1000 * seconds
        mean_kw = last_kw if seconds * 1000 <= HOLD_MS else (last_kw + power_kw) / 2.0
        held_kwh += mean_kw * seconds / 3600.0
        last_kw = power_kw
        tally.take(at_ms, power_kw, None)
    assert tally.total == pytest.approx(held_kwh, rel=1e-9, abs=1e-9)


@given(steps=STEPS, reset_at=st.integers(0, 39))
def test_a_reset_loses_no_more_than_the_last_step(
    steps: list[tuple[int, float]], reset_at: int
) -> None:
    tally = Tally(100.0, 0)
    at_ms, true_kwh, shown_kwh, lost_kwh = 0, 0.0, 50.0, 0.0
    tally.take(0, 0.0, shown_kwh)
    for k, (seconds, power_kw) in enumerate(steps):
        at_ms += 1000 * seconds
        gained_kwh = power_kw * seconds / 3600.0
        true_kwh += gained_kwh
        if k == reset_at:
            # It begins again in the middle of the step.
            shown_kwh = gained_kwh / 2.0
            lost_kwh = gained_kwh / 2.0
        else:
            shown_kwh += gained_kwh
        tally.take(at_ms, power_kw, shown_kwh)
    assert true_kwh - lost_kwh - 0.02 <= tally.total + 1e-9
    assert tally.resets <= 1


def test_changes_add_up_to_the_total() -> None:
    tally = Tally(100.0, 0)
    readings = [(4_000, 50.0, 10.0), (24_000, 60.0, 10.3), (44_000, 0.0, 0.0), (99_000, 9.0, 11.4)]
    changes = [tally.take(*reading) for reading in readings]
    changes.append(tally.end(120_000))
    assert sum(changes) == pytest.approx(tally.total)


def test_time_before_the_first_and_after_the_last_reading_counts_at_the_rate() -> None:
    tally = Tally(100.0, 0)
    tally.take(10_000, 36.0, 500.0)
    tally.take(20_000, 36.0, 500.1)
    tally.end(30_000)
    assert tally.total == pytest.approx(0.3)


def test_a_silent_end_is_believed_for_a_minute() -> None:
    tally = Tally(100.0, 0)
    tally.take(0, 36.0, 500.0)
    tally.end(HOUR_MS)
    assert tally.total == pytest.approx(36.0 * HOLD_MS / HOUR_MS)


def test_a_counter_that_says_zero_for_a_while_loses_nothing() -> None:
    tally = Tally(100.0, 0)
    for at_ms, value in ((0, 7.0), (36_000, 0.0), (72_000, 0.0), (108_000, 10.0)):
        tally.take(at_ms, 100.0, value)
    assert tally.total == pytest.approx(3.0)
    assert (tally.resets, tally.jumps) == (0, 0)


def test_a_gain_beyond_the_possible_is_not_believed() -> None:
    tally = Tally(100.0, 0)
    tally.take(0, 100.0, 7.0)
    tally.take(36_000, 100.0, 9_000.0)
    tally.take(72_000, 100.0, 9_001.0)
    assert tally.total == pytest.approx(2.0)
    assert tally.jumps == 1


def test_a_new_meter_that_does_not_begin_at_zero_is_not_believed() -> None:
    tally = Tally(100.0, 0)
    tally.take(0, 100.0, 9_000.0)
    tally.take(36_000, 100.0, 5_000.0)
    tally.take(72_000, 100.0, 5_001.0)
    assert tally.total == pytest.approx(2.0)
    assert tally.resets == 1


def test_starts_survive_a_reset_of_their_counter() -> None:
    starts = Count()
    gained = [starts.take(value) for value in (17, 17, 18, 0, 1, 100_000, 100_001)]
    assert gained == [0, 0, 1, 0, 1, 0, 1]
    assert starts.total == 3


@given(
    values=st.lists(st.integers(0, 9_999), min_size=1, max_size=300),
    share=st.floats(0.01, 1.0),
)
def test_a_quantile_is_the_nearest_rank(values: list[int], share: float) -> None:
    sample = Sample()
    for value in values:
        sample.add(float(value))
    rank = max(math.ceil(share * len(values) - 1e-9), 1)
    assert sample.quantile(share) == sorted(values)[rank - 1]


@given(values=st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=100))
def test_a_quantile_keeps_four_digits(values: list[float]) -> None:
    sample = Sample()
    for value in values:
        sample.add(value)
    assert sample.quantile(1.0) == pytest.approx(max(values), rel=1e-3)


def test_no_value_has_no_quantile() -> None:
    assert Sample().quantile(0.5) is None
    assert Sample().mean is None
