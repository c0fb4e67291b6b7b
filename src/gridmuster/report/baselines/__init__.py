"""What would have been without an event, and what was delivered against it.

    baseline = high_5_of_10(load, event, calendar)
    baseline = adjusted(baseline, load, NYISO_RATIO)
    print(delivered(baseline, load).kwh)

`meter` holds interval data and local days, `days` chooses like days, `methods` has each baseline by
its name, `named` what a user calls it, `adjusting` moves a baseline to the load of the event's own
day, `delivery` compares.
Everything here is pure: readings, holidays and event days are arguments. The rules are those of the
public documents that each function names; sections are as known to us and change with revisions,
so whoever settles money with a market holds them against the text in force.
"""

from __future__ import annotations

from gridmuster.report.baselines.adjusting import (
    CAISO_RATIO,
    NYISO_RATIO,
    PJM_ADDITIVE,
    Adjustment,
    How,
    adjusted,
)
from gridmuster.report.baselines.days import Calendar, DayRule, Exclusion
from gridmuster.report.baselines.delivery import Delivered, delivered, generation_meter_output
from gridmuster.report.baselines.meter import BaselineError, Event, MeterSeries
from gridmuster.report.baselines.methods import Baseline, high_4_of_5, high_5_of_10, ten_of_ten
from gridmuster.report.baselines.named import NAMED, Named, named

__all__ = [
    "CAISO_RATIO",
    "NAMED",
    "NYISO_RATIO",
    "PJM_ADDITIVE",
    "Adjustment",
    "Baseline",
    "BaselineError",
    "Calendar",
    "DayRule",
    "Delivered",
    "Event",
    "Exclusion",
    "How",
    "MeterSeries",
    "Named",
    "adjusted",
    "delivered",
    "generation_meter_output",
    "high_4_of_5",
    "high_5_of_10",
    "named",
    "ten_of_ten",
]
