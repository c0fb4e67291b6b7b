"""A unit-commitment case: thermal units, renewables, demand and reserve over whole intervals."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Cost of an hour by straight lines between points.

    Args:
        points: total power (MW) and total cost of an hour at it, rising and convex; the first is
            at the unit's least power.
    """

    points: tuple[tuple[float, float], ...]

    def price(self, power_mw: float) -> float:
        """Cost of an hour at a power; beyond the ends the end's own line goes on."""
        points = self.points
        if len(points) == 1:
            return points[0][1]
        at = bisect_right([mw for mw, _ in points], power_mw)
        at = min(max(at, 1), len(points) - 1)
        (low_mw, low), (high_mw, high) = points[at - 1], points[at]
        if high_mw <= low_mw:
            return low
        return low + (high - low) * (power_mw - low_mw) / (high_mw - low_mw)


@dataclass(frozen=True, slots=True)
class Quadratic:
    """Cost of an hour ``constant + linear P + square P^2`` of power P in MW."""

    constant: float
    linear: float
    square: float

    def price(self, power_mw: float) -> float:
        """Cost of an hour at a power, MW."""
        return self.constant + (self.linear + self.square * power_mw) * power_mw


@dataclass(frozen=True, slots=True)
class StartStep:
    """What a start costs from so many hours off on, until the next step."""

    lag_h: int
    cost: float


@dataclass(frozen=True, slots=True)
class Thermal:
    """A unit that is on or off.

    Args:
        name: its name in the file.
        min_mw: least power when on, MW.
        max_mw: most power, MW.
        ramp_up_mw: most rise in an hour of power above the least, with reserve, MW.
        ramp_down_mw: most fall in an hour of power above the least, MW.
        ramp_start_mw: most power in the first hour on, MW.
        ramp_stop_mw: most power in the last hour on, MW.
        up_h: least hours on.
        down_h: least hours off.
        must_run: whether it is on in every hour.
        on_before: whether it was on before the first hour.
        hours_before: how long it was so, h.
        power_before_mw: its power then, MW.
        starts: what a start costs, the hottest first.
        cost: cost of an hour on.
    """

    name: str
    min_mw: float
    max_mw: float
    ramp_up_mw: float
    ramp_down_mw: float
    ramp_start_mw: float
    ramp_stop_mw: float
    up_h: int
    down_h: int
    must_run: bool
    on_before: bool
    hours_before: int
    power_before_mw: float
    starts: tuple[StartStep, ...]
    cost: Piecewise | Quadratic

    @property
    def free(self) -> bool:
        """Whether no ramp can ever bind."""
        span = self.max_mw - self.min_mw
        rates = min(self.ramp_up_mw, self.ramp_down_mw) >= span
        return rates and min(self.ramp_start_mw, self.ramp_stop_mw) >= self.max_mw

    def start_cost(self, hours_off: int) -> float:
        """What a start costs after so many hours off."""
        found = self.starts[0].cost
        for step in self.starts:
            if hours_off >= step.lag_h:
                found = step.cost
        return found


@dataclass(frozen=True, slots=True)
class Renewable:
    """A source without cost that may be curtailed down to its least power, MW by hour."""

    name: str
    min_mw: tuple[float, ...]
    max_mw: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Units that differ in nothing but their names."""

    unit: Thermal
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Case:
    """A case; one interval is an hour. Demand is met exactly, reserve is at least what is asked.

    Args:
        name: its name.
        demand_mw: demand by hour, MW.
        reserve_mw: spinning reserve by hour, MW.
        thermal: groups of alike units.
        renewable: sources without cost; a group counts once for each of its copies.
        copies: how often every unit, the demand and the reserve are repeated.
    """

    name: str
    demand_mw: tuple[float, ...]
    reserve_mw: tuple[float, ...]
    thermal: tuple[Group, ...]
    renewable: tuple[Renewable, ...]
    copies: int = 1

    @property
    def hours(self) -> int:
        """Number of hours."""
        return len(self.demand_mw)

    def units(self) -> Iterator[tuple[str, Thermal]]:
        """Every unit with its name."""
        for group in self.thermal:
            for name in group.names:
                yield name, group.unit

    def one_by_one(self) -> Case:
        """The case with units that a ramp can bind in groups of one; names stay."""
        groups: list[Group] = []
        for group in self.thermal:
            if group.unit.free or group.count == 1:
                groups.append(group)
            else:
                groups += [Group(group.unit, (name,)) for name in group.names]
        return replace(self, thermal=tuple(groups))

    def repeated(self, copies: int) -> Case:
        """The case with every unit ``copies`` times (``NAME#1`` ...) and as much demand."""
        if copies == 1:
            return self
        return Case(
            f"{self.name} x {copies}",
            tuple(mw * copies for mw in self.demand_mw),
            tuple(mw * copies for mw in self.reserve_mw),
            tuple(
                Group(
                    group.unit,
                    tuple(f"{name}#{k}" for name in group.names for k in range(1, copies + 1)),
                )
                for group in self.thermal
            ),
            tuple(
                Renewable(
                    source.name,
                    tuple(mw * copies for mw in source.min_mw),
                    tuple(mw * copies for mw in source.max_mw),
                )
                for source in self.renewable
            ),
            copies,
        )


def grouped(units: list[Thermal]) -> tuple[Group, ...]:
    """Alike units together, in the order of the first of each.

    Units that a ramp can bind stay apart: what the sums of a group keep, single units may not.
    """
    found: dict[Thermal, list[str]] = {}
    for unit in units:
        found.setdefault(replace(unit, name="") if unit.free else unit, []).append(unit.name)
    return tuple(Group(unit, tuple(names)) for unit, names in found.items())


@dataclass(frozen=True, slots=True)
class Schedule:
    """An answer: on and off and power of every unit, and power of every renewable, by hour.

    Args:
        commitment: 0 or 1 by unit and hour.
        power_mw: total power by unit and hour, MW.
        renewable_mw: power by source and hour, MW.
    """

    commitment: dict[str, list[int]]
    power_mw: dict[str, list[float]]
    renewable_mw: dict[str, list[float]]
