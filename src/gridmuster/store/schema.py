"""The journal's table, and the only place that knows one database from another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from gridmuster.errors import JournalError

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
        return sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise JournalError(f"journal {url!r}: not a database URL nor a path") from error


def sqlite_path(url: sa.URL) -> Path | None:
    """The file of an SQLite journal; None for another database or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def make_engine(url: sa.URL, *, durable: bool, read_only: bool) -> sa.Engine:
    """An engine whose connections are set up for journaling.

    Args:
        url: from `database_url`.
        durable: whether a commit outlives a loss of power, not only of the process.
        read_only: refuse to write.
    """
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url)
    engine = sa.create_engine(url, connect_args={"check_same_thread": False, "timeout": 5.0})

    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    sa.event.listen(engine, "connect", prepare)
    return engine
