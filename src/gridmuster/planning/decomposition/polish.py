"""A small exact model over the engines that hesitate most, about the best plan found.

Rounding and local search see what the rows miss at given prices. Here a few hundred engines choose
among some of their schedules with whole numbers and dispatch anew within their tanks, while the
stores mix their answers by group and all other engines stay on and off as they are. Costs are taken
less earnings at the bound's prices, so that the objective is what the plan lies above the bound: a
schedule that alone is dearer than that can be in no better plan, and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridmuster.clock import stopwatch_s
from gridmuster.planning.decomposition.bounding import Raised, active_vectors
from gridmuster.planning.decomposition.choice_kernels import fuel_worths
from gridmuster.planning.decomposition.committed import Committed
from gridmuster.planning.decomposition.fleet import EngineArrays, Flags, Fleet
from gridmuster.planning.decomposition.pricing import Ordered
from gridmuster.planning.decomposition.system import Prices, flow_columns
from gridmuster.planning.highs import Start, mixed_integer, relaxed
from gridmuster.planning.linear import INF, Floats, Ints, LinearArrays, LinearModel

#: Most answers of a group of stores.
MIXED = 40
#: Share of the price within which a segment's cost is for the model to move output there.
FLEXIBLE = 0.07
#: Share from which on the relaxation counts as having decided.
WHOLE = 0.999
#: Most nodes: with a fixed number the same fleet gives the same plan, if there is time.
NODES = 2000


@dataclass(frozen=True, slots=True)
class Schedules:
    """Schedules to choose from, one after the other, an engine's together.

    ``rows`` are the engines' numbers in the fleet, rising; ``engine`` (schedules,) counts among
    them; ``on`` is (schedules, intervals); ``taken`` marks the plan's own, one an engine.
    """

    rows: Ints
    engines: EngineArrays
    engine: Ints
    on: Flags
    taken: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rest:
    """All that is not chosen: engines whose on and off stays, as offers, and stores by group.

    ``power_kw`` and ``headroom_kw`` (groups, answers, intervals) and ``cost_usd`` (groups, answers)
    are what groups of stores can do. ``largest_kw`` (intervals,) is the largest closed engine on,
    or what the rows cover anyway, if that is more.
    """

    closed: Committed
    largest_kw: Floats
    power_kw: Floats
    headroom_kw: Floats
    cost_usd: Floats


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: gap at which to stop, USD, and wall time, s."""

    gap_usd: float
    time_limit_s: float


def stores_answers(raised: Raised, order: Ordered) -> tuple[Floats, Floats, Floats]:
    """Power, headroom and cost of the groups of stores at the prices that matter; see `Rest`."""
    first = len(order.engine_bounds)
    asked = [raised.asked[k].answers for k in active_vectors(raised, MIXED)]
    return (
        np.stack([one.power_kw[first:] for one in asked], axis=1),
        np.stack([one.headroom_kw[first:] for one in asked], axis=1),
        np.stack([one.cost_usd[first:] for one in asked], axis=1),
    )


def rechosen(given: Schedules, rest: Rest, prices: Prices, effort: Effort) -> Ints | None:
    """The schedules of the best plan found: one number an engine; None where none is better.

    Args:
        given: schedules to choose from.
        rest: all that stays.
        prices: the bound's.
        effort: how long to search.
    """
    model = _Model(rest, prices)
    model.add_flows()
    model.add_stores()
    chosen = model.add_schedules(given)
    arrays = model.model.freeze()
    began_s = stopwatch_s()
    point = relaxed(arrays, 1, effort.time_limit_s)
    if point is None:
        return None
    arrays = _narrowed(arrays, given, chosen, point.values[chosen])
    outcome = mixed_integer(
        arrays,
        absolute_gap=effort.gap_usd,
        time_limit_s=effort.time_limit_s - (stopwatch_s() - began_s),
        node_limit=NODES,
        threads=1,
        start=Start(chosen, _rounded(given, point.values[chosen])),
        improve=True,
    )
    if outcome.values is None:
        return None
    found = np.flatnonzero(_rounded(given, outcome.values[chosen]))
    return None if given.taken[found].all() else np.asarray(found)


def _rounded(given: Schedules, share: Floats) -> Floats:
    """1 for the schedule of each engine that has most of it, else 0."""
    best = np.lexsort((-share, given.engine))
    firsts = np.searchsorted(given.engine[best], np.arange(int(given.engine.max()) + 1))
    taken = np.zeros(len(share))
    taken[best[firsts]] = 1.0
    return taken


def _narrowed(arrays: LinearArrays, given: Schedules, columns: Ints, share: Floats) -> LinearArrays:
    """The model with those engines decided that the relaxation decides, but for a few.

    A vertex of the relaxation splits no more engines than there are rows that join them; where it
    does not, its choice is most often the right one.
    """
    engines = int(given.engine.max()) + 1
    most = np.zeros(engines)
    np.maximum.at(most, given.engine, share)
    split = most < WHOLE
    open_ = split[given.engine]
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    upper[columns[~open_ & (share < 0.5)]] = 0.0
    lower[columns[~open_ & (share >= 0.5)]] = 1.0
    return replace(arrays, lower=lower, upper=upper)


