"""`MqttBus` with a broker that is not ours: mosquitto, run by the test."""

from collections import Counter
from pathlib import Path

import pytest
from wire import TOPICS, Inbox, bus, delivered, fails, mosquitto, run, started

from gridmuster.errors import LinkError

pytestmark = pytest.mark.needs_mosquitto

ROOT = TOPICS.root
USERS = {"center": "c-secret", "site-1": "s1-secret", "site-2": "s2-secret"}
ACL = f"""
user center
topic readwrite {ROOT}/#

pattern write {ROOT}/site/%u/up/#
pattern read {ROOT}/site/%u/down/#
pattern read {ROOT}/center/lease
"""


def url(host_port: str, user: str, secret: str | None = None) -> str:
    return f"mqtt://{user}:{secret or USERS[user]}@{host_port}"


def test_frames_go_both_ways_and_the_lease_is_retained(tmp_path: Path) -> None:
    async def story() -> None:
        async with mosquitto(tmp_path, USERS, ACL) as at:
            center = bus(url(at, "center"), "center", center=True)
            sites = {name: bus(url(at, name), name) for name in ("site-1", "site-2")}
            up, down, lease = Inbox(), Inbox(), Inbox()
            center.subscribe(TOPICS.all_up, up)
            for name, site in sites.items():
                site.subscribe(TOPICS.command(name), down)
            async with started(center, *sites.values()):
                center.publish(TOPICS.lease, b"fence 7", retain=True)
                for k in range(200):
                    for name, site in sites.items():
                        site.publish(TOPICS.report(name), f"{name} {k}".encode())
                        center.publish(TOPICS.command(name), f"{name} {k}".encode())
                await up.count(400)
                await down.count(400)
                late = bus(url(at, "site-1"), "late")
                late.subscribe(TOPICS.lease, lease)
                async with started(late):
                    await lease.count(1)
            expected = Counter(f"{name} {k}".encode() for name in sites for k in range(200))
            assert Counter(up.payloads) == Counter(down.payloads) == expected
            assert lease.payloads == [b"fence 7"]

    run(story())


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with mosquitto(tmp_path, USERS, ACL) as at:
            stranger = bus(url(at, "site-1", "wrong-word"), "site-1")
            await stranger.start()
            said = await fails(stranger.wait_connected(0.7), LinkError)
            assert "Not authorized" in said and "wrong-word" not in said
            await stranger.stop()

    run(story())


def test_a_site_cannot_speak_for_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with mosquitto(tmp_path, USERS, ACL) as at:
            center = bus(url(at, "center"), "center", center=True)
            spy = bus(url(at, "site-1"), "site-1")
            heard = Inbox()
            center.subscribe(f"{ROOT}/#", heard)
            async with started(center, spy):
                for topic in (TOPICS.report("site-2"), TOPICS.command("site-2"), TOPICS.lease):
                    spy.publish(topic, b"spoofed", retain=True)
                await delivered(spy, TOPICS.report("site-1"), heard)
            assert heard.topics == [TOPICS.report("site-1")]

    run(story())


def test_a_broker_that_goes_away_is_found_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with mosquitto(tmp_path, USERS, ACL) as at:
            center = bus(url(at, "center"), "center", center=True)
            site = bus(url(at, "site-1"), "site-1")
            up = Inbox()
            center.subscribe(TOPICS.all_up, up)
            async with started(center, site):
                # The same client elsewhere ousts this one; it comes back and ousts in its turn.
                twin = bus(url(at, "site-1"), "site-1")
                async with started(twin):
                    assert twin.stats.connects >= 1
                await site.wait_connected()
                site.publish(TOPICS.report("site-1"), b"back")
                await up.payload(b"back")
                assert site.stats.connects >= 2

    run(story())
