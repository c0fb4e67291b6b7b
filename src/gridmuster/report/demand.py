"""What end-users took, what they went without, and which meters said nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gridmuster.fleet.model import EndUser, Fleet, Site
from gridmuster.report.shedding import Feeder
from gridmuster.report.tally import HOLD_MS, Tally
from gridmuster.signals import DemandReport, Quality, SiteReport, Supply
from gridmuster.units import MS_PER_HOUR

#: A meter may show this many times its end-user's expected peak before its counter is doubted.
PEAK_SLACK: Final = 3.0
#: Entries kept of each list; what is beyond is only counted.
KEEP: Final = 500
#: Time in which a bridge battery fills, h (lead-acid string; `domain.md` section 1).
BRIDGE_FILL_H: Final = 10.0
#: A meter's power is held however long it is silent: its end-user is still there.
FOREVER_MS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Shortage:
    """Energy that was not served: kind, site or area, its area, from and to (ms), kWh, why."""

    kind: str
    where: str
    area: str
    from_ms: int
    until_ms: int
    kwh: float
    cause: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which an end-user's meter said nothing, ms."""

    end_user: str
    area: str
    from_ms: int
    until_ms: int


class Meter:
    """One end-user's meter.

    ``steady_kw`` is what it showed a reading or two ago: the demand before a blackout.
    """

    __slots__ = ("_began_ms", "_last_kw", "area", "estimated_kwh", "hold_ms", "tally", "user")

    def __init__(self, user: EndUser, area: str, began_ms: int) -> None:
        self.user = user
        self.area = area
        self.tally = Tally(PEAK_SLACK * user.peak_kw, began_ms, FOREVER_MS)
        self._began_ms = began_ms
        self.hold_ms = HOLD_MS
        self.estimated_kwh = 0.0
        self._last_kw = (0.0, 0.0)

    @property
    def steady_kw(self) -> float:
        """Demand before the last change, kW."""
        return max(self._last_kw)

    def begin(self, at_ms: int) -> None:
        """Begin anew at an instant, ms."""
        self.tally.begin(at_ms)
        self._began_ms = at_ms

    def take(self, at_ms: int, power_kw: float, energy_kwh: float, dark: bool) -> None:
        """Take a reading; ``dark`` while the area is dead and it cannot show a demand.

        What it took before its first reading is estimated at the power it then shows.
        """
        first = self.tally.heard_ms is None
        gained_kwh = self.tally.take(at_ms, max(power_kw, 0.0), energy_kwh)
        if first and at_ms - self._began_ms > self.hold_ms:
            self.estimated_kwh += gained_kwh
        if not dark:
            self._last_kw = (self._last_kw[1], power_kw)

    def end(self, at_ms: int) -> None:
        """Close at the end, ms; a silent meter's demand goes on as last heard, as an estimate."""
        heard_ms = self.tally.heard_ms
        gained_kwh = self.tally.end(at_ms)
        if heard_ms is not None and at_ms - heard_ms > self.hold_ms:
            self.estimated_kwh += gained_kwh


