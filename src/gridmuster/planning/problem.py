"""The planning problem and its answer: one description, whatever solver stands behind it.

Arrays run over the intervals of the grid (length ``count``); interval k starts at
``start_ms + k * step_s``. Power > 0 leaves the device towards the grid; import and export are both
positive. Everything is JSON-able, so that a plan can be asked for in another process and both the
question and the answer can be kept.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class PlanArea(Struct, frozen=True):
    """One balance: demand with losses is met by units, stores, renewables and the connection.

    ``demand_kw`` includes losses. ``reserve_kw`` is headroom to be kept beyond the loss of the
    largest unit. Limits are zero when islanded. ``demand_low_kw`` / ``demand_high_kw`` are the
    plan's band (10 % and 90 % quantiles) for people; they do not bind.
    """

    id: str
    demand_kw: list[float]
    import_limit_kw: list[float]
    export_limit_kw: list[float]
    import_price_usd_per_kwh: list[float]
    export_price_usd_per_kwh: list[float]
    reserve_kw: list[float]
    unserved_cost_usd_per_kwh: float
    demand_low_kw: list[float] = []
    demand_high_kw: list[float] = []


class StartClass(Struct, frozen=True):
    """After at least ``off_s`` off, a start costs ``cost_usd`` (warm, cold); see `PlanUnit`."""

    off_s: float
    cost_usd: float


class Delivery(Struct, frozen=True):
    """Fuel that comes at the beginning of an interval, l or m3."""

    interval: int
    amount: float


class Span(Struct, frozen=True):
    """Intervals ``first`` to ``end`` (not included), which may lie beyond the horizon."""

    first: int
    end: int


class RunWindow(Struct, frozen=True):
    """What a unit may still run, or be started, in intervals ``first`` to ``end`` (not included).

    A budget of a part of the horizon (a calendar day of a plan that crosses midnight), beside those
    of all of it; it may end beyond it. None: no limit.
    """

    first: int
    end: int
    run_h_left: float | None = None
    starts_left: int | None = None


class PlanUnit(Struct, frozen=True):
    """A generator that is on or off.

    When on in interval t it gives between ``min_kw[t]`` and ``max_kw[t]``; a set behind a
    transfer switch has both equal to its own site's load. ``max_kw[t] = 0`` forbids running.
    Hourly cost when on: ``no_load_usd_per_h`` plus the convex segments from zero output,
    (``segment_kw[j]`` wide, at ``segment_usd_per_kwh[j]``, rising). Fuel likewise, in l or m3.
    ``initial_s`` is how long it has been on (``initial_on``) or off.
    Budgets over the horizon: ``run_h_left`` (permit), ``fuel_left``, ``starts_left``; None: no
    limit. ``om_usd_per_kwh`` is the part of ``segment_usd_per_kwh`` that is wear and service, not
    fuel; it only splits the account.

    Starting: ``start_cost_usd`` for the hottest start, ``start_classes`` (rising in time and cost)
    for longer rests; time off runs from the stop until it is on again. ``start_power_kw`` is the
    mean output in each of the last intervals before it is on, the earliest first: it is off there,
    and what it burns is part of the start (``start_cost_usd``, ``start_fuel`` in l or m3).
    ``starting_s``: how long ago a start was ordered that is not yet done; it is on at its time, or
    the next start begins anew. ``start_max_kw`` and ``stop_max_kw`` are the most it gives in its
    first and its last interval on (None: minimum plus ramp); ``ramp_down_kw_per_s`` its ramp
    downwards (None: as upwards).

    Fuel and time: ``fuel_left`` is above the reserve at the beginning; ``fuel_deliveries`` come on
    top, as far as ``fuel_room`` (the tank above the reserve; None: all) takes them.
    ``run_h_value_usd_per_h`` prices each hour run: what an hour of a permit budget that outlasts
    the horizon is worth later. Budgets keep enough for a least time on that goes on beyond the
    horizon, so that the next plan can hold it. ``windows`` are budgets of parts of the horizon. In
    ``maintenance`` it may not run. ``emission_kg_per_fuel`` is by pollutant, kg per l or m3.
    """

    id: str
    area: str
    device_type: str
    min_kw: list[float]
    max_kw: list[float]
    no_load_usd_per_h: float
    segment_kw: list[float]
    segment_usd_per_kwh: list[float]
    no_load_fuel_per_h: float
    segment_fuel_per_kwh: list[float]
    fuel_lhv_kwh_per_unit: float
    start_cost_usd: float
    min_up_s: float
    min_down_s: float
    initial_on: bool
    initial_s: float
    initial_kw: float
    ramp_kw_per_s: float
    start_delay_s: float
    must_run: bool = False
    run_h_left: float | None = None
    fuel_left: float | None = None
    starts_left: int | None = None
    availability: float = 1.0
    fail_to_start: float = 0.0
    mttf_h: float = 1.0e9
    gives_reserve: bool = True
    om_usd_per_kwh: float = 0.0
    start_classes: list[StartClass] = []
    start_power_kw: list[float] = []
    start_fuel: float = 0.0
    starting_s: float | None = None
    start_max_kw: float | None = None
    stop_max_kw: float | None = None
    ramp_down_kw_per_s: float | None = None
    fuel_deliveries: list[Delivery] = []
    fuel_room: float | None = None
    run_h_value_usd_per_h: float = 0.0
    windows: list[RunWindow] = []
    maintenance: list[Span] = []
    emission_kg_per_fuel: dict[str, float] = {}


class PlanStore(Struct, frozen=True):
    """A store that carries energy between intervals, with one-way efficiencies.

    ``end_value_usd_per_kwh`` prices what is left at the end; ``end_min_kwh`` is a wish whose
    breach is priced and named. So are ``energy_low_kwh`` and ``energy_high_kwh``, wished bounds on
    the energy at the end of each interval (empty: none), beside the hard ``min_energy_kwh`` and
    ``max_energy_kwh``.
    """

    id: str
    area: str
    device_type: str
    charge_kw: list[float]
    discharge_kw: list[float]
    charge_efficiency: float
    discharge_efficiency: float
    self_discharge_per_h: float
    min_energy_kwh: float
    max_energy_kwh: float
    initial_energy_kwh: float
    cycle_cost_usd_per_kwh: float
    end_value_usd_per_kwh: float
    end_min_kwh: float = 0.0
    availability: float = 1.0
    gives_reserve: bool = True
    energy_low_kwh: list[float] = []
    energy_high_kwh: list[float] = []


class PlanRenewable(Struct, frozen=True):
    """Sun or wind: anything from zero to ``available_kw[t]``."""

    id: str
    area: str
    device_type: str
    available_kw: list[float]
    cost_usd_per_kwh: float


class PlanLink(Struct, frozen=True):
    """A line between two areas of the problem.

    At most ``limit_kw[t]`` leaves ``from_area``, at most ``back_limit_kw[t]`` leaves ``to_area``;
    of what leaves, the share ``loss_fraction`` does not arrive. ``usd_per_kwh`` is paid for what
    leaves.
    """

    id: str
    from_area: str
    to_area: str
    limit_kw: list[float]
    back_limit_kw: list[float]
    loss_fraction: float = 0.0
    usd_per_kwh: float = 0.0


class EmissionCap(Struct, frozen=True):
    """At most ``limit_kg`` of a pollutant over the horizon from the units of some areas (or all).

    What is above it is priced at ``excess_usd_per_kg`` and named. Only intervals ``first`` to
    ``end`` (not included; None: the last of the horizon) count, like a calendar day's.
    """

    id: str
    pollutant: str
    limit_kg: float
    excess_usd_per_kg: float
    areas: list[str] = []
    first: int = 0
    end: int | None = None


class Weights(Struct, frozen=True):
    """How much each objective counts; the sum is 1 after `planning.objectives.parse`."""

    operating_expense: float = 1.0
    production_cost: float = 0.0
    efficiency: float = 0.0
    reliability: float = 0.0


class PlanProblem(Struct, frozen=True):
    """Everything a planner needs to know.

    ``objectives`` maps an area's or a device's id to its own weights; others use ``weights``.
    """

    id: str
    start_ms: int
    step_s: int
    count: int
    areas: list[PlanArea]
    units: list[PlanUnit] = []
    stores: list[PlanStore] = []
    renewables: list[PlanRenewable] = []
    weights: Weights = Weights()
    objectives: dict[str, Weights] = {}
    links: list[PlanLink] = []
    emission_caps: list[EmissionCap] = []


class PlanLimits(Struct, frozen=True):
    """How long and how well to solve; the solver stops at whichever comes first."""

    gap: float = 1e-3
    time_limit_s: float = 30.0
    node_limit: int | None = None
    threads: int = 1


class ShortfallKind(StrEnum):
    """Which wish a plan could not meet."""

    UNSERVED = "unserved"
    RESERVE = "reserve"
    SURPLUS = "surplus"
    STORE_END = "store_end"
    STORE_FLOOR = "store_floor"
    RAMP = "ramp"
    MUST_RUN = "must_run"
    STORE_HOUR = "store_hour"
    EMISSION = "emission"


class Shortfall(Struct, frozen=True):
    """A wish that the plan breaks: what, where, when, how much, why.

    ``where`` is an area's id (unserved, surplus, reserve) or a device's. ``amount_kw`` is in kWh
    for the energy wishes of stores (``store_end``, ``store_floor``, ``store_hour``) and in kg for
    ``emission``, whose place is the cap's id and whose interval is the last.
    """

    kind: ShortfallKind
    where: str
    interval: int
    amount_kw: float
    cause: str


class PlanSolution(Struct, frozen=True):
    """A plan that is always there, with its proof and its named shortfalls.

    ``price_usd_per_kwh[area]`` is the marginal price; ``energy_value_usd_per_kwh[store]`` the
    value of one more kWh held at the end of each interval; ``energy_kwh[store]`` the state of
    energy at the end of each interval. ``status`` is ``optimal`` (within the gap),
    ``time_limit``, or ``fallback`` (rule-based plan because the solver gave none).
    ``link_kw[link]`` is what leaves ``from_area``, or, below 0, what leaves ``to_area``;
    ``link_reserve_kw`` the headroom that one area keeps for the other, signed alike.
    ``emission_kg`` is by pollutant.
    """

    problem_id: str
    start_ms: int
    step_s: int
    count: int
    status: str
    method: str
    objective_usd: float
    lower_bound_usd: float
    gap: float
    seconds: float
    commitment: dict[str, list[int]]
    power_kw: dict[str, list[float]]
    energy_kwh: dict[str, list[float]]
    import_kw: dict[str, list[float]]
    export_kw: dict[str, list[float]]
    price_usd_per_kwh: dict[str, list[float]]
    energy_value_usd_per_kwh: dict[str, list[float]]
    shortfalls: list[Shortfall]
    fuel_usd: float = 0.0
    start_usd: float = 0.0
    om_usd: float = 0.0
    purchase_usd: float = 0.0
    sale_usd: float = 0.0
    produced_kwh: float = 0.0
    fuel_lhv_kwh: float = 0.0
    lolp: float = 0.0
    eens_kwh: float = 0.0
    link_kw: dict[str, list[float]] = {}
    link_reserve_kw: dict[str, list[float]] = {}
    emission_kg: dict[str, float] = {}
