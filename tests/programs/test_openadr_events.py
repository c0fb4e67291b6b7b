"""OpenADR events in a program's words: windows, payloads, targets, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.clock import parse_iso
from gridmuster.errors import SignalError
from gridmuster.fleet.programs import OpenAdr
from gridmuster.programs.openadr import Told, duration_s, event_of, is_for, told
from gridmuster.signals import Alert, Purpose

PROGRAM = OpenAdr(
    id="adr",
    power_kw=400.0,
    vtn_url="http://vtn",
    ven_name="ven",
    price_above_usd_per_mwh=500.0,
)
START = "2026-07-14T17:00:00Z"
START_MS = parse_iso(START)
HOUR_MS = 3_600_000


def read(*payloads: tuple[str, Any], **more: Any) -> Told:
    event = {
        "id": "e",
        "programID": "p",
        "intervalPeriod": {"start": START, "duration": "PT1H"},
        "intervals": [
            {"id": k, "payloads": [{"type": kind, "values": [value]}]}
            for k, (kind, value) in enumerate(payloads)
        ],
        **more,
    }
    return told(PROGRAM, event_of(event), 1_000)


@pytest.mark.parametrize(
    ("payload", "asked"),
    [
        (("SIMPLE", 1), {"power_kw": 0.333 * 400.0}),
        (("SIMPLE", 3), {"power_kw": 400.0}),
        (("DISPATCH_SETPOINT", 120), {"power_kw": 120.0}),
        (("IMPORT_CAPACITY_LIMIT", 80.0), {"import_limit_kw": 80.0}),
        (
            ("ALERT_GRID_EMERGENCY", "EEA3 declared"),
            {"level": Alert.EEA3, "purpose": Purpose.EMERGENCY_ALERT},
        ),
        (("ALERT_GRID_EMERGENCY", "save energy"), {"level": Alert.EEA2}),
        (("PRICE", 0.75), {"purpose": Purpose.PRICE}),
    ],
)
def test_payloads_that_ask(payload: tuple[str, Any], asked: dict[str, Any]) -> None:
    (signal,) = read(payload).signals
    assert {name: getattr(signal, name) for name in asked} == asked
    assert (signal.from_ms, signal.until_ms) == (START_MS, START_MS + HOUR_MS)


@pytest.mark.parametrize(
    "payload", [("SIMPLE", 0), ("DISPATCH_SETPOINT", -50), ("PRICE", 0.10)], ids=str
)
def test_payloads_that_are_understood_and_ask_for_nothing(payload: tuple[str, Any]) -> None:
    assert read(payload) == Told((), ())


@pytest.mark.parametrize(
    "payload",
    [("SIMPLE", 7), ("GHG", 0.4), ("DISPATCH_SETPOINT", "much"), ("PRICE", None), ("X", 1)],
    ids=str,
)
def test_what_is_not_understood_is_told_and_the_rest_is_taken(payload: tuple[str, Any]) -> None:
    found = read(payload, ("SIMPLE", 3))
    (signal,) = found.signals
    assert signal.from_ms == START_MS + HOUR_MS, "the interval before it still takes its time"
    assert len(found.remarks) == 1 and payload[0] in found.remarks[0]


def test_units_of_descriptors_count() -> None:
    units = [
        {"payloadType": "DISPATCH_SETPOINT", "units": "MW"},
        {"payloadType": "PRICE", "units": "MWH", "currency": "USD"},
        {"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "GJ"},
    ]
    found = read(
        ("DISPATCH_SETPOINT", 0.25),
        ("PRICE", 499.0),
        ("PRICE", 501.0),
        ("IMPORT_CAPACITY_LIMIT", 1.0),
        payloadDescriptors=units,
    )
    assert [one.power_kw for one in found.signals] == [250.0, None]
    assert [one.event for one in found.signals] == ["e.0", "e.2"]
    assert "GJ" in found.remarks[0]


def test_windows_of_their_own_now_and_without_an_end() -> None:
    found = read(("SIMPLE", 1), intervalPeriod={"start": "0001-01-01", "duration": "PT30M"})
    assert (found.signals[0].from_ms, found.signals[0].until_ms) == (1_000, 1_801_000)
    endless = read(("SIMPLE", 1), ("SIMPLE", 2), intervalPeriod={"start": START})
    assert [one.until_ms for one in endless.signals] == [None]
    assert "1 after it never come" in endless.remarks[0]
    naive = read(("SIMPLE", 1), intervalPeriod={"start": "2026-07-14T17:00:00", "duration": "PT1H"})
    assert naive.signals == () and "UTC" in naive.remarks[0]


@given(st.text(min_size=1, max_size=20))
def test_a_random_start_is_the_same_at_every_poll_and_within_its_spread(name: str) -> None:
    period = {"start": START, "duration": "PT1H", "randomizeStart": "PT10M"}
    first = read(("SIMPLE", 1), id=name, intervalPeriod=period)
    assert read(("SIMPLE", 1), id=name, intervalPeriod=period) == first
    (signal,) = first.signals
    assert signal.from_ms is not None and 0 <= signal.from_ms - START_MS < 600_000


def test_targets_of_both_versions() -> None:
    names = frozenset({"ven", "north"})
    for targets, meant in (
        (None, True),
        ([], True),
        ([{"type": "VEN_NAME", "values": ["ven"]}], True),
        ([{"type": "RESOURCE_NAME", "values": ["south"]}], False),
        (["north", "x"], True),
        (["x"], False),
    ):
        event = event_of({"id": "e", "programID": "p", "targets": targets})
        assert is_for(event, names) is meant


@given(st.integers(0, 40), st.integers(0, 30), st.integers(0, 30), st.integers(0, 90))
def test_durations(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    assert duration_s(text) == days * 86_400 + hours * 3_600 + minutes * 60 + seconds


@pytest.mark.parametrize("text", ["P", "PT", "1H", "PT-1H", "PT1", "soon"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SignalError, match="is no duration"):
        duration_s(text)


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(SignalError, match="programID"):
        event_of({"id": "e"})
