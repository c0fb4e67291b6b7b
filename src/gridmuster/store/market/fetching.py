"""Fetch market data with the package gridstatus, where it is installed and there is an internet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from gridmuster.clock import iso
from gridmuster.errors import LinkError

#: Grid operators as gridstatus names its classes, and the names of their markets.
OPERATORS: Final = {
    "nyiso": ("NYISO", "REAL_TIME_HOURLY", "DAY_AHEAD_HOURLY"),
    "caiso": ("CAISO", "REAL_TIME_HOURLY", "DAY_AHEAD_HOURLY"),
    "pjm": ("PJM", "REAL_TIME_HOURLY", "DAY_AHEAD_HOURLY"),
    "isone": ("ISONE", "REAL_TIME_HOURLY", "DAY_AHEAD_HOURLY"),
}


def fetch(operator: str, location: str, first: str, last: str, into: Path) -> int:
    """Fetch hourly real-time and day-ahead prices of one place into a CSV file.

    The file has the columns that the preset ``simple`` reads.

    Args:
        operator: one of `OPERATORS`.
        location: zone, hub or node as the operator names it.
        first: first day, like 2024-01-01.
        last: day after the last.
        into: file to write.

    Returns:
        Rows written.

    Raises:
        LinkError: when gridstatus is not installed, or the operator unknown, or nothing came.
    """
    if operator not in OPERATORS:
        names = ", ".join(OPERATORS)
        raise LinkError(f"operator {operator!r} is not known to this program; there are {names}")
    try:
        package = import_module("gridstatus")
    except ImportError as error:
        raise LinkError(
            "fetching needs the package gridstatus, which is not installed: "
            "pip install gridstatus, or read files of your own"
        ) from error
    name, real_time, day_ahead = OPERATORS[operator]
    source: Any = getattr(package, name)()
    prices: dict[int, dict[str, float]] = {}
    for column, market in (("rt_price", real_time), ("da_price", day_ahead)):
        frame = source.get_lmp(date=first, end=last, market=market, locations=[location])
        for at_ms, price in _pairs(frame):
            prices.setdefault(at_ms, {})[column] = price
    if not prices:
        raise LinkError(f"{name} gave no price of {location} from {first} to {last}")
    with into.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "rt_price", "da_price"])
        for at_ms, found in sorted(prices.items()):
            rows.writerow([iso(at_ms), found.get("rt_price", ""), found.get("da_price", "")])
    return len(prices)


def _pairs(frame: Any) -> Iterable[tuple[int, float]]:
    """Start in ms and price of each row of a table of gridstatus."""
    column = "Interval Start" if "Interval Start" in frame.columns else "Time"
    starts, prices = frame[column].tolist(), frame["LMP"].tolist()
    for start, price in zip(starts, prices, strict=True):
        yield round(start.timestamp() * 1000), float(price)
