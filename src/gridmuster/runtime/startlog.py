"""Keeps why devices were started and stopped, as noted in the center's own cycle records."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from gridmuster.center.account import StartView
from gridmuster.signals import CycleRecord, Frame, decode

#: Starts and stops that are kept, of all devices together, and of one device.
KEPT: Final = 50_000
KEPT_OF_ONE: Final = 200
#: A record that starts nothing does not have the word: it need not be read.
_MARK: Final = b'"starts"'


class StartLog:
    """The latest starts and stops of every device.

    Args:
        topic: label of the cycle records among the frames.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._by_device: dict[str, deque[StartView]] = {}
        self._order: deque[str] = deque()

    def take(self, frames: Iterable[Frame]) -> None:
        """Note what a cycle's frames say of starts and stops."""
        for frame in frames:
            if frame.topic == self._topic and _MARK in frame.payload:
                record = decode(frame.payload, CycleRecord)
                for start in record.starts:
                    self._keep(
                        start.device,
                        StartView(
                            at_ms=record.at_ms,
                            order=start.order.value,
                            trigger=start.trigger,
                            legal_basis=start.legal_basis,
                            binding=start.binding,
                            runner_up=start.runner_up,
                            text=start.text,
                        ),
                    )

    def _keep(self, device: str, start: StartView) -> None:
        kept = self._by_device.setdefault(device, deque())
        kept.append(start)
        self._order.append(device)
        while len(self._order) > KEPT:
            oldest = self._order.popleft()
            self._by_device[oldest].popleft()

    def of(self, device: str) -> list[StartView]:
        """A device's starts and stops, the latest first."""
        return list(reversed(self._by_device.get(device, ())))[:KEPT_OF_ONE]
