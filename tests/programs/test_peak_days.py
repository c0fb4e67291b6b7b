"""Days of coincident peaks: called from the past alone, and well enough on five seasons."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import peaks
from gridmuster.programs.peakdays import PeakDay, Rule, called_days, is_called, odds, score

JUNE = date(2026, 6, 1)
loads = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(300, 700)), st.one_of(st.none(), st.integers(300, 700))
    ),
    min_size=1,
    max_size=122,
)


def days(found: list[tuple[int | None, int | None]]) -> list[PeakDay]:
    return [
        PeakDay(JUNE + timedelta(days=k), None if f is None else f, None if p is None else p)
        for k, (f, p) in enumerate(found)
    ]


@given(loads, st.integers(0, 121))
def test_nothing_of_the_day_itself_or_later_changes_a_call(
    found: list[tuple[int | None, int | None]], k: int
) -> None:
    story = days(found)
    k = min(k, len(story) - 1)
    changed = [
        *story[:k],
        PeakDay(story[k].day, story[k].forecast_mw, 10_000.0),
        *(PeakDay(one.day, 10_000.0, 10_000.0) for one in story[k + 1 :]),
    ]
    first = called_days(Rule(), story)
    second = called_days(Rule(), changed)
    last = story[k].day
    assert [d for d in first if d <= last] == [d for d in second if d <= last]


@given(loads, st.integers(0, 40))
def test_a_season_has_no_more_called_days_than_allowed(
    found: list[tuple[int | None, int | None]], most: int
) -> None:
    assert len(called_days(Rule(most=most), days(found))) <= most


def test_a_day_forecast_to_be_the_highest_is_called_and_a_mild_one_is_not() -> None:
    past, day = days([(500, 500)] * 24), JUNE + timedelta(days=24)
    assert is_called(Rule(), past, PeakDay(day, 520.0), 0)
    assert not is_called(Rule(), past, PeakDay(day, 480.0), 0)
    low_forecasts = days([(450, 500)] * 24)
    assert is_called(Rule(), low_forecasts, PeakDay(day, 468.0), 0)
    assert not is_called(Rule(), past, PeakDay(date(2026, 10, 1), 900.0), 0)
    assert not is_called(Rule(most=9), past, PeakDay(day, 520.0), 9)


def test_odds_grow_as_fewer_days_are_left() -> None:
    past = days([(500, 500)] * 29)
    grown = [odds(Rule(), past[:k], PeakDay(JUNE + timedelta(days=k), 510.0)) for k in (21, 25, 29)]
    assert 0.0 < grown[0] < grown[1] < grown[2] <= 1.0


def test_the_score_counts_months_and_what_was_missed() -> None:
    story = days([(500, 500)] * 24 + [(520, 530), (400, 540)])
    found = score(Rule(), story, [2026])
    assert (found.hits, found.months, found.missed) == (0, 1, (story[-1].day,))
    assert story[-2].day in called_days(Rule(), story)
    assert found.days == {2026: len(called_days(Rule(), story))}


def test_ercots_peaks_of_five_seasons_are_called(data_dir: Path) -> None:
    assert data_dir in peaks.FILE.resolve().parents
    found = peaks.scored()
    assert found.hits >= peaks.MUST
    assert max(found.days.values()) <= 35
