"""Live odds of losing load in an area: what is on, coming and firm against what is needed."""

from __future__ import annotations

from collections.abc import Mapping

from gridmuster.center.decider import AreaDecision
from gridmuster.center.sources import AreaSources
from gridmuster.planning.adequacy import run_availability
from gridmuster.planning.reliability.outages import two_state
from gridmuster.planning.reliability.table import outage_table

#: How far ahead a unit must last, h: by then another can be in its place.
REPLACE_H = 0.25


def loss_of_load(decision: AreaDecision, sources: AreaSources, import_cap_kw: float) -> float:
    """Probability that the area's need is not met within the time a replacement takes.

    Connection, stores, sun and wind count as firm at what they give now; a running generator may
    trip, one on its way may fail to start.

    Args:
        decision: who is wanted on.
        sources: the area's generators and firm power.
        import_cap_kw: what the connection may carry, kW.
    """
    limits_kw, availability = [], []
    for unit in sources.units:
        if not decision.commitment.wanted[unit.device.id]:
            continue
        odds = unit.device.reliability
        started = unit.on and unit.power_kw > 0.0
        there = run_availability(
            odds.availability, odds.fail_to_start, odds.mttf_h, REPLACE_H, started=started
        )
        limits_kw.append(max(unit.limit_kw, 0.0))
        availability.append(there)
    firm_kw = import_cap_kw + sources.firm_kw + sum(sources.fixed_kw.values())
    table = outage_table(two_state(limits_kw, availability))
    return table.loss_of_load(decision.status.need_kw, firm_kw)


def update(
    lolp: dict[str, float],
    decisions: Mapping[str, AreaDecision],
    cycle: int,
    every: int,
) -> None:
    """Refresh the odds of all areas in every so many cycles.

    Args:
        lolp: odds by area, updated in place.
        decisions: this cycle's decisions by area.
        cycle: number of the cycle.
        every: cycles between two updates.
    """
    if cycle % every:
        return
    for area_id, decision in decisions.items():
        lolp[area_id] = loss_of_load(decision, decision.sources, decision.import_cap_kw)
