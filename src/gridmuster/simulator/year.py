"""What goes wrong in a year: the utility, the market, links, meters and sets, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Final, TypedDict

from gridmuster.clock import iso, local
from gridmuster.fleet.devices import Device, Generator
from gridmuster.fleet.model import Fleet
from gridmuster.fleet.regions import changed
from gridmuster.signals import Alert
from gridmuster.simulator.noise import stream
from gridmuster.simulator.scenario import (
    ClockSkew,
    ControllerSilent,
    EmergencyAlert,
    Event,
    FrequencyDip,
    IgnoresSetpoint,
    LinkCut,
    MeterSilent,
    NotInAuto,
    PriceSpike,
    Scenario,
    UtilityOutage,
)
from gridmuster.units import MS_PER_HOUR

HOURS_A_YEAR: Final = 8760.0
#: Interruptions of a site's own service a year, their median length, h, and the spread of its
#: logarithm (US reliability indices without major events: about one a year, one to two hours; K).
SITE_OUTAGES: Final = 1.2
OUTAGE_MEDIAN_H, OUTAGE_SPREAD, OUTAGE_MOST_H = 1.2, 0.9, 20.0
#: Storms over an area a year, the share of its sites that each puts out, hours from and to (K).
STORMS: Final = 4.0
STORM_SHARE: Final = (0.05, 0.25)
STORM_H: Final = (0.5, 8.0)
#: Outages of a whole area a year, hours from and to (K).
AREA_OUTAGES: Final = 1.0
AREA_OUTAGE_H: Final = (0.3, 1.5)
#: Weight of each month for storms and outages in Texas: spring and summer thunder, winter ice (K).
STORM_MONTHS: Final = (0.8, 1.0, 1.1, 1.5, 1.7, 1.4, 1.1, 1.1, 0.9, 0.7, 0.5, 0.6)
#: Scarcity events a year beside the market's own spikes: price, USD/MWh, and minutes (K); every
#: other one with an alert of the grid operator.
SCARCITIES: Final = 16.0
SCARCITY_USD: Final = (400.0, 2000.0)
SCARCITY_MIN: Final = (30.0, 150.0)
#: Weight of each month for scarcity: summer evenings, winter mornings (K).
SCARCITY_MONTHS: Final = (1.5, 1.5, 0.5, 0.4, 0.6, 1.2, 1.8, 2.4, 1.4, 0.4, 0.3, 0.6)
FREQUENCY_DIPS: Final = 6.0
#: Faults a year for each site, end-user or set, and hours from and to (K).
LINK_CUTS, LINK_CUT_H = 1.5, (0.1, 6.0)
METER_SILENCES, METER_SILENCE_H = 0.5, (0.2, 6.0)
CONTROLLER_SILENCES, CONTROLLER_SILENCE_H = 0.2, (0.1, 4.0)
NOT_IN_AUTO, NOT_IN_AUTO_H = 0.15, (1.0, 72.0)
DEAF, DEAF_H = 0.1, (0.5, 6.0)
CLOCKS_OFF, CLOCK_OFF_H, CLOCK_OFF_S = 0.1, (0.5, 12.0), (6.0, 30.0)
#: Of all sets this share was neglected: half of them fail in 48 h of running (Marqusee and
#: Jenket 2020), so that MTTF = 48 h / ln 2; they fail to start more often, too (K).
NEGLECTED_SHARE: Final = 0.05
NEGLECTED_MTTF_H: Final = 48.0 / math.log(2.0)
NEGLECTED_FAIL_TO_START: Final = 0.05


def neglected(fleet: Fleet, seed: int, hardship: float = 1.0) -> Fleet:
    """The fleet as it truly is: some of its sets are worse than anybody knows.

    Args:
        fleet: the fleet as its owner knows it.
        seed: chooses them, each by itself.
        hardship: times as many as usual.
    """
    devices: list[Device] = []
    for device in fleet.devices:
        dice = stream(seed, "neglected", device.id)
        if isinstance(device, Generator) and dice.random() < NEGLECTED_SHARE * hardship:
            worse = device.reliability.model_copy(
                update={"mttf_h": NEGLECTED_MTTF_H, "fail_to_start": NEGLECTED_FAIL_TO_START}
            )
            devices.append(device.model_copy(update={"reliability": worse}))
        else:
            devices.append(device)
    return changed(fleet, devices=tuple(devices))


class _Calendar:
    """Draws instants of a run.

    Args:
        start_ms: its beginning, ms.
        hours: its length, h.
        zone: IANA zone of its months and hours.
        seed: of all draws.
        hardship: times as many as usual.
    """

    def __init__(self, start_ms: int, hours: float, zone: str, seed: int, hardship: float) -> None:
        self._start_ms = start_ms
        self._hours = hours
        self._zone = zone
        self._seed = seed
        self._hardship = hardship

    def dice(self, *path: str) -> random.Random:
        """A stream of draws for one purpose."""
        return stream(self._seed, "year", *path)

    def times(
        self, dice: random.Random, a_year: float, months: tuple[float, ...] = ()
    ) -> Iterator[int]:
        """Instants of a Poisson process, ms, with a weight of each month."""
        most = max(months, default=1.0)
        per_h = a_year * self._hardship * most / HOURS_A_YEAR
        at_h = dice.expovariate(per_h)
        while at_h < self._hours:
            at_ms = self._start_ms + int(at_h * MS_PER_HOUR)
            weight = months[local(at_ms, self._zone).month - 1] / most if months else 1.0
            if dice.random() < weight:
                yield at_ms
            at_h += dice.expovariate(per_h)


class _Span(TypedDict):
    at: str
    until: str


def _span(at_ms: int, hours: float) -> _Span:
    return _Span(at=iso(at_ms), until=iso(at_ms + max(int(hours * MS_PER_HOUR), 1000)))


def year_scenario(
    fleet: Fleet, start_ms: int, hours: float, seed: int, hardship: float = 1.0
) -> Scenario:
    """A year's faults and events.

    Args:
        fleet: whose year.
        start_ms: its first instant, ms.
        hours: its length, h.
        seed: of everything in it; each site, meter and set has draws of its own.
        hardship: times as many outages, price events and faults as in a usual year.
    """
    zone = fleet.sites[0].time_zone
    calendar = _Calendar(start_ms, hours, zone, seed, hardship)
    events: list[Event] = [
        *_outages(fleet, calendar),
        *_scarcity(calendar, zone),
        *_faults(fleet, calendar),
    ]
    return Scenario(name=f"year of seed {seed}", zone=zone, events=tuple(events))


def _outages(fleet: Fleet, calendar: _Calendar) -> Iterator[Event]:
    for site in fleet.sites:
        dice = calendar.dice("outage", site.id)
        for at_ms in calendar.times(dice, SITE_OUTAGES, STORM_MONTHS):
            length_h = OUTAGE_MEDIAN_H * math.exp(OUTAGE_SPREAD * dice.gauss(0.0, 1.0))
            span = _span(at_ms, min(length_h, OUTAGE_MOST_H))
            yield UtilityOutage(sites=(site.id,), **span)
    for area in fleet.areas:
        dice = calendar.dice("storm", area.id)
        for at_ms in calendar.times(dice, STORMS, STORM_MONTHS):
            share = dice.uniform(*STORM_SHARE)
            for site in fleet.sites_of_area[area.id]:
                if dice.random() < share:
                    begin_ms = at_ms + int(dice.uniform(0.0, 0.5) * MS_PER_HOUR)
                    yield UtilityOutage(sites=(site.id,), **_span(begin_ms, dice.uniform(*STORM_H)))
        for at_ms in calendar.times(dice, AREA_OUTAGES, STORM_MONTHS):
            yield UtilityOutage(area=area.id, **_span(at_ms, dice.uniform(*AREA_OUTAGE_H)))


def _scarcity(calendar: _Calendar, zone: str) -> Iterator[Event]:
    dice = calendar.dice("scarcity")
    for number, day_ms in enumerate(calendar.times(dice, SCARCITIES, SCARCITY_MONTHS)):
        moment = local(day_ms, zone)
        hour = (
            dice.uniform(6.0, 8.0) if moment.month in (11, 12, 1, 2) else dice.uniform(16.0, 20.0)
        )
        at_ms = day_ms + int((hour - moment.hour - moment.minute / 60.0) * MS_PER_HOUR)
        span = _span(at_ms, dice.uniform(*SCARCITY_MIN) / 60.0)
        yield PriceSpike(usd_per_mwh=round(dice.uniform(*SCARCITY_USD)), **span)
        if number % 2 == 1:
            yield EmergencyAlert(level=dice.choice((Alert.EEA1, Alert.EEA2)), **span)
    for at_ms in calendar.times(dice, FREQUENCY_DIPS):
        yield FrequencyDip(depth_hz=round(dice.uniform(0.05, 0.3), 3), **_span(at_ms, 2.0 / 60.0))


def _faults(fleet: Fleet, calendar: _Calendar) -> Iterator[Event]:
    for site in fleet.sites:
        dice = calendar.dice("site", site.id)
        for at_ms in calendar.times(dice, LINK_CUTS):
            yield LinkCut(site=site.id, **_span(at_ms, dice.uniform(*LINK_CUT_H)))
        for at_ms in calendar.times(dice, CLOCKS_OFF):
            span = _span(at_ms, dice.uniform(*CLOCK_OFF_H))
            offset_s = dice.uniform(*CLOCK_OFF_S) * dice.choice((-1.0, 1.0))
            yield ClockSkew(site=site.id, offset_s=round(offset_s, 1), **span)
    for user in fleet.end_users:
        dice = calendar.dice("meter", user.id)
        for at_ms in calendar.times(dice, METER_SILENCES):
            yield MeterSilent(end_user=user.id, **_span(at_ms, dice.uniform(*METER_SILENCE_H)))
    for device in fleet.devices:
        dice = calendar.dice("device", device.id)
        for at_ms in calendar.times(dice, CONTROLLER_SILENCES):
            span = _span(at_ms, dice.uniform(*CONTROLLER_SILENCE_H))
            yield ControllerSilent(device=device.id, **span)
        for at_ms in calendar.times(dice, NOT_IN_AUTO):
            yield NotInAuto(device=device.id, **_span(at_ms, dice.uniform(*NOT_IN_AUTO_H)))
        for at_ms in calendar.times(dice, DEAF):
            yield IgnoresSetpoint(device=device.id, **_span(at_ms, dice.uniform(*DEAF_H)))
