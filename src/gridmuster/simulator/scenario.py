"""What goes wrong and what happens, and when: a frozen description of a run's events.

Times are local times of the day on which the run starts, like ``18:30`` or ``18:30:15``, with a
day in front for later days (``1d 06:00`` is six in the morning of the second day), or instants
with an offset, like ``2024-07-16T18:30:00-05:00``. ``until`` is not included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from gridmuster.clock import local, parse_iso, to_ms, zone
from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.devices import FleetId, Part
from gridmuster.fleet.model import Fleet
from gridmuster.signals import Alert

DEFAULT_ZONE: Final = "America/Chicago"
#: A summer Tuesday at midnight in Chicago: the default first instant of a run.
DEFAULT_START_MS: Final = parse_iso("2024-07-16T05:00:00+00:00")

_LOCAL: Final = re.compile(r"^(?:(\d{1,3})d )?([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$")


def _checked_when(text: str) -> str:
    if _LOCAL.match(text):
        return text
    try:
        parse_iso(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no time; write 18:30, 18:30:15, 1d 06:00 or 2024-07-16T18:30:00-05:00"
        ) from error
    return text


When = Annotated[str, AfterValidator(_checked_when)]


def when_ms(text: str, start_ms: int, zone_name: str) -> int:
    """The instant a text means.

    Args:
        text: local time of day or ISO instant, as the module says.
        start_ms: first instant of the run, ms.
        zone_name: IANA zone whose day counts.
    """
    match = _LOCAL.match(text)
    if match is None:
        return parse_iso(text)
    days, hour, minute, second = (int(part or 0) for part in match.groups())
    day = local(start_ms, zone_name).date() + timedelta(days=days)
    return to_ms(datetime.combine(day, time(hour, minute, second), zone(zone_name)))


class Span(Part):
    """An event that begins and ends."""

    at: When = Field(description="when it begins")
    until: When = Field(description="when it ends")


class OfDeviceOrArea(Part):
    """An event of one device, or of whichever device comes first in an area."""

    device: FleetId | None = None
    area: FleetId | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.device is None) == (self.area is None):
            raise ValueError("name a device or an area, not both")
        return self


class FailedStart(OfDeviceOrArea):
    """Starts that fail, all crank tries of them.

    With ``device``: its start number ``number`` since the run began, or all its starts between
    ``at`` and ``until``, or the next ``count`` from ``at``. With ``area`` instead: the next
    ``count`` starts of any engine in that area from ``at`` on.
    """

    kind: Literal["failed_start"] = "failed_start"
    number: int | None = Field(default=None, ge=1, description="which of its starts fails")
    at: When | None = Field(default=None, description="from when on")
    until: When | None = Field(default=None, description="until when all starts fail")
    count: int = Field(default=1, ge=1, description="how many starts in a row fail")


class Trip(OfDeviceOrArea):
    """A running generator falls off the line: a device, or the largest one running in an area."""

    kind: Literal["trip"] = "trip"
    at: When = Field(description="when, or from when on if it does not run yet")
    after_s: float = Field(default=0.0, ge=0, description="this long after it is on the line, s")


class MeterSilent(Span):
    """An end-user's meter does not answer."""

    kind: Literal["meter_silent"] = "meter_silent"
    end_user: FleetId


class ControllerSilent(Span):
    """A device's controller does not answer."""

    kind: Literal["controller_silent"] = "controller_silent"
    device: FleetId


class UtilityOutage(Span):
    """The utility's service fails at sites, or for a whole area."""

    kind: Literal["utility_outage"] = "utility_outage"
    sites: tuple[FleetId, ...] = ()
    area: FleetId | None = None


class IgnoresSetpoint(Span):
    """A device goes on as it was when given a new setpoint."""

    kind: Literal["ignores_setpoint"] = "ignores_setpoint"
    device: FleetId


class BreakerStuck(Span):
    """An area's coupling breaker stays where it is, whatever it is asked."""

    kind: Literal["breaker_stuck"] = "breaker_stuck"
    area: FleetId


class SwitchgearSilent(Span):
    """An area's switchgear does not answer its gateway."""

    kind: Literal["switchgear_silent"] = "switchgear_silent"
    area: FleetId


class NotInAuto(Span):
    """Somebody leaves a device's switch in manual."""

    kind: Literal["not_in_auto"] = "not_in_auto"
    device: FleetId


class SensorStuck(Span):
    """A point of a controller keeps its value."""

    kind: Literal["sensor_stuck"] = "sensor_stuck"
    controller: str = Field(
        description="device id, panel.<site>, meter.<end-user>, switchgear.<area>"
    )
    point: str = Field(description="name of the point, like power_kw")


class ClockSkew(Span):
    """A site's clock is off; carried out by the runtime."""

    kind: Literal["clock_skew"] = "clock_skew"
    site: FleetId
    offset_s: float = Field(description="> 0: the site's clock is ahead, s")


