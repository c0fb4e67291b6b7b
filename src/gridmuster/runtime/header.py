"""The head of a journal: which fleet under which settings and software its cycles ran."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from gridmuster import __version__
from gridmuster.center.changes import DataChange
from gridmuster.center.config import CenterConfig
from gridmuster.errors import JournalError
from gridmuster.fleet.model import Fleet
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind


class Header(Struct, frozen=True):
    """What a replay must know besides the messages; the fleet is kept whole, as JSON.

    ``given`` is the digest of the fleet that the process was started with, which is not the one
    in force after a person changed it; ``change`` says who did.
    """

    software: str
    fleet_json: str
    config: CenterConfig
    started_ms: int
    given: str = ""
    change: DataChange | None = None

    def fleet(self) -> Fleet:
        """The fleet as it was."""
        return Fleet.model_validate_json(self.fleet_json)


def fleet_digest(fleet: Fleet) -> str:
    """SHA-256 of what a fleet says, hex; equal for fleets that are equal."""
    return hashlib.sha256(fleet.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def make_header(
    fleet: Fleet,
    config: CenterConfig,
    now_ms: int,
    given: str = "",
    change: DataChange | None = None,
) -> Header:
    """The head for a run that begins now.

    Args:
        fleet: the fleet in force.
        config: the settings.
        now_ms: plant time, ms.
        given: digest of the fleet that the process was started with.
        change: who changed the fleet; None: a session begins.
    """
    text = fleet.model_dump_json(exclude_defaults=True)
    return Header(__version__, text, config, now_ms, given, change)


def encode_header(header: Header) -> bytes:
    """The head as JSON."""
    return msgspec.json.encode(header)


def decode_header(body: bytes) -> Header:
    """The head from JSON.

    Raises:
        JournalError: when it is none.
    """
    try:
        return msgspec.json.decode(body, type=Header)
    except msgspec.DecodeError as error:
        raise JournalError(f"journal header cannot be understood: {error}") from error


def newest_header(journal: Journal) -> Header | None:
    """The newest head in a journal; None when it is empty.

    Raises:
        JournalError: when it cannot be read.
    """
    record = journal.newest(Kind.HEADER)
    return None if record is None else decode_header(record.body or b"")
