"""What crosses the wire: typed, versioned JSON messages and the topics they travel on.

Site to center: `SiteReport` (operating data), `DemandReport` (meters), `Ack`.
Utility or market to center: `GridSignal`, `Price`. Center to site: `SiteCommand`; to all: `Lease`.
Operator to center: `OperatorRequest`. Planner to center: `PlanResult` (in `planning`).

Every message has ``v`` (schema version, now 1). Unknown fields are ignored so that an older
reader understands a newer writer; a wrong type, a missing field, a not-a-number, an unknown
version or more than `MAX_PAYLOAD_BYTES` is a `SignalError`. Power > 0 leaves the device towards
the grid; demand and grid import are positive.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta, Struct

from gridmuster import codec
from gridmuster.starts import LocalNeed, Substitution
from gridmuster.switching import SwitchgearReading, Switching

VERSION: Final = codec.VERSION
MAX_PAYLOAD_BYTES: Final = codec.MAX_PAYLOAD_BYTES
encode = codec.encode
decode = codec.decode
#: Largest power one message may name, kW; ten times the biggest device the center commands.
MAX_POWER_KW: Final = 100_000.0

Id = codec.Id
PowerKw = Annotated[float, Meta(ge=-MAX_POWER_KW, le=MAX_POWER_KW)]
#: Largest price of energy that is believed, USD/MWh; fifty times the highest cap anywhere.
MAX_PRICE_USD: Final = 1_000_000.0
PriceUsd = Annotated[float, Meta(ge=-MAX_PRICE_USD, le=MAX_PRICE_USD)]
InstantMs = codec.InstantMs
#: Largest integer that every JSON reader holds exactly (RFC 8259, section 6).
MAX_COUNT: Final = 9_007_199_254_740_991
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
NonNegative = Annotated[float, Meta(ge=0.0)]


class Frame(Struct, frozen=True, array_like=True):
    """One message as it travels: topic, encoded payload, and when it arrived or left (ms)."""

    topic: str
    payload: bytes
    at_ms: int


class DeviceState(StrEnum):
    """Where a device is in its life; engines walk through all, others use a few."""

    IDLE = "idle"
    STARTING = "starting"
    WARMING = "warming"
    RUNNING = "running"
    COOLING = "cooling"
    FAULT = "fault"
    LOCKED = "locked"
    UNKNOWN = "unknown"


class SwitchMode(StrEnum):
    """Position of the controller's own mode switch; only ``auto`` may be commanded from afar."""

    AUTO = "auto"
    MANUAL = "manual"
    OFF = "off"
    UNKNOWN = "unknown"


class Supply(StrEnum):
    """What feeds a site's own load now."""

    UTILITY = "utility"
    LOCAL = "local"
    PARALLEL = "parallel"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Quality(StrEnum):
    """How far a value may be trusted."""

    GOOD = "good"
    ESTIMATED = "estimated"
    STALE = "stale"
    BAD = "bad"


class DeviceReading(Struct, frozen=True, omit_defaults=True):
    """Operating data of one device.

    ``available_kw`` is the most it could give now (sun, wind, derating; 0 in fault).
    Counters only grow: ``produced_kwh``, ``absorbed_kwh``, ``fuel_used`` (l or m3), ``run_h``,
    ``starts``, ``failed_starts``. ``fuel_level`` is what is in the tank (l or m3);
    ``energy_kwh`` the state of energy of a store. None means the controller does not say.
    """

    device: Id
    state: DeviceState
    power_kw: PowerKw = 0.0
    available_kw: PowerKw = 0.0
    mode: SwitchMode = SwitchMode.AUTO
    quality: Quality = Quality.GOOD
    produced_kwh: NonNegative = 0.0
    absorbed_kwh: NonNegative = 0.0
    energy_kwh: NonNegative | None = None
    fuel_level: NonNegative | None = None
    fuel_used: NonNegative | None = None
    run_h: NonNegative | None = None
    starts: Count | None = None
    failed_starts: Count | None = None
    alarms: tuple[str, ...] = ()


