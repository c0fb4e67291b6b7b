"""Programs have sets called for what they hear: on their ground, merged, ended, and replayed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lockstep_plant import Plant, today

from gridmuster.center.programmemory import Asked
from gridmuster.center.view import ActivationView
from gridmuster.clock import local
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.programs import (
    CoincidentPeak,
    Frequency,
    GridAlert,
    Peak,
    PriceClass,
    PriceRun,
    Programs,
    Webhook,
)
from gridmuster.signals import (
    Action,
    Alert,
    Frame,
    OperatorRequest,
    ProgramSignal,
    Purpose,
    Scope,
    encode,
)
from gridmuster.simulator.scenario import EmergencyAlert, FrequencyDip, PriceSpike

ALERT = GridAlert(id="north-alert", eea2_kw=300.0, eea3_kw=500.0)
HOOK = Webhook(id="north-hook", power_kw=400.0)


def fleet_with(**programs: Any) -> Fleet:
    """Twelve sites of one seed whose area north has programs."""
    fleet = generate(12, 1)
    areas = tuple(
        area.model_copy(update={"programs": Programs(**programs)}) if area.id == "north" else area
        for area in fleet.areas
    )
    return fleet.model_copy(update={"areas": areas})


def tell(plant: Plant, program: str, event: str, **changes: Any) -> str:
    """Hand the center what its API takes from a utility's webhook."""
    plant.asked += 1
    signal = ProgramSignal(program, event, **changes)
    request = OperatorRequest(
        f"tell-{plant.asked}",
        "utility-desk",
        "operator",
        Action.SIGNAL,
        Scope.AREA,
        "north",
        plant.now_ms,
        reason="heat wave",
        signal=signal,
    )
    topic = plant.lockstep.topics.operator
    plant.lockstep.recorded.add(Frame(topic, encode(request), plant.now_ms))
    plant.run(0.1)
    return plant.core.state.operator.answers[request.id]


def asked(plant: Plant, key: str) -> Asked:
    return plant.core.state.programs.asked[key]


def activation_of(plant: Plant, key: str) -> ActivationView:
    name = asked(plant, key).activation
    return next(one for one in plant.core.activations() if one.id == name)


def live(one: ActivationView) -> list[str]:
    return [each.device for each in one.sets if not each.lost]


