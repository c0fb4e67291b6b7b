"""``gridmuster plan``: a day from a fleet file, in words and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from command_line import call, fleet_in
from typer import BadParameter

from gridmuster.cli.plan import moment_of
from gridmuster.clock import to_ms
from gridmuster.planning import PlanSolution


@pytest.fixture(scope="module")
def fleet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fleet_in(tmp_path_factory.mktemp("plan"), 6, 3)


def test_a_day_is_told_and_kept(fleet_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    done = call("plan", str(fleet_file), "--day", "2026-07-16", "--out", str(out))
    assert done.returncode == 0, done.stderr
    kept = msgspec.json.decode(out.read_bytes(), type=PlanSolution)
    assert kept.lower_bound_usd <= kept.objective_usd + 1e-6
    first = done.stdout.splitlines()[0]
    assert first.startswith(kept.status) and f"{kept.objective_usd:,.2f} USD" in first
    told = {line.split()[0] for line in done.stdout.splitlines() if " on " in line}
    assert told == {device for device, on in kept.commitment.items() if any(on)}
    assert call("plan", str(fleet_file), "--json").returncode == 0


def test_no_day_and_no_file_are_told(fleet_file: Path, tmp_path: Path) -> None:
    wrong = call("plan", str(fleet_file), "--day", "someday")
    assert wrong.returncode == 2 and "is no day" in wrong.stderr
    absent = call("plan", str(tmp_path / "nope.yaml"))
    assert absent.returncode == 2 and "nope.yaml" in absent.stderr
    folder = call("plan", str(fleet_file), "--out", str(tmp_path / "no" / "plan.json"))
    assert folder.returncode == 2 and "cannot write" in folder.stderr


def test_reasons_and_orders_are_told(fleet_file: Path) -> None:
    order = ("--objective", "reliability:lolp=0.01>expense", "--gap", "0.01")
    done = call("plan", str(fleet_file), *order, "--json")
    assert done.returncode == 0, done.stderr
    plan = msgspec.json.decode(done.stdout, type=PlanSolution)
    device = min(plan.power_kw)
    asked = ("--why", f"{device}@18:30", "--why", f"{device}@3")
    done = call("plan", str(fleet_file), "--objective", "efficiency", *asked)
    assert done.returncode == 0, done.stderr
    evening, night = done.stdout.splitlines()
    assert evening.startswith(f"{device}@18:30: ")
    assert night.startswith(f"{device}@3: ")


@pytest.mark.parametrize("asked", ["18:30", "set-1@25", "set-1@noon", "@7", "set-1@"])
def test_a_question_that_asks_nothing_is_told(asked: str) -> None:
    with pytest.raises(BadParameter, match="DEVICE@HOUR"):
        moment_of(asked, "2026-07-15", "UTC")


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    device, summer = moment_of("set@1@6:30", "2026-07-15", "America/Chicago")
    assert device == "set@1"
    assert summer == to_ms(datetime(2026, 7, 15, 11, 30, tzinfo=UTC))
    assert moment_of("set-1@6", "2026-01-15", "America/Chicago")[1] == to_ms(
        datetime(2026, 1, 15, 12, tzinfo=UTC)
    )
