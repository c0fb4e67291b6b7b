"""Every error the API gives, as RFC 9457 problem details."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gridmuster.console.documents import PROBLEM_MEDIA_TYPE

TYPE_PREFIX: Final = "urn:gridmuster:problem:"

#: Title of each problem type; the slug ends its ``type``.
TITLES: Final[dict[str, str]] = {
    "no-token": "A token is needed",
    "wrong-token": "The token is not known here",
    "spent-code": "This link does not sign in any more",
    "too-many-attempts": "Too many attempts without a valid token",
    "too-many-commands": "Too many commands at once",
    "session-over": "Nobody is signed in here",
    "forged-request": "A command from a browser must carry its session's secret",
    "role-too-low": "The token's role may not do this",
    "foreign-host": "The request names a host that is not this one",
    "foreign-origin": "Pages of other origins may not send commands",
    "not-found": "There is nothing at this address",
    "unknown-subject": "The plant has nothing of this name",
    "method-not-allowed": "This address does not take this method",
    "invalid": "The request is not valid",
    "body-too-large": "The body is too large",
    "key-missing": "A command needs an Idempotency-Key",
    "key-reused": "The Idempotency-Key was used for another request",
    "rejected": "The center would not do it",
    "not-yet-applied": "The center has not answered yet",
    "busy": "Too many open streams or commands",
    "no-past": "The journal cannot be read",
    "stopped": "The center has stopped showing its state",
    "internal": "The program failed",
}


class Problem(HTTPException):
    """An error to be answered with problem details.

    Args:
        status: HTTP status.
        slug: which of `TITLES` it is.
        detail: what is wrong with this request: the thing, the value, the limit, the way out.
        headers: headers to send along, like ``Retry-After``.
        more: further members of the problem document.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.slug = slug
        self.more = more


def problem_response(problem: Problem, instance: str) -> Response:
    """The answer that tells a problem.

    Args:
        problem: what went wrong.
        instance: path of the request.
    """
    document = {
        "type": TYPE_PREFIX + problem.slug,
        "title": TITLES[problem.slug],
        "status": problem.status_code,
        "detail": problem.detail,
        "instance": instance,
        **problem.more,
    }
    return Response(
        msgspec.json.encode(document),
        problem.status_code,
        headers=problem.headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def unknown_subject(kind: str, name: str, known: list[str]) -> Problem:
    """Problem for a name the plant does not have, with the names that come closest.

    Args:
        kind: what was looked for: device, site, area.
        name: the name as given.
        known: the names there are.
    """
    close = closest(name, known)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return Problem(
        404,
        "unknown-subject",
        f"There is no {kind} {name!r} among {len(known)}.{hint}",
        suggestions=close,
    )


def closest(name: str, known: list[str]) -> list[str]:
    """At most three known names that look like the given one, the likest first."""
    lowered = {item.lower(): item for item in known}
    return [lowered[found] for found in get_close_matches(name.lower(), lowered, 3, 0.6)]
