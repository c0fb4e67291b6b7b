"""Interval data out of a journal, and what an event delivered by them."""

from __future__ import annotations

from pathlib import Path

import pytest
from crafting import Craft

from gridmuster.clock import parse_iso
from gridmuster.report.baselines import BaselineError, Event, generation_meter_output
from gridmuster.report.metered import IntervalMeter, metered
from gridmuster.signals import DeviceState

QUARTER_MS = 900_000
START_MS = parse_iso("2026-07-15T12:00:00Z")


def test_a_counter_is_cut_at_the_seams() -> None:
    meter = IntervalMeter(QUARTER_MS)
    # 60 kW from 0:00:30 on, read every 45 s, which never falls on a seam at first.
    for at_ms in range(30_000, 3 * QUARTER_MS, 45_000):
        meter.take(at_ms, 5.0 + at_ms / 60_000)
    assert meter.power_kw == {QUARTER_MS: pytest.approx(60.0)}


def test_gaps_and_resets_make_no_interval() -> None:
    for broken in ((2 * QUARTER_MS - 60_000, None), (1_500_000, 1.0)):
        meter = IntervalMeter(QUARTER_MS)
        for at_ms in range(0, 5 * QUARTER_MS + 1, 30_000):
            kwh = 5.0 + at_ms / 60_000
            if broken[1] is None and 0 <= at_ms - broken[0] < 90_000:
                continue
            if broken[1] is not None and at_ms >= broken[0]:
                kwh = broken[1] + (at_ms - broken[0]) / 60_000
            meter.take(at_ms, kwh)
        known = set(meter.power_kw)
        assert 0 in known
        assert QUARTER_MS not in known
        assert {3 * QUARTER_MS, 4 * QUARTER_MS} <= known
        assert all(kw == pytest.approx(60.0) for kw in meter.power_kw.values())


def test_an_event_of_a_journal(tmp_path: Path) -> None:
    craft = Craft(tmp_path / "journal", START_MS)
    running = {"state": DeviceState.RUNNING, "power_kw": 80.0}
    for k in range(3 * 45 + 1):
        hours = k * 20_000 / 3_600_000
        craft.cycle(
            craft.report("plant", engine={**running, "produced_kwh": 7.0 + 80.0 * hours}),
            craft.demand("plant", ("homes", 400.0, 9.0 + 400.0 * hours)),
            count=5,
        )
    craft.finish()
    series = metered(str(craft.path), ["engine", "homes", "nobody"], 900, "UTC")
    event = Event(START_MS + QUARTER_MS, START_MS + 3 * QUARTER_MS)
    found = generation_meter_output(series["engine"], event)
    assert found.kwh == pytest.approx(40.0)
    assert found.mean_kw == pytest.approx(80.0)
    assert found.missing_ms == ()
    assert series["homes"].power_kw[event.from_ms] == pytest.approx(400.0)
    assert series["nobody"].power_kw == {}
    with pytest.raises(BaselineError, match="does not divide"):
        metered(str(craft.path), ["engine"], 7000, "UTC")
