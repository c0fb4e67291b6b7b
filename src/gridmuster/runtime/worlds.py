"""Simulated worlds from what a command line says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gridmuster.fleet.model import Fleet
from gridmuster.simulator.market_data import load_market, load_meters
from gridmuster.simulator.scenario import Scenario, load_scenario
from gridmuster.simulator.world import World


@dataclass(frozen=True, slots=True)
class WorldOptions:
    """What a world is made from.

    Args:
        start_ms: plant time at the start, ms.
        seed: of weather, demand, price and faults.
        scenario: scenario file, or the scenario itself; None: a calm day.
        market: real prices; None: seeded ones.
        meters: real demand; None: seeded ones.
    """

    start_ms: int
    seed: int
    scenario: Path | Scenario | None = None
    market: Path | None = None
    meters: Path | None = None


def make_world(fleet: Fleet, options: WorldOptions) -> World:
    """The world of a fleet.

    Raises:
        FleetError: when a file is wrong, every fault at once.
    """
    scenario = options.scenario
    if isinstance(scenario, Path):
        scenario = load_scenario(scenario, fleet)
    market = None if options.market is None else load_market(options.market, options.start_ms)
    meters = None if options.meters is None else load_meters(options.meters)
    return World(
        fleet, options.start_ms, options.seed, scenario or Scenario(), market=market, meters=meters
    )
