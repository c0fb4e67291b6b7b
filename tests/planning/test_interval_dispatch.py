"""One interval's dispatch, held against quadratic programmes, bisection and its own dual."""

from __future__ import annotations

from collections.abc import Sequence

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.errors import PlanningError
from gridmuster.planning.interval import (
    Crew,
    Exchange,
    IntervalAnswer,
    IntervalNeed,
    QuadraticUnits,
    SteppedUnits,
    dispatch_interval,
)
from gridmuster.planning.interval.units import Units

UNSERVED, SURPLUS, SHORT = 8.0, 3.0, 2.0


@st.composite
def quadratics(draw: st.DrawFn, *, squares: bool = True) -> QuadraticUnits:
    count = draw(st.integers(1, 6))
    rows = st.lists(st.integers(0, 4), min_size=count, max_size=count)
    linear = np.array([draw(st.integers(-4, 20)) / 4.0 for _ in range(count)])
    square = np.array(draw(rows)) / 200.0 * squares
    low = np.array([draw(st.integers(-20, 20)) * 5.0 for _ in range(count)])
    units = QuadraticUnits.of_costs(linear, square, low, low + np.array(draw(rows)) * 10.0)
    if draw(st.booleans()):
        reserve = np.array(draw(rows)) * 7.0
        units = QuadraticUnits(units.price_usd_per_kwh, units.gain, low, units.high_kw, reserve)
    return units


@st.composite
def stepped(draw: st.DrawFn) -> SteppedUnits:
    count = draw(st.integers(1, 4))
    unit, start, end, price = [], [], [], []
    low, high = np.empty(count), np.empty(count)
    for k in range(count):
        prices = sorted(draw(st.lists(st.integers(-4, 20), min_size=1, max_size=3)))
        at = first = draw(st.integers(-20, 20)) * 5.0
        for one in prices:
            unit.append(k)
            start.append(at)
            at += draw(st.integers(0, 3)) * 10.0
            end.append(at)
            price.append(one / 4.0)
        low[k], high[k] = sorted(min(first + draw(st.integers(0, 6)) * 5.0, at) for _ in range(2))
    reserve = None
    if draw(st.booleans()):
        reserve = np.array([draw(st.integers(0, 4)) * 7.0 for _ in range(count)])
    columns = (np.array(column) for column in (start, end, price))
    return SteppedUnits(np.array(unit), *columns, low, high, reserve)


@st.composite
def needs(draw: st.DrawFn) -> IntervalNeed:
    grid = None
    if draw(st.booleans()):
        bought = draw(st.integers(-8, 24)) / 4.0
        sold = bought - draw(st.integers(0, 4)) / 4.0
        limits = [draw(st.integers(0, 6)) * 10.0 for _ in range(2)]
        grid = Exchange(limits[0], limits[1], bought, sold, draw(st.booleans()))
    reserve = draw(st.sampled_from([0.0, 0.0, 10.0, 25.0, 60.0, 500.0]))
    need = draw(st.integers(-40, 60)) * 5.0
    return IntervalNeed(need, grid, reserve, UNSERVED, SURPLUS, SHORT)


def unit_cost(units: Units, power: np.ndarray) -> float:
    """Cost of powers, from the definition of the units' costs."""
    if isinstance(units, QuadraticUnits):
        squares = np.where(units.gain < 1e20, 0.5 / units.gain, 0.0)
        return float((units.price_usd_per_kwh * power + squares * power**2).sum())
    total = 0.0
    for whose, start, end, price in zip(
        units.unit, units.from_kw, units.to_kw, units.price_usd_per_kwh, strict=True
    ):
        low = units.low_kw[whose]
        taken = min(max(power[whose], start), end) - min(max(low, start), end)
        total += price * max(taken, 0.0)
    return total


