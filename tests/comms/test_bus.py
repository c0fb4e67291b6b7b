"""Topics, patterns and the bounded queue that both transports share."""

import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.comms.bus import (
    BusStats,
    Outbox,
    Outgoing,
    Router,
    check_message,
    check_pattern,
    matches,
)
from gridmuster.errors import SignalError
from gridmuster.signals import MAX_PAYLOAD_BYTES

LEVEL = st.sampled_from(["a", "b", "site-1", "s.1", "", "x:y"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=5).map("/".join)
PATTERN = st.tuples(
    st.lists(LEVEL | st.just("+"), min_size=1, max_size=5), st.sampled_from(["", "#"])
).map(lambda parts: "/".join([*parts[0], parts[1]] if parts[1] else parts[0]))


def by_regex(pattern: str) -> re.Pattern[str]:
    """The same rule said another way: a regular expression of the whole topic."""
    if pattern == "#":
        return re.compile(r"[^$].*|", re.DOTALL)
    text = re.escape(pattern).replace(r"\+", "[^/]*")
    if text.endswith(r"/\#"):
        text = text[: -len(r"/\#")] + r"(/.*)?"
    return re.compile(text, re.DOTALL)


@given(PATTERN, TOPIC)
def test_a_pattern_matches_what_the_same_regular_expression_does(pattern: str, topic: str) -> None:
    assert matches(pattern, topic) == bool(by_regex(pattern).fullmatch(topic))


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        # The examples of the MQTT 3.1.1 standard, sections 4.7.1 and 4.7.2.
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/broker", False),
        ("+/monitor/Clients", "$SYS/monitor/Clients", False),
        ("$SYS/#", "$SYS/broker", True),
    ],
)
def test_the_examples_of_the_standard(pattern: str, topic: str, expected: bool) -> None:
    assert matches(pattern, topic) is expected


@pytest.mark.parametrize("pattern", ["", "a/#/b", "a#", "a/b+", "#/a", "++"])
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(SignalError, match=r"'\+' and '#'"):
        check_pattern(pattern)


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "a\0b"])
def test_a_topic_that_cannot_travel_is_refused(topic: str) -> None:
    with pytest.raises(SignalError, match="topic"):
        check_message(topic, b"")


def test_the_largest_payload_travels_and_one_byte_more_does_not() -> None:
    check_message("a", b"x" * MAX_PAYLOAD_BYTES)
    with pytest.raises(SignalError, match=f"{MAX_PAYLOAD_BYTES + 1} bytes.*{MAX_PAYLOAD_BYTES}"):
        check_message("a", b"x" * (MAX_PAYLOAD_BYTES + 1))


def test_a_handler_is_called_once_however_many_of_its_patterns_match() -> None:
    router = Router()
    seen: list[str] = []

    def handler(_frame: object) -> None:
        seen.append("called")

    router.add("a/+", handler)
    router.add("a/#", handler)
    assert router.handlers("a/b") == (handler,)
    assert router.handlers("b") == ()
    router.add("b", handler)
    assert router.handlers("b") == (handler,), "a later subscription counts for topics seen before"
    assert router.patterns == ["a/+", "a/#", "b"]


@given(st.lists(st.integers(0, 3)), st.integers(1, 5))
def test_a_full_queue_loses_its_oldest_and_says_so(steps: list[int], limit: int) -> None:
    stats = BusStats()
    outbox = Outbox(limit, stats)
    numbers = count()
    kept: list[int] = []
    lost = 0
    for step in steps:
        if step:
            number = next(numbers)
            outbox.put(Outgoing(str(number), b"", False, None))
            kept.append(number)
            if len(kept) > limit:
                kept.pop(0)
                lost += 1
        else:
            message = outbox.take(0)
            assert (message and int(message.topic)) == (kept.pop(0) if kept else None)
    assert len(outbox) == len(kept)
    assert stats.dropped_full == lost


def test_what_has_expired_is_not_sent() -> None:
    stats = BusStats()
    outbox = Outbox(10, stats)
    for expires_at_ms in (100, None, 101):
        outbox.put(Outgoing("t", b"", False, expires_at_ms))
    assert outbox.take(100) == Outgoing("t", b"", False, None)
    assert outbox.take(100) == Outgoing("t", b"", False, 101)
    assert outbox.take(100) is None
    assert stats.dropped_expired == 1


def test_what_is_put_back_comes_first_again_unless_newer_ones_fill_the_queue() -> None:
    stats = BusStats()
    outbox = Outbox(2, stats)
    old, new, newest = (Outgoing(name, b"", False, None) for name in ("old", "new", "newest"))
    outbox.put(new)
    outbox.put_back(old)
    assert outbox.take(0) == old
    outbox.put(newest)
    outbox.put_back(old)
    assert [outbox.take(0), outbox.take(0), outbox.take(0)] == [new, newest, None]
    assert stats.dropped_full == 1
