"""Engine permit classes: which purposes each allows and how many hours over which window.

Sources are in `domain.md` section 2: US EPA RICE NESHAP 63.6640(f) and NSPS 60.4211(f) for
emergency engines, 17 CCR 93115.6 for California, the Medium Combustion Plant Directive for the
EU. Hours are those of the engine's hour meter. A real outage is never refused, but counts where
the rule counts all operating hours.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.fleet.hours import HourUse
from gridmuster.fleet.permits import (
    MEANS,
    PERMIT_CAP_H,
    HourLimit,
    Permit,
    PermitClass,
    PermitRules,
    Window,
)
from gridmuster.signals import Purpose

__all__ = [
    "RULES",
    "STOP_FRACTION",
    "PermitRule",
    "Purpose",
    "allows",
    "hours_left_h",
    "longest_days",
    "name_of",
    "rule_of",
    "stop_h",
    "use_stop_h",
    "windows",
]

#: Share of a cap at which runs end and starts are refused (invariant 4).
STOP_FRACTION: Final = 0.9

_ANY: Final = frozenset(Purpose)


class PermitRule(Struct, frozen=True):
    """What one permit class allows.

    ``cap_h`` limits all hours outside outages in a calendar year, h (None: no cap of its own);
    ``alert_cap_h`` limits the hours of an asserted emergency alert, counted inside ``cap_h``;
    ``windows`` are further limits.
    """

    purposes: frozenset[Purpose]
    cap_h: float | None = None
    alert_cap_h: float | None = None
    windows: tuple[HourLimit, ...] = ()


def _rule(
    kind: PermitClass, purposes: frozenset[Purpose], alert_cap_h: float | None = None
) -> PermitRule:
    mean = MEANS.get(kind)
    return PermitRule(purposes, PERMIT_CAP_H[kind], alert_cap_h, () if mean is None else (mean,))


_TEST: Final = frozenset({Purpose.OUTAGE, Purpose.EXERCISE, Purpose.OPERATOR})
#: The rule of every class known here. Emergency engines may never follow demand or price; a
#: person's order from afar counts as maintenance and testing. California's 50 h is the test
#: allowance of a new engine (20 to 30 h in use: set `hours_cap_h`); its pre-start for a rotating
#: outage needs a permit of its own, so an alert is not among its purposes. A British backup set
#: stays outside the rules for generators while it is tested for 50 h a year at most and else only
#: runs in outages. A custom class without its rules allows nothing but outages.
RULES: Final[dict[PermitClass, PermitRule]] = {
    PermitClass.EPA_EMERGENCY: _rule(
        PermitClass.EPA_EMERGENCY, _TEST | {Purpose.EMERGENCY_ALERT}, alert_cap_h=50.0
    ),
    PermitClass.CALIFORNIA_EMERGENCY: _rule(PermitClass.CALIFORNIA_EMERGENCY, _TEST),
    PermitClass.EPA_NON_EMERGENCY: _rule(PermitClass.EPA_NON_EMERGENCY, _ANY),
    PermitClass.EU_MCP: _rule(PermitClass.EU_MCP, _ANY),
    PermitClass.EU_MCP_NEW: _rule(PermitClass.EU_MCP_NEW, _ANY),
    PermitClass.UK_BACKUP: _rule(PermitClass.UK_BACKUP, _TEST),
    PermitClass.UNRESTRICTED: _rule(PermitClass.UNRESTRICTED, _ANY),
    PermitClass.CUSTOM: _rule(PermitClass.CUSTOM, frozenset({Purpose.OUTAGE})),
}


def rule_of(permit: Permit) -> PermitRule:
    """The rule that a permit is under: of its class, or of the fleet's own.

    Args:
        permit: the engine's permit.
    """
    own = permit.own_rules
    return RULES[permit.permit_class] if own is None else _own_rule(own)


def _own_rule(own: PermitRules) -> PermitRule:
    plain = [one for one in own.limits if _is_plain(one)]
    cap = min((one.hours_h for one in plain), default=None)
    others = tuple(one for one in own.limits if not _is_plain(one))
    return PermitRule(frozenset(own.purposes) | {Purpose.OUTAGE}, cap, None, others)


def _is_plain(limit: HourLimit) -> bool:
    return limit.window is Window.CALENDAR_YEAR and not limit.purposes


def name_of(permit: Permit) -> str:
    """What a permit's class is called: as here, or as in the fleet file."""
    return permit.permit_class.value if permit.rules is None else permit.rules


def windows(permit: Permit) -> tuple[HourLimit, ...]:
    """Limits beside those of all hours outside outages in a calendar year, and of alerts."""
    return rule_of(permit).windows


def longest_days(permit: Permit) -> int:
    """Days for which a permit's rolling windows need each day's hours; 0: none."""
    rolling = [w.length for w in windows(permit) if w.window is Window.ROLLING_DAYS]
    return max(rolling, default=0)


def use_stop_h(use: HourUse) -> float:
    """Hours used in a window at which runs that count in it end, h."""
    return STOP_FRACTION * use.room_h


def allows(permit: Permit, purpose: Purpose, *, alert_asserted: bool = False) -> bool:
    """Whether an engine may run for a purpose at all, hours apart.

    Args:
        permit: the engine's permit.
        purpose: why it is to run.
        alert_asserted: the operator has put on record that the five conditions for an emergency
            alert hold (40 CFR 63.6640(f)(4)(ii)); without that an emergency engine stays off.
    """
    rule = rule_of(permit)
    if purpose not in rule.purposes:
        return False
    if purpose is Purpose.EMERGENCY_ALERT and rule.alert_cap_h is not None:
        return alert_asserted
    return True


def cap_h(permit: Permit, purpose: Purpose = Purpose.DEMAND) -> float | None:
    """Hours a calendar year that a permit allows for a purpose, h; None: no cap.

    The permit's own figure can tighten its class's cap, never loosen it.
    """
    if purpose is Purpose.OUTAGE:
        return None
    rule = rule_of(permit)
    caps = [cap for cap in (rule.cap_h, permit.hours_cap_h) if cap is not None]
    return min(caps) if caps else None


def stop_h(permit: Permit) -> float | None:
    """Hours used at which the engine stops and is not started again, h; None: no cap."""
    cap = cap_h(permit)
    return None if cap is None else STOP_FRACTION * cap


def alert_stop_h(permit: Permit) -> float | None:
    """Hours of emergency alert at which such a run ends, h; None: no cap of its own."""
    cap = rule_of(permit).alert_cap_h
    return None if cap is None else STOP_FRACTION * cap


def hours_left_h(permit: Permit, used_h: float) -> float | None:
    """Hours that may still be used before the stop, h, never below zero; None: no cap.

    Args:
        permit: the engine's permit.
        used_h: hours used this calendar year outside outages, h.
    """
    stop = stop_h(permit)
    return None if stop is None else max(stop - used_h, 0.0)
