"""Odds that backup sets carry a site through an outage of so many hours.

A Markov chain by the hour (Marqusee and Jenket, Applied Energy 268 (2020) 114918; the rules of the
examples in REopt's backup reliability): before the first hour each set starts with probability
``availability * (1 - fail_to_start)``; in every hour, the first included, each running set fails
with probability ``1 / mttf_h`` before it serves that hour, and stays failed. What is left serves
the load less what is firm; what it could give beyond that charges the store, and what it lacks the
store gives, within its power and energy. Fuel is one tank: a tank that runs dry within an hour does
not serve that hour and is empty then.

Energy and fuel are kept on a grid. Rounded down, each state is worth no more than the true one, and
rounded up no less, so that both runs together bound the odds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.outages import Bools, Floats, Ints
from gridmuster.planning.reliability.table import binomial

#: Slack in comparisons of power and energy, as a share of the largest.
WHOLE = 1e-9
#: Steps of energy and of fuel when no number is given.
STEPS = 100
#: Most numbers in the table of odds by start and state.
MOST_NUMBERS = 200_000_000


@dataclass(frozen=True, slots=True)
class BackupSets:
    """Identical sets.

    Args:
        count: how many.
        power_kw: of each, kW.
        availability: share of time not in repair.
        fail_to_start: failures per start.
        mttf_h: mean running hours to failure, h; at least 1.
        fuel_per_h: fuel of each running set at no load, l/h.
        fuel_per_kwh: fuel of each kWh beyond that, l/kWh.
    """

    count: int
    power_kw: float
    availability: float = 1.0
    fail_to_start: float = 0.0
    mttf_h: float = np.inf
    fuel_per_h: float = 0.0
    fuel_per_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class BackupStore:
    """A store behind the sets.

    Args:
        energy_kwh: usable energy, kWh.
        power_kw: at its terminals, either way, kW.
        initial_kwh: energy when the outage begins, kWh.
        charge_efficiency, discharge_efficiency: one way.
    """

    energy_kwh: float
    power_kw: float
    initial_kwh: float
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0


@dataclass(frozen=True, slots=True)
class Backup:
    """What carries a site through an outage.

    Args:
        sets: kinds of sets.
        store: None without one.
        fuel: in the common tank, l; None where it never ends.
    """

    sets: tuple[BackupSets, ...]
    store: BackupStore | None = None
    fuel: float | None = None


@dataclass(frozen=True, slots=True)
class Survival:
    """Odds by start and hour; rows are starts, columns hours of the outage from the first.

    Args:
        through: every hour up to this one is served: lower and upper bound, shape
            (2, starts, hours).
        each: this hour is served, whatever was before, likewise.
    """

    through: Floats
    each: Floats


class _Way(Enum):
    """Which way energy and fuel are rounded to their grids."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class _Chain:
    """The chain's states, flat: running sets by kind, then energy, then fuel.

    Args:
        shape: number of each.
        running: sets running by kind, shape (kinds, combinations).
        energy_kwh, fuel_l: values on the grids.
        moves: chance of ``m`` of ``n`` sets left after an hour, by kind, shape (n + 1, n + 1).
        start: chance of each combination when the outage begins.
    """

    shape: tuple[int, int, int]
    running: Ints
    energy_kwh: Floats
    fuel_l: Floats
    moves: tuple[Floats, ...]
    start: Floats


def survival(
    backup: Backup,
    load_kw: Sequence[float],
    hours: int,
    firm_kw: Sequence[float] | None = None,
    steps: int = STEPS,
) -> Survival:
    """Odds of surviving outages that begin in any hour of a cyclic load.

    Args:
        backup: what there is.
        load_kw: load by hour; after the last comes the first.
        hours: longest outage, h.
        firm_kw: what is there without fuel or failure, like sun, by hour; None: nothing.
        steps: of the grids of energy and fuel.

    Raises:
        PlanningError: for a number out of its range, or more states than are kept.
    """
    _check(backup, load_kw, hours)
    load = np.asarray(load_kw, dtype=float)
    need = load - (np.zeros(len(load)) if firm_kw is None else np.asarray(firm_kw, dtype=float))
    chain = _chain(backup, steps)
    numbers = len(load) * int(np.prod(chain.shape))
    if numbers > MOST_NUMBERS:
        raise PlanningError(
            f"{len(load)} starts times {numbers // len(load)} states; expected at most "
            f"{MOST_NUMBERS} in all: fewer steps or fewer hours of load"
        )
    exact = backup.store is None and backup.fuel is None
    ways = [_Way.DOWN] if exact else list(_Way)
    found = [_odds(backup, chain, need, hours, way) for way in ways]
    low, high = found[0], found[-1]
    return Survival(np.stack([low[0], high[0]]), np.stack([low[1], high[1]]))


