"""Hours of the day by a site's own clock, and what plans are to keep in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from pydantic import Field

from gridmuster.clock import local, to_ms, zone
from gridmuster.fleet.part import Part


class ClockHours(Part):
    """Hours that come back every day."""

    from_hour: float = Field(
        ge=0, lt=24, description="local hour of the site at which they begin, like 22 or 6.5"
    )
    until_hour: float = Field(
        gt=0, le=24, description="local hour at which they end; at most from_hour: of the next day"
    )

    def spans_ms(self, begin_ms: int, end_ms: int, time_zone: str) -> Iterator[tuple[int, int]]:
        """(Begin, end) of each of these hours that touch some time, ms, in order.

        Args:
            begin_ms: begin of the time, ms.
            end_ms: its end, not included, ms.
            time_zone: IANA name; days on which its clock is turned are as long as they are.
        """
        day = local(begin_ms, time_zone).date() - timedelta(days=1)
        last = local(end_ms, time_zone).date()
        over = int(self.until_hour <= self.from_hour)
        while day <= last:
            first = _instant_ms(day, self.from_hour, time_zone)
            end = _instant_ms(day + timedelta(days=over), self.until_hour, time_zone)
            if first < end_ms and begin_ms < end:
                yield first, end
            day += timedelta(days=1)


class RunLimit(ClockHours):
    """What a generator may run, or be started, in these hours of every day, in plans."""

    run_h: float | None = Field(
        default=None, ge=0, description="most hours on; 0: not at all; None: no limit"
    )
    starts: int | None = Field(default=None, ge=0, description="most starts; None: no limit")


class EnergyWish(ClockHours):
    """State of energy wished of a store in these hours of every day; what cannot be is named."""

    min_fraction: float | None = Field(
        default=None, ge=0, le=1, description="least, share of energy_capacity_kwh; None: no wish"
    )
    max_fraction: float | None = Field(
        default=None, ge=0, le=1, description="most, share of energy_capacity_kwh; None: no wish"
    )


def _instant_ms(day: date, hour: float, time_zone: str) -> int:
    days, seconds = divmod(round(hour * 3600.0), 86_400)
    minutes, second = divmod(seconds, 60)
    at = time(minutes // 60, minutes % 60, second)
    return to_ms(datetime.combine(day + timedelta(days=days), at, zone(time_zone)))
