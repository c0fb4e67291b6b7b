"""OpenADR 3 events in the words of a program: what each interval asks for, and what is left out.

The objects are those of the OpenADR 3.0 API, whose field names they keep; targets are read as in
3.0 (type and values) and as in 3.1 (words). A start in the year 1 means now and a duration of
P9999Y no end (OpenADR 3.0 definition, intervalPeriod).
"""

from __future__ import annotations

import math
import re
import zlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from gridmuster.errors import SignalError
from gridmuster.fleet.programs import OpenAdr
from gridmuster.signals import MAX_POWER_KW, Alert, ProgramSignal, Purpose
from gridmuster.units import KWH_PER_MWH, MS_PER_S

#: Intervals of one event that are looked at.
MOST_INTERVALS: Final = 100
_DURATION: Final = re.compile(
    r"^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$"
)
_SECONDS: Final = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60, 1)
#: kW in the units of a power that a descriptor may name.
_KW: Final = {"KW": 1.0, "MW": 1000.0, "W": 0.001}
_LEVEL: Final = re.compile(r"EEA\s*-?\s*([123])", re.IGNORECASE)


class Period(Struct, frozen=True, rename="camel"):
    """When an interval or a whole event holds."""

    start: str = ""
    duration: str = ""
    randomize_start: str = ""


class Payload(Struct, frozen=True):
    """A kind of value and its values."""

    type: str
    values: list[Any] = []


class Interval(Struct, frozen=True, rename="camel"):
    """A part of an event."""

    id: int = 0
    payloads: list[Payload] = []
    interval_period: Period | None = None


class Descriptor(Struct, frozen=True, rename="camel"):
    """Units of a kind of payload."""

    payload_type: str = ""
    units: str | None = None
    currency: str | None = None


class AdrEvent(Struct, frozen=True, rename="camel"):
    """An event as a VTN gives it."""

    id: str
    program_id: str = msgspec.field(name="programID")
    event_name: str | None = None
    priority: int | None = None
    targets: list[Any] | None = None
    payload_descriptors: list[Descriptor] | None = None
    interval_period: Period | None = None
    intervals: list[Interval] = []
    modification_date_time: str = ""


class Told(Struct, frozen=True):
    """What an event comes to: signals by interval, and what of it is not understood."""

    signals: tuple[ProgramSignal, ...]
    remarks: tuple[str, ...]


def event_of(document: Any) -> AdrEvent:
    """An event from JSON that is read already.

    Raises:
        SignalError: when it is no event.
    """
    try:
        return msgspec.convert(document, AdrEvent, strict=False)
    except msgspec.ValidationError as error:
        raise SignalError(f"an OpenADR event: {error}") from error


def duration_s(text: str) -> int | None:
    """Length of an ISO 8601 duration, s; None: without an end.

    Raises:
        SignalError: when it is none.
    """
    if not text or text.startswith("P9999Y"):
        return None
    found = _DURATION.match(text)
    if found is None or text in ("P", "PT"):
        raise SignalError(f"{text[:40]!r} is no duration like PT1H")
    return sum(int(part or 0) * s for part, s in zip(found.groups(), _SECONDS, strict=True))


def is_for(event: AdrEvent, names: frozenset[str]) -> bool:
    """Whether an event is for one of some names; one without targets is for everybody."""
    found: set[str] = set()
    for target in event.targets or ():
        values = target.get("values", ()) if isinstance(target, dict) else (target,)
        found.update(str(value) for value in values)
    return not found or bool(found & names)


def told(program: OpenAdr, event: AdrEvent, seen_ms: int) -> Told:
    """What an event asks of a program.

    Args:
        program: its settings.
        event: the event.
        seen_ms: when it was first seen as it is now, ms: the start of what starts now.
    """
    signals: list[ProgramSignal] = []
    remarks: list[str] = []
    if len(event.intervals) > MOST_INTERVALS:
        remarks.append(f"only {MOST_INTERVALS} of {len(event.intervals)} intervals are looked at")
    next_ms: int | None = None
    for k, interval in enumerate(event.intervals[:MOST_INTERVALS]):
        try:
            window = _window(program, event, interval, next_ms, seen_ms)
        except SignalError as error:
            remarks.append(f"interval {interval.id}: {error}")
            continue
        next_ms = window[1]
        signal, why = _signal(program, event, k, interval, window)
        remarks += [f"interval {interval.id}: {one}" for one in why]
        if signal is not None:
            signals.append(signal)
        if next_ms is None:
            left = len(event.intervals) - k - 1
            if left and event.intervals[k + 1].interval_period is None:
                remarks.append(f"interval {interval.id} has no end: {left} after it never come")
                break
    if not event.intervals:
        remarks.append("it has no intervals")
    return Told(tuple(signals), tuple(remarks))


