"""Runs a simulated year with a progress bar, and judges it by its journal alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gridmuster.clock import iso, monotonic_s, parse_iso
from gridmuster.fleet.model import Fleet
from gridmuster.report import Report, render
from gridmuster.report.yearly import YearFigures, report_year
from gridmuster.runtime.paced import PacedLockstep
from gridmuster.runtime.year import YearOptions, run_year
from gridmuster.units import MS_PER_HOUR

#: Real time between two looks at the progress bar, s.
SHOW_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class SimulateCall:
    """A simulation as asked for on the command line; ``hours`` None: the whole year."""

    fleet: Fleet
    year: int
    seed: int
    hours: float | None
    hardship: float
    journal: Path

    @property
    def length_h(self) -> float:
        """Its length, h."""
        if self.hours is not None:
            return self.hours
        first, last = (
            parse_iso(f"{year}-01-01T00:00:00+00:00") for year in (self.year, self.year + 1)
        )
        return (last - first) / MS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation leaves.

    Args:
        journal: its journal.
        seconds: real time that the run took, s.
        cycles: cycles by their distance from the one before, s.
        report: the report made from the journal.
        figures: what the year is judged by, from the journal.
    """

    journal: Path
    seconds: float
    cycles: dict[int, int]
    report: Report
    figures: YearFigures

    @property
    def broken(self) -> bool:
        """Whether an invariant or a promise was broken, or an exercise missed without a reason."""
        return bool(
            self.report.invariant_violations
            or self.figures.promises_broken
            or self.figures.exercises_unexplained
        )

    def as_json(self) -> str:
        """Everything, keys in a fixed order."""
        body = {
            "journal": str(self.journal),
            "journal_bytes": self.journal.stat().st_size,
            "seconds": round(self.seconds, 3),
            "cycles_by_step_s": {str(step): n for step, n in sorted(self.cycles.items())},
            "year": self.figures,
            "report": self.report,
        }
        return msgspec.json.format(msgspec.json.encode(body), indent=1).decode()

    def show(self) -> None:
        """For people, on standard output."""
        console = Console()
        console.print(render(self.report))
        figures = self.figures
        cycles = sum(self.cycles.values())
        console.print(
            f"{cycles:,} cycles in {self.seconds:,.0f} s, journal "
            f"{self.journal.stat().st_size / 1e6:,.0f} MB\n"
            f"exercises: {figures.exercises_met:,} met, {figures.exercises_missed:,} missed, "
            f"{figures.exercises_unexplained:,} of them without a reason\n"
            f"promises of autonomy: {figures.promises:,} kept over {figures.promise_h:,.0f} "
            f"site-hours, {figures.promises_broken:,} broken; {figures.deliveries:,} deliveries\n"
            f"journal: {self.journal}"
        )
        for text in figures.words[:20]:
            console.print(text, markup=False, highlight=False)


def run_simulate(call: SimulateCall) -> Simulated:
    """Simulate, with a progress bar on standard error, and judge.

    Args:
        call: what was asked for.

    Raises:
        JournalError: when the journal cannot be written or read.
    """
    options = YearOptions(
        call.fleet, call.year, call.seed, call.length_h, call.journal, hardship=call.hardship
    )
    console = Console(stderr=True)
    started_s = last_s = monotonic_s()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("year", total=options.hours * MS_PER_HOUR)

        def told(plant: PacedLockstep) -> None:
            nonlocal last_s
            if monotonic_s() - last_s >= SHOW_EVERY_S:
                last_s = monotonic_s()
                now_ms = plant.clock.now_ms()
                progress.update(task, completed=now_ms - options.start_ms, description=iso(now_ms))

        plant = run_year(options, told)
    seconds = monotonic_s() - started_s
    with console.status("reading the journal"):
        report, figures = report_year(str(call.journal))
    return Simulated(call.journal, seconds, plant.cycles, report, figures)
