"""A whole day of 60 sites in lockstep: time, memory, journal, and what the report says."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.rows import Row
from gridmuster.clock import stopwatch_s


def run(hours: float = 24.0) -> list[Row]:
    """Run `gridmuster demo --speed max --headless` as a user would, in a process of its own.

    Args:
        hours: plant time, h.
    """
    with tempfile.TemporaryDirectory(prefix="gridmuster-bench-") as folder:
        state = Path(folder)
        out = state / "report.json"
        command = [sys.executable, "-m", "gridmuster.cli.main", "demo", "--speed", "max"]
        command += ["--headless", "--hours", f"{hours:g}", "--sites", "60", "--seed", "1"]
        command += ["--state", str(state), "--report", str(out)]
        started_s = stopwatch_s()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = stopwatch_s() - started_s
        if not out.exists():
            raise RuntimeError(f"demo ended with {done.returncode}: {done.stderr[-2000:]}")
        report = json.loads(out.read_text())
        journal_mb = (state / "plant.journal").stat().st_size / 1e6
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    what = f"60 sites, {hours:g} h, --speed max --headless"
    substitution_s = report.get("substitution_seconds_p99")
    rows = [
        Row(f"{what}: wall time", seconds, "s", 300.0 * hours / 24.0, 90.0 * hours / 24.0),
        Row(f"{what}: memory of the largest process", peak_mb, "MB", 1500.0),
        Row(f"{what}: journal", journal_mb, "MB", 200.0 * hours / 24.0),
        Row(f"{what}: unserved", report["unserved_kwh"], "kWh", 0.0),
        Row(f"{what}: invariant violations", _count(report["invariant_violations"]), "", 0.0),
    ]
    if substitution_s is not None:
        rows.append(Row("failed start to its replacement's command, p99", substitution_s, "s", 30))
    return rows


def _count(value: object) -> float:
    return float(len(value)) if isinstance(value, list) else float(value)  # type: ignore[arg-type]
