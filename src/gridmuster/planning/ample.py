"""Budgets of starts that are large: left out, and put back for units whose plan breaks them.

A unit with a budget is decided by itself, though it is like others; hardly any plan starts a unit
four times a day. So the question without large budgets comes first. Its bound holds for the whole
question, of which it is a part, and a plan of it that keeps all budgets is as good an answer; else
the budgets that it breaks bind in the next.
"""

from __future__ import annotations

from collections.abc import Set

from msgspec import structs

from gridmuster.planning.problem import PlanProblem, PlanSolution, PlanUnit

#: Starts over the horizon from which on a budget is left out at first.
AMPLE = 4


def without_ample(problem: PlanProblem, bound: Set[str]) -> PlanProblem:
    """A problem without large budgets of starts.

    Args:
        problem: the question.
        bound: ids of units whose budgets stay.
    """
    if not any(_is_ample(unit) and unit.id not in bound for unit in problem.units):
        return problem
    units = [unit if unit.id in bound else _loose(unit) for unit in problem.units]
    return structs.replace(problem, units=units)


def broken(problem: PlanProblem, solution: PlanSolution) -> set[str]:
    """Ids of units that a plan starts more often than they may be."""
    return {
        unit.id
        for unit in problem.units
        if unit.starts_left is not None
        # Off and then on: as bytes, for a fleet's plan has millions of them.
        and bytes((unit.initial_on, *solution.commitment[unit.id])).count(b"\x00\x01")
        > unit.starts_left
    }


def _is_ample(unit: PlanUnit) -> bool:
    return unit.starts_left is not None and unit.starts_left >= AMPLE


def _loose(unit: PlanUnit) -> PlanUnit:
    return structs.replace(unit, starts_left=None) if _is_ample(unit) else unit
