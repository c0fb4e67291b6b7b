"""The odds a plan runs: loss of load and energy not served, from who is on in each interval.

In each interval every unit that is on is there with a probability: one that starts, if it is
available, does not fail to start and lasts the interval; one that ran before, if it lasts it. What
the connection, stores and renewables can give is taken as firm. A failed unit is replaced within
an interval or so, so that intervals are judged each by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.planning.adequacy import run_availability
from gridmuster.planning.linear import Floats
from gridmuster.planning.problem import PlanProblem
from gridmuster.planning.reliability.assess import beyond
from gridmuster.planning.reliability.outages import grouped, two_state
from gridmuster.planning.schedule import Schedule, starts
from gridmuster.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Risk:
    """Odds of a plan.

    Args:
        lolp: probability of loss of load in an interval, in any area, mean over the intervals.
        eens_kwh: expected energy not served over the horizon by outages, kWh.
    """

    lolp: float
    eens_kwh: float


def assess_plan(problem: PlanProblem, plan: Schedule) -> Risk:
    """The odds of a schedule.

    Args:
        problem: the question.
        plan: the schedule.
    """
    step_h = problem.step_s / SECONDS_PER_HOUR
    started = starts(problem, plan)
    safe = np.ones(problem.count)
    eens_kwh = 0.0
    for number, area in enumerate(problem.areas):
        firm = _firm_kw(problem, plan, number, step_h)
        demand = np.asarray(area.demand_kw, dtype=float) - plan.unserved[number]
        members = [n for n, unit in enumerate(problem.units) if unit.area == area.id]
        known: dict[bytes, tuple[float, float]] = {}
        for t in np.flatnonzero(demand > firm):
            rows = [n for n in members if plan.on[n, t]]
            units = two_state(
                [problem.units[n].max_kw[t] for n in rows],
                [_there(problem, n, bool(started[n, t]), step_h) for n in rows],
            )
            spare_kw = np.array([units.total_kw + firm[t] - demand[t]])
            key = units.lost_kw.tobytes() + units.probability.tobytes() + spare_kw.tobytes()
            if key not in known:
                odds, short_kw = beyond(grouped(units), spare_kw)
                known[key] = float(odds[0]), float(short_kw[0])
            safe[t] *= 1.0 - known[key][0]
            eens_kwh += known[key][1] * step_h
    return Risk(float(np.mean(1.0 - safe)), eens_kwh)


def _there(problem: PlanProblem, number: int, starting: bool, step_h: float) -> float:
    unit = problem.units[number]
    return run_availability(
        unit.availability,
        unit.fail_to_start,
        max(unit.mttf_h, 1e-3),
        step_h,
        started=not starting,
    )


def _firm_kw(problem: PlanProblem, plan: Schedule, area: int, step_h: float) -> Floats:
    """What an area has without its units: connection, sun and wind used, stores' energy."""
    one = problem.areas[area]
    firm = np.asarray(one.import_limit_kw, dtype=float).copy()
    for number, renewable in enumerate(problem.renewables):
        if renewable.area == one.id:
            firm += plan.renewable[number]
    for number, store in enumerate(problem.stores):
        if store.area == one.id:
            spare = np.maximum(plan.energy[number] - store.min_energy_kwh, 0.0)
            lasting = plan.discharge[number] + spare * store.discharge_efficiency / step_h
            firm += np.minimum(np.asarray(store.discharge_kw, dtype=float), lasting)
    return firm