class SiteReport(Struct, frozen=True, omit_defaults=True, tag="report", tag_field="kind"):
    """Operating data of a whole site at one moment.

    ``highest_fence``, ``fence_holder`` and ``last_sequence`` tell a new center what was obeyed;
    ``switchgear`` is of an area that can island. ``backup_load_kw`` is the own protected load as
    measured, None when unknown; ``poi_kw`` goes out at the point of interconnection (< 0: in).
    """

    site: Id
    at_ms: InstantMs
    sequence: Count
    supply: Supply
    utility_ok: bool
    frequency_hz: NonNegative
    voltage_pu: NonNegative
    poi_kw: PowerKw
    devices: tuple[DeviceReading, ...]
    backup_load_kw: NonNegative | None = None
    highest_fence: Count = 0
    fence_holder: str = ""
    last_sequence: Count = 0
    alarms: tuple[str, ...] = ()
    switchgear: SwitchgearReading | None = None
    v: int = VERSION


class MeterReading(Struct, frozen=True, omit_defaults=True):
    """One end-user's meter: mean demand since the last reading and a counter that only grows."""

    end_user: Id
    power_kw: PowerKw
    energy_kwh: NonNegative
    quality: Quality = Quality.GOOD


class DemandReport(Struct, frozen=True, omit_defaults=True, tag="demand", tag_field="kind"):
    """Meter readings that one publisher sends together; a silent meter is absent, never zero."""

    site: Id
    at_ms: InstantMs
    sequence: Count
    readings: tuple[MeterReading, ...]
    v: int = VERSION


class Alert(StrEnum):
    """Energy-emergency level of the grid operator (NERC EEA levels)."""

    NONE = "none"
    EEA1 = "eea1"
    EEA2 = "eea2"
    EEA3 = "eea3"


class GridSignal(Struct, frozen=True, omit_defaults=True, tag="grid", tag_field="kind"):
    """State of an area's connection to the utility.

    ``import_kw`` is the measured net import (negative: export). Counters only grow.
    """

    area: Id
    at_ms: InstantMs
    sequence: Count
    energised: bool
    frequency_hz: NonNegative
    voltage_pu: NonNegative
    import_kw: PowerKw
    import_limit_kw: NonNegative
    export_limit_kw: NonNegative
    import_kwh: NonNegative = 0.0
    export_kwh: NonNegative = 0.0
    alert: Alert = Alert.NONE
    v: int = VERSION


class Price(Struct, frozen=True, omit_defaults=True, tag="price", tag_field="kind"):
    """Price of energy at an area's connection from ``start_ms`` for ``duration_s``.

    ``ahead_usd_per_mwh`` holds published prices of the intervals after it (day ahead), hourly
    from the start of the next hour, when the market publishes them.
    """

    area: Id
    at_ms: InstantMs
    sequence: Count
    start_ms: InstantMs
    duration_s: Count
    price_usd_per_mwh: PriceUsd
    ahead_usd_per_mwh: tuple[PriceUsd, ...] = ()
    v: int = VERSION


class Order(StrEnum):
    """What a device is asked to be: a wished state, so that repeating it changes nothing."""

    RUN = "run"
    STOP = "stop"
    EMERGENCY_STOP = "emergency_stop"
    RESET = "reset"


class Purpose(StrEnum):
    """Why a device runs; permit classes allow some purposes and forbid others."""

    OUTAGE = "outage"
    EXERCISE = "exercise"
    DEMAND = "demand"
    PRICE = "price"
    EMERGENCY_ALERT = "emergency_alert"
    OPERATOR = "operator"


class Setpoint(Struct, frozen=True, omit_defaults=True):
    """The wished state of one device; ``power_kw`` and ``purpose`` count only with ``RUN``."""

    device: Id
    order: Order
    power_kw: PowerKw = 0.0
    purpose: Purpose = Purpose.DEMAND


class SiteCommand(Struct, frozen=True, omit_defaults=True, tag="command", tag_field="kind"):
    """Setpoints for a site's devices, and a wish for switchgear; until ``expires_at_ms``.

    ``sequence`` grows per site and fence; ``fence`` grows with every new center.
    """

    id: Id
    site: Id
    center_id: Id
    fence: Count
    sequence: Count
    issued_at_ms: InstantMs
    expires_at_ms: InstantMs
    setpoints: tuple[Setpoint, ...]
    switching: Switching | None = None
    v: int = VERSION


