"""Microturbines: purged and lit, not cranked; behind an inverter of their own."""

from __future__ import annotations

from gridmuster.simulator.generator import GeneratorModel


class MicroturbineModel(GeneratorModel):
    """A microturbine: a failed light-off takes half a minute, the purge after it as long."""

    try_s = (20.0, 30.0)
    rest_s = (30.0, 30.0)
    inverter_coupled = True
