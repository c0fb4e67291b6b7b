"""Who may decide: recovery, fencing, standing down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gridmuster.center.config import CenterConfig
from gridmuster.center.session import Session, SessionMemory
from gridmuster.center.view import Mode
from gridmuster.signals import Ack, Lease, Outcome, Quality, SiteReport, Supply
from gridmuster.state.snapshot import SiteStatus, Snapshot

T0 = 1_700_000_000_000


def report(fence: int, holder: str) -> SiteReport:
    return SiteReport("s1", T0, 1, Supply.UTILITY, True, 60.0, 1.0, 0.0, (), 0.0, fence, holder, 7)


def snapshot(now_ms: int, heard: SiteReport | None, age_s: float = 0.0) -> Snapshot:
    status = SiteStatus(heard, age_s, Quality.GOOD if heard else Quality.BAD)
    return Snapshot(now_ms, {"s1": status}, {}, {}, {}, {})


def begun(center_id: str = "c1") -> Session:
    session = Session(CenterConfig(recovery_s=30.0), SessionMemory())
    session.begin(center_id, T0)
    return session


def commanding(center_id: str, fence: int) -> Session:
    session = begun(center_id)
    session.hear_report(report(fence - 1, "old"))
    assert session.advance(snapshot(T0 + 4000, report(fence - 1, "old")))
    assert session.memory.fence == fence
    return session


def test_commands_once_every_site_was_heard() -> None:
    session = begun()
    assert not session.advance(snapshot(T0 + 4000, None))
    assert session.memory.mode is Mode.RECOVERING
    session.hear_report(report(4, "other"))
    assert session.advance(snapshot(T0 + 8000, report(4, "other")))
    assert (session.memory.mode, session.memory.fence) == (Mode.COMMANDING, 5)


def test_news_from_before_the_start_does_not_count() -> None:
    session = begun()
    assert not session.advance(snapshot(T0 + 4000, report(0, ""), age_s=10.0))


def test_a_silent_site_holds_recovery_up_for_a_bounded_time() -> None:
    session = begun()
    assert not session.advance(snapshot(T0 + 29_000, None))
    assert session.advance(snapshot(T0 + 30_000, None))


def test_a_restart_takes_a_higher_fence_than_its_own_last() -> None:
    session = commanding("c1", 3)
    session.begin("c1", T0 + 60_000)
    assert session.memory.mode is Mode.RECOVERING
    assert session.advance(snapshot(T0 + 90_000, report(3, "c1")))
    assert session.memory.fence == 4


def test_stands_down_before_a_higher_fence_however_it_hears_of_it() -> None:
    for tell in (
        lambda s: s.hear_report(report(9, "c2")),
        lambda s: s.hear_lease(Lease("c2", 9, T0)),
        lambda s: s.hear_ack(Ack("s1", T0, "x", 3, 1, Outcome.REFUSED, "older", (), 9, "c2")),
    ):
        session = commanding("c1", 3)
        tell(session)
        assert (session.memory.mode, session.memory.rival) == (Mode.STOOD_DOWN, "c2")
        assert not session.advance(snapshot(T0 + 99_000, report(9, "c2")))


def test_its_own_lease_changes_nothing() -> None:
    session = commanding("c1", 3)
    session.hear_lease(Lease("c1", 3, T0))
    assert session.memory.mode is Mode.COMMANDING


@given(st.integers(2, 50), st.booleans())
def test_of_two_with_one_fence_exactly_one_goes_on(fence: int, first_hears_first: bool) -> None:
    low, high = commanding("c1", fence), commanding("c2", fence)
    order = [(low, high), (high, low)] if first_hears_first else [(high, low), (low, high)]
    for hears, other in order:
        hears.hear_lease(Lease(other.memory.center_id, other.memory.fence, T0))
    modes = {low.memory.mode, high.memory.mode}
    assert modes == {Mode.COMMANDING, Mode.STOOD_DOWN}
    winner = low if low.memory.mode is Mode.COMMANDING else high
    assert winner is high
    assert high.memory.fence == fence + 1
