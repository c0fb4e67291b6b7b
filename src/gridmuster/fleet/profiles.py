"""Typical daily shape of each class of end-user: demand as a share of its peak by local hour.

A hot weekday in Texas, from trade knowledge: homes peak in the evening, offices around noon,
pumps before the morning and the evening draw, telecom hardly moves. Used to size fleets and as a
first guess where there is no history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gridmuster.fleet.model import EndUser, LoadClass

#: Share of ``peak_kw`` in each local hour 0..23.
HOURLY_SHARE: Final[dict[LoadClass, tuple[float, ...]]] = {
    LoadClass.RESIDENTIAL: (
        *(0.45, 0.40, 0.37, 0.35, 0.35, 0.37, 0.43, 0.50, 0.50, 0.48, 0.50, 0.54),
        *(0.60, 0.66, 0.72, 0.79, 0.87, 0.95, 1.00, 1.00, 0.96, 0.86, 0.70, 0.55),
    ),
    LoadClass.COMMERCIAL: (
        *(0.42, 0.40, 0.40, 0.40, 0.42, 0.46, 0.55, 0.70, 0.85, 0.93, 0.97, 1.00),
        *(1.00, 1.00, 0.99, 0.97, 0.94, 0.86, 0.76, 0.70, 0.64, 0.56, 0.48, 0.44),
    ),
    LoadClass.INDUSTRIAL: (
        *(0.72, 0.70, 0.70, 0.70, 0.72, 0.78, 0.88, 0.95, 1.00, 1.00, 1.00, 0.98),
        *(0.95, 0.98, 1.00, 0.98, 0.94, 0.90, 0.88, 0.86, 0.84, 0.80, 0.76, 0.74),
    ),
    LoadClass.TELECOM: (
        *(0.82, 0.80, 0.79, 0.79, 0.80, 0.82, 0.85, 0.88, 0.91, 0.93, 0.94, 0.95),
        *(0.96, 0.97, 0.98, 0.99, 1.00, 1.00, 1.00, 1.00, 0.99, 0.96, 0.90, 0.86),
    ),
    LoadClass.WATER: (
        *(0.55, 0.50, 0.48, 0.50, 0.60, 0.78, 0.95, 1.00, 0.92, 0.82, 0.75, 0.70),
        *(0.70, 0.70, 0.72, 0.76, 0.82, 0.90, 0.96, 0.98, 0.92, 0.82, 0.70, 0.60),
    ),
    LoadClass.HEALTH: (
        *(0.62, 0.60, 0.60, 0.60, 0.62, 0.66, 0.74, 0.84, 0.92, 0.97, 1.00, 1.00),
        *(1.00, 1.00, 0.98, 0.95, 0.90, 0.84, 0.78, 0.74, 0.72, 0.70, 0.66, 0.64),
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
