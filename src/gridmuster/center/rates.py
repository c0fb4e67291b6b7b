"""What running the plant costs and yields at this moment: rates from readings, not totals.

The formulas are those of the report (`docs/report.md`), with powers in place of energies, so that
the mean of these rates over a period comes to the report's figures. Starts cost once and have no
rate; they are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridmuster.center.view import AreaRates
from gridmuster.fleet.devices import Device, Generator, Photovoltaic, Store, WindTurbine
from gridmuster.fleet.economics import FuelLine, fuel_line
from gridmuster.fleet.model import Area, Fleet
from gridmuster.signals import DeviceState
from gridmuster.state.snapshot import AreaStatus, Snapshot
from gridmuster.units import LHV_KWH_PER_UNIT

#: States in which an engine turns and burns fuel.
TURNING = frozenset({DeviceState.WARMING, DeviceState.RUNNING, DeviceState.COOLING})
KW_PER_MW = 1000.0


@dataclass(frozen=True, slots=True)
class _Burner:
    """A generator's fuel line, its fuel's price (USD a unit) and heating value (kWh a unit)."""

    line: FuelLine
    usd_per_unit: float
    kwh_per_unit: float


@dataclass(slots=True)
class _Sum:
    """What an area's devices add up to: USD/h, kW made, kW put in, kW that went into stores."""

    own_usd_per_h: float = 0.0
    own_kw: float = 0.0
    put_in_kw: float = 0.0
    stored_kw: float = 0.0


class RateBook:
    """Reckons the rates of a fleet's areas.

    Args:
        fleet: the fleet.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._of_area: dict[str, list[tuple[Device, _Burner | None]]] = {}

    def rates(
        self, area: Area, snapshot: Snapshot, status: AreaStatus, shortfall_kw: float
    ) -> AreaRates:
        """The rates of an area.

        Args:
            area: the area.
            snapshot: the frozen picture.
            status: the area's balance in it.
            shortfall_kw: demand that is not met, kW.

        Returns:
            The rates; the expense is None while power is bought or sold at an unknown price.
        """
        total = _Sum()
        for device, burner in self._devices(area):
            reading = snapshot.readings.get(device.id)
            if reading is None:
                continue
            turning = burner is not None and reading.state in TURNING
            if reading.power_kw != 0.0 or turning:
                _add(total, device, burner if turning else None, reading.power_kw)
        import_kw = max(status.import_kw, 0.0)
        export_kw = max(-status.import_kw, 0.0)
        served_kw = status.demand_kw + status.outage_load_kw - shortfall_kw
        return AreaRates(
            price_usd_per_mwh=None if status.price is None else status.price.price_usd_per_mwh,
            expense_usd_per_h=_expense(area, status, total, shortfall_kw),
            own_usd_per_h=round(total.own_usd_per_h, 3),
            own_kw=round(total.own_kw, 2),
            input_kw=round(total.put_in_kw + import_kw - total.stored_kw, 2),
            output_kw=round(served_kw + export_kw, 2),
        )

    def _devices(self, area: Area) -> list[tuple[Device, _Burner | None]]:
        """An area's devices with their fuel lines; made when first asked for."""
        found = self._of_area.get(area.id)
        if found is None:
            found = self._of_area[area.id] = [
                (device, self._burner(device))
                for site in self._fleet.sites_of_area[area.id]
                for device in self._fleet.devices_of_site[site.id]
            ]
        return found

    def _burner(self, device: Device) -> _Burner | None:
        if not isinstance(device, Generator):
            return None
        price = self._fleet.fuel_prices.of(device.fuel)
        return _Burner(fuel_line(device), price, LHV_KWH_PER_UNIT[device.fuel])


def _add(total: _Sum, device: Device, burner: _Burner | None, power_kw: float) -> None:
    made_kw = max(power_kw, 0.0)
    usd_per_h = made_kw * device.variable_om_usd_per_kwh
    if isinstance(device, Store):
        usd_per_h += made_kw * device.cycle_cost_usd_per_kwh
        total.stored_kw += max(-power_kw, 0.0) * device.charge_efficiency
        total.stored_kw -= made_kw / device.discharge_efficiency
    else:
        total.own_kw += made_kw
    if isinstance(device, Photovoltaic | WindTurbine):
        total.put_in_kw += made_kw
    if burner is not None:
        rate_per_h = burner.line.rate_per_h(power_kw)
        usd_per_h += rate_per_h * burner.usd_per_unit
        total.put_in_kw += rate_per_h * burner.kwh_per_unit
    total.own_usd_per_h += usd_per_h


def _expense(area: Area, status: AreaStatus, total: _Sum, shortfall_kw: float) -> float | None:
    """Operating expense, USD/h: own cost, purchases less sales, and what is not served."""
    usd_per_h = total.own_usd_per_h + shortfall_kw * area.unserved_cost_usd_per_kwh
    if area.connection is not None and status.import_kw != 0.0:
        if status.price is None:
            return None
        price = status.price.price_usd_per_mwh
        if status.import_kw > 0.0:
            price += area.connection.import_adder_usd_per_mwh
        else:
            price -= area.connection.export_discount_usd_per_mwh
        usd_per_h += status.import_kw * price / KW_PER_MW
    return round(usd_per_h, 3)
