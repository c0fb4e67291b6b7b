"""A small plant that is run in lockstep for an hour in which a lot goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.clock import parse_iso
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.header import encode_header, make_header
from gridmuster.runtime.lockstep import Lockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.solving import Solver
from gridmuster.simulator.scenario import (
    FailedStart,
    LinkCut,
    MeterSilent,
    Scenario,
    Trip,
    UtilityOutage,
)
from gridmuster.simulator.truth import Truth
from gridmuster.simulator.world import World
from gridmuster.store.journal import Journal

#: Half past seven in the evening of a summer day in Texas.
START_MS = parse_iso("2026-07-16T00:30:00Z")
SILENT = "north-homes-03"
DARK = "north-tower-04"
BACKED = "north-tower-03"
FAILING = "north-pump-01-gen-1"


@dataclass(frozen=True)
class Run:
    """A finished run: its journal and what really happened."""

    journal: Path
    fleet: Fleet
    truth: Truth


def small_fleet() -> Fleet:
    """Ten sites short of import, wind and stored energy, one of them with hardly any bridge."""
    fleet = generate(10, 1)
    area = fleet.areas[0]
    assert area.connection is not None
    connection = area.connection.model_copy(update={"import_limit_kw": 700.0})
    sites = tuple(
        site.model_copy(update={"bridge_energy_kwh": 0.3}) if site.id == DARK else site
        for site in fleet.sites
    )
    areas = (area.model_copy(update={"connection": connection}),)
    changed = {
        "north-wind-01-turbine": {"rated_kw": 40.0},
        "north-storage-01-battery": {"initial_energy_kwh": 650.0},
    }
    devices = tuple(
        device.model_copy(update=changed.get(device.id, {})) for device in fleet.devices
    )
    return fleet.model_copy(update={"areas": areas, "sites": sites, "devices": devices})


def bad_hour(fleet: Fleet) -> Scenario:
    """A failed start, a trip, a silent meter, an outage well served and one that is not."""
    area = fleet.areas[0].id
    return Scenario(
        name="bad hour",
        events=(
            FailedStart(device=FAILING, number=1),
            FailedStart(device=f"{DARK}-gen", at="19:40", until="20:20"),
            UtilityOutage(sites=(BACKED,), at="19:45", until="20:00"),
            UtilityOutage(sites=(DARK,), at="19:50", until="19:58"),
            MeterSilent(end_user=SILENT, at="19:42", until="19:50"),
            Trip(area=area, at="20:05"),
        ),
    )


class Plant:
    """A plant under way, and its journal.

    Args:
        journal: where its journal goes; it can be changed for another on the way.
        fleet: the fleet.
        scenario: what happens.
    """

    def __init__(self, journal: Path, fleet: Fleet, scenario: Scenario) -> None:
        self.fleet = fleet
        self.config = CenterConfig(plan_count=12, plan_gap=0.02, plan_time_limit_s=2.0)
        self.world = World(fleet, START_MS, 1, scenario)
        self.solver = Solver(0)
        self.journal = self._open(journal)
        self.recorded = RecordedCore(Core(fleet, self.config), self.journal, "c1")
        self.lockstep = Lockstep(fleet, self.world, self.recorded, self.solver)

    def _open(self, path: Path) -> Journal:
        journal = Journal.open(str(path), durable=False)
        now_ms = self.world.now_ms
        journal.append_header(encode_header(make_header(self.fleet, self.config, now_ms)), now_ms)
        return journal

    def restart(self, journal: Path, center_id: str) -> None:
        """Another center's process takes over, with what the last one knew and a new journal."""
        state = self.recorded.core.state_bytes()
        self.journal.close()
        self.journal = self._open(journal)
        core = Core(self.fleet, self.config, state)
        self.recorded = RecordedCore(core, self.journal, center_id)
        self.lockstep.start_center(self.recorded)

    def run(self, minutes: float) -> None:
        """Run on for some minutes of plant time."""
        self.lockstep.run(self.world.now_ms + int(minutes * 60_000))

    def close(self) -> None:
        """Let go of the journal."""
        self.solver.close()
        self.journal.close()


def cut_off(fleet: Fleet) -> Scenario:
    """A site loses its link, and then its utility for a while; afterwards it tells what it stored.

    Its meter and its engine's counters go on in the meantime.
    """
    assert any(site.id == BACKED for site in fleet.sites)
    return Scenario(
        name="cut off",
        events=(
            LinkCut(site=BACKED, at="19:32", until="19:56"),
            UtilityOutage(sites=(BACKED,), at="19:34", until="19:44"),
        ),
    )


def collapse(fleet: Fleet) -> Scenario:
    """The utility's feed of the whole area is gone for some minutes; then it sheds load."""
    return Scenario(
        name="collapse",
        events=(UtilityOutage(area=fleet.areas[0].id, at="19:35", until="19:40"),),
    )


def run(path: Path, fleet: Fleet, scenario: Scenario, minutes: float) -> Run:
    """Run a scenario for some minutes; returns its journal and the truth."""
    plant = Plant(path, fleet, scenario)
    plant.run(minutes)
    plant.close()
    return Run(path, fleet, plant.world.truth)
