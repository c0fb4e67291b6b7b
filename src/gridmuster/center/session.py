"""Who decides: fencing, recovery after a start, and standing down before a newer center."""

from __future__ import annotations

from msgspec import Struct

from gridmuster.center.config import CenterConfig
from gridmuster.center.view import Mode
from gridmuster.signals import Ack, Lease, Outcome, SiteReport
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import MS_PER_S


class SessionMemory(Struct):
    """Who this center is and what it has seen of others; plain data for the checkpoint."""

    center_id: str = ""
    fence: int = 0
    highest_seen: int = 0
    mode: Mode = Mode.RECOVERING
    since_ms: int = 0
    cycle: int = 0
    rival: str = ""
    claimed: int = 0


class Session:
    """Decides whether this center may command.

    A new center listens until every site has spoken, at the most ``recovery_s``, then takes a
    fence above every one it has seen. Where two took the same, the higher id takes a new one and
    the other stands down; a center that sees a higher fence stands down.

    Args:
        config: the center's settings.
        memory: what an earlier session remembered.
    """

    def __init__(self, config: CenterConfig, memory: SessionMemory) -> None:
        self._config = config
        self.memory = memory

    def begin(self, center_id: str, now_ms: int) -> None:
        """A process began under this id; it listens first."""
        memory = self.memory
        memory.center_id = center_id
        memory.mode = Mode.RECOVERING
        memory.since_ms = now_ms
        memory.highest_seen = max(memory.highest_seen, memory.fence)
        memory.rival = ""

    def listen(self, now_ms: int) -> None:
        """New sites joined: hear them before commanding on, under a fence above all of theirs."""
        if self.memory.mode is not Mode.STOOD_DOWN and self.memory.center_id:
            self.begin(self.memory.center_id, now_ms)

    def hear_report(self, report: SiteReport) -> None:
        """Learn what a site has obeyed."""
        self._hear(report.highest_fence, report.fence_holder)

    def hear_ack(self, ack: Ack) -> None:
        """Learn from an answer whom a site obeys."""
        self._hear(ack.highest_fence, ack.fence_holder)
        if ack.outcome is Outcome.REFUSED and ack.highest_fence > self.memory.fence:
            self._stand_down(ack.fence_holder)

    def hear_lease(self, lease: Lease) -> None:
        """Learn of a claim, perhaps one's own."""
        self._hear(lease.fence, lease.center_id)

    def _hear(self, fence: int, holder: str) -> None:
        memory = self.memory
        memory.highest_seen = max(memory.highest_seen, fence)
        if memory.mode is not Mode.COMMANDING or not holder or holder == memory.center_id:
            return
        if fence > memory.fence:
            self._stand_down(holder)
        elif fence == memory.fence:
            if memory.center_id > holder:
                memory.fence = memory.highest_seen = fence + 1
            else:
                self._stand_down(holder)

    def _stand_down(self, rival: str) -> None:
        if self.memory.mode is Mode.COMMANDING:
            self.memory.mode = Mode.STOOD_DOWN
            self.memory.rival = rival

    def advance(self, snapshot: Snapshot) -> bool:
        """Take the fence once the sites were heard.

        Returns:
            Whether this center has a fence to claim by a lease now: it began to command in this
            cycle, or took a higher fence because another center had the same.
        """
        memory = self.memory
        if memory.mode is Mode.RECOVERING and memory.center_id:
            self._take_over(snapshot)
        if memory.mode is not Mode.COMMANDING or memory.claimed == memory.fence:
            return False
        memory.claimed = memory.fence
        return True

    def _take_over(self, snapshot: Snapshot) -> None:
        memory = self.memory
        waited_ms = snapshot.now_ms - memory.since_ms
        heard = all(
            status.report is not None and status.age_s * MS_PER_S <= waited_ms
            for status in snapshot.sites.values()
        )
        if not heard and waited_ms < self._config.recovery_s * MS_PER_S:
            return
        memory.fence = max(memory.highest_seen, memory.fence) + 1
        memory.highest_seen = memory.fence
        memory.mode = Mode.COMMANDING
