"""The head of a journal as a report needs it: which fleet, which settings, since when.

A description of its own: the program that wrote the journal need not be the one that reads it, and
what a report does not need may change without touching it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from pydantic import ValidationError

from gridmuster.errors import JournalError
from gridmuster.fleet.model import Fleet


class Settings(Struct, frozen=True):
    """The center's settings that figures and checks rest on; seconds of plant time."""

    cycle_s: float = 4.0
    recovery_s: float = 30.0
    stale_s: float = 60.0

    @property
    def hold_ms(self) -> int:
        """How long what was last said is believed, ms: three of the sites' own intervals."""
        return int(self.stale_s * 1000)


class Head(Struct, frozen=True):
    """A header record: software version, the fleet as JSON, settings, first instant (ms)."""

    software: str
    fleet_json: str
    config: Settings = Settings()
    started_ms: int = 0


def read_head(body: bytes) -> tuple[Head, Fleet]:
    """A header record's body.

    Args:
        body: JSON as the center wrote it.

    Raises:
        JournalError: when it is no head, or its fleet is none.
    """
    try:
        head = msgspec.json.decode(body, type=Head)
        return head, Fleet.model_validate_json(head.fleet_json)
    except (msgspec.DecodeError, ValidationError) as error:
        raise JournalError(f"journal header cannot be understood: {error}") from error
