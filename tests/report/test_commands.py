"""The commands `report`, `replay` and `verify` as a person or a script uses them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Halves

from gridmuster.report import encode_report, report_journal


def gridmuster(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gridmuster.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def journal(halves: Halves, tmp_path: Path) -> Path:
    """A copy of a journal, to be spoilt."""
    copy = tmp_path / "plant.journal"
    shutil.copy(halves.first, copy)
    return copy


def spoil(journal: Path, sql: str) -> None:
    """Change a journal behind its back."""
    with sqlite3.connect(journal) as database:
        database.execute(sql)
    database.close()


def test_report_prints_the_numbers_of_the_library(journal: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = gridmuster("report", str(journal), "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    expected = json.loads(encode_report(report_journal(str(journal))))
    assert json.loads(done.stdout) == expected
    assert json.loads(out.read_text()) == expected


def test_report_is_text_for_people(journal: Path) -> None:
    done = gridmuster("report", str(journal), "--by", "device")
    assert done.returncode == 0, done.stderr
    for word in ("Energy", "served", "kWh", "no invariant violated", "north-works-01-engine"):
        assert word in done.stdout
    assert done.stderr == ""


def test_replay_proves_the_same_commands(journal: Path) -> None:
    done = gridmuster("replay", str(journal))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("the same, byte for byte: 210 cycles")
    fields = json.loads(gridmuster("replay", str(journal), "--json").stdout)
    assert fields["same"] is True
    assert fields["cycles"] == 210
    assert fields["difference"] is None


def test_replay_shows_the_first_difference_and_fails(halves: Halves) -> None:
    # The second half began with the memory of the first, which its journal alone does not have.
    done = gridmuster("replay", str(halves.second), "--json")
    assert done.returncode == 1
    fields = json.loads(done.stdout)
    assert fields["same"] is False
    assert fields["difference"]["topic"].startswith("gridmuster/v1/")
    assert gridmuster("replay", str(halves.second)).stdout.startswith("different at record ")


def test_verify_finds_a_changed_record(journal: Path) -> None:
    done = gridmuster("verify", str(journal))
    assert done.returncode == 0
    assert done.stdout.startswith("intact: ")
    assert json.loads(gridmuster("verify", str(journal), "--json").stdout)["intact"] is True
    spoil(journal, "update records set now_ms = now_ms + 1 where sequence = 7")
    done = gridmuster("verify", str(journal))
    assert done.returncode == 2
    assert done.stdout.startswith("broken: record 7: ")
    fields = json.loads(gridmuster("verify", str(journal), "--json").stdout)
    assert (fields["intact"], fields["record"]) == (False, 7)


@pytest.mark.parametrize("command", ["report", "replay", "verify"])
def test_a_journal_that_is_none_ends_with_two(command: str, tmp_path: Path) -> None:
    missing = gridmuster(command, str(tmp_path / "none"))
    assert missing.returncode == 2
    assert "no such file" in missing.stderr
    wrong = tmp_path / "wrong"
    wrong.write_text("this is no database, and it is long enough to be taken for one" * 100)
    done = gridmuster(command, str(wrong))
    assert done.returncode == 2
    assert done.stderr.startswith("error: journal")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["report", "replay"])
def test_a_damaged_body_ends_with_two(command: str, journal: Path) -> None:
    spoil(journal, "update records set body = x'01ffff' where sequence = 20")
    done = gridmuster(command, str(journal))
    assert done.returncode == 2
    assert "record 20" in done.stderr
