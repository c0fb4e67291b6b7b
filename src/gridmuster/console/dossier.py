"""All about one device that its view does not say: nameplate, permit hours, starts, what was.

Commands, decisions and alarms are taken from every edition and kept by device, so that they are
still there when the plant as a whole has moved on to others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, Generic, Protocol, TypeVar, runtime_checkable

from fastapi import APIRouter, FastAPI, Request
from msgspec import Struct, structs
from starlette.responses import Response

from gridmuster.center.account import DeviceAccount, StartView
from gridmuster.center.view import AlarmView, CommandView, DecisionView, DeviceView, PlantView
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.messages import command_key, decision_key
from gridmuster.console.pastdocs import PastAnswer, PastStretch
from gridmuster.console.problems import unknown_subject
from gridmuster.console.reading import document, feed_of, plant_of
from gridmuster.console.recollection import Recollection
from gridmuster.console.schema import answer
from gridmuster.console.table import fleet_of
from gridmuster.console.traces import FUEL_UNITS, Traces, level_unit
from gridmuster.fleet.devices import Device, DeviceBase, Generator, Part, Store
from gridmuster.fleet.model import Fleet, Site
from gridmuster.units import MS_PER_S

#: Commands, decisions and alarms that are kept, of each kind, of all devices together.
KEPT: Final = 20_000
#: Most of each that one answer holds, the latest ones.
MOST: Final = 60

T = TypeVar("T")

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


@runtime_checkable
class HasAccounts(Protocol):
    """A plant that also tells what its center keeps about one device."""

    def account(self, device: str) -> DeviceAccount:
        """Permit hours, starts, calls and failures of a device of the fleet."""
        ...

    def starts(self, device: str) -> list[StartView]:
        """Why the device was started and stopped, the latest first."""
        ...


class Characteristic(Struct, frozen=True):
    """One fact of a device as its fleet file has it: ``value`` in words, with its unit."""

    group: str
    name: str
    value: str
    unit: str
    about: str


class PastAlarm(Struct, frozen=True):
    """An alarm and until when it stood; null: it still does."""

    id: str
    severity: str
    text: str
    advice: str
    since_ms: int
    until_ms: int | None


class SitePlace(Struct, frozen=True):
    """The place where a device stands, its clock and what it was promised."""

    id: str
    name: str
    time_zone: str
    latitude: float
    longitude: float
    owner: str
    feeder: str
    transfer: str
    backup_load_kw: float
    autonomy_h: float
    neighbours: list[str]


class Promise(Struct, frozen=True):
    """Fuel or energy kept back for the site's own load, of what it holds and can hold."""

    unit: str
    level: float | None
    floor: float
    capacity: float | None
    reachable: float | None
    hours_to_floor: float | None


class DeviceDossier(Struct, frozen=True):
    """A device in full: what it is, what it may, why it ran, what it was told, what went wrong.

    What the center does not tell is null or empty; of before ``back_to_ms`` nothing is known.
    """

    at_ms: int
    device: DeviceView
    site: SitePlace | None
    account: DeviceAccount | None
    promise: Promise | None
    starts: list[StartView]
    commands: list[CommandView]
    decisions: list[DecisionView]
    alarms: list[PastAlarm]
    characteristics: list[Characteristic]
    back_to_ms: int = 0


class _Log(Generic[T]):
    """The latest entries of all devices, found by device; bounded.

    Args:
        kept: most entries.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._by_device: dict[str, dict[str, T]] = {}
        self._order: OrderedDict[tuple[str, str], None] = OrderedDict()

    def put(self, device: str, key: str, entry: T) -> None:
        """Keep an entry in place of an earlier one of its key."""
        place = (device, key)
        self._by_device.setdefault(device, {})[key] = entry
        if place not in self._order:
            self._order[place] = None
            if len(self._order) > self._kept:
                (old_device, old_key), _ = self._order.popitem(last=False)
                del self._by_device[old_device][old_key]
                if not self._by_device[old_device]:
                    del self._by_device[old_device]

    def put_older(self, device: str, key: str, entry: T) -> None:
        """Keep an entry that is older than all others, unless it is known or there is no room."""
        place = (device, key)
        if place not in self._order and len(self._order) < self._kept:
            self._by_device.setdefault(device, {})[key] = entry
            self._order[place] = None
            self._order.move_to_end(place, last=False)

    def of(self, device: str) -> list[T]:
        """A device's entries."""
        return list(self._by_device.get(device, {}).values())


