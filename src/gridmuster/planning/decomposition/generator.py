"""Mixed fleets for benchmarks, made of a seed: no two devices alike, every figure repeatable.

Of a hundred devices 55 are engines, 35 stores and 10 sun or wind. Demand follows a day with two
peaks; the connection carries a sixth of it, at prices by the hour; engines have budgets of running
hours, and of fuel where asked for. Numbers come from a counter hashed with the seed (Steele, Lea,
Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the finaliser of splitmix64),
so that a fleet does not depend on a library's version.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.decomposition.fleet import (
    UNLIMITED,
    EngineArrays,
    Fleet,
    StoreArrays,
    System,
)
from gridmuster.planning.linear import Floats

#: Shares of engines and stores; the rest is sun and wind.
ENGINE_SHARE = 0.55
STORE_SHARE = 0.35
#: Hours in a day.
DAY_H = 24.0
#: Value of lost load and price of missing reserve, USD/kWh.
UNSERVED_USD = 8.0
RESERVE_USD = 1.6


@dataclass(frozen=True, slots=True)
class MixedFleet:
    """What to make.

    Args:
        devices: how many engines, stores, sun and wind together.
        intervals: how many intervals a day of 24 h has.
        seed: another number, another fleet.
        fuel_budgets: whether every engine's tank is limited.
    """

    devices: int
    intervals: int = 24
    seed: int = 1
    fuel_budgets: bool = False


class _Numbers:
    """Uniform numbers that depend on the seed, the name of the quantity and the device alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, stream: int, count: int, low: float = 0.0, high: float = 1.0) -> Floats:
        """``count`` numbers between ``low`` and ``high``."""
        with np.errstate(over="ignore"):
            key = np.uint64(self._seed * 1_000_003 + stream) * np.uint64(0x9E3779B97F4A7C15)
            bits = _mixed(np.arange(1, count + 1, dtype=np.uint64) + _mixed(np.array([key]))[0])
        share = (bits >> np.uint64(11)).astype(float) * 2.0**-53
        return low + (high - low) * share

    def spread(self, stream: int, count: int, low: float, high: float) -> Floats:
        """Numbers whose logarithms are uniform: as many small ones as large ones."""
        return np.exp(self.uniform(stream, count, np.log(low), np.log(high)))


