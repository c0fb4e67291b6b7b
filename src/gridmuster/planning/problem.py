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


class PlanStore(Struct, frozen=True):
    """A store that carries energy between intervals, with one-way efficiencies.

    ``end_value_usd_per_kwh`` prices what is left at the end; ``end_min_kwh`` is a wish whose
    breach is priced and named.
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


class PlanRenewable(Struct, frozen=True):
    """Sun or wind: anything from zero to ``available_kw[t]``."""

    id: str
    area: str
    device_type: str
    available_kw: list[float]
    cost_usd_per_kwh: float


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


class Shortfall(Struct, frozen=True):
    """A wish that the plan breaks: what, where, when, how much, why.

    ``where`` is an area's id (unserved, surplus, reserve) or a device's. ``amount_kw`` is in kWh
    for the energy wishes of stores (``store_end``, ``store_floor``).
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
