"""``gridmuster adequacy``: loss of load and energy not served, or odds of surviving an outage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gridmuster.planning.reliability.results import Figure, Result

app = typer.Typer(no_args_is_help=True)

#: Something the file says comes out did not.
EXIT_NO = 1
#: Rows of a long list shown to people.
ROWS = 12


@app.command("adequacy")
def adequacy(
    case_file: Annotated[Path, typer.Argument(metavar="CASE.json", help="A case.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON for machines, on standard output.")
    ] = False,
) -> None:
    """Compute a case's reliability; exit code 1 if the file's own answers are not reproduced."""
    from gridmuster.clock import stopwatch_s
    from gridmuster.planning.reliability.cases import read_case
    from gridmuster.planning.reliability.results import solve_case

    begun_s = stopwatch_s()
    result = solve_case(read_case(case_file))
    seconds = stopwatch_s() - begun_s
    if as_json:
        typer.echo(json.dumps(_document(result, seconds)))
    else:
        _show(result, seconds)
    if result.differing:
        raise typer.Exit(EXIT_NO)


def _document(result: Result, seconds: float) -> dict[str, object]:
    return {
        "name": result.name,
        "kind": result.kind,
        "method": result.method,
        "seconds": round(seconds, 3),
        **result.figures,
        "lower_bounds": result.low,
        "upper_bounds": result.high,
        "compared": result.checked,
        "differing": list(result.differing),
    }


def _show(result: Result, seconds: float) -> None:
    typer.echo(result.name)
    typer.echo(f"{result.method}, {seconds:.2f} s")
    for name, figure in result.figures.items():
        if name in result.low:
            low, high = result.low[name], result.high[name]
            typer.echo(f"{name:<28} {figure:.8g}  (between {low:.8g} and {high:.8g})")
        else:
            _show_many(name, figure)
    if result.differing:
        for line in result.differing:
            typer.echo(line)
    elif result.checked:
        typer.echo(f"all {result.checked} numbers that the file gives are reproduced")


def _show_many(name: str, figure: Figure) -> None:
    typer.echo(name)
    if isinstance(figure, dict):
        rows = [f"{key:>10}  {value:.6g}" for key, value in figure.items()]
    elif isinstance(figure, list):
        rows = [
            "  ".join(f"{one:.6g}" for one in (row if isinstance(row, list) else [row])[:ROWS])
            for row in figure
        ]
    else:
        rows = [f"{figure:.8g}"]
    for row in rows[:ROWS]:
        typer.echo(f"  {row}")
    if len(rows) > ROWS:
        typer.echo(f"  and {len(rows) - ROWS} more, see --json")
