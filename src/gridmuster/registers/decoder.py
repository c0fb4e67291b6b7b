"""From registers to canonical values, for one device's blocks, in a few microseconds."""

from __future__ import annotations

from collections.abc import Sequence

from gridmuster.registers.compiled import Point, text_of
from gridmuster.registers.schema import PointType
from gridmuster.registers.source import decoder

Block = tuple[int, int]


class Decoder:
    """Decodes the blocks of one map.

    ``decode(blocks)`` gives canonical points by name from the registers of each block in order
    (None or a short list for one that did not come); what is not available is absent.
    ``decode_flat(regs)`` does the same from a controller's flat image.

    Args:
        points: all points of the map.
        blocks: the blocks that are read.
        starts: where each block starts in the flat image.
    """

    __slots__ = ("_counts", "_texts", "decode", "decode_flat")

    def __init__(
        self, points: Sequence[Point], blocks: Sequence[Block], starts: Sequence[int]
    ) -> None:
        plans = [
            (
                address,
                count,
                [
                    p
                    for p in points
                    if p.poll and address <= p.address and last_register(p) < address + count
                ],
            )
            for address, count in blocks
        ]
        self.decode = decoder(plans, None)
        self.decode_flat = decoder(plans, starts)
        self._counts = [count for _, count in blocks]
        self._texts = [
            [(p.address - address, p) for p in found if p.type is PointType.STRING]
            for address, _, found in plans
        ]

    def texts(self, blocks: Sequence[Sequence[int] | None]) -> dict[str, str]:
        """The strings among the polled points, by name."""
        return {
            point.name: text_of(regs[at : at + point.registers])
            for found, regs, count in zip(self._texts, blocks, self._counts, strict=False)
            if regs is not None and len(regs) >= count
            for at, point in found
        }


def first_register(point: Point) -> int:
    """First address that the point and its power of ten need."""
    return point.address if point.factor is None else min(point.address, point.factor)


def last_register(point: Point) -> int:
    """Last address that the point and its power of ten need."""
    last = point.address + point.registers - 1
    return last if point.factor is None else max(last, point.factor)
