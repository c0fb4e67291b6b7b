"""``gridmuster plan``: a fleet's day ahead, from its file alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridmuster.cli.compare import DAY, midnight_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridmuster.planning import PlanProblem, PlanSolution
    from gridmuster.planning.order import Ordered
    from gridmuster.planning.reasons import Why

app = typer.Typer(no_args_is_help=True)

EXIT_BROKEN = 2


@app.command("plan")
def plan(
    fleet: Annotated[Path, typer.Argument(metavar="FLEET", help="Fleet file, YAML or JSON.")],
    day: Annotated[str, typer.Option(help="The day, in the fleet's time zone.")] = DAY,
    gap: Annotated[float, typer.Option(min=0.0, help="Proven gap at which to stop.")] = 1e-3,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Longest search, s.")] = 30.0,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[ID=]OBJECTIVE",
            help="A name, a blend (NAME:0.7,NAME:0.3) or a strict order "
            "(reliability:lolp=0.001>efficiency:2%>expense), for all or for one area or device; "
            "may be repeated.",
        ),
    ] = None,
    why: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEVICE@HOUR", help="Why on or off then, like set-1@18:30; may be repeated."
        ),
    ] = None,
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
    from gridmuster.planning import PlanLimits
    from gridmuster.runtime.day_ahead import answer_day

    loaded = load_fleet(fleet)
    zone = loaded.sites[0].time_zone
    start = midnight_of(day, zone)
    moments = [moment_of(asked, day, zone) for asked in why or ()]
    with Console(stderr=True).status("planning"):
        found = answer_day(loaded, start, PlanLimits(gap, time_limit), objective or ())
    reasons = [reason(found.problem, found.solution, device, at, zone) for device, at in moments]
    if out is not None:
        try:
            out.write_bytes(msgspec.json.encode(found.solution))
        except OSError as error:
            typer.echo(f"error: cannot write {out}: {error.strerror}", err=True)
            raise typer.Exit(EXIT_BROKEN) from error
    if as_json:
        plain = msgspec.to_builtins(found.solution)
        if reasons:
            plain["why"] = msgspec.to_builtins(reasons)
        typer.echo(msgspec.json.encode(plain).decode())
        return
    if reasons:
        for asked, reasoned in zip(why or (), reasons, strict=True):
            typer.echo(f"{asked}: {' '.join(reasoned.sentences)}")
        return
    for line in told(found.solution):
        typer.echo(line)
    for ordered in found.ordered:
        for line in told_order(ordered):
            typer.echo(line)


def moment_of(asked: str, day: str, time_zone: str) -> tuple[str, int]:
    """The device and the instant (ms) of a question like ``set-1@18:30`` about a day.

    Args:
        asked: the question; hours are those of the zone's clock.
        day: the day, as 2026-07-15.
        time_zone: its IANA name.

    Raises:
        typer.BadParameter: when it is no such question.
    """
    from datetime import date, datetime, time

    from gridmuster.clock import to_ms, zone

    device, at, hour = asked.rpartition("@")
    try:
        hours, _, minutes = hour.partition(":")
        clock = time(int(hours), int(minutes or 0))
        instant = datetime.combine(date.fromisoformat(day), clock, zone(time_zone))
    except ValueError:
        at = ""
    if not at or not device:
        raise typer.BadParameter(f"{asked!r} asks nothing; expected DEVICE@HOUR like set-1@18:30")
    return device, to_ms(instant)


def reason(
    problem: PlanProblem, solution: PlanSolution, device: str, at_ms: int, time_zone: str
) -> Why:
    """Why a device does what it does at an instant.

    Args:
        problem: the question.
        solution: the answer.
        device: the device's id.
        at_ms: the instant, ms.
        time_zone: whose clock the words go by.

    Raises:
        PlanningError: when the plan has no such moment.
    """
    from gridmuster.clock import from_ms, zone
    from gridmuster.planning.explain import Explainer

    def when(interval: int) -> str:
        ms = problem.start_ms + interval * problem.step_s * 1000
        return from_ms(ms).astimezone(zone(time_zone)).strftime("%H:%M")

    interval = (at_ms - problem.start_ms) // (problem.step_s * 1000)
    return Explainer(problem, solution, when).why(device, interval)


def told_order(ordered: Ordered) -> Iterator[str]:
    """How a strict order came out, in lines for people.

    Args:
        ordered: the order with its plan.
    """
    whom = f" for {ordered.where}" if ordered.where else ""
    for kept in ordered.marks:
        words = "kept" if kept.met else "out of reach of every blend; this is the nearest plan"
        figure = "LOLP" if kept.mark.lolp is not None else kept.mark.objective
        yield (
            f"order{whom}: {figure} comes to {kept.figure:,.6g}, at most {kept.most:,.6g} was "
            f"asked: {words}"
        )
    alone = ""
    if ordered.met:
        alone = f", alone it would be {ordered.last_alone:,.2f}"
    yield (
        f"order{whom}: {ordered.then} comes to {ordered.last:,.2f}{alone}; "
        f"{ordered.plans} plans were made"
    )


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
