"""Local days and slots of the day for instants, so that a forecast follows people's clocks.

A slot is an equal part of the local day by the clock on the wall: the hour that a spring day lacks
has no instants, the hour that an autumn day has twice has two lots of instants in the same slots.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gridmuster.clock import IntervalGrid, local

#: Kinds of day: Monday to Friday, Saturday, Sunday.
KINDS = 3
SECONDS_PER_DAY = 86_400


def kind_of_weekday(weekday: int) -> int:
    """Kind of day of a weekday (0 Monday .. 6 Sunday): 0 working day, 1 Saturday, 2 Sunday."""
    return max(0, weekday - 4)


@lru_cache(maxsize=256)
def place(at_ms: int, zone_name: str, slot_s: int) -> tuple[int, int, int]:
    """Local day number (proleptic ordinal), its kind, and the slot of the day of an instant."""
    moment = local(at_ms, zone_name)
    second = moment.hour * 3600 + moment.minute * 60 + moment.second
    return moment.toordinal(), kind_of_weekday(moment.weekday()), second // slot_s


@lru_cache(maxsize=64)
def places(
    grid: IntervalGrid, zone_name: str, slot_s: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Kind of day and slot of the start of every interval of a grid."""
    found = [place(start_ms, zone_name, slot_s) for start_ms in grid.starts_ms()]
    kinds = np.array([kind for _, kind, _ in found], dtype=np.int64)
    slots = np.array([slot for _, _, slot in found], dtype=np.int64)
    return kinds, slots
