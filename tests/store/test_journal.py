"""The journal: append, read, verify, prune."""

import random
import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_frames import NOW_MS, STEP_MS, cycle_frames

from gridmuster.errors import JournalError
from gridmuster.signals import Frame
from gridmuster.store.journal import KEEP_CHECKPOINTS, KEEP_EVERY_MS, Journal
from gridmuster.store.records import Broken, Intact, Kind

STEP = st.tuples(st.sampled_from(Kind), st.integers(0, 5000), st.binary(max_size=40))


def frame(text: str) -> Frame:
    return Frame("t", text.encode(), NOW_MS)


def filled(path: Path, cycles: int = 10, every: int = 4) -> list[bytes]:
    """A journal with some cycles and a checkpoint after every few; gives the states put in."""
    states = []
    with Journal.open(str(path), durable=False) as journal:
        journal.append_header(b"header", NOW_MS)
        for k in range(cycles):
            journal.append_cycle(NOW_MS + k * STEP_MS, [frame(f"in {k}")], [frame(f"out {k}")])
            if k % every == every - 1:
                states.append(f"state {k}".encode())
                journal.append_checkpoint(NOW_MS + k * STEP_MS, states[-1])
    return states


def test_what_went_in_comes_out_in_order(tmp_path: Path) -> None:
    dice = random.Random(1)
    cycles = [cycle_frames(k, dice, sites=5) for k in range(300)]  # more than one page
    with Journal.open(str(tmp_path / "j")) as journal:
        journal.append_header(b"the fleet")
        for k, (inbound, outbound) in enumerate(cycles):
            record = journal.append_cycle(NOW_MS + k * STEP_MS, inbound, outbound)
            assert (record.sequence, record.kind) == (k + 2, Kind.CYCLE)
    with Journal.open(str(tmp_path / "j"), read_only=True) as journal:
        records = list(journal.records())
        assert (records[0].kind, records[0].body) == (Kind.HEADER, b"the fleet")
        assert [r.frames() for r in records[1:]] == [(tuple(i), tuple(o)) for i, o in cycles]
        assert [r.now_ms for r in records[1:]] == [NOW_MS + k * STEP_MS for k in range(300)]
        assert list(journal.records(after=250)) == records[250:]
        assert journal.verify() == Intact(301, records[-1].chain)


def test_a_url_and_a_path_name_the_same_file(tmp_path: Path) -> None:
    with Journal.open(f"sqlite:///{tmp_path}/j") as journal:
        journal.append_header(b"h")
    with Journal.open(str(tmp_path / "j"), read_only=True) as journal:
        assert [r.body for r in journal.records()] == [b"h"]


def test_the_first_record_must_be_a_header(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path / "j")) as journal:
        with pytest.raises(JournalError, match="first record must be a header"):
            journal.append_cycle(NOW_MS, [], [])
        journal.append_header(b"h")
        journal.append_cycle(NOW_MS, [], [])


def test_a_journal_goes_on_after_it_was_closed(tmp_path: Path) -> None:
    filled(tmp_path / "j", cycles=3)
    with Journal.open(str(tmp_path / "j")) as journal:
        assert journal.append_header(b"second session", NOW_MS).sequence == 5
        assert journal.verify() == Intact(5, journal.tail(1)[0].chain)
        assert [r.body for r in journal.records(kind=Kind.HEADER)] == [b"header", b"second session"]


def test_only_the_last_checkpoints_keep_their_bodies_and_the_chain_still_holds(
    tmp_path: Path,
) -> None:
    states = filled(tmp_path / "j", cycles=40, every=4)
    with Journal.open(str(tmp_path / "j"), read_only=True) as journal:
        bodies = [r.body for r in journal.records(kind=Kind.CHECKPOINT)]
        assert bodies == [None] * (10 - KEEP_CHECKPOINTS) + states[-KEEP_CHECKPOINTS:]
        last = journal.last_checkpoint()
        assert last is not None and last.body == states[-1]
        assert isinstance(journal.verify(), Intact)


