"""`gridmuster watch`, `device` and the operator's commands: a running plant, from afar."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gridmuster.signals import Action, Scope

if TYPE_CHECKING:
    from gridmuster.console.client import ApiClient
    from gridmuster.console.documents import ProblemDocument
    from gridmuster.console.tokens import Role

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}

UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="GRIDMUSTER_URL",
        help="the center's address; default: the one that runs on this machine",
    ),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="GRIDMUSTER_TOKEN_FILE",
        help="file with a token; default: the one the center wrote on this machine",
    ),
]
CaOption = Annotated[
    Path | None, typer.Option("--ca", help="certificate (PEM) to trust for https://")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text")]
ScopeArgument = Annotated[Scope, typer.Argument(help="how wide: device, site, area or fleet")]
TargetArgument = Annotated[str, typer.Argument(help="its id; may be left out for the fleet")]
ReasonOption = Annotated[str, typer.Option("--reason", help="why; goes to the audit log")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="do not ask again")]


@app.command("watch")
def watch(
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    once: Annotated[bool, typer.Option("--once", help="show it once and end")] = False,
    json: JsonOption = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="with --once: draw it into this file instead")
    ] = None,
    width: Annotated[int, typer.Option(min=20, max=400, help="columns of the picture")] = 160,
    height: Annotated[int, typer.Option(min=8, max=200, help="lines of the picture")] = 48,
    every: Annotated[
        float, typer.Option(min=0.1, help="without a terminal: minutes of plant time a line")
    ] = 15.0,
) -> None:
    """Show the running plant in the terminal until Ctrl-C."""
    from gridmuster.console import watching
    from gridmuster.console.tokens import Role

    if svg is not None and not once:
        raise typer.BadParameter("a picture is of one moment: add --once", param_hint="--svg")
    url, token = entry(url, token_file, Role.VIEWER)
    if not once:
        watching.run(url, token, ca, every * 60.0, json)
        return
    with client_of(url, token, ca) as client:
        view = watching.current(client)
    if json:
        typer.echo(watching.as_json(view))
    elif svg is not None:
        svg.parent.mkdir(parents=True, exist_ok=True)
        svg.write_text(watching.as_svg(view, width, height), "utf-8")
        typer.echo(f"drawn into {svg}")
    else:
        watching.print_plant(view)


@app.command("device")
def device(
    device_id: Annotated[str, typer.Argument(metavar="ID", help="the device's id")],
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    live: Annotated[bool, typer.Option("--live", help="keep it up to date until Ctrl-C")] = False,
    json: JsonOption = False,
) -> None:
    """Show one device of the running plant in full."""
    from gridmuster.console import watching
    from gridmuster.console.documents import DevicePicture
    from gridmuster.console.tokens import Role

    url, token = entry(url, token_file, Role.VIEWER)
    with client_of(url, token, ca) as client:
        found = client.read(f"devices/{_quoted(device_id)}", DevicePicture)
        if not isinstance(found, DevicePicture):
            refuse(found, json)
        if json:
            typer.echo(watching.as_json(found))
            return
        view = watching.current(client)
    if live:
        watching.run(url, token, ca, 900.0, False, device_id)
    else:
        watching.print_device(view, device_id)


@app.command("override")
def override(
    scope: ScopeArgument,
    target: TargetArgument = "",
    kw: Annotated[
        float | None, typer.Option("--kw", help="power of each device, kW; negative charges")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="hold them off")] = False,
    lasting: Annotated[
        str, typer.Option("--for", help="how long, like 30min or 2h; default: the center's own")
    ] = "",
    reason: ReasonOption = "",
    yes: YesOption = False,
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Hold devices at a power, or off, whatever the plan says; shows the consequence first."""
    if (kw is None) is not off:
        raise typer.BadParameter("say either --kw POWER or --off")
    more: dict[str, Any] = {"power_kw": kw}
    if lasting:
        more["for_s"] = seconds_of(lasting)
    _command(Action.OVERRIDE, scope, target, reason, yes, url, token_file, ca, json, more)


