"""A plant in lockstep whose cycles come as often as something happens (`runtime.pace`)."""

from __future__ import annotations

from typing import Final

from gridmuster.center.commands import Sent
from gridmuster.center.memory import CoreState
from gridmuster.center.view import Mode
from gridmuster.clock import VirtualClock
from gridmuster.comms.memory import MemoryBroker
from gridmuster.fleet.model import Fleet
from gridmuster.gateway.config import AgentConfig
from gridmuster.runtime.lockstep import Lockstep
from gridmuster.runtime.pace import (
    NEAR_SHARE,
    REST_ROUNDS,
    SETTLE_S,
    Known,
    next_ms,
    turn,
    whole_round,
)
from gridmuster.runtime.recorder import RecordedCore
from gridmuster.runtime.solving import Solver
from gridmuster.simulator.world import World
from gridmuster.units import MS_PER_S

#: Alarms that come and go with nothing to be done at once.
PASSING: Final = ("meter:", "reserve:", "grid:")
#: A planned start is asked for this long ahead at the most, ms (`Planner.now`).
START_LEAD_MS: Final = 60 * MS_PER_S


class PacedLockstep(Lockstep):
    """Center, gateways, twins and utility, stepped by the rule.

    Args:
        fleet: the fleet as the center knows it.
        world: the physical world.
        recorded: the core with its journal.
        solver: makes plans.
        agent_config: settings of the gateways.
        broker: carries the frames.
        clock: plant time, shared with the broker.
    """

    def __init__(
        self,
        fleet: Fleet,
        world: World,
        recorded: RecordedCore,
        solver: Solver,
        agent_config: AgentConfig,
        broker: MemoryBroker,
        clock: VirtualClock,
    ) -> None:
        super().__init__(fleet, world, recorded, solver, agent_config, broker, clock)
        self._happened_ms = world.now_ms
        self._changes = world.kernel.changes
        self._seen: dict[str, object] = {}
        self._site_seen = dict.fromkeys(self.sites, -1)
        self._awake_ms = dict.fromkeys(self.sites, world.now_ms)
        self._planned = ""
        self._switches: list[int] = []
        #: Cycles by how far each was from the one before, s.
        self.cycles: dict[int, int] = {}

    def known(self) -> Known:
        """What the rule goes by now."""
        now_ms = self.clock.now_ms()
        state = self.recorded.core.state
        return Known(
            now_ms,
            self._happened_ms,
            any(not sent.answered for sent in self._open(state)),
            self._near(),
            any(site.busy for site in self.sites.values()),
            self._due_ms(state, now_ms),
        )

    def pace(self) -> None:
        """One cycle of the whole plant, as far on as the rule allows and nothing happens."""
        before_ms = self.clock.now_ms()
        now_ms = self.world.advance_until(next_ms(self.known()))
        self.clock.advance_to(now_ms)
        self._read(now_ms)
        self._utility.publish(now_ms)
        self.broker.deliver()
        for center in self.centers.values():
            center.cycle(now_ms)
        self.broker.deliver()
        self._notice(now_ms)
        step_s = (now_ms - before_ms) // MS_PER_S
        self.cycles[step_s] = self.cycles.get(step_s, 0) + 1

    def _read(self, now_ms: int) -> None:
        """Scan the sites whose turn it is, those that are at work and those that were stirred."""
        every = self.recorded.core.state.session.mode is Mode.RECOVERING
        mine = turn(now_ms) if whole_round(now_ms) else -1
        world = self.world.sites
        for number, (site_id, site) in enumerate(self.sites.items()):
            changes = world[site_id].changes
            stirred = changes != self._site_seen[site_id] or site.stirred
            if stirred:
                self._site_seen[site_id], site.stirred = changes, False
                self._awake_ms[site_id] = now_ms + SETTLE_S * MS_PER_S
            if (
                every
                or number % REST_ROUNDS == mine
                or now_ms <= self._awake_ms[site_id]
                or site.busy
            ):
                self._scan(site_id, site, now_ms)

    def _notice(self, now_ms: int) -> None:
        """Remember when something last happened: in the world, or in what the center knows."""
        seen = self._signs(self.recorded.core.state)
        changes = self.world.kernel.changes
        if changes != self._changes or seen != self._seen:
            self._happened_ms = now_ms
        self._changes, self._seen = changes, seen

    @staticmethod
    def _signs(state: CoreState) -> dict[str, object]:
        """What of the center's memory is an event when it changes."""
        alarms = frozenset(a for a in state.alarms.standing if not a.startswith(PASSING))
        return {
            "mode": state.session.mode,
            "alarms": alarms,
            "calls": frozenset(state.calls.calls),
            "failures": frozenset(state.commitment.failures),
            "extras": frozenset(state.commitment.extras),
            "holds": frozenset(state.activations.holds),
            "running": frozenset(state.activations.running),
            "overrides": frozenset(state.operator.overrides),
            "stopped": frozenset(state.operator.stopped),
        }

    @staticmethod
    def _open(state: CoreState) -> list[Sent]:
        unanswered = frozenset(state.commands.unanswered_sites)
        return [sent for site, sent in state.commands.sent.items() if site not in unanswered]

    def _near(self) -> bool:
        for area in self.world.areas.values():
            connection = area.connection
            if connection is None:
                return True
            high_kw, low_kw = connection.import_limit_kw, -connection.export_limit_kw
            if area.import_kw > NEAR_SHARE * high_kw or area.import_kw < min(
                NEAR_SHARE * low_kw, 0
            ):
                return True
        return False

    def _due_ms(self, state: CoreState, now_ms: int) -> int | None:
        moments = [moment for center in self.centers.values() for moment in center.due()]
        moments += [override.until_ms for override in state.operator.overrides.values()]
        for one in state.activations.running.values():
            moments += [one.wish.from_ms - 30 * MS_PER_S, one.wish.from_ms, one.wish.until_ms]
            for called in one.live():
                moments += [called.start_ms, called.end_ms]
        moments += self._plan_switches(state)
        return min((at_ms for at_ms in moments if at_ms > now_ms), default=None)

    def _plan_switches(self, state: CoreState) -> list[int]:
        """When the plan in force has a set come on or go off, and a start's lead before it, ms."""
        solution = state.planning.solution
        if solution is None:
            return []
        if solution.problem_id != self._planned:
            self._planned = solution.problem_id
            step_ms = solution.step_s * MS_PER_S
            turns = {
                k
                for on in solution.commitment.values()
                for k in range(1, len(on))
                if on[k] != on[k - 1]
            }
            begins = [solution.start_ms + k * step_ms for k in sorted(turns)]
            self._switches = sorted([*begins, *(at_ms - START_LEAD_MS for at_ms in begins)])
        return self._switches
