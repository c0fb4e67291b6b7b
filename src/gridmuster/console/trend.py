"""What the areas did in the last day: a value a minute, kept in memory that does not grow.

Each minute of plant time keeps the means of the editions that fell into it. What was before this
process is filled in from the journal, where the plant has one, with the minute's last cycle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import numpy as np
import structlog
from fastapi import APIRouter, Query, Request
from msgspec import Struct
from numpy.typing import NDArray
from starlette.responses import Response

from gridmuster.center.view import AreaView, PlantView
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.pastdocs import PastReader, PastRequest, PastTrend
from gridmuster.console.problems import unknown_subject
from gridmuster.console.schema import answer
from gridmuster.errors import JournalError
from gridmuster.fleet.devices import DeviceType
from gridmuster.report.series import AreaSeries
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: Length of one value, s.
STEP_S: Final = 60
STEP_MS: Final = STEP_S * MS_PER_S
#: How much is kept, h and values.
KEPT_H: Final = 24
ROWS: Final = KEPT_H * 3600 // STEP_S
#: Most areas that are kept, so that memory has a bound (30 MB).
MAX_AREAS: Final = 256
#: Longest wait for the journal when somebody asks, s of real time.
PATIENCE_S: Final = 0.5
#: A center that has made no more cycles than this has no past worth reading.
FRESH_CYCLES: Final = 30
#: Answers kept until the next minute is complete.
MAX_ANSWERS: Final = 256
PLAIN: Final = (
    "demand_kw",
    "losses_kw",
    "import_kw",
    "reserve_kw",
    "shortfall_kw",
    "price_usd_per_mwh",
)
TYPES: Final = tuple(kind.value for kind in DeviceType)
WIDTH: Final = len(PLAIN) + len(TYPES)
PRICE: Final = PLAIN.index("price_usd_per_mwh")

Floats = NDArray[np.float64]
_log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


class TrendDocument(Struct, frozen=True):
    """What one area, or all together, did: a value a minute from ``start_ms``; null: not known."""

    at_ms: int
    area: str
    start_ms: int
    step_s: int
    demand_kw: list[float | None]
    losses_kw: list[float | None]
    import_kw: list[float | None]
    reserve_kw: list[float | None]
    shortfall_kw: list[float | None]
    price_usd_per_mwh: list[float | None]
    generation_kw_by_type: dict[str, list[float | None]]


class _Ring:
    """One area's values, a row a minute, the oldest overwritten."""

    def __init__(self) -> None:
        self._minutes = np.full(ROWS, -1, np.int64)
        self._values = np.full((ROWS, WIDTH), np.nan, np.float32)

    def put(self, minute: int, row: Floats) -> None:
        """Keep a minute's values, unless a later day has taken its place."""
        place = minute % ROWS
        if self._minutes[place] <= minute:
            self._minutes[place] = minute
            self._values[place] = row

    def has(self, minute: int) -> bool:
        """Whether a minute is there."""
        return bool(self._minutes[minute % ROWS] == minute)

    def rows(self, first: int, count: int) -> Floats:
        """So many minutes' values from the first on; not a number where there is none."""
        minutes = np.arange(first, first + count)
        places = minutes % ROWS
        found = self._values[places].astype(np.float64)
        found[self._minutes[places] != minutes] = np.nan
        return found


class _Open:
    """The minute under way: sums and counts by area and column, since a price may be missing."""

    def __init__(self, minute: int, areas: list[str]) -> None:
        self.minute = minute
        self.areas = areas
        self._sum = np.zeros((len(areas), WIDTH))
        self._count = np.zeros((len(areas), WIDTH))

    def add(self, rows: Floats) -> None:
        """Take one edition's values, a row an area."""
        known = ~np.isnan(rows)
        self._sum += np.where(known, rows, 0.0)
        self._count += known

    def means(self) -> Floats:
        """The means so far."""
        return np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)


