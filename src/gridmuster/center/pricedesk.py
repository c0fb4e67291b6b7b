"""Decides on prices: stores in every interval, engines whose permits let them start for a price.

What energy and starts are worth is told from outside (`planning.worth.told`); each device's choice
is made here with the functions of a backtest. A store's choice holds for the interval, a start for
its least run. The plan keeps what it has on for the balance: its starts are put off only while the
connection would carry the area without them after the loss of the largest infeed, and stores follow
the plan where it needs them to keep within the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from msgspec import structs

from gridmuster.center.calls import FAILED_STATES, ON_STATES
from gridmuster.center.candidates import Known
from gridmuster.center.config import CenterConfig
from gridmuster.center.operator import OperatorMemory, Override
from gridmuster.center.planmemory import PlanMemory
from gridmuster.center.pricing import PricedRun, PricedStore, PricedWait, PricingMemory
from gridmuster.center.sources import PlanNow
from gridmuster.dispatch.offers import PLAN_INERTIA_USD_PER_KWH, PRICED_STORE_H, PlannedStore
from gridmuster.errors import PlanningError
from gridmuster.fleet.devices import Generator, Store
from gridmuster.fleet.economics import fuel_line, store_hold_h
from gridmuster.fleet.model import Area, Fleet, Site
from gridmuster.planning.problem import PlanSolution
from gridmuster.planning.worth.runchoice import RunChoice, RunState, choose_run, gains_of
from gridmuster.planning.worth.runterms import RunTerms, run_terms
from gridmuster.planning.worth.sitechoice import Neighbour, beside
from gridmuster.planning.worth.storechoice import StoreState, choose
from gridmuster.planning.worth.storeterms import StoreTerms, store_terms
from gridmuster.planning.worth.told import PriceWorth, RunWorth
from gridmuster.safety import Context, Refused, check, permits
from gridmuster.safety.hours import hours_left
from gridmuster.signals import DeviceReading, Order, Purpose, Setpoint, SwitchMode
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import KWH_PER_MWH, MS_PER_S, SECONDS_PER_HOUR

#: Least share of its rating that a site must take for an engine to be run for a price there.
LEAST_SHARE = 0.5
#: How far beyond a start's own time the plan must do without it before it is put off, s.
PUT_OFF_S = 3600
#: Hours of the plan in which stores must not be needed for the connection.
FREE_H = 24.0
#: Why a run ends when worths of its kind stay away.
UNTOLD = "nothing is told any more of what running is worth"


@dataclass(frozen=True, slots=True)
class _Engine:
    device: Generator
    terms: RunTerms
    capped: bool


@dataclass(frozen=True, slots=True)
class _Cell:
    device: Store
    terms: StoreTerms


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at an area goes by."""

    known: Known
    told: PriceWorth
    plan: PlanNow
    held: OperatorMemory
    engine_kw: dict[str, float]

    @property
    def snapshot(self) -> Snapshot:
        return self.known.snapshot


