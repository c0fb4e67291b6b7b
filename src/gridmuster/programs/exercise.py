"""When an engine is due for exercise: from its schedule and its last run that counts.

A run counts when its load was at the schedule's share of the rating or above for the schedule's
minutes without a break (NFPA 110, 8.4.2: at least monthly, 30 minutes at 30 % of the nameplate or
more; cool-down does not count). Why it ran does not matter.

A diesel that missed a period makes up for it by a yearly load-bank run (NFPA 110, 8.4.2.3: 30
minutes at half its rating or more and an hour at three quarters, an hour and a half in one), and
runs monthly with the load that there is.
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
#: Share of its rating from which an engine carries load at all.
SOME_LOAD: Final = 0.02
#: Loads of a load-bank run, shares of the rating; its length and that of its higher part, ms.
BANK_SHARE: Final = 0.5
BANK_HIGH_SHARE: Final = 0.75
BANK_MS: Final = 90 * MS_PER_MINUTE
BANK_HIGH_MS: Final = 60 * MS_PER_MINUTE


_YEAR_MS: Final = 365 * 24 * MS_PER_HOUR


class Exercised(Struct):
    """What is known of one engine's runs.

    Args:
        since_ms: when it was first seen, ms.
        last_ms: its newest reading, ms.
        loaded_ms: since when it has been at the load, ms; -1: it is not.
        done_ms: the end, so far, of its last run that counts, ms; -1: none since it was seen.
        full_h: its energy counter then, in hours at its rated power; -1: it has none.
        run_ms: since when it has carried any load, ms; -1: it does not.
        light_ms: end of its last run of the schedule's minutes at any load, ms; -1: none.
        half_ms: since when it has been at half its rating, ms; -1: it is not.
        high_ms: since when it has been at three quarters, ms; -1: it is not.
        high_done: whether an hour at three quarters is in this run at half its rating.
        bank_ms: end of its last load-bank run, ms; -1: none.
    """

    since_ms: int
    last_ms: int
    loaded_ms: int = -1
    done_ms: int = -1
    full_h: float = -1.0
    run_ms: int = -1
    light_ms: int = -1
    half_ms: int = -1
    high_ms: int = -1
    high_done: bool = False
    bank_ms: int = -1


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
    if load < SOME_LOAD and load < exercise.load_share:
        known.loaded_ms = known.run_ms = known.half_ms = known.high_ms = -1
        known.high_done = False
    else:
        _note_loads(known, now_ms, load, exercise, _sure_share(known, now_ms, full_h))
    known.last_ms, known.full_h = now_ms, full_h
    return known


def _sure_share(known: Exercised, now_ms: int, full_h: float) -> float:
    """The share of its rating at which an engine surely ran since its last reading."""
    gap_ms = now_ms - known.last_ms
    if gap_ms <= MOST_GAP_MS:
        return 1.0
    if known.full_h < 0.0 or gap_ms > LONGEST_GAP_MS:
        return -1.0
    return (full_h - known.full_h) * MS_PER_HOUR / gap_ms


def _note_loads(
    known: Exercised, now_ms: int, load: float, exercise: Exercise, sure: float
) -> None:
    def since(before_ms: int, share: float) -> int:
        if load < share:
            return -1
        return now_ms if before_ms < 0 or sure < share else before_ms

    enough_ms = exercise.minutes * MS_PER_MINUTE
    known.loaded_ms = since(known.loaded_ms, exercise.load_share)
    if known.loaded_ms >= 0 and now_ms - known.loaded_ms >= enough_ms:
        known.done_ms = now_ms
    known.run_ms = since(known.run_ms, SOME_LOAD)
    if known.run_ms >= 0 and now_ms - known.run_ms >= enough_ms:
        known.light_ms = now_ms
    half_ms = since(known.half_ms, BANK_SHARE)
    known.high_done = known.high_done and half_ms == known.half_ms
    known.half_ms, known.high_ms = half_ms, since(known.high_ms, BANK_HIGH_SHARE)
    if known.high_ms >= 0 and now_ms - known.high_ms >= BANK_HIGH_MS:
        known.high_done = True
    if known.high_done and now_ms - half_ms >= BANK_MS:
        known.bank_ms = now_ms


def bank_due_ms(known: Exercised, missed_ms: int, zone: str) -> int | None:
    """By when a load-bank run is due, ms; None: none is.

    A year after the last one; after a first miss a year after the period that was missed.

    Args:
        known: what is known of the engine's runs.
        missed_ms: end of the first period missed since its last load-bank run, ms; -1: none.
        zone: IANA zone of the site.
    """
    if missed_ms < 0:
        return None
    from_ms = missed_ms if known.bank_ms < 0 else max(known.bank_ms, missed_ms - _YEAR_MS)
    last = local(from_ms, zone)
    day = min(last.day, monthrange(last.year + 1, last.month)[1])
    return to_ms(last.replace(year=last.year + 1, day=day))


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
