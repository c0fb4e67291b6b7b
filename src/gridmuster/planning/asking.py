"""Objectives as people ask for them: a name, a blend or a strict order, for all or for one part.

    efficiency
    operating-expense:0.7,efficiency:0.3
    reliability:lolp=0.001>operating-expense
    north=efficiency:2%>expense

Before ``=`` stands the id of an area or a device, for which alone the rest holds. A strict order
has a mark after the first name: the mean odds of loss of load, or by how much the first may be
above its best; 1 % when none is given. ``expense`` and ``cost`` are short for the two in money.
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
    """A strict order: the first objective with its mark, the second, and for whom ("": all)."""

    mark: Mark
    then: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A plan with the question as it was answered.

    Args:
        problem: the question, with the weights that the plan was made with.
        solution: the plan.
        ordered: how the order came out; None when there was none.
    """

    problem: PlanProblem
    solution: PlanSolution
    ordered: Ordered | None = None


def answer(problem: PlanProblem, wishes: Sequence[str], limits: PlanLimits | None) -> Answered:
    """Plan a problem for objectives in words.

    Args:
        problem: the question; what the words say replaces its own objectives.
        wishes: objectives as above, at most one of them an order; none: the problem's own.
        limits: how long and how well to solve each plan; None: the planner's own.

    Raises:
        PlanningError: for words that say nothing, with what is expected.
    """
    asked, order = read(problem, wishes)
    if order is None:
        return Answered(asked, solve(asked, limits))
    found = in_order(asked, order.mark, order.then, limits, order.where)
    return Answered(found.problem, found.solution, found)


def read(problem: PlanProblem, wishes: Sequence[str]) -> tuple[PlanProblem, Order | None]:
    """(The problem with the objectives asked for, the strict order among them or None).

    An objective for all replaces the areas' and devices' own as well; one for a part only its own.
    """
    order: Order | None = None
    split = [_split(problem, wish) for wish in wishes]
    # What is for all comes first: it would wipe out what was said of one part.
    for where, text in sorted(split, key=lambda one: bool(one[0])):
        if ">" in text:
            if order is not None:
                raise PlanningError(f"objective {text!r} is a second order; expected one at most")
            order = _order(text, where)
        elif where:
            own = {**problem.objectives, where: parse(_long(text))}
            problem = structs.replace(problem, objectives=own)
        else:
            problem = structs.replace(problem, weights=parse(_long(text)), objectives={})
    return problem, order


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
    first, _, then = text.partition(">")
    name, _, mark = (piece.strip() for piece in first.partition(":"))
    name, then = _long(name), _long(then)
    for one in (name, then):
        if one not in NAMES:
            raise PlanningError(
                f"objective {text!r}: an order is of two of {', '.join(NAMES)}, not {one!r}; "
                f"expected like {ORDER}"
            )
    if name == then:
        raise PlanningError(f"objective {text!r}: {name} is there twice; expected like {ORDER}")
    return Order(_mark(text, name, mark), then, where)


def _mark(text: str, name: str, mark: str) -> Mark:
    """The mark after the first name, like ``lolp=0.001``, ``2%`` or ``0.02``; empty: 1 %."""
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
