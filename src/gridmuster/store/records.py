"""What the journal holds: headers, cycles and checkpoints, each chained to the one before.

A record's place in the chain is

    chain[n] = sha256(chain[n-1] | n | kind | now_ms | sha256(body))

so a changed, inserted, removed or reordered row is seen from there on, while the body of an old
checkpoint may be let go without breaking the chain: its hash stays. ``chain[0]`` is zeros.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from gridmuster.errors import JournalError
from gridmuster.signals import Frame

#: What the first record is chained to.
GENESIS: Final = bytes(32)
#: zlib effort, 1 to 9; measured on a cycle of 60 reports, see `benchmarks`.
_EFFORT: Final = 3

_Cycle = tuple[tuple[Frame, ...], tuple[Frame, ...]]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Cycle)


class Kind(StrEnum):
    """What a record is about."""

    HEADER = "header"
    CYCLE = "cycle"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the journal.

    Args:
        sequence: its number, from 1 without gaps.
        kind: what it is about.
        now_ms: plant time it belongs to, ms since the epoch.
        body: what it says, uncompressed; None for an old checkpoint that was let go.
        chain: its place in the hash chain.
    """

    sequence: int
    kind: Kind
    now_ms: int
    body: bytes | None
    chain: bytes

    def frames(self) -> _Cycle:
        """The frames that entered and that left in this cycle.

        Raises:
            JournalError: when this is no cycle.
        """
        if self.kind is not Kind.CYCLE or self.body is None:
            raise JournalError(f"record {self.sequence} is a {self.kind}, not a cycle")
        return unpack_frames(self.body)


def pack_frames(inbound: Sequence[Frame], outbound: Sequence[Frame]) -> bytes:
    """One cycle's frames as the body of a record."""
    return _encoder.encode((inbound, outbound))


def unpack_frames(body: bytes) -> _Cycle:
    """The frames in the body of a cycle: those that entered, those that left.

    Raises:
        JournalError: when the bytes are not what `pack_frames` made.
    """
    try:
        cycle: _Cycle = _decoder.decode(body)
    except msgspec.DecodeError as error:
        raise JournalError(f"the frames of a cycle cannot be read: {error}") from error
    return cycle


def compress(body: bytes) -> bytes:
    """A body as it is stored."""
    return zlib.compress(body, _EFFORT)


def decompress(stored: bytes) -> bytes:
    """A body as it was before it was stored.

    Raises:
        JournalError: when the stored bytes are damaged.
    """
    try:
        return zlib.decompress(stored)
    except zlib.error as error:
        raise JournalError(f"a stored body is damaged: {error}") from error


def digest(stored: bytes) -> bytes:
    """The hash of a body as stored."""
    return hashlib.sha256(stored).digest()


def link(previous: bytes, sequence: int, kind: str, now_ms: int, body_hash: bytes) -> bytes:
    """A record's place in the chain; the formula is in this module's description.

    Args:
        previous: the place of the record before.
        sequence: the record's number.
        kind: what it is about.
        now_ms: plant time, ms since the epoch.
        body_hash: `digest` of its stored body.
    """
    head = struct.pack(">qq10s", sequence, now_ms, kind.encode())
    return hashlib.sha256(previous + head + body_hash).digest()
