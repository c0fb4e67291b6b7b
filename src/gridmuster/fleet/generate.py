"""A realistic fleet from a seed: towers, pumps, clinics and plants around one Texan city.

The default of the demo is ``generate(60, 1)``. How its sizes are chosen is told at `generate`.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from gridmuster.fleet import catalog
from gridmuster.fleet.borders import cells
from gridmuster.fleet.devices import Generator, PermitClass, Store
from gridmuster.fleet.model import Area, Connection, EndUser, Fleet, LoadClass
from gridmuster.fleet.profiles import hourly_demand_kw
from gridmuster.fleet.quarter import (
    PLANTS,
    Quarter,
    Role,
    add_clinic,
    add_pump,
    add_towers,
    non_emergency,
)
from gridmuster.fleet.wires import wire
from gridmuster.units import Fuel

CITY_LATITUDE: Final = 30.27
CITY_LONGITUDE: Final = -97.74

#: From this many sites on there are three areas or more, and all nine device types.
FULL_FLEET_SITES: Final = 12
#: Most sites an area holds before another three areas are laid out.
SITES_PER_AREA: Final = 40

PEAK_KW_PER_SITE: Final = 150.0
LEAST_PEAK_KW: Final = 1500.0
LOSS_FRACTION: Final = 0.03
#: Controllable capacity per kW of demand above the import limit, before the largest unit.
COVER: Final = 2.0

PUMP_SETS_KW: Final = (150.0, 200.0, 250.0, 300.0, 350.0, 400.0)

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

           controllable capacity >= 2 x excess over the import limit + largest unit

       with capacity counted from paralleling sets that are not of the emergency class and from
       stores that last an hour.
    6. Feeders: one for about seven sites of an area, at most six, from its middle outwards.

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


def _quarters(sites: int, rng: Random) -> list[Quarter]:
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
        Quarter(id=name, role=role, cell=places[place], rng=rng)
        for (name, role), place in zip(named, order, strict=True)
    ]


def _shares(total: int, parts: int) -> list[int]:
    base, extra = divmod(total, parts)
    return [base + (k < extra) for k in range(parts)]


def _fill(quarter: Quarter, count: int) -> Area:
    """Put ``count`` sites and the feeder's customers into a quarter and size its connection."""
    room = count - (4 if quarter.role is HAMLET else 2)
    plants = quarter.role.plants[: max(0, room)]
    for plant in plants:
        PLANTS[plant](quarter)
    left = count - len(plants)
    pumps = max(1, round(0.08 * left)) if left > 1 else 0
    clinics = round(0.08 * left)
    for _ in range(pumps):
        add_pump(quarter)
    for _ in range(clinics):
        add_clinic(quarter)
    add_towers(quarter, left - pumps - clinics)
    _add_customers(quarter, max(LEAST_PEAK_KW, PEAK_KW_PER_SITE * count))

    peak_kw = max(hourly_demand_kw(quarter.users)) * (1.0 + LOSS_FRACTION)
    low, high = quarter.role.stress if pumps else (0.85, 0.85)
    stress = low + quarter.rng.random() * (high - low)
    limit_kw = round(peak_kw / stress, -1)
    _add_pump_sets(quarter, COVER * max(0.0, peak_kw - limit_kw))
    feeders, quarter.sites = wire(quarter.id, quarter.cell, quarter.sites, limit_kw)
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
        feeders=feeders,
    )


def _controllable_kw(quarter: Quarter) -> list[float]:
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


def _add_pump_sets(quarter: Quarter, cover_kw: float) -> None:
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
                permit=non_emergency(quarter.rng),
                tank=None,
            )
        )
    for k, old in enumerate(quarter.sites):
        if old.id in sets_of:
            transfer = old.transfer.model_copy(
                update={"export_limit_kw": rated_kw * sets_of[old.id]}
            )
            quarter.sites[k] = old.model_copy(update={"transfer": transfer})


def _add_customers(quarter: Quarter, target_kw: float) -> None:
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
