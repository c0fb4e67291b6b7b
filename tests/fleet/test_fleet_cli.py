"""What `gridmuster fleet` writes, prints and returns, and what it says to a mistyped command."""

import json
from pathlib import Path

import pytest
import yaml
from fleet_samples import changed
from typer.testing import CliRunner, Result

from gridmuster.cli.fleet import app
from gridmuster.fleet.generate import generate
from gridmuster.fleet.load import load_fleet
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.schema import fleet_schema


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160"})


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    data = changed(("devices[0].tank.level", 900.0), ("sites[1].area", "south"))
    path.write_text(yaml.safe_dump(data), "utf-8")
    return path


def test_new_writes_a_fleet(tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    result = run("new", "--sites", 12, "--seed", 3, "--out", out)
    assert result.exit_code == 0
    assert f"wrote {out}: 3 areas, 12 sites" in result.stderr
    assert load_fleet(out) == generate(12, 3)


def test_new_without_a_file_prints_the_fleet() -> None:
    result = run("new", "--sites", 2)
    assert result.exit_code == 0
    assert Fleet.model_validate(yaml.safe_load(result.stdout)) == generate(2, 1)


def test_new_with_tables(tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    assert run("new", "--sites", 5, "--out", out, "--tables").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fleet-devices.csv",
        "fleet-end-users.csv",
        "fleet-sites.csv",
        "fleet.yaml",
    ]
    assert load_fleet(out) == generate(5, 1)


def test_new_replaces_nothing_unless_told(tmp_path: Path) -> None:
    table = tmp_path / "fleet-sites.csv"
    table.write_text("mine")
    out = tmp_path / "fleet.yaml"
    result = run("new", "--sites", 5, "--out", out, "--tables")
    assert result.exit_code == 2
    assert f"{table} exists" in result.stderr
    assert table.read_text() == "mine"
    assert not out.exists()
    assert run("new", "--sites", 5, "--out", out, "--tables", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("new", "--sites", "0"), "--sites"),
        (("new", "--sites", "many"), "--sites"),
        (("new", "--sits", "3"), "--sites"),
        (("new", "--tables"), "--out"),
        (("new", "--out", "no/such/folder/f.yaml"), "cannot write"),
        (("schema", "--out", "no/such/folder/f.json"), "cannot write"),
        (("check",), "FILE"),
        (("check", "nowhere.yaml"), "there is no such file"),
        (("show", "nowhere.yaml"), "there is no such file"),
        (("chek", "x"), "chek"),
    ],
)
def test_mistakes_are_told(words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_check_lists_every_fault(bad: Path) -> None:
    result = run("check", bad)
    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == ["fault", "fault"]
    assert "devices[0].tank.level" in result.stdout
    assert "sites[1].area" in result.stdout
    assert lines[-1] == f"{bad}: 2 faults, 0 warnings; nothing can be started with it"


def test_check_as_json(bad: Path) -> None:
    result = run("check", bad, "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert found["file"] == str(bad)
    assert [fault["path"] for fault in found["faults"]] == [
        "devices[0].tank.level",
        "sites[1].area",
    ]
    assert set(found["faults"][0]) == {"file", "path", "value", "limit", "expected", "line"}


def test_check_keeps_long_lists_of_warnings_short(tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    run("new", "--out", out)
    short = run("check", out)
    assert short.exit_code == 0
    assert short.stdout.count("warning: ") == 11
    assert "more; see them with --all" in short.stdout
    every = run("check", out, "--all")
    found = json.loads(run("check", out, "--json").stdout)
    assert every.stdout.count("warning: ") == len(found["warnings"]) > 11
    assert found["ok"] is True


def test_show_tells_what_is_there(tmp_path: Path) -> None:
    out = tmp_path / "fleet.yaml"
    run("new", "--out", out)
    result = run("show", out)
    assert result.exit_code == 0
    for word in ("north", "transfer_switch", "fuel_cell", "epa_emergency", "firm", "promised"):
        assert word in result.stdout
    data = json.loads(run("show", out, "--json").stdout)
    assert data["sites"] == 60
    assert {kind["type"] for kind in data["types"]} >= {"smes", "flywheel"}
    assert [area["id"] for area in data["areas"]] == ["north", "west", "east"]


def test_show_of_a_bad_file_names_its_faults(bad: Path) -> None:
    result = run("show", bad)
    assert result.exit_code == 2
    assert "devices[0].tank.level" in result.stderr
    result = run("show", bad, "--json")
    assert result.exit_code == 2
    assert len(json.loads(result.stdout)["faults"]) == 2


def test_schema_is_printed_or_written(tmp_path: Path) -> None:
    assert json.loads(run("schema").stdout) == fleet_schema()
    out = tmp_path / "schema.json"
    assert run("schema", "--out", out).exit_code == 0
    assert json.loads(out.read_text()) == fleet_schema()