class Chronicle:
    """Commands, decisions and alarms by device, as the editions told them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._commands = _Log[CommandView](kept)
        self._decisions = _Log[DecisionView](kept)
        self._alarms = _Log[PastAlarm](kept)
        self._starts = _Log[StartView](kept)
        self._standing: dict[str, AlarmView] = {}
        self._answers: dict[str, PastAnswer] = {}
        self._kept = kept

    def take(self, view: PlantView) -> None:
        """Take an edition."""
        for command in view.commands:
            self._commands.put(command.device, command_key(command), command)
        for decision in view.decisions:
            self._decisions.put(decision.device, decision_key(decision), decision)
        standing = {f"{alarm.id} {alarm.since_ms}": alarm for alarm in view.alarms}
        for key, alarm in standing.items():
            if self._standing.get(key) != alarm:
                self._alarms.put(alarm.subject, key, _past(alarm, None))
        for key, alarm in self._standing.items():
            if key not in standing:
                self._alarms.put(alarm.subject, key, _past(alarm, view.at_ms))
        self._standing = standing

    def recall(self, past: PastStretch) -> None:
        """Take what the journal tells of a stretch before all that is kept already."""
        for said in past.answers:
            later = self._answers.get(said.command)
            self._answers[said.command] = (
                said if later is None else structs.replace(later, first_ms=said.first_ms)
            )
        for command in reversed(past.commands):
            told = self._answered(command)
            self._commands.put_older(command.device, command_key(command), told)
        # Those that are left answer renewals, or commands of the stretch before.
        for old in list(self._answers)[: -self._kept]:
            del self._answers[old]
        for one in reversed(past.starts):
            key = f"{one.start.at_ms} {one.start.order}"
            self._starts.put_older(one.device, key, one.start)

    def _answered(self, command: CommandView) -> CommandView:
        """A command with what its site said of it, then or later."""
        said = self._answers.get(command.id)
        if said is None:
            return command
        outcome, reason = said.devices.get(command.device, (said.outcome, said.reason))
        latency_s = (said.first_ms - command.at_ms) / MS_PER_S
        return structs.replace(command, outcome=outcome, reason=reason, latency_s=latency_s)

    def starts(self, device: str) -> list[StartView]:
        """A device's starts and stops before this process, the latest first."""
        return sorted(self._starts.of(device), key=lambda item: -item.at_ms)[:MOST]

    def commands(self, device: str) -> list[CommandView]:
        """A device's commands, the latest first."""
        return sorted(self._commands.of(device), key=lambda item: -item.at_ms)[:MOST]

    def decisions(self, device: str) -> list[DecisionView]:
        """Decisions about a device, the latest first."""
        return sorted(self._decisions.of(device), key=lambda item: -item.at_ms)[:MOST]

    def alarms(self, device: str) -> list[PastAlarm]:
        """Alarms of a device, those that stand first, then the latest first."""
        found = sorted(self._alarms.of(device), key=lambda item: -item.since_ms)
        return sorted(found, key=lambda item: item.until_ms is not None)[:MOST]


def follow(app: FastAPI) -> None:
    """Let an application keep what its devices do and what happens to them, from now on."""
    app.state.traces = Traces()
    app.state.chronicle = Chronicle()
    app.state.recollection = Recollection(
        app.state.plant, app.state.traces, app.state.chronicle.recall
    )
    for take in (app.state.traces.take, app.state.chronicle.take):
        take(app.state.feed.view)
        app.state.feed.follow(take)


