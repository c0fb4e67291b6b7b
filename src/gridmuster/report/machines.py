"""What each device did: energy, fuel, starts, hours by purpose, and what that cost."""

from __future__ import annotations

from typing import Final

from gridmuster.fleet.devices import (
    Device,
    Generator,
    Photovoltaic,
    Store,
    WindTurbine,
)
from gridmuster.fleet.economics import FuelLine, fuel_line
from gridmuster.fleet.model import Fleet
from gridmuster.report.tally import HOLD_MS, Count, Tally
from gridmuster.signals import (
    DeviceReading,
    DeviceState,
    Order,
    Purpose,
    Setpoint,
    SiteCommand,
    SiteReport,
)
from gridmuster.units import MS_PER_HOUR

ON: Final = frozenset({DeviceState.STARTING, DeviceState.WARMING, DeviceState.RUNNING})
#: States in which an engine turns and its hour meter counts.
TURNING: Final = frozenset({DeviceState.WARMING, DeviceState.RUNNING, DeviceState.COOLING})
BROKEN: Final = frozenset({DeviceState.FAULT, DeviceState.LOCKED, DeviceState.UNKNOWN})
#: Basis of hours that no center asked for, outside outages.
SITE_BASIS: Final = "site"
#: Below this share of the rating, or 0.1 kW, what is not used of sun and wind is noise.
CURTAILED_SHARE: Final = 0.01
CURTAILED_KW: Final = 0.1


class Machine:
    """One device's books.

    Args:
        device: the device.
        fuel_price_usd: price of its fuel, USD per l or m3; 0 for what burns none.
        began_ms: start of the period, ms.
    """

    def __init__(self, device: Device, fuel_price_usd: float, began_ms: int) -> None:
        self.describe(device, fuel_price_usd)
        charge_kw = self.store.max_charge_kw if self.store else device.rated_kw
        self.produced = Tally(device.rated_kw, began_ms)
        self.absorbed = Tally(charge_kw, began_ms)
        most_per_h = self._line.rate_per_h(device.rated_kw) * 1.1 if self._line else 0.0
        self.fuel = Tally(most_per_h, began_ms)
        self.hours = Tally(1.0, began_ms)
        self.starts = Count()
        self.failed_starts = Count()
        self.hours_by_basis: dict[str, float] = {}
        self.basis = SITE_BASIS
        self.fuel_usd = self.start_usd = self.om_usd = self.wear_usd = 0.0
        self.curtailed_kwh = 0.0
        self.first_energy_kwh: float | None = None
        self.last_energy_kwh: float | None = None
        self.commands = 0
        self._last: DeviceReading | None = None
        self._tallies = (
            (self.produced, self.fuel, self.hours)
            if self.generator
            else ((self.produced, self.absorbed))
        )
        self._on = False
        self._turning = False
        self._spare_kw = 0.0
        self._spare_ms = began_ms

    def describe(self, device: Device, fuel_price_usd: float) -> None:
        """Take the device as a head has it; what was booked stays."""
        self.device = device
        self.generator = device if isinstance(device, Generator) else None
        self.store = device if isinstance(device, Store) else None
        self.renewable = isinstance(device, Photovoltaic | WindTurbine)
        self.fuel_price_usd = fuel_price_usd
        self._line: FuelLine | None = fuel_line(self.generator) if self.generator else None

    def begin(self, at_ms: int) -> None:
        """Begin anew at an instant; what was booked stays."""
        for tally in (self.produced, self.absorbed, self.fuel, self.hours):
            tally.begin(at_ms)
        self._last = None
        self.starts.begin()
        self.failed_starts.begin()
        self._on = self._turning = False
        self._spare_kw, self._spare_ms = 0.0, at_ms

    def take(self, at_ms: int, reading: DeviceReading, outage: bool) -> None:
        """Take a reading.

        Args:
            at_ms: when it was taken, ms.
            reading: the reading.
            outage: whether the site's utility is away.
        """
        power_kw = reading.power_kw
        if not power_kw and not self._on and not self._turning and reading == self._last:
            # A set at rest, or a store that holds: nothing but time has moved.
            for tally in self._tallies:
                tally.still(at_ms)
            return
        self._last = reading if not self.renewable else None
        self._energy(self.produced.take(at_ms, max(power_kw, 0.0), reading.produced_kwh))
        if self.generator is not None:
            self._burn(at_ms, reading, outage)
        elif self.store is not None:
            self.absorbed.take(at_ms, max(-power_kw, 0.0), reading.absorbed_kwh)
            if reading.energy_kwh is not None:
                if self.first_energy_kwh is None:
                    self.first_energy_kwh = reading.energy_kwh
                self.last_energy_kwh = reading.energy_kwh
        elif self.renewable:
            self._curtail(at_ms, reading, outage)

    def asked(self, setpoint: Setpoint, outage: bool) -> None:
        """Note that a center asked something of the device."""
        self.commands += 1
        if setpoint.order is Order.RUN:
            if not outage:
                self.basis = setpoint.purpose.value
        elif not self._on and not self._turning:
            self.basis = SITE_BASIS

    def end(self, at_ms: int) -> None:
        """Close at the end of the period, ms."""
        self._energy(self.produced.end(at_ms))
        self.absorbed.end(at_ms)
        if self.generator is not None:
            self.fuel_usd += self.fuel.end(at_ms) * self.fuel_price_usd
            self._book_hours(self.hours.end(at_ms))
        if self._spare_kw:
            self._curtail_until(at_ms)

    def _energy(self, gained_kwh: float) -> None:
        if gained_kwh:
            self.om_usd += gained_kwh * self.device.variable_om_usd_per_kwh
            if self.store is not None:
                self.wear_usd += gained_kwh * self.store.cycle_cost_usd_per_kwh

    def _burn(self, at_ms: int, reading: DeviceReading, outage: bool) -> None:
        assert self.generator is not None and self._line is not None
        state = reading.state
        on = state in ON
        if state is DeviceState.UNKNOWN:
            on = self._on
        turning = state in TURNING
        if on and outage:
            self.basis = Purpose.OUTAGE.value
        rate = self._line.rate_per_h(reading.power_kw) if turning else 0.0
        self.fuel_usd += self.fuel.take(at_ms, rate, reading.fuel_used) * self.fuel_price_usd
        self._book_hours(self.hours.take(at_ms, 1.0 if turning else 0.0, reading.run_h))
        self._count_starts(reading, turning)
        if (self._on or self._turning) and not on and not turning:
            self.basis = SITE_BASIS
        self._on, self._turning = on, turning

    def _count_starts(self, reading: DeviceReading, turning: bool) -> None:
        assert self.generator is not None
        if reading.starts is not None:
            gained = self.starts.take(reading.starts)
        else:
            gained = int(turning and not self._turning and self.hours.heard_ms is not None)
            self.starts.total += gained
        self.start_usd += gained * self.generator.start_cost_usd
        if reading.failed_starts is not None:
            self.failed_starts.take(reading.failed_starts)

    def _book_hours(self, gained_h: float) -> None:
        if gained_h:
            self.hours_by_basis[self.basis] = self.hours_by_basis.get(self.basis, 0.0) + gained_h

    def _curtail(self, at_ms: int, reading: DeviceReading, outage: bool) -> None:
        if self._spare_kw:
            self._curtail_until(at_ms)
        self._spare_ms = at_ms
        spare_kw = reading.available_kw - max(reading.power_kw, 0.0)
        least_kw = max(CURTAILED_SHARE * self.device.rated_kw, CURTAILED_KW)
        held_back = spare_kw > least_kw and not outage and reading.state not in BROKEN
        self._spare_kw = spare_kw if held_back else 0.0

    def _curtail_until(self, at_ms: int) -> None:
        held_ms = min(at_ms - self._spare_ms, HOLD_MS)
        self.curtailed_kwh += self._spare_kw * max(held_ms, 0) / MS_PER_HOUR
        self._spare_ms = at_ms


