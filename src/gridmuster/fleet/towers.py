"""A fleet of cell towers from a seed: nothing but standby sets, each bought to back up its site."""

from __future__ import annotations

import math
from random import Random
from typing import Final

from gridmuster.fleet import catalog
from gridmuster.fleet.borders import cells
from gridmuster.fleet.devices import Permit, PermitClass
from gridmuster.fleet.generate import CITY_LATITUDE, CITY_LONGITUDE, LOSS_FRACTION
from gridmuster.fleet.model import Area, Connection, Fleet, LoadClass, Transfer, TransferKind
from gridmuster.fleet.profiles import hourly_demand_kw
from gridmuster.fleet.programs import Exercising, Programs
from gridmuster.fleet.quarter import TOWER_OWNERS, Quarter, Role, non_emergency
from gridmuster.fleet.wires import wire
from gridmuster.units import Fuel

#: Most towers of one area.
TOWERS_PER_AREA: Final = 100
#: Share of towers whose set may send power out, and what those sets burn in turn.
PARALLELING_SHARE: Final = 0.25
PARALLELING_FUELS: Final = (Fuel.DIESEL, Fuel.NATURAL_GAS, Fuel.PROPANE)
PARALLELING_SETS_KW: Final = (60.0, 80.0)
#: Shelters with air conditioning, kW (`domain.md` section 5), and sets that they load to 30 %.
LOAD_KW: Final = (8.0, 14.0)
SWITCHED_SET_KW: Final = 20.0
#: Import limit over the towers' own peak: a tower is a small part of its feeder.
IMPORT_SHARE: Final = 2.0
_TOWERS: Final = Role(stress=(0.5, 0.5), classes={LoadClass.TELECOM: 1.0}, plants=())


def generate_towers(sites: int, seed: int, areas: int | None = None) -> Fleet:
    """A fleet of towers; the same arguments always give the same fleet.

    Three quarters stand behind a transfer switch with an emergency-class diesel that carries
    the shelter at 40 to 70 % of its rating; a quarter may send out what its set makes. Everybody
    promises 24 h and is exercised every month by a program of its area. Nobody has sun, wind or a
    store: but for exercises such a fleet does nothing at all until something happens.

    Args:
        sites: how many towers, >= 1.
        seed: any integer.
        areas: how many areas they are in; None: one for each 100 towers.

    Raises:
        ValueError: for fewer than one tower, or than one in each area.
    """
    if sites < 1:
        raise ValueError(f"a fleet of {sites} towers; at least 1 is needed")
    rng = Random(seed)
    count = math.ceil(sites / TOWERS_PER_AREA) if areas is None else areas
    if not 1 <= count <= sites:
        raise ValueError(f"{sites} towers in {count} areas; at least one tower in each is needed")
    places = cells(count, CITY_LATITUDE, CITY_LONGITUDE)
    quarters = [
        Quarter(id=f"towers-{k + 1}", role=_TOWERS, cell=place, rng=rng)
        for k, place in enumerate(places)
    ]
    for k in range(sites):
        quarter = quarters[k % count]
        paralleling = (k // count) % round(1.0 / PARALLELING_SHARE) == 0
        _add_tower(quarter, paralleling)
    made = [_area(quarter) for quarter in quarters]
    return Fleet(
        id=f"towers-{sites}-{seed}",
        name=f"{sites} cell towers around one city, seed {seed}",
        areas=tuple(made),
        sites=tuple(site for quarter in quarters for site in quarter.sites),
        end_users=tuple(user for quarter in quarters for user in quarter.users),
        devices=tuple(device for quarter in quarters for device in quarter.devices),
    )


def _add_tower(quarter: Quarter, paralleling: bool) -> None:
    rng = quarter.rng
    site = quarter.next_id("tower")
    load_kw = round(rng.uniform(*LOAD_KW), 1)
    fuel, rated_kw = Fuel.DIESEL, SWITCHED_SET_KW
    transfer = Transfer()
    permit = Permit(
        permit_class=PermitClass.EPA_EMERGENCY, hours_used_h=round(rng.uniform(0.0, 20.0), 1)
    )
    if paralleling:
        fuel = PARALLELING_FUELS[quarter.counts["tower"] // 4 % len(PARALLELING_FUELS)]
        rated_kw = quarter.pick(PARALLELING_SETS_KW)
        transfer = Transfer(kind=TransferKind.PARALLELING, export_limit_kw=rated_kw)
        permit = non_emergency(rng)
    quarter.add_site(
        site,
        TOWER_OWNERS[int(rng.random() * len(TOWER_OWNERS))],
        transfer,
        backup_load_kw=load_kw,
        bridge_h=rng.uniform(2.0, 4.0),
        autonomy_h=24.0,
        tags=("tower",),
    )
    tank = None
    if fuel is not Fuel.NATURAL_GAS:
        tank = catalog.tank_for(fuel, rated_kw, load_kw, 24.0, rng.uniform(0.92, 0.98))
    quarter.devices.append(
        catalog.standby_set(f"{site}-gen", site, fuel, rated_kw, permit=permit, tank=tank)
    )


def _area(quarter: Quarter) -> Area:
    peak_kw = max(hourly_demand_kw(quarter.users)) * (1.0 + LOSS_FRACTION)
    limit_kw = round(IMPORT_SHARE * peak_kw + 100.0, -1)
    export_kw = sum(site.transfer.export_limit_kw for site in quarter.sites)
    feeders, quarter.sites = wire(quarter.id, quarter.cell, quarter.sites, limit_kw)
    return Area(
        id=quarter.id,
        name=quarter.id.replace("-", " ").capitalize(),
        border=quarter.cell.border,
        connection=Connection(
            import_limit_kw=limit_kw,
            export_limit_kw=max(round(export_kw, -1), 10.0),
            import_adder_usd_per_mwh=6.0,
            export_discount_usd_per_mwh=4.0,
        ),
        loss_fraction=LOSS_FRACTION,
        feeders=feeders,
        programs=Programs(exercise=(Exercising(id=f"{quarter.id}-exercise"),)),
    )
