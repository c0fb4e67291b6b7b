"""Activations against baselines of their sites' loads, out of a journal, on hand-worked numbers."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from crafting import Craft
from typer.testing import CliRunner, Result

from gridmuster.center.activationmemory import ActivationMemory, Called, Running
from gridmuster.center.memory import CoreState
from gridmuster.cli.journal import app
from gridmuster.clock import parse_iso
from gridmuster.report.baselines import NAMED, BaselineError
from gridmuster.report.loadbaseline import Against, CalledEvent, SiteBaseline, kept_hours
from gridmuster.report.settlement import Settlement, report_settlement
from gridmuster.signals import Activation, DeviceState, Purpose, Supply

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
#: Readings of each day begin four hours before the event's time of day, and end with it.
FIRST_H, EVENT_H, LAST_H = 14.0, 18.0, 18.5
#: Wednesday to Tuesday, and the event's own Wednesday.
DAYS = tuple(f"2026-07-{day}" for day in (15, 16, 17, 20, 21, 22))
EVENT_DAY = DAYS[-1]


@dataclass
class Tower:
    """What a tower's meter shows each day, kW, and the hours in which its set carries all of it."""

    load_kw: tuple[float, ...]
    runs: dict[str, tuple[float, float]] = field(default_factory=dict)
    dead: str = ""
    since: str = DAYS[0]
    taken_kwh: float = 5.0
    given_kwh: float = 0.0


EVENT_RUN = {EVENT_DAY: (EVENT_H, LAST_H)}
TOWERS = {
    # Served as asked.
    "tower-1": Tower((6.0, 8.0, 10.0, 12.0, 14.0, 13.0), EVENT_RUN, given_kwh=3.0),
    # Exercised on Friday in these hours; failed to start in the event.
    "tower-2": Tower((6.0, 8.0, 10.0, 12.0, 14.0, 10.0), {DAYS[2]: (EVENT_H, LAST_H)}),
    # New since Monday.
    "tower-3": Tower((10.0,) * 6, EVENT_RUN, since=DAYS[3], given_kwh=3.0),
    # Ran already half an hour in the hours that an adjustment compares.
    "tower-4": Tower((10.0,) * 6, {EVENT_DAY: (14.5, 15.0)}),
    # Without utility on Friday.
    "tower-5": Tower((9.0, 10.0, 0.0, 11.0, 10.0, 10.0), EVENT_RUN, dead=DAYS[2], given_kwh=3.0),
}


