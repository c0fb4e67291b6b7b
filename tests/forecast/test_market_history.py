"""Market histories: values as they were known, local days, coarser intervals."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import NEVER, Column, MarketHistory, Revisions, coarser
from gridmuster.forecast.market.wallclock import instants_of, offsets_ms, wall_clock_of

ZONES = st.sampled_from(
    ["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Kathmandu", "UTC"]
)
MS = st.integers(1_400_000_000_000, 1_800_000_000_000)


@given(st.lists(MS, min_size=1, max_size=20), ZONES)
def test_local_days_and_minutes_are_those_of_the_zone(instants: list[int], zone: str) -> None:
    wall = wall_clock_of(np.array(instants, np.int64), zone)
    for k, at_ms in enumerate(instants):
        moment = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
        assert wall.day[k] == moment.toordinal()
        assert wall.minute[k] == moment.hour * 60 + moment.minute
        assert wall.weekday[k] == moment.weekday()


def test_offsets_of_a_whole_year_are_those_of_the_zone() -> None:
    at_ms = 1_609_459_200_000 + 3_600_000 * np.arange(8760, dtype=np.int64)
    own = ZoneInfo("America/New_York")
    wanted = [
        datetime.fromtimestamp(ms // 1000, UTC).astimezone(own).utcoffset().total_seconds() * 1000  # type: ignore[union-attr]
        for ms in at_ms.tolist()
    ]
    assert offsets_ms(at_ms, "America/New_York").tolist() == wanted


@given(MS, ZONES)
def test_an_instant_is_found_again_from_its_local_time(at_ms: int, zone: str) -> None:
    minute_ms = at_ms // 60_000 * 60_000
    wall = wall_clock_of(np.array([minute_ms]), zone)
    back = int(instants_of(wall.day, wall.minute, zone)[0])
    again = wall_clock_of(np.array([back]), zone)
    assert (again.day[0], again.minute[0]) == (wall.day[0], wall.minute[0])
    # Of an hour that comes twice the first is meant.
    assert back <= minute_ms


def made(known: list[int | None], revisions: Revisions | None = None) -> Column:
    values = np.array([np.nan if k is None else float(n) for n, k in enumerate(known)])
    known_ms = np.array([NEVER if k is None else k for k in known], np.int64)
    return Column("MW", 0, 1, values, known_ms, revisions=revisions)


KNOWN = st.lists(st.one_of(st.none(), st.integers(0, 20_000)), min_size=1, max_size=15)


@given(KNOWN, st.integers(-1000, 21_000), st.integers(-3, 18))
def test_nothing_is_seen_before_it_was_published(
    known: list[int | None], issue_ms: int, number: int
) -> None:
    got = float(made(known).gather(np.array([number * 1000 + 500]), np.array([issue_ms]))[0])
    told = known[number] if 0 <= number < len(known) else None
    if told is None or told > issue_ms:
        assert np.isnan(got)
    else:
        assert got == number


@given(KNOWN, st.integers(-1000, 21_000))
def test_the_newest_interval_is_the_newest_published(
    known: list[int | None], issue_ms: int
) -> None:
    seen = [n for n, k in enumerate(known) if k is not None and k <= issue_ms]
    newest = max(seen) if seen else -1
    assert made(known).latest_ms(np.array([issue_ms]))[0] == newest * 1000


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50), st.integers(10, 90)), max_size=8),
    st.integers(0, 100),
)
def test_a_revision_counts_from_its_publication_on(
    told: list[tuple[int, int, int]], issue_ms: int
) -> None:
    told = sorted(told, key=lambda one: one[2])
    revisions = Revisions(
        np.array([t[0] for t in told], np.int64),
        np.array([float(t[1]) for t in told]),
        np.array([t[2] for t in told], np.int64),
    )
    column = made([5, 5, 5, 5], revisions)
    got = column.gather(np.arange(4) * 1000, np.full(4, issue_ms))
    for number in range(4):
        wanted = float(number) if issue_ms >= 5 else np.nan
        for index, value, known_ms in told:
            if index == number and known_ms <= issue_ms:
                wanted = float(value)
        assert got[number] == wanted or (np.isnan(got[number]) and np.isnan(wanted))


def test_an_hour_is_known_when_its_last_part_is() -> None:
    values = np.arange(30.0)
    values[14] = np.nan
    known = np.where(np.isnan(values), NEVER, (np.arange(30) + 1) * 300_000).astype(np.int64)
    fine = Column("MW", 600_000, 300, values, known)
    hour = coarser(fine, 3600)
    # The first whole hour begins ten parts in; the gap at part 14 leaves it without a mean.
    assert hour.start_ms == 3_600_000
    assert np.isnan(hour.values[0])
    assert hour.known_ms[0] == NEVER
    assert len(hour.values) == 1
    whole = coarser(Column("MW", 0, 300, np.arange(24.0), np.arange(24) * 1000), 3600)
    assert whole.values.tolist() == [5.5, 17.5]
    assert whole.known_ms.tolist() == [11_000, 23_000]
    with pytest.raises(PlanningError, match="no multiple"):
        coarser(whole, 5400)


def test_a_gap_cannot_be_known() -> None:
    with pytest.raises(PlanningError, match="NEVER"):
        Column("MW", 0, 1, np.array([np.nan]), np.array([3], np.int64))


def test_a_column_that_is_not_there_is_named() -> None:
    history = MarketHistory("here", "UTC", {"rt_price": made([1])})
    with pytest.raises(PlanningError, match="no column 'wind'; there are rt_price"):
        history.gather("wind", np.array([0]), np.array([0]))
