"""The broker inside the process: order, wildcards, retained messages, cuts, faults."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import NOW_MS, run

from gridmuster.clock import VirtualClock
from gridmuster.comms.memory import LinkFaults, MemoryBroker, MemoryBus
from gridmuster.errors import LinkError, SignalError
from gridmuster.signals import MAX_PAYLOAD_BYTES, Frame


def pair(
    faults: LinkFaults | None = None, seed: int = 0, queue_limit: int = 100
) -> tuple[VirtualClock, MemoryBroker, MemoryBus, MemoryBus, list[Frame]]:
    """A broker with a publisher and a reader that hears all of it."""
    clock = VirtualClock(NOW_MS)
    broker = MemoryBroker(clock, faults, seed)
    publisher = broker.client("publisher", queue_limit)
    reader = broker.client("reader")
    heard: list[Frame] = []
    reader.subscribe("a/#", heard.append)
    publisher.open()
    reader.open()
    return clock, broker, publisher, reader, heard


def payloads(frames: list[Frame]) -> list[bytes]:
    return [frame.payload for frame in frames]


def test_nothing_moves_until_delivery_and_then_in_order_with_the_time_of_arrival() -> None:
    clock, broker, publisher, _, heard = pair()
    for k in range(5):
        publisher.publish(f"a/{k % 2}", bytes([k]))
    assert heard == []
    assert broker.waiting == 5
    clock.advance_to(NOW_MS + 7)
    assert broker.deliver() == 5
    assert heard == [Frame(f"a/{k % 2}", bytes([k]), NOW_MS + 7) for k in range(5)]
    assert broker.deliver() == 0


def test_what_handlers_publish_is_delivered_in_the_same_go() -> None:
    _, broker, publisher, reader, heard = pair()
    reader.subscribe("ask", lambda frame: reader.publish("a/answer", frame.payload))
    publisher.publish("ask", b"?")
    assert broker.deliver() == 2
    assert payloads(heard) == [b"?"]


def test_handlers_that_answer_each_other_without_end_are_stopped() -> None:
    _, broker, publisher, reader, _ = pair()
    reader.subscribe("loop", lambda frame: reader.publish("loop", frame.payload))
    publisher.publish("loop", b"")
    with pytest.raises(LinkError, match="without end"):
        broker.deliver(limit=100)


def test_a_retained_message_reaches_who_comes_later_and_an_empty_one_ends_it() -> None:
    _, broker, publisher, _, _ = pair()
    publisher.publish("a/lease", b"old", retain=True)
    publisher.publish("a/lease", b"new", retain=True)
    late: list[Frame] = []
    client = broker.client("late")
    client.subscribe("a/+", late.append)
    client.open()
    broker.deliver()
    assert payloads(late) == [b"new"]
    client.subscribe("a/lease", late.append)
    broker.deliver()
    assert payloads(late) == [b"new", b"new"]
    publisher.publish("a/lease", b"", retain=True)
    broker.deliver()
    later: list[Frame] = []
    other = broker.client("later")
    other.subscribe("a/+", later.append)
    other.open()
    broker.deliver()
    assert later == []


def test_a_cut_publisher_keeps_its_messages_and_sends_them_in_order() -> None:
    clock, broker, publisher, _, heard = pair()
    broker.cut("publisher")
    assert not publisher.connected
    for k in range(3):
        publisher.publish("a/x", bytes([k]))
    publisher.publish("a/x", b"short-lived", expires_at_ms=NOW_MS + 3_599_000)
    clock.advance_to(NOW_MS + 3_600_000)
    broker.deliver()
    assert heard == []
    broker.restore("publisher")
    publisher.publish("a/x", b"after")
    broker.deliver()
    assert payloads(heard) == [b"\0", b"\1", b"\2", b"after"]
    assert publisher.stats.dropped_expired == 1
    assert (publisher.stats.connects, publisher.stats.disconnects) == (2, 1)


def test_a_cut_reader_misses_what_is_said_meanwhile_but_not_what_is_retained() -> None:
    _, broker, publisher, reader, heard = pair()
    publisher.publish("a/on-its-way", b"")
    broker.cut("reader")
    publisher.publish("a/meanwhile", b"")
    publisher.publish("a/lease", b"kept", retain=True)
    broker.deliver()
    broker.restore("reader")
    broker.deliver()
    assert [frame.topic for frame in heard] == ["a/lease"]
    assert reader.stats.received == 1


def test_a_full_queue_loses_its_oldest() -> None:
    _, broker, publisher, _, heard = pair(queue_limit=2)
    broker.cut("publisher")
    for k in range(5):
        publisher.publish("a/x", bytes([k]))
    broker.restore("publisher")
    broker.deliver()
    assert payloads(heard) == [b"\3", b"\4"]
    assert publisher.stats.dropped_full == 3


def test_a_second_client_of_the_same_name_ousts_the_first() -> None:
    _, broker, publisher, reader, heard = pair()
    second: list[Frame] = []
    twin = broker.client("reader")
    twin.subscribe("a/#", second.append)
    twin.open()
    publisher.publish("a/x", b"")
    broker.deliver()
    assert not reader.connected
    assert (len(heard), len(second)) == (0, 1)


def test_an_unopened_link_says_so() -> None:
    broker = MemoryBroker(VirtualClock(NOW_MS))
    client = broker.client("c")
    with pytest.raises(LinkError, match="never opened"):
        run(client.wait_connected())

    async def life() -> None:
        await client.start()
        await client.wait_connected()
        await client.stop()

    run(life())
    assert not client.connected


def test_an_oversized_payload_does_not_travel() -> None:
    _, broker, publisher, _, heard = pair()
    with pytest.raises(SignalError, match="over the limit"):
        publisher.publish("a/x", b"x" * (MAX_PAYLOAD_BYTES + 1))
    broker.deliver()
    assert heard == []


def faulty_day(seed: int, faults: LinkFaults) -> list[Frame]:
    clock, broker, publisher, _, heard = pair(faults, seed)
    for k in range(200):
        publisher.publish("a/x", str(k).encode())
        if k % 5 == 4:
            broker.deliver()
            clock.advance_to(clock.now_ms() + 1000)
    clock.advance_to(clock.now_ms() + 60_000)
    broker.deliver()
    assert broker.waiting == 0
    return heard


@given(
    st.integers(0, 2**32),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.integers(0, 60_000),
)
def test_faults_repeat_reorder_and_delay_but_lose_nothing_and_a_seed_repeats_them(
    seed: int, duplicate: float, reorder: float, delay: float, delay_ms: int
) -> None:
    faults = LinkFaults(duplicate, reorder, delay, delay_ms)
    heard = faulty_day(seed, faults)
    counts = Counter(payloads(heard))
    assert set(counts) == {str(k).encode() for k in range(200)}
    assert max(counts.values()) <= (2 if duplicate else 1)
    assert heard == faulty_day(seed, faults)


def test_each_fault_does_what_its_name_says() -> None:
    sent = [str(k).encode() for k in range(200)]
    assert payloads(faulty_day(1, LinkFaults())) == sent
    assert len(faulty_day(1, LinkFaults(duplicate=0.3))) > 220
    swapped = payloads(faulty_day(1, LinkFaults(reorder=0.3)))
    assert swapped != sent and sorted(swapped) == sorted(sent)
    day = faulty_day(1, LinkFaults(delay=0.3, delay_ms=3000))
    late = [frame for frame in day if int(frame.payload) < 180]  # the rest came with the day's end
    moments = [frame.at_ms - NOW_MS - 1000 * (int(frame.payload) // 5) for frame in late]
    assert set(moments) == {0, 3000}


def test_without_faults_the_publishing_order_is_the_delivery_order_for_every_client() -> None:
    clock = VirtualClock(NOW_MS)
    broker = MemoryBroker(clock)
    log: list[tuple[str, bytes]] = []
    for name in ("one", "two", "three"):
        client = broker.client(name)
        client.subscribe("a/+", lambda frame, name=name: log.append((name, frame.payload)))
        client.open()
    publisher = broker.client("publisher")
    publisher.open()
    publisher.publish("a/1", b"first")
    publisher.publish("a/2", b"second")
    broker.deliver()
    assert log == [(n, p) for p in (b"first", b"second") for n in ("one", "two", "three")]
