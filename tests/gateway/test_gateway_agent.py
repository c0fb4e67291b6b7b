"""A site's agent in ordinary days and bad ones, by the minute."""

import itertools

import pytest
from toy_site import COOLING, FAULT, IDLE, LOCAL, LOCKED, RUNNING, T0_MS, ToySite, fleet

from gridmuster.gateway.agent import SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.signals import (
    MAX_PAYLOAD_BYTES,
    DeviceState,
    Frame,
    Lease,
    Order,
    Outcome,
    Purpose,
    Quality,
    Setpoint,
    Supply,
    SwitchMode,
    encode,
)


def site(**fields: object) -> ToySite:
    """A site that has been scanned for a moment."""
    toy = ToySite(fleet(**fields))  # type: ignore[arg-type]
    toy.run(2.0)
    toy.orders.clear()
    return toy


def names(toy: ToySite, device: str) -> list[str]:
    return [order for key, order, _ in toy.orders if key == device]


# Market duty.


def test_a_command_is_written_at_once_and_acknowledged_when_measured() -> None:
    toy = site()
    ack = toy.ask("b", 20.0)
    assert ack.outcome is Outcome.ACCEPTED
    assert toy.orders == [("b", "set_power_kw", 20.0)]
    toy.step()
    done = toy.acks[-1]
    assert (done.command_id, done.outcome) == (ack.command_id, Outcome.DONE)
    assert done.devices[0].measured_kw == 20.0
    assert toy.reports[-1].devices[2].power_kw == 20.0
    assert toy.reports[-1].at_ms == toy.now_ms


def test_an_engine_starts_loads_and_stops() -> None:
    toy = site()
    assert toy.ask("g1", 30.0).outcome is Outcome.ACCEPTED
    toy.run(10.0)
    assert toy.acks[-1].outcome is Outcome.ACCEPTED
    toy.run(15.0)
    assert toy.acks[-1].outcome is Outcome.DONE
    assert toy.acks[-1].devices[0].measured_kw == pytest.approx(30.0, abs=1.0)
    assert toy.tell("g1", Order.STOP).outcome is Outcome.ACCEPTED
    toy.run(15.0)
    assert toy.acks[-1].outcome is Outcome.DONE
    assert toy.engines["g1"].state == COOLING
    assert names(toy, "g1").count("start") == 1
    assert names(toy, "g1").count("stop") == 1


def test_one_command_for_many_devices_is_done_when_the_last_is() -> None:
    toy = site()
    toy.send(toy.command(Setpoint("g1", Order.RUN, 30.0), Setpoint("b", Order.RUN, 10.0)))
    toy.run(5.0)
    assert [ack.outcome for ack in toy.acks] == [Outcome.ACCEPTED]
    toy.run(20.0)
    assert [ack.outcome for ack in toy.acks] == [Outcome.ACCEPTED, Outcome.DONE]
    assert {device.device for device in toy.acks[-1].devices} == {"g1", "b"}


def test_part_of_a_command_may_be_refused_or_reduced() -> None:
    toy = site(permit="epa_emergency")
    ack = toy.send(
        toy.command(
            Setpoint("g1", Order.RUN, 30.0),
            Setpoint("b", Order.RUN, 99.0),
            Setpoint("nowhere", Order.RUN, 1.0),
            Setpoint("b", Order.RUN, 1.0),
        )
    )
    assert ack.outcome is Outcome.REDUCED
    answers = [(one.device, one.outcome) for one in ack.devices]
    assert answers == [
        ("g1", Outcome.REFUSED),
        ("b", Outcome.REDUCED),
        ("nowhere", Outcome.REFUSED),
        ("b", Outcome.REFUSED),
    ]
    assert "epa_emergency forbids demand" in ack.devices[0].reason
    assert toy.orders == [("b", "set_power_kw", 40.0)]
    assert toy.ask("g1", 30.0).outcome is Outcome.REFUSED
    assert toy.ask("g1", 30.0, purpose=Purpose.EXERCISE).outcome is Outcome.ACCEPTED


