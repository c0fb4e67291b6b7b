"""Areas that can island: what is believed of their switchgear, what it is asked, what is told."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct, field

from gridmuster.center.alarms import AlarmBoard, Severity
from gridmuster.center.config import CenterConfig
from gridmuster.center.view import IslandStep, IslandView
from gridmuster.dispatch.islanding import (
    Former,
    IslandDecision,
    IslandMemory,
    decide,
    state_of,
)
from gridmuster.fleet.devices import Device, Generator, Store
from gridmuster.fleet.microgrid import Microgrid
from gridmuster.fleet.model import Area, Fleet
from gridmuster.fleet.rules.microgrids import kept_kw
from gridmuster.safety.deadline import LineFacts, allowed_part
from gridmuster.signals import DeviceReading, DeviceState, Quality, SwitchMode
from gridmuster.state.snapshot import Snapshot
from gridmuster.switching import Contact, SwitchgearReading, Switching

#: A store counts with what it can hold for this long, h: until an engine has followed (K).
HOLD_H: Final = 1.0 / 6.0
#: How grave each trouble is, and what a person can do.
TROUBLES: Final[dict[str, tuple[Severity, str]]] = {
    "unknown": (Severity.CRITICAL, "check the switchgear's cable, its gateway and its link"),
    "contacts": (Severity.WARNING, "have the breaker's contacts checked at the site"),
    "stuck": (Severity.CRITICAL, "send someone to open the breaker by hand"),
    "no_former": (Severity.CRITICAL, "send someone to the sets, or a mobile set"),
    "refused": (Severity.WARNING, "compare the switchgear's contacts with its position"),
}


class IslandBook(Struct):
    """What is remembered of all areas that can island."""

    areas: dict[str, IslandMemory] = field(default_factory=dict)


class IslandDesk:
    """Decides for every area that can island.

    Args:
        fleet: the fleet.
        config: the center's settings.
        book: what an earlier desk remembered.
    """

    def __init__(self, fleet: Fleet, config: CenterConfig, book: IslandBook) -> None:
        self._fleet, self._config, self._book = fleet, config, book
        self._grids = [
            (area, grid, self._kept_kw(area, grid))
            for area, grid in fleet.microgrid_of_site.values()
        ]
        self._wishes: dict[str, Switching] = {}
        self._decisions: dict[str, tuple[IslandDecision, SwitchgearReading | None]] = {}

    def look(self, snapshot: Snapshot, board: AlarmBoard) -> list[tuple[str, str]]:
        """Decide anew for each area.

        Args:
            snapshot: the frozen picture.
            board: where alarms go.

        Returns:
            What was newly decided, in words, with the area's id.
        """
        notes: list[tuple[str, str]] = []
        self._wishes.clear()
        for area, grid, kept in self._grids:
            facts = self.facts(grid, snapshot)
            memory = self._book.areas.setdefault(area.id, IslandMemory())
            formers = [self._former(name, snapshot) for name in grid.formers]
            decision = decide(grid, kept, facts.known, formers, memory, snapshot.now_ms)
            if decision.wish is not None:
                wish, refused = allowed_part(decision.wish, facts)
                self._wishes[grid.site] = wish
                if refused:
                    decision.troubles["refused"] = "; ".join(
                        f"invariant {one.invariant}: {one.reason}" for one in refused
                    )
            self._decisions[area.id] = decision, facts.known
            notes += [(area.id, text) for text in decision.notes]
            for name, text in decision.troubles.items():
                severity, advice = TROUBLES[name]
                board.raise_alarm(f"island:{name}:{area.id}", severity, area.id, text, advice)
        return notes

    def watch(self, snapshot: Snapshot) -> None:
        """Follow what is measured without deciding, while another center may decide.

        Args:
            snapshot: the frozen picture.
        """
        self._wishes.clear()
        for area, grid, _ in self._grids:
            known = self.facts(grid, snapshot).known
            self._book.areas.setdefault(area.id, IslandMemory())
            self._decisions[area.id] = IslandDecision(state_of(known)), known

    def wishes(self) -> dict[str, Switching]:
        """What each switchgear is asked now, by the site beside it; safe as far as is known."""
        return dict(self._wishes)

    def facts(self, grid: Microgrid, snapshot: Snapshot) -> LineFacts:
        """What is known of a coupling.

        The site tells at once when something of it changes, so its last report counts until its
        heartbeats are overdue; the site itself goes by what it measured in the same scan.

        Args:
            grid: the area's microgrid.
            snapshot: the frozen picture.
        """
        status = snapshot.sites[grid.site]
        reading = None if status.report is None else status.report.switchgear
        age_s = math.inf if reading is None else status.age_s
        return LineFacts(reading, age_s, self._config.stale_s)

    def view(self, area: Area) -> IslandView | None:
        """What people may see of an area's coupling; None when it cannot island.

        Args:
            area: the area.
        """
        grid = area.microgrid
        if grid is None or area.id not in self._decisions:
            return None
        decision, known = self._decisions[area.id]
        memory = self._book.areas[area.id]
        shown = SwitchgearReading(grid.breaker) if known is None else known
        contacts = {step.step: step for step in shown.steps}
        steps = []
        for step in grid.by_priority:
            reading = contacts.get(step.id)
            contact = Contact.UNKNOWN if reading is None else reading.contact
            load_kw = None if reading is None else reading.load_kw
            wanted = step.id in memory.steps or not memory.active
            steps.append(
                IslandStep(step.id, step.priority, step.power_kw, contact.value, load_kw, wanted)
            )
        return IslandView(
            state=decision.state.value,
            since_ms=memory.since_ms,
            coupling=shown.coupling.value,
            utility=shown.utility.value,
            bus=shown.bus.value,
            synchroniser=shown.synchroniser.value,
            former=memory.former,
            sets=list(memory.sets),
            steps=steps,
            load_kw=decision.load_kw,
            able_kw=decision.able_kw,
            reserve_kw=decision.reserve_kw,
            text=memory.text,
            trouble="; ".join(decision.troubles.values()),
        )

    def _kept_kw(self, area: Area, grid: Microgrid) -> float:
        sites = list(self._fleet.sites_of_area[area.id])
        users = [user for site in sites for user in self._fleet.end_users_of_site[site.id]]
        return kept_kw(grid, users, sites)

    def _former(self, name: str, snapshot: Snapshot) -> Former:
        device = self._fleet.device_by_id[name]
        reading = snapshot.readings.get(name)
        status = snapshot.sites[device.site]
        start_s = 0.0
        if isinstance(device, Generator):
            start_s = device.start_s + device.sync_s + device.warmup_s
        if reading is None or not status.fresh:
            return Former(name, 0.0, False, 0.0, isinstance(device, Store), start_s)
        on = reading.state is DeviceState.RUNNING
        able_kw = _able_kw(device, reading)
        return Former(name, able_kw, on, reading.power_kw, isinstance(device, Store), start_s)


def _able_kw(device: Device, reading: DeviceReading) -> float:
    """What a former can hold: nothing in fault, out of auto, or when its data is not good."""
    broken = reading.state in (DeviceState.FAULT, DeviceState.LOCKED, DeviceState.UNKNOWN)
    if broken or reading.mode is not SwitchMode.AUTO or reading.quality is not Quality.GOOD:
        return 0.0
    able_kw = min(reading.available_kw, device.rated_kw)
    if isinstance(device, Store):
        floor_kwh = device.min_energy_fraction * device.energy_capacity_kwh
        left_kwh = max((reading.energy_kwh or 0.0) - floor_kwh, 0.0)
        able_kw = min(able_kw, left_kwh * device.discharge_efficiency / HOLD_H)
    return max(able_kw, 0.0)
