"""What matters of a store for using it on a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.fleet.devices import Store
from gridmuster.forecast.market.history import Floats


@dataclass(frozen=True, slots=True)
class StoreTerms:
    """A kind of store, whatever its size.

    Args:
        discharge_h: hours from full to empty at full power if there were no losses, h.
        charge_h: the same from empty to full, h.
        charge_efficiency: stored over taken.
        discharge_efficiency: given over drawn.
        wear_usd_per_mwh: cost of a MWh given, USD/MWh.
        loss_per_h: share of energy lost by standing, 1/h.
    """

    discharge_h: float
    charge_h: float
    charge_efficiency: float
    discharge_efficiency: float
    wear_usd_per_mwh: float
    loss_per_h: float = 0.0

    def kind(self) -> StoreTerms:
        """Terms of the kind it is learnt as: near enough that the worth of energy is the same.

        Hours go by half powers of two, efficiencies by 5 %, wear by 10 USD/MWh; what a store does
        with that worth is reckoned with its own terms.
        """

        def hours(value: float) -> float:
            return float(2.0 ** (np.round(2.0 * np.log2(max(value, 0.05))) / 2.0))

        def share(value: float) -> float:
            return max(float(np.round(20.0 * value) / 20.0), 0.05)

        return StoreTerms(
            hours(self.discharge_h),
            hours(self.charge_h),
            share(self.charge_efficiency),
            share(self.discharge_efficiency),
            float(10.0 * np.round(self.wear_usd_per_mwh / 10.0)),
            float(np.round(self.loss_per_h, 2)),
        )

    def array(self, step_h: float) -> Floats:
        """The terms as kernels take them.

        Args:
            step_h: length of an interval, h.
        """
        return np.array(
            [
                step_h / self.discharge_h / self.discharge_efficiency,
                step_h / self.charge_h * self.charge_efficiency,
                self.discharge_efficiency,
                self.charge_efficiency,
                self.wear_usd_per_mwh,
                (1.0 - self.loss_per_h) ** step_h,
            ]
        )


def store_terms(store: Store) -> StoreTerms:
    """The terms of a fleet's store: what lies between the energy it keeps and its ceiling.

    Args:
        store: the device.

    Raises:
        PlanningError: when what it keeps leaves nothing to use.
    """
    usable_kwh = store.max_energy_kwh - store.min_energy_kwh
    if usable_kwh <= 0.0:
        raise PlanningError(
            f"{store.id}: keeps {store.min_energy_kwh:g} kWh of {store.max_energy_kwh:g} kWh; "
            "nothing is left to use on a price: lower min_energy_fraction or backup_energy_kwh"
        )
    return StoreTerms(
        usable_kwh / store.rated_kw,
        usable_kwh / store.max_charge_kw,
        store.charge_efficiency,
        store.discharge_efficiency,
        1000.0 * (store.cycle_cost_usd_per_kwh + store.variable_om_usd_per_kwh),
        store.self_discharge_per_h,
    )
