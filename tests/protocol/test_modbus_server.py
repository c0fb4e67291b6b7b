"""Simulated controllers on real sockets, against pymodbus' and pysunspec2's own clients."""

import asyncio
import struct
from pathlib import Path

import pytest
import sunspec2.device
from hypothesis import given, settings
from hypothesis import strategies as st
from modbus_samples import (
    DEADLINE_S,
    Model,
    frame,
    genset_map,
    read_frame,
    serving,
    store_map,
    until,
)
from pymodbus.client import AsyncModbusTcpClient
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

import gridmuster.registers
from gridmuster.errors import LinkError
from gridmuster.registers import load_map
from gridmuster.simulator.controllers import TwinController
from gridmuster.simulator.modbus_server import MAX_CLIENTS, ModbusServer, ModbusServers, answer

OURS = Path(gridmuster.registers.__file__).parent / "maps"


def test_pymodbus_reads_and_writes_a_genset() -> None:
    async def run() -> None:
        model = Model(power_kw=321.5, coolant_c=-5.0)
        async with serving(model, genset_map()) as server:
            client = AsyncModbusTcpClient("127.0.0.1", port=server.port, timeout=DEADLINE_S)
            assert await client.connect()
            power = await client.read_holding_registers(1536, count=2)
            assert power.registers == [4, 59356]
            assert client.convert_from_registers(power.registers, client.DATATYPE.INT32) == 321_500
            coolant = await client.read_input_registers(1025, count=1)
            assert client.convert_from_registers(coolant.registers, client.DATATYPE.INT16) == -5
            model.shown = {"mode": 2.0, "power_kw": 7.0}
            assert (await client.read_holding_registers(1536, count=2)).registers == [0, 7000]
            done = await client.write_registers(4104, [35732, 65535 - 35732])
            assert not done.isError()
            assert model.told == [("start", 1.0)]
            half = await client.write_register(4104, 35732)
            assert half.exception_code == 3
            nowhere = await client.read_holding_registers(1, count=1)
            assert nowhere.exception_code == 2
            read_only = await client.write_registers(1536, [1, 2])
            assert read_only.exception_code == 2
            assert (await client.read_coils(0, count=1)).exception_code == 1
            model.shown = {"mode": 1.0}
            refused = await client.write_registers(4104, [35732, 65535 - 35732])
            assert refused.exception_code == 3
            assert model.told == [("start", 1.0)]
            client.close()

    asyncio.run(run())


def test_pysunspec2_scans_a_store_and_sets_its_power() -> None:
    shown = {"power_kw": -120.0, "frequency_hz": 59.98, "energy_kwh": 640.0}
    model = Model(**shown)

    def as_a_client(port: int) -> dict[str, float]:
        sunspec2.device.set_model_defs_path([".", sunspec2.device.models_dir, str(OURS)])
        device = SunSpecModbusClientDeviceTCP(1, "127.0.0.1", port, timeout=DEADLINE_S)
        device.scan()
        seen = {
            "W": device.models[701][0].points["W"].cvalue,
            "Hz": device.models[701][0].points["Hz"].cvalue,
            "WHAvail": device.models[713][0].points["WHAvail"].cvalue,
            "models": [m for m in device.models if isinstance(m, int)],
            "errors": "".join(m.error_info for m in device.model_list),
        }
        control = device.models[704][0]
        control.points["WSetEna"].value = 1
        control.points["WSetMod"].value = 1
        control.points["WSet"].cvalue = 55_500
        control.write()
        control.read()
        seen["held"] = control.points["WSet"].cvalue
        service = device.models[703][0]
        service.points["ES"].value = 0
        service.write()
        # The enabling word written before leaves the set-point in force: WSet alone will do.
        control.points["WSet"].cvalue = -10_000
        control.points["WSet"].write()
        device.close()
        return seen

    async def run() -> dict[str, float]:
        async with serving(model, store_map()) as server:
            return await asyncio.to_thread(as_a_client, server.port)

    seen = asyncio.run(run())
    assert seen["W"] == pytest.approx(-120_000)
    assert seen["Hz"] == pytest.approx(59.98)
    assert seen["WHAvail"] == pytest.approx(640_000)
    assert seen["models"] == [1, *range(701, 715), 64950]
    assert seen["errors"] == ""
    assert seen["held"] == pytest.approx(55_500)
    assert model.told == [("set_power_kw", 55.5), ("stop", 1.0), ("set_power_kw", -10.0)]


