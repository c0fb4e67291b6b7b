"""Oracles of the decomposition against brute force; its plans against a checker of their own."""

from __future__ import annotations

import itertools

import fleet_check
import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.errors import PlanningError
from gridmuster.planning.decomposition.answer_kernels import engine_answers
from gridmuster.planning.decomposition.bounding import fleet_bound, proven
from gridmuster.planning.decomposition.fleet import Fleet, engine_rows
from gridmuster.planning.decomposition.generator import MixedFleet, generate
from gridmuster.planning.decomposition.pricing import Pricer, Workers, ordered, unpacked
from gridmuster.planning.decomposition.solving import FleetLimits, solve_fleet
from gridmuster.planning.decomposition.store_kernels import store_answers
from gridmuster.planning.decomposition.system import Prices


def answers(fleet: Fleet, energy, reserve):
    """Sums, totals and on-off of a fleet's engines at prices."""
    count, engines = len(energy), len(fleet.engines.up)
    sums, totals = np.zeros((2, count)), np.zeros(3)
    marks = np.zeros((engines, (count + 7) // 8), dtype=np.uint8)
    engine_answers(fleet.engines, 0, engines, energy, reserve, fleet.step_h, sums, totals, marks)
    return sums, totals, unpacked(marks, count)


def best_output_usd(fleet: Fleet, i: int, on, energy, reserve) -> float:
    """Least cost less earnings of an on-off sequence, by a linear programme of its segments."""
    e, step_h = fleet.engines, fleet.step_h
    worths, burns, rooms, base, least = [], [], [], 0.0, []
    for t, value in enumerate(on):
        low, high = float(e.low_kw[i, 0]) * value, float(e.high_kw[i, 0])
        least.append(low)
        if not value:
            continue
        reach = min(high - low, float(e.reach_kw[i]))
        base -= (energy[t] * low + reserve[t] * reach) * step_h
        edges = [0.0, *np.cumsum(e.width_kw[i])]
        edges[-1] = high
        for j in range(e.width_kw.shape[1]):
            for lower, upper, paid in ((low, high - reach, 0.0), (high - reach, high, reserve[t])):
                room = min(edges[j + 1], upper) - max(edges[j], lower)
                if room > 0.0:
                    worths.append(float(e.slope_usd[i, j]) - energy[t] + paid)
                    burns.append(float(e.slope_fuel[i, j]))
                    rooms.append(room)
    base += fleet_check.engine_usd(fleet, i, on, least)
    tank = float(e.fuel[i]) - fleet_check.fuel(fleet, i, on, least)
    if tank < 0.0:
        return np.inf
    order = sorted(range(len(worths)), key=lambda k: worths[k] / burns[k])
    for k in order:
        if worths[k] < 0.0:
            taken = min(rooms[k], tank / (burns[k] * step_h))
            base += worths[k] * taken * step_h
            tank -= taken * burns[k] * step_h
    return base


price_lists = st.lists(st.floats(-0.1, 0.5), min_size=7, max_size=7)


@settings(max_examples=60)
@given(st.integers(0, 10_000), price_lists, st.booleans(), st.integers(1, 7))
def test_engines_answer_as_brute_force_does(
    seed: int, prices: list[float], tanks: bool, count: int
) -> None:
    fleet = generate(MixedFleet(8, count, seed, tanks))
    # Days of a few long intervals, hours as short as their least times: shrink the times too.
    quick = fleet.engines._replace(
        up=np.minimum(fleet.engines.up, 3).astype(np.int32),
        held=np.minimum(fleet.engines.held, fleet.engines.hours).astype(np.int32),
    )
    energy = np.array(prices[:count])
    reserve = np.abs(np.array(prices[::-1][:count])) * 0.2
    for i in range(len(quick.up)):
        one = Fleet(engine_rows(quick, np.array([i])), fleet.stores, fleet.system, fleet.step_h)
        _, totals, on_off = answers(one, energy, reserve)
        best = min(
            best_output_usd(one, 0, on, energy, reserve)
            for on in itertools.product((0, 1), repeat=count)
            if fleet_check.allowed(one, 0, on)
        )
        size = max(1.0, totals[2])
        assert totals[1] <= best + 1e-9 * size
        assert totals[0] >= best - 1e-6 * size
        if not tanks:
            assert totals[0] == pytest.approx(best, abs=1e-9 * size)
        assert fleet_check.allowed(one, 0, on_off[0].tolist())


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.lists(st.floats(-0.05, 0.5), min_size=6, max_size=6))
def test_stores_answer_as_a_linear_programme_does(seed: int, prices: list[float]) -> None:
    count = len(prices)
    fleet = generate(MixedFleet(12, count, seed))
    stores, step_h = fleet.stores, fleet.step_h
    energy, nothing = np.array(prices), np.zeros(count)
    for i in range(len(stores.keep)):
        sums, totals = np.zeros((2, count)), np.zeros(3)
        store_answers(stores, i, i + 1, energy, nothing, step_h, sums, totals)
        best = store_programme(stores, i, energy, step_h)
        # A programme may charge and discharge at once where energy is worth less than nothing.
        if energy.min() >= 0.0:
            assert totals[0] == pytest.approx(best, abs=1e-6 * max(1.0, totals[2]))
        assert totals[1] <= totals[0] + 1e-9
        assert totals[0] >= best - 1e-6 * max(1.0, totals[2])


def store_programme(stores, i: int, energy, step_h: float) -> float:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    level = solver.addVariable(lb=float(stores.initial_kwh[i]), ub=float(stores.initial_kwh[i]))
    cost = 0.0
    for price in energy:
        charge = solver.addVariable(lb=0.0, ub=float(stores.charge_kw[i, 0]))
        give = solver.addVariable(lb=0.0, ub=float(stores.discharge_kw[i, 0]))
        after = solver.addVariable(lb=float(stores.min_kwh[i]), ub=float(stores.max_kwh[i]))
        into, out = float(stores.charge_efficiency[i]), 1.0 / float(stores.discharge_efficiency[i])
        kept = float(stores.keep[i]) * level
        solver.addConstr(after == kept + into * step_h * charge - out * step_h * give)
        cost += (float(price) + float(stores.charge_usd[i])) * step_h * charge
        cost += (float(stores.discharge_usd[i]) - float(price)) * step_h * give
        level = after
    short = solver.addVariable(lb=0.0)
    solver.addConstr(short + level >= float(stores.end_min_kwh[i]))
    solver.minimize(
        cost + float(stores.end_penalty_usd[i]) * short - float(stores.end_usd[i]) * level
    )
    return float(solver.getInfo().objective_function_value)


@pytest.mark.parametrize(
    ("devices", "intervals", "seed", "tanks", "gap"),
    [
        (1, 1, 1, False, 1.0),
        (3, 24, 2, True, 1.0),
        (40, 24, 3, False, 0.2),
        (60, 12, 4, True, 0.05),
        (400, 24, 5, False, 0.005),
        (400, 24, 6, True, 0.005),
        (300, 24, 1, True, 0.005),
        (300, 96, 7, True, 0.01),
    ],
)
def test_plans_of_mixed_fleets_are_feasible_and_cost_what_is_said(
    devices: int, intervals: int, seed: int, tanks: bool, gap: float
) -> None:
    fleet = generate(MixedFleet(devices, intervals, seed, tanks))
    answer = solve_fleet(fleet, FleetLimits(gap=gap, time_limit_s=60.0, threads=1))
    assert fleet_check.faults(fleet, answer.plan) == []
    assert answer.bound_usd <= answer.plan.cost_usd
    assert answer.gap <= gap


def test_a_bound_that_its_own_plan_disproves_is_not_handed_out() -> None:
    assert proven(99.0, 100.0) == 99.0
    assert proven(100.0 + 1e-8, 100.0) == 100.0, "rounding"
    with pytest.raises(PlanningError, match="neither can be trusted"):
        proven(100.001, 100.0)


def test_the_bound_at_given_prices_does_not_depend_on_threads_groups_or_order() -> None:
    fleet = generate(MixedFleet(500, 24, 9, True))
    prices = Prices(np.full(24, 0.2), np.full(24, 0.02))
    turned = Fleet(
        engine_rows(fleet.engines, np.arange(len(fleet.engines.up))[::-1]),
        fleet.stores,
        fleet.system,
        fleet.step_h,
    )
    found = []
    for one, groups, threads in ((fleet, 10, 1), (fleet, 10, 2), (fleet, 3, 1), (turned, 10, 1)):
        workers = Workers(threads)
        found.append(fleet_bound(Pricer(ordered(one, groups, 4), workers), one.system, prices)[0])
        workers.close()
    assert found[0] == found[1]
    assert found == pytest.approx([found[0]] * 4, rel=1e-12)


def test_the_same_fleet_gives_the_same_plan() -> None:
    fleet = generate(MixedFleet(200, 24, 11))
    costs = {
        solve_fleet(fleet, FleetLimits(gap=0.01, threads=threads)).plan.cost_usd
        for threads in (1, 2, 1)
    }
    assert len(costs) == 1