def test_the_export_limit_counts_all_that_is_ordered_in_one_command() -> None:
    toy = site(export_kw=60.0)
    # 20 kW of sun less 10 kW of load go out already: 50 kW are left, 10 of them after g1.
    ack = toy.send(toy.command(Setpoint("g1", Order.RUN, 40.0), Setpoint("b", Order.RUN, 40.0)))
    assert ack.outcome is Outcome.REDUCED
    assert ack.devices[0].device == "b"
    toy.run(60.0)
    assert toy.poi_kw == pytest.approx(60.0, abs=1.0)


def test_a_purpose_of_outage_is_never_taken_from_a_center() -> None:
    toy = site()
    ack = toy.ask("g1", 30.0, purpose=Purpose.OUTAGE)
    assert ack.outcome is Outcome.REFUSED
    assert toy.orders == []


def test_a_lapsed_engine_ramps_down_and_stops() -> None:
    toy = site()
    toy.ask("g1", 50.0)
    toy.run(59.0)
    assert toy.engines["g1"].power_kw == pytest.approx(50.0)
    toy.orders.clear()
    toy.run(1.0)
    powers = []
    for _ in range(40):
        toy.step()
        powers.append(toy.engines["g1"].power_kw)
    falls = [a - b for a, b in itertools.pairwise(powers)]
    assert max(falls[:26]) <= 2.5 * 0.5 + 1e-9
    assert toy.engines["g1"].state == COOLING
    assert any("lapsed:g1" in report.alarms for report in toy.reports)
    toy.run(120.0)
    assert toy.engines["g1"].state == IDLE
    assert names(toy, "g1").count("start") == 0


def test_a_lapsed_store_goes_to_zero_and_panels_back_to_the_sun() -> None:
    toy = site()
    toy.ask("b", -40.0)
    toy.send(toy.command(Setpoint("p", Order.RUN, 0.0)))
    toy.run(50.0)
    assert (toy.battery.power_kw, toy.panels.power_kw) == (-40.0, 0.0)
    toy.run(60.0)
    assert (toy.battery.power_kw, toy.panels.power_kw) == (0.0, 20.0)
    orders = len(toy.orders)
    toy.run(60.0)
    assert len(toy.orders) == orders


def test_panels_at_full_rating_lapse_without_a_word_or_an_order() -> None:
    toy = site()
    toy.ask("p", 30.0)
    toy.run(50.0)
    toy.orders.clear()
    toy.run(60.0)
    assert toy.orders == []
    assert "lapsed:p" not in toy.reports[-1].alarms


def test_a_renewed_setpoint_holds_without_a_gap() -> None:
    toy = site()
    toy.ask("g1", 30.0)
    for _ in range(10):
        toy.run(40.0)
        assert toy.ask("g1", 30.0).outcome is Outcome.ACCEPTED
    assert toy.engines["g1"].state == RUNNING
    assert names(toy, "g1") == ["start", "set_power_kw"]
    toy.step()
    assert toy.acks[-1].outcome is Outcome.DONE


def test_a_must_run_set_lapses_to_its_minimum_load_and_stays_on() -> None:
    toy = site(must_run=True)
    toy.ask("g1", 50.0)
    toy.run(200.0)
    assert toy.engines["g1"].state == RUNNING
    assert toy.engines["g1"].power_kw == pytest.approx(15.0)


def test_a_set_found_running_is_adopted_for_a_while_then_stopped() -> None:
    toy = ToySite()
    toy.engines["g1"].state = RUNNING
    toy.engines["g1"].setpoint_kw = 40.0
    toy.run(50.0)
    assert toy.engines["g1"].state == RUNNING
    toy.run(60.0)
    assert toy.engines["g1"].state == COOLING


def test_a_set_that_a_person_runs_by_hand_is_left_alone() -> None:
    toy = ToySite()
    toy.engines["g1"].state, toy.engines["g1"].mode = RUNNING, 1.0
    toy.run(200.0)
    assert names(toy, "g1") == []


