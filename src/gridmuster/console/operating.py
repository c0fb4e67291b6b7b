"""The API's acting half: what a command would do, and giving it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec
import structlog
from fastapi import APIRouter, Header, Request
from msgspec import structs
from pydantic import BaseModel
from starlette.responses import Response

from gridmuster.center.view import Rejected, Submitted
from gridmuster.console.access import SecuredRoute, caller_of, deny, needs
from gridmuster.console.bodies import Command, OverrideCommand, PreviewCommand
from gridmuster.console.consequence import consequence
from gridmuster.console.documents import PROBLEM_MEDIA_TYPE, Consequence, ProblemDocument
from gridmuster.console.idempotency import Answers, Kept, checked_key, request_id
from gridmuster.console.problems import TYPE_PREFIX, Problem, problem_response
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.console.tokens import ROLES, Role
from gridmuster.signals import Action, OperatorRequest, Scope

#: Longest a client waits for the center to apply its command, s of real time.
SUBMIT_TIMEOUT_S: Final = 30.0

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Required. A new random text for each command; the same one to repeat it.",
    ),
]
GIVEN: Final[dict[int | str, dict[str, Any]]] = answer(Submitted, 400, 404, 409, 413, 422, 503, 504)

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute)
_log = structlog.get_logger(__name__)


@router.post(
    "/preview",
    tags=["operate"],
    summary="What a command would do, in numbers; nothing happens",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(Consequence, 404, 413, 422),
)
async def preview(request: Request, body: PreviewCommand) -> Response:
    """The devices it reaches, their power before and after, each area's import, warnings."""
    view = plant_of(request).view()
    _until_ms(body, view.at_ms)
    return document(consequence(view, body.action, body.scope, body.target, body.power_kw))


@router.post(
    "/override",
    tags=["operate"],
    summary="Hold devices at a power, or off",
    openapi_extra=needs(ROLES[Action.OVERRIDE]),
    responses=GIVEN,
)
async def override(request: Request, body: OverrideCommand, key: Key = None) -> Response:
    """Each device in scope is held until the end given, or until a release."""
    return await _give(request, Action.OVERRIDE, body, key)


@router.post(
    "/release",
    tags=["operate"],
    summary="End an override",
    openapi_extra=needs(ROLES[Action.RELEASE]),
    responses=GIVEN,
)
async def release(request: Request, body: Command, key: Key = None) -> Response:
    """The devices in scope go back to the plan. An emergency stop stays."""
    return await _give(request, Action.RELEASE, body, key)


@router.post(
    "/emergency-stop",
    tags=["operate"],
    summary="Stop devices at once and keep them stopped",
    openapi_extra=needs(ROLES[Action.EMERGENCY_STOP], paced=False),
    responses=GIVEN,
)
async def emergency_stop(request: Request, body: Command, key: Key = None) -> Response:
    """Latches: only an admin's reset lifts it."""
    return await _give(request, Action.EMERGENCY_STOP, body, key)


@router.post(
    "/reset",
    tags=["operate"],
    summary="Lift an emergency stop",
    openapi_extra=needs(ROLES[Action.RESET]),
    responses=GIVEN,
)
async def reset(request: Request, body: Command, key: Key = None) -> Response:
    """The devices in scope may run again; none is started by this."""
    return await _give(request, Action.RESET, body, key)


def _until_ms(body: Command, now_ms: int) -> int | None:
    if not isinstance(body, OverrideCommand):
        return None
    try:
        return body.until_ms(now_ms)
    except ValueError as error:
        raise Problem(
            422,
            "invalid",
            f"{error}.",
            errors=[{"path": "body.until", "message": str(error)}],
        ) from error


async def _give(request: Request, action: Action, body: Command, key: str | None) -> Response:
    """Give a command once, and answer with what came of it."""
    return await once(request, body, key, lambda checked: _submit(request, action, body, checked))


async def once(
    request: Request,
    body: BaseModel,
    key: str | None,
    act: Callable[[str], Awaitable[Kept]],
) -> Response:
    """Carry a command out the first time it comes under its key, and answer it again afterwards.

    Args:
        request: the request.
        body: what it says, to tell a repetition from another command.
        key: its Idempotency-Key.
        act: carries it out; is given the checked key.

    Raises:
        Problem: 400 without a key, 422 when it was another command's, 504 without an answer.
    """
    checked = checked_key(key)
    caller = caller_of(request)
    answers: Answers = request.app.state.answers
    said = request.url.path.encode() + b"\n" + body.model_dump_json().encode()
    try:
        async with asyncio.timeout(SUBMIT_TIMEOUT_S):
            return await answers.once(
                caller.name, checked, said, lambda: _told(request, act, checked)
            )
    except TimeoutError as error:
        raise Problem(
            504,
            "not-yet-applied",
            f"The center did not answer within {SUBMIT_TIMEOUT_S:g} s; it may still act. Repeat "
            "the command with the same Idempotency-Key to learn what came of it.",
        ) from error


async def _told(request: Request, act: Callable[[str], Awaitable[Kept]], key: str) -> Kept:
    """Carry a command out; one that is refused is kept for the audit page."""
    kept = await act(key)
    if kept.status >= 400:
        problem = msgspec.json.decode(kept.body, type=ProblemDocument)
        slug = problem.type.removeprefix(TYPE_PREFIX)
        deny(request, Problem(kept.status, slug, problem.detail))
    return kept


async def _submit(request: Request, action: Action, body: Command, key: str) -> Kept:
    path, view = request.url.path, plant_of(request).view()
    power_kw = body.power_kw if isinstance(body, OverrideCommand) else None
    try:
        until_ms = _until_ms(body, view.at_ms)
        consequence(view, action, body.scope, body.target, power_kw)
    except Problem as problem:
        return kept_problem(problem, path)
    asked = asked_by(request, key, action, body.scope, body.target, body.reason)
    return await submitted(request, structs.replace(asked, power_kw=power_kw, until_ms=until_ms))


def asked_by(
    request: Request, key: str, action: Action, scope: Scope, target: str, reason: str
) -> OperatorRequest:
    """What a caller asks of the center, under the id that makes a repetition harmless.

    Args:
        request: the request that brought it.
        key: its checked Idempotency-Key.
        action: what to do.
        scope: how far it reaches.
        target: to what.
        reason: why, for the audit log.
    """
    caller, at_ms = caller_of(request), plant_of(request).view().at_ms
    return OperatorRequest(
        request_id(caller.name, key),
        caller.name,
        caller.role.word,
        action,
        scope,
        target,
        at_ms,
        reason=reason,
    )


async def submitted(request: Request, asked: OperatorRequest) -> Kept:
    """Hand an operator's request to the center and keep its answer.

    Args:
        request: the request that brought it.
        asked: what is asked of the center.
    """
    result = await plant_of(request).submit(asked)
    _log.info(
        "operator command",
        actor=asked.actor,
        action=asked.action.value,
        scope=asked.scope.value,
        target=asked.target,
        applied=isinstance(result, Submitted),
    )
    if isinstance(result, Rejected):
        no = Problem(409, "rejected", result.reason, id=result.id, at_ms=result.at_ms)
        return kept_problem(no, request.url.path)
    return Kept(200, msgspec.json.encode(result), "application/json")


def kept_problem(problem: Problem, path: str) -> Kept:
    """A problem as an answer to be kept.

    Args:
        problem: what went wrong.
        path: path of the request.
    """
    response = problem_response(problem, path)
    return Kept(response.status_code, bytes(response.body), PROBLEM_MEDIA_TYPE)