class Outcome(StrEnum):
    """What became of a command or of one setpoint in it.

    ``accepted``: obeyed, under way. ``done``: measured to be so. ``duplicate``: seen before,
    acknowledged again, not repeated. ``refused``, ``expired``, ``failed``: not so, see reason.
    """

    ACCEPTED = "accepted"
    DONE = "done"
    REDUCED = "reduced"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"


class DeviceOutcome(Struct, frozen=True, omit_defaults=True):
    """What one device made of its setpoint, with the power measured then."""

    device: Id
    outcome: Outcome
    reason: str = ""
    measured_kw: PowerKw | None = None


class Ack(Struct, frozen=True, omit_defaults=True, tag="ack", tag_field="kind"):
    """A site's answer to a command: once at receipt and once more when measured."""

    site: Id
    at_ms: InstantMs
    command_id: str
    fence: Count
    sequence: Count
    outcome: Outcome
    reason: str = ""
    devices: tuple[DeviceOutcome, ...] = ()
    highest_fence: Count = 0
    fence_holder: str = ""
    v: int = VERSION


class Lease(Struct, frozen=True, omit_defaults=True, tag="lease", tag_field="kind"):
    """A center's claim to be the one decider; retained by the broker."""

    center_id: Id
    fence: Count
    at_ms: InstantMs
    v: int = VERSION


class Scope(StrEnum):
    """How wide an operator's request reaches."""

    DEVICE = "device"
    SITE = "site"
    AREA = "area"
    FLEET = "fleet"


class Action(StrEnum):
    """What an operator may ask for."""

    OVERRIDE = "override"
    RELEASE = "release"
    EMERGENCY_STOP = "emergency_stop"
    RESET = "reset"
    ACTIVATE = "activate"
    CANCEL = "cancel"
    ACKNOWLEDGE = "acknowledge"
    SIGNAL = "signal"


class Activation(Struct, frozen=True, omit_defaults=True):
    """Sets to run together for a power over a window (`mission.md` B2).

    Of the sets in the request's scope those are meant whose site lies in ``polygon`` (a ring of
    longitude, latitude), belongs to ``owner``, has ``tag``, is on ``feeder`` and is one of
    ``sites``; what is empty does not count. ``power_kw`` is to be there with ``probability`` from
    ``from_ms`` until ``until_ms``. ``alert_asserted``: the operator puts on record that the five
    conditions of an emergency alert hold, each in ``local_need``. ``light_load``: whether sets
    may be called that would run below their least sustained load.
    """

    power_kw: Annotated[float, Meta(gt=0.0, le=MAX_POWER_KW)]
    from_ms: InstantMs
    until_ms: InstantMs
    purpose: Purpose = Purpose.DEMAND
    probability: Annotated[float, Meta(ge=0.5, le=0.9999)] = 0.95
    alert_asserted: bool = False
    light_load: bool = True
    polygon: tuple[tuple[float, float], ...] = ()
    owner: str = ""
    tag: str = ""
    sites: tuple[Id, ...] = ()
    feeder: str = ""
    local_need: LocalNeed | None = None

    @property
    def asserted(self) -> bool:
        """Whether all five conditions of an emergency alert are on record."""
        need = self.local_need
        return self.alert_asserted and need is not None and not need.missing()


class ProgramSignal(Struct, frozen=True, omit_defaults=True):
    """What a utility, market or another program tells one of an area's programs.

    The same ``event`` again takes the place of what was said of it before; ``withdrawn`` ends it.
    It counts from ``from_ms`` (None: now) until ``until_ms`` (None: no end is known). ``power_kw``
    is what is asked for (None: as much as the program gives), ``level`` the emergency level,
    ``reserve_mw`` the grid's reserve. ``rank`` orders events of one program, the smallest first.
    ``import_limit_kw`` asks for what keeps the area's import below it. ``forecast_mw`` and
    ``load_mw`` are a day's highest load of the whole system as forecast and as measured so far.
    ``remarks`` tell what of the sender's message was left out.
    """

    program: Id
    event: Id
    from_ms: InstantMs | None = None
    until_ms: InstantMs | None = None
    power_kw: Annotated[float, Meta(gt=0.0, le=MAX_POWER_KW)] | None = None
    level: Alert | None = None
    reserve_mw: NonNegative | None = None
    purpose: Purpose | None = None
    rank: Count = 0
    import_limit_kw: NonNegative | None = None
    forecast_mw: NonNegative | None = None
    load_mw: NonNegative | None = None
    withdrawn: bool = False
    remarks: tuple[str, ...] = ()


