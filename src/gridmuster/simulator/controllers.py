"""Simulated controllers as a client sees them: registers to read, registers to write.

A `TwinController` puts a register map between a model of the physics and a client. It shows the
model's points as the real controller's registers, refuses what the real one would refuse, and
turns writes into the model's orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from gridmuster.registers import Refused, RegisterMap
from gridmuster.registers.schema import MAX_REGISTERS_PER_READ, MAX_REGISTERS_PER_WRITE
from gridmuster.simulator.controller import ControllerModel


class Refusal(IntEnum):
    """Modbus exception codes that a simulated controller answers with."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3


class TwinController:
    """One simulated controller.

    Args:
        model: the physics behind it.
        register_map: its registers, bound to the device's numbers.
    """

    __slots__ = ("_glanced", "_image", "_read", "_shown", "model", "register_map")

    def __init__(self, model: ControllerModel, register_map: RegisterMap) -> None:
        self.model = model
        self.register_map = register_map
        self._image = register_map.image()
        self._shown: Mapping[str, float] | None = None
        self._glanced: Mapping[str, float] | None = None
        self._read: Mapping[str, float] = {}

    @property
    def reachable(self) -> bool:
        """Whether it answers at all."""
        return self.model.reachable

    def read(self, address: int, count: int) -> list[int] | None:
        """Registers, as they stand at this moment.

        Args:
            address: first register.
            count: how many.

        Returns:
            The registers; None when it does not answer or not all of them exist.
        """
        found = self.answer_read(address, count) if self.model.reachable else None
        return found if isinstance(found, list) else None

    def write(self, address: int, values: Sequence[int]) -> bool:
        """Write registers and obey what they mean.

        Args:
            address: first register.
            values: what to write, 0 to 65535 each.

        Returns:
            Whether the write was taken.
        """
        return self.model.reachable and self.answer_write(address, values) is None

    def glance(self) -> Mapping[str, float] | None:
        """What a client that polls all blocks would read now, without making the registers.

        Returns:
            Canonical points, the same mapping while the model shows the same; None when it does
            not answer.
        """
        model = self.model
        if not model.reachable:
            return None
        points = model.points()
        if points is not self._glanced:
            self._read = self.register_map.through(points)
            self._glanced = points
        return self._read

    def answer_read(self, address: int, count: int) -> list[int] | Refusal:
        """As `read`, saying why not (reachable or not)."""
        if not 1 <= count <= MAX_REGISTERS_PER_READ:
            return Refusal.ILLEGAL_VALUE
        self._refresh()
        found = self._image.read(address, count)
        return Refusal.ILLEGAL_ADDRESS if found is None else found

    def answer_write(self, address: int, values: Sequence[int]) -> Refusal | None:
        """As `write`, saying why not (reachable or not); None when it was taken."""
        if not 1 <= len(values) <= MAX_REGISTERS_PER_WRITE:
            return Refusal.ILLEGAL_VALUE
        known = self.register_map
        if any(address + k not in known.writable for k in range(len(values))):
            return Refusal.ILLEGAL_ADDRESS
        for k, value in enumerate(values):
            codes = known.codes.get(address + k)
            if not 0 <= value <= 0xFFFF or (codes is not None and value not in codes):
                return Refusal.ILLEGAL_VALUE
        try:
            orders = known.parse_recipes(address, values, self._held)
        except Refused:
            return Refusal.ILLEGAL_VALUE
        points = self.model.points()
        for recipe, _ in orders:
            if any(points.get(name) != wanted for name, wanted in recipe.only_if):
                return Refusal.ILLEGAL_VALUE
        self._image.put(address, values)
        for recipe, told in orders:
            self.model.order(recipe.order, told)
        return None

    def _held(self, address: int) -> int | None:
        found = self._image.read(address, 1)
        return None if found is None else found[0]

    def _refresh(self) -> None:
        points = self.model.points()
        if points is not self._shown:
            self._image.update(points)
            self._shown = points
