"""What holds for every setpoint in every context."""

import math
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from safety_cases import battery, engine, panels, site

from gridmuster.fleet.devices import Permit
from gridmuster.safety import ALLOWED, Context, Reduced, Refused, Verdict, check, envelope
from gridmuster.signals import (
    DeviceReading,
    DeviceState,
    Order,
    Purpose,
    Quality,
    Setpoint,
    Supply,
    SwitchMode,
)

AGES = st.one_of(st.floats(0.0, 200.0), st.just(math.inf))
SITES = [site(), site(export_kw=0.0), site("transfer_switch", export_kw=0.0), site(export_kw=30.0)]
DEVICES = [
    engine(),
    engine("epa_emergency"),
    engine("unrestricted", tank=None),
    engine(permit=Permit(permit_class="eu_mcp", hours_cap_h=50.0)),
    battery(),
    panels(),
]
ENVELOPES = [envelope(where, device) for where in SITES for device in DEVICES]


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    limits = draw(st.sampled_from(ENVELOPES))
    power = st.floats(-60.0, 60.0)
    reading = DeviceReading(
        device=limits.device.id,
        state=draw(st.sampled_from(DeviceState)),
        power_kw=draw(power),
        mode=draw(st.sampled_from([SwitchMode.AUTO, SwitchMode.AUTO, *SwitchMode])),
        quality=draw(st.sampled_from([Quality.GOOD, Quality.GOOD, *Quality])),
        energy_kwh=draw(st.none() | st.floats(0.0, 60.0)),
        fuel_level=draw(st.none() | st.floats(0.0, 1000.0)),
    )
    return Context(
        envelope=limits,
        reading=draw(st.none() | st.just(reading)) if draw(st.booleans()) else reading,
        reading_age_s=draw(AGES),
        supply=draw(st.sampled_from([Supply.UTILITY, Supply.PARALLEL, *Supply])),
        utility_ok=draw(st.sampled_from([True, True, False])),
        utility_age_s=draw(AGES),
        export_without_kw=draw(st.none() | st.floats(-50.0, 120.0)),
        backup_load_kw=draw(st.none() | st.floats(0.0, 60.0)),
        local_duty=draw(st.sampled_from([False, False, True])),
        permit_used_h=draw(st.none() | st.floats(0.0, 600.0)),
        alert_used_h=draw(st.floats(0.0, 60.0)),
        alert_asserted=draw(st.booleans()),
        starts_24h=draw(st.integers(0, 8)),
        state_age_s=draw(AGES),
        stop_latched=draw(st.sampled_from([False, False, False, True])),
        maintenance=draw(st.sampled_from([False, False, False, True])),
        locked_out=draw(st.sampled_from([False, False, False, True])),
        horizon_s=draw(st.floats(0.1, 3600.0)),
    )


SETPOINTS = st.builds(
    Setpoint,
    device=st.just("d"),
    order=st.sampled_from([Order.RUN, Order.RUN, Order.RUN, *Order]),
    power_kw=st.floats(-150.0, 150.0) | st.just(0.0),
    purpose=st.sampled_from([Purpose.DEMAND, *Purpose]),
)


def granted_kw(verdict: Verdict, setpoint: Setpoint) -> float | None:
    """What may be ordered: None when nothing."""
    if isinstance(verdict, Refused):
        return None
    return verdict.power_kw if isinstance(verdict, Reduced) else setpoint.power_kw


def no_more_than(later: float | None, earlier: float | None) -> bool:
    """Whether a grant allows no more than another: nothing, or the same way and no further."""
    if later is None:
        return True
    if earlier is None:
        return False
    return later * earlier >= 0.0 and abs(later) <= abs(earlier) + 1e-12


@given(contexts(), SETPOINTS)
def test_a_check_may_only_refuse_or_reduce(context: Context, setpoint: Setpoint) -> None:
    verdict = check(context, setpoint)
    if isinstance(verdict, Reduced):
        assert setpoint.order is Order.RUN
        assert abs(verdict.power_kw) < abs(setpoint.power_kw)
        assert verdict.power_kw * setpoint.power_kw >= 0.0
        assert math.copysign(1.0, verdict.power_kw) == 1.0 or verdict.power_kw < 0.0
        assert verdict.reason
    if isinstance(verdict, Refused):
        assert verdict.reason
        assert verdict.invariant in {1, 2, 3, 4, 6, 7, 9, 10}


@given(contexts(), SETPOINTS)
def test_stops_are_never_refused(context: Context, setpoint: Setpoint) -> None:
    for order in (Order.STOP, Order.EMERGENCY_STOP):
        stop = msgspec.structs.replace(setpoint, order=order)
        assert check(context, stop) is ALLOWED


@given(contexts(), SETPOINTS, st.floats(0.0, 500.0), st.floats(0.0, 500.0))
def test_older_telemetry_never_allows_more(
    context: Context, setpoint: Setpoint, reading_s: float, utility_s: float
) -> None:
    older = msgspec.structs.replace(
        context,
        reading_age_s=context.reading_age_s + reading_s,
        utility_age_s=context.utility_age_s + utility_s,
    )
    before = granted_kw(check(context, setpoint), setpoint)
    assert no_more_than(granted_kw(check(older, setpoint), setpoint), before)


WORSE: dict[str, Any] = {
    "local_duty": True,
    "stop_latched": True,
    "maintenance": True,
    "locked_out": True,
    "permit_used_h": None,
    "starts_24h": 99,
    "reading": None,
}


@given(contexts(), SETPOINTS, st.sampled_from(sorted(WORSE)))
def test_what_gets_worse_never_allows_more(
    context: Context, setpoint: Setpoint, field: str
) -> None:
    if setpoint.purpose is Purpose.OUTAGE and field == "local_duty":
        return  # local duty is what outage runs are for
    worse = msgspec.structs.replace(context, **{field: WORSE[field]})
    before = granted_kw(check(context, setpoint), setpoint)
    assert no_more_than(granted_kw(check(worse, setpoint), setpoint), before)


@given(contexts(), SETPOINTS)
def test_what_is_granted_passes_again(context: Context, setpoint: Setpoint) -> None:
    """A reduced setpoint is itself allowed: center and site do not whittle it down in turns."""
    verdict = check(context, setpoint)
    if isinstance(verdict, Reduced):
        again = check(context, msgspec.structs.replace(setpoint, power_kw=verdict.power_kw))
        assert not isinstance(again, Refused)
        if isinstance(again, Reduced):
            assert abs(again.power_kw - verdict.power_kw) <= 1e-9 * abs(verdict.power_kw)


@given(contexts(), SETPOINTS)
def test_nothing_leaves_a_site_whose_utility_is_not_healthy(
    context: Context, setpoint: Setpoint
) -> None:
    if setpoint.order is not Order.RUN or setpoint.purpose is Purpose.OUTAGE:
        return
    if context.utility_ok and context.utility_age_s <= 10.0 and not context.local_duty:
        return
    granted = granted_kw(check(context, setpoint), setpoint)
    assert granted is None or granted <= 0.0
