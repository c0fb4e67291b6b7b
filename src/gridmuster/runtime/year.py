"""A simulated year: the production center in virtual time, without sleeps, over months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridmuster.center.config import CenterConfig
from gridmuster.clock import parse_iso
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.config import AgentConfig
from gridmuster.runtime.pace import QUIET_S, STEADY_S
from gridmuster.runtime.paced import PacedLockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.simulator.world import World
from gridmuster.store.journal import Journal
from gridmuster.units import MS_PER_HOUR

CENTER_ID = "center-year"
#: A site at rest speaks every 300 s, so its word is stale after three of these (invariant 9);
#: setpoints live three renewals (invariant 5).
YEAR_CONFIG = CenterConfig(
    stale_s=3.0 * QUIET_S,
    ttl_s=3.0 * STEADY_S,
    renew_s=float(STEADY_S),
    checkpoint_every_s=86_400,
)


@dataclass(frozen=True, slots=True)
class YearOptions:
    """What is simulated.

    Args:
        fleet: the fleet as its owner knows it.
        year: the calendar year (UTC) at whose beginning it starts.
        seed: of weather, demand, prices and faults.
        hours: length, h.
        journal: the journal's file; must not exist.
    """

    fleet: Fleet
    year: int
    seed: int
    hours: float
    journal: Path

    @property
    def start_ms(self) -> int:
        """The first instant, ms."""
        return parse_iso(f"{self.year}-01-01T00:00:00+00:00")


def run_year(options: YearOptions, told: Callable[[PacedLockstep], None]) -> PacedLockstep:
    """Simulate.

    Args:
        options: what.
        told: called after every cycle.

    Returns:
        The plant as it stands at the end; its journal is closed.

    Raises:
        JournalError: when the journal exists with another run, or cannot be written.
    """
    start_ms = options.start_ms
    world = World(options.fleet, start_ms, options.seed)
    end_ms = start_ms + int(options.hours * MS_PER_HOUR)
    solver = Solver(1)
    with Journal.open(str(options.journal), durable=False) as journal:
        try:
            core = rebuild(journal, options.fleet, YEAR_CONFIG, start_ms)
            recorded = RecordedCore(core, journal, CENTER_ID)
            agents = AgentConfig(scan_s=YEAR_CONFIG.cycle_s, heartbeat_s=float(STEADY_S))
            plant = PacedLockstep(options.fleet, world, recorded, solver, agents)
            while plant.clock.now_ms() < end_ms:
                plant.pace()
                told(plant)
        finally:
            solver.close()
    return plant
