"""MQTT 3.1.1 over TCP or TLS: paho-mqtt's protocol engine, driven by the event loop.

No thread per client: the loop watches paho's socket. Only the blocking part of connecting (name
look-up, TCP and TLS handshake) runs on the loop's shared worker threads, so that a broker that
does not answer cannot hold up a gateway's other duties.

Choices, and why:

* Published with QoS 1: a message leaves the publisher's queue when the broker has it, and is sent
  again after a reconnect if it may not have it. So it may come twice and late; sites and center
  are built for that (ids, sequences, expiry).
* Clean sessions. A session that outlives its connection would have the broker keep commands for
  a site that is away and pour them out later, all expired. A site keeps its own reports in its
  own queue, and counters that only grow make up for any that a center missed while it was down.
* Subscribed with QoS 0: on a clean session QoS 1 would promise nothing more (within a connection
  TCP already delivers in order, and with the connection the session ends), but it costs the
  embedded broker three to five times the work.
* After a reconnect a site holds its backlog for a moment (``settle_s``): when the broker itself
  was gone, the center must be back before its sites pour out what they kept.
* No last will. A will says that a TCP connection ended, not that a site is dark; the age of the
  last report is the one measure of staleness, and it works the same in lockstep.
* The lease is retained, so a site that reconnects learns at once which center is the newest.

Needs an event loop that can watch sockets: any but the Windows proactor loop.
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

from gridmuster.clock import Clock, monotonic_s
from gridmuster.comms.address import BrokerAddress, parse_address, tls_context
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

#: Silence after which the broker is asked for a sign of life, s; after twice it is given up.
KEEPALIVE_S: Final = 15
#: Time for a connection to be made, let in and its subscriptions granted, s.
CONNECT_TIMEOUT_S: Final = 5.0
#: Messages sent and not yet acknowledged; the rest waits in the bounded queue.
WINDOW: Final = 500
#: Time that `MqttBus.stop` gives the last messages to be acknowledged, s.
DRAIN_TIMEOUT_S: Final = 2.0
#: Messages read at one go before other clients in the process have their turn.
_READ_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts to connect: doubling, capped, and spread so that sites do not herd.

    Args:
        first_s: longest wait after the first failure, s.
        most_s: longest wait ever, s; a link that lasted this long counts as a success.
    """

    first_s: float = 0.25
    most_s: float = 15.0

    def wait_s(self, failures: int, dice: random.Random) -> float:
        """Seconds to wait after so many failures in a row: half to all of the longest wait."""
        longest_s = min(self.most_s, self.first_s * 2.0 ** min(failures, 30))
        return longest_s * dice.uniform(0.5, 1.0)


#: How a site reconnects: unhurried, and holding its backlog until the center is back.
SITE_BACKOFF: Final = Backoff()
SITE_SETTLE_S: Final = 1.5
#: How the center reconnects: it is one, all others write to it, so it does not wait long.
CENTER_BACKOFF: Final = Backoff(first_s=0.1, most_s=0.5)


