"""Each program as a pure function: what an area shows and what was told in, requests out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from msgspec import Struct, field, structs

from gridmuster.fleet.programs import (
    CoincidentPeak,
    Exercising,
    Frequency,
    GridAlert,
    OpenAdr,
    Peak,
    PriceRun,
    Program,
    Reserve,
    Webhook,
)
from gridmuster.programs.coincident import called_with, window_of
from gridmuster.programs.drills import Drills, Engine, keep, look
from gridmuster.programs.events import Event, at_level, most_of
from gridmuster.programs.exercise import Exercised
from gridmuster.programs.latch import Latch, Trip, step
from gridmuster.programs.peakdays import PeakDay
from gridmuster.programs.placing import Worth
from gridmuster.programs.request import LEAST_KW, Request
from gridmuster.signals import Alert, Purpose
from gridmuster.starts import LocalNeed

#: Where a limit of import is remembered among a program's values, by event.
LIMIT: Final = "limit/"
#: A call for a limit of import ends when the import without it is below this part of the limit for
#: so long, s, and keeps this much until then, kW: sets do not come and go about the limit.
LIMIT_BACK: Final = 0.95
LIMIT_RECOVER_S: Final = 600.0
LIMIT_HELD_KW: Final = 1.0
LEVELS: Final = (Alert.NONE, Alert.EEA1, Alert.EEA2, Alert.EEA3)


class Sensed(Struct, frozen=True):
    """What an area shows at one moment; None: not known now.

    Args:
        area: its id.
        now_ms: the moment, ms.
        frequency_hz: of the utility, Hz.
        alert: the grid operator's level of emergency.
        net_kw: what the area would draw without the sets that are called, kW.
        price_usd_per_mwh: of energy now, USD/MWh.
        load_kw: by program of the kind peak: the load it watches, kW.
        limit_kw: by program of the kind peak: the limit that is held against, kW.
        worth: what energy is worth in the coming time.
        engines: by program of the kind exercise, when it is to be looked over: its engines.
        exercised: runs of engines with a schedule.
    """

    area: str
    now_ms: int
    frequency_hz: float | None = None
    alert: Alert | None = None
    net_kw: float | None = None
    price_usd_per_mwh: float | None = None
    load_kw: Mapping[str, float] = {}
    limit_kw: Mapping[str, float] = {}
    worth: Worth | None = None
    engines: Mapping[str, Sequence[Engine]] = {}
    exercised: Mapping[str, Exercised] = {}


class Watch(Struct):
    """What is remembered of one program: values, also by class, events by id, days, exercises."""

    latch: Latch = Latch()
    classes: dict[str, Latch] = field(default_factory=dict)
    days: list[PeakDay] = field(default_factory=list)
    called: list[date] = field(default_factory=list)
    events: dict[str, Event] = field(default_factory=dict)
    drills: Drills = field(default_factory=Drills)

    def forget(self, now_ms: int) -> None:
        """Drop events that are over at this moment, ms."""
        for name in [name for name, one in self.events.items() if one.until_ms <= now_ms]:
            del self.events[name]
        for name in [name for name in self.classes if name.startswith(LIMIT)]:
            if name.removeprefix(LIMIT) not in self.events:
                del self.classes[name]


def asks(program: Program, watch: Watch, sensed: Sensed) -> list[Request]:
    """What a program asks for now and later.

    Args:
        program: its settings.
        watch: what is remembered of it; brought up to date.
        sensed: what its area shows.
    """
    watch.forget(sensed.now_ms)
    found: list[Request] = _KINDS[program.kind](program, watch, sensed)
    return [request for request in found if request.power_kw >= LEAST_KW]


def declared(watches: Iterable[Watch], now_ms: int) -> bool:
    """Whether an event that counts now declares an emergency.

    Args:
        watches: what is remembered of an area's programs.
        now_ms: now, ms.
    """
    return any(
        event.signal.level not in (None, Alert.NONE) and event.from_ms <= now_ms < event.until_ms
        for watch in watches
        for event in watch.events.values()
    )


def _request(
    program: Program,
    sensed: Sensed,
    power_kw: float,
    window: tuple[int, int],
    purpose: Purpose,
    reason: str,
    **more: Any,
) -> Request:
    return Request(
        key=more.pop("key", program.id),
        program=program.id,
        area=sensed.area,
        power_kw=power_kw,
        from_ms=window[0],
        until_ms=window[1],
        priority=program.priority,
        purpose=purpose,
        reason=reason,
        feeder=program.feeder or "",
        tag=program.tag,
        probability=program.probability,
        light_load=program.light_load,
        **more,
    )


def _frequency(program: Frequency, watch: Watch, sensed: Sensed) -> list[Request]:
    trip = Trip(
        program.below_hz,
        program.recover_hz,
        program.delay_s,
        program.recover_s,
        program.run_s,
        below=True,
    )
    watch.latch = step(watch.latch, trip, sensed.now_ms, sensed.frequency_hz)
    if not watch.latch.asks(sensed.now_ms):
        return []
    reason = f"frequency below {program.below_hz:g} Hz for {program.delay_s:g} s"
    return [_latched(program, watch, sensed, program.power_kw, Purpose.DEMAND, reason)]


def _reserve(program: Reserve, watch: Watch, sensed: Sensed) -> list[Request]:
    trip = Trip(
        program.below_mw,
        program.recover_mw,
        program.delay_s,
        program.recover_s,
        program.run_s,
        below=True,
    )
    newest = max(watch.events.values(), key=lambda one: one.heard_ms, default=None)
    reserve_mw = None if newest is None else newest.signal.reserve_mw
    watch.latch = step(watch.latch, trip, sensed.now_ms, reserve_mw)
    if not watch.latch.asks(sensed.now_ms):
        return []
    reason = f"the grid's reserve is below {program.below_mw:g} MW"
    return [_latched(program, watch, sensed, program.power_kw, Purpose.DEMAND, reason)]


def _grid_alert(program: GridAlert, watch: Watch, sensed: Sensed) -> list[Request]:
    trip = Trip(0.5, 0.5, 0.0, 0.0, program.run_s)
    level = None if sensed.alert is None else float(LEVELS.index(sensed.alert))
    watch.latch = step(watch.latch, trip, sensed.now_ms, level)
    found = [
        _told(program, event, sensed, Purpose.EMERGENCY_ALERT, _need(program))
        for event in watch.events.values()
    ]
    if watch.latch.asks(sensed.now_ms):
        last = LEVELS[int(watch.latch.value)]
        request = _latched(
            program,
            watch,
            sensed,
            at_level(program, last),
            Purpose.EMERGENCY_ALERT,
            f"the grid operator declared {last.value.upper()}",
            local_need=_need(program),
        )
        found.append(request)
    return found


def _webhook(program: Webhook, watch: Watch, sensed: Sensed) -> list[Request]:
    purpose = Purpose(program.purpose)
    return [
        _told(program, event, sensed, purpose, _need(program)) for event in watch.events.values()
    ]


def _openadr(program: OpenAdr, watch: Watch, sensed: Sensed) -> list[Request]:
    found = []
    for event in watch.events.values():
        purpose = event.signal.purpose or Purpose.DEMAND
        request = _told(program, event, sensed, purpose, _need(program))
        limit_kw = event.signal.import_limit_kw
        if limit_kw is not None:
            if sensed.net_kw is None:
                continue
            trip = Trip(limit_kw, LIMIT_BACK * limit_kw, 0.0, LIMIT_RECOVER_S, 0)
            name = f"{LIMIT}{event.signal.event}"
            latch = step(watch.classes.get(name, Latch()), trip, sensed.now_ms, sensed.net_kw)
            watch.classes[name] = latch
            least_kw = LIMIT_HELD_KW if latch.on else 0.0
            over_kw = min(max(sensed.net_kw - limit_kw, least_kw), request.power_kw)
            request = structs.replace(request, power_kw=over_kw)
        found.append(request)
    return found


def _peak(program: Peak, watch: Watch, sensed: Sensed) -> list[Request]:
    limit_kw = sensed.limit_kw.get(program.id)
    if limit_kw is None:
        return []
    trip = Trip(
        program.start_fraction * limit_kw,
        program.stop_fraction * limit_kw,
        program.delay_s,
        program.recover_s,
        program.run_s,
    )
    watch.latch = step(watch.latch, trip, sensed.now_ms, sensed.load_kw.get(program.id))
    if not watch.latch.asks(sensed.now_ms):
        return []
    where = f"feeder {program.feeder}" if program.feeder else sensed.area
    reason = f"load of {where} above {program.start_fraction:.0%} of {limit_kw:g} kW"
    return [_latched(program, watch, sensed, program.power_kw, Purpose.DEMAND, reason)]


def _coincident(program: CoincidentPeak, watch: Watch, sensed: Sensed) -> list[Request]:
    watch.called = called_with(program, watch.days, watch.called, sensed.now_ms)
    return [
        _request(
            program,
            sensed,
            program.power_kw,
            window_of(program, day),
            Purpose.DEMAND,
            f"{day} may hold the system's peak of the month",
            key=f"{program.id}/{day}",
        )
        for day in watch.called[-2:]
        if sensed.now_ms < window_of(program, day)[1]
    ]


def _price(program: PriceRun, watch: Watch, sensed: Sensed) -> list[Request]:
    found = []
    for one in program.classes:
        trip = Trip(
            one.above_usd_per_mwh,
            one.below_usd_per_mwh,
            program.delay_s,
            program.recover_s,
            program.run_s,
        )
        before = watch.classes.get(one.tag, Latch())
        latch = watch.classes[one.tag] = step(before, trip, sensed.now_ms, sensed.price_usd_per_mwh)
        if latch.asks(sensed.now_ms):
            request = _request(
                program,
                sensed,
                one.power_kw,
                (latch.from_ms, latch.until_ms),
                Purpose.PRICE,
                f"price above {one.above_usd_per_mwh:g} USD/MWh",
                key=f"{program.id}/{one.tag or 'all'}",
            )
            found.append(structs.replace(request, tag=one.tag or program.tag))
    return found


def _exercise(program: Exercising, watch: Watch, sensed: Sensed) -> list[Request]:
    drills = watch.drills
    keep(drills, sensed.exercised, sensed.now_ms)
    engines = sensed.engines.get(program.id)
    if engines is not None:
        look(program, drills, engines, sensed.worth, sensed.now_ms)
    return [
        _request(
            program,
            sensed,
            drill.power_kw,
            (drill.from_ms, drill.until_ms),
            Purpose.EXERCISE,
            drill.text,
            key=f"{program.id}/{device}",
            sites=(drill.site,),
            device=device,
            apart=True,
        )
        for device, drill in drills.placed.items()
    ]


def _need(program: GridAlert | Webhook | OpenAdr) -> LocalNeed | None:
    return None if program.conditions is None else program.conditions.asserted


def _latched(
    program: Program,
    watch: Watch,
    sensed: Sensed,
    power_kw: float,
    purpose: Purpose,
    reason: str,
    **more: Any,
) -> Request:
    window = (watch.latch.from_ms, watch.latch.until_ms)
    return _request(program, sensed, power_kw, window, purpose, reason, **more)


def _told(
    program: Program, event: Event, sensed: Sensed, purpose: Purpose, local_need: LocalNeed | None
) -> Request:
    signal = event.signal
    most_kw = most_of(program, signal)
    level = "" if signal.level is None else f"{signal.level.value.upper()}, "
    said = f": {event.reason}" if event.reason else ""
    return _request(
        program,
        sensed,
        min(signal.power_kw or most_kw, most_kw),
        (event.from_ms, event.until_ms),
        purpose,
        f"{level}event {signal.event} of {event.actor}{said}",
        key=f"{program.id}/{signal.event}",
        rank=signal.rank,
        local_need=local_need,
    )


_KINDS: Final[dict[str, Callable[[Any, Watch, Sensed], list[Request]]]] = {
    Frequency.kind: _frequency,
    Reserve.kind: _reserve,
    GridAlert.kind: _grid_alert,
    Webhook.kind: _webhook,
    OpenAdr.kind: _openadr,
    Peak.kind: _peak,
    CoincidentPeak.kind: _coincident,
    PriceRun.kind: _price,
    Exercising.kind: _exercise,
}
