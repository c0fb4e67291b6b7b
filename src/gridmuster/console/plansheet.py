"""A plan laid out for people: areas, devices in their order, broken wishes, and why.

Made once for each plan, off the event loop; pages of it are cut and encoded when asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from gridmuster.clock import local
from gridmuster.fleet.devices import DeviceType
from gridmuster.planning.explain import Explainer
from gridmuster.planning.merit import AreaPicture
from gridmuster.planning.objectives import describe
from gridmuster.planning.problem import (
    PlanProblem,
    PlanRenewable,
    PlanSolution,
    PlanStore,
    PlanUnit,
    Shortfall,
    ShortfallKind,
)
from gridmuster.planning.reasons import Why
from gridmuster.units import MS_PER_S

#: Most broken wishes that one answer names; their number is always told.
MAX_SHORTFALLS: Final = 200
#: Answers kept encoded, for all clients.
MAX_ANSWERS: Final = 64
TYPES: Final = tuple(kind.value for kind in DeviceType)
ENERGY_WISHES: Final = (
    ShortfallKind.STORE_END,
    ShortfallKind.STORE_FLOOR,
    ShortfallKind.STORE_HOUR,
)


class PlanAreaRow(Struct, frozen=True):
    """One area's plan, a value an interval."""

    id: str
    price_usd_per_mwh: list[float]
    demand_kw: list[float]
    generation_kw: list[float]
    import_kw: list[float]
    import_limit_kw: list[float]
    reserve_kw: list[float]
    reserve_wanted_kw: list[float]


class PlanSpan(Struct, frozen=True, array_like=True):
    """Intervals ``first`` to ``end`` (not included) on, and whether a start begins them."""

    first: int
    end: int
    starts: bool


class PlanDeviceRow(Struct, frozen=True):
    """One device's plan: when it is on, its power and, for a store, its energy by interval."""

    id: str
    type: str
    area: str
    most_kw: float
    spans: list[PlanSpan]
    power_kw: list[float]
    energy_kwh: list[float] | None
    energy_capacity_kwh: float | None


class ShortfallRow(Struct, frozen=True):
    """A wish the plan breaks in some intervals: what, where, how much at most, and why."""

    kind: str
    where: str
    area: str
    interval: int
    at_ms: int
    intervals: int
    amount: float
    unit: str
    cause: str


class PlanDocument(Struct, frozen=True):
    """The plan in force, or ``status`` ``none`` before there is one.

    ``restored``: it was made before the center's process began, and read back from the journal.
    """

    plan: str
    status: str
    method: str
    objective: str
    gap: float
    seconds: float
    objective_usd: float
    lower_bound_usd: float
    made_ms: int
    start_ms: int
    step_s: int
    count: int
    areas: list[PlanAreaRow]
    total: int
    next: int | None
    devices: list[PlanDeviceRow]
    shortfalls_total: int
    shortfalls: list[ShortfallRow]
    restored: bool = False


NO_PLAN: Final = PlanDocument(
    "", "none", "", "", 0.0, 0.0, 0.0, 0.0, 0, 0, 900, 0, [], 0, None, [], 0, []
)


class WhyDocument(Struct, frozen=True):
    """Why the plan has a device as it has it in an interval that holds the instant asked for."""

    plan: str
    start_ms: int
    end_ms: int
    why: Why


class Wanted(Struct, frozen=True):
    """Which devices of a plan are asked for, and from which on."""

    area: str | None
    types: frozenset[str] | None
    text: str
    active: bool
    skip: int
    limit: int


