"""Activations: sets called together for a power over a window, followed until they are back.

Asked for by operators, kept in the core's memory, and looked at in every cycle: sets are called
in time to be on line when the window begins, the power asked for is shared among them, one that
fails or is lost is replaced by the next in merit order, and after the window they return one by
one. A set that failed once is not called again in the same activation. Holds never pass an
interlock: every setpoint is checked like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import structs

from gridmuster.center.activationchange import SPREAD_EACH_S, count, end_at, take_over, yields
from gridmuster.center.activationmemory import ActivationMemory, Called, Hold, Running
from gridmuster.center.calls import ON_STATES
from gridmuster.center.candidates import CandidateBook, Known, lead_s
from gridmuster.center.operator import OperatorMemory, Override
from gridmuster.center.sharing import Part, share
from gridmuster.center.sources import PlanNow, SourceBook
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.planning.objectives import NAMES, parse
from gridmuster.programs.firm import firm_kw
from gridmuster.programs.reach import ring_fault, sites_in
from gridmuster.programs.selection import Selection, select, weights_of
from gridmuster.safety import Refused, check
from gridmuster.safety.herding import SPREAD_S, stagger_s
from gridmuster.signals import (
    Activation,
    OperatorRequest,
    Order,
    Purpose,
    Scope,
    Setpoint,
)
from gridmuster.units import MS_PER_HOUR, MS_PER_S

#: How often an activation is looked over when nothing happened to its sets, s.
LOOK_EVERY_S: Final = 20
#: How often further sets are looked for while some are missing and none was lost, s.
SEARCH_EVERY_S: Final = 120
#: Firm power may fall below the target by this share before a further set is called.
SLACK_FRACTION: Final = 0.02
#: Power is asked for before the window begins, so that it is there when it does, s.
RAMP_AHEAD_S: Final = 30
#: Longest window of one activation, s.
LONGEST_S: Final = 7 * 86_400
#: Activations at one time, and those that are over and still shown.
MOST_RUNNING: Final = 100
MOST_PAST: Final = 50
#: How the reason begins for a set that a person took out of an activation.
RELEASED: Final = "released by"
#: Purposes that a person may give; a site's own outage is its own business.
PURPOSES: Final = frozenset(Purpose) - {Purpose.OUTAGE}


class ActivationDesk:
    """Takes, follows and ends activations.

    Args:
        fleet: the fleet.
        memory: what an earlier desk remembered.
        sources: costs of the generators.
    """

    def __init__(self, fleet: Fleet, memory: ActivationMemory, sources: SourceBook) -> None:
        self._fleet = fleet
        self.memory = memory
        self._book = CandidateBook(fleet, sources, memory)
        self.costs = sources.costs
        shares = parse(fleet.objective)
        self._weights = weights_of({name: getattr(shares, key) for name, key in NAMES.items()})
        self._asked: list[OperatorRequest] = []
        #: Sets that go to another activation in this cycle; whoever may call them calls them first.
        self.handed: set[str] = set()

    def ask(self, request: OperatorRequest) -> None:
        """Keep a request to activate until this cycle's picture is there."""
        self._asked.append(request)

    def cancel(self, request: OperatorRequest, now_ms: int) -> str:
        """End an activation; its sets return one by one.

        Args:
            request: whose ``target`` is the activation's id.
            now_ms: now, ms.

        Returns:
            What was done, in words, beginning with ``refused:`` when nothing was.
        """
        one = self.memory.running.get(request.target)
        if one is None:
            return f"refused: no activation {request.target} is under way"
        if one.cancelled_by:
            return f"refused: it was cancelled by {one.cancelled_by} already"
        one.cancelled_by = request.actor
        end_at(one, now_ms)
        return f"activation of {one.wish.power_kw:g} kW in {one.target} cancelled"

    def give_back(self, devices: Iterable[str], actor: str) -> int:
        """A person takes sets out of activations.

        Args:
            devices: which.
            actor: who.

        Returns:
            How many were called.
        """
        wanted = frozenset(devices)
        found = 0
        for one in self.memory.running.values():
            for called in one.live():
                if called.device in wanted:
                    called.lost = f"{RELEASED} {actor}"
                    one.failed.append(called.device)
                    one.looked_ms = 0
                    found += 1
        return found

    def weigh(self, request: OperatorRequest, known: Known) -> Selection | str:
        """Which sets a request would call, or why none; nothing is changed.

        Args:
            request: the request with its activation.
            known: what the cycle knows.
        """
        wish = request.activation
        why = self._fault(request, wish, known.now_ms)
        if why or wish is None:
            return why
        sites = sites_in(self._fleet, request.scope, request.target, wish)
        if not sites:
            return "no site of the fleet is in what was asked for"
        taken = self._taken(wish) | self._beside(request.scope, request.target)
        candidates, excluded = self._book.judge(sites, wish, known, taken)
        if not candidates and not excluded:
            return f"none of the {len(sites)} site(s) asked for has a set that can be started"
        return select(
            wish.power_kw,
            wish.probability,
            candidates,
            excluded,
            self._weights,
            self.handed,
            self._book.causes.states,
        )

    @staticmethod
    def _fault(request: OperatorRequest, wish: Activation | None, now_ms: int) -> str:
        if wish is None:
            return "the request does not say what to activate"
        if wish.until_ms <= now_ms:
            return "the window is already over"
        if wish.until_ms <= wish.from_ms:
            return "the window ends before it begins"
        if wish.until_ms - max(wish.from_ms, now_ms) > LONGEST_S * MS_PER_S:
            return f"the window is longer than {LONGEST_S // 86_400} days"
        if wish.purpose not in PURPOSES:
            return "an outage is served by the site itself; give another reason to run"
        return ring_fault(wish.polygon) if wish.polygon else ""

    def _taken(self, wish: Activation) -> dict[str, str]:
        """Sets of other activations whose windows overlap: a set has one buyer (invariant 14)."""
        return {
            called.device: f"called by activation {one.id}"
            for one in self.memory.running.values()
            if one.wish.from_ms < wish.until_ms and wish.from_ms < one.wish.until_ms
            if not yields(one, wish)
            for called in one.live()
        }

    def _beside(self, scope: Scope, target: str) -> dict[str, str]:
        """The other sets of a site of which one set is asked for."""
        if scope is not Scope.DEVICE or target not in self._fleet.device_by_id:
            return {}
        site = self._fleet.device_by_id[target].site
        others = (one.id for one in self._fleet.devices_of_site[site] if one.id != target)
        return dict.fromkeys(others, f"only {target} was asked for")

    def look(self, known: Known) -> list[tuple[OperatorRequest, str]]:
        """Settle what was asked, follow what is under way, and work out who is held on.

        Args:
            known: what the cycle knows.

        Returns:
            Requests settled now, each with its answer.
        """
        memory = self.memory
        if not (memory.running or self._asked or memory.holds or memory.freed):
            return []
        asked, self._asked = self._asked, []
        answers = [(request, self.begin(request, known)) for request in asked]
        for one in list(memory.running.values()):
            self._follow(one, known)
        self._hold(known)
        self.handed.clear()
        return answers

    def begin(self, request: OperatorRequest, known: Known, program: str = "") -> str:
        """Call sets for an activation at once.

        Args:
            request: to activate; its id becomes the activation's.
            known: what the cycle knows.
            program: id of the program that asks; empty: a person.

        Returns:
            What was done, in words, beginning with ``refused:`` when nothing was.
        """
        if len(self.memory.running) >= MOST_RUNNING:
            return f"refused: {MOST_RUNNING} activations are under way"
        found = self.weigh(request, known)
        if isinstance(found, str):
            return f"refused: {found}"
        if not found.chosen:
            first = found.excluded[0]
            return (
                f"refused: none of {len(found.excluded)} set(s) may be called; "
                f"{first.device}: {first.reason}"
            )
        wish = request.activation
        assert wish is not None
        one = Running(
            request.id,
            request.actor,
            request.reason,
            request.scope.value,
            request.target,
            wish,
            known.now_ms,
            counted_ms=known.now_ms,
            program=program,
        )
        self.memory.running[request.id] = one
        self._call(one, found, known.now_ms, [])
        short = f"; {found.missing_kw:.0f} kW are missing" if found.missing_kw > 0.0 else ""
        return (
            f"{len(one.sets)} set(s) called for {wish.power_kw:g} kW: {found.firm_kw:.0f} kW firm "
            f"at {wish.probability:.0%}{short}"
        )

    def _call(self, one: Running, found: Selection, now_ms: int, lost: list[str]) -> None:
        """Take a selection's sets into an activation; new ones stand in for those lost."""
        known = {called.device for called in one.live()}
        new = [chosen for chosen in found.chosen if chosen.device not in known]
        spread_s = min(SPREAD_EACH_S * len(new), SPREAD_S)
        yielded = take_over(self.memory, one, {chosen.device for chosen in new})
        for k, chosen in enumerate(new):
            device = self._generator(chosen.device)
            handed = chosen.device in self.handed or (chosen.on and chosen.device in yielded)
            early_ms = one.wish.from_ms - int((lead_s(device) + spread_s) * MS_PER_S)
            wait_ms = int(stagger_s(chosen.device, spread_s, one.id) * MS_PER_S)
            one.sets.append(
                Called(
                    chosen.device,
                    chosen.site,
                    chosen.kw,
                    chosen.odds,
                    now_ms if handed else max(early_ms, now_ms) + wait_ms,
                    0,
                    lost[k] if k < len(lost) else "",
                    ours=not chosen.on or self._is_ours(chosen.device),
                )
            )
        one.firm_kw, one.missing_kw = found.firm_kw, found.missing_kw
        one.in_line = tuple(chosen.device for chosen in found.in_line)
        end_at(one, one.wish.until_ms)

    def _is_ours(self, device_id: str) -> bool:
        """Whether a set that is on was started for an activation that let it go just now."""
        hold = self.memory.holds.get(device_id)
        return hold is not None and hold.ours

    def _generator(self, device_id: str) -> Generator:
        device = self._fleet.device_by_id[device_id]
        assert isinstance(device, Generator)
        return device

    def _follow(self, one: Running, known: Known) -> None:
        """Count what it delivers, note what it lost, and call others in their place."""
        now_ms, wish = known.now_ms, one.wish
        if wish.until_ms <= now_ms and not any(
            called.end_ms > now_ms or self._young(called, known) for called in one.live()
        ):
            del self.memory.running[one.id]
            one.delivered_kw = 0.0
            self.memory.past.append(one)
            del self.memory.past[:-MOST_PAST]
            return
        lost = []
        for called in one.live():
            # What keeps a set from its power after the window takes nothing from the call.
            on_call = called.start_ms <= now_ms < wish.until_ms
            if on_call and (why := self._lost(called.device, wish, known)):
                called.lost = why
                lost.append(called.device)
                if called.device in known.commitment.failures:
                    one.failed.append(called.device)
            elif now_ms >= wish.until_ms and self._undeclared(called, wish, known):
                # Who may run in declared alerts only goes off with the alert, not after the others.
                called.end_ms, called.ours = min(called.end_ms, now_ms), False
        count(one, known.snapshot.readings, now_ms)
        due = now_ms - one.looked_ms >= LOOK_EVERY_S * MS_PER_S
        if now_ms < wish.until_ms and (lost or due):
            one.looked_ms = now_ms
            self._make_up(one, known, lost)

    def _undeclared(self, called: Called, wish: Activation, known: Known) -> str:
        return self._book.undeclared(self._generator(called.device), wish, known)

    def _lost(self, device_id: str, wish: Activation, known: Known) -> str:
        """Why a called set cannot serve any more; empty while it can."""
        if (failure := known.commitment.failures.get(device_id)) is not None:
            return failure.cause
        if (held := known.operator.overrides.get(device_id)) is not None:
            return f"held by {held.actor}"
        device = self._generator(device_id)
        if why := self._book.undeclared(device, wish, known):
            return why
        context = known.context_of(device_id)
        if wish.asserted:
            context = structs.replace(context, alert_asserted=True)
        kw, _ = self._book.power_kw(device, self._fleet.site_by_id[device.site], known)
        verdict = check(context, Setpoint(device_id, Order.RUN, kw, wish.purpose))
        return verdict.reason if isinstance(verdict, Refused) else ""

    def _make_up(self, one: Running, known: Known, lost: list[str]) -> None:
        """Call further sets when what is left does not carry the target any more."""
        wish = one.wish
        left_h = max(wish.until_ms - known.now_ms, 0) / MS_PER_HOUR
        there = [self._book.as_called(called.device, known, left_h) for called in one.live()]
        states = self._book.causes.states
        pairs = ((c.kw, c.odds_by_state) for c in there)
        one.firm_kw = firm_kw(pairs, wish.probability, states=states)
        one.missing_kw = max(wish.power_kw - one.firm_kw, 0.0)
        enough = one.firm_kw >= wish.power_kw * (1.0 - SLACK_FRACTION)
        searched_s = (known.now_ms - one.searched_ms) / MS_PER_S
        if enough or (not lost and searched_s < SEARCH_EVERY_S):
            return
        one.searched_ms = known.now_ms
        taken = {called.device: "called" for called in one.live()} | self._taken(wish)
        taken |= dict.fromkeys(one.failed, "failed in this activation")
        taken |= self._beside(*_where(one))
        sites = sites_in(self._fleet, *_where(one), wish)
        others, _ = self._book.judge(sites, wish, known, taken)
        found = select(
            wish.power_kw,
            wish.probability,
            [*there, *others],
            (),
            self._weights,
            self.handed.union(candidate.device for candidate in there),
            states,
        )
        one.sets = [
            called
            for called in one.sets
            if not called.lost or called.device not in {chosen.device for chosen in found.chosen}
        ]
        self._call(one, found, known.now_ms, lost)

    def _hold(self, known: Known) -> None:
        """Who is held on now, and at what power."""
        before, holds = self.memory.holds, {}
        for one in self.memory.running.values():
            holds.update(self._holds(one, known, before))
        for device_id in before.keys() - holds.keys():
            self.memory.released[device_id] = before[device_id].text
            if before[device_id].ours and device_id not in self.memory.freed:
                self.memory.freed.append(device_id)
        for device_id in holds:
            self.memory.released.pop(device_id, None)
        readings = known.snapshot.readings
        self.memory.freed = [
            device_id
            for device_id in self.memory.freed
            if device_id not in holds
            and (reading := readings.get(device_id)) is not None
            and reading.state in ON_STATES
        ]
        self.memory.holds = holds

    def _holds(self, one: Running, known: Known, before: Mapping[str, Hold]) -> dict[str, Hold]:
        wish, now_ms = one.wish, known.now_ms
        held = [called for called in one.live() if called.start_ms <= now_ms < called.end_ms]
        if now_ms < wish.until_ms:
            parts = [self._part(called, known) for called in held]
            ramping = now_ms >= wish.from_ms - RAMP_AHEAD_S * MS_PER_S
            powers = share(wish.power_kw if ramping else 0.0, parts, self._rooms(parts, known))
        else:
            powers = {called.device: _power(before.get(called.device)) for called in held}
        for called in one.sets:
            over = called.end_ms <= now_ms or called.lost.startswith(RELEASED)
            if over and self._young(called, known):
                held.append(called)
                powers[called.device] = self._part(called, known).least_kw
        text = (
            f"activation of {wish.power_kw:g} kW in {one.target} by {one.actor} "
            f"({wish.purpose.value.replace('_', ' ')})"
        )
        if one.program:
            text += f": {one.reason}"
        return {
            called.device: Hold(
                one.id, powers[called.device], wish.purpose, text, called.replaces, called.ours
            )
            for called in held
        }

    def _young(self, called: Called, known: Known) -> bool:
        """Whether a set that was started for this has not run its least time yet."""
        reading = known.snapshot.readings.get(called.device)
        if not called.ours or reading is None or reading.state not in ON_STATES:
            return False
        if called.lost and not called.lost.startswith(RELEASED):
            return False
        on_s = known.context_of(called.device).state_age_s
        return on_s < self._generator(called.device).min_up_s

    def _part(self, called: Called, known: Known) -> Part:
        device = self._generator(called.device)
        site = self._fleet.site_by_id[device.site]
        kw, _ = self._book.power_kw(device, site, known)
        reading = known.snapshot.readings.get(called.device)
        measured_kw = 0.0 if reading is None else max(reading.power_kw, 0.0)
        least_kw = min(device.min_load_fraction * device.rated_kw, kw)
        export = site.transfer.engine_may_export
        if called.device in known.commitment.deaf:
            # What it gives is not ours to choose for now.
            return Part(called.device, site.area, measured_kw, measured_kw, measured_kw)
        return Part(called.device, site.area, kw, least_kw if export else kw, measured_kw)

    def _rooms(self, parts: list[Part], known: Known) -> dict[str, float | None]:
        """What the sets of each area may give in all, kW; None where the area stands alone."""
        rooms: dict[str, float | None] = {}
        for area_id in dict.fromkeys(part.area for part in parts):
            status = known.snapshot.areas[area_id]
            connection = self._fleet.area_by_id[area_id].connection
            if connection is None or (status.grid is not None and not status.grid.energised):
                rooms[area_id] = None
                continue
            export_kw = connection.export_limit_kw
            if status.grid is not None:
                export_kw = min(export_kw, status.grid.export_limit_kw)
            ours_kw = sum(part.measured_kw for part in parts if part.area == area_id)
            rooms[area_id] = max(status.need_kw + export_kw - status.generation_kw + ours_kw, 0.0)
        return rooms

    def merged(self, operator: OperatorMemory) -> OperatorMemory:
        """Persons' holds with those of activations; a person's own come first.

        Args:
            operator: what persons hold; handed back as it is when nothing is activated.
        """
        holds = {
            device: Override(hold.power_kw, 0, hold.text, hold.purpose)
            for device, hold in self.memory.holds.items()
            if hold.power_kw is not None
        }
        if not holds:
            return operator
        return structs.replace(operator, overrides={**holds, **operator.overrides})

    def planned(self, plan: PlanNow) -> PlanNow:
        """What the plan says, with the sets on whose power the dispatch decides.

        A plan takes a set that an activation left on as on, for its least time and more; that is
        not kept up. Where the balance needs the set, real-time commitment keeps it all the same.

        Args:
            plan: what the plan says.
        """
        on = dict.fromkeys(self.memory.freed, False)
        on |= {d: True for d, hold in self.memory.holds.items() if hold.power_kw is None}
        return PlanNow({**plan.on, **on}, plan.stores) if on else plan

    def asserted(self, device_id: str) -> bool:
        """Whether an operator asserted the conditions of an alert for a set that is held now."""
        hold = self.memory.holds.get(device_id)
        if hold is None:
            return False
        one = self.memory.running.get(hold.activation)
        return one is not None and one.wish.asserted


def _where(one: Running) -> tuple[Scope, str]:
    return Scope(one.scope), one.target


def _power(hold: Hold | None) -> float | None:
    """The power a set was held at last, kW; nothing known: as little as may be."""
    return 0.0 if hold is None else hold.power_kw