def test_an_empty_journal_has_nothing_and_is_intact(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path / "j")) as journal:
        assert list(journal.records()) == []
        assert journal.last_checkpoint() is None
        assert journal.at(NOW_MS) is None
        assert journal.tail(3) == []
        assert journal.verify() == Intact(0, bytes(32))


@given(st.lists(STEP, max_size=12), st.lists(st.integers(-100, 5100), max_size=5))
def test_reading_agrees_with_a_plain_list(
    steps: list[tuple[Kind, int, bytes]], asked: list[int]
) -> None:
    with Journal.open("sqlite:///:memory:") as journal:
        written = [journal.append_header(b"h")]
        for kind, now_ms, body in steps:
            if kind is Kind.HEADER:
                written.append(journal.append_header(body, now_ms))
            elif kind is Kind.CHECKPOINT:
                written.append(journal.append_checkpoint(now_ms, body))
            else:
                written.append(journal.append_cycle(now_ms, [Frame("t", body, 0)], []))
        kept = [r.sequence for r in written if r.kind is Kind.CHECKPOINT][-KEEP_CHECKPOINTS:]
        read = list(journal.records())
        for mine, theirs in zip(written, read, strict=True):
            pruned = mine.kind is Kind.CHECKPOINT and mine.sequence not in kept
            assert theirs.body == (None if pruned else mine.body)
            assert (theirs.sequence, theirs.kind, theirs.now_ms, theirs.chain) == (
                mine.sequence,
                mine.kind,
                mine.now_ms,
                mine.chain,
            )
        for now_ms in asked:
            before = [r for r in read if r.now_ms <= now_ms]
            latest = max(before, key=lambda r: (r.now_ms, r.sequence), default=None)
            assert journal.at(now_ms) == latest
        assert journal.tail(4) == read[-4:]
        assert journal.verify() == Intact(len(written), written[-1].chain)


TAMPERINGS = [
    ("UPDATE records SET body = x'01' WHERE sequence = 5", 5, "body was changed"),
    ("UPDATE records SET body = NULL WHERE sequence = 5", 5, "body is missing"),
    ("UPDATE records SET now_ms = now_ms + 1 WHERE sequence = 5", 5, "time"),
    ("UPDATE records SET kind = 'header' WHERE sequence = 5", 5, "kind"),
    ("UPDATE records SET body_hash = x'00' WHERE sequence = 5", 5, "changed"),
    ("UPDATE records SET chain = x'00' WHERE sequence = 5", 5, "changed"),
    ("DELETE FROM records WHERE sequence = 5", 5, "missing; 6 comes next"),
    ("DELETE FROM records WHERE sequence = 1", 1, "missing; 2 comes next"),
    ("UPDATE records SET sequence = 99 WHERE sequence = 5", 5, "missing"),
    ("UPDATE records SET sequence = -5 WHERE sequence = 5", 5, "missing"),
]


@pytest.mark.parametrize(("how", "where", "why"), TAMPERINGS)
def test_a_changed_row_is_named(tmp_path: Path, how: str, where: int, why: str) -> None:
    filled(tmp_path / "j")
    raw = sqlite3.connect(tmp_path / "j")
    with raw:
        raw.execute(how)
    raw.close()
    with Journal.open(str(tmp_path / "j"), read_only=True) as journal:
        verdict = journal.verify()
    assert isinstance(verdict, Broken)
    assert verdict.sequence == where
    assert why in verdict.why


def test_a_row_replaced_with_its_own_hashes_made_right_breaks_the_next(tmp_path: Path) -> None:
    filled(tmp_path / "j")
    filled(tmp_path / "other", cycles=12, every=3)
    raw = sqlite3.connect(tmp_path / "j")
    with raw:
        raw.execute("ATTACH ? AS other", (str(tmp_path / "other"),))
    with raw:
        raw.execute("DELETE FROM main.records WHERE sequence = 5")
        raw.execute("INSERT INTO main.records SELECT * FROM other.records WHERE sequence = 5")
    raw.close()
    with Journal.open(str(tmp_path / "j"), read_only=True) as journal:
        verdict = journal.verify()
    assert isinstance(verdict, Broken)
    assert verdict.sequence in (5, 6)


