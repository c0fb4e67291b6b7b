"""Devices counted by type and state, and generators by what their power costs: two small tables.

Both are made when somebody asks, at most once in `KEEP_S`, so that a page can show the fleet's
shape without a row a device.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, runtime_checkable

import msgspec
from fastapi import APIRouter, Query, Request
from msgspec import Struct
from starlette.responses import Response

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.clock import monotonic_s
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.priceclasses import PriceClass, outlook, price_classes
from gridmuster.console.problems import unknown_subject
from gridmuster.console.reading import feed_of
from gridmuster.console.schema import answer
from gridmuster.console.sitestates import REST_SHARE, STARTED
from gridmuster.units import KWH_PER_MWH

#: How long a table is good for, s of real time.
KEEP_S: Final = 2.0
#: Devices from which on a thread counts, and a table is good for longer in proportion.
LARGE: Final = 5000
#: Most tables kept; there is one an area, and one of all.
MAX_KEPT: Final = 512
#: Most steps of cost in one table; beyond, costs are told less finely.
MAX_STEPS: Final = 120
ON: Final = frozenset({"starting", "warming", "running"})
GOOD: Final = frozenset({"good", "estimated"})

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


class TallyRow(Struct, frozen=True):
    """Devices of one type in one state: how many, what they give, what they could by nameplate."""

    type: str
    state: str
    devices: int
    power_kw: float
    rated_kw: float


class CostStep(Struct, frozen=True):
    """Generators of one type at about one cost: how many, how many are on, what they can give."""

    usd_per_mwh: float
    type: str
    devices: int
    on: int
    available_kw: float
    power_kw: float
    device: str


class Tallies(Struct, frozen=True):
    """An area's devices, or all, by type and state, and its generators by cost, cheapest first."""

    at_ms: int
    area: str
    rows: list[TallyRow]
    steps: list[CostStep]
    classes: list[PriceClass] = []


@runtime_checkable
class Priced(Protocol):
    """A plant that knows what its generators cost."""

    def merit_usd_per_kwh(self) -> Mapping[str, float]:
        """Mean cost of a shortest run, start included, by generator that may meet demand."""
        ...


def shown_state(device: DeviceView) -> str:
    """A device's state as people see it: silent when its news is old, charging when it takes.

    One that needs no start (a store, sun, wind) is idle while it is ready and gives nothing.
    """
    if device.quality not in GOOD:
        return "silent"
    if device.state != "running" or device.type in STARTED:
        return device.state
    if abs(device.power_kw) <= REST_SHARE * device.rated_kw:
        return "idle"
    return "charging" if device.power_kw < 0.0 else device.state


@dataclass(slots=True)
class _Step:
    """Generators of one type at about one cost, being added up; ``cheapest`` is cost and id."""

    cheapest: tuple[float, str]
    devices: int = 0
    on: int = 0
    available_kw: float = 0.0
    power_kw: float = 0.0

    def add(self, other: _Step) -> None:
        """Take another group in."""
        self.cheapest = min(self.cheapest, other.cheapest)
        self.devices += other.devices
        self.on += other.on
        self.available_kw += other.available_kw
        self.power_kw += other.power_kw


_Steps = dict[tuple[float, str], _Step]


def tally(view: PlantView, area: str, merit_usd_per_kwh: Mapping[str, float]) -> Tallies:
    """Count a view's devices.

    Args:
        view: the view.
        area: the area's id; empty for all.
        merit_usd_per_kwh: cost by generator that may meet demand.
    """
    counts: dict[tuple[str, str], list[float]] = {}
    steps: _Steps = {}
    for device in view.devices:
        if area and device.area != area:
            continue
        key = (device.type, shown_state(device))
        row = counts.get(key)
        if row is None:
            row = counts[key] = [0, 0.0, 0.0]
        row[0] += 1
        row[1] += device.power_kw
        row[2] += device.rated_kw
        cost = merit_usd_per_kwh.get(device.id)
        if cost is not None:
            _price(steps, cost * KWH_PER_MWH, device)
    rows = [
        TallyRow(kind, state, int(number), round(power_kw, 1), round(rated_kw, 1))
        for (kind, state), (number, power_kw, rated_kw) in sorted(counts.items())
    ]
    areas = [one for one in view.areas if not area or one.id == area]
    devices = [device for device in view.devices if not area or device.area == area]
    classes = price_classes(devices, merit_usd_per_kwh, outlook(view, areas), view.priced)
    return Tallies(view.at_ms, area, rows, _told(steps), classes)


