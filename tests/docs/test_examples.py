"""What the pages show runs, and what they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gridmuster.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+?)(?:#[^)]*)?\)")


def test_the_readme_plans_a_fleet(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = BLOCK.findall((ROOT / "README.md").read_text())
    exec(compile(block, "README.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert "USD, proven within" in said[0]
    assert any("on for" in line for line in said[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        target
        for target in LINK.findall(page.read_text())
        if not target.startswith("mailto") and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_command_is_described_and_no_other() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    named = set()
    for row in re.findall(r"^\| `gridmuster ([^`]+)`", text, re.MULTILINE):
        first, *rest = (part.strip() for part in row.split(","))
        named.add(first.split()[0])
        if first.split()[0] != "fleet":
            named.update(part.split()[0] for part in rest)
    assert named == set(COMMANDS)


def test_every_folder_is_on_the_readmes_map() -> None:
    text = (ROOT / "README.md").read_text()
    folders = {
        path.name
        for path in (ROOT / "src" / "gridmuster").iterdir()
        if path.is_dir() and (path / "__init__.py").exists()
    }
    assert {name for name in folders if f"`{name}/`" not in text} == set()


@pytest.mark.parametrize("page", [ROOT / "docs" / "planning.md"], ids=lambda page: page.name)
def test_python_examples_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, page.name, "exec"), {})
    assert "USD" in capsys.readouterr().out
