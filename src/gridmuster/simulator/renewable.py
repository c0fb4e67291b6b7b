"""Sun and wind behind an inverter: they give what the weather allows, or less when told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridmuster.fleet.devices import Photovoltaic, WindTurbine
from gridmuster.simulator.inverter import IDLE, RUNNING, InverterModel
from gridmuster.simulator.kernel import Kernel

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel


class RenewableModel(InverterModel):
    """A panel array or a turbine: output is the lesser of weather and setpoint.

    Args:
        device: the fleet's description.
        site: where it stands.
        kernel: the world's timekeeping.
        weather_kw: what the weather allows at first, kW.
    """

    def __init__(
        self,
        device: Photovoltaic | WindTurbine,
        site: SiteModel,
        kernel: Kernel,
        weather_kw: float,
    ) -> None:
        self.weather_kw = weather_kw
        super().__init__(device, site, kernel, on=True)
        self.setpoint_kw = device.rated_kw
        self.power_kw = weather_kw if self.connected else 0.0

    def propose(self, dt_s: float, available_kw: float) -> None:
        """Give what the weather allows, at most the setpoint; mean of the step's two ends."""
        before_kw, self.weather_kw = self.weather_kw, available_kw
        limit_kw = self.setpoint_kw if self.setpoint_kw > 0.0 else 0.0
        if (limit_kw == 0.0 and self.power_kw == 0.0) or not self.connected:
            self.mean_kw = self.power_kw = 0.0
            return
        self.power_kw = available_kw if available_kw < limit_kw else limit_kw
        before_kw = min(before_kw, limit_kw)
        self.mean_kw = 0.5 * (before_kw + self.power_kw)

    def trim(self, share: float) -> None:
        """Give only a share of what was proposed, because the bus cannot take it."""
        self.mean_kw *= share
        self.power_kw *= share

    def available_kw(self) -> float:
        """What the weather allows now, kW."""
        return 0.0 if self.tripped or self.latched else self.weather_kw

    def state(self) -> float:
        """As any inverter, but asleep while there is nothing to give."""
        state = super().state()
        return IDLE if state == RUNNING and self.weather_kw <= 0.0 else state
