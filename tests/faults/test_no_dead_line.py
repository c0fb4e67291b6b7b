"""No sequence of messages gets anything closed onto a dead line, by center and gateway together.

The real agent and the real desk of the center stand between a toy plant that obeys everything and
a link that loses, repeats, delays and forges: only what is tested keeps the line dead.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from island_rig import RUNNING, Rig, ToyPlant

from gridmuster.switching import Switching

WISHES = st.builds(
    Switching,
    island=st.booleans(),
    former=st.sampled_from(("", "gas-1", "pack", "nobody")),
    sets=st.sampled_from(((), ("gas-1",), ("pack", "gas-2"))),
    steps=st.sampled_from(((), ("pool",), ("shops", "pool"), ("nothing",))),
    resynchronise=st.booleans(),
)
#: Utility there; what the switchgear shows; what the link does; a hand at the breaker; wait, s;
#: and a wish that comes from somewhere else than the center's own rules.
MOMENTS = st.tuples(
    st.booleans(),
    st.sampled_from(("true", "true", "silent", "both", "none", "dark", "nan")),
    st.sampled_from(("up", "up", "lost", "late", "twice")),
    st.sampled_from(("", "", "", "open", "close")),
    st.sampled_from((1, 4, 4, 4, 12, 70)),
    st.none() | WISHES,
)


@settings(deadline=None, max_examples=40)
@given(st.lists(MOMENTS, min_size=5, max_size=25))
def test_no_sequence_of_messages_closes_onto_a_dead_line(
    moments: list[tuple[bool, str, str, str, int, Switching | None]],
) -> None:
    rig = Rig()
    for moment in moments:
        rig.tick(*moment)
        assert rig.plant.wrong == []


@pytest.mark.parametrize("stuck", [False, True])
def test_the_rig_would_show_it(stuck: bool) -> None:
    """The toy area forms and comes back when all is well, and not when the breaker sticks."""
    rig = Rig()
    rig.plant.stuck = stuck
    for _ in range(60):
        rig.tick(False, "true", "up", "", 4, None)
    assert rig.plant.formed is not stuck
    assert rig.plant.wrong == []
    for _ in range(60):
        rig.tick(True, "true", "up", "", 4, None)
    assert rig.plant.closed
    assert any(wish.resynchronise for wish in rig.asked) is not stuck
    wrong = ToyPlant()
    wrong.utility, wrong.on["gas-1"] = False, RUNNING
    wrong.obey(("switchgear.north", "permit_former", 1.0))
    wrong.settle()
    assert wrong.wrong
