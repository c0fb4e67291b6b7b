"""Which sets are called: against counting every outcome by hand, and the rules of the choice."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.programs.firm import firm_kw
from gridmuster.programs.selection import (
    WEIGHTS,
    Candidate,
    Excluded,
    Weights,
    scores,
    select,
    weights_of,
)


def one(name: str, kw: float = 10.0, odds: float = 0.98, **changes: object) -> Candidate:
    values: dict[str, object] = {
        "device": name,
        "site": f"site-{name}",
        "kw": kw,
        "least_kw": 0.0,
        "site_room_kw": 1e6,
        "odds": odds,
        "on": False,
        "usd": kw * 2 * 0.3,
        "fuel": kw * 0.6,
        "low_usd": kw * 2 * 0.3,
        "low_fuel": kw * 0.6,
        "gas": False,
        "heat_kwh": kw * 6.0,
        "run_h": 2.0,
        "starts_share": 0.2,
        "fuel_share": 0.1,
        "permit_share": 0.05,
        "recent_h": 0.0,
        "light_load": False,
    }
    return Candidate(**{**values, **changes})  # type: ignore[arg-type]


def counted_firm_kw(sets: list[tuple[float, float]], probability: float) -> float:
    """Every combination of sets that deliver or not, counted one by one."""
    outcomes: dict[float, float] = {}
    for there in itertools.product((True, False), repeat=len(sets)):
        kw = math.fsum(kw for (kw, _), is_there in zip(sets, there, strict=True) if is_there)
        odds = math.prod(
            odds if is_there else 1.0 - odds
            for (_, odds), is_there in zip(sets, there, strict=True)
        )
        outcomes[round(kw, 6)] = outcomes.get(round(kw, 6), 0.0) + odds
    reached = 0.0
    for kw in sorted(outcomes, reverse=True):
        reached += outcomes[kw]
        if reached >= probability - 1e-12:
            return kw
    return 0.0


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.floats(0.5, 1.0)),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]),
)
@settings(max_examples=150, deadline=None)
def test_firm_power_is_the_quantile_of_all_outcomes(
    sets: list[tuple[int, float]], probability: float
) -> None:
    known = [(float(kw), odds) for kw, odds in sets]
    assert firm_kw(known, probability, 1.0) == pytest.approx(counted_firm_kw(known, probability))


@given(
    st.lists(st.tuples(st.floats(0.5, 80.0), st.floats(0.6, 1.0)), min_size=1, max_size=9),
    st.sampled_from([0.9, 0.95, 0.99]),
)
@settings(max_examples=100, deadline=None)
def test_a_grid_never_promises_more_than_there_is(
    sets: list[tuple[float, float]], probability: float
) -> None:
    exact = counted_firm_kw(sets, probability)
    found = firm_kw(sets, probability)
    total = sum(kw for kw, _ in sets)
    assert found <= exact + 1e-5
    assert found >= exact - len(sets) * total / 2000 - 1e-5


def test_firm_power_of_many_alike_sets_is_binomial() -> None:
    """1,000 sets of 5 kW at 0.982: the shares that `domain.md` states for a call of 4 h."""
    for count, share in ((10, 0.80), (100, 0.95), (1000, 0.97)):
        found = firm_kw([(5.0, 0.982)] * count, 0.99, 5.0)
        below = 0.0
        for k in range(count + 1):
            below += math.comb(count, k) * 0.982 ** (count - k) * 0.018**k
            if below >= 0.99:
                assert found == pytest.approx(5.0 * (count - k))
                break
        assert found / (5.0 * count) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("seed", range(25))
def test_the_choice_is_the_shortest_run_of_the_merit_order_without_needless_sets(
    seed: int,
) -> None:
    rng = random.Random(seed)
    candidates = [
        one(
            f"d{k}",
            float(rng.randint(1, 30)),
            round(rng.uniform(0.85, 1.0), 3),
            usd=rng.uniform(1.0, 30.0),
            recent_h=rng.uniform(0.0, 5.0),
            starts_share=rng.uniform(0.0, 1.0),
            on=rng.random() < 0.2,
        )
        for k in range(9)
    ]
    target_kw = float(rng.randint(10, 70))
    found = select(target_kw, 0.95, candidates)
    score = scores(candidates, WEIGHTS["operating-expense"], 1e6)
    order = sorted(candidates, key=lambda c: (score[c.device], c.device))
    pairs = [(c.kw, c.odds) for c in order]
    needed = next(
        (n for n in range(len(order) + 1) if counted_firm_kw(pairs[:n], 0.95) >= target_kw - 1e-9),
        len(order),
    )
    names = [c.device for c in order[:needed]]
    chosen = [c.device for c in found.chosen]
    firm = counted_firm_kw([(c.kw, c.odds) for c in found.chosen], 0.95)
    assert set(chosen) <= set(names)
    assert chosen == [name for name in names if name in chosen]
    assert found.firm_kw == pytest.approx(firm, abs=target_kw / 1000)
    if counted_firm_kw(pairs, 0.95) >= target_kw:
        assert firm >= target_kw - target_kw / 1000
        assert found.missing_kw == 0.0
        # The set that the target was reached with is always needed.
        assert chosen[-1] == names[-1]
    else:
        assert chosen == [c.device for c in order]
        assert found.missing_kw == pytest.approx(target_kw - found.firm_kw)
    assert found.total_kw == pytest.approx(sum(c.kw for c in found.chosen))
    assert found.expected_kw == pytest.approx(sum(c.kw * c.odds for c in found.chosen))
    assert found.firm_99_kw <= found.firm_95_kw <= found.total_kw
    line = [c.device for c in found.in_line]
    assert not set(line) & set(chosen) and len(line) <= 5
    for earlier, later in itertools.pairwise(found.in_line):
        assert earlier.score <= later.score


def test_a_small_set_that_a_big_one_made_needless_is_left_out() -> None:
    small = one("small", 10.0, 1.0, usd=0.1)
    big = one("big", 500.0, 1.0, usd=900.0)
    found = select(400.0, 0.95, [small, big])
    assert [c.device for c in found.chosen] == ["big"]
    assert [c.device for c in found.in_line] == ["small"]


def test_a_set_that_is_called_already_stays_and_comes_first() -> None:
    candidates = [one("cheap", 100.0, 1.0, usd=1.0), one("dear", 20.0, 1.0, usd=50.0)]
    found = select(100.0, 0.95, candidates, called=frozenset({"dear"}))
    assert [c.device for c in found.chosen] == ["dear", "cheap"]


def test_sets_of_one_site_share_what_the_site_may_give() -> None:
    pair = [
        one(name, 200.0, 1.0, site="pump", site_room_kw=300.0, least_kw=60.0)
        for name in ("a", "b", "c")
    ]
    found = select(1000.0, 0.95, pair)
    assert [(c.device, c.kw) for c in found.chosen] == [("a", 200.0), ("b", 100.0)]
    assert found.excluded == (Excluded("c", "other sets of pump use up what the site may give"),)
    assert found.missing_kw == pytest.approx(700.0)


def test_a_set_below_its_least_load_comes_last() -> None:
    light = one("light", 10.0, 1.0, usd=0.01, light_load=True)
    dear = one("dear", 10.0, 0.9, usd=99.0, starts_share=1.0, permit_share=1.0, fuel_share=1.0)
    assert [c.device for c in select(5.0, 0.5, [light, dear]).chosen] == ["dear"]


@pytest.mark.parametrize(
    "worse",
    [
        {"usd": 100.0},
        {"starts_share": 0.9},
        {"fuel_share": 0.9},
        {"permit_share": 0.9},
        {"odds": 0.91},
        {"recent_h": 50.0},
    ],
)
def test_each_burden_puts_a_set_behind_its_like(worse: dict[str, float]) -> None:
    candidates = [one("a", **worse), one("b")]  # type: ignore[arg-type]
    assert select(5.0, 0.9, candidates).chosen[0].device == "b"


def test_a_set_that_runs_needs_no_start() -> None:
    assert select(5.0, 0.9, [one("a"), one("b", on=True)]).chosen[0].device == "b"


def test_the_objective_decides_what_counts() -> None:
    cheap = one("cheap", usd=3.0, heat_kwh=90.0, odds=0.95)
    lean = one("lean", usd=6.0, heat_kwh=40.0, odds=0.95)
    sure = one("sure", usd=7.0, heat_kwh=90.0, odds=0.999)
    first = {
        name: select(5.0, 0.9, [cheap, lean, sure], weights=weights).chosen[0].device
        for name, weights in WEIGHTS.items()
    }
    assert first == {
        "operating-expense": "cheap",
        "production-cost": "cheap",
        "efficiency": "lean",
        "reliability": "sure",
    }


def test_a_blend_of_objectives_blends_the_weights() -> None:
    blend = weights_of({"operating-expense": 0.5, "reliability": 0.5})
    pair = WEIGHTS["operating-expense"], WEIGHTS["reliability"]
    for field in Weights.__struct_fields__:
        assert getattr(blend, field) == pytest.approx(sum(getattr(w, field) for w in pair) / 2)
    assert weights_of({}) == WEIGHTS["operating-expense"]


def test_nothing_to_choose_from_is_an_empty_choice() -> None:
    found = select(100.0, 0.95, [], [Excluded("x", "in fault")])
    assert found.chosen == () and found.firm_kw == 0.0
    assert found.missing_kw == 100.0
    assert found.excluded == (Excluded("x", "in fault"),)


def test_ten_thousand_sets_are_chosen_within_a_second_or_so() -> None:
    """A city's towers: the table stays bounded however many there are."""
    rng = random.Random(3)
    towers = [
        one(f"t{k:05}", round(rng.uniform(3.0, 8.0), 1), 0.98, usd=rng.uniform(2.0, 4.0))
        for k in range(10_000)
    ]
    found = select(20_000.0, 0.95, towers)
    assert found.missing_kw == 0.0
    assert 20_000.0 <= found.firm_kw <= 20_200.0
    mean = found.expected_kw
    deviation = math.sqrt(sum(c.kw**2 * c.odds * (1 - c.odds) for c in found.chosen))
    assert found.firm_kw == pytest.approx(mean - 1.645 * deviation, rel=0.004)