def test_pysunspec2_reads_a_meter() -> None:
    model = Model(power_kw=87.6, energy_kwh=4321.5)

    def as_a_client(port: int) -> tuple[float, float]:
        device = SunSpecModbusClientDeviceTCP(1, "127.0.0.1", port, timeout=DEADLINE_S)
        device.scan()
        points = device.models[203][0].points
        device.close()
        return points["W"].cvalue, points["TotWhImp"].cvalue

    async def run() -> tuple[float, float]:
        async with serving(model, load_map("meter-sunspec", {"peak_kw": 100.0})) as server:
            return await asyncio.to_thread(as_a_client, server.port)

    assert asyncio.run(run()) == pytest.approx((87_600, 4_321_500))


def test_fifty_controllers_answer_at_once() -> None:
    async def run() -> None:
        models = {f"g{k}": Model(power_kw=float(k)) for k in range(50)}
        known = genset_map()
        servers = ModbusServers({key: TwinController(m, known) for key, m in models.items()})
        places = await servers.start()
        assert len({port for _, port in places.values()}) == 50

        async def ask(key: str) -> list[int]:
            client = AsyncModbusTcpClient("127.0.0.1", port=places[key][1], timeout=DEADLINE_S)
            assert await client.connect()
            found: list[int] = []
            for _ in range(5):
                found = (await client.read_holding_registers(1536, count=2)).registers
            client.close()
            return found

        found = await asyncio.gather(*(ask(key) for key in models))
        for k, words in enumerate(found):
            assert words[0] << 16 | words[1] == k * 1000
        await servers.stop()

    asyncio.run(run())