def _window(
    program: OpenAdr, event: AdrEvent, interval: Interval, next_ms: int | None, seen_ms: int
) -> tuple[int, int | None]:
    """Begin and end of an interval, ms; the end is None when there is none."""
    whole, own = event.interval_period or Period(), interval.interval_period or Period()
    if own.start or next_ms is None:
        from_ms = _instant(own.start or whole.start, seen_ms)
        spread_s = duration_s(own.randomize_start or whole.randomize_start or "PT0S") or 0
        draw = zlib.crc32(f"{program.ven_name}/{event.id}".encode()) / 2**32
        from_ms += int(draw * spread_s) * MS_PER_S
    else:
        from_ms = next_ms
    length_s = duration_s(own.duration or whole.duration)
    return from_ms, None if length_s is None else from_ms + length_s * MS_PER_S


def _instant(text: str, seen_ms: int) -> int:
    if not text or text.startswith(("0000-", "0001-")):
        return seen_ms
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SignalError(f"{text[:40]!r} is no start like 2026-07-14T17:00:00Z") from error
    if found.tzinfo is None:
        raise SignalError(f"{text[:40]!r} does not say how far it is from UTC")
    return max(int(found.astimezone(UTC).timestamp() * MS_PER_S), 0)


def _signal(
    program: OpenAdr,
    event: AdrEvent,
    k: int,
    interval: Interval,
    window: tuple[int, int | None],
) -> tuple[ProgramSignal | None, list[str]]:
    """The signal of one interval; the first payload that asks counts."""
    units = {one.payload_type: one.units for one in event.payload_descriptors or ()}
    asked: dict[str, Any] | None = None
    remarks: list[str] = []
    for payload in interval.payloads:
        try:
            found = _asks(program, payload, units.get(payload.type) or "")
        except SignalError as error:
            remarks.append(f"{payload.type[:60]}: {error}")
            continue
        if found is None:
            continue
        if asked is None:
            asked = found
        else:
            remarks.append(f"{payload.type} beside another payload that asks is left out")
    if asked is None:
        return None, remarks
    name = re.sub(r"[^A-Za-z0-9_.:-]", "-", f"{event.id}.{k}")[:128]
    signal = ProgramSignal(
        program.id,
        name if name[0].isalnum() else f"e{name}"[:128],
        window[0],
        window[1],
        rank=10_000 if event.priority is None else max(event.priority, 0),
        remarks=tuple(remarks),
        **asked,
    )
    return signal, remarks


def _asks(program: OpenAdr, payload: Payload, units: str) -> dict[str, Any] | None:
    """What a payload asks for; None when it is understood and asks for nothing.

    Raises:
        SignalError: when it is not understood.
    """
    kind = payload.type
    if kind == "SIMPLE":
        level = int(_number(payload))
        if not 0 <= level <= 3:
            raise SignalError(f"level {level} is none of 0 to 3")
        share = (0.0, *program.simple_shares)[level]
        return {"power_kw": share * program.power_kw} if share > 0.0 else None
    if kind == "DISPATCH_SETPOINT":
        power_kw = _power_kw(payload, units)
        return {"power_kw": min(power_kw, MAX_POWER_KW)} if power_kw > 0.0 else None
    if kind == "IMPORT_CAPACITY_LIMIT":
        return {"import_limit_kw": max(_power_kw(payload, units), 0.0)}
    if kind == "ALERT_GRID_EMERGENCY":
        said = _LEVEL.search(" ".join(str(value) for value in payload.values))
        level_word = f"eea{said.group(1)}" if said else program.emergency_level
        return {"level": Alert(level_word), "purpose": Purpose.EMERGENCY_ALERT}
    if kind == "PRICE":
        price = _number(payload) * (KWH_PER_MWH if units.upper() in ("", "KWH") else 1.0)
        if units.upper() not in ("", "KWH", "MWH"):
            raise SignalError(f"prices per {units} are not known; per KWH or MWH")
        above = program.price_above_usd_per_mwh
        return {"purpose": Purpose.PRICE} if above is not None and price >= above else None
    raise SignalError("this type of payload is no reason to run here; left out")


def _power_kw(payload: Payload, units: str) -> float:
    scale = _KW.get(units.upper() or "KW")
    if scale is None:
        raise SignalError(f"a power in {units} is not known; in {', '.join(_KW)}")
    return _number(payload) * scale


def _number(payload: Payload) -> float:
    """The first value of a payload.

    Raises:
        SignalError: when it is no number.
    """
    value = payload.values[0] if payload.values else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SignalError(f"{value!r} is no number")
    return float(value)
