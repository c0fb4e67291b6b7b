"""Runs a simulated year with a progress bar, and judges it by its journals alone.

Areas that share nothing have a center each, as an operator of several regions has, with a journal
of its own; as many run at once as there are cores. Nothing depends on how many that are.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gridmuster.clock import iso, monotonic_s, parse_iso
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.regions import regions
from gridmuster.report import Report, render
from gridmuster.report.yearly import YearFigures, report_year
from gridmuster.runtime.heap import release_heap, settle_heap
from gridmuster.runtime.paced import PacedLockstep
from gridmuster.runtime.year import YearOptions, run_year
from gridmuster.units import MS_PER_HOUR

#: Real time between two looks at the progress bar, s.
SHOW_EVERY_S = 0.25
#: Plant time of each region, ms, as its process has come; told by the processes.
_reached: list[SynchronizedArray[float]] = []


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

    def parts(self) -> list[YearOptions]:
        """What each center of it is to do."""
        fleets = regions(self.fleet)
        return [
            YearOptions(
                fleet,
                self.year,
                self.seed,
                self.length_h,
                self._journal(fleet, alone=len(fleets) == 1),
                hardship=self.hardship,
            )
            for fleet in fleets
        ]

    def _journal(self, fleet: Fleet, *, alone: bool) -> Path:
        first = "" if alone else f".{fleet.areas[0].id}"
        return self.journal.with_name(f"{self.journal.stem}{first}{self.journal.suffix}")


class Judged(Struct, frozen=True):
    """One center's run, and what its journal says of it.

    ``seconds`` is the real time of the run, ``reading_s`` of reading the journal after it, s;
    ``cycles`` counts cycles by their distance from the one before, s.
    """

    areas: tuple[str, ...]
    journal: str
    journal_bytes: int
    seconds: float
    reading_s: float
    cycles_by_step_s: dict[str, int]
    year: YearFigures
    report: Report


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation leaves: real time with reading, s, and each center's run."""

    seconds: float
    centers: tuple[Judged, ...]

    @property
    def violations(self) -> int:
        """Invariants broken, over all centers."""
        return sum(one.report.invariant_violations for one in self.centers)

    @property
    def year(self) -> YearFigures:
        """What the year is judged by, over all centers."""
        years = [one.year for one in self.centers]
        names = [name for name in YearFigures.__struct_fields__ if name != "words"]
        sums = {name: sum(getattr(year, name) for year in years) for name in names}
        return YearFigures(**sums, words=tuple(word for year in years for word in year.words))

    @property
    def broken(self) -> bool:
        """Whether an invariant or a promise was broken, or an exercise missed without a reason."""
        year = self.year
        return bool(self.violations or year.promises_broken or year.exercises_unexplained)

    def as_json(self) -> str:
        """Everything, keys in a fixed order."""
        body = {
            "seconds": round(self.seconds, 3),
            "invariant_violations": self.violations,
            "year": self.year,
            "centers": self.centers,
        }
        return msgspec.json.format(msgspec.json.encode(body), indent=1).decode()

    def show(self) -> None:
        """For people, on standard output."""
        console = Console()
        for one in self.centers:
            console.print(render(one.report))
            cycles = sum(one.cycles_by_step_s.values())
            console.print(
                f"{', '.join(one.areas)}: {cycles:,} cycles in {one.seconds:,.0f} s, read in "
                f"{one.reading_s:,.0f} s; journal {one.journal}, {one.journal_bytes / 1e6:,.0f} MB",
                markup=False,
                highlight=False,
            )
        figures = self.year
        console.print(
            f"{self.seconds:,.0f} s in all; invariants broken: {self.violations:,}\n"
            f"exercises: {figures.exercises_met:,} met, {figures.exercises_missed:,} missed, "
            f"{figures.exercises_unexplained:,} of them without a reason\n"
            f"promises of autonomy: {figures.promises:,} kept over {figures.promise_h:,.0f} "
            f"site-hours, {figures.promises_broken:,} broken; {figures.deliveries:,} deliveries"
        )
        for text in figures.words[:20]:
            console.print(text, markup=False, highlight=False)


def run_simulate(call: SimulateCall) -> Simulated:
    """Simulate, with a progress bar on standard error, and judge.

    Args:
        call: what was asked for.

    Raises:
        JournalError: when a journal cannot be written or read.
    """
    parts = call.parts()
    context = multiprocessing.get_context("spawn")
    reached = context.Array("d", [float(part.start_ms) for part in parts])
    workers = min(len(parts), os.cpu_count() or 1)
    started_s = monotonic_s()
    with (
        _bar() as bar,
        ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(reached,)
        ) as pool,
    ):
        task = bar.add_task("year", total=call.length_h * MS_PER_HOUR * len(parts))
        waiting: set[Future[Judged]] = set()
        futures = [pool.submit(_judge, part, n) for n, part in enumerate(parts)]
        waiting.update(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=SHOW_EVERY_S)
            done_ms = [at - part.start_ms for at, part in zip(reached[:], parts, strict=True)]
            words = iso(int(min(reached[:])))
            bar.update(task, completed=sum(done_ms), description=words)
        judged = tuple(future.result() for future in futures)
    return Simulated(monotonic_s() - started_s, judged)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _begin(reached: SynchronizedArray[float]) -> None:
    """Remember where progress is told; in a process of its own."""
    _reached.append(reached)


def _judge(options: YearOptions, number: int) -> Judged:
    """Run one center and judge it; in a process of its own."""
    settle_heap()
    started_s = told_s = monotonic_s()

    def told(plant: PacedLockstep) -> None:
        nonlocal told_s
        if monotonic_s() - told_s >= SHOW_EVERY_S:
            told_s = monotonic_s()
            for reached in _reached:
                reached[number] = float(plant.clock.now_ms())

    plant = run_year(options, told)
    seconds = monotonic_s() - started_s
    report, year = report_year(str(options.journal))
    if _reached:
        _reached[0][number] = float(plant.clock.now_ms())
    release_heap()
    return Judged(
        areas=tuple(area.id for area in options.fleet.areas),
        journal=str(options.journal),
        journal_bytes=options.journal.stat().st_size,
        seconds=round(seconds, 3),
        reading_s=round(monotonic_s() - started_s - seconds, 3),
        cycles_by_step_s={str(step): n for step, n in sorted(plant.cycles.items())},
        year=year,
        report=report,
    )
