"""Firm power under common causes: against counting, and promised odds against what happens."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.center.commoncauses import CauseBook
from gridmuster.fleet.causes import CommonCause
from gridmuster.fleet.devices import EmergencyGenerator, FuelPoint, Reliability
from gridmuster.fleet.model import Area, Border, Connection, Fleet, Site
from gridmuster.programs.firm import Mixture, firm_kw, mixture_of
from gridmuster.programs.selection import Candidate, select

RING = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0))
CURVE = (FuelPoint(load_fraction=0.25, fuel_per_h=6.0), FuelPoint(load_fraction=1, fuel_per_h=16))
SNAP = CommonCause(
    id="cold", probability=0.2, fuels=("diesel",), fail_to_start_factor=8.0, mttf_factor=0.25
)
NO_GAS = CommonCause(id="main", probability=0.05, tags=("gas",), availability_factor=0.0)


def plant(count: int, *causes: CommonCause, reliability: Reliability | None = None) -> Fleet:
    odds = reliability or Reliability(availability=0.99, fail_to_start=0.02, mttf_h=60.0)
    return Fleet(
        id="plant",
        common_causes=causes,
        areas=(
            Area(
                id="a",
                border=Border(coordinates=(RING,)),
                connection=Connection(import_limit_kw=1e4),
            ),
        ),
        sites=tuple(Site(id=f"s{k}", area="a", latitude=0.5, longitude=0.5) for k in range(count)),
        devices=tuple(
            EmergencyGenerator(
                id=f"d{k}",
                type="emergency_generator",
                site=f"s{k}",
                rated_kw=50.0,
                fuel="diesel" if k % 3 else "natural_gas",
                fuel_curve=CURVE,
                reliability=odds,
                tags=() if k % 3 else ("gas",),
            )
            for k in range(count)
        ),
    )


SETS = st.lists(
    st.tuples(st.integers(1, 40), st.floats(0.3, 1.0), st.floats(0.3, 1.0)), min_size=1, max_size=8
)


def counted(
    sets: list[tuple[int, float, float]], states: tuple[float, float]
) -> dict[float, float]:
    """Odds of each sum, every combination counted in each state."""
    found: dict[float, float] = {}
    for state, likely in enumerate(states):
        for there in itertools.product((True, False), repeat=len(sets)):
            kw = sum(one[0] for one, so in zip(sets, there, strict=True) if so)
            odds = math.prod(
                one[1 + state] if so else 1.0 - one[1 + state]
                for one, so in zip(sets, there, strict=True)
            )
            found[kw] = found.get(kw, 0.0) + likely * odds
    return found


@given(SETS, st.floats(0.0, 1.0), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(max_examples=100, deadline=None)
def test_the_mixture_is_that_of_all_outcomes_in_all_states(
    sets: list[tuple[int, float, float]], likely: float, probability: float
) -> None:
    states = (1.0 - likely, likely)
    made = mixture_of([(float(kw), (a, b)) for kw, a, b in sets], states, 1.0)
    outcomes = counted(sets, states)
    for target in {0, *outcomes, 7}:
        expected = math.fsum(odds for kw, odds in outcomes.items() if kw >= target)
        assert made.odds_of(float(target)) == pytest.approx(expected, abs=1e-9)
    reached, firm = 0.0, 0.0
    for kw in sorted(outcomes, reverse=True):
        reached += outcomes[kw]
        if reached >= probability - 1e-12:
            firm = kw
            break
    assert made.firm_kw(probability) == pytest.approx(firm)


def test_a_cause_takes_from_the_tail_and_not_from_the_mean() -> None:
    """100 sets of 5 kW: a cause with odds 5 % and half the sets lost leaves 99 % no better."""
    states, odds = (0.95, 0.05), (0.99, 0.5)
    mean = 0.95 * 0.99 + 0.05 * 0.5
    apart = firm_kw([(5.0, mean)] * 100, 0.99, 5.0)
    together = firm_kw([(5.0, odds)] * 100, 0.99, 5.0, states)
    assert apart >= 450.0
    assert together <= 260.0
    made = Mixture(5.0, states)
    for _ in range(100):
        made.add(5.0, odds)
    assert made.odds_of(together) >= 0.99 > made.odds_of(together + 5.0)


def test_odds_by_hand_in_each_state() -> None:
    book = CauseBook(plant(3, SNAP, NO_GAS))
    fleet = plant(3, SNAP, NO_GAS)
    # States: neither, gas main, cold, both.
    assert book.states == pytest.approx((0.8 * 0.95, 0.8 * 0.05, 0.2 * 0.95, 0.2 * 0.05))
    calm = 0.99 * 0.98 * math.exp(-4 / 60)
    cold = 0.99 * (1 - 8 * 0.02) * math.exp(-4 / 15)
    assert book.odds(fleet.device_by_id["d0"], 4.0, started=False) == pytest.approx(
        (calm, 0.0, calm, 0.0)
    )
    assert book.odds(fleet.device_by_id["d1"], 4.0, started=False) == pytest.approx(
        (calm, calm, cold, cold)
    )
    assert book.odds(fleet.device_by_id["d1"], 4.0, started=True) == pytest.approx(
        (math.exp(-4 / 60), math.exp(-4 / 60), math.exp(-4 / 15), math.exp(-4 / 15))
    )


def test_without_causes_sets_fail_apart() -> None:
    book = CauseBook(plant(1))
    assert book.states == (1.0,)
    sure = CauseBook(plant(1, CommonCause(id="c", probability=1.0, mttf_factor=0.5)))
    assert sure.states == (1.0,)
    device = plant(1).devices[0]
    assert sure.odds(device, 4.0, started=True) == pytest.approx((math.exp(-4 / 30),))


def struck(cause: CommonCause, device: EmergencyGenerator) -> bool:
    return cause.strikes(device, ())


def one_event(fleet: Fleet, chosen: list[str], run_h: float, rng: np.random.Generator) -> float:
    """One call as it may go: causes, repairs, failed starts and times to failure are drawn."""
    holds = [cause for cause in fleet.common_causes if rng.random() < cause.probability]
    delivered_kw = 0.0
    for name in chosen:
        device, odds = fleet.device_by_id[name], fleet.device_by_id[name].reliability
        causes = [cause for cause in holds if struck(cause, device)]
        there = odds.availability * math.prod(one.availability_factor for one in causes)
        fails = odds.fail_to_start * math.prod(one.fail_to_start_factor for one in causes)
        mttf_h = odds.mttf_h * math.prod(one.mttf_factor for one in causes)
        lasts = rng.random() < there and rng.random() >= min(fails, 1.0)
        if lasts and rng.exponential(mttf_h) >= run_h:
            delivered_kw += device.rated_kw
    return delivered_kw


def candidate(book: CauseBook, device: EmergencyGenerator, run_h: float) -> Candidate:
    odds = book.odds(device, run_h, started=False)
    return Candidate(
        device.id,
        device.site,
        device.rated_kw,
        0.0,
        1e6,
        book.mean(odds),
        False,
        usd=20.0,
        fuel=10.0,
        low_usd=20.0,
        low_fuel=10.0,
        gas=False,
        heat_kwh=100.0,
        run_h=run_h,
        starts_share=0.2,
        fuel_share=0.1,
        permit_share=0.1,
        recent_h=0.0,
        light_load=False,
        odds_by_state=odds,
    )


@pytest.mark.parametrize("causes", [(), (SNAP, NO_GAS)], ids=["apart", "together"])
def test_what_is_promised_happens_as_often_as_promised(causes: tuple[CommonCause, ...]) -> None:
    """1,000 events: each call's claimed odds against how often the target was delivered."""
    pick, rng = random.Random(7), np.random.default_rng(7)
    claimed, came = [], []
    for _ in range(1000):
        fleet = plant(pick.randint(8, 30), *causes)
        book, run_h = CauseBook(fleet), pick.choice([1.0, 2.0, 4.0])
        target_kw = 50.0 * pick.randint(2, len(fleet.devices) // 2)
        probability = pick.choice([0.8, 0.9, 0.95, 0.99])
        found = select(
            target_kw,
            probability,
            [candidate(book, device, run_h) for device in fleet.devices],
            states=book.states,
        )
        if found.missing_kw == 0.0:
            assert found.target_odds >= probability - 1e-9
        claimed.append(found.target_odds)
        delivered_kw = one_event(fleet, [one.device for one in found.chosen], run_h, rng)
        came.append(delivered_kw >= target_kw)
    spread = math.sqrt(sum(p * (1.0 - p) for p in claimed))
    assert abs(sum(came) - sum(claimed)) <= 3.0 * spread