def answer_cost(groups: Sequence[Units], need: IntervalNeed, answer: IntervalAnswer) -> float:
    total = sum(
        unit_cost(units, power) for units, power in zip(groups, answer.power_kw, strict=True)
    )
    total += sum(one.amount_kw * one.usd_per_kwh for one in answer.unmet)
    if need.exchange is not None:
        bought = max(answer.import_kw, 0.0) * need.exchange.import_usd_per_kwh
        total += bought - max(-answer.import_kw, 0.0) * need.exchange.export_usd_per_kwh
    return total


def unit_dual(units: Units, price: float, reserve_price: float) -> float:
    """Least cost less worth of power and reserve, each unit by trying all points it may bend at."""
    total = 0.0
    for k in range(units.count):
        low, high = units.low_kw[k], units.high_kw[k]
        holds = np.inf if units.reserve_kw is None else units.reserve_kw[k]
        points = [low, high, high - min(holds, high - low)]
        if isinstance(units, QuadraticUnits):
            one = QuadraticUnits(units.price_usd_per_kwh[[k]], units.gain[[k]], low, high)
            for worth in (price, price - reserve_price):
                points.append((worth - units.price_usd_per_kwh[k]) * units.gain[k])
        else:
            mine = units.unit == k
            at = (column[mine] for column in (units.from_kw, units.to_kw, units.price_usd_per_kwh))
            one = SteppedUnits(
                np.zeros(mine.sum(), np.int64), *at, np.array([low]), np.array([high])
            )
            points += [*units.from_kw[mine], *units.to_kw[mine]]
        total += min(
            unit_cost(one, np.array([power]))
            - price * power
            - reserve_price * min(holds, high - power)
            for power in np.clip(points, low, high)
        )
    return total


def dual(groups: Sequence[Units], need: IntervalNeed, price: float, reserve_price: float) -> float:
    """No dispatch costs less than this, whatever the two prices: weak duality."""
    if not -SURPLUS <= price <= UNSERVED or not 0.0 <= reserve_price <= SHORT:
        return -np.inf
    total = price * need.need_kw + reserve_price * need.reserve_kw
    total += sum(unit_dual(units, price, reserve_price) for units in groups)
    grid = need.exchange
    if grid is not None:
        kept = reserve_price if grid.holds_reserve else 0.0
        bought = grid.import_usd_per_kwh - price + kept
        sold = price - kept - grid.export_usd_per_kwh
        total += grid.import_limit_kw * (min(bought, 0.0) - kept)
        total += grid.export_limit_kw * min(sold, 0.0)
    return total


class Programme:
    """The same question as a linear programme with a reserve variable for each unit."""

    def __init__(self, need: IntervalNeed) -> None:
        self.need = need
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.cost: list[float] = []
        self.rows: list[tuple[float, float, dict[int, float]]] = []
        self.balance: dict[int, float] = {}
        self.reserve: dict[int, float] = {}

    def column(self, low: float, high: float, cost: float) -> int:
        self.lower.append(low)
        self.upper.append(high)
        self.cost.append(cost)
        return len(self.cost) - 1

    def unit(self, terms: dict[int, float], high: float, holds: float) -> None:
        """Reserve of a unit: within what it may hold and within its headroom."""
        held = self.column(0.0, holds, 0.0)
        self.reserve[held] = 1.0
        self.rows.append((-np.inf, high, terms | {held: 1.0}))

    def add(self, units: Units) -> float:
        """Add a group; returns the constant part of its power."""
        free = np.full(units.count, np.inf)
        holds = free if units.reserve_kw is None else units.reserve_kw
        if isinstance(units, QuadraticUnits):
            for k in range(units.count):
                assert units.gain[k] > 1e20, "linear costs only"
                price = units.price_usd_per_kwh[k]
                at = self.column(units.low_kw[k], units.high_kw[k], price)
                self.balance[at] = 1.0
                self.unit({at: 1.0}, units.high_kw[k], holds[k])
            return 0.0
        for k in range(units.count):
            low, high = units.low_kw[k], units.high_kw[k]
            terms = {}
            for step in np.flatnonzero(units.unit == k):
                start, end = np.clip([units.from_kw[step], units.to_kw[step]], low, high)
                terms[self.column(0.0, end - start, units.price_usd_per_kwh[step])] = 1.0
            self.balance |= terms
            self.unit(terms, high - low, holds[k])
        return float(units.low_kw.sum())

    def least_cost(self, groups: Sequence[Units]) -> float:
        need = self.need
        constant = sum(self.add(units) for units in groups)
        grid = need.exchange
        if grid is not None:
            drawn = self.column(0.0, grid.import_limit_kw, grid.import_usd_per_kwh)
            sent = self.column(0.0, grid.export_limit_kw, -grid.export_usd_per_kwh)
            self.balance |= {drawn: 1.0, sent: -1.0}
            if grid.holds_reserve:
                self.unit({drawn: 1.0, sent: -1.0}, grid.import_limit_kw, np.inf)
        self.balance[self.column(0.0, np.inf, need.unserved_usd_per_kwh)] = 1.0
        self.balance[self.column(0.0, np.inf, need.surplus_usd_per_kwh)] = -1.0
        self.reserve[self.column(0.0, np.inf, need.reserve_short_usd_per_kwh)] = 1.0
        left = need.need_kw - constant
        self.rows += [(left, left, self.balance), (need.reserve_kw, np.inf, self.reserve)]
        return self._solved()

    def _solved(self) -> float:
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        count = len(self.cost)
        model.addVars(count, np.array(self.lower), np.array(self.upper))
        model.changeColsCost(count, np.arange(count, dtype=np.int32), np.array(self.cost))
        for low, high, terms in self.rows:
            index = np.array(list(terms), dtype=np.int32)
            model.addRow(low, high, len(index), index, np.array(list(terms.values())))
        model.run()
        assert model.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return float(model.getInfo().objective_function_value)


