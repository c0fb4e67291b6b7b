"""Each store's best answer to prices: an exact dynamic programme without a grid on energy.

The worth of energy is convex and piecewise linear, so that a step back in time adds two pieces to
a list of slopes in order (charging, discharging), cuts it to the store's bounds and rescales it by
self-discharge. Two numbers an interval are all that has to be kept: charge up to one, discharge
down to the other. The way forward then is O(intervals).
"""

from __future__ import annotations

import numpy as np

from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.fleet import StoreArrays
from gridmuster.planning.linear import Floats

#: Energy behind a store's headroom lasts this long, h, as in the exact model's reserve.
HOLD_H = 0.25
#: Self-discharge that has added up to less than this is multiplied into the list of slopes.
LEAST_SCALE = 1e-60


@compiled
def bounds_of(stores: StoreArrays, i: int) -> tuple[float, float, float]:
    """Least and most energy, kWh, and the share kept over an interval."""
    return stores.min_kwh[i], stores.max_kwh[i], stores.keep[i]


@compiled
def rates_of(stores: StoreArrays, i: int) -> tuple[float, float, float, float]:
    """Efficiencies of charging and discharging, and what a kWh of each costs, USD."""
    return (
        stores.charge_efficiency[i],
        stores.discharge_efficiency[i],
        stores.charge_usd[i],
        stores.discharge_usd[i],
    )


@compiled
def flow_slopes(
    rates: tuple[float, float, float, float],
    charge_kw: float,
    discharge_kw: float,
    price: float,
    step_h: float,
    hull: int,
    piece: Floats,
) -> None:
    """What an interval's flows can do to the energy and at what cost: (4,) of ``piece``.

    Energy taken at most and what a kWh more of it costs, energy given at most and what a kWh less
    earns. Where energy is worth so little that both at once would pay, ``hull`` = 1 takes the mean
    of both slopes (the convex hull, a bound), 0 forbids to discharge. ``rates`` are the
    efficiencies and costs per kWh of charging and discharging.
    """
    into, out, charge_usd, discharge_usd = rates
    taken = charge_kw * into * step_h
    given = discharge_kw / out * step_h
    buys = (price + charge_usd) / into
    sells = (price - discharge_usd) * out
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
def last_worth(stores: StoreArrays, i: int, slopes: Floats, widths: Floats, last: int) -> int:
    """Slopes of what energy left at the end costs, up to place ``last``; the first place taken."""
    least, most = stores.min_kwh[i], stores.max_kwh[i]
    wish = min(max(stores.end_min_kwh[i], least), most)
    first = last
    if most > wish:
        first -= 1
        slopes[first], widths[first] = -stores.end_usd[i], most - wish
    if wish > least:
        first -= 1
        slopes[first] = -stores.end_usd[i] - stores.end_penalty_usd[i]
        widths[first] = wish - least
    return first


@compiled
def cut_first(widths: Floats, first: int, last: int, cut: float) -> int:
    """Take so much width from the left; the first place that is left."""
    while first < last and widths[first] <= cut:
        cut -= widths[first]
        first += 1
    if first < last:
        widths[first] -= cut
    return first


@compiled
def cut_last(widths: Floats, first: int, last: int, cut: float) -> int:
    """Take so much width from the right; one past the last place that is left."""
    while first < last and widths[last - 1] <= cut:
        cut -= widths[last - 1]
        last -= 1
    if first < last:
        widths[last - 1] -= cut
    return last


