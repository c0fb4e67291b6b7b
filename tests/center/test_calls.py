"""Generators that are called: they start, or fail, or trip, or are late, or recover."""

from __future__ import annotations

import pytest

from gridmuster.center.calls import HOLD_OFF_S, LONG_S, CallBook, CallMemory
from gridmuster.dispatch.commitment import CommitmentMemory
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.generate import generate
from gridmuster.signals import DeviceReading, DeviceState

T0 = 1_700_000_000_000
SET = next(device for device in generate(12, 1).devices if isinstance(device, Generator))
GRACE_S = 30.0
#: The nominal way to the line and the grace.
ALLOWED_S = SET.start_s + SET.sync_s + GRACE_S


class Book:
    """A call book with its own clock."""

    def __init__(self) -> None:
        self.commitment = CommitmentMemory()
        self.book = CallBook(CallMemory(), self.commitment, GRACE_S)
        self.now_s = 0.0

    def see(self, state: DeviceState, at_s: float, failed_starts: int = 0, *alarms: str) -> str:
        self.now_s = at_s
        reading = DeviceReading(SET.id, state, failed_starts=failed_starts, alarms=alarms)
        return self.book.take(SET, reading, T0 + int(at_s * 1000))

    def call(self, at_s: float, failed_starts: int = 0) -> None:
        reading = DeviceReading(SET.id, DeviceState.IDLE, failed_starts=failed_starts)
        self.book.called(SET.id, reading, T0 + int(at_s * 1000))

    @property
    def cause(self) -> str:
        return self.commitment.failures[SET.id].cause


def test_a_start_that_works() -> None:
    one = Book()
    assert one.see(DeviceState.IDLE, 0) == ""
    assert one.book.in_state_s(SET.id, T0) == LONG_S
    one.call(4)
    assert one.see(DeviceState.STARTING, 8) == "started"
    assert one.see(DeviceState.RUNNING, 20) == ""
    assert not one.book.overdue(SET, T0 + 10_000_000)
    assert one.book.in_state_s(SET.id, T0 + 18_000) == 10.0
    assert one.see(DeviceState.COOLING, 100) == "stopped"
    assert not one.book.is_on(SET.id)


def test_a_failed_start_is_booked_once() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0, 2)
    one.call(0, 2)
    one.see(DeviceState.STARTING, 4, 2)
    assert one.see(DeviceState.LOCKED, 60, 3, "fail_to_start") == "failed"
    assert one.cause == "failed to start"
    assert one.see(DeviceState.LOCKED, 64, 3, "fail_to_start") == ""
    assert not one.book.overdue(SET, T0 + 10_000_000)


def test_a_counter_alone_tells_of_a_failed_start() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0, 2)
    one.call(0, 2)
    assert one.see(DeviceState.IDLE, 60, 3) == "failed"


def test_a_counter_that_was_so_before_the_call_is_no_failure() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0, 7)
    one.call(0, 7)
    assert one.see(DeviceState.STARTING, 4, 7) == "started"


def test_a_trip_is_no_failed_start() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0)
    one.call(0)
    one.see(DeviceState.RUNNING, 20)
    assert one.see(DeviceState.FAULT, 500, 0, "low_oil_pressure") == "failed"
    assert one.cause == "tripped: low oil pressure"


def test_a_set_that_shows_no_effect_is_overdue() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0)
    one.call(0)
    assert not one.book.overdue(SET, T0 + int(ALLOWED_S * 1000))
    assert one.book.overdue(SET, T0 + int(ALLOWED_S * 1000) + 1)
    assert not one.book.overdue(SET, T0 + int(ALLOWED_S * 1000) + 1), "once"
    late_ms = T0 + int(ALLOWED_S * 1000) + 1 + HOLD_OFF_S * 1000
    one.book.forgive(late_ms - 1)
    assert one.commitment.failures
    one.book.forgive(late_ms)
    assert one.commitment.failures == {} and one.book.memory.calls == {}


def test_a_reset_makes_it_callable_and_a_second_call_is_judged_anew() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0)
    one.call(0)
    one.see(DeviceState.LOCKED, 60, 1)
    one.book.released(SET.id)
    assert one.see(DeviceState.IDLE, 100, 1) == "recovered"
    assert one.commitment.failures == {}
    one.call(104, 1)
    assert one.see(DeviceState.STARTING, 108, 1) == "started"
    assert one.see(DeviceState.LOCKED, 160, 2) == "failed"


def test_calling_again_changes_nothing() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0)
    one.call(0)
    one.call(20)
    assert one.book.memory.calls[SET.id].since_ms == T0


def test_a_set_that_its_site_started_fails_without_a_call_to_make_good() -> None:
    one = Book()
    one.see(DeviceState.IDLE, 0)
    assert one.see(DeviceState.STARTING, 4) == "started"
    assert one.see(DeviceState.LOCKED, 60, 1, "fail_to_start") == "failed"
    assert one.cause == "failed to start"
    assert one.commitment.failures[SET.id].replaced, "nothing of ours was lost with it"
    assert one.see(DeviceState.LOCKED, 64, 1, "fail_to_start") == ""
    assert one.see(DeviceState.IDLE, 900, 1) == "recovered"
    assert one.commitment.failures == {}


def test_a_set_first_seen_in_fault_has_not_failed_now() -> None:
    one = Book()
    assert one.see(DeviceState.FAULT, 4) == ""
    assert one.see(DeviceState.FAULT, 8) == ""
    assert one.commitment.failures == {}


@pytest.mark.parametrize("state", [DeviceState.STARTING, DeviceState.WARMING, DeviceState.RUNNING])
def test_on_is_on(state: DeviceState) -> None:
    one = Book()
    one.see(state, 0)
    assert one.book.is_on(SET.id)


def test_a_site_that_said_no_is_left_alone_for_a_while() -> None:
    one = Book()
    one.book.hold_off(SET.id, "site refused: fuel", T0)
    one.book.hold_off(SET.id, "again", T0 + 1000)
    assert one.cause == "site refused: fuel"
    one.book.forgive(T0 + HOLD_OFF_S * 1000)
    assert one.commitment.failures == {}
