"""Cases of others: read as their sources mean them, solved with valid bounds, judged apart."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.errors import PlanningError
from gridmuster.planning.cases.case import (
    Case,
    Group,
    Piecewise,
    Renewable,
    Schedule,
    StartStep,
    Thermal,
    grouped,
)
from gridmuster.planning.cases.judging import judge
from gridmuster.planning.cases.reading import read_case
from gridmuster.planning.cases.solving import CaseLimits, solve_case, solve_copies
from gridmuster.planning.cases.tight import build
from gridmuster.planning.highs import relaxed

EXACT = CaseLimits(gap=1e-9, time_limit_s=30.0, threads=1)


def unit(name: str, least: float, most: float, dear: float, **changes: object) -> Thermal:
    """A unit without ramps that costs 10 an hour and a straight line above."""
    made = Thermal(
        name=name,
        min_mw=least,
        max_mw=most,
        ramp_up_mw=most,
        ramp_down_mw=most,
        ramp_start_mw=most,
        ramp_stop_mw=most,
        up_h=1,
        down_h=1,
        must_run=False,
        on_before=False,
        hours_before=10,
        power_before_mw=0.0,
        starts=(StartStep(1, 5.0), StartStep(3, 9.0)),
        cost=Piecewise(((least, 10.0 + dear * least), (most, 10.0 + dear * most))),
    )
    return replace(made, **changes)


units = st.builds(
    unit,
    st.just("u"),
    st.sampled_from([0.0, 5.0, 10.0]),
    st.sampled_from([10.0, 20.0, 30.0]),
    st.sampled_from([1.0, 2.0, 3.5]),
    up_h=st.integers(1, 3),
    down_h=st.integers(1, 3),
    must_run=st.just(False),
    on_before=st.booleans(),
    hours_before=st.integers(1, 4),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    made = [
        replace(one, name=f"u{k}")
        for k, one in enumerate(draw(st.lists(units, min_size=1, max_size=3)))
    ]
    hours = draw(st.integers(1, 4))
    demand = draw(
        st.lists(st.sampled_from([5.0, 12.0, 25.0, 40.0]), min_size=hours, max_size=hours)
    )
    source = Renewable("sun", (0.0,) * hours, (8.0,) * hours)
    return Case("small", tuple(demand), (2.0,) * hours, grouped(made), (source,))


def cheapest(case: Case) -> float:
    """By trying every commitment; power is then a matter of merit, hour by hour."""
    named = list(case.units())
    best = float("inf")
    for rows in itertools.product(itertools.product((0, 1), repeat=case.hours), repeat=len(named)):
        power: dict[str, list[float]] = {name: [] for name, _ in named}
        sun: list[float] = []
        for hour in range(case.hours):
            on = [(name, one) for (name, one), row in zip(named, rows, strict=True) if row[hour]]
            left = case.demand_mw[hour] - sum(one.min_mw for _, one in on)
            free = min(max(left, 0.0), case.renewable[0].max_mw[hour])
            sun.append(free)
            left -= free
            for name, one in sorted(on, key=lambda pair: slope(pair[1])):
                more = min(max(left, 0.0), one.max_mw - one.min_mw)
                power[name].append(one.min_mw + more)
                left -= more
            for name, _ in named:
                if len(power[name]) <= hour:
                    power[name].append(0.0)
        commitment = {name: list(row) for (name, _), row in zip(named, rows, strict=True)}
        judged = judge(case, Schedule(commitment, power, {"sun": sun}))
        if judged.feasible:
            best = min(best, judged.cost)
    return best


def slope(one: Thermal) -> float:
    assert isinstance(one.cost, Piecewise)
    (low_mw, low), (high_mw, high) = one.cost.points
    return (high - low) / (high_mw - low_mw) if high_mw > low_mw else 0.0


@settings(max_examples=40)
@given(cases())
def test_small_cases_cost_what_trying_everything_finds(case: Case) -> None:
    best = cheapest(case)
    answer = solve_case(case, EXACT)
    if best == float("inf"):
        assert not answer.judgement.feasible
        return
    assert answer.judgement.feasible, answer.judgement.violations
    assert answer.lower_bound <= best + 1e-6
    assert answer.judgement.cost == pytest.approx(best, abs=1e-5)


@settings(max_examples=20)
@given(cases(), st.integers(2, 3))
def test_copies_are_bounded_and_never_dearer_than_repeating(case: Case, copies: int) -> None:
    one = solve_case(case, EXACT)
    many = solve_copies(case, copies, EXACT)
    if not one.judgement.feasible:
        return
    assert many.judgement.feasible, many.judgement.violations
    assert many.lower_bound <= many.judgement.cost + 1e-6
    assert many.judgement.cost <= copies * one.judgement.cost + 1e-5


def test_a_unit_on_for_one_hour_meets_both_limits() -> None:
    peaker = unit("p", 8.0, 20.0, 2.0, ramp_start_mw=8.0, ramp_stop_mw=8.0)
    base = unit("b", 0.0, 60.0, 1.0, on_before=True, must_run=True)
    case = Case("peak", (50.0, 58.0, 66.0, 50.0), (0.0, 6.0, 0.0, 0.0), grouped([peaker, base]), ())
    answer = solve_case(case, EXACT)
    assert answer.judgement.feasible, answer.judgement.violations


def test_the_relaxation_is_as_tight_as_the_best_published(data_dir: Path) -> None:
    # Lower bounds of the plain relaxation of Egret's tight model on the same files.
    for name, published in (("2020-01-27", 1_226_645.3),):
        case = read_case(data_dir / "pglib-uc" / "rts_gmlc" / f"{name}.json")
        point = relaxed(build(case).arrays, 1, 120.0)
        assert point is not None
        assert point.objective == pytest.approx(published, abs=0.5)


def test_kazarlis_is_read_by_the_rules_in_its_file(data_dir: Path) -> None:
    path = data_dir / "reference" / "uc_kazarlis_10.json"
    document = json.loads(path.read_text())
    case = read_case(path)
    rows = document["optimal_schedule_10"]
    by_hour = document["optimal_dispatch_mw_10_by_hour"]
    power = {name: [hour[int(name) - 1] for hour in by_hour] for name in rows}
    judged = judge(case, Schedule(rows, power, {}))
    assert judged.feasible, judged.violations
    assert judged.cost == pytest.approx(document["answers"]["10"]["solved_here_usd"], abs=0.5)


def test_kazarlis_is_bounded_from_below(data_dir: Path) -> None:
    path = data_dir / "reference" / "uc_kazarlis_10.json"
    answers = json.loads(path.read_text())["answers"]["10"]
    answer = solve_case(read_case(path), CaseLimits(gap=5e-3, time_limit_s=60.0, threads=1))
    assert answer.judgement.feasible
    assert answer.lower_bound <= answers["solved_here_usd"]
    assert answer.judgement.cost >= answers["proven_lower_bound_usd"]


def test_what_makes_no_sense_is_named(tmp_path: Path, data_dir: Path) -> None:
    document = json.loads((data_dir / "pglib-uc" / "rts_gmlc" / "2020-01-27.json").read_text())
    document["thermal_generators"]["101_CT_1"]["power_output_minimum"] = 99.0
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))
    with pytest.raises(PlanningError, match="101_CT_1"):
        read_case(path)
    path.write_text("{}")
    with pytest.raises(PlanningError, match="not a kazarlis case"):
        read_case(path)


def test_the_judge_names_each_broken_rule() -> None:
    one = unit("u", 5.0, 20.0, 1.0, up_h=3, on_before=False, hours_before=10)
    case = Case("j", (10.0, 10.0, 0.0), (0.0, 0.0, 0.0), (Group(one, ("u",)),), ())
    judged = judge(case, Schedule({"u": [1, 1, 0]}, {"u": [25.0, 10.0, 1.0]}, {}))
    text = "\n".join(judged.violations)
    for words in ("above its limit", "stopped after 2 h of 3 h", "while off", "not met exactly"):
        assert words in text
