"""Permit hours by calendar year, rolling days and means of years, by the site's own calendar."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.clock import parse_iso
from gridmuster.errors import FleetError
from gridmuster.fleet.hours import HourBook, HourUse, today_of
from gridmuster.fleet.load import load_fleet
from gridmuster.fleet.permits import MEANS, HourLimit, Permit, PermitClass, PermitRules, Window
from gridmuster.fleet.save import fleet_yaml
from gridmuster.programs.ledger import Ledger
from gridmuster.safety import permits
from gridmuster.signals import DeviceReading, DeviceState, Purpose

HOUR_MS = 3_600_000
TEXAS = "America/Chicago"
DAYS = st.integers(0, 800)
RUNS = st.lists(st.tuples(DAYS, st.sampled_from(list(Purpose)), st.floats(0.0, 24.0)), max_size=25)


def meter(run_h: float) -> DeviceReading:
    return DeviceReading("d", DeviceState.RUNNING, 10.0, run_h=run_h)


def engine_of(permit: Permit):  # type: ignore[no-untyped-def]
    from gridmuster.fleet.devices import EmergencyGenerator, FuelPoint

    curve = (
        FuelPoint(load_fraction=0.25, fuel_per_h=6.0),
        FuelPoint(load_fraction=1, fuel_per_h=16),
    )
    return EmergencyGenerator(
        id="d", type="emergency_generator", site="s", rated_kw=50.0, fuel_curve=curve, permit=permit
    )


def test_new_year_of_the_site_begins_a_new_count() -> None:
    """At 06:00 UTC in Texas: 3 h before it and 2 h after; the file's 12 h stay in the old year."""
    engine = engine_of(Permit(permit_class="epa_emergency", hours_used_h=12.0))
    ledger, at_ms = Ledger(), parse_iso("2026-01-01T03:00:00Z")
    used = []
    for k in range(6):
        ledger.note(at_ms + k * HOUR_MS, meter(700.0 + k), Purpose.EXERCISE, TEXAS)
        used.append(ledger.used_h(engine, today_of(at_ms + k * HOUR_MS, TEXAS)))
    # The hour that ends at midnight is read in the new year.
    assert used == pytest.approx([12.0, 13.0, 14.0, 1.0, 2.0, 3.0])


def test_an_engine_never_seen_has_the_hours_of_the_file() -> None:
    engine = engine_of(Permit(permit_class="epa_emergency", hours_used_h=12.0))
    assert Ledger().used_h(engine, date(2026, 7, 1)) == 12.0


@given(RUNS, st.integers(1, 400))
def test_rolling_days_add_up_the_days_inside(
    runs: list[tuple[int, Purpose, float]], length: int
) -> None:
    limit = HourLimit(hours_h=100.0, window=Window.ROLLING_DAYS, length=length)
    permit, begin = Permit(permit_class="epa_non_emergency"), date(2024, 2, 1)
    book, today = HourBook(), begin
    for day, purpose, hours_h in sorted(runs, key=lambda one: one[0]):
        today = begin + timedelta(days=day)
        book.add(today, purpose, hours_h, keep_days=length)
    expected = sum(
        hours_h
        for day, purpose, hours_h in runs
        if purpose is not Purpose.OUTAGE and (today - begin).days - day < length
    )
    assert book.use(limit, permit, today).used_h == pytest.approx(expected)
    assert len(book.days) <= length


@given(RUNS)
def test_a_calendar_year_adds_up_its_own_days(runs: list[tuple[int, Purpose, float]]) -> None:
    limit = HourLimit(hours_h=100.0, purposes=(Purpose.EXERCISE, Purpose.OUTAGE))
    permit, begin = Permit(permit_class="epa_non_emergency"), date(2024, 2, 1)
    book = HourBook()
    for day, purpose, hours_h in sorted(runs, key=lambda one: one[0]):
        book.add(begin + timedelta(days=day), purpose, hours_h)
    for year in (2024, 2025, 2026):
        expected = sum(
            hours_h
            for day, purpose, hours_h in runs
            if purpose in limit.purposes and (begin + timedelta(days=day)).year == year
        )
        use = book.use(limit, permit, date(year, 12, 31))
        assert use.used_h == pytest.approx(expected)


@pytest.mark.parametrize(
    ("past", "room_h"),
    [
        ((), 500.0),  # years that nobody tells of count in full
        ((0.0, 0.0, 0.0, 0.0), 2500.0),
        ((700.0, 400.0, 300.0, 100.0), 1000.0),
        ((700.0, 400.0), 2500.0 - 1100.0 - 1000.0),
        ((900.0, 900.0, 900.0, 100.0), 0.0),
    ],
)
def test_a_mean_of_five_years_leaves_what_the_others_did_not_use(
    past: tuple[float, ...], room_h: float
) -> None:
    permit = Permit(permit_class="eu_mcp", hours_past_years_h=past, hours_used_h=10.0)
    use = HourBook().use(MEANS[PermitClass.EU_MCP], permit, date(2026, 5, 1))
    assert use.room_h == pytest.approx(room_h)
    assert use.used_h == 10.0
    assert permits.use_stop_h(use) == pytest.approx(0.9 * room_h)


