"""An area's switchgear as physics: it does what it is told, and shows what came of it."""

from __future__ import annotations

import pytest
from small_worlds import (
    NOON_MS,
    PARALLELING,
    battery,
    fleet,
    gas_engine,
    home,
    imbalance_kwh,
    place,
    power_kw,
    run,
    tell,
    world,
)

from gridmuster.fleet.microgrid import LoadStep, Microgrid
from gridmuster.simulator.scenario import BreakerStuck, SensorStuck, SwitchgearSilent, UtilityOutage
from gridmuster.simulator.world import World

GEAR = "switchgear.area"
GRID = Microgrid(
    breaker="tie",
    site="site",
    formers=("set", "store"),
    steps=(
        LoadStep(id="low", priority=1, power_kw=60.0, end_users=("low",)),
        LoadStep(id="high", priority=2, power_kw=60.0, end_users=("high",)),
    ),
)
OUTAGE = UtilityOutage(area="area", at="12:01", until="12:20")


def island(*events, set_kw: float = 300.0, store_kw: float = 150.0) -> World:
    """An area at noon, a minute before its utility goes for twenty."""
    plant = fleet(
        gas_engine(rated_kw=set_kw, warmup_s=0.0),
        battery(rated_kw=store_kw, energy_capacity_kwh=500.0),
        sites=(place(transfer=PARALLELING),),
        users=(home("kept"), home("low", peak_kw=60.0), home("high", peak_kw=60.0)),
    )
    area = plant.areas[0].model_copy(update={"microgrid": GRID})
    return world(
        plant.model_copy(update={"areas": (area,)}), OUTAGE, *events, at_ms=NOON_MS, seed=3
    )


def gear(some: World) -> dict[str, float]:
    return dict(some.controllers[GEAR].points())


def formed(some: World) -> World:
    run(some, 72)
    tell(some, GEAR, open_coupling=1)
    tell(some, GEAR, permit_former=2)
    tell(some, "store", start=1)
    run(some, 20)
    tell(some, GEAR, permit_former=0)
    run(some, 40)
    return some


def test_the_area_goes_dark_with_the_utility_until_a_former_is_permitted() -> None:
    some = island()
    run(some, 40)
    assert gear(some)["bus_pu"] > 0.9
    run(some, 32)
    assert (gear(some)["bus_pu"], gear(some)["utility_pu"]) == (0.0, 0.0)
    tell(some, GEAR, open_coupling=1)
    tell(some, "store", start=1)
    run(some, 60)
    assert gear(some)["bus_pu"] == 0.0
    tell(some, GEAR, permit_former=2)
    run(some, 20)
    assert gear(some)["bus_pu"] > 0.9
    assert abs(gear(some)["bus_hz"] - 60.0) < 1.5
    assert power_kw(some, "store") == pytest.approx(some.areas["area"].demand_kw, rel=0.1)
    assert some.truth.areas["area"].dead_line_closings == 0


def test_a_former_permitted_behind_a_closed_breaker_energises_the_dead_line() -> None:
    some = island(BreakerStuck(area="area", at="12:00", until="12:15"))
    formed(some)
    assert gear(some)["coupling_closed"] == 1.0
    assert some.truth.areas["area"].dead_line_closings == 1


def test_the_relay_sheds_the_lowest_step_and_the_books_close() -> None:
    some = formed(island(store_kw=200.0))
    before = gear(some)
    assert before["step_1_closed"] == before["step_2_closed"] == 1.0
    demand_kw = some.areas["area"].demand_kw
    some.machines["store"].rated_kw = demand_kw - 0.5 * before["step_1_kw"]
    run(some, 40)
    after = gear(some)
    assert (after["step_1_closed"], after["step_2_closed"], after["step_1_kw"]) == (0.0, 1.0, 0.0)
    assert after["bus_pu"] > 0.9
    assert some.controllers["meter.low"].points()["power_kw"] == 0.0
    assert some.controllers["meter.high"].points()["power_kw"] > 0.0
    run(some, 3600)
    assert imbalance_kwh(some) < 1e-6
    assert some.truth.unserved_kwh_by_end_user["low"] > some.truth.unserved_kwh_by_end_user["high"]


def test_the_synchroniser_decides_and_never_onto_a_dead_line() -> None:
    some = formed(island())
    tell(some, GEAR, synchronise=1)
    run(some, 400)
    assert gear(some)["synchroniser"] == 2.0
    assert gear(some)["coupling_open"] == 1.0
    run(some, 900)
    shown = gear(some)
    assert (shown["coupling_closed"], shown["synchroniser"]) == (1.0, 0.0)
    assert shown["bus_hz"] == shown["utility_hz"]
    assert some.truth.areas["area"].dead_line_closings == 0


def test_a_dead_island_takes_the_living_utility_back() -> None:
    some = island()
    run(some, 72)
    tell(some, GEAR, open_coupling=1)
    run(some, 1200)
    assert (gear(some)["utility_pu"], gear(some)["bus_pu"]) == (1.0, 0.0)
    tell(some, GEAR, synchronise=1)
    run(some, 8)
    assert gear(some)["coupling_closed"] == 1.0
    assert gear(some)["bus_pu"] > 0.9


def test_an_island_dies_with_its_only_former() -> None:
    some = formed(island())
    some.machines["store"].emergency_stop()
    run(some, 8)
    assert gear(some)["bus_pu"] == 0.0
    assert gear(some)["coupling_open"] == 1.0


def test_faults_of_the_switchgear_are_seen_and_pass() -> None:
    some = island(
        SwitchgearSilent(area="area", at="12:00:20", until="12:00:40"),
        SensorStuck(controller=GEAR, point="coupling_open", at="12:00:44", until="12:15"),
    )
    run(some, 24)
    assert not some.controllers[GEAR].reachable
    run(some, 24)
    assert some.controllers[GEAR].reachable
    tell(some, GEAR, open_coupling=1)
    assert (gear(some)["coupling_closed"], gear(some)["coupling_open"]) == (0.0, 0.0)


def test_whatever_steps_it_is_moved_in_the_island_is_the_same() -> None:
    one, two = formed(island()), formed(island())
    run(one, 600, step_s=4.0)
    run(two, 600, step_s=100.0)
    assert one.truth == two.truth
