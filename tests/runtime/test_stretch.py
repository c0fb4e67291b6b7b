"""What the journal tells of devices is what a console that had watched them would know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lockstep_plant import Plant

from gridmuster.center.account import StartView
from gridmuster.center.view import CommandView, DeviceView, PlantView
from gridmuster.console.dossier import Chronicle
from gridmuster.console.pastdocs import PastStretch
from gridmuster.console.traces import DeviceTrace, StateSpan, Traces
from gridmuster.runtime.startlog import StartLog
from gridmuster.runtime.stretch import read_stretch
from gridmuster.signals import Action
from gridmuster.simulator.scenario import FailedStart, LinkCut, Trip

EVENTS = (
    FailedStart(area="north", at="18:00"),
    Trip(area="north", at="18:10"),
    LinkCut(site="north-pump-01", at="18:13", until="18:16"),
)
HELD = "north-pump-01-gen-3"
WATCHED_FROM = 330


class Watched:
    """A plant of half an hour, a console that watched all of it, and one that came late."""

    def __init__(self, folder: Path) -> None:
        self.plant = Plant(folder, "18:00", EVENTS)
        self.traces, self.chronicle = Traces(), Chronicle()
        self.late, self.late_chronicle = Traces(), Chronicle()
        self.starts = StartLog(self.plant.lockstep.topics.decision)
        self.view: PlantView
        for cycle in range(450):
            if cycle == 180:
                self.plant.ask(Action.OVERRIDE, HELD, 150.0, minutes=5)
            self.plant.lockstep.tick()
            self.view = self.plant.core.view()
            self.traces.take(self.view)
            self.chronicle.take(self.view)
            if cycle >= WATCHED_FROM:
                self.late.take(self.view)
                self.late_chronicle.take(self.view)
        self.seen_from_ms = self.late.back_to_ms

    def recall(self, stretch_ms: int) -> None:
        """Read the journal back, a stretch at a time, to its begin."""
        while True:
            until_ms = self.late.back_to_ms - 1
            past = self.read(until_ms + 1 - stretch_ms, until_ms)
            self.late.recall(past)
            self.late_chronicle.recall(past)
            if not past.older:
                return

    def read(self, from_ms: int, until_ms: int) -> PastStretch:
        reading = read_stretch(self.plant.journals["main"], from_ms, until_ms, self.late.step_s)
        while True:
            try:
                next(reading)
            except StopIteration as over:
                past: PastStretch = over.value
                return past

    def trace(self, traces: Traces, device: DeviceView) -> DeviceTrace:
        return traces.trace(device, self.view, "", 24.0, 0)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    made = Watched(tmp_path_factory.mktemp("stretch"))
    made.recall(7 * 60_000)
    return made


def at(trace: DeviceTrace, values: list[float | None]) -> dict[int, float | None]:
    return dict(zip(trace.times_ms, values, strict=True))


def test_powers_levels_and_setpoints_are_those_that_were_shown(watched: Watched) -> None:
    compared = asked = 0
    for device in watched.view.devices:
        live, late = watched.trace(watched.traces, device), watched.trace(watched.late, device)
        assert late.times_ms == sorted(late.times_ms)
        assert late.times_ms[0] < watched.seen_from_ms - 20 * 60_000
        for name in ("power_kw", "level", "setpoint_kw"):
            shown, told = at(live, getattr(live, name)), at(late, getattr(late, name))
            for at_ms in shown.keys() & told.keys():
                if at_ms >= watched.seen_from_ms:
                    continue
                was, found = shown[at_ms], told[at_ms]
                # What was asked before a stretch and never again is not known to it.
                if name == "setpoint_kw" and found is None:
                    continue
                assert found == pytest.approx(was, abs=1e-3), (device.id, name, at_ms)
                compared += 1
                asked += name == "setpoint_kw" and found != 0.0
    assert compared > 1000 and asked > 100


def test_states_are_those_that_were_seen(watched: Watched) -> None:
    changed = 0
    for device in watched.view.devices:
        live = watched.trace(watched.traces, device).states
        late = watched.trace(watched.late, device).states
        known = [span for span in live if span.state != "unknown"]
        assert edges(late) == edges(known), device.id
        assert not late[0].seen and all(span.seen for span in late[1:])
        changed += len(late) - 1
    assert changed > 10


def edges(spans: list[StateSpan]) -> list[tuple[str, int | None]]:
    """States with the instants at which they ended; when the first began is not seen."""
    return [(span.state, span.until_ms) for span in spans]


def test_starts_and_commands_are_those_that_were_recorded(watched: Watched) -> None:
    frames = [
        frame
        for record in watched.plant.journals["main"].records()
        if record.kind == "cycle" and record.now_ms < watched.seen_from_ms
        for frame in record.frames()[1]
    ]
    watched.starts.take(frames)
    starts: list[StartView] = []
    commands: list[CommandView] = []
    for device in watched.view.devices:
        recorded = watched.starts.of(device.id)
        assert watched.late_chronicle.starts(device.id) == recorded
        starts += recorded
        shown = {(c.id, c.at_ms): c for c in watched.chronicle.commands(device.id)}
        told = {(c.id, c.at_ms): c for c in watched.late_chronicle.commands(device.id)}
        for key, command in shown.items():
            assert told[key] == command
            commands.append(command)
    assert len(starts) > 5 and len(commands) > 30
    assert HELD in {command.device for command in commands}


def test_a_stretch_with_nothing_in_it_is_empty_and_says_what_is_before(watched: Watched) -> None:
    end_ms = watched.plant.now_ms
    nothing = watched.read(end_ms + 600_000, end_ms + 1_200_000)
    assert nothing.older and not nothing.times_ms and not nothing.changes and not nothing.commands
    first = watched.read(0, 1)
    assert not first.older and not first.devices


def test_a_time_without_a_center_is_a_gap(tmp_path: Path) -> None:
    plant = Plant(tmp_path, "18:00")
    plant.run(3)
    stopped_ms = plant.now_ms
    plant.lockstep.stop_center()
    for _ in range(75):
        plant.lockstep.tick()
    plant.lockstep.start_center(plant.recorded("c1", "main", plant.fleet))
    plant.run(3)
    reading = read_stretch(plant.journals["main"], 0, plant.now_ms, 10)
    while True:
        try:
            next(reading)
        except StopIteration as over:
            past = over.value
            break
    power = np.frombuffer(past.values, np.float32).reshape(len(past.times_ms), -1, 3)[:, :, 0]
    gaps = [past.times_ms[row] for row in range(len(power)) if np.isnan(power[row]).all()]
    assert any(stopped_ms + 60_000 < at_ms < stopped_ms + 310_000 for at_ms in gaps)
    plant.close()
