"""Data in: fleet files, meters and prices are checked, shown as a difference, and then confirmed.

Whatever is sent becomes a draft; nothing is in force before an admin confirms it.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
import structlog
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gridmuster.center.changes import DataChange
from gridmuster.center.view import Rejected, Submitted
from gridmuster.clock import monotonic_s
from gridmuster.console.access import SecuredRoute, caller_of, needs
from gridmuster.console.auth import Role
from gridmuster.console.differences import Difference, difference, in_words
from gridmuster.console.documents import PROBLEM_MEDIA_TYPE
from gridmuster.console.drafts import (
    DRAFT_S,
    DataPlant,
    Draft,
    DraftDocument,
    Drafts,
    fault_rows,
)
from gridmuster.console.editing import device_schema, edited
from gridmuster.console.idempotency import Answers, Kept, checked_key, request_id
from gridmuster.console.incoming import FleetFindings, fleet_file, series_file
from gridmuster.console.operating import SUBMIT_TIMEOUT_S, Key
from gridmuster.console.problems import Problem, problem_response, unknown_subject
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.console.series import Findings, Subject, Terms
from gridmuster.errors import Fault
from gridmuster.fleet.devices import DeviceType
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.save import fleet_yaml

#: Files read at the same time; whoever comes on top is told to wait.
MAX_READERS: Final = 2
#: Series shown of a draft; all are taught.
MAX_SERIES: Final = 200
#: How long a center listens to new sites unless its settings say otherwise, s.
RECOVERY_S: Final = 30.0
#: Faults of an edit that are shown.
MAX_EDIT_FAULTS: Final = 200

router = APIRouter(prefix="/api/v1/intake", route_class=SecuredRoute, tags=["data"])
_log = structlog.get_logger(__name__)
Name = Annotated[
    str, Query(max_length=200, description="the file's name, for faults and the audit log")
]


def _body(*kinds: str) -> dict[str, Any]:
    """The OpenAPI entry of a route that takes a file as it is."""
    content = {kind: {"schema": {"type": "string"}} for kind in kinds}
    return {**needs(Role.OPERATOR), "requestBody": {"required": True, "content": content}}


class Confirmation(BaseModel):
    """Why a draft is put in force."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field("", max_length=500, description="why; goes to the audit log")


class DeviceEdit(BaseModel):
    """New characteristics of a device."""

    model_config = ConfigDict(extra="forbid")
    changes: dict[str, Any] = Field(
        min_length=1, max_length=200, description="new values by path, like permit.hours_cap_h"
    )


class DevicePart(msgspec.Struct, frozen=True):
    """A device's characteristics as they are in force."""

    id: str
    type: str
    site: str
    characteristics: Annotated[
        dict[str, Any], msgspec.Meta(description="every field of its type, defaults included")
    ]


def _data_plant(request: Request) -> DataPlant:
    plant = plant_of(request)
    if not isinstance(plant, DataPlant):
        raise Problem(409, "rejected", "The data of this center cannot be changed from here.")
    return plant


def _drafts(request: Request) -> Drafts:
    state = request.app.state
    if not hasattr(state, "drafts"):
        state.drafts = Drafts()
        state.readers = asyncio.Semaphore(MAX_READERS)
    drafts: Drafts = state.drafts
    return drafts


async def _file(request: Request) -> bytes:
    body = await request.body()
    if not body:
        raise Problem(422, "invalid", "The file is empty.")
    return body


async def _read(request: Request, work: Any) -> Any:
    """Let a file be read, a few at a time."""
    _drafts(request)
    readers: asyncio.Semaphore = request.app.state.readers
    if readers.locked():
        work.close()
        raise Problem(503, "busy", f"{MAX_READERS} files are being read; try again in a moment.")
    async with readers:
        return await work


