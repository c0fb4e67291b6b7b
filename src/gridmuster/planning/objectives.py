"""The four objectives, and how their weights become the cost coefficients of one linear model.

Each objective is a sum in USD, so that blends are sums too; all four pay for unserved energy and
broken wishes alike. With ``E`` the mean import price of the problem (`reference_usd_per_kwh`):

* operating expense: fuel, starts, wear, O&M and purchases, less sales, at the prices given.
* production cost: fuel, starts, wear, O&M, and purchases at ``E`` whatever the hour; sales earn
  nothing. It asks what the demand costs to *make*, and does not trade on the market's swings.
* efficiency: primary energy, at ``E / GRID_PRIMARY_FACTOR`` a kWh: fuel at its lower heating
  value, energy lost in stores, and `GRID_PRIMARY_FACTOR` for each kWh bought (given back for each
  kWh sold).
* reliability: the expected cost of not serving: a start that may fail, a running unit that may
  trip, each until a replacement is up (`REPLACE_H`), and too little headroom against outages (the
  tail of the capacity outage table; see `planning.reliability`).

A pure objective that is indifferent between two plans takes the one of less operating expense:
every weight vector carries `TIE_BREAK` of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.adequacy import run_availability
from gridmuster.planning.linear import Floats
from gridmuster.planning.problem import PlanArea, PlanProblem, PlanStore, PlanUnit, Weights
from gridmuster.planning.reliability.assess import beyond
from gridmuster.planning.reliability.outages import grouped, two_state

#: Primary energy behind one kWh from the grid: default of EU Directive 2018/2002, Annex IV.
GRID_PRIMARY_FACTOR = 2.1
#: Hours until another unit has taken the place of one that failed: 30 s to decide, start, sync and
#: load one engine, twice over, and rounded up to a quarter of an hour of settlement.
REPLACE_H = 0.25
#: Edges of the steps of headroom, in largest units.
HEADROOM_UNITS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
#: Share of operating expense that every objective carries, so that ties are broken by money.
TIE_BREAK = 1e-4
#: Least reference price, USD/kWh, when the mean import price is lower or there is no connection.
LEAST_REFERENCE_USD_PER_KWH = 0.05
#: Price of one kWh of missing reserve as a share of the value of lost load.
RESERVE_SHARE = 0.2
#: Price of one kWh short of a wished end energy, as a share of the value of lost load.
STORE_END_SHARE = 0.5
#: Price of one kWh below a store's floor for the whole horizon, as a share of the value of lost
#: load: energy is bought for it as soon as it can be, but nobody is cut off for it.
STORE_FLOOR_SHARE = 0.5
#: Price of one kW beyond a ramp limit for one hour, as a share of the value of lost load.
RAMP_SHARE = 0.5

NAMES: dict[str, str] = {
    "operating-expense": "operating_expense",
    "production-cost": "production_cost",
    "efficiency": "efficiency",
    "reliability": "reliability",
}


def parse(text: str) -> Weights:
    """Read an objective or a blend.

    Args:
        text: a name, like ``efficiency``, or a blend, like
            ``operating-expense:0.7,efficiency:0.3``.
            Names are ``operating-expense``, ``production-cost``, ``efficiency``, ``reliability``.

    Returns:
        Weights that add up to 1.

    Raises:
        PlanningError: for an unknown or repeated name, or a weight that is no number above 0.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = (piece.strip() for piece in part.partition(":"))
        field = NAMES.get(name)
        if field is None:
            raise PlanningError(
                f"objective {text!r}: {name!r} is no objective; expected one of "
                f"{', '.join(NAMES)}, or a blend like operating-expense:0.7,efficiency:0.3"
            )
        if field in weights:
            raise PlanningError(f"objective {text!r}: {name} appears twice; expected once")
        weights[field] = _weight(text, name, number) if colon else 1.0
    if len(weights) > 1 and ":" not in text:
        raise PlanningError(
            f"objective {text!r}: a blend needs a weight for each name; "
            "expected like operating-expense:0.7,efficiency:0.3"
        )
    return normal(Weights(**{field: weights.get(field, 0.0) for field in NAMES.values()}))