class _Model:
    """The model while it is made: rows of power and headroom, then columns."""

    def __init__(self, rest: Rest, prices: Prices) -> None:
        self.model, self._rest, self._prices = LinearModel(), rest, prices
        self._fleet: Fleet = rest.closed.rest().fleet
        self._step_h, self._count = self._fleet.step_h, self._fleet.count
        system = self._fleet.system
        self._scale_kw = max(float(np.abs(system.demand_kw).max()) / 100.0, 1.0)
        demand = system.demand_kw / self._scale_kw
        self._balance = self.model.rows(self._count, demand, demand)
        self._headroom = self.model.rows(self._count, system.headroom_need_kw / self._scale_kw, INF)

    def _earned(self, power: Floats, headroom: Floats) -> Floats:
        """What power and headroom (..., intervals), kW, earn at the prices, USD."""
        earned = power @ self._prices.energy + headroom @ self._prices.reserve
        return np.asarray(earned * self._step_h)

    def _into_rows(self, columns: Ints, power: Floats, headroom: Floats) -> None:
        """Entries of columns (..., ) that give so many kW (..., intervals)."""
        self.model.entries(self._balance, columns[..., None], power / self._scale_kw)
        self.model.entries(self._headroom, columns[..., None], headroom / self._scale_kw)

    def add_flows(self) -> None:
        """Connection, wishes, sun and wind, and what closed engines can do besides."""
        energy, reserve = self._prices.energy, self._prices.reserve
        for one in flow_columns(self._fleet.system):
            usd = (one.usd - energy * one.power - reserve * one.headroom) * self._step_h
            columns = self.model.columns(
                self._count, 0.0, one.limit_kw / self._scale_kw, usd * self._scale_kw
            )
            self.model.entries(self._balance, columns, one.power)
            self.model.entries(self._headroom, columns, one.headroom)
        spare = self.model.columns(self._count, 0.0, INF, reserve * self._step_h * self._scale_kw)
        self.model.entries(self._headroom, spare, -1.0)

    def add_stores(self) -> None:
        """Groups of stores, each a mix of answers."""
        rest = self._rest
        groups, answers = rest.cost_usd.shape
        if not groups:
            return
        usd = rest.cost_usd - self._earned(rest.power_kw, rest.headroom_kw)
        columns = self.model.columns(groups * answers, 0.0, INF, usd.ravel())
        columns = columns.reshape(groups, answers)
        one = self.model.rows(groups, 1.0, 1.0)
        self.model.entries(one[:, None], columns, 1.0)
        self._into_rows(columns, rest.power_kw, rest.headroom_kw)

    def add_schedules(self, given: Schedules) -> Ints:
        """Engines' schedules, one of each to be taken, and what their output can move."""
        e, of, on = given.engines, given.engine, given.on
        pieces = _pieces(e, self._count)
        worth, least = _fuel(given, self._prices, self._step_h)
        low, high = _columns(e.low_kw, self._count)[of], _columns(e.high_kw, self._count)[of]
        slope = np.repeat(e.slope_usd, 2, axis=1)[:, None, :]
        burn = np.repeat(e.slope_fuel, 2, axis=1)[:, None, :]
        energy, reserve = self._prices.energy, self._prices.reserve
        paid = np.tile([0.0, 1.0], e.slope_usd.shape[1])
        # What a segment costs beyond the price, with fuel at its worth in this schedule.
        margin = slope[of] + worth[:, None, None] * burn[of] - energy[None, :, None]
        margin = margin + paid * reserve[None, :, None]
        near = np.abs(margin) <= FLEXIBLE * np.abs(energy)[None, :, None]
        runs = (on == 1)[:, :, None]
        full, open_ = (margin < 0.0) & ~near & runs, near & runs & (pieces[of] > 0.0)
        filled = np.where(full, pieces[of], 0.0)
        power = low * on + filled.sum(axis=2)
        headroom = np.minimum(high * on - power, e.reach_kw[of, None])
        before = np.concatenate([e.on_before[of, None], on[:, :-1]], axis=1)
        usd = (_least_rates(e, self._count)[of] * on + (slope[of] * filled).sum(axis=2)).sum(axis=1)
        usd = usd * self._step_h - (_columns(e.bonus_usd, self._count)[of] * on).sum(axis=1)
        usd = usd + e.start_usd[of] * ((on == 1) & (before == 0)).sum(axis=1)
        fuel = least + (burn[of] * filled).sum(axis=(1, 2)) * self._step_h
        columns = self.model.columns(
            len(of), 0.0, 1.0, usd - self._earned(power, headroom), integer=True
        )
        engines = len(e.up)
        one = self.model.rows(engines, 1.0, 1.0)
        self.model.entries(one[of], columns, 1.0)
        self._into_rows(columns, power, headroom)
        tanks = np.flatnonzero(np.isfinite(e.fuel))
        tank = np.full(engines, -1, dtype=np.int64)
        tank[tanks] = self.model.rows(len(tanks), -INF, 1.0)
        held = tank[of] >= 0
        share = fuel[held] / np.maximum(e.fuel[of[held]], 1e-9)
        self.model.entries(tank[of[held]], columns[held], share)
        self._add_moves(given, columns, open_, pieces, tank)
        if self._fleet.system.secures_largest:
            self._add_largest(given, columns)
        return columns

    def _add_largest(self, given: Schedules, columns: Ints) -> None:
        """Headroom for the loss of the largest engine, where a chosen one may be it."""
        high = _columns(given.engines.high_kw, self._count)
        covered, least = self._fleet.system.largest_kw, self._rest.largest_kw
        extra = self.model.columns(self._count, (least - covered) / self._scale_kw, INF, 0.0)
        self.model.entries(self._headroom, extra, -1.0)
        engine, t = np.nonzero(high > least)
        row = np.full(high.shape, -1, dtype=np.int64)
        row[engine, t] = self.model.rows(len(engine), -INF, covered[t] / self._scale_kw)
        self.model.entries(row[engine, t], extra[t], -1.0)
        schedule, at = np.nonzero((row[given.engine] >= 0) & (given.on == 1))
        of = given.engine[schedule]
        self.model.entries(row[of, at], columns[schedule], high[of, at] / self._scale_kw)

    def _add_moves(
        self, given: Schedules, columns: Ints, open_: NDArray[np.bool_], pieces: Floats, tank: Ints
    ) -> None:
        """Parts of segments that may be used while a schedule is taken that leaves them open."""
        e, of = given.engines, given.engine
        any_open = np.zeros(pieces.shape, dtype=bool)
        np.logical_or.at(any_open, of, open_)
        engine, t, p = np.nonzero(any_open)
        segment, paid = p // 2, p % 2
        width = pieces[engine, t, p]
        usd = e.slope_usd[engine, segment] - self._prices.energy[t] + paid * self._prices.reserve[t]
        moves = self.model.columns(len(engine), 0.0, 1.0, usd * width * self._step_h)
        self.model.entries(self._balance[t], moves, width / self._scale_kw)
        taken = paid == 1
        self.model.entries(self._headroom[t[taken]], moves[taken], -width[taken] / self._scale_kw)
        limit = self.model.rows(len(engine), -INF, 0.0)
        self.model.entries(limit, moves, 1.0)
        number = np.full(pieces.shape, -1, dtype=np.int64)
        number[engine, t, p] = limit
        schedule, at, piece = np.nonzero(open_)
        self.model.entries(number[of[schedule], at, piece], columns[schedule], -1.0)
        held = tank[engine] >= 0
        burnt = (e.slope_fuel[engine, segment] * width * self._step_h)[held]
        share = burnt / np.maximum(e.fuel[engine[held]], 1e-9)
        self.model.entries(tank[engine[held]], moves[held], share)


