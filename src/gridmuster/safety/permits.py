"""Engine permit classes: which purposes each allows and how many hours a calendar year.

Sources are in `domain.md` section 2: US EPA RICE NESHAP 63.6640(f) and NSPS 60.4211(f) for
emergency engines, 17 CCR 93115.6 for California, the Medium Combustion Plant Directive for the
EU. Hours are those of the engine's hour meter outside real outages; a real outage is never
limited.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.fleet.devices import Permit, PermitClass
from gridmuster.signals import Purpose

__all__ = ["RULES", "STOP_FRACTION", "PermitRule", "Purpose", "allows", "hours_left_h", "stop_h"]

#: Share of a cap at which runs end and starts are refused (invariant 4).
STOP_FRACTION: Final = 0.9

_ANY: Final = frozenset(Purpose)


class PermitRule(Struct, frozen=True):
    """What one permit class allows.

    ``cap_h`` limits all hours outside outages in a calendar year, h (None: no cap of its own);
    ``alert_cap_h`` limits the hours of an asserted emergency alert, counted inside ``cap_h``.
    """

    purposes: frozenset[Purpose]
    cap_h: float | None = None
    alert_cap_h: float | None = None


#: The rule of every class. Emergency engines may never follow demand or price; a person's order
#: from afar counts as maintenance and testing. California's 50 h is the test allowance of a new
#: engine (20 to 30 h in use: set `hours_cap_h`); its pre-start for a rotating outage needs a
#: permit of its own, so an alert is not among its purposes. The EU's 500 h covers every purpose.
RULES: Final[dict[PermitClass, PermitRule]] = {
    PermitClass.EPA_EMERGENCY: PermitRule(
        frozenset({Purpose.OUTAGE, Purpose.EXERCISE, Purpose.OPERATOR, Purpose.EMERGENCY_ALERT}),
        cap_h=100.0,
        alert_cap_h=50.0,
    ),
    PermitClass.CALIFORNIA_EMERGENCY: PermitRule(
        frozenset({Purpose.OUTAGE, Purpose.EXERCISE, Purpose.OPERATOR}), cap_h=50.0
    ),
    PermitClass.EPA_NON_EMERGENCY: PermitRule(_ANY),
    PermitClass.EU_MCP: PermitRule(_ANY, cap_h=500.0),
    PermitClass.UNRESTRICTED: PermitRule(_ANY),
}


def allows(permit_class: PermitClass, purpose: Purpose, *, alert_asserted: bool = False) -> bool:
    """Whether an engine of a class may run for a purpose at all, hours apart.

    Args:
        permit_class: the engine's class.
        purpose: why it is to run.
        alert_asserted: the operator has put on record that the five conditions for an emergency
            alert hold (40 CFR 63.6640(f)(4)(ii)); without that an emergency engine stays off.
    """
    rule = RULES[permit_class]
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
    rule = RULES[permit.permit_class]
    caps = [cap for cap in (rule.cap_h, permit.hours_cap_h) if cap is not None]
    return min(caps) if caps else None


def stop_h(permit: Permit) -> float | None:
    """Hours used at which the engine stops and is not started again, h; None: no cap."""
    cap = cap_h(permit)
    return None if cap is None else STOP_FRACTION * cap


def alert_stop_h(permit: Permit) -> float | None:
    """Hours of emergency alert at which such a run ends, h; None: no cap of its own."""
    cap = RULES[permit.permit_class].alert_cap_h
    return None if cap is None else STOP_FRACTION * cap


def hours_left_h(permit: Permit, used_h: float) -> float | None:
    """Hours that may still be used before the stop, h, never below zero; None: no cap.

    Args:
        permit: the engine's permit.
        used_h: hours used this calendar year outside outages, h.
    """
    stop = stop_h(permit)
    return None if stop is None else max(stop - used_h, 0.0)
