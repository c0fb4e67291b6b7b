"""Each thing that can be wrong is named once, at its exact place, with the rule and the remedy."""

from collections.abc import Callable
from typing import Any

import pytest
from fleet_samples import CURVE, GONE, SQUARE, changed

from gridmuster.errors import FleetError
from gridmuster.fleet.devices import PERMIT_CAP_H
from gridmuster.fleet.load import Inspection, load_fleet
from gridmuster.fleet.rules.references import OBJECTIVES, map_names
from gridmuster.planning.objectives import NAMES
from gridmuster.safety.permits import RULES

Inspect = Callable[..., Inspection]


def ring(*points: list[float]) -> list[list[list[float]]]:
    return [[*points, points[0]]]


SECOND_TOWER = {
    "id": "tower-gen-2",
    "type": "emergency_generator",
    "site": "tower",
    "rated_kw": 20.0,
    "fuel_curve": CURVE,
}
CONTROLLER = {"map": "deepsea-gencomm", "host": "192.0.2.7", "port": 502, "unit": 3}


def curve(*fuel_per_h: float) -> list[dict[str, float]]:
    return [
        {"load_fraction": load, "fuel_per_h": fuel}
        for load, fuel in zip((0.25, 0.5, 0.75, 1.0), fuel_per_h, strict=True)
    ]


#: A second area, beside the first.
AREA: dict[str, Any] = {
    "id": "west",
    "border": {
        "coordinates": [[[-99.0, 30.0], [-98.0, 30.0], [-98.0, 31.0], [-99.0, 31.0], [-99.0, 30.0]]]
    },
    "connection": {"import_limit_kw": 100.0},
}
WIRE = [[-97.5, 30.5], [-97.2, 30.2]]


def line(kind: str, coordinates: list[Any]) -> dict[str, Any]:
    return {"type": kind, "coordinates": coordinates}


