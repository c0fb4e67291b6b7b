"""Looks for plans: rounds mixtures, dives, and opens one part of the best plan after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gridmuster.planning.cases.partial import Classes, Open, Partial, partial
from gridmuster.planning.cases.plans import (
    Dispatch,
    Mask,
    dispatched,
    joined,
    limits_of,
    opened,
    rounded,
)
from gridmuster.planning.cases.prices import Mix, PriceSearch, Pricing
from gridmuster.planning.highs import Start, mixed_integer
from gridmuster.planning.linear import INF, Floats, Ints

#: Cells (a group in an hour) opened beside what a mixture leaves broken, at first; four times as
#: many when that has no plan.
FIRST_CELLS, MORE_CELLS, TRIES = 100, 4, 4
#: Most cells open in one neighbourhood.
CELLS = 900
#: Gap of a part at which to stop, as a share of the gap asked for, least and most, of the bound.
PART_GAP, LEAST_GAP, MOST_GAP = 0.2, 2e-5, 3e-4
#: Gap of the first plan of a mixture.
FIRST_GAP = 4e-4
#: A dive holds groups that follow one schedule to this share, and at least one in so many of the
#: broken ones.
SURE, BATCH = 0.9, 4
#: Evaluations of prices after each step of a dive, and their gap.
DIVE_ROUNDS, DIVE_GAP = 15, 1e-4
#: A dive that has become this much dearer than the bound has held too much.
DEAR = 0.01
#: The horizon is so many windows at first, each half over the next.
WINDOWS = 8
#: Most time for one part at first, s; longer when nothing gets better.
PART_S, LONGER = 3.0, 2.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One neighbourhood: what is opened, of what kind."""

    kind: str
    mask: Mask


