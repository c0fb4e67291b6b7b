"""An end-user's meter: mean demand and a counter."""

from __future__ import annotations

from gridmuster.gateway.drivers.common import Points
from gridmuster.signals import MeterReading, Quality


def reading(end_user: str, points: Points | None) -> MeterReading | None:
    """A meter's data from canonical points.

    Args:
        end_user: whose meter.
        points: what it said; None when it did not answer.

    Returns:
        The reading; None for a meter that does not tell its power, which is silent, never zero.
    """
    if points is None or "power_kw" not in points:
        return None
    energy_kwh = points.get("energy_kwh")
    return MeterReading(
        end_user=end_user,
        power_kw=points["power_kw"],
        energy_kwh=max(energy_kwh or 0.0, 0.0),
        quality=Quality.GOOD if energy_kwh is not None else Quality.ESTIMATED,
    )
