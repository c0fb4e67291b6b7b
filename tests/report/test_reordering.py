"""What a site stored comes back in order, whatever came first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gridmuster.report.reordering import WAIT_MS, Straightener

SCAN_MS = 20_000


def straightened(arrivals: list[tuple[int, int]]) -> list[int]:
    """Numbers passed on of messages (arrival ms, number); number k was said at k scans."""
    straightener: Straightener[int] = Straightener()
    passed: list[int] = []
    for now_ms, number in arrivals:
        at_ms = number * SCAN_MS
        if straightener.take(now_ms, "site", (at_ms, number), at_ms, number):
            passed.append(number)
        passed += [message for _, message in straightener.due(now_ms)]
    passed += [message for _, message in straightener.due(None)]
    return passed


def test_without_a_gap_all_passes_at_once() -> None:
    straightener: Straightener[int] = Straightener()
    for number in range(100):
        at_ms = number * SCAN_MS
        assert straightener.take(at_ms, "site", (at_ms, number), at_ms, number)
        assert not list(straightener.due(at_ms))


@given(
    first=st.integers(1, 10),
    stored=st.integers(4, 200),
    per_cycle=st.integers(1, 100),
    doubled=st.booleans(),
)
def test_a_backlog_after_the_newest_is_put_in_its_place(
    first: int, stored: int, per_cycle: int, doubled: bool
) -> None:
    arrivals = [(number * SCAN_MS, number) for number in range(first)]
    back = first + stored
    now_ms = back * SCAN_MS
    arrivals.append((now_ms, back))
    for k, number in enumerate(range(first, back)):
        moment_ms = now_ms + 4_000 * (1 + k // per_cycle)
        arrivals += [(moment_ms, number)] * (2 if doubled else 1)
    arrivals += [(number * SCAN_MS, number) for number in range(back + 1, back + 5)]
    arrivals.sort(key=lambda one: one[0])
    assert straightened(arrivals) == list(range(back + 5))


@given(order=st.permutations(list(range(12))))
def test_order_is_kept_and_nothing_is_passed_twice(order: list[int]) -> None:
    arrivals = [(1_000_000 + 1_000 * k, number) for k, number in enumerate(order)]
    passed = straightened(arrivals + arrivals)
    assert passed == sorted(set(passed))


def test_what_comes_after_the_wait_is_too_late() -> None:
    late_ms = 10 * SCAN_MS + WAIT_MS + 1
    assert straightened([(0, 0), (10 * SCAN_MS, 10), (late_ms, 11), (late_ms, 5)]) == [0, 10, 11]
