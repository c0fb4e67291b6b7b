"""What a site took from the grid, out of a journal, for a baseline of its load.

The load is net: what the meters of its own end-users (those behind its transfer arrangement)
counted, less what its devices sent out, and what its stores took. A set that carries its site's
load thus lowers it, as a utility's meter would show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from gridmuster.clock import local
from gridmuster.fleet.model import Fleet, is_store
from gridmuster.report.baselines import BaselineError, MeterSeries
from gridmuster.report.demand import PEAK_SLACK
from gridmuster.report.metered import IntervalMeter
from gridmuster.report.source import Cycle, Session
from gridmuster.signals import Quality
from gridmuster.units import MS_PER_S

#: A device's interval beyond this many times its rating is a counter that jumped.
RATING_SLACK: Final = 1.25
#: A set that gives more than this share of its rating runs.
RUNS_SHARE: Final = 0.01
#: Readings of a load may be this far apart, ms: the quarter of an hour of settlement meters, and
#: of quiet hours of a simulated year. Between two the load is taken as even.
GAP_MS: Final = 900_000


@dataclass(frozen=True)
class _Part:
    """One counter of a site's load: of whom and what, its sign in the load, its limit, kW."""

    name: str
    what: str
    sign: float
    most_kw: float


class SiteLoads:
    """Collects the net loads of some sites while a journal is read.

    Args:
        sites: their ids.
        step_s: length of an interval, s; divides an hour.
        keep: tells of an interval's start, ms, whether it is wanted.
    """

    def __init__(self, sites: Collection[str], step_s: int, keep: Callable[[int], bool]) -> None:
        self._sites = frozenset(sites)
        self._step_s = step_s
        self._keep = keep
        self._fleet: Fleet | None = None
        self._parts: dict[str, tuple[_Part, ...]] = {}
        self._meters: dict[tuple[str, str], IntervalMeter] = {}
        self._dark: dict[str, set[date]] = {}
        self._dark_ms: dict[str, int] = {}

    def watch(self, item: Session | Cycle) -> None:
        """Take a head or a cycle."""
        if isinstance(item, Session):
            self._begin(item.fleet)
            return
        for at_ms, report in item.reports:
            if report.site not in self._parts:
                continue
            if not report.utility_ok:
                self._note_dark(report.site, at_ms)
            for device in report.devices:
                if device.quality is not Quality.BAD:
                    out_kw, in_kw = max(device.power_kw, 0.0), max(-device.power_kw, 0.0)
                    self._take(device.device, "produced", at_ms, device.produced_kwh, out_kw)
                    self._take(device.device, "absorbed", at_ms, device.absorbed_kwh, in_kw)
        for at_ms, demand in item.demands:
            if demand.site in self._parts:
                for meter in demand.readings:
                    if meter.quality is not Quality.BAD:
                        kwh, kw = meter.energy_kwh, meter.power_kw
                        self._take(meter.end_user, "taken", at_ms, kwh, kw)

    def net(self, site: str) -> MeterSeries:
        """What a site took, kW, by its own clock; an interval in which a counter is missing is too.

        Raises:
            BaselineError: when it has no metered end-user of its own.
        """
        parts = self._parts.get(site, ())
        if not any(part.what == "taken" for part in parts):
            raise BaselineError(
                f"{site} has no metered end-user behind its transfer arrangement, so no load of "
                "its own; it is measured by generation meter output"
            )
        known = [self._within(part) for part in parts]
        common = set(known[0]).intersection(*known[1:])
        return MeterSeries(
            self._zone(site),
            self._step_s,
            {
                at_ms: sum(part.sign * kw[at_ms] for part, kw in zip(parts, known, strict=True))
                for at_ms in sorted(common)
            },
        )

    def ran_ms(self, devices: Iterable[str]) -> list[int]:
        """Starts of the intervals in which one of these devices gave power, ms."""
        fleet = self._known()
        return [
            at_ms
            for name in devices
            if name in fleet.device_by_id and (name, "produced") in self._meters
            for at_ms, kw in self._meters[name, "produced"].power_kw.items()
            if kw > RUNS_SHARE * fleet.device_by_id[name].rated_kw
        ]

    def unusual_days(self, site: str, devices: Iterable[str]) -> frozenset[date]:
        """Local days on which a site's utility was away, or one of its devices here named ran."""
        zone = self._zone(site)
        ran = {local(at_ms, zone).date() for at_ms in self.ran_ms(devices)}
        return frozenset(ran | self._dark.get(site, set()))

    def _begin(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._parts = {
            site: _parts(fleet, site) for site in sorted(self._sites) if site in fleet.site_by_id
        }
        for part in (part for parts in self._parts.values() for part in parts):
            if (part.name, part.what) not in self._meters:
                meter = IntervalMeter(self._step_s * MS_PER_S, self._keep, GAP_MS)
                self._meters[part.name, part.what] = meter

    def _take(self, name: str, what: str, at_ms: int, kwh: float, power_kw: float) -> None:
        meter = self._meters.get((name, what))
        if meter is not None:
            # A meter takes zero for silence; a counter at zero of what is still says zero.
            meter.take(at_ms, kwh + 1.0 if kwh or not power_kw else 0.0)

    def _note_dark(self, site: str, at_ms: int) -> None:
        """Remember the local day; looked up once an interval, as outages last."""
        slot_ms = at_ms - at_ms % (self._step_s * MS_PER_S)
        if self._dark_ms.get(site) != slot_ms:
            self._dark_ms[site] = slot_ms
            self._dark.setdefault(site, set()).add(local(at_ms, self._zone(site)).date())

    def _within(self, part: _Part) -> dict[int, float]:
        power_kw = self._meters[part.name, part.what].power_kw
        return {at_ms: kw for at_ms, kw in power_kw.items() if kw <= part.most_kw}

    def _zone(self, site: str) -> str:
        return self._known().site_by_id[site].time_zone

    def _known(self) -> Fleet:
        if self._fleet is None:
            raise BaselineError("no head was read yet, so no site is known")
        return self._fleet


def _parts(fleet: Fleet, site: str) -> tuple[_Part, ...]:
    """The counters of a site's own load."""
    devices = fleet.devices_of_site.get(site, ())
    return (
        *(
            _Part(user.id, "taken", 1.0, PEAK_SLACK * user.peak_kw)
            for user in fleet.end_users_of_site.get(site, ())
            if user.behind_transfer
        ),
        *(_Part(one.id, "produced", -1.0, RATING_SLACK * one.rated_kw) for one in devices),
        *(
            _Part(one.id, "absorbed", 1.0, RATING_SLACK * one.rated_kw)
            for one in devices
            if is_store(one)
        ),
    )
