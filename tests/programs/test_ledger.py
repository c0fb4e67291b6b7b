"""Hours and starts by the engine's own meters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.programs.ledger import MOST_STARTS, Ledger
from gridmuster.signals import DeviceReading, DeviceState, Purpose

T0 = 1_700_000_000_000
HOUR_MS = 3_600_000


def reading(run_h: float | None, starts: int | None = None) -> DeviceReading:
    return DeviceReading("d", DeviceState.RUNNING, 10.0, run_h=run_h, starts=starts)


def counted_h(ledger: Ledger) -> float:
    account = ledger.accounts.get("d")
    years = {} if account is None else account.book.years
    return sum(h for row in years.values() for key, h in row.items() if key != Purpose.OUTAGE)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(list(Purpose))), max_size=30))
def test_hours_go_to_the_purpose_they_were_run_for(steps: list[tuple[float, Purpose]]) -> None:
    ledger = Ledger()
    run_h, now_ms = 5000.0, T0
    ledger.note(now_ms, reading(run_h), Purpose.DEMAND)
    booked = dict.fromkeys(Purpose, 0.0)
    for gained_h, purpose in steps:
        run_h += gained_h
        now_ms += HOUR_MS
        booked[purpose] += gained_h
        ledger.note(now_ms, reading(run_h), purpose)
    account = ledger.accounts["d"]
    for purpose, hours in booked.items():
        assert account.hours_h.get(purpose, 0.0) == pytest.approx(hours, abs=1e-6)
    outside = sum(hours for purpose, hours in booked.items() if purpose is not Purpose.OUTAGE)
    assert counted_h(ledger) == pytest.approx(outside, abs=1e-6)


def test_an_exchanged_meter_starts_a_new_count_and_hours_go_on() -> None:
    ledger = Ledger()
    for k, run_h in enumerate((5000.0, 5001.0, 0.0, 1.0, 2.0)):
        ledger.note(T0 + k * HOUR_MS, reading(run_h), Purpose.DEMAND)
    assert counted_h(ledger) == pytest.approx(3.0)


@given(st.floats(0, 1e308))
def test_a_stuttering_meter_books_no_more_than_time_passed(glitch_h: float) -> None:
    ledger = Ledger()
    for k, run_h in enumerate((5000.0, glitch_h, 5000.0, 5001.0)):
        ledger.note(T0 + k * HOUR_MS, reading(run_h), Purpose.DEMAND)
    assert 0.0 <= counted_h(ledger) <= 3.4


def test_starts_of_a_day_are_counted_and_forgotten() -> None:
    ledger = Ledger()
    for k in range(30):
        ledger.note(T0 + k * HOUR_MS, reading(None, starts=100 + k), Purpose.DEMAND)
    assert ledger.starts_24h("d") == 24
    ledger.note(T0 + 80 * HOUR_MS, reading(None, starts=129), Purpose.DEMAND)
    assert ledger.starts_24h("d") == 0


def test_a_start_counter_that_jumps_is_not_believed_beyond_reason() -> None:
    ledger = Ledger()
    ledger.note(T0, reading(None, starts=3), Purpose.DEMAND)
    ledger.note(T0 + 1, reading(None, starts=2**50), Purpose.DEMAND)
    assert ledger.starts_24h("d") == MOST_STARTS


def test_an_unknown_engine_has_no_hours() -> None:
    assert (counted_h(Ledger()), Ledger().starts_24h("x")) == (0.0, 0)
