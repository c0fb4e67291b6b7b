"""Each invariant on its edge: just allowed, just not."""

from typing import Any

import msgspec
import pytest
from safety_cases import battery, context, engine, panels, reading, refused_by, run, site

from gridmuster.fleet.devices import Permit, Tank
from gridmuster.safety import ALLOWED, Reduced, check
from gridmuster.signals import (
    DeviceState,
    Order,
    Purpose,
    Quality,
    Setpoint,
    Supply,
    SwitchMode,
)


def test_a_healthy_device_may_start_run_and_be_set() -> None:
    assert check(context(engine()), run("g", 30.0)) is ALLOWED
    assert check(context(engine(), state=DeviceState.RUNNING), run("g", 50.0)) is ALLOWED
    assert check(context(battery()), run("b", 20.0)) is ALLOWED
    assert check(context(battery()), run("b", -30.0)) is ALLOWED
    assert check(context(panels()), run("p", 40.0)) is ALLOWED


@pytest.mark.parametrize("order", [Order.STOP, Order.EMERGENCY_STOP])
def test_a_stop_is_allowed_whatever_is_wrong(order: Order) -> None:
    worst = context(
        engine("epa_emergency"),
        reading=None,
        reading_age_s=1e9,
        utility_ok=False,
        utility_age_s=1e9,
        supply=Supply.UNKNOWN,
        local_duty=True,
        stop_latched=True,
        maintenance=True,
        locked_out=True,
        permit_used_h=None,
    )
    assert check(worst, Setpoint("g", order)) is ALLOWED


# Invariant 1 and 2: the utility.


@pytest.mark.parametrize(
    ("fields", "invariant"),
    [
        ({"utility_ok": False}, 1),
        ({"local_duty": True}, 1),
        ({"supply": Supply.DEAD}, 1),
        ({"supply": Supply.UNKNOWN}, 2),
        ({"utility_age_s": 10.0}, None),
        ({"utility_age_s": 10.1}, 2),
        ({"utility_age_s": 10.1, "utility_limit_s": 60.0}, None),
        ({"utility_age_s": float("nan")}, 2),
        ({"export_without_kw": None}, 2),
    ],
)
def test_market_runs_need_a_healthy_fresh_utility(
    fields: dict[str, Any], invariant: int | None
) -> None:
    assert refused_by(check(context(engine(), **fields), run("g", 30.0))) == invariant


def test_a_store_may_charge_on_old_telemetry_of_a_healthy_utility_but_not_discharge() -> None:
    old = context(battery(), utility_age_s=30.0)
    assert check(old, run("b", -10.0)) is ALLOWED
    assert refused_by(check(old, run("b", 10.0))) == 2


@pytest.mark.parametrize(
    ("without_kw", "asked_kw", "allowed_kw"),
    [
        (-5.0, 50.0, 50.0),
        (-5.0, 105.0, 50.0),  # its rating comes first
        (60.0, 40.0, 40.0),
        (60.0, 40.04, 40.04),  # within the meters' resolution
        (60.0, 40.1, 40.0),
        (85.0, 30.0, 15.0),  # down to the minimum load, which is 15 kW
        (85.1, 30.0, None),
        (85.1, 15.0, None),
    ],
)
def test_the_export_limit_holds_for_the_whole_site(
    without_kw: float, asked_kw: float, allowed_kw: float | None
) -> None:
    verdict = check(context(engine(), export_without_kw=without_kw), run("g", asked_kw))
    if allowed_kw is None:
        assert refused_by(verdict) == 2
    elif allowed_kw == asked_kw:
        assert verdict is ALLOWED
    else:
        assert isinstance(verdict, Reduced)
        assert verdict.power_kw == pytest.approx(allowed_kw)


def test_without_an_agreement_a_site_gives_only_its_own_load() -> None:
    no_agreement = site(export_kw=0.0)
    verdict = check(context(battery(), no_agreement), run("b", 20.0))
    assert isinstance(verdict, Reduced)
    assert verdict.power_kw == pytest.approx(5.0)


def test_an_engine_behind_a_transfer_switch_carries_its_own_load_only() -> None:
    switch = site("transfer_switch", export_kw=0.0)
    verdict = check(context(engine(), switch), run("g", 30.0))
    assert isinstance(verdict, Reduced)
    assert verdict.power_kw == pytest.approx(5.0)
    idle = context(engine(), switch, backup_load_kw=0.0)
    assert refused_by(check(idle, run("g", 30.0))) == 2


