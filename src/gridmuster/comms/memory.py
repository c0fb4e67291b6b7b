"""A broker inside the process: the same encoded bytes, in one order that a seed repeats.

Nothing moves until `MemoryBroker.deliver` is called, so a lockstep run decides when messages
arrive. Delivery is in the order of publishing; a client's subscribers in the order they
subscribed; clients in the order they were made. Like MQTT with a clean session: what a client's
link could not carry waits in the publisher, what is published while a subscriber is away passes
it by, except for the retained message of each topic.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Final

from gridmuster.clock import Clock
from gridmuster.comms.bus import (
    QUEUE_LIMIT,
    BusStats,
    Handler,
    Outbox,
    Outgoing,
    Router,
    check_message,
    matches,
)
from gridmuster.errors import LinkError
from gridmuster.signals import Frame

#: Deliveries in one call of `deliver` before it is taken for a loop of handlers that answer
#: each other for ever.
DELIVERY_LIMIT: Final = 1_000_000
#: Topics of what a site tells of itself end so.
TELEMETRY: Final = ("/up/report", "/up/demand")


@dataclass(frozen=True, slots=True)
class LinkFaults:
    """How badly the network behaves; each figure is a chance per delivery, 0 to 1.

    Args:
        duplicate: delivered twice, as QoS 1 allows.
        reorder: overtaken by the message that follows it.
        delay: held back until plant time has moved on by ``delay_ms``.
        delay_ms: how long a delayed message is held back, ms.
        lost: chance that what a site tells of itself never arrives; answers and commands are
            sent again until they do, as QoS 1 has it.
    """

    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    delay_ms: int = 0
    lost: float = 0.0


@dataclass(slots=True)
class _Delivery:
    bus: MemoryBus
    topic: str
    payload: bytes
    due_ms: int


class MemoryBroker:
    """Carries frames between the clients of one process.

    Args:
        clock: tells when a frame arrives.
        faults: how the network misbehaves; None: it does not.
        seed: of the misbehaviour; the same seed and messages give the same deliveries.
    """

    def __init__(self, clock: Clock, faults: LinkFaults | None = None, seed: int = 0) -> None:
        self._clock = clock
        self._faults = faults
        self._dice = random.Random(seed)
        self._clients: dict[str, MemoryBus] = {}
        self._order: list[MemoryBus] = []
        self._retained: dict[str, bytes] = {}
        self._queue: deque[_Delivery] = deque()
        self._held: list[_Delivery] = []
        self._routes: dict[str, tuple[MemoryBus, ...]] = {}

    def client(self, client_id: str, queue_limit: int = QUEUE_LIMIT) -> MemoryBus:
        """A new client, connected once it is started.

        Args:
            client_id: its name; a new client of the same name takes the older one's place.
            queue_limit: messages it keeps while its link is cut.
        """
        older = self._clients.get(client_id)
        if older is not None:
            older.close()
        bus = MemoryBus(self, self._clock, queue_limit)
        self._clients[client_id] = bus
        self._order = list(self._clients.values())
        self._routes.clear()
        return bus

    def cut(self, client_id: str) -> None:
        """Cut one client's link, both ways."""
        self._clients[client_id].cut()

    def restore(self, client_id: str) -> None:
        """Mend one client's link; what waited is sent in order, retained messages come again."""
        self._clients[client_id].restore()

    @property
    def waiting(self) -> int:
        """Messages that are on their way."""
        return len(self._queue) + len(self._held)

    def deliver(self, limit: int = DELIVERY_LIMIT) -> int:
        """Hand over everything that is due, and what the handlers publish meanwhile.

        Args:
            limit: most deliveries before it is taken for an endless loop.

        Returns:
            Number of frames handed to clients.

        Raises:
            LinkError: when the limit is reached.
        """
        now_ms = self._clock.now_ms()
        self._release(now_ms)
        queue = self._queue
        count = 0
        while queue:
            if count >= limit:
                raise LinkError(
                    f"{count} deliveries in one go and {len(queue)} more waiting: handlers "
                    "answer each other without end"
                )
            item = queue.popleft()
            if item.bus.receive(item.topic, item.payload, now_ms):
                count += 1
        return count

    def route(self, topic: str, payload: bytes, retain: bool) -> None:
        """Take one message from a client and queue it for every subscriber."""
        if retain:
            if payload:
                self._retained[topic] = payload
            else:
                self._retained.pop(topic, None)
        targets = self._routes.get(topic)
        if targets is None:
            targets = tuple(bus for bus in self._order if bus.router.handlers(topic))
            self._routes[topic] = targets
        now_ms = self._clock.now_ms()
        for bus in targets:
            if bus.connected:
                self._enqueue(_Delivery(bus, topic, payload, now_ms))

    def forget_routes(self) -> None:
        """A client subscribed: look its topics up again."""
        self._routes.clear()

    def send_retained(self, bus: MemoryBus, patterns: list[str]) -> None:
        """Queue the retained messages that match a client's subscriptions."""
        now_ms = self._clock.now_ms()
        for topic, payload in self._retained.items():
            if any(matches(pattern, topic) for pattern in patterns):
                self._enqueue(_Delivery(bus, topic, payload, now_ms))

    def _enqueue(self, item: _Delivery) -> None:
        faults = self._faults
        if faults is None:
            self._queue.append(item)
            return
        dice = self._dice
        if faults.lost and item.topic.endswith(TELEMETRY) and dice.random() < faults.lost:
            return
        copies = 2 if dice.random() < faults.duplicate else 1
        for _ in range(copies):
            if dice.random() < faults.delay:
                late = _Delivery(item.bus, item.topic, item.payload, item.due_ms + faults.delay_ms)
                self._held.append(late)
            elif self._queue and dice.random() < faults.reorder:
                self._queue.insert(len(self._queue) - 1, item)
            else:
                self._queue.append(item)

    def _release(self, now_ms: int) -> None:
        if not self._held:
            return
        self._queue.extend(item for item in self._held if item.due_ms <= now_ms)
        self._held = [item for item in self._held if item.due_ms > now_ms]


