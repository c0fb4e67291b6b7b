"""From canonical points to readings and from setpoints to orders."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from register_samples import GENSET, METER, PANEL, STORE

from gridmuster.fleet.devices import Battery, Device, EmergencyGenerator, Photovoltaic
from gridmuster.gateway import drivers
from gridmuster.gateway.drivers import meter, panel
from gridmuster.signals import (
    DeviceReading,
    DeviceState,
    Order,
    Quality,
    Setpoint,
    Supply,
    SwitchMode,
    decode,
    encode,
)

GEN = EmergencyGenerator.model_validate(
    {
        "id": "gen",
        "site": "s",
        "type": "emergency_generator",
        "rated_kw": 500.0,
        "fuel_curve": [
            {"load_fraction": 0.5, "fuel_per_h": 30.0},
            {"load_fraction": 1.0, "fuel_per_h": 60.0},
        ],
    }
)
SUN = Photovoltaic(id="sun", site="s", type="photovoltaic", rated_kw=100.0)
BATTERY = Battery(id="bat", site="s", type="battery", rated_kw=250.0, energy_capacity_kwh=1000.0)
DEVICES: list[Device] = [GEN, SUN, BATTERY]
STATES = list(DeviceState)


def reading(state: DeviceState, mode: SwitchMode = SwitchMode.AUTO) -> DeviceReading:
    return DeviceReading(device="x", state=state, mode=mode)


def test_a_set_s_reading_holds_all_that_it_says() -> None:
    made = drivers.reading(GEN, GENSET | {"alarm_bits": 17.0})
    assert made == DeviceReading(
        device="gen",
        state=DeviceState.RUNNING,
        power_kw=321.5,
        available_kw=500.0,
        mode=SwitchMode.AUTO,
        quality=Quality.GOOD,
        produced_kwh=123_456.7,
        fuel_level=1500.0,
        fuel_used=123.4,
        run_h=1000.5,
        starts=33,
        failed_starts=1,
        alarms=("fail_to_start", "low_fuel"),
    )


def test_a_store_s_reading_has_its_energy_and_its_sign() -> None:
    made = drivers.reading(BATTERY, STORE)
    assert (made.power_kw, made.energy_kwh) == (-121.5, 812.3)
    assert (made.produced_kwh, made.absorbed_kwh) == (1234.567, 2345.678)


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
def test_no_answer_is_bad_and_keeps_what_was_last_heard(device: Device) -> None:
    never = drivers.reading(device, None)
    assert (never.state, never.quality) == (DeviceState.UNKNOWN, Quality.BAD)
    last = drivers.reading(device, STORE)
    lost = drivers.reading(device, None, last)
    assert lost.quality is Quality.BAD
    assert lost.state is DeviceState.UNKNOWN
    assert lost.power_kw == last.power_kw
    assert lost.produced_kwh == last.produced_kwh
    assert lost.available_kw == 0.0


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
def test_half_an_answer_is_an_estimate(device: Device) -> None:
    assert drivers.reading(device, {"state": 3.0}).quality is Quality.ESTIMATED
    assert drivers.reading(device, {"power_kw": 3.0}).quality is Quality.ESTIMATED
    assert drivers.reading(device, {"state": 3.0, "power_kw": 3.0}).quality is Quality.GOOD


def test_what_a_controller_does_not_say_is_filled_with_care() -> None:
    bare = {"state": 0.0, "power_kw": 0.0}
    # A set that does not tell its switch position is not known to be in auto.
    assert drivers.reading(GEN, bare).available_kw == 0.0
    assert drivers.reading(GEN, bare | {"mode": 2.0}).available_kw == 500.0
    assert drivers.reading(GEN, bare | {"mode": 1.0}).available_kw == 0.0
    # An inverter has no such switch; sun that is not told is what is given.
    assert drivers.reading(SUN, bare).mode is SwitchMode.AUTO
    assert drivers.reading(SUN, {"state": 3.0, "power_kw": 40.0}).available_kw == 40.0
    assert drivers.reading(BATTERY, bare).available_kw == 250.0
    assert drivers.reading(BATTERY, {"state": 5.0, "power_kw": 0.0}).available_kw == 0.0


NUMBERS = st.one_of(
    st.floats(-1e5, 1e5),
    st.floats(-3.0, 12.0).map(round).map(float),
)


@given(
    st.dictionaries(st.sampled_from(sorted({*GENSET, *STORE})), NUMBERS),
    st.sampled_from(DEVICES),
)
def test_whatever_a_controller_says_the_reading_can_be_sent(
    points: dict[str, float], device: Device
) -> None:
    points = {k: abs(v) if k == "alarm_bits" else v for k, v in points.items()}
    made = drivers.reading(device, points)
    assert decode(encode(made), DeviceReading) == made


@given(st.integers(0, 2**32 - 1))
def test_alarm_words_name_each_bit(bits: int) -> None:
    words = drivers.alarm_words(float(bits))
    assert len(words) == bits.bit_count()
    assert ("emergency_stop" in words) == bool(bits >> 6 & 1)
    assert ("alarm_31" in words) == bool(bits >> 31)


RUN_TABLE = {
    DeviceState.IDLE: [("start", 1.0), ("set_power_kw", 40.0)],
    DeviceState.STARTING: [("set_power_kw", 40.0)],
    DeviceState.WARMING: [("set_power_kw", 40.0)],
    DeviceState.RUNNING: [("set_power_kw", 40.0)],
    DeviceState.COOLING: [("start", 1.0), ("set_power_kw", 40.0)],
    DeviceState.FAULT: [],
    DeviceState.LOCKED: [],
    DeviceState.UNKNOWN: [],
}


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
@pytest.mark.parametrize("state", STATES)
def test_run_starts_what_rests_and_sets_what_runs(device: Device, state: DeviceState) -> None:
    wish = Setpoint(device.id, Order.RUN, 40.0)
    assert drivers.orders(device, wish, reading(state)) == RUN_TABLE[state]


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
@pytest.mark.parametrize("mode", [m for m in SwitchMode if m is not SwitchMode.AUTO])
def test_what_is_not_in_auto_is_not_run(device: Device, mode: SwitchMode) -> None:
    for state in STATES:
        wish = Setpoint(device.id, Order.RUN, 40.0)
        assert drivers.orders(device, wish, reading(state, mode)) == []


@pytest.mark.parametrize("device", DEVICES, ids=lambda d: d.id)
def test_a_stop_is_passed_on_whenever_something_may_run(device: Device) -> None:
    for state, mode in itertools.product(STATES, SwitchMode):
        resting = state in (DeviceState.IDLE, DeviceState.COOLING)
        made = drivers.orders(device, Setpoint(device.id, Order.STOP), reading(state, mode))
        assert made == ([] if resting else [("stop", 1.0)])
        urgent = Setpoint(device.id, Order.EMERGENCY_STOP)
        assert drivers.orders(device, urgent, reading(state, mode)) == [("emergency_stop", 1.0)]


def test_a_reset_leaves_alone_what_someone_at_the_site_switched_off() -> None:
    wish = Setpoint("gen", Order.RESET)
    assert drivers.orders(GEN, wish, reading(DeviceState.FAULT)) == [("reset", 1.0)]
    assert drivers.orders(GEN, wish, reading(DeviceState.FAULT, SwitchMode.OFF)) == []
    # A stop that we latched left the controller in stop mode: that one we may undo.
    latched = reading(DeviceState.LOCKED, SwitchMode.OFF)
    assert drivers.orders(GEN, wish, latched) == [("reset", 1.0)]


def test_the_panel_promises_nothing_that_it_does_not_say() -> None:
    made = panel.reading(PANEL)
    assert (made.supply, made.utility_ok, made.poi_kw) == (Supply.PARALLEL, True, -123.456)
    assert made.quality is Quality.GOOD
    assert panel.reading(None).utility_ok is False
    assert panel.reading(None).supply is Supply.UNKNOWN
    partly = panel.reading({"supply": 0.0})
    assert partly.utility_ok is False
    assert partly.quality is Quality.ESTIMATED
    assert partly.backup_load_kw is None


def test_a_silent_meter_is_absent_never_zero() -> None:
    made = meter.reading("home-1", METER)
    assert made is not None
    assert (made.power_kw, made.energy_kwh, made.quality) == (87.6, 4321.5, Quality.GOOD)
    assert meter.reading("home-1", None) is None
    assert meter.reading("home-1", {"energy_kwh": 5.0}) is None
    partly = meter.reading("home-1", {"power_kw": 5.0})
    assert partly is not None
    assert partly.quality is Quality.ESTIMATED
