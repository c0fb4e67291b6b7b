"""Others' economic dispatch: the published answers, brute force on small ones, bounds that hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gridmuster.cli.solve import app
from gridmuster.errors import PlanningError
from gridmuster.planning.cases.case import Schedule
from gridmuster.planning.cases.dispatch_case import DispatchCase, DispatchUnit, Question
from gridmuster.planning.cases.dispatch_judging import judge_dispatch
from gridmuster.planning.cases.dispatch_reading import dispatch_case
from gridmuster.planning.cases.dispatch_solving import DispatchAnswer, solve_dispatch
from gridmuster.planning.cases.reading import read_any, read_case
from gridmuster.planning.cases.solving import CaseLimits
from gridmuster.planning.cases.valve_points import ValveSearch, costs


def assert_proven(answer: DispatchAnswer, gap: float) -> None:
    assert answer.whole.judgement.feasible, answer.whole.judgement.violations
    above = answer.whole.judgement.cost - answer.whole.lower_bound
    scale = max(abs(answer.whole.judgement.cost), 1.0)
    assert -1e-12 * scale <= above <= gap * scale


def test_wood_and_wollenberg_come_out_as_in_the_book(data_dir: Path) -> None:
    path = data_dir / "reference" / "ed_wood_wollenberg_3a_3b.json"
    document = json.loads(path.read_text())
    case = read_any(path)
    assert isinstance(case, DispatchCase)
    answer = solve_dispatch(case)
    assert_proven(answer, 1e-12)
    for part, book in zip(answer.parts, document["cases"].values(), strict=True):
        expected = book["answer"]
        assert part.power_mw == pytest.approx(expected["p_mw"], abs=document["tolerance_mw"])
        assert part.cost == pytest.approx(expected["cost_usd_per_h"], abs=0.5)
        assert part.price_usd_per_mwh == pytest.approx(expected["lambda_usd_per_mwh"], abs=1e-4)


def test_valve_points_are_solved_to_the_best_known_and_proven(data_dir: Path) -> None:
    path = data_dir / "reference" / "ed_valve_point_13.json"
    document = json.loads(path.read_text())
    case = read_any(path, "ed")
    assert isinstance(case, DispatchCase)
    answer = solve_dispatch(case)
    assert_proven(answer, 1e-5)
    for part, known in zip(answer.parts, document["answers"], strict=True):
        assert part.cost == pytest.approx(known["best_known_usd_per_h"], abs=0.5)
        assert part.cost <= known["reproduced_here"] + 1e-3
        assert part.lower_bound <= known["reproduced_here"] + 1e-3
        # Alike units may change places.
        assert sorted(part.power_mw) == pytest.approx(sorted(known["p_mw"]), abs=0.05)


units = st.builds(
    DispatchUnit,
    st.just(""),
    st.sampled_from([0.0, 5.0, 10.0]),
    st.sampled_from([10.0, 20.0, 35.0]),
    st.sampled_from([0.0, 50.0]),
    st.sampled_from([-2.0, 0.0, 5.0, 8.0]),
    st.sampled_from([-0.05, 0.0, 0.003, 0.02]),
    st.sampled_from([0.0, 1.0, 20.0]),
    st.sampled_from([0.0, 0.1, 0.3]),
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    found = draw(st.lists(units, min_size=1, max_size=3))
    named = tuple(
        DispatchUnit(f"u{k}", *(getattr(one, field) for field in DispatchUnit.__slots__[1:]))
        for k, one in enumerate(found)
    )
    least, most = sum(one.min_mw for one in named), sum(one.max_mw for one in named)
    demand = least + draw(st.integers(0, 40)) / 40.0 * (most - least)
    return Question("q", demand, named)


def cheapest(question: Question) -> float:
    """By trying a fine grid and all valve points of all units but the last, which balances."""
    grids = []
    for unit in question.units[:-1]:
        grid = np.linspace(unit.min_mw, unit.max_mw, 401)
        if unit.ripple_per_mw > 0.0:
            valves = np.arange(unit.min_mw, unit.max_mw, np.pi / unit.ripple_per_mw)
            grid = np.concatenate([grid, valves])
        grids.append(grid)
    powers = np.meshgrid(*grids, indexing="ij") if grids else []
    last = question.units[-1]
    rest = question.demand_mw - sum(powers, np.zeros([grid.size for grid in grids]))
    total = costs(last, np.clip(rest, last.min_mw, last.max_mw))
    total = np.where((rest < last.min_mw - 1e-9) | (rest > last.max_mw + 1e-9), np.inf, total)
    for unit, power in zip(question.units[:-1], powers, strict=True):
        total = total + costs(unit, power)
    return float(total.min())


@settings(max_examples=80)
@given(questions())
def test_no_grid_of_powers_is_cheaper_nor_below_the_bound(question: Question) -> None:
    found = ValveSearch(question.units, question.demand_mw).run(0.0, lambda work: work < 2e8)
    named = {unit.name: [mw] for unit, mw in zip(question.units, found.power_mw, strict=True)}
    case = DispatchCase("small", (question,))
    judged = judge_dispatch(case, Schedule({}, named, {}))
    assert judged.feasible, judged.violations
    assert judged.cost == pytest.approx(found.cost, rel=1e-12)
    best = cheapest(question)
    scale = 1.0 + sum(abs(unit.price(unit.max_mw)) for unit in question.units)
    assert found.lower_bound <= best + 1e-9
    assert found.cost <= best + 1e-4 * scale
    assert found.cost - found.lower_bound <= 1e-3 * scale
    if all(unit.convex for unit in question.units):
        exact = solve_dispatch(case)
        assert_proven(exact, 1e-9)
        assert found.lower_bound <= exact.whole.judgement.cost + 1e-9
        assert exact.whole.judgement.cost <= min(found.cost, best) + 1e-9 * scale


@settings(max_examples=20)
@given(questions())
def test_a_bound_stands_before_any_pass(question: Question) -> None:
    """Out of time at once: the dispatch is feasible, and its bound is below the optimum."""
    search = ValveSearch(question.units, question.demand_mw)
    found = search.run(0.0, lambda _: False)
    assert found.lower_bound <= cheapest(question) + 1e-9
    assert sum(found.power_mw) == pytest.approx(question.demand_mw, abs=1e-9)


def test_more_of_the_same_units_cost_no_more_each(data_dir: Path) -> None:
    case = read_any(data_dir / "reference" / "ed_valve_point_13.json")
    assert isinstance(case, DispatchCase)
    one = solve_dispatch(case)
    three = solve_dispatch(case.repeated(3), CaseLimits(gap=1e-3, time_limit_s=3.0, threads=1))
    assert_proven(three, 1e-3)
    assert three.whole.lower_bound <= 3.0 * one.whole.judgement.cost
    assert {name.partition("#")[2] for name in case.repeated(3).unit_names()} == {"1", "2", "3"}


def test_what_cannot_be_met_is_met_as_far_as_it_can_be() -> None:
    unit = DispatchUnit("u", 10.0, 20.0, 5.0, 2.0, 0.1)
    case = DispatchCase("c", (Question("low", 4.0, (unit,)), Question("high", 25.0, (unit,))))
    answer = solve_dispatch(case)
    assert answer.whole.schedule.power_mw == {"u": [10.0, 20.0]}
    assert answer.whole.judgement.violations == (
        "demand, low: not met exactly by 6 MW",
        "demand, high: not met exactly by 5 MW",
    )


def test_the_judge_names_each_broken_rule() -> None:
    unit = DispatchUnit("u", 10.0, 20.0, 5.0, 2.0, 0.1, 4.0, 0.5)
    case = DispatchCase("c", (Question("q", 12.0, (unit,)),))
    good = judge_dispatch(case, Schedule({}, {"u": [12.0]}, {}))
    assert good.feasible
    assert good.cost == pytest.approx(5.0 + 24.0 + 14.4 + 4.0 * np.sin(1.0))
    for schedule, words in (
        (Schedule({"u": [0]}, {"u": [12.0]}, {}), "off"),
        (Schedule({}, {"u": [21.0]}, {}), "outside its limits by 1 MW"),
        (Schedule({}, {"u": [11.0]}, {}), "not met exactly by 1 MW"),
        (Schedule({}, {"u": [float("nan")]}, {}), "not met exactly"),
        (Schedule({}, {}, {}), "no power"),
    ):
        assert words in "\n".join(judge_dispatch(case, schedule).violations)


ROW: dict[str, Any] = {
    "unit": 1,
    "a_usd_per_h": 5.0,
    "b_usd_per_mwh": 2.0,
    "p_min_mw": 10.0,
    "p_max_mw": 20.0,
}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"units": [ROW], "demand_mw": 12.0, "losses_b": [[0.1]]}, "losses_b is not understood"),
        ({"units": [ROW | {"zones_mw": [[11, 12]]}], "demand_mw": 12.0}, "unit 1: zones_mw"),
        ({"units": [ROW | {"d_usd_per_h": 1.0}], "demand_mw": 12.0}, "said twice"),
        ({"units": [ROW | {"p_min_mw": 30.0}], "demand_mw": 12.0}, "the least first"),
        ({"units": [ROW | {"p_max_mw": float("inf")}], "demand_mw": 12.0}, "expected numbers"),
        ({"units": [ROW, ROW], "demand_mw": 12.0}, "named apart"),
        ({"units": [ROW]}, "no demand_mw"),
        ({"units": [ROW], "demand_mw": float("nan")}, "expected a number"),
        ({"units": [{"unit": 1, "p_min_mw": 1, "p_max_mw": 2}], "demand_mw": 1}, "no cost"),
    ],
)
def test_what_makes_no_sense_is_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanningError, match=words):
        dispatch_case("c", document)


def test_formats_are_told_apart(data_dir: Path, tmp_path: Path) -> None:
    reference = data_dir / "reference"
    kazarlis = read_any(reference / "uc_kazarlis_10.json")
    assert kazarlis == read_case(reference / "uc_kazarlis_10.json")
    path = tmp_path / "no.json"
    path.write_text('{"units": 3}')
    with pytest.raises(PlanningError, match="not an economic-dispatch case"):
        read_any(path, "ed")


def test_the_command_solves_and_checks_a_schedule(data_dir: Path, tmp_path: Path) -> None:
    path, out = data_dir / "reference" / "ed_wood_wollenberg_3a_3b.json", tmp_path / "s.json"
    run = CliRunner()
    solved = run.invoke(app, ["solve", str(path), "--format", "ed", "--json", "--out", str(out)])
    assert solved.exit_code == 0, solved.output
    figures = json.loads(solved.stdout)
    assert figures["objective"] == pytest.approx(8194.36 + 7252.11, abs=0.5)
    assert figures["lower_bound"] <= figures["objective"]
    assert figures["feasible"]
    assert [one["name"] for one in figures["questions"]] == ["3A 850 MW", "3B 850 MW"]
    checked = run.invoke(app, ["check-schedule", str(path), str(out), "--json"])
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["objective"] == pytest.approx(figures["objective"])
    schedule = json.loads(out.read_text())
    schedule["power_mw"]["1"][0] += 1.0
    out.write_text(json.dumps(schedule))
    assert run.invoke(app, ["check-schedule", str(path), str(out)]).exit_code == 1