def assert_kept(groups: Sequence[Units], need: IntervalNeed, answer: IntervalAnswer) -> None:
    """Windows, limits, balance and reserve, from the powers alone."""
    unmet = {one.wish: one.amount_kw for one in answer.unmet}
    given, held = answer.import_kw, 0.0
    for units, power in zip(groups, answer.power_kw, strict=True):
        assert (power >= units.low_kw - 1e-9).all() and (power <= units.high_kw + 1e-9).all()
        given += float(power.sum())
        room = units.high_kw - power
        held += float(
            (room if units.reserve_kw is None else np.minimum(room, units.reserve_kw)).sum()
        )
    grid = need.exchange
    if grid is None:
        assert answer.import_kw == 0.0
    else:
        assert -grid.export_limit_kw <= answer.import_kw <= grid.import_limit_kw
        held += grid.import_limit_kw - answer.import_kw if grid.holds_reserve else 0.0
    given += unmet.get("demand", 0.0) - unmet.get("surplus", 0.0)
    assert given == pytest.approx(need.need_kw, abs=1e-8)
    assert held + unmet.get("reserve", 0.0) >= need.reserve_kw - 1e-7
    assert answer.price_usd_per_kwh <= UNSERVED


groups_of = st.lists(st.one_of(quadratics(), stepped()), min_size=1, max_size=3)
linear_groups_of = st.lists(st.one_of(quadratics(squares=False), stepped()), min_size=1, max_size=3)


@settings(max_examples=400)
@given(groups_of, needs())
def test_the_prices_prove_the_powers(groups: list[Units], need: IntervalNeed) -> None:
    answer = dispatch_interval(groups, need)
    assert_kept(groups, need, answer)
    bound = dual(groups, need, answer.price_usd_per_kwh, answer.reserve_usd_per_kwh)
    assert answer_cost(groups, need, answer) == pytest.approx(bound, rel=1e-9, abs=1e-7)


@settings(max_examples=150)
@given(linear_groups_of, needs())
def test_no_linear_programme_is_cheaper(groups: list[Units], need: IntervalNeed) -> None:
    answer = dispatch_interval(groups, need)
    best = Programme(need).least_cost(groups)
    assert answer_cost(groups, need, answer) == pytest.approx(best, rel=1e-7, abs=1e-5)


