"""The last plan of a running center with its question, and comparisons of objectives on it.

A comparison is made in a process of its own that gives way to all others, so that neither the
loop nor the solver that makes the center's plans ever waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

import msgspec
import structlog
from msgspec import structs

from gridmuster.center.planmemory import PlanRequest
from gridmuster.console.pastdocs import PastReader, PastRequest
from gridmuster.errors import JournalError
from gridmuster.planning.comparing import OBJECTIVES, Compared, Comparison, compare
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution

#: Questions kept: the one whose plan is in force and the one that is being answered.
KEPT = 2
#: How much a comparison yields to the processes that have deadlines (19: all it can).
NICENESS = 15
#: Longest wait for the question of a plan from before, s of real time.
PATIENCE_S = 900.0
#: Longest search for each objective, s, and the gap at which to stop.
LIMITS = PlanLimits(gap=1e-3, time_limit_s=20.0)
log = structlog.get_logger()


class PlanDesk:
    """What people may ask about a center's plans.

    Args:
        solution: the plan in force, None before the first.
    """

    def __init__(self, solution: Callable[[], PlanSolution | None]) -> None:
        self._solution = solution
        self._problems: dict[str, PlanProblem] = {}
        self._comparison = Comparison()
        #: Id of the plan of an earlier process that was brought back; empty: none.
        self.restored = ""
        self._process: multiprocessing.process.BaseProcess | None = None

    def asked(self, request: PlanRequest) -> None:
        """Keep a question, to have it when its plan comes."""
        self._problems.pop(request.problem.id, None)
        self._problems[request.problem.id] = request.problem
        for old in list(self._problems)[:-KEPT]:
            del self._problems[old]

    async def restore(self, reader: PastReader, asked_ms: int) -> None:
        """Bring back the question of a plan that an earlier process made and that is in force.

        The journal keeps a question's digest only, so the cycle that asked it is made again
        beside the center; it is taken if it is the same to the byte.

        Args:
            reader: reads the journal.
            asked_ms: plant time at which it was asked, ms.
        """
        solution = self._solution()
        if solution is None:
            return
        asked = PastRequest("question", "console-plan", asked_ms)
        try:
            body = await reader.ask(asked, PATIENCE_S)
        except JournalError as error:
            log.warning("the plan in force cannot be shown", error=str(error))
            return
        if not body or self._solution() is not solution:
            return
        problem = msgspec.msgpack.decode(body, type=PlanProblem)
        if problem.id == solution.problem_id:
            self._problems = {problem.id: problem, **self._problems}
            self.restored = problem.id

    def planned(self) -> tuple[PlanProblem, PlanSolution] | None:
        """The plan in force with its question; None before the first since the center began."""
        solution = self._solution()
        if solution is None or solution.problem_id not in self._problems:
            return None
        return self._problems[solution.problem_id], solution

    def comparison(self) -> Comparison:
        """How far the last comparison has come."""
        return self._comparison

    def compare(self, at_ms: int) -> Comparison:
        """Begin to compare the objectives on the plan in force, unless it is being done.

        Args:
            at_ms: plant time now, ms.
        """
        planned = self.planned()
        if planned is None or self._comparison.status == "running":
            return self._comparison
        problem, solution = planned
        self._comparison = Comparison("running", problem.id, at_ms, problem.start_ms)
        request = PlanRequest(problem, LIMITS, solution)
        threading.Thread(
            target=self._follow, args=(request,), name="comparison", daemon=True
        ).start()
        return self._comparison

    def close(self) -> None:
        """End a comparison under way."""
        if self._process is not None:
            self._process.terminate()

    def _follow(self, request: PlanRequest) -> None:
        """Run a comparison in its process and take in each row as it comes; on a thread."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        body = msgspec.msgpack.encode(request)
        process = context.Process(target=_compare, args=(body, theirs), daemon=True)
        process.start()
        self._process = process
        theirs.close()
        try:
            for _ in OBJECTIVES:
                row = msgspec.msgpack.decode(ours.recv_bytes(), type=Compared)
                rows = [*self._comparison.rows, row]
                self._comparison = structs.replace(self._comparison, rows=rows)
            self._comparison = structs.replace(self._comparison, status="done")
        except (EOFError, OSError) as error:
            log.warning("comparison", error=f"{type(error).__name__}: {error}")
            why = "the process that compared ended before it was done"
            self._comparison = structs.replace(self._comparison, status="failed", error=why)
        finally:
            ours.close()
            process.join()
            self._process = None


def _compare(body: bytes, told: Connection) -> None:
    """Make a comparison and tell each row; in its own process."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    request = msgspec.msgpack.decode(body, type=PlanRequest)
    for row in compare(request.problem, request.limits, request.previous):
        told.send_bytes(msgspec.msgpack.encode(row))
