"""Promises of autonomy and exercises over a long run, from the journal alone.

A site's promise is kept while its tank holds what the promise needs: promised hours x the fuel
rate at the protected load + sump. An outage may use that fuel, it is there for it; then the tank
must be back above the reserve within `RESTORE_H` of the outage's end. A promise is broken by
anything else that takes the tank below its reserve, by a tank that is not filled up in time, and
by a set that runs dry in an outage shorter than the hours promised.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gridmuster.clock import iso
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet, Site
from gridmuster.report.drills import DrillBook
from gridmuster.report.invariants.plant import fuel_kept
from gridmuster.report.reordering import Straightener
from gridmuster.report.source import Cycle, Session
from gridmuster.signals import DeviceReading, DeviceState, SiteReport
from gridmuster.units import MS_PER_HOUR

#: An outage's fuel must be back within this time of its end, h: a lorry's longest way of two days,
#: its night, and the hour in which it is ordered.
RESTORE_H: Final = 72.0
#: A gauge may be off by this share of the tank.
GAUGE_SHARE: Final = 0.01
#: A delivery is a rise by this share of the tank between two readings.
DELIVERY_SHARE: Final = 0.02


class YearFigures(Struct, frozen=True):
    """What a long run is judged by, beside the invariants.

    ``promises`` counts tanks that a promise rests on, ``promise_h`` the hours over which they
    were looked at, ``excused_h`` those of them in which a tank was low for an outage. ``words``
    tells each broken promise and each missed exercise with its reason.
    """

    promises: int
    promises_broken: int
    promise_h: float
    excused_h: float
    deliveries: int
    exercises_met: int
    exercises_missed: int
    exercises_unexplained: int
    words: tuple[str, ...]


class _Tank:
    """One tank that a promise rests on; instants in ms."""

    __slots__ = (
        "at_ms",
        "broken",
        "capacity",
        "excused_ms",
        "excused_until_ms",
        "floor",
        "level",
        "looked_ms",
        "outage_since_ms",
        "site",
    )

    def __init__(self, site: Site, device: Generator, floor: float) -> None:
        assert device.tank is not None
        self.site = site
        self.capacity = device.tank.capacity
        self.floor = floor
        self.level: float | None = None
        self.at_ms = 0
        self.looked_ms = self.excused_ms = 0
        self.outage_since_ms: int | None = None
        self.excused_until_ms = -1
        self.broken = False

    @property
    def low(self) -> bool:
        """Whether the reserve is not covered."""
        return self.level is not None and self.level < self.floor - GAUGE_SHARE * self.capacity


class YearBook:
    """Follows every promise and every exercise through a journal."""

    def __init__(self) -> None:
        self._drills = DrillBook()
        self._reports: Straightener[SiteReport] = Straightener()
        self._tanks: dict[str, _Tank] = {}
        self._engines: dict[str, Generator] = {}
        self._words: list[str] = []
        self._broken = 0
        self._deliveries = 0
        self._now_ms = 0

    def take(self, item: Session | Cycle) -> None:
        """Take the next head or cycle."""
        if isinstance(item, Session):
            self._session(item.fleet, item.now_ms)
            self._reports.hold_ms = item.head.config.hold_ms
            return
        self._now_ms = now_ms = item.now_ms
        self._drills.cycle(item)
        for at_ms, report in (*item.late_reports, *item.reports):
            key = (report.at_ms, report.sequence)
            if self._reports.take(now_ms, report.site, key, at_ms, report):
                self._report(at_ms, report)
        for at_ms, report in self._reports.due(now_ms):
            self._report(at_ms, report)

    def figures(self) -> YearFigures:
        """Close at the last cycle and judge."""
        for at_ms, report in self._reports.due(None):
            self._report(at_ms, report)
        self._drills.end(self._now_ms)
        met = missed = unexplained = 0
        for name in self._engines:
            for entry in self._drills.entries(name):
                if entry.met:
                    met += 1
                    continue
                missed += 1
                unexplained += not entry.why
                self._words.append(
                    f"{entry.due} {name}: exercise missed: {entry.why or 'no reason found'}"
                )
        tanks = self._tanks.values()
        return YearFigures(
            promises=len(self._tanks),
            promises_broken=self._broken,
            promise_h=round(sum(tank.looked_ms for tank in tanks) / MS_PER_HOUR, 1),
            excused_h=round(sum(tank.excused_ms for tank in tanks) / MS_PER_HOUR, 1),
            deliveries=self._deliveries,
            exercises_met=met,
            exercises_missed=missed,
            exercises_unexplained=unexplained,
            words=tuple(self._words),
        )

    def _session(self, fleet: Fleet, now_ms: int) -> None:
        self._drills.session(fleet, now_ms)
        for device in fleet.devices:
            if not isinstance(device, Generator):
                continue
            site = fleet.site_by_id[device.site]
            if device.exercise is not None:
                self._engines[device.id] = device
            floor = fuel_kept(site, device)
            if device.tank is not None and device.grid_forming and site.autonomy_h:
                self._tanks.setdefault(device.id, _Tank(site, device, floor))

    def _report(self, at_ms: int, report: SiteReport) -> None:
        self._drills.report(at_ms, report)
        for reading in report.devices:
            tank = self._tanks.get(reading.device)
            if tank is not None and reading.fuel_level is not None:
                self._look(at_ms, reading, tank, outage=not report.utility_ok)

    def _look(self, at_ms: int, reading: DeviceReading, tank: _Tank, *, outage: bool) -> None:
        level = reading.fuel_level
        assert level is not None
        passed_ms = max(at_ms - tank.at_ms, 0) if tank.level is not None else 0
        tank.looked_ms += passed_ms
        if tank.low:
            tank.excused_ms += passed_ms
        if tank.level is not None and level > tank.level + DELIVERY_SHARE * tank.capacity:
            self._deliveries += 1
        tank.at_ms, tank.level = at_ms, level
        if outage:
            if tank.outage_since_ms is None:
                tank.outage_since_ms = at_ms
            tank.excused_until_ms = at_ms + int(RESTORE_H * MS_PER_HOUR)
            self._dry(at_ms, reading, tank)
        else:
            tank.outage_since_ms = None
        if not tank.low:
            tank.broken = False
        elif at_ms > tank.excused_until_ms and not tank.broken:
            text = f"{level:.0f} in the tank, {tank.floor:.0f} are promised, no outage used them"
            self._break(at_ms, reading.device, tank, text)

    def _dry(self, at_ms: int, reading: DeviceReading, tank: _Tank) -> None:
        """A set that stops for want of fuel before the promised hours are over."""
        lasted_h = (at_ms - (tank.outage_since_ms or at_ms)) / MS_PER_HOUR
        if tank.broken or lasted_h >= tank.site.autonomy_h:
            return
        if reading.state is DeviceState.FAULT and "low_fuel" in reading.alarms and tank.low:
            text = f"ran dry {lasted_h:.1f} h into an outage, {tank.site.autonomy_h:g} h promised"
            self._break(at_ms, reading.device, tank, text)

    def _break(self, at_ms: int, device: str, tank: _Tank, text: str) -> None:
        tank.broken = True
        self._broken += 1
        self._words.append(f"{iso(at_ms)} {device}: promise broken: {text}")