def given_kw(plant: Plant, devices: list[str]) -> float:
    return sum(plant.world.machines[device].power_kw for device in devices)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Twelve sites on an afternoon that calls for no engine."""
    made = Plant(tmp_path, "14:00", fleet=fleet_with(grid_alert=[ALERT], webhook=[HOOK]))
    made.run(3)
    yield made
    made.close()


def test_a_posted_emergency_level_starts_sets_and_its_end_brings_them_back(plant: Plant) -> None:
    said = tell(plant, "north-alert", "e1", level=Alert.EEA2, until_ms=today("14:40"))
    assert said.startswith("event e1 taken: 300 kW")
    plant.until("14:10")
    one = activation_of(plant, "north-alert/e1")
    assert (one.target_kw, one.purpose) == (300.0, Purpose.EMERGENCY_ALERT.value)
    assert one.actor == "program north-alert"
    assert one.reason == "EEA2, event e1 of utility-desk: heat wave"
    called = live(one)
    assert 300.0 <= given_kw(plant, called) <= 310.0
    starts = [s for cycle in plant.cycles() for s in cycle.starts if s.device in called]
    assert {s.device for s in starts} == set(called)
    for start in starts:
        assert start.trigger == (
            "activation of 300 kW in north by program north-alert (emergency alert): "
            "EEA2, event e1 of utility-desk: heat wave"
        )
        assert start.legal_basis.endswith("for emergency alert")
    plant.until("14:44")
    assert given_kw(plant, called) == 0.0
    assert plant.core.state.programs.asked == {}
    assert plant.core.state.programs.past[0].over_ms == today("14:40")
    plant.assert_sound()


def starts_and_stops(plant: Plant, devices: set[str]) -> list[tuple[str, str]]:
    return [
        (start.device, start.order.value)
        for cycle in plant.cycles()
        for start in cycle.starts
        if start.device in devices
    ]


def test_power_goes_from_one_request_to_another_with_the_sets_that_give_it(plant: Plant) -> None:
    tell(plant, "north-hook", "h1", power_kw=300.0, until_ms=today("15:30"))
    plant.until("14:10")
    hook = activation_of(plant, "north-hook/h1")
    first = live(hook)
    assert given_kw(plant, first) >= 300.0
    tell(plant, "north-alert", "e1", level=Alert.EEA2, until_ms=today("14:40"))
    plant.run(2)
    alert = activation_of(plant, "north-alert/e1")
    assert live(alert) == first
    hooked = asked(plant, "north-hook/h1")
    assert (hooked.granted_kw, hooked.covered_by) == (0.0, ("north-alert/e1",))
    for _ in range(10):
        plant.run(1)
        assert 300.0 <= given_kw(plant, first) <= 310.0, "never added up, never let go"
    plant.until("14:45")
    assert live(activation_of(plant, "north-hook/h1")) == first
    assert given_kw(plant, first) >= 300.0
    assert starts_and_stops(plant, set(first)) == [(one, "run") for one in sorted(first)]
    plant.until("15:34")
    assert given_kw(plant, first) == 0.0
    plant.assert_sound()


def test_what_is_left_of_a_lower_request_is_asked_beside_the_higher(plant: Plant) -> None:
    tell(plant, "north-hook", "h1", power_kw=400.0, until_ms=today("15:00"))
    tell(plant, "north-alert", "e1", level=Alert.EEA2, until_ms=today("15:00"))
    plant.run(8)
    assert asked(plant, "north-alert/e1").granted_kw == 300.0
    assert asked(plant, "north-hook/h1").granted_kw == 100.0
    both = [live(activation_of(plant, key)) for key in ("north-alert/e1", "north-hook/h1")]
    assert not set(both[0]) & set(both[1])
    tell(plant, "north-hook", "h1", withdrawn=True)
    plant.run(0.1)
    assert list(plant.core.state.programs.asked) == ["north-alert/e1"]
    assert given_kw(plant, both[0]) >= 300.0


def test_what_a_person_ended_is_not_asked_for_again(plant: Plant) -> None:
    tell(plant, "north-alert", "e1", level=Alert.EEA3, until_ms=today("14:40"))
    plant.run(6)
    one = activation_of(plant, "north-alert/e1")
    stop = OperatorRequest(
        "stop-1", "bob", "operator", Action.CANCEL, Scope.FLEET, one.id, plant.now_ms
    )
    plant.lockstep.recorded.add(Frame(plant.lockstep.topics.operator, encode(stop), plant.now_ms))
    plant.run(3)
    assert asked(plant, "north-alert/e1").cancelled_by == "bob"
    assert [each.phase for each in plant.core.activations()] == ["returning"]
    tell(plant, "north-alert", "e2", level=Alert.EEA2, until_ms=today("14:50"))
    plant.run(2)
    assert activation_of(plant, "north-alert/e2").target_kw == 300.0
    plant.assert_sound()


def test_a_declared_alert_is_followed_from_level_to_level_and_outlives_a_restart(
    tmp_path: Path,
) -> None:
    alerts = [
        EmergencyAlert(level=Alert.EEA2, at="14:05", until="14:20"),
        EmergencyAlert(level=Alert.EEA3, at="14:20", until="14:40"),
    ]
    plant = Plant(tmp_path, "14:00", alerts, fleet=fleet_with(grid_alert=[ALERT]))
    plant.until("14:12")
    one = activation_of(plant, "north-alert")
    assert (one.target_kw, one.reason) == (300.0, "the grid operator declared EEA2")
    plant.lockstep.start_center(plant.recorded("c2"))
    plant.until("14:27")
    again = activation_of(plant, "north-alert")
    assert (again.id, again.target_kw) == (one.id, 500.0)
    assert given_kw(plant, live(again)) >= 0.98 * min(500.0, again.firm_kw)
    plant.until("14:45")
    assert plant.core.state.programs.asked == {}
    assert plant.core.activations()[0].phase in ("returning", "ended")
    plant.assert_sound()


@pytest.mark.parametrize(
    ("program", "changes", "why"),
    [
        ("north-hook", {"until_ms": today("13:00"), "from_ms": today("12:00")}, "was over at"),
        ("north-hook", {"from_ms": today("15:00"), "until_ms": today("14:30")}, "before it begins"),
        ("north-alert", {}, "wants a level"),
        ("north-alert", {"level": Alert.EEA1}, "gives nothing at eea1"),
        ("castle", {}, "no program castle; there are: north-alert, north-hook"),
        ("north-hook", {"withdrawn": True}, "knows no event"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    plant: Plant, program: str, changes: dict[str, Any], why: str
) -> None:
    said = tell(plant, program, "e1", **changes)
    assert said.startswith("refused: ") and why in said
    assert plant.core.state.programs.asked == {}


def test_what_is_taken_in_part_says_which(plant: Plant) -> None:
    said = tell(plant, "north-hook", "e1", power_kw=900.0, from_ms=today("13:45"))
    assert "has no end: it counts until" in said
    assert "its first 18 min are over" in said
    assert "of 900 kW asked for, program north-hook gives 400 kW" in said
    assert plant.core.state.programs.watches["north-hook"].events["e1"].until_ms == today("17:45")


def test_sets_are_called_shortly_before_an_event_begins(plant: Plant) -> None:
    tell(plant, "north-hook", "e1", from_ms=today("14:30"), until_ms=today("15:00"))
    plant.until("14:14")
    assert asked(plant, "north-hook/e1").activation == ""
    plant.until("14:16")
    assert activation_of(plant, "north-hook/e1").phase == "waiting"
    plant.until("14:31")
    assert given_kw(plant, live(activation_of(plant, "north-hook/e1"))) >= 400.0


def test_a_frequency_that_stays_low_starts_sets_and_a_short_dip_does_not(tmp_path: Path) -> None:
    dips = [
        FrequencyDip(depth_hz=0.2, at="14:05", until="14:05:08"),
        FrequencyDip(depth_hz=0.2, at="14:10", until="14:12"),
    ]
    low = Frequency(
        id="north-low",
        power_kw=200.0,
        below_hz=59.91,
        recover_hz=59.95,
        delay_s=20.0,
        recover_s=60.0,
    )
    plant = Plant(tmp_path, "14:00", dips, fleet=fleet_with(frequency=[low]))
    plant.until("14:10")
    assert plant.core.activations() == []
    plant.until("14:14")
    one = activation_of(plant, "north-low")
    assert 20_000 <= one.asked_ms - today("14:10") <= 32_000
    assert one.reason == "frequency below 59.91 Hz for 20 s"
    assert given_kw(plant, live(one)) >= 200.0
    plant.until("14:46")
    assert given_kw(plant, live(one)) == 0.0
    assert plant.core.activations()[0].until_ms - one.asked_ms == low.run_s * 1000
    plant.assert_sound()


def test_a_high_price_starts_the_classes_it_pays_and_no_emergency_engine(tmp_path: Path) -> None:
    spike = PriceSpike(usd_per_mwh=900.0, at="14:06", until="14:40")
    classes = (
        PriceClass(tag="pump", power_kw=200.0, above_usd_per_mwh=400.0, below_usd_per_mwh=300.0),
        PriceClass(tag="tower", power_kw=50.0, above_usd_per_mwh=400.0, below_usd_per_mwh=300.0),
        PriceClass(tag="gold", power_kw=50.0, above_usd_per_mwh=4e3, below_usd_per_mwh=3e3),
    )
    dear = PriceRun(id="north-price", classes=classes)
    fleet = fleet_with(price=[dear])
    sites = tuple(
        site.model_copy(update={"tags": (*site.tags, site.id.split("-")[1])})
        for site in fleet.sites
    )
    plant = Plant(tmp_path, "14:00", [spike], fleet=fleet.model_copy(update={"sites": sites}))
    plant.until("14:05")
    assert plant.core.activations() == []
    plant.until("14:14")
    one = activation_of(plant, "north-price/pump")
    assert (one.purpose, one.reason) == ("price", "price above 400 USD/MWh")
    assert given_kw(plant, live(one)) >= 200.0
    classes_called = {
        plant.fleet.device_by_id[name].permit.permit_class.value  # type: ignore[union-attr]
        for each in plant.core.activations()
        for name in live(each)
    }
    assert "epa_emergency" not in classes_called
    assert "north-price/gold" not in plant.core.state.programs.asked
    plant.assert_sound()
    plant.close()


def test_load_near_a_limit_starts_sets_after_its_delay(tmp_path: Path) -> None:
    feeder = generate(12, 1).area_by_id["north"].feeders[0].id
    near = Peak(id="north-near", power_kw=150.0, limit_kw=100.0, delay_s=120.0)
    far = Peak(id="north-far", power_kw=150.0, limit_kw=90_000.0)
    line = Peak(id="north-line", power_kw=50.0, limit_kw=1.0, feeder=feeder, priority=55)
    plant = Plant(tmp_path, "14:00", fleet=fleet_with(peak=[near, far, line]))
    plant.run(10)
    one = activation_of(plant, "north-near")
    assert one.asked_ms - plant.start_ms >= 120_000
    assert one.reason == "load of north above 95% of 100 kW"
    asked_now = plant.core.state.programs.asked
    assert "north-far" not in asked_now
    assert asked_now["north-line"].request.feeder == feeder
    assert asked_now["north-line"].request.reason.startswith(f"load of feeder {feeder}")
    line_kw = asked_now["north-line"].granted_kw
    assert asked_now["north-near"].granted_kw == 150.0 - line_kw
    plant.assert_sound()
    plant.close()


def test_a_day_that_may_hold_the_systems_peak_is_served_in_its_hours(tmp_path: Path) -> None:
    peaks = CoincidentPeak(id="north-4cp", power_kw=200.0, from_hour=15, until_hour=16)
    plant = Plant(tmp_path, "14:40", fleet=fleet_with(coincident_peak=[peaks]))
    today_is = local(plant.start_ms, peaks.time_zone).date()
    plant.run(1)
    assert tell(plant, "north-4cp", "soon", forecast_mw=1.0).startswith("refused: ")
    for k in range(15, 0, -1):
        day = today_is - timedelta(days=k)
        tell(plant, "north-4cp", day.isoformat(), forecast_mw=70_000.0, load_mw=70_000.0)
    assert plant.core.state.programs.asked == {}
    said = tell(plant, "north-4cp", today_is.isoformat(), forecast_mw=74_000.0)
    assert said == f"day {today_is} noted: 74000 MW forecast"
    plant.until("15:02")
    one = activation_of(plant, f"north-4cp/{today_is}")
    assert one.reason == f"{today_is} may hold the system's peak of the month"
    assert (one.from_ms, one.until_ms) == (today("15:00"), today("16:00"))
    assert given_kw(plant, live(one)) >= 200.0
    plant.assert_sound()
    plant.close()
