"""Messages to JSON and back: bounded, versioned, and without a number that is none."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from gridmuster.errors import SignalError

VERSION: Final = 1
MAX_PAYLOAD_BYTES: Final = 262_144
Id = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
InstantMs = Annotated[int, Meta(ge=0, le=253_402_300_799_000)]
T = TypeVar("T", bound=Struct)

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Struct], msgspec.json.Decoder[Any]] = {}


def encode(message: Struct) -> bytes:
    """The message as compact JSON.

    Raises:
        SignalError: when a number is not finite (JSON has no word for it).
    """
    payload = _encoder.encode(message)
    if b":null" in payload and _has_not_finite(message):
        raise SignalError(f"{type(message).__name__}: a number is not finite")
    return payload


def decode(payload: bytes, kind: type[T]) -> T:
    """The message of the given kind that a payload holds.

    Args:
        payload: JSON bytes as received.
        kind: the message class expected on that topic.

    Raises:
        SignalError: oversized, malformed, wrong kind, or of another version.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise SignalError(
            f"{kind.__name__}: {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}"
        )
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        message: T = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignalError(f"{kind.__name__}: {error}") from error
    version = getattr(message, "v", VERSION)
    if version != VERSION:
        raise SignalError(f"{kind.__name__}: version {version}; this program speaks {VERSION}")
    return message


def _has_not_finite(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, Struct):
        return any(_has_not_finite(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, tuple | list):
        return any(_has_not_finite(item) for item in value)
    return False
