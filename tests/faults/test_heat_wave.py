"""The story of docs/heatwave.md: 200 towers, an alert, failures, an outage, and the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lockstep_plant import breaches, today
from msgspec.structs import replace

from gridmuster.center.view import ActivationView
from gridmuster.clock import VirtualClock
from gridmuster.comms.memory import MemoryBroker
from gridmuster.fleet.devices import Device, PermitClass
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.programs import Programs
from gridmuster.fleet.towers import generate_towers
from gridmuster.gateway.config import AgentConfig
from gridmuster.report.compliance import report_compliance
from gridmuster.report.event import report_event
from gridmuster.report.settlement import report_settlement
from gridmuster.runtime.paced import PacedLockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.year import YEAR_CONFIG
from gridmuster.signals import Purpose
from gridmuster.simulator.scenario import Scenario
from gridmuster.simulator.world import World
from gridmuster.store.journal import Journal

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "heatwave.md").read_text("utf-8")
FILES = {
    name: yaml.safe_load(body)
    for name, body in re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
}
SCENARIO = Scenario.model_validate(FILES["heatwave.yaml"])
#: A plant that is stepped as a simulated year is, with coarse plans.
CONFIG = replace(YEAR_CONFIG, plan_count=24, plan_step_s=3600, checkpoint_every_s=900)
DARK = SCENARIO.events[2].sites[0]  # type: ignore[union-attr]
ASKED_KW = FILES["programs.yaml"]["grid_alert"][0]["eea2_kw"]


def towers() -> Fleet:
    """The fleet that the page has the reader make."""
    fleet = generate_towers(200, 7, areas=1)
    programs = Programs.model_validate(FILES["programs.yaml"])
    (area,) = fleet.areas
    return fleet.model_copy(update={"areas": (area.model_copy(update={"programs": programs}),)})


def is_emergency(device: Device) -> bool:
    """Whether a device is an engine of EPA's emergency class."""
    permit = getattr(device, "permit", None)
    return permit is not None and permit.permit_class is PermitClass.EPA_EMERGENCY


class Afternoon:
    """The plant from 14:00 on, in virtual time, on its way through the story."""

    def __init__(self, folder: Path) -> None:
        fleet, start_ms = towers(), today("14:00")
        self.path = folder / "plant.journal"
        self.journal = Journal.open(str(self.path), durable=False)
        self.clock = VirtualClock(start_ms)
        self.world = World(fleet, start_ms, 7, SCENARIO)
        self.solver = Solver(0)
        self.core = rebuild(self.journal, fleet, CONFIG, start_ms)
        self.plant = PacedLockstep(
            fleet,
            self.world,
            RecordedCore(self.core, self.journal, "center-heat"),
            self.solver,
            AgentConfig(scan_s=CONFIG.cycle_s, heartbeat_s=CONFIG.renew_s, alert_asserted=True),
            MemoryBroker(self.clock, None, 7),
            self.clock,
        )

    def until(self, clock: str) -> None:
        while self.clock.now_ms() < today(clock):
            self.plant.pace()

    def call(self) -> ActivationView:
        (found,) = (one for one in self.core.activations() if one.program == "heat-wave")
        return found

    def close(self) -> None:
        self.solver.close()
        self.journal.close()


@pytest.fixture
def afternoon(tmp_path: Path) -> Iterator[Afternoon]:
    made = Afternoon(tmp_path)
    yield made
    made.close()


def test_a_heat_wave_over_two_hundred_towers(afternoon: Afternoon) -> None:
    core, plant = afternoon.core, afternoon.world
    afternoon.until("14:09")
    assert [one for one in core.activations() if one.program == "heat-wave"] == []

    afternoon.until("14:24")
    call = afternoon.call()
    assert (call.target_kw, call.purpose) == (ASKED_KW, Purpose.EMERGENCY_ALERT.value)
    assert call.firm_kw >= ASKED_KW * 0.98
    failed = [one for one in call.sets if one.lost]
    assert len(failed) == 2
    stood_in = {one.replaces for one in call.sets if one.replaces}
    assert stood_in == {one.device for one in failed}
    live = [one.device for one in call.sets if not one.lost]
    given_kw = sum(plant.machines[device].power_kw for device in live)
    assert given_kw >= ASKED_KW

    afternoon.until("14:32")
    dark = f"{DARK}-gen"
    assert plant.machines[dark].power_kw > 0.0
    lost = {one.device for one in afternoon.call().sets if one.lost}
    assert dark in lost
    live = [one.device for one in afternoon.call().sets if not one.lost]
    assert sum(plant.machines[device].power_kw for device in live) >= ASKED_KW * 0.98

    afternoon.until("15:02")
    assert {one.device for one in afternoon.call().sets if one.lost} == {*lost}
    assert afternoon.call().phase == "ended"
    # Gas sets may run on where the plan says so; an emergency-class engine never does.
    emergency = [name for name, one in core.fleet.device_by_id.items() if is_emergency(one)]
    assert [name for name in emergency if plant.machines[name].power_kw > 0.0] == []
    assert breaches(afternoon.journal) == []
    reported(afternoon, dark)


def reported(afternoon: Afternoon, dark: str) -> None:
    """What the page says of the reports."""
    engines = {one.device: one for one in report_compliance(str(afternoon.path)).engines}
    mine = engines[dark]
    # A quarter of an hour, and until the utility has been well for some minutes.
    assert 0.25 <= mine.hours_by_purpose[Purpose.OUTAGE.value] <= 0.5
    started = [one for one in engines.values() if one.start_log]
    emergency = [one for one in started if one.permit_class == "epa_emergency"]
    assert emergency and len(started) > len(emergency)
    for one in emergency:
        need = one.start_log[0].local_need
        if one.device != dark:
            assert need is not None and not need.missing()
        assert one.hours_by_purpose.get(Purpose.DEMAND.value, 0.0) == 0.0
    told = report_event(afternoon.journal, today("14:05"), today("15:10"))
    assert told.figures.failed_starts == 2
    assert told.figures.outages == 1
    assert told.figures.unserved_kwh == 0.0
    events = report_settlement(str(afternoon.path)).events
    (event,) = (one for one in events if one.program == "heat-wave")
    # The alert came without notice: its first minutes are starts.
    assert 0.7 * event.asked_kwh <= event.delivered_kwh <= 1.02 * event.asked_kwh
    assert len(event.lost) == 3
