"""Which intervals are forecast, and when each forecast is issued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import NEVER, Ints, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY, instants_of, wall_clock_of
from gridmuster.units import MS_PER_HOUR

Horizon = Literal["1h", "24h"]
HORIZONS: tuple[Horizon, ...] = ("1h", "24h")

#: What a target is measured against when its market publishes it ahead.
REFERENCES = {
    "rt_price": "da_price",
    "demand": "load_forecast",
    "sun": "sun_forecast",
    "wind": "wind_forecast",
}


@dataclass(frozen=True, slots=True)
class Asks:
    """Intervals to forecast, one row each, by rising issue.

    Args:
        issue_ms: when each is forecast, ms.
        start_ms: start of the interval, ms.
    """

    issue_ms: Ints
    start_ms: Ints

    def __len__(self) -> int:
        return len(self.start_ms)

    def where(self, keep: NDArray[np.bool_]) -> Asks:
        """Some of the rows."""
        return Asks(self.issue_ms[keep], self.start_ms[keep])

    def lots(self) -> list[slice]:
        """The rows of each issue, in order."""
        edges = np.flatnonzero(np.diff(self.issue_ms)) + 1
        ends = [*edges.tolist(), len(self)]
        return [slice(a, b) for a, b in zip([0, *edges.tolist()], ends, strict=True) if b > a]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Forecasts of one target that are issued again and again.

    Args:
        target: a column of the history.
        horizon: ``1h``: at each full hour, the intervals of the hour that begins. ``24h``: once a
            day all of the next local day; day-ahead prices as their auction closes, everything
            else as soon as the day-ahead prices are out (as the auction closes, where there are
            none).
    """

    target: str
    horizon: Horizon

    def asks(self, history: MarketHistory, from_ms: int, to_ms: int) -> Asks:
        """Rows whose intervals begin in a span.

        Args:
            history: of the area.
            from_ms: first start, ms.
            to_ms: end of the span, ms.

        Raises:
            PlanningError: when the target is unknown or its step does not divide the hour.
        """
        column = history.column(self.target)
        step_ms = column.step_ms
        if MS_PER_HOUR % step_ms:
            raise PlanningError(f"{self.target}: step {column.step_s} s does not divide the hour")
        first = -(-max(from_ms, column.start_ms) // step_ms) * step_ms
        start_ms = np.arange(first, min(to_ms, column.end_ms), step_ms, dtype=np.int64)
        if self.horizon == "1h":
            issue_ms = start_ms // MS_PER_HOUR * MS_PER_HOUR
        else:
            days, where = np.unique(wall_clock_of(start_ms, history.zone).day, return_inverse=True)
            issue_ms = issues_of_days(history, self.target, days)[where]
        return Asks(issue_ms, start_ms)


@dataclass(frozen=True, slots=True)
class Repeated:
    """One wish and the same wish at earlier times, to learn from.

    Args:
        target: a column of the history.
        issue_ms: when the forecast is issued, ms.
        starts_ms: starts of the intervals wanted, ms.
        every_ms: how long before each wish the one before it was, ms: a day, or for the next few
            hours an hour.
    """

    target: str
    issue_ms: int
    starts_ms: Ints
    every_ms: int = MS_PER_DAY

    def asks(self, history: MarketHistory, from_ms: int, to_ms: int) -> Asks:
        """The wishes whose first interval begins in a span, by rising issue."""
        first = int(self.starts_ms.min())
        back = max(0, (first - max(from_ms, history.column(self.target).start_ms)) // self.every_ms)
        ahead = 0 if first < to_ms else -(-(first + 1 - to_ms) // self.every_ms)
        shifts = np.arange(-back, 1 - ahead, dtype=np.int64) * self.every_ms
        issue_ms = np.repeat(self.issue_ms + shifts, len(self.starts_ms))
        return Asks(issue_ms, (shifts[:, None] + self.starts_ms).ravel())


AskSchedule = Schedule | Repeated


def issues_of_days(history: MarketHistory, target: str, days: Ints) -> Ints:
    """When forecasts of whole local days are issued, ms; see `Schedule`."""
    closes = instants_of(days - 1, np.full(len(days), history.closes_min), history.zone)
    ahead = history.columns.get("da_price")
    if target == "da_price" or ahead is None:
        return closes
    noon = instants_of(days, np.full(len(days), 720), history.zone)
    number, inside = ahead.index(noon)
    known = np.where(inside, ahead.known_ms[number], NEVER)
    midnight = instants_of(days, np.zeros(len(days), np.int64), history.zone)
    # Where a day's prices are missing, the issue is as long before midnight as on other days.
    usual = midnight[known != NEVER] - known[known != NEVER]
    if not len(usual):
        return closes
    return np.where(known == NEVER, midnight - int(np.median(usual)), known)
