"""`gridmuster activate` and `activations`: an area's sets together, for a power over a window."""

from __future__ import annotations

import json as json_module
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridmuster.cli.watch import (
    CaOption,
    JsonOption,
    ReasonOption,
    TokenOption,
    UrlOption,
    YesOption,
    client_of,
    entry,
    refuse,
    seconds_of,
)
from gridmuster.signals import Action, Purpose, Scope
from gridmuster.starts import LocalNeed

if TYPE_CHECKING:
    from gridmuster.console.activating import ActivationPreview
    from gridmuster.console.client import ApiClient

DispatchedByOption = Annotated[
    str, typer.Option(help="condition 1: the balancing authority or network operator that calls")
]
AvertsOption = Annotated[
    str, typer.Option(help="condition 2: the voltage collapse or overload that is averted")
]
ProtocolOption = Annotated[
    str, typer.Option(help="condition 3: the reliability standard or guideline followed")
]
ServesOption = Annotated[
    str, typer.Option(help="condition 4: the site itself, or the part of the local network")
]
RecordedByOption = Annotated[str, typer.Option(help="condition 5: who keeps the record of it")]
ProbabilityOption = Annotated[
    float, typer.Option(min=0.5, max=0.9999, help="how sure the power must be")
]
PurposeOption = Annotated[
    Purpose, typer.Option("--purpose", help="legal basis: what the sets run for")
]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("activate")
def activate(
    area: Annotated[str, typer.Argument(help="the area's id; may be left out with --fleet")] = "",
    kw: Annotated[float, typer.Option("--kw", help="power to be there, kW")] = 0.0,
    begin: Annotated[
        str, typer.Option("--from", help="begin, like 2026-07-14T17:00-05:00; default: now")
    ] = "",
    until: Annotated[str, typer.Option("--until", help="end, like 2026-07-14T19:00-05:00")] = "",
    lasting: Annotated[str, typer.Option("--for", help="or its length, like 90min or 2h")] = "",
    fleet: Annotated[bool, typer.Option("--fleet", help="in all areas")] = False,
    polygon: Annotated[
        Path | None, typer.Option("--polygon", help="only inside this GeoJSON Polygon")
    ] = None,
    owner: Annotated[str, typer.Option("--owner", help="only sites of this owner")] = "",
    tag: Annotated[str, typer.Option("--tag", help="only sites with this tag")] = "",
    feeder: Annotated[str, typer.Option("--feeder", help="only sites on this feeder")] = "",
    site: Annotated[list[str] | None, typer.Option("--site", help="only this site; repeat")] = None,
    purpose: PurposeOption = Purpose.DEMAND,
    probability: ProbabilityOption = 0.95,
    alert_asserted: Annotated[
        bool,
        typer.Option("--alert-asserted", help="the five conditions of an emergency alert hold"),
    ] = False,
    dispatched_by: DispatchedByOption = "",
    averts: AvertsOption = "",
    protocol: ProtocolOption = "",
    serves: ServesOption = "",
    recorded_by: RecordedByOption = "",
    no_light_load: Annotated[
        bool, typer.Option("--no-light-load", help="no set below its least load")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show it, and do nothing")] = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Call sets of an area for a power over a window; shows which, and the cost, first."""
    if kw <= 0.0:
        raise typer.BadParameter("say how much: --kw POWER", param_hint="--kw")
    if bool(until) is bool(lasting):
        raise typer.BadParameter("give either --until or --for", param_hint="--until")
    if bool(area) is fleet:
        raise typer.BadParameter("name an area, or give --fleet", param_hint="AREA")
    body: dict[str, Any] = {
        "scope": (Scope.FLEET if fleet else Scope.AREA).value,
        "target": area,
        "power_kw": kw,
        "purpose": purpose.value,
        "probability": probability,
        "alert_asserted": alert_asserted,
        "light_load": not no_light_load,
        "owner": owner,
        "tag": tag,
        "feeder": feeder,
        "sites": site or [],
        "polygon": [] if polygon is None else ring_of(polygon),
        "reason": reason,
    }
    if alert_asserted:
        body["local_need"] = _local_need(dispatched_by, averts, protocol, serves, recorded_by)
    if begin:
        body["from"] = moment(begin, "--from")
    if until:
        body["until"] = moment(until, "--until")
    else:
        body["for_s"] = seconds_of(lasting)
    _activate(body, dry_run, yes, url, token_file, ca, json)


def _local_need(*words: str) -> dict[str, str]:
    """The five conditions, all of which are to be said."""
    names = LocalNeed.__struct_fields__
    need = dict(zip(names, words, strict=True))
    missing = [f"--{name.replace('_', '-')}" for name in names if not need[name].strip()]
    if missing:
        raise typer.BadParameter(
            f"the five conditions of 40 CFR 63.6640(f)(4)(ii) are asserted in words: "
            f"say also {', '.join(missing)}",
            param_hint="--alert-asserted",
        )
    return need


def _activate(
    body: dict[str, Any],
    dry_run: bool,
    yes: bool,
    url: str | None,
    token_file: Path | None,
    ca: Path | None,
    json: bool,
) -> None:
    from gridmuster.center.view import Submitted
    from gridmuster.console import watching
    from gridmuster.console.tokens import ROLES, Role

    role = Role.VIEWER if dry_run else ROLES[Action.ACTIVATE]
    address, token = entry(url, token_file, role)
    with client_of(address, token, ca) as client:
        if not body["target"]:
            body["target"] = _fleet_id(client, json)
        found = _weighed(client, body, json)
        if dry_run:
            if json:
                typer.echo(watching.as_json(found))
            return
        if not yes:
            _ask()
        result = client.give(Action.ACTIVATE, body)
    if not isinstance(result, Submitted):
        refuse(result, json)
    typer.echo(watching.as_json(result) if json else f"done: {result.text}\nid: {result.id}")


@app.command("activations")
def activations(
    cancel: Annotated[str, typer.Option("--cancel", help="end the one with this id")] = "",
    reason: ReasonOption = "",
    url: UrlOption = None,
    token_file: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Show activations under way and those just over, or end one."""
    from gridmuster.center.view import Submitted
    from gridmuster.console import watching
    from gridmuster.console.activating import ActivationList
    from gridmuster.console.tokens import ROLES, Role

    address, token = entry(url, token_file, ROLES[Action.CANCEL] if cancel else Role.VIEWER)
    with client_of(address, token, ca) as client:
        if cancel:
            path = f"activations/{cancel}/cancel"
            result = client.give(Action.CANCEL, {"reason": reason}, path)
            if not isinstance(result, Submitted):
                refuse(result, json)
            typer.echo(watching.as_json(result) if json else f"done: {result.text}")
            return
        found = client.read("activations", ActivationList)
    if not isinstance(found, ActivationList):
        refuse(found, json)
    if json:
        typer.echo(watching.as_json(found))
        return
    for one in found.activations:
        live = [each for each in one.sets if not each.lost]
        typer.echo(
            f"{one.id}  {one.phase}: {one.delivered_kw:,.0f} of {one.target_kw:,.0f} kW in "
            f"{one.target}, {len(live)} set(s), {len(one.sets) - len(live)} lost, "
            f"{one.delivered_kwh:,.0f} kWh so far; by {one.actor}"
        )
    if not found.activations:
        typer.echo("none")


def _weighed(client: ApiClient, body: dict[str, Any], json: bool) -> ActivationPreview:
    """Show which sets would be called; on standard error when the answer is for a machine."""
    from gridmuster.console.activating import ActivationPreview

    found = client.weigh(body, ActivationPreview, "activation/preview")
    if not isinstance(found, ActivationPreview):
        refuse(found, json)
    for line in found.lines:
        typer.echo(line, err=json)
    if not json:
        for line in table(found):
            typer.echo(line)
    return found


def table(found: ActivationPreview) -> list[str]:
    """The chosen sets, those next in line and those left out, a line each.

    Args:
        found: the preview.
    """
    lines = [f"  {'set':<28} {'kW':>8} {'of kW':>8} {'odds':>7} {'USD':>9} {'fuel':>10} {'h':>6}"]
    for one in found.selection.chosen:
        unit = "m3" if one.gas else "l"
        marks = [word for word, so in (("runs", one.on), ("light load", one.light_load)) if so]
        lines.append(
            f"  {one.device:<28} {one.run_kw:>8,.1f} {one.kw:>8,.1f} {one.odds:>7.1%} "
            f"{one.usd:>9,.2f} {one.fuel:>7,.0f} {unit:<2} {one.run_h:>6.1f} "
            f"{', '.join(marks)}".rstrip()
        )
    lines += [f"  next: {one.device}, {one.kw:,.1f} kW" for one in found.selection.in_line]
    lines += [f"  left out: {one.device}: {one.reason}" for one in found.selection.excluded]
    return lines


def moment(text: str, option: str) -> str:
    """An instant with its offset, as the API takes it.

    Raises:
        typer.BadParameter: when it is none, or does not say its offset.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no date and time like 2026-07-14T17:00-05:00", param_hint=option
        ) from error
    if found.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} needs its offset from UTC, like {text}-05:00 or {text}Z", param_hint=option
        )
    return found.isoformat()


def ring_of(path: Path) -> list[list[float]]:
    """The ring of a file with a GeoJSON Polygon, or a Feature with one.

    Raises:
        typer.BadParameter: when the file holds no such thing.
    """
    try:
        found = json_module.loads(path.read_text("utf-8"))
        geometry = found.get("geometry", found)
        if geometry["type"] != "Polygon" or len(geometry["coordinates"]) != 1:
            raise ValueError("a Polygon with one ring is wanted, without holes")
        return [[float(point[0]), float(point[1])] for point in geometry["coordinates"][0]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--polygon") from error


def _fleet_id(client: ApiClient, json: bool) -> str:
    from gridmuster.console.documents import AreaList

    found = client.read("areas", AreaList)
    if not isinstance(found, AreaList):
        refuse(found, json)
    return found.fleet


def _ask() -> None:
    if not sys.stdin.isatty():
        typer.echo("nothing was done: without a terminal to ask on, add --yes", err=True)
        raise typer.Exit(2)
    if not typer.confirm("Call these sets?"):
        typer.echo("nothing was done")
        raise typer.Exit(1)