@app.command("release")
def release(
    scope: ScopeArgument,
    target: TargetArgument = "",
    reason: ReasonOption = "",
    yes: YesOption = False,
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Give held devices back to the plan."""
    _command(Action.RELEASE, scope, target, reason, yes, url, token_file, ca, json)


@app.command("stop")
def stop(
    scope: ScopeArgument,
    target: TargetArgument = "",
    reason: ReasonOption = "",
    yes: YesOption = False,
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Emergency stop: at once, and locked until an admin resets; shows the consequence first."""
    _command(Action.EMERGENCY_STOP, scope, target, reason, yes, url, token_file, ca, json)


@app.command("reset")
def reset(
    scope: ScopeArgument,
    target: TargetArgument = "",
    reason: ReasonOption = "",
    yes: YesOption = False,
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Lift an emergency stop or a lock-out; needs an admin's token. Starts nothing."""
    _command(Action.RESET, scope, target, reason, yes, url, token_file, ca, json)


def seconds_of(text: str) -> int:
    """A length of time like 90, 45s, 30min or 2h, in seconds.

    Raises:
        typer.BadParameter: when it is not one.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?\s*", text)
    seconds = round(float(match[1]) * _UNITS_S[match[2] or "s"]) if match else 0
    if seconds <= 0:
        raise typer.BadParameter(
            f"{text!r} is no length of time; write 45s, 30min, 2h", param_hint="--for"
        )
    return seconds


def _command(
    action: Action,
    scope: Scope,
    target: str,
    reason: str,
    yes: bool,
    url: str | None,
    token_file: Path | None,
    ca: Path | None,
    json: bool,
    more: dict[str, Any] | None = None,
) -> None:
    """Show what a command would do, ask, and give it."""
    from gridmuster.center.view import Submitted
    from gridmuster.console import watching
    from gridmuster.console.tokens import ROLES

    address, token = entry(url, token_file, ROLES[action])
    with client_of(address, token, ca) as client:
        body = {"scope": scope.value, "target": target, "reason": reason, **(more or {})}
        if not target:
            body["target"] = _fleet(client, scope, json)
        _weigh(client, action, body, json)
        if not yes:
            _ask(action)
        result = client.give(action, body)
    if not isinstance(result, Submitted):
        refuse(result, json)
    typer.echo(watching.as_json(result) if json else f"done: {result.text}")


def _weigh(client: ApiClient, action: Action, body: dict[str, Any], json: bool) -> None:
    """Show the consequence; on standard error when the answer is for a machine."""
    from gridmuster.console.documents import Consequence

    found = client.weigh({**body, "action": action.value}, Consequence)
    if not isinstance(found, Consequence):
        refuse(found, json)
    for line in found.lines:
        typer.echo(line, err=json)


def _fleet(client: ApiClient, scope: Scope, json: bool) -> str:
    """The fleet's id, when the whole fleet is meant."""
    from gridmuster.console.documents import AreaList

    if scope is not Scope.FLEET:
        raise typer.BadParameter(f"which {scope.value}? give its id", param_hint="TARGET")
    found = client.read("areas", AreaList)
    if not isinstance(found, AreaList):
        refuse(found, json)
    return found.fleet


def _ask(action: Action) -> None:
    if not sys.stdin.isatty():
        typer.echo("nothing was done: without a terminal to ask on, add --yes", err=True)
        raise typer.Exit(2)
    if not typer.confirm(f"{action.value.replace('_', ' ').capitalize()} now?"):
        typer.echo("nothing was done")
        raise typer.Exit(1)


def refuse(problem: ProblemDocument, json: bool) -> NoReturn:
    """End with what the center said no with."""
    from gridmuster.console import watching

    if json:
        typer.echo(watching.as_json(problem))
    else:
        typer.echo(f"refused: {problem.detail}", err=True)
    raise typer.Exit(1)


def entry(url: str | None, token_file: Path | None, role: Role) -> tuple[str, str]:
    """Address and token to use: those named, else of the center that runs on this machine."""
    from gridmuster.console.tokens import find_token
    from gridmuster.console.whereabouts import find

    address, folder = find(url)
    return address, find_token(token_file, role, folder)


def client_of(url: str, token: str, ca: Path | None) -> ApiClient:
    """A client of a center.

    Args:
        url: the center's address.
        token: the token to enter with.
        ca: certificate to trust for https.
    """
    from gridmuster.console.client import ApiClient

    return ApiClient(url, token, ca)


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
