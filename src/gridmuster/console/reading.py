"""The API's reading half: views, their slices, the audit log and the stream."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Header, Query, Request
from msgspec import Struct
from starlette.responses import Response

import gridmuster
from gridmuster.center.view import DeviceView, Mode
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.documents import (
    AlarmList,
    AreaList,
    AuditPage,
    CommandList,
    DecisionList,
    DevicePage,
    DevicePicture,
    ForecastList,
    Health,
)
from gridmuster.console.feed import Feed
from gridmuster.console.messages import TOPICS, forecast_row, json_schema
from gridmuster.console.plant import Plant
from gridmuster.console.problems import Problem, unknown_subject
from gridmuster.console.schema import answer
from gridmuster.console.sessions import Session, Sessions
from gridmuster.console.sitestates import SITES_TOPIC
from gridmuster.console.stream import MAX_STREAMS, EventStream, Hold

MAX_PAGE = 1000
READ = needs(Role.VIEWER)
T = TypeVar("T")

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


def feed_of(request: Request) -> Feed:
    """The application's feed of views."""
    feed: Feed = request.app.state.feed
    return feed


def plant_of(request: Request) -> Plant:
    """The center behind the application."""
    plant: Plant = request.app.state.plant
    return plant


def document(value: Struct) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def _since(items: list[T], limit: int) -> list[T]:
    """At most so many items, the latest ones first."""
    return sorted(items, key=lambda item: -item.at_ms)[:limit]  # type: ignore[attr-defined]


Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="most entries to return")]


@router.get(
    "/health",
    tags=["health"],
    summary="Is the center there, and what is it doing",
    openapi_extra=needs(None),
    responses=answer(Health, 503),
)
async def health(request: Request) -> Response:
    """Answers without a token. ``degraded`` when the center does not command now."""
    feed = feed_of(request)
    if feed.failure:
        raise Problem(503, "stopped", f"The center's view stopped: {feed.failure}.")
    view = plant_of(request).view()
    status = "ok" if view.mode is Mode.COMMANDING else "degraded"
    return document(Health(status, view.mode.value, gridmuster.__version__, view.at_ms, view.cycle))