def test_a_store_that_empties_goes_to_zero_at_its_floor() -> None:
    toy = site()
    toy.battery.energy_kwh = 16.2  # floor: a fifth of 80 kWh
    toy.ask("b", 40.0)
    toy.run(60.0)
    assert toy.battery.power_kw == 0.0
    assert toy.battery.energy_kwh == pytest.approx(16.0, abs=0.05)


def test_a_run_ends_when_fuel_is_down_to_the_reserve() -> None:
    toy = site()
    toy.ask("g1", 30.0, expires_at_ms=toy.now_ms + 3_600_000)
    toy.run(30.0)
    toy.engines["g1"].fuel_l = 150.0
    toy.run(30.0)
    assert toy.engines["g1"].state == COOLING
    assert toy.ask("g1", 30.0).outcome is Outcome.REFUSED


def test_permit_hours_are_counted_from_the_hour_meter_and_end_the_run() -> None:
    toy = ToySite(fleet(permit="epa_emergency"))
    toy.run(2.0)
    toy.ask("g1", 30.0, purpose=Purpose.EXERCISE, expires_at_ms=toy.now_ms + 10**9)
    toy.run(30.0)
    toy.engines["g1"].run_h += 89.0
    toy.run(5.0)
    assert toy.engines["g1"].state == RUNNING
    toy.engines["g1"].run_h += 1.0
    toy.run(20.0)
    assert toy.engines["g1"].state == COOLING
    ack = toy.ask("g1", 30.0, purpose=Purpose.EXERCISE)
    assert "invariant 4" in ack.devices[0].reason


def test_hours_in_an_outage_do_not_count() -> None:
    toy = ToySite(fleet(permit="epa_emergency"))
    toy.run(2.0)
    toy.utility_ok = False
    toy.run(60.0)
    toy.engines["g1"].run_h += 500.0
    toy.run(2.0)
    toy.utility_ok = True
    toy.run(1500.0, 2.0)
    assert toy.ask("g1", 30.0, purpose=Purpose.EXERCISE).outcome is Outcome.ACCEPTED


# A transfer switch.


def test_behind_a_switch_the_site_carries_its_own_load_and_goes_back() -> None:
    toy = site(kind="transfer_switch", export_kw=0.0)
    toy.panels.sun_kw = 0.0
    ack = toy.ask("g1", 50.0)
    assert ack.outcome is Outcome.REDUCED
    toy.run(20.0)
    assert toy.supply == LOCAL
    assert toy.acks[-1].outcome is Outcome.DONE
    assert toy.acks[-1].devices[0].measured_kw == pytest.approx(10.0)
    toy.tell("g1", Order.STOP)
    toy.run(5.0)
    assert not toy.switched_local
    assert toy.engines["g1"].state == COOLING
    assert [order for key, order, _ in toy.orders if key == "panel.s"] == [
        "transfer_to_local",
        "transfer_to_utility",
    ]


def test_behind_a_switch_a_lapse_transfers_back_before_the_stop() -> None:
    toy = site(kind="transfer_switch", export_kw=0.0)
    toy.panels.sun_kw = 0.0
    toy.ask("g1", 10.0)
    toy.run(59.0)
    toy.orders.clear()
    toy.run(10.0)
    kinds = [order for key, order, _ in toy.orders if key in ("g1", "panel.s")]
    assert kinds == ["transfer_to_utility", "stop"]


def test_a_stuck_switch_keeps_the_set_running_and_raises_an_alarm() -> None:
    toy = site(kind="transfer_switch", export_kw=0.0)
    toy.ask("g1", 10.0)
    toy.run(30.0)
    toy.stuck = True
    toy.tell("g1", Order.STOP)
    toy.run(30.0)
    assert toy.engines["g1"].state == RUNNING
    assert "transfer_stuck" in toy.reports[-1].alarms


