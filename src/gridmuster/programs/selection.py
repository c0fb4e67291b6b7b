"""Which sets of an area start for a target, in which order, and how sure their power is.

Pure arithmetic over candidates. Each set is ranked by one score, a weighted sum of shares between
0 and 1 (see `Weights`), the smallest first; sets are taken in that order until the power that is
there with the asked probability reaches the target. That power is exact: it is the quantile of
the sum of independent two-state sets, built one set after the other (Billinton and Allan,
Reliability Evaluation of Power Systems, 2nd ed., chapter 2, eq. 2.1).
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import Final

from msgspec import Struct, structs

from gridmuster.programs.firm import APART, WHOLE_KW, Mixture, mixture_of

#: Power is counted in whole grains, rounded down, kW; the outage grid then is exact.
GRAIN_KW: Final = 0.1
#: Steps in a target beyond which the grid is coarser than the grain; outages are rounded up to it.
MOST_STEPS: Final = 10_000
#: Added to the score of a set that would run below its least load: such sets come last.
LIGHT_LOAD: Final = 10.0
#: Odds of failure that count as a whole share of unreliability.
WORST_ODDS: Final = 0.1
#: Sets named as next in line.
MOST_IN_LINE: Final = 5


class Weights(Struct, frozen=True):
    """What each share counts in a set's score.

    ``cost``: USD for each kWh of the run, start included, of the dearest candidate's; of a set
    larger than the target, at the target.
    ``efficiency``: heat for each kWh, likewise, of the worst candidate's.
    ``wear``: starts of the last 24 h and this one, of those allowed a day; 0 for a set that runs.
    ``fuel``: what the run burns, of what is in the tank above the site's reserve.
    ``permit``: hours of the run, of those that the permit still allows this year.
    ``reliability``: odds that it does not deliver, of 0.1.
    ``fairness``: hours it ran lately, of the candidate's that ran most.
    """

    cost: float
    efficiency: float
    wear: float
    fuel: float
    permit: float
    reliability: float
    fairness: float


#: Weights by the fleet's objective; a blend of objectives blends its weights.
WEIGHTS: Final[dict[str, Weights]] = {
    "operating-expense": Weights(1.0, 0.0, 0.25, 0.2, 0.25, 0.25, 0.15),
    "production-cost": Weights(1.0, 0.0, 0.25, 0.2, 0.25, 0.25, 0.15),
    "efficiency": Weights(0.25, 1.0, 0.25, 0.2, 0.25, 0.25, 0.15),
    "reliability": Weights(0.25, 0.0, 0.25, 0.3, 0.25, 1.0, 0.15),
}


class Candidate(Struct, frozen=True):
    """A set that may be called, and what its run through the window means.

    Args:
        device: its id.
        site: where it stands; sets of one site share its room.
        kw: what it gives when it is there, kW.
        least_kw: least power at which it may be run, kW; 0 where its site's load decides.
        site_room_kw: what all sets of the site may give together, kW.
        odds: probability that it delivers through the window.
        on: whether it runs already.
        usd: cost of its run at ``kw``, start included, USD.
        fuel: fuel of its run at ``kw``, l or m3.
        low_usd, low_fuel: the same at ``least_kw``; as at ``kw`` where its site's load decides.
        gas: whether that fuel is metered in m3.
        heat_kwh: heat of that fuel, kWh (LHV).
        run_h: length of its run, h.
        starts_share, fuel_share, permit_share: shares, see `Weights`.
        recent_h: hours it ran lately, h.
        light_load: its load would be below its least sustained load (wet stacking).
        odds_by_state: probability that it delivers in each state of the common causes; none: as
            ``odds``, whose mean they are.
    """

    device: str
    site: str
    kw: float
    least_kw: float
    site_room_kw: float
    odds: float
    on: bool
    usd: float
    fuel: float
    low_usd: float
    low_fuel: float
    gas: bool
    heat_kwh: float
    run_h: float
    starts_share: float
    fuel_share: float
    permit_share: float
    recent_h: float
    light_load: bool
    odds_by_state: tuple[float, ...] = ()


class Chosen(Struct, frozen=True):
    """A set that was chosen: what it gives and costs, and its score (smaller is better).

    ``kw`` is what it could give, ``run_kw`` its share of the target when all that were chosen are
    there; cost and fuel are those of ``run_kw``.
    """

    device: str
    site: str
    kw: float
    run_kw: float
    odds: float
    usd: float
    fuel: float
    gas: bool
    run_h: float
    on: bool
    light_load: bool
    score: float


class Excluded(Struct, frozen=True):
    """A set that was not considered, and why."""

    device: str
    reason: str


class Selection(Struct, frozen=True):
    """The sets for a target, in order.

    ``firm_kw`` is the power that is there with ``probability``; ``missing_kw`` what it lacks to
    the target, ``target_odds`` the probability that the target is there all through the window.
    Cost and fuel are those of giving the target, not of all that was called.
    ``in_line`` are the next sets, in order. ``fuel_l`` and ``fuel_m3`` are kept apart.
    """

    target_kw: float
    probability: float
    chosen: tuple[Chosen, ...]
    total_kw: float
    expected_kw: float
    firm_kw: float
    firm_95_kw: float
    firm_99_kw: float
    missing_kw: float
    target_odds: float
    usd: float
    fuel_l: float
    fuel_m3: float
    run_h: float
    in_line: tuple[Chosen, ...]
    excluded: tuple[Excluded, ...]


def weights_of(objective: Mapping[str, float]) -> Weights:
    """The weights of an objective or of a blend of them.

    Args:
        objective: share by objective's name; shares add up to 1.
    """
    names = Weights.__struct_fields__
    known = {name: share for name, share in objective.items() if name in WEIGHTS}
    if not known:
        return WEIGHTS["operating-expense"]
    total = sum(known.values())
    return Weights(
        *(
            sum(share * getattr(WEIGHTS[name], field) for name, share in known.items()) / total
            for field in names
        )
    )


def scores(candidates: Sequence[Candidate], weights: Weights, target_kw: float) -> dict[str, float]:
    """The score of each candidate by its id; the smallest is called first.

    Args:
        candidates: all that may be called; shares of cost, heat and recent hours are taken of the
            largest among them.
        weights: what each share counts.
        target_kw: what is asked of all together; no set would give more, kW.
    """
    costs = {one.device: _usd_per_kwh(one, target_kw) for one in candidates}
    heats = {one.device: _heat_per_kwh(one, target_kw) for one in candidates}
    dearest = max(costs.values(), default=0.0)
    hottest = max(heats.values(), default=0.0)
    busiest = max((one.recent_h for one in candidates), default=0.0)
    return {
        one.device: weights.cost * _share(costs[one.device], dearest)
        + weights.efficiency * _share(heats[one.device], hottest)
        + weights.wear * (0.0 if one.on else min(one.starts_share, 1.0))
        + weights.fuel * min(one.fuel_share, 1.0)
        + weights.permit * min(one.permit_share, 1.0)
        + weights.reliability * min((1.0 - one.odds) / WORST_ODDS, 1.0)
        + weights.fairness * _share(one.recent_h, busiest)
        + (LIGHT_LOAD if one.light_load else 0.0)
        for one in candidates
    }


def _between(one: Candidate, run_kw: float, low: float, high: float) -> float:
    """An amount at some power, on the line between those at least and at full power."""
    range_kw = one.kw - one.least_kw
    if one.least_kw <= 0.0 or range_kw <= WHOLE_KW:
        return high
    return low + (high - low) * min(max((run_kw - one.least_kw) / range_kw, 0.0), 1.0)


def _useful_kw(one: Candidate, target_kw: float) -> float:
    """The most of its power that a target could use, kW."""
    if one.least_kw <= 0.0:
        return one.kw
    return min(one.kw, max(one.least_kw, target_kw))


def _usd_per_kwh(one: Candidate, target_kw: float) -> float:
    run_kw = _useful_kw(one, target_kw)
    return _between(one, run_kw, one.low_usd, one.usd) / max(run_kw * one.run_h, WHOLE_KW)


def _heat_per_kwh(one: Candidate, target_kw: float) -> float:
    run_kw = _useful_kw(one, target_kw)
    fuel = _between(one, run_kw, one.low_fuel, one.fuel)
    heat_kwh = one.heat_kwh * _share(fuel, one.fuel)
    return heat_kwh / max(run_kw * one.run_h, WHOLE_KW)


def _share(value: float, of: float) -> float:
    return value / of if of > 0.0 else 0.0


def select(
    target_kw: float,
    probability: float,
    candidates: Sequence[Candidate],
    excluded: Sequence[Excluded] = (),
    weights: Weights = WEIGHTS["operating-expense"],
    called: Container[str] = (),
    states: Sequence[float] = APART,
) -> Selection:
    """Choose sets in merit order until the target is firm with the probability.

    A set is dropped again when the ones after it made it needless: without a set of ``c`` kW any
    quantile falls by ``c`` kW at most, so that what is left stays firm.

    Args:
        target_kw: power asked for, kW.
        probability: how sure it must be, 0 to 1.
        candidates: the sets that may be called.
        excluded: the others, with why; handed on.
        weights: what counts in the merit order.
        called: sets that are called already; they come first and are never dropped.
        states: probability of each state of the common causes (`firm`).

    Returns:
        The selection; with too few candidates all of them, and what is missing.
    """
    score = scores(candidates, weights, target_kw)
    order = sorted(
        candidates, key=lambda one: (one.device not in called, score[one.device], one.device)
    )
    room = {one.site: one.site_room_kw for one in candidates}
    step_kw = max(GRAIN_KW, target_kw / MOST_STEPS)
    firm = Mixture(step_kw, states)
    known = {one.device: one for one in candidates}
    taken: list[Chosen] = []
    line: list[Chosen] = []
    crowded: list[Excluded] = []
    enough = False
    for one in order:
        kw = math.floor(min(one.kw, room[one.site]) / GRAIN_KW + 1e-6) * GRAIN_KW
        if kw <= 0.0 or kw < one.least_kw - GRAIN_KW:
            why = f"other sets of {one.site} use up what the site may give"
            crowded.append(Excluded(one.device, why))
            continue
        made = _chosen(one, kw, score[one.device])
        held = one.device in called
        enough = enough or (not held and firm.firm_kw(probability) >= target_kw - WHOLE_KW)
        if enough:
            if len(line) == MOST_IN_LINE:
                break
            line.append(made)
            continue
        firm.add(kw, one.odds_by_state or one.odds)
        room[one.site] -= kw
        taken.append(made)
    spare_kw = firm.firm_kw(probability) - target_kw
    chosen = _needed(taken, called, spare_kw)
    kept = {one.device for one in chosen}
    line = [*(one for one in taken if one.device not in kept), *line]
    chosen = _at_target(chosen, known, target_kw)
    there = mixture_of(
        ((one.kw, known[one.device].odds_by_state or one.odds) for one in chosen), states, step_kw
    )
    return _result(target_kw, probability, chosen, line, [*excluded, *crowded], there)


def _chosen(one: Candidate, kw: float, score: float) -> Chosen:
    return Chosen(
        one.device,
        one.site,
        round(kw, 1),
        round(kw, 1),
        one.odds,
        _between(one, kw, one.low_usd, one.usd),
        _between(one, kw, one.low_fuel, one.fuel),
        one.gas,
        one.run_h,
        one.on,
        one.light_load,
        score,
    )


def _at_target(
    chosen: Sequence[Chosen], known: Mapping[str, Candidate], target_kw: float
) -> list[Chosen]:
    """The sets at the power they run at: all at the same part of their range, least to most."""
    low_kw = [_least_kw(one, known[one.device]) for one in chosen]
    range_kw = sum(one.kw for one in chosen) - sum(low_kw)
    level = _share(max(target_kw - sum(low_kw), 0.0), range_kw)
    found = []
    for one, least_kw in zip(chosen, low_kw, strict=True):
        run_kw = least_kw + min(level, 1.0) * (one.kw - least_kw)
        candidate = known[one.device]
        found.append(
            structs.replace(
                one,
                run_kw=round(run_kw, 1),
                usd=_between(candidate, run_kw, candidate.low_usd, candidate.usd),
                fuel=_between(candidate, run_kw, candidate.low_fuel, candidate.fuel),
            )
        )
    return found


def _least_kw(one: Chosen, candidate: Candidate) -> float:
    """The least it can be run at; all it gives where its site's load decides, kW."""
    return min(candidate.least_kw, one.kw) if candidate.least_kw > 0.0 else one.kw


def _needed(
    taken: list[Chosen],
    called: Container[str],
    spare_kw: float,
) -> list[Chosen]:
    """Those of the sets that the target needs, in order; spare is what is firm beyond it, kW."""
    kept = []
    for one in reversed(taken):
        if one.kw <= spare_kw and one.device not in called:
            spare_kw -= one.kw
        else:
            kept.append(one)
    return kept[::-1]


def _result(
    target_kw: float,
    probability: float,
    chosen: list[Chosen],
    line: list[Chosen],
    excluded: list[Excluded],
    there: Mixture,
) -> Selection:
    firm = there.firm_kw(probability)
    return Selection(
        target_kw,
        probability,
        tuple(chosen),
        sum(one.kw for one in chosen),
        sum(one.kw * one.odds for one in chosen),
        firm,
        there.firm_kw(0.95),
        there.firm_kw(0.99),
        max(target_kw - firm, 0.0),
        there.odds_of(target_kw),
        sum(one.usd for one in chosen),
        sum(one.fuel for one in chosen if not one.gas),
        sum(one.fuel for one in chosen if one.gas),
        sum(one.run_h for one in chosen),
        tuple(line[:MOST_IN_LINE]),
        tuple(excluded),
    )