class PlanSearch:
    """The best plan so far, and ways to better ones.

    Args:
        pricing: the case.
        gap: relative gap asked for.
        left_s: tells how much time is left, s.
    """

    def __init__(self, pricing: Pricing, gap: float, left_s: Callable[[], float]) -> None:
        self.pricing = pricing
        self.best: Dispatch | None = None
        self.regret = np.zeros((len(pricing.case.thermal), pricing.case.hours))
        self._if_off, self._if_on = self.regret, self.regret
        self.bound = 0.0
        self._part_gap = min(max(PART_GAP * gap, LEAST_GAP), MOST_GAP)
        self._limits = limits_of(pricing)
        self._left_s = left_s
        self._part_s = PART_S
        self._lock = threading.Lock()

    @property
    def cost(self) -> float:
        """Cost of the best plan in the model."""
        return INF if self.best is None else self.best.cost

    def offer(self, plan: Classes) -> bool:
        """Take a plan if it can be dispatched and costs less; whether it was taken."""
        found = dispatched(self.pricing, plan, max(self._left_s(), 1.0))
        if found is None:
            return False
        with self._lock:
            if found.cost >= self.cost - 1e-9 * abs(found.cost):
                return False
            self.best = found
            return True

    def learn(self, mix: Mix) -> None:
        """Take the prices of a mixture for what tells which cells are in doubt."""
        if_off, if_on = self.pricing.regrets(mix.prices)
        self._if_off, self._if_on = np.minimum(if_off, 1e15), np.minimum(if_on, 1e15)
        self.regret = _regret(if_off, if_on)

    def round(self, mix: Mix) -> bool:
        """Make a mixture whole: its broken groups and the most indifferent cells are open."""
        regret = _regret(*self.pricing.regrets(mix.prices))
        cells = FIRST_CELLS
        for _ in range(TRIES):
            if self._left_s() <= 0.0:
                return False
            mask = _below(regret, cells)
            classes, rest = rounded(self.pricing, self._limits, mix, mask)
            kept, more = opened(self.pricing, self._limits, classes, mask)
            both = _both(rest, more)
            limit_s = min(self._left_s() / 2.0, 2.0 * self._part_s)
            if self._solve(kept, both, None, limit_s, FIRST_GAP):
                return True
            if self.best is not None:
                return False
            cells *= MORE_CELLS
        return False

    def dive(self, search: PriceSearch, mix: Mix) -> Mix | None:
        """Hold broken groups at the schedule they follow most, and let prices follow.

        Args:
            search: the prices; units are held in it, so that its bounds are no more the case's.
            mix: where it stands.

        Returns:
            A mixture with few broken groups, or None when time ran out.
        """
        single = self.pricing.units.count == 1.0
        held: set[int] = set()
        bound = mix.bound
        while self._left_s() > 0.0:
            chosen = [one for one in _broken(mix, held) if single[one[1]]]
            if not chosen:
                return mix
            least = max(len({group for _, group, _ in chosen}) // BATCH, 1)
            now: set[int] = set()
            for share, group, on in chosen:
                if group in now or (len(now) >= least and share < SURE):
                    continue
                now.add(group)
                search.hold(group, on)
            held |= now
            search.reopen()
            deeper = search.improve(DIVE_GAP, self._left_s, DIVE_ROUNDS)
            if deeper is None:
                return None
            if deeper.value > bound + DEAR * abs(bound):
                return mix
            mix = deeper
        return None

    def turns(self, mix: Mix) -> Iterator[Turn]:
        """Neighbourhoods without end: windows of time, what the mixture doubts, what is cheap."""
        groups, hours = self.regret.shape
        broken = np.zeros(groups, dtype=bool)
        broken[[group for _, group, _ in _broken(mix, set())]] = True
        share = WINDOWS
        while True:
            width = max(hours // share, 1)
            firsts = range(0, max(hours - width // 2, 1), max(width // 2, 1))
            dear = self._dear()
            # Where the plan goes furthest against the prices there is most to gain.
            for first in sorted(firsts, key=lambda one: -float(dear[one : one + width].sum())):
                mask = np.zeros((groups, hours), dtype=bool)
                mask[:, first : first + width] = True
                yield Turn("window", mask)
            doubt = self._numbers() != _mixed(mix, self.regret.shape)
            yield Turn("doubt", doubt | broken[:, None])
            yield Turn("cheap", _below(self.regret, CELLS // 2))
            share = max(share // 2, 2)

    def _dear(self) -> Floats:
        """By how much the best plan goes against the prices, by hour."""
        on, count = self._numbers(), self.pricing.units.count[:, None]
        return np.asarray((on * self._if_on + (count - on) * self._if_off).sum(axis=0))

    def turn(self, turn: Turn) -> bool:
        """Search one neighbourhood of the best plan; whether a better one came of it."""
        best = self.best
        assert best is not None
        mask = turn.mask
        if mask.sum() > CELLS:
            inside = self.regret[mask]
            edge = np.partition(inside, CELLS)[CELLS]
            mask = mask & (self.regret < max(edge, 1e-12))
        kept, opening = opened(self.pricing, self._limits, best.plan, mask)
        if not len(opening.group):
            return False
        limit_s = min(self._left_s(), self._part_s)
        return self._solve(kept, opening, best.plan, limit_s, self._part_gap)

    def longer(self) -> None:
        """Give parts more time from now on."""
        self._part_s *= LONGER

    def _numbers(self) -> Floats:
        """How many of each group are on in the best plan."""
        found = np.zeros(self.regret.shape)
        if self.best is not None:
            plan = self.best.plan
            np.add.at(found, plan.group, plan.on * plan.count[:, None])
        return found

    def _solve(
        self,
        kept: Classes,
        opening: Open,
        known: Classes | None,
        time_limit_s: float,
        gap: float,
    ) -> bool:
        model = partial(self.pricing, kept, opening)
        start = None if known is None else _start(self.pricing, model, opening, known)
        outcome = mixed_integer(
            model.arrays,
            absolute_gap=gap * abs(self.bound),
            time_limit_s=time_limit_s,
            node_limit=None,
            threads=1,
            start=start,
            improve=True,
        )
        if outcome.values is None:
            return False
        return self.offer(joined(self.pricing, kept, model, opening, outcome.values))


def _regret(if_off: Floats, if_on: Floats) -> Floats:
    """What it costs at the least to have a unit on instead of off or off instead of on."""
    return np.asarray(np.minimum(np.abs(if_off - if_on), 1e15))


def _below(regret: Floats, cells: int) -> Mask:
    """The most indifferent cells, fewer where many are alike."""
    if cells >= regret.size:
        return np.ones(regret.shape, dtype=bool)
    edge = np.partition(regret.ravel(), cells)[cells]
    return np.asarray(regret < edge)


def _broken(mix: Mix, held: set[int]) -> list[tuple[float, int, Ints]]:
    """Share, group and commitment of what broken groups follow, the largest share first."""
    weight: dict[tuple[int, bytes], float] = {}
    for group, on, share in zip(mix.group.tolist(), mix.on, mix.weight.tolist(), strict=True):
        key = (group, on.astype(np.int8).tobytes())
        weight[key] = weight.get(key, 0.0) + share
    found = [
        (share, group, np.frombuffer(on, dtype=np.int8).astype(np.int64))
        for (group, on), share in weight.items()
        if group not in held and abs(share - round(share)) > 1e-6
    ]
    return sorted(found, key=lambda one: (-one[0], one[1]))


def _mixed(mix: Mix, shape: tuple[int, ...]) -> Floats:
    """How many of each group are on in a mixture; may be broken."""
    found = np.zeros(shape)
    np.add.at(found, mix.group, mix.on * mix.weight[:, None])
    return found


def _both(one: Open, other: Open) -> Open:
    return Open(
        np.concatenate([one.group, other.group]),
        np.concatenate([one.count, other.count]),
        np.concatenate([one.low, other.low]),
        np.concatenate([one.high, other.high]),
    )


def _start(pricing: Pricing, model: Partial, opening: Open, known: Classes) -> Start:
    """The known plan as whole numbers of the model of a part of it."""
    free = [group.unit.free for group in pricing.case.thermal]
    rows = {
        group: list(np.flatnonzero(known.group == group)) for group in set(opening.group.tolist())
    }
    columns: list[Ints] = []
    values: list[Floats] = []
    for made, group in zip(model.opened, opening.group.tolist(), strict=True):
        unit = pricing.case.thermal[group].unit
        which = rows[group] if free[group] else [rows[group].pop(0)]
        count = known.count[which] if free[group] else np.ones(1)
        on = known.on[which]
        before = np.full((len(on), 1), int(unit.on_before))
        change = np.diff(np.concatenate([before, on], axis=1), axis=1)
        columns += [made.on, made.start, made.stop]
        values += [count @ on, count @ np.maximum(change, 0), count @ np.maximum(-change, 0)]
    return Start(np.concatenate(columns), np.concatenate(values).astype(float))