def _weight(text: str, name: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise PlanningError(
            f"objective {text!r}: weight of {name} is {number!r}; expected a number above 0"
        )
    return value


def normal(weights: Weights) -> Weights:
    """The same blend with weights that add up to 1."""
    values = {name: getattr(weights, name) for name in NAMES.values()}
    total = sum(values.values())
    return Weights(**{name: value / total for name, value in values.items()})


def describe(weights: Weights) -> str:
    """The blend as `parse` reads it."""
    parts = {name: getattr(normal(weights), field) for name, field in NAMES.items()}
    named = {name: value for name, value in parts.items() if value > 0.0}
    if len(named) == 1:
        return next(iter(named))
    return ",".join(f"{name}:{value:g}" for name, value in named.items())


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """Costs of one unit when on: USD/h at zero output, USD/kWh by segment, USD a start.

    ``class_usd`` is a start's cost by class of rest, the hottest first; `start_usd` the hottest's.
    """

    hourly_usd: float
    segment_usd_per_kwh: Floats
    class_usd: tuple[float, ...]

    @property
    def start_usd(self) -> float:
        """The cost of a start after the shortest rest."""
        return self.class_usd[0]


@dataclass(frozen=True, slots=True)
class StoreCosts:
    """Costs of one store: USD per kWh taken, given and left at the end."""

    charge_usd_per_kwh: float
    discharge_usd_per_kwh: float
    end_value_usd_per_kwh: float


@dataclass(frozen=True, slots=True)
class AreaCosts:
    """Costs of one area's balance; arrays over the intervals, USD/kWh.

    ``headroom_kw`` and ``headroom_usd_per_kwh`` are steps of falling worth: the first so many kW of
    headroom are worth so much an hour, the next ones less (reliability only; else empty).
    """

    import_usd_per_kwh: Floats
    export_usd_per_kwh: Floats
    unserved_usd_per_kwh: float
    surplus_usd_per_kwh: float
    reserve_usd_per_kwh: float
    headroom_kw: tuple[float, ...] = ()
    headroom_usd_per_kwh: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Costs:
    """All cost coefficients of a problem, in the order of its lists."""

    reference_usd_per_kwh: float
    areas: tuple[AreaCosts, ...]
    units: tuple[UnitCosts, ...]
    stores: tuple[StoreCosts, ...]
    renewables: tuple[float, ...]
    links: tuple[float, ...] = ()


def reference_usd_per_kwh(problem: PlanProblem) -> float:
    """Mean import price over areas and intervals with a connection, USD/kWh, with a floor."""
    prices = [
        price
        for area in problem.areas
        for price, limit in zip(area.import_price_usd_per_kwh, area.import_limit_kw, strict=True)
        if limit > 0.0
    ]
    mean = sum(prices) / len(prices) if prices else 0.0
    return max(mean, LEAST_REFERENCE_USD_PER_KWH)


def costs(problem: PlanProblem) -> Costs:
    """Turn the problem's weights into cost coefficients.

    A device uses its own weights if it has any, else its area's, else the problem's.
    """
    reference = reference_usd_per_kwh(problem)
    common = normal(problem.weights)
    of_area = {a.id: normal(problem.objectives.get(a.id, common)) for a in problem.areas}
    unserved = {area.id: area.unserved_cost_usd_per_kwh for area in problem.areas}

    def weights(device_id: str, area_id: str) -> Weights:
        own = problem.objectives.get(device_id)
        return of_area[area_id] if own is None else normal(own)

    return Costs(
        reference_usd_per_kwh=reference,
        areas=tuple(
            area_costs(
                area,
                of_area[area.id],
                reference,
                [unit for unit in problem.units if unit.area == area.id],
            )
            for area in problem.areas
        ),
        units=tuple(
            unit_costs(unit, weights(unit.id, unit.area), reference, unserved[unit.area])
            for unit in problem.units
        ),
        stores=tuple(
            store_costs(store, weights(store.id, store.area), reference) for store in problem.stores
        ),
        renewables=tuple(
            renewable.cost_usd_per_kwh * _money(weights(renewable.id, renewable.area))
            for renewable in problem.renewables
        ),
        links=tuple(link.usd_per_kwh * _money(common) for link in problem.links),
    )


def _money(weights: Weights) -> float:
    """Weight of what is money in both money objectives, tie-break included."""
    return _market(weights) + weights.production_cost


def _market(weights: Weights) -> float:
    """Weight of market prices, tie-break included."""
    return max(weights.operating_expense, TIE_BREAK)


def unit_costs(
    unit: PlanUnit, weights: Weights, reference: float, unserved_usd_per_kwh: float
) -> UnitCosts:
    """Cost coefficients of one unit.

    Args:
        unit: the unit.
        weights: its weights, adding up to 1.
        reference: reference price, USD/kWh.
        unserved_usd_per_kwh: value of lost load in its area.
    """
    money = _money(weights)
    primary = weights.efficiency * reference / GRID_PRIMARY_FACTOR * unit.fuel_lhv_kwh_per_unit
    lost = weights.reliability * unserved_usd_per_kwh * REPLACE_H
    trip_usd_per_kwh = lost / max(unit.mttf_h, REPLACE_H)
    segment_usd = np.asarray(unit.segment_usd_per_kwh, dtype=float)
    segment_fuel = np.asarray(unit.segment_fuel_per_kwh, dtype=float)
    failing = lost * unit.fail_to_start * max(unit.max_kw, default=0.0)
    burnt = primary * unit.start_fuel + failing
    hourly_usd = unit.no_load_usd_per_h + unit.run_h_value_usd_per_h
    start_usd = [unit.start_cost_usd, *(one.cost_usd for one in unit.start_classes)]
    return UnitCosts(
        hourly_usd=money * hourly_usd + primary * unit.no_load_fuel_per_h,
        segment_usd_per_kwh=np.maximum.accumulate(
            money * segment_usd + primary * segment_fuel + trip_usd_per_kwh
        ),
        class_usd=tuple(money * usd + burnt for usd in start_usd),
    )


def store_costs(store: PlanStore, weights: Weights, reference: float) -> StoreCosts:
    """Cost coefficients of one store; its losses are primary energy, its wear is money."""
    money = _money(weights)
    primary = weights.efficiency * reference / GRID_PRIMARY_FACTOR
    worth = weights.production_cost + weights.efficiency
    return StoreCosts(
        charge_usd_per_kwh=primary * (1.0 - store.charge_efficiency),
        discharge_usd_per_kwh=money * store.cycle_cost_usd_per_kwh
        + primary * (1.0 / store.discharge_efficiency - 1.0),
        end_value_usd_per_kwh=(_market(weights) + weights.reliability) * store.end_value_usd_per_kwh
        + worth * reference * store.discharge_efficiency,
    )


def area_costs(
    area: PlanArea, weights: Weights, reference: float, units: list[PlanUnit]
) -> AreaCosts:
    """Cost coefficients of one area's connection, wishes and headroom."""
    steps = headroom_steps(units) if weights.reliability > 0.0 else []
    market = _market(weights)
    bought = np.asarray(area.import_price_usd_per_kwh, dtype=float)
    sold = np.asarray(area.export_price_usd_per_kwh, dtype=float)
    unserved = area.unserved_cost_usd_per_kwh
    return AreaCosts(
        import_usd_per_kwh=market * bought
        + (weights.production_cost + weights.efficiency) * reference,
        export_usd_per_kwh=market * sold + weights.efficiency * reference,
        unserved_usd_per_kwh=unserved,
        surplus_usd_per_kwh=unserved,
        reserve_usd_per_kwh=RESERVE_SHARE * unserved,
        headroom_kw=tuple(width for width, _ in steps),
        headroom_usd_per_kwh=tuple(weights.reliability * unserved * odds for _, odds in steps),
    )


def headroom_steps(units: list[PlanUnit]) -> list[tuple[float, float]]:
    """Steps of headroom and what a kW of each is worth in kW not lost to outages.

    E[(X - H)+], X the outage of all units together and H the headroom, is convex in H with slope
    -P(X > H); its chords between `HEADROOM_UNITS` times the largest unit are the steps.

    Args:
        units: the area's units.

    Returns:
        (width, kW; expected kW not served spared by each kW), the dearest first.
    """
    there = two_state(
        [max(unit.max_kw, default=0.0) for unit in units],
        [
            run_availability(
                unit.availability,
                unit.fail_to_start,
                max(unit.mttf_h, REPLACE_H),
                REPLACE_H,
                started=False,
            )
            for unit in units
        ],
    )
    largest = float(there.capacity_kw.max(initial=0.0))
    if largest <= 0.0:
        return []
    edges = [share * largest for share in HEADROOM_UNITS]
    # With capacity exactly met, an outage beyond the headroom is not served.
    short = beyond(grouped(there), np.array(edges))[1].tolist()
    return [
        (edges[k + 1] - edges[k], (short[k] - short[k + 1]) / (edges[k + 1] - edges[k]))
        for k in range(len(edges) - 1)
        if short[k] > short[k + 1]
    ]
