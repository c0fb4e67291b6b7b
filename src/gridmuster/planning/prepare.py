"""From the problem as asked to what the model needs: intervals, segments, states, like units.

Units that are alike in every respect that matters (same area, limits, costs and times) become one
group with a count: the model then decides how many of them are on, which removes the symmetry
that stalls branch and bound. Times are rounded up to whole intervals.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from gridmuster.planning.linear import INF, Floats, Ints
from gridmuster.planning.objectives import Costs, UnitCosts
from gridmuster.planning.problem import PlanProblem, PlanUnit, RunWindow
from gridmuster.planning.starting import WHOLE, Starts, due_interval, lead_intervals, starts_of
from gridmuster.units import SECONDS_PER_HOUR

#: Fuel that the tolerance of the solver of an earlier plan may have taken of what a run of it must
#: still last, l or m3: a feasibility tolerance of 1e-6 on rows of some hundred l, and no more than
#: any gauge overlooks.
LAST_DROP = 1e-3


@dataclass(frozen=True, slots=True)
class Group:
    """Like units; arrays run over the intervals, ``(segments, intervals)`` for the segments.

    ``allowed`` says when a unit may run at all, ``open`` when the model considers it (see
    `dominance`). ``up`` and ``down`` are least intervals on and off. ``held_on[t]`` and
    ``held_off[t]`` count the units that must still be on, or off, in t because of what they did
    before. Costs are in the objective's USD, fuel in l or m3; both are per hour at minimum output
    and per kWh above it. ``ramp_kw`` is what output may rise by in an interval, ``ramp_down_kw``
    what it may fall by; ``first_kw`` and ``last_kw`` are the most in the first and the last
    interval of a run (infinite: minimum plus ramp). ``tail[t]`` are the intervals that a run begun
    in t has to last beyond the horizon: budgets keep enough for them, and ``kept_fuel`` for a run
    from before it, so that the next plan can hold the least time.
    """

    members: tuple[int, ...]
    unit: PlanUnit
    area: int
    step_h: float
    allowed: np.ndarray
    open: np.ndarray
    min_kw: Floats
    max_kw: Floats
    up: int
    down: int
    on_before: int
    held_on: Ints
    held_off: Ints
    must_run: np.ndarray
    must_run_hard: bool
    min_usd_per_h: Floats
    min_fuel_per_h: Floats
    width_kw: Floats
    width_usd_per_kwh: Floats
    width_fuel_per_kwh: Floats
    starts: Starts
    ramp_kw: float
    ramp_down_kw: float
    first_kw: Floats
    last_kw: Floats
    run_h_left: float | None
    fuel_left: float | None
    starts_left: int | None
    windows: tuple[RunWindow, ...]
    tail: Ints
    kept_fuel: float

    @property
    def start_usd(self) -> float:
        """Cost of a start after the shortest rest, in the objective's USD."""
        return self.starts.usd[0]

    @property
    def ramps(self) -> bool:
        """Whether ramps, or least steps at starting and stopping, can bind."""
        capped = bool(np.isfinite(self.first_kw).any() or np.isfinite(self.last_kw).any())
        return min(self.ramp_kw, self.ramp_down_kw) < INF or capped

    @property
    def plain(self) -> bool:
        """Whether nothing but least times ties its intervals together, and starts cost alike."""
        return self.starts.plain and not self.ramps and not self.windows

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.members)

    @property
    def is_block(self) -> bool:
        """Whether output follows from being on alone (minimum and maximum are equal)."""
        return len(self.width_kw) == 0


@dataclass(frozen=True, slots=True)
class _State:
    """One unit's limits and past, in whole intervals."""

    allowed: np.ndarray
    min_kw: Floats
    max_kw: Floats
    up: int
    down: int
    held_on: int
    held_beyond: int
    held_off: int


def singles(problem: PlanProblem, costs: Costs) -> list[Group]:
    """Every unit of a problem as a group of one, in the problem's order."""
    area_number = {area.id: number for number, area in enumerate(problem.areas)}
    return [
        _single(problem, number, unit, costs.units[number], area_number[unit.area])
        for number, unit in enumerate(problem.units)
    ]


def together(groups: list[Group]) -> list[Group]:
    """Like units in one group, in the order of first appearance."""
    alike: dict[Hashable, list[Group]] = {}
    for number, group in enumerate(groups):
        alike.setdefault(_likeness(group, number), []).append(group)
    return [_merge(members) for members in alike.values()]


