"""The capacity outage probability table: every outage with its probability, and what is beyond it.

Units are put in one after the other (Billinton and Allan, Reliability Evaluation of Power Systems,
2nd ed., chapter 2, eq. 2.1 and 2.3), a row of identical two-state units at once by its binomial
counts:

    p'(x) = sum over states s of p_s p(x - c_s)

Nothing is subtracted, so that even the smallest odds keep their digits. Load is lost when what is
available is *below* it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridmuster.planning.reliability.lattice import (
    WHOLE,
    LatticeUnits,
    Rounding,
    common_step,
    on_lattice,
)
from gridmuster.planning.reliability.outages import Floats, Ints, OutageUnits, grouped

#: Combinations of states up to which every one is kept as it is, on no grid.
COMBINATIONS = 4096
#: Cells of a table up to which the capacities' own common step is taken.
MOST_CELLS = 50_000
#: Cells of a table whose capacities share no such step; outages are rounded up to it.
CELLS = 4000


@dataclass(frozen=True, slots=True)
class OutageTable:
    """Every possible outage with its probability.

    Args:
        outage_kw: rising, kW, shape (outages,).
        probability: of exactly each outage, shape (outages,).
        at_least: probability of at least each outage, and 0, shape (outages + 1,).
        excess_kw: expected outage above each one, and 0, kW, shape (outages + 1,).
        capacity_kw: of all units, kW.
        exact: whether no outage was rounded.
    """

    outage_kw: Floats
    probability: Floats
    at_least: Floats
    excess_kw: Floats
    capacity_kw: float
    exact: bool

    def beyond(self, spare_kw: Floats) -> tuple[Floats, Floats]:
        """Probability that the outage exceeds a spare, and the expected power then missing, kW.

        Args:
            spare_kw: capacity and what is firm, less the need, kW; any shape.

        Returns:
            Both in the shape of ``spare_kw``.
        """
        margin_kw = WHOLE * max(self.capacity_kw, 1.0)
        first = np.searchsorted(self.outage_kw, spare_kw + margin_kw, side="right")
        odds = self.at_least[first]
        gap_kw = np.append(self.outage_kw, 0.0)[first] - spare_kw
        return odds, np.where(odds > 0.0, gap_kw * odds + self.excess_kw[first], 0.0)

    def loss_of_load(self, need_kw: float, firm_kw: float = 0.0) -> float:
        """Probability that available capacity with what is firm is below a need.

        Args:
            need_kw: what must be covered, kW.
            firm_kw: what is there for certain, kW.
        """
        return float(self.beyond(np.array(self.capacity_kw + firm_kw - need_kw))[0])

    def unserved_kw(self, need_kw: float, firm_kw: float = 0.0) -> float:
        """Expected power not served for a need, kW."""
        return float(self.beyond(np.array(self.capacity_kw + firm_kw - need_kw))[1])

    def firm_kw(self, probability: float) -> float:
        """The most power that is there with a probability, kW.

        Args:
            probability: at least this often, 0 to 1.
        """
        # A sum of many small odds ends a few ulps below 1.
        enough = np.cumsum(self.probability) >= probability - 1e-12
        first = int(np.argmax(enough)) if bool(enough.any()) else len(enough) - 1
        return max(self.capacity_kw - float(self.outage_kw[first]), 0.0)

    def covers(self, need_at_most: Callable[[Floats], Floats], firm_kw: float = 0.0) -> float:
        """Probability that an uncertain need, independent of outages, is covered.

        Args:
            need_at_most: distribution function of the need, kW to probability.
            firm_kw: what is there for certain, kW.
        """
        margin_kw = WHOLE * max(self.capacity_kw, 1.0)
        there_kw = self.capacity_kw + firm_kw - self.outage_kw + margin_kw
        return float(np.dot(self.probability, need_at_most(there_kw)))


def outage_table(
    units: OutageUnits, step_kw: float | None = None, rounding: Rounding = Rounding.UP
) -> OutageTable:
    """The table of independent units.

    Few units are enumerated as they are; more go on the step their capacities share, which is exact
    as well; where they share none, or one too fine, outages are rounded to `CELLS` steps.

    Args:
        units: the units; those without capacity count for nothing.
        step_kw: step of the grid, kW; None: as said above.
        rounding: which way outages between two steps go.
    """
    known = grouped(units.chosen(np.flatnonzero((units.capacity_kw > 0.0) & (units.count > 0))))
    if step_kw is None and combinations(known) <= COMBINATIONS:
        return _finished(*_enumerated(known), units.total_kw, exact=True)
    step = step_kw
    if step is None:
        step = common_step(known.lost_kw)
        if step is None or known.total_kw / step > MOST_CELLS:
            step = known.total_kw / CELLS
    odds = convolved(on_lattice(known, step, rounding))
    off = np.abs(known.lost_kw - step * np.rint(known.lost_kw / step))
    exact = bool(np.all(off <= WHOLE * known.lost_kw.max(initial=1.0)))
    return _finished(step * np.arange(len(odds), dtype=float), odds, units.total_kw, exact=exact)


def convolved(lattice: LatticeUnits) -> Floats:
    """Probability of each number of steps lost, from none to all, shape (steps + 1,).

    Args:
        lattice: the units.
    """
    odds: Floats = np.ones(1)
    for unit in np.argsort(lattice.most(), kind="stable"):
        part = slice(int(lattice.first[unit]), int(lattice.first[unit + 1]))
        lost, chance = lattice.lost[part], lattice.probability[part]
        for _ in range(1 if _is_two_state(lost) else int(lattice.count[unit])):
            count = int(lattice.count[unit]) if _is_two_state(lost) else 1
            odds = _with(odds, *_counted(lost, chance, count))
    return odds


def combinations(units: OutageUnits) -> float:
    """How many combinations of states there are at most."""
    states = np.diff(units.first)
    with np.errstate(over="ignore"):
        ways = np.where(states == 2, units.count + 1.0, states.astype(float) ** units.count)
        return float(np.prod(ways))


def binomial(count: int, chance: float) -> Floats:
    """Probability of 0 to ``count`` successes, shape (count + 1,).

    Ratios of neighbours are multiplied up from the likeliest number both ways, which loses no
    digits for any count.

    Args:
        count: number of trials.
        chance: of success in each.
    """
    odds = np.zeros(count + 1)
    if chance <= 0.0 or chance >= 1.0:
        odds[0 if chance <= 0.0 else count] = 1.0
        return odds
    mode = min(int((count + 1) * chance), count)
    up = np.arange(mode, count)
    down = np.arange(mode, 0, -1)
    ratio = chance / (1.0 - chance)
    odds[mode] = 1.0
    odds[mode + 1 :] = np.cumprod((count - up) / (up + 1.0) * ratio)
    odds[:mode] = np.cumprod(down / (count - down + 1.0) / ratio)[::-1]
    odds /= odds.sum()
    return odds


def _is_two_state(lost: Ints) -> bool:
    return len(lost) == 2 and lost[0] == 0


def _counted(lost: Ints, chance: Floats, count: int) -> tuple[Ints, Floats]:
    """States of ``count`` identical units together; only two-state units come in numbers."""
    if count == 1:
        return lost, chance
    return lost[1] * np.arange(count + 1), binomial(count, float(chance[1]))


def _with(odds: Floats, lost: Ints, chance: Floats) -> Floats:
    """A table with one more unit in it."""
    grown = np.zeros(len(odds) + int(lost.max()))
    for steps, share in zip(lost.tolist(), chance.tolist(), strict=True):
        if share > 0.0:
            grown[steps : steps + len(odds)] += share * odds
    return grown


def _enumerated(units: OutageUnits) -> tuple[Floats, Floats]:
    """All sums of outages and their probabilities; sums that differ by rounding only are one."""
    outage_kw: Floats = np.zeros(1)
    odds: Floats = np.ones(1)
    grain_kw = WHOLE * max(units.total_kw, 1e-300)
    for unit in range(units.size):
        part = slice(int(units.first[unit]), int(units.first[unit + 1]))
        lost, chance, count = units.lost_kw[part], units.probability[part], int(units.count[unit])
        if len(lost) == 2 and lost[0] == 0.0 and count > 1:
            lost, chance = lost[1] * np.arange(count + 1), binomial(count, float(chance[1]))
            count = 1
        for _ in range(count):
            sums = (outage_kw[:, None] + lost).ravel()
            _, first, same = np.unique(
                np.rint(sums / grain_kw), return_index=True, return_inverse=True
            )
            odds = np.asarray(np.bincount(same.ravel(), (odds[:, None] * chance).ravel()), float)
            outage_kw = sums[first]
    return outage_kw, odds


def _finished(outage_kw: Floats, odds: Floats, capacity_kw: float, *, exact: bool) -> OutageTable:
    at_least = np.append(np.cumsum(odds[::-1])[::-1], 0.0)
    rungs = np.diff(outage_kw) * at_least[1:-1]
    excess_kw = np.concatenate([np.cumsum(rungs[::-1])[::-1], [0.0, 0.0]])
    return OutageTable(outage_kw, odds, at_least, excess_kw, capacity_kw, exact)
