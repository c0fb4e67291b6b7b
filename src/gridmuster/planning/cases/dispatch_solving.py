"""Solves economic-dispatch cases, each question to a bound that no dispatch can beat.

Convex costs go to the exact dispatch of one interval (`planning.interval`), proven by its price:
the Lagrangian at any price bounds every dispatch from below. Valve points go to `valve_points`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import fsum, inf

import numpy as np

from gridmuster.clock import stopwatch_s
from gridmuster.planning.cases.case import Schedule
from gridmuster.planning.cases.dispatch_case import (
    DispatchCase,
    DispatchPart,
    DispatchUnit,
    Question,
)
from gridmuster.planning.cases.dispatch_judging import judge_dispatch
from gridmuster.planning.cases.solving import CaseAnswer, CaseLimits
from gridmuster.planning.cases.valve_points import ValveSearch
from gridmuster.planning.interval import IntervalNeed, QuadraticUnits, dispatch_interval

#: Most dispatches take a moment: the gap aimed at, beyond the one asked for, as long as no pass
#: takes more than so many seconds.
CLOSE, CLOSE_S = 5e-6, 5.0
#: Operations of the dynamic programme in a second, on the safe side.
OPERATIONS_PER_S = 3e8


@dataclass(frozen=True, slots=True)
class DispatchAnswer:
    """The answers to all questions of a case.

    Args:
        whole: all of them together, judged, as the answer to any case.
        parts: each by itself.
    """

    whole: CaseAnswer
    parts: tuple[DispatchPart, ...]

    def figures(self) -> dict[str, object]:
        """The parts' own figures, for JSON; a bound that is none is null."""
        return {
            "questions": [
                {
                    "name": part.name,
                    "objective": part.cost,
                    "lower_bound": part.lower_bound if part.lower_bound > -inf else None,
                    "price_usd_per_mwh": part.price_usd_per_mwh,
                    "power_mw": list(part.power_mw),
                }
                for part in self.parts
            ]
        }


def solve_dispatch(case: DispatchCase, limits: CaseLimits | None = None) -> DispatchAnswer:
    """Dispatch every question of a case.

    Args:
        case: the case.
        limits: how well and how long.

    Returns:
        The best powers found with valid lower bounds; a demand that the units cannot meet is
        met as far as they can, and the judgement says what is missing.
    """
    limits = CaseLimits() if limits is None else limits
    begun_s = stopwatch_s()
    parts = []
    for number, question in enumerate(case.questions):
        waiting = len(case.questions) - number
        until_s = stopwatch_s()
        until_s += (limits.time_limit_s - (until_s - begun_s)) / waiting
        parts.append(_dispatched(question, limits.gap, until_s))
    parts = [
        replace(part, cost=fsum(map(DispatchUnit.price, question.units, part.power_mw)))
        for question, part in zip(case.questions, parts, strict=True)
    ]
    schedule = _schedule(case, parts)
    whole = CaseAnswer(
        schedule=schedule,
        judgement=judge_dispatch(case, schedule),
        lower_bound=fsum(part.lower_bound for part in parts),
        seconds=stopwatch_s() - begun_s,
        method=", ".join(dict.fromkeys(part.method for part in parts)),
    )
    return DispatchAnswer(whole, tuple(parts))


def _dispatched(question: Question, gap: float, until_s: float) -> DispatchPart:
    least_mw = fsum(unit.min_mw for unit in question.units)
    most_mw = fsum(unit.max_mw for unit in question.units)
    if not least_mw <= question.demand_mw <= most_mw:
        edge = [unit.min_mw for unit in question.units]
        if question.demand_mw > most_mw:
            edge = [unit.max_mw for unit in question.units]
        return DispatchPart(question.name, tuple(edge), method="at the limits")
    if all(unit.convex for unit in question.units):
        return _by_price(question)
    search = ValveSearch(question.units, question.demand_mw)

    def allowed(operations: float) -> bool:
        pass_s = operations / OPERATIONS_PER_S
        enough = search.cost - search.lower_bound <= gap * abs(search.cost)
        return stopwatch_s() + pass_s < until_s and (pass_s <= CLOSE_S or not enough)

    found = search.run(min(gap, CLOSE), allowed)
    return DispatchPart(
        question.name,
        found.power_mw,
        found.lower_bound,
        found.price_usd_per_mwh,
        f"dynamic programme, {found.cells} cells",
    )


def _by_price(question: Question) -> DispatchPart:
    """Exact by the price of the next MW; power in MW and money an hour go through as they are."""
    linear, square, low, high = (
        np.array([getattr(unit, field) for unit in question.units])
        for field in ("linear", "square", "min_mw", "max_mw")
    )
    ends = np.abs(linear) + 2.0 * square * np.maximum(np.abs(low), np.abs(high))
    beyond = 2.0 * float(ends.max()) + 1.0
    need = IntervalNeed(question.demand_mw, unserved_usd_per_kwh=beyond, surplus_usd_per_kwh=beyond)
    answer = dispatch_interval([QuadraticUnits.of_costs(linear, square, low, high)], need)
    price = answer.price_usd_per_kwh
    best = np.where(linear < price, high, low)
    curved = square > 0.0
    best[curved] = np.clip(
        (price - linear[curved]) / (2.0 * square[curved]), low[curved], high[curved]
    )
    least = linear * best + square * best**2 - price * best
    constant = fsum(unit.constant for unit in question.units)
    bound = fsum([constant, price * question.demand_mw, *least.tolist()])
    # A bound is one whatever the price; its own sum is rounded up by less than this.
    bound -= 1e-13 * (abs(bound) + float(np.abs(least).sum()))
    powers = tuple(float(mw) for mw in answer.power_kw[0])
    return DispatchPart(question.name, powers, bound, price, "equal incremental cost")


def _schedule(case: DispatchCase, parts: list[DispatchPart]) -> Schedule:
    names = case.unit_names()
    power: dict[str, list[float]] = {name: [0.0] * len(parts) for name in names}
    on: dict[str, list[int]] = {name: [0] * len(parts) for name in names}
    for at, (question, part) in enumerate(zip(case.questions, parts, strict=True)):
        for unit, power_mw in zip(question.units, part.power_mw, strict=True):
            power[unit.name][at] = power_mw
            on[unit.name][at] = 1
    return Schedule(on, power, {})
