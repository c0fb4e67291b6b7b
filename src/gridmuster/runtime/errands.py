"""Jobs for models that live in a process of their own, one at a time, so that no cycle waits.

In lockstep an answer is taken in at a stated plant time after its job, however fast it came, so
that runs repeat.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog

from gridmuster.clock import iso
from gridmuster.errors import GridmusterError
from gridmuster.runtime.solving import stand_back
from gridmuster.units import MS_PER_S

J = TypeVar("J")
A = TypeVar("A")
J_contra = TypeVar("J_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)
log = structlog.get_logger()


class Room(Protocol[J_contra, A_co]):
    """Where models and what they go on from are kept."""

    def do(self, job: J_contra) -> A_co:
        """Do a job."""


#: The one room of a process of its own.
_rooms: list[Room[Any, Any]] = []


def _enter(parent: int, body: bytes) -> None:
    """Begin in the process: open its room."""
    stand_back(parent)
    make, base = pickle.loads(body)
    _rooms.append(make(base))


def _do(job: Any) -> Any:
    return _rooms[0].do(job)


class RoomProcess(Generic[J, A]):
    """A process with a room in it; it is started with the first job.

    Args:
        make: opens the room.
        base: what it is opened with.
        processes: 1, or 0 to do the jobs in this process, at once.
    """

    def __init__(self, make: Callable[[Any], Room[J, A]], base: object, processes: int = 1) -> None:
        self.base = base
        self._body = pickle.dumps((make, base)) if processes else b""
        self._here = None if processes else make(base)
        self._pool: ProcessPoolExecutor | None = None

    def ask(self, job: J) -> Future[A]:
        """Have a job done.

        Raises:
            BrokenProcessPool: when the process has died; the next job begins with a new one.
        """
        if self._here is not None:
            future: Future[A] = Future()
            try:
                future.set_result(self._here.do(job))
            except GridmusterError as error:
                future.set_exception(error)
            return future
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_enter,
                initargs=(os.getpid(), self._body),
            )
        return self._pool.submit(_do, job)

    def close(self) -> None:
        """Stop the process; a job under way is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


@dataclass(frozen=True, slots=True)
class Done(Generic[J, A]):
    """A job with its answer; None: it could not be done, which was logged."""

    job: J
    answer: A | None
    failed: bool = False


class Errands(Generic[J, A]):
    """One job at a time for a process.

    Args:
        name: what the jobs are for, in the log.
        process: does them.
        lockstep: whether answers are taken in at stated plant times.
    """

    def __init__(self, name: str, process: RoomProcess[J, A], *, lockstep: bool) -> None:
        self._name = name
        self._process = process
        self._lockstep = lockstep
        self._pending: tuple[J, Future[A], int] | None = None
        #: The process died: a new one must be told everything again.
        self.begun_anew = False

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._pending is not None

    def give(self, job: J, now_ms: int, after_s: int) -> bool:
        """Give a job.

        Args:
            job: the job.
            now_ms: plant time, ms.
            after_s: plant time after which its answer is taken in lockstep, s.

        Returns:
            False when the process had died; the next job starts another.
        """
        try:
            future = self._process.ask(job)
        except BrokenProcessPool as error:
            self._anew(error)
            return False
        self._pending = (job, future, now_ms + after_s * MS_PER_S)
        return True

    def take(self, now_ms: int) -> Done[J, A] | None:
        """The answer of the job under way; None while there is none.

        Args:
            now_ms: plant time, ms.
        """
        if self._pending is None:
            return None
        job, future, due_ms = self._pending
        if now_ms < due_ms if self._lockstep else not future.done():
            return None
        self._pending = None
        try:
            return Done(job, future.result())
        except BrokenProcessPool as error:
            self._anew(error)
        except GridmusterError as error:
            log.warning(self._name, at=iso(now_ms), error=str(error))
        except Exception as error:
            # A fault in a library must not stop the center, which goes on without models.
            if self._lockstep:
                raise
            log.error(self._name, error=f"{type(error).__name__}: {error}")
        return Done(job, None, failed=True)

    def close(self) -> None:
        """Stop the process."""
        self._process.close()

    def _anew(self, error: BaseException) -> None:
        log.error(self._name, error=str(error), action="started anew")
        self._process.close()
        self.begun_anew = True
