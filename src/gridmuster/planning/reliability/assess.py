"""Loss of load, hour by hour, of any fleet: from the table where it is small, by Fourier
inversion where it is large, always between a proven lower and a proven upper bound.

Indices (Billinton and Allan, Reliability Evaluation of Power Systems, 2nd ed., chapters 2 and 3):
LOLP is the probability of loss of load in a period, LOLE the sum of it over the periods (days a
year with daily peaks, hours a year, LOLH, with hourly needs), EENS the expected energy not served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.lattice import Rounding, common_step, on_lattice
from gridmuster.planning.reliability.outages import Floats, OutageUnits, grouped
from gridmuster.planning.reliability.presence import Presence, always
from gridmuster.planning.reliability.table import (
    COMBINATIONS,
    MOST_CELLS,
    OutageTable,
    combinations,
    outage_table,
)
from gridmuster.planning.reliability.transform import beyond_by_hour, whole_steps

#: Cells times units of all tables of a year up to which they are built; beyond, Fourier inversion.
TABLE_WORK = 3e7
#: Rows of units up to which one table is built whatever their capacities.
TABLE_UNITS = 300
#: Steps over which a fleet's outages may spread on the step its capacities share,
SHARED_STEPS = 1 << 21
#: and on one chosen for capacities that share none.
CHOSEN_STEPS = 1 << 19
#: Standard deviations over which outages spread for that, from the least to the most looked at.
SPREAD = 30.0
ULP = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A figure between proven bounds: lower, best, upper."""

    low: float
    best: float
    high: float


@dataclass(frozen=True, slots=True)
class Adequacy:
    """Odds of losing load and power then missing, by period, each between proven bounds.

    Args:
        lolp: probability of loss of load, lower bound, best and upper bound, shape (3, periods).
        unserved_kw: expected power not served, kW, likewise.
        need_kw: what was to be covered, less what is firm, kW, shape (periods,).
        step_kw: step of the outage grid, kW; None: no grid, every outage as it is.
        exact: whether no capacity was rounded; bounds then differ by rounding of numbers alone.
        method: ``table`` or ``transform``.
    """

    lolp: Floats
    unserved_kw: Floats
    need_kw: Floats
    step_kw: float | None
    exact: bool
    method: str

    def lole(self, weight: ArrayLike = 1.0) -> Bounds:
        """Expected number of periods with loss of load.

        Args:
            weight: how often each period counts, shape (periods,) or one for all.
        """
        return Bounds(*np.sum(self.lolp * np.asarray(weight, dtype=float), axis=1).tolist())

    def eens_kwh(self, hours: ArrayLike = 1.0) -> Bounds:
        """Expected energy not served, kWh.

        Args:
            hours: length of each period, h, shape (periods,) or one for all.
        """
        return Bounds(*np.sum(self.unserved_kw * np.asarray(hours, dtype=float), axis=1).tolist())


def assess(
    units: OutageUnits,
    need_kw: ArrayLike,
    presence: Presence | None = None,
    step_kw: float | None = None,
) -> Adequacy:
    """Adequacy of a fleet over a series of needs.

    Args:
        units: the fleet.
        need_kw: need of each period less what is firm then, kW, shape (periods,).
        presence: when which units are there; None: all of them always.
        step_kw: step of the outage grid, kW; None: none, or the one all capacities share, or one
            fine enough for the fleet's spread.

    Returns:
        Odds and power missing; where capacities had to be rounded, the bounds are those of all
        rounded down and all rounded up, and the best value keeps every mean.

    Raises:
        PlanningError: for a need that is no number, or a step that is not above 0 or too fine.
    """
    need = np.atleast_1d(np.asarray(need_kw, dtype=np.float64))
    if not bool(np.all(np.isfinite(need))):
        at = int(np.argmin(np.isfinite(need)))
        raise PlanningError(f"need of period {at} is {need[at]}; expected a number")
    if step_kw is not None and not 0.0 < step_kw < np.inf:
        raise PlanningError(f"step {step_kw} kW; expected a number above 0")
    there = presence if presence is not None else always(units.size, len(need))
    if there.periods != len(need):
        raise PlanningError(f"{there.periods} periods of presence for {len(need)} needs")
    units, there = _known(units, there, merge=presence is None)
    shared = common_step(units.lost_kw)
    if step_kw is None and _small(units, there, shared):
        return _by_table(units, there, need)
    return _by_transform(units, there, need, step_kw or _step(units, shared))


def beyond(units: OutageUnits, spare_kw: Floats) -> tuple[Floats, Floats]:
    """Probability that the outage exceeds a spare, and the expected power then missing, kW.

    From the table for up to `TABLE_UNITS` rows, which never understates either; else the best
    values of `assess`.

    Args:
        units: the units.
        spare_kw: capacity and what is firm, less the need, kW, shape (spares,).
    """
    if units.size <= TABLE_UNITS:
        return outage_table(units).beyond(spare_kw)
    found = assess(units, units.total_kw - spare_kw)
    return found.lolp[1], found.unserved_kw[1]


