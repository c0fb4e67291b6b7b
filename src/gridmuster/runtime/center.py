"""The center as a running program: cycles on asyncio, bus in and out, solver and API beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from msgspec import structs

from gridmuster import __version__
from gridmuster.center.account import DeviceAccount, StartView, account_of
from gridmuster.center.changes import DataChange, History
from gridmuster.center.memory import Outbox
from gridmuster.center.view import (
    ActivationView,
    AuditEntry,
    Mode,
    PlantView,
    ProgramView,
    Rejected,
    Submitted,
)
from gridmuster.clock import Clock, monotonic_s
from gridmuster.comms.bus import Bus
from gridmuster.console.pastdocs import PastReader
from gridmuster.errors import JournalError
from gridmuster.fleet.model import Fleet
from gridmuster.programs.selection import Selection
from gridmuster.runtime.fleet_change import (
    Lessons,
    Wanted,
    audit_entry,
    prepare_change,
)
from gridmuster.runtime.forecaster import Forecaster
from gridmuster.runtime.plandesk import PlanDesk
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.startlog import StartLog
from gridmuster.signals import Frame, OperatorRequest, decode, encode
from gridmuster.topics import Topics
from gridmuster.units import MS_PER_S

#: Frames that may wait for the next cycle; beyond, the oldest reports are let go and counted.
INBOX_LIMIT = 200_000
#: Audit entries that are kept at hand.
AUDIT_LIMIT = 10_000
log = structlog.get_logger()


@dataclass(slots=True)
class CenterStats:
    """What the running center counts."""

    cycles: int = 0
    early_cycles: int = 0
    missed_cycles: int = 0
    dropped_frames: int = 0


class LiveCenter:
    """Runs a recorded core against a bus; what the console talks to.

    Args:
        recorded: the core with its journal.
        bus: where sites are.
        clock: plant time.
        solver: makes plans.
        early_gap_s: real time after a cycle from which news from a site starts the next one
            before its turn, s.
        speed: plant seconds in a real second, told to people.
    """

    def __init__(
        self,
        recorded: RecordedCore,
        bus: Bus,
        clock: Clock,
        solver: Solver,
        early_gap_s: float = 0.25,
        speed: float = 1.0,
    ) -> None:
        self.recorded = recorded
        self.stats = CenterStats()
        #: Tells the core what models say of prices; None: nobody.
        self.forecaster: Forecaster | None = None
        #: Who reads the journal for people that look back; None: nobody.
        self.history: PastReader | None = None
        self.plans = PlanDesk(lambda: self.recorded.core.state.planning.solution)
        self._bus = bus
        self._clock = clock
        self._solver = solver
        self._early_gap_s = early_gap_s
        self._speed = speed
        self._topics = Topics(recorded.core.fleet.id)
        self._inbox: deque[Frame] = deque()
        self._news = asyncio.Event()
        self._turned: asyncio.Future[None] | None = None
        self._view: PlantView | None = None
        self._view_cycle = -1
        self._requests: dict[str, tuple[OperatorRequest, asyncio.Future[str]]] = {}
        self._audit: deque[AuditEntry] = deque(maxlen=AUDIT_LIMIT)
        self._audit_count = 0
        self._starts = StartLog(self._topics.decision)
        self._stopping = False
        self._wanted: Wanted | None = None
        self._lessons = Lessons()
        self._restoring: asyncio.Task[None] | None = None

    @property
    def fleet(self) -> Fleet:
        """The fleet that is commanded."""
        return self.recorded.core.fleet

    def merit_usd_per_kwh(self) -> dict[str, float]:
        """Mean cost of a shortest run, start included, by generator that may meet demand."""
        return self.recorded.core.merit_usd_per_kwh()

    def account(self, device: str) -> DeviceAccount:
        """Permit hours, starts, calls and failures of a device of the fleet."""
        return account_of(self.fleet, self.recorded.core.state, device, self._clock.now_ms())

    def starts(self, device: str) -> list[StartView]:
        """Why a device was started and stopped in this session, the latest first."""
        return self._starts.of(device)

    async def run(self, until_ms: int | None = None) -> None:
        """Run cycles until `stop`, or until a plant time.

        A cycle starts on every multiple of the cycle time, or earlier when news came. One that
        takes too long makes the next start late; ticks that passed meanwhile are skipped and
        counted, never run twice.
        """
        self._bus.subscribe(self._topics.all_up, self._arrived)
        self._bus.subscribe(self._topics.all_area, self._arrived)
        self._bus.subscribe(self._topics.lease, self._arrived)
        await self._bus.start()
        await self._bus.wait_connected()
        step_ms = int(self.recorded.core.config.cycle_s * MS_PER_S)
        now_ms = self._clock.now_ms()
        self.recorded.begin(now_ms, __version__)
        planning = self.recorded.core.state.planning
        if self.history is not None and planning.solution is not None:
            restoring = self.plans.restore(self.history, planning.state_ms)
            self._restoring = asyncio.create_task(restoring, name="plan-restore")
        due_ms = now_ms - now_ms % step_ms + step_ms
        while not self._stopping and (until_ms is None or now_ms < until_ms):
            early = await self._wait_turn(due_ms)
            now_ms = max(self._clock.now_ms(), now_ms)
            if not early:
                late = (now_ms - due_ms) // step_ms
                if late > 0:
                    self.stats.missed_cycles += late
                    self.recorded.missed(late)
                due_ms = now_ms - now_ms % step_ms + step_ms
            wanted = self._wanted
            if wanted is not None:
                self.recorded.announce(wanted.prepared)
            self._cycle(now_ms)
            if wanted is not None:
                self._take_fleet(wanted)
            self.stats.cycles += 1
            self.stats.early_cycles += early

    def stop(self) -> None:
        """End after the cycle under way."""
        self._stopping = True
        self._news.set()
        self.plans.close()
        if self._restoring is not None:
            self._restoring.cancel()

    async def _wait_turn(self, due_ms: int) -> bool:
        started_s = monotonic_s()
        tick = asyncio.ensure_future(self._clock.sleep_until(due_ms))
        try:
            while not tick.done():
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({tick, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if self._stopping:
                    return True
                if tick.done() or not self._news.is_set():
                    continue
                left_s = self._early_gap_s - (monotonic_s() - started_s)
                if left_s <= 0.0:
                    return True
                await asyncio.wait({tick}, timeout=left_s)
            return False
        finally:
            tick.cancel()
            self._news.clear()

    def _arrived(self, frame: Frame) -> None:
        if len(self._inbox) >= INBOX_LIMIT:
            self._inbox.popleft()
            self.stats.dropped_frames += 1
        self._inbox.append(frame)
        self._news.set()

    def _cycle(self, now_ms: int) -> None:
        arrived = list(self._inbox)
        self._inbox.clear()
        before = self.recorded.mode
        for lesson in self._lessons.next():
            self.recorded.add(lesson)
        if self.forecaster is not None:
            arrived.extend(self.forecaster.turn(now_ms, arrived))
        frames, outbox = self.recorded.cycle(now_ms, arrived)
        for frame in frames:
            retain = frame.topic == self._topics.lease
            expires_ms = None
            if not retain:
                expires_ms = frame.at_ms + int(self.recorded.core.config.ttl_s * MS_PER_S)
            self._bus.publish(frame.topic, frame.payload, retain=retain, expires_at_ms=expires_ms)
        if outbox is not None:
            self._starts.take(outbox.frames)
            self._ask_plan(outbox)
        self._answer_requests()
        if not self.recorded.refusing:
            taught = self._lessons.settle(now_ms)
            if taught is not None:
                self._note_change(taught)
        if self._lessons.waiting:
            self._news.set()
        if self.recorded.mode is not before:
            log.info("mode", mode=self.recorded.mode.value, error=self.recorded.error)
        if self._turned is not None and not self._turned.done():
            self._turned.set_result(None)

    def _ask_plan(self, outbox: Outbox) -> None:
        if outbox.plan_request is None:
            return
        self.plans.asked(outbox.plan_request)
        loop = asyncio.get_running_loop()

        def done(solution: bytes) -> None:
            # The loop may be gone when the last plan comes; nobody needs it then.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._planned, solution)

        self._solver.ask(outbox.plan_request, done)

    def _planned(self, solution: bytes) -> None:
        self.recorded.add(Frame(self._topics.plan_result, solution, self._clock.now_ms()))

    def _answer_requests(self) -> None:
        if not self._requests or self.recorded.refusing:
            return
        answers = self.recorded.core.state.operator.answers
        for request_id in [key for key in self._requests if key in answers]:
            request, future = self._requests.pop(request_id)
            self._note(request, answers[request_id])
            if not future.done():
                future.set_result(answers[request_id])

    def _note(self, request: OperatorRequest, text: str) -> None:
        self._audit_count += 1
        self._audit.append(
            AuditEntry(
                number=self._audit_count,
                at_ms=request.at_ms,
                id=request.id,
                actor=request.actor,
                role=request.role,
                action=request.action.value,
                scope=request.scope.value,
                target=request.target,
                power_kw=request.power_kw,
                until_ms=request.until_ms,
                reason=request.reason,
                applied=not text.startswith("refused"),
                text=text,
            )
        )

    def _take_fleet(self, wanted: Wanted) -> None:
        """Put a wanted fleet in force, on the boundary after the cycle that let go of the old."""
        self._wanted = None
        change = wanted.prepared.header.change
        assert change is not None
        answer: Submitted | Rejected
        self.view()  # What people see until the new core's first cycle.
        try:
            if self.recorded.refusing:
                raise JournalError(self.recorded.error)
            self.recorded.change_fleet(wanted.prepared)
        except JournalError as error:
            text = f"the journal cannot be written ({error}); the fleet stays as it was"
            answer = Rejected(change.id, change.at_ms, text)
        else:
            answer = Submitted(change.id, change.at_ms, change.text)
            self._note_change(change)
            log.info("fleet changed", actor=change.actor, text=change.text)
        self._news.set()
        if not wanted.answer.done():
            wanted.answer.set_result(answer)

    async def apply_fleet(self, fleet: Fleet, change: DataChange) -> Submitted | Rejected:
        """Command another fleet from the next cycle on; returns when that is journaled.

        Args:
            fleet: without faults; its id is that of the fleet in force.
            change: who wants it; its time is set here.
        """
        now_ms = self._clock.now_ms()
        change = structs.replace(change, at_ms=now_ms)
        core = self.recorded.core
        if fleet.id != core.fleet.id:
            why = f"the center commands the fleet {core.fleet.id}, not {fleet.id}"
            return Rejected(change.id, now_ms, why)
        if self.recorded.refusing:
            why = f"the journal cannot be written ({self.recorded.error})"
            return Rejected(change.id, now_ms, why)
        given = self.recorded.given()
        prepared = await asyncio.to_thread(
            prepare_change, core.fleet, fleet, core.config, change, given
        )
        if self._wanted is not None or self.recorded.core is not core:
            return Rejected(change.id, now_ms, "the fleet was changed a moment before; look anew")
        self._wanted = Wanted(prepared, asyncio.get_running_loop().create_future())
        self._news.set()
        return await asyncio.shield(self._wanted.answer)

    async def teach(self, lessons: Sequence[History], change: DataChange) -> Submitted | Rejected:
        """Give forecasts past days to learn from; returns when all of it is journaled.

        Args:
            lessons: past days by series; their time is set here.
            change: who gives them; its time is set here.
        """
        now_ms = self._clock.now_ms()
        change = structs.replace(change, at_ms=now_ms)
        why = ""
        if self.recorded.refusing:
            why = f"the journal cannot be written ({self.recorded.error})"
        elif self._lessons.waiting:
            why = "other history is being taken in; try again in a minute"
        if why:
            return Rejected(change.id, now_ms, why)
        answer = self._lessons.begin(self._topics.history, lessons, change)
        self._news.set()
        return await asyncio.shield(answer)

    def _note_change(self, change: DataChange) -> None:
        self._audit_count += 1
        self._audit.append(audit_entry(self._audit_count, change))

    def view(self) -> PlantView:
        """The latest view, made at most once a cycle and only when somebody looks."""
        cycle = self.recorded.core.state.session.cycle
        if self._view is None or self._view_cycle != cycle or self.recorded.refusing:
            view = self.recorded.core.view()
            self._view = structs.replace(
                view,
                mode=Mode.REFUSING if self.recorded.refusing else view.mode,
                speed=self._speed,
                link_up=self._bus.connected,
                journal_fault=self.recorded.error,
            )
            self._view_cycle = cycle
        return self._view

    async def changed(self) -> PlantView:
        """Wait for the next cycle and return its view."""
        if self._turned is None or self._turned.done():
            self._turned = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._turned)
        return self.view()

    def weigh(self, request: OperatorRequest) -> Selection | str:
        """Which sets an activation would call now, or why none; nothing happens.

        Args:
            request: the request to activate.
        """
        return self.recorded.core.weigh(request)

    def activations(self) -> list[ActivationView]:
        """Activations under way and those just over, the latest first."""
        return self.recorded.core.activations()

    def programs(self) -> list[ProgramView]:
        """The programs of all areas with what they ask for, those just over included."""
        return self.recorded.core.programs()

    async def submit(self, request: OperatorRequest) -> Submitted | Rejected:
        """Hand an operator's request to the core; returns when it is journaled and answered."""
        now_ms = self._clock.now_ms()
        request = structs.replace(request, at_ms=now_ms)
        known = self.recorded.core.state.operator.answers.get(request.id)
        if known is None and self.recorded.refusing:
            return Rejected(
                request.id,
                now_ms,
                f"the journal cannot be written ({self.recorded.error}); nothing is commanded "
                "until it can; use the stop at the site",
            )
        if known is None:
            waiting = self._requests.get(request.id)
            if waiting is None:
                future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
                self._requests[request.id] = (request, future)
                self.recorded.add(Frame(self._topics.operator, encode(request), now_ms))
                self._news.set()
            else:
                future = waiting[1]
            known = await asyncio.shield(future)
        if known.startswith("refused"):
            return Rejected(request.id, now_ms, known.removeprefix("refused: "))
        return Submitted(request.id, now_ms, known)

    async def audit(self, after: int, limit: int) -> list[AuditEntry]:
        """Entries of the audit log with a number above ``after``, oldest first."""
        return [entry for entry in self._audit if entry.number > after][:limit]

    def load_audit(
        self,
        frames: list[Frame],
        answer: Callable[[str], str | None],
        changes: Sequence[DataChange] = (),
    ) -> None:
        """Take operators' requests and changes of data of earlier sessions into the audit log.

        Args:
            frames: inbound frames of the journal on the topics of operators and of history.
            answer: what became of a request, by its id.
            changes: of the fleet, from the journal's heads, oldest first.
        """
        left = deque(changes)
        for frame in frames:
            while left and left[0].at_ms <= frame.at_ms:
                self._note_change(left.popleft())
            if frame.topic == self._topics.history:
                taught = decode(frame.payload, History).change
                if taught is not None:
                    self._note_change(taught)
                continue
            request = decode(frame.payload, OperatorRequest)
            self._note(request, answer(request.id) or "answered in an earlier session")
        for change in left:
            self._note_change(change)
