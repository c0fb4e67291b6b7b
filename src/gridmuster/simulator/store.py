"""Stores: what goes in less what is lost comes out, and never more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gridmuster.fleet.devices import Store
from gridmuster.simulator.inverter import InverterModel
from gridmuster.simulator.kernel import Kernel

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel


class StoreModel(InverterModel):
    """A battery, flywheel or SMES.

    State of energy E with power p (> 0 out), self-discharge s (1/h) and one-way efficiencies:
    dE/dt = -s E - p / n_out (out) or -s E - p n_in (in), so over a step of constant p
    E' = E exp(-s dt) - (p / n_out or p n_in) (1 - exp(-s dt)) / s.
    Within a step the mean power is what energy allows.

    Args:
        device: the fleet's description.
        site: where it stands.
        kernel: the world's timekeeping.
    """

    def __init__(self, device: Store, site: SiteModel, kernel: Kernel, *, on: bool) -> None:
        self._in_efficiency = device.charge_efficiency
        self._out_efficiency = device.discharge_efficiency
        self._leak_per_h = device.self_discharge_per_h
        self._charge_kw = device.max_charge_kw
        self._floor_kwh = device.min_energy_fraction * device.energy_capacity_kwh
        self._ceiling_kwh = device.max_energy_kwh
        self._energy_kwh = min(device.first_energy_kwh, device.energy_capacity_kwh)
        self._energy_at_ms = kernel.now_ms
        self._dt_s = -1.0
        self._keep = 1.0
        self._span_h = 0.0
        self.grid_forming = device.grid_forming
        self.standby_kw = device.standby_loss_kw
        super().__init__(device, site, kernel, on=on)

    def _rest(self) -> None:
        """Bring the state of energy up to now through self-discharge alone."""
        passed_ms = self.kernel.now_ms - self._energy_at_ms
        if passed_ms:
            if self._leak_per_h:
                self._energy_kwh *= math.exp(-self._leak_per_h * passed_ms / 3_600_000)
            self._energy_at_ms = self.kernel.now_ms

    def energy_kwh(self) -> float:
        """State of energy now, kWh; asking changes nothing, not even by rounding."""
        passed_ms = self.kernel.now_ms - self._energy_at_ms
        if passed_ms and self._leak_per_h:
            return self._energy_kwh * math.exp(-self._leak_per_h * passed_ms / 3_600_000)
        return self._energy_kwh

    def reach(self, dt_s: float) -> tuple[float, float]:
        """Least (most charging) and most mean power that energy and rating allow for a step, kW."""
        if dt_s != self._dt_s:
            self._dt_s = dt_s
            dt_h = dt_s / 3600.0
            self._keep = math.exp(-self._leak_per_h * dt_h)
            leak = self._leak_per_h
            self._span_h = -math.expm1(-leak * dt_h) / leak if leak > 1e-9 else dt_h
        self._rest()
        left_kwh = self._energy_kwh * self._keep
        out_kw = (left_kwh - self._floor_kwh) * self._out_efficiency / self._span_h
        in_kw = (self._ceiling_kwh - left_kwh) / (self._in_efficiency * self._span_h)
        return -min(self._charge_kw, max(0.0, in_kw)), min(self.rated_kw, max(0.0, out_kw))

    def propose(self, dt_s: float, available_kw: float) -> None:
        """Follow the setpoint as far as energy and rating allow."""
        if not self.setpoint_kw or not self.connected:
            self.mean_kw = self.power_kw = 0.0
            return
        low_kw, high_kw = self.reach(dt_s)
        wish_kw = self.setpoint_kw
        self.mean_kw = low_kw if wish_kw < low_kw else min(high_kw, wish_kw)
        self.power_kw = self.mean_kw

    def carry(self, mean_kw: float, dt_s: float) -> None:
        """Take what the bus asks instead of the setpoint; the caller keeps within `reach`."""
        self.reach(dt_s)
        self.mean_kw = self.power_kw = mean_kw

    def account(self, dt_h: float) -> None:
        """Book the step and move the state of energy. Called at the step's end."""
        mean_kw = self.mean_kw
        if mean_kw == 0.0:
            return
        drawn_kw = (
            mean_kw / self._out_efficiency if mean_kw > 0.0 else mean_kw * self._in_efficiency
        )
        self._energy_kwh = self._energy_kwh * self._keep - drawn_kw * self._span_h
        self._energy_at_ms = self.kernel.now_ms
        if mean_kw > 0.0:
            self.produced_kwh += mean_kw * dt_h
        else:
            self.absorbed_kwh -= mean_kw * dt_h

    def available_kw(self) -> float:
        """What it could give now, kW; nothing when empty."""
        if self.tripped or self.latched or self.energy_kwh() <= self._floor_kwh + 1e-9:
            return 0.0
        return self.rated_kw

    def measure(self) -> Mapping[str, float]:
        """Canonical points by name."""
        points = dict(super().measure())
        points["energy_kwh"] = self.energy_kwh()
        return points

    def can_form(self) -> bool:
        """Whether it could hold a dead bus now."""
        return (
            self.grid_forming
            and not self.tripped
            and not self.latched
            and self.energy_kwh() > self._floor_kwh + 1e-9
        )
