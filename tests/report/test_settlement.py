"""What activations delivered by the sets' own meters, against what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from crafting import Craft
from typer.testing import CliRunner

from gridmuster.center.activationmemory import ActivationMemory, Called, Running
from gridmuster.center.memory import CoreState
from gridmuster.cli.journal import app
from gridmuster.clock import parse_iso
from gridmuster.errors import JournalError
from gridmuster.report.settlement import report_settlement
from gridmuster.signals import Activation, DeviceState, Purpose

START_MS = parse_iso("2026-07-15T12:00:00Z")
MINUTE_MS = 60_000


def event(name: str, begin: int, end: int, *sets: Called, kw: float = 80.0) -> Running:
    wish = Activation(
        kw, START_MS + begin * MINUTE_MS, START_MS + end * MINUTE_MS, Purpose.OPERATOR
    )
    return Running(name, "kim", "heat", "area", "area", wish, START_MS, sets=list(sets))


def called(device: str, lost: str = "") -> Called:
    return Called(device, "plant", 80.0, 0.98, 0, 0, lost=lost)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine gives 80 kW for the first 20 minutes and 40 kW from then on."""
    craft = Craft(tmp_path_factory.mktemp("events") / "journal", START_MS)
    for k in range(2 * 90 + 1):
        seconds = 20 * k
        kwh = 7.0 + (80.0 * min(seconds, 1200) + 40.0 * max(seconds - 1200, 0)) / 3600.0
        power_kw = 80.0 if seconds <= 1200 else 40.0
        reading = {"state": DeviceState.RUNNING, "power_kw": power_kw, "produced_kwh": kwh}
        craft.cycle(craft.report("plant", engine=reading), count=5)
    past = [
        event("op-2", 15, 30, called("engine"), called("diesel", "failed to start"), kw=60.0),
        event("op-1", 5, 15, called("engine")),
    ]
    memory = ActivationMemory(past=past, running={"op-3": event("op-3", 41, 44, called("engine"))})
    state = msgspec.msgpack.encode(CoreState(activations=memory))
    craft.journal.append_checkpoint(craft.now_ms, state)
    craft.journal.close()
    return craft.path


def test_each_activation_is_measured_by_its_sets_meters(journal: Path) -> None:
    first, second, third = report_settlement(str(journal)).events
    assert (first.activation, first.asked_by, first.purpose) == ("op-1", "kim", "operator")
    assert first.delivered_kwh == pytest.approx(80.0 / 6.0, abs=0.01)
    assert (first.mean_kw, first.short_intervals) == (pytest.approx(80.0, abs=0.1), 0)
    # From 15 to 20 minutes 80 kW, then 40 kW: 160/3 kW on the mean, two intervals below 60 kW.
    assert second.mean_kw == pytest.approx(160.0 / 3.0, abs=0.3)
    assert second.least_kw == pytest.approx(40.0, abs=0.1)
    assert (second.intervals, second.short_intervals) == (3, 2)
    assert second.delivered_kwh == pytest.approx(80.0 / 12.0 + 40.0 / 6.0, abs=0.08)
    assert second.asked_kwh == pytest.approx(15.0)
    assert second.lost == ("diesel",) and [one.device for one in second.sets] == ["engine"]
    # A window without a whole interval has nothing to measure.
    assert (third.intervals, third.delivered_kwh, third.mean_kw) == (0, 0.0, None)


def test_the_command_prints_them_and_writes_tables(journal: Path, tmp_path: Path) -> None:
    args = ["report", str(journal), "--settlement", "--csv", str(tmp_path)]
    result = CliRunner().invoke(app, [*args, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [one["activation"] for one in found["events"]] == ["op-1", "op-2", "op-3"]
    lines = (tmp_path / "events.csv").read_text("utf-8").splitlines()
    assert len(lines) == 4 and lines[1].startswith("op-1,kim,")
    assert len((tmp_path / "sets.csv").read_text("utf-8").splitlines()) == 3
    shown = CliRunner().invoke(app, args)
    assert shown.exit_code == 0 and "op-2" in shown.output


def test_a_journal_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    craft = Craft(tmp_path / "journal", START_MS)
    craft.cycle(craft.report("plant"))
    craft.journal.close()
    with pytest.raises(JournalError, match="no checkpoint yet"):
        report_settlement(str(craft.path))
