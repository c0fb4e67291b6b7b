"""A value asks after its delay, ends after its way back, runs its least time, and is never zero."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gridmuster.programs.latch import EXTEND_S, LOST_S, Latch, Trip, step

LOW = Trip(on_at=59.91, off_at=59.97, delay_s=12.0, recover_s=60.0, run_s=1800, below=True)
HIGH = Trip(on_at=95.0, off_at=90.0, delay_s=12.0, recover_s=60.0, run_s=0)
CYCLE_MS = 4_000


def follow(trip: Trip, values: list[float | None]) -> list[tuple[int, Latch]]:
    latch, found = Latch(), []
    for k, value in enumerate(values):
        latch = step(latch, trip, k * CYCLE_MS, value)
        found.append((k * CYCLE_MS, latch))
    return found


def first_on(seen: list[tuple[int, Latch]]) -> int:
    return next(at for at, latch in seen if latch.on)


def test_a_dip_shorter_than_the_delay_asks_for_nothing() -> None:
    dips: list[float | None] = [60.0, 59.8, 59.8, 60.0] * 50
    assert not any(latch.on for _, latch in follow(LOW, dips))


def test_it_asks_when_the_delay_is_over_and_ends_after_the_way_back_and_the_least_run() -> None:
    low, back = 100, 600
    seen = follow(LOW, [59.8] * low + [60.0] * back)
    assert first_on(seen) == 12_000
    assert [latch.from_ms for _, latch in seen if latch.on][-1] == 12_000
    asking = [at for at, latch in seen if latch.asks(at)]
    assert asking[-1] + CYCLE_MS == 12_000 + LOW.run_s * 1000


def test_between_the_thresholds_it_stays_as_it_was() -> None:
    between: list[float | None] = [59.94] * 400
    assert not any(latch.on for _, latch in follow(LOW, between))
    assert all(latch.on for at, latch in follow(LOW, [59.8] * 4 + between) if at >= 12_000)


def test_what_is_not_known_neither_asks_nor_ends_before_it_is_lost() -> None:
    """Silence after the threshold was crossed does not complete the delay."""
    assert not any(latch.on for _, latch in follow(LOW, [59.8, None, 59.8, None] * 20))
    on = follow(LOW, [59.8] * 4 + [None] * 600)
    last_heard = 3 * CYCLE_MS
    ended = next(at for at, latch in on if at > last_heard and not latch.on)
    assert ended == last_heard + LOST_S * 1000


def test_an_open_end_is_always_some_minutes_ahead() -> None:
    seen = follow(HIGH, [99.0] * 2000)
    assert all(
        EXTEND_S * 500 <= latch.until_ms - at <= EXTEND_S * 1500 for at, latch in seen if latch.on
    )


values = st.lists(
    st.one_of(st.none(), st.sampled_from([80.0, 90.0, 92.0, 95.0, 96.0, 99.0])), max_size=300
)


@given(values)
def test_it_is_on_exactly_when_the_story_says_so(story: list[float | None]) -> None:
    """Oracle: look back over the whole story at every moment instead of remembering."""
    for k, (_, latch) in enumerate(follow(HIGH, story)):
        turned = None
        for j in range(k, -1, -1):
            past = story[j - 3 : j + 1] if j >= 3 else []
            if len(past) == 4 and all(v is not None and v > 95.0 for v in past):
                turned = True
                break
            gone = story[j - 15 : j + 1] if j >= 15 else []
            if len(gone) == 16 and all(v is not None and v <= 90.0 for v in gone):
                turned = False
                break
            silent = story[j - 224 : j + 1] if j >= 224 else []
            if len(silent) == 225 and all(v is None for v in silent):
                turned = False
                break
        assert latch.on is bool(turned)
