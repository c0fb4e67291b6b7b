"""How many hours a permit still leaves for a purpose, and which of its limits binds."""

from __future__ import annotations

from msgspec import Struct

from gridmuster.safety.context import Context
from gridmuster.safety.permits import STOP_FRACTION, use_stop_h
from gridmuster.signals import Purpose


class HoursLeft(Struct, frozen=True):
    """Hours until the stop, and the limit in words; endless where nothing limits them.

    ``used_h`` of ``stop_h`` are used.
    """

    left_h: float
    used_h: float
    stop_h: float
    limit: str


def hours_left(context: Context, purpose: Purpose = Purpose.DEMAND) -> HoursLeft | None:
    """The limit of a permit that ends a run for a purpose first.

    Args:
        context: what is known of the engine.
        purpose: what it would run for; None is never answered for an unknown use, but 0 h.

    Returns:
        The tightest limit; None: no limit of hours.
    """
    found = _all(context, purpose)
    return min(found, key=lambda one: one.left_h) if found else None


def _all(context: Context, purpose: Purpose) -> list[HoursLeft]:
    limits = context.envelope
    if not limits.generator or purpose is Purpose.OUTAGE:
        return []
    found = []
    if limits.permit_stop_h is not None:
        words = f"{limits.permit_stop_h / STOP_FRACTION:g} h a calendar year"
        if context.permit_used_h is None:
            return [HoursLeft(0.0, 0.0, limits.permit_stop_h, f"{words}, use not known")]
        found.append(_left(context.permit_used_h, limits.permit_stop_h, words))
    if purpose is Purpose.EMERGENCY_ALERT and limits.alert_stop_h is not None:
        words = f"{limits.alert_stop_h / STOP_FRACTION:g} h of alerts a calendar year"
        found.append(_left(context.alert_used_h, limits.alert_stop_h, words))
    for use in context.window_uses:
        if use.limit.counts(purpose):
            found.append(_left(use.used_h, use_stop_h(use), use.limit.words()))
    return found


def _left(used_h: float, stop_h: float, words: str) -> HoursLeft:
    return HoursLeft(max(stop_h - used_h, 0.0), used_h, stop_h, words)
