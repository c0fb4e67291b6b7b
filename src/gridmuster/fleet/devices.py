"""The nine device types, with their operating characteristics and defaults.

Every field's description carries its unit; the JSON Schema and the docs are generated from here.
Defaults are the facts of `device_defaults.json` (REopt defaults, dealer sheets, trade knowledge);
a nameplate value overrides them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gridmuster.fleet.clockhours import EnergyWish
from gridmuster.fleet.operation import Operation
from gridmuster.fleet.part import ID_PATTERN, FleetId, Part
from gridmuster.fleet.permits import PERMIT_CAP_H, Permit, PermitClass
from gridmuster.units import Fuel

__all__ = [
    "ID_PATTERN",
    "MAX_DEVICE_KW",
    "PERMIT_CAP_H",
    "Battery",
    "Controller",
    "Device",
    "DeviceBase",
    "DeviceType",
    "EmergencyGenerator",
    "Engine",
    "Every",
    "Exercise",
    "FleetId",
    "Flywheel",
    "FuelCell",
    "FuelPoint",
    "Generator",
    "Microturbine",
    "Part",
    "Permit",
    "PermitClass",
    "Photovoltaic",
    "Reliability",
    "Smes",
    "Store",
    "Tank",
    "WindTurbine",
]

MAX_DEVICE_KW = 10_000.0


class DeviceType(StrEnum):
    """The nine device types the center commands."""

    EMERGENCY_GENERATOR = "emergency_generator"
    FUEL_CELL = "fuel_cell"
    PHOTOVOLTAIC = "photovoltaic"
    ENGINE = "engine"
    WIND_TURBINE = "wind_turbine"
    MICROTURBINE = "microturbine"
    BATTERY = "battery"
    SMES = "smes"
    FLYWHEEL = "flywheel"


class Controller(Part):
    """How the gateway reaches the device's controller."""

    map: str = Field(description="name of the register map, like deepsea-gencomm or sunspec-der")
    host: str = Field(default="127.0.0.1", description="address on the site's own network")
    port: int = Field(default=0, ge=0, le=65535, description="TCP port; 0 lets the demo choose")
    unit: int = Field(default=1, ge=0, le=247, description="Modbus unit id")


class Reliability(Part):
    """Odds that the device is there when called; the source of LOLP."""

    availability: float = Field(
        default=0.995, ge=0, le=1, description="share of time not in repair"
    )
    fail_to_start: float = Field(
        default=0.0094, ge=0, le=1, description="failures per start (REopt)"
    )
    mttf_h: float = Field(
        default=1100.0, gt=0, description="mean running hours to failure, h (REopt)"
    )


class DeviceBase(Part):
    """What every device has."""

    id: FleetId
    type: DeviceType = Field(description="which of the nine types it is")
    site: FleetId = Field(description="id of the site where it stands")
    rated_kw: float = Field(gt=0, le=MAX_DEVICE_KW, description="most it can send out, kW")
    controller: Controller | None = Field(default=None, description="how the gateway reaches it")
    reliability: Reliability = Field(
        default=Reliability(), description="odds that it is there when called"
    )
    variable_om_usd_per_kwh: float = Field(
        default=0.0, ge=0, description="wear and service, USD/kWh out"
    )
    objective: str | None = Field(
        default=None, description="objective or blend for this device alone"
    )
    tags: tuple[str, ...] = Field(default=(), description="words to find it by")


class Tank(Part):
    """Fuel kept at the site."""

    capacity: float = Field(gt=0, description="usable full level, l or m3")
    level: float = Field(ge=0, description="level now, l or m3")
    sump_fraction: float = Field(default=0.1, ge=0, lt=1, description="share that cannot be drawn")


class FuelPoint(Part):
    """Fuel use at one output."""

    load_fraction: float = Field(ge=0, le=1.1, description="share of rated power")
    fuel_per_h: float = Field(ge=0, description="l/h (liquids) or m3/h (gases)")


