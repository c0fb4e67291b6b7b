"""A site: its transfer arrangement, its own protected load, and what feeds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gridmuster.fleet.devices import (
    Device,
    EmergencyGenerator,
    Engine,
    FuelCell,
    Microturbine,
    Photovoltaic,
    WindTurbine,
)
from gridmuster.fleet.model import Site, TransferKind
from gridmuster.signals import Supply
from gridmuster.simulator.controller import SUPPLY_INDEX, AlarmBit
from gridmuster.simulator.engine import EngineModel
from gridmuster.simulator.environment import Row
from gridmuster.simulator.fuel_cell import FuelCellModel
from gridmuster.simulator.generator import GeneratorModel, Phase
from gridmuster.simulator.instrument import Instrument
from gridmuster.simulator.kernel import NEVER_MS, Kernel
from gridmuster.simulator.machine import Machine
from gridmuster.simulator.microturbine import MicroturbineModel
from gridmuster.simulator.renewable import RenewableModel
from gridmuster.simulator.store import StoreModel

if TYPE_CHECKING:
    from gridmuster.simulator.area import AreaModel
    from gridmuster.simulator.meters import MeterModel

#: IEEE 1547-2018: voltage and frequency healthy this long before a source may connect, s.
ENTER_SERVICE_S: Final = 300
#: Load dark while an open-transition switch moves between two live sources, s (K).
OPEN_GAP_S: Final = 0.1
#: Export above the limit this long trips the engines at the site, s.
EXPORT_TRIP_S: Final = 2.0
#: How long the panel shows that its export relay has tripped, s (K).
ALARM_S: Final = 600
#: A bridge battery (lead-acid) fills in ten hours and gives back 80 % (`domain.md` section 1).
BRIDGE_FILL_H: Final = 10.0
BRIDGE_EFFICIENCY: Final = 0.8


def build_model(device: Device, site: SiteModel, kernel: Kernel, weather_kw: float) -> Machine:
    """The model that goes with a device of the fleet; sun and wind begin with the weather."""
    match device:
        case EmergencyGenerator() | Engine():
            return EngineModel(device, site, kernel)
        case Microturbine():
            return MicroturbineModel(device, site, kernel)
        case FuelCell():
            return FuelCellModel(device, site, kernel)
        case Photovoltaic() | WindTurbine():
            return RenewableModel(device, site, kernel, weather_kw)
        case _:
            return StoreModel(device, site, kernel, on=False)


class SiteModel(Instrument):
    """One site and its panel (a `ControllerModel`).

    Args:
        site: the fleet's description.
        area: the area it is fed from.
        kernel: the world's timekeeping.
        column: where its protected load stands in a row.
    """

    def __init__(self, site: Site, area: AreaModel, kernel: Kernel, column: int) -> None:
        super().__init__()
        self.id = site.id
        self.area = area
        self.kernel = kernel
        self.column = column
        self.wake_ms = NEVER_MS
        self.tripped_at_ms = -NEVER_MS
        self.transfer = site.transfer
        self._export_limit_kw = site.transfer.export_limit_kw
        self.outage = False
        self._outages = 0
        self.local = False
        self.want_local = False
        self.switching_until_ms = 0
        self.enter_at_ms = kernel.now_ms
        self.load_kw = 0.0
        self.load_mean_kw = 0.0
        self.unmet_mean_kw = 0.0
        self.served_share = 1.0
        self.unserved_kwh = 0.0
        self.auxiliary_mean_kw = 0.0
        self.bridged_kwh = 0.0
        self.meters: list[MeterModel] = []
        self.bridge_kwh = self.bridge_capacity_kwh = site.bridge_energy_kwh
        self.generators: list[GeneratorModel] = []
        self.renewables: list[tuple[RenewableModel, int]] = []
        self.stores: list[StoreModel] = []
        self.machines: list[Machine] = []
        self._standby_kw = 0.0
        self._dt_s = 0.0
        self._bridge_in_kw = 0.0
        self._over_export_s = 0.0
        self._settling = False
        self._healthy = True
        self._short = False
        #: Grows with everything that happens at this site.
        self.changes = 0

    def add(self, device: Device, column: int | None, row: Row) -> Machine:
        """Install a device; ``column`` is where its weather stands in a row."""
        machine = build_model(device, self, self.kernel, 0.0 if column is None else row[column])
        self.machines.append(machine)
        if isinstance(machine, GeneratorModel):
            self.generators.append(machine)
        elif isinstance(machine, RenewableModel) and column is not None:
            self.renewables.append((machine, column))
        elif isinstance(machine, StoreModel):
            self.stores.append(machine)
            self._standby_kw += machine.standby_kw
        return machine

    # The bus.

    @property
    def healthy(self) -> bool:
        """Whether the utility side of the panel is live and within its limits."""
        return not self.outage and self.area.energised

    @property
    def switching(self) -> bool:
        """Whether the switch is between its two positions."""
        return self.kernel.now_ms < self.switching_until_ms

    def inverter_bus_live(self, inverter: Machine) -> bool:
        """Whether an inverter has a bus to follow (or may form one)."""
        forming = isinstance(inverter, StoreModel) and inverter.grid_forming
        gear = self.area.switchgear
        if gear is not None and inverter.id in gear.formers:
            return self._former_allowed(inverter)
        if self.healthy:
            lives = forming and self.area.islanded and gear is None
            return lives or self.kernel.now_ms >= self.enter_at_ms
        if forming:
            return self.local or (self.area.islanded and gear is None and not self.outage)
        return False

    def carries_local(self, generator: GeneratorModel) -> bool:
        """Whether this generator is on the site's own bus, apart from the utility."""
        return self.local and not self.switching and generator.grid_forming

    def parallel_allowed(self, generator: GeneratorModel) -> bool:
        """Whether its synchronising relay may close it onto the utility's bus."""
        if not (generator.inverter_coupled or self.transfer.engine_may_export):
            return False
        gear = self.area.switchgear
        if gear is not None and generator.id in gear.formers:
            return self._former_allowed(generator)
        if self.area.islanded and generator.grid_forming and gear is None:
            return not self.outage and not self.local
        return self.healthy and self.kernel.now_ms >= self.enter_at_ms

    def _former_allowed(self, former: Machine) -> bool:
        """Whether a former of the area may be on its bus; a dead one takes the permission."""
        gear = self.area.switchgear
        if gear is None or self.outage or self.local:
            return False
        if not self.area.energised:
            return gear.permits(former.id)
        return self.area.islanded or self.kernel.now_ms >= self.enter_at_ms

    def bus_of(self, machine: Machine) -> tuple[float, float]:
        """Frequency, Hz, and voltage, per unit, of the bus a device is on."""
        if self.healthy:
            return self.area.frequency_hz, self.area.voltage_pu
        if self.supply() is Supply.LOCAL:
            return self.area.nominal_hz, 1.0
        return 0.0, 0.0

    def supply(self) -> Supply:
        """What feeds the protected load now."""
        if self.switching:
            return Supply.DEAD
        if self.local:
            return Supply.LOCAL if self._local_source() else Supply.DEAD
        if not self.healthy:
            return Supply.DEAD
        if any(generator.breaker_closed for generator in self.generators):
            return Supply.PARALLEL
        return Supply.UTILITY

    def _local_source(self) -> bool:
        if any(generator.ready for generator in self.generators):
            return True
        return not self.healthy and any(store.can_form() for store in self.stores)

    # Switching.

    def order(self, name: str, value: float) -> None:
        """Take an order at once; unknown ones are ignored."""
        if not value:
            return
        if name == "transfer_to_local":
            self.want_local = True
        elif name == "transfer_to_utility":
            self.want_local = False
        else:
            return
        self.settle()

    def happened(self) -> None:
        """Something changed here that is more than a figure that moves."""
        self.changes += 1
        self.kernel.changes += 1

    def set_outage(self, begins: bool) -> None:
        """A reason for the site's service to fail begins or ends; it is back when none is left."""
        self._outages += 1 if begins else -1
        self.outage = self._outages > 0
        self.service_changed()

    def service_changed(self) -> None:
        """The utility side came or went: inverters and engines in parallel let go at once."""
        healthy = self.healthy
        self.happened()
        if healthy and not self._healthy:
            self.enter_at_ms = self.kernel.now_ms + ENTER_SERVICE_S * 1000
        self._healthy = healthy
        self.settle()

    def wake(self) -> None:
        """A gap is over, or the bus has been healthy long enough."""
        self.happened()
        self.settle()

    def settle(self) -> None:
        """Move the switch where wishes and sources say, and tell the devices."""
        if self._settling:
            return
        self._settling = True
        for _ in range(4):
            before = (self.local, self.switching_until_ms)
            self._move()
            for machine in self.machines:
                machine.bus_changed()
            if (self.local, self.switching_until_ms) == before:
                break
        self._settling = False
        later = [
            at for at in (self.switching_until_ms, self.enter_at_ms) if at > self.kernel.now_ms
        ]
        self.kernel.at(min(later, default=NEVER_MS), self)

    def _move(self) -> None:
        if self.switching:
            return
        source = self._local_source()
        if not self.local and self.want_local and source:
            self._switch(local=True)
        elif self.local and self.healthy and not (self.want_local and source):
            self._switch(local=False)

    def _switch(self, *, local: bool) -> None:
        both_live = self.healthy and self._local_source()
        self.local = local
        self.happened()
        if local and not self.healthy:
            for store in self.stores:
                if store.grid_forming:
                    store.start()
        if both_live and self.transfer.kind is TransferKind.TRANSFER_SWITCH:
            self.switching_until_ms = self.kernel.now_ms + round(OPEN_GAP_S * 1000)

    # A step.

    def propose(self, dt_s: float, row: Row, mean: Row | None = None) -> float:
        """Work out the step.

        Args:
            dt_s: its length, s.
            row: the environment at its end.
            mean: its mean over the step; None: that of its two ends.

        Returns:
            Mean net draw from the area's feeder, kW (negative: the site sends out).
        """
        self._dt_s = dt_s
        last_kw, self.load_kw = self.load_kw, row[self.column]
        load_kw = 0.5 * (last_kw + self.load_kw) if mean is None else mean[self.column]
        self.load_mean_kw = load_kw
        switching = self.kernel.now_ms < self.switching_until_ms
        local = self.local and not switching
        sent_kw = 0.0
        for renewable, column in self.renewables:
            renewable.propose(dt_s, row[column])
            if mean is not None and renewable.mean_kw > 0.0:
                renewable.mean_kw = min(mean[column], renewable.setpoint_kw)
            sent_kw += renewable.mean_kw
        for store in self.stores:
            store.propose(dt_s, 0.0)
            sent_kw += store.mean_kw
        for generator in self.generators:
            if generator.still:
                continue
            generator.propose(dt_s, 0.0)
            if not (local and generator.grid_forming):
                sent_kw += generator.mean_kw
        healthy = not self.outage and self.area.energised
        self.unmet_mean_kw = self._bridge_in_kw = 0.0
        self.auxiliary_mean_kw = self._standby_kw if healthy else 0.0
        draw_kw = self.auxiliary_mean_kw
        if local:
            sent_kw -= self._carry(load_kw, dt_s)
        elif healthy and not switching:
            if self.bridge_kwh < self.bridge_capacity_kwh:
                self._bridge_in_kw = self._refill(dt_s)
            draw_kw += load_kw + self._bridge_in_kw
        else:
            self.unmet_mean_kw = load_kw
        over_kw = sent_kw - draw_kw - self._export_limit_kw
        if over_kw > 0.0:
            sent_kw -= self._limit_export(over_kw, dt_s)
        elif self._over_export_s:
            self._over_export_s = 0.0
        self.auxiliary_mean_kw += self._bridge_in_kw
        return draw_kw - sent_kw

    def _refill(self, dt_s: float) -> float:
        room_kwh = self.bridge_capacity_kwh - self.bridge_kwh
        room_kw = room_kwh / BRIDGE_EFFICIENCY * 3600.0 / dt_s
        return min(self.bridge_capacity_kwh / BRIDGE_FILL_H / BRIDGE_EFFICIENCY, room_kw)

    def _carry(self, load_kw: float, dt_s: float) -> float:
        """Feed the protected load from the site's own sources.

        Returns:
            What stores had been counted for on the utility's side and no longer give there, kW.
        """
        running = [g for g in self.generators if g.carries]
        rating_kw = sum(generator.rated_kw for generator in running)
        share = min(1.0, load_kw / rating_kw) if rating_kw else 0.0
        left_kw = load_kw
        for generator in running:
            generator.carry(share * generator.rated_kw, dt_s)
            generator.reference_kw = generator.power_kw
            left_kw -= generator.mean_kw
        counted_kw = 0.0
        if not self.healthy:
            for store in self.stores:
                counted_kw += store.mean_kw
                most_kw = store.reach(dt_s)[1] if store.can_form() else 0.0
                store.carry(min(max(left_kw, 0.0), most_kw), dt_s)
                left_kw -= store.mean_kw
        self.unmet_mean_kw = max(0.0, left_kw) if left_kw > 1e-9 else 0.0
        return counted_kw

    def _limit_export(self, over_kw: float, dt_s: float) -> float:
        """Hold the site within its export limit: sun and wind give way, then stores.

        Returns:
            By how much less is sent, kW.
        """
        cut_kw = 0.0
        for renewable, _ in self.renewables:
            if renewable.mean_kw > 0.0:
                take_kw = min(renewable.mean_kw, over_kw - cut_kw)
                renewable.trim(1.0 - take_kw / renewable.mean_kw)
                cut_kw += take_kw
        for store in self.stores:
            if store.mean_kw > 0.0:
                take_kw = min(store.mean_kw, over_kw - cut_kw)
                store.carry(store.mean_kw - take_kw, dt_s)
                cut_kw += take_kw
        if over_kw - cut_kw > 0.02 * self._export_limit_kw + 0.5:
            self._over_export_s += dt_s
        else:
            self._over_export_s = 0.0
        return cut_kw

    def cut_output(self, surplus_kw: float) -> float:
        """Take away output that the area cannot use, sun and wind first; returns how much, kW."""
        cut_kw = 0.0
        for renewable, _ in self.renewables:
            if renewable.mean_kw > 0.0:
                take_kw = min(renewable.mean_kw, surplus_kw - cut_kw)
                renewable.trim(1.0 - take_kw / renewable.mean_kw)
                cut_kw += take_kw
        island = self.area.islanded
        followers: list[StoreModel | GeneratorModel] = []
        if self.healthy or not self.local:
            followers += [s for s in self.stores if not (island and s.grid_forming)]
        if island and not self.local:
            followers += [
                g for g in self.generators if not (g.grid_forming and g.phase is Phase.ON)
            ]
        for unit in followers:
            if unit.mean_kw > 0.0:
                take_kw = min(unit.mean_kw, surplus_kw - cut_kw)
                unit.carry(unit.mean_kw - take_kw, self._dt_s)
                cut_kw += take_kw
        return cut_kw

    def go_dark(self) -> None:
        """Take back what was proposed on a feeder that has turned out to be dead."""
        if not self.local and not self.switching:
            self.unmet_mean_kw = self.load_mean_kw
        self.auxiliary_mean_kw = self._bridge_in_kw = 0.0

    def account(self, dt_h: float) -> None:
        """Book the step's energies."""
        for renewable, _ in self.renewables:
            renewable.account(dt_h)
        for store in self.stores:
            store.account(dt_h)
        for generator in self.generators:
            if not generator.still:
                generator.account(dt_h)
        if self._bridge_in_kw:
            room_kwh = self.bridge_capacity_kwh - self.bridge_kwh
            self.bridge_kwh += min(room_kwh, self._bridge_in_kw * BRIDGE_EFFICIENCY * dt_h)
        self.served_share = 1.0
        if self._short and self.unmet_mean_kw <= 0.0:
            self._short = False
            self.happened()
        if self.unmet_mean_kw > 0.0:
            wanted_kwh = self.unmet_mean_kw * dt_h
            bridged_kwh = min(wanted_kwh, self.bridge_kwh)
            self.bridge_kwh -= bridged_kwh
            self.bridged_kwh += bridged_kwh
            missing_kwh = wanted_kwh - bridged_kwh
            if missing_kwh > 0.0:
                if not self._short:
                    self.happened()
                self._short = True
                self.unserved_kwh += missing_kwh
                self.served_share = 1.0 - missing_kwh / (self.load_mean_kw * dt_h)
                for meter in self.meters:
                    meter.go_short(1.0 - self.served_share, dt_h)
        if self._over_export_s >= EXPORT_TRIP_S:
            self._over_export_s = 0.0
            self.tripped_at_ms = self.kernel.now_ms
            self.happened()
            for generator in self.generators:
                if generator.breaker_closed and not self.carries_local(generator):
                    generator.trip(AlarmBit.REVERSE_POWER)

    def poi_kw(self) -> float:
        """What the site sends out at its point of interconnection now, kW."""
        if not self.healthy:
            return 0.0
        local = self.local and not self.switching
        sent_kw = sum(
            machine.power_kw
            for machine in self.machines
            if not (local and isinstance(machine, GeneratorModel) and machine.grid_forming)
        )
        drawn_kw = 0.0 if self.local or self.switching else self.load_kw + self._bridge_in_kw
        return sent_kw - drawn_kw - self._standby_kw

    def measure(self) -> Mapping[str, float]:
        """Canonical points of the panel."""
        healthy = self.healthy
        tripped = self.kernel.now_ms - self.tripped_at_ms < ALARM_S * 1000
        return {
            "utility_ok": 1.0 if healthy else 0.0,
            "frequency_hz": self.area.frequency_hz if healthy else 0.0,
            "voltage_pu": self.area.voltage_pu if healthy else 0.0,
            "supply": SUPPLY_INDEX[self.supply()],
            "poi_kw": self.poi_kw(),
            "backup_load_kw": self.load_kw,
            "bridge_kwh": self.bridge_kwh,
            "alarm_bits": float(AlarmBit.REVERSE_POWER) if tripped else 0.0,
        }
