"""Whether an engine starts or goes on where a store shares its connection: one plan for both.

The store gives at once; the engine must gain more than the store loses by giving up its room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.forecast.market.history import Floats
from gridmuster.planning.worth.runkernels import NO
from gridmuster.planning.worth.runterms import RunTerms
from gridmuster.planning.worth.sitekernels import held_share, meant_price, toll
from gridmuster.planning.worth.storechoice import StoreState
from gridmuster.planning.worth.storeterms import StoreTerms


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A store that shares an engine's connection.

    Args:
        state: of the store.
        terms: of the store.
        price: the interval's price as known or expected, USD/MWh; not-a-number: none.
        worth: of its energy; see `storechoice.choose`.
        power_kw: its rated power, kW.
        engine_kw: the engine's, kW.
        limit_kw: most that both may send out together, kW.
    """

    state: StoreState
    terms: StoreTerms
    price: float
    worth: Floats
    power_kw: float
    engine_kw: float
    limit_kw: float

    def lost(self, price: float, steps: int, step_h: float) -> float:
        """What it would lose while the engine holds its room, USD per MW of the engine.

        Args:
            price: expected while the room is held, USD/MWh.
            steps: intervals for which it is held.
            step_h: length of an interval, h.
        """
        if np.isnan(price):
            return 0.0
        held = held_share(self.engine_kw, self.power_kw, self.limit_kw)
        energy = min(max(self.state.energy_kwh / self.state.usable_kwh, 0.0), 1.0)
        array = self.terms.array(step_h)
        share = toll(price, self.worth, energy, array, held, float(steps))
        return share * self.state.usable_kwh / self.engine_kw


def beside(
    neighbour: Neighbour, terms: RunTerms, begin: float, further: float, step_s: int
) -> tuple[float, float]:
    """Gains of a start and of going on, less what the store beside the engine loses by them.

    Args:
        neighbour: the store.
        terms: of the engine.
        begin: expected gain of a start, USD/MW.
        further: expected gain of one more interval, USD/MW.
        step_s: length of an interval, s.
    """
    step_h, least = step_s / 3600.0, terms.least_steps(step_s)
    if begin > NO:
        meant = meant_price(begin, terms.cost_usd_per_mwh, least, step_h)
        begin -= neighbour.lost(meant, least, step_h)
    if further > NO:
        further -= neighbour.lost(neighbour.price, 1, step_h)
    return begin, further
