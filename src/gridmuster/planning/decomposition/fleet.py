"""A fleet as arrays: one row a device, a few hundred bytes each, so that a million fit in a cache.

Power limits have either one column, when they are the same in every interval, or one for each.
Costs are in the objective's USD. The kernels read the named tuples below directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridmuster.planning.linear import Floats

Counts = NDArray[np.int32]
Flags = NDArray[np.uint8]
Singles = NDArray[np.float32]

#: Stands for "no limit" among whole numbers.
UNLIMITED = np.int32(2**30)


class EngineArrays(NamedTuple):
    """Engines that are on or off, shape (engines,) unless said.

    ``low_kw`` and ``high_kw`` (engines, 1 or intervals) bound the output when on; ``high_kw = 0``
    forbids running. ``width_kw``, ``slope_usd`` and ``slope_fuel`` (engines, segments) are convex
    segments from zero output, per kWh, on top of ``hourly_usd`` and ``hourly_fuel``. ``bonus_usd``
    (engines, 1 or intervals) is what being on in an interval is worth (must-run wishes).
    ``up`` and ``down`` are least intervals on and off, ``held`` how many first intervals the
    engine must stay as it was (``on_before``). ``hours``, ``starts`` and ``fuel`` are budgets in
    intervals, starts and fuel over the horizon. ``reach_kw`` is the most headroom it can give.
    """

    low_kw: Floats
    high_kw: Floats
    bonus_usd: Floats
    width_kw: Floats
    slope_usd: Floats
    slope_fuel: Floats
    hourly_usd: Floats
    hourly_fuel: Floats
    start_usd: Floats
    fuel: Floats
    reach_kw: Floats
    up: Counts
    down: Counts
    held: Counts
    hours: Counts
    starts: Counts
    on_before: Flags


class StoreArrays(NamedTuple):
    """Stores, shape (stores,) unless said.

    ``charge_kw`` and ``discharge_kw`` (stores, 1 or intervals) are what they take and give at
    most. ``keep`` is the share of energy kept over an interval. Energy stays within ``min_kwh``
    and ``max_kwh``. ``charge_usd`` and ``discharge_usd`` are per kWh taken and given; ``end_usd``
    is what a kWh left at the end is worth, ``end_penalty_usd`` what one short of ``end_min_kwh``
    costs. ``reserve`` is 1 where the store gives headroom.
    """

    charge_kw: Floats
    discharge_kw: Floats
    charge_efficiency: Floats
    discharge_efficiency: Floats
    keep: Floats
    min_kwh: Floats
    max_kwh: Floats
    initial_kwh: Floats
    charge_usd: Floats
    discharge_usd: Floats
    end_usd: Floats
    end_min_kwh: Floats
    end_penalty_usd: Floats
    reserve: Flags


@dataclass(frozen=True, slots=True)
class Offers:
    """Power of engines that are on, in steps of price: arrays (steps, intervals).

    ``headroom`` is the share of each kW by which headroom falls, 0 to 1.
    """

    kw: Floats
    usd: Floats
    headroom: Floats


@dataclass(frozen=True, slots=True)
class System:
    """What the devices have in common: arrays over the intervals, kW and USD/kWh.

    ``renewable_kw`` (pools, intervals) is what sun and wind of each cost could give. Missing
    reserve is priced, and so are unserved demand and surplus. With ``secures_largest`` the loss of
    the largest engine that is on is to be covered on top of ``reserve_kw``; never less than
    ``largest_kw``, whatever is on. ``offers`` are there once on and off are fixed.
    """

    demand_kw: Floats
    import_limit_kw: Floats
    export_limit_kw: Floats
    import_usd: Floats
    export_usd: Floats
    reserve_kw: Floats
    renewable_kw: Floats
    renewable_usd: Floats
    unserved_usd: float
    surplus_usd: float
    reserve_usd: float
    largest_kw: Floats
    secures_largest: bool = False
    offers: Offers | None = None

    @property
    def count(self) -> int:
        """How many intervals there are."""
        return len(self.demand_kw)

    @property
    def headroom_need_kw(self) -> Floats:
        """Headroom that devices are to give when nothing is bought or sold, kW."""
        return self.reserve_kw + self.largest_kw - self.import_limit_kw


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices and what they have in common; ``step_h`` is the length of an interval."""

    engines: EngineArrays
    stores: StoreArrays
    system: System
    step_h: float

    @property
    def devices(self) -> int:
        """How many engines and stores there are."""
        return len(self.engines.up) + len(self.stores.keep)

    @property
    def count(self) -> int:
        """How many intervals there are."""
        return self.system.count


def engine_rows(engines: EngineArrays, rows: NDArray[np.int64]) -> EngineArrays:
    """The engines of some rows, in their order."""
    taken = {name: np.ascontiguousarray(array[rows]) for name, array in engines._asdict().items()}
    return EngineArrays(**taken)


def store_rows(stores: StoreArrays, rows: NDArray[np.int64]) -> StoreArrays:
    """The stores of some rows, in their order."""
    taken = {name: np.ascontiguousarray(array[rows]) for name, array in stores._asdict().items()}
    return StoreArrays(**taken)


def same(a: EngineArrays | StoreArrays, b: EngineArrays | StoreArrays) -> bool:
    """Whether two sets of devices are the same, figure by figure."""
    ones: list[NDArray[np.generic]] = list(a)
    others: list[NDArray[np.generic]] = list(b)
    return len(ones) == len(others) and all(
        one is other or np.array_equal(one, other) for one, other in zip(ones, others, strict=True)
    )
