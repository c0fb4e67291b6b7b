"""Promises and exercises as a journal tells them: each way to break one is seen, others are not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from gridmuster.clock import parse_iso
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.towers import generate_towers
from gridmuster.report.header import Head, Settings
from gridmuster.report.promises import YearBook, YearFigures
from gridmuster.report.source import Cycle, Session
from gridmuster.safety.fuel import fuel_floor
from gridmuster.signals import DeviceReading, DeviceState, SiteReport, Supply, SwitchMode

START_MS = parse_iso("2025-03-03T00:00:00Z")
HOUR_MS = 3_600_000
FLEET: Fleet = generate_towers(2, 1)
SITE = next(site for site in FLEET.sites if not site.transfer.engine_may_export)
ENGINE = next(
    device
    for device in FLEET.devices_of_site[SITE.id]
    if isinstance(device, Generator) and device.tank is not None
)
FLOOR = fuel_floor(SITE, ENGINE)

#: Hour, level in the tank, state, outage.
Word = tuple[float, float, DeviceState, bool]
IDLE, RUNNING, FAULT = DeviceState.IDLE, DeviceState.RUNNING, DeviceState.FAULT


def judged(words: Iterable[Word], load: float = 0.0) -> YearFigures:
    """What a journal with these reports of one site comes to."""
    book = YearBook()
    settings = Settings(stale_s=1e6)
    book.take(Session(Head("test", "", settings, START_MS), FLEET, START_MS, restarts=True))
    for number, (hour, level, state, outage) in enumerate(words):
        at_ms = START_MS + int(hour * HOUR_MS)
        reading = DeviceReading(
            ENGINE.id,
            state,
            load * ENGINE.rated_kw if state is RUNNING else 0.0,
            mode=SwitchMode.AUTO,
            fuel_level=level,
            alarms=("low_fuel",) if state is FAULT else (),
        )
        report = SiteReport(
            SITE.id, at_ms, number, Supply.UTILITY, not outage, 60.0, 1.0, 0.0, (reading,)
        )
        cycle = Cycle(at_ms, number)
        cycle.reports.append((at_ms, report))
        book.take(cycle)
    return book.figures()


def test_a_tank_above_its_reserve_keeps_the_promise() -> None:
    found = judged([(0, FLOOR + 20, IDLE, False), (5, FLOOR + 10, IDLE, False)])
    assert (found.promises_broken, found.promise_h, found.excused_h) == (0, 5.0, 0.0)


def test_a_tank_that_falls_below_without_an_outage_breaks_it_once() -> None:
    words = [(0.0, FLOOR + 5, IDLE, False)]
    words += [(hour, FLOOR - 20, IDLE, False) for hour in (1, 2, 3)]
    found = judged(words)
    assert found.promises_broken == 1
    assert "no outage used them" in found.words[0]


def test_an_outage_may_use_the_reserve_until_the_lorry_must_have_come() -> None:
    used = [(0.0, FLOOR + 5, IDLE, False), (1.0, FLOOR - 20, RUNNING, True)]
    back = [(60.0, FLOOR - 20, IDLE, False), (65.0, FLOOR + 60, IDLE, False)]
    found = judged([*used, *back])
    assert (found.promises_broken, found.deliveries) == (0, 1)
    assert found.excused_h == pytest.approx(64.0)
    late = judged([*used, (60.0, FLOOR - 20, IDLE, False), (74.0, FLOOR - 20, IDLE, False)])
    assert late.promises_broken == 1


@pytest.mark.parametrize(("lasted_h", "broken"), [(20.0, 1), (25.0, 0)])
def test_a_set_that_runs_dry_before_the_promised_hours_breaks_it(
    lasted_h: float, broken: int
) -> None:
    words = [
        (0.0, FLOOR + 1, RUNNING, True),
        (lasted_h, 0.0, FAULT, True),
        (lasted_h + 40.0, FLOOR + 1, IDLE, False),
    ]
    assert judged(words).promises_broken == broken


def test_a_missed_exercise_is_told_with_its_reason_or_as_unexplained() -> None:
    week = range(0, 24 * 35, 12)
    silent = judged([(float(hour), FLOOR + 20, IDLE, False) for hour in week])
    assert (silent.exercises_met, silent.exercises_unexplained) == (0, silent.exercises_missed)
    ours = [one for one in silent.words if ENGINE.id in one]
    assert len(ours) == 1
    assert "no reason found" in ours[0]
    broken = judged([(float(hour), FLOOR + 20, FAULT, False) for hour in week])
    assert [one for one in broken.words if ENGINE.id in one and "in fault (low_fuel)" in one]
    assert broken.exercises_unexplained == broken.exercises_missed - 1
