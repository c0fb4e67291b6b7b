"""Takes each message of the inbox to whoever keeps it."""

from __future__ import annotations

from typing import Any

from gridmuster.center.activations import ActivationDesk
from gridmuster.center.calls import CallBook
from gridmuster.center.changes import FleetNotice, History
from gridmuster.center.commands import CommandDesk
from gridmuster.center.inbox import Malformed
from gridmuster.center.memory import CoreState
from gridmuster.center.operator import OperatorDesk
from gridmuster.center.planner import Planner
from gridmuster.center.pricedesk import PriceDesk
from gridmuster.center.programdesk import ProgramDesk
from gridmuster.center.recorder import Recorder
from gridmuster.center.session import Session
from gridmuster.dispatch.commitment import Deaf
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.told import PriceForecast
from gridmuster.planning.problem import PlanSolution
from gridmuster.planning.worth.told import PriceWorth
from gridmuster.safety.permits import longest_days
from gridmuster.signals import (
    Ack,
    Action,
    DemandReport,
    Frame,
    GridSignal,
    Lease,
    OperatorRequest,
    Order,
    Outcome,
    Price,
    Purpose,
    SessionStarted,
    ShellReport,
    SiteReport,
)
from gridmuster.state.keeper import StateKeeper
from gridmuster.state.snapshot import ISLAND_DUTY, serves_itself


