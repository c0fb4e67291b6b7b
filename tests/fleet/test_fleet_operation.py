"""The fleet file's links, caps and blocks of operation: one fault each, and what is read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from fleet_samples import SQUARE, changed

from gridmuster.clock import parse_iso
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.load import Inspection
from gridmuster.fleet.operation import Operation, StartClass
from gridmuster.fleet.save import plain
from gridmuster.fleet.ties import Link
from gridmuster.units import Fuel

Inspect = Callable[[Any], Inspection]
TOWER, PUMP = "devices[0].operation", "devices[1].operation"
EAST = {
    "id": "east",
    "border": {"coordinates": [[[lon + 1.0, lat] for lon, lat in SQUARE]]},
    "connection": {"import_limit_kw": 10.0},
}
LINK = {"id": "tie", "from_area": "north", "to_area": "east", "limit_kw": 100.0}
CAP = {"id": "cap", "pollutant": "nox", "limit_kg_per_day": 5.0}
EASTERN = (("areas[1]", EAST), ("sites[0].area", "north"))
NIGHT = {"begins": "2026-07-15T22:00:00-05:00", "ends": "2026-07-16T06:00:00-05:00"}

STORE = "devices[2].energy_wishes"
EVENING = {"from_hour": 17, "until_hour": 21}

SINGLE: dict[str, tuple[list[tuple[str, Any]], str, str]] = {
    "a class that comes before the one above it": (
        [(f"{PUMP}.start_classes", [{"off_s": 60, "cost_usd": 1}, {"off_s": 60, "cost_usd": 2}])],
        "devices[1].operation.start_classes[1].off_s",
        "rise in time off",
    ),
    "a cold start cheaper than a hot one": (
        [
            ("devices[1].start_cost_usd", 5.0),
            (f"{PUMP}.start_classes", [{"off_s": 3600, "cost_usd": 1}]),
        ],
        "devices[1].operation.start_classes[0].cost_usd",
        "not cheaper",
    ),
    "power after the start is over": (
        [(f"{PUMP}.start_curve", [{"after_s": 51, "load_fraction": 0.2}])],
        "devices[1].operation.start_curve[0].after_s",
        "on 50 s after the order",
    ),
    "a start curve that goes back in time": (
        [
            (
                f"{PUMP}.start_curve",
                [{"after_s": 9, "load_fraction": 0}, {"after_s": 9, "load_fraction": 0.2}],
            )
        ],
        "devices[1].operation.start_curve[1].after_s",
        "times rise",
    ),
    "a delivery some day": (
        [(f"{TOWER}.deliveries", [{"at": "soon", "amount": 50}])],
        "devices[0].operation.deliveries[0].at",
        "no instant with an offset",
    ),
    "a delivery at a time of no zone": (
        [(f"{TOWER}.deliveries", [{"at": "2026-07-15T06:00:00", "amount": 50}])],
        "devices[0].operation.deliveries[0].at",
        "no instant with an offset",
    ),
    "a delivery to a pipeline": (
        [(f"{PUMP}.deliveries", [{"at": NIGHT["begins"], "amount": 50}])],
        "devices[1].operation.deliveries[0]",
        "no tank",
    ),
    "a delivery larger than the tank": (
        [(f"{TOWER}.deliveries", [{"at": NIGHT["begins"], "amount": 500}])],
        "devices[0].operation.deliveries[0].amount",
        "the tank holds 200",
    ),
    "works that end before they begin": (
        [(f"{PUMP}.maintenance", [{"begins": NIGHT["ends"], "ends": NIGHT["begins"]}])],
        "devices[1].operation.maintenance[0].ends",
        "the works begin at",
    ),
    "works at no time": (
        [(f"{PUMP}.maintenance", [{**NIGHT, "begins": "tonight"}])],
        "devices[1].operation.maintenance[0].begins",
        "no instant with an offset",
    ),
    "a pollutant twice": (
        [
            (
                f"{PUMP}.emissions",
                [{"pollutant": "nox", "kg_per_fuel": 0.01}, {"pollutant": "nox", "kg_per_fuel": 1}],
            )
        ],
        "devices[1].operation.emissions[1].pollutant",
        "there twice",
    ),
    "a ramp of more than all": (
        [(f"{PUMP}.ramp_down_fraction_per_s", 1.5)],
        "devices[1].operation.ramp_down_fraction_per_s",
        "at most 1",
    ),
    "a word that operation does not know": (
        [(f"{PUMP}.start_fule", 3)],
        "devices[1].operation.start_fule",
        "did you mean start_fuel",
    ),
    "operation of a battery": (
        [("devices[2].operation", {"start_fuel": 3})],
        "devices[2].operation",
        "battery has no field operation",
    ),
    "a link to nowhere": (
        [*EASTERN, ("links", [{**LINK, "to_area": "eest"}])],
        "links[0].to_area",
        "did you mean east",
    ),
    "a link from an area to itself": (
        [*EASTERN, ("links", [{**LINK, "to_area": "north"}])],
        "links[0].to_area",
        "joins two areas",
    ),
    "two links of one id": (
        [*EASTERN, ("links", [LINK, LINK])],
        "links[1].id",
        "links[0] has that id",
    ),
    "a link that loses all": (
        [*EASTERN, ("links", [{**LINK, "loss_fraction": 1.0}])],
        "links[0].loss_fraction",
        "below 0.5",
    ),
    "a cap on an area that is not there": (
        [("emission_caps", [{**CAP, "areas": ["north", "south"]}])],
        "emission_caps[0].areas[1]",
        "no such area",
    ),
    "two caps of one id": (
        [("emission_caps", [CAP, CAP])],
        "emission_caps[1].id",
        "emission_caps[0] has that id",
    ),
    "a cap that costs nothing to break": (
        [("emission_caps", [{**CAP, "excess_usd_per_kg": 0}])],
        "emission_caps[0].excess_usd_per_kg",
        "above 0",
    ),
    "hours that end after the day": (
        [(f"{PUMP}.run_limits", [{"from_hour": 22, "until_hour": 31, "run_h": 0}])],
        "devices[1].operation.run_limits[0].until_hour",
        "at most 24",
    ),
    "a limit of hours that limits nothing": (
        [(f"{PUMP}.run_limits", [EVENING])],
        "devices[1].operation.run_limits[0]",
        "limits hours on, or starts",
    ),
    "a limit of less than no start": (
        [(f"{PUMP}.run_limits", [{**EVENING, "starts": -1}])],
        "devices[1].operation.run_limits[0].starts",
        "at least 0",
    ),
    "a wish for nothing": (
        [(STORE, [EVENING])],
        "devices[2].energy_wishes[0]",
        "at least, or at most",
    ),
    "a wish above the ceiling": (
        [("devices[2].max_energy_fraction", 0.8), (STORE, [{**EVENING, "min_fraction": 0.9}])],
        "devices[2].energy_wishes[0].min_fraction",
        "the ceiling kept always is 0.8",
    ),
    "a wish below the floor": (
        [(STORE, [{**EVENING, "max_fraction": 0.1}])],
        "devices[2].energy_wishes[0].max_fraction",
        "kept always",
    ),
    "wishes that exclude each other over midnight": (
        [
            (
                STORE,
                [
                    {"from_hour": 20, "until_hour": 2, "min_fraction": 0.7},
                    {"from_hour": 1, "until_hour": 5, "max_fraction": 0.6},
                    {"from_hour": 10, "until_hour": 12, "max_fraction": 0.3},
                ],
            )
        ],
        "devices[2].energy_wishes[0].min_fraction",
        "energy_wishes[1] wishes at most 0.6",
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_one_fault_at_its_place(name: str, inspect: Inspect) -> None:
    changes, path, limit = SINGLE[name]
    found = inspect(changed(*changes))
    faults = [fault for fault in found.faults if not fault.path.startswith("areas[1]")]
    assert [fault.path for fault in faults] == [path], "\n".join(map(str, found.faults))
    assert limit in faults[0].limit
    assert faults[0].expected
    assert faults[0].value


def test_all_of_it_is_read_and_written_back(inspect: Inspect) -> None:
    operation = {
        "start_classes": [{"off_s": 3600.0, "cost_usd": 4.0}, {"off_s": 7200.0, "cost_usd": 9.0}],
        "start_curve": [{"after_s": 10.0, "load_fraction": 0.1}],
        "start_fuel": 0.5,
        "start_max_fraction": 0.5,
        "stop_max_fraction": 0.4,
        "ramp_down_fraction_per_s": 0.01,
        "deliveries": [{"at": NIGHT["begins"], "amount": 120.0}],
        "maintenance": [NIGHT],
        "run_limits": [{"from_hour": 22.0, "until_hour": 6.5, "run_h": 0.0, "starts": 2}],
        "emissions": [{"pollutant": "nox", "kg_per_fuel": 0.02}],
        "hour_value_usd_per_h": 3.0,
    }
    site = ("sites[1]", {"id": "east-site", "area": "east", "latitude": 30.5, "longitude": -96.5})
    wish = {**EVENING, "min_fraction": 0.6, "max_fraction": 0.9}
    data = changed((TOWER, operation), ("areas[1]", EAST), ("links", [LINK]), (STORE, [wish]))
    data["sites"].append(site[1])
    data["emission_caps"] = [CAP]
    found = inspect(data)
    assert found.fleet is not None, "\n".join(map(str, found.faults))
    again = plain(found.fleet)
    assert again["devices"][0]["operation"] == operation
    assert again["links"] == [LINK]
    assert again["devices"][2]["energy_wishes"] == [wish]
    (warning,) = [one for one in found.warnings if one.path == "links"]
    assert "link tie: the running center counts on nothing over a link" in warning.limit
    assert again["emission_caps"] == [CAP]
    assert found.fleet.links == (Link(**LINK),)
    device = found.fleet.device_by_id["tower-gen"]
    assert isinstance(device, Generator)
    assert device.operation.start_classes[1] == StartClass(off_s=7200.0, cost_usd=9.0)


def test_an_instant_needs_no_quotes_in_yaml() -> None:
    read = yaml.safe_load(f"maintenance: [{{begins: {NIGHT['begins']}, ends: {NIGHT['ends']}}}]")
    operation = Operation.model_validate(read)
    begins, ends = parse_iso(NIGHT["begins"]), parse_iso(NIGHT["ends"])
    assert operation.works_within(begins, begins)
    assert operation.works_within(begins - 1000, begins)
    assert not operation.works_within(ends, ends + 1000)
    assert not operation.works_within(begins - 1000, begins - 1)


def test_carbon_is_known_by_the_fuel_and_the_file_goes_first() -> None:
    plant = Operation()
    assert plant.kg_per_fuel("co2", Fuel.DIESEL) == pytest.approx(2.7, rel=0.01)
    assert plant.kg_per_fuel("co2", Fuel.HYDROGEN) == 0.0
    assert plant.kg_per_fuel("nox", Fuel.DIESEL) == 0.0
    bio = Operation.model_validate({"emissions": [{"pollutant": "co2", "kg_per_fuel": 0.0}]})
    assert bio.kg_per_fuel("co2", Fuel.DIESEL) == 0.0
