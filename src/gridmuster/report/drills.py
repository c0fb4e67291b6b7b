"""The exercise log: each period in which an engine was due, and the run that met it, or none.

With each run what its energy was worth, with each miss what kept the engine from it, and by when
and whether a load-bank run made up for misses.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, structs

from gridmuster.clock import iso, local, parse_iso
from gridmuster.fleet.devices import Exercise, Generator
from gridmuster.fleet.model import Fleet
from gridmuster.programs.exercise import Exercised, bank_due_ms, due_ms, note
from gridmuster.report.drillreasons import ReasonBook
from gridmuster.report.drillworth import PriceBook
from gridmuster.report.source import Cycle
from gridmuster.signals import SiteReport
from gridmuster.units import Fuel

#: Decimals of amounts.
DIGITS: Final = 3


class ExerciseEntry(Struct, frozen=True):
    """One period: by when a run was due, and from when to when it was at its load.

    ``from_`` and ``until`` are empty when none was: the exercise was missed, and ``why`` tells what
    kept the engine from it, as far as the journal shows. ``kwh`` is the run's energy, ``worth_usd``
    that at the area's price then, ``fixed_usd`` at a fixed time of the same month; None: no price.
    """

    due: str
    met: bool
    from_: str = ""
    until: str = ""
    kwh: float = 0.0
    worth_usd: float | None = None
    fixed_usd: float | None = None
    why: str = ""


class LoadBank(Struct, frozen=True):
    """An engine's last load-bank run, and by when one is due; empty: none."""

    last: str = ""
    due: str = ""


class _Log:
    """One engine's periods. A period begins where the last counted run, or a missed one, ended."""

    def __init__(self, device: Generator, exercise: Exercise, zone: str, at_ms: int) -> None:
        self.device, self.exercise = device, exercise
        self.zone = zone
        self.missed_ms = -1
        self._begun_kwh = 0.0
        self.known: Exercised | None = None
        self.due = due_ms(exercise, at_ms, zone)
        self.entries: list[tuple[int, ExerciseEntry]] = []
        self._run_ms = -1

    def pass_to(self, at_ms: int) -> None:
        """Book what was due by an instant and was not done."""
        while self.due <= at_ms:
            year = local(self.due, self.zone).year
            self.entries.append((year, ExerciseEntry(iso(self.due), met=False)))
            if self.missed_ms < 0:
                self.missed_ms = self.due
            self.due = due_ms(self.exercise, self.due, self.zone)

    def take(self, at_ms: int, power_kw: float, produced_kwh: float) -> None:
        """Take a reading."""
        done_before_ms = -1 if self.known is None else self.known.done_ms
        rated_kw = self.device.rated_kw
        begun_ms = -1 if self.known is None else self.known.loaded_ms
        self.known = note(
            self.known, at_ms, power_kw / rated_kw, self.exercise, produced_kwh / rated_kw
        )
        if self.known.loaded_ms != begun_ms:
            self._begun_kwh = produced_kwh
        if 0 <= self.missed_ms < self.known.bank_ms and self.missed_ms < self.known.done_ms:
            self.missed_ms = -1
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
        kwh = round(produced_kwh - self._begun_kwh, DIGITS)
        entry = ExerciseEntry(due, True, iso(self.known.loaded_ms), iso(self.known.done_ms), kwh)
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
        self._areas: dict[str, str] = {}
        self._prices = PriceBook()
        self._reasons = ReasonBook()

    def session(self, fleet: Fleet, now_ms: int) -> None:
        """A head: engines that are new begin their first period."""
        for device in fleet.devices:
            if isinstance(device, Generator) and device.exercise is not None:
                site = fleet.site_by_id[device.site]
                self._areas[device.id] = site.area
                known = self._logs.get(device.id)
                if known is None:
                    self._logs[device.id] = _Log(device, device.exercise, site.time_zone, now_ms)
                else:
                    known.exercise, known.device = device.exercise, device
        self._reasons.session(fleet)

    def cycle(self, cycle: Cycle) -> None:
        """Take what a cycle tells of prices, commands and refusals; reports apart."""
        for price in cycle.prices:
            self._prices.take(price)
        for command in cycle.commands:
            self._reasons.command(cycle.now_ms, command)
        if cycle.decision is not None and cycle.decision.alarms_raised:
            self._reasons.decision(cycle.decision)

    def report(self, at_ms: int, report: SiteReport) -> None:
        """Take a site's report."""
        for reading in report.devices:
            log = self._logs.get(reading.device)
            if log is not None:
                log.take(at_ms, reading.power_kw, reading.produced_kwh)
        self._reasons.report(at_ms, report)

    def end(self, now_ms: int) -> None:
        """Close at the end: what was due by then and was not done is missed."""
        for log in self._logs.values():
            log.pass_to(now_ms)

    def entries(self, device: str) -> list[ExerciseEntry]:
        """An engine's whole log."""
        log = self._logs.get(device)
        return [] if log is None else [self._told(device, log, entry) for _, entry in log.entries]

    def of_year(self, device: str, year: int) -> tuple[ExerciseEntry, ...]:
        """An engine's log of a calendar year of its site."""
        log = self._logs.get(device)
        if log is None:
            return ()
        return tuple(self._told(device, log, one) for at, one in log.entries if at == year)

    def load_bank(self, device: str) -> LoadBank:
        """An engine's load-bank runs, as they stand at the end."""
        log = self._logs.get(device)
        if log is None or log.known is None:
            return LoadBank()
        due = None
        if log.device.fuel is Fuel.DIESEL:
            due = bank_due_ms(log.known, log.missed_ms, log.zone)
        last_ms = log.known.bank_ms
        return LoadBank("" if last_ms < 0 else iso(last_ms), "" if due is None else iso(due))

    def _told(self, device: str, log: _Log, entry: ExerciseEntry) -> ExerciseEntry:
        """A period with what its energy was worth, or why it was missed."""
        if not entry.met:
            return structs.replace(entry, why=self._reasons.why(device, parse_iso(entry.due)))
        from_ms, until_ms = parse_iso(entry.from_), parse_iso(entry.until)
        area = self._areas[device]
        usd = self._prices.mean_usd_per_kwh(area, from_ms, max(until_ms, from_ms + 1))
        fixed = self._prices.fixed_usd_per_kwh(area, log.zone, from_ms)
        return structs.replace(
            entry,
            worth_usd=None if usd is None else round(usd * entry.kwh, DIGITS),
            fixed_usd=None if fixed is None else round(fixed * entry.kwh, DIGITS),
        )
