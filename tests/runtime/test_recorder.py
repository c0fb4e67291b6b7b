"""Nothing leaves that was not recorded; a checkpoint that fails holds nothing up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.center.view import Mode
from gridmuster.errors import JournalError
from gridmuster.fleet.generate import generate
from gridmuster.runtime.header import decode_header, encode_header, make_header
from gridmuster.runtime.recorder import REPORT_EVERY, RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.signals import SessionStarted, ShellReport, decode
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

FLEET = generate(4, 1)
CONFIG = CenterConfig(checkpoint_every_s=20, recovery_s=8.0)
T0 = 1_721_170_000_000


class Quota(Journal):
    """A journal on a disk whose space the test sets, record by record."""

    def _append(self, kind: Kind, now_ms: int, body: bytes):  # type: ignore[no-untyped-def]
        if len(body) > self.__dict__.get("room", 1 << 30):
            raise JournalError("journal: cannot be written: disk is full")
        return super()._append(kind, now_ms, body)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Quota]:
    with Quota.open(str(tmp_path / "j"), durable=False) as opened:
        opened.append_header(encode_header(make_header(FLEET, CONFIG, T0)), T0)
        assert isinstance(opened, Quota)
        yield opened


def begun(journal: Journal) -> RecordedCore:
    recorded = RecordedCore(Core(FLEET, CONFIG), journal, "c1")
    recorded.begin(T0, "test")
    return recorded


def run(recorded: RecordedCore, cycles: int) -> int:
    """Frames let go in some cycles."""
    count = 0
    for _ in range(cycles):
        now_ms = max(recorded.core.now_ms, T0) + 4000
        frames, _ = recorded.cycle(now_ms, [])
        count += len(frames)
    return count


def test_the_session_is_the_first_thing_heard(journal: Quota) -> None:
    recorded = begun(journal)
    run(recorded, 1)
    (record,) = [r for r in journal.records() if r.kind is Kind.CYCLE]
    inbound, _ = record.frames()
    assert decode(inbound[0].payload, SessionStarted).center_id == "c1"


def test_a_cycle_that_cannot_be_recorded_lets_nothing_go(journal: Quota) -> None:
    recorded = begun(journal)
    journal.__dict__["room"] = 0
    assert run(recorded, 5) == 0
    assert recorded.mode is Mode.REFUSING and "full" in recorded.error
    assert recorded.core.state.session.mode is Mode.COMMANDING
    journal.__dict__["room"] = 1 << 30
    run(recorded, 1)
    assert recorded.mode is Mode.COMMANDING and recorded.error == ""
    assert sum(record.kind is Kind.CYCLE for record in journal.records()) == 6


def test_a_checkpoint_that_fails_is_told_and_holds_no_command_up(journal: Quota) -> None:
    recorded = begun(journal)
    run(recorded, 1)
    journal.__dict__["room"] = len(recorded.core.state_bytes()) - 1
    small = max(len(r.body or b"") for r in journal.records() if r.kind is Kind.CYCLE)
    assert small < journal.__dict__["room"], "cycles still fit"
    assert run(recorded, 8) > 0, "the lease went out"
    assert recorded.mode is Mode.COMMANDING and "full" in recorded.error
    assert journal.last_checkpoint() is None
    journal.__dict__["room"] = 1 << 30
    run(recorded, 1)
    assert recorded.error == "" and journal.last_checkpoint() is not None


def test_cycle_times_and_missed_cycles_are_told_to_the_core(journal: Quota) -> None:
    recorded = begun(journal)
    recorded.missed(3)
    run(recorded, 1 + REPORT_EVERY)
    assert recorded.core.state.counters.missed_cycles == 3
    topic = recorded.core.router.session_topic.removesuffix("/session")
    reports = [
        decode(frame.payload, ShellReport)
        for record in journal.records()
        if record.kind is Kind.CYCLE
        for frame in record.frames()[0]
        if frame.topic == topic
    ]
    assert [len(report.cycle_ms) for report in reports] == [0, REPORT_EVERY]


def test_an_empty_journal_gives_a_fresh_core_and_its_head(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path / "new")) as journal:
        core = rebuild(journal, FLEET, CONFIG, T0)
        assert core.state.session.fence == 0
        (record,) = journal.records()
        header = decode_header(record.body or b"")
        assert header.fleet() == FLEET and header.config == CONFIG


def test_a_head_that_is_none_is_an_error() -> None:
    with pytest.raises(JournalError, match="header"):
        decode_header(b"{")
