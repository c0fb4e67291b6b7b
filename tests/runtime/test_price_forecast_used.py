"""A price forecast from outside: planned with while fresh, refused by name, replayed alike."""

from __future__ import annotations

import pytest
from lockstep_plant import Plant
from msgspec import structs

from gridmuster.forecast.told import PriceForecast
from gridmuster.planning.problem import PlanSolution
from gridmuster.runtime.replay import replay
from gridmuster.signals import encode

AREA = "north"
HOUR_MS = 3_600_000


def flat(plant: Plant, usd_per_mwh: float, **change: object) -> PriceForecast:
    """The same price for every hour of the next 28, with a band of a fifth around it."""
    now_ms = plant.lockstep.clock.now_ms()
    shares = (0.8, 0.9, 1.0, 1.1, 1.2)
    told = PriceForecast(
        area=AREA,
        issued_at_ms=now_ms,
        start_ms=now_ms - now_ms % HOUR_MS,
        step_s=3600,
        quantiles_usd_per_mwh=tuple((share * usd_per_mwh,) * 28 for share in shares),
        model="flat",
        trained_at_ms=now_ms - HOUR_MS,
        data_until_ms=now_ms,
        market="TEST",
    )
    return structs.replace(told, **change)


def tell(plant: Plant, told: PriceForecast, topic: str = "") -> None:
    bus = plant.lockstep.broker.client("market")
    bus.open()
    bus.publish(topic or plant.lockstep.topics.price_forecast(AREA), encode(told))


def planned(plant: Plant) -> PlanSolution:
    solution = plant.core.state.planning.solution
    assert solution is not None
    return solution


def generated_kwh(plant: Plant) -> float:
    solution = planned(plant)
    devices = {
        d.id for s in plant.fleet.sites_of_area[AREA] for d in plant.fleet.devices_of_site[s.id]
    }
    return sum(
        max(kw, 0.0)
        for device, row in solution.power_kw.items()
        if device in devices and device in solution.commitment
        for kw in row
    )


@pytest.fixture(scope="module")
def told_plant(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, Plant]:
    """What the same plant generates without a forecast, and the plant with a dear one."""
    alone = Plant(tmp_path_factory.mktemp("alone"), "12:50")
    alone.run(20)
    before = generated_kwh(alone)
    alone.close()
    plant = Plant(tmp_path_factory.mktemp("told"), "12:50")
    plant.run(4)
    tell(plant, flat(plant, 900.0))
    plant.run(16)
    return before, plant


def test_the_plan_is_made_with_the_forecast(told_plant: tuple[float, Plant]) -> None:
    before, plant = told_plant
    memory = plant.core.state.planning
    assert memory.price_source[AREA].model == "flat"
    assert set(memory.price_low_usd_per_kwh[AREA]) == {0.72}
    assert set(memory.price_high_usd_per_kwh[AREA]) == {1.08}
    assert generated_kwh(plant) > 1.2 * before
    others = [area.id for area in plant.fleet.areas if area.id != AREA]
    assert all(memory.price_source[area].model == "" for area in others)


def test_a_replay_with_the_forecast_gives_the_same_bytes(told_plant: tuple[float, Plant]) -> None:
    _, plant = told_plant
    journal = (
        plant.journals["c1"] if "c1" in plant.journals else next(iter(plant.journals.values()))
    )
    result = replay(journal)
    assert result.difference is None
    assert result.cycles >= 20 * 15
