"""Building one area of a generated fleet: its towers, clinics, pumps and plants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from gridmuster.fleet import catalog
from gridmuster.fleet.borders import Cell
from gridmuster.fleet.devices import Device, Permit, PermitClass
from gridmuster.fleet.model import EndUser, LoadClass, Site, Transfer, TransferKind
from gridmuster.units import Fuel

TIME_ZONE: Final = "America/Chicago"

SMALL_SETS_KW: Final = (20.0, 25.0, 30.0, 35.0, 40.0, 50.0)
PARALLELING_SETS_KW: Final = (60.0, 80.0, 100.0, 125.0)
TOWER_OWNERS: Final = ("blue-tower", "pinnacle-sites", "prairie-wireless", "carrier-one")
TOWER_FUELS: Final = (Fuel.DIESEL, Fuel.NATURAL_GAS, Fuel.PROPANE)


@dataclass(frozen=True, slots=True)
class Role:
    """What kind of quarter an area is.

    ``stress`` is the evening peak over the import limit; below 1 the limit is never reached.
    ``classes`` are the shares of the feeder's customers by class; ``plants`` the special sites.
    """

    stress: tuple[float, float]
    classes: dict[LoadClass, float]
    plants: tuple[str, ...]


@dataclass
class Quarter:
    """An area while it is being built."""

    id: str
    role: Role
    cell: Cell
    rng: Random
    sites: list[Site] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    users: list[EndUser] = field(default_factory=list)
    pumps: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def next_id(self, kind: str) -> str:
        """The next id of a kind: ``north-tower-01``, ``north-tower-02``."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{self.id}-{kind}-{self.counts[kind]:02d}"

    def pick(self, choices: tuple[float, ...]) -> float:
        """One of the choices, each as likely."""
        return choices[int(self.rng.random() * len(choices))]

    def add_site(
        self,
        site_id: str,
        owner: str,
        transfer: Transfer,
        *,
        backup_load_kw: float = 0.0,
        bridge_h: float = 0.0,
        autonomy_h: float = 0.0,
        load_class: LoadClass = LoadClass.TELECOM,
        tags: tuple[str, ...] = (),
    ) -> None:
        """Place a site and, when it has a protected load, the end-user behind its transfer."""
        west, south = self.cell.west, self.cell.south
        self.sites.append(
            Site(
                id=site_id,
                area=self.id,
                name=site_id.replace("-", " ").capitalize(),
                latitude=round(south + self.rng.random() * (self.cell.north - south), 5),
                longitude=round(west + self.rng.random() * (self.cell.east - west), 5),
                time_zone=TIME_ZONE,
                owner=owner,
                backup_load_kw=backup_load_kw,
                bridge_energy_kwh=round(bridge_h * backup_load_kw, 1),
                autonomy_h=autonomy_h,
                transfer=transfer,
                tags=tags,
            )
        )
        if backup_load_kw:
            self.users.append(
                EndUser(
                    id=f"{site_id}-load",
                    site=site_id,
                    load_class=load_class,
                    peak_kw=backup_load_kw,
                    behind_transfer=True,
                )
            )


def add_towers(quarter: Quarter, count: int) -> None:
    """Paralleling towers first (27 %), then hybrids (13 %), then those with a transfer switch."""
    paralleling = max(1, round(0.27 * count)) if count > 1 else 0
    hybrids = round(0.13 * count)
    for k in range(count):
        if k < paralleling:
            add_paralleling_tower(quarter, TOWER_FUELS[k % len(TOWER_FUELS)])
        elif k < paralleling + hybrids:
            add_hybrid_tower(quarter, with_set=k % 2 == 1)
        else:
            add_switched_tower(quarter)


def _tower(quarter: Quarter) -> tuple[str, str, float]:
    """Id, owner and own load (4-7 kW) of the next tower."""
    site = quarter.next_id("tower")
    owner = TOWER_OWNERS[int(quarter.rng.random() * len(TOWER_OWNERS))]
    return site, owner, round(quarter.rng.uniform(4.0, 7.0), 1)


