"""Takes commands: fencing, safety checks, the new targets, and the two acknowledgements.

A command is acknowledged at receipt (accepted, reduced, refused, duplicate, expired) and, when
something in it was accepted, once more when every device of it was measured (done) or given up
(failed). A device that a newer command takes over no longer counts for the older one.
"""

from __future__ import annotations

from collections.abc import Callable

from gridmuster.errors import SignalError
from gridmuster.gateway.memory import MAX_IDS
from gridmuster.gateway.station import LOCAL, SUPPLIES, AgentOutput, Station
from gridmuster.gateway.switchgear import Switchgear
from gridmuster.gateway.unit import Target, Unit
from gridmuster.safety import Context, Reduced, Refused, check, fence
from gridmuster.safety.fence import FenceState
from gridmuster.signals import (
    Ack,
    DeviceOutcome,
    Frame,
    Lease,
    Order,
    Outcome,
    Purpose,
    Setpoint,
    SiteCommand,
    decode,
    encode,
)
from gridmuster.topics import Topics


class Pending:
    """An accepted command whose devices are still under way."""

    __slots__ = ("command", "open", "results")

    def __init__(self, command: SiteCommand) -> None:
        self.command = command
        self.open: set[str] = set()
        self.results: list[DeviceOutcome] = []


#: Takes a checked target and gives its orders.
Begin = Callable[[Unit, Target, int, AgentOutput], None]
#: Is told that a device was reset.
Forgive = Callable[[Unit], None]


