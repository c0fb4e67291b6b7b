"""A new fleet for a running center: let go of what leaves, note the head, go on with a new core.

The head is the change: once it is in the journal the new fleet is in force, and a replay or a
restart goes on with it from there. What comes before (letting devices go) is harmless without it,
and what comes after (listening to new sites) is done again by any start of a session.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from gridmuster.center.changes import DataChange, FleetNotice, History
from gridmuster.center.config import CenterConfig
from gridmuster.center.core import Core
from gridmuster.center.groundwork import Groundwork, first_days, lay
from gridmuster.center.view import AuditEntry, Rejected, Submitted
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.header import Header, decode_header, make_header
from gridmuster.signals import Frame, Scope, encode
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

#: History that enters one cycle, bytes; decoding a megabyte takes some ten milliseconds.
LESSON_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A new fleet with its head and the notices around it.

    Args:
        header: the head that puts it in force.
        fleet: the fleet as the head holds it.
        before: goes into the last cycle of the old core.
        after: goes into the first cycle of the new core.
        ground: what the new core makes of the fleet alone.
    """

    header: Header
    fleet: Fleet
    before: FleetNotice
    after: FleetNotice
    ground: Groundwork


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change that waits for the next boundary, and who waits for its answer."""

    prepared: PreparedChange
    answer: asyncio.Future[Submitted | Rejected]


def prepare_change(
    old: Fleet, new: Fleet, config: CenterConfig, change: DataChange, given: str
) -> PreparedChange:
    """Make all that a change needs before the cycle in which it happens; that may take long.

    Args:
        old: the fleet in force.
        new: a fleet without faults and with the same id.
        config: the core's settings.
        change: who wants it and why.
        given: digest of the fleet that this process was started with.
    """
    header = make_header(new, config, change.at_ms, given=given, change=change)
    fleet = header.fleet()
    places = {device.id: device.site for device in fleet.devices}
    # One that moved to another site leaves the first.
    leaving = tuple(d.id for d in old.devices if places.get(d.id) != d.site)
    joined = tuple(s.id for s in fleet.sites if s.id not in old.site_by_id)
    text = f"{change.actor} changed the fleet: {change.text}"
    users = [user for user in fleet.end_users if user.id not in old.end_user_by_id]
    made = first_days(fleet, users, config, change.at_ms)
    return PreparedChange(
        header,
        fleet,
        FleetNotice(change.at_ms, text, leaving=leaving),
        FleetNotice(change.at_ms, text, joined=joined, changed=True),
        replace(lay(fleet, config), made=made),
    )


def core_under(header: Header, fleet: Fleet, old: Core | None) -> Core:
    """The core that goes on under a head of a journal, with all that the one before remembers.

    Args:
        header: the head; one that tells of a change goes on within the session.
        fleet: the fleet that it holds.
        old: the core after its last cycle, which is not stepped again; None: the journal begins.
    """
    if old is None:
        return Core(fleet, header.config)
    if header.change is None:
        return Core(fleet, header.config, old.state_bytes())
    return Core.following(old, lay(fleet, header.config))


def changes_in(journal: Journal) -> list[DataChange]:
    """Changes of the fleet that a journal holds, oldest first."""
    heads = (decode_header(r.body or b"") for r in journal.records(kind=Kind.HEADER))
    return [head.change for head in heads if head.change is not None]


def audit_entry(number: int, change: DataChange) -> AuditEntry:
    """A change as an entry of the audit log.

    Args:
        number: of the entry.
        change: what was done, and by whom.
    """
    return AuditEntry(
        number=number,
        at_ms=change.at_ms,
        id=change.id,
        actor=change.actor,
        role=change.role,
        action=change.action,
        scope=Scope.FLEET.value,
        target=change.target,
        power_kw=None,
        until_ms=None,
        reason=change.reason,
        applied=True,
        text=change.text,
    )


class Lessons:
    """History on its way to the forecasts, a share with every cycle so that none takes long."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._answer: asyncio.Future[Submitted | Rejected] | None = None
        self._change: DataChange | None = None

    @property
    def waiting(self) -> bool:
        """Whether some of it has not entered a cycle yet, or is not journaled."""
        return self._answer is not None

    def begin(
        self, topic: str, lessons: Sequence[History], change: DataChange
    ) -> asyncio.Future[Submitted | Rejected]:
        """Start giving history; the last frame says who gave it.

        Args:
            topic: label of the frames.
            lessons: past days by series, at least one.
            change: who gives them.
        """
        last = len(lessons) - 1
        for k, lesson in enumerate(lessons):
            said = structs.replace(lesson, at_ms=change.at_ms, change=change if k == last else None)
            self._frames.append(Frame(topic, encode(said), change.at_ms))
        self._change = change
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def next(self) -> list[Frame]:
        """What goes into the next cycle."""
        taken: list[Frame] = []
        size = 0
        while self._frames and size < LESSON_BYTES:
            taken.append(self._frames.popleft())
            size += len(taken[-1].payload)
        return taken

    def settle(self, now_ms: int) -> DataChange | None:
        """Answer once the last of it is in the journal.

        Args:
            now_ms: plant time, ms.

        Returns:
            The change that is complete with this cycle.
        """
        change, answer = self._change, self._answer
        if self._frames or change is None or answer is None:
            return None
        self._change = self._answer = None
        if not answer.done():
            answer.set_result(Submitted(change.id, now_ms, change.text))
        return change
