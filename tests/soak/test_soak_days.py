"""Days of seeded fleets: no invariant broken, nobody unserved, the journal replays."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from lockstep_plant import COARSE, Plant, breaches

from gridmuster.center.config import CenterConfig
from gridmuster.fleet.generate import generate
from gridmuster.runtime.replay import replay
from gridmuster.simulator.default_day import default_day
from gridmuster.simulator.scenario import DEFAULT_START_MS

HOUR_MS = 3_600_000


def figures(plant: Plant) -> str:
    """What happened, in a line, for the log of a soak."""
    areas = plant.world.truth.areas.values()
    counters = plant.core.state.counters
    desk = plant.core.state.commands
    return (
        f"unserved {sum(a.unserved_kwh for a in areas):.3f} kWh, over limit "
        f"{sum(a.over_limit_kwh for a in areas):.2f} kWh, {counters.starts} starts, "
        f"{counters.failed_starts} failed, {counters.substitutions} replaced, "
        f"{desk.commands} commands, {desk.refused} refused, {desk.expired} expired, "
        f"{counters.vetoes} vetoes, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_hours_around_the_evening_peak(tmp_path: Path, seed: int) -> None:
    fleet = generate(12, seed)
    scenario = default_day(fleet, DEFAULT_START_MS, seed)
    start_ms = DEFAULT_START_MS + int(18.5 * HOUR_MS)
    plant = Plant(tmp_path, fleet=fleet, scenario=scenario, seed=seed, start_ms=start_ms)
    plant.run(120)
    print(figures(plant))
    assert breaches(plant.journals["main"]) == []
    assert replay(plant.journals["main"]).difference is None
    assert sum(a.unserved_kwh for a in plant.world.truth.areas.values()) < 1.0
    plant.close()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1, 21))
def test_a_whole_day_of_sixty_sites(tmp_path: Path, seed: int) -> None:
    fleet = generate(60, seed)
    scenario = default_day(fleet, DEFAULT_START_MS, seed)
    config = CenterConfig() if seed == 1 else COARSE
    plant = Plant(
        tmp_path,
        fleet=fleet,
        scenario=scenario,
        seed=seed,
        start_ms=DEFAULT_START_MS,
        config=config,
    )
    plant.run(24 * 60)
    print(figures(plant))
    assert breaches(plant.journals["main"]) == []
    unserved_kwh = sum(area.unserved_kwh for area in plant.world.truth.areas.values())
    if seed == 1:
        assert unserved_kwh == pytest.approx(0.0, abs=1e-3)
    plant.close()
