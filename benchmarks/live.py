"""Real sockets: keeping up at 60 times life, and from a meter's step to the acknowledged change."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rows import Row
from gridmuster.clock import iso
from gridmuster.fleet.generate import generate
from gridmuster.fleet.model import Fleet
from gridmuster.report import report_journal
from gridmuster.runtime.demo_live import Running, run_live
from gridmuster.runtime.demo_max import DemoOptions
from gridmuster.runtime.worlds import WorldOptions
from gridmuster.signals import Ack, Outcome, SiteCommand, decode
from gridmuster.simulator.default_day import default_day
from gridmuster.simulator.scenario import DEFAULT_START_MS, DemandStep, Scenario
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

#: Time between two steps of the meter, s.
STEP_EVERY_S = 5.0
#: Time before the first step, for the plant to come to rest, s.
SETTLE_S = 45.0


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


def latency(steps: int = 24) -> list[Row]:
    """Step a meter at real time and wait for the acknowledged change at a device.

    Args:
        steps: how many steps.
    """
    fleet, user = _tight_fleet()
    first_ms = DEFAULT_START_MS + int(SETTLE_S * 1000)
    moments = [first_ms + int(k * 2 * STEP_EVERY_S * 1000) for k in range(steps // 2)]
    events = tuple(
        DemandStep(at=iso(at), until=iso(at + int(STEP_EVERY_S * 1000)), end_user=user, factor=1.6)
        for at in moments
    )
    scenario = Scenario(name="meter steps", events=events)
    hours = (SETTLE_S + (steps + 2) * STEP_EVERY_S) / 3600.0
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
        edges = sorted([*moments, *(at + int(STEP_EVERY_S * 1000) for at in moments)])
        found = list(_latencies_s(journal, edges))
    what = "meter step to acknowledged change at the device, 60 sites, --speed 1"
    if not found:
        raise RuntimeError("no step was answered; see the demo's journal")
    found.sort()
    p99 = found[min(int(0.99 * len(found)), len(found) - 1)]
    return [
        Row(f"{what}: p50", statistics.median(found), "s", note=f"{len(found)} of {len(edges)}"),
        Row(f"{what}: p99", p99, "s", 2.0),
        Row(f"{what}: steps unanswered", len(edges) - len(found), "", 0.0),
    ]


def _tight_fleet() -> tuple[Fleet, str]:
    """The default fleet with one area's import held down, so that its battery follows demand."""
    fleet = generate(60, 1)
    areas = []
    for area in fleet.areas:
        if area.id == "east" and area.connection is not None:
            # Below the night's demand: what is missing comes from the battery.
            connection = area.connection.model_copy(update={"import_limit_kw": 900.0})
            areas.append(area.model_copy(update={"connection": connection}))
        else:
            areas.append(area)
    users = [
        user
        for user in fleet.end_users
        if fleet.site_by_id[user.site].area == "east" and not user.behind_transfer
    ]
    largest = max(users, key=lambda user: user.peak_kw)
    return fleet.model_copy(update={"areas": tuple(areas)}), largest.id


def _latencies_s(journal: Path, edges: list[int]) -> Iterator[float]:
    """From each step to the first change, issued after it, that was measured as done."""
    issued: dict[str, int] = {}
    done: list[tuple[int, int]] = []
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
            for frame in outbound:
                if frame.topic.endswith("/down/command"):
                    command = decode(frame.payload, SiteCommand)
                    issued[command.id] = command.issued_at_ms
    for edge in edges:
        answers = [end - edge for start, end in done if edge <= start < edge + STEP_EVERY_S * 1000]
        if answers:
            yield min(answers) / 1000.0


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
