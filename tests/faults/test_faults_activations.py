"""An area's sets called together: on time, at the power asked for, replaced, returned, replayed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lockstep_plant import Plant, today

from gridmuster.center.view import ActivationView
from gridmuster.programs.selection import Selection
from gridmuster.signals import (
    Action,
    Activation,
    Alert,
    Frame,
    OperatorRequest,
    Order,
    Purpose,
    Scope,
    encode,
)
from gridmuster.simulator.scenario import EmergencyAlert, FailedStart, UtilityOutage
from gridmuster.starts import LocalNeed

PUMP = "north-pump-01"
#: An emergency-class engine behind a transfer switch.
TOWER = "north-tower-02-gen"
ASSERTED = LocalNeed(
    "the county's utility", "overload of line 7", "its local standard", "this feeder", "its desk"
)
FIRST, SECOND, THIRD = (f"{PUMP}-gen-{k}" for k in (1, 2, 3))


def request(plant: Plant, kw: float, begin: str, until: str, **changes: object) -> OperatorRequest:
    plant.asked += 1
    target = str(changes.pop("target", "north"))
    scope = Scope.AREA if target in plant.fleet.area_by_id else Scope.FLEET
    wish = Activation(kw, today(begin), today(until), **changes)  # type: ignore[arg-type]
    return OperatorRequest(
        f"act-{plant.asked}",
        "ann",
        "operator",
        Action.ACTIVATE,
        scope,
        target,
        plant.now_ms,
        kw,
        wish.until_ms,
        activation=wish,
    )


def activate(plant: Plant, kw: float, begin: str, until: str, **changes: object) -> str:
    asked = request(plant, kw, begin, until, **changes)
    topic = plant.lockstep.topics.operator
    plant.lockstep.recorded.add(Frame(topic, encode(asked), plant.now_ms))
    return asked.id


def seen(plant: Plant, name: str) -> ActivationView:
    return next(one for one in plant.core.activations() if one.id == name)


def answer(plant: Plant, name: str) -> str:
    return plant.core.state.operator.answers[name]


def given_kw(plant: Plant, devices: list[str]) -> float:
    return sum(plant.world.machines[device].power_kw for device in devices)


def live(one: ActivationView) -> list[str]:
    return [each.device for each in one.sets if not each.lost]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Twelve sites on an afternoon that calls for no engine."""
    made = Plant(tmp_path, "14:00")
    made.run(3)
    yield made
    made.close()


def test_sets_are_there_for_the_window_and_return_after_it(plant: Plant) -> None:
    name = activate(plant, 300.0, "14:12", "14:40")
    plant.run(1)
    assert answer(plant, name).startswith("2 set(s) called for 300 kW")
    called = live(seen(plant, name))
    assert seen(plant, name).phase == "waiting"
    plant.until("14:12")
    assert given_kw(plant, called) > 0.0, "started ahead of the window"
    plant.until("14:13")
    for _ in range(26):
        plant.run(1)
        assert 300.0 <= given_kw(plant, called) <= 310.0
        assert seen(plant, name).phase == "running"
    plant.until("14:43")
    assert given_kw(plant, called) == 0.0
    over = seen(plant, name)
    assert over.phase == "ended"
    assert over.delivered_kwh == pytest.approx(300.0 * 28 / 60, rel=0.03)
    stops = [c.issued_at_ms for c in plant.commands() for s in c.setpoints if s.order is Order.STOP]
    assert len(set(stops)) >= 1 and min(stops) >= today("14:40")
    plant.assert_sound()


def test_every_start_says_why_and_on_what_ground(plant: Plant) -> None:
    activate(plant, 300.0, "14:03", "14:30")
    plant.until("14:08")
    starts = [s for cycle in plant.cycles() for s in cycle.starts if "activation" in s.trigger]
    assert {s.device for s in starts} == set(live(plant.core.activations()[0]))
    for start in starts:
        assert start.trigger == "activation of 300 kW in north by ann (demand)"
        assert "permit epa_non_emergency" in start.legal_basis
        assert start.legal_basis.endswith("for demand")
        assert start.runner_up in plant.fleet.device_by_id
        assert start.binding == "target of the activation"


