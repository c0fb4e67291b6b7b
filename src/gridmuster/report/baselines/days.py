"""Which earlier days an event is compared with, and why the others are not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import fmean
from typing import Final

from gridmuster.report.baselines.meter import BaselineError, MeterSeries, Slot

SATURDAY: Final = 5
SUNDAY: Final = 6


class Exclusion(StrEnum):
    """Why a like day does not count."""

    EVENT_DAY = "event day"
    MISSING = "readings missing"
    LOW_USE = "load too low"
    NOT_HIGHEST = "not among the highest"


class DayKind(StrEnum):
    """Kinds of day; only days of the event day's own kind are compared with it."""

    WEEKDAY = "weekday"
    SATURDAY = "saturday"
    SUNDAY = "sunday or holiday"
    OFF = "weekend or holiday"


@dataclass(frozen=True)
class Calendar:
    """Local days that are not as others.

    Args:
        holidays: the programme's own list of holidays.
        event_days: days of earlier events, and days of outages: they show no usual load.
    """

    holidays: frozenset[date] = frozenset()
    event_days: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Quota:
    """How many days are looked for, how many of them count, and how few will do.

    Args:
        of: days looked for, the most recent first.
        keep: those with the highest mean load over the event's hours that count.
        fewest: with fewer days found there is no baseline.
    """

    of: int
    keep: int
    fewest: int


@dataclass(frozen=True)
class DayRule:
    """How a programme chooses like days.

    Args:
        name: of the baseline.
        quotas: by kind of day.
        saturdays_apart: whether Saturdays are a kind of their own.
        look_back_days: how many calendar days before the event are looked at.
        skip_days: the last calendar days before the event, which are not.
        low_share: a day whose mean load over the event's hours is below this share of the mean of
            the days found is dropped and another one looked for; 0: none is.
    """

    name: str
    quotas: dict[DayKind, Quota]
    saturdays_apart: bool
    look_back_days: int
    skip_days: int = 0
    low_share: float = 0.0

    def kind(self, day: date, calendar: Calendar) -> DayKind:
        """What kind of day it is."""
        weekday = day.weekday()
        if day not in calendar.holidays and weekday < SATURDAY:
            return DayKind.WEEKDAY
        if not self.saturdays_apart:
            return DayKind.OFF
        saturday = weekday == SATURDAY and day not in calendar.holidays
        return DayKind.SATURDAY if saturday else DayKind.SUNDAY


@dataclass(frozen=True)
class Choice:
    """The days that count, the most recent first, and those that do not, with the reason."""

    used: tuple[date, ...]
    excluded: tuple[tuple[date, Exclusion], ...]


def mean_kw(load: MeterSeries, day: date, slots: Sequence[Slot]) -> float | None:
    """Mean power over the event's hours on another day, kW; None: a reading is missing.

    Times that the clock skips on that day are left out.
    """
    found: list[float] = []
    for slot in slots:
        power_kw = load.wall_kw(day, slot)
        if power_kw is None:
            return None
        if not math.isnan(power_kw):
            found.append(power_kw)
    return fmean(found) if found else None


def choose(
    rule: DayRule, load: MeterSeries, day: date, slots: Sequence[Slot], calendar: Calendar
) -> Choice:
    """The like days of an event.

    Args:
        rule: the programme's rule.
        load: the meter.
        day: the event's own local day.
        slots: the event's intervals by the local clock.
        calendar: holidays and earlier event days.

    Raises:
        BaselineError: when fewer days are found than will do; the message counts the reasons.
    """
    quota = rule.quotas[rule.kind(day, calendar)]
    excluded: dict[date, Exclusion] = {}
    means: dict[date, float] = {}
    candidates = _like_days(rule, day, calendar)
    while True:
        _fill(means, excluded, candidates, quota.of, load, slots, calendar)
        low = _low(means, rule.low_share)
        if not low:
            break
        for one in low:
            del means[one]
            excluded[one] = Exclusion.LOW_USE
    if len(means) < quota.fewest:
        counts = sorted(Counter(excluded.values()).items())
        reasons = ", ".join(f"{why.value}: {count}" for why, count in counts)
        raise BaselineError(
            f"{rule.name}: {len(means)} like days before {day}, at least {quota.fewest} are needed "
            f"within {rule.look_back_days} days ({reasons or 'none was left out'})"
        )
    # Of two days with the same load the more recent one counts.
    ranked = sorted(means, key=lambda one: (-means[one], -one.toordinal()))
    for one in ranked[quota.keep :]:
        excluded[one] = Exclusion.NOT_HIGHEST
    return Choice(
        tuple(sorted(ranked[: quota.keep], reverse=True)),
        tuple(sorted(excluded.items(), reverse=True)),
    )


def _like_days(rule: DayRule, day: date, calendar: Calendar) -> Iterator[date]:
    """Days of the same kind before an event, the most recent first."""
    kind = rule.kind(day, calendar)
    for back in range(1 + rule.skip_days, rule.look_back_days + 1):
        one = day - timedelta(days=back)
        if rule.kind(one, calendar) is kind:
            yield one


def _fill(
    means: dict[date, float],
    excluded: dict[date, Exclusion],
    candidates: Iterator[date],
    wanted: int,
    load: MeterSeries,
    slots: Sequence[Slot],
    calendar: Calendar,
) -> None:
    """Take further days until there are as many as wanted, or no more."""
    while len(means) < wanted:
        one = next(candidates, None)
        if one is None:
            return
        if one in calendar.event_days:
            excluded[one] = Exclusion.EVENT_DAY
            continue
        found_kw = mean_kw(load, one, slots)
        if found_kw is None:
            excluded[one] = Exclusion.MISSING
        else:
            means[one] = found_kw


def _low(means: dict[date, float], share: float) -> list[date]:
    """Days far below the mean of all; none where that mean is not above zero."""
    if not means or share <= 0.0:
        return []
    mean = fmean(means.values())
    return [one for one, kw in means.items() if kw < share * mean] if mean > 0.0 else []