class SiteSupply:
    """What fed a site's own load, and what its bridge battery still holds.

    The battery is full at first, gives the whole load while the supply is dead, and fills in
    `BRIDGE_FILL_H` otherwise.
    """

    __slots__ = (
        "_bridge_kwh",
        "_dead",
        "_load_kw",
        "_ok",
        "at_ms",
        "hold_ms",
        "outage_ms",
        "outages",
        "silent_ms",
        "site",
    )

    def __init__(self, site: Site) -> None:
        self.site = site
        self.outages = 0
        self.outage_ms = 0
        self.silent_ms = 0
        self.at_ms: int | None = None
        self.hold_ms = HOLD_MS
        self._dead = False
        self._ok = True
        self._load_kw = site.backup_load_kw
        self._bridge_kwh = site.bridge_energy_kwh

    def describe(self, site: Site) -> None:
        """Take the site as a newer head has it."""
        self.site = site
        if self.at_ms is None:
            self._load_kw = site.backup_load_kw
            self._bridge_kwh = site.bridge_energy_kwh
        self._bridge_kwh = min(self._bridge_kwh, site.bridge_energy_kwh)

    def begin(self) -> None:
        """Begin anew."""
        self.at_ms = None
        self._dead = False
        self._ok = True
        self._bridge_kwh = self.site.bridge_energy_kwh

    def take(self, at_ms: int, report: SiteReport) -> float:
        """Take a report.

        Returns:
            Energy its load went without since the last one, kWh.
        """
        dead = report.supply is Supply.DEAD
        if self._dead and not dead and self.at_ms is not None and at_ms - self.at_ms > self.hold_ms:
            # It was silent while dead and is not now: dead for no longer than can be known.
            missing_kwh = self.advance(self.at_ms + self.hold_ms)
            self._dead = False
            self.advance(at_ms)
        else:
            missing_kwh = self.advance(at_ms)
        if self._ok and not report.utility_ok:
            self.outages += 1
        self._ok = report.utility_ok
        self._dead = dead
        # A dead load measures nothing on a real panel; what it was before still counts.
        if report.backup_load_kw is not None and (report.backup_load_kw > 0.0 or not self._dead):
            self._load_kw = report.backup_load_kw
        return missing_kwh

    def advance(self, at_ms: int) -> float:
        """Bring it up to an instant; returns what its load went without, kWh."""
        if self.at_ms is None:
            self.at_ms = at_ms
            return 0.0
        passed_ms = max(at_ms - self.at_ms, 0)
        self.at_ms = at_ms
        if passed_ms > self.hold_ms:
            self.silent_ms += passed_ms
        if not self._ok:
            self.outage_ms += passed_ms
        passed_h = passed_ms / MS_PER_HOUR
        full_kwh = self.site.bridge_energy_kwh
        if not self._dead:
            filled_kwh = full_kwh * passed_h / BRIDGE_FILL_H
            self._bridge_kwh = min(full_kwh, self._bridge_kwh + filled_kwh)
            return 0.0
        wanted_kwh = self._load_kw * passed_h
        bridged_kwh = min(wanted_kwh, self._bridge_kwh)
        self._bridge_kwh -= bridged_kwh
        return wanted_kwh - bridged_kwh


class Shortages:
    """Who went without, when and why; adjoining entries of one kind and place are one."""

    def __init__(self) -> None:
        self.kwh_by_area: dict[str, float] = {}
        self.dark_kwh_by_area: dict[str, float] = {}
        self.entries: list[Shortage] = []
        self.count = 0
        self._open: dict[tuple[str, str], Shortage] = {}

    def add(
        self,
        kind: str,
        where: str,
        area: str,
        span: tuple[int, int],
        kwh: float,
        cause: str,
        gap_ms: int = HOLD_MS,
    ) -> None:
        """Book energy that was not served.

        Args:
            kind: ``dead_supply``, ``dead_area``, ``shed``, ``island`` or ``import_over_limit``.
            where: the site's or area's id.
            area: the area's id.
            span: from and to, ms.
            kwh: how much.
            cause: why, in words.
            gap_ms: entries this close are one, ms.
        """
        self.kwh_by_area[area] = self.kwh_by_area.get(area, 0.0) + kwh
        if kind != "import_over_limit":
            self.dark_kwh_by_area[area] = self.dark_kwh_by_area.get(area, 0.0) + kwh
        key = (kind, where)
        last = self._open.get(key)
        if last is not None and span[0] - last.until_ms <= gap_ms:
            self._open[key] = Shortage(
                kind, where, area, last.from_ms, span[1], last.kwh + kwh, last.cause
            )
            return
        if last is not None:
            self._keep(last)
        self.count += 1
        self._open[key] = Shortage(kind, where, area, span[0], span[1], kwh, cause)

    def close(self) -> None:
        """End all open entries."""
        for entry in self._open.values():
            self._keep(entry)
        self._open.clear()

    def _keep(self, entry: Shortage) -> None:
        if len(self.entries) < KEEP:
            self.entries.append(entry)


