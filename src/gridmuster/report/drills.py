"""The exercise log: each period in which an engine was due, and the run that met it, or none."""

from __future__ import annotations

from msgspec import Struct

from gridmuster.clock import iso, local
from gridmuster.fleet.devices import Exercise, Generator
from gridmuster.fleet.model import Fleet
from gridmuster.programs.exercise import Exercised, due_ms, note
from gridmuster.signals import SiteReport


class ExerciseEntry(Struct, frozen=True):
    """One period: by when a run was due, and from when to when it was at its load.

    ``from_`` and ``until`` are empty when none was: the exercise was missed.
    """

    due: str
    met: bool
    from_: str = ""
    until: str = ""


class _Log:
    """One engine's periods. A period begins where the last counted run, or a missed one, ended."""

    def __init__(self, exercise: Exercise, zone: str, rated_kw: float, at_ms: int) -> None:
        self.exercise = exercise
        self.zone = zone
        self.rated_kw = rated_kw
        self.known: Exercised | None = None
        self.due = due_ms(exercise, at_ms, zone)
        self.entries: list[tuple[int, ExerciseEntry]] = []
        self._run_ms = -1

    def pass_to(self, at_ms: int) -> None:
        """Book what was due by an instant and was not done."""
        while self.due <= at_ms:
            year = local(self.due, self.zone).year
            self.entries.append((year, ExerciseEntry(iso(self.due), met=False)))
            self.due = due_ms(self.exercise, self.due, self.zone)

    def take(self, at_ms: int, power_kw: float, produced_kwh: float) -> None:
        """Take a reading."""
        done_before_ms = -1 if self.known is None else self.known.done_ms
        rated_kw = self.rated_kw
        self.known = note(
            self.known, at_ms, power_kw / rated_kw, self.exercise, produced_kwh / rated_kw
        )
        if self.known.done_ms == done_before_ms:
            self.pass_to(at_ms)
            return
        if self._run_ms == self.known.loaded_ms:
            _, last = self.entries.pop()
            due = last.due
        else:
            self.pass_to(at_ms - 1)
            due = iso(self.due)
            self._run_ms = self.known.loaded_ms
        entry = ExerciseEntry(due, True, iso(self.known.loaded_ms), iso(self.known.done_ms))
        self.entries.append((local(self.known.done_ms, self.zone).year, entry))
        self.due = due_ms(self.exercise, self.known.done_ms, self.zone)


class DrillBook:
    """The logs of all engines with a schedule.

    A run counts by the same definition as at the center (`programs.exercise`). A missed period is
    booked when it is over, and the next one is due a period later; the center's own due date stays
    where it is until a run counts.
    """

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}

    def session(self, fleet: Fleet, now_ms: int) -> None:
        """A head: engines that are new begin their first period."""
        for device in fleet.devices:
            if isinstance(device, Generator) and device.exercise is not None:
                zone = fleet.site_by_id[device.site].time_zone
                known = self._logs.get(device.id)
                if known is None:
                    self._logs[device.id] = _Log(device.exercise, zone, device.rated_kw, now_ms)
                else:
                    known.exercise, known.rated_kw = device.exercise, device.rated_kw

    def report(self, at_ms: int, report: SiteReport) -> None:
        """Take a site's report."""
        for reading in report.devices:
            log = self._logs.get(reading.device)
            if log is not None:
                log.take(at_ms, reading.power_kw, reading.produced_kwh)

    def end(self, now_ms: int) -> None:
        """Close at the end: what was due by then and was not done is missed."""
        for log in self._logs.values():
            log.pass_to(now_ms)

    def entries(self, device: str) -> list[ExerciseEntry]:
        """An engine's whole log."""
        log = self._logs.get(device)
        return [] if log is None else [entry for _, entry in log.entries]

    def of_year(self, device: str, year: int) -> tuple[ExerciseEntry, ...]:
        """An engine's log of a calendar year of its site."""
        log = self._logs.get(device)
        return () if log is None else tuple(one for at, one in log.entries if at == year)
