"""What people and other programs may see of the running center: one frozen view a cycle.

The API, the live terminal and later pages read only this; nobody looks into the core.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gridmuster.center.pricing import PricedView
from gridmuster.forecast.told import PriceSource


class Mode(StrEnum):
    """What the center is doing.

    ``recovering``: listening to the sites before it commands. ``commanding``: the one decider.
    ``stood_down``: a newer center was seen. ``refusing``: the journal cannot be written.
    """

    RECOVERING = "recovering"
    COMMANDING = "commanding"
    STOOD_DOWN = "stood_down"
    REFUSING = "refusing"


class AreaRates(Struct, frozen=True):
    """What running an area costs and yields at this moment; see `center.rates`.

    ``expense_usd_per_h`` is what the area costs now: own cost, purchases less sales, and what is
    not served; None while the price of what is bought is unknown. ``own_usd_per_h / own_kw`` is
    the production cost, USD/kWh; ``output_kw / input_kw`` the efficiency. The price is None while
    the market has not been heard.
    """

    price_usd_per_mwh: float | None
    expense_usd_per_h: float | None
    own_usd_per_h: float
    own_kw: float
    input_kw: float
    output_kw: float


class IslandStep(Struct, frozen=True):
    """A load step: its switch as measured, and whether it is wished closed."""

    id: str
    priority: int
    power_kw: float
    contact: str
    load_kw: float | None
    wanted: bool


class IslandView(Struct, frozen=True):
    """An area's coupling to the utility, and its life as an island; see `center.islands`.

    ``state``: connected, dead, islanded, resynchronising or unknown, by what is measured. ``text``
    is what was decided last, ``trouble`` what a person must see to; empty: nothing.
    """

    state: str
    since_ms: int
    coupling: str
    utility: str
    bus: str
    synchroniser: str
    former: str
    sets: list[str]
    steps: list[IslandStep]
    load_kw: float
    able_kw: float
    reserve_kw: float
    text: str
    trouble: str


class AreaView(Struct, frozen=True):
    """One area's balance now. Demand is metered plus estimated; kW."""

    id: str
    name: str
    demand_kw: float
    estimated_kw: float
    losses_kw: float
    generation_kw: float
    generation_kw_by_type: dict[str, float]
    import_kw: float
    import_limit_kw: float
    export_limit_kw: float
    reserve_kw: float
    largest_unit_kw: float
    largest_unit: str
    shortfall_kw: float
    shortfall_cause: str
    lolp: float
    price_usd_per_mwh: float
    frequency_hz: float
    energised: bool
    quality: str
    forecast_start_ms: int
    forecast_step_s: int
    forecast_kw: list[float]
    forecast_low_kw: list[float]
    forecast_high_kw: list[float]
    planned_generation_kw: list[float]
    planned_import_kw: list[float]
    planned_kw_by_type: dict[str, list[float]] = {}
    forecast_price_usd_per_mwh: list[float] = []
    forecast_price_low_usd_per_mwh: list[float] = []
    forecast_price_high_usd_per_mwh: list[float] = []
    price_source: PriceSource | None = None
    rates: AreaRates | None = None
    island: IslandView | None = None


class DeviceView(Struct, frozen=True):
    """One device: what it is asked, what it does, and how old that news is."""

    id: str
    type: str
    site: str
    area: str
    state: str
    mode: str
    quality: str
    age_s: float
    power_kw: float
    setpoint_kw: float | None
    order: str
    available_kw: float
    rated_kw: float
    energy_kwh: float | None
    energy_capacity_kwh: float | None
    fuel_level: float | None
    fuel_floor: float | None
    run_h: float | None
    permit_class: str
    permit_left_h: float | None
    reason: str
    override: str
    alarms: list[str]
    planned_kw: list[float]


class AlarmView(Struct, frozen=True):
    """One alarm: what, since when, and what to do."""

    id: str
    severity: str
    subject: str
    text: str
    advice: str
    since_ms: int


class DecisionView(Struct, frozen=True):
    """One decision in plain words: why a device was started, stopped or replaced."""

    at_ms: int
    device: str
    kind: str
    text: str


class CommandView(Struct, frozen=True):
    """One command and what became of it."""

    id: str
    at_ms: int
    site: str
    device: str
    order: str
    power_kw: float
    outcome: str
    reason: str
    latency_s: float | None


class SiteView(Struct, frozen=True):
    """A site that is out of the ordinary: not plainly fed by the utility, or not heard lately.

    ``on_backup`` from the loss of the utility until the site has gone back to it, and while its
    own sources feed it for another reason. ``heard_ms`` is None when it was never heard.
    """

    id: str
    supply: str
    on_backup: bool
    quality: str
    heard_ms: int | None


class PlantView(Struct, frozen=True):
    """The whole plant at the end of a cycle."""

    at_ms: int
    fleet: str
    center_id: str
    fence: int
    mode: Mode
    cycle: int
    objective: str
    areas: list[AreaView]
    devices: list[DeviceView]
    alarms: list[AlarmView]
    decisions: list[DecisionView]
    commands: list[CommandView]
    counters: dict[str, float]
    plan_status: str
    plan_gap: float
    plan_age_s: float
    priced: dict[str, PricedView] = {}
    # What the core cannot know; the shell around it fills these in with `structs.replace`.
    time_zone: str = "UTC"
    speed: float = 1.0
    link_up: bool = True
    journal_fault: str = ""
    # Sites that are not listed are heard, and fed by the utility.
    sites: list[SiteView] = []


class ActivationSet(Struct, frozen=True):
    """A set of an activation: what it is counted on for, what it gives, and why it was lost."""

    device: str
    site: str
    kw: float
    power_kw: float
    state: str
    start_ms: int
    replaces: str
    lost: str


class ActivationView(Struct, frozen=True):
    """An activation. ``phase``: waiting, starting, running, returning, ended or cancelled."""

    id: str
    actor: str
    reason: str
    scope: str
    target: str
    purpose: str
    asked_ms: int
    from_ms: int
    until_ms: int
    phase: str
    target_kw: float
    probability: float
    firm_kw: float
    missing_kw: float
    delivered_kw: float
    delivered_kwh: float
    in_line: list[str]
    sets: list[ActivationSet]
    cancelled_by: str
    program: str = ""


class RequestView(Struct, frozen=True):
    """What a program asks for, and what became of it.

    ``state``: ahead (its begin is further off than sets need), called, covered (others give all
    of it), refused, ended (by a person) or over.
    """

    key: str
    state: str
    power_kw: float
    granted_kw: float
    covered_by: list[str]
    from_ms: int
    until_ms: int
    purpose: str
    reason: str
    activation: str
    answer: str


class ProgramView(Struct, frozen=True):
    """A program of an area with what it asks for, the latest first."""

    id: str
    kind: str
    area: str
    priority: int
    hears: bool
    events: int
    requests: list[RequestView]


class Submitted(Struct, frozen=True, tag="submitted", tag_field="result"):
    """An operator's request was journaled and applied; ``text`` says what came of it."""

    id: str
    at_ms: int
    text: str


class Rejected(Struct, frozen=True, tag="rejected", tag_field="result"):
    """The center would not do what an operator asked; ``reason`` says why, and what would do."""

    id: str
    at_ms: int
    reason: str


class AuditEntry(Struct, frozen=True):
    """One operator's request as journaled, and its result. ``number`` only grows."""

    number: int
    at_ms: int
    id: str
    actor: str
    role: str
    action: str
    scope: str
    target: str
    power_kw: float | None
    until_ms: int | None
    reason: str
    applied: bool
    text: str
