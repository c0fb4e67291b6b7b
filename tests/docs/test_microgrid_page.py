"""The page on microgrids shows a fleet that loads and a rehearsal that goes as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gridmuster.fleet.load import inspect_fleet

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "microgrid.md").read_text("utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, body in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL):
        (tmp_path / name).write_text(body, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_fleet_shown_has_no_fault(folder: Path) -> None:
    assert inspect_fleet(folder / "isle.yaml").faults == ()


def test_the_rehearsal_goes_as_the_page_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(block, "microgrid.md", "exec"), {})
    said = [line.split("min  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    place = 0
    for line in shown.splitlines():
        start = line.removesuffix("...")
        place += 1 + next(k for k, one in enumerate(said[place:]) if one.startswith(start))
