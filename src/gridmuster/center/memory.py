"""All that the core remembers between cycles, as plain data, and what a cycle sends out."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field

from gridmuster.center.activationmemory import ActivationMemory
from gridmuster.center.alarms import AlarmMemory
from gridmuster.center.calls import CallMemory
from gridmuster.center.commands import DeskMemory
from gridmuster.center.fuelwatch import FuelBook
from gridmuster.center.islands import IslandBook
from gridmuster.center.operator import OperatorMemory
from gridmuster.center.planmemory import PlanMemory, PlanRequest
from gridmuster.center.pricing import PricingMemory
from gridmuster.center.programmemory import ProgramMemory
from gridmuster.center.session import SessionMemory
from gridmuster.center.view import DecisionView
from gridmuster.dispatch.commitment import CommitmentMemory
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.programs.ledger import Ledger
from gridmuster.signals import Frame
from gridmuster.state.keeper import Memory


class Counters(Struct):
    """Running totals that people ask for."""

    malformed: int = 0
    late: int = 0
    failed_starts: int = 0
    substitutions: int = 0
    starts: int = 0
    vetoes: int = 0
    missed_cycles: int = 0
    cycle_ms_last: float = 0.0
    malformed_at_ms: int = 0
    malformed_topic: str = ""
    malformed_reason: str = ""


class CoreState(Struct):
    """The core's whole memory; encoded, it is a checkpoint."""

    session: SessionMemory = field(default_factory=SessionMemory)
    plant: Memory = field(default_factory=Memory)
    ledger: Ledger = field(default_factory=Ledger)
    commitment: CommitmentMemory = field(default_factory=CommitmentMemory)
    commands: DeskMemory = field(default_factory=DeskMemory)
    operator: OperatorMemory = field(default_factory=OperatorMemory)
    activations: ActivationMemory = field(default_factory=ActivationMemory)
    calls: CallMemory = field(default_factory=CallMemory)
    alarms: AlarmMemory = field(default_factory=AlarmMemory)
    planning: PlanMemory = field(default_factory=PlanMemory)
    decisions: list[DecisionView] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    lolp: dict[str, float] = field(default_factory=dict)
    leaving: list[str] = field(default_factory=list)
    programs: ProgramMemory = field(default_factory=ProgramMemory)
    fuel: FuelBook = field(default_factory=FuelBook)
    islands: IslandBook = field(default_factory=IslandBook)
    pricing: PricingMemory = field(default_factory=PricingMemory)

    def keep_only(self, fleet: Fleet) -> None:
        """Forget what left the fleet, so that nothing of it is looked at or commanded.

        Emergency stops, hours and sequences are kept: they count again should it come back.
        """
        for by_site in (self.plant.sites, self.commands.sent):
            _keep(by_site, fleet.site_by_id)
        for by_device in (
            self.plant.readings,
            self.commitment.extras,
            self.commitment.failures,
            self.commitment.deaf,
            self.operator.overrides,
            self.operator.resetting,
            self.activations.holds,
            self.activations.released,
            self.calls.calls,
            self.calls.lives,
            self.reasons,
            self.fuel.tanks,
            self.pricing.runs,
            self.pricing.stores,
            self.pricing.waits,
            self.pricing.over,
        ):
            _keep(by_device, fleet.device_by_id)
        _keep(self.plant.meters, fleet.end_user_by_id)
        _keep(self.plant.areas, fleet.area_by_id)
        _keep(self.lolp, fleet.area_by_id)
        _keep(self.islands.areas, fleet.area_by_id)
        _keep(self.planning.outlook.market, fleet.area_by_id)
        _keep(self.pricing.told, fleet.area_by_id)
        _keep(self.pricing.decided_ms, fleet.area_by_id)
        for one in self.activations.running.values():
            one.sets = [
                called
                for called in one.sets
                if isinstance(fleet.device_by_id.get(called.device), Generator)
            ]
        self.leaving = []
        unanswered = self.commands.unanswered_sites
        self.commands.unanswered_sites = [site for site in unanswered if site in fleet.site_by_id]
        plan = self.planning.solution
        if plan is not None and not plan.commitment.keys() <= fleet.device_by_id.keys():
            self.planning.solution = None


def _keep(entries: dict[str, Any], known: Container[str]) -> None:
    for name in [name for name in entries if name not in known]:
        del entries[name]


@dataclass(frozen=True, slots=True)
class Outbox:
    """What a cycle sends out.

    Args:
        frames: to be kept, and those on sites' and the lease's topics also to be sent.
        plan_request: a plan to be made, or None.
    """

    frames: list[Frame]
    plan_request: PlanRequest | None
