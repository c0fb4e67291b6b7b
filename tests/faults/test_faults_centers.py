"""Centers that are killed, restarted, doubled; and a journal that takes no more."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lockstep_plant import Plant
from msgspec import structs

from gridmuster.center.view import Mode
from gridmuster.fleet.generate import generate
from gridmuster.signals import Lease, Outcome, SiteReport, decode, encode
from gridmuster.simulator.scenario import LinkCut


def test_a_killed_center_hears_the_sites_and_commands_under_a_higher_fence(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(12)
    fence = plant.core.state.session.fence
    running = {d for d, life in plant.core.state.calls.lives.items() if life.on}
    assert running
    state = plant.core.state_bytes()
    plant.lockstep.stop_center()
    killed_ms = plant.now_ms
    plant.run(1)
    restarted = plant.recorded("c2")
    assert restarted.core.state_bytes() == state
    plant.lockstep.start_center(restarted)
    assert restarted.core.state.session.mode is Mode.COMMANDING  # as it was; it has not begun
    plant.run(10)
    session = restarted.core.state.session
    assert (session.mode, session.fence) == (Mode.COMMANDING, fence + 1)
    commands = [c for c in plant.commands() if c.issued_at_ms > killed_ms]
    assert commands and {c.fence for c in commands} == {fence + 1}
    began_ms = next(c.at_ms for c in plant.cycles() if c.at_ms > killed_ms)
    heard: set[str] = set()
    for now_ms, inbound, outbound in plant.frames():
        if now_ms < began_ms:
            continue
        heard |= {f.topic.split("/")[-3] for f in inbound if f.topic.endswith("/up/report")}
        if any(f.topic.endswith("/down/command") for f in outbound):
            break
    assert heard == {site.id for site in plant.fleet.sites} or now_ms - began_ms >= 30_000
    # Nobody who ran had to stop: setpoints outlive a restart.
    still = {d for d, life in restarted.core.state.calls.lives.items() if life.on}
    assert running <= still
    refused = [a for a in plant.acks() if a.outcome is Outcome.REFUSED and a.at_ms > killed_ms]
    assert refused == []
    plant.assert_sound()
    plant.close()


def test_a_restarted_center_asks_for_a_plan_at_once(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(1)
    plant.until("18:43")  # a plan is asked for at 18:42 and comes at 18:45
    asked = plant.core.state.planning.pending_id
    assert asked
    plant.lockstep.start_center(plant.recorded("c2"))
    plant.run(2)
    planning = plant.core.state.planning
    assert planning.pending_id != asked
    plant.run(4)
    assert planning.solution is not None and planning.state_ms > plant.start_ms + 13 * 60_000
    plant.assert_sound()
    plant.close()


def test_of_two_centers_the_older_is_refused_and_stands_down(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(5)
    older = plant.core
    fence = older.state.session.fence
    # The older one's link is away while the newer takes over, so it cannot know.
    plant.lockstep.broker.cut("center")
    second = plant.recorded("c2", "second")
    plant.lockstep.start_center(second, "center-2")
    plant.run(2)
    assert second.core.state.session.mode is Mode.COMMANDING
    assert second.core.state.session.fence > fence
    # Both believe that they command; the older one's link is back without the retained lease.
    assert older.state.session.mode is Mode.COMMANDING
    plant.lockstep.broker.restore("center")
    plant.run(3)
    assert older.state.session.mode is Mode.STOOD_DOWN
    assert older.state.session.rival == "c2"
    assert "stood-down" in older.state.alarms.standing
    stood_ms = next(c.at_ms for c in plant.raised("stood-down"))
    assert all(c.issued_at_ms <= stood_ms for c in plant.commands())
    assert second.core.state.session.mode is Mode.COMMANDING
    plant.assert_sound("second")
    plant.assert_sound("main")
    plant.close()


def test_commands_of_an_older_center_change_nothing_at_a_site(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(12)
    old = [c for c in plant.commands() if c.setpoints][-1]
    plant.lockstep.start_center(plant.recorded("c2"))
    plant.run(2)
    site = plant.lockstep.sites[old.site]
    refused = dict(site.agent.counts)["refused"]
    bus = plant.lockstep.broker.client("ghost")
    bus.open()
    late = structs.replace(
        old,
        id="c1.ghost",
        sequence=old.sequence + 100,
        issued_at_ms=plant.now_ms,
        expires_at_ms=plant.now_ms + 60_000,
    )
    bus.publish(plant.lockstep.topics.command(old.site), encode(late))
    plant.run(0.2)
    assert dict(site.agent.counts)["refused"] == refused + 1
    answer = next(a for a in plant.acks() if a.command_id == "c1.ghost")
    assert answer.outcome is Outcome.REFUSED and "older" in answer.reason
    assert plant.core.state.session.mode is Mode.COMMANDING
    plant.close()


def test_two_centers_that_start_together_end_as_one(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.lockstep.start_center(plant.recorded("c2", "second"), "center-2")
    plant.run(6)
    modes = [center.recorded.core.state.session.mode for center in plant.lockstep.centers.values()]
    assert sorted(modes) == [Mode.COMMANDING, Mode.STOOD_DOWN]
    leases = [
        decode(f.payload, Lease)
        for name in ("main", "second")
        for _, _, outbound in plant.frames(name)
        for f in outbound
        if f.topic == plant.lockstep.topics.lease
    ]
    winner = next(
        c.recorded.core.state.session
        for c in plant.lockstep.centers.values()
        if c.recorded.core.state.session.mode is Mode.COMMANDING
    )
    assert max(lease.fence for lease in leases) == winner.fence
    plant.assert_sound("main", "second")
    plant.close()


def obeyed_by_site(plant: Plant) -> dict[str, int]:
    return {site: entry.agent.counts["obeyed"] for site, entry in plant.lockstep.sites.items()}


@contextmanager
def no_more_space() -> Iterator[None]:
    """Files of this process cannot grow, as on a full disk."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
