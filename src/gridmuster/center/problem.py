"""The fleet's present state and outlook as a planning problem."""

from __future__ import annotations

from collections.abc import Callable

from gridmuster.center.calls import FAILED_STATES, LONG_S, CallBook
from gridmuster.center.config import CenterConfig
from gridmuster.center.memory import CoreState
from gridmuster.center.operation import lead_s, longest_rest_s, operation_of
from gridmuster.center.outlook import Outlook
from gridmuster.center.sources import SourceBook
from gridmuster.clock import IntervalGrid
from gridmuster.dispatch.offers import SHORT_STORE_H
from gridmuster.fleet.devices import Generator, Photovoltaic, Store, WindTurbine
from gridmuster.fleet.economics import fuel_line, store_hold_h
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.planning.objectives import parse
from gridmuster.planning.problem import (
    PlanArea,
    PlanProblem,
    PlanRenewable,
    PlanStore,
    PlanUnit,
    Weights,
)
from gridmuster.safety import Context, permits
from gridmuster.safety.hours import hours_left
from gridmuster.signals import DeviceReading, DeviceState, Purpose, SwitchMode
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import LHV_KWH_PER_UNIT, SECONDS_PER_HOUR

#: Headroom kept beyond the loss of the largest infeed, share of need: what demand moves between
#: two plans. Sets start within a minute, so errors of hours ahead are met when they show.
RESERVE_FRACTION = 0.02
#: States of a start under way.
BEFORE_ON = (DeviceState.STARTING, DeviceState.WARMING)
#: Share of fuel above the floor that one plan may count on.
FUEL_SHARE = 0.95


