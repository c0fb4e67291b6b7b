"""Modbus TCP on one connection, as a client: many requests at once, bounded, never raising.

A lean client of its own: pymodbus' costs three times the processor time a request and sends the
next one only after the last was answered (figures in `docs/register-maps.md`). The frames are
those of MODBUS Messaging on TCP/IP 1.0b.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Sequence
from typing import Final

HEADER: Final = struct.Struct(">HHHB")
#: Unit, function and data of one frame: 1 + 253 bytes at most.
MAX_LENGTH: Final = 254
#: Requests that may wait on one connection; more are answered with nothing at once.
MAX_WAITING: Final = 256
READ_HOLDING: Final = 3
WRITE_MANY: Final = 16

#: Unit id, and function with its data.
Request = tuple[int, bytes]
#: Function and data of an answer; None when none came.
Answer = bytes | None


def read_request(unit: int, address: int, count: int) -> Request:
    """Ask for holding registers.

    Args:
        unit: Modbus unit id.
        address: first register.
        count: how many, 125 at most.
    """
    return unit, struct.pack(">BHH", READ_HOLDING, address, count)


def write_request(unit: int, address: int, values: Sequence[int]) -> Request:
    """Write holding registers, all in one request.

    Args:
        unit: Modbus unit id.
        address: first register.
        values: what to write, 0 to 65535 each, 123 at most.
    """
    size = len(values)
    return unit, struct.pack(f">BHHB{size}H", WRITE_MANY, address, size, 2 * size, *values)


def registers_of(answer: Answer, count: int) -> list[int] | None:
    """Registers that an answer to a read brings; None when it is none, or not the right length."""
    if answer is None or len(answer) != 2 + 2 * count or answer[0] & 0x80:
        return None
    return list(struct.unpack_from(f">{count}H", answer, 2))


class _Batch:
    """Requests that were asked together."""

    __slots__ = ("answers", "done", "left")

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.answers: list[Answer] = [None] * count
        self.left = count
        self.done = done

    def take(self, place: int, answer: Answer) -> None:
        self.answers[place] = answer
        self.left -= 1
        if self.left == 0:
            self.finish()

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Wire(asyncio.Protocol):
    """One connection.

    Args:
        window: requests under way at once.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.open = False
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._transaction = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._under_way: dict[int, tuple[_Batch, int, int, int]] = {}
        self._sent: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: whoever waits gets what has come."""
        self.open = False
        for batch, _, _, _ in tuple(self._under_way.values()):
            batch.finish()
        self._under_way.clear()
        self._waiting.clear()
        self._sent.clear()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    async def ask(self, requests: Sequence[Request], timeout_s: float) -> list[Answer]:
        """Send requests and wait for their answers.

        Args:
            requests: what to ask.
            timeout_s: how long to wait for all of them, s.

        Returns:
            The answers in order, None for one that did not come in time.
        """
        if not requests or not self.open or len(self._under_way) + len(requests) > MAX_WAITING:
            return [None] * len(requests)
        loop = asyncio.get_running_loop()
        batch = _Batch(len(requests), loop.create_future())
        mine: list[int] = []
        for place, (unit, pdu) in enumerate(requests):
            self._transaction = (self._transaction + 1) & 0xFFFF
            key = self._transaction
            mine.append(key)
            self._under_way[key] = (batch, place, unit, pdu[0])
            self._waiting.append((key, HEADER.pack(key, 0, len(pdu) + 1, unit) + pdu))
        self._pump()
        timer = loop.call_later(timeout_s, batch.finish)
        try:
            await batch.done
        finally:
            timer.cancel()
            if batch.left:
                self._forget(mine)
        return batch.answers

    def data_received(self, data: bytes) -> None:
        """Take what came; answers to nobody's request are dropped, nonsense hangs up."""
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 8:
            key, protocol, length, unit = HEADER.unpack_from(buffer, at)
            if protocol != 0 or not 2 <= length <= MAX_LENGTH:
                self.close()
                return
            stop = at + 6 + length
            if stop > end:
                break
            self._sent.discard(key)
            asked = self._under_way.get(key)
            if asked is not None and asked[2] == unit and asked[3] == buffer[at + 7] & 0x7F:
                del self._under_way[key]
                asked[0].take(asked[1], buffer[at + 7 : stop])
            at = stop
        self._buffer = buffer[at:]
        if self._waiting:
            self._pump()

    def _pump(self) -> None:
        out: list[bytes] = []
        while self._waiting and len(self._sent) < self.window:
            key, frame = self._waiting.popleft()
            if key in self._under_way:
                self._sent.add(key)
                out.append(frame)
        if out and self._transport is not None:
            self._transport.write(b"".join(out))

    def _forget(self, keys: Sequence[int]) -> None:
        for key in keys:
            self._under_way.pop(key, None)
            self._sent.discard(key)
        if self._waiting:
            self._pump()
