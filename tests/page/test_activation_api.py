"""Activations, the audit's search and denied attempts: over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_plant import LivePlant, living
from plant_serving import TOKENS
from typer.testing import CliRunner

from gridmuster.cli.activate import app
from gridmuster.clock import from_ms
from gridmuster.console.tokens import Role

BODY = {"scope": "area", "target": "north", "power_kw": 300.0, "for_s": 1800}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """An afternoon that calls for no engine."""
    with living(tmp_path_factory.mktemp("activation"), start="14:00") as running:
        yield running


def give(
    plant: LivePlant, path: str, key: str, role: Role = Role.OPERATOR, **body: Any
) -> httpx.Response:
    with plant.client(role) as client:
        headers = {"Idempotency-Key": key}
        return client.post(f"/api/v1/{path}", json=body, headers=headers)


def weigh(plant: LivePlant, **changes: Any) -> httpx.Response:
    with plant.client() as client:
        return client.post("/api/v1/activation/preview", json={**BODY, **changes})


def running(plant: LivePlant) -> list[dict[str, Any]]:
    with plant.client() as client:
        found: list[dict[str, Any]] = client.get("/api/v1/activations").json()["activations"]
    return found


def test_a_preview_shows_sets_cost_and_reasons_and_does_nothing(plant: LivePlant) -> None:
    answer = weigh(plant)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    chosen = found["selection"]["chosen"]
    assert found["selection"]["firm_kw"] >= 300.0
    assert math.isclose(found["selection"]["usd"], sum(one["usd"] for one in chosen))
    assert found["until_ms"] - found["from_ms"] == 1_800_000
    assert found["selection"]["in_line"] and found["selection"]["excluded"]
    assert any("permit epa_emergency" in one["reason"] for one in found["selection"]["excluded"])
    assert "firm at 95%" in found["lines"][0]
    assert running(plant) == []


def test_a_feeder_narrows_an_activation_down_over_http_and_on_the_command_line(
    plant: LivePlant, tmp_path: Path
) -> None:
    fleet = plant.fleet
    feeders = {site.id: site.feeder for site in fleet.sites}
    pumps = {
        site.feeder
        for site in fleet.sites_of_area["north"]
        if any(device.id.startswith("north-pump") for device in fleet.devices_of_site[site.id])
    }
    (feeder,) = pumps
    found = weigh(plant, feeder=feeder, power_kw=50.0).json()
    sites = {one["site"] for one in found["selection"]["chosen"]}
    assert sites and {feeders[site] for site in sites} == {feeder}
    left_out = {fleet.device_by_id[one["device"]].site for one in found["selection"]["excluded"]}
    assert {feeders[site] for site in left_out} <= {feeder}
    token = tmp_path / "viewer.token"
    token.write_text(TOKENS[Role.VIEWER])
    asked = ["activate", "north", "--kw", "50", "--for", "30min", "--feeder", str(feeder)]
    there = ["--dry-run", "--json", "--url", plant.url, "--token-file", str(token)]
    said = CliRunner().invoke(app, [*asked, *there])
    assert said.exit_code == 0, said.output
    assert {one["site"] for one in json.loads(said.stdout)["selection"]["chosen"]} == sites


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"target": "nroth"}, 404, "Did you mean north?"),
        ({"power_kw": 0.0}, 422, "must be above 0."),
        ({"power_kw": -5.0}, 422, "must be above 0."),
        ({"until": "2030-01-01T00:00:00Z"}, 422, "either for_s or until"),
        ({"for_s": None}, 422, "either for_s or until"),
        ({"for_s": None, "until": "2020-01-01T00:00:00Z"}, 409, "already over"),
        ({"for_s": None, "until": "2030-01-01T00:00:00"}, 422, "UTC offset"),
        ({"purpose": "outage"}, 409, "served by the site itself"),
        ({"purpose": "fun"}, 422, "outage"),
        ({"tag": "castle"}, 409, "no site of the fleet"),
        ({"feeder": "nroth-1"}, 404, "Did you mean north-1"),
        ({"feeder": "west-1"}, 409, "no site of the fleet"),
        ({"polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}, 409, "crosses itself"),
        ({"polygon": [[0, 0], [1, 1]]}, 409, "at least 3"),
        ({"probability": 1.0}, 422, "0.9999"),
        ({"colour": "red"}, 422, "is not known here"),
        ({"for_s": 8 * 86_400}, 409, "longer than 7 days"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    plant: LivePlant, changes: dict[str, Any], status: int, words: str
) -> None:
    answer = weigh(plant, **changes)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    given = give(plant, "activate", f"bad-{changes}"[:100], **{**BODY, **changes})
    assert given.status_code == status, given.text
    assert words.rstrip("?") in given.json()["detail"]
    assert running(plant) == []


def test_a_viewer_may_weigh_but_not_call(plant: LivePlant) -> None:
    assert weigh(plant).status_code == 200
    answer = give(plant, "activate", "v1", Role.VIEWER, **BODY)
    assert answer.status_code == 403
    assert give(plant, "activations/op-1/cancel", "v2", Role.VIEWER).status_code == 403
    with plant.client() as client:
        attempts = client.get("/api/v1/audit/denied").json()["attempts"]
    assert attempts[0]["path"] == "/api/v1/activations/op-1/cancel"
    assert (attempts[1]["actor"], attempts[1]["why"]) == ("viewer", "role-too-low")


def test_sets_are_called_once_followed_and_ended(plant: LivePlant) -> None:
    first = give(plant, "activate", "one", **BODY, reason="heat wave")
    again = give(plant, "activate", "one", **BODY, reason="heat wave")
    assert first.status_code == 200, first.text
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    name = first.json()["id"]
    assert [one["id"] for one in running(plant)] == [name]
    plant.advance(4)
    one = running(plant)[0]
    assert one["phase"] == "running" and one["delivered_kw"] >= 300.0
    assert {each["state"] for each in one["sets"]} == {"running"}
    called = [each["device"] for each in one["sets"]]
    with plant.client() as client:
        device = client.get(f"/api/v1/devices/{called[0]}").json()["device"]
    assert device["override"] == "activation of 300 kW in north by operator (demand)"
    assert "next in merit" in device["reason"]
    unknown = give(plant, "activations/op-nothing/cancel", "two")
    assert unknown.status_code == 404
    ended = give(plant, f"activations/{name}/cancel", "three", reason="over")
    assert ended.status_code == 200, ended.text
    twice = give(plant, f"activations/{name}/cancel", "four")
    assert twice.status_code == 409 and "already" in twice.json()["detail"]
    plant.advance(3)
    assert running(plant)[0]["phase"] == "returning", "the sets run their least time"
    plant.advance(32)
    assert running(plant)[0]["phase"] == "cancelled"
    gone = give(plant, f"activations/{name}/cancel", "five")
    assert gone.status_code == 409 and "no activation" in gone.json()["detail"]


def test_the_audit_is_searched_paged_and_written_as_a_table(plant: LivePlant) -> None:
    for k in range(3):
        give(plant, "release", f"search-{k}", scope="area", target="north", reason=f"=try {k}")
    with plant.client() as client:

        def find(**params: Any) -> dict[str, Any]:
            answer = client.get("/api/v1/audit/find", params=params)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        every = find()
        numbers = [entry["number"] for entry in every["entries"]]
        assert numbers == sorted(numbers, reverse=True) and every["total"] == len(numbers)
        assert {"activate", "cancel", "release"} <= set(every["actions"])
        found = find(action="activate", result="done")
        assert [entry["power_kw"] for entry in found["entries"]] == [300.0]
        assert found["entries"][0]["reason"] == "heat wave"
        assert all(not e["applied"] for e in find(result="refused")["entries"])
        assert find(q="HEAT wave")["total"] == 1
        assert find(actor="nobody")["total"] == 0
        first = find(action="release", limit=2)
        assert first["total"] == 3 and len(first["entries"]) == 2
        rest = find(action="release", limit=2, before=first["next"])
        assert [e["reason"] for e in rest["entries"]] == ["=try 0"] and rest["next"] is None
        assert client.get("/api/v1/audit/find", params={"result": "maybe"}).status_code == 422
        table = client.get("/api/v1/audit.csv", params={"action": "release"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["reason"] for row in rows] == ["'=try 2", "'=try 1", "'=try 0"]
    assert rows[0]["at_utc"].endswith("+00:00") and rows[0]["applied"] == "True"


def test_an_attempt_without_a_token_is_kept_without_its_secrets(plant: LivePlant) -> None:
    with httpx.Client(base_url=plant.url, headers={"Authorization": "Bearer guess-me"}) as client:
        assert client.post("/api/v1/activate", json=BODY).status_code == 401
    with plant.client() as client:
        found = client.get("/api/v1/audit/denied", params={"q": "wrong-token"}).json()
    assert found["total"] == 1
    attempt = found["attempts"][0]
    assert (attempt["actor"], attempt["address"]) == ("", "127.0.0.1")
    assert "guess-me" not in json.dumps(found)


class Shell:
    """Types commands for the plant's operator."""

    def __init__(self, plant: LivePlant, folder: Path) -> None:
        token = folder / "operator.token"
        token.write_text(TOKENS[Role.OPERATOR], "utf-8")
        token.chmod(0o600)
        self._environment = {
            "GRIDMUSTER_URL": plant.url,
            "GRIDMUSTER_TOKEN_FILE": str(token),
            "COLUMNS": "120",
        }

    def run(self, *words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(words), env=self._environment)
        assert result.exit_code == code, (result.output, result.exception)
        return str(result.output)