def _check(backup: Backup, load_kw: Sequence[float], hours: int) -> None:
    if not len(load_kw):
        raise PlanningError("no hours of load; expected at least one")
    if not bool(np.all(np.isfinite(np.asarray(load_kw, dtype=float)))) or hours < 1:
        raise PlanningError(f"load {list(load_kw)[:4]}, {hours} hours; expected numbers, 1 or more")
    for number, one in enumerate(backup.sets):
        for what, value, low, high in (
            ("count", one.count, 0, np.inf),
            ("power_kw", one.power_kw, 0.0, np.inf),
            ("availability", one.availability, 0.0, 1.0),
            ("fail_to_start", one.fail_to_start, 0.0, 1.0),
            ("mttf_h", one.mttf_h, 1.0, np.inf),
            ("fuel_per_h", one.fuel_per_h, 0.0, np.inf),
            ("fuel_per_kwh", one.fuel_per_kwh, 0.0, np.inf),
        ):
            if not low <= value <= high:
                raise PlanningError(
                    f"generators {number}: {what} is {value:g}; expected {low:g} to {high:g}"
                )
    store = backup.store
    if store is not None and not (
        0.0 <= store.initial_kwh <= store.energy_kwh < np.inf
        and 0.0 <= store.power_kw < np.inf
        and 0.0 < store.charge_efficiency <= 1.0
        and 0.0 < store.discharge_efficiency <= 1.0
    ):
        raise PlanningError(
            f"store {store}: expected 0 <= initial_kwh <= energy_kwh, power_kw of 0 or above, "
            "efficiencies above 0 and up to 1"
        )
    if backup.fuel is not None and not 0.0 <= backup.fuel < np.inf:
        raise PlanningError(f"fuel {backup.fuel:g}; expected 0 or above")


def _chain(backup: Backup, steps: int) -> _Chain:
    counts = [one.count for one in backup.sets]
    running = np.zeros((0, 1), dtype=np.int64)
    if counts:
        running = np.indices([count + 1 for count in counts]).reshape(len(counts), -1)
    energy = np.zeros(1)
    if backup.store is not None and backup.store.energy_kwh > 0.0:
        energy = np.linspace(0.0, backup.store.energy_kwh, steps + 1)
    fuel = np.zeros(1)
    if backup.fuel is not None and backup.fuel > 0.0:
        fuel = np.linspace(0.0, backup.fuel, steps + 1)
    moves = []
    start: Floats = np.ones(1)
    for one in backup.sets:
        rows = [binomial(n, 1.0 - 1.0 / one.mttf_h) for n in range(one.count + 1)]
        moves.append(np.array([np.pad(row, (0, one.count + 1 - len(row))) for row in rows]))
        begun = binomial(one.count, one.availability * (1.0 - one.fail_to_start))
        start = np.multiply.outer(start, begun).ravel()
    shape = (running.shape[1], len(energy), len(fuel))
    return _Chain(shape, running, energy, fuel, tuple(moves), start)


