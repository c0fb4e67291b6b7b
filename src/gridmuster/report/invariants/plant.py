"""What the checks know of the plant: the newest word of each site and device, and its history.

Made from the journal's messages alone. No code is shared with the center or the interlocks: a
mistake there must not hide itself here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from gridmuster.clock import local
from gridmuster.fleet.devices import (
    Device,
    EmergencyGenerator,
    Engine,
    Generator,
    Photovoltaic,
    Store,
    WindTurbine,
)
from gridmuster.fleet.model import Fleet, Site
from gridmuster.report.header import Settings
from gridmuster.signals import (
    Alert,
    DeviceReading,
    DeviceState,
    Order,
    Purpose,
    Setpoint,
    SiteReport,
    Supply,
)
from gridmuster.units import MS_PER_HOUR

ON: Final = frozenset({DeviceState.STARTING, DeviceState.WARMING, DeviceState.RUNNING})
FAILED: Final = frozenset({DeviceState.FAULT, DeviceState.LOCKED})
DAY_MS: Final = 24 * MS_PER_HOUR


def fuel_per_h(generator: Generator, power_kw: float) -> float:
    """Fuel rate between the points of the device's own chart, l/h or m3/h.

    Straight lines; the first and last go on beyond the chart.
    """
    points = [(p.load_fraction * generator.rated_kw, p.fuel_per_h) for p in generator.fuel_curve]
    below = [p for p in points[:-1] if p[0] <= power_kw] or points[:1]
    low = below[-1]
    high = points[points.index(low) + 1]
    if high[0] <= low[0]:
        return max(low[1], high[1])
    return max(0.0, low[1] + (high[1] - low[1]) * (power_kw - low[0]) / (high[0] - low[0]))


def fuel_kept(site: Site, generator: Generator) -> float:
    """Fuel that must stay for the site's own backup, l or m3 (invariant 3).

    Promised hours x fuel rate at the protected load, and the sump; only the sump in a set that
    cannot carry the load alone, or where nothing is promised; nothing without a tank.
    """
    if generator.tank is None:
        return 0.0
    sump = generator.tank.capacity * generator.tank.sump_fraction
    if not generator.grid_forming or not site.autonomy_h or not site.backup_load_kw:
        return sump
    load_kw = min(generator.rated_kw, site.backup_load_kw)
    return sump + site.autonomy_h * fuel_per_h(generator, load_kw)


class DeviceNow:
    """What is known of one device.

    Moments are arrivals at the center in ms, None when not known. ``edge_ms`` is when it last went
    on or off. ``outage_run``: its present or last run served its own site in an outage.
    ``market_run``: it obeyed an order to run since it came on. ``held`` is what it obeyed last,
    until ``held_until_ms``; ``deaf``: its site last gave it up as not following. ``hours_h``
    counts its hours outside outages this calendar year, ``day_hours`` all of them by day (its
    ordinal) and purpose since ``first_day``, by the site's calendar.
    """

    __slots__ = (
        "asked",
        "asked_until_ms",
        "day_hours",
        "deaf",
        "device",
        "edge_ms",
        "failed_ms",
        "failure",
        "first_day",
        "floor",
        "generator",
        "held",
        "held_until_ms",
        "hours_h",
        "last_failed_starts",
        "last_run_h",
        "last_starts",
        "market_run",
        "on",
        "outage_run",
        "parallels",
        "reading",
        "renewable",
        "site",
        "starts_ms",
        "store",
        "year",
    )

    def __init__(self, site: Site, device: Device) -> None:
        self.hours_h = 0.0
        self.day_hours: dict[tuple[int, str], float] = {}
        self.first_day: date | None = None
        self.describe(site, device)
        self.year = 0
        self.starts_ms: deque[int] = deque()
        self.forget()

    def describe(self, site: Site, device: Device) -> None:
        """Take site and device as a head has them."""
        self.site = site
        self.device = device
        self.generator = device if isinstance(device, Generator) else None
        self.store = device if isinstance(device, Store) else None
        self.renewable = isinstance(device, Photovoltaic | WindTurbine)
        self.parallels = not isinstance(device, EmergencyGenerator | Engine) or (
            site.transfer.engine_may_export
        )
        self.floor = fuel_kept(site, self.generator) if self.generator else 0.0
        used_h = self.generator.permit.hours_used_h if self.generator else 0.0
        self.hours_h = max(self.hours_h, used_h)

    def forget(self) -> None:
        """Plant time went back: only hours stay."""
        self.reading: DeviceReading | None = None
        self.on: bool | None = None
        self.edge_ms: int | None = None
        self.outage_run = self.market_run = False
        self.asked: Setpoint | None = None
        self.asked_until_ms = 0
        self.deaf = False
        self.held: Setpoint | None = None
        self.held_until_ms = 0
        self.failed_ms: int | None = None
        self.failure = ""
        self.last_run_h: float | None = None
        self.last_starts: int | None = None
        self.last_failed_starts: int | None = None
        self.starts_ms.clear()

    def hear(self, now_ms: int, reading: DeviceReading, outage: bool, gap: bool) -> None:
        """Take a reading that arrived now, ms; after a gap nobody knows what hours were for."""
        if self.on is False and reading == self.reading:
            return
        if self.generator is not None:
            self._life(now_ms, reading, outage)
            self._hours(now_ms, reading, gap)
            self._failures(now_ms, reading)
        self.reading = reading

    def used_h(self, now_ms: int) -> float:
        """Hours outside outages that count against the permit in this calendar year, h."""
        year = self.today(now_ms).year
        if self.year and year != self.year:
            self.hours_h = 0.0
        self.year = year
        return self.hours_h

    def today(self, now_ms: int) -> date:
        """The day by the site's own calendar."""
        return local(now_ms, self.site.time_zone).date()

    @property
    def last_year(self) -> int:
        """The calendar year in which its hours were counted last; 0: never."""
        return self.year

    def starts_24h(self, now_ms: int) -> int:
        """Starts in the last 24 h, by the device's own counter."""
        while self.starts_ms and self.starts_ms[0] <= now_ms - DAY_MS:
            self.starts_ms.popleft()
        return len(self.starts_ms)

    def reset(self) -> None:
        """A person reset the device."""
        self.failed_ms = None
        self.failure = ""

    def _life(self, now_ms: int, reading: DeviceReading, outage: bool) -> None:
        if reading.state is DeviceState.UNKNOWN:
            return
        on = reading.state in ON
        if self.on is not None and on != self.on:
            self.edge_ms = now_ms
        if on and not self.on:
            self.outage_run = outage
            asked = self.asked
            self.market_run = not outage and asked is not None and asked.order is Order.RUN
        if on and outage:
            self.outage_run = True
        self.on = on
        if reading.starts is not None:
            last = self.last_starts
            if last is not None and reading.starts > last:
                self.starts_ms.extend([now_ms] * min(reading.starts - last, 100))
            self.last_starts = reading.starts

    def _hours(self, now_ms: int, reading: DeviceReading, gap: bool) -> None:
        run_h = reading.run_h
        if run_h is None:
            return
        last_h, self.last_run_h = self.last_run_h, run_h
        if run_h == last_h:
            return
        self.used_h(now_ms)
        today = self.today(now_ms)
        if self.first_day is None:
            self.first_day = today
        if last_h is None or run_h <= last_h or gap:
            return
        asked = self.asked
        purpose = Purpose.DEMAND if asked is None else asked.purpose
        key = (today.toordinal(), (Purpose.OUTAGE if self.outage_run else purpose).value)
        self.day_hours[key] = self.day_hours.get(key, 0.0) + run_h - last_h
        if not self.outage_run:
            self.hours_h += run_h - last_h

    def _failures(self, now_ms: int, reading: DeviceReading) -> None:
        failed = reading.state in FAILED
        before = self.reading
        if before is not None and before.state in FAILED and not failed:
            if reading.state is not DeviceState.UNKNOWN:
                self.reset()
        elif failed and self.failed_ms is None:
            self.failed_ms = now_ms
            self.failure = ", ".join(reading.alarms) or reading.state.value
        if reading.failed_starts is not None:
            last = self.last_failed_starts
            if last is not None and reading.failed_starts > last and self.failed_ms is None:
                self.failed_ms, self.failure = now_ms, "failed to start"
            self.last_failed_starts = reading.failed_starts