def test_outage_duty_is_not_bound_by_market_limits_but_needs_an_outage() -> None:
    spent = context(
        engine("epa_emergency"),
        utility_ok=False,
        supply=Supply.DEAD,
        permit_used_h=1e6,
        starts_24h=99,
        state_age_s=1.0,
        reading=reading(engine(), DeviceState.IDLE, fuel_level=101.0),
    )
    assert check(spent, run("g", 5.0, Purpose.OUTAGE)) is ALLOWED
    healthy = context(engine("epa_emergency"))
    assert refused_by(check(healthy, run("g", 5.0, Purpose.OUTAGE))) == 1


# Invariant 3: fuel.

#: 24 h of 5 kW on the chart's first segment: 6.5 - 0.15 x 13.6 = 4.46 l/h; and a tenth of 1000 l.
FLOOR_L = 24.0 * 4.46 + 100.0
#: Half an hour (the least run) at 30 kW: 9.9 + 0.1 x 13.6 = 11.26 l/h.
LEAST_RUN_L = 0.5 * 11.26


@pytest.mark.parametrize(
    ("state", "level_l", "invariant"),
    [
        (DeviceState.RUNNING, FLOOR_L + 0.01, None),
        (DeviceState.RUNNING, FLOOR_L - 0.01, 3),
        (DeviceState.IDLE, FLOOR_L + LEAST_RUN_L + 0.01, None),
        (DeviceState.IDLE, FLOOR_L + LEAST_RUN_L - 0.01, 3),
        (DeviceState.RUNNING, None, 3),
    ],
)
def test_fuel_is_kept_for_the_promised_backup(
    state: DeviceState, level_l: float | None, invariant: int | None
) -> None:
    now = reading(engine(), state, fuel_level=level_l)
    assert refused_by(check(context(engine(), reading=now), run("g", 30.0))) == invariant


def test_a_pipeline_needs_no_reserve() -> None:
    gas = engine(tank=None)
    now = reading(gas, DeviceState.IDLE, fuel_level=None)
    assert check(context(gas, reading=now), run("g", 30.0)) is ALLOWED


# Invariant 4: permits.


@pytest.mark.parametrize(
    ("permit_class", "purpose", "asserted", "allowed"),
    [
        ("epa_emergency", Purpose.DEMAND, True, False),
        ("epa_emergency", Purpose.PRICE, True, False),
        ("epa_emergency", Purpose.EXERCISE, False, True),
        ("epa_emergency", Purpose.OPERATOR, False, True),
        ("epa_emergency", Purpose.EMERGENCY_ALERT, False, False),
        ("epa_emergency", Purpose.EMERGENCY_ALERT, True, True),
        ("california_emergency", Purpose.EMERGENCY_ALERT, True, False),
        ("california_emergency", Purpose.DEMAND, True, False),
        ("epa_non_emergency", Purpose.PRICE, False, True),
        ("eu_mcp", Purpose.DEMAND, False, True),
        ("unrestricted", Purpose.EMERGENCY_ALERT, False, True),
    ],
)
def test_a_class_allows_its_purposes(
    permit_class: str, purpose: Purpose, asserted: bool, allowed: bool
) -> None:
    now = context(engine(permit_class), alert_asserted=asserted)
    verdict = check(now, run("g", 30.0, purpose))
    assert refused_by(verdict) == (None if allowed else 4)


