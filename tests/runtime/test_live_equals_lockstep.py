"""The live center and lockstep decide the same for the same messages, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from lockstep_plant import COARSE, Plant

from gridmuster.center.planmemory import PlanRequest
from gridmuster.comms.memory import MemoryBroker
from gridmuster.fleet.generate import generate
from gridmuster.runtime.center import LiveCenter
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.signals import Action, Frame
from gridmuster.simulator.scenario import FailedStart, MeterSilent
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

Cycle = tuple[int, tuple[Frame, ...], tuple[Frame, ...]]


class SteppedClock:
    """Plant time that stands still until the test moves it."""

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms
        self._moved = asyncio.Condition()

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, at_ms: int) -> None:
        self._now_ms = max(at_ms, self._now_ms)

    async def sleep_until(self, at_ms: int) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._now_ms >= at_ms)

    async def move_to(self, at_ms: int) -> None:
        async with self._moved:
            self.set(at_ms)
            self._moved.notify_all()


class PlansFromTheJournal(Solver):
    """Plans come from the journal, at the cycle in which they came."""

    def __init__(self) -> None:
        super().__init__(0)
        self.asked = 0

    def ask(
        self, request: PlanRequest, done: Callable[[bytes], None] | None = None
    ) -> Future[bytes]:
        self.asked += 1
        return Future()


def cycles_of(journal: Journal) -> list[Cycle]:
    return [(r.now_ms, *r.frames()) for r in journal.records() if r.kind is Kind.CYCLE]


async def run_live(plant: Plant, cycles: list[Cycle], journal: Journal) -> list[Frame]:
    """Feed recorded messages to a live center over a bus; returns what the sites got."""
    clock = SteppedClock(plant.start_ms)
    broker = MemoryBroker(clock)
    listener, sender = broker.client("sites"), broker.client("sender")
    got: list[Frame] = []
    root = plant.lockstep.topics.root
    listener.subscribe(f"{root}/site/+/down/command", got.append)
    listener.subscribe(plant.lockstep.topics.lease, got.append)
    listener.open()
    sender.open()
    core = rebuild(journal, plant.fleet, COARSE, plant.start_ms)
    recorded = RecordedCore(core, journal, "c1")
    solver = PlansFromTheJournal()
    bus = broker.client("center")
    center = LiveCenter(recorded, bus, clock, solver, early_gap_s=1e9)
    running = asyncio.ensure_future(center.run(cycles[-1][0]))
    while not bus.connected:
        await asyncio.sleep(0)
    own = (plant.lockstep.topics.plan_result, plant.lockstep.topics.operator)
    for now_ms, inbound, _ in cycles:
        for frame in inbound:
            if frame.topic in own:
                recorded.add(frame)
            elif "/up/" in frame.topic or "/area/" in frame.topic:
                clock.set(frame.at_ms)
                sender.publish(frame.topic, frame.payload)
                broker.deliver()
        turned = asyncio.ensure_future(center.changed())
        await asyncio.sleep(0)
        await clock.move_to(now_ms)
        await asyncio.wait_for(turned, 30)
        broker.deliver()
    await asyncio.wait_for(running, 30)
    assert solver.asked > 1
    assert (center.stats.missed_cycles, center.stats.early_cycles) == (0, 0)
    return got


def test_live_and_lockstep_decide_the_same(tmp_path: Path) -> None:
    silent = generate(12, 1).end_users_of_site["north-pump-01"][0].id
    events = [
        FailedStart(area="north", at="18:30"),
        MeterSilent(end_user=silent, at="18:35", until="18:40"),
    ]
    plant = Plant(tmp_path, "18:30", events)
    plant.run(8)
    plant.ask(Action.OVERRIDE, "north-pump-01-gen-3", 150.0, minutes=5)
    plant.run(9)
    lockstep = cycles_of(plant.journals["main"])
    with Journal.open(str(tmp_path / "live.journal"), durable=False) as journal:
        got = asyncio.run(run_live(plant, lockstep, journal))
        live = cycles_of(journal)
    assert [now_ms for now_ms, _, _ in live] == [now_ms for now_ms, _, _ in lockstep]
    shell = plant.lockstep.topics.shell
    for (now_ms, live_in, live_out), (_, in_, out) in zip(live, lockstep, strict=True):
        heard = [frame for frame in live_in if frame.topic != shell]
        assert heard == [frame for frame in in_ if frame.topic != shell], now_ms
        assert live_out == out, now_ms
    sent = [f for _, _, out in lockstep for f in out if is_sent(f, plant)]
    assert [(f.topic, f.payload) for f in got] == [(f.topic, f.payload) for f in sent]
    assert sum(f.topic.endswith("/command") for f in sent) > 20
    plant.close()


def is_sent(frame: Frame, plant: Plant) -> bool:
    return frame.topic.endswith("/down/command") or frame.topic == plant.lockstep.topics.lease
