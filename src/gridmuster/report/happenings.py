"""Single events of a window in order of time, each with what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from gridmuster.report.source import Cycle
from gridmuster.signals import (
    CycleRecord,
    DeviceState,
    OperatorRequest,
    Order,
    SiteReport,
    StartRecord,
)
from gridmuster.starts import Substitution
from gridmuster.units import MS_PER_S

#: A shortfall below this is rounding, kW.
LEAST_SHORTFALL_KW: Final = 0.5
#: A shortfall that is back within this time is the same one, ms.
SAME_SHORTFALL_MS: Final = 60_000
#: Most happenings kept in memory.
MOST_KEPT: Final = 20_000
#: Alarms that are told of one by one, by the first word of their key.
TOLD_ALARMS: Final = {
    "silent": "no word from the site",
    "grid": "utility connection lost",
    "deaf": "does not follow its setpoint",
    "unanswered": "does not answer commands",
    "reserve": "short of covering the loss of its largest infeed",
}


class Happening(Struct):
    """One event: what, whose, and what came of it.

    ``kind`` is one of start, stop, failure, replacement, outage, shortfall, operator, alarm.
    ``outcome_at_ms`` is when it came out so; None while it had not by the window's end.
    """

    at_ms: int
    kind: str
    subject: str
    text: str
    outcome: str = ""
    outcome_at_ms: int | None = None


class EventBook:
    """Follows what happens from cycle to cycle.

    Args:
        answers: what the center answered to operators' requests, by their id.
    """

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.dropped = 0
        self._answers = answers
        self._list: list[Happening] = []
        self._starting: dict[str, Happening] = {}
        self._failed: dict[str, Happening] = {}
        self._out: dict[str, Happening] = {}
        self._short: dict[str, tuple[Happening, float, int]] = {}
        self._alarms: dict[str, Happening] = {}
        self._requests: set[str] = set()

    def take(self, cycle: Cycle) -> None:
        """Take a cycle: what sites said, what people asked, what was decided."""
        for at_ms, report in cycle.reports:
            self._report(at_ms, report)
        for request in cycle.requests:
            self._request(request, cycle.now_ms)
        if cycle.decision is not None:
            self._decision(cycle.decision)

    def all(self) -> list[Happening]:
        """What happened so far, in order of time."""
        return sorted(self._list, key=lambda one: one.at_ms)

    def _add(self, happening: Happening) -> Happening:
        if len(self._list) < MOST_KEPT:
            self._list.append(happening)
        else:
            self.dropped += 1
        return happening

    def _report(self, at_ms: int, report: SiteReport) -> None:
        site = report.site
        if not report.utility_ok and site not in self._out:
            self._out[site] = self._add(Happening(at_ms, "outage", site, "utility lost"))
        elif report.utility_ok and site in self._out:
            _settle(self._out.pop(site), at_ms, "utility back")
        if not self._starting:
            return
        for reading in report.devices:
            begun = self._starting.get(reading.device)
            if begun is not None and reading.state is DeviceState.RUNNING and at_ms >= begun.at_ms:
                _settle(self._starting.pop(reading.device), at_ms, "running")

    def _request(self, request: OperatorRequest, now_ms: int) -> None:
        if request.id in self._requests:
            return
        self._requests.add(request.id)
        power = "" if request.power_kw is None else f" at {request.power_kw:g} kW"
        reason = f" ({request.reason})" if request.reason else ""
        asked = f"{request.actor}: {request.action.value.replace('_', ' ')}{power}{reason}"
        answer = self._answers.get(request.id, "see the audit log")
        self._add(Happening(now_ms, "operator", request.target, asked, answer, now_ms))

    def _decision(self, record: CycleRecord) -> None:
        for key in record.alarms_raised:
            self._raised(record.at_ms, key)
        for start in record.starts:
            self._start(record.at_ms, start)
        for key in record.alarms_cleared:
            if key in self._alarms:
                _settle(self._alarms.pop(key), record.at_ms, "over")
            kind, _, device = key.partition(":")
            if kind == "failure" and device in self._failed:
                self._failed.pop(device)
        for change in record.substitutions:
            self._replaced(record.at_ms, change)
        self._shortfalls(record)

    def _start(self, at_ms: int, start: StartRecord) -> None:
        text = start.text.removeprefix(f"{start.device} ") or start.trigger
        text = text.removeprefix("started: ").removeprefix("stopped: ")
        if start.order is Order.RUN:
            self._starting[start.device] = self._add(Happening(at_ms, "start", start.device, text))
            return
        begun = self._starting.pop(start.device, None)
        if begun is not None:
            _settle(begun, at_ms, "stopped again")
        failure = self._failed.get(start.device)
        if failure is not None and failure.at_ms == at_ms:
            failure.text = start.trigger.replace("_", " ")
            return
        self._add(Happening(at_ms, "stop", start.device, text))

    def _raised(self, at_ms: int, key: str) -> None:
        kind, _, subject = key.partition(":")
        if kind == "failure":
            begun = self._starting.pop(subject, None)
            if begun is not None:
                _settle(begun, at_ms, "failed")
            self._failed[subject] = self._add(Happening(at_ms, "failure", subject, "failed"))
        elif kind in TOLD_ALARMS:
            told = Happening(at_ms, "alarm", subject, TOLD_ALARMS[kind])
            self._alarms[key] = self._add(told)

    def _replaced(self, at_ms: int, change: Substitution) -> None:
        names = ", ".join(change.replacements)
        failure = self._failed.get(change.failed)
        if failure is None:
            text = change.cause.replace("_", " ") or "failed"
            failure = self._failed[change.failed] = self._add(
                Happening(change.failed_at_ms, "failure", change.failed, text)
            )
        before = f"{failure.outcome.removeprefix('replaced by ')}, " if failure.outcome else ""
        failure.outcome = f"replaced by {before}{names}"
        failure.outcome_at_ms = at_ms

    def _shortfalls(self, record: CycleRecord) -> None:
        for area in record.areas:
            open_ = self._short.get(area.area)
            if area.shortfall_kw > LEAST_SHORTFALL_KW:
                if open_ is not None and record.at_ms - open_[2] <= SAME_SHORTFALL_MS:
                    told, most_kw, _ = open_
                else:
                    told = self._add(Happening(record.at_ms, "shortfall", area.area, ""))
                    most_kw = 0.0
                if area.shortfall_kw > most_kw:
                    most_kw = area.shortfall_kw
                    told.text = f"short of up to {most_kw:,.0f} kW: {area.cause}"
                told.outcome, told.outcome_at_ms = "", None
                self._short[area.area] = (told, most_kw, record.at_ms)
            elif open_ is not None and not open_[0].outcome:
                _settle(open_[0], record.at_ms, "covered")


def _settle(happening: Happening, at_ms: int, outcome: str) -> None:
    seconds = max(0, at_ms - happening.at_ms) / MS_PER_S
    happening.outcome = f"{outcome} after {_length(seconds)}"
    happening.outcome_at_ms = at_ms


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
