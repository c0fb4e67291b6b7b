"""Reference fuel curves: fuel used at 25, 50, 75 and 100 % load by size, and what lies between.

Source of the tables: the project's reference data, ``device_defaults.json``. Diesel is a public
genset dealer chart (the 50 kW row is the mean of its 40 and 60 kW rows); gas at full load comes
from a Briggs & Stratton sheet and REopt's CHP table; gas at part load and propane are trade
knowledge. They are starting values: a nameplate overrides them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from gridmuster.fleet.devices import FuelPoint
from gridmuster.units import Fuel

LOAD_FRACTIONS: Final = (0.25, 0.5, 0.75, 1.0)

#: Higher heating value of natural gas, kWh/m3 (`device_defaults.json`).
GAS_HHV_KWH_PER_M3: Final = 10.6

#: Rated kW -> l/h (liquids) or m3/h (gas) at 25, 50, 75, 100 % load.
GENSET_FUEL_PER_H: Final[dict[Fuel, dict[float, tuple[float, float, float, float]]]] = {
    Fuel.DIESEL: {
        20.0: (2.3, 3.4, 4.9, 6.1),
        50.0: (6.45, 9.85, 13.25, 16.65),
        100.0: (9.8, 15.5, 22.0, 28.0),
        500.0: (41.6, 70.0, 99.9, 135.1),
        2000.0: (162.0, 273.3, 391.7, 537.1),
    },
    Fuel.NATURAL_GAS: {
        20.0: (3.3, 5.0, 6.5, 8.1),
        50.0: (7.6, 11.5, 15.1, 18.9),
        100.0: (14.1, 21.3, 27.9, 34.9),
        500.0: (55.1, 83.4, 109.1, 136.7),
        2000.0: (197.6, 298.8, 391.0, 490.1),
    },
    Fuel.PROPANE: {
        20.0: (5.1, 7.7, 10.0, 12.6),
        50.0: (11.9, 17.9, 23.5, 29.4),
        100.0: (21.9, 33.1, 43.3, 54.3),
        500.0: (89.0, 134.6, 176.1, 220.7),
    },
}

#: Electric efficiency at full load on the higher heating value, and the share of the full-load
#: fuel that is burnt at no load. Efficiencies: REopt; no-load shares: trade knowledge.
MICROTURBINE_HHV_EFFICIENCY: Final = 0.2819
MICROTURBINE_NO_LOAD_SHARE: Final = 0.2
FUEL_CELL_HHV_EFFICIENCY: Final = 0.386
FUEL_CELL_NO_LOAD_SHARE: Final = 0.05


def genset_curve(fuel: Fuel, rated_kw: float) -> tuple[FuelPoint, ...]:
    """Typical fuel curve of an engine set: linear between the sizes of the table.

    Below the smallest and above the largest size, fuel is in proportion to the rating.

    Args:
        fuel: diesel, natural gas or propane.
        rated_kw: rated power, kW.

    Returns:
        Four points in rising order of load.

    Raises:
        KeyError: for a fuel without a table (hydrogen).
    """
    table = GENSET_FUEL_PER_H[fuel]
    sizes = sorted(table)
    inside = min(max(rated_kw, sizes[0]), sizes[-1])
    scale = rated_kw / inside
    low, high = next(pair for pair in pairwise(sizes) if inside <= pair[1])
    share = (inside - low) / (high - low)
    return tuple(
        FuelPoint(
            load_fraction=fraction,
            fuel_per_h=round(scale * (a + share * (b - a)), 3),
        )
        for fraction, a, b in zip(LOAD_FRACTIONS, table[low], table[high], strict=True)
    )


def affine_gas_curve(
    rated_kw: float, hhv_efficiency: float, no_load_share: float
) -> tuple[FuelPoint, ...]:
    """Fuel curve of a gas device known by its full-load efficiency and no-load share.

    fuel(f) = full * (share + (1 - share) * f), with full = rated / (efficiency * HHV).

    Args:
        rated_kw: rated power, kW.
        hhv_efficiency: electric output over fuel energy (HHV) at full load.
        no_load_share: fuel at no load over fuel at full load.

    Returns:
        Four points in rising order of load, m3/h.
    """
    full_m3_per_h = rated_kw / (hhv_efficiency * GAS_HHV_KWH_PER_M3)
    return tuple(
        FuelPoint(
            load_fraction=fraction,
            fuel_per_h=round(full_m3_per_h * (no_load_share + (1 - no_load_share) * fraction), 3),
        )
        for fraction in LOAD_FRACTIONS
    )


def microturbine_curve(rated_kw: float) -> tuple[FuelPoint, ...]:
    """Typical natural-gas curve of a microturbine, m3/h."""
    return affine_gas_curve(rated_kw, MICROTURBINE_HHV_EFFICIENCY, MICROTURBINE_NO_LOAD_SHARE)


def fuel_cell_curve(rated_kw: float) -> tuple[FuelPoint, ...]:
    """Typical natural-gas curve of a fuel cell, m3/h."""
    return affine_gas_curve(rated_kw, FUEL_CELL_HHV_EFFICIENCY, FUEL_CELL_NO_LOAD_SHARE)


def fuel_per_h(curve: tuple[FuelPoint, ...], rated_kw: float, power_kw: float) -> float:
    """Fuel use at an output, linear between the points of the curve and beyond its ends.

    Below the first point the first segment is followed down to no load, but never below zero.

    Args:
        curve: points in rising order of load.
        rated_kw: rated power, kW.
        power_kw: output, kW.

    Returns:
        l/h or m3/h.
    """
    fraction = power_kw / rated_kw
    segments = list(pairwise(curve))
    low, high = next((pair for pair in segments if fraction <= pair[1].load_fraction), segments[-1])
    width = high.load_fraction - low.load_fraction
    slope = (high.fuel_per_h - low.fuel_per_h) / width
    return max(0.0, low.fuel_per_h + slope * (fraction - low.load_fraction))
