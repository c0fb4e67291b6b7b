"""What may have kept an engine from its exercise, as a journal tells it."""

from __future__ import annotations

from typing import Final

from gridmuster.clock import iso
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.report.invariants.plant import FAILED
from gridmuster.signals import (
    CycleRecord,
    DeviceReading,
    DeviceState,
    Order,
    Purpose,
    SiteCommand,
    SiteReport,
    SwitchMode,
)
from gridmuster.units import MS_PER_HOUR

#: A reason is noted again after this time, ms; a missed exercise is explained by what is noted in
#: the longest period before its date.
REASON_EVERY_MS: Final = 6 * MS_PER_HOUR
PERIOD_MS: Final = 31 * 24 * MS_PER_HOUR
#: How the center's alarms begin for what a program asked for and could not be called.
REFUSED: Final = "program:"
#: Why nobody asked for a run.
NOBODY: Final = "no program of its area exercises it, and nobody asked for a run"


class ReasonBook:
    """Follows what may keep engines from their exercises."""

    def __init__(self) -> None:
        self._engines: dict[str, Generator] = {}
        self._left_alone: set[str] = set()
        self._noted: dict[str, list[tuple[int, str]]] = {}
        self._asked: dict[str, int] = {}

    def session(self, fleet: Fleet) -> None:
        """A head: whose engines are followed from here on."""
        for area in fleet.areas:
            programs = area.programs.exercise
            for site in fleet.sites_of_area[area.id]:
                reached = any(one.reaches(site.feeder, site.tags) for one in programs)
                for device in fleet.devices_of_site[site.id]:
                    if isinstance(device, Generator) and device.exercise is not None:
                        self._engines[device.id] = device
                        (self._left_alone.discard if reached else self._left_alone.add)(device.id)

    def command(self, now_ms: int, command: SiteCommand) -> None:
        """Take a command."""
        for setpoint in command.setpoints:
            if setpoint.order is Order.RUN and setpoint.purpose is Purpose.EXERCISE:
                self._asked[setpoint.device] = now_ms

    def decision(self, decision: CycleRecord) -> None:
        """Take what a cycle decided: alarms tell of exercises that could not be called."""
        for alarm in decision.alarms_raised:
            if alarm.startswith(REFUSED):
                device = alarm.rpartition("/")[2].partition(":")[0]
                if device in self._engines:
                    self._note(decision.at_ms, device, "asked for by its program, it was refused")

    def report(self, at_ms: int, report: SiteReport) -> None:
        """Take a site's report."""
        for reading in report.devices:
            engine = self._engines.get(reading.device)
            if engine is not None:
                self._look(at_ms, reading, engine, outage=not report.utility_ok)

    def _look(self, at_ms: int, reading: DeviceReading, engine: Generator, *, outage: bool) -> None:
        if reading.state in FAILED:
            self._note(at_ms, reading.device, f"in fault ({', '.join(reading.alarms)})")
        elif reading.mode not in (SwitchMode.AUTO, SwitchMode.UNKNOWN):
            self._note(at_ms, reading.device, f"switch in {reading.mode.value}")
        elif reading.state is DeviceState.UNKNOWN:
            self._note(at_ms, reading.device, "its controller was silent")
        elif outage:
            self._note(at_ms, reading.device, "its site was in an outage")
        asked_ms = self._asked.get(reading.device)
        exercise = engine.exercise
        if asked_ms is None or exercise is None or reading.state is not DeviceState.RUNNING:
            return
        load = reading.power_kw / engine.rated_kw
        if at_ms > asked_ms and 0.0 < load < exercise.load_share:
            text = f"asked to run, its load of {load:.0%} was below {exercise.load_share:.0%}"
            self._note(at_ms, reading.device, text)

    def _note(self, at_ms: int, device: str, text: str) -> None:
        noted = self._noted.setdefault(device, [])
        if noted and noted[-1][1] == text and at_ms - noted[-1][0] < REASON_EVERY_MS:
            return
        noted.append((at_ms, text))

    def why(self, device: str, due_ms: int) -> str:
        """What kept an engine from the exercise due at an instant; empty: nothing is known.

        Args:
            device: the engine.
            due_ms: when its period ended, ms.
        """
        found = [
            f"{text} at {iso(at_ms)}"
            for at_ms, text in self._noted.get(device, ())
            if due_ms - PERIOD_MS <= at_ms <= due_ms
        ]
        if found:
            return found[-1]
        asked = due_ms - PERIOD_MS <= self._asked.get(device, -PERIOD_MS - 1) <= due_ms
        return NOBODY if device in self._left_alone and not asked else ""
