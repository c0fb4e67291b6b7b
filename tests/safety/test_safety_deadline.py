"""Nothing is closed on a guess: the rule of dead lines, against a second statement of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.safety.deadline import LineFacts, allowed_part, liveness
from gridmuster.switching import Contact, Liveness, StepReading, SwitchgearReading, Switching

STEPS = ("a", "b", "c")
READINGS = st.builds(
    SwitchgearReading,
    breaker=st.just("tie"),
    coupling=st.sampled_from(Contact),
    utility=st.sampled_from(Liveness),
    bus=st.sampled_from(Liveness),
    steps=st.tuples(
        *(st.builds(StepReading, st.just(name), st.sampled_from(Contact)) for name in STEPS)
    ),
)
AGES = st.one_of(st.floats(-5.0, 30.0), st.sampled_from((math.inf, math.nan, 10.0, 10.001)))
FACTS = st.builds(LineFacts, st.none() | READINGS, AGES)
WISHES = st.builds(
    Switching,
    island=st.booleans(),
    former=st.sampled_from(("", "g1")),
    sets=st.just(("g1",)),
    steps=st.lists(st.sampled_from(STEPS), unique=True).map(tuple),
    resynchronise=st.booleans(),
)


@given(WISHES, FACTS)
def test_what_is_allowed_is_a_part_of_the_wish(wish: Switching, facts: LineFacts) -> None:
    part, refused = allowed_part(wish, facts)
    assert part.former in ("", wish.former)
    assert part.resynchronise <= wish.resynchronise
    assert set(part.steps) <= set(wish.steps)
    assert (part.island, part.sets) == (wish.island, wish.sets)
    assert all(one.invariant == 2 for one in refused)
    assert allowed_part(part, facts)[0] == part


@given(WISHES, FACTS)
def test_nothing_closes_without_fresh_proof(wish: Switching, facts: LineFacts) -> None:
    part, _ = allowed_part(wish, facts)
    seen = facts.reading
    fresh = seen is not None and 0.0 <= facts.age_s <= 10.0
    closed = {s.step for s in seen.steps if s.contact == "closed"} if seen and fresh else set()
    if part.former:
        assert fresh and seen and (seen.coupling, seen.bus) == ("open", "dead")
    if part.resynchronise:
        assert fresh and seen and (seen.coupling, seen.utility) == ("open", "live")
        assert seen.bus in ("live", "dead")
    if set(part.steps) - closed:
        assert fresh and seen and seen.bus == "live"


@given(FACTS)
def test_opening_is_never_refused(facts: LineFacts) -> None:
    wish = Switching(island=True, sets=("g1",))
    assert allowed_part(wish, facts) == (wish, ())


@pytest.mark.parametrize(
    ("voltage_pu", "frequency_hz", "found"),
    [
        (None, 60.0, "unknown"),
        (math.nan, 60.0, "unknown"),
        (-0.1, 60.0, "unknown"),
        (0.0, 0.0, "dead"),
        (0.1, None, "dead"),
        (0.11, 60.0, "unhealthy"),
        (1.0, None, "unknown"),
        (1.0, math.nan, "unknown"),
        (1.0, 60.0, "live"),
        (1.0, 59.4, "unhealthy"),
        (1.0, 60.2, "unhealthy"),
        (0.91, 60.0, "unhealthy"),
        (1.06, 60.0, "unhealthy"),
    ],
)
def test_a_bus_is_live_only_within_its_limits(
    voltage_pu: float | None, frequency_hz: float | None, found: str
) -> None:
    assert liveness(voltage_pu, frequency_hz, 60.0) == found
