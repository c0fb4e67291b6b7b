"""Checks of what sites report: invariants 1, 2, 3, 4 and 12 as measured."""

from __future__ import annotations

from typing import Final

from gridmuster.report.invariants.breaches import Breaches
from gridmuster.report.invariants.permits import tightest
from gridmuster.report.invariants.plant import DeviceNow, Plant, SiteNow, fuel_per_h
from gridmuster.signals import (
    DeviceState,
    GridSignal,
    Quality,
    SiteReport,
    Supply,
    SwitchMode,
)
from gridmuster.units import SECONDS_PER_HOUR

#: Time in which an island is seen and opened, ms (IEEE 1547-2018: 2 s).
ISLAND_MS: Final = 2_000
#: Power towards a dead line that is put down to metering: kW, and share of the site's ratings.
DEAD_LINE_KW: Final = 0.5
DEAD_LINE_SHARE: Final = 0.005
#: Export above the agreement: metering, kW and share of the limit, and how long it may last, ms.
EXPORT_KW: Final = 1.0
EXPORT_SHARE: Final = 0.02
EXPORT_MS: Final = 10_000
#: Time in which a site must begin to start a usable set for its dead load, ms.
BACKUP_MS: Final = 60_000
#: A run may go on this long after it must end, apart from its cool-down, s; and the tank's gauge.
RUN_OVER_S: Final = 120.0
GAUGE_SHARE: Final = 0.01
#: Returns of this many sites from one outage within so short a time are a herd, ms.
HERD_SITES: Final = 5
HERD_MS: Final = 8_000
SAME_OUTAGE_MS: Final = 10_000


