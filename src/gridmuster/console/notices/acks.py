"""Who has seen to which alarm; kept in the journal as operators' requests, like every command."""

from __future__ import annotations

from msgspec import Struct

from gridmuster.center.view import AlarmView, AuditEntry
from gridmuster.console.plant import Plant
from gridmuster.signals import Action

#: Audit entries read at once when the center starts.
PAGE = 1000


class Ack(Struct, frozen=True):
    """That somebody has seen to an alarm; ``note`` is what they wrote."""

    alarm: str
    actor: str
    at_ms: int
    note: str


class Acks:
    """The latest acknowledgement of each alarm, as the audit log has them.

    Args:
        plant: whose audit log.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._read = 0
        self._found: dict[str, Ack] = {}

    async def refresh(self) -> None:
        """Read what the audit log has gained, and forget alarms that are over."""
        while entries := await self._plant.audit(self._read, PAGE):
            for entry in entries:
                self._take(entry)
                self._read = max(self._read, entry.number)
        standing = {alarm.id for alarm in self._plant.view().alarms}
        if len(self._found) > 2 * len(standing) + PAGE:
            self._found = {key: ack for key, ack in self._found.items() if key in standing}

    def _take(self, entry: AuditEntry) -> None:
        if entry.action == Action.ACKNOWLEDGE.value and entry.applied:
            self._found[entry.target] = Ack(entry.target, entry.actor, entry.at_ms, entry.reason)

    def of(self, alarm: AlarmView) -> Ack | None:
        """Who has seen to an alarm, if anybody; one that comes again starts anew."""
        ack = self._found.get(alarm.id)
        return ack if ack is not None and ack.at_ms >= alarm.since_ms else None

    def standing(self) -> list[Ack]:
        """The acknowledgements of the alarms that stand."""
        found = (self.of(alarm) for alarm in self._plant.view().alarms)
        return [ack for ack in found if ack is not None]
