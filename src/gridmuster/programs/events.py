"""What is told to a program from outside: taken, taken in part, or refused, always in words."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.clock import iso
from gridmuster.fleet.programs import CoincidentPeak, GridAlert, OpenAdr, Program, Reserve, Webhook
from gridmuster.signals import Alert, ProgramSignal
from gridmuster.units import MS_PER_S

#: Events of one program that are kept at one time.
MOST_EVENTS: Final = 200
#: An event that begins later than this is refused, s.
FURTHEST_S: Final = 30 * 86_400
#: Longest event, s: that of an activation.
LONGEST_S: Final = 7 * 86_400
WATCHES: Final = {"frequency": "the frequency", "peak": "the load", "price": "the price"}


class Event(Struct, frozen=True):
    """An event that a program was told of, with the window that it counts for.

    Args:
        signal: what was told.
        from_ms: begin, ms.
        until_ms: end, ms.
        actor: who told it.
        heard_ms: when, ms.
        reason: why, in the sender's words.
    """

    signal: ProgramSignal
    from_ms: int
    until_ms: int
    actor: str
    heard_ms: int
    reason: str = ""


def open_s(program: Program) -> int:
    """How long an event without an end counts, s."""
    if isinstance(program, GridAlert | Webhook | Reserve | OpenAdr):
        return program.open_s
    return 0


def hears(program: Program) -> str:
    """Why a program hears no signals; empty when it does."""
    if isinstance(program, GridAlert | Webhook | Reserve | OpenAdr | CoincidentPeak):
        return ""
    return f"program {program.id} hears no signals; it watches {WATCHES[program.kind]}"


def admit(
    program: Program, signal: ProgramSignal, now_ms: int, actor: str, reason: str = ""
) -> tuple[Event | None, str]:
    """Judge an event with a window of its own.

    Args:
        program: whom it is for.
        signal: what is told.
        now_ms: now, ms.
        actor: who tells it.
        reason: why, in the sender's words.

    Returns:
        The event, or None when it is refused; and what came of it, in words that begin with
        ``refused:`` when nothing did.
    """
    from_ms = now_ms if signal.from_ms is None else signal.from_ms
    open_ms = open_s(program) * MS_PER_S
    until_ms = from_ms + open_ms if signal.until_ms is None else signal.until_ms
    if why := _fault(program, signal, from_ms, until_ms, now_ms):
        return None, f"refused: {why}"
    said = []
    if signal.until_ms is None:
        said.append(
            f"it has no end: it counts until {iso(until_ms)}, {open_ms / 3_600_000:g} h from its "
            "begin; send it again to go on"
        )
    if from_ms < now_ms:
        said.append(f"its first {(now_ms - from_ms) / 60_000:.0f} min are over")
        from_ms = now_ms
    most_kw = most_of(program, signal)
    if signal.power_kw is not None and signal.power_kw > most_kw:
        said.append(
            f"of {signal.power_kw:g} kW asked for, program {program.id} gives {most_kw:g} kW"
        )
    said += signal.remarks
    event = Event(signal, from_ms, until_ms, actor, now_ms, reason)
    power_kw = min(signal.power_kw or most_kw, most_kw)
    window = f"{iso(from_ms)} to {iso(until_ms)}"
    answer = f"event {signal.event} taken: {power_kw:g} kW, {window}"
    return event, "; in part: ".join([answer, *said]) if said else answer


def _fault(
    program: Program, signal: ProgramSignal, from_ms: int, until_ms: int, now_ms: int
) -> str:
    if until_ms <= from_ms:
        return f"event {signal.event} ends at {iso(until_ms)}, before it begins at {iso(from_ms)}"
    if until_ms <= now_ms:
        return f"event {signal.event} was over at {iso(until_ms)}"
    if from_ms - now_ms > FURTHEST_S * MS_PER_S:
        return f"event {signal.event} begins more than {FURTHEST_S // 86_400} days from now"
    if until_ms - max(from_ms, now_ms) > LONGEST_S * MS_PER_S:
        return f"event {signal.event} is longer than {LONGEST_S // 86_400} days"
    if isinstance(program, GridAlert) and signal.level in (None, Alert.NONE):
        return f"program {program.id} wants a level, one of eea1, eea2, eea3"
    if isinstance(program, Reserve) and signal.reserve_mw is None:
        return f"program {program.id} wants reserve_mw, the reserve in MW"
    if most_of(program, signal) <= 0.0:
        level = Alert.NONE if signal.level is None else signal.level
        return f"program {program.id} gives nothing at {level.value}"
    return ""


def most_of(program: Program, signal: ProgramSignal) -> float:
    """The most that a program gives for a signal, kW."""
    if isinstance(program, GridAlert):
        return at_level(program, signal.level)
    return program.power_kw if isinstance(program, Webhook | Reserve | OpenAdr) else 0.0


def at_level(program: GridAlert, level: Alert | None) -> float:
    """What a program gives at a level of emergency, kW; a level left out gives as the one below.

    Args:
        program: the program.
        level: the level; None: none.
    """
    if level in (None, Alert.NONE):
        return 0.0
    found_kw = program.eea1_kw
    if level is not Alert.EEA1:
        found_kw = program.eea2_kw or found_kw
    if level is Alert.EEA3:
        found_kw = program.eea3_kw or found_kw
    return found_kw
