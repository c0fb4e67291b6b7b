"""The four objectives: read from text, told apart in plans, each best by its own figure."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_cases import area, problem, store, sun, unit

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, Weights, solve
from gridmuster.planning.adequacy import TwoState, outage_table
from gridmuster.planning.checker import violations
from gridmuster.planning.figures import Figures, figures
from gridmuster.planning.objectives import (
    NAMES,
    costs,
    describe,
    headroom_steps,
    parse,
    reference_usd_per_kwh,
)

LIMITS = PlanLimits(gap=1e-4, time_limit_s=60.0)
COUNT = 24


def fleet(objective: str = "operating-expense", **changes: object) -> PlanProblem:
    """A cheap dirty engine, a dear efficient fuel cell, an unreliable and a reliable set."""
    hours = [t / 4.0 for t in range(COUNT)]
    demand = [260.0 + 120.0 * (8 <= t < 18) for t in range(COUNT)]
    prices = [0.05 if hour < 2.0 else 0.12 if hour < 4.5 else 0.35 for hour in hours]
    engine = {"initial_on": True, "initial_kw": 30.0, "ramp_kw_per_s": 10.0}
    units = [
        unit(
            "cheap",
            COUNT,
            segment_usd_per_kwh=[0.09, 0.1],
            no_load_usd_per_h=1.0,
            segment_fuel_per_kwh=[0.30, 0.31],
            no_load_fuel_per_h=6.0,
            **engine,
        ),
        unit(
            "efficient",
            COUNT,
            segment_usd_per_kwh=[0.2, 0.21],
            no_load_usd_per_h=1.0,
            segment_fuel_per_kwh=[0.17, 0.18],
            no_load_fuel_per_h=0.5,
        ),
        unit("shaky", COUNT, fail_to_start=0.2, mttf_h=50.0, availability=0.9),
        unit("steady", COUNT, segment_usd_per_kwh=[0.24, 0.34], mttf_h=5_000.0),
    ]
    return problem(
        area(
            COUNT,
            demand,
            import_limit_kw=320.0,
            export_limit_kw=100.0,
            import_price_usd_per_kwh=prices,
            export_price_usd_per_kwh=[0.9 * price for price in prices],
        ),
        [msgspec.structs.replace(one, availability=min(one.availability, 0.99)) for one in units],
        [store("store", COUNT, end_value_usd_per_kwh=0.08, cycle_cost_usd_per_kwh=0.02)],
        [sun("sun", [40.0] * COUNT)],
        weights=parse(objective),
        **changes,
    )


def planned(case: PlanProblem) -> PlanSolution:
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert answer.status == "optimal"
    return answer


@pytest.fixture(scope="module")
def plans() -> dict[str, PlanSolution]:
    return {name: planned(fleet(name)) for name in NAMES}


FIGURE = {
    "operating-expense": lambda found: found.operating_expense_usd,
    "production-cost": lambda found: found.production_cost_usd,
    "efficiency": lambda found: found.primary_kwh,
    "reliability": lambda found: found.expected_unserved_kwh,
}


def test_each_objective_is_best_by_its_own_figure(plans: dict[str, PlanSolution]) -> None:
    found: dict[str, Figures] = {name: figures(fleet(name), plan) for name, plan in plans.items()}
    for name, figure in FIGURE.items():
        own = figure(found[name])
        for other in NAMES:
            slack = 3e-4 * abs(own) + 1e-6
            assert own <= figure(found[other]) + slack, (name, other, own, figure(found[other]))


def test_the_four_plans_differ(plans: dict[str, PlanSolution]) -> None:
    for one, other in itertools.combinations(NAMES, 2):
        assert plans[one].power_kw != plans[other].power_kw, (one, other)


def test_the_plans_do_what_their_names_say(plans: dict[str, PlanSolution]) -> None:
    def kwh(objective: str, device: str) -> float:
        return sum(plans[objective].power_kw[device]) / 4.0

    assert kwh("efficiency", "efficient") > kwh("operating-expense", "efficient") + 50.0
    assert kwh("operating-expense", "cheap") > kwh("efficiency", "cheap") + 50.0
    # Production cost does not trade: it sells nothing that it would have to make.
    assert sum(plans["production-cost"].export_kw["area"]) < 1.0
    assert sum(plans["operating-expense"].export_kw["area"]) > 20.0
    on = {name: sum(plans["reliability"].commitment[name]) for name in ("shaky", "steady")}
    assert on["steady"] > 0
    assert plans["reliability"].eens_kwh < 0.5 * plans["operating-expense"].eens_kwh + 1e-9


def test_a_pure_objective_breaks_ties_by_money() -> None:
    case = fleet("efficiency")
    answer = planned(case)
    # The sun costs nothing and earns something: none of it is thrown away.
    assert answer.power_kw["sun"] == [40.0] * COUNT


def test_a_blend_lies_between_its_ends(plans: dict[str, PlanSolution]) -> None:
    case = fleet("operating-expense:0.5,efficiency:0.5")
    answer = planned(case)
    found = figures(case, answer)
    money = figures(case, plans["operating-expense"])
    primary = figures(case, plans["efficiency"])
    slack = 1e-3 * abs(money.operating_expense_usd)
    assert money.operating_expense_usd - slack <= found.operating_expense_usd
    assert found.operating_expense_usd <= primary.operating_expense_usd + slack
    assert primary.primary_kwh - 1.0 <= found.primary_kwh <= money.primary_kwh + 1.0


def test_a_device_and_an_area_may_have_their_own_objective() -> None:
    plain = costs(fleet("operating-expense"))
    own = costs(fleet("operating-expense", objectives={"cheap": parse("efficiency")}))
    assert own.units[0] != plain.units[0]
    assert own.units[1].hourly_usd == plain.units[1].hourly_usd
    whole = costs(fleet("operating-expense", objectives={"area": parse("efficiency")}))
    assert whole.units[1].hourly_usd != plain.units[1].hourly_usd
    both = fleet(
        "operating-expense",
        objectives={"area": parse("efficiency"), "cheap": parse("operating-expense")},
    )
    assert costs(both).units[0].hourly_usd == plain.units[0].hourly_usd
    assert planned(both).status == "optimal"


def test_the_reference_price_has_a_floor_and_needs_a_connection() -> None:
    assert reference_usd_per_kwh(problem(area(2, 1.0))) == 0.05
    case = problem(area(2, 1.0, import_limit_kw=5.0, import_price_usd_per_kwh=[0.1, 0.3]))
    assert reference_usd_per_kwh(case) == pytest.approx(0.2)


def test_headroom_steps_are_the_chords_of_expected_loss() -> None:
    units = [
        unit("a", 1, max_kw=100.0, availability=0.9),
        unit("b", 1, max_kw=50.0, availability=0.8),
    ]
    units = [msgspec.structs.replace(one, mttf_h=1e12) for one in units]
    steps = headroom_steps(units)
    table = outage_table([TwoState(100.0, 0.9), TwoState(50.0, 0.8)], step_kw=0.15)
    worth = [odds for _, odds in steps]
    assert worth == sorted(worth, reverse=True)
    # All headroom together spares all that could be lost.
    spared = sum(width * odds for width, odds in steps)
    assert spared == pytest.approx(table.unserved_kw(150.0), rel=1e-2)
    assert spared == pytest.approx(0.1 * 100.0 + 0.2 * 50.0, rel=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_as_one_weight(name: str) -> None:
    weights = parse(f" {name} ")
    assert getattr(weights, NAMES[name]) == 1.0
    assert describe(weights) == name


def test_a_blend_is_read_and_scaled_to_one() -> None:
    weights = parse("operating-expense:7, efficiency:3")
    assert weights == Weights(0.7, 0.0, 0.3, 0.0)
    assert describe(weights) == "operating-expense:0.7,efficiency:0.3"


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), st.floats(0.01, 100.0), min_size=2))
def test_what_is_described_is_read_back(blend: dict[str, float]) -> None:
    weights = parse(",".join(f"{name}:{value}" for name, value in blend.items()))
    total = sum(getattr(weights, field) for field in NAMES.values())
    assert total == pytest.approx(1.0)
    again = parse(describe(weights))
    for field in NAMES.values():
        assert getattr(again, field) == pytest.approx(getattr(weights, field), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profit", ["'profit'", "operating-expense", "reliability"]),
        ("", ["''", "expected one of"]),
        ("efficiency:0", ["'0'", "above 0"]),
        ("efficiency:-1,reliability:2", ["'-1'", "above 0"]),
        ("efficiency:x", ["'x'", "number"]),
        ("efficiency:nan", ["'nan'", "number"]),
        ("efficiency:1,efficiency:2", ["appears twice"]),
        ("efficiency,reliability", ["needs a weight"]),
    ],
)
def test_a_wrong_objective_says_what_is_expected(text: str, words: list[str]) -> None:
    with pytest.raises(PlanningError) as error:
        parse(text)
    for word in words:
        assert word in str(error.value)
