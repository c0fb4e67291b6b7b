"""Puts what a site stored while its link was cut back into its place.

A site that comes back says first how it is now, and then what it stored. Its books must be kept in
the order things happened. So after a gap a publisher's messages are held until nothing older has
come for a while, and then passed on in order; without a gap they pass at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from gridmuster.report.tally import HOLD_MS

M = TypeVar("M")
Key = tuple[int, int]

#: How long nothing older must have come before held messages are passed on, ms.
WAIT_MS: Final = 60_000
#: Messages held of one publisher; when more come, the oldest are passed on.
MAX_HELD: Final = 5_000


class _Queue(Generic[M]):
    """One publisher: the newest key passed on, and what is held since when."""

    __slots__ = ("held", "keys", "newest", "until_ms")

    def __init__(self) -> None:
        self.newest: Key | None = None
        self.keys: list[Key] = []
        self.held: list[tuple[int, M]] = []
        self.until_ms = 0


class Straightener(Generic[M]):
    """Orders messages by publisher."""

    def __init__(self) -> None:
        #: Silence of a publisher that is a gap, ms.
        self.hold_ms = HOLD_MS
        self._queues: dict[str, _Queue[M]] = {}
        self._holding: set[str] = set()

    def take(self, now_ms: int, publisher: str, key: Key, at_ms: int, message: M) -> bool:
        """Take a message that arrived now.

        Args:
            now_ms: plant time of its arrival, ms.
            publisher: who said it.
            key: its own time (ms) and sequence.
            at_ms: the moment it counts for, ms.
            message: the message.

        Returns:
            Whether it may be used at once; otherwise it is held, or dropped as a duplicate or as
            older than what was passed on.
        """
        queue = self._queues.get(publisher)
        if queue is None:
            queue = self._queues[publisher] = _Queue()
        newest = queue.newest
        if newest is not None and key <= newest:
            return False
        if not queue.keys and (newest is None or key[0] - newest[0] <= self.hold_ms):
            queue.newest = key
            return True
        place = bisect_left(queue.keys, key)
        if place < len(queue.keys) and queue.keys[place] == key:
            return False
        if place < len(queue.keys) or not queue.keys:
            queue.until_ms = now_ms + WAIT_MS
        queue.keys.insert(place, key)
        queue.held.insert(place, (at_ms, message))
        self._holding.add(publisher)
        return False

    def due(self, now_ms: int | None) -> Iterator[tuple[int, M]]:
        """Pass on what need not be held any longer.

        Args:
            now_ms: now, ms; None: everything.

        Yields:
            The moment that counts (ms) and the message, in order of each publisher.
        """
        if not self._holding:
            return
        for publisher in sorted(self._holding):
            queue = self._queues[publisher]
            if now_ms is None or now_ms >= queue.until_ms:
                count = len(queue.keys)
                self._holding.discard(publisher)
            else:
                count = max(len(queue.keys) - MAX_HELD, 0)
            for _ in range(count):
                yield queue.held.pop(0)
                queue.newest = queue.keys.pop(0)

    def clear(self) -> None:
        """Forget every publisher."""
        self._queues.clear()
        self._holding.clear()
