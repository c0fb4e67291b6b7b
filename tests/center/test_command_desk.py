"""Life of a command at the center."""

from __future__ import annotations

from gridmuster.center.commands import CommandDesk, DeskMemory
from gridmuster.center.config import CenterConfig
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.signals import Ack, DeviceOutcome, Order, Outcome, Purpose, Setpoint, SiteCommand

T0 = 1_700_000_000_000
FLEET: Fleet = generate(12, 3)
DEVICE = max(
    (device for device in FLEET.devices if isinstance(device, Generator)),
    key=lambda device: device.rated_kw,
)


def desk() -> CommandDesk:
    return CommandDesk(FLEET, CenterConfig(), DeskMemory())


def issue(one: CommandDesk, at_s: float, *setpoints: Setpoint) -> list[SiteCommand]:
    return one.issue(T0 + int(at_s * 1000), "c1", 3, {DEVICE.site: list(setpoints)})


def run(power_kw: float) -> Setpoint:
    return Setpoint(DEVICE.id, Order.RUN, power_kw)


def ack(command: SiteCommand, outcome: Outcome, reason: str = "") -> Ack:
    return Ack(
        command.site,
        T0 + 1000,
        command.id,
        command.fence,
        command.sequence,
        outcome,
        reason,
        tuple(DeviceOutcome(s.device, outcome, reason) for s in command.setpoints),
        3,
        "c1",
    )


def test_sends_once_then_waits_for_a_change_beyond_the_deadband() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    one.take_ack(ack(first, Outcome.ACCEPTED), T0 + 500)
    assert issue(one, 4, run(100.0 + 0.005 * DEVICE.rated_kw)) == []
    (second,) = issue(one, 8, run(100.0 + 0.02 * DEVICE.rated_kw))
    assert second.sequence == first.sequence + 1
    assert second.id != first.id
    assert second.expires_at_ms - second.issued_at_ms == 120_000


def test_small_drifts_never_add_up_unseen() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    one.take_ack(ack(first, Outcome.ACCEPTED), T0 + 500)
    sent = [100.0]
    for k in range(1, 200):
        wished = 100.0 + 0.001 * DEVICE.rated_kw * k
        for command in issue(one, 0.1 * k, run(wished)):
            one.take_ack(ack(command, Outcome.ACCEPTED), T0 + 100 * k)
            sent.append(command.setpoints[0].power_kw)
        assert abs(sent[-1] - wished) <= 0.01 * DEVICE.rated_kw + 1e-9


def test_renews_at_a_third_of_its_life_with_what_was_asked() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    one.take_ack(ack(first, Outcome.DONE), T0 + 500)
    assert issue(one, 39, run(100.1)) == []
    (again,) = issue(one, 40, run(100.1))
    assert again.setpoints == first.setpoints
    assert again.sequence == first.sequence + 1


def test_a_stop_or_a_zero_is_not_renewed() -> None:
    for setpoint in (Setpoint(DEVICE.id, Order.STOP), run(0.0)):
        one = desk()
        (first,) = issue(one, 0, setpoint)
        one.take_ack(ack(first, Outcome.DONE), T0 + 500)
        assert issue(one, 100, setpoint) == []


def test_retries_a_bounded_number_of_times_then_names_the_site() -> None:
    one = desk()
    issue(one, 0, run(100.0))
    sent = sum(len(issue(one, 1.0 * k, run(100.0))) for k in range(1, 60))
    assert one.memory.unanswered_sites == [DEVICE.site]
    assert one.memory.commands == sent + 1
    # Two more tries 12 s apart, then only the renewals that keep a running device alive.
    assert sent <= 2 + 2


def test_books_every_outcome() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    refusals = one.take_ack(ack(first, Outcome.REFUSED, "fuel"), T0 + 500)
    assert [(r.device, r.reason) for r in refusals] == [(DEVICE.id, "fuel")]
    assert (one.memory.acknowledged, one.memory.refused) == (0, 1)
    view = one.memory.recent[-1]
    assert (view.outcome, view.reason, view.latency_s) == ("refused", "fuel", 0.5)


def test_an_answer_to_an_older_command_is_not_an_answer_to_the_newest() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    (second,) = issue(one, 4, run(0.5 * DEVICE.rated_kw))
    assert one.take_ack(ack(first, Outcome.REFUSED), T0 + 4500) == []
    assert not one.memory.sent[DEVICE.site].answered
    one.take_ack(ack(second, Outcome.ACCEPTED), T0 + 4600)
    assert one.memory.sent[DEVICE.site].answered


def test_a_change_of_purpose_is_told() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    one.take_ack(ack(first, Outcome.DONE), T0 + 500)
    assert len(issue(one, 4, Setpoint(DEVICE.id, Order.RUN, 100.0, Purpose.OPERATOR))) == 1


def test_a_command_refused_as_such_is_sent_again_and_blames_no_device() -> None:
    one = desk()
    (first,) = issue(one, 0, run(100.0))
    late = Ack(first.site, T0 + 9000, first.id, 3, 1, Outcome.REFUSED, "issued 9.0 s ago")
    assert one.take_ack(late, T0 + 9000) == []
    assert one.memory.refused == 1
    (again,) = issue(one, 12, run(100.0))
    assert again.setpoints == first.setpoints and again.id != first.id


def test_a_stop_that_nobody_answered_is_asked_until_somebody_does() -> None:
    one = desk()
    stop = Setpoint(DEVICE.id, Order.EMERGENCY_STOP)
    issue(one, 0, stop)
    sent = [command for k in range(1, 900) for command in issue(one, 4.0 * k, stop)]
    assert len(sent) > 3600 / 40 - 5
    one.take_ack(ack(sent[-1], Outcome.ACCEPTED), T0 + 3_600_000)
    assert one.memory.unanswered_sites == []
    assert issue(one, 3700, stop) == []


def test_sun_held_at_nothing_is_renewed_for_it_would_come_back() -> None:
    panels = next(device for device in FLEET.devices if device.type == "photovoltaic")
    one = desk()
    wish = {panels.site: [Setpoint(panels.id, Order.RUN, 0.0)]}
    (first,) = one.issue(T0, "c1", 3, wish)
    one.take_ack(ack(first, Outcome.DONE), T0 + 500)
    assert len(one.issue(T0 + 40_000, "c1", 3, wish)) == 1
