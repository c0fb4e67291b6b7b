"""Frames wait in order, bounded; acknowledgements are never given up."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridmuster.errors import LinkError
from gridmuster.gateway.outbox import MemoryOutbox, Outbox, SqliteOutbox, must_keep
from gridmuster.signals import Frame

Make = Callable[[int], Outbox]


def frame(number: int, kind: str = "report") -> Frame:
    return Frame(f"gridmuster/v1/f/site/s/up/{kind}", b"%d" % number, number)


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "memory":
        return MemoryOutbox
    count = iter(range(10_000))
    return lambda limit: SqliteOutbox(tmp_path / f"outbox-{next(count)}.db", limit)


def test_frames_come_back_in_order_and_stay_until_dropped(make: Make) -> None:
    box = make(100)
    box.put([frame(1), frame(2, "ack")])
    box.put([frame(3, "demand")])
    assert box.peek(2) == [frame(1), frame(2, "ack")]
    assert box.peek(9) == [frame(1), frame(2, "ack"), frame(3, "demand")]
    box.drop(2)
    assert box.peek(9) == [frame(3, "demand")]
    box.drop(5)
    assert (len(box), box.peek(9), box.dropped) == (0, [], 0)


def test_when_full_the_oldest_report_or_reading_goes(make: Make) -> None:
    box = make(3)
    box.put([frame(1, "ack"), frame(2), frame(3, "demand"), frame(4)])
    assert [kept.at_ms for kept in box.peek(9)] == [1, 3, 4]
    box.put([frame(5, "ack"), frame(6, "ack"), frame(7, "ack")])
    assert [kept.at_ms for kept in box.peek(9)] == [1, 5, 6, 7]
    assert box.dropped == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["report", "demand", "ack"]), max_size=6), st.integers(0, 4)
        ),
        max_size=15,
    )
)
def test_any_use_keeps_order_bound_and_answers(
    make: Make, uses: list[tuple[list[str], int]]
) -> None:
    box = make(5)
    number, model = 0, []
    for kinds, taken in uses:
        put = []
        for kind in kinds:
            number += 1
            put.append(frame(number, kind))
        box.put(put)
        model += put
        over = len(model) - 5
        for old in [one for one in model if not must_keep(one)][: max(over, 0)]:
            model.remove(old)
        assert box.peek(100) == model
        assert len(box) == len(model)
        box.drop(taken)
        del model[:taken]
    box.close()


def test_what_waits_in_a_file_outlives_the_program(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "outbox.db"
    first = SqliteOutbox(path)
    first.put([frame(1), frame(2, "ack")])
    first.close()
    again = SqliteOutbox(path)
    assert len(again) == 2
    assert again.peek(9) == [frame(1), frame(2, "ack")]
    again.close()


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"not a database, and long enough to look at" * 100)
    with pytest.raises(LinkError, match=r"outbox\.db"):
        SqliteOutbox(path)


def test_a_put_that_fails_stores_nothing_of_it_and_the_next_one_works(tmp_path: Path) -> None:
    box = SqliteOutbox(tmp_path / "outbox.db")
    box.put([frame(1)])
    intruder = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    intruder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LinkError, match="2 frames not stored"):
        box.put([frame(2), frame(3)])
    intruder.execute("ROLLBACK")
    intruder.close()
    assert (len(box), box.peek(9)) == (1, [frame(1)])
    box.put([frame(4)])
    assert box.peek(9) == [frame(1), frame(4)]
    box.close()
