"""A site in two areas is refused with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridmuster.errors import FleetError
from gridmuster.fleet.load import load_fleet

FILE = """
id: plant
areas:
  - id: a
    border: {coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    connection: {import_limit_kw: 1000}
  - id: b
    border: {coordinates: [[[2, 0], [3, 0], [3, 1], [2, 1], [2, 0]]]}
    connection: {import_limit_kw: 1000}
sites:
"""
IN_A = "  - {id: s, area: a, latitude: 0.5, longitude: 0.5}\n"
IN_B = "  - {id: t, area: b, latitude: 0.5, longitude: 2.5}\n"


def words_of(tmp_path: Path, sites: str) -> str:
    path = tmp_path / "plant.yaml"
    path.write_text(FILE + sites)
    with pytest.raises(FleetError) as refused:
        load_fleet(path)
    return str(refused.value)


def test_both_areas_with_a_site_each_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(FILE + IN_A + IN_B)
    assert len(load_fleet(path).sites) == 2


def test_a_site_in_two_areas_is_refused_and_both_are_named(tmp_path: Path) -> None:
    found = words_of(tmp_path, IN_A + IN_B + IN_B.replace("id: t", "id: s"))
    assert "has that id already, in area a; a site lies in one area" in found
