"""`gridmuster twin`: serve simulated controllers over Modbus TCP."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import typer

from gridmuster.cli.clock_option import ClockOption, parse_clock

app = typer.Typer()


@app.command("twin")
def twin(
    fleet: Annotated[Path, typer.Option(help="fleet file (YAML, JSON)")],
    site: Annotated[
        list[str] | None, typer.Option(help="site to serve; repeat for more; default: all")
    ] = None,
    addresses: Annotated[
        Path | None, typer.Option(help="write the controllers' ports to this JSON file")
    ] = None,
    feed: Annotated[
        str | None,
        typer.Option(
            envvar="GRIDMUSTER_FEED",
            help="broker URL on which to speak for utility and market; default: do not",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of weather, demand, price and faults")] = 1,
    scenario: Annotated[
        Path | None, typer.Option(help="scenario file (YAML); default: a calm day")
    ] = None,
    market: Annotated[Path | None, typer.Option(help="real prices (Parquet, CSV)")] = None,
    meters: Annotated[Path | None, typer.Option(help="real demand (Parquet, CSV)")] = None,
    clock: ClockOption = "",
) -> None:
    """Serve the sites' simulated controllers until stopped with Ctrl-C."""
    from gridmuster.fleet.load import load_fleet
    from gridmuster.runtime.serve_twin import run_twin
    from gridmuster.runtime.worlds import WorldOptions, make_world

    plant_clock = parse_clock(clock)
    plant = load_fleet(fleet)
    sites = site if site else [known.id for known in plant.sites]
    unknown = [name for name in sites if name not in plant.site_by_id]
    if unknown:
        raise typer.BadParameter(f"no site {unknown[0]!r} in {fleet}; see `gridmuster fleet show`")
    world = make_world(plant, WorldOptions(plant_clock.now_ms(), seed, scenario, market, meters))

    def ready(ports: dict[str, int]) -> None:
        typer.echo(f"{len(ports)} controllers of {len(sites)} site(s) answer on 127.0.0.1")

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
        await run_twin(
            world, plant, sites, plant_clock, plant_clock.speed, addresses, feed, ready, stop
        )

    asyncio.run(run())
