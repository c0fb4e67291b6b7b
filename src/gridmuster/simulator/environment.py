"""Everything from outside that moves by itself, as rows on a fixed grid of 4 s.

Rows are made in advance, a quarter of an hour at a time, so that a step costs one list look-up.
Between rows values run straight, so that a step's mean is the mean of its ends.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gridmuster.fleet.model import Fleet
from gridmuster.simulator.demand import Demand
from gridmuster.simulator.market_data import MeterSeries
from gridmuster.simulator.noise import Floats, OrnsteinUhlenbeck, entity_seed, refine
from gridmuster.simulator.scenario import Moment
from gridmuster.simulator.weather import Weather

GRID_MS: Final = 4_000
CHUNK_MS: Final = 900_000
#: The utility's frequency: spread as a share of nominal and memory, from 8,928 five-minute
#: samples at the University of Queensland's battery, January 2022 (0.0163 Hz of 50; correlation
#: 0.458 after 300 s).
FREQUENCY_SPREAD: Final = 0.0163 / 50.0
FREQUENCY_MEMORY_S: Final = 384.0
FREQUENCY_KNOT_S: Final = 12

Row = list[float]


class _Sums:
    """Sums end-users into columns, in the order of the end-users.

    Args:
        into: column of each end-user.
        columns: how many there are.
    """

    def __init__(self, into: list[int], columns: int) -> None:
        self._columns = columns
        self._order = np.argsort(np.array(into, np.int64), kind="stable")
        self._filled, self._firsts = np.unique(
            np.array(into, np.int64)[self._order], return_index=True
        )

    def of(self, users: Floats) -> Floats:
        """The columns; users and result by times and what is summed."""
        found = np.zeros((len(users), self._columns))
        if len(self._filled):
            found[:, self._filled] = np.add.reduceat(users[:, self._order], self._firsts, axis=1)
        return found


class Environment:
    """Demand, weather and the utility's frequency.

    A row holds the protected demand of every site, then the other demand of every area, then what
    every panel array and turbine could give, kW, and last how far the utility's frequency is off
    its nominal value, as a share.

    Args:
        fleet: whose.
        start_ms: the world's first instant, ms.
        seed: the world's seed.
        timeline: the scenario's moments.
        recorded: demand to use instead of the seeded end-users'.
    """

    def __init__(
        self,
        fleet: Fleet,
        start_ms: int,
        seed: int,
        timeline: tuple[Moment, ...] = (),
        recorded: MeterSeries | None = None,
    ) -> None:
        first_ms = start_ms - start_ms % CHUNK_MS
        self._demand = Demand(fleet, seed, first_ms, start_ms, timeline, recorded)
        self._weather = Weather(fleet, seed, first_ms, timeline)
        self._frequency = OrnsteinUhlenbeck(
            [entity_seed(seed, "frequency")], FREQUENCY_KNOT_S, FREQUENCY_MEMORY_S, first_ms
        )
        sites = {site.id: k for k, site in enumerate(fleet.sites)}
        areas = {area.id: len(sites) + k for k, area in enumerate(fleet.areas)}
        base = len(sites) + len(areas)
        into = [
            sites[user.site] if user.behind_transfer else areas[fleet.site_by_id[user.site].area]
            for user in fleet.end_users
        ]
        self._sums = _Sums(into, base)
        self.column = {device: base + k for k, device in enumerate(self._weather.ids)}
        self.user_index = {user.id: k for k, user in enumerate(fleet.end_users)}
        self._energy = np.zeros(len(fleet.end_users))
        # Rows as lists, made when first asked for: a long step asks for few of them.
        self._users: list[Row | None] = []
        self._counts: list[Row | None] = []
        self._rows: list[Row | None] = []
        self._user_table: Floats = np.empty((0, 0))
        self._count_table: Floats = np.empty((0, 0))
        self._table: Floats = np.empty((0, 0))
        self._integral: Floats = np.empty((0, 0))
        self._sums_chunk_ms = -1
        self._chunk_ms = first_ms - CHUNK_MS
        self._load(first_ms)

    def _load(self, chunk_ms: int) -> None:
        end_ms = chunk_ms + CHUNK_MS
        users = self._demand.chunk(chunk_ms, end_ms)
        weather = self._weather.chunk(chunk_ms, end_ms)
        knots = self._frequency.advance(end_ms) * FREQUENCY_SPREAD
        slips = refine(knots, FREQUENCY_KNOT_S * 1000 // GRID_MS)
        self._table = np.concatenate([self._sums.of(users), weather, slips], axis=1)
        self._rows = [None] * len(self._table)
        self._user_table = users
        self._users = [None] * len(users)
        steps = 0.5 * (users[1:] + users[:-1]) * (GRID_MS / 3_600_000)
        counts = np.concatenate([self._energy[np.newaxis], steps]).cumsum(axis=0)
        self._energy = counts[-1]
        self._count_table = counts
        self._counts = [None] * len(counts)
        self._chunk_ms = chunk_ms

    def row(self, at_ms: int) -> Row:
        """The row of an instant; instants must not go back over a quarter of an hour."""
        offset = at_ms - self._chunk_ms
        while offset > CHUNK_MS:
            self._load(self._chunk_ms + CHUNK_MS)
            offset = at_ms - self._chunk_ms
        k, rest = divmod(offset, GRID_MS)
        first = self._rows[k]
        if first is None:
            first = self._rows[k] = self._table[k].tolist()
        if not rest:
            return first
        share = rest / GRID_MS
        last = self._rows[k + 1]
        if last is None:
            last = self._rows[k + 1] = self._table[k + 1].tolist()
        return [a + (b - a) * share for a, b in zip(first, last, strict=True)]

    def mean(self, from_ms: int, until_ms: int) -> Row:
        """The mean row of a time within one quarter of an hour.

        Args:
            from_ms: its beginning, ms.
            until_ms: its end, ms.
        """
        if self._sums_chunk_ms != (from_ms - from_ms % CHUNK_MS):
            self.row(from_ms + 1)
            table = self._table
            steps = 0.5 * (table[1:] + table[:-1])
            self._integral = np.concatenate([np.zeros((1, table.shape[1])), steps.cumsum(axis=0)])
            self._sums_chunk_ms = self._chunk_ms
        span = (until_ms - from_ms) / GRID_MS
        whole: Row = ((self._until(until_ms) - self._until(from_ms)) / span).tolist()
        return whole

    def _until(self, at_ms: int) -> Floats:
        """Integral of the rows from the chunk's beginning to an instant in it, in steps."""
        k, rest = divmod(at_ms - self._chunk_ms, GRID_MS)
        found: Floats = self._integral[k]
        if rest:
            share = rest / GRID_MS
            low, high = self._table[k], self._table[k + 1]
            found = found + share * (low + 0.5 * share * (high - low))
        return found

    def demand_kw(self, user: int, at_ms: int) -> float:
        """What an end-user wants at an instant of the present quarter of an hour, kW."""
        k, rest = divmod(max(0, min(at_ms - self._chunk_ms, CHUNK_MS)), GRID_MS)
        value = self._user_row(k)[user]
        if rest:
            value += (self._user_row(k + 1)[user] - value) * rest / GRID_MS
        return value

    def _user_row(self, k: int) -> Row:
        row = self._users[k]
        if row is None:
            row = self._users[k] = self._user_table[k].tolist()
        return row

    def demand_kwh(self, user: int, at_ms: int) -> float:
        """What an end-user has wanted since the first row, kWh."""
        k, rest = divmod(at_ms - self._chunk_ms, GRID_MS)
        counts = self._counts[k]
        if counts is None:
            counts = self._counts[k] = self._count_table[k].tolist()
        energy = counts[user]
        if rest:
            first = self._user_row(k)[user]
            last = first + (self._user_row(k + 1)[user] - first) * rest / GRID_MS
            energy += 0.5 * (first + last) * rest / 3_600_000
        return energy
