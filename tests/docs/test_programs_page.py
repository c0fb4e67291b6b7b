"""The page on programs shows settings that are read, and names every kind."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from gridmuster.fleet.programs import Programs

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "programs.md").read_text("utf-8")


def test_the_settings_shown_are_read() -> None:
    shown = {
        name: yaml.safe_load(body)
        for name, body in re.findall(r"<!-- file: (\S+) -->\n```yaml\n(.*?)```", TEXT, re.DOTALL)
    }
    (area,) = shown["programs.yaml"]["areas"]
    found = Programs.model_validate({**area["programs"], **shown["vtn.yaml"]})
    assert {one.kind for one in found.all} == set(Programs.model_fields)


def test_every_kind_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == set(Programs.model_fields)
