"""``gridmuster fleet``: make, check and show fleet files, and export their schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gridmuster.errors import Fault
    from gridmuster.fleet.load import Inspection
    from gridmuster.fleet.model import Fleet
    from gridmuster.fleet.summary import FleetSummary

app = typer.Typer(
    name="fleet",
    help="Make, check and show fleet files, and export their schema.",
    no_args_is_help=True,
)

EXIT_FAULTS = 2
MAX_SITES = 200_000
SHOWN_WARNINGS = 10

FleetFile = Annotated[Path, typer.Argument(metavar="FILE", help="Fleet file, YAML or JSON.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines, on standard output.")]


class Kind(StrEnum):
    """What a new fleet is made of."""

    MIXED = "mixed"
    TOWERS = "towers"


@app.command()
def new(
    sites: Annotated[
        int, typer.Option(min=1, max=MAX_SITES, help="How many sites the fleet has.")
    ] = 60,
    seed: Annotated[int, typer.Option(help="The same seed makes the same fleet.")] = 1,
    kind: Annotated[
        Kind, typer.Option(help="mixed: a city's towers, pumps, clinics and plants.")
    ] = Kind.MIXED,
    areas: Annotated[
        int | None, typer.Option(min=1, help="How many areas, with --kind towers.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; without it, standard output.")
    ] = None,
    tables: Annotated[
        bool, typer.Option("--tables", help="Sites, end-users and devices in CSV tables beside it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Make a realistic fleet: towers, pumps, clinics and plants around one city."""
    if tables and out is None:
        raise typer.BadParameter("tables need a fleet file beside them; add --out FILE")
    from gridmuster.fleet.generate import generate
    from gridmuster.fleet.save import fleet_yaml, table_paths, write_fleet
    from gridmuster.fleet.towers import generate_towers

    if areas is not None and (kind is Kind.MIXED or areas > sites):
        raise typer.BadParameter("goes with --kind towers, at most one for each site")

    def make(sites: int, seed: int) -> Fleet:
        return generate(sites, seed) if kind is Kind.MIXED else generate_towers(sites, seed, areas)

    if out is None:
        with _busy(f"making {sites} sites"):
            text = fleet_yaml(make(sites, seed))
        typer.echo(text, nl=False)
        return
    wanted = [out, *(table_paths(out).values() if tables else ())]
    standing = [path for path in wanted if path.exists()]
    if standing and not force:
        _fail(f"{standing[0]} exists; give another --out, or --force to replace it")
    try:
        with _busy(f"making {sites} sites"):
            fleet = make(sites, seed)
            written = write_fleet(fleet, out, tables=tables)
    except OSError as error:
        _fail(f"cannot write {error.filename or out}: {error.strerror}")
    names = ", ".join(str(path) for path in written)
    typer.echo(
        f"wrote {names}: {len(fleet.areas)} areas, {len(fleet.sites)} sites, "
        f"{len(fleet.devices)} devices, {len(fleet.end_users)} end-users",
        err=True,
    )


@app.command()
def check(
    file: FleetFile,
    as_json: AsJson = False,
    every: Annotated[bool, typer.Option("--all", help="List every warning.")] = False,
) -> None:
    """Check a fleet file and its tables: every fault at once, exit code 2 if there is one."""
    inspection = _inspected(file)
    if as_json:
        _echo_json(_findings(inspection))
    else:
        for fault in inspection.faults:
            typer.echo(f"fault: {fault}")
        warnings = inspection.warnings if every else inspection.warnings[:SHOWN_WARNINGS]
        for warning in warnings:
            typer.echo(f"warning: {warning}")
        left = len(inspection.warnings) - len(warnings)
        if left:
            typer.echo(f"warning: {left} more; see them with --all")
        typer.echo(_verdict(inspection))
    if inspection.faults:
        raise typer.Exit(EXIT_FAULTS)


