"""What the journal holds: headers, cycles and checkpoints, each chained to the one before.

A record's place in the chain is

    chain[n] = sha256(chain[n-1] | n | now_ms | kind | sha256(stored body))

so a changed, inserted, removed or reordered row is seen from there on, while the body of an old
checkpoint may be let go without breaking the chain: its hash stays. ``chain[0]`` is zeros.

Bodies are mostly JSON that repeats from site to site but for its digits. They are therefore stored
as two parts, the text with every digit made a zero and the digits alone, and those deflated: a
fifth smaller than the text deflated as it is, for the same time. A preset dictionary of typical
messages gains some 6 % more, and a dependence on it for as long as journals are kept: not used.
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
import numpy as np

from gridmuster.errors import JournalError
from gridmuster.signals import Frame

#: What the first record is chained to.
GENESIS: Final = bytes(32)
#: Largest body that is read back, bytes; a damaged length must not fill the memory.
MAX_BODY_BYTES: Final = 1 << 30

#: First byte of a stored body: how the rest is to be read.
_SPLIT_DIGITS: Final = b"\x01"
_LENGTH: Final = struct.Struct(">I")
_PLACE: Final = struct.Struct(">qq10s")
#: zlib effort, 1 to 9: beyond 3 the time doubles for a few percent.
_EFFORT: Final = 3
_DIGITS: Final = b"0123456789"
_TO_ZERO: Final = bytes.maketrans(_DIGITS, b"0" * 10)
_NOT_DIGITS: Final = bytes(code for code in range(256) if code not in _DIGITS)

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


@dataclass(frozen=True, slots=True)
class Intact:
    """Every row is as it was written.

    Args:
        records: how many there are.
        chain: the last one's place in the chain; noted elsewhere, it also shows a cut-off end.
    """

    records: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """A row is not as it was written, or not where it was.

    Args:
        sequence: number of the first such row.
        why: what is wrong with it.
    """

    sequence: int
    why: str


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
    parts = (
        _LENGTH.pack(len(body)),
        body.translate(_TO_ZERO),
        body.translate(None, _NOT_DIGITS),
    )
    return _SPLIT_DIGITS + zlib.compress(b"".join(parts), _EFFORT)


def decompress(stored: bytes) -> bytes:
    """A body as it was before it was stored.

    Raises:
        JournalError: when the stored bytes are damaged, or written by a newer program.
    """
    if stored[:1] != _SPLIT_DIGITS:
        raise JournalError(f"a stored body is of kind {stored[:1]!r}; this program knows 0x01")
    engine = zlib.decompressobj()
    try:
        whole = engine.decompress(stored[1:], MAX_BODY_BYTES)
    except zlib.error as error:
        raise JournalError(f"a stored body is damaged: {error}") from error
    if not engine.eof or len(whole) < _LENGTH.size:
        raise JournalError("a stored body is cut short or over the limit")
    text_end = _LENGTH.size + _LENGTH.unpack_from(whole)[0]
    text = np.frombuffer(whole[_LENGTH.size : text_end], np.uint8).copy()
    digits = np.frombuffer(whole[text_end:], np.uint8)
    places = np.flatnonzero(text == ord("0"))
    if len(places) != len(digits):
        raise JournalError(f"a stored body is damaged: {len(digits)} digits, {len(places)} places")
    text[places] = digits
    return text.tobytes()


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
    place = _PLACE.pack(sequence, now_ms, kind.encode())
    return hashlib.sha256(previous + place + body_hash).digest()
