"""Runs the areas' programs: hears what is told, merges what they ask for, and has sets called.

Every request in force becomes an activation of what the merge grants it, through the same desk as
a person's; its power and end follow the request from cycle to cycle. When power goes from one
request to another, sets that are on go with it. An activation of a program that a person ends is
not asked for again as long as its request lasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gridmuster.center.activationchange import adjust, finish, surrender
from gridmuster.center.activationmemory import Running
from gridmuster.center.activations import ActivationDesk
from gridmuster.center.candidates import Known
from gridmuster.center.drillengines import EngineBook
from gridmuster.center.planmemory import PlanMemory
from gridmuster.center.programmemory import Asked, ProgramMemory
from gridmuster.fleet.model import Area, Fleet, limit_of
from gridmuster.fleet.programs import CoincidentPeak, Peak
from gridmuster.programs.asking import Sensed, Watch, asks, declared
from gridmuster.programs.coincident import heard
from gridmuster.programs.drills import Engine
from gridmuster.programs.events import MOST_EVENTS, admit, hears
from gridmuster.programs.request import LEAST_KW, PERSON_PRIORITY, Grant, Request, ahead, order_of
from gridmuster.signals import Action, Activation, OperatorRequest, Price, Scope
from gridmuster.state.snapshot import Snapshot
from gridmuster.units import MS_PER_S

#: Sets are called for a request that begins within this time, s.
LEAD_S: Final = 900
#: How often what could not be called is tried again, s.
RETRY_S: Final = 120
#: A change of power by less than this share of the request waits for a larger one.
STEP_FRACTION: Final = 0.02
#: Requests that are over and still shown.
MOST_PAST: Final = 50
#: Role of a program as the asker of an activation.
ROLE: Final = "program"


Settled = list[tuple[OperatorRequest, str]]


class ProgramDesk:
    """Hears, asks and merges.

    Args:
        fleet: the fleet with its programs.
        memory: what an earlier desk remembered.
        activations: calls the sets.
        planning: knows what the plan in force expects.
    """

    def __init__(
        self,
        fleet: Fleet,
        memory: ProgramMemory,
        activations: ActivationDesk,
        planning: PlanMemory,
    ) -> None:
        self._fleet = fleet
        self._planning = planning
        self.memory = memory
        self._activations = activations
        self._engines = EngineBook(fleet, activations.costs, planning)
        self._programs = fleet.program_by_id
        self._ended: list[tuple[Running, float]] = []
        for name in [name for name in memory.watches if name not in self._programs]:
            del memory.watches[name]

    def take(self, request: OperatorRequest, now_ms: int) -> str:
        """Hear a signal.

        Args:
            request: with the signal.
            now_ms: now, ms.

        Returns:
            What came of it, in words that begin with ``refused:`` when nothing did.
        """
        signal = request.signal
        if signal is None:
            return "refused: the request does not say what is signalled"
        found = self._programs.get(signal.program)
        if found is None:
            known = ", ".join(sorted(self._programs)) or "none"
            return f"refused: no program {signal.program}; there are: {known}"
        _, program = found
        if why := hears(program):
            return f"refused: {why}"
        watch = self.memory.watches.setdefault(program.id, Watch())
        watch.forget(now_ms)
        if isinstance(program, CoincidentPeak):
            watch.days, said = heard(watch.days, program, signal)
            return said
        known_before = signal.event in watch.events
        if signal.withdrawn:
            if not known_before:
                return f"refused: program {program.id} knows no event {signal.event}"
            del watch.events[signal.event]
            return f"event {signal.event} withdrawn"
        if not known_before and len(watch.events) >= MOST_EVENTS:
            return f"refused: program {program.id} has {MOST_EVENTS} events already"
        event, answer = admit(program, signal, now_ms, request.actor, request.reason)
        if event is not None:
            watch.events[signal.event] = event
        elif known_before and signal.until_ms is not None and signal.until_ms <= now_ms:
            del watch.events[signal.event]
            return f"event {signal.event} ended: its new end is past"
        return answer

    def declared(self, now_ms: int) -> frozenset[str]:
        """Ids of areas in which an event declares an emergency now."""
        watches = self.memory.watches
        return frozenset(
            area.id
            for area in self._fleet.areas
            if declared((watches[p.id] for p in area.programs.all if p.id in watches), now_ms)
        )

    def look(self, known: Known) -> Settled:
        """Bring activations in line with what the programs ask for.

        Args:
            known: what the cycle knows.

        Returns:
            Activations begun or refused now, each as a request with its answer.
        """
        if not self._programs and not self.memory.asked:
            return []
        requests = self._requests(known)
        self._ended = []
        keys = {request.key for request in requests}
        for key in [key for key in self.memory.asked if key not in keys]:
            self._over(self.memory.asked.pop(key), known.now_ms)
        for request in requests:
            asked = self.memory.asked.get(request.key)
            if asked is None:
                self.memory.asked[request.key] = Asked(request, known.now_ms)
            else:
                asked.request = request
        self._note_persons()
        wanted = [r for r in requests if not self.memory.asked[r.key].cancelled_by]
        grants = ahead([*wanted, *self._persons()], known.now_ms, LEAD_S * MS_PER_S)
        mine = [grant for grant in grants if grant.request.key in self.memory.asked]
        granted = {grant.request.key for grant in mine}
        for key, asked in self.memory.asked.items():
            if key not in granted:
                asked.granted_kw, asked.covered_by = 0.0, ()
        self._hand_over(mine)
        return [settled for grant in mine for settled in self._follow(grant, known)]

    def _requests(self, known: Known) -> list[Request]:
        found: list[Request] = []
        snapshot = known.snapshot
        for area in self._fleet.areas:
            status = snapshot.areas[area.id]
            grid = status.grid if status.grid_fresh else None
            live = grid is not None and grid.energised
            net_kw = status.need_kw - status.generation_kw + self._called_kw(area.id, snapshot)
            peaks = area.programs.peak
            limits_kw = {one.id: limit_of(area, one) for one in peaks}
            sensed = Sensed(
                area.id,
                snapshot.now_ms,
                grid.frequency_hz if grid is not None and live else None,
                None if grid is None else grid.alert,
                net_kw,
                price_now(status.price, snapshot.now_ms),
                {one.id: self._load_kw(one, area, net_kw, snapshot) for one in peaks},
                {name: kw for name, kw in limits_kw.items() if kw is not None},
                self._engines.worth(area.id, status.price) if area.programs.exercise else None,
                self._due_in(area, known),
                known.ledger.exercised,
            )
            for program in area.programs.all:
                watch = self.memory.watches.setdefault(program.id, Watch())
                found += asks(program, watch, sensed)
        return sorted(found, key=order_of)

    def _due_in(self, area: Area, known: Known) -> dict[str, list[Engine]]:
        """The engines of an area's exercise programs that are to be looked over now."""
        found = {}
        for program in area.programs.exercise:
            watch = self.memory.watches.setdefault(program.id, Watch())
            engines = self._engines.engines(program, watch.drills, known)
            if engines is not None:
                found[program.id] = engines
        return found

    def _load_kw(self, program: Peak, area: Area, net_kw: float, snapshot: Snapshot) -> float:
        """What a peak program watches, kW: its feeder's meters, or the area's with its forecast."""
        if program.feeder is not None:
            return sum(
                snapshot.metered.get(user.id, snapshot.silent.get(user.id, 0.0))
                for site in self._fleet.sites_of_feeder[program.feeder]
                for user in self._fleet.end_users_of_site[site.id]
            )
        forecast_kw = self._ahead_kw(area.id, snapshot.now_ms, program.ahead_s)
        return max(net_kw, forecast_kw)

    def _ahead_kw(self, area_id: str, now_ms: int, ahead_s: int) -> float:
        """The highest import that the plan in force expects within a time, called sets aside, kW.

        Imports already count what the plan itself runs; 0 without a plan for that time.
        """
        solution = self._planning.solution
        if solution is None or not ahead_s or area_id not in solution.import_kw:
            return 0.0
        step_ms = solution.step_s * MS_PER_S
        first = max((now_ms - solution.start_ms) // step_ms, 0)
        last = (now_ms + ahead_s * MS_PER_S - solution.start_ms) // step_ms
        return max(solution.import_kw[area_id][first : last + 1], default=0.0)

    def _called_kw(self, area_id: str, snapshot: Snapshot) -> float:
        """What the sets give that are called in an area, kW."""
        return sum(
            max(reading.power_kw, 0.0)
            for device in self._activations.memory.holds
            if self._fleet.area_of_device(device).id == area_id
            and (reading := snapshot.readings.get(device)) is not None
        )

    def _persons(self) -> list[Request]:
        """What persons activated, as requests that come before all others."""
        mine = {asked.activation for asked in self.memory.asked.values()}
        found = []
        for one in self._activations.memory.running.values():
            wish = one.wish
            whole = not (wish.polygon or wish.owner)
            if one.scope != Scope.AREA.value or one.program or one.id in mine or not whole:
                continue
            found.append(
                Request(
                    one.id,
                    "",
                    one.target,
                    wish.power_kw,
                    wish.from_ms,
                    wish.until_ms,
                    PERSON_PRIORITY,
                    wish.purpose,
                    one.reason,
                    feeder=wish.feeder,
                    tag=wish.tag,
                    sites=wish.sites,
                )
            )
        return found

    def _note_persons(self) -> None:
        """Take note of activations of programs that a person ended."""
        running = self._activations.memory.running
        for asked in self.memory.asked.values():
            one = running.get(asked.activation)
            if one is not None and one.cancelled_by:
                asked.cancelled_by = one.cancelled_by
                asked.answer = f"ended by {one.cancelled_by}"
                asked.activation = ""

    def _over(self, asked: Asked, now_ms: int) -> None:
        asked.over_ms = now_ms
        one = self._activations.memory.running.get(asked.activation)
        if one is not None:
            self._ended.append((one, 0.0))
        finish(self._activations.memory, asked.activation, now_ms)
        self.memory.past.append(asked)
        del self.memory.past[:-MOST_PAST]

    def _hand_over(self, grants: Iterable[Grant]) -> None:
        """Let sets go from activations that are to give less to those that are to give more."""
        running = self._activations.memory.running
        rise_kw: dict[str, float] = {}
        falls: list[tuple[Running, float]] = list(self._ended)
        for grant in grants:
            asked, area = self.memory.asked[grant.request.key], grant.request.area
            one = running.get(asked.activation)
            change_kw = grant.power_kw - asked.granted_kw
            if change_kw > 0.0:
                rise_kw[area] = rise_kw.get(area, 0.0) + change_kw
            elif change_kw < 0.0 and one is not None:
                falls.append((one, grant.power_kw))
        for one, keep_kw in falls:
            wanted_kw = rise_kw.get(one.target, 0.0)
            if wanted_kw > 0.0:
                given = surrender(one, keep_kw, wanted_kw)
                rise_kw[one.target] = wanted_kw - sum(called.kw for called in given)
                self._activations.handed.update(called.device for called in given)

    def _follow(self, grant: Grant, known: Known) -> Settled:
        """Begin, change or end the activation of one request."""
        request, now_ms = grant.request, known.now_ms
        asked = self.memory.asked[request.key]
        asked.covered_by = grant.covered_by
        running = self._activations.memory.running.get(asked.activation)
        if grant.power_kw < LEAST_KW:
            asked.granted_kw = 0.0
            asked.answer = "others give it"
            if running is not None:
                finish(self._activations.memory, asked.activation, now_ms)
                asked.activation = ""
            return []
        if running is not None:
            step_kw = STEP_FRACTION * request.power_kw
            if abs(grant.power_kw - running.wish.power_kw) < step_kw:
                power_kw = running.wish.power_kw
            else:
                power_kw = grant.power_kw
            asked.granted_kw = power_kw
            adjust(running, power_kw, request.until_ms)
            return []
        asked.granted_kw = grant.power_kw
        if asked.tried_ms >= 0 and now_ms - asked.tried_ms < RETRY_S * MS_PER_S:
            return []
        return self._begin(asked, grant.power_kw, known)

    def _begin(self, asked: Asked, power_kw: float, known: Known) -> Settled:
        memory, request = self.memory, asked.request
        memory.count += 1
        again = asked.answer
        asked.tried_ms = known.now_ms
        order = _order(f"call-{memory.count}", request, power_kw, known.now_ms)
        asked.answer = self._activations.begin(order, known, program=request.program)
        if asked.answer.startswith("refused"):
            return [] if asked.answer == again else [(order, asked.answer)]
        asked.activation = order.id
        return [(order, asked.answer)]


def _order(name: str, request: Request, power_kw: float, now_ms: int) -> OperatorRequest:
    """A program's request as an order to activate."""
    wish = Activation(
        power_kw,
        max(request.from_ms, now_ms),
        request.until_ms,
        request.purpose,
        request.probability,
        request.local_need is not None,
        request.light_load,
        tag=request.tag,
        sites=request.sites,
        feeder=request.feeder,
        local_need=request.local_need,
    )
    return OperatorRequest(
        name,
        f"program {request.program}",
        ROLE,
        Action.ACTIVATE,
        Scope.DEVICE if request.device else Scope.AREA,
        request.device or request.area,
        now_ms,
        power_kw,
        request.until_ms,
        request.reason,
        wish,
    )


def price_now(price: Price | None, now_ms: int) -> float | None:
    """The price in force, USD/MWh; None when none is, or the last is older than two intervals.

    Args:
        price: the last one heard.
        now_ms: now, ms.
    """
    if price is None or now_ms >= price.start_ms + 2 * price.duration_s * MS_PER_S:
        return None
    return price.price_usd_per_mwh
