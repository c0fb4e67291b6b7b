"""The API's plan: what is planned, why, and what other objectives would make of it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Protocol, runtime_checkable

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gridmuster.console.access import SecuredRoute, caller_of, needs
from gridmuster.console.auth import Role
from gridmuster.console.idempotency import Answers, Kept, checked_key
from gridmuster.console.operating import Key
from gridmuster.console.plansheet import NO_PLAN, PlanDocument, PlanSheet, Wanted, WhyDocument
from gridmuster.console.problems import Problem, unknown_subject
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.planning.comparing import Comparison
from gridmuster.planning.problem import PlanProblem, PlanSolution
from gridmuster.planning.reasons import NotPlanned
from gridmuster.units import MS_PER_S

MAX_PAGE: Final = 1000
READ: Final = needs(Role.VIEWER)
OneOf = Annotated[str | None, Query(max_length=1000, description="one or several, with commas")]

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)


class PlanDesk(Protocol):
    """A center's plans as people may ask for them; no method blocks."""

    @property
    def restored(self) -> str:
        """Id of the plan of an earlier process that was brought back; empty: none."""
        ...

    def planned(self) -> tuple[PlanProblem, PlanSolution] | None:
        """The plan in force with its question; None before the first since the center began."""
        ...

    def comparison(self) -> Comparison:
        """How far the last comparison of objectives has come."""
        ...

    def compare(self, at_ms: int) -> Comparison:
        """Begin to compare the objectives on the plan in force, unless it is being done."""
        ...


@runtime_checkable
class Planning(Protocol):
    """A plant whose plans can be asked for."""

    plans: PlanDesk


class Sheets:
    """The sheet of the plan in force, made when it is first asked for."""

    def __init__(self) -> None:
        self._sheet: PlanSheet | None = None
        self._lock = asyncio.Lock()

    async def of(self, request: Request) -> PlanSheet | None:
        """The present sheet; None before there is a plan."""
        planned = _planned(request)
        if planned is None:
            return None
        async with self._lock:
            if self._sheet is None or self._sheet.solution is not planned[1]:
                view = plant_of(request).view()
                made_ms = view.at_ms - round(view.plan_age_s * MS_PER_S)
                desk = _desk(request)
                restored = desk is not None and desk.restored == planned[0].id
                self._sheet = await asyncio.to_thread(
                    PlanSheet, *planned, made_ms, view.time_zone, restored=restored
                )
            return self._sheet


def _desk(request: Request) -> PlanDesk | None:
    plant = plant_of(request)
    return plant.plans if isinstance(plant, Planning) else None


def _planned(request: Request) -> tuple[PlanProblem, PlanSolution] | None:
    desk = _desk(request)
    return None if desk is None else desk.planned()


async def _sheet(request: Request) -> PlanSheet | None:
    sheets: Sheets | None = getattr(request.app.state, "plan_sheets", None)
    if sheets is None:
        sheets = request.app.state.plan_sheets = Sheets()
    return await sheets.of(request)


@router.get(
    "/plan",
    tags=["plan"],
    summary="The plan in force: commitments, prices, stores, broken wishes",
    openapi_extra=READ,
    responses=answer(PlanDocument, 404),
)
async def plan(
    request: Request,
    area: Annotated[str | None, Query(max_length=128, description="one area's id")] = None,
    type: OneOf = None,
    q: Annotated[str, Query(max_length=200, description="part of a device's id")] = "",
    active: Annotated[bool, Query(description="only devices that give or take power")] = False,
    skip: Annotated[int, Query(ge=0, le=10**7, description="devices to leave out first")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="most devices to return")] = 200,
) -> Response:
    """Ordered by area, type and id. ``next`` is the ``skip`` of the following page."""
    sheet = await _sheet(request)
    if sheet is None:
        return document(NO_PLAN)
    if area is not None and area not in sheet.areas:
        raise unknown_subject("area", area, sheet.areas)
    types = frozenset(type.split(",")) if type else None
    wanted = Wanted(area, types, q.strip().lower(), active, skip, limit)
    body = await asyncio.to_thread(sheet.page, wanted)
    return Response(body, media_type="application/json")


@router.get(
    "/plan/why",
    tags=["plan"],
    summary="Why a device is on or off, charges or gives, at an instant of the plan",
    openapi_extra=READ,
    responses=answer(WhyDocument, 404, 409),
)
async def why(
    request: Request,
    device: Annotated[str, Query(max_length=128, description="the device's id")],
    at_ms: Annotated[
        int, Query(ge=0, le=2**53, description="an instant in the plan, ms since 1970 UTC")
    ],
) -> Response:
    """Price, its cost, the limits that bind, the next-best unit; in numbers and in sentences."""
    sheet = await _sheet(request)
    if sheet is None:
        raise _no_plan()
    found = await asyncio.to_thread(sheet.why, device, at_ms)
    problem = sheet.problem
    if found is None:
        end_ms = problem.start_ms + problem.count * problem.step_s * MS_PER_S
        raise Problem(
            422,
            "invalid",
            f"at_ms {at_ms} is not in the plan, which is from {problem.start_ms} to {end_ms}.",
            errors=[{"path": "query.at_ms", "message": "not in the plan"}],
        )
    if isinstance(found, NotPlanned) and device not in (
        known := [one.id for one in plant_of(request).view().devices]
    ):
        raise unknown_subject("device", device, known)
    start_ms = found.at_ms
    end_ms = start_ms + problem.step_s * MS_PER_S
    return document(WhyDocument(problem.id, start_ms, end_ms, found))


@router.get(
    "/plan/compare",
    tags=["plan"],
    summary="How far the comparison of the four objectives has come",
    openapi_extra=READ,
    responses=answer(Comparison),
)
async def comparison(request: Request) -> Response:
    """One row for each objective that is done; ``status`` is none, running, done or failed."""
    desk = _desk(request)
    return document(Comparison() if desk is None else desk.comparison())


@router.post(
    "/plan/compare",
    tags=["plan"],
    summary="Compare the four objectives on the plan in force",
    openapi_extra=needs(Role.OPERATOR),
    responses=answer(Comparison, 400, 409, 503),
)
async def compare(request: Request, key: Key = None) -> Response:
    """Solves the same question four times in a process of its own, one comparison at a time.

    Nothing is commanded. While one is under way, that one is answered with.
    """
    desk = _desk(request)
    if desk is None or desk.planned() is None:
        raise _no_plan()

    async def act() -> Kept:
        begun = desk.compare(plant_of(request).view().at_ms)
        return Kept(200, msgspec.json.encode(begun), "application/json")

    answers: Answers = request.app.state.answers
    name = caller_of(request).name
    return await answers.once(name, checked_key(key), b"plan/compare", act)


def _no_plan() -> Problem:
    return Problem(
        409,
        "rejected",
        "The center has no plan since it began; the first is made within seconds.",
    )
