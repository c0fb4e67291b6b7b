"""Plans of mixed fleets by price decomposition, each in a process of its own.

Every case is planned as `gridmuster bench plan` does it; gap, seconds and memory are as it reports
them. Three seeds where one takes seconds, so that no figure is one fleet's luck: the worst counts.
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
    """

    devices: int
    intervals: int
    gap: float
    seconds: float
    fuel: bool = False
    seeds: tuple[int, ...] = (1, 2, 3)


CASES = (
    Case(300, 24, 3e-3, 10.0),
    Case(1_000, 24, 3e-3, 5.0),
    Case(10_000, 24, 1e-3, 2.0),
    Case(100_000, 24, 2e-4, 8.0),
    Case(1_000_000, 24, 2e-4, 60.0, seeds=(1,)),
    Case(100_000, 96, 5e-4, 60.0, seeds=(1,)),
    Case(1_000, 24, 1e-3, 15.0, fuel=True),
    Case(10_000, 24, 5e-4, 15.0, fuel=True),
    Case(100_000, 24, 1e-3, 25.0, fuel=True, seeds=(1,)),
    Case(1_000_000, 24, 2e-4, 90.0, fuel=True, seeds=(1,)),
)
#: Most memory of a million devices, MB.
MEMORY_MB = 8000.0


def run() -> list[Row]:
    """Plan every case; two rows for each, and one for memory."""
    rows = []
    for case in CASES:
        found = [_bench(case, seed) for seed in case.seeds]
        what = f"{case.devices:,} devices x {case.intervals}{', tanks' if case.fuel else ''}"
        gap = max(float(one["gap"]) for one in found)
        seconds = max(float(one["seconds"]) for one in found)
        short = max(float(one["reserve_short_kw"]) + float(one["unserved_kw"]) for one in found)
        note = f"worst of seeds {case.seeds}; {short:.3g} kW short at a price"
        rows.append(Row(f"{what}: gap", 100.0 * gap, "%", 100.0 * case.gap, note=note))
        rows.append(Row(f"{what}: wall time", seconds, "s", case.seconds))
        if case.devices >= 1_000_000:
            memory = max(float(one["memory_mb"]) for one in found)
            rows.append(Row(f"{what}: memory", memory, "MB", MEMORY_MB))
    return rows


def _bench(case: Case, seed: int) -> dict[str, float]:
    words = ["--devices", case.devices, "--intervals", case.intervals, "--seed", seed]
    words += ["--gap", ASKED * case.gap, "--time-limit", case.seconds, "--json"]
    words += ["--fuel-budgets"] if case.fuel else []
    command = [sys.executable, "-m", "gridmuster.cli.main", "bench", "plan", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
