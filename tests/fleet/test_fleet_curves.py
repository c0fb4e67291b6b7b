"""Reference curves are those of the reference data, and lie between their neighbours."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.fleet.catalog import chp_engine, standby_set
from gridmuster.fleet.curves import (
    GENSET_FUEL_PER_H,
    fuel_cell_curve,
    fuel_per_h,
    genset_curve,
    microturbine_curve,
)
from gridmuster.fleet.devices import Permit, PermitClass
from gridmuster.safety.fuel import fuel_rate
from gridmuster.units import LHV_KWH_PER_UNIT, Fuel

ANY_FUEL = st.sampled_from(sorted(GENSET_FUEL_PER_H))


def test_the_tables_are_those_of_the_reference_data(data_dir: Path) -> None:
    facts = json.loads((data_dir / "reference" / "device_defaults.json").read_text())
    seen = 0
    for genset in facts["gensets"]:
        points = genset_curve(Fuel(genset["fuel"]), float(genset["kw"]))
        assert [point.fuel_per_h for point in points] == genset["fuel_use_at_25_50_75_100pct"]
        assert [point.load_fraction for point in points] == [0.25, 0.5, 0.75, 1.0]
        seen += 1
    assert seen == sum(len(table) for table in GENSET_FUEL_PER_H.values())

    turbine = facts["microturbine"]["electric_eff_hhv"]["200-600 kW"]
    cell = facts["fuel_cell"]["ng_pafc_mcfc"]["electric_eff_hhv"]["440-1400 kW"]
    hhv = facts["fuels"]["natural_gas"]["hhv_kwh_per_m3"]
    assert microturbine_curve(200.0)[-1].fuel_per_h == pytest.approx(
        200.0 / turbine / hhv, abs=1e-3
    )
    assert fuel_cell_curve(400.0)[-1].fuel_per_h == pytest.approx(400.0 / cell / hhv, abs=1e-3)


@given(fuel=ANY_FUEL, rated_kw=st.floats(1.0, 10_000.0))
def test_any_size_has_a_physical_curve(fuel: Fuel, rated_kw: float) -> None:
    points = genset_curve(fuel, rated_kw)
    for before, after in pairwise(points):
        assert after.fuel_per_h > before.fuel_per_h
    full = points[-1].fuel_per_h
    assert 0.2 < rated_kw / (full * LHV_KWH_PER_UNIT[fuel]) < 0.45


@given(fuel=ANY_FUEL, sizes=st.tuples(st.floats(5.0, 5000.0), st.floats(5.0, 5000.0)))
def test_a_larger_set_burns_more(fuel: Fuel, sizes: tuple[float, float]) -> None:
    small, large = sorted(sizes)
    for a, b in zip(genset_curve(fuel, small), genset_curve(fuel, large), strict=True):
        assert a.fuel_per_h <= b.fuel_per_h + 1e-3


@given(fuel=ANY_FUEL, rated_kw=st.floats(5.0, 2000.0), share=st.floats(0.0, 1.0))
def test_fuel_between_points_agrees_with_what_the_site_reserves(
    fuel: Fuel, rated_kw: float, share: float
) -> None:
    permit = Permit(permit_class=PermitClass.UNRESTRICTED)
    device = standby_set("a", "b", fuel, rated_kw, permit=permit, tank=None)
    ours = fuel_per_h(device.fuel_curve, rated_kw, share * rated_kw)
    assert ours == pytest.approx(fuel_rate(device, share * rated_kw))
    for point in device.fuel_curve:
        at_point = fuel_per_h(device.fuel_curve, rated_kw, point.load_fraction * rated_kw)
        assert at_point == pytest.approx(point.fuel_per_h)


def test_a_start_costs_five_cents_a_kilowatt_and_an_hour_of_wear() -> None:
    permit = Permit(permit_class=PermitClass.UNRESTRICTED)
    diesel = standby_set("a", "b", Fuel.DIESEL, 100.0, permit=permit, tank=None)
    assert diesel.start_cost_usd == pytest.approx(100.0 * 0.05 + 100.0 * 0.015)
    assert chp_engine("a", "b", 1000.0, permit).start_cost_usd == pytest.approx(50.0 + 16.0)
