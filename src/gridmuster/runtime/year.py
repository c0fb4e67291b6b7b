"""A simulated year: the production center in virtual time, without sleeps, over months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gridmuster.center.config import CenterConfig
from gridmuster.clock import VirtualClock, parse_iso
from gridmuster.comms.memory import LinkFaults, MemoryBroker
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.config import AgentConfig
from gridmuster.runtime.pace import REST_S, STEADY_S, whole_round
from gridmuster.runtime.paced import PacedLockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.staff import Staff
from gridmuster.simulator.noise import entity_seed
from gridmuster.simulator.people import People
from gridmuster.simulator.world import World
from gridmuster.simulator.year import neglected, year_scenario
from gridmuster.store.journal import Journal
from gridmuster.units import MS_PER_HOUR

CENTER_ID = "center-year"
#: Share of the sites' reports and readings that never arrive.
TELEMETRY_LOST = 0.02
#: A site at rest speaks every 900 s, so its word is stale after three of these (invariant 9);
#: setpoints live three renewals (invariant 5).
YEAR_CONFIG = CenterConfig(
    stale_s=3.0 * REST_S,
    ttl_s=3.0 * STEADY_S,
    renew_s=float(STEADY_S),
    checkpoint_every_s=86_400,
    plan_every_s=21_600,
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
        first_day: day of the year on which it begins, 0 to 365.
        hardship: times as many outages, price events and faults as in a usual year.
    """

    fleet: Fleet
    year: int
    seed: int
    hours: float
    journal: Path
    first_day: int = 0
    hardship: float = 1.0

    @property
    def start_ms(self) -> int:
        """The first instant, ms."""
        first_ms = parse_iso(f"{self.year}-01-01T00:00:00+00:00")
        return first_ms + self.first_day * 24 * MS_PER_HOUR


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
    fleet, start_ms = options.fleet, options.start_ms
    seed, hardship = options.seed, options.hardship
    scenario = year_scenario(fleet, start_ms, options.hours, seed, hardship)
    world = World(neglected(fleet, seed, hardship), start_ms, seed, scenario)
    people = People(world, fleet.sites[0].time_zone, options.seed)
    staff = Staff(fleet, people)
    clock = VirtualClock(start_ms)
    lost = LinkFaults(lost=TELEMETRY_LOST)
    broker = MemoryBroker(clock, lost, entity_seed(options.seed, "telemetry", fleet.id))
    end_ms = start_ms + int(options.hours * MS_PER_HOUR)
    # A plan is wanted before the next cycle of a quiet stretch, so nothing is gained beside it.
    solver = Solver(0)
    with Journal.open(str(options.journal), durable=False) as journal:
        try:
            core = rebuild(journal, options.fleet, YEAR_CONFIG, start_ms)
            recorded = RecordedCore(core, journal, CENTER_ID)
            agents = AgentConfig(scan_s=YEAR_CONFIG.cycle_s, heartbeat_s=float(STEADY_S))
            plant = PacedLockstep(fleet, world, recorded, solver, agents, broker, clock)
            while plant.clock.now_ms() < end_ms:
                plant.pace()
                if whole_round(clock.now_ms()):
                    people.look(clock.now_ms())
                    staff.look(clock.now_ms(), core)
                told(plant)
        finally:
            solver.close()
    return plant
