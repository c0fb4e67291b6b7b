"""Baselines on numbers that can be worked out by hand, and what moves with the load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.clock import local, to_ms
from gridmuster.report.baselines import (
    CAISO_RATIO,
    NYISO_RATIO,
    PJM_ADDITIVE,
    Baseline,
    BaselineError,
    Calendar,
    Event,
    Exclusion,
    MeterSeries,
    adjusted,
    delivered,
    generation_meter_output,
    high_4_of_5,
    high_5_of_10,
    ten_of_ten,
)

ZONE = "America/Chicago"
HOUR_MS = 3_600_000
JULY_4 = Calendar(holidays=frozenset({date(2024, 7, 4)}))
Method = Callable[[MeterSeries, Event, Calendar], Baseline]
METHODS: tuple[Method, ...] = (ten_of_ten, high_5_of_10, high_4_of_5)


def at(day: str, hour: int, fold: int = 0) -> int:
    """Instant of a local hour, ms."""
    moment = datetime.fromisoformat(day).replace(hour=hour, tzinfo=ZoneInfo(ZONE), fold=fold)
    return to_ms(moment)


def event(day: str, first: int = 15, last: int = 17) -> Event:
    return Event(at(day, first), at(day, last))


def series(
    since: str, until: str, kw: Callable[[datetime], float], step_s: int = 3600
) -> MeterSeries:
    """A load of its local time."""
    starts = range(at(since, 0), at(until, 0), step_s * 1000)
    return MeterSeries(ZONE, step_s, {ms: kw(local(ms, ZONE)) for ms in starts})


def ten_times_the_day(moment: datetime) -> float:
    return 10.0 * moment.day


LOAD = series("2024-05-01", "2024-08-01", ten_times_the_day)
#: A Wednesday.
EVENT = event("2024-07-17")


def days(baseline: Baseline) -> list[str]:
    return [f"{day.month}-{day.day}" for day in baseline.used]


def test_ten_of_ten_is_the_mean_of_ten_weekdays() -> None:
    found = ten_of_ten(LOAD, EVENT, JULY_4)
    assert days(found) == [
        "7-16",
        "7-15",
        "7-12",
        "7-11",
        "7-10",
        "7-9",
        "7-8",
        "7-5",
        "7-3",
        "7-2",
    ]
    # 160 + 150 + 120 + 110 + 100 + 90 + 80 + 50 + 30 + 20 = 910
    assert found.power_kw == pytest.approx((91.0, 91.0))
    assert delivered(found, LOAD).power_kw == pytest.approx((91.0 - 170.0,) * 2)


def test_high_5_of_10_drops_low_days_and_looks_further() -> None:
    found = high_5_of_10(LOAD, EVENT, JULY_4)
    # July 16 is skipped. 15 12 11 10 9 8 5 3 2 1 have a mean of 76: 1 July (10) is below 19. With
    # 28 June (280) the mean is 103: 2 July (20) is below 25.75. With 27 June 128: 3 July (30) too.
    assert days(found) == ["7-15", "7-12", "6-28", "6-27", "6-26"]
    assert found.power_kw == pytest.approx(((150 + 120 + 280 + 270 + 260) / 5,) * 2)
    reasons = dict(found.excluded)
    assert [day.day for day, why in found.excluded if why is Exclusion.LOW_USE] == [3, 2, 1]
    assert reasons[date(2024, 7, 11)] is Exclusion.NOT_HIGHEST


def test_high_4_of_5_leaves_out_the_lowest_and_event_days() -> None:
    found = high_4_of_5(LOAD, EVENT, JULY_4)
    assert found.power_kw == pytest.approx(((160 + 150 + 120 + 110) / 4,) * 2)
    calendar = replace(JULY_4, event_days=frozenset({date(2024, 7, 16)}))
    found = high_4_of_5(LOAD, EVENT, calendar)
    assert found.power_kw == pytest.approx(((150 + 120 + 110 + 100) / 4,) * 2)
    assert (date(2024, 7, 16), Exclusion.EVENT_DAY) in found.excluded


def test_weekends_are_compared_with_weekends() -> None:
    saturday = event("2024-07-20")
    assert high_4_of_5(LOAD, saturday, JULY_4).power_kw == pytest.approx((210.0,) * 2)  # 290, 130
    assert high_5_of_10(LOAD, saturday, JULY_4).power_kw == pytest.approx((210.0,) * 2)
    assert ten_of_ten(LOAD, saturday, JULY_4).power_kw == pytest.approx((100.0,) * 2)  # 14 13 7 6
    # A holiday is an off day, and a Sunday to those who tell them apart.
    monday = replace(JULY_4, holidays=frozenset({date(2024, 7, 15)}))
    assert days(ten_of_ten(LOAD, saturday, monday)) == ["7-15", "7-14", "7-13", "7-7"]
    assert days(high_4_of_5(LOAD, event("2024-07-21"), monday)) == ["7-15", "7-14"]


def test_a_day_with_a_missing_reading_is_named_and_replaced() -> None:
    gone = at("2024-07-16", 16)
    load = MeterSeries(ZONE, 3600, {ms: kw for ms, kw in LOAD.power_kw.items() if ms != gone})
    found = high_4_of_5(load, EVENT, JULY_4)
    assert (date(2024, 7, 16), Exclusion.MISSING) in found.excluded
    assert found.power_kw == pytest.approx(((150 + 120 + 110 + 100) / 4,) * 2)
    # Outside the event's hours it does not matter.
    other = {ms: kw for ms, kw in LOAD.power_kw.items() if ms != at("2024-07-16", 18)}
    assert high_4_of_5(MeterSeries(ZONE, 3600, other), EVENT, JULY_4).used[0] == date(2024, 7, 16)


def test_too_few_days_are_refused_with_the_reasons() -> None:
    short = series("2024-07-11", "2024-07-18", ten_times_the_day)
    with pytest.raises(BaselineError, match=r"4 like days .* at least 5 .*readings missing: 27"):
        ten_of_ten(short, EVENT, JULY_4)
    found = high_4_of_5(short, EVENT, JULY_4)
    assert len(found.used) == 4
    fewer = series("2024-07-08", "2024-07-18", ten_times_the_day)
    assert ten_of_ten(fewer, EVENT, JULY_4).notes == ("7 like days instead of 10",)


def morning(kw: float) -> MeterSeries:
    """100 kW on every day; on the event's day something else from 11 to 14 o'clock."""

    def shape(moment: datetime) -> float:
        special = moment.date() == date(2024, 7, 17) and 11 <= moment.hour < 14
        return kw if special else 100.0

    return series("2024-06-01", "2024-07-18", shape)


def test_additive_adjustment() -> None:
    load = morning(130.0)
    found = adjusted(high_4_of_5(load, EVENT, JULY_4), load, PJM_ADDITIVE)
    assert (found.shift_kw, found.power_kw, found.capped) == (30.0, (130.0, 130.0), False)
    held = adjusted(high_4_of_5(load, EVENT, JULY_4), load, replace(PJM_ADDITIVE, cap_share=0.2))
    assert (held.shift_kw, held.power_kw, held.capped) == (20.0, (120.0, 120.0), True)
    low = morning(50.0)
    held = adjusted(high_4_of_5(low, EVENT, JULY_4), low, replace(PJM_ADDITIVE, cap_share=0.2))
    assert held.power_kw == (80.0, 80.0)
    with pytest.raises(BaselineError, match="already"):
        adjusted(held, low, PJM_ADDITIVE)


def test_multiplicative_adjustment() -> None:
    load = morning(110.0)
    found = adjusted(ten_of_ten(load, EVENT, JULY_4), load, CAISO_RATIO)
    assert found.ratio == pytest.approx(1.1)
    assert found.power_kw == pytest.approx((110.0, 110.0))
    for kw, ratio in ((170.0, 1.2), (10.0, 0.8)):
        far = morning(kw)
        held = adjusted(high_5_of_10(far, EVENT, JULY_4), far, NYISO_RATIO)
        assert held.ratio == pytest.approx(ratio)
        assert held.capped
    exporting = MeterSeries(ZONE, 3600, {ms: -kw for ms, kw in load.power_kw.items()})
    with pytest.raises(BaselineError, match="no ratio"):
        adjusted(ten_of_ten(exporting, EVENT, JULY_4), exporting, CAISO_RATIO)


def test_the_hours_compared_are_the_rules_own() -> None:
    def ramp(moment: datetime) -> float:
        return 100.0 + (moment.hour if moment.date() == date(2024, 7, 17) else 0)

    load = series("2024-06-01", "2024-07-18", ramp)
    by_pjm = adjusted(high_4_of_5(load, EVENT, JULY_4), load, PJM_ADDITIVE)
    assert by_pjm.shift_kw == pytest.approx(12.0)  # 11, 12, 13 o'clock
    by_nyiso = adjusted(high_5_of_10(load, EVENT, JULY_4), load, NYISO_RATIO)
    assert by_nyiso.ratio == pytest.approx(1.115)  # 11, 12 o'clock


def test_an_adjustment_without_readings_is_refused() -> None:
    hidden = range(at("2024-07-17", 11), at("2024-07-17", 14))
    load = MeterSeries(ZONE, 3600, {m: kw for m, kw in LOAD.power_kw.items() if m not in hidden})
    with pytest.raises(BaselineError, match="nothing to adjust by"):
        adjusted(ten_of_ten(load, EVENT, JULY_4), load, CAISO_RATIO)
    one = MeterSeries(
        ZONE, 3600, {m: kw for m, kw in LOAD.power_kw.items() if m != at("2024-07-17", 11)}
    )
    assert "1 interval" in adjusted(ten_of_ten(one, EVENT, JULY_4), one, CAISO_RATIO).notes[0]


def hour_of_day(moment: datetime) -> float:
    return 10.0 * moment.hour


def test_the_clock_change_keeps_wall_clock_hours() -> None:
    spring = series("2024-01-15", "2024-04-01", hour_of_day)
    # The clock skips 2 o'clock on Sunday 10 March: that day has nothing to say of it.
    early = event("2024-03-17", 1, 4)
    found = high_4_of_5(spring, early, Calendar())
    assert days(found) == ["3-10", "3-3"]
    assert found.power_kw == pytest.approx((10.0, 20.0, 30.0))
    # On the Monday after, the same hours by the clock count, not by UTC.
    assert ten_of_ten(spring, event("2024-03-11"), Calendar()).power_kw == (150.0, 160.0)


def test_an_hour_that_comes_twice() -> None:
    second_ms = at("2024-11-03", 1, fold=1)

    def shape(moment: datetime) -> float:
        return 50.0 if to_ms(moment) == second_ms else 10.0

    load = series("2024-09-01", "2024-11-15", shape)
    # On a later Sunday, 3 November counts with the mean of both: (10 + 50) / 2 = 30; the others 10.
    found = high_4_of_5(load, event("2024-11-10", 1, 2), Calendar())
    assert found.power_kw == pytest.approx((20.0,))
    # An event over the 25-hour night has three intervals from 1 to 3 o'clock.
    night = ten_of_ten(load, event("2024-11-03", 1, 3), Calendar())
    assert len(night.power_kw) == 3
    given_kw = delivered(night, load).power_kw
    assert given_kw == pytest.approx((0.0, -40.0, 0.0))


def test_an_event_over_midnight_is_compared_with_nights() -> None:
    load = series("2024-06-01", "2024-07-20", lambda moment: 100.0 if moment.hour >= 12 else 20.0)
    found = high_4_of_5(load, Event(at("2024-07-17", 23), at("2024-07-18", 1)), JULY_4)
    assert found.power_kw == pytest.approx((100.0, 20.0))


def test_quarter_hours_and_missing_readings_of_the_event() -> None:
    load = series("2024-07-01", "2024-07-18", ten_times_the_day, 900)
    gone = EVENT.from_ms + 900_000
    load = MeterSeries(ZONE, 900, {ms: kw for ms, kw in load.power_kw.items() if ms != gone})
    found = delivered(high_4_of_5(load, EVENT, JULY_4), load)
    assert found.missing_ms == (gone,)
    assert found.power_kw[1] is None
    assert found.mean_kw == pytest.approx(-35.0)
    assert found.kwh == pytest.approx(-35.0 * 1.75)


def test_generation_meter_output() -> None:
    start = EVENT.from_ms
    output = MeterSeries(ZONE, 1800, {start: 40.0, start + 1_800_000: 50.0, start + HOUR_MS: 60.0})
    found = generation_meter_output(output, EVENT)
    assert found.kwh == pytest.approx(75.0)
    assert found.mean_kw == pytest.approx(50.0)
    assert found.missing_ms == (start + 3 * 1_800_000,)
    less = generation_meter_output(output, EVENT, [10.0] * 4)
    assert less.kwh == pytest.approx(60.0)
    with pytest.raises(BaselineError, match="1 usual outputs for 4"):
        generation_meter_output(output, EVENT, [10.0])


@pytest.mark.parametrize(
    ("step_s", "readings", "words"),
    [
        (1000, {}, "does not divide an hour"),
        (3600, {5: 1.0}, "no start of an interval"),
        (3600, {0: float("nan")}, "leave it out"),
    ],
)
def test_bad_series_are_refused(step_s: int, readings: dict[int, float], words: str) -> None:
    with pytest.raises(BaselineError, match=words):
        MeterSeries(ZONE, step_s, readings)


def test_bad_events_are_refused() -> None:
    with pytest.raises(BaselineError, match="not at the end of an interval"):
        ten_of_ten(LOAD, Event(EVENT.from_ms + 60_000, EVENT.until_ms), JULY_4)
    with pytest.raises(BaselineError, match="is not after"):
        ten_of_ten(LOAD, Event(EVENT.from_ms, EVENT.from_ms), JULY_4)


@st.composite
def loads(draw: st.DrawFn) -> MeterSeries:
    """Six weeks of whole kW that differ by day and hour, so that sums are exact."""
    of_day = draw(st.lists(st.integers(50, 100), min_size=50, max_size=50))
    of_hour = draw(st.lists(st.integers(0, 40), min_size=24, max_size=24))
    start = date(2024, 6, 1)
    return series(
        "2024-06-01",
        "2024-07-18",
        lambda moment: float(of_day[(moment.date() - start).days] + of_hour[moment.hour]),
    )


@settings(max_examples=25, deadline=None)
@given(load=loads(), more=st.integers(0, 60), factor=st.sampled_from([0.5, 2.0, 4.0]))
def test_a_baseline_moves_and_scales_with_its_load(
    load: MeterSeries, more: int, factor: float
) -> None:
    shifted = replace(load, power_kw={ms: kw + more for ms, kw in load.power_kw.items()})
    scaled = replace(load, power_kw={ms: kw * factor for ms, kw in load.power_kw.items()})
    for method in METHODS:
        base = method(load, EVENT, JULY_4)
        up = method(shifted, EVENT, JULY_4)
        assert up.used == base.used
        assert up.power_kw == pytest.approx([kw + more for kw in base.power_kw])
        assert delivered(up, shifted).kwh == pytest.approx(delivered(base, load).kwh)
        big = method(scaled, EVENT, JULY_4)
        assert big.power_kw == pytest.approx([kw * factor for kw in base.power_kw])
        for adjustment in (PJM_ADDITIVE, CAISO_RATIO):
            at_first = adjusted(base, load, adjustment)
            then = adjusted(big, scaled, adjustment)
            assert then.power_kw == pytest.approx([kw * factor for kw in at_first.power_kw])
        moved = adjusted(up, shifted, PJM_ADDITIVE)
        before = adjusted(base, load, PJM_ADDITIVE)
        assert moved.power_kw == pytest.approx([kw + more for kw in before.power_kw])


@settings(max_examples=25, deadline=None)
@given(load=loads(), number=st.integers(0, 60))
def test_an_event_day_never_counts(load: MeterSeries, number: int) -> None:
    gone = date(2024, 7, 16) - timedelta(days=number)
    calendar = replace(JULY_4, event_days=frozenset({gone}))
    for method in METHODS:
        assert gone not in method(load, EVENT, calendar).used
