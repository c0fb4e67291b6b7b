"""Feeds a journal to the core again and compares what comes out, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridmuster.center.core import Core
from gridmuster.errors import JournalError
from gridmuster.runtime.fleet_change import core_under
from gridmuster.runtime.header import Header, decode_header
from gridmuster.signals import Frame
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """The first frame that came out otherwise: where, and what was expected and found."""

    record: int
    now_ms: int
    topic: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found.

    Args:
        cycles: cycles fed again.
        frames: frames compared.
        commands: commands among them.
        sessions: heads in the journal.
        software: software versions named in the heads.
        difference: the first difference, None when all is the same.
    """

    cycles: int
    frames: int
    commands: int
    sessions: int
    software: tuple[str, ...]
    difference: Difference | None


def replay(
    journal: Journal,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[Core, int], None] | None = None,
) -> Replay:
    """Feed every cycle of a journal to a fresh core.

    Args:
        journal: the journal.
        progress: told the number of cycles done.
        watch: shown the core after each cycle, with plant time (ms).

    Raises:
        JournalError: when the journal has no head or is damaged.
    """
    core: Core | None = None
    header: Header | None = None
    cycles = frames = commands = sessions = 0
    software: list[str] = []
    difference: Difference | None = None
    for record in journal.records():
        if record.kind is Kind.HEADER:
            sessions += 1
            header = decode_header(record.body or b"")
            software.append(header.software)
            core = core_under(header, header.fleet(), core)
        elif record.kind is Kind.CYCLE:
            if core is None:
                raise JournalError("the journal has cycles before its head; it cannot be replayed")
            inbound, recorded = record.frames()
            outbox = core.step(record.now_ms, inbound)
            cycles += 1
            frames += len(recorded)
            commands += sum(frame.topic.endswith("/down/command") for frame in recorded)
            if difference is None:
                difference = _compare(record.sequence, record.now_ms, recorded, outbox.frames)
            if watch is not None:
                watch(core, record.now_ms)
            if progress is not None:
                progress(cycles)
            if difference is not None:
                break
    if header is None:
        raise JournalError("the journal is empty: it has no head")
    return Replay(cycles, frames, commands, sessions, tuple(software), difference)


def _compare(
    sequence: int, now_ms: int, recorded: tuple[Frame, ...], replayed: list[Frame]
) -> Difference | None:
    for k in range(max(len(recorded), len(replayed))):
        before = recorded[k] if k < len(recorded) else None
        after = replayed[k] if k < len(replayed) else None
        if before != after:
            known = before or after
            topic = "" if known is None else known.topic
            return Difference(sequence, now_ms, topic, _text(before), _text(after))
    return None


def _text(frame: Frame | None) -> str:
    return "nothing" if frame is None else frame.payload.decode(errors="replace")