class MachineBook:
    """The books of every device that was ever in the fleet."""

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}
        self.area_of: dict[str, str] = {}
        self._outage: dict[str, bool] = {}

    def session(self, fleet: Fleet, now_ms: int, restarts: bool) -> None:
        """A head: new devices join; when time went back everyone begins anew."""
        if restarts:
            for machine in self.machines.values():
                machine.begin(now_ms)
            self._outage.clear()
        for device in fleet.devices:
            self.area_of[device.id] = fleet.site_by_id[device.site].area
            price = fleet.fuel_prices.of(device.fuel) if isinstance(device, Generator) else 0.0
            known = self.machines.get(device.id)
            if known is None:
                self.machines[device.id] = Machine(device, price, now_ms)
            else:
                known.describe(device, price)

    def report(self, at_ms: int, report: SiteReport) -> None:
        """Take a site's report."""
        outage = self._outage[report.site] = not report.utility_ok
        for reading in report.devices:
            machine = self.machines.get(reading.device)
            if machine is not None and machine.device.site == report.site:
                machine.take(at_ms, reading, outage)

    def command(self, command: SiteCommand) -> None:
        """Note what a site is asked."""
        outage = self._outage.get(command.site, False)
        for setpoint in command.setpoints:
            machine = self.machines.get(setpoint.device)
            if machine is not None:
                machine.asked(setpoint, outage)

    def end(self, at_ms: int) -> None:
        """Close all books at the end of the period, ms."""
        for machine in self.machines.values():
            machine.end(at_ms)
