"""The shell around an agent: commands at once, links that fail, a broker that is away, restarts."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest
from toy_site import T0_MS, ToySite

from gridmuster.clock import ScaledClock, monotonic_s
from gridmuster.comms.memory import MemoryBroker, MemoryBus
from gridmuster.errors import LinkError
from gridmuster.gateway.agent import SiteAgent
from gridmuster.gateway.shell import ShellConfig, SiteShell, run_sites, save_atomically
from gridmuster.signals import (
    Ack,
    DemandReport,
    Frame,
    Lease,
    Order,
    Outcome,
    Setpoint,
    SiteReport,
    decode,
    encode,
)

DEADLINE_S = 20.0
Answer = Mapping[str, float] | None


class ToyLink:
    """A controller of the toy site as a link; ``slow`` answers as a coroutine."""

    def __init__(self, rig: "Rig", key: str) -> None:
        self.rig = rig
        self.key = key
        self.slow: Callable[[], Coroutine[Any, Any, Answer]] | None = None

    def scan(self) -> Any:
        if self.slow is not None:
            return self.slow()
        self.rig.catch_up()
        return self.rig.toy.image()[self.key]

    def send(self, order: str, value: float) -> str:
        self.rig.catch_up()
        self.rig.toy.orders.append((self.key, order, value))
        if self.key == "panel.s":
            self.rig.toy.order_panel(order)
        else:
            self.rig.toy.machines[self.key].order(order, value)
        return "done"


class Rig:
    """A toy site behind a shell, a broker in memory, and a center that listens.

    Args:
        speed: plant seconds in a real second.
        folder: where the memory is kept; None: nowhere.
    """

    def __init__(self, speed: float = 10.0, folder: Path | None = None, **shell: Any) -> None:
        self.clock = ScaledClock(T0_MS, speed)
        self.toy = ToySite()
        self.broker = MemoryBroker(self.clock)
        self.links = {key: ToyLink(self, key) for key in self.toy.agent.controller_keys}
        self.bus: MemoryBus = self.broker.client("s")
        self.center = self.broker.client("center")
        self.heard: list[Frame] = []
        self.center.subscribe(self.toy.agent.topics.all_up, self.heard.append)
        self.shell = SiteShell(
            SiteAgent(self.toy.fleet, "s", self.toy.config),
            self.links,
            self.bus,
            self.clock,
            ShellConfig(**{"follow_up_s": (0.2, 0.5), **shell}),
            memory_path=None if folder is None else folder / "s" / "memory.json",
        )
        self.bus.open()
        self.center.open()

    def catch_up(self) -> None:
        """Let the toy plant's time follow the clock."""
        dt_s = (self.clock.now_ms() - self.toy.now_ms) / 1000.0
        if dt_s > 0.0:
            self.toy.now_ms = self.clock.now_ms()
            for machine in self.toy.machines.values():
                machine.step(dt_s)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Carry messages until a condition holds; fails at the deadline."""
        deadline_s = monotonic_s() + DEADLINE_S
        while not condition():
            assert monotonic_s() < deadline_s, "the condition did not come true in time"
            self.broker.deliver()
            await asyncio.sleep(0.002)

    def ask(self, device: str, power_kw: float, **fields: Any) -> str:
        """Have the center command; the command's id."""
        self.toy.now_ms = max(self.toy.now_ms, self.clock.now_ms())
        command = self.toy.command(Setpoint(device, Order.RUN, power_kw), **fields)
        self.center.publish(self.toy.agent.topics.command("s"), encode(command))
        return command.id

    def acks(self, command_id: str) -> list[Outcome]:
        found = [decode(f.payload, Ack) for f in self.heard if f.topic.endswith("/ack")]
        return [ack.outcome for ack in found if ack.command_id == command_id]

    def reports(self) -> list[SiteReport]:
        return [decode(f.payload, SiteReport) for f in self.heard if f.topic.endswith("/report")]

    def run(self, work: Callable[["Rig"], Coroutine[Any, Any, None]]) -> None:
        """Run the shell while a test works."""

        async def both() -> None:
            running = asyncio.ensure_future(run_sites([self.shell]))
            working = asyncio.ensure_future(work(self))
            await asyncio.wait((running, working), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                working.cancel()
                running.result()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            working.result()

        asyncio.run(both())


def test_a_command_is_written_at_once_and_measured_before_the_next_regular_scan() -> None:
    async def work(rig: Rig) -> None:
        await rig.until(lambda: len(rig.reports()) > 0)
        asked_s = monotonic_s()
        command = rig.ask("b", 15.0)
        await rig.until(lambda: rig.acks(command) == [Outcome.ACCEPTED, Outcome.DONE])
        # The regular scan is 300 s away; at ten times life the follow-ups are 0.02 and 0.05 s.
        assert monotonic_s() - asked_s < 5.0
        assert rig.toy.battery.power_kw == 15.0
        assert rig.shell.stats.scans <= 3

    Rig(scan_s=300.0).run(work)


def test_a_changed_meter_is_published_by_the_next_scan() -> None:
    async def work(rig: Rig) -> None:
        await rig.until(lambda: any(f.topic.endswith("/demand") for f in rig.heard))
        rig.heard.clear()
        rig.toy.meter_kw = 9.0
        await rig.until(lambda: any(f.topic.endswith("/demand") for f in rig.heard))
        found = [f for f in rig.heard if f.topic.endswith("/demand")]
        assert decode(found[-1].payload, DemandReport).readings[0].power_kw == 9.0

    Rig().run(work)


def test_while_the_broker_is_away_frames_wait_and_come_in_order_afterwards() -> None:
    async def work(rig: Rig) -> None:
        await rig.until(lambda: len(rig.reports()) > 0)
        rig.broker.cut("s")
        for power_kw in (1.0, 5.0, 9.0, 13.0):
            rig.toy.battery.setpoint_kw = power_kw
            stored = rig.shell.stats.stored
            await rig.until(lambda stored=stored: rig.shell.stats.stored > stored)
        rig.heard.clear()
        rig.broker.restore("s")
        wanted = {1.0, 5.0, 9.0, 13.0}
        await rig.until(lambda: wanted <= {report.devices[2].power_kw for report in rig.reports()})
        late = [one.at_ms for one in rig.reports()]
        assert rig.shell.stats.replayed >= 4
        assert sum(a > b for a, b in itertools.pairwise(late)) <= 1

    Rig().run(work)


def test_a_controller_that_raises_or_hangs_is_silent_and_holds_up_nobody_for_ever() -> None:
    async def broken() -> Answer:
        raise LinkError("no route")

    async def hangs() -> Answer:
        await asyncio.sleep(0.05)
        return None

    async def work(rig: Rig) -> None:
        await rig.until(lambda: len(rig.reports()) > 0)
        rig.links["b"].slow = broken
        rig.links["p"].slow = hangs
        command = rig.ask("g1", 20.0)
        await rig.until(lambda: Outcome.DONE in rig.acks(command))
        assert rig.shell.stats.silent_reads > 2
        # 0.05 s at ten times life is half a plant second: every second scan is missed, none piles.
        assert rig.shell.stats.missed_scans > 0

    Rig(scan_s=0.5).run(work)


def test_a_restarted_gateway_still_refuses_the_older_center(tmp_path: Path) -> None:
    async def first(rig: Rig) -> None:
        await rig.until(lambda: len(rig.reports()) > 0)
        lease = Lease("B", 9, rig.clock.now_ms())
        rig.center.publish(rig.toy.agent.topics.lease, encode(lease), retain=True)
        path = tmp_path / "s" / "memory.json"
        await rig.until(lambda: path.exists() and b'"highest_fence":9' in path.read_bytes())

    async def second(rig: Rig) -> None:
        command = rig.ask("b", 15.0, fence=8)
        await rig.until(lambda: rig.acks(command) == [Outcome.REFUSED])

    Rig(folder=tmp_path).run(first)
    Rig(folder=tmp_path).run(second)


def test_a_memory_that_cannot_be_written_is_an_alarm_and_the_site_goes_on(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file where the folder should be")

    async def work(rig: Rig) -> None:
        command = rig.ask("b", 15.0, fence=3)
        await rig.until(lambda: Outcome.DONE in rig.acks(command))
        await rig.until(lambda: any("memory_not_saved" in r.alarms for r in rig.reports()))
        assert rig.shell.stats.failed_saves > 0

    Rig(folder=tmp_path).run(work)


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b'{"site":"other","v":1}'])
def test_a_memory_that_cannot_be_understood_stops_the_start(tmp_path: Path, content: bytes) -> None:
    save_atomically(tmp_path / "s" / "memory.json", content, durable=False)
    with pytest.raises(LinkError, match=r"memory\.json.*move the file away"):
        Rig(folder=tmp_path)


def test_a_flood_of_commands_is_bounded_and_the_newest_survive() -> None:
    rig = Rig()
    for _ in range(500):
        rig.shell.deliver(Frame("elsewhere", b"", 0))
    last = rig.toy.command(Setpoint("b", Order.RUN, 1.0))
    rig.shell.deliver(Frame(rig.toy.agent.topics.command("s"), encode(last), 0))
    assert rig.shell.stats.pushed_out == 500 + 1 - 64

    async def work(rig: Rig) -> None:
        await rig.until(lambda: Outcome.DONE in rig.acks(last.id))

    rig.run(work)


def test_a_whole_file_is_swapped_in_or_nothing_is(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    save_atomically(path, b"old", durable=True)
    beside = tmp_path / "memory.json.new"
    beside.mkdir()
    with pytest.raises(OSError, match="memory"):
        save_atomically(path, b"new", durable=True)
    assert path.read_bytes() == b"old"
