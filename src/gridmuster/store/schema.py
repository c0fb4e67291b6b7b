"""The journal's table, and the only place that knows one database from another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gridmuster.errors import JournalError

#: SQLite's page, bytes.
_PAGE_BYTES: Final = 4096
#: Size that SQLite's write-ahead log is cut back to, bytes.
_LOG_BYTES: Final = 16 * 1024 * 1024
#: Number of the PostgreSQL advisory lock: "gridmust" in ASCII.
_CLAIM: Final = 0x677269646D757374

metadata: Final = sa.MetaData()

#: One row a record. Bodies are compressed; ``body`` is null once a checkpoint was let go.
records: Final = sa.Table(
    "records",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("now_ms", sa.BigInteger(), nullable=False),
    sa.Column("body_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("chain", sa.LargeBinary(32), nullable=False),
    sa.Column("body", sa.LargeBinary()),
    sa.Index("records_by_time", "now_ms"),
    sa.Index("records_by_kind", "kind", "sequence"),
)


def database_url(url: str) -> sa.URL:
    """The database that a user's words name.

    Args:
        url: a database URL, or the path of an SQLite file.

    Raises:
        JournalError: for a URL that cannot be read.
    """
    if "://" not in url:
        return sa.URL.create("sqlite", database=url)
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise JournalError("journal: that is neither a path nor a database URL") from error
    if parsed.drivername == "postgresql":
        # The driver of the `postgres` extra, whatever SQLAlchemy's release takes by default.
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def sqlite_path(url: sa.URL) -> Path | None:
    """The file of an SQLite journal; None for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def make_engine(
    url: sa.URL, *, durable: bool, read_only: bool, limit_bytes: int | None
) -> sa.Engine:
    """An engine whose connections are set up for journaling.

    Args:
        url: from `database_url`.
        durable: whether a commit outlives a loss of power, not only of the process (SQLite; a
            server has its own setting).
        read_only: refuse to write.
        limit_bytes: most that the journal may hold, None for as much as there is room (SQLite).
    """
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url)
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": 5.0})
    settings = ["PRAGMA query_only=ON"]
    if not read_only:
        settings = [
            "PRAGMA journal_mode=WAL",
            f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}",
            f"PRAGMA journal_size_limit={_LOG_BYTES}",
        ]
        if limit_bytes is not None:
            settings.append(f"PRAGMA max_page_count={max(1, limit_bytes // _PAGE_BYTES)}")

    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(setting)
        cursor.close()

    sa.event.listen(engine, "connect", prepare)
    return engine


def claim(connection: sa.Connection) -> bool:
    """Take the right to write, where the database itself keeps it; held until disconnected.

    Args:
        connection: the writer's own connection.

    Returns:
        False when another one holds it. Always True for SQLite, whose file has a `WriterLock`.
    """
    if connection.dialect.name != "postgresql":
        return True
    with connection.begin():
        granted = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_CLAIM)))
    return bool(granted)
