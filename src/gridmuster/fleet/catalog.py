"""Typical devices for generated fleets: nameplates, fuel, tanks, permits and costs.

Each function returns one device whose numbers are the trade's usual ones (`domain.md`, REopt
defaults); where the class default in `devices` already says it, nothing is repeated.
"""

from __future__ import annotations

from typing import Final

from gridmuster.fleet.curves import (
    fuel_cell_curve,
    fuel_per_h,
    genset_curve,
    microturbine_curve,
)
from gridmuster.fleet.devices import (
    Battery,
    Controller,
    DeviceType,
    EmergencyGenerator,
    Engine,
    Every,
    Exercise,
    Flywheel,
    FuelCell,
    Microturbine,
    Permit,
    Photovoltaic,
    Smes,
    Tank,
    WindTurbine,
)
from gridmuster.units import Fuel

GENSET_MAP: Final = "deepsea-gencomm"
INVERTER_MAP: Final = "sunspec-der"
STORE_MAP: Final = "sunspec-store"

#: Wear and service of an engine set, USD/kWh (`device_defaults.json`).
OM_USD_PER_KWH: Final = {Fuel.DIESEL: 0.015, Fuel.NATURAL_GAS: 0.02, Fuel.PROPANE: 0.02}
#: Fuel and starter of one start, USD per rated kW; wear of one run hour comes on top.
START_USD_PER_KW: Final = 0.05
START_WEAR_H: Final = 1.0

SUMP_FRACTION: Final = 0.1
#: Usual tank sizes, usable full level, l; beyond the last, whole multiples of it.
TANK_SIZES_L: Final = (200.0, 400.0, 600.0, 800.0, 1000.0, 1500.0, 2000.0, 3000.0, 4000.0)


def start_cost_usd(rated_kw: float, om_usd_per_kwh: float) -> float:
    """Cost of one start: 0.05 USD/kW for fuel and starter, and one run hour of wear.

    Args:
        rated_kw: rated power, kW.
        om_usd_per_kwh: wear and service, USD/kWh.

    Returns:
        USD.
    """
    return round(rated_kw * (START_USD_PER_KW + START_WEAR_H * om_usd_per_kwh), 2)


def tank_for(
    fuel: Fuel, rated_kw: float, backup_load_kw: float, autonomy_h: float, fill: float
) -> Tank:
    """The smallest usual tank that holds a day at full load and the promise with a quarter over.

    Args:
        fuel: what the set burns.
        rated_kw: rated power of the set, kW.
        backup_load_kw: protected load that the promise is made for, kW.
        autonomy_h: promised hours, h.
        fill: level now as a share of the capacity.

    Returns:
        The tank with its level.
    """
    curve = genset_curve(fuel, rated_kw)
    promise_l = autonomy_h * fuel_per_h(curve, rated_kw, backup_load_kw)
    day_l = 24.0 * fuel_per_h(curve, rated_kw, rated_kw)
    need_l = max(day_l, 1.25 * promise_l / (1.0 - SUMP_FRACTION))
    biggest_l = TANK_SIZES_L[-1]
    capacity_l = next(
        (size for size in TANK_SIZES_L if size >= need_l), -(-need_l // biggest_l) * biggest_l
    )
    return Tank(capacity=capacity_l, level=round(fill * capacity_l, 1), sump_fraction=SUMP_FRACTION)


def standby_set(
    device_id: str,
    site: str,
    fuel: Fuel,
    rated_kw: float,
    *,
    permit: Permit,
    tank: Tank | None,
) -> EmergencyGenerator:
    """A set bought for backup; gas and propane start and ramp slower than diesel.

    Args:
        device_id: its id.
        site: its site's id.
        fuel: diesel, natural gas or propane.
        rated_kw: rated power, kW.
        permit: what its air permit allows.
        tank: fuel kept, None for a pipeline.

    Returns:
        The set.
    """
    om = OM_USD_PER_KWH[fuel]
    diesel = fuel is Fuel.DIESEL
    return EmergencyGenerator(
        type=DeviceType.EMERGENCY_GENERATOR,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=GENSET_MAP),
        fuel=fuel,
        fuel_curve=genset_curve(fuel, rated_kw),
        tank=tank,
        permit=permit,
        ramp_fraction_per_s=0.05 if diesel else 0.02,
        start_s=10.0 if diesel else 20.0,
        sync_s=20.0 if diesel else 30.0,
        variable_om_usd_per_kwh=om,
        start_cost_usd=start_cost_usd(rated_kw, om),
        exercise=Exercise(every=Every.MONTH),
    )


