"""What each engine did in each calendar year, as its permit and NFPA 110 ask for it.

    found = report_compliance("plant.journal", 2026)
    print(found.engines[0].counted_h, found.engines[0].exercises_missed)

Hours, fuel, energy and starts are those of the whole report (`gridmuster.report.machines`), cut
where the site's own calendar year changes: what an engine's counters gained between two readings
belongs to the year of the later one, and the years add up to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from gridmuster.clock import iso, local
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.report.build import cap_h, unit_of
from gridmuster.report.drills import DrillBook, ExerciseEntry
from gridmuster.report.machines import Machine, MachineBook
from gridmuster.report.reordering import Straightener
from gridmuster.report.source import Cycle, Progress, Session, stream
from gridmuster.signals import Order, Purpose, SiteReport, StartRecord
from gridmuster.starts import LocalNeed
from gridmuster.store.journal import Journal
from gridmuster.units import Fuel

#: Litres of a US gallon, cubic metres of a standard cubic foot.
L_PER_GALLON: Final = 3.785411784
M3_PER_SCF: Final = 0.028316846592
#: kg of CO2 a litre (diesel, propane) or cubic metre (gas): 40 CFR 98, subpart C, table C-1
#: (kg/mmBtu x mmBtu a gallon or standard cubic foot, higher heating value); distillate no. 2,
#: propane, natural gas. Hydrogen has no carbon.
CO2_KG_PER_UNIT: Final[dict[Fuel, float]] = {
    Fuel.DIESEL: 73.96 * 0.138 / L_PER_GALLON,
    Fuel.PROPANE: 62.87 * 0.091 / L_PER_GALLON,
    Fuel.NATURAL_GAS: 53.06 * 0.001026 / M3_PER_SCF,
    Fuel.HYDROGEN: 0.0,
}
#: Legal basis of hours in an outage of the site's utility, whatever the run began for.
OUTAGE_BASIS: Final = "real outage: no hour limit"
#: What the fleet file calls nitrogen oxides.
NOX: Final = "nox"
#: Decimals of amounts.
DIGITS: Final = 3


class StartEntry(Struct, frozen=True):
    """One start that the center wrote down: why, who asked, and the conditions asserted for it."""

    at: str
    trigger: str
    legal_basis: str
    binding: str
    runner_up: str
    asked_by: str = ""
    limits: tuple[str, ...] = ()
    local_need: LocalNeed | None = None


class EngineYear(Struct, frozen=True):
    """One engine in one calendar year of its site.

    ``hours_by_purpose`` is by what it ran for, ``hours_by_basis`` by the legal basis the center
    wrote down for the run (empty: none, as for a run that a site decided before it was seen).
    ``counted_h`` is what counts against the permit: all but real outages. ``used_before_h`` is the
    fleet file's ``hours_used_h``, in the year of the engine's first head; ``cap_h`` and ``left_h``
    are None where there is no cap. ``exercise_worth_usd`` is what the energy of exercises was worth
    when they ran, ``exercise_fixed_usd`` at a fixed time, both of the runs for which both are
    known; ``load_bank_last`` and ``load_bank_due`` are as of the journal's end, empty: none.
    ``nox_kg`` is None where the fleet file has no rate of it (``operation.emissions``, ``nox``).
    """

    year: int
    device: str
    site: str
    owner: str
    permit_class: str
    hours_by_purpose: dict[str, float]
    hours_by_basis: dict[str, float]
    run_h: float
    counted_h: float
    used_before_h: float
    cap_h: float | None
    left_h: float | None
    fuel: str
    fuel_amount: float
    fuel_unit: str
    produced_kwh: float
    co2_kg: float
    nox_kg: float | None
    starts: int
    failed_starts: int
    start_log: tuple[StartEntry, ...]
    exercise_log: tuple[ExerciseEntry, ...]
    exercises_met: int
    exercises_missed: int
    exercise_kwh: float
    exercise_worth_usd: float
    exercise_fixed_usd: float
    load_bank_last: str
    load_bank_due: str


class Compliance(Struct, frozen=True):
    """All engines of a journal, year by year; from the first head to the last cycle."""

    fleet: str
    since: str
    until: str
    engines: tuple[EngineYear, ...]


@dataclass(frozen=True)
class _Totals:
    """An engine's books at one moment."""

    by_purpose: dict[str, float]
    by_basis: dict[str, float]
    fuel: float
    produced_kwh: float
    starts: int
    failed_starts: int


