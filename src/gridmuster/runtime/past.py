"""Reads the journal for the console in a process of its own, so that no cycle waits for the past.

The process is started with the first question and ends when nobody asked for a while. It does one
thing at a time in short slices: what somebody waits for first, marks of older times when there is
nothing else. A person who moves on takes the place of their own older question.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from gridmuster.clock import stopwatch_s
from gridmuster.console.pastdocs import PastRequest
from gridmuster.errors import GridmusterError, JournalError
from gridmuster.runtime.past_answers import Answers, Underway, Work
from gridmuster.store.journal import Journal

#: Real time without a question after which the process ends, s.
IDLE_S: Final = 600.0
#: How much it yields to the processes that have deadlines (0 not at all, 19 all it can).
NICENESS: Final = 5
#: Questions that may be under way at once.
MAX_JOBS: Final = 32
#: Longest wait for the first word of an answer, s: the process may only be starting.
FIRST_WORD_S: Final = 30.0
#: Which question goes first.
ORDER: Final = ("moment", "trend", "question", "span", "event", "stretch")
log = structlog.get_logger()


class _Asked(Struct, array_like=True):
    """A question on its way to the process; None: nobody waits for it any more."""

    number: int
    request: PastRequest | None


class _Told(Struct, array_like=True):
    """Word from the process: how an answer stands (so_far, done, failed)."""

    number: int
    how: str
    body: bytes


@dataclass(slots=True)
class _Task:
    """Work in the process."""

    request: PastRequest
    work: Work | None = None
    begun: bool = False


class _Desk:
    """What the process does.

    Args:
        connection: to the center's process.
        url: the journal.
    """

    def __init__(self, connection: Connection, url: str) -> None:
        self._connection = connection
        self._url = url
        self._tasks: dict[int, _Task] = {}
        self._active: int | None = None
        self._journal: Journal | None = None
        self._answers: Answers | None = None
        self._spanned = False

    def run(self) -> None:
        """Work until nobody asks any more, or the center has gone."""
        try:
            while True:
                busy = bool(self._tasks) or self._digging
                if self._connection.poll(0.0 if busy else IDLE_S):
                    self._hear(self._connection.recv_bytes())
                elif self._tasks:
                    number = self._choose()
                    background = self._tasks[number].request.what == ORDER[-1]
                    self._advance(number)
                    if background and self._digging:
                        self._dig()
                elif self._digging:
                    self._dig()
                else:
                    return
        except (EOFError, OSError):
            return

    @property
    def _digging(self) -> bool:
        return self._spanned and self._answers is not None and not self._answers.marks.complete

    def _dig(self) -> None:
        assert self._answers is not None
        try:
            self._answers.marks.dig()
        except GridmusterError:
            # The next question meets the same fault and tells it to whoever asks.
            self._forget()

    def _hear(self, body: bytes) -> None:
        asked = msgspec.msgpack.decode(body, type=_Asked)
        if asked.request is not None:
            self._tasks[asked.number] = _Task(asked.request)
            self._spanned = self._spanned or asked.request.what == "span"
            return
        task = self._tasks.pop(asked.number, None)
        if task is not None and task.work is not None:
            task.work.close()
        if self._active == asked.number:
            self._active = None

    def _choose(self) -> int:
        """First what can be told at once, then by kind; one rebuild is finished before the next."""
        fresh = [number for number, task in self._tasks.items() if not task.begun]
        if fresh:
            return fresh[0]
        number = min(self._tasks, key=lambda n: (ORDER.index(self._tasks[n].request.what), n))
        if self._tasks[number].request.what == "moment":
            if self._active not in self._tasks:
                self._active = number
            assert self._active is not None
            return self._active
        return number

    def _open(self) -> Answers:
        if self._answers is None:
            self._journal = Journal.open(self._url, read_only=True)
            self._answers = Answers(self._journal)
        return self._answers

    def _forget(self) -> None:
        """Let go of the journal, so that the next question opens it anew."""
        for task in self._tasks.values():
            task.work, task.begun = None, False
        if self._journal is not None:
            self._journal.close()
        self._journal = self._answers = None
        self._spanned = False

    def _advance(self, number: int) -> None:
        """Work a slice on a task."""
        task = self._tasks[number]
        task.begun = True
        try:
            if task.work is None:
                task.work = self._open().work(task.request)
            underway: Underway = next(task.work)
        except StopIteration as over:
            del self._tasks[number]
            self._tell(number, "done", over.value)
        except GridmusterError as error:
            del self._tasks[number]
            self._forget()
            self._tell(number, "failed", str(error).encode())
        else:
            if underway.so_far:
                self._tell(number, "so_far", underway.so_far)

    def _tell(self, number: int, how: str, body: bytes) -> None:
        self._connection.send_bytes(msgspec.msgpack.encode(_Told(number, how, body)))


def serve_past(connection: Connection, url: str) -> None:
    """Answer questions about a journal's past; the whole of the process.

    Args:
        connection: to the center's process; its end is the process's end.
        url: the journal.
    """
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # A person's Ctrl-C is for the center, which then lets go of the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Desk(connection, url).run()


@dataclass(slots=True)
class _Job:
    """A question as the center's process knows it."""

    number: int
    request: PastRequest
    answer: asyncio.Future[bytes]
    so_far: bytes = b""
    first_word: asyncio.Event = field(default_factory=asyncio.Event)


