"""The programs of an area: the reasons for which its sets are called, as the fleet file says them.

What each of them does with what it hears is in `gridmuster.programs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from gridmuster.fleet.part import FleetId, Part
from gridmuster.starts import LocalNeed

#: Least length of a call, s: the least time on of most engines (`domain.md` section 1).
RUN_S = 1800


def _priority(default: int) -> int:
    """The field of a program's place in the order, with its usual value."""
    found: int = Field(
        default=default, ge=0, le=99, description="of requests at one time the highest comes first"
    )
    return found


class Program(Part):
    """What every program has: its place in the order, and whom it calls."""

    kind: ClassVar[str] = ""
    #: Fields of a threshold, where the value asks and where it ends, and whether it asks below.
    thresholds: ClassVar[tuple[tuple[str, str, bool], ...]] = ()

    id: FleetId
    priority: int = _priority(50)
    probability: float = Field(
        default=0.95, ge=0.5, le=0.9999, description="how sure the power must be, fraction"
    )
    feeder: FleetId | None = Field(default=None, description="only sites on this feeder")
    tag: str = Field(default="", description="only sites with this tag")
    light_load: bool = Field(
        default=True, description="whether sets may run below their least load (wet stacking)"
    )

    def reaches(self, feeder: str | None, tags: Sequence[str]) -> bool:
        """Whether a site of the area, by its feeder and tags, is one of those it calls."""
        return self.feeder in (None, feeder) and (not self.tag or self.tag in tags)


class Conditions(Part):
    """The five conditions of an emergency engine's 50 paid hours, as the operator asserts them.

    40 CFR 63.6640(f)(4)(ii), (A) to (E); stored with each start.
    """

    dispatched_by: str = Field(
        min_length=1, max_length=200, description="local balancing authority or network operator"
    )
    averts: str = Field(
        min_length=1, max_length=200, description="which voltage collapse or line overload"
    )
    protocol: str = Field(
        min_length=1, max_length=200, description="reliability standard or guideline followed"
    )
    serves: str = Field(
        min_length=1, max_length=200, description="the site itself or which part of the network"
    )
    recorded_by: str = Field(min_length=1, max_length=200, description="who keeps the record of it")

    @property
    def asserted(self) -> LocalNeed:
        """The same as it goes with a start."""
        return LocalNeed(**self.model_dump())


class GridAlert(Program):
    """Power at each level of the grid operator's emergency alert (NERC EEA1 to EEA3)."""

    kind: ClassVar[str] = "grid_alert"

    priority: int = _priority(90)
    eea1_kw: float = Field(default=0.0, ge=0, description="asked at EEA1, kW; 0: nothing")
    eea2_kw: float = Field(default=0.0, ge=0, description="asked at EEA2, kW; 0: as at EEA1")
    eea3_kw: float = Field(default=0.0, ge=0, description="asked at EEA3, kW; 0: as at EEA2")
    conditions: Conditions | None = Field(
        default=None, description="the five conditions of 40 CFR 63.6640(f)(4)(ii); None: not held"
    )
    run_s: int = Field(default=RUN_S, ge=0, description="least length of a call, s")
    open_s: int = Field(
        default=14_400, gt=0, description="how long an alert without an end counts, s"
    )


class Frequency(Program):
    """Power when the area's frequency stays low (under-frequency response)."""

    kind: ClassVar[str] = "frequency"
    thresholds = (("below_hz", "recover_hz", True),)

    priority: int = _priority(80)
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

    priority: int = _priority(70)
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

    priority: int = _priority(60)
    power_kw: float = Field(gt=0, description="most that is asked, kW")
    purpose: Literal["demand", "emergency_alert"] = Field(
        default="demand", description="legal basis of its starts"
    )
    conditions: Conditions | None = Field(
        default=None, description="the five conditions of 40 CFR 63.6640(f)(4)(ii); None: not held"
    )
    open_s: int = Field(
        default=14_400, gt=0, description="how long a signal without an end counts, s"
    )


class OpenAdr(Program):
    """Power for events of an OpenADR 3 VTN; the center is the VEN and polls it over HTTP."""

    kind: ClassVar[str] = "openadr"

    priority: int = _priority(60)
    power_kw: float = Field(gt=0, description="most that is asked, kW")
    vtn_url: str = Field(description="the VTN's address, like https://vtn.example/openadr3/3.0.1")
    ven_name: str = Field(min_length=1, max_length=128, description="the center's name there")
    vtn_program: str = Field(default="", description="programName there; empty: all")
    targets: tuple[str, ...] = Field(
        default=(), description="words of targets that mean this area, beside its id and the VEN"
    )
    client_id: str = Field(default="", description="OAuth client id; empty: a bearer token")
    secret_env: str = Field(
        default="", description="environment variable with the client's secret or the bearer token"
    )
    token_url: str = Field(default="", description="OAuth token endpoint; empty: the VTN's own")
    scope: str = Field(default="", description="OAuth scopes to ask for, with spaces between")
    poll_s: float = Field(default=30.0, ge=1, le=3600, description="real time between polls, s")
    simple_shares: tuple[float, float, float] = Field(
        default=(0.333, 0.667, 1.0), description="share of power_kw at SIMPLE 1, 2 and 3"
    )
    price_above_usd_per_mwh: float | None = Field(
        default=None, description="asks when a PRICE is at least this, USD/MWh; None: never"
    )
    emergency_level: Literal["eea1", "eea2", "eea3"] = Field(
        default="eea2", description="level meant by an ALERT_GRID_EMERGENCY that names none"
    )
    conditions: Conditions | None = Field(
        default=None, description="the five conditions of 40 CFR 63.6640(f)(4)(ii); None: not held"
    )
    open_s: int = Field(
        default=14_400, gt=0, description="how long an event without an end counts, s"
    )


