"""A day of a small fleet on recorded prices and meters."""

from __future__ import annotations

from pathlib import Path

from gridmuster.center.config import CenterConfig
from gridmuster.fleet.generate import generate
from gridmuster.gateway.config import AgentConfig
from gridmuster.report import report_journal
from gridmuster.runtime.lockstep import Lockstep
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.recovery import rebuild
from gridmuster.runtime.solving import Solver
from gridmuster.runtime.worlds import WorldOptions, make_world
from gridmuster.simulator.scenario import DEFAULT_START_MS
from gridmuster.store.journal import Journal
from gridmuster.units import MS_PER_HOUR

#: A cycle of 20 s and plans of 24 hours by the hour: a whole day in well under a minute.
CONFIG = CenterConfig(
    cycle_s=20.0,
    ttl_s=180.0,
    renew_s=60.0,
    plan_every_s=3600,
    plan_step_s=3600,
    plan_count=24,
    plan_gap=0.01,
)


def test_a_day_on_new_york_prices_and_cambridge_meters(data_dir: Path, tmp_path: Path) -> None:
    fleet = generate(12, 1)
    options = WorldOptions(
        DEFAULT_START_MS,
        1,
        market=data_dir / "market" / "nyiso_rt5min_2016_2018.parquet",
        meters=data_dir / "market" / "cambridge_building_meters_hourly_2018_2019.parquet",
    )
    world = make_world(fleet, options)
    journal_file = tmp_path / "plant.journal"
    with Journal.open(str(journal_file), durable=False) as journal:
        core = rebuild(journal, fleet, CONFIG, world.now_ms)
        recorded = RecordedCore(core, journal, "c1")
        plant = Lockstep(fleet, world, recorded, Solver(0), AgentConfig(scan_s=CONFIG.cycle_s))
        plant.run(DEFAULT_START_MS + 24 * MS_PER_HOUR)
    report = report_journal(str(journal_file))
    assert report.hours > 23.9
    assert report.unserved_kwh == 0.0
    assert report.invariant_violations == 0
    assert report.demand_kwh > 1000.0
    assert report.commands > 0
    prices = {world.price(area.id).price_usd_per_mwh for area in fleet.areas}
    assert prices != {0.0}
