"""Fuel reserve, permit hours, and moving apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safety_cases import CURVE, engine, site

from gridmuster.fleet.devices import Permit, PermitClass, Tank
from gridmuster.safety import herding, permits
from gridmuster.safety.fuel import fuel_floor, fuel_rate
from gridmuster.signals import Purpose


def test_the_rate_is_the_chart_at_its_points_and_straight_between() -> None:
    for point in CURVE:
        assert fuel_rate(engine(), 50.0 * point.load_fraction) == pytest.approx(point.fuel_per_h)
    assert fuel_rate(engine(), 31.25) == pytest.approx(0.5 * (9.9 + 13.3))
    assert fuel_rate(engine(), 0.0) == pytest.approx(6.5 - 3.4)
    assert fuel_rate(engine(), -9.0) == fuel_rate(engine(), 0.0)
    assert fuel_rate(engine(), 55.0) == pytest.approx(16.7 + 0.1 * 13.6)


@given(st.floats(0.0, 60.0), st.floats(0.0, 60.0))
def test_more_load_never_burns_less(a_kw: float, b_kw: float) -> None:
    low, high = sorted((a_kw, b_kw))
    assert fuel_rate(engine(), low) <= fuel_rate(engine(), high) + 1e-12


def test_the_reserve_is_autonomy_times_rate_and_the_sump() -> None:
    assert fuel_floor(site(), engine()) == pytest.approx(24.0 * fuel_rate(engine(), 5.0) + 100.0)
    assert fuel_floor(site(autonomy_h=72.0), engine()) == pytest.approx(
        72.0 * fuel_rate(engine(), 5.0) + 100.0
    )
    assert fuel_floor(site(autonomy_h=0.0), engine()) == 100.0
    assert fuel_floor(site(backup_load_kw=0.0), engine()) == 100.0
    assert fuel_floor(site(), engine(grid_forming=False)) == 100.0
    assert fuel_floor(site(), engine(tank=None)) == 0.0
    dry = engine(tank=Tank(capacity=1000.0, level=1.0, sump_fraction=0.0))
    assert fuel_floor(site(autonomy_h=0.0), dry) == 0.0
    # A load beyond the rating burns what the rating burns.
    assert fuel_floor(site(backup_load_kw=500.0), engine()) == pytest.approx(24.0 * 16.7 + 100.0)


def test_every_class_has_a_rule_and_none_limits_a_real_outage() -> None:
    for permit_class in PermitClass:
        assert permits.allows(permit_class, Purpose.OUTAGE)
        assert permits.cap_h(Permit(permit_class=permit_class), Purpose.OUTAGE) is None


@pytest.mark.parametrize(
    ("permit", "cap_h"),
    [
        (Permit(permit_class="epa_emergency"), 100.0),
        (Permit(permit_class="epa_emergency", hours_cap_h=60.0), 60.0),
        (Permit(permit_class="epa_emergency", hours_cap_h=600.0), 100.0),
        (Permit(permit_class="epa_non_emergency"), None),
        (Permit(permit_class="epa_non_emergency", hours_cap_h=876.0), 876.0),
        (Permit(permit_class="california_emergency"), 50.0),
        (Permit(permit_class="eu_mcp"), 500.0),
        (Permit(permit_class="unrestricted"), None),
    ],
)
def test_caps(permit: Permit, cap_h: float | None) -> None:
    assert permits.cap_h(permit) == cap_h
    assert permits.stop_h(permit) == (None if cap_h is None else 0.9 * cap_h)


def test_hours_left() -> None:
    permit = Permit(permit_class="epa_emergency")
    assert permits.hours_left_h(permit, 30.0) == pytest.approx(60.0)
    assert permits.hours_left_h(permit, 99.0) == 0.0
    assert permits.hours_left_h(Permit(permit_class="unrestricted"), 5000.0) is None


def test_delays_belong_to_names_and_are_spread_evenly() -> None:
    delays = [herding.stagger_s(f"site-{k}") for k in range(4000)]
    assert delays == [herding.stagger_s(f"site-{k}") for k in range(4000)]
    assert min(delays) >= 0.0
    assert max(delays) < herding.SPREAD_S
    for part in range(12):
        inside = sum(10.0 * part <= delay < 10.0 * (part + 1) for delay in delays)
        assert 0.8 * 4000 / 12 < inside < 1.2 * 4000 / 12
    assert herding.stagger_s("x", salt="return") != herding.stagger_s("x", salt="start")


def test_retries_double_up_to_a_bound() -> None:
    for attempt in range(12):
        full_s = min(2.0**attempt, 60.0)
        assert full_s / 2.0 <= herding.retry_s("gateway", attempt) <= full_s
    assert herding.retry_s("gateway", 10_000) <= 60.0


MOVES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    max_size=12,
)


@given(MOVES, st.floats(0.0, 5e3))
def test_a_capped_ramp_stays_within_its_cap_and_between_now_and_wish(
    moves: dict[str, tuple[float, float]], most_kw: float
) -> None:
    targets = herding.cap_ramp(moves, most_kw)
    rises = sum(max(targets[key] - now, 0.0) for key, (now, _) in moves.items())
    falls = sum(max(now - targets[key], 0.0) for key, (now, _) in moves.items())
    assert rises <= most_kw * (1 + 1e-9) + 1e-6
    assert falls <= most_kw * (1 + 1e-9) + 1e-6
    for key, (now, wished) in moves.items():
        low, high = sorted((now, wished))
        assert low - 1e-9 <= targets[key] <= high + 1e-9
    if sum(abs(wished - now) for now, wished in moves.values()) <= most_kw:
        assert targets == {key: pytest.approx(wished) for key, (_, wished) in moves.items()}
