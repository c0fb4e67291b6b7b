"""``gridmuster compare``: the four objectives for the same fleet and day, side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from gridmuster.planning.comparing import Compared

app = typer.Typer(no_args_is_help=True)

EXIT_BROKEN = 2
#: A summer day: the fleet file alone decides, not the day on which it is looked at.
DAY = "2026-07-15"


@app.command("compare")
def compare(
    fleet: Annotated[Path, typer.Argument(metavar="FLEET", help="Fleet file, YAML or JSON.")],
    day: Annotated[str, typer.Option(help="The day, in the fleet's time zone.")] = DAY,
    gap: Annotated[float, typer.Option(min=0.0, help="Proven gap at which to stop.")] = 1e-3,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Longest search for each objective, s.")
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON for machines, on standard output.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the figures here as well.")
    ] = None,
) -> None:
    """Plan the same day for each of the four objectives and show what each costs and buys."""
    from rich.console import Console

    from gridmuster.fleet.load import load_fleet
    from gridmuster.planning import PlanLimits
    from gridmuster.runtime.day_ahead import compare_day

    loaded = load_fleet(fleet)
    start = midnight_of(day, loaded.sites[0].time_zone)
    rows: list[Compared] = []
    with Console(stderr=True).status("planning") as told:
        for row in compare_day(loaded, start, PlanLimits(gap, time_limit)):
            rows.append(row)
            told.update(f"planning: {len(rows)} of 4 objectives")
    if plot is not None:
        from gridmuster.cli.compare_plot import draw

        try:
            plot.write_text(draw(rows, f"{loaded.id}, {day}"), "utf-8")
        except OSError as error:
            typer.echo(f"error: cannot write {plot}: {error.strerror}", err=True)
            raise typer.Exit(EXIT_BROKEN) from error
    if as_json:
        fields = [{name: getattr(row, name) for name in row.__struct_fields__} for row in rows]
        typer.echo(json.dumps({"fleet": loaded.id, "start": start, "objectives": fields}, indent=2))
    else:
        Console().print(_table(rows, f"{loaded.id}, {day}, {loaded.sites[0].time_zone}"))


def midnight_of(day: str, time_zone: str) -> str:
    """Midnight of a day in a zone, ISO 8601 with its offset.

    Args:
        day: the day, as 2026-07-15.
        time_zone: its IANA name.

    Raises:
        typer.BadParameter: when it is no day.
    """
    from datetime import date, datetime, time

    from gridmuster.clock import zone

    try:
        midnight = datetime.combine(date.fromisoformat(day), time(), zone(time_zone))
    except ValueError as error:
        raise typer.BadParameter(f"{day!r} is no day; expected one like {DAY}") from error
    return midnight.isoformat()


def _table(rows: list[Compared], title: str) -> Table:
    """One column an objective, one line a figure: as wide as a terminal is at least."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("planned for", no_wrap=True)
    for row in rows:
        table.add_column(row.objective, justify="right", no_wrap=True)
    for name, words in _LINES:
        table.add_row(name, *(words(row) for row in rows))
    return table


_LINES: tuple[tuple[str, Callable[[Compared], str]], ...] = (
    ("expense, USD", lambda row: f"{row.operating_expense_usd:,.2f}"),
    ("cost, USD/kWh", lambda row: f"{row.cost_usd_per_kwh:.4f}"),
    ("efficiency", lambda row: "–" if row.efficiency is None else f"{100 * row.efficiency:.2f} %"),
    ("LOLP", lambda row: f"{row.lolp:.3g}"),
    ("EENS, kWh", lambda row: f"{row.eens_kwh:.3g}"),
    ("starts", lambda row: f"{row.starts:,}"),
    ("unit hours", lambda row: f"{row.unit_h:,.1f}"),
    ("imported, kWh", lambda row: f"{row.imported_kwh:,.0f}"),
    ("wishes not met", lambda row: f"{row.shortfalls:,}"),
    (
        "proven within",
        lambda row: "by rules" if row.status == "fallback" else f"{100 * row.gap:.2f} %",
    ),
)