def test_with_a_full_disk_nothing_is_commanded_and_all_is_recorded_afterwards(
    tmp_path: Path,
) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(6)
    recorded = plant.lockstep.recorded
    obeyed = obeyed_by_site(plant)
    cycles = recorded.core.state.session.cycle
    with no_more_space():
        plant.run(3)
        assert recorded.refusing and recorded.mode is Mode.REFUSING
        assert "cannot be written" in recorded.error
        assert obeyed == {
            s: dict(e.agent.counts)["obeyed"] for s, e in plant.lockstep.sites.items()
        }
    assert recorded.core.state.session.cycle == cycles + 45
    plant.run(6)
    assert not recorded.refusing and recorded.error == ""
    assert recorded.mode is Mode.COMMANDING
    assert len(plant.cycles()) == recorded.core.state.session.cycle
    now = obeyed_by_site(plant)
    assert sum(now.values()) > sum(obeyed.values())
    plant.assert_sound()
    plant.close()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
def test_a_disk_full_for_long_stops_the_core_but_loses_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridmuster.runtime.recorder.BACKLOG", 20)
    plant = Plant(tmp_path, "18:30")
    plant.run(4)
    recorded = plant.lockstep.recorded
    with no_more_space():
        plant.run(4)
        stopped = recorded.core.state.session.cycle
        plant.run(1)
        assert recorded.core.state.session.cycle == stopped
        assert recorded.mode is Mode.REFUSING
    plant.run(4)
    assert recorded.mode is Mode.COMMANDING
    said = {site: entry.bus.stats.sent for site, entry in plant.lockstep.sites.items()}
    kept = dict.fromkeys(said, 0)
    for _, inbound, _ in plant.frames():
        for frame in inbound:
            if "/up/" in frame.topic:
                kept[frame.topic.split("/")[-3]] += 1
    waiting = sum(said.values()) - sum(kept.values())
    assert 0 <= waiting <= len(said) * 3  # what the last tick's commands were answered with
    plant.assert_sound()
    plant.close()


def test_a_center_cut_off_goes_on_deciding_and_commands_nothing_stale(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30")
    plant.run(10)
    plant.lockstep.broker.cut("center")
    plant.run(6)
    assert {f"silent:{site.id}" for site in plant.fleet.sites} <= plant.alarms()
    expired = plant.lockstep.centers["center"].bus.stats.dropped_expired
    plant.lockstep.broker.restore("center")
    plant.run(6)
    assert plant.lockstep.centers["center"].bus.stats.dropped_expired >= expired
    assert not any(key.startswith("silent:") for key in plant.alarms())
    assert plant.core.state.session.mode is Mode.COMMANDING
    late = [a for a in plant.acks() if a.outcome is Outcome.EXPIRED]
    assert late == []
    plant.assert_sound()
    plant.close()


def test_every_link_cut_and_back_loses_no_recorded_frame(tmp_path: Path) -> None:
    fleet_sites = [site.id for site in generate(12, 1).sites]
    cuts = [LinkCut(site=site, at="18:33", until="18:37") for site in fleet_sites]
    plant = Plant(tmp_path, "18:30", cuts)
    plant.run(12)
    assert all(len(entry.outbox) == 0 for entry in plant.lockstep.sites.values())
    reports: dict[str, set[int]] = {}
    for _, inbound, _ in plant.frames():
        for frame in inbound:
            if frame.topic.endswith("/up/report"):
                report = decode(frame.payload, SiteReport)
                reports.setdefault(report.site, set()).add(report.at_ms)
    for site in fleet_sites:
        inside = [t for t in reports[site] if 180_000 < t - plant.start_ms < 420_000]
        assert len(inside) >= 10, site
    plant.assert_sound()
    plant.close()