def fleet(seed: int, count: int, kind: str) -> QuadraticUnits:
    """Many units: spread, of few types, nearly flat, in clusters, or all alike."""
    rng = np.random.default_rng(seed)
    price = rng.uniform(0.02, 0.4, count)
    square = rng.uniform(1e-5, 1e-3, count)
    low = rng.uniform(-50.0, 50.0, count)
    width = rng.uniform(0.0, 100.0, count) * (rng.random(count) < 0.9)
    if kind == "types":
        price, width = np.round(price, 1), np.round(width, -1)
        square[:] = 0.0
    elif kind == "flat":
        square = np.where(rng.random(count) < 0.5, 0.0, square * 1e-9)
    elif kind == "clusters":
        price.sort()
        price[count // 2 :] += 5.0
    elif kind == "alike":
        price[:], square[:], low[:], width[:] = 0.1, 0.0, 5.0, 7.0
    return QuadraticUnits.of_costs(price, square, low, low + width)


KINDS = ("spread", "types", "flat", "clusters", "alike")


def proof(units: QuadraticUnits, need: IntervalNeed, answer: IntervalAnswer) -> float:
    """Cost less the dual bound, for quadratic units without reserve, in columns."""
    power = answer.power_kw[0].astype(np.float64)
    gain = units.gain.astype(np.float64)
    linear, low, high = (
        column.astype(np.float64)
        for column in (units.price_usd_per_kwh, units.low_kw, units.high_kw)
    )
    price = answer.price_usd_per_kwh
    best = np.clip((price - linear) * gain, low, high)
    square = np.where(gain < 1e20, 0.5 / gain, 0.0)
    lagrange = linear * power + square * power**2 - price * power
    lagrange -= linear * best + square * best**2 - price * best
    assert lagrange.min() >= -1e-9 * np.abs(linear * power).max()
    unmet = sum(one.amount_kw for one in answer.unmet)
    assert unmet == 0.0 or price in (need.unserved_usd_per_kwh, -need.surplus_usd_per_kwh)
    return float(lagrange.sum())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [4_097, 40_000, 70_001])
def test_many_units_are_dispatched_exactly(kind: str, count: int) -> None:
    for seed in range(4):
        units = fleet(seed, count, kind)
        lows, highs = float(units.low_kw.sum()), float(units.high_kw.sum())
        for level in (-0.1, 0.0, 1e-6, 0.3, 0.5, 0.77, 1.0, 1.1):
            need = IntervalNeed(lows + level * (highs - lows))
            answer = dispatch_interval([units], need)
            scale = np.abs(answer.power_kw[0]).sum()
            assert abs(answer.balance_error_kw) <= 1e-12 * scale
            assert proof(units, need, answer) <= 1e-10 * scale
            assert {one.wish for one in answer.unmet} == (
                {"surplus"} if level < 0.0 else {"demand"} if level > 1.0 else set()
            )


@pytest.mark.parametrize("kind", KINDS)
def test_order_and_threads_change_nothing(kind: str) -> None:
    units = fleet(7, 500_000, kind)
    need = IntervalNeed(float(units.low_kw.sum() + 0.4 * (units.high_kw - units.low_kw).sum()))
    answer = dispatch_interval([units], need)
    with Crew(2) as crew:
        shared = dispatch_interval([units], need, crew)
    assert shared.power_kw[0].tobytes() == answer.power_kw[0].tobytes()
    order = np.random.default_rng(1).permutation(units.count)
    columns = (units.price_usd_per_kwh, units.gain, units.low_kw, units.high_kw)
    mixed = dispatch_interval([QuadraticUnits(*(column[order] for column in columns))], need)
    assert mixed.price_usd_per_kwh == pytest.approx(answer.price_usd_per_kwh, rel=1e-12)
    # Nearly flat units turn the last digits of a price into power.
    close = 1e-4 if kind == "flat" else 1e-7
    np.testing.assert_allclose(mixed.power_kw[0], answer.power_kw[0][order], atol=close)


