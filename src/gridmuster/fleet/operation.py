"""How a generator is run beside what every one of them has: what plans need to know of it.

Starts by rest, power and fuel while starting, first and last steps, deliveries of fuel, works and
emissions. Everything here may be left out, and then plans go by the device's other fields.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from gridmuster.clock import parse_iso
from gridmuster.fleet.clockhours import RunLimit
from gridmuster.fleet.part import FleetId, Part
from gridmuster.units import Fuel

#: CO2 from burning a litre or cubic metre, kg. 40 CFR 98, table C-1: diesel no. 2 73.96 kg/mmBtu at
#: 0.138 mmBtu/gal, natural gas 53.06 at 1.026e-3 mmBtu/scf, propane 62.87 at 0.091 mmBtu/gal.
CO2_KG_PER_FUEL: Final[dict[Fuel, float]] = {
    Fuel.DIESEL: 2.696,
    Fuel.NATURAL_GAS: 1.923,
    Fuel.PROPANE: 1.511,
}
CO2: Final = "co2"


def _as_text(value: Any) -> Any:
    """YAML reads an instant without quotes as one; here it is text until it is looked at."""
    return value.isoformat() if isinstance(value, date | datetime) else value


Instant = Annotated[str, BeforeValidator(_as_text)]


def instant_ms(text: str) -> int | None:
    """An instant in ms; None for text that is none, or has no offset from UTC.

    Args:
        text: ISO 8601, like 2026-07-15T06:00:00-05:00.
    """
    try:
        return parse_iso(text)
    except ValueError:
        return None


class StartClass(Part):
    """What a start costs after a longer rest (warm, cold)."""

    off_s: float = Field(gt=0, description="holds after at least this long off, s")
    cost_usd: float = Field(ge=0, description="cost of such a start, USD")


class StartPoint(Part):
    """What a generator gives at one moment of its start."""

    after_s: float = Field(ge=0, description="time since the order, s")
    load_fraction: float = Field(ge=0, le=1, description="share of rated power")


class Delivery(Part):
    """Fuel that is on its way."""

    at: Instant = Field(description="when it comes, ISO 8601 with an offset")
    amount: float = Field(gt=0, description="how much, l or m3")


class Works(Part):
    """A time in which the device may not run."""

    begins: Instant = Field(description="ISO 8601 with an offset")
    ends: Instant = Field(description="ISO 8601 with an offset")


class Emission(Part):
    """What burning a litre or cubic metre emits."""

    pollutant: FleetId = Field(description="its name, like nox; an emission cap names the same")
    kg_per_fuel: float = Field(ge=0, le=10, description="kg per l or m3 burnt")


class Operation(Part):
    """What plans need to know of a generator beside its other fields."""

    start_classes: tuple[StartClass, ...] = Field(
        default=(), description="starts after longer rests; start_cost_usd is the hottest"
    )
    start_curve: tuple[StartPoint, ...] = Field(
        default=(), description="what it gives from the order until it is on, straight between"
    )
    start_fuel: float = Field(default=0.0, ge=0, description="burnt by a start, l or m3")
    start_max_fraction: float | None = Field(
        default=None, gt=0, le=1, description="most in the first interval on, share of rated power"
    )
    stop_max_fraction: float | None = Field(
        default=None, gt=0, le=1, description="most in the last interval on, share of rated power"
    )
    ramp_down_fraction_per_s: float | None = Field(
        default=None, gt=0, le=1, description="of rated power a second; None: as upwards"
    )
    deliveries: tuple[Delivery, ...] = Field(default=(), description="fuel that is on its way")
    maintenance: tuple[Works, ...] = Field(default=(), description="when it may not run")
    run_limits: tuple[RunLimit, ...] = Field(
        default=(), description="most hours on, or starts, in some hours of every day, for plans"
    )
    emissions: tuple[Emission, ...] = Field(
        default=(), description="what burning its fuel emits; CO2 is known by the fuel"
    )
    hour_value_usd_per_h: float = Field(
        default=0.0, ge=0, description="what an hour of its permit is worth later, USD/h"
    )

    def works_within(self, begin_ms: int, end_ms: int) -> str:
        """The end of the first works that touch some time, as the file says it; empty: none.

        Args:
            begin_ms: begin of the time, ms.
            end_ms: its end, ms; the begin itself asks for that instant.
        """
        for one in self.maintenance:
            begins, ends = instant_ms(one.begins), instant_ms(one.ends)
            if begins is not None and ends is not None and begins <= end_ms and begin_ms < ends:
                return one.ends
        return ""

    def kg_per_fuel(self, pollutant: str, fuel: Fuel) -> float:
        """What burning a litre or cubic metre emits of a pollutant, kg; 0 when it is not known.

        Args:
            pollutant: its name.
            fuel: what the device burns.
        """
        for one in self.emissions:
            if one.pollutant == pollutant:
                return one.kg_per_fuel
        return CO2_KG_PER_FUEL.get(fuel, 0.0) if pollutant == CO2 else 0.0