def _known(units: OutageUnits, there: Presence, *, merge: bool) -> tuple[OutageUnits, Presence]:
    """The units that can lose anything or add capacity; identical ones together if all stay."""
    rows = np.flatnonzero((units.capacity_kw > 0.0) & (units.count > 0))
    known = units.chosen(rows)
    if merge:
        known = grouped(known)
        return known, always(known.size, there.periods)
    number = np.full(units.size, -1, dtype=np.int64)
    number[rows] = np.arange(len(rows))
    kept = number[there.unit] >= 0
    kept &= there.start < there.stop
    return known, Presence(
        number[there.unit[kept]], there.start[kept], there.stop[kept], there.periods
    )


def _small(units: OutageUnits, there: Presence, shared: float | None) -> bool:
    """Whether exact tables of all distinct fleets are little work."""
    if not units.size:
        return True
    _, edges = there.segments()
    if there.periods and len(edges) > 2 and units.size * (len(edges) - 1) > TABLE_WORK / 100:
        return False
    tables = max(len(edges) - 1, 1)
    if combinations(units) <= COMBINATIONS:
        return tables * COMBINATIONS * units.size <= TABLE_WORK
    if shared is None or units.total_kw / shared > MOST_CELLS:
        return False
    return tables * float(units.count.sum()) * units.total_kw / shared <= TABLE_WORK


def _by_table(units: OutageUnits, there: Presence, need: Floats) -> Adequacy:
    over, edges = there.segments()
    lolp, unserved = np.zeros((3, len(need))), np.zeros((3, len(need)))
    tables: dict[bytes, OutageTable] = {}
    for segment in range(over.periods):
        rows = np.unique(over.within(segment, segment + 1).unit)
        key = rows.tobytes()
        if key not in tables:
            tables[key] = outage_table(units.chosen(rows))
        table = tables[key]
        part = slice(int(edges[segment]), int(edges[segment + 1]))
        odds, short = table.beyond(table.capacity_kw - need[part])
        # Every number is a sum of products of positive ones: so many ulps at most.
        share = ULP * (4.0 * float(units.count.sum()) + len(table.outage_kw) + 64.0)
        for row, factor in enumerate((1.0 - share, 1.0, 1.0 + share)):
            lolp[row, part] = np.minimum(factor * odds, 1.0)
            unserved[row, part] = factor * short
    return Adequacy(lolp, unserved, need, None, True, "table")


def _step(units: OutageUnits, shared: float | None) -> float:
    """The step capacities share, or a coarser one where it is too fine for the fleet."""
    owner = units.owner()
    mean = units.expected_lost_kw()
    square = np.bincount(owner, units.probability * units.lost_kw**2, units.size)
    variance = float(np.dot(units.count, np.maximum(square - mean**2, 0.0)))
    spread = SPREAD * np.sqrt(variance) + 2.0 * float(units.lost_kw.max(initial=0.0))
    spread = max(min(spread, units.total_kw), 1e-300)
    if shared is not None and spread / shared <= SHARED_STEPS:
        return shared
    return float(spread / CHOSEN_STEPS)


def _by_transform(units: OutageUnits, there: Presence, need: Floats, step_kw: float) -> Adequacy:
    spare = (there.summed(units.capacity_kw * units.count) - need) / step_kw
    down, up = (on_lattice(units, step_kw, way) for way in (Rounding.DOWN, Rounding.UP))
    low = beyond_by_hour(down, there, spare, whole_steps(down, spare))
    exact = bool(np.array_equal(down.lost, up.lost))
    high = low if exact else beyond_by_hour(up, there, spare, whole_steps(up, spare))
    odds, excess, most = low.odds, low.excess, high.excess + high.excess_error
    if not exact:
        odds, excess, least_most = _kept_means(units, there, spare, step_kw)
        most = np.minimum(most, least_most)
    lolp_low = np.maximum(low.odds - low.odds_error, 0.0)
    lolp_high = np.minimum(high.odds + high.odds_error, 1.0)
    lolp = np.array([lolp_low, np.clip(odds, lolp_low, lolp_high), lolp_high])
    unserved = step_kw * np.array([np.maximum(low.excess - low.excess_error, 0.0), excess, most])
    return Adequacy(lolp, unserved, need, step_kw, exact, "transform")


def _kept_means(
    units: OutageUnits, there: Presence, spare: Floats, step_kw: float
) -> tuple[Floats, Floats, Floats]:
    """Odds and excess with every mean kept, and an upper bound on the excess, steps.

    An outage of so many steps stands for one anywhere within half a step, so that odds at a spare
    lie between those half a step below and half a step above.
    """
    split = on_lattice(units, step_kw, Rounding.SPLIT)
    below = np.floor(spare - 0.5)
    first = beyond_by_hour(split, there, spare, below)
    second = beyond_by_hour(split, there, spare, below + 1.0)
    share = spare - 0.5 - below
    odds = (1.0 - share) * first.odds + share * second.odds
    own = share < 0.5
    excess = np.where(own, first.excess, second.excess)
    error = np.where(own, first.excess_error, second.excess_error)
    return odds, excess, excess + error