def _past(alarm: AlarmView, until_ms: int | None) -> PastAlarm:
    return PastAlarm(alarm.id, alarm.severity, alarm.text, alarm.advice, alarm.since_ms, until_ms)


#: Endings of names and the units that they stand for, the longest first.
_UNITS: Final = (
    ("_usd_per_kwh", "USD/kWh"),
    ("_fraction_per_s", "% of rated a second"),
    ("_per_k", "1/K"),
    ("_m_per_s", "m/s"),
    ("_per_h", "1/h"),
    ("_cost_usd", "USD"),
    ("_kwh", "kWh"),
    ("_kw", "kW"),
    ("_h", "h"),
    ("_s", "s"),
    ("_fraction", "%"),
    ("_share", "%"),
)
_SHARES: Final = frozenset({"%", "% of rated a second"})
_SHARE_NAMES: Final = frozenset(
    {
        "availability",
        "fail_to_start",
        "charge_efficiency",
        "discharge_efficiency",
        "inverter_efficiency",
    }
)
#: Names that say too little without their unit.
_NAMES: Final = {
    "rated_kw": "rated power",
    "min_load_fraction": "minimum load",
    "start_s": "time to start",
    "sync_s": "time to connect",
    "warmup_s": "warm-up",
    "cooldown_s": "cool-down",
    "min_up_s": "least time on",
    "min_down_s": "least time off",
    "cut_in_m_per_s": "cut-in wind speed",
    "rated_m_per_s": "rated wind speed",
    "cut_out_m_per_s": "cut-out wind speed",
    "mttf_h": "mean time to failure",
    "charge_kw": "charging power",
    "variable_om_usd_per_kwh": "wear and service",
    "cycle_cost_usd_per_kwh": "wear a cycle",
    "start_cost_usd": "cost of a start",
}
#: What a device has that is told elsewhere on its page, or is no fact about it.
_ELSEWHERE: Final = frozenset({"id", "type", "site", "fuel_curve", "on_at_start"})
_GROUPS: Final = {
    "tank": "tank",
    "permit": "permit",
    "reliability": "reliability",
    "controller": "controller",
}


def characteristics(device: DeviceBase) -> list[Characteristic]:
    """A device's facts in the order of its schema, with units and what they mean."""
    found = list(_facts(device, "device", ""))
    if isinstance(device, Generator):
        unit = level_name(device)
        curve = "; ".join(
            f"{point.load_fraction:.0%}: {point.fuel_per_h:g}" for point in device.fuel_curve
        )
        about = "fuel use by share of rated power"
        found.append(Characteristic("device", "fuel use", curve, f"{unit}/h", about))
    return found


def level_name(device: Generator) -> str:
    """Unit of an engine's fuel: l for liquids, m3 for gases."""
    return FUEL_UNITS[device.fuel]


def _facts(part: Part, group: str, fuel_unit: str) -> Iterator[Characteristic]:
    if isinstance(part, Generator):
        fuel_unit = level_name(part)
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if name in _ELSEWHERE or value is None or value == ():
            continue
        if isinstance(value, Part):
            yield from _facts(value, _GROUPS.get(name, name), fuel_unit)
            continue
        unit, label = _unit(name, fuel_unit)
        yield Characteristic(group, label, _worded(value, unit), unit, field.description or "")


def _unit(name: str, fuel_unit: str) -> tuple[str, str]:
    """The unit of a field and its name without it."""
    if name in _SHARE_NAMES:
        return "%", name.replace("_", " ")
    if name in ("capacity", "level"):
        return fuel_unit, name
    for ending, unit in _UNITS:
        if name.endswith(ending):
            return unit, _NAMES.get(name, name.removesuffix(ending).replace("_", " "))
    return "", name.replace("_", " ")