def _single(
    problem: PlanProblem, number: int, unit: PlanUnit, unit_costs: UnitCosts, area: int
) -> Group:
    step_h = problem.step_s / SECONDS_PER_HOUR
    state = _state(problem, unit)
    width, keep = _widths(unit, state)
    fuel = np.asarray(unit.segment_fuel_per_kwh, dtype=float)
    min_fuel = unit.no_load_fuel_per_h + _at_minimum(unit, fuel, state)
    unit = _with_last_drop(unit, min_fuel * step_h, state)
    held_on = min(state.held_on, _affordable(unit, state.allowed, min_fuel * step_h, step_h))
    swing = float(np.max(state.max_kw - state.min_kw, initial=0.0))
    spread = float(state.max_kw.max() - np.min(state.min_kw, where=state.allowed, initial=INF))
    if unit.initial_on:
        first_kw = max(0.0, unit.initial_kw)
        spread = max(spread, first_kw - float(state.min_kw[0]), float(state.max_kw[0]) - first_kw)
    reach = max(spread, swing) - WHOLE
    down_kw_per_s = unit.ramp_kw_per_s
    if unit.ramp_down_kw_per_s is not None:
        down_kw_per_s = unit.ramp_down_kw_per_s
    must_run = state.allowed & (np.arange(problem.count) >= state.held_off) & unit.must_run
    counts = np.arange(problem.count)
    return Group(
        members=(number,),
        unit=unit,
        area=area,
        step_h=step_h,
        allowed=state.allowed,
        open=state.allowed,
        min_kw=state.min_kw,
        max_kw=state.max_kw,
        up=state.up,
        down=state.down,
        on_before=int(unit.initial_on),
        held_on=(counts < held_on).astype(np.int64),
        held_off=(counts < state.held_off).astype(np.int64),
        must_run=must_run,
        must_run_hard=False,
        min_usd_per_h=unit_costs.hourly_usd
        + _at_minimum(unit, unit_costs.segment_usd_per_kwh, state),
        min_fuel_per_h=min_fuel,
        width_kw=width,
        width_usd_per_kwh=unit_costs.segment_usd_per_kwh[keep],
        width_fuel_per_kwh=fuel[keep],
        starts=starts_of(unit, unit_costs.class_usd, problem.count, problem.step_s),
        ramp_kw=_binding(unit.ramp_kw_per_s * problem.step_s, reach),
        ramp_down_kw=_binding(down_kw_per_s * problem.step_s, reach),
        first_kw=_most(unit.start_max_kw, state),
        last_kw=_most(unit.stop_max_kw, state),
        run_h_left=unit.run_h_left,
        fuel_left=unit.fuel_left,
        starts_left=unit.starts_left,
        windows=tuple(unit.windows),
        tail=np.maximum(counts + state.up - problem.count, 0),
        kept_fuel=_kept_fuel(unit, min_fuel * step_h, held_on, state),
    )


def _with_last_drop(unit: PlanUnit, fuel: Floats, state: _State) -> PlanUnit:
    """The unit with what its run must still last, where a solver's tolerance is all that lacks."""
    if unit.fuel_left is None or not state.held_on:
        return unit
    need = float(fuel[: state.held_on].sum()) + state.held_beyond * float(fuel[-1])
    if unit.fuel_left < need <= unit.fuel_left + LAST_DROP:
        return msgspec.structs.replace(unit, fuel_left=need)
    return unit


def _kept_fuel(unit: PlanUnit, fuel: Floats, held_on: int, state: _State) -> float:
    """Fuel for what a run from before must last beyond the horizon; 0 when that is not to be had.

    Args:
        unit: the unit.
        fuel: what it burns at minimum in each interval.
        held_on: intervals it must still be on.
        state: its limits and past.
    """
    if unit.fuel_left is None or held_on < len(fuel) or not state.held_beyond:
        return 0.0
    kept = state.held_beyond * float(fuel[-1])
    coming = sum(one.amount for one in unit.fuel_deliveries) if unit.fuel_room is None else 0.0
    return kept if float(fuel.sum()) + kept <= unit.fuel_left + coming else 0.0


