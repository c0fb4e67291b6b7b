"""Reciprocating engines: cranked by a battery, with an engine's gauges."""

from __future__ import annotations

from typing import Final

from gridmuster.simulator.generator import GeneratorModel, Phase

POLE_PAIRS: Final = 2
HEATED_BLOCK_C: Final = 40.0
RUNNING_C: Final = 85.0


class EngineModel(GeneratorModel):
    """An emergency set or a prime engine."""

    def _gauges(self, points: dict[str, float], turning: bool) -> None:
        nominal_hz = self.site.area.nominal_hz
        hz = points["frequency_hz"] if turning else 0.0
        if self.phase is Phase.RUN_UP:
            hz = 0.5 * nominal_hz
        cranking = self.phase is Phase.TRY
        points["speed_rpm"] = 120.0 if cranking else 60.0 * hz / POLE_PAIRS
        points["oil_pressure_kpa"] = 400.0 if turning else 0.0
        points["coolant_c"] = RUNNING_C if turning else HEATED_BLOCK_C
        points["starter_battery_v"] = 10.5 if cranking else (28.0 if turning else 26.4) / 2.0
