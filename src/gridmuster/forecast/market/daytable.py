"""Markets by the day: a row a local day, a column an hour, as known when the day was forecast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.asking import issues_of_days
from gridmuster.forecast.market.history import Column, Floats, Ints, MarketHistory, coarser
from gridmuster.forecast.market.wallclock import instants_of, wall_clock_of

HOURS = 24
#: Days before the day forecast whose prices and inputs are looked at (Lago et al. 2021, sec. 4.2).
PRICE_LAGS = (1, 2, 3, 7)
INPUT_LAGS = (0, 1, 7)
WEEK = 7


@dataclass(frozen=True, slots=True)
class DayTable:
    """Days to forecast, and what was known of the days around when each was.

    Args:
        days: proleptic ordinals, consecutive.
        issue_ms: when each day is forecast, ms.
        inputs: ``(days, columns)``: prices of the last days, known inputs, the day of the week
            in the last seven columns.
        blocks: for each column which block it belongs to: lag of the price (1 ..) or minus lag of
            an input (0 ..); 100 for days of the week.
        hours_ms: ``(days, 24)`` an instant inside each hour, ms.
        target: hourly column that is forecast.
    """

    days: Ints
    issue_ms: Ints
    inputs: Floats
    blocks: Ints
    hours_ms: Ints
    target: Column

    def outcomes(self, rows: slice, at_ms: int) -> Floats:
        """What is known at an instant of the target on some days, ``(rows, 24)``."""
        return self.target.gather(self.hours_ms[rows], np.array(at_ms))

    def row_of(self, start_ms: Ints, zone_name: str) -> tuple[Ints, Ints]:
        """Day row and hour of instants."""
        wall = wall_clock_of(start_ms, zone_name)
        return wall.day - int(self.days[0]), wall.hour


def day_table(history: MarketHistory, target: str, last_day: int) -> DayTable:
    """Lay out a history by days.

    Args:
        history: of an area.
        target: column to forecast.
        last_day: proleptic ordinal of the last day to forecast.

    Raises:
        PlanningError: when the history has less than two weeks before that day.
    """
    column = hourly(history.column(target))
    first_day = int(wall_clock_of(np.array([column.start_ms]), history.zone).day[0])
    days = np.arange(first_day, last_day + 1, dtype=np.int64)
    if len(days) < 2 * WEEK:
        raise PlanningError(
            f"{history.area}, {target}: {len(days)} day(s) of history; at least {2 * WEEK} needed"
        )
    issue_ms = issues_of_days(history, target, days)
    parts, blocks = [], []
    for lag in PRICE_LAGS:
        parts.append(column.gather(hours_of(days - lag, history.zone), issue_ms[:, None]))
        blocks += [lag] * HOURS
    for name, other in history.columns.items():
        if name == target or not other.ahead:
            continue
        known = hourly(other)
        here = known.gather(hours_of(days, history.zone), issue_ms[:, None])
        if np.isfinite(here[WEEK:]).mean() < 0.5:
            continue
        for lag in INPUT_LAGS:
            parts.append(known.gather(hours_of(days - lag, history.zone), issue_ms[:, None]))
            blocks += [-lag] * HOURS
    weekdays = (((days - 1) % WEEK)[:, None] == np.arange(WEEK)).astype(float)
    inputs = np.concatenate([_carried(np.concatenate(parts, axis=1)), weekdays], axis=1)
    return DayTable(
        days,
        issue_ms,
        inputs,
        np.array([*blocks, *[100] * WEEK]),
        hours_of(days, history.zone),
        column,
    )


def hourly(column: Column) -> Column:
    """A column in hours."""
    return column if column.step_s == 3600 else coarser(column, 3600)


def hours_of(days: Ints, zone_name: str) -> Ints:
    """An instant in each hour of local days, ``(days, 24)``, ms.

    The hour that a spring day skips is that after it; of the hour an autumn day has twice, the
    first stands for both.
    """
    minute = np.arange(HOURS, dtype=np.int64) * 60 + 30
    wide = np.broadcast_to(days[:, None], (len(days), HOURS))
    return instants_of(wide, np.broadcast_to(minute, wide.shape), zone_name)


def _carried(inputs: Floats) -> Floats:
    """Unknown values take the row before's; those before any value the column's first."""
    known = np.isfinite(inputs)
    row = np.where(known, np.arange(len(inputs))[:, None], 0)
    source = np.maximum.accumulate(row, axis=0)
    filled = np.take_along_axis(inputs, source, axis=0)
    return np.where(np.isfinite(filled), filled, 0.0)


def usual_and_spread(values: Floats) -> tuple[Floats, Floats]:
    """Median and scaled median absolute deviation of columns (1 where nothing varies).

    The factor 1.4826 makes the deviation that of a normal distribution.
    """
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    return middle, np.where(spread > 1e-9, spread, 1.0)
