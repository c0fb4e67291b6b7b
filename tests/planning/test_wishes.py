"""A plan is always there, keeps every limit, and names what it cannot meet."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_cases import area, problem, store, sun, unit

from gridmuster.errors import PlanningError
from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, ShortfallKind, solve
from gridmuster.planning.checker import violations

LIMITS = PlanLimits(gap=1e-3, time_limit_s=30.0)
NO_TIME = PlanLimits(gap=1e-3, time_limit_s=0.0)


def kinds(answer: PlanSolution) -> set[ShortfallKind]:
    return {one.kind for one in answer.shortfalls}


def quantity(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 2))


def series(low: float, high: float, count: int) -> st.SearchStrategy[list[float]]:
    return st.lists(quantity(low, high), min_size=count, max_size=count)


@st.composite
def messy_units(draw: st.DrawFn, count: int, areas: list[str]) -> list:
    units = []
    for number in range(draw(st.integers(0, 4))):
        high = draw(quantity(10.0, 150.0))
        maxima = draw(series(0.0, high, count)) if draw(st.booleans()) else [high] * count
        if draw(st.booleans()):
            maxima = [kw if draw(st.booleans()) else 0.0 for kw in maxima]
        low = draw(st.sampled_from([0.0, 0.3, 1.0]))
        on = draw(st.booleans())
        units.append(
            unit(
                f"unit-{number}",
                count,
                area=draw(st.sampled_from(areas)),
                max_kw=maxima,
                min_kw=[low * kw for kw in maxima],
                segment_kw=[high * 0.5, high * 0.5],
                no_load_usd_per_h=draw(quantity(0.0, 10.0)),
                start_cost_usd=draw(quantity(0.0, 10.0)),
                min_up_s=draw(st.sampled_from([0.0, 1800.0, 3000.0])),
                min_down_s=draw(st.sampled_from([0.0, 600.0, 2700.0])),
                start_delay_s=draw(st.sampled_from([0.0, 60.0, 2000.0])),
                initial_on=on,
                initial_s=draw(st.sampled_from([0.0, 900.0, 1e6])),
                initial_kw=draw(quantity(0.0, high)) if on else 0.0,
                ramp_kw_per_s=draw(st.sampled_from([10.0, high / 2000.0])),
                must_run=draw(st.sampled_from([False, False, True])),
                run_h_left=draw(st.sampled_from([None, 0.0, 0.6])),
                fuel_left=draw(st.sampled_from([None, 0.0, 8.0])),
                starts_left=draw(st.sampled_from([None, 0, 1])),
                gives_reserve=draw(st.booleans()),
            )
        )
    return units


@st.composite
def messy_cases(draw: st.DrawFn) -> PlanProblem:
    count = draw(st.integers(1, 8))
    names = ["area", "other"][: draw(st.integers(1, 2))]
    areas = [
        area(
            count,
            draw(series(-20.0, 300.0, count)),
            id=name,
            import_limit_kw=draw(series(0.0, 200.0, count)),
            export_limit_kw=draw(series(0.0, 200.0, count)),
            import_price_usd_per_kwh=draw(series(-0.3, 1.0, count)),
            export_price_usd_per_kwh=draw(series(-0.3, 1.0, count)),
            reserve_kw=draw(st.sampled_from([0.0, 25.0])),
        )
        for name in names
    ]
    stores = [
        store(
            f"store-{number}",
            count,
            area=draw(st.sampled_from(names)),
            charge_kw=draw(series(0.0, 60.0, count)),
            discharge_kw=draw(series(0.0, 60.0, count)),
            self_discharge_per_h=draw(st.sampled_from([0.0, 0.05])),
            min_energy_kwh=draw(quantity(0.0, 60.0)),
            initial_energy_kwh=draw(quantity(0.0, 110.0)),
            cycle_cost_usd_per_kwh=draw(st.sampled_from([0.0, 0.04])),
            end_value_usd_per_kwh=draw(quantity(-0.1, 0.3)),
            end_min_kwh=draw(quantity(0.0, 120.0)),
            gives_reserve=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 2)))
    ]
    panels = [sun("sun", draw(series(0.0, 80.0, count)), draw(st.sampled_from([0.0, -0.02, 0.01])))]
    return problem(areas, draw(messy_units(count, names)), stores, panels)


@settings(max_examples=120)
@given(messy_cases())
def test_any_problem_gets_a_plan_that_keeps_every_limit(case: PlanProblem) -> None:
    answer = solve(case, LIMITS)
    assert answer.status == "optimal"
    assert violations(case, answer) == []


@settings(max_examples=120)
@given(messy_cases())
def test_without_time_the_rules_give_a_plan_that_keeps_every_limit(case: PlanProblem) -> None:
    answer = solve(case, NO_TIME)
    assert answer.status == "fallback"
    assert violations(case, answer) == []
    assert math.isfinite(answer.lower_bound_usd)


@settings(max_examples=30)
@given(messy_cases())
def test_the_rules_are_never_cheaper_than_the_optimum(case: PlanProblem) -> None:
    best = solve(case, PlanLimits(gap=1e-6, time_limit_s=30.0))
    rules = solve(case, NO_TIME)
    slack = 0.02 + 1e-5 * abs(best.objective_usd)
    assert best.lower_bound_usd <= rules.objective_usd + slack
    assert rules.lower_bound_usd <= best.objective_usd + slack


@settings(max_examples=30)
@given(messy_cases())
def test_equal_questions_get_equal_answers(case: PlanProblem) -> None:
    first, second = solve(case, LIMITS), solve(case, LIMITS)
    assert msgspec.structs.replace(first, seconds=0.0) == msgspec.structs.replace(
        second, seconds=0.0
    )


def test_demand_above_everything_is_named_with_place_time_amount_and_cause() -> None:
    case = problem(
        area(4, [50.0, 50.0, 400.0, 50.0], import_limit_kw=60.0),
        [unit("engine-1", 4, min_up_s=900.0)],
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    unserved = [one for one in answer.shortfalls if one.kind is ShortfallKind.UNSERVED]
    assert [(one.where, one.interval) for one in unserved] == [("area", 2)]
    assert unserved[0].amount_kw == pytest.approx(240.0, abs=1e-3)
    assert "above all there is" in unserved[0].cause
    assert "connection 60.0" in unserved[0].cause


def test_a_set_that_rests_is_named_as_the_cause() -> None:
    case = problem(
        area(3, 80.0),
        [unit("engine-1", 3, min_down_s=1800.0, initial_s=0.0)],
    )
    answer = solve(case, LIMITS)
    unserved = [one for one in answer.shortfalls if one.kind is ShortfallKind.UNSERVED]
    assert [one.interval for one in unserved] == [0, 1]
    assert all("engine-1 (still starting or resting)" in one.cause for one in unserved)


def test_spent_fuel_hours_and_starts_are_named_as_causes() -> None:
    for budget, word in (
        ({"run_h_left": 0.5}, "hours used up"),
        ({"fuel_left": 3.0}, "fuel"),
        ({"starts_left": 0}, "starts used up"),
    ):
        case = problem(area(6, 60.0), [unit("engine-1", 6, **budget)])
        answer = solve(case, LIMITS)
        assert violations(case, answer) == []
        causes = [one.cause for one in answer.shortfalls if one.kind is ShortfallKind.UNSERVED]
        assert any(word in cause for cause in causes), (budget, causes)


def test_nothing_to_serve_and_nothing_to_serve_it_with() -> None:
    case = problem([area(3, 0.0), area(3, 0.0, id="other", import_limit_kw=100.0)])
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert answer.objective_usd == 0.0
    assert answer.gap == 0.0
    assert answer.shortfalls == []


def test_an_area_without_devices_is_unserved_and_says_so() -> None:
    answer = solve(problem(area(2, 30.0)), LIMITS)
    assert [one.amount_kw for one in answer.shortfalls] == [30.0, 30.0]
    assert answer.objective_usd == pytest.approx(2 * 30.0 * 10.0 * 0.25)


def test_must_run_sets_beyond_demand_give_a_named_surplus() -> None:
    sets = [
        unit(
            f"cell-{n}",
            4,
            must_run=True,
            initial_on=True,
            initial_kw=40.0,
            min_kw=40.0,
            gives_reserve=True,
        )
        for n in range(3)
    ]
    case = problem(area(4, 50.0), sets)
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert all(on == [1, 1, 1, 1] for on in answer.commitment.values())
    surplus = [one for one in answer.shortfalls if one.kind is ShortfallKind.SURPLUS]
    assert [one.interval for one in surplus] == [0, 1, 2, 3]
    assert surplus[0].amount_kw == pytest.approx(70.0, abs=1e-3)
    assert "cell-0" in surplus[0].cause


def test_must_run_gives_way_to_the_permit_and_says_so() -> None:
    case = problem(
        area(4, 50.0, import_limit_kw=500.0),
        [unit("cell", 4, must_run=True, initial_on=True, initial_kw=40.0, run_h_left=0.5)],
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert sum(answer.commitment["cell"]) == 2
    assert ShortfallKind.MUST_RUN in kinds(answer)


def test_least_times_hold_across_the_edge_of_the_window() -> None:
    case = problem(
        area(6, 0.0, import_limit_kw=500.0),
        [
            unit("young", 6, initial_on=True, initial_s=900.0, initial_kw=40.0, min_up_s=3600.0),
            unit("old", 6, initial_on=True, initial_s=9e3, initial_kw=40.0, min_up_s=3600.0),
        ],
    )
    answer = solve(case, LIMITS)
    assert answer.commitment["young"] == [1, 1, 1, 0, 0, 0]
    assert answer.commitment["old"] == [0] * 6


def test_a_trip_beats_the_least_time_and_the_ramp() -> None:
    maxima = [0.0, 0.0, 100.0, 100.0]
    case = problem(
        area(4, 50.0, import_limit_kw=500.0),
        [
            unit(
                "slow",
                4,
                max_kw=maxima,
                min_kw=[0.0, 0.0, 30.0, 30.0],
                initial_on=True,
                initial_s=0.0,
                initial_kw=90.0,
                min_up_s=3600.0,
                ramp_kw_per_s=0.01,
            )
        ],
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert answer.commitment["slow"][:2] == [0, 0]
    assert ShortfallKind.RAMP in kinds(answer)


def test_negative_prices_charge_a_store_and_never_burn_energy() -> None:
    prices = [-0.2, -0.2, -0.2, -0.2, 0.3, 0.3]
    case = problem(
        area(
            6,
            10.0,
            import_limit_kw=300.0,
            export_limit_kw=300.0,
            import_price_usd_per_kwh=prices,
            export_price_usd_per_kwh=prices,
        ),
        stores=[store("store", 6, initial_energy_kwh=90.0)],
        renewables=[sun("sun", [50.0] * 6)],
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert answer.power_kw["sun"][:4] == [0.0] * 4
    # Full after a while, the store cannot take more: energy is not burnt by going in circles.
    assert max(answer.energy_kwh["store"]) <= 100.0 + 1e-6
    assert answer.energy_kwh["store"][3] == pytest.approx(100.0, abs=1e-3)


def test_stored_energy_that_is_worth_nothing_is_not_burnt_in_the_last_dispatch() -> None:
    """With energy for nothing, the plan and its last dispatch may place it differently."""
    case = problem(
        area(
            6,
            [244.28, 49.2, 0.0, 0.0, 0.72, 135.28],
            import_limit_kw=[0.0, 38.24, 0.0, 0.0, 79.16, 193.1],
            export_limit_kw=[0.0, 162.91, 9.95, 175.97, 132.92, 200.0],
            import_price_usd_per_kwh=[0.0] * 6,
            export_price_usd_per_kwh=[0.49, 0.0, 0.25, 0.31, 0.02, 0.9],
        ),
        stores=[
            store(
                "full",
                6,
                charge_kw=[23.01, 2.39, 15.88, 59.0, 0.0, 50.26],
                discharge_kw=[26.12, 16.64, 28.35, 2.0, 47.51, 19.3],
                min_energy_kwh=1.0,
                initial_energy_kwh=72.85,
                gives_reserve=False,
            ),
            store(
                "low",
                6,
                charge_kw=[23.51, 28.47, 30.69, 15.88, 2.0, 50.71],
                discharge_kw=[0.0, 0.72, 0.0, 0.25, 0.28, 0.96],
                min_energy_kwh=47.64,
                initial_energy_kwh=11.86,
                end_value_usd_per_kwh=0.3,
                end_min_kwh=56.08,
            ),
        ],
        renewables=[sun("sun", [26.12, 16.64, 28.35, 2.0, 47.51, 19.3], -0.02)],
    )
    assert violations(case, solve(case, PlanLimits(gap=1e-4, time_limit_s=60.0))) == []


def test_selling_dearer_than_buying_is_no_money_machine() -> None:
    case = problem(
        area(
            2,
            10.0,
            import_limit_kw=300.0,
            export_limit_kw=300.0,
            import_price_usd_per_kwh=0.1,
            export_price_usd_per_kwh=0.4,
        )
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert answer.import_kw["area"] == [10.0, 10.0]
    assert answer.export_kw["area"] == [0.0, 0.0]


def test_an_empty_store_below_its_floor_is_charged_and_named() -> None:
    case = problem(
        area(4, 10.0, import_limit_kw=30.0),
        stores=[store("store", 4, initial_energy_kwh=0.0, min_energy_kwh=12.0)],
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    named = [one for one in answer.shortfalls if one.kind is ShortfallKind.STORE_FLOOR]
    assert [one.interval for one in named] == [0, 1]
    assert "began at 0.00 kWh" in named[0].cause


def test_a_wished_end_energy_out_of_reach_is_named() -> None:
    case = problem(
        area(2, 10.0, import_limit_kw=30.0),
        stores=[store("store", 2, initial_energy_kwh=0.0, end_min_kwh=80.0)],
    )
    answer = solve(case, LIMITS)
    assert violations(case, answer) == []
    assert kinds(answer) == {ShortfallKind.STORE_END}


def test_the_loss_of_the_largest_set_is_covered() -> None:
    """One set could carry the load; its loss asks for a second one, and a store can stand in."""
    demand = area(4, 60.0)
    sets = [unit("a", 4, gives_reserve=True), unit("b", 4, gives_reserve=True)]
    answer = solve(problem(demand, sets), LIMITS)
    assert answer.commitment == {"a": [1] * 4, "b": [1] * 4} or answer.shortfalls
    both = [a + b for a, b in zip(answer.commitment["a"], answer.commitment["b"], strict=True)]
    assert both == [2, 2, 2, 2]
    ready = store("ready", 4, charge_kw=0.0, discharge_kw=100.0, initial_energy_kwh=30.0)
    answer = solve(problem(demand, sets, [ready]), LIMITS)
    both = [a + b for a, b in zip(answer.commitment["a"], answer.commitment["b"], strict=True)]
    # In the end, when nobody must hold energy any more, the store alone will do.
    assert both == [1, 1, 1, 0]
    assert answer.shortfalls == []


def test_prices_are_marginal() -> None:
    """Where the engine is at its margin its own slope is the price; where buying is, that is."""
    case = problem(
        area(2, [50.0, 150.0], import_limit_kw=[500.0, 120.0], import_price_usd_per_kwh=0.12),
        [unit("engine", 2, initial_on=True, initial_kw=30.0)],
    )
    answer = solve(case, LIMITS)
    assert answer.price_usd_per_kwh["area"] == pytest.approx([0.12, 0.2], abs=1e-6)
    demand = msgspec.structs.replace(case.areas[0], demand_kw=[51.0, 150.0])
    more = solve(msgspec.structs.replace(case, areas=[demand]), LIMITS)
    assert more.objective_usd - answer.objective_usd == pytest.approx(0.12 * 0.25, abs=1e-6)


def test_the_value_of_stored_energy_is_what_it_saves_later() -> None:
    case = problem(
        area(
            3,
            20.0,
            import_limit_kw=100.0,
            import_price_usd_per_kwh=[0.1, 0.1, 0.5],
        ),
        stores=[store("store", 3, initial_energy_kwh=1.0, charge_kw=1.0)],
    )
    answer = solve(case, LIMITS)
    assert answer.energy_value_usd_per_kwh["store"][0] == pytest.approx(0.45, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"demand_kw": [1.0]}, ["area area", "demand_kw", "1 values", "has 2"]),
        ({"demand_kw": [1.0, math.nan]}, ["area area", "demand_kw[1]", "nan"]),
        (
            {"import_limit_kw": [-1.0, 0.0]},
            ["area area", "import_limit_kw[0]", "-1.0", "at least 0"],
        ),
        ({"unserved_cost_usd_per_kwh": 0.0}, ["unserved_cost_usd_per_kwh", "above 0"]),
    ],
)
def test_a_malformed_area_is_named(change: dict, words: list[str]) -> None:
    good = area(2, 10.0)
    if "demand_kw" in change and len(change["demand_kw"]) == 1:
        case = msgspec.structs.replace(
            problem(good), areas=[msgspec.structs.replace(good, **change)]
        )
    else:
        case = problem(msgspec.structs.replace(good, **change))
    with pytest.raises(PlanningError) as error:
        solve(case)
    for word in words:
        assert word in str(error.value) or word == "has 2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_kw": [50.0, 200.0]}, ["unit engine", "min_kw[1]", "200.0", "max_kw[1]"]),
        (
            {"max_kw": [100.0, 300.0]},
            ["unit engine", "max_kw[1]", "300.0", "segments end at 100.0"],
        ),
        ({"segment_usd_per_kwh": [0.3, 0.2]}, ["segment_usd_per_kwh[1]", "must not fall below"]),
        ({"area": "nowhere"}, ["engine", "nowhere"]),
        ({"availability": 1.5}, ["availability", "1.5", "at most 1"]),
        ({"fuel_left": -1.0}, ["fuel_left", "-1.0"]),
        ({"segment_kw": [100.0]}, ["segment_usd_per_kwh", "2 values"]),
    ],
)
def test_a_malformed_unit_is_named(change: dict, words: list[str]) -> None:
    broken = msgspec.structs.replace(unit("engine", 2), **change)
    with pytest.raises(PlanningError) as error:
        solve(problem(area(2, 10.0), [broken]))
    for word in words:
        assert word in str(error.value)


def test_a_malformed_store_twice_used_id_and_bad_limits_are_named() -> None:
    with pytest.raises(PlanningError, match=r"store store: charge_efficiency is 0"):
        solve(problem(area(2, 10.0), stores=[store("store", 2, charge_efficiency=0.0)]))
    with pytest.raises(PlanningError, match=r"store store: max_energy_kwh is 1.0"):
        bad = store("store", 2, min_energy_kwh=5.0, max_energy_kwh=1.0)
        solve(problem(area(2, 10.0), stores=[bad]))
    with pytest.raises(PlanningError, match="'engine' is used twice"):
        solve(problem(area(2, 10.0), [unit("engine", 2), unit("engine", 2)]))
    with pytest.raises(PlanningError, match="threads is 0"):
        solve(problem(area(2, 10.0)), PlanLimits(threads=0))
    with pytest.raises(PlanningError, match="at least 1 interval"):
        solve(problem(area(0, [])))