class LinkCut(Span):
    """A site's link to the broker is cut; carried out by the runtime."""

    kind: Literal["link_cut"] = "link_cut"
    site: FleetId


class CloudBank(Span):
    """A bank of clouds drifts over an area."""

    kind: Literal["cloud_bank"] = "cloud_bank"
    area: FleetId
    cover: float = Field(default=0.95, ge=0, le=1, description="share of the sky covered")


class EmergencyAlert(Span):
    """The grid operator declares an energy emergency."""

    kind: Literal["alert"] = "alert"
    level: Alert
    area: FleetId | None = Field(default=None, description="None: everywhere")


class FrequencyDip(Span):
    """The utility's frequency sags by a value within 10 s and is back at the end."""

    kind: Literal["frequency_dip"] = "frequency_dip"
    depth_hz: float = Field(gt=0, le=3, description="how far down, Hz")


class PriceSpike(Span):
    """The real-time price is at least this; the day-ahead price knows nothing of it."""

    kind: Literal["price_spike"] = "price_spike"
    usd_per_mwh: float


class DemandStep(Span):
    """An end-user's demand is multiplied."""

    kind: Literal["demand_step"] = "demand_step"
    end_user: FleetId
    factor: float = Field(ge=0, le=10)


Event = Annotated[
    FailedStart
    | Trip
    | MeterSilent
    | ControllerSilent
    | UtilityOutage
    | IgnoresSetpoint
    | NotInAuto
    | BreakerStuck
    | SwitchgearSilent
    | SensorStuck
    | ClockSkew
    | LinkCut
    | CloudBank
    | EmergencyAlert
    | FrequencyDip
    | PriceSpike
    | DemandStep,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True)
class Moment:
    """A beginning or an end of an event in a run; ``until_ms`` is its end, if it has one."""

    at_ms: int
    event: Event
    begins: bool
    until_ms: int | None = None


class Scenario(Part):
    """All events of a run; an empty one is a calm day."""

    name: str = "calm"
    zone: str = Field(default=DEFAULT_ZONE, description="IANA zone of the local times")
    events: tuple[Event, ...] = ()

    def span_ms(self, event: Event, start_ms: int) -> tuple[int, int | None]:
        """When an event begins and ends in a run that starts at ``start_ms``, ms; None: never."""
        at = event.at
        until = getattr(event, "until", None)
        first_ms = start_ms if at is None else when_ms(at, start_ms, self.zone)
        return first_ms, None if until is None else when_ms(until, start_ms, self.zone)

    def timeline(self, start_ms: int) -> tuple[Moment, ...]:
        """Beginnings and ends in order of time, without what is over before the run starts."""
        moments = []
        for event in self.events:
            first_ms, last_ms = self.span_ms(event, start_ms)
            if last_ms is not None and last_ms <= first_ms:
                raise FleetError([_backwards(self.name, event)])
            if last_ms is not None and last_ms <= start_ms:
                continue
            moments.append(Moment(max(first_ms, start_ms), event, True, last_ms))
            if last_ms is not None:
                moments.append(Moment(last_ms, event, False, last_ms))
        return tuple(sorted(moments, key=lambda moment: (moment.at_ms, moment.begins)))

    def unknown(self, fleet: Fleet, file: str = "scenario") -> list[Fault]:
        """One fault for each name in an event that the fleet does not have."""
        known: dict[str, Mapping[str, object]] = {
            "device": fleet.device_by_id,
            "end_user": fleet.end_user_by_id,
            "site": fleet.site_by_id,
            "sites": fleet.site_by_id,
            "area": fleet.area_by_id,
        }
        faults = []
        for k, event in enumerate(self.events):
            for field, names in known.items():
                for name in _names(getattr(event, field, None)):
                    if name not in names:
                        path = f"events[{k}].{field}"
                        faults.append(
                            Fault(file, path, repr(name), "not in the fleet", f"a known {field}")
                        )
        return faults


def _backwards(name: str, event: Event) -> Fault:
    value = getattr(event, "until", "")
    limit = f"a {event.kind} that begins at {event.at} ends before"
    return Fault(name, "until", str(value), limit, "a later time, like 1d 01:00 for the next day")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        yield from value


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Write a scenario as YAML."""
    data = scenario.model_dump(mode="json", exclude_none=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def load_scenario(path: Path, fleet: Fleet | None = None) -> Scenario:
    """Read a scenario from YAML.

    Args:
        path: the file.
        fleet: when given, every name in the file must be one of its ids.

    Raises:
        FleetError: with one fault for each thing that is wrong.
    """
    file = str(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        fault = Fault(file, "", type(error).__name__, str(error), "a readable YAML file")
        raise FleetError([fault]) from error
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise FleetError([_fault(file, item) for item in error.errors()]) from error
    faults = scenario.unknown(fleet, file) if fleet is not None else []
    if faults:
        raise FleetError(faults)
    return scenario


def _fault(file: str, item: Any) -> Fault:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return Fault(file, path, repr(item["input"])[:80], item["msg"], "see docs/simulator.md")
