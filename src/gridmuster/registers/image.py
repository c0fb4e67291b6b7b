"""From canonical values to registers: the image that a simulated controller shows.

The image is one flat list of all readable registers. Every point of the map is written at each
update, so registers that a client wrote (set-points, enable words) simply stay where they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from gridmuster.registers.compiled import (
    FLOATS,
    MAX_MEMO,
    TEN_TO,
    AlarmWord,
    Point,
    from_words,
    pack_float,
    to_words,
)
from gridmuster.registers.decoder import STATE_FAULT
from gridmuster.registers.schema import PointType

Segment = tuple[int, int]
#: From this index of DeviceState on (fault, locked) an active alarm shows as the one that tripped.
_FIRST_TRIPPED = STATE_FAULT
_LAST_TRIPPED = STATE_FAULT + 1.0


class Layout:
    """Where every readable register stands in the flat list.

    Args:
        segments: (address, count) of each readable run, none overlapping.
    """

    __slots__ = ("_ends", "_offsets", "_starts", "segments", "size")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(sorted(segments))
        self._starts = [address for address, _ in self.segments]
        self._ends = [address + count for address, count in self.segments]
        self._offsets: list[int] = []
        self.size = 0
        for _, count in self.segments:
            self._offsets.append(self.size)
            self.size += count

    def index(self, address: int, count: int) -> int | None:
        """Place of a run of registers in the flat list; None when it is not all readable."""
        k = bisect_right(self._starts, address) - 1
        if k < 0 or count < 1 or address + count > self._ends[k]:
            return None
        return self._offsets[k] + address - self._starts[k]


class Encoder:
    """Writes canonical points into a flat image.

    Args:
        points: the points that follow the model (not the constant ones).
        layout: where registers stand.
        scale_of: power of ten by the address of a scale factor in this image.
    """

    __slots__ = ("_alarms", "_codes", "_one", "_tripped", "_two", "_wide")

    def __init__(
        self, points: Sequence[Point], layout: Layout, scale_of: Mapping[int, float]
    ) -> None:
        self._one: list[tuple[str, int, float, float, int, int, int, int, int]] = []
        self._two: list[tuple[str, int, int, float, float, int, int, int, int, int]] = []
        self._wide: list[tuple[int, Point, float]] = []
        self._codes: list[tuple[str, int, dict[float, int], int, int]] = []
        self._alarms: list[tuple[int, AlarmWord]] = []
        self._tripped: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        alarms: dict[int, list[Point]] = {}
        for point in points:
            at = layout.index(point.address, point.registers)
            if at is None or point.words or point.type is PointType.STRING:
                continue
            if point.codes is not None:
                alarms.setdefault(at, []).append(point)
            elif point.values:
                self._codes.append(_codes_of(point, at))
            else:
                ten = 1.0 if point.factor is None else scale_of.get(point.factor, 1.0)
                self._add_number(point, at, point.scale * ten)
        self._alarms = [(at, AlarmWord(found)) for at, found in sorted(alarms.items())]

    def _add_number(self, point: Point, at: int, scale: float) -> None:
        if point.type in FLOATS or point.mask or point.registers > 2:
            self._wide.append((at, point, scale))
            return
        low, high = point.limits()
        mask = (1 << 16 * point.registers) - 1
        under = low if point.under is None else point.under
        over = high if point.over is None else point.over
        blank = point.sentinels[0] if point.sentinels else 0
        if point.registers == 1:
            self._one.append(
                (point.name, at, 1.0 / scale, point.offset, low, high, under, over, blank)
            )
        else:
            first, second = (at + 1, at) if point.little else (at, at + 1)
            self._two.append(
                (
                    point.name,
                    first,
                    second,
                    1.0 / scale,
                    point.offset,
                    low,
                    high,
                    under & mask,
                    over & mask,
                    blank,
                )
            )

    def update(self, regs: list[int], points: Mapping[str, float]) -> None:
        """Write all points into the image.

        Args:
            regs: the flat image.
            points: canonical points; absent ones become "not available".
        """
        get = points.get
        for name, i, per, offset, low, high, under, over, blank in self._one:
            value = get(name)
            if value is None or value - value != 0.0:
                regs[i] = blank
            else:
                raw = round((value - offset) * per)
                regs[i] = (raw if low <= raw <= high else over if raw > high else under) & 0xFFFF
        for name, i, j, per, offset, low, high, under, over, blank in self._two:
            value = get(name)
            if value is None or value - value != 0.0:
                raw = blank
            else:
                raw = round((value - offset) * per)
                if not low <= raw <= high:
                    raw = over if raw > high else under
            regs[i] = raw >> 16 & 0xFFFF
            regs[j] = raw & 0xFFFF
        for name, i, table, mask, blank in self._codes:
            code = table.get(get(name, -1.0), blank)
            regs[i] = code if mask == 0xFFFF else regs[i] & ~mask | code
        for i, point, scale in self._wide:
            _write_wide(regs, i, point, scale, get(point.name))
        if self._alarms:
            self._write_alarms(regs, points)

    def _write_alarms(self, regs: list[int], points: Mapping[str, float]) -> None:
        bits = int(points.get("alarm_bits", 0.0))
        tripped = _FIRST_TRIPPED <= points.get("state", 0.0) <= _LAST_TRIPPED
        known = self._tripped.get((bits, tripped))
        if known is None:
            known = [(i, word.write(regs[i], bits, tripped)) for i, word in self._alarms]
            if len(self._tripped) < MAX_MEMO:
                self._tripped[bits, tripped] = known
        for i, raw in known:
            regs[i] = raw


class RegisterImage:
    """The registers of one controller.

    Args:
        layout: which registers can be read.
        encoder: what writes points into them.
        words: the registers before anything is known.
    """

    __slots__ = ("_encoder", "_layout", "regs")

    def __init__(self, layout: Layout, encoder: Encoder, words: Sequence[int]) -> None:
        self._layout = layout
        self._encoder = encoder
        self.regs = list(words)

    def update(self, points: Mapping[str, float]) -> None:
        """Show these canonical points."""
        self._encoder.update(self.regs, points)

    def read(self, address: int, count: int) -> list[int] | None:
        """Registers from an address on; None when not all of them exist."""
        at = self._layout.index(address, count)
        return None if at is None else self.regs[at : at + count]

    def put(self, address: int, values: Sequence[int]) -> bool:
        """Hold what a client wrote; False when the registers do not exist."""
        at = self._layout.index(address, len(values))
        if at is None:
            return False
        self.regs[at : at + len(values)] = values
        return True


def _codes_of(point: Point, at: int) -> tuple[str, int, dict[float, int], int, int]:
    table: dict[float, int] = {}
    for raw, value in point.values:
        table.setdefault(value, raw << point.shift)
    mask = point.mask or 0xFFFF
    blank = point.sentinels[0] & mask if point.sentinels and not point.mask else 0
    return point.name, at, table, mask, blank


def _write_wide(regs: list[int], at: int, point: Point, scale: float, value: float | None) -> None:
    if value is None or value - value != 0.0:
        words = to_words(point.sentinels[0] if point.sentinels else 0, point.registers, False)
        if point.little:
            words = words[::-1]
    elif point.type in FLOATS:
        words = pack_float((value - point.offset) / scale, point.type, point.little)
    elif point.mask:
        most = point.mask >> point.shift
        raw = min(max(round((value - point.offset) / scale), 0), most)
        words = (regs[at] & ~point.mask | raw << point.shift,)
    else:
        low, high = point.limits()
        raw = min(max(round((value - point.offset) / scale), low), high)
        words = to_words(raw, point.registers, point.little)
    regs[at : at + point.registers] = words


def scale_factors(regs: Sequence[int], layout: Layout, points: Sequence[Point]) -> dict[int, float]:
    """Power of ten by address, for the scale factors that an image holds.

    Args:
        regs: the flat image.
        layout: where registers stand.
        points: points whose factors are wanted.
    """
    found: dict[int, float] = {}
    for point in points:
        if point.factor is not None:
            at = layout.index(point.factor, 1)
            if at is not None:
                found[point.factor] = TEN_TO.get(from_words(regs[at : at + 1], False), 1.0)
    return found