@router.get(
    "/fleet",
    summary="The fleet in force, as a file",
    openapi_extra=needs(Role.OPERATOR),
    responses={
        **answer(None, 409),
        200: {"description": "YAML", "content": {"application/yaml": {}}},
    },
)
async def fleet_in_force(request: Request) -> Response:
    """YAML that the loader takes back; for the gateways and as the center's own file."""
    fleet = _data_plant(request).fleet
    text = await asyncio.to_thread(fleet_yaml, fleet)
    headers = {"Content-Disposition": f'attachment; filename="{fleet.id}.yaml"'}
    return Response(text, media_type="application/yaml", headers=headers)


@router.get(
    "/schema",
    summary="JSON Schema of a device type",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(None),
)
async def schema(
    type: Annotated[DeviceType, Query(description="one of the nine types")],
) -> Response:
    """Every field with its limits, default and meaning; its unit is in ``x-unit``."""
    return Response(msgspec.json.encode(device_schema(type.value)), media_type="application/json")


@router.get(
    "/device/{device_id}",
    summary="A device's characteristics",
    openapi_extra=needs(Role.OPERATOR),
    responses=answer(DevicePart, 404, 409),
)
async def characteristics(request: Request, device_id: str) -> Response:
    """As they are in force, defaults included."""
    fleet = _data_plant(request).fleet
    device = fleet.device_by_id.get(device_id)
    if device is None:
        raise unknown_subject("device", device_id, list(fleet.device_by_id))
    values = device.model_dump(mode="json")
    return document(DevicePart(device.id, device.type.value, device.site, values))


@router.post(
    "/device/{device_id}",
    summary="Propose other characteristics of a device",
    openapi_extra=needs(Role.OPERATOR),
    responses=answer(DraftDocument, 404, 409),
)
async def propose_device(request: Request, device_id: str, body: DeviceEdit) -> Response:
    """The whole fleet is checked with them; answers with faults or with a draft."""
    plant = _data_plant(request)
    base = plant.fleet
    device = base.device_by_id.get(device_id)
    if device is None:
        raise unknown_subject("device", device_id, list(base.device_by_id))
    made, faults, warnings = await asyncio.to_thread(edited, base, device, body.changes)
    found = None if made is None else await _compare(request, base, made)
    return _answer_fleet(request, base, device_id, made, found, faults, len(faults), warnings)


@router.post(
    "/fleet",
    summary="Propose a fleet file",
    openapi_extra=_body("application/yaml", "application/json"),
    responses=answer(DraftDocument, 409, 413, 503),
)
async def propose_fleet(request: Request, name: Name = "fleet.yaml") -> Response:
    """Answers with every fault as the loader gives it, or with a draft that shows what differs."""
    plant = _data_plant(request)
    body = await _file(request)
    base = plant.fleet
    read: FleetFindings = await _read(request, fleet_file(body, name))
    faults, made, found = list(read.faults), None, None
    count = read.fault_count
    if read.fleet_json:
        made = await asyncio.to_thread(Fleet.model_validate_json, read.fleet_json)
        faults = _unfit(base, made, name)
        count = len(faults)
        made = None if faults else made
        if made is not None:
            found = await _compare(request, base, made)
    return _answer_fleet(request, base, name, made, found, faults, count, read.warnings)


@router.post(
    "/meters",
    summary="Propose past demand",
    openapi_extra=_body("text/csv"),
    responses=answer(DraftDocument, 409, 413, 503),
)
async def propose_meters(request: Request, name: Name = "meters.csv") -> Response:
    """Long (time, end_user, kw) or wide (time and a column for each end-user), kW."""
    fleet = _data_plant(request).fleet
    zones = {site.id: site.time_zone for site in fleet.sites}
    subjects = {user.id: Subject(zones[user.site], user.peak_kw) for user in fleet.end_users}
    return await _propose_series(request, fleet, "meters", name, subjects)


@router.post(
    "/prices",
    summary="Propose past prices",
    openapi_extra=_body("text/csv"),
    responses=answer(DraftDocument, 409, 413, 503),
)
async def propose_prices(request: Request, name: Name = "prices.csv") -> Response:
    """Columns time, price_usd_per_mwh and, where areas differ, area; USD/MWh."""
    fleet = _data_plant(request).fleet
    zones = {area.id: fleet.time_zone_of_area(area.id) for area in fleet.areas}
    subjects = {name: Subject(zone) for name, zone in zones.items()}
    return await _propose_series(request, fleet, "prices", name, subjects)


