"""Makes the view that people see from what the core knows."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from gridmuster.center.alarms import AlarmBoard
from gridmuster.center.contexts import ContextMaker
from gridmuster.center.decider import AreaDecision
from gridmuster.center.islands import IslandDesk
from gridmuster.center.memory import CoreState
from gridmuster.center.planner import Planner
from gridmuster.center.plantotals import PlanTotals
from gridmuster.center.pricing import priced_views
from gridmuster.center.rates import KW_PER_MW, RateBook
from gridmuster.center.recorder import shortfall_cause
from gridmuster.center.view import AreaView, DeviceView, PlantView, SiteView
from gridmuster.fleet.devices import Device, DeviceType, Generator, Store
from gridmuster.fleet.hours import today_of
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.planning.problem import PlanSolution
from gridmuster.safety import permits
from gridmuster.signals import DeviceReading, DeviceState, Quality, Setpoint, Supply
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import MS_PER_S


def present(
    fleet: Fleet,
    state: CoreState,
    snapshot: Snapshot | None,
    decisions: Mapping[str, AreaDecision],
    planner: Planner,
    contexts: ContextMaker,
    board: AlarmBoard,
    rates: RateBook,
    totals: PlanTotals,
    islands: IslandDesk,
) -> PlantView:
    """The view of the plant as of the last cycle."""
    session = state.session
    now_ms = 0 if snapshot is None else snapshot.now_ms
    solution = planner.memory.solution
    index = planner.index(now_ms)
    areas: list[AreaView] = []
    devices: list[DeviceView] = []
    if snapshot is not None:
        areas = [
            structs.replace(
                _area(
                    fleet, area, state, snapshot, decisions[area.id], planner, index, rates, totals
                ),
                island=islands.view(area),
            )
            for area in fleet.areas
            if area.id in decisions
        ]
        asked = {
            setpoint.device: setpoint
            for sent in state.commands.sent.values()
            for setpoint in sent.setpoints
        }
        devices = [
            _device(fleet, device, state, snapshot, contexts, asked.get(device.id), solution, index)
            for device in fleet.devices
        ]
    return PlantView(
        at_ms=now_ms,
        fleet=fleet.id,
        center_id=session.center_id,
        fence=session.fence,
        mode=session.mode,
        cycle=session.cycle,
        objective=fleet.objective,
        areas=areas,
        devices=devices,
        alarms=board.views(),
        decisions=state.decisions[-50:],
        commands=state.commands.recent[-50:],
        counters=_counters(state),
        plan_status="none" if solution is None else solution.status,
        plan_gap=0.0 if solution is None else solution.gap,
        plan_age_s=-1.0 if solution is None else planner.age_s(now_ms),
        priced=priced_views(state.pricing),
        time_zone=fleet.sites[0].time_zone,
        sites=[] if snapshot is None else _sites(snapshot),
    )


def _sites(snapshot: Snapshot) -> list[SiteView]:
    """The sites that are out of the ordinary."""
    found = []
    for site_id, status in snapshot.sites.items():
        report = status.report
        if report is None:
            found.append(SiteView(site_id, Supply.UNKNOWN.value, False, status.quality.value, None))
            continue
        own = report.supply in (Supply.LOCAL, Supply.DEAD)
        if own or status.in_outage or not status.fresh:
            on_backup = status.in_outage or report.supply is Supply.LOCAL
            heard_ms = snapshot.now_ms - round(status.age_s * MS_PER_S)
            quality = status.quality.value
            found.append(SiteView(site_id, report.supply.value, on_backup, quality, heard_ms))
    return found


def _counters(state: CoreState) -> dict[str, float]:
    counters, desk = state.counters, state.commands
    return {
        "commands": desk.commands,
        "acknowledged": desk.acknowledged,
        "expired": desk.expired,
        "refused_by_site": desk.refused,
        "starts": counters.starts,
        "failed_starts": counters.failed_starts,
        "substitutions": counters.substitutions,
        "malformed": counters.malformed,
        "late": counters.late,
        "vetoes": counters.vetoes,
        "missed_cycles": counters.missed_cycles,
        "cycle_ms": counters.cycle_ms_last,
    }


def _area(
    fleet: Fleet,
    area: Area,
    state: CoreState,
    snapshot: Snapshot,
    decision: AreaDecision,
    planner: Planner,
    index: int | None,
    rates: RateBook,
    totals: PlanTotals,
) -> AreaView:
    status = decision.status
    by_type: dict[str, float] = {kind.value: 0.0 for kind in DeviceType}
    for site in fleet.sites_of_area[area.id]:
        if snapshot.sites[site.id].in_outage:
            continue
        for device in fleet.devices_of_site[site.id]:
            reading = snapshot.readings.get(device.id)
            if reading is not None:
                by_type[device.type.value] += reading.power_kw
    grid, memory, solution = status.grid, planner.memory, planner.memory.solution
    first = 0 if index is None else index
    planned = {} if solution is None else totals.by_type(solution, area.id)
    by_type_kw = {kind: values[first:] for kind, values in planned.items()}
    planned_kw, planned_import_kw = _planned(area, solution, by_type_kw, first)
    return AreaView(
        id=area.id,
        name=area.name or area.id,
        demand_kw=status.demand_kw,
        estimated_kw=status.estimated_kw,
        losses_kw=status.losses_kw + status.unmetered_kw,
        generation_kw=status.generation_kw,
        generation_kw_by_type={kind: kw for kind, kw in by_type.items() if kw != 0.0},
        import_kw=status.import_kw,
        import_limit_kw=0.0 if area.connection is None else area.connection.import_limit_kw,
        export_limit_kw=0.0 if area.connection is None else area.connection.export_limit_kw,
        reserve_kw=decision.reserve_kw,
        largest_unit_kw=decision.commitment.largest_kw,
        largest_unit=decision.commitment.largest or decision.sources.largest_other,
        shortfall_kw=decision.shortfall_kw,
        shortfall_cause=shortfall_cause(decision) if decision.shortfall_kw > 0.0 else "",
        lolp=state.lolp.get(area.id, 0.0),
        price_usd_per_mwh=0.0 if status.price is None else status.price.price_usd_per_mwh,
        frequency_hz=0.0 if grid is None else grid.frequency_hz,
        energised=grid is None or grid.energised,
        quality=(Quality.GOOD if status.grid_fresh else Quality.STALE).value,
        forecast_start_ms=0 if solution is None else solution.start_ms,
        forecast_step_s=900 if solution is None else solution.step_s,
        forecast_kw=memory.need_kw.get(area.id, [])[first:],
        forecast_low_kw=memory.low_kw.get(area.id, [])[first:],
        forecast_high_kw=memory.high_kw.get(area.id, [])[first:],
        planned_generation_kw=planned_kw,
        planned_import_kw=planned_import_kw,
        planned_kw_by_type=by_type_kw,
        forecast_price_usd_per_mwh=_price_ahead(area, planner, first),
        forecast_price_low_usd_per_mwh=_usd_per_mwh(memory.price_low_usd_per_kwh, area, first),
        forecast_price_high_usd_per_mwh=_usd_per_mwh(memory.price_high_usd_per_kwh, area, first),
        price_source=memory.price_source.get(area.id),
        rates=rates.rates(area, snapshot, status, decision.shortfall_kw),
    )


def _price_ahead(area: Area, planner: Planner, first: int) -> list[float]:
    """The price of energy as the last plan took it, USD/MWh."""
    adder = 0.0 if area.connection is None else area.connection.import_adder_usd_per_mwh
    price_usd_per_kwh = planner.memory.price_usd_per_kwh.get(area.id, [])[first:]
    return [round(price * KW_PER_MW - adder, 2) for price in price_usd_per_kwh]


def _usd_per_mwh(usd_per_kwh: dict[str, list[float]], area: Area, first: int) -> list[float]:
    return [round(price * KW_PER_MW, 2) for price in usd_per_kwh.get(area.id, [])[first:]]


def _planned(
    area: Area, solution: PlanSolution | None, by_type_kw: dict[str, list[float]], first: int
) -> tuple[list[float], list[float]]:
    if solution is None:
        return [], []
    total = [0.0] * (solution.count - first)
    for values in by_type_kw.values():
        total = [before + kw for before, kw in zip(total, values, strict=True)]
    zeros = [0.0] * solution.count
    imports = solution.import_kw.get(area.id, zeros)[first:]
    exports = solution.export_kw.get(area.id, zeros)[first:]
    return total, [i - e for i, e in zip(imports, exports, strict=True)]


def _permit_left_h(device: Generator, site: Site, state: CoreState, now_ms: int) -> float | None:
    """Hours that the tightest limit of a permit leaves, h; None: no limit."""
    today = today_of(now_ms, site.time_zone)
    left_h = permits.hours_left_h(device.permit, state.ledger.used_h(device, today))
    found = [] if left_h is None else [left_h]
    for limit in permits.windows(device.permit):
        use = state.ledger.use(device, limit, today)
        found.append(max(permits.use_stop_h(use) - use.used_h, 0.0))
    return min(found, default=None)


def _device(
    fleet: Fleet,
    device: Device,
    state: CoreState,
    snapshot: Snapshot,
    contexts: ContextMaker,
    asked: Setpoint | None,
    solution: PlanSolution | None,
    index: int | None,
) -> DeviceView:
    site = fleet.site_by_id[device.site]
    status = snapshot.sites[site.id]
    reading = snapshot.readings.get(device.id) or DeviceReading(device.id, DeviceState.UNKNOWN)
    quality = status.quality if reading.quality is Quality.GOOD else reading.quality
    held = state.operator.overrides.get(device.id)
    override = ""
    if device.id in state.operator.stopped:
        override = f"emergency stop by {state.operator.stopped[device.id]}"
    elif held is not None:
        wish = "off" if held.power_kw is None else f"{held.power_kw:g} kW"
        override = f"{wish} by {held.actor}"
    elif device.id in state.activations.holds:
        override = state.activations.holds[device.id].text
    permit_class, left_h, tank = "", None, None
    if isinstance(device, Generator):
        permit_class = permits.name_of(device.permit)
        left_h = _permit_left_h(device, site, state, snapshot.now_ms)
        tank = device.tank
    first = 0 if index is None else index
    planned = [] if solution is None else solution.power_kw.get(device.id, [])[first:]
    return DeviceView(
        id=device.id,
        type=device.type.value,
        site=site.id,
        area=site.area,
        state=reading.state.value,
        mode=reading.mode.value,
        quality=quality.value,
        age_s=min(status.age_s, 1e9),
        power_kw=reading.power_kw,
        setpoint_kw=None if asked is None else asked.power_kw,
        order="" if asked is None else asked.order.value,
        available_kw=reading.available_kw,
        rated_kw=device.rated_kw,
        energy_kwh=reading.energy_kwh,
        energy_capacity_kwh=device.energy_capacity_kwh if isinstance(device, Store) else None,
        fuel_level=reading.fuel_level,
        fuel_floor=None if tank is None else contexts.envelopes[device.id].fuel_floor,
        run_h=reading.run_h,
        permit_class=permit_class,
        permit_left_h=left_h,
        reason=_reason(device.id, state),
        override=override,
        alarms=list(reading.alarms),
        planned_kw=planned,
    )


def _reason(device_id: str, state: CoreState) -> str:
    """Why a device does what it does: stores and waiting engines by the price where it decides."""
    if (store := state.pricing.stores.get(device_id)) is not None:
        return store.text
    if (wait := state.pricing.waits.get(device_id)) is not None:
        return wait.text
    return state.reasons.get(device_id, "")
