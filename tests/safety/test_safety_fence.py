"""Fencing, order, expiry and skew."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.safety.fence import (
    Decision,
    FenceState,
    Lapsed,
    Obey,
    Reject,
    Repeat,
    decide,
    seen,
)
from gridmuster.signals import SiteCommand

NOW_MS = 1_750_000_000_000


def command(**fields: Any) -> SiteCommand:
    given_fields: dict[str, Any] = {
        "id": "c1",
        "site": "s",
        "center_id": "A",
        "fence": 3,
        "sequence": 8,
        "issued_at_ms": NOW_MS,
        "expires_at_ms": NOW_MS + 60_000,
        "setpoints": (),
    }
    return SiteCommand(**{**given_fields, **fields})


def judge(state: FenceState, known: tuple[str, ...] = (), **fields: Any) -> Decision:
    return decide(state, command(**fields), site="s", now_ms=NOW_MS, known_ids=known)


HELD = FenceState(3, "A", 7)


@pytest.mark.parametrize(
    ("fields", "kind", "why"),
    [
        ({}, Obey, ""),
        ({"sequence": 9000}, Obey, ""),
        ({"sequence": 7}, Reject, "sequence 7 is not newer than 7"),
        ({"sequence": 0}, Reject, "sequence"),
        ({"fence": 2, "sequence": 99}, Reject, "fence 2 is older than 3 of A"),
        ({"center_id": "B"}, Reject, "fence 3 is held by A"),
        ({"fence": 4, "center_id": "B", "sequence": 0}, Obey, ""),
        ({"site": "t"}, Reject, "for site t"),
        ({"expires_at_ms": NOW_MS}, Lapsed, "expired 0.0 s ago"),
        ({"expires_at_ms": NOW_MS + 1}, Obey, ""),
        ({"issued_at_ms": NOW_MS + 5_000}, Obey, ""),
        ({"issued_at_ms": NOW_MS + 5_001}, Reject, "ahead of the site's clock"),
        ({"issued_at_ms": NOW_MS - 7_000}, Obey, ""),
        ({"issued_at_ms": NOW_MS - 7_001}, Reject, "issued 7.0 s ago; limit 7.0 s"),
        ({"issued_at_ms": NOW_MS - 10_000, "expires_at_ms": NOW_MS - 1}, Lapsed, "expired"),
    ],
)
def test_what_a_site_does_with_a_command(
    fields: dict[str, Any], kind: type[Decision], why: str
) -> None:
    decision = judge(HELD, **fields)
    assert isinstance(decision, kind)
    assert why in getattr(decision, "reason", "")


def test_a_known_id_is_repeated_even_late_and_even_from_an_older_center() -> None:
    assert isinstance(judge(HELD, ("c1",), fence=2), Repeat)
    assert isinstance(judge(HELD, ("c1",), expires_at_ms=NOW_MS - 1), Repeat)


def test_a_newer_center_counts_as_seen_even_when_its_command_is_refused() -> None:
    decision = judge(HELD, fence=4, center_id="B", issued_at_ms=NOW_MS + 60_000)
    assert isinstance(decision, Reject)
    assert decision.state == FenceState(4, "B", -1)
    assert isinstance(judge(decision.state), Reject)


def test_a_lease_raises_the_fence_and_never_lowers_it() -> None:
    assert seen(HELD, 4, "B") == FenceState(4, "B", -1)
    assert seen(HELD, 3, "B") == HELD
    assert seen(HELD, 2, "B") == HELD
    assert seen(FenceState(), 0, "A") == FenceState(0, "A", -1)


COMMANDS = st.builds(
    command,
    id=st.sampled_from(["c1", "c2", "c3", "c4"]),
    center_id=st.sampled_from(["A", "B"]),
    fence=st.integers(0, 4),
    sequence=st.integers(0, 6),
    issued_at_ms=st.integers(NOW_MS - 20_000, NOW_MS + 20_000),
    expires_at_ms=st.integers(NOW_MS - 20_000, NOW_MS + 60_000),
)


@given(st.lists(COMMANDS, max_size=30))
def test_of_any_stream_only_a_rising_one_is_obeyed(stream: list[SiteCommand]) -> None:
    state, known = FenceState(), set()
    obeyed: list[SiteCommand] = []
    for arriving in stream:
        decision = decide(state, arriving, site="s", now_ms=NOW_MS, known_ids=known)
        assert decision.state.highest_fence >= state.highest_fence
        state = decision.state
        if isinstance(decision, Obey):
            known.add(arriving.id)
            obeyed.append(arriving)
    for before, after in itertools.pairwise(obeyed):
        assert (before.fence, before.sequence) < (after.fence, after.sequence)
        assert before.fence < after.fence or before.center_id == after.center_id
    assert len({one.id for one in obeyed}) == len(obeyed)