def test_a_set_that_trips_on_local_gives_the_load_back_to_the_utility() -> None:
    toy = site(kind="transfer_switch", export_kw=0.0)
    toy.ask("g1", 10.0, expires_at_ms=toy.now_ms + 10**6)
    toy.run(30.0)
    toy.engines["g1"].state = FAULT
    toy.run(1.0)
    assert not toy.switched_local


# Failures.


def test_a_failed_start_is_told_with_its_reason_and_not_tried_again() -> None:
    toy = site()
    toy.engines["g1"].fails = True
    toy.ask("g1", 30.0, expires_at_ms=toy.now_ms + 10**6)
    toy.run(11.0)
    failed = toy.acks[-1]
    assert failed.outcome is Outcome.FAILED
    assert "fail_to_start" in failed.devices[0].reason
    toy.run(300.0)
    assert toy.engines["g1"].starts_ordered == 1
    assert "invariant 6" in toy.ask("g1", 30.0).devices[0].reason
    assert toy.tell("g1", Order.RESET).outcome is Outcome.ACCEPTED
    toy.engines["g1"].fails = False
    toy.run(600.0, 4.0)
    assert toy.ask("g1", 30.0).outcome is Outcome.ACCEPTED
    toy.run(30.0)
    assert toy.acks[-1].outcome is Outcome.DONE


def test_a_set_that_does_not_react_to_a_start_fails_within_the_bound() -> None:
    toy = site()
    toy.engines["g1"].deaf = True
    toy.ask("g1", 30.0)
    toy.run(20.0)
    assert toy.acks[-1].outcome is Outcome.FAILED
    assert toy.acks[-1].reason == "did not react to the start order"
    assert 2 <= toy.engines["g1"].starts_ordered <= 5
    toy.engines["g1"].deaf = False
    toy.run(60.0)
    assert toy.engines["g1"].state == IDLE


def test_a_device_that_ignores_its_setpoint_is_reported() -> None:
    toy = site()
    toy.battery.deaf = True
    toy.ask("b", 20.0)
    toy.run(30.0)
    assert toy.acks[-1].outcome is Outcome.FAILED
    assert toy.acks[-1].reason == "asked run 20.0 kW, measured 0.0 kW"


def test_a_device_that_stops_answering_is_marked_and_its_setpoint_fails() -> None:
    toy = site()
    toy.silent.add("b")
    toy.ask("b", 20.0)
    toy.run(10.0)
    assert toy.reports[-1].devices[2].quality is Quality.STALE
    toy.run(20.0)
    assert toy.acks[-1].outcome is Outcome.FAILED
    assert "no answer" in toy.acks[-1].reason
    toy.run(60.0)
    reading = toy.reports[-1].devices[2]
    assert (reading.quality, reading.state) == (Quality.BAD, DeviceState.UNKNOWN)
    assert "invariant 9" in toy.ask("b", 20.0).devices[0].reason
    toy.silent.clear()
    toy.step()
    assert toy.reports[-1].devices[2].quality is Quality.GOOD


def test_a_silent_panel_ends_what_is_sent_out_within_its_limit() -> None:
    toy = site()
    toy.ask("b", 20.0, expires_at_ms=toy.now_ms + 10**6)
    toy.run(5.0)
    toy.panel_silent = True
    toy.run(9.0)
    assert toy.battery.power_kw == 20.0
    assert toy.reports[-1].supply is Supply.UNKNOWN
    toy.run(35.0)
    assert toy.battery.power_kw == 0.0
    assert "invariant 2" in toy.ask("b", 20.0).devices[0].reason
    assert toy.ask("b", -20.0).outcome is Outcome.ACCEPTED


def test_panels_are_held_to_the_export_limit_and_released() -> None:
    toy = site(export_kw=0.0)
    toy.load_kw = 12.0
    toy.panels.sun_kw = 28.0
    toy.run(10.0)
    assert toy.poi_kw <= 0.6
    assert toy.panels.power_kw == pytest.approx(12.0, abs=1.01)
    toy.load_kw = 40.0
    toy.run(60.0)
    assert toy.panels.power_kw == pytest.approx(28.0)


