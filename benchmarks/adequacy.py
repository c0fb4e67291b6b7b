"""Loss of load of ten thousand units over a year, and commitment of as many to a probability.

Random fleets from a seed: capacities of 20 to 500 kW, forced outage rates of 0.5 to 7 %, a daily
and yearly load shape. Capacities are in whole kW, in tenths, or of any size, where the proven width
is that of rounding both ways. With maintenance each unit is away for one to three weeks at its own
time.
"""

from __future__ import annotations

import numpy as np

from benchmarks.rows import Row
from gridmuster.clock import stopwatch_s
from gridmuster.planning.reliability.assess import assess
from gridmuster.planning.reliability.commit import Candidate, commit
from gridmuster.planning.reliability.needs import NormalNeed
from gridmuster.planning.reliability.outages import two_state
from gridmuster.planning.reliability.presence import Maintenance, Presence, but_for

UNITS = 10_000
HOURS = 8760
BOUND_S = 10.0
STRETCH_S = 1.0
#: Peak load as a share of all capacity.
PEAK = 0.955
WIDTH = 1e-6


def run() -> list[Row]:
    """All figures."""
    rng = np.random.default_rng(1)
    whole = rng.integers(20, 500, UNITS).astype(float)
    tenths = np.round(rng.uniform(20.0, 500.0, UNITS), 1)
    real = rng.uniform(20.0, 500.0, UNITS)
    there = _maintenance(rng)
    # The first call compiles; it is not what is asked.
    _year("warm", whole, None, WIDTH)
    rows = [
        *_year("whole kW", whole, None, WIDTH),
        *_year("whole kW, maintenance", whole, there, WIDTH),
        *_year("tenths of a kW, maintenance", tenths, there, WIDTH),
        *_year("any capacity", real, None, None),
    ]
    return [*rows, *_commitment()]


def _maintenance(rng: np.random.Generator) -> Presence:
    start, weeks = rng.integers(0, HOURS, UNITS), rng.integers(1, 4, UNITS)
    work = [
        Maintenance(unit, int(first), int(first + 168 * count))
        for unit, (first, count) in enumerate(zip(start, weeks, strict=True))
    ]
    return but_for(UNITS, HOURS, work)


def _year(
    name: str, capacity_kw: np.ndarray, there: Presence | None, width: float | None
) -> list[Row]:
    rng = np.random.default_rng(2)
    units = two_state(capacity_kw, rng.uniform(0.93, 0.995, UNITS))
    hour = np.arange(HOURS)
    shape = 0.72 + 0.18 * np.sin((hour % 24 - 9) / 24.0 * 2.0 * np.pi)
    shape += 0.06 * np.cos(hour / HOURS * 2.0 * np.pi) + rng.normal(0.0, 0.01, HOURS)
    load_kw = shape / shape.max() * units.total_kw * PEAK
    begun_s = stopwatch_s()
    found = assess(units, load_kw, there)
    seconds = stopwatch_s() - begun_s
    lole = found.lole()
    label = f"adequacy, {UNITS:,} units x {HOURS:,} h, {name}"
    return [
        Row(f"{label}: time", seconds, "s", BOUND_S, STRETCH_S, note=f"LOLE {lole.best:.6g} h"),
        Row(
            f"{label}: proven width of LOLE, relative",
            (lole.high - lole.low) / lole.best,
            "",
            width,
        ),
    ]


def _commitment() -> list[Row]:
    rng = np.random.default_rng(3)
    power_kw = rng.choice([20.0, 25.0, 40.0, 60.0, 100.0], UNITS)
    fleet = [
        Candidate(float(kw), float(kw * usd), 0.0, 0.97, 0.0135, 1100.0)
        for kw, usd in zip(power_kw, rng.uniform(0.15, 0.35, UNITS), strict=True)
    ]
    total_kw = float(power_kw.sum())
    begun_s = stopwatch_s()
    plan = commit(fleet, [NormalNeed(0.5 * total_kw, 0.02 * total_kw)], 0.999)
    seconds = stopwatch_s() - begun_s
    label = f"commitment of {UNITS:,} units to 99.9 %, one interval"
    gap = (plan.usd - plan.lower_bound_usd) / plan.usd
    return [
        Row(f"{label}: time", seconds, "s"),
        Row(f"{label}: proven gap", 100.0 * gap, "%", note=f"{plan.probability[0]:.6f} reached"),
    ]
