"""What the end-users want: daily and weekly shapes by load class, with smooth noise.

Demand exists whether it is served or not; what a meter reads is in `meters`. The working day's
shapes are those of `fleet.profiles`, so that a generated fleet's limits fit its demand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gridmuster.clock import local
from gridmuster.fleet.model import Fleet, LoadClass
from gridmuster.fleet.profiles import HOURLY_SHARE
from gridmuster.simulator.market_data import MeterSeries
from gridmuster.simulator.noise import Floats, OrnsteinUhlenbeck, entity_seed, refine
from gridmuster.simulator.scenario import DemandStep, Moment

KNOT_S: Final = 60
GRID_S: Final = 4
#: The smooth noise forgets within this time, s (K).
MEMORY_S: Final = 1200.0

#: Saturday's or Sunday's demand as a share of the working day's. Commercial: 44 buildings of the
#: Cambridge archive 2018-2019 (median 0.82); the others from trade knowledge.
WEEKEND: Final[dict[LoadClass, float]] = {
    LoadClass.RESIDENTIAL: 1.02,
    LoadClass.COMMERCIAL: 0.82,
    LoadClass.INDUSTRIAL: 0.78,
    LoadClass.TELECOM: 0.97,
    LoadClass.WATER: 0.98,
    LoadClass.HEALTH: 0.88,
}
#: Standard deviation of the smooth noise, share of the demand of the hour (K; a block of homes
#: or a building, not a single household).
SPREAD: Final[dict[LoadClass, float]] = {
    LoadClass.RESIDENTIAL: 0.03,
    LoadClass.COMMERCIAL: 0.025,
    LoadClass.INDUSTRIAL: 0.03,
    LoadClass.TELECOM: 0.015,
    LoadClass.WATER: 0.03,
    LoadClass.HEALTH: 0.02,
}
#: The noise never moves demand by more than this many standard deviations.
CAP: Final = 2.5


def expected_share(load_class: LoadClass, hour: float, weekend: bool) -> float:
    """Expected demand as a share of peak; the hourly values stand in the middle of their hours.

    Args:
        load_class: kind of end-user.
        hour: local hour of day, 0 <= hour < 24.
        weekend: Saturday or Sunday.
    """
    values = HOURLY_SHARE[load_class]
    position = (hour - 0.5) % 24.0
    k = int(position)
    share = values[k] + (values[(k + 1) % 24] - values[k]) * (position - k)
    return share * WEEKEND[load_class] if weekend else share


class Demand:
    """Demand of every end-user on the world's grid of `GRID_S`.

    Args:
        fleet: whose end-users.
        seed: the world's seed.
        first_ms: first instant that will be asked for, ms.
        start_ms: the run's first instant, ms.
        timeline: the scenario's moments; demand steps count here.
        recorded: demand to use instead of the shapes.
    """

    def __init__(
        self,
        fleet: Fleet,
        seed: int,
        first_ms: int,
        start_ms: int,
        timeline: tuple[Moment, ...],
        recorded: MeterSeries | None,
    ) -> None:
        users = fleet.end_users
        zones = [fleet.site_by_id[user.site].time_zone for user in users]
        kinds = [(user.load_class, zone) for user, zone in zip(users, zones, strict=True)]
        self._kinds = list(dict.fromkeys(kinds))
        self._kind = np.array([self._kinds.index(kind) for kind in kinds], np.int64)
        self._peaks = np.array([user.peak_kw for user in users], np.float64)
        self._spreads = np.array([SPREAD[user.load_class] for user in users], np.float64)
        seeds = [entity_seed(seed, "demand", user.id) for user in users]
        self._noise = OrnsteinUhlenbeck(seeds, KNOT_S, MEMORY_S, first_ms)
        index = {user.id: k for k, user in enumerate(users)}
        self._steps = [
            (index[moment.event.end_user], moment.at_ms, moment.until_ms, moment.event.factor)
            for moment in timeline
            if moment.begins
            and moment.until_ms is not None
            and isinstance(moment.event, DemandStep)
        ]
        self._recorded = recorded
        if recorded is not None:
            self._assigned = recorded.assigned(fleet)
            self._offset_ms = recorded.offset_ms(start_ms, fleet.sites[0].time_zone)

    def chunk(self, start_ms: int, end_ms: int) -> Floats:
        """Demand at every `GRID_S` from start to end, both included, kW: (times, end-users)."""
        wobble = refine(self._noise.advance(end_ms), KNOT_S // GRID_S)
        factor = 1.0 + self._spreads * np.clip(wobble, -CAP, CAP)
        times_ms = np.arange(start_ms, end_ms + 1, GRID_S * 1000, dtype=np.float64)
        demand = np.asarray(self._expected(start_ms, end_ms, times_ms) * factor)
        for k, first_ms, last_ms, multiple in self._steps:
            demand[(times_ms >= first_ms) & (times_ms < last_ms), k] *= multiple
        return demand

    def _expected(self, start_ms: int, end_ms: int, times_ms: Floats) -> Floats:
        columns = np.empty((len(times_ms), len(self._kinds)))
        for k, kind in enumerate(self._kinds):
            columns[:, k] = _line(*kind, start_ms, end_ms, len(times_ms))
        expected = np.asarray(columns[:, self._kind] * self._peaks)
        if self._recorded is not None:
            recorded = self._recorded.at(times_ms + self._offset_ms)
            for k, (meter, scale) in enumerate(self._assigned):
                if meter >= 0:
                    expected[:, k] = recorded[:, meter] * scale
        return expected


def _line(load_class: LoadClass, zone: str, start_ms: int, end_ms: int, count: int) -> Floats:
    ends = []
    for at_ms in (start_ms, end_ms):
        moment = local(at_ms, zone)
        hour = moment.hour + moment.minute / 60.0 + moment.second / 3600.0
        ends.append(expected_share(load_class, hour, moment.weekday() >= 5))
    return np.linspace(ends[0], ends[1], count)
