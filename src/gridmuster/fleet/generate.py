"""A realistic fleet from a seed: towers, pumps, clinics and plants around one Texan city.

The default of the demo is ``generate(60, 1)``. How its sizes are chosen is told at `generate`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from gridmuster.fleet import catalog
from gridmuster.fleet.borders import Cell, cells
from gridmuster.fleet.devices import Device, Generator, Permit, PermitClass, Store
from gridmuster.fleet.model import (
    Area,
    Connection,
    EndUser,
    Fleet,
    LoadClass,
    Site,
    Transfer,
    TransferKind,
)
from gridmuster.fleet.profiles import hourly_demand_kw
from gridmuster.units import Fuel

CITY_LATITUDE: Final = 30.27
CITY_LONGITUDE: Final = -97.74
TIME_ZONE: Final = "America/Chicago"

#: From this many sites on there are three areas or more, and all nine device types.
FULL_FLEET_SITES: Final = 12
#: Most sites an area holds before another three areas are laid out.
SITES_PER_AREA: Final = 40

PEAK_KW_PER_SITE: Final = 150.0
LEAST_PEAK_KW: Final = 1500.0
LOSS_FRACTION: Final = 0.03
#: Controllable capacity per kW of demand above the import limit, before the largest unit.
COVER: Final = 1.6

SMALL_SETS_KW: Final = (20.0, 25.0, 30.0, 35.0, 40.0, 50.0)
PARALLELING_SETS_KW: Final = (60.0, 80.0, 100.0, 125.0)
TOWER_OWNERS: Final = ("blue-tower", "pinnacle-sites", "prairie-wireless", "carrier-one")
TOWER_FUELS: Final = (Fuel.DIESEL, Fuel.NATURAL_GAS, Fuel.PROPANE)
PUMP_SETS_KW: Final = (150.0, 200.0, 250.0, 300.0, 350.0, 400.0)


@dataclass(frozen=True, slots=True)
class Role:
    """What kind of quarter an area is.

    ``stress`` is the evening peak over the import limit; below 1 the limit is never reached.
    ``classes`` are the shares of the feeder's customers by class; ``plants`` the special sites.
    """

    stress: tuple[float, float]
    classes: dict[LoadClass, float]
    plants: tuple[str, ...]


#: Homes and hardly a plant: here standby sets must start every evening.
SUBURB: Final = Role(
    stress=(1.17, 1.23),
    classes={LoadClass.RESIDENTIAL: 0.76, LoadClass.COMMERCIAL: 0.24},
    plants=("solar",),
)
#: Works and a campus with generation of their own; imports are never short.
WORKS_QUARTER: Final = Role(
    stress=(0.84, 0.90),
    classes={
        LoadClass.INDUSTRIAL: 0.42,
        LoadClass.COMMERCIAL: 0.23,
        LoadClass.RESIDENTIAL: 0.35,
    },
    plants=("works", "campus"),
)
#: Sun, wind and a battery; the battery shaves a small evening excess.
GREEN_EDGE: Final = Role(
    stress=(1.06, 1.10),
    classes={LoadClass.RESIDENTIAL: 0.66, LoadClass.COMMERCIAL: 0.34},
    plants=("storage", "wind", "solar"),
)
ROLES: Final = (("north", SUBURB), ("west", WORKS_QUARTER), ("east", GREEN_EDGE))
#: The one area of a fleet below `FULL_FLEET_SITES`; plants in the order they are added.
HAMLET: Final = Role(
    stress=(1.17, 1.23),
    classes={LoadClass.RESIDENTIAL: 0.76, LoadClass.COMMERCIAL: 0.24},
    plants=("storage", "solar", "works", "campus", "wind"),
)

CUSTOMER_WORD: Final = {
    LoadClass.RESIDENTIAL: "homes",
    LoadClass.COMMERCIAL: "shops",
    LoadClass.INDUSTRIAL: "factory",
}
CUSTOMER_PEAK_KW: Final = {
    LoadClass.RESIDENTIAL: (90.0, 230.0),
    LoadClass.COMMERCIAL: (60.0, 260.0),
    LoadClass.INDUSTRIAL: (220.0, 520.0),
}


@dataclass
class _Quarter:
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


def generate(sites: int, seed: int) -> Fleet:
    """A realistic fleet; the same arguments always give the same fleet.

    Sizes follow from each other in this order:

    1. Areas: three (a suburb, a works quarter, a green edge) and three more for every further
       120 sites; one area below 12 sites.
    2. Sites: each area has its plants (solar farm, storage, wind, works, campus), about 8 % pumps
       and 8 % clinics; the rest are towers: 60 % behind a transfer switch with an EPA emergency
       diesel of 20-50 kW, 25 % paralleling with a Tier-4 diesel, gas or propane set of 60-125 kW
       that may export its rating, the others hybrids of sun and battery.
    3. Customers: blocks of homes, shops and factories are added until the typical day
       (`profiles`) peaks at 150 kW a site, at least 1.5 MW, so about 3 MW for 20 sites.
    4. Import limits: the suburb's evening peak with losses is 17-23 % above its limit, the green
       edge's 6-10 %, the works quarter's 10-16 % below. Nights stay below 70 % of the limit.
    5. Pumps get as many sets as it takes for

           controllable capacity >= 1.6 x excess over the import limit + largest unit

       with capacity counted from paralleling sets that are not of the emergency class and from
       stores that last an hour.

    Args:
        sites: how many sites, >= 1.
        seed: any integer.

    Returns:
        A fleet without faults.

    Raises:
        ValueError: for fewer than one site.
    """
    if sites < 1:
        raise ValueError(f"a fleet of {sites} sites; at least 1 is needed")
    rng = Random(seed)
    quarters = _quarters(sites, rng)
    counts = _shares(sites, len(quarters))
    areas = [_fill(quarter, count) for quarter, count in zip(quarters, counts, strict=True)]
    return Fleet(
        id=f"fleet-{sites}-{seed}",
        name=f"{sites} sites around one city, seed {seed}",
        areas=tuple(areas),
        sites=tuple(site for quarter in quarters for site in quarter.sites),
        end_users=tuple(user for quarter in quarters for user in quarter.users),
        devices=tuple(device for quarter in quarters for device in quarter.devices),
    )


def _quarters(sites: int, rng: Random) -> list[_Quarter]:
    if sites < FULL_FLEET_SITES:
        named = [("north", HAMLET)]
    else:
        groups = math.ceil(sites / (3 * SITES_PER_AREA))
        named = [
            (name if groups == 1 else f"{name}-{group + 1}", role)
            for group in range(groups)
            for name, role in ROLES
        ]
    places = cells(len(named), CITY_LATITUDE, CITY_LONGITUDE)
    # The last row lies furthest north; a single group then matches the compass.
    order = [2, 0, 1] if len(named) == 3 else range(len(named))
    return [
        _Quarter(id=name, role=role, cell=places[place], rng=rng)
        for (name, role), place in zip(named, order, strict=True)
    ]


def _shares(total: int, parts: int) -> list[int]:
    base, extra = divmod(total, parts)
    return [base + (k < extra) for k in range(parts)]


def _fill(quarter: _Quarter, count: int) -> Area:
    """Put ``count`` sites and the feeder's customers into a quarter and size its connection."""
    room = count - (4 if quarter.role is HAMLET else 2)
    plants = quarter.role.plants[: max(0, room)]
    for plant in plants:
        PLANTS[plant](quarter)
    left = count - len(plants)
    pumps = max(1, round(0.08 * left)) if left > 1 else 0
    clinics = round(0.08 * left)
    for _ in range(pumps):
        _add_pump(quarter)
    for _ in range(clinics):
        _add_clinic(quarter)
    _add_towers(quarter, left - pumps - clinics)
    _add_customers(quarter, max(LEAST_PEAK_KW, PEAK_KW_PER_SITE * count))

    peak_kw = max(hourly_demand_kw(quarter.users)) * (1.0 + LOSS_FRACTION)
    low, high = quarter.role.stress if pumps else (0.85, 0.85)
    stress = low + quarter.rng.random() * (high - low)
    limit_kw = round(peak_kw / stress, -1)
    _add_pump_sets(quarter, COVER * max(0.0, peak_kw - limit_kw))
    return Area(
        id=quarter.id,
        name=quarter.id.replace("-", " ").capitalize(),
        border=quarter.cell.border,
        connection=Connection(
            import_limit_kw=limit_kw,
            export_limit_kw=round(0.6 * limit_kw, -1),
            import_adder_usd_per_mwh=6.0,
            export_discount_usd_per_mwh=4.0,
        ),
        loss_fraction=LOSS_FRACTION,
    )


