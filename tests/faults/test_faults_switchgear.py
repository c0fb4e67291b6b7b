"""The gateway beside a switchgear: what it does alone, and what it refuses."""

from __future__ import annotations

import pytest
from island_rig import FLEET, RUNNING, T0_MS, Rig

from gridmuster.gateway.agent import SiteAgent
from gridmuster.gateway.config import AgentConfig
from gridmuster.signals import Ack, Frame, SiteCommand, decode, encode
from gridmuster.switching import Switching


def run(rig: Rig, ticks: int, *, utility: bool = False, shows: str = "true", link: str = "up"):
    for _ in range(ticks):
        rig.tick(utility, shows, link, "", 4, None)


def living() -> Rig:
    """An area whose first former holds the bus."""
    rig = Rig()
    run(rig, 30)
    assert rig.plant.formed
    return rig


def alarms(rig: Rig) -> set[str]:
    assert rig.report is not None
    return set(rig.report.alarms)


def test_the_breaker_is_opened_without_a_center() -> None:
    rig = Rig()
    run(rig, 4, link="lost")
    assert not rig.plant.closed
    assert not rig.plant.formed
    assert rig.plant.permitted == 0


def test_what_runs_goes_on_when_the_center_falls_silent() -> None:
    rig = living()
    steps = dict(rig.plant.steps)
    run(rig, 100, link="lost")
    assert rig.plant.formed
    assert rig.plant.steps == steps
    rig.plant.on["gas-1"] = rig.plant.on["gas-2"] = rig.plant.on["pack"] = 0.0
    run(rig, 100, link="lost")
    # Nothing is started, and nothing permitted, for want of a wish.
    assert not rig.plant.formed
    assert not any(rig.plant.on.values())


def test_a_restarted_gateway_keeps_its_duty_and_starts_nothing() -> None:
    rig = living()
    kept = rig.agent.memory()
    rig.agent = SiteAgent(FLEET, "plant", AgentConfig(scan_s=4.0))
    rig.agent.restore(kept)
    run(rig, 40, link="lost")
    assert rig.agent.local_duty
    assert rig.plant.formed
    assert any(state == RUNNING for state in rig.plant.on.values())
    run(rig, 60)
    assert rig.plant.formed


def test_a_permission_is_taken_back_when_the_switchgear_falls_silent() -> None:
    rig = Rig()
    rig.plant.on = dict.fromkeys(rig.plant.on, 0.0)
    for _ in range(30):
        rig.tick(False, "true", "up", "", 4, None)
        if rig.plant.permitted:
            break
        rig.plant.on = dict.fromkeys(rig.plant.on, 0.0)
    assert rig.plant.permitted
    rig.plant.on = dict.fromkeys(rig.plant.on, 0.0)
    run(rig, 1, shows="silent")
    assert rig.plant.permitted == 0


def test_a_breaker_that_sticks_is_told_of() -> None:
    rig = Rig()
    rig.plant.stuck = True
    run(rig, 8)
    assert {"coupling_stuck", "island_duty"} <= alarms(rig)
    rig.plant.stuck = False
    run(rig, 8)
    assert "coupling_stuck" not in alarms(rig)


def test_a_wish_that_cannot_be_is_answered_with_the_reason() -> None:
    rig = Rig()
    run(rig, 2, utility=True)
    rig.tick(True, "true", "up", "", 4, Switching(former="gas-1", resynchronise=True))
    (answer,) = rig.acks[-1].devices
    assert (answer.device, answer.outcome) == ("main-tie", "refused")
    assert "closed, not open" in answer.reason
    assert rig.plant.permitted == 0


def test_a_site_without_switchgear_refuses_a_wish_for_one() -> None:
    agent = SiteAgent(FLEET, "tower", AgentConfig())
    command = SiteCommand(
        "c1.1.tower.1", "tower", "c1", 1, 1, T0_MS, T0_MS + 60_000, (), Switching(former="gas-1")
    )
    frame = Frame(agent.topics.command("tower"), encode(command), T0_MS)
    out = agent.receive(T0_MS, frame)
    ack = decode(out.frames[0].payload, Ack)
    assert ack.devices[0].reason == "no switchgear of an area at this site"


@pytest.mark.parametrize("seconds", [4, 130])
def test_an_older_center_moves_no_switch(seconds: int) -> None:
    """A wish under a fence that was overtaken is refused like any command."""
    rig = living()
    topic = rig.agent.topics.command("plant")
    issued_ms = rig.now_ms
    for fence, center in ((7, "c7"), (2, "c2")):
        wish = Switching(steps=("pool",)) if center == "c2" else None
        command = SiteCommand(
            f"{center}.{fence}", "plant", center, fence, 1, issued_ms, issued_ms + 60_000, (), wish
        )
        out = rig.agent.receive(rig.now_ms, Frame(topic, encode(command), rig.now_ms))
        rig.apply(out, up=True)
    assert rig.acks[-1].outcome == "refused"
    before = dict(rig.plant.steps)
    rig.tick(False, "true", "lost", "", seconds, None)
    assert rig.plant.steps == before
