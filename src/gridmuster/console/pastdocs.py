"""The documents that tell of the past, and what the console needs of whoever reads the journal."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gridmuster.center.account import StartView
from gridmuster.center.view import AlarmView, CommandView, DecisionView
from gridmuster.console.messages import AreaRow, DeviceRow, ForecastRow, PlantMessage
from gridmuster.report.event import EventReport
from gridmuster.report.series import AreaSeries
from gridmuster.signals import AreaBalance


class PastSession(Struct, frozen=True):
    """A center process that began to write the journal."""

    at_ms: int
    software: str


class PastMark(Struct, frozen=True):
    """Something notable that happened.

    ``kind`` is one of start, failure, replacement, outage, shortfall, command, session.
    """

    at_ms: int
    kind: str
    subject: str
    text: str


class PastSpan(Struct, frozen=True):
    """What the journal covers, and what happened in it as far as it has been read."""

    fleet: str
    time_zone: str
    first_ms: int
    last_ms: int
    cycles: int
    sessions: list[PastSession]
    marks: list[PastMark]
    marks_from_ms: int
    marks_complete: bool


class PastStates(Struct, frozen=True):
    """How many devices of a type were in a state, and their power, kW."""

    type: str
    state: str
    count: int
    power_kw: float


class PastMoment(Struct, frozen=True):
    """The plant as it was shown at a past moment.

    While it is being rebuilt, or when it cannot be, ``exact`` is false and only ``outline`` is
    there, from the cycle's record. ``lacks`` says in words what is missing or may differ.
    """

    asked_ms: int
    at_ms: int
    time_zone: str
    exact: bool
    progress: float
    left_s: float | None
    failed: str
    lacks: list[str]
    outline: list[AreaBalance]
    plant: PlantMessage | None = None
    balance: list[AreaRow] = []
    forecast: list[ForecastRow] = []
    alarms: list[AlarmView] = []
    decisions: list[DecisionView] = []
    commands: list[CommandView] = []
    states: list[PastStates] = []
    devices: list[DeviceRow] = []
    devices_total: int = 0
    devices_next: str | None = None


class PastTrend(Struct, frozen=True):
    """Series read from cycles' records at some instants, evenly spaced."""

    from_ms: int
    until_ms: int
    at_ms: list[int]
    areas: list[AreaSeries]


class PastEvent(Struct, frozen=True):
    """A report of what happened in a window; ``report`` is null while it is being made."""

    from_ms: int
    until_ms: int
    ready: bool
    progress: float
    report: EventReport | None = None


class PastChange(Struct, frozen=True, array_like=True):
    """A device in a state: seen to enter it then, or in it at the first instant of a stretch."""

    at_ms: int
    device: str
    state: str


class PastStart(Struct, frozen=True, array_like=True):
    """A device that was started or stopped, and why."""

    device: str
    start: StartView


class PastAnswer(Struct, frozen=True, array_like=True):
    """The last that a site said of a command, and when it said the first.

    ``devices`` has outcome and reason of those it named; the others share the command's.
    """

    command: str
    first_ms: int
    outcome: str
    reason: str
    devices: dict[str, tuple[str, str]]


class PastStretch(Struct, frozen=True):
    """What every device did in a stretch of time, for the console's own memory.

    ``values`` are numbers of 4 bytes: power, setpoint and level (kW, kW, kWh or a fuel's unit) of
    each of ``devices`` at each of ``times_ms``; not a number where nothing is known. ``older``:
    whether the journal holds something before it. ``answers`` may be to commands before it.
    """

    from_ms: int
    until_ms: int
    older: bool
    devices: list[str]
    times_ms: list[int]
    values: bytes
    changes: list[PastChange]
    starts: list[PastStart]
    commands: list[CommandView]
    answers: list[PastAnswer]


class PastRequest(Struct, frozen=True):
    """What is asked of the past.

    Args:
        what: moment, span, trend, event, stretch or question.
        viewer: who asks; a new question of the same kind takes the place of an older one.
        from_ms: the instant, or the window's start, ms of plant time.
        until_ms: the window's end, ms of plant time.
        points: most instants of a trend.
        step_s: plant time between the samples of a stretch, s.
        area: whose devices to tell of; empty: none; ``*``: all.
        after: id that ended the last page of devices.
        limit: most devices.
    """

    what: str
    viewer: str
    from_ms: int = 0
    until_ms: int = 0
    points: int = 0
    area: str = ""
    after: str = ""
    limit: int = 0
    step_s: int = 0


class PastReader(Protocol):
    """Reads the journal for the console, beside the center."""

    async def ask(self, request: PastRequest, patience_s: float) -> bytes | None:
        """The answer as a JSON document: a `PastMoment`, `PastSpan`, `PastTrend`, `PastEvent` or
        `PastStretch`. For a question, a planning problem as msgpack.

        None when too many ask at once.

        Args:
            request: what is asked.
            patience_s: longest wait, s of real time. What is not ready then is told as far as it
                is; the same question asked again goes on where it was.

        Raises:
            JournalError: when the journal cannot be read, or what it keeps not be understood.
        """
        ...


class Recorded(Protocol):
    """A plant whose past can be read; a center without a journal to read has None."""

    @property
    def history(self) -> PastReader | None:
        """Who reads the journal."""
        ...
