"""What a store does in the next interval, and why: the choice that backtests and centers share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.kernels import WEAR, band, next_energy
from gridmuster.planning.worth.learning import Outlook, StoreModel, Study
from gridmuster.planning.worth.storeterms import StoreTerms


@dataclass(frozen=True, slots=True)
class StoreState:
    """A store as it stands.

    Args:
        energy_kwh: above what it keeps for itself, kWh.
        usable_kwh: most it may hold above that, kWh.
        room_kw: most that its connection lets it send out, kW; None: no limit of its own.
    """

    energy_kwh: float
    usable_kwh: float
    room_kw: float | None = None


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """What a store is to do in an interval.

    Args:
        power_kw: mean power, > 0 gives to the grid.
        energy_kwh: energy at the end, above what it keeps, kWh.
        buy_below_usd_per_mwh: it would charge at prices below this.
        sell_above_usd_per_mwh: it would discharge at prices above this.
        price_usd_per_mwh: the price acted on.
        reason: why, in words.
    """

    power_kw: float
    energy_kwh: float
    buy_below_usd_per_mwh: float
    sell_above_usd_per_mwh: float
    price_usd_per_mwh: float
    reason: str


def choose(
    state: StoreState, terms: StoreTerms, price: float, worth: Floats, step_h: float
) -> StoreChoice:
    """Choose what a store does in one interval.

    Args:
        state: of the store.
        terms: of the store.
        price: the interval's price as known or expected, USD/MWh.
        worth: of energy after the interval at the middles of equal parts of the store, USD/MWh.
        step_h: length of the interval, h.
    """
    array = terms.array(step_h)
    before = min(max(state.energy_kwh / state.usable_kwh, 0.0), 1.0)
    here = _here(worth, before)
    buy_below = here * terms.charge_efficiency
    sell_above = here / terms.discharge_efficiency + float(array[WEAR])
    after = before if np.isnan(price) else next_energy(worth, price, before, array)
    power_kw = _power_kw(before, after, state.usable_kwh, terms, step_h)
    if state.room_kw is not None and power_kw > state.room_kw:
        power_kw = max(state.room_kw, 0.0)
        after = before - power_kw * step_h / terms.discharge_efficiency / state.usable_kwh
    if np.isnan(price):
        reason = "no price is known: wait"
    elif power_kw > 0.0:
        reason = (
            f"price {price:,.0f} is above {sell_above:,.0f} USD/MWh, what the energy is worth "
            "kept, losses and wear included: discharge"
        )
    elif power_kw < 0.0:
        reason = (
            f"price {price:,.0f} is below {buy_below:,.0f} USD/MWh, what energy is worth "
            "stored, losses included: charge"
        )
    elif state.room_kw is not None and state.room_kw <= 0.0 and price > sell_above:
        reason = "the connection has no room left: wait"
    else:
        fill, drain = band(
            worth,
            (price - terms.wear_usd_per_mwh) * terms.discharge_efficiency,
            price / terms.charge_efficiency,
        )
        place = "it is full" if fill >= 1.0 else "it is empty" if drain <= 0.0 else ""
        reason = place or (
            f"price {price:,.0f} lies between {buy_below:,.0f} and {sell_above:,.0f} USD/MWh"
        )
        reason += ": wait"
    energy_kwh = after * state.usable_kwh
    return StoreChoice(power_kw, energy_kwh, buy_below, sell_above, price, reason)


def choose_now(
    state: StoreState, terms: StoreTerms, model: StoreModel, own: Study, now_ms: int
) -> StoreChoice:
    """Choose for the interval that begins.

    Args:
        state: of the store.
        terms: of the store.
        model: what was learnt for its kind.
        own: the area's record up to now; `prices.reaching` gives it room for what is to come.
        now_ms: beginning of the interval, ms.
    """
    told: Outlook = model.outlook(own, np.array([own.record.at(now_ms)]))
    return choose(state, terms, float(told.acted[0]), told.worth[0], own.record.step_h)


def _here(worth: Floats, share: float) -> float:
    """Worth at a level of energy."""
    middles = (np.arange(len(worth)) + 0.5) / len(worth)
    return float(np.interp(share, middles, worth))


def _power_kw(
    before: float, after: float, usable_kwh: float, terms: StoreTerms, step_h: float
) -> float:
    change_kwh = (after - before) * usable_kwh
    if change_kwh > 0.0:
        return -change_kwh / terms.charge_efficiency / step_h
    return -change_kwh * terms.discharge_efficiency / step_h
