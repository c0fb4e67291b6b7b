"""Made-up markets for tests: prices that follow load, with noise and spikes."""

import numpy as np

from gridmuster.forecast.market.history import NEVER, Column, Floats, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY, instants_of, wall_clock_of

HOUR_MS = 3_600_000
#: Midnight of 2021-01-01 in New York.
START_MS = 1_609_477_200_000
ZONE = "America/New_York"


def column(values: Floats, known_ms: Floats, ahead: bool = False, step_s: int = 3600) -> Column:
    known = np.where(np.isfinite(values), known_ms, NEVER).astype(np.int64)
    return Column("USD/MWh", START_MS, step_s, values, known, ahead)


def market(days: int, seed: int = 7, spike_share: float = 0.01) -> MarketHistory:
    """Hourly real-time and day-ahead prices and a load forecast; day-ahead known at 11 local."""
    dice = np.random.default_rng(seed)
    hours = days * 24
    starts = START_MS + HOUR_MS * np.arange(hours, dtype=np.int64)
    wall = wall_clock_of(starts, ZONE)
    load = 10.0 + 3.0 * np.sin(2 * np.pi * (wall.hour - 8) / 24) - 1.5 * (wall.weekday > 4)
    load += 0.5 * np.repeat(dice.normal(size=days), 24)
    drift = np.repeat(np.cumsum(dice.normal(size=days) * 0.5), 24)
    ahead = 3.0 * load + drift + dice.normal(size=hours)
    noise = np.zeros(hours)
    for hour in range(1, hours):
        noise[hour] = 0.6 * noise[hour - 1] + dice.normal() * (1.0 + 0.2 * (wall.hour[hour] > 15))
    spikes = (dice.random(hours) < spike_share) * dice.exponential(100.0, hours)
    real = ahead - 1.0 + noise + spikes
    ten = instants_of(wall.day - 1, np.full(hours, 660), ZONE)
    return MarketHistory(
        "made",
        ZONE,
        {
            "rt_price": column(real, starts + HOUR_MS),
            "da_price": column(ahead, ten, ahead=True),
            "load_forecast": column(load, ten - HOUR_MS, ahead=True),
        },
        closes_min=600,
    )


def day_ms(number: int) -> int:
    """Start of a day of the made market, ms (before the clocks change)."""
    return START_MS + number * MS_PER_DAY
