"""Single intervals: boosted trees learn how a target departs from what is published of it.

The trees minimise the absolute error, so that they estimate the median of the departure: prices
have tails that would pull a mean about. A second lot learns how large the departure from that
median usually is, which opens and closes the band.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.forecast.market.asking import Asks
from gridmuster.forecast.market.boosting import Boosting, regressor
from gridmuster.forecast.market.features import Features
from gridmuster.forecast.market.history import Floats, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY

#: Days between two fits; days of memory; most rows to learn from; fewest.
REFIT_DAYS = 42
MEMORY_DAYS = 1100
MOST_ROWS = 30_000
FEWEST_ROWS = 200

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Direct:
    """Forecasts of single intervals.

    Args:
        points: medians, ``(rows,)``.
        scales: usual size of the miss, ``(rows,)``.
    """

    points: Floats
    scales: Floats


def direct(
    history: MarketHistory,
    target: str,
    asks: Asks,
    known: Features,
    from_row: int,
    told: Told | None = None,
    settings: Boosting | None = None,
) -> Direct:
    """Forecast intervals, learning again every few weeks from what is known by then.

    Args:
        history: of an area.
        target: column to forecast.
        asks: intervals: those to learn from, then those to forecast.
        known: what is known of each.
        from_row: first row to forecast; earlier ones come out as not-a-number.
        told: is told what was done, how much of how much.
        settings: of the trees; None: the usual.
    """
    chosen = settings or Boosting()
    points = np.full(len(asks), np.nan)
    scales = np.full(len(asks), np.nan)
    row = from_row
    while row < len(asks):
        fit_ms = int(asks.issue_ms[row])
        if told is not None:
            told("trees", row - from_row, len(asks) - from_row)
        fitted = fit(history, target, asks, known, fit_ms, chosen)
        # With too little to learn from, the next day is tried.
        days = REFIT_DAYS if fitted is not None else 1
        end = int(np.searchsorted(asks.issue_ms, fit_ms + days * MS_PER_DAY, side="left"))
        end = max(end, row + 1)
        if fitted is not None:
            lot = slice(row, end)
            points[lot] = known.reference[lot] + fitted.middle(known.matrix[lot])
            scales[lot] = np.exp(fitted.size(known.matrix[lot]))
        row = end
    return Direct(points, scales)


Predict = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trees that have learnt; each takes rows of `Features.matrix`.

    Args:
        middle: of the departure from the reference.
        size: of the logarithm of the size of the miss.
    """

    middle: Predict
    size: Predict


def fit(
    history: MarketHistory,
    target: str,
    asks: Asks,
    known: Features,
    fit_ms: int,
    settings: Boosting,
) -> Fitted | None:
    """Trees for the departure and for the size of the miss; None when too little is known.

    Args:
        history: of an area.
        target: column to forecast.
        asks: intervals to learn from.
        known: what is known of each.
        fit_ms: what was published by then is learnt from, ms.
        settings: of the trees.
    """
    first = int(np.searchsorted(asks.issue_ms, fit_ms - MEMORY_DAYS * MS_PER_DAY))
    last = int(np.searchsorted(asks.issue_ms, fit_ms, side="left"))
    rows = np.arange(first, last)
    outcome = history.gather(target, asks.start_ms[rows], np.array(fit_ms))
    rows = rows[np.isfinite(outcome) & np.isfinite(known.reference[rows])]
    if len(rows) < FEWEST_ROWS:
        return None
    rows = rows[:: -(-len(rows) // MOST_ROWS)]
    outcome = history.gather(target, asks.start_ms[rows], np.array(fit_ms))
    departure = outcome - known.reference[rows]
    # A column of which nothing is known (a lead beyond what is published) cannot be put in bins.
    usable = np.isfinite(known.matrix[rows]).any(axis=0)
    inputs = known.matrix[rows][:, usable]

    middle = regressor(settings, "absolute_error").fit(inputs, departure)
    miss = np.abs(departure - middle.predict(inputs))
    floor = 0.05 * float(np.median(miss)) + 1e-9
    half = replace(settings, rounds=settings.rounds // 2)
    size = regressor(half).fit(inputs, np.log(miss + floor))
    return Fitted(
        lambda given: np.asarray(middle.predict(given[:, usable])),
        lambda given: np.asarray(size.predict(given[:, usable])),
    )
