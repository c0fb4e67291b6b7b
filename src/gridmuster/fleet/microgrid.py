"""An area that can island: its coupling, who forms its grid, and which load can be shed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import Field

from gridmuster.fleet.part import FleetId, Part
from gridmuster.switching import MOST_FORMERS, MOST_STEPS

#: Voltage and frequency must be healthy this long before load goes back (IEEE 1547-2018), s.
ENTER_SERVICE_S: Final = 300.0


class ReserveRule(StrEnum):
    """What must be free after a load step is taken up."""

    UNIT_AND_STEP = "unit_and_step"
    UNIT = "unit"
    STEP = "step"
    NONE = "none"


class BlackStart(StrEnum):
    """In which order formers try to bring up the dead bus."""

    LISTED = "listed"
    FOUND = "found"


class LoadStep(Part):
    """Load behind one switch that may be shed."""

    id: FleetId
    priority: int = Field(
        ge=0, le=99, description="the lowest is shed first, the highest restored first"
    )
    power_kw: float = Field(gt=0, description="most it draws when it comes back, kW")
    end_users: tuple[FleetId, ...] = Field(
        min_length=1, description="end-users behind the switch, outside transfer arrangements"
    )


class Microgrid(Part):
    """How an area parts from the utility, lives alone and comes back."""

    breaker: FleetId = Field(description="name of the breaker at the point of common coupling")
    site: FleetId = Field(
        description="site whose gateway reads the switchgear; the formers stand there, and it has "
        "no protected load of its own"
    )
    formers: tuple[FleetId, ...] = Field(
        default=(),
        max_length=MOST_FORMERS,
        description="grid-forming devices at that site that may hold the area's bus",
    )
    black_start: BlackStart = Field(
        default=BlackStart.LISTED,
        description="listed: in the order given; found: stores first, then the quickest to start",
    )
    kept_kw: float | None = Field(
        default=None,
        ge=0,
        description="load that cannot be shed, kW; None: peaks of all end-users on no step",
    )
    steps: tuple[LoadStep, ...] = Field(
        default=(), max_length=MOST_STEPS, description="load that may be shed, each priority once"
    )
    reserve: ReserveRule = Field(
        default=ReserveRule.UNIT_AND_STEP,
        description="kept free when a step is taken up: the largest unit and the largest step",
    )
    nominal_hz: float = Field(default=60.0, ge=45, le=65, description="frequency, Hz")
    open_s: float = Field(
        default=10.0, gt=0, description="in which the breaker must be seen open, s"
    )
    form_s: float = Field(default=180.0, gt=0, description="in which a former must hold the bus, s")
    step_s: float = Field(
        default=20.0, gt=0, description="least time between two load steps of an island, s"
    )
    return_after_s: float = Field(
        default=ENTER_SERVICE_S, ge=0, description="utility healthy before it is gone back to, s"
    )
    resync_s: float = Field(
        default=180.0, gt=0, description="how long the synchroniser may seek at a time, s"
    )
    retry_s: float = Field(default=300.0, gt=0, description="pause before it is asked again, s")
    stagger_s: float = Field(
        default=30.0, gt=0, description="between two steps or sets on the way back, s"
    )

    @property
    def by_priority(self) -> tuple[LoadStep, ...]:
        """Steps as they are taken up: the highest priority first."""
        return tuple(sorted(self.steps, key=lambda step: -step.priority))
