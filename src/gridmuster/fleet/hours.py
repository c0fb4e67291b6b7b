"""Hours of an engine by calendar year and day, and what they use up of a permit's limits."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from gridmuster.clock import local
from gridmuster.fleet.permits import HourLimit, Permit, Window
from gridmuster.signals import Purpose

#: The sites' calendars only turn at whole quarters of an hour of UTC, ms.
QUARTER_MS: Final = 900_000
#: Calendar years that are remembered beside the present one.
YEARS_KEPT: Final = 10


class HourUse(Struct, frozen=True):
    """What is used of one limit: before this year where a mean of years is limited, and now, h."""

    limit: HourLimit
    past_h: float
    used_h: float

    @property
    def room_h(self) -> float:
        """Hours that the limit leaves for all of this window, h."""
        return max(self.limit.total_h - self.past_h, 0.0)


class HourBook(Struct):
    """Hours by purpose in each calendar year, and each day where a rolling window asks for it.

    ``since`` is the day the engine was first seen, as its ordinal, 0: not yet. What the fleet file
    says was used before counts in that year, and in rolling windows as if it was run that day.
    """

    since: int = 0
    years: dict[int, dict[str, float]] = field(default_factory=dict)
    days: dict[int, dict[str, float]] = field(default_factory=dict)

    def see(self, today: date) -> None:
        """Note the day the engine is first seen."""
        if self.since == 0:
            self.since = today.toordinal()

    def add(self, today: date, purpose: str, hours_h: float, keep_days: int = 0) -> None:
        """Book hours.

        Args:
            today: the day by the site's calendar.
            purpose: what they were run for.
            hours_h: how many, h.
            keep_days: length of the longest rolling window, days; 0: none.
        """
        self.see(today)
        _book(self.years, today.year, purpose, hours_h)
        for year in [year for year in self.years if year < today.year - YEARS_KEPT]:
            del self.years[year]
        if keep_days > 0:
            ordinal = today.toordinal()
            _book(self.days, ordinal, purpose, hours_h)
            for day in [day for day in self.days if day <= ordinal - keep_days]:
                del self.days[day]

    def year_h(self, year: int, permit: Permit) -> float:
        """Hours of a calendar year outside real outages, with the fleet file's own, h.

        Args:
            year: by the site's calendar.
            permit: the engine's permit.
        """
        booked = self.years.get(year, {})
        run_h = sum(h for purpose, h in booked.items() if purpose != Purpose.OUTAGE)
        first = date.fromordinal(self.since).year if self.since else year
        return run_h + (permit.hours_used_h if year == first else 0.0)

    def purpose_h(self, year: int, purpose: Purpose) -> float:
        """Hours of a calendar year that were run for one purpose since it is seen, h."""
        return self.years.get(year, {}).get(purpose, 0.0)

    def use(self, limit: HourLimit, permit: Permit, today: date) -> HourUse:
        """What is used of a limit.

        Hours that the fleet file tells of count whatever the limit is for: nobody says for what
        they were run.

        Args:
            limit: the limit.
            permit: the engine's permit.
            today: the day by the site's calendar.
        """
        if limit.window is Window.ROLLING_DAYS:
            first = today.toordinal() - limit.length
            hours_h = sum(
                _counted(booked, limit) for day, booked in self.days.items() if day > first
            )
            before_h = permit.hours_used_h if self.since == 0 or self.since > first else 0.0
            return HourUse(limit, 0.0, hours_h + before_h)
        first = date.fromordinal(self.since).year if self.since else today.year
        used_h = _counted(self.years.get(today.year, {}), limit)
        used_h += permit.hours_used_h if first == today.year else 0.0
        if limit.window is Window.CALENDAR_YEAR:
            return HourUse(limit, 0.0, used_h)
        years = range(today.year - limit.length + 1, today.year)
        past_h = sum(self._past_h(year, first, limit, permit) for year in years)
        return HourUse(limit, past_h, used_h)

    def _past_h(self, year: int, first: int, limit: HourLimit, permit: Permit) -> float:
        """Hours of a year that is over; what nobody tells of counts in full."""
        if year >= first:
            before_h = permit.hours_used_h if year == first else 0.0
            return _counted(self.years.get(year, {}), limit) + before_h
        past, ago = permit.hours_past_years_h, first - 1 - year
        return past[ago] if ago < len(past) else limit.hours_h


def _book(table: dict[int, dict[str, float]], key: int, purpose: str, hours_h: float) -> None:
    row = table.setdefault(key, {})
    row[purpose] = row.get(purpose, 0.0) + hours_h


def _counted(booked: dict[str, float], limit: HourLimit) -> float:
    return sum(h for purpose, h in booked.items() if limit.counts(purpose))


def today_of(at_ms: int, zone: str) -> date:
    """The day of an instant by a site's calendar.

    Args:
        at_ms: the instant, ms.
        zone: IANA zone.
    """
    return _day(at_ms // QUARTER_MS, zone)


@lru_cache(maxsize=4096)
def _day(quarter: int, zone: str) -> date:
    return local(quarter * QUARTER_MS, zone).date()