@app.command()
def show(file: FleetFile, as_json: AsJson = False) -> None:
    """Show a fleet: its areas, sites, devices, permits and promises."""
    inspection = _inspected(file)
    if inspection.fleet is None:
        if as_json:
            _echo_json(_findings(inspection))
        for fault in inspection.faults:
            typer.echo(f"fault: {fault}", err=True)
        raise typer.Exit(EXIT_FAULTS)
    from gridmuster.fleet.summary import summarise

    summary = summarise(inspection.fleet)
    if as_json:
        from dataclasses import asdict

        _echo_json(asdict(summary))
        return
    from rich.console import Console

    console = Console()
    _print_summary(console, summary)
    if inspection.warnings:
        console.print(f"{len(inspection.warnings)} warnings; see gridmuster fleet check {file}")


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option(help="File to write; without it, standard output.")
    ] = None,
) -> None:
    """Export the JSON Schema of the fleet file, for editors and other programs."""
    from gridmuster.fleet.schema import fleet_schema

    text = json.dumps(fleet_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        _fail(f"cannot write {out}: {error.strerror}")
    typer.echo(f"wrote {out}", err=True)


def _inspected(file: Path) -> Inspection:
    from gridmuster.fleet.load import inspect_fleet

    with _busy(f"reading {file}"):
        return inspect_fleet(file)


@contextmanager
def _busy(text: str) -> Iterator[None]:
    """A spinner on standard error while work goes on; nothing when that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(text):
            yield
    else:
        yield


def _fail(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(EXIT_FAULTS)


def _echo_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _findings(inspection: Inspection) -> dict[str, Any]:
    return {
        "file": inspection.file,
        "ok": not inspection.faults,
        "faults": [_plain(fault) for fault in inspection.faults],
        "warnings": [_plain(warning) for warning in inspection.warnings],
    }


def _plain(fault: Fault) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(fault)


def _verdict(inspection: Inspection) -> str:
    counts = f"{_count(len(inspection.faults), 'fault')}, "
    counts += _count(len(inspection.warnings), "warning")
    fleet = inspection.fleet
    if fleet is None:
        return f"{inspection.file}: {counts}; nothing can be started with it"
    return (
        f"{inspection.file}: {counts}; {_count(len(fleet.areas), 'area')}, "
        f"{_count(len(fleet.sites), 'site')}, {_count(len(fleet.devices), 'device')}, "
        f"{_count(len(fleet.end_users), 'end-user')}"
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _kw(power_kw: float | None) -> str:
    return "island" if power_kw is None else f"{power_kw:,.0f}"


def _hours(hours: float | None) -> str:
    return "for ever" if hours is None else f"{hours:,.1f}"


def _table(title: str, *columns: str) -> Table:
    """A table whose first column is text and whose others are numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 0),
    )
    table.add_column(columns[0], no_wrap=True)
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def _print_summary(console: Console, summary: FleetSummary) -> None:
    console.print(f"[bold]{summary.id}[/bold] {summary.name}")
    console.print(
        f"{_count(summary.sites, 'site')}, {_count(summary.devices, 'device')}, "
        f"{_count(summary.end_users, 'end-user')}; objective {summary.objective}; "
        f"{summary.rated_kw:,.0f} kW rated, {summary.deliverable_kw:,.0f} kW deliverable, "
        f"{summary.firm_kw:,.0f} kW firm for 4 h at 99 %"
    )
    areas = _table(
        "Areas, kW on a typical day",
        *("area", "sites", "devices", "users", "peak", "night", "import", "export"),
        *("callable", "stores kWh"),
    )
    for area in summary.areas:
        areas.add_row(
            area.id,
            *(str(area.sites), str(area.devices), str(area.end_users)),
            *(_kw(area.peak_kw), _kw(area.night_kw)),
            *(_kw(area.import_limit_kw), _kw(area.export_limit_kw)),
            *(_kw(area.controllable_kw), _kw(area.store_kwh)),
        )
    transfers = _table(
        "Sites by transfer arrangement", "arrangement", "sites", "own kW", "export kW"
    )
    for kind in summary.transfers:
        transfers.add_row(
            kind.kind, str(kind.sites), _kw(kind.backup_load_kw), _kw(kind.export_limit_kw)
        )
    types = _table(
        "Devices, kW", "type", "number", "rated", "deliverable", "firm 4 h 99 %", "emergency only"
    )
    for one in summary.types:
        types.add_row(
            one.type,
            str(one.count),
            *(_kw(kw) for kw in (one.rated_kw, one.deliverable_kw, one.firm_kw, one.emergency_kw)),
        )
    console.print(areas, transfers, types, _permit_table(summary), _promise_table(summary))


def _permit_table(summary: FleetSummary) -> Table:
    permits = _table("Permits", "class", "engines", "kW", "cap h/yr", "mean used h", "most used h")
    for permit in summary.permits:
        cap = "its own" if permit.cap_h is None else f"{permit.cap_h:g}"
        used = (f"{permit.mean_used_h:,.0f}", f"{permit.most_used_h:,.0f}")
        permits.add_row(permit.permit_class, str(permit.engines), _kw(permit.rated_kw), cap, *used)
    return permits


def _promise_table(summary: FleetSummary) -> Table:
    promises = _table(
        "Promises of autonomy", "promised h", "sites", "least held now h", "least held full h"
    )
    for promise in summary.promises:
        promises.add_row(
            f"{promise.autonomy_h:g}",
            str(promise.sites),
            _hours(promise.least_held_now_h),
            _hours(promise.least_held_full_h),
        )
    return promises
