"""The whole plant in one process under one virtual clock; nobody waits, nothing is random twice.

The same core, agents, register maps and twins as live; frames carry the same bytes over a broker
in memory. A tick is one cycle of the center: the world moves, every gateway scans, the utility
speaks, the center decides, the gateways obey.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from gridmuster import __version__
from gridmuster.clock import VirtualClock
from gridmuster.comms.memory import MemoryBroker, MemoryBus
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.agent import AgentOutput, SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.gateway.links import LocalLink
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.twins import make_twins, register_maps
from gridmuster.runtime.utility import UtilityFeed
from gridmuster.signals import Frame
from gridmuster.simulator.world import World
from gridmuster.topics import Topics
from gridmuster.units import MS_PER_S


@dataclass(slots=True)
class _Site:
    agent: SiteAgent
    bus: MemoryBus
    links: list[tuple[str, LocalLink]]
    by_key: dict[str, LocalLink]


class Lockstep:
    """Center, gateways, twins and utility, stepped together.

    Args:
        fleet: the fleet.
        world: the physical world.
        recorded: the core with its journal.
        solver: makes plans; an answer enters the core when the plan's lead is over, however fast
            it came, so that runs repeat.
        agent_config: settings of the gateways.
    """

    def __init__(
        self,
        fleet: Fleet,
        world: World,
        recorded: RecordedCore,
        solver: Solver,
        agent_config: AgentConfig | None = None,
        broker: MemoryBroker | None = None,
    ) -> None:
        self.clock = VirtualClock(world.now_ms)
        self.world = world
        self.recorded = recorded
        self.broker = MemoryBroker(self.clock) if broker is None else broker
        self.topics = Topics(fleet.id)
        self._solver = solver
        self._step_ms = int(recorded.core.config.cycle_s * MS_PER_S)
        self._inbox: list[Frame] = []
        self._center = self.broker.client("center")
        for pattern in (self.topics.all_up, self.topics.all_area, self.topics.lease):
            self._center.subscribe(pattern, self._inbox.append)
        self._center.open()
        utility_bus = self.broker.client("utility")
        utility_bus.open()
        self._utility = UtilityFeed(fleet, world, utility_bus)
        self.sites: dict[str, _Site] = {}
        maps = register_maps(fleet, (site.id for site in fleet.sites))
        twins = make_twins(world, maps)
        for site in fleet.sites:
            agent = SiteAgent(fleet, site.id, agent_config)
            links = [(key, LocalLink(twins[key], maps[key])) for key in agent.controller_keys]
            entry = _Site(agent, self.broker.client(site.id), links, dict(links))
            entry.bus.subscribe(self.topics.command(site.id), self._receiver(entry))
            entry.bus.subscribe(self.topics.lease, self._receiver(entry))
            entry.bus.open()
            self.sites[site.id] = entry
        self._plan: tuple[int, Future[bytes]] | None = None
        recorded.begin(self.clock.now_ms(), __version__)

    def tick(self) -> None:
        """One cycle of the whole plant."""
        now_ms = self.clock.now_ms() + self._step_ms
        self.clock.advance_to(now_ms)
        self.world.advance_to(now_ms)
        for site in self.sites.values():
            self._scan(site, now_ms)
        self._utility.publish(now_ms)
        self.broker.deliver()
        self._take_plan(now_ms)
        arrived = self._inbox.copy()
        self._inbox.clear()
        frames, outbox = self.recorded.cycle(now_ms, arrived)
        for frame in frames:
            retain = frame.topic == self.topics.lease
            self._center.publish(frame.topic, frame.payload, retain=retain)
        self.broker.deliver()
        if outbox is not None and outbox.plan_request is not None:
            due_ms = now_ms
            if self._plan is not None or outbox.plan_request.previous is not None:
                due_ms += self.recorded.core.config.plan_lead_s * MS_PER_S
            self._plan = (due_ms, self._solver.ask(outbox.plan_request))

    def run(self, until_ms: int) -> None:
        """Tick until a plant time."""
        while self.clock.now_ms() < until_ms:
            self.tick()

    def _scan(self, site: _Site, now_ms: int) -> None:
        image = {key: link.scan() for key, link in site.links}
        self._apply(site, site.agent.scan(now_ms, image))

    def _receiver(self, site: _Site):  # type: ignore[no-untyped-def]
        def receive(frame: Frame) -> None:
            self._apply(site, site.agent.receive(self.clock.now_ms(), frame))

        return receive

    @staticmethod
    def _apply(site: _Site, output: AgentOutput) -> None:
        for key, order, value in output.orders:
            site.by_key[key].send(order, value)
        for frame in output.frames:
            site.bus.publish(frame.topic, frame.payload)

    def _take_plan(self, now_ms: int) -> None:
        if self._plan is not None and now_ms >= self._plan[0]:
            solution = self._plan[1].result()
            self._plan = None
            self.recorded.add(Frame(self.topics.plan_result, solution, now_ms))