class Every(StrEnum):
    """How often an engine is exercised."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Exercise(Part):
    """How often, how long and at what load an engine is to be run (NFPA 110, 8.4.2)."""

    every: Every = Field(description="how often a run is due")
    minutes: float = Field(
        default=30.0, gt=0, le=1440, description="how long the load lasts, minutes"
    )
    load_share: float = Field(
        default=0.3, ge=0, le=1, description="least load that counts, share of rated power"
    )


class Generator(DeviceBase):
    """What every fuel-burning device has: an engine, a turbine, a fuel cell."""

    fuel: Fuel = Field(default=Fuel.DIESEL, description="what it burns")
    fuel_curve: tuple[FuelPoint, ...] = Field(
        description="fuel use at two or more outputs, in rising order of load", min_length=2
    )
    tank: Tank | None = Field(default=None, description="None: fed by a pipeline")
    permit: Permit = Field(
        default=Permit(permit_class=PermitClass.UNRESTRICTED),
        description="what its air permit allows",
    )
    min_load_fraction: float = Field(default=0.3, ge=0, le=1, description="least sustained load")
    ramp_fraction_per_s: float = Field(
        default=0.05, gt=0, le=1, description="of rated power a second"
    )
    start_s: float = Field(default=10.0, ge=0, description="order to rated speed, s")
    sync_s: float = Field(default=20.0, ge=0, description="rated speed to breaker closed, s")
    warmup_s: float = Field(default=0.0, ge=0, description="at minimum load before full load, s")
    cooldown_s: float = Field(default=300.0, ge=0, description="unloaded before stop, s")
    crank_attempts: int = Field(default=3, ge=1, le=10, description="tries before lock-out")
    min_up_s: float = Field(default=1800.0, ge=0, description="least time on, s")
    min_down_s: float = Field(default=600.0, ge=0, description="least time off, s")
    max_starts_per_day: int = Field(default=6, ge=0, description="starts in any 24 h")
    start_cost_usd: float = Field(
        default=0.0, ge=0, description="fuel, starter and wear of a start, USD"
    )
    grid_forming: bool = Field(
        default=True, description="can hold a dead area's voltage and frequency"
    )
    must_run: bool = Field(default=False, description="kept on except for faults and stops")
    on_at_start: bool = Field(default=False, description="running when the fleet is first seen")
    exercise: Exercise | None = Field(
        default=None, description="when it is to be run for its own sake; None: never"
    )
    operation: Operation = Field(
        default=Operation(), description="starts, deliveries, maintenance and emissions for plans"
    )


class EmergencyGenerator(Generator):
    """A set bought to back up one site; serves it first."""

    type: Literal[DeviceType.EMERGENCY_GENERATOR] = Field(
        description="which of the nine types it is"
    )


class Engine(Generator):
    """A reciprocating engine that was bought to run (gas, CHP)."""

    type: Literal[DeviceType.ENGINE] = Field(description="which of the nine types it is")
    fuel: Fuel = Field(default=Fuel.NATURAL_GAS, description="what it burns")
    min_load_fraction: float = Field(default=0.25, ge=0, le=1, description="least sustained load")
    ramp_fraction_per_s: float = Field(
        default=0.02, gt=0, le=1, description="of rated power a second"
    )
    start_s: float = Field(default=20.0, ge=0, description="order to rated speed, s")
    sync_s: float = Field(default=30.0, ge=0, description="rated speed to breaker closed, s")
    warmup_s: float = Field(default=120.0, ge=0, description="at minimum load before full load, s")


class Microturbine(Generator):
    """A microturbine; few starts, slow cool-down, needs help to form a grid."""

    type: Literal[DeviceType.MICROTURBINE] = Field(description="which of the nine types it is")
    fuel: Fuel = Field(default=Fuel.NATURAL_GAS, description="what it burns")
    ramp_fraction_per_s: float = Field(
        default=0.01, gt=0, le=1, description="of rated power a second"
    )
    start_s: float = Field(default=120.0, ge=0, description="order to rated speed, s")
    sync_s: float = Field(default=60.0, ge=0, description="rated speed to breaker closed, s")
    cooldown_s: float = Field(default=600.0, ge=0, description="unloaded before stop, s")
    max_starts_per_day: int = Field(default=2, ge=0, description="starts in any 24 h")
    grid_forming: bool = Field(
        default=False, description="can hold a dead area's voltage and frequency"
    )


class FuelCell(Generator):
    """A fuel cell; hours to start, kept on and load-followed slowly."""

    type: Literal[DeviceType.FUEL_CELL] = Field(description="which of the nine types it is")
    fuel: Fuel = Field(default=Fuel.NATURAL_GAS, description="what it burns")
    ramp_fraction_per_s: float = Field(
        default=0.001, gt=0, le=1, description="of rated power a second"
    )
    start_s: float = Field(
        default=10_800.0, ge=0, description="order to rated output, s (cold 3-24 h)"
    )
    sync_s: float = Field(default=60.0, ge=0, description="ready to connected, s")
    min_up_s: float = Field(default=14_400.0, ge=0, description="least time on, s")
    min_down_s: float = Field(default=14_400.0, ge=0, description="least time off, s")
    max_starts_per_day: int = Field(default=1, ge=0, description="starts in any 24 h")
    grid_forming: bool = Field(
        default=False, description="can hold a dead area's voltage and frequency"
    )
    must_run: bool = Field(default=True, description="kept on except for faults and stops")
    on_at_start: bool = Field(default=True, description="running when the fleet is first seen")


class Photovoltaic(DeviceBase):
    """A solar array behind an inverter; curtailable, never more than the sun gives."""

    type: Literal[DeviceType.PHOTOVOLTAIC] = Field(description="which of the nine types it is")
    dc_ac_ratio: float = Field(
        default=1.2, gt=0, le=3, description="panel rating over inverter rating"
    )
    temperature_coefficient_per_k: float = Field(
        default=-0.0035, ge=-0.02, le=0, description="power change per K of cell above 25 C"
    )
    inverter_efficiency: float = Field(default=0.97, gt=0, le=1, description="AC out over DC in")
    reliability: Reliability = Field(
        default=Reliability(availability=0.98, fail_to_start=0.0, mttf_h=20_000.0),
        description="odds that it is there when called",
    )


class WindTurbine(DeviceBase):
    """A wind turbine with a power curve; curtailable."""

    type: Literal[DeviceType.WIND_TURBINE] = Field(description="which of the nine types it is")
    cut_in_m_per_s: float = Field(default=3.0, ge=0, description="wind speed of first output, m/s")
    rated_m_per_s: float = Field(default=12.0, gt=0, description="wind speed of full output, m/s")
    cut_out_m_per_s: float = Field(default=25.0, gt=0, description="wind speed of storm stop, m/s")
    variable_om_usd_per_kwh: float = Field(
        default=0.005, ge=0, description="wear and service, USD/kWh"
    )
    reliability: Reliability = Field(
        default=Reliability(availability=0.97, fail_to_start=0.0, mttf_h=5_000.0),
        description="odds that it is there when called",
    )


class Store(DeviceBase):
    """What every store has; energies are usable kWh at the store's own terminals."""

    energy_capacity_kwh: float = Field(gt=0, description="state of energy when full, kWh")
    initial_energy_kwh: float | None = Field(
        default=None, ge=0, description="state of energy at first, kWh; None: half"
    )
    min_energy_fraction: float = Field(default=0.0, ge=0, le=1, description="floor kept always")
    max_energy_fraction: float = Field(default=1.0, gt=0, le=1, description="ceiling kept always")
    charge_kw: float | None = Field(
        default=None, gt=0, description="most it takes, kW; None: rated_kw"
    )
    charge_efficiency: float = Field(default=0.948, gt=0, le=1, description="stored over taken")
    discharge_efficiency: float = Field(default=0.948, gt=0, le=1, description="given over drawn")
    self_discharge_per_h: float = Field(
        default=0.0, ge=0, lt=1, description="share of energy lost, 1/h"
    )
    standby_loss_kw: float = Field(default=0.0, ge=0, description="constant draw from the grid, kW")
    cycle_cost_usd_per_kwh: float = Field(default=0.0, ge=0, description="wear, USD/kWh discharged")
    backup_energy_kwh: float = Field(
        default=0.0, ge=0, description="kept for the site's own load, kWh"
    )
    energy_wishes: tuple[EnergyWish, ...] = Field(
        default=(), description="state of energy wished in some hours of every day, for plans"
    )
    grid_forming: bool = Field(
        default=False, description="can hold a dead area's voltage and frequency"
    )
    reliability: Reliability = Field(
        default=Reliability(availability=0.98, fail_to_start=0.0, mttf_h=20_000.0),
        description="odds that it is there when called",
    )

    @property
    def max_charge_kw(self) -> float:
        """Most it takes, kW, as a positive number."""
        return self.rated_kw if self.charge_kw is None else self.charge_kw

    @property
    def min_energy_kwh(self) -> float:
        """Least state of energy in market duty: the floor and what the site keeps, kWh."""
        return max(self.min_energy_fraction * self.energy_capacity_kwh, self.backup_energy_kwh)

    @property
    def max_energy_kwh(self) -> float:
        """Highest state of energy, kWh."""
        return self.max_energy_fraction * self.energy_capacity_kwh

    @property
    def first_energy_kwh(self) -> float:
        """State of energy when first seen, kWh."""
        if self.initial_energy_kwh is not None:
            return self.initial_energy_kwh
        return 0.5 * self.energy_capacity_kwh


