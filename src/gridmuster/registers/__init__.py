"""Register maps: one declarative file serves the driver and the simulated controller.

`schema` says what a map file may hold, `load` reads one, `register_map` is the result: blocks to
read, `decode` to canonical points, `writes` of an order, and for the simulated controller the
reverse of each. `sunspec` places SunSpec models, `devices` picks the map of a device, `discover`
finds the models of an unknown SunSpec device.
"""

from gridmuster.registers.commands import Refused, Write
from gridmuster.registers.devices import default_map, map_for, meter_map, panel_map
from gridmuster.registers.load import load_map, map_names
from gridmuster.registers.register_map import RegisterMap
from gridmuster.registers.schema import Family

__all__ = [
    "Family",
    "Refused",
    "RegisterMap",
    "Write",
    "default_map",
    "load_map",
    "map_for",
    "map_names",
    "meter_map",
    "panel_map",
]