def test_a_set_that_fails_is_replaced_and_not_called_again(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "14:00", [FailedStart(device=SECOND, at="14:00", until="15:00")])
    plant.run(3)
    name = activate(plant, 300.0, "14:05", "14:50")
    plant.until("14:16")
    one = seen(plant, name)
    lost = {each.device: each.lost for each in one.sets if each.lost}
    assert set(lost) == {SECOND}
    stand_in = next(each for each in one.sets if each.replaces == SECOND)
    assert given_kw(plant, live(one)) >= 300.0
    plant.until("14:55")
    runs = [
        command.issued_at_ms
        for command in plant.commands()
        for setpoint in command.setpoints
        if setpoint.device == SECOND and setpoint.order is Order.RUN
    ]
    failed_ms = plant.core.state.commitment.failures[SECOND].at_ms
    assert max(runs) <= failed_ms, "one call, then left to a person"
    found = [s for cycle in plant.cycles() for s in cycle.substitutions]
    assert [(s.failed, s.replacements) for s in found] == [(SECOND, (stand_in.device,))]
    # A failed start is told within seconds, and the stand-in is called within 30 s of that.
    called = next(each for each in one.sets if each.device == stand_in.device)
    assert called.start_ms - failed_ms <= 30_000
    plant.assert_sound()
    plant.close()


def test_a_site_that_loses_its_utility_serves_itself_and_others_take_over(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "14:00", [UtilityOutage(sites=(PUMP,), at="14:20", until="14:30")])
    plant.run(3)
    name = activate(plant, 150.0, "14:05", "14:50")
    plant.until("14:18")
    before = set(live(seen(plant, name)))
    assert before & {FIRST, SECOND, THIRD}
    plant.until("14:26")
    one = seen(plant, name)
    assert not set(live(one)) & {FIRST, SECOND, THIRD}
    reasons = [each.lost for each in one.sets if each.lost]
    assert reasons and all("serves its own site" in why or "utility" in why for why in reasons)
    assert plant.core.state.plant.sites[PUMP].report.supply == "local"
    assert given_kw(plant, live(one)) >= 0.9 * min(150.0, one.firm_kw)
    plant.assert_sound()
    plant.close()


def test_cancelling_brings_the_sets_back_early(plant: Plant) -> None:
    name = activate(plant, 300.0, "14:03", "15:00")
    plant.until("14:12")
    called = live(seen(plant, name))
    assert given_kw(plant, called) >= 300.0
    stop = OperatorRequest(
        "stop-1", "bob", "operator", Action.CANCEL, Scope.FLEET, name, plant.now_ms
    )
    topic = plant.lockstep.topics.operator
    for _ in range(2):
        plant.lockstep.recorded.add(Frame(topic, encode(stop), plant.now_ms))
    plant.run(3)
    assert answer(plant, "stop-1") == "activation of 300 kW in north cancelled"
    least_kw = sum(
        device.min_load_fraction * device.rated_kw
        for device in plant.fleet.devices
        if device.id in called
    )
    assert given_kw(plant, called) == pytest.approx(least_kw), "until their least time on is over"
    plant.until("14:36")
    assert given_kw(plant, called) == 0.0
    assert (seen(plant, name).phase, seen(plant, name).cancelled_by) == ("cancelled", "bob")
    plant.assert_sound()


def test_an_activation_survives_a_restart_of_the_center(plant: Plant) -> None:
    name = activate(plant, 300.0, "14:05", "14:40")
    plant.until("14:12")
    called = live(seen(plant, name))
    plant.lockstep.start_center(plant.recorded("c2"))
    plant.run(4)
    assert live(seen(plant, name)) == called
    assert given_kw(plant, called) >= 300.0
    plant.until("14:44")
    assert seen(plant, name).phase == "ended"
    assert given_kw(plant, called) == 0.0
    plant.assert_sound()


