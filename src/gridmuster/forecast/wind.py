"""Wind: what blows now, drifting back to what is usual, with a band that opens meanwhile."""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field

from gridmuster.clock import IntervalGrid
from gridmuster.forecast.spread import keep, reverting
from gridmuster.units import MS_PER_HOUR

LEVELS = (0.1, 0.5, 0.9)

#: Share of rating before anything was seen: mean 0.31, often little, seldom all.
USUAL_SHARE = (0.0, 0.03, 0.08, 0.14, 0.2, 0.28, 0.38, 0.5, 0.68, 0.85)
#: Samples kept (a week of hours) and the time between two, h.
SAMPLES = 168
SAMPLE_H = 1.0
#: Time in which what blows now loses its worth, h; fitted on the RTS-GMLC plants (5 min, a year).
FADE_H = 10.0
#: Half-life of what counts as now, h.
NOW_HALF_LIFE_H = 0.25
#: Observations nearer to the last one than this are passed over, ms.
LEAST_GAP_MS = 60_000


class WindKey(Struct):
    """All that is kept of one plant: ``share`` of rating now, ``samples`` one an hour."""

    rated_kw: float
    share: float = -1.0
    share_at_ms: int = -LEAST_GAP_MS
    sampled_at_ms: int = -1
    samples: list[float] = field(default_factory=list)


class WindMemory(Struct):
    """All that is kept; plain data for a checkpoint."""

    keys: dict[str, WindKey] = field(default_factory=dict)


class WindForecast:
    """Forecasts wind turbines by key.

    Args:
        memory: what is known; updated in place by `observe`.
    """

    def __init__(self, memory: WindMemory) -> None:
        self.memory = memory

    def declare(self, key: str, rated_kw: float) -> None:
        """Make a plant known, or change its rating, kW; its history stays."""
        known = self.memory.keys.get(key)
        if known is None:
            self.memory.keys[key] = WindKey(rated_kw)
        else:
            known.rated_kw = rated_kw

    def observe(self, key: str, at_ms: int, available_kw: float) -> None:
        """Take in what the turbine could give.

        Args:
            key: a declared plant.
            at_ms: the instant, or the middle of the mean, ms. What comes within a minute of the
                last one, or before it, is passed over.
            available_kw: power available (not curtailed), kW.
        """
        one = self.memory.keys[key]
        if at_ms - one.share_at_ms < LEAST_GAP_MS:
            return
        share = min(max(available_kw / one.rated_kw, 0.0), 1.0)
        if one.share_at_ms < 0:
            one.share = share
        else:
            elapsed_h = (at_ms - one.share_at_ms) / MS_PER_HOUR
            old = 0.5 ** (elapsed_h / NOW_HALF_LIFE_H)
            one.share = old * one.share + (1.0 - old) * share
        one.share_at_ms = at_ms
        if at_ms - one.sampled_at_ms >= SAMPLE_H * MS_PER_HOUR:
            keep(one.samples, one.share, SAMPLES)
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
            For each level the available powers of all intervals, kW.
        """
        one = self.memory.keys[key]
        usual = np.array([*USUAL_SHARE, *one.samples])
        middles = grid.start_ms + grid.step_ms * (np.arange(grid.count) + 0.5)
        if one.share_at_ms >= 0:
            lead_h = np.maximum(0.0, (middles - one.share_at_ms) / MS_PER_HOUR)
            share = reverting(one.share, usual, levels, lead_h, FADE_H)
        else:
            share = np.repeat(np.quantile(usual, levels)[:, None], grid.count, axis=1)
        power = one.rated_kw * np.clip(share, 0.0, 1.0)
        result: list[list[float]] = np.sort(power, axis=0).tolist()
        return result