class JournalPast:
    """Answers the console from a journal; what `Recorded.history` gives.

    Args:
        url: the journal.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._jobs: dict[tuple[str, str], _Job] = {}
        self._number = 0
        self._connection: Connection | None = None
        self._process: BaseProcess | None = None
        self._starting = asyncio.Lock()

    async def ask(self, request: PastRequest, patience_s: float) -> bytes | None:
        """The answer as a JSON document; see `PastReader.ask`."""
        job = self._jobs.get((request.what, request.viewer))
        if job is None or job.request != request:
            if sum(not one.answer.done() for one in self._jobs.values()) >= MAX_JOBS:
                return None
            await self._started()
            job = self._begin(request)
        began_s = stopwatch_s()
        await asyncio.wait({job.answer}, timeout=patience_s)
        if not job.answer.done() and not job.so_far:
            waited_s = stopwatch_s() - began_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, FIRST_WORD_S - waited_s)):
                    await job.first_word.wait()
        return self._give(job)

    def _give(self, job: _Job) -> bytes | None:
        """What a job has by now; one that is finished is told once and then asked anew."""
        key = (job.request.what, job.request.viewer)
        if job.answer.done():
            if self._jobs.get(key) is job:
                del self._jobs[key]
            return job.answer.result()
        return job.so_far or None

    def _begin(self, request: PastRequest) -> _Job:
        key = (request.what, request.viewer)
        older = self._jobs.pop(key, None)
        if older is not None and not older.answer.done():
            self._send(_Asked(older.number, None))
            older.answer.set_result(older.so_far)
            older.first_word.set()
        self._number += 1
        job = _Job(self._number, request, asyncio.get_running_loop().create_future())
        self._jobs[key] = job
        self._send(_Asked(job.number, request))
        return job

    def _send(self, asked: _Asked) -> None:
        assert self._connection is not None
        with contextlib.suppress(OSError):
            # A process that has ended is noticed by the listener, which tells who waits.
            self._connection.send_bytes(msgspec.msgpack.encode(asked))

    async def _started(self) -> None:
        async with self._starting:
            if self._process is not None and self._process.is_alive():
                return
            await asyncio.to_thread(self._start, asyncio.get_running_loop())

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(
            target=serve_past, args=(there, self._url), name="gridmuster-past", daemon=True
        )
        process.start()
        there.close()
        self._process, self._connection = process, here
        threading.Thread(
            target=self._listen, args=(here, loop), name="past-listener", daemon=True
        ).start()

    def _listen(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
        # The loop may be gone when the last word comes; nobody waits for it then.
        with contextlib.suppress(RuntimeError):
            try:
                while True:
                    told = msgspec.msgpack.decode(connection.recv_bytes(), type=_Told)
                    loop.call_soon_threadsafe(self._heard, told)
            except (EOFError, OSError):
                loop.call_soon_threadsafe(self._ended, connection)

    def _heard(self, told: _Told) -> None:
        job = next((one for one in self._jobs.values() if one.number == told.number), None)
        if job is None or job.answer.done():
            return
        if told.how == "so_far":
            job.so_far = told.body
        elif told.how == "done":
            job.answer.set_result(told.body)
        else:
            job.answer.set_exception(JournalError(told.body.decode()))
        job.first_word.set()

    def _ended(self, connection: Connection) -> None:
        """The process is no more; whoever waits is told, and the next question starts another."""
        if connection is not self._connection:
            return
        connection.close()
        self._connection = self._process = None
        for job in self._jobs.values():
            if not job.answer.done():
                log.warning("past", error="the process ended", question=job.request.what)
                why = "the process that reads the journal ended; ask again"
                job.answer.set_exception(JournalError(why))
                job.first_word.set()

    def close(self) -> None:
        """End the process; questions under way are not answered."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.terminate()
            process.join(5.0)
