"""Reads economic-dispatch cases: units with the unit of each coefficient in its name.

Several forms are understood: one set of units with a demand, or with a list of answers to several
demands; or several named sets under ``cases`` with a demand in common. Text besides is notes. A
number, list or object besides that is not known here would change the question (losses, forbidden
zones, ramps): it is refused by name.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from gridmuster.errors import PlanningError
from gridmuster.planning.cases.dispatch_case import DispatchCase, DispatchUnit, Question

#: Coefficients by the unit at the end of their key; the letters before mean nothing.
_COEFFICIENTS = {"usd_per_h": "constant", "usd_per_mwh": "linear", "usd_per_mw2h": "square"}
_RIPPLE = {"e_usd_per_h": "ripple", "f_rad_per_mw": "ripple_per_mw"}
#: Keys that say what a question is, or what others answered.
_KNOWN = {"demand_mw", "units", "cases", "answer", "answers", "tolerance_mw", "tolerance_usd"}


def is_dispatch(document: dict[str, Any]) -> bool:
    """Whether a document is an economic-dispatch case: units that start nothing."""
    if "cases" in document:
        return True
    units = document.get("units")
    if not isinstance(units, list) or not units or not isinstance(units[0], dict):
        return False
    return "p_min_mw" in units[0] and "initial_status_h" not in units[0]


def dispatch_case(name: str, document: dict[str, Any]) -> DispatchCase:
    """Read a case.

    Args:
        name: for a case that has none.
        document: the file.

    Raises:
        PlanningError: when a unit makes no sense or something is not understood.
        KeyError, TypeError, ValueError: when it is no such case at all.
    """
    _understood("the case", document)
    questions: list[Question] = []
    for key, one in document.get("cases", {"": document}).items():
        if key:
            _understood(f"case {key}", one)
        units = tuple(_unit(key, unit) for unit in one["units"])
        names = [unit.name for unit in units]
        if not units or len(set(names)) < len(names):
            raise PlanningError(f"case {key or name}: units {names}; expected some, named apart")
        for demand_mw in _demands({**document, **one}):
            said = " ".join(part for part in (key, f"{demand_mw:g} MW") if part)
            questions.append(Question(said, demand_mw, units))
    if not questions:
        raise PlanningError(f"{name}: no demand_mw; expected one, or answers that have one each")
    return DispatchCase(str(document.get("name", name)), tuple(questions))


def _demands(one: dict[str, Any]) -> list[float]:
    demand = one.get("demand_mw")
    if demand is None:
        demand = [answer["demand_mw"] for answer in one.get("answers", [])]
    found = [float(mw) for mw in (demand if isinstance(demand, list) else [demand])]
    for demand_mw in found:
        if not isfinite(demand_mw):
            raise PlanningError(f"demand_mw is {demand_mw}; expected a number")
    return found


def _understood(what: str, document: dict[str, Any]) -> None:
    for key, value in document.items():
        if key not in _KNOWN and not isinstance(value, str):
            raise PlanningError(
                f"{what}: {key} is not understood, and leaving it out may change the answer; "
                f"known are {', '.join(sorted(_KNOWN))}, and texts"
            )


def _unit(where: str, row: dict[str, Any]) -> DispatchUnit:
    name = str(row["unit"] if "unit" in row else row["name"])
    said = f"case {where}, unit {name}" if where else f"unit {name}"
    fields: dict[str, float] = {}
    for key, value in row.items():
        if key in ("unit", "name", "p_min_mw", "p_max_mw") or isinstance(value, str):
            continue
        field = _RIPPLE.get(key) or _COEFFICIENTS.get(key.partition("_")[2])
        if field is None or field in fields:
            raise PlanningError(
                f"{said}: {key} is not understood or said twice; known are p_min_mw, p_max_mw, "
                f"coefficients in {', '.join(_COEFFICIENTS)} and {', '.join(_RIPPLE)}"
            )
        fields[field] = float(value)
    if "linear" not in fields and "square" not in fields:
        raise PlanningError(f"{said}: no cost of power; expected ..._usd_per_mwh or ..._mw2h")
    unit = DispatchUnit(
        name,
        float(row["p_min_mw"]),
        float(row["p_max_mw"]),
        fields.get("constant", 0.0),
        fields.get("linear", 0.0),
        fields.get("square", 0.0),
        abs(fields.get("ripple", 0.0)),
        abs(fields.get("ripple_per_mw", 0.0)),
    )
    if not all(isfinite(value) for value in (*fields.values(), unit.min_mw, unit.max_mw)):
        raise PlanningError(f"{said}: {unit}; expected numbers")
    if unit.min_mw > unit.max_mw:
        raise PlanningError(
            f"{said}: power {unit.min_mw} to {unit.max_mw} MW; expected the least first"
        )
    return unit
