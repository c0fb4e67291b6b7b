"""Each device by itself: fuel curves, tanks, stores and turbines that cannot be so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gridmuster.errors import Fault
from gridmuster.fleet.book import Book
from gridmuster.fleet.devices import FuelPoint, Generator, Store, WindTurbine
from gridmuster.fleet.place import Place, shown
from gridmuster.units import LHV_KWH_PER_UNIT

#: No engine, turbine or fuel cell in the field turns more of its fuel (LHV) into electricity.
MAX_EFFICIENCY: Final = 0.6
#: Below this efficiency at full load the curve is likely in other units.
ODD_EFFICIENCY: Final = 0.12
#: A curve may bend down a little (published charts do), but the next kWh never takes less than
#: this share of the fuel of the one before.
LEAST_SLOPE_RATIO: Final = 0.6


def faults(book: Book) -> Iterator[Fault]:
    """All faults of this kind."""
    for device, place in book.devices:
        if isinstance(device, Generator):
            yield from fuel_curve(device, place)
            yield from tank(device, place)
        elif isinstance(device, Store):
            yield from store(device, place)
        elif isinstance(device, WindTurbine):
            yield from wind_speeds(device, place)


def warnings(book: Book) -> Iterator[Fault]:
    """All warnings of this kind."""
    for device, place in book.devices:
        if isinstance(device, Generator):
            yield from odd_curve(device, place)
        elif isinstance(device, Store) and device.first_energy_kwh < device.min_energy_kwh:
            yield place.fault(
                "initial_energy_kwh",
                value=f"{device.first_energy_kwh:g} kWh",
                limit=f"below the {device.min_energy_kwh:g} kWh that are kept",
                expected="a store that begins at or above what it keeps",
            )


def efficiency(device: Generator, point: FuelPoint) -> float:
    """Electricity over fuel energy (LHV) at one point of a fuel curve; infinite without fuel."""
    power_kw = point.load_fraction * device.rated_kw
    fuel_kw = point.fuel_per_h * LHV_KWH_PER_UNIT[device.fuel]
    if fuel_kw <= 0.0:
        return float("inf") if power_kw > 0.0 else 0.0
    return power_kw / fuel_kw


def fuel_curve(device: Generator, place: Place) -> Iterator[Fault]:
    """A curve that does not rise, gives more than 60 %, or gets cheaper too fast with load.

    Where it does not rise, the points after it are not looked at: they may be right.
    """
    before: FuelPoint | None = None
    slope_before = 0.0
    for k, point in enumerate(device.fuel_curve):
        at = ("fuel_curve", k)
        share = efficiency(device, point)
        if share > MAX_EFFICIENCY:
            least = point.load_fraction * device.rated_kw / MAX_EFFICIENCY
            least /= LHV_KWH_PER_UNIT[device.fuel]
            yield place.fault(
                *at,
                "fuel_per_h",
                value=shown(point.fuel_per_h),
                limit=f"that is {_percent(share)} of the fuel's energy (LHV) at "
                f"{_percent(point.load_fraction)} load; 60 % is the most there is",
                expected=f"at least {least:.3g}; is the unit l/h or m3/h?",
            )
        elif before is not None:
            more_load = point.load_fraction - before.load_fraction
            more_fuel = point.fuel_per_h - before.fuel_per_h
            if more_load <= 0.0:
                yield place.fault(
                    *at,
                    "load_fraction",
                    value=shown(point.load_fraction),
                    limit="loads must rise along the curve",
                    expected=f"a load above {before.load_fraction:g}",
                )
                break
            if more_fuel <= 0.0:
                yield place.fault(
                    *at,
                    "fuel_per_h",
                    value=shown(point.fuel_per_h),
                    limit="fuel must rise with load",
                    expected=f"more than {before.fuel_per_h:g}",
                )
                break
            slope = more_fuel / more_load
            yield from _slope_faults(device, place, k, slope, slope_before)
            slope_before = slope
        before = point
    last = device.fuel_curve[-1]
    if last.load_fraction < 1.0:
        yield place.fault(
            "fuel_curve",
            len(device.fuel_curve) - 1,
            "load_fraction",
            value=shown(last.load_fraction),
            limit="a fuel curve reaches full load",
            expected="a last point at 1.0",
        )


def _slope_faults(
    device: Generator, place: Place, k: int, slope: float, slope_before: float
) -> Iterator[Fault]:
    """Faults of the step up to point ``k``; slopes are fuel per h over load fraction."""
    marginal = device.rated_kw / (slope * LHV_KWH_PER_UNIT[device.fuel])
    point = device.fuel_curve[k]
    if marginal > MAX_EFFICIENCY:
        yield place.fault(
            "fuel_curve",
            k,
            "fuel_per_h",
            value=shown(point.fuel_per_h),
            limit=f"the last step gives {_percent(marginal)} of its fuel's energy (LHV); "
            "60 % is the most there is",
            expected="more fuel here, or less at the point before",
        )
    elif slope < LEAST_SLOPE_RATIO * slope_before:
        yield place.fault(
            "fuel_curve",
            k,
            "fuel_per_h",
            value=shown(point.fuel_per_h),
            limit=f"this step takes {_percent(slope / slope_before)} of the fuel per kWh of the "
            f"step before; at least {_percent(LEAST_SLOPE_RATIO)} is physical",
            expected="a curve that bends up, or hardly down",
        )


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g} %"


def odd_curve(device: Generator, place: Place) -> Iterator[Fault]:
    """A warning for a curve that gives so little that its unit may be wrong."""
    share = efficiency(device, device.fuel_curve[-1])
    if 0.0 < share < ODD_EFFICIENCY:
        yield place.fault(
            "fuel_curve",
            value=f"{_percent(share)} of the fuel's energy (LHV) at full load",
            limit=f"below {_percent(ODD_EFFICIENCY)} is unusual",
            expected="l/h for liquids, m3/h for gases",
        )


def tank(device: Generator, place: Place) -> Iterator[Fault]:
    """A tank that holds more than it can."""
    if device.tank is not None and device.tank.level > device.tank.capacity:
        yield place.fault(
            "tank",
            "level",
            value=shown(device.tank.level),
            limit=f"the tank's capacity is {device.tank.capacity:g}",
            expected=f"0 to {device.tank.capacity:g}",
        )


def store(device: Store, place: Place) -> Iterator[Fault]:
    """A store whose floor, ceiling, first energy and kept energy do not fit each other."""
    if device.min_energy_fraction >= device.max_energy_fraction:
        yield place.fault(
            "min_energy_fraction",
            value=shown(device.min_energy_fraction),
            limit=f"the floor is below the ceiling, max_energy_fraction "
            f"{device.max_energy_fraction:g}",
            expected=f"below {device.max_energy_fraction:g}",
        )
    for name in ("initial_energy_kwh", "backup_energy_kwh"):
        energy_kwh = getattr(device, name)
        if energy_kwh is not None and energy_kwh > device.max_energy_kwh:
            yield place.fault(
                name,
                value=f"{energy_kwh:g} kWh",
                limit=f"the store holds {device.max_energy_kwh:g} kWh at its ceiling",
                expected=f"0 to {device.max_energy_kwh:g}",
            )


def wind_speeds(device: WindTurbine, place: Place) -> Iterator[Fault]:
    """A turbine whose wind speeds are not in rising order."""
    if device.rated_m_per_s <= device.cut_in_m_per_s:
        yield place.fault(
            "rated_m_per_s",
            value=shown(device.rated_m_per_s),
            limit=f"full output comes above cut_in_m_per_s {device.cut_in_m_per_s:g}",
            expected=f"above {device.cut_in_m_per_s:g}",
        )
    if device.cut_out_m_per_s <= device.rated_m_per_s:
        yield place.fault(
            "cut_out_m_per_s",
            value=shown(device.cut_out_m_per_s),
            limit=f"the storm stop comes above rated_m_per_s {device.rated_m_per_s:g}",
            expected=f"above {device.rated_m_per_s:g}",
        )
