"""What every transport offers: topics, wildcards, a queue with a bound, a link that may be down.

A bus carries opaque bytes. The same frames travel over `MqttBus` (real sockets) and `MemoryBus`
(lockstep), so a decision cannot depend on which of the two is used.

Queue policy, for both: what is published while the link is down waits in the publisher in order;
when the queue is full the *oldest* message goes and is counted; a message that carries an expiry
and has outlived it is not sent and is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gridmuster.errors import SignalError
from gridmuster.signals import MAX_PAYLOAD_BYTES, Frame

Handler = Callable[[Frame], None]

#: Messages one client keeps while its link is down. A site sends at most a report, a demand
#: report and an acknowledgement each 4 s: 2,700 an hour, so this is more than three hours.
QUEUE_LIMIT: Final = 10_000
#: Topics whose matching handlers are remembered; a fleet of 1,000 sites uses some 5,000.
ROUTE_CACHE_LIMIT: Final = 20_000


class Bus(Protocol):
    """One client's connection to a broker."""

    @property
    def connected(self) -> bool:
        """Whether messages flow now: connected and every subscription granted."""
        ...

    @property
    def stats(self) -> BusStats:
        """Counts since the start."""
        ...

    async def start(self) -> None:
        """Begin to connect; returns at once and keeps trying until `stop`."""
        ...

    async def wait_connected(self, timeout_s: float = ...) -> None:
        """Wait until messages flow.

        Args:
            timeout_s: longest wait, s of real time.

        Raises:
            LinkError: when they still do not, with the reason.
        """
        ...

    async def stop(self) -> None:
        """Disconnect in order; nothing is delivered afterwards."""
        ...

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_at_ms: int | None = None,
    ) -> None:
        """Hand over one message; never blocks.

        Args:
            topic: full topic, without wildcards.
            payload: encoded message.
            retain: whether the broker keeps it for later subscribers.
            expires_at_ms: plant time after which it is no longer worth sending.

        Raises:
            SignalError: for a payload over the limit or a topic with a wildcard.
        """
        ...

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Have ``handler`` called with each frame whose topic matches.

        Args:
            pattern: topic, where ``+`` stands for one level and a final ``#`` for the rest.
            handler: called in the order of arrival; must not block.
        """
        ...


@dataclass(slots=True)
class BusStats:
    """What one client did, and what it had to give up."""

    sent: int = 0
    received: int = 0
    dropped_full: int = 0
    dropped_expired: int = 0
    dropped_oversized: int = 0
    connects: int = 0
    disconnects: int = 0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that waits for its link."""

    topic: str
    payload: bytes
    retain: bool
    expires_at_ms: int | None


class Outbox:
    """Messages in order, bounded; the oldest goes when it is full.

    Args:
        limit: most messages kept.
        stats: where the dropped are counted.
    """

    __slots__ = ("_limit", "_queue", "_stats")

    def __init__(self, limit: int, stats: BusStats) -> None:
        self._limit = limit
        self._stats = stats
        self._queue: deque[Outgoing] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put_back(self, message: Outgoing) -> None:
        """Return a message to the head; it goes, being the oldest, when the queue is full."""
        if len(self._queue) >= self._limit:
            self._stats.dropped_full += 1
        else:
            self._queue.appendleft(message)

    def put(self, message: Outgoing) -> None:
        """Append one message, at the cost of the oldest when full."""
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self._stats.dropped_full += 1
        self._queue.append(message)

    def take(self, now_ms: int) -> Outgoing | None:
        """The oldest message that has not expired, or None when nothing waits.

        Args:
            now_ms: plant time, ms since the epoch.
        """
        while self._queue:
            message = self._queue.popleft()
            if message.expires_at_ms is None or message.expires_at_ms > now_ms:
                return message
            self._stats.dropped_expired += 1
        return None


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic falls under a subscription pattern (MQTT 3.1.1, section 4.7).

    Args:
        pattern: ``+`` matches exactly one level, a final ``#`` its parent and all below.
        topic: full topic; one that begins with ``$`` is matched only by a pattern that does.
    """
    if topic.startswith("$") and not pattern.startswith("$"):
        return False
    wanted = pattern.split("/")
    levels = topic.split("/")
    for k, level in enumerate(wanted):
        if level == "#":
            return True
        if k >= len(levels) or level not in ("+", levels[k]):
            return False
    return len(wanted) == len(levels)


def check_pattern(pattern: str) -> None:
    """Refuse a malformed subscription pattern.

    Raises:
        SignalError: when empty, or a wildcard does not stand alone in its level, or ``#`` is
            not the last.
    """
    levels = pattern.split("/")
    whole = all(level in ("+", "#") or not set(level) & {"+", "#"} for level in levels)
    if not pattern or not whole or "#" in levels[:-1]:
        raise SignalError(
            f"subscription {pattern!r}: '+' and '#' must fill a level and '#' be the last one"
        )


def check_message(topic: str, payload: bytes) -> None:
    """Refuse what must not travel.

    Raises:
        SignalError: for an empty topic, one with a wildcard, or an oversized payload.
    """
    if not topic or "+" in topic or "#" in topic or "\0" in topic:
        raise SignalError(f"topic {topic!r}: must be without wildcards and not empty")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise SignalError(f"{topic}: {len(payload)} bytes is over the limit of {MAX_PAYLOAD_BYTES}")


class Router:
    """Which handlers a topic goes to, in the order they subscribed."""

    __slots__ = ("_cache", "_entries")

    def __init__(self) -> None:
        self._entries: list[tuple[str, Handler]] = []
        self._cache: dict[str, tuple[Handler, ...]] = {}

    @property
    def patterns(self) -> list[str]:
        """Every pattern subscribed to, each once, oldest first."""
        return list(dict.fromkeys(pattern for pattern, _ in self._entries))

    def add(self, pattern: str, handler: Handler) -> None:
        """Send what matches ``pattern`` to ``handler`` from now on."""
        check_pattern(pattern)
        self._entries.append((pattern, handler))
        self._cache.clear()

    def handlers(self, topic: str) -> tuple[Handler, ...]:
        """The handlers of a topic; each at most once, however many of its patterns match."""
        found = self._cache.get(topic)
        if found is None:
            chosen = dict.fromkeys(h for pattern, h in self._entries if matches(pattern, topic))
            found = tuple(chosen)
            if len(self._cache) >= ROUTE_CACHE_LIMIT:
                self._cache.clear()
            self._cache[topic] = found
        return found
