"""What the tests of the transports share: an inbox to await, brokers to talk to, certificates."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from gridmuster.clock import VirtualClock, monotonic_s
from gridmuster.comms.address import TlsFiles
from gridmuster.comms.bus import Bus
from gridmuster.comms.mqtt import MqttBus, open_bus
from gridmuster.signals import Frame
from gridmuster.topics import Topics

T = TypeVar("T")
FLEET = "metro"
TOPICS = Topics(FLEET)
NOW_MS = 1_790_000_000_000
DEADLINE_S = 20.0


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine."""
    return asyncio.run(work)


async def until(condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
    """Wait for a condition that nothing announces; fails at the deadline."""
    deadline_s = monotonic_s() + timeout_s
    while not condition():
        assert monotonic_s() < deadline_s, "the condition did not come true in time"
        await asyncio.sleep(0.005)


class Inbox:
    """Keeps the frames a handler is given, and lets a test await them."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._more = asyncio.Event()

    def __call__(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._more.set()

    @property
    def payloads(self) -> list[bytes]:
        return [frame.payload for frame in self.frames]

    @property
    def topics(self) -> list[str]:
        return [frame.topic for frame in self.frames]

    async def count(self, wanted: int, timeout_s: float = DEADLINE_S) -> None:
        """Wait until so many frames are there."""
        deadline_s = monotonic_s() + timeout_s
        while len(self.frames) < wanted:
            self._more.clear()
            left_s = deadline_s - monotonic_s()
            assert left_s > 0, f"{len(self.frames)} of {wanted} frames in {timeout_s} s"
            try:
                await asyncio.wait_for(self._more.wait(), left_s)
            except TimeoutError:
                continue

    async def payload(self, wanted: bytes) -> None:
        """Wait until a frame with this payload is there."""
        await until(lambda: wanted in self.payloads)


def clock() -> VirtualClock:
    return VirtualClock(NOW_MS)


@asynccontextmanager
async def started(*buses: MqttBus) -> AsyncIterator[None]:
    """Buses that are connected, and stopped at the end."""
    try:
        for bus in buses:
            await bus.start()
        for bus in buses:
            await bus.wait_connected(DEADLINE_S)
        yield
    finally:
        await asyncio.gather(*(bus.stop() for bus in buses))


def bus(url: str, name: str, *, center: bool = False) -> MqttBus:
    return open_bus(url, name, clock(), center=center, seed=1)


async def delivered(publisher: Bus, topic: str, inbox: Inbox) -> None:
    """Publish a marker on an allowed topic, and wait for it: what was sent before has arrived."""
    marker = f"marker {len(inbox.frames)}".encode()
    publisher.publish(topic, marker)
    await inbox.payload(marker)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def mosquitto(folder: Path, users: dict[str, str], acl: str) -> AsyncIterator[str]:
    """A mosquitto broker on a free loopback port, run by this user; gives host:port."""
    port = free_port()
    secrets = folder / "passwords"
    secrets.write_text("".join(f"{name}:{word}\n" for name, word in users.items()))
    subprocess.run(["mosquitto_passwd", "-U", str(secrets)], check=True, capture_output=True)
    rules = folder / "acl"
    rules.write_text(acl)
    settings = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {secrets}",
        f"acl_file {rules}",
        "message_size_limit 266240",
        "persistence false",
    ]
    if os.getuid() == 0:
        settings.append("user root")  # else it would become another user and read neither file
    conf = folder / "mosquitto.conf"
    conf.write_text("\n".join(settings) + "\n")
    with (folder / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen(["mosquitto", "-c", str(conf)], stdout=log, stderr=log)
    try:
        await until(lambda: accepts(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "mosquitto.log").read_text()
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Relay:
    """A TCP relay to a local port that can lose what flows one way, and hang up."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.lose_up = False
        self.lose_down = False
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    async def stop(self) -> None:
        assert self._server is not None
        self.hang_up()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers |= {back, forth}
        await asyncio.gather(
            self._copy(near, forth, lambda: self.lose_up),
            self._copy(far, back, lambda: self.lose_down),
        )
        self._writers -= {back, forth}

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, lost: Callable[[], bool]
    ) -> None:
        try:
            while data := await source.read(65536):
                if not lost():
                    sink.write(data)
        except ConnectionError:
            pass  # hanging up is what this is for
        finally:
            sink.close()


class Authority:
    """A certificate authority of one test, by the openssl command."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.ca = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", str(self._key), "-out", str(self.ca)),
        )

    def issue(self, common_name: str) -> TlsFiles:
        """A certificate for 127.0.0.1 under this name, with its key."""
        stem = self.folder / f"{self.ca.stem}-{common_name}"
        request, cert, key = (stem.with_name(stem.name + end) for end in (".csr", ".crt", ".key"))
        extension = stem.with_name(stem.name + ".ext")
        extension.write_text("subjectAltName=IP:127.0.0.1\n")
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={common_name}", "-keyout", str(key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(extension), "-out", str(cert)),
        )
        return TlsFiles(ca=self.ca, cert=cert, key=key)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def have_openssl() -> bool:
    return shutil.which("openssl") is not None


async def fails(work: Awaitable[None], error: type[Exception]) -> str:
    """The message of the error that the work ends in."""
    try:
        await work
    except error as caught:
        return str(caught)
    raise AssertionError(f"no {error.__name__}")
