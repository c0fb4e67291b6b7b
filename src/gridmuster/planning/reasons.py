"""Why a plan has a device on or off, charging or not: closed results in numbers.

Money is in the USD of the problem's objective (`planning.objectives.costs`): with the pure
operating expense these are dollars; other objectives weigh them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gridmuster.planning.merit import Source
from gridmuster.planning.problem import Shortfall


class Verdict(StrEnum):
    """The reason that decides.

    On: its run earns at the plan's prices; a wish or a least time keeps it on; without it demand
    or reserve would be short; what else could give its power costs more. Off: no run through this
    moment earns; it may not run, or not yet; a budget is used up; there is no room for its least
    output. Stores give or take because the price pays, or wait for a better one. ``whole_plan``: no
    single interval shows it; the plan as a whole is proven within its gap.
    """

    EARNS = "earns"
    MUST_RUN = "must_run"
    HELD_ON = "held_on"
    NEEDED = "needed"
    RESERVE = "reserve"
    CHEAPEST_WAY = "cheapest_way"
    OUT_OF_MONEY = "out_of_money"
    NOT_ALLOWED = "not_allowed"
    HELD_OFF = "held_off"
    USED_UP = "used_up"
    NO_ROOM = "no_room"
    GIVES = "gives"
    TAKES = "takes"
    WAITS = "waits"
    USED = "used"
    CURTAILED = "curtailed"
    NOTHING_THERE = "nothing_there"
    WHOLE_PLAN = "whole_plan"


class LimitKind(StrEnum):
    """A limit that a device, or its area, is at."""

    LEAST_OUTPUT = "least_output"
    MOST_OUTPUT = "most_output"
    OWN_LOAD = "own_load"
    MUST_RUN = "must_run"
    MIN_UP = "min_up"
    MIN_DOWN = "min_down"
    RAMP = "ramp"
    HOURS = "hours"
    FUEL = "fuel"
    STARTS = "starts"
    RESERVE = "reserve"
    IMPORT = "import_limit"
    EXPORT = "export_limit"
    ISLANDED = "islanded"
    EMPTY = "empty"
    FULL = "full"
    END_WISH = "end_wish"


class Limit(Struct, frozen=True):
    """A limit that binds: its amount and unit, and the same in words."""

    kind: LimitKind
    amount: float
    unit: str
    text: str


class Alternative(Struct, frozen=True):
    """Who could give the power instead, at what full cost, and by how much that is dearer.

    ``dearer_by_usd_per_kwh`` is its cost less the device's own; below 0 it would be cheaper.
    """

    id: str
    source: Source
    power_kw: float
    cost_usd_per_kwh: float
    dearer_by_usd_per_kwh: float


class Run(Struct, frozen=True):
    """Intervals ``first`` to ``end`` (not included) on, their energy, cost and margin.

    ``cost_usd`` has the start in it where there is one (``start_usd``); ``margin_usd`` is what the
    energy earns at the plan's prices less that cost.
    """

    first: int
    end: int
    energy_kwh: float
    cost_usd: float
    start_usd: float
    margin_usd: float


class UnitWhy(Struct, frozen=True, tag="unit", tag_field="kind"):
    """Why a generator is on or off in an interval.

    ``output_kw`` is what the costs are reckoned at: its power when on, else the output that would
    earn most at the price. ``cost_usd_per_kwh`` is no load, segments and the run's start over the
    energy; ``margin_usd_per_h`` is price times output less no load and segments. ``run`` is the
    run it is in, or the best one it could make through this interval. ``missing_kw`` is the demand,
    or the reserve, that would be missing without it; ``instead_usd_per_h`` what the others would
    cost an hour for the same power (on), or save by making room for it (off), None when they
    cannot.
    """

    device: str
    device_type: str
    area: str
    interval: int
    at_ms: int
    verdict: Verdict
    on: bool
    starts: bool
    power_kw: float
    output_kw: float
    price_usd_per_kwh: float
    no_load_usd_per_h: float
    energy_usd_per_h: float
    start_usd: float
    start_usd_per_kwh: float
    cost_usd_per_kwh: float
    margin_usd_per_h: float
    run: Run | None
    missing_kw: float
    instead_usd_per_h: float | None
    limits: list[Limit]
    next_best: Alternative | None
    others: list[Alternative]
    shortfalls: list[Shortfall]
    sentences: list[str] = []


class StoreWhy(Struct, frozen=True, tag="store", tag_field="kind"):
    """Why a store gives, takes or waits in an interval.

    Charging pays below ``buys_below_usd_per_kwh``, giving above ``sells_above_usd_per_kwh``; both
    follow from ``value_usd_per_kwh``, what one more kWh held at the end of the interval is worth.
    """

    device: str
    device_type: str
    area: str
    interval: int
    at_ms: int
    verdict: Verdict
    power_kw: float
    energy_kwh: float
    price_usd_per_kwh: float
    value_usd_per_kwh: float
    buys_below_usd_per_kwh: float
    sells_above_usd_per_kwh: float
    limits: list[Limit]
    shortfalls: list[Shortfall]
    sentences: list[str] = []


class RenewableWhy(Struct, frozen=True, tag="renewable", tag_field="kind"):
    """Why sun or wind is used or held back in an interval."""

    device: str
    device_type: str
    area: str
    interval: int
    at_ms: int
    verdict: Verdict
    power_kw: float
    available_kw: float
    price_usd_per_kwh: float
    cost_usd_per_kwh: float
    limits: list[Limit]
    shortfalls: list[Shortfall]
    sentences: list[str] = []


class NotPlanned(Struct, frozen=True, tag="not_planned", tag_field="kind"):
    """The plan has no such device: nothing was asked about it."""

    device: str
    interval: int
    at_ms: int
    sentences: list[str] = []


Why = UnitWhy | StoreWhy | RenewableWhy | NotPlanned
