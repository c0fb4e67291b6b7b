"""docs/messages.md says what signals.py does."""

import json
import re
from enum import StrEnum

import msgspec
import pytest
from messages_doc import PAGE, blocks, examples, rewrite
from msgspec import Struct

from gridmuster import signals, starts, switching
from gridmuster.errors import SignalError
from gridmuster.signals import MAX_PAYLOAD_BYTES, decode, encode
from gridmuster.topics import Topics

TEXT = PAGE.read_text("utf-8")
EXAMPLES = examples(TEXT)
SPOKEN = {
    name: kind
    for name, kind in {**vars(signals), **vars(switching)}.items()
    if isinstance(kind, type)
    and issubclass(kind, Struct | StrEnum)
    and kind.__module__ in (signals.__name__, starts.__name__, switching.__name__)
    and name != "Frame"
}
MESSAGES = [
    name for name, kind in SPOKEN.items() if issubclass(kind, Struct) and kind.__struct_config__.tag
]


def test_every_message_part_and_enumeration_has_its_table_and_no_other() -> None:
    assert blocks(TEXT) == set(SPOKEN)


def test_the_tables_are_as_the_code_has_them() -> None:
    assert rewrite(TEXT) == TEXT, "run: python tests/comms/messages_doc.py"


def test_every_message_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_an_example_is_understood_and_says_nothing_that_is_not(name: str) -> None:
    kind = SPOKEN[name]
    message = decode(EXAMPLES[name], kind)
    spoken = json.loads(EXAMPLES[name])
    assert encode(message) == msgspec.json.encode(json.loads(encode(message)))
    assert only_known(spoken, json.loads(msgspec.json.encode(everything(message))))


def everything(message: object) -> object:
    """The message with its defaults spelt out."""
    if isinstance(message, Struct):
        named = {f: everything(getattr(message, f)) for f in message.__struct_fields__}
        tag = message.__struct_config__.tag
        return {"kind": tag, **named} if tag else named
    if isinstance(message, tuple):
        return [everything(item) for item in message]
    return message


def only_known(spoken: object, known: object) -> bool:
    """Whether an example has no field that its message lacks, at any depth, and no other value."""
    if isinstance(spoken, dict) and isinstance(known, dict):
        return all(
            name in known and only_known(value, known[name]) for name, value in spoken.items()
        )
    if isinstance(spoken, list) and isinstance(known, list):
        return len(spoken) == len(known) and all(map(only_known, spoken, known))
    return spoken == known


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_an_example_without_its_first_field_or_with_a_later_version_is_refused(name: str) -> None:
    kind = SPOKEN[name]
    spoken = json.loads(EXAMPLES[name])
    required = next(f.name for f in msgspec.structs.fields(kind) if f.required)
    lacking = {key: value for key, value in spoken.items() if key != required}
    with pytest.raises(SignalError, match=required):
        decode(json.dumps(lacking).encode(), kind)
    with pytest.raises(SignalError, match="version 2"):
        decode(json.dumps({**spoken, "v": 2}).encode(), kind)


def test_every_topic_is_listed_as_it_is() -> None:
    topics = Topics("FLEET")
    real = {
        topics.report("SITE"),
        topics.demand("SITE"),
        topics.ack("SITE"),
        topics.command("SITE"),
        topics.grid("AREA"),
        topics.price("AREA"),
        topics.price_forecast("AREA"),
        topics.price_worth("AREA"),
        topics.lease,
    }
    listed = set(re.findall(r"^\| `(gridmuster/v1/FLEET/[^`]+)`", TEXT, re.MULTILINE))
    assert listed == real


def test_the_size_limit_is_the_one_stated() -> None:
    assert f"{MAX_PAYLOAD_BYTES:,} bytes" in TEXT
