"""Shed load is told from load that falls by itself."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.report.shedding import Feeder

CYCLE_MS = 4_000
METERS = tuple(f"m{k}" for k in range(12))
DEMAND_KW = 50.0


def walk(dice: random.Random, kw: dict[str, float], share: float) -> None:
    """Every customer's demand moves a little by itself."""
    for meter, last_kw in kw.items():
        kw[meter] = max(last_kw * (1.0 + share * dice.gauss(0.0, 1.0)), 1.0)


def missing_kwh(
    cycles: int, shed: range, share: float, seed: int, noise: float = 0.002
) -> tuple[float, float]:
    """What the feeder misses while shed in some cycles to a share, and what was missing."""
    dice = random.Random(seed)
    feeder = Feeder()
    kw = dict.fromkeys(METERS, DEMAND_KW)
    found = true = 0.0
    for k in range(cycles):
        at_ms = 1_000_000 + k * CYCLE_MS
        walk(dice, kw, noise)
        served = share if k in shed else 1.0
        for meter in METERS:
            feeder.reading(meter, at_ms, kw[meter] * served * (1.0 + dice.gauss(0.0, 0.001)))
        found += feeder.settle(at_ms)[1]
        true += (1.0 - served) * sum(kw.values()) * CYCLE_MS / 3.6e6
    return found, true


@given(seed=st.integers(0, 10_000), share=st.floats(0.1, 0.95))
def test_what_is_shed_is_found(seed: int, share: float) -> None:
    found, true = missing_kwh(200, range(50, 150), share, seed)
    # Demand goes on by itself meanwhile, which nobody can see.
    assert found == pytest.approx(true, rel=0.1, abs=0.02 * sum(METERS_KWH))


#: Demand of the meters over the hundred shed cycles, kWh.
METERS_KWH = [DEMAND_KW * 100 * CYCLE_MS / 3.6e6 for _ in METERS]


@given(seed=st.integers(0, 10_000), noise=st.floats(0.0, 0.05))
def test_demand_that_moves_by_itself_is_not_shed(seed: int, noise: float) -> None:
    assert missing_kwh(200, range(0), 1.0, seed, noise) == (0.0, 0.0)


def test_half_the_customers_going_home_is_not_shed() -> None:
    feeder = Feeder()
    for k in range(20):
        at_ms = k * CYCLE_MS
        for number, meter in enumerate(METERS):
            feeder.reading(meter, at_ms, 20.0 if k >= 10 and number % 2 else 50.0)
        assert feeder.settle(at_ms)[1] == 0.0


def test_too_few_meters_prove_nothing() -> None:
    feeder = Feeder()
    for k in range(20):
        at_ms = k * CYCLE_MS
        for meter in METERS[:3]:
            feeder.reading(meter, at_ms, 20.0 if k >= 10 else 50.0)
        assert feeder.settle(at_ms)[1] == 0.0


def test_meters_that_speak_within_seconds_of_each_other_are_one_event() -> None:
    feeder = Feeder()
    found = 0.0
    for k in range(40):
        at_ms = k * CYCLE_MS
        for number, meter in enumerate(METERS):
            late = 11 if number % 2 else 10
            feeder.reading(meter, at_ms, 40.0 if k >= late else 50.0)
        found += feeder.settle(at_ms)[1]
    assert found == pytest.approx(0.2 * 50.0 * 12 * 28 * CYCLE_MS / 3.6e6, rel=0.05)
