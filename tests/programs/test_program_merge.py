"""Requests at one time become one: never added up, the highest first, whatever their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gridmuster.programs.request import LEAST_KW, Grant, Request, ahead, merge
from gridmuster.signals import Purpose

INSTANTS = st.integers(0, 20)


@st.composite
def requests(draw: st.DrawFn, reaches: tuple[str, ...] = ("",)) -> list[Request]:
    found = []
    for k in range(draw(st.integers(0, 7))):
        begin = draw(INSTANTS)
        found.append(
            Request(
                key=f"r{k}",
                program=f"p{k}",
                area=draw(st.sampled_from(["north", "south"])),
                power_kw=float(draw(st.integers(1, 500))),
                from_ms=begin,
                until_ms=begin + draw(st.integers(1, 10)),
                priority=draw(st.integers(0, 3)),
                purpose=Purpose.DEMAND,
                reason="",
                rank=draw(st.integers(0, 1)),
                feeder=draw(st.sampled_from(reaches)),
            )
        )
    return found


def power(grants: list[Grant], area: str) -> float:
    return sum(one.power_kw for one in grants if one.request.area == area)


@given(requests(), INSTANTS)
def test_together_an_area_is_granted_its_largest_request(found: list[Request], at: int) -> None:
    grants = merge(found, at)
    for area in ("north", "south"):
        asked = [r.power_kw for r in found if r.area == area and r.from_ms <= at < r.until_ms]
        assert max(asked, default=0.0) - LEAST_KW < power(grants, area) <= max(asked, default=0.0)
    assert all(0.0 <= one.power_kw <= one.request.power_kw for one in grants)


@given(requests(), INSTANTS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_came_changes_nothing(found, at, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(found)
    random.shuffle(shuffled)
    assert merge(shuffled, at) == merge(found, at)


@given(requests(reaches=("", "f1", "f2")), INSTANTS)
def test_what_comes_later_takes_nothing_from_what_came_first(found: list[Request], at: int) -> None:
    grants = merge(found, at)
    for k in range(len(grants)):
        before = [one.request for one in grants[:k]]
        assert merge(before, at) == grants[:k]


@given(requests(reaches=("", "f1", "f2")), INSTANTS)
def test_every_request_is_met_within_its_own_reach(found: list[Request], at: int) -> None:
    """Oracle: what is granted inside a reach, this request's part included, is enough for it."""
    grants = merge(found, at)
    for one in grants:
        wanted = one.request
        inside = sum(
            other.power_kw
            for other in grants
            if other.request.area == wanted.area and wanted.feeder in ("", other.request.feeder)
        )
        assert inside > wanted.power_kw - LEAST_KW


@given(requests(), INSTANTS, st.integers(0, 5))
def test_one_ahead_is_judged_at_its_begin(found: list[Request], now: int, lead: int) -> None:
    seen = {one.request.key: one for one in ahead(found, now, lead)}
    assert set(seen) == {r.key for r in found if r.from_ms - lead <= now < r.until_ms}
    for request in found:
        if request.key in seen:
            at = max(now, request.from_ms)
            soon = [r for r in found if r.key in seen]
            (same,) = [one for one in merge(soon, at) if one.request.key == request.key]
            assert seen[request.key] == same


def test_an_exercise_stands_apart() -> None:
    alert = Request("a", "a", "north", 100.0, 0, 10, 90, Purpose.EMERGENCY_ALERT, "")
    drill = Request("x", "x", "north", 30.0, 0, 10, 10, Purpose.EXERCISE, "", apart=True)
    low = Request("l", "l", "north", 20.0, 0, 10, 0, Purpose.DEMAND, "")
    granted = {one.request.key: one.power_kw for one in merge([drill, low, alert], 5)}
    assert granted == {"a": 100.0, "x": 30.0, "l": 0.0}
