"""What the center remembers of its plans, and what it sends to a planner."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct, field

from gridmuster.center.clockplans import ClockMemory
from gridmuster.center.emitted import EmittedMemory
from gridmuster.center.outlook import OutlookMemory
from gridmuster.forecast.told import PriceSource
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution


class PlanRequest(Struct, frozen=True):
    """A plan to be made: the problem, how hard to try, and the plan before it to start from."""

    problem: PlanProblem
    limits: PlanLimits
    previous: PlanSolution | None = None

    def digest(self) -> bytes:
        """SHA-256 of the problem, hex; what the journal keeps of the request."""
        body = msgspec.msgpack.encode(self.problem)
        return hashlib.sha256(body).hexdigest().encode()


class PlanMemory(Struct):
    """The plan in force, the one asked for, and what forecasts rest on."""

    solution: PlanSolution | None = None
    state_ms: int = 0
    need_kw: dict[str, list[float]] = field(default_factory=dict)
    low_kw: dict[str, list[float]] = field(default_factory=dict)
    high_kw: dict[str, list[float]] = field(default_factory=dict)
    price_usd_per_kwh: dict[str, list[float]] = field(default_factory=dict)
    price_low_usd_per_kwh: dict[str, list[float]] = field(default_factory=dict)
    price_high_usd_per_kwh: dict[str, list[float]] = field(default_factory=dict)
    price_source: dict[str, PriceSource] = field(default_factory=dict)
    seen_usd_per_kwh: dict[str, float] = field(default_factory=dict)
    pending_id: str = ""
    pending_since_ms: int = 0
    next_request_ms: int = 0
    count: int = 0
    outlook: OutlookMemory = field(default_factory=OutlookMemory)
    emitted: EmittedMemory = field(default_factory=EmittedMemory)
    clock: ClockMemory = field(default_factory=ClockMemory)