class SiteNow:
    """What is known of one site; moments are arrivals in ms unless they end ``at_ms``."""

    __slots__ = (
        "arrived_ms",
        "at_ms",
        "dead_at_ms",
        "outage_at_ms",
        "outage_ms",
        "over_at_ms",
        "rated_kw",
        "report",
        "restored_at_ms",
        "site",
    )

    def __init__(self, site: Site, rated_kw: float) -> None:
        self.site = site
        self.rated_kw = rated_kw
        self.forget()

    def forget(self) -> None:
        """Plant time went back: nothing stays."""
        self.report: SiteReport | None = None
        self.arrived_ms: int | None = None
        self.at_ms = 0
        self.outage_ms: int | None = None
        self.outage_at_ms: int | None = None
        self.dead_at_ms: int | None = None
        self.over_at_ms: int | None = None
        self.restored_at_ms: int | None = None

    @property
    def load_kw(self) -> float:
        """Its own protected load: measured or by design, whichever is more, kW."""
        measured = None if self.report is None else self.report.backup_load_kw
        return max(self.site.backup_load_kw, measured or 0.0)

    def hear(self, now_ms: int, at_ms: int, report: SiteReport) -> None:
        """Take a report that was made at one moment and arrived now, ms."""
        self.report = report
        self.arrived_ms, self.at_ms = now_ms, at_ms
        if report.utility_ok:
            if self.outage_ms is not None:
                self.restored_at_ms = at_ms
            self.outage_ms = self.outage_at_ms = None
        elif self.outage_ms is None:
            self.outage_ms, self.outage_at_ms = now_ms, at_ms
        if report.supply is not Supply.DEAD:
            self.dead_at_ms = None
        elif self.dead_at_ms is None:
            self.dead_at_ms = at_ms


