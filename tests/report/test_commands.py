"""The commands `report`, `replay` and `verify` as a person or a script uses them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Halves
from crafting import Craft, run

from gridmuster.cli.main import main
from gridmuster.report import encode_report, report_journal


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Done]


@pytest.fixture
def gridmuster(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs the command line as its program does, in this process."""

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["gridmuster", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, said.out, said.err)

    return call


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


def test_report_prints_the_numbers_of_the_library(
    gridmuster: Call, journal: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.json"
    done = gridmuster("report", str(journal), "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    expected = json.loads(encode_report(report_journal(str(journal))))
    assert json.loads(done.stdout) == expected
    assert json.loads(out.read_text()) == expected


def test_report_is_text_for_people(gridmuster: Call, journal: Path) -> None:
    done = gridmuster("report", str(journal), "--by", "device")
    assert done.returncode == 0, done.stderr
    for word in ("Energy", "served", "kWh", "no invariant violated", "north-works-01-engine"):
        assert word in done.stdout
    assert done.stderr == ""


def test_report_of_a_broken_invariant_is_printed_and_ends_with_one(
    gridmuster: Call, tmp_path: Path
) -> None:
    craft = Craft(tmp_path / "broken.journal")
    craft.cycle(*craft.all_reports())
    craft.cycle(craft.command("plant", run("battery", 10.0), ttl_s=10))
    craft.journal.close()
    done = gridmuster("report", str(craft.path))
    assert done.returncode == 1
    assert "1 invariant violation" in done.stdout
    assert json.loads(gridmuster("report", str(craft.path), "--json").stdout)["violations"]


def test_replay_proves_the_same_commands(gridmuster: Call, journal: Path) -> None:
    done = gridmuster("replay", str(journal))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("the same, byte for byte: 210 cycles")
    fields = json.loads(gridmuster("replay", str(journal), "--json").stdout)
    assert fields["same"] is True
    assert fields["cycles"] == 210
    assert fields["difference"] is None


def test_replay_shows_the_first_difference_and_fails(gridmuster: Call, halves: Halves) -> None:
    # The second half began with the memory of the first, which its journal alone does not have.
    done = gridmuster("replay", str(halves.second), "--json")
    assert done.returncode == 1
    fields = json.loads(done.stdout)
    assert fields["same"] is False
    assert fields["difference"]["topic"].startswith("gridmuster/v1/")
    assert gridmuster("replay", str(halves.second)).stdout.startswith("different at record ")


def test_verify_finds_a_changed_record(gridmuster: Call, journal: Path) -> None:
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
def test_a_journal_that_is_none_ends_with_two(
    gridmuster: Call, command: str, tmp_path: Path
) -> None:
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
def test_a_damaged_body_ends_with_two(gridmuster: Call, command: str, journal: Path) -> None:
    spoil(journal, "update records set body = x'01ffff' where sequence = 20")
    done = gridmuster(command, str(journal))
    assert done.returncode == 2
    assert "record 20" in done.stderr
