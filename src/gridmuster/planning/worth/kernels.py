"""Compiled loops of the value of stored energy.

Energy is a share of what the store can use, 0 to 1; prices are per MWh; values are per MWh of
storage capacity, so that the slope of a value over energy is per MWh stored. A choice compares the
price with that slope, the worth: sell while  (price - wear) eff_out > worth, buy while
price / eff_in < worth.  Both thresholds are those of the stochastic dynamic programme of Zheng,
Jaworski and Xu (2022), arXiv 2108.06000, section III.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridmuster.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Places of a store's terms in the array that kernels take.
GIVE, TAKE, EFF_OUT, EFF_IN, WEAR, KEEP = range(6)


@compiled
def band(worth: Floats, sell: float, buy: float) -> tuple[float, float]:
    """Between which energies nothing is done.

    Args:
        worth: slope of the value at the middles of equal parts of the store, never rising.
        sell: what a MWh drawn brings now.
        buy: what a MWh stored costs now.

    Returns:
        Share up to which it is worth charging, and share down to which it is worth discharging.
    """
    parts = len(worth)
    if worth[0] <= buy:
        fill = 0.0
    elif worth[parts - 1] > buy:
        fill = 1.0
    else:
        j = 0
        while worth[j + 1] > buy:
            j += 1
        fill = (j + 0.5 + (worth[j] - buy) / (worth[j] - worth[j + 1])) / parts
    if worth[parts - 1] >= sell:
        drain = 1.0
    elif worth[0] < sell:
        drain = 0.0
    else:
        j = parts - 1
        while worth[j - 1] < sell:
            j -= 1
        drain = (j - 0.5 + (worth[j - 1] - sell) / (worth[j - 1] - worth[j])) / parts
    # At a price far below zero both would pay; taking energy comes first.
    return fill, max(fill, drain)


@compiled
def next_energy(worth: Floats, price: float, energy: float, terms: Floats) -> float:
    """Share of energy after one interval of the best use.

    Args:
        worth: slope of the value after the interval; see `band`.
        price: the price acted on, per MWh.
        energy: share before.
        terms: of the store; see `GIVE` and the others.
    """
    sell = (price - terms[WEAR]) * terms[EFF_OUT]
    fill, drain = band(worth, sell, price / terms[EFF_IN])
    if energy < fill:
        return float(min(energy + terms[TAKE], fill))
    if energy > drain:
        return float(max(energy - terms[GIVE], drain))
    return energy


@compiled
def earned(before: float, after: float, price: float, terms: Floats) -> float:
    """Cash of a change of energy at a price, per MWh of storage capacity."""
    if after > before:
        return float(-price / terms[EFF_IN] * (after - before))
    return float((price - terms[WEAR]) * terms[EFF_OUT] * (before - after))


@compiled
def walk(
    price: Floats, acted: Floats, worth: Floats, terms: Floats, energy: float, room: Floats
) -> tuple[Floats, Floats]:
    """Use a store interval by interval.

    Args:
        price: settled; not-a-number where there was no market: nothing is done.
        acted: the price each choice is made on.
        worth: ``(intervals, parts)``; see `band`.
        terms: of the store.
        energy: share at first.
        room: share of the store's power that its connection leaves for sending out, 0 to 1.

    Returns:
        Cash of each interval per MWh of capacity, and the share of energy after its choice.
    """
    count = len(price)
    cash = np.zeros(count)
    level = np.empty(count)
    for t in range(count):
        after = energy
        if not (np.isnan(price[t]) or np.isnan(acted[t])):
            after = next_energy(worth[t], acted[t], energy, terms)
            after = max(after, energy - terms[GIVE] * room[t])
            cash[t] = earned(energy, after, price[t], terms)
        level[t] = after
        energy = after * terms[KEEP]
    return cash, level


@compiled
def _at(value: Floats, place: float) -> float:
    """A value between the points of a grid."""
    i = min(int(place), len(value) - 2)
    share = place - i
    return float(value[i] * (1.0 - share) + value[i + 1] * share)


@compiled
def _decayed(value: Floats, keep: float) -> Floats:
    """Value of energy that is about to lose what a store loses by standing."""
    if keep >= 1.0:
        return value
    found = np.empty(len(value))
    for k in range(len(value)):
        found[k] = _at(value, k * keep)
    return found


@compiled
def _step(value: Floats, fill: float, drain: float, price: float, terms: Floats) -> Floats:
    """Value of every energy before an interval whose choice fills to one place or drains to one."""
    n = len(value) - 1
    found = np.empty(n + 1)
    take, give = terms[TAKE] * n, terms[GIVE] * n
    for k in range(n + 1):
        place = float(k)
        if place < fill:
            place = min(place + take, fill)
        elif place > drain:
            place = max(place - give, drain)
        found[k] = _at(value, place) + earned(k / n, place / n, price, terms)
    return found


@compiled
def appraise(
    price: Floats, acted: Floats, worth: Floats, terms: Floats, points: int, parts: int
) -> Floats:
    """What energy turned out to be worth under a way of choosing.

    Args:
        price: settled.
        acted: the price each choice was made on.
        worth: ``(intervals, parts)``: what choices were made with.
        terms: of the store.
        points: parts of the energy grid; a multiple of ``parts``.
        parts: how many slopes to give back.

    Returns:
        ``(intervals, parts)`` slopes of the value after each interval.
    """
    found = np.empty((len(price), parts))
    value = np.zeros(points + 1)
    per = points // parts
    for t in range(len(price) - 1, -1, -1):
        value = _decayed(value, terms[KEEP])
        for k in range(parts):
            found[t, k] = (value[(k + 1) * per] - value[k * per]) * parts
        if np.isnan(price[t]) or np.isnan(acted[t]):
            continue
        sell = (acted[t] - terms[WEAR]) * terms[EFF_OUT]
        fill, drain = band(worth[t], sell, acted[t] / terms[EFF_IN])
        value = _step(value, fill * points, drain * points, price[t], terms)
    return found


@compiled
def _slopes(value: Floats) -> Floats:
    """Slopes of a value over its grid, made never rising."""
    n = len(value) - 1
    found = np.empty(n)
    for k in range(n):
        found[k] = (value[k + 1] - value[k]) * n
        if k and found[k] > found[k - 1]:
            found[k] = found[k - 1]
    return found


@compiled
def foresee(price: Floats, terms: Floats, points: int, parts: int) -> tuple[Floats, Floats]:
    """The best use of a store when all prices are known, by dynamic programming backwards.

    Args:
        price: of each interval; not-a-number: no market.
        terms: of the store.
        points: parts of the energy grid; a multiple of ``parts``.
        parts: how many slopes to give back.

    Returns:
        Value at the grid's points before the first interval, per MWh of capacity, and
        ``(intervals, parts)`` slopes of the value after each.
    """
    found = np.empty((len(price), parts))
    value = np.zeros(points + 1)
    per = points // parts
    for t in range(len(price) - 1, -1, -1):
        value = _decayed(value, terms[KEEP])
        for k in range(parts):
            found[t, k] = (value[(k + 1) * per] - value[k * per]) * parts
        if np.isnan(price[t]):
            continue
        slopes = _slopes(value)
        buy = price[t] / terms[EFF_IN]
        sell = (price[t] - terms[WEAR]) * terms[EFF_OUT]
        fill = 0
        while fill < points and slopes[fill] > buy:
            fill += 1
        drain = points
        while drain > 0 and slopes[drain - 1] < sell:
            drain -= 1
        value = _step(value, float(fill), float(max(fill, drain)), price[t], terms)
    return value, found


@compiled
def look_ahead(
    reference: Floats, spans: Ints, day: int, terms: Floats, points: int, parts: int
) -> Floats:
    """Worth of energy when the prices published ahead come true.

    Args:
        reference: published price of each interval.
        spans: rows of (first interval, end, end of what was published then); what lies beyond is
            taken to be as a day before, for one more day.
        day: intervals of a day.
        terms: of the store.
        points: parts of the energy grid.
        parts: slopes to give back.

    Returns:
        ``(intervals, parts)`` slopes of the value after each interval; zero outside the spans.
    """
    found = np.zeros((len(reference), parts))
    for s in range(len(spans)):
        first, end, known = spans[s]
        path = np.empty(max(known, end) - first + day)
        for i in range(len(path)):
            j = first + i
            while j >= known:
                j -= day
            path[i] = reference[max(j, 0)]
        _, slopes = foresee(path, terms, points, parts)
        found[first:end] = slopes[: end - first]
    return found


@compiled
def trailing_most(values: Floats, window: int) -> Floats:
    """Largest of each value and those before it in a window; not-a-number counts for nothing."""
    found = np.empty(len(values))
    for i in range(len(values)):
        most = values[i]
        for j in range(max(0, i - window + 1), i):
            if values[j] > most or np.isnan(most):
                most = values[j]
        found[i] = most
    return found
