"""Orders as recipes of writes, in both directions.

The driver asks for the writes of an order; the simulated controller asks which orders a write
means. Both read the same recipe: fixed words must match, and the one word that depends on the
order's value gives it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gridmuster.registers.compiled import (
    FLOATS,
    RANGE,
    SIGNED,
    as_signed,
    from_words,
    pack_float,
    to_words,
    unpack_float,
)
from gridmuster.registers.schema import PointType

#: Gives the register at an address as it stands after the write, None when it is unknown.
Held = Callable[[int], int | None]


@dataclass(frozen=True, slots=True)
class Write:
    """One write of consecutive registers (Modbus function 16)."""

    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One value inside a write.

    ``raw = round((gain * value + offset) / ten)``, kept within ``low`` and ``high`` before coding.
    """

    address: int
    registers: int
    type: PointType
    gain: float
    offset: float
    ten: float = 1.0
    low: float | None = None
    high: float | None = None

    def encode(self, value: float) -> tuple[int, ...]:
        """Registers that carry an order's value."""
        number = self.gain * value + self.offset
        if self.low is not None:
            number = max(number, self.low)
        if self.high is not None:
            number = min(number, self.high)
        if self.type in FLOATS:
            return pack_float(number / self.ten, self.type, False)
        least, most = RANGE[self.type]
        raw = min(max(round(number / self.ten), least), most)
        return to_words(raw, self.registers, False)

    def decode(self, words: Sequence[int]) -> float:
        """The order's value that registers carry (only for a field with a gain)."""
        return (self.number(words) - self.offset) / self.gain

    def number(self, words: Sequence[int]) -> float:
        """What the registers hold, in the register's unit."""
        if self.type in FLOATS:
            return unpack_float(words, self.type, False) * self.ten
        raw = from_words(words, False)
        if self.type in SIGNED:
            raw = as_signed(raw, 16 * self.registers)
        return raw * self.ten


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of giving an order.

    Args:
        order: canonical name of the order.
        writes: the fields of each write, in order.
        atomic: each write must come whole.
        only_if: points that must be so for the controller to obey.
        gives: the order's value when no field carries it.
        twin_only: never written by the driver.
    """

    order: str
    writes: tuple[tuple[Field, ...], ...]
    atomic: bool = False
    only_if: tuple[tuple[str, float], ...] = ()
    gives: float = 1.0
    twin_only: bool = False

    def encode(self, value: float) -> tuple[Write, ...]:
        """The writes that give the order with this value."""
        return tuple(
            Write(fields[0].address, tuple(w for field in fields for w in field.encode(value)))
            for fields in self.writes
        )

    def read(self, fields: Sequence[Field], held: Held) -> float | None:
        """The order's value if the fields of one write stand as the recipe says, else None."""
        value = self.gives
        for field in fields:
            words = [held(field.address + k) for k in range(field.registers)]
            known = [w for w in words if w is not None]
            if len(known) < field.registers:
                return None
            if field.gain != 0.0:
                value = field.decode(known)
            elif tuple(known) != field.encode(0.0):
                return None
        return value

    def is_touched(self, fields: Sequence[Field], address: int, count: int) -> bool:
        """Whether a write of ``count`` registers from ``address`` falls on these fields."""
        first, last = fields[0].address, fields[-1].address + fields[-1].registers
        return address < last and first < address + count


class Refused(Exception):  # noqa: N818 - what a controller says, not a fault of the program
    """A controller does not take a write: a word of it is not a known one."""


class CommandSet:
    """All recipes of a map.

    Args:
        recipes: by order, the first of each being what the driver uses.
    """

    __slots__ = ("_atomic", "_constant", "_first", "_recipes", "orders")

    def __init__(self, recipes: Mapping[str, Sequence[Recipe]]) -> None:
        self.orders = frozenset(recipes)
        self._recipes = [recipe for found in recipes.values() for recipe in found]
        self._first = {
            order: next((r for r in found if not r.twin_only), None)
            for order, found in recipes.items()
        }
        self._constant: dict[tuple[str, float], tuple[Write, ...]] = {}
        self._atomic = frozenset(
            field.address + k
            for recipe in self._recipes
            if recipe.atomic
            for fields in recipe.writes
            for field in fields
            for k in range(field.registers)
        )

    def addresses(self) -> frozenset[int]:
        """Every register that some recipe writes."""
        return frozenset(
            field.address + k
            for recipe in self._recipes
            for fields in recipe.writes
            for field in fields
            for k in range(field.registers)
        )

    def writes(self, order: str, value: float) -> tuple[Write, ...]:
        """The writes that give an order.

        Raises:
            KeyError: when the map has no such order.
        """
        recipe = self._first[order]
        if recipe is None:
            raise KeyError(order)
        return recipe.encode(value)

    def parse(self, address: int, values: Sequence[int], held: Held) -> list[tuple[Recipe, float]]:
        """The orders that a write means.

        Args:
            address: first register written.
            values: what was written.
            held: registers as they stand after the write.

        Returns:
            Recipes fulfilled by it with the order's value; empty when it is only stored.

        Raises:
            Refused: when part of a write that must come whole is missing or unknown.
        """
        found: list[tuple[Recipe, float]] = []
        count = len(values)
        whole = False
        for recipe in self._recipes:
            for place, fields in enumerate(recipe.writes):
                if not recipe.is_touched(fields, address, count):
                    continue
                if recipe.atomic and not _covers(fields, address, count):
                    continue
                value = recipe.read(fields, held)
                if value is None:
                    continue
                whole = whole or recipe.atomic
                if place == 0:
                    found.append((recipe, value))
        if not whole and any(address + k in self._atomic for k in range(count)):
            raise Refused(f"the write of {count} registers at {address} is no known command")
        return found


def _covers(fields: Sequence[Field], address: int, count: int) -> bool:
    first, last = fields[0].address, fields[-1].address + fields[-1].registers
    return address == first and address + count == last