def test_a_person_takes_a_set_out_and_the_next_one_comes(plant: Plant) -> None:
    name = activate(plant, 300.0, "14:03", "14:50")
    plant.until("14:10")
    first = live(seen(plant, name))[0]
    plant.ask(Action.RELEASE, first, role="operator")
    plant.run(4)
    one = seen(plant, name)
    assert first not in live(one)
    assert next(each.lost for each in one.sets if each.device == first) == "released by ann"
    assert given_kw(plant, live(one)) >= 300.0
    other = live(one)[0]
    plant.ask(Action.EMERGENCY_STOP, other)
    plant.run(4)
    assert other not in live(seen(plant, name))
    assert plant.world.machines[other].power_kw == 0.0
    plant.assert_sound()


def weighed(plant: Plant, kw: float, **changes: object) -> Selection:
    found = plant.core.weigh(request(plant, kw, "14:10", "15:10", **changes))
    assert isinstance(found, Selection)
    return found


def test_a_dry_run_changes_nothing_and_says_what_would_be(plant: Plant) -> None:
    before = plant.core.state_bytes()
    found = weighed(plant, 300.0)
    assert plant.core.state_bytes() == before
    assert found.firm_kw >= 300.0 and found.missing_kw == 0.0
    assert found.usd > 0.0 and found.fuel_l + found.fuel_m3 > 0.0
    assert found.in_line[0].device not in {one.device for one in found.chosen}
    name = activate(plant, 300.0, "14:10", "15:10")
    plant.run(1)
    assert live(seen(plant, name)) == [one.device for one in found.chosen]


def test_permit_classes_decide_who_may_be_called(plant: Plant) -> None:
    classes = {
        device.id: device.permit.permit_class.value
        for device in plant.fleet.devices
        if hasattr(device, "permit")
    }
    emergency = {name for name, kind in classes.items() if kind == "epa_emergency"}
    for purpose in (Purpose.DEMAND, Purpose.PRICE, Purpose.EMERGENCY_ALERT):
        found = weighed(plant, 5000.0, purpose=purpose, target=plant.fleet.id)
        called = {one.device for one in found.chosen}
        assert called and not called & emergency, purpose
        reasons = {one.device: one.reason for one in found.excluded}
        assert all("permit epa_emergency" in reasons[name] for name in emergency), purpose
    asserted = weighed(
        plant,
        5000.0,
        purpose=Purpose.EMERGENCY_ALERT,
        alert_asserted=True,
        local_need=ASSERTED,
        target=plant.fleet.id,
    )
    reasons = {one.device: one.reason for one in asserted.excluded}
    assert all("no emergency alert is declared" in reasons[name] for name in emergency)
    heavy = weighed(
        plant, 5000.0, purpose=Purpose.OPERATOR, light_load=False, target=plant.fleet.id
    )
    assert not any(one.light_load for one in heavy.chosen)
    assert any("wet stacking" in one.reason for one in heavy.excluded)


def test_emergency_engines_are_called_in_a_declared_alert_that_is_put_on_record(
    tmp_path: Path,
) -> None:
    alert = EmergencyAlert(level=Alert.EEA2, at="14:05", until="16:00")
    plant = Plant(tmp_path, "14:00", [alert])
    plant.until("14:08")
    for asserted, need in ((False, None), (True, None), (True, LocalNeed("who")), (True, ASSERTED)):
        found = weighed(
            plant,
            5000.0,
            purpose=Purpose.EMERGENCY_ALERT,
            alert_asserted=asserted,
            local_need=need,
            target=plant.fleet.id,
        )
        called = {one.device for one in found.chosen}
        assert (TOWER in called) is (need == ASSERTED)
    assert {one.device for one in found.chosen if one.light_load}
    plant.close()


