"""A journal replayed, rebuilt from, cut short: what comes out is what was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lockstep_plant import COARSE, Plant

from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.center.memory import CoreState
from gridmuster.center.view import Mode
from gridmuster.errors import JournalError
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.header import encode_header, make_header, newest_header
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.replay import replay
from gridmuster.signals import Frame, SessionStarted, encode
from gridmuster.simulator.scenario import FailedStart, MeterSilent, Trip
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record

EVENTS = (
    FailedStart(area="north", at="18:00"),
    Trip(area="north", at="18:40"),
    MeterSilent(end_user="north-pump-01-homes-1", at="18:10", until="18:30"),
)


@dataclass
class Day:
    fleet: Fleet
    path: Path
    records: list[Record]
    state: bytes
    sequences: dict[str, int]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """An hour of the evening with two checkpoints, kept in a journal."""
    plant = Plant(tmp_path_factory.mktemp("day"), "18:00", EVENTS[:2])
    plant.run(36)
    state = plant.core.state_bytes()
    sequences = dict(plant.core.state.commands.sequence)
    records = list(plant.journals["main"].records())
    plant.close()
    yield Day(plant.fleet, plant.path("main"), records, state, sequences)


def written(path: Path, records: list[Record]) -> Journal:
    """A new journal of some records, as a kill after the last of them leaves it."""
    journal = Journal.open(str(path), durable=False)
    for record in records:
        if record.kind is Kind.HEADER:
            journal.append_header(record.body or b"", record.now_ms)
        elif record.kind is Kind.CYCLE:
            journal.append_cycle(record.now_ms, *record.frames())
        elif record.body is not None:
            journal.append_checkpoint(record.now_ms, record.body)
    return journal


def test_a_replay_gives_the_same_bytes(day: Day) -> None:
    with Journal.open(str(day.path), read_only=True) as journal:
        result = replay(journal)
    assert result.difference is None
    assert result.cycles == 36 * 15
    assert result.commands > 20


def test_a_replay_names_the_first_difference(day: Day, tmp_path: Path) -> None:
    records = list(day.records)
    k = next(i for i, r in enumerate(records) if r.kind is Kind.CYCLE and r.sequence > 200)
    inbound, outbound = records[k].frames()
    other = [*outbound[:-1], Frame(outbound[-1].topic, b"{}", outbound[-1].at_ms)]
    with Journal.open(str(tmp_path / "j"), durable=False) as journal:
        for i, record in enumerate(records):
            if record.kind is Kind.HEADER:
                journal.append_header(record.body or b"", record.now_ms)
            elif record.kind is Kind.CYCLE:
                frames = (inbound, other) if i == k else record.frames()
                journal.append_cycle(record.now_ms, *frames)
            else:
                journal.append_checkpoint(record.now_ms, record.body or b"")
        difference = replay(journal).difference
    assert difference is not None
    assert (difference.record, difference.recorded) == (records[k].sequence, "{}")


def test_checkpoint_and_tail_give_the_state_that_never_stopped(day: Day, tmp_path: Path) -> None:
    assert sum(record.kind is Kind.CHECKPOINT for record in day.records) == 2
    path = tmp_path / "j"
    shutil.copy(day.path, path)
    with Journal.open(str(path)) as journal:
        core = rebuild(journal, day.fleet, COARSE, day.records[-1].now_ms)
        assert core.state_bytes() == day.state
        header = newest_header(journal)
        assert header is not None and header.config == COARSE


def test_without_a_checkpoint_the_whole_journal_gives_the_same_state(
    day: Day, tmp_path: Path
) -> None:
    bare = [record for record in day.records if record.kind is not Kind.CHECKPOINT]
    with written(tmp_path / "j", bare) as journal:
        core = rebuild(journal, day.fleet, COARSE, day.records[-1].now_ms)
    assert core.state_bytes() == day.state


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_killed_after_any_record_sequences_and_fence_only_grow(
    day: Day, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(2, len(day.records)))
    kept = day.records[:cut]
    folder = tmp_path_factory.mktemp("cut")
    with written(folder / "j", kept) as journal:
        before = core_at(day.fleet, kept)
        core = rebuild(journal, day.fleet, COARSE, kept[-1].now_ms)
        assert core.state_bytes() == before.state_bytes()
        fence, sequence = core.state.session.fence, dict(core.state.commands.sequence)
        started = SessionStarted("c2", kept[-1].now_ms, "test")
        frames = [Frame(core.router.session_topic, encode(started), kept[-1].now_ms)]
        for step in range(1, 12):
            now_ms = kept[-1].now_ms + 4000 * step
            outbox = core.step(now_ms, frames)
            frames = []
            journal.append_cycle(now_ms, [], outbox.frames)
        assert core.state.session.mode is Mode.COMMANDING
        assert core.state.session.fence > fence
        for site, last in sequence.items():
            assert core.state.commands.sequence[site] >= last


def core_at(fleet: Fleet, records: list[Record]) -> Core:
    core = Core(fleet, COARSE)
    for record in records:
        if record.kind is Kind.CYCLE:
            core.step(record.now_ms, record.frames()[0])
    return core


def test_the_tail_is_stepped_with_the_settings_it_was_decided_with(
    day: Day, tmp_path: Path
) -> None:
    path = tmp_path / "j"
    shutil.copy(day.path, path)
    other = msgspec.structs.replace(COARSE, ttl_s=240.0, renew_s=80.0, stale_s=30.0)
    with Journal.open(str(path)) as journal:
        core = rebuild(journal, day.fleet, other, day.records[-1].now_ms)
        assert core.config == other
        assert core.state_bytes() == day.state


def test_devices_that_left_the_fleet_are_forgotten(day: Day, tmp_path: Path) -> None:
    path = tmp_path / "j"
    shutil.copy(day.path, path)
    gone = "north-pump-01"
    smaller = day.fleet.model_copy(
        update={
            "sites": tuple(site for site in day.fleet.sites if site.id != gone),
            "devices": tuple(d for d in day.fleet.devices if d.site != gone),
            "end_users": tuple(u for u in day.fleet.end_users if u.site != gone),
        }
    )
    smaller = Fleet.model_validate_json(smaller.model_dump_json(exclude_defaults=True))
    with Journal.open(str(path)) as journal:
        core = rebuild(journal, smaller, COARSE, day.records[-1].now_ms)
        state = msgspec.msgpack.decode(core.state_bytes(), type=CoreState)
        assert gone not in state.plant.sites and gone not in state.commands.sent
        assert not any(device.startswith(gone) for device in state.calls.calls)
        now_ms = day.records[-1].now_ms
        started = SessionStarted("c2", now_ms, "test")
        inbox = [Frame(core.router.session_topic, encode(started), now_ms)]
        for step in range(1, 40):
            outbox = core.step(now_ms + 4000 * step, inbox)
            journal.append_cycle(now_ms + 4000 * step, inbox, outbox.frames)
            inbox = []
        core.view()
        assert replay(journal).difference is None


def test_an_empty_journal_cannot_be_replayed(tmp_path: Path) -> None:
    with Journal.open(str(tmp_path / "j")) as journal:
        with pytest.raises(JournalError, match="no head"):
            replay(journal)
        header = make_header(generate(1, 1), CenterConfig(), 0)
        journal.append_header(encode_header(header))
        assert replay(journal).cycles == 0
