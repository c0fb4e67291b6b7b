"""Local days and hours of many instants at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from gridmuster.clock import zone
from gridmuster.units import MS_PER_HOUR

Ints = NDArray[np.int64]

MS_PER_DAY = 24 * MS_PER_HOUR
#: Proleptic ordinal of 1970-01-01; ordinal 1 was a Monday.
EPOCH_ORDINAL = 719_163
#: Zones change their offset on quarters of an hour.
QUARTER_MS = MS_PER_HOUR // 4


@dataclass(frozen=True, slots=True)
class WallClock:
    """Where instants fall on the clocks of a zone.

    Args:
        day: proleptic ordinal of the local day.
        minute: minute of the local day by the clock on the wall, 0 .. 1439.
    """

    day: Ints
    minute: Ints

    @property
    def weekday(self) -> Ints:
        """0 Monday .. 6 Sunday."""
        return (self.day - 1) % 7

    @property
    def hour(self) -> Ints:
        """Local hour, 0 .. 23."""
        return self.minute // 60


def offsets_ms(at_ms: Ints, zone_name: str) -> Ints:
    """What local clocks show ahead of UTC at each instant, ms.

    Args:
        at_ms: instants, ms since the epoch.
        zone_name: IANA zone.
    """
    quarters, where = np.unique(at_ms // QUARTER_MS, return_inverse=True)
    if not len(quarters):
        return np.zeros(at_ms.shape, np.int64)
    # Offsets change a few times a year: look at the ends of each day, and inside those that differ.
    own = zone(zone_name)
    found = np.empty(len(quarters), np.int64)
    per_day = MS_PER_DAY // QUARTER_MS
    edges = np.flatnonzero(np.diff(quarters // per_day)) + 1
    for lot in np.split(np.arange(len(quarters)), edges):
        first, last = int(quarters[lot[0]]), int(quarters[lot[-1]])
        begin, end = _offset(first, own), _offset(last, own)
        if begin == end:
            found[lot] = begin
        else:
            found[lot] = [_offset(int(quarter), own) for quarter in quarters[lot]]
    return found[where].reshape(at_ms.shape)


def _offset(quarter: int, own: object) -> int:
    moment = datetime.fromtimestamp(quarter * QUARTER_MS // 1000, UTC).astimezone(own)  # type: ignore[arg-type]
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)


def wall_clock_of(at_ms: Ints, zone_name: str) -> WallClock:
    """Local day and minute of instants.

    Args:
        at_ms: instants, ms since the epoch.
        zone_name: IANA zone.
    """
    local = at_ms + offsets_ms(at_ms, zone_name)
    return WallClock(local // MS_PER_DAY + EPOCH_ORDINAL, local % MS_PER_DAY // 60_000)


def instants_of(day: Ints, minute: Ints, zone_name: str) -> Ints:
    """Instants at which local clocks show a minute of a day, ms since the epoch.

    A time that a spring day skips gives the instant at which it would have come; of a time that an
    autumn day shows twice, the first.

    Args:
        day: proleptic ordinals of local days.
        minute: minutes of the day; may be below 0 or above 1439.
        zone_name: IANA zone.
    """
    local = (np.asarray(day, np.int64) - EPOCH_ORDINAL) * MS_PER_DAY + np.asarray(
        minute, np.int64
    ) * 60_000
    early = local - offsets_ms(local - MS_PER_DAY // 2, zone_name)
    late = local - offsets_ms(local + MS_PER_DAY // 2, zone_name)
    fits_early = early + offsets_ms(early, zone_name) == local
    fits_late = late + offsets_ms(late, zone_name) == local
    first = np.where(fits_early, early, late)
    both = fits_early & fits_late
    return np.where(both, np.minimum(early, late), np.where(fits_early | fits_late, first, early))
