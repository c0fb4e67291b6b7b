"""Meter and price files: every fault has its row, and days follow people's clocks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.clock import iso, local, parse_iso
from gridmuster.console.series import MAX_FAULTS, Findings, Subject, Terms, read_series

NOW_MS = parse_iso("2026-03-20T18:00:00Z")
HOUR_MS = 3_600_000
METERS = Terms(
    "meters", "m.csv", {"a": Subject("America/Chicago", 100.0), "b": Subject("UTC", 50.0)}, NOW_MS
)
PRICES = Terms("prices", "p.csv", {"north": Subject("UTC"), "south": Subject("UTC")}, NOW_MS)


def read(text: str, terms: Terms = METERS) -> Findings:
    return read_series(text.encode(), terms)


def only(found: Findings) -> tuple[str, str]:
    assert found.fault_count == 1, found.faults
    assert found.lessons == [] and found.series == []
    return found.faults[0].path, found.faults[0].limit


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("", "row 1, column time", "there is no column time"),
        ("when,kw\n", "row 1, column time", "there is no column time"),
        ("time,end_user,watt\n", "row 1, column kw", "there is no column kw"),
        ("time,kw,kw\n", "row 1, column kw", "there twice"),
        ("time,nobody\n2026-01-01T00:00Z,1\n", "row 1, column nobody", "no end-user nobody"),
        ("time,end_user,kw\n2026-01-01T00:00Z,c,1\n", "row 2, column end_user", "no end-user c"),
        ("time,end_user,kw\n2026-01-01T00:00,a,1\n", "row 2, column time", "has no offset"),
        ("time,end_user,kw\nyesterday,a,1\n", "row 2, column time", "is no time"),
        ("time,end_user,kw\n2026-01-01T00:00Z,a,NaN\n", "row 2, column kw", "finite number"),
        ("time,end_user,kw\n0001-01-01T00:00+14:00,a,1\n", "row 2, column time", ""),
        ("time,end_user,kw\n2026-01-01T00:00Z,a,1_0\n", "row 2, column kw", "finite number"),
        ("time,end_user,kw\n2026-01-01T00:00Z,a,1e999\n", "row 2, column kw", "finite number"),
        ("time,end_user,kw\n2026-01-01T00:00Z,a\n", "row 2", "the header has 3 columns"),
        ("time,end_user,kw\n", "", "nothing to learn from"),
    ],
)
def test_each_fault_is_named_with_its_place(text: str, path: str, said: str) -> None:
    found = read(text)
    assert any(f.path == path and said in f.limit for f in found.faults), found.faults


def test_the_hour_that_comes_twice_is_two_hours_and_a_real_repetition_is_a_fault() -> None:
    head = "time,end_user,kw\n"
    twice = "2025-11-02T01:30:00-05:00,a,40\n2025-11-02T01:30:00-06:00,a,60\n"
    assert read(head + twice).fault_count == 0
    path, limit = only(read(head + twice + "2025-11-02T07:30:00Z,a,60\n"))
    assert path == "row 4, column time" and "row 3 already" in limit


@pytest.mark.parametrize(("factor", "unit"), [(1000.0, "W"), (0.001, "MW"), (1.0, "")])
def test_values_that_are_off_by_a_thousand_are_refused(factor: float, unit: str) -> None:
    rows = "".join(
        f"{iso(NOW_MS - (50 - k) * HOUR_MS)},a,{(60 + k % 24) * factor}\n" for k in range(48)
    )
    found = read("time,end_user,kw\n" + rows)
    assert [f.limit.rpartition(" ")[2] for f in found.faults] == ([unit] if unit else [])


@pytest.mark.parametrize(("price", "unit"), [(0.03, "USD/kWh"), (30.0, ""), (30_000.0, "cents")])
def test_prices_in_another_unit_are_refused(price: float, unit: str) -> None:
    rows = "".join(f"{iso(NOW_MS - (30 - k) * HOUR_MS)},{price}\n" for k in range(29))
    found = read("time,price\n" + rows, PRICES)
    assert (unit in str(found.faults)) if unit else found.fault_count == 0
    if not unit:
        assert [one.key for one in found.series] == ["north", "south"]


def test_faults_are_counted_beyond_those_listed() -> None:
    found = read("time,end_user,kw\n" + "x,a,1\n" * 500)
    assert (found.fault_count, len(found.faults)) == (500, MAX_FAULTS)


def test_rows_after_now_are_left_out_and_said() -> None:
    rows = "".join(f"{iso(NOW_MS + k * HOUR_MS)},a,50\n" for k in range(-48, 5))
    found = read("time,end_user,kw\n" + rows)
    assert found.fault_count == 0 and found.series[0].rows == 48
    assert "5 values" in found.warnings[0].value


def test_gaps_are_counted_and_stay_unknown() -> None:
    rows = "".join(
        f"{iso(NOW_MS - (72 - k) * HOUR_MS)},{'' if 30 <= k < 40 else 50}\n" for k in range(60)
    )
    one = read("time,a\n" + rows).series[0]
    assert (one.gaps, one.missing, one.step_s) == (1, 10, 3600)
    assert None in one.values


@settings(max_examples=25, deadline=None)
@given(
    start=st.integers(0, 300),
    step_min=st.sampled_from([5, 15, 30, 60]),
    count=st.integers(1, 400),
)
def test_every_value_lands_in_its_local_slot(start: int, step_min: int, count: int) -> None:
    first_ms = NOW_MS - (start + 30) * HOUR_MS
    first_ms -= first_ms % (step_min * 60_000)
    times = [first_ms + k * step_min * 60_000 for k in range(count)]
    times = [t for t in times if t < NOW_MS]
    values = {t: 40.0 + (k % 50) for k, t in enumerate(times)}
    rows = "".join(f"{iso(t)},a,{v}\n" for t, v in values.items())
    found = read("time,end_user,kw\n" + rows)
    assert found.fault_count == 0
    days = {day.ordinal: day.values for lesson in found.lessons for day in lesson.days}
    # An oracle of its own: walk all quarters of an hour and average what holds in each.
    wanted: dict[tuple[int, int], list[float]] = {}
    last = local(times[-1], "America/Chicago").toordinal()
    today = local(NOW_MS, "America/Chicago").toordinal()
    step_ms = step_min * 60_000 if len(times) > 1 else HOUR_MS
    for t, value in values.items():
        for quarter in range(max(1, step_ms // 900_000)):
            moment = local(t + quarter * 900_000, "America/Chicago")
            place = (moment.toordinal(), moment.hour * 4 + moment.minute // 15)
            if last - 42 < place[0] < today:
                wanted.setdefault(place, []).append(value)
    got = {
        (ordinal, slot): value
        for ordinal, day in days.items()
        for slot, value in enumerate(day)
        if value is not None
    }
    assert got.keys() == wanted.keys()
    for place, values_there in wanted.items():
        assert math.isclose(got[place], sum(values_there) / len(values_there), abs_tol=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    for terms in (METERS, PRICES):
        found = read_series(body, terms)
        assert (found.fault_count > 0) or found.series
