"""Each store's best answer to prices: an exact dynamic programme without a grid on energy.

The worth of energy is convex and piecewise linear, so that a step back in time adds two pieces to
a list of slopes in order (charging, discharging), cuts it to the store's bounds and rescales it by
self-discharge. Two numbers an interval are all that has to be kept: charge up to one, discharge
down to the other. The way forward then is O(intervals).
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.fleet import Counts, StoreArrays
from gridmuster.planning.linear import Floats

#: Energy behind a store's headroom lasts this long, h, as in the exact model's reserve.
HOLD_H = 0.25


@compiled
def insert_piece(slopes: Floats, widths: Floats, size: int, slope: float, width: float) -> int:
    """Put a piece into a list in order of slopes; the new number of pieces."""
    if width <= 0.0:
        return size
    k = size
    while k > 0 and slopes[k - 1] > slope:
        slopes[k] = slopes[k - 1]
        widths[k] = widths[k - 1]
        k -= 1
    slopes[k] = slope
    widths[k] = width
    return size + 1


@compiled
def cut_left(slopes: Floats, widths: Floats, size: int, width: float) -> int:
    """Take away the first so much width; the new number of pieces."""
    k = 0
    while k < size and widths[k] <= width:
        width -= widths[k]
        k += 1
    if k == size:
        return 0
    if k > 0:
        for j in range(k, size):
            slopes[j - k] = slopes[j]
            widths[j - k] = widths[j]
    widths[0] -= width
    return size - k


@compiled
def flow_slopes(
    stores: StoreArrays, i: int, t: int, price: float, step_h: float, hull: int, piece: Floats
) -> None:
    """What an interval's flows can do to the energy and at what cost: (4,) of ``piece``.

    Energy taken at most and what a kWh more of it costs, energy given at most and what a kWh less
    earns. Where energy is worth so little that both at once would pay, ``hull`` = 1 takes the mean
    of both slopes (the convex hull, a bound), 0 forbids to discharge.
    """
    into, out = stores.charge_efficiency[i], stores.discharge_efficiency[i]
    column = 0 if stores.charge_kw.shape[1] == 1 else t
    taken = stores.charge_kw[i, column] * into * step_h
    given = stores.discharge_kw[i, column] / out * step_h
    buys = (price + stores.charge_usd[i]) / into
    sells = (price - stores.discharge_usd[i]) * out
    if sells > buys:
        if hull == 1:
            share = taken + given
            mean = (buys * taken + sells * given) / share if share > 0.0 else buys
            buys = mean
            sells = mean
        else:
            given = 0.0
            sells = buys
    piece[0], piece[1], piece[2], piece[3] = taken, buys, given, sells


@compiled
def last_worth(stores: StoreArrays, i: int, slopes: Floats, widths: Floats) -> int:
    """Slopes of what energy left at the end costs; the number of pieces."""
    least, most = stores.min_kwh[i], stores.max_kwh[i]
    wish = min(max(stores.end_min_kwh[i], least), most)
    short = -stores.end_usd[i] - stores.end_penalty_usd[i]
    size = insert_piece(slopes, widths, 0, short, wish - least)
    return insert_piece(slopes, widths, size, -stores.end_usd[i], most - wish)


@compiled
def step_back(
    stores: StoreArrays, i: int, piece: Floats, slopes: Floats, widths: Floats, size: int
) -> int:
    """Slopes of the worth of energy one interval earlier; the number of pieces."""
    least, most, keep = stores.min_kwh[i], stores.max_kwh[i], stores.keep[i]
    size = insert_piece(slopes, widths, size, -piece[1], piece[0])
    size = insert_piece(slopes, widths, size, -piece[3], piece[2])
    # The list now begins at least - taken; energies before this interval's flows lie between what
    # is kept of the least and of the most.
    size = cut_left(slopes, widths, size, piece[0] - (1.0 - keep) * least)
    width = keep * (most - least)
    total = 0.0
    for k in range(size):
        if total + widths[k] >= width:
            widths[k] = width - total
            size = k + 1
            break
        total += widths[k]
    if keep < 1.0:
        for k in range(size):
            slopes[k] *= keep
            widths[k] /= keep
    return size


@compiled
def thresholds(
    stores: StoreArrays,
    i: int,
    price: Floats,
    step_h: float,
    hull: int,
    fill: Floats,
    drain: Floats,
    slopes: Floats,
    widths: Floats,
) -> None:
    """Energies up to which to charge and down to which to discharge, by interval.

    Args:
        stores: the stores.
        i: which of them.
        price: worth of a kWh given, (intervals,), USD.
        step_h: length of an interval, h.
        hull: see `flow_slopes`.
        fill: (intervals,) is written, kWh.
        drain: (intervals,) is written, kWh.
        slopes: room for 2 * intervals + 4 numbers.
        widths: the same.
    """
    piece = np.empty(4)
    size = last_worth(stores, i, slopes, widths)
    for t in range(len(price) - 1, -1, -1):
        flow_slopes(stores, i, t, price[t], step_h, hull, piece)
        level = stores.min_kwh[i]
        k = 0
        while k < size and slopes[k] < -piece[1]:
            level += widths[k]
            k += 1
        fill[t] = level
        while k < size and slopes[k] <= -piece[3]:
            level += widths[k]
            k += 1
        drain[t] = level
        size = step_back(stores, i, piece, slopes, widths, size)


@compiled
def energy_worths(
    stores: StoreArrays, price: Floats, step_h: float, energy: Floats, worth: Floats
) -> None:
    """Worth of one more kWh held at the end of each interval, USD.

    Args:
        stores: the stores.
        price: worth of a kWh given, (intervals,), USD.
        step_h: length of an interval, h.
        energy: (stores, intervals), kWh at the end of each.
        worth: the same, written.
    """
    count = len(price)
    slopes, widths, piece = np.empty(2 * count + 4), np.empty(2 * count + 4), np.empty(4)
    for i in range(len(stores.keep)):
        size = last_worth(stores, i, slopes, widths)
        for t in range(count - 1, -1, -1):
            level = stores.min_kwh[i]
            k = 0
            while k < size - 1 and level + widths[k] <= energy[i, t]:
                level += widths[k]
                k += 1
            worth[i, t] = -slopes[k] if size > 0 else 0.0
            flow_slopes(stores, i, t, price[t], step_h, 0, piece)
            size = step_back(stores, i, piece, slopes, widths, size)


@compiled
def follow(
    stores: StoreArrays,
    i: int,
    price: Floats,
    step_h: float,
    hull: int,
    fill: Floats,
    drain: Floats,
    power: Floats,
    energy: Floats,
) -> float:
    """Walk forward by the thresholds; the cost less what is earned, USD.

    With ``hull`` = 1 flows are priced as the convex hull does, which no schedule may reach.

    Args:
        stores: the stores.
        i: which of them.
        price: worth of a kWh given, (intervals,), USD.
        step_h: length of an interval, h.
        hull: 1 or 0, see above.
        fill: energies up to which to charge (intervals,), kWh.
        drain: energies down to which to discharge (intervals,), kWh.
        power: (intervals,) is written, kW, above 0 when it gives.
        energy: (intervals,) is written, kWh at the end of each.
    """
    count = len(price)
    into, out = stores.charge_efficiency[i], stores.discharge_efficiency[i]
    constant = stores.charge_kw.shape[1] == 1
    level = min(stores.initial_kwh[i], stores.max_kwh[i])
    value = 0.0
    for t in range(count):
        column = 0 if constant else t
        level *= stores.keep[i]
        taken = stores.charge_kw[i, column] * into * step_h
        given = stores.discharge_kw[i, column] / out * step_h
        buys = (price[t] + stores.charge_usd[i]) / into
        sells = (price[t] - stores.discharge_usd[i]) * out
        apart = sells <= buys
        if hull == 1 and not apart:
            share = taken + given
            mean = (buys * taken + sells * given) / share if share > 0.0 else buys
            # The chord runs through full discharge and full charge, not through rest.
            value += (mean - sells) * given
            buys = mean
            sells = mean
        if level < fill[t]:
            change = min(fill[t] - level, taken)
            level += change
            power[t] = -change / (into * step_h)
            value += change * buys
        elif level > drain[t] and (apart or hull == 1):
            change = min(level - drain[t], given)
            level -= change
            power[t] = change * out / step_h
            value -= change * sells
        else:
            power[t] = 0.0
        energy[t] = level
    wish = min(stores.end_min_kwh[i], stores.max_kwh[i])
    missing = max(0.0, wish - level)
    return float(value - stores.end_usd[i] * level + stores.end_penalty_usd[i] * missing)


@compiled
def burns(stores: StoreArrays, i: int, worth: Floats) -> bool:
    """Whether charging and discharging at once would pay in any interval."""
    into, out = stores.charge_efficiency[i], stores.discharge_efficiency[i]
    for t in range(len(worth)):
        if (worth[t] - stores.discharge_usd[i]) * out > (worth[t] + stores.charge_usd[i]) / into:
            return True
    return False


@compiled
def store_answers(
    stores: StoreArrays,
    begin: int,
    end: int,
    prices: Floats,
    choice: Counts,
    step_h: float,
    sums: Floats,
    totals: Floats,
    written: Floats,
) -> None:
    """Answers of some stores, added up, and written down where asked for.

    Args:
        stores: the stores.
        begin: first of them.
        end: one past the last.
        prices: (price vectors, 2, intervals): energy and headroom, USD/kWh.
        choice: which price vector each store sees (stores,).
        step_h: length of an interval, h.
        sums: (2, intervals), added to: power given and headroom, kW.
        totals: (3,), added to: value of the answers and a bound on the best value (cost less what
            is earned at the prices, USD), and the sum of the absolute terms behind them.
        written: (stores, intervals) takes the power given, (0, intervals) does not.
    """
    count = prices.shape[2]
    fill, drain = np.empty(count), np.empty(count)
    slopes, widths = np.empty(2 * count + 4), np.empty(2 * count + 4)
    power, energy = np.empty(count), np.empty(count)
    worth = np.empty(count)
    constant = stores.charge_kw.shape[1] == 1
    for i in range(begin, end):
        price, reserve = prices[choice[i], 0], prices[choice[i], 1]
        gives = stores.reserve[i] == 1
        ready = 0.0
        for t in range(count):
            worth[t] = price[t]
            if gives:
                # Headroom D - q is sold with every kWh not given; energy behind it is left out,
                # which only lowers the bound.
                worth[t] = price[t] - reserve[t]
                ready += reserve[t] * stores.discharge_kw[i, 0 if constant else t] * step_h
        bound = np.inf
        if burns(stores, i, worth):
            thresholds(stores, i, worth, step_h, 1, fill, drain, slopes, widths)
            bound = follow(stores, i, worth, step_h, 1, fill, drain, power, energy)
        thresholds(stores, i, worth, step_h, 0, fill, drain, slopes, widths)
        value = follow(stores, i, worth, step_h, 0, fill, drain, power, energy)
        totals[1] += min(bound, value) - ready
        size = abs(ready) + abs(stores.end_usd[i] * energy[count - 1]) + abs(value)
        lasts = stores.discharge_efficiency[i] / HOLD_H
        for t in range(count):
            column = 0 if constant else t
            sums[0, t] += power[t]
            size += abs(worth[t] * power[t]) * step_h
            if gives:
                held = lasts * max(0.0, energy[t] - stores.min_kwh[i])
                headroom = min(stores.discharge_kw[i, column] - power[t], held)
                sums[1, t] += headroom
                value -= reserve[t] * (headroom + power[t]) * step_h
        totals[0] += value
        totals[2] += size
        if written.shape[0] > 0:
            for t in range(count):
                written[i, t] = power[t]