def _price(steps: _Steps, usd_per_mwh: float, device: DeviceView) -> None:
    """Add a generator to those of its type whose cost is the same in whole USD/MWh."""
    key = (float(round(usd_per_mwh)), device.type)
    step = steps.get(key)
    if step is None:
        step = steps[key] = _Step((usd_per_mwh, device.id))
    elif usd_per_mwh < step.cheapest[0]:
        step.cheapest = (usd_per_mwh, device.id)
    step.devices += 1
    step.on += device.state in ON
    # A set that is off says nothing of what it could give; its nameplate does.
    step.available_kw += device.available_kw or device.rated_kw
    step.power_kw += device.power_kw


def _told(steps: _Steps) -> list[CostStep]:
    """Steps as the table has them, gathered more coarsely until it is short."""
    width = 1.0
    while len(steps) > MAX_STEPS:
        width *= 2.0
        wider: _Steps = {}
        for (cost, kind), step in steps.items():
            known = wider.setdefault((round(cost / width) * width, kind), step)
            if known is not step:
                known.add(step)
        steps = wider
    told = [
        CostStep(
            round(step.cheapest[0], 2) if step.devices == 1 else cost,
            kind,
            step.devices,
            step.on,
            round(step.available_kw, 1),
            round(step.power_kw, 1),
            step.cheapest[1],
        )
        for (cost, kind), step in steps.items()
    ]
    return sorted(told, key=lambda step: (step.usd_per_mwh, step.type))


class Counter:
    """Makes tallies and keeps them for a moment, whoever asks.

    Args:
        plant: the center; one that is `Priced` also gives costs.
    """

    def __init__(self, plant: object) -> None:
        self._plant = plant
        self._kept: dict[str, tuple[int, float, bytes]] = {}
        self._making = asyncio.Lock()

    async def document(self, view: PlantView, edition: int, area: str) -> bytes:
        """The tallies of a view's area as JSON; of a moment ago, if they were just made.

        A large fleet is counted in a thread and less often, so that nothing else waits for it.

        Args:
            view: the current view.
            edition: its number.
            area: the area's id; empty for all.
        """
        large = len(view.devices) > LARGE
        keep_s = max(KEEP_S, len(view.devices) * KEEP_S / LARGE)
        async with self._making:
            kept = self._kept.get(area)
            if kept is not None and (kept[0] == edition or monotonic_s() - kept[1] < keep_s):
                return kept[2]
            plant = self._plant
            merit = plant.merit_usd_per_kwh() if isinstance(plant, Priced) else {}
            counted = (
                await asyncio.to_thread(tally, view, area, merit)
                if large
                else tally(view, area, merit)
            )
            made = msgspec.json.encode(counted)
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[area] = (edition, monotonic_s(), made)
            return made


@router.get(
    "/tallies",
    tags=["plant"],
    summary="Devices by type and state, generators by cost",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(Tallies, 404),
)
async def tallies(
    request: Request,
    area: Annotated[str, Query(max_length=128, description="one area's id; empty: all")] = "",
) -> Response:
    """How many devices of each type are in each state, and what it costs to run generators.

    Generators whose permits forbid meeting demand are in no step of cost.
    """
    feed = feed_of(request)
    known = [item.id for item in feed.view.areas]
    if area and area not in known:
        raise unknown_subject("area", area, known)
    counter: Counter = request.app.state.counter
    body = await counter.document(feed.view, feed.edition, area)
    return Response(body, media_type="application/json")
