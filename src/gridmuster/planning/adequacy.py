"""Odds that a set delivers, and the outage table on a given grid that calls of sets are chosen by.

Plans, fleets of any size and years of hours are judged by `planning.reliability`.

The capacity outage probability table is built unit by unit on a grid of outage steps (Billinton
and Allan, Reliability Evaluation of Power Systems, 2nd ed., chapter 2, eq. 2.1):

    p'(x) = a p(x) + (1 - a) p(x - c)

with availability ``a`` and capacity ``c``. Outages are rounded up to the step, so that the odds are
never understated; where every capacity is a multiple of the step the table is exact. Load is lost
when what is available is *below* it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Steps in a table when none is given: fine enough that rounding is below half a percent.
STEPS = 1000
#: A capacity this close to a multiple of the step is one.
WHOLE = 1e-9


@dataclass(frozen=True, slots=True)
class TwoState:
    """A unit that is there with its whole capacity or not at all.

    Args:
        capacity_kw: what it gives when it is there, kW.
        availability: probability that it is.
    """

    capacity_kw: float
    availability: float


def run_availability(
    availability: float, fail_to_start: float, mttf_h: float, run_h: float, *, started: bool
) -> float:
    """Probability that a unit delivers through a run (`domain.md` section 1).

    ``availability * (1 - fail_to_start) * exp(-run_h / mttf_h)``; a unit that already runs is
    there and has started, so only the last factor is left.

    Args:
        availability: share of time not in repair.
        fail_to_start: failures per start.
        mttf_h: mean running hours to failure, h.
        run_h: length of the run, h.
        started: whether it runs already.
    """
    survives = math.exp(-run_h / mttf_h)
    return survives if started else availability * (1.0 - fail_to_start) * survives


@dataclass(frozen=True, slots=True)
class OutageTable:
    """Probability of each outage: ``probability[k]`` of ``k * step_kw``.

    Args:
        step_kw: step of the grid, kW.
        probability: one for each step from none to all out; adds up to 1.
        capacity_kw: sum of all capacities, kW.
    """

    step_kw: float
    probability: Floats
    capacity_kw: float

    def loss_of_load(self, need_kw: float, firm_kw: float = 0.0) -> float:
        """Probability that available capacity with what is firm is below a need.

        Args:
            need_kw: what must be covered, kW.
            firm_kw: what is there for certain, kW.
        """
        return self.beyond(need_kw, firm_kw)[0]

    def unserved_kw(self, need_kw: float, firm_kw: float = 0.0) -> float:
        """Expected power not served for a need, kW."""
        return self.beyond(need_kw, firm_kw)[1]

    def beyond(self, need_kw: float, firm_kw: float = 0.0) -> tuple[float, float]:
        """Both: probability of loss of load, and expected power not served, kW.

        Args:
            need_kw: what must be covered, kW.
            firm_kw: what is there for certain, kW.
        """
        spare_kw = self.capacity_kw + firm_kw - need_kw
        outage_kw = self.step_kw * np.arange(len(self.probability))
        short_kw = outage_kw - spare_kw
        lost = short_kw > WHOLE * max(self.capacity_kw, 1.0)
        odds = float(self.probability[lost].sum())
        return odds, float(np.dot(self.probability[lost], short_kw[lost]))


def outage_table(units: Iterable[TwoState], step_kw: float | None = None) -> OutageTable:
    """The table of independent two-state units.

    Args:
        units: the units; those without capacity count for nothing.
        step_kw: step of the grid, kW; None: a thousandth of the sum.
    """
    known = [unit for unit in units if unit.capacity_kw > 0.0]
    capacity_kw = sum(unit.capacity_kw for unit in known)
    step = step_kw if step_kw is not None else max(capacity_kw / STEPS, WHOLE)
    jumps = [math.ceil(unit.capacity_kw / step - WHOLE) for unit in known]
    probability = np.zeros(sum(jumps) + 1)
    probability[0] = 1.0
    filled = 1
    for unit, jump in zip(known, jumps, strict=True):
        before = probability[:filled].copy()
        probability[:filled] *= unit.availability
        probability[jump : jump + filled] += (1.0 - unit.availability) * before
        filled += jump
    return OutageTable(step, probability, capacity_kw)
