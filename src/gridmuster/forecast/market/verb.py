"""The one way in: a history and a wish -> percentiles of every interval, beside the baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.clock import IntervalGrid, iso
from gridmuster.errors import PlanningError
from gridmuster.forecast.market.asking import (
    REFERENCES,
    Asks,
    AskSchedule,
    Repeated,
    Schedule,
    issues_of_days,
)
from gridmuster.forecast.market.calibration import Calibrator, Given
from gridmuster.forecast.market.dayahead import Span, members
from gridmuster.forecast.market.daytable import day_table
from gridmuster.forecast.market.direct import MEMORY_DAYS, direct
from gridmuster.forecast.market.features import Features, features
from gridmuster.forecast.market.history import NEVER, Floats, Ints, MarketHistory
from gridmuster.forecast.market.metrics import PERCENTILES
from gridmuster.forecast.market.wallclock import MS_PER_DAY, wall_clock_of
from gridmuster.units import MS_PER_HOUR

#: Days forecast before the first that is wanted, so that bands are open by then.
WARM_DAYS = 120
#: Weights of members fall with this power of their recent error: models of one kind share the
#: work; what the market publishes steps in only where learning fails.
DAY_POWER, DIRECT_POWER = 8.0, 16.0
#: Leads up to which every hour of the past teaches, not only the same hour, h.
SHORT_H = 3.0
#: Furthest interval that is forecast, h.
FURTHEST_H = 48.0

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of many intervals.

    Args:
        target: what is forecast.
        asks: the intervals, and when each was forecast.
        points: ``(rows,)``.
        quantiles: ``(99, rows)`` at `metrics.PERCENTILES`.
        baselines: what anyone could say, by name, ``(rows,)`` each.
        given: what the members said.
    """

    target: str
    asks: Asks
    points: Floats
    quantiles: Floats
    baselines: dict[str, Floats]
    given: Given

    def at(self, levels: tuple[float, ...]) -> Floats:
        """Quantiles of other probabilities, by straight lines between percentiles."""
        clipped = np.clip(levels, PERCENTILES[0], PERCENTILES[-1])
        place = clipped * 100.0 - 1.0
        low = np.minimum(place.astype(int), 97)
        share = (place - low)[:, None]
        return np.asarray(self.quantiles[low] * (1.0 - share) + self.quantiles[low + 1] * share)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted.

    Args:
        target: a column of the history.
        issue_ms: when the forecast is issued, ms: nothing published later is used.
        grid: the intervals, each an interval of the target's own step.
        levels: probabilities.
    """

    target: str
    issue_ms: int
    grid: IntervalGrid
    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)


def forecast(history: MarketHistory, wish: Wish, told: Told | None = None) -> Floats:
    """Forecast the intervals of a wish.

    Args:
        history: of an area, as long as there is; what it holds of later times is not looked at.
        wish: what is wanted.
        told: is told what was done, how much of how much.

    Returns:
        ``(levels, intervals)`` quantiles, in the target's unit.

    Raises:
        PlanningError: when the wish does not fit the history, or the history is too short.
    """
    column = history.column(wish.target)
    starts_ms = np.array(wish.grid.starts_ms(), np.int64)
    if wish.grid.step_s != column.step_s or (starts_ms[0] - column.start_ms) % column.step_ms:
        raise PlanningError(
            f"{wish.target}: intervals of {wish.grid.step_s} s from {iso(int(starts_ms[0]))} are "
            f"not those of the history ({column.step_s} s from {iso(column.start_ms)})"
        )
    lead_h = (wish.grid.end_ms - wish.issue_ms) / MS_PER_HOUR
    if starts_ms[0] < wish.issue_ms or lead_h > FURTHEST_H:
        raise PlanningError(
            f"{wish.target}: intervals from {iso(int(starts_ms[0]))} to {iso(wish.grid.end_ms)} "
            f"issued at {iso(wish.issue_ms)}: at most {FURTHEST_H:g} h ahead, and none in the past"
        )
    schedule: AskSchedule
    if _whole_day_ahead(history, wish, starts_ms):
        schedule = Schedule(wish.target, "24h")
    else:
        every_ms = MS_PER_HOUR if lead_h <= SHORT_H else MS_PER_DAY
        schedule = Repeated(wish.target, wish.issue_ms, starts_ms, every_ms)
    longer = _reaching(history, wish)
    found = run(longer, schedule, int(starts_ms[0]), wish.grid.end_ms, told)
    levels = found.at(wish.levels)
    if isinstance(schedule, Repeated):
        levels = levels[:, found.asks.issue_ms == wish.issue_ms]
    else:
        levels = levels[:, np.searchsorted(found.asks.start_ms, starts_ms)]
    if not np.isfinite(levels).all():
        raise PlanningError(
            f"{history.area}, {wish.target}: too few outcomes were known by "
            f"{iso(wish.issue_ms)} to open a band; read more history"
        )
    return np.asarray(levels)


def _whole_day_ahead(history: MarketHistory, wish: Wish, starts_ms: Ints) -> bool:
    """Whether the auction's own forecast, made as it closes, is what is wanted."""
    if wish.target != "da_price":
        return False
    days = np.unique(wall_clock_of(starts_ms, history.zone).day)
    closes_ms = issues_of_days(history, wish.target, days)
    return bool((closes_ms <= wish.issue_ms).all())


