"""Devices as offers: never a kW that is not there, costs that rise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.dispatch.economic import Offer
from gridmuster.dispatch.offers import (
    LOOK_AHEAD_S,
    SUSTAIN_H,
    PlannedStore,
    generator_offer,
    renewable_offer,
    store_offer,
)
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.economics import cost_line
from gridmuster.fleet.generate import generate

FLEET = generate(60, 1)
SETS = [device for device in FLEET.devices if isinstance(device, Generator)]
STORES = [device for device in FLEET.devices if isinstance(device, Store)]
FRACTION = st.floats(0, 1)


def rising(offer: Offer) -> bool:
    prices = [price for width_kw, price in offer.segments if width_kw > 1e-9]
    return all(a <= b + 1e-9 for a, b in pairwise(prices))


@given(st.sampled_from(SETS), FRACTION, FRACTION)
def test_a_set_moves_inside_its_ramp_and_limits(
    device: Generator, at: float, limited: float
) -> None:
    line = cost_line(device, FLEET.fuel_prices)
    limit_kw = limited * device.rated_kw
    power_kw = at * device.rated_kw
    offer = generator_offer(device, line, power_kw, limit_kw, export=True)
    reach_kw = device.ramp_fraction_per_s * device.rated_kw * LOOK_AHEAD_S
    assert rising(offer)
    assert 0.0 <= offer.low_kw <= offer.high_kw <= limit_kw + 1e-6
    floor_kw = min(device.min_load_fraction * device.rated_kw, limit_kw)
    assert offer.low_kw >= floor_kw - 1e-6
    if floor_kw <= power_kw <= limit_kw:
        assert offer.low_kw - 1e-6 <= power_kw <= offer.high_kw + 1e-6
        assert offer.high_kw <= power_kw + reach_kw + 1e-6
        assert offer.low_kw >= power_kw - reach_kw - 1e-6


def test_behind_a_switch_the_load_is_the_power() -> None:
    device = SETS[0]
    offer = generator_offer(device, cost_line(device, FLEET.fuel_prices), 3.0, 5.0, export=False)
    assert (offer.low_kw, offer.high_kw) == (5.0, 5.0)


@given(
    st.sampled_from(STORES),
    FRACTION,
    FRACTION,
    st.none() | st.builds(PlannedStore, st.floats(-2000, 2000), st.floats(-0.1, 2.0)),
)
def test_a_store_offers_what_its_energy_sustains(
    device: Store, filled: float, limited: float, plan: PlannedStore | None
) -> None:
    energy_kwh = filled * device.energy_capacity_kwh
    limit_kw = limited * device.rated_kw
    offer = store_offer(device, energy_kwh, limit_kw, plan)
    assert rising(offer)
    assert offer.low_kw <= 0.0 <= offer.high_kw + 1e-9
    assert offer.high_kw <= limit_kw + 1e-6 and -offer.low_kw <= device.max_charge_kw + 1e-6
    out_kwh = max(offer.high_kw, 0.0) * SUSTAIN_H / device.discharge_efficiency
    assert out_kwh <= max(energy_kwh - device.min_energy_kwh, 0.0) + 1e-6
    in_kwh = -offer.low_kw * SUSTAIN_H * device.charge_efficiency
    assert in_kwh <= max(device.max_energy_kwh - energy_kwh, 0.0) + 1e-6


@given(st.floats(-10, 2000))
def test_sun_and_wind_offer_what_there_is(available_kw: float) -> None:
    offer = renewable_offer("pv", available_kw, 0.001)
    assert (offer.low_kw, offer.high_kw) == (0.0, pytest.approx(max(available_kw, 0.0)))
