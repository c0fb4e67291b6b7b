"""Hours, fuel, starts and exercise of each engine and year, from journals made by hand and run."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from pathlib import Path

import pytest
from crafting import Craft, run, tiny_fleet
from plants import BACKED, Run
from typer.testing import CliRunner

from gridmuster.cli.journal import app
from gridmuster.clock import parse_iso
from gridmuster.fleet.devices import Every, Exercise
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.operation import Emission, Operation
from gridmuster.report import report_journal
from gridmuster.report.compliance import EngineYear, report_compliance
from gridmuster.report.compliancepage import compliance_page
from gridmuster.report.compliancetext import compliance_tables
from gridmuster.signals import CycleRecord, DeviceState, Order, Purpose, StartRecord
from gridmuster.starts import LocalNeed

#: Half an hour before the year ends; the tiny fleet's sites are on UTC.
START_MS = parse_iso("2026-12-31T23:30:00Z")
TOWER = "tower-1"
GEN = "tower-1-gen"
ALERT = "=permit epa_emergency, 100 h left"


def drilled() -> Fleet:
    """The tiny fleet with a daily exercise of ten minutes for one tower's set."""
    fleet = tiny_fleet()
    exercise = Exercise(every=Every.DAY, minutes=10.0, load_share=0.3)
    devices = tuple(
        device.model_copy(update={"exercise": exercise}) if device.id == GEN else device
        for device in fleet.devices
    )
    return fleet.model_copy(update={"devices": devices})


def over_new_year(craft: Craft) -> None:
    """The diesel runs on demand from 23:30 to 00:30: 1 h, 100 kWh and 35 l, half in each year."""
    craft.cycle(craft.report("tanked", diesel={"produced_kwh": 1.0, "fuel_used": 1.0, "starts": 1}))
    need = LocalNeed("ERCOT", "feeder 7", "NERC EOP-011", "the site", "kim")
    start = StartRecord(
        "diesel",
        Order.RUN,
        "plan",
        ALERT,
        "balance",
        "none left",
        asked_by="kim <kim@grid>",
        limits=("permit: 1.0 of 90.0 h used", "starts: 1 of 6 in 24 h"),
        local_need=need,
    )
    craft.decide(
        CycleRecord(craft.next_ms, "c1", 1, 1, "normal", starts=(start,)),
        craft.command("tanked", run("diesel", 100.0, Purpose.DEMAND)),
    )
    for k in range(181):
        share = k / 180
        craft.cycle(
            craft.report(
                "tanked",
                diesel={
                    "state": DeviceState.RUNNING,
                    "power_kw": 100.0,
                    "produced_kwh": 1.0 + 100.0 * share,
                    "fuel_used": 1.0 + 35.0 * share,
                    "run_h": 10.0 + share,
                    "starts": 2,
                },
            ),
            count=5,
        )
    idle = {"state": DeviceState.IDLE, "power_kw": 0.0}
    craft.cycle(craft.report("tanked", diesel=idle))


def engines(path: Path) -> dict[tuple[str, int], EngineYear]:
    return {(one.device, one.year): one for one in report_compliance(str(path)).engines}


@pytest.fixture(scope="module")
def new_year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("year") / "journal"
    craft = Craft(path, START_MS)
    over_new_year(craft)
    craft.finish()
    return path


