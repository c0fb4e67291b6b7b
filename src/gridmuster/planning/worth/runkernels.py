"""Compiled loops of starts and run-hours.

Money is per MW of rated power, USD/MW; a run that is started in an interval gives from
`start` intervals later for at least `least` intervals. Being off and being on each have a value;
what a start or one more interval of running gains over not doing it is their difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridmuster.compiled import compiled

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Below any value: not possible.
NO = -1e18


@compiled
def margins(price: Floats, cost: float, step_h: float) -> Floats:
    """Running sum of what each interval at full power earns, USD/MW; gaps earn nothing, cost all.

    Args:
        price: per MWh.
        cost: of fuel and wear, per MWh.
        step_h: length of an interval, h.
    """
    found = np.zeros(len(price) + 1)
    for t in range(len(price)):
        paid = 0.0 if np.isnan(price[t]) else price[t]
        found[t + 1] = found[t] + (paid - cost) * step_h
    return found


@compiled
def committed(
    total: Floats, price: Floats, t: int, start: int, least: int, lost_h: float, start_usd: float
) -> float:
    """What a start at an interval earns until its least run is over; `NO`: beyond the end.

    Args:
        total: see `margins`.
        price: per MWh.
        t: the interval of the start.
        start: intervals from start to power.
        least: least run, intervals.
        lost_h: hours of full power lost while loading up.
        start_usd: cost of a start per MW.
    """
    first, end = t + start, t + start + least
    if end >= len(total):
        return NO
    paid = 0.0 if np.isnan(price[first]) else price[first]
    return float(total[end] - total[first] - lost_h * paid - start_usd)


@compiled
def gains(
    price: Floats,
    starts: Flags,
    stays: Flags,
    foresees: bool,
    start: int,
    least: int,
    lost_h: float,
    cost: float,
    start_usd: float,
    step_h: float,
) -> tuple[Floats, Floats, float]:
    """What each start and each further interval gained over not doing it.

    Args:
        price: per MWh.
        starts: whether a choice to start is made at each interval when off.
        stays: whether a choice to go on is made at each when on.
        foresees: choose what is best with all prices known instead.
        start: see `committed`.
        least: see `committed`.
        lost_h: see `committed`.
        cost: per MWh.
        start_usd: per MW.
        step_h: length of an interval, h.

    Returns:
        Gains of starting and of going on, USD/MW (`NO` where impossible), and the value at first.
    """
    count = len(price)
    total = margins(price, cost, step_h)
    off = np.zeros(count + 1)
    on = np.zeros(count + 1)
    begin = np.full(count, NO)
    further = np.empty(count)
    for t in range(count - 1, -1, -1):
        further[t] = total[t + 1] - total[t] + on[t + 1] - off[t + 1]
        earned = committed(total, price, t, start, least, lost_h, start_usd)
        if earned > NO:
            begin[t] = earned + on[t + start + least] - off[t + 1]
        off[t] = off[t + 1]
        if begin[t] > NO and (begin[t] > 0.0 if foresees else starts[t]):
            off[t] += begin[t]
        on[t] = off[t + 1]
        if further[t] > 0.0 if foresees else stays[t]:
            on[t] += further[t]
    return begin, further, off[0]


@compiled
def published_gains(
    reference: Floats,
    spans: Ints,
    day: int,
    start: int,
    least: int,
    lost_h: float,
    cost: float,
    start_usd: float,
    step_h: float,
) -> Floats:
    """Gains of starting and of going on when the prices published ahead come true.

    Args:
        reference: published price of each interval.
        spans: as for `kernels.look_ahead`.
        day: intervals of a day.
        start: see `committed`.
        least: see `committed`.
        lost_h: see `committed`.
        cost: per MWh.
        start_usd: per MW.
        step_h: length of an interval, h.

    Returns:
        ``(2, intervals)``, USD/MW; zero outside the spans.
    """
    found = np.zeros((2, len(reference)))
    for s in range(len(spans)):
        first, end, known = spans[s]
        path = np.empty(max(known, end) - first + day)
        for i in range(len(path)):
            j = first + i
            while j >= known:
                j -= day
            path[i] = reference[max(j, 0)]
        none = np.zeros(len(path), np.bool_)
        begin, further, _ = gains(
            path, none, none, True, start, least, lost_h, cost, start_usd, step_h
        )
        found[0, first:end] = begin[: end - first]
        found[1, first:end] = further[: end - first]
    return found


@compiled
def best_runs(
    price: Floats,
    budget: int,
    start: int,
    least: int,
    lost_h: float,
    cost: float,
    start_usd: float,
    step_h: float,
) -> float:
    """Most that can be earned with all prices known and so many intervals of running, USD/MW.

    Exact dynamic programming over intervals, on or off, and intervals left.

    Args:
        price: per MWh.
        budget: intervals of running there are.
        start: see `committed`.
        least: see `committed`.
        lost_h: see `committed`.
        cost: per MWh.
        start_usd: per MW.
        step_h: length of an interval, h.
    """
    count, ring = len(price), start + least + 1
    total = margins(price, cost, step_h)
    off = np.zeros((ring, budget + 1))
    on = np.zeros((ring, budget + 1))
    for t in range(count - 1, -1, -1):
        here, after, landed = t % ring, (t + 1) % ring, (t + start + least) % ring
        earned = committed(total, price, t, start, least, lost_h, start_usd)
        margin = total[t + 1] - total[t]
        for left in range(budget + 1):
            best = off[after, left]
            stay = best
            if left and margin + on[after, left - 1] > stay:
                stay = margin + on[after, left - 1]
            if left >= least and earned > NO and earned + on[landed, left - least] > best:
                best = earned + on[landed, left - least]
            # The row of `here` is the one `landed` points at a lap earlier: write it last.
            off[here, left] = best
            on[here, left] = stay
    return float(off[0, budget])


@compiled
def wants(on: bool, begin: float, further: float, kept: float, left: int, least: int) -> bool:
    """Whether an engine is to run: the choice that backtests and centers share.

    Args:
        on: whether it runs and is free to stop.
        begin: expected gain of a start, USD/MW.
        further: expected gain of one more interval, USD/MW.
        kept: worth of an interval of running kept for later, USD/MW.
        left: intervals of running there are.
        least: least run, intervals.
    """
    if on:
        return left > 0 and further > kept
    return left >= least and begin > kept * least


@compiled
def follow(
    price: Floats,
    begin: Floats,
    further: Floats,
    worth: Floats,
    budget: int,
    start: int,
    least: int,
    lost_h: float,
    cost: float,
    start_usd: float,
    step_h: float,
) -> tuple[Floats, Floats, int]:
    """Run an engine by what starts and further intervals are expected to gain.

    Args:
        price: per MWh, settled.
        begin: expected gain of a start at each interval, USD/MW.
        further: expected gain of going on, USD/MW.
        worth: of an interval of running kept for later, ``(days, intervals left + 1)``, USD/MW;
            one row serves ``len(price) / days`` intervals.
        budget: intervals of running there are.
        start: see `committed`.
        least: see `committed`.
        lost_h: see `committed`.
        cost: per MWh.
        start_usd: per MW.
        step_h: length of an interval, h.

    Returns:
        Cash of each interval, USD/MW; the share of rated power given in each; starts.
    """
    count = len(price)
    cash = np.zeros(count)
    power = np.zeros(count)
    left, t, starts = budget, 0, 0
    days = len(worth)
    on = False
    while t < count:
        kept = worth[min(t * days // count, days - 1), left]
        if not on:
            if t + start + least <= count and wants(on, begin[t], 0.0, kept, left, least):
                starts += 1
                cash[t] -= start_usd
                for k in range(least):
                    at = t + start + k
                    paid = 0.0 if np.isnan(price[at]) else price[at]
                    power[at] = 1.0 - (lost_h / step_h if k == 0 else 0.0)
                    cash[at] += (paid * power[at] - cost) * step_h
                t += start + least
                left -= least
                on = True
                continue
        elif wants(on, 0.0, further[t], kept, left, least):
            paid = 0.0 if np.isnan(price[t]) else price[t]
            power[t] = 1.0
            cash[t] += (paid - cost) * step_h
            left -= 1
        else:
            on = False
        t += 1
    return cash, power, starts