@compiled
def step_back(
    bounds: tuple[float, float, float],
    piece: Floats,
    slopes: Floats,
    widths: Floats,
    first: int,
    last: int,
    scale: float,
) -> tuple[int, int, float, float, float]:
    """The worth of energy one interval earlier, and up to where to charge and down to discharge.

    Pieces stand in order of slope at places ``first`` to ``last`` - 1. Self-discharge multiplies
    every slope and divides every width by the same number, which is kept apart: a piece's slope is
    ``slopes[k] * scale``, its width ``widths[k] / scale``. New pieces go in from the left, so that
    one way through the list finds both thresholds and makes room.

    Args:
        bounds: least and most energy, kWh, and the share kept over an interval.
        piece: the interval's flows, see `flow_slopes`.
        slopes: room for two places to the left of ``first``.
        widths: the same.
        first: first place taken.
        last: one past the last.
        scale: see above.

    Returns:
        ``first``, ``last`` and ``scale`` of the new list, and the energies up to which to charge
        and down to which to discharge, kWh.
    """
    least, most, keep = bounds
    charge, sell = -piece[1] / scale, -piece[3] / scale
    charges, sells = 1 if piece[0] > 0.0 else 0, 1 if piece[2] > 0.0 else 0
    both = charges + sells
    level = 0.0
    k = first
    while k < last and slopes[k] < charge:
        level += widths[k]
        slopes[k - both] = slopes[k]
        widths[k - both] = widths[k]
        k += 1
    fill = least + level / scale
    if charges == 1:
        slopes[k - both] = charge
        widths[k - both] = piece[0] * scale
    while k < last and slopes[k] <= sell:
        level += widths[k]
        slopes[k - sells] = slopes[k]
        widths[k - sells] = widths[k]
        k += 1
    drain = least + level / scale
    if sells == 1:
        slopes[k - 1] = sell
        widths[k - 1] = piece[2] * scale
    first -= both
    # The list now begins at least - taken; energies before this interval's flows lie between what
    # is kept of the least and of the most.
    first = cut_first(widths, first, last, (piece[0] - (1.0 - keep) * least) * scale)
    last = cut_last(widths, first, last, (piece[2] + (1.0 - keep) * most) * scale)
    scale *= keep
    if scale <= 0.0:
        # Nothing is kept: energy before is worth nothing.
        first = last - 1
        slopes[first], widths[first], scale = 0.0, most - least, 1.0
    elif scale < LEAST_SCALE:
        for k in range(first, last):
            slopes[k] *= scale
            widths[k] /= scale
        scale = 1.0
    return first, last, scale, fill, drain


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
    last, scale = len(slopes), 1.0
    first = last_worth(stores, i, slopes, widths, last)
    bounds, rates = bounds_of(stores, i), rates_of(stores, i)
    charge_kw, discharge_kw = stores.charge_kw[i], stores.discharge_kw[i]
    constant = len(charge_kw) == 1
    for t in range(len(price) - 1, -1, -1):
        column = 0 if constant else t
        flow_slopes(rates, charge_kw[column], discharge_kw[column], price[t], step_h, hull, piece)
        first, last, scale, fill[t], drain[t] = step_back(
            bounds, piece, slopes, widths, first, last, scale
        )


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
        last, scale = len(slopes), 1.0
        first = last_worth(stores, i, slopes, widths, last)
        bounds, rates = bounds_of(stores, i), rates_of(stores, i)
        charge_kw, discharge_kw = stores.charge_kw[i], stores.discharge_kw[i]
        for t in range(count - 1, -1, -1):
            column = 0 if len(charge_kw) == 1 else t
            level = stores.min_kwh[i]
            k = first
            while k < last - 1 and level + widths[k] / scale <= energy[i, t]:
                level += widths[k] / scale
                k += 1
            worth[i, t] = -slopes[k] * scale if first < last else 0.0
            flow_slopes(rates, charge_kw[column], discharge_kw[column], price[t], step_h, 0, piece)
            first, last, scale, _, _ = step_back(bounds, piece, slopes, widths, first, last, scale)


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
def best_flow(
    stores: StoreArrays,
    i: int,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    rows: Floats,
    lists: Floats,
) -> tuple[float, float, float]:
    """A store's best answer to prices.

    Args:
        stores: the stores.
        i: which of them.
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh of headroom.
        step_h: length of an interval, h.
        rows: (5, intervals), written: worth of a kWh given, power given (kW), energy at the end of
            each interval (kWh), and the two thresholds.
        lists: (2, 2 * intervals + 4), room.

    Returns:
        Cost less what is earned, of the answer without headroom and of a bound on the best one, and
        what all of its discharging power would earn as headroom, USD.
    """
    worth, power, level, fill, drain = rows[0], rows[1], rows[2], rows[3], rows[4]
    column, ready = 0, 0.0
    if stores.reserve[i] == 1:
        # Headroom D - q is sold with every kWh not given; energy behind it is left out, which only
        # lowers the bound.
        for t in range(len(energy)):
            column = 0 if stores.discharge_kw.shape[1] == 1 else t
            worth[t] = energy[t] - reserve[t]
            ready += reserve[t] * stores.discharge_kw[i, column] * step_h
    else:
        for t in range(len(energy)):
            worth[t] = energy[t]
    bound = np.inf
    if burns(stores, i, worth):
        thresholds(stores, i, worth, step_h, 1, fill, drain, lists[0], lists[1])
        bound = follow(stores, i, worth, step_h, 1, fill, drain, power, level)
    thresholds(stores, i, worth, step_h, 0, fill, drain, lists[0], lists[1])
    value = follow(stores, i, worth, step_h, 0, fill, drain, power, level)
    return value, min(bound, value), ready


