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
from gridmuster.store.records import Kind, Record

#: Rows fetched at a time while reading.
_PAGE: Final = 256
#: Checkpoints whose bodies are kept.
KEEP_CHECKPOINTS: Final = 3


class Journal:
    """An open journal; made by `Journal.open`.

    Args:
        engine: the database.
        name: how to call it in messages.
        read_only: whether appending is refused.
    """

    def __init__(self, engine: sa.Engine, name: str, *, read_only: bool) -> None:
        self._engine = engine
        self._name = name
        self._read_only = read_only
        self._connection: sa.Connection = engine.connect()
        self._head: tuple[int, bytes] | None = None

    @classmethod
    def open(cls, url: str, *, durable: bool = True, read_only: bool = False) -> Journal:
        """Open a journal, making it when it is not there.

        Args:
            url: path of an SQLite file, or a database URL.
            durable: whether an append outlives a loss of power (a commit then costs some ms).
            read_only: open for reading; the journal must exist, a writer may be at work.

        Raises:
            JournalError: when it cannot be opened.
        """
        target = schema.database_url(url)
        name = target.render_as_string(hide_password=True)
        path = schema.sqlite_path(target)
        if read_only and path is not None and not path.is_file():
            raise JournalError(f"journal {path}: no such file")
        try:
            engine = schema.make_engine(target, durable=durable, read_only=read_only)
            if not read_only:
                schema.metadata.create_all(engine)
            return cls(engine, str(path or name), read_only=read_only)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            raise JournalError(f"journal {path or name}: cannot be opened: {error}") from error

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()
        self._engine.dispose()

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
        table = schema.records
        kept = (
            sa.select(table.c.sequence)
            .where(table.c.kind == Kind.CHECKPOINT.value, table.c.body.is_not(None))
            .order_by(table.c.sequence.desc())
            .limit(KEEP_CHECKPOINTS)
        )
        oldest = min(self._connection.execute(kept).scalars())
        self._connection.execute(
            sa.update(table)
            .where(
                table.c.kind == Kind.CHECKPOINT.value,
                table.c.body.is_not(None),
                table.c.sequence < oldest,
            )
            .values(body=None)
        )

    # -- reading

    def records(self, after: int = 0) -> Iterator[Record]:
        """The records in order, a page at a time, so that a long journal needs little memory.

        Args:
            after: number of the last record that is not wanted.

        Raises:
            JournalError: when the journal cannot be read or a body is damaged.
        """
        table = schema.records
        while True:
            query = (
                sa.select(table)
                .where(table.c.sequence > after)
                .order_by(table.c.sequence)
                .limit(_PAGE)
            )
            rows = self._fetch(query)
            for row in rows:
                yield _record(row)
            if len(rows) < _PAGE:
                return
            after = rows[-1].sequence

    def last_checkpoint(self) -> Record | None:
        """The newest checkpoint whose body is kept, or None."""
        table = schema.records
        rows = self._fetch(
            sa.select(table)
            .where(table.c.kind == Kind.CHECKPOINT.value, table.c.body.is_not(None))
            .order_by(table.c.sequence.desc())
            .limit(1)
        )
        return _record(rows[0]) if rows else None

    def _fetch(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        try:
            with self._connection.begin():
                return self._connection.execute(query).all()
        except sa.exc.SQLAlchemyError as error:
            raise JournalError(f"journal {self._name}: cannot be read: {error}") from error


_INSERT: Final = sa.insert(schema.records)
_HEAD: Final = (
    sa.select(schema.records.c.sequence, schema.records.c.chain)
    .order_by(schema.records.c.sequence.desc())
    .limit(1)
)


def _record(row: sa.Row[Any]) -> Record:
    body = None if row.body is None else rec.decompress(row.body)
    return Record(row.sequence, Kind(row.kind), row.now_ms, body, row.chain)
