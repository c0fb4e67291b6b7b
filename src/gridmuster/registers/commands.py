"""Orders as recipes of writes, in both directions.

The driver asks for the writes of an order; the simulated controller asks which orders a write
means. Both read the same recipe: fixed words must match, and the one word that depends on the
order's value gives it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

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

#: Longest memo of orders and of writes seen.
MAX_KNOWN: Final = 256
#: Gives the register at an address as it stands after the write, None when it is unknown.
Held = Callable[[int], int | None]


@dataclass(frozen=True, slots=True)
class Write:
    """One write of consecutive registers (Modbus function 16)."""

    address: int
    values: tuple[int, ...]


class Field:
    """One value inside a write.

    ``raw = round((gain * value + offset) / ten)``, kept within ``low`` and ``high`` before coding.

    Args:
        address: first register.
        registers: how many it takes.
        kind: how it is coded.
        gain: register units in one unit of the order's value; 0 for a fixed word.
        offset: register units when the value is 0.
        ten: power of ten that the controller multiplies the raw number with.
        low: least that may be written, register units.
        high: most that may be written, register units.
    """

    __slots__ = (
        "_high",
        "_low",
        "_offset",
        "_ten",
        "address",
        "fixed",
        "gain",
        "kind",
        "registers",
    )

    def __init__(
        self,
        address: int,
        registers: int,
        kind: PointType,
        gain: float,
        offset: float,
        ten: float = 1.0,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        self.address = address
        self.registers = registers
        self.kind = kind
        self.gain = gain
        self._offset = offset
        self._ten = ten
        self._low, self._high = low, high
        #: The registers of a field that does not depend on the value, else None.
        self.fixed = self.encode(0.0) if gain == 0.0 else None

    def encode(self, value: float) -> tuple[int, ...]:
        """Registers that carry an order's value."""
        number = self.gain * value + self._offset
        if self._low is not None:
            number = max(number, self._low)
        if self._high is not None:
            number = min(number, self._high)
        if self.kind in FLOATS:
            return pack_float(number / self._ten, self.kind, False)
        least, most = RANGE[self.kind]
        raw = min(max(round(number / self._ten), least), most)
        return to_words(raw, self.registers, False)

    def decode(self, words: Sequence[int]) -> float:
        """The order's value that registers carry (only for a field that depends on it)."""
        if self.kind in FLOATS:
            number = unpack_float(words, self.kind, False)
        else:
            raw = from_words(words, False)
            number = as_signed(raw, 16 * self.registers) if self.kind in SIGNED else raw
        return (number * self._ten - self._offset) / self.gain


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of giving an order.

    Args:
        order: canonical name of the order.
        writes: the fields of each write, in order.
        atomic: each write must come whole.
        only_if: points that must be so for the controller to obey.
        gives: the order's value when no field carries it.
        driver: whether the driver may use it; the simulated controller obeys it in any case.
    """

    order: str
    writes: tuple[tuple[Field, ...], ...]
    atomic: bool = False
    only_if: tuple[tuple[str, float], ...] = ()
    gives: float = 1.0
    driver: bool = True

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
            if field.fixed is None:
                value = field.decode(known)
            elif tuple(known) != field.fixed:
                return None
        return value

    def addresses(self) -> set[int]:
        """Every register that it writes."""
        return {
            field.address + k
            for fields in self.writes
            for field in fields
            for k in range(field.registers)
        }


class Refused(Exception):  # noqa: N818 - what a controller says, not a fault of the program
    """A controller does not take a write: a word of it is not a known one."""


class CommandSet:
    """All recipes of a map.

    Args:
        recipes: by order, the first of each being what the driver uses.
    """

    __slots__ = ("_atomic", "_first", "_memo", "_near", "_recipes", "orders")

    def __init__(self, recipes: Mapping[str, Sequence[Recipe]]) -> None:
        self._recipes = [recipe for found in recipes.values() for recipe in found]
        self._first = {recipe.order: recipe for recipe in reversed(self._recipes) if recipe.driver}
        self.orders = frozenset(self._first)
        self._memo: dict[tuple[str, float], tuple[Write, ...]] = {}
        self._near: dict[tuple[int, int], tuple[list[tuple[Recipe, int]], bool]] = {}
        self._atomic = frozenset(
            address for recipe in self._recipes if recipe.atomic for address in recipe.addresses()
        )

    def addresses(self) -> frozenset[int]:
        """Every register that some recipe writes."""
        return frozenset(address for recipe in self._recipes for address in recipe.addresses())

    def writes(self, order: str, value: float) -> tuple[Write, ...]:
        """The writes that give an order.

        Raises:
            KeyError: when the map has no such order.
        """
        made = self._memo.get((order, value))
        if made is None:
            made = self._first[order].encode(value)
            if len(self._memo) >= MAX_KNOWN:
                self._memo.clear()
            self._memo[order, value] = made
        return made

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
        near, must_be_known = self._touched(address, len(values))
        for recipe, place in near:
            value = recipe.read(recipe.writes[place], held)
            if value is not None:
                must_be_known = must_be_known and not recipe.atomic
                if place == 0:
                    found.append((recipe, value))
        if must_be_known:
            raise Refused(f"the write of {len(values)} registers at {address} is no known command")
        return found

    def _touched(self, address: int, count: int) -> tuple[list[tuple[Recipe, int]], bool]:
        """Recipes (and which of their writes) that a write could fulfil; and whether it must."""
        known = self._near.get((address, count))
        if known is None:
            near = [
                (recipe, place)
                for recipe in self._recipes
                for place, fields in enumerate(recipe.writes)
                if _meets(fields, address, count, recipe.atomic)
            ]
            known = near, any(address + k in self._atomic for k in range(count))
            if len(self._near) >= MAX_KNOWN:
                self._near.clear()
            self._near[address, count] = known
        return known


def _meets(fields: Sequence[Field], address: int, count: int, whole: bool) -> bool:
    """Whether a write falls on these fields, or covers them exactly when it must be whole."""
    first, end = fields[0].address, fields[-1].address + fields[-1].registers
    if whole:
        return address == first and address + count == end
    return address < end and first < address + count