def _worded(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        shown = value * 100.0 if unit in _SHARES else value
        # Six figures, never as a power of ten.
        return f"{shown:.6g}" if abs(shown) >= 1e-3 or not shown else f"{shown:.8f}".rstrip("0")
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return str(value).replace("_", " ")


def promise_of(device: DeviceView, known: Device | None, unit: str) -> Promise | None:
    """What is kept back for the site, and how long the rest lasts at this power; hours.

    Args:
        device: the device as seen now.
        known: its characteristics, None when not known.
        unit: of its fuel or energy.
    """
    if isinstance(known, Store):
        level, floor = device.energy_kwh, known.min_energy_kwh
        capacity = known.energy_capacity_kwh
        reachable = known.max_energy_kwh
        per_h = max(device.power_kw, 0.0) / known.discharge_efficiency
    elif isinstance(known, Generator) and known.tank is not None:
        level, floor = device.fuel_level, device.fuel_floor or 0.0
        capacity = known.tank.capacity
        reachable = known.tank.capacity * (1.0 - known.tank.sump_fraction)
        per_h = _burn(known, device.power_kw)
    else:
        return None
    hours = None
    if level is not None and per_h > 0.0:
        hours = max(level - floor, 0.0) / per_h
    return Promise(unit, level, floor, capacity, reachable, hours)


def _burn(device: Generator, power_kw: float) -> float:
    """Fuel use at a power, l/h or m3/h, between the points of the curve; 0 when off."""
    if power_kw <= 0.0:
        return 0.0
    load = power_kw / device.rated_kw
    points = device.fuel_curve
    for low, high in pairwise(points):
        if load <= high.load_fraction or high is points[-1]:
            slope = (high.fuel_per_h - low.fuel_per_h) / (high.load_fraction - low.load_fraction)
            return max(low.fuel_per_h + slope * (load - low.load_fraction), 0.0)
    return points[-1].fuel_per_h


def _place(site: Site, fleet: Fleet) -> SitePlace:
    return SitePlace(
        id=site.id,
        name=site.name,
        time_zone=site.time_zone,
        latitude=site.latitude,
        longitude=site.longitude,
        owner=site.owner,
        feeder=site.feeder or "",
        transfer=site.transfer.kind.value,
        backup_load_kw=site.backup_load_kw,
        autonomy_h=site.autonomy_h,
        neighbours=[device.id for device in fleet.devices_of_site[site.id]],
    )


@router.get(
    "/devices/{device}/dossier",
    tags=["plant"],
    summary="All about one device",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(DeviceDossier, 404),
)
async def dossier(request: Request, device: str) -> Response:
    """The device, its site, permit hours, starts with reasons, commands, alarms, nameplate.

    What the center does not tell is null or empty; 404 names the closest ids.
    """
    view = feed_of(request).view
    seen = next((item for item in view.devices if item.id == device), None)
    if seen is None:
        raise unknown_subject("device", device, [item.id for item in view.devices])
    plant = plant_of(request)
    fleet = fleet_of(plant)
    known = None if fleet is None else fleet.device_by_id.get(device)
    site = None if fleet is None else fleet.site_by_id.get(seen.site)
    tells = plant if isinstance(plant, HasAccounts) and known is not None else None
    chronicle: Chronicle = request.app.state.chronicle
    traces: Traces = request.app.state.traces
    request.app.state.recollection.begin()
    return document(
        DeviceDossier(
            at_ms=view.at_ms,
            device=seen,
            site=None if site is None or fleet is None else _place(site, fleet),
            account=None if tells is None else tells.account(device),
            promise=promise_of(seen, known, level_unit(seen, fleet)),
            starts=[
                *([] if tells is None else tells.starts(device)),
                *chronicle.starts(device),
            ],
            commands=chronicle.commands(device),
            decisions=chronicle.decisions(device),
            alarms=chronicle.alarms(device),
            characteristics=[] if known is None else characteristics(known),
            back_to_ms=traces.back_to_ms,
        )
    )
