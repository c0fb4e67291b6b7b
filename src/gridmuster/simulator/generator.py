"""The life of everything that burns fuel: start, synchronise, warm up, run, unload, cool down."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from gridmuster.fleet.devices import Generator
from gridmuster.signals import DeviceState
from gridmuster.simulator.controller import STATE_INDEX, AlarmBit, Mode
from gridmuster.simulator.fuel import FuelCurve, TankModel
from gridmuster.simulator.kernel import NEVER_MS, Kernel
from gridmuster.simulator.machine import Machine

if TYPE_CHECKING:
    from gridmuster.simulator.site import SiteModel


class Phase(IntEnum):
    """Where a generator is in its life, finer than `DeviceState`."""

    IDLE = 0
    TRY = 1
    REST = 2
    RUN_UP = 3
    READY = 4
    SYNC = 5
    WARM = 6
    ON = 7
    UNLOAD = 8
    COOL = 9
    TRIPPED = 10
    LOCKED = 11


STATE_OF: Final = {
    Phase.IDLE: DeviceState.IDLE,
    Phase.TRY: DeviceState.STARTING,
    Phase.REST: DeviceState.STARTING,
    Phase.RUN_UP: DeviceState.STARTING,
    Phase.READY: DeviceState.RUNNING,
    Phase.SYNC: DeviceState.WARMING,
    Phase.WARM: DeviceState.WARMING,
    Phase.ON: DeviceState.RUNNING,
    Phase.UNLOAD: DeviceState.COOLING,
    Phase.COOL: DeviceState.COOLING,
    Phase.TRIPPED: DeviceState.FAULT,
    Phase.LOCKED: DeviceState.LOCKED,
}
#: Nothing burns and nothing flows; such a machine is left out of the steps.
STILL: Final = frozenset(
    {Phase.IDLE, Phase.TRY, Phase.REST, Phase.RUN_UP, Phase.TRIPPED, Phase.LOCKED}
)
TURNING: Final = frozenset(
    {Phase.RUN_UP, Phase.READY, Phase.SYNC, Phase.WARM, Phase.ON, Phase.UNLOAD, Phase.COOL}
)
AT_SPEED: Final = frozenset({Phase.READY, Phase.SYNC, Phase.WARM, Phase.ON})
ON_LINE: Final = frozenset({Phase.WARM, Phase.ON, Phase.UNLOAD})
#: Failure of a single crank try that the next try mends (K); the rest of the failures are
#: lasting, so that all tries fail together (starter battery, fuel: half of the cases and more).
SOFT_TRY_FAILURE: Final = 0.02
#: What a running engine trips on, by share of trips (K).
TRIP_CAUSES: Final = (
    (0.4, AlarmBit.HIGH_TEMPERATURE),
    (0.8, AlarmBit.LOW_OIL_PRESSURE),
    (1.0, AlarmBit.OVERSPEED),
)


def start_odds(fail_to_start: float, tries: int) -> tuple[float, float]:
    """Odds that give ``fail_to_start`` for the whole sequence of tries.

    With lasting failure odds h and single-try odds s: h + (1 - h) s^n = fail_to_start.

    Args:
        fail_to_start: failures per start.
        tries: tries before lock-out.

    Returns:
        (h, s).
    """
    soft = min(SOFT_TRY_FAILURE, fail_to_start ** (1.0 / tries))
    soft_all = soft**tries
    if soft_all >= 1.0:
        return 1.0, 1.0
    return max(0.0, (fail_to_start - soft_all) / (1.0 - soft_all)), soft


class GeneratorModel(Machine):
    """A generator.

    Args:
        device: the fleet's description.
        site: where it stands.
        kernel: the world's timekeeping.
    """

    #: Length of a failing try and of the rest after it, s (crank 10-15 s, rest as long).
    try_s: tuple[float, float] = (10.0, 15.0)
    rest_s: tuple[float, float] = (10.0, 15.0)
    #: Inverter-coupled ones run in parallel whatever the transfer arrangement.
    inverter_coupled = False

    def __init__(self, device: Generator, site: SiteModel, kernel: Kernel) -> None:
        super().__init__(device, site, kernel)
        self.device = device
        self.curve = FuelCurve(device.fuel_curve, device.rated_kw)
        self.tank = None if device.tank is None else TankModel(device.tank)
        self.grid_forming = device.grid_forming
        self.min_kw = device.min_load_fraction * device.rated_kw
        self.ramp_kw_per_s = device.ramp_fraction_per_s * device.rated_kw
        #: Ramped setpoint; what it gives while nothing but the setpoint moves it, kW.
        self.reference_kw = 0.0
        self.phase = Phase.IDLE
        self.phase_end_ms = NEVER_MS
        self.since_ms = kernel.now_ms
        self.fuel_used = 0.0
        self.starts = 0
        self.failed_starts = 0
        self.fail_numbers: set[int] = set()
        self.fail_next = 0
        self.failing = False
        self.doomed_s: float | None = None
        self.starved = False
        self.still = True
        self._tries_left = 0
        self._tries_failing = 0
        self._run_h = 0.0
        self._turning_since_ms = NEVER_MS
        self._burn_step = 0.0
        self._odds = start_odds(device.reliability.fail_to_start, device.crank_attempts)
        self._idle_points: dict[str, float] | None = None
        if device.on_at_start:
            self.be_running()

    def be_running(self) -> None:
        """Be on the line at minimum load, as found when the world begins."""
        self._turn()
        self._enter(Phase.ON)
        self.power_kw = self.reference_kw = self.setpoint_kw = self.min_kw

    # Orders.

    def start(self) -> None:
        """Begin the start sequence, or come back from cooling down."""
        if self.phase in (Phase.UNLOAD, Phase.COOL):
            if self.phase is Phase.COOL:
                self._at_speed()
            else:
                self._enter(Phase.ON)
            return
        if self.phase is not Phase.IDLE:
            return
        if self.tank is not None and self.tank.usable <= 0.0:
            self.alarms |= AlarmBit.LOW_FUEL
            return
        lasting, soft = self._odds
        tries = self.device.crank_attempts
        number = self.starts + self.failed_starts + 1
        rolls = [self._dice.random() for _ in range(tries + 1)]
        doomed = rolls[0] < lasting or self.failing or number in self.fail_numbers
        for pool in (self, self.site.area):
            if not doomed and pool.fail_next > 0:
                pool.fail_next -= 1
                doomed = True
        self._tries_left = tries
        self._tries_failing = tries if doomed else 0
        if not doomed:
            while self._tries_failing < tries and rolls[self._tries_failing + 1] < soft:
                self._tries_failing += 1
        self._next_try()

    def stop(self) -> None:
        """Unload, open, cool down, stop; a start under way is broken off."""
        if self.phase in (Phase.TRY, Phase.REST, Phase.RUN_UP):
            self._enter(Phase.IDLE)
        elif self.phase in (Phase.WARM, Phase.ON):
            if self.power_kw > 0.0 and not self.site.carries_local(self):
                self._enter(Phase.UNLOAD, self.power_kw / self.ramp_kw_per_s)
            else:
                self._open_and_cool()
        elif self.phase in (Phase.READY, Phase.SYNC):
            self._open_and_cool()

    def reset(self) -> None:
        """Clear a fault, a lock-out or an emergency stop."""
        if self.phase not in (Phase.TRIPPED, Phase.LOCKED):
            return
        if self.phase is Phase.TRIPPED:
            self._life_h = self._dice.expovariate(1.0) * self._mttf_h
        self.alarms &= AlarmBit.NOT_IN_AUTO
        self._enter(Phase.IDLE)

    def emergency_stop(self) -> None:
        """Stop at once, without cooling down, and latch."""
        self.alarms |= AlarmBit.EMERGENCY_STOP
        self._enter(Phase.LOCKED)

    def trip(self, alarm: AlarmBit) -> None:
        """Fall off the line with a fault."""
        self.alarms |= alarm
        self.doomed_s = None
        self._enter(Phase.TRIPPED)

    def refuel(self, amount: float) -> None:
        """Take fuel from a lorry, l or m3, up to the tank's capacity."""
        if self.tank is not None and self.device.tank is not None:
            self.tank.level = min(self.tank.level + amount, self.device.tank.capacity)
            if self.tank.level >= self.tank.low_level:
                self.alarms &= ~AlarmBit.LOW_FUEL
            self._idle_points = None
            self.site.happened()

    # Life.

    def _next_try(self) -> None:
        self._tries_left -= 1
        if self._tries_failing > 0:
            self._tries_failing -= 1
            self._enter(Phase.TRY, self._dice.uniform(*self.try_s))
        else:
            self._turn()
            self._enter(Phase.RUN_UP, self.device.start_s)

    def _turn(self) -> None:
        self._turning_since_ms = self.kernel.now_ms
        self.trip_at_ms = self.kernel.now_ms + int(self._life_h * 3_600_000)

    def _enter(self, phase: Phase, for_s: float | None = None) -> None:
        """Change phase; with ``for_s`` something follows by itself after that time, s."""
        now_ms = self.kernel.now_ms
        self.site.happened()
        was_turning = self._turning_since_ms != NEVER_MS
        self.phase = phase
        self.since_ms = now_ms
        self._idle_points = None
        self.phase_end_ms = NEVER_MS if for_s is None else now_ms + round(for_s * 1000)
        self._phase_begins()
        self.still = phase in STILL
        if self.still:
            self.mean_kw = self._burn_step = 0.0
        if phase not in ON_LINE:
            self.power_kw = self.reference_kw = 0.0
        elif phase is Phase.UNLOAD:
            self.reference_kw = self.power_kw
        if was_turning and phase not in TURNING:
            turned_h = (now_ms - self._turning_since_ms) / 3_600_000
            self._run_h += turned_h
            self._life_h -= turned_h
            self._turning_since_ms = self.trip_at_ms = NEVER_MS
        if phase is Phase.ON:
            self._meet_doom(now_ms)
        self.kernel.at(min(self.phase_end_ms, self.trip_at_ms), self)
        self.site.settle()

    def _meet_doom(self, now_ms: int) -> None:
        if self.doomed_s is None and self.site.area.doomed_s is not None:
            self.doomed_s, self.site.area.doomed_s = self.site.area.doomed_s, None
        if self.doomed_s is not None:
            self.trip_at_ms = min(self.trip_at_ms, now_ms + round(self.doomed_s * 1000))

    def doom(self, after_s: float) -> None:
        """Make it trip that long after it is next (or now) on the line, s."""
        self.doomed_s = after_s
        if self.phase is Phase.ON:
            self._enter(Phase.ON)

    def wake(self) -> None:
        """A phase is over, or its time to failure has come."""
        if self.kernel.now_ms >= self.trip_at_ms:
            roll = self._dice.random()
            self.trip(next(alarm for share, alarm in TRIP_CAUSES if roll < share))
            return
        if self.phase is Phase.TRY:
            if self._tries_left <= 0:
                self.failed_starts += 1
                self.alarms |= AlarmBit.FAIL_TO_START
                self._enter(Phase.LOCKED)
            else:
                self._enter(Phase.REST, self._dice.uniform(*self.rest_s))
        elif self.phase is Phase.REST:
            self._next_try()
        elif self.phase is Phase.RUN_UP:
            self.starts += 1
            self._at_speed()
        elif self.phase is Phase.SYNC:
            if self.device.warmup_s > 0.0:
                self._enter(Phase.WARM, self.device.warmup_s)
            else:
                self._enter(Phase.ON)
        elif self.phase is Phase.WARM:
            self._enter(Phase.ON)
        elif self.phase is Phase.UNLOAD:
            self._open_and_cool()
        elif self.phase is Phase.COOL:
            self._enter(Phase.IDLE)

    def _at_speed(self) -> None:
        """Rated speed, breaker open: take the local bus, or synchronise, or wait."""
        self._enter(Phase.READY)
        self.bus_changed()

    def _open_and_cool(self) -> None:
        self._enter(Phase.COOL, self.device.cooldown_s)

    def bus_changed(self) -> None:
        """Open when the bus in parallel died; synchronise when there is one to join."""
        if self.site.carries_local(self):
            if self.phase in (Phase.READY, Phase.SYNC, Phase.WARM):
                self._enter(Phase.ON)
        elif self.site.parallel_allowed(self):
            if self.phase is Phase.READY:
                self._enter(Phase.SYNC, self.device.sync_s)
        elif self.phase in (Phase.SYNC, Phase.WARM, Phase.ON):
            self._enter(Phase.READY)
        elif self.phase is Phase.UNLOAD:
            self._open_and_cool()

    # Power.

    @property
    def ready(self) -> bool:
        """Whether it turns at rated speed and could carry the site's own bus now."""
        return self.grid_forming and self.phase in AT_SPEED

    @property
    def breaker_closed(self) -> bool:
        """Whether it is connected to the bus."""
        return self.phase in ON_LINE

    def propose(self, dt_s: float, available_kw: float) -> None:
        """Ramp towards the setpoint, kept between minimum load and rating."""
        phase = self.phase
        if phase is Phase.ON:
            target_kw = min(max(self.setpoint_kw, self.min_kw), self.rated_kw)
        elif phase is Phase.WARM:
            target_kw = self.min_kw
        elif phase is Phase.UNLOAD:
            target_kw = 0.0
        else:
            self.mean_kw = 0.0
            self._burn(self.curve.no_load_per_h, dt_s)
            return
        first_kw = self.reference_kw
        gap_kw = target_kw - first_kw
        reach_kw = self.ramp_kw_per_s * dt_s
        if gap_kw == 0.0:
            self.mean_kw = self.power_kw = first_kw
            self._burn(self.curve.per_h(first_kw), dt_s)
            return
        if -reach_kw <= gap_kw <= reach_kw:
            share = abs(gap_kw) / reach_kw
            last_kw = target_kw
        else:
            share = 1.0
            last_kw = first_kw + (reach_kw if gap_kw > 0.0 else -reach_kw)
        self.power_kw = self.reference_kw = last_kw
        self.mean_kw = 0.5 * share * (first_kw + last_kw) + (1.0 - share) * last_kw
        ramp_per_h = self.curve.mean_per_h(first_kw, last_kw)
        self._burn(share * ramp_per_h + (1.0 - share) * self.curve.per_h(last_kw), dt_s)

    def carry(self, mean_kw: float, dt_s: float) -> None:
        """Take what the bus asks instead of the setpoint."""
        self.mean_kw = self.power_kw = mean_kw
        self._burn(self.curve.per_h(mean_kw), dt_s)

    def most_kw(self, dt_s: float) -> float:
        """Most mean power for a step, as far as the tank's fuel reaches, kW."""
        if self.tank is None:
            return self.rated_kw
        most_per_h = self.tank.usable * 3600.0 / dt_s
        full_per_h, idle_per_h = self.curve.per_h(self.rated_kw), self.curve.no_load_per_h
        if most_per_h >= full_per_h or full_per_h <= idle_per_h:
            return self.rated_kw
        return self.rated_kw * max(0.0, (most_per_h - idle_per_h) / (full_per_h - idle_per_h))

    @property
    def carries(self) -> bool:
        """Whether it is closed onto the site's own bus."""
        return self.phase is Phase.ON and self.site.carries_local(self)

    def _burn(self, per_h: float, dt_s: float) -> None:
        self.starved = False
        amount = per_h * dt_s / 3600.0
        tank = self.tank
        if tank is not None and amount > 0.0 and amount >= tank.level - tank.sump:
            self.mean_kw *= tank.usable / amount
            amount = tank.usable
            self.starved = True
        self._burn_step = amount

    def account(self, dt_h: float) -> None:
        """Book energy and fuel of the step; an empty tank ends the run."""
        if self._burn_step:
            self.fuel_used += self._burn_step
            if self.tank is not None:
                self.tank.level -= self._burn_step
                if self.tank.level < self.tank.low_level and not self.alarms & AlarmBit.LOW_FUEL:
                    self.alarms |= AlarmBit.LOW_FUEL
                    self.site.happened()
        self.produced_kwh += self.mean_kw * dt_h
        if self.starved:
            self.starved = False
            self.trip(AlarmBit.LOW_FUEL)

    # Reading.

    def run_h(self) -> float:
        """Hour meter, h."""
        if self._turning_since_ms == NEVER_MS:
            return self._run_h
        return self._run_h + (self.kernel.now_ms - self._turning_since_ms) / 3_600_000

    def available_kw(self) -> float:
        """The most it could give when run, kW; 0 in fault, locked, not in auto or out of fuel."""
        if self.phase in (Phase.TRIPPED, Phase.LOCKED) or self.mode is not Mode.AUTO:
            return 0.0
        if self.tank is not None and self.tank.usable <= 0.0:
            return 0.0
        return self.rated_kw

    def measure(self) -> Mapping[str, float]:
        """Canonical points by name; the same object while idle."""
        if self._idle_points is not None:
            return self._idle_points
        closed = self.breaker_closed
        turning = self.phase in TURNING and self.phase is not Phase.RUN_UP
        frequency_hz, voltage_pu = self.site.bus_of(self) if closed else (0.0, 0.0)
        if turning and not closed:
            frequency_hz, voltage_pu = self.site.area.nominal_hz, 1.0
        points = {
            "mode": float(self.mode),
            "state": STATE_INDEX[STATE_OF[self.phase]],
            "breaker": 1.0 if closed else 0.0,
            "power_kw": self.power_kw,
            "available_kw": self.available_kw(),
            "frequency_hz": frequency_hz,
            "voltage_pu": voltage_pu,
            "fuel_used": self.fuel_used,
            "run_h": self.run_h(),
            "starts": float(self.starts),
            "failed_starts": float(self.failed_starts),
            "produced_kwh": self.produced_kwh,
            "absorbed_kwh": 0.0,
            "alarm_bits": float(self.alarms),
        }
        if self.tank is not None:
            points["fuel_level"] = self.tank.level
        self._gauges(points, turning)
        if self.phase is Phase.IDLE and self._settled():
            self._idle_points = points
        return points

    def _settled(self) -> bool:
        """Whether an idle machine's readings no longer change."""
        return True

    def _phase_begins(self) -> None:
        """A new phase has begun; for kinds that keep more than this."""

    def _gauges(self, points: dict[str, float], turning: bool) -> None:
        """Add what only this kind of machine shows."""

    def set_mode(self, mode: Mode) -> None:
        """Turn the controller's own switch."""
        super().set_mode(mode)
        self._idle_points = None
