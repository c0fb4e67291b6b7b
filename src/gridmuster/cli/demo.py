"""`gridmuster demo`: a day of a whole plant on this machine."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("demo")
def demo(
    sites: Annotated[int, typer.Option(min=1, help="sites in the fleet")] = 60,
    hours: Annotated[float, typer.Option(min=0.01, help="hours of plant time")] = 24.0,
    speed: Annotated[
        str, typer.Option(help="plant seconds in a second, like 60, or 'max' for lockstep")
    ] = "60",
    seed: Annotated[int, typer.Option(help="seed of fleet, weather, demand and faults")] = 1,
    headless: Annotated[bool, typer.Option("--headless", help="no live view")] = False,
    report: Annotated[Path | None, typer.Option(help="write the report here as JSON")] = None,
    fleet: Annotated[
        Path | None, typer.Option(help="fleet file; default: a realistic one from the seed")
    ] = None,
    market: Annotated[Path | None, typer.Option(help="real prices (Parquet, CSV)")] = None,
    market_history: Annotated[
        list[Path] | None,
        typer.Option(
            help="past prices to forecast from; default: those of --market before the day"
        ),
    ] = None,
    meters: Annotated[Path | None, typer.Option(help="real demand (Parquet, CSV)")] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="scenario file; default: a day worth watching")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="folder for journal, logs and tokens; default: a new one")
    ] = None,
    begin: Annotated[
        str, typer.Option(help="local time of the simulated day at which it begins")
    ] = "00:00",
    open_page: Annotated[
        bool, typer.Option("--open", help="open the page in the browser; not at speed max")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Run a day of a whole plant: broker, center, gateways and simulated controllers."""
    from gridmuster.cli.demo_run import DemoCall, run_demo

    number = _speed(speed)
    folder = Path(tempfile.mkdtemp(prefix="gridmuster-")) if state is None else state
    folder.mkdir(parents=True, exist_ok=True)
    call = DemoCall(sites, hours, number, seed, headless, fleet, market, meters, scenario, folder)
    past = tuple(market_history or ())
    start_ms = _begin_ms(begin)
    found = run_demo(replace(call, open_page=open_page, market_history=past, start_ms=start_ms))
    if report is not None:
        report.write_text(found.as_json() + "\n")
    if as_json:
        typer.echo(found.as_json())
    else:
        found.show()
        typer.echo(f"journal: {found.journal}")
        typer.echo(f"again:   gridmuster replay {found.journal}")
    failed = json.loads(found.as_json()).get("invariant_violations", 0)
    if failed:
        raise typer.Exit(1)


def _begin_ms(text: str) -> int:
    from gridmuster.simulator.scenario import DEFAULT_START_MS, DEFAULT_ZONE, when_ms

    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise typer.BadParameter(
            f"{text!r}: expected a time of day like 14:00", param_hint="--begin"
        )
    return when_ms(text, DEFAULT_START_MS, DEFAULT_ZONE)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if number <= 0.0:
        raise typer.BadParameter(
            f"{text!r}: expected 'max' or plant seconds in a second above 0", param_hint="--speed"
        )
    return number
