"""Learn what a start gains: the stochastic dynamic programme of an engine, by regression.

The state is off, starting, bound by the least run, or free; the choice at each interval is to start
and to go on. As for stores (`learning`), rounds of policy iteration judge the choices of the round
before on the past, exactly, and regress on what was known how far the gain of each start and of
each further interval departed from what the published prices promised: where prices go beyond all
that was seen, that promise is what remains.

Long scarcity is rare: a handful of days decide. So several lots of trees are fitted,
each without some stretches of the past, and a start must gain by the word of every lot, by at least
a margin: the one that would have earned most, less its standard error, on the stretches each lot
has not seen. Where no margin would have earned anything so, the engine is never started.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.history import Floats, Ints
from gridmuster.planning.worth.inputs import Inputs, Matrix
from gridmuster.planning.worth.kernels import trailing_most
from gridmuster.planning.worth.lessons import FOLD_DAYS, Part, past
from gridmuster.planning.worth.prices import PriceRecord
from gridmuster.planning.worth.runkernels import NO, follow, gains, published_gains
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.trees import Trees, grow

Flags = NDArray[np.bool_]
Told = Callable[[str, int, int], None]

#: Rounds after the first; lots of trees, each without one stretch in so many; days at the end of a
#: record that have too little ahead.
ROUNDS, FOLDS, TAIL_DAYS = 2, 3, 1
MOST_ROWS = 70_000
#: A choice is in question while a price of late or soon is above this share of the running cost.
IN_QUESTION = 0.4
#: Gains beyond so many least runs at cost count as that much.
MOST_RUNS = 6.0
#: Margins of a start that are tried, in least runs at cost.
MARGINS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
#: Few and noisy outcomes: shallower trees than for energy.
SETTINGS = Boosting(rounds=60, rate=0.08, leaves=12, leaf_rows=120, ridge=20.0)


@dataclass(frozen=True, slots=True)
class RunStudy:
    """A record made ready to learn from, for one kind of engine.

    Args:
        record: of an area.
        matrix: inputs of every choice.
        warm: whether prices are anywhere near the running cost.
        published: gains of starting and of going on were the published prices to come true,
            USD/MW, ``(2, intervals)``.
    """

    record: PriceRecord
    matrix: Matrix
    warm: Flags
    published: Floats


def run_study(record: PriceRecord, known: Inputs, terms: RunTerms) -> RunStudy:
    """Make a record ready for a kind of engine.

    Args:
        record: of an area.
        known: its inputs.
        terms: of the engine.
    """
    count, cost = len(record.price), terms.cost_usd_per_mwh
    now = np.arange(count)
    newest = np.maximum(record.newest, 0)
    per = 3600 // record.step_s
    parts = [record.seen[np.maximum(newest - lag, 0)] / cost for lag in (0, 1, 2)]
    total = np.concatenate([[0.0], np.cumsum(record.seen)])
    for window in (max(1, per // 2), per, 3 * per, 24 * per):
        begin = np.maximum(newest + 1 - window, 0)
        parts.append((total[newest + 1] - total[begin]) / np.maximum(newest + 1 - begin, 1) / cost)
    over = np.concatenate([[0.0], np.cumsum(record.seen > cost)])
    for window in (per, 3 * per, 24 * per, 168 * per):
        begin = np.maximum(newest + 1 - window, 0)
        parts.append((over[newest + 1] - over[begin]) * record.step_h)
    soon = np.full(count, -np.inf)
    for hours in (0, 1, 2, 4, 6):
        place = now + per * hours
        for _ in range(2):
            place = np.where(place >= record.known_end, place - record.day, place)
        ahead = record.reference[np.clip(place, 0, count - 1)]
        parts.append(ahead / cost)
        soon = np.maximum(soon, ahead) if hours <= 2 else soon
    of_late = trailing_most(record.seen, per)[newest]
    warm = np.maximum(of_late, soon) > IN_QUESTION * cost
    published = published_gains(
        record.reference,
        record.spans(),
        record.day,
        terms.start_steps(record.step_s),
        terms.least_steps(record.step_s),
        terms.lost_h,
        cost,
        terms.start_usd_per_mw,
        record.step_h,
    )
    parts += list(published / (cost * terms.least_steps(record.step_s) * record.step_h))
    shown = np.arcsinh(3.0 * np.column_stack(parts)) / 3.0
    level = np.log(known.level / cost)[:, None]
    matrix = np.hstack([known.matrix, shown, level]).astype(np.float32)
    return RunStudy(record, matrix, warm, published)


@dataclass(frozen=True, slots=True)
class RunModel:
    """What was learnt for a kind of engine.

    Args:
        lots: trees for the gain of a start and of going on, in least runs at cost.
        scale_usd_per_mw: a least run at cost, USD/MW.
        margin_usd_per_mw: what a start must gain by, USD/MW; infinite: it never did.
        until_ms: nothing later was learnt from, ms.
    """

    lots: tuple[Trees, ...]
    scale_usd_per_mw: float
    margin_usd_per_mw: float
    until_ms: int

    def expected(self, own: RunStudy, rows: Ints) -> tuple[Floats, Floats]:
        """Gains of starting and of going on at some choices, USD/MW.

        Those of a start are the least that any lot of trees expects, less the margin, those of
        going on the mean; both are `NO` and below zero where prices are far from the cost.
        """
        begin = np.full(len(rows), NO)
        further = np.full(len(rows), NO)
        near = np.flatnonzero(own.warm[rows])
        if len(near):
            base = own.published[:, rows[near]].T / self.scale_usd_per_mw
            said = [base + lot.say(own.matrix[rows[near]]) for lot in self.lots]
            least = np.min([one[:, 0] for one in said], axis=0) * self.scale_usd_per_mw
            begin[near] = np.maximum(least - self.margin_usd_per_mw, NO)
            further[near] = np.mean([one[:, 1] for one in said], axis=0) * self.scale_usd_per_mw
        return begin, further


@dataclass(frozen=True, slots=True)
class _Lesson:
    """The past of one area, and the rows of it that teach."""

    part: Part[RunStudy]
    rows: Ints

    @property
    def own(self) -> RunStudy:
        return self.part.own

    @property
    def first(self) -> int:
        return self.part.first

    @property
    def end(self) -> int:
        return self.part.end

    @property
    def fold(self) -> Ints:
        return self.part.fold


def learn_runs(
    made: Sequence[RunStudy], terms: RunTerms, until_ms: int, told: Told | None = None
) -> RunModel:
    """Learn what starts gain from all that was known by an instant.

    Args:
        made: records of the areas to learn from, together.
        terms: of the engine.
        until_ms: the instant, ms.
        told: is told what was done, how much of how much.

    Raises:
        PlanningError: when too little was known by then.
    """
    lessons = _lessons(made, until_ms)
    step_s = made[0].record.step_s
    scale = terms.cost_usd_per_mwh * terms.least_steps(step_s) * step_s / 3600.0
    none = [np.zeros(one.end - one.first, np.bool_) for one in lessons]
    outcomes = [
        _gained(one, terms, flags, flags, True) for one, flags in zip(lessons, none, strict=True)
    ]
    lots: list[Trees] = []
    unseen: list[Floats] = []
    for round_ in range(ROUNDS + 1):
        if told is not None:
            told("learning what starts gain", round_, ROUNDS + 1)
        lots = [_fit(lessons, outcomes, fold, scale) for fold in range(FOLDS)]
        unseen = [_unseen(one, lots, scale) for one in lessons]
        outcomes = [
            _gained(one, terms, said[0] > 0.0, said[1] > 0.0, False)
            for one, said in zip(lessons, unseen, strict=True)
        ]
    margin = _margin(lessons, terms, unseen)
    return RunModel(tuple(lots), scale, margin * scale, until_ms)


def _unseen(one: _Lesson, lots: Sequence[Trees], scale: float) -> Floats:
    """Gains of a start and of going on, each as expected by the lot that has not seen its day."""
    found = np.full((2, one.end - one.first), NO)
    for fold, lot in enumerate(lots):
        left = np.flatnonzero((one.fold == fold) & one.own.warm[one.first : one.end])
        if len(left):
            rows = one.first + left
            found[:, left] = one.own.published[:, rows] / scale + lot.say(one.own.matrix[rows]).T
    return found


def _margin(lessons: Sequence[_Lesson], terms: RunTerms, unseen: Sequence[Floats]) -> float:
    """The margin of a start with the best past less its standard error, in least runs at cost."""
    best, found = 0.0, np.inf
    for margin in MARGINS:
        stretches: dict[int, float] = {}
        for one, (begin, further) in zip(lessons, unseen, strict=True):
            record, step_s = one.own.record, one.own.record.step_s
            count = one.end - one.first
            cash, _, _ = follow(
                record.taught()[one.first : one.end],
                begin - margin,
                further,
                np.zeros((1, count + 1)),
                count,
                terms.start_steps(step_s),
                terms.least_steps(step_s),
                terms.lost_h,
                terms.cost_usd_per_mwh,
                terms.start_usd_per_mw,
                record.step_h,
            )
            stretch = record.wall.day[one.first : one.end] // FOLD_DAYS
            for number in np.unique(stretch[cash != 0.0]).tolist():
                earned = float(cash[stretch == number].sum())
                stretches[number] = stretches.get(number, 0.0) + earned
        # Areas of a market share their days: stretches are independent, areas within them are not.
        each = np.array(list(stretches.values()))
        sure = float(each.sum() - np.sqrt((each**2).sum()))
        if sure > best:
            best, found = sure, margin
    return found


def _gained(
    one: _Lesson, terms: RunTerms, starts: Flags, stays: Flags, foresees: bool
) -> tuple[Floats, Floats]:
    record = one.own.record
    begin, further, _ = gains(
        record.taught()[one.first : one.end],
        starts,
        stays,
        foresees,
        terms.start_steps(record.step_s),
        terms.least_steps(record.step_s),
        terms.lost_h,
        terms.cost_usd_per_mwh,
        terms.start_usd_per_mw,
        record.step_h,
    )
    return begin, further


def _lessons(made: Sequence[RunStudy], until_ms: int) -> list[_Lesson]:
    """Which rows of each record teach: all warm ones."""
    found = []
    for one in past(made, until_ms, TAIL_DAYS, FOLDS):
        rows = np.arange(one.first, one.end - TAIL_DAYS * one.own.record.day)
        rows = rows[one.own.warm[rows]]
        stride = max(1, -(-len(rows) * len(made) // MOST_ROWS))
        found.append(_Lesson(one, rows[::stride]))
    return found


def _fit(
    lessons: Sequence[_Lesson],
    outcomes: Sequence[tuple[Floats, Floats]],
    left_out: int,
    scale: float,
) -> Trees:
    """Trees fitted on all stretches but one."""
    matrix, gained = [], []
    for one, (begin, further) in zip(lessons, outcomes, strict=True):
        rows = one.rows[one.fold[one.rows - one.first] != left_out]
        matrix.append(one.own.matrix[rows])
        both = np.column_stack([begin[rows - one.first], further[rows - one.first]])
        departure = (both - one.own.published[:, rows].T) / scale
        gained.append(np.clip(departure, -MOST_RUNS, MOST_RUNS))
    given = np.concatenate(matrix)
    if len(given) < 40:
        # Prices never came near the cost: nothing is expected of a start.
        return grow(np.zeros((40, _width(lessons)), np.float32), np.zeros((40, 2)), SETTINGS)
    return grow(given, np.concatenate(gained), SETTINGS)


def _width(lessons: Sequence[_Lesson]) -> int:
    """Columns of the inputs."""
    return int(lessons[0].own.matrix.shape[1])
