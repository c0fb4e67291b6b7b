"""Odds of surviving an outage held against the reference file, paths one by one, and dice."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.survival import Backup, BackupSets, BackupStore, survival


def test_the_reference_chain(data_dir: Path) -> None:
    document = json.loads((data_dir / "reference" / "backup_survival_reopt.json").read_text())
    case = document["case"]
    sets = BackupSets(
        case["generators"],
        case["kw_each"],
        case["availability"],
        case["fail_to_start"],
        case["mttf_h"],
    )
    found = survival(Backup((sets,)), case["load_kw_cyclic"], 3)
    answers = case["answers_rows_start_hour_cols_duration"]
    for bound in range(2):
        assert found.through[bound] == pytest.approx(np.array(answers["cumulative"]), abs=1e-12)
        assert found.each[bound] == pytest.approx(np.array(answers["marginal"]), abs=1e-12)


def by_paths(sets: list[BackupSets], load: list[float], start: int, hours: int) -> float:
    """Odds of serving all hours, by the hour in which each single set fails, or never starts."""
    singles = [one for kind in sets for one in [kind] * kind.count]
    odds = 0.0
    for ends in itertools.product(range(-1, hours + 1), repeat=len(singles)):
        chance = 1.0
        for one, end in zip(singles, ends, strict=True):
            begins = one.availability * (1.0 - one.fail_to_start)
            stays = 1.0 - 1.0 / one.mttf_h
            if end < 0:
                chance *= 1.0 - begins
            elif end < hours:
                chance *= begins * stays**end * (1.0 - stays)
            else:
                chance *= begins * stays**hours
        served = all(
            sum(one.power_kw for one, end in zip(singles, ends, strict=True) if end > hour)
            >= load[(start + hour) % len(load)] - 1e-9
            for hour in range(hours)
        )
        odds += chance * served
    return odds


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            BackupSets,
            count=st.integers(0, 2),
            power_kw=st.integers(1, 4).map(float),
            availability=st.floats(0.5, 1.0),
            fail_to_start=st.floats(0.0, 0.5),
            mttf_h=st.floats(1.0, 30.0),
        ),
        max_size=2,
    ),
    st.lists(st.integers(0, 7).map(float), min_size=1, max_size=4),
    st.integers(1, 3),
)
def test_every_path_is_counted(sets: list[BackupSets], load: list[float], hours: int) -> None:
    found = survival(Backup(tuple(sets)), load, hours)
    for start in range(len(load)):
        truth = by_paths(sets, load, start, hours)
        assert found.through[0, start, -1] == pytest.approx(truth, abs=1e-12)
    assert np.all(np.diff(found.through[0], axis=1) <= 1e-12)
    assert np.all(found.each[0] >= found.through[0] - 1e-12)


PLANT = Backup(
    (BackupSets(2, 5.0, 0.95, 0.05, 20.0, 0.4, 0.25), BackupSets(1, 3.0, 0.9, 0.1, 10.0, 0.3, 0.3)),
    BackupStore(12.0, 4.0, 10.0, 0.9, 0.9),
    fuel=40.0,
)
LOAD = [4.0, 6.0, 8.0, 5.0]


def thrown(plant: Backup, load: list[float], start: int, hours: int, throws: int) -> np.ndarray:
    """Share of throws that serve all hours up to each: the same rules, followed one by one."""
    dice = np.random.default_rng(11)
    store = plant.store
    assert store is not None
    singles = [one for kind in plant.sets for one in [kind] * kind.count]
    alive = np.array(
        [dice.random(throws) < one.availability * (1.0 - one.fail_to_start) for one in singles]
    )
    energy, fuel = np.full(throws, store.initial_kwh), np.full(throws, float(plant.fuel or 0.0))
    served, out = np.ones(throws, dtype=bool), []
    power = np.array([one.power_kw for one in singles])
    for hour in range(hours):
        need = load[(start + hour) % len(load)]
        alive &= np.array([dice.random(throws) >= 1.0 / one.mttf_h for one in singles])
        able = power @ alive
        room = np.minimum((store.energy_kwh - energy) / store.charge_efficiency, store.power_kw)
        made = np.minimum(able, need + room)
        burnt = np.zeros(throws)
        for one, up in zip(singles, alive, strict=True):
            load_share = np.divide(made, able, out=np.zeros(throws), where=able > 0.0)
            burnt += up * (one.fuel_per_h + one.fuel_per_kwh * one.power_kw * load_share)
        runs = burnt <= fuel + 1e-9
        fuel = np.maximum(fuel - burnt, 0.0)
        given_kw = np.where(runs, made, 0.0) - need
        from_store = np.minimum(energy * store.discharge_efficiency, store.power_kw)
        served = served & (given_kw >= -from_store - 1e-9)
        flow = np.clip(given_kw, -store.power_kw, store.power_kw)
        gain = np.where(
            flow > 0.0, flow * store.charge_efficiency, flow / store.discharge_efficiency
        )
        energy = np.clip(energy + gain, 0.0, store.energy_kwh)
        out.append(served.mean())
    return np.array(out)


def test_dice_fall_between_the_bounds() -> None:
    """20,000 throws within four standard errors of the bounds; fuel ends within the hours."""
    throws = 20_000
    found = survival(PLANT, LOAD, 30, steps=60)
    for start in (0, 2):
        share = thrown(PLANT, LOAD, start, 30, throws)
        error = 4.0 * np.sqrt(np.maximum(share * (1.0 - share), 1e-4) / throws)
        low, high = found.through[:, start]
        assert np.all(share >= low - error)
        assert np.all(share <= high + error)
        # The tank lasts no 30 h.
        assert share[-1] < 0.05 < share[6]
    assert np.all(found.through[0] <= found.through[1] + 1e-12)


def test_finer_grids_close_in() -> None:
    def width(steps: int) -> float:
        found = survival(PLANT, LOAD, 16, steps=steps)
        return float((found.through[1] - found.through[0]).sum())

    assert width(80) < 0.5 * width(10)


def test_degenerate_sites() -> None:
    nothing = survival(Backup(()), [0.0, 1.0], 2)
    assert nothing.through[0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    sunny = survival(Backup(()), [2.0], 3, firm_kw=[2.0])
    assert sunny.through[0].tolist() == [[1.0, 1.0, 1.0]]
    battery = survival(Backup((), BackupStore(3.0, 1.0, 3.0)), [1.0], 5, steps=30)
    assert battery.through[0].tolist() == [[1.0, 1.0, 1.0, 0.0, 0.0]]
    dry = survival(Backup((BackupSets(1, 5.0, fuel_per_kwh=1.0),), fuel=0.0), [1.0], 1)
    assert dry.through[0].tolist() == [[0.0]]
    sure = survival(Backup((BackupSets(3, 1.0, mttf_h=1.0),)), [1.0], 1)
    assert sure.through[0].tolist() == [[0.0]]


def test_wrong_numbers_are_refused_by_name() -> None:
    with pytest.raises(PlanningError, match=r"generators 0: mttf_h is 0\.5"):
        survival(Backup((BackupSets(1, 1.0, mttf_h=0.5),)), [1.0], 1)
    with pytest.raises(PlanningError, match="no hours of load"):
        survival(Backup(()), [], 1)
    with pytest.raises(PlanningError, match="initial_kwh <= energy_kwh"):
        survival(Backup((), BackupStore(1.0, 1.0, 2.0)), [1.0], 1)
    with pytest.raises(PlanningError, match="fuel -1"):
        survival(Backup((), fuel=-1.0), [1.0], 1)
    with pytest.raises(PlanningError, match="fewer steps"):
        survival(PLANT, [1.0] * 8760, 1, steps=1000)