def _mixed(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def generate(wanted: MixedFleet) -> Fleet:
    """Make a fleet.

    Args:
        wanted: how many devices of what kind.
    """
    engines = max(1, round(ENGINE_SHARE * wanted.devices))
    stores = round(STORE_SHARE * wanted.devices)
    numbers = _Numbers(wanted.seed)
    step_h = DAY_H / wanted.intervals
    made = _engines(numbers, engines, wanted, step_h)
    return Fleet(
        engines=made,
        stores=_stores(numbers, stores, step_h),
        system=_system(numbers, wanted, float(made.high_kw.sum())),
        step_h=step_h,
    )


def _engines(numbers: _Numbers, count: int, wanted: MixedFleet, step_h: float) -> EngineArrays:
    intervals = wanted.intervals
    high = numbers.spread(1, count, 60.0, 3000.0)
    low = high * numbers.uniform(2, count, 0.25, 0.45)
    # Gas engines for half of the energy, diesel sets for the rest: USD/kWh of the first segment.
    gas = numbers.uniform(3, count) < 0.5
    first = np.where(
        gas, numbers.uniform(4, count, 0.06, 0.15), numbers.uniform(5, count, 0.17, 0.32)
    )
    rise = numbers.uniform(6, count, 1.03, 1.15)[:, None] ** np.arange(3)[None, :]
    parts = np.array([0.5, 0.3, 0.2])[None, :] * high[:, None]
    fuel = np.where(gas, 0.22, 0.24)[:, None] * rise
    idle = numbers.uniform(7, count, 0.03, 0.09) * high
    hours = np.ceil(numbers.uniform(8, count, 0.3, 1.0) * intervals).astype(np.int32)
    up = np.ceil(numbers.uniform(9, count, 0.5, 6.0) / step_h).astype(np.int32)
    down = np.ceil(numbers.uniform(10, count, 0.5, 5.0) / step_h).astype(np.int32)
    on = numbers.uniform(11, count) < np.where(gas, 0.6, 0.15)
    lasted = np.ceil(numbers.uniform(12, count, 0.25, 10.0) / step_h)
    held = np.maximum(np.where(on, up, down) - lasted, 0).astype(np.int32)
    hourly_fuel = fuel[:, 0] * idle
    most = (hourly_fuel + (fuel * parts).sum(axis=1)) * DAY_H
    tank = numbers.uniform(13, count, 0.25, 0.9) * most
    return EngineArrays(
        low_kw=low[:, None],
        high_kw=high[:, None],
        bonus_usd=np.zeros((count, 1)),
        width_kw=parts,
        slope_usd=first[:, None] * rise,
        slope_fuel=fuel,
        hourly_usd=first * idle,
        hourly_fuel=hourly_fuel,
        start_usd=high * numbers.uniform(14, count, 0.02, 0.25),
        fuel=tank if wanted.fuel_budgets else np.full(count, np.inf),
        reach_kw=high.copy(),
        up=up,
        down=down,
        held=np.minimum(held, np.where(on, hours, intervals)).astype(np.int32),
        hours=hours,
        starts=np.full(count, UNLIMITED, dtype=np.int32),
        on_before=on.astype(np.uint8),
    )


def _stores(numbers: _Numbers, count: int, step_h: float) -> StoreArrays:
    power = numbers.spread(21, count, 30.0, 1500.0)
    # One in eight is a flywheel of minutes, the others are batteries of one to eight hours.
    flywheel = numbers.uniform(22, count) < 0.125
    lasts_h = np.where(
        flywheel, numbers.uniform(23, count, 0.25, 0.6), numbers.uniform(24, count, 1.0, 8.0)
    )
    energy = power * lasts_h
    loss = np.where(flywheel, numbers.uniform(25, count, 0.01, 0.05), 1e-4)
    return StoreArrays(
        charge_kw=(power * numbers.uniform(26, count, 0.6, 1.0))[:, None],
        discharge_kw=power[:, None],
        charge_efficiency=numbers.uniform(27, count, 0.88, 0.98),
        discharge_efficiency=numbers.uniform(28, count, 0.88, 0.98),
        keep=(1.0 - loss) ** step_h,
        min_kwh=np.where(flywheel, 0.0, energy * numbers.uniform(29, count, 0.0, 0.15)),
        max_kwh=energy,
        initial_kwh=energy * numbers.uniform(30, count, 0.2, 0.95),
        charge_usd=np.zeros(count),
        discharge_usd=np.where(flywheel, 0.001, numbers.uniform(31, count, 0.004, 0.04)),
        end_usd=numbers.uniform(32, count, 0.05, 0.12),
        end_min_kwh=np.where(flywheel, 0.0, energy * 0.2),
        end_penalty_usd=np.full(count, 0.5 * UNSERVED_USD),
        reserve=np.zeros(count, dtype=np.uint8),
    )


def _system(numbers: _Numbers, wanted: MixedFleet, engines_kw: float) -> System:
    count = wanted.intervals
    hour = (np.arange(count) + 0.5) * DAY_H / count
    noise = numbers.uniform(41, count, -0.03, 0.03)
    shape = 0.62 + 0.2 * np.exp(-(((hour - 9.0) / 2.5) ** 2))
    shape = shape + 0.38 * np.exp(-(((hour - 19.0) / 3.0) ** 2)) + noise
    demand = 0.75 * engines_kw * shape
    peak = float(demand.max())
    sun = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0) ** 1.5
    wind = 0.35 + 0.2 * np.sin(hour / DAY_H * 2.0 * np.pi + numbers.uniform(42, 1)[0] * 6.0)
    devices = max(1, wanted.devices // 10)
    rated = numbers.spread(43, devices, 30.0, 2000.0)
    sunny = numbers.uniform(44, devices) < 0.7
    available = np.stack([rated[sunny].sum() * sun, rated[~sunny].sum() * wind])
    price = 0.11 + 0.1 * np.exp(-(((hour - 19.0) / 3.0) ** 2)) - 0.03 * sun
    price = price + numbers.uniform(45, count, -0.01, 0.01)
    return System(
        demand_kw=demand,
        import_limit_kw=np.full(count, peak / 6.0),
        export_limit_kw=np.full(count, peak / 12.0),
        import_usd=price,
        export_usd=0.6 * price,
        reserve_kw=0.08 * demand,
        renewable_kw=available,
        renewable_usd=np.array([0.0, 0.001]),
        unserved_usd=UNSERVED_USD,
        surplus_usd=UNSERVED_USD,
        reserve_usd=RESERVE_USD,
        largest_kw=np.zeros(count),
    )
