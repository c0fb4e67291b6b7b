"""Two months of towers, in spring and in summer: no rule, no promise broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridmuster.fleet.towers import generate_towers
from gridmuster.report.yearly import report_year
from gridmuster.runtime.year import YearOptions, run_year


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("seed", "day", "hardship"), [(1, 0, 1.0), (2, 90, 3.0), (3, 200, 1.0)])
def test_two_months_of_forty_towers(tmp_path: Path, seed: int, day: int, hardship: float) -> None:
    path = tmp_path / "year.journal"
    fleet = generate_towers(40, seed)
    plant = run_year(YearOptions(fleet, 2025, seed, 1440.0, path, day, hardship), lambda _: None)
    report, year = report_year(str(path))
    print(f"{sum(plant.cycles.values())} cycles, {path.stat().st_size / 1e6:.0f} MB, {year}")
    assert report.invariant_violations == 0, report.violations[:10]
    assert year.promises_broken == 0, year.words[:10]
    assert year.exercises_unexplained == 0, year.words[:10]
