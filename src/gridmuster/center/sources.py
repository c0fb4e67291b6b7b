"""Every device as what it can do now: a unit to commit, an offer to dispatch, or a fixed infeed.

A device that cannot be commanded (its site is silent or in outage, its switch is not in auto, an
operator holds it) is fixed at what it was last seen or told to give, and stays in the balance.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from gridmuster.center.calls import FAILED_STATES, LONG_S, ON_STATES
from gridmuster.center.operator import OperatorMemory
from gridmuster.dispatch.commitment import Standing, Unit
from gridmuster.dispatch.economic import Offer
from gridmuster.dispatch.offers import (
    PlannedStore,
    generator_offer,
    renewable_offer,
    store_offer,
)
from gridmuster.fleet.devices import Device, Generator, Store
from gridmuster.fleet.economics import CostLine, cost_line
from gridmuster.fleet.model import Fleet, Site
from gridmuster.safety import Context, Refused, check, permits
from gridmuster.signals import (
    DeviceReading,
    DeviceState,
    Order,
    Purpose,
    Setpoint,
    SiteReport,
    SwitchMode,
)
from gridmuster.state.snapshot import SiteStatus, Snapshot


@dataclass(slots=True)
class AreaSources:
    """What an area's devices can do in this cycle.

    Args:
        units: generators for the commitment.
        offers: devices whose power is decided now, by id.
        fixed_kw: devices whose power is not decided now, by id.
        firm_kw: what stores sustain and sun and wind give, kW.
        largest_other_kw: largest infeed that is no generator, kW.
        largest_other: whose it is.
    """

    units: list[Unit] = field(default_factory=list)
    offers: dict[str, Offer] = field(default_factory=dict)
    fixed_kw: dict[str, float] = field(default_factory=dict)
    firm_kw: float = 0.0
    largest_other_kw: float = 0.0
    largest_other: str = ""


@dataclass(frozen=True, slots=True)
class PlanNow:
    """What the plan says of this moment: who is on, store powers and values; empty without one."""

    on: dict[str, bool]
    stores: dict[str, PlannedStore]


class SourceBook:
    """Turns a snapshot into `AreaSources`.

    Args:
        fleet: the fleet.
        blocked_by_permit: whether a generator's permit forbids meeting demand at all.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        #: Sites with nothing but generators: their last word, and the units made of it.
        self._calm: dict[str, tuple[SiteReport, list[Unit]]] = {}
        self._engines_only = frozenset(
            site
            for site, devices in fleet.devices_of_site.items()
            if all(isinstance(device, Generator) for device in devices)
        )
        self._now_ms = 0
        self._context_of: Callable[[str], Context] | None = None
        self.costs: dict[str, CostLine] = {
            device.id: cost_line(device, fleet.fuel_prices)
            for device in fleet.devices
            if isinstance(device, Generator)
        }
        # A set that may never serve demand is not asked about in every cycle; where its site runs
        # it, how long it has been on is the site's business.
        self._barred: dict[str, Standing] = {
            device.id: Standing(LONG_S, f"permit {permits.name_of(device.permit)} forbids demand")
            for device in fleet.devices
            if isinstance(device, Generator) and not permits.allows(device.permit, Purpose.DEMAND)
        }
        self.merit: dict[str, float] = {
            device.id: self._merit_usd_per_kwh(device)
            for device in fleet.devices
            if isinstance(device, Generator)
        }

    def merit_for_demand(self) -> dict[str, float]:
        """Merit of the generators whose permits let them meet demand, USD/kWh by id."""
        return {one: usd for one, usd in self.merit.items() if one not in self._barred}

    def _merit_usd_per_kwh(self, device: Generator) -> float:
        site = self._fleet.site_by_id[device.site]
        power_kw = device.rated_kw
        if not site.transfer.engine_may_export:
            power_kw = max(min(site.backup_load_kw, device.rated_kw), 0.1)
        run_h = max(device.min_up_s / 3600.0, 0.5)
        return self.costs[device.id].average_usd_per_kwh(power_kw, run_h)

    def area(
        self,
        area_id: str,
        snapshot: Snapshot,
        plan: PlanNow,
        operator: OperatorMemory,
        deaf: Container[str],
        context_of: Callable[[str], Context],
    ) -> AreaSources:
        """What the area's devices can do now.

        Args:
            area_id: the area.
            snapshot: the frozen picture.
            plan: what the plan says of this moment.
            operator: overrides and stops.
            deaf: devices that do not follow their setpoint.
            context_of: safety context by device id.
        """
        sources = AreaSources()
        self._now_ms, self._context_of = snapshot.now_ms, context_of
        statuses, devices_of, calm = snapshot.sites, self._fleet.devices_of_site, self._calm
        held = bool(operator.overrides)
        for site in self._fleet.sites_of_area[area_id]:
            status = statuses[site.id]
            report = status.report
            known = None if held else calm.get(site.id)
            if known is not None and known[0] is report:
                units = known[1]
                if not any(unit.planned or plan.on.get(unit.device.id, False) for unit in units):
                    sources.units += units
                    continue
            devices = devices_of[site.id]
            if not devices or report is None or status.in_outage:
                continue
            if status.carries_area:
                # The switchgear runs them; they count with what they give.
                given = {d.id: snapshot.readings.get(d.id) for d in devices}
                sources.fixed_kw.update({k: r.power_kw for k, r in given.items() if r is not None})
                continue
            first = len(sources.units)
            self._site(sources, site, devices, status, snapshot, plan, operator, deaf)
            if not held and site.id in self._engines_only:
                calm[site.id] = (report, sources.units[first:])
        return sources

    def _site(
        self,
        sources: AreaSources,
        site: Site,
        devices: tuple[Device, ...],
        status: SiteStatus,
        snapshot: Snapshot,
        plan: PlanNow,
        operator: OperatorMemory,
        deaf: Container[str],
    ) -> None:
        report = status.report
        assert report is not None
        load_kw = site.backup_load_kw if report.backup_load_kw is None else report.backup_load_kw
        room_kw = site.transfer.export_limit_kw + load_kw
        for device in devices:
            reading = snapshot.readings.get(device.id)
            if reading is None:
                continue
            held = operator.overrides.get(device.id)
            if held is not None and not isinstance(device, Generator):
                wish_kw = 0.0 if held.power_kw is None else held.power_kw
                sources.fixed_kw[device.id] = wish_kw
                room_kw -= max(wish_kw, 0.0)
                continue
            if isinstance(device, Generator):
                limit_kw = self._generator_limit(device, site, reading, load_kw, room_kw)
                unit = self._unit(device, reading, limit_kw, plan, operator)
                sources.units.append(unit)
                if unit.on:
                    room_kw -= max(reading.power_kw, 0.0)
                continue
            held_off = device.id in operator.stopped or device.id in deaf
            if not status.fresh or not _commandable(reading) or held_off:
                sources.fixed_kw[device.id] = reading.power_kw
                room_kw -= max(reading.power_kw, 0.0)
                continue
            offer = self._inverter_offer(device, reading, max(room_kw, 0.0), plan)
            sources.offers[device.id] = offer
            room_kw -= max(reading.power_kw, 0.0)
            if isinstance(device, Store):
                sources.firm_kw += max(offer.high_kw, 0.0)
            else:
                sources.firm_kw += offer.high_kw
            if reading.power_kw > sources.largest_other_kw:
                sources.largest_other_kw, sources.largest_other = reading.power_kw, device.id

    @staticmethod
    def _generator_limit(
        device: Generator, site: Site, reading: DeviceReading, load_kw: float, room_kw: float
    ) -> float:
        ceiling_kw = device.rated_kw
        if 0.0 < reading.available_kw < ceiling_kw:
            ceiling_kw = reading.available_kw
        if not site.transfer.engine_may_export:
            return min(ceiling_kw, load_kw)
        return max(min(ceiling_kw, room_kw), 0.0)

    def _unit(
        self,
        device: Generator,
        reading: DeviceReading,
        limit_kw: float,
        plan: PlanNow,
        operator: OperatorMemory,
    ) -> Unit:
        held = operator.overrides.get(device.id)
        override: str | None = None
        if held is not None:
            override = "off" if held.power_kw is None else "on"
        return Unit(
            device,
            reading.state in ON_STATES,
            limit_kw,
            reading.power_kw,
            self.merit[device.id],
            lambda: self._standing(device, limit_kw),
            plan.on.get(device.id, False),
            override,  # type: ignore[arg-type]
        )

    def _standing(self, device: Generator, limit_kw: float) -> Standing:
        """Whether a set may be started, by what the cycle knows whose `area` was asked last."""
        barred = self._barred.get(device.id)
        if barred is not None:
            return barred
        if ends := device.operation.works_within(self._now_ms, self._now_ms):
            return Standing(LONG_S, f"in maintenance until {ends}")
        assert self._context_of is not None
        context = self._context_of(device.id)
        verdict = check(context, Setpoint(device.id, Order.RUN, limit_kw, Purpose.DEMAND))
        blocked = verdict.reason if isinstance(verdict, Refused) else ""
        return Standing(context.state_age_s, blocked)

    def _inverter_offer(
        self, device: Device, reading: DeviceReading, room_kw: float, plan: PlanNow
    ) -> Offer:
        if reading.state in FAILED_STATES:
            return Offer(device.id, 0.0, ())
        if isinstance(device, Store):
            energy_kwh = reading.energy_kwh
            if energy_kwh is None:
                return Offer(device.id, 0.0, ())
            limit_kw = min(device.rated_kw, room_kw)
            return store_offer(device, energy_kwh, limit_kw, plan.stores.get(device.id))
        available_kw = min(reading.available_kw, room_kw)
        return renewable_offer(device.id, available_kw, device.variable_om_usd_per_kwh)

    def running_offer(self, unit: Unit, site: Site) -> Offer:
        """Offer of a generator that is on and wanted."""
        return generator_offer(
            unit.device,
            self.costs[unit.device.id],
            unit.power_kw,
            unit.limit_kw,
            site.transfer.engine_may_export,
        )


def _commandable(reading: DeviceReading) -> bool:
    return reading.mode is SwitchMode.AUTO and reading.state is not DeviceState.UNKNOWN
