"""`gridmuster console`: the page's address that signs one browser in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from plant_serving import TOKENS, Center, serving
from plant_views import plant
from typer.testing import CliRunner

from gridmuster.cli.console import app
from gridmuster.console.auth import Auth
from gridmuster.console.tokens import Role, token_path
from gridmuster.errors import GridmusterError

VIEW = plant(4)


@pytest.fixture(scope="module")
def center() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    made = tmp_path / "gridmuster"
    made.mkdir()
    for role, token in TOKENS.items():
        token_path(made, role).write_text(token + "\n")
    return made


def sign_in(link: str) -> str:
    """Whom the address signs in, as the page does it."""
    url, _, fragment = link.partition("/#")
    with httpx.Client(base_url=url) as client:
        token = fragment.removeprefix("token=")
        return str(client.post("/api/v1/session", json={"token": token}).json()["name"])


@pytest.mark.parametrize("role", Role)
def test_the_address_signs_in_with_a_code_and_not_with_the_token(
    center: Center, folder: Path, role: Role
) -> None:
    result = CliRunner().invoke(app, ["--url", center.url, "--role", role.word])
    assert result.exit_code == 0, result.output
    link = result.stdout.strip()
    assert link.startswith(f"{center.url}/#token=")
    assert TOKENS[role] not in result.output
    assert sign_in(link) == role.word


def test_it_is_opened_in_the_browser(
    center: Center, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {note}\n')
    browser.chmod(0o700)
    monkeypatch.setattr("webbrowser._tryorder", None)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    result = CliRunner().invoke(app, ["--url", center.url, "--open"])
    assert result.exit_code == 0, result.output
    assert center.url in result.stdout and "token" not in result.output
    assert sign_in(note.read_text()) == "operator"


def test_the_center_on_this_machine_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    with serving(VIEW, Auth.open(tmp_path / "elsewhere")) as running:
        result = CliRunner().invoke(app, [])
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(running.url)
        assert sign_in(result.stdout.strip()) == "operator"


def test_what_is_wrong_is_told(center: Center, folder: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["--role", "king"]).exit_code == 2
    nobody = CliRunner().invoke(app, ["--url", "http://127.0.0.1:9"]).exception
    assert isinstance(nobody, GridmusterError) and "no center answers" in str(nobody)
    wrong = tmp_path / "wrong.token"
    wrong.write_text("gm-wrong\n")
    refused = CliRunner().invoke(app, ["--url", center.url, "--token-file", str(wrong)]).exception
    assert isinstance(refused, GridmusterError) and "does not know this token" in str(refused)
