"""Exercises are placed outside curfews where energy is worth most, apart, and not more than due."""

from __future__ import annotations

from calendar import monthrange
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.clock import local, parse_iso
from gridmuster.fleet.devices import Every, Exercise
from gridmuster.fleet.programs import Curfew, Exercising
from gridmuster.programs.drills import FIXED_MS, Drills, Engine, keep, look
from gridmuster.programs.exercise import Exercised, bank_due_ms, note
from gridmuster.programs.placing import (
    DAY_MS,
    SLOT_MS,
    Shape,
    Worth,
    quiet_times,
    slots,
    worth_of_waiting,
)

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
ZONE = "America/Chicago"
NOON_MS = parse_iso("2025-06-10T12:00:00-05:00")
RUN = Shape(ZONE, 35 * MINUTE_MS, MINUTE_MS, 5 * MINUTE_MS)
NIGHT = Curfew(from_hour=22, until_hour=7)
PROGRAM = Exercising(id="drill")


def priced(now_ms: int, dear_hour: int, days: int = 2) -> Worth:
    """Energy at 30 USD/MWh, and at 300 in one local hour of each day."""
    hour_ms = now_ms // HOUR_MS * HOUR_MS
    values = [
        0.3 if local(hour_ms + k * HOUR_MS, ZONE).hour == dear_hour else 0.03
        for k in range(24 * days)
    ]
    return Worth(hour_ms, HOUR_MS, tuple(values))


def engine(name: str = "gen", done_ms: int = -1, since_ms: int = 0, **changes: Any) -> Engine:
    every = changes.pop("every", Every.MONTH)
    values: dict[str, Any] = {
        "device": name,
        "site": f"{name}-site",
        "zone": ZONE,
        "exercise": Exercise(every=every),
        "known": Exercised(since_ms or NOON_MS - 90 * DAY_MS, NOON_MS, done_ms=done_ms),
        "rated_kw": 100.0,
        "most_kw": 100.0,
        "free": True,
        "before_ms": MINUTE_MS,
        "after_ms": 5 * MINUTE_MS,
        "lost_usd_per_kwh": 0.3,
        "diesel": True,
    }
    return Engine(**{**values, **changes})


def placed(*engines: Engine, program: Exercising = PROGRAM, dear_hour: int = 17) -> Drills:
    drills = Drills()
    look(program, drills, engines, priced(NOON_MS, dear_hour), NOON_MS)
    return drills


def test_a_due_engine_runs_in_the_dearest_hour_of_the_day() -> None:
    drill = placed(engine(done_ms=NOON_MS - 28 * DAY_MS)).placed["gen"]
    assert local(drill.from_ms, ZONE).hour == 17
    assert drill.until_ms - drill.from_ms == 35 * MINUTE_MS
    assert drill.power_kw == pytest.approx(34.5)
    assert "0.300 USD/kWh" in drill.text


def test_an_engine_that_ran_lately_waits_whatever_the_price() -> None:
    drills = placed(engine(done_ms=NOON_MS - 5 * DAY_MS))
    assert drills.placed == {}
    # Nor is it looked at again before its window is near.
    assert drills.later["gen"] > NOON_MS + 10 * DAY_MS


def test_dear_hours_in_a_curfew_are_not_taken() -> None:
    drill = placed(engine(done_ms=NOON_MS - 28 * DAY_MS), dear_hour=23).placed["gen"]
    assert 7 <= local(drill.from_ms, ZONE).hour < 22
    school = Exercising(id="drill", curfews=(Curfew(from_hour=8, until_hour=18, days=("wed",)),))
    (found,) = placed(
        engine(done_ms=NOON_MS - 28 * DAY_MS), program=school, dear_hour=9
    ).placed.values()
    # The next 9:00 is on a Wednesday; the day's other hours are all alike.
    assert local(found.from_ms, ZONE).hour != 9


