"""What the stream sends: one message a topic, holding only the rows that changed.

A row that is not repeated is unchanged. News of a device is told by the moment it was heard
(``heard_ms``) instead of an age, so that a silent device costs nothing and its age can be reckoned
by whoever shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from gridmuster.center.view import (
    AlarmView,
    AreaRates,
    AreaView,
    CommandView,
    DecisionView,
    DeviceView,
    IslandView,
    Mode,
    PlantView,
)
from gridmuster.console.sitestates import SITES_TOPIC, SitesMessage
from gridmuster.forecast.told import PriceSource
from gridmuster.units import MS_PER_S

#: A comment is sent when there was nothing else for so long, s; proxies and clients then know
#: that the line is alive.
HEARTBEAT_S: Final = 10.0


class PlantMessage(Struct, frozen=True):
    """The plant as a whole, and the end of an edition: what came since the last one is complete."""

    edition: int
    at_ms: int
    fleet: str
    center_id: str
    fence: int
    mode: Mode
    cycle: int
    objective: str
    counters: dict[str, float]
    plan_status: str
    plan_gap: float
    plan_age_s: float
    time_zone: str
    speed: float
    link_up: bool
    journal_fault: str


class AreaRow(Struct, frozen=True):
    """An area's balance now: an `AreaView` without its forecast."""

    id: str
    name: str
    demand_kw: float
    estimated_kw: float
    losses_kw: float
    generation_kw: float
    generation_kw_by_type: dict[str, float]
    import_kw: float
    import_limit_kw: float
    export_limit_kw: float
    reserve_kw: float
    largest_unit_kw: float
    largest_unit: str
    shortfall_kw: float
    shortfall_cause: str
    lolp: float
    price_usd_per_mwh: float
    frequency_hz: float
    energised: bool
    quality: str
    rates: AreaRates | None = None
    island: IslandView | None = None


class ForecastRow(Struct, frozen=True):
    """An area's forecast and plan, one value an interval from ``forecast_start_ms``."""

    id: str
    forecast_start_ms: int
    forecast_step_s: int
    forecast_kw: list[float]
    forecast_low_kw: list[float]
    forecast_high_kw: list[float]
    planned_generation_kw: list[float]
    planned_import_kw: list[float]
    planned_kw_by_type: dict[str, list[float]] = {}
    forecast_price_usd_per_mwh: list[float] = []
    forecast_price_low_usd_per_mwh: list[float] = []
    forecast_price_high_usd_per_mwh: list[float] = []
    price_source: PriceSource | None = None


class DeviceRow(Struct, frozen=True):
    """A device now: a `DeviceView` with ``heard_ms`` for its age and without its plan."""

    id: str
    type: str
    site: str
    area: str
    state: str
    mode: str
    quality: str
    heard_ms: int
    power_kw: float
    setpoint_kw: float | None
    order: str
    available_kw: float
    rated_kw: float
    energy_kwh: float | None
    energy_capacity_kwh: float | None
    fuel_level: float | None
    fuel_floor: float | None
    run_h: float | None
    permit_class: str
    permit_left_h: float | None
    reason: str
    override: str
    alarms: list[str]


class PlanRow(Struct, frozen=True):
    """A device's planned power, one value an interval of its area's forecast."""

    id: str
    planned_kw: list[float]


class AreasMessage(Struct, frozen=True):
    """Topic ``balance``."""

    full: bool
    changed: list[AreaRow]
    gone: list[str]


class ForecastsMessage(Struct, frozen=True):
    """Topic ``forecast``."""

    full: bool
    changed: list[ForecastRow]
    gone: list[str]


class DevicesMessage(Struct, frozen=True):
    """Topic ``devices``."""

    full: bool
    changed: list[DeviceRow]
    gone: list[str]


class PlansMessage(Struct, frozen=True):
    """Topic ``plans``."""

    full: bool
    changed: list[PlanRow]
    gone: list[str]


class AlarmsMessage(Struct, frozen=True):
    """Topic ``alarms``; gone by id."""

    full: bool
    changed: list[AlarmView]
    gone: list[str]


class CommandsMessage(Struct, frozen=True):
    """Topic ``commands``; gone by ``id/device``."""

    full: bool
    changed: list[CommandView]
    gone: list[str]