def test_a_run_over_new_year_is_cut_in_two(new_year: Path) -> None:
    found = engines(new_year)
    old, new = found["diesel", 2026], found["diesel", 2027]
    assert old.run_h == pytest.approx(0.5, abs=0.01)
    assert new.run_h == pytest.approx(0.5, abs=0.01)
    assert old.run_h + new.run_h == pytest.approx(1.0, abs=0.002)
    assert old.fuel_amount + new.fuel_amount == pytest.approx(35.0, abs=0.02)
    # 73.96 kg/mmBtu x 0.138 mmBtu/gal / 3.785 l/gal = 2.696 kg a litre.
    assert old.co2_kg == pytest.approx(2.696 * old.fuel_amount, rel=1e-3)
    assert (old.starts, new.starts) == (1, 0)
    assert old.hours_by_purpose == {"demand": old.run_h}
    assert old.hours_by_basis == {ALERT: old.run_h}
    assert [start.trigger for start in old.start_log] == ["plan"]
    # The file says 440 of 500 h are used; the new year begins with all of them.
    assert old.left_h == pytest.approx(500.0 - 440.0 - old.run_h)
    assert new.used_before_h == 0.0
    assert new.left_h == pytest.approx(500.0 - new.run_h)
    assert old.nox_kg is None


def test_a_start_is_kept_with_who_asked_and_what_was_asserted(new_year: Path) -> None:
    found = report_compliance(str(new_year), 2026)
    start = next(one for one in found.engines if one.device == "diesel").start_log[0]
    assert start.asked_by == "kim <kim@grid>"
    assert start.limits[0] == "permit: 1.0 of 90.0 h used"
    assert start.local_need is not None and start.local_need.missing() == ()
    row = next(csv.DictReader(StringIO(compliance_tables(found)["starts.csv"])))
    assert (row["asked_by"], row["dispatched_by"]) == ("kim <kim@grid>", "ERCOT")
    assert (row["protocol"], row["recorded_by"]) == ("NERC EOP-011", "kim")
    assert row["limits"] == "permit: 1.0 of 90.0 h used; starts: 1 of 6 in 24 h"


def test_the_page_for_paper_holds_every_engine_and_nothing_that_runs(new_year: Path) -> None:
    found = report_compliance(str(new_year))
    page = compliance_page(found)
    for one in found.engines:
        assert f"<h2>{one.device}, {one.year}</h2>" in page
    assert page.count("<section>") == page.count("</section>") == len(found.engines)
    assert "kim &lt;kim@grid&gt;" in page and "<kim" not in page
    assert "<script" not in page and "http" not in page and "src=" not in page
    assert "break-inside: avoid" in page and "NOx</td><td>not known" in page


def test_nitrogen_oxides_are_fuel_times_the_rate_of_the_file(tmp_path: Path) -> None:
    """0.02 kg a litre: 35 l are 0.7 kg."""
    fleet = tiny_fleet()
    emits = Operation(emissions=(Emission(pollutant="nox", kg_per_fuel=0.02),))
    devices = tuple(
        one.model_copy(update={"operation": emits}) if one.id == "diesel" else one
        for one in fleet.devices
    )
    craft = Craft(tmp_path / "journal", START_MS, fleet.model_copy(update={"devices": devices}))
    over_new_year(craft)
    craft.finish()
    found = engines(tmp_path / "journal")
    nox_kg = [found["diesel", year].nox_kg or 0.0 for year in (2026, 2027)]
    assert sum(nox_kg) == pytest.approx(0.7, abs=1e-3)
    assert found[GEN, 2026].nox_kg is None
    page = compliance_page(report_compliance(str(tmp_path / "journal"), 2026))
    assert f"{nox_kg[0]:,.2f} kg" in page


def test_the_years_add_up_to_the_report(new_year: Path, bad_run: Run) -> None:
    for path in (new_year, bad_run.journal):
        whole = {one.device: one for one in report_journal(str(path)).devices}
        for device in {one.device for one in report_compliance(str(path)).engines}:
            years = [one for (name, _), one in engines(path).items() if name == device]
            figures = whole[device]
            assert sum(one.starts for one in years) == figures.starts
            assert sum(one.failed_starts for one in years) == figures.failed_starts
            for name, of_whole in (
                ("produced_kwh", figures.generation_kwh),
                ("fuel_amount", figures.fuel),
                ("run_h", figures.run_h),
            ):
                assert sum(getattr(one, name) for one in years) == pytest.approx(
                    of_whole or 0.0, abs=0.003
                )
            for one in years:
                assert sum(one.hours_by_basis.values()) == pytest.approx(one.run_h, abs=0.003)