class DemandBook:
    """Meters and supply of every end-user and site.

    Args:
        shortages: where what was not served is booked.
    """

    def __init__(self, shortages: Shortages) -> None:
        self.shortages = shortages
        self.meters: dict[str, Meter] = {}
        self.supplies: dict[str, SiteSupply] = {}
        self.silences: list[Silence] = []
        self.silence_count = 0
        self.silence_ms = 0
        #: Silence beyond this is told as one, ms.
        self.hold_ms = HOLD_MS
        self._began_ms = 0
        self._dark_since: dict[str, int] = {}
        self._feeders: dict[str, Feeder] = {}

    def session(self, fleet: Fleet, now_ms: int, restarts: bool) -> None:
        """A head: new end-users join; when time went back all begin anew."""
        if restarts:
            self._began_ms = now_ms
            self._dark_since.clear()
            self._feeders.clear()
            for meter in self.meters.values():
                meter.begin(now_ms)
            for supply in self.supplies.values():
                supply.begin()
        for site in fleet.sites:
            known = self.supplies.get(site.id)
            if known is None:
                self.supplies[site.id] = SiteSupply(site)
            else:
                known.describe(site)
            for user in fleet.end_users_of_site[site.id]:
                if user.id not in self.meters:
                    self.meters[user.id] = Meter(user, site.area, now_ms)
                self.meters[user.id].hold_ms = self.hold_ms
            self.supplies[site.id].hold_ms = self.hold_ms

    def report(self, at_ms: int, report: SiteReport) -> None:
        """Take what a site says of its own load."""
        supply = self.supplies.get(report.site)
        if supply is not None:
            from_ms = supply.at_ms
            missing_kwh = supply.take(at_ms, report)
            self._dead(supply.site, from_ms, at_ms, missing_kwh)

    def demand(self, at_ms: int, report: DemandReport) -> None:
        """Take meter readings."""
        dark = self._dark_since
        for reading in report.readings:
            meter = self.meters.get(reading.end_user)
            if meter is None or meter.user.site != report.site or reading.quality is Quality.BAD:
                continue
            heard_ms = meter.tally.heard_ms
            if heard_ms is None or at_ms - heard_ms > self.hold_ms:
                self._silence(meter, at_ms)
            meter.take(at_ms, reading.power_kw, reading.energy_kwh, meter.area in dark)
            if not meter.user.behind_transfer:
                feeder = self._feeders.get(meter.area)
                if feeder is None:
                    feeder = self._feeders[meter.area] = Feeder()
                feeder.reading(reading.end_user, at_ms, reading.power_kw)

    def area_power(self, area: str, at_ms: int, live: bool) -> None:
        """Say whether an area is live at an instant; what dead time costs is booked."""
        since_ms = self._dark_since.get(area)
        if since_ms is not None:
            passed_h = max(at_ms - since_ms, 0) / MS_PER_HOUR
            missing_kwh = passed_h * sum(meter.steady_kw for meter in self._on_feeder(area))
            if missing_kwh > 0.0:
                self.shortages.add(
                    "dead_area",
                    area,
                    area,
                    (since_ms, at_ms),
                    missing_kwh,
                    "the utility's feed of the area is dead; end-users outside transfer switches",
                )
        if live:
            self._dark_since.pop(area, None)
        else:
            self._dark_since[area] = at_ms
            if area in self._feeders:
                self._feeders[area].clear()

    def settle(self, at_ms: int) -> None:
        """Once a cycle: look for feeders that were shed."""
        for area, feeder in self._feeders.items():
            from_ms, missing_kwh = feeder.settle(at_ms)
            if missing_kwh > 0.0:
                self.shortages.add(
                    "shed",
                    area,
                    area,
                    (from_ms, at_ms),
                    missing_kwh,
                    "all meters outside transfer switches fell alike at one moment: shed load",
                )

    def end(self, at_ms: int) -> None:
        """Close at the end of the period, ms."""
        self.settle(at_ms)
        for area in list(self._dark_since):
            self.area_power(area, at_ms, live=True)
        for supply in self.supplies.values():
            from_ms = supply.at_ms
            if from_ms is not None:
                self._dead(supply.site, from_ms, at_ms, supply.advance(at_ms))
        for meter in self.meters.values():
            self._silence(meter, at_ms)
            meter.end(at_ms)

    def _on_feeder(self, area: str) -> Iterable[Meter]:
        return (
            meter
            for meter in self.meters.values()
            if meter.area == area and not meter.user.behind_transfer
        )

    def _dead(self, site: Site, from_ms: int | None, at_ms: int, missing_kwh: float) -> None:
        if missing_kwh > 0.0 and from_ms is not None:
            self.shortages.add(
                "dead_supply",
                site.id,
                site.area,
                (from_ms, at_ms),
                missing_kwh,
                "the site's own load had no supply and its bridge battery was empty",
            )

    def _silence(self, meter: Meter, at_ms: int) -> None:
        heard_ms = meter.tally.heard_ms
        since_ms = self._began_ms if heard_ms is None else heard_ms
        silent_ms = at_ms - since_ms
        if silent_ms <= self.hold_ms:
            return
        if meter.area in self._feeders:
            self._feeders[meter.area].silent(meter.user.id)
        self.silence_count += 1
        self.silence_ms += silent_ms
        if len(self.silences) < KEEP:
            self.silences.append(Silence(meter.user.id, meter.area, since_ms, at_ms))
