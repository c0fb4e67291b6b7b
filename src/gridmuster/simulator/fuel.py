"""Fuel: what a generator burns at an output, and what is left in its tank."""

from __future__ import annotations

from bisect import bisect_right

from gridmuster.fleet.devices import FuelPoint, Tank


class FuelCurve:
    """Fuel per hour as a function of output, straight between the given points.

    Below the first point the first line runs on to no load (never below zero), above the last
    point the last line runs on.

    Args:
        points: fuel use at two or more loads, in rising order.
        rated_kw: rated power, kW.
    """

    def __init__(self, points: tuple[FuelPoint, ...], rated_kw: float) -> None:
        loads = [point.load_fraction * rated_kw for point in points]
        rates = [point.fuel_per_h for point in points]
        if loads[0] > 0.0:
            slope = (rates[1] - rates[0]) / (loads[1] - loads[0])
            loads.insert(0, 0.0)
            rates.insert(0, max(0.0, rates[0] - slope * loads[1]))
        self._loads = loads
        self._rates = rates
        self._slopes = [
            (rates[k + 1] - rates[k]) / (loads[k + 1] - loads[k]) for k in range(len(loads) - 1)
        ]
        self._areas = [0.0]
        for k in range(len(loads) - 1):
            width = loads[k + 1] - loads[k]
            self._areas.append(self._areas[k] + 0.5 * (rates[k] + rates[k + 1]) * width)
        self.no_load_per_h = rates[0]

    def _line(self, power_kw: float) -> int:
        return min(max(bisect_right(self._loads, power_kw) - 1, 0), len(self._slopes) - 1)

    def per_h(self, power_kw: float) -> float:
        """Fuel per hour at a steady output, l/h or m3/h."""
        k = self._line(power_kw)
        return self._rates[k] + self._slopes[k] * (power_kw - self._loads[k])

    def _integral(self, power_kw: float) -> float:
        k = self._line(power_kw)
        x = power_kw - self._loads[k]
        return self._areas[k] + x * (self._rates[k] + 0.5 * self._slopes[k] * x)

    def mean_per_h(self, first_kw: float, last_kw: float) -> float:
        """Mean fuel per hour while output runs straight from one value to another; exact."""
        if abs(last_kw - first_kw) < 1e-6:
            return self.per_h(0.5 * (first_kw + last_kw))
        return (self._integral(last_kw) - self._integral(first_kw)) / (last_kw - first_kw)


class TankModel:
    """Fuel at the site.

    Args:
        tank: the fleet's description.
    """

    def __init__(self, tank: Tank) -> None:
        self.level = tank.level
        self.sump = tank.sump_fraction * tank.capacity
        self.low_level = self.sump + 0.1 * tank.capacity

    @property
    def usable(self) -> float:
        """What can still be drawn, l or m3."""
        return max(0.0, self.level - self.sump)
