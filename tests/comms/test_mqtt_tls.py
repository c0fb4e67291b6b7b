"""TLS with a certificate for every site, made here by the openssl command."""

from pathlib import Path

import pytest
from wire import FLEET, TOPICS, Authority, Inbox, bus, delivered, fails, have_openssl, run, started

from gridmuster.comms.address import TlsFiles
from gridmuster.comms.broker import EmbeddedBroker
from gridmuster.errors import LinkError

pytestmark = pytest.mark.skipif(not have_openssl(), reason="the openssl command is missing")


def with_files(url: str, files: TlsFiles) -> str:
    options = [f"ca={files.ca}"]
    if files.cert:
        options += [f"cert={files.cert}", f"key={files.key}"]
    return f"{url}?{'&'.join(options)}"


def test_a_site_is_who_its_certificate_says(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "plant-ca")

    async def story() -> None:
        broker = EmbeddedBroker(
            tmp_path / "broker", FLEET, ["site-1", "site-2"], tls=authority.issue("127.0.0.1")
        )
        await broker.start()
        assert broker.site_url("site-1") == f"mqtts://127.0.0.1:{broker.port}"
        center = bus(with_files(broker.center_url, authority.issue("center")), "center")
        url = with_files(broker.site_url("site-1"), authority.issue("site.site-1"))
        site = bus(url, "site-1")
        up, down = Inbox(), Inbox()
        center.subscribe(TOPICS.all_up, up)
        site.subscribe(TOPICS.command("site-1"), down)
        async with started(center, site):
            site.publish(TOPICS.report("site-2"), b"spoofed")
            large = b"x" * 200_000  # more than one TLS record
            for _ in range(5):
                site.publish(TOPICS.report("site-1"), large)
                center.publish(TOPICS.command("site-1"), large)
            await up.count(5)
            await down.count(5)
            await delivered(site, TOPICS.report("site-1"), up)
        assert up.payloads[:5] == down.payloads == [large] * 5
        assert set(up.topics) == {TOPICS.report("site-1")}
        await broker.stop()

    run(story())


def test_without_a_certificate_of_the_plant_nobody_gets_in(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "plant-ca"), Authority(tmp_path, "other-ca")

    async def story() -> None:
        broker = EmbeddedBroker(
            tmp_path / "broker", FLEET, ["site-1"], tls=authority.issue("127.0.0.1")
        )
        await broker.start()
        forged = stranger.issue("site.site-1")
        unknown = authority.issue("site.site-9")
        for files in (
            TlsFiles(ca=authority.ca),
            TlsFiles(authority.ca, forged.cert, forged.key),
            unknown,
        ):
            client = bus(with_files(broker.site_url("site-1"), files), "site-1")
            await client.start()
            await fails(client.wait_connected(0.7), LinkError)
            assert not client.connected and client.last_error
            await client.stop()
        await broker.stop()

    run(story())


def test_a_broker_with_a_foreign_certificate_is_not_trusted(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "plant-ca"), Authority(tmp_path, "other-ca")

    async def story() -> None:
        broker = EmbeddedBroker(
            tmp_path / "broker", FLEET, ["site-1"], tls=stranger.issue("127.0.0.1")
        )
        await broker.start()
        site = bus(with_files(broker.site_url("site-1"), authority.issue("site.site-1")), "site-1")
        await site.start()
        said = await fails(site.wait_connected(0.7), LinkError)
        assert "certificate verify failed" in said
        await site.stop()
        await broker.stop()

    run(story())
