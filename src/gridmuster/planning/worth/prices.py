"""A market's history laid out by interval, with what was known when each choice was made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import NEVER, Column, Floats, Ints, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY, WallClock, wall_clock_of
from gridmuster.units import MS_PER_HOUR

#: Days whose mean at the same time stands in for a published price where a market has none.
USUAL_DAYS = 7
#: Hours beyond now that are laid out for a choice to be made now: published prices reach no
#: further than the end of tomorrow.
ROOM_H = 37


@dataclass(frozen=True, slots=True)
class PriceRecord:
    """Prices of an area on the intervals of its real-time market.

    Arrays hold the whole past and what came after; `newest` and `known_end` say what of it a
    choice at the start of each interval may use.

    Args:
        area: its name.
        zone: IANA zone of its days.
        step_s: length of an interval, s.
        start_ms: starts of the intervals, ms.
        price: settled real-time price, per MWh; not-a-number where there is none.
        seen: the same as first published, gaps filled by the value before.
        reference: the price published ahead, or what is usual at that time.
        newest: the last interval whose price was known at the start of each; -1: none.
        known_end: end of the intervals whose reference was known at the start of each.
        wall: local day and minute of each start.
    """

    area: str
    zone: str
    step_s: int
    start_ms: Ints
    price: Floats
    seen: Floats
    reference: Floats
    newest: Ints
    known_end: Ints
    wall: WallClock

    @property
    def step_h(self) -> float:
        """Length of an interval, h."""
        return self.step_s / 3600.0

    @property
    def day(self) -> int:
        """Intervals of a day of 24 hours."""
        return 86_400 // self.step_s

    def at(self, at_ms: int) -> int:
        """The first interval that does not start before an instant."""
        return int(np.searchsorted(self.start_ms, at_ms))

    def acted(self) -> Floats:
        """The newest price known at each choice; not-a-number: none."""
        return np.where(self.newest >= 0, self.seen[np.maximum(self.newest, 0)], np.nan)

    def taught(self) -> Floats:
        """Prices as first published, not-a-number in gaps: what may be learnt from."""
        return np.where(np.isfinite(self.price), self.seen, np.nan)

    def immediate(self, end: int | None = None) -> bool:
        """Whether every choice knows the price it is settled at.

        Args:
            end: of the choices that are asked about; None: all.
        """
        newest = self.newest[:end]
        return bool((newest >= np.arange(len(newest))).all())

    def spans(self) -> Ints:
        """Rows of (first, end, end of what was published): runs of choices that know the same."""
        edges = np.flatnonzero(np.diff(self.known_end)) + 1
        first = np.concatenate([[0], edges])
        end = np.concatenate([edges, [len(self.known_end)]])
        return np.column_stack([first, end, self.known_end[first]]).astype(np.int64)


def delayed(history: MarketHistory, column: str, delay_s: int) -> MarketHistory:
    """The same history with real-time prices known so long after their interval began.

    Args:
        history: of an area.
        column: the real-time price.
        delay_s: 0: a price is known when its interval begins; more: that much later.
    """
    found = history.column(column)
    known_ms = np.where(
        np.isfinite(found.values), found.starts_ms() + delay_s * 1000, NEVER
    ).astype(np.int64)
    columns = {**history.columns, column: replace(found, known_ms=known_ms, _not_later=[])}
    return replace(history, columns=columns)


def finest(history: MarketHistory) -> str:
    """The real-time price of the shortest intervals.

    Raises:
        PlanningError: when the history has no real-time price.
    """
    found = [name for name in history.columns if name.startswith("rt_price")]
    if not found:
        raise PlanningError(
            f"{history.area}: no column rt_price; name the real-time price so in the mapping"
        )
    return min(found, key=lambda name: history.columns[name].step_s)


def reaching(history: MarketHistory, column: str, now_ms: int) -> MarketHistory:
    """The same history with room for the intervals to come, of which other prices are published.

    A center that decides now lays out this one and asks for the interval that begins.

    Args:
        history: of an area, up to now.
        column: the real-time price.
        now_ms: the instant, ms.
    """
    own = history.column(column)
    more = -(-(now_ms + ROOM_H * MS_PER_HOUR - own.end_ms) // own.step_ms)
    if more <= 0:
        return history
    wider = replace(
        own,
        values=np.concatenate([own.values, np.full(more, np.nan)]),
        known_ms=np.concatenate([own.known_ms, np.full(more, NEVER)]),
        _not_later=[],
    )
    return replace(history, columns={**history.columns, column: wider})


def price_record(history: MarketHistory, column: str, delay_s: int) -> PriceRecord:
    """Lay a history out by interval.

    Args:
        history: of an area.
        column: the real-time price.
        delay_s: see `delayed`.

    Raises:
        PlanningError: when the price's interval does not divide the hour.
    """
    history = delayed(history, column, delay_s)
    own = history.column(column)
    if 3600 % own.step_s:
        raise PlanningError(f"{column}: step {own.step_s} s does not divide the hour")
    start_ms = own.starts_ms()
    seen = _filled(own.values)
    newest = np.minimum(_known(own, start_ms) - 1, np.arange(len(start_ms)))
    ahead = history.columns.get("da_price")
    if ahead is not None and ahead.ahead:
        reference, known_end = _published(ahead, own, start_ms)
    else:
        reference, known_end = _usual(seen, newest, own.step_s)
    return PriceRecord(
        history.area,
        history.zone,
        own.step_s,
        start_ms,
        own.final(),
        seen,
        reference,
        newest,
        np.minimum(known_end, len(start_ms)),
        wall_clock_of(start_ms, history.zone),
    )


def _filled(values: Floats) -> Floats:
    """Gaps take the value before them, those at the beginning zero."""
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], 0.0)


def _published(ahead: Column, own: Column, start_ms: Ints) -> tuple[Floats, Ints]:
    """The price published ahead on the intervals of another, and how far each choice knew it."""
    number, inside = ahead.index(start_ms)
    values = np.where(inside, ahead.values[number], np.nan)
    day = MS_PER_DAY // own.step_ms
    for gap in np.flatnonzero(~np.isfinite(values)).tolist():
        values[gap] = values[gap - day] if gap >= day else 0.0
    end_ms = ahead.start_ms + _known(ahead, start_ms) * ahead.step_ms
    return values, np.maximum((end_ms - own.start_ms) // own.step_ms, 0)


def _known(column: Column, issue_ms: Ints) -> Ints:
    """How many intervals from the first on were all known at each issue; gaps keep none back."""
    given = np.flatnonzero(column.known_ms != NEVER)
    if not len(given):
        return np.zeros(len(issue_ms), np.int64)
    none = np.iinfo(np.int64).min
    told = column.known_ms[: given[-1] + 1]
    known_ms = np.maximum.accumulate(np.where(told == NEVER, none, told))
    return np.searchsorted(known_ms, issue_ms, side="right").astype(np.int64)


def _usual(seen: Floats, newest: Ints, step_s: int) -> tuple[Floats, Ints]:
    """Mean of the last days at the same time; a day of it beyond the newest price is known."""
    day = 86_400 // step_s
    total = np.zeros(len(seen))
    count = np.zeros(len(seen))
    for back in range(1, USUAL_DAYS + 1):
        total[back * day :] += seen[: len(seen) - back * day]
        count[back * day :] += 1.0
    found = total / np.maximum(count, 1.0)
    # Whole hours, so that the worth of energy is reckoned once an hour, not at every interval.
    per = MS_PER_HOUR // (step_s * 1000)
    return found, np.maximum((newest + 1) // per * per + day, 0)
