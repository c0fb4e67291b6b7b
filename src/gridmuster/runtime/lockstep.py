"""The whole plant in one process under one virtual clock; nobody waits, nothing is random twice.

The same core, agents, register maps and twins as live; frames carry the same bytes over a broker
in memory. A tick is one cycle of the center: the world moves, every gateway scans, the utility
speaks, the center decides, the gateways obey. What the scenario does to links and clocks of sites
is done here: a site whose link is cut stores its frames and forwards them afterwards, as live.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from gridmuster import __version__
from gridmuster.center.changes import DataChange
from gridmuster.clock import VirtualClock
from gridmuster.comms.memory import MemoryBroker, MemoryBus
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.agent import AgentOutput, SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.gateway.links import LocalLink
from gridmuster.gateway.outbox import MemoryOutbox
from gridmuster.runtime.fleet_change import PreparedChange, prepare_change
from gridmuster.runtime.forecaster import Forecaster
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.twins import make_twins, register_maps
from gridmuster.runtime.utility import UtilityFeed
from gridmuster.signals import Frame
from gridmuster.simulator.world import World
from gridmuster.topics import Topics
from gridmuster.units import MS_PER_S

#: Stored frames that a site forwards in one tick once its link is back.
FORWARD_PER_TICK = 100


@dataclass(slots=True)
class LockstepSite:
    """One site: its agent, its link to the broker, and the frames that wait for that link."""

    agent: SiteAgent
    bus: MemoryBus
    links: list[tuple[str, LocalLink]]
    by_key: dict[str, LocalLink]
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    skew_ms: int = 0
    #: A frame arrived since it was last looked at.
    stirred: bool = False
    scanned_ms: int = 0
    #: Something is under way at it, as of its last scan or frame.
    busy: bool = True


class LockstepCenter:
    """One center at the broker of a lockstep plant.

    Args:
        recorded: its core with its journal.
        bus: its link to the broker.
        solver: makes plans; an answer enters the core when the plan's lead is over, however fast
            it came, so that runs repeat.
        now_ms: plant time, ms.
    """

    def __init__(self, recorded: RecordedCore, bus: MemoryBus, solver: Solver, now_ms: int) -> None:
        self.recorded = recorded
        self.bus = bus
        self._solver = solver
        self._topics = Topics(recorded.core.fleet.id)
        self._inbox: list[Frame] = []
        self._plan: tuple[int, Future[bytes]] | None = None
        self._change: PreparedChange | None = None
        #: Tells the core what models say of prices; None: nobody.
        self.forecaster: Forecaster | None = None
        for pattern in (self._topics.all_up, self._topics.all_area, self._topics.lease):
            bus.subscribe(pattern, self._inbox.append)
        bus.open()
        recorded.begin(now_ms, __version__)

    def change_fleet(self, fleet: Fleet, change: DataChange) -> None:
        """Take a new fleet at the end of the next cycle, in which what leaves is let go.

        Args:
            fleet: without faults, with the same id.
            change: who wants it and why.
        """
        old = self.recorded.core
        given = self.recorded.given()
        self._change = prepare_change(old.fleet, fleet, old.config, change, given)
        self.recorded.announce(self._change)

    def due(self) -> list[int]:
        """When a plan that was asked for is taken in, ms; empty when none is under way."""
        return [] if self._plan is None else [self._plan[0]]

    def cycle(self, now_ms: int) -> None:
        """One cycle of this center: what arrived goes in, what it may send goes out."""
        if self._plan is not None and now_ms >= self._plan[0]:
            solution = self._plan[1].result()
            self._plan = None
            self.recorded.add(Frame(self._topics.plan_result, solution, now_ms))
        arrived = self._inbox.copy()
        self._inbox.clear()
        config = self.recorded.core.config
        if self.forecaster is not None:
            arrived.extend(self.forecaster.turn(now_ms, arrived))
        frames, outbox = self.recorded.cycle(now_ms, arrived)
        if self._change is not None:
            self.recorded.change_fleet(self._change)
            self._change = None
        for frame in frames:
            lease = frame.topic == self._topics.lease
            expires_ms = None if lease else frame.at_ms + int(config.ttl_s * MS_PER_S)
            self.bus.publish(frame.topic, frame.payload, retain=lease, expires_at_ms=expires_ms)
        if outbox is not None and outbox.plan_request is not None:
            due_ms = now_ms
            if self._plan is not None or outbox.plan_request.previous is not None:
                due_ms += config.plan_lead_s * MS_PER_S
            self._plan = (due_ms, self._solver.ask(outbox.plan_request))


class Lockstep:
    """Center, gateways, twins and utility, stepped together.

    Args:
        fleet: the fleet.
        world: the physical world.
        recorded: the core with its journal.
        solver: makes plans.
        agent_config: settings of the gateways.
        broker: carries the frames; None: one without faults.
        clock: plant time, shared with the broker; None: one that starts with the world.
    """

    def __init__(
        self,
        fleet: Fleet,
        world: World,
        recorded: RecordedCore,
        solver: Solver,
        agent_config: AgentConfig | None = None,
        broker: MemoryBroker | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.clock = VirtualClock(world.now_ms) if clock is None else clock
        self.world = world
        self.broker = MemoryBroker(self.clock) if broker is None else broker
        self.topics = Topics(fleet.id)
        self.centers: dict[str, LockstepCenter] = {}
        self._solver = solver
        self._step_ms = int(recorded.core.config.cycle_s * MS_PER_S)
        self.start_center(recorded)
        utility_bus = self.broker.client("utility")
        utility_bus.open()
        self._utility = UtilityFeed(fleet, world, utility_bus)
        self.sites: dict[str, LockstepSite] = {}
        maps = register_maps(fleet, (site.id for site in fleet.sites))
        twins = make_twins(world, maps)
        for site in fleet.sites:
            agent = SiteAgent(fleet, site.id, agent_config)
            links = [(key, LocalLink(twins[key], maps[key])) for key in agent.controller_keys]
            entry = LockstepSite(agent, self.broker.client(site.id), links, dict(links))
            entry.bus.subscribe(self.topics.command(site.id), self._receiver(entry))
            entry.bus.subscribe(self.topics.lease, self._receiver(entry))
            entry.bus.open()
            self.sites[site.id] = entry

    @property
    def center(self) -> LockstepCenter:
        """The center that was started last."""
        return next(reversed(self.centers.values()))

    @property
    def recorded(self) -> RecordedCore:
        """The core, with its journal, of the center that was started last."""
        return self.center.recorded

    def start_center(self, recorded: RecordedCore, client_id: str = "center") -> LockstepCenter:
        """Start a center; one at the same link to the broker is gone as after a kill.

        Args:
            recorded: its core with its journal.
            client_id: its link to the broker.
        """
        self.centers.pop(client_id, None)
        bus = self.broker.client(client_id)
        center = LockstepCenter(recorded, bus, self._solver, self.clock.now_ms())
        self.centers[client_id] = center
        return center

    def stop_center(self, client_id: str = "center") -> None:
        """End a center at once, as by a kill; what was on its way to it is lost to it."""
        self.centers.pop(client_id).bus.close()

    def tick(self) -> None:
        """One cycle of the whole plant."""
        now_ms = self.clock.now_ms() + self._step_ms
        self.clock.advance_to(now_ms)
        self.world.advance_to(now_ms)
        for site_id, site in self.sites.items():
            self._scan(site_id, site, now_ms)
        self._utility.publish(now_ms)
        self.broker.deliver()
        for center in self.centers.values():
            center.cycle(now_ms)
        self.broker.deliver()

    def run(self, until_ms: int) -> None:
        """Tick until a plant time."""
        while self.clock.now_ms() < until_ms:
            self.tick()

    def _scan(self, site_id: str, site: LockstepSite, now_ms: int) -> None:
        site.scanned_ms = now_ms
        site.skew_ms = self.world.clock_skew_ms(site_id)
        up = self.world.link_up(site_id)
        if up is not site.bus.connected:
            (site.bus.restore if up else site.bus.cut)()
        image = {key: link.scan() for key, link in site.links}
        self._apply(site, site.agent.scan(now_ms + site.skew_ms, image))
        if up and len(site.outbox):
            stored = site.outbox.peek(FORWARD_PER_TICK)
            for frame in stored:
                site.bus.publish(frame.topic, frame.payload)
            site.outbox.drop(len(stored))

    def _receiver(self, site: LockstepSite) -> Callable[[Frame], None]:
        def receive(frame: Frame) -> None:
            at_ms = self.clock.now_ms() + site.skew_ms
            site.stirred = True
            if site.scanned_ms < self.clock.now_ms() - self._step_ms:
                # A gateway obeys by what its controllers show now, not by what they showed once.
                self._scan(site.agent.site, site, self.clock.now_ms())
            self._apply(site, site.agent.receive(at_ms, frame))

        return receive

    @staticmethod
    def _apply(site: LockstepSite, output: AgentOutput) -> None:
        site.busy = not site.agent.at_rest
        for key, order, value in output.orders:
            site.by_key[key].send(order, value)
        if not output.frames:
            return
        if not site.bus.connected:
            site.outbox.put(output.frames)
            return
        for frame in output.frames:
            site.bus.publish(frame.topic, frame.payload)
