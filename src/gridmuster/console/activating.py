"""The API's part for activations: which sets would be called, calling them, and ending that."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Protocol, Self, runtime_checkable

from fastapi import APIRouter, Path, Request
from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gridmuster.center.view import ActivationView
from gridmuster.clock import to_ms
from gridmuster.console.access import SecuredRoute, caller_of, needs
from gridmuster.console.auth import Role
from gridmuster.console.bodies import ID_PATTERN, MAX_OVERRIDE_S, Command, aware
from gridmuster.console.idempotency import Kept, request_id
from gridmuster.console.layout import fleet_of
from gridmuster.console.operating import GIVEN, Key, asked_by, kept_problem, once, submitted
from gridmuster.console.problems import Problem, unknown_subject
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.console.tokens import ROLES
from gridmuster.fleet.programs import Conditions
from gridmuster.programs.selection import Selection
from gridmuster.signals import (
    MAX_POWER_KW,
    Action,
    Activation,
    OperatorRequest,
    Purpose,
    Scope,
)
from gridmuster.units import MS_PER_S

#: Most sites that one request may list; more are named by a polygon, owner or tag.
MAX_SITES = 1000

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute, tags=["operate"])


@runtime_checkable
class ActivatingPlant(Protocol):
    """What activations need of a running center."""

    def weigh(self, request: OperatorRequest) -> Selection | str:
        """Which sets a request would call now, or why none; nothing happens.

        Args:
            request: the request to activate.
        """
        ...

    def activations(self) -> list[ActivationView]:
        """Activations under way and those just over, the latest first."""
        ...


class LocalNeedBody(Conditions):
    """The five conditions under which an emergency engine may run for pay in a local emergency."""


class ActivationCommand(Command):
    """Sets to run together for a power over a window."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "scope": "area",
                    "target": "north",
                    "power_kw": 500.0,
                    "for_s": 7200,
                    "purpose": "demand",
                    "reason": "heat wave",
                }
            ]
        },
    )

    power_kw: float = Field(gt=0.0, le=MAX_POWER_KW, description="power to be there, kW")
    begin: Annotated[datetime, AfterValidator(aware)] | None = Field(
        None, alias="from", description="plant time of the begin, with an offset; null: now"
    )
    until: Annotated[datetime, AfterValidator(aware)] | None = Field(
        None, description="plant time of the end, with an offset; null: see for_s"
    )
    for_s: int | None = Field(
        None, gt=0, le=MAX_OVERRIDE_S, description="length, s of plant time; null: see until"
    )
    purpose: Purpose = Field(
        Purpose.DEMAND, description="legal basis: what the sets run for; permits allow it or not"
    )
    probability: float = Field(
        0.95, ge=0.5, le=0.9999, description="how sure the power must be, fraction"
    )
    alert_asserted: bool = Field(
        False,
        description="puts on record that the five conditions of an emergency alert hold "
        "(40 CFR 63.6640(f)(4)(ii)); with local_need",
    )
    local_need: LocalNeedBody | None = Field(
        None, description="the five conditions, each in words; null: none is asserted"
    )
    light_load: bool = Field(
        True, description="whether sets may run below their least load (wet stacking)"
    )
    polygon: tuple[tuple[float, float], ...] = Field(
        (), max_length=501, description="only sites inside this ring of [longitude, latitude]"
    )
    owner: str = Field("", max_length=128, description="only sites of this owner")
    tag: str = Field("", max_length=128, description="only sites with this tag")
    feeder: str = Field("", max_length=128, description="only sites on this feeder")
    sites: tuple[Annotated[str, Field(pattern=ID_PATTERN)], ...] = Field(
        (), max_length=MAX_SITES, description="only these sites"
    )

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.for_s is None) == (self.until is None):
            raise ValueError("give either for_s or until")
        if self.alert_asserted and self.local_need is None:
            raise ValueError("who asserts the conditions of an alert names all five in local_need")
        return self

    def activation(self, now_ms: int) -> Activation:
        """What is asked of the center.

        Args:
            now_ms: plant time now.
        """
        from_ms = now_ms if self.begin is None else max(to_ms(self.begin), now_ms)
        if self.until is not None:
            until_ms = to_ms(self.until)
        else:
            until_ms = from_ms + (self.for_s or 0) * MS_PER_S
        return Activation(
            self.power_kw,
            from_ms,
            until_ms,
            self.purpose,
            self.probability,
            self.alert_asserted,
            self.light_load,
            self.polygon,
            self.owner,
            self.tag,
            self.sites,
            self.feeder,
            None if self.local_need is None else self.local_need.asserted,
        )


