"""What inverter-coupled sources share: they connect, follow the bus, and let go when it dies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gridmuster.fleet.devices import DeviceBase
from gridmuster.signals import DeviceState
from gridmuster.simulator.controller import STATE_INDEX, AlarmBit
from gridmuster.simulator.kernel import NEVER_MS, Kernel
from gridmuster.simulator.machine import Machine

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel

IDLE = STATE_INDEX[DeviceState.IDLE]
STARTING = STATE_INDEX[DeviceState.STARTING]
RUNNING = STATE_INDEX[DeviceState.RUNNING]
FAULT = STATE_INDEX[DeviceState.FAULT]
LOCKED = STATE_INDEX[DeviceState.LOCKED]


class InverterModel(Machine):
    """A sun, wind or store inverter.

    Args:
        device: the fleet's description.
        site: where it stands.
        kernel: the world's timekeeping.
        on: whether it is switched on at first.
    """

    def __init__(self, device: DeviceBase, site: SiteModel, kernel: Kernel, *, on: bool) -> None:
        super().__init__(device, site, kernel)
        self.on = False
        self.tripped = False
        self.latched = False
        self._on_since_ms = kernel.now_ms
        if on:
            self.start()

    @property
    def connected(self) -> bool:
        """Whether its contactor is closed on a live bus."""
        return self.on and self.site.inverter_bus_live(self)

    def start(self) -> None:
        """Switch on; it connects when the bus has been healthy long enough."""
        if self.on or self.tripped or self.latched:
            return
        self.on = True
        self.site.happened()
        self._on_since_ms = self.kernel.now_ms
        if self.trip_at_ms == NEVER_MS:
            self.trip_at_ms = self.kernel.now_ms + int(self._life_h * 3_600_000)
        self.kernel.at(self.trip_at_ms, self)

    def stop(self) -> None:
        """Switch off at once."""
        if not self.on:
            return
        self.on = False
        self.site.happened()
        self._life_h -= (self.kernel.now_ms - self._on_since_ms) / 3_600_000
        self.trip_at_ms = NEVER_MS
        self.kernel.at(NEVER_MS, self)
        self.power_kw = 0.0
        self.site.settle()

    def reset(self) -> None:
        """Clear a fault or an emergency stop; it stays off until started."""
        if self.tripped:
            self._life_h = self._dice.expovariate(1.0) * self._mttf_h
        self.tripped = self.latched = False
        self.site.happened()
        self.alarms &= AlarmBit.NOT_IN_AUTO

    def emergency_stop(self) -> None:
        """Open at once and latch."""
        self.stop()
        self.latched = True
        self.alarms |= AlarmBit.EMERGENCY_STOP

    def trip(self, alarm: AlarmBit) -> None:
        """Open with a fault."""
        self.stop()
        self.tripped = True
        self.alarms |= alarm

    def wake(self) -> None:
        """Its time to failure has come."""
        self.trip(AlarmBit.HIGH_TEMPERATURE)

    def bus_changed(self) -> None:
        """Let go of a dead bus at once."""
        if not self.connected:
            self.power_kw = 0.0

    def state(self) -> float:
        """Index of its `DeviceState`."""
        if self.latched:
            return LOCKED
        if self.tripped:
            return FAULT
        if not self.on:
            return IDLE
        return RUNNING if self.connected else STARTING

    def available_kw(self) -> float:
        """The most it could give now, kW."""
        return 0.0 if self.tripped or self.latched else self.rated_kw

    def measure(self) -> Mapping[str, float]:
        """Canonical points by name."""
        frequency_hz, voltage_pu = self.site.bus_of(self)
        return {
            "mode": float(self.mode),
            "state": self.state(),
            "power_kw": self.power_kw,
            "available_kw": self.available_kw(),
            "frequency_hz": frequency_hz,
            "voltage_pu": voltage_pu,
            "produced_kwh": self.produced_kwh,
            "absorbed_kwh": self.absorbed_kwh,
            "alarm_bits": float(self.alarms),
        }