def test_panels_come_back_after_a_reset_whatever_held_them() -> None:
    toy = site(export_kw=0.0)
    toy.run(70.0)
    assert toy.panels.power_kw == pytest.approx(10.0, abs=1.01)
    toy.tell("p", Order.RESET)
    toy.load_kw = 50.0
    toy.run(200.0)
    assert toy.panels.power_kw == pytest.approx(20.0)


def test_an_emergency_stop_latches_through_a_restart_until_reset() -> None:
    toy = site()
    toy.ask("g1", 30.0)
    toy.run(30.0)
    changes = toy.agent.urgent_changes
    assert toy.tell("g1", Order.EMERGENCY_STOP).outcome is Outcome.ACCEPTED
    assert toy.agent.urgent_changes > changes
    assert toy.engines["g1"].state == LOCKED
    toy.engines["g1"].state = IDLE
    again = SiteAgent(toy.fleet, "s", toy.config)
    again.restore(toy.agent.memory())
    toy.agent = again
    toy.run(700.0, 4.0)
    assert "invariant 7" in toy.ask("g1", 30.0).devices[0].reason
    assert toy.tell("g1", Order.RESET).outcome is Outcome.ACCEPTED
    toy.run(2.0)
    assert toy.ask("g1", 30.0).outcome is Outcome.ACCEPTED


# Who commands.


def test_two_centers_at_once_the_older_is_refused() -> None:
    toy = site()
    assert toy.ask("b", 10.0, center_id="A", fence=1).outcome is Outcome.ACCEPTED
    assert toy.ask("b", 20.0, center_id="B", fence=2, sequence=1).outcome is Outcome.ACCEPTED
    toy.orders.clear()
    refused = toy.ask("b", 30.0, center_id="A", fence=1)
    assert refused.outcome is Outcome.REFUSED
    assert refused.reason == "fence 1 is older than 2 of B"
    assert (refused.highest_fence, refused.fence_holder) == (2, "B")
    assert toy.orders == []
    toy.run(21.0)
    assert (toy.reports[-1].highest_fence, toy.reports[-1].fence_holder) == (2, "B")


def test_a_lease_shuts_the_older_center_out_before_the_newer_speaks() -> None:
    toy = site()
    lease = Frame(toy.agent.topics.lease, encode(Lease("B", 5, toy.now_ms)), toy.now_ms)
    assert toy.agent.receive(toy.now_ms, lease).frames == []
    assert toy.ask("b", 10.0, fence=4).outcome is Outcome.REFUSED


def test_a_duplicate_is_acknowledged_and_not_repeated() -> None:
    toy = site()
    command = toy.command(Setpoint("g1", Order.RUN, 30.0))
    toy.send(command)
    toy.run(30.0)
    toy.orders.clear()
    again = toy.send(command)
    assert (again.outcome, again.reason) == (Outcome.DUPLICATE, "already done")
    assert toy.orders == []


