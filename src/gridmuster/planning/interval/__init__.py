"""Economic dispatch of one interval for up to millions of units that are on, exact.

`dispatch` has the question, the answer and how reserve is kept; `units` turns units into convex
pieces, `search` finds their price, `kernels` are the compiled passes over their columns.
"""

from gridmuster.planning.interval.dispatch import (
    Exchange,
    IntervalAnswer,
    IntervalNeed,
    Unmet,
    dispatch_interval,
)
from gridmuster.planning.interval.search import Crew
from gridmuster.planning.interval.units import QuadraticUnits, SteppedUnits

__all__ = [
    "Crew",
    "Exchange",
    "IntervalAnswer",
    "IntervalNeed",
    "QuadraticUnits",
    "SteppedUnits",
    "Unmet",
    "dispatch_interval",
]