class PriceDesk:
    """Makes and keeps choices on prices.

    Args:
        fleet: the fleet.
        config: the center's settings.
        memory: what an earlier desk remembered.
        planning: knows the plan in force.
    """

    def __init__(
        self, fleet: Fleet, config: CenterConfig, memory: PricingMemory, planning: PlanMemory
    ) -> None:
        self._fleet = fleet
        self._config = config
        self.memory = memory
        self._planning = planning
        self._engines: dict[str, list[_Engine]] = {}
        self._cells: dict[str, list[_Cell]] = {}
        for device in fleet.devices:
            try:
                if isinstance(device, Store) and store_hold_h(device) >= PRICED_STORE_H:
                    cell = _Cell(device, store_terms(device))
                    self._cells.setdefault(device.site, []).append(cell)
                elif isinstance(device, Generator) and not device.must_run:
                    if not permits.allows(device.permit, Purpose.PRICE):
                        continue
                    terms = run_terms(device, fleet.fuel_prices)
                    engine = _Engine(device, terms, permits.stop_h(device.permit) is not None)
                    self._engines.setdefault(device.site, []).append(engine)
            except PlanningError:
                # Nothing to weigh: all its energy is kept, or running costs nothing.
                continue

    def take(self, told: PriceWorth, now_ms: int) -> str:
        """Take in what is worth what; why it is refused, or an empty text."""
        why = told.refused(now_ms, self.memory.told.get(told.area))
        if not why:
            self.memory.told[told.area] = told
        return why

    def look(
        self, known: Known, plan: PlanNow, held: OperatorMemory, largest: Callable[[str], float]
    ) -> None:
        """Make the choices of an interval when it is new, and end runs that may not go on.

        Args:
            known: what the cycle knows.
            plan: what the plan says of this moment.
            held: what persons and activations hold.
            largest: the largest infeed of an area, kW.
        """
        memory, now_ms = self.memory, known.now_ms
        if not memory.told:
            return
        self._end_runs(known, held)
        for area in self._fleet.areas:
            told = memory.told.get(area.id)
            if told is None:
                continue
            if not told.serves(now_ms):
                self._nothing_told(area, now_ms)
            elif told.start_ms != memory.decided_ms.get(area.id):
                memory.decided_ms[area.id] = told.start_ms
                look = _Look(known, told, plan, held, {})
                self._decide(area, look, largest(area.id))

    def merged(self, held: OperatorMemory) -> OperatorMemory:
        """What persons and activations hold, and behind them engines that run for the price.

        Args:
            held: handed back as it is when none does.
        """
        if not self.memory.runs:
            return held
        runs = {
            device: Override(run.power_kw, 0, run.text, Purpose.PRICE)
            for device, run in self.memory.runs.items()
        }
        return structs.replace(held, overrides={**runs, **held.overrides})

    def planned(self, plan: PlanNow, snapshot: Snapshot) -> PlanNow:
        """What the plan says, with stores at what was chosen and starts that were put off.

        Args:
            plan: what the plan says.
            snapshot: the frozen picture.
        """
        memory = self.memory
        if not memory.stores and not memory.waits and not memory.runs:
            return plan
        off = {device: False for device, wait in memory.waits.items() if wait.put_off}
        off |= dict.fromkeys(self._crowded_out(plan, snapshot), False)
        stores = dict(plan.stores)
        for device, one in memory.stores.items():
            stores[device] = self._held(device, one, snapshot)
        return PlanNow({**plan.on, **off}, stores)

    def _crowded_out(self, plan: PlanNow, snapshot: Snapshot) -> list[str]:
        """Engines that the plan would start where runs for the price leave them no room."""
        found = []
        for run in self.memory.runs:
            site = self._fleet.site_by_id[self._fleet.device_by_id[run].site]
            for device in self._fleet.devices_of_site[site.id]:
                if not isinstance(device, Generator) or not plan.on.get(device.id):
                    continue
                reading = snapshot.readings.get(device.id)
                on = reading is not None and reading.state in ON_STATES
                least_kw = device.min_load_fraction * device.rated_kw
                room_kw = self._limit_kw(device, site, snapshot)
                if not on and device.id not in self.memory.runs and room_kw < least_kw:
                    found.append(device.id)
        return found

    def _held(self, device: str, one: PricedStore, snapshot: Snapshot) -> PlannedStore:
        """A store's choice as the dispatch takes it: moved off it only where the balance must."""
        area = self._fleet.area_of_device(device)
        status, connection = snapshot.areas[area.id], area.connection
        price = 0.0 if status.price is None else status.price.price_usd_per_mwh
        dear = cheap = price
        if connection is not None:
            dear += connection.import_adder_usd_per_mwh
            cheap -= connection.export_discount_usd_per_mwh
        below = min(cheap, one.sell_above_usd_per_mwh) / KWH_PER_MWH - PLAN_INERTIA_USD_PER_KWH
        above = max(dear, one.sell_above_usd_per_mwh) / KWH_PER_MWH + PLAN_INERTIA_USD_PER_KWH
        value = one.sell_above_usd_per_mwh / KWH_PER_MWH
        return PlannedStore(one.power_kw, value, (below, above))

    def _nothing_told(self, area: Area, now_ms: int) -> None:
        memory = self.memory
        memory.decided_ms.pop(area.id, None)
        for site in self._fleet.sites_of_area[area.id]:
            for device in self._fleet.devices_of_site[site.id]:
                memory.stores.pop(device.id, None)
                memory.waits.pop(device.id, None)
                run = memory.runs.get(device.id)
                if run is not None and now_ms >= run.bound_ms:
                    self._end(device.id, UNTOLD)

    def _end(self, device: str, why: str) -> None:
        del self.memory.runs[device]
        self.memory.over[device] = why

    def _end_runs(self, known: Known, held: OperatorMemory) -> None:
        """End runs that a person, a fault, an outage or a limit has ended."""
        for device_id in list(self.memory.runs):
            device = self._fleet.device_by_id[device_id]
            context = known.context_of(device_id)
            power_kw = self.memory.runs[device_id].power_kw
            if device_id in held.stopped or device_id in held.overrides:
                self._end(device_id, "somebody else holds it")
            elif device_id in known.commitment.failures:
                self._end(device_id, known.commitment.failures[device_id].cause)
            elif known.snapshot.sites[device.site].in_outage:
                self._end(device_id, "its site serves its own load")
            else:
                wish = Setpoint(device_id, Order.RUN, power_kw, Purpose.PRICE)
                verdict = check(context, wish)
                if isinstance(verdict, Refused):
                    self._end(device_id, verdict.reason)

    def _decide(self, area: Area, look: _Look, largest_kw: float) -> None:
        """The choices of an interval in an area."""
        status = look.snapshot.areas[area.id]
        live = area.connection is not None and (status.grid is None or status.grid.energised)
        solution = self._planning.solution
        free = live and not self._stores_needed(area, solution, look.known.now_ms, largest_kw)
        for site in self._fleet.sites_of_area[area.id]:
            for engine in self._engines.get(site.id, ()):
                self._engine(engine, site, look, live)
            for cell in self._cells.get(site.id, ()):
                self._store(cell, site, look, free)
        self._put_off(area, look, largest_kw)

    def _engine(self, engine: _Engine, site: Site, look: _Look, live: bool) -> None:
        """Whether an engine starts or goes on for the price."""
        memory, device = self.memory, engine.device
        memory.waits.pop(device.id, None)
        worth = look.told.of_engine(engine.terms, capped=engine.capped)
        reading = look.snapshot.readings.get(device.id)
        run = memory.runs.get(device.id)
        bound = run is not None and look.told.start_ms < run.bound_ms
        if worth is None or reading is None or not live:
            if run is not None and not bound:
                self._end(device.id, UNTOLD)
            return
        look.engine_kw[site.id] = look.engine_kw.get(site.id, 0.0) + max(reading.power_kw, 0.0)
        if bound:
            return
        limit_kw = self._limit_kw(device, site, look.snapshot)
        why = self._hindered(device, reading, limit_kw, look)
        if why:
            if run is not None:
                self._end(device.id, why)
            memory.waits[device.id] = PricedWait(0.0, why)
            return
        on = run is not None or reading.state in ON_STATES
        if on and run is None:
            memory.over.pop(device.id, None)
        choice = self._choice(engine, site, look, worth, on=on)
        if run is not None and not choice.run:
            self._end(device.id, choice.reason)
        if not choice.run:
            # A plan made during a run goes on with it: what ended it holds against the plan too.
            memory.waits[device.id] = PricedWait(choice.gain_usd_per_mw, choice.reason)
        elif run is not None:
            run.text = choice.reason
        elif not on:
            self._begin(engine, choice, limit_kw, look)

    def _choice(
        self, engine: _Engine, site: Site, look: _Look, worth: RunWorth, *, on: bool
    ) -> RunChoice:
        """The choice of a backtest, for the state the engine is in."""
        device, terms, step_s = engine.device, engine.terms, look.told.step_s
        told = np.array([worth.begin_usd_per_mw]), np.array([worth.further_usd_per_mw])
        gains = gains_of(*told, terms, terms.kind(), step_s)
        begin, further = float(gains[0][0]), float(gains[1][0])
        for cell in self._cells.get(site.id, ()):
            neighbour = self._neighbour(cell, engine, site, look)
            if neighbour is not None:
                begin, further = beside(neighbour, terms, begin, further, step_s)
        left_h = self._left_h(device, look.known.context_of(device.id), look)
        state = RunState(on, left_h, worth.hour_worth(left_h))
        return choose_run(state, terms, begin, further, step_s)

    def _neighbour(self, cell: _Cell, engine: _Engine, site: Site, look: _Look) -> Neighbour | None:
        """A store that shares the engine's connection; None where there is room for both."""
        own = look.told.of_store(cell.terms)
        state = _state_of(cell.device, look.snapshot)
        limit_kw = site.transfer.export_limit_kw + _load_kw(site, look.snapshot)
        both_kw = engine.device.rated_kw + cell.device.rated_kw
        if own is None or state is None or both_kw <= limit_kw:
            return None
        return Neighbour(
            state,
            cell.terms,
            own.price,
            own.worth(),
            cell.device.rated_kw,
            engine.device.rated_kw,
            limit_kw,
        )

    def _begin(self, engine: _Engine, choice: RunChoice, limit_kw: float, look: _Look) -> None:
        """Start an engine for the price; it is bound until its least run is over."""
        told, terms = look.told, engine.terms
        steps = terms.start_steps(told.step_s) + terms.least_steps(told.step_s)
        bound_ms = told.start_ms + steps * told.step_s * MS_PER_S
        self.memory.over.pop(engine.device.id, None)
        self.memory.runs[engine.device.id] = PricedRun(
            look.known.now_ms, bound_ms, round(limit_kw, 2), choice.reason
        )

    def _hindered(
        self, device: Generator, reading: DeviceReading, limit_kw: float, look: _Look
    ) -> str:
        """Why an engine is not asked; empty when it may choose."""
        known, status = look.known, look.snapshot.sites[device.site]
        if device.id in look.held.overrides or device.id in look.held.stopped:
            return "somebody else holds it"
        if device.id in known.commitment.failures:
            return known.commitment.failures[device.id].cause
        if not status.fresh or status.in_outage or reading.mode is not SwitchMode.AUTO:
            return "its site is silent, in an outage or not in auto"
        if device.id in known.commitment.deaf or reading.state in FAILED_STATES:
            return "it does not follow or has a fault"
        if ends := device.operation.works_within(known.now_ms, known.now_ms):
            return f"in maintenance until {ends}"
        if limit_kw < LEAST_SHARE * device.rated_kw:
            return f"its site takes {limit_kw:.0f} kW of its {device.rated_kw:.0f} kW"
        context = known.context_of(device.id)
        verdict = check(context, Setpoint(device.id, Order.RUN, limit_kw, Purpose.PRICE))
        if isinstance(verdict, Refused):
            return verdict.reason
        resting = reading.state not in ON_STATES
        if resting and context.state_age_s < device.min_down_s:
            return f"off for {context.state_age_s:.0f} s of {device.min_down_s:.0f} s"
        return ""

    def _limit_kw(self, device: Generator, site: Site, snapshot: Snapshot) -> float:
        """Most that an engine could give beside the others of its site, kW."""
        room_kw = _load_kw(site, snapshot)
        if site.transfer.engine_may_export:
            room_kw += site.transfer.export_limit_kw
        for other in self._fleet.devices_of_site[site.id]:
            if isinstance(other, Generator) and other.id != device.id:
                reading, run = snapshot.readings.get(other.id), self.memory.runs.get(other.id)
                given_kw = 0.0 if reading is None else reading.power_kw
                room_kw -= max(given_kw, 0.0 if run is None else run.power_kw, 0.0)
        return max(min(device.rated_kw, room_kw), 0.0)

    @staticmethod
    def _left_h(device: Generator, context: Context, look: _Look) -> float:
        """Hours that permit and fuel leave for the price, h; endless where nothing limits them."""
        permit = hours_left(context, Purpose.PRICE)
        left_h = 1e6 if permit is None else permit.left_h
        if device.tank is None:
            return left_h
        reading = look.snapshot.readings.get(device.id)
        level = None if reading is None else reading.fuel_level
        if level is None:
            return 0.0
        above = max(level - context.envelope.fuel_floor, 0.0)
        return min(left_h, above / fuel_line(device).rate_per_h(device.rated_kw))

    def _store(self, cell: _Cell, site: Site, look: _Look, free: bool) -> None:
        """What a store does in the interval."""
        memory, device = self.memory, cell.device
        memory.stores.pop(device.id, None)
        worth = look.told.of_store(cell.terms)
        state = _state_of(device, look.snapshot)
        if worth is None or state is None or not free:
            return
        if device.id in look.held.overrides or device.id in look.held.stopped:
            return
        limit_kw = site.transfer.export_limit_kw + _load_kw(site, look.snapshot)
        room_kw = max(limit_kw - look.engine_kw.get(site.id, 0.0), 0.0)
        state = StoreState(state.energy_kwh, state.usable_kwh, min(room_kw, device.rated_kw))
        step_h = look.told.step_s / SECONDS_PER_HOUR
        choice = choose(state, cell.terms, worth.price, worth.worth(), step_h)
        memory.stores[device.id] = PricedStore(
            choice.power_kw,
            choice.buy_below_usd_per_mwh,
            choice.sell_above_usd_per_mwh,
            choice.reason,
        )

    def _cap_kw(self, area: Area) -> float:
        margin = 1.0 - self._config.import_margin_fraction
        return 0.0 if area.connection is None else area.connection.import_limit_kw * margin

    def _stores_needed(
        self, area: Area, solution: PlanSolution | None, now_ms: int, largest_kw: float
    ) -> bool:
        """Whether the plan needs what stores give to keep within the connection."""
        if solution is None or area.id not in solution.import_kw:
            return False
        cap_kw = self._cap_kw(area) - largest_kw
        stores = [
            cell.device.id
            for site in self._fleet.sites_of_area[area.id]
            for cell in self._cells.get(site.id, ())
            if cell.device.id in solution.power_kw
        ]
        first = max((now_ms - solution.start_ms) // (solution.step_s * MS_PER_S), 0)
        last = first + int(FREE_H * SECONDS_PER_HOUR / solution.step_s)
        for k in range(first, min(last, solution.count)):
            given_kw = sum(max(solution.power_kw[one][k], 0.0) for one in stores)
            if given_kw > 0.0 and solution.import_kw[area.id][k] + given_kw > cap_kw:
                return True
        return False

    def _put_off(self, area: Area, look: _Look, largest_kw: float) -> None:
        """Put off what the plan has on for its price alone, what gains least first.

        The connection must carry the area without it for the next hour and the time of its start,
        after the loss of the largest infeed as well.
        """
        solution, known = self._planning.solution, look.known
        if solution is None or area.id not in solution.import_kw:
            return
        mine = {
            engine.device.id: engine
            for site in self._fleet.sites_of_area[area.id]
            for engine in self._engines.get(site.id, ())
        }
        waiting = sorted(
            (wait.gain_usd_per_mw, device)
            for device, wait in self.memory.waits.items()
            if device in mine
            and look.plan.on.get(device)
            and device not in known.commitment.extras
            and device not in look.held.overrides
        )
        step_ms = solution.step_s * MS_PER_S
        first = max((known.now_ms - solution.start_ms) // step_ms, 0)
        cap_kw = self._cap_kw(area) - largest_kw
        room_kw = [cap_kw - kw for kw in solution.import_kw[area.id]]
        for _, device in waiting:
            ahead_ms = int((mine[device].terms.start_s + PUT_OFF_S) * MS_PER_S)
            span = range(first, min(first + ahead_ms // step_ms + 1, solution.count))
            power_kw = solution.power_kw.get(device, [0.0] * solution.count)
            if any(power_kw[k] > room_kw[k] for k in span):
                continue
            for k in span:
                room_kw[k] -= power_kw[k]
            wait = self.memory.waits[device]
            wait.put_off = True
            wait.text = f"the plan would run it for its price, but {wait.text}"


def _load_kw(site: Site, snapshot: Snapshot) -> float:
    """What a site itself draws, kW; its design value while it says nothing."""
    report = snapshot.sites[site.id].report
    if report is None or report.backup_load_kw is None:
        return site.backup_load_kw
    return report.backup_load_kw


def _state_of(device: Store, snapshot: Snapshot) -> StoreState | None:
    """A store as it stands; None when it cannot be asked."""
    reading, status = snapshot.readings.get(device.id), snapshot.sites[device.site]
    if reading is None or reading.energy_kwh is None or not status.fresh or status.in_outage:
        return None
    if reading.mode is not SwitchMode.AUTO or reading.state in FAILED_STATES:
        return None
    usable_kwh = device.max_energy_kwh - device.min_energy_kwh
    return StoreState(max(reading.energy_kwh - device.min_energy_kwh, 0.0), usable_kwh)
