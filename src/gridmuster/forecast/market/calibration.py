"""Bands that hold: members are weighed, and misses counted, as the market goes along.

Going from issue to issue, with nothing but what was published by each:

- members are averaged with weights that fall with a power of their recent mean absolute error;
- how large the miss usually is, is learnt by least squares on logarithms from how far the members
  disagree, how large misses were of late at that hour, and what the model itself says;
- the percentiles are those of recent misses divided by that size (split conformal prediction with
  normalised residuals, Lei et al. 2018, section 5.2, over a moving window);
- each percentile is pushed up or down after every outcome above or below it (the quantile tracker
  of Angelopoulos, Candes and Tibshirani 2023, "Conformal PID control", section 2.1), which brings
  the long-run share below it to its level whatever the market does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gridmuster.forecast.market.asking import Asks
from gridmuster.forecast.market.history import NEVER, Floats, Ints, MarketHistory
from gridmuster.forecast.market.metrics import PERCENTILES
from gridmuster.forecast.market.wallclock import MS_PER_DAY, wall_clock_of

#: Half-life of errors by which members are weighed, days.
WEIGH_DAYS = 15.0
#: Days of misses whose percentiles are taken; most of them; fewest to speak of a band.
WINDOW_DAYS = 180
MOST_MISSES = 3000
FEWEST_MISSES = 48
#: Days of misses from which their usual size is learnt; half-life of the mean at an hour, days.
SIZE_DAYS = 180
HOUR_DAYS = 10.0
#: Push of a percentile after one outcome, in widths of the 80 % band.
PUSH = 0.002
#: How often the percentiles and the sizes are worked out anew, h.
REFRESH_H = 6
LEVELS = np.array(PERCENTILES)


@dataclass(frozen=True, slots=True)
class Banded:
    """Points and percentiles of rows.

    Args:
        points: ``(rows,)``.
        quantiles: ``(99, rows)`` at `metrics.PERCENTILES`; not-a-number until enough outcomes are
            known.
        weights: of the members at each row, ``(members, rows)``.
    """

    points: Floats
    quantiles: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Given:
    """What models say of rows.

    Args:
        names: of the members.
        members: forecasts of each, ``(members, rows)``; not-a-number where it has none.
        sizes: usual size of the miss as the models see it, ``(rows,)``, or None.
        power: weights fall with this power of the recent error.
    """

    names: tuple[str, ...]
    members: Floats
    sizes: Floats | None
    power: float


@dataclass(slots=True)
class Learnt:
    """What has been learnt from outcomes so far.

    Args:
        error: decayed sum of each member's absolute errors, and of their count.
        hour: decayed sum of absolute misses at each hour, and of their count.
        done: rows whose outcome is known, in that order.
        pushed: what has been added to each percentile, in sizes.
    """

    error: Floats
    error_count: float = 0.0
    at_ms: int = 0
    hour: Floats = field(default_factory=lambda: np.zeros(24))
    hour_count: Floats = field(default_factory=lambda: np.zeros(24))
    done: list[int] = field(default_factory=list)
    pushed: Floats = field(default_factory=lambda: np.zeros(len(LEVELS)))
    base: Floats | None = None
    fit: Floats | None = None
    refreshed_ms: int = -1


class Calibrator:
    """Goes along rows in the order of their issues.

    Args:
        history: of an area.
        target: what is forecast.
        asks: the rows.
        given: what the models say.
    """

    def __init__(self, history: MarketHistory, target: str, asks: Asks, given: Given) -> None:
        self.asks, self.members, self.power = asks, given.members, given.power
        self.outcome, self.known_ms = outcomes(history, target, asks)
        self.hour = wall_clock_of(asks.start_ms, history.zone).hour
        self.by_known = np.argsort(self.known_ms, kind="stable")
        self.clues = self._clues(given.sizes)
        rows = len(asks)
        self.points = np.full(rows, np.nan)
        self.size = np.full(rows, np.nan)
        self.hourly = np.full(rows, np.nan)
        self.quantiles = np.full((len(LEVELS), rows), np.nan)
        self.weights = np.full((len(given.members), rows), np.nan)

    def _clues(self, sizes: Floats | None) -> Floats:
        """Logarithms from which the size of a miss is told, ``(rows, clues)``."""
        with np.errstate(invalid="ignore"):
            count = np.isfinite(self.members).sum(axis=0)
            mean = np.nansum(self.members, axis=0) / np.maximum(count, 1)
            apart = np.sqrt(
                np.nansum((self.members - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
            )
        clues = [np.log(apart + 0.05)]
        if sizes is not None:
            clues.append(np.log(np.maximum(sizes, 1e-3)))
        return np.where(np.isfinite(np.stack(clues, axis=1)), np.stack(clues, axis=1), 0.0)

    def run(self) -> Banded:
        """Work through all rows."""
        self._work(Learnt(np.zeros(len(self.members))))
        return Banded(self.points, self.quantiles, self.weights)

    def learn(self, at_ms: int) -> Learnt:
        """Work through all rows and give what was learnt from outcomes known by an instant."""
        memory = Learnt(np.zeros(len(self.members)))
        taken = self._work(memory)
        rest = self.by_known[taken:]
        rest = rest[self.known_ms[rest] <= at_ms]
        self._learn(memory, rest[np.isfinite(self.points[rest])], at_ms)
        self._refresh(memory, at_ms)
        return memory

    def tell(self, learnt: Learnt, issue_ms: int) -> Floats:
        """Percentiles of all rows, one issue, by what another calibrator learnt; ``(99, rows)``.

        Args:
            learnt: from `learn`; it is not changed.
            issue_ms: of the rows, ms.
        """
        memory = replace(learnt, refreshed_ms=issue_ms)
        self._tell(memory, slice(0, len(self.asks)), issue_ms)
        return self.quantiles

    def _work(self, memory: Learnt) -> int:
        """Go along the rows; how many outcomes were taken in."""
        taken = 0
        for lot in self.asks.lots():
            issue_ms = int(self.asks.issue_ms[lot.start])
            end = taken
            while end < len(self.by_known) and self.known_ms[self.by_known[end]] <= issue_ms:
                end += 1
            fresh = self.by_known[taken:end]
            taken = end
            # A row can be known before it was asked only in odd tables: nothing was forecast then.
            self._learn(memory, fresh[np.isfinite(self.points[fresh])], issue_ms)
            self._tell(memory, lot, issue_ms)
        return taken

    def _learn(self, memory: Learnt, rows: Ints, issue_ms: int) -> None:
        days = (issue_ms - memory.at_ms) / MS_PER_DAY
        fade, hour_fade = 0.5 ** (days / WEIGH_DAYS), 0.5 ** (days / HOUR_DAYS)
        memory.at_ms = issue_ms
        memory.error *= fade
        memory.error_count *= fade
        memory.hour *= hour_fade
        memory.hour_count *= hour_fade
        if not len(rows):
            return
        missed = np.abs(self.members[:, rows] - self.outcome[rows])
        # A member that was silent counts as the middle of the others.
        middle = np.nanmedian(missed, axis=0)
        memory.error += np.where(np.isfinite(missed), missed, middle).sum(axis=1)
        memory.error_count += len(rows)
        off = np.abs(self.outcome[rows] - self.points[rows])
        np.add.at(memory.hour, self.hour[rows], off)
        np.add.at(memory.hour_count, self.hour[rows], 1.0)
        memory.done.extend(rows.tolist())
        banded = rows[np.isfinite(self.quantiles[0, rows])]
        if len(banded) and memory.base is not None:
            below = self.outcome[banded] <= self.quantiles[:, banded]
            width = memory.base[89] - memory.base[9]
            memory.pushed += PUSH * width * (LEVELS[:, None] - below).sum(axis=1)

    def _tell(self, memory: Learnt, lot: slice, issue_ms: int) -> None:
        given = self.members[:, lot]
        weights = np.ones(len(given))
        if memory.error_count > 0:
            weights = (memory.error / memory.error_count + 1e-6) ** -self.power
        wide = np.where(np.isfinite(given), weights[:, None], 0.0)
        total = wide.sum(axis=0)
        wide /= np.where(total > 0, total, np.nan)
        self.weights[:, lot] = wide
        self.points[lot] = np.where(total > 0, np.nansum(wide * given, axis=0), np.nan)
        overall = memory.hour.sum() / max(memory.hour_count.sum(), 1e-9)
        hourly = (memory.hour + 4.0 * overall) / (memory.hour_count + 4.0)
        self.hourly[lot] = np.log(hourly[self.hour[lot]] + 1e-3)
        if len(memory.done) < FEWEST_MISSES:
            return
        if issue_ms - memory.refreshed_ms >= REFRESH_H * 3_600_000:
            self._refresh(memory, issue_ms)
        if memory.fit is None or memory.base is None:
            return
        self.size[lot] = np.exp(self._inputs(np.arange(lot.start, lot.stop)) @ memory.fit)
        told = self.points[lot] + self.size[lot] * (memory.base + memory.pushed)[:, None]
        self.quantiles[:, lot] = np.sort(told, axis=0)

    def _inputs(self, rows: Ints) -> Floats:
        return np.column_stack([np.ones(len(rows)), self.hourly[rows], self.clues[rows]])

    def _refresh(self, memory: Learnt, issue_ms: int) -> None:
        memory.refreshed_ms = issue_ms
        done = np.array(memory.done)
        done = done[self.asks.start_ms[done] >= issue_ms - SIZE_DAYS * MS_PER_DAY]
        done = done[:: max(1, len(done) // MOST_MISSES)]
        if len(done) < FEWEST_MISSES:
            return
        miss = self.outcome[done] - self.points[done]
        size = np.abs(miss)
        inputs = self._inputs(done)
        gram = inputs.T @ inputs / len(done)
        # A light ridge towards nothing but the mean: clues say the same thing at times.
        gram[np.arange(1, len(gram)), np.arange(1, len(gram))] += 1e-2
        wanted = inputs.T @ np.log(size + 0.1 * np.median(size) + 1e-6) / len(done)
        memory.fit = np.linalg.solve(gram, wanted)
        recent = self.asks.start_ms[done] >= issue_ms - WINDOW_DAYS * MS_PER_DAY
        scaled = miss[recent] / np.exp(inputs[recent] @ memory.fit)
        if len(scaled) < FEWEST_MISSES:
            return
        # The (n + 1) of split conformal prediction; beyond the sample its ends hold.
        rank = LEVELS * (len(scaled) + 1) - 1
        memory.base = np.interp(rank, np.arange(len(scaled)), np.sort(scaled))


def outcomes(history: MarketHistory, target: str, asks: Asks) -> tuple[Floats, Ints]:
    """First published value of each row and when that was, ms; `NEVER` where there is none."""
    column = history.column(target)
    number, inside = column.index(asks.start_ms)
    known_ms = np.where(inside, column.known_ms[number], NEVER)
    values = np.where(known_ms != NEVER, column.values[number], np.nan)
    return values, known_ms
