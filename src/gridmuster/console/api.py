"""The center's HTTP API."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

import gridmuster
from gridmuster.center.view import AlarmView
from gridmuster.console import (
    acknowledging,
    activating,
    auditing,
    cleared,
    dossier,
    entering,
    intake,
    operating,
    pages,
    past,
    places,
    planpage,
    programming,
    reading,
    table,
    tallies,
    traces,
    trend,
)
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Auth, Role
from gridmuster.console.denied import Denied
from gridmuster.console.doors import Entry
from gridmuster.console.faultwords import fault_words
from gridmuster.console.feed import MIN_INTERVAL_S, Feed
from gridmuster.console.guard import Guard
from gridmuster.console.idempotency import Answers
from gridmuster.console.layout import Charts
from gridmuster.console.loopback import LOOPBACK_NAMES
from gridmuster.console.notices.acks import Acks
from gridmuster.console.notices.running import Notices
from gridmuster.console.notices.settings import NoticeSettings
from gridmuster.console.oidc_entering import router as oidc_router
from gridmuster.console.pages import Bundle, no_page, wants_page
from gridmuster.console.plant import Plant
from gridmuster.console.problems import Problem, problem_response
from gridmuster.console.schema import install

#: Most faults that one answer lists.
MAX_FAULTS = 20

#: Every part of the API; the pages come last, since they answer to what is left.
ROUTERS = (
    reading.router,
    cleared.router,
    places.router,
    table.router,
    traces.router,
    dossier.router,
    trend.router,
    planpage.router,
    tallies.router,
    operating.router,
    activating.router,
    programming.router,
    auditing.router,
    intake.router,
    entering.router,
    oidc_router,
    acknowledging.router,
    past.router,
    pages.router,
)

_log = structlog.get_logger(__name__)


def create_app(
    plant: Plant,
    auth: Auth,
    hosts: Iterable[str] = (),
    min_interval_s: float = MIN_INTERVAL_S,
    bundle: Bundle | None = None,
    entry: Entry | None = None,
    notices: NoticeSettings | None = None,
) -> FastAPI:
    """The API over a running center.

    Args:
        plant: the center.
        auth: who may enter.
        hosts: names, without port, that requests may be addressed to, besides loopback's.
        min_interval_s: shortest time between two editions of the stream, s of real time.
        bundle: the pages; None: those of the package.
        entry: sessions, pace and ways to sign in; None: the usual ones.
        notices: where alarms are told; None: nowhere but on the page.
    """
    app = FastAPI(
        title="Gridmuster",
        version=gridmuster.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.plant = plant
    app.state.auth = auth
    _follow(app, plant, min_interval_s)
    app.state.answers = Answers()
    app.state.acks = Acks(plant)
    app.state.notices = None if notices is None else Notices(notices, _is_acknowledged(app))
    app.state.denied = Denied()
    doors = Entry() if entry is None else entry
    app.state.sessions, app.state.pace, app.state.oidc = doors.sessions, doors.pace, doors.oidc
    app.state.bundle = Bundle() if bundle is None else bundle
    app.router.route_class = SecuredRoute
    for router in ROUTERS:
        app.include_router(router)
    _add_openapi(app)
    app.add_middleware(Guard, hosts=LOOPBACK_NAMES | {host.lower() for host in hosts})
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    return app


def _follow(app: FastAPI, plant: Plant, min_interval_s: float) -> None:
    """Give an application what follows the plant's views."""
    app.state.charts = Charts(plant)
    app.state.feed = Feed(plant, min_interval_s, app.state.charts)
    app.state.trend = trend.Trend()
    app.state.feed.follow(app.state.trend.take)
    dossier.follow(app)
    cleared.follow(app)
    app.state.counter = tallies.Counter(plant)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    pump = asyncio.create_task(app.state.feed.run(), name="console-feed")
    # Who opens the map first should not wait for its document.
    charting = asyncio.create_task(places.packed_of(app.state.charts), name="console-places")
    told = app.state.notices is not None
    telling = [asyncio.create_task(_tell(app), name="console-notices")] if told else []
    yield
    app.state.recollection.close()
    for task in (*telling, charting, pump):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _is_acknowledged(app: FastAPI) -> Callable[[AlarmView], bool]:
    return lambda alarm: app.state.acks.of(alarm) is not None


async def _tell(app: FastAPI) -> None:
    """Tell alarms until cancelled; a failure is logged, and what the center does goes on."""
    try:
        await app.state.notices.run(app.state.plant, app.state.acks.refresh)
    except Exception:
        _log.error("notices stopped", trace=traceback.format_exc())


def _add_openapi(app: FastAPI) -> None:
    install(app)

    @app.get("/api/v1/openapi.json", include_in_schema=False, openapi_extra=needs(Role.VIEWER))
    async def openapi() -> Response:
        """This API in OpenAPI 3.1."""
        return Response(msgspec.json.encode(app.openapi()), media_type="application/json")


async def _http_problem(request: Request, error: Exception) -> Response:
    """Answer an error that a route or the router raised."""
    if isinstance(error, Problem):
        return problem_response(error, request.url.path)
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == 404:
        problem = Problem(404, "not-found", f"There is no {request.url.path} here.", headers)
        if wants_page(request):
            return no_page(problem.detail)
    elif error.status_code == 405:
        allowed = headers.get("Allow", headers.get("allow", ""))
        detail = f"{request.method} is not for this address; it takes {allowed}."
        problem = Problem(405, "method-not-allowed", detail, headers)
    else:
        problem = Problem(error.status_code, "invalid", str(error.detail), headers)
    return problem_response(problem, request.url.path)


async def _validation_problem(request: Request, error: Exception) -> Response:
    """Answer a request whose parameters or body do not fit."""
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [_fault(entry) for entry in error.errors()[:MAX_FAULTS]]
    detail = "; ".join(f"{fault['path']}: {fault['message']}" for fault in faults) + "."
    return problem_response(Problem(422, "invalid", detail, errors=faults), request.url.path)


def _fault(entry: Any) -> dict[str, Any]:
    fault = {
        "path": ".".join(str(part) for part in entry["loc"]),
        "message": fault_words(entry),
    }
    given = entry.get("input")
    if isinstance(given, str | int | float | bool) and entry["type"] != "missing":
        fault["value"] = str(given)[:200]
    return fault