class MeasuredChecks:
    """Looks at each report and grid signal.

    Args:
        plant: what is known, the report already taken in.
        breaches: where breaches go.
    """

    def __init__(self, plant: Plant, breaches: Breaches) -> None:
        self._plant = plant
        self._breaches = breaches
        self._dead_areas: dict[str, int] = {}
        self._returns: list[tuple[int, int, str]] = []

    def report(self, at_ms: int, before: SiteReport | None, before_ms: int, now: SiteNow) -> None:
        """Look at a report.

        Args:
            at_ms: when it was made, ms.
            before: the one before it.
            before_ms: when that was made, ms.
            now: the site with the new report.
        """
        report = now.report
        assert report is not None
        self._dead_line(at_ms, before, before_ms, now, report)
        self._export(at_ms, now, report)
        self._backup(at_ms, now, report)
        if before is not None and before.supply is Supply.LOCAL and report.utility_ok:
            self._return(at_ms, now, report)
        for reading in report.devices:
            device = self._plant.devices.get(reading.device)
            if device is not None and device.generator is not None:
                self._fuel(at_ms, device)
                self._permit(at_ms, device)

    def signal(self, at_ms: int, signal: GridSignal) -> None:
        """2: nothing is sent into a dead connection."""
        if signal.energised:
            self._dead_areas.pop(signal.area, None)
            return
        since_ms = self._dead_areas.setdefault(signal.area, at_ms)
        if at_ms - since_ms >= ISLAND_MS and signal.import_kw < -EXPORT_KW:
            self._breaches.note(
                2,
                "dead connection",
                at_ms,
                signal.area,
                f"sends {-signal.import_kw:.1f} kW into a dead connection",
            )

    def end(self) -> None:
        """12: sites did not come back from one outage at the same moment."""
        self._returns.sort()
        group: list[tuple[int, int, str]] = []
        for one in [*self._returns, (1 << 62, 0, "")]:
            if group and one[0] - group[0][0] > SAME_OUTAGE_MS:
                self._herd(group)
                group = []
            group.append(one)
        self._returns.clear()

    def _dead_line(
        self,
        at_ms: int,
        before: SiteReport | None,
        before_ms: int,
        now: SiteNow,
        report: SiteReport,
    ) -> None:
        """2 (and 1): no power leaves a site whose utility was and is away."""
        if report.utility_ok or before is None or before.utility_ok:
            return
        limit_kw = DEAD_LINE_KW + DEAD_LINE_SHARE * now.rated_kw
        if at_ms - (now.outage_at_ms or at_ms) >= ISLAND_MS and report.poi_kw > limit_kw:
            self._breaches.note(
                2,
                "dead line",
                at_ms,
                report.site,
                f"sends out {report.poi_kw:.1f} kW while its utility is away "
                f"(limit {limit_kw:.1f} kW)",
            )

    def _export(self, at_ms: int, now: SiteNow, report: SiteReport) -> None:
        """2: no more is sent out than the agreement on file says."""
        agreed_kw = now.site.transfer.export_limit_kw
        limit_kw = agreed_kw + max(EXPORT_KW, EXPORT_SHARE * agreed_kw)
        if report.poi_kw <= limit_kw:
            now.over_at_ms = None
        elif now.over_at_ms is None:
            now.over_at_ms = at_ms
        elif at_ms - now.over_at_ms > EXPORT_MS:
            self._breaches.note(
                2,
                "export",
                at_ms,
                report.site,
                f"sends out {report.poi_kw:.1f} kW for over {EXPORT_MS // 1000} s; agreed are "
                f"{agreed_kw:.1f} kW",
            )

    def _backup(self, at_ms: int, now: SiteNow, report: SiteReport) -> None:
        """1: a dead own load has a usable set started for it."""
        if now.dead_at_ms is None or report.utility_ok or at_ms - now.dead_at_ms < BACKUP_MS:
            return
        if not now.load_kw or now.outage_at_ms is None:
            return
        usable = []
        for reading in report.devices:
            device = self._plant.devices.get(reading.device)
            if device is None or device.generator is None or not device.generator.grid_forming:
                continue
            if reading.state not in (DeviceState.IDLE, DeviceState.FAULT, DeviceState.LOCKED):
                return
            if (
                reading.state is DeviceState.IDLE
                and reading.mode is SwitchMode.AUTO
                and reading.quality is Quality.GOOD
                and reading.available_kw > 0.0
                and device.failed_ms is None
            ):
                usable.append(reading.device)
        if usable:
            self._breaches.note(
                1,
                "backup",
                at_ms,
                report.site,
                f"own load dead for {(at_ms - now.dead_at_ms) / 1000:.0f} s while {usable[0]} "
                "stands idle",
            )

    def _fuel(self, at_ms: int, device: DeviceNow) -> None:
        """3: a market run never takes the tank below what is kept for the site."""
        generator, reading = device.generator, device.reading
        assert generator is not None
        if reading is None or not device.on or not device.market_run or device.outage_run:
            return
        if generator.tank is None or reading.fuel_level is None:
            return
        overrun = fuel_per_h(generator, generator.rated_kw) * RUN_OVER_S
        cooling = fuel_per_h(generator, 0.0) * generator.cooldown_s
        slack = GAUGE_SHARE * generator.tank.capacity + (overrun + cooling) / SECONDS_PER_HOUR
        if reading.fuel_level < device.floor - slack:
            self._breaches.note(
                3,
                "run",
                at_ms,
                device.device.id,
                f"runs for the market with {reading.fuel_level:.1f} in the tank; "
                f"{device.floor:.1f} are kept for its site",
            )

    def _permit(self, at_ms: int, device: DeviceNow) -> None:
        """4: runs end at 90 % of the permit's hours."""
        generator = device.generator
        assert generator is not None
        if not device.on or not device.market_run or device.outage_run:
            return
        purpose = None if device.asked is None else device.asked.purpose
        cap = tightest(device, at_ms, purpose)
        if cap is None:
            return
        slack_h = (RUN_OVER_S + generator.cooldown_s) / SECONDS_PER_HOUR
        if cap.used_h > cap.stop_h + slack_h:
            self._breaches.note(
                4,
                "hours",
                at_ms,
                device.device.id,
                f"runs on with {cap.used_h:.2f} h used of a cap of {cap.cap_h:.0f} h; it must stop "
                f"at {cap.stop_h:.1f} h",
            )

    def _return(self, at_ms: int, now: SiteNow, report: SiteReport) -> None:
        if report.supply in (Supply.UTILITY, Supply.PARALLEL) and now.restored_at_ms is not None:
            self._returns.append((now.restored_at_ms, at_ms, report.site))
            now.restored_at_ms = None

    def _herd(self, group: list[tuple[int, int, str]]) -> None:
        returned = [at_ms for _, at_ms, _ in group]
        if len(group) >= HERD_SITES and max(returned) - min(returned) <= HERD_MS:
            self._breaches.note(
                12,
                "return",
                max(returned),
                group[0][2],
                f"{len(group)} sites came back from one outage within "
                f"{(max(returned) - min(returned)) / 1000:.0f} s of each other",
            )
