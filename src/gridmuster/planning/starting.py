"""Starting: what a start costs by the time off before it, when it may be, what it gives and burns.

With ``v`` starts, ``w`` stops and a column ``d_c`` for each class c but the coldest (on at t as
class c),

    d_c(t) <= sum of w over the stops from which t lies in class c  (+ 1 if the past rest does)
    sum_c d_c(t) <= v(t)

and each d_c takes off the coldest start's cost what c is cheaper. A unit is off between a stop and
its next start, so the latest stop decides and a hotter class than the true one finds no stop; the
coldest needs no column because it is always to be had. (Start-type variables as in Morales-Espana,
Latorre, Ramos, "Tight and compact MILP formulation of start-up and shut-down ramping in unit
commitment", IEEE Trans. Power Systems 28, 2013, (3)-(5), with stops put in from the start logic.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints, LinearModel
from gridmuster.planning.problem import PlanUnit

#: Slack against rounding when times are divided into intervals, and of times in seconds.
WHOLE = 1e-9
SLACK_S = 1e-6


@dataclass(frozen=True, slots=True)
class Starts:
    """How one unit starts, in whole intervals.

    Args:
        usd: cost of a start by class, the hottest first, in the objective's USD.
        after: intervals off from which each class holds; the first is 0.
        past: class of a start in each interval if the unit has been off since before the horizon;
            -1 where it was on.
        lead: intervals from the order until it is on.
        due: interval in which a start ordered before the horizon is done, or -1.
        power_kw: what it gives in the last intervals before it is on, the earliest first.
        fuel: what a start burns, l or m3.
    """

    usd: tuple[float, ...]
    after: tuple[int, ...]
    past: Ints
    lead: int
    due: int
    power_kw: Floats
    fuel: float

    @property
    def plain(self) -> bool:
        """Whether every start is like every other and gives and burns nothing."""
        return len(self.usd) == 1 and not len(self.power_kw) and not self.fuel and self.due < 0

    def may(self, count: int) -> np.ndarray:
        """Where a start may be done: a missed one is ordered anew."""
        where = np.ones(count, dtype=bool)
        if self.due >= 0:
            where[self.due + 1 : self.lead] = False
        return where

    def cost_usd(self, rest: int, since: int) -> float:
        """Cost of a start.

        Args:
            rest: interval in which it is on again.
            since: first interval off; below 0: off since before the horizon.
        """
        if since < 0:
            return self.usd[int(self.past[min(rest, len(self.past) - 1)])]
        number = sum(rest - since >= after for after in self.after) - 1
        return self.usd[max(number, 0)]


def lead_intervals(unit: PlanUnit, step_s: float) -> int:
    """Intervals from order to on; a start takes effect in the interval it leaves half of."""
    delay = max(0, math.ceil(unit.start_delay_s / step_s - 0.5 - WHOLE))
    return max(delay, len(unit.start_power_kw))


def due_interval(unit: PlanUnit, step_s: float) -> int:
    """Interval in which a start under way is done, or -1 when there is none."""
    if unit.initial_on or unit.starting_s is None:
        return -1
    lead_s = max(unit.start_delay_s, len(unit.start_power_kw) * step_s)
    return max(0, math.ceil((lead_s - unit.starting_s) / step_s - 0.5 - WHOLE))


def starts_of(unit: PlanUnit, usd: Sequence[float], count: int, step_s: float) -> Starts:
    """How a unit starts.

    Args:
        unit: the unit.
        usd: cost by class, the hottest first.
        count: intervals of the plan.
        step_s: length of an interval, s.
    """
    off_s = [0.0, *(one.off_s for one in unit.start_classes)]
    past = np.full(count, -1, dtype=np.int64)
    if not unit.initial_on:
        rest_s = unit.initial_s + step_s * np.arange(count)
        past = np.searchsorted(off_s, rest_s + SLACK_S, side="right") - 1
    return Starts(
        usd=tuple(usd),
        after=tuple(max(0, math.ceil(one / step_s - WHOLE)) for one in off_s),
        past=past.astype(np.int64),
        lead=lead_intervals(unit, step_s),
        due=due_interval(unit, step_s),
        power_kw=np.asarray(unit.start_power_kw, dtype=float),
        fuel=unit.start_fuel,
    )


def start_usd(unit: PlanUnit, usd: Sequence[float], on: Ints, step_s: float) -> Floats:
    """Cost of the start in each interval, 0 where there is none.

    Args:
        unit: the unit.
        usd: cost by class, the hottest first.
        on: 1 where it is on.
        step_s: length of an interval, s.
    """
    cost = np.zeros(len(on))
    started = np.flatnonzero(np.diff(on, prepend=int(unit.initial_on)) > 0)
    if not started.size:
        return cost
    if len(usd) == 1:
        cost[started] = usd[0]
        return cost
    how = starts_of(unit, usd, len(on), step_s)
    stopped = np.flatnonzero(np.diff(on, prepend=int(unit.initial_on)) < 0)
    for t in started:
        before = stopped[stopped < t]
        cost[t] = how.cost_usd(int(t), int(before[-1]) if before.size else -1)
    return cost


def start_power_kw(starts: Starts, started: Ints) -> Floats:
    """What a unit gives while it starts, kW, where ``started`` is 1 in the interval it is on."""
    power = np.zeros(len(started))
    for row, kw in enumerate(starts.power_kw):
        lag = len(starts.power_kw) - row
        power[: len(started) - lag] += kw * started[lag:]
    return power


def add_start_power(model: LinearModel, rows: Ints, starts: Starts, start: Ints) -> None:
    """Put what a group gives while it starts into rows, one for each interval; -1: none."""
    for number, kw in enumerate(starts.power_kw):
        lag = len(starts.power_kw) - number
        size = max(0, len(start) - lag)
        there = rows[:size] >= 0
        model.entries(rows[:size][there], start[lag : lag + size][there], kw)


def add_classes(model: LinearModel, starts: Starts, on_before: int, on: Ints, start: Ints) -> None:
    """Columns and rows for starts that are cheaper than the coldest; `start` costs the coldest."""
    if len(starts.usd) == 1:
        return
    count = len(on)
    every = model.rows(count, -INF, 0.0)
    model.entries(every, start, -1.0)
    for number, usd in enumerate(starts.usd[:-1]):
        cheaper = model.columns(count, 0.0, 1.0, usd - starts.usd[-1])
        model.entries(every, cheaper, 1.0)
        first, end = max(1, starts.after[number]), min(starts.after[number + 1], count)
        limit = (starts.past == number).astype(float)
        limit[first:end] += on_before  # u(-1) of a stop in interval 0
        rows = model.rows(count, -INF, limit)
        model.entries(rows, cheaper, 1.0)
        for lag in range(first, end):
            # A stop at t - lag: w = v - u + u(t-1).
            size = count - lag
            model.entries(rows[lag:], start[:size], -1.0)
            model.entries(rows[lag:], on[:size], 1.0)
            model.entries(rows[lag + 1 :], on[: size - 1], -1.0)
