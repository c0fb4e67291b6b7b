"""`gridmuster gateway`: run the gateway of one or more sites."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import typer

from gridmuster.cli.clock_option import ClockOption, parse_clock

app = typer.Typer()


@app.command("gateway")
def gateway(
    config: Annotated[Path, typer.Option(help="gateway file (YAML), see docs/gateway.md")],
    site: Annotated[
        list[str] | None, typer.Option(help="site to run; repeat for more; default: all")
    ] = None,
    clock: ClockOption = "",
) -> None:
    """Relay commands to a site's controllers and protect the site, until stopped with Ctrl-C."""
    from gridmuster.gateway.shell import SiteShell
    from gridmuster.runtime.serve_gateways import read_options, run_gateways

    options = read_options(config, site or (), parse_clock(clock))

    def ready(shells: list[SiteShell]) -> None:
        typer.echo(f"{len(shells)} gateway(s) run; state in {options.state_dir}")

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.set)
        shells = await run_gateways(options, ready, stop)
        scans = sum(shell.stats.scans for shell in shells)
        missed = sum(shell.stats.missed_scans for shell in shells)
        typer.echo(f"{scans} scans, {missed} missed")

    asyncio.run(run())
