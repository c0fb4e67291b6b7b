"""`gridmuster simulate`: the production center over a simulated year."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("simulate")
def simulate(
    fleet: Annotated[Path, typer.Argument(metavar="FLEET", help="Fleet file, YAML or JSON.")],
    year: Annotated[int, typer.Option(min=1990, max=2099, help="calendar year, UTC")] = 2025,
    seed: Annotated[int, typer.Option(help="seed of weather, demand, prices and faults")] = 1,
    hours: Annotated[
        float | None, typer.Option(min=0.1, max=8784.0, help="hours from the year's first on")
    ] = None,
    hardship: Annotated[
        float, typer.Option(min=0.1, max=50.0, help="times as much goes wrong as in a usual year")
    ] = 1.0,
    state: Annotated[
        Path | None, typer.Option(help="folder for the journal; default: a new one")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="write what came of it here, JSON")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print what came of it as JSON")] = False,
) -> None:
    """Run the production center over a year with outages, price events, exercises and faults."""
    from gridmuster.cli.simulate_run import SimulateCall, run_simulate
    from gridmuster.fleet.load import load_fleet
    from gridmuster.fleet.ties import unused_links

    folder = Path(tempfile.mkdtemp(prefix="gridmuster-")) if state is None else state
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_fleet(fleet)
    if words := unused_links(loaded.links):
        typer.echo(words, err=True)
    call = SimulateCall(loaded, year, seed, hours, hardship, folder / "plant.journal")
    for part in call.parts():
        if part.journal.exists():
            raise typer.BadParameter(
                f"{part.journal} exists; give a new folder", param_hint="--state"
            )
    found = run_simulate(call)
    text = found.as_json()
    if report is not None:
        report.write_text(text + "\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        found.show()
    if found.broken:
        raise typer.Exit(1)
