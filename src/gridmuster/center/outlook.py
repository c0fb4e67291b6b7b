"""What the center expects of the coming day: demand, sun, wind and price per interval.

It learns from what is measured, a sample a minute; silent meters and sites teach nothing.
"""

from __future__ import annotations

import math

from msgspec import Struct, field

from gridmuster.clock import IntervalGrid, floor_to
from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.forecast.price import PriceForecast, PriceMemory
from gridmuster.forecast.similar_day import DemandForecast, DemandMemory
from gridmuster.forecast.solar import SolarForecast, SolarMemory
from gridmuster.forecast.wind import WindForecast, WindMemory
from gridmuster.signals import DeviceState, Price
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Time between two samples, s.
SAMPLE_S = 60
#: End-users of one area err together (the weather) more than apart; correlation of their errors.
ERROR_CORRELATION = 0.3


class OutlookMemory(Struct):
    """What forecasts rest on; plain data for the checkpoint."""

    demand: DemandMemory = field(default_factory=DemandMemory)
    solar: SolarMemory = field(default_factory=SolarMemory)
    wind: WindMemory = field(default_factory=WindMemory)
    price: PriceMemory = field(default_factory=PriceMemory)
    next_sample_ms: int = 0


class Outlook:
    """Forecasts for one fleet.

    Args:
        fleet: the fleet.
        memory: what an earlier outlook remembered.
    """

    def __init__(self, fleet: Fleet, memory: OutlookMemory) -> None:
        self._fleet = fleet
        self.memory = memory
        self._demand = DemandForecast(memory.demand)
        self._solar = SolarForecast(memory.solar)
        self._wind = WindForecast(memory.wind)
        self._price = PriceForecast(memory.price)
        self._users_of_area: dict[str, list[str]] = {area.id: [] for area in fleet.areas}
        self._protected: dict[str, list[str]] = {site.id: [] for site in fleet.sites}
        for user in fleet.end_users:
            site = fleet.site_by_id[user.site]
            self._demand.declare(user.id, site.time_zone, user.peak_kw, user.load_class)
            self._users_of_area[site.area].append(user.id)
            if user.behind_transfer:
                self._protected[site.id].append(user.id)
        self._sun = [device for device in fleet.devices if isinstance(device, Photovoltaic)]
        self._air = [device for device in fleet.devices if isinstance(device, WindTurbine)]
        for panels in self._sun:
            self._declare_renewable(panels)
        for turbine in self._air:
            self._declare_renewable(turbine)
        for area in fleet.areas:
            self._price.declare(area.id, fleet.sites_of_area[area.id][0].time_zone)

    def observe(self, now_ms: int, snapshot: Snapshot) -> None:
        """Take a sample of the plant when one is due."""
        if now_ms < self.memory.next_sample_ms:
            return
        self.memory.next_sample_ms = now_ms - now_ms % (SAMPLE_S * MS_PER_S) + SAMPLE_S * MS_PER_S
        for user_id, power_kw in snapshot.metered.items():
            self._demand.observe(user_id, now_ms, power_kw)
        for device in self._sun:
            if (available_kw := self._available(device.id, snapshot)) is not None:
                self._solar.observe(device.id, now_ms, available_kw)
        for turbine in self._air:
            if (available_kw := self._available(turbine.id, snapshot)) is not None:
                self._wind.observe(turbine.id, now_ms, available_kw)
        for area_id, status in snapshot.areas.items():
            price = status.price
            if price is not None and price.start_ms <= now_ms:
                self._learn_price(area_id, price)

    def demand_kw(self, user_id: str, at_ms: int) -> float:
        """Median demand of an end-user in the quarter of an hour that holds an instant, kW."""
        return self._demand.quantiles(user_id, IntervalGrid(at_ms, 900, 1), (0.5,))[0][0]

    def area_kw(
        self, area: Area, grid: IntervalGrid, unmetered_kw: float
    ) -> tuple[list[float], list[float], list[float]]:
        """What an area needs with losses: 10 %, 50 % and 90 % quantiles, kW.

        The spread of the sum is between that of errors that agree (spreads add) and that of
        errors that do not (variances add): ``sd^2 = r * (sum sd)^2 + (1 - r) * sum sd^2``.
        """
        count = grid.count
        middle, down, up = [0.0] * count, [0.0] * count, [0.0] * count
        down_sq, up_sq = [0.0] * count, [0.0] * count
        for user_id in self._users_of_area[area.id]:
            low, median, high = self._demand.quantiles(user_id, grid)
            for k in range(count):
                middle[k] += median[k]
                below, above = median[k] - low[k], high[k] - median[k]
                down[k] += below
                up[k] += above
                down_sq[k] += below * below
                up_sq[k] += above * above
        gross = 1.0 + area.loss_fraction
        need = [max(kw * gross + unmetered_kw, 0.0) for kw in middle]
        low_kw = [max(kw - gross * _joint(down[k], down_sq[k]), 0.0) for k, kw in enumerate(need)]
        high_kw = [kw + gross * _joint(up[k], up_sq[k]) for k, kw in enumerate(need)]
        return low_kw, need, high_kw

    def protected_kw(self, site: Site, grid: IntervalGrid) -> list[float]:
        """Median of a site's own protected load, kW; its design value without a meter."""
        users = self._protected[site.id]
        if not users:
            return [site.backup_load_kw] * grid.count
        total = [0.0] * grid.count
        for user_id in users:
            for k, power_kw in enumerate(self._demand.quantiles(user_id, grid, (0.5,))[0]):
                total[k] += power_kw
        return total

    def available_kw(self, device: Photovoltaic | WindTurbine, grid: IntervalGrid) -> list[float]:
        """Median of what sun or wind will give, kW."""
        forecast = self._solar if isinstance(device, Photovoltaic) else self._wind
        return forecast.quantiles(device.id, grid, (0.5,))[0]

    def price_usd_per_kwh(self, area_id: str, grid: IntervalGrid) -> list[float]:
        """Median price of energy at an area's connection, USD/kWh."""
        return self._price.quantiles(area_id, grid, (0.5,))[0]

    def _learn_price(self, area_id: str, price: Price) -> None:
        self._price.observe(area_id, price.start_ms, price.price_usd_per_mwh / 1000.0)
        if price.ahead_usd_per_mwh:
            hour_ms = floor_to(price.start_ms, 3600) + MS_PER_HOUR
            self._price.publish(area_id, hour_ms, [p / 1000.0 for p in price.ahead_usd_per_mwh])

    @staticmethod
    def _available(device_id: str, snapshot: Snapshot) -> float | None:
        reading = snapshot.readings.get(device_id)
        if reading is None or reading.state in (DeviceState.FAULT, DeviceState.UNKNOWN):
            return None
        return reading.available_kw

    def _declare_renewable(self, device: Photovoltaic | WindTurbine) -> None:
        site = self._fleet.site_by_id[device.site]
        if isinstance(device, Photovoltaic):
            self._solar.declare(device.id, site.latitude, site.longitude, device.rated_kw)
        else:
            self._wind.declare(device.id, device.rated_kw)


def _joint(spread: float, squares: float) -> float:
    """Spread of a sum of partly correlated errors."""
    return math.sqrt(ERROR_CORRELATION * spread * spread + (1.0 - ERROR_CORRELATION) * squares)
