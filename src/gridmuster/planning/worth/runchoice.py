"""Whether an engine runs in the next interval, and why: what backtests and centers share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.runkernels import NO, wants
from gridmuster.planning.worth.runlearning import RunModel, RunStudy
from gridmuster.planning.worth.runterms import RunTerms


@dataclass(frozen=True, slots=True)
class RunState:
    """An engine as it stands.

    Args:
        running: whether it is on; an engine that starts or is bound by its least run is not asked.
        hours_left_h: hours that its permit and its fuel leave for running on a price, h.
        hour_worth_usd_per_mw: worth of an hour kept for later, USD per MW of rated power.
    """

    running: bool
    hours_left_h: float
    hour_worth_usd_per_mw: float = 0.0


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What an engine is to do.

    Args:
        run: start, or go on; else wait, or stop.
        gain_usd_per_mw: expected of it over the other, USD per MW of rated power.
        reason: why, in words.
    """

    run: bool
    gain_usd_per_mw: float
    reason: str


def choose_run(
    state: RunState, terms: RunTerms, begin: float, further: float, step_s: int
) -> RunChoice:
    """Choose whether an engine that is free to choose runs.

    Args:
        state: of the engine.
        terms: of the engine.
        begin: expected gain of a start beyond its margin, USD/MW.
        further: expected gain of one more interval, USD/MW.
        step_s: length of an interval, s.
    """
    step_h = step_s / 3600.0
    left, least = int(state.hours_left_h / step_h + 1e-9), terms.least_steps(step_s)
    kept = state.hour_worth_usd_per_mw * step_h
    run = wants(state.running, begin, further, kept, left, least)
    gain = further if state.running else begin
    asked = kept if state.running else kept * least
    what = "one more interval" if state.running else f"a start and {least * step_h:g} h of running"
    if left < (1 if state.running else least):
        reason = f"only {state.hours_left_h:.1f} h may still be run: {_rest(state)}"
    elif gain <= NO:
        reason = (
            f"prices are far from the cost of {terms.cost_usd_per_mwh:,.0f} USD/MWh, or starts at "
            f"such prices have not paid so far: {_rest(state)}"
        )
    elif run:
        reason = (
            f"{what} is expected to gain {gain:,.0f} USD/MW, more than the {asked:,.0f} that the "
            f"hours are worth kept: {'go on' if state.running else 'start'}"
        )
    else:
        reason = (
            f"{what} is expected to gain {gain:,.0f} USD/MW, not more than the {asked:,.0f} that "
            f"the hours are worth kept: {_rest(state)}"
        )
    return RunChoice(run, gain, reason)


def gains_of(
    begin: Floats, further: Floats, terms: RunTerms, kind: RunTerms, step_s: int
) -> tuple[Floats, Floats]:
    """Gains expected of a kind as they are for one engine of it, USD/MW.

    Args:
        begin: of a start.
        further: of one more interval.
        terms: of the engine.
        kind: its kind.
        step_s: length of an interval, s.
    """
    start, more = terms.dearer(kind, step_s)
    return (
        np.where(begin > NO, begin - start, NO),
        np.where(further > NO, further - more, NO),
    )


def choose_run_now(
    state: RunState, terms: RunTerms, model: RunModel, own: RunStudy, now_ms: int
) -> RunChoice:
    """Choose for the interval that begins.

    Args:
        state: of the engine.
        terms: of the engine.
        model: what was learnt for its kind.
        own: the area's record up to now; `prices.reaching` gives it room for what is to come.
        now_ms: beginning of the interval, ms.
    """
    begin, further = model.expected(own, np.array([own.record.at(now_ms)]))
    return choose_run(state, terms, float(begin[0]), float(further[0]), own.record.step_s)


def _rest(state: RunState) -> str:
    return "stop" if state.running else "stay off"
