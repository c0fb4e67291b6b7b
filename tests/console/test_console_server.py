"""Where the API listens, and how it starts and stops."""

import asyncio
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from plant_serving import TOKENS, Board, bearer, known_auth, serving
from plant_views import plant

from gridmuster.console.api import create_app
from gridmuster.console.auth import Role
from gridmuster.console.client import ApiClient, Follower
from gridmuster.console.documents import Health
from gridmuster.console.server import Tls, serve
from gridmuster.errors import FleetError, LinkError

VIEW = plant(6)


def start(**options: object) -> None:
    """Serve and stop again."""

    async def run() -> None:
        server = await serve(create_app(Board(VIEW), known_auth()), **options)  # type: ignore[arg-type]
        await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "plant.example", ""])
def test_plain_http_stays_on_loopback(host: str) -> None:
    with pytest.raises(FleetError, match="plain text"):
        start(host=host, port=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_loopback_needs_no_certificate(host: str) -> None:
    start(host=host, port=0)


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LinkError, match=str(port)):
            start(port=port)
    with pytest.raises(LinkError):
        start(port=99_999)


def test_a_port_is_free_again_after_the_stop() -> None:
    with serving(VIEW) as center:
        port = httpx.URL(center.url).port
    assert port
    start(port=port)


def test_the_program_keeps_its_signals_and_its_loop() -> None:
    async def run() -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        server = await serve(create_app(Board(VIEW), known_auth()), port=0)
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/api/v1/health")).status_code == 200
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert {"console-api", "console-feed"} <= {task.get_name() for task in others}
        await server.stop()
        await server.stop()
        await server.finished()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for this machine, made for the test."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on the PATH")
    folder = tmp_path_factory.mktemp("tls")
    tls = Tls(folder / "cert.pem", folder / "key.pem")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [
            openssl,
            *words.split(),
            *("-keyout", tls.key, "-out", tls.cert, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return tls


def test_with_a_certificate_it_speaks_https_on_any_address(certificate: Tls) -> None:
    async def run() -> None:
        app = create_app(Board(VIEW), known_auth())
        server = await serve(app, "0.0.0.0", 0, certificate)
        url = server.url.replace("0.0.0.0", "localhost")
        assert url.startswith("https://")

        def ask() -> None:
            with ApiClient(url, TOKENS[Role.VIEWER], certificate.cert) as client:
                assert isinstance(client.read("health", Health), Health)
            with (
                ApiClient(url, TOKENS[Role.VIEWER]) as stranger,
                pytest.raises(LinkError, match="certificate"),
            ):
                stranger.read("health", Health)

        await asyncio.to_thread(ask)
        follower = Follower(url, TOKENS[Role.VIEWER], certificate.cert)
        views = follower.views(lambda text: None)
        async with asyncio.timeout(20):
            assert (await anext(views)).fleet == VIEW.fleet
        await views.aclose()  # type: ignore[attr-defined]
        await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nno\n"])
def test_an_unreadable_certificate_is_told(tmp_path: Path, content: bytes | None) -> None:
    tls = Tls(tmp_path / "cert.pem", tmp_path / "key.pem")
    if content is not None:
        tls.cert.write_bytes(content)
        tls.key.write_bytes(content)
    with pytest.raises(FleetError, match="tls"):
        start(port=0, tls=tls)
    with pytest.raises(LinkError, match=r"cert\.pem"):
        ApiClient("https://127.0.0.1:1", "t", tls.cert)


def test_a_client_tells_what_is_no_center() -> None:
    async def run() -> None:
        async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            body = b"<html>"
            head = f"HTTP/1.1 404 No\r\ncontent-type: text/html\r\ncontent-length: {len(body)}"
            writer.write(head.encode() + b"\r\nconnection: close\r\n\r\n" + body)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(other, "127.0.0.1", 0) as listener:
            url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

            def ask() -> None:
                with (
                    ApiClient(url, "t") as client,
                    pytest.raises(LinkError, match="not a Gridmuster center"),
                ):
                    client.read("health", Health)

            await asyncio.to_thread(ask)
            with pytest.raises(LinkError, match="not a Gridmuster center"):
                await anext(Follower(url, "t").views(lambda text: None))

    asyncio.run(run())


def test_requests_pipelined_and_cut_do_no_harm() -> None:
    with serving(VIEW) as center:
        port = httpx.URL(center.url).port
        assert port
        for junk in (
            b"\x16\x03\x01 not http\r\n\r\n",
            b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"GET /api/v1/health HTTP/1.1\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
            b"GET /api/v1/health HTTP/1.1\r\n\r\n",
            b"GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.sendall(junk)
                line.shutdown(socket.SHUT_WR)
                answer = line.recv(65_536)
                assert not answer.startswith(b"HTTP/1.1 200")
        with center.client() as client:
            assert client.get("/api/v1/plant", headers=bearer(Role.VIEWER)).status_code == 200
