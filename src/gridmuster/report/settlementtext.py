"""A settlement as files for a spreadsheet, and as a table for people."""

from __future__ import annotations

from typing import Final

from rich.table import Table

from gridmuster.report.compliancetext import csv_text
from gridmuster.report.settlement import EventSettlement, SetDelivery, Settlement

#: Columns of `events.csv`; each as in `EventSettlement`.
EVENT_COLUMNS: Final = tuple(
    name for name in EventSettlement.__struct_fields__ if name not in ("sets", "lost")
)


def settlement_tables(found: Settlement) -> dict[str, str]:
    """As CSV (RFC 4180), text by the file's name."""
    events = found.events
    return {
        "events.csv": csv_text(
            (*EVENT_COLUMNS, "lost"),
            (
                [*(getattr(one, name) for name in EVENT_COLUMNS), "; ".join(one.lost)]
                for one in events
            ),
        ),
        "sets.csv": csv_text(
            ("activation", *SetDelivery.__struct_fields__),
            (
                (one.activation, *(getattr(each, name) for name in SetDelivery.__struct_fields__))
                for one in events
                for each in one.sets
            ),
        ),
    }


def render_settlement(found: Settlement) -> Table:
    """As a table, an activation a row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("activation", "from", "until", "asked by"):
        table.add_column(name)
    for name in ("asked kW", "mean kW", "least kW", "kWh", "of kWh", "short", "lost"):
        table.add_column(name, justify="right")
    for one in found.events:
        table.add_row(
            one.activation,
            one.from_,
            one.until,
            one.program or one.asked_by,
            f"{one.asked_kw:,.1f}",
            "" if one.mean_kw is None else f"{one.mean_kw:,.1f}",
            "" if one.least_kw is None else f"{one.least_kw:,.1f}",
            f"{one.delivered_kwh:,.1f}",
            f"{one.asked_kwh:,.1f}",
            f"{one.short_intervals} of {one.intervals}",
            str(len(one.lost)),
        )
    return table