class PlanSheet:
    """One plan, ready to be cut into pages and to be asked why.

    Args:
        problem: the question.
        solution: the answer.
        made_ms: plant time of the state it was made from.
        time_zone: zone in which instants are told in words.
        restored: whether it was made before this process began.
    """

    def __init__(
        self,
        problem: PlanProblem,
        solution: PlanSolution,
        made_ms: int,
        time_zone: str,
        *,
        restored: bool = False,
    ) -> None:
        self.problem, self.solution = problem, solution
        self._restored = restored
        self._made_ms = made_ms
        self._explainer = Explainer(problem, solution, _teller(problem, time_zone))
        things: list[PlanUnit | PlanStore | PlanRenewable] = [
            *problem.units,
            *problem.stores,
            *problem.renewables,
        ]
        order = {name: number for number, name in enumerate(TYPES)}
        self._things = sorted(
            things, key=lambda one: (one.area, order.get(one.device_type, len(order)), one.id)
        )
        self._area_of = {one.id: one.area for one in things} | {a.id: a.id for a in problem.areas}
        self._generation = {area.id: np.zeros(problem.count) for area in problem.areas}
        for one in things:
            self._generation[one.area] += np.asarray(solution.power_kw[one.id])
        self._areas = [self._area(area.id) for area in problem.areas]
        self._shortfalls = self._gathered()
        self._encoder = msgspec.json.Encoder()
        self._answers: OrderedDict[Wanted, bytes] = OrderedDict()

    @property
    def areas(self) -> list[str]:
        """The areas' ids."""
        return [area.id for area in self.problem.areas]

    def why(self, device: str, at_ms: int) -> Why | None:
        """Why a device does what it does at an instant; None outside the plan.

        Args:
            device: its id.
            at_ms: the instant, ms.
        """
        interval = (at_ms - self.problem.start_ms) // (self.problem.step_s * MS_PER_S)
        if not 0 <= interval < self.problem.count:
            return None
        return self._explainer.why(device, interval)

    def page(self, wanted: Wanted) -> bytes:
        """A page of the plan as JSON."""
        body = self._answers.get(wanted)
        if body is None:
            body = self._encoder.encode(self._document(wanted))
            while len(self._answers) >= MAX_ANSWERS:
                self._answers.popitem(last=False)
            self._answers[wanted] = body
        return body

    def _document(self, wanted: Wanted) -> PlanDocument:
        found = [one for one in self._things if self._fits(one, wanted)]
        part = found[wanted.skip : wanted.skip + wanted.limit]
        end = wanted.skip + len(part)
        areas = [row for row in self._areas if wanted.area in (None, row.id)]
        short = [row for row in self._shortfalls if wanted.area in (None, row.area)]
        plan = self.solution
        return PlanDocument(
            plan=plan.problem_id,
            status=plan.status,
            method=plan.method,
            objective=describe(self.problem.weights),
            gap=plan.gap,
            seconds=plan.seconds,
            objective_usd=plan.objective_usd,
            lower_bound_usd=plan.lower_bound_usd,
            made_ms=self._made_ms,
            start_ms=plan.start_ms,
            step_s=plan.step_s,
            count=plan.count,
            areas=areas,
            total=len(found),
            next=end if end < len(found) else None,
            devices=[self._row(one) for one in part],
            shortfalls_total=len(short),
            shortfalls=short[:MAX_SHORTFALLS],
            restored=self._restored,
        )

    def _fits(self, one: PlanUnit | PlanStore | PlanRenewable, wanted: Wanted) -> bool:
        if wanted.area not in (None, one.area):
            return False
        if wanted.types is not None and one.device_type not in wanted.types:
            return False
        if wanted.text and wanted.text not in one.id.lower():
            return False
        return not wanted.active or any(self.solution.power_kw[one.id])

    def _row(self, one: PlanUnit | PlanStore | PlanRenewable) -> PlanDeviceRow:
        power = [round(kw, 1) for kw in self.solution.power_kw[one.id]]
        energy = capacity = None
        if isinstance(one, PlanUnit):
            most = max(one.max_kw, default=0.0)
            spans = _spans(self.solution.commitment[one.id], one.initial_on)
        elif isinstance(one, PlanStore):
            most = max([*one.charge_kw, *one.discharge_kw], default=0.0)
            spans = _spans([int(kw != 0.0) for kw in power], None)
            energy = [round(kwh, 1) for kwh in self.solution.energy_kwh[one.id]]
            capacity = one.max_energy_kwh
        else:
            most = max(one.available_kw, default=0.0)
            spans = _spans([int(kw != 0.0) for kw in power], None)
        return PlanDeviceRow(
            one.id, one.device_type, one.area, most, spans, power, energy, capacity
        )

    def _area(self, name: str) -> PlanAreaRow:
        picture: AreaPicture = self._explainer.picture(name)
        plan, area = self.solution, picture.area
        able, wanted = picture.headroom()
        return PlanAreaRow(
            id=name,
            price_usd_per_mwh=[round(1000.0 * usd, 3) for usd in plan.price_usd_per_kwh[name]],
            demand_kw=_rounded(area.demand_kw),
            generation_kw=_rounded(self._generation[name].tolist()),
            import_kw=_rounded((picture.bought - picture.sold).tolist()),
            import_limit_kw=_rounded(area.import_limit_kw),
            reserve_kw=_rounded(able.tolist()),
            reserve_wanted_kw=_rounded(wanted.tolist()),
        )

    def _gathered(self) -> list[ShortfallRow]:
        """Broken wishes, those that last told once with their longest and largest."""
        runs: list[list[Shortfall]] = []
        latest: dict[tuple[ShortfallKind, str], list[Shortfall]] = {}
        for one in sorted(self.solution.shortfalls, key=lambda one: one.interval):
            key = (one.kind, one.where)
            run = latest.get(key)
            if run is not None and run[-1].interval == one.interval - 1:
                run.append(one)
                continue
            latest[key] = [one]
            runs.append(latest[key])
        return [self._shortfall(run) for run in runs]

    def _shortfall(self, run: list[Shortfall]) -> ShortfallRow:
        worst = max(run, key=lambda one: one.amount_kw)
        return ShortfallRow(
            kind=worst.kind.value,
            where=worst.where,
            area=self._area_of.get(worst.where, ""),
            interval=run[0].interval,
            at_ms=self.problem.start_ms + run[0].interval * self.problem.step_s * MS_PER_S,
            intervals=len(run),
            amount=worst.amount_kw,
            unit=_unit(worst.kind),
            cause=worst.cause,
        )


def _unit(kind: ShortfallKind) -> str:
    """What a shortfall's amount is counted in."""
    if kind is ShortfallKind.EMISSION:
        return "kg"
    return "kWh" if kind in ENERGY_WISHES else "kW"


def _teller(problem: PlanProblem, time_zone: str) -> Callable[[int], str]:
    """Says when an interval starts, in a zone."""

    def when(interval: int) -> str:
        at_ms = problem.start_ms + interval * problem.step_s * MS_PER_S
        return local(at_ms, time_zone).strftime("%a %H:%M")

    return when


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 1) for value in values]


def _spans(on: list[int], on_before: bool | None) -> list[PlanSpan]:
    """Stretches of on, each with whether it begins with a start; None: nothing starts here."""
    edges = np.flatnonzero(np.diff(np.asarray(on, dtype=np.int8), prepend=0, append=0))
    return [
        PlanSpan(int(first), int(end), on_before is not None and bool(first > 0 or not on_before))
        for first, end in zip(edges[::2], edges[1::2], strict=True)
    ]