def test_years_that_were_seen_take_the_place_of_those_told() -> None:
    permit = Permit(permit_class="eu_mcp_new", hours_past_years_h=(300.0, 200.0), hours_used_h=50.0)
    limit, book = MEANS[PermitClass.EU_MCP_NEW], HourBook()
    book.add(date(2026, 3, 1), Purpose.DEMAND, 100.0)
    book.add(date(2026, 4, 1), Purpose.OUTAGE, 30.0)  # operating hours are all hours
    book.add(date(2027, 1, 1), Purpose.PRICE, 7.0)
    # 2026: 50 told + 130 seen; 2025: 300 told.
    assert book.use(limit, permit, date(2027, 1, 1)) == HourUse(limit, 480.0, 7.0)


@given(st.lists(st.floats(0.0, 900.0), max_size=4), st.floats(0.0, 600.0), st.floats(0.0, 24.0))
def test_what_is_left_of_a_mean_holds_over_new_year(
    past: list[float], used_h: float, run_h: float
) -> None:
    """A plan over midnight may count on what the old year leaves: the new one leaves no less."""
    limit, book = MEANS[PermitClass.EU_MCP], HourBook()
    permit = Permit(permit_class="eu_mcp", hours_past_years_h=tuple(past), hours_used_h=used_h)
    book.see(date(2026, 12, 31))

    def left_h(today: date) -> float:
        use = book.use(limit, permit, today)
        return max(permits.use_stop_h(use) - use.used_h, 0.0)

    before_h = left_h(date(2026, 12, 31))
    book.add(date(2026, 12, 31), Purpose.DEMAND, run_h)
    assert left_h(date(2027, 1, 1)) >= before_h - run_h - 1e-9


FILE = """
id: plant
permit_rules:
  - id: district-9
    purposes: [outage, exercise, demand]
    limits:
      - {hours_h: 200, window: rolling_days, length: 365}
      - {hours_h: 30, purposes: [exercise]}
areas:
  - id: a
    border: {coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    connection: {import_limit_kw: 1000}
sites:
  - {id: s, area: a, latitude: 0.5, longitude: 0.5, backup_load_kw: 5}
devices:
  - id: g
    type: emergency_generator
    site: s
    rated_kw: 50
    fuel_curve: [{load_fraction: 0.25, fuel_per_h: 6.5}, {load_fraction: 1.0, fuel_per_h: 16.7}]
    permit: PERMIT
"""


def read(tmp_path: Path, permit: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "plant.yaml"
    path.write_text(FILE.replace("PERMIT", permit))
    return load_fleet(path)


def test_a_class_from_the_file_is_obeyed_and_written_back(tmp_path: Path) -> None:
    fleet = read(tmp_path, "{permit_class: custom, rules: district-9}")
    permit = fleet.devices[0].permit
    assert permits.name_of(permit) == "district-9"
    assert permits.allows(permit, Purpose.DEMAND)
    assert permits.allows(permit, Purpose.OUTAGE)
    assert not permits.allows(permit, Purpose.PRICE)
    assert permits.longest_days(permit) == 365
    assert [limit.words() for limit in permits.windows(permit)] == [
        "200 h in any 365 days",
        "30 h a calendar year for exercise",
    ]
    again = tmp_path / "again.yaml"
    again.write_text(fleet_yaml(fleet))
    assert load_fleet(again) == fleet
    assert load_fleet(again).devices[0].permit.own_rules == PermitRules.model_validate(
        permit.own_rules.model_dump()
    )


@pytest.mark.parametrize(
    ("permit", "words"),
    [
        ("{permit_class: custom, rules: district-8}", "did you mean district-9"),
        ("{permit_class: custom}", "does not say by itself"),
        ("{permit_class: eu_mcp, rules: district-9}", "has rules of its own"),
        ("{hours_used_h: 3}", "permit_class"),
        ("{permit_class: emergency}", "epa_emergency"),
        ("{permit_class: eu_mcp, hours_used_h: 501}", "allows 500 h a calendar year"),
        ("{permit_class: eu_mcp, hours_past_years_h: [-1]}", "never runs backwards"),
    ],
)
def test_a_permit_with_a_missing_class_is_refused_with_words(
    tmp_path: Path, permit: str, words: str
) -> None:
    with pytest.raises(FleetError) as refused:
        read(tmp_path, permit)
    assert words in str(refused.value)


def test_means_may_use_what_other_years_left(tmp_path: Path) -> None:
    fleet = read(
        tmp_path,
        "{permit_class: eu_mcp, hours_used_h: 501, hours_past_years_h: [100, 100, 100, 100]}",
    )
    assert fleet.devices[0].permit.hours_used_h == 501
