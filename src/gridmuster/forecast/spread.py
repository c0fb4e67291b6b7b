"""How a value that is known now drifts back to what is usual, with a band that opens meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def reverting(
    now: float, usual: Floats, levels: Sequence[float], lead_h: Floats, fade_h: float
) -> Floats:
    """Quantiles of a first-order autoregressive value, given its value now.

    With w = exp(-lead / fade) and the usual distribution's mean m and quantiles q, the quantile
    at a lead is  w now + (1 - w) m + sqrt(1 - w^2) (q - m):  exact for a Gaussian process, and the
    usual distribution itself at long leads whatever its form.

    Args:
        now: the value now.
        usual: samples of the usual distribution.
        levels: probabilities.
        lead_h: time to each interval, h, >= 0.
        fade_h: time in which what is known now loses all but 1/e of its worth, h.

    Returns:
        ``(levels, intervals)`` values.
    """
    weight = np.exp(-lead_h / fade_h)
    mean = float(usual.mean())
    away = np.quantile(usual, levels) - mean
    middle = weight * now + (1.0 - weight) * mean
    return np.asarray(middle + np.sqrt(1.0 - weight**2) * away[:, None])


def keep(samples: list[float], value: float, most: int) -> None:
    """Append a sample and drop the oldest beyond ``most``."""
    samples.append(value)
    if len(samples) > most:
        del samples[: len(samples) - most]
