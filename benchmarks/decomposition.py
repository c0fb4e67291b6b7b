"""Plans of mixed fleets by price decomposition, each in a process of its own.

Every case is planned as `gridmuster bench plan` does it; gap, seconds and memory are as it reports
them. Three seeds where one takes seconds, so that no figure is one fleet's luck: the worst counts.
`run` has what takes seconds, `run_large` what takes a minute.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.rows import Row

#: Least gap that is asked for, as a share of the bound on it: there is no use in beating it.
ASKED = 0.95


@dataclass(frozen=True, slots=True)
class Case:
    """A fleet and what is promised of it.

    Args:
        devices: how many.
        intervals: of a day.
        gap: greatest relative gap.
        seconds: most wall time, s.
        fuel: whether every tank is limited.
        seeds: which fleets.
        stretch: a gap and seconds that would be better still, measured in a run of its own.
        replan: whether to plan again for 2 % more demand.
    """

    devices: int
    intervals: int
    gap: float
    seconds: float
    fuel: bool = False
    seeds: tuple[int, ...] = (1, 2, 3)
    stretch: tuple[float, float] | None = None
    replan: bool = False


CASES = (
    Case(300, 24, 3e-3, 10.0, stretch=(1e-3, 5.0)),
    Case(1_000, 24, 3e-3, 5.0, stretch=(1e-3, 3.0)),
    Case(10_000, 24, 1e-3, 2.0, replan=True),
    Case(100_000, 24, 2e-4, 8.0, seeds=(1,), replan=True),
    Case(1_000, 24, 1e-3, 15.0, fuel=True, stretch=(3e-4, 10.0)),
    Case(10_000, 24, 5e-4, 15.0, fuel=True, seeds=(1, 2)),
)
LARGE = (
    Case(100_000, 24, 1e-3, 25.0, fuel=True, seeds=(1,)),
    Case(100_000, 96, 5e-4, 60.0, seeds=(1,)),
    Case(1_000_000, 24, 2e-4, 60.0, seeds=(1,)),
    Case(1_000_000, 24, 2e-4, 90.0, fuel=True, seeds=(1,)),
)
#: Most memory of a million devices, MB, and how many times faster a plan from the last one is.
MEMORY_MB = 8000.0
FASTER, MUCH_FASTER = 5.0, 20.0


def run() -> list[Row]:
    """Plan every case that takes seconds."""
    return [row for case in CASES for row in _rows(case)]


def run_large() -> list[Row]:
    """Plan the largest cases, a minute each; with their memory."""
    return [row for case in LARGE for row in _rows(case)]


def _rows(case: Case) -> list[Row]:
    found = [_bench(case, seed, case.gap, case.seconds) for seed in case.seeds]
    what = f"{case.devices:,} devices x {case.intervals}{', tanks' if case.fuel else ''}"
    short = max(one["reserve_short_kw"] + one["unserved_kw"] for one in found)
    note = f"worst of seeds {', '.join(map(str, case.seeds))}; {short:.1g} kW short at a price"
    rows = [
        Row(f"{what}: gap", 100.0 * _worst(found, "gap"), "%", 100.0 * case.gap, note=note),
        Row(f"{what}: wall time", _worst(found, "seconds"), "s", case.seconds),
    ]
    if case.stretch is not None:
        gap, seconds = case.stretch
        better = [_bench(case, seed, gap, seconds) for seed in case.seeds]
        name = f"{what}, stretch"
        aim = 100.0 * gap
        rows.append(Row(f"{name}: gap", 100.0 * _worst(better, "gap"), "%", stretch=aim))
        rows.append(Row(f"{name}: wall time", _worst(better, "seconds"), "s", stretch=seconds))
    if case.replan:
        rows.append(_replanned(what, found))
    if case.devices >= 1_000_000:
        rows.append(Row(f"{what}: memory", _worst(found, "memory_mb"), "MB", MEMORY_MB))
    return rows


def _replanned(what: str, found: list[dict[str, float]]) -> Row:
    """Time from the last plan as a share of that without it: a bound is a fifth."""
    worst = max(found, key=lambda one: one["warm_seconds"] / one["cold_seconds"])
    warm, cold = worst["warm_seconds"], worst["cold_seconds"]
    note = (
        f"{warm:.2f} s to {100.0 * worst['warm_gap']:.3g} %, "
        f"cold {cold:.2f} s to {100.0 * worst['cold_gap']:.3g} %"
    )
    name = f"{what}, 2 % more demand: time from the last plan, share of cold"
    return Row(name, 100.0 * warm / cold, "%", 100.0 / FASTER, 100.0 / MUCH_FASTER, note=note)


def _worst(found: list[dict[str, float]], name: str) -> float:
    return max(one[name] for one in found)


def _bench(case: Case, seed: int, gap: float, seconds: float) -> dict[str, float]:
    words = ["--devices", case.devices, "--intervals", case.intervals, "--seed", seed]
    words += ["--gap", ASKED * gap, "--time-limit", seconds, "--json"]
    words += ["--fuel-budgets"] if case.fuel else []
    words += ["--replan"] if case.replan else []
    command = [sys.executable, "-m", "gridmuster.cli.main", "bench", "plan", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
