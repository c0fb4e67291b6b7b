"""The demo as programs of their own: real broker, real Modbus sockets, real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from gridmuster.console.tokens import Role, read_token, token_path
from gridmuster.errors import LinkError
from gridmuster.fleet.generate import generate
from gridmuster.report import report_journal
from gridmuster.runtime.demo_live import Running, run_live
from gridmuster.runtime.demo_max import DemoOptions
from gridmuster.runtime.replay import replay
from gridmuster.runtime.worlds import WorldOptions
from gridmuster.simulator.scenario import DEFAULT_START_MS
from gridmuster.store.journal import Journal

HOURS = 0.25


def options(folder: Path) -> DemoOptions:
    fleet = generate(12, 1)
    # Early evening, where there is something to do.
    start_ms = DEFAULT_START_MS + 18 * 3_600_000
    return DemoOptions(fleet, WorldOptions(start_ms, 1), HOURS, folder / "plant.journal")


def test_programs_run_a_plant_and_its_journal_replays(tmp_path: Path) -> None:
    seen: list[dict[str, object]] = []

    def told(running: Running, now_ms: int) -> None:
        if now_ms < options(tmp_path).world.start_ms + 600_000 or seen:
            return
        token = read_token(token_path(running.tokens, Role.VIEWER))
        answer = httpx.get(
            f"{running.url}/api/v1/plant", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200
        seen.append(answer.json())
        assert httpx.get(f"{running.url}/api/v1/plant").status_code == 401

    run_live(options(tmp_path), tmp_path, 60.0, watch=False, told=told)
    (view,) = seen
    assert view["mode"] == "commanding"
    report = report_journal(str(tmp_path / "plant.journal"))
    assert report.hours == pytest.approx(HOURS, abs=0.05)
    assert report.demand_kwh > 100.0
    assert report.commands > 0
    assert report.invariant_violations == 0
    with Journal.open(str(tmp_path / "plant.journal"), read_only=True) as journal:
        again = replay(journal)
    assert again.difference is None
    assert again.commands == report.commands


def test_a_program_that_dies_ends_the_demo_with_its_name(tmp_path: Path) -> None:
    def kill_the_gateways(running: Running, now_ms: int) -> None:
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"gateway" in words and str(tmp_path / "gateways.yaml").encode() in words:
                    os.kill(int(process.name), signal.SIGKILL)

    with pytest.raises(LinkError, match="gateway ended"):
        run_live(options(tmp_path), tmp_path, 60.0, watch=False, told=kill_the_gateways)
