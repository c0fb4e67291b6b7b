"""The API's part for programs: what they ask for, and the webhook that tells them something."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol, Self, runtime_checkable

from fastapi import APIRouter, Path, Request
from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gridmuster.center.view import ProgramView
from gridmuster.clock import to_ms
from gridmuster.console.access import SecuredRoute, caller_of, needs
from gridmuster.console.auth import Role
from gridmuster.console.bodies import ID_PATTERN, MAX_OVERRIDE_S, aware
from gridmuster.console.idempotency import Kept, request_id
from gridmuster.console.operating import GIVEN, Key, kept_problem, once, submitted
from gridmuster.console.problems import unknown_subject
from gridmuster.console.reading import document, plant_of
from gridmuster.console.schema import answer
from gridmuster.console.tokens import ROLES
from gridmuster.signals import (
    MAX_POWER_KW,
    Action,
    Alert,
    OperatorRequest,
    ProgramSignal,
    Scope,
)
from gridmuster.units import MS_PER_S

router = APIRouter(prefix="/api/v1", route_class=SecuredRoute, tags=["programs"])


@runtime_checkable
class ProgrammedPlant(Protocol):
    """What programs need of a running center."""

    def programs(self) -> list[ProgramView]:
        """The programs of all areas with what they ask for, those just over included."""
        ...


class ProgramList(Struct, frozen=True):
    """The programs of all areas."""

    at_ms: int
    programs: list[ProgramView]


class SignalCommand(BaseModel):
    """What a utility, market or another program tells a program."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {"event": "alert-0714", "level": "eea2", "for_s": 7200, "reason": "heat wave"}
            ]
        },
    )

    event: str = Field(
        pattern=ID_PATTERN, description="id of the event; the same again takes its place"
    )
    level: Alert | None = Field(None, description="emergency level; null: not of that kind")
    power_kw: float | None = Field(
        None, gt=0.0, le=MAX_POWER_KW, description="power wanted, kW; null: all it may ask for"
    )
    reserve_mw: float | None = Field(None, ge=0.0, description="the grid's reserve now, MW")
    forecast_mw: float | None = Field(
        None, ge=0.0, description="highest load of the whole system forecast for a day, MW"
    )
    load_mw: float | None = Field(
        None, ge=0.0, description="highest load of the whole system measured that day so far, MW"
    )
    begin: Annotated[datetime, AfterValidator(aware)] | None = Field(
        None, alias="from", description="plant time of the begin, with an offset; null: now"
    )
    until: Annotated[datetime, AfterValidator(aware)] | None = Field(
        None, description="plant time of the end, with an offset; null: see for_s"
    )
    for_s: int | None = Field(
        None, gt=0, le=MAX_OVERRIDE_S, description="length, s of plant time; null: no end is known"
    )
    withdrawn: bool = Field(False, description="the event is called off")
    reason: str = Field("", max_length=500, description="why; goes to the audit log and the starts")

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.for_s is not None and self.until is not None:
            raise ValueError("give for_s or until, not both")
        return self

    def signal(self, program: str, now_ms: int) -> ProgramSignal:
        """What is told to the program.

        Args:
            program: its id.
            now_ms: plant time now.
        """
        from_ms = None if self.begin is None else to_ms(self.begin)
        until_ms = None if self.until is None else to_ms(self.until)
        if self.for_s is not None:
            until_ms = (now_ms if from_ms is None else from_ms) + self.for_s * MS_PER_S
        return ProgramSignal(
            program,
            self.event,
            from_ms,
            until_ms,
            self.power_kw,
            self.level,
            self.reserve_mw,
            forecast_mw=self.forecast_mw,
            load_mw=self.load_mw,
            withdrawn=self.withdrawn,
        )


@router.get(
    "/programs",
    summary="Programs of all areas and what they ask for",
    openapi_extra=needs(Role.VIEWER),
    responses=answer(ProgramList),
)
async def programs(request: Request) -> Response:
    """Each with its requests, those just over included; what was granted and what came of it."""
    plant = plant_of(request)
    found = plant.programs() if isinstance(plant, ProgrammedPlant) else []
    return document(ProgramList(plant.view().at_ms, found))


@router.post(
    "/programs/{program}/signal",
    summary="Tell a program of an event: the webhook of utilities and markets",
    openapi_extra=needs(ROLES[Action.SIGNAL]),
    responses=GIVEN,
)
async def signal(
    request: Request,
    program: Annotated[str, Path(pattern=ID_PATTERN, description="id of the program")],
    body: SignalCommand,
    key: Key = None,
) -> Response:
    """Journaled before it counts; the answer says what was taken, taken in part, or refused."""
    plant = plant_of(request)

    async def act(checked: str) -> Kept:
        known = plant.programs() if isinstance(plant, ProgrammedPlant) else []
        areas = {one.id: one.area for one in known}
        if program not in areas:
            problem = unknown_subject("program", program, list(areas))
            return kept_problem(problem, request.url.path)
        caller, now_ms = caller_of(request), plant.view().at_ms
        told = body.signal(program, now_ms)
        asked = OperatorRequest(
            request_id(caller.name, checked),
            caller.name,
            caller.role.word,
            Action.SIGNAL,
            Scope.AREA,
            areas[program],
            now_ms,
            told.power_kw,
            told.until_ms,
            body.reason,
            signal=told,
        )
        return await submitted(request, asked)

    return await once(request, body, key, act)
