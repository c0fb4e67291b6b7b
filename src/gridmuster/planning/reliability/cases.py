"""Reads adequacy and survival cases from files; the keys tell which kind a file is.

Adequacy: ``units`` as a list of ``{capacity_mw, forced_outage_rate or availability or states,
count, name}`` or as ``{two_state: [MW], availability: one or a list}``, or no units but a name that
tells them ("2x25 MW + 1x50 MW, ... forced outage rate 0.02"). Need: ``load_mw`` by hour less
``variable_mw``, or ``peak_mw`` with ``load_shape`` (the IEEE RTS year, a file beside the case), or
``daily_peaks`` as ``[{mw, days}]``. ``maintenance`` is ``[{unit, from_h, until_h}]``.

Survival: ``case`` with ``load_kw_cyclic``, ``generators`` and what each is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.outages import (
    Floats,
    OutageUnits,
    State,
    joined,
    multi_state,
    two_state,
)
from gridmuster.planning.reliability.presence import Maintenance, Presence, but_for
from gridmuster.planning.reliability.survival import Backup, BackupSets, BackupStore

#: Hours of the longest outage where a case does not say.
OUTAGE_H = 24
DAY_H = 24


@dataclass(frozen=True, slots=True)
class Needs:
    """Needs of one kind of period.

    Args:
        mw: need of each period, MW, shape (periods,).
        weight: how often each counts, shape (periods,).
    """

    mw: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class AdequacyCase:
    """Units and needs.

    Args:
        name: what the file calls itself.
        units: the units, MW in place of kW.
        hourly: hours of need, None without any.
        daily: daily peaks, None without any.
        presence: when units are there in the hours; None: always.
        source: where the needs come from: ``hours``, a ``year`` by its shape, or ``peaks``.
        answers: what the file says comes out, numbers as they are written.
    """

    name: str
    units: OutageUnits
    hourly: Needs | None
    daily: Needs | None
    presence: Presence | None
    source: str
    answers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SurvivalCase:
    """Backup sets and a site's load.

    Args:
        name: what the file calls itself.
        backup: what there is.
        load_kw: by hour, cyclic.
        firm_kw: by hour.
        hours: longest outage, h.
        answers: what the file says comes out, numbers as they are written.
    """

    name: str
    backup: Backup
    load_kw: list[float]
    firm_kw: list[float] | None
    hours: int
    answers: dict[str, Any]


def read_case(path: Path) -> AdequacyCase | SurvivalCase:
    """Read a case of either kind.

    Args:
        path: a JSON file.

    Raises:
        PlanningError: when it cannot be read, or a field is missing or makes no sense.
    """
    document = _document(path)
    try:
        if "case" in document:
            return _survival(document)
        return _adequacy(document, path.parent)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise PlanningError(
            f"{path}: no adequacy or survival case: {type(error).__name__} {error}; expected units "
            "with load_mw, peak_mw or daily_peaks, or case with load_kw_cyclic and generators"
        ) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise PlanningError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise PlanningError(f"{path}: expected a JSON object")
    return document


def _adequacy(document: dict[str, Any], folder: Path) -> AdequacyCase:
    name = str(document.get("name", "adequacy"))
    described = document.get("units")
    units, names = _units(described) if described is not None else _named_units(name)
    hourly, daily = _needs(document, folder)
    if hourly is None and daily is None:
        raise KeyError("load_mw")
    presence = None
    if document.get("maintenance"):
        if hourly is None:
            raise ValueError("maintenance needs load_mw by hour")
        work = [_maintenance(one, names) for one in document["maintenance"]]
        presence = but_for(units.size, len(hourly.mw), work)
        # Daily peaks say nothing of the day on which they fall.
        daily = None
    source = "peaks" if hourly is None else "hours" if "load_mw" in document else "year"
    answers = dict(document.get("answers", {}))
    if "copt" in document:
        answers["copt"] = document["copt"]
    return AdequacyCase(name, units, hourly, daily, presence, source, answers)


def _units(described: Any) -> tuple[OutageUnits, list[str]]:
    if isinstance(described, dict):
        capacity = _numbers(described["two_state"])
        there = described["availability"]
        odds = _numbers(there) if isinstance(there, list) else float(there)
        return two_state(capacity, odds), [str(n) for n in range(len(capacity))]
    parts = [_unit(row) for row in described]
    return joined(parts), [str(row.get("name", n)) for n, row in enumerate(described)]


def _unit(row: dict[str, Any]) -> OutageUnits:
    count = [int(row.get("count", 1))]
    if "states" in row:
        states = [State(float(s["available_mw"]), float(s["probability"])) for s in row["states"]]
        return multi_state([states], count)
    if "availability" in row:
        there = float(row["availability"])
    else:
        there = 1.0 - float(row["forced_outage_rate"])
    return two_state([float(row["capacity_mw"])], there, count)


def _named_units(name: str) -> tuple[OutageUnits, list[str]]:
    """Units that only the name tells: counts x MW, and one forced outage rate."""
    kinds = re.findall(r"(\d+)\s*x\s*(\d+(?:\.\d+)?)\s*MW", name)
    rate = re.search(r"forced outage rate\s*(\d*\.?\d+)", name)
    if not kinds or rate is None:
        raise KeyError("units")
    capacity = [float(mw) for _, mw in kinds]
    units = two_state(capacity, 1.0 - float(rate[1]), [int(count) for count, _ in kinds])
    return units, [f"{count}x{mw}" for count, mw in kinds]


def _maintenance(row: dict[str, Any], names: Sequence[str]) -> Maintenance:
    unit = str(row["unit"])
    if unit not in names:
        raise ValueError(f"maintenance of {unit!r}, which is no unit")
    return Maintenance(names.index(unit), int(row["from_h"]), int(row["until_h"]))


def _needs(document: dict[str, Any], folder: Path) -> tuple[Needs | None, Needs | None]:
    """Hourly needs and daily peaks, where a case has them."""
    if "load_mw" in document:
        load = _numbers(document["load_mw"])
        firm = _numbers(document.get("variable_mw", [0.0] * len(load)))
        if len(firm) != len(load):
            raise ValueError(f"variable_mw has {len(firm)} values; expected {len(load)}")
        return _each(load - firm), None
    if "load_shape" in document:
        hourly, peaks = _rts_year(_document(folder / str(document["load_shape"])))
        peak = float(document["peak_mw"])
        return _each(peak * hourly), _each(peak * peaks)
    if "daily_peaks" in document:
        rows = document["daily_peaks"]
        return None, Needs(
            np.array([float(row["mw"]) for row in rows]),
            np.array([float(row["days"]) for row in rows]),
        )
    return None, None


def _each(mw: Floats) -> Needs:
    return Needs(mw, np.ones(len(mw)))


def _numbers(values: Sequence[Any]) -> Floats:
    return np.array([float(value) for value in values], dtype=np.float64)


def _rts_year(shape: dict[str, Any]) -> tuple[Floats, Floats]:
    """Hours and daily peaks of the IEEE RTS year of 8,736 h, shares of the annual peak.

    IEEE RTS Task Force, IEEE Trans. PAS 98(6), 1979, tables 1 to 4.
    """
    weekly = _numbers(shape["weekly_peak_pct_of_annual"]) / 100.0
    daily = _numbers(shape["daily_peak_pct_of_weekly_monday_first"]) / 100.0
    tables = {key: _numbers(row) / 100.0 for key, row in shape["hourly_pct_of_daily"].items()}
    season_of = {
        week: season
        for season, spans in shape["seasons"].items()
        for low, high in re.findall(r"(\d+)-(\d+)", spans)
        for week in range(int(low), int(high) + 1)
    }
    peaks = np.outer(weekly, daily)
    hours = [
        peaks[week, day] * tables[f"{season_of[week + 1]}_{'weekend' if day >= 5 else 'weekday'}"]
        for week in range(len(weekly))
        for day in range(len(daily))
    ]
    return np.concatenate(hours), peaks.ravel()


def _survival(document: dict[str, Any]) -> SurvivalCase:
    case, usual = document["case"], document.get("defaults", {})
    answers = dict(case.get("answers_rows_start_hour_cols_duration", {}))
    wide = max((len(row) for table in answers.values() for row in table), default=OUTAGE_H)
    sets = case["generators"]
    rows = (
        sets if isinstance(sets, list) else [{"count": sets, "power_kw": case["kw_each"], **case}]
    )
    store = case.get("store")
    fuel = case.get("fuel")
    firm = case.get("firm_kw_cyclic")
    return SurvivalCase(
        str(document.get("name", "survival")),
        Backup(
            tuple(_sets({**usual, **row}) for row in rows),
            None if store is None else BackupStore(**{k: float(v) for k, v in store.items()}),
            None if fuel is None else float(fuel),
        ),
        [float(kw) for kw in case["load_kw_cyclic"]],
        None if firm is None else [float(kw) for kw in firm],
        int(case.get("outage_h", wide)),
        answers,
    )


def _sets(row: dict[str, Any]) -> BackupSets:
    return BackupSets(
        count=int(row["count"]),
        power_kw=float(row["power_kw"]),
        availability=float(row["availability"]),
        fail_to_start=float(row["fail_to_start"]),
        mttf_h=float(row["mttf_h"]),
        fuel_per_h=float(row.get("fuel_per_h", 0.0)),
        fuel_per_kwh=float(row.get("fuel_per_kwh", 0.0)),
    )
