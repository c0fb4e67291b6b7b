"""Branch and bound that can be watched and stopped, and a thread for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.highs import Start, loaded_solver
from gridmuster.planning.linear import INF, Floats, LinearArrays

#: A solver that does not stop in so many s is left to itself; nothing waits for it.
STOP_S = 0.3
#: A run stands still when in so many s, or in this share of its time, whichever is more, it has
#: not closed this share of what was open.
STILL_S, STILL_SHARE, STILL_GAIN = 4.0, 0.3, 0.05


@dataclass(frozen=True, slots=True)
class RunLimits:
    """When a run ends.

    Args:
        time_limit_s: most wall time, s.
        threads: threads of HiGHS.
        absolute_gap: gap at which to stop.
        effort: of looking for plans, as a share; HiGHS' ``mip_heuristic_effort``.
        still_below: cost of the best plan known: the run ends when the gap between it and the
            bound stands still; None to go on.
        outdated: whether a smaller model has become known: the run ends; None to go on.
    """

    time_limit_s: float
    threads: int = 1
    absolute_gap: float = 0.0
    effort: float = 0.05
    still_below: Callable[[], float] | None = None
    outdated: Callable[[], bool] | None = None


class WatchedRun:
    """HiGHS on a model; its bound and plans can be read, and it can be stopped, at any time.

    Args:
        arrays: the model.
        start: a known plan, or None.
        limits: when to end.
    """

    def __init__(self, arrays: LinearArrays, start: Start | None, limits: RunLimits) -> None:
        self._arrays = arrays
        self._start = start
        self._limits = limits
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._bound = -INF
        self._found: Floats | None = None
        self._finished = False
        self._began_s = self._moved_s = stopwatch_s()
        self._left = INF

    def bound(self) -> float:
        """No plan costs less; -inf so long as nothing is known."""
        with self._lock:
            return self._bound

    def take(self) -> Floats | None:
        """The last better plan that it came upon, once; None when there is no new one."""
        with self._lock:
            found, self._found = self._found, None
            return found

    def finished(self) -> bool:
        """Whether it has come to an end by itself."""
        with self._lock:
            return self._finished

    def stop(self) -> None:
        """Have it stop; it may go on for some seconds until it next asks whether to."""
        self._stop.set()

    def run(self) -> bool:
        """Solve; whether it came to the gap asked for."""
        solver = loaded_solver(self._arrays, self._limits.threads)
        solver.setOptionValue("time_limit", max(self._limits.time_limit_s, 0.01))
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.setOptionValue("mip_abs_gap", self._limits.absolute_gap)
        solver.setOptionValue("mip_heuristic_effort", self._limits.effort)
        numbers = np.flatnonzero(self._arrays.integer).astype(np.int32)
        integer = np.full(len(numbers), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
        solver.changeColsIntegrality(len(numbers), numbers, integer)
        if self._start is not None:
            columns = self._start.columns.astype(np.int32)
            solver.setSolution(len(columns), columns, self._start.values)
        solver.cbMipInterrupt.subscribe(self._asked)
        solver.cbMipImprovingSolution.subscribe(self._improved)
        self._began_s = self._moved_s = stopwatch_s()
        status = solver.run()
        info = solver.getInfo()
        solver.cbMipInterrupt.unsubscribe(self._asked)
        solver.cbMipImprovingSolution.unsubscribe(self._improved)
        ended = solver.getModelStatus()
        with self._lock:
            if status != highspy.HighsStatus.kError and info.valid:
                bound = float(info.mip_dual_bound)
                self._bound = max(self._bound, bound) if np.isfinite(bound) else self._bound
            self._finished = True
        return bool(ended == highspy.HighsModelStatus.kOptimal)

    def _asked(self, event: highspy.HighsCallbackEvent) -> None:
        bound = float(event.data_out.mip_dual_bound)
        with self._lock:
            if np.isfinite(bound):
                self._bound = max(self._bound, bound)
            bound = self._bound
        outdated = self._limits.outdated is not None and self._limits.outdated()
        if self._stop.is_set() or outdated or self._still(bound):
            event.interrupt()

    def _still(self, bound: float) -> bool:
        if self._limits.still_below is None or not np.isfinite(bound):
            return False
        now_s = stopwatch_s()
        left = self._limits.still_below() - bound
        if left < (1.0 - STILL_GAIN) * self._left:
            self._left, self._moved_s = left, now_s
        patience_s = max(STILL_S, STILL_SHARE * (now_s - self._began_s))
        return now_s - self._moved_s > patience_s

    def _improved(self, event: highspy.HighsCallbackEvent) -> None:
        values = np.array(event.data_out.mip_solution)
        with self._lock:
            self._found = values


class BoundLane:
    """A watched run in a thread of its own.

    Args:
        run: what to run.
    """

    def __init__(self, run: WatchedRun) -> None:
        self.watched = run
        self._thread = threading.Thread(target=run.run, name="bound")
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until it comes to an end, but not longer than so many s."""
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """Have it stop, and wait a little for it."""
        self.watched.stop()
        self._thread.join(STOP_S)
