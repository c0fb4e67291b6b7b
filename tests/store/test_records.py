"""How a record is written: encoding, compression, place in the chain."""

import hashlib
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.errors import JournalError
from gridmuster.signals import Frame
from gridmuster.store import records as rec

FRAME = st.builds(Frame, st.text(max_size=20), st.binary(max_size=50), st.integers(0, 2**52))
JSONISH = st.text(alphabet='0123456789.,:{}"ab-', max_size=300).map(str.encode)


@given(st.lists(FRAME, max_size=6), st.lists(FRAME, max_size=6))
def test_a_cycles_frames_come_back_as_they_were(
    inbound: list[Frame], outbound: list[Frame]
) -> None:
    body = rec.pack_frames(inbound, outbound)
    assert rec.unpack_frames(body) == (tuple(inbound), tuple(outbound))


@given(st.binary(max_size=500) | JSONISH)
def test_a_body_comes_back_as_it_was(body: bytes) -> None:
    assert rec.decompress(rec.compress(body)) == body


@given(st.binary(max_size=300) | JSONISH, st.data())
def test_a_damaged_body_is_an_error_or_unharmed_but_no_crash(
    body: bytes, data: st.DataObject
) -> None:
    stored = bytearray(rec.compress(body))
    place = data.draw(st.integers(0, len(stored) - 1))
    stored[place] ^= data.draw(st.integers(1, 255))
    with suppress(JournalError):
        rec.decompress(bytes(stored))
    with pytest.raises(JournalError):
        rec.decompress(bytes(stored)[: len(stored) // 2])


@pytest.mark.parametrize("stored", [b"", b"\x00", b"\x02abc", b"\x01", b"\x01nonsense"])
def test_what_was_never_stored_is_refused(stored: bytes) -> None:
    with pytest.raises(JournalError):
        rec.decompress(stored)


def test_frames_that_are_none_are_refused() -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        rec.unpack_frames(b"\x93\x01")
    header = rec.Record(1, rec.Kind.HEADER, 0, b"{}", b"")
    with pytest.raises(JournalError, match="record 1 is a header"):
        header.frames()


def test_the_chain_is_the_formula_that_the_module_states() -> None:
    body_hash = hashlib.sha256(b"stored").digest()
    by_hand = hashlib.sha256(
        bytes(32) + struct.pack(">qq", 1, 1_790_000_000_000) + b"header\0\0\0\0" + body_hash
    ).digest()
    assert rec.digest(b"stored") == body_hash
    assert rec.link(rec.GENESIS, 1, "header", 1_790_000_000_000, body_hash) == by_hand
