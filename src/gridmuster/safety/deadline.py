"""No energising a dead utility line: what an area's switchgear may be asked to close (invariant 2).

Center and gateway both hold every wish against these rules, each with what it has measured itself.
Unknown is not open and stale is not dead: whatever is not known, forbids. The rules take parts of
a wish away and never add any; opening is always allowed.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.safety.context import ALLOWED, UTILITY_LIMIT_S, Allowed, Refused
from gridmuster.switching import Contact, Liveness, SwitchgearReading, Switching

#: Dead and healthy bus: voltage per unit (27 relay, K; IEEE 1547-2018 enter service), and how far
#: the frequency may be off its nominal, share (59.5 to 60.1 Hz of 60).
DEAD_PU: Final = 0.1
HEALTHY_PU: Final = (0.917, 1.05)
HEALTHY_SHARE: Final = (59.5 / 60.0, 60.1 / 60.0)
#: An island swings when load is taken up; beyond these shares its former would trip (K).
ISLAND_SHARE: Final = (57.0 / 60.0, 62.0 / 60.0)


class LineFacts(Struct, frozen=True):
    """What is known of a coupling: the last reading, None when never heard, and its age, s.

    ``limit_s`` is the age from which it counts as unknown.
    """

    reading: SwitchgearReading | None
    age_s: float
    limit_s: float = UTILITY_LIMIT_S

    @property
    def known(self) -> SwitchgearReading | None:
        """The reading while it may be believed."""
        return self.reading if 0.0 <= self.age_s <= self.limit_s else None


def liveness(
    voltage_pu: float | None,
    frequency_hz: float | None,
    nominal_hz: float,
    share: tuple[float, float] = HEALTHY_SHARE,
) -> Liveness:
    """Whether a bus is alive, from its voltage and frequency.

    Args:
        voltage_pu: per unit; None or not a number when it is not measured.
        frequency_hz: Hz; likewise.
        nominal_hz: what the frequency should be, Hz.
        share: limits of a healthy frequency, share of nominal.
    """
    if voltage_pu is None or not 0.0 <= voltage_pu < 10.0:
        return Liveness.UNKNOWN
    if voltage_pu <= DEAD_PU:
        return Liveness.DEAD
    if frequency_hz is None or not frequency_hz >= 0.0:
        return Liveness.UNKNOWN
    fine = share[0] * nominal_hz <= frequency_hz <= share[1] * nominal_hz
    if fine and HEALTHY_PU[0] <= voltage_pu <= HEALTHY_PU[1]:
        return Liveness.LIVE
    return Liveness.UNHEALTHY


def may_form(facts: LineFacts) -> Allowed | Refused:
    """Whether a former may close onto the dead bus: only behind a breaker seen open.

    Args:
        facts: what is known of the coupling.
    """
    known = facts.known
    if known is None:
        return Refused(2, f"nothing known of the coupling breaker for {facts.age_s:.0f} s")
    if known.coupling is not Contact.OPEN:
        return Refused(2, f"coupling breaker {known.breaker} is {known.coupling.value}, not open")
    if known.bus is not Liveness.DEAD:
        return Refused(
            2, f"the bus is {known.bus.value}, not dead: a set joins it by synchronising"
        )
    return ALLOWED


def may_resynchronise(facts: LineFacts) -> Allowed | Refused:
    """Whether the synchroniser may be asked: with an open breaker and a utility seen healthy.

    Args:
        facts: what is known of the coupling.
    """
    known = facts.known
    if known is None:
        return Refused(2, f"nothing known of the utility's line for {facts.age_s:.0f} s")
    if known.coupling is not Contact.OPEN:
        return Refused(2, f"coupling breaker {known.breaker} is {known.coupling.value}, not open")
    if known.utility is not Liveness.LIVE:
        return Refused(2, f"the utility's line is {known.utility.value}, not healthy")
    if known.bus not in (Liveness.LIVE, Liveness.DEAD):
        return Refused(2, f"the area's bus is {known.bus.value}, neither dead nor healthy")
    return ALLOWED


def may_close_steps(facts: LineFacts) -> Allowed | Refused:
    """Whether load steps may be closed: onto a bus seen alive, or behind a closed coupling.

    Args:
        facts: what is known of the coupling.
    """
    known = facts.known
    if known is None:
        return Refused(2, f"nothing known of the area's bus for {facts.age_s:.0f} s")
    if known.bus is not Liveness.LIVE:
        return Refused(2, f"the area's bus is {known.bus.value}, not healthy")
    return ALLOWED


def allowed_part(wish: Switching, facts: LineFacts) -> tuple[Switching, tuple[Refused, ...]]:
    """The part of a wish that may be carried out, and why the rest may not.

    A former's permission, the request to the synchroniser and each step that is not seen closed
    are closing; they go when their rule refuses. What opens, stays.

    Args:
        wish: what the switchgear is to be asked.
        facts: what is known of the coupling.
    """
    refused: list[Refused] = []
    former, resynchronise, steps = wish.former, wish.resynchronise, wish.steps
    if former and isinstance(verdict := may_form(facts), Refused):
        refused.append(verdict)
        former = ""
    if resynchronise and isinstance(verdict := may_resynchronise(facts), Refused):
        refused.append(verdict)
        resynchronise = False
    seen = () if facts.known is None else facts.known.steps
    closed = {step.step for step in seen if step.contact is Contact.CLOSED}
    closing = [step for step in steps if step not in closed]
    if closing and isinstance(verdict := may_close_steps(facts), Refused):
        refused.append(verdict)
        steps = tuple(step for step in steps if step in closed)
    if former and resynchronise:
        # A bus that is being formed is not dead for the synchroniser to close onto.
        resynchronise = False
    return Switching(wish.island, former, wish.sets, steps, resynchronise), tuple(refused)
