"""The audit log for people: searched, paged from the latest back, and as a table for others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from msgspec import Struct
from starlette.responses import Response

from gridmuster.center.view import AuditEntry
from gridmuster.clock import from_ms
from gridmuster.console.access import SecuredRoute, needs
from gridmuster.console.auth import Role
from gridmuster.console.denied import Denied, DeniedEntry
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer

#: Entries that the center keeps at hand, all of which are searched.
ALL_ENTRIES: Final = 100_000
MAX_PAGE: Final = 500
#: Characters with which a spreadsheet would take a cell for a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = (
    "number",
    "at_ms",
    "actor",
    "role",
    "action",
    "scope",
    "target",
    "power_kw",
    "until_ms",
    "reason",
    "applied",
    "text",
    "id",
)
READ: Final = needs(Role.VIEWER)

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute, tags=["operate"])

Before = Annotated[int | None, Query(ge=1, le=2**53, description="number that ended the last page")]


class AuditFind(Struct, frozen=True):
    """Entries that match, the latest first; ``next`` is the ``before`` of the following page.

    ``actors`` and ``actions`` are those that occur at all.
    """

    at_ms: int
    total: int
    next: int | None
    entries: list[AuditEntry]
    actors: list[str]
    actions: list[str]


class DeniedList(Struct, frozen=True):
    """Attempts that were denied since the center started, the latest first."""

    at_ms: int
    total: int
    attempts: list[DeniedEntry]


def matching(
    entries: Iterable[AuditEntry], actor: str, action: str, result: str, text: str
) -> list[AuditEntry]:
    """Entries that fit every filter, the latest first.

    Args:
        entries: the log.
        actor: who; empty: anybody.
        action: what; empty: anything.
        result: ``done``, ``refused``, or empty for both.
        text: part of target, reason, answer, actor or id, in any case; empty: any.
    """
    wanted = text.strip().lower()
    found = [
        entry
        for entry in entries
        if (not actor or entry.actor == actor)
        and (not action or entry.action == action)
        and (not result or entry.applied is (result == "done"))
        and (not wanted or wanted in _said(entry))
    ]
    return sorted(found, key=lambda entry: -entry.number)


def _said(entry: AuditEntry) -> str:
    return f"{entry.actor} {entry.target} {entry.reason} {entry.text} {entry.id}".lower()


Actor = Annotated[str, Query(max_length=200, description="only of this person or token")]
Kind = Annotated[str, Query(max_length=32, description="only this action")]
Result = Annotated[str, Query(pattern="^(done|refused)?$", description="done or refused")]
Part = Annotated[
    str, Query(max_length=200, description="part of target, reason, answer, actor or id")
]


@router.get(
    "/audit/find",
    summary="Search the audit log, the latest first",
    openapi_extra=READ,
    responses=answer(AuditFind),
)
async def find(
    request: Request,
    *,
    actor: Actor = "",
    action: Kind = "",
    result: Result = "",
    q: Part = "",
    before: Before = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="most entries to return")] = 100,
) -> Response:
    """Who asked what of what, why, and what came of it; a page at a time."""
    entries = await plant_of(request).audit(0, ALL_ENTRIES)
    found = matching(entries, actor, action, result, q)
    rest = [entry for entry in found if before is None or entry.number < before]
    page = rest[:limit]
    return document(
        AuditFind(
            plant_of(request).view().at_ms,
            len(found),
            page[-1].number if len(rest) > limit else None,
            page,
            sorted({entry.actor for entry in entries}),
            sorted({entry.action for entry in entries}),
        )
    )


@router.get(
    "/audit.csv",
    summary="The audit log as a table",
    openapi_extra=READ,
    responses={
        **answer(None),
        200: {"description": "Done", "content": {"text/csv": {"schema": {"type": "string"}}}},
    },
)
async def table(
    request: Request,
    *,
    actor: Actor = "",
    action: Kind = "",
    result: Result = "",
    q: Part = "",
) -> Response:
    """All entries that match, the latest first; times are UTC."""
    entries = await plant_of(request).audit(0, ALL_ENTRIES)
    return Response(
        as_csv(matching(entries, actor, action, result, q)),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


def as_csv(entries: Iterable[AuditEntry]) -> str:
    """Entries as CSV (RFC 4180), instants in UTC, nothing that a spreadsheet would run.

    Args:
        entries: what to write, in order.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([name.replace("_ms", "_utc") for name in COLUMNS])
    for entry in entries:
        writer.writerow([_cell(name, getattr(entry, name)) for name in COLUMNS])
    return out.getvalue()


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name.endswith("_ms") and isinstance(value, int):
        return from_ms(value).isoformat()
    text = str(value)
    plain = isinstance(value, bool | int | float)
    return f"'{text}" if not plain and text.startswith(FORMULA) else text


@router.get(
    "/audit/denied",
    summary="Attempts that were denied",
    openapi_extra=READ,
    responses=answer(DeniedList),
)
async def denied(
    request: Request,
    q: Part = "",
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="most entries to return")] = 100,
) -> Response:
    """Requests without a valid token, below their role, or from elsewhere, since the start."""
    kept: Denied = request.app.state.denied
    wanted = q.strip().lower()
    found = [
        entry
        for entry in kept.entries()
        if not wanted or wanted in f"{entry.actor} {entry.path} {entry.why} {entry.address}".lower()
    ]
    return document(DeniedList(plant_of(request).view().at_ms, len(found), found[:limit]))
