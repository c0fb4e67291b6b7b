"""Rebuilds a core from its journal: the last checkpoint, then every cycle since."""

from __future__ import annotations

from collections.abc import Callable

from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.header import Header, decode_header, encode_header, make_header
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind


def last_header(journal: Journal) -> Header | None:
    """The newest head in a journal; None when it is empty."""
    newest: Header | None = None
    for record in journal.records():
        if record.kind is Kind.HEADER:
            newest = decode_header(record.body or b"")
    return newest


def rebuild(
    journal: Journal,
    fleet: Fleet,
    config: CenterConfig,
    now_ms: int,
    progress: Callable[[int], None] | None = None,
) -> Core:
    """A core that remembers what the journal holds.

    Args:
        journal: the journal, open for writing; a head is added.
        fleet: the fleet to command from now on.
        config: the settings from now on.
        now_ms: plant time, ms.
        progress: told the number of cycles stepped again.

    Returns:
        The core, ready for its session to begin. State of devices that left the fleet stays in
        its memory and has no effect.
    """
    header = make_header(fleet, config, now_ms)
    checkpoint = journal.last_checkpoint()
    core = Core(fleet, config, None if checkpoint is None else checkpoint.body)
    after = 0 if checkpoint is None else checkpoint.sequence
    for count, record in enumerate(journal.records(after=after)):
        if record.kind is Kind.CYCLE:
            inbound, _ = record.frames()
            core.step(record.now_ms, inbound)
        if progress is not None:
            progress(count)
    journal.append_header(encode_header(header), now_ms)
    return core
