"""A start's legal basis and limits in words."""

from __future__ import annotations

import pytest

from gridmuster.center.legal import hours_text, legal_basis, limits_now
from gridmuster.fleet.devices import EmergencyGenerator, FuelPoint, Permit, Tank
from gridmuster.fleet.model import Site, Transfer
from gridmuster.safety import Context, envelope
from gridmuster.signals import DeviceReading, DeviceState, Order, Purpose, Setpoint

CURVE = (FuelPoint(load_fraction=0.25, fuel_per_h=6.0), FuelPoint(load_fraction=1, fuel_per_h=16))


def known(permit: Permit, used_h: float, kind: str = "transfer_switch") -> Context:
    export_kw = 80.0 if kind == "paralleling" else 0.0
    site = Site(
        id="s",
        area="a",
        latitude=0.0,
        longitude=0.0,
        backup_load_kw=5.0,
        transfer=Transfer(kind=kind, export_limit_kw=export_kw),
    )
    engine = EmergencyGenerator(
        id="g",
        type="emergency_generator",
        site="s",
        rated_kw=50.0,
        fuel_curve=CURVE,
        tank=Tank(capacity=1000.0, level=400.0),
        permit=permit,
    )
    return Context(
        envelope(site, engine),
        DeviceReading("g", DeviceState.IDLE, 0.0, fuel_level=400.0),
        permit_used_h=used_h,
        backup_load_kw=4.0,
        export_without_kw=40.0,
        starts_24h=2,
    )


def test_hours_are_added_up_by_class_and_purpose_alone() -> None:
    context = known(Permit(permit_class="epa_emergency"), 81.0)
    engine = context.envelope.device
    assert isinstance(engine, EmergencyGenerator)
    assert legal_basis(engine, Purpose.EXERCISE) == "permit epa_emergency, for exercise"
    assert hours_text(context, Purpose.EXERCISE) == "9 h left of 100 h a calendar year"
    free = known(Permit(permit_class="unrestricted"), 0.0)
    assert hours_text(free, Purpose.DEMAND) == "no hour cap"


@pytest.mark.parametrize(
    ("kind", "power_kw", "power"),
    [
        ("transfer_switch", 4.0, "power: 4.0 of 4.0 kW, own load behind a transfer switch"),
        ("paralleling", 40.0, "power: 40.0 of 40.0 kW, export limit"),
    ],
)
def test_limits_stand_in_order_of_how_tight_they_are(
    kind: str, power_kw: float, power: str
) -> None:
    context = known(Permit(permit_class="epa_emergency"), 81.0, kind)
    engine = context.envelope.device
    assert isinstance(engine, EmergencyGenerator)
    setpoint = Setpoint("g", Order.RUN, power_kw, Purpose.EXERCISE)
    # Power is used up whole, hours to 90 %, starts to a half, fuel to a quarter.
    assert limits_now(engine, context, setpoint) == (
        power,
        "permit: 81.0 of 90.0 h used, 100 h a calendar year",
        "starts: 3 of 6 in 24 h",
        "fuel: 100 of 400 are kept for the site",
    )
