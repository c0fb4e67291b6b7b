"""A settlement as files for a spreadsheet, and as a table for people."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gridmuster.report.compliancetext import csv_text
from gridmuster.report.loadbaseline import EventBaseline, SiteBaseline
from gridmuster.report.settlement import EventSettlement, SetDelivery, Settlement

#: Columns of `events.csv`; each as in `EventSettlement`.
EVENT_COLUMNS: Final = tuple(
    name for name in EventSettlement.__struct_fields__ if name not in ("sets", "lost")
)


def settlement_tables(found: Settlement) -> dict[str, str]:
    """As CSV (RFC 4180), text by the file's name."""
    events = found.events
    baselines = {"baselines.csv": _baseline_table(found.baselines)} if found.baselines else {}
    return baselines | {
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


def _baseline_table(found: tuple[EventBaseline, ...]) -> str:
    """A row for each activation and site; lists in one cell."""
    names = SiteBaseline.__struct_fields__
    return csv_text(
        ("activation", "baseline", "adjustment", *names),
        (
            [
                one.activation,
                one.baseline,
                one.adjustment,
                *(
                    "; ".join(cell) if isinstance(cell := getattr(site, name), tuple) else cell
                    for name in names
                ),
            ]
            for one in found
            for site in one.sites
        ),
    )


def render_settlement(found: Settlement) -> Group:
    """As a table, an activation a row; below it those against a baseline, and what has none."""
    if not found.events:
        return Group(Text("No activation is known to the journal's last checkpoint."))
    parts: list[Table | Text] = [_event_table(found)]
    if found.baselines:
        parts.append(_baselines(found.baselines))
        for one in found.baselines:
            parts += _reasons(one)
    return Group(*parts)


def _baselines(found: tuple[EventBaseline, ...]) -> Table:
    first = found[0]
    table = Table(
        title=f"against {first.baseline}, same-day adjustment {first.adjustment}",
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("activation")
    for name in ("sites", "kWh", "adjusted kWh", "without baseline", "not adjusted"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            one.activation,
            str(len(one.sites)),
            "" if one.delivered_kwh is None else f"{one.delivered_kwh:,.1f}",
            "" if one.adjusted_kwh is None else f"{one.adjusted_kwh:,.1f}",
            str(one.without),
            str(one.not_adjusted),
        )
    return table


def _reasons(one: EventBaseline) -> list[Text]:
    """Why sites have no figure, each reason once with its number of sites."""
    reasons = Counter(why for site in one.sites if (why := site.why or site.why_not_adjusted))
    missing = sum(site.missing for site in one.sites)
    if missing:
        reasons["intervals without a reading, which earn nothing"] = missing
    return [Text(f"{one.activation}: {count} x {why}") for why, count in reasons.items()]


def _event_table(found: Settlement) -> Table:
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
