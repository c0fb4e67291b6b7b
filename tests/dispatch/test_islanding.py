"""What an area that can island does next: by hand-worked cases, and by what must always hold."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.dispatch.islanding import (
    Former,
    IslandDecision,
    IslandMemory,
    black_start_order,
    decide,
    reserve_kw,
    state_of,
)
from gridmuster.fleet.microgrid import BlackStart, LoadStep, Microgrid, ReserveRule
from gridmuster.switching import Contact, Liveness, StepReading, SwitchgearReading, Switching

LOW = LoadStep(id="low", priority=1, power_kw=30.0, end_users=("u1",))
MID = LoadStep(id="mid", priority=5, power_kw=20.0, end_users=("u2",))
HIGH = LoadStep(id="high", priority=9, power_kw=40.0, end_users=("u3",))
NAMES = ("g1", "g2", "b1")


def microgrid(reserve: ReserveRule = ReserveRule.NONE, **more: object) -> Microgrid:
    return Microgrid(
        breaker="tie",
        site="plant",
        formers=NAMES,
        steps=(LOW, HIGH, MID),
        reserve=reserve,
        return_after_s=100.0,
        **more,
    )


def former(name: str, able_kw: float = 100.0, *, on: bool = False, power_kw: float = 0.0) -> Former:
    return Former(name, able_kw, on, power_kw, name.startswith("b"), 5.0 if name == "g2" else 20.0)


def reading(
    coupling: str = "open",
    bus: str = "live",
    utility: str = "dead",
    closed: tuple[str, ...] = (),
    **more: object,
) -> SwitchgearReading:
    steps = tuple(
        StepReading(s.id, Contact.CLOSED if s.id in closed else Contact.OPEN)
        for s in (LOW, HIGH, MID)
    )
    return SwitchgearReading(
        "tie", Contact(coupling), Liveness(utility), Liveness(bus), steps=steps, **more
    )


@dataclass
class Site:
    """A switchgear that does what it is asked, and formers that share the load."""

    grid: Microgrid
    kept_kw: float = 50.0
    able: dict[str, float] = field(default_factory=lambda: {name: 100.0 for name in NAMES})
    memory: IslandMemory = field(default_factory=IslandMemory)
    now_s: int = 1_000
    utility: str = "dead"
    coupling: str = "closed"
    on: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=lambda: ["low", "mid", "high"])
    deaf: set[str] = field(default_factory=set)
    asked: list[Switching | None] = field(default_factory=list)

    @property
    def load_kw(self) -> float:
        return self.kept_kw + sum(s.power_kw for s in self.grid.steps if s.id in self.closed)

    @property
    def bus(self) -> str:
        return (
            "live" if self.on or (self.coupling == "closed" and self.utility == "live") else "dead"
        )

    def step(self, wait_s: int = 4) -> IslandDecision:
        self.now_s += wait_s
        share = self.load_kw / len(self.on) if self.on else 0.0
        formers = [
            former(n, self.able[n], on=n in self.on, power_kw=share if n in self.on else 0.0)
            for n in NAMES
        ]
        seen = reading(self.coupling, self.bus, self.utility, tuple(self.closed))
        out = decide(self.grid, self.kept_kw, seen, formers, self.memory, self.now_s * 1000)
        wish = out.wish
        if not self.asked or self.asked[-1] != wish:
            self.asked.append(wish)
        if wish is not None:
            self.obey(wish)
        return out

    def obey(self, wish: Switching) -> None:
        if wish.island and self.utility == "dead":
            self.coupling = "open"
        self.closed = [name for name in self.closed if name in wish.steps]
        if self.bus == "live":
            self.closed += [name for name in wish.steps if name not in self.closed]
            self.on = [n for n in NAMES if n in wish.sets and n not in self.deaf]
        elif wish.former and wish.former not in self.deaf:
            self.on = [wish.former]
        if wish.resynchronise and self.utility == "live":
            self.coupling, self.on = "closed", []

    def run(self, seconds: int) -> IslandDecision:
        for _ in range(seconds // 4):
            out = self.step()
        return out


def test_the_utility_goes_and_comes_back() -> None:
    site = Site(microgrid())
    out = site.run(400)
    assert out.state == "islanded"
    assert site.closed == ["high", "mid", "low"]
    first = next(wish for wish in site.asked if wish is not None and wish.former)
    assert first == Switching(island=True, former="g1", sets=("g1",))
    site.utility = "live"
    site.run(96)
    assert not any(wish is not None and wish.resynchronise for wish in site.asked)
    out = site.run(12)
    assert site.coupling == "closed"
    site.run(200)
    assert site.asked[-1] is None
    assert not site.memory.active
    assert sorted(site.closed) == ["high", "low", "mid"]


def test_formers_try_one_after_the_other() -> None:
    site = Site(microgrid(form_s=60.0), deaf={"g1"})
    site.able["g2"] = 40.0
    site.run(100)
    tried = [wish.former for wish in site.asked if wish is not None and wish.former]
    # The second cannot take the block that is kept, and is not asked.
    assert tried == ["g1", "b1"]
    assert site.on[-1] == "b1"


def test_a_dark_area_without_a_former_says_so_and_tries_again_later() -> None:
    site = Site(microgrid(form_s=40.0, retry_s=200.0), deaf=set(NAMES))
    out = site.run(200)
    assert "no_former" in out.troubles
    site.deaf.clear()
    site.run(200)
    assert site.bus == "live"


def test_a_breaker_that_does_not_open_lets_nothing_be_formed() -> None:
    memory, grid = IslandMemory(), microgrid()
    formers = [former(name) for name in NAMES]
    for second in range(0, 4000, 4):
        seen = reading("closed", "dead", "dead", ("low", "mid", "high"))
        out = decide(grid, 50.0, seen, formers, memory, second * 1000)
        assert out.wish is not None and not out.wish.former and not out.wish.steps
    assert "stuck" in out.troubles


@pytest.mark.parametrize("seen", [None, reading("unknown", "dead"), reading("open", "unknown")])
def test_what_is_not_known_changes_nothing(seen: SwitchgearReading | None) -> None:
    site = Site(microgrid())
    site.run(300)
    before = list(site.memory.steps), list(site.memory.sets)
    out = decide(site.grid, 50.0, seen, [former("g1")], site.memory, (site.now_s + 900) * 1000)
    assert (out.state, out.wish) == ("unknown", None)
    assert "unknown" in out.troubles
    assert (site.memory.steps, site.memory.sets) == before


def test_contacts_that_contradict_each_other_are_told_of_before_they_matter() -> None:
    out = decide(microgrid(), 50.0, reading("unknown"), [], IslandMemory(), 1_000)
    assert set(out.troubles) == {"contacts"}
    assert (out.state, out.wish) == ("unknown", None)


def test_the_lowest_priority_is_shed_first_and_restored_last() -> None:
    site = Site(microgrid())
    site.run(300)
    assert site.load_kw == 140.0
    site.able = {"g1": 70.0, "g2": 40.0, "b1": 0.0}
    site.run(300)
    assert site.closed == ["high"]
    site.able = {"g1": 80.0, "g2": 50.0, "b1": 0.0}
    site.run(100)
    assert site.closed == ["high", "mid"]
    site.able["g1"] = 200.0
    site.run(100)
    assert site.closed == ["high", "mid", "low"]


def test_what_the_relay_sheds_is_taken_up_only_with_reserve() -> None:
    site = Site(microgrid(ReserveRule.STEP))
    site.able = {"g1": 185.0, "g2": 0.0, "b1": 0.0}
    site.run(300)
    assert site.closed == ["high", "mid", "low"]
    site.closed = ["high", "mid"]
    site.able["g1"] = 170.0
    out = site.run(100)
    assert site.closed == ["high", "mid"]
    assert out.reserve_kw == 40.0
    assert "waits" in site.memory.text


@pytest.mark.parametrize(
    ("rule", "kw"), [("unit_and_step", 160.0), ("unit", 120.0), ("step", 40.0), ("none", 0.0)]
)
def test_the_reserve_is_for_the_largest_unit_and_the_largest_step(rule: str, kw: float) -> None:
    on = [former("g1", 120.0, on=True), former("g2", 80.0, on=True)]
    assert reserve_kw(microgrid(ReserveRule(rule)), on) == kw


def test_the_reserve_holds_after_every_step_taken_up() -> None:
    site = Site(microgrid(ReserveRule.UNIT_AND_STEP))
    site.able = {"g1": 100.0, "g2": 90.0, "b1": 50.0}
    site.run(600)
    # 240 kW of sets less the largest unit and step (140) leave room for 100: kept and one step.
    assert site.closed == ["high"]


def test_black_start_finds_stores_first_then_the_quickest() -> None:
    formers = [former("g1"), former("g2"), former("b1")]
    listed = black_start_order(microgrid(), formers)
    found = black_start_order(microgrid(black_start=BlackStart.FOUND), formers)
    assert [one.device for one in listed] == ["g1", "g2", "b1"]
    assert [one.device for one in found] == ["b1", "g2", "g1"]


def test_a_synchroniser_that_does_not_close_is_left_alone_for_a_while() -> None:
    grid = microgrid(resync_s=60.0, retry_s=300.0)
    memory, formers = IslandMemory(), [former("g1", 500.0, on=True, power_kw=140.0)]
    asked = []
    for second in range(0, 1000, 4):
        seen = reading("open", "live", "live", ("low", "mid", "high"))
        out = decide(grid, 50.0, seen, formers, memory, second * 1000)
        assert out.wish is not None and set(out.wish.steps) == {"low", "mid", "high"}
        asked.append(out.wish.resynchronise)
    starts = [k * 4 for k in range(1, len(asked)) if asked[k] and not asked[k - 1]]
    ends = [k * 4 for k in range(1, len(asked)) if asked[k - 1] and not asked[k]]
    assert starts == [100, 460, 820]
    assert ends == [160, 520, 880]


CONTACTS = st.sampled_from(Contact)
EVENTS = st.lists(
    st.tuples(
        st.none()
        | st.builds(
            SwitchgearReading,
            breaker=st.just("tie"),
            coupling=CONTACTS,
            utility=st.sampled_from(Liveness),
            bus=st.sampled_from(Liveness),
            steps=st.tuples(
                *(st.builds(StepReading, st.just(s.id), CONTACTS) for s in (LOW, HIGH, MID))
            ),
        ),
        st.tuples(*(st.sampled_from((0.0, 40.0, 100.0)) for _ in NAMES)),
        st.integers(1, 200),
    ),
    min_size=1,
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(EVENTS)
def test_whatever_is_heard_nothing_unsafe_is_wished(
    events: list[tuple[SwitchgearReading | None, tuple[float, ...], int]],
) -> None:
    grid, memory, now_s = microgrid(ReserveRule.UNIT), IslandMemory(), 0
    order = [step.id for step in grid.by_priority]
    for seen, able, wait_s in events:
        now_s += wait_s
        formers = [
            former(name, kw, on=k == 0, power_kw=60.0)
            for k, (name, kw) in enumerate(zip(NAMES, able, strict=True))
        ]
        wish = decide(grid, 30.0, seen, formers, memory, now_s * 1000).wish
        if wish is None:
            continue
        assert seen is not None and state_of(seen) != "unknown"
        if wish.former:
            assert (seen.coupling, seen.bus) == ("open", "dead")
            assert able[NAMES.index(wish.former)] >= 30.0
        if wish.resynchronise:
            assert seen.utility == "live" and seen.coupling == "open"
        if seen.bus == "dead":
            closed = {s.step for s in seen.steps if s.contact is Contact.CLOSED}
            assert set(wish.steps) <= closed
        assert not (wish.former and wish.resynchronise)
        assert list(wish.steps) == [name for name in order if name in wish.steps]
