"""The OpenAPI document: schemas from the view's own types, descriptions, the token scheme."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gridmuster.center.view import PlantView, Rejected, Submitted
from gridmuster.console import documents
from gridmuster.console.fields import FIELDS
from gridmuster.console.messages import MESSAGES, PlantMessage
from gridmuster.console.sitestates import SitesMessage

REF: Final = "#/components/schemas/{name}"
DESCRIPTION: Final = """
What a running Gridmuster center shows and takes. Power above 0 leaves a device towards the grid;
demand and grid import are positive. Instants are milliseconds since 1970-01-01T00:00:00Z of plant
time, in names ending `_ms`. Every name ends in its unit. All but `/api/v1/health` and signing in
needs a token, `Authorization: Bearer TOKEN`, or the cookie of a session that was begun with one.
Errors are problem details (RFC 9457).
"""

#: What each error status of this API means.
ERRORS: Final[dict[int, str]] = {
    304: "Nothing has changed",
    400: "The Idempotency-Key is missing or malformed",
    401: "No valid token",
    403: "The role may not do this, a page of another origin asks, or a session's secret is wrong",
    404: "Nothing of this name; the closest names are given",
    409: "The center would not do it, and says why",
    413: "The body is too large",
    422: "The request is not valid, or its Idempotency-Key was used for another",
    429: "Too many attempts without a valid token, or too many commands",
    500: "An error in the program",
    503: "Too much at once, or the center has stopped",
    504: "The center has not answered yet",
}
#: Errors that any endpoint may give.
COMMON: Final = (422, 500)
COMPONENTS: Final = (
    PlantView,
    PlantMessage,
    Submitted,
    Rejected,
    documents.Consequence,
    documents.Health,
    documents.AreaList,
    documents.ForecastList,
    documents.DevicePage,
    documents.DevicePicture,
    documents.AlarmList,
    documents.CommandList,
    documents.DecisionList,
    documents.AuditPage,
    documents.ProblemDocument,
    *MESSAGES.values(),
    SitesMessage,
)


#: Documents that routes named when they were made, besides those.
_named: Final[dict[str, type]] = {}

PROBLEM: Final = {
    documents.PROBLEM_MEDIA_TYPE: {"schema": {"$ref": REF.format(name="ProblemDocument")}}
}


def answer(kind: type | str | None, *errors: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route.

    Args:
        kind: the answer's type or its name; None: any JSON object.
        errors: statuses it may give besides those any route may give.
    """
    if isinstance(kind, type):
        _named[kind.__name__] = kind
    name = kind if isinstance(kind, str) or kind is None else kind.__name__
    schema = {"$ref": REF.format(name=name)} if name else {"type": "object"}
    done = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    return {200: done, **problems(*errors)}


def problems(*errors: int) -> dict[int | str, dict[str, Any]]:
    """The part of a route's ``responses`` that tells its errors.

    Args:
        errors: statuses it may give besides those any route may give.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*errors, *COMMON}):
        found[status] = {"description": ERRORS[status]}
        if status != 304:
            found[status]["content"] = PROBLEM
    return found


def components() -> dict[str, Any]:
    """JSON Schemas of all documents, every field described."""
    kinds = [*dict.fromkeys((*COMPONENTS, *_named.values()))]
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    for name, schema in schemas.items():
        for field, entry in schema.get("properties", {}).items():
            text = FIELDS.get(f"{name}.{field}") or FIELDS.get(field)
            if text:
                entry["description"] = text
    return schemas


def install(app: FastAPI) -> None:
    """Give an application the whole OpenAPI document, made once."""
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:
            made.update(_document(app))
        return made

    replaced: Callable[[], dict[str, Any]] = document
    app.openapi = replaced  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION.strip(), routes=app.routes
    )
    parts = found.setdefault("components", {})
    parts.setdefault("schemas", {}).update(components())
    parts["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of the center's token folder; roles: viewer, operator, admin.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "gridmuster_session",
            "description": "A browser's session; the name ends in the port, like _8420. Whatever "
            "is not read only also needs the session's secret in X-CSRF-Token.",
        },
    }
    for path in found["paths"].values():
        for operation in path.values():
            if operation.get("security"):
                for status in (401, 403, 429):
                    operation["responses"][str(status)] = {
                        "description": ERRORS[status],
                        "content": PROBLEM,
                    }
    return found
