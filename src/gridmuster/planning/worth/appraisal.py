"""What a running center acts on: learnt for the kinds of its fleet, told at each interval.

The same lessons and the same expectations as a backtest's (`learning`, `runlearning`, `play`); only
the rows differ: a backtest asks for those of a span, a center for the one that is running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.forecast.market.history import Column, Floats, MarketHistory
from gridmuster.forecast.market.wallclock import MS_PER_DAY
from gridmuster.planning.worth.backtest import Span, expected_of
from gridmuster.planning.worth.inputs import Inputs, inputs
from gridmuster.planning.worth.learning import StoreModel, learn, study
from gridmuster.planning.worth.play import scarce_usd_per_mwh, steps_of, worth_of_hours
from gridmuster.planning.worth.prices import PriceRecord, finest, price_record, reaching
from gridmuster.planning.worth.runlearning import RunModel, learn_runs, run_study
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.storeterms import StoreTerms
from gridmuster.planning.worth.told import RunWorth, StoreWorth

#: Days of prices on which the running interval is told of: inputs look back two months for the
#: level of prices and another one for how wild they were against it.
TAIL_DAYS = 95
#: Numbers of hours left at which their worth is told, and days for which it is reckoned ahead.
HOURS_TOLD, DAYS_TOLD = 24, 15


@dataclass(frozen=True, slots=True)
class EngineKind:
    """A kind of engine, and the hours that its permits leave.

    Args:
        terms: of the kind.
        left_h: hours left, h; None: they are not capped.
        days: days for which they must do.
    """

    terms: RunTerms
    left_h: float | None = None
    days: int = 0

    @property
    def key(self) -> tuple[RunTerms, bool]:
        """What tells it from others: its terms, and whether its hours are capped."""
        return self.terms, self.left_h is not None


@dataclass(frozen=True, slots=True)
class Kinds:
    """What a fleet has that may act on a price, the kinds with most power first."""

    stores: tuple[StoreTerms, ...] = ()
    engines: tuple[EngineKind, ...] = ()

    def singly(self) -> list[Kinds]:
        """Each kind alone."""
        stores = [Kinds(stores=(one,)) for one in self.stores]
        return stores + [Kinds(engines=(one,)) for one in self.engines]


@dataclass(frozen=True, slots=True)
class LearntRun:
    """What was learnt for a kind of engine.

    Args:
        kind: the kind.
        model: of its gains.
        terms: what the model was learnt for: dearer by what an hour is worth when they are scarce.
        left_h: numbers of hours left.
        worth: of an hour kept with so many left beyond what the model counts already, USD/MW, for
            each day from the lesson on, ``(days, numbers)``.
    """

    kind: EngineKind
    model: RunModel
    terms: RunTerms
    left_h: Floats
    worth: Floats


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt for a fleet.

    Args:
        at_ms: when the last of it was, ms.
        delay_s: how late prices are known, s.
        stores: models by kind.
        engines: models by kind.
        refused: kinds of which nothing could be learnt, in words.
    """

    at_ms: int
    delay_s: int
    stores: tuple[tuple[StoreTerms, StoreModel], ...]
    engines: tuple[LearntRun, ...]
    refused: tuple[str, ...] = ()


def learn_kinds(history: MarketHistory, kinds: Kinds, now_ms: int, delay_s: int) -> Learnt:
    """Learn what energy and starts are worth to the kinds of a fleet.

    Args:
        history: of an area, up to now.
        kinds: of the fleet.
        now_ms: the instant, ms.
        delay_s: how long after an interval's beginning its price is known, s.

    Raises:
        PlanningError: when too little is known to learn anything.
    """
    column = finest(history)
    record = price_record(reaching(history, column, now_ms), column, delay_s)
    known = inputs(record)
    stores: list[tuple[StoreTerms, StoreModel]] = []
    engines: list[LearntRun] = []
    refused: list[str] = []
    for terms in kinds.stores:
        try:
            stores.append((terms, learn([study(record, known, terms)], terms, now_ms)))
        except PlanningError as error:
            refused.append(str(error))
    for kind in kinds.engines:
        try:
            engines.append(_learn_run(record, known, kind, now_ms))
        except PlanningError as error:
            refused.append(str(error))
    if refused and not stores and not engines:
        raise PlanningError(refused[0])
    return Learnt(now_ms, delay_s, tuple(stores), tuple(engines), tuple(refused))