def test_a_late_an_early_and_an_expired_command_do_nothing() -> None:
    toy = site()
    late = toy.command(Setpoint("b", Order.RUN, 1.0), issued_at_ms=toy.now_ms - 10_000)
    early = toy.command(Setpoint("b", Order.RUN, 1.0), issued_at_ms=toy.now_ms + 10_000)
    expired = toy.command(Setpoint("b", Order.RUN, 1.0), expires_at_ms=toy.now_ms)
    assert toy.send(late).outcome is Outcome.REFUSED
    assert toy.send(early).outcome is Outcome.REFUSED
    assert toy.send(expired).outcome is Outcome.EXPIRED
    assert toy.orders == []
    toy.step()
    assert "command_refused" in toy.reports[-1].alarms


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"kind":"command"}',
        b"[" * 100_000,
        b"x" * (MAX_PAYLOAD_BYTES + 1),
        b'{"kind":"command","v":99}',
    ],
)
def test_what_cannot_be_understood_is_counted_and_told(payload: bytes) -> None:
    toy = site()
    for topic in (toy.agent.topics.command("s"), toy.agent.topics.lease, "elsewhere"):
        output = toy.agent.receive(toy.now_ms, Frame(topic, payload, toy.now_ms))
        assert (output.frames, output.orders) == ([], [])
    assert toy.agent.counts["bad"] == 3
    toy.step()
    assert "bad_message" in toy.reports[-1].alarms
    toy.run(70.0)
    assert "bad_message" not in toy.reports[-1].alarms


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), float("-inf")])
def test_a_controller_that_gives_no_number_is_as_good_as_silent(nonsense: float) -> None:
    toy = site()
    for _ in range(60):
        toy.now_ms += 500
        image = toy.image()
        for key, name in (("b", "power_kw"), ("g1", "available_kw"), ("meter.u", "power_kw")):
            image[key] = {**(image[key] or {}), name: nonsense}
        image["panel.s"] = {**(image["panel.s"] or {}), "voltage_pu": nonsense}
        toy.take(toy.agent.scan(toy.now_ms, image))
    readings = {one.device: one for one in toy.reports[-1].devices}
    assert readings["b"].quality is Quality.STALE
    assert readings["g1"].quality is Quality.BAD
    assert readings["p"].quality is Quality.GOOD
    assert toy.reports[-1].voltage_pu == 0.0
    assert "bad_value" in toy.reports[-1].alarms
    assert toy.demands[-1].at_ms < toy.now_ms - 25_000
    assert "to 0.0 kW, invariant 9" in toy.ask("b", 20.0).devices[0].reason


# Local duty.


def test_on_utility_loss_market_duty_ends_and_a_set_starts_in_the_same_scan() -> None:
    toy = site()
    toy.ask("b", 20.0)
    toy.run(2.0)
    toy.orders.clear()
    toy.utility_ok = False
    toy.step()
    assert toy.agent.local_duty
    assert ("b", "set_power_kw", 0.0) in toy.orders
    assert ("g1", "start", 1.0) in toy.orders
    assert toy.reports[-1].utility_ok is False
    assert "local_duty" in toy.reports[-1].alarms
    toy.run(15.0)
    assert toy.supply == LOCAL
    assert toy.engines["g2"].starts_ordered == 0
    assert toy.poi_kw <= 0.0


def test_a_command_under_way_at_the_loss_fails_for_that_reason() -> None:
    toy = site()
    toy.ask("g2", 30.0)
    toy.run(2.0)
    toy.utility_ok = False
    toy.step()
    assert toy.acks[-1].outcome is Outcome.FAILED
    assert "utility is lost" in toy.acks[-1].reason


def test_a_running_set_takes_the_load_at_once_and_the_others_stop() -> None:
    toy = site()
    toy.send(toy.command(Setpoint("g1", Order.RUN, 30.0), Setpoint("g2", Order.RUN, 30.0)))
    toy.run(40.0)
    toy.utility_ok = False
    toy.orders.clear()
    toy.step()
    assert ("panel.s", "transfer_to_local", 1.0) in toy.orders
    assert ("g2", "stop", 1.0) in toy.orders
    assert toy.switched_local
    assert names(toy, "g1") == []


def test_a_stop_that_lapses_in_an_outage_starts_nothing() -> None:
    toy = site()
    toy.utility_ok = False
    toy.run(5.0)
    assert toy.tell("p", Order.STOP).outcome is Outcome.ACCEPTED
    toy.run(100.0)
    assert toy.panels.power_kw == 0.0
    toy.utility_ok = True
    toy.run(310.0)
    assert toy.panels.power_kw == 20.0


def test_a_set_that_does_not_answer_is_asked_after_those_that_do() -> None:
    toy = site()
    toy.silent.add("g1")
    toy.run(10.0)
    toy.utility_ok = False
    toy.run(20.0)
    assert names(toy, "g1") == []
    assert toy.supply == LOCAL


def test_the_next_set_follows_a_failed_one() -> None:
    toy = site()
    toy.engines["g1"].fails = True
    toy.utility_ok = False
    toy.run(11.0)
    assert toy.engines["g2"].starts_ordered == 1
    assert "backup_failed:g1" in toy.reports[-1].alarms
    toy.run(15.0)
    assert toy.supply == LOCAL
    assert toy.engines["g1"].starts_ordered == 1


