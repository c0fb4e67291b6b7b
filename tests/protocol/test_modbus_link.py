"""A gateway's link over real sockets: what it reads and writes, and what it survives."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from modbus_samples import DEADLINE_S, Model, frame, genset_map, serving, store_map, until
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from gridmuster.gateway.links import LocalLink, ModbusLink, Sent
from gridmuster.registers import Write, load_map
from gridmuster.registers.discover import discover
from gridmuster.simulator.controllers import TwinController
from gridmuster.simulator.modbus_server import ModbusServer, ModbusServers

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FAST = (0.01, 0.05)


@asynccontextmanager
async def device(handler: Handler) -> AsyncIterator[int]:
    """A device made of one coroutine a connection; yields its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def next_request(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    """Transaction, unit and PDU of the next request; raises when the client is gone."""
    head = await reader.readexactly(7)
    transaction, _, length, unit = struct.unpack(">HHHB", head)
    return transaction, unit, await reader.readexactly(length - 1)


async def scanned(link: ModbusLink) -> dict[str, float]:
    """The points, as soon as the link has some (it may be in a pause)."""
    async with asyncio.timeout(DEADLINE_S):
        while (points := await link.scan()) is None:
            await asyncio.sleep(0.005)
    return dict(points)


def test_it_reads_and_orders_as_the_local_link_does() -> None:
    async def run() -> None:
        for known in (genset_map(), store_map()):
            model = Model(power_kw=-12.5, frequency_hz=60.0, energy_kwh=500.0)
            async with serving(model, known) as server:
                link = ModbusLink(known, "127.0.0.1", server.port)
                points = await link.scan()
                assert points == LocalLink(TwinController(model, known), known).scan()
                assert await link.scan() is points
                assert await link.send("set_power_kw", 40.0) is Sent.DONE
                assert await link.send("stop", 1.0) is Sent.DONE
                assert model.told == [("set_power_kw", 40.0), ("stop", 1.0)]
                assert await link.send("fly", 1.0) is Sent.UNKNOWN
                assert link.fault == ""
                assert link.connections == 1
                await link.close()

    asyncio.run(run())


def test_it_reads_what_pymodbus_serves() -> None:
    async def run() -> None:
        known = store_map()
        model = Model(power_kw=-12.5, frequency_hz=60.0, energy_kwh=500.0)
        regs = known.image(model.points()).regs
        data = SimData(40_000, values=list(regs), datatype=DataType.REGISTERS)
        server = ModbusTcpServer(SimDevice(1, [data]), address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        port = server.transport.sockets[0].getsockname()[1]
        link = ModbusLink(known, "127.0.0.1", port, timeout_s=DEADLINE_S, outstanding=1)
        assert await link.scan() == known.through(model.points())
        assert await link.send("set_power_kw", 33.0) is Sent.DONE
        check = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=DEADLINE_S)
        await check.connect()
        (write,) = known.writes("set_power_kw", 33.0)
        held = await check.read_holding_registers(write.address, count=len(write.values))
        assert tuple(held.registers) == write.values
        check.close()
        found = await discover(link)
        assert found.rated_kw == 250.0
        await link.close()
        await server.shutdown()

    asyncio.run(run())


def test_fifty_links_at_once_over_many_scans() -> None:
    async def run() -> None:
        known = genset_map()
        models = {f"g{k}": Model(power_kw=float(k)) for k in range(50)}
        servers = ModbusServers({key: TwinController(m, known) for key, m in models.items()})
        places = await servers.start()
        links = {key: ModbusLink(known, *places[key], timeout_s=DEADLINE_S) for key in models}
        for turn in range(10):
            for model in models.values():
                model.shown = dict(model.shown) | {"run_h": float(turn)}
            found = await asyncio.gather(*(link.scan() for link in links.values()))
            assert [points and points["power_kw"] for points in found] == list(range(50))
            assert all(points and points["run_h"] == turn for points in found)
        sent = await asyncio.gather(*(link.send("stop", 1.0) for link in links.values()))
        assert set(sent) == {Sent.DONE}
        for link in links.values():
            await link.close()
        await servers.stop()

    asyncio.run(run())


def test_a_wrong_map_is_named() -> None:
    async def run() -> None:
        async with serving(Model(), store_map()) as server:
            link = ModbusLink(genset_map(), "127.0.0.1", server.port)
            assert await link.scan() is None
            assert "exception 2, illegal address" in link.fault
            assert "is its map 'deepsea-gencomm' right?" in link.fault
            assert f":{server.port}" in link.fault
            await link.close()

    asyncio.run(run())


def test_a_refused_write_is_told_and_named() -> None:
    async def run() -> None:
        async with serving(Model(mode=1.0), genset_map()) as server:
            link = ModbusLink(genset_map(), "127.0.0.1", server.port)
            assert await link.send("start", 1.0) is Sent.REFUSED
            assert "refuses to write 4104" in link.fault
            assert await link.write(Write(1, (1,))) is Sent.REFUSED
            await link.close()

    asyncio.run(run())


def test_silence_is_none_then_a_pause_then_all_is_well_again() -> None:
    async def run() -> None:
        model = Model()
        async with serving(model, genset_map()) as server:
            link = ModbusLink(
                genset_map(), "127.0.0.1", server.port, timeout_s=0.05, backoff_s=FAST
            )
            await scanned(link)
            model.reachable = False
            assert await link.scan() is None
            assert "does not answer" in link.fault
            assert await link.send("start", 1.0) is Sent.SILENT
            model.reachable = True
            await scanned(link)
            assert model.told == []
            await link.close()

    asyncio.run(run())


def test_a_silent_controller_holds_nobody_up() -> None:
    async def run() -> None:
        model = Model()
        model.reachable = False
        async with serving(model, genset_map()) as server:
            link = ModbusLink(
                genset_map(), "127.0.0.1", server.port, timeout_s=0.1, backoff_s=(60.0, 60.0)
            )
            assert await link.scan() is None
            async with asyncio.timeout(0.09 * 200):
                for _ in range(200):
                    assert await link.scan() is None
            await link.close()

    asyncio.run(run())


def test_nobody_there_is_none_and_named() -> None:
    async def run() -> None:
        server = ModbusServer(TwinController(Model(), genset_map()))
        port = await server.start()
        await server.stop()
        link = ModbusLink(genset_map(), "127.0.0.1", port, backoff_s=FAST)
        assert await link.scan() is None
        assert "cannot be reached" in link.fault
        again = ModbusServer(TwinController(Model(power_kw=5.0), genset_map()))
        await again.start(port=port)
        assert (await scanned(link))["power_kw"] == 5.0
        await link.close()
        await again.stop()

    asyncio.run(run())


def test_it_connects_again_after_a_cut() -> None:
    async def run() -> None:
        async with serving(Model(), genset_map()) as server:
            link = ModbusLink(genset_map(), "127.0.0.1", server.port, backoff_s=FAST)
            await scanned(link)
            server.drop_clients()
            await until(lambda: not link.connected)
            await scanned(link)
            assert link.connections == 2
            await link.close()

    asyncio.run(run())


def test_a_cut_in_the_middle_of_a_scan_ends_the_wait() -> None:
    async def run() -> None:
        async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await next_request(reader)
            writer.close()

        async with device(hangs_up) as port:
            link = ModbusLink(genset_map(), "127.0.0.1", port, timeout_s=60.0)
            async with asyncio.timeout(DEADLINE_S):
                assert await link.scan() is None
            await link.close()

    asyncio.run(run())


def test_blocks_that_are_refused_leave_their_points_out() -> None:
    known = genset_map()
    regs = known.image({"power_kw": 5.0, "speed_rpm": 1800.0, "state": 3.0})

    async def old_model(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                transaction, unit, pdu = await next_request(reader)
            except asyncio.IncompleteReadError:
                return
            _, address, count = struct.unpack(">BHH", pdu)
            words = regs.read(address, count)
            if address > 40_000 or words is None:
                writer.write(frame(b"\x83\x02", transaction, unit))
            else:
                body = struct.pack(f">BB{count}H", 3, 2 * count, *words)
                writer.write(frame(body, transaction, unit))

    async def run() -> None:
        async with device(old_model) as port:
            link = ModbusLink(known, "127.0.0.1", port, timeout_s=DEADLINE_S)
            points = await link.scan()
            assert points is not None
            assert (points["power_kw"], points["speed_rpm"], points["state"]) == (5.0, 1800.0, 3.0)
            assert "available_kw" not in points
            assert "42496" in link.fault
            await link.close()

    asyncio.run(run())


def test_a_device_that_serves_one_request_at_a_time_gets_one_at_a_time() -> None:
    known = genset_map()
    regs = known.image({"power_kw": 5.0, "speed_rpm": 1800.0, "state": 3.0})
    seen: list[int] = []

    async def simple(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the first request of what came together and throws the rest away."""
        while data := await reader.read(4096):
            transaction, _, _, unit, _, address, count = struct.unpack(">HHHBBHH", data[:12])
            seen.append(len(data) // 12)
            words = regs.read(address, count)
            assert words is not None
            body = struct.pack(f">BB{count}H", 3, 2 * count, *words)
            writer.write(frame(body, transaction, unit))

    async def run() -> None:
        async with device(simple) as port:
            link = ModbusLink(known, "127.0.0.1", port, timeout_s=0.3, backoff_s=FAST)
            first = await link.scan()
            assert first is not None
            assert "answered 1 of 7" in link.fault
            second = await link.scan()
            assert second is not None
            assert second["power_kw"] == 5.0
            assert second["state"] == 3.0
            assert link.fault == ""
            assert seen == [7, *[1] * 7]
            await link.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "reply",
    [
        lambda t, u, p: frame(p[:1] + b"\x02\x00", t, u),  # shorter than asked for
        lambda t, u, p: frame(p[:1] + b"\xff" + b"\x00" * 40, t, u),  # longer
        lambda t, u, p: frame(b"\x04\x02\x00\x01", t, u),  # another function
        lambda t, u, p: frame(p[:1] + b"\x02\x00\x01", t + 1000, u),  # nobody's transaction
        lambda t, u, p: frame(p[:1] + b"\x02\x00\x01", t, u + 1),  # another unit
        lambda t, u, p: frame(p, t, u, protocol=3),  # not Modbus
        lambda t, u, p: b"\x00" * 64,
        lambda t, u, p: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda t, u, p: frame(b"\x83", t, u),  # an exception without a code
    ],
)
def test_nonsense_from_a_device_is_no_answer(
    reply: Callable[[int, int, bytes], bytes],
) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                transaction, unit, pdu = await next_request(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            writer.write(reply(transaction, unit, pdu))

    async def run() -> None:
        async with device(odd) as port:
            link = ModbusLink(genset_map(), "127.0.0.1", port, timeout_s=0.1, backoff_s=FAST)
            assert await link.scan() is None
            assert link.fault
            assert await link.send("start", 1.0) is not Sent.DONE
            await link.close()

    asyncio.run(run())


def test_a_late_answer_is_not_taken_for_the_next_one() -> None:
    known = load_map("site-panel")
    late = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await next_request(reader)
        await late.wait()
        second = await next_request(reader)
        for (transaction, unit, pdu), supply in ((first, 1), (second, 2)):
            count = struct.unpack(">BHH", pdu)[2]
            body = struct.pack(f">BB{count}H", 3, 2 * count, supply, *[0] * (count - 1))
            writer.write(frame(body, transaction, unit))

    async def run() -> None:
        async with device(slow) as port:
            link = ModbusLink(known, "127.0.0.1", port, timeout_s=0.1, backoff_s=FAST)
            assert await link.scan() is None
            late.set()
            assert (await scanned(link))["supply"] == 2.0
            await link.close()

    asyncio.run(run())


def test_scans_and_orders_may_overlap() -> None:
    async def run() -> None:
        model = Model(power_kw=5.0)
        async with serving(model, genset_map()) as server:
            link = ModbusLink(
                genset_map(), "127.0.0.1", server.port, timeout_s=DEADLINE_S, outstanding=2
            )
            jobs = [link.scan() for _ in range(20)]
            orders = [link.send("set_power_kw", float(k)) for k in range(20)]
            scans, sent = await asyncio.gather(asyncio.gather(*jobs), asyncio.gather(*orders))
            assert all(points and points["power_kw"] == 5.0 for points in scans)
            assert set(sent) == {Sent.DONE}
            assert sorted(value for _, value in model.told) == [float(k) for k in range(20)]
            assert link.connections == 1
            await link.close()

    asyncio.run(run())
