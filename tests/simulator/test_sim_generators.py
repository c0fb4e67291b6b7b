"""Generators: their life from order to standstill, their fuel, and what goes wrong."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import (
    PARALLELING,
    curve,
    diesel,
    fleet,
    gas_engine,
    home,
    place,
    power_kw,
    run,
    state,
    tell,
    tower,
    world,
)

from gridmuster.fleet.devices import FuelCell, FuelPoint, Microturbine, Reliability, Tank
from gridmuster.simulator.fuel import FuelCurve
from gridmuster.simulator.generator import start_odds
from gridmuster.simulator.scenario import FailedStart, IgnoresSetpoint, NotInAuto, Trip

PARALLEL = (place(transfer=PARALLELING),)


def parallel_world(*events, **more):
    return world(fleet(diesel(warmup_s=60.0, **more), sites=PARALLEL), *events)


def states_of(w, key: str, seconds: int) -> list[str]:
    seen = [state(w, key)]
    for _ in range(seconds):
        run(w, 1.0, 1.0)
        if state(w, key) != seen[-1]:
            seen.append(state(w, key))
    return seen


def test_a_set_walks_through_its_life_and_takes_its_times():
    w = parallel_world()
    set_ = w.controllers["set"]
    tell(w, "set", start=1, set_power_kw=40)
    assert state(w, "set") == "starting"
    run(w, 9.9, 0.1)
    assert state(w, "set") == "starting"
    run(w, 0.2, 0.1)
    assert state(w, "set") == "warming"
    assert set_.points()["breaker"] == 0
    run(w, 20, 0.1)
    assert set_.points()["breaker"] == 1
    run(w, 60)
    assert state(w, "set") == "running"
    run(w, 60)
    assert power_kw(w, "set") == 40
    tell(w, "set", stop=1)
    assert states_of(w, "set", 400) == ["cooling", "idle"]
    points = set_.points()
    assert (points["starts"], points["failed_starts"], points["breaker"]) == (1, 0, 0)
    # The hour meter counts from the first turn to the end of cooling down; unloading takes 16 s.
    assert points["run_h"] == pytest.approx((150.1 + 16 + 300) / 3600, abs=1e-6)


def test_warming_stays_at_minimum_load():
    w = parallel_world()
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 85)
    assert state(w, "set") == "warming"
    assert power_kw(w, "set") == pytest.approx(0.3 * 50)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-20, 200), min_size=1, max_size=12), st.sampled_from([0.5, 1.0, 4.0]))
def test_power_stays_within_limits_and_ramps(setpoints, step_s):
    w = parallel_world()
    tell(w, "set", start=1)
    run(w, 95)
    last_kw = power_kw(w, "set")
    for setpoint in setpoints:
        tell(w, "set", set_power_kw=setpoint)
        run(w, step_s, step_s)
        now_kw = power_kw(w, "set")
        assert 15.0 - 1e-9 <= now_kw <= 50.0 + 1e-9
        assert abs(now_kw - last_kw) <= 0.05 * 50.0 * step_s + 1e-9
        last_kw = now_kw


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 20), st.floats(0, 20))
def test_mean_fuel_of_a_ramp_is_the_integral_of_the_curve(first_kw, last_kw):
    lines = FuelCurve(curve(20.0), 20.0)
    parts = 2000
    fine = [first_kw + (last_kw - first_kw) * (k + 0.5) / parts for k in range(parts)]
    assert lines.mean_per_h(first_kw, last_kw) == pytest.approx(
        sum(map(lines.per_h, fine)) / parts, rel=1e-5
    )


def test_curve_goes_through_its_points_and_on_to_no_load():
    lines = FuelCurve(curve(20.0), 20.0)
    assert [lines.per_h(kw) for kw in (5.0, 10.0, 15.0, 20.0)] == [2.3, 3.4, 4.9, 6.1]
    assert lines.no_load_per_h == pytest.approx(1.2)
    steep = FuelCurve(
        (FuelPoint(load_fraction=0.5, fuel_per_h=1), FuelPoint(load_fraction=1, fuel_per_h=5)), 10
    )
    assert steep.no_load_per_h == 0.0


def test_fuel_counter_and_tank_follow_the_curve():
    w = parallel_world()
    lines = FuelCurve(curve(50.0), 50.0)
    tell(w, "set", start=1, set_power_kw=25)
    run(w, 200)
    before = w.controllers["set"].points()
    expected = 0.0
    ramp_s = 0.0
    for target_kw, level_kw in ((50.0, 25.0), (15.0, 50.0), (30.0, 15.0)):
        tell(w, "set", set_power_kw=target_kw)
        run(w, 100)
        ramp_s = abs(target_kw - level_kw) / 2.5
        steps = 4000
        for k in range(steps):
            kw = level_kw + (target_kw - level_kw) * (k + 0.5) / steps
            expected += lines.per_h(kw) * ramp_s / steps / 3600
        expected += lines.per_h(target_kw) * (100 - ramp_s) / 3600
    after = w.controllers["set"].points()
    assert after["fuel_used"] - before["fuel_used"] == pytest.approx(expected, rel=1e-6)
    assert before["fuel_level"] - after["fuel_level"] == pytest.approx(expected, rel=1e-6)


def test_an_empty_tank_ends_the_run_at_the_sump_and_gives_no_energy_for_nothing():
    tank = Tank(capacity=100.0, level=12.0, sump_fraction=0.1)
    w = parallel_world(tank=tank)
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 3600)
    points = w.controllers["set"].points()
    assert state(w, "set") == "fault"
    assert points["fuel_level"] == pytest.approx(10.0, abs=1e-9)
    assert points["fuel_used"] == pytest.approx(2.0, abs=1e-9)
    assert int(points["alarm_bits"]) & 1 << 4
    assert points["available_kw"] == 0
    # 2 l hold 19.9 kWh (LHV); a set makes less than 40 % of it.
    assert 0 < points["produced_kwh"] < 0.4 * 19.9
    tell(w, "set", reset=1, start=1)
    assert state(w, "set") == "idle"


@pytest.mark.parametrize(("odds", "tries"), [(0.0094, 3), (0.0, 3), (1.0, 3), (0.3, 1), (1e-9, 3)])
def test_odds_of_a_try_give_the_odds_of_a_start(odds, tries):
    lasting, single = start_odds(odds, tries)
    assert 0 <= lasting <= 1
    assert lasting + (1 - lasting) * single**tries == pytest.approx(odds, abs=1e-12)


def test_starts_fail_as_often_as_the_fleet_says():
    odds, sets, rounds = 0.1, 40, 25
    sure = Reliability(availability=1, fail_to_start=odds, mttf_h=1e9)
    devices = [diesel(f"set{k}", reliability=sure, cooldown_s=0) for k in range(sets)]
    w = world(fleet(*devices))
    for _ in range(rounds):
        for device in devices:
            tell(w, device.id, start=1)
        run(w, 120, 60)
        for device in devices:
            tell(w, device.id, stop=1, reset=1)
        run(w, 4)
    truth = w.truth
    failed, started = sum(truth.failed_starts.values()), sum(truth.starts.values())
    assert failed + started == sets * rounds
    # 99.9 % interval of a binomial with n = 1000, p = 0.1 (normal approximation).
    spread = 3.29 * math.sqrt(sets * rounds * odds * (1 - odds))
    assert abs(failed - sets * rounds * odds) < spread


def test_a_start_that_fails_tries_three_times_and_locks_out_until_reset():
    w = parallel_world(FailedStart(device="set", number=1))
    tell(w, "set", start=1)
    run(w, 4)
    assert w.controllers["set"].points()["speed_rpm"] == 120
    run(w, 40)
    assert state(w, "set") == "starting"
    run(w, 45)
    assert state(w, "set") == "locked"
    points = w.controllers["set"].points()
    assert (points["failed_starts"], points["starts"], points["available_kw"]) == (1, 0, 0)
    assert int(points["alarm_bits"]) & 1
    assert points["fuel_used"] == 0
    tell(w, "set", start=1)
    assert state(w, "set") == "locked"
    tell(w, "set", reset=1, start=1)
    run(w, 120)
    assert state(w, "set") == "running"


def test_three_starts_in_a_row_fail_when_the_scenario_says_so():
    sites = (place(transfer=PARALLELING),)
    plant = fleet(*(diesel(f"set{k}") for k in range(4)), sites=sites)
    w = world(plant, FailedStart(area="area", at="00:01", count=3))
    run(w, 60)
    for k in range(4):
        tell(w, f"set{k}", start=1)
    run(w, 120)
    assert [state(w, f"set{k}") for k in range(4)] == ["locked", "locked", "locked", "running"]


def test_emergency_stop_is_at_once_and_latches():
    w = parallel_world()
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 200)
    tell(w, "set", emergency_stop=1)
    points = w.controllers["set"].points()
    assert (points["power_kw"], points["breaker"], points["available_kw"]) == (0, 0, 0)
    assert state(w, "set") == "locked"
    tell(w, "set", start=1)
    run(w, 60)
    assert state(w, "set") == "locked"
    tell(w, "set", reset=1, start=1)
    assert state(w, "set") == "starting"


def test_not_in_auto_obeys_nothing_but_the_emergency_stop():
    w = parallel_world(NotInAuto(device="set", at="00:00:04", until="00:05"))
    run(w, 8)
    points = w.controllers["set"].points()
    assert (points["mode"], points["available_kw"]) == (1, 0)
    assert int(points["alarm_bits"]) & 1 << 5
    tell(w, "set", start=1)
    assert state(w, "set") == "idle"
    tell(w, "set", emergency_stop=1)
    assert state(w, "set") == "locked"
    run(w, 300)
    assert w.controllers["set"].points()["mode"] == 2
    assert not int(w.controllers["set"].points()["alarm_bits"]) & 1 << 5


def test_a_deaf_set_keeps_its_old_setpoint():
    w = parallel_world(IgnoresSetpoint(device="set", at="00:04", until="00:06"))
    tell(w, "set", start=1, set_power_kw=20)
    run(w, 250)
    tell(w, "set", set_power_kw=45)
    run(w, 100)
    assert power_kw(w, "set") == 20
    run(w, 20)
    tell(w, "set", set_power_kw=45)
    run(w, 100)
    assert power_kw(w, "set") == 45


def test_a_trip_takes_it_off_the_line_until_reset():
    w = parallel_world(Trip(device="set", at="00:05", after_s=30))
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 300)
    assert power_kw(w, "set") == 50
    run(w, 32)
    assert state(w, "set") == "fault"
    assert power_kw(w, "set") == 0
    assert w.controllers["set"].points()["alarm_bits"] > 0
    tell(w, "set", start=1)
    assert state(w, "set") == "fault"
    tell(w, "set", reset=1, start=1)
    assert state(w, "set") == "starting"


def test_running_sets_fail_with_their_mean_time_to_failure():
    sets, hours, mttf_h = 150, 4.0, 5.0
    wear = Reliability(availability=1, fail_to_start=0, mttf_h=mttf_h)
    devices = [gas_engine(f"set{k}", reliability=wear) for k in range(sets)]
    w = world(fleet(*devices))
    for device in devices:
        tell(w, device.id, start=1)
    run(w, hours * 3600, 60)
    failed = sum(state(w, device.id) == "fault" for device in devices)
    odds = 1 - math.exp(-hours / mttf_h)
    assert abs(failed - sets * odds) < 3.29 * math.sqrt(sets * odds * (1 - odds))


def test_stop_breaks_off_a_start_and_start_comes_back_from_cooling():
    w = parallel_world()
    tell(w, "set", start=1)
    run(w, 5)
    tell(w, "set", stop=1)
    assert state(w, "set") == "idle"
    tell(w, "set", start=1)
    run(w, 200)
    tell(w, "set", stop=1)
    run(w, 100)
    assert state(w, "set") == "cooling"
    tell(w, "set", start=1)
    assert state(w, "set") == "warming"
    assert w.controllers["set"].points()["starts"] == 1


def test_behind_a_transfer_switch_a_set_idles_until_the_panel_is_on_local():
    w = world(fleet(diesel(), users=(tower(peak_kw=5.0), home())))
    tell(w, "set", start=1, set_power_kw=50)
    run(w, 60)
    assert state(w, "set") == "running"
    assert (power_kw(w, "set"), w.controllers["set"].points()["breaker"]) == (0, 0)
    tell(w, "panel.site", transfer_to_local=1)
    run(w, 4)
    load_kw = w.controllers["panel.site"].points()["backup_load_kw"]
    assert power_kw(w, "set") == pytest.approx(load_kw, rel=1e-3)
    assert 3 < load_kw < 5


def slow_starter(kind, **more):
    return kind(
        id="slow",
        site="site",
        rated_kw=100.0,
        fuel_curve=curve(100.0),
        reliability=Reliability(availability=1, fail_to_start=0, mttf_h=1e9),
        **more,
    )


def test_a_microturbine_needs_minutes_and_runs_behind_any_transfer_switch():
    turbine = slow_starter(Microturbine, type="microturbine")
    w = world(fleet(turbine, sites=(place(transfer={"export_limit_kw": 200.0}),)))
    tell(w, "slow", start=1, set_power_kw=100)
    run(w, 179)
    assert power_kw(w, "slow") == 0
    run(w, 120)
    assert power_kw(w, "slow") == 100


def test_a_fuel_cell_is_found_running_and_moves_slowly():
    cell = slow_starter(FuelCell, type="fuel_cell")
    w = world(fleet(cell, sites=PARALLEL, users=(home(peak_kw=500.0),)))
    assert (state(w, "slow"), power_kw(w, "slow")) == ("running", 30)
    tell(w, "slow", set_power_kw=100)
    run(w, 100)
    assert power_kw(w, "slow") == pytest.approx(40)
    tell(w, "slow", stop=1)
    run(w, 699)
    assert state(w, "slow") == "cooling"
    run(w, 2)
    assert state(w, "slow") == "idle"
    tell(w, "slow", start=1)
    run(w, 10_000, 60)
    assert state(w, "slow") == "starting"
    run(w, 1000, 60)
    assert state(w, "slow") == "running"
