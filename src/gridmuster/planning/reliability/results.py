"""What comes out of a case, under the names its file uses, held against what the file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from gridmuster.planning.reliability.assess import Adequacy, Bounds, assess
from gridmuster.planning.reliability.cases import AdequacyCase, SurvivalCase
from gridmuster.planning.reliability.outages import Floats
from gridmuster.planning.reliability.survival import survival
from gridmuster.planning.reliability.table import MOST_CELLS, outage_table

#: Exact convolutions must agree with a file's answers to this, relative.
AGREE = 1e-5
#: Outages printed of a table.
MOST_OUTAGES = 1000

Figure = float | list[float] | list[list[float]] | dict[str, float]


@dataclass(frozen=True, slots=True)
class Result:
    """What came out.

    Args:
        name: of the case.
        kind: ``adequacy`` or ``survival``.
        method: how it was computed.
        figures: by the file's own names.
        low, high: proven bounds of the figures that are one number.
        differing: answers of the file that are not reproduced, in words.
        checked: how many numbers of the file were compared.
    """

    name: str
    kind: str
    method: str
    figures: dict[str, Figure]
    low: dict[str, float]
    high: dict[str, float]
    differing: tuple[str, ...]
    checked: int


def solve_case(case: AdequacyCase | SurvivalCase) -> Result:
    """Compute a case and compare it with its answers.

    Args:
        case: as read from a file.
    """
    if isinstance(case, SurvivalCase):
        return _survival(case)
    figures: dict[str, Figure] = {}
    bounds: dict[str, Bounds] = {}
    methods: list[Adequacy] = []
    if case.hourly is not None:
        found = assess(case.units, case.hourly.mw, case.presence)
        methods.append(found)
        lole, eens = found.lole(), found.eens_kwh()
        if case.source == "hours":
            bounds |= {"lole_h": lole, "eue_mwh": eens}
            figures["lolp"] = found.lolp[1].tolist()
            figures["eue_by_hour"] = found.unserved_kw[1].tolist()
        else:
            bounds |= {"lole_h_per_year_hourly_load": lole, "eens_mwh_per_year": eens}
    if case.daily is not None:
        found = assess(case.units, case.daily.mw)
        methods.append(found)
        days = found.lole(case.daily.weight)
        name = "lole_days_per_year"
        bounds[name if case.source == "peaks" else f"{name}_daily_peaks"] = days
    if case.source == "peaks" and case.units.total_kw <= MOST_CELLS:
        figures["copt"] = _copt(case)
    figures = {**{name: one.best for name, one in bounds.items()}, **figures}
    differing, checked = _compared(figures, case.answers)
    return Result(
        case.name,
        "adequacy",
        ", ".join(sorted({_how(one) for one in methods})),
        figures,
        {name: one.low for name, one in bounds.items()},
        {name: one.high for name, one in bounds.items()},
        differing,
        checked,
    )


def _how(found: Adequacy) -> str:
    if found.method == "table":
        return "outage table, exact"
    grid = f"Fourier inversion on steps of {found.step_kw:g} MW"
    return f"{grid}, exact" if found.exact else f"{grid}, capacities rounded both ways"


def _copt(case: AdequacyCase) -> dict[str, float]:
    table = outage_table(case.units)
    pairs = zip(table.outage_kw[:MOST_OUTAGES], table.probability[:MOST_OUTAGES], strict=True)
    return {f"{mw:.10g}": float(odds) for mw, odds in pairs if odds > 0.0}


def _survival(case: SurvivalCase) -> Result:
    found = survival(case.backup, case.load_kw, case.hours, case.firm_kw)
    figures: dict[str, Figure] = {
        "cumulative": _middle(found.through).tolist(),
        "marginal": _middle(found.each).tolist(),
        "mean_survival_by_hours": _middle(found.through).mean(axis=0).tolist(),
    }
    low, high = found.through.mean(axis=1)[:, -1]
    name = f"mean_survival_of_{case.hours}_h"
    figures[name] = 0.5 * float(low + high)
    differing, checked = _compared(figures, case.answers)
    method = "Markov chain, exact"
    if case.backup.store is not None or case.backup.fuel is not None:
        method = "Markov chain, energy and fuel rounded both ways"
    return Result(
        case.name,
        "survival",
        method,
        figures,
        {name: float(low)},
        {name: float(high)},
        differing,
        checked,
    )


def _middle(bounds: Floats) -> Floats:
    return np.asarray(bounds.mean(axis=0))


def _compared(figures: dict[str, Figure], answers: dict[str, Any]) -> tuple[tuple[str, ...], int]:
    """Answers that are not reproduced to their digits, and how many were compared."""
    wrong = []
    count = 0
    for name, answer in answers.items():
        if name not in figures:
            continue
        for place, got, said in _leaves(name, figures[name], answer):
            count += 1
            if got is None or abs(got - float(said)) > max(AGREE * abs(float(said)), _ulp(said)):
                wrong.append(f"{place}: found {got}, the file says {said}")
    return tuple(wrong), count


def _leaves(name: str, got: Any, said: Any) -> Iterator[tuple[str, float | None, Any]]:
    """Pairs of numbers in the same place; None where nothing was found."""
    if isinstance(said, dict):
        for key, value in said.items():
            yield from _leaves(f"{name}.{key}", got.get(key) if got else None, value)
    elif isinstance(said, list):
        for number, value in enumerate(said):
            there = got is not None and number < len(got)
            yield from _leaves(f"{name}[{number}]", got[number] if there else None, value)
    else:
        yield name, got, said


def _ulp(said: Any) -> float:
    """Half a unit of the last digit written."""
    digits = Decimal(said).as_tuple().exponent
    return 0.5 * 10.0**digits if isinstance(digits, int) and digits < 0 else 0.0
