"""Cases of others against the textbook model: bounds, windows, symmetry, and what is degenerate."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.textbook import textbook
from gridmuster.planning.cases.case import (
    Case,
    Piecewise,
    Renewable,
    StartStep,
    Thermal,
    grouped,
)
from gridmuster.planning.cases.families import as_plan, as_start, families_of, narrowed
from gridmuster.planning.cases.plans import dispatched
from gridmuster.planning.cases.prices import PriceSearch, Pricing
from gridmuster.planning.cases.solving import CaseAnswer, CaseLimits, solve_case
from gridmuster.planning.cases.sums import SumTree, proved_by, with_sums
from gridmuster.planning.cases.tight import build
from gridmuster.planning.highs import mixed_integer, relaxed
from gridmuster.planning.linear import INF, LinearArrays

EXACT = CaseLimits(gap=1e-9, time_limit_s=60.0, threads=1)


@st.composite
def thermals(draw: st.DrawFn) -> Thermal:
    least = draw(st.sampled_from([0.0, 4.0, 10.0]))
    span = draw(st.sampled_from([6.0, 15.0, 24.0]))
    ramp = draw(st.sampled_from([3.0, 8.0, 50.0]))
    slopes = sorted(draw(st.lists(st.sampled_from([1.0, 2.0, 4.5]), min_size=1, max_size=2)))
    points = [(least, draw(st.sampled_from([0.0, 9.0])) + least)]
    for slope in slopes:
        mw, cost = points[-1]
        points.append((mw + span / len(slopes), cost + slope * span / len(slopes)))
    on = draw(st.booleans())
    hottest = draw(st.sampled_from([0.0, 6.0]))
    down_h = draw(st.integers(1, 3))
    colder = (StartStep(down_h + 2, hottest + 7.0),) if draw(st.booleans()) else ()
    return Thermal(
        name="u",
        min_mw=least,
        max_mw=points[-1][0],
        ramp_up_mw=ramp,
        ramp_down_mw=draw(st.sampled_from([4.0, 50.0])),
        ramp_start_mw=least + draw(st.sampled_from([0.0, 5.0, 50.0])),
        ramp_stop_mw=least + draw(st.sampled_from([0.0, 50.0])),
        up_h=draw(st.integers(1, 3)),
        down_h=down_h,
        must_run=on and draw(st.sampled_from([False, False, True])),
        on_before=on,
        hours_before=draw(st.integers(1, 4)),
        power_before_mw=least if on else 0.0,
        starts=(StartStep(down_h, hottest), *colder),
        cost=Piecewise(tuple(points)),
    )


@st.composite
def random_cases(draw: st.DrawFn, least_hours: int = 1) -> Case:
    units = draw(st.lists(thermals(), min_size=1, max_size=3))
    copies = draw(st.integers(1, 2))
    named = [replace(one, name=f"u{k}") for k, one in enumerate([*units, *units[: copies - 1]])]
    hours = draw(st.integers(least_hours, 6))

    def by_hour(values: list[float]) -> tuple[float, ...]:
        return tuple(draw(st.lists(st.sampled_from(values), min_size=hours, max_size=hours)))

    low = by_hour([0.0, 0.0, 3.0])
    more = by_hour([0.0, 5.0, 20.0])
    source = Renewable("sun", low, tuple(a + b for a, b in zip(low, more, strict=True)))
    return Case(
        "random", by_hour([6.0, 14.0, 30.0]), by_hour([0.0, 2.0]), grouped(named), (source,)
    )


def held(answer: CaseAnswer, best: float) -> None:
    """Bound below the optimum below the cost, and no rule broken; or no plan, as there is none."""
    if best == INF:
        assert not answer.judgement.feasible
        return
    slack = 1e-6 * max(abs(best), 1.0)
    assert answer.judgement.feasible, answer.judgement.violations
    assert answer.lower_bound <= best + slack
    assert best <= answer.judgement.cost + slack
    assert answer.judgement.cost <= best + 1e-4 * max(abs(best), 1.0)


def optimum(case: Case) -> float:
    return textbook(case, 0.0, 60.0, 1).cost


@settings(max_examples=20)
@given(random_cases())
def test_cost_and_bound_meet_at_the_textbook_optimum(case: Case) -> None:
    held(solve_case(case, EXACT), optimum(case))


@settings(max_examples=6)
@given(random_cases(), st.randoms(use_true_random=False), st.sampled_from([1e-3, 40.0]))
def test_order_and_units_of_measure_change_nothing(case: Case, random: object, k: float) -> None:
    best = optimum(case)
    units = [replace(one, name=name) for name, one in case.units()]
    random.shuffle(units)  # type: ignore[attr-defined]
    scaled = replace(case, thermal=grouped([dearer(one, k) for one in units]))
    answer = solve_case(scaled, EXACT)
    assert answer.judgement.feasible == (best < INF)
    if best < INF:
        assert answer.judgement.cost == pytest.approx(k * best, rel=1e-5, abs=1e-6 * k)
        assert answer.lower_bound <= k * best * (1 + 1e-6) + 1e-6 * k


def dearer(one: Thermal, k: float) -> Thermal:
    assert isinstance(one.cost, Piecewise)
    points = tuple((mw, k * cost) for mw, cost in one.cost.points)
    steps = tuple(replace(step, cost=k * step.cost) for step in one.starts)
    return replace(one, starts=steps, cost=Piecewise(points))


def whole(arrays: LinearArrays) -> float:
    done = mixed_integer(
        arrays, absolute_gap=0.0, time_limit_s=60.0, node_limit=None, threads=1, start=None
    )
    return done.objective


@settings(max_examples=25)
@given(random_cases(), st.integers(0, 2**31))
def test_any_duals_prove_a_bound_from_below(case: Case, seed: int) -> None:
    best = optimum(case)
    if best == INF:
        return
    model = build(families_of(case).case, fleet_rows=True)
    arrays, _ = with_sums(families_of(case).case, model)
    duals = np.random.default_rng(seed).normal(0.0, 3.0, len(arrays.row_lower))
    found = proved_by(arrays, (arrays.lower, arrays.upper), duals)
    assert found <= best + 1e-6 * max(abs(best), 1.0)
    point = relaxed(arrays, 1, 60.0)
    assert point is not None
    tight = proved_by(arrays, (arrays.lower, arrays.upper), point.row_duals)
    assert tight == pytest.approx(point.objective, rel=1e-6, abs=1e-6)


def tree_of(case: Case, cost: float) -> SumTree:
    model = build(families_of(case).case, fleet_rows=True)
    arrays, sums = with_sums(families_of(case).case, model)
    singles = np.concatenate([made.on for made in model.groups])
    return SumTree(arrays, sums, singles, lambda: cost, lambda: 60.0)


@settings(max_examples=15)
@given(random_cases())
def test_trees_on_sums_rise_to_the_optimum_of_the_families_and_no_further(case: Case) -> None:
    best = optimum(case)
    if best == INF:
        return
    tree = tree_of(case, INF)
    bounds = [tree.bound()]
    while tree.work() and len(bounds) < 400:
        bounds.append(tree.bound())
    assert all(a <= b for a, b in pairwise(bounds))
    families = whole(build(families_of(case).case, fleet_rows=True).arrays)
    slack = 1e-5 * max(abs(best), 1.0)
    assert bounds[-1] <= families + slack
    assert families <= best + slack
    if tree.finished():
        assert bounds[-1] == pytest.approx(families, rel=1e-5, abs=1e-5)
    # With a plan known the tree speaks of better ones only, and never of more than its cost.
    known = tree_of(case, best)
    for _ in range(40):
        known.work()
    assert known.bound() <= best


@settings(max_examples=10)
@given(random_cases())
def test_families_relax_the_case_and_keep_its_best_plan(case: Case) -> None:
    best = optimum(case)
    answer = solve_case(case, EXACT)
    mix = PriceSearch(Pricing(case)).improve(1e-6, lambda: 60.0)
    if best == INF or mix is None:
        return
    families = families_of(case)
    model = build(families.case, fleet_rows=True)
    slack = 1e-5 * max(abs(best), 1.0)
    assert whole(model.arrays) <= best + slack
    regret = Pricing(case).regrets(mix.prices)
    small = narrowed(families, model, regret, best + slack - mix.bound)
    assert whole(small) == pytest.approx(whole(model.arrays), abs=2 * slack)
    assert answer.judgement.cost == pytest.approx(best, rel=1e-4, abs=1e-4)


def one(name: str, **changes: object) -> Thermal:
    made = Thermal(
        name, 5.0, 20.0, 50.0, 50.0, 50.0, 50.0, 1, 1, False, False, 9, 0.0, (StartStep(1, 3.0),),
        Piecewise(((5.0, 10.0), (20.0, 40.0))),
    )  # fmt: skip
    return replace(made, **changes)


DEGENERATE = {
    "one unit, one hour": ((one("a"),), (12.0,)),
    "no demand": ((one("a"), one("b")), (0.0, 0.0, 0.0)),
    "all must run": (
        tuple(
            one(n, must_run=True, on_before=True, power_before_mw=5.0, min_mw=4.0) for n in "abc"
        ),
        (15.0, 40.0),
    ),
    "least time longer than the horizon": ((one("a", up_h=50), one("b")), (10.0, 30.0, 10.0)),
    "hours that pay to be on": (
        (one("a", cost=Piecewise(((5.0, -10.0), (20.0, -40.0)))), one("b")),
        (10.0, 18.0),
    ),
    "block-loaded": (
        (one("a", min_mw=20.0, cost=Piecewise(((20.0, 40.0),))), one("b")),
        (27.0, 8.0),
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_cases(name: str) -> None:
    units, demand = DEGENERATE[name]
    if name == "all must run":
        # The first point of a cost is at the least power.
        units = tuple(
            replace(u, cost=Piecewise(((4.0, 8.0), (20.0, 40.0))), power_before_mw=4.0)
            for u in units
        )
    case = Case(name, demand, (0.0,) * len(demand), grouped(list(units)), ())
    best = optimum(case)
    assert best < INF
    held(solve_case(case, EXACT), best)


def test_demand_beyond_everything_is_told_and_not_made_up() -> None:
    case = Case("beyond", (10.0, 500.0), (0.0, 0.0), grouped([one("a"), one("b")]), ())
    answer = solve_case(case, replace(EXACT, time_limit_s=5.0))
    assert not answer.judgement.feasible
    assert answer.judgement.violations


def test_a_plan_goes_to_families_and_back() -> None:
    ramped = one("a", ramp_up_mw=6.0, ramp_start_mw=5.0, ramp_stop_mw=5.0)
    case = Case(
        "ramped",
        (5.0, 16.0, 28.0, 10.0),
        (0.0,) * 4,
        grouped([ramped, replace(ramped, name="b"), replace(ramped, name="c")]),
        (Renewable("sun", (0.0,) * 4, (0.0, 1.0, 8.0, 9.0)),),
    )
    answer = solve_case(case, EXACT)
    held(answer, optimum(case))
    families = families_of(case)
    assert [group.count for group in families.case.thermal] == [3]
    model = build(families.case)
    done = mixed_integer(
        model.arrays, absolute_gap=0.0, time_limit_s=60.0, node_limit=None, threads=1, start=None
    )
    assert done.values is not None
    plan = as_plan(case, families, model, done.values)
    start = as_start(families, model, plan)
    assert np.allclose(done.values[start.columns], start.values, atol=1e-6)
    found = dispatched(Pricing(case), plan, 60.0)
    assert found is None or found.cost >= done.objective - 1e-6
