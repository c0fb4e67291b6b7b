"""The permits' limits of hours as a checker sees them: nothing is shared with the center's own."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from gridmuster.fleet.devices import PERMIT_CAP_H, Permit, PermitClass
from gridmuster.fleet.permits import HourLimit, PermitRules, Window
from gridmuster.report.invariants.plant import DeviceNow
from gridmuster.signals import Purpose

#: Share of a permit's cap at which runs end (invariant 4).
STOP_SHARE: Final = 0.9
#: Directive (EU) 2015/2193, article 6: 500 h a year in the mean of so many years, all hours.
MEAN_H: Final = 500.0
MEAN_YEARS: Final = {PermitClass.EU_MCP: 5, PermitClass.EU_MCP_NEW: 3}

_TEST: Final = frozenset({Purpose.OUTAGE, Purpose.EXERCISE, Purpose.OPERATOR})
#: What each class may be run for (`domain.md` section 2); a class that is not here may do all.
ALLOWED: Final = {
    PermitClass.EPA_EMERGENCY: _TEST | {Purpose.EMERGENCY_ALERT},
    PermitClass.CALIFORNIA_EMERGENCY: _TEST,
    PermitClass.UK_BACKUP: _TEST,
}


class Cap(NamedTuple):
    """A limit: what it leaves for its window, and what is used of that, h."""

    cap_h: float
    used_h: float

    @property
    def stop_h(self) -> float:
        """Hours at which runs end, h."""
        return STOP_SHARE * self.cap_h


def allowed(permit: Permit, own: PermitRules | None) -> frozenset[Purpose] | None:
    """What a permit lets an engine run for; None: anything."""
    if own is not None:
        return frozenset(own.purposes) | {Purpose.OUTAGE}
    return ALLOWED.get(permit.permit_class)


def tightest(device: DeviceNow, now_ms: int, purpose: Purpose | None = None) -> Cap | None:
    """The limit of a permit that is nearest to its stop; None: no limit.

    Args:
        device: the engine.
        now_ms: the moment, ms.
        purpose: only limits in which it counts; None: those of any run but an outage's.
    """
    generator = device.generator
    if generator is None:
        return None
    found = [Cap(cap, device.used_h(now_ms)) for cap in _plain(generator.permit)]
    today = device.today(now_ms)
    for limit in _limits(generator.permit):
        if purpose is None or _counts(limit, purpose):
            found.append(_use(device, generator.permit, limit, today))
    return min(found, key=lambda one: one.stop_h - one.used_h, default=None)


def _plain(permit: Permit) -> list[float]:
    caps = (PERMIT_CAP_H[permit.permit_class], permit.hours_cap_h)
    return [cap for cap in caps if cap is not None]


def _limits(permit: Permit) -> list[HourLimit]:
    years = MEAN_YEARS.get(permit.permit_class)
    own = [] if permit.own_rules is None else list(permit.own_rules.limits)
    if years is not None:
        every = tuple(Purpose)
        own.append(
            HourLimit(hours_h=MEAN_H, window=Window.YEARS_MEAN, length=years, purposes=every)
        )
    return own


def _counts(limit: HourLimit, purpose: str) -> bool:
    return purpose in limit.purposes if limit.purposes else purpose != Purpose.OUTAGE.value


def _use(device: DeviceNow, permit: Permit, limit: HourLimit, today: date) -> Cap:
    """Adds up a limit's window from the days that were noted."""
    first_day = device.first_day or today
    hours_h = 0.0
    for (ordinal, purpose), ran_h in device.day_hours.items():
        day = date.fromordinal(ordinal)
        inside = day.year == today.year
        if limit.window is Window.ROLLING_DAYS:
            inside = (today - day).days < limit.length
        if inside and _counts(limit, purpose):
            hours_h += ran_h
    told = first_day.year == today.year
    if limit.window is Window.ROLLING_DAYS:
        told = (today - first_day).days < limit.length
    hours_h += permit.hours_used_h if told else 0.0
    if limit.window is not Window.YEARS_MEAN:
        return Cap(limit.hours_h, hours_h)
    before_h = sum(_year(device, permit, limit, today.year - ago) for ago in range(1, limit.length))
    return Cap(max(limit.hours_h * limit.length - before_h, 0.0), hours_h)


def _year(device: DeviceNow, permit: Permit, limit: HourLimit, year: int) -> float:
    first = device.first_day
    if first is None or year < first.year:
        ago = (first.year if first else device.last_year) - 1 - year
        past = permit.hours_past_years_h
        return past[ago] if 0 <= ago < len(past) else limit.hours_h
    seen_h = sum(
        ran_h
        for (ordinal, purpose), ran_h in device.day_hours.items()
        if date.fromordinal(ordinal).year == year and _counts(limit, purpose)
    )
    return seen_h + (permit.hours_used_h if year == first.year else 0.0)
