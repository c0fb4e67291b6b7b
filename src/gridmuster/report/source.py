"""A journal as a stream of decoded cycles, in bounded memory.

Messages are routed by topic and held against the topic's own name, as the center does; what is
malformed is counted and left out. A message that is not newer by (at_ms, sequence) than the newest
of its publisher is late or a duplicate: it is counted and kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from gridmuster.center.changes import FleetNotice
from gridmuster.errors import JournalError, SignalError
from gridmuster.fleet.model import Fleet
from gridmuster.report.header import Head, read_head
from gridmuster.signals import (
    Ack,
    CycleRecord,
    DemandReport,
    Frame,
    GridSignal,
    Lease,
    OperatorRequest,
    Price,
    SessionStarted,
    ShellReport,
    SiteCommand,
    SiteReport,
    decode,
)
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record
from gridmuster.topics import Topics

#: Called with records read and records in all.
Progress = Callable[[int, int], None]
#: Records between two calls of a progress callback.
PROGRESS_EVERY: Final = 64

M = TypeVar("M", bound=Struct)
#: A message with the moment it counts for, ms.
Stamped = tuple[int, M]


class PlanNote(Struct, frozen=True):
    """What a report keeps of a plan: how it was solved, not what it says."""

    problem_id: str
    status: str
    seconds: float
    gap: float
    lolp: float = 0.0


@dataclass(slots=True)
class Session:
    """A head in the journal: what holds from here on.

    Args:
        head: the decoded head.
        fleet: its fleet.
        now_ms: plant time of the record, ms.
        restarts: plant time went back, so that counters and order begin anew.
    """

    head: Head
    fleet: Fleet
    now_ms: int
    restarts: bool


@dataclass(slots=True)
class Cycle:
    """One cycle: what arrived and what left, by kind, each in its order.

    A stamp is when the message's content held: its own time, or its arrival when its clock runs
    ahead. ``late`` counts messages that were no news, ``malformed`` those that were none; late
    words of sites are in ``late_reports`` and ``late_demands``.
    """

    now_ms: int
    record: int
    sessions: list[SessionStarted] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    grids: list[Stamped[GridSignal]] = field(default_factory=list)
    reports: list[Stamped[SiteReport]] = field(default_factory=list)
    demands: list[Stamped[DemandReport]] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    requests: list[OperatorRequest] = field(default_factory=list)
    notices: list[FleetNotice] = field(default_factory=list)
    shells: list[ShellReport] = field(default_factory=list)
    plans: list[PlanNote] = field(default_factory=list)
    commands: list[SiteCommand] = field(default_factory=list)
    claims: list[Lease] = field(default_factory=list)
    late_reports: list[Stamped[SiteReport]] = field(default_factory=list)
    late_demands: list[Stamped[DemandReport]] = field(default_factory=list)
    decision: CycleRecord | None = None
    late: int = 0
    malformed: int = 0


class Reader:
    """Decodes the records of one journal.

    Args:
        records: the journal's records in order.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = records
        self._inbound: dict[str, tuple[type[Struct], str, str]] = {}
        self._commands: dict[str, str] = {}
        self._decision = self._lease = ""
        self._history = ""
        self._newest: dict[str, tuple[int, int]] = {}
        self._last_ms: int | None = None
        self._headed = False

    def __iter__(self) -> Iterator[Session | Cycle]:
        """Heads and cycles in order.

        Raises:
            JournalError: when the journal has no head before its first cycle, or cannot be read.
        """
        for record in self._records:
            if record.kind is Kind.HEADER:
                yield self._session(record)
            elif record.kind is Kind.CYCLE:
                yield self._cycle(record)
        if not self._headed:
            raise JournalError("the journal is empty: it has no head")

    def _session(self, record: Record) -> Session:
        head, fleet = read_head(record.body or b"")
        now_ms = head.started_ms or record.now_ms
        restarts = self._last_ms is None or now_ms < self._last_ms
        if restarts:
            self._newest.clear()
            self._last_ms = now_ms
        self._headed = True
        self._route(fleet)
        return Session(head, fleet, now_ms, restarts)

    def _route(self, fleet: Fleet) -> None:
        topics = Topics(fleet.id)
        routes: dict[str, tuple[type[Struct], str, str]] = {}
        self._commands = {}
        for site in fleet.sites:
            routes[topics.report(site.id)] = (SiteReport, "site", site.id)
            routes[topics.demand(site.id)] = (DemandReport, "site", site.id)
            routes[topics.ack(site.id)] = (Ack, "site", site.id)
            self._commands[topics.command(site.id)] = site.id
        for area in fleet.areas:
            routes[topics.grid(area.id)] = (GridSignal, "area", area.id)
            routes[topics.price(area.id)] = (Price, "area", area.id)
        routes[topics.lease] = (Lease, "", "")
        routes[topics.operator] = (OperatorRequest, "", "")
        routes[topics.shell] = (ShellReport, "", "")
        routes[topics.fleet_notice] = (FleetNotice, "", "")
        routes[topics.shell + "/session"] = (SessionStarted, "", "")
        routes[topics.plan_result] = (PlanNote, "", "")
        self._inbound = routes
        self._history = topics.history
        self._decision, self._lease = topics.decision, topics.lease

    def _cycle(self, record: Record) -> Cycle:
        if not self._headed:
            raise JournalError("the journal has cycles before its head")
        cycle = Cycle(record.now_ms, record.sequence)
        inbound, outbound = record.frames()
        for frame in inbound:
            self._take(cycle, frame)
        for frame in outbound:
            if frame.topic in self._commands:
                cycle.commands.append(decode(frame.payload, SiteCommand))
            elif frame.topic == self._decision:
                cycle.decision = decode(frame.payload, CycleRecord)
            elif frame.topic == self._lease:
                cycle.claims.append(decode(frame.payload, Lease))
        self._last_ms = record.now_ms
        return cycle

    def _take(self, cycle: Cycle, frame: Frame) -> None:
        route = self._inbound.get(frame.topic)
        if frame.topic == self._history:
            return  # It teaches forecasts; nothing happens in the plant.
        if route is None:
            cycle.malformed += 1
            return
        kind, attribute, name = route
        try:
            message = _decode_plan(frame) if kind is PlanNote else decode(frame.payload, kind)
        except SignalError:
            cycle.malformed += 1
            return
        if attribute and getattr(message, attribute) != name:
            cycle.malformed += 1
            return
        self._sort(cycle, frame, message)

    def _sort(self, cycle: Cycle, frame: Frame, message: Struct) -> None:
        match message:
            case SiteReport():
                news = self._news(frame.topic, message.at_ms, message.sequence, cycle)
                kept = cycle.reports if news else cycle.late_reports
                kept.append((min(message.at_ms, frame.at_ms), message))
            case DemandReport():
                news = self._news(frame.topic, message.at_ms, message.sequence, cycle)
                listed = cycle.demands if news else cycle.late_demands
                listed.append((min(message.at_ms, frame.at_ms), message))
            case GridSignal():
                if self._news(frame.topic, message.at_ms, message.sequence, cycle):
                    cycle.grids.append((min(message.at_ms, frame.at_ms), message))
            case Price():
                if self._news(frame.topic, message.start_ms, message.at_ms, cycle):
                    cycle.prices.append(message)
            case Ack():
                cycle.acks.append(message)
            case Lease():
                cycle.leases.append(message)
            case OperatorRequest():
                cycle.requests.append(message)
            case FleetNotice():
                cycle.notices.append(message)
            case ShellReport():
                cycle.shells.append(message)
            case SessionStarted():
                cycle.sessions.append(message)
            case PlanNote():
                cycle.plans.append(message)

    def _news(self, topic: str, at_ms: int, sequence: int, cycle: Cycle) -> bool:
        key = (at_ms, sequence)
        newest = self._newest.get(topic)
        if newest is not None and key <= newest:
            cycle.late += 1
            return False
        self._newest[topic] = key
        return True


def _decode_plan(frame: Frame) -> PlanNote:
    """The note of a plan; plans are larger than what may cross the wire, so they have no limit."""
    try:
        return msgspec.json.decode(frame.payload, type=PlanNote)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignalError(f"plan: {error}") from error


def stream(journal: Journal, progress: Progress | None = None) -> Iterator[Session | Cycle]:
    """The heads and cycles of an open journal.

    Args:
        journal: the journal.
        progress: told every now and then how far it is.

    Raises:
        JournalError: when it is empty, damaged, or cannot be read.
    """
    last = journal.tail(1)
    total = last[0].sequence if last else 0

    def counted() -> Iterator[Record]:
        for record in journal.records():
            if progress is not None and record.sequence % PROGRESS_EVERY == 0:
                progress(record.sequence, total)
            yield record
        if progress is not None:
            progress(total, total)

    return iter(Reader(counted()))
