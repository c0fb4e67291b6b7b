"""Baselines by name, each the mean of an event's hours over like days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean
from typing import Final

from gridmuster.report.baselines.days import (
    Calendar,
    DayKind,
    DayRule,
    Exclusion,
    Quota,
    choose,
)
from gridmuster.report.baselines.meter import BaselineError, Event, MeterSeries, Slot

#: CAISO: 45 calendar days back; 10 weekdays, no fewer than 5; 4 other days, no fewer than 4.
TEN_OF_TEN: Final = DayRule(
    name="10 of 10",
    quotas={DayKind.WEEKDAY: Quota(10, 10, 5), DayKind.OFF: Quota(4, 4, 4)},
    saturdays_apart=False,
    look_back_days=45,
)
#: NYISO: the day before is left out; 10 weekdays within 30 days, or 3 like weekend days, of which
#: the highest 5, or 2; days below 25 % of the usual load do not count.
HIGH_5_OF_10: Final = DayRule(
    name="high 5 of 10",
    quotas={
        DayKind.WEEKDAY: Quota(10, 5, 5),
        DayKind.SATURDAY: Quota(3, 2, 2),
        DayKind.SUNDAY: Quota(3, 2, 2),
    },
    saturdays_apart=True,
    look_back_days=30,
    skip_days=1,
    low_share=0.25,
)
#: PJM: 60 days back; 5 weekdays, 3 Saturdays or 3 Sundays and holidays, of which the highest 4, or
#: 2; days below 25 % of the mean do not count.
HIGH_4_OF_5: Final = DayRule(
    name="high 4 of 5",
    quotas={
        DayKind.WEEKDAY: Quota(5, 4, 4),
        DayKind.SATURDAY: Quota(3, 2, 2),
        DayKind.SUNDAY: Quota(3, 2, 2),
    },
    saturdays_apart=True,
    look_back_days=60,
    low_share=0.25,
)


@dataclass(frozen=True)
class Baseline:
    """What a load would have taken in an event.

    Args:
        name: of the baseline, with its adjustment.
        event: the event.
        starts_ms: starts of the event's intervals, ms.
        power_kw: baseline of each interval, kW.
        used: days that count, the most recent first.
        excluded: like days that do not, with the reason.
        shift_kw: what a same-day adjustment added, kW.
        ratio: what a same-day adjustment multiplied by.
        capped: whether the adjustment was held at its cap.
        notes: what else must be known of it.
    """

    name: str
    event: Event
    starts_ms: tuple[int, ...]
    power_kw: tuple[float, ...]
    used: tuple[date, ...]
    excluded: tuple[tuple[date, Exclusion], ...]
    shift_kw: float = 0.0
    ratio: float = 1.0
    capped: bool = False
    notes: tuple[str, ...] = ()


def ten_of_ten(load: MeterSeries, event: Event, calendar: Calendar) -> Baseline:
    """The mean of the last ten like days, event days left out.

    Source: CAISO tariff 4.13.4 (customer load baseline, ten in ten) and its business practice
    manual for demand response; AEMO's baseline register takes the same frame. NAESB WEQ-015 calls
    it Baseline Type-I. Weekdays are compared with weekdays, weekends and holidays with each other.

    Our own choice: with fewer days than the rule's least number there is no baseline, where CAISO
    then takes the highest event days; a day with a missing reading in the event's hours is no like
    day; times of the clock change as in `MeterSeries.wall_kw`.

    Args:
        load: what the load takes.
        event: the event.
        calendar: holidays and event days.

    Raises:
        BaselineError: when too few like days are found.
    """
    return _mean_of_days(TEN_OF_TEN, load, event, calendar)


def high_5_of_10(load: MeterSeries, event: Event, calendar: Calendar) -> Baseline:
    """The mean of the five highest of the last ten like days; weekends: two of three.

    Source: NYISO Manual 7 (Emergency Demand Response Program), section 5 (average-day customer
    baseline load), and Services Tariff attachment G. NAESB WEQ-015: Baseline Type-I.

    Our own choice: NYISO compares each day's load with a running mean that begins with the highest
    hour of the last 30 days, here with the mean of the days found; holidays count as Sundays.
    Otherwise as in `ten_of_ten`.

    Raises:
        BaselineError: when too few like days are found.
    """
    return _mean_of_days(HIGH_5_OF_10, load, event, calendar)


def high_4_of_5(load: MeterSeries, event: Event, calendar: Calendar) -> Baseline:
    """The mean of the four highest of the last five like days; Saturdays, Sundays: two of three.

    Source: PJM Operating Agreement, schedule 1, section 3.3A (customer baseline load), and Manual
    11, section 10.4 (three day types). NAESB WEQ-015: Baseline Type-I.

    Our own choice: with fewer than four days (two at weekends) there is no baseline, where PJM then
    takes the highest event days. Otherwise as in `ten_of_ten`.

    Raises:
        BaselineError: when too few like days are found.
    """
    return _mean_of_days(HIGH_4_OF_5, load, event, calendar)


def _mean_of_days(rule: DayRule, load: MeterSeries, event: Event, calendar: Calendar) -> Baseline:
    starts_ms = load.starts_ms(event.from_ms, event.until_ms)
    day = load.day(event)
    slots = [load.slot(at_ms, day) for at_ms in starts_ms]
    choice = choose(rule, load, day, slots, calendar)
    wanted = rule.quotas[rule.kind(day, calendar)].keep
    notes = []
    if len(choice.used) < wanted:
        notes.append(f"{len(choice.used)} like days instead of {wanted}")
    return Baseline(
        rule.name,
        event,
        starts_ms,
        tuple(mean_of_days_kw(load, choice.used, slots)),
        choice.used,
        choice.excluded,
        notes=tuple(notes),
    )


def mean_of_days_kw(load: MeterSeries, days: Sequence[date], slots: Sequence[Slot]) -> list[float]:
    """Mean over days of each wall-clock time, kW.

    Raises:
        BaselineError: when no day has a reading of one of them.
    """
    means = [slot_kw(load, days, slot) for slot in slots]
    found = [mean for mean in means if mean is not None]
    if len(found) < len(slots):
        missing = [slots[k][1] for k, mean in enumerate(means) if mean is None]
        times = ", ".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in missing)
        raise BaselineError(f"no like day has a reading at {times}")
    return found


def slot_kw(load: MeterSeries, days: Sequence[date], slot: Slot) -> float | None:
    """Mean over days of one wall-clock time, kW; None: no day has a reading of it."""
    found = [
        power_kw
        for day in days
        if (power_kw := load.wall_kw(day, slot)) is not None and not math.isnan(power_kw)
    ]
    return fmean(found) if found else None