def test_emergency_engines_run_their_least_time_under_an_operators_order(plant: Plant) -> None:
    """Own load of a tower, cancelled soon: no set is stopped too early."""
    site = plant.fleet.device_by_id[TOWER].site
    name = activate(plant, 3.0, "14:03", "14:50", purpose=Purpose.OPERATOR, sites=(site,))
    plant.until("14:08")
    assert live(seen(plant, name)) == [TOWER]
    assert given_kw(plant, [TOWER]) > 3.0
    stop = OperatorRequest(
        "stop-1", "bob", "operator", Action.CANCEL, Scope.FLEET, name, plant.now_ms
    )
    plant.lockstep.recorded.add(Frame(plant.lockstep.topics.operator, encode(stop), plant.now_ms))
    plant.run(4)
    assert seen(plant, name).phase == "returning"
    assert given_kw(plant, [TOWER]) > 3.0
    plant.until("14:40")
    assert seen(plant, name).phase == "cancelled"
    assert given_kw(plant, [TOWER]) == 0.0
    plant.assert_sound()


def test_a_transfer_switch_gives_its_own_load_only(plant: Plant) -> None:
    found = weighed(plant, 5000.0, purpose=Purpose.OPERATOR, target=plant.fleet.id)
    for one in found.chosen:
        site = plant.fleet.site_by_id[one.site]
        report = plant.core.state.plant.sites[one.site]
        if not site.transfer.engine_may_export:
            assert one.kw < 0.8 * plant.fleet.device_by_id[one.device].rated_kw
            assert report is not None


def test_a_window_that_outlasts_fuel_or_permit_is_refused_with_both_numbers(plant: Plant) -> None:
    wish = request(plant, 5000.0, "14:10", "15:10", purpose=Purpose.OPERATOR, target=plant.fleet.id)
    assert wish.activation is not None
    longer = Activation(5000.0, plant.now_ms, plant.now_ms + 6 * 86_400_000, Purpose.OPERATOR)
    found = plant.core.weigh(
        OperatorRequest(
            "w",
            "ann",
            "operator",
            Action.ACTIVATE,
            Scope.FLEET,
            plant.fleet.id,
            0,
            activation=longer,
        )
    )
    assert isinstance(found, Selection)
    reasons = " | ".join(one.reason for one in found.excluded)
    assert "h a calendar year, the run takes" in reasons
    assert "above the site's reserve" in reasons


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"begin": "14:40", "until": "14:10"}, "ends before it begins"),
        ({"begin": "13:00", "until": "13:30"}, "already over"),
        ({"purpose": Purpose.OUTAGE}, "served by the site itself"),
        ({"tag": "castle"}, "no site of the fleet"),
        ({"polygon": ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))}, "crosses itself"),
        ({"tag": "tower", "target": "north"}, "none of"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    plant: Plant, changes: dict[str, object], why: str
) -> None:
    begin, until = str(changes.pop("begin", "14:10")), str(changes.pop("until", "15:00"))
    purpose = changes.pop("purpose", Purpose.PRICE)
    if "tower" in changes.values():
        changes["owner"] = "nobody"
        why = "no site of the fleet"
    name = activate(plant, 300.0, begin, until, purpose=purpose, **changes)
    plant.run(0.2)
    assert answer(plant, name).startswith("refused: ")
    assert why in answer(plant, name)
    assert plant.core.activations() == []


def test_a_target_beyond_everything_is_met_in_part_and_says_what_is_missing(plant: Plant) -> None:
    name = activate(plant, 90_000.0, "14:10", "14:40")
    plant.run(1)
    assert "kW are missing" in answer(plant, name)
    one = seen(plant, name)
    assert one.missing_kw == pytest.approx(90_000.0 - one.firm_kw)
    assert one.in_line == []


def test_a_set_has_one_buyer_at_a_time(plant: Plant) -> None:
    first = activate(plant, 300.0, "14:10", "14:40")
    plant.run(1)
    second = weighed(plant, 200.0)
    taken = set(live(seen(plant, first)))
    assert not taken & {one.device for one in second.chosen}
    reasons = {one.device: one.reason for one in second.excluded}
    assert all(reasons[device] == f"called by activation {first}" for device in taken)
