"""The API's part about alarms that people see to, and about who is told of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.bodies import ID_PATTERN
from gridmuster.console.idempotency import Kept
from gridmuster.console.notices.acks import Ack, Acks
from gridmuster.console.notices.running import Notices
from gridmuster.console.operating import GIVEN, Key, asked_by, kept_problem, once, submitted
from gridmuster.console.problems import unknown_subject
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.console.tokens import ROLES
from gridmuster.signals import Action, Scope

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute, tags=["alarms"])


class Acknowledgement(BaseModel):
    """That somebody has seen an alarm and sees to it."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field("", max_length=500, description="what is being done; goes to the audit log")


class AckList(Struct, frozen=True):
    """Who sees to the alarms that stand."""

    at_ms: int
    acks: list[Ack]


class RecipientRow(Struct, frozen=True):
    """One recipient of notices and what became of them."""

    name: str
    way: str
    sent: int
    waiting: int
    retries: int
    failed: int
    dropped: int
    last_error: str


class RecipientList(Struct, frozen=True):
    """Who is told of alarms; empty when nobody is."""

    recipients: list[RecipientRow]


def _acks_of(request: Request) -> Acks:
    acks: Acks = request.app.state.acks
    return acks


@router.get(
    "/acks",
    summary="Who has seen to which alarm",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(AckList),
)
async def acks(request: Request) -> Response:
    """The acknowledgements of the alarms that stand."""
    found = _acks_of(request)
    await found.refresh()
    return document(AckList(plant_of(request).view().at_ms, found.standing()))


@router.post(
    "/alarms/{alarm}/ack",
    summary="Say that an alarm is seen to",
    openapi_extra=needs(ROLES[Action.ACKNOWLEDGE]),
    responses=GIVEN,
)
async def acknowledge(
    request: Request,
    alarm: Annotated[str, Path(pattern=ID_PATTERN, description="id of an alarm that stands")],
    body: Acknowledgement,
    key: Key = None,
) -> Response:
    """Nobody else is told of it any more. The alarm stands until its cause is gone."""
    plant = plant_of(request)

    async def act(checked: str) -> Kept:
        known = [one.id for one in plant.view().alarms]
        if alarm not in known:
            problem = unknown_subject("alarm", alarm, known)
            return kept_problem(problem, request.url.path)
        asked = asked_by(request, checked, Action.ACKNOWLEDGE, Scope.FLEET, alarm, body.note)
        return await submitted(request, asked)

    given = await once(request, body, key, act)
    await _acks_of(request).refresh()
    return given


@router.get(
    "/notices",
    summary="Who is told of alarms, and whether it works",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(RecipientList),
)
async def notices(request: Request) -> Response:
    """Each recipient with what was sent, waits, or failed since the center started."""
    running: Notices | None = request.app.state.notices
    if running is None:
        return document(RecipientList([]))
    return document(
        RecipientList(
            [
                RecipientRow(
                    post.name,
                    running.way(post.name),
                    post.tally.sent,
                    post.waiting,
                    post.tally.retries,
                    post.tally.failed,
                    post.tally.dropped,
                    post.tally.last_error,
                )
                for post in running.posts.values()
            ]
        )
    )