def _columns(values: Floats, count: int) -> Floats:
    return np.broadcast_to(values, (len(values), count)) if values.shape[1] == 1 else values


def _edges(e: EngineArrays) -> tuple[Floats, Floats]:
    """Where segments begin and end, (engines, 1, segments) kW; the last has no end."""
    upper = np.cumsum(e.width_kw, axis=1)
    lower = upper - e.width_kw
    upper[:, -1] = INF
    return lower[:, None, :], upper[:, None, :]


def _pieces(e: EngineArrays, count: int) -> Floats:
    """Widths above least output (engines, intervals, 2 * segments), kW: free of headroom, paid."""
    low, high = _columns(e.low_kw, count)[:, :, None], _columns(e.high_kw, count)[:, :, None]
    knee = high - np.minimum(high - low, e.reach_kw[:, None, None])
    lower, upper = _edges(e)
    free = np.maximum(np.minimum(upper, knee) - np.maximum(lower, low), 0.0)
    paid = np.maximum(np.minimum(upper, high) - np.maximum(lower, knee), 0.0)
    return np.stack([free, paid], axis=3).reshape(*free.shape[:2], -1)


def _least_rates(e: EngineArrays, count: int) -> Floats:
    """Cost of an hour at least output, (engines, intervals) USD."""
    lower, upper = _edges(e)
    used = np.clip(_columns(e.low_kw, count)[:, :, None] - lower, 0.0, upper - lower)
    return np.asarray(e.hourly_usd[:, None] + (e.slope_usd[:, None, :] * used).sum(axis=2))


def _fuel(given: Schedules, prices: Prices, step_h: float) -> tuple[Floats, Floats]:
    """Worth of fuel in each schedule, USD a unit, and what it burns at least; nothing untanked."""
    worth, least = np.zeros(len(given.engine)), np.zeros(len(given.engine))
    if np.isfinite(given.engines.fuel).any():
        fuel_worths(
            given.engines, given.engine, np.ascontiguousarray(given.on), prices.energy,
            prices.reserve, step_h, worth, least,
        )  # fmt: skip
    return worth, least
