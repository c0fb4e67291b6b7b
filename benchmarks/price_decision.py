"""What batteries, engines and both together earn on prices that are not known ahead.

New York's zones at five minutes. Everything is learnt from what was known before each half year of
the year played; settings of the models were fixed on 2016 and 2017.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

import gridmuster
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
SITES = 1000
FILES = ("nyiso_hourly_da_rt_load_2015_2018", "nyiso_rt5min_2016_2018")
CORE = Path(gridmuster.__file__).parent
#: Where learning is, and the modules there that only use what was learnt.
LEARNT_WITH = ("planning/worth", "forecast/market")
USES = frozenset({"play", "hybrid", "earnings", "words", "rivals", "sitekernels", "hourworth"})
Learnt = TypeVar("Learnt")


def _histories() -> list[MarketHistory]:
    found = read_market([MARKET / f"{name}.parquet" for name in FILES])
    return [found[zone] for zone in ZONES]


def _prices(span: Span, delay_s: int) -> Market:
    """The market of a span; what is learnt is kept from run to run where a directory is named.

    Lessons are long. `GRIDMUSTER_BENCH_KEEP` names a directory in which they are kept under a
    digest of the modules that they are made with, so that a run goes on where one before ended.
    """
    folder = os.environ.get("GRIDMUSTER_BENCH_KEEP")
    if folder is None:
        return market(_histories(), span, delay_s, _say)
    made_with = [
        path for part in LEARNT_WITH for path in (CORE / part).glob("*.py") if path.stem not in USES
    ]
    text = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(made_with)))

    def keep(name: str, make: Callable[[], Learnt]) -> Learnt:
        own = text.copy()
        own.update(f"{FILES} {ZONES} {delay_s} {name}".encode())
        path = Path(folder) / f"{own.hexdigest()}.pickle"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            found = make()
            path.with_suffix(".part").write_bytes(pickle.dumps(found))
            path.with_suffix(".part").rename(path)
        kept: Learnt = pickle.loads(path.read_bytes())
        return kept

    return market(_histories(), span, delay_s, _say, keep)


def _say(what: str, done: int, of: int) -> None:
    print(f"  {what}: {done:,} of {of:,}", file=sys.stderr, flush=True)


def stores() -> list[Row]:
    """Batteries of two hours whose prices are known at once, and a year of a thousand."""
    now = _prices(SPAN, 0)
    return [*_battery(now), *_many(now)]


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


def _many(now: Market) -> Iterator[Row]:
    """A year of a thousand different batteries; models were learnt above."""
    dice = np.random.default_rng(1)
    begun = stopwatch_s()
    for number in range(SITES):
        terms = replace(
            BATTERY,
            discharge_h=float(dice.uniform(1.8, 2.2)),
            wear_usd_per_mwh=float(dice.uniform(6.0, 14.0)),
        )
        play_store(now, ZONES[number % len(ZONES)], terms)
    spent_s = stopwatch_s() - begun
    yield Row(
        "a year of 5-minute choices for 1,000 batteries, with foresight and four rules each",
        spent_s,
        "s",
        600.0,
        180.0,
        "one core; models learnt before; no two batteries alike",
    )
    outlook = now.outlook(ZONES[0], BATTERY)
    state = StoreState(500.0, 1000.0)
    begun = stopwatch_s()
    for row in range(10_000):
        choose(state, BATTERY, float(outlook.acted[row]), outlook.worth[row], 1 / 12)
    yield Row(
        "one choice of one battery with its reason",
        (stopwatch_s() - begun) / 10.0,
        "ms",
        1.0,
        note="the area's worth of energy, shared by all its batteries of a kind, is not in it",
    )


def engines() -> list[Row]:
    """Engines with few hours, alone and with a battery."""
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
    return [*rows, *_hybrids(years["2018"])]


def _hybrids(prices: Market) -> Iterator[Row]:
    """Engine and battery of the same power behind a connection of that power."""
    for zone in ZONES:
        free = Hybrid(BRIDGE, 1.0, 0.5, ENGINE, 1.0, 2.0, 100.0)
        shared = replace(free, limit_mw=1.0)
        apart = play_hybrid(prices, zone, free).profit_usd
        each = play_hybrid(prices, zone, shared, together=False).profit_usd
        own = play_hybrid(prices, zone, shared).profit_usd
        yield Row(
            f"{zone} 2018, engine and battery on one connection: short of the two planned apart",
            each - own,
            "USD",
            -1e-9,
            -0.2 * each,
            f"{own:,.0f} against {each:,.0f} USD; with a connection for each {apart:,.0f}",
        )
