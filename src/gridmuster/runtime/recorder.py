"""Steps the core and writes everything down before anything is sent.

Nothing is commanded that is not recorded first: when the journal cannot be written, the cycle's
frames are held back, the cycle waits in memory, and the center says that it refuses to command
until the journal takes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from gridmuster.center.core import Core
from gridmuster.center.memory import Outbox
from gridmuster.center.view import Mode
from gridmuster.clock import stopwatch_s
from gridmuster.errors import JournalError
from gridmuster.runtime.fleet_change import PreparedChange
from gridmuster.runtime.header import encode_header, newest_header
from gridmuster.signals import Frame, SessionStarted, ShellReport, encode
from gridmuster.store.journal import Journal
from gridmuster.topics import Topics

#: Cycles that may wait for the journal; when as many wait, the core is no longer stepped.
BACKLOG = 900
#: Cycle times are told to the core in batches of this many.
REPORT_EVERY = 15


@dataclass(frozen=True, slots=True)
class Waiting:
    """A cycle that the journal has not taken yet."""

    now_ms: int
    inbound: Sequence[Frame]
    outbound: Sequence[Frame]


class RecordedCore:
    """A core with its journal.

    Args:
        core: the core.
        journal: where every cycle goes.
        center_id: the id of this process as a decider.
    """

    def __init__(self, core: Core, journal: Journal, center_id: str) -> None:
        self.core = core
        self.center_id = center_id
        self.error = ""
        self._journal = journal
        self._topics = Topics(core.fleet.id)
        self._sendable = f"{self._topics.root}/site/"
        self._waiting: deque[Waiting] = deque()
        self._cycle_ms: list[float] = []
        self._missed = 0
        self._extra: list[Frame] = []
        self._checkpoint_due_ms = 0

    def begin(self, now_ms: int, software: str) -> None:
        """Put the session's start into the next inbox."""
        started = SessionStarted(self.center_id, now_ms, software)
        self._extra.append(Frame(self.core.router.session_topic, encode(started), now_ms))

    def add(self, frame: Frame) -> None:
        """Put a frame that no bus carries (a plan, a request) into the next inbox."""
        self._extra.append(frame)

    def given(self) -> str:
        """Digest of the fleet that this process was started with."""
        newest = newest_header(self._journal)
        return "" if newest is None else newest.given

    def announce(self, change: PreparedChange) -> None:
        """Let the next cycle be the last one before a change of the fleet."""
        self.add(Frame(self._topics.fleet_notice, encode(change.before), change.before.at_ms))

    def change_fleet(self, change: PreparedChange) -> None:
        """Go on with a new fleet from the next cycle on; on a cycle's boundary only.

        Args:
            change: the new fleet; its head is appended.

        Raises:
            JournalError: when the head cannot be written; then nothing has changed.
        """
        # In force from the cycle that was last: a head before it would look like time gone back.
        header = structs.replace(change.header, started_ms=self.core.now_ms)
        self._journal.append_header(encode_header(header), self.core.now_ms)
        self.core = Core.following(self.core, change.ground)
        # First in the next inbox, before plans that were asked for by the core of before.
        notice = encode(change.after)
        self._extra.insert(0, Frame(self._topics.fleet_notice, notice, self.core.now_ms))

    def missed(self, cycles: int) -> None:
        """Note cycles that were skipped because the one before took too long."""
        self._missed += cycles

    @property
    def refusing(self) -> bool:
        """Whether commands are held back because the journal cannot be written."""
        return bool(self._waiting)

    @property
    def mode(self) -> Mode:
        """The core's mode, or refusing."""
        return Mode.REFUSING if self.refusing else self.core.state.session.mode

    def cycle(self, now_ms: int, arrived: Sequence[Frame]) -> tuple[list[Frame], Outbox | None]:
        """One cycle: step, record, and only then let go.

        Args:
            now_ms: plant time, ms.
            arrived: frames from the bus since the last cycle.

        Returns:
            The frames to send now and the whole outbox; no outbox when the core was not stepped
            because too many cycles wait for the journal.
        """
        if len(self._waiting) >= BACKLOG and not self._flush():
            self._extra.extend(arrived)
            return [], None
        started_s = stopwatch_s()
        if len(self._cycle_ms) >= REPORT_EVERY or self._missed:
            report = ShellReport(now_ms, tuple(self._cycle_ms), self._missed)
            self._extra.append(Frame(self._topics.shell, encode(report), now_ms))
            self._cycle_ms, self._missed = [], 0
        inbox = [*self._extra, *arrived]
        self._extra = []
        outbox = self.core.step(now_ms, inbox)
        self._waiting.append(Waiting(now_ms, inbox, outbox.frames))
        sent = [frame for frame in outbox.frames if self._goes_out(frame)] if self._flush() else []
        self._cycle_ms.append(round((stopwatch_s() - started_s) * 1000.0, 3))
        return sent, outbox

    def _goes_out(self, frame: Frame) -> bool:
        return frame.topic.startswith(self._sendable) or frame.topic == self._topics.lease

    def _flush(self) -> bool:
        try:
            while self._waiting:
                first = self._waiting[0]
                self._journal.append_cycle(first.now_ms, first.inbound, first.outbound)
                self._waiting.popleft()
        except JournalError as error:
            self.error = str(error)
            return False
        self._checkpoint()
        return True

    def _checkpoint(self) -> None:
        now_ms = self.core.now_ms
        if now_ms >= self._checkpoint_due_ms:
            if self._checkpoint_due_ms:
                try:
                    self._journal.append_checkpoint(now_ms, self.core.state_bytes())
                except JournalError as error:
                    # Every cycle is recorded all the same; a rebuild only takes longer.
                    self.error = str(error)
                    return
            self._checkpoint_due_ms = now_ms + self.core.config.checkpoint_every_s * 1000
        self.error = ""
