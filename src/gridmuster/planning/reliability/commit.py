"""Commitment to a target probability: who is on when, so that supply covers the need.

A unit that is started delivers through an interval with probability ``availability * (1 -
fail_to_start) * exp(-h / MTTF)``, one that ran before with ``exp(-h / MTTF)``
(`adequacy.run_availability`): running on is surer, and needs no start. Intervals are chosen one
after the other by `choice`, each from who ran in the one before; then runs that a start would
separate are joined where running through costs no more than the start, which only makes every
interval surer. The lower bound is the sum over intervals of the least cost with every unit as sure
as it can be and no start paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gridmuster.errors import PlanningError
from gridmuster.planning.adequacy import run_availability
from gridmuster.planning.reliability.choice import CLOSE, Option, choose, least_usd, probability_of
from gridmuster.planning.reliability.needs import Need


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that may be committed.

    Args:
        power_kw: what it gives when it is there, kW.
        usd_per_h: cost of an hour on, USD/h.
        start_usd: cost of a start, USD.
        availability: share of time not in repair.
        fail_to_start: failures per start.
        mttf_h: mean running hours to failure, h.
        running: whether it runs before the first interval.
    """

    power_kw: float
    usd_per_h: float
    start_usd: float
    availability: float
    fail_to_start: float
    mttf_h: float
    running: bool = False


@dataclass(frozen=True, slots=True)
class Commitment:
    """Who is on, and how sure that is.

    Args:
        on: numbers of the candidates on, by interval.
        probability: that the need is covered, by interval; never overstated.
        usd: cost of all hours on and starts, USD.
        lower_bound_usd: no commitment that reaches the target costs less, USD; infinite when none
            reaches it.
        short: intervals in which even all candidates do not reach the target.
    """

    on: tuple[tuple[int, ...], ...]
    probability: tuple[float, ...]
    usd: float
    lower_bound_usd: float
    short: tuple[int, ...]


def commit(
    candidates: Sequence[Candidate],
    needs: Sequence[Need],
    target: float,
    interval_h: float = 1.0,
    firm_kw: Sequence[float] | None = None,
) -> Commitment:
    """Choose who is on in each interval so that the need is covered with a probability.

    Args:
        candidates: units that may be on.
        needs: the need of each interval.
        target: probability asked for in each interval, above 0 and below 1.
        interval_h: length of an interval, h.
        firm_kw: what is there for certain in each interval, kW; None: nothing.

    Raises:
        PlanningError: for a target, an interval or a candidate that makes no sense.
    """
    _check(candidates, target, interval_h)
    firm = [0.0] * len(needs) if firm_kw is None else list(firm_kw)
    if len(firm) != len(needs):
        raise PlanningError(f"firm_kw has {len(firm)} values; expected {len(needs)}, one a need")
    before = {number for number, one in enumerate(candidates) if one.running}
    chosen: list[set[int]] = []
    bound = 0.0
    for need, sure_kw in zip(needs, firm, strict=True):
        options = [
            _option(one, interval_h, ran=number in before) for number, one in enumerate(candidates)
        ]
        chosen.append(set(choose(options, need, target, sure_kw).units))
        easy = [_easiest(one, interval_h) for one in candidates]
        bound += least_usd(easy, need, target, sure_kw)
        before = chosen[-1]
    _join(candidates, chosen, interval_h)
    odds = _probabilities(candidates, chosen, needs, firm, interval_h)
    return Commitment(
        tuple(tuple(sorted(on)) for on in chosen),
        tuple(odds),
        _cost(candidates, chosen, interval_h),
        bound,
        tuple(number for number, one in enumerate(odds) if one < target - 2.0 * CLOSE),
    )


def _check(candidates: Sequence[Candidate], target: float, interval_h: float) -> None:
    if not 0.0 < target < 1.0:
        raise PlanningError(f"target probability {target:g}; expected above 0 and below 1")
    if not interval_h > 0.0:
        raise PlanningError(f"interval of {interval_h:g} h; expected above 0")
    for number, one in enumerate(candidates):
        for what, value, high in (
            ("power_kw", one.power_kw, float("inf")),
            ("usd_per_h", one.usd_per_h, float("inf")),
            ("start_usd", one.start_usd, float("inf")),
            ("availability", one.availability, 1.0),
            ("fail_to_start", one.fail_to_start, 1.0),
        ):
            if not (0.0 <= value <= high and value < float("inf")):
                raise PlanningError(
                    f"candidate {number}: {what} is {value:g}; expected 0 to {high:g}"
                )
        if not one.mttf_h > 0.0:
            raise PlanningError(f"candidate {number}: mttf_h is {one.mttf_h:g}; expected above 0")


def _odds(one: Candidate, interval_h: float, *, ran: bool) -> float:
    return run_availability(
        one.availability, one.fail_to_start, one.mttf_h, interval_h, started=ran
    )


def _option(one: Candidate, interval_h: float, *, ran: bool) -> Option:
    usd = one.usd_per_h * interval_h + (0.0 if ran else one.start_usd)
    return Option(one.power_kw, _odds(one, interval_h, ran=ran), usd)


def _easiest(one: Candidate, interval_h: float) -> Option:
    """As sure and cheap as the unit can be in any commitment: it ran before."""
    return Option(one.power_kw, _odds(one, interval_h, ran=True), one.usd_per_h * interval_h)


def _join(candidates: Sequence[Candidate], chosen: list[set[int]], interval_h: float) -> None:
    """Keep units on between two runs where that costs no more than the start it saves."""
    for number, one in enumerate(candidates):
        last = -1 if one.running else None
        for interval, on in enumerate(chosen):
            if number not in on:
                continue
            if last is not None and last < interval - 1:
                gap_h = (interval - 1 - last) * interval_h
                if one.usd_per_h * gap_h <= one.start_usd:
                    for between in range(last + 1, interval):
                        chosen[between].add(number)
            last = interval


def _probabilities(
    candidates: Sequence[Candidate],
    chosen: Sequence[set[int]],
    needs: Sequence[Need],
    firm_kw: Sequence[float],
    interval_h: float,
) -> list[float]:
    """Odds that each need is covered by who is on."""
    odds = []
    before = {number for number, one in enumerate(candidates) if one.running}
    for on, need, sure_kw in zip(chosen, needs, firm_kw, strict=True):
        options = [
            _option(one, interval_h, ran=number in before) for number, one in enumerate(candidates)
        ]
        odds.append(probability_of(sorted(on), options, need, sure_kw))
        before = on
    return odds


def _cost(candidates: Sequence[Candidate], chosen: Sequence[set[int]], interval_h: float) -> float:
    usd = 0.0
    before = {number for number, one in enumerate(candidates) if one.running}
    for on in chosen:
        for number in on:
            one = candidates[number]
            usd += one.usd_per_h * interval_h + (0.0 if number in before else one.start_usd)
        before = on
    return usd