def _binding(step_kw: float, reach_kw: float) -> float:
    """A ramp, or infinity where no output can be further away."""
    return INF if step_kw >= reach_kw else step_kw


def _most(limit_kw: float | None, state: _State) -> Floats:
    """A cap on a run's first or last interval: never below minimum, infinite if it cannot bind."""
    if limit_kw is None:
        return np.full(len(state.max_kw), INF)
    capped = np.maximum(limit_kw, state.min_kw)
    return np.asarray(np.where(capped >= state.max_kw - WHOLE, INF, capped))


def _state(problem: PlanProblem, unit: PlanUnit) -> _State:
    step_s = problem.step_s
    max_kw = np.asarray(unit.max_kw, dtype=float)
    allowed = max_kw > 0.0
    for span in unit.maintenance:
        allowed[span.first : span.end] = False
    max_kw = np.where(allowed, max_kw, 0.0)
    min_kw = np.where(allowed, np.minimum(np.asarray(unit.min_kw, dtype=float), max_kw), 0.0)
    lead = lead_intervals(unit, step_s)
    held_on = held_off = 0
    if unit.initial_on:
        held_on = max(0, math.ceil((unit.min_up_s - unit.initial_s) / step_s - WHOLE))
    else:
        rest = math.ceil((unit.min_down_s - unit.initial_s) / step_s - WHOLE)
        due = due_interval(unit, step_s)
        held_off = max(0, rest, lead if due < 0 else due)
    return _State(
        allowed=allowed,
        min_kw=min_kw,
        max_kw=max_kw,
        up=max(1, math.ceil(unit.min_up_s / step_s - WHOLE)),
        down=max(1, math.ceil(unit.min_down_s / step_s - WHOLE), lead),
        held_on=min(held_on, problem.count),
        held_beyond=max(0, held_on - problem.count),
        held_off=min(held_off, problem.count),
    )


def _edges(unit: PlanUnit) -> tuple[Floats, Floats]:
    upper = np.cumsum(np.asarray(unit.segment_kw, dtype=float))
    lower = upper - np.asarray(unit.segment_kw, dtype=float)
    if upper.size:
        upper[-1] = INF
    return lower, upper


def _widths(unit: PlanUnit, state: _State) -> tuple[Floats, np.ndarray]:
    """Width of each segment between minimum and maximum, and which segments are not empty."""
    lower, upper = _edges(unit)
    low, high = state.min_kw[None, :], state.max_kw[None, :]
    width = np.clip(upper[:, None], low, high) - np.clip(lower[:, None], low, high)
    keep = np.flatnonzero((width > WHOLE).any(axis=1))
    return width[keep], keep


def _at_minimum(unit: PlanUnit, per_kwh: Floats, state: _State) -> Floats:
    """What the segments below minimum output add up to, per hour."""
    lower, upper = _edges(unit)
    low = state.min_kw[None, :]
    used = np.clip(low, lower[:, None], upper[:, None]) - lower[:, None]
    return np.asarray((per_kwh[:, None] * used).sum(axis=0))


def _affordable(unit: PlanUnit, allowed: np.ndarray, fuel: Floats, step_h: float) -> int:
    """How many first intervals the unit may and can run: hard limits go before minimum times."""
    count = len(allowed)
    last = count if allowed.all() else int(np.argmin(allowed))
    if unit.run_h_left is not None:
        last = min(last, math.floor(unit.run_h_left / step_h + WHOLE))
    for window in unit.windows:
        if window.run_h_left is not None:
            can = window.first + math.floor(window.run_h_left / step_h + WHOLE)
            last = min(last, can) if can < window.end else last
    if unit.fuel_left is not None:
        last = min(last, fuelled(unit, fuel))
    return last


def fuelled(unit: PlanUnit, fuel: Floats) -> int:
    """How many first intervals its fuel lasts for, with deliveries as they come.

    Args:
        unit: a unit with ``fuel_left``.
        fuel: what it burns in each interval.
    """
    left = 0.0 if unit.fuel_left is None else unit.fuel_left
    room = INF if unit.fuel_room is None else max(unit.fuel_room, left)
    for t, burnt in enumerate(fuel):
        for one in unit.fuel_deliveries:
            if one.interval == t:
                left = min(left + one.amount, room)
        left -= float(burnt)
        if left < -WHOLE:
            return t
    return len(fuel)


