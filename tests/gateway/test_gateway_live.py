"""One gateway between a real broker and real Modbus sockets, at the speed of life."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from toy_site import fleet

from gridmuster.clock import ScaledClock, monotonic_s
from gridmuster.comms.broker import EmbeddedBroker
from gridmuster.comms.mqtt import MqttBus, open_bus
from gridmuster.gateway.config import AgentConfig
from gridmuster.gateway.shell import SiteShell
from gridmuster.runtime.serve_gateways import GatewayOptions, run_gateways
from gridmuster.runtime.serve_twin import run_twin
from gridmuster.signals import (
    Ack,
    Frame,
    Order,
    Outcome,
    Setpoint,
    SiteCommand,
    SiteReport,
    decode,
    encode,
)
from gridmuster.simulator.world import World
from gridmuster.topics import Topics

START_MS = 1_752_580_800_000
DEADLINE_S = 30.0


class Plant:
    """Broker, twin, gateway and a center's connection, all on this machine."""

    def __init__(self, folder: Path) -> None:
        self.fleet = fleet()
        self.clock = ScaledClock(START_MS, 1.0)
        self.broker = EmbeddedBroker(folder / "broker", self.fleet.id, ["s"])
        self.world = World(self.fleet, START_MS, 1)
        self.folder = folder
        self.topics = Topics(self.fleet.id)
        self.heard: list[tuple[float, Frame]] = []
        self.sequence = 0
        self.center: MqttBus
        self.shells: list[SiteShell] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.broker.start()
        stop = asyncio.Event()
        ports: dict[str, int] = {}
        twin = asyncio.ensure_future(
            run_twin(self.world, self.fleet, ["s"], self.clock, 1.0, ready=ports.update, stop=stop)
        )
        await self.until(lambda: bool(ports))
        options = GatewayOptions(
            self.fleet,
            ("s",),
            {"s": self.broker.site_url("s")},
            {key: ("127.0.0.1", port, 1) for key, port in ports.items()},
            self.folder / "state",
            AgentConfig(scan_s=0.5),
            0.5,
            self.clock,
        )
        gateway = asyncio.ensure_future(run_gateways(options, self.shells.extend, stop))
        self.center = open_bus(self.broker.center_url, "center", self.clock, center=True)
        self.center.subscribe(self.topics.all_up, self._hear)
        await self.center.start()
        await self.center.wait_connected(DEADLINE_S)
        try:
            await self.until(lambda: bool(self.reports()))
            yield
        finally:
            stop.set()
            await asyncio.gather(twin, gateway)
            await self.center.stop()
            await self.broker.stop()

    def _hear(self, frame: Frame) -> None:
        self.heard.append((monotonic_s(), frame))

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline_s = monotonic_s() + DEADLINE_S
        while not condition():
            assert monotonic_s() < deadline_s, "the condition did not come true in time"
            await asyncio.sleep(0.005)

    def reports(self) -> list[SiteReport]:
        return [
            decode(frame.payload, SiteReport)
            for _, frame in self.heard
            if frame.topic == self.topics.report("s")
        ]

    def done_s(self, command_id: str) -> float | None:
        """When the measured acknowledgement of a command came."""
        for at_s, frame in self.heard:
            if frame.topic == self.topics.ack("s"):
                ack = decode(frame.payload, Ack)
                if ack.command_id == command_id and ack.outcome is Outcome.DONE:
                    return at_s
        return None

    def ask(self, power_kw: float) -> str:
        """Command the battery."""
        self.sequence += 1
        now_ms = self.clock.now_ms()
        command = SiteCommand(
            id=f"c{self.sequence}",
            site="s",
            center_id="A",
            fence=1,
            sequence=self.sequence,
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + 60_000,
            setpoints=(Setpoint("b", Order.RUN, power_kw),),
        )
        self.center.publish(self.topics.command("s"), encode(command))
        return command.id


def test_a_command_is_measured_as_done_within_a_second_or_two(tmp_path: Path) -> None:
    plant = Plant(tmp_path)

    async def work() -> None:
        async with plant.running():
            took_s = []
            for power_kw in (5.0, -5.0, 20.0, 0.0, 12.0):
                asked_s = monotonic_s()
                command = plant.ask(power_kw)
                await plant.until(lambda command=command: plant.done_s(command) is not None)
                took_s.append((plant.done_s(command) or 0.0) - asked_s)
            assert max(took_s) < 2.0
            await plant.until(
                lambda: any(one.devices[2].power_kw == 12.0 for one in plant.reports())
            )

    asyncio.run(work())


def test_what_is_said_while_the_broker_is_dead_arrives_when_it_is_back(tmp_path: Path) -> None:
    plant = Plant(tmp_path)

    async def work() -> None:
        async with plant.running():
            await plant.broker.kill()
            (shell,) = plant.shells
            dead_ms = plant.clock.now_ms()
            for load_kw in (3.0, 9.0):
                stored = shell.stats.stored
                shell.agent.alarm(f"test-{load_kw:g}", plant.clock.now_ms())
                await plant.until(lambda stored=stored: shell.stats.stored > stored)
            back_ms = plant.clock.now_ms()
            await plant.broker.start()
            await plant.until(
                lambda: any(dead_ms <= one.at_ms <= back_ms for one in plant.reports())
            )
            command = plant.ask(7.0)
            await plant.until(lambda: plant.done_s(command) is not None)

    asyncio.run(work())
