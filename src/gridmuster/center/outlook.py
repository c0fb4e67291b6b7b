"""What the center expects of the coming day: demand, sun, wind and price per interval.

It learns from what is measured, a sample a minute; silent meters and sites teach nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from gridmuster.center.changes import History
from gridmuster.clock import IntervalGrid, floor_to
from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.forecast.price import PriceForecast as SimilarPrice
from gridmuster.forecast.price import PriceMemory
from gridmuster.forecast.similar_day import Base, DemandForecast, DemandMemory
from gridmuster.forecast.solar import SolarForecast, SolarMemory
from gridmuster.forecast.told import PriceForecast, PriceSource
from gridmuster.forecast.wind import WindForecast, WindMemory
from gridmuster.signals import DeviceState, Price
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import KWH_PER_MWH, MS_PER_HOUR, MS_PER_S

Floats = NDArray[np.float64]

#: Time between two samples, s.
SAMPLE_S = 60
#: End-users of one area err together (the weather) more than apart; correlation of their errors.
ERROR_CORRELATION = 0.3
#: Quantiles of the price that are told: median and a band of nine in ten.
PRICE_LEVELS = (0.05, 0.5, 0.95)


class OutlookMemory(Struct):
    """What forecasts rest on; plain data for the checkpoint."""

    demand: DemandMemory = field(default_factory=DemandMemory)
    solar: SolarMemory = field(default_factory=SolarMemory)
    wind: WindMemory = field(default_factory=WindMemory)
    price: PriceMemory = field(default_factory=PriceMemory)
    next_sample_ms: int = 0
    market: dict[str, PriceForecast] = field(default_factory=dict)


class Outlook:
    """Forecasts for one fleet.

    Args:
        fleet: the fleet.
        memory: what an earlier outlook remembered.
        made: what was made of end-users' similar days already, from `made`; None: nothing.
        fresh_s: age until which a price forecast from outside is used, s.
    """

    def __init__(
        self,
        fleet: Fleet,
        memory: OutlookMemory,
        made: Mapping[str, Base] | None = None,
        fresh_s: int = 0,
    ) -> None:
        self._fleet = fleet
        self.memory = memory
        self._demand = DemandForecast(memory.demand, made)
        self._solar = SolarForecast(memory.solar)
        self._wind = WindForecast(memory.wind)
        self._price = SimilarPrice(memory.price)
        self._fresh_s = fresh_s
        # What was forecast since the last sample: one plan asks for the same several times.
        self._users_kw: dict[tuple[str, IntervalGrid], Floats] = {}
        self._prices: dict[tuple[str, IntervalGrid], list[list[float]]] = {}
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
            self._price.declare(area.id, fleet.time_zone_of_area(area.id))

    @property
    def made(self) -> Mapping[str, Base]:
        """What was made of end-users' similar days so far, by their ids."""
        return self._demand.made

    def observe(self, now_ms: int, snapshot: Snapshot) -> None:
        """Take a sample of the plant when one is due."""
        if now_ms < self.memory.next_sample_ms:
            return
        self.memory.next_sample_ms = now_ms - now_ms % (SAMPLE_S * MS_PER_S) + SAMPLE_S * MS_PER_S
        self._users_kw.clear()
        self._prices.clear()
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

    def teach(self, history: History) -> None:
        """Take in past days of an end-user's demand or an area's price; others are let be."""
        days = [(day.ordinal, day.values) for day in history.days]
        if history.series == "demand" and history.key in self._fleet.end_user_by_id:
            self._demand.teach(history.key, days)
            self._users_kw.clear()
        elif history.series == "price" and history.key in self._fleet.area_by_id:
            self._price.teach(history.key, days)
            self._prices.clear()

    def prepare(self, grid: IntervalGrid) -> None:
        """Forecast everything once; what can be kept of that is kept.

        Args:
            grid: the intervals to forecast.
        """
        for area in self._fleet.areas:
            self.area_kw(area, grid, 0.0)
            self.price_usd_per_kwh(area.id, grid)
        for panels in self._sun:
            self.available_kw(panels, grid)
        for turbine in self._air:
            self.available_kw(turbine, grid)

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
        users = self._users_of_area[area.id]
        if not users:
            level = [max(unmetered_kw, 0.0)] * grid.count
            return level, level, level
        low, median, high = np.stack([self._user_kw(user, grid) for user in users], axis=1)
        gross = 1.0 + area.loss_fraction
        need = np.maximum(median.sum(axis=0) * gross + unmetered_kw, 0.0)
        low_kw = np.maximum(need - gross * _joint(median - low), 0.0)
        high_kw = need + gross * _joint(high - median)
        return low_kw.tolist(), need.tolist(), high_kw.tolist()

    def protected_kw(self, site: Site, grid: IntervalGrid) -> list[float]:
        """Median of a site's own protected load, kW; its design value without a meter."""
        users = self._protected[site.id]
        if not users:
            return [site.backup_load_kw] * grid.count
        total: list[float] = np.sum(
            [self._user_kw(user, grid)[1] for user in users], axis=0
        ).tolist()
        return total

    def available_kw(self, device: Photovoltaic | WindTurbine, grid: IntervalGrid) -> list[float]:
        """Median of what sun or wind will give, kW."""
        forecast = self._solar if isinstance(device, Photovoltaic) else self._wind
        return forecast.quantiles(device.id, grid, (0.5,))[0]

    def foretold(self, told: PriceForecast, now_ms: int) -> str:
        """Take in a price forecast from outside.

        Args:
            told: the forecast; of an area of the fleet.
            now_ms: when it arrived, ms.

        Returns:
            Why it is refused; empty when it is taken in.
        """
        why = told.refused(now_ms, self._fresh_s, self.memory.market.get(told.area))
        if not why:
            self.memory.market[told.area] = told
            self._prices.clear()
        return why

    def market(self, area_id: str, at_ms: int) -> PriceForecast | None:
        """The forecast from outside that is fresh for what begins at an instant."""
        told = self.memory.market.get(area_id)
        return told if told is not None and told.serves(at_ms, self._fresh_s) else None

    def price_source(self, area_id: str, at_ms: int) -> PriceSource:
        """Who forecasts the prices of what begins at an instant."""
        fresh = self.market(area_id, at_ms) is not None
        return PriceSource.of(self.memory.market.get(area_id), fresh)

    def price_usd_per_kwh(self, area_id: str, grid: IntervalGrid) -> list[float]:
        """Median price of energy at an area's connection, USD/kWh."""
        return self.price_band_usd_per_kwh(area_id, grid)[1]

    def price_band_usd_per_kwh(self, area_id: str, grid: IntervalGrid) -> list[list[float]]:
        """Price of energy at an area's connection: 5 %, 50 % and 95 % quantiles, USD/kWh.

        They are those of the forecast from outside while it is fresh and as far as it reaches, and
        of similar days otherwise.
        """
        prices = self._prices.get((area_id, grid))
        if prices is None:
            prices = self._price.quantiles(area_id, grid, PRICE_LEVELS)
            told = self.market(area_id, grid.start_ms)
            if told is not None:
                for row, level in zip(prices, PRICE_LEVELS, strict=True):
                    for k, start_ms in enumerate(grid.starts_ms()):
                        usd_per_mwh = told.at(start_ms, level)
                        row[k] = row[k] if usd_per_mwh is None else usd_per_mwh / KWH_PER_MWH
            self._prices[area_id, grid] = prices
        return prices

    def _user_kw(self, user_id: str, grid: IntervalGrid) -> Floats:
        """The 10 %, 50 % and 90 % quantiles of an end-user's demand, kW; shape (3, count)."""
        power_kw = self._users_kw.get((user_id, grid))
        if power_kw is None:
            power_kw = np.array(self._demand.quantiles(user_id, grid))
            self._users_kw[user_id, grid] = power_kw
        return power_kw

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


def _joint(spread: Floats) -> Floats:
    """Spread of a sum of partly correlated errors, by interval; one row for each error."""
    agreeing = spread.sum(axis=0) ** 2
    apart = (spread**2).sum(axis=0)
    return np.asarray(np.sqrt(ERROR_CORRELATION * agreeing + (1.0 - ERROR_CORRELATION) * apart))
