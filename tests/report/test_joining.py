"""Two journals, one after the other as one, say what both say together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import Halves
from crafting import Craft, run
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.errors import JournalError
from gridmuster.report import Accumulator, Report, report_journal
from gridmuster.signals import DeviceState
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

COUNTED = [
    "commands",
    "setpoints",
    "starts",
    "failed_starts",
    "substitutions",
    "cycles",
    "missed_cycles",
    "vetoes",
    "outages",
    "late_messages",
    "malformed_messages",
]
#: The cycle in which the engine of the cut journals starts.
STARTED = 7
MEASURED = [
    "demand_kwh",
    "served_kwh",
    "generation_kwh",
    "charging_kwh",
    "import_kwh",
    "export_kwh",
    "losses_kwh",
    "operating_expense_usd",
]


def joined(target: Path, parts: Iterable[Path]) -> Path:
    """One journal with the records of several."""
    with Journal.open(str(target), durable=False) as out:
        for path in parts:
            with Journal.open(str(path), read_only=True) as journal:
                for record in journal.records():
                    assert record.body is not None
                    if record.kind is Kind.HEADER:
                        out.append_header(record.body, record.now_ms)
                    elif record.kind is Kind.CYCLE:
                        out.append_cycle(record.now_ms, *record.frames())
    return target


def test_the_parts_of_a_run_add_up(halves: Halves, tmp_path: Path) -> None:
    whole = report_journal(str(joined(tmp_path / "whole", (halves.first, halves.second))))
    parts = [report_journal(str(path)) for path in (halves.first, halves.second)]
    assert whole.sessions == 2
    assert whole.hours == pytest.approx(sum(part.hours for part in parts), abs=1e-4)
    for name in COUNTED:
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts), name
    for name in MEASURED:
        together = sum(getattr(part, name) for part in parts)
        # At the seam both parts hold the last power for up to a heartbeat.
        slack = 2e-3 * whole.demand_kwh * (1.0 if name.endswith("kwh") else 0.2)
        assert getattr(whole, name) == pytest.approx(together, rel=5e-3, abs=slack), name
    answered = [part.acknowledged + part.refused_by_site + part.expired for part in parts]
    assert whole.acknowledged + whole.refused_by_site + whole.expired == sum(answered) + sum(
        part.unanswered_at_end for part in parts[:1]
    )


def test_a_new_center_is_found_to_have_begun_as_it_should(halves: Halves, tmp_path: Path) -> None:
    whole = report_journal(str(joined(tmp_path / "whole", (halves.first, halves.second))))
    assert [one.text for one in whole.violations] == []


def test_a_run_twice_counts_twice(halves: Halves, tmp_path: Path) -> None:
    once = report_journal(str(halves.first))
    twice = report_journal(str(joined(tmp_path / "twice", (halves.first, halves.first))))
    for name in COUNTED:
        assert getattr(twice, name) == 2 * getattr(once, name), name
    for name in MEASURED:
        assert getattr(twice, name) == pytest.approx(2.0 * getattr(once, name), abs=0.06), name
    assert twice.invariant_violations == 2 * once.invariant_violations == 0


@given(cut=st.integers(1, 28), powers=st.lists(st.floats(0.0, 90.0), min_size=30, max_size=30))
@settings(max_examples=15)
def test_wherever_a_journal_is_cut_its_parts_add_up(
    tmp_path_factory: pytest.TempPathFactory, cut: int, powers: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    whole = _told(folder / "whole", powers, 0, 30)
    first = _told(folder / "first", powers, 0, cut)
    second = _told(folder / "second", powers, cut, 30)
    # A start exactly at the seam is in neither part: the second only sees that it has happened.
    for name in ("commands", "cycles", *(() if cut == STARTED else ("starts",))):
        assert getattr(whole, name) == getattr(first, name) + getattr(second, name), name
    # A part knows of the cycle before it only by its own first reading.
    seam_kwh = 100.0 * 4.0 / 3600.0
    for name in ("demand_kwh", "generation_kwh", "import_kwh"):
        together = getattr(first, name) + getattr(second, name)
        assert getattr(whole, name) == pytest.approx(together, abs=seam_kwh), name


def _told(path: Path, powers: list[float], first: int, last: int) -> Report:
    """Cycles of a plant whose engine gives these powers, from one number to another."""
    craft = Craft(path, start_ms=1_784_000_000_000 + first * 4_000)
    kwh = 10.0 + sum(powers[:first]) * 4.0 / 3600.0
    for k in range(first, last):
        kwh += powers[k] * 4.0 / 3600.0
        engine = {
            "state": DeviceState.RUNNING,
            "power_kw": powers[k],
            "produced_kwh": kwh,
            "starts": 3 + (k >= STARTED),
        }
        craft.cycle(
            craft.report("plant", engine=engine),
            craft.demand("plant", ("homes", powers[k], 2.0 * kwh)),
            craft.grid(powers[k], 3.0 + kwh),
            craft.command("plant", run("engine", powers[k])),
        )
    return craft.finish()


def test_books_can_be_fed_while_a_run_is_under_way(halves: Halves) -> None:
    from gridmuster.report import stream

    accumulator = Accumulator()
    with Journal.open(str(halves.first), read_only=True) as journal:
        for item in stream(journal):
            accumulator.take(item)
    assert accumulator.report() == report_journal(str(halves.first))


def test_nothing_to_report_on_is_an_error(tmp_path: Path) -> None:
    Journal.open(str(tmp_path / "empty"), durable=False).close()
    with pytest.raises(JournalError, match="no head"):
        report_journal(str(tmp_path / "empty"))
    with pytest.raises(JournalError, match="no such file"):
        report_journal(str(tmp_path / "missing"))


def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    """A journal ten times as long needs no more than half as much again."""
    import tracemalloc

    peaks = []
    for name, count in (("short", 150), ("long", 1500)):
        craft = Craft(tmp_path / name)
        for k in range(count):
            craft.cycle(
                craft.report("plant", engine={"power_kw": float(k % 90)}),
                craft.command("plant", run("battery", float(k % 50))),
            )
        craft.journal.close()
        tracemalloc.start()
        report_journal(str(tmp_path / name))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1e6
