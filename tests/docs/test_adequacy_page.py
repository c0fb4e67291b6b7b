"""What the page on adequacy shows runs, and says what it promises."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridmuster.cli.adequacy import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adequacy.md"


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("python"), PAGE.name, "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"[\d.]+ h a year, between [\d.]+ and [\d.]+", said[0])
    assert re.fullmatch(r"\d+ kWh, worst hour [\de.-]+", said[1])


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("json case", {"lole_h", "eue_mwh", "lolp", "eue_by_hour"}),
        ("json survival", {"cumulative", "marginal", "mean_survival_of_24_h"}),
    ],
)
def test_the_cases_run(tmp_path: Path, kind: str, names: set[str]) -> None:
    case = tmp_path / "case.json"
    case.write_text(block(kind))
    said = CliRunner().invoke(app, [str(case), "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert names <= found.keys()
    for name, low in found["lower_bounds"].items():
        assert 0.0 < low <= found[name] <= found["upper_bounds"][name]
