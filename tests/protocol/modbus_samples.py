"""Models to serve, and ways to wait, for the Modbus tests."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from gridmuster.registers import RegisterMap, load_map
from gridmuster.simulator.controllers import TwinController
from gridmuster.simulator.modbus_server import ModbusServer

DEADLINE_S = 10.0


class Model:
    """Physics reduced to what it shows and what it was told."""

    def __init__(self, **points: float) -> None:
        self.reachable = True
        self.shown: Mapping[str, float] = {"mode": 2.0, "state": 3.0, "power_kw": 10.0} | points
        self.told: list[tuple[str, float]] = []

    def points(self) -> Mapping[str, float]:
        return self.shown

    def order(self, name: str, value: float) -> None:
        self.told.append((name, value))


def genset_map() -> RegisterMap:
    return load_map("deepsea-gencomm", {"rated_kw": 500.0, "tank_capacity": 2000.0})


def store_map() -> RegisterMap:
    return load_map(
        "sunspec-store", {"rated_kw": 250.0, "charge_kw": 250.0, "energy_capacity_kwh": 1000.0}
    )


@asynccontextmanager
async def serving(model: Model, register_map: RegisterMap) -> AsyncIterator[ModbusServer]:
    """A server for one model, stopped at the end."""
    server = ModbusServer(TwinController(model, register_map))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most `DEADLINE_S`."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.002)


def frame(pdu: bytes, transaction: int = 1, unit: int = 1, protocol: int = 0) -> bytes:
    """A Modbus TCP frame."""
    return struct.pack(">HHHB", transaction, protocol, len(pdu) + 1, unit) + pdu


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    """Transaction, unit and PDU of the next frame."""
    async with asyncio.timeout(DEADLINE_S):
        head = await reader.readexactly(7)
        transaction, protocol, length, unit = struct.unpack(">HHHB", head)
        assert protocol == 0
        return transaction, unit, await reader.readexactly(length - 1)
