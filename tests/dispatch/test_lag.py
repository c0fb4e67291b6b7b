"""Stores carry what slow sets cannot reach in time, and only that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.dispatch.economic import AreaDispatch, GridOffer, Offer
from gridmuster.dispatch.lag import Slow, cover_lag

GRID = GridOffer(1000.0, 800.0, 0.1, 0.05)
STORE = Offer("store", -500.0, ((1000.0, 0.2),))


def dispatch(set_kw: float, store_kw: float, import_kw: float) -> AreaDispatch:
    return AreaDispatch({"set": set_kw, "store": store_kw}, import_kw, 0.1, 0.0, 0.0)


def test_a_store_stops_charging_until_the_set_is_there() -> None:
    before = dispatch(300.0, -400.0, 1000.0)
    after = cover_lag(before, {"set": Slow(100.0, 20.0)}, [STORE], GRID)
    assert after.power_kw == {"set": 300.0, "store": pytest.approx(-220.0)}
    assert after.import_kw == pytest.approx(820.0)


def test_with_room_on_the_connection_nothing_moves() -> None:
    before = dispatch(300.0, -400.0, 500.0)
    assert cover_lag(before, {"set": Slow(100.0, 20.0)}, [STORE], GRID) is before
    assert cover_lag(before, {"set": Slow(100.0, 20.0)}, [STORE], None) is before


@given(
    st.floats(0, 500),
    st.floats(-500, 500),
    st.floats(-900, 1100),
    st.floats(0, 500),
    st.floats(0, 100),
)
def test_it_never_makes_things_worse(
    set_kw: float, store_kw: float, import_kw: float, at_kw: float, reach_kw: float
) -> None:
    before = dispatch(set_kw, store_kw, import_kw)
    after = cover_lag(before, {"set": Slow(at_kw, reach_kw)}, [STORE], GRID)
    assert after.power_kw["set"] == set_kw
    assert STORE.low_kw - 1e-9 <= after.power_kw["store"] <= STORE.high_kw + 1e-9
    moved_kw = after.power_kw["store"] - store_kw
    assert before.import_kw - after.import_kw == pytest.approx(moved_kw, abs=1e-6)
    late_kw = set_kw - min(max(set_kw, at_kw - reach_kw), at_kw + reach_kw)
    assert abs(moved_kw) <= abs(late_kw) + 1e-6
    beyond = lambda kw: max(kw - GRID.import_limit_kw, -GRID.export_limit_kw - kw, 0.0)  # noqa: E731
    assert beyond(after.import_kw + late_kw) <= beyond(before.import_kw + late_kw) + 1e-6
