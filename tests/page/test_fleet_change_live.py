"""A center goes on deciding while a fleet many times its own is made ready beside its cycles."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from live_plant import LivePlant, living
from lockstep_plant import breaches

from gridmuster.center.changes import DataChange
from gridmuster.center.view import Rejected, Submitted
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.replay import replay
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

#: Turns that the loop is given for each cycle; one takes about ten.
TURNS = 60


def joined(fleet: Fleet, other: Fleet) -> Fleet:
    """A fleet with all of another one beside it, whose ids are told apart by a letter."""
    rows = other.model_dump(mode="json", exclude_defaults=True)
    mine = fleet.model_dump(mode="json", exclude_defaults=True)
    for kind in ("areas", "sites", "end_users", "devices"):
        for row in rows[kind]:
            for key in {"id", "area", "site"} & row.keys():
                row[key] = f"x-{row[key]}"
        mine[kind] += rows[kind]
    return Fleet.model_validate(mine)


async def change_under_way(plant: LivePlant, fleet: Fleet) -> tuple[Submitted | Rejected, int]:
    """Apply a fleet while plant time goes on at the loop's pace, whatever the center does.

    Returns:
        The answer, and the cycles that ran from the wish to the answer.
    """
    before = plant.center.stats.cycles
    change = DataChange("ch-1", "ann", "admin", 0, "apply_fleet", fleet.id, "a test")
    wanted = asyncio.ensure_future(plant.center.apply_fleet(fleet, change))
    while not wanted.done():
        plant.lockstep.tick()
        plant.clock.announce()
        for _ in range(TURNS):
            await asyncio.sleep(0)
    return await wanted, plant.center.stats.cycles - before


def heard(plant: LivePlant) -> dict[str, Any]:
    return {
        key: one.received_ms for key, one in plant.center.recorded.core.state.plant.sites.items()
    }


def test_cycles_go_on_during_a_large_change_and_none_is_missed(tmp_path: Path) -> None:
    with living(tmp_path) as plant:
        large = joined(plant.fleet, generate(600, 2))
        old = plant.center.recorded.core
        missed = plant.center.stats.missed_cycles
        at_ms = plant.clock.now_ms()
        answer, cycles = plant.run(change_under_way(plant, large))
        assert isinstance(answer, Submitted), answer
        # Were the new core made between two cycles, time would have passed without any.
        assert cycles >= 2
        assert plant.center.stats.missed_cycles == missed
        core = plant.center.recorded.core
        assert core is not old and core.fleet == large
        # What the sites said while it was made is known to the new core.
        assert all(plant.call(heard, plant)[site.id] > at_ms for site in plant.fleet.sites)
        plant.advance(0.2)
        assert {one.id for one in plant.view().devices} == {one.id for one in large.devices}
    with Journal.open(str(plant.journal_path), read_only=True) as journal:
        result = replay(journal)
        assert result.difference is None, result.difference
        records = list(journal.records())
        assert breaches(journal) == []
    head = max(k for k, record in enumerate(records) if record.kind is Kind.HEADER)
    # The old core's last cycle, the head, the new core's first: one cycle apart, or early.
    around = [records[head + step].now_ms for step in (-1, 0, 1)]
    assert around[0] == around[1] and 0 <= around[2] - around[1] <= 4000
