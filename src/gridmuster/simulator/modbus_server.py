"""Real Modbus TCP servers in front of simulated controllers, one listener each.

Written on asyncio directly rather than on pymodbus' server: that one answers from a store of its
own values, and makes two tasks and several objects a request (figures in `docs/register-maps.md`).
Here a request is answered in the call that received it, from the controller as it stands then.

Frames follow MODBUS Messaging on TCP/IP 1.0b: transaction, protocol 0, length, unit, then the
function and its data (MODBUS Application Protocol 1.1b3). Several requests may come at once and
are answered in order.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from typing import Final

from gridmuster.errors import LinkError
from gridmuster.simulator.controllers import Refusal, TwinController

READ_HOLDING: Final = 3
READ_INPUT: Final = 4
WRITE_ONE: Final = 6
WRITE_MANY: Final = 16
HEADER: Final = struct.Struct(">HHHB")
#: Unit, function and data of one frame: 1 + 253 bytes at most (MODBUS on TCP/IP, 4.1).
MAX_LENGTH: Final = 254
#: Clients that one controller serves at once; a further one is turned away.
MAX_CLIENTS: Final = 8
_TWO: Final = struct.Struct(">HH")


def answer(controller: TwinController, pdu: bytes) -> bytes:
    """What a controller that can be reached answers to one request.

    Args:
        controller: the simulated controller.
        pdu: function code and data.

    Returns:
        The answer: function and data, or function + 128 and the exception code.
    """
    function = pdu[0]
    fault: Refusal | None
    if function in (READ_HOLDING, READ_INPUT):
        if len(pdu) != 5:
            return bytes((function | 0x80, Refusal.ILLEGAL_VALUE))
        address, count = _TWO.unpack_from(pdu, 1)
        found = controller.answer_read(address, count)
        if isinstance(found, Refusal):
            return bytes((function | 0x80, found))
        return struct.pack(f">BB{count}H", function, 2 * count, *found)
    if function == WRITE_ONE:
        if len(pdu) != 5:
            return bytes((function | 0x80, Refusal.ILLEGAL_VALUE))
        address, value = _TWO.unpack_from(pdu, 1)
        fault = controller.answer_write(address, (value,))
    elif function == WRITE_MANY:
        if len(pdu) < 6:
            return bytes((function | 0x80, Refusal.ILLEGAL_VALUE))
        address, count = _TWO.unpack_from(pdu, 1)
        if pdu[5] != 2 * count or len(pdu) != 6 + 2 * count:
            return bytes((function | 0x80, Refusal.ILLEGAL_VALUE))
        fault = controller.answer_write(address, struct.unpack_from(f">{count}H", pdu, 6))
    else:
        fault = Refusal.ILLEGAL_FUNCTION
    return pdu[:5] if fault is None else bytes((function | 0x80, fault))


class _Session(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: ModbusServer) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._server.admit(transport):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._server.forget(self._transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        answers: list[bytes] = []
        at, end = 0, len(buffer)
        controller, unit = self._server.controller, self._server.unit
        while end - at >= 8:
            transaction, protocol, length, asked = HEADER.unpack_from(buffer, at)
            if protocol != 0 or not 2 <= length <= MAX_LENGTH:
                self._hang_up()
                return
            stop = at + 6 + length
            if stop > end:
                break
            # A unit that is not here, or a controller out of reach, keeps silent.
            if (unit is None or asked == unit) and controller.reachable:
                pdu = answer(controller, buffer[at + 7 : stop])
                answers.append(HEADER.pack(transaction, 0, len(pdu) + 1, asked) + pdu)
            at = stop
        self._buffer = buffer[at:]
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))

    def _hang_up(self) -> None:
        self._buffer = b""
        if self._transport is not None:
            self._transport.close()


class ModbusServer:
    """A listener that speaks for one simulated controller.

    Args:
        controller: the controller.
        unit: the only unit id it answers to; None answers to all, as most TCP devices do.
    """

    def __init__(self, controller: TwinController, unit: int | None = None) -> None:
        self.controller = controller
        self.unit = unit
        self.host = ""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Transport] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen.

        Args:
            host: address to listen on.
            port: TCP port; 0 takes a free one.

        Returns:
            The port.

        Raises:
            LinkError: when the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Session(self), host, port, backlog=16)
        except OSError as error:
            raise LinkError(
                f"cannot listen on {host}:{port}: {error}; choose another port, or 0 for a free one"
            ) from error
        self.host = host
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def stop(self) -> None:
        """Stop listening and drop every client."""
        if self._server is not None:
            self._server.close()
            self.drop_clients()
            await self._server.wait_closed()
            self._server = None

    @property
    def clients(self) -> int:
        """How many clients are connected now."""
        return len(self._open)

    def drop_clients(self) -> None:
        """Cut every connection, as a controller that restarts does."""
        for transport in tuple(self._open):
            transport.abort()

    def admit(self, transport: asyncio.Transport) -> bool:
        """Take a client, unless too many are there."""
        if len(self._open) >= MAX_CLIENTS:
            return False
        self._open.add(transport)
        return True

    def forget(self, transport: asyncio.Transport) -> None:
        """A client has gone."""
        self._open.discard(transport)


class ModbusServers:
    """Listeners for many controllers, by key.

    Args:
        controllers: the controllers by key.
    """

    def __init__(self, controllers: Mapping[str, TwinController]) -> None:
        self.servers = {key: ModbusServer(twin) for key, twin in controllers.items()}

    async def start(
        self, host: str = "127.0.0.1", ports: Mapping[str, int] | None = None
    ) -> dict[str, tuple[str, int]]:
        """Start all listeners; if one cannot, none stays.

        Args:
            host: address to listen on.
            ports: wished ports by key; a free one for what is missing or 0.

        Returns:
            Host and port by key.

        Raises:
            LinkError: when one address cannot be listened on.
        """
        wished = ports or {}
        try:
            for key, server in self.servers.items():
                await server.start(host, wished.get(key, 0))
        except LinkError:
            await self.stop()
            raise
        return {key: (server.host, server.port) for key, server in self.servers.items()}

    async def stop(self) -> None:
        """Stop all listeners."""
        for server in self.servers.values():
            await server.stop()
