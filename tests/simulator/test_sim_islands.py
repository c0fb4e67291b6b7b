"""Islanded areas: units share by rating, frequency follows, sun gives way, load is shed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import (
    NOON_MS,
    PARALLELING,
    battery,
    diesel,
    fleet,
    home,
    imbalance_kwh,
    panels,
    place,
    power_kw,
    run,
    state,
    supply,
    tell,
    tower,
    world,
)

from gridmuster.simulator.scenario import Trip

SITE = (place(transfer=PARALLELING, bridge_energy_kwh=20.0),)
USERS = (home(peak_kw=100.0), tower(peak_kw=5.0))


def island(*devices, events=(), users=USERS, at_ms=NOON_MS, loss_fraction=0.03):
    plant = fleet(*devices, sites=SITE, users=users, connection=None, loss_fraction=loss_fraction)
    return world(plant, *events, at_ms=at_ms)


def hz(w):
    return w.grid_signal("area").frequency_hz


def test_sets_share_what_is_needed_in_proportion_to_rating():
    w = island(diesel("one", rated_kw=50.0), diesel("two", rated_kw=150.0))
    assert state(w, "two") == "running"
    tell(w, "one", start=1, set_power_kw=0)
    tell(w, "two", set_power_kw=0)
    run(w, 300)
    one_kw, two_kw = power_kw(w, "one"), power_kw(w, "two")
    truth = w.truth
    # Each has its own minimum as base, a share of its rating, so all shares are equal.
    assert two_kw == pytest.approx(3 * one_kw)
    assert one_kw + two_kw > 55
    assert truth.unserved_kwh == 0
    assert imbalance_kwh(w) < 1e-9
    assert hz(w) < 60


def test_frequency_falls_with_load_and_rises_when_setpoints_meet_it():
    w = island(diesel("set", rated_kw=150.0))
    run(w, 60)
    sagging_hz = hz(w)
    need_kw = power_kw(w, "set")
    deviation = (need_kw - 0.3 * 150) / 150
    assert sagging_hz == pytest.approx(60 * (1 - 0.04 * deviation), abs=1e-3)
    tell(w, "set", set_power_kw=need_kw)
    run(w, 60)
    assert hz(w) == pytest.approx(60, abs=0.02)
    assert hz(w) > sagging_hz


def test_too_little_sheds_load_and_names_nobody_else():
    w = island(diesel("set", rated_kw=40.0))
    run(w, 600)
    truth = w.truth
    assert power_kw(w, "set") == pytest.approx(40)
    assert truth.unserved_kwh > 1
    assert set(truth.unserved_kwh_by_end_user) == {"homes"}
    assert hz(w) == pytest.approx(60 * 0.96)
    assert imbalance_kwh(w) < 1e-9


def test_sun_gives_way_when_nobody_can_take_it():
    sun = panels(rated_kw=400.0)
    w = island(diesel("set"), sun)
    run(w, 400)
    points = w.controllers["sun"].points()
    assert points["power_kw"] < points["available_kw"]
    assert power_kw(w, "set") == pytest.approx(0, abs=1e-9)
    assert w.truth.unserved_kwh == 0
    assert imbalance_kwh(w) < 1e-9


def test_a_battery_forms_the_island_takes_the_surplus_and_carries_the_night():
    store = battery(energy_capacity_kwh=400.0, rated_kw=200.0)
    w = island(store, panels(rated_kw=150.0))
    run(w, 1800)
    noon_kw = power_kw(w, "store")
    assert noon_kw < 0 or w.controllers["sun"].points()["power_kw"] < 70
    run(w, 9 * 3600, 60)
    assert power_kw(w, "sun") == 0
    assert imbalance_kwh(w) < 1e-7


def test_an_island_that_loses_its_only_set_goes_dark_and_can_be_started_again():
    w = island(diesel("set", rated_kw=150.0), panels(rated_kw=20.0), events=[TRIP])
    run(w, 60)
    assert (power_kw(w, "set"), hz(w)) == (0, 0)
    assert w.controllers["sun"].points()["power_kw"] == 0
    assert w.controllers["panel.site"].points()["utility_ok"] == 0
    assert supply(w) == "dead"
    run(w, 60)
    assert set(w.truth.unserved_kwh_by_end_user) == {"homes"}
    tell(w, "set", reset=1, start=1)
    run(w, 120)
    assert state(w, "set") == "running"
    assert hz(w) > 58
    before_kwh = w.truth.unserved_kwh
    run(w, 300)
    assert w.truth.unserved_kwh == before_kwh
    assert imbalance_kwh(w) < 1e-9


TRIP = Trip(device="set", at="12:00:30")


@settings(max_examples=25)
@given(
    sets=st.lists(st.floats(10, 200), min_size=1, max_size=4),
    store_kwh=st.floats(0.1, 300),
    sun_kw=st.floats(1, 500),
    setpoints=st.lists(st.floats(-300, 300), min_size=6, max_size=6),
)
def test_an_island_balances_in_every_step(sets, store_kwh, sun_kw, setpoints):
    devices = [diesel(f"set{k}", rated_kw=kw) for k, kw in enumerate(sets)]
    store = battery(energy_capacity_kwh=store_kwh)
    w = island(*devices, store, panels(rated_kw=sun_kw))
    for k, _ in enumerate(sets[1:]):
        tell(w, f"set{k}", start=1)
    for setpoint in setpoints:
        tell(w, "store", set_power_kw=setpoint)
        tell(w, "set0", set_power_kw=setpoint)
        for _ in range(10):
            before = imbalance_kwh(w)
            run(w, 4)
            assert abs(imbalance_kwh(w) - before) < 1e-9
            for device in devices:
                assert -1e-9 <= power_kw(w, device.id) <= device.rated_kw + 1e-9
            assert -50 - 1e-9 <= power_kw(w, "store") <= 50 + 1e-9
            assert 0 <= w.truth.unserved_kwh <= w.truth.demand_kwh + 1e-9
