"""A fleet comes back from YAML, JSON, CSV and Parquet as it was, and files that fail say why."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from fleet_samples import CURVE, changed
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.fleet.generate import generate
from gridmuster.fleet.load import Inspection, inspect_fleet, load_fleet
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.save import fleet_yaml, plain, table_paths, write_fleet

Inspect = Callable[..., Inspection]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def with_table(folder: Path, kind: str, table: str, *changes: tuple[str, Any]) -> Path:
    """The plant in a file whose list of one kind is a table."""
    data = changed(*changes)
    data[kind] = {"table": table}
    path = folder / "plant.yaml"
    path.write_text(yaml.safe_dump(data), "utf-8")
    return path


GEN_ROW = {
    "id": "tower-gen",
    "type": "emergency_generator",
    "site": "tower",
    "rated_kw": "20",
    "fuel_curve": json.dumps(CURVE),
    "tank.capacity": "200",
    "tank.level": " 190.5 ",
    "permit.permit_class": "epa_emergency",
    "permit.hours_used_h": "10",
    "must_run": "false",
    "tags": "north; old",
}
WIND_ROW = {"id": "7", "type": "wind_turbine", "site": "pump", "rated_kw": "1e2"}
PUMP_ROW = {
    "id": "pump-gen",
    "type": "engine",
    "site": "pump",
    "rated_kw": "100",
    "fuel_curve": '[{"load_fraction": 0.5, "fuel_per_h": 21.3}, '
    '{"load_fraction": 1, "fuel_per_h": 34.9}]',
}


@settings(max_examples=20)
@given(sites=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_a_generated_fleet_survives_yaml_tables_and_json(
    tmp_path_factory: pytest.TempPathFactory, sites: int, seed: int
) -> None:
    fleet = generate(sites, seed)
    folder = tmp_path_factory.mktemp("fleet")
    assert load_fleet(write_fleet(fleet, folder / "a.yaml")[0]) == fleet
    assert load_fleet(write_fleet(fleet, folder / "b.yaml", tables=True)[0]) == fleet
    (folder / "c.json").write_text(json.dumps(plain(fleet)), "utf-8")
    assert load_fleet(folder / "c.json") == fleet
    assert Fleet.model_validate(yaml.safe_load(fleet_yaml(fleet))) == fleet


def test_a_table_reads_text_numbers_flags_lists_and_blocks(tmp_path: Path) -> None:
    write_rows(tmp_path / "devices.csv", [GEN_ROW, PUMP_ROW, WIND_ROW])
    fleet = load_fleet(with_table(tmp_path, "devices", "devices.csv"))
    gen = fleet.device_by_id["tower-gen"]
    assert gen.tags == ("north", "old")
    assert gen.tank is not None and gen.tank.level == 190.5  # type: ignore[union-attr]
    assert [point.model_dump() for point in gen.fuel_curve] == CURVE  # type: ignore[union-attr]
    assert fleet.device_by_id["7"].rated_kw == 100.0


def test_a_fuel_curve_may_be_one_column_for_each_load(tmp_path: Path) -> None:
    points = {"fuel_curve.25": "2.3", "fuel_curve.50": "3.4", "fuel_curve.100": "6.1"}
    row = {key: value for key, value in GEN_ROW.items() if key != "fuel_curve"} | points
    write_rows(tmp_path / "devices.csv", [row, WIND_ROW])
    path = with_table(tmp_path, "devices", "devices.csv", ("sites[1].bridge_energy_kwh", 9.0))
    gen = load_fleet(path).device_by_id["tower-gen"]
    assert [point.load_fraction for point in gen.fuel_curve] == [  # type: ignore[union-attr]
        0.25,
        0.5,
        1.0,
    ]

    row["fuel_curve.50"] = "2.2"
    write_rows(tmp_path / "devices.csv", [WIND_ROW, row])
    (fault,) = inspect_fleet(path).faults
    assert fault.path == "row 2, column fuel_curve.50"
    assert fault.line == 3
    assert fault.file == str(tmp_path / "devices.csv")
    assert "fuel must rise" in fault.limit


def test_tables_and_blocks_mix(tmp_path: Path, inspect: Inspect) -> None:
    write_rows(tmp_path / "a.csv", [GEN_ROW])
    write_rows(tmp_path / "b.csv", [WIND_ROW])
    inline = changed()["devices"][1]
    found = inspect(changed(("devices", [{"table": "a.csv"}, inline, {"table": "b.csv"}])))
    assert found.faults == ()
    assert found.fleet is not None
    assert [device.id for device in found.fleet.devices] == ["tower-gen", "pump-gen", "7"]


def test_a_duplicate_across_tables_names_both(tmp_path: Path, inspect: Inspect) -> None:
    write_rows(tmp_path / "a.csv", [WIND_ROW])
    data = changed()
    data["devices"] += [{**data["devices"][3], "id": "7"}, {"table": "a.csv"}]
    (fault,) = inspect(data).faults
    assert fault.path == "row 1, column id"
    assert fault.limit.endswith("plant.yaml, devices[4] has that id already")


def parquet(path: Path, select: str) -> None:
    duckdb.connect(":memory:").execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


def test_parquet_with_dotted_columns_and_with_structs(tmp_path: Path) -> None:
    curve = ", ".join(
        f"{{'load_fraction': {p['load_fraction']}, 'fuel_per_h': {p['fuel_per_h']}}}" for p in CURVE
    )
    common = "'tower-gen' AS id, 'emergency_generator' AS type, 'tower' AS site, 20 AS rated_kw"
    dotted = f"""SELECT {common}, 200::DECIMAL(9,2) AS "tank.capacity", 190 AS "tank.level",
        2.3 AS "fuel_curve.25", 6.1 AS "fuel_curve.100", NULL::DOUBLE AS start_s"""
    nested = f"""SELECT {common}, {{'capacity': 200, 'level': 190, 'sump_fraction': NULL}} AS tank,
        [{curve}] AS fuel_curve, ['a', 'b'] AS tags, false AS must_run"""
    changes = ("sites[1].bridge_energy_kwh", 9.0)
    for select in (dotted, nested):
        parquet(tmp_path / "devices.parquet", select)
        fleet = load_fleet(with_table(tmp_path, "devices", "devices.parquet", changes))
        gen = fleet.device_by_id["tower-gen"]
        assert gen.tank is not None and gen.tank.capacity == 200.0  # type: ignore[union-attr]
        assert gen.tank.sump_fraction == 0.1  # type: ignore[union-attr]
        assert gen.start_s == 10.0  # type: ignore[union-attr]


def test_a_fault_in_parquet_names_its_row(tmp_path: Path) -> None:
    parquet(
        tmp_path / "sites.parquet",
        """SELECT * FROM (VALUES ('tower', 'north', 30.5, -97.5, 6.0),
           ('pump', 'north', 30.2, -97.2, -1.0))
           AS t(id, area, latitude, longitude, backup_load_kw)""",
    )
    (fault,) = inspect_fleet(with_table(tmp_path, "sites", "sites.parquet")).faults
    assert fault.path == "row 2, column backup_load_kw"
    assert float(fault.value) == -1.0


@pytest.mark.parametrize(
    ("changes", "path", "limit"),
    [
        ({"rated_kw": "twenty"}, "row 1, column rated_kw", "must be a number"),
        ({"rated_kw": ""}, "row 1, column rated_kw", "rated_kw is required"),
        ({"type": ""}, "row 1, column type", "a device needs a type"),
        ({"tank.level": "900"}, "row 1, column tank.level", "capacity is 200"),
        ({"fuel_curve": "[1, 2"}, "row 1, column fuel_curve", "not JSON"),
        ({"must_run": "maybe"}, "row 1, column must_run", "true or false"),
        ({"site": "twoer"}, "row 1, column site", "did you mean tower?"),
        (
            {"fuel_curve": '[{"load_fraction": 0.5}, {"load_fraction": 1, "fuel_per_h": 6}]'},
            "row 1, column fuel_curve[0].fuel_per_h",
            "fuel_per_h is required",
        ),
        ({"rated": "20"}, "header, column rated", "no such column"),
        ({"tank.capcity": "20"}, "header, column tank.capcity", "did you mean tank.capacity?"),
        ({"fuel_curve.25": "2.3"}, "header, column fuel_curve", "one column of JSON or"),
        ({"energy_capacity_kwh": "20"}, "row 1, column energy_capacity_kwh", "has no field"),
    ],
)
def test_faults_of_a_table(tmp_path: Path, changes: dict[str, str], path: str, limit: str) -> None:
    write_rows(tmp_path / "devices.csv", [{**GEN_ROW, **changes}, PUMP_ROW])
    found = inspect_fleet(with_table(tmp_path, "devices", "devices.csv")).faults
    named = [fault for fault in found if fault.path == path]
    assert len(named) == 1, "\n".join(map(str, found))
    assert limit in named[0].limit
    assert named[0].file == str(tmp_path / "devices.csv")
    assert len(found) == 1 or path == "header, column fuel_curve"


@pytest.mark.parametrize(
    ("text", "path", "limit"),
    [
        (b"", "", "a table has a header"),
        (b"id;site;rated_kw\n1;2;3\n", "", "separated by commas"),
        (b'id,type\n"a,b\n', "", "not CSV"),
        (b"id,\xff\n", "", "not UTF-8"),
        (b"id,id,type\n", "header, column id", "there twice"),
        (b"id,type\na,battery,c,d\n", "row 1", "the table has 2 columns"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: bytes, path: str, limit: str) -> None:
    (tmp_path / "devices.csv").write_bytes(text)
    (fault, *_) = inspect_fleet(with_table(tmp_path, "devices", "devices.csv")).faults
    assert fault.path == path
    assert limit in fault.limit
    assert fault.file == str(tmp_path / "devices.csv")


def test_a_table_that_is_not_there_or_no_table(tmp_path: Path, inspect: Inspect) -> None:
    write_rows(tmp_path / "devices.csv", [WIND_ROW])
    (fault,) = inspect(changed(("devices", {"table": "device.csv"}))).faults
    assert fault.file == str(tmp_path / "device.csv")
    assert "did you mean devices.csv?" in fault.limit
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    (fault,) = inspect(changed(("devices", {"table": "x.parquet"}))).faults
    assert "cannot be read" in fault.limit
    (fault,) = inspect(changed(("devices", [{"table": "x.xlsx"}]))).faults
    assert fault.path == "devices[0]"
    assert fault.limit == "a table is a .csv or .parquet file"
    (fault,) = inspect(changed(("devices", {"table": "devices.csv", "sheet": 2}))).faults
    assert "nothing else, such as sheet" in fault.limit


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeffid,type,site,rated_kw\n\nw,wind_turbine,pump,5\n,,,\n"
    (tmp_path / "devices.csv").write_text(text, "utf-8")
    path = with_table(
        tmp_path,
        "devices",
        "devices.csv",
        ("sites[0].autonomy_h", 0.0),
        ("sites[1].bridge_energy_kwh", 9.0),
    )
    assert [device.id for device in load_fleet(path).devices] == ["w"]


def test_tables_are_found_from_the_folder_of_the_fleet_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = generate(3, 1)
    (tmp_path / "inner").mkdir()
    write_fleet(fleet, tmp_path / "inner" / "f.yaml", tables=True)
    monkeypatch.chdir(tmp_path)
    assert load_fleet("inner/f.yaml") == fleet
    monkeypatch.chdir(tmp_path / "inner")
    assert load_fleet("f.yaml") == fleet
    assert table_paths(Path("f.yaml"))["end_users"] == Path("f-end-users.csv")


@pytest.mark.parametrize(
    ("text", "path", "limit"),
    [
        ("", "", "a fleet is a block of fields"),
        ("- a\n- b\n", "", "a fleet is a block of fields"),
        ("just words", "", "a fleet is a block of fields"),
        ("id: a\n  areas: b: c", "line 2, column 8", "mapping values are not allowed"),
        ("id: [a\nareas: 3\n", "line 2, column 6", "flow sequence"),
        ("id: a\n---\nid: b\n", "line 2, column 1", "single document"),
        ("id: \x00", "", "control characters"),
        ("id: &a [*a]", "line 1, column 5", "the very block it is in"),
        ("id: !!python/object:os.system x", "line 1, column 5", "could not determine"),
        ("id: *gone", "line 1, column 5", "undefined alias"),
        ("id: 2024-13-45", "", "not YAML"),
    ],
)
def test_text_that_is_no_fleet(inspect: Inspect, text: str, path: str, limit: str) -> None:
    found = inspect(text)
    assert found.fleet is None
    assert [fault.path for fault in found.faults] == [path]
    assert limit in found.faults[0].limit, found.faults[0]


def test_aliases_that_stand_for_too_much_are_refused(inspect: Inspect) -> None:
    text = "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for k in range(9):
        text += f"x{k + 1}: &x{k + 1} [" + ", ".join([f"*x{k}"] * 10) + "]\n"
    (fault,) = inspect(text).faults
    assert "more than 20000000 values" in fault.limit


def test_keys_written_twice(inspect: Inspect) -> None:
    text = fleet_yaml(generate(2, 1))
    twice = text.replace("  rated_kw:", "  rated_kw: 3\n  rated_kw:", 1) + "name: again\n"
    found = inspect(twice)
    assert {fault.path for fault in found.faults} == {"devices[0].rated_kw", "name"}
    assert all("the key is already on line" in fault.limit for fault in found.faults)
    line = 1 + twice.splitlines().index("name: again")
    assert [fault.line for fault in found.faults if fault.path == "name"] == [line]


def test_merged_keys_are_not_twice(inspect: Inspect) -> None:
    text = yaml.safe_dump(changed()) + ("# a second turbine like the first\n")
    text = text.replace("- id: wind\n", "- &wind\n  id: wind\n")
    data = text.replace("end_users:", "- <<: *wind\n  id: wind-2\nend_users:", 1)
    found = inspect(data)
    assert found.faults == (), found.faults
    assert found.fleet is not None
    assert found.fleet.device_by_id["wind-2"].rated_kw == 100.0


def test_json_says_where(inspect: Inspect) -> None:
    assert inspect(json.dumps(changed()), "plant.json").faults == ()
    (fault,) = inspect('{"id": "a",\n "areas": [}', "plant.json").faults
    assert fault.path == "line 2, column 12"
    assert fault.line == 2
    text = json.dumps(changed(("devices[0].tank.level", 900)), indent=1)
    (fault,) = inspect(text, "plant.json").faults
    assert fault.path == "devices[0].tank.level"
    assert text.splitlines()[fault.line - 1].strip() == '"level": 900'
    twice = json.dumps(changed()).replace('"rated_kw": 20.0', '"rated_kw": 1, "rated_kw": 20.0')
    (fault,) = inspect(twice, "plant.json").faults
    assert fault.path == "devices[0].rated_kw"
    (fault,) = inspect("[" * 100_000, "deep.json").faults
    assert "nested" in fault.limit or "not JSON" in fault.limit


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("id: a")
    (fault,) = inspect_fleet(tmp_path / "fleeet.yaml").faults
    assert "did you mean fleet.yaml?" in fault.limit
    (fault,) = inspect_fleet(tmp_path).faults
    assert fault.value == "a folder"
    (tmp_path / "fleet.yaml").write_bytes(b"id: \xff\xfe")
    (fault,) = inspect_fleet(tmp_path / "fleet.yaml").faults
    assert fault.limit == "not UTF-8 text"
    assert inspect_fleet(tmp_path / "no" / "such" / "folder.yaml").faults


@settings(max_examples=150)
@given(st.data())
def test_no_input_makes_the_loader_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is put anywhere in a file, the answer is a fleet or a list of faults."""
    plant = changed()
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
        ),
        max_leaves=6,
    )
    here: Any = plant
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        child = here[key]
        if not isinstance(child, dict | list) or not child or data.draw(st.booleans()):
            here[key] = data.draw(junk)
            break
        here = child
    path = tmp_path_factory.mktemp("junk") / "plant.yaml"
    path.write_text(yaml.safe_dump(plant), "utf-8")
    found = inspect_fleet(path)
    assert (found.fleet is None) == bool(found.faults)
    assert all(fault.limit and fault.expected and fault.value for fault in found.faults)


def test_a_large_fleet_in_tables_is_read_as_it_was_written(tmp_path: Path) -> None:
    fleet = generate(2000, 1)
    assert load_fleet(write_fleet(fleet, tmp_path / "big.yaml", tables=True)[0]) == fleet


def test_shuffled_rows_are_the_same_fleet(tmp_path: Path) -> None:
    fleet = generate(12, 4)
    path = write_fleet(fleet, tmp_path / "f.yaml", tables=True)[0]
    table = table_paths(path)["devices"]
    header, *rows = table.read_text().splitlines()
    random.Random(1).shuffle(rows)
    table.write_text("\n".join([header, *rows]) + "\n")
    shuffled = load_fleet(path)
    assert shuffled != fleet
    assert shuffled.device_by_id == fleet.device_by_id
