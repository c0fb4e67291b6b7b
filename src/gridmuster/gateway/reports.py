"""What a site says: reports by exception and by heartbeat, meter readings likewise.

A report goes out in the same scan in which a value moved past its deadband, a state or a switch
changed, or an alarm came or went; otherwise every heartbeat. So what was last said is true within
the deadbands until the next report or the heartbeat is overdue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from gridmuster.errors import SignalError
from gridmuster.fleet.model import EndUser, Fleet
from gridmuster.gateway.commands import CommandDesk
from gridmuster.gateway.drivers import silent
from gridmuster.gateway.memory import SEQUENCE_BLOCK
from gridmuster.gateway.station import SUPPLIES, AgentOutput, Station
from gridmuster.gateway.switchgear import Switchgear
from gridmuster.gateway.unit import Unit
from gridmuster.signals import DemandReport, DeviceReading, Frame, MeterReading, SiteReport, encode
from gridmuster.topics import Topics
from gridmuster.units import MS_PER_S

#: Deadbands: share of a device's rating and least power, kW.
POWER_FRACTION: Final = 0.005
POWER_KW: Final = 0.1
#: Share of a store's capacity or a tank.
LEVEL_FRACTION: Final = 0.01
#: Share of a meter's peak demand (contract).
METER_FRACTION: Final = 0.01
FREQUENCY_HZ: Final = 0.02
VOLTAGE_PU: Final = 0.01
DECIMALS: Final = 3


class Said:
    """What was last published of one device."""

    __slots__ = ("alarm_bits", "available_kw", "level", "mode", "power_kw", "silence", "state")

    def __init__(self) -> None:
        self.state = -1
        self.mode = -1
        self.alarm_bits = 0.0
        self.power_kw = 0.0
        self.available_kw = 0.0
        self.level = 0.0
        self.silence = 0


class Meter:
    """One end-user's meter."""

    __slots__ = ("deadband_kw", "id", "key", "points", "said_kw")

    def __init__(self, user: EndUser) -> None:
        self.id = user.id
        self.key = f"meter.{user.id}"
        self.deadband_kw = METER_FRACTION * user.peak_kw
        self.said_kw: float | None = None
        self.points: Mapping[str, float] | None = None


