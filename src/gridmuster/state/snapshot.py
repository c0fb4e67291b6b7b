"""The frozen picture of the plant that one cycle decides from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gridmuster.signals import Alert, DeviceReading, GridSignal, Price, Quality, SiteReport

#: Alarm with which a site says that it serves itself: from the loss of the utility until it has
#: gone back to it, some minutes after the utility itself is back.
LOCAL_DUTY = "local_duty"
#: Alarm with which the site beside an area's switchgear says that its sets carry the area.
ISLAND_DUTY = "island_duty"


def serves_itself(report: SiteReport) -> bool:
    """Whether a site says that its utility is away or that it has not gone back to it yet."""
    return not report.utility_ok or LOCAL_DUTY in report.alarms


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """The last word of a site.

    Args:
        report: the newest report, None when the site was never heard.
        age_s: how old it is, s.
        quality: good, or stale beyond the limit, or bad when never heard.
        skew_s: how far the site's clock is ahead of the center's, s.
    """

    report: SiteReport | None
    age_s: float
    quality: Quality
    skew_s: float = 0.0

    @property
    def fresh(self) -> bool:
        """Whether promises may be made on it."""
        return self.quality is Quality.GOOD

    @property
    def in_outage(self) -> bool:
        """Whether the site last said that it serves itself, its utility being away or just back."""
        return self.report is not None and serves_itself(self.report)

    @property
    def carries_area(self) -> bool:
        """Whether its sets carry an area's island, as its switchgear tells them to."""
        return self.report is not None and ISLAND_DUTY in self.report.alarms


@dataclass(frozen=True, slots=True)
class AreaStatus:
    """An area's balance as measured and estimated, kW.

    ``demand_kw`` counts every end-user on the utility's wires or served in parallel; sites in
    outage are left out, load and devices alike. ``estimated_kw`` is the part of it that comes
    from silent meters. ``unmetered_kw`` closes the balance on the area's own meter (slowly).
    """

    demand_kw: float
    estimated_kw: float
    losses_kw: float
    unmetered_kw: float
    generation_kw: float
    grid: GridSignal | None
    grid_fresh: bool
    price: Price | None
    outage_load_kw: float

    @property
    def need_kw(self) -> float:
        """What generation, stores and import together must supply, kW."""
        return self.demand_kw + self.losses_kw + self.unmetered_kw

    @property
    def import_kw(self) -> float:
        """Net import: measured while the signal is fresh, otherwise from the balance, kW."""
        if self.grid is not None and self.grid_fresh:
            return self.grid.import_kw
        return self.need_kw - self.generation_kw

    @property
    def alert(self) -> Alert:
        """The grid operator's emergency level."""
        return Alert.NONE if self.grid is None else self.grid.alert


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a cycle knows.

    Args:
        now_ms: the moment of the freeze, ms.
        sites: status by site id.
        readings: last reading by device id; absent when never heard.
        areas: balance by area id.
        silent: end-users whose meter is silent, with the estimate used, kW.
        metered: end-users whose meter spoke lately, with its last reading, kW.
    """

    now_ms: int
    sites: Mapping[str, SiteStatus]
    readings: Mapping[str, DeviceReading]
    areas: Mapping[str, AreaStatus]
    silent: Mapping[str, float]
    metered: Mapping[str, float]
