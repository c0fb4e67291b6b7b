"""The proof of a case, beside the search for plans: branch and bound, then windows of time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from gridmuster.planning.cases.between import FamilyModel
from gridmuster.planning.cases.families import as_plan, as_start
from gridmuster.planning.cases.lane import STOP_S, RunLimits, WatchedRun
from gridmuster.planning.cases.neighbourhoods import PlanSearch
from gridmuster.planning.cases.partial import Classes
from gridmuster.planning.cases.prices import Mix
from gridmuster.planning.cases.windows import WindowBound
from gridmuster.planning.linear import INF

#: A window is about so long, h: a day, with one or two peaks.
WINDOW_H = 24
#: A thread that has no window to solve looks again after so many s.
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
        self._windows: WindowBound | None = None
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
        run, windows = self._run, self._windows
        found = max(
            -INF if run is None else run.bound(), -INF if windows is None else windows.bound()
        )
        # What no better plan can have was left out, so better than the best is all it speaks of.
        return min(found, self._plans.cost)

    def take(self) -> Classes | None:
        """The last plan that branch and bound came upon, once; it may not keep every ramp."""
        values = None if self._run is None else self._run.take()
        if values is None:
            return None
        return as_plan(self._case, self._family.families, self._family.model, values)

    def help(self) -> bool:
        """Solve one window in another thread, if there is one to solve and none is helped with."""
        if self.helped():
            return True
        windows = self._windows
        if windows is None or windows.finished():
            return False
        self._helper = threading.Thread(target=windows.work, name="bound")
        self._helper.start()
        return True

    def helped(self) -> bool:
        """Whether another thread is at a window."""
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
        if self._windows is not None:
            self._windows.stop()
        self._thread.join(STOP_S)

    def _work(self) -> None:
        hours = self._case.hours
        windows = round(hours / WINDOW_H)
        model = self._family.narrowed(self._plans, self._mix)
        best = self._plans.best
        start = None if best is None else as_start(self._family.families, model, best.plan)
        limits = RunLimits(max(self._left_s(), 0.01))
        if windows >= 2:
            limits = replace(limits, still_below=lambda: self._plans.cost)
        self._run = WatchedRun(model.arrays, start, limits)
        self._proved = not self._stopped.is_set() and self._run.run()
        if self._proved or windows < 2 or self._stopped.is_set():
            return
        model = self._family.narrowed(self._plans, self._mix)
        window = model.hour() * windows // hours
        self._windows = WindowBound(model.arrays, window, lambda: self._plans.cost, self._left_s)
        self._rounds(self._windows)

    def _rounds(self, windows: WindowBound) -> None:
        while not windows.finished() and self._left_s() > 0.0:
            if self._stopped.is_set():
                windows.stop()
            elif not windows.work():
                self._stopped.wait(AGAIN_S)
