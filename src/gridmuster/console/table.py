"""The fleet as a table: any filter, any order, the rows in view; and as a CSV file.

The table is made from one view and shared: a query is answered once a view, however many clients
ask, and each gets only the rows that it shows.
"""

from __future__ import annotations

import asyncio
import csv
import io
import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, runtime_checkable

import numpy as np
from fastapi import APIRouter, Query, Request
from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from gridmuster.center.view import DeviceView, PlantView
from gridmuster.clock import iso, monotonic_s
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.columns import Codes, ColumnKeeper, Columns
from gridmuster.console.finding import SORTS, find, order_rows
from gridmuster.console.problems import Problem
from gridmuster.console.query import QueryError, near, parse
from gridmuster.console.reading import document, feed_of, plant_of
from gridmuster.console.schema import answer
from gridmuster.fleet.model import Fleet
from gridmuster.units import MS_PER_S

#: Most rows in one answer.
MAX_ROWS: Final = 500
#: Answered queries that are kept a view.
KEPT: Final = 64
#: From this many devices on a table is worked out in a thread, and serves this long, s of real
#: time, before a newer view is taken: reading 100,000 devices again for every client's every
#: glance would cost more than it shows.
LARGE: Final = 3000
LARGE_HOLD_S: Final = 1.0
CSV_ROWS: Final = 1000

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


@runtime_checkable
class HasFleet(Protocol):
    """A plant that also tells what its devices are like."""

    @property
    def fleet(self) -> Fleet:
        """The fleet that the center commands now."""
        ...


def fleet_of(plant: object) -> Fleet | None:
    """The fleet behind a plant, or None when it does not tell."""
    return plant.fleet if isinstance(plant, HasFleet) else None


class TableRow(Struct, frozen=True):
    """A device as a line of the table.

    ``state`` is the device's own, or ``charging`` for a store that takes power in.
    """

    id: str
    type: str
    burns: str
    site: str
    site_name: str
    area: str
    feeder: str
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
    energy_fraction: float | None
    fuel_level: float | None
    fuel_fraction: float | None
    run_h: float | None
    permit_class: str
    permit_left_h: float | None
    override: str
    alarm: str
    reason: str


class TableWindow(Struct, frozen=True):
    """The rows of a table that are in view, and what all that match add up to.

    ``edition`` and ``at_ms`` tell which moment it is of; ``devices`` how many there are in all,
    ``total`` how many match. ``states`` counts these by state, ``stale`` those of them whose
    values are old or bad, ``alarms`` those with an alarm.
    """

    at_ms: int
    edition: int
    devices: int
    total: int
    offset: int
    states: dict[str, int]
    stale: int
    alarms: int
    power_kw: float
    rated_kw: float
    rows: list[TableRow]


@dataclass(frozen=True, slots=True)
class Found:
    """An answered query: the rows in order and what they add up to; kW."""

    rows: Codes
    states: dict[str, int]
    stale: int
    alarms: int
    power_kw: float
    rated_kw: float


