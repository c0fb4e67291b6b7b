"""What devices would have done and earned over a span: stores, engines, and both on one site."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.backtest import Market, RunOutlook
from gridmuster.planning.worth.hourworth import Offers, hour_worth
from gridmuster.planning.worth.kernels import foresee, walk
from gridmuster.planning.worth.learning import PARTS
from gridmuster.planning.worth.prices import PriceRecord
from gridmuster.planning.worth.rivals import run_rivals
from gridmuster.planning.worth.runchoice import gains_of
from gridmuster.planning.worth.runkernels import best_runs, follow
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.sitekernels import walk_site
from gridmuster.planning.worth.storeterms import StoreTerms

#: Parts of the energy grid on which perfect foresight is reckoned: ten times as many change a year
#: of New York by 0.01 %.
FORESEEN_POINTS = 240
#: Steps of the worth of an hour at which gains are learnt anew, in running costs.
HOUR_GRAIN = 0.1


@dataclass(frozen=True, slots=True)
class Played:
    """A device over a span.

    Args:
        cash: of each interval, USD per MW of an engine, per MWh of a store's usable energy.
        power: share of rated power given (an engine), share of energy after each interval (a
            store).
        foresight: what perfect foresight would have earned, in the unit of the cash.
        rivals: what simple rules would have earned.
        starts: of an engine.
        hours_h: an engine's hours.
        cycles: a store's energy given over its usable energy.
    """

    cash: Floats
    power: Floats
    foresight: float
    rivals: dict[str, float]
    starts: int = 0
    hours_h: float = 0.0
    cycles: float = 0.0

    @property
    def profit(self) -> float:
        """All cash together."""
        return float(self.cash.sum())


def play_store(market: Market, area: str, terms: StoreTerms) -> Played:
    """Replay a store that has its connection to itself.

    Args:
        market: the prices.
        area: of the market.
        terms: of the store.
    """
    record = market.records[area]
    first, end = market.rows(area)
    kind = terms.kind()
    outlook = market.outlook(area, kind)
    array = terms.array(record.step_h)
    price = record.price[first:end]
    room = np.ones(end - first)
    cash, level = walk(price, outlook.acted, outlook.worth, array, 0.0, room)
    totals = {
        name: float(walk(price, acted, worth, array, 0.0, room)[0].sum())
        for name, (acted, worth) in market.rivals(area, kind).items()
    }
    best = float(foresee(price, array, FORESEEN_POINTS, PARTS)[0][0])
    return Played(cash, level, best, totals, cycles=cycles(level, terms, record.step_h))


def cycles(level: Floats, terms: StoreTerms, step_h: float) -> float:
    """Energy given over usable energy."""
    before = np.concatenate([[0.0], level[:-1]]) * terms.array(step_h)[5]
    return float(np.clip(before - level, 0.0, None).sum() * terms.discharge_efficiency)


def play_engine(market: Market, area: str, terms: RunTerms, budget_h: float) -> Played:
    """Replay an engine that has its connection to itself.

    Args:
        market: the prices.
        area: of the market.
        terms: of the engine.
        budget_h: hours it may run in the span, h.
    """
    record = market.records[area]
    first, end = market.rows(area)
    price = record.price[first:end]
    budget = steps_of(budget_h, record, end - first)
    line = _line(terms, record)
    told, kept = run_plan(market, area, terms, budget)
    cash, power, starts = follow(price, told.begin, told.further, kept, budget, *line)
    best = best_runs(price, budget, *line)
    rivals = run_rivals(record, terms, budget, first, end)
    totals = {name: float(found.sum()) for name, found in rivals.items()}
    hours = float((power > 0.0).sum()) * record.step_h
    return Played(cash, power, best, totals, starts, hours)


def steps_of(budget_h: float, record: PriceRecord, count: int) -> int:
    """Whole intervals of a budget, not more than there are."""
    return int(min(budget_h / record.step_h + 1e-9, count))


def _line(terms: RunTerms, record: PriceRecord) -> tuple[int, int, float, float, float, float]:
    return (
        terms.start_steps(record.step_s),
        terms.least_steps(record.step_s),
        terms.lost_h,
        terms.cost_usd_per_mwh,
        terms.start_usd_per_mw,
        record.step_h,
    )


def run_plan(market: Market, area: str, terms: RunTerms, budget: int) -> tuple[RunOutlook, Floats]:
    """What an engine with few hours acts on.

    Where the hours are scarce, gains are learnt at the running cost plus what an hour is worth on
    the first day; what it is worth more or less on later days, with more or fewer hours left, is
    asked of each start beside that.

    Args:
        market: the prices.
        area: of the market.
        terms: of the engine.
        budget: intervals of running there are in the span.

    Returns:
        Expected gains, and what an interval must gain beyond them, for each day and number left.
    """
    record = market.records[area]
    first, end = market.rows(area)
    kind = terms.kind()
    told = market.run_outlook(area, kind)
    kept = worth_of_hours(told, record, kind, first, end, budget)
    scarce = scarce_usd_per_mwh(kept, kind, budget, record.step_h)
    if scarce > 0.0:
        dearer = replace(kind, cost_usd_per_mwh=kind.cost_usd_per_mwh + scarce)
        told = market.run_outlook(area, dearer)
    return own_gains(told, terms, kind, record.step_s), kept - scarce * record.step_h


def own_gains(told: RunOutlook, terms: RunTerms, kind: RunTerms, step_s: int) -> RunOutlook:
    """Gains learnt for a kind as they are for one engine.

    Args:
        told: expected of the kind.
        terms: of the engine.
        kind: its kind.
        step_s: length of an interval, s.
    """
    begin, further = gains_of(told.begin, told.further, terms, kind, step_s)
    return replace(told, begin=begin, further=further)


def scarce_usd_per_mwh(kept: Floats, terms: RunTerms, budget: int, step_h: float) -> float:
    """What an hour of running is worth kept on the first day, in steps at which gains are learnt.

    Args:
        kept: see `worth_of_hours`.
        terms: of the engine.
        budget: intervals of running there are.
        step_h: length of an interval, h.
    """
    grain = HOUR_GRAIN * terms.cost_usd_per_mwh
    return float(grain * np.round(kept[0, budget] / step_h / grain))


def worth_of_hours(
    told: RunOutlook, record: PriceRecord, terms: RunTerms, first: int, end: int, budget: int
) -> Floats:
    """Worth of an interval of running kept for later, for each day of a span and number left.

    Args:
        told: what the engine's choices are made on.
        record: of the area.
        terms: of the engine.
        first: first interval of the span.
        end: its end.
        budget: intervals of running there are.
    """
    days = max(1, -(-(end - first) // record.day))
    count = len(told.past_begin)
    known = int(record.newest[first]) + 1
    if budget >= end - first or not count:
        return np.zeros((1, budget + 1))
    lot = slice(known - count, known)
    line = _line(terms, record)
    _, power, _ = follow(
        record.taught()[lot],
        told.past_begin,
        told.past_further,
        np.zeros((1, count + 1)),
        count,
        *line,
    )
    on = power > 0.0
    paid = np.nan_to_num(record.taught()[lot])
    gain = np.where(on, (paid - terms.cost_usd_per_mwh) * record.step_h, 0.0)
    day = record.wall.day[lot]
    _, place = np.unique(day, return_inverse=True)
    offers = Offers(
        np.unique(day).astype(np.int64) % 366,
        np.asarray(np.bincount(place, gain), np.float64),
        np.bincount(place, on).astype(np.int64),
    )
    if not offers.gain.any():
        return np.zeros((1, budget + 1))
    return hour_worth(offers, int(record.wall.day[first]) % 366, days, budget)


@dataclass(frozen=True, slots=True)
class Hybrid:
    """An engine and a store behind one limit.

    Args:
        store: terms of the store.
        store_mw: its power.
        store_mwh: its usable energy.
        engine: terms of the engine.
        engine_mw: its power.
        limit_mw: most that both may send out together.
        budget_h: hours the engine may run in the span, h.
    """

    store: StoreTerms
    store_mw: float
    store_mwh: float
    engine: RunTerms
    engine_mw: float
    limit_mw: float
    budget_h: float


@dataclass(frozen=True, slots=True)
class HybridPlayed:
    """A site with both over a span, USD.

    Args:
        engine_cash: of each interval.
        store_cash: of each interval.
        power: share of the engine's power.
        level: share of the store's energy after each interval.
        starts: of the engine.
        hours_h: its hours.
    """

    engine_cash: Floats
    store_cash: Floats
    power: Floats
    level: Floats
    starts: int
    hours_h: float

    @property
    def profit_usd(self) -> float:
        """All cash together, USD."""
        return float(self.engine_cash.sum() + self.store_cash.sum())


def play_hybrid(market: Market, area: str, site: Hybrid, *, together: bool = True) -> HybridPlayed:
    """Replay a site whose engine and store share a limit.

    Args:
        market: the prices.
        area: of the market.
        site: the devices.
        together: plan both as one; else the engine starts as if there were no store.
    """
    record = market.records[area]
    first, end = market.rows(area)
    outlook = market.outlook(area, site.store.kind())
    budget = steps_of(site.budget_h, record, end - first)
    told, kept = run_plan(market, area, site.engine, budget)
    engine = np.array([*_line(site.engine, record)[:5], site.engine_mw])
    both = [site.store_mw, site.store_mwh, site.limit_mw, record.step_h, float(together)]
    shared = np.array(both)
    own, stored, power, level, starts = walk_site(
        record.price[first:end],
        outlook.acted,
        outlook.worth,
        site.store.array(record.step_h),
        told.begin,
        told.further,
        kept,
        engine,
        budget,
        shared,
    )
    hours = float((power > 0.0).sum()) * record.step_h
    return HybridPlayed(own, stored, power, level, starts, hours)
