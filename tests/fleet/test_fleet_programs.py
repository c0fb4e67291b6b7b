"""Programs in a fleet file: what is wrong with them is said, and they survive being saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gridmuster.fleet.generate import generate
from gridmuster.fleet.load import inspect_fleet, load_fleet
from gridmuster.fleet.programs import Program, Programs
from gridmuster.fleet.save import fleet_yaml

LOW = {"id": "low", "power_kw": 100, "below_hz": 59.9, "recover_hz": 59.95}
ALERT = {"id": "alert", "eea2_kw": 300}


def written(folder: Path, **programs: object) -> Path:
    """A fleet of one seed whose first area has programs."""
    document = yaml.safe_load(fleet_yaml(generate(12, 1)))
    document["areas"][0]["programs"] = programs
    path = folder / "fleet.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_programs_are_read_and_saved(tmp_path: Path) -> None:
    fleet = load_fleet(written(tmp_path, frequency=[LOW], grid_alert=[ALERT]))
    area, program = fleet.program_by_id["low"]
    assert area is fleet.areas[0] and program.priority == 80
    again = tmp_path / "again.yaml"
    again.write_text(fleet_yaml(fleet))
    assert load_fleet(again) == fleet


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({"frequency": [{**LOW, "recover_hz": 59.0}]}, "below_hz is 59.9; the call would not end"),
        ({"frequency": [LOW], "grid_alert": [{**ALERT, "id": "low"}]}, "a program of that id"),
        ({"grid_alert": [{**ALERT, "feeder": "north-9"}]}, "has no such feeder"),
        ({"grid_alert": [{**ALERT, "eea2_kw": -1}]}, "must be at least 0"),
        ({"grid_alarm": [ALERT]}, "did you mean grid_alert"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, programs: dict[str, object], said: str) -> None:
    found = inspect_fleet(written(tmp_path, **programs))
    assert found.fleet is None
    assert any(said in f"{fault.limit} {fault.expected}" for fault in found.faults), found.faults
    assert all("programs" in fault.path and fault.line > 0 for fault in found.faults)


def test_every_kind_is_among_all_and_knows_its_name() -> None:
    kinds = {one.kind: one for one in Program.__subclasses__()}
    assert set(kinds) == set(Programs.model_fields)


def test_an_area_with_no_sites_is_warned_of(tmp_path: Path) -> None:
    document = yaml.safe_load(fleet_yaml(generate(12, 1)))
    ring = [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.1], [0.0, 0.0]]
    area: dict[str, object] = {
        "id": "nowhere",
        "border": {"type": "Polygon", "coordinates": [ring]},
    }
    area["connection"] = {"import_limit_kw": 100.0, "export_limit_kw": 0.0}
    document["areas"].append({**area, "programs": {"grid_alert": [ALERT]}})
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(document))
    found = inspect_fleet(path)
    assert found.fleet is not None
    (said,) = [one for one in found.warnings if "no site is in this area" in one.limit]
    assert said.value == "nowhere" and "its programs can call nobody" in said.limit
