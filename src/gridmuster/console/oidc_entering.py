"""The API's door for people who sign in with the company's account."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.entering import begin_session, set_cookie
from gridmuster.console.oidc import PENDING_S, Oidc, OidcError
from gridmuster.console.problems import Problem
from gridmuster.console.schema import problems

#: Ties a sign-in under way to the browser that began it. Lax: the provider's page leads back here.
PENDING_COOKIE: Final = "gridmuster_oidc"
PATH: Final = "/api/v1/session/oidc"

router = APIRouter(prefix=PATH, route_class=SecuredRoute, tags=["session"])
_log = structlog.get_logger(__name__)


def _oidc_of(request: Request) -> Oidc:
    oidc: Oidc | None = request.app.state.oidc
    if oidc is None:
        raise Problem(404, "not-found", "This center has no way to sign in but by token.")
    return oidc


def _back(text: str) -> Response:
    """Lead the browser back to the page, which shows why the sign-in came to nothing."""
    response = RedirectResponse(f"/#fault={quote(text, safe='')}", status_code=303)
    response.delete_cookie(PENDING_COOKIE, path=PATH, httponly=True, samesite="lax")
    return response


@router.get(
    "",
    status_code=303,
    summary="Sign in with the company's account",
    openapi_extra=needs(None),
    responses={303: {"description": "To the provider's page"}, **problems(404)},
)
async def start(request: Request) -> Response:
    """Leads the browser to the provider's page; it comes back to the callback."""
    try:
        started = await _oidc_of(request).start()
    except OidcError as error:
        _log.warning("sign-in failed", why=str(error))
        return _back(str(error))
    response = RedirectResponse(started.url, status_code=303)
    response.set_cookie(
        PENDING_COOKIE,
        started.secret,
        max_age=int(PENDING_S),
        path=PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(
    "/callback",
    status_code=303,
    summary="Where the company's provider leads the browser back to",
    openapi_extra=needs(None),
    responses={303: {"description": "To the page, signed in or with the reason"}, **problems(404)},
)
async def callback(request: Request) -> Response:
    """Checks what the provider says, begins a session, and leads to the page."""
    oidc = _oidc_of(request)
    try:
        caller = await oidc.finish(
            dict(request.query_params), request.cookies.get(PENDING_COOKIE, "")
        )
    except OidcError as error:
        address = request.client.host if request.client else ""
        _log.warning("sign-in failed", why=str(error), address=address)
        return _back(str(error))
    response = RedirectResponse("/", status_code=303)
    set_cookie(request, response, begin_session(request, caller))
    response.delete_cookie(PENDING_COOKIE, path=PATH, httponly=True, samesite="lax")
    return response