class Reporter:
    """Publishes for one site.

    Args:
        fleet: the fleet.
        topics: its topic tree.
        station: the site.
        desk: where the fence is kept.
        switchgear: its area's switchgear, where the site stands beside it.
    """

    __slots__ = (
        "_bands",
        "_demand_at_ms",
        "_demand_topic",
        "_desk",
        "_gear",
        "_heartbeat_ms",
        "_meters",
        "_poi_band_kw",
        "_report_at_ms",
        "_report_topic",
        "_said",
        "_said_alarms",
        "_said_gear",
        "_said_panel",
        "_station",
        "ceiling",
        "sequence",
    )

    def __init__(
        self,
        fleet: Fleet,
        topics: Topics,
        station: Station,
        desk: CommandDesk,
        switchgear: Switchgear | None = None,
    ) -> None:
        site = station.site.id
        self._gear = switchgear
        self._said_gear: tuple[object, ...] = ()
        self._station = station
        self._desk = desk
        self._report_topic = topics.report(site)
        self._demand_topic = topics.demand(site)
        self._heartbeat_ms = int(station.config.heartbeat_s * MS_PER_S)
        self._meters = [Meter(user) for user in fleet.end_users_of_site[site]]
        self._said = [Said() for _ in station.units]
        self._bands = [
            (max(POWER_FRACTION * unit.limits.rated_kw, POWER_KW), _level_band(unit))
            for unit in station.units
        ]
        size_kw = station.site.backup_load_kw + sum(u.limits.rated_kw for u in station.units)
        self._poi_band_kw = max(POWER_FRACTION * size_kw, POWER_KW)
        self._said_panel = (-1, False, 0.0, 0.0, 0.0, 0.0)
        self._said_alarms: tuple[str, ...] = ()
        self._report_at_ms = self._demand_at_ms = -self._heartbeat_ms
        self.sequence = 0
        self.ceiling = 0

    def scan(
        self,
        now_ms: int,
        image: Mapping[str, Mapping[str, float] | None],
        moved: bool,
        out: AgentOutput,
    ) -> None:
        """Publish what is due.

        Args:
            now_ms: now, ms.
            image: the scan's points by controller key, for the meters.
            moved: whether any device or the panel answered differently than a scan ago.
            out: where frames go.
        """
        due = now_ms - self._report_at_ms >= self._heartbeat_ms
        alarms = self._station.alarms
        said = self._said_alarms
        alarmed = len(alarms) != len(said) or any(name not in alarms for name in said)
        switched = self._gear is not None and self._gear.said != self._said_gear
        if due or alarmed or switched or (moved and self._moved(now_ms)):
            self._report(now_ms, out)
        if self._meters:
            self._demand(now_ms, image, out)

    def _moved(self, now_ms: int) -> bool:
        station = self._station
        supply, utility_ok, poi_kw, load_kw, frequency_hz, voltage_pu = self._said_panel
        band_kw = self._poi_band_kw
        if (
            station.supply != supply
            or station.utility_ok is not utility_ok
            or abs((station.poi_kw or 0.0) - poi_kw) > band_kw
            or abs((station.backup_load_kw or 0.0) - load_kw) > band_kw
            or abs(station.frequency_hz - frequency_hz) > FREQUENCY_HZ
            or abs(station.voltage_pu - voltage_pu) > VOLTAGE_PU
        ):
            return True
        for unit, said, bands in zip(station.units, self._said, self._bands, strict=True):
            state = unit.state
            if state != said.state or unit.mode != said.mode:
                return True
            if abs(unit.power_kw - said.power_kw) > bands[0]:
                return True
            if abs(unit.available_kw - said.available_kw) > bands[0] * 4.0:
                return True
            if abs(_level(unit) - said.level) > bands[1]:
                return True
            points = unit.points
            if points is not None and points.get("alarm_bits", 0.0) != said.alarm_bits:
                return True
            if unit.silence(now_ms) != said.silence:
                return True
        return False

    def _report(self, now_ms: int, out: AgentOutput) -> None:
        station = self._station
        self._report_at_ms = now_ms
        if self._gear is not None:
            self._said_gear = self._gear.said
        self._said_alarms = alarms = tuple(sorted(station.alarms))
        self._said_panel = (
            station.supply,
            station.utility_ok,
            station.poi_kw or 0.0,
            station.backup_load_kw or 0.0,
            station.frequency_hz,
            station.voltage_pu,
        )
        readings = []
        for unit, said in zip(station.units, self._said, strict=True):
            said.state, said.mode = unit.state, unit.mode
            said.power_kw, said.available_kw = unit.power_kw, unit.available_kw
            said.level = _level(unit)
            said.alarm_bits = 0.0 if unit.points is None else unit.points.get("alarm_bits", 0.0)
            said.silence = unit.silence(now_ms)
            readings.append(rounded(unit.reading(now_ms)))
        report = self._site_report(now_ms, readings, alarms)
        try:
            payload = encode(report)
        except SignalError:
            # A controller gave a not-a-number: it is as good as silent, the others are not.
            station.alarm("bad_value", now_ms)
            report = self._site_report(now_ms, [_finite(one) for one in readings], alarms)
            payload = encode(report)
        out.frames.append(Frame(self._report_topic, payload, now_ms))

    def _site_report(
        self, now_ms: int, readings: list[DeviceReading], alarms: tuple[str, ...]
    ) -> SiteReport:
        station = self._station
        load_kw = station.backup_load_kw
        fence = self._desk.fence
        return SiteReport(
            station.site.id,
            now_ms,
            self._next_sequence(),
            SUPPLIES[station.known_supply(now_ms)],
            station.utility_ok,
            round(station.frequency_hz, DECIMALS),
            round(station.voltage_pu, DECIMALS),
            round(station.poi_kw or 0.0, DECIMALS),
            tuple(readings),
            None if load_kw is None else round(load_kw, DECIMALS),
            fence.highest_fence,
            fence.holder,
            max(fence.last_sequence, 0),
            alarms,
            None if self._gear is None else self._gear.rounded,
        )

    def _demand(
        self, now_ms: int, image: Mapping[str, Mapping[str, float] | None], out: AgentOutput
    ) -> None:
        due = now_ms - self._demand_at_ms >= self._heartbeat_ms
        for meter in self._meters:
            meter.points = points = image.get(meter.key)
            if points is not None and not due:
                power_kw = points.get("power_kw")
                if power_kw is not None and (
                    meter.said_kw is None or abs(power_kw - meter.said_kw) > meter.deadband_kw
                ):
                    due = True
        if not due:
            return
        readings = []
        for meter in self._meters:
            points = meter.points
            power_kw = None if points is None else points.get("power_kw")
            if points is None or power_kw is None or not math.isfinite(power_kw):
                meter.said_kw = None
                continue
            meter.said_kw = power_kw
            energy_kwh = points.get("energy_kwh", 0.0)
            energy_kwh = round(energy_kwh, DECIMALS) if 0.0 < energy_kwh < math.inf else 0.0
            readings.append(MeterReading(meter.id, round(power_kw, DECIMALS), energy_kwh))
        if readings:
            self._demand_at_ms = now_ms
            report = DemandReport(
                self._station.site.id, now_ms, self._next_sequence(), tuple(readings)
            )
            out.frames.append(Frame(self._demand_topic, encode(report), now_ms))

    def _next_sequence(self) -> int:
        self.sequence += 1
        if self.sequence > self.ceiling:
            self.ceiling = self.sequence + SEQUENCE_BLOCK
        return self.sequence


def _finite(reading: DeviceReading) -> DeviceReading:
    try:
        encode(reading)
    except SignalError:
        return silent(reading.device, None)
    return reading


def rounded(reading: DeviceReading) -> DeviceReading:
    """The reading with its figures to three decimals, as they travel."""
    energy, level = reading.energy_kwh, reading.fuel_level
    used, run_h = reading.fuel_used, reading.run_h
    return DeviceReading(
        reading.device,
        reading.state,
        round(reading.power_kw, DECIMALS),
        round(reading.available_kw, DECIMALS),
        reading.mode,
        reading.quality,
        round(reading.produced_kwh, DECIMALS),
        round(reading.absorbed_kwh, DECIMALS),
        None if energy is None else round(energy, DECIMALS),
        None if level is None else round(level, DECIMALS),
        None if used is None else round(used, DECIMALS),
        None if run_h is None else round(run_h, DECIMALS),
        reading.starts,
        reading.failed_starts,
        reading.alarms,
    )


def _level(unit: Unit) -> float:
    level = unit.energy_kwh if unit.limits.store else unit.fuel_level
    return 0.0 if level is None else level


def _level_band(unit: Unit) -> float:
    if unit.limits.store:
        return LEVEL_FRACTION * unit.limits.max_energy_kwh
    tank = None if unit.generator is None else unit.generator.tank
    return 1.0 if tank is None else LEVEL_FRACTION * tank.capacity
