"""Scenarios: their file, their times, the default day, and that the world does what they say."""

from pathlib import Path

import pytest
from small_worlds import START_MS, diesel, fleet, home, place, run, tell, tower, world

from gridmuster.clock import iso
from gridmuster.errors import FleetError
from gridmuster.fleet.devices import DeviceType
from gridmuster.fleet.generate import generate
from gridmuster.signals import Alert
from gridmuster.simulator.default_day import default_day
from gridmuster.simulator.scenario import (
    DEFAULT_START_MS,
    ClockSkew,
    ControllerSilent,
    EmergencyAlert,
    FailedStart,
    FrequencyDip,
    LinkCut,
    MeterSilent,
    Scenario,
    SensorStuck,
    Trip,
    UtilityOutage,
    load_scenario,
    save_scenario,
    when_ms,
)
from gridmuster.simulator.world import World


def test_the_default_start_is_a_summer_weekday_at_midnight_in_chicago():
    assert iso(DEFAULT_START_MS) == "2024-07-16T05:00:00Z"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("18:30", "2024-07-16T23:30:00Z"),
        ("18:30:15", "2024-07-16T23:30:15Z"),
        ("1d 06:00", "2024-07-17T11:00:00Z"),
        ("2024-07-16T18:30:00-04:00", "2024-07-16T22:30:00Z"),
    ],
)
def test_times_are_of_the_starts_local_day(text, instant):
    assert iso(when_ms(text, START_MS + 7_200_000, "America/Chicago")) == instant


def test_a_scenario_survives_its_file(tmp_path: Path):
    plant = generate(16, 3)
    scenario = default_day(plant, START_MS, 4)
    path = tmp_path / "day.yaml"
    save_scenario(scenario, path)
    assert load_scenario(path, plant) == scenario


def test_a_bad_file_gets_one_fault_for_each_thing(tmp_path: Path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "events:\n"
        "- {kind: trip, device: x, at: '25:00'}\n"
        "- {kind: earthquake}\n"
        "- {kind: alert, at: '20:00', until: '21:00', level: eea9}\n"
        "- {kind: failed_start, count: 1}\n"
        "- {kind: trip, device: x, at: '10:00', colour: red}\n"
    )
    with pytest.raises(FleetError) as caught:
        load_scenario(path)
    assert [fault.path.split(".")[0] for fault in caught.value.faults] == [
        f"events[{k}]" for k in range(5)
    ]
    path.write_text("events: [{kind: meter_silent, end_user: who, at: '10:00', until: '11:00'}]")
    with pytest.raises(FleetError, match=r"events\[0\]\.end_user: got 'who'"):
        load_scenario(path, fleet())
    path.write_text("events: {")
    with pytest.raises(FleetError):
        load_scenario(path)
    with pytest.raises(FleetError):
        load_scenario(tmp_path / "none.yaml")


def test_an_event_that_ends_before_it_begins_is_refused():
    scenario = Scenario(events=(LinkCut(site="site", at="23:00", until="01:00"),))
    with pytest.raises(FleetError, match="1d 01:00"):
        scenario.timeline(START_MS)


def test_what_is_over_does_not_happen_and_what_lasts_is_there_from_the_start():
    over = EmergencyAlert(at="01:00", until="02:00", level=Alert.EEA3)
    lasting = EmergencyAlert(at="03:00", until="12:30", level=Alert.EEA1)
    w = world(fleet(), over, lasting, at_ms=START_MS + 12 * 3_600_000)
    assert w.grid_signal("area").alert is Alert.EEA1
    run(w, 1801, 60)
    assert w.grid_signal("area").alert is Alert.NONE


def test_one_alert_follows_another_without_a_gap():
    levels = (("00:01", "00:02", Alert.EEA1), ("00:02", "00:03", Alert.EEA2))
    w = world(fleet(), *(EmergencyAlert(at=a, until=b, level=c) for a, b, c in levels))
    seen = []
    for _ in range(4):
        run(w, 60)
        seen.append(w.grid_signal("area").alert)
    assert seen == [Alert.EEA1, Alert.EEA2, Alert.NONE, Alert.NONE]