def _add_towers(quarter: _Quarter, count: int) -> None:
    paralleling = max(1, round(0.27 * count)) if count > 1 else 0
    hybrids = round(0.13 * count)
    for k in range(count):
        if k < paralleling:
            _add_paralleling_tower(quarter, TOWER_FUELS[k % len(TOWER_FUELS)])
        elif k < paralleling + hybrids:
            _add_hybrid_tower(quarter, with_set=k % 2 == 1)
        else:
            _add_switched_tower(quarter)


def _tower(quarter: _Quarter) -> tuple[str, str, float]:
    """Id, owner and own load (4-7 kW) of the next tower."""
    site = quarter.next_id("tower")
    owner = TOWER_OWNERS[int(quarter.rng.random() * len(TOWER_OWNERS))]
    return site, owner, round(quarter.rng.uniform(4.0, 7.0), 1)


def _add_switched_tower(quarter: _Quarter) -> None:
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


def _non_emergency(rng: Random) -> Permit:
    """A permit by the hour: Tier-4 or catalysed, 1,000 h a year, some of them used."""
    return Permit(
        permit_class=PermitClass.EPA_NON_EMERGENCY,
        hours_cap_h=1000.0,
        hours_used_h=round(rng.uniform(40.0, 320.0), 1),
    )


