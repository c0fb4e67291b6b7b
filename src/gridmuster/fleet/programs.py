"""The programs of an area: the reasons for which its sets are called, as the fleet file says them.

What each of them does with what it hears is in `gridmuster.programs`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from gridmuster.fleet.devices import FleetId, Part

#: Least length of a call, s: the least time on of most engines (`domain.md` section 1).
RUN_S = 1800


class Program(Part):
    """What every program has: its place in the order, and whom it calls."""

    kind: ClassVar[str] = ""
    #: Fields of a threshold, where the value asks and where it ends, and whether it asks below.
    thresholds: ClassVar[tuple[tuple[str, str, bool], ...]] = ()

    id: FleetId
    priority: int = Field(
        default=50, ge=0, le=99, description="of requests at one time the highest comes first"
    )
    probability: float = Field(
        default=0.95, ge=0.5, le=0.9999, description="how sure the power must be, fraction"
    )
    feeder: FleetId | None = Field(default=None, description="only sites on this feeder")
    tag: str = Field(default="", description="only sites with this tag")
    light_load: bool = Field(
        default=True, description="whether sets may run below their least load (wet stacking)"
    )


class GridAlert(Program):
    """Power at each level of the grid operator's emergency alert (NERC EEA1 to EEA3)."""

    kind: ClassVar[str] = "grid_alert"

    priority: int = Field(
        default=90, ge=0, le=99, description="of requests at one time the highest comes first"
    )
    eea1_kw: float = Field(default=0.0, ge=0, description="asked at EEA1, kW; 0: nothing")
    eea2_kw: float = Field(default=0.0, ge=0, description="asked at EEA2, kW; 0: as at EEA1")
    eea3_kw: float = Field(default=0.0, ge=0, description="asked at EEA3, kW; 0: as at EEA2")
    conditions_asserted: bool = Field(
        default=False,
        description="puts on record that the five conditions of 40 CFR 63.6640(f)(4)(ii) hold",
    )
    run_s: int = Field(default=RUN_S, ge=0, description="least length of a call, s")
    open_s: int = Field(
        default=14_400, gt=0, description="how long an alert without an end counts, s"
    )


class Frequency(Program):
    """Power when the area's frequency stays low (under-frequency response)."""

    kind: ClassVar[str] = "frequency"
    thresholds = (("below_hz", "recover_hz", True),)

    priority: int = Field(
        default=80, ge=0, le=99, description="of requests at one time the highest comes first"
    )
    power_kw: float = Field(gt=0, description="asked, kW")
    below_hz: float = Field(gt=0, description="asks when the frequency is below this, Hz")
    recover_hz: float = Field(gt=0, description="ends when it is above this again, Hz")
    delay_s: float = Field(default=8.0, ge=0, description="how long it must be below, s")
    recover_s: float = Field(default=300.0, ge=0, description="how long it must be back, s")
    run_s: int = Field(default=RUN_S, ge=0, description="least length of a call, s")


class Reserve(Program):
    """Power when the grid operator's reserve is short; heard over the program's webhook."""

    kind: ClassVar[str] = "reserve"
    thresholds = (("below_mw", "recover_mw", True),)

    priority: int = Field(
        default=70, ge=0, le=99, description="of requests at one time the highest comes first"
    )
    power_kw: float = Field(gt=0, description="asked, kW")
    below_mw: float = Field(gt=0, description="asks when the reserve is below this, MW")
    recover_mw: float = Field(gt=0, description="ends when it is above this again, MW")
    delay_s: float = Field(default=60.0, ge=0, description="how long it must be below, s")
    recover_s: float = Field(default=900.0, ge=0, description="how long it must be back, s")
    run_s: int = Field(default=RUN_S, ge=0, description="least length of a call, s")
    open_s: int = Field(default=900, gt=0, description="how long a reading counts, s")


class Webhook(Program):
    """Power for signals that another program posts to the center's API."""

    kind: ClassVar[str] = "webhook"

    priority: int = Field(
        default=60, ge=0, le=99, description="of requests at one time the highest comes first"
    )
    power_kw: float = Field(gt=0, description="most that is asked, kW")
    purpose: Literal["demand", "emergency_alert"] = Field(
        default="demand", description="legal basis of its starts"
    )
    conditions_asserted: bool = Field(
        default=False,
        description="puts on record that the five conditions of 40 CFR 63.6640(f)(4)(ii) hold",
    )
    open_s: int = Field(
        default=14_400, gt=0, description="how long a signal without an end counts, s"
    )


class Programs(Part):
    """The programs of an area, by kind."""

    grid_alert: tuple[GridAlert, ...] = Field(
        default=(), description="power at each level of emergency alert"
    )
    frequency: tuple[Frequency, ...] = Field(
        default=(), description="power when the frequency stays low"
    )
    reserve: tuple[Reserve, ...] = Field(
        default=(), description="power when the grid's reserve is short"
    )
    webhook: tuple[Webhook, ...] = Field(
        default=(), description="power for signals posted to the API"
    )

    @property
    def all(self) -> tuple[Program, ...]:
        """Every program, in the order of the kinds."""
        return (*self.grid_alert, *self.frequency, *self.reserve, *self.webhook)
