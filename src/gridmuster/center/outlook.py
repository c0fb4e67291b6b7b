"""What the center expects of the coming day: demand, sun, wind, price, per interval."""

from __future__ import annotations

from msgspec import Struct, field

from gridmuster.clock import IntervalGrid, local_hour
from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.fleet.profiles import HOURLY_SHARE
from gridmuster.state.snapshot import Snapshot


class OutlookMemory(Struct):
    """What forecasts rest on; plain data for the checkpoint."""

    level: dict[str, float] = field(default_factory=dict)
    available_kw: dict[str, float] = field(default_factory=dict)
    price_usd_per_mwh: dict[str, float] = field(default_factory=dict)


class Outlook:
    def __init__(self, fleet: Fleet, memory: OutlookMemory) -> None:
        self._fleet = fleet
        self.memory = memory

    def observe(self, now_ms: int, snapshot: Snapshot) -> None:
        for device_id, reading in snapshot.readings.items():
            self.memory.available_kw[device_id] = reading.available_kw

    def demand_kw(self, user_id: str, at_ms: int) -> float:
        user = self._fleet.end_user_by_id[user_id]
        zone = self._fleet.site_by_id[user.site].time_zone
        return user.peak_kw * HOURLY_SHARE[user.load_class][int(local_hour(at_ms, zone))]

    def area_kw(
        self, area: Area, grid: IntervalGrid, unmetered_kw: float
    ) -> tuple[list[float], list[float], list[float]]:
        users = [
            user.id
            for site in self._fleet.sites_of_area[area.id]
            for user in self._fleet.end_users_of_site[site.id]
        ]
        median = []
        for start in grid.starts_ms():
            total = sum(self.demand_kw(user, start) for user in users)
            median.append(max(total * (1 + area.loss_fraction) + unmetered_kw, 0.0))
        return [m * 0.9 for m in median], median, [m * 1.08 for m in median]

    def protected_kw(self, site: Site, grid: IntervalGrid) -> list[float]:
        return [site.backup_load_kw] * grid.count

    def available_kw(
        self, device: Photovoltaic | WindTurbine, site: Site, grid: IntervalGrid
    ) -> list[float]:
        return [self.memory.available_kw.get(device.id, 0.0)] * grid.count

    def price_usd_per_kwh(self, area_id: str, grid: IntervalGrid) -> list[float]:
        return [0.06] * grid.count

    def mean_price_usd_per_kwh(self, area_id: str, grid: IntervalGrid) -> float:
        return 0.06
