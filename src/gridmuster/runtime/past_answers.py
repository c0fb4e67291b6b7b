"""What the reader of the past answers, made step by step so that nobody waits for another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import structs

from gridmuster import __version__
from gridmuster.center.view import DeviceView, PlantView
from gridmuster.clock import stopwatch_s
from gridmuster.console.messages import area_row, device_row, forecast_row, plant_message
from gridmuster.console.pastdocs import (
    PastEvent,
    PastMark,
    PastMoment,
    PastRequest,
    PastSpan,
    PastStates,
    PastTrend,
)
from gridmuster.errors import JournalError
from gridmuster.report.event import make_event
from gridmuster.report.series import columns
from gridmuster.runtime.marks import Marks
from gridmuster.runtime.rewind import Rewinder, Target
from gridmuster.runtime.stretch import read_stretch
from gridmuster.signals import AreaBalance, CycleRecord, Frame, decode
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

#: A step of a trend without a cycle in it is a gap if the last cycle is older than this, ms.
GAP_MS: Final = 60_000
#: Work to do between two looks at what else is asked, s.
SLICE_S: Final = 0.02
NOT_RECORDED: Final = (
    "The journal does not keep how fast plant time ran, whether the center was connected to its "
    "broker, or whether commands were held back because the journal itself could not be written."
)

#: Yields how far it is (0 to 1) and seconds left; returns the answer.
Work = Generator["Underway", None, bytes]


@dataclass(frozen=True, slots=True)
class Underway:
    """Work that is not finished: how far it is, and what can be told already.

    Args:
        progress: from 0 to 1.
        so_far: the answer to give somebody who will not wait.
    """

    progress: float
    so_far: bytes


class Answers:
    """Makes answers from one journal.

    Args:
        journal: the journal, open for reading; used by one thread.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rewinder = Rewinder(journal)
        self.marks = Marks(journal)
        self._first_ms: int | None = None
        self._cycles = self._counted = 0

    def work(self, request: PastRequest) -> Work:
        """The work that a question asks for."""
        makers = {
            "moment": self._moment,
            "span": self._span,
            "trend": self._trend,
            "event": self._event,
            "stretch": self._stretch,
            "question": self._question,
        }
        return makers[request.what](request)

    # -- one moment

    def _moment(self, request: PastRequest) -> Work:
        target = self._rewinder.find(request.from_ms)
        outline = [] if target.decision is None else list(target.decision.areas)
        base = PastMoment(
            asked_ms=request.from_ms,
            at_ms=target.at_ms,
            time_zone=target.zone,
            exact=False,
            progress=0.0,
            left_s=None,
            failed="",
            lacks=["Devices, alarms, decisions and the plan are still being worked out."],
            outline=outline,
        )
        yield Underway(0.0, msgspec.json.encode(base))
        try:
            yield from self._rebuilding(target, base)
        except JournalError as error:
            lacks = ["Devices, alarms, decisions and the plan of this moment.", NOT_RECORDED]
            failed = structs.replace(base, progress=1.0, failed=str(error), lacks=lacks)
            return msgspec.json.encode(failed)
        return msgspec.json.encode(self._shown(base, self._rewinder.view(), request))

    def _rebuilding(self, target: Target, base: PastMoment) -> Generator[Underway, None, None]:
        began_s = told_s = stopwatch_s()
        for step in self._rewinder.rebuild(target):
            now_s = stopwatch_s()
            if now_s - told_s < SLICE_S or not step.done:
                continue
            told_s = now_s
            share = step.done / max(step.total, 1)
            left_s = (now_s - began_s) * (1.0 - share) / max(share, 1e-6)
            so_far = structs.replace(base, progress=share, left_s=round(left_s, 1))
            yield Underway(share, msgspec.json.encode(so_far))

    def _shown(self, base: PastMoment, view: PlantView, request: PastRequest) -> PastMoment:
        page, total, following = _page(view.devices, request)
        return structs.replace(
            base,
            exact=True,
            progress=1.0,
            left_s=0.0,
            lacks=self._lacks(),
            plant=plant_message(view, 0),
            balance=[area_row(area) for area in view.areas],
            forecast=[forecast_row(area) for area in view.areas],
            alarms=view.alarms,
            decisions=sorted(view.decisions, key=lambda one: -one.at_ms),
            commands=sorted(view.commands, key=lambda one: -one.at_ms),
            states=_states(view.devices),
            devices=[device_row(device, view.at_ms) for device in page],
            devices_total=total,
            devices_next=following,
        )

    def _lacks(self) -> list[str]:
        lacks = [NOT_RECORDED]
        if not self._rewinder.same:
            lacks.append(
                f"Gridmuster {self._rewinder.software} recorded other commands in this cycle than "
                f"{__version__} makes of the same messages: figures may differ from those shown "
                "then."
            )
        return lacks

    # -- what there is

    def _span(self, request: PastRequest) -> Work:
        for _ in self.marks.follow():
            yield Underway(0.0, b"")
        if not self.marks.from_ms:
            self.marks.dig()
        return msgspec.json.encode(self._spanned())

    def _spanned(self) -> PastSpan:
        if self._first_ms is None:
            first = next(iter(self._journal.records(kind=Kind.CYCLE)), None)
            if first is None:
                raise JournalError("the journal has no cycle yet; there is no past to show")
            self._first_ms = first.now_ms
        last = self._journal.tail(1)[0]
        self._cycles += self._journal.count(Kind.CYCLE, self._counted, last.sequence)
        self._counted = last.sequence
        _, fleet = self._rewinder.head(last.sequence + 1)
        return PastSpan(
            fleet=fleet.id,
            time_zone=fleet.sites[0].time_zone,
            first_ms=self._first_ms,
            last_ms=last.now_ms,
            cycles=self._cycles,
            sessions=self.marks.sessions(),
            marks=[_within(mark, self._first_ms) for mark in self.marks.marks()],
            marks_from_ms=self.marks.from_ms or last.now_ms,
            marks_complete=self.marks.complete,
        )

    # -- series

    def _trend(self, request: PastRequest) -> Work:
        from_ms, until_ms = request.from_ms, request.until_ms
        step_ms = max(1, (until_ms - from_ms) // max(1, request.points - 1))
        at_ms: list[int] = []
        rows: list[tuple[AreaBalance, ...]] = []
        told_s, last = stopwatch_s(), -1
        for instant_ms in range(from_ms, until_ms + 1, step_ms):
            record = self._journal.at(instant_ms, Kind.CYCLE)
            gap = record is None or record.now_ms < instant_ms - max(GAP_MS, step_ms)
            if gap or record is None:
                at_ms.append(instant_ms)
                rows.append(())
            elif record.sequence != last and record.now_ms >= from_ms:
                last = record.sequence
                at_ms.append(record.now_ms)
                rows.append(_balances(record.frames()[1]))
            if stopwatch_s() - told_s > SLICE_S:
                yield Underway((instant_ms - from_ms) / max(1, until_ms - from_ms), b"")
                told_s = stopwatch_s()
        series = columns(at_ms, rows)
        return msgspec.json.encode(PastTrend(from_ms, until_ms, series.at_ms, series.areas))

    # -- a plan's question

    def _question(self, request: PastRequest) -> Work:
        """The question that a cycle asked the planner, made again; as msgpack."""
        rewinder = Rewinder(self._journal)
        target = rewinder.find(request.from_ms)
        told_s = stopwatch_s()
        for step in rewinder.rebuild(target):
            if stopwatch_s() - told_s > SLICE_S:
                yield Underway(step.done / max(step.total, 1), b"")
                told_s = stopwatch_s()
        if rewinder.asked is None or not rewinder.same:
            raise JournalError(
                f"the cycle that asked for the plan, recorded by Gridmuster {rewinder.software}, "
                f"decides otherwise under {__version__}; its question cannot be made again"
            )
        return msgspec.msgpack.encode(rewinder.asked.problem)

    # -- every device

    def _stretch(self, request: PastRequest) -> Work:
        reading = read_stretch(self._journal, request.from_ms, request.until_ms, request.step_s)
        told_s = stopwatch_s()
        while True:
            try:
                share = next(reading)
            except StopIteration as over:
                return msgspec.json.encode(over.value)
            if stopwatch_s() - told_s > SLICE_S:
                yield Underway(share, b"")
                told_s = stopwatch_s()

    # -- a window

    def _event(self, request: PastRequest) -> Work:
        from_ms, until_ms = request.from_ms, request.until_ms
        making = make_event(self._journal, from_ms, until_ms)
        told_s = stopwatch_s()
        while True:
            try:
                done, total = next(making)
            except StopIteration as over:
                made = PastEvent(from_ms, until_ms, True, 1.0, over.value)
                return msgspec.json.encode(made)
            if stopwatch_s() - told_s > SLICE_S:
                share = done / max(total, 1)
                so_far = PastEvent(from_ms, until_ms, False, round(share, 3))
                yield Underway(share, msgspec.json.encode(so_far))
                told_s = stopwatch_s()


def _balances(outbound: tuple[Frame, ...]) -> tuple[AreaBalance, ...]:
    for frame in outbound:
        if frame.topic.endswith("/center/decision"):
            return decode(frame.payload, CycleRecord).areas
    return ()


def _within(mark: PastMark, first_ms: int) -> PastMark:
    """A mark where it can be looked at: a center begins a moment before its first cycle."""
    return mark if mark.at_ms >= first_ms else structs.replace(mark, at_ms=first_ms)


def _page(
    devices: list[DeviceView], request: PastRequest
) -> tuple[list[DeviceView], int, str | None]:
    """The devices asked for, how many there are in all, and where the next page starts."""
    if not request.area:
        return [], 0, None
    wanted = [device for device in devices if request.area in ("*", device.area)]
    rest = sorted(
        (device for device in wanted if device.id > request.after), key=lambda device: device.id
    )
    page = rest[: request.limit]
    following = page[-1].id if len(rest) > request.limit else None
    return page, len(wanted), following


def _states(devices: list[DeviceView]) -> list[PastStates]:
    counts: Counter[tuple[str, str]] = Counter()
    power_kw: dict[tuple[str, str], float] = {}
    for device in devices:
        key = (device.type, device.state)
        counts[key] += 1
        power_kw[key] = power_kw.get(key, 0.0) + device.power_kw
    return [
        PastStates(kind, state, counts[kind, state], round(power_kw[kind, state], 2))
        for kind, state in sorted(counts)
    ]
