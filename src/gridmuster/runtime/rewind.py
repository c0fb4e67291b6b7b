"""Makes a past moment again: the nearest state the journal kept, then every cycle up to it.

    rewinder = Rewinder(journal)
    target = rewinder.find(at_ms)
    for step in rewinder.rebuild(target): ...   # steps told as they are done
    view = rewinder.view()

The core that was stepped last is kept, so that a moment a little later costs only the cycles in
between, and so are its states at some moments on the way, so that going back costs little too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from gridmuster import __version__
from gridmuster.center.core import Core
from gridmuster.center.planmemory import PlanRequest
from gridmuster.center.view import PlantView
from gridmuster.errors import JournalError
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.fleet_change import core_under
from gridmuster.runtime.header import Header, decode_header
from gridmuster.signals import CycleRecord, decode
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record
from gridmuster.topics import Topics

#: Cycles between two states kept on the way.
ANCHOR_EVERY: Final = 150
#: Most memory for states kept on the way, bytes.
ANCHOR_BYTES: Final = 64 * 1024 * 1024
#: Heads whose fleets are kept parsed.
HEADS: Final = 2


@dataclass(frozen=True, slots=True)
class Target:
    """A past cycle.

    Args:
        sequence: its record's number.
        at_ms: its plant time, ms.
        decision: what it decided; None when the record does not say.
        zone: IANA zone of the fleet it commanded.
    """

    sequence: int
    at_ms: int
    decision: CycleRecord | None
    zone: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """How far a rebuild is, in cycles."""

    done: int
    total: int


class Rewinder:
    """Rebuilds cores from a journal; used by one thread.

    Args:
        journal: the journal, open for reading.
        anchor_bytes: most memory for states kept on the way.
    """

    def __init__(self, journal: Journal, anchor_bytes: int = ANCHOR_BYTES) -> None:
        self._journal = journal
        self._anchor_bytes = anchor_bytes
        self._anchors: OrderedDict[int, bytes] = OrderedDict()
        self._heads: OrderedDict[int, tuple[Header, Fleet]] = OrderedDict()
        self._core: Core | None = None
        #: Number of the record that the core stands behind.
        self._at = 0
        self._since_anchor = 0
        self._software = ""
        self._same = True
        #: The plan that the last cycle stepped asked for; None: none.
        self.asked: PlanRequest | None = None

    @property
    def kept_bytes(self) -> int:
        """Memory taken by the states kept on the way."""
        return sum(len(state) for state in self._anchors.values())

    @property
    def software(self) -> str:
        """Version of the program that wrote the cycle the core stands behind."""
        return self._software

    @property
    def same(self) -> bool:
        """Whether the last cycle stepped put out what the journal says it did."""
        return self._same

    def find(self, at_ms: int) -> Target:
        """The last cycle that is not after an instant, or the first there is.

        Args:
            at_ms: plant time, ms.

        Raises:
            JournalError: when the journal has no cycle or cannot be read.
        """
        record = self._journal.at(at_ms, Kind.CYCLE)
        if record is None:
            record = next(iter(self._journal.records(kind=Kind.CYCLE)), None)
        if record is None:
            raise JournalError("the journal has no cycle yet; there is no past to show")
        _, fleet = self.head(record.sequence)
        _, outbound = record.frames()
        topic = Topics(fleet.id).decision
        payload = next((frame.payload for frame in outbound if frame.topic == topic), None)
        decision = None if payload is None else decode(payload, CycleRecord)
        return Target(record.sequence, record.now_ms, decision, fleet.sites[0].time_zone)

    def head(self, sequence: int) -> tuple[Header, Fleet]:
        """The head in force for a record, and its fleet.

        Raises:
            JournalError: when there is none, or it cannot be understood.
        """
        record = self._journal.before(sequence, Kind.HEADER)
        if record is None:
            raise JournalError("the journal has cycles before its head; it cannot be shown")
        return self._read_head(record)

    def _read_head(self, record: Record) -> tuple[Header, Fleet]:
        found = self._heads.get(record.sequence)
        if found is None:
            header = decode_header(record.body or b"")
            found = self._heads[record.sequence] = (header, header.fleet())
            while len(self._heads) > HEADS:
                self._heads.popitem(last=False)
        return found

    def rebuild(self, target: Target) -> Iterator[Stepped]:
        """Bring the core to a cycle, step by step; may be left off between two steps.

        Args:
            target: from `find`.

        Raises:
            JournalError: when the journal is damaged, or its states cannot be understood.
        """
        if self._core is None or self._at != target.sequence:
            self._start(target.sequence)
        total = self._journal.count(Kind.CYCLE, self._at, target.sequence)
        done = 0
        yield Stepped(0, total)
        if self._at == target.sequence:
            return
        for record in self._journal.records(after=self._at):
            if record.sequence > target.sequence:
                break
            if record.kind is Kind.HEADER:
                self._begin_session(record)
            elif record.kind is Kind.CYCLE:
                self._step(record, record.sequence == target.sequence)
                done += 1
                self._since_anchor += 1
            self._at = record.sequence
            if self._since_anchor >= ANCHOR_EVERY:
                self._keep_anchor()
            yield Stepped(done, total)

    def view(self) -> PlantView:
        """The view after the cycle that the core stands behind."""
        assert self._core is not None
        return self._core.view()

    def _begin_session(self, record: Record) -> None:
        header, fleet = self._read_head(record)
        self._core = core_under(header, fleet, self._core)
        self._software = header.software

    def _step(self, record: Record, compare: bool) -> None:
        if self._core is None:
            raise JournalError("the journal has cycles before its head; it cannot be shown")
        inbound, outbound = record.frames()
        outbox = self._core.step(record.now_ms, inbound)
        self.asked = outbox.plan_request
        if compare:
            self._same = tuple(outbox.frames) == outbound

    def _keep_anchor(self) -> None:
        assert self._core is not None
        self._since_anchor = 0
        self._anchors[self._at] = self._core.state_bytes()
        while self.kept_bytes > self._anchor_bytes:
            self._anchors.popitem(last=False)

    def _start(self, sequence: int) -> None:
        """Choose where to step from: the core at hand, a state kept on the way, a checkpoint."""
        at_hand = self._at if self._core is not None and self._at <= sequence else -1
        anchor = max((number for number in self._anchors if number < sequence), default=0)
        if at_hand >= anchor > 0:
            return
        checkpoint = self._journal.before(sequence, Kind.CHECKPOINT)
        kept = 0 if checkpoint is None else checkpoint.sequence
        if at_hand >= max(anchor, kept):
            return
        self._since_anchor = 0
        if max(anchor, kept) == 0:
            self._core, self._at = None, 0
        elif anchor > kept:
            self._anchors.move_to_end(anchor)
            self._restore(anchor, self._anchors[anchor])
        else:
            self._restore(kept, None if checkpoint is None else checkpoint.body)

    def _restore(self, sequence: int, state: bytes | None) -> None:
        header, fleet = self.head(sequence)
        try:
            self._core = Core(fleet, header.config, state)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"the state kept in record {sequence} was written by Gridmuster {header.software} "
                f"and cannot be understood by {__version__}: {error}"
            ) from error
        self._at = sequence
        self._software = header.software
