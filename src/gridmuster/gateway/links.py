"""How a gateway reaches a controller: directly in lockstep, by Modbus TCP in life.

Both links have one shape. `scan` reads all blocks of the map and gives canonical points, or None
when the controller does not answer; `send` gives an order. Neither raises into the scan loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

from gridmuster.registers import RegisterMap, Write


class Sent(Enum):
    """What became of an order or a write.

    ``DONE``: the controller took it. ``REFUSED``: it answered with an exception. ``SILENT``: it
    did not answer in time, so nobody knows. ``UNKNOWN``: its map has no such order.
    """

    DONE = "done"
    REFUSED = "refused"
    SILENT = "silent"
    UNKNOWN = "unknown"


class Twin(Protocol):
    """What a local link needs of a simulated controller."""

    @property
    def reachable(self) -> bool:
        """Whether it answers at all."""
        ...

    @property
    def version(self) -> int:
        """Grows whenever a register may have changed."""
        ...

    def snapshot(self) -> list[int] | None:
        """All readable registers at this moment; None when it does not answer."""
        ...

    def write(self, address: int, values: Sequence[int]) -> bool:
        """Write registers; False when it refuses."""
        ...


class LocalLink:
    """A link to a simulated controller in the same process: the same registers, no socket.

    Args:
        twin: the simulated controller.
        register_map: its map.
    """

    __slots__ = ("_points", "_twin", "_version", "register_map")

    def __init__(self, twin: Twin, register_map: RegisterMap) -> None:
        self._twin = twin
        self.register_map = register_map
        self._points: Mapping[str, float] = {}
        self._version = -1

    def scan(self) -> Mapping[str, float] | None:
        """Canonical points; None when it does not answer.

        The mapping is the same object as long as the registers are; do not write to it.
        """
        regs = self._twin.snapshot()
        if regs is None:
            return None
        version = self._twin.version
        if version != self._version:
            self._points = self.register_map.decode_flat(regs)
            self._version = version
        return self._points

    def write(self, write: Write) -> Sent:
        """Write registers."""
        if not self._twin.reachable:
            return Sent.SILENT
        return Sent.DONE if self._twin.write(write.address, write.values) else Sent.REFUSED

    def send(self, order: str, value: float) -> Sent:
        """Give an order; writes after a refused one are not sent."""
        if order not in self.register_map.orders:
            return Sent.UNKNOWN
        for write in self.register_map.writes(order, value):
            sent = self.write(write)
            if sent is not Sent.DONE:
                return sent
        return Sent.DONE