def test_at_most_so_many_begin_together_and_apart() -> None:
    program = Exercising(id="drill", most_at_once=3, apart_s=40)
    engines = [engine(f"g{k}", NOON_MS - 28 * DAY_MS) for k in range(8)]
    begins = sorted(d.from_ms for d in placed(*engines, program=program).placed.values())
    assert len(begins) == 8
    assert all(b - a >= 40_000 for a, b in pairwise(begins))
    quarters = [at_ms // SLOT_MS for at_ms in begins]
    assert max(quarters.count(one) for one in quarters) == 3


def test_what_is_about_to_begin_stays_and_what_counted_is_dropped() -> None:
    drills = placed(engine(done_ms=NOON_MS - 28 * DAY_MS))
    from_ms = drills.placed["gen"].from_ms
    look(PROGRAM, drills, [engine(done_ms=NOON_MS - 28 * DAY_MS)], None, from_ms - FIXED_MS)
    assert drills.placed["gen"].from_ms == from_ms
    ran = Exercised(0, from_ms, done_ms=from_ms + 30 * MINUTE_MS)
    keep(drills, {"gen": ran}, from_ms + 31 * MINUTE_MS)
    assert drills.placed == {} and drills.tried == {}


def test_a_real_run_that_counted_takes_its_place() -> None:
    drills = placed(engine(done_ms=NOON_MS - 28 * DAY_MS))
    real = engine(done_ms=NOON_MS + HOUR_MS)
    look(PROGRAM, drills, [real], priced(NOON_MS, 17), NOON_MS + 2 * HOUR_MS)
    assert drills.placed == {}


def test_a_run_that_did_not_count_is_tried_again_after_a_rest() -> None:
    drills = placed(engine(done_ms=NOON_MS - 28 * DAY_MS))
    until_ms = drills.placed["gen"].until_ms
    keep(drills, {}, until_ms)
    assert drills.tried == {"gen": until_ms}
    again = engine(done_ms=NOON_MS - 28 * DAY_MS)
    look(PROGRAM, drills, [again], priced(until_ms, 17), until_ms)
    assert drills.placed["gen"].from_ms >= until_ms + 20 * HOUR_MS


def test_a_late_engine_runs_as_soon_as_no_curfew_forbids() -> None:
    drill = placed(engine(done_ms=NOON_MS - 40 * DAY_MS), dear_hour=20).placed["gen"]
    assert drill.from_ms - NOON_MS <= SLOT_MS


@settings(max_examples=15)
@given(st.integers(0, 23), st.integers(0, 23), st.integers(0, 400))
def test_a_daily_exercise_is_never_late_for_a_curfew(dear: int, first: int, day: int) -> None:
    """Days on end, looked over each hour: runs are met within their day and outside curfews."""
    start_ms = parse_iso("2025-03-01T00:00:00Z") + day * DAY_MS
    known = Exercised(start_ms, start_ms, done_ms=start_ms + first * HOUR_MS)
    quiet = quiet_times((NIGHT,), ZONE, start_ms, start_ms + 9 * DAY_MS)
    if any(a <= known.done_ms < b for a, b in quiet):
        known.done_ms += 9 * HOUR_MS
    drills, late, runs = Drills(), [], 0
    for hour in range(int((known.done_ms - start_ms) / HOUR_MS), 24 * 6):
        now_ms = start_ms + hour * HOUR_MS
        daily = engine(done_ms=known.done_ms, every=Every.DAY)
        look(PROGRAM, drills, [daily], priced(now_ms, dear), now_ms)
        drill = drills.placed.get("gen")
        if drill is not None and drill.from_ms < now_ms + HOUR_MS:
            assert not any(drill.from_ms < b and a < drill.until_ms for a, b in quiet)
            late.append(drill.until_ms - 5 * MINUTE_MS - known.done_ms)
            known.done_ms, runs = drill.until_ms - 5 * MINUTE_MS, runs + 1
            keep(drills, {"gen": known}, drill.until_ms)
    # The day on which the clock goes back has 25 hours.
    assert runs >= 4 and max(late) <= 25 * HOUR_MS


@settings(max_examples=25)
@given(st.integers(0, 23), st.integers(1, 24), st.integers(0, 365))
def test_slots_are_those_that_touch_no_curfew(first: int, last: int, day: int) -> None:
    """Against the wall clock, minute by minute."""
    curfew = Curfew(from_hour=first, until_hour=last)
    start_ms = parse_iso("2025-01-01T06:00:00Z") + day * DAY_MS
    found = set(slots((curfew,), RUN, start_ms, start_ms + DAY_MS))

    def forbidden(at_ms: int) -> bool:
        hour = local(at_ms, ZONE).hour
        if last <= first:
            return hour >= first or hour < last
        return first <= hour < last

    around = range(-1, 15 + 35 + 5)
    for at_ms in range(start_ms, start_ms + DAY_MS, 4 * SLOT_MS):
        touches = any(forbidden(at_ms + k * MINUTE_MS) for k in around)
        assert (at_ms in found) == (not touches)


@pytest.mark.parametrize("chances", [1, 2, 3])
def test_waiting_is_worth_what_all_orders_of_days_give(chances: int) -> None:
    """By brute force over every sequence of coming days, taking each day what the rule says."""
    best, saved = [0.02, 0.05, 0.05, 0.3, 0.04], 0.004

    def got(days: tuple[float, ...]) -> float:
        for k, usd in enumerate(days):
            if usd >= worth_of_waiting(best, len(days) - 1 - k, saved):
                return usd + (k + 1) * saved
        raise AssertionError("the last day is always taken")

    every = [got(days) for days in product(best, repeat=chances)]
    assert worth_of_waiting(best, chances, saved) == pytest.approx(sum(every) / len(every))


def test_a_light_load_runs_monthly_and_owes_a_load_bank_run() -> None:
    light: dict[str, Any] = {"most_kw": 20.0, "free": False}
    drills = placed(engine(since_ms=NOON_MS - 40 * DAY_MS, **light))
    assert drills.placed["gen"].power_kw == 20.0
    assert "20% of its rating" in drills.placed["gen"].text
    missed_ms = drills.missed["gen"]
    assert NOON_MS - 11 * DAY_MS <= missed_ms <= NOON_MS
    known = Exercised(NOON_MS - 40 * DAY_MS, NOON_MS, light_ms=NOON_MS - 10 * DAY_MS)
    assert placed(engine(known=known, **light)).placed == {}
    due = bank_due_ms(known, missed_ms, ZONE)
    assert due is not None and local(due, ZONE).year == local(missed_ms, ZONE).year + 1


def test_an_engine_that_may_send_out_runs_its_load_bank_hour_and_a_half() -> None:
    done_ms = NOON_MS - 2 * DAY_MS
    drills = Drills(missed={"gen": NOON_MS - 360 * DAY_MS})
    known = Exercised(NOON_MS - 500 * DAY_MS, NOON_MS, done_ms=done_ms)
    look(PROGRAM, drills, [engine(known=known)], priced(NOON_MS, 17), NOON_MS)
    drill = drills.placed["gen"]
    assert drill.bank and drill.power_kw == 80.0
    assert drill.until_ms - drill.from_ms == 95 * MINUTE_MS
    keep(drills, {"gen": Exercised(0, 0, done_ms=drill.until_ms)}, drill.until_ms - 1)
    assert "gen" in drills.placed


@pytest.mark.parametrize(
    ("loads", "counts"),
    [
        ([(30, 0.5), (60, 0.75)], True),
        ([(60, 0.8), (30, 0.55)], True),
        ([(90, 0.75)], True),
        ([(30, 0.5), (55, 0.75)], False),
        ([(30, 0.45), (60, 0.75)], False),
        ([(30, 0.5), (30, 0.75), (5, 0.4), (30, 0.75)], False),
        ([(45, 0.75), (45, 0.6), (10, 0.75)], False),
    ],
)
def test_a_load_bank_run_is_ninety_minutes_with_an_hour_at_three_quarters(
    loads: list[tuple[int, float]], counts: bool
) -> None:
    known: Exercised | None = None
    at_ms = NOON_MS
    for minutes, load in loads:
        for k in range(2 * minutes + 1):
            known = note(known, at_ms + k * MINUTE_MS // 2, load, Exercise(every=Every.MONTH))
        at_ms += minutes * MINUTE_MS
    assert known is not None
    assert (known.bank_ms >= 0) == counts


def test_a_yearly_date_is_the_same_day_of_the_next_year() -> None:
    leap_ms = parse_iso("2024-02-29T12:00:00-06:00")
    due = bank_due_ms(Exercised(0, 0), leap_ms, ZONE)
    assert due is not None
    assert local(due, ZONE).day == monthrange(2025, 2)[1]
