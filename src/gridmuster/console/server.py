"""The API's server: uvicorn inside an event loop that already runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from gridmuster.console.loopback import is_loopback
from gridmuster.console.whereabouts import announce, withdraw
from gridmuster.errors import Fault, FleetError, LinkError

DEFAULT_PORT: Final = 8420
#: After the streams were told to end, s.
STOP_TIMEOUT_S: Final = 3
#: A connection whose client takes no byte for so long is cut by the system, ms (Linux).
USER_TIMEOUT_MS: Final = 30_000
#: What the system holds for a slow client, bytes: the less, the fresher is what it gets next.
SEND_BUFFER_BYTES: Final = 131_072


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and private key, PEM files."""

    cert: Path
    key: Path


class _Uvicorn(uvicorn.Server):
    """A uvicorn server that leaves signals to the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class ApiServer:
    """A running server; noted where the terminal looks for one, when it is this machine's own.

    Args:
        app: made by `create_app`.
        server: uvicorn's server, already started.
        task: in which it runs.
        url: where it answers.
    """

    def __init__(
        self, app: FastAPI, server: uvicorn.Server, task: asyncio.Task[None], url: str
    ) -> None:
        self._app = app
        self._server = server
        folder: Path | None = app.state.auth.folder
        plain = url.startswith("http://")
        self._note = announce(url, folder) if plain and folder is not None else None
        self._task = task
        self.url = url

    async def stop(self) -> None:
        """End the streams, finish what is under way, and close the port."""
        withdraw(self._note)
        self._app.state.feed.close()
        self._server.should_exit = True
        await self._task

    async def finished(self) -> None:
        """Wait until the server ends, whatever ended it."""
        await asyncio.shield(self._task)


async def serve(
    app: FastAPI, host: str = "127.0.0.1", port: int = DEFAULT_PORT, tls: Tls | None = None
) -> ApiServer:
    """Start the API in the running event loop; returns when it answers.

    Args:
        app: made by `create_app`.
        host: address to bind; anything but loopback needs ``tls``.
        port: TCP port; 0 takes a free one.
        tls: certificate and key.

    Raises:
        FleetError: when the address is not loopback and no certificate is given, or when that
            cannot be read.
        LinkError: when the address or port cannot be had.
    """
    if tls is None and not is_loopback(host):
        limit = "tokens would cross the network in plain text"
        expected = "a certificate and key (--tls-cert, --tls-key), or 127.0.0.1"
        raise FleetError([Fault("command line", "host", host, limit, expected)])
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
        ssl_certfile=str(tls.cert) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )
    try:
        config.load()
    except OSError as error:
        listener.close()
        files = f"{tls.cert}, {tls.key}" if tls else ""
        fault = Fault("command line", "tls", files, str(error), "a PEM certificate and its key")
        raise FleetError([fault]) from error
    server = _Uvicorn(config)
    task = asyncio.create_task(server.serve([listener]), name="console-api")
    while not server.started:
        if task.done():
            listener.close()
            await task
            raise LinkError(f"the API on {host}:{port} stopped while it started")
        await asyncio.sleep(0.005)
    bound = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    return ApiServer(app, server, task, f"{'https' if tls else 'http'}://{shown}:{bound}")


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        LinkError: naming the address and the likely cause.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        raise LinkError(
            f"the API cannot listen on {host}:{port}: {getattr(error, 'strerror', error)}; is "
            "another center running? Choose another port with --api-port"
        ) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return listener
