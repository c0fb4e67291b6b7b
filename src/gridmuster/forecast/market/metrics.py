"""Scores of forecasts: points, quantiles, bands and probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: The 99 percentiles in which forecasts are kept and scored.
PERCENTILES: tuple[float, ...] = tuple(round(0.01 * k, 2) for k in range(1, 100))


def mae(told: Floats, truth: Floats) -> float:
    """Mean absolute error over what is known of both."""
    return float(np.nanmean(np.abs(told - truth)))


def smape(told: Floats, truth: Floats) -> float:
    """Symmetric mean absolute percentage error, 0 .. 2 (Lago et al. 2021, eq. 9)."""
    size = np.abs(told) + np.abs(truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(size > 0.0, 2.0 * np.abs(told - truth) / size, 0.0)
    return float(np.nanmean(np.where(np.isnan(size), np.nan, share)))


def pinball(quantiles: Floats, truth: Floats, levels: tuple[float, ...]) -> Floats:
    """Mean pinball loss of each level (Koenker and Bassett 1978).

    Args:
        quantiles: ``(levels, rows)``.
        truth: ``(rows,)``.
        levels: probabilities.
    """
    miss = truth - quantiles
    tau = np.array(levels)[:, None]
    return np.asarray(np.nanmean(np.maximum(tau * miss, (tau - 1.0) * miss), axis=1))


def crps(quantiles: Floats, truth: Floats) -> float:
    """Continuous ranked probability score from the percentiles: twice their mean pinball loss.

    Twice the integral of the pinball loss over all levels is the score exactly (Laio and Tamea
    2007, eq. 10); the 99 percentiles stand for the integral.

    Args:
        quantiles: ``(99, rows)`` at `PERCENTILES`.
        truth: ``(rows,)``.
    """
    return float(2.0 * pinball(quantiles, truth, PERCENTILES).mean())


def coverage(low: Floats, high: Floats, truth: Floats) -> float:
    """Share of values inside a band, its edges included."""
    known = np.isfinite(truth) & np.isfinite(low) & np.isfinite(high)
    inside = (truth >= low) & (truth <= high)
    return float(inside[known].mean()) if known.any() else float("nan")


def brier(probability: Floats, happened: NDArray[np.bool_]) -> float:
    """Mean squared error of probabilities (Brier 1950, for two outcomes)."""
    return float(np.mean((probability - happened) ** 2))


def chance_above(quantiles: Floats, limit: float) -> Floats:
    """Probability that a value lies above a limit, from the percentiles.

    Between percentiles by straight lines; beyond the outer ones it falls off in proportion to the
    distance between the two last, so that it is never exactly 0 or 1.

    Args:
        quantiles: ``(99, rows)`` at `PERCENTILES`.
        limit: the limit.
    """
    levels = np.array(PERCENTILES)
    count = (quantiles <= limit).sum(axis=0)
    rows = np.arange(quantiles.shape[1])
    below = np.clip(count - 1, 0, 98)
    above = np.clip(count, 0, 98)
    low, high = quantiles[below, rows], quantiles[above, rows]
    width = np.maximum(high - low, 1e-12)
    inside = levels[below] + 0.01 * np.clip((limit - low) / width, 0.0, 1.0)
    tail_high = np.maximum(quantiles[98] - quantiles[89], 1e-9)
    tail_low = np.maximum(quantiles[9] - quantiles[0], 1e-9)
    over = 0.01 / (1.0 + np.maximum(limit - quantiles[98], 0.0) / tail_high)
    under = 0.01 / (1.0 + np.maximum(quantiles[0] - limit, 0.0) / tail_low)
    return np.asarray(np.where(count == 99, over, np.where(count == 0, 1.0 - under, 1.0 - inside)))


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often what was forecast came true.

    Args:
        levels: probabilities forecast.
        shares: shares of values at or below the quantile of that probability.
    """

    levels: tuple[float, ...]
    shares: tuple[float, ...]


def reliability(quantiles: Floats, truth: Floats) -> Reliability:
    """Share of values below each percentile."""
    known = np.isfinite(truth) & np.isfinite(quantiles[0])
    shares = (truth[known] <= quantiles[:, known]).mean(axis=1)
    return Reliability(PERCENTILES, tuple(float(share) for share in shares))