def _add_paralleling_tower(quarter: _Quarter, fuel: Fuel) -> None:
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
            f"{site}-gen", site, fuel, rated_kw, permit=_non_emergency(rng), tank=tank
        )
    )


def _add_hybrid_tower(quarter: _Quarter, with_set: bool) -> None:
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
                f"{site}-gen", site, Fuel.PROPANE, set_kw, permit=_non_emergency(rng), tank=tank
            )
        )


def _add_clinic(quarter: _Quarter) -> None:
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


def _add_pump(quarter: _Quarter) -> None:
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


def _controllable_kw(quarter: _Quarter) -> list[float]:
    """What can be counted on against the import limit, kW by device."""
    engine_may_export = {site.id: site.transfer.engine_may_export for site in quarter.sites}
    counted = []
    for device in quarter.devices:
        if isinstance(device, Store):
            usable_kwh = device.max_energy_kwh - device.min_energy_kwh
            if usable_kwh >= device.rated_kw:
                counted.append(device.rated_kw)
        elif (
            isinstance(device, Generator)
            and engine_may_export[device.site]
            and device.permit.permit_class is not PermitClass.EPA_EMERGENCY
        ):
            counted.append(device.rated_kw)
    return counted


def _add_pump_sets(quarter: _Quarter, cover_kw: float) -> None:
    """Gas sets at the pumps until ``cover_kw`` and the largest unit are covered; one each at least.

    Pumps differ in nothing but their number of sets, so the sets are dealt round.
    """
    if not quarter.pumps:
        return
    have = _controllable_kw(quarter)
    have_kw, largest_kw = sum(have), max(have, default=0.0)
    missing_kw = max(0.0, cover_kw + largest_kw - have_kw)
    wanted_kw = missing_kw / (2 * len(quarter.pumps))
    rated_kw = next((size for size in PUMP_SETS_KW if size >= wanted_kw), PUMP_SETS_KW[-1])
    need_kw = cover_kw + max(largest_kw, rated_kw) - have_kw
    count = max(len(quarter.pumps), math.ceil(need_kw / rated_kw))
    sets_of = dict.fromkeys(quarter.pumps, 0)
    for k in range(count):
        site = quarter.pumps[k % len(quarter.pumps)]
        sets_of[site] += 1
        quarter.devices.append(
            catalog.standby_set(
                f"{site}-gen-{sets_of[site]}",
                site,
                Fuel.NATURAL_GAS,
                rated_kw,
                permit=_non_emergency(quarter.rng),
                tank=None,
            )
        )
    for k, old in enumerate(quarter.sites):
        if old.id in sets_of:
            transfer = old.transfer.model_copy(
                update={"export_limit_kw": rated_kw * sets_of[old.id]}
            )
            quarter.sites[k] = old.model_copy(update={"transfer": transfer})


