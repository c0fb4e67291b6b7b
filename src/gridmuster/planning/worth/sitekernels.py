"""Compiled loop of a site whose engine and store share a connection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridmuster.compiled import compiled
from gridmuster.planning.worth.kernels import EFF_OUT, GIVE, KEEP, WEAR, earned, next_energy
from gridmuster.planning.worth.runkernels import wants

Floats = NDArray[np.float64]

#: Places of an engine's terms in the array that the loop takes.
START, LEAST, LOST_H, COST, START_USD, ENGINE_MW = range(6)
#: Places of what both share: the store's power and capacity, the limit of both, the interval, and
#: whether the engine heeds (1) or not (0) what the store loses by it.
STORE_MW, STORE_MWH, LIMIT_MW, STEP_H, HEEDS = range(5)


@compiled
def toll(
    price: float, worth: Floats, energy: float, terms: Floats, share: float, steps: float
) -> float:
    """What a store would lose while an engine holds its room, per MWh of its capacity.

    Args:
        price: expected while the room is held, per MWh.
        worth: of energy at equal parts of the store.
        energy: share held now.
        terms: of the store.
        share: of the store's power that loses its room.
        steps: intervals for which the room is held.
    """
    parts = len(worth)
    kept = worth[min(int(energy * parts), parts - 1)]
    gain = (price - terms[WEAR]) * terms[EFF_OUT] - kept
    return float(max(gain, 0.0) * min(energy, terms[GIVE] * steps) * share)


@compiled
def held_share(engine_mw: float, store_mw: float, limit_mw: float) -> float:
    """Share of a store's power that loses its room while an engine of its site gives, 0 to 1.

    Args:
        engine_mw: power of the engine.
        store_mw: power of the store.
        limit_mw: most that both may send out together.
    """
    return float(min(max((engine_mw + store_mw - limit_mw) / store_mw, 0.0), 1.0))


@compiled
def meant_price(begin: float, cost: float, least: int, step_h: float) -> float:
    """The mean price of a least run at which a start gains what is expected of it, per MWh.

    Args:
        begin: expected gain of the start, USD/MW.
        cost: running cost, per MWh.
        least: least run, intervals.
        step_h: length of an interval, h.
    """
    return float(cost + begin / (least * step_h))


@compiled
def _lost(
    price: float,
    worth: Floats,
    energy: float,
    terms: Floats,
    held: float,
    steps: float,
    site: Floats,
) -> float:
    """`toll` of a site in USD; 0 where nothing is known or heeded."""
    if site[HEEDS] == 0.0 or np.isnan(price):
        return 0.0
    return float(toll(price, worth, energy, terms, held, steps) * site[STORE_MWH])


@compiled
def walk_site(
    price: Floats,
    acted: Floats,
    worth: Floats,
    terms: Floats,
    begin: Floats,
    further: Floats,
    kept: Floats,
    engine: Floats,
    budget: int,
    site: Floats,
) -> tuple[Floats, Floats, Floats, Floats, int]:
    """Use an engine and a store behind one limit.

    The engine has the room it needs; the store what is left. The store gives while the engine
    starts; a start and each further interval must gain more than the store loses by them.

    Args:
        price: settled, per MWh.
        acted: the price choices are made on.
        worth: of stored energy, ``(intervals, parts)``.
        terms: of the store.
        begin: expected gain of a start, USD/MW.
        further: expected gain of going on, USD/MW.
        kept: worth of an interval of running kept for later, by intervals left, for each day.
        engine: terms of the engine; see `START` and the others.
        budget: intervals of running there are.
        site: what both share; see `STORE_MW` and the others.

    Returns:
        Cash of the engine and of the store, USD; share of the engine's power; the store's energy
        after each interval; starts.
    """
    count, step_h = len(price), site[STEP_H]
    engine_cash, store_cash = np.zeros(count), np.zeros(count)
    power, level = np.zeros(count), np.empty(count)
    start, least, size = int(engine[START]), int(engine[LEAST]), engine[ENGINE_MW]
    held = held_share(size, site[STORE_MW], site[LIMIT_MW])
    left, starts, energy = budget, 0, 0.0
    # Until these intervals the engine starts, and may not stop.
    powers_at, bound_until = -1, -1
    on = False
    for t in range(count):
        row = min(t * len(kept) // count, len(kept) - 1)
        if not on and t + start + least <= count:
            meant = meant_price(begin[t], engine[COST], least, step_h)
            lost = _lost(meant, worth[t], energy, terms, held, float(least), site) / size
            if wants(False, begin[t] - lost, 0.0, kept[row, left], left, least):
                starts += 1
                engine_cash[t] -= engine[START_USD] * size
                powers_at, bound_until = t + start, t + start + least
                left -= least
                on = True
        elif on and t >= bound_until:
            lost = _lost(acted[t], worth[t], energy, terms, held, 1.0, site) / size
            on = wants(True, 0.0, further[t] - lost, kept[row, left], left, least)
            left -= int(on)
        paid = 0.0 if np.isnan(price[t]) else price[t]
        if on and t >= powers_at:
            power[t] = 1.0 - (engine[LOST_H] / step_h if t == powers_at else 0.0)
            engine_cash[t] += (paid * power[t] - engine[COST]) * step_h * size
        after = energy
        if not (np.isnan(price[t]) or np.isnan(acted[t])):
            room = energy - terms[GIVE] * (1.0 - held * power[t])
            after = max(next_energy(worth[t], acted[t], energy, terms), room)
            store_cash[t] = earned(energy, after, price[t], terms) * site[STORE_MWH]
        level[t] = after
        energy = after * terms[KEEP]
    return engine_cash, store_cash, power, level, starts
