"""Sun, clouds and wind, and what they let panels and turbines give."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.fleet.model import Fleet, Site
from gridmuster.simulator.noise import Floats, OrnsteinUhlenbeck, entity_seed, refine

CLOUD_KNOT_S: Final = 60
WIND_KNOT_S: Final = 20
GRID_S: Final = 4


def sun_elevation_sine(at_ms: int, latitude: float, longitude: float) -> float:
    """Sine of the sun's elevation above the horizon.

    Declination and equation of time after Spencer (1971), hour angle from UTC and longitude.

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
    return math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(
        hour_angle
    )


def clear_sky_w_per_m2(elevation_sine: float) -> float:
    """Global horizontal irradiance under a clear sky, W/m2 (Haurwitz 1945)."""
    if elevation_sine <= 0.0:
        return 0.0
    return 1098.0 * elevation_sine * math.exp(-0.057 / elevation_sine)


class Weather:
    """What every panel array and turbine could give, on the world's grid.

    Args:
        fleet: whose devices.
        seed: the world's seed.
        first_ms: first instant that will be asked for, ms.
    """

    def __init__(self, fleet: Fleet, seed: int, first_ms: int) -> None:
        self.arrays = [d for d in fleet.devices if isinstance(d, Photovoltaic)]
        self.turbines = [d for d in fleet.devices if isinstance(d, WindTurbine)]
        self.ids = [d.id for d in (*self.arrays, *self.turbines)]
        self._sites: list[Site] = [fleet.site_by_id[d.site] for d in self.arrays]
        self._clouds = OrnsteinUhlenbeck(
            [entity_seed(seed, "cloud", site.area) for site in self._sites],
            CLOUD_KNOT_S,
            1800.0,
            first_ms,
        )
        self._gusts = OrnsteinUhlenbeck(
            [entity_seed(seed, "wind", d.id) for d in self.turbines], WIND_KNOT_S, 3600.0, first_ms
        )

    def chunk(self, start_ms: int, end_ms: int) -> Floats:
        """Power available at every `GRID_S`, both ends included, kW: (times, devices of `ids`)."""
        return np.concatenate([self._sun(start_ms, end_ms), self._wind(end_ms)], axis=1)

    def _sun(self, start_ms: int, end_ms: int) -> Floats:
        clouds = self._clouds.advance(end_ms)
        knots = np.zeros_like(clouds)
        cover = np.clip(0.35 + 0.3 * clouds, 0.0, 1.0)
        for k in range(knots.shape[0]):
            at_ms = start_ms + k * CLOUD_KNOT_S * 1000
            for j, (array, site) in enumerate(zip(self.arrays, self._sites, strict=True)):
                sine = sun_elevation_sine(at_ms, site.latitude, site.longitude)
                clear = clear_sky_w_per_m2(sine) / 1000.0
                light = clear * (1.0 - 0.75 * cover[k, j] ** 3.4)
                direct_kw = array.rated_kw * array.dc_ac_ratio * light * array.inverter_efficiency
                knots[k, j] = min(array.rated_kw, direct_kw)
        return refine(knots, CLOUD_KNOT_S // GRID_S)

    def _wind(self, end_ms: int) -> Floats:
        gusts = self._gusts.advance(end_ms)
        knots = np.zeros_like(gusts)
        for k in range(gusts.shape[0]):
            for j, turbine in enumerate(self.turbines):
                share = 0.5 * (1.0 + math.erf(float(gusts[k, j]) / math.sqrt(2.0)))
                speed = 7.9 * (-math.log(max(1.0 - share, 1e-12))) ** 0.5
                knots[k, j] = turbine_power_kw(turbine, speed)
        return refine(knots, WIND_KNOT_S // GRID_S)


def turbine_power_kw(turbine: WindTurbine, speed_m_per_s: float) -> float:
    """Power of a turbine in a steady wind, kW: cubic between cut-in and rated speed."""
    if not turbine.cut_in_m_per_s <= speed_m_per_s < turbine.cut_out_m_per_s:
        return 0.0
    if speed_m_per_s >= turbine.rated_m_per_s:
        return turbine.rated_kw
    low = turbine.cut_in_m_per_s**3
    return turbine.rated_kw * (speed_m_per_s**3 - low) / (turbine.rated_m_per_s**3 - low)
