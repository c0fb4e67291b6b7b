"""Why money was won and lost, in words: the largest happenings of a backtest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.backtest import Market
from gridmuster.planning.worth.play import Played
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.storechoice import StoreState, choose
from gridmuster.planning.worth.storeterms import StoreTerms

#: Happenings of each device that are put into words, best and worst each.
EACH_MOST = 20


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that won or lost money.

    Args:
        device: who.
        at_ms: when it began, ms.
        usd: what it came to, USD.
        why: in words.
    """

    device: str
    at_ms: int
    usd: float
    why: str


def store_happenings(
    market: Market, area: str, device: str, terms: StoreTerms, played: Played, mwh: float
) -> list[Happening]:
    """The best and the worst days of a store."""
    record = market.records[area]
    first, end = market.rows(area)
    cash = played.cash
    days, place = np.unique(record.wall.day[first:end], return_inverse=True)
    sums = np.bincount(place, cash)
    order = np.argsort(sums, kind="stable")
    chosen = sorted({*order[:EACH_MOST].tolist(), *order[-EACH_MOST:].tolist()})
    edges = np.searchsorted(place, np.arange(len(days) + 1))
    outlook = market.outlook(area, terms.kind())
    found = []
    for number in chosen:
        a, b = int(edges[number]), int(edges[number + 1])
        lot = cash[a:b]
        at = a + int(np.argmax(lot) if sums[number] > 0.0 else np.argmin(lot))
        if cash[at] == 0.0:
            continue
        before = float(played.power[at - 1]) if at else 0.0
        state = StoreState(before * mwh * 1000.0, mwh * 1000.0)
        price = float(outlook.acted[at])
        choice = choose(state, terms, price, outlook.worth[at], record.step_h)
        told = (
            f"{_moved(played.power, a, b, record.price[first:end], terms, mwh)}; most at "
            f"{_time(record.wall.minute[first + at])}: {choice.reason}"
        )
        if sums[number] < 0.0:
            later = np.nanmax(record.price[first + at : first + b])
            told += f"; the highest price of the rest of the day was {later:,.0f}"
        found.append(
            Happening(device, int(record.start_ms[first + a]), float(sums[number] * mwh), told)
        )
    return found


def _moved(level: Floats, a: int, b: int, price: Floats, terms: StoreTerms, mwh: float) -> str:
    """What was given and taken in some intervals, and at what mean price."""
    before = np.concatenate([[level[a - 1] if a else 0.0], level[a : b - 1]])
    change = (level[a:b] - before) * mwh * 1000.0
    parts = []
    for name, moved in (
        ("gave", np.clip(-change, 0.0, None) * terms.discharge_efficiency),
        ("took", np.clip(change, 0.0, None) / terms.charge_efficiency),
    ):
        if moved.sum() > 0.0:
            paid = np.nan_to_num(price[a:b])
            mean = float((moved * paid).sum() / moved.sum())
            parts.append(f"{name} {moved.sum():,.0f} kWh at {mean:,.0f} USD/MWh")
    return ", ".join(parts) or "did nothing"


def run_happenings(
    market: Market,
    area: str,
    device: str,
    terms: RunTerms,
    cash: Floats,
    power: Floats,
    mw: float,
) -> list[Happening]:
    """The best and the worst runs of an engine."""
    record = market.records[area]
    first, end = market.rows(area)
    told = market.run_outlook(area, terms.kind())
    on = power > 0.0
    begins = np.flatnonzero(on & ~np.concatenate([[False], on[:-1]]))
    ends = np.flatnonzero(on & ~np.concatenate([on[1:], [False]])) + 1
    delay = terms.start_steps(record.step_s)
    sums = [float(cash[max(a - delay, 0) : b].sum()) for a, b in zip(begins, ends, strict=True)]
    order = np.argsort(sums, kind="stable")
    acted = record.acted()[first:end]
    found = []
    for k in sorted({*order[:EACH_MOST].tolist(), *order[-EACH_MOST:].tolist()}):
        a, b = int(begins[k]), int(ends[k])
        at = max(a - delay, 0)
        price = record.price[first + a : first + b]
        why = (
            f"started at a price of {acted[at]:,.0f}, published "
            f"{record.reference[first + at]:,.0f}: expected to gain {told.begin[at] * mw:,.0f} USD "
            f"over the least run beyond the margin; ran {(b - a) * record.step_h:.1f} h at a mean "
            f"of {np.nanmean(price):,.0f} against a cost of {terms.cost_usd_per_mwh:,.0f} USD/MWh"
        )
        found.append(Happening(device, int(record.start_ms[first + at]), sums[k] * mw, why))
    return found


def _time(minute: object) -> str:
    value = int(np.asarray(minute))
    return f"{value // 60:02d}:{value % 60:02d}"