def test_the_next_set_follows_one_that_does_not_react_or_trips_later() -> None:
    toy = site()
    toy.engines["g1"].deaf = True
    toy.utility_ok = False
    toy.run(16.0)
    assert toy.engines["g2"].starts_ordered == 1
    toy.run(15.0)
    assert toy.supply == LOCAL
    toy.engines["g1"].deaf = False
    toy.engines["g2"].state = FAULT
    toy.run(60.0)
    assert "no_engine_for_own_load" in toy.reports[-1].alarms
    assert toy.engines["g1"].starts_ordered <= 4
    toy.tell("g1", Order.RESET)
    toy.run(20.0)
    assert toy.supply == LOCAL


def test_sets_are_added_until_the_load_is_covered() -> None:
    toy = site(load_kw=80.0)
    toy.utility_ok = False
    toy.step()
    assert [toy.engines[key].starts_ordered for key in ("g1", "g2")] == [1, 1]
    toy.run(15.0)
    assert toy.supply == LOCAL
    assert toy.running == 2


def test_a_center_does_not_break_local_duty_but_an_emergency_stop_does() -> None:
    toy = site()
    toy.utility_ok = False
    toy.run(20.0)
    for setpoint in (
        Setpoint("g1", Order.STOP),
        Setpoint("g2", Order.RUN, 30.0),
        Setpoint("b", Order.RUN, 10.0),
        Setpoint("g2", Order.RUN, 10.0, Purpose.OUTAGE),
    ):
        ack = toy.send(toy.command(setpoint))
        assert ack.outcome is Outcome.REFUSED
        assert "invariant 1" in ack.reason
    toy.run(5.0)
    assert toy.supply == LOCAL
    assert toy.tell("g1", Order.EMERGENCY_STOP).outcome is Outcome.ACCEPTED
    toy.run(20.0)
    assert toy.engines["g1"].state == LOCKED
    assert toy.engines["g2"].state == RUNNING
    assert toy.supply == LOCAL


def test_the_site_goes_back_after_the_return_time_and_cools_down() -> None:
    toy = site()
    toy.utility_ok = False
    toy.run(60.0)
    toy.utility_ok = True
    toy.run(200.0)
    toy.utility_ok = False  # a flicker starts the wait anew
    toy.run(1.0)
    toy.utility_ok = True
    toy.run(299.0)
    assert toy.supply == LOCAL
    assert toy.ask("b", 10.0).outcome is Outcome.REFUSED
    toy.run(5.0)
    assert not toy.switched_local
    assert toy.engines["g1"].state == COOLING
    assert not toy.agent.local_duty
    assert "local_duty" not in toy.reports[-1].alarms
    assert toy.panels.power_kw == 20.0
    assert toy.ask("b", 10.0).outcome is Outcome.ACCEPTED


def test_returns_are_spread_over_the_sites() -> None:
    toy = ToySite(config=AgentConfig(return_after_s=10.0, return_spread_s=120.0))
    toy.run(2.0)
    toy.utility_ok = False
    toy.run(30.0)
    toy.utility_ok = True
    waited_s = 0.0
    while toy.switched_local:
        toy.step()
        waited_s += 0.5
    assert 10.0 < waited_s <= 131.0


def test_a_short_dip_before_the_set_is_ready_leaves_the_load_on_the_utility() -> None:
    toy = site()
    toy.utility_ok = False
    toy.run(2.0)
    toy.utility_ok = True
    toy.run(60.0)
    assert not toy.switched_local
    toy.run(260.0)
    assert toy.engines["g1"].state == COOLING
    assert not toy.agent.local_duty


def test_a_site_without_a_load_of_its_own_starts_nothing() -> None:
    toy = site(load_kw=0.0)
    toy.utility_ok = False
    toy.run(60.0)
    assert toy.running == 0
    assert toy.agent.local_duty


