"""One interval's dispatch: up to ten million units, beside bisection, HiGHS and the memory.

Units with quadratic costs and windows drawn at random, 32-bit columns, demand in the middle of
what they can give. Every time is the median of some repetitions of the whole call: windows
checked, price searched, every power written. The memory's speed is that of adding two columns into
a third on one core, over columns of the same length, so that both have the same share of caches.
"""

from __future__ import annotations

from collections.abc import Callable

import highspy
import numpy as np

from benchmarks.rows import Row
from gridmuster.clock import stopwatch_s
from gridmuster.planning.interval import (
    Crew,
    IntervalNeed,
    QuadraticUnits,
    dispatch_interval,
)
from gridmuster.planning.interval.search import Found, Part, PriceSearch

BOUND_MS, STRETCH_MS = 10.0, 4.0
#: Most seconds that HiGHS gets for its quadratic programme, and most halvings of the bisection.
QUADRATIC_S, HALVINGS = 5.0, 60
#: Bytes of a unit that the passes read and write: windows once, four columns thrice, the power.
BYTES = 8 + 3 * 16 + 4


def run() -> list[Row]:
    """Measure all sizes, the alternatives, and the memory."""
    rows = []
    for count in (100_000, 1_000_000, 10_000_000):
        bound = (BOUND_MS, STRETCH_MS) if count == 1_000_000 else (None, None)
        units = _fleet(count)
        need = _need(units, 0.45)
        alone_ms = _median_ms(lambda u=units, n=need: dispatch_interval([u], n))
        with Crew(2) as crew:
            shared_ms = _median_ms(lambda u=units, n=need: dispatch_interval([u], n, crew))
        answer = dispatch_interval([units], need)
        name = f"dispatch, {count:,} units"
        note = f"{answer.passes} passes and the placement"
        rows.append(Row(f"{name}, one core", alone_ms, "ms", *bound, note=note))
        rows.append(Row(f"{name}, two cores", shared_ms, "ms", *bound))
        error = abs(answer.balance_error_kw) / need.need_kw
        rows.append(Row(f"{name}, relative error of the balance", error, "", 1e-7))
        rows.append(_against_memory(name, units, alone_ms))
    return rows + _with_reserve() + _bisection() + _quadratic_programme()


def _fleet(count: int, seed: int = 1) -> QuadraticUnits:
    rng = np.random.default_rng(seed)
    low = rng.uniform(10.0, 30.0, count)
    columns = (
        rng.uniform(0.02, 0.06, count),
        rng.uniform(1e-5, 1e-4, count),
        low,
        low + rng.uniform(0.0, 100.0, count),
    )
    return QuadraticUnits.of_costs(*(column.astype(np.float32) for column in columns))


def _need(units: QuadraticUnits, level: float, reserve: float = 0.0) -> IntervalNeed:
    low_kw = float(units.low_kw.sum(dtype=np.float64))
    span_kw = float(units.high_kw.sum(dtype=np.float64)) - low_kw
    return IntervalNeed(low_kw + level * span_kw, reserve_kw=reserve * span_kw)


def _median_ms(work: Callable[[], object], times: int = 15) -> float:
    work()
    found = []
    for _ in range(times):
        begun_s = stopwatch_s()
        work()
        found.append(1000.0 * (stopwatch_s() - begun_s))
    return float(np.median(found))


def _against_memory(name: str, units: QuadraticUnits, took_ms: float) -> Row:
    into = np.empty_like(units.low_kw)
    triad_ms = _median_ms(lambda: np.add(units.low_kw, units.high_kw, out=into))
    gigabytes = 12e-6 * units.count / triad_ms
    limit_ms = BYTES * 1e-6 * units.count / gigabytes
    moved = BYTES * 1e-6 * units.count / took_ms
    note = f"{moved:.1f} GB/s of {gigabytes:.1f} GB/s, {BYTES} bytes a unit"
    return Row(
        f"{name}, one core, times the memory's limit", took_ms / limit_ms, "x", None, 2.0, note
    )


