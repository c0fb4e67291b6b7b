"""People's orders through bad links: a stop reaches its device, a reset is not lost."""

from __future__ import annotations

from pathlib import Path

from lockstep_plant import Plant, today

from gridmuster.signals import Action, Outcome, Scope
from gridmuster.simulator.scenario import FailedStart, LinkCut

PUMP = "north-pump-01"
GEN = "north-pump-01-gen-2"
PANELS = "north-solar-01-pv"


def latched(plant: Plant, site: str, device: str) -> bool:
    unit = next(u for u in plant.lockstep.sites[site].agent._station.units if u.id == device)
    return unit.memory.stop_latched


def test_an_emergency_stop_reaches_its_device_once_the_link_is_back(tmp_path: Path) -> None:
    site = "north-solar-01"
    plant = Plant(tmp_path, "14:00", [LinkCut(site=site, at="14:02", until="14:12")])
    plant.until("14:04")
    plant.ask(Action.EMERGENCY_STOP, PANELS)
    plant.until("14:12")
    assert plant.world.machines[PANELS].power_kw > 10.0, "nobody could tell it yet"
    assert f"stop:{PANELS}" in plant.alarms() and f"unanswered:{site}" in plant.alarms()
    plant.until("14:14")
    assert latched(plant, site, PANELS)
    assert abs(plant.world.machines[PANELS].power_kw) < 1.0
    assert f"unanswered:{site}" not in plant.alarms()
    plant.ask(Action.RESET, PANELS, role="operator")
    plant.run(1)
    assert latched(plant, site, PANELS)
    plant.ask(Action.RESET, PANELS)
    plant.run(2)
    assert not latched(plant, site, PANELS)
    assert plant.world.machines[PANELS].power_kw > 10.0
    plant.assert_sound()
    plant.close()


def test_a_reset_asked_while_the_link_is_down_arrives_afterwards(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30", [LinkCut(site=PUMP, at="18:36", until="18:38")])
    plant.run(1)
    plant.ask(Action.EMERGENCY_STOP, GEN)
    plant.until("18:37")
    assert latched(plant, PUMP, GEN)
    plant.ask(Action.RESET, GEN)
    plant.until("18:40")
    assert not latched(plant, PUMP, GEN)
    assert plant.core.state.operator.resetting == {}
    plant.assert_sound()
    plant.close()


def test_a_set_that_is_wanted_again_at_once_can_be_reset(tmp_path: Path) -> None:
    """A reset and a start of one device never travel in one command."""
    plant = Plant(tmp_path, "18:30", [FailedStart(device=GEN, number=1)])
    plant.run(1)
    plant.ask(Action.OVERRIDE, GEN, 200.0, minutes=60)
    plant.until("18:35")
    assert GEN in plant.core.state.commitment.failures
    plant.ask(Action.RESET, GEN)
    plant.until("18:45")
    assert GEN not in plant.core.state.commitment.failures
    assert plant.world.machines[GEN].power_kw > 150.0
    for command in plant.commands():
        named = [setpoint.device for setpoint in command.setpoints]
        assert len(named) == len(set(named))
    assert not [a for a in plant.acks() if a.outcome is Outcome.REFUSED]
    plant.assert_sound()
    plant.close()


def test_an_emergency_stop_of_an_area_stops_every_device_and_outlives_a_restart(
    tmp_path: Path,
) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.until("18:36")
    plant.ask(Action.EMERGENCY_STOP, "north", scope=Scope.AREA)
    plant.run(1)
    devices = [
        (site.id, device.id)
        for site in plant.fleet.sites_of_area["north"]
        for device in plant.fleet.devices_of_site[site.id]
    ]
    assert all(latched(plant, site, device) for site, device in devices)
    stopped_ms = plant.now_ms
    plant.lockstep.start_center(plant.recorded("c2"))
    plant.run(5)
    assert set(plant.core.state.operator.stopped) == {device for _, device in devices}
    for command in plant.commands():
        if command.issued_at_ms > stopped_ms:
            for setpoint in command.setpoints:
                assert (command.site, setpoint.device) not in devices or setpoint.order != "run"
    assert all(abs(plant.world.machines[device].power_kw) < 1.0 for _, device in devices)
    plant.assert_sound()
    plant.close()


def test_an_override_asked_while_the_link_is_down_is_not_lost(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30", [LinkCut(site=PUMP, at="18:31", until="18:32")])
    plant.until("18:31")
    request = plant.ask(Action.OVERRIDE, GEN, 200.0, minutes=60)
    plant.until("18:40")
    assert plant.core.state.operator.answers[request].startswith("override to 200 kW")
    assert plant.world.machines[GEN].power_kw > 150.0
    assert plant.now_ms == today("18:40")
    plant.assert_sound()
    plant.close()


def test_a_stop_by_a_person_is_told_as_that_and_only_once(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(1)
    plant.ask(Action.OVERRIDE, GEN, 200.0, minutes=60)
    plant.until("18:40")
    assert plant.world.machines[GEN].power_kw > 150.0
    plant.ask(Action.EMERGENCY_STOP, GEN)
    plant.until("18:42")
    assert plant.core.state.reasons[GEN].endswith("stopped: emergency stop by ann")
    told = [one.text for one in plant.core.state.decisions if one.device == GEN]
    assert "stopped: emergency stop by ann" in told
    assert not any("no longer needed" in text for text in told)
    about = [key for key in plant.alarms() if GEN in key]
    assert about == [f"stop:{GEN}"], "the controller's own word for it says nothing new"
    plant.close()
