"""The center's cycle: step(now, inbox) -> outbox, pure and replayable.

Freeze what was heard, judge who decides, ask for a plan when one is due, commit and dispatch each
area inside it, hold every setpoint against the interlocks, and write down why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gridmuster.center import odds
from gridmuster.center.activations import ActivationDesk
from gridmuster.center.activity import activation_views
from gridmuster.center.alarms import AlarmBoard
from gridmuster.center.calls import CallBook
from gridmuster.center.candidates import Known
from gridmuster.center.commands import CommandDesk
from gridmuster.center.config import CenterConfig
from gridmuster.center.decider import AreaDecision, Decider
from gridmuster.center.groundwork import Groundwork, lay
from gridmuster.center.intake import Intake
from gridmuster.center.islands import IslandDesk
from gridmuster.center.memory import CoreState, Outbox
from gridmuster.center.operator import OperatorDesk, OperatorMemory
from gridmuster.center.planner import Planner
from gridmuster.center.plantotals import PlanTotals
from gridmuster.center.presenter import present
from gridmuster.center.pricedesk import PriceDesk
from gridmuster.center.programdesk import ProgramDesk
from gridmuster.center.programviews import program_views
from gridmuster.center.rates import RateBook
from gridmuster.center.recorder import Recorder
from gridmuster.center.session import Session
from gridmuster.center.sources import PlanNow
from gridmuster.center.view import ActivationView, Mode, PlantView, ProgramView
from gridmuster.center.watchman import Watchman
from gridmuster.dispatch.commitment import forgive_deaf
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.similar_day import Base
from gridmuster.programs.selection import Selection
from gridmuster.safety import Context
from gridmuster.signals import Frame, Lease, OperatorRequest, Order, Setpoint, encode
from gridmuster.state.keeper import StateKeeper
from gridmuster.state.snapshot import Snapshot
from gridmuster.topics import Topics


class Core:
    """The deciding core of a center.

    Args:
        fleet: what it commands.
        config: its settings.
        state: what an earlier core remembered, from `state_bytes`; None to begin.
    """

    def __init__(
        self, fleet: Fleet, config: CenterConfig | None = None, state: bytes | None = None
    ) -> None:
        memory = CoreState() if state is None else msgspec.msgpack.decode(state, type=CoreState)
        self._set_up(lay(fleet, CenterConfig() if config is None else config), memory, {})

    @classmethod
    def following(cls, old: Core, ground: Groundwork) -> Core:
        """The core that goes on where another ends, with another fleet.

        Args:
            old: the core after its last step; its memory is taken over, so it is not stepped again.
            ground: made of the new fleet.
        """
        known = old.state.planning.outlook.demand.keys
        made = {user: base for user, base in ground.made.items() if user not in known}
        core = cls.__new__(cls)
        core._set_up(ground, old.state, {**old._planner.made, **made})
        core.now_ms = old.now_ms
        return core

    def _set_up(self, ground: Groundwork, memory: CoreState, made: Mapping[str, Base]) -> None:
        fleet, config = ground.fleet, ground.config
        self.fleet, self.config, self.state = fleet, config, memory
        memory.keep_only(fleet)
        self._topics = Topics(fleet.id)
        self.router = ground.router
        self._keeper = StateKeeper(fleet, config.stale_s, memory.plant)
        self._session = Session(config, memory.session)
        self._desk = CommandDesk(fleet, config, memory.commands)
        self._operator = OperatorDesk(fleet, config, memory.operator)
        self._calls = CallBook(memory.calls, memory.commitment, config.start_grace_s)
        self._board = AlarmBoard(memory.alarms)
        self._contexts = ground.contexts
        sources = ground.sources
        self._sources = sources
        self._decider = Decider(fleet, config, sources)
        self._activations = ActivationDesk(fleet, memory.activations, sources)
        self._programs = ProgramDesk(fleet, memory.programs, self._activations, memory.planning)
        self._islands = IslandDesk(fleet, config, memory.islands)
        self._planner = Planner(fleet, config, memory.planning, sources, made)
        self._pricing = PriceDesk(fleet, config, memory.pricing, memory.planning)
        self._recorder = Recorder(fleet, memory, sources)
        self._rates = RateBook(fleet)
        self._plan_totals = PlanTotals(fleet)
        self._watchman = Watchman(fleet, config, memory, self._board)
        self._intake = Intake(
            fleet,
            memory,
            self._keeper,
            self._session,
            self._desk,
            self._operator,
            self._activations,
            self._programs,
            self._calls,
            self._planner,
            self._pricing,
            self._recorder,
        )
        self.now_ms = 0
        self._snapshot: Snapshot | None = None
        self._decisions: dict[str, AreaDecision] = {}

    def state_bytes(self) -> bytes:
        """All that the core remembers, for a checkpoint."""
        return msgspec.msgpack.encode(self.state)

    def prepare(self, now_ms: int) -> None:
        """Make ahead of the first step what it would otherwise make in it; decides nothing.

        Args:
            now_ms: plant time, ms.
        """
        self._planner.prepare(now_ms)

    def step(self, now_ms: int, inbox: Sequence[Frame]) -> Outbox:
        """One cycle.

        Args:
            now_ms: plant time, ms; never earlier than in the last step.
            inbox: what arrived since the last step, in order of arrival.

        Returns:
            Frames to send and to keep, and a planning request when one is due. Equal inputs from
            an equal state give equal outputs.
        """
        memory = self.state
        self.now_ms = now_ms
        memory.session.cycle += 1
        self._board.begin()
        self._recorder.begin(now_ms)
        for frame in inbox:
            self._intake.take(self.router.read(frame), frame)
        snapshot = self._keeper.freeze(now_ms, self._planner.estimate_kw(now_ms))
        self._snapshot = snapshot
        frames: list[Frame] = []
        if self._session.advance(snapshot):
            frames.append(self._lease(now_ms))
        self._upkeep(now_ms, snapshot)
        contexts = self._activate(snapshot)
        operator = self._activations.merged(memory.operator)
        plan = self._activations.planned(self._planner.now(now_ms))
        operator, plan = self._price(snapshot, operator, plan)
        self._decisions = {
            area.id: self._decider.decide(
                area,
                snapshot,
                plan,
                self._planner.need_ahead_kw(area.id, now_ms, snapshot.areas[area.id].need_kw),
                operator,
                memory.commitment,
                contexts,
                self._last_setpoint,
            )
            for area in self.fleet.areas
        }
        if memory.session.mode is not Mode.COMMANDING:
            self._islands.watch(snapshot)
        else:
            for area_id, text in self._islands.look(snapshot, self._board):
                self._recorder.island(now_ms, area_id, text)
            frames.extend(self._commands(now_ms, snapshot))
        request = self._planner.request(now_ms, snapshot, contexts, self._calls, memory)
        if request is not None:
            frames.append(Frame(self._topics.plan_request, request.digest(), now_ms))
        odds.update(
            memory.lolp, self._decisions, memory.session.cycle, self.config.lolp_every_cycles
        )
        self._watchman.look(snapshot, self._decisions, self._planner)
        raised, cleared = self._board.settle(now_ms)
        record = self._recorder.record(now_ms, snapshot, self._decisions, raised, cleared)
        frames.append(Frame(self._topics.decision, encode(record), now_ms))
        return Outbox(frames, request)

    def view(self) -> PlantView:
        """What people may see, as of the last step."""
        return present(
            self.fleet,
            self.state,
            self._snapshot,
            self._decisions,
            self._planner,
            self._contexts,
            self._board,
            self._rates,
            self._plan_totals,
            self._islands,
        )

    def merit_usd_per_kwh(self) -> dict[str, float]:
        """Mean cost of a shortest run, start included, by generator that may meet demand."""
        return self._sources.merit_for_demand()

    def _lease(self, now_ms: int) -> Frame:
        session = self.state.session
        lease = Lease(session.center_id, session.fence, now_ms)
        return Frame(self._topics.lease, encode(lease), now_ms)

    def _upkeep(self, now_ms: int, snapshot: Snapshot) -> None:
        memory = self.state
        self._operator.expire(now_ms)
        self._calls.forgive(now_ms)
        forgive_deaf(memory.commitment, now_ms)
        for device_id in list(memory.calls.calls):
            device = self.fleet.device_by_id[device_id]
            if self._calls.overdue(device, now_ms):  # type: ignore[arg-type]
                self._recorder.failed(now_ms, device_id)
        self._planner.observe(now_ms, snapshot)

    def _activate(self, snapshot: Snapshot) -> Callable[[str], Context]:
        """Settle and follow activations; returns what tells of devices under what they hold."""
        known = self._known(snapshot)
        if self.state.session.mode is Mode.COMMANDING:
            for request, answer in self._programs.look(known):
                self._recorder.operator(snapshot.now_ms, request, answer)
        for request, answer in self._activations.look(known):
            self._operator.answer(request.id, answer)
            self._recorder.operator(snapshot.now_ms, request, answer)
        if not self.state.activations.holds:
            return known.context_of
        return self._context_reader(snapshot)

    def _price(
        self, snapshot: Snapshot, operator: OperatorMemory, plan: PlanNow
    ) -> tuple[OperatorMemory, PlanNow]:
        """Let prices decide where they may; what is held and planned with that."""
        if self.state.session.mode is Mode.COMMANDING:
            self._pricing.look(self._known(snapshot), plan, operator, self._largest_kw)
        return self._pricing.merged(operator), self._pricing.planned(plan, snapshot)

    def _largest_kw(self, area_id: str) -> float:
        """The largest single infeed of an area as of the last cycle, kW."""
        decision = self._decisions.get(area_id)
        return 0.0 if decision is None else decision.commitment.largest_kw

    def _known(self, snapshot: Snapshot) -> Known:
        memory = self.state
        contexts = self._context_reader(snapshot)
        return Known(
            snapshot.now_ms,
            snapshot,
            contexts,
            memory.commitment,
            memory.operator,
            memory.ledger,
            self._programs.declared(snapshot.now_ms),
        )

    def weigh(self, request: OperatorRequest) -> Selection | str:
        """Which sets an activation would call now, or why none; nothing happens.

        Args:
            request: the request to activate.
        """
        if self._snapshot is None:
            return "the center has not heard the plant yet"
        return self._activations.weigh(request, self._known(self._snapshot))

    def activations(self) -> list[ActivationView]:
        """Activations under way and those just over, the latest first."""
        return activation_views(self.state.activations, self._snapshot)

    def programs(self) -> list[ProgramView]:
        """The programs of all areas with what they ask for, those just over included."""
        return program_views(self.fleet, self.state.programs)

    def _context_reader(self, snapshot: Snapshot) -> Callable[[str], Context]:
        cache: dict[str, Context] = {}
        memory = self.state

        def context_of(device_id: str) -> Context:
            context = cache.get(device_id)
            if context is None:
                context = cache[device_id] = self._contexts.context(
                    snapshot,
                    device_id,
                    memory.ledger,
                    self._calls,
                    device_id in memory.operator.stopped,
                    device_id in memory.commitment.failures,
                    self._activations.asserted(device_id),
                )
            return context

        return context_of

    def _let_go(self, by_site: dict[str, list[Setpoint]]) -> None:
        """Stop what leaves the fleet and was asked to give or take; the rest lapses harmlessly."""
        stopped = self.state.operator.stopped
        for device_id in self.state.leaving:
            device = self.fleet.device_by_id[device_id]
            last = self._last_setpoint(device_id)
            running = last is not None and last.order is Order.RUN and last.power_kw != 0.0
            if running and isinstance(device, Generator | Store) and device_id not in stopped:
                kept = [s for s in by_site.get(device.site, ()) if s.device != device_id]
                by_site[device.site] = [*kept, Setpoint(device_id, Order.STOP)]
        self.state.leaving = []

    def _last_setpoint(self, device_id: str) -> Setpoint | None:
        site = self.fleet.device_by_id[device_id].site
        for setpoint in self._desk.last_setpoints(site):
            if setpoint.device == device_id:
                return setpoint
        return None

    def _commands(self, now_ms: int, snapshot: Snapshot) -> list[Frame]:
        memory = self.state
        by_site: dict[str, list[Setpoint]] = {}
        for decision in self._decisions.values():
            for device_id, setpoint in decision.wished.items():
                site = self.fleet.device_by_id[device_id].site
                by_site.setdefault(site, []).append(setpoint)
        for device_id, order in self._operator.orders(now_ms):
            site = self.fleet.device_by_id[device_id].site
            kept = [s for s in by_site.get(site, ()) if s.device != device_id]
            by_site[site] = [*kept, Setpoint(device_id, order)]
        self._let_go(by_site)
        context_of = self._context_reader(snapshot)
        session = memory.session
        commands = self._desk.issue(
            now_ms, session.center_id, session.fence, by_site, self._islands.wishes()
        )
        for command in commands:
            for setpoint in command.setpoints:
                self._recorder.commanded(
                    now_ms,
                    setpoint,
                    self._calls,
                    snapshot,
                    self._decisions,
                    self._planner,
                    context_of,
                )
        return [
            Frame(self._topics.command(command.site), encode(command), now_ms)
            for command in commands
        ]