SINGLE = {
    "unknown field": (
        [("sites[0].latitud", 30.5)],
        "sites[0].latitud",
        "site has no field latitud (did you mean latitude?)",
    ),
    "unknown fleet field": ([("curency", "USD")], "curency", "did you mean currency?"),
    "missing field": (
        [("devices[0].rated_kw", GONE)],
        "devices[0].rated_kw",
        "rated_kw is required",
    ),
    "missing nested field": (
        [("devices[0].tank.level", GONE)],
        "devices[0].tank.level",
        "level is required",
    ),
    "missing id of the fleet": ([("id", GONE)], "id", "id is required"),
    "above the largest device": (
        [("devices[3].rated_kw", 12_000.0)],
        "devices[3].rated_kw",
        "must be at most 10000",
    ),
    "below zero": (
        [("devices[0].permit.hours_used_h", -1)],
        "devices[0].permit.hours_used_h",
        "must be at least 0",
    ),
    "zero power": ([("devices[1].rated_kw", 0)], "devices[1].rated_kw", "must be above 0"),
    "not a number": ([("devices[0].rated_kw", "much")], "devices[0].rated_kw", "must be a number"),
    "not finite": (
        [("devices[0].rated_kw", float("nan"))],
        "devices[0].rated_kw",
        "finite",
    ),
    "a flag for a number": (
        [("devices[0].rated_kw", True)],
        "devices[0].rated_kw",
        "must be a number",
    ),
    "a flag for a top-level number": (
        [("fuel_prices.diesel_usd_per_l", False)],
        "fuel_prices.diesel_usd_per_l",
        "must be a number",
    ),
    "a number for text": ([("sites[0].owner", 7)], "sites[0].owner", "must be text"),
    "not a flag": (
        [("devices[0].must_run", "perhaps")],
        "devices[0].must_run",
        "must be true or false",
    ),
    "not whole": (
        [("devices[0].crank_attempts", 2.5)],
        "devices[0].crank_attempts",
        "must be a whole number",
    ),
    "an unknown word": (
        [("end_users[0].load_class", "telecoms")],
        "end_users[0].load_class",
        "did you mean telecom?",
    ),
    "a newer file": ([("schema_version", 2)], "schema_version", "not one of those known"),
    "an id with a slash": ([("areas[0].name", "x"), ("id", "a/b")], "id", "letters, digits"),
    "text for a list": ([("sites[0].tags", "tower")], "sites[0].tags", "must be a list"),
    "a number for a block": (
        [("devices[0].tank", 200)],
        "devices[0].tank",
        "must be a block of fields",
    ),
    "an entry that is no block": (
        [("devices[4]", "battery")],
        "devices[4]",
        "each entry is a block of fields",
    ),
    "a list that is none": ([("devices", 3)], "devices", "devices is a list of blocks"),
    "a block that is no table": (
        [("devices", {"tables": "x.csv"})],
        "devices",
        "devices is a list of blocks, or a table",
    ),
    "no type": ([("devices[2].type", GONE)], "devices[2].type", "a device needs a type"),
    "unknown type": ([("devices[2].type", "batery")], "devices[2].type", "did you mean battery?"),
    "a type's field elsewhere": (
        [("devices[3].fuel", "diesel")],
        "devices[3].fuel",
        "wind turbine has no field fuel",
    ),
    "one point of a fuel curve": (
        [("devices[0].fuel_curve", CURVE[:1])],
        "devices[0].fuel_curve",
        "must have at least 2",
    ),
    "a point without latitude": (
        [("areas[0].border.coordinates[0][1]", [-97.0])],
        "areas[0].border.coordinates[0][1][1]",
        "an entry is missing",
    ),
    "duplicate device id": (
        [("devices[1].id", "tower-gen")],
        "devices[1].id",
        "devices[0] has that id already",
    ),
    "duplicate end-user id": (
        [("end_users[1].id", "tower-load")],
        "end_users[1].id",
        "end_users[0] has that id already",
    ),
    "reserved id": ([("devices[3].id", "meter.homes")], "devices[3].id", "other controllers"),
    "unknown site of a device": (
        [("devices[3].site", "pumps")],
        "devices[3].site",
        "there is no such site (did you mean pump?)",
    ),
    "unknown site of an end-user": (
        [("end_users[1].site", "nowhere")],
        "end_users[1].site",
        "there is no such site",
    ),
    "unknown area": ([("sites[1].area", "nroth")], "sites[1].area", "did you mean north?"),
    "shared controller": (
        [("devices[1].controller", CONTROLLER), ("devices[2].controller", CONTROLLER)],
        "devices[2].controller",
        "device pump-gen of the same site has that controller",
    ),
    "unknown map": (
        [("devices[1].controller", {"map": "deepsea-gencom"})],
        "devices[1].controller.map",
        "did you mean deepsea-gencomm?",
    ),
    "unknown objective": ([("objective", "profit")], "objective", "'profit' is no objective"),
    "misspelt objective of an area": (
        [("areas[0].objective", "reliabilty")],
        "areas[0].objective",
        "did you mean reliability?",
    ),
    "blend without a weight": (
        [("devices[0].objective", "efficiency,reliability:1")],
        "devices[0].objective",
        "efficiency needs a weight",
    ),
    "blend with a weight of zero": (
        [("objective", "efficiency:0,reliability:1")],
        "objective",
        "a number above 0",
    ),
    "blend that says a thing twice": (
        [("objective", "efficiency:1,efficiency:2")],
        "objective",
        "twice",
    ),
    "currency": ([("currency", "dollars")], "currency", "three capital letters"),
    "unknown zone": (
        [("sites[0].time_zone", "America/Chicgo")],
        "sites[0].time_zone",
        "did you mean America/Chicago?",
    ),
    "an offset is no zone": ([("sites[0].time_zone", "UTC-6")], "sites[0].time_zone", "IANA"),
    "an empty zone": ([("sites[0].time_zone", "")], "sites[0].time_zone", "IANA"),
    "this machine's zone": (
        [("sites[0].time_zone", "localtime")],
        "sites[0].time_zone",
        "IANA",
    ),
    "site outside its area": (
        [("sites[0].latitude", 32.0)],
        "sites[0].latitude",
        "outside the border of its area north, about 111 km away",
    ),
    "open border": (
        [("areas[0].border.coordinates[0]", SQUARE[:-1])],
        "areas[0].border.coordinates[0]",
        "a ring is closed",
    ),
    "a border of two points": (
        [("areas[0].border.coordinates[0]", [SQUARE[0], SQUARE[1], SQUARE[0]])],
        "areas[0].border.coordinates[0]",
        "at least 4 points",
    ),
    "a border that crosses itself": (
        [
            (
                "areas[0].border.coordinates",
                ring([-98.0, 30.0], [-97.0, 31.0], [-97.0, 30.0], [-98.0, 31.0]),
            )
        ],
        "areas[0].border",
        "cross",
    ),
    "a border off the globe": (
        [("areas[0].border.coordinates[0][1]", [-97.0, 97.0])],
        "areas[0].border.coordinates[0][1]",
        "latitude within 90",
    ),
    "loads that do not rise": (
        [("devices[0].fuel_curve[2].load_fraction", 0.5)],
        "devices[0].fuel_curve[2].load_fraction",
        "loads must rise",
    ),
    "fuel that does not rise": (
        [("devices[0].fuel_curve", curve(2.3, 3.4, 3.4, 6.1))],
        "devices[0].fuel_curve[2].fuel_per_h",
        "fuel must rise",
    ),
    "more than 60 % efficient": (
        [("devices[0].fuel_curve", curve(2.3, 3.4, 4.4, 3.3 * 1.5 - 1.7))],
        "devices[0].fuel_curve[3].fuel_per_h",
        "60 % is the most there is",
    ),
    "a last step that is too cheap": (
        [("devices[0].fuel_curve", curve(2.3, 3.9, 5.5, 6.1))],
        "devices[0].fuel_curve[3].fuel_per_h",
        "the last step gives 83.8 %",
    ),
    "a step far cheaper than the one before": (
        [("devices[0].fuel_curve", curve(2.3, 4.9, 6.0, 7.5))],
        "devices[0].fuel_curve[2].fuel_per_h",
        "this step takes 42.3 % of the fuel",
    ),
    "a curve that ends early": (
        [("devices[0].fuel_curve", CURVE[:3])],
        "devices[0].fuel_curve[2].load_fraction",
        "reaches full load",
    ),
    "tank above capacity": (
        [("devices[0].tank.level", 250.0)],
        "devices[0].tank.level",
        "the tank's capacity is 200",
    ),
    "permit used up": (
        [("devices[0].permit.hours_used_h", 104.0)],
        "devices[0].permit.hours_used_h",
        "allows 100 h a calendar year",
    ),
    "own permit used up": (
        [
            (
                "devices[1].permit",
                {"permit_class": "epa_non_emergency", "hours_cap_h": 300, "hours_used_h": 301},
            )
        ],
        "devices[1].permit.hours_used_h",
        "allows 300 h a calendar year",
    ),
    "a permit looser than its class": (
        [("devices[0].permit.hours_cap_h", 120.0)],
        "devices[0].permit.hours_cap_h",
        "allows 100 h a calendar year",
    ),
    "an emergency engine that must run": (
        [("devices[0].must_run", True)],
        "devices[0].must_run",
        "may not run without an emergency",
    ),
    "store floor above ceiling": (
        [("devices[2].min_energy_fraction", 0.9), ("devices[2].max_energy_fraction", 0.8)],
        "devices[2].min_energy_fraction",
        "the floor is below the ceiling",
    ),
    "more energy than fits": (
        [("devices[2].initial_energy_kwh", 101.0)],
        "devices[2].initial_energy_kwh",
        "holds 100 kWh",
    ),
    "more kept than fits": (
        [
            ("devices[2].backup_energy_kwh", 95.0),
            ("devices[2].max_energy_fraction", 0.9),
            ("devices[2].initial_energy_kwh", 90.0),
        ],
        "devices[2].backup_energy_kwh",
        "holds 90 kWh",
    ),
    "cut-in above rated wind": (
        [("devices[3].cut_in_m_per_s", 13.0)],
        "devices[3].rated_m_per_s",
        "above cut_in_m_per_s 13",
    ),
    "cut-out below rated wind": (
        [("devices[3].cut_out_m_per_s", 11.0)],
        "devices[3].cut_out_m_per_s",
        "above rated_m_per_s 12",
    ),
    "transfer switch with an export limit": (
        [("sites[0].transfer", {"export_limit_kw": 20.0})],
        "sites[0].transfer.export_limit_kw",
        "a transfer switch lets engines carry only their site",
    ),
    "closed transition with an export limit": (
        [("sites[0].transfer", {"kind": "closed_transition", "export_limit_kw": 20.0})],
        "sites[0].transfer.export_limit_kw",
        "a closed transition lets",
    ),
    "a promise that the tank cannot hold": (
        [("sites[0].autonomy_h", 72.0), ("devices[0].tank", {"capacity": 120.0, "level": 100.0})],
        "sites[0].autonomy_h",
        "carries 6 kW for 42.9 h",
    ),
    "backup without a source": (
        [("sites[0].bridge_energy_kwh", 0.0), ("devices[0].grid_forming", False)],
        "sites[0].backup_load_kw",
        "nothing at the site can carry",
    ),
    "backup above the sources": (
        [("sites[0].backup_load_kw", 21.0)],
        "sites[0].backup_load_kw",
        "give 20 kW together",
    ),
    "a promise on the bridging battery alone": (
        [("devices[0].site", "pump")],
        "sites[0].autonomy_h",
        "for 2 h",
    ),
    "an island that nothing holds up": (
        [
            ("areas[0].connection", None),
            ("devices[0].grid_forming", False),
            ("devices[1].grid_forming", False),
            ("devices[2].grid_forming", False),
            ("sites[0].autonomy_h", 0.0),
            ("sites[1].bridge_energy_kwh", 4.0),
        ],
        "areas[0].connection",
        "an islanded area needs a grid-forming device",
    ),
    "a feeder of another area": (
        [
            ("areas[1]", {**AREA, "feeders": [{"id": "west-1"}]}),
            ("areas[0].feeders", [{"id": "north-1"}]),
            ("sites[0].feeder", "west-1"),
        ],
        "sites[0].feeder",
        "that feeder is of area west, the site of north",
    ),
    "a feeder that is not there": (
        [("areas[0].feeders", [{"id": "north-1"}]), ("sites[0].feeder", "nort-1")],
        "sites[0].feeder",
        "area north has no such feeder (did you mean north-1?)",
    ),
    "a feeder where there is none": (
        [("sites[0].feeder", "north-1")],
        "sites[0].feeder",
        "area north has no such feeder",
    ),
    "a feeder's id twice": (
        [("areas[0].feeders", [{"id": "north-1"}, {"id": "north-2"}, {"id": "north-1"}])],
        "areas[0].feeders[2].id",
        "area north has a feeder of that id already",
    ),
    "a feeder's id in two areas": (
        [
            ("areas[0].feeders", [{"id": "a"}]),
            ("areas[1]", {**AREA, "feeders": [{"id": "a"}]}),
        ],
        "areas[1].feeders[0].id",
        "area north has a feeder of that id already",
    ),
    "a feeder that carries nothing": (
        [("areas[0].feeders", [{"id": "north-1", "limit_kw": 0}])],
        "areas[0].feeders[0].limit_kw",
        "must be above 0",
    ),
    "a line of one point": (
        [("areas[0].feeders", [{"id": "n", "line": line("LineString", [[-97.5, 30.5]])}])],
        "areas[0].feeders[0].line.coordinates",
        "must have at least 2",
    ),
    "a piece of one point": (
        [
            (
                "areas[0].feeders",
                [{"id": "n", "line": line("MultiLineString", [WIRE, [[-97.5, 30.5]]])}],
            )
        ],
        "areas[0].feeders[0].line.coordinates[1]",
        "a line has at least 2 points",
    ),
    "a line off the globe": (
        [("areas[0].feeders", [{"id": "n", "line": line("LineString", [*WIRE, [30.5, -97.5]])}])],
        "areas[0].feeders[0].line.coordinates[2]",
        "latitude within 90",
    ),
    "a line of another kind": (
        [("areas[0].feeders", [{"id": "n", "line": line("Polygon", [WIRE])}])],
        "areas[0].feeders[0].line",
        "there is no such type",
    ),
    "a line of no kind": (
        [("areas[0].feeders", [{"id": "n", "line": {"coordinates": WIRE}}])],
        "areas[0].feeders[0].line",
        "its type is required",
    ),
    "a line with a word in it": (
        [("areas[0].feeders", [{"id": "n", "line": line("LineString", [*WIRE, ["x", 30]])}])],
        "areas[0].feeders[0].line.coordinates[2][0]",
        "must be a number",
    ),
    "a line with a field too many": (
        [
            (
                "areas[0].feeders",
                [{"id": "n", "line": {**line("MultiLineString", [WIRE]), "colour": "red"}}],
            )
        ],
        "areas[0].feeders[0].line.colour",
        "line string has no field colour",
    ),
    "an exercise at no known time": (
        [("devices[0].exercise", {"every": "fortnight"})],
        "devices[0].exercise.every",
        "not one of those known",
    ),
    "an exercise above the rating": (
        [("devices[0].exercise", {"every": "week", "load_share": 1.5})],
        "devices[0].exercise.load_share",
        "must be at most 1",
    ),
    "nothing to supply with": (
        [
            ("areas[0].connection.import_limit_kw", 0.0),
            ("devices", []),
            ("sites[0].autonomy_h", 0.0),
            ("sites[1].bridge_energy_kwh", 4.0),
        ],
        "areas[0].connection.import_limit_kw",
        "no device that could supply",
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_one_fault_at_its_place(name: str, inspect: Inspect) -> None:
    changes, path, limit = SINGLE[name]
    found = inspect(changed(*changes))
    assert [fault.path for fault in found.faults] == [path], "\n".join(map(str, found.faults))
    (fault,) = found.faults
    assert limit in fault.limit
    assert fault.expected
    assert fault.value
    assert found.fleet is None


def test_the_plant_itself_has_no_fault(inspect: Inspect) -> None:
    found = inspect(changed())
    assert found.faults == ()
    assert found.warnings == ()
    assert found.fleet is not None


def test_areas_may_share_an_edge_but_not_ground(inspect: Inspect) -> None:
    beside = ring([-97.0, 30.0], [-96.0, 30.0], [-96.0, 31.0], [-97.0, 31.0])
    area = {"id": "east", "border": {"coordinates": beside}, "connection": {"import_limit_kw": 1}}
    assert inspect(changed(("areas[1]", area))).faults == ()

    across = ring([-97.5, 30.0], [-96.0, 30.0], [-96.0, 31.0], [-97.5, 31.0])
    area["border"] = {"coordinates": across}
    found = inspect(changed(("areas[1]", area)))
    assert [fault.path for fault in found.faults] == ["areas[1].border"]
    assert "north" in found.faults[0].value


def test_a_site_in_another_area_is_told_which(inspect: Inspect) -> None:
    beside = ring([-97.0, 30.0], [-96.0, 30.0], [-96.0, 31.0], [-97.0, 31.0])
    area = {"id": "east", "border": {"coordinates": beside}, "connection": {"import_limit_kw": 1}}
    found = inspect(changed(("areas[1]", area), ("sites[0].longitude", -96.5)))
    assert [fault.path for fault in found.faults] == ["sites[0].latitude"]
    assert "inside area east" in found.faults[0].limit


def test_swapped_coordinates_are_recognised(inspect: Inspect) -> None:
    square = ring([10.0, 50.0], [11.0, 50.0], [11.0, 51.0], [10.0, 51.0])
    found = inspect(
        changed(
            ("areas[0].border.coordinates", square),
            ("sites[0].latitude", 10.5),
            ("sites[0].longitude", 50.5),
            ("sites[1].latitude", 50.5),
            ("sites[1].longitude", 10.5),
        )
    )
    assert [fault.path for fault in found.faults] == ["sites[0].latitude"]
    assert "look swapped" in found.faults[0].limit


def test_a_hole_in_an_area_is_outside_it(inspect: Inspect) -> None:
    hole = ring([-97.6, 30.4], [-97.4, 30.4], [-97.4, 30.6], [-97.6, 30.6])[0]
    found = inspect(changed(("areas[0].border.coordinates", [SQUARE, hole])))
    assert [fault.path for fault in found.faults] == ["sites[0].latitude"]


def test_sites_may_use_the_same_private_addresses(inspect: Inspect) -> None:
    found = inspect(
        changed(("devices[0].controller", CONTROLLER), ("devices[1].controller", CONTROLLER))
    )
    assert found.faults == ()


def test_port_zero_is_never_shared(inspect: Inspect) -> None:
    controller = {"map": "deepsea-gencomm"}
    found = inspect(
        changed(("devices[1].controller", controller), ("devices[2].controller", controller))
    )
    assert found.faults == ()


def test_inverters_may_export_beside_a_transfer_switch(inspect: Inspect) -> None:
    sun = {"id": "sun", "type": "photovoltaic", "site": "tower", "rated_kw": 10.0}
    found = inspect(changed(("devices[4]", sun), ("sites[0].transfer", {"export_limit_kw": 10.0})))
    assert found.faults == ()


def test_sets_that_carry_the_load_in_turn_add_up(inspect: Inspect) -> None:
    small = {"capacity": 60.0, "level": 60.0}
    second = {**SECOND_TOWER, "tank": small}
    one = inspect(changed(("devices[0].tank", small)))
    two = inspect(changed(("devices[0].tank", small), ("devices[4]", second)))
    assert [fault.path for fault in one.faults] == ["sites[0].autonomy_h"]
    assert two.faults == ()


def test_a_pipeline_keeps_any_promise(inspect: Inspect) -> None:
    assert inspect(changed(("sites[1].autonomy_h", 8760.0))).faults == ()


def test_all_faults_come_at_once_and_sorted(inspect: Inspect) -> None:
    found = inspect(
        changed(
            ("currency", "dollars"),
            ("sites[0].time_zone", "Mars/Olympus"),
            ("sites[1].area", "south"),
            ("devices[0].tank.level", 900.0),
            ("devices[1].rated_kw", -5.0),
            ("devices[3].cut_in_m_per_s", 13.0),
            ("end_users[1].peak_kw", "many"),
        )
    )
    assert {fault.path for fault in found.faults} == {
        "currency",
        "sites[0].time_zone",
        "sites[1].area",
        "devices[0].tank.level",
        "devices[1].rated_kw",
        "devices[3].rated_m_per_s",
        "end_users[1].peak_kw",
    }
    assert len(found.faults) == 7
    lines = [fault.line for fault in found.faults]
    assert lines == sorted(lines)
    assert all(lines)


def test_a_broken_part_is_not_missed_by_those_that_refer_to_it(inspect: Inspect) -> None:
    """A site with a fault is still a site; a broken engine leaves no site without a source."""
    found = inspect(
        changed(
            ("sites[1].latitude", "north"),
            ("devices[0].rated_kw", -1.0),
            ("sites[0].bridge_energy_kwh", 0.0),
            ("areas[0].connection", None),
        )
    )
    assert {fault.path for fault in found.faults} == {"sites[1].latitude", "devices[0].rated_kw"}


def test_load_raises_every_fault_in_one_error(tmp_path: Any) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("id: a\nareas: []\nsites: []\nextra: 1\n")
    with pytest.raises(FleetError) as caught:
        load_fleet(path)
    assert [fault.path for fault in caught.value.faults] == ["areas", "sites", "extra"]
    assert str(caught.value).count("\n") == 2
    assert str(path) in str(caught.value)


def test_a_fault_reads_as_one_line_with_its_line_number(inspect: Inspect) -> None:
    text = "id: a\nareas:\n  - id: north\n"
    text += "    border: {coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]]}\n"
    text += "    connection: {import_limit_kw: -5}\nsites: []\n"
    faults = [str(fault) for fault in inspect(text).faults]
    assert faults[0].endswith(
        "plant.yaml:5: areas[0].connection.import_limit_kw: got -5; must be at least 0; "
        "expected a number at least 0: most the area may draw, kW"
    )


WARNINGS = {
    "wet stacking": ([("sites[0].backup_load_kw", 5.5)], "devices[0].rated_kw", "wet-stacking"),
    "fuel too low now": ([("devices[0].tank.level", 40.0)], "sites[0].autonomy_h", "filled up"),
    "permit nearly used": (
        [("devices[0].permit.hours_used_h", 91.0)],
        "devices[0].permit.hours_used_h",
        "90 % of 100 h",
    ),
    "store below what it keeps": (
        [("devices[2].backup_energy_kwh", 60.0)],
        "devices[2].initial_energy_kwh",
        "below the 60 kWh",
    ),
    "idle paralleling": (
        [("sites[1].transfer.export_limit_kw", 0.0)],
        "sites[1].transfer.export_limit_kw",
        "never send out",
    ),
    "protected load too big": (
        [("end_users[0].peak_kw", 9.0)],
        "sites[0].backup_load_kw",
        "peak at 9 kW",
    ),
    "promise to nobody": (
        [("sites[1].backup_load_kw", 0.0), ("sites[1].autonomy_h", 8.0)],
        "sites[1].autonomy_h",
        "no protected load",
    ),
    "bridge too short": (
        [("sites[0].bridge_energy_kwh", 0.01)],
        "sites[0].bridge_energy_kwh",
        "lasts 6 s",
    ),
    "peak out of reach": (
        [("end_users[1].peak_kw", 3000.0)],
        "areas[0].connection.import_limit_kw",
        "a typical day peaks at",
    ),
    "odd curve": (
        [("devices[0].fuel_curve", curve(9.0, 13.0, 18.0, 24.0)), ("sites[0].autonomy_h", 0.0)],
        "devices[0].fuel_curve",
        "unusual",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_does_not_forbid_a_start(name: str, inspect: Inspect) -> None:
    changes, path, limit = WARNINGS[name]
    found = inspect(changed(*changes))
    assert found.faults == ()
    assert found.fleet is not None
    assert path in [warning.path for warning in found.warnings]
    assert any(limit in warning.limit for warning in found.warnings)


def test_the_classes_of_the_fleet_agree_with_those_that_are_enforced() -> None:
    assert {kind: rule.cap_h for kind, rule in RULES.items()} == PERMIT_CAP_H
    assert set(OBJECTIVES) == set(NAMES)
    assert {"deepsea-gencomm", "sunspec-der", "sunspec-store"} <= set(map_names())
