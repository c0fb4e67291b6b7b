"""What must not matter: the order of things, the unit of money and of power, who is who."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_cases import area, problem, store, sun, unit

from gridmuster.planning import PlanLimits, PlanProblem, PlanUnit, solve
from gridmuster.planning.checker import violations
from gridmuster.planning.problem import StartClass

COUNT = 4
EXACT = PlanLimits(gap=0.0, time_limit_s=30.0)


def tenths(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 1))


@st.composite
def cases(draw: st.DrawFn) -> PlanProblem:
    """A few sets, some of them twins, a store and the sun in one area, with any prices."""
    units = []
    for number in range(draw(st.integers(1, 2))):
        fields = {
            "max_kw": draw(tenths(60.0, 100.0)),
            "no_load_usd_per_h": draw(tenths(0.0, 9.0)),
            "start_cost_usd": draw(tenths(0.0, 9.0)),
            "start_classes": draw(st.sampled_from([[], [StartClass(1800.0, 12.0)]])),
            "min_up_s": draw(st.sampled_from([900.0, 1800.0, 36_000.0])),
            "must_run": draw(st.sampled_from([False, False, True])),
            "initial_on": draw(st.booleans()),
            "run_h_left": draw(st.sampled_from([None, None, 0.5])),
        }
        units += [
            unit(f"u{number}-{twin}", COUNT, **fields) for twin in range(draw(st.integers(1, 2)))
        ]
    prices = draw(
        st.lists(st.sampled_from([-0.1, 0.05, 0.25, 0.6]), min_size=COUNT, max_size=COUNT)
    )
    here = area(
        COUNT,
        draw(st.lists(tenths(0.0, 300.0), min_size=COUNT, max_size=COUNT)),
        import_limit_kw=draw(st.sampled_from([0.0, 80.0])),
        export_limit_kw=draw(st.sampled_from([0.0, 50.0])),
        import_price_usd_per_kwh=prices,
        export_price_usd_per_kwh=[price - 0.02 for price in prices],
        reserve_kw=draw(st.sampled_from([0.0, 15.0])),
    )
    empty = store("store", COUNT, initial_energy_kwh=draw(st.sampled_from([0.0, 60.0])))
    panels = sun("sun", [draw(tenths(0.0, 60.0)) for _ in range(COUNT)])
    return problem(here, units, draw(st.sampled_from([[], [empty]])), [panels])


def optimum(case: PlanProblem) -> float:
    plan = solve(case, EXACT)
    assert violations(case, plan) == []
    assert plan.lower_bound_usd <= plan.objective_usd + 1e-6
    return plan.objective_usd


def in_money(one: PlanUnit, factor: float) -> PlanUnit:
    return msgspec.structs.replace(
        one,
        no_load_usd_per_h=one.no_load_usd_per_h * factor,
        segment_usd_per_kwh=[usd * factor for usd in one.segment_usd_per_kwh],
        start_cost_usd=one.start_cost_usd * factor,
        start_classes=[StartClass(c.off_s, c.cost_usd * factor) for c in one.start_classes],
    )


def other_money(case: PlanProblem, factor: float) -> PlanProblem:
    """The same question with prices in another currency."""
    one = case.areas[0]
    here = msgspec.structs.replace(
        one,
        import_price_usd_per_kwh=[p * factor for p in one.import_price_usd_per_kwh],
        export_price_usd_per_kwh=[p * factor for p in one.export_price_usd_per_kwh],
        unserved_cost_usd_per_kwh=one.unserved_cost_usd_per_kwh * factor,
    )
    return msgspec.structs.replace(
        case, areas=[here], units=[in_money(one, factor) for one in case.units]
    )


def other_power(case: PlanProblem, factor: float) -> PlanProblem:
    """The same question with every power and energy larger and every kWh as much cheaper."""
    one = other_money(case, 1.0 / factor).areas[0]
    here = msgspec.structs.replace(
        one,
        **{
            name: [kw * factor for kw in getattr(one, name)]
            for name in ("demand_kw", "import_limit_kw", "export_limit_kw", "reserve_kw")
        },
    )
    units = [
        msgspec.structs.replace(
            own,
            min_kw=[kw * factor for kw in own.min_kw],
            max_kw=[kw * factor for kw in own.max_kw],
            segment_kw=[kw * factor for kw in own.segment_kw],
            segment_usd_per_kwh=[usd / factor for usd in own.segment_usd_per_kwh],
            segment_fuel_per_kwh=[fuel / factor for fuel in own.segment_fuel_per_kwh],
            fuel_lhv_kwh_per_unit=own.fuel_lhv_kwh_per_unit * factor,
            initial_kw=own.initial_kw * factor,
            ramp_kw_per_s=own.ramp_kw_per_s * factor,
        )
        for own in case.units
    ]
    stores = [
        msgspec.structs.replace(
            own,
            charge_kw=[kw * factor for kw in own.charge_kw],
            discharge_kw=[kw * factor for kw in own.discharge_kw],
            max_energy_kwh=own.max_energy_kwh * factor,
            initial_energy_kwh=own.initial_energy_kwh * factor,
        )
        for own in case.stores
    ]
    suns = [
        msgspec.structs.replace(own, available_kw=[kw * factor for kw in own.available_kw])
        for own in case.renewables
    ]
    return msgspec.structs.replace(case, areas=[here], units=units, stores=stores, renewables=suns)


@settings(max_examples=25)
@given(cases(), st.randoms(use_true_random=False))
def test_order_names_and_units_of_measure_do_not_matter(case: PlanProblem, dice: object) -> None:
    usd = optimum(case)
    near = pytest.approx(usd, rel=1e-5, abs=0.02)
    units = [msgspec.structs.replace(one, id=f"x-{one.id}") for one in case.units]
    dice.shuffle(units)
    assert optimum(msgspec.structs.replace(case, units=units)) == near
    assert 0.25 * optimum(other_money(case, 4.0)) == near
    assert optimum(other_power(case, 8.0)) == near


@settings(max_examples=15)
@given(cases(), st.integers(0, COUNT - 1))
def test_one_interval_alone_and_one_device_alone(case: PlanProblem, which: int) -> None:
    """T = 1 and N = 1 of anything: a plan that keeps every limit, with its bound below it."""
    one = case.areas[0]
    cut = msgspec.structs.replace(
        one,
        **{
            name: getattr(one, name)[which : which + 1]
            for name in one.__struct_fields__
            if isinstance(getattr(one, name), list)
        },
    )
    units = [
        msgspec.structs.replace(own, min_kw=own.min_kw[:1], max_kw=own.max_kw[:1])
        for own in case.units
    ]
    assert optimum(problem(cut, units)) < float("inf")
    assert optimum(msgspec.structs.replace(case, units=case.units[:1], stores=[])) < float("inf")
