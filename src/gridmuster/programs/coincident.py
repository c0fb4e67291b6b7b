"""The program of coincident peaks: hears of days, and asks in the afternoon of those it calls."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

from gridmuster.clock import local, to_ms, zone
from gridmuster.fleet.programs import CoincidentPeak
from gridmuster.programs.peakdays import PeakDay, Rule, is_called
from gridmuster.signals import ProgramSignal

#: Days that are remembered: enough to tell how far forecasts scatter, and the month before.
MOST_DAYS: Final = 100
#: Called days that are remembered: more than a season has.
MOST_CALLED: Final = 150


def rule_of(program: CoincidentPeak) -> Rule:
    """When a program calls a day."""
    return Rule(least_odds=program.least_odds, most=program.most_days)


def heard(
    days: list[PeakDay], program: CoincidentPeak, signal: ProgramSignal
) -> tuple[list[PeakDay], str]:
    """The days known with what a signal tells of one.

    Args:
        days: known so far, in order.
        program: who is told.
        signal: its event is the day, like 2026-07-14.

    Returns:
        The days, and what came of the signal, in words.
    """
    try:
        day = date.fromisoformat(signal.event)
    except ValueError:
        return days, f"refused: program {program.id} wants a day as event, like 2026-07-14"
    if signal.forecast_mw is None and signal.load_mw is None:
        return days, f"refused: program {program.id} wants forecast_mw or load_mw, MW"
    known = {one.day: one for one in days}
    before = known.get(day, PeakDay(day, None))
    forecast_mw = before.forecast_mw if signal.forecast_mw is None else signal.forecast_mw
    peak_mw = before.peak_mw
    if signal.load_mw is not None:
        peak_mw = max(signal.load_mw, before.peak_mw or 0.0)
    known[day] = PeakDay(day, forecast_mw, peak_mw)
    found = [known[one] for one in sorted(known)][-MOST_DAYS:]
    words = [
        f"{kw:g} MW {what}" for what, kw in (("forecast", forecast_mw), ("measured", peak_mw)) if kw
    ]
    return found, f"day {day} noted: {', '.join(words)}"


def window_of(program: CoincidentPeak, day: date) -> tuple[int, int]:
    """Begin and end of the hours of a day in which its peak may fall, ms."""
    there = zone(program.time_zone)
    from_ms = to_ms(datetime.combine(day, time(program.from_hour), there))
    last = day + timedelta(days=1) if program.until_hour == 24 else day
    until_ms = to_ms(datetime.combine(last, time(program.until_hour % 24), there))
    return from_ms, until_ms


def called_with(
    program: CoincidentPeak, days: list[PeakDay], called: list[date], now_ms: int
) -> list[date]:
    """The days called, with today when it is to be.

    A day that was called stays called. One is judged from its own midnight until its hours are
    over, with the forecast that is known by then and the days before it.

    Args:
        program: its settings.
        days: known, in order.
        called: so far.
        now_ms: now, ms.
    """
    today = local(now_ms, program.time_zone).date()
    known = next((one for one in reversed(days) if one.day == today), None)
    if known is None or known.forecast_mw is None or today in called:
        return called
    if now_ms >= window_of(program, today)[1]:
        return called
    past = [one for one in days if one.day < today]
    season = sum(day.year == today.year for day in called)
    if not is_called(rule_of(program), past, known, season):
        return called
    return [*called, today][-MOST_CALLED:]
