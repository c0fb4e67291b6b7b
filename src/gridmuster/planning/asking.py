"""Objectives as people ask for them: a name, a blend or a strict order, for all or for one part.

    efficiency
    operating-expense:0.7,efficiency:0.3
    reliability:lolp=0.001>operating-expense
    reliability:lolp=0.001>efficiency:2%>expense
    north=efficiency:2%>expense

Before ``=`` stands the id of an area or a device, for which alone the rest holds. A strict order
has a mark after each name but the last: the mean odds of loss of load, or by how much the figure
may be above its best; 1 % when none is given. ``expense`` and ``cost`` are short for the two in
money. There may be an order for all and one for each of some areas and devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from gridmuster.errors import PlanningError
from gridmuster.planning.objectives import NAMES, parse
from gridmuster.planning.order import Mark, Ordered, in_order
from gridmuster.planning.problem import PlanLimits, PlanProblem, PlanSolution
from gridmuster.planning.solve import solve

SHORT = {"expense": "operating-expense", "cost": "production-cost"}
ORDER = "reliability:lolp=0.001>operating-expense"


@dataclass(frozen=True, slots=True)
class Order:
    """A strict order: objectives with their marks, the last one, and for whom ("": all)."""

    marks: tuple[Mark, ...]
    then: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A plan with the question as it was answered.

    Args:
        problem: the question, with the weights that the plan was made with.
        solution: the plan.
        ordered: how each order came out in this plan; empty when there was none.
    """

    problem: PlanProblem
    solution: PlanSolution
    ordered: tuple[Ordered, ...] = ()


def answer(problem: PlanProblem, wishes: Sequence[str], limits: PlanLimits | None) -> Answered:
    """Plan a problem for objectives in words.

    Orders are planned one after the other, that for all first; each keeps the weights that the
    ones before it have led to, and all are judged on the last plan.

    Args:
        problem: the question; what the words say replaces its own objectives.
        wishes: objectives as above; none: the problem's own.
        limits: how long and how well to solve each plan; None: the planner's own.

    Raises:
        PlanningError: for words that say nothing, with what is expected.
    """
    asked, orders = read(problem, wishes)
    if not orders:
        return Answered(asked, solve(asked, limits))
    found = []
    for order in orders:
        found.append(in_order(asked, order.marks, order.then, limits, order.where))
        asked = found[-1].problem
    plan = found[-1].solution
    return Answered(asked, plan, tuple(one.judged(plan) for one in found))


def read(problem: PlanProblem, wishes: Sequence[str]) -> tuple[PlanProblem, list[Order]]:
    """(The problem with the objectives asked for, the strict orders among them).

    What is for all replaces the areas' and devices' own as well; what is for a part only its own.
    """
    orders: list[Order] = []
    split = [_split(problem, wish) for wish in wishes]
    # What is for all comes first: it would wipe out what was said of one part.
    for where, text in sorted(split, key=lambda one: bool(one[0])):
        if ">" in text:
            if where in {order.where for order in orders}:
                whom = where or "all"
                raise PlanningError(
                    f"objective {text!r} is a second order for {whom}; expected one at most"
                )
            orders.append(_order(text, where))
            if not where:
                problem = structs.replace(problem, objectives={})
        elif where:
            own = {**problem.objectives, where: parse(_long(text))}
            problem = structs.replace(problem, objectives=own)
        else:
            problem = structs.replace(problem, weights=parse(_long(text)), objectives={})
    return problem, orders


def _split(problem: PlanProblem, wish: str) -> tuple[str, str]:
    """(Whom it is for, what is wished)."""
    head, equals, rest = wish.partition("=")
    where = head.strip()
    if not equals or (set(where) & set(":>,") and where not in _ids(problem)):
        return "", wish.strip()
    if where not in _ids(problem):
        raise PlanningError(
            f"objective {wish!r}: there is no area and no planned device {where!r}; expected the "
            "id of one before ="
        )
    return where, rest.strip()


def _ids(problem: PlanProblem) -> set[str]:
    parts = (problem.areas, problem.units, problem.stores, problem.renewables)
    return {one.id for part in parts for one in part}


def _order(text: str, where: str) -> Order:
    *firsts, then = (piece.strip() for piece in text.split(">"))
    split = [first.partition(":") for first in firsts]
    names = [_long(name.strip()) for name, _, _ in split]
    then = _long(then)
    for one in (*names, then):
        if one not in NAMES:
            raise PlanningError(
                f"objective {text!r}: an order is of some of {', '.join(NAMES)}, not {one!r}; "
                f"expected like {ORDER}"
            )
        if [*names, then].count(one) > 1:
            raise PlanningError(f"objective {text!r}: {one} is there twice; expected like {ORDER}")
    marks = [
        _mark(text, name, mark.strip()) for name, (_, _, mark) in zip(names, split, strict=True)
    ]
    return Order(tuple(marks), then, where)


def _mark(text: str, name: str, mark: str) -> Mark:
    """The mark after a name, like ``lolp=0.001``, ``2%`` or ``0.02``; empty: 1 %."""
    if not mark:
        return Mark(name)
    is_lolp = mark.startswith("lolp=")
    number = mark.removeprefix("lolp=").removesuffix("%")
    try:
        value = float(number) / (100.0 if mark.endswith("%") else 1.0)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf") or (is_lolp and (value > 1.0 or name != "reliability")):
        raise PlanningError(
            f"objective {text!r}: {mark!r} is no mark for {name}; expected a share above its best "
            "like 2%, or lolp= and odds from 0 to 1 for reliability"
        )
    return Mark(name, lolp=value) if is_lolp else Mark(name, within=value)


def _long(text: str) -> str:
    """The same with short names in full."""
    parts = [piece.strip().partition(":") for piece in text.split(",")]
    return ",".join(f"{SHORT.get(name, name)}{colon}{rest}" for name, colon, rest in parts)