def say(craft: Craft, number: int, hour: float, since_h: float) -> None:
    """A cycle in which every tower reports and its meter is read."""
    said = []
    for name, tower in TOWERS.items():
        day, load_kw = DAYS[number], tower.load_kw[number]
        if day < tower.since:
            continue
        begin, end = tower.runs.get(day, (0.0, 0.0))
        tower.taken_kwh += load_kw * since_h
        tower.given_kwh += load_kw * since_h if begin < hour <= end else 0.0
        power_kw = load_kw if begin < hour <= end else 0.0
        engine = {
            "state": DeviceState.RUNNING if power_kw else DeviceState.IDLE,
            "power_kw": power_kw,
            "produced_kwh": tower.given_kwh,
        }
        dead = tower.dead == day
        supply = Supply.DEAD if dead else Supply.LOCAL if power_kw else Supply.UTILITY
        report = craft.report(name, supply=supply, utility_ok=not dead, **{f"{name}-gen": engine})
        said += [report, craft.demand(name, (f"{name}-load", load_kw, tower.taken_kwh))]
    craft.cycle(*said)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    craft = Craft(tmp_path_factory.mktemp("loads") / "journal", parse_iso("2026-07-15T13:00:00Z"))
    for number, day in enumerate(DAYS):
        midnight_ms = parse_iso(f"{day}T00:00:00Z")
        # Thursday is read as settlement meters are.
        minutes = 15 if number == 1 else 1
        for k in range(0, round((LAST_H - FIRST_H) * 60) + 1, minutes):
            craft.now_ms = midnight_ms + round(FIRST_H * HOUR_MS) + k * MINUTE_MS - 4_000
            say(craft, number, FIRST_H + k / 60.0, minutes / 60.0 if k else 0.0)
    begin_ms = parse_iso(f"{EVENT_DAY}T18:00:00Z")
    wish = Activation(40.0, begin_ms, begin_ms + HOUR_MS // 2, Purpose.OPERATOR)
    sets = [Called(f"{name}-gen", name, 10.0, 0.98, 0, 0) for name in TOWERS]
    sets.append(Called("engine", "plant", 10.0, 0.98, 0, 0))
    past = [Running("op-1", "kim", "heat", "area", "area", wish, begin_ms, sets=sets)]
    state = msgspec.msgpack.encode(CoreState(activations=ActivationMemory(past=past)))
    craft.journal.append_checkpoint(craft.now_ms, state)
    craft.journal.close()
    return craft.path


@pytest.fixture(scope="module")
def high_4(journal: Path) -> Settlement:
    return report_settlement(str(journal), against=Against("high-4-of-5"))


def of(found: Settlement, site: str) -> SiteBaseline:
    return next(one for one in found.baselines[0].sites if one.site == site)


def test_a_site_that_was_carried_earns_its_usual_load(high_4: Settlement) -> None:
    one = of(high_4, "tower-1")
    # The highest four of 14, 12, 10, 8, 6 kW: 11 kW, half an hour; 13 kW shown before: 2 more.
    assert one.days == ("2026-07-21", "2026-07-20", "2026-07-17", "2026-07-16")
    assert one.baseline_kwh == pytest.approx(5.5)
    assert (one.delivered_kwh, one.adjusted_kwh) == (pytest.approx(5.5), pytest.approx(6.5))
    assert (one.shift_kw, one.missing, one.why) == (pytest.approx(2.0), 0, "")


def test_days_on_which_the_set_ran_or_the_utility_was_away_do_not_count(
    high_4: Settlement,
) -> None:
    # 14, 12, 8, 6 without Friday: 10 kW, and 10 kW were taken from the grid all through.
    failed = of(high_4, "tower-2")
    assert "2026-07-17" not in failed.days and len(failed.days) == 4
    assert (failed.delivered_kwh, failed.adjusted_kwh) == (pytest.approx(0.0), pytest.approx(0.0))
    # 10, 11, 10, 9 kW without the dark Friday.
    dark = of(high_4, "tower-5")
    assert "2026-07-17" not in dark.days
    assert dark.delivered_kwh == pytest.approx(5.0)


def test_what_has_no_baseline_says_why_and_is_not_in_the_sum(high_4: Settlement) -> None:
    new, plant, busy = of(high_4, "tower-3"), of(high_4, "plant"), of(high_4, "tower-4")
    assert new.delivered_kwh is None and new.baseline_kwh is None
    assert "2 like days before 2026-07-22, at least 4 are needed" in new.why
    assert "no metered end-user behind its transfer" in plant.why
    assert busy.delivered_kwh == pytest.approx(0.0) and busy.adjusted_kwh is None
    assert "ran in the 4 h to 1 h before" in busy.why_not_adjusted
    event = high_4.baselines[0]
    assert (event.without, event.not_adjusted) == (2, 3)
    assert event.delivered_kwh == pytest.approx(5.5 + 0.0 + 0.0 + 5.0)
    assert event.adjusted_kwh == pytest.approx(6.5 + 0.0 + 5.0)


def test_ten_of_ten_takes_what_there_is_down_to_five_and_is_capped(journal: Path) -> None:
    found = report_settlement(str(journal), against=Against("10-of-10"))
    one = of(found, "tower-1")
    # 14, 12, 10, 8, 6 kW: 10 kW; 13 kW shown before is a ratio of 1.3, held at 1.2.
    assert (one.delivered_kwh, one.adjusted_kwh) == (pytest.approx(5.0), pytest.approx(6.0))
    assert (one.ratio, one.capped) == (pytest.approx(1.2), True)
    assert one.notes == ("5 like days instead of 10",)
    # With Friday left out there are four.
    assert "event day: 1" in of(found, "tower-2").why


def test_high_5_of_10_has_too_few_days_everywhere(journal: Path) -> None:
    event = report_settlement(str(journal), against=Against("high-5-of-10")).baselines[0]
    assert (event.delivered_kwh, event.adjusted_kwh, event.without) == (None, None, 6)
    assert all(site.why for site in event.sites)


def test_generation_meter_output_stays_as_it_was(journal: Path, high_4: Settlement) -> None:
    assert report_settlement(str(journal)).events == high_4.events
    # 13, 10 and 10 kW of towers 1, 3 and 5 for half an hour.
    assert high_4.events[0].delivered_kwh == pytest.approx(16.5, abs=0.01)


def run(journal: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["report", str(journal), *more])


def test_the_command_takes_a_baseline_by_name(journal: Path, tmp_path: Path) -> None:
    named = ("--settlement", "--baseline", "high-4-of-5")
    found = json.loads(run(journal, *named, "--json").output)["baselines"][0]
    assert (found["baseline"], found["adjustment"]) == ("high-4-of-5", "additive")
    shown = run(journal, *named, "--csv", str(tmp_path))
    assert shown.exit_code == 0, shown.output
    assert "against high-4-of-5" in shown.output and "like days" in shown.output
    with (tmp_path / "baselines.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["site"]: row for row in csv.DictReader(file)}
    assert rows["tower-1"]["delivered_kwh"] == "5.5" and rows["plant"]["delivered_kwh"] == ""
    # Two weekdays more are holidays: three like days, and no baseline.
    off = ("--holiday", "2026-07-20", "--holiday", "2026-07-21")
    found = json.loads(run(journal, *named, *off, "--json").output)["baselines"][0]
    assert found["delivered_kwh"] is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--baseline", "10-of-10"), "go with --settlement"),
        (("--settlement", "--holiday", "2026-07-03"), "goes with --baseline"),
        (("--settlement", "--baseline", "10-of-10", "--holiday", "July 3"), "like 2026-07-03"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    journal: Path, more: tuple[str, ...], words: str
) -> None:
    result = run(journal, *more)
    assert result.exit_code == 2 and words in result.output


def test_a_name_that_is_none_is_refused_with_those_that_are(journal: Path) -> None:
    with pytest.raises(BaselineError, match=", ".join(NAMED)):
        report_settlement(str(journal), against=Against("5-of-5"))


def test_a_journal_that_knows_no_activation_says_so(tmp_path: Path) -> None:
    craft = Craft(tmp_path / "journal")
    craft.cycle(craft.report("plant"))
    craft.journal.append_checkpoint(craft.now_ms, msgspec.msgpack.encode(CoreState()))
    craft.journal.close()
    result = run(craft.path, "--settlement", "--baseline", "10-of-10")
    assert result.exit_code == 0 and "No activation is known" in result.output


def test_only_the_hours_compared_are_kept() -> None:
    begin_ms = parse_iso("2026-07-22T18:00:00Z")
    keep = kept_hours([CalledEvent("op-1", begin_ms, begin_ms + 2 * HOUR_MS, {})])
    for days, hours, wanted in (
        (0, 1, True),
        (0, 2, False),
        (0, -4, True),
        (0, -6, False),
        (60, -4, True),
        (60, 2, True),
        (30, 4, False),
        (70, 0, False),
    ):
        assert keep(begin_ms - days * DAY_MS + hours * HOUR_MS) is wanted, (days, hours)
