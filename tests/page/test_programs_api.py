"""Programs over HTTP and on the command line: told by a webhook, shown with their reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_plant import LivePlant, living
from plant_serving import TOKENS
from typer.testing import CliRunner

from gridmuster.cli.programs import app
from gridmuster.console.tokens import Role
from gridmuster.fleet.generate import generate
from gridmuster.fleet.programs import GridAlert, Programs

ALERT = GridAlert(id="north-alert", eea2_kw=300.0)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlant]:
    """An afternoon that calls for no engine, in a fleet whose area north hears of alerts."""
    fleet = generate(12, 1)
    areas = tuple(
        area.model_copy(update={"programs": Programs(grid_alert=(ALERT,))})
        if area.id == "north"
        else area
        for area in fleet.areas
    )
    fleet = fleet.model_copy(update={"areas": areas})
    folder = tmp_path_factory.mktemp("programs")
    with living(folder, start="14:00", fleet=fleet) as running:
        yield running


def tell(plant: LivePlant, key: str, role: Role = Role.OPERATOR, **body: Any) -> httpx.Response:
    with plant.client(role) as client:
        program = body.pop("program", "north-alert")
        return client.post(
            f"/api/v1/programs/{program}/signal", json=body, headers={"Idempotency-Key": key}
        )


def programs(plant: LivePlant) -> list[dict[str, Any]]:
    with plant.client() as client:
        found: list[dict[str, Any]] = client.get("/api/v1/programs").json()["programs"]
    return found


def test_a_posted_level_is_answered_shown_and_calls_sets(plant: LivePlant, tmp_path: Path) -> None:
    assert programs(plant)[0]["requests"] == []
    wrong = tell(plant, "k0", event="e0", level="eea1", for_s=600)
    assert wrong.status_code == 409 and "gives nothing at eea1" in wrong.json()["detail"]
    assert tell(plant, "k1", Role.VIEWER, event="e1", level="eea2").status_code == 403
    assert tell(plant, "k2", program="castle", event="e1").status_code == 404
    assert tell(plant, "k3", event="e1", level="eea4").status_code == 422
    taken = tell(plant, "k4", event="e1", level="eea2", for_s=1800, reason="heat wave")
    assert taken.status_code == 200, taken.text
    assert taken.json()["text"].startswith("event e1 taken: 300 kW")
    plant.advance(1)
    (request,) = programs(plant)[0]["requests"]
    assert (request["key"], request["state"]) == ("north-alert/e1", "called")
    assert request["reason"] == "EEA2, event e1 of operator: heat wave"
    with plant.client() as client:
        (one,) = client.get("/api/v1/activations").json()["activations"]
        audit = client.get("/api/v1/audit").json()["entries"]
    assert (one["program"], one["id"]) == ("north-alert", request["activation"])
    assert [entry["applied"] for entry in audit if entry["action"] == "signal"] == [False, True]
    token = tmp_path / "viewer.token"
    token.write_text(TOKENS[Role.VIEWER])
    there = ["--url", plant.url, "--token-file", str(token)]
    said = CliRunner().invoke(app, ["programs", *there])
    assert said.exit_code == 0, said.output
    assert "north-alert" in said.stdout and "300 of 300 kW" in said.stdout
    assert "heat wave" in said.stdout
    machine = CliRunner().invoke(app, ["programs", "--json", *there])
    assert json.loads(machine.stdout)["programs"][0]["id"] == "north-alert"
