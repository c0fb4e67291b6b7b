"""Rates of an area: what it costs and yields now, against figures reckoned by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gridmuster.center.plantotals import PlanTotals
from gridmuster.center.rates import RateBook
from gridmuster.center.view import AreaRates
from gridmuster.fleet.devices import Generator, Photovoltaic, Store, WindTurbine
from gridmuster.fleet.economics import fuel_line
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.planning.problem import PlanSolution
from gridmuster.signals import DeviceReading, DeviceState, Price
from gridmuster.state.snapshot import AreaStatus, Snapshot
from gridmuster.units import LHV_KWH_PER_UNIT

NOW_MS = 1_721_160_000_000
#: What the device-by-device sums below may differ by: rates are told to a tenth of a cent and 10 W.
NEAR = 0.02


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return generate(24, 1)


def a_price(area: str, usd_per_mwh: float) -> Price:
    return Price(area, NOW_MS, 1, NOW_MS, 900, usd_per_mwh)


def status(**changes: Any) -> AreaStatus:
    base = AreaStatus(
        demand_kw=1000.0,
        estimated_kw=0.0,
        losses_kw=30.0,
        unmetered_kw=0.0,
        generation_kw=0.0,
        grid=None,
        grid_fresh=False,
        price=None,
        outage_load_kw=0.0,
    )
    return dataclasses.replace(base, **changes)


def rates(
    fleet: Fleet, readings: dict[str, DeviceReading], balance: AreaStatus, shortfall_kw: float = 0.0
) -> AreaRates:
    area = fleet.areas[0]
    snapshot = Snapshot(NOW_MS, {}, readings, {area.id: balance}, {}, {})
    return RateBook(fleet).rates(area, snapshot, balance, shortfall_kw)


def one_of(fleet: Fleet, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    """A device of the first area, whatever its number."""
    area = fleet.areas[0].id
    for device in fleet.devices:
        if isinstance(device, kind) and fleet.site_by_id[device.site].area == area:
            return device
    pytest.fail(f"the fleet has none: {kind}")


def test_an_engine_costs_its_fuel_and_service(fleet: Fleet) -> None:
    engine: Generator = one_of(fleet, Generator)
    power_kw = 0.75 * engine.rated_kw
    found = rates(
        fleet, {engine.id: DeviceReading(engine.id, DeviceState.RUNNING, power_kw)}, status()
    )
    fuel_per_h = fuel_line(engine).rate_per_h(power_kw)
    own = fuel_per_h * fleet.fuel_prices.of(engine.fuel)
    own += power_kw * engine.variable_om_usd_per_kwh
    heat_kw = fuel_per_h * LHV_KWH_PER_UNIT[engine.fuel]
    assert found.own_usd_per_h == pytest.approx(own, abs=NEAR)
    assert found.own_kw == pytest.approx(power_kw, abs=NEAR)
    # The balance imports what the engine does not give here, so that heat and import go in.
    assert found.input_kw == pytest.approx(heat_kw + 1030.0, abs=NEAR)
    assert found.output_kw == 1000.0


def test_an_engine_that_stands_costs_nothing_and_one_that_idles_burns(fleet: Fleet) -> None:
    engine: Generator = one_of(fleet, Generator)
    still = rates(fleet, {engine.id: DeviceReading(engine.id, DeviceState.IDLE)}, status())
    idling = rates(fleet, {engine.id: DeviceReading(engine.id, DeviceState.COOLING)}, status())
    assert still.own_usd_per_h == 0.0
    expected = fuel_line(engine).no_load_per_h * fleet.fuel_prices.of(engine.fuel)
    assert idling.own_usd_per_h == pytest.approx(expected, abs=NEAR)


def test_a_store_counts_what_reaches_and_leaves_its_cells(fleet: Fleet) -> None:
    store: Store = one_of(fleet, Store)
    charging = rates(
        fleet, {store.id: DeviceReading(store.id, DeviceState.RUNNING, -100.0)}, status()
    )
    giving = rates(fleet, {store.id: DeviceReading(store.id, DeviceState.RUNNING, 100.0)}, status())
    assert charging.input_kw == pytest.approx(1030.0 - 100.0 * store.charge_efficiency, abs=NEAR)
    assert giving.input_kw == pytest.approx(1030.0 + 100.0 / store.discharge_efficiency, abs=NEAR)
    wear = 100.0 * (store.cycle_cost_usd_per_kwh + store.variable_om_usd_per_kwh)
    assert giving.own_usd_per_h == pytest.approx(wear, abs=NEAR)
    assert giving.own_kw == 0.0


def test_sun_and_wind_count_as_put_in(fleet: Fleet) -> None:
    panels: Photovoltaic | WindTurbine = one_of(fleet, (Photovoltaic, WindTurbine))
    found = rates(fleet, {panels.id: DeviceReading(panels.id, DeviceState.RUNNING, 80.0)}, status())
    assert found.own_kw == 80.0
    assert found.input_kw == pytest.approx(1110.0, abs=NEAR)


def test_import_costs_price_and_adder_and_what_is_not_served_its_value(fleet: Fleet) -> None:
    area = fleet.areas[0]
    assert area.connection is not None
    bought = rates(fleet, {}, status(price=a_price(area.id, 50.0)))
    per_mwh = 50.0 + area.connection.import_adder_usd_per_mwh
    assert bought.expense_usd_per_h == pytest.approx(1.030 * per_mwh, abs=NEAR)
    short = rates(fleet, {}, status(price=a_price(area.id, 50.0)), shortfall_kw=10.0)
    assert bought.expense_usd_per_h is not None and short.expense_usd_per_h is not None
    more = short.expense_usd_per_h - bought.expense_usd_per_h
    assert more == pytest.approx(10.0 * area.unserved_cost_usd_per_kwh, abs=NEAR)
    assert short.output_kw == 990.0


def test_export_earns_price_less_discount(fleet: Fleet) -> None:
    area = fleet.areas[0]
    assert area.connection is not None
    sold = rates(fleet, {}, status(generation_kw=2030.0, price=a_price(area.id, 50.0)))
    per_mwh = 50.0 - area.connection.export_discount_usd_per_mwh
    assert sold.expense_usd_per_h == pytest.approx(-per_mwh, abs=NEAR)
    assert sold.output_kw == 2000.0


def test_without_a_price_the_expense_is_not_known(fleet: Fleet) -> None:
    found = rates(fleet, {}, status())
    assert found.expense_usd_per_h is None
    assert found.price_usd_per_mwh is None


def test_a_plans_totals_are_the_sums_of_its_devices(fleet: Fleet) -> None:
    devices = [d for d in fleet.devices if fleet.site_by_id[d.site].area == fleet.areas[0].id]
    power_kw = {device.id: [float(n), -2.0, 0.0] for n, device in enumerate(devices)}
    empty: dict[str, Any] = {}
    solution = PlanSolution(
        "p", NOW_MS, 900, 3, "optimal", "milp", 0.0, 0.0, 0.0, 0.0,
        empty, {**power_kw, "gone": [9.0, 9.0, 9.0]}, empty, empty, empty, empty, empty, [],
    )  # fmt: skip
    totals = PlanTotals(fleet)
    found = totals.by_type(solution, fleet.areas[0].id)
    for kind, values in found.items():
        ids = [device.id for device in devices if device.type.value == kind]
        assert values == [sum(power_kw[one][k] for one in ids) for k in range(3)]
    assert sum(values[0] for values in found.values()) == sum(range(len(devices)))
    assert totals.by_type(solution, "nowhere") == {}
