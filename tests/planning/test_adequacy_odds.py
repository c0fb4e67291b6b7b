"""Odds of losing load held against enumeration, against each other, and against dice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmuster.errors import PlanningError
from gridmuster.planning.reliability.assess import Adequacy, assess
from gridmuster.planning.reliability.lattice import Rounding, common_step, on_lattice
from gridmuster.planning.reliability.outages import (
    OutageUnits,
    State,
    grouped,
    joined,
    multi_state,
    two_state,
)
from gridmuster.planning.reliability.presence import Maintenance, Presence, always, but_for
from gridmuster.planning.reliability.table import OutageTable, binomial, outage_table
from gridmuster.planning.reliability.transform import beyond_by_hour

CHANCE = st.floats(0.0, 1.0).map(lambda value: round(value, 3))


@st.composite
def whole_units(draw: st.DrawFn, most: int = 6) -> OutageUnits:
    """Units with whole capacities, some derated, some in numbers."""
    parts = []
    for _ in range(draw(st.integers(0, most))):
        top = draw(st.integers(1, 30))
        count = draw(st.sampled_from([1, 1, 1, 2, 3]))
        if draw(st.booleans()):
            parts.append(two_state([top], draw(CHANCE), [count]))
            continue
        part = draw(st.integers(0, top))
        shares = np.array([draw(st.floats(0.01, 1.0)) for _ in range(3)])
        shares /= shares.sum()
        states = [State(kw, p) for kw, p in zip((top, part, 0), shares, strict=True)]
        parts.append(multi_state([states], [count]))
    return joined(parts)


@st.composite
def odd_units(draw: st.DrawFn, most: int = 7) -> OutageUnits:
    """Units whose capacities share no step."""
    size = draw(st.integers(1, most))
    capacity = [draw(st.floats(0.5, 40.0)) * np.sqrt(2.0) for _ in range(size)]
    return two_state(capacity, [draw(CHANCE) for _ in range(size)])


def enumerated(units: OutageUnits, spare_kw: float) -> tuple[float, float]:
    """Odds and expected size of an outage beyond a spare, by every combination of states."""
    singles = [
        list(zip(units.lost_kw[a:b], units.probability[a:b], strict=True))
        for row in range(units.size)
        for a, b in [(units.first[row], units.first[row + 1])]
        for _ in range(units.count[row])
    ]
    odds = short = 0.0
    for states in itertools.product(*singles):
        chance = float(np.prod([p for _, p in states]))
        gap = sum(kw for kw, _ in states) - spare_kw
        if gap > 1e-9 * max(units.total_kw, 1.0):
            odds += chance
            short += chance * gap
    return odds, short


def transformed(units: OutageUnits, need: np.ndarray, step_kw: float) -> Adequacy:
    """The large method, whatever the size."""
    return assess(units, need, step_kw=step_kw)


@given(whole_units(), st.integers(-5, 120))
def test_tables_agree_with_enumeration(units: OutageUnits, spare: int) -> None:
    odds, short = enumerated(units, spare)
    need = units.total_kw - spare
    for table in (outage_table(units), outage_table(units, 1.0)):
        assert table.exact
        assert table.loss_of_load(need) == pytest.approx(odds, rel=1e-12, abs=1e-300)
        assert table.unserved_kw(need) == pytest.approx(short, rel=1e-12, abs=1e-300)
        assert table.probability.sum() == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=60)
@given(whole_units(), st.lists(st.integers(-5, 120), min_size=1, max_size=4))
def test_the_transform_brackets_the_enumeration(units: OutageUnits, spares: list[int]) -> None:
    found = transformed(units, units.total_kw - np.array(spares, dtype=float), 1.0)
    assert found.method == "transform"
    assert found.exact
    for at, spare in enumerate(spares):
        for three, true in zip(
            (found.lolp[:, at], found.unserved_kw[:, at]), enumerated(units, spare), strict=True
        ):
            low, best, high = three
            slack = 1e-13 * true
            assert low - slack <= true <= high + slack
            assert low <= best <= high
            assert high - low <= 1e-6 * true + 1e-25


@settings(max_examples=40)
@given(odd_units(), st.floats(0.0, 100.0), st.sampled_from([0.5, 1.0, 3.0]))
def test_rounded_capacities_bracket_the_truth(
    units: OutageUnits, spare: float, step_kw: float
) -> None:
    odds, short = enumerated(units, spare)
    found = transformed(units, np.array([units.total_kw - spare]), step_kw)
    low, best, high = found.lolp[:, 0]
    assert low - 1e-12 <= odds <= high + 1e-12
    assert low <= best <= high
    low, best, high = found.unserved_kw[:, 0]
    assert low - 1e-9 <= short <= high + 1e-9
    assert best >= short - 1e-9
    by_table = assess(units, [units.total_kw - spare])
    assert by_table.exact
    assert by_table.step_kw is None
    assert by_table.lolp[1, 0] == pytest.approx(odds, rel=1e-12, abs=1e-300)


@given(odd_units(), st.floats(0.0, 100.0))
def test_rounded_tables_err_to_the_side_asked_for(units: OutageUnits, spare: float) -> None:
    odds, _ = enumerated(units, spare)
    need = units.total_kw - spare
    assert outage_table(units, 2.0, Rounding.DOWN).loss_of_load(need) <= odds + 1e-12
    assert outage_table(units, 2.0, Rounding.UP).loss_of_load(need) >= odds - 1e-12


@settings(max_examples=30)
@given(whole_units(), st.randoms(use_true_random=False), st.integers(0, 60))
def test_neither_order_nor_scale_nor_grouping_matters(
    units: OutageUnits, dice: object, spare: int
) -> None:
    order = list(range(units.size))
    dice.shuffle(order)  # type: ignore[attr-defined]
    shuffled = units.chosen(np.array(order, dtype=np.int64))
    thousandth = OutageUnits(
        units.first, units.lost_kw / 1e3, units.probability, units.capacity_kw / 1e3, units.count
    )
    need = units.total_kw - spare
    for method_step in (None, 1.0):
        known = assess(units, [need], step_kw=method_step)
        for other in (shuffled, grouped(units)):
            again = assess(other, [need], step_kw=method_step)
            assert again.lolp[1] == pytest.approx(known.lolp[1], rel=1e-9, abs=1e-22)
        small_step = None if method_step is None else method_step / 1e3
        scaled = assess(thousandth, [need / 1e3], step_kw=small_step)
        assert scaled.lolp[1] == pytest.approx(known.lolp[1], rel=1e-9, abs=1e-22)
        assert 1e3 * scaled.unserved_kw[1] == pytest.approx(known.unserved_kw[1], 1e-6, 1e-9)


def fleet(size: int, seed: int) -> OutageUnits:
    rng = np.random.default_rng(seed)
    capacity = rng.integers(20, 200, size).astype(float)
    return two_state(capacity, rng.uniform(0.9, 0.99, size))


def finished(units: OutageUnits) -> OutageTable:
    return outage_table(units, 1.0)


def test_hundreds_of_units_by_both_methods() -> None:
    units = fleet(300, 1)
    spare = np.linspace(-100.0, 0.6 * units.total_kw, 150)
    need = units.total_kw - spare
    large, table = transformed(units, need, 1.0), finished(units)
    odds, short = table.beyond(spare)
    assert np.all(np.abs(large.lolp[1] - odds) <= 1e-9 * odds + 1e-30)
    assert np.all(np.abs(large.unserved_kw[1] - short) <= 1e-9 * short + 1e-25)
    assert np.all((large.lolp[0] <= odds * (1 + 1e-12)) & (odds <= large.lolp[2] * (1 + 1e-12)))
    small = odds > 1e-30
    assert np.all((large.lolp[2] - large.lolp[0])[small] <= 1e-6 * odds[small])


def test_a_giant_among_dwarfs_leaves_no_gap_unseen() -> None:
    """One unit larger than all others together: two heaps of outages far apart."""
    units = joined([fleet(200, 2), two_state([30_000.0], [0.999])])
    spare = np.linspace(0.0, 33_000.0, 60)
    large = transformed(units, units.total_kw - spare, 1.0)
    odds, short = finished(units).beyond(spare)
    assert np.all(large.lolp[0] <= odds * (1.0 + 1e-11))
    assert np.all(odds * (1.0 - 1e-11) <= large.lolp[2])
    assert np.all(large.lolp[2] - large.lolp[0] <= 1e-6 * odds + 1e-25)
    assert np.all(large.unserved_kw[2] - large.unserved_kw[0] <= 1e-6 * short + 1e-20)


def test_maintenance_is_as_if_the_units_were_not_there() -> None:
    units = fleet(60, 3)
    rng = np.random.default_rng(4)
    hours = 200
    work = [Maintenance(u, int(s), int(s) + 40) for u, s in enumerate(rng.integers(-20, 190, 60))]
    there = but_for(60, hours, work)
    need = rng.uniform(0.7, 0.95, hours) * units.total_kw * 0.8
    large = assess(units, need, there, step_kw=1.0)
    for hour in range(0, hours, 7):
        gone = {one.unit for one in work if one.start <= hour < one.stop}
        rows = np.array([u for u in range(60) if u not in gone], dtype=np.int64)
        table = finished(units.chosen(rows))
        assert large.lolp[1, hour] == pytest.approx(table.loss_of_load(need[hour]), rel=1e-8)
        assert large.unserved_kw[1, hour] == pytest.approx(table.unserved_kw(need[hour]), rel=1e-8)


def test_a_small_fleet_with_maintenance_is_done_by_tables() -> None:
    units = two_state([10.0, 20.0, 30.0], 0.9)
    there = but_for(3, 4, [Maintenance(2, 1, 3), Maintenance(2, 2, 9)])
    found = assess(units, [50.0] * 4, there)
    assert found.method == "table"
    # With all: 60 kW less 50; without the largest: always short.
    assert found.lolp[1].tolist() == pytest.approx([0.19 + 0.81 * 0.0 + 0.0, 1.0, 1.0, 1.0], 1e-1)
    assert found.lole().best == pytest.approx(3.0 + enumerated(units, 10.0)[0])


@pytest.mark.parametrize("step_kw", [None, 1.0])
def test_degenerate_fleets(step_kw: float | None) -> None:
    none = two_state([], [])
    found = assess(none, [-1.0, 0.0, 1.0], step_kw=step_kw)
    assert found.lolp[1].tolist() == [0.0, 0.0, 1.0]
    assert found.unserved_kw[1].tolist() == [0.0, 0.0, 1.0]
    gone = assess(two_state([5.0, 7.0], 0.0), [0.0, 1.0, 20.0], step_kw=step_kw)
    assert gone.lolp[1].tolist() == [0.0, 1.0, 1.0]
    assert gone.unserved_kw[1] == pytest.approx([0.0, 1.0, 20.0])
    sure = assess(two_state([5.0, 7.0], 1.0), [0.0, 12.0, 12.5], step_kw=step_kw)
    assert sure.lolp[1] == pytest.approx([0.0, 0.0, 1.0])
    assert sure.unserved_kw[1] == pytest.approx([0.0, 0.0, 0.5])
    beyond = assess(two_state([5.0, 7.0], 0.5), [100.0], step_kw=step_kw)
    assert beyond.lolp[1].tolist() == [1.0]
    assert beyond.unserved_kw[1] == pytest.approx([94.0])
    nothing = assess(two_state([0.0, 3.0], [0.5, 0.5], [4, 0]), [0.0, 1.0], step_kw=step_kw)
    assert nothing.lolp[1].tolist() == [0.0, 1.0]
    assert assess(two_state([3.0], 0.5), [], step_kw=step_kw).lole().best == 0.0


def test_dice_agree() -> None:
    """200,000 throws of 40 units, within four standard errors."""
    units = fleet(40, 5)
    rng = np.random.default_rng(6)
    throws = 200_000
    there = rng.random((throws, 40)) < units.probability[::2]
    available = there @ units.capacity_kw
    for share in (0.75, 0.85, 0.92):
        need = share * units.total_kw
        short = np.maximum(need - available, 0.0)
        found = assess(units, [need])
        odds = found.lolp[1, 0]
        assert abs(np.mean(short > 0.0) - odds) <= 4.0 * np.sqrt(odds * (1 - odds) / throws)
        error = 4.0 * short.std() / np.sqrt(throws)
        assert abs(short.mean() - found.unserved_kw[1, 0]) <= error


def test_ten_thousand_units_agree_with_one_straight_convolution() -> None:
    """Binomial counts by fast powers of one polynomial: an independent way to the same odds."""
    units = two_state([25.0, 40.0, 60.0], [0.97, 0.95, 0.98], [5000, 3000, 2000])
    size = 1 << 17
    spectrum = np.ones(size // 2 + 1, dtype=complex)
    for steps, out, count in ((5, 0.03, 5000), (8, 0.05, 3000), (12, 0.02, 2000)):
        unit = np.zeros(size)
        unit[0], unit[steps] = 1.0 - out, out
        spectrum *= np.fft.rfft(unit) ** count
    odds = np.fft.irfft(spectrum, size)
    mean = float(np.dot(odds, np.arange(size)) * 5.0)
    spare = mean + np.linspace(-1500.0, 1500.0, 41)
    found = assess(units, units.total_kw - spare)
    assert found.method == "transform"
    assert found.step_kw == 5.0
    true = [odds[int(np.floor(s / 5.0)) + 1 :].sum() for s in spare]
    assert np.all(np.abs(found.lolp[1] - true) <= 1e-9)
    width = found.lolp[2] - found.lolp[0]
    assert np.all(width <= 1e-6 * found.lolp[1])


def test_real_capacities_of_thousands_are_bracketed() -> None:
    rng = np.random.default_rng(8)
    units = two_state(rng.uniform(20.0, 200.0, 2000), rng.uniform(0.95, 0.99, 2000))
    spare = float(units.expected_lost_kw().sum()) + np.array([0.0, 1500.0, 3000.0])
    found = assess(units, units.total_kw - spare)
    assert not found.exact
    width = found.lolp[2] - found.lolp[0]
    assert np.all(width > 0.0)
    assert np.all(width <= 0.02 * found.lolp[1])
    finer = assess(units, units.total_kw - spare, step_kw=found.step_kw / 2.0)
    assert np.all(np.abs(finer.lolp[1] / found.lolp[1] - 1.0) <= 1e-6)
    assert np.all(finer.lolp[2] <= found.lolp[2])
    assert np.all(finer.lolp[0] >= found.lolp[0])


@given(st.integers(0, 300), st.floats(0.0, 1.0))
def test_binomial_counts(count: int, chance: float) -> None:
    odds = binomial(count, chance)
    assert odds.sum() == pytest.approx(1.0)
    assert np.dot(odds, np.arange(count + 1)) == pytest.approx(count * chance, abs=1e-9)


def test_the_step_that_capacities_share() -> None:
    assert common_step(np.array([25.0, 40.0, 0.0])) == 5.0
    assert common_step(np.array([0.3, 0.45])) == pytest.approx(0.15)
    assert common_step(np.array([1.0 / 3.0, 0.5])) == pytest.approx(1.0 / 6.0)
    assert common_step(np.array([1.0, np.pi])) is None
    assert common_step(np.zeros(2)) == 1.0


@given(st.floats(0.01, 100.0), st.floats(0.01, 10.0))
def test_splitting_keeps_the_mean(capacity: float, step_kw: float) -> None:
    units = two_state([capacity], 0.25)
    split = on_lattice(units, step_kw, Rounding.SPLIT)
    mean = float(np.dot(split.lost * step_kw, split.probability))
    assert mean == pytest.approx(0.75 * capacity, rel=1e-6)
    assert split.probability.sum() == pytest.approx(1.0)


def test_wrong_units_are_refused_by_name() -> None:
    with pytest.raises(PlanningError, match=r"unit 1: probability 1\.5"):
        two_state([1.0, 2.0], [0.5, 1.5])
    with pytest.raises(PlanningError, match="unit 0: capacity -1"):
        two_state([-1.0], 0.5)
    with pytest.raises(PlanningError, match=r"unit 0: states have probability 0\.5"):
        multi_state([[State(1.0, 0.5)]])
    with pytest.raises(PlanningError, match="unit 0: no states"):
        multi_state([[]])
    with pytest.raises(PlanningError, match="period 1 is nan"):
        assess(two_state([1.0], 0.5), [0.0, float("nan")])
    with pytest.raises(PlanningError, match="maintenance of unit 3"):
        but_for(2, 8, [Maintenance(3, 0, 1)])
    with pytest.raises(PlanningError, match="2 periods of presence for 1 needs"):
        assess(two_state([1.0], 0.5), [0.0], always(1, 2))


def test_presence_is_cut_where_the_fleet_changes() -> None:
    there = but_for(2, 10, [Maintenance(0, 2, 5)])
    over, edges = there.segments()
    assert edges.tolist() == [0, 2, 5, 10]
    assert over.summed(np.array([1.0, 10.0])).tolist() == [11.0, 10.0, 11.0]
    assert isinstance(there, Presence)


def test_beyond_by_hour_wants_a_step_that_fits() -> None:
    units = two_state(np.arange(1.0, 40.0) * 1e6 + 0.5, 0.5)
    lattice = on_lattice(units, 0.5, Rounding.DOWN)
    with pytest.raises(PlanningError, match="expected a larger step"):
        beyond_by_hour(lattice, always(39, 1), np.array([1e9]), np.array([1e9]))
