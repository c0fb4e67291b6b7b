"""Branch and bound beside the search for plans, in a thread of its own."""

from __future__ import annotations

import threading

import highspy
import numpy as np

from gridmuster.planning.highs import Start, loaded_solver
from gridmuster.planning.linear import INF, Floats, LinearArrays

#: A solver that does not stop in so many s is left to itself; nothing waits for it.
STOP_S = 0.3


class BoundLane:
    """HiGHS on a whole model in a thread, until told to stop.

    Args:
        arrays: the model.
        start: a known plan, or None.
        time_limit_s: most wall time, s.
        threads: threads of HiGHS.
    """

    def __init__(
        self, arrays: LinearArrays, start: Start | None, time_limit_s: float, threads: int = 1
    ) -> None:
        self._threads = threads
        self._arrays = arrays
        self._start = start
        self._time_limit_s = time_limit_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._bound = -INF
        self._found: Floats | None = None
        self._finished = False
        self._thread = threading.Thread(target=self._run, name="bound")
        self._thread.start()

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

    def wait(self, timeout_s: float) -> None:
        """Wait until it comes to an end, but not longer than so many s."""
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """Have it stop; it may go on for some seconds until it next asks whether to."""
        self._stop.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        solver = loaded_solver(self._arrays, self._threads)
        solver.setOptionValue("time_limit", self._time_limit_s)
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.setOptionValue("mip_abs_gap", 0.0)
        # Plans are looked for beside it.
        solver.setOptionValue("mip_heuristic_effort", 0.0 if self._start is not None else 0.05)
        numbers = np.flatnonzero(self._arrays.integer).astype(np.int32)
        integer = np.full(len(numbers), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
        solver.changeColsIntegrality(len(numbers), numbers, integer)
        if self._start is not None:
            columns = self._start.columns.astype(np.int32)
            solver.setSolution(len(columns), columns, self._start.values)
        solver.cbMipInterrupt.subscribe(self._asked)
        solver.cbMipImprovingSolution.subscribe(self._improved)
        status = solver.run()
        info = solver.getInfo()
        solver.cbMipInterrupt.unsubscribe(self._asked)
        solver.cbMipImprovingSolution.unsubscribe(self._improved)
        with self._lock:
            if status != highspy.HighsStatus.kError and info.valid:
                bound = float(info.mip_dual_bound)
                self._bound = max(self._bound, bound) if np.isfinite(bound) else self._bound
            self._finished = True

    def _asked(self, event: highspy.HighsCallbackEvent) -> None:
        bound = float(event.data_out.mip_dual_bound)
        with self._lock:
            if np.isfinite(bound):
                self._bound = max(self._bound, bound)
        if self._stop.is_set():
            event.interrupt()

    def _improved(self, event: highspy.HighsCallbackEvent) -> None:
        values = np.array(event.data_out.mip_solution)
        with self._lock:
            self._found = values
