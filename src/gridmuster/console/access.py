"""Routes that authenticate before they read anything else of a request."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from gridmuster.console.auth import Auth, Caller, Role
from gridmuster.console.denied import Denied
from gridmuster.console.guard import SAFE_METHODS
from gridmuster.console.pacing import Pace
from gridmuster.console.problems import Problem
from gridmuster.console.sessions import (
    CSRF_HEADER,
    LEFT_HEADER,
    UNATTENDED_HEADER,
    Session,
    Sessions,
    cookie_name,
)

#: Key in a route's OpenAPI entry that names the least role it needs; "none" needs no token.
ROLE_KEY = "x-role"
OPEN = "none"
#: And one that says that its calls are not counted: what must work however much was sent before.
UNPACED_KEY = "x-unpaced"

#: Where a browser asks who is signed in.
SESSION_PATH = "/api/v1/session"

_log = structlog.get_logger(__name__)


def needs(role: Role | None, paced: bool = True) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that needs a role; None: no token.

    Args:
        role: the least role that may call it.
        paced: whether what it is sent counts as a command of the caller's `Pace`.
    """
    if role is None:
        return {ROLE_KEY: OPEN, "security": []}
    found: dict[str, Any] = {ROLE_KEY: role.word, "security": [{"token": []}, {"session": []}]}
    return found if paced else {**found, UNPACED_KEY: True}


class SecuredRoute(APIRoute):
    """A route that says which role it needs; one that does not cannot be made."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the check of the caller's token."""
        inner = super().get_route_handler()
        word = (self.openapi_extra or {}).get(ROLE_KEY)
        if word is None:
            raise TypeError(f"the route {self.path} does not say which role it needs")
        if word == OPEN:
            return inner
        role = Role[word.upper()]
        paced = UNPACED_KEY not in (self.openapi_extra or {})

        async def handler(request: Request) -> Response:
            try:
                caller, session = _enter(request, role, address_of(request))
                if paced and request.method not in SAFE_METHODS:
                    pace: Pace = request.app.state.pace
                    pace.take(caller.name)
            except Problem as problem:
                if not _only_asks(request, problem):
                    deny(request, problem)
                raise
            request.state.caller, request.state.session = caller, session
            response = await inner(request)
            if session is not None:
                sessions: Sessions = request.app.state.sessions
                response.headers[LEFT_HEADER] = str(max(0, int(sessions.left_s(session))))
            return response

        return handler


def address_of(request: Request) -> str:
    """Where a request came from; empty when the server does not tell."""
    return request.client.host if request.client else ""


def deny(request: Request, problem: Problem) -> None:
    """Log an attempt that is denied and keep it for the audit page.

    Args:
        request: what was sent.
        problem: why it is denied.
    """
    address = address_of(request)
    _log.warning(
        "request denied",
        why=problem.slug,
        method=request.method,
        path=request.url.path,
        address=address,
    )
    denied: Denied = request.app.state.denied
    denied.note(request, problem, address)


def _only_asks(request: Request, problem: Problem) -> bool:
    """Whether somebody without a session only asks whether there is one: no attempt at anything."""
    asks = request.method in SAFE_METHODS and request.url.path == SESSION_PATH
    return asks and problem.slug in ("no-token", "session-over")


def _enter(request: Request, role: Role, address: str) -> tuple[Caller, Session | None]:
    """Who sends a request, by token or, when none came along, by a browser's session.

    Raises:
        Problem: 401, 403 or 429 when it may not be answered.
    """
    auth: Auth = request.app.state.auth
    token = request.headers.get("authorization")
    cookie = request.cookies.get(cookie_name(request))
    if token is not None or cookie is None:
        return auth.require(token, role, address), None
    sessions: Sessions = request.app.state.sessions
    session = sessions.find(cookie, attended=UNATTENDED_HEADER not in request.headers)
    if request.method not in SAFE_METHODS:
        sessions.check_csrf(session, request.headers.get(CSRF_HEADER))
    auth.permit(session.caller, role)
    return session.caller, session


def caller_of(request: Request) -> Caller:
    """Who sent a request that a `SecuredRoute` let in."""
    caller: Caller = request.state.caller
    return caller
