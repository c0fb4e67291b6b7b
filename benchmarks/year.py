"""A simulated year of 200 towers, or a piece of one: time, journal, and what its judge found."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import Row

#: What is run unless told otherwise: a piece that says what a whole year would take.
SITES, DAYS = 200, 5
YEAR_DAYS = 365.0
#: The bounds of issue 5 for a whole year of 200 towers: minutes on 2 cores.
YEAR_MIN = 15.0


def run(sites: int = SITES, days: float = DAYS) -> list[Row]:
    """Run `gridmuster simulate` as a user would, in a process of its own.

    Args:
        sites: towers in the fleet.
        days: plant time, from the first of January, days.
    """
    with tempfile.TemporaryDirectory(prefix="gridmuster-bench-") as folder:
        fleet, out = Path(folder) / "fleet.yaml", Path(folder) / "year.json"
        program = [sys.executable, "-m", "gridmuster.cli.main"]
        made = ["fleet", "new", "--kind", "towers", "--sites", str(sites), "--out", str(fleet)]
        subprocess.run([*program, *made], capture_output=True, check=True)
        asked = ["simulate", str(fleet), "--hours", f"{24.0 * days:g}", "--seed", "1"]
        asked += ["--state", str(Path(folder) / "run"), "--report", str(out)]
        done = subprocess.run([*program, *asked], capture_output=True, text=True, check=False)
        if not out.exists():
            raise RuntimeError(f"simulate ended with {done.returncode}: {done.stderr[-2000:]}")
        told = json.loads(out.read_text())
    what = f"{sites} towers, {days:g} days"
    centers = told["centers"]
    cycles = sum(sum(one["cycles_by_step_s"].values()) for one in centers)
    reading_s = max(one["reading_s"] for one in centers)
    note = f"{len(centers)} centers, {cycles:,} cycles; {reading_s:.0f} s of it read the journals"
    size = sum(one["journal_bytes"] for one in centers)
    year_min = told["seconds"] / 60.0 * YEAR_DAYS / days
    bound = YEAR_MIN if sites >= SITES else None
    return [
        Row(f"{what}: simulated and judged in", told["seconds"], "s", note=note),
        Row(f"{what}: a whole year at this pace", year_min, "min", bound),
        Row(f"{what}: journal", size / 1e6, "MB"),
        Row(f"{what}: invariant violations", told["invariant_violations"], "", 0.0),
        Row(f"{what}: promises of autonomy broken", told["year"]["promises_broken"], "", 0.0),
        Row(
            f"{what}: exercises missed without a reason",
            told["year"]["exercises_unexplained"],
            "",
            0.0,
        ),
    ]
