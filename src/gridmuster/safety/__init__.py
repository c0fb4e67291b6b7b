"""Interlocks: small pure predicates that may refuse or reduce a setpoint, never make one.

`check` runs them all for one setpoint. The center checks before it sends, the site checks again
before it obeys, and the site wins.
"""

from __future__ import annotations

from typing import Final

from gridmuster.safety.context import (
    ALLOWED,
    Allowed,
    Context,
    Envelope,
    Reduced,
    Refused,
    Verdict,
    envelope,
)
from gridmuster.safety.predicates import PREDICATES
from gridmuster.signals import Order, Purpose, Setpoint, SwitchMode

__all__ = [
    "ALLOWED",
    "Allowed",
    "Context",
    "Envelope",
    "Purpose",
    "Reduced",
    "Refused",
    "Verdict",
    "check",
    "envelope",
]


_RUN: Final = Order.RUN


def check(context: Context, setpoint: Setpoint) -> Verdict:
    """The strictest verdict of all predicates on one setpoint.

    A refusal beats a reduction, the smaller power beats the larger. STOP and EMERGENCY_STOP are
    always allowed. RESET is refused only where a person at the site has taken the device out of
    auto.

    Args:
        context: what is known now.
        setpoint: the wished state.

    Returns:
        Allowed, reduced (power towards zero, never beyond it), or refused.
    """
    order = setpoint.order
    if order is not _RUN:
        reading = context.reading
        if order is Order.RESET and (
            context.maintenance or (reading is not None and reading.mode is not SwitchMode.AUTO)
        ):
            return Refused(7, "the device is in a person's hand at the site")
        return ALLOWED
    strictest: Verdict = ALLOWED
    for predicate in PREDICATES:
        verdict = predicate(context, setpoint)
        if verdict is ALLOWED:
            continue
        if isinstance(verdict, Refused):
            return verdict
        if isinstance(verdict, Reduced) and (
            not isinstance(strictest, Reduced) or abs(verdict.power_kw) < abs(strictest.power_kw)
        ):
            strictest = verdict
    return strictest
