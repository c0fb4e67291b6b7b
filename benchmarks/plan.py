"""How long a day's plan takes: random mixed fleets, 96 quarter hours, to a gap of 0.1 %.

Three kinds of fleet, each from a seed, all in one area. `towers`: nearly half the devices are sets
behind a transfer switch (output equal to their own load), on an evening peak above the import
limit. `feeder`: engines, fuel cells, stores, sun and wind that may all give what they like, on a
peak 10 to 25 % above the import limit. `weak_grid`: the same with a connection for only 30 to 70 %
of the peak, so that what runs, and the reserve for its largest unit, is decided all day long. That
is the hardest kind and beyond the bound; `python -m benchmarks.plan` shows it with the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gridmuster.planning.problem import (
    PlanArea,
    PlanLimits,
    PlanProblem,
    PlanRenewable,
    PlanStore,
    PlanUnit,
)
from gridmuster.planning.solve import solve

COUNT = 96
STEP_S = 900
HOURS = np.arange(COUNT) * STEP_S / 3600.0
GAP = 1e-3
TIME_LIMIT_S = 10.0

Random = np.random.Generator
Maker = Callable[[int, int], PlanProblem]


def run(plans: int = 12, seed: int = 1) -> list[dict[str, object]]:
    """Plan some fleets of each kind.

    Args:
        plans: how many fleets of each kind.
        seed: of the first fleet; the others follow.

    Returns:
        One row a kind: seconds, gaps, and how many were not proved to the gap in time.
    """
    kinds: tuple[tuple[str, Maker, int], ...] = (
        ("60 devices x 96, towers", towers, 60),
        ("130 devices x 96, towers", towers, 130),
        ("60 devices x 96, feeder", feeder, 60),
    )
    return [_measure(*kind, plans, seed) for kind in kinds]


def run_hard(plans: int = 8, seed: int = 1) -> list[dict[str, object]]:
    """The same for what the bound does not ask for: a weak connection.

    Args:
        plans: how many fleets.
        seed: of the first fleet; the others follow.
    """
    return [_measure("60 devices x 96, weak grid", weak_grid, 60, plans, seed)]


def _measure(name: str, make: Maker, devices: int, plans: int, seed: int) -> dict[str, object]:
    seconds, gaps, unproved = [], [], 0
    for number in range(plans):
        limits = PlanLimits(gap=GAP, time_limit_s=TIME_LIMIT_S)
        answer = solve(make(seed + number, devices), limits)
        seconds.append(answer.seconds)
        gaps.append(answer.gap)
        unproved += answer.status != "optimal"
    return {
        "benchmark": f"plan, {name}, gap {100 * GAP:g} %",
        "median_s": float(np.median(seconds)),
        "p90_s": float(np.quantile(seconds, 0.9)),
        "worst_s": max(seconds),
        "median_gap": float(np.median(gaps)),
        "worst_gap": max(gaps),
        "not_proved": unproved,
    }


def feeder(seed: int, devices: int) -> PlanProblem:
    """A mixed fleet on a feeder whose peak is somewhat above its import limit."""
    return _mixed(f"feeder-{seed}", np.random.default_rng(seed), devices, (0.75, 0.9), 1.8)


def weak_grid(seed: int, devices: int) -> PlanProblem:
    """A mixed fleet on a connection that carries only a part of the peak."""
    return _mixed(f"weak-grid-{seed}", np.random.default_rng(seed), devices, (0.3, 0.7), 0.9)


def _mixed(
    name: str, rng: Random, devices: int, import_share: tuple[float, float], peak_share: float
) -> PlanProblem:
    """Generators that may run at any output in their range, stores, sun and wind."""
    kinds = rng.choice(5, size=devices, p=[0.4, 0.15, 0.05, 0.2, 0.2])
    units, stores, renewables = [], [], []
    for number, kind in enumerate(kinds):
        if kind <= 2:
            units.append(_engine(rng, f"unit-{number}", int(kind)))
        elif kind == 3:
            stores.append(_store(rng, f"store-{number}"))
        else:
            renewables.append(_renewable(rng, f"sun-wind-{number}"))
    thermal_kw = sum(unit.max_kw[0] for unit in units)
    area = _area(rng, peak_kw=peak_share * thermal_kw, import_share=rng.uniform(*import_share))
    return PlanProblem(name, 0, STEP_S, COUNT, [area], units, stores, renewables)


def towers(seed: int, devices: int) -> PlanProblem:
    """A fleet like the demo's: mostly small sets that can only take over their own site's load."""
    rng = np.random.default_rng(seed)
    small = round(0.45 * devices)
    rest = devices - small
    units = [_tower(rng, f"tower-{number}") for number in range(small)]
    units += [_engine(rng, f"unit-{n}", int(rng.integers(0, 3))) for n in range(round(rest * 0.4))]
    stores = [_store(rng, f"store-{number}") for number in range(round(rest * 0.25))]
    left = devices - len(units) - len(stores)
    renewables = [_renewable(rng, f"sun-wind-{number}") for number in range(left)]
    thermal_kw = sum(max(unit.max_kw) for unit in units)
    peak_kw = 1.6 * thermal_kw
    area = _area(rng, peak_kw=peak_kw, import_share=rng.uniform(0.7, 0.85))
    return PlanProblem(f"towers-{seed}", 0, STEP_S, COUNT, [area], units, stores, renewables)


def _shape(rng: Random) -> np.ndarray:
    evening = np.exp(-(((HOURS - rng.uniform(18.5, 20.0)) / 2.5) ** 2))
    morning = np.exp(-(((HOURS - rng.uniform(7.5, 9.0)) / 2.0) ** 2))
    shape = 0.55 + 0.45 * evening + 0.2 * morning
    return np.asarray(shape * rng.normal(1.0, 0.01, COUNT) / shape.max())


def _price(rng: Random) -> np.ndarray:
    base = 0.035 + 0.03 * np.sin((HOURS - 10.0) / 24.0 * 2.0 * math.pi)
    spike = rng.uniform(0.05, 0.4) * np.exp(-(((HOURS - 19.0) / 1.2) ** 2))
    return np.asarray(base + spike + rng.normal(0.0, 0.004, COUNT))


def _area(rng: Random, peak_kw: float, import_share: float) -> PlanArea:
    price = _price(rng)
    return PlanArea(
        id="area",
        demand_kw=(peak_kw * _shape(rng)).tolist(),
        import_limit_kw=[import_share * peak_kw] * COUNT,
        export_limit_kw=[0.2 * peak_kw] * COUNT,
        import_price_usd_per_kwh=(price + 0.005).tolist(),
        export_price_usd_per_kwh=(price - 0.002).tolist(),
        reserve_kw=[0.02 * peak_kw] * COUNT,
        unserved_cost_usd_per_kwh=10.0,
    )


def _engine(rng: Random, name: str, kind: int) -> PlanUnit:
    """Kind 0: diesel, 1: gas engine or microturbine, 2: fuel cell."""
    rated_kw = float(rng.choice([50.0, 100.0, 150.0, 250.0, 400.0]) * rng.uniform(0.9, 1.1))
    usd, lhv = ((0.95, 9.95), (0.18, 9.6), (0.18, 9.6))[kind]
    slope = (0.25, 0.24, 0.17)[kind] * rng.uniform(0.95, 1.1)
    no_load = (0.04, 0.06, 0.03)[kind] * rated_kw
    om = (0.015, 0.02, 0.039)[kind]
    widths = [0.5 * rated_kw, 0.25 * rated_kw, 0.25 * rated_kw]
    fuel = [slope, 1.06 * slope, 1.15 * slope]
    on = bool(rng.random() < (0.05, 0.4, 0.9)[kind])
    return PlanUnit(
        id=name,
        area="area",
        device_type=("emergency_generator", "engine", "fuel_cell")[kind],
        min_kw=[0.3 * rated_kw] * COUNT,
        max_kw=[rated_kw] * COUNT,
        no_load_usd_per_h=usd * no_load,
        segment_kw=widths,
        segment_usd_per_kwh=[usd * one + om for one in fuel],
        no_load_fuel_per_h=no_load,
        segment_fuel_per_kwh=fuel,
        fuel_lhv_kwh_per_unit=lhv,
        start_cost_usd=(0.05, 0.06, 0.3)[kind] * rated_kw + 2.0,
        min_up_s=(1800.0, 3600.0, 14_400.0)[kind],
        min_down_s=(600.0, 1800.0, 14_400.0)[kind],
        initial_on=on,
        initial_s=float(rng.choice([600.0, 7200.0, 100_000.0])),
        initial_kw=0.6 * rated_kw if on else 0.0,
        ramp_kw_per_s=(0.05, 0.02, 0.001)[kind] * rated_kw,
        start_delay_s=(30.0, 120.0, 10_800.0)[kind],
        must_run=kind == 2 and bool(rng.random() < 0.5),
        run_h_left=float(rng.uniform(4.0, 80.0)) if kind == 0 else None,
        fuel_left=float(rated_kw * rng.uniform(1.0, 5.0)) if kind == 0 else None,
        starts_left=int(rng.integers(2, 7)),
        availability=0.995,
        fail_to_start=0.0094,
        mttf_h=1100.0,
        om_usd_per_kwh=om,
    )


def _tower(rng: Random, name: str) -> PlanUnit:
    rated_kw = float(rng.choice([20.0, 25.0, 40.0, 60.0]))
    own = rng.uniform(3.0, 15.0)
    load = own * (1.0 + 0.15 * np.sin((HOURS - rng.uniform(8.0, 11.0)) / 24.0 * 2.0 * math.pi))
    return PlanUnit(
        id=name,
        area="area",
        device_type="emergency_generator",
        min_kw=load.tolist(),
        max_kw=load.tolist(),
        no_load_usd_per_h=0.95 * 0.05 * rated_kw,
        segment_kw=[rated_kw],
        segment_usd_per_kwh=[0.95 * 0.26 + 0.015],
        no_load_fuel_per_h=0.05 * rated_kw,
        segment_fuel_per_kwh=[0.26],
        fuel_lhv_kwh_per_unit=9.95,
        start_cost_usd=0.05 * rated_kw + 1.0,
        min_up_s=1800.0,
        min_down_s=600.0,
        initial_on=False,
        initial_s=100_000.0,
        initial_kw=0.0,
        ramp_kw_per_s=0.05 * rated_kw,
        start_delay_s=30.0,
        run_h_left=float(rng.uniform(2.0, 80.0)),
        fuel_left=float(rated_kw * rng.uniform(1.0, 4.0)),
        starts_left=6,
        availability=0.995,
        fail_to_start=0.0094,
        mttf_h=1100.0,
        om_usd_per_kwh=0.015,
    )


def _store(rng: Random, name: str) -> PlanStore:
    rated_kw = float(rng.choice([20.0, 50.0, 100.0]))
    hours = float(rng.choice([0.1, 1.0, 2.0, 4.0]))
    wheel = hours < 0.5
    each_way = 0.922 if wheel else 0.948
    return PlanStore(
        id=name,
        area="area",
        device_type="flywheel" if wheel else "battery",
        charge_kw=[rated_kw] * COUNT,
        discharge_kw=[rated_kw] * COUNT,
        charge_efficiency=each_way,
        discharge_efficiency=each_way,
        self_discharge_per_h=0.1 if wheel else 0.00003,
        min_energy_kwh=0.0 if wheel else 0.2 * rated_kw * hours,
        max_energy_kwh=rated_kw * hours,
        initial_energy_kwh=float(rng.uniform(0.2, 1.0)) * rated_kw * hours,
        cycle_cost_usd_per_kwh=0.0 if wheel else 0.04,
        end_value_usd_per_kwh=0.04,
        availability=0.98,
    )


def _renewable(rng: Random, name: str) -> PlanRenewable:
    rated_kw = float(rng.choice([20.0, 50.0, 100.0, 200.0]))
    if rng.random() < 0.75:
        sun = np.maximum(0.0, np.sin((HOURS - 6.0) / 12.0 * math.pi))
        shape, kind, cost = sun * rng.uniform(0.4, 1.0), "photovoltaic", 0.0
    else:
        shape = np.clip(rng.uniform(0.1, 0.6) + 0.02 * rng.normal(size=COUNT).cumsum(), 0.0, 1.0)
        kind, cost = "wind_turbine", 0.005
    return PlanRenewable(name, "area", kind, (rated_kw * shape).tolist(), cost)


def main() -> None:
    """Print all kinds, the hard one too."""
    for row in (*run(), *run_hard()):
        print(", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