class Trend:
    """The last day of every area of a plant."""

    def __init__(self) -> None:
        self._rings: dict[str, _Ring] = {}
        self._open: _Open | None = None
        self._last_ms = 0
        self._began_ms = self._began_cycle = 0
        self._recalled = False
        self._answers: dict[tuple[str, int], bytes] = {}

    def take(self, view: PlantView) -> None:
        """Take an edition. One whose time has not moved on says nothing new."""
        if view.at_ms <= self._last_ms:
            return
        if not self._last_ms:
            self._began_ms, self._began_cycle = view.at_ms, view.cycle
        minute = view.at_ms // STEP_MS
        if minute != self._last_ms // STEP_MS:
            self._answers.clear()
        self._last_ms = view.at_ms
        areas = [area.id for area in view.areas[:MAX_AREAS]]
        if self._open is None or self._open.minute != minute or self._open.areas != areas:
            self._close()
            self._open = _Open(minute, areas)
            if not areas:
                return
            for gone in self._rings.keys() - set(areas):
                del self._rings[gone]
            for area in areas:
                self._rings.setdefault(area, _Ring())
        if areas:
            rows = [_row_of_view(area) for area in view.areas[:MAX_AREAS]]
            self._open.add(np.array(rows, np.float64))

    def _close(self) -> None:
        under_way = self._open
        if under_way is not None:
            for area, row in zip(under_way.areas, under_way.means(), strict=True):
                self._rings[area].put(under_way.minute, row)

    async def recall(self, history: PastReader | None) -> None:
        """Fill in what was before this process, from the journal, when somebody first asks.

        What is not ready in `PATIENCE_S` is fetched when somebody asks again.

        Args:
            history: who reads the journal; None: nobody.
        """
        if self._recalled or history is None or not self._last_ms:
            return
        if self._began_cycle <= FRESH_CYCLES:
            self._recalled = True
            return
        self._recalled = True
        end_ms = self._began_ms // STEP_MS * STEP_MS - 1
        from_ms = end_ms - KEPT_H * MS_PER_HOUR
        asked = PastRequest("trend", "console-trend", from_ms, end_ms, ROWS + 1)
        try:
            body = await history.ask(asked, PATIENCE_S)
            if body:
                self.learn(msgspec.json.decode(body, type=PastTrend))
            else:
                self._recalled = False
        except JournalError as error:
            # The day before stays empty; the history's own page tells the same fault.
            _log.warning("the trend's past cannot be read", error=str(error))

    def learn(self, told: PastTrend) -> None:
        """Fill in earlier minutes; what was seen counts more than what is told."""
        for series in told.areas:
            if series.area not in self._rings and len(self._rings) >= MAX_AREAS:
                continue
            ring = self._rings.setdefault(series.area, _Ring())
            for at_ms, row in zip(told.at_ms, _rows_of_series(series), strict=True):
                minute = at_ms // STEP_MS
                if not math.isnan(row[0]) and not ring.has(minute):
                    ring.put(minute, row)
        self._answers.clear()

    @property
    def areas(self) -> list[str]:
        """Ids of the areas that are kept."""
        return list(self._rings)

    def document(self, area: str, first_ms: int, hours: int) -> bytes:
        """Complete minutes as JSON, kept until the next is complete.

        Args:
            area: the area's id; empty for all together.
            first_ms: no minute before this instant, ms.
            hours: no minute earlier than so many hours ago, h.
        """
        end = self._last_ms // STEP_MS
        first = max(end - hours * MS_PER_HOUR // STEP_MS, math.ceil(first_ms / STEP_MS))
        first = min(first, end)
        key = (area, first)
        made = self._answers.get(key)
        if made is None:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            made = msgspec.json.encode(self._document(area, first, end - first))
            self._answers[key] = made
        return made

    def _document(self, area: str, first: int, count: int) -> TrendDocument:
        rings = [self._rings[area]] if area else list(self._rings.values())
        values = _together([ring.rows(first, count) for ring in rings], count)
        known = np.flatnonzero(~np.isnan(values[:, 0]))
        skipped = int(known[0]) if len(known) else count
        moved = np.abs(np.nan_to_num(values)).sum(axis=0)
        # What is not a number becomes null in JSON.
        columns = values[skipped:].T.round(2).tolist()
        typed = zip(TYPES, columns[len(PLAIN) :], moved[len(PLAIN) :], strict=True)
        return TrendDocument(
            at_ms=self._last_ms,
            area=area,
            start_ms=(first + skipped) * STEP_MS,
            step_s=STEP_S,
            generation_kw_by_type={kind: one for kind, one, kw in typed if kw},
            **dict(zip(PLAIN, columns, strict=False)),
        )


def _together(parts: list[Floats], count: int) -> Floats:
    """Areas added up where any is known; the price is the mean of those known."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return np.full((count, WIDTH), np.nan)
    stack = np.stack(parts)
    known = ~np.isnan(stack)
    total = np.where(known.any(axis=0), np.nansum(stack, axis=0), np.nan)
    counts = known[:, :, PRICE].sum(axis=0)
    total[:, PRICE] = np.where(counts > 0, total[:, PRICE] / np.maximum(counts, 1), np.nan)
    return np.asarray(total)


def _row_of_view(area: AreaView) -> list[float]:
    price = None if area.rates is None else area.rates.price_usd_per_mwh
    by_type = area.generation_kw_by_type
    return [
        area.demand_kw,
        area.losses_kw,
        area.import_kw,
        area.reserve_kw,
        area.shortfall_kw,
        math.nan if price is None else price,
        *[by_type.get(kind, 0.0) for kind in TYPES],
    ]


def _rows_of_series(series: AreaSeries) -> Floats:
    """A row of values for each instant of a series; not a number where it does not say."""
    count = len(series.demand_kw)
    unknown = [None] * count
    # Journals of earlier versions do not tell types apart; one that is left out stood still.
    other = [0.0] * count if series.generation_kw_by_type else unknown
    columns: list[Sequence[float | None]] = [
        series.demand_kw,
        series.losses_kw,
        series.import_kw,
        unknown,
        series.shortfall_kw,
        series.price_usd_per_mwh,
        *(series.generation_kw_by_type.get(kind, other) for kind in TYPES),
    ]
    return np.array(columns, np.float64).T


@router.get(
    "/trend",
    tags=["plant"],
    summary="What the areas did in the last hours",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(TrendDocument, 404),
)
async def trend(
    request: Request,
    hours: Annotated[int, Query(ge=1, le=KEPT_H, description="how far back, h")] = 6,
    area: Annotated[str, Query(max_length=128, description="one area's id; empty: all")] = "",
    after_ms: Annotated[
        int, Query(ge=0, le=2**53, description="nothing before this instant, ms since 1970")
    ] = 0,
) -> Response:
    """Demand, generation by type, import, reserve and price, the mean of each complete minute.

    All areas together have the sums, and the mean of their prices.
    """
    kept: Trend = request.app.state.trend
    plant = request.app.state.plant
    await kept.recall(getattr(plant, "history", None))
    if area and area not in kept.areas:
        raise unknown_subject("area", area, kept.areas)
    return Response(kept.document(area, after_ms, hours), media_type="application/json")
