"""A small plant in lockstep, with its journal, and the questions the tests ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.clock import VirtualClock, local, to_ms
from gridmuster.comms.memory import LinkFaults, MemoryBroker
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.config import AgentConfig
from gridmuster.report import stream
from gridmuster.report.invariants import Breach, Checker
from gridmuster.runtime.lockstep import Lockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.replay import replay
from gridmuster.runtime.solving import Solver
from gridmuster.signals import (
    Ack,
    Action,
    CycleRecord,
    Frame,
    OperatorRequest,
    Scope,
    SiteCommand,
    decode,
    encode,
)
from gridmuster.simulator.market_data import PriceSeries
from gridmuster.simulator.scenario import DEFAULT_START_MS, DEFAULT_ZONE, Event, Scenario
from gridmuster.simulator.world import World
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

#: Coarse plans, so that a day of plans costs little.
COARSE = CenterConfig(plan_count=24, plan_step_s=3600, plan_gap=0.01)


def today(clock: str) -> int:
    """Instant of a local time of the default day, ms."""
    hour, minute = (int(part) for part in clock.split(":"))
    day = local(DEFAULT_START_MS, DEFAULT_ZONE)
    return to_ms(day.replace(hour=hour, minute=minute, second=0, microsecond=0))


def breaches(journal: Journal) -> list[Breach]:
    """What an independent judge finds against the invariants in a journal."""
    checker = Checker()
    for item in stream(journal):
        checker.take(item)
    checker.end()
    return checker.breaches.found


class Plant:
    """A fleet in lockstep with one journal file per center.

    Args:
        folder: where journals go.
        start: local time at which it begins.
        events: what happens.
        fleet: the fleet; None: twelve sites of one seed.
        seed: of the world.
        faults: how the network misbehaves.
    """

    def __init__(
        self,
        folder: Path,
        start: str = "18:00",
        events: Sequence[Event] = (),
        *,
        fleet: Fleet | None = None,
        scenario: Scenario | None = None,
        seed: int = 1,
        faults: LinkFaults | None = None,
        config: CenterConfig = COARSE,
        start_ms: int | None = None,
        market: PriceSeries | None = None,
    ) -> None:
        self.fleet = fleet if fleet is not None else generate(12, 1)
        self.config = config
        self.folder = folder
        self.start_ms = today(start) if start_ms is None else start_ms
        self.scenario = scenario or Scenario(name="test", events=tuple(events))
        self.world = World(self.fleet, self.start_ms, seed, self.scenario, market=market)
        self.clock = VirtualClock(self.start_ms)
        self.solver = Solver(0)
        self.journals: dict[str, Journal] = {}
        self.asked = 0
        self.lockstep = Lockstep(
            self.fleet,
            self.world,
            self.recorded("c1"),
            self.solver,
            AgentConfig(scan_s=config.cycle_s),
            MemoryBroker(self.clock, faults, seed),
            self.clock,
        )

    def ask(
        self,
        action: Action,
        target: str,
        power_kw: float | None = None,
        *,
        scope: Scope = Scope.DEVICE,
        role: str = "admin",
        minutes: float | None = None,
    ) -> str:
        """Hand the center an operator's request; returns its id."""
        self.asked += 1
        until_ms = None if minutes is None else self.now_ms + int(minutes * 60_000)
        request = OperatorRequest(
            f"ask-{self.asked}", "ann", role, action, scope, target, self.now_ms, power_kw, until_ms
        )
        topic = self.lockstep.topics.operator
        self.lockstep.recorded.add(Frame(topic, encode(request), self.now_ms))
        return request.id

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.journal"

    def recorded(
        self, center_id: str, name: str = "main", fleet: Fleet | None = None
    ) -> RecordedCore:
        """A center's core rebuilt from a journal (a new one, or what is left of an older)."""
        old = self.journals.pop(name, None)
        if old is not None:
            old.close()
        journal = self.journals[name] = Journal.open(str(self.path(name)), durable=False)
        core = rebuild(journal, self.fleet, self.config, self.clock.now_ms())
        return RecordedCore(core, journal, center_id)

    @property
    def core(self) -> Core:
        return self.lockstep.recorded.core

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def run(self, minutes: float) -> None:
        self.lockstep.run(self.now_ms + int(minutes * 60_000))

    def until(self, clock: str) -> None:
        self.lockstep.run(today(clock))

    def frames(
        self, name: str = "main"
    ) -> Iterator[tuple[int, tuple[Frame, ...], tuple[Frame, ...]]]:
        """Cycles of a journal: plant time, what came in, what went out."""
        for record in self.journals[name].records():
            if record.kind is Kind.CYCLE:
                inbound, outbound = record.frames()
                yield record.now_ms, inbound, outbound

    def commands(self, name: str = "main") -> list[SiteCommand]:
        return [
            decode(frame.payload, SiteCommand)
            for _, _, outbound in self.frames(name)
            for frame in outbound
            if frame.topic.endswith("/down/command")
        ]

    def acks(self, name: str = "main") -> list[Ack]:
        return [
            decode(frame.payload, Ack)
            for _, inbound, _ in self.frames(name)
            for frame in inbound
            if frame.topic.endswith("/up/ack")
        ]

    def cycles(self, name: str = "main") -> list[CycleRecord]:
        topic = self.lockstep.topics.decision
        return [
            decode(frame.payload, CycleRecord)
            for _, _, outbound in self.frames(name)
            for frame in outbound
            if frame.topic == topic
        ]

    def alarms(self) -> set[str]:
        return set(self.core.state.alarms.standing)

    def raised(self, prefix: str, name: str = "main") -> list[CycleRecord]:
        """Cycles in which an alarm with this beginning was raised."""
        return [
            cycle
            for cycle in self.cycles(name)
            if any(key.startswith(prefix) for key in cycle.alarms_raised)
        ]

    def setpoint_kw(self, device: str) -> float | None:
        """What the center last asked of a device, kW; None for nothing or a stop."""
        sent = self.core.state.commands.sent.get(self.fleet.device_by_id[device].site)
        for setpoint in sent.setpoints if sent is not None else ():
            if setpoint.device == device and setpoint.order == "run":
                return setpoint.power_kw
        return None

    def assert_sound(self, *names: str) -> None:
        """The journal replays byte for byte, and nobody broke an invariant."""
        for name in names or ("main",):
            journal = self.journals[name]
            result = replay(journal)
            assert result.difference is None, result.difference
            assert result.cycles == sum(1 for _ in self.frames(name))
            found = breaches(journal)
            assert found == [], found[:5]

    def close(self) -> None:
        self.solver.close()
        for journal in self.journals.values():
            journal.close()
