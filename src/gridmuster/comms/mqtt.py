"""MQTT 3.1.1 over TCP or TLS: paho-mqtt's protocol engine, driven by the event loop.

No thread per client: the loop watches paho's socket. Only the blocking part of connecting (name
look-up, TCP and TLS handshake) runs on the loop's shared worker threads, so that a broker that
does not answer cannot hold up a gateway's other duties.

Choices, and why:

* QoS 1 for everything. What is not acknowledged is sent again after a reconnect, so a message
  may come twice and late; sites and center are built for that (ids, sequences, expiry).
* Clean sessions. A session that outlives its connection would have the broker keep commands for
  a site that is away and pour them out later, all expired. A site keeps its own reports in its
  own queue, and counters that only grow make up for any that a center missed while it was down.
* No last will. A will says that a TCP connection ended, not that a site is dark; the age of the
  last report is the one measure of staleness, and it works the same in lockstep.
* The lease is retained, so a site that reconnects learns at once which center is the newest.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import zlib
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from gridmuster.clock import Clock
from gridmuster.comms.address import BrokerAddress, parse_address
from gridmuster.comms.bus import (
    QUEUE_LIMIT,
    BusStats,
    Handler,
    Outbox,
    Outgoing,
    Router,
    check_message,
)
from gridmuster.errors import LinkError
from gridmuster.signals import MAX_PAYLOAD_BYTES, Frame

#: Silence after which the peer is asked for a sign of life, s; a link is given up after twice.
KEEPALIVE_S: Final = 15
#: Time for a connection to be made, let in and its subscriptions granted, s.
CONNECT_TIMEOUT_S: Final = 5.0
#: Messages sent and not yet acknowledged; the rest waits in the bounded queue.
WINDOW: Final = 500
#: Time that `MqttBus.stop` gives the last messages to be acknowledged, s.
DRAIN_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts to connect: doubling, capped, and spread so that sites do not herd.

    Args:
        first_s: longest wait after the first failure, s.
        most_s: longest wait ever, s.
    """

    first_s: float = 0.25
    most_s: float = 15.0

    def wait_s(self, failures: int, dice: random.Random) -> float:
        """Seconds to wait after so many failures in a row: half to all of the longest wait."""
        longest_s = min(self.most_s, self.first_s * 2.0 ** min(failures, 30))
        return longest_s * dice.uniform(0.5, 1.0)


