"""What each device did in the last day, kept in memory that does not grow.

All devices are sampled together, the less often the more there are, so that the samples of a day
fit a budget. Changes of state are noted as they are seen, however coarse the samples. A device
that somebody looks at is also sampled at every edition from then on, for as long as a few hundred
others have not been looked at since.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Query, Request
from msgspec import Struct
from numpy.typing import NDArray
from starlette.responses import Response

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.pastdocs import PastChange, PastStretch
from gridmuster.console.problems import unknown_subject
from gridmuster.console.reading import document, feed_of, plant_of
from gridmuster.console.schema import answer
from gridmuster.console.table import fleet_of
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.signals import DeviceState
from gridmuster.units import MS_PER_HOUR, MS_PER_S, Fuel

#: How much is kept, h.
KEPT_H: Final = 24
#: Samples of all devices together; one holds three numbers of 4 bytes and takes 12.
BUDGET: Final = 4_000_000
#: Time between samples, s: the first that fits the budget is taken.
STEPS_S: Final = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
#: Changes of state that are kept, of all devices together.
MOST_CHANGES: Final = 300_000
#: Devices that are sampled at every edition, and samples that are kept of each.
WATCHED: Final = 256
WATCHED_SAMPLES: Final = 4000
#: Most samples in one answer; beyond, each stretch is told by its lowest and highest power.
MAX_POINTS: Final = 1200
FUEL_UNITS: Final = {
    Fuel.DIESEL: "l",
    Fuel.PROPANE: "l",
    Fuel.NATURAL_GAS: "m3",
    Fuel.HYDROGEN: "m3",
}
_STATES: Final = tuple(state.value for state in DeviceState)
_STATE_CODE: Final = {state: code for code, state in enumerate(_STATES)}
_UNKNOWN: Final = _STATE_CODE[DeviceState.UNKNOWN.value]

Floats = NDArray[np.float32]
router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


class StateSpan(Struct, frozen=True):
    """How long a device was in a state; ``until_ms`` null: it still is.

    ``seen``: whether it was seen to enter the state then; otherwise it was in it before.
    """

    state: str
    since_ms: int
    until_ms: int | None
    seen: bool


class DeviceTrace(Struct, frozen=True):
    """What one device did: samples at the instants of ``times_ms``, and its states.

    ``level`` is a store's energy (kWh) or an engine's fuel (l or m3). ``step_s`` is the time
    between samples of all devices; a device that is looked at has more from then on. Nothing is
    known of before ``back_to_ms``; while ``reading_back`` more is being read from the journal.
    """

    at_ms: int
    device: str
    step_s: int
    kept_h: int
    level_unit: str
    times_ms: list[int]
    power_kw: list[float | None]
    setpoint_kw: list[float | None]
    level: list[float | None]
    states: list[StateSpan]
    back_to_ms: int = 0
    reading_back: bool = False


@dataclass(slots=True)
class _Sample:
    """All devices at one moment."""

    at_ms: int
    power: Floats
    setpoint: Floats
    level: Floats


class Traces:
    """The last day of every device of a plant.

    Args:
        budget: samples that may be kept of all devices together.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._samples: deque[_Sample] = deque()
        self._states: NDArray[np.int8] = np.zeros(0, np.int8)
        self._first_ms: dict[str, int] = {}
        self._changes: dict[str, deque[tuple[int, int]]] = {}
        self._order: deque[str] = deque()
        self._watched: OrderedDict[str, deque[tuple[int, float, float, float]]] = OrderedDict()
        self._last_ms = 0
        self.step_s = STEPS_S[0]
        #: The first instant that is known of, ms, and the center's cycle then; 0: none yet.
        self.back_to_ms = self.began_cycle = 0
        self.reading_back = False

    def take(self, view: PlantView) -> None:
        """Take an edition; one whose time has not moved on says nothing new."""
        if view.at_ms <= self._last_ms or not view.devices:
            return
        self._last_ms = view.at_ms
        if not self.back_to_ms:
            self.back_to_ms, self.began_cycle = view.at_ms, view.cycle
        if len(view.devices) != len(self._ids) or any(
            device.id != known for device, known in zip(view.devices, self._ids, strict=True)
        ):
            self._arrange(view)
        self._note_states(view)
        if not self._samples or view.at_ms >= self._samples[-1].at_ms + self.step_s * MS_PER_S:
            self._samples.append(_sample(view))
            oldest_ms = view.at_ms - KEPT_H * MS_PER_HOUR
            while self._samples[0].at_ms < oldest_ms:
                self._samples.popleft()
        for device_id, samples in self._watched.items():
            row = self._rows.get(device_id)
            if row is not None:
                samples.append((view.at_ms, *_values(view.devices[row])))

    def _arrange(self, view: PlantView) -> None:
        """Make room for another fleet; what is known of devices that stay is kept."""
        old, self._ids = self._rows, [device.id for device in view.devices]
        self._rows = {device_id: row for row, device_id in enumerate(self._ids)}
        per_step = self._budget // len(self._ids)
        fits = [step for step in STEPS_S if KEPT_H * 3600 // step <= per_step]
        self.step_s = fits[0] if fits else STEPS_S[-1]
        places = np.array([old.get(device_id, -1) for device_id in self._ids])
        for sample in self._samples:
            sample.power = _moved(sample.power, places)
            sample.setpoint = _moved(sample.setpoint, places)
            sample.level = _moved(sample.level, places)
        for gone in self._changes.keys() - self._rows.keys():
            del self._changes[gone]
        self._order = deque(device_id for device_id in self._order if device_id in self._rows)
        states = np.full(len(self._ids), -1, np.int8)
        if len(self._states):
            states[places >= 0] = self._states[places[places >= 0]]
        self._states = states
        self._first_ms = {
            device_id: self._first_ms.get(device_id, view.at_ms) for device_id in self._ids
        }
        for gone in self._watched.keys() - self._rows.keys():
            del self._watched[gone]

    def _note_states(self, view: PlantView) -> None:
        known = _STATE_CODE
        states = np.fromiter(
            (known.get(device.state, _UNKNOWN) for device in view.devices),
            np.int8,
            len(view.devices),
        )
        for row in np.flatnonzero(states != self._states).tolist():
            device_id = self._ids[row]
            self._changes.setdefault(device_id, deque()).append((view.at_ms, int(states[row])))
            self._order.append(device_id)
        self._states = states
        while len(self._order) > MOST_CHANGES:
            self._changes[self._order.popleft()].popleft()

    def recall(self, past: PastStretch) -> None:
        """Put what the journal tells of a stretch before all that is kept already.

        Args:
            past: a stretch that ends where what is known begins.
        """
        known = {device: place for place, device in enumerate(past.devices)}
        places = np.array([known.get(device, -1) for device in self._ids])
        table = np.frombuffer(past.values, np.float32)
        table = table.reshape(len(past.times_ms), len(past.devices), 3)
        for at_ms, row in zip(reversed(past.times_ms), table[::-1], strict=True):
            columns = (_moved(column, places) for column in row.T)
            self._samples.appendleft(_Sample(at_ms, *columns))
        for change in reversed(past.changes):
            if change.device in self._rows:
                self._recall_state(change)
        self.back_to_ms = past.from_ms

    def _recall_state(self, change: PastChange) -> None:
        """The state that a device was in before what is known of it."""
        changes = self._changes.setdefault(change.device, deque())
        entry = (change.at_ms, _STATE_CODE.get(change.state, _UNKNOWN))
        if changes and changes[0][1] == entry[1]:
            changes[0] = entry
        elif len(self._order) < MOST_CHANGES:
            changes.appendleft(entry)
            self._order.appendleft(change.device)
        if changes:
            self._first_ms[change.device] = changes[0][0]

    def trace(
        self, device: DeviceView, view: PlantView, unit: str, hours: float, after_ms: int
    ) -> DeviceTrace:
        """What one device did; from now on it is watched closely.

        Args:
            device: the device as seen now.
            view: the view that it is part of.
            unit: of its fuel or energy.
            hours: how far back, h.
            after_ms: no sample up to this instant, ms; states are told all the same.
        """
        self._watch(device.id)
        from_ms = max(view.at_ms - round(hours * MS_PER_HOUR), after_ms + 1)
        points = self._points(device.id, from_ms)
        if view.at_ms > (points[-1][0] if points else from_ms - 1):
            points.append((view.at_ms, *_values(device)))
        points = thinned(points, MAX_POINTS)
        return DeviceTrace(
            at_ms=view.at_ms,
            device=device.id,
            step_s=self.step_s,
            kept_h=KEPT_H,
            level_unit=unit,
            times_ms=[point[0] for point in points],
            power_kw=[_number(point[1]) for point in points],
            setpoint_kw=[_number(point[2]) for point in points],
            level=[_number(point[3]) for point in points],
            states=self._spans(device, view.at_ms - round(hours * MS_PER_HOUR)),
            back_to_ms=self.back_to_ms,
            reading_back=self.reading_back,
        )

    def _watch(self, device_id: str) -> None:
        if device_id in self._watched:
            self._watched.move_to_end(device_id)
            return
        self._watched[device_id] = deque(maxlen=WATCHED_SAMPLES)
        while len(self._watched) > WATCHED:
            self._watched.popitem(last=False)

    def _points(self, device_id: str, from_ms: int) -> list[tuple[int, float, float, float]]:
        row = self._rows.get(device_id)
        if row is None:
            return []
        close = [point for point in self._watched[device_id] if point[0] >= from_ms]
        close_ms = close[0][0] if close else self._last_ms + 1
        points = [
            (s.at_ms, float(s.power[row]), float(s.setpoint[row]), float(s.level[row]))
            for s in self._samples
            if from_ms <= s.at_ms < close_ms
        ]
        return points + close

    def _spans(self, device: DeviceView, from_ms: int) -> list[StateSpan]:
        changes = list(self._changes.get(device.id, ()))
        first_ms = self._first_ms.get(device.id, 0)
        spans: list[StateSpan] = []
        for n, (at_ms, code) in enumerate(changes):
            until_ms = changes[n + 1][0] if n + 1 < len(changes) else None
            if until_ms is None or until_ms > from_ms:
                spans.append(StateSpan(_STATES[code], at_ms, until_ms, at_ms > first_ms))
        return spans


def _sample(view: PlantView) -> _Sample:
    values = np.array([_values(device) for device in view.devices], np.float32)
    return _Sample(view.at_ms, *(np.ascontiguousarray(column) for column in values.T))


def _values(device: DeviceView) -> tuple[float, float, float]:
    level = device.fuel_level if device.energy_kwh is None else device.energy_kwh
    setpoint = device.setpoint_kw
    nan = float("nan")
    # What was heard long ago is not what it does: a gap, as on the page.
    power = device.power_kw if device.quality in ("good", "estimated") else nan
    return power, nan if setpoint is None else setpoint, nan if level is None else level


def _moved(column: Floats, places: NDArray[Any]) -> Floats:
    moved = np.full(len(places), np.nan, np.float32)
    moved[places >= 0] = column[places[places >= 0]]
    return moved


def _number(value: float) -> float | None:
    return None if value != value else round(value, 3)  # noqa: PLR0124


Point = tuple[int, float, float, float]


def thinned(points: list[Point], most: int) -> list[Point]:
    """Points in order, at most so many: of each stretch those of lowest and highest power.

    Args:
        points: instant (ms), power, setpoint and level of each.
        most: most points to return, at least 4.
    """
    if len(points) <= most:
        return points
    stretches = most // 2 - 1
    edges = np.linspace(1, len(points) - 1, stretches + 1).astype(int).tolist()
    kept = {0, len(points) - 1}
    for start, end in pairwise(edges):
        places = range(start, end)
        known = [n for n in places if points[n][1] == points[n][1]] or list(places)[:1]
        if known:
            kept.add(min(known, key=lambda n: points[n][1]))
            kept.add(max(known, key=lambda n: points[n][1]))
    return [points[n] for n in sorted(kept)]


def level_unit(device: DeviceView, fleet: Fleet | None) -> str:
    """Unit of a device's fuel or energy; empty when it has neither or its fuel is not known."""
    if device.energy_capacity_kwh is not None:
        return "kWh"
    known = None if fleet is None else fleet.device_by_id.get(device.id)
    if not isinstance(known, Generator) or known.tank is None:
        return ""
    return FUEL_UNITS[known.fuel]


@router.get(
    "/devices/{device}/trace",
    tags=["plant"],
    summary="What one device did in the last hours",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(DeviceTrace, 404),
)
async def trace(
    request: Request,
    device: str,
    *,
    hours: Annotated[
        float, Query(ge=0.1, le=KEPT_H, allow_inf_nan=False, description="how far back, h")
    ] = 6.0,
    after_ms: Annotated[
        int, Query(ge=0, le=2**53, description="no sample up to this instant, ms since 1970")
    ] = 0,
) -> Response:
    """Power, setpoint, fuel or energy as sampled, and the states it went through.

    Values heard long ago are null. Repeat with the last instant as `after_ms` to get what is new.
    """
    view = feed_of(request).view
    for item in view.devices:
        if item.id == device:
            traces: Traces = request.app.state.traces
            request.app.state.recollection.begin()
            unit = level_unit(item, fleet_of(plant_of(request)))
            return document(traces.trace(item, view, unit, hours, after_ms))
    raise unknown_subject("device", device, [item.id for item in view.devices])