@dataclass(slots=True)
class Plant:
    """The whole plant as the checks know it.

    ``people`` holds until when a person holds a device (ms), ``stopped`` what a person stopped.
    """

    settings: Settings = field(default_factory=Settings)
    fleet: Fleet | None = None
    center_id: str = ""
    now_ms: int = 0
    sites: dict[str, SiteNow] = field(default_factory=dict)
    devices: dict[str, DeviceNow] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)

    def session(self, fleet: Fleet, settings: Settings, restarts: bool) -> None:
        """A head: what is new joins; when time went back all is forgotten."""
        self.fleet, self.settings = fleet, settings
        for gone in self.sites.keys() - fleet.site_by_id.keys():
            del self.sites[gone]
        for site in fleet.sites:
            devices = fleet.devices_of_site[site.id]
            known_site = self.sites.get(site.id)
            rated_kw = sum(device.rated_kw for device in devices)
            if known_site is None:
                self.sites[site.id] = SiteNow(site, rated_kw)
            else:
                known_site.site, known_site.rated_kw = site, rated_kw
            for device in devices:
                known = self.devices.get(device.id)
                if known is None:
                    self.devices[device.id] = DeviceNow(site, device)
                else:
                    known.describe(site, device)
        if restarts:
            for one in self.sites.values():
                one.forget()
            for other in self.devices.values():
                other.forget()
            self.people.clear()
            self.stopped.clear()

    def slack_ms(self) -> int:
        """Two cycles: what may be on its way, ms."""
        return int(2000.0 * self.settings.cycle_s)