class CancelCommand(BaseModel):
    """The end of an activation."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500, description="why; goes to the audit log")


class ActivationPreview(Struct, frozen=True):
    """What an activation would do at this moment; ``lines`` say it in words."""

    at_ms: int
    from_ms: int
    until_ms: int
    purpose: str
    selection: Selection
    already_kw: float
    warnings: list[str]
    lines: list[str]


class ActivationList(Struct, frozen=True):
    """Activations under way and those just over, the latest first."""

    at_ms: int
    activations: list[ActivationView]


def _plant(request: Request) -> ActivatingPlant:
    plant = plant_of(request)
    if not isinstance(plant, ActivatingPlant):
        raise Problem(404, "not-found", "This center takes no activations.")
    return plant


@router.post(
    "/activation/preview",
    summary="Which sets an activation would call, and what it would cost; nothing happens",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(ActivationPreview, 404, 409, 413, 422),
)
async def preview(request: Request, body: ActivationCommand) -> Response:
    """The sets in merit order, firm power, cost, fuel, hours, who is next, and who is left out."""
    asked = _request(request, body, "preview")
    plant, now_ms = _plant(request), plant_of(request).view().at_ms
    # Tens of thousands of sets take seconds. The center goes on meanwhile: a preview is of no
    # exact moment, and one that the center's own changes cut off is made once more.
    try:
        found = await asyncio.to_thread(_weighed, plant, asked, now_ms)
    except RuntimeError:
        found = _weighed(plant, asked, now_ms)
    return document(found)


@router.post(
    "/activate",
    summary="Call sets of an area for a power over a window",
    openapi_extra=needs(ROLES[Action.ACTIVATE]),
    responses=GIVEN,
)
async def activate(request: Request, body: ActivationCommand, key: Key = None) -> Response:
    """The answer's ``id`` is the activation's. Sets are chosen anew at that moment."""

    async def act(checked: str) -> Kept:
        try:
            asked = _request(request, body, request_id(caller_of(request).name, checked))
        except Problem as problem:
            return kept_problem(problem, request.url.path)
        return await submitted(request, asked)

    return await once(request, body, key, act)


@router.post(
    "/activations/{activation}/cancel",
    summary="End an activation",
    openapi_extra=needs(ROLES[Action.CANCEL]),
    responses=GIVEN,
)
async def cancel(
    request: Request,
    activation: Annotated[str, Path(pattern=ID_PATTERN, description="id of the activation")],
    body: CancelCommand,
    key: Key = None,
) -> Response:
    """Its sets return one by one, within two minutes or when their least time on is over."""
    plant = _plant(request)

    async def act(checked: str) -> Kept:
        known = [one.id for one in plant.activations()]
        if activation not in known:
            problem = unknown_subject("activation", activation, known)
            return kept_problem(problem, request.url.path)
        asked = asked_by(request, checked, Action.CANCEL, Scope.FLEET, activation, body.reason)
        return await submitted(request, asked)

    return await once(request, body, key, act)


@router.get(
    "/activations",
    summary="Activations under way and those just over",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(ActivationList),
)
async def activations(request: Request) -> Response:
    """Each with its sets, what it delivers now, and what is firm; the latest first."""
    plant = plant_of(request)
    found = plant.activations() if isinstance(plant, ActivatingPlant) else []
    return document(ActivationList(plant.view().at_ms, found))


def _request(request: Request, body: ActivationCommand, request_name: str) -> OperatorRequest:
    """What a body asks of the center.

    Raises:
        Problem: 404 when the plant has nothing of the target's name.
    """
    view, caller = plant_of(request).view(), caller_of(request)
    _check_target(request, body)
    wish = body.activation(view.at_ms)
    return OperatorRequest(
        request_name,
        caller.name,
        caller.role.word,
        Action.ACTIVATE,
        body.scope,
        body.target,
        view.at_ms,
        wish.power_kw,
        wish.until_ms,
        body.reason,
        wish,
    )


def _check_target(request: Request, body: ActivationCommand) -> None:
    view = plant_of(request).view()
    known = {
        Scope.FLEET: lambda: [view.fleet],
        Scope.AREA: lambda: [area.id for area in view.areas],
        Scope.SITE: lambda: sorted({device.site for device in view.devices}),
        Scope.DEVICE: lambda: [device.id for device in view.devices],
    }[body.scope]()
    if body.target not in known:
        raise unknown_subject(body.scope.value, body.target, known)
    fleet = fleet_of(plant_of(request))
    if body.feeder and fleet is not None and body.feeder not in fleet.feeder_by_id:
        raise unknown_subject("feeder", body.feeder, list(fleet.feeder_by_id))


def _weighed(plant: ActivatingPlant, asked: OperatorRequest, now_ms: int) -> ActivationPreview:
    found = plant.weigh(asked)
    wish = asked.activation
    if isinstance(found, str) or wish is None:
        raise Problem(409, "rejected", f"{found}.")
    already_kw = sum(one.kw for one in found.chosen if one.on)
    warnings = _warnings(found, wish)
    return ActivationPreview(
        now_ms,
        wish.from_ms,
        wish.until_ms,
        wish.purpose.value,
        found,
        already_kw,
        warnings,
        [*_lines(found, already_kw), *(f"Warning: {warning}." for warning in warnings)],
    )


def _warnings(found: Selection, wish: Activation) -> list[str]:
    warnings = []
    if found.missing_kw > 0.5:
        warnings.append(
            f"{found.missing_kw:,.0f} kW are missing: every set that may be called is called"
        )
    light = sum(one.light_load for one in found.chosen)
    if light:
        warnings.append(f"{light} set(s) would run below their least sustained load (wet stacking)")
    if wish.purpose is Purpose.OPERATOR:
        warnings.append(
            "hours under an operator's order count as maintenance and testing for emergency "
            "engines, and must not be paid for"
        )
    return warnings


def _lines(found: Selection, already_kw: float) -> list[str]:
    """The selection in words."""
    fuel = [
        f"{amount:,.0f} {unit}"
        for amount, unit in ((found.fuel_l, "l"), (found.fuel_m3, "m3"))
        if amount > 0.0
    ]
    lines = [
        f"{len(found.chosen)} set(s) with {found.total_kw:,.0f} kW would be called: "
        f"{found.firm_kw:,.0f} kW firm at {found.probability:.0%} "
        f"({found.firm_95_kw:,.0f} kW at 95%, {found.firm_99_kw:,.0f} kW at 99%).",
        f"Giving {min(found.target_kw, found.total_kw):,.0f} kW costs {found.usd:,.2f} USD, "
        f"fuel {' and '.join(fuel) or 'none'}, {found.run_h:,.1f} engine hours.",
    ]
    if already_kw > 0.0:
        lines.append(f"Sets of {already_kw:,.0f} kW of that are on line already.")
    if found.in_line:
        lines.append(f"Next in line: {found.in_line[0].device}.")
    if found.excluded:
        lines.append(f"{len(found.excluded)} set(s) are left out, each with its reason.")
    return lines