def loosen(group: Group) -> Group:
    """The same single unit without budgets that no schedule on its open intervals can use up."""
    run_h, fuel, starts = group.run_h_left, group.fuel_left, group.starts_left
    longest = float(group.open.sum() + group.tail.max(initial=0))
    if run_h is not None and run_h >= longest * group.step_h - WHOLE:
        run_h = None
    if fuel is not None:
        above = (group.width_kw * group.width_fuel_per_kwh[:, None]).sum(axis=0)
        most = float((group.min_fuel_per_h + above)[group.open].sum()) * group.step_h
        most += most_starts(group) * group.starts.fuel + group.kept_fuel
        most += float(tail_fuel(group).max(initial=0.0))
        fuel = None if fuel >= most else fuel
    if starts is not None and starts >= most_starts(group):
        starts = None
    # A unit that is on, must stay on and can needs no start: then the wish is a plain bound.
    windows = tuple(window for window in group.windows if _binds(group, window))
    hard = bool(group.must_run.all()) and bool(group.on_before) and run_h is None and fuel is None
    hard = hard and not windows
    starts = None if hard else starts
    return replace(
        group,
        run_h_left=run_h,
        fuel_left=fuel,
        starts_left=starts,
        windows=windows,
        must_run_hard=hard,
    )


def tail_fuel(group: Group) -> Floats:
    """Fuel that a run begun in each interval needs beyond the horizon, l or m3."""
    return np.asarray(group.tail * float(group.min_fuel_per_h[-1]) * group.step_h)


def window_tail(group: Group, window: RunWindow) -> Ints:
    """Intervals of a window that a run begun in each interval has to last beyond the horizon."""
    count = len(group.tail)
    end = np.minimum(count + group.tail, window.end)
    return np.asarray(np.maximum(end - max(count, window.first), 0))


def _binds(group: Group, window: RunWindow) -> bool:
    """Whether a schedule on the group's open intervals could use up a window's budget."""
    part = slice(window.first, window.end)
    run_h, starts = window.run_h_left, window.starts_left
    longest = float(group.open[part].sum() + window_tail(group, window).max(initial=0))
    if run_h is not None and run_h < longest * group.step_h - WHOLE:
        return True
    shut = group.open.copy()
    shut[: window.first] = shut[window.end :] = False
    return starts is not None and starts < most_starts(replace(group, open=shut))


def most_starts(group: Group) -> int:
    """How often a unit could start on its open intervals."""
    edges = np.flatnonzero(np.diff(group.open.astype(np.int8), prepend=0, append=0))
    lengths = edges[1::2] - edges[::2]
    return int(np.ceil(lengths / (group.up + group.down)).sum())


def _likeness(group: Group, number: int) -> Hashable:
    """What must be equal for units to be counted together; unique where counting is not exact."""
    budgeted = (group.run_h_left, group.fuel_left, group.starts_left) != (None, None, None)
    soft = bool(group.must_run.any()) and not group.must_run_hard
    if budgeted or soft or not group.plain:
        return number
    return (
        group.area,
        group.unit.gives_reserve,
        group.unit.ramp_kw_per_s,
        _emissions(group),
        group.up,
        group.down,
        group.must_run_hard,
        group.start_usd,
        group.open.tobytes(),
        group.min_kw.tobytes(),
        group.max_kw.tobytes(),
        group.min_usd_per_h.tobytes(),
        group.width_kw.tobytes(),
        group.width_usd_per_kwh.tobytes(),
    )


def _emissions(group: Group) -> Hashable:
    """What units that emit must have alike beside costs."""
    if not group.unit.emission_kg_per_fuel:
        return None
    rates = tuple(sorted(group.unit.emission_kg_per_fuel.items()))
    return rates, group.min_fuel_per_h.tobytes(), group.width_fuel_per_kwh.tobytes()


def _merge(members: list[Group]) -> Group:
    if len(members) == 1:
        return members[0]
    first = members[0]
    fields = {name: getattr(first, name) for name in Group.__dataclass_fields__}
    fields["members"] = tuple(number for group in members for number in group.members)
    fields["on_before"] = sum(group.on_before for group in members)
    fields["held_on"] = np.sum([group.held_on for group in members], axis=0)
    fields["held_off"] = np.sum([group.held_off for group in members], axis=0)
    return Group(**fields)
