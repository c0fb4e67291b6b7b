"""docs/fleet-file.md is true: its files load, its commands print that, no field is missing."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridmuster.cli.fleet import app
from gridmuster.fleet.load import inspect_fleet, load_fleet
from gridmuster.fleet.reference import field_tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fleet-file.md"
TEXT = PAGE.read_text("utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's example files, in the current folder."""
    files = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert [name for name, _ in files] == [
        "plant.yaml",
        "big.yaml",
        "sites.csv",
        "end-users.csv",
        "devices.csv",
        "faulty.yaml",
    ]
    for name, body in files:
        (tmp_path / name).write_text(body, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_load_without_a_fault_or_warning(folder: Path) -> None:
    for name in ("plant.yaml", "big.yaml"):
        found = inspect_fleet(folder / name)
        assert found.faults == ()
        assert found.warnings == ()
    fleet = load_fleet(folder / "big.yaml")
    assert fleet.site_by_id["tower-1"].tags == ("tower", "coast")
    assert len(fleet.end_users) == 3


def test_every_command_prints_what_the_page_shows(folder: Path) -> None:
    shown = re.findall(r"```console\n\$ gridmuster fleet (.*?)\n(.*?)```", TEXT, re.DOTALL)
    assert len(shown) == 2
    for command, output in shown:
        result = CliRunner().invoke(app, shlex.split(command))
        assert result.output == output
        assert result.exit_code == (2 if "fault:" in output else 0)


def test_the_tables_of_fields_are_those_of_the_classes() -> None:
    inside = TEXT.split("<!-- fields -->\n")[1].split("<!-- /fields -->")[0]
    assert inside == field_tables(), "renew it: python -m gridmuster.fleet.reference"
