"""Reads from the journal what every device did in a stretch of time, as the console keeps it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import numpy as np

from gridmuster.center.account import StartView
from gridmuster.center.view import CommandView
from gridmuster.console.pastdocs import PastAnswer, PastChange, PastStart, PastStretch
from gridmuster.errors import SignalError
from gridmuster.signals import (
    Ack,
    CycleRecord,
    DeviceReading,
    DeviceState,
    Frame,
    Quality,
    Setpoint,
    SiteCommand,
    SiteReport,
    decode,
)
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind, Record
from gridmuster.units import MS_PER_S

#: Read before a stretch, to know what held when it began: commands are renewed within it, ms.
BEFORE_MS: Final = 60_000
#: Without a report for so long nothing is known of a device, ms; without a cycle, of any.
SILENT_MS: Final = 60_000
_REPORT: Final = "/up/report"
_ACK: Final = "/up/ack"
_COMMAND: Final = "/down/command"
_DECISION: Final = "/center/decision"
#: A record that starts nothing does not have the word: it need not be read.
_STARTS: Final = b'"starts"'
_NAN: Final = float("nan")


class _Kept:
    """What is known of one device while a stretch is read."""

    __slots__ = ("heard_ms", "level", "power_kw", "setpoint_kw", "state")

    def __init__(self) -> None:
        self.heard_ms = 0
        self.power_kw = self.setpoint_kw = self.level = _NAN
        self.state: DeviceState | None = None

    def take(self, reading: DeviceReading, now_ms: int) -> None:
        known = reading.quality in (Quality.GOOD, Quality.ESTIMATED)
        self.power_kw = reading.power_kw if known else _NAN
        level = reading.fuel_level if reading.energy_kwh is None else reading.energy_kwh
        self.level = _NAN if level is None else level
        self.heard_ms = now_ms

    def values(self, now_ms: int) -> tuple[float, float, float]:
        heard = now_ms - self.heard_ms <= SILENT_MS
        return self.power_kw if heard else _NAN, self.setpoint_kw, self.level


class _Reading:
    """Collects a stretch cycle by cycle.

    Args:
        from_ms: its first instant, ms.
        until_ms: its last instant, ms.
        step_s: plant time between samples, s.
    """

    def __init__(self, from_ms: int, until_ms: int, step_s: int) -> None:
        self._from_ms, self._until_ms = from_ms, until_ms
        self._step_ms = step_s * MS_PER_S
        self._devices: dict[str, _Kept] = {}
        self._stamps: dict[str, int] = {}
        self._asked: dict[str, dict[str, Setpoint]] = {}
        self._times_ms: list[int] = []
        self._rows: list[list[tuple[float, float, float]]] = []
        self._due_ms = self._last_ms = 0
        self._changes: list[PastChange] = []
        self._starts: list[PastStart] = []
        self._commands: list[CommandView] = []
        self._answers: dict[str, PastAnswer] = {}
        self._begun = False

    def take(self, record: Record) -> None:
        """Take a cycle, those around the stretch too."""
        now_ms = record.now_ms
        inbound, outbound = record.frames()
        self._begin(now_ms)
        for frame in inbound:
            if frame.topic.endswith(_REPORT):
                self._report(frame, now_ms)
            elif self._begun and frame.topic.endswith(_ACK):
                self._ack(frame)
        for frame in outbound:
            if frame.topic.endswith(_COMMAND):
                self._command(decode(frame.payload, SiteCommand), now_ms)
            elif self._begun and frame.topic.endswith(_DECISION) and _STARTS in frame.payload:
                self._decision(decode(frame.payload, CycleRecord))
        self._sample(now_ms)

    def _begin(self, now_ms: int) -> None:
        if self._begun or now_ms < self._from_ms:
            return
        self._begun = True
        for device, kept in self._devices.items():
            if kept.state is not None and now_ms - kept.heard_ms <= SILENT_MS:
                self._changes.append(PastChange(self._from_ms, device, kept.state.value))
            else:
                kept.state = None

    def _report(self, frame: Frame, now_ms: int) -> None:
        try:
            report = decode(frame.payload, SiteReport)
        except SignalError:
            return
        # What was stored while a link was cut comes late and in a bunch; the newest counts.
        if report.at_ms <= self._stamps.get(report.site, -1):
            return
        self._stamps[report.site] = report.at_ms
        for reading in report.devices:
            kept = self._devices.setdefault(reading.device, _Kept())
            if self._begun and reading.state is not kept.state:
                self._changes.append(PastChange(now_ms, reading.device, reading.state.value))
            kept.state = reading.state
            kept.take(reading, now_ms)

    def _command(self, command: SiteCommand, now_ms: int) -> None:
        """A command as people see it: the devices of which it asks something else than before."""
        before = self._asked.get(command.site, {})
        asked = self._asked[command.site] = {one.device: one for one in command.setpoints}
        for device in before.keys() - asked.keys():
            self._devices[device].setpoint_kw = _NAN
        for setpoint in command.setpoints:
            kept = self._devices.setdefault(setpoint.device, _Kept())
            kept.setpoint_kw = setpoint.power_kw
            old = before.get(setpoint.device)
            same = old is not None and (old.order, old.power_kw) == (
                setpoint.order,
                setpoint.power_kw,
            )
            if self._begun and not same:
                self._commands.append(
                    CommandView(
                        command.id,
                        now_ms,
                        command.site,
                        setpoint.device,
                        setpoint.order.value,
                        setpoint.power_kw,
                        "sent",
                        "",
                        None,
                    )
                )

    def _ack(self, frame: Frame) -> None:
        try:
            ack = decode(frame.payload, Ack)
        except SignalError:
            return
        earlier = self._answers.get(ack.command_id)
        self._answers[ack.command_id] = PastAnswer(
            ack.command_id,
            frame.at_ms if earlier is None else earlier.first_ms,
            ack.outcome.value,
            ack.reason,
            {one.device: (one.outcome.value, one.reason) for one in ack.devices},
        )

    def _decision(self, record: CycleRecord) -> None:
        for start in record.starts:
            view = StartView(
                record.at_ms,
                start.order.value,
                start.trigger,
                start.legal_basis,
                start.binding,
                start.runner_up,
                start.text,
            )
            self._starts.append(PastStart(start.device, view))

    def _sample(self, now_ms: int) -> None:
        gap = self._last_ms and now_ms - self._last_ms > max(SILENT_MS, 2 * self._step_ms)
        self._last_ms = now_ms
        if not self._begun:
            return
        if gap:
            self._times_ms.append(max(now_ms - 1, self._from_ms))
            self._rows.append([])
        if gap or now_ms >= self._due_ms:
            self._due_ms = now_ms - now_ms % self._step_ms + self._step_ms
            self._times_ms.append(now_ms)
            self._rows.append([kept.values(now_ms) for kept in self._devices.values()])

    def told(self, older: bool) -> PastStretch:
        """The stretch.

        Args:
            older: whether the journal holds something before it.
        """
        table = np.full((len(self._rows), len(self._devices), 3), np.nan, np.float32)
        for place, row in enumerate(self._rows):
            if row:
                table[place, : len(row)] = row
        return PastStretch(
            from_ms=self._from_ms,
            until_ms=self._until_ms,
            older=older,
            devices=list(self._devices),
            times_ms=self._times_ms,
            values=table.tobytes(),
            changes=self._changes,
            starts=self._starts,
            commands=self._commands,
            answers=list(self._answers.values()),
        )


def read_stretch(
    journal: Journal, from_ms: int, until_ms: int, step_s: int
) -> Generator[float, None, PastStretch]:
    """Read a stretch, a cycle at a time.

    Args:
        journal: the journal.
        from_ms: its first instant, ms of plant time.
        until_ms: its last instant, ms of plant time.
        step_s: plant time between samples, s.

    Yields:
        How far it is, 0 to 1.

    Raises:
        JournalError: when the journal cannot be read.
    """
    reading = _Reading(from_ms, until_ms, step_s)
    before = journal.at(from_ms - 1)
    start = journal.at(from_ms - BEFORE_MS)
    for record in journal.records(after=0 if start is None else start.sequence):
        if record.now_ms > until_ms:
            break
        if record.kind is Kind.CYCLE:
            reading.take(record)
            yield min(max((record.now_ms - from_ms) / max(until_ms - from_ms, 1), 0.0), 1.0)
    return reading.told(before is not None)
