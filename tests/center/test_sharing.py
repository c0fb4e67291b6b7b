"""How an activation's power is shared: to the kW where it can be, never outside anybody's range."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.center.sharing import MARGIN_FRACTION, Part, share


@st.composite
def part_lists(draw: st.DrawFn) -> list[Part]:
    made = []
    for k in range(draw(st.integers(1, 8))):
        most_kw = draw(st.floats(1.0, 500.0))
        fixed = draw(st.booleans())
        least_kw = most_kw if fixed else most_kw * draw(st.floats(0.0, 1.0))
        measured_kw = draw(st.sampled_from([0.0, least_kw, most_kw]))
        area = draw(st.sampled_from(["north", "south"]))
        made.append(Part(f"d{k}", area, most_kw, least_kw, measured_kw))
    return made


@given(part_lists(), st.floats(0.0, 3000.0))
def test_the_target_is_given_whenever_those_that_run_can(
    parts: list[Part], target_kw: float
) -> None:
    rooms = {part.area: 1e9 for part in parts}
    powers = share(target_kw, parts, rooms)
    assert powers.keys() == {part.device for part in parts}
    for part in parts:
        power_kw = powers[part.device]
        assert power_kw is not None
        assert part.least_kw - 0.01 <= power_kw <= part.most_kw + 0.01
    running = [part for part in parts if part.measured_kw > 0.0] or parts
    low = sum(part.least_kw for part in running)
    high = sum(part.most_kw for part in running)
    given_kw = sum(powers[part.device] or 0.0 for part in running)
    wanted_kw = min(max(target_kw * (1.0 + MARGIN_FRACTION), low), high)
    assert given_kw == pytest.approx(wanted_kw, abs=0.01 * len(parts) + 1e-6)


@given(part_lists(), st.floats(0.0, 3000.0), st.floats(0.0, 2000.0))
def test_an_area_is_not_asked_for_more_than_it_can_take(
    parts: list[Part], target_kw: float, room_kw: float
) -> None:
    rooms = {"north": room_kw, "south": 1e9}
    powers = share(target_kw, parts, {part.area: rooms[part.area] for part in parts})
    here = [part for part in parts if part.area == "north"]
    running = [part for part in parts if part.measured_kw > 0.0] or parts
    ours = [part for part in running if part.area == "north"]
    asked_kw = sum(powers[part.device] or 0.0 for part in ours)
    least_kw = sum(part.least_kw for part in ours)
    assert not here or asked_kw <= max(room_kw, least_kw) + 0.01 * len(parts) + 1e-6


def test_an_area_that_stands_alone_is_left_to_its_dispatch() -> None:
    parts = [Part("a", "island", 100.0, 30.0, 50.0), Part("b", "north", 100.0, 30.0, 50.0)]
    powers = share(120.0, parts, {"island": None, "north": 1e9})
    assert powers["a"] is None and powers["b"] is not None


def test_those_on_their_way_are_not_counted_before_they_give() -> None:
    parts = [Part("on", "n", 100.0, 30.0, 40.0), Part("coming", "n", 100.0, 30.0, 0.0)]
    powers = share(90.0, parts, {"n": 1e9})
    assert powers["on"] == pytest.approx(90.9)
