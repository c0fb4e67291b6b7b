"""Journals made by hand: what a plant would say, cycle by cycle, with anything wrong put in.

craft = Craft(tmp_path / "a.journal")
craft.cycle(craft.report("plant", supply="utility"))
craft.cycle(craft.command("plant", run("engine", 500.0)))
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from gridmuster.clock import parse_iso
from gridmuster.fleet.devices import (
    Battery,
    EmergencyGenerator,
    Engine,
    FuelPoint,
    Permit,
    PermitClass,
    Photovoltaic,
    Tank,
)
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
from gridmuster.report import Report, report_journal
from gridmuster.signals import (
    Ack,
    CycleRecord,
    DemandReport,
    DeviceOutcome,
    DeviceReading,
    DeviceState,
    Frame,
    GridSignal,
    Lease,
    MeterReading,
    OperatorRequest,
    Order,
    Outcome,
    Price,
    Purpose,
    SessionStarted,
    Setpoint,
    SiteCommand,
    SiteReport,
    Supply,
    encode,
)
from gridmuster.store.journal import Journal
from gridmuster.topics import Topics
from gridmuster.units import Fuel

START_MS = parse_iso("2026-07-15T12:00:00Z")
CYCLE_MS = 4_000
TOWERS = tuple(f"tower-{k}" for k in range(1, 7))

_BORDER = Border(coordinates=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)),))
#: 10 l/h idle and 0.25 l/kWh: the arithmetic can be done in the head.
_CURVE = (
    FuelPoint(load_fraction=0.25, fuel_per_h=10.0 + 0.25 * 25.0),
    FuelPoint(load_fraction=1.0, fuel_per_h=10.0 + 0.25 * 100.0),
)


def tiny_fleet() -> Fleet:
    """A plant that may export (engine, battery, sun), one with a tank and capped hours, towers."""
    exporting = Transfer(kind=TransferKind.PARALLELING, export_limit_kw=1000.0)
    capped = Permit(
        permit_class=PermitClass.EPA_NON_EMERGENCY, hours_cap_h=500.0, hours_used_h=440.0
    )
    return Fleet(
        id="tiny",
        areas=(
            Area(
                id="area",
                border=_BORDER,
                loss_fraction=0.05,
                connection=Connection(import_limit_kw=1000.0, export_limit_kw=500.0),
            ),
        ),
        sites=(
            _site("plant", transfer=exporting),
            _site("tanked", transfer=exporting, backup_load_kw=20.0, autonomy_h=10.0),
            *(_site(tower, backup_load_kw=5.0, autonomy_h=24.0) for tower in TOWERS),
        ),
        end_users=(
            EndUser(id="homes", site="plant", load_class=LoadClass.RESIDENTIAL, peak_kw=800.0),
            *(
                EndUser(
                    id=f"{tower}-load",
                    site=tower,
                    load_class=LoadClass.TELECOM,
                    peak_kw=6.0,
                    behind_transfer=True,
                )
                for tower in TOWERS
            ),
        ),
        devices=(
            Engine(
                id="engine",
                type="engine",
                site="plant",
                rated_kw=100.0,
                fuel_curve=_CURVE,
                start_cost_usd=5.0,
                variable_om_usd_per_kwh=0.02,
            ),
            Battery(
                id="battery",
                type="battery",
                site="plant",
                rated_kw=100.0,
                energy_capacity_kwh=200.0,
            ),
            Photovoltaic(id="sun", type="photovoltaic", site="plant", rated_kw=300.0),
            Engine(
                id="diesel",
                type="engine",
                site="tanked",
                rated_kw=100.0,
                fuel_curve=_CURVE,
                fuel=Fuel.DIESEL,
                tank=Tank(capacity=1000.0, level=800.0),
                permit=capped,
                max_starts_per_day=3,
            ),
            *(
                EmergencyGenerator(
                    id=f"{tower}-gen",
                    type="emergency_generator",
                    site=tower,
                    rated_kw=25.0,
                    fuel_curve=_CURVE,
                    tank=Tank(capacity=2000.0, level=1900.0),
                    permit=Permit(permit_class=PermitClass.EPA_EMERGENCY),
                )
                for tower in TOWERS
            ),
        ),
    )


def _site(name: str, **more: Any) -> Site:
    return Site(id=name, area="area", latitude=0.5, longitude=0.5, **more)


def run(device: str, power_kw: float, purpose: Purpose = Purpose.DEMAND) -> Setpoint:
    """An order to run."""
    return Setpoint(device, Order.RUN, power_kw, purpose)


def stop(device: str) -> Setpoint:
    """An order to stop."""
    return Setpoint(device, Order.STOP)


Said = tuple[str, Any]


class Craft:
    """A journal under way; time moves by a cycle with every `cycle`.

    Args:
        path: the journal's file.
        start_ms: first instant, ms.
        fleet: the fleet, by default `tiny_fleet`.
    """

    def __init__(self, path: Path, start_ms: int = START_MS, fleet: Fleet | None = None) -> None:
        self.path = path
        self.fleet = fleet or tiny_fleet()
        self.topics = Topics(self.fleet.id)
        self.journal = Journal.open(str(path), durable=False)
        self.now_ms = start_ms
        self.fence = 1
        self.center = "c1"
        self.sequence = 0
        self.readings: dict[str, DeviceReading] = {
            device.id: DeviceReading(device.id, DeviceState.IDLE, available_kw=device.rated_kw)
            for device in self.fleet.devices
        }
        self.head()

    def head(self) -> None:
        """Append a head at the present moment."""
        fields = {
            "software": "test",
            "fleet_json": self.fleet.model_dump_json(exclude_defaults=True),
            "config": {"cycle_s": 4.0, "recovery_s": 30.0},
            "started_ms": self.now_ms,
        }
        self.journal.append_header(msgspec.json.encode(fields), self.now_ms)

    def cycle(self, *said: Said, count: int = 1) -> None:
        """Append cycles; the first has what was said, the others nothing."""
        for k in range(count):
            self.now_ms += CYCLE_MS
            inbound, outbound = [], []
            for topic, message in said if k == 0 else ():
                payload = message if isinstance(message, bytes) else encode(message)
                leaves = isinstance(message, SiteCommand) or topic == "claim"
                frame = Frame(
                    self.topics.lease if topic == "claim" else topic, payload, self.now_ms
                )
                (outbound if leaves else inbound).append(frame)
            self.journal.append_cycle(self.now_ms, inbound, outbound)

    def decide(self, record: CycleRecord, *commands: Said) -> None:
        """Append a cycle with a decision's record and its commands."""
        self.now_ms += CYCLE_MS
        out = [Frame(self.topics.decision, encode(record), self.now_ms)]
        out += [Frame(topic, encode(message), self.now_ms) for topic, message in commands]
        self.journal.append_cycle(self.now_ms, (), out)

    def finish(self) -> Report:
        """Close the journal and report on it."""
        self.journal.close()
        return report_journal(str(self.path))

    # What may be said; moments are those of the cycle that comes next.

    @property
    def next_ms(self) -> int:
        """The moment of the next cycle, ms."""
        return self.now_ms + CYCLE_MS

    def session(self) -> Said:
        """A process began."""
        return self.topics.shell + "/session", SessionStarted(self.center, self.next_ms, "test")

    def claim(self) -> Said:
        """The center claims its fence."""
        return "claim", Lease(self.center, self.fence, self.next_ms)

    def lease(self, center: str, fence: int) -> Said:
        """A lease arrives."""
        return self.topics.lease, Lease(center, fence, self.next_ms)

    def report(
        self,
        site: str,
        *,
        supply: Supply = Supply.UTILITY,
        utility_ok: bool = True,
        poi_kw: float = 0.0,
        at_ms: int | None = None,
        backup_load_kw: float | None = None,
        highest_fence: int = 0,
        fence_holder: str = "",
        **devices: dict[str, Any],
    ) -> Said:
        """A site's report; devices by id (``-`` written as ``_``) with what changes in them."""
        for name, changes in devices.items():
            device = name.replace("_", "-")
            self.readings[device] = msgspec.structs.replace(self.readings[device], **changes)
        self.sequence += 1
        at_site = self.fleet.devices_of_site[site]
        return self.topics.report(site), SiteReport(
            site,
            self.next_ms if at_ms is None else at_ms,
            self.sequence,
            supply,
            utility_ok,
            60.0 if utility_ok else 0.0,
            1.0 if utility_ok else 0.0,
            poi_kw,
            tuple(self.readings[device.id] for device in at_site),
            backup_load_kw,
            highest_fence,
            fence_holder,
        )

    def all_reports(self) -> list[Said]:
        """Every site reports calmly."""
        return [self.report(site.id) for site in self.fleet.sites]

    def demand(self, site: str, *readings: tuple[str, float, float]) -> Said:
        """Meters of a site: end-user, kW, kWh."""
        self.sequence += 1
        listed = tuple(MeterReading(*reading) for reading in readings)
        return self.topics.demand(site), DemandReport(site, self.next_ms, self.sequence, listed)

    def grid(self, import_kw: float, import_kwh: float, **more: Any) -> Said:
        """The state of the connection."""
        self.sequence += 1
        fields = {"export_kwh": 0.0, "energised": True, "import_limit_kw": 1000.0, **more}
        return self.topics.grid("area"), GridSignal(
            area="area",
            at_ms=self.next_ms,
            sequence=self.sequence,
            frequency_hz=60.0,
            voltage_pu=1.0,
            import_kw=import_kw,
            export_limit_kw=500.0,
            import_kwh=import_kwh,
            **fields,
        )

    def price(self, usd_per_mwh: float) -> Said:
        """A price that holds from the next cycle on."""
        self.sequence += 1
        price = Price("area", self.next_ms, self.sequence, self.next_ms, 300, usd_per_mwh)
        return self.topics.price("area"), price

    def command(self, site: str, *setpoints: Setpoint, ttl_s: int = 120, **more: Any) -> Said:
        """A command to a site."""
        self.sequence += 1
        fields = {
            "id": f"{self.center}.{self.fence}.{site}.{self.sequence}",
            "sequence": self.sequence,
            "fence": self.fence,
            "issued_at_ms": self.next_ms,
            "expires_at_ms": self.next_ms + ttl_s * 1000,
            **more,
        }
        message = SiteCommand(site=site, center_id=self.center, setpoints=setpoints, **fields)
        return self.topics.command(site), message

    def ack(
        self,
        command: Said,
        outcome: Outcome = Outcome.ACCEPTED,
        devices: Iterable[DeviceOutcome] = (),
    ) -> Said:
        """A site's answer to a command."""
        asked: SiteCommand = command[1]
        return self.topics.ack(asked.site), Ack(
            asked.site,
            self.next_ms,
            asked.id,
            asked.fence,
            asked.sequence,
            outcome,
            "",
            tuple(devices),
        )

    def request(self, request: OperatorRequest) -> Said:
        """A person's request."""
        return self.topics.operator, request

    def quiet(self, seconds: float, *sites: str) -> None:
        """Time passes; these sites, or all, report every 20 s as they last were."""
        for k in range(round(seconds * 1000 / CYCLE_MS)):
            names = sites or tuple(site.id for site in self.fleet.sites)
            self.cycle(*([self.report(name) for name in names] if k % 5 == 0 else ()))
