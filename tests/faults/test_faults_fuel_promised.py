"""Fuel that a later activation counts on is not offered to one before it."""

from __future__ import annotations

from pathlib import Path

from lockstep_plant import Plant

from gridmuster.fleet.devices import Generator
from gridmuster.programs.selection import Selection
from gridmuster.safety import permits
from gridmuster.safety.fuel import fuel_floor, fuel_rate
from gridmuster.signals import Action, Activation, Frame, OperatorRequest, Purpose, Scope, encode

HOUR_MS = 3_600_000


def request(plant: Plant, device: Generator, from_ms: int, hours: float) -> OperatorRequest:
    until_ms = from_ms + int(hours * HOUR_MS)
    wish = Activation(device.rated_kw, from_ms, until_ms, probability=0.5)
    return OperatorRequest(
        f"ask-{from_ms}",
        "ann",
        "operator",
        Action.ACTIVATE,
        Scope.DEVICE,
        device.id,
        plant.now_ms,
        activation=wish,
    )


def test_fuel_promised_to_a_later_activation_is_kept_for_it(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "14:00")
    plant.run(1)
    device = next(
        one
        for one in plant.fleet.devices
        if isinstance(one, Generator)
        and one.tank is not None
        and permits.allows(one.permit, Purpose.DEMAND)
        and plant.fleet.site_by_id[one.site].transfer.export_limit_kw >= one.rated_kw
    )
    level = plant.core.state.plant.readings[device.id].fuel_level
    assert level is not None
    spare = level - fuel_floor(plant.fleet.site_by_id[device.site], device)
    whole_h = spare / fuel_rate(device, device.rated_kw)
    now = request(plant, device, plant.now_ms, 0.6 * whole_h)
    alone = plant.core.weigh(now)
    assert isinstance(alone, Selection) and [one.device for one in alone.chosen] == [device.id]
    later = request(plant, device, plant.now_ms + int(0.7 * whole_h * HOUR_MS), 0.6 * whole_h)
    plant.lockstep.recorded.add(Frame(plant.lockstep.topics.operator, encode(later), plant.now_ms))
    plant.run(0.2)
    after = plant.core.weigh(now)
    assert isinstance(after, Selection) and after.chosen == ()
    (why,) = [one.reason for one in after.excluded if one.device == device.id]
    assert "promised to other activations" in why
    plant.close()
