"""What batteries, engines and both together earn on prices that are not known ahead.

New York's zones at five minutes. Everything is learnt from what was known before each half year of
the year played; settings of the models were fixed on 2016 and 2017.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.kept import keeper
from benchmarks.market import MARKET, YEAR, ZONES
from benchmarks.rows import Row
from gridmuster.clock import parse_iso, stopwatch_s
from gridmuster.forecast.market.history import MarketHistory
from gridmuster.planning.worth.backtest import Market, Span, market
from gridmuster.planning.worth.play import (
    Hybrid,
    play_engine,
    play_hybrid,
    play_store,
    run_plan,
    steps_of,
)
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.storechoice import StoreState, choose
from gridmuster.planning.worth.storeterms import StoreTerms
from gridmuster.store.market.files import read_market

BATTERY = StoreTerms(2.0, 2.0, 0.9, 0.9, 10.0)
BRIDGE = StoreTerms(0.5, 0.5, 0.9, 0.9, 10.0)
ENGINE = RunTerms(600.0, 3600.0, 0.0, 200.0)
BUDGETS_H = (50.0, 100.0, 200.0)
SPAN = Span(*YEAR)
BEFORE = Span(parse_iso("2017-01-01T05:00:00Z"), YEAR[0])
SITES, CORES = 1000, 2
FILES = ("nyiso_hourly_da_rt_load_2015_2018", "nyiso_rt5min_2016_2018")
#: Where learning is, and the modules there that only use what was learnt.
LEARNT_WITH = ("planning/worth", "forecast/market")
USES = frozenset({"play", "hybrid", "earnings", "words", "rivals", "sitekernels", "hourworth"})


def _histories() -> list[MarketHistory]:
    found = read_market([MARKET / f"{name}.parquet" for name in FILES])
    return [found[zone] for zone in ZONES]


def _prices(span: Span, delay_s: int) -> Market:
    keep = keeper(f"{FILES} {ZONES} {delay_s}", LEARNT_WITH, USES)
    return market(_histories(), span, delay_s, _say, keep)


def _say(what: str, done: int, of: int) -> None:
    print(f"  {what}: {done:,} of {of:,}", file=sys.stderr, flush=True)


def stores() -> list[Row]:
    """Batteries of two hours whose prices are known at once."""
    return list(_battery(_prices(SPAN, 0)))


def late() -> list[Row]:
    """Batteries of two hours whose prices are known five minutes late."""
    return list(_late(_prices(SPAN, 300)))


def _battery(now: Market) -> Iterator[Row]:
    for zone in ZONES:
        played = play_store(now, zone, BATTERY)
        shares = {name: 100.0 * usd / played.foresight for name, usd in played.rivals.items()}
        own, floor = 100.0 * played.profit / played.foresight, shares["day-ahead value"]
        others = ", ".join(f"{name} {share:.1f} %" for name, share in shares.items())
        yield Row(
            f"{zone} 2018, 2 h battery, no delay: short of the day-ahead value's share by",
            floor - own,
            "points",
            -10.0,
            -17.0,
            f"{own:.1f} % of {played.foresight:,.0f} USD per MWh of battery; {others}; "
            f"{played.cycles:.0f} cycles",
        )


def _late(later: Market) -> Iterator[Row]:
    for zone in ZONES:
        played = play_store(later, zone, BATTERY)
        floor = 100.0 * played.rivals["day-ahead value"] / played.foresight
        yield Row(
            f"{zone} 2018, 2 h battery, 5 min late: share of foresight not earned",
            100.0 - 100.0 * played.profit / played.foresight,
            "%",
            57.0,
            40.0,
            f"earned {100.0 * played.profit / played.foresight:.1f} %; day-ahead value "
            f"{floor:.1f} %",
        )


def sites() -> list[Row]:
    """A year of a thousand sites, no two alike; what their choices rest on was learnt before."""
    prices = _prices(SPAN, 0)
    dice = np.random.default_rng(1)
    made = [_site(number, dice) for number in range(SITES)]
    for zone in ZONES:
        prices.outlook(zone, BATTERY)
        prices.rivals(zone, BATTERY)
        for budget_h in BUDGETS_H:
            run_plan(prices, zone, ENGINE, steps_of(budget_h, prices.records[zone], 10**6))
    begun = stopwatch_s()
    with ThreadPoolExecutor(CORES) as pool:
        for done, _ in enumerate(pool.map(partial(_play, prices), made)):
            if done % 100 == 0:
                _say("sites", done, SITES)
    spent_s = stopwatch_s() - begun
    return [
        Row(
            f"a year of 5-minute choices for {SITES:,} sites, models learnt",
            spent_s,
            "s",
            600.0,
            180.0,
            f"{CORES} threads; 500 batteries and 300 engines with their perfect foresight and "
            "rules, 200 sites with both; no two alike",
        ),
        _one_choice(prices),
    ]


def _site(number: int, dice: np.random.Generator) -> tuple[str, StoreTerms | Hybrid]:
    """Zone and devices of a site: a battery, an engine (with no battery), or both."""
    zone, kind = ZONES[number % len(ZONES)], number // len(ZONES) % 10
    hours, wear = float(dice.uniform(1.8, 2.2)), float(dice.uniform(6.0, 14.0))
    store = replace(BATTERY, discharge_h=hours, wear_usd_per_mwh=wear)
    if kind < 5:
        return zone, store
    engine = replace(ENGINE, cost_usd_per_mwh=float(dice.uniform(196.0, 204.0)))
    stored_mwh = 0.0 if kind < 8 else hours
    return zone, Hybrid(store, 1.0, stored_mwh, engine, 1.0, 1.0, float(dice.choice(BUDGETS_H)))


def _play(prices: Market, site: tuple[str, StoreTerms | Hybrid]) -> float:
    """What a site earns, USD."""
    zone, own = site
    if isinstance(own, StoreTerms):
        return play_store(prices, zone, own).profit
    if own.store_mwh > 0.0:
        return play_hybrid(prices, zone, own).profit_usd
    return play_engine(prices, zone, own.engine, own.budget_h).profit


def _one_choice(prices: Market) -> Row:
    outlook = prices.outlook(ZONES[0], BATTERY)
    state = StoreState(500.0, 1000.0)
    begun = stopwatch_s()
    for row in range(10_000):
        choose(state, BATTERY, float(outlook.acted[row]), outlook.worth[row], 1 / 12)
    return Row(
        "one choice of one battery with its reason",
        (stopwatch_s() - begun) / 10.0,
        "ms",
        1.0,
        note="the area's worth of energy, shared by all its batteries of a kind, is not in it",
    )


def engines() -> list[Row]:
    """Engines with few hours."""
    rows: list[Row] = []
    years = {"2017": _prices(BEFORE, 0), "2018": _prices(SPAN, 0)}
    whole = best = 0.0
    for year, prices in years.items():
        for zone in ZONES:
            for budget_h in BUDGETS_H:
                played = play_engine(prices, zone, ENGINE, budget_h)
                whole, best = whole + played.profit, best + played.foresight
                rules = ", ".join(f"{name} {usd:,.0f}" for name, usd in played.rivals.items())
                rows.append(
                    Row(
                        f"{zone} {year}, engine, {budget_h:.0f} h: lost",
                        0.0 - played.profit,
                        "USD/MW",
                        0.0,
                        -0.25 * played.foresight,
                        f"foresight {played.foresight:,.0f}; {played.starts} starts, "
                        f"{played.hours_h:.1f} h; {rules}",
                    )
                )
    note = f"{100.0 * whole / best:.1f} % of foresight"
    rows.append(
        Row("engines, all zones, years and hours: lost", -whole, "USD/MW", -1e-9, None, note)
    )
    return rows


def hybrids() -> list[Row]:
    """Engine and battery of the same power, with a connection each and with one of that power."""
    return list(_hybrids(_prices(SPAN, 0)))


def _hybrids(prices: Market) -> Iterator[Row]:
    for zone in ZONES:
        engine = play_engine(prices, zone, ENGINE, 100.0).profit
        both = Hybrid(BRIDGE, 1.0, 0.5, ENGINE, 1.0, 2.0, 100.0)
        apart = engine + 0.5 * play_store(prices, zone, BRIDGE).profit
        free = play_hybrid(prices, zone, both).profit_usd
        name = f"{zone} 2018, engine and 30 min battery"
        yield Row(
            f"{name}, a connection each: short of the two run apart by",
            apart - free,
            "USD",
            -1e-9,
            -0.2 * apart,
            f"{free:,.0f} against {apart:,.0f} USD; at given prices nothing couples them, and no "
            "plan can earn more: docs/earnings.md",
        )
        shared = replace(both, limit_mw=1.0)
        # Half of the connection cannot bring the battery more than a whole one does.
        halves = apart - 0.5 * engine
        first = play_hybrid(prices, zone, shared, together=False).profit_usd
        own = play_hybrid(prices, zone, shared).profit_usd
        yield Row(
            f"{name}, one connection: short of the two with half of it each by at most",
            halves - own,
            "USD",
            -1e-9,
            -0.2 * halves,
            f"{own:,.0f} against {halves:,.0f} USD, the engine's half and all that the battery "
            f"would earn with the whole; engine alone {engine:,.0f}, battery {apart - engine:,.0f}",
        )
        yield Row(
            f"{name}, one connection: short of the two unaware of each other by",
            first - own,
            "USD",
            note=f"{own:,.0f} against {first:,.0f} USD; the engine has the room it wants",
        )
