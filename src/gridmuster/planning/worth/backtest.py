"""Replay the past through the choices of a running center, and count what they earned.

Everything is in causal order: models are learnt from what was known when they are learnt, again
every half year; each choice uses what was known as its interval began. Devices that are alike on
the same prices are replayed once and counted many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import Floats, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY
from gridmuster.planning.worth.inputs import Inputs, inputs
from gridmuster.planning.worth.learning import Outlook, Study, learn, study
from gridmuster.planning.worth.prices import PriceRecord, finest, price_record
from gridmuster.planning.worth.rivals import rival_worths
from gridmuster.planning.worth.runlearning import RunModel, RunStudy, learn_runs, run_study
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.storeterms import StoreTerms

#: Days between two lessons.
RELEARN_DAYS = 183

Told = Callable[[str, int, int], None]
Learnt = TypeVar("Learnt")


class Keep(Protocol):
    """Gives what was learnt under a name before, or learns it now."""

    def __call__(self, name: str, make: Callable[[], Learnt]) -> Learnt:
        """What goes by a name.

        Args:
            name: of a lesson, alone in its market.
            make: learns it.
        """


def _anew(name: str, make: Callable[[], Learnt]) -> Learnt:
    return make()


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, ms; intervals that begin in it count."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class RunOutlook:
    """What an engine's choices are made on, USD/MW.

    Args:
        begin: expected gain of a start at each interval.
        further: expected gain of going on.
        past_begin: the same over the year before, from which the worth of hours is reckoned.
        past_further: the same.
    """

    begin: Floats
    further: Floats
    past_begin: Floats
    past_further: Floats


@dataclass(slots=True)
class Market:
    """Records of the areas of a market, and what is learnt from them on the way.

    Args:
        records: by area.
        span: of the backtest.
        told: is told what was done, how much of how much.
        keep: gives what was learnt before; lessons are learnt anew when nothing else is said.
    """

    records: Mapping[str, PriceRecord]
    span: Span
    told: Told | None = None
    keep: Keep = _anew
    _inputs: dict[str, Inputs] = field(default_factory=dict)
    _studies: dict[tuple[str, StoreTerms], Study] = field(default_factory=dict)
    _outlooks: dict[tuple[str, StoreTerms], Outlook] = field(default_factory=dict)
    _rivals: dict[tuple[str, StoreTerms], dict[str, tuple[Floats, Floats]]] = field(
        default_factory=dict
    )
    _runs: dict[tuple[str, RunTerms], RunOutlook] = field(default_factory=dict)

    def rows(self, area: str) -> tuple[int, int]:
        """First interval of the span and its end."""
        record = self.records[area]
        return record.at(self.span.from_ms), record.at(self.span.to_ms)

    def known(self, area: str) -> Inputs:
        """Inputs of an area's choices."""
        if area not in self._inputs:
            self._inputs[area] = inputs(self.records[area])
        return self._inputs[area]

    def study(self, area: str, terms: StoreTerms) -> Study:
        """An area's record made ready for a kind of store."""
        if (area, terms) not in self._studies:
            self._studies[area, terms] = study(self.records[area], self.known(area), terms)
        return self._studies[area, terms]

    def lessons(self) -> list[Span]:
        """Spans each of which is played with what was learnt before it."""
        edges = list(range(self.span.from_ms, self.span.to_ms, RELEARN_DAYS * MS_PER_DAY))
        return [
            Span(a, b) for a, b in zip(edges, [*edges[1:], self.span.to_ms], strict=True) if b > a
        ]

    def outlook(self, area: str, terms: StoreTerms) -> Outlook:
        """What a kind of store's choices in the span are made on, learnt from all areas."""
        if (area, terms) not in self._outlooks:
            parts: dict[str, list[Outlook]] = {name: [] for name in self.records}
            for part in self.lessons():
                for name, lot in self.store_lesson(terms, part).items():
                    parts[name].append(lot)
            for name, lots in parts.items():
                if lots:
                    self._outlooks[name, terms] = Outlook(
                        np.concatenate([lot.acted for lot in lots]),
                        np.concatenate([lot.worth for lot in lots]),
                    )
        return self._outlooks[area, terms]

    def store_lesson(self, terms: StoreTerms, part: Span) -> dict[str, Outlook]:
        """What a kind of store's choices in a part of the span are made on, by area."""

        def taught() -> dict[str, Outlook]:
            made = [self.study(name, terms) for name in self.records]
            model = learn(made, terms, part.from_ms, self.told)
            found = {}
            for own in made:
                rows = np.arange(own.record.at(part.from_ms), own.record.at(part.to_ms))
                if len(rows):
                    found[own.record.area] = model.outlook(own, rows)
            return found

        return self.keep(f"{terms} {part}", taught)

    def run_lesson(self, terms: RunTerms, part: Span) -> dict[str, RunOutlook]:
        """What a kind of engine's choices in a part of the span are made on, by area."""

        def taught() -> dict[str, RunOutlook]:
            made = [run_study(r, self.known(n), terms) for n, r in self.records.items()]
            model = learn_runs(made, terms, part.from_ms, self.told)
            found = {own.record.area: expected_of(own, model, part) for own in made}
            return {name: lot for name, lot in found.items() if len(lot.begin)}

        return self.keep(f"{terms} {part}", taught)

    def rivals(self, area: str, terms: StoreTerms) -> dict[str, tuple[Floats, Floats]]:
        """Prices and worths that simple rules for a kind of store act on in the span."""
        if (area, terms) not in self._rivals:
            own = self.study(area, terms)
            array = terms.array(own.record.step_h)
            self._rivals[area, terms] = rival_worths(
                own.record, own.published, array, *self.rows(area)
            )
        return self._rivals[area, terms]

    def run_outlook(self, area: str, terms: RunTerms) -> RunOutlook:
        """What a kind of engine's choices in the span are made on."""
        if (area, terms) not in self._runs:
            parts: dict[str, list[RunOutlook]] = {name: [] for name in self.records}
            for part in self.lessons():
                for name, lot in self.run_lesson(terms, part).items():
                    parts[name].append(lot)
            for name, lots in parts.items():
                if lots:
                    self._runs[name, terms] = RunOutlook(
                        np.concatenate([lot.begin for lot in lots]),
                        np.concatenate([lot.further for lot in lots]),
                        lots[0].past_begin,
                        lots[0].past_further,
                    )
        return self._runs[area, terms]


