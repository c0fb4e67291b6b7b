"""Stores: no energy from nothing, limits held exactly, seconds for a SMES."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import SURE, battery, fleet, place, power_kw, run, state, tell, world

from gridmuster.fleet.devices import Battery, Flywheel, Smes
from gridmuster.fleet.model import Transfer
from gridmuster.simulator.scenario import Trip, UtilityOutage

SITE = (place(transfer=Transfer(export_limit_kw=1000.0)),)
KINDS = {"battery": Battery, "flywheel": Flywheel, "smes": Smes}


def store_world(kind: str = "battery", *events, **more):
    more.setdefault("energy_capacity_kwh", 100.0)
    store = KINDS[kind](type=kind, id="store", site="site", rated_kw=50.0, reliability=SURE, **more)
    return world(fleet(store, sites=SITE), *events), store


@settings(max_examples=60)
@given(
    kind=st.sampled_from(list(KINDS)),
    capacity_kwh=st.floats(0.02, 200),
    charge_efficiency=st.floats(0.5, 1),
    discharge_efficiency=st.floats(0.5, 1),
    leak_per_h=st.one_of(st.just(0.0), st.floats(1e-6, 0.5)),
    window=st.tuples(st.floats(0, 0.4), st.floats(0.6, 1)),
    moves=st.lists(
        st.tuples(st.floats(-120, 120), st.integers(1, 200_000)), min_size=1, max_size=8
    ),
)
def test_what_comes_out_went_in_or_was_there(
    kind, capacity_kwh, charge_efficiency, discharge_efficiency, leak_per_h, window, moves
):
    w, store = store_world(
        kind,
        energy_capacity_kwh=capacity_kwh,
        charge_efficiency=charge_efficiency,
        discharge_efficiency=discharge_efficiency,
        self_discharge_per_h=leak_per_h,
        min_energy_fraction=window[0],
        max_energy_fraction=window[1],
    )
    tell(w, "store", start=1)
    for power, duration_ms in moves:
        seconds = duration_ms / 1000
        tell(w, "store", set_power_kw=power)
        before = w.controllers["store"].points()
        run(w, seconds)
        after = w.controllers["store"].points()
        assert -50 <= after["power_kw"] <= 50
        # Held within its window, but for self-discharge below the floor.
        assert after["energy_kwh"] <= store.max_energy_kwh + 1e-9
        idle_kwh = before["energy_kwh"] * math.exp(-leak_per_h * seconds / 3600)
        floor_kwh = store.min_energy_fraction * capacity_kwh
        assert after["energy_kwh"] >= min(floor_kwh * math.exp(-leak_per_h / 6), idle_kwh) - 1e-9
        # The change in store is what went in less what came out less what leaked, and what
        # leaked lies between nothing and the leak of the fuller of the two ends.
        taken_kwh = after["absorbed_kwh"] - before["absorbed_kwh"]
        given_kwh = after["produced_kwh"] - before["produced_kwh"]
        kept_kwh = charge_efficiency * taken_kwh - given_kwh / discharge_efficiency
        leak_kwh = before["energy_kwh"] + kept_kwh - after["energy_kwh"]
        fullest_kwh = max(before["energy_kwh"], after["energy_kwh"])
        assert -1e-9 <= leak_kwh <= fullest_kwh * leak_per_h * seconds / 3600 + 1e-9


def test_a_battery_gives_what_its_energy_allows_as_a_mean_and_then_nothing():
    w, _ = store_world(energy_capacity_kwh=10.0, self_discharge_per_h=0.0)
    tell(w, "store", start=1, set_power_kw=50)
    run(w, 3600)
    points = w.controllers["store"].points()
    assert points["energy_kwh"] == pytest.approx(2.0, abs=1e-12)
    assert points["produced_kwh"] == pytest.approx(3.0 * 0.948, abs=1e-12)
    assert (points["power_kw"], points["available_kw"]) == (0, 0)
    tell(w, "store", set_power_kw=-50)
    run(w, 3600)
    points = w.controllers["store"].points()
    assert points["energy_kwh"] == pytest.approx(10.0, abs=1e-12)
    assert points["absorbed_kwh"] == pytest.approx(8.0 / 0.948, abs=1e-12)


def test_a_smes_lasts_seconds():
    w, _ = store_world("smes", energy_capacity_kwh=0.1, initial_energy_kwh=0.1)
    tell(w, "store", start=1, set_power_kw=50)
    seconds = 0.1 * 0.975 / 50 * 3600
    assert 6 < seconds < 8
    run(w, 6.0, 1.0)
    assert power_kw(w, "store") == 50
    run(w, 1.0, 1.0)
    assert power_kw(w, "store") == 50
    run(w, 1.0, 1.0)
    assert power_kw(w, "store") == pytest.approx(50 * (seconds - 7.0))
    run(w, 1.0, 1.0)
    assert power_kw(w, "store") == 0
    assert w.controllers["store"].points()["produced_kwh"] == pytest.approx(0.0975)


def test_a_flywheel_runs_down_by_itself():
    w, _ = store_world("flywheel", initial_energy_kwh=80.0, self_discharge_per_h=0.1)
    run(w, 2 * 3600, 60)
    energy_kwh = w.controllers["store"].points()["energy_kwh"]
    assert energy_kwh == pytest.approx(80 * math.exp(-0.2))


def test_standby_is_drawn_from_the_grid_and_not_from_the_store():
    w, _ = store_world("smes", standby_loss_kw=3.0)
    calm, _ = store_world("smes")
    run(w, 3600)
    run(calm, 3600)
    # 3 kWh more, and what the wires lose by carrying it.
    extra = w.truth.areas["area"].import_kwh - calm.truth.areas["area"].import_kwh
    assert 3.0 < extra < 3.3
    assert w.controllers["store"].points()["energy_kwh"] == 50
    assert w.controllers["panel.site"].points()["poi_kw"] == -3.0


def test_a_store_that_is_stopped_or_tripped_gives_nothing():
    w, _ = store_world("battery", Trip(device="store", at="00:02"))
    tell(w, "store", set_power_kw=30)
    run(w, 8)
    assert (state(w, "store"), power_kw(w, "store")) == ("idle", 0)
    tell(w, "store", start=1)
    run(w, 4)
    assert (state(w, "store"), power_kw(w, "store")) == ("running", 30)
    tell(w, "store", stop=1)
    assert (state(w, "store"), power_kw(w, "store")) == ("idle", 0)
    tell(w, "store", start=1)
    run(w, 120)
    assert (state(w, "store"), power_kw(w, "store")) == ("fault", 0)
    tell(w, "store", start=1)
    run(w, 8)
    assert power_kw(w, "store") == 0
    tell(w, "store", reset=1, start=1)
    run(w, 4)
    assert power_kw(w, "store") == 30


def test_it_lets_go_of_a_dead_bus_and_waits_five_minutes():
    outage = UtilityOutage(sites=("site",), at="00:01", until="00:02")
    plant = fleet(battery(grid_forming=False), sites=SITE)
    w = world(plant, outage)
    tell(w, "store", start=1, set_power_kw=30)
    run(w, 59)
    assert power_kw(w, "store") == 30
    run(w, 1)
    assert (state(w, "store"), power_kw(w, "store")) == ("starting", 0)
    run(w, 359)
    assert power_kw(w, "store") == 0
    run(w, 15)
    assert (state(w, "store"), power_kw(w, "store")) == ("running", 30)
