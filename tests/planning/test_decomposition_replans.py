"""Plans from what the last plan knew, and the small exact model that polishes plans."""

from __future__ import annotations

from dataclasses import replace

import fleet_check
import pytest

from gridmuster.planning.decomposition.bounding import bound_of, fleet_bound
from gridmuster.planning.decomposition.fleet import Fleet
from gridmuster.planning.decomposition.generator import MixedFleet, generate
from gridmuster.planning.decomposition.pricing import Pricer, Workers
from gridmuster.planning.decomposition.solving import FleetAnswer, FleetLimits, solve_fleet

LIMITS = FleetLimits(gap=0.012, time_limit_s=60.0, threads=1)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return generate(MixedFleet(400, 24, 12, True))


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> FleetAnswer:
    return solve_fleet(fleet, LIMITS)


def with_demand(fleet: Fleet, factor: float) -> Fleet:
    system = replace(
        fleet.system,
        demand_kw=factor * fleet.system.demand_kw,
        reserve_kw=factor * fleet.system.reserve_kw,
    )
    return replace(fleet, system=system)


@pytest.mark.parametrize("factor", [0.9, 1.02])
def test_a_plan_from_what_the_last_one_knew_is_as_good_and_asks_less(
    fleet: Fleet, before: FleetAnswer, factor: float
) -> None:
    changed = with_demand(fleet, factor)
    warm, cold = solve_fleet(changed, LIMITS, previous=before), solve_fleet(changed, LIMITS)
    assert fleet_check.faults(changed, warm.plan) == []
    assert warm.gap <= LIMITS.gap
    assert warm.bound_usd <= cold.plan.cost_usd
    assert cold.bound_usd <= warm.plan.cost_usd
    assert warm.passes < cold.passes


def test_what_devices_answered_before_bounds_another_demand_as_if_asked_again(
    fleet: Fleet, before: FleetAnswer
) -> None:
    changed = with_demand(fleet, 1.1)
    workers = Workers(1)
    order = replace(
        before.memory.order, fleet=replace(before.memory.order.fleet, system=changed.system)
    )
    for one in before.memory.asked[::7]:
        asked, _ = fleet_bound(Pricer(order, workers), changed.system, one.prices)
        assert bound_of(one.answers, changed.system, one.prices, changed.step_h) == asked


def test_answers_of_other_devices_are_not_used(fleet: Fleet, before: FleetAnswer) -> None:
    tanks = fleet.engines.fuel.copy()
    tanks[3] *= 0.5
    changed = replace(fleet, engines=fleet.engines._replace(fuel=tanks))
    assert before.memory.fits(with_demand(fleet, 1.1))
    assert not before.memory.fits(changed)
    assert not before.memory.fits(replace(fleet, step_h=0.5))
    answer = solve_fleet(changed, LIMITS, previous=before)
    assert fleet_check.faults(changed, answer.plan) == []
    assert answer.gap <= LIMITS.gap


def test_the_largest_engine_is_secured_while_engines_choose_anew() -> None:
    made = generate(MixedFleet(150, 12, 5))
    secured = replace(made, system=replace(made.system, secures_largest=True))
    answer = solve_fleet(secured, replace(LIMITS, gap=2e-4, time_limit_s=1.5))
    assert fleet_check.faults(secured, answer.plan) == []
    assert answer.bound_usd <= answer.plan.cost_usd
    loose = solve_fleet(made, replace(LIMITS, gap=2e-4, time_limit_s=1.5))
    assert loose.bound_usd <= answer.plan.cost_usd, "securing more is never cheaper"