@router.get(
    "/plant",
    tags=["plant"],
    summary="The whole plant",
    openapi_extra=READ,
    responses=answer("PlantView", 304),
)
async def plant(
    request: Request,
    if_none_match: Annotated[str | None, Header(description="ETag already at hand")] = None,
) -> Response:
    """The view at the end of the latest cycle, with every area and device."""
    feed = feed_of(request)
    tag = f'"{feed.event_id()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache, private"}
    if if_none_match is not None and tag in (part.strip() for part in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(feed.view_json(), headers=headers, media_type="application/json")


@router.get(
    "/areas",
    tags=["plant"],
    summary="Balance of every area",
    openapi_extra=READ,
    responses=answer(AreaList),
)
async def areas(request: Request) -> Response:
    """Demand, generation by type, import and its limit, reserve, odds of a shortfall, price."""
    view = plant_of(request).view()
    return document(AreaList(view.at_ms, view.fleet, view.areas))


@router.get(
    "/forecast",
    tags=["plant"],
    summary="Forecast and plan of every area",
    openapi_extra=READ,
    responses=answer(ForecastList, 404),
)
async def forecast(
    request: Request,
    area: Annotated[str | None, Query(max_length=128, description="one area's id")] = None,
) -> Response:
    """Demand's median and band, planned generation and import, one value an interval."""
    view = plant_of(request).view()
    if area is not None and area not in (known := [item.id for item in view.areas]):
        raise unknown_subject("area", area, known)
    rows = [forecast_row(item) for item in view.areas if area in (None, item.id)]
    return document(ForecastList(view.at_ms, rows))


def _wanted(device: DeviceView, filters: dict[str, str | None], text: str) -> bool:
    for name, value in filters.items():
        if value is not None and getattr(device, name) not in value.split(","):
            return False
    return not text or text in f"{device.id} {device.reason} {' '.join(device.alarms)}".lower()


OneOf = Annotated[str | None, Query(max_length=1000, description="one or several, with commas")]


@router.get(
    "/devices",
    tags=["plant"],
    summary="Devices, filtered, a page at a time",
    openapi_extra=READ,
    responses=answer(DevicePage),
)
async def devices(
    request: Request,
    *,
    type: OneOf = None,
    state: OneOf = None,
    site: OneOf = None,
    area: OneOf = None,
    quality: OneOf = None,
    mode: OneOf = None,
    q: Annotated[str, Query(max_length=200, description="part of id, reason or alarm")] = "",
    after: Annotated[str, Query(max_length=128, description="id that ended the last page")] = "",
    limit: Limit = 100,
) -> Response:
    """Ordered by id. ``next`` is the ``after`` of the following page, null on the last."""
    view = plant_of(request).view()
    filters = {
        "type": type,
        "state": state,
        "site": site,
        "area": area,
        "quality": quality,
        "mode": mode,
    }
    text = q.strip().lower()
    found = [device for device in view.devices if _wanted(device, filters, text)]
    rest = sorted((device for device in found if device.id > after), key=lambda item: item.id)
    page = rest[:limit]
    following = page[-1].id if len(rest) > limit else None
    return document(DevicePage(view.at_ms, len(found), following, page))


@router.get(
    "/devices/{device}",
    tags=["plant"],
    summary="One device in full",
    openapi_extra=READ,
    responses=answer(DevicePicture, 404),
)
async def device(request: Request, device: str) -> Response:
    """The device with its alarms, decisions and commands; 404 names the closest ids."""
    view = plant_of(request).view()
    for item in view.devices:
        if item.id == device:
            return document(
                DevicePicture(
                    view.at_ms,
                    item,
                    [alarm for alarm in view.alarms if alarm.subject == device],
                    [entry for entry in view.decisions if entry.device == device],
                    [entry for entry in view.commands if entry.device == device],
                )
            )
    raise unknown_subject("device", device, [item.id for item in view.devices])


@router.get(
    "/alarms",
    tags=["plant"],
    summary="Alarms that stand",
    openapi_extra=READ,
    responses=answer(AlarmList),
)
async def alarms(
    request: Request,
    severity: OneOf = None,
    limit: Limit = MAX_PAGE,
) -> Response:
    """Each with its subject, since when, and what to do; in the center's order."""
    view = plant_of(request).view()
    wanted = severity.split(",") if severity else None
    found = [alarm for alarm in view.alarms if wanted is None or alarm.severity in wanted]
    return document(AlarmList(view.at_ms, len(found), found[:limit]))


@router.get(
    "/commands",
    tags=["plant"],
    summary="The last commands to sites",
    openapi_extra=READ,
    responses=answer(CommandList),
)
async def commands(request: Request, limit: Limit = MAX_PAGE) -> Response:
    """Each with its outcome and how long the site took; the latest first."""
    view = plant_of(request).view()
    return document(CommandList(view.at_ms, _since(view.commands, limit)))


@router.get(
    "/decisions",
    tags=["plant"],
    summary="The last decisions in plain words",
    openapi_extra=READ,
    responses=answer(DecisionList),
)
async def decisions(request: Request, limit: Limit = MAX_PAGE) -> Response:
    """Why devices were started, stopped or replaced; the latest first."""
    view = plant_of(request).view()
    return document(DecisionList(view.at_ms, _since(view.decisions, limit)))


@router.get(
    "/audit",
    tags=["operate"],
    summary="The audit log",
    openapi_extra=READ,
    responses=answer(AuditPage),
)
async def audit(
    request: Request,
    after: Annotated[int, Query(ge=0, le=2**53, description="number of the last entry read")] = 0,
    limit: Limit = 100,
) -> Response:
    """Every operator's command and its result, oldest first."""
    return document(AuditPage(await plant_of(request).audit(after, limit)))


def _topics(text: str | None) -> tuple[str, ...]:
    if text is None:
        return TOPICS
    wanted = {part.strip() for part in text.split(",") if part.strip()}
    known = (*TOPICS, SITES_TOPIC)
    unknown = sorted(wanted - set(known))
    if unknown:
        raise Problem(
            422,
            "invalid",
            f"There is no topic {', '.join(unknown)}; choose from {', '.join(known)}.",
            errors=[{"path": "query.topics", "message": "unknown topic"}],
        )
    return tuple(topic for topic in known if topic in wanted)


EVENTS: dict[int | str, dict[str, Any]] = {
    **answer("PlantMessage", 503),
    200: {
        "description": "Events without end; each event's data is described at /api/v1/schema",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'event: balance\ndata: {"full":true,"changed":[],"gone":[]}\n\n',
            }
        },
    },
}


@router.get(
    "/stream",
    tags=["stream"],
    summary="Everything as it changes, on one line",
    openapi_extra=READ,
    responses=EVENTS,
)
async def stream(
    request: Request,
    topics: Annotated[
        str | None,
        Query(
            max_length=200,
            description=f"some of {', '.join(TOPICS)}, sites; all but sites when left out",
        ),
    ] = None,
    since: Annotated[
        str | None, Query(max_length=64, description="id of the last event at hand")
    ] = None,
    every_s: Annotated[
        float,
        Query(
            ge=0.0,
            le=60.0,
            allow_inf_nan=False,
            description="shortest time between two editions, s of real time",
        ),
    ] = 0.0,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="the same, as browsers send it")
    ] = None,
) -> Response:
    """Server-sent events: rows that changed, topic by topic, then ``plant``, which ends an edition.

    A slow client is not waited for: its next message is the difference to what it has.
    """
    feed = feed_of(request)
    wanted = _topics(topics)
    if feed.readers >= MAX_STREAMS:
        raise Problem(503, "busy", f"{MAX_STREAMS} streams are open; that is the limit.")
    session: Session | None = request.state.session
    sessions: Sessions = request.app.state.sessions
    hold = None if session is None else Hold(session, sessions)
    return EventStream(feed, wanted, feed.after(last_event_id or since), every_s, hold=hold)


@router.get(
    "/schema",
    tags=["stream"],
    summary="JSON Schema of the stream's events",
    openapi_extra=READ,
    responses=answer(None),
)
async def schema() -> Response:
    """JSON Schema (2020-12) of each event's data, by event name."""
    return Response(msgspec.json.encode(json_schema()), media_type="application/json")
