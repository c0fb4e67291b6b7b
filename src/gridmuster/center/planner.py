"""Asks for plans, takes them in, and answers what the plan says of any moment.

A plan is asked for ``plan_lead_s`` before each quarter of an hour, for the horizon that begins
there, and comes back as a message; until it does the plan before it holds. The solver is not
here: whoever runs the core runs it, and the answer is journaled, so that a replay needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import mul

from msgspec import structs

from gridmuster.center.calls import CallBook
from gridmuster.center.changes import History
from gridmuster.center.clockplans import ClockBook
from gridmuster.center.config import CenterConfig
from gridmuster.center.emitted import EmittedBook
from gridmuster.center.memory import CoreState
from gridmuster.center.outlook import Outlook
from gridmuster.center.planmemory import PlanMemory, PlanRequest
from gridmuster.center.problem import ProblemMaker
from gridmuster.center.sources import PlanNow, SourceBook
from gridmuster.clock import IntervalGrid, floor_to
from gridmuster.dispatch.commitment import CommitmentMemory, drop_extras
from gridmuster.dispatch.offers import PlannedStore
from gridmuster.fleet.devices import Store
from gridmuster.fleet.model import Fleet
from gridmuster.forecast.similar_day import Base
from gridmuster.forecast.told import PriceForecast
from gridmuster.planning.problem import PlanLimits, PlanSolution
from gridmuster.safety import Context
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import KWH_PER_MWH, MS_PER_S, SECONDS_PER_HOUR

#: How far ahead need is looked at when deciding who must be on, s: a start and a little.
AHEAD_S = 120
#: A price this far from the one that the plan was made with calls for a new plan: USD/kWh and
#: share of it, both.
MOVED_USD_PER_KWH = 0.05
MOVED_FRACTION = 0.5
#: Shortest time between two plans that prices called for, s.
MOVED_EVERY_S = 300
#: How much the plan's need is trusted to follow what is measured.
SCALE_LIMITS = (0.8, 1.25)


class Planner:
    """The center's side of planning.

    Args:
        fleet: the fleet.
        config: the center's settings.
        memory: what an earlier planner remembered.
        sources: costs of the generators.
        made: what was made of end-users' similar days already; None: nothing.
    """

    def __init__(
        self,
        fleet: Fleet,
        config: CenterConfig,
        memory: PlanMemory,
        sources: SourceBook,
        made: Mapping[str, Base] | None = None,
    ) -> None:
        self._fleet = fleet
        self._config = config
        self.memory = memory
        self._outlook = Outlook(fleet, memory.outlook, made, config.forecast_fresh_s)
        self._emitted = EmittedBook(fleet, memory.emitted)
        self._clock = ClockBook(fleet, memory.clock)
        self._maker = ProblemMaker(fleet, config, self._outlook, sources)
        self._stores = [device.id for device in fleet.devices if isinstance(device, Store)]

    @property
    def made(self) -> Mapping[str, Base]:
        """What was made of end-users' similar days so far, by their ids."""
        return self._outlook.made

    def estimate_kw(self, now_ms: int) -> Callable[[str], float]:
        """Demand to assume now for an end-user whose meter is silent, by id, kW."""
        return lambda user_id: self._outlook.demand_kw(user_id, now_ms)

    def begin(self) -> None:
        """A process began: the plan an earlier one asked for will not come; ask anew."""
        self.memory.pending_id = ""
        self.memory.next_request_ms = 0

    def teach(self, history: History) -> None:
        """Let forecasts learn from days before this center's own."""
        self._outlook.teach(history)

    def foretold(self, told: PriceForecast, now_ms: int) -> str:
        """Take in a price forecast from outside; why it is refused, or an empty text."""
        return self._outlook.foretold(told, now_ms)

    def observe(self, now_ms: int, snapshot: Snapshot) -> None:
        """Let forecasts learn from this moment."""
        self._outlook.observe(now_ms, snapshot)
        self._emitted.observe(now_ms, snapshot)
        self._clock.observe(now_ms, snapshot)

    def prepare(self, now_ms: int) -> None:
        """Forecast the day once, so that the first plan is not kept waiting by what is made once.

        Args:
            now_ms: plant time, ms.
        """
        step_s = self._config.plan_step_s
        grid = IntervalGrid(floor_to(now_ms, step_s), step_s, self._config.plan_count)
        self._outlook.prepare(grid)

    def request(
        self,
        now_ms: int,
        snapshot: Snapshot,
        context_of: Callable[[str], Context],
        calls: CallBook,
        state: CoreState,
    ) -> PlanRequest | None:
        """A plan to ask for now, when one is due and none is under way."""
        memory, config = self.memory, self._config
        if not state.session.center_id:
            return None
        if now_ms < memory.next_request_ms and not self._price_moved(now_ms, snapshot):
            return None
        waiting_ms = now_ms - memory.pending_since_ms
        if memory.pending_id and waiting_ms < config.plan_every_s * MS_PER_S:
            return None
        if any(status.report is None for status in snapshot.sites.values()) and (
            now_ms - state.session.since_ms < config.recovery_s * MS_PER_S
        ):
            return None
        step_s = config.plan_step_s
        lead_ms = config.plan_lead_s * MS_PER_S
        start_ms = floor_to(now_ms, step_s)
        if memory.solution is not None:
            start_ms = floor_to(now_ms + lead_ms, step_s)
        memory.seen_usd_per_kwh = _prices(snapshot)
        following_ms = floor_to(now_ms + lead_ms, config.plan_every_s)
        memory.next_request_ms = following_ms + config.plan_every_s * MS_PER_S - lead_ms
        memory.count += 1
        memory.pending_id = f"plan-{memory.count}"
        memory.pending_since_ms = now_ms
        grid = IntervalGrid(start_ms, step_s, config.plan_count)
        made = self._maker.make(memory.pending_id, grid, snapshot, context_of, calls, state)
        made = structs.replace(made, emission_caps=self._emitted.caps(grid))
        made = self._clock.kept(made, grid, snapshot.readings)
        memory.need_kw = {area.id: area.demand_kw for area in made.areas}
        memory.low_kw = {area.id: area.demand_low_kw for area in made.areas}
        memory.high_kw = {area.id: area.demand_high_kw for area in made.areas}
        memory.price_usd_per_kwh = {area.id: area.import_price_usd_per_kwh for area in made.areas}
        self._note_prices(grid)
        limits = PlanLimits(config.plan_gap, config.plan_time_limit_s)
        return PlanRequest(made, limits, memory.solution)

    def _note_prices(self, grid: IntervalGrid) -> None:
        """Keep the band of the prices that a plan is made with, and who forecast them."""
        memory = self.memory
        for area in self._fleet.areas:
            low, _, high = self._outlook.price_band_usd_per_kwh(area.id, grid)
            memory.price_low_usd_per_kwh[area.id] = low
            memory.price_high_usd_per_kwh[area.id] = high
            memory.price_source[area.id] = self._outlook.price_source(area.id, grid.start_ms)

    def _price_moved(self, now_ms: int, snapshot: Snapshot) -> bool:
        """Whether a price is far from the one the plan in force was made with."""
        memory = self.memory
        if memory.solution is None or memory.pending_id:
            return False
        if now_ms - memory.pending_since_ms < MOVED_EVERY_S * MS_PER_S:
            return False
        return any(
            abs(now - memory.seen_usd_per_kwh[area])
            > max(MOVED_USD_PER_KWH, MOVED_FRACTION * abs(memory.seen_usd_per_kwh[area]))
            for area, now in _prices(snapshot).items()
            if area in memory.seen_usd_per_kwh
        )

    def adopt(self, solution: PlanSolution, at_ms: int, commitment: CommitmentMemory) -> bool:
        """Take a plan in; False when it is not the one asked for."""
        memory = self.memory
        if solution.problem_id != memory.pending_id:
            return False
        memory.solution = solution
        memory.state_ms = memory.pending_since_ms
        memory.pending_id = ""
        drop_extras(commitment, memory.pending_since_ms)
        return True

    def index(self, now_ms: int) -> int | None:
        """Number of the plan's interval that holds this moment; None without a plan for it."""
        solution = self.memory.solution
        if solution is None:
            return None
        index = (now_ms - solution.start_ms) // (solution.step_s * MS_PER_S)
        # A plan that starts in a moment already says who must be on for it.
        return max(index, 0) if index < solution.count else None

    def now(self, now_ms: int) -> PlanNow:
        """What the plan says of this moment, starts brought forward by their lead."""
        solution = self.memory.solution
        index = self.index(now_ms)
        if solution is None or index is None:
            return PlanNow({}, {})
        step_ms = solution.step_s * MS_PER_S
        on: dict[str, bool] = {}
        into_ms = (now_ms - solution.start_ms) % step_ms
        for device_id, commitment in solution.commitment.items():
            # A start is ordered as soon as its lead reaches the interval it is planned for.
            lead_ms = int(self._maker.start_delay_s(device_id) * MS_PER_S)
            on[device_id] = any(commitment[index : index + 1 + (lead_ms + into_ms) // step_ms])
        stores = {
            store: PlannedStore(
                solution.power_kw[store][index],
                solution.energy_value_usd_per_kwh.get(store, [0.0] * solution.count)[index],
            )
            for store in self._stores
            if store in solution.power_kw
        }
        return PlanNow(on, stores)

    def need_ahead_kw(self, area_id: str, now_ms: int, need_kw: float) -> float:
        """Need expected within the time a start takes, kW; the present need without a plan."""
        solution, needs = self.memory.solution, self.memory.need_kw.get(area_id)
        index = self.index(now_ms)
        if solution is None or needs is None or index is None or need_kw <= 0.0:
            return need_kw
        ahead = (now_ms + AHEAD_S * MS_PER_S - solution.start_ms) // (solution.step_s * MS_PER_S)
        here, there = needs[min(index, len(needs) - 1)], needs[min(max(ahead, 0), len(needs) - 1)]
        if here <= 0.0:
            return need_kw
        scale = min(max(there / here, SCALE_LIMITS[0]), SCALE_LIMITS[1])
        return need_kw * max(scale, 1.0)

    def age_s(self, now_ms: int) -> float:
        """Age of the state the plan in force was made from, s; infinite without a plan."""
        if self.memory.solution is None:
            return float("inf")
        return (now_ms - self.memory.state_ms) / MS_PER_S

    def why_on(self, device_id: str, now_ms: int, usd_per_kwh: float) -> str:
        """Why the plan has a device on now, in words.

        Args:
            device_id: one that it has on.
            now_ms: now, ms.
            usd_per_kwh: what its run costs, start included.
        """
        solution, index = self.memory.solution, self.index(now_ms)
        if solution is None or index is None:
            return "needed for the balance"
        area_id = self._fleet.area_of_device(device_id).id
        prices = solution.price_usd_per_kwh.get(area_id, [0.0] * solution.count)
        on = solution.commitment.get(device_id, [])
        first = index if index < len(on) and on[index] else index + 1
        last = first
        while last < len(on) and on[last]:
            last += 1
        if last == first:
            return f"the plan's power is worth {prices[index]:.3f} USD/kWh in {area_id} now"
        power = solution.power_kw.get(device_id, [])[first:last]
        weights = power if sum(power) > 0.0 else [1.0] * (last - first)
        worth = sum(map(mul, weights, prices[first:last])) / sum(weights)
        hours = (last - first) * solution.step_s / SECONDS_PER_HOUR
        words = (
            f"the plan runs it for {hours:g} h in which its power is worth {worth:.3f} USD/kWh in "
            f"{area_id} on average, {prices[index]:.3f} now"
        )
        if worth < usd_per_kwh:
            words += "; the price alone does not pay its start and idling, the plan without it "
            words += "would cost more"
        return words

    def binding(self, device_id: str, now_ms: int) -> str:
        """Which limit of its area binds in the plan now, in words."""
        solution, index = self.memory.solution, self.index(now_ms)
        if solution is None or index is None:
            return ""
        area = self._fleet.area_of_device(device_id)
        imports = solution.import_kw.get(area.id)
        if area.connection is None:
            return "islanded: own sources only"
        if imports is not None and imports[index] >= 0.9 * area.connection.import_limit_kw:
            return f"import limit {area.connection.import_limit_kw:.0f} kW"
        return "price"


def _prices(snapshot: Snapshot) -> dict[str, float]:
    """The prices in force by area, USD/kWh."""
    return {
        area_id: status.price.price_usd_per_mwh / KWH_PER_MWH
        for area_id, status in snapshot.areas.items()
        if status.price is not None
    }