@compiled
def store_answers(
    stores: StoreArrays,
    begin: int,
    end: int,
    energy: Floats,
    reserve: Floats,
    step_h: float,
    sums: Floats,
    totals: Floats,
) -> None:
    """Answers of some stores, added up.

    Args:
        stores: the stores.
        begin: first of them.
        end: one past the last.
        energy: (intervals,), USD/kWh.
        reserve: (intervals,), USD/kWh of headroom.
        step_h: length of an interval, h.
        sums: (2, intervals), added to: power given and headroom, kW.
        totals: (3,), added to: value of the answers and a bound on the best value (cost less what
            is earned at the prices, USD), and the sum of the absolute terms behind them.
    """
    count = len(energy)
    rows, lists = np.empty((5, count)), np.empty((2, 2 * count + 4))
    worth, power, level = rows[0], rows[1], rows[2]
    constant = stores.charge_kw.shape[1] == 1
    for i in range(begin, end):
        value, bound, ready = best_flow(stores, i, energy, reserve, step_h, rows, lists)
        totals[1] += bound - ready
        size = abs(ready) + abs(stores.end_usd[i] * level[count - 1]) + abs(value)
        for t in range(count):
            sums[0, t] += power[t]
            size += abs(worth[t] * power[t]) * step_h
        if stores.reserve[i] == 1:
            lasts = stores.discharge_efficiency[i] / HOLD_H
            for t in range(count):
                column = 0 if constant else t
                held = lasts * max(0.0, level[t] - stores.min_kwh[i])
                headroom = min(stores.discharge_kw[i, column] - power[t], held)
                sums[1, t] += headroom
                value -= reserve[t] * (headroom + power[t]) * step_h
        totals[0] += value
        totals[2] += size


@compiled
def store_mixes(
    stores: StoreArrays,
    begin: int,
    end: int,
    prices: Floats,
    weight: Floats,
    step_h: float,
    power: Floats,
) -> None:
    """Mixes of some stores' answers to several price vectors.

    Args:
        stores: the stores.
        begin: first of them.
        end: one past the last.
        prices: (price vectors, 2, intervals): energy and headroom, USD/kWh.
        weight: share of each price vector (price vectors,).
        step_h: length of an interval, h.
        power: (stores, intervals), written, kW, above 0 when it gives.
    """
    count = prices.shape[2]
    rows, lists = np.empty((5, count)), np.empty((2, 2 * count + 4))
    for i in range(begin, end):
        power[i] = 0.0
        for j in range(len(weight)):
            if weight[j] > 0.0:
                best_flow(stores, i, prices[j, 0], prices[j, 1], step_h, rows, lists)
                for t in range(count):
                    power[i, t] += weight[j] * rows[1, t]
