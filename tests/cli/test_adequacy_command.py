"""The command reproduces the reference files, and says so when a file's answers are not met."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridmuster.cli.adequacy import app
from gridmuster.errors import PlanningError

COMPARED = {
    "adequacy_rbts": 3,
    "adequacy_textbook_3unit": 6,
    "adequacy_pras_singlenode_a": 10,
    "backup_survival_reopt": 24,
}


@pytest.mark.parametrize("name", COMPARED)
def test_reference_files_are_reproduced(data_dir: Path, name: str) -> None:
    said = CliRunner().invoke(app, [str(data_dir / "reference" / f"{name}.json"), "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["compared"] == COMPARED[name]
    assert found["differing"] == []
    for figure, low in found["lower_bounds"].items():
        assert low <= found[figure] <= found["upper_bounds"][figure]
        assert found["upper_bounds"][figure] - low <= 1e-9 * found[figure]


def test_an_answer_that_is_not_reproduced_is_named(data_dir: Path, tmp_path: Path) -> None:
    case = json.loads((data_dir / "reference" / "adequacy_rbts.json").read_text())
    case["answers"]["eens_mwh_per_year"] = 9.87
    shutil.copy(data_dir / "reference" / "ieee_rts_load_shape.json", tmp_path)
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    said = CliRunner().invoke(app, [str(file)])
    assert said.exit_code == 1
    assert "eens_mwh_per_year: found 9.86" in said.output
    assert "the file says 9.87" in said.output


def test_the_energy_of_the_rts_year(data_dir: Path) -> None:
    """A fleet that is never there leaves all energy of the year unserved: 8,736 h."""
    from gridmuster.planning.reliability.cases import AdequacyCase, read_case

    case = read_case(data_dir / "reference" / "adequacy_rbts.json")
    assert isinstance(case, AdequacyCase)
    assert case.hourly is not None
    assert case.daily is not None
    checks = json.loads((data_dir / "reference" / "ieee_rts_load_shape.json").read_text())["checks"]
    assert len(case.hourly.mw) == 8736
    assert case.hourly.mw.sum() == pytest.approx(checks["energy_mwh_at_185_mw_peak"], rel=1e-9)
    assert len(case.daily.mw) == 364


def test_maintenance_counts_by_the_hour(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    case = {
        "units": [
            {"name": "a", "capacity_mw": 10, "availability": 0.9},
            {"name": "b", "capacity_mw": 10, "forced_outage_rate": 0.2},
        ],
        "load_mw": [10, 10],
        "maintenance": [{"unit": "b", "from_h": 1, "until_h": 2}],
    }
    file.write_text(json.dumps(case))
    found = json.loads(CliRunner().invoke(app, [str(file), "--json"]).stdout)
    assert found["lolp"] == pytest.approx([0.02, 0.1])
    assert found["eue_mwh"] == pytest.approx(10.0 * (0.02 + 0.1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "expected a JSON object"),
        ("{", "cannot be read as JSON"),
        ('{"load_mw": [1]}', "KeyError 'units'"),
        ('{"units": [{"capacity_mw": 1, "availability": 0.5}]}', "KeyError 'load_mw'"),
        ('{"units": [{"capacity_mw": 1}], "load_mw": [1]}', "forced_outage_rate"),
        ('{"units": [{"capacity_mw": 1, "availability": 2}], "load_mw": [1]}', "probability 2"),
    ],
)
def test_a_wrong_file_says_what_is_expected(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "case.json"
    file.write_text(text)
    error = CliRunner().invoke(app, [str(file)]).exception
    assert isinstance(error, PlanningError)
    assert words in str(error)
