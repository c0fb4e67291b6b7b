"""The command `gridmuster`: every family of commands, and errors that say what to do."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from gridmuster import __version__
from gridmuster.errors import FleetError, GridmusterError

#: Command -> (module below `gridmuster.cli`, what help says of it). Modules are imported only
#: when their command is asked for, so that `gridmuster --help` is quick.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run a day of a whole plant on this machine, faster than life."),
    "simulate": ("simulate", "Run the center over a simulated year, and judge it."),
    "center": ("center", "Run the control center: decide, command, answer operators."),
    "gateway": ("gateway", "Run the gateway of a site: relay, obey, protect."),
    "twin": ("twin", "Serve a site's simulated controllers over Modbus TCP."),
    "fleet": ("fleet", "Make, check and show fleet files."),
    "console": ("console", "Open the running plant's page in a browser, signed in."),
    "notices": ("notices", "Check and try where alarms are told."),
    "watch": ("watch", "Show the running plant in the terminal."),
    "device": ("watch", "Show one device of the running plant in full."),
    "override": ("watch", "Hold devices at a power, or off, for a while."),
    "activate": ("activate", "Call sets of an area for a power over a window."),
    "activations": ("activate", "Show activations, or end one."),
    "programs": ("programs", "Show the programs of areas and what they ask for."),
    "release": ("watch", "Give held devices back to the center."),
    "stop": ("watch", "Emergency stop of a device, site, area or the fleet."),
    "reset": ("watch", "Reset an emergency stop or a lock-out (admin)."),
    "plan": ("plan", "Plan a fleet's day: what runs when, its cost and proven gap."),
    "compare": ("compare", "Plan a fleet's day under the four objectives, side by side."),
    "forecast": ("forecast", "Forecast prices and demand from market data, and score that."),
    "backtest": ("backtest", "Replay past prices: what a fleet would have earned, and why."),
    "solve": ("solve", "Plan a unit-commitment case of others, with a proven bound."),
    "adequacy": ("adequacy", "Compute a case's odds of losing load, or of surviving an outage."),
    "bench": ("bench", "Measure the planner on fleets made of a seed."),
    "check-schedule": ("solve", "Price a schedule of a case and list what it breaks."),
    "report": ("journal", "Report what happened, from the journal alone."),
    "replay": ("journal", "Prove that a journal gives the same commands again."),
    "verify": ("journal", "Check a journal's hash chain."),
}


def build(wanted: str | None) -> typer.Typer:
    """The command line with one command's module imported and the others named.

    Args:
        wanted: the command asked for; None: only help is.
    """
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Gridmuster: a fleet of small generators and stores as one power plant.",
    )
    app.callback(invoke_without_command=True)(_root)
    for name, (module_name, text) in COMMANDS.items():
        if name != wanted:
            app.command(name, help=text)(_not_loaded)
            continue
        family: typer.Typer = import_module(f"gridmuster.cli.{module_name}").app
        found = [command for command in family.registered_commands if command.name == name]
        if found and found[0].callback is not None:
            app.command(name)(found[0].callback)
        else:
            app.add_typer(family, name=name, help=text)
    return app


def _not_loaded() -> None:
    """Stand-in for a command that was not asked for."""


def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and end."),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; known errors end with their message, not with a traceback."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    wanted = words[0] if words and words[0] in COMMANDS else None
    try:
        build(wanted)()
    except FleetError as error:
        for fault in error.faults:
            typer.echo(str(fault), err=True)
        typer.echo(f"{len(error.faults)} fault(s); nothing was started", err=True)
        sys.exit(2)
    except GridmusterError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
