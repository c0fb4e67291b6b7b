"""The odds a plan runs, held against every combination of failures, for few units and for many."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from plan_cases import area, problem, unit

from gridmuster.planning import PlanLimits, PlanProblem, PlanSolution, solve
from gridmuster.planning.adequacy import run_availability
from gridmuster.planning.reliability.assess import TABLE_UNITS, assess, beyond
from gridmuster.planning.reliability.outages import two_state


def planned(count: int = 3) -> tuple[PlanProblem, PlanSolution]:
    units = [
        msgspec.structs.replace(
            unit(f"u{n}", count, max_kw=kw), availability=0.9, fail_to_start=0.05, mttf_h=20.0
        )
        for n, kw in enumerate((60.0, 45.5, 31.25, 80.0))
    ]
    case = problem(area(count, [120.0, 150.0, 100.0], import_limit_kw=20.0), units)
    return case, solve(case, PlanLimits(gap=1e-4, time_limit_s=20.0))


def test_a_plan_is_judged_as_enumeration_does() -> None:
    case, plan = planned()
    step_h = case.step_s / 3600.0
    safe, energy = [], 0.0
    for t in range(3):
        need = case.areas[0].demand_kw[t] - case.areas[0].import_limit_kw[t]
        need -= sum(
            one.amount_kw for one in plan.shortfalls if one.kind == "unserved" and one.interval == t
        )
        on = [one for one in case.units if plan.commitment[one.id][t]]
        before = [plan.commitment[one.id][t - 1] if t else int(one.initial_on) for one in on]
        odds = [
            run_availability(one.availability, one.fail_to_start, 20.0, step_h, started=bool(was))
            for one, was in zip(on, before, strict=True)
        ]
        lost = 0.0
        for states in itertools.product((False, True), repeat=len(on)):
            chance = float(
                np.prod([p if up else 1.0 - p for p, up in zip(odds, states, strict=True)])
            )
            there = sum(one.max_kw[t] for one, up in zip(on, states, strict=True) if up)
            if there < need - 1e-6:
                lost += chance
                energy += chance * (need - there) * step_h
        safe.append(1.0 - lost)
    assert plan.lolp == pytest.approx(1.0 - np.mean(safe), rel=1e-6)
    assert plan.eens_kwh == pytest.approx(energy, rel=1e-4)
    assert plan.lolp > 0.0


def test_few_and_many_units_are_judged_alike() -> None:
    rng = np.random.default_rng(2)
    size = TABLE_UNITS + 1
    many = two_state(np.round(rng.uniform(20.0, 80.0, size)), rng.uniform(0.9, 0.99, size))
    spare = float(many.expected_lost_kw().sum()) + np.array([0.0, 400.0, 900.0])
    odds, short = beyond(many, spare)
    found = assess(many, many.total_kw - spare, step_kw=1.0)
    assert odds == pytest.approx(found.lolp[1], rel=1e-8)
    assert short == pytest.approx(found.unserved_kw[1], rel=1e-8)
    few = many.chosen(np.arange(TABLE_UNITS))
    spare = float(few.expected_lost_kw().sum()) + np.array([0.0, 400.0, 900.0])
    odds, short = beyond(few, spare)
    found = assess(few, few.total_kw - spare, step_kw=1.0)
    assert odds == pytest.approx(found.lolp[1], rel=1e-8)
    assert short == pytest.approx(found.unserved_kw[1], rel=1e-8)