@router.get(
    "/{draft}",
    summary="A draft that waits",
    openapi_extra=needs(Role.OPERATOR),
    responses=answer(DraftDocument, 404),
)
async def read_draft(request: Request, draft: str) -> Response:
    """As it was answered when it was sent, with the time it has left."""
    kept = _drafts(request).get(draft)
    left_s = round(kept.left_s, 1)
    return document(msgspec.structs.replace(kept.document, expires_s=left_s))


@router.delete(
    "/{draft}",
    summary="Drop a draft",
    openapi_extra=needs(Role.OPERATOR),
    responses=answer(None, 404),
)
async def drop_draft(request: Request, draft: str) -> Response:
    """Nothing of it is kept."""
    if not _drafts(request).drop(draft):
        raise Problem(404, "unknown-subject", f"No draft {draft[:40]!r} waits here.")
    return Response(b"{}", media_type="application/json")


@router.post(
    "/{draft}/confirm",
    summary="Put a draft in force",
    openapi_extra=needs(Role.ADMIN),
    responses=answer(Submitted, 400, 404, 409, 413, 422, 503, 504),
)
async def confirm(request: Request, draft: str, body: Confirmation, key: Key = None) -> Response:
    """Journaled first; refused when the fleet was changed since the draft was made."""
    checked = checked_key(key)
    caller = caller_of(request)
    answers: Answers = request.app.state.answers
    said = request.url.path.encode() + b"\n" + body.model_dump_json().encode()
    try:
        async with asyncio.timeout(SUBMIT_TIMEOUT_S):
            return await answers.once(
                caller.name, checked, said, lambda: _confirm(request, draft, body.reason, checked)
            )
    except TimeoutError as error:
        raise Problem(
            504,
            "not-yet-applied",
            f"The center did not answer within {SUBMIT_TIMEOUT_S:g} s; it may still act. Repeat "
            "with the same Idempotency-Key to learn what came of it.",
        ) from error


async def _confirm(request: Request, name: str, reason: str, key: str) -> Kept:
    plant, caller = _data_plant(request), caller_of(request)
    identity = request_id(caller.name, key)
    done = [one for one in await plant_of(request).audit(0, 100_000) if one.id == identity]
    if done:
        # Confirmed before a restart; the draft is gone, what it did is not.
        return _kept(Submitted(identity, done[0].at_ms, done[0].text), request.url.path)
    try:
        draft = _drafts(request).get(name)
        result = await _apply(plant, draft, caller.name, caller.role.word, reason, identity)
    except Problem as problem:
        return _kept(problem, request.url.path)
    applied = isinstance(result, Submitted)
    if applied:
        _drafts(request).drop(name)
    _log.info("data confirmed", actor=caller.name, draft=name, applied=applied)
    return _kept(result, request.url.path)


async def _apply(
    plant: DataPlant, draft: Draft, actor: str, role: str, reason: str, identity: str
) -> Submitted | Rejected:
    if plant.fleet is not draft.base:
        raise Problem(
            409,
            "rejected",
            "The fleet was changed since this draft was made, so it does not show what would "
            "happen. Send the file again and look at the difference.",
        )
    if draft.document.refusal:
        raise Problem(409, "rejected", draft.document.refusal)
    kind = draft.document.kind
    action = {"fleet": "apply_fleet", "meters": "teach_demand", "prices": "teach_prices"}[kind]
    change = DataChange(identity, actor, role, 0, action, draft.base.id, draft.text, reason)
    if draft.fleet is not None:
        return await plant.apply_fleet(draft.fleet, change)
    return await plant.teach(list(draft.lessons), change)


