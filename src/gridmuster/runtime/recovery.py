"""Rebuilds a core from its journal: the last checkpoint, then every cycle since."""

from __future__ import annotations

from collections.abc import Callable

from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.errors import JournalError
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.fleet_change import core_under
from gridmuster.runtime.header import (
    decode_header,
    encode_header,
    fleet_digest,
    make_header,
    newest_header,
)
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record


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
        fleet: the fleet to command from now on, unless a person changed it since the journal was
            begun with this very fleet: then the changed one.
        config: the settings from now on.
        now_ms: plant time, ms.
        progress: told the number of cycles stepped again.

    Returns:
        The core, ready for its session to begin. Cycles are stepped with the fleet and settings
        they were decided with, as a replay does.

    Raises:
        JournalError: when the journal is damaged or its new head cannot be written.
    """
    checkpoint = journal.last_checkpoint()
    after = 0 if checkpoint is None else checkpoint.sequence
    core = _core_at(journal, checkpoint)
    for count, record in enumerate(journal.records(after=after)):
        if record.kind is Kind.HEADER:
            header = decode_header(record.body or b"")
            core = core_under(header, header.fleet(), core)
        elif record.kind is Kind.CYCLE and core is not None:
            inbound, _ = record.frames()
            core.step(record.now_ms, inbound)
        if progress is not None:
            progress(count)
    fleet, given = _in_force(journal, fleet)
    journal.append_header(encode_header(make_header(fleet, config, now_ms, given)), now_ms)
    return Core(fleet, config, None if core is None else core.state_bytes())


def _in_force(journal: Journal, fleet: Fleet) -> tuple[Fleet, str]:
    """The fleet to go on with, and the digest of the one given.

    A person's change of the fleet holds across restarts for as long as the file that the center
    is started with says what it said when the change was made; a new file is a newer wish.
    """
    given = fleet_digest(fleet)
    newest = newest_header(journal)
    if newest is None or newest.given != given:
        return fleet, given
    return newest.fleet(), given


def _core_at(journal: Journal, checkpoint: Record | None) -> Core | None:
    """The core as it was at a checkpoint, with the fleet and settings of its session."""
    if checkpoint is None:
        return None
    head = journal.before(checkpoint.sequence, Kind.HEADER)
    if head is None:
        raise JournalError("the journal has a checkpoint before its head; it cannot be rebuilt")
    header = decode_header(head.body or b"")
    return Core(header.fleet(), header.config, checkpoint.body)