def test_silence_and_stuck_sensors():
    w = world(
        fleet(diesel(), users=(home(), tower())),
        MeterSilent(end_user="homes", at="00:01", until="00:02"),
        ControllerSilent(device="set", at="00:01", until="00:02"),
        SensorStuck(controller="meter.tower", point="power_kw", at="00:01", until="01:00"),
    )
    run(w, 59)
    assert w.controllers["meter.homes"].reachable
    run(w, 1)
    assert not w.controllers["meter.homes"].reachable
    assert not w.controllers["set"].reachable
    stuck = w.controllers["meter.tower"].points()
    run(w, 3000, 60)
    assert w.controllers["meter.homes"].reachable
    assert w.controllers["set"].reachable
    later = w.controllers["meter.tower"].points()
    assert later["power_kw"] == stuck["power_kw"]
    assert later["energy_kwh"] > stuck["energy_kwh"]
    run(w, 600, 60)
    assert w.controllers["meter.tower"].points()["power_kw"] != stuck["power_kw"]


def test_links_and_clocks_are_told_to_the_runtime():
    w = world(
        fleet(),
        LinkCut(site="site", at="00:01", until="01:01"),
        ClockSkew(site="site", at="00:01", until="00:02", offset_s=10.0),
    )
    assert (w.link_up("site"), w.clock_skew_ms("site")) == (True, 0)
    run(w, 61)
    assert (w.link_up("site"), w.clock_skew_ms("site")) == (False, 10_000)
    run(w, 61)
    assert (w.link_up("site"), w.clock_skew_ms("site")) == (False, 0)
    run(w, 3600, 60)
    assert w.link_up("site")


def test_frequency_wanders_a_little_and_dips_when_told():
    w = world(fleet(), FrequencyDip(at="01:00", until="01:02", depth_hz=0.4))
    calm = []
    for _ in range(900):
        run(w, 4)
        calm.append(w.grid_signal("area").frequency_hz)
    assert 59.9 < min(calm) < max(calm) < 60.1
    run(w, 10)
    bottom = w.grid_signal("area").frequency_hz
    assert bottom == pytest.approx(59.6, abs=0.1)
    run(w, 120)
    assert w.grid_signal("area").frequency_hz > 59.9


def test_europe_turns_at_fifty():
    w = world(fleet(sites=(place(time_zone="Europe/Berlin"),)))
    assert w.grid_signal("area").frequency_hz == pytest.approx(50, abs=0.1)


def test_the_largest_set_running_in_an_area_trips():
    plant = fleet(diesel("small"), diesel("large", rated_kw=200.0), sites=(place(transfer=BIG),))
    w = world(plant, Trip(area="area", at="00:05"))
    for key in ("small", "large"):
        tell(w, key, start=1, set_power_kw=200)
    run(w, 299)
    assert w.controllers["large"].points()["power_kw"] > 100
    run(w, 2)
    assert w.controllers["large"].points()["state"] == 5
    assert w.controllers["small"].points()["power_kw"] == 50


BIG = {"kind": "paralleling", "export_limit_kw": 500.0}


def test_the_default_day_has_it_all_and_repeats():
    plant = generate(60, 1)
    assert {device.type for device in plant.devices} == set(DeviceType)
    day = default_day(plant, START_MS, 1)
    assert day == default_day(plant, START_MS, 1)
    assert day != default_day(plant, START_MS, 2)
    assert not day.unknown(plant)
    kinds = {event.kind for event in day.events}
    assert kinds >= {
        "cloud_bank",
        "meter_silent",
        "failed_start",
        "trip",
        "alert",
        "price_spike",
        "frequency_dip",
        "utility_outage",
    }
    outage = next(event for event in day.events if isinstance(event, UtilityOutage))
    assert 2 <= len(outage.sites) <= 5
    failed = next(event for event in day.events if isinstance(event, FailedStart))
    limit_kw = plant.area_by_id[failed.area].connection.import_limit_kw
    w = World(plant, START_MS + 18 * 3_600_000, 1, day)
    run(w, 7200, 60)
    assert w.truth.areas[failed.area].over_limit_kwh > 0
    assert limit_kw > 0


@pytest.mark.parametrize("sites", [1, 2, 3, 5, 11, 12])
def test_every_fleet_has_a_default_day(sites):
    plant = generate(sites, 7)
    w = World(plant, START_MS, 1, default_day(plant, START_MS, 1))
    run(w, 600, 60)
    assert w.now_ms == START_MS + 600_000
