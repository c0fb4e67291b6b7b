"""``gridmuster plan``: a fleet's day ahead, from its file alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridmuster.cli.compare import DAY, midnight_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridmuster.planning import PlanSolution

app = typer.Typer(no_args_is_help=True)

EXIT_BROKEN = 2


@app.command("plan")
def plan(
    fleet: Annotated[Path, typer.Argument(metavar="FLEET", help="Fleet file, YAML or JSON.")],
    day: Annotated[str, typer.Option(help="The day, in the fleet's time zone.")] = DAY,
    gap: Annotated[float, typer.Option(min=0.0, help="Proven gap at which to stop.")] = 1e-3,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Longest search, s.")] = 30.0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the whole plan here.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole plan as JSON, on standard output.")
    ] = False,
) -> None:
    """Plan a fleet's day: what runs when, what it costs, and how far from the best it can be."""
    import msgspec
    from rich.console import Console

    from gridmuster.fleet.load import load_fleet
    from gridmuster.runtime.day_ahead import plan_day

    loaded = load_fleet(fleet)
    start = midnight_of(day, loaded.sites[0].time_zone)
    with Console(stderr=True).status("planning"):
        found = plan_day(loaded, start, gap, time_limit)
    if out is not None:
        try:
            out.write_bytes(msgspec.json.encode(found))
        except OSError as error:
            typer.echo(f"error: cannot write {out}: {error.strerror}", err=True)
            raise typer.Exit(EXIT_BROKEN) from error
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for line in told(found):
        typer.echo(line)


def told(plan: PlanSolution) -> Iterator[str]:
    """A plan in lines for people.

    Args:
        plan: the plan.
    """
    hours = plan.step_s / 3600.0
    yield (
        f"{plan.status} ({plan.method}, {plan.seconds:.1f} s): {plan.objective_usd:,.2f} USD, "
        f"bound {plan.lower_bound_usd:,.2f} USD, gap {100.0 * plan.gap:.3f} %"
    )
    yield (
        f"fuel {plan.fuel_usd:,.2f}, starts {plan.start_usd:,.2f}, wear {plan.om_usd:,.2f}, "
        f"purchases {plan.purchase_usd:,.2f}, sales {plan.sale_usd:,.2f} USD; "
        f"expected energy not served {plan.eens_kwh:,.1f} kWh"
    )
    for device, on in plan.commitment.items():
        if any(on):
            kwh = sum(plan.power_kw[device]) * hours
            yield f"{device:<32} on {sum(on) * hours:5.2f} h  {kwh:12,.1f} kWh"
    for short in plan.shortfalls:
        yield (
            f"short: {short.kind.value} at {short.where}, interval {short.interval}: "
            f"{short.amount_kw:,.1f}, {short.cause}"
        )
