"""How a gateway reaches a controller: directly in lockstep, by Modbus TCP in life.

Both links have one shape. `scan` reads all blocks of the map and gives canonical points, or None
when the controller does not answer; `send` gives an order. Neither raises into the scan loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, Protocol

from gridmuster.clock import monotonic_s
from gridmuster.gateway.wire import Answer, Request, Wire, read_request, registers_of, write_request
from gridmuster.registers import RegisterMap, Write

#: Silent scans after which the connection is given up and made anew.
MAX_SILENT: Final = 3
#: First and longest pause after a failure, s; doubled each time, with jitter.
BACKOFF_S: Final = (0.2, 5.0)


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

    def glance(self) -> Mapping[str, float] | None:
        """What a client that polls all blocks would read now; None when it does not answer."""
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

    __slots__ = ("register_map", "scan", "twin")

    def __init__(self, twin: Twin, register_map: RegisterMap) -> None:
        self.twin = twin
        self.register_map = register_map
        #: ``scan()``: canonical points, None when it does not answer. The mapping is the same
        #: object as long as the controller shows the same; do not write to it.
        self.scan = twin.glance

    def write(self, write: Write) -> Sent:
        """Write registers."""
        if not self.twin.reachable:
            return Sent.SILENT
        return Sent.DONE if self.twin.write(write.address, write.values) else Sent.REFUSED

    def send(self, order: str, value: float) -> Sent:
        """Give an order; writes after a refused one are not sent."""
        if order not in self.register_map.orders:
            return Sent.UNKNOWN
        for write in self.register_map.writes(order, value):
            sent = self.write(write)
            if sent is not Sent.DONE:
                return sent
        return Sent.DONE


class ModbusLink:
    """A link to a controller by Modbus TCP.

    It connects when first used and again after a loss. After a failure it stays quiet for a pause
    that doubles from ``backoff_s[0]`` to ``backoff_s[1]`` (with jitter); until then `scan` gives
    None at once, so that one dead controller never holds up a site. The blocks of a scan go out
    together; a controller that answers only some of them gets them one at a time from then on.

    Args:
        register_map: the controller's map.
        host: its address.
        port: its TCP port.
        unit: Modbus unit id.
        timeout_s: how long to wait for a connection, or for all answers of one scan, s.
        outstanding: requests under way at once.
        seed: seed of the jitter.
        backoff_s: first and longest pause after a failure, s.
    """

    def __init__(
        self,
        register_map: RegisterMap,
        host: str,
        port: int,
        unit: int = 1,
        *,
        timeout_s: float = 0.5,
        outstanding: int = 8,
        seed: int = 0,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        self.register_map = register_map
        self.host, self.port, self.unit = host, port, unit
        self.timeout_s = timeout_s
        self.outstanding = outstanding
        #: What went wrong last, in words; empty while all is well.
        self.fault = ""
        self.connections = 0
        self._backoff_s = backoff_s
        self._pause_s = backoff_s[0]
        self._quiet_until_s = 0.0
        self._silent = 0
        self._dice = random.Random(f"{seed} {host}:{port}/{unit}")
        self._wire: Wire | None = None
        self._connecting: asyncio.Lock = asyncio.Lock()
        self._reads = tuple(read_request(unit, *block) for block in register_map.blocks)
        self._answers: list[Answer] | None = None
        self._points: Mapping[str, float] | None = None

    @property
    def connected(self) -> bool:
        """Whether a connection stands now."""
        return self._wire is not None and self._wire.open

    async def scan(self) -> Mapping[str, float] | None:
        """Canonical points; None when it does not answer or refuses every block.

        What only some blocks bring is given as it is; the mapping is the same object as long as
        the registers are; do not write to it.
        """
        answers = await self._ask(self._reads)
        if answers is None:
            return None
        if answers != self._answers:
            self._answers = answers
            blocks = [
                registers_of(answer, count)
                for answer, (_, count) in zip(answers, self.register_map.blocks, strict=True)
            ]
            self.fault = self._fault_of(answers)
            self._points = (
                None if all(b is None for b in blocks) else self.register_map.decode(blocks)
            )
        return self._points

    async def read(self, blocks: Sequence[tuple[int, int]]) -> list[list[int] | None] | None:
        """Registers of any blocks, None for one that is refused; None when nothing answers.

        Args:
            blocks: (address, count) of each, 125 registers at most.
        """
        answers = await self._ask([read_request(self.unit, *block) for block in blocks])
        if answers is None:
            return None
        return [
            registers_of(answer, count) for answer, (_, count) in zip(answers, blocks, strict=True)
        ]

    async def write(self, write: Write) -> Sent:
        """Write registers (function 16), all in one request."""
        request = write_request(self.unit, write.address, write.values)
        answers = await self._ask([request])
        answer = None if answers is None else answers[0]
        if answer is None:
            return Sent.SILENT
        if answer[0] & 0x80:
            self.fault = f"{self._name} refuses to write {write.address} ({_exception(answer)})"
            return Sent.REFUSED
        if answer != request[1][:5]:
            # Function 16 is answered with its own address and count; anything else proves nothing.
            self.fault = f"{self._name} answers a write of {write.address} with {answer.hex()}"
            return Sent.SILENT
        return Sent.DONE

    async def send(self, order: str, value: float) -> Sent:
        """Give an order; writes after one that was not taken are not sent."""
        if order not in self.register_map.orders:
            return Sent.UNKNOWN
        for write in self.register_map.writes(order, value):
            sent = await self.write(write)
            if sent is not Sent.DONE:
                return sent
        return Sent.DONE

    async def close(self) -> None:
        """Close the connection; the link connects again when used again."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    @property
    def _name(self) -> str:
        return f"controller at {self.host}:{self.port}, unit {self.unit}"

    async def _ask(self, requests: Sequence[Request]) -> list[Answer] | None:
        """Answers of all requests, None for one that did not come; None when none came."""
        if monotonic_s() < self._quiet_until_s:
            return None
        wire = await self._connect()
        if wire is None:
            return None
        answers = await wire.ask(requests, self.timeout_s)
        came = sum(answer is not None for answer in answers)
        if came == 0 and requests:
            self._silent += 1
            if self._silent >= MAX_SILENT or not wire.open:
                await self.close()
                self._silent = 0
            self._failed(f"{self._name} does not answer within {self.timeout_s:g} s")
            return None
        if came < len(requests):
            wire.window = self.outstanding = 1
            self.fault = f"{self._name} answered {came} of {len(requests)} requests"
        self._silent = 0
        self._pause_s = self._backoff_s[0]
        return answers

    async def _connect(self) -> Wire | None:
        if self._wire is not None and self._wire.open:
            return self._wire
        async with self._connecting:
            if self._wire is not None and self._wire.open:
                return self._wire
            loop = asyncio.get_running_loop()
            try:
                async with asyncio.timeout(self.timeout_s):
                    _, wire = await loop.create_connection(
                        lambda: Wire(self.outstanding), self.host, self.port
                    )
            except (OSError, TimeoutError) as error:
                self._failed(f"{self._name} cannot be reached: {error or 'time-out'}")
                return None
            self._wire = wire
            self.connections += 1
            return wire

    def _failed(self, fault: str) -> None:
        self.fault = fault
        self._answers = None
        self._quiet_until_s = monotonic_s() + self._pause_s * self._dice.uniform(0.5, 1.0)
        self._pause_s = min(2.0 * self._pause_s, self._backoff_s[1])

    def _fault_of(self, answers: Sequence[Answer]) -> str:
        for answer, (address, count) in zip(answers, self.register_map.blocks, strict=True):
            if answer is not None and not answer[0] & 0x80 and len(answer) != 2 + 2 * count:
                return (
                    f"{self._name} answers {address} with {len(answer)} bytes, not {2 + 2 * count}"
                )
            if answer is not None and answer[0] & 0x80:
                return (
                    f"{self._name} refuses registers {address} to {address + count - 1} "
                    f"({_exception(answer)}); is its map {self.register_map.name!r} right?"
                )
        return self.fault if None in answers else ""


def _exception(answer: bytes) -> str:
    names = {1: "illegal function", 2: "illegal address", 3: "illegal value", 4: "device failure"}
    code = answer[1] if len(answer) > 1 else 0
    return f"Modbus exception {code}{', ' + names[code] if code in names else ''}"