def _with_reserve() -> list[Row]:
    """Half of the units may hold none, and the others' headroom is short: reserve has a price."""
    units = _fleet(1_000_000)
    half = units.count // 2
    columns = (units.price_usd_per_kwh, units.gain, units.low_kw, units.high_kw)
    none = np.zeros(units.count - half, dtype=np.float32)
    groups = [
        QuadraticUnits(*(column[:half] for column in columns)),
        QuadraticUnits(*(column[half:] for column in columns), reserve_kw=none),
    ]
    need = _need(units, 0.45, 0.35)
    ms = _median_ms(lambda: dispatch_interval(groups, need))
    answer = dispatch_interval(groups, need)
    note = f"reserve at {answer.reserve_usd_per_kwh:.4f} USD/kWh, {answer.passes} passes"
    return [Row("dispatch, 1,000,000 units, reserve that binds, one core", ms, "ms", note=note)]


def _bisection() -> list[Row]:
    """The same kernels under a plain bisection on the price, to the same balance."""
    units = _fleet(1_000_000)
    need = _need(units, 0.45)
    part = Part(units.price_usd_per_kwh, units.gain, units.low_kw, units.high_kw)
    into = np.empty_like(units.low_kw)
    halvings = 0

    def bisect() -> None:
        nonlocal halvings
        low, high, halvings = 0.0, 0.2, 0
        search = PriceSearch([part], (low, high), Crew())
        while halvings < HALVINGS:
            middle, halvings = 0.5 * (low + high), halvings + 1
            found = Found(middle, middle, 0.0, 0.0, 0.0, 0)
            ((given_kw, _),) = search.place(found, [into])
            if abs(given_kw - need.need_kw) < 1e-7 * need.need_kw:
                return
            low, high = (middle, high) if given_kw < need.need_kw else (low, middle)

    ms = _median_ms(bisect, 5)
    return [
        Row("bisection to 1e-7, 1,000,000 units, one core", ms, "ms", note=f"{halvings} passes")
    ]


def _quadratic_programme(count: int = 300) -> list[Row]:
    """HiGHS on the same question as a quadratic programme, at a size that it can do."""
    units = _fleet(count)
    need = _need(units, 0.45)
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("time_limit", QUADRATIC_S)
    every = np.arange(count, dtype=np.int32)
    low, high = units.low_kw.astype(np.float64), units.high_kw.astype(np.float64)
    linear, curve = units.price_usd_per_kwh.astype(np.float64), 1.0 / units.gain.astype(np.float64)
    model.addVars(count, low, high)
    model.changeColsCost(count, every, linear)
    model.addRow(need.need_kw, need.need_kw, count, every, np.ones(count))
    hessian = highspy.HighsHessian()
    hessian.dim_ = count
    hessian.format_ = highspy.HessianFormat.kTriangular
    hessian.start_ = np.arange(count + 1, dtype=np.int32)
    hessian.index_, hessian.value_ = every, curve
    model.passHessian(hessian)
    begun_s = stopwatch_s()
    model.run()
    took_ms = 1000.0 * (stopwatch_s() - begun_s)
    answer = dispatch_interval([units], need)
    power = answer.power_kw[0].astype(np.float64)
    usd = float((linear * power + 0.5 * curve * power**2).sum())
    theirs = model.getInfo().objective_function_value
    solved = model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    said = "its optimum" if solved else "not solved; it stopped at"
    note = f"{said} {theirs:.4f}, ours {usd:.4f} USD/h"
    ours_ms = _median_ms(lambda: dispatch_interval([units], need))
    return [
        Row(f"HiGHS quadratic programme, {count:,} units", took_ms, "ms", note=note),
        Row(f"dispatch, {count:,} units", ours_ms, "ms"),
    ]
