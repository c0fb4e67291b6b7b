"""The proof of a case, beside the search for plans: branch and bound, then a tree on sums."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.cases.between import FamilyModel
from gridmuster.planning.cases.families import as_plan, as_start
from gridmuster.planning.cases.lane import STOP_S, RunLimits, WatchedRun
from gridmuster.planning.cases.neighbourhoods import PlanSearch
from gridmuster.planning.cases.partial import Classes
from gridmuster.planning.cases.prices import Mix
from gridmuster.planning.cases.sums import SumTree, with_sums
from gridmuster.planning.linear import INF, Floats

#: Branch and bound begins anew when a better plan has left so little of the room to the prices'
#: bound: in a smaller model its first bounds are better than what it would still gain.
ANEW = 0.7
#: And only with so many times the time left that it has taken so far.
ANEW_TIMES = 4.0
#: In fewer hours branch and bound goes on even when it stands still: it mostly comes to an end.
LONG_H = 36
#: A helper stays so long, s.
HELP_S = 4.0
#: A thread that has no node to branch on looks again after so many s.
AGAIN_S = 0.05


class BoundSide:
    """Raises the bound of a case in threads of its own, until told to stop.

    Args:
        plans: the search for plans, asked for the best cost and plan.
        family: the model of families of its case.
        mix: where prices stand.
        left_s: time left, s.
    """

    def __init__(
        self, plans: PlanSearch, family: FamilyModel, mix: Mix, left_s: Callable[[], float]
    ) -> None:
        self._plans = plans
        self._case = plans.pricing.case
        self._mix = mix
        self._left_s = left_s
        self._family = family
        self._run: WatchedRun | None = None
        self._tree: SumTree | None = None
        self._before = -INF
        self._stopped = threading.Event()
        self._proved = False
        self._helper: threading.Thread | None = None
        self._thread = threading.Thread(target=self._work, name="bound")
        self._thread.start()

    @property
    def proved(self) -> bool:
        """Whether branch and bound came to its end and nothing was relaxed in its model."""
        return self._proved and self._family.families.exact

    def bound(self) -> float:
        """No plan costs less; -inf so long as nothing is known."""
        run, tree = self._run, self._tree
        found = max(
            self._before,
            -INF if run is None else run.bound(),
            -INF if tree is None else tree.bound(),
        )
        # What no better plan can have was left out, so better than the best is all it speaks of.
        return min(found, self._plans.cost)

    def take(self) -> Classes | None:
        """The last plan that branch and bound came upon, once; it may not keep every ramp."""
        values = None if self._run is None else self._run.take()
        if values is None:
            return None
        return as_plan(self._case, self._family.families, self._family.model, values)

    def point(self) -> Floats | None:
        """Where the tree's lowest relaxation has the numbers on; None without a tree."""
        return None if self._tree is None else self._tree.point()

    def help(self) -> bool:
        """Branch for a while in another thread, if there is a tree and nobody helps with it."""
        if self.helped():
            return True
        tree = self._tree
        if tree is None or tree.finished():
            return False
        self._helper = threading.Thread(target=self._branch, args=(tree, HELP_S), name="bound")
        self._helper.start()
        return True

    def helped(self) -> bool:
        """Whether another thread is at the tree."""
        return self._helper is not None and self._helper.is_alive()

    def finished(self) -> bool:
        """Whether nothing more will come of it."""
        return not self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Wait until it comes to an end, but not longer than so many s."""
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """Have it stop, and wait a little for it."""
        self._stopped.set()
        if self._run is not None:
            self._run.stop()
        if self._tree is not None:
            self._tree.stop()
        self._thread.join(STOP_S)

    def _work(self) -> None:
        while not self._stopped.is_set() and self._left_s() > 0.0:
            room = self._room()
            self._run_whole(room)
            if self._proved or not self._room() < ANEW * room:
                break
        if self._proved or self._stopped.is_set() or self._left_s() <= 0.0:
            return
        model = self._family.narrowed(self._plans, self._mix)
        arrays, sums = with_sums(self._family.families.case, model)
        none = np.zeros(0, dtype=np.int64)
        singles = np.concatenate([none, *(made.on for made in model.groups)])
        self._tree = SumTree(arrays, sums, singles, lambda: self._plans.cost, self._left_s)
        self._branch(self._tree, INF)

    def _room(self) -> float:
        return self._plans.cost - self._mix.bound

    def _outdated(self, room: float, began_s: float) -> bool:
        spent_s = stopwatch_s() - began_s
        return self._room() < ANEW * room and self._left_s() > ANEW_TIMES * spent_s

    def _run_whole(self, room: float) -> None:
        """Branch and bound on the whole model until it ends, stands still or is outdated."""
        model = self._family.narrowed(self._plans, self._mix)
        best = self._plans.best
        start = None if best is None else as_start(self._family.families, model, best.plan)
        limits = RunLimits(
            max(self._left_s(), 0.01),
            still_below=(lambda: self._plans.cost) if self._case.hours >= LONG_H else None,
            outdated=lambda: self._outdated(room, began_s),
        )
        began_s = stopwatch_s()
        if self._run is not None:
            self._before = max(self._before, self._run.bound())
        self._run = WatchedRun(model.arrays, start, limits)
        if not self._stopped.is_set():
            self._proved = self._run.run()

    def _branch(self, tree: SumTree, time_limit_s: float) -> None:
        began_s = stopwatch_s()
        while (
            not tree.finished()
            and min(self._left_s(), began_s + time_limit_s - stopwatch_s()) > 0.0
        ):
            if self._stopped.is_set():
                tree.stop()
            elif not tree.work():
                self._stopped.wait(AGAIN_S)