class Table:
    """Answers queries over the latest view and keeps the answers while it is the latest."""

    def __init__(self) -> None:
        self._keeper = ColumnKeeper()
        self._columns: Columns | None = None
        self._edition = 0
        self._taken_s = 0.0
        self._fleet: Fleet | None = None
        self._found: OrderedDict[tuple[str, str], Found] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, view: PlantView, fleet: Fleet | None, edition: int) -> Columns:
        """The columns to answer from: the view's, or a moment's older ones of a large plant."""
        with self._lock:
            held = self._columns
            if held is not None:
                fresh_s = monotonic_s() - self._taken_s
                large = len(view.devices) >= LARGE and held.count == len(view.devices)
                if (held.view is view and self._fleet is fleet) or (
                    large and self._fleet is fleet and fresh_s < LARGE_HOLD_S
                ):
                    return held
            self._columns = self._keeper.of(view, fleet)
            self._edition, self._taken_s, self._fleet = edition, monotonic_s(), fleet
            self._found.clear()
            return self._columns

    def found(self, columns: Columns, text: str, sort: str) -> Found:
        """The rows that match, in order.

        Raises:
            QueryError: when the filter cannot be read.
        """
        key = (text.strip(), sort)
        with self._lock:
            kept = self._found.get(key) if columns is self._columns else None
            if kept is not None:
                self._found.move_to_end(key)
                return kept
            made = _answer(columns, text, sort)
            if columns is self._columns:
                self._found[key] = made
                if len(self._found) > KEPT:
                    self._found.popitem(last=False)
            return made

    def window(
        self,
        view: PlantView,
        fleet: Fleet | None,
        edition: int,
        text: str,
        sort: str,
        offset: int,
        limit: int,
    ) -> TableWindow:
        """The rows in view of what matches.

        Args:
            view: the latest view.
            fleet: the devices' characteristics, None when not known.
            edition: the view's number.
            text: the filter.
            sort: one of `SORTS`, a dash before it for the other way.
            offset: rows before the first one wanted.
            limit: most rows wanted.

        Raises:
            QueryError: when the filter cannot be read.
        """
        columns = self.take(view, fleet, edition)
        found = self.found(columns, text, sort)
        wanted = found.rows[offset : offset + limit].tolist()
        return TableWindow(
            at_ms=columns.view.at_ms,
            edition=self._edition if columns is self._columns else edition,
            devices=columns.count,
            total=len(found.rows),
            offset=offset,
            states=found.states,
            stale=found.stale,
            alarms=found.alarms,
            power_kw=found.power_kw,
            rated_kw=found.rated_kw,
            rows=table_rows(columns, wanted),
        )


def _answer(columns: Columns, text: str, sort: str) -> Found:
    mask = find(columns, parse(text))
    state = columns.word("state")
    counts = np.bincount(state.codes[mask], minlength=len(state.words)).tolist()
    old = columns.word("quality").among(("stale", "bad"))
    return Found(
        rows=order_rows(columns, mask, sort),
        states={word: n for word, n in zip(state.words, counts, strict=True) if n},
        stale=int(np.count_nonzero(mask & old)),
        alarms=int(np.count_nonzero(mask & columns.flag("alarm"))),
        power_kw=round(float(columns.number("power")[mask].sum()), 3),
        rated_kw=round(float(columns.fixed.rated[mask].sum()), 3),
    )


def table_rows(columns: Columns, numbers: list[int]) -> list[TableRow]:
    """Some rows of the table.

    Args:
        columns: the devices.
        numbers: which rows, by place in the view.
    """
    wanted = {columns.view.devices[number].id for number in numbers}
    alarms: dict[str, str] = {}
    for alarm in columns.view.alarms:
        if alarm.subject in wanted:
            alarms.setdefault(alarm.subject, alarm.text)
    return [_row(columns, number, alarms) for number in numbers]


def _row(columns: Columns, number: int, alarms: dict[str, str]) -> TableRow:
    device: DeviceView = columns.view.devices[number]
    fixed = columns.fixed
    state = columns.word("state")
    tank = float(fixed.tank[number])
    full = device.energy_capacity_kwh
    return TableRow(
        id=device.id,
        type=device.type,
        burns=fixed.fuels.words[fixed.fuels.codes[number]],
        site=device.site,
        site_name=fixed.site_names[fixed.sites.codes[number]],
        area=device.area,
        feeder=fixed.feeders.words[fixed.feeders.codes[number]],
        state=state.words[state.codes[number]],
        mode=device.mode,
        quality=device.quality,
        heard_ms=columns.view.at_ms - round(device.age_s * MS_PER_S),
        power_kw=device.power_kw,
        setpoint_kw=device.setpoint_kw,
        order=device.order,
        available_kw=device.available_kw,
        rated_kw=device.rated_kw,
        energy_kwh=device.energy_kwh,
        energy_fraction=None if device.energy_kwh is None or not full else device.energy_kwh / full,
        fuel_level=device.fuel_level,
        fuel_fraction=None
        if device.fuel_level is None or math.isnan(tank)
        else device.fuel_level / tank,
        run_h=device.run_h,
        permit_class=device.permit_class,
        permit_left_h=device.permit_left_h,
        override=device.override,
        alarm="; ".join(device.alarms) or alarms.get(device.id, ""),
        reason=device.reason,
    )


