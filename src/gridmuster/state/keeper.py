"""Keeps the newest word of every site, meter and connection, and freezes it once a cycle."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from gridmuster.fleet.model import Fleet
from gridmuster.signals import (
    DemandReport,
    DeviceReading,
    GridSignal,
    Price,
    Quality,
    SiteReport,
    Supply,
)
from gridmuster.state.snapshot import AreaStatus, SiteStatus, Snapshot
from gridmuster.units import MS_PER_S

#: A site whose clock is further off than this cannot judge the age of a command
#: (`domain.md` section 6, invariant 8).
SKEW_LIMIT_S = 5.0
#: Time over which the least delay of a site's messages tells how far its clock is off, s.
SKEW_WINDOW_S = 60
#: Time constant with which the difference to the area's meter is learned, s.
UNMETERED_TIME_CONSTANT_S = 60.0


class SiteMemory(Struct):
    """What is kept of one site."""

    report: SiteReport | None = None
    received_ms: int = 0
    skew_s: float = 0.0
    demand_at_ms: int = 0
    demand_sequence: int = 0
    late: int = 0
    skew_at_ms: int = 0

    def note_clock(self, at_ms: int, received_ms: int) -> None:
        """Learn how far the site's clock is off.

        A message that is held up on the way looks like a clock behind, so the least delay of the
        last minute counts.

        Args:
            at_ms: the message's own stamp, ms.
            received_ms: when it came, ms.
        """
        skew_s = (at_ms - received_ms) / MS_PER_S
        if skew_s >= self.skew_s or received_ms - self.skew_at_ms >= SKEW_WINDOW_S * MS_PER_S:
            self.skew_s, self.skew_at_ms = skew_s, received_ms


class MeterMemory(Struct):
    """What is kept of one end-user's meter."""

    power_kw: float
    energy_kwh: float
    at_ms: int


class AreaMemory(Struct):
    """What is kept of one area's connection."""

    grid: GridSignal | None = None
    grid_received_ms: int = 0
    price: Price | None = None
    unmetered_kw: float = 0.0
    unmetered_at_ms: int = 0


class Memory(Struct):
    """All that the keeper remembers; plain data, so that it can be kept in a checkpoint."""

    sites: dict[str, SiteMemory] = field(default_factory=dict)
    readings: dict[str, DeviceReading] = field(default_factory=dict)
    meters: dict[str, MeterMemory] = field(default_factory=dict)
    areas: dict[str, AreaMemory] = field(default_factory=dict)


