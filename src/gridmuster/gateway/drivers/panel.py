"""The site's panel: what feeds the load, the utility's health, the point of interconnection."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.gateway.drivers.common import Points, alarm_words
from gridmuster.signals import Quality, Supply

#: Supplies by the index that the point ``supply`` carries.
SUPPLIES: Final = {float(k): supply for k, supply in enumerate(Supply)}


class PanelReading(Struct, frozen=True):
    """What the panel says of the site.

    ``utility_ok`` is False whenever the panel does not say: no energising on a guess (invariant
    2). ``backup_load_kw`` and ``bridge_kwh`` are None when it does not measure them.
    """

    supply: Supply
    utility_ok: bool
    frequency_hz: float
    voltage_pu: float
    poi_kw: float
    backup_load_kw: float | None
    bridge_kwh: float | None
    quality: Quality
    alarms: tuple[str, ...]


SILENT: Final = PanelReading(Supply.UNKNOWN, False, 0.0, 0.0, 0.0, None, None, Quality.BAD, ())


def reading(points: Points | None) -> PanelReading:
    """The panel's data from canonical points; None when it did not answer."""
    if points is None:
        return SILENT
    get = points.get
    told = "supply" in points and "utility_ok" in points
    return PanelReading(
        supply=SUPPLIES.get(get("supply", 4.0), Supply.UNKNOWN),
        utility_ok=get("utility_ok", 0.0) >= 0.5,
        frequency_hz=get("frequency_hz", 0.0),
        voltage_pu=get("voltage_pu", 0.0),
        poi_kw=get("poi_kw", 0.0),
        backup_load_kw=get("backup_load_kw"),
        bridge_kwh=get("bridge_kwh"),
        quality=Quality.GOOD if told else Quality.ESTIMATED,
        alarms=alarm_words(get("alarm_bits", 0.0)),
    )
