"""Makes plans beside the deciding process, so that no cycle waits for a solver."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor

import msgspec

from gridmuster.center.planmemory import PlanRequest
from gridmuster.planning.areas import solve_by_area
from gridmuster.signals import encode


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

    Args:
        processes: how many; 0 makes plans in this process, at once.
    """

    def __init__(self, processes: int = 1) -> None:
        self._pool: ProcessPoolExecutor | None = None
        if processes > 0:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(processes, mp_context=context)

    def ask(
        self, request: PlanRequest, done: Callable[[bytes], None] | None = None
    ) -> Future[bytes]:
        """Ask for a plan.

        Args:
            request: what to plan.
            done: told the encoded plan when it is there, on a thread of the pool.
        """
        body = msgspec.msgpack.encode(request)
        if self._pool is None:
            future: Future[bytes] = Future()
            future.set_result(solve_encoded(body))
        else:
            future = self._pool.submit(solve_encoded, body)
        if done is not None:
            future.add_done_callback(lambda over: done(over.result()))
        return future

    def close(self) -> None:
        """Stop the process; a plan under way is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
