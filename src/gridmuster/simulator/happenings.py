"""Carries out a scenario: turns its moments into faults and events of the world's parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gridmuster.signals import Alert
from gridmuster.simulator.area import AreaModel
from gridmuster.simulator.controller import AlarmBit, Mode
from gridmuster.simulator.generator import GeneratorModel
from gridmuster.simulator.instrument import Instrument
from gridmuster.simulator.kernel import NEVER_MS, Kernel
from gridmuster.simulator.machine import Machine
from gridmuster.simulator.scenario import (
    BreakerStuck,
    ClockSkew,
    ControllerSilent,
    EmergencyAlert,
    Event,
    FailedStart,
    FrequencyDip,
    IgnoresSetpoint,
    LinkCut,
    MeterSilent,
    Moment,
    NotInAuto,
    SensorStuck,
    SwitchgearSilent,
    Trip,
    UtilityOutage,
)
from gridmuster.simulator.site import SiteModel

#: A frequency dip reaches its depth this long after it begins, s.
DIP_FALL_S: Final = 10.0


class Happenings:
    """Everything in a scenario that happens to a part of the world at an instant.

    Clouds, demand steps and price spikes are known to weather, demand and market beforehand.

    Args:
        timeline: beginnings and ends in order.
        kernel: the world's timekeeping.
        areas: areas by id.
        sites: sites by id.
        machines: devices by id.
        instruments: everything that has points, by controller key.
    """

    def __init__(
        self,
        timeline: tuple[Moment, ...],
        kernel: Kernel,
        areas: Mapping[str, AreaModel],
        sites: Mapping[str, SiteModel],
        machines: Mapping[str, Machine],
        instruments: Mapping[str, Instrument],
    ) -> None:
        self.wake_ms = NEVER_MS
        self.link_cuts: dict[str, int] = {}
        self.skew_ms: dict[str, int] = {}
        self.dips: list[tuple[int, int, float]] = []
        self._timeline = timeline
        self._next = 0
        self._kernel = kernel
        self._areas = areas
        self._sites = sites
        self._machines = machines
        self._instruments = instruments
        self._arm()

    def _arm(self) -> None:
        if self._next < len(self._timeline):
            self._kernel.at(self._timeline[self._next].at_ms, self)

    def wake(self) -> None:
        """Carry out all that is due."""
        while self._next < len(self._timeline):
            moment = self._timeline[self._next]
            if moment.at_ms > self._kernel.now_ms:
                break
            self._next += 1
            self._kernel.changes += 1
            for site in self._touched(moment.event):
                site.happened()
            self._carry_out(moment)
        self._arm()

    def dip_hz(self, at_ms: int) -> float:
        """How far the scenario pulls the utility's frequency down at an instant, Hz."""
        total_hz = 0.0
        for first_ms, last_ms, depth_hz in self.dips:
            if first_ms <= at_ms < last_ms:
                bottom_ms = min(first_ms + DIP_FALL_S * 1000, 0.5 * (first_ms + last_ms))
                falling = (at_ms - first_ms) / (bottom_ms - first_ms)
                rising = (last_ms - at_ms) / (last_ms - bottom_ms)
                total_hz += depth_hz * min(falling, rising, 1.0)
        return total_hz

    def _touched(self, event: Event) -> Iterable[SiteModel]:
        """The sites at which an event changes something at once."""
        match event:
            case UtilityOutage(area=None, sites=names):
                return [self._sites[name] for name in names]
            case UtilityOutage(area=str(area)):
                return self._areas[area].sites
            case MeterSilent() | SensorStuck():
                return self._sites.values()
            case ClockSkew(site=name) | LinkCut(site=name):
                return [self._sites[name]]
            case ControllerSilent(device=device) | IgnoresSetpoint(device=device):
                return [self._machines[device].site]
            case NotInAuto(device=device):
                return [self._machines[device].site]
            case _:
                return ()

    def _carry_out(self, moment: Moment) -> None:
        begins = moment.begins
        match moment.event:
            case FailedStart() as event:
                self._failed_start(event, begins)
            case Trip() as event:
                self._trip(event)
            case MeterSilent(end_user=user):
                self._instruments[f"meter.{user}"].hush(begins)
            case ControllerSilent(device=device):
                self._instruments[device].hush(begins)
            case UtilityOutage() as event:
                self._outage(event, begins)
            case IgnoresSetpoint(device=device):
                self._machines[device].deaf = begins
            case BreakerStuck(area=area) if (gear := self._areas[area].switchgear) is not None:
                gear.stuck = begins
            case SwitchgearSilent(area=area) if (gear := self._areas[area].switchgear) is not None:
                gear.hush(begins)
            case NotInAuto(device=device):
                self._machines[device].set_mode(Mode.MANUAL if begins else Mode.AUTO)
            case SensorStuck(controller=controller, point=point):
                instrument = self._instruments[controller]
                instrument.stick(point) if begins else instrument.unstick(point)
            case ClockSkew(site=site, offset_s=offset_s):
                self.skew_ms[site] = round(offset_s * 1000) if begins else 0
            case LinkCut(site=site):
                self.link_cuts[site] = self.link_cuts.get(site, 0) + (1 if begins else -1)
            case EmergencyAlert(level=level, area=area):
                for model in self._areas.values() if area is None else [self._areas[area]]:
                    model.alert = level if begins else Alert.NONE
            case FrequencyDip(depth_hz=depth_hz) if begins and moment.until_ms is not None:
                self.dips.append((moment.at_ms, moment.until_ms, depth_hz))
            case _:
                return

    def _outage(self, event: UtilityOutage, begins: bool) -> None:
        if event.area is not None:
            self._areas[event.area].set_utility(not begins)
        for site_id in event.sites:
            self._sites[site_id].set_outage(begins)

    def _failed_start(self, event: FailedStart, begins: bool) -> None:
        if event.device is None:
            if begins and event.area is not None:
                self._areas[event.area].fail_next += event.count
            return
        machine = self._machines[event.device]
        if not isinstance(machine, GeneratorModel):
            return
        if event.number is not None:
            machine.fail_numbers.update(range(event.number, event.number + event.count))
        elif event.until is not None:
            machine.failing = begins
        else:
            machine.fail_next += event.count

    def _trip(self, event: Trip) -> None:
        if event.device is not None:
            machine = self._machines[event.device]
            if isinstance(machine, GeneratorModel):
                machine.doom(event.after_s)
            else:
                machine.trip(AlarmBit.HIGH_TEMPERATURE)
        elif event.area is not None:
            area = self._areas[event.area]
            running = [g for site in area.sites for g in site.generators if g.power_kw > 0.0]
            if running:
                max(running, key=lambda g: g.power_kw).doom(event.after_s)
            else:
                area.doomed_s = event.after_s