class _Engine:
    """One engine's books: the machine's own, hours by legal basis, and years that are over."""

    def __init__(self, machine: Machine, zone: str, at_ms: int) -> None:
        assert machine.generator is not None
        self.machine = machine
        self.zone = zone
        self.basis = ""
        self.by_basis: dict[str, float] = {}
        self.years: dict[int, _Totals] = {}
        self.starts: dict[int, list[StartEntry]] = {}
        self.used_before_h = machine.generator.permit.hours_used_h
        self.first_year = self.year = local(at_ms, zone).year

    def totals(self) -> _Totals:
        """The books as they are now."""
        machine = self.machine
        return _Totals(
            dict(machine.hours_by_basis),
            dict(self.by_basis),
            machine.fuel.total,
            machine.produced.total,
            machine.starts.total,
            machine.failed_starts.total,
        )

    def turn(self, at_ms: int) -> None:
        """Close a year's books when another one has begun."""
        year = local(at_ms, self.zone).year
        if year > self.year:
            self.years[self.year] = self.totals()
            self.year = year

    def started(self, at_ms: int, record: StartRecord) -> None:
        """Note a start that the center wrote down."""
        self.turn(at_ms)
        self.basis = record.legal_basis
        entry = StartEntry(
            iso(at_ms),
            record.trigger,
            record.legal_basis,
            record.binding,
            record.runner_up,
            record.asked_by,
            record.limits,
            record.local_need,
        )
        self.starts.setdefault(self.year, []).append(entry)

    def hours(self) -> tuple[float, float]:
        """Hours booked so far in outages and otherwise, h."""
        booked = self.machine.hours_by_basis
        outage_h = booked.get(Purpose.OUTAGE.value, 0.0)
        return outage_h, sum(booked.values()) - outage_h

    def book(self, before: tuple[float, float]) -> None:
        """Give the hours gained since then to the legal basis in force; outages have their own."""
        after = self.hours()
        for k, basis in enumerate((OUTAGE_BASIS, self.basis)):
            if after[k] != before[k]:
                self.by_basis[basis] = self.by_basis.get(basis, 0.0) + after[k] - before[k]


