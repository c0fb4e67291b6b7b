"""Whole days at once: a LASSO and a kernel regression over several lengths of memory each.

`lear`: the LASSO-estimated autoregressive model of Lago, De Ridder and De Schutter (2018) with the
asinh transform of Uniejewski, Weron and Ziel (2018), every day, over calibration windows from weeks
to years. `kernel`: ridge regression with a Gaussian plus linear kernel on the same inputs
(Rasmussen and Williams 2006, chapter 2), which bends where the LASSO is straight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.daytable import HOURS, WEEK, DayTable, usual_and_spread
from gridmuster.forecast.market.history import Floats
from gridmuster.forecast.market.kernels import best_weight, fit_all

#: Days of memory of each member. Fixed on 2015-16 of the open NP and PJM series.
LEAR_WINDOWS = (56, 84, 182, 364, 728, 1092)
KERNEL_WINDOWS = (182, 364, 728, 1092)
#: Days between two choices of the LASSO weights, and two solutions of the kernel.
CHOOSE_DAYS = 28
KERNEL_DAYS = 7
#: LASSO weights tried: how many, down to which share of the largest that does anything.
TRIED, SMALLEST = 30, 1e-3
#: Kernel: width, ridge and share of the straight line, for inputs scaled to length one.
WIDTH, RIDGE, STRAIGHT = 0.3, 0.03, 0.1
#: Weight of each block of inputs in distances; by block as in `DayTable`.
BLOCK_WEIGHTS = {1: 1.5, 2: 0.7, 3: 0.7, 7: 1.0, 0: 2.0, -1: 0.6, -7: 0.6, 100: 2.0}
#: Fewest days to learn from.
FEWEST = 28

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of a `DayTable` to forecast: first, and one past the last."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A window's inputs and outcomes made comparable, and the way back.

    Args:
        inputs: ``(days + ahead, columns)``, the days to forecast last.
        outcomes: ``(days, 24)``.
        usual: median and spread of each hour's outcome; mean of what is left.
    """

    inputs: Floats
    outcomes: Floats
    usual: tuple[Floats, Floats, Floats]

    def back(self, scaled: Floats) -> Floats:
        """Prices from scaled outcomes; no further out than twice the range seen."""
        middle, spread, mean = self.usual
        seen = self.outcomes + mean
        low, high = seen.min(axis=0), seen.max(axis=0)
        limited = np.clip(scaled + mean, low - np.log(2.0), high + np.log(2.0))
        return np.asarray(middle + spread * np.sinh(limited))


def _scaled(table: DayTable, window: int, span: Span) -> _Scaled | None:
    """The last days before a span whose outcomes are known when its first day is forecast."""
    begin = max(WEEK, span.first - window)
    outcomes = table.outcomes(slice(begin, span.first), int(table.issue_ms[span.first]))
    known = np.isfinite(outcomes).all(axis=1)
    if known.sum() < FEWEST:
        return None
    rows = np.concatenate([np.flatnonzero(known) + begin, np.arange(span.first, span.last)])
    count = int(known.sum())
    raw = table.inputs[rows]
    middle, spread = usual_and_spread(raw[:count])
    inputs = np.arcsinh((raw - middle) / spread)
    inputs[:, -WEEK:] = raw[:, -WEEK:]
    inputs -= inputs[:count].mean(axis=0)
    size = inputs[:count].std(axis=0)
    inputs /= np.where(size > 1e-9, size, np.inf)
    usual, width = usual_and_spread(outcomes[known])
    scaled = np.arcsinh((outcomes[known] - usual) / width)
    mean = scaled.mean(axis=0)
    return _Scaled(inputs, scaled - mean, (usual, width, mean))


def lear(table: DayTable, span: Span, window: int) -> Floats:
    """Forecasts of the LASSO, ``(days, 24)``.

    Args:
        table: days.
        span: which of them.
        window: days of memory.

    Returns:
        Prices; not-a-number on days with too short a memory.
    """
    found = np.full((span.last - span.first, HOURS), np.nan)
    coefficients = np.zeros((HOURS, table.inputs.shape[1]))
    weights: Floats | None = None
    for number, row in enumerate(range(span.first, span.last)):
        scaled = _scaled(table, window, Span(row, row + 1))
        if scaled is None:
            continue
        known = scaled.inputs[:-1]
        rows = len(known)
        gram = known.T @ known / rows
        gram[np.diag_indices(len(gram))] += 1e-9
        covariances = np.ascontiguousarray((known.T @ scaled.outcomes / rows).T)
        if weights is None or number % CHOOSE_DAYS == 0:
            weights = _chosen(gram, covariances, scaled.outcomes)
        fit_all(gram, covariances, weights, coefficients)
        found[number] = scaled.back(coefficients @ scaled.inputs[-1])
    return found


def _chosen(gram: Floats, covariances: Floats, outcomes: Floats) -> Floats:
    """The LASSO weight of each hour."""
    steps = np.geomspace(1.0, SMALLEST, TRIED)
    variance = (outcomes**2).mean(axis=0)
    weights = np.empty(HOURS)
    for hour in range(HOURS):
        tried = max(np.abs(covariances[hour]).max(), 1e-12) * steps
        chosen = best_weight(
            gram, covariances[hour], max(float(variance[hour]), 1e-12), len(outcomes), tried
        )
        weights[hour] = tried[chosen]
    return weights


def kernel(table: DayTable, span: Span, window: int) -> Floats:
    """Forecasts of the kernel regression, ``(days, 24)``; arguments and result as `lear`."""
    found = np.full((span.last - span.first, HOURS), np.nan)
    share = np.array([BLOCK_WEIGHTS.get(int(block), 1.0) for block in table.blocks])
    share /= np.sqrt((share**2).sum())
    for row in range(span.first, span.last, KERNEL_DAYS):
        end = min(span.last, row + KERNEL_DAYS)
        scaled = _scaled(table, window, Span(row, end))
        if scaled is None:
            continue
        count = len(scaled.outcomes)
        inputs = scaled.inputs * share
        products = inputs @ inputs[:count].T
        squares = (inputs**2).sum(axis=1)
        distances = squares[:, None] + squares[:count] - 2.0 * products
        near = np.exp(-WIDTH * distances) + STRAIGHT * products
        kept = np.linalg.solve(near[:count] + RIDGE * np.eye(count), scaled.outcomes)
        found[row - span.first : end - span.first] = scaled.back(near[count:] @ kept)
    return found


@dataclass(frozen=True, slots=True)
class DayMembers:
    """Forecasts of whole days by every member.

    Args:
        names: of the members.
        prices: ``(members, days, 24)``.
    """

    names: tuple[str, ...]
    prices: Floats


def members(table: DayTable, span: Span, told: Told | None = None) -> DayMembers:
    """Forecast days with every member.

    Args:
        table: days.
        span: which of them.
        told: is told what was done, how much of how much.
    """
    work = [("lear", window) for window in LEAR_WINDOWS]
    work += [("kernel", window) for window in KERNEL_WINDOWS]
    names, prices = [], []
    for number, (kind, window) in enumerate(work):
        if told is not None:
            told(f"{kind} over {window} days", number, len(work))
        names.append(f"{kind} {window}")
        prices.append((lear if kind == "lear" else kernel)(table, span, window))
    return DayMembers(tuple(names), np.stack(prices))
