"""What each field of the plan's documents means; part of `fields.FIELDS`."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.console.plansheet import (
    PlanAreaRow,
    PlanDeviceRow,
    PlanDocument,
    ShortfallRow,
    WhyDocument,
)
from gridmuster.planning.comparing import Compared, Comparison
from gridmuster.planning.problem import Shortfall
from gridmuster.planning.reasons import (
    Alternative,
    Limit,
    NotPlanned,
    RenewableWhy,
    Run,
    StoreWhy,
    UnitWhy,
)

DOCUMENTS: Final[tuple[type[Struct], ...]] = (
    PlanDocument,
    PlanAreaRow,
    PlanDeviceRow,
    ShortfallRow,
    WhyDocument,
    UnitWhy,
    StoreWhy,
    RenewableWhy,
    NotPlanned,
    Alternative,
    Limit,
    Run,
    Shortfall,
    Comparison,
    Compared,
)
_KINDS: Final = ("UnitWhy", "StoreWhy", "RenewableWhy", "NotPlanned")
#: By ``Type.field``, or by ``field`` where it means the same in all of these documents.
_WORDS: Final[dict[str, str]] = {
    "PlanDocument.plan": "id of the plan",
    "PlanDocument.status": "optimal, time_limit, fallback (made by rules), or none",
    "method": "how it was found",
    "gap": "how far it may be from the best there is, share of its value",
    "seconds": "time the solver took, s",
    "objective_usd": "value of the objective, USD",
    "lower_bound_usd": "value that no plan can be below, USD",
    "made_ms": "plant time of the state it was made from, ms since 1970-01-01T00:00:00Z",
    "PlanDocument.start_ms": "start of the first interval, ms since 1970-01-01T00:00:00Z",
    "PlanDocument.step_s": "length of an interval, s",
    "PlanDocument.count": "how many intervals it has",
    "PlanDocument.total": "devices that match in all",
    "PlanDocument.next": "the skip of the next page; null on the last",
    "shortfalls_total": "how many wishes the plan breaks",
    "PlanDocument.shortfalls": "the first of them, those that last told once",
    "PlanAreaRow.price_usd_per_mwh": "marginal price by interval, USD/MWh",
    "PlanAreaRow.demand_kw": "demand with losses by interval, kW",
    "PlanAreaRow.generation_kw": "power of all its devices by interval, kW",
    "PlanAreaRow.import_kw": "import by interval, kW; negative: export",
    "PlanAreaRow.import_limit_kw": "most it may import by interval, kW",
    "PlanAreaRow.reserve_kw": "what could be raised at once by interval, kW",
    "reserve_wanted_kw": "loss of the largest unit and the reserve by interval, kW",
    "most_kw": "most it can give or take, kW",
    "spans": "[first interval, end (not included), whether a start begins it] of each stretch on",
    "PlanDeviceRow.power_kw": "power by interval, kW",
    "PlanDeviceRow.energy_kwh": "energy at the end of each interval, kWh; null: not a store",
    "ShortfallRow.kind": "which wish",
    "Shortfall.kind": "which wish",
    "where": "id of the area or device",
    "ShortfallRow.area": "id of its area",
    "interval": "number of the interval",
    "ShortfallRow.interval": "number of the first interval",
    "ShortfallRow.at_ms": "when it begins, ms since 1970-01-01T00:00:00Z",
    "intervals": "for how many intervals",
    "amount": "how much, in unit",
    "unit": "unit of the amount",
    "amount_kw": "how much, kW; kWh for the energy of stores",
    "cause": "why, in words",
    "WhyDocument.plan": "id of the plan",
    "WhyDocument.start_ms": "start of the interval, ms since 1970-01-01T00:00:00Z",
    "WhyDocument.end_ms": "its end, ms since 1970-01-01T00:00:00Z",
    "why": "the reason in numbers and words",
    **{f"{kind}.at_ms": "start of the interval, ms since 1970-01-01T00:00:00Z" for kind in _KINDS},
    **{f"{kind}.area": "id of its area" for kind in _KINDS[:3]},
    "device_type": "device type",
    "verdict": "the reason that decides",
    "on": "whether the plan has it on",
    "UnitWhy.starts": "whether it starts in this interval",
    "output_kw": "output at which its costs are reckoned, kW",
    "price_usd_per_kwh": "marginal price of the area, USD/kWh",
    "no_load_usd_per_h": "cost of being on at no output, USD/h",
    "energy_usd_per_h": "cost of the output, USD/h",
    "UnitWhy.start_usd": "cost of a start, USD",
    "start_usd_per_kwh": "its start spread over the energy of the run, USD/kWh",
    "cost_usd_per_kwh": "full cost of a kWh, USD/kWh",
    "Compared.cost_usd_per_kwh": "cost of a kWh served, purchases at the mean price, USD/kWh",
    "margin_usd_per_h": "price times output less no load and energy, USD/h",
    "run": "the run it is in, or the best it could make; null: none is possible",
    "missing_kw": "demand or reserve that would be missing without it, kW",
    "instead_usd_per_h": "what the others would cost, or save, for the same power, USD/h",
    "limits": "limits that it or its area is at",
    "Limit.kind": "which limit",
    "Limit.text": "the limit in words",
    "next_best": "the cheapest other unit; null: there is none",
    "others": "who else could give the power, the cheapest first",
    "source": "what kind of source it is",
    "Alternative.power_kw": "power it could give instead, kW",
    "dearer_by_usd_per_kwh": "its cost less the device's, USD/kWh; below 0: cheaper",
    "Alternative.cost_usd_per_kwh": "its full cost, USD/kWh",
    "Run.first": "number of its first interval",
    "Run.end": "number of the interval after its last",
    "Run.energy_kwh": "its energy, kWh",
    "cost_usd": "what it costs, its start counted, USD",
    "Run.start_usd": "the start in it, USD",
    "margin_usd": "what it earns at the plan's prices less its cost, USD",
    "shortfalls": "wishes not met in this interval, here or in the area",
    "sentences": "all of it in words, the reason first",
    "StoreWhy.power_kw": "power, kW; negative: charging",
    "StoreWhy.energy_kwh": "energy at the end of the interval, kWh",
    "value_usd_per_kwh": "what a kWh held at the end of the interval is worth, USD/kWh",
    "buys_below_usd_per_kwh": "price below which charging pays, USD/kWh",
    "sells_above_usd_per_kwh": "price above which giving pays, USD/kWh",
    "RenewableWhy.available_kw": "most that sun or wind allow, kW",
    "Comparison.status": "none, running, done or failed",
    "Comparison.plan": "id of the plan whose question is solved anew",
    "Comparison.start_ms": "start of the plan, ms since 1970-01-01T00:00:00Z",
    "begun_ms": "plant time at which it began, ms since 1970-01-01T00:00:00Z",
    "rows": "one for each objective that is done",
    "error": "why it failed; empty: it did not",
    "Compared.objective": "what the plan was made for",
    "Compared.status": "optimal, time_limit or fallback",
    "operating_expense_usd": "fuel, starts, wear, purchases less sales, USD",
    "efficiency": "demand served over primary energy, fraction; null: no primary energy",
    "Compared.lolp": "odds of loss of load in an interval, mean, fraction",
    "eens_kwh": "energy expected not to be served, kWh",
    "Compared.starts": "starts of all units",
    "unit_h": "hours on of all units, h",
    "imported_kwh": "energy imported, kWh",
    "generated_kwh": "energy generated, kWh",
    "Compared.shortfalls": "how many wishes it breaks",
    "id": "stable id",
    "type": "device type",
    "area": "id of the area",
    "device": "id of the device",
    "PlanDocument.objective": "what it minimises or maximises",
    "areas": "areas, each planned as one",
    "devices": "devices, ordered by area, type and id",
    "energy_capacity_kwh": "most energy it holds, kWh; null: not a store",
    "power_kw": "power, kW; above 0 towards the grid",
}


def _described(kind: type[Struct], field: str) -> str:
    return _WORDS.get(f"{kind.__name__}.{field}") or _WORDS[field]


#: By ``Type.field``, so that a word of the plan does not mean something else elsewhere.
PLAN_FIELDS: Final[dict[str, str]] = {
    f"{kind.__name__}.{field}": _described(kind, field)
    for kind in DOCUMENTS
    for field in kind.__struct_fields__
} | {f"{kind}.kind": "which of the kinds of reasons this is" for kind in _KINDS}
