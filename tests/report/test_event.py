"""The report of a window: what happened in it, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plants import BACKED, DARK, FAILING, START_MS, Run
from typer.testing import CliRunner

from gridmuster.cli.journal import app
from gridmuster.clock import iso
from gridmuster.errors import JournalError
from gridmuster.report import report_journal
from gridmuster.report.event import MAX_WINDOW_MS, EventReport, report_event
from gridmuster.report.happenings import EventBook
from gridmuster.report.source import Cycle
from gridmuster.signals import AreaBalance, CycleRecord, Order, StartRecord
from gridmuster.starts import Substitution
from gridmuster.store.journal import Journal

MINUTE_MS = 60_000


def event(path: Path, from_min: float, until_min: float) -> EventReport:
    with Journal.open(str(path), read_only=True) as journal:
        return report_event(
            journal, START_MS + int(from_min * MINUTE_MS), START_MS + int(until_min * MINUTE_MS)
        )


def test_the_whole_run_as_a_window_has_the_whole_reports_figures(bad_run: Run) -> None:
    whole = report_journal(str(bad_run.journal))
    figures = event(bad_run.journal, 0, 120).figures
    assert figures.demand_kwh == pytest.approx(whole.demand_kwh)
    assert figures.operating_expense == whole.operating_expense
    assert (figures.starts, figures.failed_starts) == (whole.starts, whole.failed_starts)
    by_id = {device.device: device for device in whole.devices}
    assert all(by_id[device.device] == device for device in figures.devices)
    assert sum(d.generation_kwh for d in figures.devices) == pytest.approx(
        whole.generation_kwh, abs=0.01
    )


def test_two_halves_add_up_but_for_the_seam(bad_run: Run) -> None:
    whole = event(bad_run.journal, 0, 60).figures
    halves = [event(bad_run.journal, *ends).figures for ends in ((0, 30), (30, 60))]
    assert sum(half.demand_kwh for half in halves) == pytest.approx(whole.demand_kwh, rel=0.01)
    assert sum(half.hours for half in halves) == pytest.approx(whole.hours, abs=0.01)


def test_starts_failures_and_outages_are_told_with_their_outcome(bad_run: Run) -> None:
    happenings = event(bad_run.journal, 0, 120).happenings
    assert [one.at_ms for one in happenings] == sorted(one.at_ms for one in happenings)
    failures = [one for one in happenings if one.kind == "failure"]
    failed = [one for one in failures if one.subject == FAILING]
    assert failed and "failed to start" in failed[0].text
    replaced = [one for one in failures if one.outcome.startswith("replaced by ")]
    assert len(replaced) == report_journal(str(bad_run.journal)).substitutions
    tried = [one for one in happenings if one.kind == "start" and one.subject == FAILING]
    assert tried[0].outcome.startswith("failed after ")
    outages = {one.subject: one for one in happenings if one.kind == "outage"}
    assert outages[BACKED].outcome == "utility back after 15 min"
    assert outages[DARK].outcome == "utility back after 8 min"


def test_a_replacement_is_told_with_what_it_replaced_and_a_shortfall_with_its_length() -> None:
    def record(at_ms: int, **fields: Any) -> Cycle:
        decided = CycleRecord(at_ms, "c1", 1, at_ms // 4000, "commanding", **fields)
        return Cycle(at_ms, 1, decision=decided)

    def short(kw: float) -> tuple[AreaBalance, ...]:
        return (AreaBalance("north", 9.0, 0.0, 9.0, 0.0, shortfall_kw=kw, cause="all is on"),)

    book = EventBook({})
    book.take(record(4000, starts=(StartRecord("a", Order.RUN, "price", text="a started: price"),)))
    book.take(
        record(
            64_000,
            alarms_raised=("failure:a", "reserve:north"),
            starts=(
                StartRecord("a", Order.STOP, "failed_to_start"),
                StartRecord("b", Order.RUN, "in place of a"),
            ),
            substitutions=(Substitution("a", 64_000, ("b",), "failed to start"),),
            areas=short(20.0),
        )
    )
    book.take(record(68_000, areas=short(30.0)))
    book.take(record(94_000, areas=short(0.0), alarms_cleared=("reserve:north",)))
    told = {(one.kind, one.subject): one for one in book.all()}
    assert len(book.all()) == 5
    assert (told["start", "a"].text, told["start", "a"].outcome) == ("price", "failed after 60 s")
    assert told["failure", "a"].text == "failed to start"
    assert told["failure", "a"].outcome == "replaced by b"
    assert (told["start", "b"].outcome, told["start", "b"].outcome_at_ms) == ("", None)
    assert told["shortfall", "north"].text == "short of up to 30 kW: all is on"
    assert told["shortfall", "north"].outcome == "covered after 30 s"
    assert told["alarm", "north"].outcome == "over after 30 s"


def test_the_series_are_the_cycles_own_records(bad_run: Run) -> None:
    report = event(bad_run.journal, 10, 40)
    series = report.series
    assert 100 < len(series.at_ms) <= 361
    assert all(report.from_ms <= at_ms <= report.until_ms for at_ms in series.at_ms)
    area = series.areas[0]
    by_type = [
        sum(kw or 0.0 for kw in row)
        for row in zip(*area.generation_kw_by_type.values(), strict=True)
    ]
    assert by_type == pytest.approx(area.generation_kw, abs=1.0)
    assert any(price is not None for price in area.price_usd_per_mwh)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((10, 10), "after its start"),
        ((0, MAX_WINDOW_MS / MINUTE_MS + 1), "7 days long at the most"),
        ((500, 600), "no cycle in this window"),
        ((-600, -500), "no cycle in this window"),
    ],
)
def test_a_window_that_cannot_be_is_named(
    bad_run: Run, ends: tuple[float, float], words: str
) -> None:
    with pytest.raises(JournalError, match=words):
        event(bad_run.journal, *ends)


def test_the_command_tells_of_a_window(bad_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "event.json"
    window = ["--from", iso(START_MS), "--until", iso(START_MS + 40 * MINUTE_MS)]
    done = CliRunner().invoke(app, ["report", str(bad_run.journal), *window, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert FAILING in done.output and '"happenings"' in out.read_text()
    half = CliRunner().invoke(app, ["report", str(bad_run.journal), *window[:2]])
    assert half.exit_code == 2 and "both --from and --until" in half.output
    wrong = CliRunner().invoke(
        app, ["report", str(bad_run.journal), "--from", "six", "--until", "seven"]
    )
    assert wrong.exit_code == 2 and "expected like" in wrong.output
