"""From registers to canonical values, for one device's blocks, in a few microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from gridmuster.registers.compiled import Point, text_of
from gridmuster.registers.schema import PointType
from gridmuster.registers.source import decoder

Block = tuple[int, int]


Decode = Callable[[Sequence[Sequence[int] | None]], dict[str, float]]


class Decoder:
    """Decodes the blocks of one map; what decodes is written when first asked for.

    Args:
        points: all points of the map.
        blocks: the blocks that are read.
    """

    def __init__(self, points: Sequence[Point], blocks: Sequence[Block]) -> None:
        self._plans = [
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

    @cached_property
    def decode(self) -> Decode:
        """Points by name from the registers of each block, None for one that did not come."""
        return decoder(self._plans)

    def polled(self) -> list[Point]:
        """The points that some block brings whole."""
        return [point for _, _, found in self._plans for point in found]

    def texts(self, blocks: Sequence[Sequence[int] | None]) -> dict[str, str]:
        """The strings among the polled points, by name."""
        return {
            point.name: text_of(regs[point.address - address :][: point.registers])
            for (address, count, found), regs in zip(self._plans, blocks, strict=False)
            if regs is not None and len(regs) >= count
            for point in found
            if point.type is PointType.STRING
        }


def first_register(point: Point) -> int:
    """First address that the point and its power of ten need."""
    return point.address if point.factor is None else min(point.address, point.factor)


def last_register(point: Point) -> int:
    """Last address that the point and its power of ten need."""
    last = point.address + point.registers - 1
    return last if point.factor is None else max(last, point.factor)
