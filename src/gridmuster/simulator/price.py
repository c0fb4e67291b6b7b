"""A seeded electricity market: day-ahead hours and five-minute real-time prices.

Calibrated on NYISO's published prices of the zones NYC, LONGIL, NORTH and WEST: day-ahead and
real-time hours 2015-2018 and real-time five-minute prices 2016-2018. What was measured there is
written below as constants; no data is read when it runs.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np

from gridmuster.clock import local, to_ms, zone
from gridmuster.simulator.noise import Floats, entity_seed

STEP_S: Final = 300
STEP_MS: Final = STEP_S * 1000
HOUR_MS: Final = 3_600_000
#: Prices of the next day are published at this local hour (NYISO 11:00, ERCOT 13:30).
PUBLISHED_AT_H: Final = 13

#: Day-ahead price by local hour over the day's mean: June-September and other months, working
#: days and weekends (mean of the four zones).
SHAPE: Final[dict[tuple[bool, bool], tuple[float, ...]]] = {
    (True, False): (
        *(0.712, 0.622, 0.557, 0.522, 0.520, 0.568, 0.694, 0.780, 0.880, 0.976, 1.063, 1.164),
        *(1.247, 1.365, 1.443, 1.529, 1.607, 1.502, 1.282, 1.183, 1.127, 1.013, 0.873, 0.770),
    ),
    (True, True): (
        *(0.850, 0.736, 0.654, 0.605, 0.579, 0.557, 0.576, 0.649, 0.792, 0.927, 1.012, 1.103),
        *(1.173, 1.237, 1.300, 1.374, 1.457, 1.455, 1.347, 1.294, 1.267, 1.164, 1.009, 0.883),
    ),
    (False, False): (
        *(0.716, 0.652, 0.608, 0.601, 0.627, 0.733, 1.031, 1.144, 1.150, 1.164, 1.174, 1.144),
        *(1.090, 1.060, 1.029, 1.036, 1.144, 1.333, 1.350, 1.313, 1.220, 1.039, 0.877, 0.767),
    ),
    (False, True): (
        *(0.864, 0.775, 0.710, 0.688, 0.690, 0.728, 0.798, 0.854, 0.986, 1.097, 1.117, 1.104),
        *(1.060, 1.013, 0.982, 0.988, 1.106, 1.337, 1.403, 1.394, 1.321, 1.151, 0.977, 0.857),
    ),
}
#: Median of the day-ahead day mean, USD/MWh (zones 21 to 34), its spread (standard deviation of
#: the logarithm) and its correlation from day to day.
DAY_MEDIAN_USD: Final = 28.0
DAY_SPREAD: Final = 0.33
DAY_MEMORY: Final = 0.77
#: Spread of a day-ahead hour around the shape (half the distance between the 16 % and the 84 %
#: quantile of the logarithm, zones 0.12 to 0.18), and its correlation from hour to hour.
HOUR_SPREAD: Final = 0.15
HOUR_MEMORY: Final = 0.82
#: Logarithm of real time over day ahead in ordinary intervals: median, spread, and a fast and a
#: slow part that together give the measured autocorrelation 0.83, 0.71, 0.57, 0.37 after 5, 15,
#: 60, 180 minutes.
RATIO_MEDIAN: Final = -0.12
RATIO_SPREAD: Final = 0.50
FAST_SHARE, FAST_STEPS = 0.3, 2.0
SLOW_STEPS: Final = 40.0
#: Spikes above 200 USD/MWh: starts a day, their share by local hour, odds of lasting 1, 2, ...
#: intervals (64 % last five minutes, 82 % at most ten), quantiles of the highest price.
SPIKES_A_DAY: Final = 1.31
SPIKE_HOURS: Final = (
    *(0.019, 0.010, 0.004, 0.003, 0.002, 0.007, 0.029, 0.037, 0.043, 0.041, 0.044, 0.046),
    *(0.039, 0.050, 0.041, 0.053, 0.076, 0.119, 0.099, 0.080, 0.067, 0.049, 0.021, 0.020),
)
SPIKE_STEPS: Final = ((1, 0.638), (2, 0.824), (3, 0.902), (4, 0.929), (5, 0.949), (6, 0.964))
SPIKE_TAIL_STEPS: Final = (7, 15)
SPIKE_QUANTILES: Final = (
    (0.0, 200.0), (0.05, 205.6), (0.25, 231.7), (0.5, 272.6), (0.75, 394.5),
    (0.9, 721.7), (0.95, 995.2), (0.99, 1638.7), (0.999, 2546.7), (1.0, 2546.7),
)  # fmt: skip
#: Negative prices: share of intervals by local hour (2.4 % together, 2.0 runs a day), quantiles
#: of a run's length in intervals and of its lowest price.
NEGATIVE_RUNS_A_DAY: Final = 2.0
NEGATIVE_HOURS: Final = (
    *(0.038, 0.039, 0.035, 0.034, 0.035, 0.038, 0.023, 0.020, 0.019, 0.020, 0.019, 0.019),
    *(0.019, 0.019, 0.020, 0.022, 0.022, 0.021, 0.019, 0.016, 0.013, 0.017, 0.024, 0.037),
)
NEGATIVE_STEPS: Final = ((0.0, 1.0), (0.5, 1.0), (0.75, 3.0), (0.9, 7.0), (0.97, 19.0), (1.0, 24.0))
NEGATIVE_QUANTILES: Final = (
    (0.0, -150.0), (0.05, -94.1), (0.1, -29.4), (0.25, -23.6), (0.5, -10.6), (0.75, -2.8),
    (1.0, -0.1),
)  # fmt: skip


def _quantile(table: tuple[tuple[float, float], ...], share: float) -> float:
    shares = [row[0] for row in table]
    return float(np.interp(share, shares, [row[1] for row in table]))


class Market:
    """Prices at one node, the same for all areas.

    Args:
        start_ms: first instant of the run, ms.
        seed: the world's seed.
        zone_name: IANA zone of the market's days.
    """

    def __init__(self, start_ms: int, seed: int, zone_name: str) -> None:
        self._zone = zone_name
        self._seed = seed
        self._first_day = local(start_ms, zone_name).date()
        self._level: dict[date, float] = {}
        self._days: dict[date, tuple[int, Floats, Floats]] = {}

    def _midnight_ms(self, day: date) -> int:
        return to_ms(datetime.combine(day, time(), zone(self._zone)))

    def _day_level(self, day: date) -> float:
        """Logarithm of a day's level: an autoregression from the run's first day on."""
        if day not in self._level:
            dice = self._dice("level", day)
            draw = float(dice.standard_normal()) * DAY_SPREAD
            if day <= self._first_day:
                self._level[day] = 0.5 * draw
            else:
                before = self._day_level(day - timedelta(days=1))
                self._level[day] = DAY_MEMORY * before + (1.0 - DAY_MEMORY**2) ** 0.5 * draw
        return self._level[day]

    def _dice(self, what: str, day: date) -> np.random.Generator:
        return np.random.default_rng(entity_seed(self._seed, "market", what, day.isoformat()))

    def _day(self, day: date) -> tuple[int, Floats, Floats]:
        """Midnight, day-ahead hours and real-time intervals of a local day of 23 to 25 h."""
        if day not in self._days:
            first_ms = self._midnight_ms(day)
            hours = (self._midnight_ms(day + timedelta(days=1)) - first_ms) // HOUR_MS
            local_hours = [local(first_ms + k * HOUR_MS, self._zone).hour for k in range(hours)]
            ahead = self._ahead(day, local_hours)
            self._days[day] = (first_ms, ahead, self._real_time(day, ahead, local_hours))
        return self._days[day]

    def _ahead(self, day: date, local_hours: list[int]) -> Floats:
        shape = SHAPE[6 <= day.month <= 9, day.weekday() >= 5]
        draws = self._dice("ahead", day).standard_normal(len(local_hours))
        wobble = _remember(draws, HOUR_MEMORY) * HOUR_SPREAD
        level = DAY_MEDIAN_USD * np.exp(self._day_level(day))
        return np.asarray(level * np.array([shape[h] for h in local_hours]) * np.exp(wobble))

    def _real_time(self, day: date, ahead: Floats, local_hours: list[int]) -> Floats:
        dice = self._dice("real-time", day)
        count = len(local_hours) * (HOUR_MS // STEP_MS)
        fast = _remember(dice.standard_normal(count), float(np.exp(-1.0 / FAST_STEPS)))
        slow = _remember(dice.standard_normal(count), float(np.exp(-1.0 / SLOW_STEPS)))
        wobble = FAST_SHARE**0.5 * fast + (1.0 - FAST_SHARE) ** 0.5 * slow
        prices: Floats = np.repeat(ahead, 12) * np.exp(RATIO_MEDIAN + RATIO_SPREAD * wobble)
        negative_odds = NEGATIVE_RUNS_A_DAY / 288.0 / float(np.mean(NEGATIVE_HOURS))
        for k in range(count):
            hour = local_hours[k // 12]
            spike, negative = dice.random(2)
            if negative < NEGATIVE_HOURS[hour] * negative_odds:
                length = round(_quantile(NEGATIVE_STEPS, dice.random()))
                low = _quantile(NEGATIVE_QUANTILES, dice.random())
                prices[k : k + length] = low * dice.uniform(0.5, 1.0, len(prices[k : k + length]))
            if spike < SPIKES_A_DAY * SPIKE_HOURS[hour] / 12.0:
                length = self._spike_steps(dice)
                high = _quantile(SPIKE_QUANTILES, dice.random())
                size = len(prices[k : k + length])
                prices[k : k + length] = 200.0 + (high - 200.0) * dice.uniform(0.3, 1.0, size)
                prices[k] = high
        return prices

    @staticmethod
    def _spike_steps(dice: np.random.Generator) -> int:
        roll = dice.random()
        for steps, share in SPIKE_STEPS:
            if roll < share:
                return steps
        return int(dice.integers(*SPIKE_TAIL_STEPS))

    def price_usd_per_mwh(self, at_ms: int) -> float:
        """Real-time price of the five minutes that hold an instant, USD/MWh."""
        first_ms, _, prices = self._day(local(at_ms, self._zone).date())
        return float(prices[(at_ms - first_ms) // STEP_MS])

    def ahead_usd_per_mwh(self, at_ms: int) -> tuple[float, ...]:
        """Published day-ahead prices from the next full hour on, USD/MWh."""
        moment = local(at_ms, self._zone)
        days = [moment.date()]
        if moment.hour >= PUBLISHED_AT_H:
            days.append(days[0] + timedelta(days=1))
        first_ms = self._midnight_ms(days[0])
        hours = np.concatenate([self._day(day)[1] for day in days])
        return tuple(hours[(at_ms - first_ms) // HOUR_MS + 1 :].round(2).tolist())


def _remember(draws: Floats, memory: float) -> Floats:
    """A stationary first-order autoregression of unit variance from standard normal draws."""
    values = np.empty_like(draws)
    kick = (1.0 - memory * memory) ** 0.5
    value = draws[0]
    for k, draw in enumerate(draws):
        value = draw if k == 0 else memory * value + kick * draw
        values[k] = value
    return values