def test_a_site_s_outage_has_its_own_basis(bad_run: Run) -> None:
    found = next(
        one for (name, _), one in engines(bad_run.journal).items() if name == f"{BACKED}-gen"
    )
    outage_h = found.hours_by_purpose["outage"]
    assert outage_h > 0.0
    assert found.hours_by_basis["real outage: no hour limit"] == pytest.approx(outage_h, abs=0.002)
    assert found.counted_h == pytest.approx(found.run_h - outage_h, abs=0.002)
    assert any("outage" in start.trigger for start in found.start_log)


def test_exercises_are_met_or_missed(tmp_path: Path) -> None:
    craft = Craft(tmp_path / "journal", START_MS, drilled())
    at_load = {"state": DeviceState.RUNNING, "power_kw": 10.0}
    at_rest = {"state": DeviceState.IDLE, "power_kw": 0.0}
    craft.cycle(craft.report(TOWER))
    begun_ms = craft.next_ms
    for _ in range(60):  # 20 min at 40 % of the rating: twice what is asked, one entry.
        craft.cycle(craft.report(TOWER, tower_1_gen=at_load), count=5)
    craft.cycle(craft.report(TOWER, tower_1_gen=at_rest))
    done_ms = craft.now_ms - 5 * 4000
    craft.now_ms += int(2.5 * 24 * 3_600_000)
    craft.cycle(craft.report(TOWER, tower_1_gen=at_rest))
    craft.finish()
    found = engines(craft.path)
    (met,) = found[GEN, 2026].exercise_log
    assert met.met
    assert parse_iso(met.from_) == begun_ms
    assert parse_iso(met.until) == done_ms
    missed = found[GEN, 2027].exercise_log
    assert [parse_iso(one.due) - done_ms for one in missed] == [86_400_000, 2 * 86_400_000]
    assert (found[GEN, 2027].exercises_met, found[GEN, 2027].exercises_missed) == (0, 2)


def test_the_page_s_examples_run(
    new_year: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    compliance, baselines = blocks[-2:]
    (new_year.parent / "plant.journal").write_bytes(new_year.read_bytes())
    monkeypatch.chdir(new_year.parent)
    exec(compile(compliance, "report.md", "exec"), {})
    assert "diesel 0.494 59.506 0" in capsys.readouterr().out
    exec(compile(baselines, "report.md", "exec"), {})
    assert f"prints `{capsys.readouterr().out.strip()}`" in page


def test_tables_and_command(new_year: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    asked = ["report", str(new_year), "--compliance"]
    said = runner.invoke(app, [*asked, "--csv", str(tmp_path / "out"), "--json", "--year", "2026"])
    assert said.exit_code == 0, said.output
    listed = json.loads(said.stdout)["engines"]
    assert {one["year"] for one in listed} == {2026}
    rows = list(csv.DictReader(StringIO((tmp_path / "out" / "engines.csv").read_text())))
    diesel = next(one for one in rows if one["device"] == "diesel")
    assert float(diesel["run_h"]) == next(
        one["run_h"] for one in listed if one["device"] == "diesel"
    )
    assert diesel["nox_kg"] == ""
    starts = (tmp_path / "out" / "starts.csv").read_text()
    assert f'"\'{ALERT}"' in starts  # no formula to a spreadsheet
    assert set(compliance_tables(report_compliance(str(new_year)))) == {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert "diesel" in runner.invoke(app, asked).stdout
    assert runner.invoke(app, [*asked, "--year", "1999"]).exit_code == 2
    assert runner.invoke(app, [*asked, "--by", "area"]).exit_code == 2
    assert runner.invoke(app, ["report", str(new_year), "--year", "2026"]).exit_code == 2