def _kept(result: Submitted | Rejected | Problem, path: str) -> Kept:
    if isinstance(result, Rejected):
        result = Problem(409, "rejected", result.reason, id=result.id, at_ms=result.at_ms)
    if isinstance(result, Problem):
        response = problem_response(result, path)
        return Kept(response.status_code, bytes(response.body), PROBLEM_MEDIA_TYPE)
    return Kept(200, msgspec.json.encode(result), "application/json")


def _unfit(base: Fleet, made: Fleet, name: str) -> list[Fault]:
    """What a fleet without faults of its own may not change in a running center."""
    if made.id != base.id:
        limit = f"this center commands the fleet {base.id}"
        expected = f"{base.id}; another fleet needs a center and a journal of its own"
        return [Fault(name, "id", made.id, limit, expected)]
    faults = []
    for k, device in enumerate(made.devices):
        was = base.device_by_id.get(device.id)
        if was is not None and was.type is not device.type:
            limit = f"{device.id} is a {was.type.value} now; what is remembered of it fits no other"
            expected = "an id of its own for the new machine"
            faults.append(Fault(name, f"devices[{k}].type", device.type.value, limit, expected))
    return faults


async def _compare(request: Request, base: Fleet, made: Fleet) -> Difference:
    view = plant_of(request).view()
    return await asyncio.to_thread(difference, base, made, view, RECOVERY_S)


def _answer_fleet(
    request: Request,
    base: Fleet,
    name: str,
    made: Fleet | None,
    found: Difference | None,
    faults: list[Fault],
    count: int,
    warnings: list[Fault],
) -> Response:
    refusal = ""
    if found is not None and not found.total:
        refusal = "Nothing differs from the fleet in force."
    made_document = _document(
        request,
        "fleet",
        name,
        refusal if made is not None else "It has faults.",
        faults[:MAX_EDIT_FAULTS],
        count,
        warnings,
        [] if found is None else found.lines,
    )
    made_document = msgspec.structs.replace(made_document, difference=found)
    text = "" if found is None else f"{name}: {in_words(found)}"
    return _keep(request, Draft(made_document, base, made, (), text[:2000], monotonic_s()))


async def _propose_series(
    request: Request, fleet: Fleet, kind: str, name: str, subjects: dict[str, Subject]
) -> Response:
    body = await _file(request)
    terms = Terms(kind, name, subjects, plant_of(request).view().at_ms)
    read: Findings = await _read(request, series_file(body, terms))
    days = sum(one.days for one in read.series)
    refusal = "It has faults." if read.fault_count else ""
    if not refusal and not read.lessons:
        refusal = "There is no whole day before today in it to learn from."
    what = "end-users" if kind == "meters" else "areas"
    lines = [
        f"Forecasts of {len(read.lessons)} {what} learn {days} days. What this center measured "
        "itself stays; days that are older than its own fill in.",
        "No device is commanded otherwise before the next plan.",
    ]
    made = _document(
        request,
        kind,
        name,
        refusal,
        read.faults,
        read.fault_count,
        read.warnings,
        lines if not refusal else [],
    )
    made = msgspec.structs.replace(
        made, series=read.series[:MAX_SERIES], series_count=len(read.series)
    )
    text = f"{name}: {days} days of {len(read.lessons)} {what}"
    draft = Draft(made, fleet, None, tuple(read.lessons), text, monotonic_s())
    return _keep(request, draft)


def _document(
    request: Request,
    kind: str,
    name: str,
    refusal: str,
    faults: list[Fault],
    count: int,
    warnings: list[Fault],
    lines: list[str],
) -> DraftDocument:
    return DraftDocument(
        "" if count else _drafts(request).new_id(),
        kind,
        name,
        caller_of(request).name,
        0.0 if count else DRAFT_S,
        refusal,
        fault_rows(faults),
        count,
        fault_rows(warnings),
        lines,
        None,
        [],
        0,
    )


def _keep(request: Request, draft: Draft) -> Response:
    if draft.document.id:
        _drafts(request).put(draft)
    return document(draft.document)