def add_switched_tower(quarter: Quarter) -> None:
    """A tower whose emergency diesel can only take over the tower's own load."""
    rng = quarter.rng
    site, owner, load_kw = _tower(quarter)
    quarter.add_site(
        site,
        owner,
        Transfer(),
        backup_load_kw=load_kw,
        bridge_h=rng.uniform(2.0, 4.0),
        autonomy_h=24.0,
        tags=("tower",),
    )
    rated_kw = quarter.pick(SMALL_SETS_KW)
    nearly_used_up = rng.random() < 0.06
    used_h = rng.uniform(82.0, 88.0) if nearly_used_up else rng.uniform(4.0, 60.0)
    permit = Permit(permit_class=PermitClass.EPA_EMERGENCY, hours_used_h=round(used_h, 1))
    tank = catalog.tank_for(Fuel.DIESEL, rated_kw, load_kw, 24.0, rng.uniform(0.82, 0.98))
    quarter.devices.append(
        catalog.standby_set(f"{site}-gen", site, Fuel.DIESEL, rated_kw, permit=permit, tank=tank)
    )


def non_emergency(rng: Random) -> Permit:
    """A permit by the hour: Tier-4 or catalysed, 1,000 h a year, some of them used."""
    return Permit(
        permit_class=PermitClass.EPA_NON_EMERGENCY,
        hours_cap_h=1000.0,
        hours_used_h=round(rng.uniform(40.0, 320.0), 1),
    )


def add_paralleling_tower(quarter: Quarter, fuel: Fuel) -> None:
    """A tower whose set may send its whole rating to the area."""
    rng = quarter.rng
    site, owner, load_kw = _tower(quarter)
    rated_kw = quarter.pick(PARALLELING_SETS_KW)
    quarter.add_site(
        site,
        owner,
        Transfer(kind=TransferKind.PARALLELING, export_limit_kw=rated_kw),
        backup_load_kw=load_kw,
        bridge_h=rng.uniform(2.0, 4.0),
        autonomy_h=24.0,
        tags=("tower",),
    )
    tank = None
    if fuel is not Fuel.NATURAL_GAS:
        tank = catalog.tank_for(fuel, rated_kw, load_kw, 24.0, rng.uniform(0.85, 0.98))
    quarter.devices.append(
        catalog.standby_set(
            f"{site}-gen", site, fuel, rated_kw, permit=non_emergency(rng), tank=tank
        )
    )


def add_hybrid_tower(quarter: Quarter, with_set: bool) -> None:
    """A tower on sun and battery; every other one has a small propane set as well."""
    rng = quarter.rng
    site, owner, load_kw = _tower(quarter)
    solar_kw, battery_kw, battery_kwh = round(rng.uniform(10.0, 20.0)), 20.0, 100.0
    set_kw = 20.0 if with_set else 0.0
    quarter.add_site(
        site,
        owner,
        Transfer(kind=TransferKind.PARALLELING, export_limit_kw=solar_kw + battery_kw + set_kw),
        backup_load_kw=load_kw,
        bridge_h=1.0,
        autonomy_h=24.0 if with_set else 6.0,
        tags=("tower", "hybrid"),
    )
    # Six hours of the tower's load through the inverter, above the battery's own floor.
    kept_kwh = round(0.2 * battery_kwh + 6.0 * load_kw / 0.948 + 1.0, 1)
    quarter.devices.append(catalog.photovoltaic(f"{site}-pv", site, float(solar_kw)))
    quarter.devices.append(
        catalog.battery(f"{site}-battery", site, battery_kw, battery_kwh, kept_kwh)
    )
    if with_set:
        tank = catalog.tank_for(Fuel.PROPANE, set_kw, load_kw, 24.0, rng.uniform(0.85, 0.98))
        quarter.devices.append(
            catalog.standby_set(
                f"{site}-gen", site, Fuel.PROPANE, set_kw, permit=non_emergency(rng), tank=tank
            )
        )


