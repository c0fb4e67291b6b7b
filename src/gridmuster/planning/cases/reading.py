"""Reads cases from others' files: pglib-uc and the Kazarlis family, each by its own rules."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from gridmuster.errors import PlanningError
from gridmuster.planning.cases.case import (
    Case,
    Group,
    Piecewise,
    Quadratic,
    Renewable,
    StartStep,
    Thermal,
    grouped,
)
from gridmuster.planning.cases.dispatch_case import DispatchCase
from gridmuster.planning.cases.dispatch_reading import dispatch_case, is_dispatch

Format = Literal["auto", "pglib-uc", "kazarlis"]
AnyFormat = Literal["auto", "pglib-uc", "kazarlis", "ed"]


def read_any(path: Path, file_format: AnyFormat = "auto") -> Case | DispatchCase:
    """Read a case of unit commitment or of economic dispatch.

    Args:
        path: a JSON file.
        file_format: whose; ``ed`` is economic dispatch; ``auto`` tells by its keys.

    Raises:
        PlanningError: as `read_case`.
    """
    document = _document(path)
    if not (file_format == "ed" or (file_format == "auto" and is_dispatch(document))):
        return _case(path, document, file_format)
    try:
        return dispatch_case(path.stem, document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanningError(
            f"{path}: not an economic-dispatch case: {type(error).__name__} {error}; expected "
            "units with limits and costs, and a demand_mw"
        ) from error


def read_case(path: Path, file_format: Format = "auto") -> Case:
    """Read a case.

    Args:
        path: a JSON file.
        file_format: whose; ``auto`` tells by its keys.

    Raises:
        PlanningError: when the file cannot be read or a unit in it makes no sense; the message
            names the unit, the field and the value.
    """
    return _case(path, _document(path), file_format)


def _case(path: Path, document: dict[str, Any], file_format: Format) -> Case:
    found = file_format
    if found == "auto":
        found = "pglib-uc" if "thermal_generators" in document else "kazarlis"
    try:
        case = _pglib(path.stem, document) if found == "pglib-uc" else _kazarlis(document)
    except (KeyError, TypeError, IndexError) as error:
        raise PlanningError(
            f"{path}: not a {found} case: {type(error).__name__} {error}; expected its fields"
        ) from error
    _check(case)
    return case


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PlanningError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise PlanningError(f"{path}: expected a JSON object")
    return document


def _pglib(name: str, document: dict[str, Any]) -> Case:
    hours = int(document["time_periods"])
    units = [_pglib_unit(key, unit) for key, unit in document["thermal_generators"].items()]
    renewable = tuple(
        Renewable(
            key,
            tuple(float(mw) for mw in source["power_output_minimum"]),
            tuple(float(mw) for mw in source["power_output_maximum"]),
        )
        for key, source in document["renewable_generators"].items()
    )
    demand = tuple(float(mw) for mw in document["demand"])
    reserve = tuple(float(mw) for mw in document["reserves"])
    for what, row in (
        ("demand", demand),
        ("reserves", reserve),
        *((f"{source.name}.power_output_minimum", source.min_mw) for source in renewable),
        *((f"{source.name}.power_output_maximum", source.max_mw) for source in renewable),
    ):
        if len(row) != hours:
            raise PlanningError(f"{what}: {len(row)} values; expected {hours}, one an interval")
    return Case(name, demand, reserve, grouped(units), renewable)


def _pglib_unit(name: str, unit: dict[str, Any]) -> Thermal:
    on = bool(unit["unit_on_t0"])
    return Thermal(
        name=name,
        min_mw=float(unit["power_output_minimum"]),
        max_mw=float(unit["power_output_maximum"]),
        ramp_up_mw=float(unit["ramp_up_limit"]),
        ramp_down_mw=float(unit["ramp_down_limit"]),
        ramp_start_mw=float(unit["ramp_startup_limit"]),
        ramp_stop_mw=float(unit["ramp_shutdown_limit"]),
        up_h=max(int(unit["time_up_minimum"]), 1),
        down_h=max(int(unit["time_down_minimum"]), 1),
        must_run=bool(unit["must_run"]),
        on_before=on,
        hours_before=int(unit["time_up_t0" if on else "time_down_t0"]),
        power_before_mw=float(unit["power_output_t0"]),
        starts=tuple(StartStep(int(step["lag"]), float(step["cost"])) for step in unit["startup"]),
        cost=Piecewise(
            tuple((float(p["mw"]), float(p["cost"])) for p in unit["piecewise_production"])
        ),
    )


def _kazarlis(document: dict[str, Any]) -> Case:
    """Rules in the file: no ramps, 10 % reserve as headroom, hot up to min down + cold start h."""
    units = []
    for row in document["units"]:
        status = int(row["initial_status_h"])
        most, down_h = float(row["p_max_mw"]), int(row["min_down_h"])
        cold_from_h = down_h + int(row["cold_start_h"]) + 1
        units.append(
            Thermal(
                name=str(row["unit"]),
                min_mw=float(row["p_min_mw"]),
                max_mw=most,
                ramp_up_mw=most,
                ramp_down_mw=most,
                ramp_start_mw=most,
                ramp_stop_mw=most,
                up_h=max(int(row["min_up_h"]), 1),
                down_h=max(down_h, 1),
                must_run=False,
                on_before=status > 0,
                hours_before=abs(status),
                # Without ramps the power before the first hour binds nothing.
                power_before_mw=float(row["p_min_mw"]) if status > 0 else 0.0,
                starts=(
                    StartStep(max(down_h, 1), float(row["hot_start_usd"])),
                    StartStep(cold_from_h, float(row["cold_start_usd"])),
                ),
                cost=Quadratic(
                    float(row["a_usd_per_h"]),
                    float(row["b_usd_per_mwh"]),
                    float(row["c_usd_per_mw2h"]),
                ),
            )
        )
    demand = tuple(float(mw) for mw in document["demand_mw"])
    share = float(document["reserve_fraction"])
    reserve = tuple(share * mw for mw in demand)
    name = str(document.get("name", "kazarlis"))
    return Case(name, demand, reserve, grouped(units), ())


def _check(case: Case) -> None:
    for group in case.thermal:
        _check_unit(group)
    for source in case.renewable:
        for hour, (low, high) in enumerate(zip(source.min_mw, source.max_mw, strict=True)):
            if not 0.0 <= low <= high:
                raise PlanningError(
                    f"{source.name} hour {hour}: {low} to {high} MW; expected 0 <= low <= high"
                )


def _check_unit(group: Group) -> None:
    unit, name = group.unit, group.names[0]
    if not 0.0 <= unit.min_mw <= unit.max_mw:
        raise PlanningError(
            f"{name}: power {unit.min_mw} to {unit.max_mw} MW; expected 0 <= least <= most"
        )
    for what in ("ramp_up_mw", "ramp_down_mw", "ramp_start_mw", "ramp_stop_mw"):
        if not getattr(unit, what) >= 0.0:
            raise PlanningError(f"{name}: {what} is {getattr(unit, what)}; expected 0 or above")
    if not unit.starts or any(step.cost < 0.0 for step in unit.starts):
        raise PlanningError(f"{name}: start costs are {unit.starts}; expected at least one, >= 0")
    lags = [step.lag_h for step in unit.starts]
    if lags != sorted(set(lags)):
        raise PlanningError(f"{name}: lags of start costs are {lags}; expected rising hours")
    if isinstance(unit.cost, Quadratic):
        if unit.cost.square < 0.0:
            raise PlanningError(f"{name}: square cost {unit.cost.square}; expected 0 or above")
        return
    points = unit.cost.points
    slopes = [
        (high - low) / (high_mw - low_mw)
        for (low_mw, low), (high_mw, high) in pairwise(points)
        if high_mw > low_mw
    ]
    if not points or any(b < a - 1e-6 * max(abs(a), 1.0) for a, b in pairwise(slopes)):
        raise PlanningError(f"{name}: cost points {points} are not convex; expected rising slopes")
