"""The outage table held against the reference files and brute force."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.planning.adequacy import TwoState, outage_table, run_availability


def reference(data_dir: Path, name: str) -> dict:
    return json.loads((data_dir / "reference" / f"{name}.json").read_text())


def test_three_units_of_the_textbook(data_dir: Path) -> None:
    case = reference(data_dir, "adequacy_textbook_3unit")
    units = [TwoState(25.0, 0.98), TwoState(25.0, 0.98), TwoState(50.0, 0.98)]
    table = outage_table(units, 25.0)
    for outage, probability in case["copt"].items():
        assert table.probability[int(outage) // 25] == pytest.approx(probability, rel=1e-12)
    lole = sum(peak["days"] * table.loss_of_load(peak["mw"]) for peak in case["daily_peaks"])
    assert lole == pytest.approx(case["answers"]["lole_days_per_year"], rel=1e-5)


@st.composite
def fleets(draw: st.DrawFn) -> list[TwoState]:
    return [
        TwoState(float(draw(st.integers(1, 40))), draw(st.integers(0, 100)) / 100.0)
        for _ in range(draw(st.integers(0, 7)))
    ]


@given(fleets(), st.integers(0, 200).map(float), st.integers(0, 60).map(float))
def test_no_enumeration_disagrees(fleet: list[TwoState], need: float, firm: float) -> None:
    odds = short = 0.0
    for states in itertools.product((False, True), repeat=len(fleet)):
        chance = 1.0
        there = firm
        for unit, up in zip(fleet, states, strict=True):
            chance *= unit.availability if up else 1.0 - unit.availability
            there += unit.capacity_kw if up else 0.0
        if there < need:
            odds += chance
            short += chance * (need - there)
    table = outage_table(fleet, 1.0)
    assert table.loss_of_load(need, firm) == pytest.approx(odds, abs=1e-12)
    assert table.unserved_kw(need, firm) == pytest.approx(short, abs=1e-9)


@given(fleets(), st.integers(0, 200).map(float))
def test_a_coarser_grid_never_looks_safer(fleet: list[TwoState], need: float) -> None:
    exact = outage_table(fleet, 1.0).loss_of_load(need)
    assert outage_table(fleet, 3.0).loss_of_load(need) >= exact - 1e-12


def test_delivery_through_a_call_of_four_hours() -> None:
    """domain.md section 1: 4 h with REopt's defaults gives 0.982."""
    assert run_availability(0.995, 0.0094, 1100.0, 4.0, started=False) == pytest.approx(
        0.982, abs=5e-4
    )
    assert run_availability(0.5, 0.5, 1100.0, 0.0, started=True) == 1.0
