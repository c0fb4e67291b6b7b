"""What an area that can island does next: part, black start, take up load, shed, come back.

Decides from the switchgear's last believed reading and the formers' own; unknown changes nothing.
It asks only: the site's switchgear opens, its synchroniser closes, its relays shed (`domain.md`
sections 1 and 6: grid forming, invariants 2, 11, 12 and 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from gridmuster.fleet.microgrid import BlackStart, LoadStep, Microgrid, ReserveRule
from gridmuster.switching import Contact, Liveness, SwitchgearReading, Switching, Synchroniser
from gridmuster.units import MS_PER_S

#: Share of what the formers can give above which load is shed before their relay does it (K).
SHED_SHARE: Final = 0.95
#: A former that loses the bus within this time of forming it is taken to be unable to, s (K).
COLLAPSE_S: Final = 60.0


class IslandState(StrEnum):
    """Where an area with a coupling is, as measured; ``unknown`` is neither open nor closed."""

    CONNECTED = "connected"
    DEAD = "dead"
    ISLANDED = "islanded"
    RESYNCHRONISING = "resynchronising"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Former:
    """A grid-forming device as last heard.

    Args:
        device: its id.
        able_kw: what it can hold for a while, kW; 0 when in fault, empty or not in auto.
        on: whether it is on the bus.
        power_kw: what it gives, kW.
        store: whether it is a store.
        start_s: time from a call until it can form, s.
    """

    device: str
    able_kw: float
    on: bool
    power_kw: float
    store: bool
    start_s: float


class IslandMemory(Struct):
    """What is remembered of one area's coupling; plain data for the checkpoint.

    ``active`` from the loss of the utility until all load is back on it. ``steps`` are those
    wished closed, ``sets`` the formers wished on, ``failed`` when each former failed, ms.
    ``healthy_ms`` is when the utility was first seen back, ``asked_ms`` when the synchroniser was
    asked and ``pause_ms`` until when it is not asked again; -1: not.
    """

    state: str = IslandState.UNKNOWN.value
    since_ms: int = 0
    active: bool = False
    former: str = ""
    former_ms: int = -1
    formed_ms: int = -1
    dead_ms: int = -1
    failed: dict[str, int] = msgspec.field(default_factory=dict)
    sets: list[str] = msgspec.field(default_factory=list)
    steps: list[str] = msgspec.field(default_factory=list)
    step_ms: int = 0
    healthy_ms: int = -1
    asked_ms: int = -1
    pause_ms: int = -1
    text: str = ""


@dataclass(slots=True)
class IslandDecision:
    """What was decided.

    Args:
        state: where the area is.
        wish: what the switchgear is to be asked; None: nothing.
        load_kw: what the formers carry, kW.
        able_kw: what those on the bus can carry, kW.
        reserve_kw: what must be free before a step is taken up, kW.
        notes: what was newly decided, in words.
        troubles: what a person must know, in words by short name.
    """

    state: IslandState
    wish: Switching | None = None
    load_kw: float = 0.0
    able_kw: float = 0.0
    reserve_kw: float = 0.0
    notes: list[str] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)


def state_of(known: SwitchgearReading | None) -> IslandState:
    """Where an area is, from what its switchgear shows.

    Args:
        known: the reading while it may be believed, else None.
    """
    if known is None or known.coupling is Contact.UNKNOWN:
        return IslandState.UNKNOWN
    if known.bus is Liveness.DEAD:
        return IslandState.DEAD
    if known.coupling is Contact.CLOSED:
        return IslandState.CONNECTED if known.bus is Liveness.LIVE else IslandState.UNKNOWN
    if known.bus is Liveness.UNKNOWN:
        return IslandState.UNKNOWN
    seeking = known.synchroniser in (Synchroniser.SEEKING, Synchroniser.BLOCKED)
    return IslandState.RESYNCHRONISING if seeking else IslandState.ISLANDED


def black_start_order(grid: Microgrid, formers: Sequence[Former]) -> list[Former]:
    """Formers in the order in which they try: as listed, or stores first, then the quickest.

    Args:
        grid: the area's microgrid.
        formers: its formers as heard.
    """
    if grid.black_start is BlackStart.LISTED:
        return sorted(formers, key=lambda one: grid.formers.index(one.device))
    return sorted(formers, key=lambda one: (not one.store, one.start_s, -one.able_kw, one.device))


def reserve_kw(grid: Microgrid, formers: Sequence[Former]) -> float:
    """What must be free after a load step is taken up, kW.

    ``unit_and_step`` covers both at once: the largest unit trips while the largest step comes.

    Args:
        grid: the area's microgrid.
        formers: those on the bus.
    """
    unit_kw = max((one.able_kw for one in formers), default=0.0)
    step_kw = max((step.power_kw for step in grid.steps), default=0.0)
    return {
        ReserveRule.UNIT_AND_STEP: unit_kw + step_kw,
        ReserveRule.UNIT: unit_kw,
        ReserveRule.STEP: step_kw,
        ReserveRule.NONE: 0.0,
    }[grid.reserve]


def decide(
    grid: Microgrid,
    kept_kw: float,
    known: SwitchgearReading | None,
    formers: Sequence[Former],
    memory: IslandMemory,
    now_ms: int,
) -> IslandDecision:
    """The next wish for one area's switchgear.

    Args:
        grid: the area's microgrid.
        kept_kw: load that cannot be shed, kW.
        known: the switchgear's reading while it may be believed, else None.
        formers: the formers as last heard.
        memory: what was decided before; moved on.
        now_ms: now, ms.

    Returns:
        The wish, and why.
    """
    desk = _Step(grid, kept_kw, known, formers, memory, now_ms)
    return desk.decide()


class _Step:
    """One decision: the inputs, and the outcome as it is put together."""

    def __init__(
        self,
        grid: Microgrid,
        kept_kw: float,
        known: SwitchgearReading | None,
        formers: Sequence[Former],
        memory: IslandMemory,
        now_ms: int,
    ) -> None:
        self._grid, self._kept_kw, self._known = grid, kept_kw, known
        self._formers = black_start_order(grid, formers)
        self._memory, self._now_ms = memory, now_ms
        on = [one for one in formers if one.on]
        self._out = IslandDecision(
            state_of(known),
            load_kw=sum(one.power_kw for one in on),
            able_kw=sum(one.able_kw for one in on),
            reserve_kw=reserve_kw(grid, on),
        )

    def decide(self) -> IslandDecision:
        memory, out = self._memory, self._out
        self._turn()
        if self._known is None or out.state is IslandState.UNKNOWN:
            if self._known is not None and self._known.coupling is Contact.UNKNOWN:
                out.troubles["contacts"] = (
                    f"the contacts of breaker {self._known.breaker} do not say whether it is open; "
                    "the area could not be formed behind it"
                )
            if memory.active:
                out.troubles["unknown"] = (
                    "the coupling's state is not known; nothing is closed, what runs goes on"
                )
            return out
        self._watch_utility(self._known)
        if out.state is IslandState.CONNECTED:
            self._connected(self._known)
        elif out.state is IslandState.DEAD:
            self._dead(self._known)
        else:
            self._living(self._known)
        return out

    def _turn(self) -> None:
        """Note a change of state and what it ends."""
        memory, state, now_ms = self._memory, self._out.state, self._now_ms
        before = memory.state
        if state.value == before:
            return
        memory.state, memory.since_ms = state.value, now_ms
        if state is IslandState.DEAD:
            collapsed = now_ms - memory.formed_ms < COLLAPSE_S * MS_PER_S
            if memory.former and memory.formed_ms >= 0 and collapsed:
                memory.failed[memory.former] = now_ms
            memory.former, memory.former_ms, memory.formed_ms = "", -1, -1
            memory.dead_ms = now_ms
            memory.steps = []
            self._note("the area's bus is dead")
        elif state is IslandState.ISLANDED and before == IslandState.DEAD.value:
            memory.formed_ms = memory.step_ms = now_ms
            self._note(f"{memory.former or 'a set'} holds the island's bus")
        elif state is IslandState.CONNECTED and memory.active:
            memory.step_ms = now_ms
            memory.sets = []
            self._note("coupled to the utility again")

    def _watch_utility(self, known: SwitchgearReading) -> None:
        memory = self._memory
        if known.utility is not Liveness.LIVE:
            memory.healthy_ms = -1
        elif memory.healthy_ms < 0:
            memory.healthy_ms = self._now_ms

    def _connected(self, known: SwitchgearReading) -> None:
        """On the utility: load comes back one step after the other, then nothing is asked."""
        memory = self._memory
        if not memory.active:
            return
        closed = self._closed(known)
        memory.steps = [s.id for s in self._grid.by_priority if s.id in closed or self._has(s)]
        waiting = [step for step in self._grid.by_priority if step.id not in memory.steps]
        if waiting and self._waited(memory.step_ms, self._grid.stagger_s):
            memory.steps.append(waiting[0].id)
            memory.step_ms = self._now_ms
            self._note(f"load step {waiting[0].id} goes back to the utility")
        elif (
            not waiting
            and len(closed) == len(self._grid.steps)
            and self._waited(memory.step_ms, self._grid.stagger_s)
        ):
            fresh = IslandMemory(state=memory.state, since_ms=memory.since_ms)
            for name in IslandMemory.__struct_fields__:
                setattr(memory, name, getattr(fresh, name))
            return
        self._out.wish = Switching(steps=tuple(memory.steps))

    def _dead(self, known: SwitchgearReading) -> None:
        """Nothing is alive: open, shed, and let one former after the other try."""
        memory, out, now_ms = self._memory, self._out, self._now_ms
        memory.active = True
        if memory.dead_ms < 0:
            memory.dead_ms = now_ms
        if known.coupling is not Contact.OPEN:
            if self._waited(memory.dead_ms, self._grid.open_s):
                out.troubles["stuck"] = (
                    f"breaker {known.breaker} does not open; nothing may be energised behind it"
                )
            memory.sets = [one.device for one in self._candidates(self._kept_kw)[:1]]
            out.wish = Switching(island=True, sets=tuple(memory.sets))
            return
        if self._may_go_back():
            self._ask(known)
            return
        stuck_kw = sum(s.power_kw for s in self._grid.steps if s.id in self._closed(known))
        if stuck_kw and not self._waited(memory.dead_ms, self._grid.open_s):
            out.wish = Switching(island=True, sets=tuple(memory.sets))
            return
        former = self._pick(self._kept_kw + stuck_kw)
        memory.sets = [former] if former else []
        out.wish = Switching(island=True, former=former, sets=tuple(memory.sets))

    def _pick(self, block_kw: float) -> str:
        """Who forms the bus: who was asked, while it may still come, else the next in order."""
        memory, now_ms = self._memory, self._now_ms
        able = [one.device for one in self._candidates(block_kw)]
        if memory.former and memory.former not in able:
            self._note(f"{memory.former} cannot form the bus")
            memory.failed[memory.former] = now_ms
        elif memory.former and self._waited(memory.former_ms, self._grid.form_s):
            self._note(f"{memory.former} did not form the bus in {self._grid.form_s:.0f} s")
            memory.failed[memory.former] = now_ms
        elif memory.former:
            return memory.former
        able = [name for name in able if name not in memory.failed]
        memory.former = able[0] if able else ""
        memory.former_ms = now_ms
        if memory.former:
            self._note(f"{memory.former} is to form the bus with {block_kw:.0f} kW on it")
        else:
            self._out.troubles["no_former"] = (
                f"no former is left that could take {block_kw:.0f} kW; the area stays dark"
            )
        return memory.former

    def _candidates(self, block_kw: float) -> list[Former]:
        """Formers able to take a block, in order, those that failed lately left out."""
        memory = self._memory
        for device, at_ms in list(memory.failed.items()):
            if self._waited(at_ms, self._grid.retry_s):
                del memory.failed[device]
        return [
            one
            for one in self._formers
            if one.able_kw > 0.0 and one.able_kw >= block_kw and one.device not in memory.failed
        ]

    def _living(self, known: SwitchgearReading) -> None:
        """The island lives: keep its sets, shed or take up load, go back when the utility is."""
        memory, out = self._memory, self._out
        memory.active = True
        if not memory.steps and memory.formed_ms < 0:
            # Found alive, or parted without going dark: what is closed was taken up by somebody.
            memory.formed_ms = memory.step_ms = self._now_ms
            memory.steps = [s.id for s in self._grid.by_priority if s.id in self._closed(known)]
        self._follow_relay(known)
        if out.state is IslandState.ISLANDED and not self._may_go_back():
            memory.asked_ms = -1
            self._shed_or_take_up(known)
        memory.sets = self._wanted_sets()
        if self._may_go_back():
            self._ask(known)
            return
        out.wish = Switching(island=True, sets=tuple(memory.sets), steps=tuple(memory.steps))

    def _follow_relay(self, known: SwitchgearReading) -> None:
        """What the under-frequency relay has opened counts as shed."""
        memory = self._memory
        if not self._waited(memory.step_ms, self._grid.open_s):
            return
        opened = {step.step for step in known.steps if step.contact is Contact.OPEN}
        lost = [step for step in memory.steps if step in opened]
        if lost:
            memory.steps = [step for step in memory.steps if step not in opened]
            memory.step_ms = self._now_ms
            self._note(f"load step {', '.join(lost)} was shed at the site")

    def _shed_or_take_up(self, known: SwitchgearReading) -> None:
        memory, out, grid = self._memory, self._out, self._grid
        held = [step for step in grid.by_priority if self._has(step)]
        if held and out.able_kw > 0.0 and out.load_kw > SHED_SHARE * out.able_kw:
            if not self._waited(memory.step_ms, grid.open_s):
                return
            memory.steps.remove(held[-1].id)
            memory.step_ms = self._now_ms
            self._note(
                f"load step {held[-1].id} is shed: {out.load_kw:.0f} kW on sets for "
                f"{out.able_kw:.0f} kW"
            )
            return
        waiting = [step for step in grid.by_priority if not self._has(step)]
        settled = set(memory.steps) <= self._closed(known) and known.bus is Liveness.LIVE
        if not waiting or not settled or not self._waited(memory.step_ms, grid.step_s):
            return
        step = waiting[0]
        free_kw = out.able_kw - out.load_kw - step.power_kw
        # What would be shed again at once is not taken up.
        spare_kw = max(out.reserve_kw, (1.0 - SHED_SHARE) * out.able_kw)
        if free_kw < spare_kw:
            memory.text = (
                f"load step {step.id} waits: {max(free_kw, 0.0):.0f} kW would be left, "
                f"{spare_kw:.0f} kW must be"
            )
            return
        memory.steps.append(step.id)
        memory.step_ms = self._now_ms
        self._note(f"load step {step.id} is taken up, {free_kw:.0f} kW left")

    def _wanted_sets(self) -> list[str]:
        """Formers to have on: those that are, and more until all load and reserve fit."""
        want_kw = self._kept_kw + sum(step.power_kw for step in self._grid.steps)
        usable = [one for one in self._formers if one.able_kw > 0.0]
        ordered = sorted(usable, key=lambda one: not one.on)
        chosen: list[Former] = []
        for one in ordered:
            covered_kw = sum(c.able_kw for c in chosen) - reserve_kw(self._grid, chosen)
            if one.on or not chosen or covered_kw < want_kw:
                chosen.append(one)
        return [one.device for one in self._formers if one in chosen]

    def _may_go_back(self) -> bool:
        """Whether the utility has been healthy for long enough, and it is time to ask."""
        memory = self._memory
        back = memory.healthy_ms >= 0 and self._waited(memory.healthy_ms, self._grid.return_after_s)
        return back and self._now_ms >= memory.pause_ms

    def _ask(self, known: SwitchgearReading) -> None:
        """Ask the site's synchroniser; give it its time, then a pause."""
        memory, out, grid = self._memory, self._out, self._grid
        if memory.asked_ms < 0:
            memory.asked_ms = self._now_ms
            self._note("the utility is back for good: resynchronisation is asked for")
        elif self._waited(memory.asked_ms, grid.resync_s):
            memory.pause_ms = self._now_ms + int(grid.retry_s * MS_PER_S)
            memory.asked_ms = -1
            self._note(f"the synchroniser did not close in {grid.resync_s:.0f} s")
        asks = memory.asked_ms >= 0
        out.wish = Switching(
            island=True,
            sets=tuple(memory.sets),
            steps=tuple(s for s in memory.steps if s in self._closed(known)),
            resynchronise=asks,
        )

    def _closed(self, known: SwitchgearReading) -> set[str]:
        return {step.step for step in known.steps if step.contact is Contact.CLOSED}

    def _has(self, step: LoadStep) -> bool:
        return step.id in self._memory.steps

    def _waited(self, since_ms: int, wait_s: float) -> bool:
        return self._now_ms - since_ms >= wait_s * MS_PER_S

    def _note(self, text: str) -> None:
        self._memory.text = text
        self._out.notes.append(text)