class OperatorRequest(Struct, frozen=True, omit_defaults=True, tag="operator", tag_field="kind"):
    """A person's request, already authenticated and authorised; journaled before it acts.

    ``override`` holds the devices in scope at ``power_kw`` (None: off) until ``until_ms`` or a
    ``release``; ``emergency_stop`` latches until ``reset`` by an admin. ``activate`` says in
    ``activation`` what; ``cancel`` ends the activation whose request had the id ``target``.
    ``acknowledge`` says that a person has seen the alarm ``target``; it changes no device.
    ``signal`` hands what ``signal`` says to the program ``target``; its actor may be a machine.
    """

    id: Id
    actor: str
    role: str
    action: Action
    scope: Scope
    target: Id
    at_ms: InstantMs
    power_kw: PowerKw | None = None
    until_ms: InstantMs | None = None
    reason: str = ""
    activation: Activation | None = None
    signal: ProgramSignal | None = None
    v: int = VERSION


class AreaBalance(Struct, frozen=True, omit_defaults=True):
    """One area's balance as the center saw it in a cycle, kW; None where no price was heard."""

    area: Id
    demand_kw: float
    losses_kw: float
    generation_kw: float
    import_kw: float
    reserve_kw: float = 0.0
    largest_unit_kw: float = 0.0
    estimated_kw: float = 0.0
    shortfall_kw: float = 0.0
    cause: str = ""
    lolp: float = 0.0
    generation_kw_by_type: dict[str, float] = {}
    price_usd_per_mwh: float | None = None


class StartRecord(Struct, frozen=True, omit_defaults=True):
    """Why a device was started or stopped, fit to be shown to its owner and to a regulator.

    ``asked_by`` is the person, the programme or the part of the center that wanted it; ``limits``
    are the limits of that moment with what is used of them, the tightest first; ``local_need`` the
    conditions asserted for the start of an emergency engine in an alert.
    """

    device: Id
    order: Order
    trigger: str
    legal_basis: str = ""
    binding: str = ""
    runner_up: str = ""
    text: str = ""
    asked_by: str = ""
    purpose: str = ""
    limits: tuple[str, ...] = ()
    local_need: LocalNeed | None = None


class CycleRecord(Struct, frozen=True, omit_defaults=True, tag="cycle", tag_field="kind"):
    """What one cycle decided and why; kept in the journal beside the commands."""

    at_ms: InstantMs
    center_id: Id
    fence: Count
    cycle: Count
    mode: str
    areas: tuple[AreaBalance, ...] = ()
    starts: tuple[StartRecord, ...] = ()
    substitutions: tuple[Substitution, ...] = ()
    vetoes: tuple[str, ...] = ()
    alarms_raised: tuple[str, ...] = ()
    alarms_cleared: tuple[str, ...] = ()
    v: int = VERSION


class SessionStarted(Struct, frozen=True, omit_defaults=True, tag="session", tag_field="kind"):
    """A center process began; the first thing in its inbox."""

    center_id: Id
    at_ms: InstantMs
    software: str
    v: int = VERSION


class ShellReport(Struct, frozen=True, omit_defaults=True, tag="shell", tag_field="kind"):
    """What the shell measured of itself since its last report; cycle times in ms of real time."""

    at_ms: InstantMs
    cycle_ms: tuple[float, ...] = ()
    missed_cycles: Count = 0
    link_up: bool = True
    v: int = VERSION


Message = (
    SiteReport | DemandReport | GridSignal | Price | SiteCommand | Ack | Lease | OperatorRequest
)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of every message, keyed by its ``kind``."""
    return {
        str(kind.__struct_config__.tag): msgspec.json.schema(kind)
        for kind in (*get_args(Message), CycleRecord, SessionStarted, ShellReport)
    }
