"""The API's looking back: any past moment, its series, and reports of what happened."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gridmuster.console.access import SecuredRoute, caller_of, needs
from gridmuster.console.auth import Role
from gridmuster.console.pastdocs import (
    PastEvent,
    PastMoment,
    PastReader,
    PastRequest,
    PastSpan,
    PastTrend,
)
from gridmuster.console.problems import Problem
from gridmuster.console.reading import plant_of
from gridmuster.console.schema import answer
from gridmuster.errors import JournalError
from gridmuster.units import MS_PER_HOUR

READ = needs(Role.VIEWER)
#: Longest wait for a moment that must be rebuilt before its outline is given instead, s.
MOMENT_S: Final = 0.8
#: Longest wait for a report before its progress is told instead, s.
EVENT_S: Final = 1.0
#: Longest wait for what takes no long work, s.
SOON_S: Final = 20.0
#: Latest instant that can be asked for, ms: the end of the year 9999.
LAST_MS: Final = 253_402_300_799_000
MAX_POINTS: Final = 720
MAX_DEVICES: Final = 500

router = APIRouter(prefix="/api/v1/past", route_class=SecuredRoute)

Instant = Annotated[
    int | None, Query(ge=0, le=LAST_MS, description="ms since 1970-01-01T00:00:00Z of plant time")
]
Viewer = Annotated[
    str,
    Query(
        max_length=64,
        description="who looks, made up by the page: a new question of theirs replaces the last",
    ),
]


async def _answer(request: Request, asked: PastRequest, patience_s: float) -> Response:
    reader: PastReader | None = getattr(plant_of(request), "history", None)
    if reader is None:
        raise Problem(
            404,
            "no-past",
            "This center has no journal that can be read; it shows the present only.",
        )
    try:
        body = await reader.ask(asked, patience_s)
    except JournalError as error:
        raise Problem(
            503,
            "no-past",
            f"The past cannot be shown: {error}. Commanding is not concerned. Check the journal "
            "with `gridmuster verify JOURNAL`; if it is damaged, keep it, and start the center "
            "with a new one.",
        ) from error
    if body is None:
        raise Problem(
            503, "busy", "Too many look back at once, or a newer question took this one's place."
        )
    headers = {"Cache-Control": "no-store"}
    return Response(body, headers=headers, media_type="application/json")


def _viewer(request: Request, viewer: str) -> str:
    return f"{caller_of(request).name} {viewer}"


def _window(request: Request, from_ms: int | None, until_ms: int | None) -> tuple[int, int]:
    """The window asked for; the last hour when nothing was said."""
    until = plant_of(request).view().at_ms if until_ms is None else until_ms
    start = max(0, until - MS_PER_HOUR) if from_ms is None else from_ms
    if start >= until:
        raise Problem(
            422,
            "invalid",
            "The window's end must be after its start.",
            errors=[{"path": "query.until_ms", "message": "not after from_ms"}],
        )
    return start, until


@router.get(
    "/span",
    tags=["past"],
    summary="What the journal covers, and what was notable",
    openapi_extra=READ,
    responses=answer(PastSpan, 404, 503),
)
async def span(request: Request, viewer: Viewer = "") -> Response:
    """First and last instant, cycles, sessions, and marks: the newest come first.

    Marks are read back in time while nothing else is asked; ``marks_from_ms`` says how far.
    """
    return await _answer(request, PastRequest("span", _viewer(request, viewer)), SOON_S)


@router.get(
    "",
    tags=["past"],
    summary="The plant as it was shown at a past moment",
    openapi_extra=READ,
    responses=answer(PastMoment, 404, 503),
)
async def moment(
    request: Request,
    *,
    at_ms: Instant = None,
    viewer: Viewer = "",
    devices: Annotated[
        str, Query(max_length=128, description="an area's id, or *: tell its devices as well")
    ] = "",
    after: Annotated[str, Query(max_length=128, description="id that ended the last page")] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_DEVICES, description="most devices")] = 100,
) -> Response:
    """The last cycle that is not after the instant, rebuilt from the journal.

    What takes longer is answered with ``exact`` false and the cycle's own record; ask the same
    again to get the rest.
    """
    at = plant_of(request).view().at_ms if at_ms is None else at_ms
    asked = PastRequest(
        "moment", _viewer(request, viewer), at, area=devices, after=after, limit=limit
    )
    return await _answer(request, asked, MOMENT_S)


@router.get(
    "/trend",
    tags=["past"],
    summary="Series of a past window",
    openapi_extra=READ,
    responses=answer(PastTrend, 404, 503),
)
async def trend(
    request: Request,
    *,
    from_ms: Instant = None,
    until_ms: Instant = None,
    points: Annotated[int, Query(ge=2, le=MAX_POINTS, description="most instants")] = 240,
    viewer: Viewer = "",
) -> Response:
    """Demand, generation by type, import and price of every area at evenly spaced instants."""
    start, end = _window(request, from_ms, until_ms)
    asked = PastRequest("trend", _viewer(request, viewer), start, end, points)
    return await _answer(request, asked, SOON_S)


@router.get(
    "/event",
    tags=["past"],
    summary="A report of what happened in a window",
    openapi_extra=READ,
    responses=answer(PastEvent, 404, 503),
)
async def event(
    request: Request,
    *,
    from_ms: Instant = None,
    until_ms: Instant = None,
    viewer: Viewer = "",
) -> Response:
    """Energy, starts and their outcomes, failures, commands, shortfalls, each device's share.

    While it is being made ``ready`` is false; ask the same again.
    """
    start, end = _window(request, from_ms, until_ms)
    asked = PastRequest("event", _viewer(request, viewer), start, end)
    return await _answer(request, asked, EVENT_S)