def test_a_reader_sees_what_a_writer_at_work_has_committed(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path / "j")) as writer:
        writer.append_header(b"h")
        with Journal.open(str(tmp_path / "j"), read_only=True) as reader:
            reading = reader.records()
            assert next(reading).sequence == 1
            writer.append_cycle(NOW_MS, [], [])
            assert len(list(reader.records())) == 2
            with pytest.raises(JournalError, match="reading only"):
                reader.append_cycle(NOW_MS, [], [])


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("/nowhere/at/all/j", "cannot be locked"),
        ("nosuchbase://x/y", "cannot be opened"),
        ("sqlite+nosuch:///x", "cannot be opened"),
        ("://", "neither a path nor a database URL"),
    ],
)
def test_what_cannot_be_opened_says_so(
    url: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A relative path is locked where it lies before the driver is found to be missing.
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match=says):
        Journal.open(url)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal.open(str(tmp_path / "j"))
    with pytest.raises(JournalError, match="no such file"):
        Journal.open(str(tmp_path / "k"), read_only=True)


def test_a_password_stays_out_of_the_message() -> None:
    with pytest.raises(JournalError) as caught:
        Journal.open("nosuchbase://user:topsecret@host/name")
    assert "topsecret" not in str(caught.value)


def test_a_busy_day_of_sixty_sites_stays_under_200_mb(tmp_path: Path) -> None:
    dice = random.Random(1)
    cycles = 150
    with Journal.open(str(tmp_path / "j"), durable=False) as journal:
        journal.append_header(b"h")
        for k in range(cycles):
            journal.append_cycle(NOW_MS + k * STEP_MS, *cycle_frames(k, dice))
            if k % 15 == 0:
                journal.append_checkpoint(NOW_MS, dice.randbytes(30_000))
    size = (tmp_path / "j").stat().st_size - (KEEP_CHECKPOINTS + 1) * 32_000
    assert size / cycles * 21_600 < 200e6


def test_one_older_checkpoint_in_half_an_hour_keeps_its_body(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path / "j"), durable=False) as journal:
        journal.append_header(b"header", NOW_MS)
        for quarter in range(17):
            journal.append_checkpoint(NOW_MS + quarter * 900_000, b"state %d" % quarter)
        kept = [r for r in journal.records(kind=Kind.CHECKPOINT) if r.body is not None]
        at_ms = [record.now_ms for record in kept]
        gaps = [later - earlier for earlier, later in pairwise(at_ms)]
        assert gaps and max(gaps) == KEEP_EVERY_MS
        assert len(kept) in (9, 10)
        assert at_ms[-KEEP_CHECKPOINTS:] == [NOW_MS + k * 900_000 for k in (14, 15, 16)]
        assert isinstance(journal.verify(), Intact)


def test_reading_backwards_and_counting(tmp_path: Path) -> None:
    filled(tmp_path / "j", cycles=40, every=4)
    with Journal.open(str(tmp_path / "j"), read_only=True) as journal:
        records = list(journal.records())
        for at in (1, 2, 7, len(records), len(records) + 5):
            for kind in Kind:
                earlier = [r for r in records if r.sequence < at and r.kind is kind and r.body]
                assert journal.before(at, kind) == (earlier[-1] if earlier else None)
                counted = [r for r in records if r.kind is kind and 3 < r.sequence <= at]
                assert journal.count(kind, 3, at) == len(counted)
        cycles = [r for r in records if r.kind is Kind.CYCLE]
        assert journal.at(NOW_MS + 10**9, Kind.CYCLE) == cycles[-1]
        assert journal.at(NOW_MS - 10**9, Kind.CYCLE) is None
