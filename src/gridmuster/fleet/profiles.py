"""Typical daily shape of each class of end-user: demand as a share of its peak by local hour.

A hot working day, from trade knowledge: homes peak in the evening, offices around noon, pumps
before the morning and the evening draw, telecom hardly moves. The mean of a class stays below its
peak, which a single end-user reaches only now and then. Used to size generated fleets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gridmuster.fleet.model import EndUser, LoadClass

#: Share of ``peak_kw`` in each local hour 0..23.
HOURLY_SHARE: Final[dict[LoadClass, tuple[float, ...]]] = {
    LoadClass.RESIDENTIAL: (
        *(0.46, 0.40, 0.37, 0.35, 0.34, 0.36, 0.42, 0.46, 0.46, 0.46, 0.48, 0.51),
        *(0.55, 0.59, 0.63, 0.68, 0.75, 0.83, 0.90, 0.92, 0.90, 0.86, 0.75, 0.58),
    ),
    LoadClass.COMMERCIAL: (
        *(0.40, 0.39, 0.38, 0.38, 0.39, 0.43, 0.52, 0.65, 0.77, 0.84, 0.88, 0.90),
        *(0.90, 0.91, 0.91, 0.90, 0.87, 0.81, 0.74, 0.68, 0.60, 0.52, 0.46, 0.42),
    ),
    LoadClass.INDUSTRIAL: (
        *(0.66, 0.65, 0.65, 0.65, 0.66, 0.70, 0.80, 0.88, 0.90, 0.91, 0.91, 0.90),
        *(0.88, 0.90, 0.91, 0.90, 0.86, 0.80, 0.77, 0.76, 0.75, 0.73, 0.70, 0.68),
    ),
    LoadClass.TELECOM: (
        *(0.76, 0.74, 0.73, 0.72, 0.72, 0.73, 0.75, 0.78, 0.81, 0.83, 0.85, 0.87),
        *(0.88, 0.89, 0.90, 0.91, 0.92, 0.92, 0.92, 0.92, 0.91, 0.89, 0.85, 0.80),
    ),
    LoadClass.WATER: (
        *(0.52, 0.48, 0.46, 0.46, 0.50, 0.62, 0.80, 0.90, 0.88, 0.82, 0.76, 0.72),
        *(0.70, 0.68, 0.68, 0.70, 0.76, 0.84, 0.90, 0.90, 0.84, 0.76, 0.66, 0.58),
    ),
    LoadClass.HEALTH: (
        *(0.62, 0.61, 0.60, 0.60, 0.61, 0.64, 0.71, 0.79, 0.86, 0.90, 0.92, 0.92),
        *(0.92, 0.92, 0.92, 0.91, 0.88, 0.84, 0.80, 0.77, 0.74, 0.70, 0.66, 0.64),
    ),
}


def hourly_demand_kw(end_users: Iterable[EndUser]) -> list[float]:
    """Typical demand of end-users together in each local hour of a day.

    Args:
        end_users: whose demand to add.

    Returns:
        24 mean powers, kW, at the meters (no losses).
    """
    peak_kw = dict.fromkeys(LoadClass, 0.0)
    for user in end_users:
        peak_kw[user.load_class] += user.peak_kw
    return [
        sum(kw * HOURLY_SHARE[load_class][hour] for load_class, kw in peak_kw.items())
        for hour in range(24)
    ]
