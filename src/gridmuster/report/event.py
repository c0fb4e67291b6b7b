"""What happened in a window of a journal: energy, starts and what became of them, who did what.

    with Journal.open("plant.journal", read_only=True) as journal:
        report = report_event(journal, from_ms, until_ms)

The figures are those of the whole report (`docs/report.md`), added up over the window alone; what
was before is known only by the window's own first readings. Invariants are judged over whole
journals, not here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from gridmuster.errors import JournalError
from gridmuster.report.books import Books
from gridmuster.report.build import build
from gridmuster.report.figures import AreaFigures, DeviceFigures, FuelFigure, Money, Unserved
from gridmuster.report.happenings import EventBook, Happening
from gridmuster.report.series import EventSeries, SeriesBook
from gridmuster.report.source import Progress, Reader, Session
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record

#: Longest window, ms: a report of a longer time is `gridmuster report` without a window.
MAX_WINDOW_MS: Final = 7 * 24 * 3600 * 1000
#: Most devices that a report lists; the others are in the totals.
MAX_DEVICES: Final = 1000
#: Most happenings that a report lists.
MAX_HAPPENINGS: Final = 1000
#: Most points of the report's chart.
MAX_POINTS: Final = 360


class EventFigures(Struct, frozen=True):
    """The window's figures; each as in `gridmuster.report.figures.Report`."""

    hours: float
    cycles: int
    demand_kwh: float
    served_kwh: float
    unserved_kwh: float
    generation_kwh: float
    generation_kwh_by_type: dict[str, float]
    charging_kwh: float
    import_kwh: float
    export_kwh: float
    losses_kwh: float
    curtailed_kwh: float
    fuel_by_fuel: dict[str, FuelFigure]
    starts: int
    failed_starts: int
    substitutions: int
    commands: int
    acknowledged: int
    refused_by_site: int
    expired: int
    done: int
    failed: int
    operating_expense_usd: float
    operating_expense: Money
    lolp_max: float
    shortfall_kwh: float
    outages: int
    outage_h: float
    alarms_by_kind: dict[str, int]
    unserved: tuple[Unserved, ...]
    areas: tuple[AreaFigures, ...]
    devices: tuple[DeviceFigures, ...]


class EventReport(Struct, frozen=True):
    """What happened from one instant to another.

    ``devices_left_out`` and ``happenings_left_out`` count what is beyond the lists' lengths;
    devices that did nothing are not counted.
    """

    fleet: str
    currency: str
    time_zone: str
    software: tuple[str, ...]
    from_ms: int
    until_ms: int
    figures: EventFigures
    happenings: list[Happening]
    happenings_left_out: int
    devices_left_out: int
    series: EventSeries


class _Answers(Struct, frozen=True):
    answers: dict[str, str] = {}


class _State(Struct, frozen=True):
    """What a report reads of a checkpoint."""

    operator: _Answers = _Answers()


def report_event(
    journal: Journal, from_ms: int, until_ms: int, progress: Progress | None = None
) -> EventReport:
    """Report on a window.

    Args:
        journal: the journal.
        from_ms: its start, ms of plant time.
        until_ms: its end, ms of plant time.
        progress: told records read and records in all.

    Raises:
        JournalError: when the window is empty or too long, or the journal cannot be read.
    """
    making = make_event(journal, from_ms, until_ms)
    while True:
        try:
            done, total = next(making)
        except StopIteration as over:
            made: EventReport = over.value
            return made
        if progress is not None:
            progress(done, total)


def _window(journal: Journal, from_ms: int, until_ms: int) -> tuple[Record, int, int]:
    """The head in force, and the numbers of the records before the first and at the last."""
    if until_ms <= from_ms:
        raise JournalError("the window's end must be after its start")
    if until_ms - from_ms > MAX_WINDOW_MS:
        days = MAX_WINDOW_MS // (24 * 3600 * 1000)
        raise JournalError(
            f"a window may be {days} days long at the most; `gridmuster report` tells of all"
        )
    last = journal.at(until_ms, Kind.CYCLE)
    first = next(iter(journal.records(kind=Kind.CYCLE)), None)
    if last is None or first is None or last.now_ms < from_ms:
        raise JournalError("the journal has no cycle in this window")
    before = journal.at(from_ms - 1, Kind.CYCLE)
    after = first.sequence - 1 if before is None else before.sequence
    head = journal.before(after + 1, Kind.HEADER) or journal.before(last.sequence, Kind.HEADER)
    if head is None:
        raise JournalError("the journal has cycles before its head")
    return head, after, last.sequence


def make_event(
    journal: Journal, from_ms: int, until_ms: int
) -> Generator[tuple[int, int], None, EventReport]:
    """The same step by step: yields records read and records in all, and returns the report."""
    head, after, last = _window(journal, from_ms, until_ms)
    total = last - after
    books, events = Books(), EventBook(_answers(journal))
    series = SeriesBook(from_ms, until_ms, MAX_POINTS)
    zone = ""

    def records() -> Iterator[Record]:
        yield head
        for record in journal.records(after=max(after, head.sequence)):
            if record.sequence > last:
                return
            yield record

    read = 0
    for item in Reader(records()):
        if isinstance(item, Session):
            if not zone:
                item.now_ms = from_ms
                zone = item.fleet.sites[0].time_zone
            books.session(item)
            continue
        books.cycle(item)
        events.take(item)
        series.take(item)
        read = item.record - after
        yield read, total
    books.close()
    return _report(books, events, series, zone, from_ms, until_ms)


def _answers(journal: Journal) -> dict[str, str]:
    """What the center answered to operators, as the last checkpoint remembers it."""
    checkpoint = journal.last_checkpoint()
    if checkpoint is None or checkpoint.body is None:
        return {}
    try:
        return msgspec.msgpack.decode(checkpoint.body, type=_State).operator.answers
    except msgspec.DecodeError:
        # A state of another program's version: the report then leaves the answers out.
        return {}


def _report(
    books: Books,
    events: EventBook,
    series: SeriesBook,
    zone: str,
    from_ms: int,
    until_ms: int,
) -> EventReport:
    whole = build(books, [], {})
    active = [device for device in whole.devices if _did_something(device)]
    active.sort(key=lambda device: (-device.generation_kwh - device.charging_kwh, device.device))
    happenings = events.all()
    kept = {name: getattr(whole, name) for name in EventFigures.__struct_fields__}
    kept["devices"] = tuple(active[:MAX_DEVICES])
    return EventReport(
        fleet=whole.fleet,
        currency=whole.currency,
        time_zone=zone,
        software=whole.software,
        from_ms=from_ms,
        until_ms=until_ms,
        figures=EventFigures(**kept),
        happenings=happenings[:MAX_HAPPENINGS],
        happenings_left_out=max(0, len(happenings) - MAX_HAPPENINGS) + events.dropped,
        devices_left_out=max(0, len(active) - MAX_DEVICES),
        series=series.series(),
    )


def _did_something(device: DeviceFigures) -> bool:
    return bool(
        device.generation_kwh
        or device.charging_kwh
        or device.fuel
        or device.starts
        or device.failed_starts
    )
