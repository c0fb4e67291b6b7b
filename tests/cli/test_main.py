"""The command line as a user meets it."""

from __future__ import annotations

import pytest
from command_line import call

from gridmuster import __version__
from gridmuster.cli.main import COMMANDS


def test_help_names_every_command() -> None:
    done = call("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in COMMANDS)


def test_version() -> None:
    assert call("--version").stdout.strip() == __version__


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = call(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"gridmuster.cli.main {name}" in done.stdout.replace("python -m ", "")


def test_a_mistyped_command_is_named() -> None:
    done = call("centre")
    assert done.returncode == 2
    assert "centre" in done.stderr


def test_a_missing_journal_is_named_without_a_traceback() -> None:
    done = call("report", "no-such-journal")
    assert done.returncode == 2
    assert "no-such-journal" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_speed_says_what_is_expected() -> None:
    done = call("demo", "--speed", "fast")
    assert done.returncode == 2
    assert "max" in done.stderr
