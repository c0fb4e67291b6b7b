"""What a market published, when it was known, and nothing of it before that.

The issue-time rule has one door: every read names the instant at which a forecast is issued, and
gives not-a-number for what was not published by then. `truth` alone looks at everything, for
scores and for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gridmuster.clock import iso
from gridmuster.errors import PlanningError
from gridmuster.units import MS_PER_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Known at no time: a gap.
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader of market data should know.

    Args:
        column: the column concerned; "" for the whole.
        kind: short name: ``gap``, ``repeated``, ``revised``, ``extreme``, ``clock-change``, ...
        count: how many intervals.
        first_ms: start of the first of them, ms; -1 when there is no one place.
        text: what was found and what was done about it.
    """

    column: str
    kind: str
    count: int
    first_ms: int
    text: str

    def __str__(self) -> str:
        where = f", first {iso(self.first_ms)}" if self.first_ms >= 0 else ""
        return f"{self.column or 'data'}: {self.text} ({self.kind}, {self.count:,}{where})"


@dataclass(frozen=True, slots=True)
class Revisions:
    """Later versions of values, in the order in which they were published.

    Args:
        index: which interval of the column.
        values: its new value.
        known_ms: when that was published, ms; never falling.
    """

    index: Ints
    values: Floats
    known_ms: Ints


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity on equal intervals.

    Args:
        unit: unit of the values.
        start_ms: start of the first interval, ms since the epoch.
        step_s: length of an interval, s.
        values: as first published; not-a-number where there is none.
        known_ms: when each was published, ms; `NEVER` where there is none.
        ahead: whether it is published before its interval begins.
        revisions: later versions.
    """

    unit: str
    start_ms: int
    step_s: int
    values: Floats
    known_ms: Ints
    ahead: bool = False
    revisions: Revisions | None = None
    _not_later: list[Ints] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.values.shape != self.known_ms.shape or self.values.ndim != 1:
            raise PlanningError(
                f"values {self.values.shape} and known_ms {self.known_ms.shape} must be two "
                "arrays of one length"
            )
        if np.any(~np.isfinite(self.values) & (self.known_ms != NEVER)):
            raise PlanningError("a value that is not a number must be known at no time (NEVER)")

    @property
    def step_ms(self) -> int:
        """Length of an interval, ms."""
        return self.step_s * MS_PER_S

    @property
    def end_ms(self) -> int:
        """End of the last interval, ms."""
        return self.start_ms + len(self.values) * self.step_ms

    def starts_ms(self) -> Ints:
        """Start of every interval, ms."""
        return self.start_ms + self.step_ms * np.arange(len(self.values), dtype=np.int64)

    def index(self, at_ms: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Interval that holds each instant, and whether there is one (0 where there is none)."""
        number = (at_ms - self.start_ms) // self.step_ms
        inside = (number >= 0) & (number < len(self.values))
        return np.where(inside, number, 0), inside

    def gather(self, at_ms: Ints, issue_ms: Ints) -> Floats:
        """Values of the intervals that hold some instants, each as known at its issue."""
        if not len(self.values):
            return np.full(np.broadcast_shapes(at_ms.shape, issue_ms.shape), np.nan)
        number, inside = self.index(at_ms)
        known = inside & (self.known_ms[number] <= issue_ms)
        found = np.where(known, self.values[number], np.nan)
        if self.revisions is not None and len(self.revisions.index):
            return self._revised(found, np.where(inside, number, -1), issue_ms)
        return found

    def _revised(self, found: Floats, number: Ints, issue_ms: Ints) -> Floats:
        revisions = self.revisions
        assert revisions is not None
        touched = np.isin(number, revisions.index)
        number, issue_ms = np.broadcast_arrays(number, issue_ms)
        found = np.broadcast_to(found, number.shape).copy()
        touched = np.broadcast_to(touched, number.shape)
        for place in zip(*np.nonzero(touched), strict=True):
            mine = (revisions.index == number[place]) & (revisions.known_ms <= issue_ms[place])
            if mine.any():
                found[place] = revisions.values[np.flatnonzero(mine)[-1]]
        return found

    def latest_ms(self, issue_ms: Ints) -> Ints:
        """Start of the newest interval published by each issue, ms; none: a step before all."""
        if not self._not_later:
            # known_ms may fall again (gaps, whole days at once): from the end, the earliest so far.
            self._not_later.append(np.minimum.accumulate(self.known_ms[::-1])[::-1])
        number = np.searchsorted(self._not_later[0], issue_ms, side="right") - 1
        return np.asarray(self.start_ms + number * self.step_ms, np.int64)

    def final(self) -> Floats:
        """The values in their last version."""
        values = self.values.copy()
        if self.revisions is not None:
            values[self.revisions.index] = self.revisions.values
        return values


