"""A made-up plant of any size behind the real API: sites all over a country, some always changing.

Run as a program it serves such a plant until it is ended, and prints its address and token as one
line of JSON: ``python -m benchmarks.manysites --sites 50000 --cycle-s 4``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import os
import random
import sys
from pathlib import Path

from msgspec import structs

from gridmuster.center.view import (
    AreaView,
    AuditEntry,
    DeviceView,
    Mode,
    PlantView,
    Rejected,
    SiteView,
    Submitted,
)
from gridmuster.clock import parse_iso
from gridmuster.console.api import create_app
from gridmuster.console.auth import Auth
from gridmuster.console.pages import WEB, Bundle
from gridmuster.console.server import serve
from gridmuster.console.tokens import Role, TokenRecord
from gridmuster.fleet.devices import Device
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Area, Border, Feeder, Fleet, LineString, Site
from gridmuster.signals import DeviceState, OperatorRequest, Quality, Supply

START_MS = parse_iso("2026-07-14T23:00:00Z")
TOKEN = "gm-viewer-token-of-the-benchmark"
SITES_PER_AREA = 500
#: Feeders of an area.
FEEDERS = 4
#: Where the areas are laid out, degrees: the middle of a continent.
WEST, EAST, SOUTH, NORTH = -104.0, -82.0, 31.0, 43.0
STEP_S = 900
INTERVALS = 96


def spread_fleet(sites: int, seed: int = 1) -> Fleet:
    """A fleet of so many sites in cells over a country, about 1.2 devices a site.

    Sites and devices are those of the default fleet, again and again under new names: checks of
    each would take minutes and are not what is measured.
    """
    rng = random.Random(seed)
    pattern = generate(60, seed)
    count = max(3, math.ceil(sites / SITES_PER_AREA))
    columns = math.ceil(math.sqrt(count * (EAST - WEST) / (NORTH - SOUTH)))
    rows = math.ceil(count / columns)
    wide, high = (EAST - WEST) / columns, (NORTH - SOUTH) / rows
    areas: list[Area] = []
    for n in range(count):
        west, south = WEST + n % columns * wide, SOUTH + n // columns * high
        border = _cell(west, south, wide, high)
        template = pattern.areas[n % len(pattern.areas)]
        name = f"Area {n + 1}"
        feeders = tuple(_feeder(n, k, (west, south), (wide, high)) for k in range(FEEDERS))
        changes = {"id": f"a{n}", "name": name, "border": border, "feeders": feeders}
        areas.append(template.model_copy(update=changes))
    placed: list[Site] = []
    devices: list[Device] = []
    for n in range(sites):
        template_site = pattern.sites[n % len(pattern.sites)]
        area = n % count
        west, south = WEST + area % columns * wide, SOUTH + area // columns * high
        site_id = f"s{n:05d}"
        placed.append(
            template_site.model_copy(
                update={
                    "id": site_id,
                    "name": f"{template_site.name} {n}",
                    "area": f"a{area}",
                    "feeder": f"a{area}-{n // count % FEEDERS}",
                    "longitude": west + wide * (0.1 + 0.8 * rng.random()),
                    "latitude": south + high * (0.1 + 0.8 * rng.random()),
                }
            )
        )
        for k, device in enumerate(pattern.devices_of_site[template_site.id]):
            devices.append(device.model_copy(update={"id": f"{site_id}-{k}", "site": site_id}))
    return Fleet.model_construct(
        schema_version=1,
        id=f"spread-{sites}",
        name=f"{sites} sites",
        currency=pattern.currency,
        objective=pattern.objective,
        fuel_prices=pattern.fuel_prices,
        areas=tuple(areas),
        sites=tuple(placed),
        end_users=(),
        devices=tuple(devices),
    )


def _feeder(
    area: int, number: int, corner: tuple[float, float], size: tuple[float, float]
) -> Feeder:
    """A line from west to east through an area's cell."""
    (west, south), (wide, high) = corner, size
    north = south + high * (number + 1) / (FEEDERS + 1)
    points = tuple((west + wide * (0.1 + 0.04 * k), north) for k in range(21))
    name = f"Feeder {number + 1} of area {area + 1}"
    return Feeder(
        id=f"a{area}-{number}", name=name, line=LineString(type="LineString", coordinates=points)
    )


def _cell(west: float, south: float, wide: float, high: float) -> Border:
    corners = ((0.1, 0.03), (0.9, 0.03), (0.97, 0.1), (0.97, 0.9), (0.9, 0.97), (0.1, 0.97))
    ring = [(west + x * wide, south + y * high) for x, y in (*corners, (0.03, 0.9), (0.03, 0.1))]
    return Border(coordinates=((*ring, ring[0]),))