def _learn_run(record: PriceRecord, known: Inputs, kind: EngineKind, now_ms: int) -> LearntRun:
    """A kind of engine; hours that are scarce are learnt as a dearer run, as in `play.run_plan`."""
    terms, step_h = kind.terms, record.step_h
    own = run_study(record, known, terms)
    model = learn_runs([own], terms, now_ms)
    if kind.left_h is None or kind.days <= 0:
        return LearntRun(kind, model, terms, np.zeros(0), np.zeros((1, 0)))
    first = record.at(now_ms)
    count = kind.days * record.day
    budget = steps_of(kind.left_h, record, count)
    told = expected_of(own, model, Span(now_ms, now_ms))
    kept = worth_of_hours(told, record, terms, first, first + count, budget)
    scarce = scarce_usd_per_mwh(kept, terms, budget, step_h)
    if scarce > 0.0:
        terms = replace(terms, cost_usd_per_mwh=terms.cost_usd_per_mwh + scarce)
        model = learn_runs([run_study(record, known, terms)], terms, now_ms)
    places = np.unique(np.round(np.geomspace(1, max(budget, 1), HOURS_TOLD)).astype(np.int64))
    places = places[places <= budget]
    days = min(DAYS_TOLD, len(kept))
    worth = kept[:days][:, places] / step_h - scarce
    return LearntRun(kind, model, terms, np.asarray(places * step_h, np.float64), worth)


def joined(before: Learnt | None, now: Learnt) -> Learnt:
    """What was learnt now with what was learnt before of other kinds, for the same delay.

    Args:
        before: learnt before; None: nothing.
        now: learnt now.
    """
    if before is None or before.delay_s != now.delay_s:
        return now
    stores = {**dict(before.stores), **dict(now.stores)}
    engines = {one.kind.key: one for one in (*before.engines, *now.engines)}
    return replace(now, stores=tuple(stores.items()), engines=tuple(engines.values()))


def told_now(
    history: MarketHistory, learnt: Learnt, start_ms: int
) -> tuple[int, tuple[StoreWorth, ...], tuple[RunWorth, ...]]:
    """What is worth what in an interval.

    Args:
        history: of an area, up to now.
        learnt: at or before now.
        start_ms: beginning of the interval, ms.

    Returns:
        The length of an interval, s, and what is told of stores and of engines.
    """
    history = tail(history, start_ms, TAIL_DAYS)
    column = finest(history)
    record = price_record(reaching(history, column, start_ms), column, learnt.delay_s)
    known = inputs(record)
    rows = np.array([record.at(start_ms)])
    stores = []
    for kind, model in learnt.stores:
        said = model.outlook(study(record, known, kind), rows)
        price = float(said.acted[0])
        worth = tuple(float(one) for one in said.worth[0])
        stores.append(StoreWorth(kind, None if np.isnan(price) else price, worth))
    engines = []
    for one in learnt.engines:
        day = (start_ms - one.model.until_ms) // MS_PER_DAY
        begin, further = one.model.expected(run_study(record, known, one.terms), rows)
        row = one.worth[min(max(day, 0), len(one.worth) - 1)]
        engines.append(
            RunWorth(
                one.kind.terms,
                float(begin[0]),
                float(further[0]),
                tuple(one.left_h.tolist()),
                tuple(np.round(row, 3).tolist()),
            )
        )
    return record.step_s, tuple(stores), tuple(engines)


def tail(history: MarketHistory, now_ms: int, days: int) -> MarketHistory:
    """The last days of a history, from a whole day of its own on.

    Args:
        history: of an area.
        now_ms: the instant, ms.
        days: how many.
    """
    first_ms = min(column.start_ms for column in history.columns.values())
    cut_ms = first_ms + max((now_ms - first_ms) // MS_PER_DAY - days, 0) * MS_PER_DAY
    columns = {name: _from(column, cut_ms) for name, column in history.columns.items()}
    return replace(history, columns=columns)


def _from(column: Column, cut_ms: int) -> Column:
    places = max(-(-(cut_ms - column.start_ms) // column.step_ms), 0)
    if not places:
        return column
    return replace(
        column,
        start_ms=column.start_ms + places * column.step_ms,
        values=column.values[places:],
        known_ms=column.known_ms[places:],
        revisions=None,
        _not_later=[],
    )


def delay_of(late_s: Sequence[float], step_s: int) -> int:
    """How late prices are known, in whole intervals, s: the middle of what was seen.

    Args:
        late_s: from the beginning of an interval until its price was heard, s.
        step_s: length of an interval, s.
    """
    return int(np.median(late_s) // step_s) * step_s if len(late_s) else 0
