"""Writes down what was decided and why: the cycle's record, reasons in words, substitutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gridmuster.center.activationmemory import Hold
from gridmuster.center.calls import CallBook
from gridmuster.center.decider import AreaDecision
from gridmuster.center.legal import hours_text, legal_basis, limits_now
from gridmuster.center.memory import CoreState
from gridmuster.center.planner import Planner
from gridmuster.center.sources import SourceBook
from gridmuster.center.view import DecisionView
from gridmuster.dispatch.commitment import Extra
from gridmuster.fleet.devices import Generator
from gridmuster.fleet.model import Fleet
from gridmuster.safety import Context
from gridmuster.signals import (
    AreaBalance,
    CycleRecord,
    OperatorRequest,
    Order,
    Setpoint,
    StartRecord,
)
from gridmuster.starts import LocalNeed, Substitution
from gridmuster.state.snapshot import Snapshot

KEEP = 200
#: What the reason of a start says that no call of ours led to.
LOCAL_START = "decided by the site itself"


class Recorder:
    """Collects a cycle's record.

    Args:
        fleet: the fleet.
        state: the core's memory; decisions and counters are kept there.
        sources: costs, for words about merit.
    """

    def __init__(self, fleet: Fleet, state: CoreState, sources: SourceBook) -> None:
        self._fleet = fleet
        self._state = state
        self._sources = sources
        self._starts: list[StartRecord] = []
        self._substitutions: list[Substitution] = []
        self._pending_vetoes: list[str] = []
        self._typed = {
            area.id: [
                (device.id, device.site, device.type.value)
                for site in fleet.sites_of_area[area.id]
                for device in fleet.devices_of_site[site.id]
            ]
            for area in fleet.areas
        }

    def begin(self, now_ms: int) -> None:
        """Start a cycle's record."""
        self._starts = []
        self._substitutions = []

    def failed(self, at_ms: int, device: str) -> None:
        """A called device failed."""
        failure = self._state.commitment.failures[device]
        self._state.counters.failed_starts += 1
        self._say(
            at_ms, device, "failed", f"{device} {failure.cause}; it is not called again until reset"
        )

    def started(self, at_ms: int, device: str, outage: bool) -> None:
        """A device comes on; without a call of ours its site did it."""
        self._state.counters.starts += 1
        if device in self._state.calls.calls:
            return
        trigger = "utility outage at its site" if outage else "asked for at its site"
        basis = "real outage: no hour limit" if outage else "the site's own decision"
        text = f"{device} told to start: {trigger}, {LOCAL_START}"
        self._starts.append(
            StartRecord(device, Order.RUN, trigger, basis, text=text, asked_by="the site itself")
        )
        self._state.reasons[device] = text
        self._say(at_ms, device, "local", text)

    def stopped(self, at_ms: int, device: str) -> None:
        """A device went off; one that its site had started is told of."""
        if LOCAL_START in self._state.reasons.get(device, ""):
            text = f"{device} stopped by its site"
            self._state.reasons[device] = text
            self._say(at_ms, device, "local", text)

    def operator(self, at_ms: int, request: OperatorRequest, answer: str) -> None:
        """A person asked for something."""
        text = f"{request.actor} asked {request.action.value} of {request.target}: {answer}"
        self._say(at_ms, request.target, "operator", text)

    def fleet(self, at_ms: int, text: str) -> None:
        """The fleet was changed."""
        self._say(at_ms, self._fleet.id, "fleet", text)

    def island(self, at_ms: int, area: str, text: str) -> None:
        """Something was decided about an area's life as an island."""
        self._say(at_ms, area, "island", text)

    def commanded(
        self,
        now_ms: int,
        setpoint: Setpoint,
        calls: CallBook,
        snapshot: Snapshot,
        decisions: Mapping[str, AreaDecision],
        planner: Planner,
        context_of: Callable[[str], Context],
    ) -> None:
        """A setpoint goes out: note calls of generators and the reason of a start or stop."""
        device = self._fleet.device_by_id[setpoint.device]
        if not isinstance(device, Generator):
            return
        if setpoint.order is not Order.RUN:
            if device.id in self._state.calls.calls:
                calls.released(device.id)
                why = self._why_stopped(device, snapshot)
                text = f"{device.id} stopped: {why}"
                self._starts.append(StartRecord(device.id, setpoint.order, why, text=text))
                self._state.reasons[device.id] = text
                self._say(now_ms, device.id, "stop", text)
            return
        if device.id in self._state.calls.calls:
            return
        calls.called(device.id, snapshot.readings.get(device.id), now_ms)
        area_id = self._fleet.site_by_id[device.site].area
        context = context_of(device.id)
        self._start(now_ms, device, setpoint, decisions[area_id], planner, context)

    def _why_stopped(self, device: Generator, snapshot: Snapshot) -> str:
        over = self._state.activations.released.pop(device.id, "")
        priced = self._state.pricing.over.pop(device.id, "")
        if (actor := self._state.operator.stopped.get(device.id)) is not None:
            return f"emergency stop by {actor}"
        if (failure := self._state.commitment.failures.get(device.id)) is not None:
            return failure.cause
        held = self._state.operator.overrides.get(device.id)
        if held is not None and held.power_kw is None:
            return f"held off by {held.actor}"
        if snapshot.sites[device.site].in_outage:
            return "its site serves its own load"
        if priced:
            return f"its run for the price is over: {priced}"
        wait = self._state.pricing.waits.get(device.id)
        if wait is not None and wait.put_off:
            return wait.text
        return f"{over} is over" if over else "no longer needed by plan or balance"

    def _start(
        self,
        now_ms: int,
        device: Generator,
        setpoint: Setpoint,
        decision: AreaDecision,
        planner: Planner,
        context: Context,
    ) -> None:
        extra = self._state.commitment.extras.get(device.id)
        merit = self._sources.merit[device.id]
        trigger, binding = self._trigger(device, extra, decision, planner, now_ms)
        hold = self._state.activations.holds.get(device.id)
        runner_up = self._runner_up(device, decision, hold)
        basis = legal_basis(device, setpoint.purpose)
        asked_by, need = self._asked_by(device.id, hold, extra)
        text = (
            f"{device.id} started: {trigger}; its run costs {merit:.3f} USD/kWh; "
            f"next in merit {runner_up}; {basis}, {hours_text(context, setpoint.purpose)}"
        )
        self._starts.append(
            StartRecord(
                device.id,
                Order.RUN,
                trigger,
                basis,
                binding,
                runner_up,
                text,
                asked_by,
                setpoint.purpose.value,
                limits_now(device, context, setpoint),
                need,
            )
        )
        self._state.reasons[device.id] = text
        self._say(now_ms, device.id, "start", text)
        replaces = hold.replaces if hold is not None else extra.replaces if extra else ""
        if replaces:
            failure = self._state.commitment.failures.get(replaces)
            failed_at_ms = now_ms if failure is None else failure.at_ms
            cause = "" if failure is None else failure.cause
            self._substitutions.append(Substitution(replaces, failed_at_ms, (device.id,), cause))
            self._state.counters.substitutions += 1

    def _trigger(
        self,
        device: Generator,
        extra: Extra | None,
        decision: AreaDecision,
        planner: Planner,
        now_ms: int,
    ) -> tuple[str, str]:
        held = self._state.operator.overrides.get(device.id)
        if held is not None:
            return f"asked by {held.actor}", "operator"
        if (hold := self._state.activations.holds.get(device.id)) is not None:
            place = f", in place of {hold.replaces}" if hold.replaces else ""
            return hold.text + place, "target of the activation"
        if (run := self._state.pricing.runs.get(device.id)) is not None:
            return run.text, "price"
        if extra is not None:
            if extra.replaces:
                return f"in place of {extra.replaces}: {extra.cause}", "balance"
            return extra.cause, "balance"
        if device.must_run:
            return "kept on (must run)", "must run"
        merit = self._sources.merit[device.id]
        return planner.why_on(device.id, now_ms, merit), planner.binding(device.id, now_ms)

    def _runner_up(self, device: Generator, decision: AreaDecision, hold: Hold | None) -> str:
        if hold is not None:
            one = self._state.activations.running.get(hold.activation)
            return one.in_line[0] if one is not None and one.in_line else "none left"
        others = [
            device_id
            for device_id, wanted in decision.commitment.wanted.items()
            if not wanted
            and device_id != device.id
            and device_id not in decision.commitment.refused
        ]
        if not others:
            return "none left"
        best = min(others, key=lambda device_id: (self._sources.merit[device_id], device_id))
        return f"{best} at {self._sources.merit[best]:.3f} USD/kWh"

    def _asked_by(
        self, device_id: str, hold: Hold | None, extra: Extra | None
    ) -> tuple[str, LocalNeed | None]:
        """Who or what wanted a start, and the conditions asserted for it."""
        held = self._state.operator.overrides.get(device_id)
        if held is not None:
            return held.actor, None
        if hold is not None:
            one = self._state.activations.running.get(hold.activation)
            if one is None:
                return "an activation", None
            return one.program or one.actor, one.wish.local_need
        if device_id in self._state.pricing.runs:
            return "the price", None
        return "the center's balance" if extra is not None else "the center's plan", None

    def _say(self, at_ms: int, device: str, kind: str, text: str) -> None:
        decisions = self._state.decisions
        decisions.append(DecisionView(at_ms, device, kind, text.removeprefix(f"{device} ")))
        del decisions[:-KEEP]

    def record(
        self,
        now_ms: int,
        snapshot: Snapshot,
        decisions: Mapping[str, AreaDecision],
        raised: tuple[str, ...],
        cleared: tuple[str, ...],
    ) -> CycleRecord:
        """The cycle's record."""
        session = self._state.session
        vetoes = tuple(veto for decision in decisions.values() for veto in decision.vetoes)
        self._state.counters.vetoes += len(vetoes)
        return CycleRecord(
            at_ms=now_ms,
            center_id=session.center_id or "none",
            fence=session.fence,
            cycle=session.cycle,
            mode=session.mode.value,
            areas=tuple(
                self._balance(area_id, decision, snapshot)
                for area_id, decision in decisions.items()
            ),
            starts=tuple(self._starts),
            substitutions=tuple(self._substitutions),
            vetoes=vetoes,
            alarms_raised=raised,
            alarms_cleared=cleared,
        )

    def _by_type(self, area_id: str, snapshot: Snapshot) -> dict[str, float]:
        """Power by device type, kW, as the view shows it: sites in an outage are left out."""
        found: dict[str, float] = {}
        readings, sites = snapshot.readings, snapshot.sites
        for device_id, site_id, kind in self._typed[area_id]:
            reading = readings.get(device_id)
            if reading is not None and reading.power_kw and not sites[site_id].in_outage:
                found[kind] = found.get(kind, 0.0) + reading.power_kw
        return {kind: round(kw, 1) for kind, kw in sorted(found.items())}

    def _balance(self, area_id: str, decision: AreaDecision, snapshot: Snapshot) -> AreaBalance:
        status = decision.status
        cause = ""
        if decision.shortfall_kw > 0.0:
            cause = shortfall_cause(decision)
        return AreaBalance(
            area=area_id,
            demand_kw=round(status.demand_kw, 2),
            losses_kw=round(status.losses_kw + status.unmetered_kw, 2),
            generation_kw=round(status.generation_kw, 2),
            import_kw=round(status.import_kw, 2),
            reserve_kw=round(decision.reserve_kw, 2),
            largest_unit_kw=round(decision.commitment.largest_kw, 2),
            estimated_kw=round(status.estimated_kw, 2),
            shortfall_kw=round(decision.shortfall_kw, 2),
            cause=cause,
            lolp=round(self._state.lolp.get(area_id, 0.0), 6),
            generation_kw_by_type=self._by_type(area_id, snapshot),
            price_usd_per_mwh=None if status.price is None else status.price.price_usd_per_mwh,
        )


def shortfall_cause(decision: AreaDecision) -> str:
    """Why an area's need is not covered, in words."""
    refused = decision.commitment.refused
    coming = [device for device, on in decision.commitment.wanted.items() if on]
    if decision.commitment.deficit_kw <= 0.0 and coming:
        return f"{len(coming)} set(s) on or coming have not reached their power yet"
    if refused:
        device, reason = next(iter(refused.items()))
        return f"nothing left to start; {len(refused)} set(s) held back, {device}: {reason}"
    return "everything the area has is on"