def test_a_set_far_larger_than_the_target_is_weighed_at_the_target() -> None:
    large = one(
        "large", 1500.0, least_kw=450.0, usd=450.0, fuel=600.0, low_usd=200.0, low_fuel=260.0
    )
    small = [
        one(name, 250.0, least_kw=75.0, usd=90.0, fuel=120.0, low_usd=40.0, low_fuel=50.0)
        for name in ("a", "b")
    ]
    picked = select(500.0, 0.9, [large, *small])
    assert {chosen.device for chosen in picked.chosen} == {"a", "b"}
    assert select(1500.0, 0.9, [large, *small]).chosen[0].device == "large"


@given(st.floats(0.0, 400.0), st.integers(1, 6))
def test_cost_and_fuel_are_those_of_the_target_and_not_of_all_that_is_called(
    target_kw: float, count: int
) -> None:
    sets = [
        one(f"s{k}", 100.0, least_kw=30.0, usd=50.0, fuel=60.0, low_usd=22.0, low_fuel=25.0)
        for k in range(count)
    ]
    picked = select(target_kw, 0.5, sets, called=frozenset(f"s{k}" for k in range(count)))
    given_kw = sum(chosen.run_kw for chosen in picked.chosen)
    assert given_kw == pytest.approx(min(max(target_kw, 30.0 * count), 100.0 * count), abs=0.6)
    each_kw = given_kw / count
    assert picked.usd == pytest.approx(count * (22.0 + (each_kw - 30.0) / 70.0 * 28.0), abs=0.3)
    assert picked.fuel_l == pytest.approx(count * (25.0 + (each_kw - 30.0) / 70.0 * 35.0), abs=0.4)
