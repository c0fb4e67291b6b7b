"""A past view is what the live center showed at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from lockstep_plant import Plant

from gridmuster.center.view import PlantView
from gridmuster.errors import JournalError
from gridmuster.runtime.header import encode_header, make_header
from gridmuster.runtime.rewind import ANCHOR_EVERY, Rewinder
from gridmuster.signals import Action
from gridmuster.simulator.scenario import FailedStart, Trip
from gridmuster.store.journal import Journal
from gridmuster.store.records import Kind

EVENTS = (FailedStart(area="north", at="18:00"), Trip(area="north", at="18:20"))


@dataclass
class Day:
    path: Path
    views: dict[int, PlantView]
    restart_ms: int


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Forty minutes with a restart and an operator's hand; the live view was kept each minute."""
    plant = Plant(tmp_path_factory.mktemp("past"), "18:00", EVENTS)
    views: dict[int, PlantView] = {}

    def run(minutes: int) -> None:
        for _ in range(minutes):
            plant.run(1)
            views[plant.now_ms] = plant.core.view()

    run(10)
    plant.ask(Action.OVERRIDE, "north-pump-01-gen-3", 150.0, minutes=5)
    run(12)
    restart_ms = plant.now_ms
    plant.lockstep.start_center(plant.recorded("c2"))
    run(18)
    path = plant.path("main")
    plant.close()
    return Day(path, views, restart_ms)


def seen(rewinder: Rewinder, at_ms: int) -> tuple[PlantView, int]:
    """The view at an instant, and how many cycles were stepped for it."""
    steps = list(rewinder.rebuild(rewinder.find(at_ms)))
    assert steps[-1].done == steps[-1].total
    return rewinder.view(), steps[-1].done


def test_every_minute_again_is_as_it_was_shown(day: Day) -> None:
    with Journal.open(str(day.path), read_only=True) as journal:
        rewinder = Rewinder(journal)
        for at_ms, view in day.views.items():
            assert seen(rewinder, at_ms)[0] == view
            assert rewinder.same
        assert any(view.decisions for view in day.views.values())


def test_any_order_gives_the_same_and_going_back_is_cheap(day: Day) -> None:
    instants = list(day.views)
    order = instants[::-3] + instants[::5] + [instants[0], instants[-1], instants[0]]
    with Journal.open(str(day.path), read_only=True) as journal:
        rewinder = Rewinder(journal)
        for at_ms in instants:
            seen(rewinder, at_ms)
        for at_ms in order:
            view, cycles = seen(rewinder, at_ms)
            assert view == day.views[at_ms]
            assert cycles <= 2 * ANCHOR_EVERY


def test_between_two_cycles_the_earlier_one_holds(day: Day) -> None:
    at_ms = list(day.views)[7]
    with Journal.open(str(day.path), read_only=True) as journal:
        rewinder = Rewinder(journal)
        assert seen(rewinder, at_ms + 3999)[0] == day.views[at_ms]
        assert rewinder.find(at_ms + 4000).at_ms == at_ms + 4000
        first = rewinder.find(0)
        assert first.at_ms <= min(day.views) and first.decision is not None
        assert rewinder.find(10**14).at_ms == max(day.views)
        assert first.zone == day.views[at_ms].time_zone


def test_a_rebuild_may_be_left_off_and_another_begun(day: Day) -> None:
    instants = list(day.views)
    with Journal.open(str(day.path), read_only=True) as journal:
        rewinder = Rewinder(journal)
        for at_ms in (instants[-1], instants[4], instants[-2]):
            for step, _ in enumerate(rewinder.rebuild(rewinder.find(at_ms))):
                if step == 40:
                    break
        assert seen(rewinder, instants[12])[0] == day.views[instants[12]]


def test_memory_for_states_on_the_way_is_bounded(day: Day) -> None:
    with Journal.open(str(day.path), read_only=True) as journal:
        rewinder = Rewinder(journal, anchor_bytes=300_000)
        for at_ms in day.views:
            seen(rewinder, at_ms)
            assert rewinder.kept_bytes <= 300_000
        assert rewinder.kept_bytes > 0
        assert seen(rewinder, min(day.views))[0] == day.views[min(day.views)]


def test_it_follows_a_journal_that_is_being_written(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00")
    plant.run(3)
    with Journal.open(str(plant.path("main")), read_only=True) as journal:
        rewinder = Rewinder(journal)
        for _ in range(3):
            plant.run(1)
            view, cycles = seen(rewinder, plant.now_ms)
            assert view == plant.core.view()
            assert cycles <= 60
    plant.close()


def test_a_journal_without_a_cycle_says_so(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00")
    plant.close()
    with (
        Journal.open(str(plant.path("main")), read_only=True) as journal,
        pytest.raises(JournalError, match="no cycle yet"),
    ):
        Rewinder(journal).find(0)


def test_a_state_of_another_program_is_named(tmp_path: Path, day: Day) -> None:
    with (
        Journal.open(str(day.path), read_only=True) as source,
        Journal.open(str(tmp_path / "j"), durable=False) as copy,
    ):
        for record in source.records():
            if record.kind is Kind.HEADER:
                copy.append_header(record.body or b"", record.now_ms)
            elif record.kind is Kind.CYCLE:
                copy.append_cycle(record.now_ms, *record.frames())
            else:
                copy.append_checkpoint(record.now_ms, b"\x81\xa1x\xc1")
        rewinder = Rewinder(copy)
        with pytest.raises(JournalError, match="written by Gridmuster"):
            seen(rewinder, max(day.views))


def test_cycles_before_a_head_cannot_be_shown(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00")
    header = encode_header(make_header(plant.fleet, plant.config, 0))
    plant.close()
    with Journal.open(str(tmp_path / "other"), durable=False) as journal:
        journal.append_header(header)
        journal.append_cycle(1000, [], [])
        target = Rewinder(journal).find(1000)
        assert target.decision is None
