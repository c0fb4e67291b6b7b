"""Compiled points and the plans that decode and encode run through.

A plan is a handful of tuples of numbers: no lookup of names in a map, no objects per value. That
keeps one device's decode and encode at a few microseconds (measured in `docs/register-maps.md`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gridmuster.registers.schema import AlarmCodes, PointType

#: Power of ten by the register that holds a SunSpec scale factor (-10..10, two's complement).
TEN_TO: Final[dict[int, float]] = {k & 0xFFFF: 10.0**k for k in range(-10, 11)}
#: Longest memo of raw words to values; a controller never shows that many different ones.
MAX_MEMO: Final = 4096

RANGE: Final[dict[PointType, tuple[int, int]]] = {
    PointType.U16: (0, 0xFFFF),
    PointType.ENUM: (0, 0xFFFF),
    PointType.BITS: (0, 0xFFFF),
    PointType.S16: (-0x8000, 0x7FFF),
    PointType.U32: (0, 0xFFFF_FFFF),
    PointType.BITS32: (0, 0xFFFF_FFFF),
    PointType.S32: (-0x8000_0000, 0x7FFF_FFFF),
    PointType.U64: (0, 0xFFFF_FFFF_FFFF_FFFF),
    PointType.S64: (-0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF),
}
FLOATS: Final = {PointType.F32: (">2H", ">f"), PointType.F64: (">4H", ">d")}
SIGNED: Final = frozenset({PointType.S16, PointType.S32, PointType.S64})


@dataclass(frozen=True, slots=True)
class Point:
    """One point with everything resolved; addresses are the controller's own.

    Args:
        name: canonical or local name.
        address: first register.
        registers: how many it takes.
        type: how it is coded.
        little: whether the low word comes first.
        mask: bits that hold it, 0 for all; only for values of one register.
        scale: canonical units in one count.
        offset: canonical value of raw 0.
        factor: address of the power of ten, or None.
        sentinels: raw values (unsigned) that mean "not available"; the first is what the
            simulated controller shows.
        over: raw value shown above the greatest that can be coded, or None to hold that.
        under: the same below the least.
        values: raw to canonical, empty when it is a number.
        shown: canonical to raw, for what the simulated controller shows beside ``values``.
        bit: bit of ``alarm_bits`` it feeds, None when it feeds none.
        codes: how an alarm is coded, None when it is none.
        words: fixed content in the simulated controller, empty when it follows the model.
        poll: whether the gateway reads it at every scan.
        unit, verified, source, note: for people.
    """

    name: str
    address: int
    registers: int
    type: PointType
    little: bool = False
    mask: int = 0
    scale: float = 1.0
    offset: float = 0.0
    factor: int | None = None
    sentinels: tuple[int, ...] = ()
    over: int | None = None
    under: int | None = None
    values: tuple[tuple[int, float], ...] = ()
    shown: tuple[tuple[int, int], ...] = ()
    bit: int | None = None
    codes: AlarmCodes | None = None
    words: tuple[int, ...] = ()
    poll: bool = True
    unit: str = ""
    verified: bool = True
    source: str = ""
    note: str = ""

    @property
    def shift(self) -> int:
        """How far the masked bits stand from the right."""
        return (self.mask & -self.mask).bit_length() - 1 if self.mask else 0

    def signed_sentinels(self) -> set[int]:
        """The sentinels as numbers of the point's own type."""
        bits = 16 * self.registers
        return {as_signed(s, bits) if self.type in SIGNED else s for s in self.sentinels}

    def limits(self) -> tuple[int, int]:
        """Least and greatest raw number that is no sentinel."""
        low, high = RANGE[self.type]
        taken = self.signed_sentinels()
        while low in taken:
            low += 1
        while high in taken:
            high -= 1
        return low, high


def as_signed(raw: int, bits: int) -> int:
    """Two's complement reading of an unsigned number of that many bits."""
    return raw - (1 << bits) if raw >> (bits - 1) else raw


def to_words(raw: int, registers: int, little: bool) -> tuple[int, ...]:
    """Registers of a raw number (negative ones in two's complement)."""
    raw &= (1 << 16 * registers) - 1
    words = tuple(raw >> 16 * k & 0xFFFF for k in range(registers))
    return words if little else words[::-1]


def from_words(words: Sequence[int], little: bool) -> int:
    """Unsigned number that registers hold."""
    raw = 0
    for word in reversed(words) if little else words:
        raw = raw << 16 | word
    return raw


def pack_float(value: float, kind: PointType, little: bool) -> tuple[int, ...]:
    """Registers of a floating-point number (IEEE 754)."""
    words, number = FLOATS[kind]
    found = struct.unpack(words, struct.pack(number, value))
    return found[::-1] if little else found


def unpack_float(words: Sequence[int], kind: PointType, little: bool) -> float:
    """Floating-point number that registers hold."""
    layout, number = FLOATS[kind]
    found: float = struct.unpack(number, struct.pack(layout, *(words[::-1] if little else words)))[
        0
    ]
    return found


def text_of(words: Sequence[int]) -> str:
    """Text that registers hold, two characters each, without trailing zeros and spaces."""
    raw = b"".join(word.to_bytes(2, "big") for word in words)
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").rstrip()


def words_of(text: str, registers: int) -> tuple[int, ...]:
    """Registers of a text, cut or filled with zeros to its length."""
    raw = text.encode()[: 2 * registers].ljust(2 * registers, b"\0")
    return tuple(int.from_bytes(raw[k : k + 2], "big") for k in range(0, 2 * registers, 2))


class AlarmWord:
    """One register that holds alarm conditions: which bits of ``alarm_bits`` it says.

    Args:
        points: the conditions in it (each with a mask and codes).
    """

    __slots__ = ("_fields", "_memo")

    def __init__(self, points: Sequence[Point]) -> None:
        self._fields = [
            (
                p.mask or 0xFFFF,
                p.shift,
                0 if p.bit is None else 1 << p.bit,
                p.codes or AlarmCodes(),
            )
            for p in points
        ]
        self._memo: dict[int, tuple[int, bool]] = {}

    def read(self, raw: int) -> tuple[int, bool]:
        """Bits set, and whether one of the conditions has stopped the device."""
        found = self._memo.get(raw)
        if found is None:
            bits, trip = 0, False
            for mask, shift, bit, codes in self._fields:
                code = (raw & mask) >> shift
                if code in codes.active or (not codes.active and code):
                    bits |= bit
                trip = trip or code in codes.trip
            found = (bits, trip)
            if len(self._memo) < MAX_MEMO:
                self._memo[raw] = found
        return found

    def write(self, raw: int, bits: int, trip: bool) -> int:
        """The register with the conditions of ``bits`` in place of what it showed.

        Args:
            raw: what it shows now (bits of no condition are kept).
            bits: ``alarm_bits`` to show.
            trip: whether the device is in fault.
        """
        for mask, shift, bit, codes in self._fields:
            if bit == 0:
                code = codes.tripped if trip else codes.clear
            elif bits & bit:
                code = codes.tripped if trip else codes.raised
            else:
                code = codes.clear
            raw = raw & ~mask | code << shift & mask
        return raw
