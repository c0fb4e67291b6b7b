"""Tanks watched: what is missing, with its evidence, and orders of fuel in time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.center.fuelwatch import FuelBook, loss_text, order_text
from gridmuster.clock import parse_iso
from gridmuster.fleet.devices import EmergencyGenerator, FuelPoint, Tank
from gridmuster.fleet.model import Site
from gridmuster.fleet.operation import Delivery, Operation
from gridmuster.safety.fuel import fuel_floor, fuel_rate
from gridmuster.signals import DeviceReading, DeviceState

T0 = parse_iso("2026-07-01T00:00:00Z")
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
#: 10 l/h idle and 0.25 l/kWh: 20 l/h at 40 kW, 11.25 l/h at the site's own 5 kW.
CURVE = (
    FuelPoint(load_fraction=0.25, fuel_per_h=12.5),
    FuelPoint(load_fraction=1.0, fuel_per_h=20.0),
)


def engine(**changes: object) -> EmergencyGenerator:
    given_: dict[str, object] = {
        "id": "g",
        "type": "emergency_generator",
        "site": "s",
        "rated_kw": 40.0,
        "fuel_curve": CURVE,
        "tank": Tank(capacity=1000.0, level=800.0),
    }
    return EmergencyGenerator(**{**given_, **changes})  # type: ignore[arg-type]


def site(**changes: object) -> Site:
    given_: dict[str, object] = {
        "id": "s",
        "area": "a",
        "latitude": 0.5,
        "longitude": 0.5,
        "backup_load_kw": 5.0,
        "autonomy_h": 24.0,
    }
    return Site(**{**given_, **changes})  # type: ignore[arg-type]


class Gauge:
    """A tank told minute by minute."""

    def __init__(self, level: float = 800.0) -> None:
        self.book, self.device = FuelBook(), engine()
        self.level, self.at_ms, self.run_h = level, T0, 500.0
        self.tell()

    def tell(self, power_kw: float = 0.0) -> None:
        state = DeviceState.RUNNING if power_kw else DeviceState.IDLE
        reading = DeviceReading(
            "g", state, power_kw, fuel_level=self.level + self.noise, run_h=self.run_h
        )
        self.book.note(self.at_ms, reading, self.device)

    noise = 0.0

    def pass_minutes(self, count: int, power_kw: float = 0.0, lost_per_h: float = 0.0) -> None:
        for _ in range(count):
            self.at_ms += MINUTE_MS
            burn = fuel_rate(self.device, power_kw) if power_kw else 0.0
            self.run_h += 1 / 60 if power_kw else 0.0
            self.level -= (burn + lost_per_h) / 60
            self.tell(power_kw)


def test_a_level_that_falls_with_the_engine_off_is_told_with_its_evidence() -> None:
    """120 l in a quarter of an hour: 12 % of the tank."""
    tank = Gauge()
    tank.pass_minutes(60)
    assert tank.book.loss(tank.device) is None
    tank.pass_minutes(15, lost_per_h=480.0)
    found = tank.book.loss(tank.device)
    assert found is not None and found.engine_off
    assert found.lost == pytest.approx(120.0)
    text, advice = loss_text(found, tank.device)
    assert "120 l of fuel are missing" in text
    assert "fell from 800 to 680 l with the engine off" in text
    # The level was last as expected a minute into it: half a gauge's tolerance is 10 l.
    assert "since 2026-07-01T01:01:00Z" in text
    assert "theft" in text and "lock" in advice


def test_a_slow_leak_is_told_as_one_and_ends_with_a_refill() -> None:
    tank = Gauge()
    tank.pass_minutes(24 * 60, lost_per_h=1.0)
    found = tank.book.loss(tank.device)
    assert found is not None and "leak" in loss_text(found, tank.device)[0]
    tank.level = 950.0
    tank.pass_minutes(1)
    assert tank.book.loss(tank.device) is None


def test_a_run_that_burns_as_its_curve_says_is_no_loss_and_a_faster_fall_is() -> None:
    tank = Gauge()
    tank.pass_minutes(600, power_kw=40.0)
    assert tank.book.loss(tank.device) is None
    tank.pass_minutes(60, power_kw=40.0, lost_per_h=60.0)
    found = tank.book.loss(tank.device)
    assert found is not None and not found.engine_off
    assert found.lost == pytest.approx(60.0)
    assert "the fuel curve allows 20" in loss_text(found, tank.device)[0]


@given(
    st.lists(
        st.tuples(st.integers(1, 90), st.sampled_from([0.0, 5.0, 40.0]), st.floats(0.0, 1.09)),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.floats(-9.0, 9.0), min_size=1, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_no_honest_tank_is_accused(
    runs: list[tuple[int, float, float]], noises: list[float]
) -> None:
    """Engines burn up to 9 % more than their curve, or less; gauges are off by up to 0.9 %."""
    tank, k = Gauge(), 0
    for minutes, power_kw, share in runs:
        for _ in range(minutes):
            tank.at_ms += MINUTE_MS
            if power_kw:
                tank.level -= share * fuel_rate(tank.device, power_kw) / 60
                tank.run_h += 1 / 60
            tank.noise = noises[k % len(noises)]
            k += 1
            tank.tell(power_kw)
            assert tank.book.loss(tank.device) is None


def test_a_silence_in_which_the_engine_ran_accuses_nobody() -> None:
    tank = Gauge()
    tank.at_ms += 5 * HOUR_MS
    tank.run_h += 4.0
    tank.level -= 4.0 * 20.0
    tank.tell()
    assert tank.book.loss(tank.device) is None
    tank.at_ms += 5 * HOUR_MS
    tank.level -= 80.0  # and now it did not run
    tank.tell()
    found = tank.book.loss(tank.device)
    assert found is not None and found.lost == pytest.approx(80.0)


def test_fuel_is_ordered_so_that_it_comes_before_the_promise_is_touched() -> None:
    """Kept: 24 h x 11.25 l/h + 100 l = 370 l. 20 l/h for 12 h a day burn 10 l/h on the mean."""
    tank, here = Gauge(1000.0), site(delivery_lead_h=48.0)
    floor = fuel_floor(here, tank.device)
    assert floor == pytest.approx(370.0)
    for _ in range(12):
        tank.pass_minutes(120, power_kw=40.0)
        tank.pass_minutes(120)
        tank.level = 1000.0
    ordered_at = None
    for _ in range(10):
        tank.pass_minutes(120, power_kw=40.0)
        tank.pass_minutes(120)
        if (order := tank.book.order(tank.device, here, tank.at_ms)) is not None:
            ordered_at = tank.level
            break
    assert ordered_at is not None and order is not None
    assert order.amount == pytest.approx(1000.0 - ordered_at)
    # What is spare carries the burn of late for the lead time, or just about.
    assert order.spare <= order.burn_per_h * 48.0 + 1e-6
    assert order.spare > order.burn_per_h * 48.0 - 45.0
    assert order.burn_per_h == pytest.approx(10.0, abs=0.5)
    text, advice = order_text(order, tank.device, here, tank.at_ms)
    assert "370 l kept for 24 h of backup" in text and "48 h until a delivery" in text
    assert advice == f"order {order.amount:.0f} l now"


def test_a_promise_that_is_not_covered_says_so_and_fuel_on_its_way_counts() -> None:
    tank, here = Gauge(300.0), site(delivery_lead_h=24.0)
    order = tank.book.order(tank.device, here, tank.at_ms)
    assert order is not None and order.amount == pytest.approx(700.0)
    text, _ = order_text(order, tank.device, here, tank.at_ms)
    assert text.startswith("70 l below the 370 l kept") and "not covered" in text
    lorry = Delivery(at="2026-07-01T12:00:00Z", amount=500.0)
    soon = engine(operation=Operation(deliveries=(lorry,)))
    assert tank.book.order(soon, here, tank.at_ms) is None
    late = engine(
        operation=Operation(deliveries=(lorry.model_copy(update={"at": "2026-07-09T12:00:00Z"}),))
    )
    assert tank.book.order(late, here, tank.at_ms) is not None


def test_a_tank_that_is_spare_and_unused_needs_no_order() -> None:
    tank = Gauge(500.0)
    tank.pass_minutes(30)
    assert tank.book.order(tank.device, site(), tank.at_ms) is None


def test_an_engine_on_a_pipeline_is_not_watched() -> None:
    book, device = FuelBook(), engine(tank=None, fuel="natural_gas")
    book.note(T0, DeviceReading("g", DeviceState.IDLE, 0.0, fuel_level=5.0), device)
    assert book.tanks == {} and book.loss(device) is None
    assert book.order(device, site(), T0) is None
