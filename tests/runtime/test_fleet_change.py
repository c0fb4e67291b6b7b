"""A plant whose fleet is changed while it runs: nothing breaks, and a replay does the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from lockstep_plant import COARSE, Plant

from gridmuster.center.changes import DataChange
from gridmuster.center.view import Mode
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.runtime.header import newest_header
from gridmuster.runtime.recovery import rebuild
from gridmuster.signals import Order
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

WHOLE = generate(12, 1)


def without_site(fleet: Fleet, site: str) -> Fleet:
    return remade(
        fleet,
        sites=[one for one in fleet.sites if one.id != site],
        devices=[one for one in fleet.devices if one.site != site],
        end_users=[one for one in fleet.end_users if one.site != site],
    )


def remade(fleet: Fleet, **lists: object) -> Fleet:
    changed = fleet.model_copy(update={name: tuple(rows) for name, rows in lists.items()})  # type: ignore[arg-type]
    return Fleet.model_validate_json(changed.model_dump_json(exclude_defaults=True))


def limited(fleet: Fleet, area: str, import_limit_kw: float) -> Fleet:
    areas = []
    for one in fleet.areas:
        connection = one.connection
        if one.id == area and connection is not None:
            connection = connection.model_copy(update={"import_limit_kw": import_limit_kw})
        areas.append(one.model_copy(update={"connection": connection}))
    return remade(fleet, areas=areas)


def change_of(plant: Plant, text: str) -> DataChange:
    return DataChange("ch-1", "ann", "admin", plant.now_ms, "apply_fleet", plant.fleet.id, text)


def mode_of(plant: Plant) -> Mode:
    return plant.core.state.session.mode


def apply(plant: Plant, fleet: Fleet, text: str = "a test") -> None:
    center = next(iter(plant.lockstep.centers.values()))
    center.change_fleet(fleet, change_of(plant, text))
    plant.lockstep.tick()


def test_limits_devices_and_sites_change_under_way(tmp_path: Path) -> None:
    joining = "north-pump-01"
    first = without_site(WHOLE, joining)
    plant = Plant(tmp_path, "17:30", fleet=WHOLE)
    # The plant has the site from the start; its center learns of it later.
    plant.lockstep.stop_center()
    plant.fleet = first
    plant.lockstep.start_center(plant.recorded("c1", "second", first))
    plant.run(40)
    running = [
        device.id
        for device in first.devices
        if (kw := plant.setpoint_kw(device.id)) is not None and kw > 0.0
    ]
    assert running
    gone = running[0]
    area = WHOLE.areas[0]
    assert area.connection is not None
    limit_kw = area.connection.import_limit_kw * 0.9
    second = remade(
        limited(WHOLE, area.id, limit_kw),
        devices=[one for one in WHOLE.devices if one.id != gone],
    )
    fence = plant.core.state.session.fence
    last_ms = plant.now_ms
    apply(plant, second, "one joins, one leaves, a limit falls")
    assert plant.core.fleet == second
    # The head stands for the cycle before it: to who reads the journal, time goes on.
    head = newest_header(plant.journals["second"])
    assert head is not None and head.started_ms > last_ms
    stops = [s for c in plant.commands("second")[-20:] for s in c.setpoints if s.device == gone]
    assert stops[-1].order is Order.STOP
    # It listens to the site that is new before it commands on, under a higher fence.
    plant.lockstep.tick()
    assert mode_of(plant) is Mode.RECOVERING
    plant.run(1)
    assert mode_of(plant) is Mode.COMMANDING
    assert plant.core.state.session.fence == fence + 1
    plant.run(35)
    commanded = {c.site for c in plant.commands("second")}
    assert joining in commanded
    assert plant.core.view().areas[0].import_limit_kw == limit_kw
    assert gone not in {device.id for device in plant.core.view().devices}
    plant.assert_sound("second")
    plant.close()


def test_a_whole_area_joins_and_leaves_again(tmp_path: Path) -> None:
    last = WHOLE.areas[-1].id
    smaller = remade(
        WHOLE,
        areas=WHOLE.areas[:-1],
        sites=[one for one in WHOLE.sites if one.area != last],
        devices=[one for one in WHOLE.devices if WHOLE.area_of_device(one.id).id != last],
        end_users=[u for u in WHOLE.end_users if WHOLE.site_by_id[u.site].area != last],
    )
    plant = Plant(tmp_path, "18:00", fleet=WHOLE)
    plant.lockstep.stop_center()
    plant.fleet = smaller
    plant.lockstep.start_center(plant.recorded("c1", "second", smaller))
    plant.run(8)
    apply(plant, WHOLE)
    # Until its first plan a new area is balanced without one; then it is in every plan.
    plant.run(20)
    solution = plant.core.state.planning.solution
    assert solution is not None and last in solution.import_kw
    assert [area.id for area in plant.core.view().areas] == [area.id for area in WHOLE.areas]
    apply(plant, smaller)
    plant.run(20)
    assert last not in {area.id for area in plant.core.view().areas}
    assert mode_of(plant) is Mode.COMMANDING
    plant.assert_sound("second")
    plant.close()


def test_a_whole_site_leaves(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00", fleet=WHOLE)
    plant.run(20)
    site = next(
        one.id
        for one in WHOLE.sites
        if any((plant.setpoint_kw(d.id) or 0.0) != 0.0 for d in WHOLE.devices_of_site[one.id])
    )
    smaller = without_site(WHOLE, site)
    apply(plant, smaller)
    plant.run(20)
    after = [c for c in plant.commands() if c.issued_at_ms > plant.now_ms - 19 * 60_000]
    assert after and all(command.site != site for command in after)
    # No site joined, so nothing had to be listened to.
    assert plant.core.state.session.fence == 1
    plant.assert_sound()
    plant.close()


def test_a_changed_fleet_outlives_a_kill_until_its_file_is_changed(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00", fleet=WHOLE)
    plant.run(5)
    smaller = without_site(WHOLE, WHOLE.sites[-1].id)
    apply(plant, smaller, "a site less")
    plant.run(2)
    state = plant.core.state_bytes()
    plant.close()
    path = str(plant.path("main"))
    with Journal.open(path) as journal:
        head = newest_header(journal)
        assert head is not None and head.change is not None
        assert (head.change.actor, head.change.text) == ("ann", "a site less")
        core = rebuild(journal, WHOLE, COARSE, plant.now_ms)
        assert core.fleet == smaller
        assert core.state_bytes() == state
        # And once more: the head of the second session keeps it too.
        assert rebuild(journal, WHOLE, COARSE, plant.now_ms).fleet == smaller
        other = limited(WHOLE, WHOLE.areas[0].id, 1234.0)
        assert rebuild(journal, other, COARSE, plant.now_ms).fleet == other


def test_killed_between_letting_go_and_the_head_the_old_fleet_goes_on(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00", fleet=WHOLE)
    plant.run(5)
    apply(plant, without_site(WHOLE, WHOLE.sites[-1].id))
    records = list(plant.journals["main"].records())
    plant.close()
    cut = max(k for k, record in enumerate(records) if record.kind is Kind.HEADER)
    with Journal.open(str(tmp_path / "cut.journal"), durable=False) as journal:
        for record in records[:cut]:
            if record.kind is Kind.HEADER:
                journal.append_header(record.body or b"", record.now_ms)
            elif record.kind is Kind.CYCLE:
                journal.append_cycle(record.now_ms, *record.frames())
        core = rebuild(journal, WHOLE, COARSE, records[cut].now_ms)
    assert core.fleet == WHOLE and core.state.leaving == []


@pytest.mark.parametrize("mode", [Mode.STOOD_DOWN, Mode.COMMANDING])
def test_only_a_center_that_decides_listens_anew(tmp_path: Path, mode: Mode) -> None:
    joining = WHOLE.sites[-1].id
    plant = Plant(tmp_path, "18:00", fleet=without_site(WHOLE, joining))
    plant.run(2)
    plant.core.state.session.mode = mode
    apply(plant, WHOLE)
    plant.lockstep.tick()
    wanted = Mode.STOOD_DOWN if mode is Mode.STOOD_DOWN else Mode.RECOVERING
    assert mode_of(plant) is wanted
    plant.close()
