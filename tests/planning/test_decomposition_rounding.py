"""The bound's allowance for rounding against exact arithmetic; plans from earlier prices."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import fleet_check
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.planning.decomposition.bounding import ROUNDING, fleet_bound
from gridmuster.planning.decomposition.fleet import EngineArrays, Fleet, engine_rows, store_rows
from gridmuster.planning.decomposition.generator import MixedFleet, generate
from gridmuster.planning.decomposition.pricing import Pricer, Workers, ordered
from gridmuster.planning.decomposition.solving import FleetLimits, solve_fleet
from gridmuster.planning.decomposition.system import Prices, clipped

NOTHING = Fraction(0)


def exact(value: object) -> Fraction:
    return Fraction(float(value))  # type: ignore[arg-type]


def along(widths, slopes, power: Fraction) -> Fraction:
    total = NOTHING
    for j, (width, slope) in enumerate(zip(widths, slopes, strict=True)):
        used = power if j == len(widths) - 1 else min(power, exact(width))
        total += exact(slope) * used
        power -= used
    return total


def on_usd(e: EngineArrays, i: int, energy: Fraction, reserve: Fraction) -> Fraction:
    """Least cost less earnings of an hour on: at an end of a segment, or at the headroom's knee."""
    low, high, reach = exact(e.low_kw[i, 0]), exact(e.high_kw[i, 0]), exact(e.reach_kw[i])
    edges = itertools.accumulate(exact(width) for width in e.width_kw[i])
    powers = {low, high, max(low, high - reach), *(x for x in edges if low < x < high)}
    return min(
        exact(e.hourly_usd[i])
        + along(e.width_kw[i], e.slope_usd[i], power)
        - energy * power
        - reserve * min(high - power, reach)
        for power in powers
    )


def best_usd(fleet: Fleet, i: int, prices: Prices) -> Fraction:
    """Least cost less earnings of an engine, by trying every on and off."""
    e, step_h, count = fleet.engines, exact(fleet.step_h), fleet.count
    gains = [
        on_usd(e, i, exact(energy), exact(reserve)) * step_h - exact(e.bonus_usd[i, 0])
        for energy, reserve in zip(prices.energy, prices.reserve, strict=True)
    ]
    found = []
    for on in itertools.product((0, 1), repeat=count):
        if fleet_check.allowed(fleet, i, on):
            before = (int(e.on_before[i]), *on[:-1])
            starts = sum(now > then for now, then in zip(on, before, strict=True))
            spent = sum((g for g, value in zip(gains, on, strict=True) if value), NOTHING)
            found.append(spent + starts * exact(e.start_usd[i]))
    return min(found)


def system_usd(fleet: Fleet, prices: Prices) -> Fraction:
    system, total = fleet.system, NOTHING
    for t in range(fleet.count):
        energy, reserve = exact(prices.energy[t]), exact(prices.reserve[t])
        demand, most_in = exact(system.demand_kw[t]), exact(system.import_limit_kw[t])
        need = exact(system.reserve_kw[t]) + exact(system.largest_kw[t]) - most_in
        total += energy * demand + reserve * need
        total += most_in * min(NOTHING, exact(system.import_usd[t]) - energy + reserve)
        sold = energy - exact(system.export_usd[t]) - reserve
        total += exact(system.export_limit_kw[t]) * min(NOTHING, sold)
        total += max(demand, NOTHING) * min(NOTHING, exact(system.unserved_usd) - energy)
        for kw, usd in zip(system.renewable_kw[:, t], system.renewable_usd, strict=True):
            total += exact(kw) * min(NOTHING, exact(usd) - energy)
    return total * exact(fleet.step_h)


@settings(max_examples=25)
@given(
    st.integers(0, 10_000),
    st.lists(st.floats(-8.0, 8.0) | st.floats(0.05, 0.4), min_size=5, max_size=5),
    st.sampled_from([1.0, 1e-6, 1e6]),
)
def test_what_is_taken_off_the_bound_covers_its_rounding_and_little_more(
    seed: int, levels: list[float], size: float
) -> None:
    made = generate(MixedFleet(8, 5, seed))
    none = np.zeros(0, dtype=np.int64)
    engines = engine_rows(made.engines, np.arange(3))
    scaled = {
        name: getattr(engines, name) * size
        for name in (
            *("low_kw", "high_kw", "width_kw", "hourly_usd", "hourly_fuel", "fuel"),
            *("start_usd", "reach_kw"),
        )
    }
    system = replace(
        made.system,
        demand_kw=made.system.demand_kw * size,
        reserve_kw=made.system.reserve_kw * size,
        renewable_kw=made.system.renewable_kw * size,
    )
    fleet = Fleet(engines._replace(**scaled), store_rows(made.stores, none), system, made.step_h)
    prices = clipped(system, Prices(np.array(levels), np.abs(np.array(levels[::-1])) * 0.3))
    workers = Workers(1)
    asks = Pricer(ordered(fleet, 2, 1), workers)
    bound, answers = fleet_bound(asks, system, prices)
    true = system_usd(fleet, prices) + sum((best_usd(fleet, i, prices) for i in range(3)), NOTHING)
    assert exact(bound) <= true
    terms = (
        answers.magnitude_usd
        + float(abs(true))
        + float(np.abs(prices.energy).sum())
        * float(np.abs(system.demand_kw).sum() + system.import_limit_kw.sum())
        * made.step_h
        * 10.0
    )
    assert true - exact(bound) <= exact(2.0 * ROUNDING * terms)


def test_plans_from_earlier_prices_are_proven_as_well() -> None:
    fleet = generate(MixedFleet(600, 24, 3))
    limits = FleetLimits(gap=2e-3, time_limit_s=20.0, threads=1)
    before = solve_fleet(fleet, limits)
    system = replace(fleet.system, demand_kw=1.02 * fleet.system.demand_kw)
    changed = replace(fleet, system=system)
    again, cold = solve_fleet(changed, limits, first=before.prices), solve_fleet(changed, limits)
    assert fleet_check.faults(changed, again.plan) == []
    assert again.gap <= limits.gap
    assert again.bound_usd <= cold.plan.cost_usd
    assert cold.bound_usd <= again.plan.cost_usd
    assert again.passes <= cold.passes
