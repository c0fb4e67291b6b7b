"""A plant whose area can island: engines and a battery at the coupling, a town, a tower."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockstep_plant import Plant, today

from gridmuster.comms.memory import LinkFaults
from gridmuster.fleet.devices import (
    Battery,
    EmergencyGenerator,
    Engine,
    FuelPoint,
    Photovoltaic,
    Reliability,
    Tank,
)
from gridmuster.fleet.microgrid import LoadStep, Microgrid, ReserveRule
from gridmuster.fleet.model import (
    Area,
    Border,
    Connection,
    EndUser,
    Fleet,
    LoadClass,
    Site,
    Transfer,
    TransferKind,
)
from gridmuster.fleet.permits import Permit, PermitClass
from gridmuster.signals import SiteReport, decode
from gridmuster.simulator.scenario import Event
from gridmuster.simulator.switchgear import SwitchgearModel
from gridmuster.switching import Switching

SURE = Reliability(availability=1.0, fail_to_start=0.0, mttf_h=1e9)
STEPS = (
    LoadStep(id="pool", priority=10, power_kw=60.0, end_users=("pool",)),
    LoadStep(id="shops", priority=40, power_kw=90.0, end_users=("shops",)),
)
MICROGRID = Microgrid(
    breaker="main-tie",
    site="plant",
    formers=("gas-1", "gas-2", "pack"),
    steps=STEPS,
    reserve=ReserveRule.UNIT,
    return_after_s=120.0,
)


def curve(rated_kw: float) -> tuple[FuelPoint, ...]:
    points = ((0.25, 0.07), (0.5, 0.13), (0.75, 0.19), (1.0, 0.26))
    return tuple(FuelPoint(load_fraction=a, fuel_per_h=b * rated_kw) for a, b in points)


def gas(name: str) -> Engine:
    return Engine(
        type="engine",
        id=name,
        site="plant",
        rated_kw=250.0,
        fuel="natural_gas",
        fuel_curve=curve(250.0),
        reliability=SURE,
        warmup_s=0.0,
        permit=Permit(permit_class=PermitClass.EPA_NON_EMERGENCY),
    )


def user(name: str, site: str, peak_kw: float, **more: object) -> EndUser:
    kind = more.pop("load_class", LoadClass.COMMERCIAL)
    return EndUser(id=name, site=site, load_class=kind, peak_kw=peak_kw, **more)


def island_fleet(microgrid: Microgrid = MICROGRID) -> Fleet:
    """The plant's fleet."""
    ring = ((-98.0, 30.0), (-97.0, 30.0), (-97.0, 31.0), (-98.0, 31.0), (-98.0, 30.0))
    at = {"area": "north", "latitude": 30.5, "longitude": -97.5, "time_zone": "America/Chicago"}
    tie = Transfer(kind=TransferKind.PARALLELING, export_limit_kw=800.0)
    return Fleet(
        id="isle",
        areas=(
            Area(
                id="north",
                border=Border(coordinates=(ring,)),
                connection=Connection(import_limit_kw=800.0, export_limit_kw=800.0),
                microgrid=microgrid,
            ),
        ),
        sites=(
            Site(id="plant", transfer=tie, **at),
            Site(id="town", **at),
            Site(id="tower", backup_load_kw=5.0, bridge_energy_kwh=1.0, **at),
        ),
        end_users=(
            user("clinic", "town", 80.0, load_class=LoadClass.HEALTH),
            user("shops", "town", 90.0),
            user("pool", "town", 60.0),
            user("cell", "tower", 5.0, load_class=LoadClass.TELECOM, behind_transfer=True),
        ),
        devices=(
            gas("gas-1"),
            gas("gas-2"),
            Battery(
                type="battery",
                id="pack",
                site="plant",
                rated_kw=100.0,
                energy_capacity_kwh=200.0,
                reliability=SURE,
            ),
            Photovoltaic(
                type="photovoltaic", id="sun", site="plant", rated_kw=40.0, reliability=SURE
            ),
            EmergencyGenerator(
                type="emergency_generator",
                id="tower-set",
                site="tower",
                rated_kw=12.0,
                fuel_curve=curve(12.0),
                tank=Tank(capacity=300.0, level=280.0),
                reliability=SURE,
            ),
        ),
    )


class IslandPlant(Plant):
    """The plant in lockstep, and what was seen of its coupling."""

    def __init__(
        self,
        folder: Path,
        events: Sequence[Event] = (),
        *,
        start: str = "09:55",
        seed: int = 1,
        faults: LinkFaults | None = None,
        microgrid: Microgrid = MICROGRID,
    ) -> None:
        fleet = island_fleet(microgrid)
        super().__init__(folder, start, events, fleet=fleet, seed=seed, faults=faults)

    def until(self, clock: str) -> None:
        """Run until a local time of the default day, like 10:05 or 10:05:30."""
        self.lockstep.run(today(clock[:5]) + int(clock[6:] or 0) * 1000)

    @property
    def gear(self) -> SwitchgearModel:
        gear = self.world.areas["north"].switchgear
        assert gear is not None
        return gear

    @property
    def energised(self) -> bool:
        return self.world.areas["north"].energised

    @property
    def dead_line_closings(self) -> int:
        return self.world.truth.areas["north"].dead_line_closings

    def island(self) -> str:
        """State, as people see it."""
        (area,) = self.core.view().areas
        assert area.island is not None
        return area.island.state

    def states(self) -> list[str]:
        """States the area went through, as the site's reports told the center."""
        said: list[str] = []
        for _, inbound, _ in self.frames():
            for frame in inbound:
                if frame.topic.endswith("plant/up/report"):
                    gear = decode(frame.payload, SiteReport).switchgear
                    assert gear is not None
                    word = f"{gear.coupling}/{gear.bus}"
                    if not said or said[-1] != word:
                        said.append(word)
        return said

    def wishes(self) -> list[Switching]:
        """What the switchgear was asked, repetitions left out."""
        asked: list[Switching] = []
        for command in self.commands():
            wish = command.switching
            if wish is not None and (not asked or asked[-1] != wish):
                asked.append(wish)
        return asked

    def said(self) -> list[str]:
        """What was decided about the island, in words."""
        return [one.text for one in self.core.state.decisions if one.kind == "island"]