def _add_plant(quarter: _Quarter, kind: str, owner: str, *devices: Device) -> None:
    export_kw = sum(device.rated_kw for device in devices)
    quarter.add_site(
        devices[0].site,
        owner,
        Transfer(kind=TransferKind.PARALLELING, export_limit_kw=export_kw),
        tags=(kind,),
    )
    quarter.devices.extend(devices)


def _add_solar(quarter: _Quarter) -> None:
    site = quarter.next_id("solar")
    rated_kw = quarter.pick((1000.0, 1200.0, 1500.0))
    _add_plant(quarter, "solar", "sunfield", catalog.photovoltaic(f"{site}-pv", site, rated_kw))


def _add_wind(quarter: _Quarter) -> None:
    site = quarter.next_id("wind")
    _add_plant(quarter, "wind", "ridge-wind", catalog.wind_turbine(f"{site}-turbine", site, 1500.0))


def _add_storage(quarter: _Quarter) -> None:
    site = quarter.next_id("storage")
    _add_plant(
        quarter,
        "storage",
        "area-storage",
        catalog.battery(f"{site}-battery", site, 1000.0, quarter.pick((3000.0, 3500.0, 4000.0))),
        catalog.flywheel(f"{site}-flywheel", site, 250.0, 20.0),
    )


def _add_works(quarter: _Quarter) -> None:
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


def _add_campus(quarter: _Quarter) -> None:
    site = quarter.next_id("campus")
    _add_plant(
        quarter,
        "campus",
        "state-campus",
        catalog.fuel_cell(f"{site}-cell", site, 400.0),
        catalog.microturbine(f"{site}-turbine", site, 200.0),
    )


PLANTS: Final[dict[str, Callable[[_Quarter], None]]] = {
    "solar": _add_solar,
    "wind": _add_wind,
    "storage": _add_storage,
    "works": _add_works,
    "campus": _add_campus,
}


def _add_customers(quarter: _Quarter, target_kw: float) -> None:
    """Blocks of customers on the feeder, so that the typical day peaks at ``target_kw``.

    Blocks are drawn by class until they are enough, then all are scaled by one factor. Their
    meters are read by the area's sites in turn.
    """
    own_kw = hourly_demand_kw(quarter.users)
    blocks: list[tuple[LoadClass, float]] = []
    for load_class, share in quarter.role.classes.items():
        drawn_kw, low_high = 0.0, CUSTOMER_PEAK_KW[load_class]
        while drawn_kw < share * target_kw:
            blocks.append((load_class, quarter.rng.uniform(*low_high)))
            drawn_kw += blocks[-1][1]
    drawn = [
        EndUser(id="drawn", site="drawn", load_class=load_class, peak_kw=peak_kw)
        for load_class, peak_kw in blocks
    ]
    scale = min(
        (target_kw - own) / kw for own, kw in zip(own_kw, hourly_demand_kw(drawn), strict=True)
    )
    for k, (load_class, peak_kw) in enumerate(blocks):
        quarter.users.append(
            EndUser(
                id=quarter.next_id(CUSTOMER_WORD[load_class]),
                site=quarter.sites[k % len(quarter.sites)].id,
                load_class=load_class,
                peak_kw=round(scale * peak_kw, 1),
            )
        )
