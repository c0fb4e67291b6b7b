"""The head of a journal: which fleet under which settings and software its cycles ran."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from gridmuster import __version__
from gridmuster.center.config import CenterConfig
from gridmuster.errors import JournalError
from gridmuster.fleet.model import Fleet


class Header(Struct, frozen=True):
    """What a replay must know besides the messages; the fleet is kept whole, as JSON."""

    software: str
    fleet_json: str
    config: CenterConfig
    started_ms: int

    def fleet(self) -> Fleet:
        """The fleet as it was."""
        return Fleet.model_validate_json(self.fleet_json)


def make_header(fleet: Fleet, config: CenterConfig, now_ms: int) -> Header:
    """The head for a run that begins now."""
    return Header(__version__, fleet.model_dump_json(exclude_defaults=True), config, now_ms)


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