class Battery(Store):
    """A battery behind an inverter."""

    type: Literal[DeviceType.BATTERY] = Field(description="which of the nine types it is")
    min_energy_fraction: float = Field(default=0.2, ge=0, le=1, description="floor kept always")
    self_discharge_per_h: float = Field(
        default=0.00003, ge=0, lt=1, description="share of energy lost, 1/h (2 % a month)"
    )
    cycle_cost_usd_per_kwh: float = Field(
        default=0.04, ge=0, description="wear, USD/kWh discharged"
    )
    grid_forming: bool = Field(
        default=True, description="can hold a dead area's voltage and frequency"
    )


class Flywheel(Store):
    """A flywheel: minutes of energy, standby loss, no wear."""

    type: Literal[DeviceType.FLYWHEEL] = Field(description="which of the nine types it is")
    charge_efficiency: float = Field(default=0.922, gt=0, le=1, description="stored over taken")
    discharge_efficiency: float = Field(default=0.922, gt=0, le=1, description="given over drawn")
    self_discharge_per_h: float = Field(
        default=0.1, ge=0, lt=1, description="share of energy lost, 1/h"
    )


class Smes(Store):
    """A superconducting magnetic store: seconds of energy, cooling load, no wear."""

    type: Literal[DeviceType.SMES] = Field(description="which of the nine types it is")
    charge_efficiency: float = Field(default=0.975, gt=0, le=1, description="stored over taken")
    discharge_efficiency: float = Field(default=0.975, gt=0, le=1, description="given over drawn")


Device = Annotated[
    EmergencyGenerator
    | FuelCell
    | Photovoltaic
    | Engine
    | WindTurbine
    | Microturbine
    | Battery
    | Smes
    | Flywheel,
    Field(discriminator="type"),
]
