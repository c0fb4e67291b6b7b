"""Finds what was notable in a journal, the newest first, a block of records at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gridmuster.console.pastdocs import PastMark, PastSession
from gridmuster.errors import SignalError
from gridmuster.runtime.header import decode_header
from gridmuster.signals import CycleRecord, Frame, OperatorRequest, Order, decode
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record

#: Records read in one block: some minutes' worth, a fraction of a second of work.
BLOCK: Final = 256
#: Most marks kept; older ones are not looked for.
MAX_MARKS: Final = 2000
#: Most sessions told of, the newest.
MAX_SESSIONS: Final = 200
#: A shortfall below this is rounding, kW.
LEAST_SHORTFALL_KW: Final = 0.5
_DECISION: Final = "/center/decision"
_OPERATOR: Final = "/center/operator"
#: Alarms that are marks, by the first word of their key: kind and words.
_ALARMS: Final = {
    "failure": ("failure", "failed"),
    "outage": ("outage", "utility lost"),
    "grid": ("outage", "no word of the area's connection to the utility"),
    "stop": ("command", "emergency stop latched"),
}


class Marks:
    """The marks of one journal.

    Args:
        journal: the journal, open for reading.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._marks: list[PastMark] = []
        self._sessions: list[PastSession] = []
        #: Records from this number to that one have been read.
        self._from = self._until = 0
        self.from_ms = 0
        self._short: set[str] = set()

    @property
    def complete(self) -> bool:
        """Whether all of the journal has been read, or as much as is kept."""
        return self._until > 0 and (self._from <= 1 or len(self._marks) >= MAX_MARKS)

    def marks(self) -> list[PastMark]:
        """What was found so far, the oldest first."""
        return sorted(self._marks, key=lambda mark: mark.at_ms)[-MAX_MARKS:]

    def sessions(self) -> list[PastSession]:
        """The sessions found so far, the oldest first."""
        return sorted(self._sessions, key=lambda one: one.at_ms)[-MAX_SESSIONS:]

    def follow(self) -> Iterator[None]:
        """Read what was written since the last time; yields now and then.

        Raises:
            JournalError: when the journal cannot be read.
        """
        last = self._journal.tail(1)
        newest = last[0].sequence if last else 0
        if not self._until:
            self._from, self._until = newest + 1, newest
            return
        self._short = set()
        for record in self._journal.records(after=self._until):
            self._take(record, record.sequence > self._until)
            self._until = record.sequence
            if record.sequence % BLOCK == 0:
                yield
        if len(self._marks) > 2 * MAX_MARKS:
            self._marks = self.marks()

    def dig(self) -> None:
        """Read one block of older records.

        Raises:
            JournalError: when the journal cannot be read.
        """
        if self.complete or not self._until:
            return
        start = max(0, self._from - 1 - BLOCK)
        self._short = set()
        context = max(0, start - 1)
        for record in self._journal.records(after=context):
            if record.sequence >= self._from:
                break
            self._take(record, record.sequence > start)
            if record.sequence == start + 1:
                self.from_ms = record.now_ms
        self._from = start + 1

    def _take(self, record: Record, counts: bool) -> None:
        """Look at a record; one that does not count only says what stands already."""
        if record.kind is Kind.HEADER and counts:
            software = decode_header(record.body or b"").software
            self._sessions.append(PastSession(record.now_ms, software))
            self._mark(record.now_ms, "session", "", f"center began, software {software}")
        if record.kind is not Kind.CYCLE:
            return
        inbound, outbound = record.frames()
        if counts:
            for frame in inbound:
                if frame.topic.endswith(_OPERATOR):
                    self._request(record.now_ms, frame)
        for frame in outbound:
            if frame.topic.endswith(_DECISION):
                self._decision(decode(frame.payload, CycleRecord), counts)

    def _mark(self, at_ms: int, kind: str, subject: str, text: str) -> None:
        self._marks.append(PastMark(at_ms, kind, subject, text))

    def _request(self, at_ms: int, frame: Frame) -> None:
        try:
            request = decode(frame.payload, OperatorRequest)
        except SignalError:
            return
        words = f"{request.actor}: {request.action.value.replace('_', ' ')} of {request.target}"
        self._mark(at_ms, "command", request.target, words)

    def _decision(self, record: CycleRecord, counts: bool) -> None:
        short = {a.area for a in record.areas if a.shortfall_kw > LEAST_SHORTFALL_KW}
        began, self._short = short - self._short, short
        if not counts:
            return
        for area in record.areas:
            if area.area in began:
                text = f"short of {area.shortfall_kw:,.0f} kW: {area.cause}"
                self._mark(record.at_ms, "shortfall", area.area, text)
        for start in record.starts:
            if start.order is Order.RUN:
                self._mark(record.at_ms, "start", start.device, start.trigger)
        for change in record.substitutions:
            text = f"{', '.join(change.replacements)} took the place of {change.failed}"
            self._mark(record.at_ms, "replacement", change.failed, text)
        for key in record.alarms_raised:
            word, _, subject = key.partition(":")
            if word in _ALARMS:
                self._mark(record.at_ms, _ALARMS[word][0], subject, _ALARMS[word][1])
