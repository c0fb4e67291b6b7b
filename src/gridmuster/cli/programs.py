"""`gridmuster programs`: the reasons for which sets are called, and what each asks for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gridmuster.cli.watch import (
    CaOption,
    JsonOption,
    TokenOption,
    UrlOption,
    client_of,
    entry,
    refuse,
)

if TYPE_CHECKING:
    from gridmuster.center.view import ProgramView, RequestView

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Programs of areas."""


@app.command("programs")
def programs(
    area: Annotated[str, typer.Option("--area", help="only those of this area")] = "",
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show the programs of all areas, what they ask for, and what became of it."""
    from gridmuster.console import watching
    from gridmuster.console.programming import ProgramList
    from gridmuster.console.tokens import Role

    address, token = entry(url, token_file, Role.VIEWER)
    with client_of(address, token, ca) as client:
        found = client.read("programs", ProgramList)
    if not isinstance(found, ProgramList):
        refuse(found, json)
    if json:
        typer.echo(watching.as_json(found))
        return
    shown = [one for one in found.programs if area in ("", one.area)]
    for one in shown:
        typer.echo(_line(one))
        for request in one.requests:
            typer.echo(_request_line(request))
    if not shown:
        typer.echo("none")


def _line(one: ProgramView) -> str:
    events = f", {one.events} event(s)" if one.hears else ""
    return f"{one.id}  {one.kind} in {one.area}, priority {one.priority}{events}"


def _request_line(one: RequestView) -> str:
    from gridmuster.clock import iso

    words = (
        f"  {one.key}  {one.state}: {one.granted_kw:,.0f} of {one.power_kw:,.0f} kW, "
        f"{iso(one.from_ms)} to {iso(one.until_ms)}, {one.purpose.replace('_', ' ')}: {one.reason}"
    )
    if one.covered_by:
        words += f"; the rest by {', '.join(one.covered_by)}"
    return f"{words}; {one.answer}" if one.answer else words
