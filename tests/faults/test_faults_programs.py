"""Programs have sets called for what they hear: on their ground, merged, ended, and replayed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lockstep_plant import Plant, today

from gridmuster.center.programmemory import Asked
from gridmuster.center.view import ActivationView
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.programs import GridAlert, Programs, Webhook
from gridmuster.signals import (
    Action,
    Alert,
    Frame,
    OperatorRequest,
    ProgramSignal,
    Purpose,
    Scope,
    encode,
)

ALERT = GridAlert(id="north-alert", eea2_kw=300.0, eea3_kw=500.0)
HOOK = Webhook(id="north-hook", power_kw=400.0)


def fleet_with(**programs: Any) -> Fleet:
    """Twelve sites of one seed whose area north has programs."""
    fleet = generate(12, 1)
    areas = tuple(
        area.model_copy(update={"programs": Programs(**programs)}) if area.id == "north" else area
        for area in fleet.areas
    )
    return fleet.model_copy(update={"areas": areas})


def tell(plant: Plant, program: str, event: str, **changes: Any) -> str:
    """Hand the center what its API takes from a utility's webhook."""
    plant.asked += 1
    signal = ProgramSignal(program, event, **changes)
    request = OperatorRequest(
        f"tell-{plant.asked}",
        "utility-desk",
        "operator",
        Action.SIGNAL,
        Scope.AREA,
        "north",
        plant.now_ms,
        reason="heat wave",
        signal=signal,
    )
    topic = plant.lockstep.topics.operator
    plant.lockstep.recorded.add(Frame(topic, encode(request), plant.now_ms))
    plant.run(0.1)
    return plant.core.state.operator.answers[request.id]


def asked(plant: Plant, key: str) -> Asked:
    return plant.core.state.programs.asked[key]


def activation_of(plant: Plant, key: str) -> ActivationView:
    name = asked(plant, key).activation
    return next(one for one in plant.core.activations() if one.id == name)


def live(one: ActivationView) -> list[str]:
    return [each.device for each in one.sets if not each.lost]


def given_kw(plant: Plant, devices: list[str]) -> float:
    return sum(plant.world.machines[device].power_kw for device in devices)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Twelve sites on an afternoon that calls for no engine."""
    made = Plant(tmp_path, "14:00", fleet=fleet_with(grid_alert=[ALERT], webhook=[HOOK]))
    made.run(3)
    yield made
    made.close()


def test_a_posted_emergency_level_starts_sets_and_its_end_brings_them_back(plant: Plant) -> None:
    said = tell(plant, "north-alert", "e1", level=Alert.EEA2, until_ms=today("14:40"))
    assert said.startswith("event e1 taken: 300 kW")
    plant.until("14:10")
    one = activation_of(plant, "north-alert/e1")
    assert (one.target_kw, one.purpose) == (300.0, Purpose.EMERGENCY_ALERT.value)
    assert one.actor == "program north-alert"
    assert one.reason == "EEA2, event e1 of utility-desk: heat wave"
    called = live(one)
    assert 300.0 <= given_kw(plant, called) <= 310.0
    starts = [s for cycle in plant.cycles() for s in cycle.starts if s.device in called]
    assert {s.device for s in starts} == set(called)
    for start in starts:
        assert start.trigger == (
            "activation of 300 kW in north by program north-alert (emergency alert): "
            "EEA2, event e1 of utility-desk: heat wave"
        )
        assert start.legal_basis.endswith("for emergency alert")
    plant.until("14:44")
    assert given_kw(plant, called) == 0.0
    assert plant.core.state.programs.asked == {}
    assert plant.core.state.programs.past[0].over_ms == today("14:40")
    plant.assert_sound()
