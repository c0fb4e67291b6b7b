"""From registers to canonical values, for one device's blocks, in a few microseconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from gridmuster.registers.compiled import (
    FLOATS,
    MAX_MEMO,
    SIGNED,
    TEN_TO,
    AlarmWord,
    Point,
    as_signed,
    from_words,
    text_of,
    unpack_float,
)
from gridmuster.registers.schema import PointType

Block = tuple[int, int]
#: Index of DeviceState.FAULT and IDLE in the point ``state``.
STATE_FAULT: Final = 5.0
STATE_IDLE: Final = 0.0
_NEVER: Final[frozenset[int]] = frozenset()


class _Lookup:
    """A register whose codes stand for values; remembers what it has worked out."""

    __slots__ = ("_mask", "_memo", "_shift", "_values")

    def __init__(self, point: Point) -> None:
        self._mask = point.mask or 0xFFFF
        self._shift = point.shift
        self._values = dict(point.values)
        self._memo: dict[int, float | None] = {}

    def __call__(self, raw: int) -> float | None:
        memo = self._memo
        if raw in memo:
            return memo[raw]
        value = self._values.get((raw & self._mask) >> self._shift)
        if len(memo) < MAX_MEMO:
            memo[raw] = value
        return value


class BlockPlan:
    """What to take out of one block, sorted by how it is coded.

    Args:
        block: address and count of the block.
        points: the polled points that lie wholly inside it.
    """

    __slots__ = ("alarms", "codes", "count", "scaled", "texts", "u16", "u32", "wide")

    def __init__(self, block: Block, points: Sequence[Point]) -> None:
        start, self.count = block
        self.u16: list[tuple[str, int, frozenset[int], int, float, float]] = []
        self.u32: list[tuple[str, int, int, frozenset[int], int, float, float]] = []
        self.scaled: list[tuple[str, int, int, frozenset[int], int, float]] = []
        self.wide: list[tuple[int, Point, frozenset[int], int]] = []
        self.codes: list[tuple[str, int, _Lookup]] = []
        self.alarms: list[tuple[int, AlarmWord]] = []
        self.texts: list[tuple[int, Point]] = []
        alarms: dict[int, list[Point]] = {}
        for point in sorted(points, key=lambda p: p.address):
            at = point.address - start
            if point.codes is not None:
                alarms.setdefault(at, []).append(point)
            elif point.type is PointType.STRING:
                self.texts.append((at, point))
            elif point.values:
                self.codes.append((point.name, at, _Lookup(point)))
            else:
                self._add_number(point, at, -1 if point.factor is None else point.factor - start)
        self.alarms = [(at, AlarmWord(found)) for at, found in sorted(alarms.items())]

    def _add_number(self, point: Point, at: int, factor_at: int) -> None:
        bad = frozenset(point.sentinels) if point.sentinels else _NEVER
        bits = 16 * point.registers
        # Any raw number of a signed type at or above this is negative.
        half = 1 << (bits - 1) if point.type in SIGNED else 1 << bits
        if point.registers == 1 and not point.mask and factor_at < 0:
            self.u16.append((point.name, at, bad, half, point.scale, point.offset))
        elif point.registers == 1 and not point.mask and point.offset == 0.0:
            self.scaled.append((point.name, at, factor_at, bad, half, point.scale))
        elif point.registers == 2 and point.type not in FLOATS and factor_at < 0:
            high, low = (at + 1, at) if point.little else (at, at + 1)
            self.u32.append((point.name, high, low, bad, half, point.scale, point.offset))
        else:
            self.wide.append((at, point, bad, factor_at))

    def numbers(self, regs: Sequence[int], out: dict[str, float]) -> None:
        """Add the block's values to ``out``."""
        for name, i, bad, half, scale, offset in self.u16:
            v = regs[i]
            if v not in bad:
                out[name] = (v if v < half else v - 0x1_0000) * scale + offset
        for name, i, f, bad, half, scale in self.scaled:
            v = regs[i]
            ten = TEN_TO.get(regs[f])
            if v not in bad and ten is not None:
                out[name] = (v if v < half else v - 0x1_0000) * scale * ten
        for name, high, low, bad, half, scale, offset in self.u32:
            v = regs[high] << 16 | regs[low]
            if v not in bad:
                out[name] = (v if v < half else v - 0x1_0000_0000) * scale + offset
        for i, point, bad, f in self.wide:
            value = wide_value(regs, i, point, bad, f)
            if value is not None:
                out[point.name] = value
        for name, i, lookup in self.codes:
            code = lookup(regs[i])
            if code is not None:
                out[name] = code