def test_a_set_that_a_person_holds_is_not_started_and_the_next_one_is() -> None:
    toy = site()
    toy.engines["g1"].mode = 0.0
    toy.utility_ok = False
    toy.run(1.0)
    assert names(toy, "g1") == []
    assert names(toy, "g2")[0] == "start"


def test_a_must_run_set_that_cannot_form_a_grid_is_unloaded_but_not_stopped() -> None:
    toy = site(must_run=True, grid_forming=False)
    toy.ask("g1", 40.0)
    toy.run(30.0)
    toy.utility_ok = False
    toy.orders.clear()
    toy.run(10.0)
    assert toy.orders[0] == ("g1", "set_power_kw", 0.0)
    assert "stop" not in names(toy, "g1")
    assert "no_engine_for_own_load" in toy.reports[-1].alarms
    toy.utility_ok = True
    toy.run(310.0)
    assert "stop" not in names(toy, "g1")
    assert not toy.agent.local_duty


def test_a_restart_in_an_outage_carries_on() -> None:
    toy = site()
    toy.utility_ok = False
    toy.run(30.0)
    again = SiteAgent(toy.fleet, "s", toy.config)
    again.restore(toy.agent.memory())
    toy.agent = again
    toy.run(60.0)
    assert toy.supply == LOCAL
    toy.utility_ok = True
    toy.run(310.0)
    assert not toy.switched_local
    assert toy.engines["g1"].state == COOLING


# What is said.


def test_a_quiet_site_speaks_by_heartbeat() -> None:
    toy = site()
    toy.reports.clear()
    toy.demands.clear()
    toy.run(100.0)
    assert len(toy.reports) == 5
    assert len(toy.demands) == 5
    sequences = [one.sequence for one in (*toy.reports, *toy.demands)]
    assert len(set(sequences)) == 10


def test_a_changed_meter_is_published_in_the_same_scan_a_small_change_is_not() -> None:
    toy = site()
    toy.demands.clear()
    toy.meter_kw = 5.19  # 1 % of the 20 kW peak is 0.2
    toy.step()
    assert toy.demands == []
    toy.meter_kw = 5.3
    toy.step()
    assert toy.demands[-1].at_ms == toy.now_ms
    assert toy.demands[-1].readings[0].power_kw == 5.3


def test_a_silent_meter_is_absent_never_zero() -> None:
    toy = site()
    toy.meter_kw = None
    toy.demands.clear()
    toy.run(100.0)
    assert toy.demands == []
    toy.meter_kw = 6.0
    toy.step()
    assert len(toy.demands) == 1


def test_a_change_of_state_is_told_at_once() -> None:
    toy = site()
    toy.ask("g1", 30.0)
    toy.run(0.5)
    assert toy.reports[-1].devices[0].state is DeviceState.STARTING
    toy.engines["g1"].mode = 1.0
    toy.step()
    assert toy.reports[-1].devices[0].mode is SwitchMode.MANUAL


def test_figures_are_rounded_to_three_decimals() -> None:
    toy = site()
    toy.battery.setpoint_kw = 1.23456789
    toy.run(1.0)
    assert toy.reports[-1].devices[2].power_kw == 1.235


def test_a_restarted_gateway_keeps_the_fence_the_ids_and_its_own_numbers() -> None:
    toy = site()
    command = toy.command(Setpoint("b", Order.RUN, 10.0), fence=7)
    toy.send(command)
    toy.step()
    last = max(report.sequence for report in toy.reports)
    again = SiteAgent(toy.fleet, "s", toy.config)
    again.restore(toy.agent.memory())
    toy.agent = again
    toy.orders.clear()
    assert toy.send(command).outcome is Outcome.DUPLICATE
    assert toy.ask("b", 1.0, fence=6).outcome is Outcome.REFUSED
    assert toy.orders == []
    toy.step()
    assert toy.reports[-1].sequence > last
    assert toy.reports[-1].highest_fence == 7
    assert toy.reports[-1].at_ms > T0_MS
