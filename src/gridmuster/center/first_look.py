"""A plant as a fleet file describes it, before anything was heard: for a plan without a center."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import structs

from gridmuster.center.calls import CallBook
from gridmuster.center.clockplans import ClockBook, ClockMemory
from gridmuster.center.config import CenterConfig
from gridmuster.center.contexts import ContextMaker
from gridmuster.center.emitted import EmittedBook, EmittedMemory
from gridmuster.center.memory import CoreState
from gridmuster.center.operation import links_of
from gridmuster.center.outlook import Outlook
from gridmuster.center.problem import ProblemMaker
from gridmuster.center.sources import SourceBook
from gridmuster.clock import IntervalGrid, floor_to
from gridmuster.fleet.devices import Device, Generator, Store
from gridmuster.fleet.model import Fleet, Site
from gridmuster.planning.problem import PlanProblem
from gridmuster.safety import Context
from gridmuster.signals import DeviceReading, DeviceState, SiteReport, Supply
from gridmuster.state.keeper import StateKeeper


def first_problem(
    fleet: Fleet,
    start_ms: int,
    config: CenterConfig | None = None,
    readings: Mapping[str, DeviceReading] | None = None,
) -> PlanProblem:
    """The planning problem of the day that begins at an instant.

    Tanks and stores are as the fleet file says, demand is the typical day of each end-user's
    class, sun is a usual sky, wind and prices are usual ones. Links carry what suits the plan.

    Args:
        fleet: the fleet.
        start_ms: when the day begins, ms; rounded down to the plan's step.
        config: step, count and margins; None: the center's own.
        readings: what is known of devices by id; others are as the fleet file says.
    """
    config = config or CenterConfig()
    state = CoreState()
    grid = IntervalGrid(
        floor_to(start_ms, config.plan_step_s), config.plan_step_s, config.plan_count
    )
    outlook = Outlook(fleet, state.planning.outlook)
    keeper = StateKeeper(fleet, config.stale_s, state.plant)
    for site in fleet.sites:
        keeper.take_report(_report(fleet, site, grid.start_ms, readings or {}), grid.start_ms)
    snapshot = keeper.freeze(grid.start_ms, lambda user: outlook.demand_kw(user, grid.start_ms))
    calls = CallBook(state.calls, state.commitment, config.start_grace_s)
    for device in fleet.devices:
        if isinstance(device, Generator):
            calls.take(device, snapshot.readings[device.id], grid.start_ms)
    contexts = ContextMaker(fleet, config)

    def context_of(device_id: str) -> Context:
        return contexts.context(snapshot, device_id, state.ledger, calls, False, False)

    maker = ProblemMaker(fleet, config, outlook, SourceBook(fleet))
    reader: Callable[[str], Context] = context_of
    made = maker.make("first", grid, snapshot, reader, calls, state)
    # Only here: nothing in the loop sets what a link carries, and who counts on it would go short.
    links = links_of(fleet, grid.count)
    caps = EmittedBook(fleet, EmittedMemory()).caps(grid)
    made = structs.replace(made, links=links, emission_caps=caps)
    return ClockBook(fleet, ClockMemory()).kept(made, grid, snapshot.readings)


def _report(
    fleet: Fleet, site: Site, at_ms: int, readings: Mapping[str, DeviceReading]
) -> SiteReport:
    return SiteReport(
        site=site.id,
        at_ms=at_ms,
        sequence=1,
        supply=Supply.UTILITY,
        utility_ok=True,
        frequency_hz=60.0,
        voltage_pu=1.0,
        poi_kw=-site.backup_load_kw,
        devices=tuple(
            readings.get(device.id) or _reading(device) for device in fleet.devices_of_site[site.id]
        ),
        backup_load_kw=site.backup_load_kw,
    )


def _reading(device: Device) -> DeviceReading:
    state = DeviceState.IDLE
    power_kw = 0.0
    fuel_level = energy_kwh = None
    if isinstance(device, Generator):
        fuel_level = None if device.tank is None else device.tank.level
        if device.on_at_start:
            state = DeviceState.RUNNING
            power_kw = device.min_load_fraction * device.rated_kw
    elif isinstance(device, Store):
        energy_kwh = device.first_energy_kwh
    return DeviceReading(
        device.id,
        state,
        power_kw=power_kw,
        available_kw=device.rated_kw,
        fuel_level=fuel_level,
        energy_kwh=energy_kwh,
        run_h=0.0,
        starts=0,
        failed_starts=0,
    )
