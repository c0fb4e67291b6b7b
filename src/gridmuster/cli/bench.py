"""``gridmuster bench``: how fast the planner is on this machine, on fleets made of a seed."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gridmuster.planning.decomposition.fleet import Fleet
    from gridmuster.planning.decomposition.solving import FleetAnswer, FleetLimits

app = typer.Typer(no_args_is_help=True, help="Measure the planner on fleets made of a seed.")


@app.callback()
def _family() -> None:
    """Keep ``plan`` a command of its own while it is the only one."""


@app.command("plan")
def plan(
    devices: Annotated[int, typer.Option(min=1, help="Engines, stores, sun and wind together.")],
    intervals: Annotated[int, typer.Option(min=1, help="Intervals of a day.")] = 24,
    seed: Annotated[int, typer.Option(help="Another seed, another fleet.")] = 1,
    gap: Annotated[float, typer.Option(min=0.0, help="Relative gap at which to stop.")] = 1e-3,
    fuel_budgets: Annotated[
        bool, typer.Option("--fuel-budgets", help="Limit every engine's tank.")
    ] = False,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Most wall time, s.")] = 300.0,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 2,
    replan: Annotated[
        bool,
        typer.Option(
            "--replan", help="Then plan with 2 % more demand and reserve, cold and from this plan."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for machines.")] = False,
) -> None:
    """Make a mixed fleet and plan a day of it: cost, proven bound, gap, seconds.

    Seconds are of the planning alone: a plan of a small fleet before it loads compiled code.
    """
    from gridmuster.planning.decomposition.generator import MixedFleet, generate
    from gridmuster.planning.decomposition.solving import FleetLimits, solve_fleet

    wanted = MixedFleet(devices, intervals, seed, fuel_budgets)
    solve_fleet(generate(MixedFleet(40, 4, 1, fuel_budgets)), FleetLimits(0.5, 60.0, 1))
    fleet = generate(wanted)
    limits = FleetLimits(gap, time_limit, threads)
    answer = solve_fleet(fleet, limits)
    figures = _figures(answer)
    if replan:
        figures |= _again(fleet, answer, limits)
    if as_json:
        typer.echo(
            json.dumps({"devices": devices, "intervals": intervals, "seed": seed, **figures})
        )
        return
    for name, value in figures.items():
        typer.echo(f"{name:16} {value}")


def _again(fleet: Fleet, answer: FleetAnswer, limits: FleetLimits) -> dict[str, object]:
    """Times of a plan for 2 % more demand and reserve, without and with the last plan."""
    from gridmuster.planning.decomposition.solving import solve_fleet

    system = fleet.system
    more = replace(
        fleet.system, demand_kw=1.02 * system.demand_kw, reserve_kw=1.02 * system.reserve_kw
    )
    changed = replace(fleet, system=more)
    cold, warm = (solve_fleet(changed, limits, previous=one) for one in (None, answer))
    return {
        "cold_seconds": round(cold.seconds, 3),
        "cold_gap": cold.gap,
        "warm_seconds": round(warm.seconds, 3),
        "warm_gap": warm.gap,
    }


def _figures(answer: FleetAnswer) -> dict[str, object]:
    # ru_maxrss is in bytes on macOS, in KiB elsewhere.
    unit = 1 if sys.platform == "darwin" else 1024
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return {
        "objective": answer.plan.cost_usd,
        "lower_bound": answer.bound_usd,
        "gap": answer.gap,
        "seconds": round(answer.seconds, 3),
        "method": "decomposition",
        "passes": answer.passes,
        "unserved_kw": float(answer.plan.unserved_kw.sum()),
        "reserve_short_kw": float(answer.plan.short_kw.sum()),
        "memory_mb": round(memory_mb),
    }
