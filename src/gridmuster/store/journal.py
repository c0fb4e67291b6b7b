"""The journal: append-only, hash-chained, the one place where everything in and out is kept.

    with Journal.open("plant.journal") as journal:
        journal.append_header(header)
        journal.append_cycle(now_ms, inbound, outbound)

A write that fails raises `JournalError` and leaves the journal as it was; the caller then stops
commanding, and may try again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final

import sqlalchemy as sa

from gridmuster.errors import JournalError
from gridmuster.signals import Frame
from gridmuster.store import records as rec
from gridmuster.store import schema
from gridmuster.store.lock import WriterLock
from gridmuster.store.records import Broken, Intact, Kind, Record

#: Rows fetched at a time while reading.
_PAGE: Final = 256
#: Records looked at before an instant for one of a kind.
_NEAR: Final = 8
#: Checkpoints whose bodies are kept.
KEEP_CHECKPOINTS: Final = 3
#: Of older ones the first in each such span of plant time keeps its body, ms, so that any past
#: moment can be rebuilt by stepping a bounded number of cycles.
KEEP_EVERY_MS: Final = 30 * 60 * 1000


class Journal:
    """An open journal, used by one thread at a time; made by `Journal.open`.

    Args:
        engine: the database.
        name: how to call it in messages.
        lock: the right to write; None for reading only.
    """

    def __init__(
        self, engine: sa.Engine, name: str, lock: WriterLock | None, read_only: bool
    ) -> None:
        self._engine = engine
        self._name = name
        self._lock = lock
        self._read_only = read_only
        self._connection: sa.Connection = engine.connect()
        self._head: tuple[int, bytes] | None = None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        durable: bool = True,
        read_only: bool = False,
        limit_bytes: int | None = None,
    ) -> Journal:
        """Open a journal, making it when it is not there.

        Args:
            url: path of an SQLite file, or a database URL.
            durable: whether an append outlives a loss of power (a commit then costs some ms);
                otherwise it outlives the process only.
            read_only: open for reading; the journal must exist, a writer may be at work.
            limit_bytes: most that an SQLite journal may hold; appending beyond it fails.

        Raises:
            JournalError: when it cannot be opened, or another process is writing to it.
        """
        target = schema.database_url(url)
        path = schema.sqlite_path(target)
        name = str(path or target.render_as_string(hide_password=True))
        if read_only and path is not None and not path.is_file():
            raise JournalError(f"journal {name}: no such file")
        lock = None if read_only or path is None else WriterLock(path)
        try:
            engine = schema.make_engine(
                target, durable=durable, read_only=read_only, limit_bytes=limit_bytes
            )
            journal = cls(engine, name, lock, read_only)
            if not read_only:
                journal._prepare()
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            if lock is not None:
                lock.release()
            raise JournalError(f"journal {name}: cannot be opened: {error}") from error
        return journal

    def _prepare(self) -> None:
        if not schema.claim(self._connection):
            self.close()
            raise JournalError(
                f"journal {self._name}: another process is writing to it; stop that one first, or "
                "open the journal for reading only"
            )
        with self._connection.begin():
            schema.metadata.create_all(self._connection)

    def close(self) -> None:
        """Let go of the database and of the right to write."""
        self._connection.close()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Journal:
        """The journal itself; closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal."""
        self.close()

    # -- writing

    def append_header(self, header: bytes, now_ms: int = 0) -> Record:
        """Append what a session starts from: fleet, settings, software; the first record is one.

        Raises:
            JournalError: when it cannot be written.
        """
        return self._append(Kind.HEADER, now_ms, header)

    def append_cycle(
        self, now_ms: int, inbound: Sequence[Frame], outbound: Sequence[Frame]
    ) -> Record:
        """Append one cycle: all frames that entered and all that are about to leave.

        Args:
            now_ms: plant time of the cycle, ms since the epoch.
            inbound: frames in the order the core saw them.
            outbound: frames in the order the core made them.

        Raises:
            JournalError: when it cannot be written; then nothing of it is.
        """
        return self._append(Kind.CYCLE, now_ms, rec.pack_frames(inbound, outbound))

    def append_checkpoint(self, now_ms: int, state: bytes) -> Record:
        """Append the core's state, and let go of the bodies of old checkpoints.

        Raises:
            JournalError: when it cannot be written.
        """
        return self._append(Kind.CHECKPOINT, now_ms, state)

    def _append(self, kind: Kind, now_ms: int, body: bytes) -> Record:
        if self._read_only:
            raise JournalError(f"journal {self._name}: opened for reading only")
        stored = rec.compress(body)
        body_hash = rec.digest(stored)
        try:
            sequence, previous = self._head or self._read_head()
            if sequence == 0 and kind is not Kind.HEADER:
                raise JournalError(f"journal {self._name}: the first record must be a header")
            chain = rec.link(previous, sequence + 1, kind, now_ms, body_hash)
            row = {
                "sequence": sequence + 1,
                "kind": kind.value,
                "now_ms": now_ms,
                "body_hash": body_hash,
                "chain": chain,
                "body": stored,
            }
            self._head = None  # unknown until the commit has come back
            with self._connection.begin():
                self._connection.execute(_INSERT, row)
                if kind is Kind.CHECKPOINT:
                    self._let_go()
        except sa.exc.SQLAlchemyError as error:
            raise JournalError(f"journal {self._name}: cannot be written: {error}") from error
        self._head = (sequence + 1, chain)
        return Record(sequence + 1, kind, now_ms, body, chain)

    def _read_head(self) -> tuple[int, bytes]:
        with self._connection.begin():
            row = self._connection.execute(_HEAD).first()
        return (row.sequence, row.chain) if row is not None else (0, rec.GENESIS)

    def _let_go(self) -> None:
        """Empty the one checkpoint that the newest pushed out of those that are kept."""
        newest = self._connection.execute(_NEWEST_CHECKPOINTS).all()
        if len(newest) <= KEEP_CHECKPOINTS:
            return
        out, *before = newest[KEEP_CHECKPOINTS:]
        if before and out.now_ms // KEEP_EVERY_MS != before[0].now_ms // KEEP_EVERY_MS:
            return
        self._connection.execute(_EMPTY, {"emptied": out.sequence})

    # -- reading

    def records(self, after: int = 0, kind: Kind | None = None) -> Iterator[Record]:
        """The records in order, a page at a time, so that a long journal needs little memory.

        Args:
            after: number of the last record that is not wanted.
            kind: the only kind wanted, None for all.

        Raises:
            JournalError: when the journal cannot be read or a body is damaged.
        """
        for row in self._rows(after, kind):
            yield _record(row)

    def last_checkpoint(self) -> Record | None:
        """The newest checkpoint, or None."""
        return self.newest(Kind.CHECKPOINT)

    def newest(self, kind: Kind) -> Record | None:
        """The last record of a kind, or None.

        Args:
            kind: the kind wanted.

        Raises:
            JournalError: when the journal cannot be read.
        """
        query = _ALL.where(_t.kind == kind.value, _t.body.is_not(None))
        return self._one(query.order_by(_t.sequence.desc()))

    def at(self, now_ms: int, kind: Kind | None = None) -> Record | None:
        """The last record that is not after an instant, or None when all are.

        Args:
            now_ms: plant time, ms since the epoch.
            kind: the only kind wanted, None for all.

        Raises:
            JournalError: when the journal cannot be read.
        """
        query = _ALL.where(_t.now_ms <= now_ms)
        newest_first = (_t.now_ms.desc(), _t.sequence.desc())
        if kind is None:
            return self._one(query.order_by(*newest_first))
        # Asked for a kind, a database may sort all records of it; a few of any kind are near.
        near = _PLACES.where(_t.now_ms <= now_ms).order_by(*newest_first).limit(_NEAR)
        places = self._fetch(near)
        for row in places:
            if row.kind == kind.value:
                return self._one(_ALL.where(_t.sequence == row.sequence))
        if len(places) < _NEAR:
            return None
        return self._one(query.where(_t.kind == kind.value).order_by(*newest_first))

    def before(self, sequence: int, kind: Kind) -> Record | None:
        """The last record of a kind with a lower number that still has its body, or None.

        Args:
            sequence: the number to stay below.
            kind: the kind wanted.

        Raises:
            JournalError: when the journal cannot be read.
        """
        query = _ALL.where(_t.kind == kind.value, _t.sequence < sequence, _t.body.is_not(None))
        return self._one(query.order_by(_t.sequence.desc()))

    def count(self, kind: Kind, after: int = 0, until: int | None = None) -> int:
        """How many records of a kind there are.

        Args:
            kind: the kind.
            after: number of the last record that does not count.
            until: number of the last record that counts; None: the last there is.

        Raises:
            JournalError: when the journal cannot be read.
        """
        query = _COUNT.where(_t.kind == kind.value, _t.sequence > after)
        if until is not None:
            query = query.where(_t.sequence <= until)
        return int(self._fetch(query)[0][0])

    def tail(self, count: int) -> list[Record]:
        """The last records, oldest first.

        Args:
            count: how many, fewer when there are not as many.

        Raises:
            JournalError: when the journal cannot be read.
        """
        rows = self._fetch(_ALL.order_by(_t.sequence.desc()).limit(count))
        return [_record(row) for row in reversed(rows)]

    def verify(self) -> Intact | Broken:
        """Check every row against the hash chain.

        Raises:
            JournalError: when the journal cannot be read at all.
        """
        sequence, chain = 0, rec.GENESIS
        for row in self._rows(0, None):
            sequence += 1
            why = _fault(row, sequence, chain)
            if why:
                return Broken(sequence, why)
            chain = row.chain
        return Intact(sequence, chain)

    def _rows(self, after: int, kind: Kind | None) -> Iterator[sa.Row[Any]]:
        while True:
            query = _ALL.where(_t.sequence > after)
            if kind is not None:
                query = query.where(_t.kind == kind.value)
            rows = self._fetch(query.order_by(_t.sequence).limit(_PAGE))
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1].sequence

    def _one(self, query: sa.Select[Any]) -> Record | None:
        rows = self._fetch(query.limit(1))
        return _record(rows[0]) if rows else None

    def _fetch(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        try:
            with self._connection.begin():
                return self._connection.execute(query).all()
        except sa.exc.SQLAlchemyError as error:
            raise JournalError(f"journal {self._name}: cannot be read: {error}") from error


_t: Final = schema.records.c
_ALL: Final = sa.select(schema.records)
_PLACES: Final = sa.select(_t.sequence, _t.kind)
_COUNT: Final = sa.select(sa.func.count()).select_from(schema.records)
_INSERT: Final = sa.insert(schema.records)
_HEAD: Final = sa.select(_t.sequence, _t.chain).order_by(_t.sequence.desc()).limit(1)
_NEWEST_CHECKPOINTS: Final = (
    sa.select(_t.sequence, _t.now_ms)
    .where(_t.kind == Kind.CHECKPOINT.value)
    .order_by(_t.sequence.desc())
    .limit(KEEP_CHECKPOINTS + 2)
)
_EMPTY: Final = (
    sa.update(schema.records).where(_t.sequence == sa.bindparam("emptied")).values(body=None)
)


def _record(row: sa.Row[Any]) -> Record:
    try:
        body = None if row.body is None else rec.decompress(row.body)
        return Record(row.sequence, Kind(row.kind), row.now_ms, body, row.chain)
    except (JournalError, ValueError) as error:
        raise JournalError(f"record {row.sequence}: {error}") from error


def _fault(row: sa.Row[Any], sequence: int, previous: bytes) -> str:
    """What is wrong with a row that should have this number and follow this place; "" if right."""
    if row.sequence != sequence:
        return f"it is missing; {row.sequence} comes next"
    if row.body is None and row.kind != Kind.CHECKPOINT.value:
        return "its body is missing"
    if row.body is not None and rec.digest(row.body) != row.body_hash:
        return "its body was changed"
    if rec.link(previous, sequence, row.kind, row.now_ms, row.body_hash) != row.chain:
        return "its number, time, kind or place in the chain was changed"
    return ""
