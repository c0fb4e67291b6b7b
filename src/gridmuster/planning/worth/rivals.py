"""What simple rules would have earned with the same device: none of them learns anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.kernels import look_ahead
from gridmuster.planning.worth.learning import PARTS
from gridmuster.planning.worth.prices import PriceRecord
from gridmuster.planning.worth.runkernels import NO, follow
from gridmuster.planning.worth.runterms import RunTerms

#: Days whose prices make the threshold rule's limits, and the shares it buys and sells beyond.
THRESHOLD_DAYS, BUY_SHARE, SELL_SHARE = 28, 0.25, 0.75
#: A worth beyond any price; points of the energy grid of rules that look back.
ALWAYS, RIVAL_POINTS = 1e9, 48


def rival_worths(
    record: PriceRecord, published: Floats, terms: Floats, first: int, end: int
) -> dict[str, tuple[Floats, Floats]]:
    """What simple rules for a store act on in each interval of a span: prices, worth of energy.

    ``day-ahead value``: the worth of energy if published prices come true. ``yesterday`` and
    ``last week``: if real-time prices come as they were then. ``threshold``: buy below and sell
    above the quartiles of the last four weeks. All act on the newest price known.

    Args:
        record: of an area.
        published: worth of energy by published prices, ``(intervals, parts)``.
        terms: of the kind of store, as kernels take them.
        first: first interval of the span.
        end: its end.
    """
    lot = slice(first, end)
    acted = record.acted()[lot]
    found = {"day-ahead value": (acted, published[lot])}
    for name, days in (("yesterday", 1), ("last week", 7)):
        found[name] = (acted, _as_before(record, terms, days, first, end))
    found["threshold"] = _thresholds(record, acted, first, end)
    return found


def _as_before(record: PriceRecord, terms: Floats, days: int, first: int, end: int) -> Floats:
    """Worth of energy when prices come as so many days before, reckoned once an hour."""
    back = days * record.day
    path = np.concatenate([record.seen[:back], record.seen[:-back]])
    per = 3600 // record.step_s
    hours = np.arange(first, end, per, dtype=np.int64)
    known = np.maximum(record.newest[hours], 0) + 1 + back
    stop = np.minimum(hours + per, end)
    horizon = np.minimum(np.minimum(known, hours + record.day), len(path))
    spans = np.column_stack([hours, stop, np.maximum(horizon, stop)])
    worth = look_ahead(path, spans.astype(np.int64), record.day, terms, RIVAL_POINTS, PARTS)
    return np.asarray(np.minimum.accumulate(worth[first:end], axis=1))


def _thresholds(record: PriceRecord, acted: Floats, first: int, end: int) -> tuple[Floats, Floats]:
    """Prices (not-a-number: wait) and worths that make a store do as the rule says."""
    shown = np.full(end - first, np.nan)
    worth = np.zeros((end - first, 1))
    for begin in range(first, end, record.day):
        newest = int(record.newest[begin])
        past = record.seen[max(0, newest + 1 - THRESHOLD_DAYS * record.day) : newest + 1]
        if len(past):
            low, high = np.quantile(past, [BUY_SHARE, SELL_SHARE])
            lot = slice(begin - first, min(begin - first + record.day, end - first))
            beyond = (acted[lot] < low) | (acted[lot] > high)
            shown[lot] = np.where(beyond, acted[lot], np.nan)
            worth[lot, 0] = np.where(acted[lot] < low, ALWAYS, -ALWAYS)
    return shown, worth


def run_rivals(
    record: PriceRecord, terms: RunTerms, budget: int, first: int, end: int
) -> dict[str, Floats]:
    """Cash of simple rules for an engine, USD/MW, in each interval of a span.

    ``price above cost``: run while the newest price known is. ``day-ahead above cost``: while the
    published one is when power would come. ``threshold``: while the newest price is above what so
    many of last year's intervals as there are hours were. ``never``: nothing.

    Args:
        record: of an area.
        terms: of the engine.
        budget: intervals of running there are.
        first: first interval of the span.
        end: its end.
    """
    lot = slice(first, end)
    start = terms.start_steps(record.step_s)
    acted = record.acted()
    cost = terms.cost_usd_per_mwh
    newest = int(record.newest[first])
    past = record.seen[max(0, newest + 1 - 365 * record.day) : newest + 1]
    rank = max(0, len(past) - max(budget, 1))
    limit = max(cost, float(np.partition(past, rank)[rank])) if len(past) else cost
    soon = np.minimum(np.arange(len(acted)) + start, record.known_end - 1)
    ahead = record.reference[np.maximum(soon, 0)]
    ways: dict[str, NDArray[np.bool_]] = {
        "price above cost": acted > cost,
        "day-ahead above cost": ahead > cost,
        "threshold": acted > limit,
    }
    found = {}
    for name, wanted in ways.items():
        flag = np.where(wanted[lot], 1.0, NO)
        found[name] = follow(
            record.price[lot],
            flag,
            flag,
            np.zeros((1, budget + 1)),
            budget,
            start,
            terms.least_steps(record.step_s),
            terms.lost_h,
            cost,
            terms.start_usd_per_mw,
            record.step_h,
        )[0]
    found["never"] = np.zeros(end - first)
    return found
