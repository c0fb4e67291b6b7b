"""An area's program exercises its engines, and gives a set up to whoever needs its power."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lockstep_plant import Plant, breaches
from test_faults_programs import fleet_with

from gridmuster.center.account import ExerciseAccount, account_of
from gridmuster.fleet.devices import Every, Exercise
from gridmuster.fleet.programs import Curfew, Exercising
from gridmuster.programs.exercise import Exercised
from gridmuster.signals import Action, Activation, Frame, OperatorRequest, Purpose, Scope, encode

GEN = "north-pump-01-gen-1"
BESIDE = "north-pump-01-gen-2"
DAILY = Exercise(every=Every.DAY, minutes=8.0)
#: Leaves the quarter of an hour after 14:15 for a run that begins there.
ELSE = Curfew(from_hour=15, until_hour=14)
PROGRAM = Exercising(id="north-drill", curfews=(ELSE,))


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Twelve sites with one engine that ran yesterday afternoon last."""
    fleet = fleet_with(exercise=[PROGRAM])
    devices = tuple(
        device.model_copy(update={"exercise": DAILY if device.id == GEN else None})
        if hasattr(device, "exercise")
        else device
        for device in fleet.devices
    )
    made = Plant(tmp_path, "14:00", fleet=fleet.model_copy(update={"devices": devices}))
    day_ms = 24 * 3_600_000
    made.core.state.ledger.exercised[GEN] = Exercised(
        made.start_ms - 9 * day_ms, made.start_ms - 60_000, done_ms=made.start_ms - day_ms * 9 // 10
    )
    yield made
    made.close()


def account(plant: Plant) -> ExerciseAccount:
    found = account_of(plant.fleet, plant.core.state, GEN, plant.now_ms).exercise
    assert found is not None
    return found


def test_an_engine_is_exercised_alone_and_on_record(plant: Plant) -> None:
    plant.run(3)
    before = account(plant)
    assert before.program == PROGRAM.id
    assert before.placed_ms is not None
    plant.lockstep.run(before.placed_ms + 60_000)
    rated_kw = plant.fleet.device_by_id[GEN].rated_kw
    assert plant.world.machines[GEN].power_kw == pytest.approx(0.345 * rated_kw, rel=0.02)
    assert plant.world.machines[BESIDE].power_kw == 0.0
    (start,) = [s for cycle in plant.cycles() for s in cycle.starts if s.device == GEN]
    assert "exercise due" in start.trigger
    assert "for exercise" in start.legal_basis
    assert start.asked_by == PROGRAM.id
    plant.lockstep.run(before.placed_ms + 20 * 60_000)
    after = account(plant)
    assert after.last_ms is not None and after.last_ms >= before.placed_ms + 8 * 60_000
    assert after.placed_ms is None
    assert plant.world.machines[GEN].power_kw == 0.0 or after.last_ms > plant.now_ms - 120_000
    assert breaches(plant.journals["main"]) == []


def test_a_call_takes_the_set_over_and_the_run_counts(plant: Plant) -> None:
    plant.run(3)
    begun_ms = account(plant).placed_ms
    assert begun_ms is not None
    plant.lockstep.run(begun_ms + 120_000)
    wish = Activation(
        50.0, plant.now_ms, plant.now_ms + 20 * 60_000, Purpose.DEMAND, sites=("north-pump-01",)
    )
    request = OperatorRequest(
        "call",
        "ann",
        "operator",
        Action.ACTIVATE,
        Scope.DEVICE,
        GEN,
        plant.now_ms,
        50.0,
        activation=wish,
    )
    plant.lockstep.recorded.add(
        Frame(plant.lockstep.topics.operator, encode(request), plant.now_ms)
    )
    plant.run(2)
    called = next(one for one in plant.core.activations() if one.id == "call")
    assert [(one.device, one.lost) for one in called.sets] == [(GEN, "")]
    plant.run(9)
    assert account(plant).last_ms is not None
    assert account(plant).last_ms > begun_ms  # type: ignore[operator]
    # It never went off in between.
    starts = [s for cycle in plant.cycles() for s in cycle.starts if s.device == GEN]
    assert [s.order for s in starts].count("stop") == 0
    assert breaches(plant.journals["main"]) == []