class MqttBus:
    """One client of an MQTT broker.

    Args:
        address: the broker's address, or its URL.
        client_id: name of this client, unique at the broker (a second one ousts the first).
        clock: tells when a frame arrives, and what has expired.
        seed: of the waits between attempts to connect.
        queue_limit: messages kept while the link is down; the oldest goes first.
        backoff: how long to wait between attempts.
        settle_s: how long the backlog is held after a reconnect, s of real time.
        keepalive_s: silence after which the broker is asked for a sign of life, whole s.
    """

    def __init__(
        self,
        address: BrokerAddress | str,
        client_id: str,
        clock: Clock,
        *,
        seed: int = 0,
        queue_limit: int = QUEUE_LIMIT,
        backoff: Backoff = SITE_BACKOFF,
        settle_s: float = SITE_SETTLE_S,
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:
        self.address = parse_address(address) if isinstance(address, str) else address
        self.client_id = client_id
        self.connected = False
        #: Why the last attempt to connect failed, or why the link was lost; "" while all is well.
        self.last_error = ""
        self.stats = BusStats()
        self._clock = clock
        self._dice = random.Random(seed ^ zlib.crc32(client_id.encode()))
        self._backoff = backoff
        self._settle_s = settle_s
        self._keepalive_s = keepalive_s
        self._settling: asyncio.TimerHandle | None = None
        self._router = Router()
        self._outbox = Outbox(queue_limit, self.stats)
        self._unacked: deque[tuple[paho.MQTTMessageInfo, Outgoing]] = deque()
        self._client = self._make_client()
        self._socket: Any = None
        self._waiting_to_write = False
        self._grants: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._drained = asyncio.Event()

    @property
    def backlog(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        self._forget_acked()
        return len(self._unacked) + len(self._outbox)

    async def start(self) -> None:
        """Begin to connect; returns at once and keeps trying until `stop`."""
        if self._task is None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.create_task(self._run(), name=f"mqtt {self.client_id}")
            self._task.add_done_callback(self._on_end)

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
        """Give the last messages a moment to be acknowledged, then disconnect.

        What is still unacknowledged then stays in `backlog`.
        """
        if self._task is None:
            return
        self._settled()
        if self.connected and self.backlog:
            self._drained.clear()
            await asyncio.wait(
                {asyncio.ensure_future(self._drained.wait())}, timeout=DRAIN_TIMEOUT_S
            )
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
        message = Outgoing(topic, payload, retain, expires_at_ms)
        if self._flowing and not self._outbox and len(self._unacked) < WINDOW:
            self._send(message)
        else:
            self._outbox.put(message)
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
            # nats-server allows no dot in a client's name.
            client_id=self.client_id.replace("%", "%25").replace(".", "%2E"),
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
            client.tls_set_context(tls_context(tls))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.connect_async(self.address.host, self.address.port, self._keepalive_s)
        return client

    async def _run(self) -> None:
        failures = 0
        while True:
            began_s = monotonic_s()
            try:
                await self._connect()
                await self._watch()
            except (OSError, ValueError, LinkError) as error:
                self.last_error = str(error) or type(error).__name__
            self._close()
            # A link that is granted and lost again at once is a failure too.
            failures = 0 if monotonic_s() - began_s > self._backoff.most_s else failures + 1
            await asyncio.sleep(self._backoff.wait_s(max(failures - 1, 0), self._dice))

    async def _connect(self) -> None:
        self._down.clear()
        attempt = asyncio.ensure_future(asyncio.to_thread(self._client.reconnect))
        try:
            await asyncio.shield(attempt)
        except asyncio.CancelledError:
            attempt.add_done_callback(self._abandon)
            raise
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

    async def _watch(self) -> None:
        while not self._down.is_set():
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes together
            # with what it waits for, and `stop` would then wait for ever.
            down = asyncio.ensure_future(self._down.wait())
            try:
                await asyncio.wait({down}, timeout=self._keepalive_s / 3)
            finally:
                down.cancel()
            if not self._down.is_set():
                self._client.loop_misc()

    def _abandon(self, attempt: asyncio.Future[Any]) -> None:
        if not attempt.cancelled() and attempt.exception() is None:
            sock = self._client.socket()
            if sock is not None:
                sock.close()

    def _attach(self, sock: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._read)
        self._write()

    def _close(self) -> None:
        """Give the socket up; what is unacknowledged goes back to the head of the queue."""
        self._set_connected(False)
        self._grants.clear()
        sock = self._socket
        if sock is not None:
            self._detach()
            sock.close()
        self._forget_acked()
        self._client.drop_out_messages()
        while self._unacked:
            self._outbox.put_back(self._unacked.pop()[1])

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
        if not connected:
            self._up.clear()
            self._settled()
            self.stats.disconnects += 1
            return
        self.stats.connects += 1
        self.last_error = ""
        self._up.set()
        if self._loop is not None and self.stats.connects > 1 and self._settle_s > 0.0:
            self._settling = self._loop.call_later(self._settle_s, self._settled)
        else:
            self._pump()

    def _settled(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
            self._pump()

    # -- moving bytes

    @property
    def _flowing(self) -> bool:
        return self.connected and self._settling is None

    def _read(self) -> None:
        stats = self.stats
        for _ in range(_READ_BATCH):
            before = stats.received
            self._client.loop_read()
            if stats.received == before:
                break
        # Bytes that TLS has already deciphered make no socket readable.
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._client.loop_read()
        if self._outbox:
            self._pump()
        if not self._drained.is_set() and not self.backlog:
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

    def _send(self, message: Outgoing) -> None:
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        self._unacked.append((info, message))
        self.stats.sent += 1
        if len(self._unacked) >= WINDOW // 2:
            self._forget_acked()

    def _forget_acked(self) -> None:
        unacked = self._unacked
        while unacked and unacked[0][0].is_published():
            unacked.popleft()

    def _pump(self) -> None:
        if not self._flowing:
            return
        self._forget_acked()
        now_ms = self._clock.now_ms()
        while len(self._unacked) < WINDOW:
            message = self._outbox.take(now_ms)
            if message is None:
                return
            self._send(message)

    def _ask(self, patterns: list[str]) -> None:
        _, mid = self._client.subscribe([(pattern, 0) for pattern in patterns])
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
        self.last_error = self.last_error or f"link lost: {reason}"
        self._down.set()

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        payload = message.payload
        self.stats.received += 1
        if len(payload) > MAX_PAYLOAD_BYTES:
            self.stats.dropped_oversized += 1
            return
        frame = Frame(message.topic, bytes(payload), self._clock.now_ms())
        for handler in self._router.handlers(frame.topic):
            try:
                handler(frame)
            except Exception as error:
                # paho's parser would be left half-way through the packet if this went upwards.
                self._complain(f"handler of {frame.topic} failed", error)

    def _on_socket_close(self, _c: Any, _u: Any, sock: Any) -> None:
        if sock is self._socket:
            self._detach()

    def _on_want_write(self, _c: Any, _u: Any, _sock: Any) -> None:
        # Also called from the worker thread that connects, where nothing is attached yet.
        if self._socket is not None and self._loop is not None:
            self._loop.call_soon(self._write)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.last_error = f"stopped by a fault of its own: {error!r}"
            self._complain(f"mqtt client {self.client_id} stopped", error)

    def _complain(self, what: str, error: BaseException) -> None:
        if self._loop is not None:
            self._loop.call_exception_handler({"message": what, "exception": error})


def open_bus(
    url: str, client_id: str, clock: Clock, *, center: bool = False, seed: int = 0
) -> MqttBus:
    """A client of the broker at a URL, not yet started.

    Args:
        url: ``mqtt://`` or ``mqtts://``, see `address`.
        client_id: its name at the broker.
        clock: plant time.
        center: whether all others write to this one: it then reconnects without much waiting.
        seed: of the waits between attempts to connect.

    Raises:
        LinkError: when the URL cannot be used.
    """
    if center:
        return MqttBus(url, client_id, clock, seed=seed, backoff=CENTER_BACKOFF, settle_s=0.0)
    return MqttBus(url, client_id, clock, seed=seed)