@pytest.mark.parametrize(
    ("permit", "state", "used_h", "invariant"),
    [
        # 90 h of the 100, and the least run of half an hour must still fit.
        (Permit(permit_class="epa_emergency"), DeviceState.IDLE, 89.49, None),
        (Permit(permit_class="epa_emergency"), DeviceState.IDLE, 89.51, 4),
        (Permit(permit_class="epa_emergency"), DeviceState.RUNNING, 89.9, None),
        (Permit(permit_class="epa_emergency"), DeviceState.RUNNING, 90.0, 4),
        (Permit(permit_class="epa_emergency"), DeviceState.IDLE, None, 4),
        # A permit's own figure tightens its class and never loosens it.
        (Permit(permit_class="epa_emergency", hours_cap_h=20.0), DeviceState.IDLE, 17.6, 4),
        (Permit(permit_class="epa_emergency", hours_cap_h=900.0), DeviceState.IDLE, 89.6, 4),
        (
            Permit(permit_class="epa_non_emergency", hours_cap_h=500.0),
            DeviceState.IDLE,
            449.4,
            None,
        ),
        (Permit(permit_class="epa_non_emergency", hours_cap_h=500.0), DeviceState.IDLE, 449.6, 4),
        (Permit(permit_class="epa_non_emergency"), DeviceState.IDLE, 8000.0, None),
        (Permit(permit_class="unrestricted", hours_cap_h=10.0), DeviceState.IDLE, 8.6, 4),
    ],
)
def test_hours_stop_at_nine_tenths_of_the_cap(
    permit: Permit, state: DeviceState, used_h: float | None, invariant: int | None
) -> None:
    now = context(engine(permit=permit), state=state, permit_used_h=used_h)
    assert refused_by(check(now, run("g", 30.0, Purpose.EXERCISE))) == invariant


def test_alert_hours_have_a_cap_inside_the_cap() -> None:
    now = context(
        engine("epa_emergency"), alert_asserted=True, permit_used_h=44.6, alert_used_h=44.6
    )
    assert refused_by(check(now, run("g", 30.0, Purpose.EMERGENCY_ALERT))) == 4
    assert check(now, run("g", 30.0, Purpose.EXERCISE)) is ALLOWED


# Invariants 6 and 7: lock-out, the local hand, limits.


@pytest.mark.parametrize(
    ("fields", "invariant"),
    [
        ({"locked_out": True}, 6),
        ({"state": DeviceState.LOCKED}, 6),
        ({"state": DeviceState.FAULT}, 6),
        ({"stop_latched": True}, 7),
        ({"maintenance": True}, 7),
    ],
)
def test_what_is_locked_stays_out(fields: dict[str, Any], invariant: int) -> None:
    assert refused_by(check(context(engine(), **fields), run("g", 30.0))) == invariant


@pytest.mark.parametrize("mode", [SwitchMode.MANUAL, SwitchMode.OFF, SwitchMode.UNKNOWN])
def test_only_auto_is_commanded_from_afar(mode: SwitchMode) -> None:
    now = context(engine(), reading=reading(engine(), DeviceState.IDLE, mode=mode))
    assert refused_by(check(now, run("g", 30.0))) == 7
    assert refused_by(check(now, Setpoint("g", Order.RESET))) == 7


def test_limits_reduce_and_only_stores_take_power() -> None:
    verdict = check(context(battery()), run("b", 31.0))
    assert verdict == Reduced(30.0, 7, "rated power 30.0 kW")
    weak = battery(charge_kw=10.0)
    verdict = check(context(weak), run("b", -31.0))
    assert isinstance(verdict, Reduced)
    assert verdict.power_kw == -10.0
    assert refused_by(check(context(engine()), run("g", -1.0))) == 7
    assert refused_by(check(context(panels()), run("p", -1.0))) == 7


# Invariant 9: stale is not zero.


@pytest.mark.parametrize(
    ("fields", "asked_kw", "expected"),
    [
        ({"reading_age_s": 60.0}, 30.0, None),
        ({"reading_age_s": 60.1}, 30.0, 20.0),
        ({"reading_age_s": 60.1}, 20.0, None),
        ({"reading_age_s": 60.1}, 15.0, None),
    ],
)
def test_a_stale_device_is_not_raised(
    fields: dict[str, Any], asked_kw: float, expected: float | None
) -> None:
    now = reading(engine(), DeviceState.RUNNING, power_kw=20.0)
    verdict = check(context(engine(), reading=now, **fields), run("g", asked_kw))
    if expected is None:
        assert verdict is ALLOWED
    else:
        assert isinstance(verdict, Reduced)
        assert (verdict.power_kw, verdict.invariant) == (expected, 9)


