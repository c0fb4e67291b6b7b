"""Real processes that die: the center by kill -9, the broker by kill -9."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gridmuster.fleet.generate import generate
from gridmuster.report import report_journal
from gridmuster.runtime.demo_live import LivePlant
from gridmuster.runtime.demo_max import DemoOptions
from gridmuster.runtime.replay import replay
from gridmuster.runtime.worlds import WorldOptions
from gridmuster.signals import CycleRecord, decode
from gridmuster.simulator.scenario import DEFAULT_START_MS
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

SPEED = 30.0
MINUTE_MS = 60_000
START_MS = DEFAULT_START_MS + 18 * 60 * MINUTE_MS


async def die_and_come_back(folder: Path) -> None:
    options = DemoOptions(generate(12, 1), WorldOptions(START_MS, 1), 1.0, folder / "plant.journal")
    plant = LivePlant(options, folder, SPEED)
    try:
        await plant.start()
        plant.let_go()
        await plant.wait_until(START_MS + 4 * MINUTE_MS, lambda _: None)
        plant.programs.kill("center")
        await plant.start_center()
        await plant.wait_until(plant.clock.now_ms() + 3 * MINUTE_MS, lambda _: None)
        await plant.broker.kill()
        await plant.broker.start()
        await plant.wait_until(plant.clock.now_ms() + 4 * MINUTE_MS, lambda _: None)
    finally:
        await plant.stop()


def test_center_and_broker_are_killed_and_the_plant_goes_on(tmp_path: Path) -> None:
    asyncio.run(die_and_come_back(tmp_path))
    path = str(tmp_path / "plant.journal")
    cycles: list[CycleRecord] = []
    with Journal.open(path, read_only=True) as journal:
        for record in journal.records():
            if record.kind is Kind.CYCLE:
                _, outbound = record.frames()
                cycles += [
                    decode(frame.payload, CycleRecord)
                    for frame in outbound
                    if frame.topic.endswith("/center/decision")
                ]
    modes = [(cycle.mode, cycle.fence) for cycle in cycles]
    assert ("commanding", 1) in modes
    restarted = modes.index(("recovering", 1), modes.index(("commanding", 1)))
    assert modes[-1] == ("commanding", 2)
    # Nothing was commanded between the restart and the higher fence.
    assert all(mode != ("commanding", 1) for mode in modes[restarted:])
    # The last minutes, after the broker came back, again hold fresh news of the areas.
    assert cycles[-1].areas
    assert all(area.demand_kw > 0.0 for area in cycles[-1].areas)
    with Journal.open(path, read_only=True) as journal:
        again = replay(journal)
    assert again.difference is None
    assert again.sessions == 2
    report = report_journal(path)
    assert report.invariant_violations == 0
