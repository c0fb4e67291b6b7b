"""Odd and broken market data through the real doors: told precisely, kept or refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gridmuster.cli import main as command_line
from gridmuster.clock import iso
from gridmuster.forecast.market import direct, verb
from gridmuster.forecast.market.boosting import Boosting
from gridmuster.forecast.market.wallclock import instants_of, wall_clock_of
from gridmuster.planning.worth import learning, runlearning
from gridmuster.planning.worth.trees import grow

HOUR_MS = 3_600_000
ZONE = "America/New_York"
FEW = Boosting(rounds=2, leaves=4, leaf_rows=20)

MAPPING = """
name: odd
zone: America/New_York
day_ahead_closes: "10:00"
sources:
  - time: {column: time, marks: start, zone: America/New_York}
    step_min: 60
    area: here
    columns:
      rt_price: {column: rt, unit: USD/MWh, published: {after_end_min: 5}}
      da_price: {column: da, unit: USD/MWh, published: {day_before: "11:00"}}
"""

FLEET = """
id: shop
areas:
  - id: here
    border: {coordinates: [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
    connection: {import_limit_kw: 9000, export_limit_kw: 9000}
sites:
  - {id: roof, area: here, latitude: 0.5, longitude: 0.5,
     transfer: {kind: paralleling, export_limit_kw: 2000}}
devices:
  - {id: big, type: battery, site: roof, rated_kw: 500, energy_capacity_kwh: 1000}
"""


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """Less of everything: what is read, told and refused is the same."""
    quick = partial(grow, settings=FEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "WARM_DAYS", 8)
        patch.setattr(direct, "Boosting", lambda: FEW)
        patch.setattr(learning, "POINTS", 48)
        for module in (learning, runlearning):
            patch.setattr(module, "FOLDS", 2)
            patch.setattr(module, "MOST_ROWS", 400)
            patch.setattr(module, "grow", lambda matrix, outcomes, _: quick(matrix, outcomes))
        yield


@dataclass
class Door:
    """The command line in a folder with a fleet and a mapping."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def data(self, times: Sequence[str], rt: Sequence[object], da: Sequence[object]) -> None:
        rows = [f"{t},{a},{b}" for t, a, b in zip(times, rt, da, strict=True)]
        (self.folder / "p.csv").write_text("\n".join(["time,rt,da", *rows]) + "\n")

    def mapping(self, text: str = MAPPING) -> None:
        (self.folder / "m.yaml").write_text(text)

    def run(self, *words: str) -> tuple[int, str, str]:
        (self.folder / "f.yaml").write_text(FLEET)
        self.patch.chdir(self.folder)
        self.patch.setattr(sys, "argv", ["gridmuster", *words])
        with pytest.raises(SystemExit) as end:
            command_line.main()
        said = self.capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err


@pytest.fixture
def door(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Door:
    found = Door(tmp_path, capsys, monkeypatch)
    found.mapping()
    return found


DOORS = [
    ("forecast", "check", "p.csv", "--mapping", "m.yaml"),
    ("forecast", "backtest", "p.csv", "--mapping", "m.yaml"),
    ("backtest", "f.yaml", "p.csv", "--mapping", "m.yaml"),
]


def usual(hours: int, first: str = "2021-02-01") -> tuple[list[str], list[float], list[float]]:
    """Local hours with their offset, and two prices."""
    day = np.datetime64(first, "D").astype(int) + 719_163
    start = int(instants_of(np.array([day]), np.array([0]), ZONE)[0])
    starts = start + HOUR_MS * np.arange(hours, dtype=np.int64)
    dice = np.random.default_rng(2)
    ahead = 40.0 + 10.0 * np.sin(2 * np.pi * np.arange(hours) / 24) + dice.normal(size=hours)
    real = ahead + 3.0 * dice.normal(size=hours)
    return [iso(int(at)) for at in starts], real.round(2).tolist(), ahead.round(2).tolist()


def naive(times: Sequence[str]) -> list[str]:
    """The same as a wall clock shows them."""
    epoch = np.array([np.datetime64(t.removesuffix("Z"), "ms").astype(np.int64) for t in times])
    wall = wall_clock_of(epoch, ZONE)
    days = [str(np.datetime64(int(d) - 719_163, "D")) for d in wall.day]
    clock = [f"{int(m) // 60:02d}:{int(m) % 60:02d}" for m in wall.minute]
    return [f"{day}T{at}" for day, at in zip(days, clock, strict=True)]


def cut_zone(text: str) -> str:
    return text.replace("marks: start, zone: America/New_York", "marks: start")


def refusals() -> list[tuple[str, str]]:
    return [
        ("naive", "offset"),
        ("twice", "twice"),
        ("year of nothing", "more than half is missing"),
        ("thousand", "market"),
        ("ten", "two prices of one place differ by a factor of"),
        ("word", "row"),
        ("column", "rt"),
    ]


@pytest.mark.parametrize("words", DOORS, ids=["check", "forecast", "backtest"])
@pytest.mark.parametrize(("what", "text"), refusals(), ids=[what for what, _ in refusals()])
def test_broken_data_is_refused_by_name_at_every_door(
    door: Door, words: tuple[str, ...], what: str, text: str
) -> None:
    times, rt, da = usual(24 * 12)
    values: list[object] = list(rt)
    if what == "naive":
        times = naive(times)
        door.mapping(cut_zone(MAPPING))
    elif what == "twice":
        times = [*times[:100], times[99], *times[100:-1]]
    elif what == "year of nothing":
        times, rt, da = usual(24 * 365 + 480)
        values = [*rt[:240], *[""] * (24 * 365), *rt[-240:]]
    elif what == "thousand":
        values = [1000.0 * one for one in rt]
        da = [1000.0 * one for one in da]
    elif what == "ten":
        values = [10.0 * one for one in rt]
    elif what == "word":
        values[7] = "n/a?"
    door.data(times, values, da)
    if what == "column":
        path = door.folder / "p.csv"
        path.write_text(path.read_text().replace("time,rt,da", "time,real,da"))
    code, out, err = door.run(*words)
    assert code == 2
    assert text in err
    assert "p.csv" in err or "here" in err
    assert "Traceback" not in err
    assert "MAE" not in out


def test_a_year_of_nothing_at_the_end_is_told(door: Door) -> None:
    times, rt, da = usual(24 * 365 + 240)
    door.data(times, [*rt[:240], *[""] * (24 * 365)], da)
    code, out, _ = door.run(*DOORS[0])
    assert code == 0
    assert f"rt_price: rows without value after its last, from {times[240]}" in out
    assert "(gap, 8,760," in out


@pytest.mark.parametrize(
    ("first", "kind"),
    [("2021-01-30", "spring"), ("2021-09-25", "autumn")],
)
def test_clock_changes_and_wild_prices_are_kept_and_told(door: Door, first: str, kind: str) -> None:
    """Six weeks of wall-clock times around a change, with the wildest prices on record."""
    times, rt, da = usual(24 * 48, first)
    rt[24 * 45], rt[24 * 46] = -6023.0, 9052.0
    clock = naive(times)
    assert (len(set(clock)) < len(clock)) is (kind == "autumn")
    door.data(clock, rt, da)
    code, out, _ = door.run(*DOORS[0])
    assert code == 0
    assert "-6,023 to 9,052" in out
    assert f"{24 * 48:,} intervals of 60 min" in out
    last = clock[-1][:10]
    first_day = clock[24 * 45][:10]
    code, out, err = door.run(*DOORS[1], "--from", first_day, "--to", last, "--json")
    assert code == 0, err
    (told,) = json.loads(out)
    assert any("-6,023 to 9,052" in one for one in told["notices"])
    assert all(np.isfinite(score["mae"]) for score in told["scores"])
    code, out, err = door.run(
        *DOORS[2], "--from", first_day, "--to", last, "--delay", "0", "--json"
    )
    assert code == 0, err
    told = json.loads(out)
    assert any("-6,023 to 9,052" in one for one in told["notices"]["here"])
    # An hour at -6,023 or 9,052 with half a MW is worth thousands; nothing is unbounded.
    assert 1000.0 < told["profit_usd"] <= told["foresight_usd"] < 20_000.0
