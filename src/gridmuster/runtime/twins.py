"""Every simulated controller of a world with its register map."""

from __future__ import annotations

from collections.abc import Iterable

from gridmuster.fleet.model import Fleet
from gridmuster.registers import RegisterMap
from gridmuster.registers.devices import map_for, meter_map, panel_map, switchgear_map
from gridmuster.simulator.controllers import TwinController
from gridmuster.simulator.world import World


def controller_keys(fleet: Fleet, site: str) -> list[str]:
    """Keys of a site's controllers: its devices, panel and meters, and its area's switchgear."""
    gear = fleet.microgrid_of_site.get(site)
    return [
        *(device.id for device in fleet.devices_of_site[site]),
        f"panel.{site}",
        *(f"meter.{user.id}" for user in fleet.end_users_of_site[site]),
        *(() if gear is None else (f"switchgear.{gear[0].id}",)),
    ]


def register_maps(fleet: Fleet, sites: Iterable[str]) -> dict[str, RegisterMap]:
    """Register map of every controller at the sites, by controller key."""
    maps: dict[str, RegisterMap] = {}
    for site in sites:
        for device in fleet.devices_of_site[site]:
            maps[device.id] = map_for(device)
        maps[f"panel.{site}"] = panel_map()
        for user in fleet.end_users_of_site[site]:
            maps[f"meter.{user.id}"] = meter_map(user.peak_kw)
        gear = fleet.microgrid_of_site.get(site)
        if gear is not None:
            maps[f"switchgear.{gear[0].id}"] = switchgear_map()
    return maps


def make_twins(world: World, maps: dict[str, RegisterMap]) -> dict[str, TwinController]:
    """A simulated controller for every map, by controller key."""
    return {key: TwinController(world.controllers[key], found) for key, found in maps.items()}
