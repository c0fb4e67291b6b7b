"""``gridmuster solve`` and ``check-schedule``: cases of others, with a proof."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from gridmuster.planning.cases.case import Case, Schedule
    from gridmuster.planning.cases.dispatch_case import DispatchCase
    from gridmuster.planning.cases.solving import CaseAnswer

app = typer.Typer(no_args_is_help=True)

#: No feasible schedule, or one that breaks a rule.
EXIT_NO = 1
#: Name of the thread in which branch and bound runs (`planning.cases.lane`).
BOUND_THREAD = "bound"


class CaseFormat(StrEnum):
    """Whose file a case is."""

    AUTO = "auto"
    PGLIB_UC = "pglib-uc"
    KAZARLIS = "kazarlis"
    ED = "ed"


class CaseMethod(StrEnum):
    """How a case is solved."""

    AUTO = "auto"
    MILP = "milp"
    DECOMPOSITION = "decomposition"


CaseFile = Annotated[Path, typer.Argument(metavar="CASE.json", help="A case.")]
Copies = Annotated[int, typer.Option(min=1, help="Repeat every unit, demand and reserve so often.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines, on standard output.")]
Whose = Annotated[CaseFormat, typer.Option("--format", help="Whose file it is.")]


@app.command("solve")
def solve(
    case_file: CaseFile,
    file_format: Whose = CaseFormat.AUTO,
    copies: Copies = 1,
    method: Annotated[CaseMethod, typer.Option(help="How to solve.")] = CaseMethod.AUTO,
    gap: Annotated[float, typer.Option(min=0.0, help="Relative gap at which to stop.")] = 1e-3,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Most wall time, s.")] = 100.0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the solver.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Write the schedule here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plan others' case: cost, proven bound, gap; exit code 1 without a feasible plan."""
    from gridmuster.clock import stopwatch_s

    began_s = stopwatch_s()
    from gridmuster.planning.cases.dispatch_case import DispatchCase
    from gridmuster.planning.cases.solving import CaseLimits, solve_copies

    case = _read(case_file, file_format)
    # Reading is part of the time given.
    read_s = stopwatch_s() - began_s
    limits = CaseLimits(gap, max(time_limit - read_s, 0.05), threads, method.value)
    more: dict[str, object] = {}
    if isinstance(case, DispatchCase):
        from gridmuster.planning.cases.dispatch_solving import solve_dispatch

        _refuse_method(case_file, method)
        dispatched = solve_dispatch(case.repeated(copies), limits)
        answer, more = dispatched.whole, dispatched.figures()
    else:
        with _progress() as told:
            answer = solve_copies(case, copies, limits, told)
    answer = replace(answer, seconds=answer.seconds + read_s)
    if out is not None:
        out.write_bytes(_schedule_bytes(answer.schedule))
    if as_json:
        typer.echo(json.dumps(_figures(answer) | more))
    else:
        _show(answer)
    _leave(0 if answer.judgement.feasible else EXIT_NO)


def _refuse_method(case_file: Path, method: CaseMethod) -> None:
    from gridmuster.errors import PlanningError

    if method is not CaseMethod.AUTO:
        raise PlanningError(
            f"{case_file}: --method {method.value} is for unit commitment; this is an economic "
            "dispatch, which has one method; leave --method out"
        )


def _leave(code: int) -> None:
    """End at once: a solver told to stop may need some more seconds to notice."""
    if any(thread.name == BOUND_THREAD for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if code:
        raise typer.Exit(code)


@app.command("check-schedule")
def check_schedule(
    case_file: CaseFile,
    schedule_file: Annotated[Path, typer.Argument(metavar="SCHEDULE.json", help="A schedule.")],
    file_format: Whose = CaseFormat.AUTO,
    copies: Copies = 1,
    as_json: AsJson = False,
) -> None:
    """Price a schedule and list every rule of its case that it breaks; exit code 1 if it does."""
    from gridmuster.planning.cases.dispatch_case import DispatchCase
    from gridmuster.planning.cases.dispatch_judging import judge_dispatch
    from gridmuster.planning.cases.judging import judge

    case = _read(case_file, file_format).repeated(copies)
    schedule = _read_schedule(schedule_file)
    if isinstance(case, DispatchCase):
        judged = judge_dispatch(case, schedule)
    else:
        judged = judge(case, schedule)
    if as_json:
        figures = {
            "objective": judged.cost,
            "feasible": judged.feasible,
            "violations": list(judged.violations),
            "violated": judged.violated,
        }
        typer.echo(json.dumps(figures))
    else:
        typer.echo(f"cost {judged.cost:,.2f}")
        for violation in judged.violations:
            typer.echo(violation)
        more = judged.violated - len(judged.violations)
        if more:
            typer.echo(f"and {more} more")
        typer.echo("feasible" if judged.feasible else f"{judged.violated} violations")
    if not judged.feasible:
        raise typer.Exit(EXIT_NO)


def _read(path: Path, file_format: CaseFormat) -> Case | DispatchCase:
    from gridmuster.planning.cases.reading import read_any

    return read_any(path, file_format.value)


def _read_schedule(path: Path) -> Schedule:
    from gridmuster.errors import PlanningError
    from gridmuster.planning.cases.case import Schedule

    try:
        document: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        return Schedule(
            document["commitment"], document["power_mw"], document.get("renewable_mw", {})
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanningError(
            f"{path}: no schedule: {type(error).__name__} {error}; expected an object with "
            "commitment and power_mw"
        ) from error


def _schedule_bytes(schedule: Schedule) -> bytes:
    return msgspec.json.encode(
        {
            "commitment": schedule.commitment,
            "power_mw": schedule.power_mw,
            "renewable_mw": schedule.renewable_mw,
        }
    )


def _figures(answer: CaseAnswer) -> dict[str, object]:
    judged = answer.judgement
    found = bool(answer.schedule.commitment)
    bounded = answer.lower_bound > float("-inf")
    return {
        "objective": judged.cost if found else None,
        "lower_bound": answer.lower_bound if bounded else None,
        "gap": answer.gap if found and bounded else None,
        "seconds": round(answer.seconds, 3),
        "method": answer.method,
        "feasible": judged.feasible,
        "violations": list(judged.violations),
    }


def _show(answer: CaseAnswer) -> None:
    judged = answer.judgement
    if answer.schedule.commitment:
        typer.echo(f"cost         {judged.cost:,.2f}")
    typer.echo(f"lower bound  {answer.lower_bound:,.2f}")
    if answer.schedule.commitment:
        typer.echo(f"gap          {100.0 * answer.gap:.4f} %")
    typer.echo(f"seconds      {answer.seconds:.1f} ({answer.method})")
    for violation in judged.violations:
        typer.echo(violation)


@contextmanager
def _progress() -> Iterator[Callable[[str, float, float], None]]:
    """Show how far a solve is, on standard error."""
    from rich.console import Console
    from rich.status import Status

    with Status("relaxation", console=Console(stderr=True)) as status:

        def told(step: str, cost: float, bound: float) -> None:
            plan = f"cost {cost:,.2f}, " if cost < float("inf") else ""
            status.update(f"{step}: {plan}bound {bound:,.2f}")

        yield told
