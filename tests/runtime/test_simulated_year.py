"""A short piece of a simulated year: faults of a hundred days in two, judged by the journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridmuster.cli.main import build
from gridmuster.cli.simulate_run import SimulateCall
from gridmuster.clock import local, parse_iso
from gridmuster.fleet.devices import Every, Exercise, Generator
from gridmuster.fleet.save import write_fleet
from gridmuster.fleet.towers import generate_towers
from gridmuster.report.compliance import report_compliance
from gridmuster.report.yearly import report_year
from gridmuster.runtime.replay import replay
from gridmuster.runtime.year import YearOptions, run_year
from gridmuster.store.journal import Journal


def test_a_harsh_stretch_breaks_no_rule_and_replays(tmp_path: Path) -> None:
    path = tmp_path / "year.journal"
    options = YearOptions(generate_towers(6, 3), 2025, 3, 20.0, path, 120, 40.0)
    plant = run_year(options, lambda _: None)
    report, year = report_year(str(path))
    assert report.invariant_violations == 0
    assert year.promises_broken == 0
    assert year.exercises_unexplained == 0
    assert report.outages >= 3
    assert report.starts >= 3
    assert set(plant.cycles) >= {4, 300}
    assert sum(step_s * count for step_s, count in plant.cycles.items()) == 20 * 3600
    with Journal.open(str(path), read_only=True) as journal:
        assert replay(journal).difference is None


def test_the_center_exercises_its_sets_and_tells_what_that_was_worth(tmp_path: Path) -> None:
    path = tmp_path / "year.journal"
    fleet = generate_towers(2, 3)
    daily = tuple(
        device.model_copy(update={"exercise": Exercise(every=Every.DAY)})
        for device in fleet.devices
        if isinstance(device, Generator)
    )
    fleet = fleet.model_copy(update={"devices": daily})
    run_year(YearOptions(fleet, 2025, 3, 36.0, path, 121), lambda _: None)
    report, year = report_year(str(path))
    assert report.invariant_violations == 0
    assert year.exercises_met >= 2
    assert year.exercises_unexplained == 0, year.words
    found = report_compliance(str(path)).engines
    runs = [entry for one in found for entry in one.exercise_log if entry.met]
    assert len(runs) == year.exercises_met
    for one in runs:
        assert one.kwh > 0.0
        assert one.worth_usd is not None
        assert one.fixed_usd is not None
        assert 7 <= local(parse_iso(one.from_), fleet.sites[0].time_zone).hour < 22
    assert any("for exercise" in start.legal_basis for one in found for start in one.start_log)
    with Journal.open(str(path), read_only=True) as journal:
        assert replay(journal).difference is None


def test_the_command_tells_what_came_of_it(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.yaml"
    write_fleet(generate_towers(2, 1), fleet, tables=False)
    arguments = ["simulate", str(fleet), "--hours", "1", "--seed", "3"]
    arguments += ["--state", str(tmp_path / "run"), "--json"]
    done = CliRunner().invoke(build("simulate"), arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["invariant_violations"] == 0
    assert told["year"]["promise_h"] == pytest.approx(1.0 * told["year"]["promises"], rel=0.15)
    (center,) = told["centers"]
    assert sum(int(s) * n for s, n in center["cycles_by_step_s"].items()) == 3600
    again = CliRunner().invoke(build("simulate"), arguments)
    assert again.exit_code == 2
    assert "exists" in again.output


def test_each_region_has_a_journal_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    alone = SimulateCall(generate_towers(3, 1), 2025, 1, 1.0, 1.0, folder / "plant.journal")
    (part,) = alone.parts()
    assert (part.fleet, part.journal) == (alone.fleet, folder / "plant.journal")
    several = SimulateCall(generate_towers(201, 1), 2024, 1, None, 1.0, folder / "plant.journal")
    parts = several.parts()
    assert several.length_h == 8784.0
    assert [part.journal.name for part in parts] == [
        f"plant.{area.id}.journal" for area in several.fleet.areas
    ]
    assert all(part.start_ms == parts[0].start_ms for part in parts)
