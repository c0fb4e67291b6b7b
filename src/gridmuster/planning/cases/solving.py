"""Solves a case: relaxation first, then a plan near it, then branch and bound while time is left.

The bound is always the solver's own on a relaxation of the case; the plan is priced and judged by
`judging`, which knows nothing of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.cases.case import Case, Group, Schedule
from gridmuster.planning.cases.judging import Judgement, judge
from gridmuster.planning.cases.tight import TightModel, build
from gridmuster.planning.highs import mixed_integer, relaxed
from gridmuster.planning.linear import INF, Floats, Ints

#: A commitment this close to whole in the relaxation is held there, first and after failing.
CLOSE = (0.02, 0.0005)
#: Share of the time left that one search near the relaxation may take.
NEAR_SHARE = 0.5
#: On and off of so many units and hours is free in one neighbourhood of the best plan.
FREE = 1_200
#: Share of the time left, and most time, s, that one neighbourhood may take.
TURN_SHARE, TURN_S = 0.2, 8.0
#: Share of a limit's gap that the search for plans aims at: the bound has to be met too.
AIM = 0.25


@dataclass(frozen=True, slots=True)
class CaseLimits:
    """How well and how long to solve.

    Args:
        gap: relative gap at which to stop.
        time_limit_s: most wall time, s.
        threads: threads of the solver.
    """

    gap: float = 1e-3
    time_limit_s: float = 100.0
    threads: int = 2


@dataclass(frozen=True, slots=True)
class CaseAnswer:
    """A plan with its price, its proof and what it breaks.

    Args:
        schedule: the plan; empty when none was found in time.
        judgement: its cost and violations by the independent judge.
        lower_bound: no plan of the case costs less.
        seconds: wall time, s.
        method: how it was found.
    """

    schedule: Schedule
    judgement: Judgement
    lower_bound: float
    seconds: float
    method: str

    @property
    def gap(self) -> float:
        """How far from the optimum the plan can be at most, relative to its cost."""
        cost = self.judgement.cost
        return max(cost - self.lower_bound, 0.0) / max(abs(cost), 1e-9)


class _Best:
    """The best plan so far, as a schedule and as values of the model, and the best bound."""

    def __init__(self, case: Case, model: TightModel) -> None:
        self.case = case
        self.model = model
        self.values: Floats | None = None
        self.schedule = Schedule({}, {}, {})
        self.judgement = Judgement(INF, ("no plan was found in the time given",), 1)
        self.bound = -INF

    def offer(self, values: Floats) -> bool:
        """Take a plan if it keeps every rule and costs less; whether it was taken."""
        schedule = taken_apart(self.case, self.model, values)
        judged = judge(self.case, schedule)
        if not self.schedule.commitment and not judged.feasible:
            self.schedule, self.judgement = schedule, judged
        if not judged.feasible or (self.values is not None and judged.cost >= self.judgement.cost):
            return False
        self.schedule, self.judgement, self.values = schedule, judged, values
        return True

    def done(self, gap: float) -> bool:
        """Whether the plan is proven good enough."""
        if self.values is None:
            return False
        return self.judgement.cost - self.bound <= gap * abs(self.judgement.cost)


def solve_case(
    case: Case,
    limits: CaseLimits | None = None,
    told: Callable[[str, float, float], None] | None = None,
) -> CaseAnswer:
    """Plan a case.

    Args:
        case: the case, without copies; see `solve_copies`.
        limits: how well and how long.
        told: told of each step, the best cost and the bound so far.

    Returns:
        The best plan found, judged, with a valid lower bound; never raises for lack of time.
    """
    search = _CaseSearch(case, CaseLimits() if limits is None else limits, told or _silent)
    return search.run()


def solve_copies(
    case: Case,
    copies: int,
    limits: CaseLimits | None = None,
    told: Callable[[str, float, float], None] | None = None,
) -> CaseAnswer:
    """Plan a case whose every unit, demand and reserve is repeated.

    Alike units that no ramp binds are counted together. Otherwise one copy is planned and
    repeated: that is a plan of the whole; its bound is the relaxation's alone, because only of a
    convex problem the average of all copies is a solution of one.

    Args:
        case: one copy.
        copies: how many.
        limits: how well and how long.
        told: told of each step, the best cost and the bound so far.
    """
    whole = case.repeated(copies)
    if copies == 1 or all(group.unit.free for group in case.thermal):
        return solve_case(whole, limits, told)
    search = _CaseSearch(case, CaseLimits() if limits is None else limits, told or _silent)
    one = search.run(relaxation_only=True)
    schedule = _repeated(one.schedule, copies)
    bound = one.lower_bound * copies
    method = f"{one.method}, repeated {copies} times"
    return CaseAnswer(schedule, judge(whole, schedule), bound, search.seconds(), method)


def _repeated(schedule: Schedule, copies: int) -> Schedule:
    return Schedule(
        {f"{n}#{k}": row for n, row in schedule.commitment.items() for k in range(1, copies + 1)},
        {f"{n}#{k}": row for n, row in schedule.power_mw.items() for k in range(1, copies + 1)},
        {n: [mw * copies for mw in row] for n, row in schedule.renewable_mw.items()},
    )


class _CaseSearch:
    """One search: relaxation, plans near it, better plans near those, then branch and bound."""

    def __init__(
        self, case: Case, limits: CaseLimits, told: Callable[[str, float, float], None]
    ) -> None:
        self._started_s = stopwatch_s()
        self._limits = limits
        self._told = told
        self._model = build(case)
        self._best = _Best(case, self._model)
        self._hours = case.hours
        self._method = "relaxation"

    def seconds(self) -> float:
        """Wall time so far, s."""
        return stopwatch_s() - self._started_s

    def _left_s(self) -> float:
        return self._limits.time_limit_s - self.seconds()

    def _over(self) -> bool:
        return self._left_s() <= 0.0 or self._best.done(self._limits.gap)

    def run(self, *, relaxation_only: bool = False) -> CaseAnswer:
        """Search until the gap is met or time is up.

        Args:
            relaxation_only: whether the bound may come from the relaxation alone.
        """
        best = self._best
        point = relaxed(self._model.arrays, self._limits.threads, self._left_s())
        if point is not None:
            best.bound = point.objective - 1e-9 * abs(point.objective)
            self._say("relaxation")
            for close in CLOSE:
                if not self._over():
                    self._near(point.values, close)
            if best.values is not None:
                self._turns(point.values)
        if not relaxation_only and not self._over():
            self._whole()
        return CaseAnswer(best.schedule, best.judgement, best.bound, self.seconds(), self._method)

    def _say(self, method: str) -> None:
        self._method = method
        self._told(method, self._best.judgement.cost, self._best.bound)

    def _near(self, values: Floats, close: float) -> None:
        """Hold what the relaxation leaves hardly in doubt and solve the rest."""
        on = self._model.commitment()
        sure = np.abs(values[on] - np.round(values[on])) <= close
        self._part(on[sure], np.round(values[on[sure]]), self._left_s() * NEAR_SHARE)
        self._say("relax and fix")

    def _turns(self, relaxed: Floats) -> None:
        """Free one part of the best plan after the other until none gets better."""
        on = self._model.commitment()
        hour_of = np.tile(np.arange(self._hours), len(on) // self._hours)
        idle = 0
        width = max(self._hours // 4, 1)
        starts = list(range(0, self._hours, max(width // 2, 1)))
        turn = 0
        while not self._over() and idle < len(starts) + 1:
            values = self._best.values
            assert values is not None
            doubt = np.abs(values[on] - relaxed[on])
            if turn % (len(starts) + 1) == 0:
                # Where the plan and the relaxation differ a better plan is most likely.
                free = doubt > 1e-6
            else:
                first = starts[turn % (len(starts) + 1) - 1]
                free = (hour_of >= first) & (hour_of < first + width)
            chosen = np.flatnonzero(free)
            if len(chosen) > FREE:
                order = np.argsort(-doubt[chosen], kind="stable")
                chosen = chosen[order[:FREE]]
            held = np.ones(len(on), dtype=bool)
            held[chosen] = False
            limit_s = min(self._left_s() * TURN_SHARE, TURN_S)
            better = self._part(on[held], np.round(values[on[held]]), limit_s)
            idle = 0 if better else idle + 1
            turn += 1
            if better:
                self._say("neighbourhoods")

    def _part(self, held: Ints, at: Floats, time_limit_s: float) -> bool:
        """Solve with some of the commitment held; whether a better plan came of it."""
        best, arrays = self._best, self._model.arrays
        lower, upper = arrays.lower.copy(), arrays.upper.copy()
        lower[held] = upper[held] = np.clip(at, lower[held], upper[held])
        outcome = mixed_integer(
            replace(arrays, lower=lower, upper=upper),
            absolute_gap=AIM * self._limits.gap * abs(best.bound),
            time_limit_s=time_limit_s,
            node_limit=None,
            threads=self._limits.threads,
            start=best.values,
            improve=True,
        )
        return outcome.values is not None and best.offer(outcome.values)

    def _whole(self) -> None:
        """Branch and bound on the whole model; its bound counts."""
        best = self._best
        outcome = mixed_integer(
            self._model.arrays,
            absolute_gap=self._limits.gap * abs(best.bound) if best.bound > -INF else 0.0,
            time_limit_s=self._left_s(),
            node_limit=None,
            threads=self._limits.threads,
            start=best.values,
            improve=True,
        )
        best.bound = max(best.bound, outcome.bound)
        if outcome.values is not None:
            best.offer(outcome.values)
        self._say("branch and bound")


def taken_apart(case: Case, model: TightModel, values: Floats) -> Schedule:
    """A schedule of single units from a solution of the model.

    Args:
        case: the case.
        model: its model.
        values: a solution with whole numbers.
    """
    commitment: dict[str, list[int]] = {}
    power: dict[str, list[float]] = {}
    for group, columns in zip(case.thermal, model.groups, strict=True):
        on = np.round(values[columns.on]).astype(int)
        commitment.update(_assigned(group, on))
        # Alike units on convex costs share best in equal parts; no ramp binds a group of several.
        each = np.where(on > 0, values[columns.above] / np.maximum(on, 1), 0.0)
        each = np.clip(each, 0.0, group.unit.max_mw - group.unit.min_mw) + group.unit.min_mw
        for name in group.names:
            row = commitment[name]
            power[name] = [float(p) if now else 0.0 for p, now in zip(each, row, strict=True)]
    renewable = {
        source.name: [float(mw) for mw in values[columns]]
        for source, columns in zip(case.renewable, model.renewable, strict=True)
    }
    return Schedule(commitment, power, renewable)


def _assigned(group: Group, on: Ints) -> dict[str, list[int]]:
    """Who of the alike units is on: the longest on stops first, the last to stop starts first.

    Stopping the longest on keeps every minimum time on that the sums keep; of those that may
    start, the one off for the shortest time starts hottest.
    """
    unit = group.unit
    rows: dict[str, list[int]] = {name: [] for name in group.names}
    since = {name: -unit.hours_before for name in group.names}
    running = set(group.names) if unit.on_before else set()
    for hour, wanted in enumerate(on.tolist()):
        while len(running) > wanted:
            name = min(running, key=lambda one: (since[one], one))
            running.discard(name)
            since[name] = hour
        off = [name for name in group.names if name not in running]
        ready = sorted(
            (name for name in off if hour - since[name] >= unit.down_h),
            key=lambda one: (-since[one], one),
        )
        for name in ready[: max(wanted - len(running), 0)]:
            running.add(name)
            since[name] = hour
        for name, row in rows.items():
            row.append(int(name in running))
    return rows


def _silent(_: str, __: float, ___: float) -> None:
    """Nobody is told."""
