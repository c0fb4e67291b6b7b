"""What every request meets first: host, origin and size checks, headers, and a last catch."""

from __future__ import annotations

import traceback
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gridmuster.console.loopback import LOOPBACK_NAMES
from gridmuster.console.problems import Problem, problem_response

#: Largest request body, bytes; the largest sensible command is below 1 kB.
MAX_BODY_BYTES: Final = 16_384
#: Addresses that take whole files, and how large, bytes.
FILE_BYTES: Final = {
    f"/api/v1/intake/{kind}": 64 * 1024 * 1024 for kind in ("fleet", "meters", "prices")
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_log = structlog.get_logger(__name__)


class Guard:
    """ASGI middleware around the whole API.

    A wrong ``Host`` is refused, so that a web page cannot reach a center on loopback by a name of
    its own that resolves there (DNS rebinding). No CORS header is ever sent, and a command that a
    page of another origin sends is refused.

    Args:
        app: what to protect.
        hosts: names, without port, under which the API may be called.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check and pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope)
            most = FILE_BYTES.get(scope["path"], MAX_BODY_BYTES)
            limited = _Limited(receive, Headers(scope=scope), most)
            await self._app(scope, limited.receive, send_guarded)
        except Problem as problem:
            if started:
                raise
            _keep(scope, problem)
            await problem_response(problem, scope["path"])(scope, receive, send_guarded)
        except Exception:
            # As text: a renderer that shows local variables would show tokens, and take seconds.
            _log.error(
                "request failed",
                method=scope["method"],
                path=scope["path"],
                trace=traceback.format_exc(),
            )
            if started:
                raise
            await problem_response(_failure(), scope["path"])(scope, receive, send_guarded)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            raise Problem(
                421,
                "foreign-host",
                f"The request is for host {host[:80]!r}; this API answers to "
                f"{', '.join(sorted(self._hosts))}.",
            )
        origin = headers.get("origin")
        if origin is None or scope["method"] in SAFE_METHODS:
            return
        if origin.partition("://")[2].lower() != host.lower():
            raise Problem(
                403,
                "foreign-origin",
                f"The request comes from a page of {origin[:80]!r}; only {host!r} may send "
                "commands from a browser.",
            )


def _keep(scope: Scope, problem: Problem) -> None:
    """Keep a request that came from elsewhere for the audit page."""
    if problem.slug.startswith("foreign-") and "app" in scope:
        address = (scope.get("client") or ("",))[0]
        scope["app"].state.denied.note(Request(scope), problem, address)


class _Limited:
    """A request's receive channel that ends with an error past the largest body."""

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        self._receive = receive
        self._most = most
        self._bytes = 0
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:18]) > most:
            raise _too_large(most)

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise _too_large(self._most)
        return message


def _failure() -> Problem:
    return Problem(
        500,
        "internal",
        "An error in the program; its log says more. The audit log says what was done.",
    )


def _too_large(most: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        f"The body is over the limit of {most} bytes.",
        {"Connection": "close"},
        limit_bytes=most,
    )


def _name(host: str) -> str:
    """A Host header's name in lower case, without its port."""
    lowered = host.lower()
    if lowered.startswith("["):
        return lowered.partition("]")[0] + "]"
    return lowered.partition(":")[0]
