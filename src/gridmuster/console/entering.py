"""The API's door for browsers: signing in with a token, asking who one is, and signing out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gridmuster.console.access import SecuredRoute, caller_of, needs
from gridmuster.console.auth import Auth, Role
from gridmuster.console.schema import answer, problems
from gridmuster.console.sessions import COOKIE, Session, Sessions

router = APIRouter(prefix="/api/v1/session", route_class=SecuredRoute, tags=["session"])


class SignIn(BaseModel):
    """A token to sign in with."""

    model_config = ConfigDict(extra="forbid")
    token: Annotated[
        str,
        Field(min_length=1, max_length=4096, description="a token of the center; it is not kept"),
    ]


class SessionDocument(Struct, frozen=True):
    """Who is signed in, the secret that commands must carry, and how long it lasts unused, s.

    A caller by token has no session: an empty secret, and no end.
    """

    name: str
    role: str
    csrf: str
    expires_s: float | None


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def session_answer(request: Request, session: Session) -> Response:
    """Tell a browser its session, and give it the cookie."""
    sessions = _sessions(request)
    document = SessionDocument(
        session.caller.name,
        session.caller.role.word,
        session.csrf,
        round(sessions.left_s(session), 1),
    )
    response = Response(msgspec.json.encode(document), media_type="application/json")
    response.set_cookie(
        COOKIE,
        session.id,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.post(
    "",
    summary="Sign a browser in",
    openapi_extra=needs(None),
    responses=answer(SessionDocument, 401, 422, 429),
)
async def sign_in(request: Request, body: SignIn) -> Response:
    """Takes a token once and sets a cookie that no script can read.

    The session is always a new one, so that nobody can be made to use one that another knows.
    """
    auth: Auth = request.app.state.auth
    address = request.client.host if request.client else ""
    caller = auth.require(f"Bearer {body.token}", Role.VIEWER, address)
    sessions = _sessions(request)
    sessions.end(request.cookies.get(COOKIE, ""))
    return session_answer(request, sessions.begin(caller))


@router.get(
    "",
    summary="Who is signed in here",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(SessionDocument),
)
async def who(request: Request) -> Response:
    """Name, role and the secret that commands by cookie must carry; a token needs no secret."""
    session: Session | None = request.state.session
    if session is not None:
        return session_answer(request, session)
    caller = caller_of(request)
    document = SessionDocument(caller.name, caller.role.word, "", None)
    return Response(msgspec.json.encode(document), media_type="application/json")


@router.post(
    "/end",
    status_code=204,
    summary="Sign out",
    openapi_extra=needs(Role.VIEWER),
    responses={204: {"description": "Signed out"}, **problems(403)},
)
async def sign_out(request: Request) -> Response:
    """Ends the session of this browser."""
    session: Session | None = request.state.session
    if session is not None:
        _sessions(request).end(session.id)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response
