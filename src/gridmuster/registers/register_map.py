"""A register map, bound to one device's numbers: decode, orders to writes, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from gridmuster.registers.commands import CommandSet, Held, Recipe, Write
from gridmuster.registers.compiled import Point
from gridmuster.registers.decoder import (
    Block,
    Decode,
    Decoder,
    first_register,
    last_register,
)
from gridmuster.registers.image import Encoder, Layout, RegisterImage, Segment, scale_factors
from gridmuster.registers.schema import MAX_REGISTERS_PER_READ, Family, PointType
from gridmuster.registers.source import is_plain, passage

#: Points that act on each other: an alarm that trips shows as a fault.
_TOGETHER = frozenset({"state", "alarm_bits"})


class RegisterMap:
    """What one controller's registers mean.

    Args:
        name: the map's name.
        family: which driver turns its points into readings.
        points: all points.
        segments: readable runs of registers.
        words: what the simulated controller's registers hold before anything is known.
        commands: orders and their recipes.
        writable: registers that may be written; those of the commands are added.
        codes: the codes that a writable register may hold, where they are limited.
        parameters: the device's numbers that it was bound to.
        gap: registers worth reading over to save a request.
    """

    def __init__(
        self,
        *,
        name: str,
        family: Family,
        points: Sequence[Point],
        segments: Sequence[Segment],
        words: Sequence[int],
        commands: CommandSet,
        writable: frozenset[int],
        codes: Mapping[int, frozenset[int]],
        parameters: Mapping[str, float],
        gap: int,
    ) -> None:
        self.name = name
        self.family = family
        self.points = tuple(points)
        self.parameters = dict(parameters)
        self.commands = commands
        self.orders = commands.orders
        self.writable = writable | commands.addresses()
        self.codes = dict(codes)
        self._layout = Layout(segments)
        self.segments = self._layout.segments
        self.blocks = plan_blocks(self.points, self.segments, gap)
        self._decoder = Decoder(self.points, self.blocks)
        self._words = list(words)
        for point in self.points:
            at = self._layout.index(point.address, point.registers)
            if at is not None and point.words:
                self._words[at : at + point.registers] = point.words

    def __repr__(self) -> str:
        return f"RegisterMap({self.name!r}, {len(self.points)} points, blocks {self.blocks})"

    @cached_property
    def decode(self) -> Decode:
        """``decode(blocks)``: canonical points by name from the registers of each block.

        None (or a short list) stands for a block that did not come; what is not available is
        absent.
        """
        return self._decoder.decode

    @cached_property
    def through(self) -> Callable[[Mapping[str, float]], dict[str, float]]:
        """``through(points)``: what a client reads when the controller shows these points.

        The same, to the last bit, as ``decode`` of the blocks of an ``image`` of the points, in
        a third of the time; registers that a client wrote have no part in it.
        """
        polled = [p for p in self._decoder.polled() if p.type is not PointType.STRING]
        factors = scale_factors(self._words, self._layout, polled)
        others = sorted(_TOGETHER | {p.name for p in polled if not is_plain(p)})
        numbers = [
            (p, 1.0 if p.factor is None else factors.get(p.factor, 1.0))
            for p in polled
            if p.name not in others
        ]

        def base_of(values: tuple[float | None, ...]) -> dict[str, float]:
            shown = zip(others, values, strict=True)
            image = self.image({name: v for name, v in shown if v is not None})
            return self.decode([image.read(*block) for block in self.blocks])

        return passage(numbers, others, base_of)

    @cached_property
    def _encoder(self) -> Encoder:
        factors = scale_factors(self._words, self._layout, self.points)
        return Encoder(self.points, self._layout, factors)

    def texts(self, blocks: Sequence[Sequence[int] | None]) -> dict[str, str]:
        """The strings among the polled points, by name."""
        return self._decoder.texts(blocks)

    def writes(self, order: str, value: float) -> tuple[Write, ...]:
        """The writes that give an order.

        Args:
            order: canonical name, like ``set_power_kw``.
            value: the order's value (kW for powers, 1 for the rest).

        Returns:
            Writes, to be sent in this order.

        Raises:
            KeyError: when the map has no such order.
        """
        return self.commands.writes(order, value)

    def image(self, points: Mapping[str, float] | None = None) -> RegisterImage:
        """A fresh set of registers for a simulated controller, showing these points."""
        image = RegisterImage(self._layout, self._encoder, self._words)
        if points is not None:
            image.update(points)
        return image

    def parse_write(
        self, address: int, values: Sequence[int], held: Held | None = None
    ) -> tuple[tuple[str, float], ...]:
        """The orders that a write means.

        Args:
            address: first register written.
            values: what was written.
            held: other registers as they stand; without it only what the write itself says counts.

        Returns:
            (order, value) pairs; empty when the write gives no order.

        Raises:
            Refused: when it breaks up a write that must come whole.
        """
        return tuple(
            (recipe.order, value) for recipe, value in self.parse_recipes(address, values, held)
        )

    def parse_recipes(
        self, address: int, values: Sequence[int], held: Held | None = None
    ) -> list[tuple[Recipe, float]]:
        """As `parse_write`, with the recipes themselves (their conditions are not checked)."""

        def standing(register: int) -> int | None:
            if 0 <= register - address < len(values):
                return values[register - address]
            return None if held is None else held(register)

        return self.commands.parse(address, values, standing)


def plan_blocks(
    points: Sequence[Point], segments: Sequence[Segment], gap: int
) -> tuple[Block, ...]:
    """The reads that fetch every polled point with the fewest requests.

    Points closer than ``gap`` registers share a read, inside one readable segment and up to 125
    registers (the Modbus limit).

    Args:
        points: all points.
        segments: readable runs, in order of address.
        gap: registers worth reading over.

    Returns:
        (address, count) of each read, in order of address.
    """
    spans = sorted((first_register(p), last_register(p) + 1) for p in points if p.poll)
    blocks: list[tuple[int, int]] = []
    for start, end in spans:
        segment = next(((a, a + n) for a, n in segments if a <= start and end <= a + n), None)
        if segment is None:
            continue
        if blocks:
            first, last = blocks[-1]
            near = start - last <= gap and segment[0] <= first
            if near and max(end, last) - first <= MAX_REGISTERS_PER_READ:
                blocks[-1] = (first, max(end, last))
                continue
        blocks.append((start, end))
    return tuple((start, end - start) for start, end in blocks)