def chp_engine(device_id: str, site: str, rated_kw: float, permit: Permit) -> Engine:
    """A natural-gas engine of 1-2 MW that was bought to run; O&M 0.016 USD/kWh (REopt)."""
    om = 0.016
    return Engine(
        type=DeviceType.ENGINE,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=GENSET_MAP),
        fuel_curve=genset_curve(Fuel.NATURAL_GAS, rated_kw),
        permit=permit,
        variable_om_usd_per_kwh=om,
        start_cost_usd=start_cost_usd(rated_kw, om),
    )


def microturbine(device_id: str, site: str, rated_kw: float) -> Microturbine:
    """A natural-gas microturbine; O&M 0.016 USD/kWh (REopt)."""
    om = 0.016
    return Microturbine(
        type=DeviceType.MICROTURBINE,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=INVERTER_MAP),
        fuel_curve=microturbine_curve(rated_kw),
        variable_om_usd_per_kwh=om,
        start_cost_usd=start_cost_usd(rated_kw, om),
    )


def fuel_cell(device_id: str, site: str, rated_kw: float) -> FuelCell:
    """A natural-gas fuel cell that always runs; O&M 0.039 USD/kWh (REopt)."""
    om = 0.039
    return FuelCell(
        type=DeviceType.FUEL_CELL,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=INVERTER_MAP),
        fuel_curve=fuel_cell_curve(rated_kw),
        variable_om_usd_per_kwh=om,
        start_cost_usd=start_cost_usd(rated_kw, om),
    )


def photovoltaic(device_id: str, site: str, rated_kw: float) -> Photovoltaic:
    """A solar array."""
    return Photovoltaic(
        type=DeviceType.PHOTOVOLTAIC,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=INVERTER_MAP),
    )


def wind_turbine(device_id: str, site: str, rated_kw: float) -> WindTurbine:
    """A wind turbine."""
    return WindTurbine(
        type=DeviceType.WIND_TURBINE,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=INVERTER_MAP),
    )


def battery(
    device_id: str, site: str, rated_kw: float, energy_kwh: float, backup_energy_kwh: float = 0.0
) -> Battery:
    """A lithium-ion battery; at a tower it keeps ``backup_energy_kwh`` and starts well filled."""
    return Battery(
        type=DeviceType.BATTERY,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=STORE_MAP),
        energy_capacity_kwh=energy_kwh,
        initial_energy_kwh=round(0.85 * energy_kwh, 1) if backup_energy_kwh else None,
        backup_energy_kwh=backup_energy_kwh,
    )


def flywheel(device_id: str, site: str, rated_kw: float, energy_kwh: float) -> Flywheel:
    """A flywheel; it draws 1.5 % of its rating to stay awake."""
    return Flywheel(
        type=DeviceType.FLYWHEEL,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=STORE_MAP),
        energy_capacity_kwh=energy_kwh,
        standby_loss_kw=round(0.015 * rated_kw, 2),
    )


def smes(device_id: str, site: str, rated_kw: float, energy_kwh: float) -> Smes:
    """A superconducting store; its refrigerator draws 20 kW per MW."""
    return Smes(
        type=DeviceType.SMES,
        id=device_id,
        site=site,
        rated_kw=rated_kw,
        controller=Controller(map=STORE_MAP),
        energy_capacity_kwh=energy_kwh,
        standby_loss_kw=round(0.02 * rated_kw, 2),
    )
