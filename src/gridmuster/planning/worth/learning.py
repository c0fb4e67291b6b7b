"""Learn what stored energy is worth: approximate stochastic dynamic programming by regression.

The value of energy after an interval is the expected cash of the best choices from there on, given
what is known. It is learnt in rounds of policy iteration (Bertsekas 2012, Dynamic Programming and
Optimal Control II, section 6.2): what energy turned out to be worth on the past under the choices
of the round before is computed exactly by a backward pass; boosted trees regress it on what was
known. The first round follows choices that know the future, whose worth is too high for the first
part of a store and too low for the last; the next ones correct that. Each stretch of the past is
judged by trees that were not fitted on it, so that no round believes its own noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.history import Floats, Ints
from gridmuster.planning.worth.inputs import Inputs, Matrix, inputs
from gridmuster.planning.worth.kernels import appraise, foresee, look_ahead
from gridmuster.planning.worth.lessons import Part, past
from gridmuster.planning.worth.prices import PriceRecord
from gridmuster.planning.worth.storeterms import StoreTerms
from gridmuster.planning.worth.trees import USUAL, Trees, grow

#: Parts of a store whose worth is learnt; points of the grid on which the past is judged.
PARTS, POINTS = 8, 192
#: Rounds of policy iteration after the first; lots of stretches left out in turn.
ROUNDS, FOLDS = 1, 3
#: Days at the end of a record that have too little ahead.
TAIL_DAYS = 3
MOST_ROWS = 70_000
#: The same for expected prices: one number learns from more for the same work.
MOST_PRICES = 200_000
#: Outcomes beyond this many levels count as that much, prices twice.
MOST_LEVELS = 12.0

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Study:
    """A record made ready to learn from, for one kind of store.

    Args:
        record: of an area.
        known: inputs of every choice.
        published: worth of energy were the published prices to come true, ``(intervals, parts)``.
    """

    record: PriceRecord
    known: Inputs
    published: Floats

    def matrix(self, rows: Ints) -> Matrix:
        """Inputs of some choices."""
        own = self.published[rows][:, ::2] / self.known.level[rows, None]
        return np.hstack([self.known.matrix[rows], own.astype(np.float32)])


def study(record: PriceRecord, known: Inputs, terms: StoreTerms) -> Study:
    """Make a record ready for a kind of store.

    Args:
        record: of an area.
        known: its inputs.
        terms: of the store.
    """
    worth = look_ahead(
        record.reference,
        record.spans(),
        record.day,
        terms.array(record.step_h),
        POINTS,
        PARTS,
    )
    return Study(record, known, np.minimum.accumulate(worth, axis=1))


def studies(records: Sequence[PriceRecord], terms: StoreTerms) -> list[Study]:
    """Make several records ready."""
    return [study(record, inputs(record), terms) for record in records]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What some choices are made on.

    Args:
        acted: the price of the interval, known or expected, per MWh.
        worth: ``(rows, parts)`` worth of energy after the interval, never rising, per MWh.
    """

    acted: Floats
    worth: Floats


@dataclass(frozen=True, slots=True)
class StoreModel:
    """What was learnt for a kind of store.

    Args:
        worth: departure of the worth from the published one, in levels.
        price: departure of the interval's price from the reference, in levels; None: it is known.
        until_ms: nothing later was learnt from, ms.
    """

    worth: Trees
    price: Trees | None
    until_ms: int

    def outlook(self, own: Study, rows: Ints) -> Outlook:
        """What choices at some intervals are made on."""
        matrix, level = own.matrix(rows), own.known.level[rows]
        worth = own.published[rows] + level[:, None] * self.worth.say(matrix)
        acted = own.record.acted()[rows]
        if self.price is not None:
            acted = own.record.reference[rows] + level * self.price.say(matrix)[:, 0]
        return Outlook(acted, np.minimum.accumulate(worth, axis=1))


@dataclass(frozen=True, slots=True)
class _Lesson:
    """The past of one area: rows that teach worth, and rows that teach prices."""

    part: Part[Study]
    rows: Ints
    prices: Ints

    @property
    def own(self) -> Study:
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


