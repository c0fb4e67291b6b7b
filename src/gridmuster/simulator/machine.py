"""What every simulated device shares: identity, switch position, alarms, counters, its site."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from gridmuster.fleet.devices import DeviceBase
from gridmuster.simulator.controller import AlarmBit, Mode
from gridmuster.simulator.instrument import Instrument
from gridmuster.simulator.kernel import NEVER_MS, Kernel
from gridmuster.simulator.noise import stream

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel

SECONDS_PER_HOUR = 3600.0


class Machine(Instrument):
    """A device as the world sees it.

    ``mean_kw`` is the mean over the last step, ``power_kw`` the power at its end; both are at the
    device's terminals and positive towards the grid.

    Args:
        device: the fleet's description.
        site: where it stands.
        kernel: the world's timekeeping.
    """

    def __init__(self, device: DeviceBase, site: SiteModel, kernel: Kernel) -> None:
        super().__init__()
        self.id = device.id
        self.rated_kw = device.rated_kw
        self.site = site
        self.kernel = kernel
        self.wake_ms = NEVER_MS
        self.mode = Mode.AUTO
        self.deaf = False
        self.alarms = AlarmBit.NONE
        self.setpoint_kw = 0.0
        self.power_kw = 0.0
        self.mean_kw = 0.0
        self.produced_kwh = 0.0
        self.absorbed_kwh = 0.0
        self.trip_at_ms = NEVER_MS
        self._mttf_h = device.reliability.mttf_h
        self._dice: random.Random = stream(kernel.seed, "device", device.id)
        self._life_h = self._dice.expovariate(1.0) * self._mttf_h

    def order(self, name: str, value: float) -> None:
        """Take an order at once; unknown ones are ignored."""
        if name == "emergency_stop":
            if value:
                self.emergency_stop()
        elif self.mode is not Mode.AUTO:
            return
        elif name == "set_power_kw":
            if not self.deaf:
                self.set_power(value)
        elif not value:
            return
        elif name == "start":
            self.start()
        elif name == "stop":
            self.stop()
        elif name == "reset":
            self.reset()

    def start(self) -> None:
        """Begin to run, if it can."""
        raise NotImplementedError

    def stop(self) -> None:
        """End running in the device's own manner."""
        raise NotImplementedError

    def reset(self) -> None:
        """Clear latched faults."""
        raise NotImplementedError

    def emergency_stop(self) -> None:
        """Stop at once and stay stopped until a reset."""
        raise NotImplementedError

    def trip(self, alarm: AlarmBit) -> None:
        """Fall off the line with a fault."""
        raise NotImplementedError

    def set_power(self, power_kw: float) -> None:
        """Take a new setpoint, kW."""
        self.setpoint_kw = power_kw

    def bus_changed(self) -> None:
        """The site's bus came, went or was switched."""
        raise NotImplementedError

    def propose(self, dt_s: float, available_kw: float) -> None:
        """Work out mean and end power of the next step.

        Args:
            dt_s: length of the step, s.
            available_kw: what sun or wind allow at its end, kW (others ignore it).
        """
        raise NotImplementedError

    def account(self, dt_h: float) -> None:
        """Book the energy of the step just agreed on, h."""
        energy_kwh = self.mean_kw * dt_h
        if energy_kwh >= 0.0:
            self.produced_kwh += energy_kwh
        else:
            self.absorbed_kwh -= energy_kwh

    def set_mode(self, mode: Mode) -> None:
        """Turn the controller's own switch, as a person at the site does."""
        self.mode = mode
        self.site.happened()
        if mode is Mode.AUTO:
            self.alarms &= ~AlarmBit.NOT_IN_AUTO
        else:
            self.alarms |= AlarmBit.NOT_IN_AUTO