class ComplianceBook:
    """Fed with a journal's heads and cycles."""

    def __init__(self) -> None:
        self._machines = MachineBook()
        self._drills = DrillBook()
        self._reports: Straightener[SiteReport] = Straightener()
        self._engines: dict[str, _Engine] = {}
        self._fleet: Fleet | None = None
        self._since_ms = self._now_ms = 0
        self._open = False

    def take(self, item: Session | Cycle) -> None:
        """Take the next head or cycle."""
        if isinstance(item, Session):
            self._session(item)
            return
        self._now_ms = item.now_ms
        self._drills.cycle(item)
        for at_ms, report in (*item.late_reports, *item.reports):
            key = (report.at_ms, report.sequence)
            if self._reports.take(item.now_ms, report.site, key, at_ms, report):
                self._report(at_ms, report)
        for at_ms, report in self._reports.due(item.now_ms):
            self._report(at_ms, report)
        if item.decision is not None:
            for record in item.decision.starts:
                engine = self._engines.get(record.device)
                if engine is not None and record.order is Order.RUN:
                    engine.started(item.decision.at_ms, record)
        for command in item.commands:
            self._machines.command(command)

    def compliance(self, year: int | None = None) -> Compliance:
        """Close the books.

        Args:
            year: only this year; None: all.
        """
        self._close()
        fleet = "" if self._fleet is None else self._fleet.id
        return Compliance(
            fleet,
            iso(self._since_ms),
            iso(self._now_ms),
            tuple(
                one
                for engine in self._engines.values()
                for one in self._years(engine)
                if year is None or one.year == year
            ),
        )

    def _session(self, session: Session) -> None:
        if session.restarts:
            self._close()
            if self._fleet is None:
                self._since_ms = session.now_ms
            self._now_ms = session.now_ms
            self._open = True
        self._fleet = session.fleet
        self._machines.session(session.fleet, session.now_ms, session.restarts)
        self._drills.session(session.fleet, session.now_ms)
        for device in session.fleet.devices:
            if isinstance(device, Generator) and device.id not in self._engines:
                zone = session.fleet.site_by_id[device.site].time_zone
                machine = self._machines.machines[device.id]
                self._engines[device.id] = _Engine(machine, zone, session.now_ms)

    def _report(self, at_ms: int, report: SiteReport) -> None:
        assert self._fleet is not None
        heard = [
            (engine, engine.hours())
            for reading in report.devices
            if (engine := self._engines.get(reading.device)) is not None
        ]
        for engine, _ in heard:
            engine.turn(at_ms)
        self._machines.report(at_ms, report)
        for engine, before in heard:
            engine.book(before)
        self._drills.report(at_ms, report)

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        for at_ms, report in self._reports.due(None):
            self._report(at_ms, report)
        self._reports.clear()
        for engine in self._engines.values():
            engine.turn(self._now_ms)
        before = {name: one.hours() for name, one in self._engines.items()}
        self._machines.end(self._now_ms)
        for name, engine in self._engines.items():
            engine.book(before[name])
        self._drills.end(self._now_ms)

    def _years(self, engine: _Engine) -> list[EngineYear]:
        closed = {**engine.years, engine.year: engine.totals()}
        before = _Totals({}, {}, 0.0, 0.0, 0, 0)
        found = []
        for year, after in sorted(closed.items()):
            found.append(self._year(engine, year, before, after))
            before = after
        return found

    def _year(self, engine: _Engine, year: int, before: _Totals, after: _Totals) -> EngineYear:
        assert self._fleet is not None
        device = engine.machine.generator
        assert device is not None
        site = self._fleet.site_by_id.get(device.site)
        hours = _less(after.by_purpose, before.by_purpose)
        run_h = sum(hours.values())
        counted_h = run_h - hours.get(Purpose.OUTAGE.value, 0.0)
        used_before_h = engine.used_before_h if year == engine.first_year else 0.0
        cap = cap_h(device.permit)
        fuel = after.fuel - before.fuel
        drills = self._drills.of_year(device.id, year)
        bank = self._drills.load_bank(device.id)
        priced = [
            (one.worth_usd, one.fixed_usd)
            for one in drills
            if one.worth_usd is not None and one.fixed_usd is not None
        ]
        return EngineYear(
            year=year,
            device=device.id,
            site=device.site,
            owner=site.owner if site is not None else "",
            permit_class=device.permit.rules or device.permit.permit_class.value,
            hours_by_purpose=_rounded(hours),
            hours_by_basis=_rounded(_less(after.by_basis, before.by_basis)),
            run_h=round(run_h, DIGITS),
            counted_h=round(counted_h, DIGITS),
            used_before_h=used_before_h,
            cap_h=cap,
            left_h=None if cap is None else round(cap - used_before_h - counted_h, DIGITS),
            fuel=device.fuel.value,
            fuel_amount=round(fuel, DIGITS),
            fuel_unit=unit_of(device.fuel),
            produced_kwh=round(after.produced_kwh - before.produced_kwh, DIGITS),
            co2_kg=round(fuel * CO2_KG_PER_UNIT[device.fuel], DIGITS),
            nox_kg=_nox_kg(device, fuel),
            starts=int(after.starts - before.starts),
            failed_starts=int(after.failed_starts - before.failed_starts),
            start_log=tuple(engine.starts.get(year, ())),
            exercise_log=drills,
            exercises_met=sum(one.met for one in drills),
            exercises_missed=sum(not one.met for one in drills),
            exercise_kwh=round(sum(one.kwh for one in drills), DIGITS),
            exercise_worth_usd=round(sum(worth for worth, _ in priced), DIGITS),
            exercise_fixed_usd=round(sum(fixed for _, fixed in priced), DIGITS),
            load_bank_last=bank.last,
            load_bank_due=bank.due,
        )


def report_compliance(
    path_or_url: str, year: int | None = None, progress: Progress | None = None
) -> Compliance:
    """What each engine of a journal did, year by year.

    Args:
        path_or_url: path of an SQLite journal, or a database URL.
        year: only this year; None: all.
        progress: told records read and records in all.

    Raises:
        JournalError: when there is none, it is empty or damaged, or cannot be read.
    """
    book = ComplianceBook()
    with Journal.open(path_or_url, read_only=True) as journal:
        for item in stream(journal, progress):
            book.take(item)
    return book.compliance(year)


def _nox_kg(device: Generator, fuel: float) -> float | None:
    """NOx of burnt fuel at the rate that the fleet file tells, kg; None: it tells none."""
    rates = [one.kg_per_fuel for one in device.operation.emissions if one.pollutant == NOX]
    return round(fuel * rates[0], DIGITS) if rates else None


def _less(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def _rounded(values: dict[str, float]) -> dict[str, float]:
    shown = {name: round(value, DIGITS) for name, value in sorted(values.items())}
    return {name: value for name, value in shown.items() if value}
