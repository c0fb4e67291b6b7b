"""How planning time grows with devices and intervals, beside what the machine could do at best.

Two lines are measured: one pass, in which every device answers one price vector, and a whole plan
to a gap of 0.2 %. Two are limits of this machine on two cores, for the same pass: reading the
fleet's columns once at the speed of a plain copy, and doing the pass's arithmetic at the speed of a
loop of multiplications and additions that stays in the cache.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.loglog import Line, Panel, chart, exponent
from benchmarks.rows import Row
from gridmuster.clock import stopwatch_s
from gridmuster.compiled import compiled
from gridmuster.planning.decomposition.bounding import first_prices
from gridmuster.planning.decomposition.fleet import Fleet
from gridmuster.planning.decomposition.generator import MixedFleet, generate
from gridmuster.planning.decomposition.pricing import Pricer, Workers, ordered
from gridmuster.planning.decomposition.solving import (
    ENGINE_GROUPS,
    STORE_GROUPS,
    FleetLimits,
    solve_fleet,
)
from gridmuster.planning.linear import Floats

#: Fleets by devices at 24 intervals, and by intervals at one number of devices.
DEVICES, AT_INTERVALS = (1_000, 3_000, 10_000, 30_000, 100_000), 24
INTERVALS, AT_DEVICES = (12, 24, 48, 96), 10_000
THREADS = 2
GAP, LIMIT_S = 2e-3, 12.0
#: Operations of one interval: an engine's three segments, each above and below the headroom's knee
#: (difference, least, product, two sums), and its two states (five sums and comparisons each); a
#: store's two slopes (four products and sums each) and two places in its list.
ENGINE_OPERATIONS, STORE_OPERATIONS = 3 * 2 * 5 + 2 * 5, 2 * 4 + 2 * 4
#: Where the figure goes, and how often a pass is measured.
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "planning-scaling.svg"
PASSES = 3


@compiled
def multiply_add(values: Floats, times: int) -> None:
    """``times`` multiplications and additions of every value, in place."""
    for _ in range(times):
        for k in range(len(values)):
            values[k] = values[k] * 0.999 + 0.001


def run() -> list[Row]:
    """Measure, draw the figure, and give exponents and shares of the limits."""
    bytes_per_s, operations_per_s = _copy_speed(), _arithmetic_speed()
    warm = generate(MixedFleet(40, 4))
    solve_fleet(warm, FleetLimits(0.5, 60.0, THREADS))
    over_devices = [_measured(devices, AT_INTERVALS) for devices in DEVICES]
    over_intervals = [_measured(AT_DEVICES, count) for count in INTERVALS]
    panels, rows = [], []
    for found, name, xs, fixed in (
        (over_devices, "devices", DEVICES, f"{AT_INTERVALS} intervals"),
        (over_intervals, "intervals", INTERVALS, f"{AT_DEVICES:,} devices"),
    ):
        lines = _lines(found, xs, bytes_per_s, operations_per_s)
        panels.append(Panel(f"Seconds by {name}, {fixed}", name, tuple(lines)))
        rows += [_grows(line, name, fixed) for line in lines[:2]]
    FIGURE.write_text(chart(panels, "Planning time by devices and intervals, beside two limits"))
    last = over_devices[-1]
    share = 100.0 * last.operations / operations_per_s / last.pass_s
    read = 100.0 * last.bytes / bytes_per_s / last.pass_s
    what = f"one pass, {DEVICES[-1]:,} devices x {AT_INTERVALS}"
    rows.append(Row(what, 1e3 * last.pass_s, "ms", note=f"{THREADS} threads, median of {PASSES}"))
    note = f"{operations_per_s / 1e9:.1f} G operations/s in the cache"
    rows.append(Row(f"{what}: share of the arithmetic limit", share, "%", note=note))
    note = f"{bytes_per_s / 1e9:.1f} GB/s copied"
    rows.append(Row(f"{what}: share of the memory limit", read, "%", note=note))
    return rows


class _Found:
    """Times of a fleet, and the bytes and operations of one pass over it."""

    def __init__(self, fleet: Fleet, pass_s: float, plan_s: float) -> None:
        self.pass_s, self.plan_s = pass_s, plan_s
        arrays = (*fleet.engines, *fleet.stores)
        self.bytes = float(sum(array.nbytes for array in arrays))
        engines, stores = len(fleet.engines.up), len(fleet.stores.keep)
        each = engines * ENGINE_OPERATIONS + stores * STORE_OPERATIONS
        self.operations = float(each * fleet.count)


def _measured(devices: int, count: int) -> _Found:
    fleet = generate(MixedFleet(devices, count))
    answer = solve_fleet(fleet, FleetLimits(GAP, LIMIT_S, THREADS))
    workers = Workers(THREADS)
    pricer = Pricer(ordered(fleet, ENGINE_GROUPS, STORE_GROUPS), workers)
    prices = answer.prices if answer.passes else first_prices(fleet.system)
    pass_s = _seconds(lambda: pricer.at(prices.energy, prices.reserve))
    workers.close()
    return _Found(fleet, pass_s, answer.seconds)


def _lines(
    found: list[_Found], xs: tuple[int, ...], bytes_per_s: float, operations_per_s: float
) -> list[Line]:
    def points(values: list[float]) -> tuple[tuple[float, float], ...]:
        return tuple(zip(map(float, xs), values, strict=True))

    plan, one = points([f.plan_s for f in found]), points([f.pass_s for f in found])
    sums = points([f.operations / operations_per_s for f in found])
    reads = points([f.bytes / bytes_per_s for f in found])
    return [
        Line(f"a plan to 0.2 %, power {exponent(plan):.2f}", plan),
        Line(f"one pass, power {exponent(one):.2f}", one),
        Line("limit: arithmetic", sums, limit=True),
        Line("limit: memory", reads, limit=True),
    ]


def _grows(line: Line, name: str, fixed: str) -> Row:
    what, _, _ = line.label.partition(",")
    first, last = line.points[0], line.points[-1]
    note = f"{first[0]:,.0f} to {last[0]:,.0f} {name}: {first[1]:.3g} to {last[1]:.3g} s"
    return Row(
        f"{what} at {fixed}: grows with {name} to the power", exponent(line.points), "", note=note
    )


def _seconds(work: Callable[[], object]) -> float:
    work()
    found = []
    for _ in range(PASSES):
        began_s = stopwatch_s()
        work()
        found.append(stopwatch_s() - began_s)
    return statistics.median(found)


def _together(work: Callable[[int], None]) -> float:
    """Seconds in which every thread does the work once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return _seconds(lambda: list(pool.map(work, range(THREADS))))


def _copy_speed() -> float:
    """Bytes read a second by all threads while arrays far beyond the cache are copied."""
    size = 16_000_000
    pairs = [(np.ones(size), np.empty(size)) for _ in range(THREADS)]

    def copy(number: int) -> None:
        np.copyto(pairs[number][1], pairs[number][0])

    # What is written moves over the same wires: twice the bytes read.
    return 2.0 * 8.0 * size * THREADS / _together(copy)


def _arithmetic_speed() -> float:
    """Operations a second of all threads on arrays that stay in the cache."""
    size, times = 2_000, 20_000
    values = [np.ones(size) for _ in range(THREADS)]
    return 2.0 * size * times * THREADS / _together(lambda n: multiply_add(values[n], times))
