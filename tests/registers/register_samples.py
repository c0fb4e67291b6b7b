"""Points as the simulated devices show them, and small map files for the tests."""

from typing import Any

from gridmuster.registers import RegisterMap
from gridmuster.registers.load import compile_map
from gridmuster.registers.schema import MapFile

GENSET = {
    "mode": 2.0,
    "state": 3.0,
    "breaker": 1.0,
    "power_kw": 321.5,
    "available_kw": 500.0,
    "frequency_hz": 60.0,
    "voltage_pu": 1.0,
    "speed_rpm": 1800.0,
    "oil_pressure_kpa": 400.0,
    "coolant_c": 85.0,
    "starter_battery_v": 27.4,
    "fuel_level": 1500.0,
    "fuel_used": 123.4,
    "run_h": 1000.5,
    "starts": 33.0,
    "failed_starts": 1.0,
    "produced_kwh": 123_456.7,
    "alarm_bits": 0.0,
}
STORE = {
    "mode": 2.0,
    "state": 3.0,
    "power_kw": -121.5,
    "available_kw": 250.0,
    "frequency_hz": 59.987,
    "voltage_pu": 1.0,
    "produced_kwh": 1234.567,
    "absorbed_kwh": 2345.678,
    "energy_kwh": 812.3,
    "alarm_bits": 0.0,
}
PANEL = {
    "utility_ok": 1.0,
    "frequency_hz": 59.987,
    "voltage_pu": 1.0125,
    "supply": 2.0,
    "poi_kw": -123.456,
    "backup_load_kw": 45.678,
    "bridge_kwh": 9.5,
    "alarm_bits": 0.0,
}
SWITCHGEAR = {
    "coupling_closed": 0.0,
    "coupling_open": 1.0,
    "utility_pu": 1.0123,
    "utility_hz": 59.987,
    "bus_pu": 0.9876,
    "bus_hz": 60.012,
    "synchroniser": 1.0,
    "permitted": 2.0,
    "step_1_closed": 1.0,
    "step_1_kw": 12.345,
    "step_8_closed": 0.0,
    "step_8_kw": 0.0,
}
METER = {"power_kw": 87.6, "energy_kwh": 4321.5}

SAMPLES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "deepsea-gencomm": ({"rated_kw": 500.0, "tank_capacity": 2000.0}, GENSET),
    "sunspec-der": ({"rated_kw": 500.0}, GENSET),
    "sunspec-store": (
        {"rated_kw": 250.0, "charge_kw": 250.0, "energy_capacity_kwh": 1000.0},
        STORE,
    ),
    "site-panel": ({}, PANEL),
    "switchgear": ({}, SWITCHGEAR),
    "meter-sunspec": ({"peak_kw": 100.0}, METER),
}


def blocks_of(register_map: RegisterMap, points: dict[str, float]) -> list[list[int] | None]:
    """The polled blocks of a controller that shows these points."""
    image = register_map.image(points)
    return [image.read(*block) for block in register_map.blocks]


def map_of(points: list[dict[str, Any]], **more: Any) -> RegisterMap:
    """A map made of these points (and ``commands``, ``sentinels``... in ``more``)."""
    content: dict[str, Any] = {
        "name": "test",
        "family": "genset",
        "readable": [{"address": 0, "count": 400}],
        "points": points,
        **more,
    }
    parameters = content.pop("bound", {})
    return compile_map("test", MapFile.model_validate(content), parameters)
