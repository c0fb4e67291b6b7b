"""Merit-order dispatch held against a linear programme."""

from __future__ import annotations

import highspy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmuster.dispatch.economic import AreaDispatch, GridOffer, Offer, dispatch_area

KW = st.integers(0, 500).map(float)
PRICE = st.integers(-20, 200).map(lambda cents: cents / 100.0)
UNSERVED_USD_PER_KWH = 100.0


@st.composite
def offers(draw: st.DrawFn) -> list[Offer]:
    found = []
    for k in range(draw(st.integers(0, 5))):
        prices = sorted(draw(st.lists(PRICE, min_size=0, max_size=3)))
        low = float(draw(st.integers(-200, 200)))
        found.append(Offer(f"d{k}", low, tuple((draw(KW), price) for price in prices)))
    return found


@st.composite
def grids(draw: st.DrawFn) -> GridOffer | None:
    if draw(st.booleans()):
        return None
    bought = draw(PRICE)
    return GridOffer(draw(KW), draw(KW), bought, bought - draw(st.integers(0, 50)) / 100.0)


def cost_usd(dispatch: AreaDispatch, found: list[Offer], grid: GridOffer | None) -> float:
    """Cost of a dispatch, worked out from powers alone."""
    total = UNSERVED_USD_PER_KWH * (dispatch.shortfall_kw + dispatch.surplus_kw)
    for offer in found:
        left = dispatch.power_kw[offer.device] - offer.low_kw
        for width, price in offer.segments:
            step = min(left, width)
            total += step * price
            left -= step
    if grid is not None:
        bought = max(dispatch.import_kw, 0.0) * grid.import_usd_per_kwh
        total += bought - max(-dispatch.import_kw, 0.0) * grid.export_usd_per_kwh
    return total


def cheapest_usd(need_kw: float, found: list[Offer], grid: GridOffer | None) -> float:
    """The same problem as a linear programme."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    base = 0.0
    terms = []
    for offer in found:
        base += offer.low_kw
        for width, price in offer.segments:
            terms.append(model.addVariable(0.0, width, price))
    signs = [1.0] * len(terms)
    if grid is not None:
        terms.append(model.addVariable(0.0, grid.import_limit_kw, grid.import_usd_per_kwh))
        terms.append(model.addVariable(0.0, grid.export_limit_kw, -grid.export_usd_per_kwh))
        signs += [1.0, -1.0]
    terms.append(model.addVariable(0.0, highspy.kHighsInf, UNSERVED_USD_PER_KWH))
    terms.append(model.addVariable(0.0, highspy.kHighsInf, UNSERVED_USD_PER_KWH))
    signs += [1.0, -1.0]
    index = np.array([term.index for term in terms], dtype=np.int32)
    model.addRow(need_kw - base, need_kw - base, len(terms), index, np.array(signs))
    model.minimize()
    assert model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(model.getInfo().objective_function_value)


@given(st.integers(-300, 2000).map(float), offers(), grids())
def test_no_linear_programme_is_cheaper(
    need_kw: float, found: list[Offer], grid: GridOffer | None
) -> None:
    dispatch = dispatch_area(need_kw, found, grid)
    assert cost_usd(dispatch, found, grid) == pytest.approx(
        cheapest_usd(need_kw, found, grid), abs=1e-6
    )


@given(st.integers(-300, 2000).map(float), offers(), grids())
def test_balance_closes_and_windows_hold(
    need_kw: float, found: list[Offer], grid: GridOffer | None
) -> None:
    dispatch = dispatch_area(need_kw, found, grid)
    supplied = sum(dispatch.power_kw.values()) + dispatch.import_kw
    supplied += dispatch.shortfall_kw - dispatch.surplus_kw
    assert supplied == pytest.approx(need_kw, abs=1e-6)
    for offer in found:
        power = dispatch.power_kw[offer.device]
        assert offer.low_kw - 1e-9 <= power <= offer.high_kw + 1e-9
    if grid is not None:
        assert -grid.export_limit_kw <= dispatch.import_kw <= grid.import_limit_kw + 1e-9


def test_equal_offers_are_taken_in_their_order() -> None:
    found = [Offer("a", 0.0, ((10.0, 0.1),)), Offer("b", 0.0, ((10.0, 0.1),))]
    dispatch = dispatch_area(12.0, found, None)
    assert dispatch.power_kw == {"a": 10.0, "b": 2.0}
    assert dispatch.price_usd_per_kwh == 0.1
