"""Score forecasts against what came, beside the baselines on the same intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gridmuster.forecast.market.asking import Schedule
from gridmuster.forecast.market.history import Floats, Ints, MarketHistory
from gridmuster.forecast.market.metrics import (
    PERCENTILES,
    Reliability,
    brier,
    chance_above,
    coverage,
    crps,
    mae,
    pinball,
    reliability,
    smape,
)
from gridmuster.forecast.market.scarcity import Chances, Scarcity, chances
from gridmuster.forecast.market.verb import Forecasts, Told, run
from gridmuster.forecast.market.wallclock import MS_PER_DAY, wall_clock_of
from gridmuster.units import MS_PER_HOUR

#: A spike is a price that only this share of the year before exceeded.
SPIKE_SHARE = 0.025
#: Index of the percentiles at the ends and in the middle of the 90 % band.
LOW, MIDDLE, HIGH = 4, 49, 94


@dataclass(frozen=True, slots=True)
class Score:
    """How good one way of forecasting was.

    Args:
        name: of the way.
        mae: mean absolute error, in the target's unit.
        rmae: that over the mean absolute error of last week's value.
        smape: symmetric mean absolute percentage error, 0 .. 2.
        pinball: mean pinball loss of the 99 percentiles; half the CRPS.
        crps: continuous ranked probability score; of a single number its absolute error.
        coverage: share inside the 90 % band; None for a single number.
        brier: mean squared error of the probability of a spike.
    """

    name: str
    mae: float
    rmae: float
    smape: float
    pinball: float
    crps: float
    coverage: float | None
    brier: float


@dataclass(frozen=True, slots=True)
class Persistent:
    """How good the probabilities of persistent scarcity were.

    Args:
        wish: what was asked.
        brier: of the forecast.
        usual_brier: of the share at the same local hour until then.
        happened: share of windows in which it came so.
        count: windows.
    """

    wish: Scarcity
    brier: float
    usual_brier: float
    happened: float
    count: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """A whole backtest of an area.

    Args:
        area: its name.
        unit: of the target.
        spike: the price that counts as a spike.
        forecasts: what was forecast.
        truth: what came, ``(rows,)``.
        scores: of the forecast, then of the baselines.
        reliability: shares below each percentile.
        hours: local hour of each row.
        persistent: of persistent scarcity; None where it was not asked or came too seldom.
        chances: the probabilities behind that.
    """

    area: str
    unit: str
    spike: float
    forecasts: Forecasts
    truth: Floats
    scores: tuple[Score, ...]
    reliability: Reliability
    hours: Ints
    persistent: Persistent | None
    chances: Chances | None

    def plain(self) -> dict[str, Any]:
        """The figures for machines."""
        return {
            "area": self.area,
            "target": self.forecasts.target,
            "unit": self.unit,
            "intervals": int(np.isfinite(self.truth).sum()),
            "spike": self.spike,
            "scores": [asdict(score) for score in self.scores],
            "persistent": None if self.persistent is None else asdict(self.persistent),
        }


@dataclass(frozen=True, slots=True)
class Span:
    """What is forecast again: start of the first interval, end of the last, ms."""

    from_ms: int
    to_ms: int


def backtest(
    history: MarketHistory,
    schedule: Schedule,
    span: Span,
    spike: float | None = None,
    told: Told | None = None,
) -> Backtest:
    """Forecast a span as a running center would have, and score it.

    Args:
        history: of an area.
        schedule: what is forecast when.
        span: from when to when.
        spike: price that counts as a spike; None: what 2.5 % of the year before exceeded.
        told: is told what was done, how much of how much.

    Raises:
        PlanningError: when there is nothing to forecast or to learn from.
    """
    found = run(history, schedule, span.from_ms, span.to_ms, told)
    truth = history.truth(schedule.target, found.asks.start_ms)
    limit = _spike(history, schedule.target, span.from_ms) if spike is None else spike
    week = mae(found.baselines["D-7"], truth)
    scores = [_score_bands(found, truth, limit, week)]
    scores += [
        _score_points(name, told_, truth, limit, week) for name, told_ in found.baselines.items()
    ]
    stated, persistent = None, None
    if schedule.target == "rt_price" and schedule.horizon == "1h":
        stated, persistent = _persistent(history, span, limit)
    column = history.column(schedule.target)
    return Backtest(
        history.area,
        column.unit,
        limit,
        found,
        truth,
        tuple(scores),
        reliability(found.quantiles, truth),
        wall_clock_of(found.asks.start_ms, history.zone).hour,
        persistent,
        stated,
    )


def _spike(history: MarketHistory, target: str, at_ms: int) -> float:
    """What only a small share of the values known a year back from an instant exceeded."""
    column = history.column(target)
    starts = column.starts_ms()
    past = starts[(starts < at_ms) & (starts >= at_ms - 365 * MS_PER_DAY)]
    values = column.gather(past, np.array(at_ms))
    values = values[np.isfinite(values)]
    return float(np.quantile(values, 1.0 - SPIKE_SHARE)) if len(values) else float("inf")


def _score_bands(found: Forecasts, truth: Floats, limit: float, week: float) -> Score:
    quantiles = found.quantiles
    known = np.isfinite(truth) & np.isfinite(quantiles[0])
    error = mae(found.points, truth)
    return Score(
        "forecast",
        error,
        error / week,
        smape(found.points, truth),
        float(pinball(quantiles, truth, PERCENTILES).mean()),
        crps(quantiles, truth),
        coverage(quantiles[LOW], quantiles[HIGH], truth),
        brier(chance_above(quantiles[:, known], limit), truth[known] > limit),
    )


def _score_points(name: str, told: Floats, truth: Floats, limit: float, week: float) -> Score:
    known = np.isfinite(truth) & np.isfinite(told)
    error = mae(told, truth)
    return Score(
        name,
        error,
        error / week,
        smape(told, truth),
        error / 2.0,
        error,
        None,
        brier((told[known] > limit).astype(float), truth[known] > limit),
    )


def _persistent(
    history: MarketHistory, span: Span, limit: float
) -> tuple[Chances | None, Persistent | None]:
    """Runs of half an hour above the limit within the hour that begins, on the finest prices."""
    column = "rt_price_5min" if "rt_price_5min" in history.columns else "rt_price"
    step_ms = history.column(column).step_ms
    per_hour = max(1, MS_PER_HOUR // step_ms)
    wish = Scarcity(column, limit, max(1, per_hour // 2), per_hour)
    first = max(span.from_ms - 180 * MS_PER_DAY, history.column(column).start_ms + MS_PER_DAY)
    issues = np.arange(-(-first // MS_PER_HOUR), span.to_ms // MS_PER_HOUR) * MS_PER_HOUR
    if not len(issues):
        return None, None
    stated = chances(history, wish, issues)
    own = (issues >= span.from_ms) & np.isfinite(stated.probability) & np.isfinite(stated.happened)
    if own.sum() < 48:
        return None, None
    came = stated.happened[own] > 0.5
    return stated, Persistent(
        wish,
        brier(stated.probability[own], came),
        brier(stated.usual[own], came),
        float(came.mean()),
        int(own.sum()),
    )
