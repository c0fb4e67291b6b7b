"""What a forecast of single intervals may know: one row an interval, all of it by its issue."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.asking import REFERENCES, Asks
from gridmuster.forecast.market.history import Column, Floats, Ints, MarketHistory
from gridmuster.forecast.market.wallclock import (
    EPOCH_ORDINAL,
    MS_PER_DAY,
    instants_of,
    wall_clock_of,
)
from gridmuster.units import MS_PER_HOUR

#: Days looked back over for the same time of day.
WEEK = 7
#: Means over the last hours, h.
SPANS_H = (3, 24)
#: Newest intervals of a column finer than the target that are looked at one by one.
NEWEST = 3
#: Rows worked on at once: keeps the tables of lags small.
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Features:
    """Inputs of the forecasts of single intervals.

    Args:
        names: of the columns.
        matrix: ``(rows, columns)``; not-a-number where something is not known.
        reference: what the target is measured against, ``(rows,)``: the price published ahead, or
            the newest known day's value at the same time.
        latest: newest known value of the target, ``(rows,)``.
        week_ago, day_ago: the value 7 days and 1 day before (or the next multiple that was
            known), ``(rows,)``.
    """

    names: tuple[str, ...]
    matrix: Floats
    reference: Floats
    latest: Floats
    week_ago: Floats
    day_ago: Floats


def features(history: MarketHistory, target: str, asks: Asks) -> Features:
    """Lay out what is known for each interval asked.

    Args:
        history: of an area.
        target: column to forecast.
        asks: the intervals, and when each is forecast.
    """
    lots = []
    for begin in range(0, max(len(asks), 1), CHUNK):
        part = Asks(asks.issue_ms[begin : begin + CHUNK], asks.start_ms[begin : begin + CHUNK])
        with warnings.catch_warnings():
            # Means of nothing known are not-a-number, as they should be.
            warnings.simplefilter("ignore", RuntimeWarning)
            lots.append(_Maker(history, target, part).features())
    return Features(
        lots[0].names,
        *(
            np.concatenate([getattr(lot, name) for lot in lots])
            for name in ("matrix", "reference", "latest", "week_ago", "day_ago")
        ),
    )


class _Maker:
    """Makes the features of one lot of rows."""

    def __init__(self, history: MarketHistory, target: str, asks: Asks) -> None:
        self.history, self.target, self.asks = history, target, asks
        self.column = history.column(target)
        self.parts: dict[str, Floats] = {}

    def features(self) -> Features:
        asks = self.asks
        wall = wall_clock_of(asks.start_ms, self.history.zone)
        self.parts["lead_h"] = (asks.start_ms - asks.issue_ms) / MS_PER_HOUR
        self.parts["minute"] = wall.minute.astype(float)
        self.parts["weekday"] = wall.weekday.astype(float)
        turn = 2.0 * np.pi * (wall.day - EPOCH_ORDINAL) / 365.25
        self.parts["season_sin"], self.parts["season_cos"] = np.sin(turn), np.cos(turn)
        latest_ms = self.column.latest_ms(asks.issue_ms)
        same = self.same_time(self.column)
        latest = self.at(self.column, latest_ms)
        day_ago = np.where(np.isfinite(same[:, 0]), same[:, 0], same[:, 1])
        week_ago = np.where(np.isfinite(same[:, WEEK - 1]), same[:, WEEK - 1], day_ago)
        self.past("own", self.column, latest_ms)
        self.parts["own_day_ago"], self.parts["own_week_ago"] = day_ago, week_ago
        self.parts["own_usual"] = np.nanmean(same, axis=1)
        published = self.published()
        if published is not None:
            self.spread(published, latest_ms, same)
        day_ms = instants_of(wall.day, np.zeros(len(asks), np.int64), self.history.zone)
        for name, column in self.history.columns.items():
            if name == self.target:
                continue
            if column.ahead:
                self.ahead(name, column, day_ms)
            else:
                newest_ms = column.latest_ms(asks.issue_ms)
                self.past(name, column, newest_ms)
                if column.step_s < self.column.step_s:
                    self.newest(name, column, newest_ms)
        usual = np.where(np.isfinite(day_ago), day_ago, week_ago)
        reference = usual
        if published is not None:
            told = self.at(published, asks.start_ms)
            reference = np.where(np.isfinite(told), told, usual)
        matrix = np.stack(list(self.parts.values()), axis=1)
        return Features(tuple(self.parts), matrix, reference, latest, week_ago, day_ago)

    def published(self) -> Column | None:
        """What the target is measured against, if the market publishes it."""
        found = self.history.columns.get(REFERENCES.get(self.target, ""))
        return found if found is not None and found.ahead else None

    def at(self, column: Column, at_ms: Ints) -> Floats:
        """Values at instants as known at each row's issue; ``(rows,)`` or ``(rows, lags)``."""
        issue_ms = self.asks.issue_ms
        return column.gather(at_ms, issue_ms if at_ms.ndim == 1 else issue_ms[:, None])

    def same_time(self, column: Column) -> Floats:
        """The same time on the seven days before, ``(rows, 7)``."""
        lags = np.arange(1, WEEK + 1, dtype=np.int64) * MS_PER_DAY
        return self.at(column, self.asks.start_ms[:, None] - lags)

    def back(self, column: Column, latest_ms: Ints, hours: int) -> Floats:
        """All values of the last hours before the newest, ``(rows, intervals)``."""
        # Long spans of fine columns are looked at by the hour.
        count = max(1, hours * MS_PER_HOUR // column.step_ms)
        stride = max(1, count // 24)
        lags = np.arange(0, count, stride, dtype=np.int64) * column.step_ms
        return self.at(column, latest_ms[:, None] - lags)

    def past(self, name: str, column: Column, latest_ms: Ints) -> None:
        """The newest value and what the last hours were like."""
        self.parts[f"{name}_latest"] = self.at(column, latest_ms)
        for hours in SPANS_H:
            self.parts[f"{name}_{hours}h"] = np.nanmean(self.back(column, latest_ms, hours), axis=1)
        day = self.back(column, latest_ms, 24)
        self.parts[f"{name}_24h_std"] = np.nanstd(day, axis=1)

    def newest(self, name: str, column: Column, latest_ms: Ints) -> None:
        """The newest values one by one, and the range of the last hour."""
        hour = self.back(column, latest_ms, 1)
        for number in range(min(NEWEST, hour.shape[1])):
            self.parts[f"{name}_newest_{number}"] = hour[:, number]
        self.parts[f"{name}_1h"] = np.nanmean(hour, axis=1)
        self.parts[f"{name}_1h_high"] = np.nanmax(hour, axis=1)
        self.parts[f"{name}_1h_low"] = np.nanmin(hour, axis=1)

    def spread(self, published: Column, latest_ms: Ints, same: Floats) -> None:
        """How the target has lain against what was published of it."""
        away = self.at(self.column, latest_ms) - self.at(published, latest_ms)
        self.parts["spread_latest"] = away
        for hours in SPANS_H:
            both = self.back(self.column, latest_ms, hours)
            lags = self.back(published, latest_ms, hours)
            # Both columns are looked at on the target's own intervals.
            if both.shape == lags.shape and published.step_s == self.column.step_s:
                self.parts[f"spread_{hours}h"] = np.nanmean(both - lags, axis=1)
        told = self.same_time(published)
        self.parts["spread_day_ago"] = same[:, 0] - told[:, 0]
        self.parts["spread_two_days_ago"] = same[:, 1] - told[:, 1]
        self.parts["spread_usual"] = np.nanmedian(same - told, axis=1)

    def ahead(self, name: str, column: Column, day_ms: Ints) -> None:
        """What is published of the interval itself, its neighbours and its day."""
        start_ms = self.asks.start_ms
        here = self.at(column, start_ms)
        self.parts[name] = here
        self.parts[f"{name}_before"] = self.at(column, start_ms - MS_PER_HOUR) - here
        self.parts[f"{name}_after"] = self.at(column, start_ms + MS_PER_HOUR) - here
        hours = np.arange(24, dtype=np.int64) * MS_PER_HOUR
        day = self.at(column, day_ms[:, None] + hours)
        self.parts[f"{name}_day"] = np.nanmean(day, axis=1)
        self.parts[f"{name}_day_range"] = np.nanmax(day, axis=1) - np.nanmin(day, axis=1)
        self.parts[f"{name}_rank"] = (day < here[:, None]).mean(axis=1)
        self.parts[f"{name}_day_ago"] = here - self.at(column, start_ms - MS_PER_DAY)
        self.parts[f"{name}_week_ago"] = here - self.at(column, start_ms - WEEK * MS_PER_DAY)
