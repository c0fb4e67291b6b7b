"""The world's timekeeping: the present instant and who wants to be woken when."""

from __future__ import annotations

import heapq
from typing import Final, Protocol

NEVER_MS: Final = 1 << 62


class Sleeper(Protocol):
    """Something that does something by itself at a known instant.

    ``wake_ms`` is the only instant that counts; an older entry in the queue is stale.
    """

    wake_ms: int

    def wake(self) -> None:
        """Do what is due now, and arrange the next time."""
        ...


class Kernel:
    """Shared by every part of one world.

    Args:
        now_ms: the world's present, ms.
        seed: the world's seed.
    """

    __slots__ = ("_heap", "_order", "changes", "now_ms", "seed")

    def __init__(self, now_ms: int, seed: int) -> None:
        self.now_ms = now_ms
        self.seed = seed
        self._heap: list[tuple[int, int, Sleeper]] = []
        self._order = 0
        #: Grows with everything that happens: phases, switches, faults, the scenario's moments.
        self.changes = 0

    def at(self, at_ms: int, sleeper: Sleeper) -> None:
        """Wake the sleeper at an instant, instead of any other it had asked for."""
        sleeper.wake_ms = at_ms
        if at_ms < NEVER_MS:
            self._order += 1
            heapq.heappush(self._heap, (at_ms, self._order, sleeper))

    def next_ms(self) -> int:
        """The next instant at which somebody wakes, or `NEVER_MS`."""
        heap = self._heap
        while heap:
            at_ms, _, sleeper = heap[0]
            if sleeper.wake_ms == at_ms:
                return at_ms
            heapq.heappop(heap)
        return NEVER_MS

    def first(self) -> Sleeper | None:
        """Who wakes next; None: nobody."""
        return self._heap[0][2] if self.next_ms() < NEVER_MS else None

    def wake_first(self) -> None:
        """Wake whoever wakes next, at its instant."""
        self.now_ms, _, sleeper = heapq.heappop(self._heap)
        sleeper.wake_ms = NEVER_MS
        sleeper.wake()

    def wake_due(self) -> None:
        """Wake everybody whose instant is now or past, in order of time, then of asking."""
        heap = self._heap
        while heap and heap[0][0] <= self.now_ms:
            at_ms, _, sleeper = heapq.heappop(heap)
            if sleeper.wake_ms == at_ms:
                sleeper.wake_ms = NEVER_MS
                sleeper.wake()
