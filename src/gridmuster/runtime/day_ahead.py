"""Plans one day of a fleet from its file alone: the planner without a running plant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gridmuster.center.first_look import first_problem
from gridmuster.clock import parse_iso
from gridmuster.fleet.model import Fleet
from gridmuster.planning import PlanLimits, PlanSolution
from gridmuster.planning.asking import Answered, answer
from gridmuster.planning.comparing import Compared, compare


def plan_day(
    fleet: Fleet, start: str, gap: float = 1e-3, time_limit_s: float = 30.0
) -> PlanSolution:
    """The best day of a fleet by its own objective.

    Args:
        fleet: the fleet.
        start: when the day begins, ISO 8601 with an offset.
        gap: proven distance from the optimum at which to stop, as a share.
        time_limit_s: longest search, s; then the best plan found comes with its gap.

    Returns:
        A plan with its lower bound, gap and named shortfalls.

    Raises:
        ValueError: for a time without an offset.
    """
    limits = PlanLimits(gap=gap, time_limit_s=time_limit_s)
    return answer_day(fleet, start, limits).solution


def answer_day(
    fleet: Fleet, start: str, limits: PlanLimits | None = None, wishes: Sequence[str] = ()
) -> Answered:
    """A day of a fleet planned for objectives in words, with the question that was answered.

    Args:
        fleet: the fleet.
        start: when the day begins, ISO 8601 with an offset.
        limits: how long and how well to solve; None: the planner's own.
        wishes: objectives as `planning.asking` reads them; none: the fleet's own.

    Raises:
        ValueError: for a time without an offset.
        PlanningError: for an objective that says nothing.
    """
    return answer(first_problem(fleet, parse_iso(start)), wishes, limits)


def compare_day(fleet: Fleet, start: str, limits: PlanLimits | None = None) -> Iterator[Compared]:
    """The same day of a fleet planned for each of the four objectives, one after the other.

    Args:
        fleet: the fleet; its own objectives do not count.
        start: when the day begins, ISO 8601 with an offset.
        limits: how long and how well to solve each; None: the planner's own.

    Raises:
        ValueError: for a time without an offset.
    """
    return compare(first_problem(fleet, parse_iso(start)), limits)