class Intake:
    """Applies messages to the core's parts.

    Args:
        fleet: the fleet.
        state: the core's memory.
        keeper: takes reports, meters, grid and price.
        session: takes what tells of other centers.
        desk: takes acknowledgements.
        operator: takes operators' requests.
        activations: takes those for activations.
        programs: takes what is told to programs.
        calls: takes generators' readings.
        planner: takes plans.
        pricing: takes what is worth what.
        recorder: takes what deserves a word.
    """

    def __init__(
        self,
        fleet: Fleet,
        state: CoreState,
        keeper: StateKeeper,
        session: Session,
        desk: CommandDesk,
        operator: OperatorDesk,
        activations: ActivationDesk,
        programs: ProgramDesk,
        calls: CallBook,
        planner: Planner,
        pricing: PriceDesk,
        recorder: Recorder,
    ) -> None:
        self._state = state
        self._keeper = keeper
        self._session = session
        self._desk = desk
        self._operator = operator
        self._activations = activations
        self._programs = programs
        self._calls = calls
        self._planner = planner
        self._pricing = pricing
        self._recorder = recorder
        self._generators = {d.id: d for d in fleet.devices if isinstance(d, Generator)}
        self._devices = fleet.device_by_id
        self._calendars = {
            d.id: (fleet.site_by_id[d.site].time_zone, longest_days(d.permit))
            for d in self._generators.values()
        }

    def take(self, message: Any | Malformed, frame: Frame) -> None:
        """Apply one message.

        Args:
            message: the decoded message, or why there is none.
            frame: the frame it came in; its arrival time counts.
        """
        at_ms = frame.at_ms
        match message:
            case SiteReport():
                self._report(message, at_ms)
            case DemandReport():
                self._keeper.take_demand(message, at_ms)
            case Ack():
                self._ack(message, at_ms)
            case GridSignal():
                self._keeper.take_grid(message, at_ms)
            case Price():
                self._keeper.take_price(message)
            case PriceForecast():
                if why := self._planner.foretold(message, at_ms):
                    self._malformed(Malformed(frame.topic, why), at_ms)
            case PriceWorth():
                if why := self._pricing.take(message, at_ms):
                    self._malformed(Malformed(frame.topic, why), at_ms)
            case PlanSolution():
                self._planner.adopt(message, at_ms, self._state.commitment)
            case OperatorRequest():
                self._request(message, at_ms)
            case Lease():
                self._session.hear_lease(message)
            case SessionStarted():
                self._session.begin(message.center_id, at_ms)
                self._planner.begin()
            case ShellReport():
                self._shell(message)
            case FleetNotice():
                self._fleet(message, at_ms)
            case History():
                self._planner.teach(message)
                if message.change is not None:
                    text = f"{message.change.actor}: {message.change.text}"
                    self._recorder.fleet(at_ms, text)
            case Malformed():
                self._malformed(message, at_ms)

    def _report(self, report: SiteReport, at_ms: int) -> None:
        self._session.hear_report(report)
        if not self._keeper.take_report(report, at_ms):
            self._state.counters.late += 1
            return
        outage = serves_itself(report) or ISLAND_DUTY in report.alarms
        for reading in report.devices:
            device = self._generators.get(reading.device)
            if device is None:
                continue
            purpose = Purpose.OUTAGE if outage else Purpose.DEMAND
            if not outage and device.id in self._state.operator.overrides:
                purpose = Purpose.OPERATOR
            elif not outage and device.id in self._state.activations.holds:
                purpose = self._state.activations.holds[device.id].purpose
            elif not outage and device.id in self._state.pricing.runs:
                purpose = Purpose.PRICE
            zone, days = self._calendars[device.id]
            self._state.ledger.note(at_ms, reading, purpose, zone, days)
            self._state.ledger.note_load(at_ms, reading, device)
            self._state.fuel.note(at_ms, reading, device)
            edge = self._calls.take(device, reading, at_ms)
            if edge == "failed":
                self._recorder.failed(at_ms, device.id)
            elif edge == "started":
                self._recorder.started(at_ms, device.id, outage)
            elif edge == "stopped":
                self._recorder.stopped(at_ms, device.id)

    def _ack(self, ack: Ack, at_ms: int) -> None:
        self._session.hear_ack(ack)
        for refusal in self._desk.take_ack(ack, at_ms):
            device = refusal.device
            if device not in self._devices or not self._asked_to_run(ack.site, device):
                continue
            resting = device in self._generators and not self._calls.is_on(device)
            if refusal.outcome is Outcome.FAILED and not resting:
                self._state.commitment.deaf[device] = Deaf(at_ms, refusal.reason)
            elif refusal.outcome is Outcome.REFUSED and resting:
                self._calls.hold_off(device, f"site refused: {refusal.reason}", at_ms)
        self._settle(ack)

    def _settle(self, ack: Ack) -> None:
        """A device that reached its setpoint follows again; a reset that arrived is over."""
        for answer in ack.devices:
            if answer.outcome is Outcome.DONE:
                self._state.commitment.deaf.pop(answer.device, None)
        sent = self._state.commands.sent.get(ack.site)
        if sent is None or sent.id != ack.command_id or not sent.answered:
            return
        for setpoint in sent.setpoints:
            if setpoint.order is Order.RESET:
                self._state.operator.resetting.pop(setpoint.device, None)

    def _asked_to_run(self, site: str, device: str) -> bool:
        return any(
            setpoint.device == device and setpoint.order is Order.RUN
            for setpoint in self._desk.last_setpoints(site)
        )

    def _request(self, request: OperatorRequest, at_ms: int) -> None:
        if request.action in (Action.ACTIVATE, Action.CANCEL, Action.SIGNAL):
            self._activation(request, at_ms)
            return
        if request.action is Action.RELEASE and request.id not in self._state.operator.answers:
            devices = self._operator.devices(request.scope, request.target)
            self._activations.give_back(devices, request.actor)
        answer = self._operator.take(request, at_ms)
        if request.action is Action.RESET and not answer.startswith("refused"):
            for device in self._operator.devices(request.scope, request.target):
                self._state.commitment.failures.pop(device, None)
                self._state.calls.calls.pop(device, None)
        self._recorder.operator(at_ms, request, answer)

    def _fleet(self, notice: FleetNotice, at_ms: int) -> None:
        """Let go of what leaves; listen to what joined before anything is commanded again."""
        self._state.leaving = [d for d in notice.leaving if d in self._devices]
        if notice.changed:
            # A plan for the fleet of before may still be on its way; it is not wanted any more.
            self._planner.begin()
            self._recorder.fleet(at_ms, notice.text)
        if notice.joined:
            self._session.listen(at_ms)

    def _activation(self, request: OperatorRequest, at_ms: int) -> None:
        """An activation is settled with this cycle's picture; its end and a signal at once."""
        if request.id in self._state.operator.answers:
            return
        if request.action is Action.ACTIVATE:
            self._activations.ask(request)
            return
        if request.action is Action.SIGNAL:
            answer = self._programs.take(request, at_ms)
        else:
            answer = self._activations.cancel(request, at_ms)
        self._operator.answer(request.id, answer)
        self._recorder.operator(at_ms, request, answer)

    def _shell(self, report: ShellReport) -> None:
        counters = self._state.counters
        counters.missed_cycles += report.missed_cycles
        if report.cycle_ms:
            counters.cycle_ms_last = report.cycle_ms[-1]

    def _malformed(self, malformed: Malformed, at_ms: int) -> None:
        counters = self._state.counters
        counters.malformed += 1
        counters.malformed_at_ms = at_ms
        counters.malformed_topic = malformed.topic
        counters.malformed_reason = malformed.reason
