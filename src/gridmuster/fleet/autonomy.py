"""How long a site's own sources carry its protected load: what a promise of autonomy rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gridmuster.fleet.curves import fuel_per_h
from gridmuster.fleet.devices import Device, Generator, Store
from gridmuster.fleet.model import Site


def held_h(site: Site, devices: Iterable[Device], *, full: bool) -> float:
    """Hours that fuel and energy kept at a site carry its protected load.

    Sets that carry the load alone run one after the other; smaller ones share it in proportion to
    their ratings. A pipeline lasts for ever. A store counts with the energy it keeps for the site.
    The bridging battery counts only where there is nothing else: it is there for the start.

    Args:
        site: the site.
        devices: the devices at the site.
        full: with full tanks; otherwise with the levels as they are.

    Returns:
        Hours, h; infinite for a site without a protected load.
    """
    load_kw = site.backup_load_kw
    if load_kw <= 0.0:
        return math.inf
    sets, stores = forming(devices)
    hours = 0.0
    alone = [one for one in sets if one.rated_kw >= load_kw]
    for one in alone:
        hours += _lasts_h(one, load_kw, full)
    small = [one for one in sets if one.rated_kw < load_kw]
    together_kw = sum(one.rated_kw for one in small)
    if together_kw >= load_kw:
        hours += min(_lasts_h(one, load_kw * one.rated_kw / together_kw, full) for one in small)
    for store in stores:
        floor_kwh = store.min_energy_fraction * store.energy_capacity_kwh
        kept_kwh = max(0.0, store.backup_energy_kwh - floor_kwh)
        hours += kept_kwh * store.discharge_efficiency / load_kw
    if not sets and not stores:
        hours = site.bridge_energy_kwh / load_kw
    return hours


def forming(devices: Iterable[Device]) -> tuple[Sequence[Generator], Sequence[Store]]:
    """The devices that can hold a site's voltage and frequency by themselves."""
    listed = [one for one in devices if isinstance(one, Generator | Store) and one.grid_forming]
    return (
        [one for one in listed if isinstance(one, Generator)],
        [one for one in listed if isinstance(one, Store)],
    )


def _lasts_h(one: Generator, power_kw: float, full: bool) -> float:
    if one.tank is None:
        return math.inf
    amount = one.tank.capacity if full else one.tank.level
    usable = max(0.0, amount - one.tank.sump_fraction * one.tank.capacity)
    rate = fuel_per_h(one.fuel_curve, one.rated_kw, power_kw)
    return usable / rate if rate > 0.0 else math.inf
