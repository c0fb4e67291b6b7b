"""Fuel reserve, permit hours, and moving apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safety_cases import CURVE, changed, context, engine, refused_by, run, site

from gridmuster.fleet.devices import Permit, PermitClass, Tank
from gridmuster.fleet.hours import HourUse
from gridmuster.fleet.permits import HourLimit, PermitRules, Window
from gridmuster.safety import Refused, check, herding, permits
from gridmuster.safety.fuel import fuel_floor, fuel_rate
from gridmuster.safety.hours import HoursLeft, hours_left
from gridmuster.signals import DeviceState, Purpose


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
        permit = Permit(permit_class=permit_class)
        assert permits.allows(permit, Purpose.OUTAGE)
        assert permits.cap_h(permit, Purpose.OUTAGE) is None


@pytest.mark.parametrize(
    ("permit", "cap_h"),
    [
        (Permit(permit_class="epa_emergency"), 100.0),
        (Permit(permit_class="epa_emergency", hours_cap_h=60.0), 60.0),
        (Permit(permit_class="epa_emergency", hours_cap_h=600.0), 100.0),
        (Permit(permit_class="epa_non_emergency"), None),
        (Permit(permit_class="epa_non_emergency", hours_cap_h=876.0), 876.0),
        (Permit(permit_class="california_emergency"), 50.0),
        (Permit(permit_class="eu_mcp"), None),
        (Permit(permit_class="eu_mcp", hours_cap_h=300.0), 300.0),
        (Permit(permit_class="uk_backup"), 50.0),
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


ROLLING = HourLimit(hours_h=20.0, window=Window.ROLLING_DAYS, length=30)


def under(*limits: HourLimit, purposes: tuple[Purpose, ...] = (Purpose.DEMAND,)) -> Permit:
    rules = PermitRules(id="own", purposes=purposes, limits=limits)
    return Permit(permit_class="custom", rules="own").under(rules)


@pytest.mark.parametrize(
    ("used_h", "state", "refused"),
    [
        # The stop is at 18 h; a start has half an hour of least run ahead of it.
        (17.4, DeviceState.IDLE, None),
        (17.6, DeviceState.IDLE, 4),
        (17.6, DeviceState.RUNNING, None),
        (18.0, DeviceState.RUNNING, 4),
    ],
)
def test_a_start_whose_least_run_would_cross_a_rolling_cap_is_refused(
    used_h: float, state: DeviceState, refused: int | None
) -> None:
    use = HourUse(ROLLING, 0.0, used_h)
    now = context(engine(permit=under(ROLLING)), state=state, window_uses=(use,))
    verdict = check(now, run("g", 30.0))
    assert refused_by(verdict) == refused
    if isinstance(verdict, Refused):
        assert "18.0 h" in verdict.reason and "20 h in any 30 days" in verdict.reason


def test_a_limit_of_other_purposes_does_not_bind_and_an_unknown_use_refuses() -> None:
    tests_only = HourLimit(hours_h=5.0, purposes=(Purpose.EXERCISE,))
    both = under(tests_only, purposes=(Purpose.DEMAND, Purpose.EXERCISE))
    used_up = context(engine(permit=both), window_uses=(HourUse(tests_only, 0.0, 5.0),))
    assert refused_by(check(used_up, run("g", 30.0))) is None
    assert refused_by(check(used_up, run("g", 30.0, Purpose.EXERCISE))) == 4
    unknown = changed(used_up, window_uses=())
    assert refused_by(check(unknown, run("g", 30.0, Purpose.EXERCISE))) == 4
    assert refused_by(check(unknown, run("g", 30.0, Purpose.OUTAGE))) != 4


def test_the_tightest_limit_is_the_one_that_is_named() -> None:
    permit = under(HourLimit(hours_h=100.0), ROLLING)
    now = context(engine(permit=permit), permit_used_h=80.0)
    uses = (HourUse(ROLLING, 0.0, 3.0),)
    assert hours_left(changed(now, window_uses=uses)) == HoursLeft(
        10.0, 80.0, 90.0, "100 h a calendar year"
    )
    later = changed(now, permit_used_h=60.0, window_uses=uses)
    assert hours_left(later) == HoursLeft(15.0, 3.0, 18.0, "20 h in any 30 days")
    assert hours_left(later, Purpose.OUTAGE) is None
