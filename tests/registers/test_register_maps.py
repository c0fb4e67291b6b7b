"""The maps of the package: what they say, in both directions, and faulty map files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from register_samples import GENSET, SAMPLES, blocks_of, map_of

from gridmuster.errors import FleetError
from gridmuster.fleet.devices import (
    Battery,
    Controller,
    EmergencyGenerator,
    Photovoltaic,
    Tank,
)
from gridmuster.registers import (
    Refused,
    default_map,
    load_map,
    map_for,
    map_names,
    meter_map,
    panel_map,
)
from gridmuster.registers.load import load_spec
from gridmuster.registers.schema import MapFile, json_schema

#: How far a value may be off after a trip through the registers, by map and point: half a count.
HALF_COUNT = {
    ("deepsea-gencomm", "fuel_level"): 10.0,
    ("deepsea-gencomm", "frequency_hz"): 0.05,
    ("deepsea-gencomm", "fuel_used"): 0.05,
    ("deepsea-gencomm", "produced_kwh"): 0.05,
    ("deepsea-gencomm", "starter_battery_v"): 0.05,
    ("deepsea-gencomm", "voltage_pu"): 0.0002,
    ("sunspec-der", "power_kw"): 0.05,
    ("sunspec-der", "fuel_level"): 0.05,
    ("sunspec-der", "fuel_used"): 0.05,
    ("sunspec-der", "voltage_pu"): 0.0002,
    ("sunspec-store", "power_kw"): 0.005,
    ("sunspec-store", "energy_kwh"): 0.05,
    ("sunspec-store", "voltage_pu"): 0.0002,
    ("site-panel", "voltage_pu"): 0.0001,
    ("meter-sunspec", "power_kw"): 0.005,
    ("meter-sunspec", "energy_kwh"): 0.05,
}
#: Points of the sample that the map has no place for.
NOT_THERE = {
    "sunspec-der": {"speed_rpm", "oil_pressure_kpa", "coolant_c", "starter_battery_v"},
}


@pytest.mark.parametrize("name", SAMPLES)
def test_points_come_back_within_half_a_count(name: str) -> None:
    parameters, points = SAMPLES[name]
    found = load_map(name, parameters)
    back = found.decode(blocks_of(found, points))
    assert set(back) >= set(points) - NOT_THERE.get(name, set())
    for key, value in points.items():
        if key in back:
            allowed = HALF_COUNT.get((name, key), 0.0005)
            assert abs(back[key] - value) <= allowed, key


@pytest.mark.parametrize("name", SAMPLES)
def test_a_point_that_is_missing_is_absent_not_zero(name: str) -> None:
    parameters, points = SAMPLES[name]
    found = load_map(name, parameters)
    for key in points:
        # A SunSpec twin without a breaker shows as connected while it runs.
        if key in ("alarm_bits", "state") or (key == "breaker" and name.startswith("sunspec")):
            continue
        less = {k: v for k, v in points.items() if k != key}
        back = found.decode(blocks_of(found, less))
        assert key not in back, key


SHOWN = st.one_of(
    st.none(),
    st.floats(-1e6, 1e10),
    st.integers(-2, 12).map(float),
    st.sampled_from([0.0, float("nan"), float("inf"), 6553.5, 32.767, 429_496_729.5]),
)


@given(st.data(), st.sampled_from(sorted(SAMPLES)))
def test_the_short_cut_gives_what_the_registers_give(data: st.DataObject, name: str) -> None:
    parameters, points = SAMPLES[name]
    found = load_map(name, parameters)
    drawn = {key: data.draw(SHOWN) for key in points}
    drawn["alarm_bits"] = float(data.draw(st.integers(0, 2047)))
    drawn["state"] = data.draw(st.sampled_from([None, *map(float, range(9))]))
    shown = {key: value for key, value in drawn.items() if value is not None}
    assert found.through(shown) == found.decode(blocks_of(found, shown))


def test_every_map_of_the_package_has_a_sample() -> None:
    assert set(map_names()) == set(SAMPLES)


@given(st.integers(0, 1023), st.sampled_from([0.0, 3.0, 5.0, 6.0]))
def test_alarms_and_state_come_back_from_gencomm(bits: int, state: float) -> None:
    found = load_map("deepsea-gencomm", SAMPLES["deepsea-gencomm"][0])
    shown = GENSET | {"alarm_bits": float(bits), "state": state}
    back = found.decode(blocks_of(found, shown))
    assert back["alarm_bits"] == bits
    assert back["state"] == state


@given(st.integers(0, 1023), st.integers(0, 7))
def test_alarms_and_state_come_back_from_sunspec(bits: int, state: int) -> None:
    found = load_map("sunspec-der", {"rated_kw": 500.0})
    back = found.decode(blocks_of(found, GENSET | {"alarm_bits": bits, "state": float(state)}))
    assert back["alarm_bits"] == bits
    assert back["state"] == state


def test_gencomm_says_what_the_public_drivers_say() -> None:
    """Addresses and codes written down from the open drivers, apart from the map file."""
    found = load_map("deepsea-gencomm", SAMPLES["deepsea-gencomm"][0])
    image = found.image(GENSET | {"alarm_bits": 1.0, "state": 5.0})

    def reg(address: int) -> int:
        words = image.read(address, 1)
        assert words is not None
        return words[0]

    assert reg(772) == 1  # auto
    assert reg(1024) == 400  # oil, kPa
    assert reg(1025) == 85  # coolant, C
    assert reg(1027) == 75  # fuel, % of 2000 l
    assert reg(1029) == 274  # battery, 0.1 V
    assert reg(1030) == 1800  # rpm
    assert reg(1031) == 600  # 0.1 Hz
    assert (reg(1032) << 16 | reg(1033)) == 2770  # L1-N, 0.1 V
    assert reg(1408) == 0  # engine stopped
    assert (reg(1536) << 16 | reg(1537)) == 321_500  # total W
    assert (reg(1798) << 16 | reg(1799)) == 3_601_800  # engine run time, s
    assert (reg(1800) << 16 | reg(1801)) == 1_234_567  # 0.1 kWh
    assert (reg(1808) << 16 | reg(1809)) == 33
    assert reg(39428) >> 8 & 0xF == 3  # fail to start, as a shutdown
    assert reg(39425) >> 12 == 1  # emergency stop, not active


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ("start", [35732]),
        ("stop", [35733]),
        ("emergency_stop", [35700]),
        ("reset", [35734, 35701]),
    ],
)
def test_gencomm_orders_write_key_and_complement_at_once(order: str, keys: list[int]) -> None:
    found = load_map("deepsea-gencomm")
    writes = found.writes(order, 1.0)
    assert [(w.address, w.values) for w in writes] == [(4104, (k, 65535 - k)) for k in keys]
    assert found.parse_write(writes[0].address, writes[0].values) == ((order, 1.0),)


@pytest.mark.parametrize(
    ("address", "values"),
    [
        (4104, (35732,)),
        (4105, (65535 - 35732,)),
        (4104, (35732, 29804)),
        (4104, (1, 65534)),
        (4103, (0, 35732, 29803)),
    ],
)
def test_gencomm_refuses_a_key_without_its_complement(
    address: int, values: tuple[int, ...]
) -> None:
    found = load_map("deepsea-gencomm")
    with pytest.raises(Refused):
        found.parse_write(address, values)


@given(
    st.floats(-2500.0, 2500.0), st.sampled_from(["deepsea-gencomm", "sunspec-der", "sunspec-store"])
)
def test_a_power_order_comes_back_to_the_watt(power_kw: float, name: str) -> None:
    found = load_map(name, {"rated_kw": 2500.0})
    (write,) = found.writes("set_power_kw", power_kw)
    ((order, value),) = found.parse_write(write.address, write.values)
    assert order == "set_power_kw"
    assert abs(value - power_kw) <= 0.0005001


@given(st.floats(-10.0, 400.0))
def test_sun_and_wind_get_a_limit_in_percent_of_their_rating(power_kw: float) -> None:
    found = load_map("sunspec-der", {"rated_kw": 200.0, "limited": 1.0})
    (write,) = found.writes("set_power_kw", power_kw)
    held = min(max(power_kw, 0.0), 200.0)
    enabled, hundredths = write.values
    assert enabled == 1
    assert abs(hundredths - held / 200.0 * 10_000) <= 0.5 + 1e-9
    ((order, value),) = found.parse_write(write.address, write.values)
    assert order == "set_power_kw"
    assert abs(value - held) <= 0.0101


def test_a_write_without_its_enabling_word_waits_for_it() -> None:
    found = load_map("sunspec-der", {"rated_kw": 200.0})
    (write,) = found.writes("set_power_kw", 50.0)
    value_at, value_words = write.address + 2, write.values[2:]
    assert found.parse_write(value_at, value_words) == ()
    held = {write.address: 1, write.address + 1: 1}
    assert found.parse_write(value_at, value_words, held.get) == (("set_power_kw", 50.0),)


def test_an_order_that_a_map_does_not_know_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load_map("meter-sunspec").writes("start", 1.0)


def _genset(**more: object) -> EmergencyGenerator:
    curve = ({"load_fraction": 0.5, "fuel_per_h": 20.0}, {"load_fraction": 1.0, "fuel_per_h": 38.0})
    return EmergencyGenerator.model_validate(
        {
            "id": "g",
            "site": "s",
            "type": "emergency_generator",
            "rated_kw": 300.0,
            "fuel_curve": curve,
            **more,
        }
    )


def test_each_device_gets_its_map_bound_to_its_own_numbers() -> None:
    genset = _genset(tank=Tank(capacity=800.0, level=400.0))
    assert default_map(genset) == "deepsea-gencomm"
    found = map_for(genset)
    assert found.parameters["tank_capacity"] == 800.0
    assert found.decode(blocks_of(found, {"fuel_level": 400.0}))["fuel_level"] == 400.0
    battery = Battery(id="b", site="s", type="battery", rated_kw=250.0, energy_capacity_kwh=1000.0)
    assert map_for(battery).name == "sunspec-store"
    assert map_for(battery).parameters["charge_kw"] == 250.0
    sun = Photovoltaic(id="p", site="s", type="photovoltaic", rated_kw=100.0)
    assert map_for(sun).parameters["limited"] == 1.0
    assert map_for(sun) is map_for(sun)
    assert panel_map().name == "site-panel"
    assert meter_map(50.0).name == "meter-sunspec"


def test_a_wrong_map_name_says_which_there_are() -> None:
    device = _genset(controller=Controller(map="deepsee"))
    with pytest.raises(FleetError) as caught:
        map_for(device)
    (fault,) = caught.value.faults
    assert fault.value == "'deepsee'"
    assert "deepsea-gencomm" in fault.expected
    assert "sunspec-store" in fault.expected


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(FleetError, match=r"nowhere\.yaml.*no such file"):
        load_map("nowhere.yaml")


def test_a_site_gives_the_real_address_of_an_unverified_point(tmp_path: Path) -> None:
    path = tmp_path / "our-panel.yaml"
    path.write_text(
        "extends: deepsea-gencomm\n"
        "name: our-panel\n"
        "readable: [{address: 43008, count: 8}]\n"
        "drop: [failed_starts]\n"
        "points:\n"
        "  - {name: fuel_used, address: 43008, type: u32, scale: 0.5, unit: l}\n"
        "commands:\n"
        "  set_power_kw:\n"
        "    - writes: [{address: 43010, fields: [{value: value / rated_kw * 1000}]}]\n"
    )
    found = load_map(str(path), {"rated_kw": 400.0})
    assert found.name == "our-panel"
    back = found.decode(blocks_of(found, GENSET))
    assert back["fuel_used"] == 123.5
    assert "failed_starts" not in back
    assert back["state"] == 3.0
    (write,) = found.writes("set_power_kw", 100.0)
    assert (write.address, write.values) == (43010, (250,))
    assert found.writes("start", 1.0)[0].address == 4104


def test_all_faults_of_a_file_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: bad\n"
        "family: rocket\n"
        "readable: [{address: 0, count: 10}]\n"
        "points:\n"
        "  - {name: a, address: 70000, type: u16}\n"
        "  - {name: b, address: 1}\n"
        "  - {name: c, address: 1, type: u17}\n"
        "  - {name: d, address: 1, type: u16, verified: false}\n"
        "  - {name: e, address: 1, type: u16, colour: red}\n"
    )
    with pytest.raises(FleetError) as caught:
        load_map(str(path))
    text = str(caught.value)
    places = ("family", "points.0", "points.1", "points.2", "points.3", "points.4.colour")
    for place in places:
        assert place in text
    assert all(fault.file == str(path) for fault in caught.value.faults)


def test_faults_of_meaning_come_at_once_too(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: bad\n"
        "family: genset\n"
        "readable: [{address: 0, count: 10}]\n"
        "parameters: {rated_kw: {default: 0}}\n"
        "points:\n"
        "  - {name: a, address: 100, type: u16}\n"
        "  - {name: b, address: 1, type: u16, scale: rating * 2}\n"
        "  - {name: c, address: 1, type: u16, scale: 1 / rated_kw}\n"
        "  - {name: d, address: 1, type: u16, scale: __import__('os')}\n"
        "  - {name: e, at: 701.W}\n"
        "commands:\n"
        "  start: [{writes: [{address: 1, fields: [{value: value * value}]}]}]\n"
    )
    with pytest.raises(FleetError) as caught:
        load_map(str(path), {"colour": 3.0})
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {
        "parameters.colour",
        "points[1]",
        "points[2]",
        "points[3]",
        "points[4]",
        "commands.start[0]",
        "points.a",
    }


@pytest.mark.parametrize("text", ["- a list\n", "name: [unclosed\n", "just words\n"])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(FleetError):
        load_map(str(path))


def test_maps_that_extend_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\nname: a\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nname: b\n")
    with pytest.raises(FleetError, match="deep"):
        load_map(str(tmp_path / "a.yaml"))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_not_verified_says_why(name: str) -> None:
    for point in load_map(name).points:
        assert point.verified or len(point.note) > 20, point.name
        assert point.source or name == "site-panel"


def test_the_schema_of_a_map_file_can_be_exported() -> None:
    schema = json_schema()
    assert schema["properties"]["points"]
    assert MapFile.model_validate(load_spec("site-panel").model_dump()) == load_spec("site-panel")


def test_registers_can_stand_beside_a_sunspec_chain() -> None:
    found = map_of(
        [
            {"name": "power_kw", "at": "203.W", "scale": 0.001},
            {"name": "w_sf", "at": "203.W_SF", "constant": 1, "poll": False},
            {"name": "low", "address": 3, "type": "u16"},
            {"name": "high", "address": 50_001, "type": "u16"},
        ],
        readable=[{"address": 50_000, "count": 4}, {"address": 0, "count": 9}],
        sunspec={"base": 40_000, "models": [1, 203]},
    )
    shown = {"power_kw": 12.0, "low": 7.0, "high": 9.0}
    assert found.decode(blocks_of(found, shown)) == shown
    assert found.through(shown) == shown


def test_segments_that_overlap_are_a_fault() -> None:
    with pytest.raises(FleetError, match="overlaps"):
        map_of([], readable=[{"address": 0, "count": 9}, {"address": 8, "count": 4}])


def test_a_point_outside_the_readable_registers_is_a_fault() -> None:
    with pytest.raises(FleetError, match="lies in no readable segment"):
        map_of([{"name": "x", "address": 399, "type": "u32"}])
