"""Real sockets: keeping up at 60 times life, and from a meter's step to the acknowledged change."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.rows import Row
from gridmuster.clock import iso
from gridmuster.fleet.devices import Generator, Permit, PermitClass
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.report import report_journal
from gridmuster.runtime.demo_live import Running, run_live
from gridmuster.runtime.demo_max import DemoOptions
from gridmuster.runtime.worlds import WorldOptions
from gridmuster.signals import Ack, DemandReport, Outcome, SiteCommand, decode
from gridmuster.simulator.default_day import default_day
from gridmuster.simulator.meters import PERIOD_MS
from gridmuster.simulator.scenario import DEFAULT_START_MS, DemandStep, Scenario
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

#: Time between two edges of an end-user's demand, s.
EDGE_EVERY_S = 6.0
#: Time before the first edge, for the plant to come to rest, s.
SETTLE_S = 45.0
#: What demand is multiplied by between an edge up and an edge down.
FACTOR = 2.5
#: Change of a meter's reading that must move a device: above the deadband of the largest, kW.
STEP_KW = 20.0
#: The area whose battery has to follow, and the import it is held to: below its need at night.
AREA = "east"
IMPORT_LIMIT_KW = 900.0


def keep_up(minutes: float = 2.0) -> list[Row]:
    """Run the default day at 60 times life.

    Args:
        minutes: real time, min.
    """
    fleet = generate(60, 1)
    scenario = default_day(fleet, DEFAULT_START_MS, 1)
    options = WorldOptions(DEFAULT_START_MS, 1, scenario)
    memory_mb: list[float] = []
    with tempfile.TemporaryDirectory(prefix="gridmuster-bench-") as folder:
        journal = Path(folder) / "plant.journal"
        run_live(
            DemoOptions(fleet, options, minutes, journal),
            Path(folder),
            60.0,
            watch=False,
            told=lambda _, __: memory_mb.append(children_mb()),
        )
        report = report_journal(str(journal))
    cycles = report.cycles
    growth_mb = 0.0
    if len(memory_mb) >= 20:
        late = len(memory_mb) // 2
        growth_mb = statistics.median(memory_mb[-5:]) - statistics.median(
            memory_mb[late : late + 5]
        )
    what = f"60 sites, --speed 60 through real sockets, {minutes:g} min"
    return [
        Row(f"{what}: cycles missed", report.missed_cycles, "", 0.0, note=f"of {cycles}"),
        Row(f"{what}: memory grown in the second half", growth_mb, "MB", 20.0),
        Row(f"{what}: cycle time p99", report.cycle_ms_p99 or 0.0, "ms"),
    ]


def latency(edges: int = 40) -> list[Row]:
    """Move a meter at real time and wait for the acknowledged change at a device.

    The end-user's demand runs up and down within a few seconds; its meter shows the mean of every
    second, and so steps once a second. Each such step counts from the instant the meter shows it.

    Args:
        edges: how often demand goes up or down.
    """
    fleet, user = _tight_fleet()
    first_ms = DEFAULT_START_MS + int(SETTLE_S * 1000)
    moments = [first_ms + int(k * 2 * EDGE_EVERY_S * 1000) for k in range(edges // 2)]
    events = tuple(
        DemandStep(
            at=iso(at), until=iso(at + int(EDGE_EVERY_S * 1000)), end_user=user, factor=FACTOR
        )
        for at in moments
    )
    scenario = Scenario(name="meter steps", events=events)
    hours = (SETTLE_S + (edges + 2) * EDGE_EVERY_S) / 3600.0
    with tempfile.TemporaryDirectory(prefix="gridmuster-bench-") as folder:
        journal = Path(folder) / "plant.journal"
        options = WorldOptions(DEFAULT_START_MS, 1, scenario)
        run_live(
            DemoOptions(fleet, options, hours, journal),
            Path(folder),
            1.0,
            watch=False,
            told=_nothing,
        )
        found = latencies_s(journal, user, first_ms)
    what = "meter step to acknowledged change at the device, 60 sites, --speed 1"
    answered = sorted(seconds for seconds in found if seconds is not None)
    if not answered:
        raise RuntimeError("no step was answered; see the demo's journal")
    p99 = answered[min(int(0.99 * len(answered)), len(answered) - 1)]
    return [
        Row(f"{what}: p50", statistics.median(answered), "s", note=f"{len(found)} steps"),
        Row(f"{what}: p99", p99, "s", 2.0, note=f"worst {answered[-1]:.2f} s"),
        Row(f"{what}: steps unanswered", len(found) - len(answered), "", 0.0),
    ]


def _tight_fleet() -> tuple[Fleet, str]:
    """The default fleet with an area that has only its stores to follow demand with.

    Its import is held below what it needs and its generators may run for tests only, so that
    nothing but the metered step moves its battery.
    """
    fleet = generate(60, 1)
    areas = []
    for area in fleet.areas:
        if area.id == AREA and area.connection is not None:
            connection = area.connection.model_copy(update={"import_limit_kw": IMPORT_LIMIT_KW})
            areas.append(area.model_copy(update={"connection": connection}))
        else:
            areas.append(area)
    tests_only = Permit(permit_class=PermitClass.CALIFORNIA_EMERGENCY)
    devices = tuple(
        device.model_copy(update={"permit": tests_only})
        if isinstance(device, Generator) and fleet.site_by_id[device.site].area == AREA
        else device
        for device in fleet.devices
    )
    users = [
        user
        for user in fleet.end_users
        if fleet.site_by_id[user.site].area == AREA and not user.behind_transfer
    ]
    largest = max(users, key=lambda user: user.peak_kw)
    tight = {"areas": tuple(areas), "devices": devices}
    return fleet.model_copy(update=tight), largest.id


def latencies_s(journal: Path, user: str, from_ms: int) -> list[float | None]:
    """From each step of a meter to the first change that was ordered after it and measured.

    Args:
        journal: of the run.
        user: whose meter.
        from_ms: plant time from which steps count, ms.

    Returns:
        Seconds for each step; None for one that nothing answered.
    """
    issued: dict[str, int] = {}
    done: list[tuple[int, int]] = []
    steps: list[tuple[int, int]] = []
    last_kw: float | None = None
    with Journal.open(str(journal), read_only=True) as opened:
        for record in opened.records():
            if record.kind is not Kind.CYCLE:
                continue
            inbound, outbound = record.frames()
            for frame in inbound:
                if frame.topic.endswith("/up/ack"):
                    ack = decode(frame.payload, Ack)
                    finished = any(d.outcome is Outcome.DONE for d in ack.devices)
                    if finished and ack.command_id in issued:
                        done.append((issued.pop(ack.command_id), frame.at_ms))
                elif frame.topic.endswith("/up/demand"):
                    report = decode(frame.payload, DemandReport)
                    for reading in report.readings:
                        if reading.end_user != user or reading.power_kw is None:
                            continue
                        moved = last_kw is not None and abs(reading.power_kw - last_kw) >= STEP_KW
                        last_kw = reading.power_kw
                        shown_ms = report.at_ms - report.at_ms % PERIOD_MS
                        if moved and shown_ms >= from_ms:
                            steps.append((shown_ms, frame.at_ms))
            for frame in outbound:
                if frame.topic.endswith("/down/command"):
                    command = decode(frame.payload, SiteCommand)
                    if command.site.startswith(AREA):
                        issued[command.id] = command.issued_at_ms
    return [
        min(((end - shown) / 1000.0 for start, end in done if start >= heard), default=None)
        for shown, heard in steps
    ]


def children_mb() -> float:
    """Resident memory of this process's children and theirs, MB."""
    total = 0.0
    parents = {str(_own_pid())}
    stats = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            stats.append((entry.name, fields[1], int(fields[21]) * 4096 / 1e6))
    grown = True
    while grown:
        grown = False
        for pid, parent, _ in stats:
            if parent in parents and pid not in parents:
                parents.add(pid)
                grown = True
    for pid, _, mb in stats:
        if pid in parents and pid != str(_own_pid()):
            total += mb
    return total


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def _nothing(_: Running, __: int) -> None:
    """Nobody is told."""
