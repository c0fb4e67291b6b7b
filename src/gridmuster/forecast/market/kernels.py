"""Compiled loops of the market forecasts: the LASSO by coordinate descent on covariances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridmuster.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def descend(
    gram: Floats, weight: float, coefficients: Floats, left: Floats, most: int, tolerance: float
) -> int:
    """Minimise  b'Gb/2 - b'c + weight |b|_1  by coordinate descent, in place.

    Covariance updates with an active set: Friedman, Hastie and Tibshirani (2010), Journal of
    Statistical Software 33(1), sections 2.2 and 2.6.

    Args:
        gram: G = X'X / n, ``(p, p)``, positive diagonal.
        weight: of the absolute coefficients, >= 0.
        coefficients: b, ``(p,)``: where to begin; the result.
        left: c - Gb, ``(p,)``; kept up to date.
        most: most sweeps.
        tolerance: largest change of a coefficient in a full sweep at which to stop.

    Returns:
        Sweeps made.
    """
    count = len(left)
    active = coefficients != 0.0
    full = True
    sweeps = 0
    while sweeps < most:
        sweeps += 1
        largest = 0.0
        for j in range(count):
            if not full and not active[j]:
                continue
            pull = left[j] + gram[j, j] * coefficients[j]
            new = 0.0
            if pull > weight:
                new = (pull - weight) / gram[j, j]
            elif pull < -weight:
                new = (pull + weight) / gram[j, j]
            step = new - coefficients[j]
            if step != 0.0:
                for k in range(count):
                    left[k] -= gram[j, k] * step
                coefficients[j] = new
                active[j] = True
                largest = max(largest, abs(step))
        if largest >= tolerance:
            full = False
        elif full:
            break
        else:
            full = True
    return sweeps


@compiled
def best_weight(
    gram: Floats, covariance: Floats, variance: float, rows: int, weights: Floats
) -> int:
    """Which LASSO weight has the least information criterion of Akaike.

    The criterion is  n log(RSS / n) + 2 k  with k the coefficients that are not zero (Zou, Hastie
    and Tibshirani 2007, Annals of Statistics 35(5)). The path ends where k reaches 0.7 n.

    Args:
        gram: X'X / n, ``(p, p)``.
        covariance: X'y / n, ``(p,)``.
        variance: y'y / n.
        rows: n.
        weights: falling weights to try.

    Returns:
        The index of the best.
    """
    coefficients = np.zeros(len(covariance))
    left = covariance.copy()
    best, least = 0, np.inf
    for index in range(len(weights)):
        descend(gram, weights[index], coefficients, left, 200, 1e-3)
        rest = variance
        used = 0
        for j in range(len(coefficients)):
            rest -= coefficients[j] * (covariance[j] + left[j])
            if coefficients[j] != 0.0:
                used += 1
        criterion = rows * np.log(max(rest, 1e-12 * variance) / variance) + 2.0 * used
        if criterion < least:
            best, least = index, criterion
        if used > 0.7 * rows:
            break
    return best


@compiled
def fit_all(gram: Floats, covariances: Floats, weights: Floats, coefficients: Floats) -> int:
    """Fit several outcomes on one design, each from where it was.

    Args:
        gram: X'X / n, ``(p, p)``.
        covariances: X'y / n of each outcome, ``(outcomes, p)``.
        weights: LASSO weight of each outcome.
        coefficients: ``(outcomes, p)``: where to begin; the result.

    Returns:
        Sweeps made in all.
    """
    sweeps = 0
    for k in range(len(weights)):
        left = covariances[k] - gram @ coefficients[k]
        sweeps += descend(gram, weights[k], coefficients[k], left, 300, 1e-3)
    return sweeps