class ProblemMaker:
    """Builds `PlanProblem`s.

    Args:
        fleet: the fleet.
        config: the center's settings.
        outlook: forecasts.
        sources: costs of the generators.
    """

    def __init__(
        self, fleet: Fleet, config: CenterConfig, outlook: Outlook, sources: SourceBook
    ) -> None:
        self._fleet = fleet
        self._config = config
        self._outlook = outlook
        self._sources = sources
        self._weights = parse(fleet.objective)
        self._objectives: dict[str, Weights] = {
            thing.id: parse(thing.objective)
            for thing in (*fleet.areas, *fleet.devices)
            if thing.objective is not None
        }
        self._delay_s = {
            device.id: lead_s(device, fleet.site_by_id[device.site])
            for device in fleet.devices
            if isinstance(device, Generator)
        }

    def start_delay_s(self, device_id: str) -> float:
        """From the order until it gives what it is asked, s; 0 for what is not a generator."""
        return self._delay_s.get(device_id, 0.0)

    def make(
        self,
        problem_id: str,
        grid: IntervalGrid,
        snapshot: Snapshot,
        context_of: Callable[[str], Context],
        calls: CallBook,
        state: CoreState,
    ) -> PlanProblem:
        """The problem of the coming day.

        Args:
            problem_id: its id.
            grid: the horizon.
            snapshot: the frozen picture.
            context_of: safety context by device id.
            calls: how long generators are on or off.
            state: failures, overrides, ledger.
        """
        units: list[PlanUnit] = []
        stores: list[PlanStore] = []
        renewables: list[PlanRenewable] = []
        for device in self._fleet.devices:
            site = self._fleet.site_by_id[device.site]
            reading = snapshot.readings.get(device.id)
            status = snapshot.sites[site.id]
            if reading is None or status.in_outage or not status.fresh:
                continue
            if reading.mode is not SwitchMode.AUTO or device.id in state.operator.stopped:
                continue
            if isinstance(device, Generator):
                unit = self._unit(device, site, reading, grid, snapshot, context_of, calls, state)
                if unit is not None:
                    units.append(unit)
            elif reading.state in FAILED_STATES:
                continue
            elif isinstance(device, Store):
                # Seconds and minutes of energy are nothing in a quarter of an hour: a short store
                # rides through ramps and losses in real time, see `dispatch.offers`.
                if store_hold_h(device) >= SHORT_STORE_H:
                    stores.append(self._store(device, site, reading, grid))
            else:
                renewables.append(self._renewable(device, site, grid))
        return PlanProblem(
            id=problem_id,
            start_ms=grid.start_ms,
            step_s=grid.step_s,
            count=grid.count,
            areas=[self._area(area, grid, snapshot) for area in self._fleet.areas],
            units=units,
            stores=stores,
            renewables=renewables,
            weights=self._weights,
            objectives=self._objectives,
        )

    def _area(self, area: Area, grid: IntervalGrid, snapshot: Snapshot) -> PlanArea:
        status = snapshot.areas[area.id]
        low, median, high = self._outlook.area_kw(area, grid, status.unmetered_kw)
        price = self._outlook.price_usd_per_kwh(area.id, grid)
        import_kw = export_kw = adder = discount = 0.0
        if area.connection is not None:
            margin = 1.0 - self._config.import_margin_fraction
            import_kw = area.connection.import_limit_kw * margin
            export_kw = area.connection.export_limit_kw * margin
            adder = area.connection.import_adder_usd_per_mwh / 1000.0
            discount = area.connection.export_discount_usd_per_mwh / 1000.0
            if status.grid is not None:
                import_kw = min(import_kw, status.grid.import_limit_kw * margin)
                export_kw = min(export_kw, status.grid.export_limit_kw * margin)
        return PlanArea(
            id=area.id,
            demand_kw=median,
            import_limit_kw=[import_kw] * grid.count,
            export_limit_kw=[export_kw] * grid.count,
            import_price_usd_per_kwh=[p + adder for p in price],
            export_price_usd_per_kwh=[p - discount for p in price],
            reserve_kw=[RESERVE_FRACTION * kw for kw in median],
            unserved_cost_usd_per_kwh=area.unserved_cost_usd_per_kwh,
            demand_low_kw=low,
            demand_high_kw=high,
        )

    def _unit(
        self,
        device: Generator,
        site: Site,
        reading: DeviceReading,
        grid: IntervalGrid,
        snapshot: Snapshot,
        context_of: Callable[[str], Context],
        calls: CallBook,
        state: CoreState,
    ) -> PlanUnit | None:
        if not permits.allows(device.permit, Purpose.DEMAND):
            return None
        if device.id in state.commitment.failures or reading.state in FAILED_STATES:
            return None
        held = state.operator.overrides.get(device.id)
        if held is not None and held.power_kw is None:
            return None
        context = context_of(device.id)
        line, cost = fuel_line(device), self._sources.costs[device.id]
        min_kw, max_kw = self._window(device, site, grid)
        in_state_s = calls.in_state_s(device.id, snapshot.now_ms)
        starting = reading.state in BEFORE_ON and self._is_slow(device, grid)
        on = calls.is_on(device.id) and not starting
        # Longer than any minimum time is as good as for ever; alike sets then stay alike to the
        # planner, which decides alike sets as one.
        rest_s = longest_rest_s(device)
        settled_s = max(device.min_up_s, device.min_down_s, grid.step_s, 0.0 if on else rest_s)
        # A run begun at the end of the plan goes on beyond it for its least time.
        longest_h = grid.count * grid.step_h + device.min_up_s / SECONDS_PER_HOUR
        return PlanUnit(
            id=device.id,
            area=site.area,
            device_type=device.type.value,
            min_kw=min_kw,
            max_kw=max_kw,
            no_load_usd_per_h=cost.no_load_usd_per_h,
            segment_kw=list(cost.widths_kw),
            segment_usd_per_kwh=list(cost.usd_per_kwh),
            no_load_fuel_per_h=line.no_load_per_h,
            segment_fuel_per_kwh=list(line.per_kwh),
            fuel_lhv_kwh_per_unit=LHV_KWH_PER_UNIT[device.fuel],
            start_cost_usd=device.start_cost_usd,
            min_up_s=device.min_up_s,
            min_down_s=device.min_down_s,
            initial_on=on,
            # What is starting had rested as long as it must when it was told to.
            initial_s=settled_s if starting else min(in_state_s, settled_s),
            # When its start began is not known of what was seen starting first.
            starting_s=(in_state_s if in_state_s < LONG_S else 0.0) if starting else None,
            initial_kw=max(reading.power_kw, 0.0) if on else 0.0,
            ramp_kw_per_s=device.ramp_fraction_per_s * device.rated_kw,
            start_delay_s=self.start_delay_s(device.id),
            must_run=device.must_run,
            run_h_left=_if_it_can_bind(_hours_left_h(context), longest_h),
            fuel_left=_if_it_can_bind(
                self._fuel_left(device, reading, context),
                line.rate_per_h(device.rated_kw) * longest_h
                + device.operation.start_fuel * device.max_starts_per_day,
            ),
            fuel_room=self._fuel_room(device, context),
            starts_left=max(device.max_starts_per_day - state.ledger.starts_24h(device.id), 0),
            availability=device.reliability.availability,
            fail_to_start=device.reliability.fail_to_start,
            mttf_h=device.reliability.mttf_h,
            **operation_of(device, site, self._fleet.emission_caps, grid, FUEL_SHARE),
        )

    def _window(
        self, device: Generator, site: Site, grid: IntervalGrid
    ) -> tuple[list[float], list[float]]:
        load_kw = self._outlook.protected_kw(site, grid)
        if not site.transfer.engine_may_export:
            own = [min(kw, device.rated_kw) for kw in load_kw]
            return own, own
        limit_kw = site.transfer.export_limit_kw
        max_kw = [min(device.rated_kw, limit_kw + kw) for kw in load_kw]
        floor_kw = device.min_load_fraction * device.rated_kw
        return [min(floor_kw, kw) for kw in max_kw], max_kw

    def _is_slow(self, device: Generator, grid: IntervalGrid) -> bool:
        """Whether a start takes long enough for a plan to see it."""
        return self.start_delay_s(device.id) >= 0.5 * grid.step_s

    @staticmethod
    def _fuel_left(device: Generator, reading: DeviceReading, context: Context) -> float | None:
        if device.tank is None:
            return None
        if reading.fuel_level is None:
            return 0.0
        return max(reading.fuel_level - context.envelope.fuel_floor, 0.0) * FUEL_SHARE

    @staticmethod
    def _fuel_room(device: Generator, context: Context) -> float | None:
        if device.tank is None:
            return None
        return max(device.tank.capacity - context.envelope.fuel_floor, 0.0) * FUEL_SHARE

    def _store(
        self, device: Store, site: Site, reading: DeviceReading, grid: IntervalGrid
    ) -> PlanStore:
        load_kw = self._outlook.protected_kw(site, grid)
        limit_kw = site.transfer.export_limit_kw
        energy_kwh = device.min_energy_kwh if reading.energy_kwh is None else reading.energy_kwh
        return PlanStore(
            id=device.id,
            area=site.area,
            device_type=device.type.value,
            charge_kw=[device.max_charge_kw] * grid.count,
            discharge_kw=[min(device.rated_kw, limit_kw + kw) for kw in load_kw],
            charge_efficiency=device.charge_efficiency,
            discharge_efficiency=device.discharge_efficiency,
            self_discharge_per_h=device.self_discharge_per_h,
            min_energy_kwh=device.min_energy_kwh,
            max_energy_kwh=device.max_energy_kwh,
            initial_energy_kwh=min(max(energy_kwh, 0.0), device.max_energy_kwh),
            cycle_cost_usd_per_kwh=device.cycle_cost_usd_per_kwh,
            end_value_usd_per_kwh=self._end_value(site.area, grid) * device.charge_efficiency,
            availability=device.reliability.availability,
        )

    def _end_value(self, area_id: str, grid: IntervalGrid) -> float:
        """What a stored kWh is worth when the plan ends: the mean price, never below zero."""
        prices = self._outlook.price_usd_per_kwh(area_id, grid)
        return max(sum(prices) / len(prices), 0.0)

    def _renewable(
        self, device: Photovoltaic | WindTurbine, site: Site, grid: IntervalGrid
    ) -> PlanRenewable:
        room_kw = site.transfer.export_limit_kw
        load_kw = self._outlook.protected_kw(site, grid)
        available_kw = self._outlook.available_kw(device, grid)
        return PlanRenewable(
            id=device.id,
            area=site.area,
            device_type=device.type.value,
            available_kw=[
                min(kw, room_kw + own) for kw, own in zip(available_kw, load_kw, strict=True)
            ],
            cost_usd_per_kwh=device.variable_om_usd_per_kwh,
        )


def _hours_left_h(context: Context) -> float | None:
    found = hours_left(context)
    return None if found is None else found.left_h


def _if_it_can_bind(left: float | None, most: float) -> float | None:
    """A budget, or None when the horizon cannot use it up."""
    return None if left is None or left >= most else left
