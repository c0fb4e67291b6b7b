"""What a choice knows, as numbers without currency or scale that models learn from.

Everything is divided by the usual price level of the days around the choice, so that what is
learnt in one area, season or currency holds in another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.kernels import trailing_most
from gridmuster.planning.worth.prices import PriceRecord

Matrix = NDArray[np.float32]

#: Single prices before the newest, in intervals; windows of means and extremes, min.
LAGS = (0, 1, 2, 3, 5, 8)
MEANS_MIN = (15, 30, 60, 180, 720, 1440)
SPREADS_MIN = (60, 360, 1440, 7 * 1440)
EXTREMES_MIN = (30, 60, 180, 1440)
#: Hours ahead whose published price is told, and windows of their extremes, h.
AHEAD_H = (0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20)
AHEAD_WINDOWS_H = (4, 8, 12, 24)
#: How yesterday went on from this time, h.
YESTERDAY_H = (0, 1, 2, 3, 6)
#: The level is never below this share of its mean over two months.
LEAST_LEVEL = 0.3


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known at every choice of a record.

    Args:
        matrix: ``(intervals, columns)``.
        level: usual size of prices around each choice, per MWh.
    """

    matrix: Matrix
    level: Floats


def inputs(record: PriceRecord) -> Inputs:
    """What is known at every choice, from nothing that was published later.

    Args:
        record: of an area.
    """
    count = len(record.price)
    now = np.arange(count)
    newest = np.maximum(record.newest, 0)
    future = _future(record)
    level = _level(record, future)
    spread = record.seen - record.reference

    def steps(minutes: int) -> int:
        return max(1, minutes * 60 // record.step_s)

    def size(values: Floats) -> Floats:
        return np.arcsinh(3.0 * values / level) / 3.0

    price = record.seen
    parts: list[Floats] = [size(price[np.maximum(newest - lag, 0)]) for lag in LAGS]
    parts += [size(_mean(price, steps(m))[newest]) for m in MEANS_MIN]
    parts += [size(_mean(spread, steps(m))[newest]) for m in SPREADS_MIN]
    for minutes in EXTREMES_MIN:
        window = steps(minutes)
        parts.append(size(trailing_most(price, window)[newest]))
        parts.append(size(-trailing_most(-price, window)[newest]))
    parts += _wildness(record, spread, level, newest)
    hour = _mean(spread, steps(60))
    for hours in YESTERDAY_H:
        then = np.minimum(now - record.day + steps(60 * hours + 30), newest)
        parts.append(size(hour[np.maximum(then, 0)]))
    told = future / level[:, None]
    parts += [told[:, hours] for hours in AHEAD_H]
    parts.append(record.reference[np.maximum(now - steps(60), 0)] / level)
    for hours in AHEAD_WINDOWS_H:
        parts += [told[:, 1 : hours + 1].max(axis=1), told[:, 1 : hours + 1].min(axis=1)]
    minute = record.wall.minute.astype(float)
    parts += [
        minute,
        minute % 60.0,
        (record.wall.weekday > 4).astype(float),
        np.asarray((record.known_end - now) * record.step_h, np.float64),
    ]
    return Inputs(np.column_stack(parts).astype(np.float32), level)


def _mean(values: Floats, window: int) -> Floats:
    """Mean of each value and those before it in a window."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - window, 0)
    return np.asarray((total[end] - total[begin]) / (end - begin))


def _future(record: PriceRecord) -> Floats:
    """Reference of each hour ahead as known, ``(intervals, 25)``; beyond that of a day before."""
    count, per = len(record.price), 3600 // record.step_s
    now = np.arange(count)
    found = np.empty((count, 25))
    for hours in range(25):
        place = now + per * hours
        for _ in range(3):
            place = np.where(place >= record.known_end, place - record.day, place)
        found[:, hours] = record.reference[np.clip(place, 0, count - 1)]
    return found


def _level(record: PriceRecord, future: Floats) -> Floats:
    """Mean size of the reference a day back and a day ahead, not far below that of two months."""
    known = np.clip(np.minimum(np.arange(len(future)), record.known_end - 1), 0, None)
    size = np.abs(record.reference)
    around = 0.5 * _mean(size, record.day)[known] + 0.5 * np.abs(future[:, :24]).mean(axis=1)
    months = _mean(size, 60 * record.day)[known]
    return np.asarray(np.maximum(np.maximum(around, LEAST_LEVEL * months), 1e-3))


def _wildness(record: PriceRecord, spread: Floats, level: Floats, newest: object) -> list[Floats]:
    """How far prices strayed of late, and how much came from peaks and from holes."""
    place = np.asarray(newest)
    day = record.day
    # Shares of the level of that time, not of now: each is known as its price is.
    ratio = record.seen / level
    peaks = np.clip(ratio, 0.0, 10.0) * (ratio > 2.0)
    holes = np.clip(-ratio, 0.0, 5.0) * (ratio < 0.3)
    size = np.abs(spread)
    return [
        np.log(_mean(size, day)[place] / level + 0.01),
        np.log(_mean(size, 7 * day)[place] / level + 0.01),
        _mean(peaks, 7 * day)[place],
        _mean(peaks, 28 * day)[place],
        _mean(holes, 28 * day)[place],
    ]
