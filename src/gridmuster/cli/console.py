"""`gridmuster console`: the running plant's page in a browser, signed in."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gridmuster.console.tokens import Role

app = typer.Typer()

ROLE_WORDS = ", ".join(role.word for role in Role)


@app.command("console")
def console(
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="GRIDMUSTER_URL",
            help="the center's address; default: the one that runs on this machine",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            envvar="GRIDMUSTER_TOKEN_FILE",
            help="file with a token; default: the one the center wrote on this machine",
        ),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", help="certificate (PEM) to trust for https://")
    ] = None,
    role: Annotated[str, typer.Option(help=f"whom to sign in: {ROLE_WORDS}")] = "operator",
    open_it: Annotated[bool, typer.Option("--open", help="open it in the browser")] = False,
) -> None:
    """Print the address of the running plant's page, which signs a browser in once."""
    from gridmuster.console.invite import page_link
    from gridmuster.console.tokens import find_token
    from gridmuster.console.whereabouts import find

    found = [known for known in Role if known.word == role]
    if not found:
        raise typer.BadParameter(f"{role!r}: choose from {ROLE_WORDS}", param_hint="--role")
    address, folder = find(url)
    link, lasts_s = page_link(address, find_token(token_file, found[0], folder), ca)
    if open_it and webbrowser.open(link):
        typer.echo(f"opened {address}")
        return
    if open_it:
        typer.echo("no browser could be opened here; use the address", err=True)
    typer.echo(link)
    typer.echo(
        f"Signs one browser in, within {lasts_s:.0f} s; the page without a sign-in is {address}/.",
        err=True,
    )