class StateKeeper:
    """Applies messages and freezes snapshots.

    Args:
        fleet: the fleet.
        stale_s: age beyond which a site or meter is not believed, s.
        memory: what an earlier keeper remembered.
    """

    def __init__(self, fleet: Fleet, stale_s: float, memory: Memory | None = None) -> None:
        self._fleet = fleet
        self._stale_ms = int(stale_s * MS_PER_S)
        self.memory = memory if memory is not None else Memory()
        for site in fleet.sites:
            self.memory.sites.setdefault(site.id, SiteMemory())
        for area in fleet.areas:
            self.memory.areas.setdefault(area.id, AreaMemory())
        self._known_devices = {
            site.id: frozenset(device.id for device in fleet.devices_of_site[site.id])
            for site in fleet.sites
        }
        self._known_users = {
            site.id: frozenset(user.id for user in fleet.end_users_of_site[site.id])
            for site in fleet.sites
        }
        self._users_of_area = {
            area.id: [
                (user.id, site.id, user.behind_transfer)
                for site in fleet.sites_of_area[area.id]
                for user in fleet.end_users_of_site[site.id]
            ]
            for area in fleet.areas
        }
        self._devices_of_area = {
            area.id: [
                (device.id, site.id)
                for site in fleet.sites_of_area[area.id]
                for device in fleet.devices_of_site[site.id]
            ]
            for area in fleet.areas
        }

    def take_report(self, report: SiteReport, received_ms: int) -> bool:
        """Take a site's report.

        Returns:
            Whether it is news: late and duplicated ones are counted and change nothing.
        """
        memory = self.memory.sites[report.site]
        last = memory.report
        if last is not None and _is_late(report, last.at_ms, last.sequence):
            memory.late += 1
            return False
        memory.report = report
        memory.received_ms = received_ms
        memory.note_clock(report.at_ms, received_ms)
        known = self._known_devices[report.site]
        for reading in report.devices:
            if reading.device in known:
                self.memory.readings[reading.device] = reading
        return True

    def take_demand(self, report: DemandReport, received_ms: int) -> list[str]:
        """Take meter readings.

        Returns:
            The end-users whose reading is news.
        """
        memory = self.memory.sites[report.site]
        if _is_late(report, memory.demand_at_ms, memory.demand_sequence):
            memory.late += 1
            return []
        memory.demand_at_ms, memory.demand_sequence = report.at_ms, report.sequence
        # A message held up on the way is as old as its own stamp says.
        at_ms = min(received_ms, report.at_ms + int(max(-memory.skew_s, 0.0) * MS_PER_S))
        news = []
        known = self._known_users[report.site]
        for reading in report.readings:
            if reading.end_user in known and reading.quality is not Quality.BAD:
                self.memory.meters[reading.end_user] = MeterMemory(
                    reading.power_kw, reading.energy_kwh, at_ms
                )
                news.append(reading.end_user)
        return news

    def take_grid(self, signal: GridSignal, received_ms: int) -> bool:
        """Take the state of an area's connection; False when it is late or a duplicate."""
        memory = self.memory.areas[signal.area]
        last = memory.grid
        if last is not None and _is_late(signal, last.at_ms, last.sequence):
            return False
        memory.grid, memory.grid_received_ms = signal, received_ms
        return True

    def take_price(self, price: Price) -> bool:
        """Take a price; False when it is late or a duplicate."""
        memory = self.memory.areas[price.area]
        last = memory.price
        if last is not None and (price.start_ms, price.at_ms) < (last.start_ms, last.at_ms):
            return False
        memory.price = price
        return True

    def freeze(self, now_ms: int, estimate_kw: Callable[[str], float]) -> Snapshot:
        """The picture of this moment.

        Args:
            now_ms: the moment, ms.
            estimate_kw: demand to assume for an end-user whose meter is silent, kW.
        """
        sites = {
            site_id: self._site_status(memory, now_ms)
            for site_id, memory in self.memory.sites.items()
        }
        silent: dict[str, float] = {}
        metered: dict[str, float] = {}
        areas = {
            area.id: self._area_status(
                area.id, area.loss_fraction, now_ms, sites, silent, metered, estimate_kw
            )
            for area in self._fleet.areas
        }
        return Snapshot(now_ms, sites, dict(self.memory.readings), areas, silent, metered)

    def _site_status(self, memory: SiteMemory, now_ms: int) -> SiteStatus:
        report = memory.report
        if report is None:
            return SiteStatus(None, float("inf"), Quality.BAD)
        # A report that was held up on the way is as old as its stamp; one from a fast clock is
        # as old as its arrival.
        held_ms = memory.received_ms - report.at_ms
        age_ms = now_ms - memory.received_ms + (held_ms if held_ms > SKEW_LIMIT_S * MS_PER_S else 0)
        quality = Quality.GOOD if age_ms <= self._stale_ms else Quality.STALE
        return SiteStatus(report, age_ms / MS_PER_S, quality, memory.skew_s)

    def _area_status(
        self,
        area_id: str,
        loss_fraction: float,
        now_ms: int,
        sites: dict[str, SiteStatus],
        silent: dict[str, float],
        metered: dict[str, float],
        estimate_kw: Callable[[str], float],
    ) -> AreaStatus:
        meters = self.memory.meters
        demand_kw = estimated_kw = outage_kw = 0.0
        oldest_ms = now_ms - self._stale_ms
        for user_id, site_id, behind in self._users_of_area[area_id]:
            meter = meters.get(user_id)
            status = sites[site_id]
            if meter is not None and meter.at_ms >= oldest_ms:
                power_kw = metered[user_id] = meter.power_kw
            else:
                power_kw = silent[user_id] = estimate_kw(user_id)
                if not (behind and status.in_outage):
                    estimated_kw += power_kw
            if behind and status.in_outage:
                outage_kw += power_kw
            else:
                demand_kw += power_kw
        generation_kw = self._generation_kw(area_id, sites)
        memory = self.memory.areas[area_id]
        grid_fresh = memory.grid is not None and now_ms - memory.grid_received_ms <= self._stale_ms
        losses_kw = loss_fraction * demand_kw
        self._learn_unmetered(memory, now_ms, demand_kw + losses_kw - generation_kw, grid_fresh)
        return AreaStatus(
            demand_kw,
            estimated_kw,
            losses_kw,
            memory.unmetered_kw,
            generation_kw,
            memory.grid,
            grid_fresh,
            memory.price,
            outage_kw,
        )

    def _generation_kw(self, area_id: str, sites: dict[str, SiteStatus]) -> float:
        readings = self.memory.readings
        total_kw = 0.0
        for device_id, site_id in self._devices_of_area[area_id]:
            reading = readings.get(device_id)
            if reading is not None and not sites[site_id].in_outage:
                total_kw += reading.power_kw
        return total_kw

    @staticmethod
    def _learn_unmetered(
        memory: AreaMemory, now_ms: int, expected_import_kw: float, fresh: bool
    ) -> None:
        if not fresh or memory.grid is None:
            return
        elapsed_s = (now_ms - memory.unmetered_at_ms) / MS_PER_S
        gain = min(1.0, max(elapsed_s, 0.0) / UNMETERED_TIME_CONSTANT_S)
        memory.unmetered_at_ms = now_ms
        memory.unmetered_kw += gain * (
            memory.grid.import_kw - expected_import_kw - memory.unmetered_kw
        )


def _is_late(message: SiteReport | DemandReport | GridSignal, at_ms: int, sequence: int) -> bool:
    """Whether a message is no newer than the last one.

    Either stamp may show that it is newer: the sequence when a clock was set back, the time when
    a sender forgot its sequence.
    """
    return message.at_ms <= at_ms and message.sequence <= sequence


def supplied_locally(report: SiteReport) -> bool:
    """Whether a site's own load is fed by its own sources alone."""
    return report.supply is Supply.LOCAL