def _reaching(history: MarketHistory, wish: Wish) -> MarketHistory:
    """The history with room for intervals that lie beyond its end."""
    column = history.column(wish.target)
    more = (wish.grid.end_ms - column.end_ms) // column.step_ms
    if more <= 0:
        return history
    wider = replace(
        column,
        values=np.concatenate([column.values, np.full(more, np.nan)]),
        known_ms=np.concatenate([column.known_ms, np.full(more, NEVER)]),
    )
    return replace(history, columns={**history.columns, wish.target: wider})


def run(
    history: MarketHistory,
    schedule: AskSchedule,
    from_ms: int,
    to_ms: int,
    told: Told | None = None,
) -> Forecasts:
    """Forecast again and again, as a running center would have, learning on the way.

    Args:
        history: of an area.
        schedule: which intervals, issued when.
        from_ms: start of the first interval wanted, ms; some months before it are forecast as
            well, and left out, so that bands have opened.
        to_ms: end of the last, ms.
        told: is told what was done, how much of how much.

    Returns:
        Forecasts of all intervals that begin in the span.

    Raises:
        PlanningError: when there is nothing to forecast or to learn from.
    """
    from threadpoolctl import threadpool_limits

    target = schedule.target
    begin = max(history.column(target).start_ms, from_ms - (MEMORY_DAYS + WARM_DAYS) * MS_PER_DAY)
    asks = schedule.asks(history, begin, to_ms)
    if not len(asks) or asks.start_ms[-1] < from_ms:
        raise PlanningError(
            f"{history.area}, {target}: no interval between {iso(from_ms)} and {iso(to_ms)}"
        )
    known = features(history, target, asks)
    first = int(np.searchsorted(asks.start_ms, from_ms - WARM_DAYS * MS_PER_DAY))
    # Whole libraries of threads would fight over the core of one forecast.
    with threadpool_limits(1):
        if target == "da_price" and isinstance(schedule, Schedule) and schedule.horizon == "24h":
            given = _days(history, asks, known, first, told)
        else:
            given = _intervals(history, target, asks, known, first, told)
        late = asks.where(np.arange(len(asks)) >= first)
        banded = Calibrator(history, target, late, given).run()
    own = late.start_ms >= from_ms
    if not np.isfinite(banded.points[own]).any():
        raise PlanningError(
            f"{history.area}, {target}: too little was known by {iso(int(late.issue_ms[own][0]))} "
            "to learn from; begin later, or read more history"
        )
    return Forecasts(
        target,
        late.where(own),
        banded.points[own],
        banded.quantiles[:, own],
        {name: values[first:][own] for name, values in _baselines(history, target, known).items()},
        Given(
            given.names,
            given.members[:, own],
            None if given.sizes is None else given.sizes[own],
            given.power,
        ),
    )


def _baselines(history: MarketHistory, target: str, known: Features) -> dict[str, Floats]:
    """What anyone could say."""
    found = {"persistence": known.latest, "D-1": known.day_ago, "D-7": known.week_ago}
    published = history.columns.get(REFERENCES.get(target, ""))
    if published is not None and published.ahead:
        found[REFERENCES[target]] = known.reference
    return found


def _days(
    history: MarketHistory, asks: Asks, known: Features, first: int, told: Told | None
) -> Given:
    """Day-ahead prices by the models of whole days, and by trees hour by hour."""
    wall = wall_clock_of(asks.start_ms[[first, -1]], history.zone)
    table = day_table(history, "da_price", int(wall.day[1]))
    rows, hours = table.row_of(asks.start_ms[first:], history.zone)
    begin = max(int(rows[0]), 0)
    found = members(table, Span(begin, int(rows[-1]) + 1), told)
    learnt = direct(history, "da_price", asks, known, first, told)
    values = np.vstack([found.prices[:, rows - begin, hours], learnt.points[first:]])
    return Given((*found.names, "trees"), values, learnt.scales[first:], DAY_POWER)


def _intervals(
    history: MarketHistory,
    target: str,
    asks: Asks,
    known: Features,
    first: int,
    told: Told | None,
) -> Given:
    """Anything by trees, interval by interval."""
    learnt = direct(history, target, asks, known, first, told)
    members_ = np.stack([learnt.points[first:], known.reference[first:]])
    return Given(("trees", "reference"), members_, learnt.scales[first:], DIRECT_POWER)
