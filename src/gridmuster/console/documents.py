"""The JSON documents that the API answers with, besides the views themselves."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.center.view import (
    AlarmView,
    AreaView,
    AuditEntry,
    CommandView,
    DecisionView,
    DeviceView,
)
from gridmuster.console.messages import ForecastRow

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class Health(Struct, frozen=True):
    """Whether the center is there. ``status`` is ``ok`` while it commands, else ``degraded``."""

    status: str
    mode: str
    version: str
    at_ms: int
    cycle: int


class AreaList(Struct, frozen=True):
    """Every area's balance, and whose areas they are."""

    at_ms: int
    fleet: str
    areas: list[AreaView]


class ForecastList(Struct, frozen=True):
    """Every area's forecast and plan."""

    at_ms: int
    areas: list[ForecastRow]


class DevicePage(Struct, frozen=True):
    """Some devices: how many match in all, and where the next page starts."""

    at_ms: int
    total: int
    next: str | None
    devices: list[DeviceView]


class DevicePicture(Struct, frozen=True):
    """One device with what concerns it."""

    at_ms: int
    device: DeviceView
    alarms: list[AlarmView]
    decisions: list[DecisionView]
    commands: list[CommandView]


class AlarmList(Struct, frozen=True):
    """Alarms that stand; ``total`` counts those that match."""

    at_ms: int
    total: int
    alarms: list[AlarmView]


class CommandList(Struct, frozen=True):
    """The last commands."""

    at_ms: int
    commands: list[CommandView]


class DecisionList(Struct, frozen=True):
    """The last decisions."""

    at_ms: int
    decisions: list[DecisionView]


class AuditPage(Struct, frozen=True):
    """Part of the audit log; the last entry's number is the next page's ``after``."""

    entries: list[AuditEntry]


class AreaConsequence(Struct, frozen=True):
    """One area before and after, kW, if nothing else answered."""

    area: str
    change_kw: float
    reserve_kw: float
    import_before_kw: float
    import_after_kw: float
    import_limit_kw: float
    import_over_limit_kw: float


class Consequence(Struct, frozen=True):
    """What a command would do at this moment, if no other device answered.

    ``change_kw`` is by how much the devices' power would rise. ``lines`` say it in words.
    """

    action: str
    scope: str
    target: str
    devices: int
    active: int
    power_now_kw: float
    power_after_kw: float
    change_kw: float
    named: list[str]
    areas: list[AreaConsequence]
    warnings: list[str]
    lines: list[str]


class ProblemError(Struct, frozen=True):
    """One thing wrong in a request: where, and what."""

    path: str
    message: str


class ProblemDocument(Struct, frozen=True, omit_defaults=True):
    """Problem details (RFC 9457). ``errors`` lists faults, ``suggestions`` names that come close.

    More members may be there; which, depends on the type.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemError] = []
    suggestions: list[str] = []
