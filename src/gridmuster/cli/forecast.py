"""``gridmuster forecast``: read market data, forecast from it, and prove how good that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridmuster.forecast.market.asking import Horizon
    from gridmuster.forecast.market.backtest import Backtest, Score, Span
    from gridmuster.forecast.market.history import MarketHistory

app = typer.Typer(no_args_is_help=True, help="Forecast prices and demand from market data.")

EXIT_BROKEN = 2
#: Days scored when no span is given.
USUAL_DAYS = 90

Data = Annotated[
    list[Path], typer.Argument(metavar="DATA...", help="Market data, Parquet or CSV files.")
]
MappingOption = Annotated[
    str,
    typer.Option("--mapping", help="Mapping file, or the name of a preset; else found by columns."),
]
AreaOption = Annotated[
    list[str] | None, typer.Option("--area", help="Only this area; may be given again.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for machines.")]


def _read(data: list[Path], mapping: str, areas: list[str] | None) -> dict[str, MarketHistory]:
    from gridmuster.store.market.files import load_mapping, presets, read_market

    chosen = None
    if mapping:
        known = presets()
        chosen = known[mapping] if mapping in known else load_mapping(Path(mapping))
    return read_market(data, chosen, areas or ())


@app.command("check")
def check(
    data: Data,
    mapping: MappingOption = "",
    area: AreaOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read market data and tell what is in it and what is odd about it."""
    from gridmuster.clock import iso

    found = _read(data, mapping, area)
    if as_json:
        typer.echo(json.dumps([_facts(history) for history in found.values()], indent=2))
        return
    for history in found.values():
        typer.echo(f"{history.area}, days in {history.zone}")
        for name, column in history.columns.items():
            when = "ahead" if column.ahead else "after"
            typer.echo(
                f"  {name}: {len(column.values):,} intervals of {column.step_s / 60:g} min, "
                f"{iso(column.start_ms)} to {iso(column.end_ms)}, {column.unit}, known {when}"
            )
        for notice in history.notices:
            typer.echo(f"  ! {notice}")


def _facts(history: MarketHistory) -> dict[str, Any]:
    from gridmuster.clock import iso

    return {
        "area": history.area,
        "zone": history.zone,
        "columns": {
            name: {
                "unit": column.unit,
                "step_s": column.step_s,
                "start": iso(column.start_ms),
                "end": iso(column.end_ms),
                "ahead": column.ahead,
            }
            for name, column in history.columns.items()
        },
        "notices": [
            {"column": n.column, "kind": n.kind, "count": n.count, "text": n.text}
            for n in history.notices
        ],
    }


@app.command("backtest")
def run_backtest(
    data: Data,
    target: Annotated[
        str, typer.Option(help="rt_price, da_price, demand, or any column of the mapping.")
    ] = "rt_price",
    horizon: Annotated[str, typer.Option(help="1h or 24h; see docs/market.md.")] = "24h",
    from_day: Annotated[
        str, typer.Option("--from", metavar="DAY", help="First local day; else the last 90.")
    ] = "",
    to_day: Annotated[
        str, typer.Option("--to", metavar="DAY", help="Last local day; else the data's last.")
    ] = "",
    mapping: MappingOption = "",
    area: AreaOption = None,
    spike: Annotated[
        float | None, typer.Option(help="Price of a spike; else what 2.5 % of a year exceeded.")
    ] = None,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with plots here.")
    ] = None,
) -> None:
    """Forecast the past as if it were not known, and score that beside the baselines."""
    from gridmuster.forecast.market.asking import Schedule
    from gridmuster.forecast.market.backtest import backtest

    chosen = _horizon(horizon)
    found: list[tuple[MarketHistory, Backtest]] = []
    with _progress() as told:
        told("reading", 0, 1)
        histories = _read(data, mapping, area)
        for history in histories.values():
            span = _span(history, target, from_day, to_day)

            def say(what: str, done: int, of: int, name: str = history.area) -> None:
                told(f"{name}: {what}", done, of)

            made = backtest(history, Schedule(target, chosen), span, spike, say)
            found.append((history, made))
    if html is not None:
        from gridmuster.cli.forecast_page import page

        try:
            html.write_text(page([made for _, made in found], chosen), "utf-8")
        except OSError as error:
            typer.echo(f"error: cannot write {html}: {error.strerror}", err=True)
            raise typer.Exit(EXIT_BROKEN) from error
    if as_json:
        plain = [
            {**made.plain(), "horizon": chosen, "notices": [str(n) for n in history.notices]}
            for history, made in found
        ]
        typer.echo(json.dumps(plain, indent=2))
        return
    for history, made in found:
        _print(history, made, chosen)


