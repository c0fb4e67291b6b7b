"""A run that a person ordered counts as the engine's exercise, and outlives a restart."""

from __future__ import annotations

from pathlib import Path

from lockstep_plant import Plant

from gridmuster.center.account import ExerciseAccount, account_of
from gridmuster.fleet.devices import Generator
from gridmuster.programs.exercise import due_ms
from gridmuster.signals import Action

GEN = "north-pump-01-gen-1"


def exercise_of(plant: Plant) -> ExerciseAccount:
    found = account_of(plant.fleet, plant.core.state, GEN, plant.now_ms).exercise
    assert found is not None
    return found


def test_half_an_hour_under_load_is_an_exercise(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "14:00")
    plant.run(1)
    device = plant.fleet.device_by_id[GEN]
    assert isinstance(device, Generator) and device.exercise is not None
    zone = plant.fleet.site_by_id[device.site].time_zone
    before = exercise_of(plant)
    assert before.last_ms is None
    assert before.due_ms == due_ms(device.exercise, before.since_ms, zone)
    plant.ask(Action.OVERRIDE, GEN, 0.6 * device.rated_kw, minutes=34)
    plant.run(20)
    assert exercise_of(plant).last_ms is None
    plant.run(25)
    after = exercise_of(plant)
    # It ended when the power did: the cool-down that follows does not count.
    assert after.last_ms is not None and after.last_ms < plant.now_ms - 2 * 60_000
    assert after.due_ms == due_ms(device.exercise, after.last_ms, zone) > before.due_ms
    plant.lockstep.stop_center()
    plant.lockstep.start_center(plant.recorded("c1"))
    plant.run(1)
    assert exercise_of(plant) == after
    plant.close()
