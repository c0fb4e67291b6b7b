"""Days that may hold the month's peak of a whole system: the caller of coincident peaks (4CP).

Four 15-minute peaks of the ERCOT system, one in each of June to September, decide what a customer
pays for transmission in the following year (PUCT 25.192; `domain.md` section 5). Which days they
were is known only when the month is over. A day is called by its odds of being the month's highest:

    odds = Phi((level - highest) / (spread x highest)) x (1 - share) ^ (days left / apart)

with ``level`` the day's forecast times the median of what came over what was forecast in the last
days, ``highest`` the month's highest day so far, ``spread`` the standard deviation of what came
over what was forecast, and ``share`` the part of recent days that were at least as high: what a
later day may do. Nothing of the day itself or later is looked at.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date
from math import erf, pow, sqrt
from statistics import median, pstdev
from typing import Final

from msgspec import Struct

#: The months that count.
MONTHS: Final = (6, 7, 8, 9)
#: Scatter of forecasts that is taken with less than so many of them, and the least of all.
FEW: Final = 10
USUAL_SPREAD: Final = 0.025
LEAST_SPREAD: Final = 0.005


class PeakDay(Struct, frozen=True):
    """A day of a system.

    Args:
        day: the local day.
        forecast_mw: its highest hour as forecast the day before, MW; None: none was published.
        peak_mw: its highest hour as measured, MW; None: not over yet, or not known.
    """

    day: date
    forecast_mw: float | None
    peak_mw: float | None = None


class Rule(Struct, frozen=True):
    """When a day is called.

    The defaults are those of a grid that hit most monthly peaks, with the fewest days, of PJM and
    New York 2015 to 2020 and of ERCOT 2024; not of ERCOT's seasons of 2015 to 2019 that
    `benchmarks.peaks` scores.

    Args:
        least_odds: odds of being the month's highest from which a day is called.
        recent_days: days that tell what later ones may do.
        apart: days of a hot spell that count as one.
        bias_days: days that tell how far forecasts are off.
        error_days: days that tell how far they scatter.
        most: days that may be called in a season.
    """

    least_odds: float = 0.12
    recent_days: int = 21
    apart: float = 3.0
    bias_days: int = 7
    error_days: int = 60
    most: int = 35


def is_called(rule: Rule, past: Sequence[PeakDay], today: PeakDay, called: int) -> bool:
    """Whether a day is to be called as one that may hold its month's peak.

    Args:
        rule: when.
        past: the days before it, in order.
        today: the day with its forecast; what is measured of it is not looked at.
        called: days called in this season so far.
    """
    if today.day.month not in MONTHS or called >= rule.most:
        return False
    return odds(rule, past, today) >= rule.least_odds


def odds(rule: Rule, past: Sequence[PeakDay], today: PeakDay) -> float:
    """The odds that a day is its month's highest, as far as the days before it tell.

    Args:
        rule: how far to look back.
        past: the days before it, in order.
        today: the day with its forecast; what is measured of it is not looked at.
    """
    level_mw = _expected_mw(rule, past, today)
    if level_mw is None:
        return 0.0
    highest_mw = max(
        (p.peak_mw for p in past[-31:] if p.peak_mw and _same_month(p.day, today.day)), default=0.0
    )
    tops = 1.0
    if highest_mw > 0.0:
        spread = _spread(rule, past)
        tops = 0.5 * (1.0 + erf((level_mw - highest_mw) / (spread * highest_mw * sqrt(2.0))))
    recent = [p.peak_mw for p in past[-rule.recent_days :] if p.peak_mw is not None]
    higher = sum(peak_mw >= level_mw for peak_mw in recent)
    # Half a day more on either side: what was never seen may still come, and never is certain.
    share = (higher + 0.5) / (len(recent) + 1.0)
    left = monthrange(today.day.year, today.day.month)[1] - today.day.day
    return tops * pow(1.0 - share, left / rule.apart)


def _expected_mw(rule: Rule, past: Sequence[PeakDay], today: PeakDay) -> float | None:
    """The day's forecast times the median of what came over what was forecast, lately, MW."""
    if today.forecast_mw is None:
        # Without a forecast a day is taken to be as the one before it was.
        return next((p.peak_mw for p in reversed(past) if p.peak_mw is not None), None)
    ratios = _ratios(past[-rule.bias_days :])
    return today.forecast_mw * (median(ratios) if ratios else 1.0)


def _spread(rule: Rule, past: Sequence[PeakDay]) -> float:
    ratios = _ratios(past[-rule.error_days :])
    return max(pstdev(ratios), LEAST_SPREAD) if len(ratios) >= FEW else USUAL_SPREAD


def _ratios(days: Sequence[PeakDay]) -> list[float]:
    return [p.peak_mw / p.forecast_mw for p in days if p.peak_mw is not None and p.forecast_mw]


def _same_month(one: date, other: date) -> bool:
    return (one.year, one.month) == (other.year, other.month)


def called_days(rule: Rule, days: Iterable[PeakDay]) -> list[date]:
    """The days that would have been called, each judged by the days before it.

    Args:
        rule: when.
        days: days in order, with what was measured of them.
    """
    past: list[PeakDay] = []
    found: list[date] = []
    for one in days:
        season = sum(day.year == one.day.year for day in found)
        if is_called(rule, past, one, season):
            found.append(one.day)
        past.append(one)
    return found


class PeakScore(Struct, frozen=True):
    """How well days were called.

    Args:
        hits: months whose peak fell on a called day.
        months: months that could be scored.
        missed: days of the peaks that were not called.
        days: days called, by year.
    """

    hits: int
    months: int
    missed: tuple[date, ...]
    days: dict[int, int]


def score(rule: Rule, days: Sequence[PeakDay], years: Iterable[int]) -> PeakScore:
    """Hold called days against the months' peaks.

    Args:
        rule: when a day is called.
        days: days in order, with what was measured of them.
        years: the seasons that count; months without any measured day are left out.
    """
    wanted = frozenset(years)
    called = set(called_days(rule, days))
    peaks: dict[tuple[int, int], PeakDay] = {}
    for one in days:
        if one.peak_mw is None or one.day.month not in MONTHS or one.day.year not in wanted:
            continue
        key = (one.day.year, one.day.month)
        best = peaks.get(key)
        if best is None or best.peak_mw is None or one.peak_mw > best.peak_mw:
            peaks[key] = one
    missed = tuple(one.day for one in peaks.values() if one.day not in called)
    return PeakScore(
        len(peaks) - len(missed),
        len(peaks),
        missed,
        {year: sum(day.year == year for day in called) for year in sorted(wanted)},
    )
