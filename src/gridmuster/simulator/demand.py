"""What the end-users want: daily and weekly shapes by load class, with smooth noise.

Demand exists whether it is served or not; what a meter reads is in `meters`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gridmuster.clock import local
from gridmuster.fleet.model import EndUser, Fleet, LoadClass
from gridmuster.simulator.noise import Floats, OrnsteinUhlenbeck, entity_seed, refine

KNOT_S: Final = 60
GRID_S: Final = 4
MEMORY_S: Final = 1200.0

#: Share of peak by local hour (value at the full hour, straight lines between), working day.
WEEKDAY: Final[dict[LoadClass, tuple[float, ...]]] = {
    LoadClass.RESIDENTIAL: (
        0.46,
        0.40,
        0.37,
        0.35,
        0.34,
        0.36,
        0.42,
        0.46,
        0.46,
        0.46,
        0.48,
        0.51,
        0.55,
        0.59,
        0.63,
        0.68,
        0.75,
        0.83,
        0.90,
        0.92,
        0.90,
        0.86,
        0.75,
        0.58,
    ),
    LoadClass.COMMERCIAL: (
        0.40,
        0.39,
        0.38,
        0.38,
        0.39,
        0.43,
        0.52,
        0.65,
        0.77,
        0.84,
        0.88,
        0.90,
        0.90,
        0.91,
        0.91,
        0.90,
        0.87,
        0.81,
        0.74,
        0.68,
        0.60,
        0.52,
        0.46,
        0.42,
    ),
    LoadClass.INDUSTRIAL: (
        0.66,
        0.65,
        0.65,
        0.65,
        0.66,
        0.70,
        0.80,
        0.88,
        0.90,
        0.91,
        0.91,
        0.90,
        0.88,
        0.90,
        0.91,
        0.90,
        0.86,
        0.80,
        0.77,
        0.76,
        0.75,
        0.73,
        0.70,
        0.68,
    ),
    LoadClass.TELECOM: (
        0.76,
        0.74,
        0.73,
        0.72,
        0.72,
        0.73,
        0.75,
        0.78,
        0.81,
        0.83,
        0.85,
        0.87,
        0.88,
        0.89,
        0.90,
        0.91,
        0.92,
        0.92,
        0.92,
        0.92,
        0.91,
        0.89,
        0.85,
        0.80,
    ),
    LoadClass.WATER: (
        0.52,
        0.48,
        0.46,
        0.46,
        0.50,
        0.62,
        0.80,
        0.90,
        0.88,
        0.82,
        0.76,
        0.72,
        0.70,
        0.68,
        0.68,
        0.70,
        0.76,
        0.84,
        0.90,
        0.90,
        0.84,
        0.76,
        0.66,
        0.58,
    ),
    LoadClass.HEALTH: (
        0.62,
        0.61,
        0.60,
        0.60,
        0.61,
        0.64,
        0.71,
        0.79,
        0.86,
        0.90,
        0.92,
        0.92,
        0.92,
        0.92,
        0.92,
        0.91,
        0.88,
        0.84,
        0.80,
        0.77,
        0.74,
        0.70,
        0.66,
        0.64,
    ),
}
#: Share of the working day's demand on a Saturday or Sunday.
WEEKEND: Final[dict[LoadClass, float]] = {
    LoadClass.RESIDENTIAL: 1.02,
    LoadClass.COMMERCIAL: 0.72,
    LoadClass.INDUSTRIAL: 0.78,
    LoadClass.TELECOM: 0.97,
    LoadClass.WATER: 0.98,
    LoadClass.HEALTH: 0.88,
}
#: Standard deviation of the smooth noise, share of the demand of the hour.
SPREAD: Final[dict[LoadClass, float]] = {
    LoadClass.RESIDENTIAL: 0.03,
    LoadClass.COMMERCIAL: 0.025,
    LoadClass.INDUSTRIAL: 0.03,
    LoadClass.TELECOM: 0.015,
    LoadClass.WATER: 0.03,
    LoadClass.HEALTH: 0.02,
}


def shape(load_class: LoadClass, hour: float, weekend: bool) -> float:
    """Expected share of peak.

    Args:
        load_class: kind of end-user.
        hour: local hour of day, 0 <= hour < 24.
        weekend: Saturday or Sunday.
    """
    values = WEEKDAY[load_class]
    k = int(hour)
    share = values[k] + (values[(k + 1) % 24] - values[k]) * (hour - k)
    return share * WEEKEND[load_class] if weekend else share


class Demand:
    """Demand of every end-user on the world's grid of `GRID_S`.

    Args:
        fleet: whose end-users.
        seed: the world's seed.
        first_ms: first instant that will be asked for, ms.
    """

    def __init__(self, fleet: Fleet, seed: int, first_ms: int) -> None:
        self.users: tuple[EndUser, ...] = fleet.end_users
        self._zones = [fleet.site_by_id[user.site].time_zone for user in self.users]
        self._peaks = np.array([user.peak_kw for user in self.users], np.float64)
        self._spreads = np.array([SPREAD[user.load_class] for user in self.users], np.float64)
        seeds = [entity_seed(seed, "demand", user.id) for user in self.users]
        self._noise = OrnsteinUhlenbeck(seeds, KNOT_S, MEMORY_S, first_ms)

    def chunk(self, start_ms: int, end_ms: int) -> Floats:
        """Demand at every `GRID_S` from start to end, both included, kW: (times, end-users)."""
        wobble = refine(self._noise.advance(end_ms), KNOT_S // GRID_S)
        shares: dict[tuple[LoadClass, str], Floats] = {}
        expected = np.empty_like(wobble)
        for k, user in enumerate(self.users):
            key = (user.load_class, self._zones[k])
            column = shares.get(key)
            if column is None:
                column = shares[key] = self._expected(*key, start_ms, end_ms)
            expected[:, k] = column
        factor = np.clip(1.0 + self._spreads * wobble, 0.5, 1.5)
        return np.asarray(expected * factor * self._peaks)

    @staticmethod
    def _expected(load_class: LoadClass, zone: str, start_ms: int, end_ms: int) -> Floats:
        ends = []
        for at_ms in (start_ms, end_ms - 1):
            moment = local(at_ms, zone)
            hour = moment.hour + moment.minute / 60.0 + moment.second / 3600.0
            ends.append(shape(load_class, hour, moment.weekday() >= 5))
        count = (end_ms - start_ms) // (GRID_S * 1000) + 1
        return np.linspace(ends[0], ends[1], count)
