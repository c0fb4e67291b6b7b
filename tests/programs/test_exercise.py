"""When an engine is due: the run that counted last, and the calendar of its site."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.clock import local, to_ms
from gridmuster.fleet.devices import Every, Exercise
from gridmuster.programs.exercise import MOST_GAP_MS, Exercised, due_ms, note

MINUTE_MS = 60_000
MONTHLY = Exercise(every=Every.MONTH)
CHICAGO = "America/Chicago"
Readings = list[tuple[int, float]]


def noted(readings: Readings, exercise: Exercise) -> Exercised:
    known: Exercised | None = None
    for at_ms, load in readings:
        known = note(known, at_ms, load, exercise)
    assert known is not None
    return known


def last_that_counts(readings: Readings, exercise: Exercise) -> int:
    """The same by looking back from every reading over the whole length of a run."""
    found = -1
    for end, (end_ms, _) in enumerate(readings):
        for begin in range(end + 1):
            part = readings[begin : end + 1]
            whole = all(b[0] - a[0] <= MOST_GAP_MS for a, b in pairwise(part))
            loaded = all(load >= exercise.load_share for _, load in part)
            if whole and loaded and end_ms - part[0][0] >= exercise.minutes * MINUTE_MS:
                found = end_ms
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from([4_000, 30_000, 60_000, 60_001, 200_000]),
            st.sampled_from([0.0, 0.29, 0.3, 0.8]),
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([1.0, 2.5, 5.0]),
)
def test_the_last_run_that_counts_is_found(steps: Readings, minutes: float) -> None:
    exercise = Exercise(every=Every.WEEK, minutes=minutes)
    at_ms, readings = 1_700_000_000_000, []
    for step_ms, load in steps:
        at_ms += step_ms
        readings.append((at_ms, load))
    known = noted(readings, exercise)
    assert known.done_ms == last_that_counts(readings, exercise)
    assert (known.since_ms, known.last_ms) == (readings[0][0], readings[-1][0])


def test_a_light_run_and_a_cool_down_do_not_count() -> None:
    light = [(n * 4_000, 0.29) for n in range(1000)]
    assert noted(light, MONTHLY).done_ms == -1
    run = [(n * 4_000, 0.5) for n in range(451)]
    cooling = [(run[-1][0] + n * 4_000, 0.0) for n in range(1, 80)]
    assert noted(run + cooling, MONTHLY).done_ms == run[-1][0] == 30 * MINUTE_MS
    assert noted(run[:-1] + cooling, MONTHLY).done_ms == -1


@pytest.mark.parametrize(
    ("every", "last", "due"),
    [
        ("day", "2026-03-07T09:30", "2026-03-08T09:30"),
        ("week", "2026-10-28T23:15", "2026-11-04T23:15"),
        ("month", "2026-01-15T06:00", "2026-02-15T06:00"),
        ("month", "2026-01-31T06:00", "2026-02-28T06:00"),
        ("month", "2024-01-31T06:00", "2024-02-29T06:00"),
        ("month", "2026-12-31T06:00", "2027-01-31T06:00"),
    ],
)
def test_it_is_due_at_the_same_time_of_day_by_the_sites_clock(
    every: str, last: str, due: str
) -> None:
    zone = ZoneInfo(CHICAGO)
    from_ms = to_ms(datetime.fromisoformat(last).replace(tzinfo=zone))
    found = due_ms(Exercise(every=Every(every)), from_ms, CHICAGO)
    assert local(found, CHICAGO).strftime("%Y-%m-%dT%H:%M") == due
