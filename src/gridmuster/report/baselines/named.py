"""Baselines by the name a user calls them, each with the same-day adjustment of its own market."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gridmuster.report.baselines.adjusting import (
    CAISO_RATIO,
    NYISO_RATIO,
    PJM_ADDITIVE,
    Adjustment,
)
from gridmuster.report.baselines.days import Calendar
from gridmuster.report.baselines.meter import BaselineError, Event, MeterSeries
from gridmuster.report.baselines.methods import Baseline, high_4_of_5, high_5_of_10, ten_of_ten


@dataclass(frozen=True)
class Named:
    """A baseline and the adjustment that its market takes with it."""

    method: Callable[[MeterSeries, Event, Calendar], Baseline]
    adjustment: Adjustment


#: Sources are those of the functions and adjustments.
NAMED: Final = {
    "10-of-10": Named(ten_of_ten, CAISO_RATIO),
    "high-5-of-10": Named(high_5_of_10, NYISO_RATIO),
    "high-4-of-5": Named(high_4_of_5, PJM_ADDITIVE),
}


def named(name: str) -> Named:
    """The baseline of a name.

    Raises:
        BaselineError: when there is none; the message names them all.
    """
    found = NAMED.get(name)
    if found is None:
        raise BaselineError(f"no baseline {name!r}; there are {', '.join(NAMED)}")
    return found
