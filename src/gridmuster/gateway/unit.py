"""What a site's agent knows of one device: its last points, its history and its wish."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from gridmuster.fleet.devices import Device, EmergencyGenerator, Generator
from gridmuster.fleet.hours import HourUse, today_of
from gridmuster.fleet.model import Site
from gridmuster.gateway import drivers
from gridmuster.gateway.memory import DeviceMemory
from gridmuster.safety import Envelope, envelope
from gridmuster.safety.context import READING_LIMIT_S
from gridmuster.signals import DeviceReading, Order, Purpose, Quality, Setpoint
from gridmuster.units import MS_PER_S

#: Index of each `signals.DeviceState` as the point ``state`` carries it.
IDLE, STARTING, WARMING, RUNNING, COOLING, FAULT, LOCKED, UNKNOWN = range(8)
#: The point ``mode`` when the switch is in auto.
AUTO: Final = 2
DAY_MS: Final = 86_400_000
#: Silence after which the last reading is marked stale, s.
SILENT_S: Final = 5.0
#: A device matches its setpoint within this share of its rating, or `TOLERANCE_KW`.
TOLERANCE_FRACTION: Final = 0.02
TOLERANCE_KW: Final = 1.0


def finite(value: float | None) -> float | None:
    """The value, or None when it is missing or no number at all."""
    return None if value is None or value - value != 0.0 else value


class Target:
    """The wished state of one device and how far it got.

    ``expires_at_ms`` ends it; then ``lapsing`` is set and ``power_kw`` ramps to the safe state.
    ``settled`` is set when it was measured or given up, ``failed`` when it was given up.
    """

    __slots__ = (
        "began_kw",
        "began_ms",
        "command_id",
        "expires_at_ms",
        "failed",
        "gap_kw",
        "lapsing",
        "order",
        "ordered_ms",
        "power_kw",
        "purpose",
        "reason",
        "settled",
        "starting",
    )

    def __init__(
        self,
        order: Order,
        power_kw: float,
        purpose: Purpose,
        expires_at_ms: int,
        command_id: str,
    ) -> None:
        self.order = order
        self.power_kw = power_kw
        self.purpose = purpose
        self.expires_at_ms = expires_at_ms
        self.command_id = command_id
        self.began_ms = 0
        self.began_kw = 0.0
        self.ordered_ms = 0
        self.gap_kw = 0.0
        self.settled = False
        self.failed = False
        self.lapsing = False
        self.starting = False
        self.reason = ""

    def setpoint(self, device: str) -> Setpoint:
        """The target as a setpoint for the driver."""
        return Setpoint(device, self.order, self.power_kw, self.purpose)


class Unit:
    """One device at the site.

    Args:
        site: the site.
        device: the device.
    """

    __slots__ = (
        "adopted",
        "answered_ms",
        "available_kw",
        "cap_kw",
        "counts_hours",
        "device",
        "energy_kwh",
        "envelope",
        "fuel_level",
        "generator",
        "id",
        "limits",
        "memory",
        "mode",
        "planned_kw",
        "points",
        "power_kw",
        "ramp_kw_per_s",
        "reading_cache",
        "reading_points",
        "reading_silence",
        "since_ms",
        "starts",
        "state",
        "target",
        "tolerance_kw",
    )

    def __init__(self, site: Site, device: Device, lapse_ramp_s: float) -> None:
        self.device = device
        self.id = device.id
        self.limits: Envelope = envelope(site, device)
        self.generator = device if isinstance(device, Generator) else None
        self.tolerance_kw = max(TOLERANCE_FRACTION * device.rated_kw, TOLERANCE_KW)
        self.ramp_kw_per_s = device.rated_kw * (
            self.generator.ramp_fraction_per_s if self.generator else 1.0 / lapse_ramp_s
        )
        self.points: Mapping[str, float] | None = None
        self.answered_ms = -1
        self.adopted = False
        self.state = UNKNOWN
        self.mode = 3
        self.power_kw = 0.0
        self.planned_kw = 0.0
        self.available_kw = 0.0
        self.fuel_level: float | None = None
        self.energy_kwh: float | None = None
        self.since_ms = -1
        self.starts: deque[int] = deque()
        self.target: Target | None = None
        self.cap_kw: float | None = None
        self.counts_hours = True
        self.memory = DeviceMemory(
            permit_used_h=self.generator.permit.hours_used_h if self.generator else 0.0
        )
        self.reading_cache: DeviceReading | None = None
        self.reading_points: Mapping[str, float] | None = None
        self.reading_silence = 0

    @property
    def on(self) -> bool:
        """Starting, warming or running, as last heard."""
        return STARTING <= self.state <= RUNNING

    @property
    def ready(self) -> bool:
        """Able to carry load now."""
        return self.state in (WARMING, RUNNING)

    @property
    def backup_rank(self) -> int:
        """Order in which sets are asked to carry the site: those bought for it first."""
        return 0 if isinstance(self.device, EmergencyGenerator) else 1

    def observe(self, now_ms: int, points: Mapping[str, float] | None) -> bool:
        """Take what the controller answered.

        Args:
            now_ms: the moment of the scan, ms.
            points: canonical points, or None when it did not answer.

        Returns:
            Whether anything differs from the scan before.
        """
        if points is None:
            return False
        answered_ms, self.answered_ms = self.answered_ms, now_ms
        last = self.points
        if points is last or points == last:
            return False
        power_kw = points.get("power_kw", 0.0)
        if power_kw - power_kw != 0.0:
            # Not a number: the controller said nothing that could be used.
            self.answered_ms = answered_ms
            return False
        self.points = points
        get = points.get
        self.mode = int(get("mode", 3.0))
        self.power_kw = power_kw
        self.available_kw = get("available_kw", 0.0)
        self.energy_kwh = finite(get("energy_kwh"))
        self.fuel_level = finite(get("fuel_level"))
        state = int(get("state", 7.0))
        if state != self.state:
            self._changed_state(now_ms, state)
        run_h = get("run_h")
        if run_h is not None:
            self._count_hours(now_ms, run_h)
        return True

    def _changed_state(self, now_ms: int, state: int) -> None:
        was_on = STARTING <= self.state <= RUNNING
        is_on = STARTING <= state <= RUNNING
        known = self.state != UNKNOWN
        self.state = state
        if was_on == is_on or not known:
            if not known and not is_on and self.memory.off_since_ms:
                self.since_ms = self.memory.off_since_ms
            return
        self.since_ms = now_ms
        if is_on:
            self.starts.append(now_ms)
            self.memory.starts_ms = [*self.starts]
        else:
            self.memory.off_since_ms = now_ms

    def _count_hours(self, now_ms: int, run_h: float) -> None:
        memory = self.memory
        last_h = memory.run_h
        memory.run_h = run_h
        if last_h is None or run_h <= last_h:
            return
        today = self._turn_year(now_ms)
        purpose = Purpose.OUTAGE
        if self.counts_hours:
            purpose = Purpose.DEMAND if self.target is None else self.target.purpose
            memory.permit_used_h += run_h - last_h
            if purpose is Purpose.EMERGENCY_ALERT:
                memory.alert_used_h += run_h - last_h
        if self.limits.permit_windows:
            memory.book.add(today, purpose, run_h - last_h, self.limits.permit_days)

    def _turn_year(self, now_ms: int) -> date:
        """The day here; hours of a calendar year that is over are forgotten."""
        memory, today = self.memory, today_of(now_ms, self.limits.site.time_zone)
        if memory.year != today.year:
            if memory.year:
                memory.permit_used_h = memory.alert_used_h = 0.0
            memory.year = today.year
        if self.limits.permit_windows:
            memory.book.see(today)
        return today

    def permit_uses(self, now_ms: int) -> tuple[float, float, tuple[HourUse, ...]]:
        """Hours of this calendar year outside outages, those in alerts, and use of other limits."""
        if self.generator is None:
            return 0.0, 0.0, ()
        today, memory, permit = self._turn_year(now_ms), self.memory, self.generator.permit
        windows = self.limits.permit_windows
        uses = tuple(memory.book.use(limit, permit, today) for limit in windows)
        return memory.permit_used_h, memory.alert_used_h, uses

    def starts_24h(self, now_ms: int) -> int:
        """Starts in the last 24 h."""
        starts = self.starts
        while starts and starts[0] <= now_ms - DAY_MS:
            starts.popleft()
        return len(starts)

    def state_age_s(self, now_ms: int) -> float:
        """How long it has been on or off, s; infinite when that began before the first scan."""
        return math.inf if self.since_ms < 0 else (now_ms - self.since_ms) / MS_PER_S

    def age_s(self, now_ms: int) -> float:
        """Time since it last answered, s."""
        return math.inf if self.answered_ms < 0 else (now_ms - self.answered_ms) / MS_PER_S

    def silence(self, now_ms: int) -> int:
        """How long it has been silent: 0 a few scans at most, 1 longer, 2 beyond all trust."""
        silent_ms = now_ms - self.answered_ms
        if silent_ms <= SILENT_S * MS_PER_S:
            return 0
        return 1 if silent_ms <= READING_LIMIT_S * MS_PER_S else 2

    def reading(self, now_ms: int) -> DeviceReading:
        """The last reading; stale when the device is silent, bad when it is so for long.

        Stale data is not zero: state and power stay as last heard, but nothing is promised.
        """
        silence = self.silence(now_ms)
        cached = self.reading_cache
        if (
            cached is not None
            and self.reading_points is self.points
            and self.reading_silence == silence
        ):
            return cached
        made = drivers.reading(self.device, self.points)
        if silence == 1:
            made = msgspec.structs.replace(made, quality=Quality.STALE, available_kw=0.0)
        elif silence == 2:
            made = drivers.reading(self.device, None, made if self.points is not None else None)
        self.reading_cache, self.reading_points = made, self.points
        self.reading_silence = silence
        return made

    def restore(self, memory: DeviceMemory) -> None:
        """Take back what was remembered before a restart."""
        self.memory = memory
        self.starts = deque(memory.starts_ms)