@dataclass(frozen=True, slots=True)
class MarketHistory:
    """All that is recorded of one area of a market.

    Args:
        area: its name.
        zone: IANA zone of the market's days.
        columns: quantities by name: ``rt_price``, ``da_price``, ``demand``, ``sun``, ``wind`` and
            whatever else helps.
        closes_min: when the day-ahead auction closes, minutes of the local day before delivery.
        notices: what was found while reading.
    """

    area: str
    zone: str
    columns: Mapping[str, Column]
    closes_min: int = 10 * 60
    notices: tuple[Notice, ...] = ()

    def column(self, name: str) -> Column:
        """A column.

        Raises:
            PlanningError: when there is none of that name.
        """
        found = self.columns.get(name)
        if found is None:
            names = ", ".join(sorted(self.columns)) or "none"
            raise PlanningError(
                f"{self.area}: no column {name!r}; there are {names}: name it in the mapping"
            )
        return found

    def gather(self, name: str, at_ms: Ints, issue_ms: Ints) -> Floats:
        """Values as they were known.

        Args:
            name: a column.
            at_ms: instants inside the intervals wanted, any shape.
            issue_ms: when each is asked for, ms; shapes broadcast.

        Returns:
            The values; not-a-number for what had not been published by its issue.
        """
        return self.column(name).gather(np.asarray(at_ms, np.int64), np.asarray(issue_ms, np.int64))

    def truth(self, name: str, at_ms: Ints) -> Floats:
        """Last versions of values, for scores only: no forecast may come here."""
        column = self.column(name)
        number, inside = column.index(np.asarray(at_ms, np.int64))
        return np.where(inside, column.final()[number], np.nan)

    def known_at(self, issue_ms: int) -> MarketView:
        """All that was published by an instant, and nothing else."""
        return MarketView(self, issue_ms)

    def changed_after(self, at_ms: int, seed: int) -> MarketHistory:
        """The same history with everything that became known after an instant replaced.

        Args:
            at_ms: the instant, ms.
            seed: seed of the values that take the place of the real ones.
        """
        dice = np.random.default_rng(seed)
        columns = {}
        for name, column in self.columns.items():
            later = column.known_ms > at_ms
            scale = 1.0 + float(np.nanmax(np.abs(column.values))) if len(column.values) else 1.0
            values = np.where(
                later & (column.known_ms != NEVER),
                dice.uniform(-9.0, 9.0, len(column.values)) * scale,
                column.values,
            )
            revisions = column.revisions
            if revisions is not None:
                new = dice.uniform(-9.0, 9.0, len(revisions.values)) * scale
                revisions = replace(
                    revisions, values=np.where(revisions.known_ms > at_ms, new, revisions.values)
                )
            columns[name] = Column(
                column.unit,
                column.start_ms,
                column.step_s,
                values,
                column.known_ms,
                column.ahead,
                revisions,
            )
        return replace(self, columns=columns)

    def span_ms(self) -> tuple[int, int]:
        """Start of the first and end of the last interval of any column, ms."""
        if not self.columns:
            raise PlanningError(f"{self.area}: the history has no column")
        return (
            min(column.start_ms for column in self.columns.values()),
            max(column.end_ms for column in self.columns.values()),
        )


@dataclass(frozen=True, slots=True)
class MarketView:
    """A history as it stood at one instant.

    Args:
        history: what it is a view of.
        issue_ms: the instant, ms.
    """

    history: MarketHistory
    issue_ms: int

    def values(self, name: str, start_ms: int, count: int) -> Floats:
        """Consecutive values of a column, not-a-number where unknown then.

        Args:
            name: a column.
            start_ms: an instant inside the first interval, ms.
            count: how many.
        """
        step_ms = self.history.column(name).step_ms
        at_ms = start_ms + step_ms * np.arange(count, dtype=np.int64)
        return self.history.gather(name, at_ms, np.array(self.issue_ms))

    def latest_ms(self, name: str) -> int:
        """Start of the newest interval of a column published by then, ms."""
        return int(self.history.column(name).latest_ms(np.array([self.issue_ms]))[0])


def coarser(column: Column, step_s: int) -> Column:
    """Means over longer intervals, each known when the last of its parts was.

    An interval with any part missing has no mean. First versions count; revisions do not.

    Args:
        column: what to take means of.
        step_s: the longer step, s: a multiple of the column's.

    Raises:
        PlanningError: when it is no multiple.
    """
    if step_s % column.step_s:
        raise PlanningError(f"step {step_s} s is no multiple of {column.step_s} s")
    parts = step_s // column.step_s
    step_ms = step_s * MS_PER_S
    lead = (-column.start_ms) % step_ms // column.step_ms
    count = (len(column.values) - lead) // parts
    if count <= 0:
        raise PlanningError(f"{len(column.values)} intervals make no interval of {step_s} s")
    cut = slice(lead, lead + count * parts)
    values = column.values[cut].reshape(count, parts).mean(axis=1)
    known_ms = np.where(
        np.isfinite(values), column.known_ms[cut].reshape(count, parts).max(axis=1), NEVER
    )
    start_ms = column.start_ms + lead * column.step_ms
    return Column(column.unit, start_ms, step_s, values, known_ms, column.ahead)
