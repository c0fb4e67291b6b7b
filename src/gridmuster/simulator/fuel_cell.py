"""Fuel cells: hours to heat, steady once hot; behind an inverter of their own."""

from __future__ import annotations

from gridmuster.simulator.generator import GeneratorModel


class FuelCellModel(GeneratorModel):
    """A fuel cell: a failed start shows only after minutes of heating."""

    try_s = (300.0, 600.0)
    rest_s = (300.0, 300.0)
    inverter_coupled = True
