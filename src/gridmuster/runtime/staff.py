"""The operator's people in a simulated year: they order fuel.

They know what the center shows, like people. Exercises are the center's own business.
"""

from __future__ import annotations

from typing import Final

from gridmuster.center.core import Core
from gridmuster.fleet.curves import fuel_per_h
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.programs.refuel import advise
from gridmuster.safety.fuel import fuel_floor
from gridmuster.simulator.people import People
from gridmuster.units import MS_PER_HOUR

#: Routine hours that may come before a lorry: an exercise with its cool-down, and a called run, h.
ROUTINE_H: Final = 4.0


class Staff:
    """Keeps the tanks.

    Args:
        fleet: the fleet.
        people: who come to the sites.
    """

    def __init__(self, fleet: Fleet, people: People) -> None:
        self._people = people
        self._sets = [
            (device, fleet.site_by_id[device.site])
            for device in fleet.devices
            if isinstance(device, Generator)
        ]

    def look(self, now_ms: int, core: Core) -> None:
        """Order what the tanks want; once an hour.

        Args:
            now_ms: now, ms.
            core: whose picture they see.
        """
        if now_ms % MS_PER_HOUR:
            return
        readings = core.state.plant.readings
        for device, site in self._sets:
            reading = readings.get(device.id)
            if device.tank is None or reading is None or reading.fuel_level is None:
                continue
            rate = fuel_per_h(device.fuel_curve, device.rated_kw, device.rated_kw)
            floor = fuel_floor(site, device)
            if advise(reading.fuel_level, floor, device.tank.capacity, rate, ROUTINE_H):
                self._people.order_fuel(device.id, now_ms)