def wide_value(
    regs: Sequence[int], at: int, point: Point, bad: frozenset[int], factor_at: int
) -> float | None:
    """Value of a point that no short cut covers: 64 bits, floats, masks, scaled 32 bits.

    Args:
        regs: the block.
        at: where the point starts in it.
        point: the point.
        bad: its sentinels.
        factor_at: where its power of ten stands, negative for none.

    Returns:
        The canonical value, None when not available.
    """
    words = regs[at : at + point.registers]
    ten = 1.0
    if factor_at >= 0:
        found = TEN_TO.get(regs[factor_at])
        if found is None:
            return None
        ten = found
    if point.type in FLOATS:
        number = unpack_float(words, point.type, point.little)
        if math.isnan(number) or from_words(words, point.little) in bad:
            return None
        return number * point.scale * ten + point.offset
    raw = from_words(words, point.little)
    if raw in bad:
        return None
    if point.mask:
        raw = (raw & point.mask) >> point.shift
    elif point.type in SIGNED:
        raw = as_signed(raw, 16 * point.registers)
    return raw * point.scale * ten + point.offset


class Decoder:
    """Decodes the blocks of one map.

    Args:
        points: all points of the map.
        blocks: the blocks that are read.
    """

    __slots__ = ("_plans", "has_alarms")

    def __init__(self, points: Sequence[Point], blocks: Sequence[Block]) -> None:
        self._plans = [
            BlockPlan(
                block,
                [
                    p
                    for p in points
                    if p.poll and block[0] <= p.address and _end(p) <= block[0] + block[1]
                ],
            )
            for block in blocks
        ]
        self.has_alarms = any(plan.alarms for plan in self._plans)

    def decode(self, blocks: Sequence[Sequence[int] | None]) -> dict[str, float]:
        """Canonical points of one device.

        Args:
            blocks: the registers of each block in order; None or a short list for one that did
                not come.

        Returns:
            Points by name; what is not available is absent.
        """
        out: dict[str, float] = {}
        bits, trip = 0, False
        seen = False
        for plan, regs in zip(self._plans, blocks, strict=False):
            if regs is None or len(regs) < plan.count:
                continue
            plan.numbers(regs, out)
            for i, word in plan.alarms:
                raw = regs[i]
                if raw != 0xFFFF:
                    seen = True
                    told, stopped = word.read(raw)
                    bits |= told
                    trip = trip or stopped
        if seen:
            out["alarm_bits"] = float(bits | int(out.get("alarm_bits", 0.0)))
            if trip and out.get("state", STATE_IDLE) == STATE_IDLE:
                out["state"] = STATE_FAULT
        return out

    def texts(self, blocks: Sequence[Sequence[int] | None]) -> dict[str, str]:
        """The strings among the polled points, by name."""
        return {
            point.name: text_of(regs[i : i + point.registers])
            for plan, regs in zip(self._plans, blocks, strict=False)
            if regs is not None and len(regs) >= plan.count
            for i, point in plan.texts
        }


def _end(point: Point) -> int:
    """Address after the point and the power of ten it needs."""
    last = point.address + point.registers
    return last if point.factor is None else max(last, point.factor + 1)
