"""A history that a running plant goes on writing: what files hold, and every price heard since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import NEVER, Column, Floats, MarketHistory, coarser
from gridmuster.units import MS_PER_HOUR, MS_PER_S, SECONDS_PER_HOUR

#: What a plant goes on hearing, and so what a standing forecast may rest on.
TARGET, FINE, AHEAD = "rt_price", "rt_price_fine", "da_price"
HOUR_S = int(SECONDS_PER_HOUR)
#: Name of a market's finer real-time prices in the presets.
FINER = "rt_price_5min"


@dataclass(frozen=True, slots=True)
class Heard:
    """A price as a plant heard it; instants in the history's own time.

    Args:
        known_ms: when it was heard, ms.
        start_ms: start of the interval it holds for, ms.
        duration_s: length of that interval, s.
        usd_per_mwh: the price.
        ahead_usd_per_mwh: published prices of the hours after the one of ``start_ms``.
    """

    known_ms: int
    start_ms: int
    duration_s: int
    usd_per_mwh: float
    ahead_usd_per_mwh: tuple[float, ...] = ()


def base_of(history: MarketHistory, until_ms: int) -> MarketHistory:
    """What a plant can go on from: hourly prices, finer ones, day-ahead ones; nothing later.

    Args:
        history: from files.
        until_ms: what was published after this instant is left out, ms.

    Raises:
        PlanningError: when it has no real-time price of an hour or less.
    """
    real = history.columns.get(TARGET) or history.columns.get(FINER)
    if real is None or HOUR_S % real.step_s:
        raise PlanningError(
            f"{history.area}: no real-time price of an hour or less; name it {TARGET} in the "
            "mapping"
        )
    fine = history.columns.get(FINER)
    if real.step_s < HOUR_S:
        fine, real = real, coarser(real, HOUR_S)
    columns = {TARGET: real}
    if fine is not None:
        columns[FINE] = fine
    ahead = history.columns.get(AHEAD)
    if ahead is not None and ahead.step_s == HOUR_S:
        columns[AHEAD] = ahead
    cut = {name: _cut(column, until_ms) for name, column in columns.items()}
    if not len(cut[TARGET].values):
        raise PlanningError(f"{history.area}: no real-time price was published by then")
    return replace(history, columns=cut, notices=())


def _cut(column: Column, until_ms: int) -> Column:
    known = column.known_ms <= until_ms
    last = int(np.flatnonzero(known)[-1]) + 1 if known.any() else 0
    kept = known[:last]
    return replace(
        column,
        values=np.where(kept, column.values[:last], np.nan),
        known_ms=np.where(kept, column.known_ms[:last], NEVER),
        revisions=None,
        _not_later=[],
    )


def with_heard(base: MarketHistory, heard: Sequence[Heard]) -> MarketHistory:
    """The base with what was heard since; what a file told already is let be.

    Args:
        base: from `base_of`.
        heard: in the order in which it was heard.
    """
    columns = dict(base.columns)
    if heard:
        columns[TARGET] = _joined(columns[TARGET], _hours(heard))
        if FINE in columns:
            step_ms = columns[FINE].step_ms
            columns[FINE] = _joined(columns[FINE], _parts(heard, step_ms))
        if AHEAD in columns:
            columns[AHEAD] = _joined(columns[AHEAD], _published(heard))
    return replace(base, columns=columns)


Values = dict[int, tuple[float, int]]


def _joined(column: Column, found: Values) -> Column:
    """A column with more intervals: by start, ms, their value and when it was known, ms."""
    found = {at: told for at, told in found.items() if (at - column.start_ms) % column.step_ms == 0}
    later = [at for at in found if at >= column.start_ms]
    if not later:
        return column
    count = max(len(column.values), (max(later) - column.start_ms) // column.step_ms + 1)
    values = np.full(count, np.nan)
    known_ms = np.full(count, NEVER, np.int64)
    values[: len(column.values)] = column.values
    known_ms[: len(column.values)] = column.known_ms
    for at in later:
        k = (at - column.start_ms) // column.step_ms
        if known_ms[k] == NEVER:
            values[k], known_ms[k] = found[at]
    return replace(column, values=values, known_ms=known_ms, _not_later=[])


def _hours(heard: Sequence[Heard]) -> Values:
    """Means of the hours of which every part was heard."""
    seen: dict[int, dict[int, Heard]] = {}
    for one in heard:
        hour_ms = one.start_ms - one.start_ms % MS_PER_HOUR
        seen.setdefault(hour_ms, {}).setdefault(one.start_ms, one)
    found: Values = {}
    for hour_ms, parts in seen.items():
        length_s = sum(one.duration_s for one in parts.values())
        if length_s == HOUR_S:
            mean = sum(one.duration_s * one.usd_per_mwh for one in parts.values()) / length_s
            found[hour_ms] = (mean, max(one.known_ms for one in parts.values()))
    return found


def _parts(heard: Sequence[Heard], step_ms: int) -> Values:
    """Prices on a finer grid; an interval counts with the first price that covers it."""
    found: Values = {}
    for one in heard:
        end_ms = one.start_ms + one.duration_s * MS_PER_S
        for at in range(one.start_ms - one.start_ms % step_ms, end_ms, step_ms):
            if at >= one.start_ms and at + step_ms <= end_ms:
                found.setdefault(at, (one.usd_per_mwh, one.known_ms))
    return found


def _published(heard: Sequence[Heard]) -> Values:
    """Day-ahead prices by hour, each known when it was first heard."""
    found: Values = {}
    for one in heard:
        first = one.start_ms - one.start_ms % MS_PER_HOUR + MS_PER_HOUR
        for k, usd_per_mwh in enumerate(one.ahead_usd_per_mwh):
            found.setdefault(first + k * MS_PER_HOUR, (usd_per_mwh, one.known_ms))
    return found


def newest_ms(history: MarketHistory, issue_ms: int) -> int:
    """End of the newest real-time interval that was known by an instant, ms; at most it."""
    ends = [
        history.columns[name].latest_ms(np.array([issue_ms]))[0] + history.columns[name].step_ms
        for name in (TARGET, FINE)
        if name in history.columns
    ]
    return min(int(max(ends)), issue_ms)


def levels_of(values: Floats) -> tuple[tuple[float, ...], ...]:
    """Rows of quantiles as a message carries them, to the hundredth."""
    rounded = np.sort(np.round(values, 2), axis=0)
    return tuple(tuple(float(v) for v in row) for row in rounded)
