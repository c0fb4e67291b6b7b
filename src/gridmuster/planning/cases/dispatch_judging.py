"""Judges an economic dispatch against its case; shares no code with what made it."""

from __future__ import annotations

from math import fsum, sin

from gridmuster.planning.cases.case import Schedule
from gridmuster.planning.cases.dispatch_case import DispatchCase, DispatchUnit
from gridmuster.planning.cases.judging import MAX_LISTED, TOLERANCE_MW, Judgement


def judge_dispatch(case: DispatchCase, schedule: Schedule) -> Judgement:
    """Price a dispatch and list what it breaks.

    Args:
        case: the case.
        schedule: power by unit and question; a unit's commitment, where given, must be 1.
    """
    wrong: list[str] = []
    costs: list[float] = []
    for at, question in enumerate(case.questions):
        given = []
        for unit in question.units:
            power_mw = _value(schedule.power_mw.get(unit.name), at)
            if power_mw is None:
                wrong.append(f"{unit.name}, {question.name}: no power")
                continue
            if _value(schedule.commitment.get(unit.name), at) not in (None, 1):
                wrong.append(f"{unit.name}, {question.name}: off, but every unit is on")
            over = max(unit.min_mw - power_mw, power_mw - unit.max_mw)
            if not over <= TOLERANCE_MW:
                wrong.append(f"{unit.name}, {question.name}: outside its limits by {over:.6g} MW")
            given.append(power_mw)
            costs.append(_cost(unit, power_mw))
        off = abs(fsum(given) - question.demand_mw)
        if not off <= TOLERANCE_MW * max(1.0, abs(question.demand_mw) / 1000.0):
            wrong.append(f"demand, {question.name}: not met exactly by {off:.6g} MW")
    return Judgement(fsum(costs), tuple(wrong[:MAX_LISTED]), len(wrong))


def _value(row: list[float] | list[int] | None, at: int) -> float | None:
    return None if row is None or at >= len(row) else row[at]


def _cost(unit: DispatchUnit, p: float) -> float:
    """The file's own formula, term by term."""
    valves = abs(unit.ripple * sin(unit.ripple_per_mw * (unit.min_mw - p)))
    return unit.constant + unit.linear * p + unit.square * p * p + valves
