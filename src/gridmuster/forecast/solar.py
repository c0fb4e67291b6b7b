"""Sun: the clear sky's shape at the place, times how clear the last hours were.

The clear sky follows from the sun's elevation; what panels gave of it (the clear-sky index) is
kept. The forecast starts from the index of the last hour of light and drifts to the index that is
usual at this place, with a band that opens meanwhile.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from gridmuster.clock import IntervalGrid
from gridmuster.forecast.spread import keep, reverting
from gridmuster.units import MS_PER_HOUR

Floats = NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)

#: Irradiance at which panels give their rating, W/m2 (standard test conditions).
RATING_W_PER_M2 = 1000.0
#: Clear-sky index before anything was seen: a sky that is mostly clear and sometimes not.
USUAL_INDEX = (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
#: Index samples kept (a fortnight of hours of light) and the time between two, h.
SAMPLES = 160
SAMPLE_H = 1.0
#: Time in which the last hour's sky loses its worth, h.
FADE_H = 4.0
#: Half-life of what counts as the sky of now, h.
NOW_HALF_LIFE_H = 0.5
#: Observations nearer to the last one than this are passed over, ms.
LEAST_GAP_MS = 60_000
#: Clear-sky share of rating below which an index says nothing.
DUSK_SHARE = 0.05


class SolarKey(Struct):
    """All that is kept of one plant: ``index`` is the sky now, ``samples`` one an hour of light."""

    latitude: float
    longitude: float
    rated_kw: float
    index: float = -1.0
    index_at_ms: int = -1
    seen_at_ms: int = -LEAST_GAP_MS
    sampled_at_ms: int = -1
    samples: list[float] = field(default_factory=list)


class SolarMemory(Struct):
    """All that is kept; plain data for a checkpoint."""

    keys: dict[str, SolarKey] = field(default_factory=dict)


def elevation_sine(at_ms: NDArray[np.floating], latitude: float, longitude: float) -> Floats:
    """Sine of the sun's elevation.

    Declination and equation of time by Spencer's series (Search 2(5), 1971), good to 0.05 degrees
    and half a minute; no refraction.

    Args:
        at_ms: instants, ms since the epoch.
        latitude: degrees north.
        longitude: degrees east.
    """
    days = at_ms / 86_400_000.0
    day_angle = 2.0 * math.pi * ((days - 0.5) % 365.2425) / 365.2425
    cos1, sin1 = np.cos(day_angle), np.sin(day_angle)
    cos2, sin2 = np.cos(2.0 * day_angle), np.sin(2.0 * day_angle)
    cos3, sin3 = np.cos(3.0 * day_angle), np.sin(3.0 * day_angle)
    declination = 0.006918 - 0.399912 * cos1 + 0.070257 * sin1 - 0.006758 * cos2
    declination += 0.000907 * sin2 - 0.002697 * cos3 + 0.00148 * sin3
    minutes = 0.000075 + 0.001868 * cos1 - 0.032077 * sin1 - 0.014615 * cos2 - 0.040849 * sin2
    minutes *= 229.18
    solar_h = (days % 1.0) * 24.0 + longitude / 15.0 + minutes / 60.0
    hour_angle = (solar_h - 12.0) * math.pi / 12.0
    phi = math.radians(latitude)
    return np.asarray(
        math.sin(phi) * np.sin(declination)
        + math.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    )


def clear_share(at_ms: NDArray[np.floating], latitude: float, longitude: float) -> Floats:
    """Clear-sky irradiance on flat ground over `RATING_W_PER_M2`.

    Haurwitz, Journal of Meteorology 2 (1945):  1098 s exp(-0.057 / s)  W/m2, s the sine of the
    elevation.
    """
    sine = elevation_sine(at_ms, latitude, longitude)
    safe = np.maximum(sine, 1e-3)
    return np.where(sine > 1e-3, 1098.0 * safe * np.exp(-0.057 / safe) / RATING_W_PER_M2, 0.0)


@lru_cache(maxsize=256)
def _clear_shares(grid: IntervalGrid, latitude: float, longitude: float) -> Floats:
    """Mean clear-sky share of every interval, from its four quarters."""
    quarters = (np.arange(grid.count * 4) + 0.5) * grid.step_ms / 4.0 + grid.start_ms
    shares = clear_share(quarters, latitude, longitude)
    return np.asarray(shares.reshape(grid.count, 4).mean(axis=1))


class SolarForecast:
    """Forecasts panels by key.

    Args:
        memory: what is known; updated in place by `observe`.
    """

    def __init__(self, memory: SolarMemory) -> None:
        self.memory = memory

    def declare(self, key: str, latitude: float, longitude: float, rated_kw: float) -> None:
        """Make a plant known, or change what is assumed of it; its history stays.

        Args:
            key: the device's id.
            latitude: degrees north.
            longitude: degrees east.
            rated_kw: rated power, kW.
        """
        known = self.memory.keys.get(key)
        if known is None:
            self.memory.keys[key] = SolarKey(latitude, longitude, rated_kw)
        else:
            known.latitude, known.longitude, known.rated_kw = latitude, longitude, rated_kw

    def observe(self, key: str, at_ms: int, available_kw: float) -> None:
        """Take in what the panels could give.

        Args:
            key: a declared plant.
            at_ms: the instant, or the middle of the mean, ms. What comes within a minute of the
                last one, or before it, is passed over.
            available_kw: power available (not curtailed), kW.
        """
        one = self.memory.keys[key]
        if at_ms - one.seen_at_ms < LEAST_GAP_MS:
            return
        one.seen_at_ms = at_ms
        share = float(clear_share(np.array([float(at_ms)]), one.latitude, one.longitude)[0])
        if share < DUSK_SHARE:
            return
        index = min(max(available_kw / (share * one.rated_kw), 0.0), 1.5)
        if one.index_at_ms < 0:
            one.index = index
        else:
            elapsed_h = (at_ms - one.index_at_ms) / MS_PER_HOUR
            old = 0.5 ** (elapsed_h / NOW_HALF_LIFE_H)
            one.index = old * one.index + (1.0 - old) * index
        one.index_at_ms = at_ms
        if at_ms - one.sampled_at_ms >= SAMPLE_H * MS_PER_HOUR:
            keep(one.samples, one.index, SAMPLES)
            one.sampled_at_ms = at_ms

    def quantiles(
        self, key: str, grid: IntervalGrid, levels: tuple[float, ...] = LEVELS
    ) -> list[list[float]]:
        """Forecast one plant.

        Args:
            key: a declared plant.
            grid: the intervals to forecast.
            levels: probabilities.

        Returns:
            For each level the available powers of all intervals, kW; zero at night.
        """
        one = self.memory.keys[key]
        usual = np.array([*USUAL_INDEX, *one.samples])
        starts = grid.start_ms + grid.step_ms * (np.arange(grid.count) + 0.5)
        if one.index_at_ms >= 0:
            lead_h = np.maximum(0.0, (starts - one.index_at_ms) / MS_PER_HOUR)
            index = reverting(one.index, usual, levels, lead_h, FADE_H)
        else:
            index = np.repeat(np.quantile(usual, levels)[:, None], grid.count, axis=1)
        shares = _clear_shares(grid, one.latitude, one.longitude)
        power = one.rated_kw * np.clip(np.maximum(index, 0.0) * shares, 0.0, 1.0)
        result: list[list[float]] = np.sort(power, axis=0).tolist()
        return result
