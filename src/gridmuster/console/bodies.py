"""What an operator's command says, checked on the way in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gridmuster.clock import to_ms
from gridmuster.signals import MAX_POWER_KW, Action, Scope
from gridmuster.units import MS_PER_S

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$"
#: Longest override that may be asked for by its length, s: a year.
MAX_OVERRIDE_S = 366 * 86_400


def aware(moment: datetime) -> datetime:
    """A moment that says how far from UTC it is.

    Raises:
        ValueError: when it does not.
    """
    if moment.tzinfo is None:
        raise ValueError("needs a UTC offset, like 2026-11-22T18:00:00-06:00 or a trailing Z")
    return moment


#: What may be asked of devices, and weighed before.
OF_DEVICES = (Action.OVERRIDE, Action.RELEASE, Action.EMERGENCY_STOP, Action.RESET)


def _of_devices(action: Action) -> Action:
    if action is Action.ACKNOWLEDGE:
        raise ValueError("an acknowledgement changes no device; there is nothing to weigh")
    if action not in OF_DEVICES:
        names = ", ".join(known.value for known in OF_DEVICES)
        raise ValueError(f"is one of {names}; an activation has a preview of its own")
    return action


class Command(BaseModel):
    """Whom a command is for, and why it is given."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    scope: Scope = Field(description="how wide the command reaches")
    target: str = Field(
        pattern=ID_PATTERN,
        description="id of the device, site or area; for the whole fleet, the fleet's own id",
    )
    reason: str = Field("", max_length=500, description="why; goes to the audit log")


class OverrideCommand(Command):
    """Hold devices at a power, or off, whatever the plan says, until a time or a release."""

    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [
                {
                    "scope": "device",
                    "target": "site-07-engine",
                    "power_kw": 400.0,
                    "for_s": 3600,
                    "reason": "load test",
                }
            ]
        },
    )

    power_kw: float | None = Field(
        None,
        ge=-MAX_POWER_KW,
        le=MAX_POWER_KW,
        description="power each device is held at, kW; negative charges a store; null: off",
    )
    for_s: int | None = Field(
        None, gt=0, le=MAX_OVERRIDE_S, description="how long, s of plant time; null: see until"
    )
    until: Annotated[datetime, AfterValidator(aware)] | None = Field(
        None, description="plant time at which it ends, with an offset; null: until a release"
    )

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.for_s is not None and self.until is not None:
            raise ValueError("give for_s or until, not both")
        return self

    def until_ms(self, now_ms: int) -> int | None:
        """When the override ends, ms since the epoch; None: with a release.

        Args:
            now_ms: plant time now.

        Raises:
            ValueError: when that is not in the future.
        """
        if self.for_s is not None:
            return now_ms + self.for_s * MS_PER_S
        if self.until is None:
            return None
        end_ms = to_ms(self.until)
        if end_ms <= now_ms:
            raise ValueError(f"until {self.until.isoformat()} is not after plant time now")
        return end_ms


class PreviewCommand(OverrideCommand):
    """A command to be weighed, not given."""

    action: Annotated[Action, AfterValidator(_of_devices)] = Field(
        description="what would be asked for; an activation has a preview of its own"
    )
