"""Sun, clouds, warmth and wind, and what they let panels and turbines give."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Fleet, Site
from gridmuster.simulator.noise import Floats, OrnsteinUhlenbeck, entity_seed, refine, stream
from gridmuster.simulator.scenario import CloudBank, Moment

GRID_S: Final = 4
SKY_KNOT_S: Final = 60
WIND_KNOT_S: Final = 20
#: Share of the sky that is covered: mean and spread of a fair summer day, and how long slow
#: weather and single clouds last, s (K).
COVER_MEAN, COVER_SPREAD = 0.32, 0.26
SLOW_CLOUD_S, SINGLE_CLOUD_S = 5400.0, 240.0
#: Clouds drift at 5 to 15 m/s; a bank's edge takes this long to pass, s (K).
DRIFT_M_PER_S: Final = (5.0, 15.0)
EDGE_S: Final = 300.0
LONGEST_LAG_S: Final = 7200
EARTH_M_PER_DEGREE: Final = 111_195.0
#: Wind at hub height: Rayleigh (Weibull shape 2) with mean 7.5 m/s (scale 2/sqrt(pi) x mean); 85 %
#: of the variance shared within an area over hours, the rest gusts of minutes (K).
WIND_MEAN_M_PER_S: Final = 7.5
WIND_SLOW_SHARE: Final = 0.85
WIND_SLOW_S, WIND_GUST_S = 10_800.0, 120.0
#: Cell temperature above the air's in full sun, K per W/m2: (NOCT - 20) / 800 with NOCT 45 C
#: (Ross 1976).
CELL_K_PER_W_PER_M2: Final = 25.0 / 800.0


def nominal_hz(sites: Iterable[Site]) -> float:
    """Nominal frequency where the sites stand, Hz: 50 in European time zones, else 60."""
    return 50.0 if any(site.time_zone.startswith("Europe/") for site in sites) else 60.0


def sun_elevation_sine(at_ms: int, latitude: float, longitude: float) -> float:
    """Sine of the sun's elevation above the horizon.

    Declination and equation of time after Spencer (1971), hour angle from UTC and longitude;
    within about half a degree.

    Args:
        at_ms: instant, ms since the epoch.
        latitude: degrees north.
        longitude: degrees east.
    """
    days = at_ms / 86_400_000.0
    angle = 2.0 * math.pi * ((days % 365.2425) / 365.2425)
    declination = (
        0.006918
        - 0.399912 * math.cos(angle)
        + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle)
        + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle)
        + 0.00148 * math.sin(3 * angle)
    )
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.04089 * math.sin(2 * angle)
    )
    solar_h = (days % 1.0) * 24.0 + longitude / 15.0 + equation_min / 60.0
    hour_angle = math.radians(15.0 * (solar_h - 12.0))
    phi = math.radians(latitude)
    level = math.cos(phi) * math.cos(declination) * math.cos(hour_angle)
    return math.sin(phi) * math.sin(declination) + level


def clear_sky_w_per_m2(elevation_sine: float) -> float:
    """Global horizontal irradiance under a clear sky, W/m2 (Haurwitz 1945)."""
    if elevation_sine <= 0.0:
        return 0.0
    return 1098.0 * elevation_sine * math.exp(-0.057 / elevation_sine)


def air_c(at_ms: int, latitude: float, longitude: float) -> float:
    """Air temperature, C: a yearly and a daily wave, warmest in late July and at 15:30 solar.

    Made to resemble the normals of Austin, Texas (January 11, July 30, daily range 12 K) (K).
    """
    year = ((at_ms / 86_400_000.0) % 365.2425 - 205.0) / 365.2425
    season = math.cos(2.0 * math.pi * year) * (1.0 if latitude >= 0.0 else -1.0)
    hour = (at_ms / 3_600_000.0 + longitude / 15.0) % 24.0
    warmth = 29.0 - 0.45 * abs(abs(latitude) - 20.0)
    return warmth + 9.0 * (season - 0.4) + 6.0 * math.cos(2.0 * math.pi * (hour - 15.5) / 24.0)


def array_power_kw(array: Photovoltaic, light_w_per_m2: float, ambient_c: float) -> float:
    """AC power of an array: panels times light and warmth, through the inverter, clipped there.

    P = min(rated, rated x DC/AC x G/1000 x (1 + k (T_cell - 25)) x inverter efficiency); the array
    lies nearly flat, so that G is the global horizontal irradiance.

    Args:
        array: the array.
        light_w_per_m2: global horizontal irradiance G.
        ambient_c: air temperature, C.
    """
    cell_c = ambient_c + CELL_K_PER_W_PER_M2 * light_w_per_m2
    warmth = 1.0 + array.temperature_coefficient_per_k * (cell_c - 25.0)
    panels_kw = array.rated_kw * array.dc_ac_ratio * light_w_per_m2 / 1000.0 * max(0.0, warmth)
    return min(array.rated_kw, panels_kw * array.inverter_efficiency)


def turbine_power_kw(turbine: WindTurbine, speed_m_per_s: float) -> float:
    """Power of a turbine in a steady wind, kW: cubic between cut-in and rated speed."""
    if not turbine.cut_in_m_per_s <= speed_m_per_s < turbine.cut_out_m_per_s:
        return 0.0
    if speed_m_per_s >= turbine.rated_m_per_s:
        return turbine.rated_kw
    low = turbine.cut_in_m_per_s**3
    return turbine.rated_kw * (speed_m_per_s**3 - low) / (turbine.rated_m_per_s**3 - low)


class Weather:
    """What every panel array and turbine could give, on the world's grid.

    Clouds are one seeded process an area that drifts over it: an array sees at t what the area's
    edge saw at t - lag, the lag being its distance along the wind over the drift speed.

    Args:
        fleet: whose devices.
        seed: the world's seed.
        first_ms: first instant that will be asked for, ms.
        timeline: the scenario's moments; cloud banks count here.
    """

    def __init__(
        self, fleet: Fleet, seed: int, first_ms: int, timeline: tuple[Moment, ...]
    ) -> None:
        self._arrays = [d for d in fleet.devices if isinstance(d, Photovoltaic)]
        self._turbines = [d for d in fleet.devices if isinstance(d, WindTurbine)]
        self.ids = [d.id for d in (*self._arrays, *self._turbines)]
        self._sites = [fleet.site_by_id[d.site] for d in self._arrays]
        areas = [area.id for area in fleet.areas]
        self._area = [areas.index(site.area) for site in self._sites]
        self._lags_ms = _lags_ms(fleet, seed, self._sites)
        early_ms = first_ms - LONGEST_LAG_S * 1000
        slow = [entity_seed(seed, "sky", area) for area in areas]
        single = [entity_seed(seed, "cloud", area) for area in areas]
        self._slow_sky = OrnsteinUhlenbeck(slow, SKY_KNOT_S, SLOW_CLOUD_S, early_ms)
        self._clouds = OrnsteinUhlenbeck(single, SKY_KNOT_S, SINGLE_CLOUD_S, early_ms)
        self._sky_ms = np.empty(0)
        self._sky = np.empty((0, len(areas)))
        self._sky_end_ms = early_ms
        self._banks = [
            (areas.index(moment.event.area), moment.at_ms, moment.until_ms, moment.event.cover)
            for moment in timeline
            if moment.begins and moment.until_ms is not None and isinstance(moment.event, CloudBank)
        ]
        winds = [entity_seed(seed, "wind", area) for area in areas]
        gusts = [entity_seed(seed, "gust", d.id) for d in self._turbines]
        self._wind_area = [areas.index(fleet.site_by_id[d.site].area) for d in self._turbines]
        self._winds = OrnsteinUhlenbeck(winds, WIND_KNOT_S, WIND_SLOW_S, first_ms)
        self._gusts = OrnsteinUhlenbeck(gusts, WIND_KNOT_S, WIND_GUST_S, first_ms)

    def chunk(self, start_ms: int, end_ms: int) -> Floats:
        """Power available at every `GRID_S`, both ends included, kW: (times, devices of `ids`)."""
        return np.concatenate([self._sun(start_ms, end_ms), self._wind(end_ms)], axis=1)

    def _drift(self, start_ms: int, end_ms: int) -> None:
        """Bring the sky at the areas' edges up to an instant; keep only what still drifts."""
        slow, single = self._slow_sky.advance(end_ms), self._clouds.advance(end_ms)
        cover = COVER_MEAN + COVER_SPREAD * (math.sqrt(0.7) * slow + math.sqrt(0.3) * single)
        times = np.arange(self._sky_end_ms, end_ms + 1, SKY_KNOT_S * 1000, dtype=np.float64)
        for area, first_ms, last_ms, most in self._banks:
            inside = np.minimum(times - first_ms, last_ms - times) / (EDGE_S * 1000)
            bank = most * np.clip(inside + 0.5, 0.0, 1.0)
            cover[:, area] = np.maximum(cover[:, area], bank)
        keep = self._sky_ms >= start_ms - LONGEST_LAG_S * 1000
        keep &= self._sky_ms < self._sky_end_ms
        self._sky_ms = np.concatenate([self._sky_ms[keep], times])
        self._sky = np.concatenate([self._sky[keep], np.clip(cover, 0.0, 1.0)])
        self._sky_end_ms = end_ms

    def _sun(self, start_ms: int, end_ms: int) -> Floats:
        self._drift(start_ms, end_ms)
        times = np.arange(start_ms, end_ms + 1, SKY_KNOT_S * 1000)
        knots = np.zeros((len(times), len(self._arrays)))
        for j, (array, site) in enumerate(zip(self._arrays, self._sites, strict=True)):
            cover = np.interp(times - self._lags_ms[j], self._sky_ms, self._sky[:, self._area[j]])
            for k, at_ms in enumerate(times.tolist()):
                sine = sun_elevation_sine(at_ms, site.latitude, site.longitude)
                if sine <= 0.0:
                    continue
                # Kasten & Czeplak 1980: what N of the sky covered leaves of a clear sky's light.
                light = clear_sky_w_per_m2(sine) * (1.0 - 0.75 * float(cover[k]) ** 3.4)
                ambient_c = air_c(at_ms, site.latitude, site.longitude)
                knots[k, j] = array_power_kw(array, light, ambient_c)
        return refine(knots, SKY_KNOT_S // GRID_S)

    def _wind(self, end_ms: int) -> Floats:
        slow, gusts = self._winds.advance(end_ms), self._gusts.advance(end_ms)
        scale = WIND_MEAN_M_PER_S * 2.0 / math.sqrt(math.pi)
        knots = np.zeros_like(gusts)
        for j, turbine in enumerate(self._turbines):
            state = math.sqrt(WIND_SLOW_SHARE) * slow[:, self._wind_area[j]]
            state = state + math.sqrt(1.0 - WIND_SLOW_SHARE) * gusts[:, j]
            for k, value in enumerate(state.tolist()):
                # Normal to uniform to Weibull with shape 2.
                beyond = 0.5 * math.erfc(value / math.sqrt(2.0))
                speed = scale * math.sqrt(-math.log(max(beyond, 1e-12)))
                knots[k, j] = turbine_power_kw(turbine, speed)
        return refine(knots, WIND_KNOT_S // GRID_S)


def _lags_ms(fleet: Fleet, seed: int, sites: list[Site]) -> list[float]:
    """How much later each array sees the clouds than the windward edge of its area, ms."""
    lags = []
    for site in sites:
        dice = stream(seed, "drift", site.area)
        heading = dice.uniform(0.0, 2.0 * math.pi)
        speed = dice.uniform(*DRIFT_M_PER_S)

        def along(place: Site, heading: float = heading) -> float:
            east = place.longitude * math.cos(math.radians(place.latitude)) * math.sin(heading)
            return EARTH_M_PER_DEGREE * (east + place.latitude * math.cos(heading))

        edge = min(along(other) for other in fleet.sites_of_area[site.area])
        lags.append(1000.0 * min((along(site) - edge) / speed, LONGEST_LAG_S - SKY_KNOT_S))
    return lags
