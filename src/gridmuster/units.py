"""Units and the one sign rule.

Power is in kW, energy in kWh, fuel in litres (liquid) or cubic metres (gas), money in the fleet's
currency (USD by default), time in seconds unless the name says otherwise. The unit ends the name.

Sign rule: **power > 0 leaves the device towards the grid** (generation, discharge). A store that
charges has negative power. Demand and grid import are positive at their own meters.

Heating values are lower heating values (LHV) unless a name says HHV.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SECONDS_PER_HOUR: Final = 3600.0
KWH_PER_MWH: Final = 1000.0
MS_PER_S: Final = 1000
MS_PER_HOUR: Final = 3_600_000


class Fuel(StrEnum):
    """Fuels a device may burn; liquids are metered in litres, gases in cubic metres."""

    DIESEL = "diesel"
    NATURAL_GAS = "natural_gas"
    PROPANE = "propane"
    HYDROGEN = "hydrogen"


#: Lower heating value, kWh per litre (diesel, liquid propane) or per cubic metre (gas, hydrogen
#: at normal conditions). Diesel, gas, propane: `domain.md` section 1; hydrogen: 3.00 kWh/Nm3
#: (10.8 MJ/Nm3, ISO 14687).
LHV_KWH_PER_UNIT: Final[dict[Fuel, float]] = {
    Fuel.DIESEL: 9.95,
    Fuel.NATURAL_GAS: 9.6,
    Fuel.PROPANE: 6.55,
    Fuel.HYDROGEN: 3.0,
}


def energy_kwh(power_kw: float, duration_s: float) -> float:
    """Energy of a constant power.

    Args:
        power_kw: power, kW.
        duration_s: time, s.

    Returns:
        Energy, kWh, with the sign of the power.
    """
    return power_kw * duration_s / SECONDS_PER_HOUR


def fuel_energy_kwh(fuel: Fuel, amount: float) -> float:
    """Chemical energy (LHV) in an amount of fuel.

    Args:
        fuel: the fuel.
        amount: litres for liquids, cubic metres for gases.

    Returns:
        Energy at the lower heating value, kWh.
    """
    return LHV_KWH_PER_UNIT[fuel] * amount
