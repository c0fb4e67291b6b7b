"""What matters of an engine for starting it on a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridmuster.errors import PlanningError
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.economics import cost_line
from gridmuster.fleet.model import FuelPrices


@dataclass(frozen=True, slots=True)
class RunTerms:
    """A kind of engine, whatever its size; it runs at rated power or not at all.

    Args:
        start_s: from the order to power on the grid, s.
        least_run_s: least time on, s.
        load_s: from the closed breaker to rated power, s.
        cost_usd_per_mwh: fuel and wear at rated power, USD/MWh.
        start_usd_per_mw: cost of a start, USD per MW of rated power.
    """

    start_s: float
    least_run_s: float
    load_s: float
    cost_usd_per_mwh: float
    start_usd_per_mw: float = 0.0

    def start_steps(self, step_s: int) -> int:
        """Whole intervals from the order to power."""
        return int(-(-self.start_s // step_s))

    def least_steps(self, step_s: int) -> int:
        """Whole intervals of the least run."""
        return max(1, int(-(-self.least_run_s // step_s)))

    @property
    def lost_h(self) -> float:
        """Hours of full power that loading up costs, h: half its time on a straight ramp."""
        return 0.5 * self.load_s / 3600.0

    def kind(self) -> RunTerms:
        """Terms of the kind it is learnt as: near enough that gains differ by their cost alone.

        Times go by whole steps of five minutes (loading: of one), costs by two digits; what the
        engine's own cost makes of the gains is reckoned with `dearer`.
        """
        return RunTerms(
            300.0 * float(np.ceil(self.start_s / 300.0)),
            300.0 * float(np.ceil(self.least_run_s / 300.0)),
            60.0 * float(np.round(self.load_s / 60.0)),
            _two_digits(self.cost_usd_per_mwh),
            _two_digits(self.start_usd_per_mw),
        )

    def dearer(self, kind: RunTerms, step_s: int) -> tuple[float, float]:
        """What a start, and one more interval, cost more than for a kind, USD/MW.

        Args:
            kind: what gains were learnt for.
            step_s: length of an interval, s.
        """
        more = (self.cost_usd_per_mwh - kind.cost_usd_per_mwh) * step_s / 3600.0
        start = self.start_usd_per_mw - kind.start_usd_per_mw
        return more * self.least_steps(step_s) + start, more


def _two_digits(value: float) -> float:
    """A number to two digits."""
    if value <= 0.0:
        return value
    grain = 10.0 ** (np.floor(np.log10(value)) - 1.0)
    # Rounded once more, so that equal kinds are equal to the last bit.
    return float(np.round(np.round(value / grain) * grain, 6))


def run_terms(device: Generator, prices: FuelPrices) -> RunTerms:
    """The terms of a fleet's engine.

    Args:
        device: the engine.
        prices: of fuel.

    Raises:
        PlanningError: when running costs nothing: there is nothing to weigh.
    """
    line = cost_line(device, prices)
    cost = 1000.0 * line.usd_per_h(device.rated_kw) / device.rated_kw
    if cost <= 0.0:
        raise PlanningError(
            f"{device.id}: running costs {cost:g} USD/MWh; give its fuel a curve and a price"
        )
    return RunTerms(
        device.start_s + device.sync_s,
        device.min_up_s,
        device.warmup_s + 1.0 / device.ramp_fraction_per_s,
        cost,
        1000.0 * line.start_usd / device.rated_kw,
    )
