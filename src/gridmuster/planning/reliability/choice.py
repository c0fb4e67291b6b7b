"""The cheapest units whose power covers an uncertain need with a probability: one interval.

Adding a unit never makes it likelier that power is short, and a unit that is no dearer, no smaller
and no less sure than another may take its place. On that a search over subsets rests: it branches
on units in the order of cost per expected kW, drops a branch when even all units left would not
reach the target, when its cost cannot stay below the best found, or when it takes a unit after
leaving out one that is better in everything. For many units the search runs over those near the end
of the greedy choice only; the lower bound then is that of two necessary conditions, each a knapsack
with fractions:

* ``P(Y >= D) >= p`` needs ``sum c >= q_p(D)``, since ``Y <= sum c``;
* and ``sum a c = E Y >= E[D; Y >= D]``, which is at least the integral of D's quantiles up to p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gridmuster.planning.reliability.kernels import add_unit
from gridmuster.planning.reliability.lattice import WHOLE, common_step
from gridmuster.planning.reliability.needs import Need
from gridmuster.planning.reliability.outages import Floats, Ints

#: Cells of the table of available power.
CELLS = 4000
#: Most cells, and those for each unit in the sum where powers share no step.
MOST_CELLS = 1 << 17
CELLS_A_UNIT = 100
#: Odds that are dropped at the ends of a table.
NIL = 1e-20
#: Units searched over exactly.
CORE = 24
#: Branches looked at before a search ends unproved,
BRANCHES = 60_000
#: and where it proves nothing, being of a part of the units.
PART_BRANCHES = 3000
#: A probability this close to the target reaches it.
CLOSE = 1e-12
#: Odds of a need beyond the table.
TAIL = 1e-15
#: Expected power of a unit that counts for nothing, kW.
SLIGHT = 1e-12
#: Rectangles under the quantiles of a need.
RECTANGLES = 400


@dataclass(frozen=True, slots=True)
class Option:
    """A unit that may be on in an interval.

    Args:
        power_kw: what it gives when it is there, kW.
        odds: probability that it is, if it is chosen.
        usd: cost of choosing it, USD.
    """

    power_kw: float
    odds: float
    usd: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """The units for one interval.

    Args:
        units: numbers of the options, rising.
        probability: that their power and what is firm cover the need; never overstated.
        usd: cost, USD.
        lower_bound_usd: no choice that reaches the target costs less; infinite when none does.
        reached: whether the target is reached; if not, all units that help are chosen.
    """

    units: tuple[int, ...]
    probability: float
    usd: float
    lower_bound_usd: float
    reached: bool


@dataclass(slots=True)
class _Search:
    """State of a search; tables have a row of powers rounded down and, where they differ, one of
    powers rounded up.

    Args:
        order: options, the best first.
        usd: cost by place in the order.
        worse: places that a place is at least as good as in everything, by place.
        steps: power by row and place, steps.
        odds: by place.
        cover: probability that the need is covered by a power and all from a place on, rounded up,
            by place and steps.
        covered: the same without any more units, by steps.
        target: probability asked for.
        best_usd, best: cheapest choice found.
        left: branches that may still be looked at.
        enough: fewest steps that cover the need with the probability asked for.
        bounds: least cost of steps from each place on, see `_cheapest`.
    """

    order: Ints
    usd: Floats
    worse: list[Ints]
    steps: Ints
    odds: Floats
    cover: Floats
    covered: Floats
    target: float
    best_usd: float = np.inf
    best: tuple[int, ...] = ()
    left: int = BRANCHES
    enough: int = 0
    bounds: list[tuple[Floats, Floats]] = field(default_factory=list)


def choose(options: Sequence[Option], need: Need, target: float, firm_kw: float = 0.0) -> Chosen:
    """The cheapest units that cover a need with a probability.

    Args:
        options: units that may be chosen.
        need: the need.
        target: probability asked for, above 0 and below 1.
        firm_kw: what is there for certain, kW.
    """
    power = np.array([one.power_kw for one in options], dtype=float)
    odds = np.array([one.odds for one in options], dtype=float)
    usd = np.array([one.usd for one in options], dtype=float)
    useful = np.flatnonzero(power * odds > SLIGHT)
    rank = usd[useful] / (power * odds)[useful]
    # Among units of one price the larger comes first, then the surer.
    order = useful[np.lexsort((-odds[useful], -power[useful], rank))]
    step_kw, cells = _grid(power[order], need, firm_kw)
    steps = np.array([_steps(power[order], step_kw, up=up) for up in (False, True)])
    if np.array_equal(steps[0], steps[1]):
        steps = steps[:1]
    covered = _covered(need, firm_kw, step_kw, cells)
    start, everything = _greedy(steps, odds[order], covered, target)
    if everything is not None:
        return _unreached(order, usd, everything, covered, target)
    first = max(start - CORE // 2, 0) if len(order) > CORE else 0
    last = min(max(first + CORE, start), len(order))
    tables = _Available.nothing(len(steps), cells)
    for place in range(first):
        tables.add(steps[:, place], float(odds[order[place]]))
    core = order[first:last]
    found = _searched(tables, core, steps[:, first:last], odds, usd, covered, target, power)
    units = tuple(sorted([*order[:first].tolist(), *(int(core[place]) for place in found.best)]))
    total = float(usd[list(units)].sum())
    proved = found.left > 0 and len(core) == len(order)
    bound = (
        total
        if proved
        else _knapsacks(power[order], odds[order], usd[order], need, target, firm_kw)
    )
    probability = probability_of(units, options, need, firm_kw)
    return Chosen(units, probability, total, min(bound, total), True)


def least_usd(options: Sequence[Option], need: Need, target: float, firm_kw: float = 0.0) -> float:
    """A lower bound on the cost of any choice that reaches the target, infinite when none does.

    Args:
        options, need, target, firm_kw: see `choose`.
    """
    if len(options) <= CORE:
        return choose(options, need, target, firm_kw).lower_bound_usd
    power = np.array([one.power_kw for one in options], dtype=float)
    odds = np.array([one.odds for one in options], dtype=float)
    usd = np.array([one.usd for one in options], dtype=float)
    useful = power * odds > SLIGHT
    return _knapsacks(power[useful], odds[useful], usd[useful], need, target - CLOSE, firm_kw)


def probability_of(
    taken: Sequence[int], options: Sequence[Option], need: Need, firm_kw: float = 0.0
) -> float:
    """Probability that units and what is firm cover a need; never overstated.

    Args:
        taken: numbers of the units.
        options: all units; they set the grid, so that a choice is judged as it was made.
        need: the need.
        firm_kw: what is there for certain, kW.
    """
    power = np.array([one.power_kw for one in options], dtype=float)
    odds = np.array([one.odds for one in options], dtype=float)
    step_kw, cells = _grid(power[power * odds > SLIGHT], need, firm_kw)
    steps = _steps(power, step_kw, up=False)
    tables = _Available.nothing(1, cells)
    for number in taken:
        tables.add(steps[number : number + 1], float(odds[number]))
    return tables.covers(0, _covered(need, firm_kw, step_kw, cells))


def _covered(need: Need, firm_kw: float, step_kw: float, cells: int) -> Floats:
    """Probability that each number of steps with what is firm covers the need."""
    return need.at_most(firm_kw + step_kw * (np.arange(cells, dtype=np.float64) + WHOLE))


def _grid(power: Floats, need: Need, firm_kw: float) -> tuple[float, int]:
    """Step and number of cells of the table: up to the most that may be needed or be there."""
    high = need.quantile(1.0 - TAIL) - firm_kw
    span = max(min(high, float(power.sum())), 1e-9)
    shared = common_step(power) if len(power) else None
    cells = min(max(CELLS, CELLS_A_UNIT * len(power)), MOST_CELLS)
    step_kw = shared if shared is not None and span / shared <= MOST_CELLS else span / cells
    return step_kw, int(np.ceil(span / step_kw - WHOLE)) + 1


def _steps(power: Floats, step_kw: float, *, up: bool) -> Ints:
    exact = power / step_kw
    slack = WHOLE * np.maximum(exact, 1.0)
    whole = np.ceil(exact - slack) if up else np.floor(exact + slack)
    return whole.astype(np.int64)


@dataclass(slots=True)
class _Available:
    """Probability of each power available, one table a rounding, and where it is not nil."""

    odds: Floats
    ends: list[tuple[int, int]]

    @staticmethod
    def nothing(rows: int, cells: int) -> _Available:
        odds = np.zeros((rows, cells))
        odds[:, 0] = 1.0
        return _Available(odds, [(0, 0)] * rows)

    def add(self, steps: Ints, odds: float) -> None:
        """Put one more unit in."""
        for row, jump in enumerate(steps.tolist()):
            low, high = self.ends[row]
            self.ends[row] = add_unit(self.odds[row], low, high, jump, odds, NIL)

    def and_one(self, steps: Ints, odds: float) -> _Available:
        """The same with one more unit."""
        other = _Available(np.zeros_like(self.odds), list(self.ends))
        for row, (low, high) in enumerate(self.ends):
            other.odds[row, low : high + 1] = self.odds[row, low : high + 1]
        other.add(steps, odds)
        return other

    def covers(self, row: int, covered: Floats) -> float:
        """Probability that a need is covered, by a rounding.

        Args:
            row: 0 for powers rounded down, -1 for those rounded up.
            covered: probability that each power covers it.
        """
        low, high = self.ends[row]
        return float(self.odds[row, low : high + 1] @ covered[low : high + 1])


def _greedy(
    steps: Ints, odds: Floats, covered: Floats, target: float
) -> tuple[int, _Available | None]:
    """How many units in order reach the target, powers rounded down; if none do, all together."""
    tables = _Available.nothing(len(steps), len(covered))
    for place in range(len(odds) + 1):
        if tables.covers(0, covered) >= target - CLOSE:
            return place, None
        if place < len(odds):
            tables.add(steps[:, place], float(odds[place]))
    return len(odds), tables


def _unreached(
    order: Ints, usd: Floats, everything: _Available, covered: Floats, target: float
) -> Chosen:
    units = tuple(sorted(order.tolist()))
    total = float(usd[list(units)].sum())
    # Only powers rounded up prove that no choice would do.
    hopeless = everything.covers(-1, covered) < target - CLOSE
    bound = np.inf if hopeless else 0.0
    return Chosen(units, everything.covers(0, covered), total, bound, False)


def _searched(
    tables: _Available,
    core: Ints,
    steps: Ints,
    odds: Floats,
    usd: Floats,
    covered: Floats,
    target: float,
    power: Floats,
) -> _Search:
    """Search over the subsets of a core of units."""
    size = len(core)
    cover = np.empty((size + 1, len(covered)))
    cover[size] = covered
    for place in range(size - 1, -1, -1):
        jump, p = int(steps[-1, place]), float(odds[core[place]])
        after = np.full_like(covered, cover[place + 1, -1])
        if jump < len(covered):
            after[: len(covered) - jump] = cover[place + 1, jump:]
        cover[place] = (1.0 - p) * cover[place + 1] + p * after
    worse = []
    for place in range(size):
        one, later = core[place], core[place + 1 :]
        beaten = (
            (usd[one] <= usd[later]) & (power[one] >= power[later]) & (odds[one] >= odds[later])
        )
        worse.append(place + 1 + np.flatnonzero(beaten))
    search = _Search(core, usd[core], worse, steps, odds[core], cover, covered, target)
    # Covered rises with power.
    search.enough = int(np.searchsorted(covered, target - CLOSE))
    if size < len(power):
        search.left = PART_BRANCHES
    search.bounds = [_cheapest(search, place) for place in range(size + 1)]
    _branch(search, 0, tables, (), 0.0, np.zeros(size, dtype=bool))
    return search


def _cheapest(search: _Search, place: int) -> tuple[Floats, Floats]:
    """Power, steps, and cost of filling up with the cheapest fractions of units from a place on."""
    usd, steps = search.usd[place:], np.maximum(search.steps[-1, place:], 1e-9)
    order = np.argsort(usd / steps, kind="stable")
    return (
        np.concatenate([[0.0], np.cumsum(steps[order])]),
        np.concatenate([[0.0], np.cumsum(usd[order])]),
    )


def _branch(
    search: _Search,
    place: int,
    tables: _Available,
    taken: tuple[int, ...],
    usd: float,
    barred: np.ndarray,
) -> None:
    """Look at all choices from a place on; ``barred`` places are worse than one left out."""
    if search.left <= 0 or usd >= search.best_usd:
        return
    search.left -= 1
    if tables.covers(0, search.covered) >= search.target - CLOSE:
        search.best_usd, search.best = usd, taken
        return
    if place >= len(search.order) or _least(search, place, tables, usd) >= search.best_usd:
        return
    if tables.covers(-1, search.cover[place]) < search.target - CLOSE:
        return
    if not barred[place]:
        more = tables.and_one(search.steps[:, place], float(search.odds[place]))
        _branch(search, place + 1, more, (*taken, place), usd + float(search.usd[place]), barred)
    without = barred.copy()
    without[search.worse[place]] = True
    _branch(search, place + 1, tables, taken, usd, without)


def _least(search: _Search, place: int, tables: _Available, usd: float) -> float:
    """Cost that every choice from here on has: power must be able to reach the target at all."""
    top = tables.ends[-1][1]
    power, cost = search.bounds[place]
    return usd + float(np.interp(max(search.enough - top, 0), power, cost))


def _knapsacks(
    power: Floats, odds: Floats, usd: Floats, need: Need, target: float, firm_kw: float
) -> float:
    """The larger of the costs that the two necessary conditions ask for."""
    level = need.quantile(target) - firm_kw
    steps = np.linspace(0.0, target, RECTANGLES + 1)[:-1]
    # Rectangles from the left stay below rising quantiles; power below 0 asks for nothing.
    low = [max(need.quantile(float(step)) - firm_kw, 0.0) for step in steps]
    mean = float(np.sum(low)) * target / RECTANGLES
    return max(_fractions(power, usd, level), _fractions(power * odds, usd, mean))


def _fractions(gain: Floats, usd: Floats, wanted: float) -> float:
    """Least cost of fractions of units whose gains reach what is wanted."""
    if wanted <= 0.0:
        return 0.0
    if float(gain.sum()) < wanted * (1.0 - WHOLE):
        return float("inf")
    # No unit counts for more than all that is wanted.
    gain = np.minimum(gain, wanted)
    order = np.argsort(usd / gain, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(gain[order])])
    return float(np.interp(wanted, reached, np.concatenate([[0.0], np.cumsum(usd[order])])))