def expected_of(own: RunStudy, model: RunModel, part: Span) -> RunOutlook:
    """What an engine's choices in a part of a span are made on.

    Args:
        own: an area's record made ready.
        model: learnt before the part.
        part: of the span; an empty one still tells of the year before it.
    """
    record = own.record
    first = record.at(part.from_ms)
    begin, further = model.expected(own, np.arange(first, record.at(part.to_ms)))
    known = int(record.newest[min(first, len(record.newest) - 1)]) + 1
    past = np.arange(max(0, known - 366 * record.day), known)
    before = model.expected(own, past)
    return RunOutlook(begin, further, before[0], before[1])


def market(
    histories: Sequence[MarketHistory],
    span: Span,
    delay_s: int,
    told: Told | None = None,
    keep: Keep = _anew,
) -> Market:
    """Make the histories of a market's areas ready.

    Args:
        histories: of areas, each with a real-time price.
        span: of the backtest.
        delay_s: how long after an interval's beginning its price is known; 0: as it begins.
        told: is told what was done, how much of how much.
        keep: see `Market`.

    Raises:
        PlanningError: when the span lies outside the prices, or areas differ in their intervals.
    """
    records: dict[str, PriceRecord] = {}
    for history in histories:
        record = price_record(history, finest(history), delay_s)
        if record.at(span.to_ms) <= record.at(span.from_ms):
            raise PlanningError(
                f"{history.area}: no real-time price in the span; choose other days"
            )
        records[history.area] = record
    steps = {record.step_s for record in records.values()}
    if len(steps) != 1:
        raise PlanningError(
            f"areas with intervals of {sorted(steps)} s together; name one with --area"
        )
    return Market(records, span, told, keep)
