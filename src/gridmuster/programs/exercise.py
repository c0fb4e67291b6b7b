"""When an engine is due for exercise: from its schedule and its last run that counts.

A run counts when its load was at the schedule's share of the rating or above for the schedule's
minutes without a break (NFPA 110, 8.4.2: at least monthly, 30 minutes at 30 % of the nameplate or
more; cool-down does not count). Why it ran does not matter.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from gridmuster.clock import local, to_ms
from gridmuster.fleet.devices import Every, Exercise
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Readings further apart leave open what the engine did between them, ms.
MOST_GAP_MS: Final = 60_000
#: Nor does a counter tell of more than this, ms: a longer gap may hide a stop and a new start.
LONGEST_GAP_MS: Final = 600_000
MS_PER_MINUTE: Final = 60 * MS_PER_S


class Exercised(Struct):
    """What is known of one engine's runs.

    Args:
        since_ms: when it was first seen, ms.
        last_ms: its newest reading, ms.
        loaded_ms: since when it has been at the load, ms; -1: it is not.
        done_ms: the end, so far, of its last run that counts, ms; -1: none since it was seen.
        full_h: its energy counter then, in hours at its rated power; -1: it has none.
    """

    since_ms: int
    last_ms: int
    loaded_ms: int = -1
    done_ms: int = -1
    full_h: float = -1.0


def note(
    known: Exercised | None, now_ms: int, load: float, exercise: Exercise, full_h: float = -1.0
) -> Exercised:
    """What is known with one more reading.

    After a gap between readings the engine's own energy counter tells: where the mean power of
    the gap was at the load, the run goes on.

    Args:
        known: what was known, changed in place; None: this is the first reading.
        now_ms: time of the reading, ms.
        load: power over rated power then.
        exercise: the schedule.
        full_h: the energy counter over the rated power, h; -1: not known.
    """
    if known is None:
        known = Exercised(now_ms, now_ms)
    gap_ms = now_ms - known.last_ms
    broken = gap_ms > MOST_GAP_MS
    if broken and known.full_h >= 0.0 and gap_ms <= LONGEST_GAP_MS:
        gained_h = full_h - known.full_h
        broken = gained_h < exercise.load_share * gap_ms / MS_PER_HOUR
    if load < exercise.load_share:
        known.loaded_ms = -1
    elif known.loaded_ms < 0 or broken:
        known.loaded_ms = now_ms
    if known.loaded_ms >= 0 and now_ms - known.loaded_ms >= exercise.minutes * MS_PER_MINUTE:
        known.done_ms = now_ms
    known.last_ms, known.full_h = now_ms, full_h
    return known


def due_ms(exercise: Exercise, from_ms: int, zone: str) -> int:
    """By when the next exercise is due, ms: a day, week or month on by the site's own calendar.

    A month after the 31st is the last day of the next month.

    Args:
        exercise: the schedule.
        from_ms: end of the last run that counts, or when the engine was first seen, ms.
        zone: IANA zone of the site.
    """
    last = local(from_ms, zone)
    if exercise.every is Every.DAY:
        return to_ms(last + timedelta(days=1))
    if exercise.every is Every.WEEK:
        return to_ms(last + timedelta(days=7))
    return to_ms(_month_on(last))


def _month_on(last: datetime) -> datetime:
    year, month = (last.year, last.month + 1) if last.month < 12 else (last.year + 1, 1)
    return last.replace(year=year, month=month, day=min(last.day, monthrange(year, month)[1]))
