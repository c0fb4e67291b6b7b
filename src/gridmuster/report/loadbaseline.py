"""What activations took off the loads of their sites, against a baseline of each load.

A like day must show the usual load. Left out as event days are those on which the site's utility
was away or one of the sets called ran in the hours compared, whatever for; holidays are the user's.
A site whose history does not do has no baseline, and the reason stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from msgspec import Struct, structs

from gridmuster.report.baselines import (
    Adjustment,
    BaselineError,
    Calendar,
    Event,
    adjusted,
    delivered,
    named,
)
from gridmuster.report.siteload import SiteLoads
from gridmuster.units import MS_PER_HOUR

#: Farthest day that a rule looks back to, and one that an event over midnight may reach.
LOOK_BACK_DAYS: Final = 61
#: Hours before an event that an adjustment looks at, and one by which a clock may have changed.
BEFORE_H: Final = 5
AFTER_H: Final = 1
DAY_MS: Final = 24 * MS_PER_HOUR
#: Decimals of amounts.
DIGITS: Final = 3


@dataclass(frozen=True)
class Against:
    """Which baseline a settlement takes, and the holidays of its programme."""

    name: str
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True)
class CalledEvent:
    """An activation in whole intervals, ms, and the sets called, by site."""

    activation: str
    from_ms: int
    until_ms: int
    sets: Mapping[str, Sequence[str]]


class SiteBaseline(Struct, frozen=True):
    """What one site's load was lower than its baseline in an event, kWh.

    ``why`` tells why there is no baseline, ``why_not_adjusted`` why it could not be adjusted; the
    figures are then None. An interval without a reading earns nothing (``missing``). ``shift_kw``
    and ``ratio`` are what the adjustment did, ``capped`` that it was held at its cap.
    """

    site: str
    days: tuple[str, ...] = ()
    baseline_kwh: float | None = None
    delivered_kwh: float | None = None
    adjusted_kwh: float | None = None
    shift_kw: float | None = None
    ratio: float | None = None
    capped: bool = False
    missing: int = 0
    why: str = ""
    why_not_adjusted: str = ""
    notes: tuple[str, ...] = ()


class EventBaseline(Struct, frozen=True):
    """One activation against a baseline: sums over the sites that have the figure, kWh.

    None where no site has it; ``without`` and ``not_adjusted`` count the sites that have not.
    """

    activation: str
    baseline: str
    adjustment: str
    delivered_kwh: float | None
    adjusted_kwh: float | None
    without: int
    not_adjusted: int
    sites: tuple[SiteBaseline, ...]


def kept_hours(events: Sequence[CalledEvent]) -> Callable[[int], bool]:
    """Whether an interval that starts at an instant, ms, is of the hours that events compare."""

    @cache
    def keep(at_ms: int) -> bool:
        return any(
            event.from_ms - LOOK_BACK_DAYS * DAY_MS - BEFORE_H * MS_PER_HOUR
            <= at_ms
            < event.until_ms
            and (at_ms - event.from_ms + BEFORE_H * MS_PER_HOUR) % DAY_MS
            < event.until_ms - event.from_ms + (BEFORE_H + AFTER_H) * MS_PER_HOUR
            for event in events
        )

    return keep


def against_baseline(against: Against, event: CalledEvent, loads: SiteLoads) -> EventBaseline:
    """What one activation took off the loads of its sites.

    Args:
        against: the baseline and the holidays.
        event: the activation.
        loads: what the sites took.

    Raises:
        BaselineError: when there is no baseline of that name.
    """
    sites = tuple(_site(against, event, site, loads) for site in sorted(event.sets))
    return EventBaseline(
        event.activation,
        against.name,
        named(against.name).adjustment.name,
        _sum([one.delivered_kwh for one in sites]),
        _sum([one.adjusted_kwh for one in sites]),
        sum(one.delivered_kwh is None for one in sites),
        sum(one.adjusted_kwh is None for one in sites),
        sites,
    )


def _site(against: Against, event: CalledEvent, site: str, loads: SiteLoads) -> SiteBaseline:
    if event.until_ms <= event.from_ms:
        return SiteBaseline(site, why="the activation has no whole interval")
    way = named(against.name)
    try:
        load = loads.net(site)
        calendar = Calendar(against.holidays, loads.unusual_days(site, event.sets[site]))
        usual = way.method(load, Event(event.from_ms, event.until_ms), calendar)
    except BaselineError as error:
        return SiteBaseline(site, why=str(error))
    found = delivered(usual, load)
    plain = SiteBaseline(
        site,
        days=tuple(day.isoformat() for day in usual.used),
        baseline_kwh=round(sum(usual.power_kw) * load.step_h, DIGITS),
        delivered_kwh=round(found.kwh, DIGITS),
        missing=len(found.missing_ms),
        notes=usual.notes,
    )
    try:
        _undisturbed(way.adjustment, event, loads.ran_ms(event.sets[site]))
        moved = adjusted(usual, load, way.adjustment)
    except BaselineError as error:
        return structs.replace(plain, why_not_adjusted=str(error))
    return structs.replace(
        plain,
        adjusted_kwh=round(delivered(moved, load).kwh, DIGITS),
        shift_kw=round(moved.shift_kw, DIGITS),
        ratio=round(moved.ratio, DIGITS),
        capped=moved.capped,
        notes=moved.notes,
    )


def _undisturbed(adjustment: Adjustment, event: CalledEvent, ran_ms: Sequence[int]) -> None:
    """Refuse an adjustment by hours in which a called set carried the load already."""
    from_ms = event.from_ms - round(adjustment.from_h * MS_PER_HOUR)
    until_ms = event.from_ms - round(adjustment.until_h * MS_PER_HOUR)
    if any(from_ms <= at_ms < until_ms for at_ms in ran_ms):
        raise BaselineError(
            f"a set called ran in the {adjustment.from_h:g} h to {adjustment.until_h:g} h before "
            "the event, so those hours show no usual load to adjust by"
        )


def _sum(amounts_kwh: Sequence[float | None]) -> float | None:
    known = [kwh for kwh in amounts_kwh if kwh is not None]
    return round(sum(known), DIGITS) if known else None
