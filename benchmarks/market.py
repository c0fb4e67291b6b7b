"""Forecasts of prices against the published and the naive ones, on years not learnt from.

Models and settings were fixed on data up to the end of 2016 (day-ahead) and 2017 (real time); what
is scored here are the last 728 days of the open day-ahead series, and 2018 of four New York zones.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.kept import keeper
from benchmarks.rows import Row
from gridmuster.clock import parse_iso
from gridmuster.forecast.market.asking import Horizon, Schedule
from gridmuster.forecast.market.history import MarketHistory
from gridmuster.forecast.market.metrics import coverage, crps, mae
from gridmuster.forecast.market.verb import Forecasts, run
from gridmuster.forecast.market.wallclock import MS_PER_DAY, wall_clock_of
from gridmuster.store.market.files import read_market

Floats = NDArray[np.float64]

DATA = Path(__file__).resolve().parents[1] / os.environ.get("GRIDMUSTER_DATA", "../shared/data")
MARKET = DATA / "market"
#: Mean absolute error and CRPS: must, stretch. The CRPS of the published ensembles is of the days
#: after the 182 from whose errors their percentiles were made.
EPF = {"np": (1.74, 1.63, 1.41, 0.9 * 1.41), "pjm": (3.01, 2.79, 2.32, 0.9 * 2.32)}
EPF_DAYS, EPF_SKIPPED = 728, 182
ZONES = ("NYC", "LONGIL", "NORTH", "WEST")
YEAR = (parse_iso("2018-01-01T05:00:00Z"), parse_iso("2019-01-01T05:00:00Z"))
KEPT = keeper("forecasts", ("forecast", "forecast/market", "store/market"))
SEASONS = ("winter", "spring", "summer", "autumn")


def days_ahead() -> list[Row]:
    """Day-ahead prices of the open benchmark."""
    return [row for name in EPF for row in _epf(name)]


def real_time() -> list[Row]:
    """Real-time prices of New York zones, a day and an hour ahead."""
    files = [
        MARKET / "nyiso_hourly_da_rt_load_2015_2018.parquet",
        MARKET / "nyiso_rt5min_2016_2018.parquet",
    ]
    histories = read_market(files)
    rows: list[Row] = []
    for horizon, against, bound, stretch in (
        ("24h", "da_price", 0.0, -5.0),
        ("1h", "persistence", -10.0, -20.0),
    ):
        wanted: Horizon = "24h" if horizon == "24h" else "1h"
        gains = []
        for zone in ZONES:
            found, truth, spent_s = _timed(histories[zone], Schedule("rt_price", wanted), YEAR)
            own, other = mae(found.points, truth), mae(found.baselines[against], truth)
            gains.append(100.0 * (own / other - 1.0))
            name = f"{zone} 2018, real time {horizon}"
            rows.append(
                Row(
                    f"{name}: MAE against {against}",
                    gains[-1],
                    "%",
                    bound,
                    stretch,
                    f"{own:.3f} against {other:.3f} USD/MWh; CRPS "
                    f"{crps(found.quantiles, truth):.3f}; {spent_s:.0f} s of one core",
                )
            )
            rows.append(_band(name, found, truth, histories[zone].zone))
        if wanted == "24h":
            rows.append(
                Row("four zones 2018, real time 24h: mean", float(np.mean(gains)), "%", -1e-9)
            )
    return rows


def _epf(name: str) -> list[Row]:
    path = MARKET / f"epf_{name}_dayahead_exog_published.parquet"
    (history,) = read_market([path]).values()
    end_ms = history.column("da_price").end_ms
    span = (end_ms - EPF_DAYS * MS_PER_DAY, end_ms)
    found, truth, spent_s = _timed(history, Schedule("da_price", "24h"), span)
    bound, stretch, crps_bound, crps_stretch = EPF[name]
    late = slice(EPF_SKIPPED * 24, None)
    title = f"day-ahead {name.upper()}, last {EPF_DAYS} days"
    return [
        Row(
            f"{title}: MAE",
            mae(found.points, truth),
            "per MWh",
            bound,
            stretch,
            f"D-1 {mae(found.baselines['D-1'], truth):.2f}, D-7 "
            f"{mae(found.baselines['D-7'], truth):.2f}; {spent_s:.0f} s of one core",
        ),
        Row(
            f"{title}: CRPS of days {EPF_SKIPPED + 1} on",
            crps(found.quantiles[:, late], truth[late]),
            "per MWh",
            crps_bound,
            crps_stretch,
            f"all days {crps(found.quantiles, truth):.3f}",
        ),
        _band(title, found, truth, history.zone),
    ]


def _timed(
    history: MarketHistory, schedule: Schedule, span: tuple[int, int]
) -> tuple[Forecasts, Floats, float]:
    """Forecast a span: forecasts, truth, processor time, s."""

    def forecast() -> tuple[Forecasts, float]:
        begun = time.process_time()
        made = run(history, schedule, span[0], span[1], _say)
        return made, time.process_time() - begun

    found, spent_s = KEPT(f"{history.area} {schedule} {span}", forecast)
    return found, history.truth(schedule.target, found.asks.start_ms), spent_s


def _say(what: str, done: int, of: int) -> None:
    print(f"  {what}: {done:,} of {of:,}", file=sys.stderr, flush=True)


def _band(name: str, found: Forecasts, truth: Floats, zone_name: str) -> Row:
    """How far the share inside the 90 % band is from 90 %, with that of each season."""
    inside = coverage(found.quantiles[4], found.quantiles[94], truth)
    day = wall_clock_of(found.asks.start_ms, zone_name).day
    season = np.array([date.fromordinal(int(number)).month % 12 // 3 for number in day])
    shares = []
    for number, title in enumerate(SEASONS):
        mine = season == number
        share = coverage(found.quantiles[4][mine], found.quantiles[94][mine], truth[mine])
        shares.append(f"{title} {100 * share:.1f}")
    return Row(
        f"{name}: 90 % band off by",
        100.0 * abs(inside - 0.9),
        "points",
        3.0,
        note=f"{100 * inside:.1f} %; {', '.join(shares)}",
    )