def _sort_of(sort: str) -> str:
    key = sort.removeprefix("-")
    if key in SORTS:
        return sort
    close = list(near(key, SORTS))
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(SORTS)}."
    raise Problem(
        422,
        "invalid",
        f"The table cannot be sorted by {key!r}; {hint}",
        errors=[{"path": "query.sort", "message": "unknown column", "suggestions": close}],
        suggestions=close,
    )


def query_problem(error: QueryError) -> Problem:
    """What is wrong with a filter, where, and what could stand there."""
    fault = {
        "path": "query.filter",
        "message": error.message,
        "position": error.position,
        "length": error.length,
        "suggestions": list(error.suggestions),
    }
    return Problem(
        422,
        "invalid",
        f"The filter cannot be read at character {error.position + 1}: {error.message}",
        errors=[fault],
        suggestions=list(error.suggestions),
    )


def table_of(request: Request) -> Table:
    """The application's table, made when first asked for."""
    state = request.app.state
    if not hasattr(state, "table"):
        state.table = Table()
    table: Table = state.table
    return table


Filter = Annotated[
    str,
    Query(max_length=2000, description="terms that must all hold, like type:diesel fuel<40%"),
]
Sort = Annotated[
    str,
    Query(max_length=40, description="a column; a dash before it turns the order round"),
]


@router.get(
    "/table",
    tags=["plant"],
    summary="The fleet as a table: the rows in view",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(TableWindow),
)
async def table(
    request: Request,
    *,
    filter: Filter = "",
    sort: Sort = "id",
    offset: Annotated[int, Query(ge=0, le=10_000_000, description="rows before the first")] = 0,
    limit: Annotated[int, Query(ge=0, le=MAX_ROWS, description="most rows to return")] = 100,
) -> Response:
    """Filtered and sorted devices, with counts by state of all that match.

    Terms: `type:diesel`, `state:idle,fault`, `fuel<40%`, `power>10`, `-area:north`, `alarm:yes`,
    plain text. A filter that cannot be read gets 422 with position and suggestions.
    """
    feed = feed_of(request)
    given = (feed.view, fleet_of(plant_of(request)), feed.edition, filter, _sort_of(sort))
    work = table_of(request).window
    try:
        if len(feed.view.devices) < LARGE:
            return document(work(*given, offset, limit))
        return document(await asyncio.to_thread(work, *given, offset, limit))
    except QueryError as error:
        raise query_problem(error) from error


@router.get(
    "/table.csv",
    tags=["plant"],
    summary="The fleet as a CSV file",
    openapi_extra=needs(Role.VIEWER),
    responses={
        **answer(None),
        200: {"description": "All rows that match", "content": {"text/csv": {}}},
    },
)
async def table_csv(request: Request, *, filter: Filter = "", sort: Sort = "id") -> Response:
    """Every row that matches, at one moment; units stand in the headings.

    Text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    feed = feed_of(request)
    found = table_of(request)
    fleet, order = fleet_of(plant_of(request)), _sort_of(sort)
    view, edition = feed.view, feed.edition

    def work() -> tuple[Columns, Found]:
        columns = found.take(view, fleet, edition)
        return columns, found.found(columns, filter, order)

    try:
        columns, rows = await asyncio.to_thread(work)
    except QueryError as error:
        raise query_problem(error) from error
    moment = iso(columns.view.at_ms).replace(":", "").replace("-", "")[:15]
    name = f"{columns.view.fleet}-{moment}Z.csv"
    return StreamingResponse(
        csv_lines(columns, rows.rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def csv_lines(columns: Columns, rows: Codes) -> Iterator[str]:
    """The lines of a CSV file, a thousand rows at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["heard_utc" if f == "heard_ms" else f for f in TableRow.__struct_fields__])
    for start in range(0, max(len(rows), 1), CSV_ROWS):
        for row in table_rows(columns, rows[start : start + CSV_ROWS].tolist()):
            writer.writerow(
                [
                    _cell(iso(max(row.heard_ms, 0)) if name == "heard_ms" else getattr(row, name))
                    for name in TableRow.__struct_fields__
                ]
            )
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _cell(value: object) -> object:
    """A cell: text that a spreadsheet would run starts with an apostrophe instead."""
    if value is None:
        return ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n"):
        return f"'{value}"
    return value