def test_a_stale_or_unknown_device_is_not_started_and_a_stale_store_not_turned() -> None:
    assert refused_by(check(context(engine(), reading_age_s=61.0), run("g", 30.0))) == 9
    assert refused_by(check(context(engine(), reading=None), run("g", 30.0))) == 9
    assert refused_by(check(context(engine(), state=DeviceState.UNKNOWN), run("g", 30.0))) == 9
    for quality in (Quality.STALE, Quality.BAD):
        now = reading(engine(), DeviceState.IDLE, quality=quality)
        assert refused_by(check(context(engine(), reading=now), run("g", 30.0))) == 9
    charging = reading(battery(), DeviceState.RUNNING, power_kw=-10.0)
    verdict = check(context(battery(), reading=charging, reading_age_s=61.0), run("b", -20.0))
    assert isinstance(verdict, Reduced)
    assert verdict.power_kw == -10.0
    verdict = check(context(battery(), reading=charging, reading_age_s=61.0), run("b", 5.0))
    assert isinstance(verdict, Reduced)
    assert verdict.power_kw == 0.0


# Invariant 10: timers and bounds.


@pytest.mark.parametrize(
    ("fields", "invariant"),
    [
        ({"state_age_s": 599.9}, 10),
        ({"state_age_s": 600.0}, None),
        ({"starts_24h": 5}, None),
        ({"starts_24h": 6}, 10),
        ({"state": DeviceState.COOLING}, 10),
        ({"state": DeviceState.RUNNING, "state_age_s": 1.0, "starts_24h": 6}, None),
    ],
)
def test_timers_hold_at_the_edge(fields: dict[str, Any], invariant: int | None) -> None:
    assert refused_by(check(context(engine(), **fields), run("g", 30.0))) == invariant


@pytest.mark.parametrize(
    ("energy_kwh", "asked_kw", "allowed_kw"),
    [
        # Floor: the larger of a fifth of 60 kWh and the 20 kWh kept for the site. Over an hour,
        # with 0.948 each way, 30 kW draws 31.65 kWh and 20 kW stores 18.96 kWh.
        (52.0, 30.0, 30.0),
        (40.0, 30.0, 20.0 * 0.948),
        (20.0, 30.0, 0.0),
        (12.0, 30.0, 0.0),
        (41.0, -20.0, -20.0),
        (50.0, -20.0, -10.0 / 0.948),
        (60.0, -20.0, 0.0),
        (None, -20.0, None),
        (None, 0.0, 0.0),
    ],
)
def test_a_store_stays_between_floor_and_ceiling(
    energy_kwh: float | None, asked_kw: float, allowed_kw: float | None
) -> None:
    now = reading(battery(), DeviceState.RUNNING, energy_kwh=energy_kwh)
    verdict = check(context(battery(), reading=now, horizon_s=3600.0), run("b", asked_kw))
    if allowed_kw is None:
        assert refused_by(verdict) == 10
    elif allowed_kw == asked_kw:
        assert verdict is ALLOWED
    else:
        assert isinstance(verdict, Reduced)
        assert verdict.power_kw == pytest.approx(allowed_kw, abs=0.001)


def test_in_an_outage_a_store_may_use_what_it_kept_for_the_site() -> None:
    now = context(
        battery(),
        reading=reading(battery(), DeviceState.RUNNING, energy_kwh=15.0),
        utility_ok=False,
        supply=Supply.LOCAL,
    )
    assert check(now, run("b", 5.0, Purpose.OUTAGE)) is ALLOWED


# The whole.


def test_the_strictest_verdict_wins() -> None:
    # Rated 30, own load and agreement leave 12, energy leaves 6: the least is said.
    now = reading(battery(), DeviceState.RUNNING, energy_kwh=20.0 + 6.0 / 0.948)
    tight = context(battery(), reading=now, export_without_kw=88.0, horizon_s=3600.0)
    verdict = check(tight, run("b", 100.0))
    assert isinstance(verdict, Reduced)
    assert verdict.power_kw == pytest.approx(6.0)
    assert verdict.invariant == 10
    locked = msgspec.structs.replace(tight, maintenance=True)
    assert refused_by(check(locked, run("b", 100.0))) == 7


def test_a_promise_larger_than_the_tank_means_never() -> None:
    ordered = site(autonomy_h=72.0)
    small = engine(tank=Tank(capacity=300.0, level=300.0))
    now = reading(small, DeviceState.IDLE, fuel_level=300.0)
    assert refused_by(check(context(small, ordered, reading=now), run("g", 30.0))) == 3
