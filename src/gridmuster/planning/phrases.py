"""The words for why: every sentence about a plan's choice is made here, from the numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridmuster.planning.merit import Source
from gridmuster.planning.problem import PlanSolution, Shortfall
from gridmuster.planning.reasons import (
    Alternative,
    Limit,
    LimitKind,
    NotPlanned,
    RenewableWhy,
    Run,
    StoreWhy,
    UnitWhy,
    Verdict,
)

MONEY_OBJECTIVE = "operating-expense"
#: Differences of costs below this are not worth a word, USD/kWh.
EQUAL_USD_PER_KWH = 5e-6


@dataclass(frozen=True, slots=True)
class Words:
    """What sentences need besides the result.

    Args:
        when: the instant at which an interval starts, in words.
        objective: what the device is planned for, as `objectives.describe` says it.
        solution: the plan, for its proof.
    """

    when: Callable[[int], str]
    objective: str
    solution: PlanSolution


def per_mwh(usd_per_kwh: float) -> str:
    """A cost of energy in the unit of the market."""
    return f"{usd_per_kwh * 1000.0:,.2f} USD/MWh"


def usd(amount: float) -> str:
    """An amount of money."""
    return f"{amount:,.2f} USD"


def unit(why: UnitWhy, words: Words) -> list[str]:
    """Why a generator is on or off, the reason first."""
    lines = [_on(why, words) if why.on else _off(why, words), _cost(why)]
    lines += [_limit(limit) for limit in why.limits if not _said(limit, why)]
    if why.next_best is not None:
        lines.append(_next_best(why, why.next_best))
    return [line for line in lines if line] + _shortfalls(why.shortfalls) + _objective(words)


def _on(why: UnitWhy, words: Words) -> str:
    run = why.run
    assert run is not None
    lasts = f"from {words.when(run.first)} to {words.when(run.end)}"
    start = " with its start" if run.start_usd > 0.0 else ""
    earns = (
        f"run {lasts} makes {run.energy_kwh:,.0f} kWh for {usd(run.cost_usd)}{start}, worth "
        f"{usd(run.cost_usd + run.margin_usd)} at the marginal prices"
    )
    loss = f"{usd(-run.margin_usd)} less than it costs"
    match why.verdict:
        case Verdict.EARNS:
            text = f"On because it pays: its {earns}."
            if why.margin_usd_per_h < 0.0:
                text += (
                    f" This interval alone loses {usd(-why.margin_usd_per_h)} an hour; stopping "
                    f"for it would cost a new start ({usd(why.start_usd)}) or a least time."
                )
            return text
        case Verdict.MUST_RUN:
            return f"On because it must run; its {earns}, {loss}."
        case Verdict.HELD_ON:
            return f"On because of its least time on; its {earns}, {loss}."
        case Verdict.NEEDED:
            return (
                f"On because it is needed: without it all that is on, the grid, stores, sun and "
                f"wind could not cover {why.missing_kw:,.1f} kW of the demand of {why.area}."
            )
        case Verdict.RESERVE:
            return (
                f"On for the reserve: without it {why.area} could not cover the loss of its "
                f"largest unit and its reserve by {why.missing_kw:,.1f} kW."
            )
        case Verdict.CHEAPEST_WAY:
            own = why.cost_usd_per_kwh * why.power_kw
            instead = why.instead_usd_per_h or 0.0
            return (
                f"On because the others would be dearer: its {why.power_kw:,.1f} kW cost "
                f"{usd(own)} an hour, the same from the next cheapest {usd(instead)}."
            )
        case _:
            return f"On although its {earns}, {loss}: {_whole_plan(words)}"


def _off(why: UnitWhy, words: Words) -> str:
    price = per_mwh(why.price_usd_per_kwh)
    match why.verdict:
        case Verdict.NOT_ALLOWED:
            return "Off because it may not run in this interval: its limit is 0 kW."
        case Verdict.OUT_OF_MONEY if why.run is not None:
            return _loses(why.run, price, words)
        case Verdict.HELD_OFF if why.run is None:
            return "Off because there is no time for its least run through this interval."
        case Verdict.HELD_OFF:
            return (
                f"Off because it must rest: at {price} a run through this interval would pay, but "
                "not one that keeps its least times off."
            )
        case Verdict.USED_UP:
            return f"Off because what it may use is used when it is worth more than at {price}."
        case Verdict.NO_ROOM if why.instead_usd_per_h is None:
            return (
                f"Off because there is no room for it: those that are on, the grid and stores "
                f"cannot make room for {why.output_kw:,.1f} kW."
            )
        case Verdict.NO_ROOM:
            own = why.no_load_usd_per_h + why.energy_usd_per_h
            return (
                f"Off because it would displace what is cheaper: {why.output_kw:,.1f} kW from it "
                f"cost {usd(own)} an hour and would save {usd(why.instead_usd_per_h or 0.0)} "
                "elsewhere."
            )
        case _:
            gain = "" if why.run is None else f" a run could earn {usd(why.run.margin_usd)}:"
            return f"Off although at the marginal prices{gain} {_whole_plan(words)}"


def _loses(run: Run, price: str, words: Words) -> str:
    start = " with its start" if run.start_usd > 0.0 else ""
    return (
        f"Off because it would lose money: the marginal price is {price}. The best run through "
        f"this interval, {words.when(run.first)} to {words.when(run.end)}, would cost "
        f"{usd(run.cost_usd)}{start} for {run.energy_kwh:,.0f} kWh worth "
        f"{usd(run.cost_usd + run.margin_usd)}: a loss of {usd(max(-run.margin_usd, 0.0))}."
    )


def _whole_plan(words: Words) -> str:
    plan = words.solution
    room = usd(max(plan.objective_usd - plan.lower_bound_usd, 0.0))
    return (
        f"no single interval shows why; starts, least times and reserve are weighed over the whole "
        f"plan, which is proven to be within {room} of the best there is."
    )


def _cost(why: UnitWhy) -> str:
    if why.output_kw <= 0.0:
        return ""
    start = ""
    if why.start_usd_per_kwh > 0.0:
        start = f", start {usd(why.start_usd)} or {per_mwh(why.start_usd_per_kwh)} over the run"
    verb = "costs" if why.on else "would cost"
    return (
        f"At {why.output_kw:,.1f} kW it {verb} {per_mwh(why.cost_usd_per_kwh)} against a marginal "
        f"price of {per_mwh(why.price_usd_per_kwh)}: no load {usd(why.no_load_usd_per_h)}/h, "
        f"energy {usd(why.energy_usd_per_h)}/h{start}."
    )


def _said(limit: Limit, why: UnitWhy) -> bool:
    return (limit.kind is LimitKind.RESERVE and why.verdict is Verdict.RESERVE) or (
        limit.kind is LimitKind.MUST_RUN and why.verdict is Verdict.MUST_RUN
    )


def _limit(limit: Limit) -> str:
    return f"Limit: {limit.text}."


def _next_best(why: UnitWhy, one: Alternative) -> str:
    what = "has room at" if one.source is Source.SPARE_UNIT else "could start at"
    apart = one.dearer_by_usd_per_kwh
    if abs(apart) < EQUAL_USD_PER_KWH:
        held = "the same as"
    else:
        held = f"{per_mwh(abs(apart))} {'more' if apart > 0.0 else 'less'} than"
    return (
        f"Next best unit in {why.area}: {one.id} {what} {per_mwh(one.cost_usd_per_kwh)} for "
        f"{one.power_kw:,.1f} kW, {held} {why.device}."
    )


def _shortfalls(found: list[Shortfall]) -> list[str]:
    return [f"Not met here: {one.kind.value.replace('_', ' ')}, {one.cause}." for one in found]


def _objective(words: Words) -> list[str]:
    if words.objective == MONEY_OBJECTIVE:
        return []
    return [f"Costs and prices are weighed by the objective {words.objective}."]


def store(why: StoreWhy, words: Words) -> list[str]:
    """Why a store gives, takes or waits."""
    price = per_mwh(why.price_usd_per_kwh)
    value = (
        f"A kWh held at the end of the interval is worth {per_mwh(why.value_usd_per_kwh)}; with "
        f"its losses and wear it pays to charge below {per_mwh(why.buys_below_usd_per_kwh)} and "
        f"to give above {per_mwh(why.sells_above_usd_per_kwh)}."
    )
    match why.verdict:
        case Verdict.GIVES:
            first = f"Gives {why.power_kw:,.1f} kW because the marginal price of {price} pays."
        case Verdict.TAKES:
            first = f"Charges {-why.power_kw:,.1f} kW because energy is cheap: {price}."
        case Verdict.WAITS:
            first = f"Waits because {price} is neither cheap nor dear enough."
        case _:
            doing = "Gives" if why.power_kw > 0.0 else "Charges" if why.power_kw < 0.0 else "Waits"
            first = (
                f"{doing} at {price}: the price of this interval alone does not show why; limits, "
                "floors and reserve are weighed with it over the whole plan."
            )
    held = f"It then holds {why.energy_kwh:,.1f} kWh."
    limits = [_limit(limit) for limit in why.limits]
    return [first, value, held, *limits, *_shortfalls(why.shortfalls), *_objective(words)]


def renewable(why: RenewableWhy, words: Words) -> list[str]:
    """Why sun or wind is used or held back."""
    price, cost = per_mwh(why.price_usd_per_kwh), per_mwh(why.cost_usd_per_kwh)
    match why.verdict:
        case Verdict.NOTHING_THERE:
            first = "Gives nothing because no sun or wind is expected."
        case Verdict.CURTAILED:
            held = why.available_kw - why.power_kw
            first = (
                f"Held back by {held:,.1f} kW of {why.available_kw:,.1f} kW: at a marginal price "
                f"of {price} more of it (cost {cost}) has nowhere to go that pays."
            )
        case _:
            first = (
                f"Gives all {why.power_kw:,.1f} kW there is: it costs {cost} against a marginal "
                f"price of {price}."
            )
    limits = [_limit(limit) for limit in why.limits]
    return [first, *limits, *_shortfalls(why.shortfalls), *_objective(words)]


def not_planned(why: NotPlanned) -> list[str]:
    """Why the plan says nothing of a device."""
    return [
        f"The plan leaves {why.device} out: when it was asked for, the device was silent, in "
        "fault, locked, stopped, in a local outage, not in auto, without a permit for demand, or "
        "too short a store to matter in a quarter of an hour."
    ]
