"""``gridmuster compare``: four objectives of one fleet and day, as words, JSON and a picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from command_line import call, fleet_in
from msgspec import structs

from gridmuster.cli.compare_plot import COLOURS, PANELS, draw
from gridmuster.planning.comparing import OBJECTIVES, Compared

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def fleet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fleet_in(tmp_path_factory.mktemp("compare"), 4, 1)


def row(objective: str) -> Compared:
    return Compared(
        objective, "optimal", 0.001, 1.5, 812.5, 0.043, 0.567, 2e-8, 0.01, 3, 12.0, 900.0, 80.0, 0
    )


def test_json_has_the_four_objectives_each_best_at_its_own(
    fleet_file: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "compared.svg"
    done = call("compare", str(fleet_file), "--json", "--gap", "1e-4", "--plot", str(picture))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["start"] == "2026-07-15T00:00:00-05:00"
    by = {one["objective"]: one for one in found["objectives"]}
    assert tuple(by) == OBJECTIVES
    assert all(one["gap"] <= 1e-3 or one["status"] != "optimal" for one in by.values())
    least = min(one["operating_expense_usd"] for one in by.values())
    own = by["operating-expense"]["operating_expense_usd"]
    assert own <= least + 1e-3 * abs(least) + 0.02
    most = max(one["efficiency"] for one in by.values())
    assert by["efficiency"]["efficiency"] >= most - 1e-3
    ET.fromstring(picture.read_text())


def test_words_name_every_figure(fleet_file: Path) -> None:
    done = call("compare", str(fleet_file))
    assert done.returncode == 0, done.stderr
    for word in (*OBJECTIVES, "expense, USD", "USD/kWh", "efficiency", "LOLP", "EENS"):
        assert word in done.stdout


def test_a_mistyped_day_and_a_missing_file_say_what_to_do(fleet_file: Path, tmp_path: Path) -> None:
    wrong = call("compare", str(fleet_file), "--day", "tomorrow")
    assert wrong.returncode == 2
    assert "tomorrow" in wrong.stderr
    missing = call("compare", str(tmp_path / "none.yaml"))
    assert missing.returncode == 2
    assert "none.yaml" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_bars_are_as_long_as_their_values() -> None:
    rows = [
        row("one"),
        structs.replace(row("<two>"), operating_expense_usd=1625.0, efficiency=None),
    ]
    root = ET.fromstring(draw(rows, "a & b"))
    bars = [one for one in root.iter(f"{SVG}rect") if one.get("fill") in COLOURS]
    assert len(bars) == len(rows) * len(PANELS)
    assert float(bars[1].get("width", 0)) == pytest.approx(2 * float(bars[0].get("width", 0)), 0.01)
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert "<two>" in texts
    assert "–" in texts


def test_money_earned_reaches_to_the_other_side() -> None:
    rows = [row("one"), structs.replace(row("two"), operating_expense_usd=-400.0)]
    root = ET.fromstring(draw(rows, "sold"))
    bars = [one for one in root.iter(f"{SVG}rect") if one.get("fill") in COLOURS]
    assert float(bars[1].get("x", 0)) < float(bars[0].get("x", 0))
