"""The commands of the terminal against a served center, as a person would type them."""

import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest
import typer
from plant_serving import DEADLINE_S, TOKENS, Center, serving
from plant_views import plant
from typer.testing import CliRunner

from gridmuster.cli.watch import app, seconds_of
from gridmuster.console.auth import Auth
from gridmuster.console.tokens import Role, token_path
from gridmuster.errors import GridmusterError
from gridmuster.signals import Action, Scope

VIEW = plant(20)
ENGINE = next(d for d in VIEW.devices if d.type == "emergency_generator")


@dataclass
class Shell:
    """Types commands for a center's operator; tokens lie where the center writes them."""

    center: Center
    folder: Path

    def environment(self) -> dict[str, str]:
        return {
            "XDG_CONFIG_HOME": str(self.folder.parent),
            "APPDATA": str(self.folder.parent),
            "GRIDMUSTER_URL": self.center.url,
            "COLUMNS": "120",
            "LINES": "40",
        }

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints on standard output and error."""
        result = CliRunner().invoke(app, list(words), env=self.environment())
        if isinstance(result.exception, GridmusterError):
            assert code == 2, result.exception
            return str(result.exception)
        assert result.exit_code == code, (result.output, result.exception)
        return result.output

    def spawn(self, *words: str) -> pexpect.spawn:
        """A command in a terminal of its own."""
        program = "from gridmuster.cli.watch import app; app()"
        return pexpect.spawn(
            sys.executable,
            ["-c", program, *words],
            env={**os.environ, **self.environment(), "TERM": "xterm-256color"},
            dimensions=(40, 120),
            timeout=DEADLINE_S,
            encoding="utf-8",
            # Ctrl-C makes the terminal drop what it holds, in the middle of a character too.
            codec_errors="replace",
        )


@pytest.fixture(scope="module")
def served() -> Iterator[Center]:
    with serving(VIEW) as running:
        yield running


@pytest.fixture
def shell(served: Center, tmp_path: Path) -> Shell:
    served.forget()
    folder = tmp_path / "gridmuster"
    folder.mkdir()
    for role, token in TOKENS.items():
        token_path(folder, role).write_text(token + "\n")
    return Shell(served, folder)


def test_watch_once_shows_the_plant(shell: Shell) -> None:
    text = shell.run("watch", "--once")
    assert "commanding" in text
    assert all(area.name in text for area in VIEW.areas)


def test_a_center_on_this_machine_is_found_without_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    note = tmp_path / "gridmuster" / "center.json"
    elsewhere = Auth.open(tmp_path / "elsewhere")

    def watch(*words: str) -> str:
        result = CliRunner().invoke(app, ["watch", "--once", *words])
        return str(result.exception) if result.exception else result.output

    assert "no token" in watch() or "role viewer" in watch()
    with serving(VIEW, elsewhere) as first:
        assert stat.S_IMODE(note.stat().st_mode) == 0o600
        assert first.url in note.read_text()
        assert "Harbor" in watch()
        assert "Harbor" in watch("--url", first.url)
        with serving(plant(5, areas=1), Auth.open(tmp_path / "second")):
            assert "Harbor" in watch()
        assert first.url in note.read_text()
    assert not note.exists()
    note.write_text('{"url": "http://127.0.0.1:9", "tokens": "x"}')
    with serving(VIEW, elsewhere):
        assert "Harbor" in watch()
    note.write_text("no note")
    assert "role viewer" in watch()
    with serving(VIEW, elsewhere):
        assert "Harbor" in watch()


def test_watch_once_json_is_the_whole_view(shell: Shell) -> None:
    found = json.loads(shell.run("watch", "--once", "--json"))
    assert found["fleet"] == VIEW.fleet
    assert len(found["devices"]) == len(VIEW.devices)


def test_watch_draws_a_picture(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "docs" / "images" / "watch.svg"
    shell.run("watch", "--once", "--svg", str(path), "--width", "100", "--height", "30")
    assert path.read_text("utf-8").startswith("<svg")
    assert "--once" in shell.run("watch", "--svg", str(path), code=2)


def test_watch_fills_the_terminal_follows_and_gives_it_back(shell: Shell) -> None:
    child = shell.spawn("watch")
    child.expect("\x1b\\[\\?1049h")
    child.expect("commanding")
    child.expect("Harbor")
    shell.center.advance(at_ms=VIEW.at_ms + 3_600_000)
    child.expect("19:42:08 CDT")
    shell.center.put(VIEW)
    child.sendintr()
    child.expect("\x1b\\[\\?1049l")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_watch_says_how_old_its_picture_is_when_the_center_goes(shell: Shell) -> None:
    with serving(VIEW) as center:
        child = Shell(center, shell.folder).spawn("watch")
        child.expect("commanding")
    child.expect(r"picture \d+ s old")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_watch_without_a_terminal_prints_lines(shell: Shell) -> None:
    child = shell.spawn("watch", "--json")
    child.expect('"event":"devices"')
    child.sendintr()
    child.expect(pexpect.EOF)


def test_device_shows_one_in_full(shell: Shell) -> None:
    text = shell.run("device", ENGINE.id)
    assert ENGINE.id in text and f"rated {ENGINE.rated_kw:,.0f} kW" in text
    assert json.loads(shell.run("device", ENGINE.id, "--json"))["device"]["id"] == ENGINE.id


def test_an_unknown_device_is_named_with_what_comes_close(shell: Shell) -> None:
    text = shell.run("device", ENGINE.id[:-1], code=1)
    assert "Did you mean" in text and ENGINE.id in text
    found = json.loads(shell.run("device", ENGINE.id[:-1], "--json", code=1))
    assert ENGINE.id in found["suggestions"]
    assert "There is no" in shell.run("device", "a/../../health?x=1#y", code=1)


@pytest.mark.parametrize(
    ("words", "action"),
    [
        (("override", "device", ENGINE.id, "--kw", "100", "--for", "30min"), Action.OVERRIDE),
        (("override", "device", ENGINE.id, "--off"), Action.OVERRIDE),
        (("release", "site", ENGINE.site), Action.RELEASE),
        (("stop", "area", ENGINE.area), Action.EMERGENCY_STOP),
        (("stop", "fleet"), Action.EMERGENCY_STOP),
        (("reset", "fleet", VIEW.fleet), Action.RESET),
    ],
)
def test_commands_show_the_consequence_and_act_with_yes(
    shell: Shell, words: tuple[str, ...], action: Action
) -> None:
    text = shell.run(*words, "--yes", "--reason", "a test")
    assert re.search(r"\d+ devices? \(\d+ active\) would", text)
    assert "done: " in text
    (request,) = shell.center.board.requests
    assert (request.action, request.reason) == (action, "a test")
    assert request.role == ("admin" if action is Action.RESET else "operator")
    if "fleet" in words:
        assert (request.scope, request.target) == (Scope.FLEET, VIEW.fleet)
    if "--kw" in words:
        assert request.power_kw == 100.0
        assert request.until_ms == shell.center.board.view().at_ms + 1_800_000
    else:
        assert request.power_kw is None


def test_commands_answer_machines_in_json(shell: Shell) -> None:
    result = CliRunner().invoke(
        app, ["stop", "device", ENGINE.id, "--yes", "--json"], env=shell.environment()
    )
    assert json.loads(result.stdout.splitlines()[-1])["result"] == "submitted"
    assert "would be stopped" in result.stderr


def test_without_a_terminal_and_yes_nothing_is_done(shell: Shell) -> None:
    assert "--yes" in shell.run("stop", "device", ENGINE.id, code=2)
    assert shell.center.board.requests == []


@pytest.mark.parametrize("answer", ["n", "y"])
def test_on_a_terminal_the_second_step_is_a_question(shell: Shell, answer: str) -> None:
    child = shell.spawn("stop", "site", ENGINE.site)
    child.expect("would be stopped at once")
    child.expect("Emergency stop now")
    child.sendline(answer)
    child.expect("done" if answer == "y" else "nothing was done")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == (0 if answer == "y" else 1)
    assert len(shell.center.board.requests) == (answer == "y")


def test_refusals_are_told_with_their_reason(shell: Shell) -> None:
    text = shell.run("release", "device", ENGINE.id, "--yes", "--reason", "no", code=1)
    assert "refused: the fence is lost" in text
    text = shell.run("override", "device", ENGINE.id, "--kw", "9999", "--yes", code=1)
    assert "its limits are 0 to 500 kW" in text
    assert "Did you mean" in shell.run("stop", "area", "nrth", "--yes", code=1)


@pytest.mark.parametrize(
    "words",
    [
        ("override", "device", ENGINE.id, "--yes"),
        ("override", "device", ENGINE.id, "--kw", "5", "--off", "--yes"),
        ("override", "device", ENGINE.id, "--off", "--for", "soon", "--yes"),
        ("stop", "device", "--yes"),
        ("stop", "planet", "earth", "--yes"),
    ],
)
def test_what_is_unclear_is_asked_back(shell: Shell, words: tuple[str, ...]) -> None:
    shell.run(*words, code=2)
    assert shell.center.board.requests == []


def test_the_wrong_token_and_the_wrong_role_are_told(shell: Shell, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.token"
    wrong.write_text("gm-no")
    for words in (("watch",), ("watch", "--once"), ("watch", "--json")):
        assert "does not know this token" in shell.run(*words, "--token-file", str(wrong), code=2)
    viewer = str(token_path(shell.folder, Role.VIEWER))
    text = shell.run("stop", "fleet", "--yes", "--token-file", viewer, code=1)
    assert "viewer is viewer; this needs operator" in text
    assert shell.center.board.requests == []


def test_no_token_at_all_is_told_with_where_it_should_be(shell: Shell) -> None:
    for role in Role:
        token_path(shell.folder, role).unlink()
    text = shell.run("watch", "--once", code=2)
    assert str(token_path(shell.folder, Role.VIEWER)) in text and "--token-file" in text


def test_no_center_is_told_with_what_to_do(shell: Shell) -> None:
    for words in (("watch",), ("watch", "--once"), ("device", "x"), ("stop", "fleet", "--yes")):
        text = shell.run(*words, "--url", "http://127.0.0.1:9", code=2)
        assert "no center answers at http://127.0.0.1:9" in text
        assert "gridmuster demo" in text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://plant.example:8420", "plain text"),
        ("ftp://127.0.0.1", "not an address"),
        ("127.0.0.1:8420", "not an address"),
        ("http://", "not an address"),
        ("http://[::1", "not an address"),
    ],
)
def test_addresses_that_will_not_do_are_refused(shell: Shell, url: str, text: str) -> None:
    assert text in shell.run("watch", "--once", "--url", url, code=2)


def test_something_else_that_answers_is_told_apart(shell: Shell) -> None:
    text = shell.run("watch", "--once", "--url", shell.center.url + "/other", code=2)
    assert "not-found" in text or "There is no" in text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("45s", 45), ("30min", 1800), ("30m", 1800), ("1.5h", 5400), (" 2 d ", 172_800)],
)
def test_lengths_of_time_are_understood(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "soon", "5 weeks", "1e3", "h"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        seconds_of(text)
