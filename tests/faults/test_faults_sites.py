"""What goes wrong at sites and on the way to them, and what the plant does about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from lockstep_plant import Plant, today

from gridmuster.center.alarms import Severity
from gridmuster.center.view import Mode
from gridmuster.comms.memory import LinkFaults
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.generate import generate
from gridmuster.signals import Action, DemandReport, Outcome, SiteReport, Supply, decode
from gridmuster.simulator.scenario import (
    ClockSkew,
    FailedStart,
    IgnoresSetpoint,
    LinkCut,
    MeterSilent,
    Trip,
    UtilityOutage,
)

PUMP = "north-pump-01"
GEN = "north-pump-01-gen-2"


def test_a_link_cut_for_an_hour(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "19:00", [LinkCut(site=PUMP, at="19:12", until="20:12")])
    plant.until("19:12")
    on = [d for d in plant.fleet.devices_of_site[PUMP] if plant.world.machines[d.id].power_kw > 1.0]
    assert on
    plant.until("19:13")
    # Inside the time that its setpoints hold, the site goes on.
    assert all(plant.world.machines[d.id].power_kw > 1.0 for d in on)
    plant.until("19:25")
    # They lapsed: the sets unloaded and stopped by themselves.
    assert all(abs(plant.world.machines[d.id].power_kw) < 1.0 for d in on)
    assert f"silent:{PUMP}" in plant.alarms()
    readings = plant.core.state.plant.readings
    assert any(readings[d.id].power_kw > 1.0 for d in on)  # last known, not zero
    sequence = plant.core.state.commands.sequence[PUMP]
    plant.until("20:20")
    assert f"silent:{PUMP}" not in plant.alarms()
    entry = plant.lockstep.sites[PUMP]
    assert len(entry.outbox) == 0 and entry.outbox.dropped == 0
    assert plant.core.state.commands.sequence[PUMP] > sequence
    inside = {
        report.sequence
        for _, inbound, _ in plant.frames()
        for frame in inbound
        if frame.topic == plant.lockstep.topics.report(PUMP)
        and today("19:12") <= (report := decode(frame.payload, SiteReport)).at_ms < today("20:12")
    }
    assert len(inside) >= 3600 / 20 - 2  # a heartbeat each 20 s at the least
    assert plant.core.state.counters.late > 0
    plant.assert_sound()
    plant.close()


def test_the_rest_covers_for_a_site_that_is_cut_off(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "19:00", [LinkCut(site=PUMP, at="19:12", until="19:40")])
    plant.until("19:45")
    truth = plant.world.truth.areas["north"]
    assert truth.unserved_kwh < 1.0
    plant.assert_sound()
    plant.close()


def test_a_silent_meter_is_estimated_and_named(tmp_path: Path) -> None:
    user = max(
        (u for u in generate(12, 1).end_users if u.site.startswith("north")),
        key=lambda u: u.peak_kw,
    )
    events = [MeterSilent(end_user=user.id, at="18:35", until="18:45")]
    plant = Plant(tmp_path, "18:30", events)
    plant.until("18:34")
    said_kw = plant.core.state.plant.meters[user.id].power_kw
    plant.until("18:38")
    assert f"meter:{user.id}" in plant.alarms()
    balance = next(a for a in plant.cycles()[-1].areas if a.area == "north")
    assert balance.estimated_kw == pytest.approx(said_kw, rel=0.5)
    plant.until("18:48")
    assert f"meter:{user.id}" not in plant.alarms()
    assert plant.cycles()[-1].areas[0].estimated_kw == 0.0
    plant.assert_sound()
    plant.close()


def test_duplicated_reordered_and_late_messages(tmp_path: Path) -> None:
    faults = LinkFaults(duplicate=0.1, reorder=0.1, delay=0.1, delay_ms=12_000)
    plant = Plant(tmp_path, "18:30", faults=faults)
    plant.run(15)
    assert plant.core.state.session.mode is Mode.COMMANDING
    assert plant.core.state.counters.late > 50
    outcomes = [ack.outcome for ack in plant.acks()]
    assert Outcome.DUPLICATE in outcomes
    obeyed = {c.id for c in plant.commands()}
    done = [a.command_id for a in plant.acks() if a.outcome in (Outcome.DONE, Outcome.ACCEPTED)]
    assert set(done) <= obeyed
    # A command that came 12 s late is told so and not obeyed.
    late = [a for a in plant.acks() if a.outcome is Outcome.REFUSED and "ago" in a.reason]
    assert late
    assert plant.world.truth.areas["north"].unserved_kwh < 1.0
    assert not any(key.startswith("skew:") for key in plant.alarms())
    plant.assert_sound()
    plant.close()


@pytest.mark.parametrize("offset_s", [10.0, -10.0])
def test_a_clock_10_s_off(tmp_path: Path, offset_s: float) -> None:
    events = [ClockSkew(site=PUMP, at="18:40", until="18:55", offset_s=offset_s)]
    plant = Plant(tmp_path, "18:30", events)
    plant.run(1)
    plant.ask(Action.OVERRIDE, GEN, 200.0, minutes=60)
    plant.until("18:42")
    assert f"skew:{PUMP}" in plant.alarms()
    plant.until("18:54")
    refused = [a for a in plant.acks() if a.site == PUMP and a.outcome is Outcome.REFUSED]
    assert refused and all("issued" in a.reason for a in refused)
    assert plant.core.state.session.mode is not Mode.STOOD_DOWN
    plant.until("19:00")
    # The clock is right again: at once believed and commanded again.
    assert f"skew:{PUMP}" not in plant.alarms()
    status = plant.core.state.plant.sites[PUMP]
    assert plant.now_ms - status.received_ms <= 24_000
    asked = [c for c in plant.commands() if c.site == PUMP and c.issued_at_ms > today("18:55")]
    answered = {a.command_id for a in plant.acks() if a.outcome is not Outcome.REFUSED}
    assert asked and asked[0].id in answered
    plant.assert_sound()
    plant.close()


def test_a_device_that_ignores_its_setpoint_is_told_of_and_made_up_for(tmp_path: Path) -> None:
    device = "east-storage-01-battery"
    events = [IgnoresSetpoint(device=device, at="18:45", until="19:20")]
    plant = Plant(tmp_path, "18:30", events)
    plant.until("19:18")
    failed = [
        outcome
        for ack in plant.acks()
        for outcome in ack.devices
        if outcome.device == device and outcome.outcome is Outcome.FAILED
    ]
    assert failed and "measured" in failed[0].reason
    assert len(plant.raised(f"deaf:{device}")) == 1
    # It is counted as it is, and what was asked of it stands.
    decision = plant.core._decisions["east"]
    assert f"deaf:{device}" in plant.alarms()
    assert device not in decision.dispatch.power_kw
    assert decision.wished[device].power_kw == plant.setpoint_kw(device)
    assert plant.world.truth.areas["east"].unserved_kwh < 1.0
    plant.until("19:24")
    assert f"deaf:{device}" not in plant.alarms()
    assert device in plant.core._decisions["east"].dispatch.power_kw
    plant.assert_sound()
    plant.close()


def test_three_failed_starts_in_a_row_are_each_replaced_within_30_s(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30", [FailedStart(area="north", at="18:30", count=3)])
    plant.until("18:50")
    cycles = plant.cycles()
    substitutions = [(c.at_ms, s) for c in cycles for s in c.substitutions]
    failures = plant.core.state.commitment.failures
    assert len(failures) == 3
    replaced = {s.failed for _, s in substitutions}
    missing = [d for d in failures if d not in replaced]
    # Only where nobody is left to ask, or none is needed, a failure stays without replacement.
    north = plant.core._decisions["north"].commitment
    left = [d for d, wanted in north.wanted.items() if not wanted and d not in north.refused]
    assert not missing or not left or north.deficit_kw == 0.0
    assert substitutions
    for at_ms, substitution in substitutions:
        assert at_ms - substitution.failed_at_ms <= 30_000
    # Each was called once, never in a loop.
    starts = [s.device for c in cycles for s in c.starts if s.order == "run"]
    for device in failures:
        assert starts.count(device) == 1
    plant.assert_sound()
    plant.close()


def test_a_trip_is_made_up_for(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30", [Trip(area="north", at="18:45")])
    plant.until("19:00")
    trips = [f for f in plant.core.state.commitment.failures.values() if "trip" in f.cause]
    assert len(trips) == 1
    assert plant.world.truth.areas["north"].unserved_kwh < 1.0
    plant.assert_sound()
    plant.close()


def test_an_outage_at_a_quarter_of_the_sites_during_an_export(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "19:10")
    exporters = [
        site.id
        for site in plant.fleet.sites
        if any(isinstance(d, Generator) for d in plant.fleet.devices_of_site[site.id])
        and site.backup_load_kw > 0.0
    ]
    towers = [s for s in exporters if s != PUMP][: max(len(plant.fleet.sites) // 4 - 1, 1)]
    away = (PUMP, *towers)
    plant.close()
    folder = tmp_path / "outage"
    folder.mkdir()
    plant = Plant(folder, "19:15", [UtilityOutage(sites=away, at="19:25", until="19:40")])
    plant.run(1)
    plant.ask(Action.OVERRIDE, GEN, 200.0, minutes=60)
    plant.until("19:24")
    exports_kw = plant.world.sites[PUMP].points()["poi_kw"]
    before_kw = [plant.world.machines[d.id].power_kw for d in plant.fleet.devices_of_site[PUMP]]
    assert max(before_kw) > 50.0
    assert exports_kw > 20.0
    plant.until("19:25")
    while plant.now_ms < today("19:40"):
        plant.lockstep.tick()
        for site in away:
            points = plant.world.sites[site].points()
            assert points["poi_kw"] <= 0.5, "no power into a dead line"
            assert plant.lockstep.sites[site].agent.local_duty
    cycles = [c for c in plant.cycles() if today("19:25") < c.at_ms <= today("19:40")]
    asked = [
        (c.site, s)
        for c in plant.commands()
        if today("19:25") + 8_000 < c.issued_at_ms <= today("19:40")
        for s in c.setpoints
        if s.order == "run" and c.site in away
    ]
    assert asked == [], asked
    assert cycles
    assert {f"outage:{site}" for site in away} <= plant.alarms()
    for site in away:
        report = plant.core.state.plant.sites[site].report
        assert report is not None and report.supply is Supply.LOCAL
    plant.until("19:55")
    assert not any(key.startswith("outage:") for key in plant.alarms())
    unserved = plant.world.truth.unserved_kwh_by_site
    for site in away:
        load_kw = plant.fleet.site_by_id[site].backup_load_kw
        # Ten seconds to a minute until a set carries it (three crank tries at the most).
        assert unserved[site] <= load_kw * 60.0 / 3600.0, site
    plant.assert_sound()
    plant.close()


def test_meters_keep_their_counters_through_a_cut(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:30", [LinkCut(site=PUMP, at="18:35", until="18:40")])
    plant.run(14)
    energies: dict[str, list[float]] = {}
    topic = plant.lockstep.topics.demand(PUMP)
    for _, inbound, _ in plant.frames():
        for frame in inbound:
            if frame.topic == topic:
                for reading in decode(frame.payload, DemandReport).readings:
                    energies.setdefault(reading.end_user, []).append(reading.energy_kwh)
    for user in plant.fleet.end_users_of_site[PUMP]:
        assert max(energies[user.id]) == pytest.approx(
            plant.world.meters[user.id].points()["energy_kwh"], abs=2.0
        )
    plant.close()


def test_a_site_whose_only_set_fails_in_an_outage_is_told_plainly(tmp_path: Path) -> None:
    fleet = generate(12, 1)
    site, device = next(
        (site.id, sets[0].id)
        for site in fleet.sites
        if site.backup_load_kw > 0.0
        and len(sets := [d for d in fleet.devices_of_site[site.id] if isinstance(d, Generator)])
        == 1
        and not any(isinstance(d, Store) for d in fleet.devices_of_site[site.id])
    )
    plant = Plant(
        tmp_path,
        "14:00",
        [
            FailedStart(device=device, number=1),
            UtilityOutage(sites=(site,), at="14:03", until="14:40"),
        ],
    )
    plant.until("14:15")
    texts = [one.text for one in plant.core.state.decisions if one.device == device]
    assert any(text.startswith("told to start: utility outage") for text in texts)
    assert any(text.startswith("failed to start") for text in texts), texts
    assert not any(text.startswith("started") for text in texts), "it never ran"
    standing = plant.core.state.alarms.standing
    assert standing[f"outage:{site}"].severity is Severity.CRITICAL
    assert "without supply" in standing[f"outage:{site}"].text
    assert f"site:{site}:local_duty" not in standing
    assert standing[f"failure:{device}"].text.startswith("failed to start")
    assert f"device:{device}:fail_to_start" not in standing
    plant.close()
