"""Solves a case: prices first, plans near what they say, then better ones beside branch and bound.

The bound is a Lagrangian one or the solver's own on a relaxation of the case; the plan is priced
and judged by `judging`, which knows nothing of the model.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.cases.between import Between, family_model
from gridmuster.planning.cases.bounding import BoundSide
from gridmuster.planning.cases.case import (
    Case,
    Group,
    Piecewise,
    Renewable,
    Schedule,
    StartStep,
    Thermal,
)
from gridmuster.planning.cases.families import Families, as_plan, as_start
from gridmuster.planning.cases.judging import Judgement, judge
from gridmuster.planning.cases.lane import BoundLane, RunLimits, WatchedRun
from gridmuster.planning.cases.neighbourhoods import PlanSearch, Turn
from gridmuster.planning.cases.partial import Classes
from gridmuster.planning.cases.plans import schedule_of
from gridmuster.planning.cases.prices import Mix, PriceSearch, Pricing
from gridmuster.planning.cases.tight import TightModel, build
from gridmuster.planning.linear import INF

#: Prices are improved until their bound is within this share of the gap asked for; in a small case
#: branch and bound will take it further.
PRICE_GAP, SMALL_PRICE_GAP = 0.02, 0.1
#: Bounds are lowered by this share for rounding.
ROUNDING = 1e-9
#: Time kept back for the judge and for what else is done at the end, as a share of the limit.
KEPT_BACK = 0.02
#: Units times hours up to which branch and bound is worth its root.
WHOLE_CELLS = 60_000
#: Groups times hours up to which a dive goes on beside rounding; else rounding may do by itself.
DIVE_CELLS = 8_000
#: So many neighbourhoods in a row without a better plan are enough before branch and bound.
IDLE = 12
#: Hours around what is between relaxation and plan that are open too, one after the other.
SPREADS_H = (0, 1, 2)
#: So many neighbourhoods in vain are enough beside a tree; then plans between the best one and the
#: tree's lowest node, so many hours around open too, and help with the tree take turns.
TREE_IDLE, TREE_SPREAD_H = 3, 1
#: Most time for the case that is solved to have the kernels compiled, s: nothing but a brake.
COMPILING_S = 300.0
#: Between two looks at what runs beside, s.
POLL_S = 0.05

Method = Literal["auto", "milp", "decomposition"]


@dataclass(frozen=True, slots=True)
class CaseLimits:
    """How well and how long to solve.

    Args:
        gap: relative gap at which to stop.
        time_limit_s: most wall time, s.
        threads: threads of the solver.
        method: ``milp`` is branch and bound alone; ``decomposition`` is prices and plans near
            them, bounded by the prices alone; ``auto`` has both.
    """

    gap: float = 1e-3
    time_limit_s: float = 100.0
    threads: int = 2
    method: Method = "auto"


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


Told = Callable[[str, float, float], None]


def solve_case(
    case: Case, limits: CaseLimits | None = None, told: Told | None = None
) -> CaseAnswer:
    """Plan a case.

    Args:
        case: the case; copies count as so many units each (`Case.repeated`).
        limits: how well and how long.
        told: told of each step, the best cost and the bound so far.

    Returns:
        The best plan found, judged, with a valid lower bound; never raises for lack of time. The
        limit begins when the kernels are compiled: once on a machine, for some seconds.
    """
    limits = CaseLimits() if limits is None else limits
    if limits.method == "milp":
        case = case.one_by_one()
    else:
        _compile_once()
    return _CaseSearch(case, limits, told or _silent).run()


def solve_copies(
    case: Case, copies: int, limits: CaseLimits | None = None, told: Told | None = None
) -> CaseAnswer:
    """Plan a case whose every unit, demand and reserve is repeated.

    Args:
        case: one copy.
        copies: how many.
        limits: how well and how long.
        told: told of each step, the best cost and the bound so far.
    """
    return solve_case(case.repeated(copies), limits, told)


@functools.cache
def _compile_once() -> None:
    """Have every kernel compiled, so that no limit is spent on that; a case of two hours does."""
    cost = Piecewise(((10.0, 100.0), (20.0, 210.0), (30.0, 340.0)))
    steps = (StartStep(1, 50.0), StartStep(4, 90.0))
    slow = Thermal("a", 10.0, 30.0, 8.0, 8.0, 15.0, 15.0, 2, 2, False, True, 3, 20.0, steps, cost)
    quick = Thermal(
        "b", 10.0, 30.0, 30.0, 30.0, 30.0, 30.0, 1, 1, False, False, 3, 0.0, steps, cost
    )
    sun = Renewable("c", (0.0, 0.0, 0.0), (5.0, 5.0, 5.0))
    groups = (Group(slow, ("a1", "a2")), Group(quick, ("b1", "b2", "b3")))
    case = Case("compile", (90.0, 40.0, 120.0), (10.0, 10.0, 10.0), groups, (sun,))
    _CaseSearch(case, CaseLimits(gap=0.0, time_limit_s=COMPILING_S, threads=1), _silent).run()


class _CaseSearch:
    """One search: prices, plans near them, better plans near those, and branch and bound."""

    def __init__(self, case: Case, limits: CaseLimits, told: Told) -> None:
        self._started_s = stopwatch_s()
        self._case = case
        self._limits = limits
        self._told = told
        self._pricing = Pricing(case)
        self._plans = PlanSearch(self._pricing, limits.gap, self._worth_s)
        self._bound = -INF
        self._method = "prices"
        self._model: TightModel | None = None
        self._lane: BoundLane | None = None
        self._side: BoundSide | None = None
        self._between: Between | None = None
        self._apart = Families(case, np.arange(len(case.thermal)), exact=True)
        self._turns: Iterator[Turn] = iter(())
        self._idle = 0
        self._lock = threading.Lock()

    def _seconds(self) -> float:
        return stopwatch_s() - self._started_s

    def _left_s(self) -> float:
        return self._limits.time_limit_s * (1.0 - KEPT_BACK) - self._seconds()

    def _worth_s(self) -> float:
        """Time left for better plans: none once the gap is met."""
        return 0.0 if self._over() else self._left_s()

    def _over(self) -> bool:
        cost = self._plans.cost
        if cost < INF and cost - self._bound <= self._limits.gap * abs(cost):
            return True
        return self._left_s() <= 0.0

    def run(self) -> CaseAnswer:
        """Search until the gap is met or time is up."""
        if self._limits.method == "milp":
            self._alone()
        else:
            self._together()
        for beside in (self._side, self._lane):
            if beside is not None:
                beside.stop()
        self._listen()
        return self._answer()

    def _alone(self) -> None:
        self._method = "branch and bound"
        self._start_lane()
        self._wait()

    def _together(self) -> None:
        search = PriceSearch(Pricing(self._case))
        share = SMALL_PRICE_GAP if self._small() else PRICE_GAP
        mix = search.improve(max(share * self._limits.gap, 1e-9), self._left_s)
        if mix is None:
            self._prove_whole()
            return
        self._prove(mix.bound)
        self._plans.learn(mix)
        self._say("prices")
        self._first_plans(search, mix)
        if self._plans.best is not None:
            self._turns = self._plans.turns(mix)
            self._improve(mix)
        if not self._over() and not (self._side is not None and self._side.proved):
            self._prove_whole()

    def _improve(self, mix: Mix) -> None:
        """Better plans and a better bound; at once in small cases when there are two threads."""
        if not self._over() and not (self._small() and self._limits.threads >= 2):
            self._beside(self._better, self._better)
        self._begin_side(mix)
        side, between = self._side, self._between
        if self._over() or side is None or between is None:
            return
        for spread_h in SPREADS_H:
            self._listen()
            if self._over() or side.finished():
                break
            if between.turn(spread_h):
                self._say("between")
        self._better()

    def _begin_side(self, mix: Mix) -> None:
        """Have the bound raised beside from now on, once there is a plan and if it is worth it."""
        if self._side is not None or self._plans.best is None:
            return
        if self._over() or not self._worth_whole():
            return
        family = family_model(self._plans)
        self._between = Between(self._plans, family, mix, self._limits.gap, self._worth_s)
        self._side = BoundSide(self._plans, family, mix, self._left_s)

    def _first_plans(self, search: PriceSearch, mix: Mix) -> None:
        """Round what the prices say, and round it after a dive; the first alone if that will do."""

        def rounding() -> None:
            if self._plans.round(mix):
                self._say("rounding")

        def diving() -> None:
            deeper = None if self._over() else self._plans.dive(search, mix)
            if deeper is not None and not self._over() and self._plans.round(deeper):
                self._say("dive")

        if self._small():
            self._beside(rounding, diving)
        else:
            rounding()
            diving()

    def _beside(self, one: Callable[[], None], other: Callable[[], None]) -> None:
        """Do two things at once when there are two threads, else one after the other."""
        if self._limits.threads < 2:
            one()
            other()
            return
        thread = threading.Thread(target=other, name="plans")
        thread.start()
        try:
            one()
        finally:
            thread.join()

    def _better(self) -> None:
        """Open one part of the best plan after the other, until that has long been in vain.

        Beside branch and bound it goes on until that is done.
        """
        side = self._side
        while not self._over():
            self._listen()
            if (side is None and self._idle >= IDLE) or (side is not None and side.finished()):
                return
            if side is not None and self._aside(side):
                continue
            with self._lock:
                turn = next(self._turns)
            if self._plans.turn(turn):
                self._idle = 0
                self._say("neighbourhoods")
                continue
            self._idle += 1
            if self._idle % IDLE == 0:
                self._plans.longer()

    def _aside(self, side: BoundSide) -> bool:
        """Leave the processor to the bound for a while when better plans have long been sought."""
        if side.helped() or (self._limits.threads < 2 and self._idle >= IDLE):
            side.wait(POLL_S)
            return True
        if self._limits.threads < 2 or self._idle < TREE_IDLE:
            return False
        point = side.point()
        if point is not None and self._between is not None:
            if self._between.turn(TREE_SPREAD_H, point):
                self._idle = 0
                self._say("between")
                return True
            return side.help()
        return False

    def _prove_whole(self) -> None:
        """Branch and bound on the exact model with nothing beside it."""
        if self._worth_whole():
            self._start_lane()
            self._wait()

    def _wait(self) -> None:
        while not self._over() and self._lane is not None and not self._lane.watched.finished():
            self._lane.wait(POLL_S)
            self._listen()

    def _start_lane(self) -> None:
        self._model = build(self._case, fleet_rows=True)
        best = self._plans.best
        start = None if best is None else as_start(self._apart, self._model, best.plan)
        threads = self._limits.threads if self._limits.method == "milp" else 1
        # With a plan known what is left to do is to prove it, not to look for others.
        effort = 0.05 if start is None else 0.0
        limits = RunLimits(max(self._left_s(), 0.1), threads, effort=effort)
        self._lane = BoundLane(WatchedRun(self._model.arrays, start, limits))

    def _listen(self) -> None:
        """Take over what the bound's side and branch and bound have found."""
        if self._side is not None:
            self._prove(self._side.bound())
            self._take(self._side.take())
        if self._lane is not None and self._model is not None:
            self._prove(self._lane.watched.bound())
            values = self._lane.watched.take()
            if values is not None:
                self._take(as_plan(self._case, self._apart, self._model, values))

    def _take(self, plan: Classes | None) -> None:
        if plan is not None and self._plans.offer(plan):
            self._say("branch and bound")

    def _prove(self, bound: float) -> None:
        if np.isfinite(bound):
            self._bound = max(self._bound, bound - ROUNDING * abs(bound))
            self._plans.bound = self._bound

    def _small(self) -> bool:
        return len(self._case.thermal) * self._case.hours <= DIVE_CELLS and self._worth_whole()

    def _worth_whole(self) -> bool:
        cells = self._case.hours * sum(group.count for group in self._case.thermal)
        grouped = all(group.count == 1 or group.unit.free for group in self._case.thermal)
        return grouped and cells <= WHOLE_CELLS and self._limits.method == "auto"

    def _say(self, method: str) -> None:
        self._method = method
        self._told(method, self._plans.cost, self._bound)

    def _answer(self) -> CaseAnswer:
        best = self._plans.best
        if best is None:
            schedule = Schedule({}, {}, {})
            judged = Judgement(INF, ("no plan was found in the time given",), 1)
        else:
            schedule = schedule_of(self._pricing, best)
            judged = judge(self._case, schedule)
        return CaseAnswer(schedule, judged, self._bound, self._seconds(), self._method)


def _silent(_: str, __: float, ___: float) -> None:
    """Nobody is told."""
