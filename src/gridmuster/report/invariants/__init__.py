"""An independent judge: holds a journal's messages against `domain.md` section 6.

    checker = Checker()
    for item in stream(journal):
        checker.take(item)
    checker.end()
    checker.breaches.found

It shares no code with the center or the interlocks. `docs/report.md` says what each check looks
at, what it tolerates, and which invariants cannot be seen in a journal.
"""

from __future__ import annotations

from gridmuster.report.invariants.breaches import Breach, Breaches
from gridmuster.report.invariants.coupling import CouplingChecks
from gridmuster.report.invariants.letters import LetterChecks
from gridmuster.report.invariants.measured import MeasuredChecks
from gridmuster.report.invariants.ordered import OrderedChecks
from gridmuster.report.invariants.plant import Plant
from gridmuster.report.invariants.sessions import SessionChecks
from gridmuster.report.source import Cycle, Session
from gridmuster.signals import Action, OperatorRequest, Scope, SiteReport
from gridmuster.units import MS_PER_HOUR

__all__ = ["Breach", "Breaches", "Checker"]

#: How long an override holds that names no end, ms.
OVERRIDE_MS = MS_PER_HOUR


class Checker:
    """Feeds every check with a journal's heads and cycles, in the order the center saw them."""

    def __init__(self) -> None:
        self.breaches = Breaches()
        self._plant = Plant()
        self._measured = MeasuredChecks(self._plant, self.breaches)
        self._ordered = OrderedChecks(self._plant, self.breaches)
        self._coupling = CouplingChecks(self.breaches)
        self._letters = LetterChecks(self._plant, self.breaches)
        self._sessions = SessionChecks(self._plant, self.breaches)

    def take(self, item: Session | Cycle) -> None:
        """Take the next head or cycle."""
        if isinstance(item, Session):
            if item.restarts:
                self._measured.end()
                self._letters.forget()
                self._coupling.forget()
                self._sessions.forget()
            self._plant.session(item.fleet, item.head.config, item.restarts)
            return
        self._hear(item)
        self._letters.run_out(item.now_ms)
        self._sessions.claims(item.now_ms, item.claims, item.commands)
        for command in item.commands:
            self._letters.command(item.now_ms, command)
            self._ordered.command(item.now_ms, command)
            self._coupling.command(item.now_ms, command)

    def end(self) -> None:
        """Judge what could only be judged when all is known."""
        self._measured.end()

    def _hear(self, cycle: Cycle) -> None:
        self._plant.now_ms = cycle.now_ms
        for started in cycle.sessions:
            self._sessions.begin(started.center_id, started.at_ms)
        for lease in cycle.leases:
            self._sessions.fence(lease.fence, lease.center_id)
        for at_ms, signal in cycle.grids:
            self._plant.alerts[signal.area] = signal.alert
            self._measured.signal(at_ms, signal)
        for request in cycle.requests:
            self._request(cycle.now_ms, request)
        for notice in cycle.notices:
            # Whoever takes a device out of the fleet wants it stopped.
            for name in notice.leaving:
                self._plant.people[name] = cycle.now_ms
        for ack in cycle.acks:
            self._sessions.fence(ack.highest_fence, ack.fence_holder)
            self._letters.ack(cycle.now_ms, ack)
        for at_ms, report in cycle.reports:
            self._report(cycle.now_ms, at_ms, report)

    def _report(self, now_ms: int, at_ms: int, report: SiteReport) -> None:
        site = self._plant.sites.get(report.site)
        if site is None:
            return
        before, before_ms = site.report, site.at_ms
        site.hear(now_ms, at_ms, report)
        # While its sets carry the area's island, the utility is away whatever its bus shows.
        outage = not report.utility_ok or "island_duty" in report.alarms
        gap = before is not None and at_ms - before_ms > self._plant.settings.hold_ms
        for reading in report.devices:
            device = self._plant.devices.get(reading.device)
            if device is not None and device.site.id == report.site:
                device.hear(now_ms, reading, outage, gap)
        self._sessions.heard(report.site, at_ms)
        self._sessions.fence(report.highest_fence, report.fence_holder)
        self._measured.report(at_ms, before, before_ms, site)
        self._letters.report(at_ms, site)
        self._coupling.report(now_ms, at_ms, report)

    def _request(self, now_ms: int, request: OperatorRequest) -> None:
        """A person's wish excuses what the center then does with the devices in its scope."""
        plant = self._plant
        for name in self._in_scope(request):
            match request.action:
                case Action.OVERRIDE:
                    until_ms = request.until_ms
                    plant.people[name] = now_ms + OVERRIDE_MS if until_ms is None else until_ms
                case Action.RELEASE:
                    plant.people.pop(name, None)
                case Action.EMERGENCY_STOP:
                    plant.stopped.add(name)
                case Action.RESET:
                    plant.stopped.discard(name)
                    plant.devices[name].reset()

    def _in_scope(self, request: OperatorRequest) -> list[str]:
        devices, target = self._plant.devices, request.target
        match request.scope:
            case Scope.DEVICE:
                return [target] if target in devices else []
            case Scope.SITE:
                return [name for name, one in devices.items() if one.site.id == target]
            case Scope.AREA:
                return [name for name, one in devices.items() if one.site.area == target]
            case Scope.FLEET:
                return list(devices)
