"""From canonical values to registers: the image that a simulated controller shows.

The image is one flat list of all readable registers. Every point of the map is written at each
update, so registers that a client wrote (set-points, enable words) simply stay where they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

from gridmuster.registers.compiled import MAX_MEMO, TEN_TO, AlarmWord, Point
from gridmuster.registers.schema import PointType
from gridmuster.registers.source import STATE_FAULT, encoder

Segment = tuple[int, int]
#: Index of DeviceState.LOCKED; in fault or locked an active alarm shows as the one that tripped.
_LOCKED = STATE_FAULT + 1.0


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
        points: all points; constant ones and strings are passed over.
        layout: where registers stand.
        scale_of: power of ten by the address of a scale factor in this image.
    """

    __slots__ = ("_alarms", "_known", "_numbers")

    def __init__(
        self, points: Sequence[Point], layout: Layout, scale_of: Mapping[int, float]
    ) -> None:
        places: list[tuple[int, Point, float]] = []
        alarms: dict[int, list[Point]] = {}
        for point in points:
            at = layout.index(point.address, point.registers)
            if at is None or point.words or point.type is PointType.STRING:
                continue
            if point.codes is not None:
                alarms.setdefault(at, []).append(point)
            else:
                ten = 1.0 if point.factor is None else scale_of.get(point.factor, 1.0)
                places.append((at, point, point.scale * ten))
        self._numbers = encoder(places)
        self._alarms = [(at, AlarmWord(found)) for at, found in sorted(alarms.items())]
        self._known: dict[tuple[float, bool], list[tuple[int, int]]] = {}

    def update(self, regs: list[int], points: Mapping[str, float]) -> None:
        """Write all points into the image.

        Args:
            regs: the flat image.
            points: canonical points; absent ones become "not available".
        """
        self._numbers(regs, points)
        if self._alarms:
            bits = points.get("alarm_bits", 0.0)
            tripped = STATE_FAULT <= points.get("state", 0.0) <= _LOCKED
            known = self._known.get((bits, tripped))
            if known is None:
                known = [(i, w.write(regs[i], int(bits), tripped)) for i, w in self._alarms]
                if len(self._known) < MAX_MEMO:
                    self._known[bits, tripped] = known
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
                found[point.factor] = TEN_TO.get(regs[at], 1.0)
    return found