def _horizon(text: str) -> Horizon:
    from gridmuster.forecast.market.asking import HORIZONS

    for horizon in HORIZONS:
        if text == horizon:
            return horizon
    raise typer.BadParameter(f"{text!r} is no horizon; there are {', '.join(HORIZONS)}")


def _span(history: MarketHistory, target: str, from_day: str, to_day: str) -> Span:
    """The span in UTC ms of local days, the last ones of the data when none are named."""
    from gridmuster.forecast.market.backtest import Span
    from gridmuster.forecast.market.wallclock import MS_PER_DAY

    column = history.column(target)
    to_ms = _midnight_ms(to_day, history.zone, 1) if to_day else column.end_ms
    to_ms = min(to_ms, column.end_ms)
    from_ms = (
        _midnight_ms(from_day, history.zone, 0) if from_day else to_ms - USUAL_DAYS * MS_PER_DAY
    )
    if from_ms >= to_ms:
        raise typer.BadParameter(
            f"no interval of {target} from {from_day or 'there'} to {to_day or 'the end'}"
        )
    return Span(from_ms, to_ms)


def _midnight_ms(day: str, zone_name: str, later: int) -> int:
    from datetime import date

    import numpy as np

    from gridmuster.forecast.market.wallclock import instants_of

    try:
        number = date.fromisoformat(day).toordinal() + later
    except ValueError as error:
        raise typer.BadParameter(f"{day!r} is no day; expected one like 2018-07-01") from error
    return int(instants_of(np.array([number]), np.array([0]), zone_name)[0])


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A line on the terminal that says what is going on; nothing where there is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as shown:
        task = shown.add_task("", total=1)

        def told(what: str, done: int, of: int) -> None:
            shown.update(task, description=what, completed=done, total=max(of, 1))

        yield told


def _print(history: MarketHistory, made: Backtest, horizon: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from gridmuster.clock import iso

    asks = made.forecasts.asks
    typer.echo(
        f"{made.area}, {made.forecasts.target} {horizon} ahead, {made.unit}: {len(asks):,} "
        f"intervals, {iso(int(asks.start_ms[0]))} to {iso(int(asks.start_ms[-1]))}"
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("", "MAE", "rMAE", "sMAPE", "pinball", "CRPS", "in 90 %", "Brier"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for score in made.scores:
        table.add_row(*_cells(score))
    console = Console()
    console.print(table)
    typer.echo(f"spike: above {made.spike:,.1f} {made.unit}; rMAE: against last week's value")
    if made.persistent is not None:
        one = made.persistent
        typer.echo(
            f"{one.wish.column} above {one.wish.limit:,.1f} for {one.wish.at_least} intervals in a "
            f"row within the next {one.wish.within}: came in {100 * one.happened:.2f} % of "
            f"{one.count:,} hours; Brier {one.brier:.4f} against {one.usual_brier:.4f} of the usual"
        )
    for notice in history.notices:
        typer.echo(f"! {notice}")


def _cells(score: Score) -> list[str]:
    return [
        score.name,
        f"{score.mae:,.3f}",
        f"{score.rmae:.3f}",
        f"{100 * score.smape:.1f} %",
        f"{score.pinball:,.3f}",
        f"{score.crps:,.3f}",
        "–" if score.coverage is None else f"{100 * score.coverage:.1f} %",
        f"{score.brier:.4f}",
    ]
