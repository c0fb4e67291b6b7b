"""Prices: what the market published ahead where it did, else what such hours cost before.

Published prices carry a band from how prices turned out against them. Unpublished hours take the
quantiles of the same local hour on the same kind of day, moved by how far the last hour was from
them; that fades within an hour or two, as price spikes do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from gridmuster.clock import IntervalGrid
from gridmuster.forecast.calendar import kind_of_weekday, place, places
from gridmuster.forecast.spread import keep
from gridmuster.units import MS_PER_HOUR

Floats = NDArray[np.float64]

LEVELS = (0.1, 0.5, 0.9)

HOUR_S = 3600
HOURS = 24
#: Hours kept of each local hour and kind of day, working days and others.
SAMPLES = (10, 8)
#: Differences between price and published price kept.
MISSES = 96
#: Published hours kept.
PUBLISHED = 72
#: Fading time of how far prices are from the usual now, h; half-life of what counts as now, h.
FADE_H = 1.5
NOW_HALF_LIFE_H = 0.5
#: Days from others that are remembered as such.
TAUGHT = 120
#: Price before anything was seen, and its spread, USD/kWh.
USUAL_USD_PER_KWH = (0.02, 0.03, 0.04, 0.05, 0.08)
#: Miss of a published price before any was seen, USD/kWh.
USUAL_MISS_USD_PER_KWH = (-0.01, 0.0, 0.015)


class PriceKey(Struct):
    """All that is kept of one area's price; prices in USD/kWh.

    ``hours[kind * 24 + hour]`` are hour means, newest last; ``published`` by start of the hour, ms;
    ``taught`` the local days (ordinals) that came from others, so that none counts twice.
    """

    zone: str
    hours: list[list[float]] = field(default_factory=lambda: [[] for _ in range(2 * HOURS)])
    published: dict[int, float] = field(default_factory=dict)
    misses: list[float] = field(default_factory=list)
    hour_start_ms: int = -1
    hour_sum: float = 0.0
    hour_count: int = 0
    away: float = 0.0
    seen_at_ms: int = -1
    taught: list[int] = field(default_factory=list)


class PriceMemory(Struct):
    """All that is kept; plain data for a checkpoint."""

    keys: dict[str, PriceKey] = field(default_factory=dict)


class PriceForecast:
    """Forecasts prices by area.

    Args:
        memory: what is known; updated in place by `observe` and `publish`.
    """

    def __init__(self, memory: PriceMemory) -> None:
        self.memory = memory

    def declare(self, key: str, zone: str) -> None:
        """Make an area known, in whose IANA zone its market's day runs."""
        known = self.memory.keys.get(key)
        if known is None:
            self.memory.keys[key] = PriceKey(zone)
        else:
            known.zone = zone

    def publish(self, key: str, start_ms: int, usd_per_kwh: list[float]) -> None:
        """Take in prices published ahead.

        Args:
            key: a declared area.
            start_ms: start of the first hour, ms.
            usd_per_kwh: one price an hour, USD/kWh.
        """
        one = self.memory.keys[key]
        for number, price in enumerate(usd_per_kwh):
            one.published[start_ms + number * MS_PER_HOUR] = price
        for old in sorted(one.published)[: max(0, len(one.published) - PUBLISHED)]:
            del one.published[old]

    def observe(self, key: str, at_ms: int, usd_per_kwh: float) -> None:
        """Take in the price of now.

        Args:
            key: a declared area.
            at_ms: start of the interval it holds for, ms; never earlier than before.
            usd_per_kwh: the price, USD/kWh.
        """
        one = self.memory.keys[key]
        if at_ms <= one.seen_at_ms:
            return
        hour_ms = at_ms - at_ms % MS_PER_HOUR
        if hour_ms > one.hour_start_ms:
            self._close_hour(one)
            one.hour_start_ms, one.hour_sum, one.hour_count = hour_ms, 0.0, 0
        one.hour_sum += usd_per_kwh
        one.hour_count += 1
        away = usd_per_kwh - self._middle(one, at_ms)
        old = 0.0
        if one.seen_at_ms >= 0:
            old = 0.5 ** ((at_ms - one.seen_at_ms) / MS_PER_HOUR / NOW_HALF_LIFE_H)
        one.away = old * one.away + (1.0 - old) * away
        one.seen_at_ms = at_ms

    def teach(self, key: str, days: Sequence[tuple[int, Sequence[float | None]]]) -> None:
        """Take in past days that others noted; what was seen here counts as newer.

        Args:
            key: a declared area.
            days: local day (proleptic ordinal) and its 24 hour means, USD/kWh, None where
                unknown; days of another length are passed over.
        """
        one = self.memory.keys[key]
        fresh = [day for day in days if day[0] not in one.taught]
        one.taught = sorted({*one.taught, *(ordinal for ordinal, _ in fresh)})[-TAUGHT:]
        for ordinal, values in sorted(fresh, key=lambda day: day[0], reverse=True):
            kind = min(kind_of_weekday(date.fromordinal(ordinal).weekday()), 1)
            for hour, price in enumerate(values if len(values) == HOURS else ()):
                kept = one.hours[kind * HOURS + hour]
                if price is not None and len(kept) < SAMPLES[kind]:
                    kept.insert(0, price)

    def _close_hour(self, one: PriceKey) -> None:
        if one.hour_count == 0:
            return
        mean = one.hour_sum / one.hour_count
        kind, hour = _row(one.hour_start_ms, one.zone)
        keep(one.hours[kind * HOURS + hour], mean, SAMPLES[kind])
        published = one.published.get(one.hour_start_ms)
        if published is not None:
            keep(one.misses, mean - published, MISSES)

    def _middle(self, one: PriceKey, at_ms: int) -> float:
        """What would have been expected of an instant."""
        published = one.published.get(at_ms - at_ms % MS_PER_HOUR)
        if published is not None:
            return published
        kind, hour = _row(at_ms, one.zone)
        return float(np.median(_samples(one, kind, hour)))

    def quantiles(
        self, key: str, grid: IntervalGrid, levels: tuple[float, ...] = LEVELS
    ) -> list[list[float]]:
        """Forecast one area's price.

        Args:
            key: a declared area.
            grid: the intervals to forecast.
            levels: probabilities.

        Returns:
            For each level the prices of all intervals, USD/kWh.
        """
        one = self.memory.keys[key]
        kinds, hours = places(grid, one.zone, HOUR_S)
        rows = np.minimum(kinds, 1) * HOURS + hours
        wanted, where = np.unique(rows, return_inverse=True)
        by_row = np.array(
            [_quantiles(_samples(one, *divmod(int(r), HOURS)), levels) for r in wanted]
        )
        price = by_row[where].T.copy()
        starts = grid.start_ms + grid.step_ms * np.arange(grid.count)
        missed = np.array([*USUAL_MISS_USD_PER_KWH, *one.misses])
        # People plan by what is published: the usual miss opens a band but does not move it.
        misses = np.quantile(missed, levels) - float(np.median(missed))
        for number, start_ms in enumerate(starts.tolist()):
            published = one.published.get(start_ms - start_ms % MS_PER_HOUR)
            if published is not None:
                price[:, number] = published + misses
        if one.seen_at_ms >= 0:
            lead_h = np.maximum(0.0, (starts - one.seen_at_ms) / MS_PER_HOUR)
            price += one.away * np.exp(-lead_h / FADE_H)
        result: list[list[float]] = np.sort(price, axis=0).tolist()
        return result


def _quantiles(samples: Floats, levels: tuple[float, ...]) -> Floats:
    """Quantiles by straight lines between the ranks; numpy's own takes ten times as long here."""
    last = len(samples) - 1
    at = np.array(levels) * last
    return np.asarray(np.interp(at, np.arange(last + 1), np.sort(samples)))


def _row(at_ms: int, zone: str) -> tuple[int, int]:
    """Working day (0) or not (1), and local hour."""
    _, kind, hour = place(at_ms, zone, HOUR_S)
    return min(kind, 1), hour


def _samples(one: PriceKey, kind: int, hour: int) -> Floats:
    """Prices of a local hour on a kind of day; the other kind's or none's if there are none."""
    own = one.hours[kind * HOURS + hour] or one.hours[(1 - kind) * HOURS + hour]
    return np.array(own if len(own) >= len(USUAL_USD_PER_KWH) else [*own, *_nearby(one, hour)])


def _nearby(one: PriceKey, hour: int) -> list[float]:
    """Stand-ins: the hours around, or the usual price."""
    found = [
        price
        for kind in range(2)
        for near in (hour - 1, hour + 1)
        for price in one.hours[kind * HOURS + near % HOURS]
    ]
    return found or list(USUAL_USD_PER_KWH)
