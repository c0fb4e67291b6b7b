"""``gridmuster backtest``: what a fleet would have earned on the prices of the past."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridmuster.cli.forecast import MappingOption, _midnight_ms, _progress, _read

if TYPE_CHECKING:
    from gridmuster.fleet.model import Fleet
    from gridmuster.forecast.market.history import MarketHistory
    from gridmuster.planning.worth.backtest import Span
    from gridmuster.planning.worth.earnings import DeviceEarnings, Earnings, Leave

app = typer.Typer(no_args_is_help=True)

EXIT_BROKEN = 2
#: Days played when no span is given; best and worst days that are told.
USUAL_DAYS, DAYS_TOLD = 90, 5
DELAYS = {"0": 0, "5min": 300, "15min": 900}


@app.command("backtest")
def backtest(
    fleet: Annotated[Path, typer.Argument(metavar="FLEET", help="Fleet file, YAML or JSON.")],
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Market data, Parquet or CSV files.")
    ],
    from_day: Annotated[
        str, typer.Option("--from", metavar="DAY", help="First local day; else the last 90.")
    ] = "",
    to_day: Annotated[
        str, typer.Option("--to", metavar="DAY", help="Last local day; else the data's last.")
    ] = "",
    delay: Annotated[
        str,
        typer.Option(help="After the beginning of its interval a price is known: 0, 5min, 15min."),
    ] = "5min",
    mapping: MappingOption = "",
    area: Annotated[
        list[str] | None,
        typer.Option("--area", help="Only this area of the market; may be given again."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for machines.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with plots here.")
    ] = None,
) -> None:
    """Replay past prices through the choices of a running center, and tell what they earned."""
    from gridmuster.fleet.load import load_fleet
    from gridmuster.planning.worth.backtest import market
    from gridmuster.planning.worth.earnings import fleet_earnings

    if delay not in DELAYS:
        raise typer.BadParameter(f"{delay!r} is no delay; there are {', '.join(DELAYS)}")
    own = load_fleet(fleet)
    with _progress() as told:
        told("reading", 0, 1)
        histories = _read(data, mapping, area)
        span = _span(list(histories.values()), from_day, to_day)
        areas = _areas(own, list(histories))
        ready = market(list(histories.values()), span, DELAYS[delay], told)
        found = fleet_earnings(own, ready, areas, _leaves(own, span), told)
    facts = _facts(own, found, span, delay)
    if html is not None:
        from gridmuster.cli.backtest_page import page

        try:
            html.write_text(page(found, facts), "utf-8")
        except OSError as error:
            typer.echo(f"error: cannot write {html}: {error.strerror}", err=True)
            raise typer.Exit(EXIT_BROKEN) from error
    if as_json:
        notices = {name: [str(n) for n in one.notices] for name, one in histories.items()}
        typer.echo(json.dumps({**facts, **plain(found), "notices": notices}, indent=2))
        return
    _print(found, facts)
    for history in histories.values():
        for notice in history.notices:
            typer.echo(f"! {history.area}: {notice}")


def _span(histories: Sequence[MarketHistory], from_day: str, to_day: str) -> Span:
    """The span in UTC ms of local days, the last ones of the data when none are named."""
    from gridmuster.forecast.market.wallclock import MS_PER_DAY
    from gridmuster.planning.worth.backtest import Span
    from gridmuster.planning.worth.prices import finest

    first = histories[0]
    end_ms = min(one.column(finest(one)).end_ms for one in histories)
    to_ms = min(_midnight_ms(to_day, first.zone, 1) if to_day else end_ms, end_ms)
    from_ms = _midnight_ms(from_day, first.zone, 0) if from_day else to_ms - USUAL_DAYS * MS_PER_DAY
    if from_ms >= to_ms:
        raise typer.BadParameter(f"no price from {from_day or 'there'} to {to_day or 'the end'}")
    return Span(from_ms, to_ms)


def _areas(fleet: Fleet, known: Sequence[str]) -> dict[str, str]:
    """Which area of the market each area of the fleet sells to."""
    by_name = {name.casefold(): name for name in known}
    found = {}
    for area in fleet.areas:
        hit = by_name.get(area.id.casefold()) or by_name.get(area.name.casefold())
        if hit is None and len(known) > 1:
            raise typer.BadParameter(
                f"area {area.id} of the fleet is none of the market's ({', '.join(known)}): "
                "choose one with --area, or name the fleet's area like the market's"
            )
        found[area.id] = hit or known[0]
    return found


def _leaves(fleet: Fleet, span: Span) -> dict[str, Leave]:
    """What each engine may do for a price, by its permit."""
    from gridmuster.fleet.devices import Generator
    from gridmuster.fleet.economics import cost_line
    from gridmuster.forecast.market.wallclock import MS_PER_DAY
    from gridmuster.planning.worth.earnings import Leave
    from gridmuster.safety.permits import allows, stop_h
    from gridmuster.signals import Purpose

    years = max((span.to_ms - span.from_ms) / (365.25 * MS_PER_DAY), 0.0)
    found = {}
    for device in fleet.devices:
        if not isinstance(device, Generator):
            continue
        if not allows(device.permit, Purpose.PRICE):
            kind = device.permit.permit_class.value
            found[device.id] = Leave(0.0, f"its permit ({kind}) forbids running for a price")
        elif device.must_run:
            found[device.id] = Leave(0.0, "it must run: there is nothing to choose")
        elif cost_line(device, fleet.fuel_prices).usd_per_h(device.rated_kw) <= 0.0:
            found[device.id] = Leave(0.0, "its fuel costs nothing: give the fleet fuel prices")
        else:
            cap = stop_h(device.permit)
            hours = None if cap is None else max(cap * max(years, 1.0), 0.0)
            found[device.id] = Leave(hours)
    return found


def _facts(fleet: Fleet, found: Earnings, span: Span, delay: str) -> dict[str, Any]:
    from gridmuster.clock import iso

    return {
        "fleet": fleet.id,
        "from": iso(span.from_ms),
        "to": iso(span.to_ms),
        "delay": delay,
        "profit_usd": found.profit_usd,
        "foresight_usd": found.foresight_usd,
        "share": share(found.profit_usd, found.foresight_usd),
    }


def share(part: float, whole: float) -> float | None:
    """A part of a whole; None when there is no whole."""
    return part / whole if whole > 0.0 else None


def plain(found: Earnings) -> dict[str, Any]:
    """A backtest for machines."""
    from datetime import date

    from gridmuster.clock import iso
    from gridmuster.planning.worth.earnings import ranked_days

    best, worst = ranked_days(found, DAYS_TOLD)

    def day(place: int) -> dict[str, Any]:
        number = int(found.days[place])
        return {
            "day": date.fromordinal(number).isoformat(),
            "usd": float(found.daily_usd[place]),
        }

    return {
        "rules": {
            kind: {
                name: {"usd": usd, "share": share(usd, _foresight(found.of(kind)))}
                for name, usd in found.rivals_usd(kind).items()
            }
            for kind in ("stores", "engines")
        },
        "devices": [_device(one) for one in found.devices],
        "best_days": [day(place) for place in best],
        "worst_days": [day(place) for place in worst],
        "wins": [
            {"device": one.device, "at": iso(one.at_ms), "usd": one.usd, "why": one.why}
            for one in found.wins
        ],
        "losses": [
            {"device": one.device, "at": iso(one.at_ms), "usd": one.usd, "why": one.why}
            for one in found.losses
        ],
    }


def _foresight(devices: Sequence[DeviceEarnings]) -> float:
    return sum(one.foresight_usd for one in devices)


def _device(one: DeviceEarnings) -> dict[str, Any]:
    rules: Mapping[str, float] = one.rivals_usd or {}
    return {
        "id": one.id,
        "site": one.site,
        "type": one.type,
        "area": one.area,
        "power_kw": one.power_kw,
        "profit_usd": one.profit_usd,
        "foresight_usd": one.foresight_usd,
        "share": share(one.profit_usd, one.foresight_usd),
        "rules_usd": dict(rules),
        "starts": one.starts,
        "hours_h": one.hours_h,
        "fuel": one.fuel,
        "cycles": one.cycles,
        "unserved_backup_kwh": one.unserved_backup_kwh,
        "note": one.note,
    }


def _percent(part: float, whole: float) -> str:
    found = share(part, whole)
    return "–" if found is None else f"{100 * found:.1f} %"


def _print(found: Earnings, facts: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    told = plain(found)
    typer.echo(
        f"{facts['fleet']}, {facts['from']} to {facts['to']}, prices known {facts['delay']} after "
        f"their interval begins: {found.profit_usd:,.0f} USD, "
        f"{_percent(found.profit_usd, found.foresight_usd)} of perfect foresight"
    )
    console = Console()
    for kind in ("stores", "engines"):
        mine = [one for one in found.of(kind) if one.rivals_usd is not None]
        if not mine:
            continue
        whole = _foresight(mine)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for column in (f"{len(mine)} {kind}", "USD", "of foresight"):
            table.add_column(column, justify="left" if column[0].isdigit() else "right")
        rows = {
            "gridmuster": sum(one.profit_usd for one in mine),
            "perfect foresight": whole,
            **found.rivals_usd(kind),
        }
        for name, usd in rows.items():
            table.add_row(name, f"{usd:,.0f}", _percent(usd, whole))
        console.print(table)
    typer.echo(
        f"{sum(one.starts for one in found.devices):,} starts, "
        f"{sum(one.hours_h for one in found.devices):,.1f} h, "
        f"{sum(one.fuel for one in found.devices):,.0f} l or m3 of fuel, "
        f"{sum(one.cycles for one in found.of('stores')):,.0f} cycles, "
        f"{sum(one.unserved_backup_kwh for one in found.devices):,.0f} kWh of backup unserved"
    )
    for name in ("best_days", "worst_days"):
        line = ", ".join(f"{one['day']} {one['usd']:,.0f}" for one in told[name])
        typer.echo(f"{name.replace('_', ' ')}, USD: {line}")
    for name in ("wins", "losses"):
        typer.echo(f"largest {name}:")
        for one in told[name]:
            typer.echo(f"  {one['usd']:>10,.0f} USD  {one['device']} {one['at']}: {one['why']}")
    for one in found.devices:
        if one.note and one.rivals_usd is None:
            typer.echo(f"! {one.id}: {one.note}")