def add_clinic(quarter: Quarter) -> None:
    """A clinic with a bigger emergency diesel behind a closed-transition switch."""
    rng = quarter.rng
    site = quarter.next_id("clinic")
    load_kw = round(rng.uniform(70.0, 140.0), 1)
    rated_kw = 200.0 if load_kw < 110.0 else 250.0
    quarter.add_site(
        site,
        "county-health",
        Transfer(kind=TransferKind.CLOSED_TRANSITION),
        backup_load_kw=load_kw,
        bridge_h=0.1,
        autonomy_h=48.0,
        load_class=LoadClass.HEALTH,
        tags=("clinic",),
    )
    permit = Permit(
        permit_class=PermitClass.EPA_EMERGENCY, hours_used_h=round(rng.uniform(8.0, 30.0), 1)
    )
    tank = catalog.tank_for(Fuel.DIESEL, rated_kw, load_kw, 48.0, rng.uniform(0.88, 0.98))
    quarter.devices.append(
        catalog.standby_set(f"{site}-gen", site, Fuel.DIESEL, rated_kw, permit=permit, tank=tank)
    )


def add_pump(quarter: Quarter) -> None:
    """A water pump; its sets come last, by `_add_pump_sets`, and its export limit with them."""
    site = quarter.next_id("pump")
    quarter.pumps.append(site)
    quarter.add_site(
        site,
        "city-water",
        Transfer(kind=TransferKind.PARALLELING),
        backup_load_kw=round(quarter.rng.uniform(50.0, 120.0), 1),
        bridge_h=0.1,
        autonomy_h=24.0,
        load_class=LoadClass.WATER,
        tags=("pump",),
    )


def _add_plant(quarter: Quarter, kind: str, owner: str, *devices: Device) -> None:
    export_kw = sum(device.rated_kw for device in devices)
    quarter.add_site(
        devices[0].site,
        owner,
        Transfer(kind=TransferKind.PARALLELING, export_limit_kw=export_kw),
        tags=(kind,),
    )
    quarter.devices.extend(devices)


def _add_solar(quarter: Quarter) -> None:
    site = quarter.next_id("solar")
    rated_kw = quarter.pick((1000.0, 1200.0, 1500.0))
    _add_plant(quarter, "solar", "sunfield", catalog.photovoltaic(f"{site}-pv", site, rated_kw))


def _add_wind(quarter: Quarter) -> None:
    site = quarter.next_id("wind")
    _add_plant(quarter, "wind", "ridge-wind", catalog.wind_turbine(f"{site}-turbine", site, 1500.0))


def _add_storage(quarter: Quarter) -> None:
    site = quarter.next_id("storage")
    _add_plant(
        quarter,
        "storage",
        "area-storage",
        catalog.battery(f"{site}-battery", site, 1000.0, quarter.pick((3000.0, 3500.0, 4000.0))),
        catalog.flywheel(f"{site}-flywheel", site, 250.0, 20.0),
    )


def _add_works(quarter: Quarter) -> None:
    site = quarter.next_id("works")
    permit = Permit(
        permit_class=PermitClass.UNRESTRICTED,
        hours_used_h=round(quarter.rng.uniform(2000.0, 5000.0)),
    )
    _add_plant(
        quarter,
        "works",
        "hill-country-works",
        catalog.chp_engine(f"{site}-engine", site, quarter.pick((1000.0, 1200.0, 1500.0)), permit),
        catalog.smes(f"{site}-smes", site, 1000.0, 3.0),
    )


def _add_campus(quarter: Quarter) -> None:
    site = quarter.next_id("campus")
    _add_plant(
        quarter,
        "campus",
        "state-campus",
        catalog.fuel_cell(f"{site}-cell", site, 400.0),
        catalog.microturbine(f"{site}-turbine", site, 200.0),
    )


PLANTS: Final[dict[str, Callable[[Quarter], None]]] = {
    "solar": _add_solar,
    "wind": _add_wind,
    "storage": _add_storage,
    "works": _add_works,
    "campus": _add_campus,
}