class Peak(Program):
    """Power when the load of the area, or of the program's feeder, comes near a limit."""

    kind: ClassVar[str] = "peak"
    thresholds = (("start_fraction", "stop_fraction", False),)

    priority: int = _priority(50)
    power_kw: float = Field(gt=0, description="asked, kW")
    limit_kw: float | None = Field(
        default=None, gt=0, description="the limit, kW; None: the feeder's, or the area's import's"
    )
    start_fraction: float = Field(
        default=0.95, gt=0, le=2, description="asks when the load is above this part of the limit"
    )
    stop_fraction: float = Field(
        default=0.9, gt=0, le=2, description="ends when it is below this part again"
    )
    ahead_s: int = Field(
        default=0, ge=0, le=86_400, description="asks as well when the area's forecast is, s ahead"
    )
    delay_s: float = Field(default=60.0, ge=0, description="how long it must be above, s")
    recover_s: float = Field(default=900.0, ge=0, description="how long it must be back, s")
    run_s: int = Field(default=RUN_S, ge=0, description="least length of a call, s")


class CoincidentPeak(Program):
    """Power on days that may hold the month's peak of the whole system (ERCOT 4CP)."""

    kind: ClassVar[str] = "coincident_peak"

    priority: int = _priority(40)
    power_kw: float = Field(gt=0, description="asked, kW")
    time_zone: str = Field(default="America/Chicago", description="IANA zone of the system's days")
    from_hour: int = Field(default=15, ge=0, le=23, description="local hour at which it begins")
    until_hour: int = Field(default=18, ge=1, le=24, description="local hour at which it ends")
    least_odds: float = Field(
        default=0.12, gt=0, lt=1, description="odds of the month's peak from which a day is called"
    )
    most_days: int = Field(default=35, ge=1, le=122, description="most days called in a season")


class PriceClass(Part):
    """A class of sites and the price from which they run."""

    thresholds: ClassVar[tuple[tuple[str, str, bool], ...]] = (
        ("above_usd_per_mwh", "below_usd_per_mwh", False),
    )

    tag: str = Field(default="", description="sites with this tag; empty: all")
    power_kw: float = Field(gt=0, description="asked, kW")
    above_usd_per_mwh: float = Field(description="asks when the price is above this, USD/MWh")
    below_usd_per_mwh: float = Field(description="ends when it is at or below this, USD/MWh")


class PriceRun(Program):
    """Power when the area's price is high, by class of sites."""

    kind: ClassVar[str] = "price"

    priority: int = _priority(20)
    classes: tuple[PriceClass, ...] = Field(
        min_length=1, description="classes of sites with their thresholds"
    )
    delay_s: float = Field(default=0.0, ge=0, description="how long it must be above, s")
    recover_s: float = Field(default=600.0, ge=0, description="how long it must be back, s")
    run_s: int = Field(default=RUN_S, ge=0, description="least length of a call, s")


class Curfew(Part):
    """Hours of the day in which no exercise may run, for noise or for neighbours."""

    from_hour: int = Field(ge=0, le=23, description="local hour of the site at which it begins")
    until_hour: int = Field(
        ge=1, le=24, description="local hour at which it ends; at most from_hour: of the next day"
    )
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        description="days on which it begins",
    )


class Exercising(Program):
    """Runs for the engines' own sake, each in its period's hours in which energy is worth most."""

    kind: ClassVar[str] = "exercise"

    priority: int = _priority(10)
    probability: float = Field(
        default=0.5, ge=0.5, le=0.9999, description="how sure the power must be, fraction"
    )
    curfews: tuple[Curfew, ...] = Field(
        default=(Curfew(from_hour=22, until_hour=7),),
        description="when no engine may be exercised; its cool-down counts",
    )
    early_share: float = Field(
        default=0.3, gt=0, le=0.9, description="how early a run may come, share of its period"
    )
    spare_share: float = Field(
        default=0.1, ge=0, lt=0.9, description="what is kept for further tries, share of the period"
    )
    most_at_once: int = Field(
        default=20, ge=1, le=90, description="most engines that begin in one quarter of an hour"
    )
    apart_s: int = Field(default=20, ge=0, le=900, description="least time between two begins, s")


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

    openadr: tuple[OpenAdr, ...] = Field(
        default=(), description="power for events of an OpenADR 3 VTN"
    )
    peak: tuple[Peak, ...] = Field(default=(), description="power when load comes near a limit")
    coincident_peak: tuple[CoincidentPeak, ...] = Field(
        default=(), description="power on days that may hold the system's monthly peak"
    )
    price: tuple[PriceRun, ...] = Field(default=(), description="power when the price is high")
    exercise: tuple[Exercising, ...] = Field(
        default=(), description="runs for the engines' own sake, placed in dear hours"
    )

    @property
    def asserted(self) -> bool:
        """Whether the conditions of an emergency alert are on record for one of them."""
        return any(getattr(one, "conditions", None) is not None for one in self.all)

    @property
    def all(self) -> tuple[Program, ...]:
        """Every program, in the order of the kinds."""
        return (
            *self.grid_alert,
            *self.frequency,
            *self.reserve,
            *self.webhook,
            *self.openadr,
            *self.peak,
            *self.coincident_peak,
            *self.price,
            *self.exercise,
        )
