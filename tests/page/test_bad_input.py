"""Bad input at the doors people use: refused with the reason, or taken in part that says which."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from plant_serving import TOKENS
from test_ven import Plant, at
from toy_vtn import event
from typer.testing import CliRunner

from gridmuster.cli.activate import app as activate_app
from gridmuster.cli.fleet import app as fleet_app
from gridmuster.console.tokens import Role
from gridmuster.fleet.model import Area, Border, Connection
from gridmuster.fleet.save import fleet_yaml

#: No site is in it yet.
NOWHERE = Area(
    id="nowhere",
    border=Border(coordinates=(((0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.1), (0.0, 0.0)),)),
    connection=Connection(import_limit_kw=100.0, export_limit_kw=0.0),
)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("bad"), (NOWHERE,))
    yield made
    made.close()


def weigh(plant: Plant, **body: Any) -> httpx.Response:
    with plant.live.client() as client:
        wish = {"scope": "area", "for_s": 1800, **body}
        return client.post("/api/v1/activation/preview", json=wish)


def dispatched(name: str, kw: float, start: str, length: str) -> dict[str, Any]:
    """An event that asks for a power, at once when its time comes."""
    payload = {"type": "DISPATCH_SETPOINT", "values": [kw]}
    made = event(name, at(start), payload, priority=0)
    made["intervalPeriod"]["duration"] = length
    return made


def granted(plant: Plant) -> dict[str, tuple[str, float]]:
    """What each event under way is granted, by its name."""
    return {
        key.removeprefix("north-adr/"): (one.state, one.granted_kw)
        for key, one in plant.requests().items()
    }


def test_a_center_runs_with_an_area_that_has_no_sites_and_refuses_to_call_it(plant: Plant) -> None:
    answer = weigh(plant, target="nowhere", power_kw=100.0)
    assert answer.status_code == 409
    assert "no site of the fleet is in what was asked for" in answer.json()["detail"]
    assert "nowhere" in {area.id for area in plant.live.view().areas}
    # Prices may be known before its first site.
    prices = "time,area,price_usd_per_mwh\n2024-07-01T00:00:00Z,nowhere,30\n"
    with plant.live.client(Role.ADMIN) as client:
        draft = client.post("/api/v1/intake/prices", content=prices)
    assert draft.status_code == 200, draft.text


def test_the_same_area_without_a_grid_is_no_fleet(plant: Plant, tmp_path: Path) -> None:
    dark = NOWHERE.model_copy(update={"connection": None})
    areas = tuple(dark if one.id == dark.id else one for one in plant.live.fleet.areas)
    path = tmp_path / "fleet.yaml"
    path.write_text(fleet_yaml(plant.live.fleet.model_copy(update={"areas": areas})), "utf-8")
    checked = CliRunner().invoke(fleet_app, ["check", str(path)])
    assert checked.exit_code == 2
    assert "no connection, so an island" in checked.output
    assert "no site is in this area" in checked.output


def test_a_target_above_everything_is_met_in_part_that_is_told(
    plant: Plant, tmp_path: Path
) -> None:
    found = weigh(plant, target="north", power_kw=90_000.0).json()["selection"]
    assert found["chosen"] and found["firm_kw"] > 0.0
    assert found["missing_kw"] == pytest.approx(90_000.0 - found["firm_kw"])
    token = tmp_path / "token"
    token.write_text(TOKENS[Role.OPERATOR])
    where = ["--url", plant.live.url, "--token-file", str(token)]
    wish = ["activate", "north", "--kw", "90000", "--for", "30min", "--dry-run"]
    shown = CliRunner().invoke(activate_app, [*wish, *where])
    assert shown.exit_code == 0, shown.output
    assert f"{found['missing_kw']:,.0f} kW" in shown.output and "missing" in shown.output


def test_events_that_overlap_get_the_largest_of_them_and_each_is_answered(plant: Plant) -> None:
    plant.vtn.events = [
        dispatched("long", 200.0, "14:03", "PT40M"),
        dispatched("high", 300.0, "14:05", "PT10M"),
        dispatched("void", 100.0, "14:05", "PT0S"),
    ]
    plant.poll(5)
    found = granted(plant)
    assert set(found) == {"long.0", "high.0"}
    # Together the area is asked for 300 kW, never for 500.
    assert sum(kw for _, kw in found.values()) == pytest.approx(300.0)
    assert "before it begins" in plant.vtn.reported("void", "PRIVATE_ANSWER")[0]
    assert plant.vtn.reported("long", "PRIVATE_ANSWER")[0]
    # The higher one ends, the longer one goes on.
    plant.live.advance(12)
    plant.poll(1)
    assert granted(plant) == {"long.0": ("called", pytest.approx(200.0))}