class MqttBus:
    """One client of an MQTT broker.

    Args:
        address: the broker's address, or its URL.
        client_id: name of this client, unique at the broker (a second one ousts the first).
        clock: tells when a frame arrives, and what has expired.
        seed: of the waits between attempts to connect.
        queue_limit: messages kept while the link is down; the oldest goes first.
        backoff: how long to wait between attempts.
    """

    def __init__(
        self,
        address: BrokerAddress | str,
        client_id: str,
        clock: Clock,
        *,
        seed: int = 0,
        queue_limit: int = QUEUE_LIMIT,
        backoff: Backoff | None = None,
    ) -> None:
        self.address = parse_address(address) if isinstance(address, str) else address
        self.client_id = client_id
        self.connected = False
        #: Why the last attempt to connect failed, or why the link was lost; "" while all is well.
        self.last_error = ""
        self.stats = BusStats()
        self._clock = clock
        self._dice = random.Random(seed ^ zlib.crc32(client_id.encode()))
        self._backoff = backoff or Backoff()
        self._router = Router()
        self._outbox = Outbox(queue_limit, self.stats)
        self._unacked: deque[paho.MQTTMessageInfo] = deque()
        self._client = self._make_client()
        self._socket: Any = None
        self._waiting_to_write = False
        self._grants: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._drained = asyncio.Event()

    async def start(self) -> None:
        """Begin to connect; returns at once and keeps trying until `stop`."""
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.create_task(self._run(), name=f"mqtt {self.client_id}")

    async def wait_connected(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Wait until messages flow.

        Args:
            timeout_s: longest wait, s of real time.

        Raises:
            LinkError: when they still do not, with the reason of the last attempt.
        """
        try:
            await asyncio.wait_for(self._up.wait(), timeout_s)
        except TimeoutError as error:
            reason = self.last_error or "no answer"
            raise LinkError(
                f"broker {self.address} as {self.client_id!r}: not connected within "
                f"{timeout_s:g} s: {reason}"
            ) from error

    async def stop(self) -> None:
        """Give the last messages a moment to be acknowledged, then disconnect."""
        if self._task is None:
            return
        if self.connected and not self._is_drained():
            self._drained.clear()
            try:
                await asyncio.wait_for(self._drained.wait(), DRAIN_TIMEOUT_S)
            except TimeoutError:
                self.last_error = f"{len(self._unacked)} messages unacknowledged at the end"
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if self._socket is not None:
            self._client.disconnect()
            self._write()
        self._close()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_at_ms: int | None = None,
    ) -> None:
        """Send one message, or keep it until the link is back; see `Bus.publish`."""
        check_message(topic, payload)
        if self.connected and not len(self._outbox) and len(self._unacked) < WINDOW:
            self._send(topic, payload, retain)
        else:
            self._outbox.put(Outgoing(topic, payload, retain, expires_at_ms))
            self._pump()

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Have ``handler`` called with what matches; see `Bus.subscribe`."""
        self._router.add(pattern, handler)
        if self._socket is not None and self._client.is_connected():
            self._ask([pattern])

    # -- connecting

    def _make_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages = 0  # the window is kept here
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self.address.user:
            client.username_pw_set(self.address.user, self.address.password)
        tls = self.address.tls
        if tls is not None:
            context = ssl.create_default_context(cafile=tls.ca)
            if tls.cert is not None:
                context.load_cert_chain(tls.cert, tls.key)
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.connect_async(self.address.host, self.address.port, KEEPALIVE_S)
        return client

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._connect()
            except (OSError, ValueError, LinkError) as error:
                self.last_error = str(error) or type(error).__name__
                self._close()
            else:
                failures = 0
                await self._watch()
                self._close()
            await asyncio.sleep(self._backoff.wait_s(failures, self._dice))
            failures += 1

    async def _connect(self) -> None:
        self._down.clear()
        await asyncio.to_thread(self._client.reconnect)
        sock = self._client.socket()
        if sock is None:
            raise LinkError("the connection was lost while it was being made")
        self._attach(sock)
        up = asyncio.ensure_future(self._up.wait())
        down = asyncio.ensure_future(self._down.wait())
        done, waiting = await asyncio.wait(
            (up, down), timeout=CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        for future in waiting:
            future.cancel()
        if up not in done:
            raise LinkError(self.last_error if done else "the broker does not answer")
        self.last_error = ""

    async def _watch(self) -> None:
        while not self._down.is_set():
            try:
                await asyncio.wait_for(self._down.wait(), KEEPALIVE_S / 3)
            except TimeoutError:
                self._client.loop_misc()

    def _attach(self, sock: Any) -> None:
        assert self._loop is not None
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        self._loop.add_reader(sock.fileno(), self._read)
        self._write()

    def _close(self) -> None:
        """Give the socket up without a farewell; what is unacknowledged stays with paho."""
        self._set_connected(False)
        self._up.clear()
        self._grants.clear()
        sock = self._socket
        if sock is not None:
            self._detach()
            sock.close()

    def _detach(self) -> None:
        if self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
        self._socket = None
        self._waiting_to_write = False

    def _set_connected(self, connected: bool) -> None:
        if connected == self.connected:
            return
        self.connected = connected
        if connected:
            self.stats.connects += 1
            self._up.set()
            self._pump()
        else:
            self.stats.disconnects += 1

    # -- moving bytes

    def _read(self) -> None:
        self._client.loop_read()
        # Bytes that TLS has already deciphered make no socket readable.
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._client.loop_read()
        if len(self._outbox):
            self._pump()
        if not self._drained.is_set() and self._is_drained():
            self._drained.set()

    def _write(self) -> None:
        if self._socket is None or self._loop is None:
            return
        self._client.loop_write()
        if self._socket is None:
            return
        blocked = self._client.want_write()
        if blocked and not self._waiting_to_write:
            self._loop.add_writer(self._socket.fileno(), self._write)
        elif not blocked and self._waiting_to_write:
            self._loop.remove_writer(self._socket.fileno())
        self._waiting_to_write = blocked

    def _send(self, topic: str, payload: bytes, retain: bool) -> None:
        self._unacked.append(self._client.publish(topic, payload, qos=1, retain=retain))
        self.stats.sent += 1
        if len(self._unacked) >= WINDOW // 2:
            self._forget_acked()

    def _forget_acked(self) -> None:
        unacked = self._unacked
        while unacked and unacked[0].is_published():
            unacked.popleft()

    def _pump(self) -> None:
        if not self.connected:
            return
        self._forget_acked()
        now_ms = self._clock.now_ms()
        while len(self._unacked) < WINDOW:
            message = self._outbox.take(now_ms)
            if message is None:
                return
            self._send(message.topic, message.payload, message.retain)

    def _is_drained(self) -> bool:
        self._forget_acked()
        return not self._unacked and not len(self._outbox)

    def _ask(self, patterns: list[str]) -> None:
        _, mid = self._client.subscribe([(pattern, 1) for pattern in patterns])
        if mid is not None:
            self._grants.add(mid)

    # -- called by paho, in the event loop except where it says so

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        if reason.is_failure:
            self.last_error = f"refused: {reason}"
        elif patterns := self._router.patterns:
            self._ask(patterns)
        else:
            self._set_connected(True)

    def _on_subscribe(self, _c: Any, _u: Any, mid: int, reasons: list[ReasonCode], _p: Any) -> None:
        self._grants.discard(mid)
        if any(reason.is_failure for reason in reasons):
            self.last_error = "the broker refused a subscription; check this user's permissions"
            self._client.disconnect()
        elif not self._grants:
            self._set_connected(True)

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        self._set_connected(False)
        self._up.clear()
        self.last_error = self.last_error or f"link lost: {reason}"
        self._down.set()

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        payload = message.payload
        if len(payload) > MAX_PAYLOAD_BYTES:
            self.stats.dropped_oversized += 1
            return
        self.stats.received += 1
        frame = Frame(message.topic, bytes(payload), self._clock.now_ms())
        for handler in self._router.handlers(frame.topic):
            try:
                handler(frame)
            except Exception as error:
                self._report(error, frame)

    def _report(self, error: Exception, frame: Frame) -> None:
        # paho's parser would be left half-way through the packet if this went on upwards.
        assert self._loop is not None
        self._loop.call_exception_handler(
            {"message": f"handler of {frame.topic} failed", "exception": error}
        )

    def _on_socket_close(self, _c: Any, _u: Any, sock: Any) -> None:
        if sock is self._socket:
            self._detach()

    def _on_want_write(self, _c: Any, _u: Any, _sock: Any) -> None:
        # Also called from the worker thread that connects, where nothing is attached yet.
        if self._socket is not None and self._loop is not None:
            self._loop.call_soon(self._write)