@pytest.fixture
def shell(plant: LivePlant, tmp_path: Path) -> Shell:
    return Shell(plant, tmp_path)


def test_a_dry_run_on_the_command_line_shows_it_all(plant: LivePlant, shell: Shell) -> None:
    before = len(running(plant))
    text = shell.run("activate", "west", "--kw", "200", "--for", "1h", "--dry-run")
    assert "kW firm at 95%" in text and "next: " in text and "left out: " in text
    made = shell.run("activate", "west", "--kw", "200", "--for", "1h", "--dry-run", "--json")
    found = json.loads(made[made.index("{") :])
    assert found["selection"]["target_kw"] == 200.0
    assert len(running(plant)) == before


def test_the_command_line_calls_shows_and_ends(plant: LivePlant, shell: Shell) -> None:
    begin = from_ms(plant.view().at_ms + 600_000).isoformat()
    until = from_ms(plant.view().at_ms + 3_000_000).isoformat()
    words = ["activate", "west", "--kw", "200", "--from", begin, "--until", until, "--yes"]
    text = shell.run(*words, "--reason", "test")
    assert "done: " in text
    name = text.rpartition("id: ")[2].strip()
    assert f"{name}  waiting: 0 of 200 kW in west" in shell.run("activations")
    assert "done: activation of 200 kW" in shell.run("activations", "--cancel", name)
    again = shell.run("activations", "--cancel", name, code=1)
    assert "refused: " in again


