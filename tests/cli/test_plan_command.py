"""``gridmuster plan``: a day from a fleet file, in words and as JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gridmuster.fleet.generate import generate
from gridmuster.fleet.save import write_fleet
from gridmuster.planning import PlanSolution


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gridmuster.cli.main", "plan", *words],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def fleet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "fleet.yaml"
    write_fleet(generate(6, 3), path, tables=False)
    return path


def test_a_day_is_told_and_kept(fleet_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    done = call(str(fleet_file), "--day", "2026-07-16", "--out", str(out))
    assert done.returncode == 0, done.stderr
    kept = msgspec.json.decode(out.read_bytes(), type=PlanSolution)
    assert kept.lower_bound_usd <= kept.objective_usd + 1e-6
    first = done.stdout.splitlines()[0]
    assert first.startswith(kept.status) and f"{kept.objective_usd:,.2f} USD" in first
    told = {line.split()[0] for line in done.stdout.splitlines() if " on " in line}
    assert told == {device for device, on in kept.commitment.items() if any(on)}
    assert call(str(fleet_file), "--json").returncode == 0


def test_no_day_and_no_file_are_told(fleet_file: Path, tmp_path: Path) -> None:
    wrong = call(str(fleet_file), "--day", "someday")
    assert wrong.returncode == 2 and "is no day" in wrong.stderr
    absent = call(str(tmp_path / "nope.yaml"))
    assert absent.returncode == 2 and "nope.yaml" in absent.stderr
    folder = call(str(fleet_file), "--out", str(tmp_path / "no" / "plan.json"))
    assert folder.returncode == 2 and "cannot write" in folder.stderr