def test_several_requests_in_one_packet_and_one_request_in_many() -> None:
    async def run() -> None:
        async with serving(Model(power_kw=1.0), genset_map()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            ask = struct.pack(">BHH", 3, 1536, 2)
            writer.write(b"".join(frame(ask, transaction=k, unit=k) for k in range(1, 6)))
            for k in range(1, 6):
                assert await read_frame(reader) == (k, k, b"\x03\x04\x00\x00\x03\xe8")
            for byte in frame(ask, transaction=9):
                writer.write(bytes([byte]))
                await writer.drain()
            assert await read_frame(reader) == (9, 1, b"\x03\x04\x00\x00\x03\xe8")
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("pdu", "code"),
    [
        (b"\x03", 3),
        (b"\x03\x06\x00\x00", 3),
        (b"\x03\x06\x00\x00\x02\x00", 3),
        (struct.pack(">BHH", 3, 1536, 0), 3),
        (struct.pack(">BHH", 3, 1536, 126), 3),
        (struct.pack(">BHH", 3, 1, 1), 2),
        (b"\x10\x10\x08\x00\x02\x04\x8b\x94", 3),  # two registers announced, one sent
        (b"\x10\x10\x08\x00\x02\x02\x8b\x94\x74\x6b", 3),  # wrong byte count
        (b"\x10\x10\x08", 3),
        (struct.pack(">BHHB", 16, 4104, 0, 0), 3),
        (b"\x06\x10", 3),
        (b"\x01\x00\x00\x00\x01", 1),
        (b"\x2b\x0e\x01\x00", 1),
        (b"\x00", 1),
    ],
)
def test_malformed_requests_get_the_exception_they_deserve(pdu: bytes, code: int) -> None:
    async def run() -> None:
        async with serving(Model(), genset_map()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(frame(pdu))
            _, _, found = await read_frame(reader)
            assert found == bytes((pdu[0] | 0x80, code))
            writer.write(frame(struct.pack(">BHH", 3, 1030, 1)))
            assert (await read_frame(reader))[2][0] == 3
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "junk",
    [
        frame(b"\x03\x06\x00\x00\x02", protocol=7),
        struct.pack(">HHHB", 1, 0, 255, 1) + b"\x03" * 254,
        struct.pack(">HHHB", 1, 0, 1, 1) + b"\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_not_modbus_is_hung_up_on_and_others_are_still_served(junk: bytes) -> None:
    async def run() -> None:
        async with serving(Model(), genset_map()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(junk)
            async with asyncio.timeout(DEADLINE_S):
                assert await reader.read() == b""
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(frame(struct.pack(">BHH", 3, 1030, 1)))
            assert (await read_frame(reader))[2][0] == 3
            writer.close()

    asyncio.run(run())


@given(st.binary(min_size=1, max_size=253))
@settings(max_examples=300)
def test_any_request_gets_an_answer_of_its_own_function(pdu: bytes) -> None:
    twin = TwinController(Model(), genset_map())
    found = answer(twin, pdu)
    assert found[0] & 0x7F == pdu[0] & 0x7F
    assert 2 <= len(found) <= 253


def test_out_of_reach_it_keeps_silent_and_comes_back() -> None:
    async def run() -> None:
        model = Model()
        async with serving(model, genset_map()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            model.reachable = False
            writer.write(frame(struct.pack(">BHH", 3, 1030, 1), transaction=1))
            await writer.drain()
            # A second connection shows that the first request was taken, not only delayed.
            other, pen = await asyncio.open_connection("127.0.0.1", server.port)
            model.reachable = True
            pen.write(frame(struct.pack(">BHH", 3, 1030, 1), transaction=3))
            assert (await read_frame(other))[0] == 3
            writer.write(frame(struct.pack(">BHH", 3, 1030, 1), transaction=2))
            first = (await read_frame(reader))[0]
            assert first in (1, 2)
            writer.close()
            pen.close()

    asyncio.run(run())


def test_only_so_many_clients_are_served_at_once() -> None:
    async def run() -> None:
        async with serving(Model(), genset_map()) as server:
            many = [
                await asyncio.open_connection("127.0.0.1", server.port)
                for _ in range(MAX_CLIENTS + 1)
            ]
            ask = frame(struct.pack(">BHH", 3, 1030, 1))
            for reader, writer in many[:MAX_CLIENTS]:
                writer.write(ask)
                assert (await read_frame(reader))[2][0] == 3
            async with asyncio.timeout(DEADLINE_S):
                assert await many[-1][0].read() == b""
            for _, writer in many:
                writer.close()
            await until(lambda: server.clients == 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(ask)
            assert (await read_frame(reader))[2][0] == 3
            writer.close()

    asyncio.run(run())


def test_a_port_that_is_taken_is_named_and_nothing_stays_open() -> None:
    async def run() -> None:
        async with serving(Model(), genset_map()) as first:
            servers = ModbusServers({k: TwinController(Model(), genset_map()) for k in ("a", "b")})
            with pytest.raises(LinkError, match=str(first.port)):
                await servers.start(ports={"b": first.port})
            taken = servers.servers["a"].port
            again = ModbusServer(TwinController(Model(), genset_map()))
            assert await again.start(port=taken) == taken
            await again.stop()

    asyncio.run(run())


def test_a_server_that_stops_drops_its_clients() -> None:
    async def run() -> None:
        server = ModbusServer(TwinController(Model(), genset_map()), unit=5)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(frame(struct.pack(">BHH", 3, 1030, 1), transaction=1, unit=6))
        writer.write(frame(struct.pack(">BHH", 3, 1030, 1), transaction=2, unit=5))
        # Another unit's request is nobody's here.
        assert (await read_frame(reader))[:2] == (2, 5)
        await server.stop()
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        writer.close()

    asyncio.run(run())
