"""The default day: worth watching, and the same for the same fleet and seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from gridmuster.fleet.devices import Generator, Photovoltaic
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.fleet.profiles import hourly_demand_kw
from gridmuster.signals import Alert
from gridmuster.simulator.noise import stream
from gridmuster.simulator.scenario import (
    CloudBank,
    EmergencyAlert,
    Event,
    FailedStart,
    FrequencyDip,
    MeterSilent,
    PriceSpike,
    Scenario,
    Trip,
    UtilityOutage,
)

OUTAGE_H: Final = 0.75


def default_day(fleet: Fleet, start_ms: int, seed: int) -> Scenario:
    """A hot day on which a bit of everything happens.

    Midday clouds over the area with most panels; in the area whose evening peak exceeds its
    import limit most, the first set that is asked to start fails and later the largest one
    running trips; a meter goes silent; in the evening the grid operator declares an emergency,
    the price spikes, frequency dips, and a few sites that can ride it through lose the utility
    while others export. The evening peak itself comes from the fleet's end-users, and so does a
    store that empties.

    Args:
        fleet: whose day.
        start_ms: first instant of the run, ms; events are on its local day.
        seed: chooses the sites and the meter.
    """
    dice = stream(seed, "default-day")
    zone = fleet.sites[0].time_zone
    events: list[Event] = []
    sunny = _most(fleet, lambda area: _panels_kw(fleet, area))
    if sunny is not None:
        events.append(CloudBank(area=sunny.id, at="13:10", until="14:40", cover=0.95))
    users = [user for user in fleet.end_users if not user.behind_transfer] or fleet.end_users
    if users:
        user = dice.choice(users)
        events.append(MeterSilent(end_user=user.id, at="15:05", until="15:50"))
    stressed = _most(fleet, lambda area: _stress(fleet, area))
    if stressed is not None:
        events.append(FailedStart(area=stressed.id, at="16:00", count=1))
        events.append(Trip(area=stressed.id, at="20:10"))
        for at, until, level in (
            ("18:45", "19:15", Alert.EEA1),
            ("19:15", "19:45", Alert.EEA2),
            ("19:45", "20:15", Alert.EEA1),
        ):
            events.append(EmergencyAlert(at=at, until=until, level=level))
        events.append(PriceSpike(at="17:20", until="17:30", usd_per_mwh=640.0))
        events.append(PriceSpike(at="19:15", until="19:45", usd_per_mwh=1450.0))
        events.append(FrequencyDip(at="19:16", until="19:18", depth_hz=0.25))
    sites = _outage_sites(fleet, dice)
    if sites:
        events.append(UtilityOutage(sites=sites, at="19:30", until="20:15"))
    return Scenario(name="default day", zone=zone, events=tuple(events))


def _most(fleet: Fleet, score: Callable[[Area], float]) -> Area | None:
    best = max(fleet.areas, key=score)
    return best if score(best) > 0.0 else None


def _panels_kw(fleet: Fleet, area: Area) -> float:
    sites = {site.id for site in fleet.sites_of_area[area.id]}
    return sum(
        device.rated_kw
        for device in fleet.devices
        if isinstance(device, Photovoltaic) and device.site in sites
    )


def _stress(fleet: Fleet, area: Area) -> float:
    """Typical peak over import limit, for an area with a connection and generators; else 0."""
    sites = {site.id for site in fleet.sites_of_area[area.id]}
    if area.connection is None or area.connection.import_limit_kw <= 0.0:
        return 0.0
    if not any(isinstance(d, Generator) and d.site in sites for d in fleet.devices):
        return 0.0
    users = [user for user in fleet.end_users if user.site in sites]
    return max(hourly_demand_kw(users)) / area.connection.import_limit_kw


def _outage_sites(fleet: Fleet, dice: random.Random) -> tuple[str, ...]:
    """A few sites with an engine that can ride through on their bridge battery if it fails."""
    able = [site for site in fleet.sites if _rides_through(fleet, site)]
    count = min(3, len(able), max(1, len(fleet.sites) // 10))
    return tuple(sorted(site.id for site in dice.sample(able, count)))


def _rides_through(fleet: Fleet, site: Site) -> bool:
    protected = [user for user in fleet.end_users_of_site[site.id] if user.behind_transfer]
    devices = fleet.devices_of_site[site.id]
    engine = any(isinstance(device, Generator) and device.grid_forming for device in devices)
    load_kw = sum(user.peak_kw for user in protected)
    return engine and bool(protected) and site.bridge_energy_kwh >= OUTAGE_H * load_kw
