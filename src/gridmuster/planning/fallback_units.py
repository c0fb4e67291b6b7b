"""One unit as the rules of `fallback` walk along: what it may, must and can do next."""

from __future__ import annotations

import math

import numpy as np

from gridmuster.planning.objectives import Costs
from gridmuster.planning.prepare import Group
from gridmuster.planning.problem import PlanProblem, RunWindow
from gridmuster.planning.schedule import along_segments

#: Slack against rounding in budgets and powers.
SLACK = 1e-9


class UnitState:
    """One unit as the rules walk along the intervals.

    Args:
        problem: the question.
        group: the unit's limits, in a group of its own or of like ones.
        member: number of the unit.
        costs: the problem's cost coefficients.
    """

    def __init__(self, problem: PlanProblem, group: Group, member: int, costs: Costs) -> None:
        unit = problem.units[member]
        self.group = group
        self.number = member
        self.unit = unit
        self.on = unit.initial_on
        step_s = problem.step_s
        self.stays = 0
        if unit.initial_on:
            self.stays = max(0, math.ceil((unit.min_up_s - unit.initial_s) / step_s - SLACK))
        else:
            rest = math.ceil((unit.min_down_s - unit.initial_s) / step_s - SLACK)
            due = group.starts.due
            self.stays = max(0, rest, group.starts.lead if due < 0 else due)
        self.power_kw = max(0.0, unit.initial_kw) if unit.initial_on else 0.0
        self.hours = math.inf if unit.run_h_left is None else unit.run_h_left
        self.fuel = math.inf if unit.fuel_left is None else unit.fuel_left
        self.room = math.inf if unit.fuel_room is None else max(unit.fuel_room, self.fuel)
        self.starts = math.inf if unit.starts_left is None else unit.starts_left
        self.on_at: int | None = None
        self.may_start = group.starts.may(problem.count)
        self._ran_h = [0.0] * len(unit.windows)
        self._started = [0] * len(unit.windows)
        one, full = costs.units[member], float(group.max_kw.max(initial=0.0))
        spent = along_segments(unit, one.segment_usd_per_kwh, np.array([full]))[0]
        self.merit = (one.hourly_usd + float(spent)) / full if full > 0.0 else math.inf

    def refuel(self, t: int) -> None:
        """Take what is delivered at the beginning of an interval."""
        for one in self.unit.fuel_deliveries:
            if one.interval == t:
                self.fuel = min(self.fuel + one.amount, self.room)

    def can_run(self, t: int, step_h: float, intervals: int, start_fuel: float = 0.0) -> bool:
        """Whether the budgets and limits bear running so many intervals from t on, at minimum."""
        count = len(self.group.allowed)
        last = min(t + intervals, count)
        span = slice(t, last)
        beyond = t + intervals - last
        fuel = float(self.group.min_fuel_per_h[span].sum())
        fuel += beyond * float(self.group.min_fuel_per_h[-1])
        fuel = fuel * step_h + start_fuel
        hours = intervals * step_h
        ahead = any(
            one.first < t + intervals and one.end > count for one in self.unit.maintenance if beyond
        )
        return bool(
            self.group.allowed[span].all()
            and not ahead
            and hours <= self.hours + SLACK
            and fuel <= self.fuel + SLACK
            and self._windows_bear(t, t + intervals, step_h)
        )

    def _windows_bear(self, t: int, last: int, step_h: float) -> bool:
        for window, ran_h in zip(self.unit.windows, self._ran_h, strict=True):
            inside = max(0, min(last, window.end) - max(t, window.first))
            limit_h = math.inf if window.run_h_left is None else window.run_h_left
            if inside and ran_h + inside * step_h > limit_h + SLACK:
                return False
        return True

    def _starts_bear(self, t: int) -> bool:
        for window, started in zip(self.unit.windows, self._started, strict=True):
            limit = math.inf if window.starts_left is None else window.starts_left
            if window.first <= t < window.end and started >= limit:
                return False
        return self.starts >= 1

    def _startable(self, t: int, step_h: float) -> bool:
        """Whether a start may be done in t, as far as budgets, limits and ordered starts go."""
        return (
            t < len(self.may_start)
            and bool(self.may_start[t])
            and self._starts_bear(t)
            and self.can_run(t, step_h, self.group.up, self.group.starts.fuel)
        )

    def must_stay(self, t: int) -> bool:
        """Whether it has to be on in t: least time, an ordered start, more output than may stop."""
        if not self.on:
            return self.on_at == t
        return self.stays > 0 or self.power_kw > float(self.group.last_kw[max(0, t - 1)]) + SLACK

    def able(self, t: int, step_h: float) -> bool:
        """Whether it can be on in t."""
        if self.on:
            return self.can_run(t, step_h, 1)
        if self.on_at is not None:
            return self.on_at == t
        given = len(self.group.starts.power_kw) > 0
        return not given and self.stays <= 0 and self._startable(t, step_h)

    def begin(self, t: int, step_h: float) -> bool:
        """Order a start that gives power before it is on; False when it may not, or needs none."""
        steps = len(self.group.starts.power_kw)
        if self.on or self.on_at is not None or not steps:
            return False
        due = self.group.starts.due
        at = due if 0 <= due < steps and t == 0 else t + steps
        if at < t + self.stays or not self._startable(at, step_h):
            return False
        self.on_at = at
        return True

    def starting_kw(self, t: int) -> float:
        """What it gives in t because it is starting, kW."""
        if self.on or self.on_at is None or self.on_at <= t:
            return 0.0
        return float(self.group.starts.power_kw[t - self.on_at])

    def certain_kw(self, t: int, step_h: float) -> float:
        """What it could surely give in t, kW."""
        return self.high_kw(t, step_h) if self.able(t, step_h) else 0.0

    def cap_kw(self, t: int) -> float:
        """Most that limits let it give in t, its first and last intervals looked at, kW."""
        high = min(float(self.group.max_kw[t]), float(self.group.last_kw[t]))
        return high if self.on else min(high, float(self.group.first_kw[t]))

    def high_kw(self, t: int, step_h: float) -> float:
        """Most it can give in t within its ramp and the fuel it has left."""
        low = float(self.group.min_kw[t])
        high = self.cap_kw(t)
        if self.on:
            high = min(high, self.power_kw + self.group.ramp_kw)
        elif self.unit.start_max_kw is None:
            high = min(high, low + self.group.ramp_kw)
        high = max(low, high)
        if self.fuel < math.inf and self.group.width_kw.shape[0]:
            # Fuel for the intervals that it must stay on after this one is kept back.
            least = max(1, self.stays if self.on else self.group.up)
            rates = self.group.min_fuel_per_h[t : t + least]
            kept = float(rates.sum()) + (least - len(rates)) * float(self.group.min_fuel_per_h[-1])
            spare = self.fuel / step_h - kept
            if not self.on:
                spare -= self.group.starts.fuel / step_h
            steepest = float(self.group.width_fuel_per_kwh.max())
            if steepest > 0.0:
                high = min(high, low + max(0.0, spare) / steepest)
        return high

    def low_kw(self, t: int) -> float:
        """Least it can give in t within its ramp."""
        low = float(self.group.min_kw[t])
        if self.on:
            low = min(float(self.group.max_kw[t]), max(low, self.power_kw - self._fall_kw()))
        return low

    def _fall_kw(self) -> float:
        return self.group.ramp_down_kw

    def beyond_ramp(self, t: int, power_kw: float, *, now_on: bool) -> float:
        """Power by which it moves faster than its ramps allow, kW."""
        low, group = self.group.min_kw, self.group
        if now_on and self.on:
            rise, fall = power_kw - self.power_kw, self.power_kw - power_kw
            return max(0.0, rise - group.ramp_kw, fall - group.ramp_down_kw)
        if now_on:
            most = float(low[t]) + group.ramp_kw
            if self.unit.start_max_kw is not None:
                most = float(group.first_kw[t])
            return max(0.0, power_kw - most)
        if self.on:
            before = max(0, t - 1)
            most = float(low[before]) + group.ramp_down_kw
            if self.unit.stop_max_kw is not None:
                most = float(group.last_kw[before])
            return max(0.0, self.power_kw - most)
        return 0.0

    def move_on(self, t: int, power_kw: float, step_h: float, *, now_on: bool) -> None:
        """Take over what it does in t."""
        if now_on and not self.on:
            self.starts -= 1
            self.fuel -= self.group.starts.fuel
            self.on_at = None
            for number, window in enumerate(self.unit.windows):
                self._started[number] += _inside(window, t)
        if now_on != self.on:
            self.stays = self.group.up if now_on else self.group.down
            self.on = now_on
        self.stays -= 1
        self.power_kw = power_kw if now_on else 0.0
        if not now_on:
            return
        fuel = np.asarray(self.unit.segment_fuel_per_kwh, dtype=float)
        burnt = self.unit.no_load_fuel_per_h
        burnt += float(along_segments(self.unit, fuel, np.array([power_kw]))[0])
        self.fuel -= burnt * step_h
        self.hours -= step_h
        for number, window in enumerate(self.unit.windows):
            self._ran_h[number] += step_h * _inside(window, t)


def _inside(window: RunWindow, t: int) -> int:
    return int(window.first <= t < window.end)