def learn(
    made: Sequence[Study], terms: StoreTerms, until_ms: int, told: Told | None = None
) -> StoreModel:
    """Learn the worth of energy from all that was known by an instant.

    Args:
        made: records of the areas to learn from, together.
        terms: of the store.
        until_ms: the instant, ms.
        told: is told what was done, how much of how much.

    Raises:
        PlanningError: when too little was known by then.
    """
    lessons = _lessons(made, until_ms)
    array = terms.array(made[0].record.step_h)
    known = all(one.own.record.immediate(one.end) for one in lessons)
    worth = [foresee(_price(one), array, POINTS, PARTS)[1] for one in lessons]
    of = ROUNDS * FOLDS + 1
    for round_ in range(ROUNDS):
        expected = [np.full((one.end - one.first, PARTS), np.nan) for one in lessons]
        acted = [_price(one).copy() for one in lessons]
        for fold in range(FOLDS):
            if told is not None:
                told("learning the worth of energy", round_ * FOLDS + fold, of)
            model = _fit(lessons, worth, fold, known, until_ms)
            for one, into, seen in zip(lessons, expected, acted, strict=True):
                left = np.flatnonzero(one.fold == fold)
                outlook = model.outlook(one.own, one.first + left)
                into[left] = outlook.worth
                if not known:
                    seen[left] = outlook.acted
        worth = [
            appraise(_price(one), seen, into, array, POINTS, PARTS)
            for one, seen, into in zip(lessons, acted, expected, strict=True)
        ]
    if told is not None:
        told("learning the worth of energy", of - 1, of)
    return _fit(lessons, worth, -1, known, until_ms)


def _price(one: _Lesson) -> Floats:
    return one.own.record.taught()[one.first : one.end]


def _lessons(made: Sequence[Study], until_ms: int) -> list[_Lesson]:
    """Which rows of each record teach."""
    parts = past(made, until_ms, TAIL_DAYS, FOLDS)
    rows = sum(one.end - one.first for one in parts)
    return [
        _Lesson(
            one,
            np.arange(one.first, one.end - TAIL_DAYS * one.own.record.day, -(-rows // MOST_ROWS)),
            np.arange(one.first, one.end, -(-rows // MOST_PRICES)),
        )
        for one in parts
    ]


def _fit(
    lessons: Sequence[_Lesson],
    worth: Sequence[Floats],
    left_out: int,
    known: bool,
    until_ms: int,
) -> StoreModel:
    """Fit the trees on all stretches but one."""
    matrix, departures = [], []
    for one, turned_out in zip(lessons, worth, strict=True):
        own, rows = one.own, _kept(one, one.rows, left_out)
        matrix.append(own.matrix(rows))
        level = own.known.level[rows, None]
        departure = (turned_out[rows - one.first] - own.published[rows]) / level
        departures.append(np.clip(departure, -MOST_LEVELS, MOST_LEVELS))
    price = None if known else _fit_price(lessons, left_out)
    trees = grow(np.concatenate(matrix), np.concatenate(departures), USUAL)
    return StoreModel(trees, price, until_ms)


def _fit_price(lessons: Sequence[_Lesson], left_out: int) -> Trees:
    """Fit the price of the interval on all stretches but one."""
    matrix, misses = [], []
    for one in lessons:
        record, rows = one.own.record, _kept(one, one.prices, left_out)
        matrix.append(one.own.matrix(rows))
        miss = (record.seen[rows] - record.reference[rows]) / one.own.known.level[rows]
        misses.append(np.clip(miss, -2.0 * MOST_LEVELS, 2.0 * MOST_LEVELS)[:, None])
    return grow(np.concatenate(matrix), np.concatenate(misses), USUAL)


def _kept(one: _Lesson, rows: Ints, left_out: int) -> Ints:
    """Rows outside one of the stretches."""
    return np.asarray(rows[one.fold[rows - one.first] != left_out])
