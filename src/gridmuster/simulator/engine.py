"""Reciprocating engines: cranked by a battery, with an engine's gauges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from gridmuster.fleet.devices import Generator
from gridmuster.simulator.generator import TURNING, GeneratorModel, Phase
from gridmuster.simulator.kernel import Kernel

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel

POLE_PAIRS: Final = 2
CRANKING_RPM: Final = 120.0
OIL_KPA: Final = 400.0
#: A 12 V starter battery: charged by the alternator, resting, cranking, V.
CHARGING_V, RESTING_V, CRANKING_V = 13.8, 12.8, 9.8
#: The block is kept warm for a quick start; coolant warms and cools with these times (K).
HEATED_BLOCK_C, RUNNING_C = 40.0, 85.0
WARMING_S, COOLING_S = 240.0, 1800.0


class EngineModel(GeneratorModel):
    """An emergency set or a prime engine.

    Args:
        device: the fleet's description.
        site: where it stands.
        kernel: the world's timekeeping.
    """

    def __init__(self, device: Generator, site: SiteModel, kernel: Kernel) -> None:
        self._coolant_c = HEATED_BLOCK_C
        self._coolant_at_ms = kernel.now_ms
        self._hot = False
        super().__init__(device, site, kernel)

    def _phase_begins(self) -> None:
        hot = self.phase in TURNING
        if hot != self._hot:
            self._coolant_c = self._temperature_c()
            self._coolant_at_ms = self.kernel.now_ms
            self._hot = hot

    def _temperature_c(self) -> float:
        """Coolant now, C: dT/dt = (end - T) / tau."""
        passed_s = (self.kernel.now_ms - self._coolant_at_ms) / 1000.0
        end_c, tau_s = (RUNNING_C, WARMING_S) if self._hot else (HEATED_BLOCK_C, COOLING_S)
        return end_c + (self._coolant_c - end_c) * math.exp(-passed_s / tau_s)

    def _settled(self) -> bool:
        return not self._hot and self._temperature_c() < HEATED_BLOCK_C + 0.5

    def _gauges(self, points: dict[str, float], turning: bool) -> None:
        hz = points["frequency_hz"] if turning else 0.0
        if self.phase is Phase.RUN_UP:
            hz = 0.5 * self.site.area.nominal_hz
        cranking = self.phase is Phase.TRY
        points["speed_rpm"] = CRANKING_RPM if cranking else 60.0 * hz / POLE_PAIRS
        points["oil_pressure_kpa"] = OIL_KPA if turning else 0.0
        points["coolant_c"] = self._temperature_c()
        resting_v = CHARGING_V if turning else RESTING_V
        points["starter_battery_v"] = CRANKING_V if cranking else resting_v