def test_a_polygon_from_a_file_narrows_the_choice(
    plant: LivePlant, shell: Shell, tmp_path: Path
) -> None:
    site = next(site for site in plant.fleet.sites if site.id == "north-pump-01")
    corners = [
        [site.longitude + dx, site.latitude + dy]
        for dx, dy in ((-1e-4, -1e-4), (1e-4, -1e-4), (1e-4, 1e-4), (-1e-4, 1e-4))
    ]
    path = tmp_path / "ring.json"
    shape = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
    path.write_text(json.dumps({"type": "Feature", "geometry": shape}), "utf-8")
    words = ["activate", "--fleet", "--kw", "100", "--for", "30min", "--dry-run", "--json"]
    text = shell.run(*words, "--polygon", str(path))
    chosen = json.loads(text[text.index("{") :])["selection"]["chosen"]
    assert {one["site"] for one in chosen} == {site.id}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["north", "--for", "1h"], "--kw"),
        (["north", "--kw", "5"], "--until"),
        (["north", "--kw", "5", "--for", "1h", "--until", "2030-01-01T00:00Z"], "--until"),
        (["--kw", "5", "--for", "1h"], "AREA"),
        (["north", "--fleet", "--kw", "5", "--for", "1h"], "AREA"),
        (["north", "--kw", "5", "--until", "tomorrow"], "no date and time"),
        (["north", "--kw", "5", "--until", "2030-01-01T00:00"], "offset"),
        (["north", "--kw", "5", "--for", "soon"], "no length of time"),
        (["north", "--kw", "5", "--for", "1h", "--polygon", "/no/such/file"], "--polygon"),
    ],
)
def test_the_command_line_says_what_it_lacks(shell: Shell, words: list[str], why: str) -> None:
    assert why in shell.run("activate", *words, "--dry-run", code=2)


def test_the_command_line_asks_before_it_acts(plant: LivePlant, shell: Shell) -> None:
    before = len(running(plant))
    text = shell.run("activate", "west", "--kw", "50", "--for", "1h", code=2)
    assert "nothing was done" in text
    assert len(running(plant)) == before
    assert "refused: There is no area" in shell.run(
        "activate", "wset", "--kw", "50", "--for", "1h", "--dry-run", code=1
    )