class MemoryBus:
    """One client of a `MemoryBroker`; made by `MemoryBroker.client`."""

    def __init__(self, broker: MemoryBroker, clock: Clock, queue_limit: int) -> None:
        self._broker = broker
        self._clock = clock
        self._started = False
        self._link_up = True
        self._stats = BusStats()
        self._outbox = Outbox(queue_limit, self._stats)
        self.router = Router()
        self.connected = False

    @property
    def stats(self) -> BusStats:
        """Counts since the start."""
        return self._stats

    async def start(self) -> None:
        """Connect; see `open`."""
        self.open()

    async def wait_connected(self, timeout_s: float = 0.0) -> None:
        """Check that messages flow; nothing happens here that could be waited for.

        Args:
            timeout_s: not used.

        Raises:
            LinkError: when they do not.
        """
        if not self.connected:
            raise LinkError("the link to the memory broker is cut or was never opened")

    async def stop(self) -> None:
        """Disconnect; see `close`."""
        self.close()

    def open(self) -> None:
        """Connect at once (for callers that have no event loop)."""
        self._started = True
        self._update()

    def close(self) -> None:
        """Disconnect at once; what is on its way to this client is lost."""
        self._started = False
        self._update()

    def cut(self) -> None:
        """The link breaks, both ways."""
        self._link_up = False
        self._update()

    def restore(self) -> None:
        """The link is back."""
        self._link_up = True
        self._update()

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
        if self.connected:
            self._stats.sent += 1
            self._broker.route(topic, payload, retain)
        else:
            self._outbox.put(Outgoing(topic, payload, retain, expires_at_ms))

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Have ``handler`` called with what matches; see `Bus.subscribe`."""
        self.router.add(pattern, handler)
        self._broker.forget_routes()
        if self.connected:
            self._broker.send_retained(self, [pattern])

    def receive(self, topic: str, payload: bytes, now_ms: int) -> bool:
        """Hand one message to this client's handlers.

        Args:
            topic: its topic.
            payload: its bytes.
            now_ms: plant time of arrival.

        Returns:
            False when the link is down and the message is lost to this client.
        """
        if not self.connected:
            return False
        self._stats.received += 1
        frame = Frame(topic, payload, now_ms)
        for handler in self.router.handlers(topic):
            handler(frame)
        return True

    def _update(self) -> None:
        connected = self._started and self._link_up
        if connected == self.connected:
            return
        self.connected = connected
        if not connected:
            self._stats.disconnects += 1
            return
        self._stats.connects += 1
        self._broker.send_retained(self, self.router.patterns)
        now_ms = self._clock.now_ms()
        while (message := self._outbox.take(now_ms)) is not None:
            self._stats.sent += 1
            self._broker.route(message.topic, message.payload, message.retain)