def _odds(
    backup: Backup, chain: _Chain, need: Floats, hours: int, way: _Way
) -> tuple[Floats, Floats]:
    """Odds by start and hour, from the last hour of the outage back to the first."""
    starts, states = len(need), int(np.prod(chain.shape))
    served, after = np.empty((starts, states), dtype=bool), np.empty((starts, states), np.int32)
    for hour in range(starts):
        served[hour], after[hour] = _served(backup, chain, float(need[hour]), way)
    initial = _initial(backup, chain, way)
    through, each = np.empty((starts, hours)), np.empty((starts, hours))
    all_hours, last_hour = served.astype(float), served.astype(float)
    for hour in range(hours):
        if hour:
            all_hours = served * np.take_along_axis(np.roll(all_hours, -1, axis=0), after, axis=1)
            last_hour = np.take_along_axis(np.roll(last_hour, -1, axis=0), after, axis=1)
        all_hours, last_hour = _failed(chain, all_hours), _failed(chain, last_hour)
        for odds, out in ((all_hours, through), (last_hour, each)):
            out[:, hour] = odds.reshape(starts, *chain.shape)[:, :, *initial] @ chain.start
    return through, each


def _failed(chain: _Chain, odds: Floats) -> Floats:
    """Odds before failures of an hour from those after them."""
    kinds = [len(move) for move in chain.moves]
    cube = odds.reshape(len(odds), *kinds, -1)
    for kind, move in enumerate(chain.moves):
        cube = np.moveaxis(np.tensordot(move, cube, axes=(1, kind + 1)), 0, kind + 1)
    return np.ascontiguousarray(cube).reshape(odds.shape)


def _initial(backup: Backup, chain: _Chain, way: _Way) -> tuple[int, int]:
    """Where energy and fuel stand on their grids when the outage begins; the tank is full."""
    energy = 0 if backup.store is None else _index(chain.energy_kwh, backup.store.initial_kwh, way)
    return int(energy), len(chain.fuel_l) - 1


def _index(grid: Floats, value: Floats | float, way: _Way) -> Ints:
    """Place on a grid from 0 up, rounded as asked; what is within rounding of a step is on it."""
    if len(grid) == 1:
        return np.zeros(np.shape(value), dtype=np.int64)
    steps = np.asarray(value) / grid[1]
    place = np.floor(steps + WHOLE) if way is _Way.DOWN else np.ceil(steps - WHOLE)
    return np.asarray(np.clip(place, 0, len(grid) - 1), dtype=np.int64)


def _served(backup: Backup, chain: _Chain, need: float, way: _Way) -> tuple[Bools, Ints]:
    """Whether each state, failures of the hour over, serves it, and the state after."""
    power = np.array([one.power_kw for one in backup.sets])
    idle = np.array([one.fuel_per_h for one in backup.sets])
    slope = np.array([one.fuel_per_kwh for one in backup.sets])
    capacity = (power @ chain.running)[:, None, None]
    energy, fuel = chain.energy_kwh[None, :, None], chain.fuel_l[None, None, :]
    store = backup.store or BackupStore(0.0, 0.0, 0.0)
    slack = WHOLE * max(abs(need), float(capacity.max(initial=0.0)), store.power_kw, 1e-9)
    room = np.minimum((store.energy_kwh - energy) / store.charge_efficiency, store.power_kw)
    made = np.minimum(capacity, np.maximum(need + room, 0.0))
    # Sets of several kinds share the load in proportion to their power.
    share = np.divide(made, capacity, out=np.zeros_like(made), where=capacity > 0.0)
    burnt = (idle @ chain.running)[:, None, None] + share * ((slope * power) @ chain.running)[
        :, None, None
    ]
    enough = np.ones(chain.shape, dtype=bool)
    left = np.broadcast_to(fuel, chain.shape)
    if backup.fuel is not None:
        enough = burnt <= fuel + WHOLE * max(backup.fuel, 1e-9)
        left = np.maximum(fuel - burnt, 0.0)
    given = np.where(enough, made, 0.0) - need
    flow = np.clip(given, -store.power_kw, store.power_kw)
    able = np.minimum(energy * store.discharge_efficiency, store.power_kw)
    served = given >= -able - slack
    change = np.where(flow > 0.0, flow * store.charge_efficiency, flow / store.discharge_efficiency)
    kept = np.clip(energy + change, 0.0, store.energy_kwh)
    running = np.arange(chain.shape[0])[:, None, None]
    place = (running, _index(chain.energy_kwh, kept, way), _index(chain.fuel_l, left, way))
    after: Ints = np.ravel_multi_index(np.broadcast_arrays(*place), chain.shape)
    return np.broadcast_to(served, chain.shape).ravel(), after.ravel()