@pytest.mark.parametrize("kind", KINDS)
def test_narrow_columns_still_balance(kind: str) -> None:
    wide = fleet(3, 30_000, kind)
    columns = (wide.price_usd_per_kwh, wide.gain, wide.low_kw + 60.0, wide.high_kw + 60.0)
    units = QuadraticUnits(*(column.astype(np.float32) for column in columns))
    lows, highs = (float(column.sum(dtype=np.float64)) for column in columns[2:])
    need = IntervalNeed(lows + 0.4 * (highs - lows))
    answer = dispatch_interval([units], need)
    assert answer.power_kw[0].dtype == np.float32
    given = float(answer.power_kw[0].sum(dtype=np.float64))
    assert given + answer.balance_error_kw == pytest.approx(need.need_kw, rel=1e-13)
    assert abs(answer.balance_error_kw) < 1e-7 * need.need_kw


def test_ties_share_in_proportion_to_their_windows() -> None:
    low, high = np.array([0.0, 10.0, 0.0]), np.array([30.0, 70.0, 10.0])
    units = QuadraticUnits.of_costs(np.array([0.1, 0.1, 0.2]), np.zeros(3), low, high)
    answer = dispatch_interval([units], IntervalNeed(40.0))
    np.testing.assert_allclose(answer.power_kw[0], [10.0, 30.0, 0.0], rtol=1e-12)
    assert answer.price_usd_per_kwh == pytest.approx(0.1, abs=1e-13)


def test_reserve_has_the_price_of_the_dearer_unit() -> None:
    """A cheap unit held back by 30 kW for reserve; a dear one, which holds none, gives it."""
    columns = [np.array(row) for row in ([0.1, 0.3], [0.0, 0.0], [0.0, 0.0], [100.0, 100.0])]
    units = QuadraticUnits.of_costs(*columns)
    units = QuadraticUnits(
        units.price_usd_per_kwh, units.gain, units.low_kw, units.high_kw, np.array([50.0, 0.0])
    )
    answer = dispatch_interval([units], IntervalNeed(90.0, reserve_kw=30.0))
    np.testing.assert_allclose(answer.power_kw[0], [70.0, 20.0], rtol=1e-12)
    assert answer.price_usd_per_kwh == pytest.approx(0.3)
    assert answer.reserve_usd_per_kwh == pytest.approx(0.2)
    assert answer.held_kw == pytest.approx(30.0)
    cheap = IntervalNeed(90.0, reserve_kw=30.0, reserve_short_usd_per_kwh=0.15)
    answer = dispatch_interval([units], cheap)
    np.testing.assert_allclose(answer.power_kw[0], [90.0, 0.0], atol=1e-9)
    assert [(one.wish, one.amount_kw) for one in answer.unmet] == [("reserve", pytest.approx(20.0))]


def test_what_makes_no_sense_is_named() -> None:
    one, two = np.zeros(2), np.array([1.0, 2.0])
    with pytest.raises(PlanningError, match="unit 1: cost"):
        QuadraticUnits.of_costs(one, np.array([0.0, -1.0]), one, two)
    units = QuadraticUnits.of_costs(one, one, one, two)
    for bad in (np.array([1.0, -2.0]), np.array([1.0, np.nan]), np.array([1.0, np.inf])):
        with pytest.raises(PlanningError, match="unit 1: window"):
            dispatch_interval([units.within(one, bad)], IntervalNeed(1.0))
    with pytest.raises(PlanningError, match="buying to sell"):
        dispatch_interval([units], IntervalNeed(1.0, Exchange(1.0, 1.0, 0.1, 0.2)))
    with pytest.raises(PlanningError, match="would earn"):
        dispatch_interval([units], IntervalNeed(1.0, surplus_usd_per_kwh=-20.0))
    with pytest.raises(PlanningError, match="numbers"):
        dispatch_interval([units], IntervalNeed(np.nan))
    half = SteppedUnits(np.array([0]), *(np.array([x]) for x in (0.0, 5.0, 0.1, 0.0, 9.0)))
    with pytest.raises(PlanningError, match="steps cover 5 kW"):
        dispatch_interval([half], IntervalNeed(1.0))
