"""The keeper: what is late, what is silent, what is stale, and a balance that closes."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.signals import (
    DemandReport,
    DeviceReading,
    DeviceState,
    GridSignal,
    MeterReading,
    Price,
    Quality,
    SiteReport,
    Supply,
)
from gridmuster.state.keeper import Memory, StateKeeper
from gridmuster.state.snapshot import Snapshot

T0 = 1_700_000_000_000
FLEET: Fleet = generate(12, 3)
AREA = FLEET.areas[0]
SITE = next(
    site
    for site in FLEET.sites_of_area[AREA.id]
    if any(user.behind_transfer for user in FLEET.end_users_of_site[site.id])
    and FLEET.devices_of_site[site.id]
)
DEVICE = FLEET.devices_of_site[SITE.id][0]
USERS = FLEET.end_users_of_site[SITE.id]
PROTECTED = next(user for user in USERS if user.behind_transfer)


def report(at_s: float, sequence: int, power_kw: float = 10.0, **more: object) -> SiteReport:
    made = SiteReport(
        SITE.id,
        T0 + int(at_s * 1000),
        sequence,
        Supply.UTILITY,
        True,
        60.0,
        1.0,
        0.0,
        (DeviceReading(DEVICE.id, DeviceState.RUNNING, power_kw),),
    )
    return msgspec.structs.replace(made, **more)


def demand(at_s: float, sequence: int, user: str, power_kw: float, **more: object) -> DemandReport:
    reading = MeterReading(user, power_kw, 1.0)
    if more:
        reading = msgspec.structs.replace(reading, **more)
    return DemandReport(SITE.id, T0 + int(at_s * 1000), sequence, (reading,))


def keeper() -> StateKeeper:
    return StateKeeper(FLEET, 60.0)


def freeze(one: StateKeeper, at_s: float, estimate_kw: float = 7.0) -> Snapshot:
    return one.freeze(T0 + int(at_s * 1000), lambda user: estimate_kw)


def power_kw(one: StateKeeper) -> float:
    return one.memory.readings[DEVICE.id].power_kw


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_whatever_the_order_the_newest_word_stands(numbers: list[int], dice: random.Random) -> None:
    one = keeper()
    dice.shuffle(numbers)
    taken = 0
    for k, number in enumerate(numbers):
        taken += one.take_report(report(number, number, float(number)), T0 + 20_000 + k)
    assert power_kw(one) == max(numbers)
    site = one.memory.sites[SITE.id]
    assert site.late == len(numbers) - taken
    assert site.report is not None and site.report.sequence == max(numbers)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40))
def test_meters_likewise(numbers: list[int]) -> None:
    one = keeper()
    for k, number in enumerate(numbers):
        one.take_demand(demand(number, number, USERS[0].id, float(number)), T0 + 20_000 + k)
    assert one.memory.meters[USERS[0].id].power_kw == max(numbers)


def test_a_clock_set_back_does_not_silence_a_site() -> None:
    one = keeper()
    assert one.take_report(report(100.0, 5, 1.0), T0 + 90_000)
    assert one.take_report(report(94.0, 6, 2.0), T0 + 94_000)
    assert power_kw(one) == 2.0


def test_a_gateway_that_forgot_its_sequence_is_believed_by_its_clock() -> None:
    one = keeper()
    assert one.take_report(report(10.0, 500, 1.0), T0 + 10_000)
    assert one.take_report(report(14.0, 1, 2.0), T0 + 14_000)
    assert not one.take_report(report(14.0, 1, 3.0), T0 + 15_000)
    assert power_kw(one) == 2.0


def test_a_silent_meter_is_estimated_never_zero() -> None:
    one = keeper()
    one.take_report(report(0, 1), T0)
    one.take_demand(demand(0, 2, USERS[0].id, 42.0), T0)
    fresh = freeze(one, 30)
    assert fresh.metered[USERS[0].id] == 42.0 and USERS[0].id not in fresh.silent
    late = freeze(one, 61, estimate_kw=33.0)
    assert late.silent[USERS[0].id] == 33.0 and USERS[0].id not in late.metered
    users = sum(len(FLEET.end_users_of_site[site.id]) for site in FLEET.sites_of_area[AREA.id])
    assert late.areas[AREA.id].demand_kw == pytest.approx(33.0 * users)
    assert late.areas[AREA.id].estimated_kw == pytest.approx(33.0 * users)


def test_a_bad_meter_reading_is_no_reading() -> None:
    one = keeper()
    assert one.take_demand(demand(0, 1, USERS[0].id, 0.0, quality=Quality.BAD), T0) == []
    assert USERS[0].id in freeze(one, 1).silent


def test_strangers_at_a_site_are_left_out() -> None:
    one = keeper()
    other = next(d for d in FLEET.devices if d.site != SITE.id)
    one.take_report(report(0, 1, devices=(DeviceReading(other.id, DeviceState.RUNNING, 5.0),)), T0)
    assert other.id not in one.memory.readings
    stranger = next(u for u in FLEET.end_users if u.site != SITE.id)
    assert one.take_demand(demand(0, 1, stranger.id, 5.0), T0) == []


@pytest.mark.parametrize(("age_s", "quality"), [(59, Quality.GOOD), (61, Quality.STALE)])
def test_age_decides_quality_and_the_last_value_stays(age_s: float, quality: Quality) -> None:
    one = keeper()
    one.take_report(report(0, 1, 25.0), T0)
    snapshot = freeze(one, age_s)
    assert snapshot.sites[SITE.id].quality is quality
    assert snapshot.readings[DEVICE.id].power_kw == 25.0


def test_never_heard_is_bad_not_zero_age() -> None:
    status = freeze(keeper(), 0).sites[SITE.id]
    assert (status.quality, status.age_s, status.fresh) == (Quality.BAD, float("inf"), False)


def test_a_message_held_up_on_the_way_is_as_old_as_its_stamp() -> None:
    one = keeper()
    one.take_report(report(0, 1), T0 + 50_000)
    assert freeze(one, 55).sites[SITE.id].age_s == pytest.approx(55.0)
    assert freeze(one, 65).sites[SITE.id].quality is Quality.STALE


@pytest.mark.parametrize("offset_s", [-10.0, 10.0, 0.0])
def test_the_clocks_offset_is_learned_from_the_least_delay(offset_s: float) -> None:
    one = keeper()
    dice = random.Random(1)
    for k in range(40):
        at_s = 4.0 * k
        delay_s = 12.0 if dice.random() < 0.3 else 0.0
        received_ms = T0 + int((at_s + delay_s) * 1000)
        one.take_report(report(at_s + offset_s, k), received_ms)
    assert freeze(one, 160).sites[SITE.id].skew_s == pytest.approx(offset_s)


def test_a_clock_put_right_is_noticed_within_a_minute() -> None:
    one = keeper()
    for k in range(10):
        one.take_report(report(4.0 * k + 10.0, k), T0 + 4000 * k)
    for k in range(10, 27):
        one.take_report(report(4.0 * k, k), T0 + 4000 * k)
    assert freeze(one, 110).sites[SITE.id].skew_s == pytest.approx(0.0)


def test_a_site_in_outage_is_left_out_of_the_balance() -> None:
    one = keeper()
    one.take_report(report(0, 1, 25.0), T0)
    one.take_demand(demand(0, 2, PROTECTED.id, 25.0), T0)
    before = freeze(one, 1, estimate_kw=0.0).areas[AREA.id]
    assert (before.demand_kw, before.generation_kw, before.outage_load_kw) == (25.0, 25.0, 0.0)
    one.take_report(report(4, 3, 25.0, utility_ok=False, supply=Supply.LOCAL), T0 + 4000)
    away = freeze(one, 5, estimate_kw=0.0).areas[AREA.id]
    assert (away.demand_kw, away.generation_kw, away.outage_load_kw) == (0.0, 0.0, 25.0)
    # The utility is back, the site still serves itself for some minutes.
    duty = report(8, 4, 25.0, supply=Supply.LOCAL, alarms=("local_duty",))
    one.take_report(duty, T0 + 8000)
    assert freeze(one, 9, estimate_kw=0.0).areas[AREA.id].generation_kw == 0.0
    one.take_report(report(12, 5, 0.0), T0 + 12_000)
    assert freeze(one, 13, estimate_kw=0.0).areas[AREA.id].demand_kw == 25.0


def test_what_no_meter_sees_closes_the_balance_slowly() -> None:
    one = keeper()
    for k in range(200):
        at_ms = T0 + 4000 * k
        signal = GridSignal(AREA.id, at_ms, k, True, 60.0, 1.0, 120.0, 1000.0, 0.0)
        one.take_grid(signal, at_ms)
        snapshot = one.freeze(at_ms, lambda user: 0.0)
    status = snapshot.areas[AREA.id]
    assert status.unmetered_kw == pytest.approx(120.0, abs=1.0)
    assert status.need_kw - status.generation_kw == pytest.approx(status.import_kw, abs=1.0)


def test_without_a_fresh_signal_import_comes_from_the_balance() -> None:
    one = keeper()
    one.take_grid(GridSignal(AREA.id, T0, 1, True, 60.0, 1.0, 0.0, 1000.0, 0.0), T0)
    one.take_report(report(0, 1, 5.0), T0)
    one.take_demand(demand(0, 2, USERS[0].id, 50.0), T0)
    status = one.freeze(T0 + 70_000, lambda user: 0.0).areas[AREA.id]
    assert not status.grid_fresh
    assert status.import_kw == pytest.approx(status.need_kw - status.generation_kw)


def test_late_grid_and_price_change_nothing() -> None:
    one = keeper()
    newer = GridSignal(AREA.id, T0 + 4000, 2, True, 60.0, 1.0, 20.0, 1000.0, 0.0)
    older = GridSignal(AREA.id, T0, 1, True, 60.0, 1.0, 10.0, 1000.0, 0.0)
    assert one.take_grid(newer, T0) and not one.take_grid(older, T0)
    assert not one.take_grid(newer, T0)
    assert one.take_price(Price(AREA.id, T0, 1, T0 + 300_000, 300, 50.0))
    assert not one.take_price(Price(AREA.id, T0, 2, T0, 300, 40.0))


def test_memory_survives_a_checkpoint() -> None:
    one = keeper()
    one.take_report(report(0, 1, 25.0), T0)
    one.take_demand(demand(0, 2, USERS[0].id, 42.0), T0)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(one.memory), type=Memory)
    other = StateKeeper(FLEET, 60.0, kept)
    assert freeze(other, 30) == freeze(one, 30)
