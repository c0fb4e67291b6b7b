"""Alarms: raised and cleared on the edge, with cause, age and what to do."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from gridmuster.center.view import AlarmView


class Severity(StrEnum):
    """How soon a person must look."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"


class Alarm(Struct):
    """One standing alarm."""

    severity: Severity
    subject: str
    text: str
    advice: str
    since_ms: int


class AlarmMemory(Struct):
    """Standing alarms by key; plain data for the checkpoint."""

    standing: dict[str, Alarm] = field(default_factory=dict)


class AlarmBoard:
    """Collects what is wrong in a cycle and keeps what persists.

    Args:
        memory: what an earlier board remembered.
    """

    def __init__(self, memory: AlarmMemory) -> None:
        self.memory = memory
        self._seen: dict[str, Alarm] = {}

    def begin(self) -> None:
        """Start a cycle: what is not raised again in it will be cleared."""
        self._seen = {}

    def raise_alarm(
        self, key: str, severity: Severity, subject: str, text: str, advice: str
    ) -> None:
        """Say that something is wrong now.

        Args:
            key: what identifies the alarm from cycle to cycle.
            severity: how soon a person must look.
            subject: the site, device, area or end-user it is about.
            text: what is wrong.
            advice: what to do.
        """
        self._seen[key] = Alarm(severity, subject, text, advice, 0)

    def settle(self, now_ms: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """End a cycle.

        Returns:
            Keys raised and keys cleared since the last cycle.
        """
        standing = self.memory.standing
        raised = []
        for key, alarm in self._seen.items():
            old = standing.get(key)
            alarm.since_ms = now_ms if old is None else old.since_ms
            if old is None:
                raised.append(key)
            standing[key] = alarm
        cleared = [key for key in standing if key not in self._seen]
        for key in cleared:
            del standing[key]
        return tuple(raised), tuple(cleared)

    def views(self) -> list[AlarmView]:
        """Standing alarms, the most severe and oldest first."""
        order = list(Severity)
        return [
            AlarmView(key, a.severity.value, a.subject, a.text, a.advice, a.since_ms)
            for key, a in sorted(
                self.memory.standing.items(),
                key=lambda item: (order.index(item[1].severity), item[1].since_ms, item[0]),
            )
        ]
