"""Makes plans beside the deciding process, so that no cycle waits for a solver."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor

import msgspec
import structlog

from gridmuster.center.planmemory import PlanRequest
from gridmuster.planning.areas import solve_by_area
from gridmuster.signals import encode

log = structlog.get_logger()


def solve_encoded(request: bytes) -> bytes:
    """Make a plan.

    Args:
        request: an encoded `PlanRequest`.

    Returns:
        The encoded `PlanSolution`, as it enters the core's inbox.
    """
    asked = msgspec.msgpack.decode(request, type=PlanRequest)
    return encode(solve_by_area(asked.problem, asked.limits, asked.previous))


class Solver:
    """One process that makes plans, started when the first is asked for.

    A planner that breaks costs one plan, not the center: the core keeps the plan before it, covers
    in real time, says that its plan is old, and asks again.

    Args:
        processes: how many; 0 makes plans in this process, at once.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        #: Plans that could not be made.
        self.failures = 0

    def ask(
        self, request: PlanRequest, done: Callable[[bytes], None] | None = None
    ) -> Future[bytes]:
        """Ask for a plan.

        Args:
            request: what to plan.
            done: told the encoded plan when it is there, on a thread of the pool; not told when
                the planner broke.
        """
        body = msgspec.msgpack.encode(request)
        future: Future[bytes]
        if self._processes == 0:
            future = Future()
            future.set_result(solve_encoded(body))
        else:
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._processes, mp_context=context)
            future = self._pool.submit(solve_encoded, body)
        future.add_done_callback(lambda over: self._over(over, done))
        return future

    def _over(self, over: Future[bytes], done: Callable[[bytes], None] | None) -> None:
        if over.cancelled():
            return
        error = over.exception()
        if error is None:
            if done is not None:
                done(over.result())
            return
        self.failures += 1
        log.error("planner", error=repr(error))
        if isinstance(error, BrokenExecutor):
            # A pool whose process died takes no more work; the next request starts another.
            self._pool = None

    def close(self) -> None:
        """Stop the process; a plan under way is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
