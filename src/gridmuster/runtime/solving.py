"""Makes plans beside the deciding process, so that no cycle waits for a solver."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec
import structlog

from gridmuster.center.planmemory import PlanRequest
from gridmuster.planning import solve
from gridmuster.signals import encode

#: Time between two looks at whether the parent process is still there, s.
PARENT_EVERY_S = 2.0
#: How much a solver yields to the processes that have deadlines (0 not at all, 19 all it can).
NICENESS = 5
log = structlog.get_logger()


def solve_encoded(request: bytes) -> bytes:
    """Make a plan.

    Args:
        request: an encoded `PlanRequest`.

    Returns:
        The encoded `PlanSolution`, as it enters the core's inbox.
    """
    asked = msgspec.msgpack.decode(request, type=PlanRequest)
    return encode(solve(asked.problem, asked.limits, asked.previous))


class Solver:
    """One process that makes plans, started when the first is asked for.

    A process that dies (killed, out of memory) is started anew with the next plan; the plan it
    was making does not come, and the center asks again.

    Args:
        processes: how many; 0 makes plans in this process, at once.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._pool = self._start() if processes else None

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            self._processes, mp_context=context, initializer=stand_back, initargs=(os.getpid(),)
        )

    def ask(
        self, request: PlanRequest, done: Callable[[bytes], None] | None = None
    ) -> Future[bytes]:
        """Ask for a plan.

        Args:
            request: what to plan.
            done: told the encoded plan when it is there, on a thread of the pool; not called when
                none could be made, which is logged.
        """
        future = self._submit(msgspec.msgpack.encode(request))
        if done is not None:
            future.add_done_callback(lambda over: _tell(over, done))
        return future

    async def warm(self) -> None:
        """Start the process before anybody waits for it; returns when it could make a plan."""
        if self._pool is not None:
            await asyncio.wrap_future(self._pool.submit(_ready))

    def _submit(self, body: bytes) -> Future[bytes]:
        if self._pool is None:
            future: Future[bytes] = Future()
            future.set_result(solve_encoded(body))
            return future
        try:
            return self._pool.submit(solve_encoded, body)
        except BrokenProcessPool as error:
            log.error("solver", error=str(error), action="started anew")
            self._pool.shutdown(wait=False)
            self._pool = self._start()
            return self._pool.submit(solve_encoded, body)

    def close(self) -> None:
        """Stop the process; a plan under way is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _ready() -> None:
    """Nothing; that it could be called says that the process stands."""


def stand_back(parent: int) -> None:
    """Stand back behind whoever has deadlines, and end soon after the parent, however it ended.

    Args:
        parent: id of the process that started this one.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    never = threading.Event()

    def watch() -> None:
        while os.getppid() == parent:
            never.wait(PARENT_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _tell(over: Future[bytes], done: Callable[[bytes], None]) -> None:
    if over.cancelled():
        return
    error = over.exception()
    if error is None:
        done(over.result())
    else:
        log.error("plan", error=f"{type(error).__name__}: {error}")
