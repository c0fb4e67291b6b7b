"""Economic-dispatch cases of others: units that are all on, and demands to be met exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, sin


@dataclass(frozen=True, slots=True)
class DispatchUnit:
    """A unit that is on, with cost ``a + b P + c P^2 + |e sin(f (least - P))|`` an hour.

    The last term is the ripple of steam valves that open one after the other (Sinha, Chakrabarti
    and Chattopadhyay, IEEE Trans. Evol. Comput. 7(1), 2003, equation 3).

    Args:
        name: its name in the file.
        min_mw: least power, MW.
        max_mw: most power, MW.
        constant: ``a``, USD/h.
        linear: ``b``, USD/MWh.
        square: ``c``, USD/MW2h.
        ripple: ``e``, USD/h; 0 without valve points.
        ripple_per_mw: ``f``, rad/MW.
    """

    name: str
    min_mw: float
    max_mw: float
    constant: float
    linear: float
    square: float
    ripple: float = 0.0
    ripple_per_mw: float = 0.0

    @property
    def convex(self) -> bool:
        """Whether its cost has no ripple and no hollow."""
        return self.square >= 0.0 and self.ripple * self.ripple_per_mw == 0.0

    def price(self, power_mw: float) -> float:
        """Cost of an hour at a power, MW."""
        smooth = self.constant + (self.linear + self.square * power_mw) * power_mw
        return smooth + abs(self.ripple * sin(self.ripple_per_mw * (self.min_mw - power_mw)))


@dataclass(frozen=True, slots=True)
class Question:
    """One demand for one set of units.

    Args:
        name: what the file calls it.
        demand_mw: to be met exactly, MW.
        units: all of them on.
    """

    name: str
    demand_mw: float
    units: tuple[DispatchUnit, ...]


@dataclass(frozen=True, slots=True)
class DispatchCase:
    """The questions of a file; in a schedule each is one interval of an hour, in this order.

    Args:
        name: its name.
        questions: they share nothing.
    """

    name: str
    questions: tuple[Question, ...]

    def unit_names(self) -> tuple[str, ...]:
        """Names of all units, once each, in the order of the file."""
        return tuple({unit.name: None for one in self.questions for unit in one.units})

    def repeated(self, copies: int) -> DispatchCase:
        """The case with every unit ``copies`` times (``NAME#1`` ...) and as much demand."""
        if copies == 1:
            return self
        return DispatchCase(
            f"{self.name} x {copies}",
            tuple(
                Question(
                    one.name,
                    one.demand_mw * copies,
                    tuple(
                        replace(unit, name=f"{unit.name}#{k}")
                        for unit in one.units
                        for k in range(1, copies + 1)
                    ),
                )
                for one in self.questions
            ),
        )


@dataclass(frozen=True, slots=True)
class DispatchPart:
    """The answer to one question.

    Args:
        name: of the question.
        power_mw: of each unit, in their order, MW.
        lower_bound: no dispatch costs less, USD/h; minus infinity when none is feasible.
        price_usd_per_mwh: what one more MW would cost; of the convex hull with valve points.
        method: how it was found.
        cost: of these powers, USD/h.
    """

    name: str
    power_mw: tuple[float, ...]
    lower_bound: float = -inf
    price_usd_per_mwh: float = 0.0
    method: str = ""
    cost: float = 0.0