class DecisionsMessage(Struct, frozen=True):
    """Topic ``decisions``; gone by ``at_ms/device/kind``."""

    full: bool
    changed: list[DecisionView]
    gone: list[str]


#: The message each topic sends. The event ``plant`` (`PlantMessage`) ends every edition.
MESSAGES: Final[dict[str, type[Struct]]] = {
    "balance": AreasMessage,
    "forecast": ForecastsMessage,
    "devices": DevicesMessage,
    "plans": PlansMessage,
    "alarms": AlarmsMessage,
    "commands": CommandsMessage,
    "decisions": DecisionsMessage,
}
TOPICS: Final = tuple(MESSAGES)


def plant_message(view: PlantView, edition: int) -> PlantMessage:
    """What a view says of the plant as a whole."""
    names = PlantMessage.__struct_fields__[1:]
    return PlantMessage(edition, *(getattr(view, name) for name in names))


def area_row(area: AreaView) -> AreaRow:
    """An area's balance without its forecast."""
    return AreaRow(
        area.id,
        area.name,
        area.demand_kw,
        area.estimated_kw,
        area.losses_kw,
        area.generation_kw,
        area.generation_kw_by_type,
        area.import_kw,
        area.import_limit_kw,
        area.export_limit_kw,
        area.reserve_kw,
        area.largest_unit_kw,
        area.largest_unit,
        area.shortfall_kw,
        area.shortfall_cause,
        area.lolp,
        area.price_usd_per_mwh,
        area.frequency_hz,
        area.energised,
        area.quality,
        area.rates,
        area.island,
    )


def forecast_row(area: AreaView) -> ForecastRow:
    """An area's forecast without its balance."""
    return ForecastRow(
        area.id,
        area.forecast_start_ms,
        area.forecast_step_s,
        area.forecast_kw,
        area.forecast_low_kw,
        area.forecast_high_kw,
        area.planned_generation_kw,
        area.planned_import_kw,
        area.planned_kw_by_type,
        area.forecast_price_usd_per_mwh,
        area.forecast_price_low_usd_per_mwh,
        area.forecast_price_high_usd_per_mwh,
        area.price_source,
    )


def device_row(device: DeviceView, at_ms: int) -> DeviceRow:
    """A device as seen at ``at_ms``, told by when it was heard; its age is exact to the ms."""
    return DeviceRow(
        device.id,
        device.type,
        device.site,
        device.area,
        device.state,
        device.mode,
        device.quality,
        at_ms - round(device.age_s * MS_PER_S),
        device.power_kw,
        device.setpoint_kw,
        device.order,
        device.available_kw,
        device.rated_kw,
        device.energy_kwh,
        device.energy_capacity_kwh,
        device.fuel_level,
        device.fuel_floor,
        device.run_h,
        device.permit_class,
        device.permit_left_h,
        device.reason,
        device.override,
        device.alarms,
    )


def rows_by_key(view: PlantView, topic: str) -> dict[str, Struct]:
    """A topic's rows in a view, by the key that ``gone`` will name."""
    return _ROWS[topic](view)


def command_key(command: CommandView) -> str:
    """The key of a command: one id may go to several devices."""
    return f"{command.id}/{command.device}"


def decision_key(decision: DecisionView) -> str:
    """The key of a decision."""
    return f"{decision.at_ms}/{decision.device}/{decision.kind}"


_ROWS: Final[dict[str, Callable[[PlantView], dict[str, Struct]]]] = {
    "balance": lambda view: {area.id: area_row(area) for area in view.areas},
    "forecast": lambda view: {area.id: forecast_row(area) for area in view.areas},
    "devices": lambda view: {d.id: device_row(d, view.at_ms) for d in view.devices},
    "plans": lambda view: {d.id: PlanRow(d.id, d.planned_kw) for d in view.devices},
    "alarms": lambda view: {alarm.id: alarm for alarm in view.alarms},
    "commands": lambda view: {command_key(c): c for c in view.commands},
    "decisions": lambda view: {decision_key(d): d for d in view.decisions},
}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of every event's data, by event name."""
    kinds = {**MESSAGES, SITES_TOPIC: SitesMessage, "plant": PlantMessage}
    return {name: msgspec.json.schema(kind) for name, kind in kinds.items()}
