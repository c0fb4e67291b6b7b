"""A microgrid that cannot work is refused, with the place, the rule and the way out."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gridmuster.fleet.load import Inspection, inspect_upload
from gridmuster.fleet.rules.microgrids import kept_kw

CURVE = [{"load_fraction": k / 4, "fuel_per_h": 10.0 + 15.0 * k} for k in (1, 2, 3, 4)]
AT = {"area": "north", "latitude": 30.5, "longitude": -97.5}


def plant() -> dict[str, Any]:
    gas = {"type": "engine", "site": "plant", "rated_kw": 250.0, "fuel_curve": CURVE}
    tie = {"kind": "paralleling", "export_limit_kw": 500}
    ring = [[-98, 30], [-97, 30], [-97, 31], [-98, 31], [-98, 30]]
    return {
        "id": "isle",
        "areas": [
            {
                "id": "north",
                "border": {"coordinates": [ring]},
                "connection": {"import_limit_kw": 800},
                "microgrid": {
                    "breaker": "tie",
                    "site": "plant",
                    "formers": ["gas"],
                    "steps": [
                        {"id": "pool", "priority": 1, "power_kw": 50, "end_users": ["pool"]},
                        {"id": "shop", "priority": 2, "power_kw": 80, "end_users": ["shop"]},
                    ],
                },
            }
        ],
        "sites": [
            {"id": "plant", **AT, "transfer": tie},
            {"id": "town", **AT, "transfer": tie},
        ],
        "end_users": [
            {"id": "clinic", "site": "town", "load_class": "health", "peak_kw": 70},
            {"id": "pool", "site": "town", "load_class": "commercial", "peak_kw": 60},
            {"id": "shop", "site": "town", "load_class": "commercial", "peak_kw": 90},
        ],
        "devices": [
            {"id": "gas", **gas, "fuel": "natural_gas"},
            {"id": "far", **gas, "fuel": "natural_gas", "site": "town"},
            {"id": "sun", "type": "photovoltaic", "site": "plant", "rated_kw": 50},
        ],
    }


def inspect(data: dict[str, Any]) -> Inspection:
    return inspect_upload(yaml.safe_dump(data).encode(), "isle.yaml")


def test_a_right_one_is_read() -> None:
    found = inspect(plant())
    assert found.faults == ()
    assert found.fleet is not None
    _, grid = found.fleet.microgrid_of_site["plant"]
    assert [step.id for step in grid.by_priority] == ["shop", "pool"]
    assert kept_kw(grid, list(found.fleet.end_users), list(found.fleet.sites)) == 70.0


WRONG: dict[str, tuple[str, Any, str, str]] = {
    "no former": ("formers", [], "formers", "without a grid former the island stays dead"),
    "sun": ("formers", ["sun"], "formers[0]", "follows a grid; it cannot form one"),
    "unknown former": ("formers", ["gaz"], "formers[0]", "did you mean gas?"),
    "former elsewhere": ("formers", ["gas", "far"], "formers[1]", "can only join a live bus"),
    "former twice": ("formers", ["gas", "gas"], "formers[1]", "listed before"),
    "unknown site": ("site", "plan", "site", "did you mean plant?"),
    "kept too large": ("kept_kw", 300.0, "kept_kw", "the largest former gives 250 kW"),
    "step too large": ("steps.0.power_kw", 61, "steps[0].power_kw", "60 kW at most"),
    "priority twice": ("steps.1.priority", 1, "steps[1].priority", "step pool has that priority"),
    "step twice": ("steps.1.id", "pool", "steps[1].id", "another step has that id"),
    "unknown user": ("steps.0.end_users", ["pol"], "steps[0].end_users[0]", "mean pool?"),
    "shed twice": ("steps.1.end_users", ["shop", "pool"], "steps[1].end_users[1]", "on step pool"),
    "no reserve rule": ("reserve", "much", "reserve", ""),
    "no time": ("stagger_s", 0, "stagger_s", "above 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_work_is_refused_by_name(name: str) -> None:
    where, value, path, limit = WRONG[name]
    data = plant()
    block: Any = data["areas"][0]["microgrid"]
    *parts, last = where.split(".")
    for part in parts:
        block = block[int(part)] if part.isdigit() else block[part]
    block[last] = value
    (fault,) = inspect(data).faults
    assert fault.path == f"areas[0].microgrid.{path}"
    assert limit in fault.limit


def test_a_protected_load_beside_the_switchgear_is_refused() -> None:
    data = plant()
    data["sites"][0] |= {"backup_load_kw": 10.0}
    (fault,) = inspect(data).faults
    assert "protected load of its own" in fault.limit
    data = plant()
    data["end_users"][1] |= {"behind_transfer": True}
    data["sites"][1] |= {"backup_load_kw": 60.0}
    assert any("never shed" in fault.limit for fault in inspect(data).faults)


def test_an_area_that_is_always_an_island_has_no_coupling() -> None:
    data = plant()
    del data["areas"][0]["connection"]
    assert any("nothing to couple to" in fault.limit for fault in inspect(data).faults)


def test_an_engine_behind_a_transfer_switch_does_not_form() -> None:
    data = plant()
    data["sites"][0]["transfer"] = {"kind": "transfer_switch"}
    assert any("forming needs paralleling" in fault.limit for fault in inspect(data).faults)
