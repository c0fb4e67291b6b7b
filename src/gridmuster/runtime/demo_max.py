"""The demo at full speed: everything in this process, in lockstep under one virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from gridmuster.center.config import CenterConfig
from gridmuster.center.view import PlantView
from gridmuster.clock import monotonic_s
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.config import AgentConfig
from gridmuster.runtime.lockstep import Lockstep
from gridmuster.runtime.market import MarketOptions, open_forecaster
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.worlds import WorldOptions, make_world
from gridmuster.store.journal import Journal
from gridmuster.units import MS_PER_HOUR, MS_PER_S

CENTER_ID = "center-demo"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a demo runs.

    Args:
        fleet: the fleet.
        world: the simulated world.
        hours: length, h of plant time.
        journal: the journal's file; must not exist.
        market: the history that prices are forecast from; None: there is none.
    """

    fleet: Fleet
    world: WorldOptions
    hours: float
    journal: Path
    market: MarketOptions | None = None


def run_max(
    options: DemoOptions, watch: Callable[[int, Callable[[], PlantView]], None]
) -> Lockstep:
    """Run the demo in lockstep.

    Args:
        options: what to run.
        watch: called after every tick with plant time (ms) and a maker of the view, which costs
            something and is to be called only to show it.

    Returns:
        The plant as it stands at the end; its journal is closed.
    """
    config = CenterConfig()
    world = make_world(options.fleet, options.world)
    end_ms = world.now_ms + int(options.hours * MS_PER_HOUR)
    forecaster = open_forecaster(options.market, options.fleet, world.now_ms, lockstep=True)
    solver = Solver(1)
    with Journal.open(str(options.journal), durable=False) as journal:
        try:
            core = rebuild(journal, options.fleet, config, world.now_ms)
            recorded = RecordedCore(core, journal, CENTER_ID)
            asserted = any(area.programs.asserted for area in options.fleet.areas)
            agents = AgentConfig(scan_s=config.cycle_s, alert_asserted=asserted)
            plant = Lockstep(options.fleet, world, recorded, solver, agents)
            plant.center.forecaster = forecaster
            start_ms, started_s = plant.clock.now_ms(), monotonic_s()

            def view() -> PlantView:
                """The view, with the speed reached so far."""
                real_s = max(monotonic_s() - started_s, 1e-3)
                speed = (plant.clock.now_ms() - start_ms) / MS_PER_S / real_s
                return structs.replace(core.view(), speed=round(speed))

            while plant.clock.now_ms() < end_ms:
                plant.tick()
                watch(plant.clock.now_ms(), view)
        finally:
            if forecaster is not None:
                forecaster.close()
            solver.close()
    return plant
