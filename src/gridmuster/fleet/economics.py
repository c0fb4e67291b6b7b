"""What running a generator uses and costs, as straight lines a kernel can work with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.model import FuelPrices


@dataclass(frozen=True, slots=True)
class FuelLine:
    """A fuel curve as a no-load rate and convex segments from zero output.

    Args:
        no_load_per_h: fuel at zero output, l/h or m3/h.
        widths_kw: widths of the segments, kW; they add up to the rated power.
        per_kwh: fuel per kWh in each segment, rising, l/kWh or m3/kWh.
    """

    no_load_per_h: float
    widths_kw: tuple[float, ...]
    per_kwh: tuple[float, ...]

    def rate_per_h(self, power_kw: float) -> float:
        """Fuel rate at an output, l/h or m3/h (the device is on)."""
        rate = self.no_load_per_h
        left_kw = max(power_kw, 0.0)
        for width_kw, slope in zip(self.widths_kw, self.per_kwh, strict=True):
            step_kw = min(left_kw, width_kw)
            rate += slope * step_kw
            left_kw -= step_kw
            if left_kw <= 0.0:
                break
        return rate


@lru_cache(maxsize=65_536)
def fuel_line(generator: Generator) -> FuelLine:
    """The largest convex curve below the device's fuel points, extended to zero and full output.

    Published charts are uneven at 30 to 50 kW (see the reference data's README); a convex curve
    is what a linear planner can hold, and it never overstates fuel.

    Args:
        generator: the device.

    Returns:
        Its fuel line; the no-load rate is never below zero.
    """
    points = [
        (point.load_fraction * generator.rated_kw, point.fuel_per_h)
        for point in generator.fuel_curve
    ]
    hull: list[tuple[float, float]] = []
    for point in sorted(points):
        while len(hull) >= 2 and _slope(hull[-2], hull[-1]) >= _slope(hull[-1], point):
            hull.pop()
        hull.append(point)
    slopes = [_slope(a, b) for a, b in itertools.pairwise(hull)]
    no_load = max(hull[0][1] - slopes[0] * hull[0][0], 0.0)
    edges = [0.0, *(kw for kw, _ in hull[1:-1]), generator.rated_kw]
    widths = tuple(b - a for a, b in itertools.pairwise(edges))
    if hull[0][0] > 0.0:
        slopes[0] = (hull[1][1] - no_load) / hull[1][0]
    return FuelLine(no_load, widths, tuple(max(slope, 0.0) for slope in slopes))


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])


@dataclass(frozen=True, slots=True)
class CostLine:
    """Cost of running a generator: no-load and convex segments from zero output.

    Args:
        no_load_usd_per_h: cost at zero output, USD/h.
        widths_kw: widths of the segments, kW.
        usd_per_kwh: marginal cost in each segment (fuel and wear), USD/kWh.
        start_usd: cost of a start, USD.
    """

    no_load_usd_per_h: float
    widths_kw: tuple[float, ...]
    usd_per_kwh: tuple[float, ...]
    start_usd: float

    def usd_per_h(self, power_kw: float) -> float:
        """Cost of an hour at an output, USD/h."""
        cost = self.no_load_usd_per_h
        left_kw = max(power_kw, 0.0)
        for width_kw, slope in zip(self.widths_kw, self.usd_per_kwh, strict=True):
            step_kw = min(left_kw, width_kw)
            cost += slope * step_kw
            left_kw -= step_kw
        return cost

    def average_usd_per_kwh(self, power_kw: float, run_h: float) -> float:
        """Mean cost of a run with its start, USD/kWh.

        Args:
            power_kw: output, kW, > 0.
            run_h: length of the run, h, > 0.
        """
        return (self.usd_per_h(power_kw) * run_h + self.start_usd) / (power_kw * run_h)


def cost_line(generator: Generator, prices: FuelPrices) -> CostLine:
    """Cost of running a generator at today's fuel prices."""
    line = fuel_line(generator)
    price = prices.of(generator.fuel)
    om = generator.variable_om_usd_per_kwh
    return CostLine(
        line.no_load_per_h * price,
        line.widths_kw,
        tuple(slope * price + om for slope in line.per_kwh),
        generator.start_cost_usd,
    )


def store_hold_h(store: Store) -> float:
    """Hours a full store lasts at rated power, h."""
    return (store.max_energy_kwh - store.min_energy_kwh) / store.rated_kw
