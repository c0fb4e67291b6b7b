"""Store and forward: frames wait here while the link is down and are replayed when it is back.

Policy when full: the oldest report or meter reading goes; acknowledgements never do (they answer
commands, and none arrive while the link is down, so they cannot pile up). Replay is in the order
in which frames were stored, at a bounded rate, beside fresh frames, which do not wait: a center
that knows the present is worth more than one that first hears the past.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from gridmuster.errors import LinkError
from gridmuster.signals import Frame

#: Frames kept for one site: more than five hours of reports and readings each 2 s.
LIMIT: Final = 20_000
#: Longest wait for a file that another program holds, s; the site is not scanned meanwhile.
LOCK_TIMEOUT_S: Final = 0.25


class Outbox(Protocol):
    """Where frames wait."""

    dropped: int

    def __len__(self) -> int:
        """Frames that wait."""
        ...

    def put(self, frames: Sequence[Frame]) -> None:
        """Store frames, at the cost of the oldest that may go."""
        ...

    def peek(self, most: int) -> list[Frame]:
        """The oldest frames, up to a number, still kept."""
        ...

    def drop(self, count: int) -> None:
        """Forget the oldest frames: they were handed on."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


def must_keep(frame: Frame) -> bool:
    """Whether a frame may never be dropped: acknowledgements."""
    return frame.topic.endswith("/ack")


def _number(entry: tuple[int, Frame]) -> int:
    return entry[0]


class MemoryOutbox:
    """An outbox that ends with the process; for lockstep and tests.

    Args:
        limit: frames kept.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._next = 0
        self._kept: deque[tuple[int, Frame]] = deque()
        self._rest: deque[tuple[int, Frame]] = deque()

    def __len__(self) -> int:
        return len(self._kept) + len(self._rest)

    def put(self, frames: Sequence[Frame]) -> None:
        """Store frames, at the cost of the oldest that may go."""
        for frame in frames:
            (self._kept if must_keep(frame) else self._rest).append((self._next, frame))
            self._next += 1
        while len(self) > self._limit and self._rest:
            self._rest.popleft()
            self.dropped += 1

    def peek(self, most: int) -> list[Frame]:
        """The oldest frames, up to a number, still kept."""
        both = merge(self._kept, self._rest, key=_number)
        return [frame for _, frame in islice(both, most)]

    def drop(self, count: int) -> None:
        """Forget the oldest frames: they were handed on."""
        for _ in range(min(count, len(self))):
            older_kept = self._kept and (not self._rest or self._kept[0][0] < self._rest[0][0])
            (self._kept if older_kept else self._rest).popleft()

    def close(self) -> None:
        """Nothing to let go of."""


class SqliteOutbox:
    """An outbox in a file, so that what waits outlives the gateway.

    Args:
        path: the database file; its folder is made when absent.
        limit: frames kept.

    Raises:
        LinkError: when the file cannot be opened.
    """

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS frame (id INTEGER PRIMARY KEY AUTOINCREMENT, "
                "keep INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, "
                "at_ms INTEGER NOT NULL)"
            )
            self._db.execute("CREATE INDEX IF NOT EXISTS frame_keep ON frame (keep, id)")
            self._count = int(self._db.execute("SELECT count(*) FROM frame").fetchone()[0])
        except (OSError, sqlite3.Error) as error:
            raise LinkError(f"outbox {path}: cannot be opened: {error}") from error

    def __len__(self) -> int:
        return self._count

    def put(self, frames: Sequence[Frame]) -> None:
        """Store frames in one transaction, at the cost of the oldest that may go.

        Raises:
            LinkError: when the file cannot be written; nothing of this call is then stored.
        """
        rows = [(must_keep(frame), frame.topic, frame.payload, frame.at_ms) for frame in frames]
        try:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT INTO frame (keep, topic, payload, at_ms) VALUES (?, ?, ?, ?)", rows
            )
            gone = 0
            over = self._count + len(rows) - self._limit
            if over > 0:
                gone = self._db.execute(
                    "DELETE FROM frame WHERE id IN "
                    "(SELECT id FROM frame WHERE keep = 0 ORDER BY id LIMIT ?)",
                    (over,),
                ).rowcount
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise LinkError(f"outbox: {len(frames)} frames not stored: {error}") from error
        self._count += len(rows) - gone
        self.dropped += gone

    def peek(self, most: int) -> list[Frame]:
        """The oldest frames, up to a number, still kept.

        Raises:
            LinkError: when the file cannot be read.
        """
        try:
            rows = self._db.execute(
                "SELECT topic, payload, at_ms FROM frame ORDER BY id LIMIT ?", (most,)
            )
            return [Frame(topic, payload, at_ms) for topic, payload, at_ms in rows]
        except sqlite3.Error as error:
            raise LinkError(f"outbox: cannot be read: {error}") from error

    def drop(self, count: int) -> None:
        """Forget the oldest frames: they were handed on.

        Raises:
            LinkError: when the file cannot be written; the frames will come again.
        """
        try:
            gone = self._db.execute(
                "DELETE FROM frame WHERE id IN (SELECT id FROM frame ORDER BY id LIMIT ?)", (count,)
            ).rowcount
        except sqlite3.Error as error:
            raise LinkError(f"outbox: cannot be written: {error}") from error
        self._count -= gone

    def close(self) -> None:
        """Close the file."""
        self._db.close()
