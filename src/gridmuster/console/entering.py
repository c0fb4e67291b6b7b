"""The API's door for browsers: signing in with a token, asking who one is, and signing out."""

from __future__ import annotations

from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gridmuster.console.access import SecuredRoute, address_of, caller_of, deny, needs
from gridmuster.console.auth import Auth, Caller, Role
from gridmuster.console.entrydocs import (
    SessionDocument,
    SessionList,
    SessionRow,
    SignedOut,
    SignInCode,
    Ways,
)
from gridmuster.console.problems import Problem
from gridmuster.console.schema import answer, problems
from gridmuster.console.sessions import (
    CODE_LIFETIME_S,
    CODE_PREFIX,
    Session,
    Sessions,
    cookie_name,
)

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute, tags=["session"])
_log = structlog.get_logger(__name__)


class SignIn(BaseModel):
    """A token to sign in with, or a code that signs in once."""

    model_config = ConfigDict(extra="forbid")
    token: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            description="a token of the center, or a code to sign in with once; it is not kept",
        ),
    ]


class SignOut(BaseModel):
    """Whose sessions are to end."""

    model_config = ConfigDict(extra="forbid")
    session: Annotated[
        str | None,
        Field(max_length=64, description="id of a session in the list; null: all sessions"),
    ]


def sessions_of(request: Request) -> Sessions:
    """The sessions of the application."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def _json(document: Struct) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")


def set_cookie(request: Request, response: Response, session: Session) -> None:
    """Give a browser its session."""
    response.set_cookie(
        cookie_name(request),
        session.id,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def begin_session(request: Request, caller: Caller) -> Session:
    """A new session for somebody; the one whose cookie came along ends.

    It is always a new one, so that nobody can be made to use one that another knows.
    """
    sessions = sessions_of(request)
    sessions.end(request.cookies.get(cookie_name(request), ""))
    address = address_of(request)
    _log.info("signed in", actor=caller.name, role=caller.role.word, address=address)
    return sessions.begin(caller, address)


def _shown(request: Request, token: str) -> Caller:
    """Whom a token or a code signs in.

    Raises:
        Problem: 401 when it is not known, 429 after too many of those.
    """
    once = token.startswith(CODE_PREFIX)
    caller = sessions_of(request).redeem(token) if once else None
    if caller is not None:
        return caller
    auth: Auth = request.app.state.auth
    try:
        return auth.require(f"Bearer {token}", Role.VIEWER, address_of(request))
    except Problem as problem:
        if not once or problem.slug != "wrong-token":
            raise
        raise Problem(
            401,
            "spent-code",
            f"This link signs in once and within {CODE_LIFETIME_S / 60.0:g} min; it was used, or "
            "is too old. 'gridmuster console --open' makes a new one.",
            {"WWW-Authenticate": "Bearer"},
        ) from problem


def _session_document(request: Request, session: Session) -> SessionDocument:
    left_s = round(sessions_of(request).left_s(session), 1)
    return SessionDocument(session.caller.name, session.caller.role.word, session.csrf, left_s)


@router.post(
    "/session",
    summary="Sign a browser in",
    openapi_extra=needs(None),
    responses=answer(SessionDocument, 401, 413, 422, 429),
)
async def sign_in(request: Request, body: SignIn) -> Response:
    """Takes a token once and sets a cookie that no script can read."""
    try:
        caller = _shown(request, body.token)
    except Problem as problem:
        deny(request, problem)
        raise
    session = begin_session(request, caller)
    response = _json(_session_document(request, session))
    set_cookie(request, response, session)
    return response


@router.get(
    "/session",
    summary="Who is signed in here",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(SessionDocument),
)
async def who(request: Request) -> Response:
    """Name, role and the secret that commands by cookie must carry; a token needs no secret."""
    session: Session | None = request.state.session
    if session is not None:
        return _json(_session_document(request, session))
    caller = caller_of(request)
    return _json(SessionDocument(caller.name, caller.role.word, "", None))


@router.get(
    "/session/ways",
    summary="How people sign in here",
    openapi_extra=needs(None),
    responses=answer(Ways),
)
async def ways(request: Request) -> Response:
    """Asked by the page before anybody is signed in."""
    oidc = request.app.state.oidc
    cookie = request.cookies.get(cookie_name(request), "")
    return _json(Ways(oidc.name if oidc else "", sessions_of(request).lasts(cookie)))


@router.post(
    "/session/code",
    summary="A code that signs in once",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(SignInCode),
)
async def new_code(request: Request) -> Response:
    """For opening the page in a browser without showing it the token; good for two minutes."""
    code = sessions_of(request).new_code(caller_of(request))
    return _json(SignInCode(code, CODE_LIFETIME_S))


@router.post(
    "/session/end",
    status_code=204,
    summary="Sign out",
    openapi_extra=needs(Role.VIEWER, paced=False),
    responses={204: {"description": "Signed out"}, **problems(403)},
)
async def sign_out(request: Request) -> Response:
    """Ends the session of this browser."""
    session: Session | None = request.state.session
    if session is not None:
        sessions_of(request).end(session.id)
    response = Response(status_code=204)
    secure = request.url.scheme == "https"
    response.delete_cookie(
        cookie_name(request), path="/", secure=secure, httponly=True, samesite="strict"
    )
    return response


@router.get(
    "/sessions",
    summary="Who is signed in in all",
    openapi_extra=needs(Role.ADMIN),
    responses=answer(SessionList),
)
async def list_sessions(request: Request) -> Response:
    """Every browser's session: whose, from where, since when, and when it ends."""
    sessions, own = sessions_of(request), request.state.session
    return _json(
        SessionList(
            [
                SessionRow(
                    session.mark,
                    session.caller.name,
                    session.caller.role.word,
                    session.address,
                    round(sessions.age_s(session), 1),
                    round(sessions.idle_s(session), 1),
                    round(sessions.left_s(session), 1),
                    session is own,
                )
                for session in sessions.all()
            ]
        )
    )


@router.post(
    "/sessions/end",
    summary="Sign others out, or everybody everywhere",
    openapi_extra=needs(Role.ADMIN, paced=False),
    responses=answer(SignedOut, 413),
)
async def end_sessions(request: Request, body: SignOut) -> Response:
    """Ends one session or all, this browser's included. Tokens stay valid."""
    wanted = body.session
    ended = sessions_of(request).end_where(lambda one: wanted is None or one.mark == wanted)
    _log.warning("sessions ended", actor=caller_of(request).name, which=wanted or "all", n=ended)
    return _json(SignedOut(ended))