class CommandDesk:
    """Receives the commands of one site.

    Args:
        topics: the fleet's topic tree.
        station: the site.
        switchgear: its area's switchgear, where the site stands beside it.
    """

    __slots__ = (
        "_ack_topic",
        "_begin",
        "_command_topic",
        "_forgive",
        "_gear",
        "_lease_topic",
        "_pending",
        "_station",
        "counts",
        "fence",
        "ids",
        "urgent_changes",
    )

    def __init__(
        self, topics: Topics, station: Station, switchgear: Switchgear | None = None
    ) -> None:
        site = station.site.id
        self._gear = switchgear
        self._command_topic = topics.command(site)
        self._lease_topic = topics.lease
        self._ack_topic = topics.ack(site)
        self._station = station
        self._pending: dict[str, Pending] = {}
        self.fence = FenceState()
        self.ids: dict[str, str] = {}
        self.counts = {"bad": 0, "refused": 0, "duplicate": 0, "expired": 0, "obeyed": 0}
        self.urgent_changes = 0
        self._begin: Begin | None = None
        self._forgive: Forgive | None = None

    def attach(self, begin: Begin, forgive: Forgive) -> None:
        """Say who drives the devices; needed before the first command."""
        self._begin = begin
        self._forgive = forgive

    @property
    def waiting(self) -> bool:
        """Whether an accepted setpoint is still to be measured."""
        return bool(self._pending)

    def receive(self, now_ms: int, frame: Frame, out: AgentOutput) -> None:
        """Take one frame; never raises for what is in it.

        Args:
            now_ms: now, ms.
            frame: what arrived.
            out: where orders and acknowledgements go.
        """
        try:
            if frame.topic == self._command_topic:
                self._take(decode(frame.payload, SiteCommand), now_ms, out)
            elif frame.topic == self._lease_topic:
                lease = decode(frame.payload, Lease)
                self._keep_fence(fence.seen(self.fence, lease.fence, lease.center_id))
            else:
                raise SignalError(f"{frame.topic[:200]}: not a topic of this site")
        except SignalError:
            self.counts["bad"] += 1
            self._station.alarm("bad_message", now_ms)

    def _keep_fence(self, state: FenceState) -> None:
        if state.highest_fence != self.fence.highest_fence:
            self.urgent_changes += 1
        self.fence = state

    def _take(self, command: SiteCommand, now_ms: int, out: AgentOutput) -> None:
        decision = fence.decide(
            self.fence,
            command,
            site=self._station.site.id,
            now_ms=now_ms,
            known_ids=self.ids,
            link_allowance_s=self._station.config.link_allowance_s,
        )
        self._keep_fence(decision.state)
        if isinstance(decision, fence.Repeat):
            self.counts["duplicate"] += 1
            reason = f"already {self.ids[command.id]}"
            self._ack(command, Outcome.DUPLICATE, reason, (), now_ms, out)
        elif isinstance(decision, fence.Lapsed):
            self.counts["expired"] += 1
            self._ack(command, Outcome.EXPIRED, decision.reason, (), now_ms, out)
        elif isinstance(decision, fence.Reject):
            self.counts["refused"] += 1
            self._station.alarm("command_refused", now_ms)
            self._ack(command, Outcome.REFUSED, decision.reason, (), now_ms, out)
        else:
            self.counts["obeyed"] += 1
            self._obey(command, now_ms, out)

    def _obey(self, command: SiteCommand, now_ms: int, out: AgentOutput) -> None:
        pending = Pending(command)
        answers: list[DeviceOutcome] = []
        named: set[str] = set()
        taken: list[tuple[Unit, Target]] = []
        worst = Outcome.ACCEPTED
        for unit in self._station.units:
            wish = unit.target
            unit.planned_kw = wish.power_kw if wish and wish.order is Order.RUN else 0.0
        for setpoint in command.setpoints:
            known = self._station.by_id.get(setpoint.device)
            answer: DeviceOutcome | None
            if known is None or setpoint.device in named:
                why = "no such device at this site" if known is None else "named twice"
                answer = DeviceOutcome(setpoint.device, Outcome.REFUSED, why)
            else:
                named.add(known.id)
                answer, target = self._try(known, setpoint, command, now_ms)
                if target is not None:
                    taken.append((known, target))
                    known.planned_kw = target.power_kw if target.order is Order.RUN else 0.0
            if answer is not None:
                answers.append(answer)
                if answer.outcome is Outcome.REDUCED:
                    worst = Outcome.REDUCED
        answers.extend(self._switch(command, now_ms))
        some = taken or command.switching is not None or not command.setpoints
        outcome = worst if some else Outcome.REFUSED
        if outcome is Outcome.REFUSED:
            self.counts["refused"] += 1
        self._remember(command.id, outcome)
        reason = answers[0].reason if outcome is Outcome.REFUSED else ""
        self._ack(command, outcome, reason, tuple(answers), now_ms, out)
        for unit, target in taken:
            self._supersede(unit, now_ms, out)
            pending.open.add(unit.id)
            self._pending[unit.id] = pending
            if self._begin is not None:
                self._begin(unit, target, now_ms, out)

    def _switch(self, command: SiteCommand, now_ms: int) -> list[DeviceOutcome]:
        """Hand the wish for the switchgear on; what comes of it is measured and reported."""
        wish = command.switching
        if wish is None:
            return []
        if self._gear is None:
            reason = "no switchgear of an area at this site"
            return [DeviceOutcome(self._station.site.id, Outcome.REFUSED, reason)]
        refused = self._gear.take(wish, now_ms, command.expires_at_ms)
        if not refused:
            return []
        reason = "; ".join(f"invariant {one.invariant}: {one.reason}" for one in refused)
        return [DeviceOutcome(self._gear.grid.breaker, Outcome.REFUSED, reason)]

    def _try(
        self, unit: Unit, setpoint: Setpoint, command: SiteCommand, now_ms: int
    ) -> tuple[DeviceOutcome | None, Target | None]:
        refusal = self._local_duty_refusal(unit, setpoint)
        verdict = refusal or check(self.context(unit, now_ms), setpoint)
        if isinstance(verdict, Refused):
            reason = f"invariant {verdict.invariant}: {verdict.reason}"
            return DeviceOutcome(unit.id, Outcome.REFUSED, reason), None
        answer = None
        power_kw = setpoint.power_kw if setpoint.order is Order.RUN else 0.0
        if isinstance(verdict, Reduced):
            power_kw = verdict.power_kw
            reason = f"invariant {verdict.invariant}: {verdict.reason}"
            answer = DeviceOutcome(unit.id, Outcome.REDUCED, f"to {power_kw:.1f} kW, {reason}")
        if setpoint.order is Order.EMERGENCY_STOP:
            unit.memory.stop_latched = True
            self.urgent_changes += 1
        elif setpoint.order is Order.RESET:
            unit.memory.stop_latched = False
            self.urgent_changes += 1
            if self._forgive is not None:
                self._forgive(unit)
        return answer, Target(
            setpoint.order, power_kw, setpoint.purpose, command.expires_at_ms, command.id
        )

    def _local_duty_refusal(self, unit: Unit, setpoint: Setpoint) -> Refused | None:
        """While the site serves itself no center starts, moves or stops what carries its load."""
        if setpoint.purpose is Purpose.OUTAGE and setpoint.order is Order.RUN:
            return Refused(1, "backup of its own load is the site's own duty")
        if not self._station.local_duty or setpoint.order in (Order.EMERGENCY_STOP, Order.RESET):
            return None
        carries = unit.generator is not None or getattr(unit.device, "grid_forming", False)
        if setpoint.order is Order.STOP and not carries:
            return None
        return Refused(1, "serves its own site until the utility is back for good")

    def context(self, unit: Unit, now_ms: int) -> Context:
        """What the checks are told of a device now."""
        station = self._station
        used_h, alert_h, uses = unit.permit_uses(now_ms)
        return Context(
            unit.limits,
            unit.reading(now_ms) if unit.points is not None else None,
            unit.age_s(now_ms),
            SUPPLIES[station.known_supply(now_ms)],
            station.utility_ok,
            station.panel_age_s(now_ms),
            self._export_without(unit),
            station.backup_load_kw,
            station.local_duty,
            used_h,
            alert_h,
            station.config.alert_asserted,
            unit.starts_24h(now_ms),
            unit.state_age_s(now_ms),
            unit.memory.stop_latched,
            unit.id in station.config.maintenance,
            False,
            station.config.scan_s,
            window_uses=uses,
        )

    def _export_without(self, unit: Unit) -> float | None:
        """What the site would send out without a device, the others at their highest, kW."""
        station = self._station
        if station.poi_kw is None:
            return None
        # While islanded nothing flows; afterwards the own load and whatever is ordered count.
        islanded = station.supply == LOCAL
        export_kw = -station.load_kw if islanded else station.poi_kw - unit.power_kw
        for other in station.units:
            if other is not unit and other.limits.parallels and not other.limits.renewable:
                export_kw += max(other.planned_kw - other.power_kw, 0.0)
        return export_kw

    def settle(
        self, unit: Unit, outcome: Outcome, reason: str, now_ms: int, out: AgentOutput
    ) -> None:
        """Note the measured end of a unit's setpoint; answer when it was the command's last.

        Args:
            unit: the device.
            outcome: done or failed.
            reason: why, when failed.
            now_ms: now, ms.
            out: where the acknowledgement goes.
        """
        pending = self._pending.pop(unit.id, None)
        if pending is None:
            return
        pending.open.discard(unit.id)
        pending.results.append(DeviceOutcome(unit.id, outcome, reason, round(unit.power_kw, 3)))
        self._finish(pending, now_ms, out)

    def _supersede(self, unit: Unit, now_ms: int, out: AgentOutput) -> None:
        older = self._pending.pop(unit.id, None)
        if older is not None:
            older.open.discard(unit.id)
            self._finish(older, now_ms, out)

    def _finish(self, pending: Pending, now_ms: int, out: AgentOutput) -> None:
        if pending.open or not pending.results:
            return
        failed = [result for result in pending.results if result.outcome is Outcome.FAILED]
        outcome = Outcome.FAILED if failed else Outcome.DONE
        if pending.command.id in self.ids:
            self.ids[pending.command.id] = outcome.value
        reason = failed[0].reason if failed else ""
        self._ack(pending.command, outcome, reason, tuple(pending.results), now_ms, out)

    def _remember(self, command_id: str, outcome: Outcome) -> None:
        while len(self.ids) >= MAX_IDS:
            del self.ids[next(iter(self.ids))]
        self.ids[command_id] = outcome.value

    def _ack(
        self,
        command: SiteCommand,
        outcome: Outcome,
        reason: str,
        devices: tuple[DeviceOutcome, ...],
        now_ms: int,
        out: AgentOutput,
    ) -> None:
        ack = Ack(
            site=self._station.site.id,
            at_ms=now_ms,
            command_id=command.id,
            fence=command.fence,
            sequence=command.sequence,
            outcome=outcome,
            reason=reason,
            devices=devices,
            highest_fence=self.fence.highest_fence,
            fence_holder=self.fence.holder,
        )
        out.frames.append(Frame(self._ack_topic, encode(ack), now_ms))