class MadeUpPlant:
    """A plant whose sites change by chance; what the console needs of a center.

    Args:
        fleet: the fleet.
        share: of the sites that change in a cycle.
        seed: of the chance.
    """

    def __init__(self, fleet: Fleet, share: float = 0.02, seed: int = 1) -> None:
        self.fleet = fleet
        self._rng = random.Random(seed)
        self._share = share
        self._next: asyncio.Future[PlantView] | None = None
        area_of = {site.id: site.area for site in fleet.sites}
        devices = [self._device(device, area_of[device.site]) for device in fleet.devices]
        self._view = PlantView(
            at_ms=START_MS,
            fleet=fleet.id,
            center_id="center-a",
            fence=1,
            mode=Mode.COMMANDING,
            cycle=1,
            objective=fleet.objective,
            areas=[_area(area) for area in fleet.areas],
            devices=devices,
            alarms=[],
            decisions=[],
            commands=[],
            counters={},
            plan_status="optimal",
            plan_gap=0.0,
            plan_age_s=60.0,
            time_zone=fleet.sites[0].time_zone,
            sites=self._odd_sites(),
        )

    def _device(self, device: Device, area: str) -> DeviceView:
        rated = device.rated_kw
        shown = DeviceView(
            id=device.id,
            type=device.type.value,
            site=device.site,
            area=area,
            state=DeviceState.IDLE.value,
            mode="auto",
            quality=Quality.GOOD.value,
            age_s=2.0,
            power_kw=0.0,
            setpoint_kw=None,
            order="stop",
            available_kw=rated,
            rated_kw=rated,
            energy_kwh=None,
            energy_capacity_kwh=None,
            fuel_level=None,
            fuel_floor=None,
            run_h=None,
            permit_class="",
            permit_left_h=None,
            reason="",
            override="",
            alarms=[],
            planned_kw=[],
        )
        return self._moved(shown)

    def _moved(self, device: DeviceView) -> DeviceView:
        """A device in another state by chance; grave ones are rare."""
        rng = self._rng
        states = ("idle", "starting", "running", "cooling", "fault", "unknown")
        state = rng.choices(states, (50, 1, 40, 4, 0.15, 0.4))[0]
        power = device.rated_kw * rng.uniform(0.4, 0.95) if state == "running" else 0.0
        if "battery" in device.type and rng.random() < 0.4:
            power = -power
        quality = Quality.STALE if state == "unknown" else Quality.GOOD
        return structs.replace(device, state=state, power_kw=round(power, 1), quality=quality.value)

    def _odd_sites(self) -> list[SiteView]:
        local = Supply.LOCAL.value
        return [
            SiteView(site.id, local, True, Quality.GOOD.value, START_MS)
            for site in self.fleet.sites
            if self._rng.random() < 0.001
        ]

    def step(self) -> None:
        """One cycle on: some sites change, everybody is told."""
        view = self._view
        devices = list(view.devices)
        for n in self._rng.sample(range(len(devices)), round(self._share * len(devices))):
            devices[n] = self._moved(devices[n])
        factor = self._rng.uniform(0.98, 1.02)
        areas = [structs.replace(area, demand_kw=area.demand_kw * factor) for area in view.areas]
        moved = {"at_ms": view.at_ms + 4000, "cycle": view.cycle + 1}
        self._view = structs.replace(view, areas=areas, devices=devices, **moved)
        if self._next is not None:
            self._next.set_result(self._view)
            self._next = None

    def view(self) -> PlantView:
        """The latest view."""
        return self._view

    async def changed(self) -> PlantView:
        """Wait for the next view."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._next)

    async def submit(self, request: OperatorRequest) -> Submitted | Rejected:
        """Nothing here can be commanded."""
        return Rejected(request.id, self._view.at_ms, "this plant is made up")

    async def audit(self, after: int, limit: int) -> list[AuditEntry]:
        """No commands, no entries."""
        del after, limit
        return []


def _area(area: Area) -> AreaView:
    limit_kw = 0.0 if area.connection is None else area.connection.import_limit_kw
    demand = [round(0.6 * limit_kw * (1.0 + 0.3 * math.sin(k / 15.0)), 1) for k in range(INTERVALS)]
    return AreaView(
        id=area.id,
        name=area.name,
        demand_kw=demand[0],
        estimated_kw=0.0,
        losses_kw=0.0,
        generation_kw=0.0,
        generation_kw_by_type={},
        import_kw=demand[0],
        import_limit_kw=limit_kw,
        export_limit_kw=0.0,
        reserve_kw=0.1 * limit_kw,
        largest_unit_kw=0.0,
        largest_unit="",
        shortfall_kw=0.0,
        shortfall_cause="",
        lolp=0.0,
        price_usd_per_mwh=42.0,
        frequency_hz=60.0,
        energised=True,
        quality="good",
        forecast_start_ms=START_MS,
        forecast_step_s=STEP_S,
        forecast_kw=demand,
        forecast_low_kw=[0.9 * kw for kw in demand],
        forecast_high_kw=[1.1 * kw for kw in demand],
        planned_generation_kw=[0.0] * INTERVALS,
        planned_import_kw=demand,
    )


def _bundle() -> Bundle:
    """The pages: a fresh build named by GRIDMUSTER_WEB, else those of the package."""
    folder = os.environ.get("GRIDMUSTER_WEB")
    return Bundle(Path(folder) if folder else WEB)


async def served(sites: int, cycle_s: float, share: float) -> None:
    """Serve a made-up plant until cancelled.

    Args:
        sites: how many.
        cycle_s: real time from one view to the next, s.
        share: of the sites that change in a cycle.
    """
    plant = MadeUpPlant(spread_fleet(sites), share)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    auth = Auth([TokenRecord("viewer", Role.VIEWER.word, digest)])
    server = await serve(create_app(plant, auth, bundle=_bundle()), port=0)
    sys.stdout.write(json.dumps({"url": server.url, "token": TOKEN}) + "\n")
    sys.stdout.flush()
    while True:
        await asyncio.sleep(cycle_s)
        plant.step()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=50_000)
    parser.add_argument("--cycle-s", type=float, default=4.0)
    parser.add_argument("--share", type=float, default=0.02)
    arguments = parser.parse_args()
    asyncio.run(served(arguments.sites, arguments.cycle_s, arguments.share))


if __name__ == "__main__":
    main()
