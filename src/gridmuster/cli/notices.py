"""`gridmuster notices`: check and try where alarms are told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from gridmuster.console.notices.settings import NoticeSettings

app = typer.Typer(no_args_is_help=True, help="Check and try where alarms are told.")


@app.callback()
def _family() -> None:
    """Check and try where alarms are told."""


@app.command("test")
def test(
    file: Annotated[Path, typer.Argument(help="settings of notices (YAML)")],
    to: Annotated[
        str, typer.Option("--to", help="name of one recipient; default: all of them")
    ] = "",
    dry: Annotated[bool, typer.Option("--dry", help="check the file only; send nothing")] = False,
) -> None:
    """Send a trial to each recipient, once, and say what became of it."""
    import asyncio

    from gridmuster.console.notices.settings import load_notices

    settings = load_notices(file)
    names = [recipient.name for recipient in settings.file.recipients]
    if to and to not in names:
        raise typer.BadParameter(f"{to!r}: choose from {', '.join(names)}", param_hint="--to")
    if dry:
        typer.echo(f"{file}: {len(names)} recipient(s), {len(settings.file.routes)} route(s), fine")
        return
    failed = asyncio.run(_send(settings, [to] if to else names))
    if failed:
        raise typer.Exit(1)


async def _send(settings: NoticeSettings, names: list[str]) -> int:
    """Send the trial; returns how many did not arrive."""
    import secrets

    from gridmuster.center.view import AlarmView
    from gridmuster.clock import wall_clock
    from gridmuster.console.notices.ledger import Notice
    from gridmuster.console.notices.senders import NotSentError, sender_for
    from gridmuster.console.notices.wording import write

    now_ms = wall_clock().now_ms()
    alarm = AlarmView(
        "trial", "note", "trial", "this is a trial; nothing is wrong", "nothing", now_ms
    )
    failed = 0
    for name in names:
        notice = Notice(name, (alarm,))
        page = settings.file.page or ""
        letter = write(notice, secrets.token_hex(12), "trial", "UTC", now_ms, page)
        try:
            await sender_for(settings, settings.recipient(name)).send(letter)
        except NotSentError as error:
            failed += 1
            typer.echo(f"{name}: not told: {error}", err=True)
        else:
            typer.echo(f"{name}: told")
    return failed
