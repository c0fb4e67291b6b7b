"""Planning: unit commitment and storage over a horizon, with a bound on how good the plan is.

`problem` is the contract (question and answer), `solve` the exact planner behind it, `objectives`
reads and prices the four objectives, `adequacy` the odds of supply covering demand, `checker` an
independent judge of plans.
"""

from gridmuster.planning.problem import (
    Delivery,
    EmissionCap,
    PlanArea,
    PlanLimits,
    PlanLink,
    PlanProblem,
    PlanRenewable,
    PlanSolution,
    PlanStore,
    PlanUnit,
    RunWindow,
    Shortfall,
    ShortfallKind,
    Span,
    StartClass,
    Weights,
)
from gridmuster.planning.solve import solve

__all__ = [
    "Delivery",
    "EmissionCap",
    "PlanArea",
    "PlanLimits",
    "PlanLink",
    "PlanProblem",
    "PlanRenewable",
    "PlanSolution",
    "PlanStore",
    "PlanUnit",
    "RunWindow",
    "Shortfall",
    "ShortfallKind",
    "Span",
    "StartClass",
    "Weights",
    "solve",
]
